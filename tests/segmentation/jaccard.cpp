// SPDX-License-Identifier: MIT

#include <losses/segmentation/jaccard.hpp>

#include "pytorch_inputs.hpp"

using namespace losses_test;
using losses::Jaccard;
using losses::JaccardWithLogits;

namespace {

/// 1 − (Σ p y + s)/(Σ p + Σ y − Σ p y + s)
struct JaccardReference {
  laws::SetKind kind;

  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    const auto value = [&](const laws::Reals& weights, Index first, Index last) {
      const auto r = laws::region_of(kind, x, y, weights, first, last);
      return laws::loss_of(r.hits + static_cast<Real>(rule.smooth), r.wrong());
    };
    if (!rule.per_sample) return value(w, 0, x.rows);
    const laws::Reals inside = w.cols() == 1 ? laws::Reals(laws::Reals::Ones(x.rows, 1)) : w;
    return laws::mean_over_samples(y, w, [&](Index first, Index last) { return value(inside, first, last); });
  }
};

}  // namespace

TEST_CASE("Jaccard: the laws", "[laws]") {
  const auto kind = laws::SetKind::probabilities;
  laws::check(laws::sets("Jaccard", kind, Jaccard<float>(), Jaccard<double>(), JaccardReference{kind}));
}

TEST_CASE("Jaccard: the laws per sample", "[laws]") {
  const auto kind = laws::SetKind::probabilities;
  laws::check(laws::sets("Jaccard, per sample", kind, Jaccard<float>({.smooth = 0, .per_sample = true}),
                         Jaccard<double>({.smooth = 0, .per_sample = true}), JaccardReference{kind}));
}

TEST_CASE("JaccardWithLogits: the laws", "[laws]") {
  const auto kind = laws::SetKind::logits;
  laws::check(laws::sets("JaccardWithLogits", kind, JaccardWithLogits<float>(), JaccardWithLogits<double>(),
                         JaccardReference{kind}));
}

TEST_CASE("Jaccard: PyTorch") {
  // def jaccard(p, y): return 1 - ((p*y).sum() + 1)/(p.sum() + y.sum() - (p*y).sum() + 1)
  const auto y = pytorch::mask();
  // jaccard(p, y)
  pytorch::check(
      Jaccard<double>(), pytorch::probabilities(), y,
      {0.6208893605536092, -0.04454984710811549, 0.01688932102439661, -0.04454984710811549, 0.1798600314623361});
  // jaccard(torch.sigmoid(x), y)
  pytorch::check(
      JaccardWithLogits<double>(), pytorch::logits(), y,
      {0.6102012197699629, -0.009290202670303701, 0.003324730644854317, -0.004364059237089809, 0.02361956552437143});
}

TEST_CASE("Jaccard: one minus intersection over union of masks") {
  const Eigen::Vector4d p(1, 1, 0, 0), y(0, 1, 1, 0);
  Eigen::Vector4d g;
  CHECK(Jaccard<double>({.smooth = 0}).value_and_gradient(p, y, g) == Catch::Approx(2 / 3.0).epsilon(1e-15));
  CHECK(g.isApprox(Eigen::Vector4d(1 / 9.0, -1 / 3.0, -1 / 3.0, 1 / 9.0), 1e-15));
}

TEST_CASE("Jaccard: two empty masks are 0, and a soft target is not matched by itself") {
  const Eigen::Vector3d none = Eigen::Vector3d::Zero(), half = Eigen::Vector3d::Constant(0.5);
  Eigen::Vector3d g;
  CHECK(Jaccard<double>({.smooth = 0}).value_and_gradient(none, none, g) == 0);
  CHECK(g == none);
  CHECK(Jaccard<double>().value_and_gradient(half, none, g) == 0.6);
  CHECK((g.array() > 0.1).all());
  CHECK(Jaccard<double>({.smooth = 0}).forward(half, half) == Catch::Approx(2 / 3.0).epsilon(1e-15));
}

TEST_CASE("Jaccard: bad options are refused") {
  laws::refuses_option("Jaccard: smooth is -0.5, but must be finite and not negative",
                       [] { Jaccard<float>({.smooth = -0.5f}); });
}
