// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses with a term for each sample, over its classes: logits [n × c] or [n, c, d1, …] against labels
/// [n] or [n, d1, …], or against a distribution over the classes with the shape of the logits.

#include <algorithm>

#include <losses/core/row_pass.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

/// What a rule may tell the driver, as `RowOptions<T> options() const`.
template <class T>
struct RowOptions {
  const NumberOrVector<T>* class_weights = nullptr;
  T smoothing = 0;
  SmoothingSpread spread = SmoothingSpread::all_classes;
  std::int64_t ignore_index = -100;
  bool mean_by_class_weight = true;  // mean divides by Σ w_y, as PyTorch's cross-entropy; else by the kept samples
};

template <class Rule>
RowOptions<typename Rule::Scalar> row_options(const Rule& rule) {
  if constexpr (requires { rule.options(); }) {
    return rule.options();
  } else {
    return {};
  }
}

/// A rule that is −Σ q log p for any distribution q, not only a formula of the label's log p.
template <class Rule>
concept TakesDistribution = requires {
  requires Rule::takes_distribution;
};

template <class T>
struct RowInputs {
  View<const T> logits;
  Labels labels;               // null with a distribution
  View<const T> distribution;  // null with labels
  View<const T> weights;       // per term; null without
  Extents terms;               // [n] or [n, d1, …]

  Index classes() const { return logits.extents[1]; }
  bool has_labels() const { return labels.data != nullptr || distribution.data == nullptr; }
};

template <class Rule>
concept RowRule = std::floating_point<typename Rule::Scalar> &&
    requires(const Rule& rule, Lanes<typename Rule::Scalar> v) {
  rule(v).value + rule(v).slope + rule(v).curvature;
};

template <class Rule>
struct Driver<per_row, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = RowInputs<T>;
  using Partial = losses::Partial;
  using Job = RowJob<T>;

  static_assert(
      RowRule<Rule>,
      "a per_row rule needs `using Scalar = float or double;` and `template <class V> Terms<V> operator()(V log_p) "
      "const`, a formula of the log-probability of the label");

  struct Whole {
    double weight;
    Index count;
    double unit = 1;  // of the weights
  };

  static constexpr int predictions = 1;
  static constexpr bool in_place = true;

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
    Inputs inputs;
    inputs.logits = view_of(logits);
    const Extents& shape = inputs.logits.extents;
    require(shape.rank >= 2, name_of<Rule>(), ": prediction is ", shape, ", but must be [n x c] or [n x c x …]");
    require(inputs.classes() > 0, name_of<Rule>(), ": prediction is ", shape, ", but needs at least one class");
    require(inputs.classes() <= Index{1} << std::numeric_limits<T>::digits, name_of<Rule>(), ": prediction has ",
            inputs.classes(), " classes, more than its scalar can number");
    inputs.terms = {shape.rank - 1, {shape[0]}};
    for (int axis = 2; axis < shape.rank; ++axis) inputs.terms.size[axis - 1] = shape[axis];
    if constexpr (IntegerEigen<Y> || IntegerRange<Y>) {
      inputs.labels = labels_of(target);
      auto& labels = inputs.labels;
      if (labels.is_column && labels.extents.rank == 1 && inputs.terms.rank == 2 && inputs.terms[1] == 1) {
        labels.extents = {2, {labels.extents[0], 1}};
      }
      require(inputs.labels.extents == inputs.terms, name_of<Rule>(), ": target is ", inputs.labels.extents,
              ", but must be ", inputs.terms, ", one label for each sample of the prediction ", shape);
    } else {
      inputs.distribution = view_of(target);
      require_shape<Rule>(inputs.distribution.extents, "target", shape, "prediction");
    }
    if constexpr (sizeof...(W) == 1) inputs.weights = bind_weights(view_of(weights)..., inputs.terms);
    const auto options = row_options(rule);
    if (options.class_weights != nullptr && !options.class_weights->empty() && !options.class_weights->is_number()) {
      require(options.class_weights->size() == inputs.classes(), name_of<Rule>(), ": class_weights has ",
              options.class_weights->size(), " values, but prediction has ", inputs.classes(), " classes");
    }
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.logits.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return inputs.terms; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.logits, "prediction", 0);
    if (inputs.has_labels()) {
      f(inputs.labels, "target", -1);
    } else {
      f(inputs.distribution, "target", -1);
    }
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    const double terms = static_cast<double>(inputs.terms.count());
    Whole whole{terms, inputs.logits.extents[0]};
    if (inputs.weights.data != nullptr) whole.weight = check_weights<Rule>(inputs.weights, executor);
    if (inputs.has_labels()) {
      whole.weight = check_labels(rule, executor, inputs);
    } else {
      check_distribution(executor, inputs);
    }
    if (terms > 0) whole.unit = weight_unit<T>(whole.weight / terms);
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    return {sum(job(rule, inputs, whole.unit), executor) / whole.unit, whole.weight, whole.count};
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
    return finish(rule, reduction, executor, inputs, whole, total);
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
    using Others = decltype(verdict_on_values<T, P, W...>());
    if constexpr (!Others::value) {
      return Others{};
    } else if constexpr (IntegerEigen<Y> || IntegerRange<Y> || (TakesDistribution<Rule> && ViewableAs<Y, T>)) {
      return Accepted{};
    } else {
      return error::the_target_must_hold_integer_labels_or_probabilities_with_the_scalar_of_the_loss{};
    }
  }

  static View<const T> bind_weights(const View<const T>& weights, const Extents& terms) {
    View<const T> given = weights;
    // [n × 1] is a vector: one weight per sample.
    if (given.extents.rank == 2 && given.extents[1] == 1) given.extents.rank = 1;
    return broadcast_weights<Rule>(given, terms);
  }

  static Job gradient_job(const Rule& rule, Reduction reduction, const Inputs& inputs, const Whole& whole,
                          const Output<T>* output) {
    Job work = job(rule, inputs, whole.unit, output);
    work.adds = output->adds;
    work.scale =
        static_cast<T>(reduction_scale(reduction, whole.weight * whole.unit, whole.count, whole.unit) * output->factor);
    return work;
  }

  /// The value of a sum in the weights' unit. One that overflows where its mean does not is taken again in a smaller one.
  static T finish(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                  const Whole& whole, double total) {
    if constexpr (sizeof(T) == sizeof(double)) {
      if (std::isinf(total) && reduction != Reduction::sum) [[unlikely]] {
        const double small = sum(job(rule, inputs, 0x1p-100 * whole.unit), executor) / whole.unit;
        return value(rule, reduction, {small, whole.weight, whole.count}) * static_cast<T>(0x1p100);
      }
    }
    return value(rule, reduction, {total / whole.unit, whole.weight, whole.count});
  }

  static Job job(const Rule& rule, const Inputs& inputs, double unit = 1, const Output<T>* output = nullptr,
                 const View<T>* values = nullptr) {
    const auto options = row_options(rule);
    Job work;
    work.classes = inputs.classes();
    work.uniform_weight = static_cast<T>(unit);
    work.x = inputs.logits.data;
    work.h = inputs.distribution.data;
    work.w = inputs.weights.data;
    work.y = inputs.labels;
    work.ignore_index = options.ignore_index;
    work.class_stride[Job::logits] = inputs.logits.stride[1];
    work.class_stride[Job::distribution] = inputs.distribution.stride[1];
    if (output != nullptr) {
      work.g = output->view.data;
      work.class_stride[Job::gradient] = output->view.stride[1];
    }
    if (values != nullptr) work.out = values->data;
    for (int axis = 0; axis < inputs.terms.rank; ++axis) {
      const int at = axis == 0 ? 0 : axis + 1;
      Index strides[Job::operands] = {};
      strides[Job::logits] = inputs.logits.stride[at];
      strides[Job::distribution] = inputs.distribution.stride[at];
      strides[Job::weights] = inputs.weights.stride[axis];
      strides[Job::labels] = inputs.labels.stride[axis];
      if (output != nullptr) strides[Job::gradient] = output->view.stride[at];
      if (values != nullptr) strides[Job::values] = values->stride[axis];
      work.add_axis(inputs.terms[axis], strides);
    }
    work.merge_axes();
    const bool weighted = options.class_weights != nullptr && !options.class_weights->empty();
    if (!TakesDistribution<Rule> || (inputs.has_labels() && options.smoothing == 0)) {
      work.rule = &rule;
      work.terms = row_terms<Rule>;
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

  /// Σ of the weights of the samples that are kept; a label outside [0, c) is refused.
  static double check_labels(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    const auto options = row_options(rule);
    const Job work = job(rule, inputs);
    const bool weighted =
        options.mean_by_class_weight && options.class_weights != nullptr && !options.class_weights->empty();
    const auto classes = static_cast<std::uint64_t>(inputs.classes());
    double sums[max_sums] = {};
    if (work.samples() == 0) return 0;
    sum_over(work.samples(), work.samples(), 2, executor, sums, [&](Index first, Index last, double* local) {
      work.for_runs(first, last - first, [&](Index length, Index, const Index* at) {
        const int inner = work.rank - 1;
        const Index step = work.stride[Job::labels][inner];
        visit_integers(work.y, [&](const auto* labels) {
          labels += at[Job::labels];
          Index kept = 0, wrong = 0;
          double weight = 0;
          const bool plain = !weighted && work.w == nullptr;
          if (plain && step == 1) {
            count_labels(labels, length, classes, options.ignore_index, kept, wrong);
            local[0] += static_cast<double>(kept);
            local[1] += static_cast<double>(wrong);
            return;
          }
          for (Index i = 0; i < length; ++i) {
            const std::int64_t label = widen_label(labels[i * step]);
            const bool ignored = label == options.ignore_index;
            const bool valid = static_cast<std::uint64_t>(label) < classes;
            double w = work.w == nullptr
                           ? 1.0
                           : static_cast<double>(work.w[at[Job::weights] + i * work.stride[Job::weights][inner]]);
            kept += ignored ? 0 : 1;
            wrong += ignored || valid || w == 0 ? 0 : 1;
            if (plain || ignored || !valid) continue;
            if (weighted) w *= static_cast<double>((*options.class_weights)[static_cast<Index>(label)]);
            weight += w;
          }
          local[0] += plain ? static_cast<double>(kept) : weight;
          local[1] += static_cast<double>(wrong);
        });
      });
    });
    if (sums[1] != 0) [[unlikely]]
      name_first_wrong_label(inputs, options.ignore_index);
    return sums[0];
  }

  template <class I>
  static void count_labels(const I* labels, Index length, std::uint64_t classes, std::int64_t ignore_index, Index& kept,
                           Index& wrong) {
    Index valid = 0, ignored = 0, both = 0;
    for (Index i = 0; i < length; ++i) {
      const std::int64_t label = widen_label(labels[i]);
      const bool is_valid = static_cast<std::uint64_t>(label) < classes;
      const bool is_ignored = label == ignore_index;
      valid += is_valid;
      ignored += is_ignored;
      both += is_valid && is_ignored;
    }
    kept = length - ignored;
    wrong = length - valid - ignored + both;
  }

  LOSSES_COLD static void name_first_wrong_label(const Inputs& inputs, std::int64_t ignore_index) {
    visit_integers(inputs.labels, [&](const auto* data) {
      using I = std::remove_cvref_t<decltype(*data)>;
      View<const I> view{data, inputs.labels.extents, {}};
      std::copy_n(inputs.labels.stride, max_rank, view.stride);
      for (Index flat = 0; flat < view.extents.count(); ++flat) {
        const I label = element(view, flat);
        const std::int64_t wide = widen_label(label);
        if (inputs.weights.data != nullptr && element(inputs.weights, flat) == 0) continue;
        require_in_range(
            wide == ignore_index || (wide >= 0 && wide < inputs.classes()), name_of<Rule>(), ": target",
            Position{view.extents, flat}, " is ", label, ", but must be in [0, ", inputs.classes(), ")",
            ignore_index >= 0 && ignore_index < inputs.classes() ? "" : " or the ignore_index ",
            ignore_index >= 0 && ignore_index < inputs.classes() ? std::string() : std::to_string(ignore_index));
      }
    });
  }

  /// The weights of the samples, repeated for each class.
  static View<const T> repeated_weights(const Inputs& inputs) {
    View<const T> view{inputs.weights.data, inputs.logits.extents, {inputs.weights.stride[0]}};
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
