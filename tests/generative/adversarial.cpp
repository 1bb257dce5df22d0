// SPDX-License-Identifier: MIT

#include <losses/classification/bce_with_logits.hpp>
#include <losses/evaluation/check_gradient.hpp>
#include <losses/generative/adversarial.hpp>
#include <losses/tensor.hpp>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "../classification/binary_reference.hpp"
#include "laws.hpp"

namespace losses_test::adversarial {

using losses::Adversarial;
using Mode = losses::AdversarialMode;
using Side = losses::rule::AdversarialSide;

namespace {

/// One side of the loss as a rule with a target, which the laws ask for; it only lets its NaN through.
template <class T>
struct WithTarget {
  using Scalar = T;
  using Shape = losses::per_element;
  static constexpr std::string_view name = "Adversarial";

  losses::rule::AdversarialScore<T> score;

  template <class V>
  losses::Terms<V> operator()(V s, V y) const {
    return score(s + V(0) * (y - y), V(0));
  }
};

/// torch's BCEWithLogitsLoss and MSELoss against a full_like(label); ∓mean(s); relu(1 ∓ s).
constexpr auto formula = [](const auto& rule, Jet s, Jet) -> Jet {
  const bool fake = rule.score.side == Side::fake;
  const Jet label(rule.score.label);
  if (rule.score.mode == Mode::vanilla) return reference::bce_with_logits(s, label, 1);
  if (rule.score.mode == Mode::lsgan) return reference::mse(s, label);
  if (rule.score.mode == Mode::wgangp || rule.score.side == Side::generator) return fake ? s : -s;
  return reference::hinge(s, fake ? -1 : 1, 1);
};

constexpr auto scale = [](const auto& rule, Real s, Real) {
  if (rule.score.mode != Mode::vanilla) return laws::Scale{};
  const Real y = static_cast<Real>(rule.score.label);
  return laws::Scale{.slope = std::max((1 - y) / (1 + std::exp(-s)), y / (1 + std::exp(s)))};
};

void check_laws(const std::string& name, Mode mode, Side side, double label) {
  laws::check(laws::element("Adversarial, " + name,
                            losses::Loss(WithTarget<float>{{mode, side, static_cast<float>(label)}}),
                            losses::Loss(WithTarget<double>{{mode, side, label}}), formula, real_line, scale));
}

constexpr double infinity = std::numeric_limits<double>::infinity();
const auto modes = {Mode::vanilla, Mode::lsgan, Mode::wgangp, Mode::hinge};

}  // namespace

TEST_CASE("Adversarial: the laws, vanilla with a real label of 0.75", "[laws]") {
  check_laws("vanilla", Mode::vanilla, Side::real, 0.75);
}

TEST_CASE("Adversarial: the laws, lsgan with a fake label of -1", "[laws]") {
  check_laws("lsgan", Mode::lsgan, Side::fake, -1);
}

TEST_CASE("Adversarial: the laws, wgangp and hinge of fake scores", "[laws]") {
  check_laws("wgangp", Mode::wgangp, Side::fake, 0);
  check_laws("hinge", Mode::hinge, Side::fake, 0);
}

namespace {

/// Every verb of one side is that of a loss of the other rooms against a constant target, to the bit, in every storage.
template <class L>
void same_as(const Adversarial<double>& loss, bool is_real, const L& other, double target) {
  const Index n = 37, c = 5;
  const Columns<double> s = draw<double>(real_line, n, c, 3).p, w = draw_weights<double>(n, c, 4);
  for (const auto& layout : laws::layouts(n, c)) {
    INFO(layout.name);
    laws::Placed<double> placed(s, layout), constant(Columns<double>::Constant(n, c, target), layout);
    const auto score = placed.read(), y = constant.read();
    Columns<double> g, h, added = w;
    CHECK(loss.value_and_gradient(score, is_real, g) == other.value_and_gradient(score, y, h));
    CHECK(same_bits(g, h));
    CHECK(loss.forward(score, is_real) == other.forward(score, y));
    CHECK(loss.forward(losses::serial, score, is_real, w) == other.forward(score, y, w));
    CHECK(loss.value_and_gradient(losses::serial, score, is_real, w, g) == other.value_and_gradient(score, y, w, h));
    CHECK(same_bits(g, h));
    CHECK(same_bits(loss.unreduced(score, is_real), other.unreduced(score, y)));
    CHECK(same_bits(loss.curvature(losses::serial, score, is_real), other.curvature(score, y)));
    CHECK(loss.partial(score, is_real, w).sum == other.partial(score, y, w).sum);
    CHECK(loss.value(loss.partial(losses::serial, score, is_real)) == other.value(other.partial(score, y)));
    loss.value_and_gradient(score, is_real, losses::add_to(added, 2));
    CHECK(added.isApprox(w + 2 * loss.gradient(score, is_real)));
    loss.value_and_gradient(score, is_real, placed.view);  // over the scores themselves
    CHECK(same_bits(placed.view, other.gradient(s, Columns<double>::Constant(n, c, target))));
  }
}

}  // namespace

TEST_CASE("Adversarial: its sides are BCEWithLogits, MSE and Hinge against a constant, to the bit") {
  for (const auto reduction : {losses::Reduction::mean, losses::Reduction::sum, losses::Reduction::batch_mean}) {
    const Adversarial<double> vanilla({.real_label = 0.9, .fake_label = 0.25}, reduction);
    same_as(vanilla, true, losses::BCEWithLogits<double>(reduction), 0.9);
    same_as(vanilla, false, losses::BCEWithLogits<double>(reduction), 0.25);
    const Adversarial<double> lsgan({.mode = Mode::lsgan, .real_label = 1.5, .fake_label = -1}, reduction);
    same_as(lsgan, true, losses::MSE<double>(reduction), 1.5);
    same_as(lsgan, false, losses::MSE<double>(reduction), -1);
    const Adversarial<double> hinge({.mode = Mode::hinge}, reduction);
    same_as(hinge, true, losses::Hinge<double>(reduction), 1);
    same_as(hinge, false, losses::Hinge<double>(reduction), -1);
  }
}

TEST_CASE("Adversarial: values and gradients are PyTorch's, for each mode and side") {
  using Six = std::array<double, 6>;
  Eigen::MatrixXd real(2, 3), fake(3, 2);
  real << 0.5, -1.25, 3, 0, -2, 40;
  fake << -0.75, 0.25, 1.5, -4, 2, 0.125;
  const double sixth = 1.0 / 6;
  const Six up = {-sixth, -sixth, -sixth, -sixth, -sixth, -sixth}, down = {sixth, sixth, sixth, sixth, sixth, sixth};
  struct Case {
    Adversarial<double>::Options options;
    double on_real, on_fake, generator, both;
    Six by_real, by_fake, by_generator, by_fake_of_both;
  };
  // y = torch.full_like(s, label); s = real for on_real (label real_label) and on_fake (label fake_label);
  // vanilla: F.binary_cross_entropy_with_logits(s, y), lsgan: F.mse_loss(s, y), wgangp: -s.mean() and s.mean(),
  // hinge: F.relu(1 - s).mean(), F.relu(1 + s).mean() and, for the generator, -s.mean(); generator(fake),
  // both = on_real(real) + on_fake(fake); torch.autograd.grad
  const std::vector<Case> cases = {
      {{Mode::vanilla},
       0.8074447681170233,
       7.5157781014503575,
       1.1153167797090744,
       1.7769282144927643,
       {-0.0629234447996909, -0.12954997686244854, -0.007904312196261106, -0.08333333333333333, -0.14679951299631375,
        0},
       {0.10374322186697577, 0.03711668980421814, 0.15876235447040557, 0.08333333333333333, 0.019867153670352924,
        sixth},
       {-0.1131964498625655, -0.07297058318570032, -0.030404253967726058, -0.16366896500631808, -0.01986715367035295,
        -0.07813177110437396},
       {0.05347021680410117, 0.09369608348096635, 0.1362624126989406, 0.0029977016603485933, 0.14679951299631372,
        0.08853489556229271}},
      {{Mode::vanilla, 0.9, 0.1},
       1.4782781014503563,
       6.844944768117023,
       1.1007334463757414,
       2.462344881159431,
       {-0.046256778133024236, -0.11288331019578186, 0.008762354470405556, -0.06666666666666667, -0.13013284632964708,
        0.016666666666666663},
       {0.0870765552003091, 0.02045002313755147, 0.1420956878037389, 0.06666666666666667, 0.0032004870036862567, 0.15},
       {-0.09652978319589883, -0.05630391651903366, -0.013737587301059395, -0.14700229833965142, -0.0032004870036862845,
        -0.06146510443770729},
       {0.036803550137434506, 0.07702941681429969, 0.11959574603227395, -0.013668965006318074, 0.13013284632964706,
        0.07186822889562605}},
      {{Mode::lsgan},
       256.71875,
       269.1354166666667,
       5.106770833333333,
       260.5338541666667,
       {-sixth, -0.75, 4 * sixth, -2 * sixth, -1, 13},
       {sixth, -2.5 * sixth, 1, 0, -4 * sixth, 80 * sixth},
       {-3.5 * sixth, -0.25, sixth, -10 * sixth, 2 * sixth, -1.75 * sixth},
       {-0.25, 0.5 * sixth, 0.5, -8 * sixth, 4 * sixth, 0.25 * sixth}},
      {{Mode::lsgan, 0.9, -1},
       257.8704166666667,
       283.5520833333333,
       4.887604166666668,
       262.3938541666667,
       {-0.8 * sixth, -4.3 * sixth, 0.7, -0.3, -5.8 * sixth, 78.2 * sixth},
       {0.5, -0.5 * sixth, 8 * sixth, 2 * sixth, -2 * sixth, 82 * sixth},
       {-0.55, -1.3 * sixth, 0.2, -9.8 * sixth, 2.2 * sixth, -1.55 * sixth},
       {0.5 * sixth, 2.5 * sixth, 5 * sixth, -1, 1, 0.375}},
      {{Mode::wgangp},
       -6.708333333333333,
       6.708333333333333,
       0.14583333333333334,
       -6.854166666666666,
       up,
       down,
       up,
       down},
      {{Mode::hinge},
       1.125,
       7.916666666666667,
       0.14583333333333334,
       2.479166666666667,
       {-sixth, -sixth, 0, -sixth, -sixth, 0},
       {sixth, 0, sixth, sixth, 0, sixth},
       up,
       {sixth, sixth, sixth, 0, sixth, sixth}}};
  const auto near = [](const Eigen::MatrixXd& got, const Six& want) {
    const Eigen::Map<const Rows<double>> entries(want.data(), got.rows(), got.cols());
    return (got.array() - entries).abs().maxCoeff() <= 1e-14;
  };
  for (const auto& each : cases) {
    INFO("mode " << static_cast<int>(each.options.mode) << ", labels " << each.options.real_label << " and "
                 << each.options.fake_label);
    const Adversarial<double> loss(each.options);
    Eigen::MatrixXd g, h;
    CHECK(loss.value_and_gradient(real, true, g) == Catch::Approx(each.on_real).epsilon(1e-14));
    CHECK(near(g, each.by_real));
    CHECK(loss.value_and_gradient(real, false, g) == Catch::Approx(each.on_fake).epsilon(1e-14));
    CHECK(near(g, each.by_fake));
    CHECK(loss.generator(fake, h) == Catch::Approx(each.generator).epsilon(1e-14));
    CHECK(near(h, each.by_generator));
    CHECK(loss.discriminator(real, fake, g, h) == Catch::Approx(each.both).epsilon(1e-14));
    CHECK(near(g, each.by_real));
    CHECK(near(h, each.by_fake_of_both));
  }
}

TEST_CASE("Adversarial: the facts at 0, at hinge's margin, at 1e4 and at infinity") {
  struct Fact {
    Mode mode;
    bool is_real;
    double score, value, slope;
  };
  for (const Fact& fact : {Fact{Mode::vanilla, true, 0, std::log(2.0), -0.5},
                           {Mode::vanilla, false, 0, std::log(2.0), 0.5},
                           {Mode::vanilla, true, 1e4, 0, 0},
                           {Mode::vanilla, true, -1e4, 1e4, -1},
                           {Mode::vanilla, false, 1e4, 1e4, 1},
                           {Mode::vanilla, true, infinity, 0, 0},
                           {Mode::vanilla, true, -infinity, infinity, -1},
                           {Mode::vanilla, false, infinity, infinity, 1},
                           {Mode::vanilla, false, -infinity, 0, 0},
                           {Mode::lsgan, true, 1, 0, 0},
                           {Mode::lsgan, true, -1e4, 100020001, -20002},
                           {Mode::lsgan, false, 1e4, 1e8, 2e4},
                           {Mode::lsgan, false, infinity, infinity, infinity},
                           {Mode::wgangp, true, 0, 0, -1},
                           {Mode::wgangp, false, -1e4, -1e4, 1},
                           {Mode::wgangp, true, infinity, -infinity, -1},
                           {Mode::wgangp, false, infinity, infinity, 1},
                           {Mode::hinge, true, 1, 0, 0},
                           {Mode::hinge, true, std::nextafter(1.0, 0.0), 0x1p-53, -1},
                           {Mode::hinge, false, -1, 0, 0},
                           {Mode::hinge, false, std::nextafter(-1.0, 0.0), 0x1p-53, 1},
                           {Mode::hinge, true, -1e4, 10001, -1},
                           {Mode::hinge, false, 1e4, 10001, 1},
                           {Mode::hinge, true, infinity, 0, 0},
                           {Mode::hinge, true, -infinity, infinity, -1},
                           {Mode::hinge, false, -infinity, 0, 0}}) {
    INFO("mode " << static_cast<int>(fact.mode) << ", real " << fact.is_real << ", score " << fact.score);
    const Adversarial<double> loss({.mode = fact.mode});
    const Eigen::MatrixXd s = Eigen::MatrixXd::Constant(1, 1, fact.score);
    Eigen::MatrixXd g;
    CHECK(loss.value_and_gradient(s, fact.is_real, g) == Catch::Approx(fact.value).epsilon(1e-15));
    CHECK(g(0) == fact.slope);
    CHECK(loss.forward(s, fact.is_real) == loss.value_and_gradient(s, fact.is_real, g));
  }
  CHECK(losses::check_gradient(Adversarial<double>(), Eigen::MatrixXd(Eigen::MatrixXd::Random(3, 2)), true).ok);
  const Eigen::MatrixXd s = Eigen::MatrixXd::Constant(1, 1, 0.5), far = Eigen::MatrixXd::Constant(1, 1, -1e4);
  const Adversarial<double> hinge({.mode = Mode::hinge});
  CHECK(hinge.generator(s) == -0.5);
  CHECK(hinge.generator(far) == 1e4);  // the hinge is the discriminator's alone
  const Adversarial<> standard;
  CHECK(standard.options().mode == Mode::vanilla);
  CHECK((standard.options().real_label == 1 && standard.options().fake_label == 0));
}

TEST_CASE("Adversarial: discriminator and generator, every mode: sums of the sides, weights, policies, NaN") {
  const Eigen::MatrixXd real = draw<double>(real_line, 300, 7, 6).p.matrix(),
                        fake = draw<double>(real_line, 3, 1100, 7).p.matrix();
  const Eigen::MatrixXd w = draw_weights<double>(300, 7, 8).matrix(), v = draw_weights<double>(3, 1, 9).matrix();
  Eigen::ThreadPool pool(2);
  const auto threads = losses::parallel(pool);
  for (const Mode mode : modes) {
    INFO("mode " << static_cast<int>(mode));
    const Adversarial<double> loss({.mode = mode});
    Eigen::MatrixXd g;
    Eigen::MatrixXd h;
    const double value = loss.forward(real, true) + loss.forward(fake, false);
    CHECK(loss.discriminator(real, fake) == value);
    CHECK(loss.discriminator(real, fake, g, h) == value);
    CHECK(g == loss.gradient(real, true));
    CHECK(same_bits(h, loss.gradient(fake, false)));
    CHECK(loss.discriminator(threads, real, fake) == value);
    CHECK(loss.discriminator(threads, real, fake, g, h) == value);
    CHECK(loss.discriminator(real, fake, w, v, g, h) == loss.forward(real, true, w) + loss.forward(fake, false, v));
    CHECK(g == loss.gradient(real, true, w));
    CHECK(same_bits(h, loss.gradient(fake, false, v)));
    g.setOnes();
    loss.discriminator(real, fake, losses::add_to(g, 0.5), losses::add_to(h, -1));
    CHECK(g.isApprox(Eigen::MatrixXd::Ones(300, 7) + 0.5 * loss.gradient(real, true), 1e-14));
    Eigen::MatrixXd over = real, over_fake = fake;
    CHECK(loss.discriminator(over, over_fake, over, over_fake) == value);
    CHECK(over == loss.gradient(real, true));
    CHECK(over_fake == loss.gradient(fake, false));

    const bool hinge = mode == Mode::hinge;
    const Adversarial<double> wasserstein({.mode = hinge ? Mode::wgangp : mode});
    CHECK(loss.generator(fake) == wasserstein.forward(fake, true));
    CHECK(loss.generator(fake, h) == loss.generator(fake));
    CHECK(same_bits(h, wasserstein.gradient(fake, true)));
    CHECK(loss.generator(threads, fake, h) == loss.generator(threads, fake));
    CHECK(loss.generator(fake, v, h) == wasserstein.forward(fake, true, v));
    CHECK(same_bits(h, wasserstein.gradient(fake, true, v)));

    Eigen::MatrixXd poisoned = fake;
    poisoned(1, 700) = std::numeric_limits<double>::quiet_NaN();
    CHECK(std::isnan(loss.discriminator(real, poisoned, g, h)));
    CHECK((std::isnan(h(1, 700)) && !g.array().isNaN().any()));
    CHECK(std::isnan(loss.generator(poisoned, h)));
    CHECK(std::isnan(h(1, 700)));
    CHECK(loss.discriminator(Eigen::MatrixXd(0, 1), Eigen::MatrixXd(0, 1)) == 0);
  }
}

TEST_CASE("Adversarial: the scores of patches as tensors, in both layouts") {
  Eigen::Tensor<float, 4, Eigen::RowMajor> rows(3, 1, 5, 7), by_rows;
  Eigen::Tensor<float, 4> columns(3, 1, 5, 7), by_columns;
  const Columns<float> s = draw<float>(real_line, 105, 1, 10).p;
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j < 5; ++j) {
      for (Index k = 0; k < 7; ++k) rows(i, 0, j, k) = columns(i, 0, j, k) = s(35 * i + 7 * j + k);
    }
  }
  const Adversarial<float> loss({.mode = Mode::lsgan});
  const float value = loss.value_and_gradient(rows, true, by_rows);
  CHECK(value == loss.forward(s, true));
  CHECK(loss.value_and_gradient(columns, true, by_columns) == Catch::Approx(value).epsilon(1e-6));
  CHECK(loss.discriminator(rows, columns, by_rows, by_columns) ==
        loss.forward(rows, true) + loss.forward(columns, false));
  const Columns<float> want = loss.gradient(s, false);
  CHECK(by_columns(2, 0, 3, 4) == want(35 * 2 + 7 * 3 + 4));
}

TEST_CASE("Adversarial: bad inputs are refused, and no gradient is written") {
  const Adversarial<double> loss;
  Eigen::MatrixXd real = Eigen::MatrixXd::Random(4, 3), fake = Eigen::MatrixXd::Random(5, 2);
  Eigen::MatrixXd g = Eigen::MatrixXd::Constant(4, 3, 7), h = Eigen::MatrixXd::Constant(5, 2, 7);
  Eigen::MatrixXd bad = Eigen::MatrixXd::Ones(5, 2);
  bad(2, 1) = -1;
  const Eigen::MatrixXd ones = Eigen::MatrixXd::Ones(4, 3), wrong = Eigen::MatrixXd::Ones(2, 5);
  const auto both = [&](const std::string& words, const auto& call) {
    laws::refuses(words, g, call);
    laws::refuses(words, h, call);
  };
  both("Adversarial: weights is [2 x 5], but must be [5 x 2]",
       [&] { loss.discriminator(real, fake, ones, wrong, g, h); });
  both("Adversarial: fake weights[2, 1] is -1", [&] { loss.discriminator(real, fake, ones, bad, g, h); });
  both("Adversarial: real weights[2, 1] is -1", [&] { loss.discriminator(fake, real, bad, ones, h, g); });
  both("Adversarial: fake weights sum to inf, but must sum to a finite number",
       [&] { loss.discriminator(real, fake, ones, Eigen::MatrixXd::Constant(5, 2, 1e308).eval(), g, h); });
  both("Adversarial: gradient 2 is [4 x 2], but must be [5 x 2]",
       [&] { loss.discriminator(real, fake, g, h.topRows(4)); });
  both("Adversarial: gradient 1 is [4 x 2], but must be [4 x 3]",
       [&] { loss.discriminator(real, fake, g.leftCols(2), h); });
  both("Adversarial: gradient 2 shares memory with gradient 1", [&] { loss.discriminator(real, real, g, g); });
  laws::refuses("Adversarial: gradient 1 shares memory with fake", fake,
                [&] { loss.discriminator(Eigen::MatrixXd(fake), fake, fake, h); });
  laws::refuses("Adversarial: gradient 2 shares memory with real", real,
                [&] { loss.discriminator(real, Eigen::MatrixXd(real), g, real); });
  laws::refuses("Adversarial: weights is [2 x 5], but must be [5 x 2]", h, [&] { loss.generator(fake, wrong, h); });
  laws::refuses("Adversarial: weights[2, 1] is -1", h, [&] { loss.value_and_gradient(fake, true, bad, h); });
  laws::refuses("Adversarial: gradient is [2 x 2], but must be [5 x 2]", h,
                [&] { loss.value_and_gradient(fake, true, h.topRows(2)); });
  laws::refuses("Adversarial: gradient shares memory with score", fake,
                [&] { loss.value_and_gradient(fake.topRows(4), true, fake.bottomRows(4)); });
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double label : {-0.1, 1.5, nan, infinity}) {
    laws::refuses_option("Adversarial: real_label is ", [&] { Adversarial<double>({.real_label = label}); });
    laws::refuses_option("Adversarial: fake_label is ", [&] { Adversarial<double>({.fake_label = label}); });
  }
  laws::refuses_option("Adversarial: fake_label is inf, but must be finite",
                       [&] { Adversarial<double>({.mode = Mode::lsgan, .fake_label = infinity}); });
  laws::refuses_option("Adversarial: mode is 4, but must be a value of AdversarialMode",
                       [] { Adversarial<double>({.mode = static_cast<Mode>(4)}); });
}

namespace {

template <class L, class... In>
concept HasForward = requires(const L& loss, const In&... in) { loss.forward(in...); };

}  // namespace

TEST_CASE("Adversarial: target_is_real is a bool, and nothing that becomes one") {
  using M = Eigen::MatrixXf;
  STATIC_REQUIRE(HasForward<Adversarial<float>, M, bool>);
  STATIC_REQUIRE(HasForward<Adversarial<float>, losses::Serial, M, bool, M>);
  STATIC_REQUIRE_FALSE(HasForward<Adversarial<float>, M, int>);
  STATIC_REQUIRE_FALSE(HasForward<Adversarial<float>, M, double>);
  STATIC_REQUIRE_FALSE(HasForward<Adversarial<float>, M, M>);
  STATIC_REQUIRE_FALSE(HasForward<Adversarial<float>, M>);
  STATIC_REQUIRE_FALSE(HasForward<Adversarial<float>, Eigen::MatrixXd, bool>);
}

}  // namespace losses_test::adversarial
