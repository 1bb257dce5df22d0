// SPDX-License-Identifier: MIT

#include <losses/regression/tweedie.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("Tweedie: the laws", "[laws]") {
  laws::check(laws::element(
      "Tweedie", losses::Tweedie<float>({.power = 1.25f}), losses::Tweedie<double>({.power = 1.25}),
      [](const auto& rule, Jet p, Jet y) { return reference::tweedie(p, y, rule.power); }, non_negative_target,
      // Powers of exp(s): the exponents (1 − ρ)s and (2 − ρ)s are rounded.
      [](const auto& rule, Real s, Real y) {
        const Real claims = y == 0 ? 0 : y * std::exp((1 - rule.power) * s), rate = std::exp((2 - rule.power) * s);
        return laws::Scale{.value = std::max(claims / (rule.power - 1), rate / (2 - rule.power)),
                           .slope = std::max(claims, rate),
                           .condition = 1 + std::min(std::fabs(s), Real(1e4))};
      }));
}

TEST_CASE("Tweedie: smallest where exp of the score is the target") {
  const auto minimum = triple(losses::Tweedie<double>(), 0, 1);
  CHECK((minimum.value == 4 && minimum.slope == 0 && minimum.curvature == 1));
  const auto none = triple(losses::Tweedie<double>(), 0, 0);
  CHECK((none.value == 2 && none.slope == 1 && none.curvature == 0.5));
}

TEST_CASE("Tweedie: bad options and negative targets are refused") {
  for (const float power : {1.f, 2.f, 0.5f, 3.f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("Tweedie: power is ", [&] { losses::Tweedie<float>({.power = power}); });
  }
  Columns<float> p = Columns<float>::Ones(3, 2), y = p, g = p;
  y(0, 1) = -2;
  laws::refuses("Tweedie: target[0, 1] is -2", g, [&] { (void)losses::Tweedie<float>().value_and_gradient(p, y, g); });
}
