// SPDX-License-Identifier: MIT

#include <span>

#include <losses/compose/make_loss.hpp>
#include <losses/regression/gaussian_nll.hpp>
#include <losses/regression/huber.hpp>
#include <losses/segmentation/dice.hpp>
#include <losses/tensor.hpp>

#include "catch.hpp"
#include "inputs.hpp"

using namespace losses_test;
using Catch::Matchers::ContainsSubstring;
using losses::AnyLoss;

namespace {

using Matrix = Eigen::MatrixXf;
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

const Matrix p = Matrix::Random(33, 5);
const Matrix y = Matrix::Random(33, 5);
const Eigen::VectorXf w = Eigen::VectorXf::Random(33).cwiseAbs();

}  // namespace

TEST_CASE("AnyLoss: the verbs of the loss, with its bits, for every storage") {
  const losses::Huber<float> direct({.delta = 0.3f});
  const AnyLoss<float> any = direct;
  const float value = direct.forward(p, y, w);
  CHECK(any.forward(p, y) == direct.forward(p, y));
  CHECK(any.forward(p, y, w) == value);
  const RowMajor rows = p;
  CHECK(any.forward(rows, y, w) == direct.forward(rows, y, w));
  CHECK(any.forward(p.topRows(9), 2.0f * y.topRows(9), w.head(9)) ==
        direct.forward(p.topRows(9), 2.0f * y.topRows(9), w.head(9)));

  Matrix expected, gradient;
  direct.value_and_gradient(p, y, w, expected);
  CHECK(any.value_and_gradient(p, y, w, gradient) == value);
  CHECK(gradient == expected);
  CHECK(any.gradient(p, y, w) == expected);
  const RowMajor of_rows = any.gradient(rows, y, w);
  CHECK(of_rows == direct.gradient(rows, y, w));
  CHECK(any.unreduced(p, y, w) == direct.unreduced(p, y, w));

  Matrix large = Matrix::Constant(66, 10, 7);
  any.value_and_gradient(p, y, w, large.topRows(33).leftCols(5));
  CHECK(large.topLeftCorner(33, 5) == expected);
  any.value_and_gradient(p, y, w, losses::add_to(large.topLeftCorner(33, 5), -1));
  CHECK(large.topLeftCorner(33, 5).cwiseAbs().maxCoeff() == 0);
  CHECK(large.bottomRows(33) == Matrix::Constant(33, 10, 7));
  Matrix in_place = p;
  CHECK(any.value_and_gradient(in_place, y, w, in_place) == value);
  CHECK(in_place == expected);
}

TEST_CASE("AnyLoss: tensors, and several predictions") {
  Eigen::Tensor<float, 3> a(3, 4, 5), b(3, 4, 5), gradient;
  a.setRandom();
  b.setRandom();
  const AnyLoss<float> any = losses::Huber<float>();
  CHECK(any.value_and_gradient(a, b, gradient) == losses::Huber<float>().forward(a, b));
  const Eigen::Tensor<float, 0> difference = (gradient - losses::Huber<float>().gradient(a, b)).abs().maximum();
  CHECK(difference() == 0);
  const Matrix terms = any.unreduced(a, b);
  const auto direct = losses::Huber<float>().unreduced(a, b);
  REQUIRE(terms.rows() == 3);
  REQUIRE(terms.cols() == 20);
  CHECK(terms(2, 1 * 5 + 3) == direct(2, 1, 3));

  const losses::GaussianNLL<float> gaussian;
  const AnyLoss<float> of_two = losses::make_loss("gaussian_nll");
  const Matrix variance = p.cwiseAbs();
  Matrix mean_gradient, variance_gradient;
  CHECK(of_two.value_and_gradient(p, variance, y, w, mean_gradient, variance_gradient) ==
        gaussian.forward(p, variance, y, w));
  const auto [by_mean, by_variance] = of_two.gradient<2>(p, variance, y, w);
  CHECK(by_mean == mean_gradient);
  CHECK(by_variance == variance_gradient);
  CHECK(by_variance == std::get<1>(gaussian.gradient(p, variance, y, w)));
}

TEST_CASE("AnyLoss: a policy comes first, and a set has its terms") {
  const AnyLoss<float> any = losses::make_loss("dice(per_sample=true)");
  const Matrix probability = p.cwiseAbs(), mask = y.cwiseAbs();
  CHECK(any.forward(losses::serial, probability, mask) == any.forward(probability, mask));
  const Matrix terms = any.unreduced(losses::serial, probability, mask);
  CHECK(terms == losses::Dice<float>({.per_sample = true}).unreduced(probability, mask));
  Matrix gradient;
  any.value_and_gradient(losses::serial, probability, mask, gradient);
  CHECK(gradient == any.gradient(losses::serial, probability, mask));
}

TEST_CASE("AnyLoss: copies are one loss, and a sum's terms can be had") {
  AnyLoss<float> any = losses::Huber<float>({.delta = 0.3f});
  const AnyLoss<float> copy = any;
  any = losses::make_loss("dice");
  CHECK(copy.forward(p, y) == losses::Huber<float>({.delta = 0.3f}).forward(p, y));
  CHECK(copy.terms(p, y) == std::vector<float>{copy.forward(p, y)});
  static_assert(std::same_as<decltype(AnyLoss(losses::Huber<double>())), AnyLoss<double>>);
}

TEST_CASE("AnyLoss: arguments that the loss does not take are an error that names both") {
  const AnyLoss<float> huber = losses::Huber<float>(), gaussian = losses::make_loss("gaussian_nll");
  const std::vector<int> labels(33, 1);
  Matrix gradient = Matrix::Constant(33, 5, 42), other = gradient;
  CHECK_THROWS_WITH(huber.forward(p, labels),
                    "Huber: takes (prediction, target), but target is given as integer labels, not as numbers");
  CHECK_THROWS_WITH(huber.value_and_gradient(p, labels, gradient),
                    ContainsSubstring("target is given as integer labels"));
  CHECK_THROWS_WITH(huber.forward(p),
                    "Huber: takes (prediction, target) or (prediction, target, weights), but is given 1 argument");
  CHECK_THROWS_WITH(huber.value_and_gradient(p, gradient), ContainsSubstring("but is given 1 argument"));
  CHECK_THROWS_WITH(gaussian.value_and_gradient(p, y.cwiseAbs(), y, gradient),
                    ContainsSubstring("GaussianNLL: has 2 gradients"));
  CHECK_THROWS_WITH(gaussian.gradient(p, y.cwiseAbs(), y), ContainsSubstring("gradient() is gradient<2>()"));
  CHECK_THROWS_WITH(huber.forward(p, true), ContainsSubstring("target is given as true or false"));
  CHECK_THROWS_WITH(huber.value_and_gradient(p, y.topRows(3), gradient), ContainsSubstring("Huber: target is [3 x 5]"));
  CHECK_THROWS_WITH(huber.value_and_gradient(p, y, gradient.topRows(3)),
                    ContainsSubstring("Huber: gradient is [3 x 5]"));
  CHECK_THROWS_WITH(huber.value_and_gradient(p, other, other), ContainsSubstring("gradient shares memory with target"));
  CHECK((gradient.array() == 42).all());
}
