// SPDX-License-Identifier: MIT

#include "laws.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>

#include <unsupported/Eigen/CXX11/ThreadPool>

namespace losses_test::laws {

using losses::Reduction;

bool figures_wanted() {
  return std::getenv("LOSSES_FIGURES") != nullptr;
}

Index& refusals() {
  struct Counter {
    ~Counter() {
      if (figures_wanted())
        std::printf("bad inputs refused with the output untouched: %lld\n", static_cast<long long>(count));
    }
    Index count = 0;
  };
  static Counter counter;
  return counter.count;
}

void expect_refusal(const std::string& message, const std::string& words, bool untouched) {
  INFO("expected: " << words << "\nmessage: " << message);
  CHECK_FALSE(message.empty());
  CHECK(message.find(words) != std::string::npos);
  CHECK(untouched);
  ++refusals();
}

std::string number(Real x) {
  char text[64];
  std::snprintf(text, sizeof text, "%.21Lg", x);
  return text;
}

std::string at(Real p, Real y, Real got, Real want) {
  return "p = " + number(p) + ", y = " + number(y) + ", got " + number(got) + ", but the reference is " + number(want);
}

namespace {

template <class T>
constexpr Real epsilon = static_cast<Real>(std::numeric_limits<T>::epsilon());

template <class T>
Real total(const Columns<T>& values) {
  return values.template cast<Real>().sum();
}

/// A loss with the arguments that the laws mostly use: plain matrices, no pool.
template <class T>
struct Subject {
  const Verbs<T>& verbs;
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
  Columns<T> curvature(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.curvature(reduction, input(p), input(y), weights); });
  }
  Columns<T> unreduced(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.unreduced(reduction, input(p), input(y), weights); });
  }
  losses::Partial partial(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.partial(input(p), input(y), weights); });
  }
  T value(const losses::Partial& part) const { return verbs.value(reduction, part); }

 private:
  template <class Call>
  static auto with(const Columns<T>* w, const Call& call) {
    if (w == nullptr) return call(static_cast<const Input<T>*>(nullptr));
    const Input<T> weights = input(*w);
    return call(&weights);
  }
};

/// Error of `got` against `want` relative to max(|want|, scale). Overflow must give what the reference gives.
template <class T>
Real relative_error(T got, Real want, Real scale) {
  using limits = std::numeric_limits<T>;
  const Real top = static_cast<Real>(limits::max());
  if (std::isnan(want)) return 0;  // no limit, as for inf − inf
  if (std::fabs(want) > top * (1 - 8 * epsilon<T>)) {
    const bool overflowed = std::fabs(static_cast<Real>(got)) >= top * (1 - 16 * epsilon<T>);
    return overflowed && std::signbit(got) == std::signbit(want) ? 0 : reference::infinity;
  }
  const Real error = std::fabs(static_cast<Real>(got) - want);
  if (error <= 4 * static_cast<Real>(limits::denorm_min())) return 0;
  return error / std::max(std::fabs(want), scale);
}

/// Does the formula have two slopes (or curvatures) within a rounding of p? Then either is right.
template <class T>
bool jumps(const Verbs<T>& verbs, T p, T y, T got, Real bound, Real Jet::* member) {
  if (!std::isfinite(p)) return false;
  const Real x = static_cast<Real>(p);
  const Real h = 2 * epsilon<T> * std::max(std::fabs(x), std::fabs(static_cast<Real>(y)));
  const auto evaluate = [&](Real here) { return verbs.formula(Jet::variable(here), Jet(y)).*member; };
  const Real below = evaluate(x - h), above = evaluate(x + h);
  const Real beside = std::fabs(evaluate(x + 2 * h) - above) + std::fabs(evaluate(x - 2 * h) - below);
  if (std::fabs(above - below) <= 10 * beside) return false;
  const auto near = [&](Real want) {
    return std::fabs(static_cast<Real>(got) - want) <= bound * std::max(Real(1), std::fabs(want));
  };
  return near(below) || near(above);
}

constexpr Index random_pairs = drawn_of(100000);

/// The formula at p; where p is infinite, its limit: infinite if it still grows from 1e1000 to 1e1100.
template <class T>
Jet limit(const Verbs<T>& verbs, T p, T y) {
  Jet want = verbs.formula(Jet::variable(as_real(p)), Jet(as_real(y)));
  if (std::isinf(p)) {
    const Jet beyond = verbs.formula(Jet::variable(as_real(p) * 1e100L), Jet(as_real(y)));
    const auto grow = [](Real& near, Real far) {
      if (std::fabs(far) > 1.01L * std::fabs(near)) near = std::copysign(reference::infinity, near);
    };
    if (std::isinf(want.f)) want.d = nan<Real>;  // infinite for every p: the slope has no limit
    grow(want.f, beyond.f);
    grow(want.d, beyond.d);
  }
  return want;
}

/// 1e5 random and all adversarial pairs, infinite predictions among them.
template <class T>
Pair<T> accuracy_inputs(const Domain& domain) {
  Random random(20240607);
  std::vector<std::pair<T, T>> pairs;
  for (Index i = 0; i < random_pairs; ++i) pairs.push_back(domain.draw<T>(random));
  std::vector<T> values = adversarial_values<T>();
  const std::vector<T> targets = values;
  values.push_back(std::numeric_limits<T>::infinity());
  values.push_back(-std::numeric_limits<T>::infinity());
  for (const T y : targets) {
    if (!domain.takes_target(static_cast<double>(y))) continue;
    for (const T p : values) {
      if (domain.takes_prediction(static_cast<double>(p))) pairs.emplace_back(p, y);
    }
    // Residuals of one unit in the last place, of 1e-4 of the target, and of 1.
    for (const T p : {std::nextafter(y, std::numeric_limits<T>::max()), y * T(1.0001), y + T(1)}) {
      if (std::isfinite(p) && domain.takes_prediction(static_cast<double>(p))) pairs.emplace_back(p, y);
    }
  }
  Pair<T> result{Columns<T>(static_cast<Index>(pairs.size()), 1), Columns<T>(static_cast<Index>(pairs.size()), 1)};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    result.p(static_cast<Index>(i), 0) = pairs[i].first;
    result.y(static_cast<Index>(i), 0) = pairs[i].second;
  }
  return result;
}

/// Laws 1 and 13, P1, P2 and P5: values, gradients and curvatures against the reference and its dual numbers.
template <class T>
void accuracy(const Verbs<T>& verbs) {
  const Subject<T> sum{verbs, Reduction::sum}, mean{verbs, Reduction::mean};
  const Pair<T> in = accuracy_inputs<T>(verbs.domain);
  const Columns<T> values = sum.unreduced(in.p, in.y), slopes = sum.gradient(in.p, in.y),
                   curvatures = sum.curvature(in.p, in.y);
  Worst value, slope, curvature;
  Index negative = 0;
  Real all = 0, magnitude = 0;
  for (Index i = 0; i < in.p.size(); ++i) {
    const T p = in.p(i), y = in.y(i);
    const Jet want = limit(verbs, p, y);
    Scale scale = verbs.scale(as_real(p), as_real(y));
    if (!std::isfinite(scale.value)) scale.value = 0;
    if (!std::isfinite(scale.slope)) scale.slope = 0;
    if (i < random_pairs) {
      all += want.f;
      magnitude += std::max(std::fabs(want.f), scale.value);
    }
    if (want.f >= 0 && static_cast<Real>(values(i)) < -value_bound<T> * scale.value) ++negative;
    const auto where = [&](T got, Real expected) {
      return [=] { return at(static_cast<Real>(p), static_cast<Real>(y), static_cast<Real>(got), expected); };
    };
    value.see(relative_error(values(i), want.f, scale.value) / scale.condition, value_bound<T>,
              where(values(i), want.f));
    if (want.kink) continue;
    const Real slope_error = relative_error(slopes(i), want.d, scale.slope) / scale.condition;
    if (!(slope_error <= slope_bound<T>) && jumps(verbs, p, y, slopes(i), slope_bound<T>, &Jet::d)) continue;
    slope.see(slope_error, slope_bound<T>, where(slopes(i), want.d));
    if (!std::isfinite(p) || !representable<T>(want.dd) || !representable<T>(want.f)) continue;
    // A curvature cancels where a slope bends: its error is relative to slope/r.
    const Real bound = 64 * slope_bound<T>;
    const Real r = std::fabs(as_real(p) - as_real(y));
    const Real curvature_scale = r > 0 ? std::max(std::fabs(want.d), scale.slope) / r : 0;
    const Real curvature_error = relative_error(curvatures(i), want.dd, curvature_scale) / scale.condition;
    if (!(curvature_error <= bound) && jumps(verbs, p, y, curvatures(i), bound, &Jet::dd)) continue;
    curvature.see(curvature_error, bound, where(curvatures(i), want.dd));
  }
  {
    INFO("worst value: " << value.where);
    CHECK(value.ratio <= 1);
  }
  {
    INFO("worst slope: " << slope.where);
    CHECK(slope.ratio <= 1);
  }
  {
    INFO("worst curvature: " << curvature.where);
    CHECK(curvature.ratio <= 1);
  }
  CHECK(negative == 0);
  const T average = mean.forward(in.p.topRows(random_pairs), in.y.topRows(random_pairs));
  const Real mean_error =
      std::fabs(static_cast<Real>(average) * random_pairs - all) / std::max(std::fabs(all), magnitude);
  CHECK(mean_error <= value_bound<T>);
  if (figures_wanted()) {
    std::printf("%-28s %-6s  value %.1Le  mean %.1Le  gradient %.1Le  curvature %.1Le\n", verbs.name.c_str(),
                type_name<T>, value.error, mean_error, slope.error, curvature.error);
  }
}

/// P5 for the sum of a block: a mean that can be represented does not overflow on the way.
template <class T>
void large_means(const Verbs<T>& verbs) {
  for (const T p : {std::numeric_limits<T>::max(), -std::numeric_limits<T>::max(), std::numeric_limits<T>::max() / 2}) {
    const T y = T(1);
    if (!verbs.domain.takes_prediction(static_cast<double>(p))) continue;
    const Jet want = verbs.formula(Jet::variable(p), Jet(y));
    if (!representable<T>(want.f * (1 + 8 * epsilon<T>))) continue;
    const Columns<T> ps = Columns<T>::Constant(5000, 1, p), ys = Columns<T>::Constant(5000, 1, y);
    Columns<T> g;
    const T value = Subject<T>{verbs}.value_and_gradient(ps, ys, nullptr, g);
    INFO("5000 times p = " << p << ", y = 1: the mean is " << value << ", but must be " << static_cast<double>(want.f));
    const Real condition = verbs.scale(static_cast<Real>(p), 1).condition;
    CHECK(relative_error(value, want.f, 0) <= 8 * value_bound<T> * condition);
    CHECK(Subject<T>{verbs}.forward(ps, ys) == value);
    CHECK(std::isfinite(g(4999)));
  }
}

/// Law 1 again, without dual numbers: central differences of forward, where the slope does not jump.
template <class T>
void central_differences(const Verbs<T>& verbs) {
  const Index n = 37, c = 3;
  const Pair<T> in = draw<T>(verbs.domain, n, c, 11);
  const Columns<T> weights = draw_weights<T>(n, c, 12);
  const Subject<T> mean{verbs};
  const Columns<T> gradient = mean.gradient(in.p, in.y, &weights);
  Worst worst;
  for (Index i = 0; i < in.p.size(); ++i) {
    // One element at a time: the difference of two sums would lose its digits to the others.
    Columns<T> p = in.p.block(i % n, i / n, 1, 1);
    const Columns<T> y = in.y.block(i % n, i / n, 1, 1);
    const T centre = p(0), h = (sizeof(T) == 4 ? T(4e-3) : T(1e-5)) * std::max(T(1), std::abs(centre));
    if (!verbs.domain.takes_prediction(static_cast<double>(centre - h))) continue;
    if (!verbs.domain.takes_prediction(static_cast<double>(centre + h))) continue;
    const auto slope = [&](T x) { return verbs.formula(Jet::variable(x), Jet(y(0))).d; };
    const Real bend = std::fabs(slope(centre + h) - 2 * slope(centre) + slope(centre - h));
    p(0) = centre + h;
    const T above = p(0);
    const Real up = static_cast<Real>(mean.forward(p, y));
    p(0) = centre - h;
    const Real width = static_cast<Real>(above) - static_cast<Real>(p(0));
    const Real down = static_cast<Real>(mean.forward(p, y));
    const Real share = static_cast<Real>(weights(i)) / total(weights);
    const Real terms = std::fabs(up) + std::fabs(down) + verbs.scale(as_real(centre), as_real(y(0))).value;
    worst.see(std::fabs(static_cast<Real>(gradient(i)) - share * (up - down) / width),
              share * (bend + 4 * epsilon<T> * terms / width + 1e-5L * (1 + std::fabs(slope(centre)))), [&] {
                return at(static_cast<Real>(centre), static_cast<Real>(y(0)), static_cast<Real>(gradient(i)) / share,
                          (up - down) / width);
              });
  }
  INFO(worst.where);
  CHECK(worst.ratio <= 1);
}

/// Law 7 and 13: the rule itself on dual numbers agrees with the reference, and its curvature with its own slope.
void rule_on_scalars(const Verbs<double>& verbs) {
  const Pair<double> in = draw<double>(verbs.domain, 2000, 1, 13);
  Worst value, slope, curvature, own;
  for (Index i = 0; i < in.p.size(); ++i) {
    const TermsOf<Jet> terms = verbs.rule(Jet::variable(in.p(i)), Jet(in.y(i)));
    const Jet want = verbs.formula(Jet::variable(in.p(i)), Jet(in.y(i)));
    const Scale scale = verbs.scale(in.p(i), in.y(i));
    if (want.kink || terms.value.kink) continue;
    const auto where = [&](Real got, Real expected) {
      return [=, &in] { return at(in.p(i), in.y(i), got, expected); };
    };
    const Real tiny = 1e-300L;
    value.see(std::fabs(terms.value.f - want.f) / std::max({std::fabs(want.f), scale.value, tiny}) / scale.condition,
              1e-14L, where(terms.value.f, want.f));
    slope.see(std::fabs(terms.slope.f - want.d) / std::max({std::fabs(want.d), scale.slope, tiny}) / scale.condition,
              1e-12L, where(terms.slope.f, want.d));
    const Real unit = 1e-10L * (1 + std::fabs(want.dd) + std::fabs(want.d));
    own.see(std::fabs(terms.slope.d - want.dd), unit, where(terms.slope.d, want.dd));
    curvature.see(std::fabs(terms.curvature.f - terms.slope.d), unit, where(terms.curvature.f, terms.slope.d));
  }
  INFO("value: " << value.where << "\nslope: " << slope.where << "\ncurvature: " << curvature.where
                 << "\nderivative of the slope: " << own.where);
  CHECK(value.ratio <= 1);
  CHECK(slope.ratio <= 1);
  CHECK(curvature.ratio <= 1);
  CHECK(own.ratio <= 1);
}

/// Law 7: on lanes and on dual numbers the rule gives the same, within the bounds of P1 and P2.
template <class T>
void same_on_lanes(const Verbs<T>& verbs) {
  const Pair<T> in = draw<T>(verbs.domain, 2000, 1, 14);
  const Subject<T> sum{verbs, Reduction::sum};
  const Columns<T> values = sum.unreduced(in.p, in.y), slopes = sum.gradient(in.p, in.y);
  Worst value, slope;
  for (Index i = 0; i < in.p.size(); ++i) {
    const Real p = static_cast<Real>(in.p(i)), y = static_cast<Real>(in.y(i));
    const TermsOf<Jet> terms = verbs.rule(Jet::variable(p), Jet(y));
    const Scale scale = verbs.scale(p, y);
    if (terms.value.kink) continue;
    value.see(relative_error(values(i), terms.value.f, scale.value) / scale.condition, value_bound<T>,
              [&] { return at(p, y, static_cast<Real>(values(i)), terms.value.f); });
    const Real error = relative_error(slopes(i), terms.slope.f, scale.slope) / scale.condition;
    if (!(error <= slope_bound<T>) && jumps(verbs, in.p(i), in.y(i), slopes(i), slope_bound<T>, &Jet::d)) continue;
    slope.see(error, slope_bound<T>, [&] { return at(p, y, static_cast<Real>(slopes(i)), terms.slope.f); });
  }
  INFO("value: " << value.where << "\nslope: " << slope.where);
  CHECK(value.ratio <= 1);
  CHECK(slope.ratio <= 1);
}

/// Laws 2, 3, 8 and the denominators: every length, every reduction, without weights, one per term, one per sample.
template <class T>
void reductions(const Verbs<T>& verbs) {
  const Subject<T> sum{verbs, Reduction::sum}, mean{verbs, Reduction::mean}, batch{verbs, Reduction::batch_mean};
  for (const auto& shape : shapes<T>()) {
    const Index n = shape.first, c = shape.second;
    INFO("[" << n << " x " << c << "]");
    const Pair<T> in = draw<T>(verbs.domain, n, c, static_cast<std::uint64_t>(17 + n + 31 * c));
    const Columns<T> plain = sum.unreduced(in.p, in.y);
    REQUIRE((plain.rows() == n && plain.cols() == c));
    Index differs = 0;
    for (Index i = 0; i < plain.size(); i += 1 + plain.size() / 500) {
      const Columns<T> p = in.p.block(i % n, i / n, 1, 1), y = in.y.block(i % n, i / n, 1, 1);
      if (sum.forward(p, y) != plain(i)) ++differs;
    }
    CHECK(differs == 0);  // wherever an element stands in a register or a tile

    const auto denominators = [&](const char* which, const Columns<T>& used, const Columns<T>* weights) {
      INFO(which);
      const Columns<T> terms = sum.unreduced(in.p, in.y, weights);
      const Columns<T> weighted = plain * used;
      CHECK(same_bits(terms, weights == nullptr ? plain : weighted));
      const Real want = total(terms), magnitude = total<T>(terms.abs()), weight = total(used);
      const T s = sum.forward(in.p, in.y, weights), m = mean.forward(in.p, in.y, weights),
              b = batch.forward(in.p, in.y, weights);
      CHECK(close<T>(static_cast<Real>(s), want, magnitude));
      const Real rows = static_cast<Real>(n);
      if (n * c > 0) {
        CHECK(close<T>(static_cast<Real>(m), want / weight, magnitude / weight));
        CHECK(close<T>(static_cast<Real>(b), want / rows, magnitude / rows));
      } else {
        CHECK((s == 0 && m == 0 && b == 0));
      }
      Columns<T> gs, gm, gb;
      CHECK(sum.value_and_gradient(in.p, in.y, weights, gs) == s);
      CHECK(mean.value_and_gradient(in.p, in.y, weights, gm) == m);
      CHECK(batch.value_and_gradient(in.p, in.y, weights, gb) == b);
      REQUIRE((gs.rows() == n && gs.cols() == c));
      CHECK(same_bits(gs, sum.gradient(in.p, in.y, weights)));
      CHECK(same_bits(gm, mean.gradient(in.p, in.y, weights)));
      const Columns<T> curvature = mean.curvature(in.p, in.y, weights), plain_curvature = sum.curvature(in.p, in.y);
      Worst worst;
      for (Index i = 0; i < gs.size(); ++i) {
        const Real g = static_cast<Real>(gs(i)), h = static_cast<Real>(plain_curvature(i)) * static_cast<Real>(used(i));
        const Real bound = 4 * epsilon<T>, tiny = sizeof(T) == 4 ? 1e-37L : 1e-307L;
        const auto here = [&] { return "entry " + std::to_string(i); };
        worst.see(std::fabs(static_cast<Real>(gm(i)) - g / weight), bound * std::fabs(g / weight) + tiny, here);
        worst.see(std::fabs(static_cast<Real>(gb(i)) - g / rows), bound * std::fabs(g / rows) + tiny, here);
        worst.see(std::fabs(static_cast<Real>(curvature(i)) - h / weight), bound * std::fabs(h / weight) + tiny, here);
      }
      INFO("denominator of the gradient or the curvature, " << worst.where);
      CHECK(worst.ratio <= 1);
      const auto partial = mean.partial(in.p, in.y, weights);
      CHECK(close<double>(partial.weight, weight, weight));
      CHECK(close<T>(partial.sum, want, magnitude));
      CHECK(partial.count == n);
      CHECK((sum.value(partial) == s && mean.value(partial) == m && batch.value(partial) == b));
    };
    denominators("no weights", Columns<T>::Ones(n, c), nullptr);
    const Columns<T> full = draw_weights<T>(n, c, 19);
    denominators("a weight per term", full, &full);
    if (c != 1) {
      const Columns<T> per_sample = draw_weights<T>(n, 1, 20);
      denominators("a weight per sample", per_sample.replicate(1, c), &per_sample);
    }
  }
}

/// Law 4: the bits of the gradient do not depend on how anything is stored; nothing beside a view is touched.
template <class T>
void storage(const Verbs<T>& verbs) {
  for (const auto& shape : {std::pair<Index, Index>{5, 3}, {3, 40}, {37, 19}, {150, 131}}) {
    const Index n = shape.first, c = shape.second;
    const Pair<T> in = draw<T>(verbs.domain, n, c, 23);
    const Columns<T> weights = draw_weights<T>(n, c, 24), nans = Columns<T>::Constant(n, c, nan<T>);
    const Subject<T> mean{verbs};
    Columns<T> want, weighted_want;
    const T value = mean.value_and_gradient(in.p, in.y, nullptr, want);
    const T weighted_value = mean.value_and_gradient(in.p, in.y, &weights, weighted_want);
    const auto near = [](T a, T b) { return close<T>(static_cast<Real>(a), static_cast<Real>(b), 1); };
    const auto all = layouts(n, c);
    const auto run = [&](const Layout& lp, const Layout& ly, const Layout& lw, const Layout& lg) {
      INFO("[" << n << " x " << c << "] prediction " << lp.name << ", target " << ly.name << ", weights " << lw.name
               << ", gradient " << lg.name);
      const Placed<T> p(in.p, lp), y(in.y, ly), w(weights, lw);
      Placed<T> g(nans, lg);
      const Input<T> read_weights = w.read();
      CHECK(near(verbs.value_and_gradient(Reduction::mean, p.read(), y.read(), nullptr, g.view, nullptr), value));
      CHECK(same_bits(g.view, want));
      const T again = verbs.value_and_gradient(Reduction::mean, p.read(), y.read(), &read_weights, g.view, nullptr);
      CHECK(near(again, weighted_value));
      CHECK(verbs.forward(Reduction::mean, p.read(), y.read(), &read_weights, nullptr) == again);
      // Σw is summed in the order of the weights' storage. Below the normal numbers only steps count.
      CHECK(((g.view - weighted_want).abs() <=
             4 * std::numeric_limits<T>::epsilon() * weighted_want.abs() + 4 * std::numeric_limits<T>::denorm_min())
                .all());
      const Columns<T> added = T(0.5) + T(2) * g.view;
      g.view.setConstant(T(0.5));
      CHECK(verbs.add_to(Reduction::mean, p.read(), y.read(), &read_weights, g.view, 2) == again);
      CHECK(same_bits(g.view, added));
      CHECK(g.memory.touched() <= n * c);
      CHECK(same_bits(verbs.unreduced(Reduction::mean, p.read(), y.read(), nullptr), mean.unreduced(in.p, in.y)));
    };
    for (const Layout& lp : all) {
      for (const Layout& ly : all) run(lp, ly, all[1], all[0]);
      for (const Layout& lg : all) run(lp, all[1], all[0], lg);
    }
    for (const Layout& lw : all) run(all[0], all[0], lw, all[0]);
  }
}

/// Laws 5, 6, 9 and 10.
template <class T>
void samples(const Verbs<T>& verbs) {
  const Index n = 61, c = 3;
  const Pair<T> in = draw<T>(verbs.domain, n, c, 31);
  const Columns<T> weights = draw_weights<T>(n, c, 32), zeros = Columns<T>::Zero(n, c);
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    INFO((reduction == Reduction::mean ? "mean" : "sum"));
    const Subject<T> loss{verbs, reduction};
    Columns<T> gradient;
    const T value = loss.value_and_gradient(in.p, in.y, &weights, gradient);
    const Real magnitude = total<T>(loss.unreduced(in.p, in.y, &weights).abs()) /
                           (reduction == Reduction::mean ? total(weights) : Real(1));
    {  // 5: permuting samples
      std::vector<Index> order(static_cast<std::size_t>(n));
      std::iota(order.begin(), order.end(), Index(0));
      Random random(33);
      for (Index i = n - 1; i > 0; --i) {
        std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(random.below(i + 1))]);
      }
      const Columns<T> w = pick(weights, order);
      Columns<T> g;
      const T permuted = loss.value_and_gradient(pick(in.p, order), pick(in.y, order), &w, g);
      CHECK(close<T>(static_cast<Real>(permuted), static_cast<Real>(value), 2 * magnitude));
      const Columns<T> want = pick(gradient, order);
      CHECK((g - want).abs().maxCoeff() <= 4 * std::numeric_limits<T>::epsilon() * want.abs().maxCoeff());
    }
    {  // 6: weight 0 removes a sample, whatever it holds; weight 2 doubles it
      Columns<T> kinds(n, 1), poisoned = in.p;
      std::vector<Index> kept;
      for (Index i = 0; i < n; ++i) {
        kinds(i) = static_cast<T>(i % 3);
        for (Index copies = 0; copies < i % 3; ++copies) kept.push_back(i);
        if (i % 3 == 0) poisoned.row(i).setConstant(nan<T>);
      }
      Columns<T> weighted, repeated, clean;
      const T one = loss.value_and_gradient(in.p, in.y, &kinds, weighted);
      const T two = loss.value_and_gradient(pick(in.p, kept), pick(in.y, kept), nullptr, repeated);
      CHECK(close<T>(static_cast<Real>(one), static_cast<Real>(two), 100 * magnitude));
      Index wrong = 0;
      for (std::size_t k = 0; k < kept.size(); ++k) {
        for (Index j = 0; j < c; ++j) {
          const T want = kinds(kept[k]) * repeated(static_cast<Index>(k), j);
          // Below the normal numbers only steps count.
          const T step = std::numeric_limits<T>::denorm_min();
          if (std::abs(weighted(kept[k], j) - want) > 8 * std::numeric_limits<T>::epsilon() * std::abs(want) + 4 * step)
            ++wrong;
        }
      }
      CHECK(wrong == 0);
      CHECK(loss.value_and_gradient(poisoned, in.y, &kinds, clean) == one);
      CHECK(same_bits(clean, weighted));
      for (Index i = 0; i < n; i += 3) wrong += (clean.row(i) != 0).count();
      CHECK(wrong == 0);
    }
    {  // 9: a NaN-filled buffer comes out clean; add_to adds
      Columns<T> g = Columns<T>::Constant(n, c, nan<T>);
      CHECK(loss.value_and_gradient(in.p, in.y, &weights, g) == value);
      CHECK(same_bits(g, gradient));
      g = in.y;
      CHECK(loss.add_to(in.p, in.y, &weights, g, -3) == value);
      const Columns<T> want = in.y - T(3) * gradient, size = in.y.abs() + (T(3) * gradient).abs();
      CHECK(((g - want).abs() <= 4 * std::numeric_limits<T>::epsilon() * size).all());
    }
    {  // 10: halves merged are the whole, in either order
      for (const Index cut : {Index(0), Index(1), Index(30), n}) {
        const Columns<T> top = weights.topRows(cut), bottom = weights.bottomRows(n - cut);
        const auto first = loss.partial(in.p.topRows(cut), in.y.topRows(cut), &top);
        const auto second = loss.partial(in.p.bottomRows(n - cut), in.y.bottomRows(n - cut), &bottom);
        CHECK(close<T>(static_cast<Real>(loss.value(first + second)), static_cast<Real>(value), magnitude));
        CHECK(loss.value(first + second) == loss.value(second + first));
        CHECK((first + second).count == n);
      }
    }
    {  // nothing to average
      Columns<T> g = Columns<T>::Ones(n, c);
      CHECK(loss.value_and_gradient(in.p, in.y, &zeros, g) == 0);
      CHECK((g == 0).all());
      CHECK(loss.partial(in.p, in.y, &zeros).weight == 0);
      CHECK(loss.value(loss.partial(Columns<T>(0, c), Columns<T>(0, c))) == 0);
    }
  }
  // The gradient may be the prediction itself; a view that shares no element with it is no overlap.
  const Columns<T> want = Subject<T>{verbs}.gradient(in.p, in.y);
  Columns<T> both = in.p;
  verbs.value_and_gradient(Reduction::mean, input(both), input(in.y), nullptr, output(both), nullptr);
  CHECK(same_bits(both, want));
  Columns<T> twice(2 * n, c);
  Output<T> even(twice.data(), n, c, AnyStride(2 * n, 2)), odd(twice.data() + 1, n, c, AnyStride(2 * n, 2));
  even = in.p;
  verbs.value_and_gradient(Reduction::mean, Input<T>(twice.data(), n, c, AnyStride(2 * n, 2)), input(in.y), nullptr,
                           odd, nullptr);
  CHECK(same_bits(odd, want));
  CHECK(same_bits(even, in.p));
}

/// P6: a NaN at every index of lengths 1 to 33 comes out, in value, term and gradient; or the input is refused.
template <class T>
void nan_in_nan_out(const Verbs<T>& verbs) {
  Index lost = 0;
  std::string where;
  const Subject<T> loss{verbs};
  for (Index n = 1; n <= 33; ++n) {
    const Pair<T> in = draw<T>(verbs.domain, n, 1, static_cast<std::uint64_t>(100 + n));
    for (Index i = 0; i < n; ++i) {
      for (const bool in_target : {false, true}) {
        Columns<T> p = in.p, y = in.y, g = Columns<T>::Zero(n, 1);
        (in_target ? y : p)(i) = nan<T>;
        bool clean = false;
        const std::string refusal = message_of([&] {
          const T value = loss.value_and_gradient(p, y, nullptr, g);
          clean = !std::isnan(value) || !std::isnan(loss.forward(p, y)) || !std::isnan(loss.unreduced(p, y)(i)) ||
                  !std::isnan(g(i));
        });
        if (refusal.empty() && clean) {
          ++lost;
          where = "index " + std::to_string(i) + " of " + std::to_string(n) + (in_target ? ", target" : ", prediction");
        }
      }
    }
  }
  INFO("last at " << where);
  CHECK(lost == 0);
}

/// Law 11 and P7: wrong shapes, weights, overlaps; refused with the output as it was.
template <class T>
void bad_inputs(const Verbs<T>& verbs) {
  const Subject<T> loss{verbs};
  const auto every_verb = [&](const std::string& words, const Columns<T>& p, const Columns<T>& y,
                              const Columns<T>* w = nullptr) {
    INFO("[" << p.rows() << " x " << p.cols() << "] against [" << y.rows() << " x " << y.cols() << "]");
    const std::string expected =
        words.starts_with("weights") ? words : verbs.name.substr(0, verbs.name.find_first_of(",( ")) + ": " + words;
    Columns<T> g = Columns<T>::Constant(2, 2, T(7));
    refuses(expected, g, [&] { (void)loss.forward(p, y, w); });
    refuses(expected, g, [&] { (void)loss.gradient(p, y, w); });
    refuses(expected, g, [&] { (void)loss.value_and_gradient(p, y, w, g); });
    refuses(expected, g, [&] { (void)loss.unreduced(p, y, w); });
    refuses(expected, g, [&] { (void)loss.curvature(p, y, w); });
    refuses(expected, g, [&] { (void)loss.partial(p, y, w); });
  };
  const Columns<T> any = draw<T>(verbs.domain, 12, 12, 41).y.abs() + T(0.5);
  const auto sized = [&](Index n, Index c) { return Columns<T>(any.block(0, 0, n, c)); };
  const std::pair<std::pair<Index, Index>, std::pair<Index, Index>> wrong[] = {
      {{1, 4}, {4, 1}}, {{4, 1}, {1, 4}}, {{3, 2}, {2, 3}}, {{6, 1}, {3, 2}}, {{3, 2}, {3, 1}}, {{3, 2}, {1, 2}},
      {{4, 1}, {5, 1}}, {{1, 1}, {0, 1}}, {{0, 1}, {1, 1}}, {{0, 2}, {0, 3}}, {{3, 0}, {2, 0}}};
  for (const auto& [p, y] : wrong) every_verb("target", sized(p.first, p.second), sized(y.first, y.second));
  const Columns<T> p = sized(5, 3), y = sized(5, 3);
  for (const auto& shape : {std::pair<Index, Index>{3, 5}, {4, 1}, {1, 3}, {15, 1}, {5, 2}, {0, 0}, {3, 1}}) {
    const Index n = shape.first, c = shape.second;
    const Columns<T> weights = Columns<T>::Ones(n, c);
    every_verb("weights", p, y, &weights);
  }
  using limits = std::numeric_limits<T>;
  for (const T bad : {T(-1), -limits::denorm_min(), nan<T>, limits::infinity(), -limits::infinity()}) {
    Columns<T> weights = Columns<T>::Ones(5, 3), per_sample = Columns<T>::Ones(5, 1);
    weights(3, 2) = bad;
    every_verb("weights[3, 2] is ", p, y, &weights);
    per_sample(4) = bad;
    every_verb("weights[4] is ", p, y, &per_sample);
  }

  Columns<T> memory = sized(12, 12);
  const auto place = [&](Index offset, Index n, Index c, Index row = 1, Index column = 12) {
    return Output<T>(memory.data() + offset, n, c, AnyStride(column, row));
  };
  const auto gradient_refused = [&](const char* what, const std::string& words, Input<T> prediction, Input<T> target,
                                    Output<T> g) {
    INFO(what);
    refuses(words, memory,
            [&] { (void)verbs.value_and_gradient(Reduction::mean, prediction, target, nullptr, g, nullptr); });
    refuses(words, memory, [&] { (void)verbs.add_to(Reduction::mean, prediction, target, nullptr, g, 1); });
  };
  const auto read = [](const Output<T>& view) {
    return Input<T>(view.data(), view.rows(), view.cols(), AnyStride(view.outerStride(), view.innerStride()));
  };
  gradient_refused("a Map of the wrong shape", "gradient", input(p), input(y), place(0, 3, 5));
  gradient_refused("a block that is too small", "gradient", input(p), input(y), place(0, 5, 2));
  gradient_refused("a transpose of the wrong shape", "gradient", input(p), input(y), place(0, 3, 5, 12, 1));
  gradient_refused("an empty gradient", "gradient", input(p), input(y), place(0, 0, 0));
  gradient_refused("a gradient that holds elements twice", "gradient", input(p), input(y), place(0, 5, 3, 1, 0));
  const std::string shared = "shares memory";
  gradient_refused("one row further", shared, read(place(0, 5, 3)), input(y), place(1, 5, 3));
  gradient_refused("one column further", shared, read(place(0, 5, 3)), input(y), place(12, 5, 3));
  const Columns<T> square = sized(5, 5);
  gradient_refused("transposed onto itself", shared, read(place(0, 5, 5)), input(square), place(0, 5, 5, 12, 1));
  gradient_refused("reversed onto itself", shared, read(place(0, 5, 1)), read(place(60, 5, 1)), place(4, 5, 1, -1));
  gradient_refused("the target itself", shared, input(p), read(place(0, 5, 3)), place(0, 5, 3));
  gradient_refused("part of the target", shared, input(p), read(place(0, 5, 3)), place(26, 5, 3));
  {
    Columns<T> resizable = sized(2, 2);
    Columns<T> weights = sized(5, 3);
    refuses("gradient", resizable, [&] { (void)loss.add_to(p, y, nullptr, resizable, 1); });
    const Input<T> w = input(weights);
    refuses(shared, weights,
            [&] { (void)verbs.value_and_gradient(Reduction::mean, input(p), input(y), &w, output(weights), nullptr); });
  }
}

/// Law 12 and P9: the same bits for every number of threads, from run to run, and at every offset.
template <class T>
void threads(const Verbs<T>& verbs) {
  const Index n = 30011, c = 7;
  const Pair<T> in = draw<T>(verbs.domain, n, c, 51);
  const Columns<T> weights = draw_weights<T>(n, c, 52);
  const Input<T> w = input(weights);
  for (const auto* used : {static_cast<const Input<T>*>(nullptr), &w}) {
    Columns<T> want(n, c), g(n, c);
    const T value = verbs.value_and_gradient(Reduction::mean, input(in.p), input(in.y), used, output(want), nullptr);
    for (const int count : {1, 2, 3, 4, 8}) {
      Eigen::ThreadPool eigen(count);
      Pool pool{count, [&](std::function<void()> task) { eigen.Schedule(std::move(task)); }};
      for (int repeat = 0; repeat < 2; ++repeat) {
        INFO(count << " threads");
        g.setConstant(nan<T>);
        CHECK(verbs.forward(Reduction::mean, input(in.p), input(in.y), used, &pool) == value);
        CHECK(verbs.value_and_gradient(Reduction::mean, input(in.p), input(in.y), used, output(g), &pool) == value);
        CHECK(same_bits(g, want));
      }
    }
    for (const Index offset : {1, 2, 3, 5}) {
      INFO("at an offset of " << offset);
      const Placed<T> p(in.p, {"", offset, 1, n, n * c + offset}), y(in.y, {"", offset, 1, n, n * c + offset});
      CHECK(verbs.value_and_gradient(Reduction::mean, p.read(), y.read(), used, output(g), nullptr) == value);
      CHECK(same_bits(g, want));
    }
  }
}

template <class T>
void check(const Verbs<T>& verbs) {
  const std::string suffix = std::string(" (") + type_name<T> + ")";
  INFO(verbs.name << suffix);
  SECTION("1, 13: value, gradient and curvature are the reference's" + suffix) {
    accuracy(verbs);
  }
  SECTION("1: the gradient is the central difference" + suffix) {
    central_differences(verbs);
  }
  SECTION("7: the rule on dual numbers is the rule on lanes" + suffix) {
    same_on_lanes(verbs);
  }
  SECTION("2, 3, 8: denominators for every length" + suffix) {
    reductions(verbs);
  }
  SECTION("4: storage does not matter" + suffix) {
    storage(verbs);
  }
  SECTION("5, 6, 9, 10: samples, weights, add_to and partial" + suffix) {
    samples(verbs);
  }
  SECTION("11: bad inputs are refused" + suffix) {
    bad_inputs(verbs);
  }
  SECTION("12: threads, runs and offsets give the same bits" + suffix) {
    threads(verbs);
  }
  SECTION("NaN in, NaN out" + suffix) {
    nan_in_nan_out(verbs);
  }
  SECTION("large means do not overflow on the way" + suffix) {
    large_means(verbs);
  }
}

}  // namespace

void check(const Element& loss) {
  check(loss.in_float);
  check(loss.in_double);
  SECTION("7, 13: the rule on dual numbers is the reference, and its curvature the derivative of its slope") {
    INFO(loss.in_double.name);
    rule_on_scalars(loss.in_double);
  }
}

}  // namespace losses_test::laws
