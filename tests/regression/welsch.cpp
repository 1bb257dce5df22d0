// SPDX-License-Identifier: MIT

#include <losses/regression/welsch.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("Welsch: the laws", "[laws]") {
  laws::check(laws::element(
      "Welsch", losses::Welsch<float>({.scale = 1.5f}), losses::Welsch<double>({.scale = 1.5}),
      [](const auto& rule, Jet p, Jet y) { return reference::welsch(p, y, rule.scale); }, real_line,
      // exp(−u) for a rounded u = (r/c)²
      [](const auto& rule, Real p, Real y) {
        const Real r = (p - y) / rule.scale;
        return laws::Scale{.condition = 1 + std::min(r * r, Real(1e4))};
      }));
}

TEST_CASE("Welsch: quadratic at zero, scale²/2 far out") {
  const losses::Welsch<double> loss({.scale = 2});
  const auto zero = triple(loss, 1, 1), far = triple(loss, 1e10, 0);
  CHECK((zero.value == 0 && zero.slope == 0 && zero.curvature == 1));
  CHECK((far.value == 2 && far.slope == 0 && far.curvature == 0));
  CHECK(triple(loss, 2, 0).slope == Catch::Approx(2 * std::exp(-1.0)).epsilon(1e-15));
  CHECK(triple(losses::Welsch<float>(), 1e-6f, 0).value == Catch::Approx(5e-13).epsilon(1e-6));
}

TEST_CASE("Welsch: the largest finite scale is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::Welsch<float>({.scale = most}));
}

TEST_CASE("Welsch: a scale that is not positive is refused") {
  for (const float scale : {0.f, -1.f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("Welsch: scale is ", [&] { losses::Welsch<float>({.scale = scale}); });
  }
}
