// SPDX-License-Identifier: MIT

#include <losses/segmentation/focal_tversky.hpp>

#include "pytorch_inputs.hpp"

using namespace losses_test;
using losses::FocalTversky;
using losses::FocalTverskyWithLogits;

namespace {

/// (1 − (TP + s)/(TP + α FP + β FN + s))^(1/γ)
struct FocalTverskyReference {
  laws::SetKind kind;

  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    const auto value = [&](const laws::Reals& weights, Index first, Index last) {
      const auto r = laws::region_of(kind, x, y, weights, first, last);
      const Jet t = laws::loss_of(r.hits + static_cast<Real>(rule.smooth),
                                  static_cast<Real>(rule.alpha) * r.extra + static_cast<Real>(rule.beta) * r.missed);
      return t.f == 0 ? Jet(0) : pow(t, 1 / static_cast<Real>(rule.gamma));
    };
    if (!rule.per_sample) return value(w, 0, x.rows);
    const laws::Reals inside = w.cols() == 1 ? laws::Reals(laws::Reals::Ones(x.rows, 1)) : w;
    return laws::mean_over_samples(y, w, [&](Index first, Index last) { return value(inside, first, last); });
  }
};

}  // namespace

TEST_CASE("FocalTversky: the laws", "[laws]") {
  const auto kind = laws::SetKind::probabilities;
  laws::check(
      laws::sets("FocalTversky", kind, FocalTversky<float>(), FocalTversky<double>(), FocalTverskyReference{kind}));
}

TEST_CASE("FocalTverskyWithLogits: the laws per sample", "[laws]") {
  const auto kind = laws::SetKind::logits;
  laws::check(laws::sets("FocalTverskyWithLogits, per sample", kind,
                         FocalTverskyWithLogits<float>({.alpha = 0.5f, .beta = 1, .gamma = 0.5f, .per_sample = true}),
                         FocalTverskyWithLogits<double>({.alpha = 0.5, .beta = 1, .gamma = 0.5, .per_sample = true}),
                         FocalTverskyReference{kind}));
}

TEST_CASE("FocalTversky: PyTorch") {
  // h, e, m = (p*y).sum(), (p*(1-y)).sum(), ((1-p)*y).sum(); (1 - (h + .5)/(h + .3*e + .7*m + .5))**.75
  pytorch::check(
      FocalTversky<double>(), pytorch::probabilities(), pytorch::mask(),
      {0.5570274150069418, -0.05162648418994371, 0.01001737458141706, -0.05162648418994371, 0.1972807108499811});
}

TEST_CASE("FocalTversky: with gamma 1 it is Tversky") {
  const Columns<double> p = draw_weights<double>(17, 3, 1) / 2, y = draw_weights<double>(17, 3, 2) / 2;
  Columns<double> a, b;
  const FocalTversky<double> focal({.alpha = 0.25, .beta = 1, .gamma = 1, .smooth = 2});
  const losses::Tversky<double> tversky({.alpha = 0.25, .beta = 1, .smooth = 2});
  CHECK(focal.value_and_gradient(p, y, a) == tversky.value_and_gradient(p, y, b));
  CHECK(a.isApprox(b, 1e-15));
}

TEST_CASE("FocalTversky: a perfect mask is 0 with gradient 0") {
  const Eigen::Vector3d y(1, 0, 1);
  Eigen::Vector3d g;
  CHECK(FocalTversky<double>().value_and_gradient(Eigen::Vector3d(1, 0, 1), y, g) == 0);
  CHECK(g == Eigen::Vector3d::Zero());
  CHECK(FocalTversky<double>({.smooth = 0}).value_and_gradient(Eigen::Vector3d(0, 0, 0), Eigen::Vector3d(0, 0, 0), g) ==
        0);
  CHECK(g == Eigen::Vector3d::Zero());
}

TEST_CASE("FocalTversky: the largest finite gamma is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::FocalTversky<float>({.gamma = most}));
}

TEST_CASE("FocalTversky: bad options are refused") {
  laws::refuses_option("FocalTversky: gamma is 0, but must be finite and positive",
                       [] { FocalTversky<float>({.gamma = 0}); });
  laws::refuses_option("FocalTverskyWithLogits: gamma is nan", [] { FocalTverskyWithLogits<float>({.gamma = NAN}); });
  laws::refuses_option("FocalTversky: beta is -1", [] { FocalTversky<float>({.beta = -1}); });
  laws::refuses_option("FocalTversky: alpha is inf", [] { FocalTversky<float>({.alpha = INFINITY}); });
  laws::refuses_option("FocalTversky: smooth is -1", [] { FocalTversky<float>({.smooth = -1}); });
}
