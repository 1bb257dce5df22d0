// SPDX-License-Identifier: MIT

#include "batch_laws.hpp"

#include <cstdio>
#include <memory>
#include <numeric>

#include <unsupported/Eigen/CXX11/ThreadPool>

namespace losses_test::laws {

namespace {

using losses::Reduction;

template <class T>
constexpr Real epsilon = static_cast<Real>(std::numeric_limits<T>::epsilon());

/// P1 and P2. A float cosine is off by about 1e-7, and a temperature of 0.1 makes that 1e-6 of a slope.
template <class T>
constexpr Real batch_value_bound = sizeof(T) == 4 ? 1e-6L : 1e-14L;
template <class T>
constexpr Real batch_slope_bound = sizeof(T) == 4 ? 1e-5L : 1e-12L;

struct Sum {
  Jet value = 0;
  Real weight = 0;
  Real magnitude = 0;
};

template <class T>
Sum total(const BatchVerbs<T>& verbs, const Batch& batch) {
  Sum sum;
  for (const Anchor& anchor : verbs.reference(batch)) {
    sum.value += anchor.value;
    sum.weight += anchor.weight;
    sum.magnitude += std::max(anchor.magnitude, std::fabs(anchor.value.f));
  }
  return sum;
}

template <class T>
struct Drawn {
  LabelVector y;
  Columns<T> x;
};

template <class T>
Drawn<T> draw_batch(const BatchVerbs<T>& verbs, Index n, Index d, std::uint64_t seed) {
  Drawn<T> drawn;
  if (verbs.rows_per_sample == 2) {  // two views: the reference reads the labels i mod n
    n = n / 2 * 2;
    drawn.y.resize(n);
    for (Index i = 0; i < n; ++i) drawn.y(i) = i % std::max<Index>(n / 2, 1);
  } else {
    drawn.y = draw_classes(n, 2 + n / 9, seed);
  }
  drawn.x = draw_embeddings<T>(n, d, drawn.y, seed + 1);
  return drawn;
}

/// Law 1, P1 and P2: value and every entry of the gradient, against brute force and its dual numbers.
template <class T>
void accuracy(const BatchVerbs<T>& verbs) {
  Worst value, slope;
  for (const auto& shape : {std::pair<Index, Index>{2, 3}, {5, 1}, {6, 4}, {13, 5}, {18, 3}, {24, 2}}) {
    const Index n = shape.first, d = shape.second;
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      const Drawn<T> drawn = draw_batch(verbs, n, d, 100 * seed + static_cast<std::uint64_t>(n));
      const LabelVector& y = drawn.y;
      const Columns<T>& x = drawn.x;
      Batch batch = batch_of(x, y);
      const Sum want = total(verbs, batch);
      const Real weight = want.weight > 0 ? want.weight : 1;
      Columns<T> g = Columns<T>::Constant(x.rows(), d, nan<T>);
      const T got = verbs.value_and_gradient(Reduction::mean, input(x), y, output(g), nullptr);
      value.see(std::fabs(static_cast<Real>(got) - want.value.f / weight),
                batch_value_bound<T> * want.magnitude / weight,
                [&] { return at(n, d, static_cast<Real>(got), want.value.f / weight); });
      Columns<Real> expected(x.rows(), d);
      for (Index i = 0; i < x.rows(); ++i) {
        for (Index k = 0; k < d; ++k) {
          Jet& entry = batch.rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)];
          entry.d = 1;
          expected(i, k) = total(verbs, batch).value.d / weight;
          entry.d = 0;
        }
      }
      const Real largest = expected.size() > 0 ? expected.abs().maxCoeff() : Real(0);
      const Real floor = largest < 1e-15L ? 1e-14L : 1e-300L;  // the reference's rounding of 0, as for d = 1
      for (Index i = 0; i < g.size(); ++i) {
        slope.see(std::fabs(static_cast<Real>(g(i)) - expected(i)), batch_slope_bound<T> * largest + floor,
                  [&] { return at(x.rows(), d, static_cast<Real>(g(i)), expected(i)); });
      }
    }
  }
  INFO("value: " << value.where << "\nslope: " << slope.where);
  CHECK(value.ratio <= 1);
  CHECK(slope.ratio <= 1);
  if (figures_wanted()) {
    std::printf("%-32s %-6s  value %.1Le  gradient %.1Le of their bounds\n", verbs.name.c_str(), type_name<T>,
                value.ratio, slope.ratio);
  }
}

/// Law 1 at sizes with whole and broken registers, strips and waves: the value, and the gradient along a direction.
template <class T>
void sizes(const BatchVerbs<T>& verbs) {
  const Index w = losses::native_width<T>;
  for (const Index n :
       {Index{0}, Index{1}, Index{2}, w - 1, w, w + 1, Index{33}, Index{64}, Index{65}, Index{131}, Index{322}}) {
    const Index d = n < 70 ? 7 : 3;
    const auto [y, x] = draw_batch(verbs, n, d, 7 + static_cast<std::uint64_t>(n));
    INFO("[" << x.rows() << " x " << d << "]");
    Columns<T> g = Columns<T>::Constant(x.rows(), d, nan<T>);
    const T got = verbs.value_and_gradient(Reduction::mean, input(x), y, output(g), nullptr);
    CHECK(verbs.forward(Reduction::mean, input(x), y, nullptr) == got);  // law 2
    Batch batch = batch_of(x, y);
    Random random(3);
    Real along = 0, magnitude = 0;
    for (Index i = 0; i < x.rows(); ++i) {
      for (Index k = 0; k < d; ++k) {
        const Real direction = random.normal();
        batch.rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)].d = direction;
        along += direction * static_cast<Real>(g(i, k));
        magnitude += std::fabs(direction * static_cast<Real>(g(i, k)));
      }
    }
    const Sum want = total(verbs, batch);
    const Real weight = want.weight > 0 ? want.weight : 1;
    CHECK(std::fabs(static_cast<Real>(got) - want.value.f / weight) <= batch_value_bound<T> * want.magnitude / weight);
    CHECK(std::fabs(along - want.value.d / weight) <= batch_slope_bound<T> * magnitude + 1e-17L);

    // Law 3, and the denominators.
    const Columns<T> terms = verbs.unreduced(Reduction::mean, input(x), y);
    REQUIRE((terms.rows() == x.rows() && terms.cols() == 1));
    const Real sum = terms.template cast<Real>().sum();
    Columns<T> gs(x.rows(), d), gb(x.rows(), d);
    const T s = verbs.value_and_gradient(Reduction::sum, input(x), y, output(gs), nullptr);
    const T b = verbs.value_and_gradient(Reduction::batch_mean, input(x), y, output(gb), nullptr);
    const Real samples = static_cast<Real>(std::max<Index>(x.rows() / verbs.rows_per_sample, 1));
    const Real bound = sum_bound<T> * want.magnitude;
    CHECK(std::fabs(static_cast<Real>(s) - sum) <= bound);
    CHECK(std::fabs(static_cast<Real>(got) * weight - sum) <= bound);
    CHECK(std::fabs(static_cast<Real>(b) * samples - sum) <= bound);
    const Real largest = x.size() > 0 ? static_cast<Real>(gs.abs().maxCoeff()) : Real(0);
    for (Index i = 0; i < g.size(); ++i) {
      const Real entry = static_cast<Real>(gs(i));
      if (std::fabs(static_cast<Real>(g(i)) * weight - entry) <= 4 * epsilon<T> * std::fabs(entry) + 1e-30L * largest &&
          std::fabs(static_cast<Real>(gb(i)) * samples - entry) <=
              4 * epsilon<T> * std::fabs(entry) + 1e-30L * largest) {
        continue;
      }
      FAIL_CHECK("denominator of the gradient, entry " << i);
    }
  }
}

/// Law 4: every layout gives the same bits.
template <class T>
void storage(const BatchVerbs<T>& verbs) {
  const auto [y, x] = draw_batch(verbs, 38, 5, 41);
  Columns<T> want(x.rows(), 5);
  const T value = verbs.value_and_gradient(Reduction::mean, input(x), y, output(want), nullptr);
  CHECK(same_bits(want, verbs.gradient(Reduction::mean, input(x), y)));
  for (const Layout& in : layouts(x.rows(), 5)) {
    for (const Layout& out : layouts(x.rows(), 5)) {
      INFO(in.name << " in, " << out.name << " out");
      const Placed<T> p(x, in);
      Placed<T> g(Columns<T>::Constant(x.rows(), 5, nan<T>), out);
      CHECK(verbs.value_and_gradient(Reduction::mean, p.read(), y, g.view, nullptr) == value);
      CHECK(same_bits(g.view, want));
      CHECK(g.memory.touched() <= x.size());
    }
  }
}

/// Law 5.
template <class T>
void permutation(const BatchVerbs<T>& verbs) {
  if (verbs.rows_per_sample == 2) return;
  const auto [y, x] = draw_batch(verbs, 70, 4, 51);
  std::vector<Index> order(70);
  std::iota(order.begin(), order.end(), Index{0});
  Random random(52);
  for (Index i = 69; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(random.below(i + 1))]);
  LabelVector moved(70);
  for (Index i = 0; i < 70; ++i) moved(i) = y(order[static_cast<std::size_t>(i)]);
  const Columns<T> g = verbs.gradient(Reduction::mean, input(x), y), rows = pick(x, order);
  const Columns<T> h = verbs.gradient(Reduction::mean, input(rows), moved);
  CHECK((h - pick(g, order)).abs().maxCoeff() <= static_cast<T>(batch_slope_bound<T>) * g.abs().maxCoeff());
}

/// Law 9.
template <class T>
void adding(const BatchVerbs<T>& verbs) {
  const auto [y, x] = draw_batch(verbs, 30, 6, 91);
  const Columns<T> g = verbs.gradient(Reduction::mean, input(x), y);
  Columns<T> sum = x;
  const T value = verbs.add_to(Reduction::mean, input(x), y, output(sum), -3);
  CHECK(value == verbs.forward(Reduction::mean, input(x), y, nullptr));
  CHECK(((sum - (x - 3 * g)).abs() <= 4 * std::numeric_limits<T>::epsilon() * (x.abs() + 3 * g.abs())).all());
}

/// Law 12.
template <class T>
void threads(const BatchVerbs<T>& verbs) {
  const auto [y, x] = draw_batch(verbs, 700, 9, 121);
  Columns<T> want(700, 9);
  const T value = verbs.value_and_gradient(Reduction::mean, input(x), y, output(want), nullptr);
  for (const int count : {1, 2, 3, 4, 8}) {
    Eigen::ThreadPool threads(count);
    Pool pool{count, [&](std::function<void()> task) { threads.Schedule(std::move(task)); }};
    for (int repeat = 0; repeat < 3; ++repeat) {
      INFO(count << " threads");
      Columns<T> g = Columns<T>::Constant(700, 9, nan<T>);
      CHECK(verbs.value_and_gradient(Reduction::mean, input(x), y, output(g), &pool) == value);
      CHECK(same_bits(g, want));
      CHECK(verbs.forward(Reduction::mean, input(x), y, &pool) == value);
    }
  }
}

/// P6: at every row, for NaN and infinities.
template <class T>
void not_finite(const BatchVerbs<T>& verbs) {
  for (const Index n : {2, 5, 16, 33}) {
    auto [y, x] = draw_batch(verbs, n, 3, 61);
    for (Index i = 0; i < x.size(); ++i) {
      for (const T bad : {nan<T>, std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity()}) {
        const T good = std::exchange(x(i), bad);
        Columns<T> g = Columns<T>::Zero(x.rows(), 3);
        CHECK(std::isnan(verbs.value_and_gradient(Reduction::mean, input(x), y, output(g), nullptr)));
        CHECK(std::isnan(verbs.forward(Reduction::sum, input(x), y, nullptr)));
        CHECK(g.isNaN().all());
        CHECK(verbs.unreduced(Reduction::mean, input(x), y).isNaN().all());
        x(i) = good;
      }
    }
  }
}

/// Law 14: cosines do not change with the sizes of the rows, and their gradients divide by them; distances do not change
/// when all rows move.
template <class T>
void invariance(const BatchVerbs<T>& verbs) {
  const auto [y, x] = draw_batch(verbs, 40, 6, 141);
  Columns<T> g(x.rows(), 6), h(x.rows(), 6);
  const T value = verbs.value_and_gradient(Reduction::mean, input(x), y, output(g), nullptr);
  Columns<T> other = x;
  if (verbs.invariance == Invariance::scale_of_rows) {
    const int far = sizeof(T) == 4 ? 60 : 500;
    Columns<T> powers(x.rows(), 1);
    for (Index i = 0; i < x.rows(); ++i) powers(i) = std::ldexp(T(1), static_cast<int>(i % 5 - 2) * far / 2);
    other.colwise() *= powers.col(0);
    CHECK(verbs.value_and_gradient(Reduction::mean, input(other), y, output(h), nullptr) == value);
    CHECK(same_bits(Columns<T>(h.colwise() * powers.col(0)), g));
    CHECK((g * x).rowwise().sum().abs().maxCoeff() <=
          32 * std::numeric_limits<T>::epsilon() * g.abs().maxCoeff() * x.abs().maxCoeff());
  } else {
    other = (x * T(64)).round() / T(64);
    const T before = verbs.value_and_gradient(Reduction::mean, input(other), y, output(g), nullptr);
    other += T(512);
    CHECK(verbs.value_and_gradient(Reduction::mean, input(other), y, output(h), nullptr) ==
          Catch::Approx(before).epsilon(8 * std::numeric_limits<T>::epsilon()));
    CHECK((g - h).abs().maxCoeff() <= 32 * std::numeric_limits<T>::epsilon() * g.abs().maxCoeff());
    CHECK(g.colwise().sum().abs().maxCoeff() <= 64 * std::numeric_limits<T>::epsilon() * g.abs().maxCoeff());
  }
}

/// Equal rows, zero rows, one class, every label alone: defined and finite.
template <class T>
void traps(const BatchVerbs<T>& verbs) {
  const auto finite = [&](const char* what, const Columns<T>& x, const LabelVector& y) {
    INFO(what);
    Columns<T> g = Columns<T>::Constant(x.rows(), x.cols(), nan<T>);
    const T value = verbs.value_and_gradient(Reduction::mean, input(x), y, output(g), nullptr);
    CHECK(std::isfinite(value));
    CHECK(value >= 0);
    CHECK(g.isFinite().all());
    CHECK(verbs.forward(Reduction::mean, input(x), y, nullptr) == value);
    const Sum want = total(verbs, batch_of(x, y));
    CHECK(std::fabs(static_cast<Real>(value) - (want.weight > 0 ? want.value.f / want.weight : 0)) <=
          batch_value_bound<T> * want.magnitude);
    return g;
  };
  auto [y, x] = draw_batch(verbs, 22, 4, 71);
  Columns<T> equal = x;
  for (Index i = 1; i < x.rows(); ++i) equal.row(i) = equal.row(0);
  finite("equal rows", equal, y);
  CHECK((finite("zero rows", Columns<T>::Zero(x.rows(), 4), y) == 0).all());
  Columns<T> one_zero = x;
  one_zero.row(3).setZero();
  const Columns<T> g = finite("a zero row", one_zero, y);
  if (verbs.invariance == Invariance::scale_of_rows) CHECK((g.row(3) == 0).all());
  if (verbs.rows_per_sample == 1) {
    finite("one class", x, LabelVector::Constant(22, 5));
    finite("every label alone", x, LabelVector::LinSpaced(22, 0, 21));
  }
  for (const double size : {1e-20, 1e20}) {
    if (verbs.invariance == Invariance::translation) continue;
    finite("tiny and huge rows", x * static_cast<T>(size), y);
  }
}

/// Law 11 and P7.
template <class T>
void refusals_of(const BatchVerbs<T>& verbs) {
  const Drawn<T> drawn = draw_batch(verbs, 12, 3, 111);
  const LabelVector& y = drawn.y;
  const Columns<T>& x = drawn.x;
  Columns<T> g = Columns<T>::Constant(12, 3, T(7)), wrong = Columns<T>::Constant(12, 4, T(7));
  const std::string words = verbs.name.substr(0, verbs.name.find(',')) + ": ";
  refuses(words + "gradient", wrong,
          [&] { verbs.value_and_gradient(Reduction::mean, input(x), y, output(wrong), nullptr); });
  refuses(words + "gradient", wrong, [&] { verbs.add_to(Reduction::mean, input(x), y, output(wrong), 1); });
  Columns<T> own = x;
  refuses(" shares memory with ", own,
          [&] { verbs.value_and_gradient(Reduction::mean, input(own), y, output(own), nullptr); });
  if (verbs.rows_per_sample == 2) return;
  for (const Index n : {0, 11, 13}) {
    const LabelVector labels = LabelVector::Zero(n);
    refuses(words + "target is [", g,
            [&] { verbs.value_and_gradient(Reduction::mean, input(x), labels, output(g), nullptr); });
    refuses(words + "target is [", g, [&] { verbs.forward(Reduction::mean, input(x), labels, nullptr); });
  }
}

template <class T>
void check_verbs(const BatchVerbs<T>& verbs) {
  INFO(verbs.name << ", " << type_name<T>);
  accuracy(verbs);
  sizes(verbs);
  storage(verbs);
  permutation(verbs);
  adding(verbs);
  threads(verbs);
  not_finite(verbs);
  invariance(verbs);
  traps(verbs);
  refusals_of(verbs);
}

}  // namespace

void check(const BatchLoss& loss) {
  check_verbs(loss.in_float);
  check_verbs(loss.in_double);
}

}  // namespace losses_test::laws
