// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <losses/ranking/ranked_list.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// ListNet: the cross-entropy of who comes first, by relevance and by score. For learning to rank with graded relevance.
///
///   q = softmax(relevance), p = softmax(scores)
///   value = −Σ_j q_j log p_j      slope_j = p_j − q_j      curvature_j = p_j (1 − p_j)
///
/// (scores, relevance) or (scores, relevance, mask), each [n × items]: a list in each row; mask is of bool. A masked item takes
/// no part, whatever it holds, and its slope is 0. A list of one item is 0; a list of none is left out of the mean.
///
/// The least value is the entropy of q, at scores that are the relevances but for a constant. Scores and relevances are finite.
///
/// Throws std::invalid_argument for shapes. Cao et al. (2007), doi:10.1145/1273496.1273513, §4 with k = 1.
template <std::floating_point T>
struct ListNet {
  using Scalar = T;
  using Shape = per_row;
  using Target = NumberRow;
  static constexpr bool takes_mask = true;
  static constexpr Argument target = {"relevance"};

  T operator()(const Row<T>& row, T* slope) const {
    using V = Lanes<T>;
    if (detail::has_nan(row)) return detail::unknown_list(row, slope);
    const T top_score = detail::largest_of(row.x, row.size), top = detail::largest_of(row.target, row.size);
    const V score_shift(top_score), shift(top);
    detail::Accumulator<T> relevances, gaps;
    detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index j) LOSSES_INLINE_LAMBDA {
      const V gap = score_shift - lanes.load(row.x + j), e = exp_nonpos(lanes.load(row.target + j) - shift);
      relevances.add(lanes.keep(e));
      gaps.add(lanes.keep(where(e == V(0), V(0), e * gap)));
    });
    const double rest = others(row, top_score), total = relevances.total();
    if (slope != nullptr) {
      const V by_sum(1 / (1 + rest)), by_total(1 / total);
      detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index j) LOSSES_INLINE_LAMBDA {
        const V p = exp_nonpos(lanes.load(row.x + j) - score_shift) * by_sum;
        lanes.store(p - exp_nonpos(lanes.load(row.target + j) - shift) * by_total, slope + j);
      });
    }
    // −log p is the gap to the largest score and log1p of the others: nothing is subtracted.
    const double gap = gaps.total();
    return std::isinf(gap) ? far_value(row, top_score, top, total) : static_cast<T>(std::log1p(rest) + gap / total);
  }

  void curvature(const Row<T>& row, T* curvature) const {
    using V = Lanes<T>;
    if (detail::has_nan(row)) return void(detail::unknown_list(row, curvature));
    const T top_score = detail::largest_of(row.x, row.size);
    const V shift(top_score), by_sum(1 / (1 + others(row, top_score)));
    detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index j) LOSSES_INLINE_LAMBDA {
      const V p = exp_nonpos(lanes.load(row.x + j) - shift) * by_sum;
      lanes.store(p * (V(1) - p), curvature + j);
    });
  }

 private:
  /// Where a gap, or their sum, is beyond the largest number: in a unit in which neither is. The logarithm is nothing beside it.
  LOSSES_COLD static T far_value(const Row<T>& row, T top_score, T top, double total) {
    constexpr double unit = 0x1p-100;
    double sum = 0;
    for (Eigen::Index j = 0; j < row.size; ++j) {
      const double e = std::exp(static_cast<double>(row.target[j]) - static_cast<double>(top));
      if (e != 0) sum += e * (unit * static_cast<double>(top_score) - unit * static_cast<double>(row.x[j]));
    }
    return static_cast<T>(sum / total / unit);
  }

  /// Σ exp(score − largest) without the largest itself.
  LOSSES_INLINE static double others(const Row<T>& row, T largest) {
    using V = Lanes<T>;
    detail::Accumulator<T> sum, ties;
    detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index j) LOSSES_INLINE_LAMBDA {
      const V x = lanes.load(row.x + j);
      const auto is_largest = x == V(largest);
      sum.add(lanes.keep(where(is_largest, V(0), exp_nonpos(x - V(largest)))));
      ties.add(lanes.keep(where(is_largest, V(1), V(0))));
    });
    return sum.total() + (ties.total() - 1);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using ListNet = Loss<rule::ListNet<T>>;

LOSSES_EXTERN(rule::ListNet);

}  // namespace LOSSES_NAMESPACE
