// SPDX-License-Identifier: MIT

#include <losses/classification/bce.hpp>
#include <losses/classification/focal.hpp>

#include "binary_reference.hpp"
#include "laws.hpp"

namespace losses_test::focal {

using laws::triple;

namespace {

constexpr auto formula = [](const auto& rule, Jet p, Jet y) {
  return reference::focal(p, y, rule.alpha, rule.alpha_negative, rule.gamma, rule.epsilon);
};

constexpr auto scale = [](const auto& rule, Real p, Real y) {
  const reference::Clamped c(p, rule.epsilon);
  const Real gamma = static_cast<Real>(rule.gamma), q = c.yes.f * (1 - y) + c.no.f * y;
  const Real alpha_t = rule.alpha * y + rule.alpha_negative * (1 - y);
  const Real inner = gamma / q * reference::bce(p, y, rule.epsilon).f + std::max(y / c.yes.f, (1 - y) / c.no.f);
  const bool integer = rule.gamma == std::trunc(rule.gamma);
  return laws::Scale{.slope = alpha_t * std::pow(q, gamma) * inner,
                     .condition = integer ? Real(1) : 1 + std::fabs(gamma * std::log(q))};
};

}  // namespace

TEST_CASE("Focal: the laws", "[laws]") {
  laws::check(laws::element("Focal", losses::Focal<float>(), losses::Focal<double>(), formula, both_unit, scale));
}

TEST_CASE("Focal: the laws where gamma is below 1", "[laws]") {
  laws::check(laws::element("Focal, 0.5", losses::Focal<float>({.alpha = 0.75f, .alpha_negative = 0.5f, .gamma = 0.5f}),
                            losses::Focal<double>({.alpha = 0.75, .alpha_negative = 0.5, .gamma = 0.5}), formula,
                            both_unit, scale));
}

TEST_CASE("Focal: every gamma, at both ends and between") {
  for (const double gamma : {0.0, 0.25, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.25, 8.0}) {
    const losses::Focal<double> focal({.alpha = 0.75, .gamma = gamma});
    for (const double p : {0.0, 1e-300, 1e-9, 1e-7, 0.125, 0.5, 0.75, 1 - 1e-7, 1 - 1e-15, 1.0}) {
      for (const double y : {0.0, 1e-12, 0.25, 0.5, 1.0}) {
        INFO("gamma " << gamma << ", p = " << p << ", y = " << y);
        const Jet want = formula(focal.rule(), Jet::variable(p), y);
        const auto s = scale(focal.rule(), p, y);
        const auto got = triple(focal, p, y);
        CHECK(std::fabs(got.value - want.f) <= 1e-14L * s.condition * want.f);
        CHECK(std::fabs(got.slope - want.d) <= 1e-13L * s.condition * s.slope);
        CHECK(got.curvature == Catch::Approx(static_cast<double>(want.dd)).epsilon(1e-9).margin(1e-9));
      }
    }
  }
}

TEST_CASE("Focal: p = 1/2 and both ends") {
  const losses::Focal<double> focal({.epsilon = 0.125});  // 0.25, 0.75, 2
  CHECK(triple(focal, 0.5, 1).value == Catch::Approx(0.25 * 0.25 * std::log(2.0)).epsilon(1e-15));
  CHECK(triple(focal, 0.5, 0).value == Catch::Approx(0.75 * 0.25 * std::log(2.0)).epsilon(1e-15));
  // q = 7/8: q² C and its slope −(2 q C + q²/p)
  CHECK(triple(focal, 0, 1).value == Catch::Approx(0.25 * 49 / 64 * std::log(8.0)).epsilon(1e-15));
  CHECK(triple(focal, 0, 1).slope == Catch::Approx(-0.25 * (1.75 * std::log(8.0) + 49 / 8.0)).epsilon(1e-15));
  CHECK(triple(focal, 1, 0).slope == Catch::Approx(0.75 * (1.75 * std::log(8.0) + 49 / 8.0)).epsilon(1e-15));
  CHECK(triple(focal, 0, 0).value == Catch::Approx(0.75 / 64 * std::log(8 / 7.0)).epsilon(1e-15));
}

TEST_CASE("Focal: with gamma 0 and uniform alpha it is BCE") {
  const auto in = draw<double>(both_unit, 400, 3, 8);
  const losses::Focal<double> focal({.alpha = 1, .alpha_negative = 1, .gamma = 0});
  const losses::BCE<double> bce;
  const auto close = [](const Columns<double>& a, const Columns<double>& b) {
    return ((a - b).abs() <= 1e-14 * b.abs()).all();
  };
  CHECK(close(focal.unreduced(in.p, in.y), bce.unreduced(in.p, in.y)));
  CHECK(close(focal.gradient(in.p, in.y), bce.gradient(in.p, in.y)));
  CHECK(close(focal.curvature(in.p, in.y), bce.curvature(in.p, in.y)));
}

TEST_CASE("Focal: value and gradient are PyTorch's, through torchvision's formula") {
  const Eigen::Vector4d p(0.5, 0.125, 0.9375, 0.25), y(1, 0, 0.25, 1);
  Eigen::Vector4d g;
  // ce = binary_cross_entropy(p, y, reduction="none"); p_t = p*y + (1-p)*(1-y)
  // ((0.25*y + 0.75*(1-y)) * (1-p_t)**2 * ce).mean()
  CHECK(losses::Focal<double>().value_and_gradient(p, y, g) == Catch::Approx(0.22911134182721388).epsilon(1e-14));
  CHECK((g - Eigen::Vector4d(-0.07457169878499659, 0.009607498314988784, 1.1824458917082223, -0.27059009635498976))
            .norm() < 1e-14);
}

TEST_CASE("Focal: the default epsilon is 1e-7") {
  CHECK(losses::Focal<double>().rule().epsilon == 1e-7);
}

TEST_CASE("Focal: bad options, predictions and targets are refused") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {-0.5f, nan, std::numeric_limits<float>::infinity()}) {
    laws::refuses_option("Focal: alpha is ", [&] { losses::Focal<float>({.alpha = bad}); });
    laws::refuses_option("Focal: alpha_negative is ", [&] { losses::Focal<float>({.alpha_negative = bad}); });
    laws::refuses_option("Focal: gamma is ", [&] { losses::Focal<float>({.gamma = bad}); });
    laws::refuses_option("Focal: epsilon is ", [&] { losses::Focal<float>({.epsilon = bad}); });
  }
  laws::refuses_option("Focal: epsilon is ", [] { losses::Focal<float>({.epsilon = 0.5f}); });
  laws::refuses_option("Focal: epsilon is ", [] { losses::Focal<float>({.epsilon = 0}); });
  Eigen::VectorXf p = Eigen::VectorXf::Constant(9, 0.5f), y = p, g = p;
  p[8] = 1.5f;
  laws::refuses("Focal: prediction[8] is 1.5, but must be in [0, 1]", g,
                [&] { (void)losses::Focal<float>().value_and_gradient(p, y, g); });
  p[8] = 1;
  y[3] = -0.5f;
  laws::refuses("Focal: target[3] is -0.5, but must be in [0, 1]", g,
                [&] { (void)losses::Focal<float>().value_and_gradient(p, y, g); });
}

}  // namespace losses_test::focal
