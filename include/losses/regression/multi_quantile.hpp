// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <losses/core/loss.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Quantile loss for several quantiles at once: column k of the prediction [n × q] is the k-th quantile of the target
/// [n] or [n × 1].
///
///   e = y − p,  q = quantiles[k]
///   value = max(q e, (q − 1) e)      slope = −q for e > 0, 1 − q for e < 0, 0 for e = 0      curvature = 0
///
/// The mean is that over quantiles of the mean over samples. Each quantile is in (0, 1) (0.1, 0.5, 0.9); as many as the
/// prediction has columns.
/// Koenker and Bassett (1978), doi:10.2307/1913643.
template <std::floating_point T>
struct MultiQuantile {
  using Scalar = T;
  using Shape = per_element;
  static constexpr bool target_per_row = true;
  static constexpr std::string_view column_parameter_name = "quantiles";

  NumberOrVector<T> quantiles = {T(0.1), T(0.5), T(0.9)};

  const NumberOrVector<T>& column_parameter() const { return quantiles; }

  void check() const {
    require(!quantiles.empty(), "MultiQuantile: quantiles is empty, but must have at least one value");
    for (Eigen::Index k = 0; k < quantiles.size(); ++k) {
      require(quantiles[k] > 0 && quantiles[k] < 1, "MultiQuantile: quantiles[", k, "] is ", quantiles[k],
              ", but must be in (0, 1)");
    }
  }

  template <class V>
  Terms<V> operator()(V p, V y, V q) const {
    const V e = y - p;
    const V slope = where(e > V(0), -q, where(e < V(0), V(1) - q, e));
    return {.value = detail::scaled_residual(slope, p, y), .slope = slope, .curvature = V(0)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using MultiQuantile = Loss<rule::MultiQuantile<T>>;

LOSSES_EXTERN(rule::MultiQuantile);

}  // namespace LOSSES_NAMESPACE
