// SPDX-License-Identifier: MIT

#include <losses/classification.hpp>
#include <losses/detection.hpp>

#include "element_loss.hpp"

using namespace losses_test;

namespace {

/// Boxes in both orders, and strided.
template <class L>
void box_loss(const char* name, const L& loss) {
  using T = typename L::Scalar;
  for (const Index n : {1, 33, 5000}) {
    Columns<T> p = draw_weights<T>(n, 4, 171), y = draw_weights<T>(n, 4, 172), memory(2 * n, 4);
    p.rightCols(2) += p.leftCols(2);
    y.rightCols(2) += y.leftCols(2);
    const Columns<T> w = draw_weights<T>(n, 1, 173);
    const Rows<T> rows = p;
    Rows<T> row_gradient(n, 4);
    const laws::Output<T> strided(memory.data(), n, 4, AnyStride(2 * n, 2));
    Columns<T> g(n, 4);
    const long count = allocations_of([&] {
      loss.forward(p, y);
      loss.value_and_gradient(rows, y, row_gradient);
      loss.value_and_gradient(p, y, w, g);
      loss.value_and_gradient(rows, y, losses::add_to(strided, 2));
      loss.value(loss.partial(p, y, w));
    });
    INFO(name << " " << laws::type_name<T> << " [" << n << " x 4]");
    CHECK(count == 0);
  }
}

template <class T>
void binary_losses() {
  element_loss("BCEWithLogits", losses::BCEWithLogits<T>({.pos_weight = 3}), 0);
  element_loss("FocalWithLogits", losses::FocalWithLogits<T>(), 0);
  element_loss("AsymmetricMultiLabel", losses::AsymmetricMultiLabel<T>(), 0);
}

template <class T>
void box_losses() {
  box_loss("IoU", losses::IoU<T>());
  box_loss("GIoU", losses::GIoU<T>());
  box_loss("DIoU", losses::DIoU<T>());
  box_loss("CIoU", losses::CIoU<T>());
}

}  // namespace

TEST_CASE("allocation: binary losses allocate nothing") {
  binary_losses<float>();
  binary_losses<double>();
}

TEST_CASE("allocation: losses of boxes allocate nothing") {
  box_losses<float>();
  box_losses<double>();
}
