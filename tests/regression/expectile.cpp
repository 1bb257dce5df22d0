// SPDX-License-Identifier: MIT

#include <losses/regression/expectile.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("Expectile: the laws", "[laws]") {
  laws::check(laws::element(
      "Expectile", losses::Expectile<float>({.expectile = 0.8f}), losses::Expectile<double>({.expectile = 0.8}),
      [](const auto& rule, Jet p, Jet y) { return reference::expectile(p, y, rule.expectile); }, real_line));
}

TEST_CASE("Expectile: a prediction that is too low costs the expectile, one too high the rest") {
  const losses::Expectile<double> loss({.expectile = 0.75});
  const auto low = triple(loss, 1, 3), high = triple(loss, 3, 1), on = triple(loss, 3, 3);
  CHECK((low.value == 3 && low.slope == -3 && low.curvature == 1.5));
  CHECK((high.value == 1 && high.slope == 1 && high.curvature == 0.5));
  CHECK((on.value == 0 && on.slope == 0));
}

TEST_CASE("Expectile: one half is half the squared error") {
  CHECK(triple(losses::Expectile<double>(), 5, 2).value == 4.5);
}

TEST_CASE("Expectile: an expectile outside (0, 1) is refused") {
  for (const float q : {-0.1f, 1.1f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("Expectile: expectile is ", [&] { losses::Expectile<float>({.expectile = q}); });
  }
}

TEST_CASE("Expectile: 2 r beyond the largest number is a finite slope where the mean brings it back") {
  constexpr float most = std::numeric_limits<float>::max();
  const losses::Expectile<float> loss({.expectile = 0.25f});
  const Vector<float> p = Vector<float>::Constant(40, most), y = -p;
  CHECK((loss.gradient(p, y) / most).isApprox(Vector<float>::Constant(40, 3 / 40.0f)));
  CHECK((loss.gradient(y, p) / most).isApprox(Vector<float>::Constant(40, -1 / 40.0f)));
}
