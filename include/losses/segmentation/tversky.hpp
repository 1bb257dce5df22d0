// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/region_set.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Tversky loss of a mask: false alarms and misses have costs of their own.
///
///   hits = Σ p y,  extra = Σ p (1 − y),  missed = Σ (1 − p) y,  D = hits + α extra + β missed + s
///   value = 1 − (hits + s)/D = (α extra + β missed)/D
///   slope = −(value + β (1 − value))/D at y = 1, α (1 − value)/D at y = 0, linear between
///
/// Prediction and target in [0, 1], of one shape. `TverskyWithLogits` takes logits: p = sigmoid(x), slope · p (1 − p).
///
///   alpha       α ≥ 0, the cost of what is predicted outside the target
///   beta        β ≥ 0, the cost of what is missed of it; β > α for small targets
///   smooth      s ≥ 0, in elements
///   per_sample  each sample is a set, and the loss is their mean (or sum); else the whole input is one set
///
/// α = β = ½ is Dice of twice the smooth: with both at their defaults, Dice. α = β = 1 is Jaccard of the same smooth. Two
/// empty masks: value 0, and with s = 0 gradient 0. Weights scale the terms of the sums; with `per_sample`, one per sample
/// scales the sample's value.
///
/// Throws std::invalid_argument for a negative option, for a prediction or a target outside [0, 1], and for shapes. Salehi
/// et al. (2017), arXiv:1706.05721, eq. (3); smooth as in MONAI's TverskyLoss.
template <std::floating_point T, RegionInput prediction = RegionInput::probabilities>
struct Tversky {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RegionInput input = prediction;
  static constexpr std::string_view name = region_name(input, "Tversky", "TverskyWithLogits", "SoftmaxTversky");

  T alpha = T(0.5);
  T beta = T(0.5);
  T smooth = T(0.5);
  bool per_sample = false;

  void check() const {
    require_not_negative(name, "alpha", alpha);
    require_not_negative(name, "beta", beta);
    require_not_negative(name, "smooth", smooth);
  }

  double value(const Region& r) const { return share(wrong(r), size(r)); }

  RegionSlope slope(const Region& r) const {
    const double d = size(r), rest = share(r.hits + smooth, d);
    return {.inside = share(-(value(r) + beta * rest), d), .outside = share(alpha * rest, d)};
  }

  double wrong(const Region& r) const { return alpha * r.extra + beta * r.missed; }
  double size(const Region& r) const { return r.hits + wrong(r) + static_cast<double>(smooth); }
};

}  // namespace rule

template <std::floating_point T = float>
using Tversky = Loss<rule::Tversky<T>>;

template <std::floating_point T = float>
using TverskyWithLogits = Loss<rule::Tversky<T, rule::RegionInput::logits>>;

LOSSES_EXTERN(rule::Tversky);
LOSSES_EXTERN(rule::Tversky, rule::RegionInput::logits);

}  // namespace LOSSES_NAMESPACE
