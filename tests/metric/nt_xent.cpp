// SPDX-License-Identifier: MIT

#include <losses/metric/nt_xent.hpp>

#include "batch_laws.hpp"

using namespace losses_test;
using losses::NTXent;
using losses::Reduction;

namespace {

/// The loss of two views as one of the stacked rows, for the laws; the labels are not looked at.
template <class T>
struct Stacked {
  using Scalar = T;
  using Rule = typename NTXent<T>::Rule;
  static constexpr Index rows_per_sample = 2;

  NTXent<T> loss;

  Stacked(Rule rule, Reduction reduction = Reduction::mean) : loss(rule, reduction) {}
  const Rule& rule() const { return loss.rule(); }

  template <class X, class Y>
  T forward(const X& x, const Y&) const {
    return loss.forward(top(x), bottom(x));
  }
  template <losses::ExecutionPolicy Policy, class X, class Y>
  T forward(const Policy& policy, const X& x, const Y&) const {
    return loss.forward(policy, top(x), bottom(x));
  }
  template <class X, class Y, class G>
  T value_and_gradient(const X& x, const Y&, const G& g) const {
    return loss.value_and_gradient(top(x), bottom(x), top(g), bottom(g));
  }
  template <class X, class Y, class G>
  T value_and_gradient(const X& x, const Y&, const losses::AddTo<G>& g) const {
    return loss.value_and_gradient(top(x), bottom(x), losses::add_to(top(g.gradient), g.scale),
                                   losses::add_to(bottom(g.gradient), g.scale));
  }
  template <losses::ExecutionPolicy Policy, class X, class Y, class G>
  T value_and_gradient(const Policy& policy, const X& x, const Y&, const G& g) const {
    return loss.value_and_gradient(policy, top(x), bottom(x), top(g), bottom(g));
  }
  template <class X, class Y>
  Columns<T> gradient(const X& x, const Y&) const {
    const auto [g1, g2] = loss.gradient(top(x), bottom(x));
    Columns<T> g(x.rows(), x.cols());
    g << g1, g2;
    return g;
  }
  template <class X, class Y>
  Columns<T> unreduced(const X& x, const Y&) const {
    return loss.unreduced(top(x), bottom(x));
  }

 private:
  static laws::Output<T> view(laws::Output<T> x, Index first, Index rows) {
    return {x.data() + first * x.innerStride(), rows, x.cols(), AnyStride(x.outerStride(), x.innerStride())};
  }
  static laws::Input<T> view(laws::Input<T> x, Index first, Index rows) {
    return {x.data() + first * x.innerStride(), rows, x.cols(), AnyStride(x.outerStride(), x.innerStride())};
  }
  template <class X>
  static X top(const X& x) {
    return view(x, 0, (x.rows() + 1) / 2);
  }
  template <class X>
  static X bottom(const X& x) {
    return view(x, (x.rows() + 1) / 2, x.rows() / 2);
  }
};

/// Chen et al., eq. (1), as it is written.
struct NtXentReference {
  template <class Rule>
  std::vector<laws::Anchor> operator()(const Rule& rule, const laws::Batch& batch) const {
    const Real temperature = static_cast<Real>(rule.temperature);
    std::vector<laws::Anchor> anchors(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Jet denominator = 0;
      for (std::size_t a = 0; a < batch.size(); ++a) {
        if (a != i) denominator += exp(batch.cosine(i, a) / temperature);
      }
      const std::size_t other = (i + batch.size() / 2) % batch.size();
      anchors[i] = {log(denominator) - batch.cosine(i, other) / temperature, 1, 1 / temperature};
    }
    return anchors;
  }
};

}  // namespace

TEST_CASE("NTXent: the laws", "[laws]") {
  laws::check(laws::batch_loss("NTXent", Stacked<float>({.temperature = 0.5f}), Stacked<double>({.temperature = 0.5}),
                               NtXentReference()));
  laws::check(laws::batch_loss("NTXent, temperature 0.1", Stacked<float>({.temperature = 0.1f}),
                               Stacked<double>({.temperature = 0.1}), NtXentReference()));
}

TEST_CASE("NTXent: numbers from PyTorch") {
  // z1 = torch.tensor([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]], dtype=torch.float64, requires_grad=True)
  // z2 = torch.tensor([[0.0, -0.5], [2.0, -0.5], [0.5, 1.0]], dtype=torch.float64, requires_grad=True)
  // t = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
  // f = torch.nn.functional.normalize(torch.cat([z1, z2]), dim=1)
  // s = (f @ f.T / t).masked_fill(torch.eye(6, dtype=torch.bool), -float('inf'))
  // v = torch.nn.functional.cross_entropy(s, torch.tensor([3, 4, 5, 0, 1, 2])); v.backward()
  // print(repr(v), repr(z1.grad), repr(z2.grad), repr(t.grad))
  Eigen::Matrix<double, 3, 2> z1, z2, want1, want2, g1, g2;
  z1 << 0.5, -1.0, 1.5, 0.25, -0.75, 2.0;
  z2 << 0.0, -0.5, 2.0, -0.5, 0.5, 1.0;
  want1 << 0.30219977673685716, 0.15109988836842858, -0.024180050753578874, 0.14508030452147311, -0.053164026879116838,
      -0.019936510079668832;
  want2 << 0.051765799589783779, 0, -0.031750500347592109, -0.12700200139036841, 0.38295941884001611,
      -0.19147970942000808;
  const NTXent<double> loss;
  double temperature = laws::nan<double>;
  CHECK(loss.value_and_gradient(z1, z2, g1, g2, temperature) == Catch::Approx(0.61098303449534996).epsilon(1e-14));
  CHECK(temperature == Catch::Approx(1.0215305428288379).epsilon(1e-14));
  CHECK((g1 - want1).norm() < 1e-15);
  CHECK((g2 - want2).norm() < 1e-15);
}

TEST_CASE("NTXent: the slope by the temperature is that of the value") {
  const auto check = [](auto temperature, Reduction reduction) {
    using T = decltype(temperature);
    INFO(laws::type_name<T> << ", temperature " << temperature);
    const Columns<T> z1 = laws::draw_embeddings<T>(45, 6, laws::LabelVector::Zero(45), 3);
    const Columns<T> z2 = z1 + T(0.3) * laws::draw_embeddings<T>(45, 6, laws::LabelVector::Zero(45), 5);
    const NTXent<T> loss({temperature}, reduction);
    Columns<T> stacked(90, 6), plain1, plain2, g1 = Columns<T>::Zero(45, 6), g2;
    stacked << z1, z2;
    const auto batch = laws::batch_of(stacked, laws::LabelVector::Zero(90));
    struct {
      Jet temperature;
    } rule{Jet::variable(static_cast<Real>(temperature))};
    Jet want = 0;
    for (std::size_t i = 0; i < 90; ++i) {
      Jet denominator = 0;
      for (std::size_t a = 0; a < 90; ++a) {
        if (a != i) denominator += exp(batch.cosine(i, a) / rule.temperature);
      }
      want += log(denominator) - batch.cosine(i, (i + 45) % 90) / rule.temperature;
    }
    if (reduction == Reduction::mean) want /= Jet(90);
    T slope = 0;
    const T value = loss.value_and_gradient(z1, z2, losses::add_to(g1), g2, slope);
    CHECK(value == loss.value_and_gradient(z1, z2, plain1, plain2));
    CHECK(same_bits(g1, plain1));
    CHECK(same_bits(g2, plain2));
    CHECK(std::fabs(static_cast<Real>(slope) - want.d) <= (sizeof(T) == 4 ? 1e-5L : 1e-12L) * std::fabs(want.d));
  };
  for (const double temperature : {0.03, 0.5, 4.0}) {
    for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
      check(temperature, reduction);
      check(static_cast<float>(temperature), reduction);
    }
  }
}

TEST_CASE("NTXent: one sample, none, and equal views") {
  const NTXent<float> loss;
  Eigen::MatrixXf z(1, 3), g1, g2;
  z << 1, 2, 3;
  CHECK(loss.value_and_gradient(z, z, g1, g2) == 0);
  CHECK((g1.isZero() && g2.isZero()));
  const Eigen::MatrixXf none(0, 3);
  float temperature = 1;
  CHECK(loss.value_and_gradient(none, none, g1, g2, temperature) == 0);
  CHECK(temperature == 0);
  // Two samples at right angles, each with two equal views: log(1 + 2 exp(−1/τ)).
  const Eigen::Matrix2f axes = Eigen::Matrix2f::Identity();
  CHECK(static_cast<double>(NTXent<float>({.temperature = 0.05f}).forward(axes, axes)) ==
        Catch::Approx(std::log1p(2 * std::exp(-20.0))).epsilon(2e-6));
}

TEST_CASE("NTXent: the default temperature is 0.5") {
  CHECK(losses::NTXent<double>().rule().temperature == 0.5);
}

TEST_CASE("NTXent: the largest finite temperature is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::NTXent<float>({.temperature = most}));
}

TEST_CASE("NTXent: bad shapes, options and overlaps are refused") {
  const NTXent<float> loss;
  const Columns<float> z = Columns<float>::Ones(4, 3);
  Columns<float> g1 = Columns<float>::Ones(4, 3), g2 = g1;
  laws::refuses("NTXent: z2 is [4 x 2], but must be [4 x 3]", g1,
                [&] { (void)loss.value_and_gradient(z, Columns<float>::Ones(4, 2).eval(), g1, g2); });
  laws::refuses("NTXent: z2 is [3 x 3]", g1,
                [&] { (void)loss.value_and_gradient(z, Columns<float>::Ones(3, 3).eval(), g1, g2); });
  laws::refuses("gradient 2 shares memory with gradient 1", g1, [&] { (void)loss.value_and_gradient(z, z, g1, g1); });
  laws::refuses("gradient 1 shares memory with z2", g1, [&] { (void)loss.value_and_gradient(z, g1, g1, g2); });
  for (const float bad : {0.0f, -1.0f, laws::nan<float>, std::numeric_limits<float>::infinity()}) {
    laws::refuses_option("NTXent: temperature is ", [&] { NTXent<float>({.temperature = bad}); });
  }
  static_assert(losses::LossOn<NTXent<float>, Columns<float>, Columns<float>>);
  static_assert(!losses::LossOn<NTXent<float>, Columns<float>, std::vector<int>>);
}
