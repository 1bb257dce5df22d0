// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/nll.hpp>

#include "row_cases.hpp"

namespace losses_test::nll {

using losses::NLL;
using losses::Reduction;

namespace {

/// torch.nn.functional.nll_loss.
struct Reference {
  static constexpr bool sums_to_zero = false;
  static constexpr bool reads_label_only = true;

  template <class Rule>
  Jet operator()(const Rule& rule, const std::vector<Jet>& row, Index label) const {
    return -rows::class_weight(rule, label) * row[static_cast<std::size_t>(label)];
  }
  template <class Rule>
  Real weight(const Rule& rule, Index label) const {
    return rows::class_weight(rule, label);
  }
  template <class Rule>
  Real largest(const Rule& rule, const std::vector<Jet>&, Index k, Index label) const {
    return k == label ? rows::class_weight(rule, label) : Real(0);
  }
};

}  // namespace

TEST_CASE("NLL: the laws", "[laws]") {
  laws::check(laws::rows("NLL", NLL<float>(), NLL<double>(), Reference{}, -100));
}

TEST_CASE("NLL: the laws with class weights", "[laws]") {
  laws::check(laws::rows("NLL, class weights", NLL<float>({.class_weights = {0.5f, 2.f, 1.5f}, .ignore_index = 255}),
                         NLL<double>({.class_weights = {0.5, 2, 1.5}, .ignore_index = 255}), Reference{}, 255, 3));
}

TEST_CASE("NLL: values and gradients are PyTorch's") {
  const auto x = rows::sample_logits();
  const auto y = rows::sample_labels();
  // torch.nn.functional.nll_loss(x, y)
  rows::expect(NLL<double>(), x, y, -1.1875, {0, 0, -0.25, 0, -0.25, 0, -0.25, 0, 0, 0, 0, -0.25});
  // … weight=w
  const NLL<double> weighted({.class_weights = rows::sample_weights()});
  rows::expect(weighted, x, y, -1.5681818181818181, {0, 0, -3 / 11., 0, -4 / 11., 0, -1 / 11., 0, 0, 0, 0, -3 / 11.});
  // … weight=w, the second label -100
  rows::expect(weighted, x, rows::some_sample_labels(), -0.75, {0, 0, -3 / 7., 0, 0, 0, -1 / 7., 0, 0, 0, 0, -3 / 7.});
}

TEST_CASE("NLL: of the log-softmax it is cross-entropy") {
  const Columns<double> x = laws::draw_logits<double>(30, 7, 311);
  const auto y = laws::draw_labels(30, 7, 312);
  Columns<double> log_p = x;
  for (Index i = 0; i < 30; ++i)
    log_p.row(i) -= x.row(i).maxCoeff() + std::log((x.row(i) - x.row(i).maxCoeff()).exp().sum());
  CHECK(NLL<double>().forward(log_p, y) == Catch::Approx(losses::CrossEntropy<double>().forward(x, y)).epsilon(1e-13));
}

TEST_CASE("NLL: the other classes are never read, in any order") {
  Columns<float> x = Columns<float>::Constant(33, 40, rows::not_a_number);
  const auto y = laws::draw_labels(33, 40, 313);
  for (Index i = 0; i < 33; ++i) x(i, static_cast<Index>(y(i))) = -1.5f;
  const Rows<float> row_major = x;
  Columns<float> g;
  CHECK(NLL<float>().value_and_gradient(x, y, g) == 1.5f);
  CHECK(NLL<float>().forward(row_major, y) == 1.5f);
  CHECK((g.sum() == Catch::Approx(-1) && g.minCoeff() == -1 / 33.f && g.maxCoeff() == 0));
}

TEST_CASE("NLL: a log-probability of -inf costs +inf with slope -1") {
  const auto result = rows::run(NLL<float>(), rows::row(-rows::infinity, -0.5, 0), 0);
  CHECK(result.value == rows::infinity);
  CHECK((result.gradient(0) == -1 && result.gradient(1) == 0 && result.gradient(2) == 0));
}

TEST_CASE("NLL: labels of every type; wrong ones are refused") {
  rows::check_label_types(NLL<float>(), "NLL");
}

TEST_CASE("NLL: bad class weights are refused") {
  rows::check_class_weights<NLL<float>>("NLL", "class_weights",
                                        [](const auto& weights) { return NLL<float>({.class_weights = weights}); });
}

TEST_CASE("NLL: the curvature is 0") {
  CHECK((NLL<float>().curvature(laws::draw_logits<float>(3, 4, 314), laws::draw_labels(3, 4, 315)) == 0).all());
}

}  // namespace losses_test::nll
