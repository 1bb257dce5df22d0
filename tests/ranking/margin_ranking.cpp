// SPDX-License-Identifier: MIT

#include <losses/ranking/margin_ranking.hpp>

#include "laws.hpp"

using namespace losses_test;

namespace {

Jet margin_ranking(Jet x1, Jet x2, Real y, Real margin) {
  return max(margin - y * (x1 - x2), Jet(0));
}

/// Values and both gradients against the reference and its dual numbers, for every length, order and reduction.
template <class T>
void laws_of_margin_ranking() {
  const losses::MarginRanking<T> plain, wide({.margin = T(0.75)}), summed({}, losses::Reduction::sum);
  for (const auto& shape : laws::shapes<T>()) {
    const Index n = shape.first, c = shape.second;
    const Columns<T> x1 = draw<T>(sign_target, n, c, 401).p, x2 = draw<T>(sign_target, n, c, 402).p;
    const Columns<T> y = draw<T>(sign_target, n, c, 403).y, weights = draw_weights<T>(n, c, 404);
    for (const auto* loss : {&plain, &wide, &summed}) {
      INFO(laws::type_name<T> << " [" << n << " x " << c << "]" << (loss == &wide ? ", margin" : ""));
      const auto compare = [&](const Columns<T>& used, const auto&... w) {
        const Real weight = loss == &summed ? 1 : used.template cast<Real>().sum();
        Real sum = 0, magnitude = 0;
        laws::Worst worst;
        Columns<T> g1 = Columns<T>::Constant(n, c, std::numeric_limits<T>::quiet_NaN()), g2 = g1;
        const T value = loss->value_and_gradient(x1, x2, y, w..., g1, g2);
        const Columns<T> terms = loss->unreduced(x1, x2, y, w...);
        for (Index i = 0; i < used.size(); ++i) {
          const Real margin = loss->rule().margin, share = static_cast<Real>(used(i)) / weight;
          const Jet by1 = margin_ranking(Jet::variable(x1(i)), x2(i), y(i), margin);
          const Jet by2 = margin_ranking(x1(i), Jet::variable(x2(i)), y(i), margin);
          const Real size = std::fabs(static_cast<Real>(x1(i))) + std::fabs(static_cast<Real>(x2(i))) + margin;
          sum += share * by1.f;
          magnitude += share * size;
          const auto where = [&] { return laws::at(x1(i), x2(i), g1(i), share * by1.d); };
          worst.see(std::fabs(static_cast<Real>(g1(i)) - share * by1.d), laws::slope_bound<T> * share, where);
          worst.see(std::fabs(static_cast<Real>(g2(i)) - share * by2.d), laws::slope_bound<T> * share, where);
          worst.see(std::fabs(static_cast<Real>(terms(i)) - static_cast<Real>(used(i)) * by1.f),
                    laws::value_bound<T> * static_cast<Real>(used(i)) * size, where);
        }
        INFO(worst.where);
        CHECK(worst.ratio <= 1);
        CHECK(loss->forward(x1, x2, y, w...) == value);
        CHECK(std::fabs(static_cast<Real>(value) - sum) <= laws::value_bound<T> * magnitude);
        const Index half = n / 2;
        const auto part = [&](Index from, Index rows) {
          return loss->partial(x1.middleRows(from, rows), x2.middleRows(from, rows), y.middleRows(from, rows),
                               w.middleRows(from, rows)...);
        };
        if (n * c > 0) CHECK(laws::close<T>(loss->value(part(0, half) + part(half, n - half)), value, magnitude));
        Rows<T> r1, r2;
        const Rows<T> rows = x1;
        (void)loss->value_and_gradient(rows, x2, y, w..., r1, r2);
        CHECK((same_bits(r1, g1) && same_bits(r2, g2)));
        Columns<T> a1 = y, a2 = x1;
        (void)loss->value_and_gradient(x1, x2, y, w..., losses::add_to(a1, 2), losses::add_to(a2, -1));
        const T bound = 4 * std::numeric_limits<T>::epsilon();
        CHECK(((a1 - (y + T(2) * g1)).abs() <= bound * (y.abs() + T(2) * g1.abs())).all());
        CHECK(((a2 - (x1 - g2)).abs() <= bound * (x1.abs() + g2.abs())).all());
      };
      compare(Columns<T>::Ones(n, c));
      compare(weights, weights);
    }
  }
  for (Index n = 1; n <= 33; ++n) {
    for (Index i = 0; i < n; ++i) {
      for (int which = 0; which < 3; ++which) {
        Columns<T> x1 = draw<T>(sign_target, n, 1, 405).p, x2 = draw<T>(sign_target, n, 1, 406).p;
        Columns<T> y = Columns<T>::Ones(n, 1), g1, g2;
        (which == 0 ? x1 : which == 1 ? x2 : y)(i) = std::numeric_limits<T>::quiet_NaN();
        CHECK(std::isnan(plain.value_and_gradient(x1, x2, y, g1, g2)));
        CHECK((std::isnan(g1(i)) && std::isnan(g2(i))));
        CHECK((g1.isNaN().count() == 1 && g2.isNaN().count() == 1));
        Columns<T> weights = Columns<T>::Ones(n, 1);
        weights(i) = 0;
        CHECK(std::isfinite(plain.value_and_gradient(x1, x2, y, weights, g1, g2)));
        CHECK((g1(i) == 0 && g2(i) == 0));
      }
    }
  }
}

}  // namespace

TEST_CASE("MarginRanking: the laws", "[laws]") {
  laws_of_margin_ranking<float>();
  laws_of_margin_ranking<double>();
}

TEST_CASE("MarginRanking: value and both gradients are PyTorch's, where the margin is met too") {
  const Eigen::VectorXd x1 = (Eigen::VectorXd(5) << 0.5, 1, 2, -0.5, 0).finished();
  const Eigen::VectorXd x2 = (Eigen::VectorXd(5) << 1.5, 1, -2, 0.25, -0.5).finished();
  const Eigen::VectorXd y = (Eigen::VectorXd(5) << 1, -1, -1, 1, 1).finished();
  Eigen::VectorXd g1, g2, want(5);
  // torch.nn.functional.margin_ranking_loss(x1, x2, y); x1[1] = x2[1]
  CHECK(losses::MarginRanking<double>().value_and_gradient(x1, x2, y, g1, g2) == Catch::Approx(1.15).epsilon(1e-15));
  want << -0.2, 0.2, 0.2, -0.2, 0;
  CHECK((g1 - want).norm() < 1e-16);
  CHECK(g2 == -g1);
  // … margin=0.5; x1[4] − x2[4] = 0.5
  CHECK(losses::MarginRanking<double>({.margin = 0.5}).value_and_gradient(x1, x2, y, g1, g2) ==
        Catch::Approx(1.55).epsilon(1e-15));
  want << -0.2, 0.2, 0.2, -0.2, -0.2;
  CHECK((g1 - want).norm() < 1e-16);
  CHECK(g2 == -g1);
}

TEST_CASE("MarginRanking: the largest finite margin is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::MarginRanking<float>({.margin = most}));
  CHECK_NOTHROW(losses::MarginRanking<float>({.margin = -most}));
}

TEST_CASE("MarginRanking: bad shapes, targets, margins and overlaps are refused") {
  const losses::MarginRanking<float> loss;
  const Columns<float> x = Columns<float>::Ones(3, 2), other = Columns<float>::Ones(2, 3);
  Columns<float> g1 = x, g2 = x;
  laws::refuses("MarginRanking: x2 is [2 x 3]", g1, [&] { (void)loss.value_and_gradient(x, other, x, g1, g2); });
  laws::refuses("MarginRanking: target is [2 x 3]", g1, [&] { (void)loss.value_and_gradient(x, x, other, g1, g2); });
  laws::refuses("shares memory", g1, [&] { (void)loss.value_and_gradient(x, x, x, g1, g1); });
  Columns<float> y = x;
  for (const float bad : {0.f, 2.f, -0.5f}) {
    y(2, 1) = bad;
    laws::refuses("MarginRanking: target[2, 1] is ", g1, [&] { (void)loss.value_and_gradient(x, x, y, g1, g2); });
    laws::refuses("must be -1 or 1", g1, [&] { (void)loss.forward(x, x, y); });
  }
  for (const float margin : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("MarginRanking: margin is ", [&] { losses::MarginRanking<float>({.margin = margin}); });
  }
}
