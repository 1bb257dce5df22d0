// SPDX-License-Identifier: MIT

#include <losses/segmentation.hpp>

#include "allocations.hpp"
#include "laws_of_rows.hpp"

using namespace losses_test;

namespace {

/// Masks: contiguous, in two orders, and strided; weights of terms and of samples.
template <class L>
void mask_loss(const char* name, const L& loss) {
  using T = typename L::Scalar;
  for (const auto& shape : {std::pair<Index, Index>{1, 1}, {33, 1}, {300, 7}, {150, 131}, {50000, 3}}) {
    const Index n = shape.first, c = shape.second;
    const Columns<T> p = draw_weights<T>(n, c, 161) / T(2), y = draw_weights<T>(n, c, 162) / T(2);
    const Columns<T> per_sample = draw_weights<T>(n, 1, 163);
    const Rows<T> rows = p;
    Columns<T> g(n, c), memory(2 * n, c);
    const laws::Output<T> strided(memory.data(), n, c, AnyStride(2 * n, 2));
    const long count = allocations_of([&] {
      loss.forward(p, y);
      loss.value_and_gradient(p, y, g);
      loss.value_and_gradient(rows, y, per_sample, strided);
      loss.value_and_gradient(rows, y, per_sample, losses::add_to(strided, 2));
      loss.value_and_gradient(p.topRows(1), y.topRows(1), g.topRows(1));
    });
    INFO(name << " " << laws::type_name<T> << " [" << n << " x " << c << "]");
    CHECK(count == 0);
  }
}

/// Labels: up to 1024 classes, in both orders.
template <class L>
void label_loss(const char* name, const L& loss) {
  using T = typename L::Scalar;
  for (const Index c : {1, 2, 21, 131, 1024}) {
    const Index n = c > 100 ? 700 : 20000;
    const Columns<T> x = laws::draw_logits<T>(n, c, 164), w = draw_weights<T>(n, 1, 165);
    const Rows<T> rows = x;
    const auto y = laws::draw_labels(n, c, 166, -100);
    const Eigen::VectorXi narrow = y.template cast<int>();
    Columns<T> g(n, c), memory(2 * n, 2 * c);
    Rows<T> row_gradient(n, c);
    const laws::Output<T> strided(memory.data(), n, c, AnyStride(4 * n, 2));
    const long count = allocations_of([&] {
      loss.forward(x, y);
      loss.value_and_gradient(x, y, g);
      loss.value_and_gradient(rows, narrow, row_gradient);
      loss.value_and_gradient(rows, y, w, strided);
      loss.value_and_gradient(x, y, w, losses::add_to(g, 2));
    });
    INFO(name << " " << laws::type_name<T> << ", " << c << " classes");
    CHECK(count == 0);
  }
}

template <class T>
void sets() {
  mask_loss("Dice", losses::Dice<T>());
  mask_loss("Dice, per sample", losses::Dice<T>({.per_sample = true}));
  mask_loss("DiceWithLogits", losses::DiceWithLogits<T>());
  mask_loss("Jaccard", losses::Jaccard<T>());
  mask_loss("Tversky", losses::Tversky<T>());
  mask_loss("FocalTversky", losses::FocalTversky<T>());
  mask_loss("GeneralizedDice", losses::GeneralizedDice<T>());
  label_loss("SoftmaxDice", losses::SoftmaxDice<T>());
  label_loss("SoftmaxJaccard", losses::SoftmaxJaccard<T>());
  label_loss("SoftmaxTversky", losses::SoftmaxTversky<T>());
  label_loss("SoftmaxGeneralizedDice", losses::SoftmaxGeneralizedDice<T>());
}

}  // namespace

TEST_CASE("allocation: losses of sets allocate nothing, labels up to 1024 classes") {
  sets<float>();
  sets<double>();
}
