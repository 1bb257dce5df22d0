// SPDX-License-Identifier: MIT

#include <losses/generative/reconstruction.hpp>

#include <limits>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "../classification/binary_reference.hpp"
#include "pictures.hpp"

namespace losses_test::reconstruction {

using losses::Reconstruction;
using losses::ReconstructionKind;
using losses::Reduction;

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

Jet compare(ReconstructionKind kind, Jet p, Jet y, Real epsilon) {
  return kind == ReconstructionKind::bce  ? reference::bce(p, y, epsilon)
         : kind == ReconstructionKind::l1 ? reference::l1(p, y)
                                          : reference::mse(p, y);
}

/// Kingma and Welling, appendix B: −(1 + log σ² − μ² − σ²)/2. Near v = 0 a series stands for exp(v) − 1 − v.
Jet divergence(Jet mu, Jet v) {
  Jet excess = exp(v) - Jet(1) - v;
  if (std::abs(v.f) < 0.1L) {
    excess = 0;
    for (int k = 20; k > 1; --k) excess = v / Jet(k) * (k == 20 ? Jet(1) : Jet(1) + excess);
    excess = excess * v;
  }
  return (mu * mu + excess) / Jet(2);
}

template <class T>
RowMatrix<T> drawn(Index n, Index d, std::uint64_t sequence, double scale = 1, double centre = 0) {
  RowMatrix<T> matrix(n, d);
  for (Index i = 0; i < matrix.size(); ++i) {
    const auto number = static_cast<double>(generated_number(sequence, static_cast<std::uint64_t>(i)));
    matrix.data()[i] = static_cast<T>(number * scale + centre);
  }
  return matrix;
}

struct Batch {
  RowMatrix<double> x = drawn<double>(5, 7, 1, 0.5, 0.5), y = drawn<double>(5, 7, 2, 0.5, 0.5);
  RowMatrix<double> mu = drawn<double>(5, 3, 3), log_variance = drawn<double>(5, 3, 4, 2);
};

constexpr auto kinds = {ReconstructionKind::mse, ReconstructionKind::l1, ReconstructionKind::bce};
constexpr auto reductions = {Reduction::mean, Reduction::sum, Reduction::batch_mean};

}  // namespace

TEST_CASE("Reconstruction: the laws, without a latent space", "[laws]") {
  const auto formula = [](const auto& rule, Jet p, Jet y) {
    return compare(rule.kind, p, y, static_cast<Real>(rule.epsilon));
  };
  const auto scale = [](const auto& rule, Real p, Real y) {
    if (rule.kind != ReconstructionKind::bce) return laws::Scale{};
    const reference::Clamped c(p, rule.epsilon);
    return laws::Scale{.slope = std::max(y / c.yes.f, (1 - y) / c.no.f)};
  };
  for (const auto kind : kinds) {
    laws::check(laws::element("Reconstruction", Reconstruction<float>({.kind = kind}),
                              Reconstruction<double>({.kind = kind}), formula,
                              kind == ReconstructionKind::bce ? both_unit : real_line, scale));
  }
}

TEMPLATE_TEST_CASE("Reconstruction: the divergence is that of the definition, value and slopes", "", float, double) {
  using T = TestType;
  const Reconstruction<T> loss({.kl_weight = 1}, Reduction::sum);
  const RowMatrix<T> nothing = RowMatrix<T>::Zero(1, 1);
  RowMatrix<T> g, g_mu, g_log_variance;
  laws::Worst values, slopes;
  const auto see = [&](T mu, T log_variance) {
    const T value = loss.value_and_gradient(nothing, nothing, RowMatrix<T>::Constant(1, 1, mu).eval(),
                                            RowMatrix<T>::Constant(1, 1, log_variance).eval(), g, g_mu, g_log_variance);
    const Jet by_mu = divergence(Jet::variable(mu), log_variance), by_log = divergence(mu, Jet::variable(log_variance));
    if (!representable<T>(by_mu.f)) {
      CHECK(value == std::numeric_limits<T>::infinity());
      return;
    }
    const auto where = [&] { return laws::at(mu, log_variance, value, by_mu.f); };
    CHECK(value >= 0);
    values.see(std::abs(static_cast<Real>(value) - by_mu.f),
               laws::value_bound<T> * by_mu.f + static_cast<Real>(std::numeric_limits<T>::denorm_min()), where);
    CHECK(g_mu(0) == mu);
    slopes.see(std::abs(static_cast<Real>(g_log_variance(0)) - by_log.d),
               laws::slope_bound<T> * std::abs(by_log.d) + static_cast<Real>(std::numeric_limits<T>::denorm_min()),
               where);
  };
  const auto adversarial = adversarial_values<T>();
  for (const T mu : adversarial) {
    for (const T log_variance : adversarial) see(mu, log_variance);
  }
  Random random(1);
  for (int i = 0; i < 20000; ++i) {
    see(static_cast<T>(random.sign() * random.decades(1e-6, 10)),
        static_cast<T>(random.sign() * random.decades(1e-6, 80)));
  }
  INFO(values.where << "; " << slopes.where);
  CHECK(values.ratio <= 1);
  CHECK(slopes.ratio <= 1);
}

TEST_CASE("Reconstruction: the divergence at zero, in the limits, and at log variances of ±700") {
  const Reconstruction<double> loss({.kl_weight = 1});
  const MatrixXd nothing = MatrixXd::Zero(1, 1);
  MatrixXd g, g_mu, g_log_variance;
  const auto at = [&](double mu, double log_variance) {
    return loss.value_and_gradient(nothing, nothing, MatrixXd::Constant(1, 1, mu).eval(),
                                   MatrixXd::Constant(1, 1, log_variance).eval(), g, g_mu, g_log_variance);
  };
  CHECK((at(0, 0) == 0 && g_mu(0) == 0 && g_log_variance(0) == 0));
  CHECK((at(0, -700) == 349.5 && g_log_variance(0) == -0.5));
  CHECK(at(2, -700) == 351.5);
  CHECK(at(0, 700) == Catch::Approx(std::exp(700.0) / 2).epsilon(1e-13));
  CHECK(g_log_variance(0) == Catch::Approx(std::exp(700.0) / 2).epsilon(1e-13));
  CHECK(at(0, 1e-9) == Catch::Approx(2.5e-19).epsilon(1e-8));  // v²/4: 1 + v − exp(v) would be 0
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK((at(0, infinity) == infinity && g_log_variance(0) == infinity));
  CHECK((at(0, -infinity) == infinity && g_log_variance(0) == -0.5));
  CHECK((at(-infinity, 0) == infinity && g_mu(0) == -infinity && g_log_variance(0) == 0));
  CHECK(at(0, 710) == Catch::Approx(0.5 * std::exp(1.0) * std::exp(709.0)).epsilon(1e-12));
  CHECK((at(0, 711) == infinity && g_log_variance(0) == infinity));
  CHECK((std::isnan(at(std::nan(""), 0)) && std::isnan(g_mu(0))));
  CHECK((std::isnan(at(0, std::nan(""))) && std::isnan(g_log_variance(0))));
}

TEST_CASE("Reconstruction: value and all gradients are PyTorch's") {
  // With number() of vgg16.cpp, in double; x, y = number(1, (5, 7)), number(2, (5, 7)), each * 0.5 + 0.5, mu = number(3, (5, 3)),
  // log_variance = number(4, (5, 3)) * 2:
  //   kl = -0.5 * (1 + log_variance - mu.pow(2) - log_variance.exp())
  //   sum:        F.binary_cross_entropy(x, y, reduction="sum") + kl_weight * kl.sum()     # the VAE of pytorch/examples
  //   mean:       F.mse_loss(x, y) + kl_weight * kl.mean()                                 # or l1_loss, binary_cross_entropy
  //   batch_mean: (F.mse_loss(x, y, reduction="sum") + kl_weight * kl.sum()) / 5
  struct Case {
    ReconstructionKind kind;
    double kl_weight;
    Reduction reduction;
    double value;
    std::array<double, 3> norms;
    std::array<std::array<double, 4>, 3> entries;
  };
  const std::vector<Case> cases = {
      {ReconstructionKind::bce,
       1,
       Reduction::sum,
       45.31884750755787,
       {271.4140017994053, 2.0911411988703796, 2.9833133038183113},
       {{{-5.095485420118127, -4.08432312887447, -0.5286714463217054, 1.963382672592073},
         {-0.06282472610473633, 0.46079885959625244, -0.8680030107498169, 0.5999330282211304},
         {-0.02199377388373236, 0.11152840779061823, 2.283560866163139, -0.30406049774835076}}}},
      {ReconstructionKind::mse,
       0.25,
       Reduction::mean,
       0.3222725710376155,
       {0.1576044332114396, 0.034852353314506326, 0.04972188839697186},
       {{{-0.005581573077610561, -0.03583077362605504, -0.005828050204685756, 0.026886851446969166},
         {-0.001047078768412272, 0.007679980993270874, -0.014466716845830282, 0.009998883803685505},
         {-0.0003665628980622053, 0.0018588067965103032, 0.03805934776938565, -0.005067674962472513}}}},
      {ReconstructionKind::l1,
       4,
       Reduction::mean,
       2.063015528138812,
       {0.16903085094570328, 0.5576376530321012, 0.7955502143515497},
       {{{-1 / 35.0, -1 / 35.0, -1 / 35.0, 1 / 35.0},
         {-0.016753260294596353, 0.12287969589233398, -0.2314674695332845, 0.15998214085896809},
         {-0.005865006368995285, 0.02974090874416485, 0.6089495643101704, -0.0810827993995602}}}},
      {ReconstructionKind::mse,
       1,
       Reduction::batch_mean,
       2.7805577176057987,
       {1.1032310324800776, 0.41822823977407597, 0.5966626607636624},
       {{{-0.03907101154327393, -0.2508154153823853, -0.0407963514328003, 0.18820796012878419},
         {-0.012564945220947267, 0.0921597719192505, -0.1736006021499634, 0.11998660564422609},
         {-0.004398754776746477, 0.022305681558123652, 0.4567121732326278, -0.06081209954967015}}}},
      {ReconstructionKind::bce,
       0.5,
       Reduction::mean,
       1.3248041985212242,
       {7.754685765697294, 0.06970470662901265, 0.09944377679394371},
       {{{-0.14558529771766077, -0.11669494653927057, -0.01510489846633444, 0.056096647788344944},
         {-0.002094157536824544, 0.015359961986541748, -0.028933433691660564, 0.01999776760737101},
         {-0.0007331257961244106, 0.0037176135930206064, 0.0761186955387713, -0.010135349924945025}}}}};
  const Batch in;
  for (const auto& [kind, kl_weight, reduction, value, norms, entries] : cases) {
    const Reconstruction<double> loss({.kind = kind, .kl_weight = kl_weight}, reduction);
    RowMatrix<double> g[3];
    CHECK(loss.value_and_gradient(in.x, in.y, in.mu, in.log_variance, g[0], g[1], g[2]) ==
          Catch::Approx(value).epsilon(1e-13));
    CHECK(loss.forward(in.x, in.y, in.mu, in.log_variance) ==
          loss.value_and_gradient(in.x, in.y, in.mu, in.log_variance, g[0], g[1], g[2]));
    for (std::size_t i = 0; i < 3; ++i) check_entries(numbers(g[i]), norms[i], entries[i], 1e-13);
    const auto [gx, g_mu, g_log_variance] = loss.gradient(in.x, in.y, in.mu, in.log_variance);
    CHECK((gx == g[0] && g_mu == g[1] && g_log_variance == g[2]));
  }
}

TEST_CASE("Reconstruction: the denominators: each part has its own mean, or both have n") {
  const Batch in;
  for (const auto kind : kinds) {
    const Reconstruction<double> alone({.kind = kind}, Reduction::sum);
    const double pixels = alone.forward(in.x, in.y);
    double kl = 0;
    for (Index i = 0; i < 15; ++i) {
      kl += static_cast<double>(divergence(in.mu.data()[i], in.log_variance.data()[i]).f);
    }
    const auto with = [&](double kl_weight, Reduction reduction) {
      return Reconstruction<double>({.kind = kind, .kl_weight = kl_weight}, reduction)
          .forward(in.x, in.y, in.mu, in.log_variance);
    };
    CHECK(with(0.5, Reduction::sum) == Catch::Approx(pixels + 0.5 * kl).epsilon(1e-14));
    CHECK(with(0.5, Reduction::batch_mean) == Catch::Approx((pixels + 0.5 * kl) / 5).epsilon(1e-14));
    CHECK(with(0.5, Reduction::mean) == Catch::Approx(pixels / 35 + 0.5 * kl / 15).epsilon(1e-14));
    // What the comment says: z/d is the lower bound's weight, and kl_weight z sums over the latent axis.
    CHECK(7 * with(3 / 7.0, Reduction::mean) == Catch::Approx(with(1, Reduction::batch_mean)).epsilon(1e-14));
    CHECK(with(3, Reduction::mean) == Catch::Approx(pixels / 35 + kl / 5).epsilon(1e-14));
    for (const auto reduction : reductions) {
      const Reconstruction<double> loss({.kind = kind, .kl_weight = 0.5}, reduction);
      const auto [reconstruction, divergence_of_it] = loss.terms(in.x, in.y, in.mu, in.log_variance);
      CHECK(reconstruction == Reconstruction<double>({.kind = kind}, reduction).forward(in.x, in.y));
      CHECK(reconstruction + 0.5 * divergence_of_it == Catch::Approx(with(0.5, reduction)).epsilon(1e-15));
      const auto part = [&](Index begin, Index size) {
        return loss.partial(in.x.middleRows(begin, size), in.y.middleRows(begin, size), in.mu.middleRows(begin, size),
                            in.log_variance.middleRows(begin, size));
      };
      CHECK(loss.value(part(0, 2) + part(2, 3)) == Catch::Approx(with(0.5, reduction)).epsilon(1e-14));
    }
  }
}

TEST_CASE("Reconstruction: weights are one per sample, for both parts") {
  Batch in;
  const VectorXd weights = (VectorXd(5) << 2, 0, 1, 1, 0).finished();
  const std::vector<Index> kept = {0, 0, 2, 3};  // sample 0 twice
  const auto pick_rows = [&](const RowMatrix<double>& from) { return RowMatrix<double>(from(kept, Eigen::all)); };
  RowMatrix<double> g[3], expected[3];
  for (const auto reduction : reductions) {
    const Reconstruction<double> loss({.kind = ReconstructionKind::bce, .kl_weight = 0.75}, reduction);
    const double want = loss.value_and_gradient(pick_rows(in.x), pick_rows(in.y), pick_rows(in.mu),
                                                pick_rows(in.log_variance), expected[0], expected[1], expected[2]);
    auto poisoned = in;
    for (auto* each : {&poisoned.x, &poisoned.y, &poisoned.mu, &poisoned.log_variance}) {
      each->row(1).setConstant(std::nan(""));
      each->row(4).setConstant(7);  // no probability
    }
    for (auto& each : g) each.setConstant(5, 7, std::nan(""));
    const double n = reduction == Reduction::batch_mean ? 4 / 5.0 : 1;  // batch_mean divides by all samples
    CHECK(loss.value_and_gradient(poisoned.x, poisoned.y, poisoned.mu, poisoned.log_variance, weights, g[0], g[1],
                                  g[2]) == Catch::Approx(n * want).epsilon(1e-14));
    CHECK(loss.forward(poisoned.x, poisoned.y, poisoned.mu, poisoned.log_variance, weights) ==
          Catch::Approx(n * want).epsilon(1e-14));
    for (int i = 0; i < 3; ++i) {
      CHECK((g[i].row(1).array() == 0).all());
      CHECK((g[i].row(4).array() == 0).all());
      CHECK(g[i].row(0).isApprox(2 * n * expected[i].row(0), 1e-13));
      CHECK(g[i].bottomRows(3).topRows(2).isApprox(n * expected[i].bottomRows(2), 1e-13));
    }
  }
  const Reconstruction<double> loss({.kl_weight = 1});
  CHECK(loss.value_and_gradient(in.x, in.y, in.mu, in.log_variance, VectorXd::Zero(5).eval(), g[0], g[1], g[2]) == 0);
  for (const auto& each : g) CHECK((each.array() == 0).all());
}

TEST_CASE("Reconstruction: kl_weight 0 does not look at the latent space; another one wants it") {
  const Batch in;
  const MatrixXd poisoned = MatrixXd::Constant(5, 3, std::nan(""));
  const Reconstruction<double> loss;
  RowMatrix<double> g, alone;
  MatrixXd g_mu = poisoned, g_log_variance = poisoned;
  const double value = loss.value_and_gradient(in.x, in.y, alone);
  CHECK(loss.value_and_gradient(in.x, in.y, poisoned, poisoned, g, g_mu, g_log_variance) == value);
  CHECK(loss.forward(in.x, in.y, poisoned, poisoned) == value);
  CHECK(loss.value(loss.partial(in.x, in.y, poisoned, poisoned)) == value);
  CHECK((g == alone && g_mu == MatrixXd::Zero(5, 3) && g_log_variance == g_mu));
  g_mu.setOnes();
  loss.value_and_gradient(in.x, in.y, poisoned, poisoned, g, losses::add_to(g_mu), g_log_variance);
  CHECK(g_mu == MatrixXd::Ones(5, 3));

  const Reconstruction<double> variational({.kl_weight = 0.5});
  const std::string words = "Reconstruction: kl_weight is 0.5, so mu and log_variance must follow the target";
  laws::refuses(words, g, [&] { (void)variational.forward(in.x, in.y); });
  laws::refuses(words, g, [&] { (void)variational.value_and_gradient(in.x, in.y, g); });
  laws::refuses(words, g, [&] { (void)variational.gradient(in.x, in.y); });
  CHECK(variational.unreduced(in.x, in.y) == loss.unreduced(in.x, in.y));
}

TEST_CASE("Reconstruction: tensors and every order, add_to, in place, NaN, threads") {
  const Reconstruction<double> loss({.kind = ReconstructionKind::l1, .kl_weight = 0.5});
  const auto x = generated_picture<double>(6, 2, 3, 4, 1), y = generated_picture<double>(6, 2, 3, 4, 2);
  const RowMatrix<double> mu = drawn<double>(6, 5, 3), log_variance = drawn<double>(6, 5, 4);
  Picture<double> g;
  RowMatrix<double> g_mu, g_log_variance;
  const double value = loss.value_and_gradient(x, y, mu, log_variance, g, g_mu, g_log_variance);

  const MatrixXd columns = mu;
  MatrixXd g_columns = MatrixXd::Ones(6, 5);
  Picture<double> other;
  CHECK(loss.value_and_gradient(in_columns(x), y, columns, log_variance, other, losses::add_to(g_columns, 2),
                                g_log_variance) == Catch::Approx(value).epsilon(1e-15));
  CHECK(numbers(other) == numbers(g));
  CHECK(g_columns.isApprox(MatrixXd(1 + 2 * g_mu.array()), 1e-15));
  const RowMatrix<double> samples = mu.transpose();  // samples as columns
  CHECK(loss.forward(x, y, samples.transpose(), log_variance) == Catch::Approx(value).epsilon(1e-15));

  auto in_place = x;
  RowMatrix<double> mu_in_place = mu, log_variance_in_place = log_variance;
  CHECK(loss.value_and_gradient(in_place, y, mu_in_place, log_variance_in_place, in_place, mu_in_place,
                                log_variance_in_place) == value);
  CHECK(numbers(in_place) == numbers(g));
  CHECK((mu_in_place == g_mu && log_variance_in_place == g_log_variance));

  for (Index i = 0; i < 30; ++i) {
    RowMatrix<double> poisoned = mu;
    poisoned.data()[i] = std::nan("");
    CHECK(std::isnan(loss.value_and_gradient(x, y, poisoned, log_variance, g, g_mu, g_log_variance)));
    CHECK(std::isnan(g_mu.data()[i]));
    CHECK(std::isnan(loss.forward(x, y, mu, poisoned)));
  }
  auto poisoned = x;
  poisoned.data()[77] = std::nan("");
  CHECK(std::isnan(loss.value_and_gradient(poisoned, y, mu, log_variance, g, g_mu, g_log_variance)));
  CHECK((std::isnan(g.data()[77]) && g_mu.allFinite()));
  const MatrixXd empty(0, 7), no_latent(0, 3);
  MatrixXd g_empty, g_none, g_more;
  CHECK(loss.value_and_gradient(empty, empty, no_latent, no_latent, g_empty, g_none, g_more) == 0);

  const RowMatrix<float> large = drawn<float>(400, 500, 1), target = drawn<float>(400, 500, 2);
  const RowMatrix<float> wide = drawn<float>(400, 600, 3), wide_log = drawn<float>(400, 600, 4);
  const Reconstruction<float> in_float({.kl_weight = 0.25F});
  RowMatrix<float> want[3];
  const float serial = in_float.value_and_gradient(large, target, wide, wide_log, want[0], want[1], want[2]);
  for (const int threads : {1, 2, 3, 4, 8}) {
    Eigen::ThreadPool pool(threads);
    RowMatrix<float> got[3];
    CHECK(in_float.value_and_gradient(losses::parallel(pool), large, target, wide, wide_log, got[0], got[1], got[2]) ==
          serial);
    CHECK(in_float.forward(losses::parallel(pool), large, target, wide, wide_log) == serial);
    for (int i = 0; i < 3; ++i) CHECK(got[i] == want[i]);
  }
}

TEST_CASE("Reconstruction: 2 r beyond the largest number is a finite slope where the mean brings it back") {
  const double most = std::numeric_limits<double>::max();
  const VectorXd p = VectorXd::Constant(40, most), y = VectorXd::Zero(40);
  CHECK((Reconstruction<double>().gradient(p, y) / most).isApprox(VectorXd::Constant(40, 0.05)));
  CHECK(
      Reconstruction<double>({.kind = ReconstructionKind::l1}).gradient(p, y).isApprox(VectorXd::Constant(40, 0.025)));
}

TEST_CASE("Reconstruction: bad options and shapes are refused by name, and nothing is written") {
  for (const double bad : {-1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    laws::refuses_option("Reconstruction: kl_weight is ", [&] { Reconstruction<double>({.kl_weight = bad}); });
  }
  for (const double bad : {0.0, 0.5, -1e-7, std::nan("")}) {
    laws::refuses_option("Reconstruction: epsilon is ", [&] { Reconstruction<double>({.epsilon = bad}); });
  }
  laws::refuses_option("Reconstruction: kind is 3, but must be a value of ReconstructionKind",
                       [&] { Reconstruction<double>({.kind = static_cast<ReconstructionKind>(3)}); });

  const Reconstruction<double> loss({.kind = ReconstructionKind::bce, .kl_weight = 1});
  Batch in;
  RowMatrix<double> g[3] = {in.x, in.mu, in.mu};
  const auto refuses = [&](const std::string& words, const auto&... arguments) {
    for (const auto& each : g) {
      laws::refuses("Reconstruction: " + words, each,
                    [&] { (void)loss.value_and_gradient(arguments..., g[0], g[1], g[2]); });
    }
    laws::refuses("Reconstruction: " + words, g[0], [&] { (void)loss.terms(arguments...); });
  };
  refuses("target is [5 x 3], but must be [5 x 7], the shape of prediction", in.x, in.mu, in.mu, in.log_variance);
  refuses("log_variance is [3 x 5], but must be [5 x 3], the shape of mu", in.x, in.y, in.mu,
          RowMatrix<double>(in.log_variance.transpose()));
  refuses("mu is [4 x 3], but must have the 5 samples of prediction", in.x, in.y, in.mu.topRows(4),
          in.log_variance.topRows(4));
  refuses("weights is [5 x 7], but must be [5], one per sample", in.x, in.y, in.mu, in.log_variance, in.y);
  refuses("weights[2] is -1, but must be", in.x, in.y, in.mu, in.log_variance,
          (VectorXd(5) << 1, 1, -1, 1, 1).finished());
  refuses("weights sum to inf, but must sum to a finite number", in.x, in.y, in.mu, in.log_variance,
          VectorXd::Constant(5, 1e307).eval());  // 7 terms share each
  RowMatrix<double> outside = in.x;
  outside(3, 2) = 1.5;
  refuses("prediction[3, 2] is 1.5, but must be in [0, 1]", outside, in.y, in.mu, in.log_variance);
  refuses("target[3, 2] is 1.5, but must be in [0, 1]", in.x, outside, in.mu, in.log_variance);

  const auto call = [&](auto&& a, auto&& b, auto&& c) {
    return [&] { (void)loss.value_and_gradient(in.x, in.y, in.mu, in.log_variance, a, b, c); };
  };
  laws::refuses("Reconstruction: gradient 2 is [5 x 7], but must be [5 x 3]", g[0],
                call(g[0], losses::add_to(g[0]), g[2]));
  laws::refuses("Reconstruction: gradient 3 shares memory with gradient 2", g[1], call(g[0], g[1], g[1]));
  laws::refuses("Reconstruction: gradient 2 shares memory with log_variance", in.mu, call(g[0], in.log_variance, g[2]));
  laws::refuses("Reconstruction: gradient 1 shares memory with target", in.y, call(in.y, g[1], g[2]));
}

}  // namespace losses_test::reconstruction
