// SPDX-License-Identifier: MIT
// Memory that another library owns (a tensor's data pointer and strides): a loss reads it and writes the gradient
// there.
//
// expect: contiguous: +loss 0\.4909
// expect: every other row: loss 0\.2058

#include <cstdint>
#include <iostream>
#include <vector>

#include <losses/classification.hpp>

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// What a tensor library hands out: float* data, sizes, the distance between rows; labels are 64 bits wide.
struct ForeignTensor {
  float* data;
  Eigen::Index rows, columns, row_stride;

  auto as_eigen() const { return Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>(data, rows, columns, {row_stride}); }
};

int main() {
  std::vector<float> logits_memory = {2.0f, 0.5f, 0.1f, 0.2f, 1.5f, 0.3f, 0.0f, 0.0f, 3.0f, 1.0f, 1.0f, 1.0f};
  std::vector<float> gradient_memory(logits_memory.size());
  const std::vector<std::int64_t> labels_memory = {0, 1, 2, 0};

  const losses::CrossEntropy<float> loss;

  // The whole [4 × 3] tensor.
  const ForeignTensor logits{logits_memory.data(), 4, 3, 3}, gradient{gradient_memory.data(), 4, 3, 3};
  const Eigen::Map<const Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>> labels(labels_memory.data(), 4);
  std::cout << "contiguous:      loss " << loss.value_and_gradient(logits.as_eigen(), labels, gradient.as_eigen())
            << '\n'
            << gradient.as_eigen() << '\n';

  // A view of rows 0 and 2: the same memory, twice the stride, and every other label.
  const ForeignTensor even_logits{logits_memory.data(), 2, 3, 6}, even_gradient{gradient_memory.data(), 2, 3, 6};
  const Eigen::Map<const Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>, 0, Eigen::InnerStride<2>> even_labels(
      labels_memory.data(), 2);
  std::cout << "every other row: loss "
            << loss.value_and_gradient(even_logits.as_eigen(), even_labels, even_gradient.as_eigen()) << '\n'
            << even_gradient.as_eigen() << '\n';
}
