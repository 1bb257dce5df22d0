// SPDX-License-Identifier: MIT

#include <losses/regression/gaussian_nll.hpp>

#include "laws.hpp"

using namespace losses_test;

namespace {

template <class T>
void laws_of_gaussian_nll() {
  const losses::GaussianNLL<T> plain, full({.full = true, .epsilon = T(0.0625)});
  for (const auto& shape : laws::shapes<T>()) {
    const Index n = shape.first, c = shape.second;
    const auto in = draw<T>(real_line, n, c, 71);
    Columns<T> variance = draw_weights<T>(n, c, 72).square();
    if (n * c > 2) variance(1) = 0;  // below epsilon
    const Columns<T> weights = draw_weights<T>(n, c, 73);
    for (const auto* loss : {&plain, &full}) {
      INFO(laws::type_name<T> << " [" << n << " x " << c << "]" << (loss == &full ? ", full" : ""));
      const auto compare = [&](const Columns<T>& used, const auto&... w) {
        Real sum = 0, magnitude = 0, weight = 0;
        laws::Worst worst;
        Columns<T> gm = Columns<T>::Constant(n, c, std::numeric_limits<T>::quiet_NaN()), gv = gm;
        const T value = loss->value_and_gradient(in.p, variance, in.y, w..., gm, gv);
        for (Index i = 0; i < used.size(); ++i) weight += static_cast<Real>(used(i));
        for (Index i = 0; i < used.size(); ++i) {
          const auto evaluate = [&](Jet m, Jet v) {
            return reference::gaussian_nll(m, v, in.y(i), loss->rule().full, loss->rule().epsilon);
          };
          const Jet by_mean = evaluate(Jet::variable(in.p(i)), variance(i));
          const Jet by_variance = evaluate(in.p(i), Jet::variable(variance(i)));
          const Real share = static_cast<Real>(used(i)) / weight;
          const Real v = std::max(static_cast<Real>(variance(i)), static_cast<Real>(loss->rule().epsilon));
          sum += share * by_mean.f;
          magnitude += share * std::max(std::fabs(by_mean.f), std::fabs(std::log(v)));
          worst.see(std::fabs(static_cast<Real>(gm(i)) - share * by_mean.d),
                    laws::slope_bound<T> * std::fabs(share * by_mean.d) + 1e-40L,
                    [&] { return "mean, " + laws::at(in.p(i), in.y(i), gm(i), share * by_mean.d); });
          worst.see(std::fabs(static_cast<Real>(gv(i)) - share * by_variance.d),
                    laws::slope_bound<T> * share * std::max(std::fabs(by_variance.d), 1 / (2 * v)),
                    [&] { return "variance, " + laws::at(in.p(i), in.y(i), gv(i), share * by_variance.d); });
        }
        INFO(worst.where);
        CHECK(worst.ratio <= 1);
        CHECK(loss->forward(in.p, variance, in.y, w...) == value);
        if (n * c > 0)
          CHECK(std::fabs(static_cast<Real>(value) - sum) <=
                laws::value_bound<T> * std::max(std::fabs(sum), magnitude));
        if (n * c == 0) CHECK(value == 0);
        if (n * c == 0) {
          CHECK(loss->value(loss->partial(in.p, variance, in.y, w...)) == 0);
        } else {
          const auto half = n / 2;
          const auto part = [&](Index from, Index rows) {
            return loss->partial(in.p.middleRows(from, rows), variance.middleRows(from, rows),
                                 in.y.middleRows(from, rows), w.middleRows(from, rows)...);
          };
          CHECK(laws::close<T>(loss->value(part(0, half) + part(half, n - half)), value, magnitude));
        }
        Rows<T> other_mean, other_variance;
        const Rows<T> rows = in.p;
        (void)loss->value_and_gradient(rows, variance, in.y, w..., other_mean, other_variance);
        CHECK(same_bits(other_mean, gm));
        CHECK(same_bits(other_variance, gv));
      };
      compare(Columns<T>::Ones(n, c));
      compare(weights, weights);
    }
  }
  for (Index n = 1; n <= 33; ++n) {
    const auto in = draw<T>(real_line, n, 1, 74);
    for (Index i = 0; i < n; ++i) {
      for (int which = 0; which < 3; ++which) {
        Columns<T> mean = in.p, variance = Columns<T>::Ones(n, 1), y = in.y, gm, gv;
        (which == 0 ? mean : which == 1 ? variance : y)(i) = std::numeric_limits<T>::quiet_NaN();
        CHECK(std::isnan(plain.value_and_gradient(mean, variance, y, gm, gv)));
        CHECK((std::isnan(gm(i)) && std::isnan(gv(i))));
      }
    }
  }
}

}  // namespace

TEST_CASE("GaussianNLL: the laws", "[laws]") {
  laws_of_gaussian_nll<float>();
  laws_of_gaussian_nll<double>();
}

TEST_CASE("GaussianNLL: values and both gradients are PyTorch's, through the clamp too") {
  const Eigen::Vector4d mean(0.5, -1.25, 3, 0.25), variance(0.5, 2, 1e-8, 1), y(1, 0.75, 3.001, 0);
  Eigen::Vector4d g_mean, g_variance;
  // torch.nn.functional.gaussian_nll_loss(mean, y, variance)
  CHECK(losses::GaussianNLL<double>().value_and_gradient(mean, variance, y, g_mean, g_variance) ==
        Catch::Approx(-1.2816263197455617).epsilon(1e-14));
  CHECK((g_mean - Eigen::Vector4d(-0.25, -0.25, -249.99999999997246, 0.0625)).norm() < 1e-10);
  CHECK((g_variance - Eigen::Vector4d(0.125, -0.0625, 2.7532223612070084e-08, 0.1171875)).norm() < 1e-9);
  // … full=True
  CHECK(losses::GaussianNLL<double>({.full = true}).forward(mean, variance, y) ==
        Catch::Approx(-0.36268778654088918).epsilon(1e-14));
}

TEST_CASE("GaussianNLL: the gradient of the variance is 0 where it is the squared residual") {
  Eigen::Matrix<double, 1, 1> m(3), v(4), y(1), g_mean, g_variance;
  CHECK(losses::GaussianNLL<double>().value_and_gradient(m, v, y, g_mean, g_variance) ==
        Catch::Approx(0.5 * (std::log(4.0) + 1)).epsilon(1e-15));
  CHECK((g_mean(0) == 0.5 && g_variance(0) == 0));
}

TEST_CASE("GaussianNLL: the default epsilon is PyTorch's 1e-6") {
  CHECK(losses::GaussianNLL<double>().rule().epsilon == 1e-6);
}

TEST_CASE("GaussianNLL: bad shapes, variances and options are refused") {
  const losses::GaussianNLL<float> loss;
  const Columns<float> p = Columns<float>::Ones(3, 2), other = Columns<float>::Ones(2, 3);
  Columns<float> g = p, v = p, h = p;
  laws::refuses("GaussianNLL: ", g, [&] { (void)loss.value_and_gradient(p, other, p, g, v); });
  laws::refuses("GaussianNLL: ", g, [&] { (void)loss.value_and_gradient(p, p, other, g, v); });
  Eigen::Map<Columns<float>> small(h.data(), 2, 3);
  laws::refuses("GaussianNLL: ", h, [&] { (void)loss.value_and_gradient(p, p, p, g, small); });
  laws::refuses("shares memory", g, [&] { (void)loss.value_and_gradient(p, p, p, g, g); });
  Columns<float> negative = p;
  negative(2, 1) = -1;
  laws::refuses("GaussianNLL: variance[2, 1] is -1", g, [&] { (void)loss.value_and_gradient(p, negative, p, g, v); });
  for (const float epsilon : {-1.f, std::numeric_limits<float>::quiet_NaN()}) {
    laws::refuses_option("GaussianNLL: epsilon is ", [&] { losses::GaussianNLL<float>({.epsilon = epsilon}); });
  }
}
