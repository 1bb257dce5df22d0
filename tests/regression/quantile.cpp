// SPDX-License-Identifier: MIT

#include <losses/regression/l1.hpp>
#include <losses/regression/quantile.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("Quantile: the laws", "[laws]") {
  laws::check(laws::element(
      "Quantile", losses::Quantile<float>({.quantile = 0.9f}), losses::Quantile<double>({.quantile = 0.9}),
      [](const auto& rule, Jet p, Jet y) { return reference::quantile(p, y, rule.quantile); }, real_line));
}

TEST_CASE("Quantile: the slope is −q below the target, 1 − q above it and 0 on it") {
  const losses::Quantile<double> loss({.quantile = 0.75});
  const auto below = triple(loss, 1, 3), above = triple(loss, 3, 1), on = triple(loss, 3, 3);
  CHECK((below.value == 1.5 && below.slope == -0.75 && below.curvature == 0));
  CHECK((above.value == 0.5 && above.slope == 0.25 && above.curvature == 0));
  CHECK((on.value == 0 && on.slope == 0 && on.curvature == 0));
}

TEST_CASE("Quantile: one half is half of L1") {
  const auto in = draw<double>(real_line, 50, 2, 9);
  const losses::Quantile<double> half;
  const losses::L1<double> l1;
  CHECK(half.forward(in.p, in.y) == Catch::Approx(0.5 * l1.forward(in.p, in.y)).epsilon(1e-15));
  CHECK(same_bits(half.gradient(in.p, in.y), Columns<double>(0.5 * l1.gradient(in.p, in.y))));
}

TEST_CASE("Quantile: q and 1 − q mirror each other") {
  const auto in = draw<double>(real_line, 50, 2, 10);
  const losses::Quantile<double> low({.quantile = 0.25}), high({.quantile = 0.75});
  CHECK(low.forward(in.p, in.y) == high.forward(in.y, in.p));
}

TEST_CASE("Quantile: the minimum over a constant is the sample's quantile") {
  Eigen::VectorXd y(9);
  y << 1, 2, 3, 4, 5, 6, 7, 8, 100;
  const losses::Quantile<double> loss({.quantile = 0.75}, losses::Reduction::sum);
  double best = 1e9, argument = 0;
  for (double p = 0; p < 101; p += 0.5) {
    const double value = loss.forward(Eigen::VectorXd::Constant(9, p), y);
    if (value < best) std::tie(best, argument) = std::pair{value, p};
  }
  CHECK(argument == 7);
}

TEST_CASE("Quantile: a quantile outside (0, 1) is refused") {
  for (const float q : {-0.1f, 1.1f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("Quantile: quantile is ", [&] { losses::Quantile<float>({.quantile = q}); });
  }
}
