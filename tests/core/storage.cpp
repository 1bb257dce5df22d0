// SPDX-License-Identifier: MIT

// Every kind of Eigen object in and out. The laws test every layout of every loss through one type of Map; here are the
// types, for a loss of each driver.

#include <losses/classification/cross_entropy.hpp>
#include <losses/regression/huber.hpp>

#include <cstdio>

#include "laws_of_rows.hpp"

using namespace losses_test;

namespace {

template <class T>
void element_storage() {
  const losses::Huber<T> loss;
  for (const auto& shape : {std::pair<Index, Index>{5, 3}, {37, 19}, {150, 131}}) {
    const Index n = shape.first, c = shape.second;
    const Pair<T> in = draw<T>(real_line, n, c, 23);
    const Columns<T> weights = draw_weights<T>(n, c, 24);
    const Rows<T> row_p = in.p;
    Columns<T> want;
    const T value = loss.value_and_gradient(in.p, in.y, weights, want);
    const auto read = [&](const char* name, const auto& p, const auto& y, const auto& w) {
      INFO(laws::type_name<T> << " [" << n << " x " << c << "], input in a " << name);
      Columns<T> g;
      CHECK(loss.value_and_gradient(p, y, w, g) == Catch::Approx(value));
      CHECK(Columns<T>(g).isApprox(want));
      CHECK(loss.forward(p, y, w) == Catch::Approx(value));
    };
    writable_storages(in.p, [&](const char* name, const auto& p) { read(name, p, in.y, weights); });
    writable_storages(in.y, [&](const char* name, const auto& y) { read(name, row_p, y, weights); });
    writable_storages(weights, [&](const char* name, const auto& w) { read(name, row_p, in.y, w); });
    read_only_storages(in.p, [&](const char* name, const auto& p) { read(name, p, in.y, weights); });
    read_only_storages(in.y, [&](const char* name, const auto& y) { read(name, in.p, y, weights); });
    writable_storages(in.p, [&](const char* name, auto& g) {
      INFO(laws::type_name<T> << " [" << n << " x " << c << "], gradient in a " << name);
      g.setConstant(std::numeric_limits<T>::quiet_NaN());
      CHECK(loss.value_and_gradient(row_p, in.y, weights, g) == Catch::Approx(value));
      CHECK(Columns<T>(g).isApprox(want));
      g.setConstant(T(0.5));
      loss.value_and_gradient(row_p, in.y, weights, losses::add_to(g, T(2)));
      CHECK(Columns<T>(g).isApprox(T(0.5) + T(2) * want));
    });
  }
  fixed_types<T>([&]<class Fixed>() {
    const Index n = Fixed::RowsAtCompileTime == Eigen::Dynamic ? 5 : Index(Fixed::RowsAtCompileTime);
    const Index c = Fixed::ColsAtCompileTime == Eigen::Dynamic ? 5 : Index(Fixed::ColsAtCompileTime);
    const Pair<T> in = draw<T>(real_line, n, c, 29);
    Columns<T> want;
    const T value = loss.value_and_gradient(in.p, in.y, want);
    Fixed p = in.p, y = in.y, g;
    INFO(laws::type_name<T> << ", fixed size [" << n << " x " << c << "]");
    CHECK(loss.forward(p, y) == Catch::Approx(value));
    loss.value_and_gradient(p, y, g);
    CHECK(same_bits(g, want));
    CHECK(same_bits(loss.gradient(p, y), want));
    static_assert(std::is_same_v<decltype(loss.gradient(p, y)), Fixed>);
    CHECK(same_bits(loss.unreduced(p, y), losses::Huber<T>().unreduced(in.p, in.y)));
    loss.value_and_gradient(p, y, p);
    CHECK(same_bits(p, want));
  });
}

template <class T>
void row_storage() {
  const losses::CrossEntropy<T> loss;
  const Index n = 37, c = 6;
  const Columns<T> x = laws::draw_logits<T>(n, c, 25);
  const auto labels = laws::draw_labels(n, c, 26);
  const Rows<T> rows = x;
  Columns<T> want;
  const T value = loss.value_and_gradient(x, labels, want);
  const auto read = [&](const char* name, const auto& logits) {
    INFO(laws::type_name<T> << ", logits in a " << name);
    Columns<T> g;
    CHECK(loss.value_and_gradient(logits, labels, g) == Catch::Approx(value));
    CHECK(Columns<T>(g).isApprox(want));
  };
  writable_storages(x, read);
  read_only_storages(x, read);
  writable_storages(x, [&](const char* name, auto& g) {
    INFO(laws::type_name<T> << ", gradient in a " << name);
    g.setConstant(std::numeric_limits<T>::quiet_NaN());
    CHECK(loss.value_and_gradient(rows, labels, g) == Catch::Approx(value));
    CHECK(Columns<T>(g).isApprox(want));
  });
  fixed_types<T>([&]<class Fixed>() {
    const Index m = Fixed::RowsAtCompileTime == Eigen::Dynamic ? 5 : Index(Fixed::RowsAtCompileTime);
    const Index k = Fixed::ColsAtCompileTime == Eigen::Dynamic ? 5 : Index(Fixed::ColsAtCompileTime);
    const Columns<T> logits = laws::draw_logits<T>(m, k, 27);
    const Eigen::Matrix<int, Fixed::RowsAtCompileTime, 1> y = laws::draw_labels(m, k, 28).template cast<int>();
    Columns<T> expected;
    const T answer = loss.value_and_gradient(logits, y, expected);
    Fixed p = logits, g;
    INFO(laws::type_name<T> << ", fixed size [" << m << " x " << k << "]");
    CHECK(loss.value_and_gradient(p, y, g) == Catch::Approx(answer));
    CHECK(Columns<T>(g).isApprox(expected, T(1e-5)));
    static_assert(std::is_same_v<decltype(loss.gradient(p, y)), Fixed>);
  });
}

}  // namespace

TEST_CASE("storage: every kind of Eigen object is an input and a gradient of a per_element loss") {
  element_storage<float>();
  element_storage<double>();
}

TEST_CASE("storage: every kind of Eigen object is an input and a gradient of a per_row loss") {
  row_storage<float>();
  row_storage<double>();
}

TEST_CASE("storage: temporaries are gradients where they are views") {
  const Columns<float> p = Columns<float>::Constant(3, 2, 2), y = Columns<float>::Zero(3, 2);
  const losses::Huber<float> loss({}, losses::Reduction::sum);
  Columns<float> g = Columns<float>::Zero(6, 6);
  loss.value_and_gradient(p, y, g.block(1, 1, 3, 2));
  CHECK(g.sum() == 6);
  loss.value_and_gradient(p.transpose(), y.transpose(), g.topLeftCorner(3, 2).transpose());
  CHECK(g.topLeftCorner(3, 2).sum() == 6);
  loss.value_and_gradient(p, y, Eigen::Map<Columns<float>>(g.data(), 3, 2));
  loss.value_and_gradient(p.col(0), y.col(0), losses::add_to(g.col(5).tail(3), 3));
  CHECK(g.col(5).tail(3).sum() == 9);
  Eigen::MatrixXf plain;
  loss.value_and_gradient(p, y, plain);
  CHECK((plain.rows() == 3 && plain.cols() == 2));
}

TEST_CASE("storage: samples in columns cost a transpose on each side") {
  const Columns<float> x = laws::draw_logits<float>(9, 4, 111);
  const auto y = laws::draw_labels(9, 4, 112);
  const losses::CrossEntropy<float> loss;
  const Columns<float> columns = x.transpose();
  Columns<float> g(4, 9);
  CHECK(loss.value_and_gradient(columns.transpose(), y, g.transpose()) == Catch::Approx(loss.forward(x, y)));
  CHECK(Columns<float>(g.transpose()).isApprox(loss.gradient(x, y)));
}

TEST_CASE("storage: a stride of 0 repeats an input, and is refused for a gradient") {
  const float one = 3;
  const Eigen::Map<const Columns<float>, 0, AnyStride> repeated(&one, 40, 5, AnyStride(0, 0));
  const Columns<float> y = Columns<float>::Zero(40, 5);
  const losses::Huber<float> loss;
  CHECK(loss.forward(repeated, y) == 2.5f);
  CHECK((loss.gradient(repeated, y) == 1 / 200.f).all());
  Columns<float> memory = Columns<float>::Ones(1, 1);
  laws::refuses("gradient", memory,
                [&] { loss.value_and_gradient(y, y, laws::Output<float>(memory.data(), 40, 5, AnyStride(0, 0))); });
}

TEST_CASE("storage: a mean over 1e8 floats is right to 1e-7") {
  // One column of random numbers, read 1024 times through a stride of 0: the memory of 400 kB.
  const Index n = 100000, repeats = 1024;
  Random random(113);
  const Vector<float> column = Vector<float>::NullaryExpr(n, [&] { return static_cast<float>(3 * random.normal()); });
  const Vector<float> zero = Vector<float>::Zero(1);
  const Eigen::Map<const Columns<float>, 0, AnyStride> p(column.data(), n, repeats, AnyStride(0, 1));
  const Eigen::Map<const Columns<float>, 0, AnyStride> y(zero.data(), n, repeats, AnyStride(0, 0));
  Real want = 0;
  for (const float x : column) want += reference::huber(x, 0, 1).f / n;
  const Real got = losses::Huber<float>().forward(p, y);
  INFO("relative error " << static_cast<double>(std::fabs(got / want - 1)));
  CHECK(std::fabs(got / want - 1) <= 1e-7L);
  if (laws::figures_wanted()) std::printf("mean of 1e8 floats: relative error %.1Le\n", std::fabs(got / want - 1));
}

TEST_CASE("storage: chunks of more units than an Index of 32 bits holds 256 times") {
  for (const Index units : {8388607, 8388608, 8388609, 1234567890, INT32_MAX}) {
    for (const Index chunks : {1, 7, 100, 256}) {
      for (Index i = 0; i <= chunks; ++i) {
        const std::int64_t begin = std::int64_t{i} * units / chunks;
        REQUIRE(losses::detail::chunk_begin(i, units, chunks) == begin);
      }
    }
  }
  const Index n = (Index(1) << 23) + 3;
  const Vector<float> row = Eigen::Array2f(0, 1);
  const Eigen::Map<const Columns<float>, 0, AnyStride> x(row.data(), n, 2, AnyStride(1, 0));
  std::vector<signed char> labels(static_cast<std::size_t>(n), 0);
  labels.back() = 1;
  const auto partial = losses::CrossEntropy<float>({.class_weights = {1, 3}}).partial(x, labels);
  const double softplus = std::log1p(std::exp(1.0));
  CHECK(partial.weight == static_cast<double>(n) + 2);
  CHECK(partial.sum == Catch::Approx(static_cast<double>(n - 1) * softplus + 3 * (softplus - 1)).epsilon(1e-6));
}

#if PTRDIFF_MAX > INT32_MAX  // an Index of 32 bits counts no further
TEST_CASE("storage: more than 2^31 elements are counted and indexed right") {
  const Index n = Index(1) << 16, repeats = (Index(1) << 15) + 3;
  Vector<float> column = Vector<float>::Zero(n);
  const Vector<float> zero = Vector<float>::Zero(1);
  column(n - 1) = 1;
  const Eigen::Map<const Columns<float>, 0, AnyStride> p(column.data(), n, repeats, AnyStride(0, 1));
  const Eigen::Map<const Columns<float>, 0, AnyStride> y(zero.data(), n, repeats, AnyStride(0, 0));
  const auto partial = losses::Huber<float>().partial(p, y);
  CHECK(partial.sum == 0.5 * static_cast<double>(repeats));
  CHECK(partial.weight == static_cast<double>(n) * static_cast<double>(repeats));
}
#endif

TEST_CASE("storage: a mean over 1e8 random floats in memory is right to 1e-7", "[.slow]") {
  const Index n = 100000000;
  Random random(114);
  Vector<float> p(n), y = Vector<float>::Zero(n);
  Real want = 0;
  for (Index i = 0; i < n; ++i) {
    p(i) = static_cast<float>(random.between(0, 2));
    want += reference::huber(p(i), 0, 1).f / n;
  }
  Vector<float> g;
  CHECK(std::fabs(losses::Huber<float>().value_and_gradient(p, y, g) / want - 1) <= 1e-7L);
}
