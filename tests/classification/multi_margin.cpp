// SPDX-License-Identifier: MIT

#include <losses/classification/multi_margin.hpp>

#include "row_cases.hpp"

namespace losses_test::multi_margin {

using losses::MultiMargin;
using losses::Reduction;

namespace {

/// torch.nn.functional.multi_margin_loss: a class at the margin exactly has slope 0.
struct Reference {
  template <class Rule>
  Jet operator()(const Rule& rule, const std::vector<Jet>& row, Index label) const {
    const std::size_t y = static_cast<std::size_t>(label);
    const Real margin = static_cast<Real>(rule.margin);
    Jet sum = 0;
    bool near_kink = false;
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (j == y) continue;
      const Jet z = (row[j] - row[y]) + margin;
      near_kink = near_kink || std::fabs(z.f) < 1e-6L * (std::fabs(margin) + std::fabs(row[j].f - row[y].f));
      if (z.f > 0) sum += rule.p == 1 ? z : z * z;
      if (std::isnan(z.f)) sum += z;
    }
    if (std::isnan(row[y].f)) sum += row[y];
    Jet value = rows::class_weight(rule, label) * sum / static_cast<Real>(row.size());
    value.kink = near_kink;
    return value;
  }
  template <class Rule>
  Real weight(const Rule&, Index) const {
    return 1;
  }
  template <class Rule>
  Real largest(const Rule& rule, const std::vector<Jet>& row, Index k, Index label) const {
    Real most = 0;
    for (std::size_t j = 0; j < row.size(); ++j) {
      const bool counts = static_cast<Index>(j) != label && (k == label || static_cast<Index>(j) == k);
      if (counts && row[j].f != -reference::infinity) most = std::max(most, size(rule, row, j, label));
    }
    const Real slope = rule.p == 1 ? (most > 0 ? 1 : 0) : 2 * most;
    return rows::class_weight(rule, label) * slope / static_cast<Real>(row.size());
  }
  template <class Rule>
  Real magnitude(const Rule& rule, const std::vector<Jet>& row, Index label) const {
    Real most = 0;
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (static_cast<Index>(j) != label && row[j].f != -reference::infinity)
        most = std::max(most, size(rule, row, j, label));
    }
    return rows::class_weight(rule, label) * (rule.p == 1 ? most : most * most) / static_cast<Real>(row.size());
  }

 private:
  template <class Rule>
  static Real size(const Rule& rule, const std::vector<Jet>& row, std::size_t j, Index label) {
    return std::fabs(static_cast<Real>(rule.margin)) + std::fabs(row[j].f - row[static_cast<std::size_t>(label)].f);
  }
};

}  // namespace

TEST_CASE("MultiMargin: the laws", "[laws]") {
  laws::check(laws::rows("MultiMargin", MultiMargin<float>(), MultiMargin<double>(), Reference{}));
}

TEST_CASE("MultiMargin: the laws of p = 2 with class weights", "[laws]") {
  laws::check(
      laws::rows("MultiMargin, p = 2", MultiMargin<float>({.p = 2, .margin = 0.5f, .class_weights = {1.f, 2.f, 1.5f}}),
                 MultiMargin<double>({.p = 2, .margin = 0.5, .class_weights = {1, 2, 1.5}}), Reference{}, {}, 3));
}

TEST_CASE("MultiMargin: values and gradients are PyTorch's") {
  const auto x = rows::sample_logits();
  const auto y = rows::sample_labels();
  const double a = 1 / 12., b = 1 / 24.;
  // torch.nn.functional.multi_margin_loss(x, y)
  rows::expect(MultiMargin<double>(), x, y, 0.54166666666666674, {0, 0, 0, 0, 0, 0, -a, a, 0, a, a, -2 * a});
  // … weight=w: divides by n
  rows::expect(MultiMargin<double>({.class_weights = rows::sample_weights()}), x, y, 0.6875,
               {0, 0, 0, 0, 0, 0, -b, b, 0, 0.125, 0.125, -0.25});
  // … p=2
  rows::expect(MultiMargin<double>({.p = 2}), x, y, 1.2395833333333333,
               {0, 0, 0, 0, 0, 0, -0.25, 0.25, 0, 0.45833333333333331, 0.375, -0.83333333333333326});
  // … p=2, margin=0.5
  rows::expect(MultiMargin<double>({.p = 2, .margin = 0.5}), x, y, 0.76041666666666674,
               {0, 0, 0, 0, 0, 0, -2 * a, 2 * a, 0, 0.375, 0.29166666666666663, -0.66666666666666663});
  // … p=2, weight=w
  rows::expect(MultiMargin<double>({.p = 2, .class_weights = rows::sample_weights()}), x, y, 1.671875,
               {0, 0, 0, 0, 0, 0, -0.125, 0.125, 0, 0.6875, 0.5625, -1.25});
}

TEST_CASE("MultiMargin: a class at the margin costs nothing and has slope 0, one beyond it 1/c") {
  for (const int p : {1, 2}) {
    const MultiMargin<float> loss({.p = p});
    const auto seam = rows::run(loss, rows::row(0, 1, -3), 1);
    CHECK((seam.value == 0 && (seam.gradient == 0).all()));
    const auto beyond = rows::run(loss, rows::row(0.25, 1, -3), 1);
    const float share = p == 1 ? 1 / 3.f : 0.5f / 3.f;
    CHECK(beyond.value == Catch::Approx(p == 1 ? 0.25 / 3 : 0.0625 / 3).epsilon(1e-6));
    CHECK((beyond.gradient(0) == Catch::Approx(share).epsilon(1e-6) && beyond.gradient(1) == -beyond.gradient(0)));
    CHECK(beyond.gradient(2) == 0);
  }
}

TEST_CASE("MultiMargin: with one class the loss is 0") {
  const auto result = rows::run(MultiMargin<float>(), rows::row(3e38), 0);
  CHECK((result.value == 0 && result.gradient(0) == 0));
}

TEST_CASE("MultiMargin: a difference that overflows has a mean that does not") {
  const float most = std::numeric_limits<float>::max();
  const auto result = rows::run(MultiMargin<float>(), rows::row(most, -most, -most, -most), 1);
  CHECK(result.value == Catch::Approx(static_cast<double>(most) / 2).epsilon(1e-6));
  CHECK((result.gradient(0) == 0.25f && result.gradient(1) == -0.75f));
}

TEST_CASE("MultiMargin: at infinities the limit, where there is one") {
  CHECK(rows::run(MultiMargin<float>(), rows::row(rows::infinity, 0, 1), 0).value == 0);
  CHECK(rows::run(MultiMargin<float>(), rows::row(rows::infinity, 0, 1), 1).value == rows::infinity);
  CHECK(rows::run(MultiMargin<float>(), rows::row(0, -rows::infinity, -rows::infinity), 0).value == 0);
  CHECK(std::isnan(rows::run(MultiMargin<float>(), rows::row(rows::infinity, rows::infinity), 0).value));
}

TEST_CASE("MultiMargin: labels of every type; wrong ones are refused, -100 too") {
  rows::check_label_types(MultiMargin<float>(), "MultiMargin");
  const Columns<float> x = laws::draw_logits<float>(3, 4, 321);
  for (const std::int64_t bad : {std::int64_t(-100), INT64_MIN, std::int64_t(-1)}) {
    Columns<float> g = x;
    const std::string message =
        laws::message_of([&] { (void)MultiMargin<float>().value_and_gradient(x, rows::labels({0, bad, 3}), g); });
    CHECK(message == "MultiMargin: target[1] is " + std::to_string(bad) + ", but must be in [0, 4)");
    CHECK(same_bits(g, x));
  }
}

TEST_CASE("MultiMargin: bad options are refused") {
  rows::check_class_weights<MultiMargin<float>>("MultiMargin", "class_weights", [](const auto& weights) {
    return MultiMargin<float>({.class_weights = weights});
  });
  for (const int bad : {0, 3, -1}) laws::refuses_option("MultiMargin: p is ", [&] { MultiMargin<float>({.p = bad}); });
  for (const float bad : {rows::infinity, rows::not_a_number}) {
    laws::refuses_option("MultiMargin: margin is ", [&] { MultiMargin<float>({.margin = bad}); });
  }
}

}  // namespace losses_test::multi_margin
