// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Absolute error: the median of the target, in its units.
///
///   r = p − y
///   value = |r|      slope = sign r      curvature = 0
///
/// At r = 0: 0, 0, 0.
/// Boscovich's method of 1757; as torch.nn.L1Loss.
template <std::floating_point T>
struct L1 {
  using Scalar = T;
  using Shape = per_element;

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V r = p - y;
    return {.value = abs(r), .slope = detail::sign_or_zero(r), .curvature = V(0)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using L1 = Loss<rule::L1<T>>;

LOSSES_EXTERN(rule::L1);

}  // namespace LOSSES_NAMESPACE
