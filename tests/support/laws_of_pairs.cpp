// SPDX-License-Identifier: MIT

#include "laws_of_pairs.hpp"

#include <cstdio>
#include <numeric>

#include <unsupported/Eigen/CXX11/ThreadPool>

namespace losses_test::laws {

using losses::Reduction;

namespace {

template <class T>
constexpr Real epsilon = static_cast<Real>(std::numeric_limits<T>::epsilon());

/// Samples: a row of each matrix, and a target.
template <class T>
struct Batch {
  PairMatrices<T> x;
  PairTargets y;

  Index rows() const { return x[0].rows(); }
  PairViews<T> views() const {
    PairViews<T> result;
    for (const auto& each : x) result.push_back(input(each));
    return result;
  }
  Batch pick(const std::vector<Index>& rows) const {
    Batch result;
    for (const auto& each : x) result.x.push_back(losses_test::pick(each, rows));
    result.y.resize(static_cast<Index>(rows.size()));
    for (std::size_t i = 0; i < rows.size(); ++i) result.y(static_cast<Index>(i)) = y(rows[i]);
    return result;
  }
  Batch middle(Index first, Index count) const {
    std::vector<Index> rows(static_cast<std::size_t>(count));
    std::iota(rows.begin(), rows.end(), first);
    return pick(rows);
  }
};

/// Neighbours at ordinary distances; some rows far larger or smaller, some equal.
template <class T>
Batch<T> draw_batch(const PairVerbs<T>& verbs, Index n, Index d, std::uint64_t seed) {
  Random random(seed);
  Batch<T> batch;
  batch.x.assign(static_cast<std::size_t>(verbs.vectors), Columns<T>(n, d));
  batch.y.resize(n);
  for (Index i = 0; i < n; ++i) {
    const Index style = random.below(8);
    const double size = style == 0 ? random.decades(1e-9, 1e9) : 1 / std::sqrt(static_cast<double>(d));
    const double spread = style == 1 ? random.decades(1e-5, 0.1) : 0.9;
    for (Index k = 0; k < d; ++k) {
      const double centre = random.normal();
      for (auto& each : batch.x) each(i, k) = static_cast<T>(size * (centre + spread * random.normal()));
    }
    if (style == 2 && d > 0) batch.x[1].row(i) = batch.x[0].row(i);
    batch.y(i) = verbs.targets[static_cast<std::size_t>(random.below(2))];
  }
  return batch;
}

template <class T>
struct Subject {
  const PairVerbs<T>& verbs;
  Reduction reduction = Reduction::mean;

  T forward(const Batch<T>& in, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.forward(reduction, in.views(), in.y, weights, nullptr); });
  }
  T value_and_gradient(const Batch<T>& in, const Columns<T>* w, PairMatrices<T>& g) const {
    return with(w, [&](auto weights) { return verbs.resize(reduction, in.views(), in.y, weights, g); });
  }
  T add_to(const Batch<T>& in, const Columns<T>* w, PairMatrices<T>& g, double factor) const {
    return with(w, [&](auto weights) {
      PairOutputs<T> outputs;
      for (auto& each : g) outputs.push_back(output(each));
      return verbs.add_to(reduction, in.views(), in.y, weights, outputs, factor);
    });
  }
  PairMatrices<T> gradient(const Batch<T>& in, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.gradient(reduction, in.views(), in.y, weights); });
  }
  Columns<T> unreduced(const Batch<T>& in, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.unreduced(reduction, in.views(), in.y, weights); });
  }
  losses::Partial partial(const Batch<T>& in, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.partial(in.views(), in.y, weights); });
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

template <class T>
bool same_bits(const PairMatrices<T>& a, const PairMatrices<T>& b) {
  for (std::size_t v = 0; v < a.size(); ++v) {
    if (!losses_test::same_bits(a[v], b[v])) return false;
  }
  return a.size() == b.size();
}

template <class T>
JetRows jet_rows(const Batch<T>& in, Index i) {
  JetRows rows;
  for (const auto& each : in.x) {
    rows.emplace_back();
    for (Index k = 0; k < each.cols(); ++k) rows.back().push_back(Jet(as_real(each(i, k))));
  }
  return rows;
}

/// Equal but for the order of sums: relative to the largest entry of the row, and to the numbers that it is a difference of.
template <class T>
bool near_rows(const PairVerbs<T>& verbs, const Batch<T>& in, const PairMatrices<T>& a, const PairMatrices<T>& b) {
  for (std::size_t v = 0; v < a.size(); ++v) {
    if (a[v].rows() != b[v].rows() || a[v].cols() != b[v].cols()) return false;
    for (Index i = 0; i < a[v].rows(); ++i) {
      Real size = 0;
      for (const auto& each : b) {
        for (Index k = 0; k < each.cols(); ++k) size = std::max(size, std::fabs(static_cast<Real>(each(i, k))));
      }
      const Real slack = 1e-15L * verbs.scale(jet_rows(in, i), static_cast<int>(in.y(i))).slope;
      for (Index k = 0; k < a[v].cols(); ++k) {
        const Real error = std::fabs(static_cast<Real>(a[v](i, k)) - static_cast<Real>(b[v](i, k)));
        if (!(error <= 64 * epsilon<T> * size + slack + static_cast<Real>(std::numeric_limits<T>::min()))) return false;
      }
    }
  }
  return true;
}

template <class T>
PairMatrices<T> filled(const PairVerbs<T>& verbs, Index n, Index d, T value) {
  return PairMatrices<T>(static_cast<std::size_t>(verbs.vectors), Columns<T>::Constant(n, d, value));
}

/// A sample's term, its gradients by dual numbers, and what errors are relative to.
struct Expected {
  Real value = 0, largest = 0;
  Scale scale;
  bool kink = false;
  std::vector<std::vector<Real>> gradient;
};

template <class T>
Expected expected(const PairVerbs<T>& verbs, const Batch<T>& in, Index i) {
  JetRows rows = jet_rows(in, i);
  const int y = static_cast<int>(in.y(i));
  Expected want;
  want.value = verbs.term(rows, y).f;
  want.scale = verbs.scale(rows, y);
  for (auto& row : rows) {
    want.gradient.emplace_back();
    for (Jet& entry : row) {
      entry = Jet::variable(entry.f);
      const Jet term = verbs.term(rows, y);
      entry = Jet(entry.f);
      want.kink = want.kink || term.kink;
      want.gradient.back().push_back(term.d);
      want.largest = std::max(want.largest, std::fabs(term.d));
    }
  }
  return want;
}

/// Law 1, P1 and P2.
template <class T>
void accuracy(const PairVerbs<T>& verbs) {
  Worst value, slope;
  const Subject<T> sum{verbs, Reduction::sum};
  for (const auto& shape : {std::pair<Index, Index>{drawn_of(6000), 3},
                            {drawn_of(2000), 1},
                            {drawn_of(1500), 8},
                            {drawn_of(300), 17},
                            {drawn_of(150), 33},
                            {drawn_of(30), 130}}) {
    const Batch<T> in = draw_batch(verbs, shape.first, shape.second, 301);
    const Columns<T> terms = sum.unreduced(in);
    const PairMatrices<T> gradient = sum.gradient(in);
    REQUIRE(terms.size() == in.rows());
    for (Index i = 0; i < in.rows(); ++i) {
      const Expected want = expected(verbs, in, i);
      const auto where = [&](Real got, Real must) {
        return [&, got, must] {
          return "row " + std::to_string(i) + " of [" + std::to_string(in.rows()) + " x " +
                 std::to_string(shape.second) + "], got " + number(got) + ", but the reference is " + number(must);
        };
      };
      const Real got = static_cast<Real>(terms(i));
      value.see(std::fabs(got - want.value),
                value_bound<T> * std::fabs(want.value) + 1e-14L * want.scale.value +
                    static_cast<Real>(std::numeric_limits<T>::min()),
                where(got, want.value));
      if (want.kink) continue;
      for (std::size_t v = 0; v < gradient.size(); ++v) {
        for (Index k = 0; k < shape.second; ++k) {
          const Real g = static_cast<Real>(gradient[v](i, k)), must = want.gradient[v][static_cast<std::size_t>(k)];
          slope.see(std::fabs(g - must),
                    slope_bound<T> * want.largest + 1e-15L * want.scale.slope +
                        static_cast<Real>(std::numeric_limits<T>::min()),
                    where(g, must));
        }
      }
    }
  }
  {
    INFO("worst value: " << value.where);
    CHECK(value.ratio <= 1);
  }
  {
    INFO("worst slope: " << slope.where);
    CHECK(slope.ratio <= 1);
  }
  if (figures_wanted()) {
    std::printf("%-28s %-6s  value %.1Le of its bound  gradient %.1Le of its bound\n", verbs.name.c_str(), type_name<T>,
                value.ratio, slope.ratio);
  }
}

/// Numbers of samples and of features around the width of a register; n ≠ d.
template <class T>
std::vector<std::pair<Index, Index>> pair_shapes() {
  const Index w = 64 / static_cast<Index>(sizeof(T));
  return {{0, 0},     {0, 3},   {3, 0},     {1, 2},    {2, 1},     {1, w - 1}, {2, w},
          {3, w + 1}, {1, 33},  {w - 1, 2}, {w, 3},    {w + 1, 4}, {33, 1},    {33, 15},
          {63, 16},   {64, 17}, {65, 3},    {130, 40}, {7, 300},   {300, 7},   {5, 2049}};
}

/// Laws 2, 3 and 8.
template <class T>
void reductions(const PairVerbs<T>& verbs) {
  const Subject<T> sum{verbs, Reduction::sum}, mean{verbs, Reduction::mean}, batch{verbs, Reduction::batch_mean};
  for (const auto& shape : pair_shapes<T>()) {
    const Index n = shape.first, d = shape.second;
    INFO("[" << n << " x " << d << "]");
    const Batch<T> in = draw_batch(verbs, n, d, static_cast<std::uint64_t>(310 + n + 31 * d));
    const Columns<T> plain = sum.unreduced(in);
    REQUIRE((plain.rows() == n && plain.cols() == 1));
    Index differs = 0;
    for (Index i = 0; i < n; ++i) {  // wherever a sample stands in a register or a tile
      if (sum.unreduced(in.pick({(i + 1) % n, (i + 2) % n, i}))(2) != plain(i)) ++differs;
    }
    CHECK(differs == 0);
    const Columns<T> weights = draw_weights<T>(n, 1, 311), ones = Columns<T>::Ones(n, 1);
    for (const Columns<T>* used : {static_cast<const Columns<T>*>(nullptr), &weights}) {
      const Columns<T>& w = used == nullptr ? ones : weights;
      const Columns<T> terms = sum.unreduced(in, used);
      const Columns<T> want_terms = plain * w;
      CHECK(((terms - want_terms).abs() <= 2 * std::numeric_limits<T>::epsilon() * want_terms.abs()).all());
      const Real want = want_terms.template cast<Real>().sum(), weight = w.template cast<Real>().sum();
      const Real rows = static_cast<Real>(n);
      const T s = sum.forward(in, used), m = mean.forward(in, used), b = batch.forward(in, used);
      CHECK(close<T>(static_cast<Real>(s), want, want));
      if (n > 0) {
        CHECK(close<T>(static_cast<Real>(m), want / weight, want / weight));
        CHECK(close<T>(static_cast<Real>(b), want / rows, want / rows));
      } else {
        CHECK((s == 0 && m == 0 && b == 0));
      }
      PairMatrices<T> gs, gm, gb;
      CHECK(sum.value_and_gradient(in, used, gs) == s);
      CHECK(mean.value_and_gradient(in, used, gm) == m);
      CHECK(batch.value_and_gradient(in, used, gb) == b);
      CHECK(same_bits(gs, sum.gradient(in, used)));
      for (std::size_t v = 0; v < gs.size(); ++v) {
        REQUIRE((gs[v].rows() == n && gs[v].cols() == d));
        if (n == 0 || d == 0) continue;
        gm[v] *= static_cast<T>(weight);
        gb[v] *= static_cast<T>(rows);
      }
      CHECK(near_rows(verbs, in, gm, gs));
      CHECK(near_rows(verbs, in, gb, gs));
      const auto part = mean.partial(in, used);
      CHECK(close<double>(part.weight, weight, weight));
      CHECK(part.count == n);
      CHECK((sum.value(part) == s && mean.value(part) == m && batch.value(part) == b));
    }
  }
}

/// Law 4: storage orders give the same numbers, to rounding; nothing beside a view is touched.
template <class T>
void storage(const PairVerbs<T>& verbs) {
  for (const auto& shape : {std::pair<Index, Index>{5, 3}, {19, 37}, {70, 20}}) {
    const Index n = shape.first, d = shape.second;
    const Batch<T> in = draw_batch(verbs, n, d, 320);
    const Columns<T> weights = draw_weights<T>(n, 1, 321);
    const Subject<T> mean{verbs};
    PairMatrices<T> want;
    const T value = mean.value_and_gradient(in, &weights, want);
    const auto all = layouts(n, d);
    // Operands rotate through the layouts, so that all meet.
    for (std::size_t first = 0; first < all.size(); ++first) {
      for (const std::size_t step : std::initializer_list<std::size_t>{0, 1, 4}) {
        INFO("[" << n << " x " << d << "] from " << all[first].name << ", " << step << " further each");
        std::vector<Placed<T>> inputs, outputs;
        inputs.reserve(3);
        outputs.reserve(3);
        for (std::size_t v = 0; v < in.x.size(); ++v) {
          inputs.emplace_back(in.x[v], all[(first + v * step) % all.size()]);
          outputs.emplace_back(Columns<T>::Constant(n, d, nan<T>), all[(first + (v + 1) * step) % all.size()]);
        }
        PairViews<T> x;
        PairOutputs<T> g;
        for (auto& each : inputs) x.push_back(each.read());
        for (auto& each : outputs) g.push_back(each.view);
        const Placed<T> w(weights, {"", 1, 2, 1, 2 * n + 1});
        const Input<T> read_weights = w.read();
        const auto written = [&] {
          PairMatrices<T> result;
          for (auto& each : outputs) result.push_back(each.view);
          return result;
        };
        const T got = verbs.value_and_gradient(Reduction::mean, x, in.y, &read_weights, g, nullptr);
        CHECK(close<T>(static_cast<Real>(got), static_cast<Real>(value), 2 * static_cast<Real>(value)));
        CHECK(verbs.forward(Reduction::mean, x, in.y, &read_weights, nullptr) == got);
        const PairMatrices<T> plain = written();
        CHECK(near_rows(verbs, in, plain, want));
        for (auto& each : outputs) each.view.setConstant(T(0.5));
        CHECK(verbs.add_to(Reduction::mean, x, in.y, &read_weights, g, 2) == got);
        for (std::size_t v = 0; v < plain.size(); ++v) {
          const Columns<T> added = T(0.5) + T(2) * plain[v], size = T(0.5) + T(2) * plain[v].abs();
          CHECK(((outputs[v].view - added).abs() <= 4 * std::numeric_limits<T>::epsilon() * size).all());
          CHECK(outputs[v].memory.touched() <= n * d);
        }
      }
    }
  }
}

/// Laws 5, 6, 9 and 10.
template <class T>
void samples(const PairVerbs<T>& verbs) {
  const Index n = 71, d = 5;
  const Batch<T> in = draw_batch(verbs, n, d, 330);
  const Columns<T> weights = draw_weights<T>(n, 1, 331), zeros = Columns<T>::Zero(n, 1);
  const auto same_value = [](T a, T b) { return close<T>(static_cast<Real>(a), static_cast<Real>(b), 0); };
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    INFO((reduction == Reduction::mean ? "mean" : "sum"));
    const Subject<T> loss{verbs, reduction};
    PairMatrices<T> gradient;
    const T value = loss.value_and_gradient(in, &weights, gradient);
    {  // 5
      std::vector<Index> order(static_cast<std::size_t>(n));
      std::iota(order.begin(), order.end(), Index(0));
      std::reverse(order.begin() + 7, order.end());
      std::swap(order[0], order[40]);
      const Columns<T> w = pick(weights, order);
      PairMatrices<T> g, want;
      CHECK(same_value(loss.value_and_gradient(in.pick(order), &w, g), value));
      for (const auto& each : gradient) want.push_back(pick(each, order));
      CHECK(near_rows(verbs, in.pick(order), g, want));
    }
    {  // 6
      Columns<T> kinds(n, 1);
      Batch<T> poisoned = in;
      std::vector<Index> kept;
      for (Index i = 0; i < n; ++i) {
        kinds(i) = static_cast<T>(i % 3);
        for (Index copies = 0; copies < i % 3; ++copies) kept.push_back(i);
        if (i % 3 != 0) continue;
        for (auto& each : poisoned.x) each.row(i).setConstant(nan<T>);
        poisoned.y(i) = 17;  // no target
      }
      PairMatrices<T> weighted, repeated, clean;
      const T one = loss.value_and_gradient(in, &kinds, weighted);
      CHECK(same_value(one, loss.value_and_gradient(in.pick(kept), nullptr, repeated)));
      PairMatrices<T> doubled;
      for (std::size_t v = 0; v < weighted.size(); ++v) {
        doubled.push_back(pick(weighted[v], kept));
        for (std::size_t k = 0; k < kept.size(); ++k) repeated[v].row(static_cast<Index>(k)) *= kinds(kept[k]);
      }
      CHECK(near_rows(verbs, in.pick(kept), doubled, repeated));
      CHECK(loss.value_and_gradient(poisoned, &kinds, clean) == one);
      CHECK(same_bits(clean, weighted));
      for (const auto& each : clean) {
        for (Index i = 0; i < n; i += 3) CHECK((each.row(i) == 0).all());
      }
    }
    {  // 9
      PairMatrices<T> g = filled(verbs, n, d, nan<T>);
      CHECK(loss.value_and_gradient(in, &weights, g) == value);
      CHECK(same_bits(g, gradient));
      g = in.x;
      CHECK(loss.add_to(in, &weights, g, -3) == value);
      for (std::size_t v = 0; v < g.size(); ++v) {
        const Columns<T> want = in.x[v] - T(3) * gradient[v], size = in.x[v].abs() + T(3) * gradient[v].abs();
        CHECK(((g[v] - want).abs() <= 4 * std::numeric_limits<T>::epsilon() * size).all());
      }
    }
    {  // 10
      for (const Index cut : {Index(0), Index(1), Index(30), n}) {
        const Columns<T> top = weights.topRows(cut), bottom = weights.bottomRows(n - cut);
        const auto first = loss.partial(in.middle(0, cut), &top);
        const auto second = loss.partial(in.middle(cut, n - cut), &bottom);
        CHECK(same_value(loss.value(first + second), value));
        CHECK((first + second).count == n);
      }
    }
    PairMatrices<T> g = filled(verbs, n, d, T(1));
    CHECK(loss.value_and_gradient(in, &zeros, g) == 0);
    for (const auto& each : g) CHECK((each == 0).all());
    CHECK(loss.partial(in, &zeros).weight == 0);
  }
}

/// P6: a NaN anywhere in a sample makes its term and its gradients NaN.
template <class T>
void nan_in_nan_out(const PairVerbs<T>& verbs) {
  const Subject<T> loss{verbs};
  for (Index d = 1; d <= 33; ++d) {
    const Index n = 3;
    const Batch<T> in = draw_batch(verbs, n, d, static_cast<std::uint64_t>(340 + d));
    for (std::size_t v = 0; v < in.x.size(); ++v) {
      for (Index k = 0; k < d; ++k) {
        Batch<T> poisoned = in;
        poisoned.x[v](1, k) = nan<T>;
        PairMatrices<T> g;
        INFO("entry " << k << " of " << d << " of matrix " << v);
        const bool value =
            std::isnan(loss.value_and_gradient(poisoned, nullptr, g)) && std::isnan(loss.forward(poisoned));
        CHECK(value);
        CHECK(std::isnan(loss.unreduced(poisoned)(1)));
        for (const auto& each : g) CHECK((each.row(1).isNaN().all() && !each.row(0).isNaN().any()));
      }
    }
  }
}

/// Law 11 and P7.
template <class T>
void bad_inputs(const PairVerbs<T>& verbs) {
  const Subject<T> loss{verbs};
  const std::string prefix = verbs.name.substr(0, verbs.name.find_first_of(",( ")) + ": ";
  const Index n = 5, d = 3;
  const Batch<T> good = draw_batch(verbs, n, d, 350);
  const auto every_verb = [&](const std::string& words, const Batch<T>& in, const Columns<T>* w = nullptr) {
    INFO(words);
    PairMatrices<T> g = filled(verbs, 2, 2, T(7));
    const auto refused = [&](const auto& call) {
      const std::string message = message_of(call);
      expect_refusal(message, prefix + words, same_bits(g, filled(verbs, 2, 2, T(7))));
    };
    refused([&] { (void)loss.forward(in, w); });
    refused([&] { (void)loss.gradient(in, w); });
    refused([&] { (void)loss.value_and_gradient(in, w, g); });
    refused([&] { (void)loss.unreduced(in, w); });
    refused([&] { (void)loss.partial(in, w); });
  };
  for (std::size_t v = 1; v < good.x.size(); ++v) {
    for (const auto& shape : {std::pair<Index, Index>{3, 5}, {4, 3}, {5, 2}, {1, 3}, {5, 1}, {0, 3}}) {
      Batch<T> bad = good;
      bad.x[v] = Columns<T>::Ones(shape.first, shape.second);
      every_verb("", bad);
    }
  }
  for (const auto& shape : {std::pair<Index, Index>{4, 1}, {1, 5}, {5, 3}, {0, 1}}) {
    const Columns<T> weights = Columns<T>::Ones(shape.first, shape.second);
    every_verb("weights is ", good, &weights);
  }
  using limits = std::numeric_limits<T>;
  for (const T bad : {T(-1), -limits::denorm_min(), nan<T>, limits::infinity()}) {
    Columns<T> weights = Columns<T>::Ones(n, 1);
    weights(4) = bad;
    every_verb("weights[4] is ", good, &weights);
  }
  if (verbs.vectors == 2) {
    for (const std::int64_t bad : {std::int64_t(2), std::int64_t(-2), INT64_MIN, (std::int64_t(1) << 32) + 1}) {
      Batch<T> wrong = good;
      wrong.y(3) = bad;
      every_verb("", wrong);
    }
    Batch<T> wrong = good;
    wrong.y.conservativeResize(4);
    every_verb("", wrong);
  }

  Columns<T> memory = Columns<T>::Ones(40, 12);
  const auto place = [&](Index offset, Index rows, Index columns, Index row = 1, Index column = 40) {
    return Output<T>(memory.data() + offset, rows, columns, AnyStride(column, row));
  };
  const auto read = [](const Output<T>& view) {
    return Input<T>(view.data(), view.rows(), view.cols(), AnyStride(view.outerStride(), view.innerStride()));
  };
  PairOutputs<T> apart;
  for (Index v = 0; v < verbs.vectors; ++v) apart.push_back(place(480 - 5 * (v + 1) - 80, n, d));
  const auto refused = [&](const char* what, const std::string& words, const PairViews<T>& x, const PairOutputs<T>& g) {
    INFO(what);
    refuses(words, memory, [&] { (void)verbs.value_and_gradient(Reduction::mean, x, good.y, nullptr, g, nullptr); });
    refuses(words, memory, [&] { (void)verbs.add_to(Reduction::mean, x, good.y, nullptr, g, 1); });
  };
  for (int v = 0; v < verbs.vectors; ++v) {
    const auto with = [&](const Output<T>& g) {
      PairOutputs<T> result;
      for (int k = 0; k < verbs.vectors; ++k) result.push_back(k == v ? g : apart[static_cast<std::size_t>(k)]);
      return result;
    };
    refused("a gradient of the wrong shape", "gradient", good.views(), with(place(0, d, n)));
    refused("a gradient that holds elements twice", "gradient", good.views(), with(place(0, n, d, 1, 0)));
    refused("two gradients in one place", "shares memory", good.views(),
            with(apart[static_cast<std::size_t>((v + 1) % verbs.vectors)]));
    PairViews<T> x;
    for (int k = 0; k < verbs.vectors; ++k) x.push_back(read(place(10 * k, n, d)));
    refused("a gradient over its own prediction", "shares memory", x, with(place(10 * v, n, d)));
    refused("a gradient over another prediction", "shares memory", x,
            with(place(10 * ((v + 1) % verbs.vectors) + 1, n, d)));
  }
}

/// Law 12 and P9.
template <class T>
void threads(const PairVerbs<T>& verbs) {
  for (const auto& shape : {std::pair<Index, Index>{9001, 40}, {40011, 7}}) {
    const Index n = shape.first, d = shape.second;
    const Batch<T> in = draw_batch(verbs, n, d, 360);
    const Columns<T> weights = draw_weights<T>(n, 1, 361);
    const Input<T> w = input(weights);
    for (const auto* used : {static_cast<const Input<T>*>(nullptr), &w}) {
      PairMatrices<T> want = filled(verbs, n, d, nan<T>), g = want;
      const auto outputs = [](PairMatrices<T>& matrices) {
        PairOutputs<T> result;
        for (auto& each : matrices) result.push_back(output(each));
        return result;
      };
      const T value = verbs.value_and_gradient(Reduction::mean, in.views(), in.y, used, outputs(want), nullptr);
      for (const int count : {1, 2, 3, 4, 8}) {
        Eigen::ThreadPool eigen(count);
        Pool pool{count, [&](std::function<void()> task) { eigen.Schedule(std::move(task)); }};
        INFO(count << " threads");
        g = filled(verbs, n, d, nan<T>);
        CHECK(verbs.forward(Reduction::mean, in.views(), in.y, used, &pool) == value);
        CHECK(verbs.value_and_gradient(Reduction::mean, in.views(), in.y, used, outputs(g), &pool) == value);
        CHECK(same_bits(g, want));
      }
    }
  }
}

template <class T>
void check(const PairVerbs<T>& verbs) {
  const std::string suffix = std::string(" (") + type_name<T> + ")";
  INFO(verbs.name << suffix);
  SECTION("1: value and gradients are the reference's" + suffix) {
    accuracy(verbs);
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
  SECTION("12: threads give the same bits" + suffix) {
    threads(verbs);
  }
  SECTION("NaN in, NaN out" + suffix) {
    nan_in_nan_out(verbs);
  }
}

}  // namespace

void check(const PairLoss& loss) {
  check(loss.in_float);
  check(loss.in_double);
}

}  // namespace losses_test::laws
