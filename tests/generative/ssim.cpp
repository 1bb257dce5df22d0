// SPDX-License-Identifier: MIT

#include <losses/generative/ssim.hpp>

#include <limits>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "pictures.hpp"

namespace losses_test::ssim {

using losses::Reduction;
using losses::SSIM;
using losses::SSIMPadding;

namespace {

/// Wang et al., eq. (13), by its definition: mean, variance and covariance of each window one after the other. Pictures are of one
/// channel, row by row.
struct Definition {
  Index h, w;
  int window_size;
  bool valid;
  Real max_val, epsilon;

  using Numbers = std::vector<Jet>;

  Index radius() const { return window_size / 2; }
  Index margin() const { return valid ? radius() : 0; }

  static Index mirror(Index i, Index size) {
    i = i < 0 ? -i : i;
    return i < size ? i : 2 * (size - 1) - i;
  }

  /// (1 − SSIM)/2 of the window around (row, column).
  Jet term(const Numbers& x, const Numbers& y, Index row, Index column) const {
    std::vector<Real> weights;
    Numbers p, q;
    Real total = 0;
    for (Index a = -radius(); a <= radius(); ++a) {
      for (Index b = -radius(); b <= radius(); ++b) {
        const auto at = static_cast<std::size_t>(mirror(row + a, h) * w + mirror(column + b, w));
        weights.push_back(std::exp(-static_cast<Real>(a * a + b * b) / 4.5L));
        total += weights.back();
        p.push_back(x[at]);
        q.push_back(y[at]);
      }
    }
    const auto mean = [&](const auto& f) {
      Jet sum = 0;
      for (std::size_t k = 0; k < p.size(); ++k) sum += Jet(weights[k] / total) * f(p[k], q[k]);
      return sum;
    };
    const Jet mx = mean([](const Jet& a, const Jet&) { return a; }),
              my = mean([](const Jet&, const Jet& b) { return b; });
    const Jet xx = mean([&](const Jet& a, const Jet&) { return (a - mx) * (a - mx); });
    const Jet yy = mean([&](const Jet&, const Jet& b) { return (b - my) * (b - my); });
    const Jet xy = mean([&](const Jet& a, const Jet& b) { return (a - mx) * (b - my); });
    const Jet c1(0.01L * max_val * 0.01L * max_val), c2(0.03L * max_val * 0.03L * max_val);
    return (1 - (2 * mx * my + c1) * (2 * xy + c2) / ((mx * mx + my * my + c1) * (xx + yy + c2) + epsilon)) / 2;
  }

  /// Σ w·term; the weights are those of the windows, row by row, or none.
  Jet sum(const Numbers& x, const Numbers& y, const Numbers& weights = {}) const {
    Jet total = 0;
    std::size_t i = 0;
    for (Index row = margin(); row < h - margin(); ++row) {
      for (Index column = margin(); column < w - margin(); ++column, ++i) {
        if (weights.empty() || weights[i].f != 0) {
          total += (weights.empty() ? Jet(1) : weights[i]) * term(x, y, row, column);
        }
      }
    }
    return total;
  }

  /// By each entry of x.
  std::vector<Real> slopes(Numbers x, const Numbers& y, const Numbers& weights) const {
    std::vector<Real> result;
    for (auto& each : x) {
      each = Jet::variable(each.f);
      result.push_back(sum(x, y, weights).d);
      each = Jet(each.f);
    }
    return result;
  }
};

template <class T>
Definition::Numbers row_by_row(const RowMatrix<T>& matrix) {
  return Definition::Numbers(matrix.data(), matrix.data() + matrix.size());
}

template <class T>
void check_definition(const losses::rule::SSIM<T>& rule, const RowMatrix<T>& x, const RowMatrix<T>& y,
                      const RowMatrix<T>& weights = {}) {
  const SSIM<T> loss(rule, Reduction::sum);
  const Definition definition{x.rows(),     x.cols(),    rule.window_size, rule.padding == SSIMPadding::valid,
                              rule.max_val, rule.epsilon};
  RowMatrix<T> gradient;
  const bool weighted = weights.size() > 0;
  const T value = weighted ? loss.value_and_gradient(x, y, weights, gradient) : loss.value_and_gradient(x, y, gradient);
  const bool same = value == (weighted ? loss.forward(x, y, weights) : loss.forward(x, y));
  CHECK(same);
  const auto p = row_by_row(x), q = row_by_row(y), w = row_by_row(weights);
  const Real want = definition.sum(p, q, w).f;
  laws::Worst values, slopes;
  const auto describe = [] { return std::string(); };
  values.see(std::abs(static_cast<Real>(value) - want), laws::value_bound<T> * want, describe);
  const auto wanted = definition.slopes(p, q, w);
  Real largest = 0;
  for (const Real each : wanted) largest = std::max(largest, std::abs(each));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    slopes.see(std::abs(static_cast<Real>(gradient.data()[i]) - wanted[i]), laws::slope_bound<T> * largest, describe);
  }
  CHECK(values.ratio <= 1);
  CHECK(slopes.ratio <= 1);
}

}  // namespace

TEMPLATE_TEST_CASE("SSIM: value and gradient are those of the definition", "", float, double) {
  using T = TestType;
  const auto x = channel(generated_picture<T>(1, 1, 7, 9, 1), 0, 0),
             y = channel(generated_picture<T>(1, 1, 7, 9, 2), 0, 0);
  const auto near = RowMatrix<T>(y + T(0.03125) * x);
  for (const auto padding : {SSIMPadding::same, SSIMPadding::valid}) {
    check_definition<T>({.window_size = 1, .padding = padding}, x, y);
    check_definition<T>({.window_size = 3, .padding = padding}, x, y);
    check_definition<T>({.window_size = 5, .max_val = T(0.25), .padding = padding}, x, y);
    check_definition<T>({.window_size = 7, .padding = padding, .epsilon = T(0.01)}, x, y);
    check_definition<T>({.window_size = 5, .padding = padding}, near, y);
  }
  check_definition<T>({}, x, y);
  check_definition<T>({.max_val = 255}, T(255) * x, T(255) * y);
  check_definition<T>({.window_size = 3}, x.middleRows(2, 2), y.middleRows(2, 2));
  check_definition<T>({.window_size = 3}, -x, y);  // SSIM below 0
  RowMatrix<T> weights = (x.array() - T(0.5)).max(T(0));
  REQUIRE((weights.array() == 0).any());
  check_definition<T>({.window_size = 3}, x, y, weights);
  check_definition<T>({.window_size = 3, .padding = SSIMPadding::valid}, x, y, RowMatrix<T>(weights.block(1, 1, 5, 7)));
}

TEMPLATE_TEST_CASE("SSIM: pictures that are large for their range, flat in parts, keep the digits of their slope", "",
                   float, double) {
  using T = TestType;
  const auto noise = channel(generated_picture<T>(1, 1, 8, 9, 1), 0, 0),
             other = channel(generated_picture<T>(1, 1, 8, 9, 2), 0, 0);
  RowMatrix<T> x = RowMatrix<T>::Constant(8, 9, 1000), y = RowMatrix<T>::Constant(8, 9, 990);
  x.rightCols(4).setConstant(-3000);
  y.bottomRows(3).setConstant(20000);
  for (const auto padding : {SSIMPadding::same, SSIMPadding::valid}) {
    for (const int window_size : {1, 3, 5}) {
      check_definition<T>({.window_size = window_size, .padding = padding}, x, y);
      check_definition<T>({.window_size = window_size, .padding = padding}, x + noise, y + other);
      check_definition<T>({.window_size = window_size, .padding = padding}, T(1000) * noise, T(1000) * other);
      check_definition<T>({.window_size = window_size, .padding = padding, .epsilon = T(0.01)}, x, y + other);
    }
  }
}

TEST_CASE("SSIM: value and gradient are those of kornia's formula in PyTorch") {
  // With number() of vgg16.cpp, in double; x of sequence 1 and y of sequence 2, (number * 0.5 + 0.5) * max_val:
  //   def filtered(t):
  //       p = window_size // 2; g = torch.exp(-(torch.arange(window_size) - p) ** 2 / 4.5).double(); g = g / g.sum()
  //       if padding == "same": t = F.pad(t, (p, p, p, p), mode="reflect")
  //       t = F.conv2d(t, g.view(1, 1, 1, -1).expand(c, 1, 1, -1), groups=c)
  //       return F.conv2d(t, g.view(1, 1, -1, 1).expand(c, 1, -1, 1), groups=c)
  //   mx, my = filtered(x), filtered(y)
  //   sx, sy, sxy = filtered(x * x) - mx ** 2, filtered(y * y) - my ** 2, filtered(x * y) - mx * my
  //   num = (2 * mx * my + C1) * (2 * sxy + C2); den = (mx ** 2 + my ** 2 + C1) * (sx + sy + C2)
  //   value = torch.clamp((1 - num / (den + eps)) / 2, 0, 1).mean()    # or sum
  struct Case {
    std::array<Index, 4> shape;
    losses::rule::SSIM<double> rule;
    Reduction reduction;
    double value, norm;
    std::array<double, 4> entries;
  };
  const std::vector<Case> cases = {
      {{2, 3, 13, 17},
       {},
       Reduction::mean,
       0.4952626377677601,
       0.047648994873130096,
       {0.0005855296949635012, 0.0020056981265938047, 0.00035335379098262124, -0.002511795983610799}},
      {{2, 3, 13, 17},
       {.epsilon = 1e-12},
       Reduction::mean,
       0.49526263776784146,
       0.047648994872523276,
       {0.0005855296949606394, 0.002005698126562595, 0.0003533537909788233, -0.0025117959835745034}},
      {{2, 3, 13, 17},
       {.window_size = 7, .max_val = 255, .padding = SSIMPadding::valid, .epsilon = 1e-12},
       Reduction::sum,
       220.79876512967215,
       0.11704135389839584,
       {0.0006855286867940309, 0.0003338382848899397, 0.0005225059758076044, -0.003118251036523971}},
      {{1, 2, 24, 9},
       {.window_size = 5, .max_val = 0.1},
       Reduction::sum,
       207.1549319153474,
       361.34891794461834,
       {26.002042490007284, -10.717949789630605, 22.338946033924557, -17.026431012678124}}};
  for (const auto& [shape, rule, reduction, value, norm, entries] : cases) {
    const SSIM<double> loss(rule, reduction);
    const auto& [n, c, h, w] = shape;
    Picture<double> gradient;
    CHECK(loss.value_and_gradient(generated_picture<double>(n, c, h, w, 1, rule.max_val),
                                  generated_picture<double>(n, c, h, w, 2, rule.max_val),
                                  gradient) == Catch::Approx(value).epsilon(1e-12));
    check_entries(numbers(gradient), norm, entries, 1e-12);
  }
}

TEMPLATE_TEST_CASE("SSIM: equal pictures are 0, constant ones have their formula, near ones keep their digits", "",
                   float, double) {
  using T = TestType;
  const SSIM<T> loss;
  RowMatrix<T> g;
  for (const T level : {T(0), T(0.25), T(1), T(-3)}) {
    const RowMatrix<T> flat = RowMatrix<T>::Constant(20, 14, level);
    CHECK(loss.value_and_gradient(flat, flat, g) == 0);
    CHECK((g.array() == 0).all());
  }
  const auto x = channel(generated_picture<T>(1, 1, 20, 14, 1), 0, 0);
  CHECK(loss.value_and_gradient(x, x, g) == 0);
  CHECK((g.array() == 0).all());

  for (const auto& [a, b] : {std::pair{0.25, 0.75}, {0.0, 1.0}, {-1.0, 1.0}, {0.5, 0.5 + 0x1p-20}}) {
    const double want = (a - b) * (a - b) / (2 * (a * a + b * b + 1e-4));
    CHECK(static_cast<double>(loss.value_and_gradient(RowMatrix<T>::Constant(20, 14, static_cast<T>(a)).eval(),
                                                      RowMatrix<T>::Constant(20, 14, static_cast<T>(b)).eval(), g)) ==
          Catch::Approx(want).epsilon(static_cast<double>(laws::value_bound<T>)));
    CHECK(g.allFinite());
    // Brighter all over: the slopes add up to those of the formula, 2 (μx − μy)/(…) halved and so on.
    const double d = a - b, s = a * a + b * b + 1e-4;
    CHECK(static_cast<double>(g.sum()) == Catch::Approx(d / s - d * d * a / (s * s)).epsilon(1e-5));
  }
  // Of a pixel that is a little off, the formula as it stands gives noise.
  RowMatrix<T> near = x;
  near(9, 5) += T(0x1p-16);
  const Definition definition{20, 14, 11, false, 1, 0};
  const Real want = definition.sum(row_by_row(near), row_by_row(x)).f / 280;
  CHECK(static_cast<double>(loss.forward(near, x)) == Catch::Approx(static_cast<double>(want)).epsilon(1e-6));
  near = x;
  near(9, 5) = std::nextafter(near(9, 5), T(2));
  CHECK(loss.forward(near, x) > 0);
}

TEST_CASE("SSIM: the laws of its formula: scale, exchange, mirrors and turns") {
  const auto x = channel(generated_picture<double>(1, 1, 15, 23, 1), 0, 0);
  const auto y = channel(generated_picture<double>(1, 1, 15, 23, 2), 0, 0);
  const SSIM<double> loss;
  RowMatrix<double> g, other;
  const double value = loss.value_and_gradient(x, y, g);
  // To the bit, as the unit is a power of two; none overflows or vanishes on the way.
  for (const double scale : {0x1p-900, 0x1p-20, 4.0, 0x1p500}) {
    CHECK(SSIM<double>({.max_val = scale}).value_and_gradient(scale * x, scale * y, other) == value);
    CHECK(RowMatrix<double>(other * scale) == g);
  }
  CHECK(loss.forward(y, x) == Catch::Approx(value).epsilon(1e-14));
  CHECK(loss.value_and_gradient(x.reverse(), y.reverse(), other) == Catch::Approx(value).epsilon(1e-14));
  CHECK((other.reverse() - g).norm() <= 1e-14 * g.norm());
  const RowMatrix<double> turned = x.transpose(), turned_target = y.transpose();
  CHECK(loss.value_and_gradient(turned, turned_target, other) == Catch::Approx(value).epsilon(1e-14));
  CHECK((other.transpose() - g).norm() <= 1e-14 * g.norm());
  // The worst that there is: a pattern against its negative.
  const RowMatrix<double> pattern =
      RowMatrix<double>::NullaryExpr(32, 32, [](Index i, Index j) { return (i + j) % 2 == 0 ? 1.0 : 0.0; });
  const double worst = loss.forward(pattern, RowMatrix<double>(1 - pattern.array()));
  CHECK((worst > 0.99 && worst <= 1));
  // Far outside of the range.
  CHECK(std::isfinite(loss.value_and_gradient(1e140 * x, 1e140 * y, other)));
  CHECK(other.allFinite());
}

TEST_CASE("SSIM: every storage order gives the same") {
  const auto x = generated_picture<double>(2, 3, 12, 14, 1), y = generated_picture<double>(2, 3, 12, 14, 2);
  for (const auto padding : {SSIMPadding::same, SSIMPadding::valid}) {
    const SSIM<double> loss({.padding = padding});
    Picture<double> want;
    const double value = loss.value_and_gradient(x, y, want);
    const auto near = [&](double is) { return std::abs(is - value) <= 1e-14 * value; };
    const auto columns = in_columns(x);
    ColumnPicture<double> g;
    CHECK(near(loss.value_and_gradient(columns, y, g)));
    CHECK(difference(in_rows(g), want) <= 1e-13);
    Picture<double> rows;
    CHECK(near(loss.value_and_gradient(columns, in_columns(y), rows)));
    CHECK(difference(rows, want) <= 1e-13);
    CHECK(near(loss.value_and_gradient(x, in_columns(y), g)));
    CHECK(difference(in_rows(g), want) <= 1e-13);
    CHECK(loss.forward(x * 1.0, Eigen::TensorMap<const Picture<double>>(y.data(), 2, 3, 12, 14)) == value);
    const auto map = loss.unreduced(x, y);
    CHECK(difference(in_rows(loss.unreduced(columns, y)), map) <= 1e-13);

    // One of the pictures, and a channel of it as a matrix.
    using One = Eigen::TensorMap<const Eigen::Tensor<double, 3, Eigen::RowMajor>>;
    const One one(x.data() + 3 * 12 * 14, 3, 12, 14), one_target(y.data() + 3 * 12 * 14, 3, 12, 14);
    const auto a = channel(x, 1, 2), b = channel(y, 1, 2);
    const double of_channel = loss.forward(a, b);
    CHECK(loss.forward(one, one_target) ==
          Catch::Approx((loss.forward(channel(x, 1, 0), channel(y, 1, 0)) +
                         loss.forward(channel(x, 1, 1), channel(y, 1, 1)) + of_channel) /
                        3)
              .epsilon(1e-14));
    CHECK(of_channel == Catch::Approx(channel(map, 1, 2).mean()).epsilon(1e-14));
    RowMatrix<double> slope;
    loss.value_and_gradient(a, b, slope);
    const auto check = [&](const char* name, double is, const RowMatrix<double>& gradient) {
      INFO(name);
      CHECK(is == Catch::Approx(of_channel).epsilon(1e-14));
      CHECK((gradient - slope).norm() <= 1e-13 * slope.norm());
    };
    writable_storages<double>(a.array(), [&](const char* name, auto& storage) {
      RowMatrix<double> to;
      check(name, loss.value_and_gradient(storage, b, to), to);
      storage.setConstant(std::nan(""));
      const double is = loss.value_and_gradient(a, b, storage);
      check(name, is, storage.matrix());
    });
  }
}

TEST_CASE("SSIM: terms are pixels: unreduced, reductions, halves, weights") {
  const auto x = generated_picture<double>(3, 2, 12, 13, 1), y = generated_picture<double>(3, 2, 12, 13, 2);
  const losses::rule::SSIM<double> rule{.window_size = 5, .padding = SSIMPadding::valid};
  const SSIM<double> mean(rule), sum(rule, Reduction::sum), batch(rule, Reduction::batch_mean);
  const auto map = mean.unreduced(x, y);
  REQUIRE(map.dimensions() == Eigen::DSizes<Index, 4>(3, 2, 8, 9));
  const double total = numbers(map).sum();
  CHECK(sum.forward(x, y) == Catch::Approx(total).epsilon(1e-14));
  CHECK(mean.forward(x, y) == Catch::Approx(total / 432).epsilon(1e-14));
  CHECK(batch.forward(x, y) == Catch::Approx(total / 3).epsilon(1e-14));
  CHECK(numbers(mean.gradient(x, y)).isApprox(numbers(sum.gradient(x, y)) / 432, 1e-14));
  CHECK(numbers(batch.gradient(x, y)).isApprox(numbers(sum.gradient(x, y)) / 3, 1e-14));
  const auto part = pictures_of<double>;
  const auto halves = mean.partial(part(x, 0, 1), part(y, 0, 1)) + mean.partial(part(x, 1, 2), part(y, 1, 2));
  for (const auto* loss : {&mean, &sum, &batch}) {
    CHECK(loss->value(halves) == Catch::Approx(loss->forward(x, y)).epsilon(1e-14));
  }

  // Per sample: weight 0 leaves it out, 2 doubles it.
  auto poisoned = x;
  poisoned(1, 1, 6, 6) = std::nan("");
  const Eigen::Vector3d weights(2, 0, 1);
  Picture<double> g(3, 2, 12, 13);
  g.setConstant(std::nan(""));
  CHECK(mean.value_and_gradient(poisoned, y, weights, g) ==
        Catch::Approx((2 * mean.forward(part(x, 0, 1), part(y, 0, 1)) + mean.forward(part(x, 2, 1), part(y, 2, 1))) / 3)
            .epsilon(1e-14));
  CHECK(numbers(part(g, 0, 1)).isApprox(numbers(mean.gradient(part(x, 0, 1), part(y, 0, 1))) * (2 / 3.0), 1e-13));
  CHECK((numbers(part(g, 1, 1)).array() == 0).all());
  // Per term: a mask around the poisoned pixel.
  Picture<double> mask(3, 2, 8, 9);
  mask.setConstant(1.0);
  for (Index i = 2; i < 7; ++i) {
    for (Index j = 2; j < 7; ++j) mask(1, 1, i, j) = 0;
  }
  CHECK(mean.value_and_gradient(poisoned, y, mask, g) == Catch::Approx(mean.forward(x, y, mask)).epsilon(1e-14));
  CHECK(numbers(g).allFinite());
  CHECK(g(1, 1, 6, 6) == 0);
  CHECK(numbers(g).isApprox(numbers(mean.gradient(x, y, mask)), 1e-13));
  CHECK(numbers(mean.unreduced(poisoned, y, mask)).allFinite());
  mask.setZero();
  CHECK(mean.value_and_gradient(poisoned, y, mask, g) == 0);
  CHECK((numbers(g).array() == 0).all());

  const Picture<double> empty(0, 2, 12, 13), narrow(2, 0, 12, 13);
  CHECK(mean.value_and_gradient(empty, empty, g) == 0);
  CHECK(g.dimension(0) == 0);
  CHECK(sum.value_and_gradient(narrow, narrow, g) == 0);
}

TEST_CASE("SSIM: add_to adds, and NaN stays where its windows are") {
  const auto x = channel(generated_picture<float>(1, 1, 16, 40, 1), 0, 0);
  const auto y = channel(generated_picture<float>(1, 1, 16, 40, 2), 0, 0);
  const SSIM<float> loss({.window_size = 5}, Reduction::sum);
  RowMatrix<float> g, added = x;
  const float value = loss.value_and_gradient(x, y, g);
  CHECK(loss.value_and_gradient(x, y, losses::add_to(added, -0.5)) == value);
  CHECK(added.isApprox(x - 0.5F * g, 1e-6F));
  for (Index j = 0; j < 40; ++j) {
    for (const bool in_target : {false, true}) {
      RowMatrix<float> a = x, b = y;
      (in_target ? b : a)(j % 16, j) = std::numeric_limits<float>::quiet_NaN();
      CHECK(std::isnan(loss.value_and_gradient(a, b, g)));
      CHECK(std::isnan(loss.forward(a, b)));
      CHECK(std::isnan(g(j % 16, j)));
      CHECK(std::isfinite(g((j + 8) % 16, (j + 20) % 40)));
    }
  }
}

TEST_CASE("SSIM: the same bits for every number of threads, and for the same rows of a larger plane") {
  const auto x = generated_picture<float>(2, 2, 210, 330, 1), y = generated_picture<float>(2, 2, 210, 330, 2);
  const SSIM<float> loss;
  Picture<float> want;
  const float value = loss.value_and_gradient(x, y, want);
  CHECK(loss.forward(x, y) == value);
  for (const int threads : {1, 2, 3, 4, 8}) {
    Eigen::ThreadPool pool(threads);
    Picture<float> g;
    CHECK(loss.value_and_gradient(losses::parallel(pool), x, y, g) == value);
    CHECK(numbers(g) == numbers(want));
    CHECK(loss.forward(losses::parallel(pool), x, y) == value);
    CHECK(loss.value(loss.partial(losses::parallel(pool), x, y)) == value);
  }
  // The plane is worked on in segments of rows; the top of it does not notice.
  const auto top = RowMatrix<float>(channel(x, 0, 0).topRows(60)),
             top_target = RowMatrix<float>(channel(y, 0, 0).topRows(60));
  const SSIM<float> sum(Reduction::sum);
  CHECK(sum.gradient(top, top_target).topRows(50) == channel(sum.gradient(x, y), 0, 0).topRows(50));
  CHECK(channel(sum.unreduced(x, y), 0, 0).topRows(55) == sum.unreduced(top, top_target).topRows(55));
}

TEST_CASE("SSIM: bad options and shapes are refused, and nothing is written") {
  for (const int size : {0, -3, 4}) {
    laws::refuses_option("SSIM: window_size is " + std::to_string(size) + ", but must be odd and positive",
                         [&] { SSIM<float>({.window_size = size}); });
  }
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {0.F, -1.F, infinity, std::nanf("")}) {
    laws::refuses_option("SSIM: max_val is ", [&] { SSIM<float>({.max_val = bad}); });
  }
  for (const float bad : {-1e-12F, infinity, std::nanf("")}) {
    laws::refuses_option("SSIM: epsilon is ", [&] { SSIM<float>({.epsilon = bad}); });
  }
  const SSIM<float> loss;
  const SSIM<float> inside({.padding = SSIMPadding::valid});
  using Eigen::MatrixXf;
  MatrixXf x = MatrixXf::Constant(12, 14, 0.5F), g = MatrixXf::Constant(12, 14, 7);
  const auto refuses = [&](const std::string& words, const SSIM<float>& by, const auto&... arguments) {
    laws::refuses(words, g, [&] { (void)by.value_and_gradient(arguments..., g); });
  };
  refuses("SSIM: target is [14 x 12], but must be [12 x 14], the shape of prediction", loss, x,
          MatrixXf(x.transpose()));
  const MatrixXf five = MatrixXf::Ones(5, 14), ten = MatrixXf::Ones(14, 10);
  refuses("SSIM: prediction is [5 x 14], but must have at least 6 rows and columns for window_size 11", loss, five,
          five);
  refuses("SSIM: prediction is [14 x 10], but must have at least 11 rows and columns for window_size 11", inside, ten,
          ten);
  refuses("SSIM: weights is [12 x 1], but must be [12 x 14]", loss, x, x, MatrixXf(x.col(0)));
  refuses("SSIM: weights[3, 4] is -1", loss, x, x, [&] {
    MatrixXf weights = x;
    weights(3, 4) = -1;
    return weights;
  }());
  const Eigen::Tensor<float, 1> line(12);
  laws::refuses("SSIM: prediction is [12], but must be [n x c x h x w], [c x h x w] or [h x w]", g,
                [&] { (void)loss.forward(line, line); });
  laws::refuses("SSIM: gradient shares memory with prediction", x, [&] { (void)loss.value_and_gradient(x, g, x); });
  Eigen::Map<MatrixXf> small(g.data(), 6, 14);
  laws::refuses("SSIM: gradient is [6 x 14], but must be [12 x 14]", g,
                [&] { (void)loss.value_and_gradient(x, x, small); });
  const auto pictures = generated_picture<float>(2, 1, 12, 12, 1);
  laws::refuses("SSIM: weights is [3 x 1], but must be ", g,
                [&] { (void)loss.forward(pictures, pictures, Eigen::Vector3f(1, 1, 1)); });
}

TEMPLATE_TEST_CASE("SSIM: a factor that all weights share neither overflows nor vanishes", "", float, double) {
  using T = TestType;
  using Limits = std::numeric_limits<T>;
  const SSIM<T> mean, batch(Reduction::batch_mean);
  const auto x = generated_picture<T>(3, 1, 12, 13, 1), y = generated_picture<T>(3, 1, 12, 13, 2);
  Picture<T> want, g;
  const auto bound = static_cast<double>(laws::value_bound<T>);
  const T value = mean.value_and_gradient(x, y, want), of_batch = batch.forward(x, y);
  for (const T factor : {Limits::denorm_min(), Limits::min(), T(1e30), Limits::max() / 1024}) {
    const Eigen::Matrix<T, 3, 1> weights = Eigen::Matrix<T, 3, 1>::Constant(factor);
    CHECK(mean.value_and_gradient(x, y, weights, g) == Catch::Approx(value).epsilon(bound));
    CHECK(numbers(g).isApprox(numbers(want), 4 * Limits::epsilon()));
    CHECK(mean.forward(x, y, weights) == Catch::Approx(value).epsilon(bound));
    CHECK(batch.forward(x, y, weights) == Catch::Approx(of_batch * factor).epsilon(1e-5).margin(Limits::denorm_min()));
  }
  if constexpr (std::is_same_v<T, double>) {
    g.setConstant(7.0);
    CHECK_THROWS_WITH(mean.value_and_gradient(x, y, Eigen::Vector3d(1e306, 1e306, 1e306), g),
                      Catch::Matchers::Equals("SSIM: weights sum to inf, but must sum to a finite number"));
    CHECK((numbers(g).array() == 7).all());
  }
}

}  // namespace losses_test::ssim
