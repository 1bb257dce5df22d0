// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/classification/binary_terms.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Multi-class focal loss: cross-entropy that forgets what is classified well, for imbalanced classes.
///
///   q = 1 − p_y,  p the softmax
///   value = −α_y q^γ log p_y      slope_j = α_y q^γ (1 − γ p_y log(p_y)/q) (p_j − [j = y])
///
/// Logits [n × c] or [n, c, d1, …]; target integer labels [n] or [n, d1, …] in [0, c).
///
///   gamma         γ ≥ 0 (2); 0 is CrossEntropy
///   alpha         none (1), a number, or one per class; finite and ≥ 0
///   ignore_index  (−100) samples with this label are left out of the value, the gradient and the mean
///
/// mean divides by the number of kept samples, whatever α. q comes from the other classes, so that a p_y near 1 keeps its
/// digits: finite for every finite logit. Masked classes (−inf) have no part; a label on one costs +inf with gradient 0.
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes and options. Lin et al. (2017),
/// arXiv:1708.02002, eq. (5), for a softmax.
template <std::floating_point T>
struct SoftmaxFocal {
  using Scalar = T;
  using Shape = per_row;

  T gamma = 2;
  NumberOrVector<T> alpha = {};
  std::int64_t ignore_index = -100;

  void check() const {
    require(gamma >= 0 && gamma <= std::numeric_limits<T>::max(), "SoftmaxFocal: gamma is ", gamma,
            ", but must be finite and not negative");
    detail::require_class_weights("SoftmaxFocal", alpha, "alpha");
  }

  bool amplifies() const { return gamma > 0; }
  detail::RowOptions<T> options() const {
    return {.class_weights = &alpha,
            .ignore_index = ignore_index,
            .mean_by_class_weight = false,
            .class_weights_name = "alpha"};
  }

  template <class V>
  LOSSES_INLINE Terms<V> operator()(V log_p) const {
    const V p = exp_nonpos(log_p), q = -expm1(log_p);
    const V finite = min_number(V(std::numeric_limits<T>::max()), -log_p);  // p·log p is 0 at p = 0
    const V ratio = where(q == V(0), V(1), finite / q), pull = p * ratio;
    const V bend = V(gamma) * p * (V(2) - finite + V(gamma - 1) * pull);
    Terms<V> terms{.value = detail::times_power(-log_p, q, gamma),
                   .slope = -detail::times_power(V(1) + V(gamma) * pull, q, gamma)};
    terms.curvature = gamma >= 1 ? detail::times_power(bend, q, gamma - 1)
                                 : where(q == V(0), V(0), detail::times_power(bend, q, gamma) / q);
    return terms;
  }
};

}  // namespace rule

template <std::floating_point T = float>
using SoftmaxFocal = Loss<rule::SoftmaxFocal<T>>;

LOSSES_EXTERN(rule::SoftmaxFocal);

}  // namespace LOSSES_NAMESPACE
