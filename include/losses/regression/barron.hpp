// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/core/loss.hpp>
#include <losses/core/math.hpp>
#include <losses/regression/residual.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Barron's general robust loss: one kernel from the squared error (α = 2) over pseudo-Huber (1), Cauchy (0) and
/// Geman-McClure (−2) to Welsch (−∞).
///
///   u = (p − y)/c,  b = |α − 2|,  z = u²/b
///   value = b/α ((1 + z)^(α/2) − 1)      slope = u/c (1 + z)^(α/2 − 1)
///   curvature = (1 + z)^(α/2 − 1) (1 + (α − 1) z) / (1 + z) / c²
///
/// α = 2: u²/2; α = 0: log(1 + u²/2); α = −∞: 1 − exp(−u²/2); nothing jumps beside them. At u = 0: 0, 0, 1/c². At ±inf the
/// value is inf for α ≥ 0, else −b/α; the slope ±inf for α > 1, ±1/c for 1, else 0. α < ∞ (1). c > 0 (1), in the units of the
/// target.
/// Barron (2019), doi:10.1109/CVPR.2019.00446, eq. (8).
template <std::floating_point T>
struct Barron {
  using Scalar = T;
  using Shape = per_element;

  T alpha = 1;
  T scale = 1;

  void check() const {
    require(alpha < std::numeric_limits<T>::infinity(), "Barron: alpha is ", alpha, ", but must be less than infinity");
    require(scale > 0, "Barron: scale is ", scale, ", but must be positive");
  }

  template <class V>
  LOSSES_INLINE Terms<V> operator()(V p, V y) const {
    constexpr T epsilon = std::numeric_limits<T>::epsilon();
    if (alpha == 2) return quadratic(p, y);
    if (alpha == 1) return pseudo_huber(p, y);
    if (alpha < -1 / (epsilon * epsilon)) return exponential(p, y);
    const V c(scale);
    const V b(alpha > 2 ? alpha - 2 : 2 - alpha);
    const V m(alpha / 2 - 1);
    const V root_b = sqrt(b);
    const auto [q, far] = detail::residual_ratio(p, y, c * root_b);
    const V w = q * q;  // z, or 1/z where far
    const V log_1w = log1p_unit(w);
    const V log_q = log(q);
    const V log_1z = log_1w - where(far, V(2) * log_q, V(0));
    const V u = abs(p - y) / c;
    const V h = exp(V(0.5) * m * log_1z);  // √((1 + z)^m): its square may vanish where u h² does not
    V value;
    if (alpha > T(1.5)) {
      // (1 + z)^(α/2) as (1 + z) h²: beside α = 2 the form below loses the digits that 1/b multiplies.
      value = where(isinf(u), u, u * h * (u * h / V(alpha)) + b / V(alpha) * expm1(m * log_1z));
    } else {
      const V t = V(alpha / 2) * log_1z;
      value = where(abs(t) > V(epsilon / 4), b / V(alpha) * expm1(t), V(0.5) * b * log_1z);
    }
    // Where far, u (1 + z)^m is √b g², which is never inf·0.
    const V tail = where(far, V(alpha - 1) * log_q, V(0));
    const V g = exp(V(0.5) * (m * log_1w - tail));
    const V bend = where(far, w + V(alpha - 1), V(1) + V(alpha - 1) * w) / (V(1) + w);
    return {
        .value = value, .slope = copysign(where(far, root_b, u) / c * g * g, p - y), .curvature = h * bend * h / c / c};
  }

 private:
  /// u²/2
  template <class V>
  Terms<V> quadratic(V p, V y) const {
    const V c(scale);
    const V u = (p - y) / c;
    return {.value = V(0.5) * u * u, .slope = detail::scaled_residual(V(1) / c / c, p, y), .curvature = V(1) / c / c};
  }

  /// √(1 + u²) − 1
  template <class V>
  Terms<V> pseudo_huber(V p, V y) const {
    const V c(scale);
    const auto [q, far] = detail::residual_ratio(p, y, c);
    const V w = q * q;
    const V root = sqrt(V(1) + w);
    return {.value = where(far, V(1), w) / where(far, q * (root + q), root + V(1)),
            .slope = copysign(where(far, V(1), q) / root / c, p - y),
            .curvature = where(far, q * w, V(1)) / (root * root * root) / c / c};
  }

  /// 1 − exp(−u²/2)
  template <class V>
  Terms<V> exponential(V p, V y) const {
    const V c(scale);
    const V u = clamp((p - y) / c, V(-40), V(40));  // beyond it the power is 0, and inf·0 is none
    const V w = V(0.5) * u * u;
    const V h = exp_nonpos(V(-0.5) * w);
    return {.value = -expm1(-w), .slope = u * h * h / c, .curvature = (V(1) - u * u) * h * h / c / c};
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Barron = Loss<rule::Barron<T>>;

LOSSES_EXTERN(rule::Barron);

}  // namespace LOSSES_NAMESPACE
