// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <losses/metric/margin_softmax.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// ArcFace: softmax over the cosines to the class centres, the label's angle θ made larger by a margin.
///
///   t = cos(θ + m) = c cos m − sin θ sin m,  c = x_y = cos θ,  sin θ = sqrt((1 − c)(1 + c))      while θ + m < π
///   t = c − m sin m                                                                              beyond
///   value = −log( exp(s t) / (exp(s t) + Σ_{j ≠ y} exp(s x_j)) )
///   slope_j = s p_j,  slope_y = −s (1 − p_y) dt/dc,  dt/dc = cos m + c sin m / sin θ, or 1 beyond
///
/// (cosines [n × c], labels [n] in [0, c)), or [n, c, d1, …] and [n, d1, …]. A cosine past ±1 by rounding has sin θ = 0.
/// At c = 1, where the slope has no bound, dt/dc is cos m.
///
///   margin  m in [0, π/2], in radians (0.5)
///   scale   s > 0 (64)
///
/// mean is over the samples. NaN in, NaN out. Small values keep their digits. Throws std::out_of_range for a label,
/// std::invalid_argument for shapes and options.
/// Deng et al. (2019), arXiv:1801.07698, eq. (3); beyond π as in the authors' code, without easy margin.
template <std::floating_point T>
struct ArcFace {
  using Scalar = T;
  using Shape = per_row;
  using Target = Label;

  T margin = T(0.5);
  T scale = 64;

  void check() const {
    require(margin >= 0 && margin <= T(1.57079632679489661923), "ArcFace: margin is ", margin,
            ", but must be in [0, π/2]");
    require(scale > 0 && scale <= std::numeric_limits<T>::max(), "ArcFace: scale is ", scale,
            ", but must be positive and finite");
  }

  detail::RowOptions<T> options() const { return {.ignores = false}; }

  T operator()(const Row<T>& row, T* slope) const {
    return detail::margin_softmax(row, slope, scale, target_of(row.x[row.label]));
  }

 private:
  detail::MarginTarget<T> target_of(T cosine) const {
    const double c = static_cast<double>(cosine), m = static_cast<double>(margin);
    const double cos_m = std::cos(m), sin_m = std::sin(m);
    if (c <= -cos_m) return {static_cast<T>(c - m * sin_m), T(1)};
    if (c >= 1) return {static_cast<T>(c * cos_m), static_cast<T>(cos_m)};
    const double sine = std::sqrt((1 - c) * (1 + c));
    return {static_cast<T>(c * cos_m - sine * sin_m), static_cast<T>(cos_m + c * sin_m / sine)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using ArcFace = Loss<rule::ArcFace<T>>;

LOSSES_EXTERN(rule::ArcFace);

}  // namespace LOSSES_NAMESPACE
