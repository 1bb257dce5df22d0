// SPDX-License-Identifier: MIT

#include "catch.hpp"

#include <losses/losses.hpp>

namespace {

/// A square whose slope is wrong by a half.
struct WrongSlope {
  using Scalar = double;
  using Shape = losses::per_element;

  template <class V>
  losses::Terms<V> operator()(V p, V y) const {
    const V r = p - y;
    return {.value = r * r, .slope = r, .curvature = V(1)};
  }
};

}  // namespace

TEST_CASE("check_gradient: a right gradient passes, of labels and of two predictions too") {
  const Eigen::MatrixXd p = Eigen::MatrixXd::Random(5, 3), y = Eigen::MatrixXd::Random(5, 3);
  CHECK(losses::check_gradient(losses::MSE<double>(), p, y).ok);
  CHECK(losses::check_gradient(losses::CrossEntropy<double>(), p, Eigen::VectorXi::Constant(5, 1)).ok);
  const Eigen::MatrixXd variance = p.array().square() + 1;
  const auto report = losses::check_gradient(losses::GaussianNLL<double>(), p, variance, y);
  CHECK(report.ok);
  CHECK(report.checked == 30);
}

TEST_CASE("check_gradient: a wrong slope is found, with its worst entry") {
  const Eigen::Vector3d p(1, 5, 2), y = Eigen::Vector3d::Zero();
  const auto report = losses::check_gradient(losses::Loss<WrongSlope>(), p, y);
  CHECK_FALSE(report.ok);
  CHECK(report.index == 1);
  CHECK(report.numeric == Approx(10.0 / 3));
  CHECK(report.analytic == Approx(5.0 / 3));
}

TEST_CASE("check_gradient: an error counts by the size of the gradient") {
  const Eigen::Vector3d p(0.001, 0.005, 0.002), y = Eigen::Vector3d::Zero();
  const auto report = losses::check_gradient(losses::Loss<WrongSlope>(), p, y);
  CHECK_FALSE(report.ok);
  CHECK(report.worst_error == Approx(0.5));
  CHECK(report.index == 1);
}
