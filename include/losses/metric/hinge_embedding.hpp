// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Hinge embedding loss: of distances that must be small for similar pairs, and at least a margin for others.
///
///   value = x                     slope = 1                           y = 1
///   value = max(0, margin − x)    slope = −1 for x ≤ margin, else 0    y = −1
///
/// x and y of one shape, y = −1 or 1. margin finite (1). At x = margin the slope is −1, as in PyTorch. Curvature 0.
///
/// Throws std::invalid_argument for shapes, options and y. As torch.nn.HingeEmbeddingLoss.
template <std::floating_point T>
struct HingeEmbedding {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::signs()};

  T margin = 1;

  void check() const {
    require(margin >= -std::numeric_limits<T>::max() && margin <= std::numeric_limits<T>::max(),
            "HingeEmbedding: margin is ", margin, ", but must be finite");
  }

  template <class V>
  Terms<V> operator()(V x, V y) const {
    const V gap = V(margin) - x;
    const V over = where(gap < V(0), V(0), where(gap >= V(0), V(-1), gap));
    const V similar = where(x == x, y, x);
    return {.value = where(y == V(-1), max(V(0), gap), y * x),
            .slope = where(y == V(-1), over, similar),
            .curvature = V(0)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using HingeEmbedding = Loss<rule::HingeEmbedding<T>>;

LOSSES_EXTERN(rule::HingeEmbedding);

}  // namespace LOSSES_NAMESPACE
