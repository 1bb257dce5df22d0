// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Cross-entropy of a softmax: the loss of multi-class classification, on logits.
///
///   log p = x − log Σ_j exp x_j
///   value = −w_y log p_y                slope_j = w_y (p_j − [j = y])       with labels y
///   value = −Σ_j q_j w_j log p_j        slope_j = Q p_j − q_j w_j           with probabilities q, Q = Σ_j q_j w_j
///
/// Prediction [n × c] or [n, c, d1, …]; target integer labels [n] or [n, d1, …] in [0, c), or probabilities in [0, 1]
/// of the prediction's shape.
///
///   class_weights    w, one per class, finite and ≥ 0; none: 1
///   label_smoothing  ε in [0, 1]: the target becomes (1 − ε)·target + ε·spread
///   spread           the spread is over all c classes (PyTorch), or over the c − 1 other ones
///   ignore_index     samples with this label are left out of the value, the gradient and the mean
///
/// mean divides by Σ w_y over the kept samples (with probabilities: by their number); nothing kept: 0. A logit of −inf
/// is a masked class: probability 0, gradient 0, no part in the smoothing; a label on it costs +inf with gradient 0.
/// One logit of +inf: the limit; two: NaN. Small losses keep their digits: log p is −log1p of the other classes' share.
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes, options and probabilities. The reductions,
/// weights and smoothing are those of PyTorch's cross_entropy; smoothing is from Szegedy et al. (2016),
/// arXiv:1512.00567, §7.
template <std::floating_point T>
struct CrossEntropy {
  using Scalar = T;
  using Shape = per_row;
  static constexpr bool takes_distribution = true;

  NumberOrVector<T> class_weights = {};
  T label_smoothing = 0;
  SmoothingSpread spread = SmoothingSpread::all_classes;
  std::int64_t ignore_index = -100;

  void check() const {
    detail::require_class_weights("CrossEntropy", class_weights);
    require(label_smoothing >= 0 && label_smoothing <= 1, "CrossEntropy: label_smoothing is ", label_smoothing,
            ", but must be in [0, 1]");
    detail::require_named(spread, SmoothingSpread::other_classes, "CrossEntropy", "spread", "SmoothingSpread");
  }

  detail::RowOptions<T> options() const { return {&class_weights, label_smoothing, spread, ignore_index, true}; }

  template <class V>
  Terms<V> operator()(V log_p) const {
    return {.value = -log_p, .slope = V(-1), .curvature = V(0)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using CrossEntropy = Loss<rule::CrossEntropy<T>>;

LOSSES_EXTERN(rule::CrossEntropy);

}  // namespace LOSSES_NAMESPACE
