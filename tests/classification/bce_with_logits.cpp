// SPDX-License-Identifier: MIT

#include <losses/classification/bce_with_logits.hpp>

#include "binary_reference.hpp"
#include "laws.hpp"

namespace losses_test::bce_with_logits {

using laws::triple;

namespace {

constexpr auto formula = [](const auto& rule, Jet x, Jet y) {
  return reference::bce_with_logits(x, y, rule.pos_weight[0]);
};

constexpr auto scale = [](const auto& rule, Real x, Real y) {
  const Real p = 1 / (1 + std::exp(-x)), rest = 1 / (1 + std::exp(x));
  // A target below the normal numbers has few digits, and its product with a weight fewer.
  using limits = std::numeric_limits<typename std::decay_t<decltype(rule)>::Scalar>;
  return laws::Scale{.value = std::fabs(x) * static_cast<Real>(limits::min()),
                     .slope = std::max((1 - y) * p, static_cast<Real>(rule.pos_weight[0]) * y * rest)};
};

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("BCEWithLogits: the laws", "[laws]") {
  laws::check(laws::element("BCEWithLogits", losses::BCEWithLogits<float>(), losses::BCEWithLogits<double>(), formula,
                            unit_target, scale));
}

TEST_CASE("BCEWithLogits: the laws with a positive weight", "[laws]") {
  laws::check(laws::element("BCEWithLogits, weight 2.5", losses::BCEWithLogits<float>({.pos_weight = 2.5f}),
                            losses::BCEWithLogits<double>({.pos_weight = 2.5}), formula, unit_target, scale));
}

TEST_CASE("BCEWithLogits: at x = 0 the value is log 2 and the slope 1/2, or −1/2 times the weight") {
  for (const double weight : {1.0, 3.0}) {
    const losses::BCEWithLogits<double> bce({.pos_weight = weight});
    for (const double zero : {0.0, -0.0}) {
      CHECK(triple(bce, zero, 0).value == Catch::Approx(std::log(2.0)).epsilon(1e-15));
      CHECK(triple(bce, zero, 0).slope == 0.5);
      CHECK(triple(bce, zero, 0).curvature == 0.25);
      CHECK(triple(bce, zero, 1).value == Catch::Approx(weight * std::log(2.0)).epsilon(1e-15));
      CHECK(triple(bce, zero, 1).slope == -0.5 * weight);
      CHECK(triple(bce, zero, 1).curvature == 0.25 * weight);
    }
  }
  CHECK(triple(losses::BCEWithLogits<double>(), 0, 0.5).slope == 0);
}

TEST_CASE("BCEWithLogits: the limits at infinity and at 1e4") {
  const losses::BCEWithLogits<double> bce({.pos_weight = 3});
  const losses::BCEWithLogits<float> in_float({.pos_weight = 3});
  struct Fact {
    double x, y, value, slope;
  };
  for (const Fact& fact : {Fact{infinity, 1, 0, 0},
                           {infinity, 0, infinity, 1},
                           {infinity, 0.25, infinity, 0.75},
                           {-infinity, 0, 0, 0},
                           {-infinity, 1, infinity, -3},
                           {-infinity, 0.25, infinity, -0.75},
                           {1e4, 1, 0, 0},
                           {1e4, 0, 1e4, 1},
                           {1e4, 0.25, 7500, 0.75},
                           {-1e4, 0, 0, 0},
                           {-1e4, 1, 3e4, -3},
                           {-1e4, 0.25, 7500, -0.75}}) {
    INFO("x = " << fact.x << ", y = " << fact.y);
    const auto both = {triple(bce, fact.x, fact.y),
                       triple(in_float, static_cast<float>(fact.x), static_cast<float>(fact.y))};
    for (const auto& got : both) {
      CHECK(got.value == fact.value);
      CHECK(got.slope == fact.slope);
      CHECK(got.curvature == 0);
    }
  }
}

TEST_CASE("BCEWithLogits: with a weight at x = −120 it stays finite") {
  const losses::BCEWithLogits<float> bce({.pos_weight = 5});
  CHECK(triple(bce, -120, 1).value == 600);
  CHECK(triple(bce, -120, 1).slope == -5);
  CHECK(triple(bce, 120, 0).value == 120);
  CHECK(triple(losses::BCEWithLogits<float>({.pos_weight = 0}), -std::numeric_limits<float>::infinity(), 1).value == 0);
}

TEST_CASE("BCEWithLogits: losses below 1e-6 are right to 1e-6 of themselves, and never negative") {
  const losses::BCEWithLogits<float> bce;
  for (float x = 14; x < 87; x += 0.37f) {
    const double want = std::log1p(std::exp(-static_cast<double>(x)));
    CHECK(triple(bce, x, 1).value == Catch::Approx(want).epsilon(1e-6));
    CHECK(triple(bce, -x, 0).value == Catch::Approx(want).epsilon(1e-6));
    CHECK(triple(bce, x, 1).slope == Catch::Approx(-want).epsilon(1e-6));
  }
  for (const float x : {88.f, 95.f, 103.f, 104.f, 200.f, std::numeric_limits<float>::max()}) {
    CHECK(triple(bce, x, 1).value >= 0);
    CHECK(triple(bce, x, 1).value <= 1e-38);
  }
}

TEST_CASE("BCEWithLogits: (x, y) and (−x, 1 − y) have the same value and opposite slopes") {
  const auto in = draw<float>(unit_target, 500, 1, 8);
  const losses::BCEWithLogits<float> bce(losses::Reduction::sum);
  const Columns<float> y = (in.y * 64).round() / 64;  // 1 − y is exact
  CHECK(same_bits(bce.unreduced(in.p, y), bce.unreduced(-in.p, 1 - y)));
  CHECK(same_bits(bce.gradient(in.p, y), -bce.gradient(-in.p, 1 - y)));
}

TEST_CASE("BCEWithLogits: value and gradient are PyTorch's") {
  Eigen::MatrixXd x(3, 2), y(3, 2), g, want(3, 2);
  x << 0.5, -1.25, 3, 0, -2, 40;
  y << 1, 0, 0.25, 1, 1, 0;
  // torch.nn.functional.binary_cross_entropy_with_logits(x, y)
  CHECK(losses::BCEWithLogits<double>().value_and_gradient(x, y, g) ==
        Catch::Approx(7.6407781014503575).epsilon(1e-15));
  want << -0.0629234447996909, 0.03711668980421814, 0.1170956878037389, -0.08333333333333333, -0.14679951299631375,
      0.16666666666666666;
  CHECK((g - want).norm() < 1e-15);
  // binary_cross_entropy_with_logits(x, y, pos_weight=torch.tensor([3., 0.5]))
  const losses::BCEWithLogits<double> weighted({.pos_weight = {3, 0.5}});
  CHECK(weighted.value_and_gradient(x, y, g) == Catch::Approx(8.454066447442534).epsilon(1e-15));
  want << -0.18877033439907268, 0.03711668980421814, 0.11314353170560836, -0.041666666666666664, -0.44039853898894127,
      0.16666666666666666;
  CHECK((g - want).norm() < 1e-15);
  // binary_cross_entropy_with_logits(x, y, pos_weight=torch.tensor(3.), reduction="sum")
  const losses::BCEWithLogits<double> sum({.pos_weight = 3}, losses::Reduction::sum);
  CHECK(sum.value_and_gradient(x, y, g) == Catch::Approx(52.45726663605506).epsilon(1e-15));
  want << -1.132622006394436, 0.22270013882530884, 0.6788611902336501, -1.5, -2.6423912339336475, 1;
  CHECK((g - want).norm() < 1e-14);
}

namespace {

/// Every verb with a weight per label, in every pair of storages, against the reference.
template <class T>
void weights_per_label(Index n, Index c) {
  INFO("[" << n << " x " << c << "], " << laws::type_name<T>);
  const auto in = draw<T>(unit_target, n, c, static_cast<std::uint64_t>(90 + n));
  Eigen::Matrix<T, Eigen::Dynamic, 1> pos_weight(c);
  for (Index j = 0; j < c; ++j) pos_weight[j] = static_cast<T>(0.25 * static_cast<double>(j % 7));
  const losses::BCEWithLogits<T> mean({.pos_weight = pos_weight});
  const losses::BCEWithLogits<T> sum({.pos_weight = pos_weight}, losses::Reduction::sum);
  Columns<T> terms(n, c), slopes(n, c), sizes(n, c), curvatures(n, c);
  Real total = 0;
  for (Index j = 0; j < c; ++j) {
    for (Index i = 0; i < n; ++i) {
      const Jet term = reference::bce_with_logits(Jet::variable(in.p(i, j)), in.y(i, j), pos_weight[j]);
      terms(i, j) = static_cast<T>(term.f);
      slopes(i, j) = static_cast<T>(term.d);
      const Real x = in.p(i, j), y = in.y(i, j);
      sizes(i, j) = static_cast<T>(std::max((1 - y) / (1 + std::exp(-x)), pos_weight[j] * y / (1 + std::exp(x))));
      curvatures(i, j) = static_cast<T>(term.dd);
      total += term.f;
    }
  }
  const T eps = std::numeric_limits<T>::epsilon();
  const auto near = [&](const Columns<T>& got, const Columns<T>& want, const Columns<T>& size) {
    return ((got - want).abs() <= 8 * eps * size + 4 * std::numeric_limits<T>::denorm_min()).all();
  };
  const T value = mean.forward(in.p, in.y);
  CHECK(std::fabs(static_cast<Real>(value) * static_cast<Real>(n * c) - total) <= laws::value_bound<T> * total);
  CHECK(near(sum.unreduced(in.p, in.y), terms, terms));
  CHECK(near(sum.gradient(in.p, in.y), slopes, sizes));
  CHECK(near(sum.curvature(in.p, in.y), curvatures, curvatures));
  CHECK(mean.value(mean.partial(in.p, in.y)) == value);
  const Columns<T> want = mean.gradient(in.p, in.y);
  const auto all = laws::layouts(n, c);
  for (const auto& lp : all) {
    for (const auto& ly : all) {
      INFO("prediction " << lp.name << ", target " << ly.name);
      const laws::Placed<T> p(in.p, lp), y(in.y, ly);
      laws::Placed<T> g(Columns<T>::Constant(n, c, laws::nan<T>), ly);
      const T got = mean.value_and_gradient(p.read(), y.read(), g.view);
      CHECK(got == Catch::Approx(value).epsilon(static_cast<double>(4 * eps)));
      CHECK(mean.forward(p.read(), y.read()) == got);
      CHECK(same_bits(g.view, want));
    }
  }
}

}  // namespace

TEST_CASE("BCEWithLogits: a weight per label belongs to its column in every storage") {
  for (const auto& [n, c] : {std::pair<Index, Index>{1, 5}, {7, 1}, {33, 3}, {5, 70}, {300, 9}, {130, 100}}) {
    weights_per_label<float>(n, c);
    weights_per_label<double>(n, c);
  }
}

TEST_CASE("BCEWithLogits: weights that are wrong or of the wrong number are refused") {
  Eigen::MatrixXf x = Eigen::MatrixXf::Zero(5, 3), y = Eigen::MatrixXf::Zero(5, 3);
  Eigen::MatrixXf g = Eigen::MatrixXf::Constant(5, 3, 7);
  for (const Index size : {1, 2, 4, 5}) {
    const losses::BCEWithLogits<float> bce({.pos_weight = Eigen::VectorXf::Ones(size)});
    const std::string words =
        "BCEWithLogits: pos_weight has " + std::to_string(size) + " values, but prediction is [5 x 3]";
    laws::refuses(words, g, [&] { (void)bce.value_and_gradient(x, y, g); });
    laws::refuses("with 3 columns", g, [&] { (void)bce.forward(x, y); });
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {-1.f, nan, std::numeric_limits<float>::infinity()}) {
    laws::refuses_option("BCEWithLogits: pos_weight is ", [&] { losses::BCEWithLogits<float>({.pos_weight = bad}); });
    laws::refuses_option("BCEWithLogits: pos_weight[1] is ",
                         [&] { losses::BCEWithLogits<float>({.pos_weight = {1.f, bad}}); });
  }
  laws::refuses_option("BCEWithLogits: pos_weight is empty",
                       [] { losses::BCEWithLogits<float>({.pos_weight = Eigen::VectorXf()}); });
}

TEST_CASE("BCEWithLogits: targets outside [0, 1] are refused") {
  const losses::BCEWithLogits<float> bce;
  Eigen::VectorXf x = Eigen::VectorXf::Zero(40), y = x, g = x;
  for (const float bad : {-1.f, 2.f, 1.0000001f, -1e-30f}) {
    y[17] = bad;
    laws::refuses("BCEWithLogits: target[17] is ", g, [&] { (void)bce.value_and_gradient(x, y, g); });
    laws::refuses("but must be in [0, 1]", g, [&] { (void)bce.gradient(x, y); });
  }
}

}  // namespace losses_test::bce_with_logits
