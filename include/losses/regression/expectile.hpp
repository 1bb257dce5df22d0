// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Expectile loss: squared error, asymmetric as the quantile loss. Its minimum is the q-expectile of the target.
///
///   e = y − p,  k = q for e ≥ 0, 1 − q for e < 0
///   value = k e²      slope = −2k e      curvature = 2k
///
/// At e = 0: 0, 0, 2q. q in (0, 1) (0.5, which is half of MSE).
/// Newey and Powell (1987), doi:10.2307/1911031.
template <std::floating_point T>
struct Expectile {
  using Scalar = T;
  using Shape = per_element;

  T expectile = T(0.5);

  void check() const {
    require(expectile > 0 && expectile < 1, "Expectile: expectile is ", expectile, ", but must be in (0, 1)");
  }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V e = y - p;
    const V k = where(e < V(0), V(1) - V(expectile), V(expectile));
    return {.value = k * e * e, .slope = detail::scaled_residual(k + k, p, y), .curvature = k + k};
  }

  template <class V>
  V scaled_slope(V p, V y, V factor) const {
    const V k = where(y - p < V(0), V(1) - V(expectile), V(expectile));
    return detail::scaled_residual((k + k) * factor, p, y);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Expectile = Loss<rule::Expectile<T>>;

LOSSES_EXTERN(rule::Expectile);

}  // namespace LOSSES_NAMESPACE
