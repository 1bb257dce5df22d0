// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Kullback-Leibler divergence of a target distribution from a model that gives log-probabilities: for distillation, soft labels.
///
///   value = y (log y − x)         slope = −y           with probabilities y
///   value = exp(y) (y − x)        slope = −exp(y)      with log_target: y are log-probabilities
///
/// Prediction x = log p [n × c] or of any shape, target of the same shape. A term for each element: mean divides by n·c,
/// Reduction::batch_mean by n is the divergence of the definition.
///
///   log_target  (false) whether the target holds log-probabilities
///
/// A class whose target probability is 0 gives 0 with slope 0, whatever x holds; x = −inf elsewhere gives +inf.
///
/// Throws for a target probability outside [0, 1]. As PyTorch's kl_div; Kullback and Leibler (1951),
/// doi:10.1214/aoms/1177729694.
template <std::floating_point T>
struct KLDivergence {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::unit_interval()};

  bool log_target = false;

  bool checks_domains() const { return !log_target; }

  template <class V>
  Terms<V> operator()(V x, V y) const {
    const V q = log_target ? exp(y) : y;
    const V log_q = log_target ? y : log(y);
    const auto absent = q == V(0);
    return {.value = where(absent, V(0), q * (log_q - x)),
            .slope = where(absent, V(0), where(x == x, -q, x)),
            .curvature = where(absent | ((x == x) & (q == q)), V(0), x + q)};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using KLDivergence = Loss<rule::KLDivergence<T>>;

LOSSES_EXTERN(rule::KLDivergence);

}  // namespace LOSSES_NAMESPACE
