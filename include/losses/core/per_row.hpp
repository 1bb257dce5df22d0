// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses with a term for each sample, over its classes: logits [n × c] or [n, c, d1, …] against labels
/// [n] or [n, d1, …], or against a distribution over the classes with the shape of the logits.

#include <algorithm>

#include <losses/core/row_formula.hpp>
#include <losses/core/row_inputs.hpp>
#include <losses/core/row_pass.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

/// A rule that is −Σ q log p for any distribution q, not only a formula of the label's log p.
template <class Rule>
concept TakesDistribution = requires { requires Rule::takes_distribution; };

/// Whether the value of a rule is a power of 1 − p where p is near 1: `bool amplifies() const`.
template <class Rule>
bool amplifies(const Rule& rule) {
  if constexpr (requires { rule.amplifies(); }) {
    return rule.amplifies();
  } else {
    return false;
  }
}

template <class Rule>
concept RowRule =
    std::floating_point<typename Rule::Scalar> &&
    requires(const Rule& rule, Lanes<typename Rule::Scalar> v) { rule(v).value + rule(v).slope + rule(v).curvature; };

template <class Rule>
struct Driver<per_row, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = RowInputs<T>;
  using Partial = losses::Partial;
  using Job = RowJob<T>;
  using Whole = detail::Whole;

  static_assert(
      RowRule<Rule>,
      "a per_row rule needs `using Scalar = float or double;` and `template <class V> Terms<V> operator()(V log_p) "
      "const`, a formula of the log-probability of the label");

  static constexpr int predictions = 1;
  static constexpr bool in_place = true;
  static constexpr bool takes_two_bytes = true;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_target<In...>();
    }
  }

  template <class P>
  using Unreduced = typename Access<P>::Rows;

  template <class P, class Y, class... W>
  static Inputs bind(const Rule& rule, const P& logits, const Y& target, const W&... weights) {
    constexpr auto name = name_of<Rule>();
    Inputs inputs;
    bind_prediction<T>(inputs, view_of(logits), name);
    if constexpr (std::numeric_limits<T>::digits < std::numeric_limits<Index>::digits) {
      require(inputs.classes() <= Index{1} << std::numeric_limits<T>::digits, name, ": prediction has ",
              inputs.classes(), " classes, more than its scalar can number");
    }
    if constexpr (IntegerEigen<Y> || IntegerRange<Y>) {
      bind_labels(inputs, labels_of(target), name);
    } else {
      inputs.distribution = view_of(target);
      require_shape(name_of<Rule>(), inputs.distribution.extents, "target", inputs.logits.extents, "prediction");
    }
    if constexpr (sizeof...(W) == 1) bind_row_weights<Rule, T>(inputs, view_of(weights)...);
    check_class_weights(row_options(rule), inputs, name);
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.logits.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return inputs.terms; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    inputs.visit(f);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    const double terms = static_cast<double>(inputs.terms.count());
    Whole whole{terms, inputs.logits.extents[0]};
    if (inputs.weights.data != nullptr) whole.weight = check_weights(name_of<Rule>(), inputs.weights, executor);
    if (inputs.has_labels()) {
      whole.weight = check_labels(row_options(rule), executor, inputs, name_of<Rule>());
    } else {
      check_distribution(executor, inputs);
    }
    if (terms > 0) whole.unit = weight_unit<T>(whole.weight / terms);
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    const auto in_unit = [&](double unit) { return sum(job(rule, inputs, unit), executor); };
    return finish_partial<T, true>(whole, in_unit(whole.unit), in_unit);
  }

  static T value(const Rule&, Reduction reduction, const Partial& part) {
    return static_cast<T>(reduce(reduction, part));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return finish(rule, reduction, executor, inputs, whole, sum(job(rule, inputs, whole.unit), executor));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    const double total = sum(gradient_job(rule, reduction, inputs, whole, outputs), executor);
    return finish(rule, reduction, executor, inputs, whole, total, outputs->view.data == inputs.logits.data);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    const Job work = job(rule, inputs, 1, nullptr, &output.view);
    sum(work, executor);
  }

  static void curvature(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                        const Whole& whole, const Output<T>* outputs) {
    auto work = gradient_job(rule, reduction, inputs, whole, outputs);
    work.curvature = true;
    sum(work, executor);
  }

 private:
  template <class P, class Y, class... W>
  static consteval auto verdict_on_target() {
    using Others = decltype(verdict_on_stored<T, P, W...>());
    if constexpr (!Others::value) {
      return Others{};
    } else if constexpr (IntegerEigen<Y> || IntegerRange<Y> || (TakesDistribution<Rule> && StoredAs<Y, T>)) {
      return Accepted{};
    } else {
      return error::the_target_must_hold_integer_labels_or_probabilities_with_the_scalar_of_the_loss{};
    }
  }

  static Job gradient_job(const Rule& rule, Reduction reduction, const Inputs& inputs, const Whole& whole,
                          const Output<T>* output) {
    Job work = job(rule, inputs, whole.unit, output);
    set_gradient(work, reduction, whole, *output);
    return work;
  }

  static T finish(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                  const Whole& whole, double total, bool overwritten = false) {
    return finish_sum<T, true>(reduction, whole, total, overwritten,
                               [&](double unit) { return sum(job(rule, inputs, unit), executor); });
  }

  static Job job(const Rule& rule, const Inputs& inputs, double unit = 1, const Output<T>* output = nullptr,
                 const View<T>* values = nullptr) {
    const auto options = row_options(rule);
    Job work = row_job(inputs, unit, output, values);
    set_options(work, options);
    const bool weighted = options.class_weights != nullptr && !options.class_weights->empty();
    if (!TakesDistribution<Rule> || (inputs.has_labels() && options.smoothing == 0)) {
      work.rule = &rule;
      work.terms = row_terms<Rule>;
      work.far = amplifies(rule) ? far_below<T, true> : far_below<T, false>;
      if (weighted) work.label_weights = options.class_weights;
    } else {
      const bool per_class = weighted && !options.class_weights->is_number();
      if (weighted && !per_class) work.uniform_weight *= (*options.class_weights)[0];
      work.target = {per_class ? options.class_weights->data() : nullptr, options.smoothing, options.spread};
    }
    return work;
  }

  static double sum(const Job& work, const Executor& executor) {
    const Index samples = work.samples();
    if (samples == 0) return 0;
    double total[max_sums] = {};
    const RowPass<T> pass(work);
    // Chunks of whole tiles where samples are contiguous; of rows where classes are. What the gradient looks like must
    // not matter here: the value has the same bits with and without it.
    const Index unit = work.class_stride[Job::logits] == 1 ? 1 : tile_samples;
    sum_over(samples * work.classes, (samples + unit - 1) / unit, 1, executor, total,
             [&](Index first, Index last, double* local) {
               local[0] += pass.run(first * unit, std::min(last * unit, samples));
             });
    return total[0];
  }

  /// The weights of the samples, repeated for each class.
  static View<const T> repeated_weights(const Inputs& inputs) {
    View<const T> view = inputs.weights.along(inputs.logits.extents, {inputs.weights.stride[0]});
    for (int axis = 1; axis < inputs.terms.rank; ++axis) view.stride[axis + 1] = inputs.weights.stride[axis];
    return view;
  }

  static void check_distribution(const Executor& executor, const Inputs& inputs) {
    ElementJob<T> work;
    work.extents = inputs.distribution.extents;
    work.in[0] = operand(inputs.distribution);
    work.in[4] = operand(repeated_weights(inputs));
    double sums[max_sums] = {};
    traverse<T>(work, probability_kernel<T>, nullptr, executor, sums);
    if (sums[0] == 0) return;
    const auto weights = repeated_weights(inputs);
    for (Index flat = 0; flat < work.extents.count(); ++flat) {
      if (weights.data != nullptr && element(weights, flat) == 0) continue;
      const T is = element(inputs.distribution, flat);
      require(!(is < 0) && !(is > 1), name_of<Rule>(), ": target", Position{work.extents, flat}, " is ", is,
              ", but must be a probability, in [0, 1]");
    }
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
