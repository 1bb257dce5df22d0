// SPDX-License-Identifier: MIT

#include "laws_of_sets.hpp"

#include <cstdio>
#include <numeric>

#include <unsupported/Eigen/CXX11/ThreadPool>

namespace losses_test::laws {

using losses::Reduction;

namespace {

template <class T>
constexpr Real epsilon = static_cast<Real>(std::numeric_limits<T>::epsilon());

constexpr Real ignored = -100;

template <class T>
struct Subject {
  const SetVerbs<T>& verbs;
  Reduction reduction = Reduction::mean;

  T forward(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.forward(reduction, input(p), input(y), weights, nullptr); });
  }
  T value_and_gradient(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w, Columns<T>& g) const {
    return with(w, [&](auto weights) { return verbs.resize(reduction, input(p), input(y), weights, g); });
  }
  T add_to(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w, Columns<T>& g, double factor) const {
    return with(w,
                [&](auto weights) { return verbs.add_to(reduction, input(p), input(y), weights, output(g), factor); });
  }
  Columns<T> gradient(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.gradient(reduction, input(p), input(y), weights); });
  }
  Columns<T> unreduced(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.unreduced(reduction, input(p), input(y), weights); });
  }

 private:
  template <class Call>
  static auto with(const Columns<T>* w, const Call& call) {
    if (w == nullptr) return call(static_cast<const Input<T>*>(nullptr));
    const Input<T> weights = input(*w);
    return call(&weights);
  }
};

/// Predictions and targets of a kind; every fifth label is ignored where some are to be.
template <class T>
Pair<T> draw_set(SetKind kind, Index n, Index c, std::uint64_t seed, bool some_ignored = true) {
  Random random(seed);
  const bool soft = random.below(2) == 0;
  Pair<T> in{Columns<T>(n, c), Columns<T>(n, kind == SetKind::labels ? 1 : c)};
  for (Index i = 0; i < n; ++i) {
    const double size = random.decades(0.1, 8);
    for (Index k = 0; k < c; ++k) {
      const double p = random.below(6) == 0 ? random.decades(1e-9, 1) : random.unit();
      in.p(i, k) =
          static_cast<T>(kind == SetKind::probabilities ? (random.below(2) == 0 ? p : 1 - p) : size * random.normal());
      if (kind == SetKind::labels) continue;
      // Some targets are hard: their slopes do not cancel, and say what the errors of the others are relative to.
      const bool is_soft = soft && kind != SetKind::scores && i + k > 0 && random.below(3) != 0;
      in.y(i, k) = static_cast<T>(is_soft ? random.unit() : static_cast<double>(random.below(2)));
    }
    if (kind != SetKind::labels) continue;
    const Index label = random.below(c);
    in.y(i, 0) = static_cast<T>(some_ignored && random.below(5) == 0 ? ignored : static_cast<Real>(label));
  }
  return in;
}

/// A weight for each term; with a class axis they are the samples.
template <class T>
Columns<T> term_weights(const SetVerbs<T>& verbs, Index n, Index c, std::uint64_t seed) {
  return draw_weights<T>(n, verbs.class_axis ? 1 : c, seed);
}

/// dp/dx of each entry; of a softmax p, which is what its entries have in common.
template <class T>
Reals chain(const SetVerbs<T>& verbs, const Columns<T>& p, const Columns<T>& y) {
  Reals f = Reals::Ones(p.rows(), p.cols());
  for (Index i = 0; i < p.rows(); ++i) {
    Real total = 0;
    const Real highest = p.cols() > 0 ? as_real(p.row(i).maxCoeff()) : 0;
    for (Index k = 0; k < p.cols(); ++k) {
      const Real x = as_real(p(i, k));
      if (verbs.kind == SetKind::logits) f(i, k) = sigmoid(Jet(x)).f * sigmoid(Jet(-x)).f;
      if (verbs.kind != SetKind::labels) continue;
      f(i, k) = static_cast<Real>(y(i, 0)) < 0 ? 0 : std::exp(x - highest);
      total += f(i, k);
    }
    if (total > 0) f.row(i) /= total;
  }
  return f;
}

template <class T>
struct Oracle {
  Jet value = 0;
  Reals gradient, scale;  // the scale of an entry: dp/dx times the largest slope of the set

  Oracle(const SetVerbs<T>& verbs, const Columns<T>& p, const Columns<T>& y, const Columns<T>* weights)
      : gradient(p.rows(), p.cols()), scale(p.rows(), p.cols()) {
    const Index n = p.rows(), c = p.cols();
    Jets x(n, c);
    for (Index k = 0; k < c; ++k) {
      for (Index i = 0; i < n; ++i) x(i, k) = Jet(real(p(i, k)));
    }
    const Reals target = y.template cast<Real>();
    const Reals w = weights != nullptr ? Reals(weights->template cast<Real>()) : Reals(Reals::Ones(n, 1));
    value = verbs.reference(x, target, w);
    Reals f = chain(verbs, p, y);
    Real slope = 1e-5L;  // the roundings of long double where every slope is 0
    for (Index k = 0; k < c; ++k) {
      for (Index i = 0; i < n; ++i) {
        x(i, k) = Jet::variable(x(i, k).f);
        gradient(i, k) = verbs.reference(x, target, w).d;
        x(i, k) = Jet(x(i, k).f);
        f(i, k) *= w.cols() == 1 ? w(i, 0) : w(i, k);
        if (f(i, k) > 0) slope = std::max(slope, std::fabs(gradient(i, k)) / f(i, k));
      }
    }
    scale = slope * f;
  }

  /// −inf is a masked class, exactly; +inf is a limit.
  static Real real(T x) { return std::isinf(x) && x < 0 ? -reference::infinity : as_real(x); }
};

/// How a difference of logits was rounded shows in its exponential.
template <class T>
Real rounding(const SetVerbs<T>& verbs, const Columns<T>& p, Real bound) {
  if (verbs.kind != SetKind::labels || p.cols() == 0 || p.rows() == 0) return 1;
  Real largest = 0;
  for (Index i = 0; i < p.rows(); ++i) {
    const Real d = static_cast<Real>(p.row(i).maxCoeff()) - static_cast<Real>(p.row(i).minCoeff());
    if (d < 120) largest = std::max(largest, d);
  }
  return 1 + largest * epsilon<T> / bound;
}

template <class T>
struct Errors {
  Worst value, slope;
};

/// Laws 1, 2 and 9 for one input.
template <class T>
void compare(const SetVerbs<T>& verbs, const Pair<T>& in, const Columns<T>* w, Errors<T>& errors) {
  const Subject<T> loss{verbs};
  const Oracle<T> want(verbs, in.p, in.y, w);
  Columns<T> g = Columns<T>::Constant(in.p.rows(), in.p.cols(), nan<T>);
  const T value = loss.value_and_gradient(in.p, in.y, w, g);
  if (loss.forward(in.p, in.y, w) != value) FAIL_CHECK("forward is not the value of value_and_gradient");
  const auto where = [&](Real got, Real must) {
    return [&, got, must] {
      std::string text = std::to_string(in.p.rows());
      text.append(" x ").append(std::to_string(in.p.cols())).append(": got ").append(number(got));
      return text.append(", but the reference is ").append(number(must));
    };
  };
  const Real tiny = 64 * static_cast<Real>(std::numeric_limits<T>::min());
  const Real got = static_cast<Real>(value);
  errors.value.see(
      std::fabs(got - want.value.f) / (std::fabs(want.value.f) + tiny) / rounding(verbs, in.p, value_bound<T>),
      value_bound<T>, where(got, want.value.f));
  if (value < 0) errors.value.see(1, 1e-30L, where(got, want.value.f));
  const Real bound = slope_bound<T> * rounding(verbs, in.p, slope_bound<T>);
  for (Index i = 0; i < g.size(); ++i) {
    const Real entry = static_cast<Real>(g(i));
    const Real error = std::fabs(entry - want.gradient(i));
    if (error <= tiny) continue;
    errors.slope.see(error / std::max(std::fabs(want.gradient(i)), want.scale(i)) / (bound / slope_bound<T>),
                     slope_bound<T>, where(entry, want.gradient(i)));
  }
}

template <class T>
void accuracy(const SetVerbs<T>& verbs) {
  Errors<T> errors;
  Random random(301);
  for (std::uint64_t seed = 0; seed < static_cast<std::uint64_t>(drawn_of(700)); ++seed) {
    const Index n = 1 + random.below(9), c = 1 + random.below(6);
    const Pair<T> in = draw_set<T>(verbs.kind, n, c, 1000 + seed);
    compare<T>(verbs, in, nullptr, errors);
    if (seed % 4 == 1) {
      const Columns<T> w = term_weights(verbs, n, c, 302);
      compare(verbs, in, &w, errors);
    }
    if (seed % 4 == 2) {
      const Columns<T> w = draw_weights<T>(n, 1, 303);
      compare(verbs, in, &w, errors);
    }
  }
  compare<T>(verbs, draw_set<T>(verbs.kind, 70, 5, 304), nullptr, errors);
  compare<T>(verbs, draw_set<T>(verbs.kind, 5, 70, 305), nullptr, errors);
  {
    INFO("worst value: " << errors.value.where);
    CHECK(errors.value.ratio <= 1);
  }
  {
    INFO("worst slope: " << errors.slope.where);
    CHECK(errors.slope.ratio <= 1);
  }
  if (figures_wanted()) {
    std::printf("%-32s %-6s  value %.1Le  gradient %.1Le\n", verbs.name.c_str(), type_name<T>, errors.value.error,
                errors.slope.error);
  }
}

/// P5: every pair of extreme logits has a finite value and gradient, and those of the reference.
template <class T>
void extremes(const SetVerbs<T>& verbs) {
  const T limit = std::numeric_limits<T>::max(), infinity = std::numeric_limits<T>::infinity();
  std::vector<T> values = {T(0), std::numeric_limits<T>::denorm_min(), T(1)};
  if (verbs.kind == SetKind::probabilities) {
    values.insert(values.end(), {std::numeric_limits<T>::epsilon(), T(1) - std::numeric_limits<T>::epsilon() / 2});
  } else {
    values.insert(values.end(), {T(-1), T(40), T(-40), T(88), T(-88), T(104), T(-104), T(1e4), T(-1e4)});
    // The ranks of scores are those of 1 ± x, and two that are rounded to one number have no order.
    if (verbs.kind != SetKind::scores) values.insert(values.end(), {limit, -limit, infinity, -infinity});
  }
  Errors<T> errors;
  Index bad = 0;
  const Index m = static_cast<Index>(values.size());
  for (Index pair = 0; pair < m * m; ++pair) {
    const T a = values[static_cast<std::size_t>(pair / m)], b = values[static_cast<std::size_t>(pair % m)];
    if (verbs.kind == SetKind::labels && a == infinity && b == infinity) continue;  // NaN, by hand
    for (Index label = 0; label < 4; ++label) {
      Pair<T> in{Columns<T>(2, 2), Columns<T>(2, verbs.kind == SetKind::labels ? 1 : 2)};
      in.p << a, b, T(0.25), T(0.75);
      if (verbs.kind == SetKind::labels) {
        in.y << static_cast<T>(label & 1), static_cast<T>(label >> 1);
      } else {
        in.y << static_cast<T>(label & 1), static_cast<T>(label >> 1), T(1), T(0);
      }
      if (verbs.kind == SetKind::scores && a == b) continue;
      Columns<T> g;
      const T value = Subject<T>{verbs}.value_and_gradient(in.p, in.y, nullptr, g);
      if (!std::isfinite(value) || !g.isFinite().all()) ++bad;
      if (verbs.continuous || verbs.kind == SetKind::probabilities) compare<T>(verbs, in, nullptr, errors);
    }
  }
  CHECK(bad == 0);
  INFO("value: " << errors.value.where << "\nslope: " << errors.slope.where);
  CHECK(errors.value.ratio <= 1);
  CHECK(errors.slope.ratio <= 1);
}

template <class T>
void central_differences(const SetVerbs<T>& verbs) {
  const Index n = 7, c = 3;
  Pair<T> in = draw_set<T>(verbs.kind, n, c, 311);
  if (verbs.kind == SetKind::probabilities) in.p = T(0.1) + T(0.8) * in.p;
  if (verbs.kind != SetKind::probabilities) in.p /= T(4);
  const Columns<T> w = draw_weights<T>(n, 1, 312);
  const Columns<T> gradient = Subject<T>{verbs}.gradient(in.p, in.y, &w);
  Worst worst;
  for (Index i = 0; i < in.p.size(); ++i) {
    const T h = sizeof(T) == 4 ? T(0x1p-10) : T(0x1p-20);
    Columns<T> moved = in.p;
    moved(i) = in.p(i) + h;
    Real width = static_cast<Real>(moved(i));
    const Real up = static_cast<Real>(Subject<T>{verbs}.forward(moved, in.y, &w));
    moved(i) = in.p(i) - h;
    width -= static_cast<Real>(moved(i));
    const Real difference = (up - static_cast<Real>(Subject<T>{verbs}.forward(moved, in.y, &w))) / width;
    worst.see(
        std::fabs(static_cast<Real>(gradient(i)) - difference), 8 * epsilon<T> * (1 + std::fabs(up)) / width + width,
        [&] {
          return number(static_cast<Real>(gradient(i))).append(", but differences give ").append(number(difference));
        });
  }
  INFO(worst.where);
  CHECK(worst.ratio <= 1);
}

/// Laws 2, 3, 8 and 9.
template <class T>
void reductions(const SetVerbs<T>& verbs) {
  const Subject<T> sum{verbs, Reduction::sum}, mean{verbs, Reduction::mean}, batch{verbs, Reduction::batch_mean};
  std::vector<std::pair<Index, Index>> sizes = shapes<T>();
  sizes.insert(sizes.end(), {{300, 2}, {33, 9}, {3, 1023}, {2, 1025}, {700, 33}});
  for (const auto& shape : sizes) {
    const Index n = shape.first, c = shape.second;
    if (verbs.class_axis && c == 0) continue;
    INFO("[" << n << " x " << c << "]");
    const Pair<T> in = draw_set<T>(verbs.kind, n, c, static_cast<std::uint64_t>(320 + n + c));
    const Columns<T> per_sample = draw_weights<T>(n, 1, 321), per_term = term_weights(verbs, n, c, 322);
    const Columns<T> slopes_of_p = chain(verbs, in.p, in.y).template cast<T>();
    for (const Columns<T>* w : {static_cast<const Columns<T>*>(nullptr), &per_sample, &per_term}) {
      Columns<T> f = slopes_of_p;
      if (w != nullptr) f *= w->cols() == c ? *w : Columns<T>(w->col(0).replicate(1, c));
      const Columns<T> terms = sum.unreduced(in.p, in.y, w);
      const Real want = terms.template cast<Real>().sum();
      const T s = sum.forward(in.p, in.y, w), m = mean.forward(in.p, in.y, w), b = batch.forward(in.p, in.y, w);
      Columns<T> gs, gm, gb, gn = Columns<T>::Constant(n, c, nan<T>);
      CHECK(sum.value_and_gradient(in.p, in.y, w, gs) == s);
      CHECK(mean.value_and_gradient(in.p, in.y, w, gm) == m);
      CHECK(batch.value_and_gradient(in.p, in.y, w, gb) == b);
      CHECK(mean.value_and_gradient(in.p, in.y, w, gn) == m);
      CHECK(same_bits(gn, gm));
      CHECK(same_bits(gm, mean.gradient(in.p, in.y, w)));
      REQUIRE((gm.rows() == n && gm.cols() == c));
      CHECK(gm.isFinite().all());
      CHECK(close<T>(static_cast<Real>(s), want, 1));
      Real divisor = 1, batch_divisor = 1;
      if (verbs.sets_of_sum == -2) {
        REQUIRE(terms.size() == c);
        divisor = batch_divisor = verbs.merged ? static_cast<Real>(c)
                                  : m == 0     ? 1
                                               : std::round(static_cast<Real>(s / m));
      } else if (verbs.sets_of_sum == -1) {
        REQUIRE(terms.size() == n);
        divisor = 0;
        for (Index i = 0; i < n; ++i) {
          const bool kept = verbs.kind != SetKind::labels || static_cast<Real>(in.y(i, 0)) >= 0;
          divisor += !kept                                                    ? 0
                     : w == &per_sample || (w == &per_term && w->cols() == 1) ? static_cast<Real>((*w)(i, 0))
                                                                              : 1;
        }
        batch_divisor = static_cast<Real>(n);
      } else {
        REQUIRE(terms.size() == 1);
      }
      if (divisor > 0) {
        CHECK(close<T>(static_cast<Real>(m) * divisor, static_cast<Real>(s), 1));
        CHECK(close<T>(static_cast<Real>(b) * batch_divisor, static_cast<Real>(s), 1));
        const Columns<T> a = gm * static_cast<T>(divisor), d = gb * static_cast<T>(batch_divisor);
        // Relative to dp/dx times the largest slope: the slopes of a row may cancel.
        T slope = std::numeric_limits<T>::min();
        for (Index i = 0; i < gs.size(); ++i) slope = f(i) > T(0) ? std::max(slope, std::abs(gs(i)) / f(i)) : slope;
        const T bound = 64 * std::numeric_limits<T>::epsilon() * slope;
        CHECK(((a - gs).abs() <= bound * f + std::numeric_limits<T>::min()).all());
        CHECK(((d - gs).abs() <= bound * f + std::numeric_limits<T>::min()).all());
      } else {
        CHECK((m == 0 && (gm == 0).all()));
      }
      Columns<T> added = Columns<T>::Constant(n, c, T(0.5));
      CHECK(mean.add_to(in.p, in.y, w, added, 2) == m);
      const Columns<T> expected = T(0.5) + T(2) * gm;
      CHECK(((added - expected).abs() <= 4 * std::numeric_limits<T>::epsilon() * (T(0.5) + (T(2) * gm).abs())).all());
    }
  }
}

/// Law 4.
template <class T>
void storage(const SetVerbs<T>& verbs) {
  for (const auto& shape : std::vector<std::pair<Index, Index>>{{5, 3}, {37, 19}, {3, 40}, {150, 131}}) {
    const Index n = shape.first, c = shape.second;
    const Pair<T> in = draw_set<T>(verbs.kind, n, c, 331);
    const Columns<T> weights = term_weights(verbs, n, c, 332), nans = Columns<T>::Constant(n, c, nan<T>);
    Columns<T> want;
    const T value = Subject<T>{verbs}.value_and_gradient(in.p, in.y, &weights, want);
    const T most = want.abs().maxCoeff();
    Index call = 0;
    for (const Layout& lx : layouts(n, c)) {
      for (const Layout& lg : layouts(n, c)) {
        INFO("[" << n << " x " << c << "] prediction " << lx.name << ", gradient " << lg.name);
        const auto target_layouts = layouts(in.y.rows(), in.y.cols()),
                   weight_layouts = layouts(weights.rows(), weights.cols());
        const Placed<T> p(in.p, lx), y(in.y, target_layouts[static_cast<std::size_t>(call++ % 9)]),
            w(weights, weight_layouts[static_cast<std::size_t>(call % 9)]);
        Placed<T> g(nans, lg);
        const Input<T> read_weights = w.read();
        const T got = verbs.value_and_gradient(Reduction::mean, p.read(), y.read(), &read_weights, g.view, nullptr);
        CHECK(close<T>(static_cast<Real>(got), static_cast<Real>(value), 2 * std::fabs(static_cast<Real>(value))));
        CHECK(verbs.forward(Reduction::mean, p.read(), y.read(), &read_weights, nullptr) == got);
        const Columns<T> read = g.view;
        CHECK(((read - want).abs() <= 16 * std::numeric_limits<T>::epsilon() * most).all());
        CHECK(g.memory.touched() == n * c);
      }
    }
  }
}

/// Laws 5, 6 and 10.
template <class T>
void samples(const SetVerbs<T>& verbs) {
  const Subject<T> loss{verbs};
  const Index n = 33, c = 5;
  const Pair<T> in = draw_set<T>(verbs.kind, n, c, 341);
  Columns<T> want;
  const T value = loss.value_and_gradient(in.p, in.y, nullptr, want);
  const T most = want.abs().maxCoeff();
  const auto near = [&](const Columns<T>& a, const Columns<T>& b) {
    return ((a - b).abs() <= 32 * std::numeric_limits<T>::epsilon() * most).all();
  };
  const auto near_value = [&](T a, T b) { return close<T>(static_cast<Real>(a), static_cast<Real>(b), 1); };

  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index(0));
  Random random(342);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(static_cast<Index>(i)))]);
  Columns<T> g;
  CHECK(near_value(loss.value_and_gradient(pick(in.p, order), pick(in.y, order), nullptr, g), value));
  CHECK(near(g, pick(want, order)));

  // Weight 0 is a sample removed, whatever it holds; weight 2 a sample twice.
  Columns<T> weights = Columns<T>::Ones(n, 1);
  std::vector<Index> repeated;
  Columns<T> p = in.p, y = in.y;
  for (Index i = 0; i < n; ++i) {
    weights(i) = static_cast<T>(i % 3);
    for (Index k = 0; k < i % 3; ++k) repeated.push_back(i);
    if (i % 3 == 0) {
      p.row(i).setConstant(nan<T>);
      if (verbs.kind != SetKind::labels) y.row(i).setConstant(T(17));
      if (verbs.kind == SetKind::labels) y(i, 0) = T(c + 3);
    }
  }
  Columns<T> other;
  const T removed = loss.value_and_gradient(p, y, &weights, g);
  CHECK(near_value(removed, loss.value_and_gradient(pick(in.p, repeated), pick(in.y, repeated), nullptr, other)));
  for (Index i = 0, row = 0; i < n; ++i) {
    if (i % 3 == 0) CHECK((g.row(i) == 0).all());
    Columns<T> all = Columns<T>::Zero(1, c);
    for (Index k = 0; k < i % 3; ++k) all += other.row(row++);
    CHECK(near(all, g.row(i)));
  }
  for (const Index columns : {Index(1), verbs.class_axis ? Index(1) : c}) {
    const Columns<T> none = Columns<T>::Zero(n, columns), poison = Columns<T>::Constant(n, c, nan<T>);
    CHECK(loss.value_and_gradient(poison, in.y, &none, g) == 0);
    CHECK((g == 0).all());
  }

  if (verbs.merged) {
    const auto part = [&](Index first, Index count) {
      return typename SetVerbs<T>::Part{in.p.middleRows(first, count), in.y.middleRows(first, count)};
    };
    std::vector<Columns<T>> gradients;
    CHECK(near_value(verbs.merged({part(0, 10), part(10, 0), part(10, 19), part(29, 4)}, gradients), value));
    CHECK(near(gradients[0], want.topRows(10)));
    CHECK(near(gradients[2], want.middleRows(10, 19)));
    CHECK(near(gradients[3], want.bottomRows(4)));
  }
}

/// P6.
template <class T>
void nan_in_nan_out(const SetVerbs<T>& verbs) {
  Index lost = 0;
  const Subject<T> loss{verbs};
  for (Index n = 1; n <= 33; ++n) {
    for (const Index c : {Index(1), Index(3)}) {
      const Pair<T> in = draw_set<T>(verbs.kind, n, c, static_cast<std::uint64_t>(350 + n), false);
      for (Index i = 0; i < n * c; ++i) {
        for (const bool in_target : {false, true}) {
          if (in_target && verbs.kind == SetKind::labels) continue;
          Pair<T> poisoned = in;
          (in_target ? poisoned.y : poisoned.p)(i) = nan<T>;
          Columns<T> g;
          const T value = loss.value_and_gradient(poisoned.p, poisoned.y, nullptr, g);
          if (!std::isnan(value) || !std::isnan(loss.forward(poisoned.p, poisoned.y)) || !g.row(i % n).isNaN().any())
            ++lost;
        }
      }
    }
  }
  CHECK(lost == 0);
}

/// Law 11.
template <class T>
void bad_inputs(const SetVerbs<T>& verbs) {
  const Subject<T> loss{verbs};
  const std::string prefix = verbs.name.substr(0, verbs.name.find_first_of(",( ")) + ": ";
  const auto every_verb = [&](const std::string& words, const Columns<T>& p, const Columns<T>& y,
                              const Columns<T>* w = nullptr) {
    Columns<T> g = Columns<T>::Constant(2, 2, T(7));
    refuses(prefix + words, g, [&] { (void)loss.forward(p, y, w); });
    refuses(prefix + words, g, [&] { (void)loss.gradient(p, y, w); });
    refuses(prefix + words, g, [&] { (void)loss.value_and_gradient(p, y, w, g); });
    refuses(prefix + words, g, [&] { (void)loss.unreduced(p, y, w); });
    if (verbs.merged && w == nullptr) {
      std::vector<Columns<T>> gradients;
      refuses(prefix + words, g, [&] { (void)verbs.merged({{p, y}}, gradients); });
    }
  };
  const Index n = 23, c = 10;
  const Pair<T> in = draw_set<T>(verbs.kind, n, c, 361);
  every_verb("target", in.p, in.y.topRows(n - 1));
  every_verb("target", in.p.topRows(5), in.y);
  const bool labels = verbs.kind == SetKind::labels;
  if (labels) {
    for (const double bad : {-1.0, 10.0, 12.0, -101.0, 4294967297.0}) {
      Columns<T> y = in.y;
      y(17, 0) = static_cast<T>(bad);
      every_verb("target[17] is ", in.p, y);
    }
  } else {
    const bool mask = verbs.kind == SetKind::scores;
    every_verb("target", in.p, in.y.leftCols(c - 1));
    every_verb("target", in.p, in.y.transpose());
    for (const T bad : {T(-0.001), T(1.001), mask ? T(0.5) : T(2), std::numeric_limits<T>::infinity()}) {
      Columns<T> y = in.y, p = in.p;
      y(17, 3) = bad;
      every_verb("target[17, 3] is ", in.p, y);
      if (verbs.kind != SetKind::probabilities) continue;
      p(4, 9) = bad;
      every_verb("prediction[4, 9] is ", p, in.y);
    }
  }
  if (verbs.class_axis) every_verb("prediction", Columns<T>(n, 0), Columns<T>(n, labels ? 1 : 0));
  for (const Index size : {Index(0), Index(1), n - 1, n + 1}) {
    const Columns<T> weights = Columns<T>::Ones(size, 1);
    every_verb("weights", in.p, in.y, &weights);
  }
  const Columns<T> two_columns = Columns<T>::Ones(n, 2);
  every_verb("weights", in.p, in.y, &two_columns);
  for (const T bad : {T(-1), nan<T>, std::numeric_limits<T>::infinity()}) {
    Columns<T> weights = Columns<T>::Ones(n, 1);
    weights(4) = bad;
    every_verb("weights[4", in.p, in.y, &weights);
  }
  Columns<T> memory = in.p.replicate(2, 1);
  const auto place = [&](Index offset, Index rows, Index columns) {
    return Output<T>(memory.data() + offset, rows, columns, AnyStride(2 * n, 1));
  };
  const auto gradient_refused = [&](const std::string& words, Input<T> p, Output<T> g) {
    refuses(words, memory,
            [&] { (void)verbs.value_and_gradient(Reduction::mean, p, input(in.y), nullptr, g, nullptr); });
    refuses(words, memory, [&] { (void)verbs.add_to(Reduction::mean, p, input(in.y), nullptr, g, 1); });
  };
  gradient_refused("gradient", input(in.p), place(0, n, c - 1));
  gradient_refused("gradient", input(in.p), place(0, n - 1, c));
  gradient_refused("shares memory", Input<T>(memory.data(), n, c, AnyStride(2 * n, 1)), place(1, n, c));
  gradient_refused("shares memory", Input<T>(memory.data(), n, c, AnyStride(2 * n, 1)), place(0, n, c));
}

/// Law 12.
template <class T>
void threads(const SetVerbs<T>& verbs) {
  for (const auto& shape : std::vector<std::pair<Index, Index>>{{20011, 13}, {2, verbs.class_axis ? 9 : 140000}}) {
    const Index n = shape.first, c = shape.second;
    const Pair<T> in = draw_set<T>(verbs.kind, n, c, 371);
    const Columns<T> weights = draw_weights<T>(n, 1, 372);
    const Rows<T> rows = in.p;
    const Input<T> w = input(weights), column_major = input(in.p), row_major(rows.data(), n, c, AnyStride(1, c));
    for (const Input<T>& p : {column_major, row_major}) {
      Columns<T> want(n, c), g(n, c);
      const T value = verbs.value_and_gradient(Reduction::mean, p, input(in.y), &w, output(want), nullptr);
      for (const int count : {1, 2, 3, 4, 8}) {
        Eigen::ThreadPool eigen(count);
        Pool pool{count, [&](std::function<void()> task) { eigen.Schedule(std::move(task)); }};
        INFO(count << " threads");
        g.setConstant(nan<T>);
        CHECK(verbs.forward(Reduction::mean, p, input(in.y), &w, &pool) == value);
        CHECK(verbs.value_and_gradient(Reduction::mean, p, input(in.y), &w, output(g), &pool) == value);
        CHECK(same_bits(g, want));
      }
    }
  }
}

template <class T>
void check(const SetVerbs<T>& verbs) {
  const std::string suffix = std::string(" (") + type_name<T> + ")";
  INFO(verbs.name << suffix);
  SECTION("1, 2, 9: value and gradient are the reference's" + suffix) {
    accuracy(verbs);
  }
  SECTION("extreme values are finite and right" + suffix) {
    extremes(verbs);
  }
  SECTION("1: the gradient is the central difference" + suffix) {
    central_differences(verbs);
  }
  SECTION("2, 3, 8, 9: reductions for every length" + suffix) {
    reductions(verbs);
  }
  SECTION("4: storage does not matter" + suffix) {
    storage(verbs);
  }
  SECTION("5, 6, 10: samples, weights and partial" + suffix) {
    samples(verbs);
  }
  SECTION("11: bad inputs are refused" + suffix) {
    bad_inputs(verbs);
  }
  SECTION("12: threads give the same bits" + suffix) {
    threads(verbs);
  }
  SECTION("NaN in, NaN out" + suffix) {
    nan_in_nan_out(verbs);
  }
}

}  // namespace

void check(const SetLoss& loss) {
  check(loss.in_float);
  check(loss.in_double);
}

}  // namespace losses_test::laws
