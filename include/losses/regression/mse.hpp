// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Squared error: the mean of the target. It is r², not r²/2.
///
///   r = p − y
///   value = r²      slope = 2r      curvature = 2
///
/// At r = 0: 0, 0, 2.
/// Legendre (1805); as torch.nn.MSELoss.
template <std::floating_point T>
struct MSE {
  using Scalar = T;
  using Shape = per_element;

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V r = p - y;
    return {.value = r * r, .slope = r + r, .curvature = V(2)};
  }

  template <class V>
  V scaled_slope(V p, V y, V factor) const {
    return (p - y) * (factor + factor);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using MSE = Loss<rule::MSE<T>>;

LOSSES_EXTERN(rule::MSE);

}  // namespace LOSSES_NAMESPACE
