// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Gaussian negative log-likelihood: of a target, given its predicted mean and variance. Both have a gradient.
///
///   r = mean − y,  v = max(variance, ε)
///   value = (log v + r²/v)/2, plus log(2π)/2 if full
///   slope = {r/v, (1 − r²/v)/(2v)}      curvature = {1/v, (r²/v − 1/2)/v²}
///
/// At r = 0: log(v)/2, {0, 1/(2v)}. The slope by the variance is 0 where v = r². full (false). ε > 0 (1e-6); below it the slopes
/// are those at ε, as if nothing were clamped. A negative variance is refused.
/// Nix and Weigend (1994), doi:10.1109/ICNN.1994.374138, eq. (3); as torch.nn.GaussianNLLLoss.
template <std::floating_point T>
struct GaussianNLL {
  using Scalar = T;
  using Shape = per_element;
  static constexpr std::array<Argument, 2> predictions = {{{"mean"}, {"variance", Domain::not_negative()}}};

  bool full = false;
  T epsilon = T(1e-6);

  void check() const { require(epsilon > 0, "GaussianNLL: epsilon is ", epsilon, ", but must be positive"); }

  template <class V>
  Terms<V, 2> operator()(V mean, V variance, V y) const {
    const V v = max_number(V(epsilon), variance);
    const V r = mean - y;
    const V z = detail::divided_residual(mean, y, v);
    const V constant(full ? 1.83787706640934548356 : 0.0);  // log 2π
    return {.value = V(0.5) * (log(v) + z * r + constant),
            .slope = {z, V(0.5) * (V(1) - z * r) / v},
            .curvature = {V(1) / v, (z * r - V(0.5)) / v / v}};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using GaussianNLL = Loss<rule::GaussianNLL<T>>;

LOSSES_EXTERN(rule::GaussianNLL);

}  // namespace LOSSES_NAMESPACE
