// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/core/per_box.hpp>
#include <losses/detection/box_pair.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Intersection over union of boxes, for detectors whose boxes overlap the true ones: without overlap it has no gradient.
///
///   I = area of p ∩ y,  U = area of p ∪ y,  iou = I/(U + ε)
///   value = 1 − iou      slope = iou/(U + ε) ∂A − (1 + iou)/(U + ε) ∂I,  A the area of p
///
/// Prediction and target [n × 4], a box x1, y1, x2, y2 in each row, in any units, as large as T allows; one term,
/// and weight, for each box.
///
///   epsilon  ε ≥ 0, an area (1e-7): keeps boxes without an area finite; 0 counts as four times the smallest normal number
///
/// Identical boxes of area A: ε/(A + ε). Boxes that do not overlap: 1, slope 0. An edge that both share takes half of its
/// side's slope; boxes that touch are pulled together. Values are in [0, 1], and small ones keep their digits.
///
/// Throws std::invalid_argument for shapes, epsilon, and x2 < x1 or y2 < y1 unless the box has weight 0.
/// Yu et al. (2016), arXiv:1608.01471, §3.2, in the form 1 − iou of Rezatofighi et al. (2019), arXiv:1902.09630.
template <std::floating_point T>
struct IoU {
  using Scalar = T;
  using Shape = per_box;

  T epsilon = T(1e-7);

  void check() const { detail::check_box_epsilon("IoU", epsilon); }

  template <class V>
  BoxTerms<V> operator()(const Box<V>& p, const Box<V>& y) const {
    const detail::BoxPair<V> pair(p, y, epsilon);
    const detail::Overlap<V> overlap(pair);
    return {.value = overlap.loss,
            .slope = pair.slope(overlap.by_intersection, overlap.by_width, overlap.by_height, V(0), V(0))};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using IoU = Loss<rule::IoU<T>>;

LOSSES_EXTERN(rule::IoU);

}  // namespace LOSSES_NAMESPACE
