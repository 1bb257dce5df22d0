// SPDX-License-Identifier: MIT
#pragma once

/// Seeded inputs: the same numbers in every program, at every size, on every machine.

#include <cstdint>

#include <Eigen/Core>

namespace bench {

using Index = Eigen::Index;

template <class T>
using RowMajorMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using ColumnMajorMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;
using Labels = Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>;

/// 64 random bits from a counter (Steele et al. 2014, doi:10.1145/2660193.2660195, SplitMix64).
inline std::uint64_t bits(std::uint64_t i) {
  i *= 0x9e3779b97f4a7c15U;
  i = (i ^ (i >> 30U)) * 0xbf58476d1ce4e5b9U;
  i = (i ^ (i >> 27U)) * 0x94d049bb133111ebU;
  return i ^ (i >> 31U);
}

/// Close to a normal distribution, with the given deviation: the sum of four uniform numbers.
template <class T>
void fill_normal(T* data, Index size, std::uint64_t seed, double deviation) {
  const double scale = deviation * 1.7320508075688772 / 65536;
  for (Index i = 0; i < size; ++i) {
    const std::uint64_t b = bits((seed << 40U) + static_cast<std::uint64_t>(i));
    const std::uint64_t sum = (b & 0xffffU) + (b >> 16U & 0xffffU) + (b >> 32U & 0xffffU) + (b >> 48U);
    data[i] = static_cast<T>(scale * (static_cast<double>(sum) - 131070.0));
  }
}

/// Uniform in [low, high).
template <class T>
void fill_uniform(T* data, Index size, std::uint64_t seed, double low, double high) {
  for (Index i = 0; i < size; ++i) {
    const std::uint64_t b = bits((seed << 40U) + static_cast<std::uint64_t>(i));
    data[i] = static_cast<T>(low + (high - low) * 0x1p-53 * static_cast<double>(b >> 11U));
  }
}

/// Labels in [0, classes).
inline void fill_labels(std::int64_t* data, Index size, std::uint64_t seed, Index classes) {
  for (Index i = 0; i < size; ++i) {
    data[i] = static_cast<std::int64_t>(bits((seed << 40U) + static_cast<std::uint64_t>(i)) %
                                        static_cast<std::uint64_t>(classes));
  }
}

}  // namespace bench
