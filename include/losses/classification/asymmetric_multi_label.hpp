// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/classification/binary_terms.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Asymmetric loss (ASL) of many labels of which few are true: easy negatives count little, very easy ones not at all.
///
///   p = σ(x),  p_m = max(p − clip, 0)
///   value = y P + (1 − y) N,  P = −(1 − p)^γ₊ log p,  N = −p_m^γ₋ log(1 − p_m)
///   slope = −y (1 − p)^γ₊ (1 − p − γ₊ p log p)
///           + (1 − y) p (1 − p) p_m^γ₋ (1/(1 − p_m) − (γ₋/p_m) log(1 − p_m)), without N where p ≤ clip
///
/// Logits and targets of one shape; targets in [0, 1]. γ₋ ≥ 0 (gamma_negative, 4), γ₊ ≥ 0 (gamma_positive, 1), clip in [0, 1)
/// (0.05). At x = −inf: 0 for y = 0, inf with slope −1 for y = 1; at inf: 0 for y = 1, and −(1 − clip)^γ₋ log clip with slope 0
/// for y = 0 (clip 0: inf, 1). With clip and both γ 0 it is BCEWithLogits.
/// Throws for a target outside [0, 1]. Ridnik et al. (2021), arXiv:2009.14119, eq. (4) to (7).
template <std::floating_point T>
struct AsymmetricMultiLabel {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::unit_interval()};

  T gamma_negative = 4;
  T gamma_positive = 1;
  T clip = T(0.05);

  void check() const {
    constexpr T most = std::numeric_limits<T>::max();
    require(gamma_negative >= 0 && gamma_negative <= most, "AsymmetricMultiLabel: gamma_negative is ", gamma_negative,
            ", but must be finite and not negative");
    require(gamma_positive >= 0 && gamma_positive <= most, "AsymmetricMultiLabel: gamma_positive is ", gamma_positive,
            ", but must be finite and not negative");
    require(clip >= 0 && clip < 1, "AsymmetricMultiLabel: clip is ", clip, ", but must be in [0, 1)");
  }

  template <class V>
  LOSSES_INLINE Terms<V> operator()(V x, V y) const {
    const detail::Logit<V> logit(x);
    const auto yes = focal(logit, V(0), V(1), gamma_positive);
    const auto no = clip == 0 ? focal(logit, V(1), V(0), gamma_negative) : clipped(logit);
    const V rest = V(1) - y;
    // Not 0·inf.
    return {.value = where(y == V(0), V(0), y * yes.value) + where(rest == V(0), V(0), rest * no.value),
            .slope = fma(y, yes.slope, rest * no.slope),
            .curvature = fma(y, yes.curvature, rest * no.curvature)};
  }

 private:
  template <class V>
  LOSSES_INLINE static Terms<V> focal(detail::Logit<V> logit, V no, V yes, T gamma) {
    logit.e = detail::focal_exp(logit.x, logit.e, no, yes, gamma);
    return detail::focal_of_logit(logit, log1p_unit(logit.e), no, yes, V(1), gamma);
  }

  template <class V>
  LOSSES_INLINE Terms<V> clipped(const detail::Logit<V>& logit) const {
    const V far = logit.e * logit.r, p = where(logit.up, logit.r, far), q = where(logit.up, far, logit.r);
    const V shifted = max_number(V(0), p - V(clip)), left = q + V(clip);
    const auto none = shifted == V(0);
    const V slope = where(none, V(0), p * q), bend = slope * (q - p), by_left = slope / left;
    const V divisor = where(none, V(1), shifted);
    const Terms<V> c{.value = where(shifted < V(0.5), -log1p(-shifted), -log(left)),
                     .slope = by_left,
                     .curvature = bend / left + by_left * by_left};
    return detail::modulated(V(1), {shifted, slope, slope / divisor, bend / divisor}, c, gamma_negative);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using AsymmetricMultiLabel = Loss<rule::AsymmetricMultiLabel<T>>;

LOSSES_EXTERN(rule::AsymmetricMultiLabel);

}  // namespace LOSSES_NAMESPACE
