// SPDX-License-Identifier: MIT

#include <losses/metric/multi_similarity.hpp>

#include "batch_laws.hpp"

using namespace losses_test;
using losses::MultiSimilarity;

namespace {

/// Wang et al., eq. (16), over the pairs of eq. (11) and (12).
struct MultiSimilarityReference {
  template <class Rule>
  std::vector<laws::Anchor> operator()(const Rule& rule, const laws::Batch& batch) const {
    const Real alpha = static_cast<Real>(rule.alpha), beta = static_cast<Real>(rule.beta),
               base = static_cast<Real>(rule.base), epsilon = static_cast<Real>(rule.epsilon);
    std::vector<laws::Anchor> anchors(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      anchors[i].weight = 1;
      std::vector<Jet> positives, negatives;
      for (std::size_t j = 0; j < batch.size(); ++j) {
        if (j != i) (batch.same(i, j) ? positives : negatives).push_back(batch.cosine(i, j));
      }
      if (positives.empty() || negatives.empty()) continue;
      const auto less = [](const Jet& a, const Jet& b) { return a.f < b.f; };
      const Real hardest_positive = std::min_element(positives.begin(), positives.end(), less)->f;
      const Real hardest_negative = std::max_element(negatives.begin(), negatives.end(), less)->f;
      Jet positive = 0, negative = 0;
      for (const Jet& s : positives) {
        if (s.f - epsilon < hardest_negative) positive += exp(-alpha * (s - base));
      }
      for (const Jet& s : negatives) {
        if (s.f + epsilon > hardest_positive) negative += exp(beta * (s - base));
      }
      anchors[i].value = log1p(positive) / alpha + log1p(negative) / beta;
      anchors[i].magnitude = 1;
    }
    return anchors;
  }
};

}  // namespace

TEST_CASE("MultiSimilarity: the laws", "[laws]") {
  laws::check(laws::batch_loss("MultiSimilarity", MultiSimilarity<float>(), MultiSimilarity<double>(),
                               MultiSimilarityReference()));
  laws::check(
      laws::batch_loss("MultiSimilarity, every pair", MultiSimilarity<float>({.beta = 8, .base = -0.25f, .epsilon = 3}),
                       MultiSimilarity<double>({.beta = 8, .base = -0.25, .epsilon = 3}), MultiSimilarityReference()));
}

TEST_CASE("MultiSimilarity: numbers from PyTorch") {
  // x = torch.tensor([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.0, 0.5], [2.0, -0.5]], dtype=torch.float64,
  //                  requires_grad=True); y = torch.tensor([0, 1, 0, 1, 0])
  // f = torch.nn.functional.normalize(x, dim=1); s = f @ f.T; v = 0
  // p = (y[:, None] == y[None]) & ~torch.eye(5, dtype=torch.bool); n = y[:, None] != y[None]
  // for i in range(5):
  //     a, b = s[i][p[i]], s[i][n[i]]; b2, a2 = b[b + 0.1 > a.min()], a[a - 0.1 < b.max()]
  //     v = v + torch.log(1 + torch.exp(-2*(a2-0.5)).sum())/2 + torch.log(1 + torch.exp(50*(b2-0.5)).sum())/50
  // v = v / 5; v.backward(); print(repr(v), repr(x.grad))
  Eigen::Matrix<double, 5, 2> x, want, g;
  x << 0.5, -1.0, 1.5, 0.25, -0.75, 2.0, 0.0, 0.5, 2.0, -0.5;
  const Eigen::Matrix<int, 5, 1> y(0, 1, 0, 1, 0);
  want << -0.036096357790937728, -0.018048178895468892, 0.045470719537466342, -0.27282431722479811,
      -0.034073829711551623, -0.01277768614183189, -0.80311326256956073, 0, -0.0015956414534143148,
      -0.0063825658136572594;
  CHECK(MultiSimilarity<double>().value_and_gradient(x, y, g) == Catch::Approx(1.4320750971510698).epsilon(1e-14));
  CHECK((g - want).norm() < 1e-15);
}

TEST_CASE("MultiSimilarity: pairs that are easy by epsilon are left out") {
  // The positives' cosine is 1, the negatives' 0: nothing to mine below epsilon = 1.
  Eigen::MatrixXd x(4, 2), g;
  x << 1, 0, 2, 0, 0, 1, 0, 3;
  const Eigen::Vector4i y(0, 0, 1, 1);
  CHECK(MultiSimilarity<double>({.epsilon = 0.99}).value_and_gradient(x, y, g) == 0);
  CHECK(g.isZero());
  const double want = std::log1p(std::exp(-1.0)) / 2 + std::log1p(2 * std::exp(-25.0)) / 50;
  CHECK(MultiSimilarity<double>({.epsilon = 1.01}).forward(x, y) == Catch::Approx(want).epsilon(1e-15));
}

TEST_CASE("MultiSimilarity: with nothing to mine the value is exactly 0") {
  const Eigen::Vector4i y(0, 0, 1, 1);
  for (int degrees = 61; degrees < 88; ++degrees) {
    const double apart = degrees * 3.14159265358979324 / 180;  // the positives are less alike than `base`
    Eigen::MatrixX2d x(4, 2);
    x << 1, 0, std::cos(apart), std::sin(apart), -1, 0, -std::cos(apart), -std::sin(apart);
    INFO(degrees);
    CHECK(MultiSimilarity<double>().forward(x, y) == 0);
    CHECK(MultiSimilarity<double>().gradient(x, y).isZero(0));
  }
}

TEST_CASE("MultiSimilarity: large weights do not overflow") {
  Eigen::MatrixXf x(3, 2), g;
  x << 1, 0, -1, 0.01f, 1, 0.01f;
  const Eigen::Vector3i y(0, 0, 1);
  const MultiSimilarity<float> loss({.alpha = 1000, .beta = 1e4f}, losses::Reduction::sum);
  CHECK(loss.value_and_gradient(x, y, g) == Catch::Approx(2 * (0.5 + 1) + 0.5).epsilon(1e-2));
  CHECK(g.allFinite());
}

TEST_CASE("MultiSimilarity: the largest finite alpha, beta, base and epsilon are allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::MultiSimilarity<float>({.alpha = most, .beta = most, .base = most, .epsilon = most}));
  CHECK_NOTHROW(losses::MultiSimilarity<float>({.base = -most}));
}

TEST_CASE("MultiSimilarity: options are checked") {
  for (const float bad : {-1.0f, laws::nan<float>, std::numeric_limits<float>::infinity()}) {
    laws::refuses_option("MultiSimilarity: alpha is ", [&] { MultiSimilarity<float>({.alpha = bad}); });
    laws::refuses_option("MultiSimilarity: beta is ", [&] { MultiSimilarity<float>({.beta = bad}); });
    laws::refuses_option("MultiSimilarity: epsilon is ", [&] { MultiSimilarity<float>({.epsilon = bad}); });
  }
  laws::refuses_option("MultiSimilarity: base is ", [&] { MultiSimilarity<float>({.base = laws::nan<float>}); });
}
