// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>

#include <span>

#include "laws_of_rows.hpp"

namespace losses_test::cross_entropy {

using losses::CrossEntropy;
using losses::Reduction;
using losses::SmoothingSpread;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// q_k w_k: the target of a label, smoothed over the classes that are not masked, times the class weights.
template <class Rule>
std::vector<Real> target_of(const Rule& rule, const std::vector<Jet>& row, Index label) {
  std::vector<Real> q(row.size());
  Real open = 0;
  for (const Jet& x : row) open += x.f != -reference::infinity;
  const bool others = rule.spread == SmoothingSpread::other_classes;
  const Real e = others && open == 1 ? 0 : static_cast<Real>(rule.label_smoothing);
  for (std::size_t k = 0; k < row.size(); ++k) {
    const bool is_label = static_cast<Index>(k) == label;
    if (is_label) q[k] = 1 - e;
    if (e > 0 && row[k].f != -reference::infinity && !(others && is_label)) q[k] += e / (others ? open - 1 : open);
    if (!rule.class_weights.empty()) q[k] *= static_cast<Real>(rule.class_weights[static_cast<Index>(k)]);
  }
  return q;
}

/// torch.nn.functional.cross_entropy with labels.
struct Reference {
  template <class Rule>
  Jet operator()(const Rule& rule, const std::vector<Jet>& row, Index label) const {
    return reference::cross_entropy(row, target_of(rule, row, label));
  }
  template <class Rule>
  Real weight(const Rule& rule, Index label) const {
    return rule.class_weights.empty() ? Real(1) : static_cast<Real>(rule.class_weights[label]);
  }
  template <class Rule>
  Real largest(const Rule& rule, const std::vector<Jet>& row, Index k, Index label) const {
    const std::vector<Real> q = target_of(rule, row, label);
    Real all = 0;
    for (const Real share : q) all += share;
    const std::size_t entry = static_cast<std::size_t>(k);
    return std::max(q[entry], all * std::exp(reference::log_softmax(row, entry).f));
  }
};

template <class T>
struct Result {
  T value;
  Columns<T> gradient;
};

template <class T, class Y, class... W>
Result<T> run(const CrossEntropy<T>& loss, const Columns<T>& x, const Y& y, const W&... weights) {
  Result<T> result;
  result.value = loss.value_and_gradient(x, y, weights..., result.gradient);
  CHECK((loss.forward(x, y, weights...) == result.value || std::isnan(result.value)));
  return result;
}

template <class T>
Columns<T> matrix(Index rows, Index columns, const std::vector<double>& row_major) {
  Columns<T> m(rows, columns);
  for (Index i = 0; i < rows; ++i) {
    for (Index k = 0; k < columns; ++k) m(i, k) = static_cast<T>(row_major[static_cast<std::size_t>(i * columns + k)]);
  }
  return m;
}

template <class... X>
Columns<float> row(X... x) {
  return matrix<float>(1, sizeof...(x), {static_cast<double>(x)...});
}

laws::LabelVector label(std::int64_t y) {
  return laws::LabelVector::Constant(1, y);
}

/// Runs a single row of floats in both orders and all kernels: they must agree.
Result<float> run_row(const CrossEntropy<float>& loss, const Columns<float>& x, std::int64_t y) {
  const auto result = run(loss, x, label(y));
  const Rows<float> rows = x;
  Rows<float> g;
  const float value = loss.value_and_gradient(rows, label(y), g);
  CHECK((value == Catch::Approx(result.value).epsilon(1e-6) || (std::isnan(value) && std::isnan(result.value)) ||
         value == result.value));
  // The same row among others: whole registers of samples.
  const Columns<float> many = x.replicate(37, 1);
  const laws::LabelVector labels = laws::LabelVector::Constant(37, y);
  const Columns<float> terms = loss.unreduced(many, labels);
  const Columns<float> gradient = CrossEntropy<float>(loss.rule(), Reduction::sum).gradient(many, labels);
  Index differs = 0;
  for (Index i = 0; i < 37; ++i) {
    for (Index k = 0; k < x.cols(); ++k) {
      const float a = gradient(i, k), b = result.gradient(0, k);
      if (!(std::abs(a - b) <= 1e-6f * std::abs(b) || (std::isnan(a) && std::isnan(b)))) ++differs;
    }
    if (loss.rule().class_weights.empty() && !(std::abs(terms(i) - value) <= 1e-6f * std::abs(value)) &&
        terms(i) != value && !(std::isnan(terms(i)) && std::isnan(value))) {
      ++differs;
    }
  }
  CHECK(differs == 0);
  return result;
}

}  // namespace

TEST_CASE("CrossEntropy: the laws", "[laws]") {
  laws::check(laws::rows("CrossEntropy", CrossEntropy<float>(), CrossEntropy<double>(), Reference{}, -100));
}

TEST_CASE("CrossEntropy: the laws with label smoothing", "[laws]") {
  laws::check(laws::rows("CrossEntropy, smoothing", CrossEntropy<float>({.label_smoothing = 0.125f}),
                         CrossEntropy<double>({.label_smoothing = 0.125}), Reference{}, -100));
}

TEST_CASE("CrossEntropy: the laws with smoothing over the other classes", "[laws]") {
  const SmoothingSpread others = SmoothingSpread::other_classes;
  laws::check(laws::rows("CrossEntropy, other classes",
                         CrossEntropy<float>({.label_smoothing = 0.25f, .spread = others}),
                         CrossEntropy<double>({.label_smoothing = 0.25, .spread = others}), Reference{}, -100));
}

TEST_CASE("CrossEntropy: the laws with class weights", "[laws]") {
  laws::check(laws::rows("CrossEntropy, class weights",
                         CrossEntropy<float>({.class_weights = {0.5f, 2.f, 1.5f, 0.25f}, .ignore_index = 255}),
                         CrossEntropy<double>({.class_weights = {0.5, 2, 1.5, 0.25}, .ignore_index = 255}), Reference{},
                         255, 4));
}

TEST_CASE("CrossEntropy: the laws with class weights and smoothing", "[laws]") {
  laws::check(laws::rows("CrossEntropy, weights, smoothing",
                         CrossEntropy<float>({.class_weights = {0.5f, 2.f, 1.5f}, .label_smoothing = 0.125f}),
                         CrossEntropy<double>({.class_weights = {0.5, 2, 1.5}, .label_smoothing = 0.125}), Reference{},
                         -100, 3));
}

TEST_CASE("CrossEntropy: [1e8, 1e8] in float is ln 2") {
  const auto result = run_row(CrossEntropy<float>(), row(1e8, 1e8), 0);
  CHECK(result.value == Catch::Approx(0.69314718).epsilon(1e-7));
  CHECK((result.gradient(0) == -0.5f && result.gradient(1) == 0.5f));
}

TEST_CASE("CrossEntropy: [40, 0] for class 0 is 4.248354e-18, and so are its gradients") {
  const auto result = run_row(CrossEntropy<float>(), row(40, 0), 0);
  CHECK(result.value == Catch::Approx(4.248354255e-18).epsilon(1e-6));
  CHECK(result.gradient(0) == Catch::Approx(-4.248354255e-18).epsilon(1e-6));
  CHECK(result.gradient(1) == Catch::Approx(4.248354255e-18).epsilon(1e-6));
}

TEST_CASE("CrossEntropy: a small loss keeps its digits and is never negative") {
  for (Index c : {2, 3, 17}) {
    for (int gap = 10; gap < 87; ++gap) {
      Columns<float> x = Columns<float>::Zero(1, c);
      x(0, 1) = static_cast<float>(gap);
      const double others = static_cast<double>(c - 1) * std::exp(-static_cast<double>(gap));
      const auto result = run_row(CrossEntropy<float>(), x, 1);
      CHECK(result.value == Catch::Approx(std::log1p(others)).epsilon(1e-6));
      CHECK(result.gradient(0, 1) == Catch::Approx(-others / (1 + others)).epsilon(1e-6));
      CHECK(result.value >= 0);
    }
  }
}

TEST_CASE("CrossEntropy: a masked logit has probability 0, gradient 0, and 0·(-inf) is 0") {
  const auto result = run_row(CrossEntropy<float>(), row(1, -infinity, 1), 2);
  CHECK(result.value == Catch::Approx(0.69314718).epsilon(1e-7));
  CHECK((result.gradient(0) == 0.5f && result.gradient(1) == 0 && result.gradient(2) == -0.5f));
  const auto alone = run_row(CrossEntropy<float>(), row(-infinity, 3, -infinity), 1);
  CHECK(alone.value == 0);
  CHECK((alone.gradient == 0).all());
  // With probabilities: weight 0 on the masked class.
  const auto soft = run(CrossEntropy<float>(), row(1, -infinity, 1), row(0.25, 0, 0.75));
  CHECK(soft.value == Catch::Approx(0.69314718).epsilon(1e-7));
  CHECK((soft.gradient(0) == 0.25f && soft.gradient(1) == 0 && soft.gradient(2) == -0.25f));
}

TEST_CASE("CrossEntropy: smoothing is spread over the unmasked classes") {
  const Columns<float> masked = row(1, -infinity, 0, 2), open = row(1, 0, 2);
  for (const auto spread : {SmoothingSpread::all_classes, SmoothingSpread::other_classes}) {
    const CrossEntropy<float> loss({.label_smoothing = 0.3f, .spread = spread});
    const auto with_mask = run_row(loss, masked, 3), without = run_row(loss, open, 2);
    CHECK(with_mask.value == Catch::Approx(without.value).epsilon(1e-6));
    CHECK(with_mask.gradient(1) == 0);
    CHECK(with_mask.gradient(0) == Catch::Approx(without.gradient(0)).epsilon(1e-6));
    CHECK(with_mask.gradient(3) == Catch::Approx(without.gradient(2)).epsilon(1e-6));
  }
  const CrossEntropy<float> others({.label_smoothing = 0.3f, .spread = SmoothingSpread::other_classes});
  CHECK(run_row(others, row(-infinity, 4), 1).value == 0);  // nothing else to spread it over
  CHECK(run_row(others, row(4), 0).value == 0);
}

TEST_CASE("CrossEntropy: a label on a masked class, or a row all masked, is +inf with gradient 0") {
  for (const auto& [x, y] :
       {std::pair{row(1, -infinity, 2), 1}, {row(-infinity, -infinity, -infinity), 0}, {row(-infinity), 0}}) {
    for (const float smoothing : {0.f, 0.1f, 1.f}) {
      if (smoothing == 1 && x.maxCoeff() > -infinity) continue;  // nothing of the target is on the label
      const auto result = run_row(CrossEntropy<float>({.label_smoothing = smoothing}), x, y);
      CHECK(result.value == infinity);
      CHECK((result.gradient == 0).all());
    }
  }
  // Probabilities that are all 0 cost nothing there.
  const auto nothing = run(CrossEntropy<float>(), row(-infinity, -infinity), row(0, 0));
  CHECK((nothing.value == 0 && (nothing.gradient == 0).all()));
  // The other rows are as they would be.
  const Columns<float> x = matrix<float>(2, 2, {0, -infinity, 0, 0});
  laws::LabelVector y(2);
  y << 1, 0;
  const auto result = run(CrossEntropy<float>(), x, y);
  CHECK(result.value == infinity);
  CHECK((result.gradient(0, 0) == 0 && result.gradient(1, 0) == -0.25f && result.gradient(1, 1) == 0.25f));
}

TEST_CASE("CrossEntropy: one logit of +inf is its limit, two are NaN") {
  const auto right = run_row(CrossEntropy<float>(), row(1, infinity, -3), 1);
  CHECK(right.value == 0);
  CHECK((right.gradient == 0).all());
  const auto wrong = run_row(CrossEntropy<float>(), row(1, infinity, -3), 0);
  CHECK(wrong.value == infinity);
  CHECK((wrong.gradient(0) == -1 && wrong.gradient(1) == 1 && wrong.gradient(2) == 0));
  CHECK(std::isnan(run_row(CrossEntropy<float>(), row(infinity, infinity, 0), 0).value));
  CHECK(std::isnan(run_row(CrossEntropy<float>(), row(infinity, infinity, 0), 2).value));
}

namespace {

/// A term of twice the largest number, times a weight of any kind.
template <class T>
void check_weighted_differences() {
  constexpr T most = std::numeric_limits<T>::max();
  const auto each = static_cast<double>(most);
  const Columns<T> x = matrix<T>(2, 3, {each, 0, -each, 3, 1, 2});
  laws::LabelVector y(2);
  y << 2, 0;
  const Eigen::Matrix<T, 2, 1> weights(T(0.25), T(1));
  Columns<T> q = Columns<T>::Zero(2, 3), g;
  q(0, 2) = 1;
  q(1, 0) = 1;
  for (const T smoothing : {T(0), T(0.125)}) {
    INFO(laws::type_name<T> << ", smoothing " << smoothing);
    const T share = 1 - smoothing + smoothing / 2;
    const CrossEntropy<T> loss({.label_smoothing = smoothing});
    const CrossEntropy<T> weighted({.class_weights = {1, 1, T(0.25)}, .label_smoothing = smoothing});
    const auto is = [&](T value, T want) { CHECK(value == Catch::Approx(want).epsilon(1e-6)); };
    is(loss.unreduced(x, y, weights)(0), most * T(0.5) * share);
    is(loss.value_and_gradient(x, y, weights, g), most * T(0.5) * share / T(1.25));
    CHECK(g.allFinite());
    is(loss.forward(x, q, weights), most * T(0.5) * share / T(1.25));
    is(weighted.unreduced(x, y)(0), most * T(0.5));
    // A mean, in which the others bring it back.
    is(loss.forward(x, y), most * share);
    is(loss.forward(x, q), most * share);
    is(loss.value_and_gradient(x, y, g), most * share);
    is(loss.forward(Rows<T>(x), y), most * share);
    CHECK(loss.unreduced(x, y)(0) == std::numeric_limits<T>::infinity());
  }
}

}  // namespace

TEST_CASE("CrossEntropy: a weight or the mean brings back a term that is beyond the largest number") {
  check_weighted_differences<float>();
  check_weighted_differences<double>();
}

TEST_CASE("CrossEntropy: one class is 0, whatever the logit") {
  for (const double x : {0.0, 5.0, -1e30, 3e38}) {
    const auto result = run_row(CrossEntropy<float>(), row(x), 0);
    CHECK((result.value == 0 && result.gradient(0) == 0));
  }
}

TEST_CASE("CrossEntropy: adding a constant to the logits changes nothing") {
  Random random(91);
  Columns<float> x(20, 5);
  for (Index i = 0; i < x.size(); ++i) x(i) = static_cast<float>(random.below(256)) / 16;  // exact after the shift
  const auto y = laws::draw_labels(20, 5, 92);
  const auto base = run(CrossEntropy<float>({.label_smoothing = 0.1f}), x, y);
  for (const float shift : {1.f, -64.f, 4096.f, -32768.f}) {
    const auto shifted = run(CrossEntropy<float>({.label_smoothing = 0.1f}), Columns<float>(x + shift), y);
    CHECK(shifted.value == base.value);
    CHECK(same_bits(shifted.gradient, base.gradient));
  }
}

TEST_CASE("CrossEntropy: values and gradients are PyTorch's") {
  const Columns<double> x = matrix<double>(4, 3, {1.0, -0.5, 2.0, 0.25, 3.0, -1.0, 0.0, 0.5, -2.0, 1.5, 1.0, -0.25});
  laws::LabelVector y(4), some(4);
  y << 2, 1, 0, 2;
  some << 2, -100, 0, 2;
  const losses::rule::NumberOrVector<double> weights = {0.5, 2.0, 1.5};
  const auto expect = [](const Result<double>& got, double value, const std::vector<double>& gradient) {
    CHECK(got.value == Catch::Approx(value).epsilon(1e-14));
    CHECK((got.gradient - matrix<double>(4, 3, gradient)).abs().maxCoeff() < 1e-15);
  };
  // torch.nn.functional.cross_entropy(x, y)
  expect(run(CrossEntropy<double>(), x, y), 0.95031719111823088,
         {0.06342904540875631, 0.01415293306011782, -0.077581978468874102, 0.014767439398127559, -0.018998381623033272,
          0.0042309422249057023, -0.16020297355436536, 0.1480502675465398, 0.012152706007825568, 0.14042540785201779,
          0.085172315264899975, -0.22559772311691778});
  // … weight=[0.5, 2, 1.5]
  expect(run(CrossEntropy<double>({.class_weights = weights}), x, y), 0.85772948931482318,
         {0.069195322264097789, 0.015439563338310348, -0.084634885602408103, 0.021479911851821906,
          -0.027634009633502942, 0.0061540977816810219, -0.058255626747041947, 0.053836460926014476,
          0.0044191658210274796, 0.15319135402038303, 0.092915253016254515, -0.24610660703663756});
  // … weight=[0.5, 2, 1.5], label_smoothing=0.1
  const CrossEntropy<double> smooth({.class_weights = weights, .label_smoothing = 0.1});
  expect(run(smooth, x, y), 0.93380548012813902,
         {0.065396182319749224, 0.0031468005133392218, -0.06854298283308842, 0.01773361175979148, -0.014591663857840702,
          -0.0031419479019507688, -0.046752776659427724, 0.05068799229247143, -0.0039352156330436979,
          0.14845892483429796, 0.079761649194861783, -0.22822057402915974});
  // … label_smoothing=0.1
  expect(run(CrossEntropy<double>({.label_smoothing = 0.1}), x, y), 1.0232338577848976,
         {0.055095712075422978, 0.0058195997267844867, -0.060915311802207439, 0.0064341060647942257,
          -0.0023317149563666095, -0.004102391108427631, -0.14353630688769869, 0.13971693421320647,
          0.0038193726744922343, 0.13209207451868446, 0.076838981931566644, -0.20893105645025112});
  // … the second label -100: no part in the denominator, in the smoothing, in the class weights
  expect(
      run(smooth, x, some), 1.3535124241876679,
      {0.10276542935960595, 0.0049449722352473561, -0.10771040159485329, 0, 0, 0, -0.073468649036243588,
       0.079652559316740826, -0.0061839102804972373, 0.23329259616818257, 0.12533973444906854, -0.35863233061725114});
  // … reduction="none", reduction="sum"
  const Columns<double> terms = smooth.unreduced(x, y);
  CHECK(terms(0) == Catch::Approx(0.73444956391481298).epsilon(1e-14));
  CHECK(terms(3) == Catch::Approx(3.33889697130374596).epsilon(1e-14));
  const CrossEntropy<double> summed({.class_weights = weights, .label_smoothing = 0.1}, Reduction::sum);
  CHECK(summed.forward(x, some) == Catch::Approx(4.73729348465683842).epsilon(1e-14));

  const Columns<double> q = matrix<double>(4, 3, {0.2, 0.3, 0.5, 0, 1.0, 0, 0.6, 0.4, 0, 0.1, 0.1, 0.8});
  // torch.nn.functional.cross_entropy(x, q)
  expect(run(CrossEntropy<double>(), x, q), 1.0628171911182309,
         {0.013429045408756307, -0.060847066939882177, 0.047418021531125898, 0.014767439398127559,
          -0.018998381623033272, 0.0042309422249057023, -0.060202973554365338, 0.048050267546539793,
          0.012152706007825568, 0.1154254078520178, 0.060172315264899974, -0.17559772311691779});
  // … weight=[0.5, 2, 1.5], label_smoothing=0.1: divides by n
  expect(run(smooth, x, q), 1.5859166183079783,
         {0.06456544364626117, -0.13131003128186386, 0.066744587635602773, 0.024383716169713281, -0.020063537804530997,
          -0.0043201783651823098, 0.02920532637392961, -0.030356866122720282, 0.0011515397487907224,
          0.18656187829381893, 0.060839513456014467, -0.24740139174983342});
}

namespace {

/// Probability targets against the reference, in several orders, with weights.
template <class T>
void check_probabilities(T smoothing) {
  const CrossEntropy<T> loss({.label_smoothing = smoothing});
  for (const auto& shape :
       {std::pair<Index, Index>{0, 3}, {1, 1}, {5, 3}, {3, 17}, {33, 10}, {400, 5}, {70, 19}, {2, 1025}}) {
    const Index n = shape.first, c = shape.second;
    INFO(laws::type_name<T> << " [" << n << " x " << c << "], smoothing " << smoothing);
    const Columns<T> x = laws::draw_logits<T>(n, c, 95);
    Random random(96);
    Columns<T> q =
        Columns<T>::NullaryExpr(n, c, [&] { return static_cast<T>(random.below(3) == 0 ? 0 : random.unit()); });
    q /= T(2);  // rows need not sum to 1
    const Columns<T> weights = draw_weights<T>(n, 1, 97);
    Real sum = 0, weight = 0;
    Columns<T> expected(n, c), size(n, c);
    for (Index i = 0; i < n; ++i) weight += static_cast<Real>(weights(i));
    for (Index i = 0; i < n; ++i) {
      std::vector<Real> logits, target;
      Real all = 0;
      for (Index k = 0; k < c; ++k) {
        logits.push_back(static_cast<Real>(x(i, k)));
        target.push_back((1 - static_cast<Real>(smoothing)) * static_cast<Real>(q(i, k)) +
                         static_cast<Real>(smoothing) / static_cast<Real>(c));
        all += target.back();
      }
      const auto formula = [&](const std::vector<Jet>& jets) { return reference::cross_entropy(jets, target); };
      const Real share = static_cast<Real>(weights(i)) / weight;
      sum += share * formula({logits.begin(), logits.end()}).f;
      if (c < 20) {
        const auto g = reference::row_gradient(logits, formula);
        for (Index k = 0; k < c; ++k) {
          expected(i, k) = static_cast<T>(share * g[static_cast<std::size_t>(k)]);
          size(i, k) = static_cast<T>(share * std::max(all, target[static_cast<std::size_t>(k)]));
        }
      }
    }
    Columns<T> g;
    const T value = loss.value_and_gradient(x, q, weights, g);
    CHECK(laws::close<T>(static_cast<Real>(value), sum, 5 * sum));
    CHECK(loss.forward(x, q, weights) == value);
    if (c < 20) CHECK(((g - expected).abs() <= static_cast<T>(laws::slope_bound<T>) * size).all());
    const Rows<T> rows_x = x, rows_q = q;
    Rows<T> row_gradient;
    CHECK(laws::close<T>(static_cast<Real>(loss.value_and_gradient(rows_x, q, weights, row_gradient)), sum, 5 * sum));
    CHECK(laws::close<T>(static_cast<Real>(loss.value_and_gradient(x, rows_q, weights, row_gradient)), sum, 5 * sum));
    if (c < 20) CHECK(((row_gradient - expected).abs() <= static_cast<T>(laws::slope_bound<T>) * size).all());
    Columns<T> added = Columns<T>::Constant(n, c, T(1));
    CHECK(loss.value_and_gradient(x, q, weights, losses::add_to(added, T(2))) == value);
    CHECK(((added - (T(1) + T(2) * g)).abs() <= 4 * std::numeric_limits<T>::epsilon()).all());
    const auto half = n / 2;
    const auto parts = loss.partial(x.topRows(half), q.topRows(half), weights.topRows(half)) +
                       loss.partial(x.bottomRows(n - half), q.bottomRows(n - half), weights.bottomRows(n - half));
    CHECK(laws::close<T>(static_cast<Real>(loss.value(parts)), sum, 5 * sum));
  }
}

}  // namespace

TEST_CASE("CrossEntropy: probability targets are the reference's") {
  for (const double smoothing : {0.0, 0.25}) {
    check_probabilities<float>(static_cast<float>(smoothing));
    check_probabilities<double>(smoothing);
  }
}

TEST_CASE("CrossEntropy: a label is the probability target that is 1 there") {
  const Columns<double> x = laws::draw_logits<double>(40, 7, 98);
  const auto y = laws::draw_labels(40, 7, 99);
  Columns<double> q = Columns<double>::Zero(40, 7);
  for (Index i = 0; i < 40; ++i) q(i, static_cast<Index>(y(i))) = 1;
  for (const double smoothing : {0.0, 0.1}) {
    const CrossEntropy<double> loss({.label_smoothing = smoothing});
    CHECK(loss.forward(x, q) == Catch::Approx(loss.forward(x, y)).epsilon(1e-14));
    CHECK((loss.gradient(x, q) - loss.gradient(x, y)).abs().maxCoeff() < 1e-16);
  }
}

TEST_CASE("CrossEntropy: labels of every integer type and container are the same labels") {
  const Columns<float> x = laws::draw_logits<float>(50, 6, 101);
  const laws::LabelVector y = laws::draw_labels(50, 6, 102);
  const CrossEntropy<float> loss;
  const float want = loss.forward(x, y);
  const auto same = [&]<class I>(I) {
    const Eigen::Matrix<I, Eigen::Dynamic, 1> vector = y.cast<I>();
    const Eigen::Array<I, 1, Eigen::Dynamic> row_vector = y.transpose().array().cast<I>();
    const std::vector<I> standard(vector.begin(), vector.end());
    CHECK(loss.forward(x, vector) == want);
    CHECK(loss.forward(x, row_vector) == want);
    CHECK(loss.forward(x, standard) == want);
    CHECK(loss.forward(x, std::span<const I>(standard)) == want);
    CHECK(loss.forward(x, y.cast<I>()) == want);
    Columns<float> g;
    CHECK(loss.value_and_gradient(x, standard, g) == want);
  };
  same(std::int8_t());
  same(std::uint8_t());
  same(std::int16_t());
  same(std::uint16_t());
  same(std::int32_t());
  same(std::uint32_t());
  same(std::int64_t());
  same(std::uint64_t());
  same(long());
  same((long long)(0));
}

TEST_CASE("CrossEntropy: a label that does not exist is refused, whatever its type") {
  const Columns<float> x = laws::draw_logits<float>(20, 10, 103);
  const CrossEntropy<float> loss;
  Columns<float> g = x;
  const auto refuse = [&](auto bad, const std::string& text) {
    using I = decltype(bad);
    std::vector<I> labels(20, I(3));
    labels[17] = bad;
    const std::string words = "CrossEntropy: target[17] is " + text + ", but must be in [0, 10)";
    laws::refuses(words, g, [&] { (void)loss.value_and_gradient(x, labels, g); });
    laws::refuses(words, g, [&] { (void)loss.forward(x, labels); });
    CHECK_THROWS_AS(loss.forward(x, labels), std::out_of_range);
  };
  refuse(std::int8_t(-1), "-1");
  refuse(std::int8_t(10), "10");
  refuse(std::uint8_t(255), "255");
  refuse(std::int16_t(-1), "-1");
  refuse(std::uint16_t(65535), "65535");
  refuse(std::int32_t(12), "12");
  refuse(std::uint32_t(4294967295u), "4294967295");
  refuse(std::int64_t(-1), "-1");
  refuse(std::int64_t(10), "10");
  refuse(std::int64_t((std::int64_t(1) << 32) + 1), "4294967297");
  refuse(INT64_MAX, "9223372036854775807");
  refuse(INT64_MIN, "-9223372036854775808");
  std::vector<std::uint64_t> labels(20, 3);
  labels[17] = UINT64_MAX;
  laws::refuses("CrossEntropy: target[17] is ", g, [&] { (void)loss.value_and_gradient(x, labels, g); });
  labels[17] = UINT64_MAX - 99;  // -100 as a signed number: not the ignored label
  laws::refuses("CrossEntropy: target[17] is ", g, [&] { (void)loss.value_and_gradient(x, labels, g); });
}

TEST_CASE("CrossEntropy: the ignored label may be any number, a class too") {
  const Columns<float> x = laws::draw_logits<float>(5, 4, 104);
  laws::LabelVector y(5);
  y << 0, 3, 1, 3, 2;
  const CrossEntropy<float> loss({.ignore_index = 3});
  const auto result = run(loss, x, y);
  const laws::LabelVector kept = Eigen::Vector3i(0, 1, 2).cast<std::int64_t>();
  CHECK(result.value == Catch::Approx(CrossEntropy<float>().forward(pick(x, {0, 2, 4}), kept)).epsilon(1e-6));
  CHECK((result.gradient.row(1) == 0).all());
  const std::vector<std::uint8_t> bytes = {0, 255, 1, 255, 2};
  CHECK(run(CrossEntropy<float>({.ignore_index = 255}), x, bytes).value == result.value);
}

TEST_CASE("CrossEntropy: bad probabilities, shapes and options are refused") {
  const Columns<float> x = laws::draw_logits<float>(6, 4, 105), q = Columns<float>::Constant(6, 4, 0.25f);
  const CrossEntropy<float> loss;
  Columns<float> g = x;
  for (const float bad : {-0.1f, 1.5f, infinity, -infinity}) {
    Columns<float> target = q;
    target(4, 2) = bad;
    laws::refuses("CrossEntropy: target[4, 2] is ", g, [&] { (void)loss.value_and_gradient(x, target, g); });
    laws::refuses("CrossEntropy: target[4, 2] is ", g, [&] { (void)loss.partial(x, target); });
  }
  Columns<float> poisoned = q;
  poisoned(4, 2) = not_a_number;
  const std::string message = laws::message_of([&] { CHECK(std::isnan(loss.forward(x, poisoned))); });
  CHECK((message.empty() || message.find("target[4, 2]") != std::string::npos));
  for (const auto& shape : {std::pair<Index, Index>{4, 6}, {6, 3}, {5, 4}, {24, 1}, {6, 1}}) {
    const Index n = shape.first, c = shape.second;
    const Columns<float> target = Columns<float>::Constant(n, c, 0.25f);
    laws::refuses("CrossEntropy: target", g, [&] { (void)loss.value_and_gradient(x, target, g); });
  }
  const auto y = laws::draw_labels(6, 4, 106);
  for (const losses::rule::NumberOrVector<float>& weights :
       {losses::rule::NumberOrVector<float>({1.f, 2.f, 3.f}),
        losses::rule::NumberOrVector<float>({1.f, 2.f, 3.f, 4.f, 5.f})}) {
    const CrossEntropy<float> weighted({.class_weights = weights});
    laws::refuses("CrossEntropy: class_weights", g, [&] { (void)weighted.value_and_gradient(x, y, g); });
  }
  for (const float bad : {-1.f, infinity, not_a_number}) {
    laws::refuses_option("CrossEntropy: class_weights[1] is ",
                         [&] { CrossEntropy<float>({.class_weights = {1.f, bad}}); });
  }
  for (const float bad : {-0.1f, 1.1f, not_a_number}) {
    laws::refuses_option("CrossEntropy: label_smoothing is ", [&] { CrossEntropy<float>({.label_smoothing = bad}); });
  }
}

TEST_CASE("CrossEntropy: a class of weight 0 takes no part in the mean") {
  const Columns<double> x = laws::draw_logits<double>(4, 3, 107);
  laws::LabelVector y(4);
  y << 0, 1, 2, 1;
  const CrossEntropy<double> loss({.class_weights = {1.0, 0.0, 1.0}});
  laws::LabelVector kept(2);
  kept << 0, 2;
  CHECK(loss.forward(x, y) == Catch::Approx(CrossEntropy<double>().forward(pick(x, {0, 2}), kept)).epsilon(1e-14));
  CHECK((loss.gradient(x, y).row(1) == 0).all());
  const laws::LabelVector ones = laws::LabelVector::Ones(4);
  CHECK(loss.forward(x, ones) == 0);  // nothing to average
}

TEST_CASE("CrossEntropy: curvature is the second derivative, p (1 − p)") {
  const Columns<double> x = laws::draw_logits<double>(9, 5, 108) / 4;
  const auto y = laws::draw_labels(9, 5, 109);
  const CrossEntropy<double> loss({}, Reduction::sum);
  const Columns<double> h = loss.curvature(x, y);
  for (Index i = 0; i < 9; ++i) {
    std::vector<Jet> jets;
    for (Index k = 0; k < 5; ++k) jets.emplace_back(x(i, k));
    for (std::size_t k = 0; k < 5; ++k) {
      auto at = jets;
      at[k] = Jet::variable(jets[k].f);
      const Jet want = Reference{}(loss.rule(), at, static_cast<Index>(y(i)));
      CHECK(h(i, static_cast<Index>(k)) == Catch::Approx(static_cast<double>(want.dd)).epsilon(1e-12));
    }
  }
}

}  // namespace losses_test::cross_entropy
