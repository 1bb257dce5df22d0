// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Huber loss: quadratic near zero, linear in the tails.
///
///   r = p − y,  c = clamp(r, −δ, δ)
///   value = c (r − c/2)      slope = c      curvature = 1 for |r| < δ, else 0
///
/// At r = 0: 0, 0, 1. At |r| = δ: δ²/2, ±δ, 0. δ > 0, in the units of the target.
/// Huber (1964), doi:10.1214/aoms/1177703732, eq. (4.1).
template <std::floating_point T>
struct Huber {
  using Scalar = T;
  using Shape = per_element;

  T delta = 1;

  void check() const { require(delta > 0, "Huber: delta is ", delta, ", but must be positive"); }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V r = p - y;
    const V c = clamp(r, V(-delta), V(delta));
    // Below δ = 1 the value may fit where r overflows.
    const V value = delta < T(1) ? (c + c) * (V(0.5) * p - V(0.5) * y - V(0.25) * c) : c * (r - V(0.5) * c);
    return {.value = value, .slope = c, .curvature = where(abs(r) < V(delta), V(1), V(0))};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Huber = Loss<rule::Huber<T>>;

LOSSES_EXTERN(rule::Huber);

}  // namespace LOSSES_NAMESPACE
