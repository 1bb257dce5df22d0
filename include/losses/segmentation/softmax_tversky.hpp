// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/class_region.hpp>
#include <losses/segmentation/focal_tversky.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Tversky loss of several classes, or with γ a focal one: the softmax of logits against labels, a loss for each class.
///
///   p = softmax(x),  y_k = [label = k],  hits_k = Σ p_k y_k,  extra_k = Σ p_k (1 − y_k),  missed_k = Σ (1 − p_k) y_k
///   t_k = (α extra_k + β missed_k)/(hits_k + α extra_k + β missed_k + s)
///   value_k = t_k^(1/γ),  value = Σ_k w_k value_k / c
///   slope_k = p_k (s_k − Σ_j p_j s_j), with s_k = w_k / c · the slope of FocalTversky
///
/// Shapes, weights, reductions and masked classes as for SoftmaxDice:
///
///   alpha, beta    α, β ≥ 0, the costs of what is predicted outside the class and of what is missed of it
///   gamma          γ > 0; 1 is the Tversky loss, 4/3 the focal one of Abraham and Khan
///   smooth         s ≥ 0, in pixels
///   class_weights  w, one per class or one for all, finite and ≥ 0; none: 1
///   ignore_index   pixels with this label are left out of the sums, and their gradient is 0
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes and options. Salehi et al. (2017),
/// arXiv:1706.05721, eq. (3); Abraham and Khan (2018), arXiv:1810.07842, eq. (4), whose α is here β.
template <std::floating_point T>
struct SoftmaxTversky {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RegionInput input = RegionInput::softmax;

  T alpha = T(0.5);
  T beta = T(0.5);
  T gamma = 1;
  T smooth = T(0.5);
  NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  void check() const {
    focal_tversky().check();
    detail::require_class_weights<T>("SoftmaxTversky", class_weights);
  }

  double value(const Region& region) const { return focal_tversky().value(region); }
  RegionSlope slope(const Region& region) const { return focal_tversky().slope(region); }

  FocalTversky<T, input> focal_tversky() const {
    return {.alpha = alpha, .beta = beta, .gamma = gamma, .smooth = smooth};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using SoftmaxTversky = Loss<rule::SoftmaxTversky<T>>;

LOSSES_EXTERN(rule::SoftmaxTversky);

}  // namespace LOSSES_NAMESPACE
