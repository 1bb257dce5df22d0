// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Generalized cross-entropy: between cross-entropy, which learns fast, and the absolute error, which wrong labels hardly
/// move.
///
///   value = w_y (1 − p_y^q)/q      slope_j = w_y p_y^q (p_j − [j = y]),  p the softmax
///
/// Logits [n × c] or [n, c, d1, …]; target integer labels [n] or [n, d1, …] in [0, c).
///
///   q              in [0, 1] (0.7): 0 is CrossEntropy, its limit; 1 is 1 − p_y
///   class_weights  w, one per class, finite and ≥ 0; none: 1
///   ignore_index   (−100) samples with this label are left out of the value, the gradient and the mean
///
/// At p_y = 0: 1/q with gradient 0, where a label is on a masked class (−inf) too. mean divides by Σ w_y over the kept
/// samples. Small losses keep their digits.
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes and options. Zhang and Sabuncu (2018),
/// arXiv:1805.07836, eq. (6).
template <std::floating_point T>
struct GeneralizedCrossEntropy {
  using Scalar = T;
  using Shape = per_row;

  T q = T(0.7);
  NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  void check() const {
    require(q >= 0 && q <= 1, "GeneralizedCrossEntropy: q is ", q, ", but must be in [0, 1]");
    detail::require_class_weights("GeneralizedCrossEntropy", class_weights);
  }

  detail::RowOptions<T> options() const { return {.class_weights = &class_weights, .ignore_index = ignore_index}; }

  template <class V>
  Terms<V> operator()(V log_p) const {
    if (q == 0) return {.value = -log_p, .slope = V(-1), .curvature = V(0)};
    const V exponent = V(q) * log_p, power = exp_nonpos(exponent);
    return {.value = -expm1(exponent) / V(q), .slope = -power, .curvature = V(-q) * power};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using GeneralizedCrossEntropy = Loss<rule::GeneralizedCrossEntropy<T>>;

LOSSES_EXTERN(rule::GeneralizedCrossEntropy);

}  // namespace LOSSES_NAMESPACE
