// SPDX-License-Identifier: MIT

#include <losses/regression/msle.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("MSLE: the laws", "[laws]") {
  laws::check(laws::element(
      "MSLE", losses::MSLE<float>(), losses::MSLE<double>(),
      [](const auto&, Jet p, Jet y) { return reference::msle(p, y); }, above_minus_one));
}

TEST_CASE("MSLE: zero where they agree, log²(1 + p) against a target of 0") {
  const auto zero = triple(losses::MSLE<double>(), 3, 3);
  CHECK((zero.value == 0 && zero.slope == 0));
  CHECK(zero.curvature == Catch::Approx(2.0 / 16).epsilon(1e-15));
  const double e = std::exp(1.0);
  CHECK(triple(losses::MSLE<double>(), e - 1, 0).value == Catch::Approx(1).epsilon(1e-15));
  CHECK(triple(losses::MSLE<double>(), e - 1, 0).slope == Catch::Approx(2 / e).epsilon(1e-14));
}

TEST_CASE("MSLE: an argument below -1 is refused by name, index and value") {
  const losses::MSLE<float> loss;
  Columns<float> p = Columns<float>::Ones(3, 2), y = p, g = p;
  p(2, 1) = -1.5f;
  laws::refuses("MSLE: prediction[2, 1] is -1.5", g, [&] { (void)loss.value_and_gradient(p, y, g); });
  laws::refuses("MSLE: target[2, 1] is -1.5", g, [&] { (void)loss.value_and_gradient(y, p, g); });
}
