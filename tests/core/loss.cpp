// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/core/loss.hpp>
#include <losses/regression/huber.hpp>
#include <losses/regression/mse.hpp>

#include "laws.hpp"

using namespace losses_test;

namespace users_own {

/// A user's rule, in a namespace of theirs: functions of V are found by argument.
template <std::floating_point T>
struct Clipped {
  using Scalar = T;
  using Shape = losses::per_element;

  T limit = 1;

  void check() const { losses::require(limit > 0, "Clipped: limit is ", limit, ", but must be positive"); }

  template <class V>
  losses::Terms<V> operator()(V p, V y) const {
    const V r = p - y;
    const V half = r * r * V(0.5);
    const auto inside = abs(r) < V(limit);
    return {.value = min(half, V(limit * limit / 2)),
            .slope = where(abs(r) >= V(limit), V(0), r),
            .curvature = where(inside, V(1), V(0))};
  }
};

/// A rule without a curvature.
struct Square {
  using Scalar = double;
  using Shape = losses::per_element;

  template <class V>
  losses::Terms<V> operator()(V p, V y) const {
    return {.value = (p - y) * (p - y), .slope = 2 * (p - y)};
  }
};

}  // namespace users_own

TEST_CASE("Loss: a user's own rule obeys the laws", "[laws]") {
  using users_own::Clipped;
  laws::check(laws::element(
      "Clipped", losses::Loss<Clipped<float>>({.limit = 2}), losses::Loss<Clipped<double>>({.limit = 2}),
      [](const auto& rule, Jet p, Jet y) {
        const Jet r = p - y;
        const Real limit = static_cast<Real>(rule.limit);
        return std::fabs(r.f) < limit ? r * r / 2 : Jet(limit * limit / 2);
      },
      real_line));
}

TEST_CASE("Loss: a rule without a curvature gives NaN for it, and all else") {
  const losses::Loss<users_own::Square> loss;
  const Eigen::Vector2d p(1, 2), y(0, 0);
  CHECK(loss.forward(p, y) == 2.5);
  CHECK(loss.gradient(p, y) == p);
  CHECK(std::isnan(loss.curvature(p, y)(0)));
}

TEST_CASE("Loss: a rule's check runs when the loss is made") {
  laws::refuses_option("Clipped: limit is 0", [] { losses::Loss<users_own::Clipped<float>>({.limit = 0}); });
}

TEST_CASE("Loss: it is a value that keeps its options and its reduction") {
  const losses::Huber<float> loss({.delta = 2}, losses::Reduction::sum);
  const auto copy = loss;
  CHECK(copy.rule().delta == 2);
  CHECK(copy.reduction() == losses::Reduction::sum);
  CHECK(losses::Huber<>(losses::Reduction::batch_mean).rule().delta == 1);
  CHECK(std::is_same_v<losses::Huber<>::Scalar, float>);
}

TEST_CASE("Loss: LossOn and Accepts tell what a loss takes") {
  using losses::LossOn;
  using Labels = Eigen::VectorXi;
  using Floats = Eigen::MatrixXf;
  using Doubles = Eigen::MatrixXd;
  static_assert(LossOn<losses::Huber<float>, Floats, Floats>);
  static_assert(LossOn<losses::Huber<float>, Floats, Floats, Eigen::VectorXf>);
  static_assert(LossOn<losses::Huber<float>, Eigen::Map<Floats>, Eigen::Block<Floats>>);
  static_assert(!LossOn<losses::Huber<float>, Doubles, Doubles>);
  static_assert(!LossOn<losses::Huber<float>, Floats, Doubles>);
  static_assert(!LossOn<losses::Huber<float>, Floats, Labels>);
  static_assert(!LossOn<losses::Huber<float>, Floats>);
  static_assert(LossOn<losses::CrossEntropy<float>, Floats, Labels>);
  static_assert(LossOn<losses::CrossEntropy<float>, Floats, Floats>);
  static_assert(LossOn<losses::CrossEntropy<float>, Floats, std::vector<std::uint8_t>>);
  static_assert(!LossOn<losses::CrossEntropy<float>, Floats, Doubles>);
  static_assert(!LossOn<losses::CrossEntropy<float>, Floats, std::vector<bool>>);
  static_assert(!LossOn<int, Floats, Floats>);
  SUCCEED();
}

TEST_CASE("Loss: curvature is scaled as the gradient") {
  const Eigen::Vector4d p(0.5, 2, -3, 0.25), y = Eigen::Vector4d::Zero(), w(1, 2, 3, 4);
  const losses::Huber<double> mean;
  CHECK(mean.curvature(p, y) == Eigen::Vector4d(0.25, 0, 0, 0.25));
  CHECK((mean.curvature(p, y, w) - Eigen::Vector4d(0.1, 0, 0, 0.4)).norm() < 1e-16);
}

TEST_CASE("Loss: add_to takes steps of gradient descent") {
  const Eigen::Vector3d y(1, -2, 3);
  Eigen::Vector3d x = Eigen::Vector3d::Zero();
  const losses::MSE<double> loss({}, losses::Reduction::sum);
  for (int step = 0; step < 100; ++step) {
    Eigen::Vector3d update = x;
    loss.value_and_gradient(x, y, losses::add_to(update, -0.1));
    x = update;
  }
  CHECK((x - y).norm() < 1e-8);
}

TEST_CASE("Loss: parts of a batch, weighted, merge in any order") {
  const auto in = draw<float>(real_line, 90, 2, 121);
  const Columns<float> w = draw_weights<float>(90, 2, 122);
  const losses::Huber<float> loss;
  losses::Partial all;
  for (Index i = 80; i >= 0; i -= 10) {
    all += loss.partial(in.p.middleRows(i, 10), in.y.middleRows(i, 10), w.middleRows(i, 10));
  }
  CHECK(loss.value(all) == Catch::Approx(loss.forward(in.p, in.y, w)).epsilon(2e-7));
  CHECK(all.count == 90);
  CHECK(loss.value(losses::Partial{}) == 0);
}

TEST_CASE("Loss: everything may be used with `using namespace losses`") {
  using namespace losses;
  const Huber<float> loss({.delta = 1}, Reduction::sum);
  float sum = 0;  // a common name that the library must not take
  sum += loss.forward(Eigen::Vector2f(1, 3), Eigen::Vector2f(0, 0));
  CHECK(sum == 3);
}
