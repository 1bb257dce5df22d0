// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Hinge loss, of support vector machines: nothing beyond the margin, linear before it.
///
///   z = margin − y x
///   value = max(0, z)      slope = −y for z > 0, else 0      curvature = 0
///
/// At z = 0: 0, 0, 0. At y x = inf: 0, 0; at −inf: inf, −y. Targets −1 or +1. margin ≥ 0 (1); 0 is the perceptron's.
/// Throws for any other target. Cortes and Vapnik (1995), doi:10.1007/BF00994018.
template <std::floating_point T>
struct Hinge {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::signs()};

  T margin = 1;

  void check() const {
    require(margin >= 0 && margin <= std::numeric_limits<T>::max(), "Hinge: margin is ", margin,
            ", but must be finite and not negative");
  }

  template <class V>
  Terms<V> operator()(V x, V y) const {
    const V z = V(margin) - y * x;
    return {.value = max_number(V(0), z),
            .slope = where(z <= V(0), V(0), where(z > V(0), -y, z)),
            .curvature = where(z == z, V(0), z)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Hinge = Loss<rule::Hinge<T>>;

LOSSES_EXTERN(rule::Hinge);

}  // namespace LOSSES_NAMESPACE
