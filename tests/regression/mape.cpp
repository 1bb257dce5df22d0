// SPDX-License-Identifier: MIT

#include <losses/regression/mape.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("MAPE: the laws", "[laws]") {
  laws::check(laws::element(
      "MAPE", losses::MAPE<float>(), losses::MAPE<double>(),
      [](const auto&, Jet p, Jet y) { return reference::mape(p, y); }, real_line));
}

TEST_CASE("MAPE: in per cent of the target, whose magnitude is floored at 1e-7") {
  const losses::MAPE<double> loss;
  const auto above = triple(loss, 5, 4), below = triple(loss, 3, -4), on = triple(loss, 4, 4),
             floor = triple(loss, 1, 0);
  CHECK((above.value == 25 && above.slope == 25 && above.curvature == 0));
  CHECK((below.value == 175 && below.slope == 25));
  CHECK((on.value == 0 && on.slope == 0));
  CHECK(floor.value == Catch::Approx(1e9).epsilon(1e-14));
}
