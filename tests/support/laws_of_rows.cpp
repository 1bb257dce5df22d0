// SPDX-License-Identifier: MIT

#include "laws_of_rows.hpp"

#include <cstdio>
#include <numeric>

#include <unsupported/Eigen/CXX11/ThreadPool>

namespace losses_test::laws {

using losses::Reduction;

namespace {

template <class T>
constexpr Real epsilon = static_cast<Real>(std::numeric_limits<T>::epsilon());

Index label_at(const LabelVector& y, Index i) {
  return static_cast<Index>(y(i));
}

template <class T>
struct Subject {
  const RowVerbs<T>& verbs;
  Reduction reduction = Reduction::mean;

  T forward(const Columns<T>& x, const LabelVector& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.forward(reduction, input(x), label_input(y), weights, nullptr); });
  }
  T value_and_gradient(const Columns<T>& x, const LabelVector& y, const Columns<T>* w, Columns<T>& g) const {
    return with(w, [&](auto weights) { return verbs.resize(reduction, input(x), label_input(y), weights, g); });
  }
  T add_to(const Columns<T>& x, const LabelVector& y, const Columns<T>* w, Columns<T>& g, double factor) const {
    return with(
        w, [&](auto weights) { return verbs.add_to(reduction, input(x), label_input(y), weights, output(g), factor); });
  }
  Columns<T> gradient(const Columns<T>& x, const LabelVector& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.gradient(reduction, input(x), label_input(y), weights); });
  }
  Columns<T> unreduced(const Columns<T>& x, const LabelVector& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.unreduced(reduction, input(x), label_input(y), weights); });
  }
  losses::Partial partial(const Columns<T>& x, const LabelVector& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.partial(input(x), label_input(y), weights); });
  }

 private:
  template <class Call>
  static auto with(const Columns<T>* w, const Call& call) {
    if (w == nullptr) return call(static_cast<const Input<T>*>(nullptr));
    const Input<T> weights = input(*w);
    return call(&weights);
  }
};

/// The terms, gradients of the sum and denominators of a batch, by the reference.
template <class T>
struct Oracle {
  std::vector<Real> terms, weights, magnitudes, conditions;
  std::vector<bool> kinks;
  Eigen::Array<Real, Eigen::Dynamic, Eigen::Dynamic> gradient, largest;
  Real sum = 0, weight = 0;

  Oracle(const RowVerbs<T>& verbs, const Columns<T>& x, const LabelVector& y, const Columns<T>* sample_weights)
      : gradient(x.rows(), x.cols()), largest(x.rows(), x.cols()) {
    gradient.setZero();
    largest.setZero();
    for (Index i = 0; i < x.rows(); ++i) {
      const bool ignored = verbs.ignored && y(i) == *verbs.ignored;
      const Real w = sample_weights != nullptr ? static_cast<Real>((*sample_weights)(i)) : 1;
      Real term = 0, share = 0, magnitude = 0, condition = 1;
      bool kink = false;
      if (!ignored && w != 0) {
        std::vector<Real> row(static_cast<std::size_t>(x.cols()));
        for (Index k = 0; k < x.cols(); ++k) row[static_cast<std::size_t>(k)] = as_logit(x(i, k));
        const auto formula = [&](const std::vector<Jet>& jets) { return verbs.term(jets, label_at(y, i)); };
        const Jet at = formula({row.begin(), row.end()});
        term = w * at.f;
        kink = at.kink;
        share = w * verbs.weight(label_at(y, i));
        magnitude = w * verbs.magnitude({row.begin(), row.end()}, label_at(y, i));
        condition = verbs.condition({row.begin(), row.end()}, label_at(y, i));
        if (std::isfinite(term)) {
          const std::vector<Real> g = reference::row_gradient(row, formula);
          for (Index k = 0; k < x.cols(); ++k) {
            gradient(i, k) = w * g[static_cast<std::size_t>(k)];
            largest(i, k) = w * verbs.largest({row.begin(), row.end()}, k, label_at(y, i));
          }
        }
      }
      terms.push_back(term);
      weights.push_back(share);
      magnitudes.push_back(magnitude);
      conditions.push_back(condition);
      kinks.push_back(kink);
      sum += term;
      weight += share;
    }
  }

  /// −inf is a masked class, exactly; +inf is a limit.
  static Real as_logit(T x) { return std::isinf(x) && x < 0 ? -reference::infinity : as_real(x); }
};

template <class T>
std::string row_text(const Columns<T>& x, const LabelVector& y, Index i, Real got, Real want) {
  std::string text = "row [";
  for (Index k = 0; k < std::min<Index>(x.cols(), 8); ++k)
    text += (k > 0 ? ", " : "") + number(static_cast<Real>(x(i, k)));
  return text + "], label " + std::to_string(y(i)) + ", got " + number(got) + ", but the reference is " + number(want);
}

/// How a difference of logits was rounded shows in its exponential, and so in the gradient of a class that is not the
/// label: relative, for the largest difference that matters.
template <class T>
Real rounding(const Columns<T>& x, Index i, Real bound) {
  Real largest = 0;
  for (Index k = 0; k < x.cols(); ++k) {
    for (Index j = 0; j < k; ++j) {
      const Real d = std::fabs(static_cast<Real>(x(i, k)) - static_cast<Real>(x(i, j)));
      if (d < 120) largest = std::max(largest, d);
    }
  }
  return 1 + largest * epsilon<T> / bound;
}

template <class T>
struct Errors {
  Worst value, slope;
  Real plain_value = 0, plain_slope = 0;  // as P1 and P2 state them, for the figures
};

/// Laws 1, 14 (the gradient of a row sums to 0) and P5, for one batch.
template <class T>
void compare(const RowVerbs<T>& verbs, const Columns<T>& x, const LabelVector& y, Errors<T>& errors) {
  const Subject<T> sum{verbs, Reduction::sum};
  const Oracle<T> want(verbs, x, y, nullptr);
  const Columns<T> terms = sum.unreduced(x, y), gradient = sum.gradient(x, y);
  REQUIRE(terms.size() == x.rows());
  const Real top = static_cast<Real>(std::numeric_limits<T>::max());
  const Real tiny = 8 * static_cast<Real>(std::numeric_limits<T>::min());
  Index crooked = 0;
  for (Index i = 0; i < x.rows(); ++i) {
    const Real expected = want.terms[static_cast<std::size_t>(i)], got = static_cast<Real>(terms(i));
    const auto where = [&](Real is, Real must) { return [&, is, must] { return row_text(x, y, i, is, must); }; };
    Real error = std::fabs(got - expected);
    if (std::fabs(expected) > top * (1 - 8 * epsilon<T>)) {
      error = std::fabs(got) >= top * (1 - 16 * epsilon<T>) && (got > 0) == (expected > 0) ? 0 : reference::infinity;
    }
    const Real condition = want.conditions[static_cast<std::size_t>(i)];
    const Real size = std::max(std::fabs(expected), want.magnitudes[static_cast<std::size_t>(i)]);
    errors.value.see(error, value_bound<T> * condition * size + tiny, where(got, expected));
    if (size > 1e-30L && size < top) errors.plain_value = std::max(errors.plain_value, error / size);
    if (want.kinks[static_cast<std::size_t>(i)]) continue;  // by hand
    Real row_sum = 0, row_size = 0;
    for (Index k = 0; k < x.cols(); ++k) {
      const Real g = static_cast<Real>(gradient(i, k)), must = want.gradient(i, k);
      row_sum += g;
      if (k != y(i)) row_size += std::max(std::fabs(g), want.largest(i, k));
      const Real scale = std::max(std::fabs(must), want.largest(i, k));
      const bool overflows = std::fabs(must) > top * (1 - 8 * epsilon<T>);
      const Real off =
          overflows && std::fabs(g) >= top * (1 - 16 * epsilon<T>) && (g > 0) == (must > 0) ? 0 : std::fabs(g - must);
      if (scale > 1e-30L && !overflows) errors.plain_slope = std::max(errors.plain_slope, off / scale);
      errors.slope.see(off, slope_bound<T> * condition * rounding(x, i, slope_bound<T>) * scale + tiny, where(g, must));
    }
    if (!verbs.sums_to_zero || !std::isfinite(row_sum)) continue;
    // The label's entry may be more exact than the others, whose differences of logits were rounded.
    const Real each = (4 + condition) * epsilon<T> + (rounding(x, i, 1) - 1);
    if (!(std::fabs(row_sum) <= static_cast<Real>(x.cols()) * (each * row_size + tiny))) ++crooked;
  }
  CHECK(crooked == 0);
}

template <class T>
void accuracy(const RowVerbs<T>& verbs, Index classes) {
  Errors<T> errors;
  const std::vector<std::pair<Index, Index>> sizes =
      classes != 0
          ? std::vector<std::pair<Index, Index>>{{drawn_of(14000), classes}}
          : std::vector<std::pair<Index, Index>>{
                {5, 1}, {drawn_of(1000), 2}, {drawn_of(12000), 7}, {drawn_of(700), 10}, {drawn_of(90), 33}, {3, 129}};
  for (const auto& shape : sizes) {
    const Index n = shape.first, c = shape.second;
    compare(verbs, draw_logits<T>(n, c, 201), draw_labels(n, c, 202, verbs.ignored), errors);
  }
  // Every triple of the values of P5 (and a masked class), every label.
  const T limit = std::numeric_limits<T>::max(), infinity = std::numeric_limits<T>::infinity();
  const std::vector<T> values = {T(0),     std::numeric_limits<T>::denorm_min(),
                                 T(1),     T(-1),
                                 T(40),    T(88),
                                 T(-88),   T(104),
                                 T(-104),  T(1e4),
                                 T(-1e4),  T(1e8),
                                 limit,    -limit,
                                 -infinity};
  const Index c = classes != 0 ? classes : 3, m = static_cast<Index>(values.size());
  Columns<T> x = Columns<T>::Constant(m * m * m * 3, c, T(-0.5));
  LabelVector y(x.rows());
  Index kept = 0;
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index k = 0, rest = i / 3; k < 3; ++k, rest /= m) x(kept, k) = values[static_cast<std::size_t>(rest % m)];
    y(kept) = i % 3;
    const bool masked_label = x(kept, label_at(y, kept)) == -infinity;
    if (!masked_label) ++kept;  // +inf with gradient 0: by hand
  }
  compare<T>(verbs, x.topRows(kept), y.head(kept), errors);
  {
    INFO("worst value: " << errors.value.where);
    CHECK(errors.value.ratio <= 1);
  }
  {
    INFO("worst slope: " << errors.slope.where);
    CHECK(errors.slope.ratio <= 1);
  }
  if (figures_wanted()) {
    std::printf("%-32s %-6s  value %.1Le  gradient %.1Le\n", verbs.name.c_str(), type_name<T>, errors.plain_value,
                errors.plain_slope);
  }
}

/// Whether the slope jumps within h of x(i, k).
template <class T>
bool kinked(const RowVerbs<T>& verbs, const Columns<T>& x, Index i, Index k, Index label, Real h) {
  if (verbs.ignored && label == *verbs.ignored) return false;
  std::vector<Jet> row;
  for (Index j = 0; j < x.cols(); ++j) row.emplace_back(static_cast<Real>(x(i, j)));
  const Real at = row[static_cast<std::size_t>(k)].f;
  row[static_cast<std::size_t>(k)] = Jet::variable(at + h);
  const Real above = verbs.term(row, label).d;
  row[static_cast<std::size_t>(k)] = Jet::variable(at - h);
  return std::fabs(above - verbs.term(row, label).d) > 0.05L;
}

template <class T>
void central_differences(const RowVerbs<T>& verbs, Index classes) {
  const Index n = 11, c = classes != 0 ? classes : 5;
  const Columns<T> x = draw_logits<T>(n, c, 211) / T(10);
  const LabelVector y = draw_labels(n, c, 212, verbs.ignored);
  const Columns<T> weights = draw_weights<T>(n, 1, 213);
  const Subject<T> mean{verbs};
  const Columns<T> gradient = mean.gradient(x, y, &weights);
  Worst worst;
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < c; ++k) {
      const T h = sizeof(T) == 4 ? T(0x1p-7) : T(0x1p-17);
      Columns<T> moved = x;
      moved(i, k) = x(i, k) + h;
      Real width = static_cast<Real>(moved(i, k));
      const Real up = static_cast<Real>(mean.forward(moved, y, &weights));
      moved(i, k) = x(i, k) - h;
      width -= static_cast<Real>(moved(i, k));
      const Real difference = (up - static_cast<Real>(mean.forward(moved, y, &weights))) / width;
      if (kinked(verbs, x, i, k, label_at(y, i), static_cast<Real>(h))) continue;
      worst.see(std::fabs(static_cast<Real>(gradient(i, k)) - difference),
                4 * epsilon<T> * (1 + std::fabs(up)) / width + width * width,
                [&] { return row_text(x, y, i, static_cast<Real>(gradient(i, k)), difference); });
    }
  }
  INFO(worst.where);
  CHECK(worst.ratio <= 1);
}

/// Law 13, for every entry of some rows, and masked ones among them.
template <class T>
void curvature(const RowVerbs<T>& verbs, Index classes) {
  const Index n = 41, c = classes != 0 ? classes : 5;
  Columns<T> x = draw_logits<T>(n, c, 215) / T(4);
  const LabelVector y = draw_labels(n, c, 216, verbs.ignored);
  for (Index i = 0; i < n; i += 3) {
    if (c > 1 && y(i) != 0) x(i, 0) = -std::numeric_limits<T>::infinity();
  }
  const Columns<T> weights = draw_weights<T>(n, 1, 217);
  const Input<T> w = input(weights);
  Worst worst;
  const Rows<T> rows = x;
  const Input<T> row_major(rows.data(), n, c, AnyStride(1, c));
  for (const Input<T>& logits : {input(x), row_major}) {
    const Columns<T> got = verbs.curvature(Reduction::sum, logits, label_input(y), &w);
    REQUIRE((got.rows() == n && got.cols() == c));
    for (Index i = 0; i < n; ++i) {
      for (Index k = 0; k < c; ++k) {
        std::vector<Jet> row;
        for (Index j = 0; j < c; ++j) row.emplace_back(Oracle<T>::as_logit(x(i, j)));
        const bool ignored = verbs.ignored && y(i) == *verbs.ignored;
        const Real share = static_cast<Real>(weights(i)), is = static_cast<Real>(got(i, k));
        const Real scale =
            ignored ? 0 : share * verbs.largest(row, k, label_at(y, i)) * verbs.condition(row, label_at(y, i));
        const bool masked = std::isinf(x(i, k));
        row[static_cast<std::size_t>(k)].d = 1;
        const Real must = ignored || masked ? 0 : share * verbs.term(row, label_at(y, i)).dd;
        worst.see(std::fabs(is - must), 8 * slope_bound<T> * std::max(scale, std::fabs(must)),
                  [&] { return "entry " + std::to_string(k) + " of " + row_text(x, y, i, is, must); });
      }
    }
  }
  INFO(worst.where);
  CHECK(worst.ratio <= 1);
}

std::vector<std::pair<Index, Index>> row_shapes(Index classes) {
  if (classes != 0) return {{0, classes}, {1, classes}, {17, classes}, {33, classes}, {700, classes}, {9001, classes}};
  return {{0, 3},    {1, 1},    {5, 1},     {1, 2},    {3, 7},    {4, 7},    {5, 8},
          {8, 5},    {15, 16},  {16, 15},   {17, 3},   {33, 9},   {3, 1023}, {2, 1024},
          {3, 1025}, {300, 70}, {4099, 10}, {700, 33}, {2, 5000}, {1, 33},   {33, 1}};
}

/// As close, for sums that may be as small as the smallest numbers.
template <class T>
bool near_sum(Real got, Real want, Real magnitude) {
  const Real tiny = 8 * static_cast<Real>(std::numeric_limits<T>::min());
  return close<T>(got, want, magnitude) || std::fabs(got - want) <= tiny;
}

/// Laws 2, 3, 8 and the denominators.
template <class T>
void reductions(const RowVerbs<T>& verbs, Index classes) {
  const Subject<T> sum{verbs, Reduction::sum}, mean{verbs, Reduction::mean}, batch{verbs, Reduction::batch_mean};
  for (const auto& shape : row_shapes(classes)) {
    const Index n = shape.first, c = shape.second;
    INFO("[" << n << " x " << c << "]");
    const Columns<T> x = draw_logits<T>(n, c, static_cast<std::uint64_t>(220 + n + c)),
                     per_sample = draw_weights<T>(n, 1, 221);
    const LabelVector y = draw_labels(n, c, 222, verbs.ignored);
    for (const Columns<T>* weights : {static_cast<const Columns<T>*>(nullptr), &per_sample}) {
      INFO((weights == nullptr ? "no weights" : "a weight per sample"));
      Real weight = 0;
      for (Index i = 0; i < n; ++i) {
        const bool ignored = verbs.ignored && y(i) == *verbs.ignored;
        if (!ignored)
          weight += verbs.weight(label_at(y, i)) * (weights == nullptr ? 1 : static_cast<Real>(per_sample(i)));
      }
      const Columns<T> terms = sum.unreduced(x, y, weights);
      REQUIRE(terms.size() == n);
      const Real want = terms.template cast<Real>().sum(), magnitude = terms.template cast<Real>().abs().sum();
      if (weights != nullptr) {
        const Columns<T> plain = sum.unreduced(x, y);
        CHECK(((plain * per_sample - terms).abs() <=
               2 * std::numeric_limits<T>::epsilon() * terms.abs() + std::numeric_limits<T>::min())
                  .all());
      }
      const T s = sum.forward(x, y, weights), m = mean.forward(x, y, weights), b = batch.forward(x, y, weights);
      CHECK(near_sum<T>(static_cast<Real>(s), want, magnitude));
      const Real rows = static_cast<Real>(n);
      CHECK((weight > 0 ? near_sum<T>(static_cast<Real>(m), want / weight, magnitude / weight) : m == 0));
      CHECK((n > 0 ? near_sum<T>(static_cast<Real>(b), want / rows, magnitude / rows) : b == 0));
      Columns<T> gs, gm, gb;
      CHECK(sum.value_and_gradient(x, y, weights, gs) == s);
      CHECK(mean.value_and_gradient(x, y, weights, gm) == m);
      CHECK(batch.value_and_gradient(x, y, weights, gb) == b);
      REQUIRE((gs.rows() == n && gs.cols() == c));
      CHECK(same_bits(gm, mean.gradient(x, y, weights)));
      Worst worst;
      for (Index i = 0; i < gs.size(); ++i) {
        const Real g = static_cast<Real>(gs(i));
        // p − q may cancel.
        const Real scale = 64 * epsilon<T> * static_cast<Real>(gs.row(i % n).abs().maxCoeff());
        const Real tiny = sizeof(T) == 4 ? 1e-37L : 1e-307L;
        const auto here = [&] { return "entry " + std::to_string(i); };
        if (weight > 0) worst.see(std::fabs(static_cast<Real>(gm(i)) - g / weight), scale / weight + tiny, here);
        worst.see(std::fabs(static_cast<Real>(gb(i)) - g / rows), scale / rows + tiny, here);
        if (weight == 0 && gm(i) != 0) worst.see(1, 0.5L, here);
      }
      INFO("denominator of the gradient, " << worst.where);
      CHECK(worst.ratio <= 1);
      const auto partial = mean.partial(x, y, weights);
      CHECK(close<double>(partial.weight, weight, weight));
      CHECK(near_sum<T>(partial.sum, want, magnitude));
      CHECK(partial.count == n);
      CHECK(verbs.value(Reduction::mean, partial) == m);
      CHECK(verbs.value(Reduction::sum, partial) == s);
    }
  }
}

/// Law 4. The two kernels (classes contiguous, samples contiguous) may round a row's sum differently.
template <class T>
void storage(const RowVerbs<T>& verbs, Index classes) {
  using Shapes = std::vector<std::pair<Index, Index>>;
  for (const auto& shape :
       classes != 0 ? Shapes{{5, classes}, {150, classes}} : Shapes{{5, 3}, {37, 19}, {3, 40}, {150, 131}}) {
    const Index n = shape.first, c = shape.second;
    const Columns<T> x = draw_logits<T>(n, c, 231), weights = draw_weights<T>(n, 1, 232),
                     nans = Columns<T>::Constant(n, c, nan<T>);
    const LabelVector y = draw_labels(n, c, 233, verbs.ignored);
    LabelVector spread(3 * n + 1);
    spread.setConstant(-77777);
    Eigen::Map<LabelVector, 0, Eigen::InnerStride<>>(spread.data() + 1, n, Eigen::InnerStride<>(3)) = y;
    const LabelInput strided(spread.data() + 1, n, Eigen::InnerStride<>(3));
    Columns<T> want;
    const T value = Subject<T>{verbs}.value_and_gradient(x, y, &weights, want);
    const auto near = [&](const auto& a, const Columns<T>& b) {
      // An entry p − q is as exact as the larger of the two.
      Index far = 0;
      for (Index i = 0; i < n; ++i) {
        std::vector<Jet> row;
        for (Index k = 0; k < c; ++k) row.emplace_back(x(i, k));
        const bool ignored = verbs.ignored && y(i) == *verbs.ignored;
        const T condition = ignored ? T(1) : static_cast<T>(verbs.condition(row, label_at(y, i)));
        const T size = condition * b.row(i).abs().maxCoeff() + std::numeric_limits<T>::min();
        for (Index k = 0; k < c; ++k) {
          if (!(std::abs(a(i, k) - b(i, k)) <= 16 * std::numeric_limits<T>::epsilon() * size)) ++far;
        }
      }
      return far == 0;
    };
    for (const Layout& lx : layouts(n, c)) {
      for (const Layout& lg : layouts(n, c)) {
        INFO("[" << n << " x " << c << "] logits " << lx.name << ", gradient " << lg.name);
        const Placed<T> logits(x, lx), w(weights, {"", 1, 2, 1, 2 * n + 1});
        Placed<T> g(nans, lg);
        const Input<T> read_weights = w.read();
        const T got = verbs.value_and_gradient(Reduction::mean, logits.read(), strided, &read_weights, g.view, nullptr);
        CHECK(close<T>(static_cast<Real>(got), static_cast<Real>(value), 2 * std::fabs(static_cast<Real>(value))));
        CHECK(verbs.forward(Reduction::mean, logits.read(), strided, &read_weights, nullptr) == got);
        CHECK(near(g.view, want));
        const Columns<T> plain = g.view, added = T(0.5) + T(2) * plain;
        g.view.setConstant(T(0.5));
        CHECK(verbs.add_to(Reduction::mean, logits.read(), strided, &read_weights, g.view, 2) == got);
        CHECK(((g.view - added).abs() <= 4 * std::numeric_limits<T>::epsilon() * (T(0.5) + T(2) * plain.abs())).all());
        CHECK(g.memory.touched() <= n * c);
      }
    }
  }
}

/// Laws 5, 6, 9 and 10, ignored rows and in-place gradients.
template <class T>
void samples(const RowVerbs<T>& verbs, Index classes) {
  const Index n = 61, c = classes != 0 ? classes : 6;
  const Columns<T> x = draw_logits<T>(n, c, 241), weights = draw_weights<T>(n, 1, 242), zeros = Columns<T>::Zero(n, 1);
  const LabelVector y = draw_labels(n, c, 243, verbs.ignored);
  const auto near = [](const Columns<T>& a, const Columns<T>& b) {
    return ((a - b).abs() <= 16 * std::numeric_limits<T>::epsilon() * b.abs().maxCoeff()).all();
  };
  // Sums of the same terms in another order: terms of both signs cancel.
  const auto same_value = [](T a, T b, const Columns<T>& terms) {
    const Real all = static_cast<Real>(terms.abs().sum()), left = std::fabs(static_cast<Real>(terms.sum()));
    return close<T>(static_cast<Real>(a), static_cast<Real>(b),
                    2 * std::fabs(static_cast<Real>(b)) * (left > 0 ? all / left : 1));
  };
  const auto pick_labels = [&](const std::vector<Index>& rows) {
    LabelVector result(static_cast<Index>(rows.size()));
    for (std::size_t i = 0; i < rows.size(); ++i) result(static_cast<Index>(i)) = y(rows[i]);
    return result;
  };
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    INFO((reduction == Reduction::mean ? "mean" : "sum"));
    const Subject<T> loss{verbs, reduction};
    Columns<T> gradient;
    const T value = loss.value_and_gradient(x, y, &weights, gradient);
    {
      std::vector<Index> order(static_cast<std::size_t>(n));
      std::iota(order.begin(), order.end(), Index(0));
      std::reverse(order.begin() + 7, order.end());
      std::swap(order[0], order[40]);
      const Columns<T> w = pick(weights, order);
      Columns<T> g;
      CHECK(same_value(loss.value_and_gradient(pick(x, order), pick_labels(order), &w, g), value,
                       loss.unreduced(x, y, &weights)));
      CHECK(near(g, pick(gradient, order)));
    }
    {
      Columns<T> kinds(n, 1), poisoned = x;
      std::vector<Index> kept;
      for (Index i = 0; i < n; ++i) {
        kinds(i) = static_cast<T>(i % 3);
        for (Index copies = 0; copies < i % 3; ++copies) kept.push_back(i);
        if (i % 3 == 0) poisoned.row(i).setConstant(nan<T>);
      }
      Columns<T> weighted, repeated, clean;
      const T one = loss.value_and_gradient(x, y, &kinds, weighted);
      CHECK(same_value(one, loss.value_and_gradient(pick(x, kept), pick_labels(kept), nullptr, repeated),
                       loss.unreduced(x, y, &kinds)));
      Columns<T> doubled = pick(weighted, kept);
      for (std::size_t k = 0; k < kept.size(); ++k) repeated.row(static_cast<Index>(k)) *= kinds(kept[k]);
      CHECK(near(doubled, repeated));
      CHECK(loss.value_and_gradient(poisoned, y, &kinds, clean) == one);
      CHECK(same_bits(clean, weighted));
      Index wrong = 0;
      for (Index i = 0; i < n; i += 3) wrong += (clean.row(i) != 0).count();
      CHECK(wrong == 0);
    }
    if (verbs.ignored) {  // an ignored row is never read, and its gradient is exactly 0
      Columns<T> poisoned = x, g;
      Index wrong = 0;
      for (Index i = 0; i < n; ++i) {
        if (y(i) == *verbs.ignored) poisoned.row(i).setConstant(nan<T>);
      }
      CHECK(loss.value_and_gradient(poisoned, y, &weights, g) == value);
      for (Index i = 0; i < n; ++i) {
        if (y(i) == *verbs.ignored) wrong += (g.row(i) != 0).count();
      }
      CHECK(wrong == 0);
      const LabelVector nothing = LabelVector::Constant(n, *verbs.ignored);
      CHECK(loss.value_and_gradient(x, nothing, &weights, g) == 0);
      CHECK((g == 0).all());
      CHECK(loss.partial(x, nothing).weight == 0);
    }
    {
      Columns<T> g = Columns<T>::Constant(n, c, nan<T>);
      CHECK(loss.value_and_gradient(x, y, &weights, g) == value);
      CHECK(same_bits(g, gradient));
      g.setConstant(T(0.25));
      CHECK(loss.add_to(x, y, &weights, g, -3) == value);
      const Columns<T> want = T(0.25) - T(3) * gradient;
      CHECK(((g - want).abs() <= 4 * std::numeric_limits<T>::epsilon() * (T(0.25) + (T(3) * gradient).abs())).all());
    }
    for (const Index cut : {Index(0), Index(1), Index(30), n}) {
      const Columns<T> top = weights.topRows(cut), bottom = weights.bottomRows(n - cut);
      const auto first = loss.partial(x.topRows(cut), y.head(cut), &top);
      const auto second = loss.partial(x.bottomRows(n - cut), y.tail(n - cut), &bottom);
      CHECK(same_value(verbs.value(reduction, first + second), value, loss.unreduced(x, y, &weights)));
    }
    Columns<T> g = Columns<T>::Ones(n, c);
    CHECK(loss.value_and_gradient(x, y, &zeros, g) == 0);
    CHECK((g == 0).all());
    Columns<T> both = x;
    CHECK(verbs.value_and_gradient(reduction, input(both), label_input(y), nullptr, output(both), nullptr) ==
          loss.forward(x, y));
    CHECK(same_bits(both, loss.gradient(x, y)));
  }
}

/// P6 for logits: planted in every class of every row.
template <class T>
void nan_in_nan_out(const RowVerbs<T>& verbs, Index classes) {
  Index lost = 0;
  std::string where;
  const Subject<T> loss{verbs};
  for (Index c = 1; c <= 33; ++c) {
    if (classes != 0 && c != classes) continue;
    for (const Index n : {Index(1), Index(2), Index(17), Index(33)}) {
      const Columns<T> x = draw_logits<T>(n, c, static_cast<std::uint64_t>(250 + c));
      const LabelVector y = draw_labels(n, c, 251);
      const Index step = n > 2 ? 5 : 1;
      for (Index i = 0; i < n; i += step) {
        for (Index k = 0; k < c; ++k) {
          if (verbs.reads_label_only && k != y(i)) continue;
          Columns<T> poisoned = x, g;
          poisoned(i, k) = nan<T>;
          const T value = loss.value_and_gradient(poisoned, y, nullptr, g);
          if (!std::isnan(value) || !std::isnan(loss.forward(poisoned, y)) || !g.row(i).isNaN().any() ||
              !std::isnan(loss.unreduced(poisoned, y)(i))) {
            ++lost;
            where = std::to_string(n);
            for (const Index each : {c, i, k}) where += ", " + std::to_string(each);
          }
        }
      }
    }
  }
  INFO("last at n, c, row, class = " << where);
  CHECK(lost == 0);
}

template <class T>
void bad_inputs(const RowVerbs<T>& verbs, Index classes) {
  const Subject<T> loss{verbs};
  const std::string prefix = verbs.name.substr(0, verbs.name.find_first_of(",( ")) + ": ";
  const auto every_verb = [&](const std::string& words, const Columns<T>& x, const LabelVector& y,
                              const Columns<T>* w = nullptr) {
    Columns<T> g = Columns<T>::Constant(2, 2, T(7));
    refuses(prefix + words, g, [&] { (void)loss.forward(x, y, w); });
    refuses(prefix + words, g, [&] { (void)loss.gradient(x, y, w); });
    refuses(prefix + words, g, [&] { (void)loss.value_and_gradient(x, y, w, g); });
    refuses(prefix + words, g, [&] { (void)loss.unreduced(x, y, w); });
    refuses(prefix + words, g, [&] { (void)loss.partial(x, y, w); });
  };
  const Index n = 23, c = classes != 0 ? classes : 10;
  const Columns<T> x = draw_logits<T>(n, c, 261);
  const LabelVector y = draw_labels(n, c, 262);
  for (const std::int64_t bad : {std::int64_t(-1), std::int64_t(c), std::int64_t(c) + 2, INT64_MAX, INT64_MIN,
                                 (std::int64_t(1) << 32) + 1, std::int64_t(-101)}) {
    LabelVector labels = y;
    labels(17) = bad;
    every_verb("target[17] is " + std::to_string(bad) + ", but must be in [0, " + std::to_string(c) + ")", x, labels);
  }
  every_verb("target", x, LabelVector(y.head(n - 1)));
  every_verb("target", x.topRows(5), y);
  every_verb("target", Columns<T>(0, c), LabelVector(y.head(1)));
  every_verb("", Columns<T>(3, 0), LabelVector(y.head(3)));
  every_verb("", Columns<T>(0, 0), LabelVector());
  for (const Index size : {Index(0), Index(1), n - 1, n + 1}) {
    const Columns<T> weights = Columns<T>::Ones(size, 1);
    every_verb("weights", x, y, &weights);
  }
  for (const T bad : {T(-1), nan<T>, std::numeric_limits<T>::infinity()}) {
    Columns<T> weights = Columns<T>::Ones(n, 1);
    weights(4) = bad;
    every_verb("weights[4] is ", x, y, &weights);
  }
  Columns<T> memory = draw_logits<T>(2 * n, c, 263);
  const auto place = [&](Index offset, Index rows, Index columns) {
    return Output<T>(memory.data() + offset, rows, columns, AnyStride(2 * n, 1));
  };
  const auto gradient_refused = [&](const std::string& words, Input<T> logits, Output<T> g) {
    refuses(words, memory,
            [&] { (void)verbs.value_and_gradient(Reduction::mean, logits, label_input(y), nullptr, g, nullptr); });
    refuses(words, memory, [&] { (void)verbs.add_to(Reduction::mean, logits, label_input(y), nullptr, g, 1); });
  };
  gradient_refused("gradient", input(x), place(0, n, c - 1));
  gradient_refused("gradient", input(x), place(0, n - 1, c));
  gradient_refused("shares memory", Input<T>(memory.data(), n, c, AnyStride(2 * n, 1)), place(1, n, c));
}

template <class T>
void threads(const RowVerbs<T>& verbs, Index classes) {
  const Index n = 20011, c = classes != 0 ? classes : 13;
  const Columns<T> x = draw_logits<T>(n, c, 271), weights = draw_weights<T>(n, 1, 272);
  const Rows<T> rows = x;
  const LabelVector y = draw_labels(n, c, 273, verbs.ignored);
  const Input<T> w = input(weights), column_major = input(x), row_major(rows.data(), n, c, AnyStride(1, c));
  for (const Input<T>& logits : {column_major, row_major}) {
    for (const auto* used : {static_cast<const Input<T>*>(nullptr), &w}) {
      Columns<T> want(n, c), g(n, c);
      const T value = verbs.value_and_gradient(Reduction::mean, logits, label_input(y), used, output(want), nullptr);
      for (const int count : {1, 2, 3, 4, 8}) {
        Eigen::ThreadPool eigen(count);
        Pool pool{count, [&](std::function<void()> task) { eigen.Schedule(std::move(task)); }};
        INFO(count << " threads");
        for (int repeat = 0; repeat < 2; ++repeat) {
          g.setConstant(nan<T>);
          CHECK(verbs.forward(Reduction::mean, logits, label_input(y), used, &pool) == value);
          CHECK(verbs.value_and_gradient(Reduction::mean, logits, label_input(y), used, output(g), &pool) == value);
          CHECK(same_bits(g, want));
        }
      }
    }
  }
}

template <class T>
void check(const RowVerbs<T>& verbs, Index classes) {
  const std::string suffix = std::string(" (") + type_name<T> + ")";
  INFO(verbs.name << suffix);
  SECTION("1, 14: value and gradient are the reference's, and a gradient's row sums to 0" + suffix) {
    accuracy(verbs, classes);
  }
  SECTION("1: the gradient is the central difference" + suffix) {
    central_differences(verbs, classes);
  }
  SECTION("13: the curvature is the second derivative" + suffix) {
    curvature(verbs, classes);
  }
  SECTION("2, 3, 8: denominators for every length" + suffix) {
    reductions(verbs, classes);
  }
  SECTION("4: storage does not matter" + suffix) {
    storage(verbs, classes);
  }
  SECTION("5, 6, 9, 10: samples, weights, ignored rows, add_to and partial" + suffix) {
    samples(verbs, classes);
  }
  SECTION("11: bad inputs are refused" + suffix) {
    bad_inputs(verbs, classes);
  }
  SECTION("12: threads and runs give the same bits" + suffix) {
    threads(verbs, classes);
  }
  SECTION("NaN in, NaN out" + suffix) {
    nan_in_nan_out(verbs, classes);
  }
}

}  // namespace

void check(const RowLoss& loss) {
  check(loss.in_float, loss.classes);
  check(loss.in_double, loss.classes);
}

}  // namespace losses_test::laws
