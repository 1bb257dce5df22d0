// SPDX-License-Identifier: MIT
#pragma once

/// Boxes as a detector gives them: of 10 to 100 pixels in an image of 640, each a few pixels off its target, one in eight
/// far from it.

#include "data.hpp"

namespace bench {

template <class Matrix>
void fill_boxes(Matrix& prediction, Matrix& target) {
  using T = typename Matrix::Scalar;
  const Index n = target.rows();
  const auto uniform = [](Index i, std::uint64_t seed, double low, double high) {
    return low +
           (high - low) * 0x1p-53 * static_cast<double>(bits((seed << 40U) + static_cast<std::uint64_t>(i)) >> 11U);
  };
  for (Index i = 0; i < n; ++i) {
    for (Index axis = 0; axis < 2; ++axis) {
      const auto seed = static_cast<std::uint64_t>(10 * axis);
      const double low = uniform(i, seed + 11, 0, 540), side = uniform(i, seed + 12, 10, 100);
      const double off = i % 8 == 0 ? uniform(i, seed + 13, -300, 300) : uniform(i, seed + 13, -5, 5);
      target(i, axis) = static_cast<T>(low);
      target(i, axis + 2) = static_cast<T>(low + side);
      prediction(i, axis) = static_cast<T>(low + off);
      prediction(i, axis + 2) = static_cast<T>(low + off + side * uniform(i, seed + 14, 0.8, 1.25));
    }
  }
}

}  // namespace bench
