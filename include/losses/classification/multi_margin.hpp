// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Multi-class hinge loss: the label's score must lead every other one by a margin.
///
///   z_j = margin − x_y + x_j
///   value = w_y/c Σ_{j≠y} max(0, z_j)^p
///   slope_j = p w_y/c max(0, z_j)^(p−1) for j ≠ y, 0 where z_j ≤ 0;  slope_y = −Σ_{j≠y} slope_j
///
/// Prediction [n × c] or [n, c, d1, …] of scores; target integer labels [n] or [n, d1, …] in [0, c).
///
///   p              (1) the power: 1 or 2
///   margin         (1) any finite number, in the units of the scores
///   class_weights  w, one per class, finite and ≥ 0; none: 1
///
/// mean divides by n, whatever the class weights. With one class the loss is 0. Throws std::out_of_range for a label,
/// std::invalid_argument for shapes and options. As PyTorch's multi_margin_loss; Weston and Watkins (1999), eq. (5), averaged over
/// the classes.
template <std::floating_point T>
struct MultiMargin {
  using Scalar = T;
  using Shape = per_row;
  using Target = Label;

  int p = 1;
  T margin = 1;
  NumberOrVector<T> class_weights = {};

  void check() const {
    require(p == 1 || p == 2, "MultiMargin: p is ", p, ", but must be 1 or 2");
    require(std::isfinite(margin), "MultiMargin: margin is ", margin, ", but must be finite");
    detail::require_class_weights("MultiMargin", class_weights);
  }
  detail::RowOptions<T> options() const {
    return {.class_weights = &class_weights, .mean_by_class_weight = false, .ignores = false};
  }

  T operator()(const Row<T>& row, T* slope) const {
    using V = Lanes<T>;
    // Half of z_j: a difference of scores may overflow where the mean over the classes does not.
    const V half_label = V(T(0.5) * row.x[row.label]), half_margin = V(T(0.5) * margin);
    const V at_label = where(half_label == half_label, V(0), half_label);
    const V share(T(2) / static_cast<T>(row.size));
    detail::Accumulator<T> values, slopes;
    detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index j) LOSSES_INLINE_LAMBDA {
      const V half = (V(0.5) * lanes.load(row.x + j) - half_label) + half_margin;
      const auto is_label = V::iota() == V(static_cast<T>(row.label - j));
      const V z = where(is_label, at_label, max(V(0), half));
      const V each = where(z > V(0), share, where(z == V(0), V(0), z));
      values.add(lanes.keep(p == 1 ? z * share : z * (z * (share + share))));
      const V s = p == 1 ? V(0.5) * each : z * (each + each);
      slopes.add(lanes.keep(s));
      if (slope != nullptr) lanes.store(s, slope + j);
    });
    if (slope != nullptr) slope[row.label] = static_cast<T>(0 - slopes.total());
    return static_cast<T>(values.total());
  }

  void curvature(const Row<T>& row, T* curvature) const {
    const T share = p == 1 ? T(0) : T(2) / static_cast<T>(row.size);
    T sum = 0;
    for (Eigen::Index j = 0; j < row.size; ++j) {
      const T half = (T(0.5) * row.x[j] - T(0.5) * row.x[row.label]) + T(0.5) * margin;
      curvature[j] = half > 0 && j != row.label ? share : std::isnan(half) ? half : T(0);
      sum += curvature[j];
    }
    curvature[row.label] = sum;
  }
};

}  // namespace rule

template <std::floating_point T = float>
using MultiMargin = Loss<rule::MultiMargin<T>>;

LOSSES_EXTERN(rule::MultiMargin);

}  // namespace LOSSES_NAMESPACE
