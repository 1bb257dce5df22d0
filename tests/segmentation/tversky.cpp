// SPDX-License-Identifier: MIT

#include <losses/segmentation/dice.hpp>
#include <losses/segmentation/jaccard.hpp>
#include <losses/segmentation/tversky.hpp>

#include "pytorch_inputs.hpp"

using namespace losses_test;
using losses::Tversky;
using losses::TverskyWithLogits;

namespace {

/// 1 − (TP + s)/(TP + α FP + β FN + s)
struct TverskyReference {
  laws::SetKind kind;

  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    const auto value = [&](const laws::Reals& weights, Index first, Index last) {
      const auto r = laws::region_of(kind, x, y, weights, first, last);
      return laws::loss_of(r.hits + static_cast<Real>(rule.smooth),
                           static_cast<Real>(rule.alpha) * r.extra + static_cast<Real>(rule.beta) * r.missed);
    };
    if (!rule.per_sample) return value(w, 0, x.rows);
    const laws::Reals inside = w.cols() == 1 ? laws::Reals(laws::Reals::Ones(x.rows, 1)) : w;
    return laws::mean_over_samples(y, w, [&](Index first, Index last) { return value(inside, first, last); });
  }
};

}  // namespace

TEST_CASE("Tversky: the laws", "[laws]") {
  const auto kind = laws::SetKind::probabilities;
  laws::check(laws::sets("Tversky", kind, Tversky<float>({.alpha = 0.25f, .beta = 0.75f}),
                         Tversky<double>({.alpha = 0.25, .beta = 0.75}), TverskyReference{kind}));
}

TEST_CASE("TverskyWithLogits: the laws per sample", "[laws]") {
  const auto kind = laws::SetKind::logits;
  laws::check(laws::sets("TverskyWithLogits, per sample", kind,
                         TverskyWithLogits<float>({.alpha = 2, .beta = 0.5f, .smooth = 0, .per_sample = true}),
                         TverskyWithLogits<double>({.alpha = 2, .beta = 0.5, .smooth = 0, .per_sample = true}),
                         TverskyReference{kind}));
}

TEST_CASE("Tversky: PyTorch") {
  // h, e, m = (p*y).sum(), (p*(1-y)).sum(), ((1-p)*y).sum(); 1 - (h + 1)/(h + .3*e + .7*m + 1)
  const auto y = pytorch::mask();
  pytorch::check(
      Tversky<double>({.alpha = 0.3, .beta = 0.7, .smooth = 1}), pytorch::probabilities(), y,
      {0.4433294079426611, -0.05449076581074941, 0.01092441167398969, -0.05449076581074941, 0.2085159325992907});
  // the same of p = torch.sigmoid(x)
  pytorch::check(
      TverskyWithLogits<double>({.alpha = 0.3, .beta = 0.7, .smooth = 1}), pytorch::logits(), y,
      {0.4323283627617721, -0.01122541015350902, 0.002115393480405171, -0.005273120147005503, 0.02653110417055691});
}

TEST_CASE("Tversky: one half twice is Dice, one twice is Jaccard") {
  const Columns<double> p = draw_weights<double>(17, 3, 1) / 2, y = draw_weights<double>(17, 3, 2) / 2;
  const auto same = [&](const auto& a, const auto& b) {
    Columns<double> ga, gb;
    CHECK(a.value_and_gradient(p, y, ga) == Catch::Approx(b.value_and_gradient(p, y, gb)).epsilon(1e-14));
    CHECK(ga.isApprox(gb, 1e-14));
  };
  same(Tversky<double>(), losses::Dice<double>());
  same(Tversky<double>({.alpha = 0.5, .beta = 0.5, .smooth = 0}), losses::Dice<double>({.smooth = 0}));
  same(Tversky<double>({.alpha = 0.5, .beta = 0.5, .smooth = 1.5}), losses::Dice<double>({.smooth = 3}));
  same(Tversky<double>({.alpha = 1, .beta = 1, .smooth = 3}), losses::Jaccard<double>({.smooth = 3}));
}

TEST_CASE("Tversky: what costs nothing has no slope") {
  const Eigen::Vector3d p(0.5, 0.5, 1), y(1, 0, 1);
  Eigen::Vector3d g;
  CHECK(Tversky<double>({.alpha = 0, .beta = 1, .smooth = 0}).value_and_gradient(p, y, g) == 0.25);  // recall is 3/4
  CHECK(g == Eigen::Vector3d(-0.5, 0, -0.5));
  CHECK(Tversky<double>({.alpha = 0, .beta = 0, .smooth = 0}).value_and_gradient(p, y, g) == 0);
  CHECK(g == Eigen::Vector3d::Zero());
  CHECK(Tversky<double>({.alpha = 0, .beta = 1, .smooth = 0}).value_and_gradient(p, Eigen::Vector3d(0, 0, 0), g) == 0);
  CHECK(g == Eigen::Vector3d::Zero());  // 0/0
}

TEST_CASE("Tversky: bad options are refused") {
  laws::refuses_option("Tversky: alpha is -1, but must be finite and not negative",
                       [] { Tversky<float>({.alpha = -1}); });
  laws::refuses_option("Tversky: beta is -1, but must be finite and not negative",
                       [] { Tversky<float>({.beta = -1}); });
  laws::refuses_option("TverskyWithLogits: smooth is -1", [] { TverskyWithLogits<float>({.smooth = -1}); });
}
