// SPDX-License-Identifier: MIT

#include <losses/regression/huber.hpp>
#include <losses/regression/l1.hpp>
#include <losses/regression/smooth_l1.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("SmoothL1: the laws", "[laws]") {
  laws::check(laws::element(
      "SmoothL1", losses::SmoothL1<float>({.beta = 0.25f}), losses::SmoothL1<double>({.beta = 0.25}),
      [](const auto& rule, Jet p, Jet y) { return reference::smooth_l1(p, y, rule.beta); }, real_line));
}

TEST_CASE("SmoothL1: a beta of 0 obeys the laws of L1", "[laws]") {
  laws::check(laws::element(
      "SmoothL1, beta 0", losses::SmoothL1<float>({.beta = 0}), losses::SmoothL1<double>({.beta = 0}),
      [](const auto&, Jet p, Jet y) { return reference::l1(p, y); }, real_line));
}

TEST_CASE("SmoothL1: beta = 0 is L1 to the bit, and nothing divides by it") {
  const auto in = draw<float>(real_line, 33, 3, 5);
  const losses::SmoothL1<float> smooth({.beta = 0});
  const losses::L1<float> l1;
  CHECK(smooth.forward(in.p, in.y) == l1.forward(in.p, in.y));
  CHECK(same_bits(smooth.gradient(in.p, in.y), l1.gradient(in.p, in.y)));
  CHECK(same_bits(smooth.curvature(in.p, in.y), l1.curvature(in.p, in.y)));
  const auto zero = triple(smooth, 0, 0);
  CHECK((zero.value == 0 && zero.slope == 0 && zero.curvature == 0));
}

TEST_CASE("SmoothL1: Huber(δ) is δ·SmoothL1(δ)") {
  for (const double delta : {0.1, 1.0, 3.0, 700.0}) {
    const auto in = draw<double>(real_line, 100, 2, 6);
    const losses::SmoothL1<double> smooth({.beta = delta});
    const losses::Huber<double> huber({.delta = delta});
    CHECK(huber.forward(in.p, in.y) == Catch::Approx(delta * smooth.forward(in.p, in.y)).epsilon(1e-14));
    const Columns<double> difference = huber.gradient(in.p, in.y) - delta * smooth.gradient(in.p, in.y);
    CHECK(difference.abs().maxCoeff() <= 1e-15 * delta);
  }
}

TEST_CASE("SmoothL1: at zero and on both sides of the seam") {
  const losses::SmoothL1<double> smooth({.beta = 0.5});
  const auto zero = triple(smooth, 0, 0);
  CHECK((zero.value == 0 && zero.slope == 0 && zero.curvature == 2));
  CHECK(triple(smooth, 0.5, 0).value == 0.25);
  CHECK(triple(smooth, -0.5, 0).slope == -1);
  CHECK(triple(smooth, std::nextafter(0.5, 0.0), 0).curvature == 2);
  CHECK(triple(smooth, std::nextafter(0.5, 1.0), 0).curvature == 0);
  CHECK(triple(smooth, std::nextafter(0.5, 1.0), 0).slope == 1);
}

TEST_CASE("SmoothL1: value and gradient are PyTorch's") {
  const Eigen::Vector4d p(0.5, -1.25, 3, 0), y(1, 0.75, -0.5, 0);
  Eigen::Vector4d g;
  // torch.nn.functional.smooth_l1_loss(p, y, beta=0.5)
  CHECK(losses::SmoothL1<double>({.beta = 0.5}).value_and_gradient(p, y, g) == 1.3125);
  CHECK(g == Eigen::Vector4d(-0.25, -0.25, 0.25, 0));
  // torch.nn.functional.smooth_l1_loss(p, y)
  CHECK(losses::SmoothL1<double>().value_and_gradient(p, y, g) == 1.15625);
  CHECK(g == Eigen::Vector4d(-0.125, -0.25, 0.25, 0));
}

TEST_CASE("SmoothL1: the default beta is PyTorch's 1") {
  CHECK(losses::SmoothL1<double>().rule().beta == 1);
}

TEST_CASE("SmoothL1: a negative beta is refused") {
  laws::refuses_option("SmoothL1: beta is -1", [] { losses::SmoothL1<float>({.beta = -1}); });
  laws::refuses_option("SmoothL1: beta is nan",
                       [] { losses::SmoothL1<double>({.beta = std::numeric_limits<double>::quiet_NaN()}); });
}
