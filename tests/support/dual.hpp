// SPDX-License-Identifier: MIT
#pragma once

/// Forward-mode dual numbers of second order over long double: the oracle for gradients and curvatures.
///
/// A Jet is (f, f', f'') in one variable. It goes through a reference's formula, or directly through a rule in place of
/// Lanes. `kink` says that the value was taken where the formula has two slopes: such points are tested by hand.

#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>

namespace losses_test {

using Real = long double;

/// The mask of a Jet: a bool with the operations that masks of Lanes have.
struct Truth {
  bool value = false;

  constexpr operator bool() const { return value; }
  friend constexpr Truth operator&(Truth a, Truth b) { return {a.value && b.value}; }
  friend constexpr Truth operator|(Truth a, Truth b) { return {a.value || b.value}; }
  friend constexpr Truth operator^(Truth a, Truth b) { return {a.value != b.value}; }
  friend constexpr Truth operator!(Truth a) { return {!a.value}; }
  friend constexpr bool any(Truth a) { return a.value; }
  friend constexpr bool all(Truth a) { return a.value; }
};

struct Jet {
  using Scalar = Real;
  static constexpr int size = 1;

  Real f = 0;
  Real d = 0;
  Real dd = 0;
  bool kink = false;

  constexpr Jet() = default;
  template <class Number>
    requires std::is_arithmetic_v<Number>
  constexpr Jet(Number value) : f(static_cast<Real>(value)) {}
  constexpr Jet(Real value, Real first, Real second, bool at_kink = false)
      : f(value), d(first), dd(second), kink(at_kink) {}

  static constexpr Jet variable(Real value) { return {value, 1, 0}; }

  /// A derivative that is exactly 0 stays 0 beside an infinite factor: the variable does not occur.
  static constexpr Real times(Real a, Real b) { return a == 0 || b == 0 ? Real(0) : a * b; }

  /// g(a), given g, g' and g'' at a.
  static constexpr Jet chain(const Jet& a, Real g, Real g1, Real g2) {
    return {g, times(g1, a.d), times(g2, times(a.d, a.d)) + times(g1, a.dd), a.kink};
  }

  friend constexpr Jet operator+(const Jet& a, const Jet& b) {
    return {a.f + b.f, a.d + b.d, a.dd + b.dd, a.kink || b.kink};
  }
  friend constexpr Jet operator-(const Jet& a, const Jet& b) {
    return {a.f - b.f, a.d - b.d, a.dd - b.dd, a.kink || b.kink};
  }
  friend constexpr Jet operator-(const Jet& a) { return {-a.f, -a.d, -a.dd, a.kink}; }
  friend constexpr Jet operator+(const Jet& a) { return a; }
  friend constexpr Jet operator*(const Jet& a, const Jet& b) {
    return {a.f * b.f, times(a.d, b.f) + times(a.f, b.d), times(a.dd, b.f) + 2 * times(a.d, b.d) + times(a.f, b.dd),
            a.kink || b.kink};
  }
  friend Jet operator/(const Jet& a, const Jet& b) {
    if (b.d == 0 && b.dd == 0) {
      return {a.f / b.f, a.d == 0 ? 0 : a.d / b.f, a.dd == 0 ? 0 : a.dd / b.f, a.kink || b.kink};
    }
    const Jet inverse = chain(b, 1 / b.f, -1 / (b.f * b.f), 2 / (b.f * b.f * b.f));
    Jet quotient = a * inverse;
    quotient.f = a.f / b.f;
    return quotient;
  }
  Jet& operator+=(const Jet& b) { return *this = *this + b; }
  Jet& operator-=(const Jet& b) { return *this = *this - b; }
  Jet& operator*=(const Jet& b) { return *this = *this * b; }
  Jet& operator/=(const Jet& b) { return *this = *this / b; }

  friend constexpr Truth operator<(const Jet& a, const Jet& b) { return {a.f < b.f}; }
  friend constexpr Truth operator<=(const Jet& a, const Jet& b) { return {a.f <= b.f}; }
  friend constexpr Truth operator>(const Jet& a, const Jet& b) { return {a.f > b.f}; }
  friend constexpr Truth operator>=(const Jet& a, const Jet& b) { return {a.f >= b.f}; }
  friend constexpr Truth operator==(const Jet& a, const Jet& b) { return {a.f == b.f}; }
  friend constexpr Truth operator!=(const Jet& a, const Jet& b) { return {a.f != b.f}; }

  friend Truth isnan(const Jet& a) { return {std::isnan(a.f)}; }
  friend Truth isfinite(const Jet& a) { return {std::isfinite(a.f)}; }
  friend Truth isinf(const Jet& a) { return {std::isinf(a.f)}; }

  friend constexpr Jet where(Truth mask, const Jet& a, const Jet& b) { return mask ? a : b; }

  friend Jet abs(const Jet& a) {
    if (a.f == 0) return {0, 0, 0, a.kink || a.d != 0};
    return std::signbit(a.f) ? -a : a;
  }
  friend Jet max(const Jet& a, const Jet& b) { return extreme(a, b, a.f > b.f); }
  friend Jet min(const Jet& a, const Jet& b) { return extreme(a, b, a.f < b.f); }
  friend Jet max_number(const Jet& a, const Jet& b) { return extreme(a, b, a.f > b.f || std::isnan(b.f)); }
  friend Jet min_number(const Jet& a, const Jet& b) { return extreme(a, b, a.f < b.f || std::isnan(b.f)); }
  friend Jet clamp(const Jet& x, const Jet& low, const Jet& high) { return min(max(x, low), high); }
  friend Jet copysign(const Jet& magnitude, const Jet& sign) {
    const Jet positive = abs(magnitude);
    const Jet result = std::signbit(sign.f) ? -positive : positive;
    return {result.f, result.d, result.dd, result.kink || sign.kink || (sign.f == 0 && sign.d != 0)};
  }

  friend Jet exp(const Jet& a) {
    const Real e = std::exp(a.f);
    return chain(a, e, e, e);
  }
  friend Jet exp_nonpos(const Jet& a) { return exp(a); }
  friend Jet expm1(const Jet& a) {
    const Real e = std::exp(a.f);
    return chain(a, std::expm1(a.f), e, e);
  }
  friend Jet log(const Jet& a) { return chain(a, std::log(a.f), 1 / a.f, -1 / a.f / a.f); }
  friend Jet log1p(const Jet& a) {
    const Real x = 1 + a.f;
    return chain(a, std::log1p(a.f), 1 / x, -1 / x / x);
  }
  friend Jet log1p_unit(const Jet& a) { return log1p(a); }
  friend Jet sqrt(const Jet& a) {
    const Real root = std::sqrt(a.f);
    return chain(a, root, Real(0.5) / root, Real(-0.25) / (root * a.f));
  }
  friend Jet sinh(const Jet& a) { return chain(a, std::sinh(a.f), std::cosh(a.f), std::sinh(a.f)); }
  friend Jet cosh(const Jet& a) { return chain(a, std::cosh(a.f), std::sinh(a.f), std::cosh(a.f)); }
  friend Jet tanh(const Jet& a) {
    const Real t = std::tanh(a.f);
    const Real sech = 1 / std::cosh(a.f);
    return chain(a, t, sech * sech, -2 * t * sech * sech);
  }
  friend Jet sigmoid(const Jet& a) {
    const Real s = 1 / (1 + std::exp(-a.f));
    const Real rest = 1 / (1 + std::exp(a.f));
    return chain(a, s, s * rest, s * rest * (rest - s));
  }
  friend Jet softplus(const Jet& a) {
    const Real s = 1 / (1 + std::exp(-a.f));
    const Real rest = 1 / (1 + std::exp(a.f));
    const Real value = a.f > 40 ? a.f + std::exp(-a.f) : std::log1p(std::exp(a.f));
    return chain(a, value, s, s * rest);
  }
  friend Jet atan(const Jet& a) {
    const Real w = 1 / (1 + a.f * a.f);
    return chain(a, std::atan(a.f), w, -2 * a.f * w * w);
  }
  /// a^b for a constant b: the derivative in the exponent is not followed.
  friend Jet pow(const Jet& a, const Jet& b) {
    const Real g = std::pow(a.f, b.f);
    if (a.d == 0 && a.dd == 0) return Jet(g);
    const Real g1 = b.f == 0 ? 0 : b.f * std::pow(a.f, b.f - 1);
    const Real g2 = b.f == 0 || b.f == 1 ? 0 : b.f * (b.f - 1) * std::pow(a.f, b.f - 2);
    return chain(a, g, g1, g2);
  }
  friend Jet fma(const Jet& a, const Jet& b, const Jet& c) { return a * b + c; }

 private:
  static Jet extreme(const Jet& a, const Jet& b, bool first) {
    if (std::isnan(a.f)) return a;
    if (std::isnan(b.f)) return b;
    if (a.f == b.f) return {a.f, (a.d + b.d) / 2, (a.dd + b.dd) / 2, a.kink || b.kink || a.d != b.d};
    return first ? a : b;
  }
};

}  // namespace losses_test
