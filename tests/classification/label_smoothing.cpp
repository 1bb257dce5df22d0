// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/label_smoothing.hpp>

#include "row_cases.hpp"
#include "smoothed_target.hpp"

namespace losses_test::label_smoothing {

using losses::LabelSmoothing;
using losses::Reduction;
using losses::SmoothingSpread;

namespace {

struct Reference {
  template <class Rule>
  Jet operator()(const Rule& rule, const std::vector<Jet>& row, Index label) const {
    return reference::cross_entropy(row, target(rule, row, label));
  }
  template <class Rule>
  Real weight(const Rule& rule, Index label) const {
    return rows::class_weight(rule, label);
  }
  template <class Rule>
  Real largest(const Rule& rule, const std::vector<Jet>& row, Index k, Index label) const {
    return rows::largest_of_target(row, target(rule, row, label), k);
  }

 private:
  template <class Rule>
  static std::vector<Real> target(const Rule& rule, const std::vector<Jet>& row, Index label) {
    const bool others = rule.spread == SmoothingSpread::other_classes;
    return rows::smoothed_target(row, label, static_cast<Real>(rule.smoothing), others, rule.class_weights);
  }
};

}  // namespace

TEST_CASE("LabelSmoothing: the laws", "[laws]") {
  laws::check(laws::rows("LabelSmoothing", LabelSmoothing<float>({.smoothing = 0.125f}),
                         LabelSmoothing<double>({.smoothing = 0.125}), Reference{}, -100));
}

TEST_CASE("LabelSmoothing: the laws with class weights and all classes", "[laws]") {
  const SmoothingSpread all = SmoothingSpread::all_classes;
  laws::check(laws::rows(
      "LabelSmoothing, class weights",
      LabelSmoothing<float>({.smoothing = 0.25f, .spread = all, .class_weights = {0.5f, 2.f, 1.5f}, .ignore_index = 7}),
      LabelSmoothing<double>({.smoothing = 0.25, .spread = all, .class_weights = {0.5, 2, 1.5}, .ignore_index = 7}),
      Reference{}, 7, 3));
}

TEST_CASE("LabelSmoothing: 1 - e on the label, e/(c - 1) on each other class, 0.1 if nothing is said") {
  const LabelSmoothing<double> loss({}, Reduction::sum);
  CHECK((loss.rule().smoothing == 0.1 && loss.rule().spread == SmoothingSpread::other_classes));
  // At equal logits each class has probability 1/4: the slopes are 1/4 − q.
  const auto g = loss.gradient(Columns<double>::Zero(1, 4), rows::labels({2}));
  CHECK(g(0, 2) == Catch::Approx(0.25 - 0.9).epsilon(1e-15));
  for (const Index k : {0, 1, 3}) CHECK(g(0, k) == Catch::Approx(0.25 - 0.1 / 3).epsilon(1e-15));
}

TEST_CASE("LabelSmoothing: values and gradients are PyTorch's") {
  const auto x = rows::sample_logits();
  // q = 1 - 0.1 at the label, 0.05 elsewhere; -(q * torch.log_softmax(x, 1)).sum(1).mean()
  rows::expect(LabelSmoothing<double>(), x, rows::sample_labels(), 1.0596921911182311,
               {0.050929045408756313, 0.0016529330601178192, -0.052581978468874108, 0.0022674393981275583,
                0.006001618376966722, -0.0082690577750942976, -0.13520297355436534, 0.13555026754653979,
                -0.00034729399217443314, 0.12792540785201778, 0.072672315264899978, -0.20059772311691776});
  // torch.nn.functional.cross_entropy(x, y, label_smoothing=0.2)
  const SmoothingSpread all = SmoothingSpread::all_classes;
  rows::expect(LabelSmoothing<double>({.smoothing = 0.2, .spread = all}), x, rows::sample_labels(), 1.0961505244515641,
               {0.046762378742089647, -0.0025137336065488465, -0.044248645135540776, -0.0018992272685391075,
                0.014334951710300053, -0.012435724441760963, -0.12686964022103203, 0.13138360087987314,
                -0.0045139606588410989, 0.12375874118535113, 0.068505648598233312, -0.19226438978358446});
  // … weight=w, the second label -100
  rows::expect(
      LabelSmoothing<double>({.smoothing = 0.2, .spread = all, .class_weights = rows::sample_weights()}), x,
      rows::some_sample_labels(), 1.404327765968671,
      {0.096795352304201054, -0.01437222648970727, -0.082423125814493736, 0, 0, 0, -0.055392741755706937,
       0.074704965749744612, -0.019312223994037658, 0.22585592173290603, 0.10466978558687996, -0.33052570731978598});
}

TEST_CASE("LabelSmoothing: with one class, or one left by the mask, e does nothing") {
  for (const auto spread : {SmoothingSpread::other_classes, SmoothingSpread::all_classes}) {
    const LabelSmoothing<float> loss({.smoothing = 0.5f, .spread = spread});
    for (const auto& x : {rows::row(4), rows::row(4, -rows::infinity), rows::row(-1e30)}) {
      const auto result = rows::run(loss, x, 0);
      CHECK((result.value == 0 && (result.gradient == 0).all()));
    }
  }
}

TEST_CASE("LabelSmoothing: it is CrossEntropy with label_smoothing, and without smoothing CrossEntropy") {
  const Columns<float> x = laws::draw_logits<float>(50, 7, 331);
  const auto y = laws::draw_labels(50, 7, 332, -100);
  for (const auto spread : {SmoothingSpread::other_classes, SmoothingSpread::all_classes}) {
    for (const float smoothing : {0.f, 0.25f, 1.f}) {
      const LabelSmoothing<float> loss({.smoothing = smoothing, .spread = spread});
      const losses::CrossEntropy<float> same({.label_smoothing = smoothing, .spread = spread});
      CHECK(loss.forward(x, y) == same.forward(x, y));
      CHECK(same_bits(loss.gradient(x, y), same.gradient(x, y)));
    }
  }
}

TEST_CASE("LabelSmoothing: a one-hot target is the label, soft ones are mixed with the rest") {
  const Columns<double> x = laws::draw_logits<double>(20, 5, 333) / 4;
  const auto y = laws::draw_labels(20, 5, 334);
  Columns<double> q = Columns<double>::Zero(20, 5);
  for (Index i = 0; i < 20; ++i) q(i, static_cast<Index>(y(i))) = 1;
  const LabelSmoothing<double> loss;
  CHECK(loss.forward(x, q) == Catch::Approx(loss.forward(x, y)).epsilon(1e-14));
  CHECK((loss.gradient(x, q) - loss.gradient(x, y)).abs().maxCoeff() < 1e-16);
  const Columns<double> soft = 0.5 * q + 0.1, mixed = 0.9 * soft + 0.1 * (1 - soft) / 4;
  CHECK(loss.forward(x, soft) == Catch::Approx(losses::CrossEntropy<double>().forward(x, mixed)).epsilon(1e-14));
}

TEST_CASE("LabelSmoothing: the curvature of a soft target is the second derivative") {
  const Columns<double> x = laws::draw_logits<double>(12, 4, 335) / 6;
  Random random(336);
  const Columns<double> h = Columns<double>::NullaryExpr(12, 4, [&] { return random.unit() / 2; });
  const LabelSmoothing<double> loss({.smoothing = 0.2, .class_weights = {0.5, 2, 1.5, 1}}, Reduction::sum);
  const Columns<double> got = loss.curvature(x, h);
  for (Index i = 0; i < 12; ++i) {
    std::vector<Real> q;
    std::vector<Jet> row;
    for (Index k = 0; k < 4; ++k) {
      const Real mixed = 0.8L * static_cast<Real>(h(i, k)) + 0.2L * (1 - static_cast<Real>(h(i, k))) / 3;
      q.push_back(static_cast<Real>(loss.rule().class_weights[k]) * mixed);
      row.emplace_back(x(i, k));
    }
    for (std::size_t k = 0; k < 4; ++k) {
      auto at = row;
      at[k].d = 1;
      const Real want = reference::cross_entropy(at, q).dd;
      CHECK(got(i, static_cast<Index>(k)) == Catch::Approx(static_cast<double>(want)).epsilon(1e-12));
    }
  }
}

TEST_CASE("LabelSmoothing: a label on a masked class is +inf with gradient 0") {
  const auto result = rows::run(LabelSmoothing<float>(), rows::row(1, -rows::infinity, 2), 1);
  CHECK((result.value == rows::infinity && (result.gradient == 0).all()));
}

namespace {

/// Labels, and the same as probabilities, in rows and in columns: all of the label's weight is on the other classes.
template <class T>
void check_large_differences() {
  constexpr T most = std::numeric_limits<T>::max(), ln2 = static_cast<T>(0.69314718055994530942);
  const LabelSmoothing<T> loss({.smoothing = 1});
  const auto check = [&](T a, T b, T c, std::int64_t label, T want) {
    const Columns<T> x =
        rows::matrix<T>(1, 3, {static_cast<double>(a), static_cast<double>(b), static_cast<double>(c)});
    Columns<T> q = Columns<T>::Zero(1, 3), g, of_q;
    q(static_cast<Index>(label)) = 1;
    INFO(laws::type_name<T> << " (" << a << ", " << b << ", " << c << "), label " << label);
    CHECK(loss.value_and_gradient(x, rows::labels({label}), g) == Catch::Approx(want).epsilon(1e-6));
    CHECK(loss.value_and_gradient(x, q, of_q) == Catch::Approx(want).epsilon(1e-6));
    CHECK((g.allFinite() && of_q.isApprox(g)));
    CHECK(loss.forward(Rows<T>(x.replicate(9, 1)), rows::labels(std::vector<std::int64_t>(9, label))) ==
          Catch::Approx(want).epsilon(1e-6));
  };
  check(0, most, -most, 2, most / 2);
  check(0, -most, most, 1, most / 2);
  check(0, 0, -most, 2, ln2);  // the label, with which the distances once cancelled, has no part
  check(most, most, -most, 2, ln2);
  check(0, -most, -most, 1, most / 2);
}

}  // namespace

TEST_CASE("LabelSmoothing: with smoothing 1 large differences of logits neither overflow nor cancel") {
  check_large_differences<float>();
  check_large_differences<double>();
}

TEST_CASE(
    "LabelSmoothing: with smoothing 1 a logit of +inf costs +inf, unless the label and the masks leave nothing else") {
  const LabelSmoothing<float> loss({.smoothing = 1});
  CHECK(rows::run(loss, rows::row(1, rows::infinity, 2), 2).value == rows::infinity);
  const auto result = rows::run(loss, rows::row(-rows::infinity, rows::infinity, 2), 2);
  CHECK((result.value == 0 && (result.gradient == 0).all()));
  CHECK(rows::run(LabelSmoothing<float>({.smoothing = 0.75f}), rows::row(rows::infinity, 2), 1).value ==
        rows::infinity);
}

TEST_CASE("LabelSmoothing: labels of every type; wrong ones are refused") {
  rows::check_label_types(LabelSmoothing<float>(), "LabelSmoothing");
}

TEST_CASE("LabelSmoothing: bad options and probabilities are refused") {
  rows::check_class_weights<LabelSmoothing<float>>("LabelSmoothing", "class_weights", [](const auto& weights) {
    return LabelSmoothing<float>({.class_weights = weights});
  });
  for (const float bad : {-0.1f, 1.1f, rows::not_a_number}) {
    laws::refuses_option("LabelSmoothing: smoothing is ", [&] { LabelSmoothing<float>({.smoothing = bad}); });
  }
  const Columns<float> x = laws::draw_logits<float>(6, 4, 337);
  Columns<float> q = Columns<float>::Constant(6, 4, 0.25f), g = x;
  q(3, 1) = 1.25f;
  laws::refuses("LabelSmoothing: target[3, 1] is 1.25", g,
                [&] { (void)LabelSmoothing<float>().value_and_gradient(x, q, g); });
}

}  // namespace losses_test::label_smoothing
