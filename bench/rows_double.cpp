// SPDX-License-Identifier: MIT

#include <losses/classification.hpp>
#include <losses/regression.hpp>

#include "rows.hpp"

namespace bench {

std::vector<Row> rows_of_double() {
  using namespace losses;
  using Vector = Eigen::VectorXd;
  constexpr Index large = 1 << 23;  // as many bytes as 2^24 floats
  const Bar near = Bar::times_limit(1.15);
  return {
      {"MSE, n = 2^23", near, [=] { return elements<Vector>(large, MSE<double>(), "mse"); }},
      {"Huber, n = 2^23", near, [=] { return elements<Vector>(large, Huber<double>(), "huber"); }},
      {"LogCosh, n = 2^23", Bar::none(), [=] { return elements<Vector>(large, LogCosh<double>(), "log_cosh"); }},
      {"BCEWithLogits, n = 2^23", Bar::none(),
       [=] { return binary<Vector>(large, BCEWithLogits<double>(), "bce_with_logits"); }},
      {"CrossEntropy 4096 × 10", Bar::none(),
       [] { return rows_of(4096, 10, CrossEntropy<double>(), "cross_entropy"); }},
      {"CrossEntropy 4096 × 1000", Bar::none(),
       [] { return rows_of(4096, 1000, CrossEntropy<double>(), "cross_entropy"); }},
  };
}

}  // namespace bench
