// SPDX-License-Identifier: MIT

#include <losses/regression/tukey.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("Tukey: the laws", "[laws]") {
  laws::check(laws::element(
      "Tukey", losses::Tukey<float>({.scale = 4.5f}), losses::Tukey<double>({.scale = 4.5}),
      [](const auto& rule, Jet p, Jet y) { return reference::tukey(p, y, rule.scale); }, real_line,
      // r(1 − u)²: the largest term is r
      [](const auto& rule, Real p, Real y) {
        return laws::Scale{.slope = std::fabs(p - y) <= rule.scale ? std::fabs(p - y) : Real(0)};
      }));
}

TEST_CASE("Tukey: at zero, at the scale and beyond it") {
  const losses::Tukey<double> loss({.scale = 3});
  const auto zero = triple(loss, 1, 1), seam = triple(loss, 3, 0), beyond = triple(loss, -1e300, 0);
  CHECK((zero.value == 0 && zero.slope == 0 && zero.curvature == 1));
  CHECK((seam.value == 1.5 && seam.slope == 0));
  CHECK((beyond.value == 1.5 && beyond.slope == 0 && beyond.curvature == 0));
  CHECK(std::fabs(triple(loss, std::nextafter(3.0, 0.0), 0).slope) < 1e-28);
  CHECK(triple(loss, 1.5, 0).value == Catch::Approx(1.5 * (1 - 27.0 / 64)).epsilon(1e-15));
  CHECK(triple(loss, 1.5, 0).slope == Catch::Approx(1.5 * 9 / 16).epsilon(1e-15));
  CHECK(losses::Tukey<double>().rule().scale == 4.685);
}

TEST_CASE("Tukey: a scale that is not positive is refused") {
  for (const float scale : {0.f, -1.f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("Tukey: scale is ", [&] { losses::Tukey<float>({.scale = scale}); });
  }
}
