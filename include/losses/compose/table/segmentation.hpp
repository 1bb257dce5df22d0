// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <losses/compose/entry.hpp>
#include <losses/segmentation.hpp>

namespace LOSSES_NAMESPACE::detail {

template <>
inline constexpr std::array<std::string_view, 3> enum_names<ClassWeighting> = {"inverse_square", "inverse", "uniform"};

template <>
inline constexpr std::array<std::string_view, 2> enum_names<LovaszClasses> = {"present", "all"};

template <std::floating_point T>
std::vector<LossEntry<T>> segmentation_entries() {
  using Data = LossArguments;
  return in_room<T>(
      "segmentation", "segmentation",
      {entry<Dice<T>>("dice", "Dice", Data::probabilities, "overlap of masks", option<&rule::Dice<T>::smooth>("smooth"),
                      option<&rule::Dice<T>::per_sample>("per_sample")),
       entry<DiceWithLogits<T>>("dice_with_logits", "DiceWithLogits", Data::logits, "overlap of masks, of logits",
                                option<&rule::Dice<T, rule::RegionInput::logits>::smooth>("smooth"),
                                option<&rule::Dice<T, rule::RegionInput::logits>::per_sample>("per_sample")),
       entry<SoftmaxDice<T>>("softmax_dice", "SoftmaxDice", Data::class_logits, "overlap of each class",
                             option<&rule::SoftmaxDice<T>::smooth>("smooth"),
                             option<&rule::SoftmaxDice<T>::class_weights>("class_weights"),
                             option<&rule::SoftmaxDice<T>::ignore_index>("ignore_index")),
       entry<Jaccard<T>>("jaccard", "Jaccard", Data::probabilities, "intersection over union of masks",
                         option<&rule::Jaccard<T>::smooth>("smooth"),
                         option<&rule::Jaccard<T>::per_sample>("per_sample")),
       entry<JaccardWithLogits<T>>("jaccard_with_logits", "JaccardWithLogits", Data::logits,
                                   "intersection over union of masks, of logits",
                                   option<&rule::Jaccard<T, rule::RegionInput::logits>::smooth>("smooth"),
                                   option<&rule::Jaccard<T, rule::RegionInput::logits>::per_sample>("per_sample")),
       entry<SoftmaxJaccard<T>>("softmax_jaccard", "SoftmaxJaccard", Data::class_logits,
                                "intersection over union of each class",
                                option<&rule::SoftmaxJaccard<T>::smooth>("smooth"),
                                option<&rule::SoftmaxJaccard<T>::class_weights>("class_weights"),
                                option<&rule::SoftmaxJaccard<T>::ignore_index>("ignore_index")),
       entry<Tversky<T>>("tversky", "Tversky", Data::probabilities, "Dice with a price for each kind of error",
                         option<&rule::Tversky<T>::alpha>("alpha"), option<&rule::Tversky<T>::beta>("beta"),
                         option<&rule::Tversky<T>::smooth>("smooth"),
                         option<&rule::Tversky<T>::per_sample>("per_sample")),
       entry<TverskyWithLogits<T>>("tversky_with_logits", "TverskyWithLogits", Data::logits,
                                   "Dice with a price for each kind of error, of logits",
                                   option<&rule::Tversky<T, rule::RegionInput::logits>::alpha>("alpha"),
                                   option<&rule::Tversky<T, rule::RegionInput::logits>::beta>("beta"),
                                   option<&rule::Tversky<T, rule::RegionInput::logits>::smooth>("smooth"),
                                   option<&rule::Tversky<T, rule::RegionInput::logits>::per_sample>("per_sample")),
       entry<SoftmaxTversky<T>>(
           "softmax_tversky", "SoftmaxTversky", Data::class_logits, "Tversky of each class",
           option<&rule::SoftmaxTversky<T>::alpha>("alpha"), option<&rule::SoftmaxTversky<T>::beta>("beta"),
           option<&rule::SoftmaxTversky<T>::gamma>("gamma"), option<&rule::SoftmaxTversky<T>::smooth>("smooth"),
           option<&rule::SoftmaxTversky<T>::class_weights>("class_weights"),
           option<&rule::SoftmaxTversky<T>::ignore_index>("ignore_index")),
       entry<FocalTversky<T>>(
           "focal_tversky", "FocalTversky", Data::probabilities, "Tversky that forgets what is found well",
           option<&rule::FocalTversky<T>::alpha>("alpha"), option<&rule::FocalTversky<T>::beta>("beta"),
           option<&rule::FocalTversky<T>::gamma>("gamma"), option<&rule::FocalTversky<T>::smooth>("smooth"),
           option<&rule::FocalTversky<T>::per_sample>("per_sample")),
       entry<FocalTverskyWithLogits<T>>(
           "focal_tversky_with_logits",
           "FocalTverskyWithLogits", Data::logits, "Tversky that forgets what is found well, of logits",
           option<&rule::FocalTversky<T, rule::RegionInput::logits>::alpha>("alpha"),
           option<&rule::FocalTversky<T, rule::RegionInput::logits>::beta>("beta"),
           option<&rule::FocalTversky<T, rule::RegionInput::logits>::gamma>("gamma"),
           option<&rule::FocalTversky<T, rule::RegionInput::logits>::smooth>("smooth"),
           option<&rule::FocalTversky<T, rule::RegionInput::logits>::per_sample>("per_sample")),
       entry<GeneralizedDice<T>>("generalized_dice", "GeneralizedDice", Data::class_probabilities,
                                 "Dice of all classes, small ones weighted up",
                                 option<&rule::GeneralizedDice<T>::weighting>("weighting"),
                                 option<&rule::GeneralizedDice<T>::smooth>("smooth"),
                                 option<&rule::GeneralizedDice<T>::per_sample>("per_sample")),
       entry<SoftmaxGeneralizedDice<T>>("softmax_generalized_dice", "SoftmaxGeneralizedDice", Data::class_logits,
                                        "the same of logits",
                                        option<&rule::SoftmaxGeneralizedDice<T>::weighting>("weighting"),
                                        option<&rule::SoftmaxGeneralizedDice<T>::smooth>("smooth"),
                                        option<&rule::SoftmaxGeneralizedDice<T>::per_sample>("per_sample"),
                                        option<&rule::SoftmaxGeneralizedDice<T>::ignore_index>("ignore_index")),
       entry<Lovasz<T>>("lovasz", "Lovasz", Data::masks, "the extension of intersection over union, of scores",
                        option<&rule::Lovasz<T>::per_sample>("per_sample")),
       entry<LovaszSoftmax<T>>("lovasz_softmax", "LovaszSoftmax", Data::class_logits,
                               "the extension of intersection over union, of each class",
                               option<&rule::LovaszSoftmax<T>::classes>("classes"),
                               option<&rule::LovaszSoftmax<T>::class_weights>("class_weights"),
                               option<&rule::LovaszSoftmax<T>::ignore_index>("ignore_index"))});
}

}  // namespace LOSSES_NAMESPACE::detail
