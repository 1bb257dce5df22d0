// SPDX-License-Identifier: MIT

#include <losses/regression/epsilon_insensitive.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("EpsilonInsensitive: the laws", "[laws]") {
  laws::check(laws::element(
      "EpsilonInsensitive", losses::EpsilonInsensitive<float>({.epsilon = 0.25f}),
      losses::EpsilonInsensitive<double>({.epsilon = 0.25}),
      [](const auto& rule, Jet p, Jet y) { return reference::epsilon_insensitive(p, y, rule.epsilon); }, real_line,
      // |r| − ε
      [](const auto& rule, Real p, Real y) {
        return laws::Scale{.value = std::fabs(p - y) > rule.epsilon ? std::fabs(p - y) : Real(0)};
      }));
}

TEST_CASE("EpsilonInsensitive: nothing inside the tube, L1 outside") {
  const losses::EpsilonInsensitive<double> loss({.epsilon = 0.5});
  for (const double r : {0.0, 0.3, -0.3, 0.5, -0.5}) {
    CHECK((triple(loss, r, 0).value == 0 && triple(loss, r, 0).slope == 0));
  }
  CHECK((triple(loss, 2, 0).value == 1.5 && triple(loss, 2, 0).slope == 1));
  CHECK((triple(loss, -2, 0).value == 1.5 && triple(loss, -2, 0).slope == -1));
  CHECK(triple(loss, std::nextafter(0.5, 1.0), 0).slope == 1);
}

TEST_CASE("EpsilonInsensitive: the default epsilon is scikit-learn's 0.1") {
  CHECK(losses::EpsilonInsensitive<double>().rule().epsilon == 0.1);
}

TEST_CASE("EpsilonInsensitive: a negative epsilon is refused") {
  for (const float epsilon : {-0.1f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("EpsilonInsensitive: epsilon is ",
                         [&] { losses::EpsilonInsensitive<float>({.epsilon = epsilon}); });
  }
}
