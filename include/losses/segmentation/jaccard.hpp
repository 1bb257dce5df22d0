// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/region_set.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Jaccard loss of a mask: one minus the intersection over union.
///
///   hits = Σ p y,  extra = Σ p (1 − y),  missed = Σ (1 − p) y,  U = hits + extra + missed + s
///   value = 1 − (hits + s)/U = (extra + missed)/U      slope = −1/U at y = 1, (hits + s)/U² at y = 0, linear between
///
/// Prediction and target in [0, 1], of one shape. `JaccardWithLogits` takes logits: p = sigmoid(x), slope · p (1 − p).
///
///   smooth      s ≥ 0, in elements
///   per_sample  each sample is a set, and the loss is their mean (or sum); else the whole input is one set
///
/// Two empty masks: value 0, and with s = 0 gradient 0. A perfect mask of zeros and ones: 0; a soft target is not matched
/// by itself, since Σ p y < Σ y. Weights scale the terms of the sums; with `per_sample`, one per sample scales the sample's
/// value.
///
/// Throws std::invalid_argument for smooth < 0, for a prediction or a target outside [0, 1], and for shapes. Rahman and Wang
/// (2016), doi:10.1007/978-3-319-50835-1_22, eq. (4).
template <std::floating_point T, RegionInput prediction = RegionInput::probabilities>
struct Jaccard {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RegionInput input = prediction;
  static constexpr std::string_view name = region_name(input, "Jaccard", "JaccardWithLogits", "SoftmaxJaccard");

  T smooth = 1;
  bool per_sample = false;

  void check() const { require_not_negative(name, "smooth", smooth); }

  double value(const Region& r) const { return share(r.wrong(), size(r)); }

  RegionSlope slope(const Region& r) const {
    const double u = size(r);
    return {.inside = share(-1, u), .outside = share(share(r.hits + smooth, u), u)};
  }

  double size(const Region& r) const { return r.hits + r.wrong() + static_cast<double>(smooth); }
};

}  // namespace rule

template <std::floating_point T = float>
using Jaccard = Loss<rule::Jaccard<T>>;

template <std::floating_point T = float>
using JaccardWithLogits = Loss<rule::Jaccard<T, rule::RegionInput::logits>>;

LOSSES_EXTERN(rule::Jaccard);
LOSSES_EXTERN(rule::Jaccard, rule::RegionInput::logits);

}  // namespace LOSSES_NAMESPACE
