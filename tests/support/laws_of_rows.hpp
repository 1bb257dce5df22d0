// SPDX-License-Identifier: MIT
#pragma once

/// The laws of per_row losses: logits [n × c] and integer labels [n]. A loss enters with its reference:
///
///   laws::check(laws::rows("CrossEntropy", losses::CrossEntropy<float>(), losses::CrossEntropy<double>(), reference));
///
/// where reference(rule, row, label) gives the Jet of a sample's term; reference.weight(rule, label) is what the sample adds
/// to the denominator of the mean, and reference.largest(rule, row, k, label) the largest term of entry k of its gradient.
/// Where they differ from what a softmax has, a reference also says: magnitude(rule, row, label), the largest term of a value
/// that may cancel; condition(rule, row, label), how many times the bound is granted for a non-integer power;
/// `sums_to_zero = false`, of the gradient of a row; `reads_label_only = true`.

#include <cstdint>
#include <optional>

#include "laws.hpp"

namespace losses_test::laws {

using LabelVector = Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>;
using LabelInput = Eigen::Map<const LabelVector, 0, Eigen::InnerStride<>>;

inline LabelInput label_input(const LabelVector& labels) {
  return {labels.data(), labels.size(), Eigen::InnerStride<>(1)};
}

template <class T>
struct RowVerbs {
  using Reduction = losses::Reduction;
  using Weights = const Input<T>*;

  std::string name;
  std::optional<std::int64_t> ignored;
  bool sums_to_zero = true;
  bool reads_label_only = false;
  std::function<Jet(const std::vector<Jet>& row, Index label)> term;
  std::function<Real(Index label)> weight;
  std::function<Real(const std::vector<Jet>& row, Index k, Index label)> largest;
  std::function<Real(const std::vector<Jet>& row, Index label)> magnitude, condition;

  std::function<T(Reduction, Input<T> x, LabelInput y, Weights, Pool*)> forward;
  std::function<T(Reduction, Input<T> x, LabelInput y, Weights, Output<T> gradient, Pool*)> value_and_gradient;
  std::function<T(Reduction, Input<T> x, LabelInput y, Weights, Output<T> gradient, double scale)> add_to;
  std::function<T(Reduction, Input<T> x, LabelInput y, Weights, Columns<T>& gradient)> resize;
  std::function<Columns<T>(Reduction, Input<T> x, LabelInput y, Weights)> gradient, unreduced, curvature;
  std::function<losses::Partial(Input<T> x, LabelInput y, Weights)> partial;
  std::function<T(Reduction, losses::Partial)> value;
};

template <class L, class ReferenceOf>
RowVerbs<typename L::Scalar> row_verbs(const std::string& name, const L& loss, const ReferenceOf& reference,
                                       std::optional<std::int64_t> ignored) {
  using T = typename L::Scalar;
  using losses::Reduction;
  using W = typename RowVerbs<T>::Weights;
  RowVerbs<T> v;
  v.name = name;
  v.ignored = ignored;
  if constexpr (requires { ReferenceOf::sums_to_zero; }) v.sums_to_zero = ReferenceOf::sums_to_zero;
  if constexpr (requires { ReferenceOf::reads_label_only; }) v.reads_label_only = ReferenceOf::reads_label_only;
  v.term = [=](const std::vector<Jet>& row, Index label) { return reference(loss.rule(), row, label); };
  v.weight = [=](Index label) { return reference.weight(loss.rule(), label); };
  v.largest = [=](const std::vector<Jet>& row, Index k, Index label) {
    return reference.largest(loss.rule(), row, k, label);
  };
  v.magnitude = [=](const std::vector<Jet>& row, Index label) -> Real {
    if constexpr (requires { reference.magnitude(loss.rule(), row, label); }) {
      return reference.magnitude(loss.rule(), row, label);
    } else {
      return 0;
    }
  };
  v.condition = [=](const std::vector<Jet>& row, Index label) -> Real {
    if constexpr (requires { reference.condition(loss.rule(), row, label); }) {
      return reference.condition(loss.rule(), row, label);
    } else {
      return 1;
    }
  };
  v.forward = [=](Reduction r, Input<T> x, LabelInput y, W w, Pool* pool) {
    const L l = with(loss, r);
    if (pool == nullptr) return w ? l.forward(x, y, *w) : l.forward(x, y);
    return w ? l.forward(losses::parallel(*pool), x, y, *w) : l.forward(losses::parallel(*pool), x, y);
  };
  v.value_and_gradient = [=](Reduction r, Input<T> x, LabelInput y, W w, Output<T> g, Pool* pool) {
    const L l = with(loss, r);
    if (pool == nullptr) return w ? l.value_and_gradient(x, y, *w, g) : l.value_and_gradient(x, y, g);
    return w ? l.value_and_gradient(losses::parallel(*pool), x, y, *w, g)
             : l.value_and_gradient(losses::parallel(*pool), x, y, g);
  };
  v.add_to = [=](Reduction r, Input<T> x, LabelInput y, W w, Output<T> g, double factor) {
    const L l = with(loss, r);
    return w ? l.value_and_gradient(x, y, *w, losses::add_to(g, factor))
             : l.value_and_gradient(x, y, losses::add_to(g, factor));
  };
  v.resize = [=](Reduction r, Input<T> x, LabelInput y, W w, Columns<T>& g) {
    const L l = with(loss, r);
    return w ? l.value_and_gradient(x, y, *w, g) : l.value_and_gradient(x, y, g);
  };
  v.gradient = [=](Reduction r, Input<T> x, LabelInput y, W w) -> Columns<T> {
    const L l = with(loss, r);
    return w ? l.gradient(x, y, *w) : l.gradient(x, y);
  };
  v.unreduced = [=](Reduction r, Input<T> x, LabelInput y, W w) -> Columns<T> {
    const L l = with(loss, r);
    return w ? l.unreduced(x, y, *w) : l.unreduced(x, y);
  };
  v.curvature = [=](Reduction r, Input<T> x, LabelInput y, W w) -> Columns<T> {
    const L l = with(loss, r);
    return w ? l.curvature(x, y, *w) : l.curvature(x, y);
  };
  v.partial = [=](Input<T> x, LabelInput y, W w) { return w ? loss.partial(x, y, *w) : loss.partial(x, y); };
  v.value = [=](Reduction r, losses::Partial part) { return with(loss, r).value(part); };
  return v;
}

struct RowLoss {
  RowVerbs<float> in_float;
  RowVerbs<double> in_double;
  Index classes;  // 0: any number
};

template <class InFloat, class InDouble, class ReferenceOf>
RowLoss rows(const std::string& name, const InFloat& in_float, const InDouble& in_double, const ReferenceOf& reference,
             std::optional<std::int64_t> ignored = {}, Index classes = 0) {
  return {row_verbs(name, in_float, reference, ignored), row_verbs(name, in_double, reference, ignored), classes};
}

void check(const RowLoss& loss);

/// Logits of several sizes, and labels.
template <class T>
Columns<T> draw_logits(Index n, Index c, std::uint64_t seed) {
  Random random(seed);
  Columns<T> x(n, c);
  for (Index i = 0; i < n; ++i) {
    const double size = random.decades(0.1, 30), shift = random.between(-20, 20);
    for (Index k = 0; k < c; ++k) x(i, k) = static_cast<T>(shift + size * random.normal());
  }
  return x;
}

inline LabelVector draw_labels(Index n, Index c, std::uint64_t seed, std::optional<std::int64_t> ignored = {}) {
  Random random(seed);
  LabelVector y(n);
  for (Index i = 0; i < n; ++i) y(i) = ignored && random.below(5) == 0 ? *ignored : random.below(c);
  return y;
}

}  // namespace losses_test::laws
