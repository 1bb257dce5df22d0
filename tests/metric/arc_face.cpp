// SPDX-License-Identifier: MIT

#include <losses/metric/arc_face.hpp>

#include "margin_laws.hpp"

using namespace losses_test;
using losses::ArcFace;

namespace {

/// cos(arccos c + m) by the angle itself, and the authors' line beyond π.
struct Target {
  template <class Rule>
  Jet operator()(const Rule& rule, const Jet& c) const {
    const Real m = static_cast<Real>(rule.margin);
    if (c.f >= 1) return Jet(std::cos(m), std::cos(m) * c.d, 0);
    if (std::acos(c.f) + m >= reference::pi) return c - m * std::sin(m);
    const Real angle = std::acos(c.f) + m;
    return {std::cos(angle), std::sin(angle) / std::sqrt((1 - c.f) * (1 + c.f)) * c.d, 0};
  }
};

template <class T>
struct Point {
  T value, slope;
};

/// −log softmax of two classes, the label's cosine c against 0.
template <class T>
Point<T> at_cosine(T c, const ArcFace<T>& loss) {
  const Eigen::Matrix<T, 1, 2> x(c, 0);
  Eigen::Matrix<T, 1, 2> g;
  const T value = loss.value_and_gradient(x, std::vector<int>{0}, g);
  return {value, g(0)};
}

}  // namespace

TEST_CASE("ArcFace: values and gradients over the cosines") {
  laws::check_margin_softmax(ArcFace<double>(), Target());
  laws::check_margin_softmax(ArcFace<float>(), Target());
  laws::check_margin_softmax(ArcFace<double>({.margin = 0.25, .scale = 10}), Target());
  laws::check_margin_softmax(ArcFace<float>({.margin = 1.5f, .scale = 4}), Target());
}

TEST_CASE("ArcFace: numbers from PyTorch") {
  // c = torch.tensor([[0.5, -0.75, 0.25], [-0.95, 0.5, 0.125], [0.75, 0.5, 1.0]], dtype=torch.float64, requires_grad=True)
  // y = torch.tensor([0, 0, 1]); m, s = 0.5, 8.0; t = c[torch.arange(3), y]
  // phi = torch.where(t > math.cos(math.pi - m), torch.cos(torch.acos(t) + m), t - m*math.sin(m))
  // z = c.clone(); z[torch.arange(3), y] = phi
  // v = torch.nn.functional.cross_entropy(s*z, y); v.backward(); print(repr(v), repr(c.grad))
  Eigen::Matrix3d c, want, g;
  c << 0.5, -0.75, 0.25, -0.95, 0.5, 0.125, 0.75, 0.5, 1.0;
  want << -2.6459926066272246, 0.0007686677825236301, 2.2913663656954677, -2.6666632452694108, 2.5401944123919851,
      0.12646883287742575, 0.31776106118873426, -3.0772459096232794, 2.3479543071792923;
  CHECK(ArcFace<double>({.scale = 8}).value_and_gradient(c, Eigen::Vector3i(0, 0, 1), g) ==
        Catch::Approx(7.822570394349678).epsilon(1e-14));
  CHECK((g - want).norm() < 1e-14);
}

TEST_CASE("ArcFace: the ends of the cosine, and past them by rounding") {
  const auto check = [](auto one) {
    using T = decltype(one);
    const ArcFace<T> loss({.margin = T(0.5), .scale = 1});
    const double m = 0.5, p = 1 / (1 + std::exp(-std::cos(m)));
    for (const T c : {one, std::nextafter(one, T(2)), T(1.00001)}) {
      const auto [value, slope] = at_cosine(c, loss);
      CHECK(static_cast<double>(value) == Catch::Approx(-std::log(p)).epsilon(1e-4));
      CHECK(static_cast<double>(slope) == Catch::Approx(-(1 - p) * std::cos(m)).epsilon(1e-4));
    }
    for (const T c : {-one, std::nextafter(-one, T(-2))}) {  // beyond π: t = c − m sin m, slope 1
      const double t = -1 - m * std::sin(m), q = 1 / (1 + std::exp(-t));
      const auto [value, slope] = at_cosine(c, loss);
      CHECK(static_cast<double>(value) == Catch::Approx(-std::log(q)).epsilon(1e-6));
      CHECK(static_cast<double>(slope) == Catch::Approx(-(1 - q)).epsilon(1e-6));
    }
    CHECK(std::isfinite(at_cosine(std::nextafter(one, T(0)), loss).slope));
    CHECK(at_cosine(std::nextafter(one, T(0)), loss).slope < T(-100));
  };
  check(1.0f);
  check(1.0);
}

TEST_CASE("ArcFace: both sides of the angle π") {
  const ArcFace<double> loss({.margin = 0.5, .scale = 1});
  const double seam = -std::cos(0.5);
  const auto before = at_cosine(seam + 1e-12, loss), beyond = at_cosine(seam - 1e-12, loss);
  const auto softmax = [](double t) { return std::log1p(std::exp(-t)); };
  CHECK(before.value == Catch::Approx(softmax(-1)).epsilon(1e-10));
  CHECK(beyond.value == Catch::Approx(softmax(seam - 0.5 * std::sin(0.5))).epsilon(1e-10));
}

TEST_CASE("ArcFace: a small loss keeps its digits") {
  const Eigen::RowVector2f x(1, -1);
  const double want = std::log1p(std::exp(-30 * (std::cos(0.5) + 1)));
  CHECK(static_cast<double>(ArcFace<float>({.scale = 30}).forward(x, std::vector<int>{0})) ==
        Catch::Approx(want).epsilon(2e-5));
  CHECK(want < 1e-20);
}

TEST_CASE("ArcFace: the paper's margin of 0.5 and scale of 64 are the defaults") {
  const ArcFace<double> loss;
  CHECK((loss.rule().margin == 0.5 && loss.rule().scale == 64));
}

TEST_CASE("ArcFace: the largest finite scale is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::ArcFace<float>({.scale = most}));
}

TEST_CASE("ArcFace: options are checked") {
  for (const float bad : {-0.1f, 1.6f, laws::nan<float>}) {
    laws::refuses_option("ArcFace: margin is ", [&] { ArcFace<float>({.margin = bad}); });
  }
  for (const float bad : {0.0f, -1.0f, laws::nan<float>, std::numeric_limits<float>::infinity()}) {
    laws::refuses_option("ArcFace: scale is ", [&] { ArcFace<float>({.scale = bad}); });
  }
}
