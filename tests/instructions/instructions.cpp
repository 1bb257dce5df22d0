// SPDX-License-Identifier: MIT

// The calls whose instructions are counted: `instructions NAME` makes one call after a first that is not counted, inside
// counted_call(), which callgrind is told to watch. Without a name it lists them. None rests on Eigen's matrix product, whose
// blocks depend on the caches of the machine.

#include <cstdint>
#include <functional>
#include <iostream>
#include <string_view>
#include <vector>

#include <losses/losses.hpp>

namespace {

using Eigen::Index, Eigen::MatrixXf, Eigen::VectorXf;
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Labels = Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>;

/// The same numbers on every machine: a Weyl sequence in [−scale, scale].
template <class Matrix>
Matrix numbers(Index rows, Index columns, float scale, std::uint32_t seed) {
  Matrix made(rows, columns);
  std::uint32_t state = seed;
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) {
      state += 0x9e3779b9u;
      made(i, j) = scale * (static_cast<float>(state >> 8) * 0x1p-23f - 1.0f);
    }
  }
  return made;
}

Labels labels(Index n, Index classes) {
  Labels made(n);
  for (Index i = 0; i < n; ++i) made[i] = (i * 7 + i / 3) % classes;
  return made;
}

using Call = std::function<float()>;

struct Case {
  std::string_view name;
  std::function<Call()> make;
};

/// A loss on vectors of n floats; targets in [0, 1] where they are probabilities.
template <class L>
auto elements(const L& loss, Index n, bool probabilities = false) {
  auto p = numbers<VectorXf>(n, 1, 4, 1), y = numbers<VectorXf>(n, 1, probabilities ? 0.5f : 4, 2);
  if (probabilities) y.array() += 0.5f;
  return [=, g = VectorXf(n)]() mutable { return loss.value_and_gradient(p, y, g); };
}

template <class Matrix, class L>
auto rows(const L& loss, Index n, Index classes) {
  const auto x = numbers<Matrix>(n, classes, 4, 3);
  const Labels y = labels(n, classes);
  return [=, g = Matrix(n, classes)]() mutable { return loss.value_and_gradient(x, y, g); };
}

auto boxes(Index n) {
  RowMajor p = numbers<RowMajor>(n, 4, 10, 4), y = numbers<RowMajor>(n, 4, 10, 5);
  for (RowMajor* each : {&p, &y}) each->rightCols(2) = each->leftCols(2) + each->rightCols(2).cwiseAbs();
  return [=, g = RowMajor(n, 4)]() mutable { return losses::GIoU<float>().value_and_gradient(p, y, g); };
}

auto triplets(Index n, Index d) {
  const auto a = numbers<RowMajor>(n, d, 1, 6), p = numbers<RowMajor>(n, d, 1, 7), q = numbers<RowMajor>(n, d, 1, 8);
  return [=, ga = a, gp = a, gq = a]() mutable {
    return losses::Triplet<float>().value_and_gradient(a, p, q, ga, gp, gq);
  };
}

auto speech(Index frames, Index classes, Index symbols) {
  const auto x = numbers<RowMajor>(frames, classes, 3, 9);
  Labels y(symbols);
  for (Index i = 0; i < symbols; ++i) y[i] = 1 + (i * 5) % (classes - 1);
  return [=, g = RowMajor(frames, classes)]() mutable { return losses::CTC<float>().value_and_gradient(x, y, g); };
}

}  // namespace

extern "C" [[gnu::noinline]] float counted_call(const Call& call) {
  return call();
}

int main(int argc, char** argv) {
  using namespace losses;
  const std::vector<Case> cases = {
      {"mse_32", [] { return Call(elements(MSE<float>(), 32)); }},
      {"mse_65536", [] { return Call(elements(MSE<float>(), 65536)); }},
      {"huber_32", [] { return Call(elements(Huber<float>(), 32)); }},
      {"huber_65536", [] { return Call(elements(Huber<float>(), 65536)); }},
      {"log_cosh_4096", [] { return Call(elements(LogCosh<float>(), 4096)); }},
      {"bce_with_logits_4096", [] { return Call(elements(BCEWithLogits<float>(), 4096, true)); }},
      {"focal_with_logits_4096", [] { return Call(elements(FocalWithLogits<float>(), 4096, true)); }},
      {"rmse_65536", [] { return Call(elements(RMSE<float>(), 65536)); }},
      {"dice_with_logits_65536", [] { return Call(elements(DiceWithLogits<float>(), 65536, true)); }},
      {"cross_entropy_32x10_rows", [] { return Call(rows<RowMajor>(CrossEntropy<float>(), 32, 10)); }},
      {"cross_entropy_512x10_rows", [] { return Call(rows<RowMajor>(CrossEntropy<float>(), 512, 10)); }},
      {"cross_entropy_64x1000_rows", [] { return Call(rows<RowMajor>(CrossEntropy<float>(), 64, 1000)); }},
      {"cross_entropy_64x1000_columns", [] { return Call(rows<MatrixXf>(CrossEntropy<float>(), 64, 1000)); }},
      {"softmax_focal_64x1000_rows", [] { return Call(rows<RowMajor>(SoftmaxFocal<float>(), 64, 1000)); }},
      {"multi_margin_64x100_rows", [] { return Call(rows<RowMajor>(MultiMargin<float>(), 64, 100)); }},
      {"softmax_dice_4096x21_columns", [] { return Call(rows<MatrixXf>(SoftmaxDice<float>(), 4096, 21)); }},
      {"giou_4096", [] { return Call(boxes(4096)); }},
      {"triplet_256x64", [] { return Call(triplets(256, 64)); }},
      {"ctc_100x40_20", [] { return Call(speech(100, 40, 20)); }},
  };
  for (const auto& [name, make] : cases) {
    if (argc < 2) std::cout << name << '\n';
    if (argc < 2 || name != argv[1]) continue;
    const Call call = make();
    return call() == counted_call(call) ? 0 : 1;
  }
  return argc < 2 ? 0 : 2;
}
