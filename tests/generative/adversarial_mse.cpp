// SPDX-License-Identifier: MIT
// What a generator is trained with: the sum of its parts, with a gradient for scores and output.

#include <losses/generative/adversarial_mse.hpp>

#include <losses/evaluation/check_gradient.hpp>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "catch.hpp"

TEST_CASE("AdversarialMSE: the sum of its parts, and a gradient for scores and output") {
  const Eigen::Vector2d score(0, 1);
  const Eigen::Vector3d output(2, 2, 2), target(1, 2, 4);
  const losses::AdversarialMSE<double> loss;
  Eigen::VectorXd of_score, of_output;
  const double value = loss.value_and_gradient(score, output, target, of_score, of_output);
  // softplus(0) = log 2 and softplus(−1), halved; (1 + 0 + 4)/3.
  CHECK(value == Catch::Approx((std::log(2) + std::log1p(std::exp(-1))) / 2 + 5.0 / 3).epsilon(1e-14));
  CHECK(value == loss.forward(score, output, target));
  CHECK(of_score.isApprox(Eigen::Vector2d(-0.25, -0.5 / (1 + std::exp(1))), 1e-14));
  CHECK(of_output.isApprox(Eigen::Vector3d(2, 0, -4) / 3, 1e-14));
  const auto report = losses::check_gradient(loss, score, output, target);
  INFO(report.message());
  CHECK(report);
  const auto terms = loss.unreduced(score, output, target);
  CHECK(terms[0] + terms[1] == value);
}

TEST_CASE("AdversarialMSE: twice a residual may be beyond the largest number, if its share of the mean is not") {
  const auto check = [](auto most) {
    using Vector = Eigen::Matrix<decltype(most), Eigen::Dynamic, 1>;
    for (const auto mode : {losses::AdversarialMode::vanilla, losses::AdversarialMode::lsgan}) {
      const losses::AdversarialMSE<decltype(most)> loss({.mode = mode});
      const Vector score = Vector::Constant(8, -most), output = score, target = Vector::Ones(8);
      Vector of_score, of_output;
      CHECK(std::isinf(loss.value_and_gradient(score, output, target, of_score, of_output)));
      CHECK((of_output / most).isApprox(Vector::Constant(8, -0.25f)));
      if (mode == losses::AdversarialMode::lsgan) CHECK((of_score / most).isApprox(Vector::Constant(8, -0.25f)));
    }
  };
  check(std::numeric_limits<float>::max());
  check(std::numeric_limits<double>::max());
}

TEST_CASE("AdversarialMSE: what does not fit is refused before anything is written") {
  const Eigen::Vector2d score(0, 1);
  const Eigen::Vector3d output(2, 2, 2);
  Eigen::VectorXd of_score = Eigen::VectorXd::Constant(2, 7), of_output = Eigen::VectorXd::Constant(3, 7);
  const losses::AdversarialMSE<double> loss;
  CHECK_THROWS_WITH(loss.value_and_gradient(score, output, score, of_score, of_output),
                    Catch::Matchers::ContainsSubstring("target is [2 x 1], but must be [3 x 1]"));
  Eigen::VectorXd small = Eigen::VectorXd::Constant(1, 7);
  CHECK_THROWS_AS(
      loss.value_and_gradient(score, output, output, of_score, Eigen::Map<Eigen::VectorXd>(small.data(), 1)),
      std::invalid_argument);
  CHECK(of_score == Eigen::VectorXd::Constant(2, 7));
  CHECK(of_output == Eigen::VectorXd::Constant(3, 7));
  CHECK(small[0] == 7);
  CHECK_THROWS_WITH(losses::AdversarialMSE<double>({.real_label = 2}),
                    Catch::Matchers::ContainsSubstring("real_label is 2"));
}
