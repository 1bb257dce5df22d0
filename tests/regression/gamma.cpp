// SPDX-License-Identifier: MIT

#include <losses/regression/gamma.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("Gamma: the laws", "[laws]") {
  laws::check(laws::element(
      "Gamma", losses::Gamma<float>(), losses::Gamma<double>(),
      [](const auto&, Jet p, Jet y) { return reference::gamma(p, y); }, positive_target,
      [](const auto&, Real s, Real y) {
        return laws::Scale{.value = std::max(std::fabs(s), y * std::exp(-s)),
                           .slope = std::max(Real(1), y * std::exp(-s))};
      }));
}

TEST_CASE("Gamma: smallest where exp of the score is the target") {
  const auto minimum = triple(losses::Gamma<double>(), 0, 1);
  CHECK((minimum.value == 1 && minimum.slope == 0 && minimum.curvature == 1));
  const auto below = triple(losses::Gamma<double>(), 0, 3);
  CHECK((below.value == 3 && below.slope == -2 && below.curvature == 3));
}

TEST_CASE("Gamma: a target that is not positive is refused by index and value") {
  Columns<float> p = Columns<float>::Ones(3, 2), y = p, g = p;
  for (const float bad : {0.f, -2.f}) {
    y(1, 1) = bad;
    laws::refuses("Gamma: target[1, 1] is ", g, [&] { (void)losses::Gamma<float>().value_and_gradient(p, y, g); });
  }
}
