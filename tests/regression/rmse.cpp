// SPDX-License-Identifier: MIT

#include <losses/regression/rmse.hpp>

#include "laws.hpp"

using namespace losses_test;

namespace {

/// The root of the weighted mean of r², and its gradient w r / (Σw · rmse), in long double.
template <class T>
struct Oracle {
  Real value = 0;
  Eigen::Array<Real, Eigen::Dynamic, Eigen::Dynamic> gradient;

  Oracle(const Columns<T>& p, const Columns<T>& y, const Columns<T>& w) : gradient(p.rows(), p.cols()) {
    Real sum = 0, weight = 0;
    for (Index i = 0; i < p.size(); ++i) {
      const Real r = static_cast<Real>(p(i)) - static_cast<Real>(y(i));
      sum += static_cast<Real>(w(i)) * r * r;
      weight += static_cast<Real>(w(i));
    }
    value = weight > 0 ? std::sqrt(sum / weight) : 0;
    for (Index i = 0; i < p.size(); ++i) {
      const Real r = static_cast<Real>(p(i)) - static_cast<Real>(y(i));
      gradient(i) = value > 0 ? static_cast<Real>(w(i)) * r / (weight * value) : 0;
    }
  }
};

template <class T>
void laws_of_rmse() {
  const losses::RMSE<T> loss;
  for (const auto& shape : laws::shapes<T>()) {
    const Index n = shape.first, c = shape.second;
    INFO(laws::type_name<T> << " [" << n << " x " << c << "]");
    const auto in = draw<T>(real_line, n, c, 51);
    const auto compare = [&](const Columns<T>& used, const auto&... weights) {
      const Oracle<T> want(in.p, in.y, used);
      Columns<T> g = Columns<T>::Constant(n, c, std::numeric_limits<T>::quiet_NaN());
      const T value = loss.value_and_gradient(in.p, in.y, weights..., g);
      CHECK(loss.forward(in.p, in.y, weights...) == value);
      CHECK(std::fabs(static_cast<Real>(value) - want.value) <= laws::value_bound<T> * want.value);
      laws::Worst worst;
      for (Index i = 0; i < g.size(); ++i) {
        worst.see(std::fabs(static_cast<Real>(g(i)) - want.gradient(i)),
                  laws::slope_bound<T> * std::fabs(want.gradient(i)) + 1e-40L,
                  [&] { return laws::at(in.p(i), in.y(i), g(i), want.gradient(i)); });
      }
      INFO(worst.where);
      CHECK(worst.ratio <= 1);
      Columns<T> added = in.y;
      CHECK(loss.value_and_gradient(in.p, in.y, weights..., losses::add_to(added, T(2))) == value);
      CHECK(((added - (in.y + 2 * g)).abs() <= 4 * std::numeric_limits<T>::epsilon() * (in.y.abs() + (2 * g).abs()))
                .all());
      for (const auto reduction : {losses::Reduction::sum, losses::Reduction::batch_mean}) {
        CHECK(laws::with(loss, reduction).forward(in.p, in.y, weights...) == value);  // there is one set
      }
    };
    compare(Columns<T>::Ones(n, c));
    const Columns<T> weights = draw_weights<T>(n, c, 52);
    compare(weights, weights);
    if (c != 1) {
      const Vector<T> per_sample = draw_weights<T>(n, 1, 54);
      compare(per_sample.replicate(1, c), per_sample);
    }
  }

  const Index n = 61, c = 5;
  const auto in = draw<T>(real_line, n, c, 53);
  Columns<T> want;
  const T value = loss.value_and_gradient(in.p, in.y, want);
  const auto near = [](T a, T b) { return std::abs(a - b) <= 4 * std::numeric_limits<T>::epsilon() * std::abs(b); };
  const Rows<T> rows = in.p;
  writable_storages(in.p, [&](const char* name, const auto& p) {
    INFO(name);
    CHECK(near(loss.forward(p, in.y), value));
    CHECK(Columns<T>(loss.gradient(p, in.y)).isApprox(want, 8 * std::numeric_limits<T>::epsilon()));
  });
  writable_storages(in.p, [&](const char* name, auto& g) {
    INFO(name);
    CHECK(near(loss.value_and_gradient(rows, in.y, g), value));
    CHECK(Columns<T>(g).isApprox(want, 8 * std::numeric_limits<T>::epsilon()));
  });

  // The sums of two halves are the sums of the whole: the second pass writes the gradient of a part.
  const auto first = loss.partial(in.p.topRows(20), in.y.topRows(20));
  const auto second = loss.partial(in.p.bottomRows(n - 20), in.y.bottomRows(n - 20));
  CHECK(near(loss.value(first + second), value));
  Columns<T> part;
  loss.gradient(first + second, in.p.topRows(20), in.y.topRows(20), part);
  CHECK(part.isApprox(want.topRows(20), 8 * std::numeric_limits<T>::epsilon()));

  Vector<T> doubled = Vector<T>::Ones(n);
  doubled.head(3).setZero();
  CHECK(near(loss.forward(in.p, in.y, doubled), loss.forward(in.p.bottomRows(n - 3), in.y.bottomRows(n - 3))));
  CHECK(loss.forward(in.p, in.y, Vector<T>(Vector<T>::Zero(n))) == 0);

  for (Index i = 0; i < 33; ++i) {
    Columns<T> poisoned = in.p;
    poisoned(i) = std::numeric_limits<T>::quiet_NaN();
    Columns<T> g;
    CHECK(std::isnan(loss.value_and_gradient(poisoned, in.y, g)));
    CHECK(g.isNaN().all());
  }
}

}  // namespace

TEST_CASE("RMSE: the laws", "[laws]") {
  laws_of_rmse<float>();
  laws_of_rmse<double>();
}

TEST_CASE("RMSE: a perfect prediction has gradient 0") {
  const Eigen::Vector3d y(1, 2, 3);
  Eigen::Vector3d g(7, 7, 7);
  CHECK(losses::RMSE<double>().value_and_gradient(y, Eigen::Vector3d(1, 2, 3), g) == 0);
  CHECK(g == Eigen::Vector3d::Zero());
}

TEST_CASE("RMSE: the slope is r / (N · rmse)") {
  Eigen::Vector2d g;
  CHECK(losses::RMSE<double>().value_and_gradient(Eigen::Vector2d(1, 7), Eigen::Vector2d(0, 0), g) == 5);
  CHECK(g == Eigen::Vector2d(0.1, 0.7));
}

TEST_CASE("RMSE: large and tiny residuals neither overflow nor vanish on the way") {
  const auto check = [](auto magnitude) {
    using T = decltype(magnitude);
    Vector<T> g;
    const Vector<T> p = Vector<T>::Constant(100, magnitude), y = Vector<T>::Zero(100);
    const T value = losses::RMSE<T>().value_and_gradient(p, y, g);
    INFO("residuals of " << magnitude);
    CHECK(value == Catch::Approx(magnitude).epsilon(1e-6));
    CHECK(g(37) == Catch::Approx(0.01).epsilon(1e-6));
  };
  for (const float m : {1e-30f, 1e-20f, 1e18f, 1e20f, std::numeric_limits<float>::max()}) check(m);
  for (const double m : {1e-300, 1e-160, 1e150, 1e160, std::numeric_limits<double>::max()}) check(m);
}

namespace {

/// One infinite residual, among others of which some are infinite but have weight 0.
template <class T>
void check_infinite_residuals() {
  constexpr T inf = std::numeric_limits<T>::infinity(), most = std::numeric_limits<T>::max();
  const losses::RMSE<T> loss;
  for (const T sign : {T(1), T(-1)}) {
    Vector<T> p(21), y = Vector<T>::Zero(21), g;
    p.setLinSpaced(-3, 3);
    p(4) = most;
    p(17) = sign * inf;
    CHECK(loss.value_and_gradient(p, y, g) == inf);
    CHECK(loss.forward(p, y) == inf);
    CHECK(g(17) == Catch::Approx(sign / std::sqrt(T(21))).epsilon(1e-6));
    CHECK((g.head(17).isZero(0) && g.tail(3).isZero(0)));
    p.swap(y);
    CHECK(loss.value_and_gradient(p, y, g) == inf);
    CHECK(g(17) == Catch::Approx(-sign / std::sqrt(T(21))).epsilon(1e-6));

    Vector<T> w = Vector<T>::Constant(21, 2), added = Vector<T>::Ones(21);
    w(17) = 7;
    w(3) = 0;
    y(3) = inf;
    CHECK(loss.value_and_gradient(p, y, w, losses::add_to(added, 2)) == inf);
    CHECK(added(17) == Catch::Approx(1 - 2 * sign * std::sqrt(T(7) / 45)).epsilon(1e-6));
    CHECK((added.head(17).array() == 1).all());

    // In parts: whichever has the infinite residual.
    const auto parts = loss.partial(p.head(9), y.head(9), w.head(9)) + loss.partial(p.tail(12), y.tail(12), w.tail(12));
    CHECK(loss.value(parts) == inf);
    loss.gradient(parts, p.tail(12), y.tail(12), w.tail(12), g);
    CHECK(g(8) == Catch::Approx(-sign * std::sqrt(T(7) / 45)).epsilon(1e-6));
    CHECK(g.head(8).isZero(0));
    loss.gradient(parts, p.head(9), y.head(9), w.head(9), g);
    CHECK(g.isZero(0));
    CHECK(std::isinf(loss.value(parts + parts)));
  }
  // Two have no direction together; the others have no part in it.
  Vector<T> g;
  const Eigen::Matrix<T, 4, 1> two(inf, 1, -inf, 2), none = Eigen::Matrix<T, 4, 1>::Zero();
  CHECK(loss.value_and_gradient(two, none, g) == inf);
  CHECK((std::isnan(g(0)) && g(1) == 0 && std::isnan(g(2)) && g(3) == 0));
  CHECK(std::isnan(loss.value_and_gradient(Vector<T>::Constant(2, inf).eval(), Vector<T>::Constant(2, inf).eval(), g)));
  CHECK(g.array().isNaN().all());
}

}  // namespace

TEST_CASE("RMSE: the slope at one infinite residual is the root of its weight's share") {
  check_infinite_residuals<float>();
  check_infinite_residuals<double>();
}

TEST_CASE("RMSE: weights as large or small as their type allows neither overflow nor vanish on the way") {
  const auto check = [](auto of_weights) {
    using T = decltype(of_weights);
    const T most = std::numeric_limits<T>::max();
    Vector<T> w = Vector<T>::LinSpaced(100, 1, 2) * of_weights, g;
    INFO("weights of " << of_weights);
    for (const T size : {T(1e-25), T(0.001), T(3), most / 4}) {
      const Vector<T> p = Vector<T>::Constant(100, size), y = -p;
      const T value = losses::RMSE<T>().value_and_gradient(p, y, w, g);
      CHECK(value == Catch::Approx(2 * size).epsilon(1e-6));
      CHECK(g.sum() == Catch::Approx(1).epsilon(1e-5));
      CHECK(g(99) == Catch::Approx(2.0 / 150).epsilon(1e-5));
      const losses::RMSE<T> loss;
      const Vector<T> ones = Vector<T>::Ones(50);
      const auto parts = loss.partial(p, y, w) + loss.partial(ones, ones, Vector<T>(ones * of_weights));
      CHECK(loss.value(parts) == Catch::Approx(2 * size * std::sqrt(0.75)).epsilon(1e-6));
    }
  };
  for (const float w : {1e-38f, 1e-20f, 1e20f, 1.5e38f}) check(w);
  for (const double w : {1e-307, 1e-160, 1e160, 5e305}) check(w);
}

TEMPLATE_TEST_CASE("RMSE: differences that vanish beside the numbers, or far above the mean", "", float, double) {
  using T = TestType;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  constexpr T most = std::numeric_limits<T>::max();
  const losses::RMSE<T> loss;
  for (const T large : {T(1e15), std::sqrt(most), most / 4}) {
    Vector p = Vector::Constant(3, large), y = p, g(3);
    CHECK(loss.value_and_gradient(p, y, g) == 0);
    CHECK(g == Vector::Zero(3));
    // √((δ²)/3), and its slopes 0, 0 and 1/√3
    p[2] = std::numeric_limits<T>::min(), y[2] = 0;
    CHECK(loss.value_and_gradient(p, y, g) == Approx(p[2] / std::sqrt(T(3))).epsilon(1e-5).margin(0));
    CHECK(g[0] == 0);
    CHECK(g[2] == Approx(1 / std::sqrt(T(3))).epsilon(1e-5));
  }
  // One difference of a million: √(r²/n) = r/1000.
  const T r = sizeof(T) == 4 ? T(5e-10) : T(1e-153);
  Vector p = Vector::Zero(1000000), y = p, g(p.size());
  p[7] = r;
  CHECK(loss.value_and_gradient(p, y, g) == Approx(r / 1000).epsilon(1e-5).margin(0));
  CHECK(g[7] == Approx(T(1e-3)).epsilon(1e-5));
}

TEST_CASE("RMSE: a wrong shape is refused and the gradient stays as it was") {
  const losses::RMSE<float> loss;
  Columns<float> g = Columns<float>::Ones(2, 2);
  laws::refuses("RMSE: target", g, [&] {
    (void)loss.value_and_gradient(Columns<float>::Ones(1, 4).eval(), Columns<float>::Ones(4, 1).eval(), g);
  });
  Columns<float> p = Columns<float>::Ones(4, 4);
  laws::refuses("gradient", p, [&] {
    (void)loss.value_and_gradient(p.block(0, 0, 3, 3), Columns<float>::Ones(3, 3).eval(), p.block(1, 0, 3, 3));
  });
}
