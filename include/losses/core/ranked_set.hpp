// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses that rank the hinge errors of a set of scores: the set is the whole input, or each sample is one. It
/// allocates O(n). There is no `partial`: a ranking is of the whole set.

#include <losses/core/element_sets.hpp>
#include <losses/core/loss.hpp>
#include <losses/core/ranking.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

template <RankingRule<RankingInput::hinge> Rule>
struct Driver<per_set, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = ElementSets<T>;
  using Whole = SetsWhole;

  static_assert(RankingFormula<Rule>,
                "a rule with a RankingInput needs `template <class T> double extension(const Ranking<T>&, T*) const`");

  static constexpr int predictions = 1;
  static constexpr bool in_place = false;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_values<T, In...>();
    }
  }

  template <class P>
  using Unreduced = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  template <class... In>
  static Inputs bind(const Rule& rule, const In&... in) {
    const View<const T> views[] = {view_of(in)...};
    const Inputs inputs = bind_sets(rule, views);
    require_rankable<Rule>(inputs.of(inputs.prediction, 0).extents.count());
    return inputs;
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
    for (Index set = 0; set < inputs.sets; ++set) {
      const View<const T> target = inputs.of(inputs.target, set);
      const int last = target.extents.rank - 1;
      for_rows(target.extents, target.stride, [&](Index offset, Index first) {
        for (Index j = 0; j < target.extents[last]; ++j) {
          const T y = target.data[offset + j * target.stride[last]];
          const Index flat = set * target.extents.count() + first + j;
          if (y == 0 || y == 1 || std::isnan(y) || (weights.data != nullptr && element(weights, flat) == 0)) continue;
          require(false, name_of<Rule>(), ": target", Position{inputs.target.extents, flat}, " is ", y,
                  ", but must be 0 or 1");
        }
      });
    }
    return whole;
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return run(rule, reduction, executor, inputs, whole, nullptr);
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    return run(rule, reduction, executor, inputs, whole, outputs);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    inputs.for_sets(executor, [&](Index set, const Executor&) {
      output.view.data[set * output.view.stride[0]] = static_cast<T>(of_set(rule, inputs, set, 0, nullptr));
      return 0.0;
    });
  }

 private:
  static T run(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
               const Whole& whole, const Output<T>* output) {
    double scale = inputs.per_sample  ? reduction_scale(reduction, whole.weight, whole.count, 1)
                   : whole.weight > 0 ? 1
                                      : 0;
    if (output != nullptr) scale *= output->factor;
    const double sum =
        inputs.for_sets(executor, [&](Index set, const Executor&) { return of_set(rule, inputs, set, scale, output); });
    return static_cast<T>(inputs.per_sample ? reduce(reduction, {sum, whole.weight, whole.count}) : sum);
  }

  /// w·value of a set, and its gradient times `scale`.
  static double of_set(const Rule& rule, const Inputs& inputs, Index set, double scale, const Output<T>* output) {
    const View<const T> prediction = inputs.of(inputs.prediction, set), weights = inputs.of(inputs.weights, set);
    const std::size_t size = static_cast<std::size_t>(prediction.extents.count());
    const double set_weight = inputs.set_weight(set);
    std::vector<T> error(size), target(size), weight(size, T(1)), slope(size, T(0));
    double value = 0;
    if (set_weight != 0 && size > 0) {
      gather(prediction, error.data());
      gather(inputs.of(inputs.target, set), target.data());
      if (weights.data != nullptr) gather(weights, weight.data());
      for (std::size_t i = 0; i < size; ++i) error[i] = T(1) - (2 * target[i] - 1) * error[i];
      Ranking<T> ranking;
      RankingMemory<T> memory;
      if (memory.rank(error.data(), target.data(), weight.data(), static_cast<Index>(size), ranking)) {
        value = rule.extension(ranking, slope.data());
      } else {
        value = std::numeric_limits<double>::quiet_NaN();
        for (std::size_t i = 0; i < size; ++i) slope[i] = weight[i] == 0 ? T(0) : std::numeric_limits<T>::quiet_NaN();
      }
      const T factor = static_cast<T>(scale * set_weight);
      for (std::size_t i = 0; i < size; ++i) {
        slope[i] = slope[i] == 0 ? T(0) : (target[i] > 0 ? -slope[i] : slope[i]) * factor;
      }
    }
    if (output != nullptr && size > 0) scatter(slope.data(), output->adds, inputs.of(output->view, set));
    return set_weight == 0 ? 0 : set_weight * value;
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
