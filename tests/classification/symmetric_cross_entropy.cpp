// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/symmetric_cross_entropy.hpp>

#include "row_cases.hpp"

namespace losses_test::symmetric_cross_entropy {

using losses::Reduction;
using losses::SymmetricCrossEntropy;

namespace {

/// Wang et al. (2019), eq. (6) and (7): α·CE − β Σ_j p_j log q_j with log 1 = 0 at the label and log 0 = A elsewhere.
constexpr auto formula = [](const auto& rule, const Jet& log_p) {
  const Jet others = -expm1(log_p);  // Σ_{j≠y} p_j
  const Real alpha = static_cast<Real>(rule.alpha);
  const Jet forward = alpha == 0 ? Jet(0) : -alpha * log_p;
  return forward - static_cast<Real>(rule.beta) * static_cast<Real>(rule.log_zero) * others;
};

}  // namespace

TEST_CASE("SymmetricCrossEntropy: the laws", "[laws]") {
  laws::check(laws::rows("SymmetricCrossEntropy", SymmetricCrossEntropy<float>({.alpha = 1}),
                         SymmetricCrossEntropy<double>({.alpha = 1}), rows::OfLogP{formula}, -100));
}

TEST_CASE("SymmetricCrossEntropy: the laws with class weights", "[laws]") {
  laws::check(laws::rows(
      "SymmetricCrossEntropy, class weights",
      SymmetricCrossEntropy<float>({.alpha = 6, .beta = 0.25f, .log_zero = -6, .class_weights = {0.5f, 2.f, 1.5f}}),
      SymmetricCrossEntropy<double>({.alpha = 6, .beta = 0.25, .log_zero = -6, .class_weights = {0.5, 2, 1.5}}),
      rows::OfLogP{formula}, -100, 3));
}

TEST_CASE("SymmetricCrossEntropy: values and gradients are those of its formula in PyTorch") {
  // p = softmax(x), o = one_hot(y), l = torch.where(o > 0, 0, A); α cross_entropy(x, y) + β (-(p * l).sum(1)).mean()
  rows::expect(SymmetricCrossEntropy<double>(), rows::sample_logits(), rows::sample_labels(), 2.0245559461645848,
               {0.18132387281264692, 0.040458824779419429, -0.2217826975920664, 0.056057582343832679,
                -0.072118348585725842, 0.016060766241893162, -0.24619230780232698, 0.22751660739721269,
                0.018675700405114327, 0.068869735726396819, 0.041771606244366183, -0.11064134197076293});
  // α = 6, β = 0.1, A = -6
  const SymmetricCrossEntropy<double> loss({.alpha = 6, .beta = 0.1, .log_zero = -6});
  Columns<double> g;
  CHECK(loss.value_and_gradient(rows::sample_logits(), rows::sample_labels(), g) ==
        Catch::Approx(5.9913317807673003).epsilon(2e-15));
  CHECK(g(3, 2) == Catch::Approx(-1.3667985741503672).epsilon(1e-14));
}

TEST_CASE("SymmetricCrossEntropy: beta = 0 is alpha times cross-entropy, alpha = 0 the absolute error") {
  const Columns<double> x = laws::draw_logits<double>(60, 7, 371);
  const auto y = laws::draw_labels(60, 7, 372, -100);
  const SymmetricCrossEntropy<double> forward({.alpha = 0.5, .beta = 0});
  CHECK(forward.forward(x, y) == Catch::Approx(0.5 * losses::CrossEntropy<double>().forward(x, y)).epsilon(1e-14));
  // Σ_j |p_j − [j = y]| = 2 (1 − p_y): A = -2.
  const SymmetricCrossEntropy<float> reverse({.alpha = 0, .beta = 1, .log_zero = -2});
  CHECK(rows::run(reverse, rows::row(0, 0, 0, 0), 1).value == Catch::Approx(1.5).epsilon(1e-6));
  const auto never = rows::run(reverse, rows::row(-rows::infinity, 0), 0);
  CHECK((never.value == 2 && (never.gradient == 0).all()));
  CHECK(rows::run(SymmetricCrossEntropy<float>(), rows::row(-rows::infinity, 0), 0).value == rows::infinity);
}

TEST_CASE("SymmetricCrossEntropy: a small loss keeps its digits") {
  const SymmetricCrossEntropy<float> loss({.alpha = 0.5f, .beta = 2, .log_zero = -3});
  for (int gap = 5; gap < 80; gap += 5) {
    const double e = std::exp(-static_cast<double>(gap)), q = e / (1 + e);
    const auto result = rows::run(loss, rows::row(gap, 0), 0);
    CHECK(result.value == Catch::Approx(0.5 * std::log1p(e) + 6 * q).epsilon(1e-6));
    CHECK(result.gradient(1) == Catch::Approx(q * (0.5 + 6 * (1 - q))).epsilon(2e-6));
  }
}

TEST_CASE("SymmetricCrossEntropy: alpha brings back a difference of logits that is beyond the largest number") {
  constexpr float most = std::numeric_limits<float>::max();
  const SymmetricCrossEntropy<float> loss({.alpha = 0.125f});
  const auto result = rows::run(loss, rows::row(0, most, -most), 2);
  CHECK(result.value == Catch::Approx(most / 4).epsilon(1e-6));
  CHECK((result.gradient(0) == 0 && result.gradient(1) == 0.125f && result.gradient(2) == -0.125f));
  CHECK(rows::run(SymmetricCrossEntropy<float>({.alpha = 1}), rows::row(0, most, -most), 2).value == rows::infinity);
  CHECK(rows::run(loss, rows::row(0, rows::infinity, -most), 2).value == rows::infinity);
  CHECK(rows::run(loss, rows::row(0, most, -rows::infinity), 2).value == rows::infinity);
  CHECK(rows::run(loss, rows::row(0, most, -most), 0).value == Catch::Approx(most / 8).epsilon(1e-6));

  // The same of doubles, in both orders, as unreduced terms, in place.
  constexpr double most_double = std::numeric_limits<double>::max();
  const SymmetricCrossEntropy<double> of_doubles({.alpha = 0.125});
  Columns<double> x = rows::matrix<double>(2, 3, {0, most_double, -most_double, 1, 2, 3});
  const auto y = rows::labels({2, 1});
  const double one = of_doubles.forward(x.bottomRows(1), rows::labels({1}));
  CHECK(of_doubles.unreduced(x, y)(0) == Catch::Approx(most_double / 4));
  CHECK(of_doubles.unreduced(x, y)(1) == one);
  CHECK(of_doubles.forward(Rows<double>(x), y) == Catch::Approx(most_double / 8));
  CHECK(of_doubles.value_and_gradient(x, y, x) == Catch::Approx(most_double / 8));
  CHECK(x(0, 1) == 0.0625);
}

TEST_CASE("SymmetricCrossEntropy: labels of every type; wrong ones are refused") {
  rows::check_label_types(SymmetricCrossEntropy<float>(), "SymmetricCrossEntropy");
}

TEST_CASE("SymmetricCrossEntropy: bad options are refused") {
  using Loss = SymmetricCrossEntropy<float>;
  rows::check_class_weights<Loss>("SymmetricCrossEntropy", "class_weights",
                                  [](const auto& weights) { return Loss({.class_weights = weights}); });
  for (const float bad : {-0.1f, rows::infinity, rows::not_a_number}) {
    laws::refuses_option("SymmetricCrossEntropy: alpha is ", [&] { Loss({.alpha = bad}); });
    laws::refuses_option("SymmetricCrossEntropy: beta is ", [&] { Loss({.beta = bad}); });
    laws::refuses_option("SymmetricCrossEntropy: log_zero is ", [&] { Loss({.log_zero = -bad}); });
  }
}

}  // namespace losses_test::symmetric_cross_entropy
