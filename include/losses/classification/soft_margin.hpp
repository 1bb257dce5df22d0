// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/classification/binary_terms.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Soft margin loss: the logistic loss of targets −1 and +1, a hinge without a corner.
///
///   z = margin − y x
///   value = log(1 + exp z)      slope = −y σ(z)      curvature = σ(z) (1 − σ(z))
///
/// At z = 0: log 2, −y/2, 1/4. At y x = inf: 0, 0; at −inf: inf, −y. Targets −1 or +1. margin finite and ≥ 0 (0, which is
/// torch.nn.SoftMarginLoss).
/// Throws for any other target. Cox (1958), doi:10.1111/j.2517-6161.1958.tb00292.x.
template <std::floating_point T>
struct SoftMargin {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::signs()};

  T margin = 0;

  void check() const {
    require(margin >= 0 && margin <= std::numeric_limits<T>::max(), "SoftMargin: margin is ", margin,
            ", but must be finite and not negative");
  }

  template <class V>
  Terms<V> operator()(V x, V y) const {
    return last(x, y, first(x, y));
  }

  template <class V>
  V first(V x, V y) const {
    return detail::Logit<V>::exp_of(V(margin) - y * x);
  }
  template <class V>
  Terms<V> last(V x, V y, V e) const {
    auto terms = detail::Logit<V>(V(margin) - y * x, e).cross_entropy(V(1), V(0));
    terms.slope = -y * terms.slope;
    return terms;
  }
};

}  // namespace rule

template <std::floating_point T = float>
using SoftMargin = Loss<rule::SoftMargin<T>>;

LOSSES_EXTERN(rule::SoftMargin);

}  // namespace LOSSES_NAMESPACE
