// SPDX-License-Identifier: MIT
// Inputs at the edge of what a batch may hold: each was wrong once.

#include "catch.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <losses/losses.hpp>
#include <losses/tensor.hpp>

using losses::CrossEntropy;
using losses::Reduction;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float largest = std::numeric_limits<float>::max();

Eigen::VectorXi one_label(int label) {
  return Eigen::VectorXi::Constant(1, label);
}

}  // namespace

TEST_CASE("CrossEntropy: a column of labels serves logits [n, c, 1] as it serves [n, c]") {
  Eigen::Tensor<float, 3> logits(5, 3, 1);
  logits.setRandom();
  const Eigen::MatrixXi labels = Eigen::MatrixXi::Constant(5, 1, 2);
  const Eigen::Map<const Eigen::MatrixXf> matrix(logits.data(), 5, 3);
  CHECK(CrossEntropy<float>().forward(logits, labels) == CrossEntropy<float>().forward(matrix, labels));
}

TEST_CASE("CrossEntropy: weight 0 leaves a sample out, whatever its label or probabilities") {
  Eigen::MatrixXf logits = Eigen::MatrixXf::Random(4, 3), gradient, without;
  Eigen::VectorXi labels(4);
  labels << 0, 2, 17, 1;
  const Eigen::Vector4f weights(1, 2, 0, 1);
  Eigen::Matrix3f kept;
  kept << logits.row(0), logits.row(1), logits.row(3);
  const float value = CrossEntropy<float>().value_and_gradient(logits, labels, weights, gradient);
  CHECK(value == CrossEntropy<float>().forward(kept, Eigen::Vector3i(0, 2, 1), Eigen::Vector3f(1, 2, 1)));
  CHECK(gradient.row(2).isZero(0));
  Eigen::MatrixXf probabilities = Eigen::MatrixXf::Constant(4, 3, 1.0f / 3);
  probabilities(2, 1) = 7;
  CHECK(std::isfinite(CrossEntropy<float>().forward(logits, probabilities, weights)));
  CHECK_THROWS_AS(CrossEntropy<float>().forward(logits, labels), std::out_of_range);
}

TEST_CASE("Weights: a factor that all share neither overflows nor vanishes") {
  const Eigen::Vector3f residuals = Eigen::Vector3f::Constant(largest / 4), zero = Eigen::Vector3f::Zero();
  CHECK(losses::L1<float>().forward(residuals, zero, Eigen::Vector3f::Constant(8)) == largest / 4);
  for (const float weight : {1e-40f, 1e-30f, 1.0f, 1e30f, 1e37f}) {
    const Eigen::Vector3f prediction(1e-6f, 2e-6f, 3e-6f), weights = Eigen::Vector3f::Constant(weight);
    Eigen::Vector3f gradient, plain;
    const float value = losses::MSE<float>().value_and_gradient(prediction, zero, weights, gradient);
    CHECK(value == Approx(losses::MSE<float>().value_and_gradient(prediction, zero, plain)).epsilon(1e-6));
    CHECK(gradient.isApprox(plain, 1e-6f));
    const losses::MSE<float> sum(Reduction::sum);
    CHECK(sum.gradient(prediction, zero, weights)[2] == Approx(6e-6f * weight).epsilon(1e-6));
  }
}

TEST_CASE("CrossEntropy: a mean of doubles whose sum overflows") {
  const double huge = std::numeric_limits<double>::max() / 2;
  Eigen::MatrixXd logits(4, 2), gradient;
  logits.col(0).setConstant(huge);
  logits.col(1).setZero();
  const Eigen::Vector4i labels = Eigen::Vector4i::Ones();
  CHECK(CrossEntropy<double>().forward(logits, labels) == huge);
  CHECK(CrossEntropy<double>().value_and_gradient(logits, labels, gradient) == huge);
  CHECK(CrossEntropy<double>(Reduction::sum).forward(logits, labels) == std::numeric_limits<double>::infinity());
}

TEST_CASE("Partial: parts whose sum overflows have the value of the whole, and so has a sum of them") {
  const double most = std::numeric_limits<double>::max();
  const auto check = [&](const auto& loss, const auto& p, const auto& y, double want) {
    const auto parts = loss.partial(p.topRows(1), y.topRows(1)) + loss.partial(p.bottomRows(3), y.bottomRows(3));
    CHECK(loss.value(loss.partial(p, y)) == Approx(want));
    CHECK(loss.value(parts) == Approx(want));
    CHECK(loss.value(parts + parts) == Approx(want));
    CHECK(loss.value(parts + losses::Partial{}) == Approx(want));
  };
  const Eigen::MatrixXd large = Eigen::MatrixXd::Constant(4, 2, most / 2), zero = Eigen::MatrixXd::Zero(4, 2);
  check(losses::L1<double>(), large, zero, most / 2);
  Eigen::MatrixXd logits = zero;
  logits.col(0) = large.col(0);
  check(CrossEntropy<double>(), logits, Eigen::Vector4i::Ones().eval(), most / 2);
  check(losses::ListNet<double>(), logits, Eigen::MatrixXd::Ones(4, 2).eval(), most / 4);
  // A sum that is infinite itself stays so, and 2 000 parts lose nothing.
  const losses::L1<double> loss;
  losses::Partial parts = loss.partial(large, zero), rest{infinity, 1, 1};
  for (int i = 0; i < 2000; ++i) parts += loss.partial(large, zero), rest += parts;
  CHECK(loss.value(parts) == Approx(most / 2));
  CHECK(loss.value(rest) == std::numeric_limits<double>::infinity());
}

TEST_CASE("Weights: large ones and terms whose sum overflows") {
  const double most = std::numeric_limits<double>::max();
  const Eigen::VectorXd p = Eigen::VectorXd::Constant(40, most / 2), y = Eigen::VectorXd::Zero(40);
  const Eigen::VectorXd weights = Eigen::VectorXd::Constant(40, most / 64);
  CHECK(losses::L1<double>().forward(p, y, weights) == Approx(most / 2));
}

TEST_CASE("CrossEntropy: no masked label and no infinite logit hides a NaN") {
  for (const float smoothing : {0.0f, 0.3f}) {
    const CrossEntropy<float> loss({.label_smoothing = smoothing});
    Eigen::MatrixXf logits(1, 3), gradient;
    logits << not_a_number, -infinity, 0;
    CHECK(std::isnan(loss.value_and_gradient(logits, one_label(1), gradient)));
    CHECK(gradient.array().isNaN().any());
    logits << not_a_number, infinity, 0;
    CHECK(std::isnan(loss.value_and_gradient(logits, one_label(2), gradient)));
    logits << infinity, -infinity, infinity;
    CHECK(std::isnan(loss.value_and_gradient(logits, one_label(1), gradient)));
  }
}

TEST_CASE("CrossEntropy: with all of the target spread a masked label costs nothing") {
  Eigen::MatrixXf logits(1, 3), rest(1, 2);
  logits << -infinity, 1, 2;
  rest << 1, 2;
  const CrossEntropy<float> all({.label_smoothing = 1});
  CHECK(all.forward(logits, one_label(0)) == Approx(all.forward(rest, one_label(0))));
}

TEST_CASE("CrossEntropy: the curvature of a row with an infinite logit is that of its limit") {
  Eigen::MatrixXf logits(1, 3);
  logits << infinity, 0, 1;
  CHECK(CrossEntropy<float>().curvature(logits, one_label(0)).isZero(0));
  CHECK(CrossEntropy<float>().curvature(logits, one_label(1)).isZero(0));
}

TEST_CASE("A tensor without axes is one sample") {
  Eigen::Tensor<float, 0> prediction, target;
  prediction() = 2;
  target() = 0;
  CHECK(losses::Huber<float>(Reduction::batch_mean).forward(prediction, target) == 1.5f);
}

TEST_CASE("CrossEntropy: class_weights may be one number, with labels, smoothing and probabilities") {
  const Eigen::MatrixXf logits = Eigen::MatrixXf::Random(6, 4);
  const Eigen::VectorXi labels = Eigen::VectorXi::LinSpaced(6, 0, 5).unaryExpr([](int i) { return i % 4; });
  const Eigen::MatrixXf probabilities = Eigen::MatrixXf::Constant(6, 4, 0.25f);
  for (const float smoothing : {0.0f, 0.2f}) {
    const CrossEntropy<float> number({.class_weights = 3, .label_smoothing = smoothing});
    const CrossEntropy<float> vector({.class_weights = {3, 3, 3, 3}, .label_smoothing = smoothing});
    CHECK(number.forward(logits, labels) == Approx(vector.forward(logits, labels)));
    CHECK(number.forward(logits, probabilities) == Approx(vector.forward(logits, probabilities)));
  }
}

TEST_CASE("options: an enumeration that is none of its values is refused") {
  using namespace losses;
  const auto refused = [](const std::string& words, const auto& make) {
    CHECK_THROWS_WITH(make(), Catch::Matchers::ContainsSubstring(words));
  };
  refused("MSE: reduction is 7, but must be a value of Reduction", [] { MSE<float>(Reduction(7)); });
  refused("CrossEntropy: spread is 2, but must be a value of SmoothingSpread",
          [] { CrossEntropy<float>({.spread = SmoothingSpread(2)}); });
  refused("LabelSmoothing: spread is 255", [] { LabelSmoothing<float>({.spread = SmoothingSpread(255)}); });
  refused("GeneralizedDice: weighting is 3", [] { GeneralizedDice<float>({.weighting = ClassWeighting(3)}); });
  refused("SoftmaxGeneralizedDice: weighting is 3",
          [] { SoftmaxGeneralizedDice<float>({.weighting = ClassWeighting(3)}); });
  refused("LovaszSoftmax: classes is 2", [] { LovaszSoftmax<float>({.classes = LovaszClasses(2)}); });
  refused("MinedTriplet: mining is 3", [] { MinedTriplet<float>({.mining = Mining(3)}); });
  refused("SSIM: padding is 2", [] { SSIM<float>({.padding = SSIMPadding(2)}); });
  refused("huber_delta: estimate is 2", [] { huber_delta(Eigen::Vector3f(1, 2, 3), ScaleEstimate(2)); });
}

TEST_CASE("mean: a sum of doubles beyond the largest number, and weights near it") {
  const Eigen::VectorXd zero = Eigen::VectorXd::Zero(5000);
  Eigen::VectorXd far = Eigen::VectorXd::Constant(5000, 1.2e154), gradient;
  CHECK(losses::MSE<double>().value_and_gradient(far, zero, gradient) == Approx(1.44e308));
  // Over its own prediction the sum cannot be taken again.
  CHECK(losses::MSE<double>().value_and_gradient(far, zero, far) == std::numeric_limits<double>::infinity());
  CHECK(far == gradient);

  const Eigen::VectorXd ten = Eigen::VectorXd::Constant(5000, 1e10), heavy = Eigen::VectorXd::Constant(5000, 1e300);
  CHECK(losses::MSE<double>().value_and_gradient(ten, zero, heavy, gradient) == Approx(1e20));
  CHECK(gradient[4999] == Approx(2e10 / 5000));
  const Eigen::MatrixXd a = Eigen::MatrixXd::Constant(10, 3, 1e10), b = Eigen::MatrixXd::Zero(10, 3);
  const Eigen::VectorXi similar = Eigen::VectorXi::Ones(10);
  CHECK(losses::Contrastive<double>().forward(a, b, similar, heavy.head(10)) == Approx(3e20));
  Eigen::MatrixXd logits = Eigen::MatrixXd::Zero(4, 2);
  logits.col(0).setConstant(1e300);
  const Eigen::VectorXi labels = Eigen::VectorXi::Ones(4);
  CHECK(CrossEntropy<double>().forward(logits, labels, heavy.head(4)) == Approx(1e300));
}

TEST_CASE("Weights: a sum that is not finite is refused, and nothing is written") {
  using Eigen::MatrixXd;
  using Eigen::VectorXd;
  using Eigen::VectorXi;
  const VectorXd p = VectorXd::LinSpaced(3, 1, 3), y = VectorXd::Zero(3), w = VectorXd::Constant(3, 1e308);
  const MatrixXd rows = MatrixXd::Random(3, 200), zeros = MatrixXd::Zero(3, 200);
  const VectorXi labels = VectorXi::LinSpaced(3, 0, 2);
  VectorXd g = VectorXd::Constant(3, 7);
  MatrixXd h = MatrixXd::Constant(3, 200, 7);
  const auto refuses = [&](const std::string& words, const auto& call) {
    CHECK_THROWS_WITH(call(), Catch::Matchers::Equals(words + " sum to inf, but must sum to a finite number"));
    CHECK((g.array() == 7).all());
    CHECK((h.array() == 7).all());
  };
  refuses("MSE: weights", [&] { losses::MSE<double>().value_and_gradient(p, y, w, g); });
  refuses("MSE: weights", [&] { (void)losses::MSE<double>().partial(p, y, w); });
  refuses("RMSE: weights", [&] { losses::RMSE<double>().value_and_gradient(p, y, w, g); });
  // Each weight counts for 200 terms.
  refuses("MSE: weights", [&] { losses::MSE<double>().value_and_gradient(rows, zeros, VectorXd(w / 100), h); });
  refuses("CrossEntropy: weights", [&] { CrossEntropy<double>().value_and_gradient(rows, labels, w, h); });
  const CrossEntropy<double> heavy({.class_weights = VectorXd::Constant(200, 1e308).eval()});
  refuses("CrossEntropy: class_weights", [&] { heavy.value_and_gradient(rows, labels, h); });
  refuses("GradientPenalty: weights", [&] { losses::GradientPenalty<double>().value_and_gradient(rows, w, h); });

  CHECK(losses::MSE<double>().value_and_gradient(p, y, VectorXd(w / 2), g) == Approx(14.0 / 3));
  CHECK(g.isApprox(p * 2 / 3, 1e-14));
  // A sum of floats does not leave the range of double.
  const Eigen::Vector3f most = Eigen::Vector3f::Constant(largest);
  CHECK(losses::MSE<float>().forward(p.cast<float>().eval(), Eigen::Vector3f::Zero().eval(), most) ==
        Approx(14.0f / 3));
}

TEST_CASE("inputs: columns chosen by a step or by a list are an expression like any other") {
  const Eigen::MatrixXd x = Eigen::MatrixXd::Random(8, 6), y = Eigen::MatrixXd::Zero(8, 3);
  const std::vector<int> chosen = {0, 3, 5};
  Eigen::MatrixXd by_step(8, 3), by_list(8, 3), gradient;
  by_step << x.col(0), x.col(2), x.col(4);
  by_list << x.col(0), x.col(3), x.col(5);
  const losses::MSE<double> loss;
  CHECK(loss.value_and_gradient(x(Eigen::seq(0, 7), Eigen::seq(0, 5, 2)), y, gradient) == loss.forward(by_step, y));
  CHECK(gradient == loss.gradient(by_step, y));
  CHECK(loss.forward(x(Eigen::seq(0, 7), chosen), y) == loss.forward(by_list, y));
}
