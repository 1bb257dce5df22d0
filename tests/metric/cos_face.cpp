// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/metric/arc_face.hpp>
#include <losses/metric/cos_face.hpp>

#include "margin_laws.hpp"

using namespace losses_test;
using losses::CosFace;

namespace {

struct CosFaceTarget {
  template <class Rule>
  Jet operator()(const Rule& rule, const Jet& c) const {
    return c - static_cast<Real>(rule.margin);
  }
};

}  // namespace

TEST_CASE("CosFace: values and gradients over the cosines") {
  laws::check_margin_softmax(CosFace<double>(), CosFaceTarget());
  laws::check_margin_softmax(CosFace<float>(), CosFaceTarget());
  laws::check_margin_softmax(CosFace<double>({.margin = 0.5, .scale = 10}), CosFaceTarget());
}

TEST_CASE("CosFace: numbers from PyTorch") {
  // c = torch.tensor([[0.5, -0.75, 0.25], [-0.95, 0.5, 0.125], [0.75, 0.5, 1.0]], dtype=torch.float64, requires_grad=True)
  // y = torch.tensor([0, 0, 1]); z = c.clone(); z[torch.arange(3), y] = c[torch.arange(3), y] - 0.35
  // v = torch.nn.functional.cross_entropy(8*z, y); v.backward(); print(repr(v), repr(c.grad))
  Eigen::Matrix3d c, want, g;
  c << 0.5, -0.75, 0.25, -0.95, 0.5, 0.125, 0.75, 0.5, 1.0;
  want << -1.8401232619495116, 0.00061708557596916989, 1.8395061763735425, -2.6666652507857003, 2.5401963227949134,
      0.12646892799078696, 0.31756292635237299, -2.6640532041106399, 2.3464902777582668;
  CHECK(CosFace<double>({.scale = 8}).value_and_gradient(c, Eigen::Vector3i(0, 0, 1), g) ==
        Catch::Approx(7.5159428408032483).epsilon(1e-14));
  CHECK((g - want).norm() < 1e-14);
}

TEST_CASE("CosFace: without a margin it is the cross-entropy of scaled cosines, and ArcFace is the same") {
  const Eigen::MatrixXd c = laws::draw_cosines<double>(20, 7, 3).matrix();
  std::vector<int> y;
  for (int i = 0; i < 20; ++i) y.push_back(i % 7);
  const losses::CrossEntropy<double> cross_entropy;
  const CosFace<double> cosine({.margin = 0, .scale = 12});
  const losses::ArcFace<double> arc({.margin = 0, .scale = 12});
  const double want = cross_entropy.forward(12 * c, y);
  CHECK(cosine.forward(c, y) == Catch::Approx(want).epsilon(1e-14));
  CHECK(arc.forward(c, y) == Catch::Approx(want).epsilon(1e-14));
  const Eigen::MatrixXd gradient = 12 * cross_entropy.gradient(12 * c, y);
  CHECK((cosine.gradient(c, y) - gradient).norm() < 1e-14);
  CHECK((arc.gradient(c, y) - gradient).norm() < 1e-14);
}

TEST_CASE("CosFace: the paper's margin of 0.35 and scale of 64 are the defaults") {
  const CosFace<double> loss;
  CHECK((loss.rule().margin == 0.35 && loss.rule().scale == 64));
}

TEST_CASE("CosFace: the largest finite margin and scale are allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::CosFace<float>({.margin = most, .scale = most}));
}

TEST_CASE("CosFace: options are checked") {
  for (const float bad : {-0.1f, laws::nan<float>, std::numeric_limits<float>::infinity()}) {
    laws::refuses_option("CosFace: margin is ", [&] { CosFace<float>({.margin = bad}); });
    laws::refuses_option("CosFace: scale is ", [&] { CosFace<float>({.scale = bad}); });
  }
  laws::refuses_option("CosFace: scale is 0", [&] { CosFace<float>({.scale = 0}); });
}
