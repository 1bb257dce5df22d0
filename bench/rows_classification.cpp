// SPDX-License-Identifier: MIT

#include <losses/classification.hpp>

#include "rows.hpp"

namespace bench {

std::vector<Row> rows_of_classification() {
  using namespace losses;
  constexpr Index large = 1 << 24;
  const BCEWithLogits<float> bce_with_logits;
  const FocalWithLogits<float> focal_with_logits;
  const CrossEntropy<float> cross_entropy;
  const SoftmaxFocal<float> softmax_focal;
  const Rivals bce_rivals{by_hand::bce_with_logits, plain_eigen::bce_with_logits};
  const Rivals cross_entropy_rivals{by_hand::cross_entropy, plain_eigen::cross_entropy};
  const Rivals focal_rivals{by_hand::softmax_focal, plain_eigen::softmax_focal};

  return {
      {"BCEWithLogits, n = 2^24", Bar::times_limit(2.0),
       [=] { return binary(large, bce_with_logits, "bce_with_logits", bce_rivals); }},
      {"FocalWithLogits, n = 2^24", Bar::times_limit(2.2),
       [=] { return binary(large, focal_with_logits, "focal_with_logits"); }},
      {"BCEWithLogits, n = 4096", Bar::torch_over(8),
       [=] { return binary(4096, bce_with_logits, "bce_with_logits", bce_rivals); }},
      {"CrossEntropy 4096 × 10, row-major", Bar::torch_over(7),
       [=] { return rows_of(4096, 10, cross_entropy, "cross_entropy", cross_entropy_rivals); }},
      {"CrossEntropy 4096 × 1000, row-major", Bar::times_limit(2.2),
       [=] { return rows_of(4096, 1000, cross_entropy, "cross_entropy", cross_entropy_rivals); }},
      {"CrossEntropy 512 × 32000, row-major", Bar::times_limit(1.5),
       [=] { return rows_of(512, 32000, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 4096 × 10, column-major", Bar::times_limit(2.5),
       [=] { return columns_of(4096, 10, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 4096 × 1000, column-major", Bar::times_limit(2.5),
       [=] { return columns_of(4096, 1000, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 512 × 32000, column-major", Bar::times_limit(2.5),
       [=] { return columns_of(512, 32000, cross_entropy, "cross_entropy"); }},
      {"SoftmaxFocal 4096 × 1000", Bar::times_limit(2.3),
       [=] { return rows_of(4096, 1000, softmax_focal, "softmax_focal", focal_rivals); }},
      {"CrossEntropy [8, 21, 256, 256]", Bar::torch_over(4),
       [=] { return images(8, 21, 256, 256, cross_entropy, "cross_entropy"); }},
  };
}

}  // namespace bench
