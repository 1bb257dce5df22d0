// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE::detail {

/// Whether a score or a relevance is NaN: one that is compared, or in no pair, would get lost.
template <class T>
LOSSES_INLINE bool has_nan(const rule::Row<T>& row) {
  using V = Lanes<T>;
  auto found = isnan(V(0));
  for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index j) LOSSES_INLINE_LAMBDA {
    found = found | isnan(lanes.load(row.x + j)) | isnan(lanes.load(row.target + j));
  });
  return any(found);
}

/// The value of a list with a NaN, which is also its slopes.
template <class T>
T unknown_list(const rule::Row<T>& row, T* slope) {
  constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  if (slope != nullptr) std::fill_n(slope, row.size, nan);
  return nan;
}

template <class T>
LOSSES_INLINE T largest_of(const T* values, Eigen::Index size) {
  using V = Lanes<T>;
  V largest(-std::numeric_limits<T>::infinity());
  for_single_lanes<T>(size, [&](auto lanes, Eigen::Index j)
                                LOSSES_INLINE_LAMBDA { largest = max_number(largest, lanes.load(values + j)); });
  return horizontal_max(largest);
}

}  // namespace LOSSES_NAMESPACE::detail
