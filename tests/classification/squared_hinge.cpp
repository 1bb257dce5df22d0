// SPDX-License-Identifier: MIT

#include <losses/classification/squared_hinge.hpp>

#include "binary_reference.hpp"
#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("SquaredHinge: the laws", "[laws]") {
  laws::check(laws::element(
      "SquaredHinge", losses::SquaredHinge<float>({.margin = 0.75f}), losses::SquaredHinge<double>({.margin = 0.75}),
      [](const auto& rule, Jet x, Jet y) { return reference::square(reference::hinge(x, y, rule.margin)); },
      sign_target,
      [](const auto& rule, Real x, Real y) {
        // margin − y x is rounded once.
        const Real z = std::max(Real(0), static_cast<Real>(rule.margin) - y * x), terms = std::fabs(x) + rule.margin;
        return laws::Scale{.value = z * terms, .slope = z > 0 ? 2 * terms : 0};
      }));
}

TEST_CASE("SquaredHinge: value, slope and curvature at zero, on both sides of the margin, and in the limits") {
  const losses::SquaredHinge<double> hinge;
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double y : {1.0, -1.0}) {
    const auto fact = [&](double yx, double value, double slope, double curvature) {
      INFO("y = " << y << ", y x = " << yx);
      const auto got = triple(hinge, y * yx, y);
      CHECK(got.value == value);
      CHECK(got.slope == slope);
      CHECK(got.curvature == curvature);
    };
    fact(0, 1, -2 * y, 2);
    fact(1, 0, 0, 0);
    fact(std::nextafter(1.0, 0.0), 0x1p-106, -y * 0x1p-52, 2);
    fact(std::nextafter(1.0, 2.0), 0, 0, 0);
    fact(-3, 16, -8 * y, 2);
    fact(infinity, 0, 0, 0);
    fact(-infinity, infinity, -y * infinity, 2);
  }
  CHECK(losses::SquaredHinge<float>().rule().margin == 1);
}

TEST_CASE("SquaredHinge: value and gradient are PyTorch's") {
  const Eigen::Vector4d x(0.5, -1.25, 3, -0.25), y(1, -1, -1, 1);
  Eigen::Vector4d g;
  // (torch.relu(1 - y*x)**2).mean()
  CHECK(losses::SquaredHinge<double>().value_and_gradient(x, y, g) == 4.453125);
  CHECK(g == Eigen::Vector4d(-0.25, 0, 2, -0.625));
}

TEST_CASE("SquaredHinge: the largest finite margin is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::SquaredHinge<float>({.margin = most}));
}

TEST_CASE("SquaredHinge: bad targets and margins are refused") {
  Eigen::VectorXf x = Eigen::VectorXf::Ones(20), y = x, g = x;
  y[19] = 0;
  laws::refuses("SquaredHinge: target[19] is 0, but must be -1 or 1", g,
                [&] { (void)losses::SquaredHinge<float>().value_and_gradient(x, y, g); });
  for (const float bad : {-1.f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("SquaredHinge: margin is ", [&] { losses::SquaredHinge<float>({.margin = bad}); });
  }
}

TEST_CASE("SquaredHinge: 2 z beyond the largest number is a finite slope where the mean or a weight brings it back") {
  constexpr float most = std::numeric_limits<float>::max();
  const losses::SquaredHinge<float> loss;
  const Eigen::VectorXf x = Eigen::VectorXf::Constant(40, most), y = -Eigen::VectorXf::Ones(40);
  CHECK((loss.gradient(x, y) / most).isApprox(Eigen::VectorXf::Constant(40, 2 / 40.0f)));
  CHECK((loss.gradient(Eigen::VectorXf(-x), Eigen::VectorXf(-y)) / most)
            .isApprox(Eigen::VectorXf::Constant(40, -2 / 40.0f)));
  const losses::SquaredHinge<float> sum(losses::Reduction::sum);
  CHECK((sum.gradient(x, y, Eigen::VectorXf::Constant(40, 0.25f).eval()) / most)
            .isApprox(Eigen::VectorXf::Constant(40, 0.5f)));
}
