// SPDX-License-Identifier: MIT

#include <losses/regression/cauchy.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("Cauchy: the laws", "[laws]") {
  laws::check(laws::element(
      "Cauchy", losses::Cauchy<float>({.scale = 1.5f}), losses::Cauchy<double>({.scale = 1.5}),
      [](const auto& rule, Jet p, Jet y) { return reference::cauchy(p, y, rule.scale); }, real_line));
}

TEST_CASE("Cauchy: at zero, at the scale, and far out") {
  const losses::Cauchy<double> loss({.scale = 2});
  const auto zero = triple(loss, 1, 1), seam = triple(loss, 3, 1);
  CHECK((zero.value == 0 && zero.slope == 0 && zero.curvature == 1));
  CHECK(seam.value == Catch::Approx(2 * std::log(2.0)).epsilon(1e-15));
  CHECK((seam.slope == 1 && seam.curvature == 0));  // the slope is largest at the scale
  CHECK(triple(losses::Cauchy<float>(), std::numeric_limits<float>::max(), 0).value ==
        Catch::Approx(88.722839).epsilon(1e-6));  // log of the largest float
}

TEST_CASE("Cauchy: the default scale is 1") {
  CHECK(losses::Cauchy<double>().rule().scale == 1);
}

TEST_CASE("Cauchy: the largest finite scale is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::Cauchy<float>({.scale = most}));
}

TEST_CASE("Cauchy: a scale that is not positive is refused") {
  for (const float scale : {0.f, -1.f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("Cauchy: scale is ", [&] { losses::Cauchy<float>({.scale = scale}); });
  }
}
