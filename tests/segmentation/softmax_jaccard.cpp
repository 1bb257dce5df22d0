// SPDX-License-Identifier: MIT

#include <losses/segmentation/softmax_jaccard.hpp>

#include "pytorch_inputs.hpp"

using namespace losses_test;
using losses::SoftmaxJaccard;

namespace {

/// Σ_k w_k (1 − (Σ p_k y_k + s)/(Σ p_k + Σ y_k − Σ p_k y_k + s)) / c
struct SoftmaxJaccardReference {
  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    Jet sum = 0;
    const auto regions = laws::class_regions(x, y, w, 0, x.rows);
    for (std::size_t k = 0; k < regions.size(); ++k) {
      const auto& r = regions[k];
      const Real weight = rule.class_weights.empty() ? 1 : static_cast<Real>(rule.class_weights[static_cast<Index>(k)]);
      sum += weight * laws::loss_of(r.hits + static_cast<Real>(rule.smooth), r.wrong());
    }
    return sum / static_cast<Real>(x.cols);
  }
};

}  // namespace

TEST_CASE("SoftmaxJaccard: the laws", "[laws]") {
  laws::check(laws::sets("SoftmaxJaccard", laws::SetKind::labels, SoftmaxJaccard<float>({.smooth = 0.5f}),
                         SoftmaxJaccard<double>({.smooth = 0.5}), SoftmaxJaccardReference{}));
}

TEST_CASE("SoftmaxJaccard: PyTorch") {
  // q, o as for SoftmaxDice; h = (q*o).sum((0, 2)); (1 - (h + 1)/(q.sum((0, 2)) + o.sum((0, 2)) - h + 1)).mean()
  pytorch::check(SoftmaxJaccard<double>(), pytorch::logits(), pytorch::labels(),
                 {0.6180105433064623, 0.01479453554970673, 0.001482647399101718, 0, 0.02562582453806001});
}

TEST_CASE("SoftmaxJaccard: bad options are refused") {
  laws::refuses_option("SoftmaxJaccard: smooth is -1, but must be finite and not negative",
                       [] { SoftmaxJaccard<float>({.smooth = -1}); });
  laws::refuses_option("SoftmaxJaccard: class_weights[1] is -2",
                       [] { SoftmaxJaccard<float>({.class_weights = {1, -2}}); });
}
