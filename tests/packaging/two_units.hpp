// SPDX-License-Identifier: MIT
#pragma once

/// What two translation units with different flags offer to main, which includes nothing of the library itself.

#include <cstddef>
#include <string>

struct UnitResult {
  double huber = 0;
  double log_cosh = 0;
  double cross_entropy = 0;
  std::string type;  // the mangled name of a loss: it must be another one in each unit
};

/// Each writes the sum of the gradients of three losses; n is a multiple of 4.
UnitResult evaluate_baseline(const float* prediction, const float* target, float* gradient, std::ptrdiff_t n);
UnitResult evaluate_wide(const float* prediction, const float* target, float* gradient, std::ptrdiff_t n);
