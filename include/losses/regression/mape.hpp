// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Mean absolute percentage error: in per cent of the target.
///
///   r = p − y,  d = max(|y|, 1e-7)
///   value = 100 |r| / d      slope = 100 sign(r) / d      curvature = 0
///
/// At r = 0: 0, 0, 0.
/// As tf.keras.losses.MeanAbsolutePercentageError.
template <std::floating_point T>
struct MAPE {
  using Scalar = T;
  using Shape = per_element;

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V d = max_number(V(1e-7), abs(y));
    return {.value = V(100) * abs(detail::divided_residual(p, y, d)),
            .slope = V(100) / d * detail::sign_or_zero(p - y),
            .curvature = V(0)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using MAPE = Loss<rule::MAPE<T>>;

LOSSES_EXTERN(rule::MAPE);

}  // namespace LOSSES_NAMESPACE
