// SPDX-License-Identifier: MIT
#pragma once

/// From terms to one number: the reductions, and the partial results that add up.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <Eigen/Core>

#include <losses/core/config.hpp>

namespace LOSSES_NAMESPACE {

/// How the terms of a loss become one number.
///
///   mean        Σ wᵢ·termᵢ / Σ wᵢ   (the default; wᵢ = 1 without weights)
///   sum         Σ wᵢ·termᵢ
///   batch_mean  Σ wᵢ·termᵢ / n      n samples: the first axis
///
/// Where nothing is left to average, the value and the gradient are 0.
enum class Reduction : std::uint8_t { mean, sum, batch_mean };

/// What a part of a batch contributes: parts are added, and loss.value(part + part) is the loss of the whole.
struct Partial {
  double sum = 0;          ///< Σ wᵢ·termᵢ
  double weight = 0;       ///< Σ wᵢ, what `mean` divides by
  Eigen::Index count = 0;  ///< samples, what `batch_mean` divides by
  double unit = 1;         ///< sum is in it: 1, but where the sum alone would be beyond the largest number

  friend Partial operator+(const Partial& a, const Partial& b) {
    const double least = std::min(a.unit, b.unit), x = a.sum * (least / a.unit), y = b.sum * (least / b.unit);
    const bool overflows = std::isinf(x + y) && std::isfinite(x) && std::isfinite(y);
    const double by = overflows ? 0x1p-10 : 1;
    return {by * x + by * y, a.weight + b.weight, a.count + b.count, by * least};
  }
  Partial& operator+=(const Partial& other) { return *this = *this + other; }
};

namespace detail {

/// What weights in this unit are multiplied by: 1 / the denominator, or 0 where there is nothing to average. `weight` is
/// their sum in the unit.
inline double reduction_scale(Reduction reduction, double weight, Eigen::Index count, double unit) {
  switch (reduction) {
    case Reduction::mean:
      return weight > 0 ? 1 / weight : 0;
    case Reduction::batch_mean:
      return count > 0 ? 1 / (static_cast<double>(count) * unit) : 0;
    default:
      return 1 / unit;
  }
}

/// A power of two that brings weights of this mean near 1: a factor that all weights share neither overflows nor vanishes.
template <class T>
double weight_unit(double mean) {
  constexpr int most = std::numeric_limits<T>::max_exponent - 2;
  return mean > 0 ? std::ldexp(1.0, std::clamp(-std::ilogb(mean), -most, most)) : 1;
}

/// The sum over its denominator: a division, so that a mean is rounded once.
inline double reduce(Reduction reduction, const Partial& partial) {
  switch (reduction) {
    case Reduction::mean:
      return partial.weight > 0 ? partial.sum / partial.weight / partial.unit : 0;
    case Reduction::batch_mean:
      return partial.count > 0 ? partial.sum / static_cast<double>(partial.count) / partial.unit : 0;
    default:
      return partial.sum / partial.unit;
  }
}

/// What the reductions divide by: Σ w over the terms, and the samples. Sums are taken in a unit of the weights.
struct Whole {
  double weight;
  Eigen::Index count;
  double unit = 1;
};

/// A sum in the unit of the weights. A mean stays in it, since the sum alone may be beyond the largest number.
inline double reduce(Reduction reduction, const Whole& whole, double sum) {
  const bool mean = reduction == Reduction::mean;
  return reduce(reduction,
                {mean ? sum : sum / whole.unit, mean ? whole.weight * whole.unit : whole.weight, whole.count});
}

/// One in which sums of what T holds do not overflow; weights in it are not 0.
template <class T>
double smaller_unit(double unit) {
  return std::max(0x1p-100 * unit, 16.0 * static_cast<double>(std::numeric_limits<T>::denorm_min()));
}

/// The value of such a sum. One that overflows where its mean does not is taken again, by retake(unit), in a smaller unit:
/// infinity where the predictions have been written over by then. Of floats a sum is infinite only if a term is, so that they
/// are taken again only where each term is in the unit.
template <class T, bool terms_in_unit = false, class F>
T finish_sum(Reduction reduction, const Whole& whole, double total, bool overwritten, const F& retake) {
  if constexpr (sizeof(T) == sizeof(double) || terms_in_unit) {
    if (std::isinf(total) && reduction != Reduction::sum && !overwritten) [[unlikely]] {
      const double unit = smaller_unit<T>(whole.unit);
      return static_cast<T>(reduce(reduction, whole, retake(unit)) * (whole.unit / unit));
    }
  }
  return static_cast<T>(reduce(reduction, whole, total));
}

/// The partial result of such a sum.
template <class T, bool terms_in_unit = false, class F>
Partial finish_partial(const Whole& whole, double total, const F& retake) {
  if constexpr (sizeof(T) == sizeof(double) || terms_in_unit) {
    if (std::isinf(total / whole.unit)) [[unlikely]] {
      const double unit = smaller_unit<T>(whole.unit);
      return {retake(unit), whole.weight, whole.count, unit};
    }
  }
  return {total / whole.unit, whole.weight, whole.count};
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
