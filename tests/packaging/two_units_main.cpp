// SPDX-License-Identifier: MIT
// Calls both units and compares each with plain formulas in double.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "two_units.hpp"

namespace {

int failures = 0;

void check_close(const char* unit, const char* what, double got, double expected, double tolerance) {
  if (!(std::abs(got - expected) <= tolerance)) {
    std::printf("%s: %s is %.9g, but should be %.9g\n", unit, what, got, expected);
    ++failures;
  }
}

}  // namespace

int main() {
  constexpr int classes = 4;
  constexpr std::size_t n = 4000;
  std::vector<float> p(n), y(n);
  for (std::size_t i = 0; i < n; ++i) {
    p[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)) * 3);
    y[i] = static_cast<float>(0.5 + 0.5 * std::cos(1.3 * static_cast<double>(i)));
  }

  UnitResult expected;
  std::vector<double> gradient(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double r = static_cast<double>(p[i]) - static_cast<double>(y[i]);
    expected.huber += std::abs(r) < 0.5 ? r * r / 2 : 0.5 * (std::abs(r) - 0.25);
    expected.log_cosh += std::log(std::cosh(r));
    gradient[i] = (std::clamp(r, -0.5, 0.5) + std::tanh(r)) / n;
  }
  const std::size_t rows = n / classes;
  for (std::size_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(p[row * classes + c]));
    const std::size_t label = row * classes / rows;
    expected.cross_entropy += std::log(sum) - static_cast<double>(p[row * classes + label]);
    for (std::size_t c = 0; c < classes; ++c) {
      const std::size_t i = row * classes + c;
      gradient[i] += (std::exp(static_cast<double>(p[i])) / sum - (c == label ? 1 : 0)) / static_cast<double>(rows);
    }
  }
  expected.huber /= n;
  expected.log_cosh /= n;
  expected.cross_entropy /= static_cast<double>(rows);

  std::string types[2];
  int unit = 0;
  for (const auto evaluate : {&evaluate_baseline, &evaluate_wide}) {
#if defined(TWO_INSTRUCTION_SETS)
    if (unit == 1 && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) {
      std::puts("the processor lacks AVX2: the wide unit was linked, but not called");
      break;
    }
#endif
    const char* const name = unit == 0 ? "baseline" : "wide";
    std::vector<float> got(n);
    const UnitResult result = evaluate(p.data(), y.data(), got.data(), n);
    check_close(name, "Huber", result.huber, expected.huber, 1e-6);
    check_close(name, "LogCosh", result.log_cosh, expected.log_cosh, 1e-6);
    check_close(name, "CrossEntropy", result.cross_entropy, expected.cross_entropy, 1e-6);
    double error = 0;
    for (std::size_t i = 0; i < n; ++i) error = std::max(error, std::abs(static_cast<double>(got[i]) - gradient[i]));
    check_close(name, "the gradient's largest error", error, 0, 1e-8);
    std::printf("%s: %s\n", name, result.type.c_str());
    types[unit++] = result.type;
  }
#if defined(TWO_INSTRUCTION_SETS)
  if (types[0] == types[1]) {
    std::printf("both units use the type %s\n", types[0].c_str());
    ++failures;
  }
#endif
  return failures == 0 ? 0 : 1;
}
