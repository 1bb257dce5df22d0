// SPDX-License-Identifier: MIT

#include <losses/regression/poisson.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

namespace {

constexpr auto formula = [](const auto& rule, Jet p, Jet y) {
  return reference::poisson(p, y, rule.log_input, rule.full, rule.epsilon);
};

}  // namespace

TEST_CASE("Poisson: the laws", "[laws]") {
  laws::check(laws::element("Poisson", losses::Poisson<float>(), losses::Poisson<double>(), formula,
                            non_negative_target, [](const auto&, Real p, Real y) {
                              return laws::Scale{.value = std::max(std::exp(p), std::fabs(y * p)),
                                                 .slope = std::max(std::exp(p), y)};
                            }));
}

TEST_CASE("Poisson: the laws for rates, with the full likelihood", "[laws]") {
  laws::check(laws::element(
      "Poisson, rates, full", losses::Poisson<float>({.log_input = false, .full = true, .epsilon = 1e-4f}),
      losses::Poisson<double>({.log_input = false, .full = true, .epsilon = 1e-4}), formula, both_non_negative,
      [](const auto& rule, Real p, Real y) {
        const Real stirling = y > 1 ? y * std::log(y) + y : Real(0);
        return laws::Scale{.value = std::max({p, std::fabs(y * std::log(p + rule.epsilon)), y, stirling}),
                           .slope = std::max(Real(1), y / (p + rule.epsilon))};
      }));
}

TEST_CASE("Poisson: values and gradients are PyTorch's") {
  const Eigen::Vector4d y(1, 0.75, 2.5, 0), p(0.5, -1.25, 3, 0), rates(0.5, 1.25, 3, 0);
  const Eigen::Vector4d log_gradient(0.16218031767503205, -0.11587380078495248, 4.396384230796917, 0.25);
  const Eigen::Vector4d rate_gradient(-0.24999999000000017, 0.10000000119999999, 0.041666667361111104, 0.25);
  Eigen::Vector4d g;
  // torch.nn.functional.poisson_nll_loss(p, y)
  CHECK(losses::Poisson<double>().value_and_gradient(p, y, g) == Catch::Approx(3.9895657476869966).epsilon(1e-15));
  CHECK((g - log_gradient).norm() < 1e-15);
  // torch.nn.functional.poisson_nll_loss(p, y, full=True)
  CHECK(losses::Poisson<double>({.full = true}).value_and_gradient(p, y, g) ==
        Catch::Approx(4.2815184298937812).epsilon(1e-15));
  CHECK((g - log_gradient).norm() < 1e-15);
  // torch.nn.functional.poisson_nll_loss(rates, y, log_input=False)
  CHECK(losses::Poisson<double>({.log_input = false}).value_and_gradient(rates, y, g) ==
        Catch::Approx(0.63231469026767029).epsilon(1e-15));
  CHECK((g - rate_gradient).norm() < 1e-15);
  // torch.nn.functional.poisson_nll_loss(rates, y, log_input=False, full=True)
  CHECK(losses::Poisson<double>({.log_input = false, .full = true}).forward(rates, y) ==
        Catch::Approx(0.92426737247445478).epsilon(1e-15));
}

TEST_CASE("Poisson: the slope vanishes where the rate is the count") {
  CHECK(triple(losses::Poisson<double>(), 0, 1).slope == 0);
  CHECK(triple(losses::Poisson<double>(), 0, 1).curvature == 1);
  const float infinity = std::numeric_limits<float>::infinity();
  const auto none = triple(losses::Poisson<float>(), -infinity, 0);
  CHECK((none.value == 0 && none.slope == 0));
}

TEST_CASE("Poisson: the default epsilon is PyTorch's 1e-8") {
  CHECK(losses::Poisson<double>().rule().epsilon == 1e-8);
}

TEST_CASE("Poisson: an epsilon that is not positive is refused") {
  for (const float epsilon : {-1.f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("Poisson: epsilon is ", [&] { losses::Poisson<float>({.epsilon = epsilon}); });
  }
}
