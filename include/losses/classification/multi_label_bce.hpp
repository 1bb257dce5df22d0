// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <utility>

#include <losses/classification/binary_terms.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// The options of MultiLabelBCE, and its formula.
template <std::floating_point T>
struct MultiLabelBCE {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument target = {"target", Domain::unit_interval()};
  static constexpr std::string_view column_parameter_name = "pos_weight";

  NumberOrVector<T> pos_weight = 1;

  const NumberOrVector<T>& column_parameter() const { return pos_weight; }

  void check() const { detail::check_pos_weight("MultiLabelBCE", pos_weight); }

  template <class V>
  Terms<V> operator()(V x, V y, V w) const {
    return last(x, y, w, first(x, y));
  }

  template <class V>
  V first(V x, V) const {
    return detail::Logit<V>::exp_of(x);
  }
  template <class V>
  Terms<V> last(V x, V y, V w, V e) const {
    return detail::Logit<V>(x, e).cross_entropy(V(1) - y, w * y);
  }
};

}  // namespace rule

/// Binary cross-entropy of each label of several, on logits [n × l]: any number of the labels may be true.
///
///   p = σ(x),  w = pos_weight
///   value = (1 − y) softplus(x) + w y softplus(−x)      slope = (1 − y) p − w y (1 − p)
///
/// Targets [n × l] in [0, 1], soft ones too. pos_weight (1), finite and ≥ 0: one per label, or a number. The mean is over all n·l
/// terms. Value and slope at 0 and at ±inf, and what is thrown, are BCEWithLogits'.
///
/// It has the verbs of a Loss, and the mean of each label, weighted if weights are given, whatever the reduction:
///
///   Eigen::VectorX<Scalar> each = loss.per_label(prediction, target);      // [l]
template <std::floating_point T = float>
class MultiLabelBCE {
  using Held = Loss<rule::MultiLabelBCE<T>>;
  using Driver = detail::DriverOf<rule::MultiLabelBCE<T>>;

  static const Held& held();

 public:
  using Rule = rule::MultiLabelBCE<T>;
  using Scalar = T;

  MultiLabelBCE() = default;
  explicit MultiLabelBCE(Reduction reduction) : loss_(reduction) {}
  explicit MultiLabelBCE(Rule rule, Reduction reduction = Reduction::mean) : loss_(std::move(rule), reduction) {}

  const Rule& rule() const { return loss_.rule(); }
  Reduction reduction() const { return loss_.reduction(); }

  template <class... In>
  auto forward(const In&... in) const -> decltype(held().forward(in...)) {
    return loss_.forward(in...);
  }
  template <class... Args>
  auto value_and_gradient(Args&&... args) const -> decltype(held().value_and_gradient(std::forward<Args>(args)...)) {
    return loss_.value_and_gradient(std::forward<Args>(args)...);
  }
  template <class... In>
  auto gradient(const In&... in) const -> decltype(held().gradient(in...)) {
    return loss_.gradient(in...);
  }
  template <class... In>
  auto unreduced(const In&... in) const -> decltype(held().unreduced(in...)) {
    return loss_.unreduced(in...);
  }
  template <class... In>
  auto curvature(const In&... in) const -> decltype(held().curvature(in...)) {
    return loss_.curvature(in...);
  }
  template <class... In>
  auto partial(const In&... in) const -> decltype(held().partial(in...)) {
    return loss_.partial(in...);
  }
  T value(const Partial& part) const { return loss_.value(part); }

  template <class... In>
    requires Accepts<Rule, In...>
  auto per_label(const In&... in) const {
    return per_label(serial, in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...>
  auto per_label(const Policy& policy, const In&... in) const {
    return means(policy.executor(), Driver::bind(rule(), detail::evaluate(in)...));
  }

 private:
  using Inputs = typename Driver::Inputs;

  template <class Executor>
  Eigen::Matrix<T, Eigen::Dynamic, 1> means(const Executor& executor, const Inputs& inputs) const {
    Driver::check(rule(), executor, inputs);
    const auto& shape = inputs.prediction[0].extents;
    Eigen::Matrix<T, Eigen::Dynamic, 1> result(shape.rank > 1 ? shape[1] : 1);
    for (Eigen::Index label = 0; label < result.size(); ++label) {
      const Inputs column = of_label(inputs, label);
      const auto whole = Driver::check(rule(), executor, column);
      result[label] = Driver::forward(rule(), Reduction::mean, executor, column, whole);
    }
    return result;
  }

  static Inputs of_label(Inputs inputs, Eigen::Index label) {
    for (auto* view : {&inputs.prediction[0], &inputs.target, &inputs.parameter, &inputs.weights}) {
      if (view->data == nullptr || view->extents.rank < 2) continue;
      view->skip(label * view->stride[1]);
      view->extents.size[1] = 1;
    }
    return inputs;
  }

  Held loss_;
};

LOSSES_EXTERN(rule::MultiLabelBCE);

}  // namespace LOSSES_NAMESPACE
