// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Poisson negative log-likelihood: of counts y, given the log of their rate, or the rate itself.
///
///   log_input       value = exp(p) − y p           slope = exp(p) − y         curvature = exp(p)
///   not log_input   value = p − y log(p + ε)       slope = 1 − y/(p + ε)      curvature = y/(p + ε)²
///   full            adds Stirling's y log y − y + log(2π y)/2 for y > 1, without a part in the slope
///
/// Smallest where the rate is y, with slope 0. log_input (true), full (false), ε ≥ 0 (1e-8). y ≥ 0: a negative target is
/// refused, a negative rate gives NaN. At p = inf: inf; a log of −inf with y = 0: 0, 0, 0.
/// As torch.nn.PoissonNLLLoss.
template <std::floating_point T>
struct Poisson {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::not_negative()};

  bool log_input = true;
  bool full = false;
  T epsilon = T(1e-8);

  void check() const { require(epsilon >= 0, "Poisson: epsilon is ", epsilon, ", but must not be negative"); }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    V log_y(0), half_log(0);  // Stirling: y (log y − 1) joins y log(rate), so that neither overflows alone
    if (full) {
      const V l = log(y);
      log_y = where(y > V(1), l - V(1), V(0));
      half_log = where(y > V(1), V(0.5) * l + V(0.91893853320467274178), V(0));
    }
    return log_input ? of_log_rate(p, y, log_y, half_log) : of_rate(p, y, log_y, half_log);
  }

 private:
  template <class V>
  static Terms<V> of_log_rate(V p, V y, V log_y, V half_log) {
    // From 80 on in units of exp(16), where the exp and y p do not overflow before their difference does.
    const auto high = p > V(80);
    const V unit = where(high, V(8886110.5205078726368), V(1));
    const V log_rate = min_number(V(1e4), p);
    const V e = exp(where(high, log_rate - V(16), p));
    const V expected = where(y == V(0), V(0), y / unit * (where(high, log_rate, p) - log_y));
    return {.value = (e - expected) * unit + half_log, .slope = (e - y / unit) * unit, .curvature = e * unit};
  }

  template <class V>
  Terms<V> of_rate(V p, V y, V log_y, V half_log) const {
    constexpr auto infinity = std::numeric_limits<typename V::Scalar>::infinity();
    const V rate = where(p < V(0), V(std::numeric_limits<typename V::Scalar>::quiet_NaN()), p);
    const V d = rate + V(epsilon);
    const V expected = where(y == V(0), V(0), y * (log(d) - log_y));
    const V ratio = where((y == V(0)) & (d == V(0)), V(0), y / d);
    return {.value = where(p == V(infinity), p + y, rate - expected + half_log),
            .slope = V(1) - ratio,
            .curvature = ratio / d};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Poisson = Loss<rule::Poisson<T>>;

LOSSES_EXTERN(rule::Poisson);

}  // namespace LOSSES_NAMESPACE
