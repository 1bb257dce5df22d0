// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/ranked_classes.hpp>
#include <losses/segmentation/lovasz.hpp>

namespace LOSSES_NAMESPACE {

/// Which classes LovaszSoftmax averages: those that some pixel has, or all.
enum class LovaszClasses : std::uint8_t { present, all };

namespace rule {

/// Lovász softmax: the surrogate of the mean intersection over union of several classes.
///
///   p = softmax(x),  e_k = |[label = k] − p_k|,  value_k = Σ_i e_(i) (Δ_i − Δ_(i−1)) over the errors in falling order
///   value = Σ_k w_k value_k / (number of classes),  slope_k = p_k (s_k − Σ_j p_j s_j), s = ±(Δ_i − Δ_(i−1)) at rank i
///
/// Δ_i is the Jaccard loss of a class that is wrong for the first i pixels alone. Prediction [n × c] or [n, c, d1, …];
/// labels [n] or [n, d1, …] in [0, c). Errors are ranked over the batch and space.
///
///   classes        LovaszClasses::present: those with a pixel that is kept; or all
///   class_weights  w, one per class or one for all, finite and ≥ 0; none: 1
///   ignore_index   pixels with this label are left out, and their gradient is 0
///
/// The sets are the classes: `sum` is Σ_k w_k value_k, and `unreduced` has the c values. Of equal errors the first pixel's
/// is ranked first, whatever the storage. A weight is that many pixels. Masked classes as for SoftmaxDice; nothing kept: 0.
/// Time O(n c), by a radix sort of each class; allocates O(n c); there is no `partial`.
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes, options, and 2^32 pixels or more. Berman et al.
/// (2018), arXiv:1705.08790, eq. (11) and Algorithm 1.
template <std::floating_point T>
struct LovaszSoftmax {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RankingInput input = RankingInput::softmax;

  LovaszClasses classes = LovaszClasses::present;
  NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  void check() const {
    detail::require_named(classes, LovaszClasses::all, "LovaszSoftmax", "classes", "LovaszClasses");
    detail::require_class_weights<T>("LovaszSoftmax", class_weights);
  }

  bool counts_absent_classes() const { return classes == LovaszClasses::all; }

  double extension(const Ranking<T>& errors, T* slopes) const { return jaccard_extension(errors, slopes); }
};

}  // namespace rule

template <std::floating_point T = float>
using LovaszSoftmax = Loss<rule::LovaszSoftmax<T>>;

LOSSES_EXTERN(rule::LovaszSoftmax);

}  // namespace LOSSES_NAMESPACE
