// SPDX-License-Identifier: MIT

#include <losses/metric/circle.hpp>

#include "batch_laws.hpp"

using namespace losses_test;
using losses::Circle;

namespace {

/// Sun et al., eq. (6), with the paces of eq. (5) held.
struct CircleReference {
  template <class Rule>
  std::vector<laws::Anchor> operator()(const Rule& rule, const laws::Batch& batch) const {
    const Real m = static_cast<Real>(rule.margin), gamma = static_cast<Real>(rule.gamma);
    std::vector<laws::Anchor> anchors(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Jet positive = 0, negative = 0;
      for (std::size_t j = 0; j < batch.size(); ++j) {
        if (j == i) continue;
        const Jet s = batch.cosine(i, j);
        if (batch.same(i, j)) {
          positive += exp(-gamma * std::max(Real(0), 1 + m - s.f) * (s - (1 - m)));
        } else {
          negative += exp(gamma * std::max(Real(0), s.f + m) * (s - m));
        }
      }
      if (positive.f == 0 || negative.f == 0) continue;
      anchors[i] = {log1p(positive * negative), 1, gamma};
    }
    return anchors;
  }
};

}  // namespace

TEST_CASE("Circle: the laws", "[laws]") {
  laws::check(laws::batch_loss("Circle", Circle<float>(), Circle<double>(), CircleReference()));
  laws::check(laws::batch_loss("Circle, gamma 4", Circle<float>({.margin = 0.5f, .gamma = 4}),
                               Circle<double>({.margin = 0.5, .gamma = 4}), CircleReference()));
}

TEST_CASE("Circle: numbers from PyTorch") {
  // x = torch.tensor([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.0, 0.5], [2.0, -0.5]], dtype=torch.float64,
  //                  requires_grad=True); y = torch.tensor([0, 0, 1, 1, 0])
  // f = torch.nn.functional.normalize(x, dim=1); s = f @ f.T; a = s.detach(); m, g = 0.25, 4.0
  // p = (y[:, None] == y[None]) & ~torch.eye(5, dtype=torch.bool); n = y[:, None] != y[None]
  // lp = (-g * (1 + m - a).clamp(min=0) * (s - 1 + m)).masked_fill(~p, -float('inf'))
  // ln = (g * (a + m).clamp(min=0) * (s - m)).masked_fill(~n, -float('inf'))
  // v = torch.nn.functional.softplus(torch.logsumexp(lp, 1) + torch.logsumexp(ln, 1)).mean()
  // v.backward(); print(repr(v), repr(x.grad))
  Eigen::Matrix<double, 5, 2> x, want, g;
  x << 0.5, -1.0, 1.5, 0.25, -0.75, 2.0, 0.0, 0.5, 2.0, -0.5;
  const Eigen::Matrix<int, 5, 1> y(0, 0, 1, 1, 0);
  want << -1.1114737548287814, -0.55573687741439071, -0.15574720502580791, 0.93448323015484736, -0.04008558729156507,
      -0.015032095234336906, 0.68509596731483702, 0, 0.023503915846563486, 0.094015663386253973;
  CHECK(Circle<double>({.gamma = 4}).value_and_gradient(x, y, g) == Catch::Approx(1.8480221481742718).epsilon(1e-14));
  CHECK((g - want).norm() < 1e-14);
}

TEST_CASE("Circle: an anchor without a positive or a negative has no part in the mean") {
  Eigen::MatrixXd x(4, 2);
  x << 1, 0, 1, 1, 0, 1, -1, 0.5;
  const Circle<double> loss;
  const Eigen::Vector4i y(0, 0, 1, 2);
  CHECK(loss.unreduced(x, y).tail(2).isZero());
  CHECK(loss.forward(x, y) == Catch::Approx(loss.unreduced(x, y).sum() / 2).epsilon(1e-15));
  CHECK(loss.forward(x, Eigen::Vector4i(1, 1, 1, 1)) == 0);
  CHECK(loss.forward(x, Eigen::Vector4i(1, 2, 3, 4)) == 0);
}

TEST_CASE("Circle: the paper's margin of 0.25 and gamma of 256 are the defaults") {
  const Circle<double> loss;
  CHECK((loss.rule().margin == 0.25 && loss.rule().gamma == 256));
}

TEST_CASE("Circle: the largest finite margin and gamma are allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::Circle<float>({.margin = most, .gamma = most}));
}

TEST_CASE("Circle: options are checked") {
  for (const float bad : {-1.0f, laws::nan<float>, std::numeric_limits<float>::infinity()}) {
    laws::refuses_option("Circle: margin is ", [&] { Circle<float>({.margin = bad}); });
    laws::refuses_option("Circle: gamma is ", [&] { Circle<float>({.gamma = bad}); });
  }
  laws::refuses_option("Circle: gamma is 0", [&] { Circle<float>({.gamma = 0}); });
}
