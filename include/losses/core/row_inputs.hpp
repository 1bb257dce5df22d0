// SPDX-License-Identifier: MIT
#pragma once

/// What the two forms of the per_row driver share: the arguments, their checks, and the job that they make.

#include <algorithm>
#include <string>

#include <losses/core/row_job.hpp>

namespace LOSSES_NAMESPACE::detail {

/// What a rule may tell the driver, as `RowOptions<T> options() const`.
template <class T>
struct RowOptions {
  const NumberOrVector<T>* class_weights = nullptr;
  T smoothing = 0;
  SmoothingSpread spread = SmoothingSpread::all_classes;
  std::int64_t ignore_index = -100;
  bool mean_by_class_weight = true;  // mean divides by Σ w_y, as PyTorch's cross-entropy; else by the kept samples
  bool ignores = true;               // there is an ignore_index
  bool weighs_terms = true;  // class_weights[label] multiplies the term of a formula; else only the mean's divisor
  std::string_view class_weights_name = "class_weights";
};

template <class Rule>
RowOptions<typename Rule::Scalar> row_options(const Rule& rule) {
  if constexpr (requires { rule.options(); }) {
    return rule.options();
  } else {
    return {};
  }
}

/// The check of the option class_weights, or of one that is called otherwise.
template <class T>
void require_class_weights(std::string_view name, const NumberOrVector<T>& weights,
                           std::string_view option = "class_weights") {
  for (Index i = 0; i < weights.size(); ++i) {
    const bool good = weights[i] >= 0 && weights[i] <= std::numeric_limits<T>::max();
    constexpr std::string_view must = ", but must be finite and not negative";
    require(good || !weights.is_number(), name, ": ", option, " is ", weights[i], must);
    require(good, name, ": ", option, "[", i, "] is ", weights[i], must);
  }
}

template <class T>
struct RowInputs {
  View<const T> logits;
  Labels labels;               // [n], or with the shape of the logits; null with a distribution
  View<const T> distribution;  // numbers with the shape of the logits; null with labels
  View<const bool> mask;       // with the shape of the logits; null without
  View<const T> weights;       // per term; null without
  Extents terms;               // [n] or [n, d1, …]

  Index classes() const { return logits.extents[1]; }
  bool has_labels() const { return labels.data != nullptr || distribution.data == nullptr; }
  bool has_label_rows() const { return has_labels() && labels.extents.rank == logits.extents.rank; }

  template <class F>
  void visit(const F& f) const {
    f(logits, "prediction", 0);
    if (has_labels()) {
      f(labels, "target", -1);
    } else {
      f(distribution, "target", -1);
    }
    if (mask.data != nullptr) f(mask, "mask", -1);
    if (weights.data != nullptr) f(weights, "weights", -1);
  }
};

template <class T>
void bind_prediction(RowInputs<T>& inputs, const View<const T>& prediction, std::string_view name) {
  inputs.logits = prediction;
  const Extents& shape = prediction.extents;
  require(shape.rank >= 2, name, ": prediction is ", shape, ", but must be [n x c] or [n x c x …]");
  require(inputs.classes() > 0, name, ": prediction is ", shape, ", but needs at least one class");
  inputs.terms = {shape.rank - 1, {shape[0]}};
  for (int axis = 2; axis < shape.rank; ++axis) inputs.terms.size[axis - 1] = shape[axis];
}

template <class T>
void bind_labels(RowInputs<T>& inputs, const Labels& target, std::string_view name) {
  auto& labels = inputs.labels = target;
  if (labels.is_matrix && labels.extents.rank == 1 && inputs.terms.rank == 2 && inputs.terms[1] == 1) {
    labels.extents = {2, {labels.extents[0], 1}};
  }
  require(labels.extents == inputs.terms, name, ": target is ", labels.extents, ", but must be ", inputs.terms,
          ", one label for each sample of the prediction ", inputs.logits.extents);
}

template <class Rule, class T>
void bind_row_weights(RowInputs<T>& inputs, const View<const T>& weights) {
  View<const T> given = weights;
  // [n × 1] is a vector: one weight per sample.
  if (given.extents.rank == 2 && given.extents[1] == 1) given.extents.rank = 1;
  inputs.weights = broadcast_weights(name_of<Rule>(), given, inputs.terms);
}

template <class T>
void check_class_weights(const RowOptions<T>& options, const RowInputs<T>& inputs, std::string_view name) {
  if (options.class_weights == nullptr || options.class_weights->empty() || options.class_weights->is_number()) return;
  require(options.class_weights->size() == inputs.classes(), name, ": ", options.class_weights_name, " has ",
          options.class_weights->size(), " values, but prediction has ", inputs.classes(), " classes");
}

/// The operands of a job and their strides; no rule, no options.
template <class T>
RowJob<T> row_job(const RowInputs<T>& inputs, double unit, const Output<T>* output, const View<T>* values) {
  using Job = RowJob<T>;
  Job work;
  work.classes = inputs.classes();
  work.uniform_weight = static_cast<T>(unit);
  work.x = inputs.logits.data;
  work.h = inputs.distribution.data;
  work.w = inputs.weights.data;
  work.y = inputs.labels;
  work.kept = inputs.mask.data;
  work.class_stride[Job::logits] = inputs.logits.stride[1];
  work.class_stride[Job::distribution] = inputs.distribution.stride[1];
  work.class_stride[Job::mask] = inputs.mask.stride[1];
  work.storage[Job::logits] = inputs.logits.storage;
  work.storage[Job::distribution] = inputs.distribution.storage;
  work.storage[Job::weights] = inputs.weights.storage;
  const bool label_rows = inputs.has_label_rows();
  if (label_rows) work.class_stride[Job::labels] = inputs.labels.stride[1];
  if (output != nullptr) {
    work.g = output->view.data;
    work.class_stride[Job::gradient] = output->view.stride[1];
    work.storage[Job::gradient] = output->view.storage;
  }
  if (values != nullptr) {
    work.out = values->data;
    work.storage[Job::values] = values->storage;
  }
  for (int axis = 0; axis < inputs.terms.rank; ++axis) {
    const int at = axis == 0 ? 0 : axis + 1;
    Index strides[Job::operands] = {};
    strides[Job::logits] = inputs.logits.stride[at];
    strides[Job::distribution] = inputs.distribution.stride[at];
    strides[Job::mask] = inputs.mask.stride[at];
    strides[Job::weights] = inputs.weights.stride[axis];
    strides[Job::labels] = inputs.labels.stride[label_rows ? at : axis];
    if (output != nullptr) strides[Job::gradient] = output->view.stride[at];
    if (values != nullptr) strides[Job::values] = values->stride[axis];
    work.add_axis(inputs.terms[axis], strides);
  }
  work.merge_axes();
  return work;
}

template <class T>
void set_options(RowJob<T>& work, const RowOptions<T>& options) {
  // Where nothing is ignored, a label that is no class has weight 0.
  work.ignore_index = options.ignores ? options.ignore_index : -1;
}

/// Where a gradient goes, and what all of it is multiplied by.
template <class T>
void set_gradient(RowJob<T>& work, Reduction reduction, const Whole& whole, const Output<T>& output) {
  work.adds = output.adds;
  work.scale =
      static_cast<T>(reduction_scale(reduction, whole.weight * whole.unit, whole.count, whole.unit) * output.factor);
}

template <class T>
LOSSES_COLD void name_first_wrong_label(const RowInputs<T>& inputs, const RowOptions<T>& options,
                                        std::string_view name) {
  const std::int64_t ignored = options.ignore_index;
  const bool names_ignored = options.ignores && (ignored < 0 || ignored >= inputs.classes());
  for (Index flat = 0; flat < inputs.labels.extents.count(); ++flat) {
    const LabelAt label(inputs.labels, flat);
    const std::int64_t wide = label.wide();
    if (inputs.weights.data != nullptr && element(inputs.weights, flat) == 0) continue;
    require_in_range((options.ignores && wide == ignored) || (wide >= 0 && wide < inputs.classes()), name, ": target",
                     Position{inputs.labels.extents, flat}, " is ", label, ", but must be in [0, ", inputs.classes(),
                     ")", names_ignored ? " or the ignore_index " : "",
                     names_ignored ? std::to_string(ignored) : std::string());
  }
}

/// Σ of the weights of the samples that are kept; a label outside [0, c) is refused.
template <class T>
double check_labels(const RowOptions<T>& options, const Executor& executor, const RowInputs<T>& inputs,
                    std::string_view name) {
  using Job = RowJob<T>;
  const Job work = row_job<T>(inputs, 1, nullptr, nullptr);
  const bool weighted =
      options.mean_by_class_weight && options.class_weights != nullptr && !options.class_weights->empty();
  const auto classes = static_cast<std::uint64_t>(inputs.classes());
  const std::int64_t ignore_index = options.ignore_index;
  const bool never_ignored = !options.ignores;
  double sums[max_sums] = {};
  if (work.samples() == 0) return 0;
  sum_over(work.samples(), work.samples(), 2, executor, sums, [&](Index first, Index last, double* local) {
    work.for_runs(first, last - first, [&](Index length, Index, const Index* at) {
      const int inner = work.rank - 1;
      const Index step = work.stride[Job::labels][inner];
      const Index weight_step = work.stride[Job::weights][inner];
      const Index first_weight = at[Job::weights];
      Index kept = 0, wrong = 0;
      if (!weighted && work.w == nullptr) {
        for_labels(work.y, at[Job::labels], step, length, [&, classes](std::int64_t label, Index) {
          const bool counts = (label != ignore_index) | never_ignored;
          kept += counts;
          wrong += counts & (static_cast<std::uint64_t>(label) >= classes);
        });
        local[0] += static_cast<double>(kept);
        local[1] += static_cast<double>(wrong);
        return;
      }
      double weight = 0;
      for_labels(work.y, at[Job::labels], step, length, [&](std::int64_t label, Index i) {
        const bool ignored = label == ignore_index && !never_ignored;
        const bool valid = static_cast<std::uint64_t>(label) < classes;
        double w = work.w == nullptr ? 1.0 : static_cast<double>(work.weight_at(first_weight + i * weight_step));
        wrong += ignored || valid || w == 0 ? 0 : 1;
        if (ignored || !valid) return;
        if (weighted) w *= static_cast<double>((*options.class_weights)[static_cast<Index>(label)]);
        weight += w;
      });
      local[0] += weight;
      local[1] += static_cast<double>(wrong);
    });
  });
  if (sums[1] != 0) [[unlikely]]
    name_first_wrong_label(inputs, options, name);
  return finite_weight(sums[0], name, weighted ? options.class_weights_name : "weights");
}

}  // namespace LOSSES_NAMESPACE::detail
