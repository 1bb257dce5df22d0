// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/class_region.hpp>
#include <losses/segmentation/jaccard.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Jaccard loss of several classes: the softmax of logits against labels, a Jaccard loss for each class.
///
///   p = softmax(x),  y_k = [label = k],  hits_k = Σ p_k y_k,  extra_k = Σ p_k (1 − y_k),  missed_k = Σ (1 − p_k) y_k
///   value_k = (extra_k + missed_k)/(hits_k + extra_k + missed_k + s),  value = Σ_k w_k value_k / c
///   slope_k = p_k (s_k − Σ_j p_j s_j), with s_k = w_k / c · the slope of Jaccard
///
/// Shapes, options, weights, reductions and masked classes as for SoftmaxDice:
///
///   smooth         s ≥ 0, in pixels
///   class_weights  w, one per class or one for all, finite and ≥ 0; none: 1
///   ignore_index   pixels with this label are left out of the sums, and their gradient is 0
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes and options. Rahman and Wang (2016),
/// doi:10.1007/978-3-319-50835-1_22, for each class.
template <std::floating_point T>
struct SoftmaxJaccard {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RegionInput input = RegionInput::softmax;

  T smooth = 1;
  NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  void check() const {
    jaccard().check();
    detail::require_class_weights<T>("SoftmaxJaccard", class_weights);
  }

  double value(const Region& region) const { return jaccard().value(region); }
  RegionSlope slope(const Region& region) const { return jaccard().slope(region); }

  Jaccard<T, input> jaccard() const { return {.smooth = smooth}; }
};

}  // namespace rule

template <std::floating_point T = float>
using SoftmaxJaccard = Loss<rule::SoftmaxJaccard<T>>;

LOSSES_EXTERN(rule::SoftmaxJaccard);

}  // namespace LOSSES_NAMESPACE
