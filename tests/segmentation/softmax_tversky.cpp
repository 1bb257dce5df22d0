// SPDX-License-Identifier: MIT

#include <losses/segmentation/softmax_dice.hpp>
#include <losses/segmentation/softmax_tversky.hpp>

#include "pytorch_inputs.hpp"

using namespace losses_test;
using losses::SoftmaxTversky;

namespace {

/// Σ_k w_k (1 − (TP_k + s)/(TP_k + α FP_k + β FN_k + s))^(1/γ) / c
struct SoftmaxTverskyReference {
  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    Jet sum = 0;
    const auto regions = laws::class_regions(x, y, w, 0, x.rows);
    for (std::size_t k = 0; k < regions.size(); ++k) {
      const auto& r = regions[k];
      const Real weight = rule.class_weights.empty() ? 1 : static_cast<Real>(rule.class_weights[static_cast<Index>(k)]);
      const Jet t = laws::loss_of(r.hits + static_cast<Real>(rule.smooth),
                                  static_cast<Real>(rule.alpha) * r.extra + static_cast<Real>(rule.beta) * r.missed);
      if (t.f != 0) sum += weight * pow(t, 1 / static_cast<Real>(rule.gamma));
    }
    return sum / static_cast<Real>(x.cols);
  }
};

}  // namespace

TEST_CASE("SoftmaxTversky: the laws", "[laws]") {
  laws::check(laws::sets("SoftmaxTversky", laws::SetKind::labels, SoftmaxTversky<float>({.alpha = 0.25f, .beta = 1}),
                         SoftmaxTversky<double>({.alpha = 0.25, .beta = 1}), SoftmaxTverskyReference{}));
}

TEST_CASE("SoftmaxTversky: the laws of the focal one", "[laws]") {
  laws::check(laws::sets("SoftmaxTversky, gamma 2", laws::SetKind::labels,
                         SoftmaxTversky<float>({.gamma = 2, .smooth = 1, .class_weights = 0.5f}),
                         SoftmaxTversky<double>({.gamma = 2, .smooth = 1, .class_weights = 0.5}),
                         SoftmaxTverskyReference{}));
}

TEST_CASE("SoftmaxTversky: PyTorch") {
  // q, o as for SoftmaxDice; h = (q*o).sum((0, 2)); e = q.sum((0, 2)) - h; m = o.sum((0, 2)) - h
  // ((1 - (h + .5)/(h + .3*e + .7*m + .5))**.75).mean()
  pytorch::check(SoftmaxTversky<double>({.alpha = 0.3, .beta = 0.7, .gamma = 4 / 3.0}), pytorch::logits(),
                 pytorch::labels(),
                 {0.6328251205530977, 0.01576301882856585, 0.001202565244657121, 0, 0.02537219724705194});
}

TEST_CASE("SoftmaxTversky: with its defaults it is SoftmaxDice") {
  pytorch::Tensor a, b;
  const auto x = pytorch::logits();
  const auto l = pytorch::labels();
  CHECK(SoftmaxTversky<double>().value_and_gradient(x, l, a) ==
        Catch::Approx(losses::SoftmaxDice<double>().value_and_gradient(x, l, b)).epsilon(1e-14));
  for (Index i = 0; i < 30; ++i) CHECK(a.data()[i] == Catch::Approx(b.data()[i]).epsilon(1e-12));
}

TEST_CASE("SoftmaxTversky: bad options are refused") {
  laws::refuses_option("SoftmaxTversky: alpha is -1, but must be finite and not negative",
                       [] { SoftmaxTversky<float>({.alpha = -1}); });
  laws::refuses_option("SoftmaxTversky: gamma is 0, but must be finite and positive",
                       [] { SoftmaxTversky<float>({.gamma = 0}); });
  laws::refuses_option("SoftmaxTversky: class_weights is -2, but must be",
                       [] { SoftmaxTversky<float>({.class_weights = -2}); });
}
