// SPDX-License-Identifier: MIT

#include <losses/classification/adaptive_label_smoothing.hpp>
#include <losses/classification/label_smoothing.hpp>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "row_cases.hpp"
#include "smoothed_target.hpp"

namespace losses_test::adaptive_label_smoothing {

using losses::AdaptiveLabelSmoothing;
using losses::Reduction;

namespace {

struct Reference {
  template <class Rule>
  Jet operator()(const Rule& rule, const std::vector<Jet>& row, Index label) const {
    return reference::cross_entropy(row, target(rule, row, label));
  }
  template <class Rule>
  Real weight(const Rule& rule, Index label) const {
    return rows::class_weight(rule, label);
  }
  template <class Rule>
  Real largest(const Rule& rule, const std::vector<Jet>& row, Index k, Index label) const {
    return rows::largest_of_target(row, target(rule, row, label), k);
  }

 private:
  template <class Rule>
  static std::vector<Real> target(const Rule& rule, const std::vector<Jet>& row, Index label) {
    return rows::smoothed_target(row, label, sigmoid(Jet(static_cast<Real>(rule.parameter))).f, true,
                                 rule.class_weights);
  }
};

/// d/dparameter of the sum: a dual number through the parameter; and the largest term in it.
struct Slope {
  Real value = 0, size = 0;
};

template <class T>
Slope parameter_slope(const losses::rule::AdaptiveLabelSmoothing<T>& rule, const Columns<T>& x,
                      const laws::LabelVector& y, const Columns<T>* weights) {
  Slope total;
  for (Index i = 0; i < x.rows(); ++i) {
    if (y(i) == rule.ignore_index) continue;
    const Real share = weights != nullptr ? static_cast<Real>((*weights)(i)) : 1;
    if (share == 0 || std::isinf(x(i, static_cast<Index>(y(i))))) continue;
    std::vector<Jet> row;
    Real open = 0;
    for (Index k = 0; k < x.cols(); ++k) {
      row.emplace_back(std::isinf(x(i, k)) ? -reference::infinity : static_cast<Real>(x(i, k)));
      open += std::isinf(x(i, k)) ? 0 : 1;
    }
    if (open < 2) continue;
    const Jet e = sigmoid(Jet::variable(static_cast<Real>(rule.parameter)));
    for (Index k = 0; k < x.cols(); ++k) {
      if (std::isinf(x(i, k))) continue;
      const Jet q = (k == y(i) ? Jet(1) - e : e / (open - 1)) * rows::class_weight(rule, k);
      const Jet term = -share * q * reference::log_softmax(row, static_cast<std::size_t>(k)).f;
      total.value += term.d;
      total.size = std::max(total.size, std::fabs(term.d));
    }
  }
  return total;
}

}  // namespace

TEST_CASE("AdaptiveLabelSmoothing: the laws", "[laws]") {
  laws::check(laws::rows("AdaptiveLabelSmoothing", AdaptiveLabelSmoothing<float>({.parameter = -1.5f}),
                         AdaptiveLabelSmoothing<double>({.parameter = -1.5}), Reference{}, -100));
}

TEST_CASE("AdaptiveLabelSmoothing: the parameter starts at the logit of 0.1, and is LabelSmoothing with that e") {
  const AdaptiveLabelSmoothing<double> loss;
  CHECK(loss.rule().smoothing() == Catch::Approx(0.1).epsilon(1e-15));
  CHECK(AdaptiveLabelSmoothing<double>({.parameter = 0.1}).rule().smoothing() == Catch::Approx(0.525).epsilon(1e-3));
  const Columns<double> x = laws::draw_logits<double>(30, 6, 341);
  const auto y = laws::draw_labels(30, 6, 342, -100);
  const losses::LabelSmoothing<double> fixed({.smoothing = loss.rule().smoothing()});
  CHECK(loss.forward(x, y) == fixed.forward(x, y));
  CHECK(same_bits(loss.gradient(x, y), fixed.gradient(x, y)));
}

TEST_CASE("AdaptiveLabelSmoothing: both gradients are PyTorch's") {
  // e = torch.sigmoid(torch.tensor(-1.)), q = 1 - e at the label, e/2 elsewhere; -(q * torch.log_softmax(x, 1)).sum(1).mean()
  const AdaptiveLabelSmoothing<double> loss({.parameter = -1});
  rows::expect(loss, rows::sample_logits(), rows::sample_labels(), 1.2444718707416631,
               {0.029811367737506922, -0.019464744611131568, -0.010346623126375326, -0.018850238273121829,
                0.048236973719465503, -0.029386735446343685, -0.092967618211866568, 0.11443258987529041,
                -0.021464971663423822, 0.1068077301807684, 0.051554637593650587, -0.15836236777441898});
  Columns<double> g;
  double parameter_grad = 0;
  CHECK(loss.value_and_gradient(rows::sample_logits(), rows::sample_labels(), g, parameter_grad) ==
        Catch::Approx(1.2444718707416631).epsilon(1e-15));
  CHECK(parameter_grad == Catch::Approx(0.21504430198287081).epsilon(1e-14));
}

namespace {

template <class T>
void check_parameter(const losses::rule::AdaptiveLabelSmoothing<T>& rule) {
  for (const auto& shape : {std::pair<Index, Index>{0, 4}, {1, 4}, {37, 4}, {500, 4}}) {
    const Index n = shape.first, c = shape.second;
    Columns<T> x = laws::draw_logits<T>(n, c, 343);
    const auto y = laws::draw_labels(n, c, 344, rule.ignore_index);
    for (Index i = 0; i < n; i += 3) x(i, i % c) = -std::numeric_limits<T>::infinity();  // also at labels
    for (Index i = 0; i < n; i += 17) {
      for (Index k = 0; k < c; ++k) {
        if (k != y(i)) x(i, k) = -std::numeric_limits<T>::infinity();  // nothing to smooth over
      }
    }
    const Columns<T> weights = draw_weights<T>(n, 1, 345);
    const Rows<T> row_major = x;
    for (const Columns<T>* w : {static_cast<const Columns<T>*>(nullptr), &weights}) {
      const Slope want = parameter_slope(rule, x, y, w);
      const AdaptiveLabelSmoothing<T> sum(rule, Reduction::sum), mean(rule);
      Columns<T> g;
      Rows<T> g_rows;
      T by_columns = 7, by_rows = 7, by_mean = 7;
      const auto run = [&](const auto& loss, const auto& logits, auto& grad, T& parameter_grad) {
        return w != nullptr ? loss.value_and_gradient(logits, y, *w, grad, parameter_grad)
                            : loss.value_and_gradient(logits, y, grad, parameter_grad);
      };
      const T value = run(sum, x, g, by_columns);
      CHECK(value == (w != nullptr ? sum.forward(x, y, *w) : sum.forward(x, y)));
      CHECK(same_bits(g, w != nullptr ? sum.gradient(x, y, *w) : sum.gradient(x, y)));
      run(sum, row_major, g_rows, by_rows);
      run(mean, x, g, by_mean);
      const double denominator = (w != nullptr ? mean.partial(x, y, *w) : mean.partial(x, y)).weight;
      const Real bound = laws::slope_bound<T> * want.size;
      CHECK(std::fabs(static_cast<Real>(by_columns) - want.value) <= bound);
      CHECK(std::fabs(static_cast<Real>(by_rows) - want.value) <= bound);
      if (denominator > 0) {
        const Real divided = want.value / static_cast<Real>(denominator);
        CHECK(std::fabs(static_cast<Real>(by_mean) - divided) <= bound / static_cast<Real>(denominator));
      } else {
        CHECK(by_mean == 0);
      }
    }
  }
}

}  // namespace

TEST_CASE("AdaptiveLabelSmoothing: the parameter's gradient is the dual number's") {
  check_parameter<float>({.parameter = -2});
  check_parameter<double>({.parameter = 0.5});
  check_parameter<float>({.class_weights = {0.5f, 2.f, 1.5f, 0.f}, .ignore_index = 2});
  check_parameter<double>({.class_weights = {0.5, 2, 1.5, 0}, .ignore_index = 2});
}

TEST_CASE("AdaptiveLabelSmoothing: the parameter's gradient has the same bits for any number of threads and in place") {
  const Columns<float> x = laws::draw_logits<float>(20011, 13, 346);
  const auto y = laws::draw_labels(20011, 13, 347, -100);
  const AdaptiveLabelSmoothing<float> loss;
  Columns<float> want, g;
  float one = 0, many = 0;
  const float value = loss.value_and_gradient(x, y, want, one);
  Eigen::ThreadPool pool(3);
  CHECK(loss.value_and_gradient(losses::parallel(pool), x, y, g, many) == value);
  CHECK(many == one);
  CHECK(same_bits(g, want));
  Columns<float> both = x;
  CHECK(loss.value_and_gradient(both, y, both, many) == value);
  CHECK(many == one);
  CHECK(same_bits(both, want));
  g.setConstant(1);
  loss.value_and_gradient(x, y, losses::add_to(g, 0.5), many);
  CHECK(many == one);  // written, whatever is done with the other
  CHECK((g - (1 + 0.5f * want)).abs().maxCoeff() < 1e-6f);
}

TEST_CASE("AdaptiveLabelSmoothing: NaN in, NaN out; an infinite logit is the limit") {
  Columns<float> x = laws::draw_logits<float>(3, 4, 348), g;
  float parameter_grad = 0;
  const AdaptiveLabelSmoothing<float> loss;
  for (Index k = 0; k < 4; ++k) {
    Columns<float> poisoned = x;
    poisoned(1, k) = rows::not_a_number;
    CHECK(std::isnan(loss.value_and_gradient(poisoned, rows::labels({0, 2, 3}), g, parameter_grad)));
    CHECK(std::isnan(parameter_grad));
  }
  CHECK(loss.value_and_gradient(rows::row(rows::infinity, 0), rows::labels({0}), g, parameter_grad) == rows::infinity);
  CHECK(parameter_grad == rows::infinity);  // the other class costs ε·inf
  CHECK(loss.value_and_gradient(rows::row(3e38, -3e38), rows::labels({0}), g, parameter_grad) > 5e37f);
  CHECK(parameter_grad == Catch::Approx(0.09 * 6e38).epsilon(1e-5));
}

TEST_CASE("AdaptiveLabelSmoothing: the parameter's gradient is finite where a sum of differences is not") {
  const double gap = 0.9 * std::numeric_limits<double>::max();
  Columns<double> x = Columns<double>::Constant(1, 7, -gap / 2), g;
  x(0, 2) = gap / 2;
  double parameter_grad = 0;
  losses::AdaptiveLabelSmoothing<double>({.parameter = 0}).value_and_gradient(x, rows::labels({2}), g, parameter_grad);
  CHECK(parameter_grad == Catch::Approx(gap / 4));  // ε(1 − ε) times the mean difference
}

TEST_CASE("AdaptiveLabelSmoothing: a step of the parameter lowers the loss") {
  Columns<double> x = Columns<double>::Zero(400, 5);
  laws::LabelVector y(400);
  Random random(349);
  for (Index i = 0; i < 400; ++i) {
    x(i, i % 5) = 2;  // p = 0.65: less certain than the labels are
    y(i) = random.unit() < 0.2 ? (i + 1) % 5 : i % 5;
  }
  double parameter = 0, slope = 0;
  Columns<double> g;
  const AdaptiveLabelSmoothing<double> first({.parameter = parameter});
  const double before = first.value_and_gradient(x, y, g, slope);
  CHECK(slope > 0);  // less smoothing costs less, on the training data
  const AdaptiveLabelSmoothing<double> next({.parameter = parameter - slope});
  CHECK(next.forward(x, y) < before);
}

TEST_CASE("AdaptiveLabelSmoothing: what is refused leaves both gradients as they were") {
  const Columns<float> x = laws::draw_logits<float>(3, 4, 350);
  Columns<float> g = x;
  float parameter_grad = 7;
  const AdaptiveLabelSmoothing<float> loss;
  laws::refuses("AdaptiveLabelSmoothing: target[1] is 4, but must be in [0, 4)", g,
                [&] { (void)loss.value_and_gradient(x, rows::labels({0, 4, 1}), g, parameter_grad); });
  Columns<float> memory(4, 4);
  memory.setConstant(5);
  laws::refuses("AdaptiveLabelSmoothing: gradient", memory,
                [&] { (void)loss.value_and_gradient(x, rows::labels({0, 3, 1}), memory.topRows(2), parameter_grad); });
  CHECK(parameter_grad == 7);
  laws::refuses_option("AdaptiveLabelSmoothing: parameter is ",
                       [&] { AdaptiveLabelSmoothing<float>({.parameter = rows::not_a_number}); });
  rows::check_class_weights<AdaptiveLabelSmoothing<float>>(
      "AdaptiveLabelSmoothing", "class_weights",
      [](const auto& weights) { return AdaptiveLabelSmoothing<float>({.class_weights = weights}); });
  rows::check_label_types(loss, "AdaptiveLabelSmoothing");
}

}  // namespace losses_test::adaptive_label_smoothing
