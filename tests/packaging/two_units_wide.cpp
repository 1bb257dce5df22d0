// SPDX-License-Identifier: MIT

#include "two_units_evaluate.hpp"

UnitResult evaluate_wide(const float* prediction, const float* target, float* gradient, std::ptrdiff_t n) {
  return evaluate(prediction, target, gradient, n);
}
