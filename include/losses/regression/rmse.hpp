// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cmath>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Root of the mean squared error: in the units of the target.
///
///   r = p − y,  value = sqrt(Σ w r² / Σ w)      slope = w r / (Σ w · value), 0 where the value is 0
///
/// One value for the whole input, whatever the reduction. Neither overflows nor vanishes on the way where the result
/// can be represented: residuals are squared in units of a power of two, and so are weights.
///
/// At one infinite residual: +inf, slope ±√(w / Σ w) there and 0 elsewhere; of several it is NaN where they are.
template <std::floating_point T>
struct RMSE {
  using Scalar = T;
  using Shape = per_set;
  static constexpr bool homogeneous = true;

  template <class V>
  std::array<V, 1> sums(V p, V y) const {
    const V r = p - y;
    return {r * r};
  }

  double value(const Sums<1>& sums) const { return std::sqrt(sums[0] / sums.weight); }

  template <class V>
  V slope(const Sums<1>& sums, V p, V y) const {
    if (sums.value == 0) return V(0);
    return (p - y) / V(sums.value) * V(1 / sums.weight);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using RMSE = Loss<rule::RMSE<T>>;

LOSSES_EXTERN(rule::RMSE);

}  // namespace LOSSES_NAMESPACE
