// SPDX-License-Identifier: MIT

#include <losses/segmentation/lovasz.hpp>

#include <numeric>

#include "lovasz_reference.hpp"
#include "pytorch_inputs.hpp"

using namespace losses_test;
using losses::Lovasz;

namespace {

struct LovaszReference {
  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    const auto value = [&](const laws::Reals& weights, Index first, Index last) {
      std::vector<reference::LovaszElement> elements;
      for (Index i = first; i < last; ++i) {
        for (Index k = 0; k < x.cols; ++k) {
          const Real sign = 2 * y(i, k) - 1;
          elements.push_back({1 - sign * x(i, k), y(i, k), weights.cols() == 1 ? weights(i, 0) : weights(i, k)});
        }
      }
      return reference::lovasz(elements);
    };
    if (!rule.per_sample) return value(w, 0, x.rows);
    const laws::Reals inside = w.cols() == 1 ? laws::Reals(laws::Reals::Ones(x.rows, 1)) : w;
    return laws::mean_over_samples(y, w, [&](Index first, Index last) { return value(inside, first, last); });
  }
};

}  // namespace

TEST_CASE("Lovasz: the laws", "[laws]") {
  laws::check(laws::sets("Lovasz", laws::SetKind::scores, Lovasz<float>(), Lovasz<double>(), LovaszReference{}));
}

TEST_CASE("Lovasz: the laws per sample", "[laws]") {
  laws::check(laws::sets("Lovasz, per sample", laws::SetKind::scores, Lovasz<float>({.per_sample = true}),
                         Lovasz<double>({.per_sample = true}), LovaszReference{}));
}

TEST_CASE("Lovasz: PyTorch") {
  // def weights(gt):   # of Berman et al., Algorithm 1
  //   j = 1 - (gt.sum() - gt.cumsum(0))/(gt.sum() + (1 - gt).cumsum(0)); j[1:] = j[1:] - j[:-1].clone(); return j
  // def lovasz(x, y):
  //   x, y = x.flatten(), y.flatten(); e, o = torch.sort(1 - x*(2*y - 1), descending=True)
  //   return torch.dot(F.relu(e), weights(y[o]))
  // lovasz(x, y)
  pytorch::check(Lovasz<double>(), pytorch::logits(), pytorch::mask(),
                 {2.023571387891122, -0.04545454545454541, 0, -0.05882352941176472, 0.1949417057809657});
  // (lovasz(x[0], y[0]) + lovasz(x[1], y[1]))/2
  pytorch::check(Lovasz<double>({.per_sample = true}), pytorch::logits(), pytorch::mask(),
                 {2.010623155844522, -0.04999999999999999, 0, -0.0625, 0.1960385771994579});
}

TEST_CASE("Lovasz: at scores of ±1 it is twice the Jaccard loss of the mask") {
  // Wrong scores of size 1 have error 2, right ones 0: 2 · (1 − 1/3).
  const Eigen::Vector4d x(1, 1, -1, -1), y(0, 1, 1, 0);
  Eigen::Vector4d g;
  CHECK(Lovasz<double>().value_and_gradient(x, y, g) == Catch::Approx(4 / 3.0).epsilon(1e-15));
  // Of the two equal errors the first is ranked first: 1/3 of it, then 1/3.
  CHECK(g.isApprox(Eigen::Vector4d(1 / 3.0, 0, -1 / 3.0, 0), 1e-15));
}

TEST_CASE("Lovasz: scores right by a margin of 1 cost nothing, and an error of 0 has no slope") {
  Eigen::Vector3d g;
  CHECK(Lovasz<double>().value_and_gradient(Eigen::Vector3d(1, -1, 7), Eigen::Vector3d(1, 0, 1), g) == 0);
  CHECK(g == Eigen::Vector3d::Zero());
}

TEST_CASE("Lovasz: of equal errors the first is ranked first, whatever the storage") {
  Columns<double> x = Columns<double>::Zero(3, 4), y = x, g;
  y(1, 2) = 1;
  Lovasz<double>().value_and_gradient(x, y, g);
  const Rows<double> rows_x = x, rows_y = y;
  Rows<double> rows_g;
  Lovasz<double>().value_and_gradient(rows_x, rows_y, rows_g);
  CHECK(same_bits(g, rows_g));
  CHECK(g(0, 0) == 0.5);                                     // the first of all: Δ = 1 − 1/2
  CHECK(g(0, 1) == Catch::Approx(1 / 6.0).epsilon(1e-15));   // the second, by rows: 1/2 − 1/3
  CHECK(g(1, 2) == Catch::Approx(-1 / 7.0).epsilon(1e-15));  // after six negatives
  CHECK(g(2, 3) == 0);                                       // the mask is lost already
}

TEST_CASE("Lovasz: of a mask without positives the largest error counts") {
  Eigen::Vector3d g;
  CHECK(Lovasz<double>().value_and_gradient(Eigen::Vector3d(-0.5, 2, 1), Eigen::Vector3d::Zero().eval(), g) == 3);
  CHECK(g == Eigen::Vector3d(0, 1, 0));
}

TEST_CASE("Lovasz: infinite scores") {
  const double infinity = std::numeric_limits<double>::infinity();
  Eigen::Vector3d g;
  const Eigen::Vector3d y(1, 0, 1);
  CHECK(Lovasz<double>().value_and_gradient(Eigen::Vector3d(infinity, -infinity, 1), y, g) == 0);
  CHECK(g == Eigen::Vector3d::Zero());
  CHECK(Lovasz<double>().value_and_gradient(Eigen::Vector3d(-infinity, -1, 1), y, g) == infinity);
  CHECK(g == Eigen::Vector3d(-0.5, 0, 0));
}

TEST_CASE("Lovasz: many elements are ranked as the reference ranks them") {
  const Index n = 5003;
  Random random(1);
  Columns<float> x(n, 1), y(n, 1), g;
  std::vector<reference::LovaszElement> elements;
  for (Index i = 0; i < n; ++i) {
    x(i) = static_cast<float>(random.sign() * random.decades(1e-6, 1e6));
    y(i) = random.below(3) == 0 ? 1.0f : 0.0f;
    elements.push_back(
        {1 - (2 * static_cast<Real>(y(i)) - 1) * Jet(static_cast<Real>(x(i))), static_cast<Real>(y(i)), 1});
  }
  CHECK(Lovasz<float>().value_and_gradient(x, y, g) ==
        Catch::Approx(static_cast<double>(reference::lovasz(elements).f)).epsilon(1e-6));
  // The slopes add up to the Jaccard loss of a mask that is wrong wherever an error is above 0.
  double positives = 0, missed = 0, extra = 0;
  for (Index i = 0; i < n; ++i) {
    const bool wrong = y(i) > 0 ? x(i) < 1 : x(i) > -1;
    positives += static_cast<double>(y(i));
    (y(i) > 0 ? missed : extra) += wrong ? 1 : 0;
  }
  CHECK(g.abs().cast<double>().sum() == Catch::Approx(1 - (positives - missed) / (positives + extra)).epsilon(1e-6));
}

TEST_CASE("Lovasz: a target that is no mask is refused") {
  Eigen::Vector3d g(7, 7, 7);
  laws::refuses("Lovasz: target[1] is 0.5, but must be 0 or 1", g, [&] {
    (void)Lovasz<double>().value_and_gradient(Eigen::Vector3d(1, 2, 3), Eigen::Vector3d(0, 0.5, 1), g);
  });
}
