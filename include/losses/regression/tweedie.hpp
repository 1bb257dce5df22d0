// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Tweedie deviance with a log link: targets that are often exactly 0 and else positive (claims, rainfall).
///
///   s = p,  a = y exp((1 − ρ) s),  b = exp((2 − ρ) s)
///   value = a/(ρ − 1) + b/(2 − ρ)      slope = b − a      curvature = (ρ − 1) a + (2 − ρ) b
///
/// Smallest at s = log y, where the slope is 0. 1 < ρ < 2 (1.5): towards Poisson at 1, towards Gamma at 2. y ≥ 0:
/// anything else is refused.
/// Jørgensen (1987), doi:10.1111/j.2517-6161.1987.tb01685.x; the objective `tweedie` of LightGBM.
template <std::floating_point T>
struct Tweedie {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::not_negative()};

  T power = T(1.5);

  void check() const { require(power > 1 && power < 2, "Tweedie: power is ", power, ", but must be in (1, 2)"); }

  template <class V>
  Terms<V> operator()(V s, V y) const {
    const V one = V(power) - V(1);
    const V two = V(2) - V(power);
    const V h = exp(V(-1.0 / 3) * one * s);  // its cube may overflow where y h³ does not
    const V a = where(y == V(0), V(0), y * h * h * h);
    const V b = exp(two * s);
    return {.value = a / one + b / two, .slope = b - a, .curvature = one * a + two * b};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Tweedie = Loss<rule::Tweedie<T>>;

LOSSES_EXTERN(rule::Tweedie);

}  // namespace LOSSES_NAMESPACE
