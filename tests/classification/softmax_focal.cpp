// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/softmax_focal.hpp>

#include "row_cases.hpp"

namespace losses_test::softmax_focal {

using losses::Reduction;
using losses::SoftmaxFocal;

namespace {

/// Lin et al. (2017), eq. (5), with p_t the softmax of the label: −α_y (1 − p_y)^γ log p_y; the mean over the kept samples.
struct Reference {
  template <class Rule>
  Jet operator()(const Rule& rule, const std::vector<Jet>& row, Index label) const {
    const Jet log_p = reference::log_softmax(row, static_cast<std::size_t>(label));
    return alpha(rule, label) * formula(rule, log_p);
  }
  template <class Rule>
  Real weight(const Rule&, Index) const {
    return 1;
  }
  template <class Rule>
  Real largest(const Rule& rule, const std::vector<Jet>& row, Index k, Index label) const {
    const Jet log_p = reference::log_softmax(row, static_cast<std::size_t>(label));
    const Real share = k == label ? Real(1) : std::exp(reference::log_softmax(row, static_cast<std::size_t>(k)).f);
    return alpha(rule, label) * std::fabs(formula(rule, Jet::variable(log_p.f)).d) * share;
  }
  template <class Rule>
  Real condition(const Rule& rule, const std::vector<Jet>& row, Index label) const {
    const Real gamma = static_cast<Real>(rule.gamma);
    const Real q = -std::expm1(reference::log_softmax(row, static_cast<std::size_t>(label)).f);
    return gamma == std::floor(gamma) || q == 0 ? Real(1) : 1 + std::fabs(gamma * std::log(q));
  }

 private:
  template <class Rule>
  static Real alpha(const Rule& rule, Index label) {
    return rule.alpha.empty() ? Real(1) : static_cast<Real>(rule.alpha[label]);
  }
  template <class Rule>
  static Jet formula(const Rule& rule, const Jet& log_p) {
    if (log_p.f == 0) return rule.gamma == 0 ? -log_p : Jet(0);
    return -pow(-expm1(log_p), Jet(static_cast<Real>(rule.gamma))) * log_p;
  }
};

}  // namespace

TEST_CASE("SoftmaxFocal: the laws", "[laws]") {
  laws::check(laws::rows("SoftmaxFocal", SoftmaxFocal<float>(), SoftmaxFocal<double>(), Reference{}, -100));
}

TEST_CASE("SoftmaxFocal: the laws with an alpha for each class and gamma = 0.5", "[laws]") {
  laws::check(laws::rows("SoftmaxFocal, gamma = 0.5",
                         SoftmaxFocal<float>({.gamma = 0.5f, .alpha = {0.5f, 2.f, 1.5f}, .ignore_index = 255}),
                         SoftmaxFocal<double>({.gamma = 0.5, .alpha = {0.5, 2, 1.5}, .ignore_index = 255}), Reference{},
                         255, 3));
}

TEST_CASE("SoftmaxFocal: the laws with gamma = 1.5 and one alpha", "[laws]") {
  laws::check(laws::rows("SoftmaxFocal, gamma = 1.5", SoftmaxFocal<float>({.gamma = 1.5f, .alpha = 2}),
                         SoftmaxFocal<double>({.gamma = 1.5, .alpha = 2}), Reference{}, -100));
}

TEST_CASE("SoftmaxFocal: values and gradients are those of its formula in PyTorch") {
  const auto x = rows::sample_logits();
  // lp = torch.log_softmax(x, 1)[range(4), y]; (-(1 - lp.exp()) ** 2 * lp).mean()
  rows::expect(SoftmaxFocal<double>(), x, rows::sample_labels(), 0.58785427464821904,
               {0.01619599306825369, 0.0036138145270823044, -0.019809807595335988, 0.00024919499811003554,
                -0.00032059056042212688, 7.1395562312091154e-05, -0.14129746802075618, 0.13057889925509178,
                0.010718568765664427, 0.17190920282302388, 0.10426820219892158, -0.27617740502194543});
  // … ** 0.5, times w[y]: divides by n
  rows::expect(SoftmaxFocal<double>({.gamma = 0.5, .alpha = rows::sample_weights()}), x, rows::sample_labels(),
               1.0198317015487302,
               {0.07488366136654219, 0.016708803353217342, -0.0915924647197595, 0.012054029686404608,
                -0.015507567013054668, 0.0034535373266500516, -0.08252228064401794, 0.076262290623160464,
                0.0062599900208574963, 0.22527413190710477, 0.13663566784180706, -0.3619097997489118});
  // … ** 1.5, times 0.25, without the second sample
  rows::expect(
      SoftmaxFocal<double>({.gamma = 1.5, .alpha = 0.25}), x, rows::some_sample_labels(), 0.21533617321034101,
      {0.0081821451171532836, 0.0018256833503481049, -0.010007828467501385, 0, 0, 0, -0.050975815688325862,
       0.04710888308511111, 0.0038669326032147546, 0.055273282212586219, 0.033524940324882492, -0.088798222537468705});
}

TEST_CASE("SoftmaxFocal: with gamma = 0 it is cross-entropy, with a number alpha that many times") {
  const Columns<float> x = laws::draw_logits<float>(60, 7, 351);
  const auto y = laws::draw_labels(60, 7, 352, -100);
  const losses::CrossEntropy<float> entropy;
  const SoftmaxFocal<float> loss({.gamma = 0});
  CHECK(loss.forward(x, y) == entropy.forward(x, y));
  CHECK(same_bits(loss.gradient(x, y), entropy.gradient(x, y)));
  CHECK(SoftmaxFocal<float>({.gamma = 0, .alpha = 0.25}).forward(x, y) == 0.25f * entropy.forward(x, y));
}

TEST_CASE("SoftmaxFocal: a well classified sample keeps its digits") {
  for (int gap = 5; gap < 40; ++gap) {
    const auto result = rows::run(SoftmaxFocal<float>(), rows::row(gap, 0), 0);
    const double e = std::exp(-static_cast<double>(gap)), q = e / (1 + e), log_p = std::log1p(e);
    CHECK(result.value == Catch::Approx(q * q * log_p).epsilon(2e-6).margin(1e-44));
    CHECK(result.gradient(1) == Catch::Approx(q * q * (q + 2 * (1 - q) * log_p)).epsilon(2e-6).margin(1e-44));
    CHECK(result.gradient(0) == -result.gradient(1));
  }
}

TEST_CASE("SoftmaxFocal: with gamma up to 1, too, a difference of logits that is rounded costs no digits") {
  Columns<float> x(500, 2);
  for (Index i = 0; i < x.rows(); ++i) x.row(i) << 8 + static_cast<float>(i) / 71, -static_cast<float>(i % 37) / 97;
  for (const float gamma : {0.5f, 1.f}) {
    INFO("gamma " << gamma);
    const Vector<float> values = SoftmaxFocal<float>({.gamma = gamma}).unreduced(x, std::vector<int>(500, 0));
    Real worst = 0;
    for (Index i = 0; i < x.rows(); ++i) {
      const Real e = std::exp(static_cast<Real>(x(i, 1)) - static_cast<Real>(x(i, 0)));
      const Real want = std::pow(e / (1 + e), static_cast<Real>(gamma)) * std::log1p(e);
      worst = std::max(worst, std::fabs(static_cast<Real>(values(i)) / want - 1));
    }
    CHECK(worst <= laws::value_bound<float>);
  }
}

TEST_CASE("SoftmaxFocal: no NaN at any gamma, for certainty, for its opposite and for masked classes") {
  for (const float gamma : {0.f, 1e-3f, 0.5f, 1.f, 1.5f, 2.f, 2.5f, 5.f, 30.f, 1e30f}) {
    INFO("gamma " << gamma);
    const SoftmaxFocal<float> loss({.gamma = gamma});
    for (const auto& x : {rows::row(200, 0), rows::row(3e38, -3e38), rows::row(0, -rows::infinity),
                          rows::row(rows::infinity, 0), rows::row(0)}) {
      const auto certain = rows::run(loss, x, 0);
      CHECK((certain.value == 0 && (certain.gradient == 0).all()));
      CHECK((loss.curvature(x, rows::labels({0})) == 0).all());
    }
    const auto wrong = rows::run(loss, rows::row(-200, 0), 0);
    CHECK(wrong.value == 200);
    CHECK((wrong.gradient(0) == -1 && wrong.gradient(1) == 1));
    const auto never = rows::run(loss, rows::row(1, rows::infinity, 2), 0);
    CHECK(never.value == rows::infinity);
    CHECK((never.gradient(0) == -1 && never.gradient(1) == 1 && never.gradient(2) == 0));
    const auto masked = rows::run(loss, rows::row(-rows::infinity, 0, 1), 0);
    CHECK((masked.value == rows::infinity && (masked.gradient == 0).all()));
    CHECK(loss.curvature(rows::row(0.5, 0.25, 0), rows::labels({1})).isFinite().all());
  }
}

TEST_CASE("SoftmaxFocal: mean divides by the kept samples, whatever alpha") {
  const Columns<double> x = laws::draw_logits<double>(4, 3, 353);
  const SoftmaxFocal<double> loss({.alpha = {0., 3., 5.}}), sum({.alpha = {0., 3., 5.}}, Reduction::sum);
  const auto y = rows::labels({0, 1, 2, -100});
  CHECK(loss.partial(x, y).weight == 3);
  CHECK(loss.forward(x, y) == Catch::Approx(sum.forward(x, y) / 3).epsilon(1e-15));
  CHECK((loss.gradient(x, y).row(0) == 0).all());
}

TEST_CASE("SoftmaxFocal: labels of every type; wrong ones are refused") {
  rows::check_label_types(SoftmaxFocal<float>(), "SoftmaxFocal");
}

TEST_CASE("SoftmaxFocal: the largest finite gamma is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::SoftmaxFocal<float>({.gamma = most}));
}

TEST_CASE("SoftmaxFocal: bad options are refused") {
  rows::check_class_weights<SoftmaxFocal<float>>(
      "SoftmaxFocal", "alpha", [](const auto& alpha) { return SoftmaxFocal<float>({.alpha = alpha}); });
  laws::refuses_option("SoftmaxFocal: alpha is -1", [] { SoftmaxFocal<float>({.alpha = -1}); });
  for (const float bad : {-0.5f, rows::infinity, rows::not_a_number}) {
    laws::refuses_option("SoftmaxFocal: gamma is ", [&] { SoftmaxFocal<float>({.gamma = bad}); });
  }
}

}  // namespace losses_test::softmax_focal
