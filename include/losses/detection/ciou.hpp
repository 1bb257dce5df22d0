// SPDX-License-Identifier: MIT
#pragma once

#include <numbers>

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>
#include <losses/core/per_box.hpp>
#include <losses/detection/box_pair.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Complete IoU: distance IoU and the aspect ratio, whose share grows as the boxes overlap.
///
///   I = area of p ∩ y,  U = area of p ∪ y,  iou = I/(U + ε),  d = ρ²/(c² + ε) as in DIoU
///   v = 4/π² (θ_y − θ_p)²,  θ = atan(width/height),  α = v/(1 − iou + v + ε)
///   value = 1 − iou + d + α v      slope = that of DIoU, + α ∂v:  α is a constant, as its authors have it
///
/// Prediction and target [n × 4], a box x1, y1, x2, y2 in each row, in any units, as large as T allows; one term,
/// and weight, for each box.
///
///   epsilon  ε ≥ 0, an area (1e-7): keeps boxes without an area finite; 0 counts as four times the smallest normal number
///
/// Identical boxes of area A: ε/(A + ε). θ of a box of height 0 is π/2, of one of no size 0, with slope 0. Boxes of one
/// shape: as DIoU. An edge that both share takes half of what it would have alone inside and outside. Values are in [0, 3].
/// Since α is held, the slope is not the derivative of the value, and check_gradient says so.
///
/// Throws std::invalid_argument for shapes, epsilon, and x2 < x1 or y2 < y1 unless the box has weight 0.
/// Zheng et al. (2020), arXiv:1911.08287, eq. (8) to (12).
template <std::floating_point T>
struct CIoU {
  using Scalar = T;
  using Shape = per_box;

  T epsilon = T(1e-7);

  void check() const { detail::check_box_epsilon("CIoU", epsilon); }

  template <class V>
  BoxTerms<V> operator()(const Box<V>& p, const Box<V>& y) const {
    const detail::BoxPair<V> pair(p, y, epsilon);
    const detail::Overlap<V> overlap(pair);
    const detail::CentreDistance<V> distance(pair);
    constexpr double two_over_pi = 2 / std::numbers::pi;
    const V to_x = pair.to_common_x, to_y = pair.to_common_y;
    // + 0: the height −0, of −0 and 0, would turn its box around.
    const V width = to_x * pair.width, height = to_y * pair.height + V(0);
    const V target_width = to_x * pair.target_width, target_height = to_y * pair.target_height + V(0);
    const V turn = V(two_over_pi) * (atan2(target_width, target_height) - atan2(width, height));
    const V v = turn * turn;
    const V alpha = v / (overlap.loss + v + max_number(V(4 * std::numeric_limits<T>::min()), V(epsilon)));
    // ∂θ_p = (height ∂width − width ∂height)/(width² + height²), in units of the longer side; 0 without a size.
    const V side = max_number(width, height), longer = where(side > V(0), side, V(1));
    const V w = width / longer, h = height / longer, length = where(side > V(0), (w * w + h * h) * longer, V(1));
    const V largest(std::numeric_limits<T>::max());
    const V by_angle = clamp(V(-2 * two_over_pi) * (alpha * turn) / length, -largest, largest);
    return {.value = overlap.loss + distance.loss + alpha * v,
            .slope = pair.slope(overlap.by_intersection, overlap.by_width + to_x * (by_angle * h),
                                overlap.by_height - to_y * (by_angle * w), distance.by_enclosing_width,
                                distance.by_enclosing_height, distance.by_x, distance.by_y)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using CIoU = Loss<rule::CIoU<T>>;

LOSSES_EXTERN(rule::CIoU);

}  // namespace LOSSES_NAMESPACE
