// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/classification/binary_terms.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Focal loss on probabilities. Where the logits are at hand, FocalWithLogits is exact.
///
///   p = clamp(prediction, ε, 1 − ε),  p_t = p y + (1 − p)(1 − y),  α_t = α y + α_negative (1 − y),  C = BCE(p, y)
///   value = α_t (1 − p_t)^γ C      slope = α_t (1 − p_t)^(γ−1) (γ (1 − 2y) C + (1 − p_t)(p − y)/(p (1 − p)))
///
/// The slope is the formula's at the clamped p. At p = 1/2: α_t 2^−γ log 2. Prediction and target in [0, 1], soft targets too.
/// α ≥ 0 (0.25), of y = 1; α_negative ≥ 0 (1 − α), of y = 0; γ ≥ 0 (2); ε in (0, 1/2) (1e-7). α = α_negative = 1 with γ = 0 is BCE.
/// Throws for a prediction or target outside [0, 1]. Lin et al. (2017), arXiv:1708.02002, eq. (5).
template <std::floating_point T>
struct Focal {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument prediction = {"prediction", Domain::unit_interval()};
  static constexpr Argument target = {"target", Domain::unit_interval()};

  T alpha = T(0.25);
  T alpha_negative = 1 - alpha;
  T gamma = 2;
  T epsilon = T(1e-7);

  void check() const {
    detail::check_focal("Focal", alpha, alpha_negative, gamma);
    require(epsilon > 0 && epsilon < T(0.5), "Focal: epsilon is ", epsilon, ", but must be in (0, 0.5)");
  }

  template <class V>
  LOSSES_INLINE Terms<V> operator()(V p, V y) const {
    const detail::Probability<V> probability(p, V(epsilon));
    const V rest = V(1) - y, alpha_t = fma(V(alpha), y, V(alpha_negative) * rest);
    const V a = probability.denied(rest, y), b = probability.affirmed(rest, y), m = probability.m;
    const V q = a * (V(1) - m) + b * m, slope = probability.turned(a - b);
    const detail::Modulator<V> by{q, slope, slope / q, V(0)};
    return detail::modulated(alpha_t, by, probability.cross_entropy(rest, y), gamma);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Focal = Loss<rule::Focal<T>>;

LOSSES_EXTERN(rule::Focal);

}  // namespace LOSSES_NAMESPACE
