// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Charbonnier loss: absolute error, smooth at zero; ε there, not 0.
///
///   r = p − y
///   value = √(r² + ε²)      slope = r / value      curvature = ε² / value³
///
/// At r = 0: ε, 0, 1/ε. At ±inf: inf, ±1, 0. ε > 0 (1e-3), in the units of the target. Squares never overflow.
/// Charbonnier et al. (1994), doi:10.1109/ICIP.1994.413553; in this form Lai et al. (2017), doi:10.1109/CVPR.2017.618.
template <std::floating_point T>
struct Charbonnier {
  using Scalar = T;
  using Shape = per_element;

  T epsilon = T(1e-3);

  void check() const { require(epsilon > 0, "Charbonnier: epsilon is ", epsilon, ", but must be positive"); }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V r = abs(p - y);
    const auto [q, far] = detail::residual_ratio(p, y, V(epsilon));
    const V root = sqrt(V(1) + q * q);
    return {.value = max_number(V(epsilon), r) * root,
            .slope = copysign(where(far, V(1), q) / root, p - y),
            .curvature = where(far, q * q / r, V(1) / V(epsilon)) / (root * root * root)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Charbonnier = Loss<rule::Charbonnier<T>>;

LOSSES_EXTERN(rule::Charbonnier);

}  // namespace LOSSES_NAMESPACE
