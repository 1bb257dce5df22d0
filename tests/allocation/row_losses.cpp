// SPDX-License-Identifier: MIT
// The losses over a class axis allocate nothing, up to 1024 classes.

#include <losses/classification/adaptive_label_smoothing.hpp>
#include <losses/classification/generalized_cross_entropy.hpp>
#include <losses/classification/multi_margin.hpp>
#include <losses/classification/nll.hpp>
#include <losses/classification/softmax_focal.hpp>

#include "allocations.hpp"
#include "laws_of_rows.hpp"

using namespace losses_test;

namespace {

/// −Σ of the kept numbers, with all the working memory that a row formula may ask for.
template <class T>
struct Kept {
  using Scalar = T;
  using Shape = losses::per_row;
  using Target = losses::rule::NumberRow;
  static constexpr bool takes_mask = true;
  static constexpr int scratch_rows = 4;

  T operator()(const losses::rule::Row<T>& row, T* slope) const {
    T sum = 0;
    for (Index j = 0; j < row.size; ++j) sum += row.scratch(3)[j] = -row.x[j];
    if (slope != nullptr) std::fill_n(slope, row.size, T(-1));
    return sum;
  }
};

template <class T, class L>
void check(const std::string& name, const L& loss) {
  for (const Index c : {3, 33, 1000, 1024}) {
    const Index n = c > 100 ? 70 : 700;
    const Columns<T> x = laws::draw_logits<T>(n, c, 161), w = draw_weights<T>(n, 1, 163);
    const Rows<T> rows = x;
    const auto y = laws::draw_labels(n, c, 162);
    Columns<T> g(n, c), memory(2 * n, 2 * c);
    Rows<T> row_gradient(n, c);
    const laws::Output<T> strided(memory.data(), n, c, AnyStride(4 * n, 2));
    const long count = allocations_of([&] {
      loss.forward(x, y);
      loss.value_and_gradient(x, y, g);
      loss.value_and_gradient(rows, y, row_gradient);
      loss.value_and_gradient(x, y, w, row_gradient);
      loss.value_and_gradient(rows, y, w, strided);
      loss.value_and_gradient(x, y, losses::add_to(g, 2));
      loss.value(loss.partial(x, y));
      if constexpr (std::same_as<L, losses::AdaptiveLabelSmoothing<T>>) {
        T parameter_grad = 0;
        loss.value_and_gradient(x, y, w, g, parameter_grad);
      }
    });
    INFO(name << " (" << laws::type_name<T> << "), " << c << " classes");
    CHECK(count == 0);
  }
}

template <class T>
void check_all() {
  check<T>("NLL", losses::NLL<T>());
  check<T>("MultiMargin", losses::MultiMargin<T>());
  check<T>("SoftmaxFocal", losses::SoftmaxFocal<T>({.gamma = T(1.5), .alpha = 0.25}));
  check<T>("GeneralizedCrossEntropy", losses::GeneralizedCrossEntropy<T>());
  check<T>("AdaptiveLabelSmoothing", losses::AdaptiveLabelSmoothing<T>());
  const losses::Loss<Kept<T>> kept;
  for (const Index c : {5, 1024}) {
    const Columns<T> x = laws::draw_logits<T>(30, c, 164);
    const Rows<T> rows = x;
    const Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic> mask = x > T(0);
    Columns<T> g(30, c);
    const long count = allocations_of([&] {
      kept.value_and_gradient(x, x, mask, g);
      kept.value_and_gradient(rows, x, mask, g);
    });
    INFO("a masked row formula (" << laws::type_name<T> << "), " << c << " classes");
    CHECK(count == 0);
  }
}

}  // namespace

TEST_CASE("allocation: losses over labels and masked row formulas allocate nothing") {
  check_all<float>();
  check_all<double>();
}
