// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Cross-entropy against smoothed labels: a model that is never asked to be certain is better calibrated and less harmed
/// by wrong labels.
///
///   q_j = 1 − ε at the label y, ε/(c − 1) at the other classes
///   value = −Σ_j q_j w_j log p_j      slope_j = Q p_j − q_j w_j,  Q = Σ_j q_j w_j,  p the softmax
///
/// Logits [n × c] or [n, c, d1, …]; target integer labels [n] or [n, d1, …] in [0, c), or probabilities h of the logits'
/// shape: q_j = (1 − ε) h_j + ε (1 − h_j)/(c − 1).
///
///   smoothing      ε in [0, 1] (0.1)
///   spread         other_classes, as above; all_classes: 1 − ε on the label, ε/c on each class (PyTorch's label_smoothing)
///   class_weights  w, one per class, finite and ≥ 0; none: 1
///   ignore_index   (−100) samples with this label are left out of the value, the gradient and the mean
///
/// With one class, or one that is not masked, ε does nothing. mean, masked classes (−inf) and infinite logits are
/// CrossEntropy's, which this is for smoothing = 0.
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes, options and probabilities. Szegedy et al.
/// (2016), arXiv:1512.00567, §7.
template <std::floating_point T>
struct LabelSmoothing {
  using Scalar = T;
  using Shape = per_row;
  static constexpr bool takes_distribution = true;

  T smoothing = T(0.1);
  SmoothingSpread spread = SmoothingSpread::other_classes;
  NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  void check() const {
    require(smoothing >= 0 && smoothing <= 1, "LabelSmoothing: smoothing is ", smoothing, ", but must be in [0, 1]");
    detail::require_named(spread, SmoothingSpread::other_classes, "LabelSmoothing", "spread", "SmoothingSpread");
    detail::require_class_weights("LabelSmoothing", class_weights);
  }

  detail::RowOptions<T> options() const { return {&class_weights, smoothing, spread, ignore_index}; }

  template <class V>
  Terms<V> operator()(V log_p) const {
    return {.value = -log_p, .slope = V(-1), .curvature = V(0)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using LabelSmoothing = Loss<rule::LabelSmoothing<T>>;

LOSSES_EXTERN(rule::LabelSmoothing);

}  // namespace LOSSES_NAMESPACE
