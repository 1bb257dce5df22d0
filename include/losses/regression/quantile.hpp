// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Quantile (pinball) loss: its minimum is the q-quantile of the target.
///
///   e = y − p
///   value = max(q e, (q − 1) e)      slope = −q for e > 0, 1 − q for e < 0, 0 for e = 0      curvature = 0
///
/// At e = 0: 0, 0, 0. q in (0, 1) (0.5, which is half of L1).
/// Koenker and Bassett (1978), doi:10.2307/1913643.
template <std::floating_point T>
struct Quantile {
  using Scalar = T;
  using Shape = per_element;

  T quantile = T(0.5);

  void check() const {
    require(quantile > 0 && quantile < 1, "Quantile: quantile is ", quantile, ", but must be in (0, 1)");
  }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V e = y - p;
    const V q(quantile);
    const V slope = where(e > V(0), -q, where(e < V(0), V(1) - q, e));
    return {.value = detail::scaled_residual(slope, p, y), .slope = slope, .curvature = V(0)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Quantile = Loss<rule::Quantile<T>>;

LOSSES_EXTERN(rule::Quantile);

}  // namespace LOSSES_NAMESPACE
