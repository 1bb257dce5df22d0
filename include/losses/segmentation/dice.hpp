// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/region_set.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Dice loss of a mask: how much of two regions does not coincide, whatever their size.
///
///   hits = Σ p y,  extra = Σ p (1 − y),  missed = Σ (1 − p) y,  D = 2 hits + extra + missed + s
///   value = 1 − (2 hits + s)/(Σ p + Σ y + s) = (extra + missed)/D      slope = (1 − 2y − value)/D
///
/// Prediction and target in [0, 1], of one shape. `DiceWithLogits` takes logits: p = sigmoid(x), slope · p (1 − p).
///
///   smooth      s ≥ 0, in elements
///   per_sample  each sample is a set, and the loss is their mean (or sum); else the whole input is one set
///
/// Two empty masks: value 0, and with s = 0 gradient 0. An empty target against any prediction: Σp/(Σp + s), slope
/// s/(Σp + s)². A perfect mask: 0; small values keep their digits. Weights scale the terms of the sums; with `per_sample`,
/// one per sample scales the sample's value.
///
/// Throws std::invalid_argument for smooth < 0, for a prediction or a target outside [0, 1], and for shapes. Milletari et
/// al. (2016), arXiv:1606.04797, §3, with Σ p in place of Σ p².
template <std::floating_point T, RegionInput prediction = RegionInput::probabilities>
struct Dice {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RegionInput input = prediction;
  static constexpr std::string_view name = region_name(input, "Dice", "DiceWithLogits", "SoftmaxDice");

  T smooth = 1;
  bool per_sample = false;

  void check() const { require_not_negative(name, "smooth", smooth); }

  double value(const Region& r) const { return share(r.wrong(), size(r)); }

  RegionSlope slope(const Region& r) const {
    const double d = size(r);
    return {.inside = share(-1 - value(r), d), .outside = share(share(2 * r.hits + smooth, d), d)};
  }

  double size(const Region& r) const { return 2 * r.hits + r.wrong() + static_cast<double>(smooth); }
};

}  // namespace rule

template <std::floating_point T = float>
using Dice = Loss<rule::Dice<T>>;

template <std::floating_point T = float>
using DiceWithLogits = Loss<rule::Dice<T, rule::RegionInput::logits>>;

LOSSES_EXTERN(rule::Dice);
LOSSES_EXTERN(rule::Dice, rule::RegionInput::logits);

}  // namespace LOSSES_NAMESPACE
