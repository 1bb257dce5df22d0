// SPDX-License-Identifier: MIT

#include <losses/regression/barron.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

namespace {

template <class T>
T alpha_of(double alpha) {
  return static_cast<T>(alpha);
}

void laws_for(const std::string& name, double alpha) {
  laws::check(laws::element(
      name, losses::Barron<float>({.alpha = alpha_of<float>(alpha), .scale = 1.5f}),
      losses::Barron<double>({.alpha = alpha, .scale = 1.5}),
      [](const auto& rule, Jet p, Jet y) { return reference::barron(p, y, rule.alpha, rule.scale); }, real_line,
      // (1 + x²/b)^(α/2), and exp(−x²/2) where α is −∞
      [](const auto& rule, Real p, Real y) {
        const Real x = (p - y) / rule.scale;
        const Real a = rule.alpha;
        if (a == -reference::infinity) return laws::Scale{.condition = 1 + std::min(x * x, Real(1e4))};
        const Real b = std::fabs(a - 2);
        return laws::Scale{.condition = b == 0 ? 1 : 1 + std::fabs(a / 2 - 1) * std::log1p(x * x / b)};
      }));
}

}  // namespace

TEST_CASE("Barron: the laws at the default alpha", "[laws]") {
  laws_for("Barron(1)", 1);
}

TEST_CASE("Barron: the laws at a negative alpha", "[laws]") {
  laws_for("Barron(-2)", -2);
}

TEST_CASE("Barron: the special values of alpha are the kernels they name") {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto value = [](double alpha, double r) {
    return triple(losses::Barron<double>({.alpha = alpha, .scale = 2}), r, 0).value;
  };
  for (const double r : {0.0, 1e-5, 0.3, -1.7, 8.0}) {
    const double x = r / 2 * r / 2;
    CHECK(value(2, r) == Catch::Approx(x / 2).epsilon(1e-14));
    CHECK(value(1, r) == Catch::Approx(x / (std::sqrt(x + 1) + 1)).epsilon(1e-14));
    CHECK(value(0, r) == Catch::Approx(std::log1p(x / 2)).epsilon(1e-14));
    CHECK(value(-2, r) == Catch::Approx(2 * x / (x + 4)).epsilon(1e-14));
    CHECK(value(-infinity, r) == Catch::Approx(-std::expm1(-x / 2)).epsilon(1e-14));
  }
}

TEST_CASE("Barron: every alpha agrees with the paper, and none jumps beside a special one") {
  const auto in = draw<double>(real_line, 500, 1, 15);
  for (const double alpha : {2.0,    2 - 1e-12, 2 + 1e-12, 2 - 1e-6, 2.5,   1.0,  0.5,  1e-3,  1e-8, 1e-14,
                             1e-300, 0.0,       -1e-14,    -1e-8,    -1e-3, -0.5, -2.0, -10.0, -1e4, -1e8}) {
    const losses::Barron<double> loss({.alpha = alpha, .scale = 0.75}, losses::Reduction::sum);
    const Columns<double> values = loss.unreduced(in.p, in.y), slopes = loss.gradient(in.p, in.y);
    double worst = 0;
    for (Index i = 0; i < in.p.size(); ++i) {
      const Jet want = reference::barron(Jet::variable(in.p(i)), in.y(i), alpha, Real(0.75));
      if (!std::isfinite(want.f) || want.f > 1e300L) continue;
      const Real x = (in.p(i) - in.y(i)) / Real(0.75);
      const Real condition =
          alpha == 2 ? 1 : 1 + std::fabs(Real(alpha) / 2 - 1) * std::log1p(x * x / std::fabs(Real(alpha) - 2));
      if (want.f > 1e-280L) worst = std::max(worst, double(std::fabs(values(i) / want.f - 1) / condition / 1e-14L));
      if (std::fabs(want.d) > 1e-280L) {
        worst = std::max(worst, double(std::fabs(slopes(i) / want.d - 1) / condition / 1e-12L));
      }
    }
    INFO("alpha = " << alpha);
    CHECK(worst <= 1);
  }
}

TEST_CASE("Barron: the slope at zero is 0 and the curvature 1/scale², for every alpha") {
  for (const double alpha : {2.0, 1.5, 1.0, 0.0, -1.0, -2.0, -std::numeric_limits<double>::infinity()}) {
    const auto zero = triple(losses::Barron<double>({.alpha = alpha, .scale = 2}), 3, 3);
    INFO("alpha = " << alpha);
    CHECK((zero.value == 0 && zero.slope == 0 && zero.curvature == 0.25));
  }
}

TEST_CASE("Barron: away from zero slope and curvature are the derivatives of the kernel that alpha names") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Real c = 0.75L;
  for (const double r : {0.01, 0.3, -0.9, 2.5, -8.0}) {
    const Real u = static_cast<Real>(r) / c, v = u * u;
    const auto check = [&](double alpha, Real slope, Real curvature) {
      CAPTURE(alpha, r);
      const auto is = triple(losses::Barron<double>({.alpha = alpha, .scale = 0.75}), 1 + r, 1);
      CHECK(is.slope == Catch::Approx(static_cast<double>(slope / c)).epsilon(1e-12).margin(1e-15));
      CHECK(is.curvature == Catch::Approx(static_cast<double>(curvature / (c * c))).epsilon(1e-12).margin(1e-15));
    };
    check(4, u * (v / 2 + 1), v * 3 / 2 + 1);                                           // v²/8 + v/2
    check(2, u, 1);                                                                     // v/2
    check(1, u / std::sqrt(1 + v), std::pow(1 + v, -1.5L));                             // √(1 + v) − 1
    check(0, u / (1 + v / 2), (1 - v / 2) / ((1 + v / 2) * (1 + v / 2)));               // log(1 + v/2)
    check(-2, 16 * u / ((v + 4) * (v + 4)), 16 * (4 - 3 * v) / std::pow(v + 4, 3.0L));  // 2v/(v + 4)
    check(-infinity, u * std::exp(-v / 2), (1 - v) * std::exp(-v / 2));                 // 1 − exp(−v/2)
  }
}

TEST_CASE("Barron: the default alpha and the default scale are 1") {
  const losses::Barron<> loss;
  CHECK((loss.rule().alpha == 1 && loss.rule().scale == 1));
}

TEST_CASE("Barron: bad options are refused") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float scale : {0.f, -1.f, nan}) {
    laws::refuses_option("Barron: scale is ", [&] { losses::Barron<float>({.scale = scale}); });
  }
  laws::refuses_option("Barron: alpha is nan", [&] { losses::Barron<float>({.alpha = nan}); });
}
