// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Negative log-likelihood: cross-entropy of a model that gives log-probabilities.
///
///   value = −w_y x_y      slope_j = −w_y [j = y]
///
/// Prediction [n × c] or [n, c, d1, …] of log-probabilities, which are not normalised here; target integer labels [n] or
/// [n, d1, …] in [0, c). For logits take CrossEntropy, which is this of their log-softmax.
///
///   class_weights  w, one per class, finite and ≥ 0; none: 1
///   ignore_index   (−100) samples with this label are left out of the value, the gradient and the mean
///
/// mean divides by Σ w_y over the kept samples; nothing kept: 0. At x_y = −inf: +inf with slope −w_y. The other classes are
/// never read, whatever they hold.
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes and options. As PyTorch's nll_loss.
template <std::floating_point T>
struct NLL {
  using Scalar = T;
  using Shape = per_row;
  using Target = Label;
  static constexpr bool takes_stride = true;

  NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  void check() const { detail::require_class_weights("NLL", class_weights); }
  detail::RowOptions<T> options() const { return {.class_weights = &class_weights, .ignore_index = ignore_index}; }

  T operator()(const Row<T>& row, T* slope) const {
    const T log_p = row.x[row.label * row.stride];
    if (slope != nullptr) {
      std::fill_n(slope, row.size, T(0));
      slope[row.label] = std::isnan(log_p) ? log_p : T(-1);
    }
    return -log_p;
  }

  void curvature(const Row<T>& row, T* curvature) const {
    std::fill_n(curvature, row.size, T(0));
    if (const T x = row.x[row.label * row.stride]; std::isnan(x)) curvature[row.label] = x;
  }
};

}  // namespace rule

template <std::floating_point T = float>
using NLL = Loss<rule::NLL<T>>;

LOSSES_EXTERN(rule::NLL);

}  // namespace LOSSES_NAMESPACE
