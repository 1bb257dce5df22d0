// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Epsilon-insensitive loss, of support vector regression: errors up to ε cost nothing.
///
///   r = p − y
///   value = max(0, |r| − ε)      slope = sign r for |r| > ε, else 0      curvature = 0
///
/// At r = 0 and at |r| = ε: 0, 0, 0. ε ≥ 0 (0.1), in the units of the target; ε = 0 is L1.
/// Vapnik (1995), doi:10.1007/978-1-4757-2440-0.
template <std::floating_point T>
struct EpsilonInsensitive {
  using Scalar = T;
  using Shape = per_element;

  T epsilon = T(0.1);

  void check() const {
    require(epsilon >= 0, "EpsilonInsensitive: epsilon is ", epsilon, ", but must not be negative");
  }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V r = p - y;
    return {.value = max_number(V(0), abs(r) - V(epsilon)),
            .slope = where(abs(r) <= V(epsilon), V(0), detail::sign_or_zero(r)),
            .curvature = V(0)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using EpsilonInsensitive = Loss<rule::EpsilonInsensitive<T>>;

LOSSES_EXTERN(rule::EpsilonInsensitive);

}  // namespace LOSSES_NAMESPACE
