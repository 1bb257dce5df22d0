// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/regression/huber.hpp>
#include <losses/regression/log_cosh.hpp>
#include <losses/tensor.hpp>

#include "laws_of_rows.hpp"

using namespace losses_test;

namespace {

template <class T, int rank, int layout>
using Tensor = Eigen::Tensor<T, rank, layout>;

/// Fills in logical (row-major) order, whatever the layout.
template <class T, int layout, class Next>
Tensor<T, 3, layout> filled(Index a, Index b, Index c, const Next& next) {
  Tensor<T, 3, layout> tensor(a, b, c);
  for (Index i = 0; i < a; ++i) {
    for (Index j = 0; j < b; ++j) {
      for (Index k = 0; k < c; ++k) tensor(i, j, k) = static_cast<T>(next());
    }
  }
  return tensor;
}

/// [n, c, d] as the matrix [n·d × c], a sample per row.
template <class T, int layout>
Columns<T> as_rows(const Tensor<T, 3, layout>& tensor) {
  const Index n = tensor.dimension(0), c = tensor.dimension(1), d = tensor.dimension(2);
  Columns<T> rows(n * d, c);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < c; ++j) {
      for (Index k = 0; k < d; ++k) rows(i * d + k, j) = tensor(i, j, k);
    }
  }
  return rows;
}

template <class T, int layout>
void element_losses() {
  const auto check = [](const auto& loss) {
    const Index a = 5, b = 7, c = 11;
    Random random(131);
    const auto next = [&] { return 2 * random.normal(); };
    const auto p = filled<T, layout>(a, b, c, next), y = filled<T, layout>(a, b, c, next);
    const auto other = filled < T, layout == Eigen::ColMajor ? Eigen::RowMajor : Eigen::ColMajor > (a, b, c, next);
    const Columns<T> want = loss.gradient(as_rows<T, layout>(p), as_rows<T, layout>(y));
    Tensor<T, 3, layout> g;
    const T value = loss.value_and_gradient(p, y, g);
    CHECK(value == Catch::Approx(loss.forward(as_rows<T, layout>(p), as_rows<T, layout>(y))));
    CHECK(g.dimension(0) == a);
    CHECK(g.dimension(2) == c);
    CHECK(same_bits(as_rows<T, layout>(g), want));
    CHECK(same_bits(as_rows<T, layout>(loss.gradient(p, y)), want));
    CHECK(loss.forward(p, y) == value);
    // The target in the other layout, the gradient in both, through TensorMap.
    auto mixed = other;
    for (Index i = 0; i < a; ++i) {
      for (Index j = 0; j < b; ++j) {
        for (Index k = 0; k < c; ++k) mixed(i, j, k) = y(i, j, k);
      }
    }
    auto g_mixed = other;
    CHECK(loss.value_and_gradient(p, mixed, g_mixed) == Catch::Approx(value));
    CHECK(same_bits(as_rows(g_mixed), want));
    std::vector<T> memory(static_cast<std::size_t>(a * b * c + 1));
    Eigen::TensorMap<Tensor<T, 3, layout>> map(memory.data() + 1, a, b, c);
    CHECK(loss.value_and_gradient(p, y, map) == value);
    const Tensor<T, 3, layout> copied = map;
    CHECK(same_bits(as_rows<T, layout>(copied), want));
    CHECK(loss.value_and_gradient(p, y, losses::add_to(map, 1)) == value);
    CHECK(map(4, 6, 10) == 2 * g(4, 6, 10));
    CHECK(loss.forward(Eigen::TensorMap<const Tensor<T, 3, layout>>(p.data(), a, b, c), y) == value);
    const Tensor<T, 3, layout> terms = loss.unreduced(p, y);
    CHECK(same_bits(as_rows<T, layout>(terms), loss.unreduced(as_rows<T, layout>(p), as_rows<T, layout>(y))));
    // An expression, and weights: one per term, one per sample.
    CHECK(loss.forward(p * p.constant(T(1)), y) == value);
    Tensor<T, 3, layout> ones(a, b, c);
    ones.setConstant(T(1));
    CHECK(loss.value_and_gradient(p, y, ones, g) == value);
    Tensor<T, 1, layout> per_sample(a);
    per_sample.setConstant(T(2));
    CHECK(loss.value_and_gradient(p, y, per_sample, g) == Catch::Approx(value));
    // Other ranks.
    Tensor<T, 1, layout> p1(9), y1(9), g1;
    p1.setConstant(T(2));
    y1.setConstant(T(0));
    CHECK(loss.value_and_gradient(p1, y1, g1) > 0);
    Tensor<T, 5, layout> p5(2, 3, 1, 4, 2), y5(2, 3, 1, 4, 2), g5;
    p5.setConstant(T(2));
    y5.setConstant(T(0));
    CHECK(loss.value_and_gradient(p5, y5, g5) == Catch::Approx(loss.forward(p1, y1)));
    CHECK(g5.dimension(3) == 4);
  };
  check(losses::Huber<T>());
  check(losses::LogCosh<T>());
}

template <class T, int layout>
void cross_entropy() {
  const Index n = 3, c = 5, d = 70;  // no two alike
  Random random(132);
  const auto x = filled<T, layout>(n, c, d, [&] { return 3 * random.normal(); });
  Eigen::Tensor<int, 2, layout> y(n, d);
  laws::LabelVector flat(n * d);
  Tensor<T, 1, layout> weights(n);
  Columns<T> flat_weights(n * d, 1);
  Tensor<T, 2, layout> weight_per_term(n, d);
  for (Index i = 0; i < n; ++i) {
    weights(i) = static_cast<T>(i + 1);
    for (Index k = 0; k < d; ++k) {
      flat(i * d + k) = random.below(4) == 0 ? -100 : random.below(c);
      y(i, k) = static_cast<int>(flat(i * d + k));
      flat_weights(i * d + k) = weights(i);
      weight_per_term(i, k) = weights(i);
    }
  }
  const Columns<T> rows = as_rows<T, layout>(x);
  for (const bool weighted : {false, true}) {
    const losses::CrossEntropy<T> loss(
        {.class_weights = weighted ? losses::rule::NumberOrVector<T>{T(1), T(2), T(0.5), T(1.5), T(3)}
                                   : losses::rule::NumberOrVector<T>{},
         .label_smoothing = weighted ? T(0.1) : T(0)});
    Columns<T> want;
    const T value = loss.value_and_gradient(rows, flat, want);
    Tensor<T, 3, layout> g;
    CHECK(loss.value_and_gradient(x, y, g) == Catch::Approx(value));
    CHECK(as_rows<T, layout>(g).isApprox(want, T(1e-5)));
    CHECK(loss.forward(x, y) == loss.value_and_gradient(x, y, g));
    Tensor<T, 3, layout == Eigen::ColMajor ? Eigen::RowMajor : Eigen::ColMajor> other(n, c, d);
    CHECK(loss.value_and_gradient(x, y, other) == Catch::Approx(value));
    CHECK(as_rows(other).isApprox(want, T(1e-5)));
    Columns<T> weighted_want;
    const T weighted_value = loss.value_and_gradient(rows, flat, flat_weights, weighted_want);
    CHECK(loss.value_and_gradient(x, y, weight_per_term, g) == Catch::Approx(weighted_value));
    CHECK(as_rows<T, layout>(g).isApprox(weighted_want, T(1e-5)));
    CHECK(loss.value_and_gradient(x, y, weights, g) == Catch::Approx(weighted_value));
    CHECK(as_rows<T, layout>(g).isApprox(weighted_want, T(1e-5)));
  }
  // Probabilities of the logits' shape.
  const auto q = filled<T, layout>(n, c, d, [&] { return random.unit() / 4; });
  const losses::CrossEntropy<T> loss;
  Tensor<T, 3, layout> g;
  Columns<T> want;
  const T value = loss.value_and_gradient(rows, as_rows<T, layout>(q), want);
  CHECK(loss.value_and_gradient(x, q, g) == Catch::Approx(value));
  CHECK(as_rows<T, layout>(g).isApprox(want, T(1e-5)));
}

}  // namespace

TEST_CASE("tensor: per_element losses take tensors of any rank in both layouts") {
  element_losses<float, Eigen::ColMajor>();
  element_losses<float, Eigen::RowMajor>();
  element_losses<double, Eigen::ColMajor>();
  element_losses<double, Eigen::RowMajor>();
}

TEST_CASE("tensor: cross-entropy of [n, c, d] is that of the n·d rows") {
  cross_entropy<float, Eigen::ColMajor>();
  cross_entropy<float, Eigen::RowMajor>();
  cross_entropy<double, Eigen::ColMajor>();
  cross_entropy<double, Eigen::RowMajor>();
}

TEST_CASE("tensor: cross-entropy of [2, 3, 4] with weights, smoothing and an ignored label is PyTorch's") {
  // x = (torch.arange(24.).reshape(2, 3, 4) * 0.37).sin() * 2; y = [[0, 1, 2, -100], [2, 2, 0, 1]]
  // torch.nn.functional.cross_entropy(x, y, weight=[0.5, 2, 1.5], label_smoothing=0.2)
  Index count = 0;
  const auto x =
      filled<double, Eigen::RowMajor>(2, 3, 4, [&] { return 2 * std::sin(0.37 * static_cast<double>(count++)); });
  Eigen::Tensor<std::int64_t, 2, Eigen::RowMajor> y(2, 4);
  y.setValues({{0, 1, 2, -100}, {2, 2, 0, 1}});
  const losses::CrossEntropy<double> loss({.class_weights = {0.5, 2.0, 1.5}, .label_smoothing = 0.2});
  Eigen::Tensor<double, 3, Eigen::RowMajor> g;
  CHECK(loss.value_and_gradient(x, y, g) == Catch::Approx(1.1882441518749194).epsilon(1e-14));
  const double want[] = {-0.038426485959741026,   0.038734179458031766,   0.061714836024251325,  0,
                         0.038638383183576486,    -0.042300005397220883,  0.069258919946216399,  0,
                         -0.00021189722383546636, 0.0035658259391891547,  -0.1309737559704677,   0,
                         -0.00013711051991551948, -0.0010235035488054482, -0.044315811469513085, 0.002196599905338532,
                         -0.0026630175511748798,  0.004404310550658621,   0.002119648362141271,  -0.097808504717690578,
                         0.0028001280710903986,   -0.0033808070018531708, 0.042196163107371815,  0.095611904812352072};
  for (Index i = 0; i < 24; ++i) CHECK(g.data()[i] == Catch::Approx(want[i]).epsilon(1e-12));
}

TEST_CASE("tensor: shapes that differ are errors, never broadcast") {
  const losses::Huber<float> loss;
  Columns<float> untouched = Columns<float>::Ones(1, 1);
  Eigen::Tensor<float, 1> vector(4);
  Eigen::Tensor<float, 2> column(4, 1), matrix(2, 3), turned(3, 2);
  vector.setZero();
  column.setZero();
  matrix.setZero();
  turned.setZero();
  laws::refuses("Huber: target", untouched, [&] { (void)loss.forward(vector, column); });
  laws::refuses("Huber: target", untouched, [&] { (void)loss.forward(column, vector); });
  laws::refuses("Huber: target", untouched, [&] { (void)loss.forward(matrix, turned); });
  Eigen::Tensor<float, 3> logits(2, 5, 3), gradient(2, 3, 5);
  logits.setZero();
  gradient.setConstant(7);
  Eigen::Tensor<int, 2> labels(2, 3), transposed(3, 2), wide(2, 5);
  labels.setZero();
  transposed.setZero();
  wide.setZero();
  const losses::CrossEntropy<float> cross_entropy_loss;
  laws::refuses("CrossEntropy: target", untouched, [&] { (void)cross_entropy_loss.forward(logits, transposed); });
  laws::refuses("CrossEntropy: target", untouched, [&] { (void)cross_entropy_loss.forward(logits, wide); });
  labels(1, 2) = 5;
  laws::refuses("CrossEntropy: target[1, 2] is 5", untouched,
                [&] { (void)cross_entropy_loss.forward(logits, labels); });
  Eigen::TensorMap<Eigen::Tensor<float, 3>> map(gradient.data(), 2, 3, 5);
  labels.setZero();
  laws::refuses("gradient", untouched, [&] { (void)cross_entropy_loss.value_and_gradient(logits, labels, map); });
  CHECK(gradient(1, 2, 4) == 7);
}
