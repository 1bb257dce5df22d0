// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/kl_divergence.hpp>

#include "row_cases.hpp"

namespace losses_test::kl_divergence {

using losses::KLDivergence;
using losses::Reduction;

namespace {

/// torch.nn.functional.kl_div.
constexpr auto formula = [](const auto& rule, Jet x, Jet y) {
  const Jet q = rule.log_target ? exp(y) : y;
  if (q.f == 0) return std::isnan(y.f) ? y : Jet(0);
  return q * ((rule.log_target ? y : log(y)) - x);
};

/// y log y and y x may cancel.
constexpr auto scale = [](const auto& rule, Real x, Real y) {
  const Real q = rule.log_target ? std::exp(y) : y;
  const Real log_q = q == 0 ? Real(0) : rule.log_target ? y : std::log(q);
  return laws::Scale{.value = q == 0 ? Real(0) : q * (std::fabs(log_q) + std::fabs(x)), .slope = q};
};

template <class T>
void check_log_target() {
  const KLDivergence<T> loss({.log_target = true}, Reduction::sum);
  const Columns<T> x = laws::draw_logits<T>(4000, 3, 394), y = -laws::draw_logits<T>(4000, 3, 395).abs();
  const Columns<T> g = loss.gradient(x, y);
  laws::Worst value, slope;
  for (Index i = 0; i < x.size(); ++i) {
    const Real p = static_cast<Real>(x(i)), t = static_cast<Real>(y(i));
    const Jet want = formula(loss.rule(), Jet::variable(p), Jet(t));
    const laws::Scale size = scale(loss.rule(), p, t);
    const Columns<T> one = Columns<T>::Constant(1, 1, x(i)), target = Columns<T>::Constant(1, 1, y(i));
    const auto here = [&] { return laws::number(p) + ", " + laws::number(t); };
    const Real tiny = static_cast<Real>(std::numeric_limits<T>::min());
    value.see(std::fabs(static_cast<Real>(loss.forward(one, target)) - want.f),
              laws::value_bound<T> * size.value + tiny, here);
    slope.see(std::fabs(static_cast<Real>(g(i)) - want.d), laws::slope_bound<T> * size.slope + tiny, here);
  }
  INFO(value.where << "; " << slope.where);
  CHECK(value.ratio <= 1);
  CHECK(slope.ratio <= 1);
}

}  // namespace

TEST_CASE("KLDivergence: the laws", "[laws]") {
  laws::check(laws::element("KLDivergence", KLDivergence<float>(), KLDivergence<double>(), formula,
                            positive_unit_target, scale));
}

TEST_CASE("KLDivergence: log-probabilities as targets are the reference's") {
  check_log_target<float>();
  check_log_target<double>();
}

TEST_CASE("KLDivergence: values and gradients are PyTorch's") {
  Columns<double> log_p = rows::sample_logits();
  for (Index i = 0; i < 4; ++i) log_p.row(i) -= std::log(log_p.row(i).exp().sum());
  const Columns<double> q = rows::matrix<double>(4, 3, {0.2, 0.3, 0.5, 0, 1.0, 0, 0.6, 0.4, 0, 0.1, 0.1, 0.8});
  // x = torch.log_softmax(x, 1); torch.nn.functional.kl_div(x, q, reduction="mean"): divides by n·c
  rows::expect(
      KLDivergence<double>(), log_p, q, 0.15913101864574306,
      {-0.2 / 12, -0.3 / 12, -0.5 / 12, 0, -1 / 12., 0, -0.6 / 12, -0.4 / 12, 0, -0.1 / 12, -0.1 / 12, -0.8 / 12});
  // … reduction="batchmean"
  rows::expect(KLDivergence<double>(Reduction::batch_mean), log_p, q, 0.47739305593722914,
               {-0.05, -0.075, -0.125, 0, -0.25, 0, -0.15, -0.1, 0, -0.025, -0.025, -0.2});
  // t = torch.log_softmax(0.5 * x.flip(0), 1) of the logits; … kl_div(x, t, reduction="mean", log_target=True)
  Columns<double> t = 0.5 * rows::sample_logits().colwise().reverse();
  for (Index i = 0; i < 4; ++i) t.row(i) -= std::log(t.row(i).exp().sum());
  const KLDivergence<double> logs({.log_target = true});
  CHECK(logs.forward(log_p, t) == Catch::Approx(0.16875327386912206).epsilon(1e-14));
  const Columns<double> g = logs.gradient(log_p, t);
  CHECK(g(0, 0) == Catch::Approx(-0.037953611651554239).epsilon(1e-14));
  CHECK(g(3, 2) == Catch::Approx(-0.044021010300673971).epsilon(1e-14));
}

TEST_CASE("KLDivergence: 0 log 0 is 0, and the log-probability beside a target of 0 is never read") {
  for (const float x : {-1.f, 0.f, -rows::infinity, rows::infinity, rows::not_a_number}) {
    const Columns<float> log_p = rows::row(x, std::log(0.5f)), q = rows::row(0, 1);
    Columns<float> g;
    const KLDivergence<float> loss({}, Reduction::sum), logs({.log_target = true}, Reduction::sum);
    CHECK(loss.value_and_gradient(log_p, q, g) == Catch::Approx(0.6931472).epsilon(1e-6));
    CHECK((g(0) == 0 && g(1) == -1));
    CHECK(logs.value_and_gradient(log_p, rows::row(-rows::infinity, 0), g) == Catch::Approx(0.6931472).epsilon(1e-6));
    CHECK((g(0) == 0 && g(1) == -1));
  }
}

TEST_CASE("KLDivergence: a probability of 0 where the target has none costs +inf with slope -y") {
  Columns<float> g;
  CHECK(KLDivergence<float>({}, Reduction::sum)
            .value_and_gradient(rows::row(-rows::infinity, 0), rows::row(0.5, 0.5), g) == rows::infinity);
  CHECK((g(0) == -0.5f && g(1) == -0.5f));
}

TEST_CASE("KLDivergence: of a distribution and itself it is 0; its batch_mean is cross-entropy less the entropy") {
  const Columns<double> x = laws::draw_logits<double>(20, 5, 391) / 8, z = laws::draw_logits<double>(20, 5, 392) / 8;
  Columns<double> log_p = x, q = z.exp();
  double entropy = 0;
  for (Index i = 0; i < 20; ++i) {
    log_p.row(i) -= std::log(x.row(i).exp().sum());
    q.row(i) /= q.row(i).sum();
    entropy -= (q.row(i) * q.row(i).log()).sum() / 20;
  }
  const KLDivergence<double> loss(Reduction::batch_mean);
  CHECK(std::abs(loss.forward(log_p, log_p.exp())) < 1e-14);
  CHECK(loss.forward(log_p, q) ==
        Catch::Approx(losses::CrossEntropy<double>().forward(x, q) - entropy).epsilon(1e-12).margin(1e-13));
}

TEST_CASE("KLDivergence: a target outside [0, 1] is refused, of log-probabilities none") {
  const Columns<float> x = laws::draw_logits<float>(5, 4, 393);
  Columns<float> q = Columns<float>::Constant(5, 4, 0.25f), g = x;
  for (const float bad : {-0.1f, 1.5f, rows::infinity, -rows::infinity}) {
    q(3, 1) = bad;
    laws::refuses("KLDivergence: target[3, 1] is ", g,
                  [&] { (void)KLDivergence<float>().value_and_gradient(x, q, g); });
    if (std::isfinite(bad)) CHECK(std::isfinite(KLDivergence<float>({.log_target = true}).forward(x, q)));
  }
}

}  // namespace losses_test::kl_divergence
