// SPDX-License-Identifier: MIT

#include <losses/classification/hinge.hpp>

#include "binary_reference.hpp"
#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("Hinge: the laws", "[laws]") {
  laws::check(laws::element(
      "Hinge", losses::Hinge<float>({.margin = 1.5f}), losses::Hinge<double>({.margin = 1.5}),
      [](const auto& rule, Jet x, Jet y) { return reference::hinge(x, y, rule.margin); }, sign_target,
      [](const auto& rule, Real x, Real) {
        const Real terms = std::max(std::fabs(x), static_cast<Real>(rule.margin));
        return laws::Scale{.value = terms};
      }));
}

TEST_CASE("Hinge: value and slope at zero, on both sides of the margin, and in the limits") {
  const losses::Hinge<double> hinge;
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double y : {1.0, -1.0}) {
    const auto fact = [&](double yx, double value, double slope) {
      INFO("y = " << y << ", y x = " << yx);
      const auto got = triple(hinge, y * yx, y);
      CHECK(got.value == value);
      CHECK(got.slope == slope);
      CHECK(got.curvature == 0);
    };
    fact(0, 1, -y);
    fact(1, 0, 0);
    fact(std::nextafter(1.0, 0.0), 0x1p-53, -y);
    fact(std::nextafter(1.0, 2.0), 0, 0);
    fact(-3, 4, -y);
    fact(1e300, 0, 0);
    fact(infinity, 0, 0);
    fact(-infinity, infinity, -y);
  }
}

TEST_CASE("Hinge: a margin of 0 is the perceptron's loss") {
  const losses::Hinge<float> perceptron({.margin = 0});
  CHECK(triple(perceptron, -2, 1).value == 2);
  CHECK(triple(perceptron, 0, 1).slope == 0);
  CHECK(losses::Hinge<float>().rule().margin == 1);
}

TEST_CASE("Hinge: value and gradient are PyTorch's") {
  const Eigen::Vector4d x(0.5, -1.25, 3, -0.25), y(1, -1, -1, 1);
  Eigen::Vector4d g;
  // torch.relu(1 - y*x).mean()
  CHECK(losses::Hinge<double>().value_and_gradient(x, y, g) == 1.4375);
  CHECK(g == Eigen::Vector4d(-0.25, 0, 0.25, -0.25));
  // w = tensor([0.5, 2, 1, 3]); (w * torch.relu(2 - y*x)).sum() / w.sum()
  const losses::Hinge<double> wide({.margin = 2});
  CHECK(wide.value_and_gradient(x, y, Eigen::Vector4d(0.5, 2, 1, 3), g) ==
        Catch::Approx(2.1538461538461537).epsilon(1e-15));
  CHECK((g - Eigen::Vector4d(-0.07692307692307693, 0.3076923076923077, 0.15384615384615385, -0.46153846153846156))
            .norm() < 1e-15);
}

TEST_CASE("Hinge: targets that are neither −1 nor +1 are refused") {
  const losses::Hinge<float> hinge;
  Eigen::VectorXf x = Eigen::VectorXf::Ones(20), y = x, g = x;
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {0.f, 0.5f, -0.5f, 2.f, -2.f, std::nextafter(1.f, 0.f), infinity}) {
    y[3] = bad;
    laws::refuses("Hinge: target[3] is ", g, [&] { (void)hinge.value_and_gradient(x, y, g); });
    laws::refuses("but must be -1 or 1", g, [&] { (void)hinge.forward(x, y); });
  }
  y[3] = 0;
  laws::refuses("Hinge: target[3] is 0, but must be -1 or 1", g, [&] { (void)hinge.partial(x, y); });
}

TEST_CASE("Hinge: the largest finite margin is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::Hinge<float>({.margin = most}));
}

TEST_CASE("Hinge: a margin that is negative or not finite is refused") {
  for (const float bad : {-1.f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("Hinge: margin is ", [&] { losses::Hinge<float>({.margin = bad}); });
  }
}
