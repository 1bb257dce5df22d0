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

  friend Partial operator+(const Partial& a, const Partial& b) {
    return {a.sum + b.sum, a.weight + b.weight, a.count + b.count};
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
      return partial.weight > 0 ? partial.sum / partial.weight : 0;
    case Reduction::batch_mean:
      return partial.count > 0 ? partial.sum / static_cast<double>(partial.count) : 0;
    default:
      return partial.sum;
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

/// The value of such a sum. One of doubles that overflows where its mean does not is taken again, by retake(unit), in a smaller
/// unit: infinity where the predictions have been written over by then.
template <class T, class F>
T finish_sum(Reduction reduction, const Whole& whole, double total, bool overwritten, const F& retake) {
  if constexpr (sizeof(T) == sizeof(double)) {
    if (std::isinf(total) && reduction != Reduction::sum && !overwritten) [[unlikely]] {
      return static_cast<T>(reduce(reduction, whole, retake(0x1p-100 * whole.unit)) * 0x1p100);
    }
  }
  return static_cast<T>(reduce(reduction, whole, total));
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
