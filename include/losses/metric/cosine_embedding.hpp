// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include <losses/core/loss.hpp>
#include <losses/core/per_pair.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Cosine embedding loss: similar pairs point the same way, others at least a margin apart. It does not depend on lengths.
///
///   cos = ⟨x1, x2⟩ / (‖x1‖ ‖x2‖)
///   value = 1 − cos                ∂value/∂cos = −1                          y = 1
///   value = max(0, cos − margin)   ∂value/∂cos = 1 where cos ≥ margin, else 0    y = −1
///   ∂cos/∂x1 = (x2 − x1 ⟨x1, x2⟩/‖x1‖²) / (‖x1‖ ‖x2‖)
///
/// x1 and x2 [n × d]; y [n], integers or scalars, −1 or 1; gradients for both. margin in [−1, 1] (0).
///
/// A zero vector has cosine 0 and gradient 0 (PyTorch adds 1e-12 to the squared lengths instead). 1 − cos keeps its digits for
/// nearly parallel vectors, down to 0 for parallel ones.
///
/// Throws std::invalid_argument for shapes, options and a y of scalars, std::out_of_range for one of integers. As
/// torch.nn.CosineEmbeddingLoss.
template <std::floating_point T>
struct CosineEmbedding {
  using Scalar = T;
  using Shape = per_pair;
  static constexpr bool of_cosine = true;
  static constexpr std::array<Argument, 2> predictions = {{{"x1"}, {"x2"}}};
  static constexpr PairTarget target = {"y", {-1, 1}};

  T margin = 0;

  void check() const {
    require(margin >= -1 && margin <= 1, "CosineEmbedding: margin is ", margin, ", but must be in [-1, 1]");
  }

  template <class V>
  Terms<V> operator()(V cosine, V complement, V y) const {
    const V over = cosine - V(margin);
    const V slope = where(over < V(0), V(0), where(over >= V(0), V(1), over));
    const auto similar = y == V(1), apart = y == V(-1);
    return {.value = where(similar, complement, where(apart, max(V(0), over), y)),
            .slope = where(similar, where(isnan(cosine), cosine, V(-1)), where(apart, slope, y))};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using CosineEmbedding = Loss<rule::CosineEmbedding<T>>;

LOSSES_EXTERN(rule::CosineEmbedding);

}  // namespace LOSSES_NAMESPACE
