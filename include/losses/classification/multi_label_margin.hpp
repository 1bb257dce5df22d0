// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Multi-label margin loss: the score of each true label must lead that of each other one by 1.
///
///   z_jk = 1 − x_j + x_k, for each true label j and each other label k
///   value = 1/c Σ_j Σ_k max(0, z_jk)      slope_j = −1/c Σ_k [z_jk > 0],  slope_k = 1/c Σ_j [z_jk > 0]      curvature = 0
///
/// Prediction [n × c] or [n, c, d1, …] of scores; target integers of the same shape: in each row the true labels, in any order,
/// ended by −1 (what follows it is not read, but must be a label or −1); a label that is named twice counts twice. A row without
/// a true label, or with all, is 0. A pair at the margin costs nothing and has slope 0. mean divides by n.
///
/// Throws std::out_of_range for a label outside [−1, c). As PyTorch's multilabel_margin_loss; Crammer and Singer (2003), "A family of
/// additive online algorithms for category ranking".
template <std::floating_point T>
struct MultiLabelMargin {
  using Scalar = T;
  using Shape = per_row;
  using Target = LabelRow;
  static constexpr int scratch_rows = 1;

  T operator()(const Row<T>& row, T* slope) const {
    using V = Lanes<T>;
    // Half of z: a difference of scores may overflow where the mean over the classes does not.
    const V share(T(2) / static_cast<T>(row.size));
    detail::Accumulator<T> values;
    T* const is_true = row.scratch(0);
    detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index k) LOSSES_INLINE_LAMBDA {
      const V x = lanes.load(row.x + k), nan_only = where(x == x, V(0), x);
      lanes.store(V(0), is_true + k);
      if (slope != nullptr) lanes.store(nan_only, slope + k);
      values.add(lanes.keep(nan_only));
    });
    Eigen::Index count = 0;
    for (; count < row.size && row.labels[count] >= 0; ++count) is_true[row.labels[count]] = 1;
    for (Eigen::Index i = 0; i < count; ++i) {
      const V half_label(T(0.5) * row.x[row.labels[i]]);
      detail::Accumulator<T> violations;
      detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index k) LOSSES_INLINE_LAMBDA {
        const V half = (V(0.5) * lanes.load(row.x + k) - half_label) + V(0.5);
        const V z = where(lanes.load(is_true + k) == V(0), max_number(V(0), half), V(0));
        values.add(lanes.keep(z * share));
        if (slope == nullptr) return;
        const V violated = where(z > V(0), V(1), where(z == V(0), V(0), z));
        violations.add(lanes.keep(violated));
        lanes.store(lanes.load(slope + k) + violated, slope + k);
      });
      if (slope != nullptr) slope[row.labels[i]] -= static_cast<T>(violations.total());
    }
    if (slope != nullptr) {
      detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index k) LOSSES_INLINE_LAMBDA {
        lanes.store(lanes.load(slope + k) * (V(0.5) * share), slope + k);
      });
    }
    return static_cast<T>(values.total());
  }

  void curvature(const Row<T>& row, T* curvature) const {
    for (Eigen::Index k = 0; k < row.size; ++k) curvature[k] = row.x[k] == row.x[k] ? T(0) : row.x[k];
  }
};

}  // namespace rule

template <std::floating_point T = float>
using MultiLabelMargin = Loss<rule::MultiLabelMargin<T>>;

LOSSES_EXTERN(rule::MultiLabelMargin);

}  // namespace LOSSES_NAMESPACE
