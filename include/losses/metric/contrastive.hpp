// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include <losses/core/loss.hpp>
#include <losses/core/per_pair.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Contrastive loss: similar pairs are pulled together, others pushed apart up to a margin.
///
///   D = ‖x1 − x2‖₂
///   value = D²                   ∂value/∂D = 2 D                      similar = 1
///   value = max(0, margin − D)²  ∂value/∂D = −2 max(0, margin − D)    similar = 0
///
/// x1 and x2 [n × d]; similar [n], integers or booleans or scalars, 0 or 1; gradients for both. margin is finite and ≥ 0 (1).
///
/// At D = 0: value 0, or margin²; gradient 0. From D = margin on, a dissimilar pair is 0.
///
/// Throws std::invalid_argument for shapes, options and a `similar` of scalars, std::out_of_range for one of integers.
/// Hadsell et al. (2006), doi:10.1109/CVPR.2006.100, eq. (4), without its factor ½.
template <std::floating_point T>
struct Contrastive {
  using Scalar = T;
  using Shape = per_pair;
  static constexpr std::array<Argument, 2> predictions = {{{"x1"}, {"x2"}}};
  static constexpr PairTarget target = {"similar", {0, 1}};

  T margin = 1;

  void check() const {
    require(margin >= 0 && margin <= std::numeric_limits<T>::max(), "Contrastive: margin is ", margin,
            ", but must be finite and not negative");
  }

  template <class V>
  Terms<V> operator()(V distance, V similar) const {
    const V gap = max(V(0), V(margin) - distance);
    const V reach = where(similar == V(1), distance, where(similar == V(0), -gap, similar));
    return {.value = reach * reach, .slope = V(2) * reach};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Contrastive = Loss<rule::Contrastive<T>>;

LOSSES_EXTERN(rule::Contrastive);

}  // namespace LOSSES_NAMESPACE
