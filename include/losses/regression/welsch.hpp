// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Welsch (Leclerc) loss: quadratic near zero, constant in the tails: far outliers have no pull at all.
///
///   r = p − y,  w = (r/c)²
///   value = c²/2 · (1 − exp(−w))      slope = r exp(−w)      curvature = (1 − 2w) exp(−w)
///
/// At r = 0: 0, 0, 1. At ±inf: c²/2, 0, 0. c > 0, finite (1), in the units of the target.
/// Dennis and Welsch (1978), doi:10.1080/03610917808812083.
template <std::floating_point T>
struct Welsch {
  using Scalar = T;
  using Shape = per_element;

  T scale = 1;

  void check() const {
    require(scale > 0 && scale <= std::numeric_limits<T>::max(), "Welsch: scale is ", scale,
            ", but must be positive and finite");
  }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V c(scale);
    const V r = clamp(p - y, V(-40) * c, V(40) * c);  // beyond it exp(−w) is 0, and inf·0 is none
    const V u = r / c;
    const V w = u * u;
    const V h = exp_nonpos(V(-0.5) * w);  // exp(−w) may vanish where r exp(−w) does not
    return {.value = V(-0.5) * c * (c * expm1(-w)), .slope = r * h * h, .curvature = (V(1) - V(2) * w) * h * h};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Welsch = Loss<rule::Welsch<T>>;

LOSSES_EXTERN(rule::Welsch);

}  // namespace LOSSES_NAMESPACE
