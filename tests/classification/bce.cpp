// SPDX-License-Identifier: MIT

#include <losses/classification/bce.hpp>

#include "binary_reference.hpp"
#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("BCE: the laws", "[laws]") {
  laws::check(laws::element(
      "BCE", losses::BCE<float>(), losses::BCE<double>(),
      [](const auto& rule, Jet p, Jet y) { return reference::bce(p, y, rule.epsilon); }, both_unit,
      [](const auto& rule, Real p, Real y) {
        const reference::Clamped c(p, rule.epsilon);
        return laws::Scale{.slope = std::max(y / c.yes.f, (1 - y) / c.no.f)};
      }));
}

TEST_CASE("BCE: value and slope at the ends, where the slope is that of the clamped probability") {
  const losses::BCE<double> bce({.epsilon = 0.125});
  for (const double p : {0.0, 0.0625, 0.125}) {
    CHECK(triple(bce, p, 0).value == Catch::Approx(std::log(8 / 7.0)).epsilon(1e-15));
    CHECK(triple(bce, p, 0).slope == Catch::Approx(8 / 7.0).epsilon(1e-15));
    CHECK(triple(bce, p, 0).curvature == Catch::Approx(64 / 49.0).epsilon(1e-15));
    CHECK(triple(bce, p, 1).value == Catch::Approx(std::log(8.0)).epsilon(1e-15));
    CHECK(triple(bce, p, 1).slope == -8);
    CHECK(triple(bce, p, 1).curvature == 64);
    CHECK(triple(bce, 1 - p, 1).slope == Catch::Approx(-8 / 7.0).epsilon(1e-15));
    CHECK(triple(bce, 1 - p, 0).slope == 8);
  }
  const auto middle = triple(bce, 0.5, 0.5);
  CHECK(middle.value == Catch::Approx(std::log(2.0)).epsilon(1e-15));
  CHECK((middle.slope == 0 && middle.curvature == 4));
  CHECK(triple(losses::BCE<double>(), 0.25, 0.25).slope == 0);
}

TEST_CASE("BCE: in float, 1 − epsilon is not rounded away") {
  const losses::BCE<float> bce;
  CHECK(triple(bce, 1, 0).value == Catch::Approx(-std::log(1e-7)).epsilon(1e-7));
  CHECK(triple(bce, 1, 0).slope == Catch::Approx(1e7).epsilon(1e-7));
  CHECK(triple(bce, 0, 1).slope == Catch::Approx(-1e7).epsilon(1e-7));
  CHECK(triple(bce, 1, 1).value == Catch::Approx(1e-7).epsilon(1e-6));
}

TEST_CASE("BCE: small losses keep their digits and are never negative") {
  const losses::BCE<float> bce({.epsilon = 1e-12f});
  for (double p = 1e-11; p < 1e-5; p *= 1.3) {
    const float x = static_cast<float>(p);
    CHECK(triple(bce, x, 0).value == Catch::Approx(-std::log1p(-static_cast<double>(x))).epsilon(1e-6));
  }
  for (int k = 1; k < 40; ++k) {
    const float x = 1 - static_cast<float>(k) * 0x1p-24f;
    CHECK(triple(bce, x, 1).value == Catch::Approx(-std::log1p(-k * 0x1p-24)).epsilon(1e-6));
  }
  for (const float p : {0.f, -0.f, 1.f}) CHECK(triple(bce, p, p).value >= 0);
}

TEST_CASE("BCE: (p, y) and (1 − p, 1 − y) have the same value and opposite slopes") {
  const losses::BCE<double> bce;
  for (const double p : {0.0, 0.125, 0.375, 0.5, 0.75, 1.0}) {
    for (const double y : {0.0, 0.25, 0.5, 1.0}) {
      const auto here = triple(bce, p, y), there = triple(bce, 1 - p, 1 - y);
      CHECK(here.value == Catch::Approx(there.value).epsilon(1e-15));
      CHECK(here.slope == Catch::Approx(-there.slope).epsilon(1e-15));
      CHECK(here.curvature == Catch::Approx(there.curvature).epsilon(1e-15));
    }
  }
}

TEST_CASE("BCE: value and gradient are PyTorch's") {
  const Eigen::Vector4d p(0.5, 0.125, 0.9375, 0.25), y(1, 0, 0.25, 1);
  Eigen::Vector4d g;
  // torch.nn.functional.binary_cross_entropy(p, y)
  CHECK(losses::BCE<double>().value_and_gradient(p, y, g) == Catch::Approx(1.0771372765671468).epsilon(1e-15));
  CHECK((g - Eigen::Vector4d(-0.5, 0.2857142857142857, 2.933333333333333, -1)).norm() < 1e-14);
  // torch.nn.functional.binary_cross_entropy(p, y, weight=torch.tensor([0.5, 2, 1, 3]), reduction="sum")
  const losses::BCE<double> sum(losses::Reduction::sum);
  CHECK(sum.value_and_gradient(p, y, Eigen::Vector4d(0.5, 2, 1, 3), g) ==
        Catch::Approx(6.868095630852918).epsilon(1e-15));
  CHECK((g - Eigen::Vector4d(-1, 2.2857142857142856, 11.733333333333333, -12)).norm() < 1e-13);
}

TEST_CASE("BCE: numbers that are no probabilities are refused before anything is written") {
  const losses::BCE<float> bce;
  Eigen::MatrixXf p = Eigen::MatrixXf::Constant(5, 3, 0.5f), y = p;
  Eigen::MatrixXf g = Eigen::MatrixXf::Constant(5, 3, 7);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {-1e-30f, -1.f, 1.0000001f, 2.f, infinity, -infinity}) {
    p(4, 1) = bad;
    laws::refuses("BCE: prediction[4, 1] is ", g, [&] { (void)bce.value_and_gradient(p, y, g); });
    laws::refuses("but must be in [0, 1]", g, [&] { (void)bce.forward(p, y); });
    p(4, 1) = 0.5f;
    y(2, 2) = bad;
    laws::refuses("BCE: target[2, 2] is ", g, [&] { (void)bce.value_and_gradient(p, y, g); });
    // Weight 0 leaves it out.
    Eigen::MatrixXf w = Eigen::MatrixXf::Ones(5, 3);
    w(2, 2) = 0;
    CHECK(bce.forward(p, y, w) == Catch::Approx(std::log(2.0)));
    y(2, 2) = 0.5f;
  }
  CHECK(bce.value_and_gradient(p, y, g) == Catch::Approx(std::log(2.0)));
}

TEST_CASE("BCE: the default epsilon is 1e-7") {
  CHECK(losses::BCE<double>().rule().epsilon == 1e-7);
}

TEST_CASE("BCE: an epsilon outside (0, 1/2) is refused") {
  for (const float epsilon : {0.f, -1e-7f, 0.5f, 1.f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("BCE: epsilon is ", [&] { losses::BCE<float>({.epsilon = epsilon}); });
  }
}
