// SPDX-License-Identifier: MIT

#include <losses/metric/cosine_embedding.hpp>

#include <losses/tensor.hpp>

#include "laws_of_pairs.hpp"

using namespace losses_test;

namespace {

struct CosineReference {
  template <class Rule>
  Jet operator()(const Rule& rule, const laws::JetRows& rows, int y) const {
    Jet xx = 0, yy = 0, xy = 0;
    bool equal = true;
    for (std::size_t k = 0; k < rows[0].size(); ++k) {
      xx += rows[0][k] * rows[0][k];
      yy += rows[1][k] * rows[1][k];
      xy += rows[0][k] * rows[1][k];
      equal = equal && rows[0][k].f == rows[1][k].f;
    }
    if (xx.f == 0 || yy.f == 0) return Jet(y == 1 ? Real(1) : std::max(-static_cast<Real>(rule.margin), Real(0)));
    if (y == -1) return max(xy / sqrt(xx * yy) - static_cast<Real>(rule.margin), Jet(0));
    // 1 − cos = ½ ‖x/‖x‖ − y/‖y‖‖²: 1 − cos itself has no digits where the vectors are nearly parallel.
    Jet squares = 0;
    for (std::size_t k = 0; k < rows[0].size(); ++k) {
      const Jet r = rows[0][k] / sqrt(xx) - rows[1][k] / sqrt(yy);
      squares += r * r;
    }
    return squares / 2;
  }
  /// Parallel vectors: 1 − cos is right to the square of a rounding, the gradient to one of 1/‖x‖.
  template <class Rule>
  laws::Scale scale(const Rule&, const laws::JetRows& rows, int y) const {
    Real shortest = std::numeric_limits<Real>::max();
    for (const auto& row : rows) {
      Jet squares = 0;
      for (const Jet& entry : row) squares += entry * entry;
      if (squares.f > 0) shortest = std::min(shortest, std::sqrt(squares.f));
    }
    return {.value = y == 1 ? 1e-17L : 1, .slope = 1 / shortest};
  }
};

using Row = Eigen::RowVectorXd;

}  // namespace

TEST_CASE("CosineEmbedding: the laws", "[laws]") {
  laws::check(laws::pairs<2>("CosineEmbedding", losses::CosineEmbedding<float>(), losses::CosineEmbedding<double>(),
                             CosineReference()));
}

TEST_CASE("CosineEmbedding: the laws, with a margin of 0.25", "[laws]") {
  laws::check(laws::pairs<2>("CosineEmbedding, margin", losses::CosineEmbedding<float>({.margin = 0.25f}),
                             losses::CosineEmbedding<double>({.margin = 0.25}), CosineReference()));
}

TEST_CASE("CosineEmbedding: value and gradients are PyTorch's") {
  Eigen::MatrixXd x1(4, 3), x2(4, 3);
  x1 << 0.5, -1.25, 2, 1, 0.25, -0.5, 0, 1, 3, 2, 2, -1;
  x2 << 0.75, -1, 1.5, 1, 0.25, -0.5, 1, -1, 2, 0, 1, 1;
  const Eigen::Vector4d y(1, -1, -1, 1);
  Rows<double> g1, g2;
  using Expected = Eigen::Map<const Rows<double>>;
  // torch.nn.functional.cosine_embedding_loss(x1, x2, y, margin=0.25); it adds 1e-12 to squared lengths
  CHECK(losses::CosineEmbedding<double>({.margin = 0.25}).value_and_gradient(x1, x2, y, g1, g2) ==
        Catch::Approx(0.48182783066929302).epsilon(1e-12));
  const double by_x1[] = {-0.018701737432373806,
                          0.00028552270890024045,
                          0.004853886051134959,
                          0,
                          0,
                          0,
                          0.032274861218390835,
                          -0.048412291827584636,
                          0.016137430609200254,
                          0.013094570021967646,
                          -0.04583099507689331,
                          -0.06547285010984477};
  const double by_x2[] = {0.021765255677755127,
                          0.0019588730110160074,
                          -0.009576712498243198,
                          0,
                          0,
                          0,
                          -0.026895717681987882,
                          0.05917057890037872,
                          0.04303314829119674,
                          -0.1178511301977219,
                          -0.08838834764830616,
                          0.0883883476482767};
  CHECK((g1 - Expected(by_x1, 4, 3)).abs().maxCoeff() < 1e-12);
  CHECK((g2 - Expected(by_x2, 4, 3)).abs().maxCoeff() < 1e-12);
  // … margin=-0.5, reduction="sum"
  CHECK(losses::CosineEmbedding<double>({.margin = -0.5}, losses::Reduction::sum).forward(x1, x2, y) ==
        Catch::Approx(3.4273113226771721).epsilon(1e-12));
}

TEST_CASE("CosineEmbedding: exactly at the margin the slope is PyTorch's 1") {
  Row g1, g2;
  const Eigen::Matrix<int, 1, 1> apart(-1);
  CHECK(losses::CosineEmbedding<double>().value_and_gradient(Row{{1, 0}}, Row{{0, 2}}, apart, g1, g2) == 0);
  CHECK(g1 == Row{{0, 1}});
  CHECK(g2 == Row{{0.5, 0}});
  CHECK(losses::CosineEmbedding<double>().value_and_gradient(Row{{1, 0}}, Row{{-1e-9, 2}}, apart, g1, g2) == 0);
  CHECK((g1.isZero(0) && g2.isZero(0)));
}

TEST_CASE("CosineEmbedding: a zero vector has cosine 0 and gradient 0") {
  Row g1, g2;
  for (const Index d : {3, 20}) {
    const Row zero = Row::Zero(d), x = Row::LinSpaced(d, -1, 2);
    for (const auto& [first, second] : {std::pair{zero, x}, {x, zero}, {zero, zero}}) {
      CHECK(losses::CosineEmbedding<double>().value_and_gradient(first, second, Eigen::Matrix<int, 1, 1>(1), g1, g2) ==
            1);
      CHECK((g1.isZero(0) && g2.isZero(0)));
      const losses::CosineEmbedding<double> apart({.margin = -0.25});
      CHECK(apart.value_and_gradient(first, second, Eigen::Matrix<int, 1, 1>(-1), g1, g2) == 0.25);
      CHECK((g1.isZero(0) && g2.isZero(0)));
    }
    Row unknown = x;
    unknown(1) = std::numeric_limits<double>::quiet_NaN();
    CHECK(std::isnan(
        losses::CosineEmbedding<double>().value_and_gradient(zero, unknown, Eigen::Matrix<int, 1, 1>(1), g1, g2)));
    CHECK((g1.array().isNaN().all() && g2.array().isNaN().all()));
  }
}

TEST_CASE("CosineEmbedding: the lengths of the vectors do not matter, at any scale") {
  const auto check = [](auto small, auto large) {
    using T = decltype(small);
    using R = Eigen::Matrix<T, 1, Eigen::Dynamic>;
    const losses::CosineEmbedding<T> loss;
    for (const Index d : {4, 19}) {
      R x1 = R::Zero(d), x2 = R::Zero(d), g1, g2;
      x1(0) = x2(0) = x2(d - 1) = 1;  // cos = 1/√2
      for (const T a : {small, T(1), large}) {
        for (const T b : {small, T(1), large}) {
          for (const int y : {1, -1}) {
            INFO("lengths " << a << " and " << b << ", y = " << y << ", d = " << d);
            const Real cosine = std::sqrt(0.5L);
            const Real value =
                static_cast<Real>(loss.value_and_gradient(x1 * a, x2 * b, Eigen::Matrix<int, 1, 1>(y), g1, g2));
            CHECK(std::fabs(value - (y == 1 ? 1 - cosine : cosine)) < (sizeof(T) == 4 ? 1e-7L : 1e-15L));
            const Real want = -y * cosine / static_cast<Real>(a);
            const Real got = static_cast<Real>(g1(d - 1));
            CHECK((std::fabs(got - want) <= 4e-7L * std::fabs(want) + 1e-37L || !representable<T>(want)));
            CHECK(std::fabs(static_cast<Real>(g1(0))) <= 1e-15L * std::fabs(want));
          }
        }
      }
    }
  };
  check(1e-20f, 1e20f);
  check(1e-37f, 1e37f);
  check(1e-200, 1e200);
  check(1e-300, 1e300);
}

TEST_CASE("CosineEmbedding: nearly parallel vectors keep the digits of 1 - cos") {
  const losses::CosineEmbedding<double> loss;
  const Eigen::Matrix<int, 1, 1> similar(1);
  for (const double t : {1e-3, 1e-5, 1e-7, 1e-8}) {
    const double want = t * t / (std::sqrt(1 + t * t) * (1 + std::sqrt(1 + t * t)));  // 1 − 1/√(1 + t²)
    CHECK(loss.forward(Row{{1, 0}}, Row{{1, t}}, similar) == Catch::Approx(want).epsilon(1e-14));
    CHECK(loss.forward(Row{{5, 0, 0}}, Row{{3, 0, 3 * t}}, similar) == Catch::Approx(want).epsilon(1e-14));
  }
  const Eigen::RowVector2f x1(1, 0), x2(3, 3e-5f);
  CHECK(losses::CosineEmbedding<float>().forward(x1, x2, similar) == Catch::Approx(5e-11).epsilon(1e-6));
  CHECK(loss.forward(Row{{1, 2, 4}}, Row{{2, 4, 8}}, similar) == 0);
  CHECK(loss.forward(Row{{1, 2, 4}}, Row{{-2, -4, -8}}, similar) == 2);
}

TEST_CASE("CosineEmbedding: y is integers or scalars, -1 or 1; the margin in [-1, 1]") {
  const Columns<double> x1 = Columns<double>::Random(3, 4), x2 = Columns<double>::Random(3, 4);
  const losses::CosineEmbedding<double> loss;
  Eigen::Vector3i labels(1, -1, 1);
  CHECK(loss.forward(x1, x2, labels) == loss.forward(x1, x2, labels.cast<double>()));
  CHECK(loss.forward(x1, x2, labels.cast<std::int8_t>().eval()) == loss.forward(x1, x2, labels));
  Columns<double> g1 = x1, g2 = x1;
  labels(1) = 0;
  laws::refuses("CosineEmbedding: y[1] is 0, but must be -1 or 1", g1,
                [&] { (void)loss.value_and_gradient(x1, x2, labels, g1, g2); });
  for (const double margin : {-1.5, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    laws::refuses_option("CosineEmbedding: margin is ", [&] { losses::CosineEmbedding<double>({.margin = margin}); });
  }
}
