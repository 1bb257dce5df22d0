// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Margin ranking loss: the score of one of two items must exceed the other's by a margin.
///
///   value = max(0, margin − y (x1 − x2))      slope = {−y, y} where value's argument is ≥ 0, else {0, 0}
///
/// x1, x2 and y of one shape; y = 1 where x1 must be the larger, −1 where x2; gradients for both. margin finite (0). Where the
/// margin is met exactly, value 0, the slopes are still −y and y, as in PyTorch: so for x1 = x2 without a margin. Curvature 0.
///
/// Throws std::invalid_argument for shapes, options and y. As torch.nn.MarginRankingLoss; Herbrich et al. (1999),
/// doi:10.1049/cp:19991091.
template <std::floating_point T>
struct MarginRanking {
  using Scalar = T;
  using Shape = per_element;
  static constexpr std::array<Argument, 2> predictions = {{{"x1"}, {"x2"}}};
  static constexpr Argument target = {"target", Domain::signs()};

  T margin = 0;

  void check() const {
    require(margin >= -std::numeric_limits<T>::max() && margin <= std::numeric_limits<T>::max(),
            "MarginRanking: margin is ", margin, ", but must be finite");
  }

  template <class V>
  Terms<V, 2> operator()(V x1, V x2, V y) const {
    const V t = V(margin) - y * (x1 - x2);
    const V slope = where(t < V(0), V(0), where(t >= V(0), y, t));
    return {.value = max(V(0), t), .slope = {-slope, slope}, .curvature = {V(0), V(0)}};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using MarginRanking = Loss<rule::MarginRanking<T>>;

LOSSES_EXTERN(rule::MarginRanking);

}  // namespace LOSSES_NAMESPACE
