// SPDX-License-Identifier: MIT

#include <losses/regression/multi_quantile.hpp>

#include "laws.hpp"

using namespace losses_test;

namespace {

const std::vector<double> levels = {0.125, 0.5, 0.75, 0.9375};

template <class T>
losses::MultiQuantile<T> loss_of(losses::Reduction reduction = losses::Reduction::mean) {
  return losses::MultiQuantile<T>({.quantiles = {T(0.125), T(0.5), T(0.75), T(0.9375)}}, reduction);
}

template <class T>
void laws_of_multi_quantile() {
  const auto loss = loss_of<T>();
  const Index q = 4;
  for (const Index n : {0, 1, 3, 4, 5, 15, 16, 17, 33, 700, 5000}) {
    INFO(laws::type_name<T> << ", " << n << " samples");
    const auto in = draw<T>(real_line, n, q, 61);
    const Vector<T> y = in.y.col(0);
    const Vector<T> weights = draw_weights<T>(n, 1, 62);
    const auto compare = [&](const Vector<T>& used, const auto&... w) {
      Real value = 0, weight = 0;
      Columns<T> g = Columns<T>::Constant(n, q, std::numeric_limits<T>::quiet_NaN()), expected(n, q);
      for (Index i = 0; i < n; ++i) weight += static_cast<Real>(used(i));
      for (Index i = 0; i < n; ++i) {
        for (Index k = 0; k < q; ++k) {
          const Jet term = reference::quantile(Jet::variable(in.p(i, k)), y(i), levels[static_cast<std::size_t>(k)]);
          value += static_cast<Real>(used(i)) * term.f / (weight * q);
          expected(i, k) = static_cast<T>(static_cast<Real>(used(i)) * term.d / (weight * q));
        }
      }
      const T got = loss.value_and_gradient(in.p, y, w..., g);
      CHECK(loss.forward(in.p, y, w...) == got);
      CHECK(std::fabs(static_cast<Real>(got) - value) <= laws::value_bound<T> * value);
      CHECK(((g - expected).abs() <= 4 * std::numeric_limits<T>::epsilon() * expected.abs()).all());
      const Rows<T> rows = in.p;
      const Eigen::Matrix<T, Eigen::Dynamic, 1> target = y;
      Rows<T> other;
      CHECK(static_cast<double>(loss.value_and_gradient(rows, target, w..., other)) ==
            Catch::Approx(static_cast<double>(got)).epsilon(1e-6));
      CHECK(same_bits(other, g));
      const auto partial = loss.partial(in.p, y, w...);
      CHECK(loss.value(partial) == got);
    };
    compare(Vector<T>::Ones(n));
    compare(weights, weights);
  }
}

}  // namespace

TEST_CASE("MultiQuantile: the laws", "[laws]") {
  laws_of_multi_quantile<float>();
  laws_of_multi_quantile<double>();
}

TEST_CASE("MultiQuantile: each column has its own quantile") {
  const losses::MultiQuantile<double> loss;  // 0.1, 0.5, 0.9
  Eigen::MatrixXd p(2, 3), g;
  p << 1, 1, 1, 4, 4, 4;
  const Eigen::Vector2d y(2, 2);
  CHECK(loss.value_and_gradient(p, y, g) == Catch::Approx((0.1 + 0.5 + 0.9 + 1.8 + 1.0 + 0.2) / 6).epsilon(1e-15));
  Eigen::MatrixXd want(2, 3);
  want << -0.1, -0.5, -0.9, 0.9, 0.5, 0.1;
  CHECK((6 * g - want).norm() < 1e-14);
}

TEST_CASE("MultiQuantile: a NaN in a prediction or a target comes out") {
  const auto loss = loss_of<float>();
  for (Index n = 1; n <= 33; ++n) {
    const auto in = draw<float>(real_line, n, 4, 63);
    for (Index i = 0; i < n; ++i) {
      Columns<float> p = in.p;
      Vector<float> y = in.y.col(0);
      p(i, i % 4) = std::numeric_limits<float>::quiet_NaN();
      CHECK(std::isnan(loss.forward(p, y)));
      CHECK(std::isnan(loss.gradient(p, y)(i, i % 4)));
      y(i) = std::numeric_limits<float>::quiet_NaN();
      CHECK(std::isnan(loss.forward(in.p, y)));
    }
  }
}

TEST_CASE("MultiQuantile: wrong shapes and quantiles are refused") {
  const auto loss = loss_of<float>();
  Columns<float> g = Columns<float>::Ones(1, 1);
  const auto refused = [&](Index n, Index c, Index rows, Index columns) {
    INFO("[" << n << " x " << c << "] against [" << rows << " x " << columns << "]");
    laws::refuses("MultiQuantile: ", g, [&] {
      (void)loss.value_and_gradient(Columns<float>::Ones(n, c).eval(), Columns<float>::Ones(rows, columns).eval(), g);
    });
  };
  refused(5, 3, 5, 1);
  refused(5, 4, 4, 1);
  refused(5, 4, 1, 5);
  refused(5, 4, 5, 2);
  refused(4, 5, 4, 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {-0.5f, 1.5f, nan}) {
    laws::refuses_option("MultiQuantile: quantiles[1] is ",
                         [&] { losses::MultiQuantile<float>({.quantiles = {0.5f, bad}}); });
  }
}
