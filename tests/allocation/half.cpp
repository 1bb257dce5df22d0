// SPDX-License-Identifier: MIT
// Numbers stored in two bytes are converted tile by tile, on the stack.

#include <losses/classification/cross_entropy.hpp>
#include <losses/regression/mse.hpp>

#include "allocations.hpp"
#include "laws_of_rows.hpp"

using namespace losses_test;

TEST_CASE("allocation: nothing is allocated for halves and bfloat16s") {
  using Eigen::half, Eigen::bfloat16;
  const losses::MSE<float> mse;
  const losses::CrossEntropy<float> cross_entropy;
  for (const Index c : {3, 33, 1000, 1024}) {
    const Index n = 300;
    const Columns<half> x = laws::draw_logits<float>(n, c, 171).cast<half>();
    const Rows<bfloat16> rows = x.cast<float>().cast<bfloat16>();
    const Rows<float> q = Rows<float>::Constant(n, c, 1 / static_cast<float>(c));
    const Columns<half> w = Columns<half>::Constant(n, 1, half(1));
    const auto y = laws::draw_labels(n, c, 172);
    Columns<half> g(n, c);
    Rows<bfloat16> row_gradient(n, c);
    const long count = allocations_of([&] {
      mse.value_and_gradient(x, rows, w, g);
      mse.value_and_gradient(x, x, losses::add_to(row_gradient, 2));
      cross_entropy.forward(x, y);
      cross_entropy.value_and_gradient(x, y, w, g);
      cross_entropy.value_and_gradient(rows, y, row_gradient);
      cross_entropy.value_and_gradient(rows, q, losses::add_to(g, 2));
    });
    INFO(c << " classes");
    CHECK(count == 0);
  }
}
