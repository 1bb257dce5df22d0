// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <losses/classification.hpp>
#include <losses/compose/entry.hpp>

namespace LOSSES_NAMESPACE::detail {

template <>
inline constexpr std::array<std::string_view, 2> enum_names<SmoothingSpread> = {"all_classes", "other_classes"};

template <std::floating_point T>
std::vector<LossEntry<T>> classification_entries() {
  using Data = LossArguments;
  return in_room<T>(
      "classification", "multi-class classification",
      {of_task("binary classification",
               entry<BCE<T>>("bce", "BCE", Data::probabilities, "binary cross-entropy of probabilities",
                             option<&rule::BCE<T>::epsilon>("epsilon"))),
       of_task(
           "binary classification",
           entry<BCEWithLogits<T>>("bce_with_logits", "BCEWithLogits", Data::logits, "binary cross-entropy of logits",
                                   option<&rule::BCEWithLogits<T>::pos_weight>("pos_weight"))),
       of_task("multi-label classification",
               entry<MultiLabelBCE<T>>("multi_label_bce", "MultiLabelBCE", Data::logits,
                                       "binary cross-entropy of each label of several",
                                       option<&rule::MultiLabelBCE<T>::pos_weight>("pos_weight"))),
       of_task(
           "binary classification",
           entry<Focal<T>>("focal", "Focal", Data::probabilities, "cross-entropy that forgets what is classified well",
                           option<&rule::Focal<T>::alpha>("alpha"),
                           option<&rule::Focal<T>::alpha_negative>(
                               "alpha_negative",
                               [](void* settings) {
                                 auto& options = static_cast<Settings<rule::Focal<T>>*>(settings)->options;
                                 options.alpha_negative = 1 - options.alpha;
                               }),
                           option<&rule::Focal<T>::gamma>("gamma"), option<&rule::Focal<T>::epsilon>("epsilon"))),
       of_task(
           "binary classification",
           entry<FocalWithLogits<T>>(
               "focal_with_logits", "FocalWithLogits", Data::logits, "the same of logits, for imbalanced classes",
               option<&rule::FocalWithLogits<T>::alpha>("alpha"),
               option<&rule::FocalWithLogits<T>::alpha_negative>("alpha_negative",
                                                                 [](void* settings) {
                                                                   auto& options =
                                                                       static_cast<Settings<rule::FocalWithLogits<T>>*>(
                                                                           settings)
                                                                           ->options;
                                                                   options.alpha_negative = 1 - options.alpha;
                                                                 }),
               option<&rule::FocalWithLogits<T>::gamma>("gamma"))),
       of_task("binary classification", entry<Hinge<T>>("hinge", "Hinge", Data::signs, "a margin, linear below it",
                                                        option<&rule::Hinge<T>::margin>("margin"))),
       of_task("binary classification",
               entry<SquaredHinge<T>>("squared_hinge", "SquaredHinge", Data::signs, "a margin, quadratic below it",
                                      option<&rule::SquaredHinge<T>::margin>("margin"))),
       of_task("binary classification",
               entry<SoftMargin<T>>("soft_margin", "SoftMargin", Data::signs, "a smooth margin",
                                    option<&rule::SoftMargin<T>::margin>("margin"))),
       of_task("multi-label classification",
               entry<MultiLabelSoftMargin<T>>("multi_label_soft_margin", "MultiLabelSoftMargin", Data::logits,
                                              "the mean over the labels of each sample",
                                              option<&rule::MultiLabelSoftMargin<T>::class_weights>("class_weights"))),
       of_task("multi-label classification",
               entry<MultiLabelMargin<T>>("multi_label_margin", "MultiLabelMargin", Data::label_rows,
                                          "labels score above all others by a margin")),
       of_task("multi-label classification",
               entry<AsymmetricMultiLabel<T>>("asymmetric_multi_label", "AsymmetricMultiLabel", Data::logits,
                                              "many labels, few of them true",
                                              option<&rule::AsymmetricMultiLabel<T>::gamma_negative>("gamma_negative"),
                                              option<&rule::AsymmetricMultiLabel<T>::gamma_positive>("gamma_positive"),
                                              option<&rule::AsymmetricMultiLabel<T>::clip>("clip"))),
       entry<CrossEntropy<T>>("cross_entropy", "CrossEntropy", Data::class_logits,
                              "the logarithm of the softmax of the label",
                              option<&rule::CrossEntropy<T>::class_weights>("class_weights"),
                              option<&rule::CrossEntropy<T>::label_smoothing>("label_smoothing"),
                              option<&rule::CrossEntropy<T>::spread>("spread"),
                              option<&rule::CrossEntropy<T>::ignore_index>("ignore_index")),
       entry<LabelSmoothing<T>>(
           "label_smoothing", "LabelSmoothing", Data::class_logits, "cross-entropy of labels that may be wrong",
           option<&rule::LabelSmoothing<T>::smoothing>("smoothing"), option<&rule::LabelSmoothing<T>::spread>("spread"),
           option<&rule::LabelSmoothing<T>::class_weights>("class_weights"),
           option<&rule::LabelSmoothing<T>::ignore_index>("ignore_index")),
       entry<AdaptiveLabelSmoothing<T>>("adaptive_label_smoothing", "AdaptiveLabelSmoothing", Data::class_logits,
                                        "label smoothing that is learned",
                                        option<&rule::AdaptiveLabelSmoothing<T>::parameter>("parameter"),
                                        option<&rule::AdaptiveLabelSmoothing<T>::class_weights>("class_weights"),
                                        option<&rule::AdaptiveLabelSmoothing<T>::ignore_index>("ignore_index")),
       entry<SoftmaxFocal<T>>(
           "softmax_focal", "SoftmaxFocal", Data::class_logits, "cross-entropy that forgets what is classified well",
           option<&rule::SoftmaxFocal<T>::gamma>("gamma"), option<&rule::SoftmaxFocal<T>::alpha>("alpha"),
           option<&rule::SoftmaxFocal<T>::ignore_index>("ignore_index")),
       entry<NLL<T>>("nll", "NLL", Data::log_probabilities, "cross-entropy of log-probabilities",
                     option<&rule::NLL<T>::class_weights>("class_weights"),
                     option<&rule::NLL<T>::ignore_index>("ignore_index")),
       entry<KLDivergence<T>>("kl_divergence", "KLDivergence", Data::distributions,
                              "how far a distribution is from another",
                              option<&rule::KLDivergence<T>::log_target>("log_target")),
       entry<MultiMargin<T>>("multi_margin", "MultiMargin", Data::class_logits,
                             "the label scores above all others by a margin", option<&rule::MultiMargin<T>::p>("p"),
                             option<&rule::MultiMargin<T>::margin>("margin"),
                             option<&rule::MultiMargin<T>::class_weights>("class_weights")),
       entry<PolyCrossEntropy<T>>("poly_cross_entropy", "PolyCrossEntropy", Data::class_logits,
                                  "cross-entropy with another first term",
                                  option<&rule::PolyCrossEntropy<T>::epsilon>("epsilon"),
                                  option<&rule::PolyCrossEntropy<T>::class_weights>("class_weights"),
                                  option<&rule::PolyCrossEntropy<T>::ignore_index>("ignore_index")),
       entry<GeneralizedCrossEntropy<T>>("generalized_cross_entropy", "GeneralizedCrossEntropy", Data::class_logits,
                                         "between cross-entropy and absolute error: label noise",
                                         option<&rule::GeneralizedCrossEntropy<T>::q>("q"),
                                         option<&rule::GeneralizedCrossEntropy<T>::class_weights>("class_weights"),
                                         option<&rule::GeneralizedCrossEntropy<T>::ignore_index>("ignore_index")),
       entry<SymmetricCrossEntropy<T>>("symmetric_cross_entropy", "SymmetricCrossEntropy", Data::class_logits,
                                       "cross-entropy both ways: label noise",
                                       option<&rule::SymmetricCrossEntropy<T>::alpha>("alpha"),
                                       option<&rule::SymmetricCrossEntropy<T>::beta>("beta"),
                                       option<&rule::SymmetricCrossEntropy<T>::log_zero>("log_zero"),
                                       option<&rule::SymmetricCrossEntropy<T>::class_weights>("class_weights"),
                                       option<&rule::SymmetricCrossEntropy<T>::ignore_index>("ignore_index"))});
}

}  // namespace LOSSES_NAMESPACE::detail
