// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/core/per_box.hpp>
#include <losses/detection/box_pair.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Generalised IoU: boxes that do not overlap yet still attract each other.
///
///   I = area of p ∩ y,  U = area of p ∪ y,  C = area of the smallest box around both,  iou = I/(U + ε)
///   value = 1 − iou + (C − U)/(C + ε)
///   slope = that of IoU, + (∂I − ∂A)/(C + ε) + (U + ε)/(C + ε)² ∂C,  A the area of p
///
/// Prediction and target [n × 4], a box x1, y1, x2, y2 in each row, in any units, as large as T allows; one term,
/// and weight, for each box.
///
///   epsilon  ε ≥ 0, an area (1e-7): keeps boxes without an area finite; 0 counts as four times the smallest normal number
///
/// Identical boxes of area A: ε/(A + ε). Far apart: towards 2. An edge that both share takes half of what it
/// would have alone inside and outside. Values are in [0, 2], and small ones keep their digits.
///
/// Throws std::invalid_argument for shapes, epsilon, and x2 < x1 or y2 < y1 unless the box has weight 0.
/// Rezatofighi et al. (2019), arXiv:1902.09630, algorithm 2.
template <std::floating_point T>
struct GIoU {
  using Scalar = T;
  using Shape = per_box;

  T epsilon = T(1e-7);

  void check() const { detail::check_box_epsilon("GIoU", epsilon); }

  template <class V>
  BoxTerms<V> operator()(const Box<V>& p, const Box<V>& y) const {
    const detail::BoxPair<V> pair(p, y, epsilon);
    const detail::Overlap<V> overlap(pair);
    const V enclosing = pair.enclosing_width * pair.enclosing_height + pair.epsilon;
    const V inverse = pair.inverse(enclosing), covered = overlap.whole * inverse;
    return {.value = overlap.loss + pair.uncovered() / enclosing,
            .slope = pair.slope(overlap.by_intersection + inverse, overlap.by_width - inverse * pair.height,
                                overlap.by_height - inverse * pair.width, covered * (inverse * pair.enclosing_height),
                                covered * (inverse * pair.enclosing_width))};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using GIoU = Loss<rule::GIoU<T>>;

LOSSES_EXTERN(rule::GIoU);

}  // namespace LOSSES_NAMESPACE
