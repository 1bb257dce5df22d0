// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Symmetric cross-entropy: cross-entropy plus its reverse, −Σ_j p_j log q_j, which wrong labels hardly move.
///
///   value = w_y (−α log p_y − β A (1 − p_y)),  A = "log 0"
///   slope_j = w_y (α − β A p_y) (p_j − [j = y]),  p the softmax
///
/// Logits [n × c] or [n, c, d1, …]; target integer labels [n] or [n, d1, …] in [0, c).
///
///   alpha, beta    α ≥ 0 (0.1) of the cross-entropy, β ≥ 0 (1) of the reverse one; the paper's for ten classes
///   log_zero       A ≤ 0 (−4), what the logarithm of a target 0 is taken for
///   class_weights  w, one per class, finite and ≥ 0; none: 1
///   ignore_index   (−100) samples with this label are left out of the value, the gradient and the mean
///
/// At p_y = 0: +inf, or −β A where α is 0. mean divides by Σ w_y over the kept samples. Small losses keep their digits.
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes and options. Wang et al. (2019),
/// arXiv:1908.06112, eq. (6) and (7).
template <std::floating_point T>
struct SymmetricCrossEntropy {
  using Scalar = T;
  using Shape = per_row;

  T alpha = T(0.1);
  T beta = 1;
  T log_zero = -4;
  NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  void check() const {
    constexpr T most = std::numeric_limits<T>::max();
    constexpr auto name = "SymmetricCrossEntropy: ";
    require(alpha >= 0 && alpha <= most, name, "alpha is ", alpha, ", but must be finite and not negative");
    require(beta >= 0 && beta <= most, name, "beta is ", beta, ", but must be finite and not negative");
    require(log_zero <= 0 && log_zero >= -most, name, "log_zero is ", log_zero,
            ", but must be finite and not positive");
    require(-beta * log_zero <= most, name, "beta times log_zero is ", beta * log_zero, ", but must be finite");
    detail::require_class_weights("SymmetricCrossEntropy", class_weights);
  }

  detail::RowOptions<T> options() const { return {.class_weights = &class_weights, .ignore_index = ignore_index}; }

  template <class V>
  Terms<V> operator()(V log_p) const {
    const V reverse(beta * log_zero), bend = reverse * exp_nonpos(log_p);
    const V forward = alpha == 0 ? where(log_p == log_p, V(0), log_p) : V(alpha) * log_p;  // not 0·inf
    return {.value = reverse * expm1(log_p) - forward, .slope = bend - V(alpha), .curvature = bend};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using SymmetricCrossEntropy = Loss<rule::SymmetricCrossEntropy<T>>;

LOSSES_EXTERN(rule::SymmetricCrossEntropy);

}  // namespace LOSSES_NAMESPACE
