// SPDX-License-Identifier: MIT

// A user's own losses of pairs and triples of rows.

#include <losses/core/loss.hpp>
#include <losses/core/per_pair.hpp>
#include <losses/evaluation/check_gradient.hpp>

#include "laws.hpp"

using namespace losses_test;

namespace {

/// Logistic loss of a difference of distances, of the 1-norm.
template <std::floating_point T>
struct SoftTriplet {
  using Scalar = T;
  using Shape = losses::per_pair;
  static constexpr std::array<losses::rule::Argument, 3> predictions = {{{"query"}, {"near"}, {"far"}}};

  losses::rule::RowDistance row_distance() const { return {.p = 1}; }

  template <class V>
  losses::Terms<V, 2> operator()(V near, V far) const {
    const V s = sigmoid(near - far);
    return {.value = softplus(near - far), .slope = {s, -s}};
  }
};

/// The squared error of a wanted distance of 1 or 3.
template <std::floating_point T>
struct WantedDistance {
  using Scalar = T;
  using Shape = losses::per_pair;
  static constexpr std::array<losses::rule::Argument, 2> predictions = {{{"here"}, {"there"}}};
  static constexpr losses::rule::PairTarget target = {"wanted", {1, 3}};

  template <class V>
  losses::Terms<V> operator()(V distance, V wanted) const {
    const V r = distance - wanted;
    return {.value = r * r, .slope = r + r};
  }
};

}  // namespace

TEST_CASE("per_pair: a rule of one's own has every verb") {
  const losses::Loss<SoftTriplet<double>> soft;
  const Columns<double> a = Columns<double>::Random(7, 5), p = Columns<double>::Random(7, 5),
                        n = Columns<double>::Random(7, 5);
  CHECK(losses::check_gradient(soft, a, p, n));
  CHECK(soft.unreduced(a, p, n).mean() == Catch::Approx(soft.forward(a, p, n)).epsilon(1e-14));
  CHECK(soft.unreduced(a, p, n)(2) ==
        Catch::Approx(std::log1p(std::exp((a.row(2) - p.row(2)).abs().sum() - (a.row(2) - n.row(2)).abs().sum())))
            .epsilon(1e-14));
  Columns<double> g = a;
  laws::refuses("SoftTriplet: far is [5 x 7], but must be [7 x 5], the shape of query", g,
                [&] { (void)soft.forward(a, p, n.transpose()); });

  const losses::Loss<WantedDistance<float>> wanted;
  const Columns<float> x = a.cast<float>(), y = p.cast<float>();
  Eigen::VectorXi target = Eigen::VectorXi::Constant(7, 3);
  CHECK(losses::check_gradient(wanted, x, y, target));
  const float distance = (x.row(0) - y.row(0)).matrix().norm();
  CHECK(wanted.unreduced(x, y, target)(0) == Catch::Approx((distance - 3) * (distance - 3)).epsilon(1e-6));
  target(4) = 2;
  laws::refuses("WantedDistance: wanted[4] is 2, but must be 1 or 3", g, [&] { (void)wanted.forward(x, y, target); });
}
