// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/classification/binary_terms.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Focal loss on logits: binary cross-entropy that forgets what is classified well, for imbalanced data and dense detection.
///
///   p = σ(x),  p_t = p y + (1 − p)(1 − y),  α_t = α y + α_negative (1 − y),  C = BCE(p, y)
///   value = α_t (1 − p_t)^γ C      slope = α_t (1 − p_t)^(γ−1) (γ (1 − 2y) p (1 − p) C + (1 − p_t)(p − y))
///
/// At x = 0: α_t 2^−γ log 2, with slope α_t 2^−γ (1 − 2y)(γ log 2 + 1)/2 for y = 0 or 1. At ±inf: 0 with slope 0 on the right
/// side, else inf with slope ±α_t. Computed from the logit throughout: finite for every finite logit;
/// what would be below the normal numbers is 0.
///
/// α ≥ 0 (0.25), of y = 1; α_negative ≥ 0 (1 − α), of y = 0; γ ≥ 0 (2). α = α_negative = 1 with γ = 0 is BCEWithLogits. Targets in
/// [0, 1], soft ones too.
/// Throws for a target outside [0, 1]. Lin et al. (2017), arXiv:1708.02002, eq. (5); as torchvision's sigmoid_focal_loss.
template <std::floating_point T>
struct FocalWithLogits {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::unit_interval()};

  T alpha = T(0.25);
  T alpha_negative = 1 - alpha;
  T gamma = 2;

  void check() const { detail::check_focal("FocalWithLogits", alpha, alpha_negative, gamma); }

  template <class V>
  Terms<V> operator()(V x, V y) const {
    const V e = first(x, y);
    return last(x, y, e, second(x, y, e));
  }

  template <class V>
  V first(V x, V y) const {
    return detail::focal_exp(x, detail::Logit<V>::exp_of(x), V(1) - y, y, gamma);
  }
  template <class V>
  V second(V, V, V e) const {
    return log1p_unit(e);
  }
  template <class V>
  LOSSES_INLINE Terms<V> last(V x, V y, V e, V log1p_e) const {
    const V rest = V(1) - y, alpha_t = fma(V(alpha), y, V(alpha_negative) * rest);
    return detail::focal_of_logit(detail::Logit<V>(x, e), log1p_e, rest, y, alpha_t, gamma);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using FocalWithLogits = Loss<rule::FocalWithLogits<T>>;

LOSSES_EXTERN(rule::FocalWithLogits);

}  // namespace LOSSES_NAMESPACE
