// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Poly-1 cross-entropy: cross-entropy whose first term in the expansion by 1 − p_y has a weight of its own.
///
///   value = w_y (−log p_y + ε (1 − p_y))      slope_j = w_y (1 + ε p_y) (p_j − [j = y]),  p the softmax
///
/// Logits [n × c] or [n, c, d1, …]; target integer labels [n] or [n, d1, …] in [0, c).
///
///   epsilon        ε ≥ −1 (1); 0 is CrossEntropy
///   class_weights  w, one per class, finite and ≥ 0; none: 1
///   ignore_index   (−100) samples with this label are left out of the value, the gradient and the mean
///
/// At p_y = 0: +inf. mean divides by Σ w_y over the kept samples. Small losses keep their digits, with ε = −1 too.
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes and options. Leng et al. (2022),
/// arXiv:2204.12511, eq. (5).
template <std::floating_point T>
struct PolyCrossEntropy {
  using Scalar = T;
  using Shape = per_row;

  T epsilon = 1;
  NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  void check() const {
    require(epsilon >= -1 && epsilon <= std::numeric_limits<T>::max(), "PolyCrossEntropy: epsilon is ", epsilon,
            ", but must be at least -1 and finite");
    detail::require_class_weights("PolyCrossEntropy", class_weights);
  }

  bool amplifies() const { return epsilon < 0; }  // at ε = −1 the value is (1 − p)²/2 near p = 1
  detail::RowOptions<T> options() const { return {.class_weights = &class_weights, .ignore_index = ignore_index}; }

  template <class V>
  Terms<V> operator()(V log_p) const {
    const V p = exp_nonpos(log_p), minus_q = expm1(log_p), bend = V(-epsilon) * p;
    if (epsilon >= 0) {
      return {.value = -log_p - V(epsilon) * minus_q, .slope = bend - V(1), .curvature = bend};
    }
    // −(1 + ε) log p + |ε| (−log p − q): no digits cancel, with p = 1 − q and the difference by its series near q = 0.
    const V series = log_p * log_p * detail::exp_tail(max_number(V(-0.25), log_p), T(1));
    const V difference = where(log_p < V(-0.25), minus_q - log_p, series);
    const V rest(1 + epsilon);
    const V first = epsilon == -1 ? V(0) : rest * log_p;
    return {.value = V(-epsilon) * difference - first, .slope = V(-epsilon) * minus_q - rest, .curvature = bend};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using PolyCrossEntropy = Loss<rule::PolyCrossEntropy<T>>;

LOSSES_EXTERN(rule::PolyCrossEntropy);

}  // namespace LOSSES_NAMESPACE
