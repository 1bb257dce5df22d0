// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Tukey's biweight: quadratic near zero, constant from c on: outliers are ignored.
///
///   r = p − y,  w = (r/c)², and for |r| < c
///   value = r²/2 · (1 − w + w²/3)      slope = r (1 − w)²      curvature = (1 − w) (1 − 5w)
///
/// value is c²/6 · (1 − (1 − w)³), multiplied out so that small r keep their digits. At r = 0: 0, 0, 1.
/// From |r| = c on: c²/6, 0, 0. c > 0 (4.685, which is 95 % efficient for normal errors of deviation 1).
/// Beaton and Tukey (1974), doi:10.1080/00401706.1974.10489171.
template <std::floating_point T>
struct Tukey {
  using Scalar = T;
  using Shape = per_element;

  T scale = T(4.685);

  void check() const { require(scale > 0, "Tukey: scale is ", scale, ", but must be positive"); }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V c(scale);
    const V r = p - y;
    const V u = r / c;
    const V w = u * u;
    const V t = V(1) - w;
    const auto outside = abs(r) >= c;
    return {.value = where(outside, c * c / V(6), V(0.5) * r * r * (V(1) - w * (V(1) - w / V(3)))),
            .slope = where(outside, V(0), r * t * t),
            .curvature = where(outside, V(0), t * (V(1) - V(5) * w))};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Tukey = Loss<rule::Tukey<T>>;

LOSSES_EXTERN(rule::Tukey);

}  // namespace LOSSES_NAMESPACE
