// SPDX-License-Identifier: MIT

#include <losses/classification.hpp>

#include "rows.hpp"

namespace bench {

std::vector<Row> rows_of_classification() {
  using namespace losses;
  const CrossEntropy<float> cross_entropy;

  return {
      {"CrossEntropy 4096 × 10, row-major", Bar::torch_over(7),
       [=] { return rows_of(4096, 10, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 4096 × 1000, row-major", Bar::times_limit(2.2),
       [=] { return rows_of(4096, 1000, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 512 × 32000, row-major", Bar::times_limit(1.5),
       [=] { return rows_of(512, 32000, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 4096 × 10, column-major", Bar::times_limit(2.5),
       [=] { return columns_of(4096, 10, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 4096 × 1000, column-major", Bar::times_limit(2.5),
       [=] { return columns_of(4096, 1000, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 512 × 32000, column-major", Bar::times_limit(2.5),
       [=] { return columns_of(512, 32000, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy [8, 21, 256, 256]", Bar::torch_over(4),
       [=] { return images(8, 21, 256, 256, cross_entropy, "cross_entropy"); }},
  };
}

}  // namespace bench
