// SPDX-License-Identifier: MIT

#include <losses/regression/charbonnier.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("Charbonnier: the laws", "[laws]") {
  laws::check(laws::element(
      "Charbonnier", losses::Charbonnier<float>({.epsilon = 0.125f}), losses::Charbonnier<double>({.epsilon = 0.125}),
      [](const auto& rule, Jet p, Jet y) { return reference::charbonnier(p, y, rule.epsilon); }, real_line));
}

TEST_CASE("Charbonnier: at zero it is epsilon, with slope 0 and curvature 1/epsilon") {
  const auto zero = triple(losses::Charbonnier<double>({.epsilon = 0.25}), 7, 7);
  CHECK((zero.value == 0.25 && zero.slope == 0 && zero.curvature == 4));
  const auto pythagorean = triple(losses::Charbonnier<double>({.epsilon = 3}), 4, 0);
  CHECK((pythagorean.value == 5 && pythagorean.slope == 0.8));
}

TEST_CASE("Charbonnier: the largest numbers do not overflow on the way") {
  const float large = std::numeric_limits<float>::max();
  const auto far = triple(losses::Charbonnier<float>(), large, 0);
  CHECK((far.value == static_cast<double>(large) && far.slope == 1));
}

TEST_CASE("Charbonnier: the default epsilon is 1e-3") {
  CHECK(losses::Charbonnier<double>().rule().epsilon == 1e-3);
}

TEST_CASE("Charbonnier: an epsilon that is not positive is refused") {
  for (const float epsilon : {0.f, -0.1f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("Charbonnier: epsilon is ", [&] { losses::Charbonnier<float>({.epsilon = epsilon}); });
  }
}
