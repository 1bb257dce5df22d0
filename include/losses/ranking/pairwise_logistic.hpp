// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>

#include <losses/ranking/ranked_list.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Pairwise logistic loss, RankNet's: of any two items the more relevant one must have the higher score.
///
///   value = 1/m Σ log(1 + exp(s_j − s_i))      over the m pairs of a list with relevance_i > relevance_j
///   σ_ij = 1/(1 + exp(s_i − s_j)), each pair adds −σ_ij/m to slope_i, σ_ij/m to slope_j, and σ_ij (1 − σ_ij)/m to both curvatures
///
/// (scores, relevance) or (scores, relevance, mask), each [n × items]: a list in each row; mask is of bool. A masked item takes
/// no part, whatever it holds, and its slope is 0. Only the order of the relevances matters; equal ones are no pair. It is the mean
/// over the pairs of each list, so that long lists do not outweigh short ones; m times it is their sum. A list without a pair is 0
/// with slope 0, and counts in the mean over the lists; one without items does not.
///
/// The work grows with the square of the items. Throws std::invalid_argument for shapes. Burges et al. (2005),
/// doi:10.1145/1102351.1102363, eq. (3) with target probability 1.
template <std::floating_point T>
struct PairwiseLogistic {
  using Scalar = T;
  using Shape = per_row;
  using Target = NumberRow;
  static constexpr bool takes_mask = true;
  static constexpr Argument target = {"relevance"};

  T operator()(const Row<T>& row, T* slope) const {
    using V = Lanes<T>;
    if (detail::has_nan(row)) return detail::unknown_list(row, slope);
    const double pairs = pairs_of(row);
    if (slope != nullptr) std::fill_n(slope, row.size, T(0));
    if (pairs == 0) return 0;
    detail::Accumulator<T> values;
    for (Eigen::Index i = 0; i < row.size; ++i) {
      const V x(row.x[i]), y(row.target[i]);
      detail::Accumulator<T> slopes;
      detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index j) LOSSES_INLINE_LAMBDA {
        const V other = lanes.load(row.target + j), d = lanes.load(row.x + j) - x;
        const auto above = y > other, below = y < other;
        const V z = where(above, d, -d), e = exp_nonpos(-abs(z));
        values.add(lanes.keep(where(above, max_number(V(0), z) + log1p_unit(e), V(0))));
        if (slope != nullptr) {
          const V s = where(z >= V(0), V(1), e) / (V(1) + e);
          slopes.add(lanes.keep(where(above, -s, where(below, s, V(0)))));
        }
      });
      if (slope != nullptr) slope[i] = static_cast<T>(slopes.total() / pairs);
    }
    const double value = values.total();
    return std::isinf(value) ? far_value(row, pairs) : static_cast<T>(value / pairs);
  }

  void curvature(const Row<T>& row, T* curvature) const {
    using V = Lanes<T>;
    if (detail::has_nan(row)) return void(detail::unknown_list(row, curvature));
    const double pairs = std::max(pairs_of(row), 1.0);
    for (Eigen::Index i = 0; i < row.size; ++i) {
      const V x(row.x[i]), y(row.target[i]);
      detail::Accumulator<T> sum;
      detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index j) LOSSES_INLINE_LAMBDA {
        const V e = exp_nonpos(-abs(lanes.load(row.x + j) - x));
        sum.add(lanes.keep(where(y == lanes.load(row.target + j), V(0), e / ((V(1) + e) * (V(1) + e)))));
      });
      curvature[i] = static_cast<T>(sum.total() / pairs);
    }
  }

 private:
  /// Where a difference of scores, or their sum, is beyond the largest number: in a unit in which neither is. The logarithms are
  /// nothing beside it.
  LOSSES_COLD static T far_value(const Row<T>& row, double pairs) {
    constexpr double unit = 0x1p-100;
    double sum = 0;
    for (Eigen::Index i = 0; i < row.size; ++i) {
      for (Eigen::Index j = 0; j < row.size; ++j) {
        if (!(row.target[i] > row.target[j])) continue;
        sum += std::max(0.0, unit * static_cast<double>(row.x[j]) - unit * static_cast<double>(row.x[i]));
      }
    }
    return static_cast<T>(sum / pairs / unit);
  }

  LOSSES_INLINE static double pairs_of(const Row<T>& row) {
    using V = Lanes<T>;
    detail::Accumulator<T> count;
    for (Eigen::Index i = 0; i < row.size; ++i) {
      const V y(row.target[i]);
      detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index j) LOSSES_INLINE_LAMBDA {
        count.add(lanes.keep(where(y > lanes.load(row.target + j), V(1), V(0))));
      });
    }
    return count.total();
  }
};

}  // namespace rule

template <std::floating_point T = float>
using PairwiseLogistic = Loss<rule::PairwiseLogistic<T>>;

LOSSES_EXTERN(rule::PairwiseLogistic);

}  // namespace LOSSES_NAMESPACE
