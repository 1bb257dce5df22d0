// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Mean squared logarithmic error: of the ratio of 1 + p and 1 + y, for targets of many magnitudes.
///
///   l = log(1 + p) − log(1 + y)
///   value = l²      slope = 2 l / (1 + p)      curvature = 2 (1 − l) / (1 + p)²
///
/// l is ±log1p(|p − y| / (1 + min(p, y))), which keeps the digits of neighbours. At p = y: 0, 0, 2/(1 + p)².
/// At p = −1: inf, −inf. p and y are at least −1: anything below is refused.
/// As tf.keras.losses.MeanSquaredLogarithmicError, which floors both at 1e-7 instead.
template <std::floating_point T>
struct MSLE {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Domain at_least_minus_one = {.low = -1, .text = "at least -1"};
  static constexpr Argument prediction = {"prediction", at_least_minus_one};
  static constexpr Argument target = {"target", at_least_minus_one};

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V largest(std::numeric_limits<typename V::Scalar>::max());
    const V r = abs(p - y);
    const V low = V(1) + min(p, y);
    // The ratio may overflow although its logarithm is small: then it is taken in other units.
    const V ratio = r / low;
    const auto huge = ratio > V(0.125) * largest;
    const V l =
        copysign(log1p(where(huge, V(0x1p-100) * r / low, ratio)) + where(huge, V(69.314718055994530942), V(0)), p - y);
    const V finite = where(isinf(p), clamp(l, -largest, largest), l);  // log p / p at inf
    return {.value = l * l,
            .slope = V(2) * (finite / (V(1) + p)),
            .curvature = V(2) * ((V(1) - finite) / (V(1) + p) / (V(1) + p))};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using MSLE = Loss<rule::MSLE<T>>;

LOSSES_EXTERN(rule::MSLE);

}  // namespace LOSSES_NAMESPACE
