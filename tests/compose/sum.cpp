// SPDX-License-Identifier: MIT

#include <losses/classification/bce_with_logits.hpp>
#include <losses/compose/sum.hpp>
#include <losses/evaluation/check_gradient.hpp>
#include <losses/regression/expectile.hpp>
#include <losses/regression/huber.hpp>
#include <losses/regression/l1.hpp>
#include <losses/regression/mse.hpp>

#include "catch.hpp"
#include "inputs.hpp"

using namespace losses_test;
using Catch::Matchers::ContainsSubstring;
using losses::BCEWithLogits;
using losses::Huber;
using losses::L1;
using losses::Reduction;

namespace {

using Matrix = Eigen::MatrixXd;

const Matrix p = Matrix::Random(33, 5) * 3;
const Matrix y = Matrix::Random(33, 5).cwiseAbs();
const Eigen::VectorXd w = Eigen::VectorXd::Random(33).cwiseAbs();

}  // namespace

TEST_CASE("Sum: losses of elements are one pass, with the value and the gradient of all") {
  const Huber<double> huber({.delta = 0.5});
  const L1<double> l1;
  const BCEWithLogits<double> bce({.pos_weight = {1, 2, 3, 0.5, 0.1}});
  const auto sum = 0.5 * huber + l1 * 0.25 + -2 * bce;
  static_assert(decltype(sum)::size == 3);
  const double value = sum.forward(p, y, w);
  const auto terms = sum.terms(p, y, w);
  CHECK(terms == std::array{huber.forward(p, y, w), l1.forward(p, y, w), bce.forward(p, y, w)});
  CHECK(value == Catch::Approx(0.5 * terms[0] + 0.25 * terms[1] - 2 * terms[2]).epsilon(1e-14));
  Matrix gradient;
  CHECK(sum.value_and_gradient(p, y, w, gradient) == value);
  const Matrix expected = 0.5 * huber.gradient(p, y, w) + 0.25 * l1.gradient(p, y, w) - 2.0 * bce.gradient(p, y, w);
  CHECK((gradient - expected).cwiseAbs().maxCoeff() <= 1e-15);
  CHECK(sum.gradient(p, y, w) == gradient);
  CHECK(losses::check_gradient(sum, p, y, w).ok);
  sum.value_and_gradient(p, y, w, losses::add_to(gradient, -1));
  CHECK(gradient.cwiseAbs().maxCoeff() == 0);
  CHECK(sum.forward(losses::serial, p, y, w) == value);

  const Matrix each = 0.5 * huber.unreduced(p, y) + 0.25 * l1.unreduced(p, y) - 2.0 * bce.unreduced(p, y);
  CHECK((sum.unreduced(p, y) - each).cwiseAbs().maxCoeff() <= 1e-14);
  const Matrix curvature = 0.5 * huber.curvature(p, y) + 0.25 * l1.curvature(p, y) - 2.0 * bce.curvature(p, y);
  CHECK((sum.curvature(p, y) - curvature).cwiseAbs().maxCoeff() <= 1e-15);

  Matrix in_place = p;
  CHECK(sum.value_and_gradient(in_place, y, w, in_place) == value);
  CHECK((in_place - expected).cwiseAbs().maxCoeff() <= 1e-15);
}

TEST_CASE("Sum: each term keeps its reduction") {
  const auto sum = Huber<double>() + L1<double>(Reduction::sum) + 3 * BCEWithLogits<double>(Reduction::batch_mean);
  const auto terms = sum.terms(p, y, w);
  CHECK(terms[1] == L1<double>(Reduction::sum).forward(p, y, w));
  CHECK(sum.forward(p, y, w) == Catch::Approx(terms[0] + terms[1] + 3 * terms[2]).epsilon(1e-14));
  CHECK(losses::check_gradient(sum, p, y, w).ok);
  const Matrix none(0, 5);
  CHECK(sum.forward(none, none) == 0);
  Matrix gradient = p;
  CHECK(sum.value_and_gradient(p, y, Eigen::VectorXd::Zero(33).eval(), gradient) == 0);
  CHECK(gradient.cwiseAbs().maxCoeff() == 0);
}

TEST_CASE("Sum: single elements have their factors alone, whatever the reductions") {
  const auto sum = 2 * Huber<double>() + 4 * L1<double>(Reduction::sum);
  const Eigen::RowVector2d far(3, -1), zero(0, 0);
  CHECK(sum.unreduced(far, zero) == Eigen::RowVector2d(2 * 2.5 + 4 * 3, 2 * 0.5 + 4 * 1));
}

TEST_CASE("Sum: two losses with an option for each column keep their own") {
  const auto sum = BCEWithLogits<double>({.pos_weight = {1, 2}}) + BCEWithLogits<double>({.pos_weight = {3, 5}});
  const Matrix zero = Matrix::Zero(3, 2), one = Matrix::Ones(3, 2);
  Matrix gradient;
  CHECK(sum.value_and_gradient(zero, one, gradient) == Catch::Approx(5.5 * std::log(2)).epsilon(1e-14));
  CHECK(gradient.row(2).isApprox(Eigen::RowVector2d(-0.5 * 4 / 6, -0.5 * 7 / 6), 1e-14));
}

TEST_CASE("Sum: sums flatten, and factors multiply") {
  const auto inner = 2 * Huber<double>() + L1<double>();
  const auto sum = 0.5 * inner + 3 * (inner * 2);
  CHECK(sum.factors() == std::array{1.0, 0.5, 12.0, 6.0});
  CHECK(sum.forward(p, y) == Catch::Approx(6.5 * inner.forward(p, y)).epsilon(1e-14));
}

TEST_CASE("Sum: a term of factor 0 is checked and adds nothing") {
  const auto sum = Huber<double>() * 0 + BCEWithLogits<double>();
  CHECK(sum.forward(p, y) == BCEWithLogits<double>().forward(p, y));
  const auto checked = Huber<double>() + BCEWithLogits<double>() * 0;
  CHECK_THROWS_WITH(checked.forward(p, p), ContainsSubstring("BCEWithLogits: target"));
}

TEST_CASE("Sum: what it refuses, with the outputs untouched") {
  const auto sum = Huber<double>() + BCEWithLogits<double>();
  Matrix gradient = Matrix::Constant(33, 5, 42), target = y;
  target(7, 2) = 1.5;
  CHECK_THROWS_WITH(sum.value_and_gradient(p, target, gradient),
                    "BCEWithLogits: target[7, 2] is 1.5, but must be in [0, 1]");
  CHECK_THROWS_WITH(sum.value_and_gradient(p, y.leftCols(3), gradient), ContainsSubstring("Huber: target is [33 x 3]"));
  CHECK_THROWS_WITH(sum.value_and_gradient(p, y, -w, gradient), ContainsSubstring("weights[0"));
  CHECK_THROWS_WITH(sum.value_and_gradient(p, target, target), ContainsSubstring("BCEWithLogits: target[7, 2]"));
  target = y;
  CHECK_THROWS_WITH(sum.value_and_gradient(p, target, target), ContainsSubstring("gradient shares memory with target"));
  CHECK_THROWS_WITH(std::nan("") * sum, "Sum: the factor of term 0 is nan, but must be finite");
  CHECK_THROWS_WITH(Huber<double>() + L1<double>() * std::numeric_limits<double>::infinity(),
                    "Sum: the factor of term 0 is inf, but must be finite");
  CHECK((gradient.array() == 42).all());
}

TEST_CASE("Sum: a factor of 0 adds nothing to infinite terms, and factors of other reductions do not overflow") {
  const Eigen::Vector2d far(1e200, 1e200), zero(0, 0);
  Eigen::VectorXd g;
  CHECK((0.0 * losses::MSE<double>() + losses::L1<double>()).value_and_gradient(far, zero, g) == 1e200);
  CHECK(g == Eigen::Vector2d(0.5, 0.5));
  CHECK((0.0 * losses::MSE<double>()).forward(far, zero) == 0);

  const Eigen::Matrix2f small = Eigen::Matrix2f::Constant(1e-3f), none = Eigen::Matrix2f::Zero();
  const auto sum = 0.0f * losses::MSE<float>() + 3e38f * losses::L1<float>(losses::Reduction::sum);
  Eigen::MatrixXf slope;
  CHECK(sum.value_and_gradient(small, none, slope) == Catch::Approx(1.2e36));
  CHECK(slope(1, 1) == 3e38f);
}

TEST_CASE("Sum: a slope beyond the largest number is scaled before it overflows, as in the loss alone") {
  const Eigen::Vector4f far = Eigen::Vector4f::Constant(3e38f), none = Eigen::Vector4f::Zero();
  Eigen::VectorXf alone, both;
  losses::MSE<float>().value_and_gradient(far, none, alone);
  CHECK(alone[3] == 1.5e38f);
  (0.5f * losses::MSE<float>() + losses::L1<float>()).value_and_gradient(far, none, both);
  CHECK(both[3] == 0.75e38f);
  (losses::L1<float>() + 2.0f * losses::Expectile<float>()).value_and_gradient(far, none, both);
  CHECK(both[0] == 1.5e38f);
}
