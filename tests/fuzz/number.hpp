// SPDX-License-Identifier: MIT
#pragma once

/// Long double numbers that know their derivative, and what rounding to a narrower type may do to both.
///
/// A reference is a formula of Numbers. Each operation adds its own rounding, in units of the last place of the narrow type, to
/// what the errors of its operands become (a running error analysis): so a result that is a small difference of large terms
/// may be off by the terms' rounding, and a small loss that a formula gives directly may not.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace losses_test {

using Real = long double;

/// The last place and the smallest normal number of the type that the numbers are compared at, and whether a comparison was
/// too close to call: then the other side's derivative, or (in `jump`) its value, is as good. `largest` is that of the weighted
/// terms and their derivatives: one past the narrow type is infinite.
struct Rounding {
  static inline thread_local Real unit = 0;
  static inline thread_local Real least = 0;
  static inline thread_local Real largest = 0;
  static inline thread_local bool kink = false;
  static inline thread_local bool jump = false;
};

struct Number {
  Real f = 0;   // the value
  Real d = 0;   // its derivative
  Real ef = 0;  // the rounding of the value, in units
  Real ed = 0;  // and of the derivative

  Number() = default;
  Number(Real value) : f(value) {}
  Number(Real value, Real derivative, Real error, Real derivative_error)
      : f(value), d(derivative), ef(error), ed(derivative_error) {}

  static Real times(Real a, Real b) { return a == 0 || b == 0 ? Real(0) : a * b; }

  /// g(a), given g, g' and g'' there.
  static Number chain(const Number& a, Real g, Real g1, Real g2) {
    using std::fabs;
    const Real slope = times(g1, a.d);
    return {g, slope, fabs(times(g1, a.ef)) + fabs(g),
            fabs(times(times(g2, a.d), a.ef)) + fabs(times(g1, a.ed)) + fabs(slope)};
  }

  friend Number operator-(const Number& a) { return {-a.f, -a.d, a.ef, a.ed}; }
  friend Number operator+(const Number& a, const Number& b) {
    const Real value = a.f + b.f, slope = a.d + b.d;
    return {value, slope, a.ef + b.ef + std::fabs(value), a.ed + b.ed + std::fabs(slope)};
  }
  friend Number operator-(const Number& a, const Number& b) { return a + (-b); }
  friend Number operator*(const Number& a, const Number& b) {
    using std::fabs;
    const Real value = times(a.f, b.f), first = times(a.d, b.f), second = times(a.f, b.d);
    const bool nan = std::isnan(a.f) || std::isnan(b.f);
    return {nan ? a.f + b.f : value, first + second, fabs(times(a.ef, b.f)) + fabs(times(a.f, b.ef)) + fabs(value),
            fabs(times(a.ed, b.f)) + fabs(times(a.d, b.ef)) + fabs(times(a.ef, b.d)) + fabs(times(a.f, b.ed)) +
                fabs(first) + fabs(second)};
  }
  friend Number operator/(const Number& a, const Number& b) {
    return a * chain(b, 1 / b.f, -1 / (b.f * b.f), 2 / (b.f * b.f * b.f));
  }
  Number& operator+=(const Number& b) { return *this = *this + b; }
  Number& operator-=(const Number& b) { return *this = *this - b; }
};

inline constexpr Real infinity = std::numeric_limits<Real>::infinity();

/// Whether rounding might turn the order of two numbers around.
inline bool too_close(const Number& a, const Number& b) {
  return std::fabs(a.f - b.f) <= 64 * Rounding::unit * (a.ef + b.ef);
}

/// a < b for a choice that changes the derivative alone.
inline bool less(const Number& a, const Number& b) {
  if (too_close(a, b) && (a.d != b.d || a.ed != b.ed)) Rounding::kink = true;
  return a.f < b.f;
}

/// a < b for a choice that changes the value.
inline bool surely_less(const Number& a, const Number& b) {
  if (a.f != b.f && too_close(a, b)) Rounding::jump = true;
  return a.f < b.f;
}

inline Number max(const Number& a, const Number& b) {
  if (std::isnan(a.f) || std::isnan(b.f)) return a + b;
  return less(a, b) ? b : a;
}
inline Number min(const Number& a, const Number& b) {
  return -max(-a, -b);
}
inline Number abs(const Number& a) {
  return max(a, -a);
}

inline Number exp(const Number& a) {
  const Real e = std::exp(a.f);
  return Number::chain(a, e, e, e);
}
inline Number expm1(const Number& a) {
  const Real e = std::exp(a.f);
  return Number::chain(a, std::expm1(a.f), e, e);
}
inline Number log(const Number& a) {
  if (a.f < 0) return a * Number(std::numeric_limits<Real>::quiet_NaN());
  return Number::chain(a, std::log(a.f), 1 / a.f, -1 / a.f / a.f);
}
inline Number log1p(const Number& a) {
  const Real x = 1 + a.f;
  return Number::chain(a, std::log1p(a.f), 1 / x, -1 / x / x);
}
inline Number sqrt(const Number& a) {
  const Real root = std::sqrt(a.f);
  return Number::chain(a, root, 1 / (2 * root), -1 / (4 * root * a.f));
}
inline Number pow(const Number& a, Real b) {
  if (b == 0) return Number(1);
  if (b == 1) return a;
  const Real g = std::pow(a.f, b), log_power = 1 + std::fabs(b * std::log(a.f));
  Number power = Number::chain(a, g, b * std::pow(a.f, b - 1), b * (b - 1) * std::pow(a.f, b - 2));
  if (std::isfinite(log_power)) power.ef *= log_power, power.ed *= log_power;
  return power;
}
inline Number square(const Number& a) {
  return Number::chain(a, a.f * a.f, 2 * a.f, 2);
}
inline Number atan(const Number& a) {
  const Real w = 1 / (1 + a.f * a.f);
  return Number::chain(a, std::atan(a.f), w, -2 * a.f * w * w);
}
inline Number sigmoid(const Number& a) {
  const Real s = 1 / (1 + std::exp(-a.f)), rest = 1 / (1 + std::exp(a.f));
  return Number::chain(a, s, s * rest, s * rest * (rest - s));
}
inline Number softplus(const Number& a) {
  const Real s = 1 / (1 + std::exp(-a.f)), rest = 1 / (1 + std::exp(a.f));
  return Number::chain(a, a.f > 60 ? a.f : std::log1p(std::exp(a.f)), s, s * rest);
}
/// log cosh x, by a formula that keeps small ones
inline Number log_cosh(const Number& a) {
  const Real x = std::fabs(a.f), t = std::tanh(a.f), e = std::sinh(std::min(x, Real(30)) / 2);
  return Number::chain(a, x < 30 ? std::log1p(2 * e * e) : x - std::numbers::ln2_v<Real>, t, 1 - t * t);
}

/// log softmax(x)_k, whose digits it keeps where that is near 0.
inline Number log_softmax(const std::vector<Number>& x, std::size_t k) {
  std::size_t top = k;
  for (std::size_t j = 0; j < x.size(); ++j) {
    if (x[j].f > x[top].f || std::isnan(x[j].f)) top = j;
  }
  if (std::isnan(x[top].f)) return x[top] * x[top];
  Number others = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    if (j != top) others += exp(x[j] - x[top]);
  }
  if (top == k) return -log1p(others);
  return (x[k] - x[top]) - log1p(others);
}

/// 1 − softmax(x)_k
inline Number rest_of_softmax(const std::vector<Number>& x, std::size_t k) {
  return -expm1(log_softmax(x, k));
}

}  // namespace losses_test
