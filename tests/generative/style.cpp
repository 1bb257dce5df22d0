// SPDX-License-Identifier: MIT

#include <losses/generative/style.hpp>

#include <array>
#include <cmath>
#include <limits>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "catch.hpp"
#include "dual.hpp"
#include "generated_network.hpp"

namespace losses_test::style {

namespace {

using Index = Eigen::Index;

template <class T>
using Tensor = Eigen::Tensor<T, 4, Eigen::RowMajor>;

template <class T>
Tensor<T> drawn(Index n, Index c, Index h, Index w, std::uint64_t sequence, T scale = 1, T centre = T(0.5)) {
  Tensor<T> tensor(n, c, h, w);
  for (Index i = 0; i < tensor.size(); ++i) {
    tensor.data()[i] =
        (static_cast<T>(generated_number(sequence, static_cast<std::uint64_t>(i))) * T(0.5) + centre) * scale;
  }
  return tensor;
}

/// The definition: Gram matrices, then the weighted mean of the squares of their differences. N is long double, or a Jet.
template <class N, class T>
N style_of(const std::vector<N>& f, const Tensor<T>& y, const std::vector<T>& weights = {}) {
  const Index n = y.dimension(0), c = y.dimension(1), size = y.dimension(2) * y.dimension(3);
  N total = 0;
  Real weight = 0;
  for (Index i = 0; i < n; ++i) {
    N sum = 0;
    for (Index a = 0; a < c; ++a) {
      for (Index b = 0; b < c; ++b) {
        N difference = 0;
        for (Index p = 0; p < size; ++p) {
          const auto first = static_cast<std::size_t>((i * c + a) * size + p);
          const auto second = static_cast<std::size_t>((i * c + b) * size + p);
          difference +=
              f[first] * f[second] - N(static_cast<Real>(y.data()[first])) * N(static_cast<Real>(y.data()[second]));
        }
        difference /= N(static_cast<Real>(c * size));
        sum += difference * difference;
      }
    }
    const Real w = weights.empty() ? 1 : static_cast<Real>(weights[static_cast<std::size_t>(i)]);
    total += N(w) * sum / N(static_cast<Real>(c * c));
    weight += w;
  }
  return total / N(weight);
}

template <class N, class T>
std::vector<N> numbers_of(const Tensor<T>& tensor) {
  std::vector<N> numbers;
  for (Index i = 0; i < tensor.size(); ++i) numbers.push_back(N(static_cast<Real>(tensor.data()[i])));
  return numbers;
}

template <class T>
constexpr double value_bound = sizeof(T) == sizeof(float) ? 1e-6 : 1e-14;
template <class T>
constexpr double slope_bound = sizeof(T) == sizeof(float) ? 1e-6 : 1e-12;

template <class T>
void check_against_reference(const Tensor<T>& f, const Tensor<T>& y, const std::vector<T>& weights = {}) {
  const losses::Style<T> loss;
  Tensor<T> gradient;
  T value = 0;
  if (weights.empty()) {
    value = loss.value_and_gradient(f, y, gradient);
    CHECK(loss.forward(f, y) == value);
  } else {
    const Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>> w(weights.data(), static_cast<Index>(weights.size()));
    value = loss.value_and_gradient(f, y, w, gradient);
    CHECK(loss.forward(f, y, w) == value);
  }
  auto numbers = numbers_of<Real>(f);
  CHECK(static_cast<double>(value) ==
        Catch::Approx(static_cast<double>(style_of(numbers, y, weights))).epsilon(value_bound<T>));
  auto jets = numbers_of<Jet>(f);
  Real largest = 0;
  std::vector<Real> slopes;
  for (auto& each : jets) {
    each = Jet::variable(each.f);
    slopes.push_back(style_of(jets, y, weights).d);
    each = Jet(each.f);
    largest = std::max(largest, std::abs(slopes.back()));
  }
  double worst = 0;
  for (std::size_t i = 0; i < slopes.size(); ++i) {
    worst = std::max(worst, static_cast<double>(std::abs(static_cast<Real>(gradient.data()[i]) - slopes[i]) / largest));
  }
  CHECK(worst <= slope_bound<T>);
}

}  // namespace

TEMPLATE_TEST_CASE("Style: value and gradient are those of the definition", "", float, double) {
  using T = TestType;
  check_against_reference<T>(drawn<T>(2, 3, 2, 4, 1), drawn<T>(2, 3, 2, 4, 2));
  check_against_reference<T>(drawn<T>(3, 2, 4, 3, 3, T(1), T(0)), drawn<T>(3, 2, 4, 3, 4, T(1), T(0)), {1, 0, T(2.5)});
  check_against_reference<T>(drawn<T>(1, 4, 1, 1, 5), drawn<T>(1, 4, 1, 1, 6));
  check_against_reference<T>(drawn<T>(1, 1, 3, 2, 5), drawn<T>(1, 1, 3, 2, 6));
  check_against_reference<T>(drawn<T>(1, 3, 2, 2, 7, T(1e4)), drawn<T>(1, 3, 2, 2, 8, T(1e4)));
}

TEST_CASE("Style: value and gradient are PyTorch's") {
  // With number() of vgg16.cpp, x of sequence 1 and y of sequence 2, (number * 0.5 + 0.5) * scale:
  //   def gram(x):
  //       n, c, h, w = x.shape; f = x.view(n, c, h * w); return f @ f.transpose(1, 2) / (c * h * w)
  //   value = F.mse_loss(gram(x), gram(y)); gradient, = torch.autograd.grad(value, x)
  //   weights per sample (1, 3): (s * ((gram(x) - gram(y)) ** 2).flatten(1).mean(1)).sum() / s.sum()
  struct Case {
    Index n, c, h, w;
    double scale;
    std::vector<double> weights;
    double value, norm;
    std::array<double, 4> entries;
  };
  const std::vector<Case> cases = {
      {2,
       5,
       3,
       4,
       1,
       {},
       0.00029928028456936576,
       0.0005383411791916782,
       {1.4950951071852596e-05, -7.327465510094058e-06, 3.0169853312201462e-05, 4.976825213140272e-06}},
      {3,
       70,
       19,
       23,
       1,
       {},
       4.834802499237558e-08,
       1.4254483827144175e-08,
       {-3.442986125704172e-11, -1.3686156573921427e-10, 4.263271437531896e-11, -9.191301520426796e-11}},
      {2,
       5,
       3,
       4,
       1e4,
       {},
       2992802845693.6577,
       538341179.1916783,
       {14950951.071852595, -7327465.510094067, 30169853.31220147, 4976825.213140275}},
      {2,
       5,
       3,
       4,
       1,
       {1, 3},
       0.00027615382359568195,
       0.0005781053658985639,
       {7.475475535926298e-06, -3.663732755047029e-06, 1.5084926656100731e-05, 2.488412606570136e-06}}};
  const auto check = [](auto zero, const Case& each, double bound) {
    using T = decltype(zero);
    const auto x = drawn<T>(each.n, each.c, each.h, each.w, 1, static_cast<T>(each.scale));
    const auto y = drawn<T>(each.n, each.c, each.h, each.w, 2, static_cast<T>(each.scale));
    const Eigen::Matrix<T, 2, 1> weights(1, 3);
    const losses::Style<T> loss;
    Tensor<T> gradient;
    const T value = each.weights.empty() ? loss.value_and_gradient(x, y, gradient)
                                         : loss.value_and_gradient(x, y, weights, gradient);
    CHECK(static_cast<double>(value) == Catch::Approx(each.value).epsilon(bound));
    double squares = 0;
    for (Index i = 0; i < gradient.size(); ++i) squares += std::pow(static_cast<double>(gradient.data()[i]), 2);
    CHECK(std::sqrt(squares) == Catch::Approx(each.norm).epsilon(bound));
    const double typical = each.norm / std::sqrt(static_cast<double>(gradient.size()));
    for (std::size_t k = 0; k < 4; ++k) {
      const auto entry =
          static_cast<double>(gradient.data()[(k + 1) * 2654435761U % static_cast<std::size_t>(gradient.size())]);
      CHECK(std::abs(entry - each.entries[k]) <= 10 * bound * typical);
    }
  };
  for (const auto& each : cases) {
    check(0.0, each, 1e-12);
    check(0.0F, each, 3e-6);
  }
}

TEST_CASE("Style: through VGG16 the image's gradient is PyTorch's") {
  // As above, of the features 3, 8 and 15 of the network of vgg16.cpp, weights (1, 0.5, 2), images [1, 3, 16, 18].
  const losses::Style<double> style({.weights = {1, 0.5, 2}});
  auto vgg = generated_vgg16<double>({.layers = {3, 8, 15}});
  const auto wanted = vgg.forward(generated_image<double>(1, 16, 18, 2));
  const auto features = vgg.forward(generated_image<double>(1, 16, 18));
  losses::VGG16<double>::Features gradients;
  CHECK(style.value_and_gradient(features, wanted, gradients) == Catch::Approx(5.097084720186406e-06).epsilon(1e-12));
  const auto gradient = vgg.backward(gradients);
  const std::array<double, 4> want = {-5.74046553994051e-08, -3.5818466267968e-07, 7.206360433660131e-07,
                                      4.53285992990036e-08};
  for (std::size_t k = 0; k < 4; ++k) {
    CHECK(std::abs(gradient.data()[(k + 1) * 2654435761U % 864U] - want[k]) <= 1e-12 * 7.76e-06);
  }
  CHECK(Eigen::Map<const Eigen::VectorXd>(gradient.data(), 864).norm() ==
        Catch::Approx(7.760007406875184e-06).epsilon(1e-12));
}

TEST_CASE("Style: several layers are the weighted sum of each") {
  const losses::Style<double> one, two({.weights = {0.5, 3}});
  const std::vector<Tensor<double>> f = {drawn<double>(2, 3, 4, 5, 1), drawn<double>(2, 6, 2, 2, 2)};
  const std::vector<Tensor<double>> y = {drawn<double>(2, 3, 4, 5, 3), drawn<double>(2, 6, 2, 2, 4)};
  std::vector<Tensor<double>> g(7);
  const double value = two.value_and_gradient(f, y, g);
  CHECK(value == Catch::Approx(0.5 * one.forward(f[0], y[0]) + 3 * one.forward(f[1], y[1])).epsilon(1e-14));
  CHECK(two.forward(f, y) == value);
  REQUIRE(g.size() == 2);
  const Tensor<double> expected = one.gradient(f[1], y[1]) * 3.0;
  for (Index i = 0; i < expected.size(); ++i) CHECK(g[1].data()[i] == Catch::Approx(expected.data()[i]).epsilon(1e-13));
  CHECK(same_bits(two.gradient(f, y), g));
  auto added = f;
  CHECK(two.value_and_gradient(f, y, losses::add_to(added, 2)) == value);
  for (Index i = 0; i < f[0].size(); ++i) {
    CHECK(added[0].data()[i] == Catch::Approx(f[0].data()[i] + 2 * g[0].data()[i]).epsilon(1e-14));
  }
  const Eigen::Vector2d samples(1, 3);
  CHECK(two.forward(f, y, samples) ==
        Catch::Approx(0.5 * one.forward(f[0], y[0], samples) + 3 * one.forward(f[1], y[1], samples)).epsilon(1e-14));

  // A layer of weight 0 is not looked at.
  auto poisoned = f;
  poisoned[0].setConstant(std::numeric_limits<double>::quiet_NaN());
  const losses::Style<double> second({.weights = {0, 1}});
  CHECK(second.value_and_gradient(poisoned, y, g) == one.forward(f[1], y[1]));
  for (Index i = 0; i < g[0].size(); ++i) CHECK(g[0].data()[i] == 0);
}

TEST_CASE("Style: equal features give 0 and gradient 0, and near ones keep their digits") {
  const auto y = drawn<float>(2, 6, 5, 7, 1);
  Tensor<float> g;
  CHECK(losses::Style<float>().value_and_gradient(y, y, g) == 0);
  for (Index i = 0; i < g.size(); ++i) CHECK(g.data()[i] == 0);
  // G(f) − G(y) of the last digits of floats: right to 1e-6 all the same.
  auto f = drawn<float>(1, 2, 2, 2, 1);
  const auto near = f;
  for (Index i = 0; i < f.size(); i += 3) f.data()[i] = std::nextafter(f.data()[i], 2.0F);
  const auto want = static_cast<double>(style_of(numbers_of<Real>(f), near));
  CHECK(want > 0);
  CHECK(static_cast<double>(losses::Style<float>().forward(f, near)) == Catch::Approx(want).epsilon(1e-6));
  check_against_reference<float>(f, near);
}

TEST_CASE("Style: the Gram matrix does not notice where in the picture, and features of 1e4 and 1e9 do not overflow") {
  const auto f = drawn<double>(1, 4, 3, 6, 1), y = drawn<double>(1, 4, 3, 6, 2);
  const Tensor<double> mirrored = f.reverse(Eigen::array<bool, 4>{false, false, true, true});
  const losses::Style<double> loss;
  CHECK(loss.forward(mirrored, y) == Catch::Approx(loss.forward(f, y)).epsilon(1e-13));
  CHECK(loss.forward(mirrored, f) <= 1e-30);
  CHECK(loss.forward(Tensor<double>(-f), y) == Catch::Approx(loss.forward(f, y)).epsilon(1e-13));

  // Of degree 4 in the features: 1e16 and 1e36 times the value of features near 1.
  const losses::Style<float> in_float;
  const double unit = loss.forward(f, y);
  Tensor<float> g;
  for (const double scale : {1e4, 1e9}) {
    const auto large = drawn<float>(1, 4, 3, 6, 1, static_cast<float>(scale));
    const auto wanted = drawn<float>(1, 4, 3, 6, 2, static_cast<float>(scale));
    CHECK(static_cast<double>(in_float.value_and_gradient(large, wanted, g)) ==
          Catch::Approx(unit * std::pow(scale, 4)).epsilon(1e-5));
    for (Index i = 0; i < g.size(); ++i) CHECK(std::isfinite(g.data()[i]));
  }
  // Each square of a feature is beyond FLT_MAX, but equal features have no difference.
  const auto huge = drawn<float>(1, 4, 3, 6, 1, 1e25F);
  CHECK(in_float.value_and_gradient(huge, huge, g) == 0);
  for (Index i = 0; i < g.size(); ++i) CHECK(g.data()[i] == 0);
}

TEST_CASE("Style: every storage order gives the same") {
  const auto f = drawn<double>(2, 5, 4, 3, 1), y = drawn<double>(2, 5, 4, 3, 2);
  const losses::Style<double> loss;
  Tensor<double> want;
  const double value = loss.value_and_gradient(f, y, want);
  const Eigen::array<int, 4> reversed{3, 2, 1, 0};
  const Eigen::Tensor<double, 4> columns = f.swap_layout().shuffle(reversed);
  Eigen::Tensor<double, 4> g;
  CHECK(loss.value_and_gradient(columns, y, g) == value);
  CHECK(same_bits(Tensor<double>(g.swap_layout().shuffle(reversed)), want));
  CHECK(loss.forward(f * 1.0, Eigen::TensorMap<const Tensor<double>>(y.data(), 2, 5, 4, 3)) == value);
  std::vector<double> memory(120, std::numeric_limits<double>::quiet_NaN());
  CHECK(loss.value_and_gradient(f, y, Eigen::TensorMap<Tensor<double>>(memory.data(), 2, 5, 4, 3)) == value);
  CHECK(std::equal(memory.begin(), memory.end(), want.data()));
  const Eigen::Tensor<double, 3, Eigen::RowMajor> flat = f.reshape(Eigen::array<Index, 3>{2, 5, 12});
  const Eigen::Tensor<double, 3, Eigen::RowMajor> flat_target = y.reshape(Eigen::array<Index, 3>{2, 5, 12});
  CHECK(loss.forward(flat, flat_target) == value);
}

TEST_CASE("Style: samples are terms: unreduced, reductions, halves, weights") {
  const auto f = drawn<double>(3, 4, 5, 6, 1), y = drawn<double>(3, 4, 5, 6, 2);
  const losses::Style<double> loss;
  const Eigen::VectorXd each = loss.unreduced(f, y);
  REQUIRE(each.size() == 3);
  CHECK(each.mean() == Catch::Approx(loss.forward(f, y)).epsilon(1e-14));
  CHECK(losses::Style<double>(losses::Reduction::sum).forward(f, y) == Catch::Approx(each.sum()).epsilon(1e-14));
  CHECK(losses::Style<double>(losses::Reduction::batch_mean).forward(f, y) == loss.forward(f, y));
  const auto part = [](const Tensor<double>& all, Index begin, Index size) {
    return Tensor<double>(all.slice(Eigen::array<Index, 4>{begin, 0, 0, 0}, Eigen::array<Index, 4>{size, 4, 5, 6}));
  };
  CHECK(loss.forward(part(f, 1, 1), part(y, 1, 1)) == each(1));
  const auto halves = loss.partial(part(f, 0, 1), part(y, 0, 1)) + loss.partial(part(f, 1, 2), part(y, 1, 2));
  CHECK(loss.value(halves) == Catch::Approx(loss.forward(f, y)).epsilon(1e-14));

  auto poisoned = f;
  poisoned(1, 2, 3, 4) = std::numeric_limits<double>::quiet_NaN();
  const Eigen::Vector3d without(2, 0, 1);
  Tensor<double> g;
  CHECK(loss.value_and_gradient(poisoned, y, without, g) == Catch::Approx((2 * each(0) + each(2)) / 3).epsilon(1e-14));
  for (Index i = 0; i < g.size(); ++i) CHECK((i / 120 == 1 ? g.data()[i] == 0 : std::isfinite(g.data()[i])));
  CHECK(loss.value_and_gradient(poisoned, y, Eigen::Vector3d::Zero().eval(), g) == 0);
  for (Index i = 0; i < g.size(); ++i) CHECK(g.data()[i] == 0);
  CHECK(std::isnan(loss.value_and_gradient(poisoned, y, g)));
  for (Index i = 120; i < 240; ++i) CHECK(std::isnan(g.data()[i]));
  CHECK(std::isnan(loss.forward(f, poisoned)));

  Tensor<double> empty(0, 4, 5, 6);
  CHECK(loss.value_and_gradient(empty, empty, g) == 0);
  CHECK(g.dimension(0) == 0);
}

TEST_CASE("Style: the same bits for every number of threads") {
  const auto f = drawn<float>(2, 130, 17, 19, 1), y = drawn<float>(2, 130, 17, 19, 2);
  const losses::Style<float> loss;
  Tensor<float> want;
  const float value = loss.value_and_gradient(f, y, want);
  for (const int threads : {1, 2, 3, 4, 8}) {
    Eigen::ThreadPool pool(threads);
    Tensor<float> g;
    CHECK(loss.value_and_gradient(losses::parallel(pool), f, y, g) == value);
    CHECK(same_bits(g, want));
    CHECK(loss.forward(losses::parallel(pool), f, y) == value);
  }
}

TEST_CASE("Style: bad weights and shapes are refused, and nothing is written") {
  using losses::Style;
  CHECK(message_of([] { (void)Style<float>({.weights = {1, -2}}); }) ==
        "Style: weights[1] is -2, but must be finite and not negative");
  const auto f = drawn<float>(2, 3, 4, 5, 1);
  const Style<float> loss;
  auto g = f;
  const auto call = [&](const auto& style, const auto& x, const auto& y, const auto&... weights) {
    return message_of([&] { style.value_and_gradient(x, y, weights..., g); });
  };
  CHECK(call(loss, f, drawn<float>(2, 3, 5, 4, 1)) ==
        "Style: target is [2 x 3 x 5 x 4], but must be [2 x 3 x 4 x 5], the shape of features");
  CHECK(call(loss, f, f, Eigen::Vector3f::Ones().eval()).starts_with("Style: weights is [3 x 1], but must be [2]"));
  CHECK(call(loss, f, f, Eigen::Vector2f(1, -1)).starts_with("Style: weights[1] is -1"));
  CHECK(call(Style<float>({.weights = {1, 2}}), f, f) ==
        "Style: weights has 2 values, but must have 1, as there is one layer");
  CHECK(message_of([&] {
          (void)loss.forward(Eigen::MatrixXf::Ones(2, 3).eval(), Eigen::MatrixXf::Ones(2, 3).eval());
        }) == "Style: features is [2 x 3], but must be [n x c x h x w]");
  CHECK(message_of([&] { loss.value_and_gradient(g, f, g); }) == "Style: gradient shares memory with features");
  CHECK(same_bits(g, f));

  std::vector<Tensor<float>> layers = {f, f}, gradients = {f};
  const auto of_layers = [&](const auto& style, const std::vector<Tensor<float>>& y) {
    const auto why = message_of([&] { style.value_and_gradient(layers, y, gradients); });
    CHECK(gradients.size() == 1);
    CHECK(same_bits(gradients[0], f));
    return why;
  };
  CHECK(of_layers(loss, {f}) == "Style: target has 1 layers, but must have 2, as features");
  CHECK(of_layers(Style<float>({.weights = {1}}), {f, f}) ==
        "Style: weights has 1 values, but must have 2, one for each layer");
  CHECK(of_layers(loss, {f, drawn<float>(2, 3, 5, 4, 1)}).starts_with("Style: target is [2 x 3 x 5 x 4]"));
  CHECK(message_of([&] { loss.value_and_gradient(layers, layers, losses::add_to(gradients)); }) ==
        "Style: gradient has 1 layers, but must have 2");
  gradients.push_back(drawn<float>(1, 3, 4, 5, 1));
  CHECK(message_of([&] { loss.value_and_gradient(layers, layers, losses::add_to(gradients)); }) ==
        "Style: gradient[1] is [1 x 3 x 4 x 5], but must be [2 x 3 x 4 x 5]");
}

}  // namespace losses_test::style
