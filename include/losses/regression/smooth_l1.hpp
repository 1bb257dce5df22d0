// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Smooth L1: absolute error, rounded off within β of zero. It is Huber(β)/β.
///
///   r = p − y,  c = clamp(r, −β, β)
///   value = slope (r − c/2)      slope = c/β      curvature = 1/β for |r| < β, else 0
///
/// At r = 0: 0, 0, 1/β. At |r| = β: β/2, ±1, 0. β ≥ 0 (1), in the units of the target; β = 0 is L1 exactly.
/// Girshick (2015), doi:10.1109/ICCV.2015.169, eq. (3), with the β of torch.nn.SmoothL1Loss.
template <std::floating_point T>
struct SmoothL1 {
  using Scalar = T;
  using Shape = per_element;

  T beta = 1;

  void check() const { require(beta >= 0, "SmoothL1: beta is ", beta, ", but must not be negative"); }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V r = p - y;
    const V c = clamp(r, V(-beta), V(beta));
    const V slope = beta > 0 ? c / V(beta) : detail::sign_or_zero(r);
    return {
        .value = slope * (r - V(0.5) * c), .slope = slope, .curvature = where(abs(r) < V(beta), V(1) / V(beta), V(0))};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using SmoothL1 = Loss<rule::SmoothL1<T>>;

LOSSES_EXTERN(rule::SmoothL1);

}  // namespace LOSSES_NAMESPACE
