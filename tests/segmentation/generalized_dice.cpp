// SPDX-License-Identifier: MIT

#include <losses/segmentation/generalized_dice.hpp>

#include "pytorch_inputs.hpp"

using namespace losses_test;
using losses::ClassWeighting;
using losses::GeneralizedDice;
using losses::SoftmaxGeneralizedDice;

namespace {

/// 1 − (2 Σ_k w_k Σ p_k y_k + s)/(Σ_k w_k (Σ p_k + Σ y_k) + s), w_k = 1/(Σ y_k)²; a class without y has the largest w.
template <class Rule>
Jet generalized(const Rule& rule, const std::vector<laws::RegionSums>& regions, const std::vector<Real>& targets) {
  std::vector<Real> w;
  Real largest = 0;
  for (const Real y : targets) {
    w.push_back(rule.weighting == ClassWeighting::uniform   ? 1
                : y == 0                                    ? 0
                : rule.weighting == ClassWeighting::inverse ? 1 / y
                                                            : 1 / (y * y));
    largest = std::max(largest, w.back());
  }
  Jet right = static_cast<Real>(rule.smooth), wrong = 0;
  for (std::size_t k = 0; k < w.size(); ++k) {
    const Real weight = w[k] == 0 ? largest : w[k];
    right += weight * 2 * regions[k].hits;
    wrong += weight * regions[k].wrong();
  }
  return laws::loss_of(right, wrong);
}

struct GeneralizedDiceReference {
  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    const auto value = [&](const laws::Reals& weights, Index first, Index last) {
      std::vector<laws::RegionSums> regions(static_cast<std::size_t>(x.cols));
      std::vector<Real> targets(static_cast<std::size_t>(x.cols), 0);
      for (Index i = first; i < last; ++i) {
        for (std::size_t k = 0; k < regions.size(); ++k) {
          const Index c = static_cast<Index>(k);
          regions[k].add(x(i, c), 1 - x(i, c), y(i, c), weights(i, 0));
          if (weights(i, 0) != 0) targets[k] += weights(i, 0) * y(i, c);
        }
      }
      return generalized(rule, regions, targets);
    };
    if (!rule.per_sample) return value(w, 0, x.rows);
    const laws::Reals ones = laws::Reals::Ones(x.rows, 1);
    return laws::mean_over_samples(y, w, [&](Index first, Index last) { return value(ones, first, last); });
  }
};

struct SoftmaxReference {
  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    const auto value = [&](const laws::Reals& weights, Index first, Index last) {
      std::vector<Real> targets(static_cast<std::size_t>(x.cols), 0);
      for (Index i = first; i < last; ++i) {
        if (y(i, 0) >= 0 && weights(i, 0) != 0) targets[static_cast<std::size_t>(y(i, 0))] += weights(i, 0);
      }
      return generalized(rule, laws::class_regions(x, y, weights, first, last), targets);
    };
    if (!rule.per_sample) return value(w, 0, x.rows);
    const laws::Reals ones = laws::Reals::Ones(x.rows, 1);
    laws::Reals kept = w;
    for (Index i = 0; i < y.rows(); ++i) kept(i, 0) = y(i, 0) < 0 ? 0 : w(i, 0);
    return laws::mean_over_samples(y, kept, [&](Index first, Index last) { return value(ones, first, last); });
  }
};

}  // namespace

TEST_CASE("GeneralizedDice: the laws", "[laws]") {
  laws::check(
      laws::with_class_axis(laws::sets("GeneralizedDice", laws::SetKind::probabilities, GeneralizedDice<float>(),
                                       GeneralizedDice<double>(), GeneralizedDiceReference{})));
}

TEST_CASE("GeneralizedDice: the laws per sample", "[laws]") {
  laws::check(laws::with_class_axis(
      laws::sets("GeneralizedDice, per sample", laws::SetKind::probabilities,
                 GeneralizedDice<float>({.weighting = ClassWeighting::inverse, .smooth = 0.5f, .per_sample = true}),
                 GeneralizedDice<double>({.weighting = ClassWeighting::inverse, .smooth = 0.5, .per_sample = true}),
                 GeneralizedDiceReference{})));
}

TEST_CASE("SoftmaxGeneralizedDice: the laws", "[laws]") {
  laws::check(laws::sets("SoftmaxGeneralizedDice", laws::SetKind::labels, SoftmaxGeneralizedDice<float>(),
                         SoftmaxGeneralizedDice<double>(), SoftmaxReference{}));
}

TEST_CASE("SoftmaxGeneralizedDice: the laws per sample", "[laws]") {
  laws::check(laws::sets("SoftmaxGeneralizedDice, per sample", laws::SetKind::labels,
                         SoftmaxGeneralizedDice<float>({.smooth = 1, .per_sample = true}),
                         SoftmaxGeneralizedDice<double>({.smooth = 1, .per_sample = true}), SoftmaxReference{}));
}

TEST_CASE("GeneralizedDice: PyTorch") {
  // def generalized(p, y, dims, batch):
  //   h = (p*y).sum(dims); g = y.sum(dims); d = g + p.sum(dims); w = 1/(g*g); inf = torch.isinf(w); w[inf] = 0
  //   w = w + inf*(w.max() if batch else w.max(1, keepdim=True)[0]); last = 0 if batch else 1
  //   return (1 - (2*(h*w).sum(last) + 1e-5)/((d*w).sum(last) + 1e-5)).mean()
  // which is MONAI's GeneralizedDiceLoss. generalized(p, y, (0, 2), True)
  const auto p = pytorch::probabilities(), y = pytorch::mask();
  const double smooth = 1e-5;
  pytorch::check(
      GeneralizedDice<double>({.smooth = smooth}), p, y,
      {0.4808739634325933, -0.06713754089108033, 0.01506260605271511, -0.04296802617029141, 0.2051453133906035});
  // generalized(p, y, (2,), False)
  pytorch::check(
      GeneralizedDice<double>({.smooth = smooth, .per_sample = true}), p, y,
      {0.498597468155717, -0.06242086175296452, 0.02291059235058736, -0.06702442175619115, 0.2110234326568216});
  // generalized(q, o, (0, 2), True) with q, o as for SoftmaxDice: no pixel of class 0
  pytorch::check(SoftmaxGeneralizedDice<double>({.smooth = smooth}), pytorch::logits(), pytorch::labels(),
                 {0.6113807162172616, 0.02682533554668352, 0.001663836953113223, 0, 0.04185453131545473});
}

TEST_CASE("GeneralizedDice: without any target pixel it is 0") {
  const Eigen::Matrix<double, 2, 3> p = Eigen::Matrix<double, 2, 3>::Constant(0.5), none = p * 0;
  Eigen::Matrix<double, 2, 3> g;
  CHECK(GeneralizedDice<double>().value_and_gradient(p, none, g) == 0);
  CHECK(g == none);
  CHECK(GeneralizedDice<double>({.weighting = ClassWeighting::uniform, .smooth = 0}).value_and_gradient(p, none, g) ==
        1);
}

TEST_CASE("GeneralizedDice: a class counts for the less the larger it is") {
  Eigen::Matrix<double, 4, 2> p, y;
  y << 1, 0, 1, 0, 1, 0, 0, 1;
  p << 1, 0, 1, 0, 1, 0, 1, 0;  // the rare class is missed
  const auto value = [&](ClassWeighting weighting) {
    return GeneralizedDice<double>({.weighting = weighting, .smooth = 0}).forward(p, y);
  };
  CHECK(value(ClassWeighting::uniform) == 0.25);
  CHECK(value(ClassWeighting::inverse) == Catch::Approx((1 / 3.0 + 1) / (7 / 3.0 + 1)).epsilon(1e-15));
  CHECK(value(ClassWeighting::inverse_square) == Catch::Approx((1 / 9.0 + 1) / (7 / 9.0 + 1)).epsilon(1e-15));
}

TEST_CASE("GeneralizedDice: of uniform weights each is 1, beside which smooth counts") {
  Eigen::Matrix<double, 4, 2> p, y;
  y << 1, 0, 1, 0, 1, 0, 0, 1;
  p << 1, 0, 1, 0, 1, 0, 1, 0;  // three hits, one extra, one missed
  CHECK(GeneralizedDice<double>({.weighting = ClassWeighting::uniform, .smooth = 1}).forward(p, y) ==
        Catch::Approx(2 / (2 * 3 + 2 + 1.0)).epsilon(1e-15));
}

TEST_CASE("GeneralizedDice: MONAI's smooth of 1e-5 and its weighting by the inverse square are the defaults") {
  const losses::rule::GeneralizedDice<double> dice;
  const losses::rule::SoftmaxGeneralizedDice<double> softmax;
  CHECK((dice.smooth == 1e-5 && softmax.smooth == 1e-5));
  CHECK(dice.weighting == ClassWeighting::inverse_square);
  CHECK(softmax.weighting == ClassWeighting::inverse_square);
}

TEST_CASE("GeneralizedDice: bad options are refused") {
  laws::refuses_option("GeneralizedDice: smooth is -1, but must be finite and not negative",
                       [] { GeneralizedDice<float>({.smooth = -1}); });
  laws::refuses_option("SoftmaxGeneralizedDice: smooth is nan", [] { SoftmaxGeneralizedDice<float>({.smooth = NAN}); });
}
