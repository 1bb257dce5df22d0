// SPDX-License-Identifier: MIT

#include <losses/generative/perceptual.hpp>

#include <array>
#include <cmath>
#include <limits>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "catch.hpp"
#include "dual.hpp"
#include "generated_network.hpp"

namespace losses_test::perceptual {

namespace {

using VGG = losses::VGG16<double>;
using Tensor = VGG::Tensor;
using Eigen::MatrixXd;
using Eigen::VectorXd;

const MatrixXd quadratic = (MatrixXd(2, 3) << 1, 2, -1, 0.5, -3, 2).finished();

/// A network of a user: features x·Aᵀ and (x·Aᵀ)², samples as rows.
struct Quadratic {
  using Scalar = double;

  MatrixXd image;

  std::vector<MatrixXd> forward(const MatrixXd& x) {
    image = x;
    const MatrixXd product = x * quadratic.transpose();
    return {product, product.cwiseProduct(product)};
  }
  MatrixXd backward(const std::vector<MatrixXd>& gradients) {
    const MatrixXd product = image * quadratic.transpose();
    return (gradients[0] + 2 * gradients[1].cwiseProduct(product)) * quadratic;
  }
};

/// The same, with numbers of its own for its features.
struct Numbered : Quadratic {
  static std::vector<int> layers() { return {10, 20}; }
};

struct Wrong : Quadratic {
  MatrixXd backward(const std::vector<MatrixXd>&) { return MatrixXd::Zero(1, 1); }
};

const MatrixXd image = (MatrixXd(2, 3) << 0.5, -1, 2, 1, 0.25, -0.75).finished();
const MatrixXd target = (MatrixXd(2, 3) << 1, 1, -1, 0, 0.5, 3).finished();

/// Σᵢ weights[i] · mean of the squares, by its definition.
double by_hand(const MatrixXd& x, const MatrixXd& y, double first, double second,
               const VectorXd& samples = VectorXd::Ones(2)) {
  const MatrixXd p = x * quadratic.transpose(), q = y * quadratic.transpose();
  double sum = 0;
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) {
      sum += samples(i) *
             (first * std::pow(p(i, j) - q(i, j), 2) + second * std::pow(p(i, j) * p(i, j) - q(i, j) * q(i, j), 2));
    }
  }
  return sum / (2 * samples.sum());
}

/// Of by_hand, by central differences that are exact to rounding: it is a polynomial of degree 4 in each entry.
MatrixXd slope_by_hand(const MatrixXd& y, double first, double second, const VectorXd& samples = VectorXd::Ones(2)) {
  MatrixXd slope(2, 3);
  const auto at = [&](int i, double step) {
    MatrixXd x = image;
    x(i) += step;
    return by_hand(x, y, first, second, samples);
  };
  for (int i = 0; i < 6; ++i) slope(i) = (8 * (at(i, 0.5) - at(i, -0.5)) - (at(i, 1) - at(i, -1))) / 6;
  return slope;
}

double norm(const Tensor& tensor) {
  return Eigen::Map<const VectorXd>(tensor.data(), tensor.size()).norm();
}

double difference(const Tensor& a, const Tensor& b) {
  const Eigen::Map<const VectorXd> x(a.data(), a.size()), y(b.data(), b.size());
  return (x - y).cwiseAbs().maxCoeff() / y.cwiseAbs().maxCoeff();
}

}  // namespace

TEST_CASE("Perceptual: value and gradient with VGG16 are PyTorch's") {
  // With number(), the network and the images of vgg16.cpp, x of sequence 1 and y of sequence 2, [2, 3, 9, 14]:
  //   value = sum(w * F.mse_loss(a, b, reduction=…) for w, a, b in zip(weights, features(x), features(y)))
  //   weights per sample (1, 3): sum(w * (s * ((a - b) ** 2).flatten(1).mean(1)).sum() / s.sum() for …)
  struct Case {
    std::vector<double> weights;
    losses::Reduction reduction;
    bool per_sample;
    double value, norm;
    std::array<double, 4> entries;
  };
  const auto mean = losses::Reduction::mean;
  const std::vector<Case> cases = {
      {{},
       mean,
       false,
       1.9509398301933627,
       0.3979173035878136,
       {0.000343072156082283, -0.0012937808846504202, 0.0022114068305246724, -0.007081108745054639}},
      {{0.25, 3},
       mean,
       false,
       2.1158854391552753,
       0.653972640666103,
       {0.006057641729217251, 0.00425613414986573, 0.0035305998229034335, -0.010816527048963884}},
      {{0.25, 3},
       losses::Reduction::sum,
       false,
       18210.569473389223,
       5040.241417077683,
       {39.32529497518427, 23.8796248442193, 27.835379638870805, -86.02596776955056}},
      {{0.25, 3},
       mean,
       true,
       2.13844844733805,
       0.7409346890516044,
       {0.003028820864608631, 0.006384201224798598, 0.001765299911451722, -0.016224790573445832}}};
  const Tensor x = generated_image<double>(2, 9, 14), y = generated_image<double>(2, 9, 14, 2);
  for (const auto& each : cases) {
    const losses::Perceptual<VGG> loss(generated_vgg16<double>({.layers = {3, 8}}), {.weights = each.weights},
                                       each.reduction);
    Tensor gradient;
    const Eigen::Vector2d samples(1, 3);
    const double value =
        each.per_sample ? loss.value_and_gradient(x, y, samples, gradient) : loss.value_and_gradient(x, y, gradient);
    CHECK(value == Catch::Approx(each.value).epsilon(1e-12));
    CHECK(norm(gradient) == Catch::Approx(each.norm).epsilon(1e-12));
    for (std::size_t k = 0; k < 4; ++k) {
      CHECK(gradient.data()[(k + 1) * 2654435761U % static_cast<std::size_t>(gradient.size())] ==
            Catch::Approx(each.entries[k]).epsilon(1e-11));
    }
    CHECK((each.per_sample ? loss.forward(x, y, samples) : loss.forward(x, y)) == value);
    CHECK(loss.forward(x, x) == 0);
    CHECK(norm(loss.gradient(x, x)) == 0);
  }
}

TEST_CASE("Perceptual: in float it is near double") {
  const losses::Perceptual<losses::VGG16<float>> loss(generated_vgg16<float>({}), {.weights = {1, 2, 0.5F, 3}});
  const losses::Perceptual<VGG> in_double(generated_vgg16<double>({}), {.weights = {1, 2, 0.5, 3}});
  const auto x = generated_image<float>(1, 21, 26), y = generated_image<float>(1, 21, 26, 2);
  losses::VGG16<float>::Tensor g;
  Tensor want;
  const double value = in_double.value_and_gradient(Tensor(x.cast<double>()), Tensor(y.cast<double>()), want);
  CHECK(static_cast<double>(loss.value_and_gradient(x, y, g)) == Catch::Approx(value).epsilon(1e-5));
  CHECK(difference(Tensor(g.cast<double>()), want) <= 1e-5);
}

TEST_CASE("Perceptual: a network of one's own, its layers by position or by its numbers") {
  const auto check = [](const auto& loss, double first, double second) {
    MatrixXd gradient = MatrixXd::Constant(2, 3, std::numeric_limits<double>::quiet_NaN());
    const double value = loss.value_and_gradient(image, target, gradient);
    CHECK(value == Catch::Approx(by_hand(image, target, first, second)).epsilon(1e-13));
    CHECK(gradient.isApprox(slope_by_hand(target, first, second), 1e-12));
    CHECK(loss.forward(image, target) == value);
    CHECK(loss.gradient(image, target) == gradient);
    CHECK(loss.value_and_gradient(image, loss.features(target), gradient) == value);
    CHECK(loss.forward(image, loss.features(target)) == value);
  };
  using losses::Perceptual;
  check(Perceptual(Quadratic{}), 1, 1);
  check(Perceptual(Quadratic{}, {.weights = {0.5, 2}}), 0.5, 2);
  check(Perceptual(Quadratic{}, {.layers = {1}}), 0, 1);
  check(Perceptual(Quadratic{}, {.layers = {1, 0}, .weights = {3, 4}}), 4, 3);
  check(Perceptual(Numbered{}, {.layers = {20}, .weights = {3}}), 0, 3);
  check(Perceptual(Numbered{}, {.layers = {10, 20}}), 1, 1);
  check(Perceptual(Numbered{}), 1, 1);
}

TEST_CASE("Perceptual: the rule on dual numbers has the slope and the curvature of its value") {
  const losses::rule::FeatureError<double> rule{.weight = 3};
  const auto terms = rule(Jet::variable(2), Jet(0.5));
  CHECK(terms.value.f == 3 * 1.5 * 1.5);
  CHECK(terms.value.d == terms.slope.f);
  CHECK(terms.value.dd == terms.curvature.f);
  CHECK(rule.scaled_slope(2.0, 0.5, 0.25) == 0.25 * terms.slope.f);
  CHECK(losses::rule::FeatureError<float>{.weight = 2}.scaled_slope(3e38f, 0.0f, 0.25f) == 3e38f);
}

TEST_CASE("Perceptual: weights per sample, reductions, added gradients, gradients over the image") {
  const losses::Perceptual loss(Quadratic{}, {.weights = {0.5, 2}});
  const VectorXd samples = Eigen::Vector2d(1, 3);
  MatrixXd gradient;
  CHECK(loss.value_and_gradient(image, target, samples, gradient) ==
        Catch::Approx(by_hand(image, target, 0.5, 2, samples)).epsilon(1e-13));
  CHECK(gradient.isApprox(slope_by_hand(target, 0.5, 2, samples), 1e-12));
  CHECK(loss.forward(image, target, samples) == loss.value_and_gradient(image, target, samples, gradient));
  CHECK(loss.gradient(image, target, samples) == gradient);

  const losses::Perceptual sum(Quadratic{}, {.weights = {0.5, 2}}, losses::Reduction::sum);
  CHECK(sum.forward(image, target) == Catch::Approx(4 * loss.forward(image, target)).epsilon(1e-13));
  const losses::Perceptual batch_mean(Quadratic{}, {.weights = {0.5, 2}}, losses::Reduction::batch_mean);
  CHECK(batch_mean.forward(image, target) == Catch::Approx(2 * loss.forward(image, target)).epsilon(1e-13));

  const MatrixXd plain = loss.gradient(image, target);
  MatrixXd added = target;
  loss.value_and_gradient(image, target, losses::add_to(added, -2));
  CHECK(added.isApprox(target - 2 * plain, 1e-14));
  MatrixXd over = image;
  loss.value_and_gradient(over, target, over);
  CHECK(over == plain);
  MatrixXd large = MatrixXd::Zero(5, 7);
  loss.value_and_gradient(image, target, large.block(1, 2, 2, 3));
  CHECK(large.block(1, 2, 2, 3) == plain);
  CHECK(large.sum() == Catch::Approx(plain.sum()));
  Eigen::Matrix<double, 2, 3, Eigen::RowMajor> fixed;
  loss.value_and_gradient(image, target, fixed);
  CHECK(fixed == plain);
  CHECK(loss.gradient(2 * image, target) == loss.gradient(MatrixXd(2 * image), target));
}

TEST_CASE("Perceptual: a layer of weight 0 is not looked at, and NaN elsewhere comes out") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const losses::Perceptual first(Quadratic{}, {.weights = {1, 0}});
  auto wanted = first.features(target);
  wanted[1].setConstant(nan);
  MatrixXd gradient;
  CHECK(first.value_and_gradient(image, wanted, gradient) ==
        Catch::Approx(by_hand(image, target, 1, 0)).epsilon(1e-13));
  CHECK(gradient.isApprox(slope_by_hand(target, 1, 0), 1e-12));
  for (int i = 0; i < 6; ++i) {
    MatrixXd poisoned = image;
    poisoned(i) = nan;
    CHECK(std::isnan(first.value_and_gradient(poisoned, target, gradient)));
    CHECK(gradient.array().isNaN().any());
    MatrixXd poisoned_target = target;
    poisoned_target(i) = nan;
    CHECK(std::isnan(first.forward(image, poisoned_target)));
  }
  const losses::Perceptual none(Quadratic{}, {.weights = {0, 0}});
  CHECK(none.value_and_gradient(image, target, gradient) == 0);
  CHECK(gradient == MatrixXd::Zero(2, 3));
}

TEST_CASE("Perceptual: threads share it in turns, and a pool gives the same bits") {
  const losses::Perceptual<VGG> loss(generated_vgg16<double>({.layers = {3, 8}}));
  const Tensor x = generated_image<double>(2, 19, 24), y = generated_image<double>(2, 19, 24, 2);
  Tensor want;
  const double value = loss.value_and_gradient(x, y, want);
  for (const int threads : {1, 2, 3, 4, 8}) {
    Eigen::ThreadPool pool(threads);
    Tensor gradient;
    CHECK(loss.value_and_gradient(losses::parallel(pool), x, y, gradient) == value);
    CHECK(same_bits(gradient, want));
    CHECK(loss.forward(losses::parallel(pool), x, y) == value);
  }
  constexpr int callers = 4;
  std::array<Tensor, callers> gradients;
  std::array<double, callers> values{};
  {
    Eigen::ThreadPool pool(callers);
    Eigen::Barrier done(callers);
    for (std::size_t i = 0; i < callers; ++i) {
      pool.Schedule([&, i] {
        values[i] =
            i % 2 == 0 ? loss.value_and_gradient(x, y, gradients[i]) : loss.value_and_gradient(y, x, gradients[i]);
        done.Notify();
      });
    }
    done.Wait();
  }
  const Tensor other = loss.gradient(y, x);
  for (std::size_t i = 0; i < callers; ++i) {
    CHECK(values[i] == value);
    CHECK(same_bits(gradients[i], i % 2 == 0 ? want : other));
  }
  auto copy = loss;
  copy = loss;
  CHECK(same_bits(copy.gradient(x, y), want));
}

TEST_CASE("Perceptual: bad options, shapes and layers are refused, and nothing is written") {
  using losses::Perceptual;
  CHECK(message_of([] { (void)Perceptual(Quadratic{}, {.weights = {1, -2}}); }) ==
        "Perceptual: weights[1] is -2, but must be finite and not negative");
  CHECK(message_of([] { (void)Perceptual(Quadratic{}, {.weights = {std::nan("")}}); }) ==
        "Perceptual: weights[0] is nan, but must be finite and not negative");
  CHECK(message_of([] { (void)Perceptual(Numbered{}, {.layers = {10, 30}}); }) ==
        "Perceptual: layers[1] is 30, but must be one of the 2 that the extractor gives");
  CHECK(message_of([] { (void)Perceptual(Numbered{}, {.weights = {1}}); }) ==
        "Perceptual: weights has 1 values, but must have 2, one for each layer");

  MatrixXd gradient = MatrixXd::Constant(2, 3, 7);
  const auto call = [&](const auto& loss, const MatrixXd& x, const auto& y) {
    return message_of([&] { loss.value_and_gradient(x, y, gradient); });
  };
  CHECK(call(Perceptual(Quadratic{}, {.layers = {2}}), image, target) ==
        "Perceptual: layers[0] is 2, but must be one of the 2 that the extractor gives");
  CHECK(call(Perceptual(Quadratic{}, {.layers = {-1}}), image, target) ==
        "Perceptual: layers[0] is -1, but must be one of the 2 that the extractor gives");
  CHECK(call(Perceptual(Quadratic{}, {.weights = {1, 2, 3}}), image, target) ==
        "Perceptual: weights has 3 values, but must have 2, one for each layer");
  const Perceptual loss(Quadratic{});
  CHECK(call(loss, image, MatrixXd(MatrixXd::Zero(3, 3))) ==
        "Perceptual: target is [3 x 3], but must be [2 x 3], the shape of image");
  CHECK(call(loss, image, std::vector<MatrixXd>{target}) == "Perceptual: target has 1 features, but must have 2");
  auto wanted = loss.features(target);
  wanted[1].resize(2, 5);
  CHECK(call(loss, image, wanted).starts_with("Perceptual: target is [2 x 5], but must be [2 x 2]"));
  CHECK(call(Perceptual(Wrong{}), image, target).starts_with("Perceptual: the extractor's gradient is [1 x 1]"));
  CHECK(message_of([&] { loss.value_and_gradient(image, target, gradient.block(0, 0, 2, 2)); }) ==
        "Perceptual: gradient is [2 x 2], but must be [2 x 3], the shape of image");
  CHECK(message_of([&] {
          loss.value_and_gradient(image, target, VectorXd::Constant(2, -1).eval(), gradient);
        }).starts_with("Perceptual: weights[0] is -1"));
  MatrixXd small = MatrixXd::Zero(1, 3);
  CHECK(message_of([&] { loss.value_and_gradient(image, target, losses::add_to(small)); }) ==
        "Perceptual: gradient is [1 x 3], but must be [2 x 3], the shape of image");
  CHECK(gradient == MatrixXd::Constant(2, 3, 7));
}

}  // namespace losses_test::perceptual
