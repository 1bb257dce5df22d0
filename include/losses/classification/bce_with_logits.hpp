// SPDX-License-Identifier: MIT
#pragma once

#include <limits>
#include <string_view>

#include <losses/classification/binary_terms.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Binary cross-entropy on logits: the loss of two classes, and of each label of several.
///
///   p = σ(x),  w = pos_weight
///   value = (1 − y) softplus(x) + w y softplus(−x)
///   slope = (1 − y) p − w y (1 − p)      curvature = (1 − y + w y) p (1 − p)
///
/// At x = 0: log 2, and the slope is 1/2 for y = 0 and −w/2 for y = 1. At ±inf: 0 with slope 0 on the right side, else inf
/// with slope 1 or −w. Targets in [0, 1], soft ones too. pos_weight (1), finite and ≥ 0: a number, or one per label of a prediction
/// [n × l]; the mean divides by the number of terms whatever it is.
/// Throws for a target outside [0, 1]. As torch.nn.BCEWithLogitsLoss.
template <std::floating_point T>
struct BCEWithLogits {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::unit_interval()};
  static constexpr std::string_view column_parameter_name = "pos_weight";

  NumberOrVector<T> pos_weight = 1;

  const NumberOrVector<T>& column_parameter() const { return pos_weight; }

  void check() const { detail::check_pos_weight("BCEWithLogits", pos_weight); }

  template <class V>
  Terms<V> operator()(V x, V y, V w) const {
    return last(x, y, w, first(x, y));
  }

  template <class V>
  V first(V x, V) const {
    return detail::Logit<V>::exp_of(x);
  }
  template <class V>
  Terms<V> last(V x, V y, V w, V e) const {
    return detail::Logit<V>(x, e).cross_entropy(V(1) - y, w * y);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using BCEWithLogits = Loss<rule::BCEWithLogits<T>>;

LOSSES_EXTERN(rule::BCEWithLogits);

}  // namespace LOSSES_NAMESPACE
