// SPDX-License-Identifier: MIT

#include <losses/segmentation/dice.hpp>

#include "pytorch_inputs.hpp"

using namespace losses_test;
using Catch::Approx;
using losses::Dice;
using losses::DiceWithLogits;

namespace {

/// 1 − (2 Σ p y + s)/(Σ p + Σ y + s)
struct DiceReference {
  laws::SetKind kind;

  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    const Real s = static_cast<Real>(rule.smooth);
    const auto value = [&](const laws::Reals& weights, Index first, Index last) {
      const auto r = laws::region_of(kind, x, y, weights, first, last);
      return laws::loss_of(2 * r.hits + s, r.wrong());
    };
    if (!rule.per_sample) return value(w, 0, x.rows);
    const laws::Reals inside = w.cols() == 1 ? laws::Reals(laws::Reals::Ones(x.rows, 1)) : w;
    return laws::mean_over_samples(y, w, [&](Index first, Index last) { return value(inside, first, last); });
  }
};

const auto probabilities = laws::SetKind::probabilities;

}  // namespace

TEST_CASE("Dice: the laws", "[laws]") {
  laws::check(laws::sets("Dice", probabilities, Dice<float>(), Dice<double>(), DiceReference{probabilities}));
}

TEST_CASE("Dice: the laws without smooth", "[laws]") {
  laws::check(laws::sets("Dice, smooth 0", probabilities, Dice<float>({.smooth = 0}), Dice<double>({.smooth = 0}),
                         DiceReference{probabilities}));
}

TEST_CASE("Dice: the laws per sample", "[laws]") {
  laws::check(laws::sets("Dice, per sample", probabilities, Dice<float>({.smooth = 0.5f, .per_sample = true}),
                         Dice<double>({.smooth = 0.5, .per_sample = true}), DiceReference{probabilities}));
}

TEST_CASE("DiceWithLogits: the laws", "[laws]") {
  const auto kind = laws::SetKind::logits;
  laws::check(
      laws::sets("DiceWithLogits", kind, DiceWithLogits<float>(), DiceWithLogits<double>(), DiceReference{kind}));
}

TEST_CASE("DiceWithLogits: the laws per sample", "[laws]") {
  const auto kind = laws::SetKind::logits;
  laws::check(laws::sets("DiceWithLogits, per sample", kind, DiceWithLogits<float>({.smooth = 0, .per_sample = true}),
                         DiceWithLogits<double>({.smooth = 0, .per_sample = true}), DiceReference{kind}));
}

TEST_CASE("Dice: PyTorch") {
  // def dice(p, y, s): return 1 - (2*(p*y).sum() + s)/(p.sum() + y.sum() + s)
  const auto y = pytorch::mask();
  // dice(p, y, 1.)
  pytorch::check(
      Dice<double>(), pytorch::probabilities(), y,
      {0.4652387243189972, -0.04891209266752965, 0.01785121607625564, -0.04891209266752965, 0.196448858418818});
  // torch.stack([dice(p[k], y[k], .5) for k in range(2)]).mean()
  pytorch::check(
      Dice<double>({.smooth = 0.5, .per_sample = true}), pytorch::probabilities(), y,
      {0.4651878403788022, -0.04781410774493466, 0.01904660617110103, -0.05000349083528249, 0.1965429092027025});
  // dice(torch.sigmoid(x), y, 1.)
  pytorch::check(
      DiceWithLogits<double>(), pytorch::logits(), y,
      {0.4537334991627131, -0.01004240563852013, 0.003464561957767689, -0.004717405490999248, 0.02536183100534312});
}

TEST_CASE("Dice: two empty masks are 0") {
  const Eigen::Vector4d none = Eigen::Vector4d::Zero();
  Eigen::Vector4d g;
  CHECK(Dice<double>({.smooth = 0}).value_and_gradient(none, none, g) == 0);
  CHECK(g == Eigen::Vector4d::Zero());
  CHECK(Dice<double>({.smooth = 4}).value_and_gradient(none, none, g) == 0);
  CHECK(g == Eigen::Vector4d::Constant(0.25));
}

TEST_CASE("Dice: an empty mask against any prediction has a useful gradient where smooth > 0") {
  const Eigen::Vector3d none = Eigen::Vector3d::Zero(), p(0.25, 0.5, 0.25);
  Eigen::Vector3d g;
  CHECK(Dice<double>().value_and_gradient(p, none, g) == 0.5);
  CHECK(g == Eigen::Vector3d::Constant(0.25));
  CHECK(Dice<double>({.smooth = 0}).value_and_gradient(p, none, g) == 1);
  CHECK(g == Eigen::Vector3d::Zero());
}

TEST_CASE("Dice: an empty prediction of a mask is all wrong, and is told so") {
  const Eigen::Vector3d y(1, 0, 1), none = Eigen::Vector3d::Zero();
  Eigen::Vector3d g;
  CHECK(Dice<double>({.smooth = 0}).value_and_gradient(none, y, g) == 1);
  CHECK(g == Eigen::Vector3d(-1, 0, -1));
}

TEST_CASE("Dice: a perfect mask is 0") {
  const Eigen::Vector3d y(1, 0, 1);
  Eigen::Vector3d g;
  CHECK(Dice<double>().value_and_gradient(Eigen::Vector3d(1, 0, 1), y, g) == 0);
  CHECK(g == Eigen::Vector3d(-0.2, 0.2, -0.2));
}

TEST_CASE("DiceWithLogits: a mask that is all but perfect keeps its digits") {
  const Eigen::Vector4f x(40, -40, 40, -40), y(1, 0, 1, 0);
  Eigen::Vector4f g;
  CHECK(DiceWithLogits<float>().value_and_gradient(x, y, g) == Approx(4 * 4.248354255e-18 / 5).epsilon(1e-6));
  CHECK(g(0) == Approx(-4.248354255e-18 / 5).epsilon(1e-6));
  CHECK(g(1) == Approx(4.248354255e-18 / 5).epsilon(1e-6));
}

TEST_CASE("Dice: a float mask of 1e8 elements is right to 1e-7") {
  using Repeated = Eigen::Map<const Eigen::VectorXf, 0, Eigen::InnerStride<>>;
  const float p = 0.3f, y = 0.7f, w = 0.1f;
  const Index n = 100000000;
  const Repeated prediction(&p, n, Eigen::InnerStride<>(0)), target(&y, n, Eigen::InnerStride<>(0));
  const Repeated weights(&w, n, Eigen::InnerStride<>(0));
  const double dp = p, dy = y;
  const double want = 1 - 2 * dp * dy / (dp + dy);
  CHECK(Dice<float>({.smooth = 0}).forward(prediction, target) == Approx(want).epsilon(1e-7));
  CHECK(Dice<float>({.smooth = 0}).forward(prediction, target, weights) == Approx(want).epsilon(1e-7));
}

TEST_CASE("Dice: samples are sets of their own with per_sample") {
  Eigen::Matrix<double, 2, 3> p, y, g;
  p << 0.25, 0.5, 0.25, 1, 0, 0;
  y << 0, 0, 0, 1, 0, 0;
  const Dice<double> mean({.per_sample = true}), sum({.per_sample = true}, losses::Reduction::sum);
  CHECK(mean.unreduced(p, y) == Eigen::Vector2d(0.5, 0));
  CHECK(mean.forward(p, y) == 0.25);
  CHECK(sum.forward(p, y) == 0.5);
  CHECK(mean.forward(p, y, Eigen::Vector2d(3, 1)) == 0.375);  // the first sample three times
  CHECK(mean.value_and_gradient(p, y, Eigen::Vector2d(0, 1), g) == 0);
  CHECK(g.row(0) == Eigen::RowVector3d::Zero());
}

TEST_CASE("Dice: fixed sizes, expressions and tensors") {
  fixed_types<double>([]<class M>() {
    const Index rows = M::RowsAtCompileTime == Eigen::Dynamic ? 3 : M::RowsAtCompileTime;
    const Index cols = M::ColsAtCompileTime == Eigen::Dynamic ? 5 : M::ColsAtCompileTime;
    const Columns<double> p = draw_weights<double>(rows, cols, 1) / 2, y = draw_weights<double>(rows, cols, 2) / 2;
    const M fixed_p = p, fixed_y = y;
    M g;
    const Dice<double> loss;
    Columns<double> want;
    const double value = loss.value_and_gradient(p, y, want);
    CHECK(loss.value_and_gradient(fixed_p, fixed_y, g) == Approx(value).epsilon(1e-15));
    CHECK(Columns<double>(g).isApprox(want, 1e-15));
    CHECK(loss.forward(fixed_p * 1.0, fixed_y) == Approx(value).epsilon(1e-15));
  });
  const auto p = pytorch::probabilities(), y = pytorch::mask();
  const Eigen::Tensor<double, 3> swapped_p = p.swap_layout().shuffle(Eigen::array<int, 3>{2, 1, 0});
  const Eigen::Tensor<double, 3> swapped_y = y.swap_layout().shuffle(Eigen::array<int, 3>{2, 1, 0});
  for (const bool per_sample : {false, true}) {
    const Dice<double> loss({.per_sample = per_sample});
    const Eigen::Tensor<double, 3> a = loss.gradient(swapped_p, swapped_y);
    const pytorch::Tensor b = loss.gradient(p, y);
    for (Index i = 0; i < 2; ++i) {
      for (Index j = 0; j < 3; ++j) {
        for (Index k = 0; k < 5; ++k) CHECK(a(i, j, k) == Approx(b(i, j, k)).epsilon(1e-14));
      }
    }
    CHECK(loss.unreduced(p, y).size() == (per_sample ? 2 : 1));
  }
}

TEST_CASE("Dice: bad options are refused") {
  laws::refuses_option("Dice: smooth is -1, but must be finite and not negative", [] { Dice<float>({.smooth = -1}); });
  laws::refuses_option("DiceWithLogits: smooth is nan", [] { DiceWithLogits<float>({.smooth = NAN}); });
  laws::refuses_option("Dice: smooth is inf", [] { Dice<float>({.smooth = INFINITY}); });
}
