// SPDX-License-Identifier: MIT

#include <losses/evaluation/check_gradient.hpp>
#include <losses/generative/gradient_penalty.hpp>
#include <losses/tensor.hpp>

#include <numeric>
#include <random>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "laws.hpp"

namespace losses_test::gradient_penalty {

using Eigen::MatrixXd, Eigen::VectorXd;
using losses::GradientPenalty;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Gulrajani et al. (2017), eq. (3), of one sample; the variable is entry k.
template <class T>
Jet reference_term(const Columns<T>& g, Index row, Index k, Real lambda, Real target) {
  Jet squares = 0;
  for (Index j = 0; j < g.cols(); ++j) {
    const Jet x = j == k ? Jet::variable(static_cast<Real>(g(row, j))) : Jet(static_cast<Real>(g(row, j)));
    squares += x * x;
  }
  const Jet r = squares.f == 0 ? Jet(-target) : sqrt(squares) - target;
  return lambda * r * r;
}

/// Samples whose norms lie near the target, near 0 and far away; some are 0.
template <class T>
Columns<T> draw_samples(Index n, Index d, std::uint64_t seed) {
  Random random(seed);
  Columns<T> g(n, d);
  for (Index i = 0; i < n; ++i) {
    const Index style = random.below(8);
    const double size = style == 0  ? 0
                        : style < 5 ? 1 / std::sqrt(static_cast<double>(d) + 1)
                                    : random.decades(1e-6, 1e6);
    for (Index j = 0; j < d; ++j) g(i, j) = static_cast<T>(size * random.normal());
  }
  return g;
}

/// Each entry within a relative error of `epsilon`.
[[gnu::noinline]] bool near(const Columns<double>& got, const Columns<double>& want, double epsilon) {
  return ((got - want).abs() <= epsilon * want.abs()).all();
}

template <class T>
void is_the_reference(Index n, Index d, Real lambda, Real target) {
  INFO(laws::type_name<T> << " [" << n << " x " << d << "], lambda " << static_cast<double>(lambda));
  const Columns<T> g = draw_samples<T>(n, d, static_cast<std::uint64_t>(7 * n + d));
  const GradientPenalty<T> sum({static_cast<T>(lambda), static_cast<T>(target)}, losses::Reduction::sum);
  Columns<T> slopes;
  const T total = sum.value_and_gradient(g, slopes);
  const Vector<T> values = sum.unreduced(g);
  laws::Worst value, slope;
  Real all = 0, magnitude = 0;
  for (Index i = 0; i < n; ++i) {
    const Real norm = std::sqrt(g.row(i).template cast<Real>().square().sum());
    const Jet want = reference_term<T>(g, i, 0, lambda, target);
    // A norm near the target is right to a rounding of itself.
    const Real size = std::max(want.f, lambda * std::fabs(norm - target) * (norm + target));
    all += want.f;
    magnitude += size;
    value.see(std::fabs(static_cast<Real>(values(i)) - want.f), laws::value_bound<T> * size + 1e-300L,
              [&] { return "sample " + std::to_string(i); });
    for (Index k = 0; k < d; k += 1 + d / 10) {
      const Real derivative = norm == 0 ? 0 : reference_term<T>(g, i, k, lambda, target).d;
      const Real terms = norm == 0 ? 0 : 2 * lambda * (1 + target / norm) * std::fabs(static_cast<Real>(g(i, k)));
      slope.see(std::fabs(static_cast<Real>(slopes(i, k)) - derivative), laws::slope_bound<T> * terms + 1e-44L,
                [&] { return "sample " + std::to_string(i) + ", entry " + std::to_string(k); });
    }
  }
  INFO("value: " << value.where << ", slope: " << slope.where);
  CHECK(value.ratio <= 1);
  CHECK(slope.ratio <= 1);
  CHECK(std::fabs(static_cast<Real>(total) - all) <= laws::value_bound<T> * magnitude);
  if (laws::figures_wanted() && n > 1000) {
    std::printf("GradientPenalty              %-6s  value %.1Le  gradient %.1Le\n", laws::type_name<T>,
                value.ratio * laws::value_bound<T>, slope.ratio * laws::slope_bound<T>);
  }
}

}  // namespace

TEST_CASE("GradientPenalty: value and gradient are the reference's", "[laws]") {
  for (const Index d : {1, 2, 5, 16, 33}) {
    is_the_reference<double>(5000, d, 10, 1);
    is_the_reference<float>(5000, d, 10, 1);
  }
  is_the_reference<double>(300, 7, 0.5L, 3);
  is_the_reference<double>(300, 3, 2, 0);
  is_the_reference<double>(9, 3000, 10, 1);
  is_the_reference<float>(9, 3000, 10, 1);
  is_the_reference<double>(300, 3, 0, 1);
}

TEST_CASE("GradientPenalty: the gradient is the central difference", "[laws]") {
  const Columns<double> g = draw_samples<double>(20, 3, 31).min(100).max(-100);
  const Columns<double> away = (g.abs() < 1e-2).select(0.1, g);  // the norm has a kink at 0
  const auto report = losses::check_gradient(GradientPenalty<double>(), away);
  INFO(report.message());
  CHECK((report.ok && report.checked == 60));
}

TEST_CASE("GradientPenalty: the rule on dual numbers is the reference in any unit", "[laws]") {
  const losses::rule::GradientPenalty<double> rule{.lambda = 3, .target = 2};
  for (const Real norm : {0.0L, 0.5L, 2.0L, 7.0L}) {
    for (const Real unit : {0x1p-600L, 1.0L, 0x1p600L}) {
      const auto terms = rule(Jet::variable(norm) * unit, Jet(unit));
      CHECK(terms.value.f == 3 * (norm - 2) * (norm - 2));
      CHECK(terms.value.d == terms.slope.f / unit);
      CHECK(terms.value.dd == terms.curvature.f);
    }
  }
}

TEST_CASE("GradientPenalty: reductions, weights, partial, add_to and every length", "[laws]") {
  using losses::Reduction;
  const GradientPenalty<double> mean, sum(Reduction::sum), batch(Reduction::batch_mean);
  for (const Index n : {0, 1, 2, 7, 8, 9, 33, 127, 128, 129, 300}) {
    for (const Index d : {0, 1, 2, 7, 15, 16, 17, 33, 511, 512, 513}) {
      if (n * d > 40000) continue;
      INFO("[" << n << " x " << d << "]");
      const Columns<double> g = draw_samples<double>(n, d, static_cast<std::uint64_t>(n + 1000 * d));
      const Vector<double> w = draw_weights<double>(n, 1, 3).col(0), u = sum.unreduced(g),
                           weighted = sum.unreduced(g, w);
      REQUIRE(u.size() == n);
      const double total = sum.forward(g), tolerance = 1e-14 * (u.sum() + 1);
      CHECK(std::abs(total - u.sum()) <= tolerance);
      CHECK(near(weighted, w * u, 1e-15));
      CHECK(mean.forward(g) == Catch::Approx(n > 0 ? total / static_cast<double>(n) : 0).epsilon(1e-15));
      CHECK(batch.forward(g) == mean.forward(g));
      CHECK(mean.forward(g, w) == Catch::Approx(n > 0 ? weighted.sum() / w.sum() : 0).epsilon(1e-13));
      CHECK(batch.forward(g, w) == Catch::Approx(n > 0 ? weighted.sum() / static_cast<double>(n) : 0).epsilon(1e-13));
      Columns<double> gs, gm(n, d), gw, both = g;
      gm.setConstant(laws::nan<double>);
      CHECK(sum.value_and_gradient(g, gs) == total);
      CHECK(mean.value_and_gradient(g, gm) == mean.forward(g));
      CHECK(mean.value_and_gradient(g, w, gw) == mean.forward(g, w));
      CHECK(near(gm, gs / static_cast<double>(n), 1e-15));
      CHECK(near(gw, gs.colwise() * w / w.sum(), 1e-14));
      CHECK(same_bits(mean.gradient(g, w), gw));
      CHECK(mean.value_and_gradient(both, both) == mean.forward(g));
      CHECK(same_bits(both, gm));
      Columns<double> added = Columns<double>::Constant(n, d, 0.25);
      CHECK(mean.value_and_gradient(g, w, losses::add_to(added, -3)) == mean.forward(g, w));
      CHECK(((added - (0.25 - 3 * gw)).abs() <= 1e-15 * (0.25 + 3 * gw.abs())).all());
      if (d == 0) continue;  // Eigen moves the null pointer of an empty block
      const Index half = n / 3;
      const auto parts =
          mean.partial(g.topRows(half), w.head(half)) + mean.partial(g.bottomRows(n - half), w.tail(n - half));
      CHECK(mean.value(parts) == Catch::Approx(mean.forward(g, w)).epsilon(1e-13));
      CHECK(parts.count == n);
    }
  }
}

TEST_CASE("GradientPenalty: a weight of 0 removes a sample, whatever it holds; 2 doubles it; samples may be permuted") {
  for (const Index d : {3, 40}) {
    const Index n = 61;
    const Columns<double> g = draw_samples<double>(n, d, 5);
    Columns<double> poisoned = g;
    Vector<double> kinds(n);
    std::vector<Index> kept, order;
    for (Index i = 0; i < n; ++i) {
      kinds(i) = static_cast<double>(i % 3);
      for (Index copies = 0; copies < i % 3; ++copies) kept.push_back(i);
      if (i % 3 == 0) poisoned.row(i).setConstant(i % 2 == 0 ? laws::nan<double> : infinity);
      order.push_back(i * 7 % n);
    }
    const GradientPenalty<double> loss;
    Columns<double> slope, repeated, permuted;
    const double value = loss.value_and_gradient(poisoned, kinds, slope);
    CHECK(value == loss.forward(g, kinds));
    CHECK(value == Catch::Approx(loss.value_and_gradient(pick(g, kept), repeated)).epsilon(1e-14));
    CHECK(same_bits(slope, loss.gradient(g, kinds)));
    for (Index i = 0; i < n; i += 3) CHECK((slope.row(i) == 0).all());
    for (std::size_t k = 0; k < kept.size(); ++k) {
      CHECK(near(slope.row(kept[k]), kinds(kept[k]) * repeated.row(static_cast<Index>(k)), 1e-14));
    }
    CHECK(loss.value_and_gradient(pick(g, order), permuted) == Catch::Approx(loss.forward(g)).epsilon(1e-14));
    CHECK(same_bits(permuted, pick(loss.gradient(g), order)));
    CHECK(loss.value_and_gradient(poisoned, Vector<double>::Zero(n).eval(), slope) == 0);
    CHECK((slope == 0).all());
  }
}

TEST_CASE("GradientPenalty: storage does not matter, and nothing beside a view is touched", "[laws]") {
  const GradientPenalty<double> loss;
  for (const auto& [n, d] : {std::pair<Index, Index>{5, 3}, {150, 4}, {3, 40}, {37, 19}, {2, 700}}) {
    const Columns<double> g = draw_samples<double>(n, d, 11);
    Columns<double> want;
    const double value = loss.value_and_gradient(g, want);
    for (const auto& from : laws::layouts(n, d)) {
      for (const auto& to : laws::layouts(n, d)) {
        INFO("[" << n << " x " << d << "] " << from.name << ", gradient " << to.name);
        const laws::Placed<double> in(g, from);
        laws::Placed<double> out(Columns<double>::Constant(n, d, laws::nan<double>), to);
        const double got = loss.value_and_gradient(in.read(), out.view);
        CHECK(got == Catch::Approx(value).epsilon(1e-14));
        CHECK(got == loss.forward(in.read()));
        CHECK(near(out.view, want, 1e-14));
        CHECK(out.memory.touched() <= n * d);
      }
    }
  }
}

TEST_CASE("GradientPenalty: the gradients of images as tensors, in both layouts, and mixed") {
  Eigen::Tensor<double, 4, Eigen::RowMajor> rows(3, 2, 5, 7), by_rows;
  Eigen::Tensor<double, 4> columns(3, 2, 5, 7), by_columns;
  const Columns<double> g = draw_samples<double>(3, 70, 12);
  for (Index i = 0; i < 3; ++i) {
    for (Index k = 0; k < 70; ++k) rows(i, k / 35, k / 7 % 5, k % 7) = columns(i, k / 35, k / 7 % 5, k % 7) = g(i, k);
  }
  const GradientPenalty<double> loss;
  Columns<double> want;
  const double value = loss.value_and_gradient(g, want);
  const auto matches = [&](const auto& tensor) {
    for (Index i = 0; i < 3; ++i) {
      for (Index k = 0; k < 70; ++k) {
        if (std::abs(tensor(i, k / 35, k / 7 % 5, k % 7) - want(i, k)) > 1e-14 * std::abs(want(i, k))) return false;
      }
    }
    return true;
  };
  CHECK(loss.value_and_gradient(rows, by_rows) == Catch::Approx(value).epsilon(1e-14));
  CHECK(loss.value_and_gradient(columns, by_columns) == Catch::Approx(value).epsilon(1e-14));
  CHECK((matches(by_rows) && matches(by_columns)));
  CHECK(loss.value_and_gradient(rows, by_columns) == loss.forward(rows));
  CHECK(loss.value_and_gradient(columns, by_rows) == loss.forward(columns));
  CHECK((matches(by_rows) && matches(by_columns)));
  std::mt19937 first(3), second(3);
  const Eigen::Tensor<double, 4> between = loss.interpolate(columns, rows, first);
  const MatrixXd flat = loss.interpolate(g, g, second);
  CHECK(between(2, 1, 3, 4) == Catch::Approx(flat(2, 60)).epsilon(1e-15));
}

TEST_CASE("GradientPenalty: a zero gradient costs λ target² and has slope 0, also beside others") {
  const GradientPenalty<double> loss({.lambda = 3, .target = 2}, losses::Reduction::sum);
  for (const Index d : {1, 3, 20, 600}) {
    MatrixXd g = MatrixXd::Zero(3, d), slope;
    CHECK(loss.value_and_gradient(g, slope) == 36);
    CHECK(slope == MatrixXd::Zero(3, d));
    g(1, d - 1) = -4;
    CHECK(loss.value_and_gradient(g, slope) == 36);
    CHECK(slope(1, d - 1) == -12);
    CHECK(slope.cwiseAbs().sum() == 12);
  }
  CHECK(GradientPenalty<double>().forward(MatrixXd(MatrixXd::Zero(4, 0))) == 10);
}

TEST_CASE("GradientPenalty: no norm overflows or vanishes on the way; infinity gives the limit, NaN stays") {
  const auto check = [](auto one, const std::vector<double>& sizes) {
    using T = decltype(one);
    const GradientPenalty<T> loss({.lambda = 10, .target = 1});
    for (const Index d : {3, 30}) {
      for (const double size : sizes) {
        INFO(laws::type_name<T> << ", " << d << " entries of " << size);
        Columns<T> g = Columns<T>::Constant(1, d, static_cast<T>(size)), slope;
        const Real x = static_cast<Real>(g(0)), norm = x * std::sqrt(static_cast<Real>(d));
        const Real value = 10 * (norm - 1) * (norm - 1), want = 20 * (1 - 1 / norm) * x;
        const double got = static_cast<double>(loss.value_and_gradient(g, slope));
        const double epsilon = sizeof(T) == 4 ? 4e-7 : 1e-14;
        if (representable<T>(value)) CHECK(got == Catch::Approx(static_cast<double>(value)).epsilon(epsilon));
        if (!representable<T>(value)) CHECK(got == infinity);
        if (representable<T>(want)) {
          CHECK(static_cast<double>(slope(0, d - 1)) == Catch::Approx(static_cast<double>(want)).epsilon(epsilon));
        }
      }
    }
  };
  check(1.0, {5e-324, 1e-320, 1e-308, 1e-200, 1e-154, 1e-140, 1e-20, 1, 1e20, 1e100, 1e152, 1e160, 1e300, 8e306});
  check(1.0F, {1.4e-45, 1e-44, 1e-38, 1e-30, 1e-20, 1, 1e10, 1e18, 1e30, 1e37});

  // 5000 penalties of a third of the largest number have a mean.
  const double large = std::sqrt(std::numeric_limits<double>::max() / 30);
  const MatrixXd g = MatrixXd::Constant(5000, 1, large);
  const double third = std::numeric_limits<double>::max() / 3;
  CHECK(GradientPenalty<double>().forward(g) == Catch::Approx(third).epsilon(1e-14));
  MatrixXd over = g;
  CHECK(GradientPenalty<double>().value_and_gradient(over, over) == Catch::Approx(third).epsilon(1e-14));
  CHECK(over(4999) == Catch::Approx(large / 250).epsilon(1e-14));
  for (const double weight : {1e-300, 1e300}) {
    const VectorXd weights = VectorXd::Constant(5000, weight);
    CHECK(GradientPenalty<double>().forward(g, weights) == Catch::Approx(third).epsilon(1e-14));
    CHECK(GradientPenalty<double>().forward(MatrixXd(0 * g), weights) == Catch::Approx(10).epsilon(1e-15));
    CHECK(GradientPenalty<double>().gradient(g, weights)(7) == Catch::Approx(large / 250).epsilon(1e-14));
  }

  MatrixXd slope;
  const GradientPenalty<double> loss({.lambda = 1});
  CHECK(loss.value_and_gradient(Eigen::RowVector3d(infinity, -2, -infinity), slope) == infinity);
  CHECK(slope == Eigen::RowVector3d(infinity, -4, -infinity));
  for (Index n = 1; n <= 33; ++n) {
    for (Index i = 0; i < n; ++i) {
      for (const bool along : {false, true}) {
        MatrixXd poisoned = along ? MatrixXd::Ones(1, n) : MatrixXd::Ones(n, 1);
        poisoned(i) = laws::nan<double>;
        CHECK(std::isnan(loss.value_and_gradient(poisoned, slope)));
        CHECK((std::isnan(slope(i)) && std::isnan(loss.forward(poisoned)) &&
               std::isnan(loss.unreduced(poisoned)(along ? 0 : i))));
      }
    }
  }
}

TEST_CASE("GradientPenalty: the first of a whole tile of samples has a norm whose square is no double") {
  MatrixXd g = MatrixXd::Zero(128, 2), slope;
  g.row(0) << 3e199, -4e199;
  const GradientPenalty<double> large({.lambda = 1e-100, .target = 0}, losses::Reduction::sum);
  CHECK(large.value_and_gradient(g, slope) == Catch::Approx(2.5e299).epsilon(1e-14));
  CHECK(slope(0, 1) == Catch::Approx(-8e99).epsilon(1e-14));
  g.row(0) << 3e-200, -4e-200;
  const GradientPenalty<double> small({.lambda = 1e300, .target = 0}, losses::Reduction::sum);
  CHECK(small.value_and_gradient(g, slope) == Catch::Approx(2.5e-99).epsilon(1e-14));
  CHECK(slope(0, 1) == Catch::Approx(-8e100).epsilon(1e-14));
}

TEST_CASE("GradientPenalty: threads and runs give the same bits", "[laws]") {
  const GradientPenalty<float> loss;
  for (const auto& [n, d] : {std::pair<Index, Index>{100000, 3}, {300, 4000}}) {
    const Columns<float> g = draw_samples<float>(n, d, 13), w = draw_weights<float>(n, 1, 14);
    const Rows<float> rows = g;
    Columns<float> want, slope;
    const float value = loss.value_and_gradient(g, w, want), by_rows = loss.forward(rows, w);
    for (const int count : {1, 2, 3, 4, 8}) {
      Eigen::ThreadPool pool(count);
      CHECK(loss.value_and_gradient(losses::parallel(pool), g, w, slope) == value);
      CHECK(same_bits(slope, want));
      CHECK(loss.forward(losses::parallel(pool), rows, w) == by_rows);
    }
  }
}

TEST_CASE("GradientPenalty: value and gradient are PyTorch's") {
  MatrixXd g(4, 3), slope, want(4, 3);
  g << 0.5, -1.25, 2, 0.3, 0.4, 0, -3, 1, 0.5, 0.01, -0.02, 0.02;
  // (10 * (g.norm(2, dim=1) - 1) ** 2).mean()
  CHECK(GradientPenalty<double>().value_and_gradient(g, slope) == Catch::Approx(20.071125955176683).epsilon(1e-14));
  want << 1.4630483052695746, -3.657620763173937, 5.8521932210782985, -1.5, -2, 0, -10.314787143341817,
      3.4382623811139394, 1.7191311905569697, -1.6166666666666667, 3.2333333333333334, -3.2333333333333334;
  CHECK(near(slope, want, 1e-14));
  // (2.5 * (g.norm(2, dim=1) - 0.5) ** 2).sum()
  CHECK(GradientPenalty<double>({.lambda = 2.5, .target = 0.5}, losses::Reduction::sum).value_and_gradient(g, slope) ==
        Catch::Approx(27.927312977588343).epsilon(1e-14));
  want << 1.9815241526347873, -4.953810381586969, 7.926096610539149, 0, 0, 0, -12.657393571670909, 4.219131190556969,
      2.1095655952784846, -0.7833333333333333, 1.5666666666666667, -1.5666666666666667;
  CHECK(near(slope, want, 1e-14));
  // w = tensor([1, 0, 3, 0.5]); (w * 10 * (g.norm(2, dim=1) - 1) ** 2).sum() / w.sum()
  CHECK(GradientPenalty<double>().value_and_gradient(g, Eigen::Vector4d(1, 0, 3, 0.5), slope) ==
        Catch::Approx(37.78167090489994).epsilon(1e-14));
  want << 1.3004873824618441, -3.2512184561546107, 5.201949529847377, 0, 0, 0, -27.506099048911512, 9.168699682970505,
      4.584349841485253, -0.7185185185185186, 1.4370370370370371, -1.4370370370370371;
  CHECK(near(slope, want, 1e-14));
}

namespace {

/// score = tanh(x W + b) u, with the gradient by its parameters that a trainer has.
template <class T>
struct TwoLayers {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  using Parameters = std::vector<Matrix>;

  Matrix W = sines(4, 5, 1), b = sines(1, 5, 2);
  Vector u = sines(5, 1, 3);

  /// torch.sin(1.7 * torch.arange(rows * columns) + start).reshape(rows, columns)
  static Matrix sines(Index rows, Index columns, double start) {
    return Matrix::NullaryExpr(rows, columns, [&](Index i, Index j) {
      return static_cast<T>(std::sin(1.7 * static_cast<double>(i * columns + j) + start));
    });
  }

  /// Eigen's lazy product compiles much faster than its blocked one.
  [[gnu::noinline]] static Matrix product(const Matrix& a, const Matrix& b) { return a.lazyProduct(b); }
  [[gnu::noinline]] static Matrix turned(const Matrix& a) { return a.transpose(); }
  static Matrix sum(const Matrix& a) { return a.colwise().sum(); }

  Matrix tanh_of(const Matrix& x) const { return (product(x, W).rowwise() + b.row(0)).array().tanh(); }
  Matrix slope_of(const Matrix& h) const { return (1 - h.array().square()).rowwise() * turned(u).row(0).array(); }

  Matrix input_gradient(const Matrix& x) const { return product(slope_of(tanh_of(x)), turned(W)); }
  Parameters parameter_gradient(const Matrix& x, const Vector& s) const {
    const Matrix h = tanh_of(x), by_z = slope_of(h).array().colwise() * s.array();
    return {product(turned(x), by_z), sum(by_z), product(turned(h), s)};
  }
};

/// The same with its second derivatives, and no other gradient by its parameters.
template <class T>
struct Exact {
  using Net = TwoLayers<T>;
  using Matrix = typename Net::Matrix;
  Net net = {};

  Matrix input_gradient(const Matrix& x) const { return net.input_gradient(x); }
  std::vector<Matrix> second_order_product(const Matrix& x, const Matrix& v) const {
    const Matrix h = net.tanh_of(x), slope = net.slope_of(h), q = Net::product(v, net.W);
    const Matrix by_z = -2 * h.array() * slope.array() * q.array();
    return {Net::product(Net::turned(x), by_z) + Net::product(Net::turned(v), slope), Net::sum(by_z),
            Net::turned(Net::sum((1 - h.array().square()) * q.array()))};
  }
};

/// All parameters in one vector.
struct Flat {
  TwoLayers<double> net = {};

  MatrixXd input_gradient(const MatrixXd& x) { return net.input_gradient(x); }  // not const
  VectorXd parameter_gradient(const MatrixXd& x, const VectorXd& s) {
    const auto parts = net.parameter_gradient(x, s);
    VectorXd all(parts[0].size() + parts[1].size() + parts[2].size());
    all << parts[0].reshaped(), parts[1].reshaped(), parts[2].reshaped();
    return all;
  }
};

struct WrongShape {
  MatrixXd input_gradient(const MatrixXd& x) const { return x.leftCols(2); }
  VectorXd parameter_gradient(const MatrixXd&, const VectorXd&) const { return {}; }
};

/// The largest error in units of the largest entry, over all layers.
template <class A, class B>
double error_of(const A& got, const B& want) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    error = std::max(error, (got[i].template cast<double>() - want[i].template cast<double>()).cwiseAbs().maxCoeff());
    size = std::max(size, want[i].template cast<double>().cwiseAbs().maxCoeff());
  }
  return error / size;
}

/// x = sines(6, 4, 4); W, b, u as TwoLayers; s = torch.tanh(x @ W + b) @ u
/// g, = torch.autograd.grad(s.sum(), x, create_graph=True); penalty = 10 * ((g.norm(2, dim=1) - 1) ** 2).mean()
/// torch.autograd.grad(penalty, (W, b, u))
const double torch_penalty = 9.499256609293669;
std::vector<MatrixXd> torch_double_backward() {
  std::vector<MatrixXd> all = {MatrixXd(4, 5), MatrixXd(1, 5), MatrixXd(5, 1)};
  all[0] << -0.38302298296890996, 1.9913993198796538, -0.14342453708319758, -5.178051493673976, 0.06469356275438332,
      0.572628613375689, -5.545917638252839, 0.5223322129683998, 6.1713754054251915, -2.0098182385394074,
      -0.3799555582607087, 6.871789703179514, -0.4983341561590437, -4.0889283333822535, 2.1410198745268705,
      0.030649639877290316, -2.094802096317691, 0.03130852221955552, 0.975961135421158, 0.04961894963474989;
  all[1] << 0.005693776290399358, -0.2794173915649382, -0.09355094727249834, 3.375860198224173, 0.10063989117033463;
  all[2] << 0.9600818397077115, -13.775122206809646, 0.9131497192083011, 13.984440830236688, -3.162930541380078;
  return all;
}

}  // namespace

TEST_CASE("GradientPenalty: critic_gradient is PyTorch's double backward, exactly or by differences") {
  const GradientPenalty<double> loss;
  const MatrixXd x = TwoLayers<double>::sines(6, 4, 4);
  const auto want = torch_double_backward();
  std::vector<MatrixXd> gradient;
  CHECK(loss.value_and_critic_gradient(Exact<double>(), x, gradient) == Catch::Approx(torch_penalty).epsilon(1e-13));
  const double exact = error_of(gradient, want);
  CHECK(exact <= 2e-15);
  CHECK(error_of(loss.critic_gradient(Exact<double>(), x), gradient) == 0);

  CHECK(loss.value_and_critic_gradient(TwoLayers<double>(), x, gradient) ==
        Catch::Approx(torch_penalty).epsilon(1e-13));
  const double differences = error_of(gradient, want);
  CHECK(differences <= 5e-10);
  CHECK(differences > 0);

  const GradientPenalty<float> in_float;
  const TwoLayers<float>::Matrix y = TwoLayers<float>::sines(6, 4, 4);
  const double float_differences = error_of(in_float.critic_gradient(TwoLayers<float>(), y), want);
  CHECK(float_differences <= 3e-4);
  CHECK(error_of(in_float.critic_gradient(Exact<float>(), y), want) <= 1e-6);
  if (laws::figures_wanted()) {
    std::printf("critic_gradient: exact %.1e, differences %.1e, in float %.1e\n", exact, differences,
                float_differences);
  }

  Flat flat;
  VectorXd all;
  loss.value_and_critic_gradient(flat, x, all);
  REQUIRE(all.size() == 30);
  CHECK((all.head(20) - want[0].reshaped()).cwiseAbs().maxCoeff() <= 3e-9);
  CHECK((all.tail(5) - want[2].reshaped()).cwiseAbs().maxCoeff() <= 3e-9);
}

TEST_CASE(
    "GradientPenalty: the difference keeps its digits whatever the size of the samples, the penalty and the weights") {
  for (const double size : {1e-6, 1.0, 1e4}) {
    for (const double lambda : {1e-8, 1e8}) {
      INFO("samples of " << size << ", lambda " << lambda);
      TwoLayers<double> net;
      net.W /= size;
      const MatrixXd x = size * net.sines(150, 4, 4);
      const GradientPenalty<double> loss({.lambda = lambda, .target = 1 / size});
      CHECK(error_of(loss.critic_gradient(net, x), loss.critic_gradient(Exact<double>{net}, x)) <= 1e-9);
      VectorXd weights = net.sines(150, 1, 0).cwiseAbs();
      weights.head(30).setZero();
      std::vector<MatrixXd> gradient;
      const double value = loss.value_and_critic_gradient(net, x, weights, gradient);
      CHECK(value == loss.forward(net.input_gradient(x), weights));
      CHECK(error_of(gradient, loss.critic_gradient(Exact<double>{net}, x, weights)) <= 1e-9);
    }
  }
  TwoLayers<double> wide;  // a step along the critic's own weights is felt as much as with few inputs
  wide.W = wide.sines(784, 5, 1) / 28;
  const MatrixXd images = wide.sines(8, 784, 4);
  CHECK(error_of(GradientPenalty<double>().critic_gradient(wide, images),
                 GradientPenalty<double>().critic_gradient(Exact<double>{wide}, images)) <= 5e-10);
  // Samples at 0, and a critic whose slopes are all at the target.
  const GradientPenalty<double> loss;
  const MatrixXd zero = MatrixXd::Zero(3, 4);
  CHECK(error_of(loss.critic_gradient(TwoLayers<double>(), zero), loss.critic_gradient(Exact<double>(), zero)) <= 1e-9);
  TwoLayers<double> still;
  still.W.setZero();
  for (const auto& layer : loss.critic_gradient(still, zero)) CHECK(layer.isZero(0));
  MatrixXd unknown = zero;
  unknown(1, 2) = laws::nan<double>;
  for (const auto& layer : loss.critic_gradient(TwoLayers<double>(), unknown)) CHECK(layer.hasNaN());
}

TEST_CASE("GradientPenalty: interpolate draws one share in [0, 1) for each sample, the same on every platform") {
  const GradientPenalty<double> loss;
  const MatrixXd ones = MatrixXd::Ones(3, 2), zeros = MatrixXd::Zero(3, 2);
  std::mt19937 generator;  // the first numbers of the standard's: 3499211612, 581869302, 3890346734, 3586334585
  const MatrixXd share = loss.interpolate(ones, zeros, generator);
  CHECK(share(0, 0) == std::floor((3499211612.0 / 0x1p32 + 581869302.0) / 0x1p32 * 0x1p53) / 0x1p53);
  CHECK(share(1, 1) == std::floor((3890346734.0 / 0x1p32 + 3586334585.0) / 0x1p32 * 0x1p53) / 0x1p53);
  CHECK(share.col(0) == share.col(1));
  generator.discard(9999 - 6);
  CHECK(generator() == 4123659995U);  // the standard's 10000th: six were drawn

  std::mt19937_64 wide(7);
  std::minstd_rand odd(7);
  const Columns<float> real = draw_samples<float>(20000, 2, 21), fake = draw_samples<float>(20000, 2, 22);
  const auto check_draws = [&](auto& bits, const char* name) {
    INFO(name);
    const Columns<float> unit = GradientPenalty<float>().interpolate(Columns<float>::Ones(20000, 1).eval(),
                                                                     Columns<float>::Zero(20000, 1).eval(), bits);
    CHECK((unit >= 0 && unit < 1).all());
    CHECK(std::abs(unit.mean() - 0.5F) < 0.01F);
    CHECK(std::abs(unit.square().mean() - 1 / 3.0F) < 0.01F);
    CHECK(((unit * 0x1p24F).round() == unit * 0x1p24F).all());
    const Columns<float> x = GradientPenalty<float>().interpolate(real, fake, bits);
    CHECK((x >= real.min(fake) - 1e-6F * real.abs().max(fake.abs())).all());
    CHECK((x <= real.max(fake) + 1e-6F * real.abs().max(fake.abs())).all());
  };
  check_draws(wide, "mt19937_64");
  check_draws(odd, "minstd_rand");
  check_draws(generator, "mt19937");

  struct Highest {  // a share must stay below 1 where rounding would make it 1
    using result_type = std::uint64_t;
    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return UINT64_MAX; }
    result_type operator()() { return max(); }
  } highest;
  CHECK(loss.interpolate(ones, zeros, highest)(0) == 1 - 0x1p-53);
  CHECK(GradientPenalty<float>().interpolate(real, real, highest).isApprox(real));
}

TEST_CASE("GradientPenalty: one call with a critic, with a generator and without") {
  const GradientPenalty<double> loss;
  const MatrixXd real = TwoLayers<double>::sines(40, 4, 5), fake = TwoLayers<double>::sines(40, 4, 6);
  const TwoLayers<double> critic;
  std::mt19937 first(1), second(1);
  const MatrixXd x = loss.interpolate(real, fake, first);
  CHECK(loss.forward(critic, real, fake, second) == loss.forward(critic.input_gradient(x)));
  CHECK(first() == second());
  const double one = loss.forward(critic, real, fake), two = loss.forward(critic, real, fake);
  CHECK(one != two);  // other points
  CHECK(one == Catch::Approx(two).epsilon(0.5));
}

TEST_CASE("GradientPenalty: bad options, shapes and critics are refused, and nothing is written") {
  const double nan = laws::nan<double>;
  for (const double bad : {-1.0, nan, infinity}) {
    laws::refuses_option("GradientPenalty: lambda is ", [&] { GradientPenalty<double>({.lambda = bad}); });
    laws::refuses_option("GradientPenalty: target is ", [&] { GradientPenalty<double>({.target = bad}); });
  }
  const GradientPenalty<double> loss;
  const MatrixXd g = MatrixXd::Random(5, 3), other = MatrixXd::Random(3, 5);
  MatrixXd slope = MatrixXd::Constant(5, 3, 7);
  const auto refuses = [&](const std::string& words, const auto& call) { laws::refuses(words, slope, call); };
  refuses("GradientPenalty: weights is [5 x 3], but must be [5]", [&] { loss.value_and_gradient(g, g, slope); });
  refuses("GradientPenalty: input gradient has no axis, but must be [n x ...]",
          [&] { (void)loss.forward(Eigen::Tensor<double, 0>()); });
  refuses("GradientPenalty: weights[3] is -1, but must be finite and not negative", [&] {
    Eigen::VectorXd weights = VectorXd::Ones(5);
    weights[3] = -1;
    loss.value_and_gradient(g, weights, slope);
  });
  refuses("GradientPenalty: gradient is [3 x 3], but must be [5 x 3]",
          [&] { loss.value_and_gradient(g, slope.topRows(3)); });
  refuses("GradientPenalty: gradient is [5 x 3], but must be [3 x 5]",
          [&] { loss.value_and_gradient(other, losses::add_to(slope)); });
  refuses("GradientPenalty: gradient shares memory with input gradient",
          [&] { loss.value_and_gradient(slope.topRows(4), slope.bottomRows(4)); });
  std::mt19937 generator(1);
  refuses("GradientPenalty: fake is [3 x 5], but must be [5 x 3], the shape of real",
          [&] { loss.interpolate(g, other, generator); });
  CHECK(generator() == std::mt19937(1)());  // nothing was drawn
  VectorXd by_parameters = VectorXd::Constant(2, 7);
  laws::refuses("GradientPenalty: the critic's input gradient is [5 x 2], but must be [5 x 3], the shape of x",
                by_parameters, [&] { loss.value_and_critic_gradient(WrongShape(), g, by_parameters); });
  laws::refuses("GradientPenalty: the critic's input gradient is [5 x 2]", by_parameters,
                [&] { loss.forward(WrongShape(), g, g); });
  laws::refuses("GradientPenalty: weights is [3 x 1], but must be [5]", by_parameters, [&] {
    loss.value_and_critic_gradient(Flat(), TwoLayers<double>::sines(5, 4, 1), VectorXd::Ones(3).eval(), by_parameters);
  });
}

TEST_CASE("GradientPenalty: what a critic is") {
  STATIC_REQUIRE(losses::Critic<TwoLayers<double>, MatrixXd>);
  STATIC_REQUIRE(losses::TrainableCritic<TwoLayers<double>, MatrixXd>);
  STATIC_REQUIRE_FALSE(losses::SecondOrderCritic<TwoLayers<double>, MatrixXd, MatrixXd>);
  STATIC_REQUIRE(losses::SecondOrderCritic<Exact<double>, MatrixXd, MatrixXd>);
  STATIC_REQUIRE_FALSE(losses::TrainableCritic<Exact<double>, MatrixXd>);
  STATIC_REQUIRE_FALSE(losses::Critic<const Flat, MatrixXd>);
  STATIC_REQUIRE_FALSE(losses::Critic<MatrixXd, MatrixXd>);
}

}  // namespace losses_test::gradient_penalty
