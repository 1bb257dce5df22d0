// SPDX-License-Identifier: MIT

#include <losses/metric/triplet.hpp>

#include <losses/tensor.hpp>

#include "laws_of_pairs.hpp"

using namespace losses_test;

namespace {

/// The p-norm of x − y, by its definition; 0 for equal rows, whose distance has no slope.
Jet norm_of_difference(const std::vector<Jet>& x, const std::vector<Jet>& y, Real p, bool squared) {
  Jet sum = 0, largest = 0;
  bool equal = true;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const Jet r = abs(x[k] - y[k]);
    equal = equal && r.f == 0;
    largest = max(largest, r);
    sum += p == 2 ? r * r : r.f == 0 ? Jet(0) : pow(r, Jet(p));
  }
  if (squared) return sum;
  if (equal) return Jet(0);
  if (std::isinf(p)) return largest;
  return p == 2 ? sqrt(sum) : pow(sum, Jet(1 / p));
}

struct TripletReference {
  template <class Rule>
  std::array<Jet, 2> distances(const Rule& rule, const laws::JetRows& rows) const {
    const auto distance = [&](std::size_t i, std::size_t j) {
      return norm_of_difference(rows[i], rows[j], static_cast<Real>(rule.p), rule.squared);
    };
    const Jet negative = distance(0, 2);
    return {distance(0, 1), rule.swap ? min(negative, distance(1, 2)) : negative};
  }
  template <class Rule>
  Jet operator()(const Rule& rule, const laws::JetRows& rows, int) const {
    const auto [positive, negative] = distances(rule, rows);
    return max(positive - negative + static_cast<Real>(rule.margin), Jet(0));
  }
  template <class Rule>
  laws::Scale scale(const Rule& rule, const laws::JetRows& rows, int) const {
    const auto [positive, negative] = distances(rule, rows);
    return {.value = positive.f + negative.f + static_cast<Real>(rule.margin)};
  }
};

template <class T>
using Options = losses::rule::Triplet<T>;

void check_triplet(const char* name, const Options<float>& in_float, const Options<double>& in_double) {
  laws::check(
      laws::pairs<3>(name, losses::Triplet<float>(in_float), losses::Triplet<double>(in_double), TripletReference()));
}

constexpr double inf = std::numeric_limits<double>::infinity();

using Row = Eigen::RowVectorXd;

}  // namespace

TEST_CASE("Triplet: the laws", "[laws]") {
  check_triplet("Triplet", {}, {});
}

TEST_CASE("Triplet: the laws, swapped and with a margin of 0.25", "[laws]") {
  check_triplet("Triplet, swap", {.margin = 0.25f, .swap = true}, {.margin = 0.25, .swap = true});
}

TEST_CASE("Triplet: the laws, of squared distances", "[laws]") {
  check_triplet("Triplet, squared", {.squared = true}, {.squared = true});
}

TEST_CASE("Triplet: the laws, of the 1-norm", "[laws]") {
  check_triplet("Triplet, p = 1", {.p = 1}, {.p = 1});
}

TEST_CASE("Triplet: the laws, of the 3-norm, swapped", "[laws]") {
  check_triplet("Triplet, p = 3", {.p = 3, .swap = true}, {.p = 3, .swap = true});
}

TEST_CASE("Triplet: the laws, of the largest difference", "[laws]") {
  check_triplet("Triplet, p = inf", {.p = std::numeric_limits<float>::infinity()}, {.p = inf});
}

TEST_CASE("Triplet: values and all three gradients are PyTorch's, with its eps = 0") {
  Eigen::MatrixXd a(4, 3), p(4, 3), n(4, 3);
  a << 0.5, -1.25, 2, 1, 0.25, -0.5, 0, 1, 3, 2, 2, -1;
  p << 0.75, -1, 1.5, 1, 0.25, -0.5, 1, -1, 2, 0, 1, 1;
  n << 1.5, 0.5, 1, 0.5, 0.75, 0.25, 4, 4, -2, 1, 1, 0.5;
  Rows<double> ga, gp, gn;
  const auto check = [&](const losses::Triplet<double>& loss, double value, const std::array<double, 36>& gradients) {
    CHECK(loss.value_and_gradient(a, p, n, ga, gp, gn) == Catch::Approx(value).epsilon(1e-14));
    using Expected = Eigen::Map<const Rows<double>>;
    CHECK((ga - Expected(gradients.data(), 4, 3)).abs().maxCoeff() < 1e-15);
    CHECK((gp - Expected(gradients.data() + 12, 4, 3)).abs().maxCoeff() < 1e-15);
    CHECK((gn - Expected(gradients.data() + 24, 4, 3)).abs().maxCoeff() < 1e-15);
  };
  // torch.nn.functional.triplet_margin_loss(a, p, n, eps=0)
  check(losses::Triplet<double>(), 0.48461179679779243,
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0.04539885414850017,  -0.037934479184833156, 0.01523505211058307,
         0, 0, 0, 0, 0, 0, 0, 0, 0, -0.16666666666666666, -0.08333333333333333,  0.16666666666666666,
         0, 0, 0, 0, 0, 0, 0, 0, 0, 0.12126781251816648,  0.12126781251816648,   -0.18190171877724973});
  // … margin=0.5, swap=True
  check(losses::Triplet<double>({.margin = 0.5, .swap = true}), 0.59549150281252627,
        {0,
         0,
         0,
         0,
         0,
         0,
         0,
         0,
         0,
         0.16666666666666666,
         0.08333333333333333,
         -0.16666666666666666,
         0,
         0,
         0,
         0,
         0,
         0,
         0,
         0,
         0,
         0.056940131083312306,
         -0.08333333333333333,
         0.054863267791677175,
         0,
         0,
         0,
         0,
         0,
         0,
         0,
         0,
         0,
         -0.22360679774997896,
         0,
         0.11180339887498948});
  // … p=1.
  check(losses::Triplet<double>({.p = 1}), 0.625,
        {0, 0, 0, 0,     0,     0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0,    0,
         0, 0, 0, -0.25, -0.25, 0.25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.25, 0.25, -0.25});
  // … p=3., margin=2.
  check(losses::Triplet<double>({.margin = 2, .p = 3}), 1.1343047818764518,
        {0.012215484014437943,
         0.1484979584989852,
         0.14936711773795333,
         -0.08147437349736567,
         0.08147437349736567,
         0.18331734036907274,
         0,
         0,
         0,
         0.06977748477664816,
         -0.04366140892886223,
         0.03206548209505897,
         0.05386086725079709,
         0.05386086725079709,
         -0.21544346900318836,
         0,
         0,
         0,
         0,
         0,
         0,
         -0.15125185827401386,
         -0.037812964568503464,
         0.15125185827401386,
         -0.06607635126523503,
         -0.20235882574978228,
         0.06607635126523503,
         0.08147437349736567,
         -0.08147437349736567,
         -0.18331734036907274,
         0,
         0,
         0,
         0.08147437349736569,
         0.08147437349736569,
         -0.18331734036907282});
  // … p=float("inf"), swap=True
  check(losses::Triplet<double>({.p = inf, .swap = true}), 0.5625,
        {0, 0, 0.25, 0,     0, 0.125, 0, 0,     0, 0.125, 0, -0.125, 0, 0.25, -0.25, 0,     0, 0.125,
         0, 0, 0,    0.125, 0, 0.125, 0, -0.25, 0, 0,     0, -0.25,  0, 0,    0,     -0.25, 0, 0});
}

TEST_CASE("Triplet: where the margin is met exactly, the slopes are PyTorch's 1 and -1") {
  Row ga, gp, gn;
  const losses::Triplet<double> loss;
  CHECK(loss.value_and_gradient(Row::Zero(2), Row{{3, 4}}, Row{{0, 6}}, ga, gp, gn) == 0);
  CHECK((ga - Row{{-0.6, 0.2}}).norm() < 1e-15);
  CHECK((gp - Row{{0.6, 0.8}}).norm() < 1e-15);
  CHECK(gn == Row{{0, -1}});
  CHECK(loss.value_and_gradient(Row::Zero(2), Row{{3, 4}}, Row{{0, 6.0000001}}, ga, gp, gn) == 0);
  CHECK((ga.isZero(0) && gp.isZero(0) && gn.isZero(0)));
}

TEST_CASE("Triplet: equal distances share the slope, as in PyTorch") {
  Row ga, gp, gn;
  // triplet_margin_loss([[0, 0]], [[5, 5]], [[5, 0]], eps=0, swap=True): ‖a − n‖ = ‖p − n‖
  CHECK(
      losses::Triplet<double>({.swap = true}).value_and_gradient(Row::Zero(2), Row{{5, 5}}, Row{{5, 0}}, ga, gp, gn) ==
      Catch::Approx(3.0710678118654755).epsilon(1e-15));
  CHECK((ga - Row{{-0.20710678118654746, -0.7071067811865475}}).norm() < 1e-15);
  CHECK((gp - Row{{0.7071067811865475, 0.20710678118654746}}).norm() < 1e-15);
  CHECK(gn == Row{{-0.5, 0.5}});
  // triplet_margin_loss([[0, 0, 1]], [[2, -2, 0]], [[1, 0, 1]], eps=0, p=float("inf")): two largest differences
  CHECK(losses::Triplet<double>({.p = inf})
            .value_and_gradient(Row{{0, 0, 1}}, Row{{2, -2, 0}}, Row{{1, 0, 1}}, ga, gp, gn) == 2);
  CHECK(ga == Row{{0.5, 0.5, 0}});
  CHECK(gp == Row{{0.5, -0.5, 0}});
  CHECK(gn == Row{{-1, 0, 0}});
}

TEST_CASE("Triplet: identical rows have finite gradients, 0") {
  const Row x{{0.1, -3, 1e-200, 7, 1e100}};
  for (const double p : {1.0, 1.5, 2.0, 4.0, inf}) {
    for (const bool swap : {false, true}) {
      INFO("p = " << p << (swap ? ", swap" : ""));
      Row ga, gp, gn;
      const losses::Triplet<double> loss({.p = p, .swap = swap});
      CHECK(loss.value_and_gradient(x, x, x, ga, gp, gn) == 1);
      CHECK((ga.isZero(0) && gp.isZero(0) && gn.isZero(0)));
      const Row far = x + Row::Constant(5, 0.25);
      CHECK(loss.value_and_gradient(x, far, far, ga, gp, gn) ==
            Catch::Approx(swap ? 1 + loss.forward(x, far, x) - 1 : 1));
      CHECK((ga.allFinite() && gp.allFinite() && gn.allFinite()));
    }
  }
}

TEST_CASE("Triplet: distances near the ends of the type's range neither overflow nor vanish") {
  const auto check = [](auto scale) {
    using T = decltype(scale);
    using R = Eigen::Matrix<T, 1, Eigen::Dynamic>;
    // ‖a − p‖ = 5 and ‖a − n‖ = 13, of p = 2, in any unit; 17 entries so that lanes run along the row too.
    for (const Index d : {2, 17}) {
      R a = R::Zero(d), p = a, n = a, ga, gp, gn;
      p(0) = 3 * scale;
      p(d - 1) = -4 * scale;
      n(0) = 5 * scale;
      n(d - 1) = 12 * scale;
      for (const T norm : {T(1), T(2), T(3), std::numeric_limits<T>::infinity()}) {
        INFO("scale " << scale << ", p = " << norm << ", d = " << d);
        const losses::Triplet<T> loss({.margin = 0, .p = norm}, losses::Reduction::sum);
        const Real positive = norm == 1 ? 7 : norm == 2 ? 5 : norm == 3 ? std::cbrt(91.0L) : 4;
        const Real negative = norm == 1 ? 17 : norm == 2 ? 13 : norm == 3 ? std::cbrt(1853.0L) : 12;
        const Real unit = static_cast<Real>(scale);
        CHECK(loss.forward(a, p, n) == 0);
        const Real value = static_cast<Real>(loss.value_and_gradient(a, n, p, ga, gn, gp)) / unit;
        CHECK(std::fabs(value - (negative - positive)) <= 1e-6L * negative);
        CHECK((ga.allFinite() && gn.allFinite() && gp.allFinite()));
        const Real slope = norm == 1 ? 1 : norm == 2 ? 5 / 13.0L : norm == 3 ? std::pow(5 / negative, 2) : 0;
        CHECK(std::fabs(static_cast<Real>(gn(0)) - slope) <= 1e-6L);
        CHECK(std::fabs(static_cast<Real>(ga(0) + gn(0) + gp(0))) <= 1e-6L);
      }
    }
  };
  for (const float scale : {1e-38f, 1e-20f, 1e20f, 1e37f}) check(scale);
  for (const double scale : {1e-307, 1e-300, 1e-200, 1e160, 1e200, 1e306}) check(scale);
}

TEST_CASE("Triplet: a row at another scale does not change its neighbours") {
  Columns<double> a = Columns<double>::Random(20, 3), p = Columns<double>::Random(20, 3),
                  n = Columns<double>::Random(20, 3);
  const Columns<double> terms = losses::Triplet<double>().unreduced(a, p, n);
  p.row(7) = a.row(7) + 1e-250;
  n.row(8) *= 1e250;
  const Columns<double> mixed = losses::Triplet<double>().unreduced(a, p, n);
  for (const Index i : {0, 6, 9, 19}) CHECK(mixed(i) == terms(i));
}

TEST_CASE("Triplet: digits of a difference of distances are kept in float") {
  // d⁺ = 1e4 + 1/256 and d⁻ = 1e4: a float difference of the two would be a multiple of 1/1024, of their squares of 8.
  const Eigen::RowVector2f a(0, 0), p(10000.00390625f, 0), n(0, 10000);
  CHECK(losses::Triplet<float>({.margin = 0}).forward(a, p, n) == 0.00390625f);
}

TEST_CASE("Triplet: samples as columns, fixed sizes, expressions, tensors and blocks") {
  Random random(371);
  const auto matrix = [&](Index n, Index d) {
    return Columns<double>(Columns<double>::NullaryExpr(n, d, [&] { return random.normal(); }));
  };
  const losses::Triplet<double> loss({.swap = true});
  const Columns<double> a = matrix(5, 3), p = matrix(5, 3), n = matrix(5, 3);
  Columns<double> ga, gp, gn;
  const double value = loss.value_and_gradient(a, p, n, ga, gp, gn);
  const auto near = [](const auto& x, const auto& y) { return (Columns<double>(x) - y).abs().maxCoeff() < 1e-16; };
  {
    const Columns<double> at = a.transpose(), pt = p.transpose(), nt = n.transpose();
    Columns<double> g1(3, 5), g2(3, 5), g3(3, 5);
    CHECK(loss.value_and_gradient(at.transpose(), pt.transpose(), nt.transpose(), g1.transpose(), g2.transpose(),
                                  g3.transpose()) == Catch::Approx(value).epsilon(1e-15));
    CHECK((near(g1.transpose(), ga) && near(g2.transpose(), gp) && near(g3.transpose(), gn)));
  }
  {
    const Eigen::Matrix<double, 5, 3> fa = a.matrix(), fp = p.matrix();
    const Eigen::Matrix<double, 5, 3, Eigen::RowMajor> fn = n.matrix();
    const auto [g1, g2, g3] = loss.gradient(fa, fp, fn);
    CHECK((near(g1.array(), ga) && near(g2.array(), gp) && near(g3.array(), gn)));
  }
  {
    const auto [g1, g2, g3] = loss.gradient(2 * a - a, p + 0 * n, n.block(0, 0, 5, 3));
    CHECK((near(g1, ga) && near(g2, gp) && near(g3, gn)));
  }
  {
    using Tensor = Eigen::Tensor<double, 2, Eigen::RowMajor>;
    const auto tensor = [](const Columns<double>& from) {
      Tensor result(from.rows(), from.cols());
      for (Index i = 0; i < from.rows(); ++i) {
        for (Index k = 0; k < from.cols(); ++k) result(i, k) = from(i, k);
      }
      return result;
    };
    Tensor g1, g2, g3;
    CHECK(loss.value_and_gradient(tensor(a), tensor(p), tensor(n), g1, g2, g3) == Catch::Approx(value).epsilon(1e-15));
    CHECK(std::abs(g2(3, 1) - gp(3, 1)) < 1e-16);
    const auto terms = loss.unreduced(tensor(a), tensor(p), tensor(n));
    static_assert(decltype(terms)::NumDimensions == 1);
    CHECK(terms(4) == Catch::Approx(loss.unreduced(a, p, n)(4)).epsilon(1e-15));
  }
}

TEST_CASE("Triplet: the largest finite margin is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::Triplet<float>({.margin = most}));
}

TEST_CASE("Triplet: a bad margin or norm is refused") {
  using Triplet = losses::Triplet<double>;
  for (const double margin : {-1.0, inf, std::numeric_limits<double>::quiet_NaN()}) {
    laws::refuses_option("Triplet: margin is ", [&] { Triplet({.margin = margin}); });
  }
  for (const double p : {0.5, 0.0, -2.0, std::numeric_limits<double>::quiet_NaN()}) {
    laws::refuses_option("Triplet: p is ", [&] { Triplet({.p = p}); });
  }
  laws::refuses_option("Triplet: p is 1, but must be 2", [] { Triplet({.p = 1, .squared = true}); });
}
