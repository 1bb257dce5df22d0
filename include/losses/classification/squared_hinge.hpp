// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Squared hinge loss: nothing beyond the margin, quadratic before it, without a kink.
///
///   z = max(0, margin − y x)
///   value = z²      slope = −2 y z      curvature = 2 for z > 0, else 0
///
/// At z = 0: 0, 0, 0. At y x = inf: 0, 0; at −inf: inf, ∓inf. Targets −1 or +1. margin ≥ 0 (1).
/// Throws for any other target. Lee and Mangasarian (2001), doi:10.1023/A:1011215321374, eq. (6).
template <std::floating_point T>
struct SquaredHinge {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::signs()};

  T margin = 1;

  void check() const {
    require(margin >= 0 && margin <= std::numeric_limits<T>::max(), "SquaredHinge: margin is ", margin,
            ", but must be finite and not negative");
  }

  template <class V>
  Terms<V> operator()(V x, V y) const {
    const V z = max_number(V(0), V(margin) - y * x);
    return {.value = z * z, .slope = V(-2) * y * z, .curvature = where(z > V(0), V(2), where(z == V(0), V(0), z))};
  }

  template <class V>
  V scaled_slope(V x, V y, V factor) const {
    return V(-2) * factor * y * max_number(V(0), V(margin) - y * x);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using SquaredHinge = Loss<rule::SquaredHinge<T>>;

LOSSES_EXTERN(rule::SquaredHinge);

}  // namespace LOSSES_NAMESPACE
