// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Geman-McClure loss: quadratic near zero, constant in the tails, without a transcendental function.
///
///   r = p − y,  w = (r/c)²
///   value = r²/2 / (1 + w)      slope = r / (1 + w)²      curvature = (1 − 3w) / (1 + w)³
///
/// At r = 0: 0, 0, 1. At |r| = c: c²/4, ±c/4, −1/4. At ±inf: c²/2, 0, 0. c > 0 (1), in the units of the target.
/// For |r| > c all is written in w = (c/r)², which does not overflow.
/// Geman and McClure (1985), Proc. Statistical Computing Section, American Statistical Association, 12–18.
template <std::floating_point T>
struct GemanMcClure {
  using Scalar = T;
  using Shape = per_element;

  T scale = 1;

  void check() const { require(scale > 0, "GemanMcClure: scale is ", scale, ", but must be positive"); }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V c(scale);
    const V r = abs(p - y);
    const auto [q, far] = detail::residual_ratio(p, y, c);
    const V w = q * q;
    const V d = V(1) + w;
    return {.value = V(0.5) * where(far, c * c, r * r) / d,
            .slope = copysign(where(far, c * q * w, r) / (d * d), p - y),
            .curvature = where(far, w * w * (w - V(3)), V(1) - V(3) * w) / (d * d * d)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using GemanMcClure = Loss<rule::GemanMcClure<T>>;

LOSSES_EXTERN(rule::GemanMcClure);

}  // namespace LOSSES_NAMESPACE
