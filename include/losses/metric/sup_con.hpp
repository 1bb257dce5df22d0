// SPDX-License-Identifier: MIT
#pragma once

#include <losses/metric/pair_softmax.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Supervised contrastive loss: draws the rows of a class together on the unit sphere, and all others away.
///
///   s_ij = cosine of rows i and j,  P(i) = the other rows with label i,  A(i) = all rows but i
///   value_i = −1/|P(i)| Σ_{p ∈ P(i)} log( exp(s_ip/τ) / Σ_{a ∈ A(i)} exp(s_ia/τ) ),  0 where P(i) is empty
///   slope by s_ij = (softmax_j − [j ∈ P(i)]/|P(i)|) / τ
///
/// (features [n × d], labels [n]); rows are normalised inside and the gradient goes through it. Labels are integers of
/// any width and value.
///
///   temperature   τ > 0 (0.1)
///   include_self  the anchor stays in its own denominator (false)
///   valid_only    mean is over the anchors that have a positive (false: over all n)
///
/// A zero row has cosine 0 to every row, and gradient 0. No pair, or an empty batch: 0. A NaN or an infinity anywhere:
/// NaN. Never negative. Memory O(n); value and gradient cost three matrix products. Throws std::invalid_argument for
/// shapes and options.
/// Khosla et al. (2020), arXiv:2004.11362, eq. (2), L_out.
template <std::floating_point T>
struct SupCon {
  using Scalar = T;
  using Shape = per_batch;
  static constexpr Pairs pairs = Pairs::cosines;
  static constexpr Argument prediction = {"features"};

  T temperature = T(0.1);
  bool include_self = false;
  bool valid_only = false;

  void check() const {
    require(temperature > 0 && temperature <= std::numeric_limits<T>::max(), "SupCon: temperature is ", temperature,
            ", but must be positive and finite");
    require(temperature >= std::numeric_limits<T>::min(), "SupCon: temperature is ", temperature,
            ", but must not be below the normal numbers");
  }

  AnchorTerm operator()(detail::BatchRow<T>& row) const {
    AnchorTerm term = detail::pair_softmax(row, static_cast<double>(temperature), include_self);
    if (valid_only && row.positives == 0) term.weight = 0;
    return term;
  }
};

}  // namespace rule

template <std::floating_point T = float>
using SupCon = Loss<rule::SupCon<T>>;

LOSSES_EXTERN(rule::SupCon);

}  // namespace LOSSES_NAMESPACE
