// SPDX-License-Identifier: MIT

#include <cmath>
#include <limits>

#include <losses/classification/cross_entropy.hpp>
#include <losses/compose/sum.hpp>
#include <losses/evaluation/check_gradient.hpp>
#include <losses/generative/total_variation.hpp>
#include <losses/segmentation/softmax_dice.hpp>
#include <losses/tensor.hpp>

#include "catch.hpp"
#include "inputs.hpp"

using namespace losses_test;
using Catch::Matchers::ContainsSubstring;
using losses::CrossEntropy;
using losses::SoftmaxDice;

namespace {

using Matrix = Eigen::MatrixXd;

const Matrix p = Matrix::Random(7, 3);
const std::vector<int> labels = {0, 1, 2, 0, 1, 1, 2};

/// A class that has verbs alone, and counts them: Σ p² beside any target.
struct Ridge {
  using Scalar = double;
  int* calls;
  double limit = 1e9;

  template <class P, class Y>
  double forward(const losses::Serial&, const P& prediction, const Y&) const {
    return value(prediction);
  }
  template <class P, class Y>
  double forward(const P& prediction, const Y&) const {
    return value(prediction);
  }
  template <class P, class Y, class G>
  double value_and_gradient(const losses::Serial&, const P& prediction, const Y&, G& gradient) const {
    const double result = value(prediction);
    gradient = 2 * prediction;
    return result;
  }
  template <class P, class Y, class G>
  double value_and_gradient(const losses::Serial&, const P& prediction, const Y&, const losses::AddTo<G>& to) const {
    const double result = value(prediction);
    to.gradient += to.scale * 2 * prediction;
    return result;
  }

 private:
  double value(const Matrix& prediction) const {
    ++*calls;
    losses::require(prediction.squaredNorm() < limit, "Ridge: too large");
    return prediction.squaredNorm();
  }
};

}  // namespace

TEST_CASE("Sum: cross-entropy and Dice on the same labels") {
  const CrossEntropy<double> entropy({.label_smoothing = 0.1});
  const SoftmaxDice<double> dice({.smooth = 0.5});
  const auto sum = 0.5 * entropy + 0.25 * dice;
  const auto [first, second] = sum.terms(p, labels);
  CHECK(first == entropy.forward(p, labels));
  CHECK(second == dice.forward(p, labels));
  const double value = 0.5 * first + 0.25 * second;
  CHECK(sum.forward(p, labels) == value);
  Matrix gradient;
  CHECK(sum.value_and_gradient(p, labels, gradient) == value);
  const Matrix expected = 0.5 * entropy.gradient(p, labels) + 0.25 * dice.gradient(p, labels);
  CHECK((gradient - expected).norm() <= 1e-15);
  CHECK(losses::check_gradient(sum, p, labels).ok);
  CHECK(sum.value_and_gradient(p, labels, losses::add_to(gradient, -1)) == value);
  CHECK(gradient.norm() <= 1e-15);
  const Eigen::VectorXd w = Eigen::VectorXd::Random(7).cwiseAbs();
  CHECK(sum.forward(p, labels, w) == 0.5 * entropy.forward(p, labels, w) + 0.25 * dice.forward(p, labels, w));
  Matrix transposed(3, 7);
  sum.value_and_gradient(losses::serial, p, labels, transposed.transpose());
  CHECK((transposed.transpose() - expected).norm() <= 1e-15);

  const losses::AnyLoss<double> any = sum;
  Matrix again;
  CHECK(any.value_and_gradient(p, labels, again) == value);
  CHECK((again - expected).norm() <= 1e-15);
  CHECK(any.terms(p, labels) == std::vector<double>{first, second});
  CHECK_THROWS_WITH(any.forward(p), ContainsSubstring("Sum: takes ("));
  const auto twice = 0.5 * any + 2.0 * entropy;
  CHECK(twice.value_and_gradient(p, labels, again) == 0.5 * value + 2 * first);
  CHECK((again - 0.5 * expected - 2 * entropy.gradient(p, labels)).norm() <= 1e-15);
}

TEST_CASE("Sum: tensors") {
  Eigen::Tensor<double, 4> logits(2, 3, 4, 5), gradient;
  logits.setRandom();
  Eigen::Tensor<int, 3> classes(2, 4, 5);
  for (Eigen::Index i = 0; i < classes.size(); ++i) classes.data()[i] = static_cast<int>(i % 3);
  const auto sum = CrossEntropy<double>() + SoftmaxDice<double>();
  CHECK(sum.value_and_gradient(logits, classes, gradient) == sum.forward(logits, classes));
  CHECK(gradient.dimension(3) == 5);
  const auto entropy = CrossEntropy<double>().gradient(logits, classes);
  const auto dice = SoftmaxDice<double>().gradient(logits, classes);
  const Eigen::Tensor<double, 0> worst = (gradient - entropy - dice).abs().maximum();
  CHECK(worst() <= 1e-15);
}

TEST_CASE("Sum: all terms are checked before the first one writes") {
  const auto sum = CrossEntropy<double>({.ignore_index = 3}) + SoftmaxDice<double>();
  auto wrong = labels;
  wrong[4] = 3;
  Matrix gradient = Matrix::Constant(7, 3, 42), small(2, 2);
  CHECK_THROWS_WITH(sum.value_and_gradient(p, wrong, gradient), ContainsSubstring("SoftmaxDice: target[4] is 3"));
  CHECK((gradient.array() == 42).all());
  CHECK_THROWS_WITH(sum.value_and_gradient(p, wrong, small), ContainsSubstring("SoftmaxDice: target[4] is 3"));
  CHECK(small.rows() == 2);
  Matrix x = p;
  CHECK_THROWS_WITH(sum.value_and_gradient(x, labels, x),
                    "Sum: gradient shares memory with prediction, which the terms of a sum read again");
  CHECK(x == p);
  CHECK_THROWS_WITH(sum.value_and_gradient(p, labels, gradient.topRows(3)), ContainsSubstring("gradient is [3 x 3]"));
  CHECK_NOTHROW(sum.value_and_gradient(p, labels, small));
  CHECK(small.rows() == 7);
}

TEST_CASE("Sum: classes with verbs alone are terms") {
  int calls = 0;
  const Ridge ridge{&calls};
  const CrossEntropy<double> entropy;
  const auto sum = 0.5 * entropy + losses::Sum<Ridge>({0.1}, ridge);
  const double value = sum.forward(p, labels);
  CHECK(std::abs(value - (0.5 * entropy.forward(p, labels) + 0.1 * p.squaredNorm())) <=
        std::numeric_limits<double>::epsilon() * value);
  Matrix gradient;
  calls = 0;
  CHECK(sum.value_and_gradient(p, labels, gradient) == value);
  CHECK(calls == 1);
  CHECK((gradient - 0.5 * entropy.gradient(p, labels) - 0.2 * p).norm() <= 1e-15);
  sum.value_and_gradient(p, labels, losses::add_to(gradient, -1));
  CHECK(gradient.norm() <= 1e-15);
  // Of two, one is checked by its value before the other writes.
  const auto two = losses::Sum<Ridge, Ridge>({1, 1}, ridge, Ridge{&calls, 1e-9}) + entropy;
  gradient.setConstant(42);
  CHECK_THROWS_WITH(two.value_and_gradient(p, labels, gradient), "Ridge: too large");
  CHECK((gradient.array() == 42).all());
}

TEST_CASE("Sum: of regularisers it takes the prediction alone") {
  using losses::TotalVariation;
  const auto sum = 0.5 * TotalVariation<double>() + 2 * TotalVariation<double>({.average = true});
  const Eigen::Matrix2d picture{{1, 3}, {6, 4}};
  CHECK(sum.terms(picture) == std::array{10.0, 5.0});
  CHECK(sum.forward(picture) == 15);
  Eigen::Matrix2d gradient;
  CHECK(sum.value_and_gradient(picture, gradient) == 15);
  CHECK(gradient == Eigen::Matrix2d{{-3, 0}, {3, 0}});
}

TEST_CASE("Sum: factors of 0 leave a term out") {
  const auto none = 0 * CrossEntropy<double>() + 0 * SoftmaxDice<double>();
  Matrix gradient = Matrix::Constant(7, 3, 42);
  CHECK(none.value_and_gradient(p, labels, gradient) == 0);
  CHECK(gradient.norm() == 0);
  const auto second = 0 * CrossEntropy<double>() + SoftmaxDice<double>();
  CHECK(second.value_and_gradient(p, labels, gradient) == SoftmaxDice<double>().forward(p, labels));
  CHECK(gradient == SoftmaxDice<double>().gradient(p, labels));
  CHECK_THROWS_AS(second.forward(p, std::vector<int>(7, 5)), std::out_of_range);
}
