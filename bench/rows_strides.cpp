// SPDX-License-Identifier: MIT
// Strides that are a power of two send all columns to the same lines of a cache: a size of 4096 against one of 4100.

#include <losses/classification.hpp>
#include <losses/detection.hpp>
#include <losses/regression.hpp>
#include <losses/segmentation.hpp>

#include "boxes.hpp"
#include "rows.hpp"

namespace bench {

namespace {

/// A case against its neighbour.
Case against(const Case& power, const Case& near, const char* name) {
  return {power.ours, near.ours, name, {}, {}};
}

template <class Loss>
Case column_major(Index samples, Index classes, const Loss& loss) {
  return {value_and_gradient(loss, logits<ColumnMajorMatrix<float>>(samples, classes)), {}, "", {}, {}};
}

template <class Loss>
Case mixed_orders(Index rows, Index columns, const Loss& loss) {
  return {value_and_gradient(loss, residuals<RowMajorMatrix<float>, ColumnMajorMatrix<float>>(rows, columns)),
          {},
          "",
          {},
          {}};
}

template <class Loss>
Case boxes(Index n, const Loss& loss) {
  const auto data = residuals<ColumnMajorMatrix<float>>(n, 4);
  fill_boxes(data->p, data->y);
  return {value_and_gradient(loss, data), {}, "", {}, {}};
}

}  // namespace

std::vector<Row> rows_of_strides() {
  using namespace losses;
  const MSE<float> mse;
  const GIoU<float> giou;
  const CrossEntropy<float> cross_entropy;
  const SoftmaxFocal<float> softmax_focal;
  const SoftmaxDice<float> softmax_dice;
  const Bar bar = Bar::times_limit_everywhere(1.5);
  return {
      {"CrossEntropy 4096 × 1000, column-major", bar,
       [=] {
         return against(column_major(4096, 1000, cross_entropy), column_major(4100, 1000, cross_entropy), "4100");
       }},
      {"CrossEntropy 4096 × 10, column-major", bar,
       [=] { return against(column_major(4096, 10, cross_entropy), column_major(4100, 10, cross_entropy), "4100"); }},
      {"SoftmaxFocal 4096 × 1000, column-major", bar,
       [=] {
         return against(column_major(4096, 1000, softmax_focal), column_major(4100, 1000, softmax_focal), "4100");
       }},
      {"CrossEntropy [8, 21, 64, 64]", bar,
       [=] { return against(images(8, 21, 64, 64, cross_entropy), images(8, 21, 50, 82, cross_entropy), "50 × 82"); }},
      {"SoftmaxDice [8, 21, 64, 64]", bar,
       [=] { return against(images(8, 21, 64, 64, softmax_dice), images(8, 21, 50, 82, softmax_dice), "50 × 82"); }},
      {"GIoU, 4096 boxes, column-major", bar, [=] { return against(boxes(4096, giou), boxes(4100, giou), "4100"); }},
      {"MSE 4096 × 4096, two orders", Bar::times_limit_everywhere(7.0 / 3),
       [=] { return against(mixed_orders(4096, 4096, mse), mixed_orders(4100, 4100, mse), "4100"); }},
  };
}

}  // namespace bench
