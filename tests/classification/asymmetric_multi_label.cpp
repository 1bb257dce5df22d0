// SPDX-License-Identifier: MIT

#include <losses/classification/asymmetric_multi_label.hpp>
#include <losses/classification/bce_with_logits.hpp>

#include "binary_reference.hpp"
#include "laws.hpp"

namespace losses_test::asymmetric_multi_label {

using laws::triple;

namespace {

constexpr auto formula = [](const auto& rule, Jet x, Jet y) {
  return reference::asymmetric(x, y, rule.gamma_negative, rule.gamma_positive, rule.clip);
};

/// p − clip cancels, and its power does more: the condition number of the formula itself.
constexpr auto scale = [](const auto& rule, Real x, Real y) {
  const Real p = 1 / (1 + std::exp(-x)), q = 1 / (1 + std::exp(x)), gamma = static_cast<Real>(rule.gamma_negative);
  const Real positive = static_cast<Real>(rule.gamma_positive), clip = static_cast<Real>(rule.clip);
  const Real shifted = clip > 0 ? std::max(p - clip, Real(0)) : p, softplus = reference::bce_with_logits(x, 1, 1).f;
  const Real left = q + clip, log_left = clip > 0 ? -std::log(left) : x > 0 ? x + softplus : p;
  const Real yes = std::pow(q, positive) * (positive * p * softplus + q);
  const Real no = shifted > 0 ? p * q * std::pow(shifted, gamma) * (gamma / shifted * log_left + 1 / left) : Real(0);
  // Below the normal numbers it is 0, or has few digits.
  using T = typename std::decay_t<decltype(rule)>::Scalar;
  const Real floor = (2 + gamma + positive) * static_cast<Real>(std::numeric_limits<T>::min()) / laws::value_bound<T>;
  return laws::Scale{.value = floor,
                     .slope = y * yes + (clip > 0 ? Real(0) : (1 - y) * no) + floor,
                     .condition = clip > 0 && y < 1 && shifted > 0 ? 1 + gamma * clip / shifted : Real(1)};
};

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("AsymmetricMultiLabel: the laws", "[laws]") {
  laws::check(laws::element("AsymmetricMultiLabel", losses::AsymmetricMultiLabel<float>(),
                            losses::AsymmetricMultiLabel<double>(), formula, unit_target, scale));
}

TEST_CASE("AsymmetricMultiLabel: the laws without clipping", "[laws]") {
  laws::check(laws::element("AsymmetricMultiLabel, no clip",
                            losses::AsymmetricMultiLabel<float>({.gamma_negative = 2, .gamma_positive = 0, .clip = 0}),
                            losses::AsymmetricMultiLabel<double>({.gamma_negative = 2, .gamma_positive = 0, .clip = 0}),
                            formula, unit_target, scale));
}

TEST_CASE("AsymmetricMultiLabel: the options of the paper are the defaults") {
  const losses::AsymmetricMultiLabel<float> loss;
  CHECK(loss.rule().gamma_negative == 4);
  CHECK(loss.rule().gamma_positive == 1);
  CHECK(loss.rule().clip == 0.05f);
}

TEST_CASE("AsymmetricMultiLabel: value and slope at zero, at the clip and in the limits") {
  const losses::AsymmetricMultiLabel<double> loss;
  const double ln2 = std::log(2.0), p = 0.45;
  CHECK(triple(loss, 0, 1).value == Catch::Approx(0.5 * ln2).epsilon(1e-14));
  CHECK(triple(loss, 0, 1).slope == Catch::Approx(-0.5 * (0.5 * ln2 + 0.5)).epsilon(1e-14));
  CHECK(triple(loss, 0, 0).value == Catch::Approx(-std::pow(p, 4) * std::log(1 - p)).epsilon(1e-14));
  CHECK(triple(loss, 0, 0).slope ==
        Catch::Approx(0.25 * (std::pow(p, 4) / (1 - p) - 4 * std::pow(p, 3) * std::log(1 - p))).epsilon(1e-14));
  // σ(x) ≤ 0.05: a very easy negative
  const double edge = std::log(0.05 / 0.95);
  for (const double x : {edge - 1e-9, -5.0, -40.0, -1e4, -infinity}) {
    const auto none = triple(loss, x, 0);
    CHECK((none.value == 0 && none.slope == 0 && none.curvature == 0));
  }
  CHECK(triple(loss, edge + 0.1, 0).value > 0);
  CHECK(triple(loss, infinity, 0).value == Catch::Approx(-std::pow(0.95, 4) * std::log(0.05)).epsilon(1e-14));
  CHECK(triple(loss, infinity, 0).slope == 0);
  CHECK((triple(loss, infinity, 1).value == 0 && triple(loss, infinity, 1).slope == 0));
  CHECK((triple(loss, -infinity, 1).value == infinity && triple(loss, -infinity, 1).slope == -1));
  const losses::AsymmetricMultiLabel<double> open({.clip = 0});
  CHECK((triple(open, infinity, 0).value == infinity && triple(open, infinity, 0).slope == 1));
  CHECK((triple(open, -infinity, 0).value == 0 && triple(open, -infinity, 0).slope == 0));
}

TEST_CASE("AsymmetricMultiLabel: right for every gamma and clip, soft targets too") {
  const losses::AsymmetricMultiLabel<double>::Rule rules[] = {
      {0, 0, 0}, {0, 0, 0.25}, {1, 0, 0.05}, {0.5, 0.5, 0.05}, {2.5, 1.5, 0}, {3, 0.25, 0.5}, {8, 5, 1e-3}};
  for (const auto& rule : rules) {
    const losses::AsymmetricMultiLabel<double> loss(rule);
    for (const double x : {-1e300, -1e4, -700.0, -30.0, -4.0, -2.0, -0.5, 0.0, 0.25, 1.5, 4.0, 30.0, 700.0, 1e300}) {
      for (const double y : {0.0, 1.0, 0.5, 0.9375}) {
        INFO("gammas " << rule.gamma_negative << ", " << rule.gamma_positive << ", clip " << rule.clip << ", x = " << x
                       << ", y = " << y);
        const Jet want = formula(rule, Jet::variable(x), y);
        const auto s = scale(rule, x, y);
        const auto got = triple(loss, x, y);
        const Real tiny = 8 * static_cast<Real>(std::numeric_limits<double>::denorm_min());
        // Non-integer powers of tiny numbers: 1 + |γ log p|.
        const Real condition = 1 + 3 * std::min(std::fabs(static_cast<Real>(x)), Real(700));
        CHECK(std::fabs(got.value - want.f) <= 1e-14L * condition * std::max(want.f, s.value) + tiny);
        CHECK(std::fabs(got.slope - want.d) <= 1e-13L * condition * std::max(std::fabs(want.d), s.slope) + tiny);
        CHECK(std::isfinite(got.curvature));
      }
    }
  }
}

TEST_CASE("AsymmetricMultiLabel: without clip and gammas it is BCEWithLogits") {
  const auto in = draw<double>(unit_target, 300, 3, 8);
  const losses::AsymmetricMultiLabel<double> loss({.gamma_negative = 0, .gamma_positive = 0, .clip = 0});
  const losses::BCEWithLogits<double> bce;
  CHECK((loss.unreduced(in.p, in.y) - bce.unreduced(in.p, in.y)).abs().maxCoeff() <= 1e-14 * in.p.abs().maxCoeff());
  CHECK((loss.gradient(in.p, in.y) - bce.gradient(in.p, in.y)).abs().maxCoeff() <= 1e-17);
}

TEST_CASE("AsymmetricMultiLabel: value and gradient are those of the authors' formula in PyTorch") {
  Eigen::MatrixXd x(3, 2), y(3, 2), g, want(3, 2);
  x << 0.5, -1.25, 3, 0, -2, -6;
  y << 1, 0, 0, 1, 1, 0;
  // p = x.sigmoid(); q = (1 - p + 0.05).clamp(max=1); pt = p*y + q*(1-y)
  // (-(y*p.log() + (1-y)*q.log()) * (1-pt)**(1*y + 4*(1-y))).mean()
  CHECK(losses::AsymmetricMultiLabel<double>().value_and_gradient(x, y, g) ==
        Catch::Approx(0.6574180160089916).epsilon(1e-14));
  want << -0.042324467958035426, 0.00014371727683231477, 0.10285626488884456, -0.07054779918999772,
      -0.16651954839148772, 0;
  CHECK((g - want).norm() < 1e-15);
}

TEST_CASE("AsymmetricMultiLabel: the largest finite gamma_negative and gamma_positive are allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::AsymmetricMultiLabel<float>({.gamma_negative = most, .gamma_positive = most}));
}

TEST_CASE("AsymmetricMultiLabel: bad options and targets are refused") {
  using Loss = losses::AsymmetricMultiLabel<float>;
  const float nan = std::numeric_limits<float>::quiet_NaN(), huge = std::numeric_limits<float>::infinity();
  for (const float bad : {-0.5f, nan, huge}) {
    laws::refuses_option("AsymmetricMultiLabel: gamma_negative is ", [&] { Loss({.gamma_negative = bad}); });
    laws::refuses_option("AsymmetricMultiLabel: gamma_positive is ", [&] { Loss({.gamma_positive = bad}); });
    laws::refuses_option("AsymmetricMultiLabel: clip is ", [&] { Loss({.clip = bad}); });
  }
  laws::refuses_option("AsymmetricMultiLabel: clip is 1", [] { Loss({.clip = 1}); });
  Eigen::MatrixXf x = Eigen::MatrixXf::Zero(4, 3), y = x, g = x;
  y(1, 2) = -1;
  laws::refuses("AsymmetricMultiLabel: target[1, 2] is -1, but must be in [0, 1]", g,
                [&] { (void)Loss().value_and_gradient(x, y, g); });
}

}  // namespace losses_test::asymmetric_multi_label
