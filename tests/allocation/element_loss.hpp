// SPDX-License-Identifier: MIT
#pragma once

#include "allocations.hpp"
#include "laws.hpp"

namespace losses_test {

/// forward, value_and_gradient, add_to and partial; contiguous, row-major against column-major, and strided.
template <class L>
void element_loss(const char* name, const L& loss, double low) {
  using T = typename L::Scalar;
  for (const auto& shape : {std::pair<Index, Index>{1, 1}, {33, 1}, {300, 7}, {150, 131}, {50000, 1}}) {
    const Index n = shape.first, c = shape.second;
    const Columns<T> p = draw_weights<T>(n, c, 141) + static_cast<T>(low), y = draw_weights<T>(n, c, 142) / T(2), w = y;
    const Vector<T> per_sample = w.col(0);
    const Rows<T> rows = p;
    Columns<T> memory(2 * n, c), g(n, c);
    const laws::Output<T> strided(memory.data(), n, c, AnyStride(2 * n, 2));
    const long count = allocations_of([&] {
      loss.forward(p, y);
      loss.value_and_gradient(p, y, g);
      loss.value_and_gradient(p, y, w, g);
      loss.value_and_gradient(p, y, per_sample, g);
      loss.value_and_gradient(rows, y, w, g);
      loss.value_and_gradient(rows, y, w, strided);
      loss.value_and_gradient(rows, y, w, losses::add_to(strided, 2));
      loss.value_and_gradient(p.transpose(), y.transpose(), g.transpose());
      loss.value_and_gradient(p.topRows(1), y.topRows(1), g.topRows(1));
      loss.value(loss.partial(p, y, w));
    });
    INFO(name << " " << laws::type_name<T> << " [" << n << " x " << c << "]");
    CHECK(count == 0);
  }
}

}  // namespace losses_test
