// SPDX-License-Identifier: MIT

#include <losses/regression/huber_delta.hpp>

#include "laws.hpp"

using namespace losses_test;
using losses::huber_delta;
using losses::ScaleEstimate;

TEST_CASE("huber_delta: 1.345 standard deviations, with n - 1") {
  Eigen::VectorXd residuals(4);
  residuals << 1, 2, 3, 4;
  // torch.std(torch.tensor([1., 2, 3, 4])) = 1.2909944487358056
  CHECK(huber_delta(residuals, ScaleEstimate::standard_deviation) ==
        Catch::Approx(1.345 * 1.2909944487358056).epsilon(1e-14));
}

TEST_CASE("huber_delta: the median absolute deviation is that of the middle of the sorted residuals") {
  Eigen::VectorXf odd(5), even(4);
  odd << 5, 1, 2, 100, 4;  // median 4, deviations 0 1 2 3 96: 2
  even << 1, 2, 4, 9;      // median 3, deviations 1 1 2 6: 1.5
  CHECK(huber_delta(odd, ScaleEstimate::mad) == Catch::Approx(1.345 * 1.4826 * 2).epsilon(1e-6));
  CHECK(huber_delta(even, ScaleEstimate::mad) == Catch::Approx(1.345 * 1.4826 * 1.5).epsilon(1e-6));
}

TEST_CASE("huber_delta: outliers move the standard deviation, not the MAD") {
  Random random(81);
  Eigen::VectorXd residuals = Eigen::VectorXd::NullaryExpr(1001, [&] { return random.normal(); });
  CHECK(huber_delta(residuals, ScaleEstimate::mad) == Catch::Approx(1.345).epsilon(0.1));
  CHECK(huber_delta(residuals, ScaleEstimate::standard_deviation) == Catch::Approx(1.345).epsilon(0.1));
  residuals.head(50).setConstant(1e6);
  CHECK(huber_delta(residuals, ScaleEstimate::mad) == Catch::Approx(1.345).epsilon(0.15));
  CHECK(huber_delta(residuals, ScaleEstimate::standard_deviation) > 1e5);
}

TEST_CASE("huber_delta: a constant does not lose its digits to a large mean") {
  Eigen::VectorXd residuals(4);
  residuals << 1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4;
  CHECK(huber_delta(residuals, ScaleEstimate::standard_deviation) ==
        Catch::Approx(1.345 * 1.2909944487358056).epsilon(1e-9));
}

TEST_CASE("huber_delta: it does not change its input, and reads a strided one") {
  Columns<double> matrix(2, 5);
  matrix << 5, 1, 2, 100, 4, 0, 0, 0, 0, 0;
  const Columns<double> before = matrix;
  CHECK(huber_delta(matrix.row(0), ScaleEstimate::mad) == Catch::Approx(1.345 * 1.4826 * 2).epsilon(1e-12));
  CHECK(same_bits(matrix, before));
}

TEST_CASE("huber_delta: too few residuals or a NaN among them is an error") {
  const Eigen::VectorXd none, one = Eigen::VectorXd::Ones(1);
  for (const auto estimate : {ScaleEstimate::standard_deviation, ScaleEstimate::mad}) {
    laws::refuses_option("huber_delta: ", [&] { (void)huber_delta(none, estimate); });
    Eigen::VectorXd poisoned = Eigen::VectorXd::Ones(5);
    poisoned(3) = std::numeric_limits<double>::quiet_NaN();
    laws::refuses_option("huber_delta: residuals[3] is nan", [&] { (void)huber_delta(poisoned, estimate); });
  }
  laws::refuses_option("huber_delta: ", [&] { (void)huber_delta(one, ScaleEstimate::standard_deviation); });
}
