// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include <losses/core/loss.hpp>
#include <losses/core/per_pair.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Triplet loss: an anchor must be closer to a positive than to a negative, by a margin.
///
///   d⁺ = ‖a − p‖, d⁻ = ‖a − n‖; with swap d⁻ = min(‖a − n‖, ‖p − n‖)
///   value = max(0, d⁺ − d⁻ + margin)      ∂value/∂d⁺ = 1, ∂value/∂d⁻ = −1 where value ≥ 0, else 0
///
/// (anchor, positive, negative), each [n × d]; gradients for all three.
///
///   margin   finite and ≥ 0 (1)
///   p        of the norm, ≥ 1, infinity too (2)
///   squared  the squares of the distances, of p = 2 (false)
///   swap     (false)
///
/// A distance of 0 has gradient 0. Where the margin is met exactly, value 0, the slopes are still 1 and −1, as in PyTorch; at
/// ‖a − n‖ = ‖p − n‖ swap gives each half, as do equal largest elements with p = infinity. Nothing is added to the differences,
/// where PyTorch's triplet_margin_loss adds 1e-6: it is that with eps = 0.
///
/// Throws std::invalid_argument for shapes and options. Schroff et al. (2015), arXiv:1503.03832, eq. (2), for squared
/// distances; swap is from Balntas et al. (2016), doi:10.5244/C.30.119, eq. (6).
template <std::floating_point T>
struct Triplet {
  using Scalar = T;
  using Shape = per_pair;
  static constexpr std::array<Argument, 3> predictions = {{{"anchor"}, {"positive"}, {"negative"}}};

  T margin = 1;
  T p = 2;
  bool squared = false;
  bool swap = false;

  void check() const {
    require(margin >= 0 && margin <= std::numeric_limits<T>::max(), "Triplet: margin is ", margin,
            ", but must be finite and not negative");
    require(p >= 1, "Triplet: p is ", p, ", but must be at least 1");
    require(!squared || p == 2, "Triplet: p is ", p, ", but must be 2 for squared distances");
  }

  RowDistance row_distance() const { return {static_cast<double>(p), squared, swap}; }

  template <class V>
  Terms<V, 2> operator()(V positive, V negative) const {
    const V t = positive - negative + V(margin);
    const V slope = where(t < V(0), V(0), where(t >= V(0), V(1), t));
    return {.value = max(V(0), t), .slope = {slope, -slope}};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Triplet = Loss<rule::Triplet<T>>;

LOSSES_EXTERN(rule::Triplet);

}  // namespace LOSSES_NAMESPACE
