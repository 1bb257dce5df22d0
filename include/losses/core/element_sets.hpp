// SPDX-License-Identifier: MIT
#pragma once

/// The inputs of losses of sets of elements, prediction and target of one shape: the whole input is one set, or each sample
/// is one. Weights are of the terms of a set, or, with one per sample, of the sets.

#include <losses/core/driver.hpp>

namespace LOSSES_NAMESPACE::detail {

/// Whether each sample is a set of its own.
template <class Rule>
bool sets_are_samples(const Rule& rule) {
  if constexpr (requires { rule.per_sample; }) {
    return rule.per_sample;
  } else {
    return false;
  }
}

template <class T>
struct ElementSets {
  View<const T> prediction, target;
  View<const T> weights;      // of the terms; null without
  View<const T> set_weights;  // of the samples, where each is a set; null without
  Index sets = 1;
  bool per_sample = false;

  double set_weight(Index set) const {
    return set_weights.data == nullptr ? 1 : static_cast<double>(set_weights.at(set * set_weights.stride[0]));
  }

  /// A view of the input's shape, cut to one set.
  template <class S>
  View<S> of(const View<S>& view, Index set) const {
    View<S> one = view;
    if (one.extents.rank == 0) one.extents = {1, {1}};
    if (per_sample && one.data != nullptr) {
      one.skip(set * one.stride[0]);
      one.extents.size[0] = 1;
    }
    return one;
  }

  template <class F>
  void visit(const F& f) const {
    f(prediction, "prediction", 0);
    f(target, "target", -1);
    if (weights.data != nullptr) f(weights, "weights", -1);
    if (set_weights.data != nullptr) f(set_weights, "weights", -1);
  }

  /// Σ f(set, executor) in a fixed order. Small sets run side by side, each on one thread; large ones one after the other.
  template <class F>
  double for_sets(const Executor& executor, const F& f) const {
    double sums[max_sums] = {};
    if (sets == 0) return 0;
    const Index elements = prediction.extents.count();
    if (elements / sets >= parallel_elements) {
      for (Index set = 0; set < sets; ++set) sums[0] += f(set, executor);
    } else {
      sum_over(elements, sets, 1, executor, sums, [&](Index first, Index last, double* local) {
        for (Index set = first; set < last; ++set) local[0] += f(set, Executor{});
      });
    }
    return sums[0];
  }
};

template <class Rule, class T, std::size_t count>
ElementSets<T> bind_sets(const Rule& rule, const View<const T> (&views)[count]) {
  ElementSets<T> inputs;
  inputs.prediction = views[0];
  inputs.target = views[1];
  const Extents& shape = inputs.prediction.extents;
  require_shape(name_of<Rule>(), inputs.target.extents, "target", shape, "prediction");
  inputs.per_sample = sets_are_samples(rule) && shape.rank > 0;
  if (inputs.per_sample) inputs.sets = shape[0];
  if constexpr (count == 3) {
    const auto weights = broadcast_weights(name_of<Rule>(), views[2], shape);
    const bool of_samples = shape.rank > 0 && views[2].extents.count() == shape[0];
    (inputs.per_sample && of_samples ? inputs.set_weights : inputs.weights) = weights;
  }
  return inputs;
}

/// What mean and batch_mean divide by where each sample is a set; else the weight tells whether there is anything.
struct SetsWhole {
  double weight;
  Index count;
};

template <class Rule, class T>
SetsWhole check_set_weights(const ElementSets<T>& inputs, const Executor& executor) {
  const Extents& shape = inputs.prediction.extents;
  SetsWhole whole{static_cast<double>(inputs.per_sample ? inputs.sets : shape.count()), shape.rank > 0 ? shape[0] : 1};
  if (inputs.set_weights.data != nullptr) {
    View<const T> each = inputs.set_weights;
    each.extents = {1, {inputs.sets}};
    whole.weight = check_weights(name_of<Rule>(), each, executor);
  } else if (inputs.weights.data != nullptr) {
    whole.weight = check_weights(name_of<Rule>(), inputs.weights, executor);
    if (inputs.per_sample) {
      // A sample all of whose weights are 0 is left out.
      whole.weight = inputs.for_sets(executor, [&](Index set, const Executor& inner) {
        return check_weights(name_of<Rule>(), inputs.of(inputs.weights, set), inner) > 0 ? 1.0 : 0.0;
      });
    }
  }
  return whole;
}

}  // namespace LOSSES_NAMESPACE::detail
