// SPDX-License-Identifier: MIT

#include <losses/classification/bce_with_logits.hpp>
#include <losses/classification/soft_margin.hpp>

#include "binary_reference.hpp"
#include "laws.hpp"

namespace losses_test::soft_margin {

using laws::triple;

namespace {

constexpr auto formula = [](const auto& rule, Jet x, Jet y) { return reference::soft_margin(x, y, rule.margin); };

}  // namespace

TEST_CASE("SoftMargin: the laws", "[laws]") {
  laws::check(
      laws::element("SoftMargin", losses::SoftMargin<float>(), losses::SoftMargin<double>(), formula, sign_target));
}

TEST_CASE("SoftMargin: the laws with a margin", "[laws]") {
  laws::check(laws::element("SoftMargin, margin 1", losses::SoftMargin<float>({.margin = 1}),
                            losses::SoftMargin<double>({.margin = 1}), formula, sign_target,
                            [](const auto& rule, Real x, Real y) {
                              // margin − y x is rounded once.
                              const Real z = static_cast<Real>(rule.margin) - y * x;
                              return laws::Scale{.condition = 1 + std::max(Real(0), -z)};
                            }));
}

TEST_CASE("SoftMargin: value, slope and curvature at zero and in the limits") {
  const losses::SoftMargin<double> loss;
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double y : {1.0, -1.0}) {
    CHECK(triple(loss, 0, y).value == Catch::Approx(std::log(2.0)).epsilon(1e-15));
    CHECK(triple(loss, 0, y).slope == -y / 2);
    CHECK(triple(loss, 0, y).curvature == 0.25);
    CHECK((triple(loss, y * infinity, y).value == 0 && triple(loss, y * infinity, y).slope == 0));
    CHECK((triple(loss, -y * infinity, y).value == infinity && triple(loss, -y * infinity, y).slope == -y));
    CHECK((triple(loss, -y * 1e4, y).value == 1e4 && triple(loss, -y * 1e4, y).slope == -y));
    CHECK(triple(loss, y * 40, y).value == Catch::Approx(std::exp(-40.0)).epsilon(1e-15));
  }
  CHECK(triple(losses::SoftMargin<double>({.margin = 3}), 3, 1).slope == -0.5);
}

TEST_CASE("SoftMargin: it is BCEWithLogits of targets −1 and +1") {
  const auto in = draw<float>(sign_target, 300, 2, 8);
  const losses::SoftMargin<float> loss;
  const losses::BCEWithLogits<float> bce;
  const Columns<float> y = 0.5f * (in.y + 1);
  CHECK(same_bits(loss.unreduced(in.p, in.y), bce.unreduced(in.p, y)));
  CHECK(same_bits(loss.gradient(in.p, in.y), bce.gradient(in.p, y)));
}

TEST_CASE("SoftMargin: value and gradient are PyTorch's") {
  const Eigen::Vector4d x(0.5, -1.25, 3, -40), y(1, -1, -1, 1);
  Eigen::Vector4d g;
  // torch.nn.functional.soft_margin_loss(x, y)
  CHECK(losses::SoftMargin<double>().value_and_gradient(x, y, g) == Catch::Approx(10.943648354274805).epsilon(1e-15));
  CHECK((g - Eigen::Vector4d(-0.09438516719953637, 0.05567503470632721, 0.2381435317056083, -0.25)).norm() < 1e-15);
}

TEST_CASE("SoftMargin: the largest finite margin is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::SoftMargin<float>({.margin = most}));
}

TEST_CASE("SoftMargin: bad targets and margins are refused") {
  Eigen::VectorXf x = Eigen::VectorXf::Ones(20), y = x, g = x;
  y[0] = 0.5f;
  laws::refuses("SoftMargin: target[0] is 0.5, but must be -1 or 1", g,
                [&] { (void)losses::SoftMargin<float>().value_and_gradient(x, y, g); });
  for (const float bad : {-1.f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("SoftMargin: margin is ", [&] { losses::SoftMargin<float>({.margin = bad}); });
  }
}

}  // namespace losses_test::soft_margin
