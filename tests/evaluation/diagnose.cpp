// SPDX-License-Identifier: MIT

#include <cmath>
#include <limits>
#include <vector>

#include <losses/evaluation/diagnose.hpp>

#include "catch.hpp"

namespace {

using Catch::Matchers::ContainsSubstring;
using losses::check_gradient_health, losses::diagnose_loss_curve, losses::Finding, losses::FindingKind;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<FindingKind> kinds(const std::vector<Finding>& findings) {
  std::vector<FindingKind> result;
  for (const auto& finding : findings) result.push_back(finding.kind);
  return result;
}

bool found(const std::vector<Finding>& findings, FindingKind kind) {
  for (const auto& finding : findings) {
    if (finding.kind == kind) return true;
  }
  return false;
}

/// first, first + slope, …
std::vector<double> line(double first, double slope, int size = 10) {
  std::vector<double> curve;
  for (int i = 0; i < size; ++i) curve.push_back(first + slope * i);
  return curve;
}

/// centre + size, centre − size, … upon a fall that is no stall
std::vector<double> swing(double centre, double size) {
  std::vector<double> curve;
  for (int i = 0; i < 10; ++i) curve.push_back(centre + (i % 2 == 0 ? size : -size));
  return curve;
}

}  // namespace

TEST_CASE("diagnose_loss_curve: stalled is a slope of the last 10 above -0.001") {
  CHECK(kinds(diagnose_loss_curve(line(1, -0.00101))).empty());
  const auto stalled = diagnose_loss_curve(line(1, -0.00099));
  REQUIRE(kinds(stalled) == std::vector{FindingKind::stalled});
  CHECK(stalled[0].value == Catch::Approx(-0.00099).epsilon(1e-9));
  CHECK(stalled[0].threshold == -0.001);
  CHECK(stalled[0].subject == "train");
  CHECK_THAT(stalled[0].message, ContainsSubstring("stalled: the training loss changes by -0.00099 an epoch"));
  CHECK(found(diagnose_loss_curve(line(1, 0.001)), FindingKind::stalled));

  // The seam itself, in numbers that are exact.
  const auto exact = line(1, -0x1p-10);
  CHECK(diagnose_loss_curve(exact, losses::CurveThresholds{.stalled_slope = -0x1p-10}).empty());
  CHECK(diagnose_loss_curve(exact, losses::CurveThresholds{.stalled_slope = std::nextafter(-0x1p-10, -1)}).size() == 1);

  // numpy.polyfit(range(10), c, 1)[0] of these is -0.11478787878787879
  const std::vector<double> curve = {1.5, 1.1, 0.9, 0.95, 0.7, 0.6, 0.62, 0.4, 0.45, 0.3};
  const auto slope = diagnose_loss_curve(curve, losses::CurveThresholds{.stalled_slope = -1, .unstable_deviation = 9});
  REQUIRE(slope.size() == 1);
  CHECK(slope[0].value == Catch::Approx(-0.11478787878787879).epsilon(1e-14));
}

TEST_CASE("diagnose_loss_curve: nine values are too few, and only the last ten count") {
  CHECK(diagnose_loss_curve(line(1, 0, 9)).empty());
  auto curve = line(5, -1, 4);
  for (const double v : line(1, 0)) curve.push_back(v);
  CHECK(kinds(diagnose_loss_curve(curve)) == std::vector{FindingKind::stalled});
  curve.insert(curve.end() - 9, 5.0);  // now one of the ten is high
  CHECK(kinds(diagnose_loss_curve(curve)) == std::vector{FindingKind::unstable});
  CHECK(kinds(diagnose_loss_curve(line(1, 0, 3), losses::CurveThresholds{.window = 3})) ==
        std::vector{FindingKind::stalled});
}

TEST_CASE("diagnose_loss_curve: unstable is a deviation above a tenth of the mean") {
  const losses::CurveThresholds falls_enough{.stalled_slope = 1};
  CHECK(diagnose_loss_curve(swing(1, 0.0999), falls_enough).empty());
  const auto unstable = diagnose_loss_curve(swing(1, 0.1001), falls_enough);
  REQUIRE(kinds(unstable) == std::vector{FindingKind::unstable});
  CHECK(unstable[0].value == Catch::Approx(0.1001).epsilon(1e-12));
  CHECK(unstable[0].threshold == 0.1);
  CHECK(diagnose_loss_curve(swing(1, 0.125), {.stalled_slope = 1, .unstable_deviation = 0.125}).empty());
  CHECK(diagnose_loss_curve(swing(1, 0.125), {.stalled_slope = 1, .unstable_deviation = std::nextafter(0.125, 0.0)})
            .size() == 1);
  CHECK(diagnose_loss_curve(swing(-1, 0.0999), falls_enough).empty());  // of a loss that may be negative
  CHECK(diagnose_loss_curve(swing(-1, 0.1001), falls_enough).size() == 1);
  CHECK(diagnose_loss_curve(swing(0, 0), falls_enough).empty());
  CHECK(diagnose_loss_curve(swing(0, 1e-9), falls_enough).size() == 1);
}

TEST_CASE("diagnose_loss_curve: over-fitting is a validation loss above 1.5 times the training loss over the last 5") {
  const auto constant = [](double v, int size = 5) { return line(v, 0, size); };
  CHECK(diagnose_loss_curve(constant(1), constant(1.5)).empty());
  const auto over = diagnose_loss_curve(constant(1), constant(1.5 + 1e-12));
  REQUIRE(kinds(over) == std::vector{FindingKind::over_fitting});
  CHECK(over[0].subject == "validation");
  CHECK(over[0].value == Catch::Approx(1.5));
  CHECK_THAT(over[0].message, ContainsSubstring("over-fitting: the mean validation loss is 1.5 and the mean"));
  CHECK(diagnose_loss_curve(constant(1), constant(9, 4)).empty());
  CHECK(diagnose_loss_curve(constant(1, 4), constant(9)).empty());
  CHECK(diagnose_loss_curve(constant(1), constant(2), {.over_fitting_ratio = 2}).empty());
  CHECK(diagnose_loss_curve(constant(-2), constant(-1)).empty());
  CHECK(diagnose_loss_curve(constant(-2), constant(-1 + 1e-9)).size() == 1);
  CHECK(diagnose_loss_curve(constant(-2), constant(-3)).empty());
  // Means of five, not single values, and of each curve's own end.
  CHECK(diagnose_loss_curve(constant(1), std::vector<double>{9, 1, 1, 1, 1, 3.4}).empty());
  CHECK(diagnose_loss_curve(constant(1), std::vector<double>{0, 1, 1, 1, 1, 3.6}).size() == 1);
}

TEST_CASE("diagnose_loss_curve: NaN and infinity are named with their epoch and silence the rules that read them") {
  auto train = line(1, 0, 12);
  train[1] = not_a_number;
  auto findings = diagnose_loss_curve(train);
  REQUIRE(kinds(findings) == std::vector{FindingKind::not_finite, FindingKind::stalled});
  CHECK(findings[0].index == 1);
  CHECK(std::isnan(findings[0].value));
  CHECK(findings[0].message == "not finite: train[1] is nan");
  train[5] = infinity;
  auto validation = line(3, 0, 12);
  validation[11] = -infinity;
  findings = diagnose_loss_curve(train, validation);
  REQUIRE(kinds(findings) == std::vector{FindingKind::not_finite, FindingKind::not_finite});
  CHECK(findings[1].subject == "validation");
  CHECK(findings[1].index == 11);
  CHECK(findings[1].value == -infinity);
}

TEST_CASE("diagnose_loss_curve: empty curves, any container, any scale") {
  CHECK(diagnose_loss_curve(std::vector<double>{}, std::vector<double>{}).empty());
  CHECK(diagnose_loss_curve(Eigen::VectorXf(), std::vector<float>{1, 2}).empty());
  CHECK(kinds(diagnose_loss_curve(Eigen::VectorXf::Constant(10, 2), Eigen::RowVectorXd::Constant(10, 4))) ==
        std::vector{FindingKind::stalled, FindingKind::over_fitting});
  for (const double scale : {1e-300, 1e300, 0x1p-1074}) {
    CHECK(kinds(diagnose_loss_curve(line(scale, 0), line(1.7 * scale + scale, 0))) ==
          std::vector{FindingKind::stalled, FindingKind::over_fitting});
  }
  CHECK(kinds(diagnose_loss_curve(swing(0, 1.7e308))) == std::vector{FindingKind::unstable});
}

TEST_CASE("diagnose_loss_curve: windows that make no sense are refused") {
  CHECK_THROWS_WITH(diagnose_loss_curve(line(1, 0), losses::CurveThresholds{.window = 1}),
                    "diagnose_loss_curve: window is 1, but must be 2 or more");
  CHECK_THROWS_AS(diagnose_loss_curve(line(1, 0), line(1, 0), {.over_fitting_window = 0}), std::invalid_argument);
}

TEST_CASE("check_gradient_health: a norm above 100 explodes, one below 1e-7 vanishes") {
  CHECK(check_gradient_health(Eigen::Vector2d(60, 80)).empty());
  const auto exploding = check_gradient_health(Eigen::Vector2d(60, 80.0000001));
  REQUIRE(kinds(exploding) == std::vector{FindingKind::exploding_gradient});
  CHECK(exploding[0].value > 100);
  CHECK(exploding[0].threshold == 100);
  CHECK(exploding[0].subject == "gradient");
  using One = Eigen::Matrix<double, 1, 1>;
  CHECK(check_gradient_health(One(100)).empty());
  CHECK(check_gradient_health(One(-std::nextafter(100.0, 101.0))).size() == 1);
  CHECK(check_gradient_health(One(1e-7)).empty());
  const auto vanishing = check_gradient_health(One(std::nextafter(1e-7, 0.0)));
  REQUIRE(kinds(vanishing) == std::vector{FindingKind::vanishing_gradient});
  CHECK_THAT(vanishing[0].message, ContainsSubstring("vanishing: the norm of gradient is 1e-07"));
  CHECK(kinds(check_gradient_health(Eigen::MatrixXf::Zero(2, 2))) == std::vector{FindingKind::vanishing_gradient});
  CHECK(check_gradient_health(One(5), {.exploding = 4}).size() == 1);
  CHECK(check_gradient_health(One(5), {.vanishing = 6}).size() == 1);
  CHECK(check_gradient_health(Eigen::MatrixXd(0, 3)).empty());
}

TEST_CASE("check_gradient_health: the norm neither overflows nor vanishes on the way") {
  const auto huge = check_gradient_health(Eigen::Vector2d(3e200, -4e200));
  REQUIRE(huge.size() == 1);
  CHECK(huge[0].value == Catch::Approx(5e200).epsilon(1e-15));
  const auto tiny = check_gradient_health(Eigen::Vector2d(3e-200, 4e-200));
  REQUIRE(tiny.size() == 1);
  CHECK(tiny[0].value == Catch::Approx(5e-200).epsilon(1e-15));
  const auto denormal = check_gradient_health(Eigen::Vector2d(3 * 0x1p-1074, 4 * 0x1p-1074));
  REQUIRE(denormal.size() == 1);
  CHECK(denormal[0].value == 5 * 0x1p-1074);
  CHECK(check_gradient_health(Eigen::Vector2f(3e38f, 3e38f))[0].value == Catch::Approx(std::sqrt(2.0) * 3e38));
  CHECK(check_gradient_health(Eigen::Vector2d(1.7e308, 1.7e308))[0].kind == FindingKind::exploding_gradient);
}

TEST_CASE("check_gradient_health: NaN and infinity are named with their index, and no norm is judged") {
  Eigen::MatrixXf gradient = Eigen::MatrixXf::Constant(3, 2, 1000);
  gradient(2, 0) = -std::numeric_limits<float>::infinity();
  auto findings = check_gradient_health(gradient);
  REQUIRE(kinds(findings) == std::vector{FindingKind::not_finite});
  CHECK(findings[0].message == "not finite: gradient[2, 0] is -inf");
  CHECK(findings[0].index == 4);
  gradient(0, 1) = std::numeric_limits<float>::quiet_NaN();
  findings = check_gradient_health(gradient);  // the first in row-major order, whatever the storage
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].message == "not finite: gradient[0, 1] is nan, and 1 more of 6 entries are not finite");
  CHECK(findings[0].index == 1);
}

TEST_CASE("check_gradient_health: several gradients are judged alone, and then together") {
  const Eigen::Vector2d sixty(60, 0), zero(0, 0), bad(0, not_a_number), large(0, 101);
  CHECK(check_gradient_health({{"a", sixty}}).empty());
  const auto together = check_gradient_health({{"a", sixty}, {"b", sixty}, {"c", sixty}});
  REQUIRE(kinds(together) == std::vector{FindingKind::exploding_gradient});
  CHECK(together[0].subject == "all gradients");
  CHECK(together[0].value == Catch::Approx(60 * std::sqrt(3.0)));
  const auto mixed = check_gradient_health(
      {{"fine", sixty}, {"dead", zero}, {"hidden", bad}, {"output", large}, {"none", Eigen::VectorXf()}});
  REQUIRE(kinds(mixed) ==
          std::vector{FindingKind::vanishing_gradient, FindingKind::not_finite, FindingKind::exploding_gradient});
  CHECK(mixed[0].subject == "dead");
  CHECK(mixed[1].message == "not finite: hidden[1] is nan");
  CHECK(mixed[2].subject == "output");
  std::vector<losses::NamedGradient> many;
  for (int i = 0; i < 3; ++i) many.emplace_back("layer " + std::to_string(i), sixty);
  CHECK(check_gradient_health(many).size() == 1);
}
