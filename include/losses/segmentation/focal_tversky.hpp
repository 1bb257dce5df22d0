// SPDX-License-Identifier: MIT
#pragma once

#include <losses/segmentation/tversky.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Focal Tversky loss of a mask: a power of the Tversky loss.
///
///   t = (α extra + β missed)/(hits + α extra + β missed + s)
///   value = t^(1/γ)      slope = t^(1/γ − 1)/γ · the slope of Tversky
///
/// Prediction and target in [0, 1], of one shape. `FocalTverskyWithLogits` takes logits: p = sigmoid(x), slope · p (1 − p).
///
///   alpha       α ≥ 0, the cost of what is predicted outside the target
///   beta        β ≥ 0, the cost of what is missed of it
///   gamma       γ > 0: above 1 the power is below 1, and masks that are nearly right keep a slope; 1 is Tversky
///   smooth      s ≥ 0, in elements
///   per_sample  each sample is a set, and the loss is their mean (or sum); else the whole input is one set
///
/// At t = 0: value 0 and gradient 0, though for γ > 1 the slope grows without bound towards it. Two empty masks: value 0,
/// gradient 0. Weights as for Tversky.
///
/// Throws std::invalid_argument for a negative option, γ = 0, a prediction or a target outside [0, 1], and for shapes.
/// Abraham and Khan (2018), arXiv:1810.07842, eq. (4), whose α is the cost of misses, here β.
template <std::floating_point T, RegionInput prediction = RegionInput::probabilities>
struct FocalTversky {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RegionInput input = prediction;
  static constexpr std::string_view name =
      region_name(input, "FocalTversky", "FocalTverskyWithLogits", "SoftmaxTversky");

  T alpha = T(0.3);
  T beta = T(0.7);
  T gamma = T(4) / T(3);
  T smooth = T(0.5);
  bool per_sample = false;

  void check() const {
    require_not_negative(name, "alpha", alpha);
    require_not_negative(name, "beta", beta);
    require(gamma > 0 && gamma <= std::numeric_limits<T>::max(), name, ": gamma is ", gamma,
            ", but must be finite and positive");
    require_not_negative(name, "smooth", smooth);
  }

  double value(const Region& r) const { return std::pow(tversky().value(r), 1 / static_cast<double>(gamma)); }

  RegionSlope slope(const Region& r) const {
    const double t = tversky().value(r), power = 1 / static_cast<double>(gamma);
    const double factor = t == 0 ? 0 : power * std::pow(t, power - 1);
    const RegionSlope of_t = tversky().slope(r);
    return {.inside = factor * of_t.inside, .outside = factor * of_t.outside};
  }

  Tversky<T> tversky() const { return {.alpha = alpha, .beta = beta, .smooth = smooth}; }
};

}  // namespace rule

template <std::floating_point T = float>
using FocalTversky = Loss<rule::FocalTversky<T>>;

template <std::floating_point T = float>
using FocalTverskyWithLogits = Loss<rule::FocalTversky<T, rule::RegionInput::logits>>;

LOSSES_EXTERN(rule::FocalTversky);
LOSSES_EXTERN(rule::FocalTversky, rule::RegionInput::logits);

}  // namespace LOSSES_NAMESPACE
