// SPDX-License-Identifier: MIT

// What attacks on the finished losses found.

#include <losses/metric.hpp>

#include "laws.hpp"

using namespace losses_test;

TEST_CASE("MinedTriplet: two rows nearer than 1/FLT_MAX in units of a third still push with slope 1") {
  const Eigen::Vector3i labels(0, 0, 1);
  for (const float near : {1e-20F, 1e-2F}) {
    Eigen::Matrix<float, 3, 2> rows;
    rows << 0, 0, 0, near, 1e20F, 0;
    const losses::MinedTriplet<float> loss({.margin = 2e20F});
    Eigen::Matrix<float, 3, 2> gradient;
    CHECK(loss.value_and_gradient(rows, labels, gradient) == Approx(1e20F));
    Eigen::Matrix<float, 3, 2> want;
    want << 0.5F, -1, 0.5F, 1, -1, 0;
    CHECK((gradient - want).cwiseAbs().maxCoeff() <= 1e-6F);
  }
}

TEST_CASE("MinedTriplet, SupCon, NTXent: options that no batch could use are refused") {
  laws::refuses_option("MinedTriplet: mining is 9, but must be a value of Mining",
                       [] { losses::MinedTriplet<float>({.mining = static_cast<losses::Mining>(9)}); });
  laws::refuses_option("SupCon: temperature is 1e-39, but must not be below the normal numbers",
                       [] { losses::SupCon<float>({.temperature = 1e-39F}); });
  laws::refuses_option("NTXent: temperature is 1e-39, but must not be below the normal numbers",
                       [] { losses::NTXent<float>({.temperature = 1e-39F}); });
}
