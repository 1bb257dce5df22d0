// SPDX-License-Identifier: MIT

#include <losses/sequence/ctc.hpp>

#include <losses/evaluation/check_gradient.hpp>
#include <losses/tensor.hpp>

#include "ctc_reference.hpp"
#include "laws.hpp"

using namespace losses_test;
using losses::CTC;
using losses::CTCInput;
using losses::Reduction;
using Matrix = Eigen::MatrixXd;
using Tensor = Eigen::Tensor<double, 3, Eigen::RowMajor>;
using Targets = Eigen::Matrix<int, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Labels = std::vector<int>;
using Path = std::vector<Index>;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Value and gradient of one sequence; forward must agree.
template <class T>
struct Result {
  double value;
  Columns<T> gradient;
};

template <class T>
Result<T> run(const CTC<T>& loss, const Columns<T>& x, const Labels& target) {
  Result<T> result;
  const T value = loss.value_and_gradient(x, target, result.gradient);
  CHECK((value == loss.forward(x, target) || std::isnan(value)));
  result.value = static_cast<double>(value);
  return result;
}

Columns<double> rows(std::initializer_list<std::initializer_list<double>> values) {
  return Matrix(values).array();
}

/// The logits of the constants from PyTorch: [5 × 3 × 4].
Tensor torch_logits() {
  Tensor x(5, 3, 4);
  for (int t = 0; t < 5; ++t) {
    for (int i = 0; i < 3; ++i) {
      for (int k = 0; k < 4; ++k) x(t, i, k) = ((7 * t + 5 * i + 3 * k + t * k) % 11 - 5) / 4.0;
    }
  }
  return x;
}

void expect_gradient(const Tensor& got, const std::vector<double>& want) {
  REQUIRE(got.size() == std::ssize(want));
  for (Index i = 0; i < got.size(); ++i) CHECK(std::abs(got.data()[i] - want[static_cast<std::size_t>(i)]) < 1e-15);
}

/// What the call throws, and that the gradient was not touched.
template <class Error, class Call>
void refused(const std::string& message, const Tensor& gradient, const Call& call) {
  const Tensor before = gradient;
  std::string said;
  try {
    call();
  } catch (const Error& error) {
    said = error.what();
  }
  CHECK(said == message);
  CHECK(std::equal(before.data(), before.data() + before.size(), gradient.data()));
}

}  // namespace

TEST_CASE("CTC: values and gradients are PyTorch's") {
  // x = torch.tensor([[[((7*t+5*i+3*k+t*k) % 11 - 5)/4 for k in range(4)] for i in range(3)] for t in range(5)])
  const Tensor x = torch_logits();
  const Targets y{{1, 1, 0}, {2, 3, 1}, {3, 0, 0}};
  const Labels frames = {5, 4, 3}, labels = {2, 3, 1}, flat = {1, 1, 2, 3, 1, 3};
  Tensor g;
  // torch.nn.functional.ctc_loss(x.log_softmax(2), y, frames, labels)
  CHECK(CTC<double>().value_and_gradient(x, y, frames, labels, g) == Catch::Approx(2.0676279798062613).epsilon(1e-14));
  expect_gradient(g, {-0.0093712925001625518,
                      -0.12689112019877796,
                      0.043715884495573551,
                      0.092546528203366979,
                      -0.036157399236254981,
                      0.058658389842426696,
                      -0.03930690067212201,
                      0.016805910065950298,
                      -0.062818129762823083,
                      0.022240392347164864,
                      0.047082910968420412,
                      -0.0065051735527621914,
                      -0.096870439663365435,
                      -0.0030324339650947591,
                      0.026868020832585087,
                      0.073034852795875099,
                      0.0064904785077206338,
                      0.024374340892649712,
                      -0.015907150833009236,
                      -0.014957668567361108,
                      -0.039911450597640542,
                      0.16550647148497957,
                      0.028760712216513544,
                      -0.15435573310385259,
                      -0.0027027476898302395,
                      -0.07026783549587011,
                      0.016250559005619215,
                      0.056720024180081131,
                      0.032771199455526825,
                      0.0064012482607108592,
                      0.039772590883729114,
                      -0.078945038599966808,
                      -0.039194259899304661,
                      0.14565990536473486,
                      0.032501118011238422,
                      -0.13896676347666861,
                      -0.024741900140310746,
                      -0.018445777312393986,
                      0.0078785346812896249,
                      0.035309142771415107,
                      0.014664760252152822,
                      -0.04039442555887434,
                      0.019999665270985904,
                      0.0057300000357356148,
                      0,
                      0,
                      0,
                      0,
                      -0.080712015305867843,
                      -0.032484434556697722,
                      0.082753235742489786,
                      0.030443214120075765,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0});
  // … flat targets [1, 1, 2, 3, 1, 3]
  CHECK(CTC<double>().forward(x, flat, frames, labels) == Catch::Approx(2.0676279798062613).epsilon(1e-14));
  // … reduction="sum", and "none"
  CHECK(CTC<double>(Reduction::sum).forward(x, y, frames, labels) == Catch::Approx(11.766045693384983).epsilon(1e-14));
  CHECK(CTC<double>(Reduction::batch_mean).forward(x, y, frames, labels) ==
        Catch::Approx(11.766045693384983 / 3).epsilon(1e-14));
  const Eigen::VectorXd terms = CTC<double>().unreduced(x, y, frames, labels);
  CHECK(terms(0) == Catch::Approx(5.3340317766283913).epsilon(1e-14));
  CHECK(terms(1) == Catch::Approx(4.3442187984780043).epsilon(1e-14));
  CHECK(terms(2) == Catch::Approx(2.0877951182785868).epsilon(1e-14));
}

TEST_CASE("CTC: a blank that is not 0, repeated labels and an empty target are PyTorch's") {
  const Tensor x = torch_logits();
  const Targets y{{1, 1, 0}, {2, 0, 1}, {0, 0, 0}};
  const Labels frames = {5, 4, 3}, labels = {2, 3, 0};
  const CTC<double> loss({.blank = 3});
  // torch.nn.functional.ctc_loss(x.log_softmax(2), y, frames, labels, blank=3)
  CHECK(loss.forward(x, y, frames, labels) == Catch::Approx(2.440898293100751).epsilon(1e-14));
  const Tensor g = loss.gradient(x, y, frames, labels);
  CHECK(std::abs(g(0, 0, 1) - -0.068481858299350065) < 1e-15);
  CHECK(std::abs(g(0, 2, 3) - -0.23365881003101438) < 1e-15);
  CHECK(std::abs(g(2, 2, 3) - -0.21989328497317101) < 1e-15);
  CHECK(std::abs(g(3, 1, 0) - 0.015575754974209802) < 1e-15);
  CHECK(std::abs(g(4, 0, 3) - -0.038942624598747304) < 1e-15);
  // … reduction="none"
  const Eigen::VectorXd terms = loss.unreduced(x, y, frames, labels);
  CHECK(terms(0) == Catch::Approx(5.0747390876712934).epsilon(1e-14));
  CHECK(terms(1) == Catch::Approx(3.150273783093668).epsilon(1e-14));
  CHECK(terms(2) == Catch::Approx(3.7352340744353838).epsilon(1e-14));
}

TEST_CASE("CTC: too few frames are +inf with gradient 0, or 0 with zero_infinity, as PyTorch's") {
  const Tensor x = torch_logits();
  const Targets y{{1, 1, 0}, {2, 3, 1}, {3, 0, 0}};
  const Labels frames = {5, 2, 2}, labels = {2, 3, 1};
  // torch.nn.functional.ctc_loss(x.log_softmax(2), y, [5, 2, 2], labels, zero_infinity=True)
  const CTC<double> zero({.zero_infinity = true}), plain;
  Tensor g, h;
  CHECK(zero.value_and_gradient(x, y, frames, labels, g) == Catch::Approx(1.3641812982436543).epsilon(1e-14));
  CHECK(std::abs(g(0, 0, 1) - -0.12689112019877796) < 1e-15);
  CHECK(std::abs(g(0, 2, 3) - -0.073317388946557746) < 1e-15);
  CHECK(std::abs(g(1, 2, 0) - -0.014853496099108715) < 1e-15);
  CHECK(plain.value_and_gradient(x, y, frames, labels, h) == infinity);
  CHECK(std::equal(g.data(), g.data() + g.size(), h.data()));  // the others are as they would be
  for (int t = 0; t < 5; ++t) {
    for (int k = 0; k < 4; ++k) CHECK(g(t, 1, k) == 0);
  }
  CHECK(plain.unreduced(x, y, frames, labels)(1) == infinity);
  CHECK(zero.unreduced(x, y, frames, labels)(1) == 0);
}

TEMPLATE_TEST_CASE("CTC: two frames are impossible for the target [1, 1]", "", float, double) {
  using T = TestType;
  for (const bool of_logits : {true, false}) {
    const auto input = of_logits ? CTCInput::logits : CTCInput::log_probabilities;
    const CTC<T> loss({.input = input}, Reduction::sum), zero({.zero_infinity = true, .input = input});
    Columns<T> x = Columns<T>::Constant(2, 3, T(-1));
    const auto result = run(loss, x, {1, 1});
    CHECK(result.value == infinity);
    CHECK((result.gradient == 0).all());
    CHECK(run(zero, x, {1, 1}).value == 0);
    // What is added is nothing.
    Columns<T> gradient = Columns<T>::Constant(2, 3, T(0.25));
    loss.value_and_gradient(x, Labels{1, 1}, losses::add_to(gradient));
    CHECK((gradient == T(0.25)).all());
    // [1, 2] is possible, and so is [1, 1] in three frames: label, blank, label.
    CHECK(std::isfinite(run(loss, x, {1, 2}).value));
    x = Columns<T>::Constant(3, 3, T(0));
    CHECK(run(loss, x, {1, 1}).value == Catch::Approx(of_logits ? 3 * std::log(3.0) : 0).margin(1e-7));
    // A target longer than its input is an impossible alignment, not an error.
    CHECK(run(loss, x, {1, 2, 1, 2}).value == infinity);
    // No frames at all.
    const Columns<T> none(0, 3);
    CHECK(run(loss, none, {1}).value == infinity);
    CHECK(run(loss, none, {}).value == 0);
  }
}

TEST_CASE("CTC: an empty target is all blanks") {
  const Columns<double> x = rows({{1, 0, 2}, {0, 3, 1}});
  const auto result = run(CTC<double>(), x, {});
  const double p0 = 1 / (1 + std::exp(-1.0) + std::exp(1.0)), p1 = 1 / (1 + std::exp(3.0) + std::exp(1.0));
  CHECK(result.value == Catch::Approx(-std::log(p0 * p1)).epsilon(1e-14));
  CHECK(result.gradient(0, 0) == Catch::Approx(p0 - 1).epsilon(1e-14));
  CHECK(result.gradient(1, 1) == Catch::Approx(std::exp(3.0) * p1).epsilon(1e-14));
  // One class, the blank.
  const Columns<double> one = rows({{5}, {-3}});
  CHECK(run(CTC<double>(), one, {}).value == 0);
  CHECK((run(CTC<double>(), one, {}).gradient == 0).all());
}

TEST_CASE("CTC: repeated labels need a blank between them") {
  // Frames that allow one class each: 1 1 merges to [1], 1 0 1 is [1, 1].
  const double out = -infinity;
  const Columns<double> merged = rows({{out, 0, out}, {out, 0, out}, {out, out, 0}});
  CHECK(run(CTC<double>(), merged, {1, 2}).value == 0);
  CHECK(run(CTC<double>(), merged, {1, 1}).value == infinity);
  const Columns<double> apart = rows({{out, 0, out}, {0, out, out}, {out, 0, out}});
  CHECK(run(CTC<double>(), apart, {1, 1}).value == 0);
  CHECK(run(CTC<double>(), apart, {1}).value == infinity);
}

TEST_CASE("CTC: by log-probabilities the gradient is minus the posterior, a partial derivative") {
  // Two frames, target [1]: the paths are 01, 10 and 11.
  const double a = std::log(0.5), b = std::log(0.25);
  const Columns<double> log_p = rows({{a, b, b}, {b, a, b}});
  const CTC<double> loss({.input = CTCInput::log_probabilities});
  const auto result = run(loss, log_p, {1});
  const double p01 = 0.25, p10 = 0.0625, p11 = 0.125, all = p01 + p10 + p11;
  CHECK(result.value == Catch::Approx(-std::log(all)).epsilon(1e-15));
  CHECK(result.gradient(0, 0) == Catch::Approx(-p01 / all).epsilon(1e-15));
  CHECK(result.gradient(0, 1) == Catch::Approx(-(p10 + p11) / all).epsilon(1e-15));
  CHECK(result.gradient(1, 0) == Catch::Approx(-p10 / all).epsilon(1e-15));
  CHECK(result.gradient(1, 1) == Catch::Approx(-(p01 + p11) / all).epsilon(1e-15));
  CHECK((result.gradient.col(2) == 0).all());
  CHECK(losses::check_gradient(loss, log_p, Labels{1}));
}

TEMPLATE_TEST_CASE("CTC: frames past a length have gradient 0 whatever they hold", "", float, double) {
  using T = TestType;
  auto b = reference::draw_batch<T>(7, 2, 4, 2, 0, 5);
  b.input_lengths = {4, 7};
  b.target_lengths = {2, 1};
  b.targets << 1, 2, 3, -1;
  typename reference::Batch<T>::Tensor clean, gradient;
  const CTC<T> loss;
  const T value = loss.value_and_gradient(b.logits, b.targets, b.input_lengths, b.target_lengths, clean);
  for (const T filler : {laws::nan<T>, std::numeric_limits<T>::infinity(), std::numeric_limits<T>::max()}) {
    for (Index t = 4; t < 7; ++t) {
      for (Index k = 0; k < 4; ++k) b.logits(t, 0, k) = filler;
    }
    gradient.resize(7, 2, 4);
    gradient.setConstant(laws::nan<T>);
    CHECK(loss.value_and_gradient(b.logits, b.targets, b.input_lengths, b.target_lengths, gradient) == value);
    for (Index t = 4; t < 7; ++t) {
      for (Index k = 0; k < 4; ++k) CHECK(gradient(t, 0, k) == 0);
    }
    CHECK(std::equal(clean.data(), clean.data() + clean.size(), gradient.data()));
  }
}

TEMPLATE_TEST_CASE("CTC: a loss near 0 keeps its digits and is never negative", "", float, double) {
  using T = TestType;
  Random random(7);
  laws::Worst worst;
  Index negative = 0, small = 0;
  for (const Index frames : {1, 2, 5, 12, 60}) {
    for (double gap = 1; gap < 60; gap += 1.25) {
      for (const bool shared : {false, true}) {
        // Labels one after the other, each in a frame or more, each frame nearly certain; or shared between blank and label.
        Columns<T> x(frames, 5);
        Labels target;
        for (Index t = 0; t < frames; ++t) {
          for (Index k = 0; k < 5; ++k) x(t, k) = static_cast<T>(-gap + random.between(-1, 1));
          if (target.empty() || (!shared && random.below(3) == 0)) {
            target.push_back(static_cast<int>(1 + (target.empty() ? 0 : target.back()) % 4));
          }
          x(t, target.back()) = 0;
          if (shared && t > 0 && t + 1 == frames) x(t, 0) = 0;
        }
        reference::Frames exact;
        for (Index t = 0; t < frames; ++t) {
          exact.emplace_back();
          for (Index k = 0; k < 5; ++k) exact.back().push_back(Jet(static_cast<Real>(x(t, k))));
        }
        const Path path(target.begin(), target.end());
        const Real want =
            frames < 6 ? reference::ctc_by_paths(exact, path, 0, true).f : reference::ctc(exact, path, 0, true).f;
        const double got = run(CTC<T>(Reduction::sum), x, target).value;
        negative += got < 0 ? 1 : 0;
        small += want < 1e-6L ? 1 : 0;
        // The recursion in long double, a logarithm of a sum near 1, is itself off by its epsilon in each frame.
        const Real oracle = frames < 6 ? 0 : std::numeric_limits<Real>::epsilon() * static_cast<Real>(frames);
        worst.see(std::fabs(static_cast<Real>(got) - want), (sizeof(T) == 4 ? 1e-6L : 1e-12L) * want + oracle, [&] {
          return laws::number(static_cast<Real>(got)) + ", not " + laws::number(want) + ", " + std::to_string(frames) +
                 " frames, gap " + std::to_string(gap);
        });
      }
    }
  }
  INFO(worst.where);
  CHECK(worst.ratio <= 1);
  CHECK(negative == 0);
  CHECK(small > 50);
  if (laws::figures_wanted()) std::printf("CTC near 0, %s: %.2Lg\n", laws::type_name<T>, worst.error);
}

TEST_CASE("CTC: log-probabilities near 0 keep their digits too") {
  const CTC<float> loss({.input = CTCInput::log_probabilities});
  Columns<float> x = Columns<float>::Constant(4, 3, -60.0f);
  for (Index t = 0; t < 4; ++t) x(t, t < 2 ? 1 : 2) = -1e-9f * static_cast<float>(t + 1);
  CHECK(run(loss, x, {1, 2}).value == Catch::Approx(1e-8 / 2).epsilon(1e-6));  // mean: over two labels
}

TEMPLATE_TEST_CASE("CTC: extreme logits give the finite value that there is", "", float, double) {
  using T = TestType;
  using limits = std::numeric_limits<T>;
  const CTC<T> loss(Reduction::sum);
  // One frame, target [1]: the loss is x0 − x1 where x0 is far above.
  for (const T far : {T(88), T(104), T(750), T(1e4), T(1e18), limits::max() / 4, limits::max()}) {
    for (const bool above : {false, true}) {
      Columns<T> x(1, 2);
      x << (above ? far : T(0)), (above ? T(0) : -far);
      const auto result = run(loss, x, {1});
      CHECK(result.value == Catch::Approx(static_cast<double>(far)).epsilon(1e-6));
      CHECK(std::isfinite(result.value));
      CHECK((result.gradient(0, 0) == 1 && result.gradient(0, 1) == -1));
    }
  }
  // A path through states that are e^-10000 of the best ones.
  Columns<T> x = Columns<T>::Zero(30, 3);
  x.col(1).setConstant(T(-500));
  const auto deep = run(loss, x, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  CHECK(std::isfinite(deep.value));
  CHECK(deep.value > 5000);
  for (Index t = 0; t < 30; ++t) CHECK(std::abs(deep.gradient.row(t).sum()) < 1e-6);
  CHECK(deep.gradient.col(1).sum() == Catch::Approx(-10).epsilon(1e-6));  // ten frames of label 1
  for (const T value : {T(0), limits::denorm_min(), -limits::denorm_min(), limits::min(), T(1e4), T(-1e4)}) {
    const Columns<T> same = Columns<T>::Constant(3, 4, value);
    CHECK(run(loss, same, {1, 2, 1}).value == Catch::Approx(3 * std::log(4.0)).epsilon(1e-6));
  }
}

TEMPLATE_TEST_CASE("CTC: -inf logits are masked classes, one +inf is its limit, two are NaN", "", float, double) {
  using T = TestType;
  const T inf = std::numeric_limits<T>::infinity();
  const CTC<T> loss(Reduction::sum);
  Columns<T> x(2, 3);
  x << 0, 0, -inf, 0, 0, 0;
  const auto masked = run(loss, x, {1});
  CHECK(masked.value == Catch::Approx(-std::log(0.5)).epsilon(1e-6));  // 01, 10, 11: three of six
  CHECK(masked.gradient(0, 2) == 0);
  CHECK(run(loss, x, {2}).value == Catch::Approx(-std::log(1.0 / 6)).epsilon(1e-6));  // 02 alone
  x.row(0).setConstant(-inf);
  const auto none = run(loss, x, {1});
  CHECK(none.value == inf);
  CHECK((none.gradient == 0).all());
  x << 0, inf, 3, 0, 0, 0;
  const auto limit = run(loss, x, {1});
  CHECK(limit.value == Catch::Approx(-std::log(2.0 / 3)).epsilon(1e-6));
  CHECK((limit.gradient.row(0) == 0).all());
  CHECK(run(loss, x, {2}).value == inf);
  const auto outside = run(CTC<T>({.zero_infinity = true}), x, {2});
  CHECK((outside.value == 0 && (outside.gradient == 0).all()));
  x(0, 0) = inf;
  CHECK(std::isnan(run(loss, x, {1}).value));
  CHECK(run(loss, x, {1}).gradient.row(1).isNaN().all());
}

TEST_CASE("CTC: what is wrong is refused by name, before anything is written") {
  using Range = std::out_of_range;
  using Invalid = std::invalid_argument;
  const Tensor x = torch_logits();
  Tensor g(5, 3, 4);
  g.setConstant(7);
  const Targets y{{1, 2, 1}, {2, 3, 1}, {3, 2, 1}};
  const Labels frames = {5, 4, 3}, labels = {2, 3, 1}, flat = {1, 2, 2, 3, 1, 3};
  const CTC<double> loss;
  const auto with = [&](const auto& targets, const auto& input_lengths, const auto& target_lengths) {
    return [&] { loss.value_and_gradient(x, targets, input_lengths, target_lengths, g); };
  };
  refused<Range>("CTC: target_lengths[1] is 4, but must be in [0, 3]", g, with(y, frames, Labels{2, 4, 1}));
  refused<Range>("CTC: target_lengths[2] is -1, but must be in [0, 3]", g, with(y, frames, Labels{2, 3, -1}));
  refused<Range>("CTC: input_lengths[0] is 6, but must be in [0, 5]", g, with(y, Labels{6, 4, 3}, labels));
  refused<Range>("CTC: input_lengths[2] is -3, but must be in [0, 5]", g, with(y, Labels{5, 4, -3}, labels));
  refused<Invalid>("CTC: targets is [6], but must be [5], the sum of target_lengths", g,
                   with(flat, frames, Labels{2, 2, 1}));
  refused<Range>("CTC: target_lengths[2] is 2, but must be in [0, 1]", g, with(flat, frames, Labels{2, 3, 2}));
  refused<Range>("CTC: targets[1, 1] is 0, but must not be the blank", g,
                 with(Targets{{1, 2, 1}, {2, 0, 1}, {3, 2, 1}}, frames, labels));
  refused<Range>("CTC: targets[0, 1] is -1, but must be in [0, 4)", g,
                 with(Targets{{1, -1, 1}, {2, 3, 1}, {3, 2, 1}}, frames, labels));
  refused<Range>("CTC: targets[4] is 4, but must be in [0, 4)", g, with(Labels{1, 2, 2, 3, 4, 3}, frames, labels));
  refused<Invalid>("CTC: input_lengths is [2], but must be [3], one for each sequence of the logits [5 x 3 x 4]", g,
                   with(y, Labels{5, 4}, labels));
  refused<Invalid>("CTC: target_lengths is [4], but must be [3], one for each sequence of the logits [5 x 3 x 4]", g,
                   with(y, frames, Labels{2, 3, 1, 1}));
  refused<Invalid>(
      "CTC: targets is [2 x 3], but must be [3 x s], a row for each sequence of the logits [5 x 3 x 4], or a "
      "flat vector",
      g, with(Targets(y.topRows(2)), frames, labels));
  // Wide integers are not truncated.
  using Wide = std::vector<std::int64_t>;
  using Unsigned = std::vector<std::uint64_t>;
  refused<Range>("CTC: targets[0] is 4294967297, but must be in [0, 4)", g,
                 with(Wide{(std::int64_t{1} << 32) + 1, 2, 2, 3, 1, 3}, frames, labels));
  refused<Range>("CTC: targets[5] is -9223372036854775808, but must be in [0, 4)", g,
                 with(Wide{1, 2, 2, 3, 1, INT64_MIN}, frames, labels));
  refused<Range>("CTC: input_lengths[1] is 9223372036854775807, but must be in [0, 5]", g,
                 with(flat, Unsigned{5, UINT64_MAX, 3}, labels));
  refused<Range>("CTC: target_lengths[0] is 9223372036854775807, but must be in [0, 6]", g,
                 with(flat, frames, Unsigned{UINT64_MAX, 3, 1}));
  refused<Range>("CTC: target_lengths[0] is 4294967295, but must be in [0, 6]", g,
                 with(flat, frames, std::vector<std::uint32_t>{UINT32_MAX, 3, 1}));
  // Options.
  refused<Invalid>("CTC: blank is -1, but must not be negative", g, [] { CTC<double>({.blank = -1}); });
  refused<Invalid>("CTC: input is 7, but must be a value of CTCInput", g, [] { CTC<double>({.input = CTCInput(7)}); });
  refused<Invalid>("CTC: blank is 4, but must be in [0, 4)", g,
                   [&] { CTC<double>({.blank = 4}).value_and_gradient(x, y, frames, labels, g); });
  // Shapes.
  const Tensor no_classes(5, 3, 0);
  Tensor empty;
  refused<Invalid>("CTC: logits is [5 x 3 x 0], but needs at least one class", g,
                   [&] { loss.value_and_gradient(no_classes, y, frames, labels, empty); });
  refused<Invalid>("CTC: logits is [5 x 3 x 4], a batch, so input_lengths and target_lengths must follow the targets",
                   g, [&] { loss.value_and_gradient(x, flat, g); });
  Eigen::TensorMap<Tensor> other(g.data(), 3, 5, 4);
  refused<Invalid>("CTC: gradient is [3 x 5 x 4], but must be [5 x 3 x 4]", g,
                   [&] { loss.value_and_gradient(x, y, frames, labels, other); });
  refused<Invalid>("CTC: gradient shares memory with logits", g,
                   [&] { loss.value_and_gradient(g, y, frames, labels, g); });
  const Eigen::VectorXd negative{{1, -2, 1}}, two = Eigen::VectorXd::Ones(2);
  refused<Invalid>("CTC: weights[1] is -2, but must be finite and not negative", g,
                   [&] { loss.value_and_gradient(x, y, frames, labels, negative, g); });
  refused<Invalid>("CTC: weights is [2], but must be [3], one per term", g,
                   [&] { loss.value_and_gradient(x, y, frames, labels, two, g); });
  // Every verb that reads a target refuses it.
  const Labels blank = {1, 0};
  const Matrix one = Matrix::Zero(4, 3);
  CHECK_THROWS_AS(loss.forward(one, blank), Range);
  CHECK_THROWS_AS(loss.unreduced(one, blank), Range);
  CHECK_THROWS_AS(loss.partial(one, blank), Range);
  CHECK_THROWS_AS(loss.align(one, blank), Range);
  CHECK_THROWS_AS(loss.greedy_decode(x, Labels{5, 4, 6}), Range);
  CHECK_THROWS_AS(loss.greedy_decode(x, Labels{5, 4}), Invalid);
}

TEST_CASE("CTC: a batch of nothing is 0") {
  const Tensor x(4, 0, 3);
  const Targets y(0, 2);
  const Labels none;
  Tensor g;
  CHECK(CTC<double>().value_and_gradient(x, y, none, none, g) == 0);
  CHECK((g.dimension(0) == 4 && g.dimension(1) == 0 && g.dimension(2) == 3));
  CHECK(CTC<double>().unreduced(x, y, none, none).size() == 0);
  CHECK(CTC<double>().partial(x, none, none, none).weight == 0);
}

#if PTRDIFF_MAX == INT32_MAX
TEST_CASE("CTC: work space of more bytes than 32 bits count is a bad_alloc") {
  const Columns<double> x = Columns<double>::Zero(40000, 2);
  const Labels target(20000, 1);  // 40000 · 20000 · 8 bytes are 1.5 · 2^32
  CHECK_THROWS_AS(CTC<double>().forward(x, target), std::bad_alloc);
  CHECK_THROWS_AS(CTC<double>().gradient(x, target), std::bad_alloc);
  CHECK_THROWS_AS(CTC<double>().align(x, target), std::bad_alloc);
}
#endif

TEST_CASE("CTC: greedy decoding takes the best classes, merges and drops blanks") {
  const auto best = [](std::initializer_list<int> classes, Index c) {
    Matrix x = Matrix::Zero(std::ssize(classes), c);
    Index t = 0;
    for (const int k : classes) x(t++, k) = 1;
    return x;
  };
  CHECK(CTC<double>().greedy_decode(best({0, 1, 1, 0, 1, 2, 2, 3, 0}, 4)) == Path{1, 1, 2, 3});
  CHECK(CTC<double>({.blank = 2}).greedy_decode(best({0, 1, 1, 0, 1, 2, 2, 1}, 4)) == Path{0, 1, 0, 1, 1});
  CHECK(CTC<double>().greedy_decode(best({0, 0}, 4)).empty());
  CHECK(CTC<double>().greedy_decode(Matrix::Zero(3, 2)).empty());  // of equal classes the first
  // A batch, in both layouts, with lengths.
  Tensor x(4, 2, 3);
  x.setZero();
  for (int t = 0; t < 4; ++t) x(t, 0, t % 3) = x(t, 1, 2 - t % 3) = 1;
  const Eigen::Tensor<double, 3> columns = x.swap_layout().shuffle(std::array<int, 3>{2, 1, 0});
  using Decoded = std::vector<Path>;
  CHECK(CTC<double>().greedy_decode(x) == Decoded{{1, 2}, {2, 1, 2}});
  CHECK(CTC<double>().greedy_decode(columns) == Decoded{{1, 2}, {2, 1, 2}});
  CHECK(CTC<double>().greedy_decode(x, Labels{2, 1}) == Decoded{{1}, {2}});
}

TEST_CASE("CTC: the alignment is the best of all paths") {
  for (std::uint64_t seed = 1; seed < 40; ++seed) {
    const auto b = reference::draw_batch<double>(6, 2, 3, 3, 1, seed, 3);
    for (const bool of_logits : {true, false}) {
      const CTC<double> loss({.blank = 1, .input = of_logits ? CTCInput::logits : CTCInput::log_probabilities});
      const auto found = loss.align(b.logits, b.targets, b.input_lengths, b.target_lengths);
      REQUIRE(found.size() == 2);
      for (Index i = 0; i < 2; ++i) {
        const auto log_p = reference::log_probabilities(b.sequence(i), of_logits);
        const auto& alignment = found[static_cast<std::size_t>(i)];
        const auto score = [&](const Path& path) {
          Real sum = 0;
          for (std::size_t t = 0; t < path.size(); ++t) sum += log_p[t][static_cast<std::size_t>(path[t])].f;
          return static_cast<double>(sum);
        };
        double most = -infinity;
        Path path(log_p.size(), 0);
        for (;;) {
          if (reference::collapse(path, 1) == b.target(i)) most = std::max(most, score(path));
          std::size_t t = 0;
          while (t < path.size() && ++path[t] == 3) path[t++] = 0;
          if (t == path.size()) break;
        }
        if (most == -infinity) {
          CHECK((alignment.log_probability == -infinity && alignment.labels.empty()));
          continue;
        }
        CHECK(alignment.log_probability == Catch::Approx(most).epsilon(1e-12));
        CHECK(score(alignment.labels) == Catch::Approx(most).epsilon(1e-12));
        CHECK(reference::collapse(alignment.labels, 1) == b.target(i));
        for (std::size_t t = 0; t < alignment.labels.size(); ++t) {
          const Index at = alignment.positions[t];
          CHECK(alignment.labels[t] == (at < 0 ? 1 : b.target(i)[static_cast<std::size_t>(at)]));
        }
      }
    }
  }
  // One sequence; an impossible one; NaN.
  Matrix x = Matrix::Zero(3, 2);
  x(1, 0) = 5;
  const auto one = CTC<double>().align(x, Labels{1, 1});
  CHECK(one.labels == Path{1, 0, 1});
  CHECK(one.positions == Path{0, -1, 1});
  CHECK(CTC<double>().align(x, Labels{1, 1, 1}).log_probability == -infinity);
  x(0, 1) = laws::nan<double>;
  CHECK(std::isnan(CTC<double>().align(x, Labels{1}).log_probability));
}
