// SPDX-License-Identifier: MIT

#include <losses/classification/bce_with_logits.hpp>
#include <losses/classification/focal_with_logits.hpp>

#include "binary_reference.hpp"
#include "laws.hpp"

namespace losses_test::focal_with_logits {

using laws::triple;

namespace {

constexpr auto formula = [](const auto& rule, Jet x, Jet y) {
  return reference::focal_with_logits(x, y, rule.alpha, rule.alpha_negative, rule.gamma);
};

constexpr auto scale = [](const auto& rule, Real x, Real y) {
  const Real p = 1 / (1 + std::exp(-x)), rest = 1 / (1 + std::exp(x)), gamma = static_cast<Real>(rule.gamma);
  const Real q = p * (1 - y) + rest * y, alpha_t = rule.alpha * y + rule.alpha_negative * (1 - y);
  const Real c = reference::bce_with_logits(x, y, 1).f, missing = q > 0 ? p * rest / q : Real(1);
  const Real inner = gamma * missing * c + std::max((1 - y) * p, y * rest);
  const bool integer = rule.gamma == std::trunc(rule.gamma);
  // Below the normal numbers it is 0.
  using T = typename std::decay_t<decltype(rule)>::Scalar;
  const Real floor = (2 + gamma) * static_cast<Real>(std::numeric_limits<T>::min()) / laws::value_bound<T>;
  return laws::Scale{.value = floor,
                     .slope = alpha_t * std::pow(q, gamma) * inner + floor,
                     .condition = integer || q == 0 ? Real(1) : 1 + std::fabs(gamma * std::log(q))};
};

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("FocalWithLogits: the laws", "[laws]") {
  laws::check(laws::element("FocalWithLogits", losses::FocalWithLogits<float>(), losses::FocalWithLogits<double>(),
                            formula, unit_target, scale));
}

TEST_CASE("FocalWithLogits: the laws where gamma is below 1", "[laws]") {
  laws::check(laws::element("FocalWithLogits, 0.5",
                            losses::FocalWithLogits<float>({.alpha = 0.75f, .alpha_negative = 0.5f, .gamma = 0.5f}),
                            losses::FocalWithLogits<double>({.alpha = 0.75, .alpha_negative = 0.5, .gamma = 0.5}),
                            formula, unit_target, scale));
}

namespace {

template <class T>
void every_gamma() {
  std::vector<T> logits = adversarial_values<T>();
  for (const T gamma : {T(0), T(0.25), T(0.5), T(1), T(1.5), T(2), T(2.5), T(3), T(4), T(5), T(7.25), T(8)}) {
    const losses::FocalWithLogits<T> focal({.alpha = T(0.75), .gamma = gamma});
    for (const T x : logits) {
      for (const T y : {T(0), T(1), T(0.5), T(1e-5), T(0.9375)}) {
        INFO(laws::type_name<T> << ", gamma " << gamma << ", x = " << x << ", y = " << y);
        const Jet want = formula(focal.rule(), Jet::variable(x), y);
        const auto s = scale(focal.rule(), x, y);
        const auto got = triple(focal, x, y);
        CHECK(std::fabs(got.value - want.f) <= laws::value_bound<T> * s.condition * std::max(want.f, s.value));
        CHECK(std::fabs(got.slope - want.d) <= laws::slope_bound<T> * s.condition * s.slope);
        CHECK(std::isfinite(got.curvature));
      }
    }
    const double side = std::numeric_limits<double>::infinity();
    const auto right = triple(focal, static_cast<T>(side), 1), wrong = triple(focal, static_cast<T>(side), 0);
    CHECK((right.value == 0 && right.slope == 0));
    CHECK((wrong.value == infinity && wrong.slope == 0.25));
    const auto left = triple(focal, static_cast<T>(-side), 0), lost = triple(focal, static_cast<T>(-side), 1);
    CHECK((left.value == 0 && left.slope == 0));
    CHECK((lost.value == infinity && lost.slope == -0.75));
  }
}

}  // namespace

TEST_CASE("FocalWithLogits: finite and right for every logit and every gamma") {
  every_gamma<float>();
  every_gamma<double>();
}

TEST_CASE("FocalWithLogits: at x = 0") {
  const losses::FocalWithLogits<double> focal;  // 0.25, 0.75, 2
  const double ln2 = std::log(2.0);
  CHECK(triple(focal, 0, 1).value == Catch::Approx(0.25 * 0.25 * ln2).epsilon(1e-15));
  CHECK(triple(focal, 0, 0).value == Catch::Approx(0.75 * 0.25 * ln2).epsilon(1e-15));
  CHECK(triple(focal, 0, 1).slope == Catch::Approx(-0.25 * 0.25 * (2 * ln2 + 1) / 2).epsilon(1e-15));
  CHECK(triple(focal, -0.0, 0).slope == Catch::Approx(0.75 * 0.25 * (2 * ln2 + 1) / 2).epsilon(1e-15));
  CHECK(triple(focal, 0, 0.5).slope == 0);
}

TEST_CASE("FocalWithLogits: alpha_negative is 1 − alpha unless it is given") {
  CHECK(losses::FocalWithLogits<double>().rule().alpha_negative == 0.75);
  CHECK(losses::FocalWithLogits<double>({.alpha = 0.125}).rule().alpha_negative == 0.875);
  CHECK(losses::FocalWithLogits<double>({.alpha = 0.5, .alpha_negative = 0.5}).rule().alpha_negative == 0.5);
  CHECK(losses::FocalWithLogits<double>().rule().gamma == 2);
  // An alpha of 1 leaves the negatives out, also where their loss is infinite.
  const losses::FocalWithLogits<double> positives({.alpha = 1});
  CHECK((triple(positives, infinity, 0).value == 0 && triple(positives, infinity, 0).slope == 0));
}

TEST_CASE("FocalWithLogits: with gamma 0 and uniform alpha it is BCEWithLogits") {
  const auto in = draw<float>(unit_target, 400, 3, 8);
  const losses::FocalWithLogits<float> focal({.alpha = 1, .alpha_negative = 1, .gamma = 0});
  const losses::BCEWithLogits<float> bce;
  const auto close = [](const Columns<float>& a, const Columns<float>& b) {
    return ((a - b).abs() <= 1e-6f * b.abs() + 2e-38f).all();
  };
  CHECK(close(focal.unreduced(in.p, in.y), bce.unreduced(in.p, in.y)));
  CHECK(close(focal.gradient(in.p, in.y), bce.gradient(in.p, in.y)));
  CHECK(close(focal.curvature(in.p, in.y), bce.curvature(in.p, in.y)));
}

TEST_CASE("FocalWithLogits: (x, y, α) and (−x, 1 − y, 1 − α) have the same value and opposite slopes") {
  const auto in = draw<float>(unit_target, 500, 1, 9);
  const Columns<float> y = (in.y * 64).round() / 64;
  const losses::FocalWithLogits<float> one({.alpha = 0.25f}), other({.alpha = 0.75f});
  const Columns<float> here = one.unreduced(in.p, y), there = other.unreduced(-in.p, 1 - y);
  CHECK(((here - there).abs() <= 3e-7f * here.abs()).all());
  const Columns<float> slope = one.gradient(in.p, y), turned = other.gradient(-in.p, 1 - y);
  CHECK(((slope + turned).abs() <= 3e-7f * slope.abs() + 1e-9f).all());
}

TEST_CASE("FocalWithLogits: value and gradient are torchvision's") {
  const Eigen::VectorXd x = (Eigen::VectorXd(6) << 0.5, -1.25, 3, 0, -2, 6).finished();
  const Eigen::VectorXd y = (Eigen::VectorXd(6) << 1, 0, 0.25, 1, 1, 0).finished();
  Eigen::VectorXd g, want(6);
  // torchvision.ops.sigmoid_focal_loss(x, y, reduction="mean")
  CHECK(losses::FocalWithLogits<double>().value_and_gradient(x, y, g) ==
        Catch::Approx(0.9532553853631495).epsilon(1e-14));
  want << -0.005747374889621433, 0.003808606966547803, 0.04646065895321517, -0.012428616464166096, -0.04486307210202008,
      0.12776719574158824;
  CHECK((g - want).norm() < 1e-15);
  // sigmoid_focal_loss(x, y, alpha=-1, gamma=1.5, reduction="sum"): no alpha
  const losses::FocalWithLogits<double> plain({.alpha = 1, .alpha_negative = 1, .gamma = 1.5}, losses::Reduction::sum);
  CHECK(plain.value_and_gradient(x, y, g) == Catch::Approx(9.54266913470205).epsilon(1e-14));
  want << -0.19026345804267325, 0.054274760041781805, 0.5012380227896114, -0.36057509719698955, -1.0424703514867157,
      1.0160101712702243;
  CHECK((g - want).norm() < 1e-14);
  // sigmoid_focal_loss(x, y, alpha=0.6, gamma=5, reduction="sum")
  const losses::FocalWithLogits<double> steep({.alpha = 0.6, .gamma = 5}, losses::Reduction::sum);
  CHECK(steep.value_and_gradient(x, y, g) == Catch::Approx(3.272243865410028).epsilon(1e-14));
  want << -0.008528005177715082, 0.0002633314328468484, 0.09639776175645703, -0.041866274088747435, -0.6833785377614938,
      0.42342081471824705;
  CHECK((g - want).norm() < 1e-14);
}

TEST_CASE("FocalWithLogits: the largest finite alpha, alpha_negative and gamma are allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::FocalWithLogits<float>({.alpha = most, .alpha_negative = most, .gamma = most}));
}

TEST_CASE("FocalWithLogits: bad options and targets are refused") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {-0.5f, nan, std::numeric_limits<float>::infinity()}) {
    using Loss = losses::FocalWithLogits<float>;
    laws::refuses_option("FocalWithLogits: alpha is ", [&] { Loss({.alpha = bad}); });
    laws::refuses_option("FocalWithLogits: alpha_negative is ", [&] { Loss({.alpha_negative = bad}); });
    laws::refuses_option("FocalWithLogits: gamma is ", [&] { Loss({.gamma = bad}); });
  }
  laws::refuses_option("FocalWithLogits: alpha is 1.5, but must be in [0, 1]",
                       [] { losses::FocalWithLogits<float>({.alpha = 1.5f}); });
  Eigen::VectorXf x = Eigen::VectorXf::Zero(5000), y = x, g = x;
  y[4711] = -1;
  laws::refuses("FocalWithLogits: target[4711] is -1, but must be in [0, 1]", g,
                [&] { (void)losses::FocalWithLogits<float>().value_and_gradient(x, y, g); });
}

}  // namespace losses_test::focal_with_logits
