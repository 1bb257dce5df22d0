// SPDX-License-Identifier: MIT
#pragma once

/// The rules themselves: from a descriptor to the loss that it asks for, why, and what else may serve. Names no type of loss.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <losses/selector/task.hpp>

namespace LOSSES_NAMESPACE {

/// Another loss, by the name of its file, and when it is the better one.
struct Alternative {
  std::string_view when;
  std::string_view name;
};

namespace detail {

enum class Choice : std::uint8_t {
  huber,
  mse,
  l1,
  focal_with_logits,
  bce_with_pos_weight,
  bce_with_logits,
  label_smoothing,
  softmax_focal,
  cross_entropy,
  cross_entropy_and_dice,
  pixel_cross_entropy,
  multi_label_bce,
  ciou,
  adversarial_and_mse,
  ctc,
  triplet,
  margin_ranking
};

inline constexpr double focal_from_ratio = 10;  // beyond it, a weight of the positives is not enough

constexpr Choice choose(const TaskDescriptor& d) {
  switch (d.task) {
    case Task::regression:
      if (d.has_outliers || d.noise == Noise::high) return Choice::huber;
      return d.noise == Noise::low ? Choice::mse : Choice::l1;
    case Task::binary_classification:
      if (!d.is_imbalanced) return Choice::bce_with_logits;
      return d.imbalance_ratio > focal_from_ratio ? Choice::focal_with_logits : Choice::bce_with_pos_weight;
    case Task::multiclass_classification:
      if (d.has_label_noise) return Choice::label_smoothing;
      return d.is_imbalanced ? Choice::softmax_focal : Choice::cross_entropy;
    case Task::multilabel_classification:
      return Choice::multi_label_bce;
    case Task::segmentation:
      return d.is_imbalanced ? Choice::cross_entropy_and_dice : Choice::pixel_cross_entropy;
    case Task::detection:
      return Choice::ciou;
    case Task::generation:
      return Choice::adversarial_and_mse;
    case Task::sequence_labelling:
      return Choice::ctc;
    case Task::metric_learning:
      return Choice::triplet;
    default:
      return Choice::margin_ranking;
  }
}

/// The pos_weight of binary classification: the given one, or the ratio where the positives are rare.
constexpr double binary_pos_weight(const TaskDescriptor& d) {
  if (d.pos_weight != 1) return d.pos_weight;
  return d.is_imbalanced ? d.imbalance_ratio : 1;
}

struct SelectionRule {
  std::string_view name;    // what make_loss takes
  std::string_view reason;  // one sentence
  std::array<Alternative, 3> alternatives;
};

/// One for each Choice, in its order.
inline constexpr std::array<SelectionRule, 17> selection_rules = {{
    {"huber",
     "Outliers or strong noise: beyond delta = 1 the Huber loss grows linearly, so that no error pulls harder than "
     "delta.",
     {{{"gross errors, from a Huber fit on", "tukey"},
       {"no delta to choose", "log_cosh"},
       {"an interval", "quantile"}}}},
    {"mse",
     "Low noise and no outliers: the squared error uses every digit of the targets and is easiest to minimise.",
     {{{"outliers after all", "huber"}, {"the units of the target", "rmse"}, {"relative errors", "msle"}}}},
    {"l1",
     "Medium noise and no outliers: the absolute error aims at the median and is not swayed by the larger errors.",
     {{{"smooth at zero", "smooth_l1"}, {"outliers", "huber"}, {"an interval", "quantile"}}}},
    {"focal_with_logits",
     "Imbalanced by more than 10 to 1: the focal loss (alpha 0.25, gamma 2) forgets the many easy samples of the "
     "frequent "
     "class.",
     {{{"calibrated probabilities", "bce_with_logits"},
       {"a focus for each side", "asymmetric_multi_label"},
       {"the area of overlap counts", "dice"}}}},
    {"bce_with_logits",
     "Imbalanced, by at most 10 to 1: pos_weight lets the rare positives weigh as much as the negatives.",
     {{{"harder imbalance", "focal_with_logits"},
       {"wide margins", "hinge"},
       {"the model gives probabilities", "bce"}}}},
    {"bce_with_logits",
     "Two balanced classes: binary cross-entropy on logits gives calibrated probabilities and is exact at any logit.",
     {{{"imbalance", "focal_with_logits"}, {"wide margins", "hinge"}, {"the model gives probabilities", "bce"}}}},
    {"label_smoothing",
     "Wrong labels: with a tenth of each target spread over the other classes (smoothing 0.1) no label is believed "
     "blindly.",
     {{{"many wrong labels", "generalized_cross_entropy"},
       {"smoothing to be learned", "adaptive_label_smoothing"},
       {"wrong labels that are not symmetric", "symmetric_cross_entropy"}}}},
    {"softmax_focal",
     "Imbalanced classes: the focal loss (gamma 2) forgets what is classified well and leaves the gradient to the "
     "rare.",
     {{{"calibrated probabilities, by class_weights", "cross_entropy"},
       {"over-fitting", "label_smoothing"},
       {"confident mistakes", "poly_cross_entropy"}}}},
    {"cross_entropy",
     "Balanced classes with trusted labels: cross-entropy of a softmax is the likelihood itself.",
     {{{"over-fitting", "label_smoothing"}, {"imbalance", "softmax_focal"}, {"wide margins", "multi_margin"}}}},
    {"0.5*cross_entropy + 0.5*softmax_dice",
     "Small regions: Dice counts each class by its overlap, whatever its size, and cross-entropy keeps the gradients "
     "smooth.",
     {{{"misses cost more", "softmax_tversky"},
       {"the measure is the mean IoU", "lovasz_softmax"},
       {"hard pixels", "softmax_focal"}}}},
    {"cross_entropy",
     "Regions of like size: cross-entropy of each pixel is smooth and needs nothing more.",
     {{{"small regions", "0.5*cross_entropy + 0.5*softmax_dice"},
       {"the measure is the mean IoU", "lovasz_softmax"},
       {"over-fitting", "label_smoothing"}}}},
    {"multi_label_bce",
     "Any number of labels may hold: binary cross-entropy for each label, with a pos_weight where positives are rare.",
     {{{"many labels, few of them true", "asymmetric_multi_label"},
       {"hard samples", "focal_with_logits"},
       {"a ranking of the labels", "multi_label_margin"}}}},
    {"ciou",
     "Boxes: of the IoU family, CIoU pulls boxes that do not touch, too, and asks for overlap, centre and shape at "
     "once.",
     {{{"shape does not matter", "diou"}, {"boxes that enclose each other", "giou"}, {"they overlap anyway", "iou"}}}},
    {"adversarial_mse",
     "Generation: the adversarial part asks for what passes as real, and the squared error holds the output to its "
     "target.",
     {{{"hard quality", "perceptual"}, {"the style of a picture", "style"}, {"an autoencoder", "reconstruction"}}}},
    {"ctc",
     "Sequences without alignment: CTC sums over every way in which the labels may lie along the frames.",
     {{{"a label for each frame", "cross_entropy"},
       {"over-fitting, with a label for each frame", "label_smoothing"},
       {"some frames are hard, with a label for each", "softmax_focal"}}}},
    {"triplet",
     "Embeddings: the triplet loss asks only that a positive be nearer than a negative, and leaves the scale free.",
     {{{"pairs, and a distance that means something", "contrastive"},
       {"labelled batches", "mined_triplet"},
       {"large labelled batches", "sup_con"}}}},
    {"margin_ranking",
     "Ranking: of two scores the right one must be the higher, by the margin.",
     {{{"a score for each pair's probability", "pairwise_logistic"},
       {"who comes first", "list_net"},
       {"the order of a whole list", "list_mle"}}}},
}};

constexpr const SelectionRule& rule_of(Choice choice) {
  return selection_rules[static_cast<std::size_t>(choice)];
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
