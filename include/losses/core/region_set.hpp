// SPDX-License-Identifier: MIT
#pragma once

/// The driver of region losses on probabilities, or on logits through a sigmoid: the set is the whole input, or each sample
/// is one.

#include <losses/core/loss.hpp>
#include <losses/core/region.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

/// What a part of the input contributes: its sums, or the values of its samples where each is a set.
struct RegionPartial {
  Region region;
  double sum = 0;     // Σ w·value over the samples
  double weight = 0;  // Σ w of the set, or of the samples
  Index count = 0;    // samples

  friend RegionPartial operator+(RegionPartial a, const RegionPartial& b) {
    a.region += b.region;
    a.sum += b.sum;
    a.weight += b.weight;
    a.count += b.count;
    return a;
  }
  RegionPartial& operator+=(const RegionPartial& other) { return *this = *this + other; }
};

template <class Rule>
concept ElementRegionRule = has_region_input<Rule, RegionInput::probabilities, RegionInput::logits>();

template <ElementRegionRule Rule>
struct Driver<per_set, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = ElementSets<T>;
  using Partial = RegionPartial;
  using Whole = SetsWhole;

  static_assert(RegionFormula<Rule>,
                "a rule with a RegionInput needs `double value(const Region&) const` and `RegionSlope slope(const "
                "Region&) const`");

  static constexpr int predictions = 1;
  static constexpr bool in_place = false;
  static constexpr bool takes_two_bytes = true;
  static constexpr bool logits = Rule::input == RegionInput::logits;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_stored<T, In...>();
    }
  }

  template <class P>
  using Unreduced = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  template <class... In>
  static Inputs bind(const Rule& rule, const In&... in) {
    const View<const T> views[] = {view_of(in)...};
    return bind_sets(rule, views);
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.prediction.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return {2, {inputs.sets, 1}}; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    inputs.visit(f);
  }

  static Whole check(const Rule&, const Executor& executor, const Inputs& inputs) {
    const Whole whole = check_set_weights<Rule>(inputs, executor);
    const View<const T>& weights = inputs.set_weights.data != nullptr ? inputs.set_weights : inputs.weights;
    check_probabilities<Rule, logits>(inputs.prediction, inputs.target, weights, executor);
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    Partial part{{}, 0, whole.weight, whole.count};
    if (inputs.per_sample) {
      part.sum = inputs.for_sets(executor, [&](Index set, const Executor& inner) {
        return set_value(rule, inputs, set, region_of(inner, inputs, set));
      });
    } else {
      part.region = region_of(executor, inputs, 0);
    }
    return part;
  }

  static T value(const Rule& rule, Reduction reduction, const Partial& part) {
    if (sets_are_samples(rule)) return static_cast<T>(reduce(reduction, {part.sum, part.weight, part.count}));
    return part.weight > 0 ? static_cast<T>(value_of(rule, part.region)) : T(0);
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return value(rule, reduction, partial(rule, executor, inputs, whole));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    Partial part{{}, 0, whole.weight, whole.count};
    if (inputs.per_sample) {
      part.sum = write_samples(rule, reduction, part, executor, inputs, outputs);
    } else {
      part.region = region_of(executor, inputs, 0);
      gradient_of(rule, reduction, part, executor, inputs, outputs);
    }
    return value(rule, reduction, part);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole,
                        const Output<T>& output) {
    const View<T>& to = output.view;
    if (!inputs.per_sample) {
      *to.data = forward(rule, Reduction::mean, executor, inputs, whole);
      return;
    }
    inputs.for_sets(executor, [&](Index set, const Executor& inner) {
      to.data[set * to.stride[0]] = static_cast<T>(set_value(rule, inputs, set, region_of(inner, inputs, set)));
      return 0.0;
    });
  }

  /// The second pass: this part's gradient, given the sums of all parts.
  static void gradient_of(const Rule& rule, Reduction reduction, const Partial& part, const Executor& executor,
                          const Inputs& inputs, const Output<T>* outputs) {
    if (inputs.per_sample) {
      write_samples(rule, reduction, part, executor, inputs, outputs);
    } else {
      const double scale = part.weight > 0 ? outputs->factor : 0;
      write_set(rule, inputs, 0, part.region, scale, executor, *outputs);
    }
  }

 private:
  static ElementJob<T> job(const Inputs& inputs, Index set) {
    const auto prediction = inputs.of(inputs.prediction, set);
    ElementJob<T> work;
    work.extents = prediction.extents;
    work.in[0] = operand(prediction);
    work.in[2] = operand(inputs.of(inputs.target, set));
    work.in[4] = operand(inputs.of(inputs.weights, set));
    work.sums = 4;
    return work;
  }

  static Region region_of(const Executor& executor, const Inputs& inputs, Index set) {
    double sums[max_sums] = {};
    if (inputs.set_weight(set) != 0) {
      const bool weighted = inputs.weights.data != nullptr;
      traverse<T>(job(inputs, set),
                  weighted ? region_sums_kernel<T, logits, true> : region_sums_kernel<T, logits, false>, nullptr,
                  executor, sums);
    }
    return {sums[0], sums[1], sums[2]};
  }

  /// w·value of a sample.
  static double set_value(const Rule& rule, const Inputs& inputs, Index set, const Region& region) {
    return value_of(rule, region, inputs.set_weight(set));
  }

  static void write_set(const Rule& rule, const Inputs& inputs, Index set, const Region& region, double scale,
                        const Executor& executor, const Output<T>& output) {
    const double weight = inputs.set_weight(set) * scale;
    RegionStep<T> step;
    step.none = weight == 0;
    if (!step.none) {
      const RegionSlope slope = rule.slope(region);
      step.inside = finite_slope<T>(weight * slope.inside);
      step.outside = finite_slope<T>(weight * slope.outside);
    }
    auto work = job(inputs, set);
    work.out[0] = operand(inputs.of(output.view, set));
    work.adds[0] = output.adds;
    double none[max_sums] = {};
    const bool weighted = inputs.weights.data != nullptr;
    traverse<T>(work, weighted ? region_slope_kernel<T, logits, true> : region_slope_kernel<T, logits, false>, &step,
                executor, none);
  }

  static double write_samples(const Rule& rule, Reduction reduction, const Partial& part, const Executor& executor,
                              const Inputs& inputs, const Output<T>* outputs) {
    const double scale = reduction_scale(reduction, part.weight, part.count, 1) * outputs->factor;
    return inputs.for_sets(executor, [&](Index set, const Executor& inner) {
      const Region region = region_of(inner, inputs, set);
      write_set(rule, inputs, set, region, scale, inner, *outputs);
      return set_value(rule, inputs, set, region);
    });
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
