// SPDX-License-Identifier: MIT

#include <losses/generative/total_variation.hpp>

#include <limits>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "pictures.hpp"

namespace losses_test::total_variation {

using losses::Reduction;
using losses::TotalVariation;

namespace {

/// The definition, pair of neighbours by pair.
struct Definition {
  Real value = 0;
  Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic> slope;

  template <class Matrix>
  explicit Definition(const Matrix& x, Real vertical = 1, Real horizontal = 1) : slope(x.rows(), x.cols()) {
    slope.setZero();
    const auto see = [&](Index i, Index j, Index k, Index l, Real weight) {
      const Real d = static_cast<Real>(x(i, j)) - static_cast<Real>(x(k, l));
      const Real sign = d > 0 ? 1 : d < 0 ? -1 : 0;
      value += weight * std::abs(d);
      slope(i, j) += weight * sign;
      slope(k, l) -= weight * sign;
    };
    for (Index i = 0; i < x.rows(); ++i) {
      for (Index j = 0; j < x.cols(); ++j) {
        if (i > 0) see(i, j, i - 1, j, vertical);
        if (j > 0) see(i, j, i, j - 1, horizontal);
      }
    }
  }
};

/// Whole numbers from 0 to 7: many neighbours are equal, and sums are exact.
template <class T>
RowMatrix<T> steps(Index h, Index w, std::uint64_t sequence) {
  return (channel(generated_picture<T>(1, 1, h, w, sequence), 0, 0) * T(8)).array().floor();
}

}  // namespace

TEMPLATE_TEST_CASE("TotalVariation: value and gradient are those of the definition", "", float, double) {
  using T = TestType;
  const TotalVariation<T> loss;
  const TotalVariation<T> average({.average = true});
  for (const Index h : {1, 2, 3, 7}) {
    for (const Index w : {1, 2, 3, 4, 5, 9, 16, 17, 18, 19, 33, 34, 35}) {
      INFO(h << " x " << w);
      const auto x = steps<T>(h, w, static_cast<std::uint64_t>(h * 100 + w));
      const Definition want(x);
      RowMatrix<T> g = RowMatrix<T>::Constant(h, w, laws::nan<T>);
      const T value = loss.value_and_gradient(x, g);
      CHECK(static_cast<Real>(value) == want.value);
      CHECK(g.template cast<Real>() == want.slope);
      CHECK(loss.forward(x) == value);
      // Column-major: along the columns.
      const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> columns = x;
      CHECK(loss.value_and_gradient(columns, g) == value);
      CHECK(g.template cast<Real>() == want.slope);

      const auto inverse = [](Index count) { return count > 0 ? 1 / static_cast<Real>(count) : Real(0); };
      const Definition mean(x, inverse((h - 1) * w), inverse(h * (w - 1)));
      CHECK(static_cast<double>(average.value_and_gradient(x, g)) ==
            Catch::Approx(static_cast<double>(mean.value)).epsilon(static_cast<double>(laws::value_bound<T>)));
      CHECK((g.template cast<Real>() - mean.slope).norm() <= laws::slope_bound<T> * mean.slope.norm());
    }
  }
}

TEST_CASE("TotalVariation: value and gradient are those of kornia's formula in PyTorch") {
  // With number() of vgg16.cpp, in double; x = number(1, (3, 2, 5, 7)) * 0.5 + 0.5:
  //   a, b = (x[..., 1:, :] - x[..., :-1, :]).abs(), (x[..., 1:] - x[..., :-1]).abs()
  //   each = a.sum((1, 2, 3)) + b.sum((1, 2, 3))    # or mean
  //   gradient, = torch.autograd.grad(each.mean(), x)
  const auto x = generated_picture<double>(3, 2, 5, 7, 1);
  Picture<double> g;
  const TotalVariation<double> sums;
  CHECK(sums.value_and_gradient(x, g) == Catch::Approx(35.83648828665415).epsilon(1e-14));
  const Eigen::VectorXd each = sums.unreduced(x);
  CHECK(each.isApprox(Eigen::Vector3d(39.07591050863266, 33.6525958776474, 34.780958473682404), 1e-14));
  check_entries(numbers(g), 11.015141094572202, {-2 / 3.0, 2 / 3.0, 4 / 3.0, 0.0}, 1e-14);
  const TotalVariation<double> means({.average = true});
  CHECK(means.value_and_gradient(x, g) == Catch::Approx(0.6175058459951763).epsilon(1e-14));
  check_entries(numbers(g), 0.18989494649133726,
                {-0.01111111111111111, 0.01111111111111111, 0.023015873015873014, -0.00039682539682539715}, 1e-14);
}

TEST_CASE("TotalVariation: constant pictures and single pixels are 0, infinities and NaN have their limits") {
  const TotalVariation<float> loss;
  RowMatrix<float> g;
  for (const auto& [h, w] : {std::pair<Index, Index>{1, 1}, {5, 1}, {1, 40}, {20, 33}}) {
    CHECK(loss.value_and_gradient(RowMatrix<float>::Constant(h, w, -3).eval(), g) == 0);
    CHECK((g.array() == 0).all());
  }
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(loss.value_and_gradient(RowMatrix<float>::Constant(4, 40, infinity).eval(), g) == 0);
  CHECK((g.array() == 0).all());
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j < 33; ++j) {
      RowMatrix<float> x = steps<float>(3, 33, 1);
      x(i, j) = infinity;
      CHECK(loss.value_and_gradient(x, g) == infinity);
      CHECK(g(i, j) == static_cast<float>((i > 0) + (i < 2) + (j > 0) + (j < 32)));
      CHECK(g.allFinite());
      x(i, j) = laws::nan<float>;
      CHECK(std::isnan(loss.value_and_gradient(x, g)));
      CHECK(std::isnan(loss.forward(x)));
      CHECK(std::isnan(g(i, j)));
      CHECK(std::isfinite(g((i + 1) % 3, (j + 5) % 33)));
    }
  }
}

TEST_CASE("TotalVariation: a constant more is nothing, a factor comes out, mirrors and turns change nothing") {
  const TotalVariation<double> loss;
  const auto x = steps<double>(9, 21, 3);
  RowMatrix<double> g, other;
  const double value = loss.value_and_gradient(x, g);
  CHECK(loss.value_and_gradient(RowMatrix<double>(x.array() + 100), other) == value);
  CHECK(other == g);
  CHECK(loss.value_and_gradient(RowMatrix<double>(-0.5 * x), other) == 0.5 * value);
  CHECK(other == -g);
  CHECK(loss.value_and_gradient(x.reverse(), other) == value);
  CHECK(other == g.reverse());
  CHECK(loss.value_and_gradient(RowMatrix<double>(x.transpose()), other) == value);
  CHECK(other == g.transpose());
  CHECK(g.sum() == 0);
  CHECK((g.array() * x.array()).sum() == value);  // homogeneous of degree 1
}

TEST_CASE("TotalVariation: every storage order gives the same") {
  const TotalVariation<double> loss;
  Picture<double> x = generated_picture<double>(2, 3, 6, 21, 1), want;
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = std::floor(8 * x.data()[i]);
  const double value = loss.value_and_gradient(x, want);
  Picture<double> rows;
  ColumnPicture<double> g;
  CHECK(loss.value_and_gradient(in_columns(x), g) == value);
  CHECK(numbers(in_rows(g)) == numbers(want));
  CHECK(loss.value_and_gradient(in_columns(x), rows) == value);
  CHECK(numbers(rows) == numbers(want));
  CHECK(loss.value_and_gradient(x, g) == value);
  CHECK(numbers(in_rows(g)) == numbers(want));
  CHECK(loss.forward(x * 1.0) == value);
  const Eigen::TensorMap<const Eigen::Tensor<double, 3, Eigen::RowMajor>> one(x.data() + 3 * 6 * 21, 3, 6, 21);
  CHECK(loss.forward(one) == loss.unreduced(x)(1));

  const auto a = channel(x, 1, 2);
  RowMatrix<double> slope;
  const double of_channel = loss.value_and_gradient(a, slope);
  const auto check = [&](const char* name, double is, const RowMatrix<double>& gradient,
                         const RowMatrix<double>& wanted) {
    INFO(name);
    CHECK(is == of_channel);
    CHECK(gradient == wanted);
  };
  writable_storages<double>(a.array(), [&](const char* name, auto& storage) {
    RowMatrix<double> to;
    check(name, loss.value_and_gradient(storage, to), to, slope);
    storage.setOnes();
    const double is = loss.value_and_gradient(a, losses::add_to(storage, 2));
    check(name, is, storage.matrix(), 1 + 2 * slope.array());
    storage = a.array();
    CHECK(loss.forward(storage) == of_channel);
  });
}

TEST_CASE("TotalVariation: terms are pictures: reductions, weights, halves") {
  const auto x = generated_picture<double>(3, 2, 6, 9, 1);
  const TotalVariation<double> mean, sum(Reduction::sum), batch(Reduction::batch_mean);
  const Eigen::VectorXd each = mean.unreduced(x);
  CHECK(mean.forward(x) == Catch::Approx(each.mean()).epsilon(1e-15));
  CHECK(sum.forward(x) == Catch::Approx(each.sum()).epsilon(1e-15));
  CHECK(batch.forward(x) == mean.forward(x));
  const auto first = pictures_of(x, 0, 1), rest = pictures_of(x, 1, 2);
  CHECK(mean.value(mean.partial(first) + mean.partial(rest)) == Catch::Approx(each.mean()).epsilon(1e-15));

  auto poisoned = x;
  poisoned(1, 1, 3, 4) = std::nan("");
  const Eigen::Vector3d weights(2, 0, 1);
  Picture<double> g(3, 2, 6, 9);
  g.setConstant(std::nan(""));
  CHECK(mean.value_and_gradient(poisoned, weights, g) == Catch::Approx((2 * each(0) + each(2)) / 3).epsilon(1e-15));
  CHECK(mean.unreduced(poisoned, weights).isApprox(Eigen::Vector3d(2 * each(0), 0, each(2)), 1e-15));
  const RowMatrix<double> beside{{2, 9}, {0, 9}, {1, 9}};
  CHECK(mean.forward(poisoned, beside.col(0)) == Catch::Approx((2 * each(0) + each(2)) / 3).epsilon(1e-15));
  const Picture<double> plain = sum.gradient(x);
  for (Index i = 0; i < g.size(); ++i) {
    CHECK(g.data()[i] == Catch::Approx(weights(i / 108) / 3 * plain.data()[i]).epsilon(1e-15));
  }
  g.setConstant(5.0);
  mean.value_and_gradient(poisoned, weights, losses::add_to(g));
  CHECK((numbers(g).segment(108, 108).array() == 5).all());
  CHECK(mean.value_and_gradient(poisoned, Eigen::Vector3d::Zero().eval(), g) == 0);
  CHECK((numbers(g).array() == 0).all());
  CHECK(mean.value_and_gradient(Picture<double>(0, 2, 6, 9), g) == 0);
  CHECK(mean.value_and_gradient(Picture<double>(2, 2, 0, 9), g) == 0);
  const RowMatrix<double> wide = channel(x, 0, 0);
  RowMatrix<double> slope = RowMatrix<double>::Constant(6, 9, 7);
  CHECK(mean.value_and_gradient(wide.leftCols(0), slope.leftCols(0)) == 0);
  CHECK((slope.array() == 7).all());
}

TEST_CASE("TotalVariation: the same bits for every number of threads") {
  const auto x = generated_picture<float>(2, 3, 160, 300, 1);
  const TotalVariation<float> loss;
  Picture<float> want;
  const float value = loss.value_and_gradient(x, want);
  CHECK(loss.forward(x) == value);
  double by_hand = 0;
  for (Index i = 0; i < 6; ++i) by_hand += static_cast<double>(Definition(channel(x, i / 3, i % 3)).value) / 2;
  CHECK(static_cast<double>(value) == Catch::Approx(by_hand).epsilon(1e-7));
  CHECK(channel(want, 1, 2).cast<Real>() == Definition(channel(x, 1, 2)).slope / 2);
  for (const int threads : {1, 2, 3, 4, 8}) {
    Eigen::ThreadPool pool(threads);
    Picture<float> g;
    CHECK(loss.value_and_gradient(losses::parallel(pool), x, g) == value);
    CHECK(numbers(g) == numbers(want));
    CHECK(loss.forward(losses::parallel(pool), x) == value);
    CHECK(loss.unreduced(losses::parallel(pool), x) == loss.unreduced(x));
  }
}

TEST_CASE("TotalVariation: bad shapes and weights are refused, and nothing is written") {
  using Eigen::MatrixXf;
  const TotalVariation<float> loss;
  const MatrixXf x = MatrixXf::Ones(4, 5);
  MatrixXf g = MatrixXf::Constant(4, 5, 7);
  const Eigen::Tensor<float, 1> line(5);
  const Eigen::Tensor<float, 5> film(1, 1, 1, 2, 2);
  const auto pictures = generated_picture<float>(2, 1, 4, 5, 1);
  const auto refuses = [&](const std::string& words, const auto& call) {
    laws::refuses("TotalVariation: " + words, g, call);
  };
  refuses("prediction is [5], but must be [n x c x h x w], [c x h x w] or [h x w]", [&] { (void)loss.forward(line); });
  refuses("prediction is [1 x 1 x 1 x 2 x 2], but must be", [&] { (void)loss.forward(film); });
  Eigen::Map<MatrixXf> small(g.data(), 5, 4);
  refuses("gradient is [5 x 4], but must be [4 x 5]", [&] { (void)loss.value_and_gradient(x, small); });
  refuses("gradient is [4 x 5], but must be [2 x 2]",
          [&] { (void)loss.value_and_gradient(MatrixXf::Ones(2, 2).eval(), losses::add_to(g)); });
  refuses("gradient shares memory with prediction", [&] { (void)loss.value_and_gradient(g, g); });
  refuses("weights is [3 x 1], but must be [2]", [&] { (void)loss.forward(pictures, Eigen::Vector3f(1, 1, 1)); });
  refuses("weights[1] is -1", [&] { (void)loss.forward(pictures, Eigen::Vector2f(1, -1)); });
  refuses("weights is [4 x 1], but must be [1]",
          [&] { (void)loss.value_and_gradient(x, Eigen::Vector4f(1, 1, 1, 1), g); });
}

TEMPLATE_TEST_CASE("TotalVariation: a factor that all weights share neither overflows nor vanishes", "", float,
                   double) {
  using T = TestType;
  using Limits = std::numeric_limits<T>;
  const TotalVariation<T> mean, sum(Reduction::sum);
  const auto x = generated_picture<T>(3, 2, 4, 9, 1);
  const Eigen::Matrix<T, 3, 1> ones = Eigen::Matrix<T, 3, 1>::Ones();
  Picture<T> want, g;
  const auto bound = static_cast<double>(laws::value_bound<T>);
  const T value = mean.value_and_gradient(x, want);
  for (const T factor : {Limits::denorm_min(), Limits::min(), T(1e30), Limits::max() / 4}) {
    const Eigen::Matrix<T, 3, 1> weights = factor * ones;
    CHECK(mean.value_and_gradient(x, weights, g) == Catch::Approx(value).epsilon(bound));
    CHECK(numbers(g).isApprox(numbers(want), 4 * Limits::epsilon()));
    CHECK(mean.forward(x, weights) == mean.value_and_gradient(x, weights, g));
    if (factor < Limits::max() / 8) {
      CHECK(sum.forward(x, weights) == Catch::Approx(3 * value * factor).epsilon(1e-5).margin(Limits::denorm_min()));
    }
  }
  if constexpr (std::is_same_v<T, double>) {
    const Eigen::Vector3d heavy(1e308, 1e308, 1e308);
    g.setConstant(7.0);
    CHECK_THROWS_WITH(mean.value_and_gradient(x, heavy, g),
                      Catch::Matchers::Equals("TotalVariation: weights sum to inf, but must sum to a finite number"));
    CHECK((numbers(g).array() == 7).all());
  }
}

TEMPLATE_TEST_CASE("TotalVariation: what can be represented does not overflow on the way", "", float, double) {
  using T = TestType;
  const T most = std::numeric_limits<T>::max(), huge = most / 2, infinity = std::numeric_limits<T>::infinity();
  const TotalVariation<T> mean, average({.average = true}), total({.average = true}, Reduction::sum);
  RowMatrix<T> stripes = RowMatrix<T>::Zero(1, 33), g;
  for (Index j = 1; j < 33; j += 2) stripes(0, j) = huge;
  CHECK(average.forward(stripes) == huge);
  CHECK(average.value_and_gradient(stripes, g) == huge);
  CHECK(g(0, 0) == T(-1.0 / 32));
  CHECK(g(0, 1) == T(2.0 / 32));
  CHECK(total.forward(stripes) == huge);
  CHECK(average.value(average.partial(stripes)) == huge);
  CHECK(average.unreduced(stripes)(0) == huge);
  CHECK(mean.forward(stripes) == infinity);

  // One step of 2·most among eight differences; along rows and along columns.
  RowMatrix<T> step = RowMatrix<T>::Constant(1, 9, most);
  step(0, 0) = -most;
  CHECK(average.value_and_gradient(step, g) == most / 4);
  CHECK(g(0, 0) == T(-1.0 / 8));
  CHECK(g(0, 1) == T(1.0 / 8));
  CHECK(average.forward(RowMatrix<T>(step.transpose())) == most / 4);
  CHECK(average.forward(step.array().replicate(3, 1)) == Catch::Approx(most / 4).epsilon(1e-6));
  step(0, 8) = infinity;
  CHECK(average.forward(step) == infinity);
  step(0, 4) = laws::nan<T>;
  CHECK(std::isnan(average.forward(step)));

  Picture<T> pictures(4, 1, 1, 2);
  pictures.setZero();
  for (Index i = 0; i < 4; ++i) pictures(i, 0, 0, 1) = huge;
  CHECK(mean.forward(pictures) == huge);
  Picture<T> slopes;
  CHECK(mean.value_and_gradient(pictures, slopes) == huge);
  CHECK(slopes(3, 0, 0, 1) == T(0.25));
}

}  // namespace losses_test::total_variation
