// SPDX-License-Identifier: MIT

// What attacks on the finished losses found.

#include <cmath>
#include <limits>

#include <losses/classification.hpp>

#include "laws.hpp"

using namespace losses_test;

TEST_CASE("classification: a NaN comes out of the curvature, too") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(laws::triple(losses::Hinge<double>(), nan, 1.0).curvature));
  CHECK(std::isnan(laws::triple(losses::SquaredHinge<double>(), nan, 1.0).curvature));
  CHECK(std::isnan(laws::triple(losses::KLDivergence<double>(), nan, 0.5).curvature));
  CHECK(std::isnan(laws::triple(losses::KLDivergence<double>(), -1.0, nan).curvature));
  CHECK(laws::triple(losses::KLDivergence<double>(), nan, 0.0).curvature == 0);
  CHECK(laws::triple(losses::Hinge<double>(), 0.5, 1.0).curvature == 0);
  CHECK(laws::triple(losses::SquaredHinge<double>(), 0.5, 1.0).curvature == 2);
  CHECK(laws::triple(losses::SquaredHinge<double>(), 2.0, 1.0).curvature == 0);

  Eigen::Matrix<double, 2, 3> log_p;
  log_p << -1, nan, -1, nan, -1, -1;
  const Eigen::Vector2i labels(1, 1);
  const auto curvature = losses::NLL<double>().curvature(log_p, labels);
  CHECK(std::isnan(curvature(0, 1)));
  CHECK(curvature(1, 1) == 0);
  CHECK(curvature(1, 0) == 0);
}

TEST_CASE("Focal: alpha beyond 1 is named where alpha_negative is not given") {
  const std::string words = "alpha is 2, but must be in [0, 1] where alpha_negative is not given";
  laws::refuses_option("Focal: " + words, [] { losses::Focal<float>({.alpha = 2}); });
  laws::refuses_option("FocalWithLogits: " + words, [] { losses::FocalWithLogits<float>({.alpha = 2}); });
  const losses::FocalWithLogits<float> uniform({.alpha = 2, .alpha_negative = 2});
  CHECK(uniform.rule().alpha == 2);
}

TEST_CASE("SymmetricCrossEntropy: the cost of a wrong label must be finite") {
  laws::refuses_option("SymmetricCrossEntropy: beta times log_zero is -inf, but must be finite",
                       [] { losses::SymmetricCrossEntropy<float>({.beta = 1e20F, .log_zero = -1e20F}); });
}
