// SPDX-License-Identifier: MIT
#pragma once

/// The losses in long double, written from the papers and from PyTorch's documentation, never from the library.
///
/// Each takes Jets, so that the same formula gives the gradient and the curvature. Smooth losses are written without |x|
/// and max, which would put a kink where there is none. They need not be fast, and none guards what long double's range
/// guards for it: an infinite input is entered as 1e1000 (see as_real in inputs.hpp), which gives the limit.

#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <vector>

#include "dual.hpp"

namespace losses_test::reference {

inline constexpr Real pi = std::numbers::pi_v<Real>;
inline constexpr Real ln2 = std::numbers::ln2_v<Real>;
inline constexpr Real infinity = std::numeric_limits<Real>::infinity();

inline Jet square(const Jet& x) {
  return x * x;
}

inline Jet l1(Jet p, Jet y) {
  return abs(p - y);
}

inline Jet mse(Jet p, Jet y) {
  return square(p - y);
}

/// Huber (1964), doi:10.1214/aoms/1177703732.
inline Jet huber(Jet p, Jet y, Real delta) {
  const Jet r = p - y;
  if (std::fabs(r.f) <= delta) return square(r) / 2;
  return delta * (abs(r) - delta / 2);
}

/// torch.nn.SmoothL1Loss.
inline Jet smooth_l1(Jet p, Jet y, Real beta) {
  const Jet r = p - y;
  if (std::fabs(r.f) < beta) return 0.5 * square(r) / beta;
  return abs(r) - beta / 2;
}

/// log cosh r = log1p(2 sinh²(r/2)), and |r| − log 2 + log1p(exp(−2|r|)) in the tails.
inline Jet log_cosh(Jet p, Jet y) {
  const Jet r = p - y;
  if (std::fabs(r.f) < 20) return log1p(2 * square(sinh(r / 2)));
  return abs(r) - ln2 + log1p(exp(-2 * abs(r)));
}

/// Koenker and Bassett (1978): the check function of the error y − p.
inline Jet quantile(Jet p, Jet y, Real q) {
  const Jet e = y - p;
  return max(q * e, (q - 1) * e);
}

/// Newey and Powell (1987): |τ − 1(e < 0)| e² of the error e = y − p.
inline Jet expectile(Jet p, Jet y, Real tau) {
  const Jet e = y - p;
  return (e.f < 0 ? 1 - tau : tau) * square(e);
}

/// Vapnik (1995).
inline Jet epsilon_insensitive(Jet p, Jet y, Real epsilon) {
  return max(Jet(0), abs(p - y) - epsilon);
}

/// Charbonnier et al. (1994), as Lai et al. (2017) write it for images.
inline Jet charbonnier(Jet p, Jet y, Real epsilon) {
  return sqrt(square(p - y) + epsilon * epsilon);
}

inline Jet cauchy(Jet p, Jet y, Real c) {
  return c * c / 2 * log1p(square((p - y) / c));
}

inline Jet welsch(Jet p, Jet y, Real c) {
  return -(c * c / 2) * expm1(-square((p - y) / c));
}

inline Jet geman_mcclure(Jet p, Jet y, Real c) {
  const Jet r = p - y;
  if (std::fabs(r.f) > c) return c * c / 2 / (1 + square(c / r));
  return square(r) / 2 / (1 + square(r / c));
}

/// Beaton and Tukey (1974).
inline Jet tukey(Jet p, Jet y, Real c) {
  const Jet r = p - y;
  if (std::fabs(r.f) > c) return Jet(c * c / 6);
  const Jet u = square(r / c);
  return c * c / 6 * u * (3 - 3 * u + square(u));  // 1 − (1 − u)³, without the cancellation
}

/// Barron (2019), "A general and adaptive robust loss function", eq. (8).
inline Jet barron(Jet p, Jet y, Real alpha, Real c) {
  const Jet x = square((p - y) / c);
  if (alpha == 2) return x / 2;
  if (alpha == 0) return log1p(x / 2);
  if (alpha == -infinity) return -expm1(-x / 2);
  const Real b = std::fabs(alpha - 2);
  return b / alpha * expm1(alpha / 2 * log1p(x / b));
}

/// Keras' MeanSquaredLogarithmicError, without its clipping.
inline Jet msle(Jet p, Jet y) {
  if (std::fabs(p.f - y.f) < 0.1L * (1 + y.f)) return square(log1p((p - y) / (1 + y)));  // log of the quotient
  return square(log1p(p) - log1p(y));
}

/// Keras' MeanAbsolutePercentageError.
inline Jet mape(Jet p, Jet y) {
  return 100 * abs(p - y) / std::max(std::fabs(y.f), Real(1e-7));
}

/// torch.nn.PoissonNLLLoss.
inline Jet poisson(Jet p, Jet y, bool log_input, bool full, Real epsilon) {
  Jet value = log_input ? exp(p) : p;
  if (y.f != 0) value -= y * (log_input ? p : log(p + epsilon));
  if (full && y.f > 1) value += y * log(y) - y + 0.5 * log(2 * pi * y);
  return value;
}

/// LightGBM's objective "gamma": log link, terms without the prediction dropped.
inline Jet gamma(Jet s, Jet y) {
  return s + y * exp(-s);
}

/// LightGBM's objective "tweedie": log link, 1 < power < 2.
inline Jet tweedie(Jet s, Jet y, Real power) {
  Jet value = exp((2 - power) * s) / (2 - power);
  if (y.f != 0) value -= y * exp((1 - power) * s) / (1 - power);
  return value;
}

/// torch.nn.GaussianNLLLoss; the clamp of the variance lets the gradient pass, as there.
inline Jet gaussian_nll(Jet mean, Jet variance, Jet y, bool full, Real epsilon) {
  const Jet v{std::max(variance.f, epsilon), variance.d, variance.dd};
  Jet value = 0.5 * (log(v) + square(mean - y) / v);
  if (full) value += 0.5 * std::log(2 * pi);
  return value;
}

/// log softmax(x)_k for a row whose masked classes hold −inf. Shifted by the largest *other* class: so the log of a
/// probability near 1 keeps its digits, and nothing is lost to a shift of 1e8.
inline Jet log_softmax(const std::vector<Jet>& x, std::size_t k) {
  Real largest = -infinity;
  for (std::size_t j = 0; j < x.size(); ++j) {
    if (j != k) largest = std::max(largest, x[j].f);
  }
  if (largest == -infinity) return Jet(0);  // alone
  const Real shift = largest;               // a constant: the result does not depend on it
  if (x[k].f >= shift) {
    Jet others = 0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      if (j != k) others += exp(x[j] - x[k]);
    }
    return -log1p(others);
  }
  Jet sum = 0;
  for (const Jet& logit : x) sum += exp(logit - shift);
  return (x[k] - shift) - log(sum);
}

/// −Σ_k q_k log softmax(x)_k; a class with q = 0 is never read, so that 0·(−inf) is 0.
inline Jet cross_entropy(const std::vector<Jet>& x, const std::vector<Real>& q) {
  Jet value = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (q[k] != 0) value -= q[k] * log_softmax(x, k);
  }
  return value;
}

/// Gradient of a formula of a row by one pass of dual numbers per entry.
template <class Formula>
std::vector<Real> row_gradient(const std::vector<Real>& x, const Formula& formula) {
  std::vector<Jet> jets(x.begin(), x.end());
  std::vector<Real> gradient(x.size());
  for (std::size_t k = 0; k < x.size(); ++k) {
    jets[k] = Jet::variable(x[k]);
    gradient[k] = formula(jets).d;
    jets[k] = Jet(x[k]);
  }
  return gradient;
}

}  // namespace losses_test::reference
