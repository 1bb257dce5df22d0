// SPDX-License-Identifier: MIT

#include <losses/regression/huber.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("Huber: the laws", "[laws]") {
  laws::check(laws::element(
      "Huber", losses::Huber<float>({.delta = 1.5f}), losses::Huber<double>({.delta = 1.5}),
      [](const auto& rule, Jet p, Jet y) { return reference::huber(p, y, rule.delta); }, real_line));
}

TEST_CASE("Huber: value, slope and curvature at zero and on both sides of the seam") {
  const losses::Huber<double> huber({.delta = 2});
  const auto zero = triple(huber, 1, 1);
  CHECK((zero.value == 0 && zero.slope == 0 && zero.curvature == 1));
  const double inside = std::nextafter(2.0, 0.0), outside = std::nextafter(2.0, 3.0);
  for (const double sign : {1.0, -1.0}) {
    CHECK(triple(huber, sign * 2, 0).value == 2);
    CHECK(triple(huber, sign * 2, 0).slope == sign * 2);
    CHECK(triple(huber, sign * 2, 0).curvature == 0);
    CHECK(triple(huber, sign * inside, 0).slope == sign * inside);
    CHECK(triple(huber, sign * inside, 0).curvature == 1);
    CHECK(triple(huber, sign * outside, 0).slope == sign * 2);
    CHECK(triple(huber, sign * outside, 0).curvature == 0);
  }
}

TEST_CASE("Huber: the slope is clamped at delta") {
  const losses::Huber<float> huber({.delta = 0.5f});
  CHECK(triple(huber, 1e30f, 0).slope == 0.5);
  CHECK(triple(huber, -1e30f, 0).slope == -0.5);
  CHECK(triple(huber, std::numeric_limits<float>::max(), 0).value ==
        Catch::Approx(0.5 * static_cast<double>(std::numeric_limits<float>::max())).epsilon(1e-6));
}

TEST_CASE("Huber: below a delta of 1 the value fits where the difference overflows") {
  const double large = 0.55 * std::numeric_limits<double>::max();
  for (const double delta : {0.125, 0.25, 0.5, 0.75, 0.875}) {
    CAPTURE(delta);
    const losses::Huber<double> huber({.delta = delta});
    const Real expected = static_cast<Real>(delta) * 2 * static_cast<Real>(large);  // δ |r|
    for (const double sign : {1.0, -1.0}) {
      CHECK(triple(huber, sign * large, -sign * large).value ==
            Catch::Approx(static_cast<double>(expected)).epsilon(1e-15));
      CHECK(triple(huber, sign * large, -sign * large).slope == sign * delta);
    }
  }
}

TEST_CASE("Huber: below a delta of 1, where the value is computed otherwise, it is the same") {
  const losses::Huber<double> huber({.delta = 0.25});
  CHECK(triple(huber, 3, 1).value == 0.46875);  // δ (|r| − δ/2)
  CHECK(triple(huber, 3, 5).value == 0.46875);
  CHECK(triple(huber, -2, 1).value == 0.71875);
  CHECK(triple(huber, 1.125, 1).value == 0.0078125);  // r²/2
  CHECK(triple(huber, -1.125, -1).value == 0.0078125);
}

TEST_CASE("Huber: the default delta is 1 and the default reduction the mean") {
  const losses::Huber<> huber;
  CHECK(huber.rule().delta == 1);
  CHECK(huber.reduction() == losses::Reduction::mean);
  CHECK(huber.forward(Eigen::Vector2f(3, 0), Eigen::Vector2f(0, 0)) == 1.25f);
}

TEST_CASE("Huber: value and gradient are PyTorch's") {
  const Eigen::Vector4d p(0.5, -1.25, 3, 0), y(1, 0.75, -0.5, 0);
  const losses::Huber<double> huber({.delta = 1.5});
  Eigen::Vector4d g;
  // torch.nn.functional.huber_loss(p, y, delta=1.5)
  CHECK(huber.value_and_gradient(p, y, g) == 1.53125);
  CHECK(g == Eigen::Vector4d(-0.125, -0.375, 0.375, 0));
  // w = tensor([0.5, 2, 1, 3]); (w * huber_loss(p, y, delta=1.5, reduction="none")).sum() / w.sum()
  CHECK(huber.value_and_gradient(p, y, Eigen::Vector4d(0.5, 2, 1, 3), g) ==
        Catch::Approx(1.2211538461538463).epsilon(1e-15));
  CHECK((g - Eigen::Vector4d(-0.038461538461538464, -0.46153846153846156, 0.23076923076923078, 0)).norm() < 1e-16);
}

TEST_CASE("Huber: a delta that is not positive is refused") {
  for (const double delta : {0.0, -1.0, -0.0, std::numeric_limits<double>::quiet_NaN()}) {
    laws::refuses_option("Huber: delta is ", [&] { losses::Huber<double>({.delta = delta}); });
  }
}
