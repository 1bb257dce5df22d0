// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/ranked_set.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// The Lovász extension of the Jaccard loss: Σ e d over the errors e in falling order, where d is by how much the Jaccard
/// loss of the errors so far grows with each. With H of the P positives and E negatives wrong so far, the loss is
/// (H + E)/(P + E): a positive adds w/(P + E), a negative w (P − H)/((P + E)(P + E + w)).
template <class T>
double jaccard_extension(const Ranking<T>& errors, T* slopes) {
  double value = 0, right = errors.positives, all = errors.positives;
  for (const std::uint32_t i : errors.order) {
    const double w = static_cast<double>(errors.weight[i]);
    double d = 0;
    if (errors.target[i] > 0) {
      d = w / all;
      right -= w;
    } else {
      d = all == 0 ? 1 : w * std::max(right, 0.0) / (all * (all + w));
      all += w;
    }
    slopes[i] = static_cast<T>(d);
    if (d != 0) value += d * static_cast<double>(errors.error[i]);
  }
  return value;
}

/// Lovász hinge of a mask: the convex surrogate of the Jaccard loss, on scores.
///
///   e = 1 − (2y − 1) x,  value = Σ_k max(e_(k), 0) (Δ_k − Δ_(k−1)) over the errors in falling order
///   slope = −(2y − 1)(Δ_k − Δ_(k−1)) at rank k where e > 0, else 0
///
/// Δ_k is the Jaccard loss of a prediction that is wrong for the first k elements alone. Prediction: scores of any size,
/// above 0 for the mask; target 0 or 1, of its shape.
///
///   per_sample  each sample is a set, and the loss is their mean (or sum); else the whole input is one set
///
/// An error of 0 has slope 0; of equal errors the first is ranked first, whatever the storage. All scores right by a margin
/// of 1: 0. A mask without positives: its largest error alone counts. A weight is that many elements; with `per_sample`, one
/// per sample scales the sample's value. Time O(n), by a radix sort; allocates O(n); there is no `partial`.
///
/// Throws std::invalid_argument for a target that is neither 0 nor 1, for shapes, and for a set of 2^32 elements or more.
/// Berman et al. (2018), arXiv:1705.08790, eq. (9) and Algorithm 1.
template <std::floating_point T>
struct Lovasz {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RankingInput input = RankingInput::hinge;

  bool per_sample = false;

  double extension(const Ranking<T>& errors, T* slopes) const { return jaccard_extension(errors, slopes); }
};

}  // namespace rule

template <std::floating_point T = float>
using Lovasz = Loss<rule::Lovasz<T>>;

LOSSES_EXTERN(rule::Lovasz);

}  // namespace LOSSES_NAMESPACE
