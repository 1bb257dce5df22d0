// SPDX-License-Identifier: MIT
#pragma once

/// What the tests of losses of logits against labels share: small inputs, numbers from elsewhere, labels of every type.

#include <span>
#include <string>
#include <vector>

#include "laws_of_rows.hpp"

namespace losses_test::rows {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

template <class T>
Columns<T> matrix(Index rows, Index columns, const std::vector<double>& row_major) {
  Columns<T> m(rows, columns);
  for (Index i = 0; i < rows; ++i) {
    for (Index k = 0; k < columns; ++k) m(i, k) = static_cast<T>(row_major[static_cast<std::size_t>(i * columns + k)]);
  }
  return m;
}

template <class... X>
Columns<float> row(X... x) {
  return matrix<float>(1, sizeof...(x), {static_cast<double>(x)...});
}

inline laws::LabelVector labels(const std::vector<std::int64_t>& y) {
  return Eigen::Map<const laws::LabelVector>(y.data(), static_cast<Index>(y.size()));
}

/// The logits, labels and class weights of the constants that were computed with PyTorch 1.13 in double: x, y, w.
inline Columns<double> sample_logits() {
  return matrix<double>(4, 3, {1.0, -0.5, 2.0, 0.25, 3.0, -1.0, 0.0, 0.5, -2.0, 1.5, 1.0, -0.25});
}
inline laws::LabelVector sample_labels() {
  return labels({2, 1, 0, 2});
}
inline laws::LabelVector some_sample_labels() {
  return labels({2, -100, 0, 2});
}
inline losses::rule::NumberOrVector<double> sample_weights() {
  return {0.5, 2.0, 1.5};
}

template <class L, class X, class Y>
void expect(const L& loss, const X& x, const Y& y, double value, const std::vector<double>& gradient) {
  Columns<double> g;
  CHECK(loss.value_and_gradient(x, y, g) == Catch::Approx(value).epsilon(2e-15));
  CHECK((g - matrix<double>(x.rows(), x.cols(), gradient)).abs().maxCoeff() < 5e-16);
}

template <class T>
struct Result {
  T value;
  Columns<T> gradient;
};

/// Runs one row of floats as a row-major and a column-major matrix, alone and among others: all must agree.
template <class L>
Result<float> run(const L& loss, const Columns<float>& x, std::int64_t y) {
  const auto same = [](float a, float b) {
    return a == b || std::abs(a - b) <= 2e-6f * std::abs(b) || (std::isnan(a) && std::isnan(b));
  };
  const L sum(loss.rule(), losses::Reduction::sum);
  Result<float> result;
  result.value = sum.value_and_gradient(x, labels({y}), result.gradient);
  CHECK(same(sum.forward(x, labels({y})), result.value));
  const Columns<float> many = x.replicate(37, 1);
  const Rows<float> many_rows = many;
  const laws::LabelVector all = laws::LabelVector::Constant(37, y);
  const Columns<float> terms = sum.unreduced(many, all), row_terms = sum.unreduced(many_rows, all);
  const Columns<float> gradient = sum.gradient(many, all);
  const Rows<float> row_gradient = sum.gradient(many_rows, all);
  Index differs = 0;
  for (Index i = 0; i < 37; ++i) {
    if (!same(terms(i), result.value) || !same(row_terms(i), result.value)) ++differs;
    for (Index k = 0; k < x.cols(); ++k) {
      const float must = result.gradient(0, k);
      if (!same(gradient(i, k), must) || !same(row_gradient(i, k), must)) ++differs;
    }
  }
  CHECK(differs == 0);
  return result;
}

template <class Rule>
Real class_weight(const Rule& rule, Index label) {
  return rule.class_weights.empty() ? Real(1) : static_cast<Real>(rule.class_weights[label]);
}

/// A reference of the form w_y·f(log p_y): `Formula` is called with the rule and the Jet of log p_y.
template <class Formula>
struct OfLogP {
  Formula formula;

  template <class Rule>
  Jet operator()(const Rule& rule, const std::vector<Jet>& row, Index label) const {
    return class_weight(rule, label) * formula(rule, reference::log_softmax(row, static_cast<std::size_t>(label)));
  }
  template <class Rule>
  Real weight(const Rule& rule, Index label) const {
    return class_weight(rule, label);
  }
  template <class Rule>
  Real largest(const Rule& rule, const std::vector<Jet>& row, Index k, Index label) const {
    const Jet log_p = reference::log_softmax(row, static_cast<std::size_t>(label));
    const Real slope = formula(rule, Jet::variable(log_p.f)).d;
    const Real share = k == label ? Real(1) : std::exp(reference::log_softmax(row, static_cast<std::size_t>(k)).f);
    return std::fabs(class_weight(rule, label) * slope) * share;
  }
};

template <class Formula>
OfLogP(Formula) -> OfLogP<Formula>;

/// Labels of every integer type and container are the same labels; one that does not exist is refused in each type, with
/// nothing written. The loss takes 10 classes.
template <class L>
void check_label_types(const L& loss, const std::string& name) {
  using T = typename L::Scalar;
  const Columns<T> x = laws::draw_logits<T>(20, 10, 301);
  const laws::LabelVector y = laws::draw_labels(20, 10, 302);
  Columns<T> want;
  const T value = loss.value_and_gradient(x, y, want);
  const auto check = [&]<class I>(I, const std::vector<std::pair<I, std::string>>& wrong) {
    Eigen::Matrix<I, Eigen::Dynamic, 1> vector = y.cast<I>();
    const Eigen::Array<I, 1, Eigen::Dynamic> row_vector = vector.transpose().array();
    std::vector<I> standard(vector.begin(), vector.end());
    Columns<T> g;
    CHECK(loss.value_and_gradient(x, vector, g) == value);
    CHECK(same_bits(g, want));
    CHECK(loss.forward(x, row_vector) == value);
    CHECK(loss.forward(x, std::span<const I>(standard)) == value);
    for (const auto& [label, text] : wrong) {
      vector(17) = standard[17] = label;
      const std::string words = name + ": target[17] is " + text + ", but must be in [0, 10)";
      laws::refuses(words, g, [&] { (void)loss.value_and_gradient(x, vector, g); });
      laws::refuses(words, g, [&] { (void)loss.value_and_gradient(x, standard, losses::add_to(g)); });
      CHECK_THROWS_AS(loss.forward(x, standard), std::out_of_range);
    }
  };
  check(std::int8_t(), {{-1, "-1"}, {10, "10"}, {127, "127"}, {-128, "-128"}});
  check(std::uint8_t(), {{10, "10"}, {255, "255"}});
  check(std::int16_t(), {{-1, "-1"}, {10, "10"}, {std::int16_t(-32768), "-32768"}});
  check(std::uint16_t(), {{10, "10"}, {65535, "65535"}});
  check(std::int32_t(), {{-1, "-1"}, {10, "10"}, {-99, "-99"}});
  check(std::uint32_t(), {{10, "10"}, {4294967295u, "4294967295"}});
  check(std::int64_t(),
        {{-1, "-1"}, {10, "10"}, {(std::int64_t(1) << 32) + 1, "4294967297"}, {INT64_MIN, "-9223372036854775808"}});
  check(std::uint64_t(),
        {{10, "10"}, {(std::uint64_t(1) << 32) + 1, "4294967297"}, {UINT64_MAX, "18446744073709551615"}});
}

/// class_weights, or an option like it: what is refused when the loss is made, and when it meets a number of classes.
template <class L, class Make>
void check_class_weights(const std::string& name, const std::string& option, const Make& make) {
  using T = typename L::Scalar;
  using Weights = losses::rule::NumberOrVector<T>;
  for (const T bad : {T(-1), std::numeric_limits<T>::infinity(), std::numeric_limits<T>::quiet_NaN()}) {
    laws::refuses_option(name + ": " + option + "[1] is ", [&] { (void)make(Weights({T(1), bad})); });
  }
  const Columns<T> x = laws::draw_logits<T>(6, 4, 303);
  const laws::LabelVector y = laws::draw_labels(6, 4, 304);
  Columns<T> g = x;
  for (const Index size : {Index(3), Index(5)}) {
    const L loss = make(Weights(std::vector<T>(static_cast<std::size_t>(size), T(1))));
    const std::string words =
        name + ": " + option + " has " + std::to_string(size) + " values, but prediction has 4 classes";
    laws::refuses(words, g, [&] { (void)loss.value_and_gradient(x, y, g); });
    laws::refuses(words, g, [&] { (void)loss.forward(x, y); });
  }
}

}  // namespace losses_test::rows
