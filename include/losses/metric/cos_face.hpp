// SPDX-License-Identifier: MIT
#pragma once

#include <losses/metric/margin_softmax.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// CosFace, the large margin cosine loss: softmax over the cosines to the class centres, the label's made smaller by a
/// margin.
///
///   t = x_y − m
///   value = −log( exp(s t) / (exp(s t) + Σ_{j ≠ y} exp(s x_j)) )      slope_j = s (p_j − [j = y])
///
/// (cosines [n × c], labels [n] in [0, c)), or [n, c, d1, …] and [n, d1, …].
///
///   margin  m ≥ 0 (0.35)
///   scale   s > 0 (64)
///
/// mean is over the samples. NaN in, NaN out. Small values keep their digits. Throws std::out_of_range for a label,
/// std::invalid_argument for shapes and options.
/// Wang et al. (2018), arXiv:1801.09414, eq. (4).
template <std::floating_point T>
struct CosFace {
  using Scalar = T;
  using Shape = per_row;
  using Target = Label;

  T margin = T(0.35);
  T scale = 64;

  void check() const {
    require(margin >= 0 && margin <= std::numeric_limits<T>::max(), "CosFace: margin is ", margin,
            ", but must be finite and not negative");
    require(scale > 0 && scale <= std::numeric_limits<T>::max(), "CosFace: scale is ", scale,
            ", but must be positive and finite");
  }

  detail::RowOptions<T> options() const { return {.ignores = false}; }

  T operator()(const Row<T>& row, T* slope) const {
    return detail::margin_softmax(row, slope, scale, {row.x[row.label] - margin, T(1)});
  }
};

}  // namespace rule

template <std::floating_point T = float>
using CosFace = Loss<rule::CosFace<T>>;

LOSSES_EXTERN(rule::CosFace);

}  // namespace LOSSES_NAMESPACE
