// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Gamma deviance with a log link: positive targets whose spread grows with their mean exp(s).
///
///   s = p
///   value = s + y exp(−s)      slope = 1 − y exp(−s)      curvature = y exp(−s)
///
/// Smallest at s = log y: 1 + log y, 0, 1. Terms without s are left out, so the value may be negative. y > 0: anything
/// else is refused.
/// McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6, ch. 8; the objective `gamma` of LightGBM.
template <std::floating_point T>
struct Gamma {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::positive()};

  template <class V>
  Terms<V> operator()(V s, V y) const {
    const V h = exp(V(-0.5) * s);  // exp(−s) may overflow where y exp(−s) does not
    const V ratio = y * h * h;
    const auto infinite = ratio == V(std::numeric_limits<typename V::Scalar>::infinity());
    return {.value = where(infinite, ratio, s + ratio), .slope = V(1) - ratio, .curvature = ratio};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Gamma = Loss<rule::Gamma<T>>;

LOSSES_EXTERN(rule::Gamma);

}  // namespace LOSSES_NAMESPACE
