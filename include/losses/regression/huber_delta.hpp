// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE {

/// How the spread σ of residuals is estimated.
///
///   standard_deviation   √(Σ (r − mean)² / (n − 1))
///   mad                  1.4826 · median |r − median r|, which outliers cannot move
enum class ScaleEstimate : std::uint8_t { standard_deviation, mad };

namespace detail {

/// The middle of the values, or the mean of the two in the middle. Reorders them.
inline double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

inline double standard_deviation(const std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  for (const double value : values) squares += (value - sum / n) * (value - sum / n);
  return std::sqrt(squares / (n - 1));
}

/// 1.4826 is 1 / the third quartile of the normal distribution.
inline double scaled_mad(std::vector<double>& values) {
  const double centre = median(values);
  for (double& value : values) value = std::abs(value - centre);
  return 1.4826 * median(values);
}

}  // namespace detail

/// The δ of Huber for these residuals, of any shape: 1.345 σ, which is 95 % efficient where errors are normal.
///
/// Residuals that are all the same have no spread: 0, which Huber refuses. Throws std::invalid_argument for a residual that
/// is not finite, for fewer than two residuals, and for none with ScaleEstimate::mad.
/// Holland and Welsch (1977), doi:10.1080/03610927708827533; Hampel (1974), doi:10.1080/01621459.1974.10482962.
template <detail::Viewable Residuals>
typename detail::Access<Residuals>::Scalar huber_delta(const Residuals& residuals,
                                                       ScaleEstimate estimate = ScaleEstimate::standard_deviation) {
  using T = typename detail::Access<Residuals>::Scalar;
  detail::require_named(estimate, ScaleEstimate::mad, "huber_delta", "estimate", "ScaleEstimate");
  const auto& stored = detail::evaluate(residuals);
  const auto view = detail::view_of(stored);
  const detail::Index n = view.extents.count();
  const detail::Index least = estimate == ScaleEstimate::mad ? 1 : 2;
  require(n >= least, "huber_delta: residuals is ", view.extents, ", but must have at least ", least,
          least == 1 ? " value" : " values");
  std::vector<double> values(static_cast<std::size_t>(n));
  double largest = 0;
  for (detail::Index i = 0; i < n; ++i) {
    const T residual = detail::element(view, i);
    require(std::isfinite(residual), "huber_delta: residuals", detail::Position{view.extents, i}, " is ", residual,
            ", but must be finite");
    values[static_cast<std::size_t>(i)] = static_cast<double>(residual);
    largest = std::max(largest, std::abs(values[static_cast<std::size_t>(i)]));
  }
  // In units of a power of two no square overflows or vanishes.
  int exponent = 0;
  std::frexp(largest, &exponent);
  for (double& value : values) value = std::ldexp(value, -exponent);
  const double sigma = estimate == ScaleEstimate::mad ? detail::scaled_mad(values) : detail::standard_deviation(values);
  return static_cast<T>(std::ldexp(1.345 * sigma, exponent));
}

}  // namespace LOSSES_NAMESPACE
