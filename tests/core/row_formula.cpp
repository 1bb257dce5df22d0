// SPDX-License-Identifier: MIT
// The form of the per_row driver that takes a formula over a whole row, through rules of a few lines.

#include <losses/core/loss.hpp>
#include <losses/tensor.hpp>

#include "row_cases.hpp"

using namespace losses_test;
using losses::Loss;
using losses::Reduction;

namespace {

using Mask = Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic>;

/// Σ_j t_j x_j² over the items that the mask keeps, through working memory.
template <class T>
struct WeightedSquares {
  using Scalar = T;
  using Shape = losses::per_row;
  using Target = losses::rule::NumberRow;
  static constexpr bool takes_mask = true;
  static constexpr int scratch_rows = 2;
  static constexpr losses::rule::Argument target = {"relevance", losses::rule::Domain::not_negative()};

  T operator()(const losses::rule::Row<T>& row, T* slope) const {
    T* squares = row.scratch(0);
    Index* order = row.template scratch<Index>(1);
    for (Index j = 0; j < row.size; ++j) {
      order[j] = row.size - 1 - j;
      squares[j] = row.target[j] * row.x[j] * row.x[j];
    }
    T sum = 0;
    for (Index j = 0; j < row.size; ++j) sum += squares[order[j]];
    for (Index j = 0; slope != nullptr && j < row.size; ++j) slope[j] = 2 * row.target[j] * row.x[j];
    return sum;
  }

  void curvature(const losses::rule::Row<T>& row, T* h) const {
    for (Index j = 0; j < row.size; ++j) h[j] = 2 * row.target[j];
  }
};

/// −Σ of the logits whose classes the row lists, up to the first −1.
struct Listed {
  using Scalar = float;
  using Shape = losses::per_row;
  using Target = losses::rule::LabelRow;

  float operator()(const losses::rule::Row<float>& row, float* slope) const {
    float sum = 0;
    if (slope != nullptr) std::fill_n(slope, row.size, 0.f);
    for (Index j = 0; j < row.size && row.labels[j] >= 0; ++j) {
      sum -= row.x[row.labels[j]];
      if (slope != nullptr) slope[row.labels[j]] -= 1;
    }
    return sum;
  }
};

template <class T>
struct Batch {
  Columns<T> x, t, expected;
  Mask mask;
  Vector<T> weights;
  Real sum = 0, weight = 0;

  Batch(Index n, Index c, bool masked, bool weighted) : x(n, c), t(n, c), expected(n, c), mask(n, c), weights(n) {
    Random random(411);
    expected.setZero();
    for (Index i = 0; i < n; ++i) {
      weights(i) = weighted ? static_cast<T>(i % 4 == 0 ? 0 : random.between(0.5, 2)) : T(1);
      bool any = false;
      for (Index j = 0; j < c; ++j) {
        mask(i, j) = !masked || (i % 5 != 2 && random.below(3) != 0);
        const bool counts = mask(i, j) && weights(i) != 0;
        x(i, j) = counts ? static_cast<T>(random.normal()) : std::numeric_limits<T>::quiet_NaN();  // never read
        t(i, j) = counts ? static_cast<T>(random.unit()) : T(-1);                                  // nor refused
        any = any || counts;
        if (!counts) continue;
        expected(i, j) = 2 * weights(i) * t(i, j) * x(i, j);
        sum += static_cast<Real>(weights(i)) * static_cast<Real>(t(i, j)) * static_cast<Real>(x(i, j)) *
               static_cast<Real>(x(i, j));
      }
      if (any) weight += static_cast<Real>(weights(i));
    }
  }
};

template <class T>
void check_squares() {
  const Loss<WeightedSquares<T>> sum(Reduction::sum), mean;
  for (const auto& [n, c] : {std::pair<Index, Index>{1, 1}, {5, 3}, {70, 9}, {3, 1024}, {200, 40}, {2, 3000}}) {
    for (const bool masked : {false, true}) {
      for (const bool weighted : {false, true}) {
        INFO("[" << n << " x " << c << "]" << (masked ? " masked" : "") << (weighted ? " weighted" : ""));
        const Batch<T> b(n, c, masked, weighted);
        const Rows<T> x_rows = b.x, t_rows = b.t;
        const Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> mask_rows = b.mask;
        const auto run = [&](const auto& x, const auto& t, const auto& mask, auto&& g) {
          if (masked && weighted) return sum.value_and_gradient(x, t, mask, b.weights, g);
          if (masked) return sum.value_and_gradient(x, t, mask, g);
          if (weighted) return sum.value_and_gradient(x, t, b.weights, g);
          return sum.value_and_gradient(x, t, g);
        };
        const auto near = [&](const auto& g) {
          return ((g - b.expected).abs() <= 4 * std::numeric_limits<T>::epsilon() * b.expected.abs()).all();
        };
        Columns<T> g;
        Rows<T> g_rows(n, c);
        const T value = run(b.x, b.t, b.mask, g);
        CHECK(laws::close<T>(static_cast<Real>(value), b.sum, 8 * b.sum));
        CHECK(near(g));
        CHECK(run(x_rows, b.t, mask_rows, g) == value);
        CHECK(near(g));
        CHECK(run(b.x, t_rows, b.mask, g_rows) == value);
        CHECK(near(g_rows));
        g.setConstant(1);
        CHECK(run(x_rows, t_rows, b.mask, losses::add_to(g, 2)) == value);
        CHECK(
            ((g - (1 + 2 * b.expected)).abs() <= 8 * std::numeric_limits<T>::epsilon() * (1 + b.expected.abs())).all());
        Columns<T> both = b.x;
        CHECK(run(both, b.t, b.mask, both) == value);
        CHECK(near(both));
        if (!masked || weighted) continue;
        const auto part = mean.partial(b.x, b.t, b.mask);
        CHECK(part.weight == static_cast<double>(b.weight));
        CHECK(part.count == n);
        const Columns<T> terms = mean.unreduced(b.x, b.t, b.mask), h = sum.curvature(b.x, b.t, b.mask);
        CHECK((terms.rows() == n && terms.cols() == 1));
        CHECK(((h > 0).template cast<int>() <= b.mask.template cast<int>()).all());
      }
    }
  }
}

}  // namespace

TEST_CASE("row formula: targets, masks, weights and storage orders") {
  check_squares<float>();
  check_squares<double>();
}

TEST_CASE("row formula: a masked tensor is the matrix of its samples") {
  const Loss<WeightedSquares<double>> loss;
  Eigen::Tensor<double, 3, Eigen::RowMajor> x(2, 3, 4), t(2, 3, 4), g(2, 3, 4);
  Eigen::Tensor<bool, 3, Eigen::RowMajor> mask(2, 3, 4);
  Columns<double> flat(8, 3), flat_t(8, 3), want;
  Mask flat_mask(8, 3);
  Random random(412);
  for (Index i = 0; i < 2; ++i) {
    for (Index a = 0; a < 4; ++a) {
      for (Index k = 0; k < 3; ++k) {
        flat(4 * i + a, k) = x(i, k, a) = random.normal();
        flat_t(4 * i + a, k) = t(i, k, a) = random.unit();
        flat_mask(4 * i + a, k) = mask(i, k, a) = random.below(3) != 0;
      }
    }
  }
  const double value = loss.value_and_gradient(flat, flat_t, flat_mask, want);
  CHECK(loss.value_and_gradient(x, t, mask, g) == Catch::Approx(value).epsilon(1e-14));
  Index differs = 0;
  for (Index i = 0; i < 2; ++i) {
    for (Index a = 0; a < 4; ++a) {
      for (Index k = 0; k < 3; ++k) differs += std::abs(g(i, k, a) - want(4 * i + a, k)) > 1e-15;
    }
  }
  CHECK(differs == 0);
}

TEST_CASE("row formula: rows of labels") {
  const Columns<float> x = laws::draw_logits<float>(3, 4, 413);
  const Loss<Listed> loss(Reduction::sum);
  Eigen::Array<std::int8_t, Eigen::Dynamic, Eigen::Dynamic> y(3, 4);
  y << 3, 0, -1, 2, -1, -1, -1, -1, 0, 1, 2, 3;
  const float want = -(x(0, 3) + x(0, 0) + x.row(2).sum());
  Columns<float> g;
  CHECK(loss.value_and_gradient(x, y, g) == Catch::Approx(want).epsilon(1e-6));
  CHECK((g(0, 3) == -1 && g(0, 0) == -1 && g(0, 1) == 0 && (g.row(1) == 0).all() && (g.row(2) == -1).all()));
  const Eigen::Array<std::int64_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> wide = y.cast<std::int64_t>();
  CHECK(loss.forward(x, wide) == loss.forward(x, y));
  for (const int bad : {4, -2, 127}) {
    y(2, 1) = static_cast<std::int8_t>(bad);
    const std::string words = "Listed: target[2, 1] is " + std::to_string(bad) + ", but must be in [0, 4) or -1";
    laws::refuses(words, g, [&] { (void)loss.value_and_gradient(x, y, g); });
    CHECK_THROWS_AS(loss.forward(x, y), std::out_of_range);
  }
  laws::refuses("Listed: target is [2 x 4], but must be [3 x 4]", g,
                [&] { (void)loss.forward(x, y.topRows(2).eval()); });
}

TEST_CASE("row formula: what is refused") {
  const Loss<WeightedSquares<float>> loss;
  const Columns<float> x = Columns<float>::Ones(3, 4);
  Columns<float> t = x, g = x;
  const Mask mask = Mask::Constant(3, 4, true), short_mask = Mask::Constant(3, 3, true);
  laws::refuses("WeightedSquares: mask is [3 x 3], but must be [3 x 4], the shape of prediction", g,
                [&] { (void)loss.value_and_gradient(x, t, short_mask, g); });
  laws::refuses("WeightedSquares: relevance is [3 x 3], but must be [3 x 4], the shape of prediction", g,
                [&] { (void)loss.value_and_gradient(x, Columns<float>(3, 3), mask, g); });
  t(1, 2) = -0.5f;
  laws::refuses("WeightedSquares: relevance[1, 2] is -0.5, but must be not negative", g,
                [&] { (void)loss.value_and_gradient(x, t, mask, g); });
  Vector<float> weights = Vector<float>::Ones(3);
  weights(1) = 0;
  CHECK(std::isfinite(loss.forward(x, t, mask, weights)));
  weights(2) = -1;
  laws::refuses("WeightedSquares: weights[2] is -1", g, [&] { (void)loss.value_and_gradient(x, t, mask, weights, g); });
  const Mask none = Mask::Constant(3, 4, false);
  CHECK(loss.value_and_gradient(x, t, none, g) == 0);
  CHECK((g == 0).all());
  CHECK(loss.partial(x, t, none).weight == 0);
}

TEST_CASE("row formula: a curvature is a verb where the rule has one") {
  using Squares = Loss<WeightedSquares<float>>;
  const auto has_curvature = []<class L, class Y>(const L& loss, const Y& y) {
    return requires { loss.curvature(y, y); };
  };
  CHECK(has_curvature(Squares(), Columns<float>()));
  CHECK(!losses::detail::HasCurvature<losses::detail::DriverOf<Listed>>);
  static_assert(losses::LossOn<Squares, Columns<float>, Columns<float>, Mask>);
  static_assert(losses::LossOn<Squares, Columns<float>, Columns<float>, Mask, Vector<float>>);
  static_assert(!losses::LossOn<Squares, Columns<float>, Columns<float>, Columns<double>>);
  static_assert(!losses::LossOn<Loss<Listed>, Columns<float>, Columns<float>>);
  static_assert(!losses::LossOn<Squares, Columns<float>, Columns<int>>);
}
