// SPDX-License-Identifier: MIT
#pragma once

#include <losses/classification/binary_terms.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Binary cross-entropy on probabilities. Where the logits are at hand, BCEWithLogits is exact.
///
///   p = clamp(prediction, ε, 1 − ε)
///   value = −y log p − (1 − y) log(1 − p)      slope = (p − y)/(p (1 − p))      curvature = y/p² + (1 − y)/(1 − p)²
///
/// The slope is the formula's at the clamped p: never 0 because of the clamp. At p = y = 0 or 1: −log(1 − ε), ∓1/(1 − ε); at
/// the wrong end: −log ε, ±1/ε. Prediction and target in [0, 1], soft targets too. ε in (0, 1/2) (1e-7).
/// Throws for a prediction or target outside [0, 1]. Good (1952), doi:10.1111/j.2517-6161.1952.tb00104.x.
template <std::floating_point T>
struct BCE {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument prediction = {"prediction", Domain::unit_interval()};
  static constexpr Argument target = {"target", Domain::unit_interval()};

  T epsilon = T(1e-7);

  void check() const {
    require(epsilon > 0 && epsilon < T(0.5), "BCE: epsilon is ", epsilon, ", but must be in (0, 0.5)");
  }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    return detail::Probability<V>(p, V(epsilon)).cross_entropy(V(1) - y, y);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using BCE = Loss<rule::BCE<T>>;

LOSSES_EXTERN(rule::BCE);

}  // namespace LOSSES_NAMESPACE
