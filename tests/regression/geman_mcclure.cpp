// SPDX-License-Identifier: MIT

#include <losses/regression/geman_mcclure.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("GemanMcClure: the laws", "[laws]") {
  laws::check(laws::element(
      "GemanMcClure", losses::GemanMcClure<float>({.scale = 1.5f}), losses::GemanMcClure<double>({.scale = 1.5}),
      [](const auto& rule, Jet p, Jet y) { return reference::geman_mcclure(p, y, rule.scale); }, real_line));
}

TEST_CASE("GemanMcClure: quadratic at zero, scale²/2 far out") {
  const losses::GemanMcClure<double> loss({.scale = 2});
  const auto zero = triple(loss, 1, 1), seam = triple(loss, 2, 0), far = triple(loss, 1e10, 0);
  CHECK((zero.value == 0 && zero.slope == 0 && zero.curvature == 1));
  CHECK((seam.value == 1 && seam.slope == 0.5));
  CHECK(far.value == 2);
  CHECK(far.slope == Catch::Approx(16e-30).epsilon(1e-12));
}

TEST_CASE("GemanMcClure: the default scale is 1") {
  CHECK(losses::GemanMcClure<double>().rule().scale == 1);
}

TEST_CASE("GemanMcClure: a scale that is not positive is refused") {
  for (const float scale : {0.f, -1.f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("GemanMcClure: scale is ", [&] { losses::GemanMcClure<float>({.scale = scale}); });
  }
}
