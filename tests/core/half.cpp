// SPDX-License-Identifier: MIT

// Eigen::half and Eigen::bfloat16 as storage: every read is exact, all arithmetic is that of the loss of float, and a gradient
// is rounded once. So the loss of the widened inputs is the reference, to the bit.

#include <losses/classification/bce_with_logits.hpp>
#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/kl_divergence.hpp>
#include <losses/compose/sum.hpp>
#include <losses/detection/giou.hpp>
#include <losses/regression/huber.hpp>
#include <losses/regression/mse.hpp>
#include <losses/segmentation/dice.hpp>
#include <losses/segmentation/softmax_dice.hpp>
#include <losses/tensor.hpp>

#include <bit>

#include "catch.hpp"
#include "inputs.hpp"

using namespace losses_test;

namespace {

using Eigen::bfloat16;
using Eigen::half;
using losses::detail::Storage;

template <class H>
using Matrix = Eigen::Matrix<H, Eigen::Dynamic, Eigen::Dynamic>;
using RowMajor = Eigen::Matrix<half, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Floats = Eigen::MatrixXf;

/// The same number, NaN being one.
bool same(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || a == b;
}

/// How many entries of a gradient in two bytes are not the one of floats, rounded by Eigen.
template <class G>
Index misrounded(const G& gradient, const Floats& floats) {
  using H = typename G::Scalar;
  REQUIRE((gradient.rows() == floats.rows() && gradient.cols() == floats.cols()));
  Index count = 0;
  for (Index i = 0; i < floats.rows(); ++i) {
    for (Index j = 0; j < floats.cols(); ++j) {
      count += same(static_cast<float>(gradient(i, j)), static_cast<float>(H(floats(i, j)))) ? 0 : 1;
    }
  }
  return count;
}

template <class H>
Matrix<H> drawn(Index n, Index c, std::uint64_t seed, double low = -3, double high = 3) {
  Random random(seed);
  return Matrix<H>::NullaryExpr(n, c, [&] { return static_cast<H>(static_cast<float>(random.between(low, high))); });
}

Floats floats(const auto& x) {
  return x.template cast<float>();
}

/// A loss of p against the target, of which `wide` holds the same numbers as floats.
template <class H, class L, class Y, class Wide>
void agree(const L& loss, const Matrix<H>& p, const Y& y, const Wide& wide) {
  INFO(losses::detail::name_of<typename L::Rule>() << " [" << p.rows() << " x " << p.cols() << "]");
  Matrix<H> g;
  Floats fg;
  CHECK(loss.value_and_gradient(p, y, g) == loss.value_and_gradient(floats(p), wide, fg));
  CHECK(misrounded(g, fg) == 0);
}

/// The same for all verbs, storages and orders.
template <class H, class L, class Y, class Wide>
void check(const L& loss, const Matrix<H>& p, const Y& y, const Wide& wide) {
  const Index n = p.rows(), c = p.cols();
  const Floats fp = floats(p);
  Matrix<H> w = drawn<H>(n, 1, 7, 0, 2);
  if (n > 0) w(0) = H(0);
  const Floats fw = floats(w);
  INFO(losses::detail::name_of<typename L::Rule>() << " [" << n << " x " << c << "]");

  Matrix<H> g;
  Floats fg, mixed;
  const float value = loss.value_and_gradient(p, y, g);
  CHECK(value == loss.value_and_gradient(fp, wide, fg));
  CHECK(value == loss.forward(p, wide));
  CHECK(value == loss.value_and_gradient(fp, y, mixed));
  CHECK(mixed == fg);
  CHECK(misrounded(g, fg) == 0);
  CHECK(misrounded(loss.gradient(p, y), fg) == 0);

  CHECK(loss.value_and_gradient(p, y, w, g) == loss.value_and_gradient(fp, wide, fw, fg));
  CHECK(misrounded(g, fg) == 0);
  CHECK(misrounded(loss.unreduced(p, y), Floats(loss.unreduced(fp, wide))) == 0);

  Matrix<H> sum = p;
  Floats fsum = fp;
  loss.value_and_gradient(p, y, w, losses::add_to(sum, -2));
  loss.value_and_gradient(fp, wide, w, losses::add_to(fsum, -2));
  // −2·g + p in float, with and without a rounding of the product.
  CHECK(floats(sum).isApprox(fsum, 0.01f));

  RowMajor rows = p.template cast<half>();
  if constexpr (std::same_as<H, half>) {
    // In the same order: a sum along a row is rounded otherwise than one across columns, if less than a half shows.
    const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> row_floats = fp;
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> row_gradient;
    CHECK(loss.value_and_gradient(rows, y, w, rows.transpose().transpose()) ==
          loss.value_and_gradient(row_floats, wide, fw, row_gradient));
    CHECK(misrounded(rows, row_gradient) == 0);
    Matrix<half> memory = Matrix<half>::Constant(2 * n + 1, 3 * c, half(7));
    auto strided = memory(Eigen::seqN(0, n, 2), Eigen::seqN(0, c, 3));
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < c; ++j) strided(i, j) = p(i, j);
    }
    const Eigen::Map<Matrix<half>, 0, AnyStride> map(memory.data(), n, c, AnyStride(3 * (2 * n + 1), 2));
    CHECK(loss.value_and_gradient(map, y, w, map) == loss.forward(fp, wide, fw));
    CHECK(misrounded(map, fg) == 0);
    if (n > 0) CHECK(memory(1, 0) == half(7));
  }
}

const Index lengths[] = {
    0, 1, losses::Lanes<float>::size - 1, losses::Lanes<float>::size, losses::Lanes<float>::size + 1, 33, 65, 1200};

/// f(p, y) for matrices of many sizes.
template <class H, class F>
void for_sizes(const F& f) {
  for (const Index n : lengths) {
    for (const Index c : {1, 3}) f(drawn<H>(n, c, 1, 0, 1), drawn<H>(n, c, 2, 0, 1));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("half: all numbers are read as Eigen reads them, and written back as they were", "", half,
                   bfloat16) {
  constexpr Storage storage = losses::detail::storage_of<TestType>;
  std::vector<std::uint16_t> words(65536), back(65536);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::uint16_t>(i);
  std::vector<float> wide(words.size());
  losses::detail::widen(words.data(), storage, 65536, wide.data());
  losses::detail::narrow(wide.data(), 65536, back.data(), storage, false);
  Index wrong = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const float want = static_cast<float>(Eigen::numext::bit_cast<TestType>(words[i]));
    const auto* memory = reinterpret_cast<const float*>(words.data());
    const float one = losses::detail::read_number<float>(memory, static_cast<Index>(i), storage);
    const bool right = std::isnan(want) ? std::isnan(wide[i]) && std::isnan(one) &&
                                              std::isnan(static_cast<float>(Eigen::numext::bit_cast<TestType>(back[i])))
                                        : std::bit_cast<std::uint32_t>(wide[i]) == std::bit_cast<std::uint32_t>(want) &&
                                              std::bit_cast<std::uint32_t>(one) == std::bit_cast<std::uint32_t>(want) &&
                                              back[i] == words[i];
    wrong += right ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("half: floats are rounded as Eigen rounds them, ties to even", "", half, bfloat16) {
  constexpr Storage storage = losses::detail::storage_of<TestType>;
  Random random(3);
  const auto stored = [](std::uint64_t bits) {
    return static_cast<float>(Eigen::numext::bit_cast<TestType>(static_cast<std::uint16_t>(bits)));
  };
  std::vector<float> x;
  for (int i = 0; i < 250000; ++i) {
    const std::uint64_t bits = random.bits();
    const float tie = (stored(bits & 0xffff) + stored((bits & 0xffff) + 1)) / 2;
    x.insert(x.end(), {std::bit_cast<float>(static_cast<std::uint32_t>(bits)), tie, std::nextafter(tie, 1e9f),
                       std::nextafter(tie, -1e9f)});
  }
  for (const float magnitude :
       {0.0f, 65519.996f, 65520.0f, 3.4e38f, INFINITY, NAN, 1e-45f, 0x1p-25f, 0x1.000002p-25f}) {
    x.insert(x.end(), {magnitude, -magnitude});
  }
  std::vector<std::uint16_t> words(x.size());
  losses::detail::narrow(x.data(), static_cast<Index>(x.size()), words.data(), storage, false);
  Index wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    alignas(float) std::uint16_t one[2] = {};
    losses::detail::write_number(x[i], reinterpret_cast<float*>(one), 0, storage);
    const auto want = Eigen::numext::bit_cast<std::uint16_t>(TestType(x[i]));
    const bool right = std::isnan(x[i]) ? std::isnan(stored(words[i])) && std::isnan(stored(one[0]))
                                        : words[i] == want && one[0] == want;
    wrong += right ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("half: losses of elements and of sets have the value and the rounded gradient of floats") {
  const losses::MSE<float> mse;
  const losses::Huber<float> huber({.delta = 0.25f});
  for_sizes<half>([&](const auto& p, const auto& y) {
    check(mse, p, y, floats(y));
    agree(huber, p, y, floats(y));
  });
  const losses::BCEWithLogits<float> bce(losses::Reduction::sum);
  const losses::Dice<float> dice({.per_sample = true});
  for_sizes<bfloat16>([&](const auto& p, const auto& y) {
    check(bce, p, y, floats(y));
    agree(dice, p, y, floats(y));
  });
}

TEST_CASE("half: losses over classes have the value and the rounded gradient of floats") {
  for (const auto& [n, c] : {std::pair<Index, Index>{1, 1}, {5, 3}, {300, 10}, {7, 33}, {300, 129}, {3, 1500}}) {
    const Eigen::VectorXi labels =
        Eigen::VectorXi::NullaryExpr(n, [c = c](Index i) { return static_cast<int>(i * 7 % c); });
    const Matrix<half> p = drawn<half>(n, c, 4), q = drawn<half>(n, c, 5, 0, 1);
    check(losses::CrossEntropy<float>(), p, labels, labels);
    agree(losses::CrossEntropy<float>(), drawn<bfloat16>(n, c, 4), q, floats(q));
    agree(losses::KLDivergence<float>({}, losses::Reduction::sum), p, q, floats(q));
  }
}

TEST_CASE("half: a tensor of halves is a loss's argument and gradient") {
  using Tensor = Eigen::Tensor<half, 3, Eigen::RowMajor>;
  Tensor p(4, 5, 37), g;
  const Matrix<half> numbers = drawn<half>(p.size(), 1, 6);
  std::copy_n(numbers.data(), p.size(), p.data());
  const Eigen::Tensor<float, 3, Eigen::RowMajor> wide = p.cast<float>();
  Eigen::Tensor<float, 3, Eigen::RowMajor> fg;
  Eigen::Tensor<int, 2, Eigen::RowMajor> labels(4, 37);
  for (Index i = 0; i < labels.size(); ++i) labels.data()[i] = static_cast<int>(i % 5);
  const auto both = [&](const auto& loss) {
    CHECK(loss.value_and_gradient(p, labels, g) == loss.value_and_gradient(wide, labels, fg));
    const Eigen::Map<Matrix<half>> flat(g.data(), g.size(), 1);
    CHECK(misrounded(flat, Eigen::Map<Floats>(fg.data(), fg.size(), 1)) == 0);
  };
  both(losses::CrossEntropy<float>());
  both(losses::SoftmaxDice<float>());
}

TEST_CASE("half: NaN, infinity, denormals and a gradient beyond the largest half") {
  Matrix<half> p(4, 1), y = Matrix<half>::Zero(4, 1), g;
  p << half(NAN), half(INFINITY), half(0x1p-24f), half(60000.0f);
  losses::MSE<float> mse(losses::Reduction::sum);
  CHECK(std::isnan(mse.value_and_gradient(p, y, g)));
  CHECK(std::isnan(static_cast<float>(g(0))));
  CHECK(static_cast<float>(g(1)) == INFINITY);
  CHECK(static_cast<float>(g(2)) == 0x1p-23f);
  CHECK(static_cast<float>(g(3)) == INFINITY);  // 120000
  CHECK(mse.forward(p.bottomRows(1), y.bottomRows(1)) == 60000.0f * 60000.0f);
  y(0) = half(1);
  CHECK_THROWS_WITH(losses::BCEWithLogits<float>().forward(y, p),
                    Catch::Matchers::ContainsSubstring("target[1] is inf"));
}

TEST_CASE("half: what shares memory is refused, in bytes") {
  Matrix<half> memory = drawn<half>(9, 1, 8);
  const auto p = memory.topRows(5);
  CHECK_THROWS_WITH(losses::MSE<float>().value_and_gradient(p, p, memory.middleRows(4, 5)),
                    Catch::Matchers::ContainsSubstring("gradient shares memory with prediction"));
  const Matrix<half> y = Matrix<half>::Zero(4, 1);
  CHECK_NOTHROW(losses::MSE<float>().value_and_gradient(memory.topRows(4), y, memory.middleRows(4, 4)));
}

TEST_CASE("half: a sum of losses takes it; a loss of double, and shapes that need floats, do not") {
  using Half = Matrix<half>;
  static_assert(!losses::LossOn<losses::MSE<double>, Half, Half>);
  static_assert(!losses::LossOn<losses::GIoU<float>, Half, Half>);
  static_assert(!losses::AcceptsGradients<losses::GIoU<float>::Rule, Floats&, Floats&, Half&>);
  static_assert(!losses::AcceptsGradients<losses::MSE<double>::Rule, Eigen::MatrixXd&, Eigen::MatrixXd&, Half&>);
  const Half p = drawn<half>(9, 4, 9), y = drawn<half>(9, 4, 10, 0, 1);
  Half g;
  Floats fg;
  const auto one_pass = losses::MSE<float>() + 0.5f * losses::BCEWithLogits<float>();
  CHECK(one_pass.value_and_gradient(p, y, g) == one_pass.value_and_gradient(floats(p), floats(y), fg));
  CHECK(misrounded(g, fg) == 0);
  const auto two_passes = losses::MSE<float>() + 0.5f * losses::CrossEntropy<float>();
  CHECK(two_passes.value_and_gradient(p, y, g) == two_passes.value_and_gradient(floats(p), floats(y), fg));
  CHECK(floats(g).isApprox(fg, 0.002f));  // each term is rounded
  const auto nothing = 0 * losses::MSE<float>() + 0 * losses::CrossEntropy<float>();
  CHECK(nothing.value_and_gradient(p, y, g) == 0);
  CHECK(floats(g).isZero(0));
}
