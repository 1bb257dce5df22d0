// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/class_region.hpp>
#include <losses/segmentation/dice.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Dice loss of several classes: the softmax of logits against labels, a Dice loss for each class.
///
///   p = softmax(x),  y_k = [label = k],  hits_k = Σ p_k y_k,  extra_k = Σ p_k (1 − y_k),  missed_k = Σ (1 − p_k) y_k
///   value_k = (extra_k + missed_k)/(2 hits_k + extra_k + missed_k + s),  value = Σ_k w_k value_k / c
///   slope_k = p_k (s_k − Σ_j p_j s_j), with s_k = w_k / c · the slope of Dice
///
/// Prediction [n × c] or [n, c, d1, …]; labels [n] or [n, d1, …] in [0, c). The sums run over the batch and space.
///
///   smooth         s ≥ 0, in pixels
///   class_weights  w, one per class or one for all, finite and ≥ 0; none: 1. The divisor is c all the same
///   ignore_index   pixels with this label are left out of the sums, and their gradient is 0
///
/// The sets are the classes: `sum` is Σ_k w_k value_k, and `unreduced` has the c values w_k value_k. A class without pixels
/// costs extra/(extra + s). Weights are one per pixel or per sample. A logit of −inf is a masked class, with probability and
/// gradient 0; one of +inf has probability 1; two: NaN. Nothing kept: 0.
///
/// Throws std::out_of_range for a label, std::invalid_argument for shapes and options. Milletari et al. (2016),
/// arXiv:1606.04797, §3, with Σ p in place of Σ p²; as MONAI's DiceLoss of a softmax over the batch.
template <std::floating_point T>
struct SoftmaxDice {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RegionInput input = RegionInput::softmax;

  T smooth = 1;
  NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  void check() const {
    dice().check();
    detail::require_class_weights<T>("SoftmaxDice", class_weights);
  }

  double value(const Region& region) const { return dice().value(region); }
  RegionSlope slope(const Region& region) const { return dice().slope(region); }

  Dice<T, input> dice() const { return {.smooth = smooth}; }
};

}  // namespace rule

template <std::floating_point T = float>
using SoftmaxDice = Loss<rule::SoftmaxDice<T>>;

LOSSES_EXTERN(rule::SoftmaxDice);

}  // namespace LOSSES_NAMESPACE
