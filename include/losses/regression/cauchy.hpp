// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Cauchy (Lorentzian) loss: quadratic near zero, logarithmic in the tails, so that outliers lose their pull.
///
///   u = (p − y)/c
///   value = c²/2 · log(1 + u²)      slope = c u / (1 + u²)      curvature = (1 − u²) / (1 + u²)²
///
/// At u = 0: 0, 0, 1. At |u| = 1, where the slope is largest: c²/2 · log 2, ±c/2, 0. At ±inf: inf, 0, 0.
/// c > 0, finite (1), in the units of the target. For |u| > 1 all is written in w = 1/u², which does not overflow.
/// Holland and Welsch (1977), doi:10.1080/03610927708827533.
template <std::floating_point T>
struct Cauchy {
  using Scalar = T;
  using Shape = per_element;

  T scale = 1;

  void check() const {
    require(scale > 0 && scale <= std::numeric_limits<T>::max(), "Cauchy: scale is ", scale,
            ", but must be positive and finite");
  }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V c(scale);
    const auto [q, far] = detail::residual_ratio(p, y, c);
    const V w = q * q;
    const V log_u2 = where(far, V(-2) * log(q), V(0));
    const V slope = where(far, c * q, abs(p - y)) / (V(1) + w);
    return {.value = V(0.5) * c * (c * (log1p_unit(w) + log_u2)),
            .slope = copysign(slope, p - y),
            .curvature = where(far, w * (w - V(1)), V(1) - w) / ((V(1) + w) * (V(1) + w))};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Cauchy = Loss<rule::Cauchy<T>>;

LOSSES_EXTERN(rule::Cauchy);

}  // namespace LOSSES_NAMESPACE
