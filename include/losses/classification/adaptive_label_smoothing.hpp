// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <utility>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// The options of AdaptiveLabelSmoothing, and its loss for a fixed parameter.
template <std::floating_point T>
struct AdaptiveLabelSmoothing {
  using Scalar = T;
  using Shape = per_row;
  static constexpr bool takes_distribution = true;

  T parameter = T(-2.19722457733621938);  // the logit of 0.1
  NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  T smoothing() const { return 1 / (1 + std::exp(-parameter)); }
  T smoothing_slope() const { return smoothing() / (1 + std::exp(parameter)); }

  void check() const {
    require(!std::isnan(parameter), "AdaptiveLabelSmoothing: parameter is ", parameter, ", but must be a number");
    detail::require_class_weights("AdaptiveLabelSmoothing", class_weights);
  }

  detail::RowOptions<T> options() const {
    return {&class_weights, smoothing(), SmoothingSpread::other_classes, ignore_index};
  }

  template <class V>
  Terms<V> operator()(V log_p) const {
    return {.value = -log_p, .slope = V(-1), .curvature = V(0)};
  }
};

}  // namespace rule

namespace detail {

/// The derivative of smoothed cross-entropy by the parameter, for each sample: of −Σ_j q_j w_j log p_j with q_y = 1 − ε and
/// q_j = ε/m at the m other classes that are not masked.
///
///   ε′ Σ_{j≠y} (w_y log p_y − w_j log p_j)/m = ε′ Σ_{j≠y} (w_j (x_y − x_j) + (w_y − w_j) log p_y)/m
///
/// 0 where the smoothing does nothing (m = 0), and where the label is masked: that sample is +inf for every ε.
template <std::floating_point T>
struct SmoothingSlope {
  using Scalar = T;
  using Shape = per_row;
  using Target = rule::Label;
  static constexpr std::string_view name = "AdaptiveLabelSmoothing";

  T factor = 0;  // ε′
  rule::NumberOrVector<T> class_weights = {};
  std::int64_t ignore_index = -100;

  RowOptions<T> options() const {
    return {.class_weights = &class_weights, .ignore_index = ignore_index, .weighs_terms = false};
  }

  T operator()(const rule::Row<T>& row, T*) const {
    using V = Lanes<T>;
    const bool weighted = !class_weights.empty() && !class_weights.is_number();
    const T at_label = row.x[row.label];
    const T w_label = class_weights.empty() ? T(1) : class_weights[row.label];
    // A sum of differences may overflow where their mean does not.
    const T unit = std::ldexp(T(1), -std::ilogb(static_cast<T>(row.size)) - 1);
    const V label(at_label == -infinity<T> ? T(0) : unit * at_label);
    Accumulator<T> open, differences, weights;
    for_single_lanes<T>(row.size, [&](auto lanes, Index j) LOSSES_INLINE_LAMBDA {
      const V x = lanes.load(row.x + j);
      const V w = weighted ? lanes.load(class_weights.data() + j) : V(w_label);
      const auto out = (V::iota() == V(static_cast<T>(row.label - j))) | (x == V(-infinity<T>));
      open.add(lanes.keep(where(out, V(0), V(1))));
      differences.add(lanes.keep(where(out, V(0), product(w, label - V(unit) * x))));
      weights.add(lanes.keep(where(out, V(0), V(w_label) - w)));
    });
    const double m = open.total();
    if (std::isnan(at_label) || std::isnan(differences.total())) return std::numeric_limits<T>::quiet_NaN();
    if (m == 0 || at_label == -infinity<T> || factor == 0) return 0;
    const double difference = differences.total() / m / static_cast<double>(unit);
    const double slope = weighted ? difference + weights.total() / m * log_p(row) : difference;
    return static_cast<T>(static_cast<double>(factor) * slope);
  }

 private:
  static double log_p(const rule::Row<T>& row) {
    double highest = -infinity<double>, others = 0;
    for (Index j = 0; j < row.size; ++j) highest = std::max(highest, static_cast<double>(row.x[j]));
    if (highest == infinity<double>) return static_cast<double>(row.x[row.label]) == highest ? 0 : -highest;
    for (Index j = 0; j < row.size; ++j) {
      if (j != row.label) others += std::exp(static_cast<double>(row.x[j]) - highest);
    }
    const double below = static_cast<double>(row.x[row.label]) - highest;
    return below == 0 ? -std::log1p(others) : below - std::log(others + std::exp(below));
  }
};

}  // namespace detail

/// Label smoothing whose ε is learned with the model.
///
///   ε = σ(parameter),  q_y = 1 − ε at the label,  q_j = ε/(c − 1) at the other classes
///   value = −Σ_j q_j w_j log p_j      slope_j = Q p_j − q_j w_j,  p the softmax
///   dvalue/dparameter = ε (1 − ε) Σ_{j≠y} (w_y log p_y − w_j log p_j)/(c − 1)
///
/// Logits [n × c] or [n, c, d1, …]; target integer labels [n] or [n, d1, …] in [0, c).
///
///   parameter      the logit of ε (that of 0.1); not NaN
///   class_weights  w, one per class, finite and ≥ 0; none: 1
///   ignore_index   (−100) samples with this label are left out of the values, the gradients and the mean
///
/// It has the verbs of a Loss for its parameter, and one that gives both gradients, without and with weights:
///
///   Scalar v = loss.value_and_gradient(logits, labels, grad, parameter_grad);
///   loss = AdaptiveLabelSmoothing<>({.parameter = loss.rule().parameter − rate·parameter_grad});
///
/// parameter_grad is written, not added to. Masked classes, reductions and what is thrown are LabelSmoothing's; a sample
/// whose label is masked, or whose other classes all are, has no part in the parameter's gradient. The loss is linear in ε:
/// a parameter that is learned on the training data alone goes to −inf once the model fits them.
template <std::floating_point T = float>
class AdaptiveLabelSmoothing {
  using Smoothed = Loss<rule::AdaptiveLabelSmoothing<T>>;

 public:
  using Rule = rule::AdaptiveLabelSmoothing<T>;
  using Scalar = T;

  AdaptiveLabelSmoothing() : AdaptiveLabelSmoothing(Rule{}) {}
  explicit AdaptiveLabelSmoothing(Reduction reduction) : AdaptiveLabelSmoothing(Rule{}, reduction) {}
  explicit AdaptiveLabelSmoothing(Rule rule, Reduction reduction = Reduction::mean)
      : loss_(std::move(rule), reduction),
        slope_({.factor = loss_.rule().smoothing_slope(),
                .class_weights = loss_.rule().class_weights,
                .ignore_index = loss_.rule().ignore_index},
               reduction) {}

  const Rule& rule() const { return loss_.rule(); }
  Reduction reduction() const { return loss_.reduction(); }

  template <class... In>
  auto forward(const In&... in) const -> decltype(std::declval<const Smoothed&>().forward(in...)) {
    return loss_.forward(in...);
  }

  template <class... In>
  auto gradient(const In&... in) const -> decltype(std::declval<const Smoothed&>().gradient(in...)) {
    return loss_.gradient(in...);
  }

  template <class... In>
  auto unreduced(const In&... in) const -> decltype(std::declval<const Smoothed&>().unreduced(in...)) {
    return loss_.unreduced(in...);
  }

  template <class... In>
  auto curvature(const In&... in) const -> decltype(std::declval<const Smoothed&>().curvature(in...)) {
    return loss_.curvature(in...);
  }

  template <class... In>
  auto partial(const In&... in) const -> decltype(std::declval<const Smoothed&>().partial(in...)) {
    return loss_.partial(in...);
  }

  T value(const Partial& part) const { return loss_.value(part); }

  /// The gradient of the logits alone.
  template <class... Args>
    requires AcceptsGradients<Rule, Args...>
  T value_and_gradient(Args&&... args) const {
    return loss_.value_and_gradient(std::forward<Args>(args)...);
  }

  template <ExecutionPolicy Policy, class... Args>
    requires AcceptsGradients<Rule, Args...>
  T value_and_gradient(const Policy& policy, Args&&... args) const {
    return loss_.value_and_gradient(policy, std::forward<Args>(args)...);
  }

  /// Both gradients.
  template <class X, class Y, class G>
    requires AcceptsGradients<Rule, X, Y, G>
  T value_and_gradient(const X& logits, const Y& labels, G&& grad, T& parameter_grad) const {
    return value_and_gradient(serial, logits, labels, std::forward<G>(grad), parameter_grad);
  }

  template <class X, class Y, class W, class G>
    requires AcceptsGradients<Rule, X, Y, W, G>
  T value_and_gradient(const X& logits, const Y& labels, const W& weights, G&& grad, T& parameter_grad) const {
    return value_and_gradient(serial, logits, labels, weights, std::forward<G>(grad), parameter_grad);
  }

  template <ExecutionPolicy Policy, class X, class Y, class G>
    requires AcceptsGradients<Rule, X, Y, G>
  T value_and_gradient(const Policy& policy, const X& logits, const Y& labels, G&& grad, T& parameter_grad) const {
    // First: the gradient may be written over the logits.
    const T slope = slope_.forward(policy, logits, labels);
    const T value = loss_.value_and_gradient(policy, logits, labels, std::forward<G>(grad));
    parameter_grad = slope;
    return value;
  }

  template <ExecutionPolicy Policy, class X, class Y, class W, class G>
    requires AcceptsGradients<Rule, X, Y, W, G>
  T value_and_gradient(const Policy& policy, const X& logits, const Y& labels, const W& weights, G&& grad,
                       T& parameter_grad) const {
    const T slope = slope_.forward(policy, logits, labels, weights);
    const T value = loss_.value_and_gradient(policy, logits, labels, weights, std::forward<G>(grad));
    parameter_grad = slope;
    return value;
  }

 private:
  Smoothed loss_;
  Loss<detail::SmoothingSlope<T>> slope_;
};

LOSSES_EXTERN(rule::AdaptiveLabelSmoothing);
LOSSES_EXTERN(detail::SmoothingSlope);

}  // namespace LOSSES_NAMESPACE
