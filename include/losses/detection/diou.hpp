// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/core/per_box.hpp>
#include <losses/detection/box_pair.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Distance IoU: IoU and the distance of the centres, which pulls boxes together faster than GIoU does.
///
///   I = area of p ∩ y,  U = area of p ∪ y,  iou = I/(U + ε)
///   ρ = distance of the centres,  c = diagonal of the smallest box around both,  d = ρ²/(c² + ε)
///   value = 1 − iou + d      slope = that of IoU, + (∂ρ² − d ∂c²)/(c² + ε)
///
/// Prediction and target [n × 4], a box x1, y1, x2, y2 in each row, in any units, as large as T allows; one term,
/// and weight, for each box.
///
///   epsilon  ε ≥ 0, an area (1e-7): keeps boxes without an area finite; 0 counts as four times the smallest normal number
///
/// Identical boxes of area A: ε/(A + ε). Concentric boxes: as IoU. Far apart: towards 2. An edge that both share takes
/// half of what it would have alone inside and outside. Values are in [0, 2], and small ones keep their digits.
///
/// Throws std::invalid_argument for shapes, epsilon, and x2 < x1 or y2 < y1 unless the box has weight 0.
/// Zheng et al. (2020), arXiv:1911.08287, eq. (7).
template <std::floating_point T>
struct DIoU {
  using Scalar = T;
  using Shape = per_box;

  T epsilon = T(1e-7);

  void check() const { detail::check_box_epsilon("DIoU", epsilon); }

  template <class V>
  BoxTerms<V> operator()(const Box<V>& p, const Box<V>& y) const {
    const detail::BoxPair<V> pair(p, y, epsilon);
    const detail::Overlap<V> overlap(pair);
    const detail::CentreDistance<V> distance(pair);
    return {
        .value = overlap.loss + distance.loss,
        .slope = pair.slope(overlap.by_intersection, overlap.by_width, overlap.by_height, distance.by_enclosing_width,
                            distance.by_enclosing_height, distance.by_x, distance.by_y)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using DIoU = Loss<rule::DIoU<T>>;

LOSSES_EXTERN(rule::DIoU);

}  // namespace LOSSES_NAMESPACE
