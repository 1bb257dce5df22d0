// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE::detail {

/// The label's cosine with its margin, and dtarget/dcosine.
template <class T>
struct MarginTarget {
  T value, slope;
};

/// −log softmax_y of the logits s·x_j, where the label's x_y is replaced by a target, and the slopes by the cosines.
///
/// Small values keep their digits: log1p of the other classes' sum.
template <class T>
LOSSES_INLINE T margin_softmax(const rule::Row<T>& row, T* slope, T scale, const MarginTarget<T>& target) {
  using V = Lanes<T>;
  constexpr T least =
      sizeof(T) == sizeof(float) ? T(-87) : T(-708);  // of which exp is no denormal, which would be slow
  const V label(static_cast<T>(row.label));
  V top(target.value);
  for_single_lanes<T>(row.size, [&](auto lanes, Index j) LOSSES_INLINE_LAMBDA {
    const V index = V::iota() + V(static_cast<T>(j));
    const auto is_other = (index != label) & (index < V(static_cast<T>(row.size)));
    top = where(is_other, max_number(lanes.load(row.x + j), top), top);
  });
  const T highest = horizontal_max(top);
  Accumulator<T> sum;
  for_single_lanes<T>(row.size, [&](auto lanes, Index j) LOSSES_INLINE_LAMBDA {
    const auto is_label = V::iota() + V(static_cast<T>(j)) == label;
    const V x = V(scale) * (lanes.load(row.x + j) - V(highest));
    const V e = where(x < V(least), V(0), exp_nonpos(x));
    sum.add(lanes.keep(where(is_label, V(0), e)));
    if (slope != nullptr) lanes.store(e, slope + j);
  });
  const double others = sum.total();
  const double below = static_cast<double>(scale) * (static_cast<double>(highest) - static_cast<double>(target.value));
  const double total = others + std::exp(-below);
  if (slope != nullptr) {
    const V share(static_cast<double>(scale) / total);
    for_single_lanes<T>(row.size, [&](auto lanes, Index j)
                                      LOSSES_INLINE_LAMBDA { lanes.store(lanes.load(slope + j) * share, slope + j); });
    slope[row.label] = static_cast<T>(-static_cast<double>(scale) * others / total * static_cast<double>(target.slope));
  }
  return static_cast<T>(below == 0 ? std::log1p(others) : below + std::log(total));
}

}  // namespace LOSSES_NAMESPACE::detail
