// SPDX-License-Identifier: MIT

#include <losses/metric/hinge_embedding.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("HingeEmbedding: the laws", "[laws]") {
  laws::check(laws::element(
      "HingeEmbedding", losses::HingeEmbedding<float>({.margin = 1.5f}),
      losses::HingeEmbedding<double>({.margin = 1.5}),
      [](const auto& rule, Jet x, Jet y) { return y.f == 1 ? x : max(static_cast<Real>(rule.margin) - x, Jet(0)); },
      sign_target,
      [](const auto& rule, Real x, Real y) {
        return laws::Scale{.value = y == 1 ? 0 : std::fabs(x) + static_cast<Real>(rule.margin)};
      }));
}

TEST_CASE("HingeEmbedding: value and slope on both sides of the margin, and at it as PyTorch") {
  const losses::HingeEmbedding<double> loss({.margin = 2});
  for (const double x : {-3.0, 0.0, 5.0}) {
    const auto similar = triple(loss, x, 1);
    CHECK((similar.value == x && similar.slope == 1 && similar.curvature == 0));
  }
  const auto at = triple(loss, 2, -1), below = triple(loss, 0.5, -1), above = triple(loss, 2.0000001, -1);
  CHECK((at.value == 0 && at.slope == -1 && at.curvature == 0));
  CHECK((below.value == 1.5 && below.slope == -1));
  CHECK((above.value == 0 && above.slope == 0));
}

TEST_CASE("HingeEmbedding: value and gradient are PyTorch's") {
  const Eigen::VectorXd x = (Eigen::VectorXd(5) << 0.5, 1, 2, -0.5, 0).finished();
  const Eigen::VectorXd y = (Eigen::VectorXd(5) << 1, -1, -1, -1, 1).finished();
  Eigen::VectorXd g;
  // torch.nn.functional.hinge_embedding_loss(x, y)
  CHECK(losses::HingeEmbedding<double>().value_and_gradient(x, y, g) == Catch::Approx(0.4).epsilon(1e-15));
  CHECK((g - (Eigen::VectorXd(5) << 0.2, -0.2, 0, -0.2, 0.2).finished()).norm() < 1e-16);
  // … margin=2.25, reduction="sum"
  const losses::HingeEmbedding<double> sum({.margin = 2.25}, losses::Reduction::sum);
  CHECK(sum.value_and_gradient(x, y, g) == 4.75);
  CHECK(g == (Eigen::VectorXd(5) << 1, -1, -1, -1, 1).finished());
}

TEST_CASE("HingeEmbedding: the margin may be negative") {
  const losses::HingeEmbedding<double> loss({.margin = -1});
  CHECK(loss.forward(Eigen::Vector2d(-3, 0), Eigen::Vector2d(-1, -1)) == 1);  // (2 + 0) / 2
}

TEST_CASE("HingeEmbedding: the largest finite margin is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::HingeEmbedding<float>({.margin = most}));
  CHECK_NOTHROW(losses::HingeEmbedding<float>({.margin = -most}));
}

TEST_CASE("HingeEmbedding: a target that is no sign, or a margin that is not finite, is refused") {
  const losses::HingeEmbedding<double> loss;
  Eigen::Vector3d g(7, 7, 7);
  for (const double bad : {0.0, 0.5, 2.0, -std::numeric_limits<double>::infinity()}) {
    laws::refuses("HingeEmbedding: target[2] is ", g,
                  [&] { (void)loss.value_and_gradient(Eigen::Vector3d(1, 2, 3), Eigen::Vector3d(1, -1, bad), g); });
  }
  for (const double margin : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    laws::refuses_option("HingeEmbedding: margin is ", [&] { losses::HingeEmbedding<double>({.margin = margin}); });
  }
}
