// SPDX-License-Identifier: MIT

#include <losses/regression/log_cosh.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("LogCosh: the laws", "[laws]") {
  laws::check(laws::element(
      "LogCosh", losses::LogCosh<float>(), losses::LogCosh<double>(),
      [](const auto&, Jet p, Jet y) { return reference::log_cosh(p, y); }, real_line));
}

TEST_CASE("LogCosh: r = 1e-4 in float is 5e-9, and r = 100 is 99.30685") {
  const losses::LogCosh<float> loss;
  CHECK(triple(loss, 1e-4f, 0).value == Catch::Approx(5e-9).epsilon(1e-6));
  CHECK(triple(loss, -1e-4f, 0).value == Catch::Approx(5e-9).epsilon(1e-6));
  CHECK(triple(loss, 1e-4f, 0).slope == Catch::Approx(1e-4).epsilon(1e-6));
  CHECK(triple(loss, 100, 0).value == Catch::Approx(99.30685).epsilon(1e-7));
  CHECK(triple(loss, -100, 0).slope == -1);
}

TEST_CASE("LogCosh: its digits are right from 1e-10 to 1e10") {
  const auto worst = [](const auto& loss) {
    using T = typename std::decay_t<decltype(loss)>::Scalar;
    double ulps = 0;
    for (double r = 1e-10; r < 1e10; r *= 1.07) {
      const T residual = static_cast<T>(r);
      const Jet want = reference::log_cosh(Jet::variable(residual), 0);
      const auto got = triple(loss, residual, 0);
      const Real ulp = std::numeric_limits<T>::epsilon();
      ulps = std::max(ulps, static_cast<double>(std::fabs(got.value - want.f) / (want.f * ulp)));
      ulps = std::max(ulps, static_cast<double>(std::fabs(got.slope - want.d) / (want.d * ulp)));
    }
    return ulps;
  };
  const double in_float = worst(losses::LogCosh<float>()), in_double = worst(losses::LogCosh<double>());
  INFO("ULP: " << in_float << " in float, " << in_double << " in double");
  CHECK(in_float <= 4);
  CHECK(in_double <= 4);
}

TEST_CASE("LogCosh: value, slope and curvature at zero and at infinity") {
  const auto zero = triple(losses::LogCosh<double>(), 2, 2);
  CHECK((zero.value == 0 && zero.slope == 0 && zero.curvature == 1));
  const double infinity = std::numeric_limits<double>::infinity();
  const auto far = triple(losses::LogCosh<double>(), -infinity, 0);
  CHECK((far.value == infinity && far.slope == -1 && far.curvature == 0));
}

TEST_CASE("LogCosh: it is even") {
  const auto in = draw<float>(real_line, 200, 1, 8);
  const losses::LogCosh<float> loss;
  CHECK(loss.forward(in.p, in.y) == loss.forward(in.y, in.p));
  CHECK(same_bits(loss.gradient(in.p, in.y), -loss.gradient(in.y, in.p)));
}
