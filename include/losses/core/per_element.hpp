// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses with a term for each element: regression, binary and multi-label classification.

#include <losses/core/driver.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

enum class Verb : std::uint8_t { value, gradient, unreduced, curvature };

/// How far ahead of a kernel its memory is asked for: one page, where the hardware's own prefetching stops.
template <class T>
inline constexpr Index elements_ahead = 4096 / static_cast<Index>(sizeof(T));

/// The rule at one register of elements.
template <class Rule, class V>
LOSSES_INLINE auto element_terms(const Rule& rule, const V* p, const V& y, const V& k) {
  if constexpr (prediction_count<Rule> == 2) {
    return rule(p[0], p[1], y);
  } else if constexpr (HasColumnParameter<Rule>) {
    return rule(p[0], y, k);
  } else {
    return rule(p[0], y);
  }
}

template <class Rule, class V = Lanes<typename Rule::Scalar>>
concept HasFirstStage = (prediction_count<Rule> == 1) && requires(const Rule& rule, V v) {
  { rule.first(v, v) } -> std::same_as<V>;
};
template <class Rule, class V = Lanes<typename Rule::Scalar>>
concept HasSecondStage = HasFirstStage<Rule, V> && requires(const Rule& rule, V v) {
  { rule.second(v, v, v) } -> std::same_as<V>;
};

template <class Rule, class V, std::size_t... i>
consteval bool takes_last(std::index_sequence<i...>) {
  return requires(const Rule& rule, V v) { rule.last((static_cast<void>(i), v)...).slope; };
}

/// Whether the last stage takes what the ones before it leave.
template <class Rule, class V = Lanes<typename Rule::Scalar>>
concept HasLastStage = takes_last<Rule, V>(
    std::make_index_sequence<2 + (HasColumnParameter<Rule> ? 1 : 0) + (HasFirstStage<Rule, V> ? 1 : 0) +
                             (HasSecondStage<Rule, V> ? 1 : 0)>());

/// What the stages before the last one leave of some elements.
template <class Rule, class T = typename Rule::Scalar>
class EarlyStages {
 public:
  static constexpr int count = (HasFirstStage<Rule> ? 1 : 0) + (HasSecondStage<Rule> ? 1 : 0);
  static constexpr Index elements = 512;

  LOSSES_INLINE void run(const Rule& rule, const T* p, const T* y, Index size) {
    using V = Lanes<T>;
    for_single_lanes<T>(size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
      prefetch(p + i + elements_ahead<T>, 1);
      prefetch(y + i + elements_ahead<T>, 1);
      const V first = rule.first(lanes.load(p + i), lanes.load(y + i));
      lanes.store(first, results_[0] + i);
    });
    if constexpr (count == 2) {
      for_single_lanes<T>(size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
        const V second = rule.second(lanes.load(p + i), lanes.load(y + i), lanes.load(results_[0] + i));
        lanes.store(second, results_[1] + i);
      });
    }
  }

  template <class V>
  LOSSES_INLINE auto last(const Rule& rule, const V& p, const V& y, const V& k, auto lanes, Index i) const {
    const auto after = [&](const auto&... early) LOSSES_INLINE_LAMBDA {
      if constexpr (HasColumnParameter<Rule>) {
        return rule.last(p, y, k, early...);
      } else {
        return rule.last(p, y, early...);
      }
    };
    if constexpr (count == 2) {
      return after(lanes.load(results_[0] + i), lanes.load(results_[1] + i));
    } else {
      return after(lanes.load(results_[0] + i));
    }
  }

 private:
  alignas(64) T results_[count > 0 ? count : 1][elements];
};

template <class Rule, class V = Lanes<typename Rule::Scalar>>
concept ScalesSlope = requires(const Rule& rule, V v) {
  { rule.scaled_slope(v, v, v) } -> std::same_as<V>;
};

template <class Rule, Verb verb, bool weighted, class T = typename Rule::Scalar>
LOSSES_KERNEL void element_kernel(const void* erased, const Run<T>& run, double* sums) {
  using V = Lanes<T>;
  constexpr int predictions = prediction_count<Rule>;
  // A copy lets the compiler keep the options in registers: through the pointer they could alias the gradient.
  std::conditional_t<std::is_trivially_copyable_v<Rule>, const Rule, const Rule&> rule =
      *static_cast<const Rule*>(erased);
  constexpr bool staged = HasFirstStage<Rule>;
  struct None {};
  [[maybe_unused]] std::conditional_t<staged, EarlyStages<Rule>, None> early;
  Index begin = 0;
  Accumulator<T> total[2];
  V number;  // an option that is the same for all columns
  if constexpr (HasColumnParameter<Rule>) {
    if (run.in[3] == nullptr) number = V(rule.column_parameter()[0]);
  }
  const auto step = [&](auto lanes, Index in_block, int j) LOSSES_INLINE_LAMBDA {
    V p[predictions];
    const Index i = begin + in_block, next = i + elements_ahead<T>;
    for (int each = 0; each < predictions; ++each) {
      p[each] = lanes.load(run.in[each] + i);
      if constexpr (!staged) prefetch(run.in[each] + next, 1);
      if (run.out[each] != nullptr) prefetch<true>(run.out[each] + next, 1);
    }
    const V y = lanes.load(run.in[2] + i);
    if constexpr (!staged) prefetch(run.in[2] + next, 1);
    V k, w;
    if constexpr (HasColumnParameter<Rule>) k = run.in[3] != nullptr ? lanes.load(run.in[3] + i) : number;
    if constexpr (weighted) w = lanes.load(run.in[4] + i);
    const auto terms = [&]() LOSSES_INLINE_LAMBDA {
      if constexpr (staged) {
        return early.last(rule, p[0], y, k, lanes, in_block);
      } else {
        return element_terms(rule, p, y, k);
      }
    }();
    // Weight 0 leaves an element out, whatever it holds.
    if constexpr (weighted) w = w * V(run.unit);
    const auto weigh = [&](const V& v, const V& factor) LOSSES_INLINE_LAMBDA {
      if constexpr (weighted) {
        return where(w == V(0), V(0), v * (w * factor));
      } else {
        return v * factor;
      }
    };
    const auto write = [&](const V& v, int each) LOSSES_INLINE_LAMBDA {
      T* out = run.out[each] + i;
      lanes.store(run.adds[each] ? lanes.load(out) + v : v, out);
    };
    const auto write_each = [&](const auto& values) LOSSES_INLINE_LAMBDA {
      if constexpr (predictions == 1) {
        write(weigh(values, V(run.scale[0])), 0);
      } else {
        for (int each = 0; each < predictions; ++each)
          write(weigh(values[static_cast<std::size_t>(each)], V(run.scale[each])), each);
      }
    };
    if constexpr (verb == Verb::value || verb == Verb::gradient) {
      // Terms of floats are summed as doubles, which need no unit.
      if constexpr (weighted || sizeof(T) == sizeof(double)) {
        total[j].add(lanes.keep(weigh(terms.value, weighted ? V(1) : V(run.unit))));
      } else {
        total[j].add(lanes.keep(terms.value));
      }
    }
    if constexpr (verb == Verb::gradient && ScalesSlope<Rule>) {
      if constexpr (weighted) {
        write(where(w == V(0), V(0), rule.scaled_slope(p[0], y, w * V(run.scale[0]))), 0);
      } else {
        write(rule.scaled_slope(p[0], y, V(run.scale[0])), 0);
      }
    } else if constexpr (verb == Verb::gradient) {
      write_each(terms.slope);
    }
    if constexpr (verb == Verb::curvature) write_each(terms.curvature);
    if constexpr (verb == Verb::unreduced) write(weigh(terms.value, V(1)), 0);
  };
  constexpr Index block = staged ? std::min(folded_elements<T>, EarlyStages<Rule>::elements) : folded_elements<T>;
  for (; begin < run.size; begin += block) {
    const Index size = std::min(block, run.size - begin);
    if constexpr (staged) early.run(rule, run.in[0] + begin, run.in[2] + begin, size);
    for_lanes<T>(size, step);
    total[0].fold();
    total[1].fold();
  }
  if constexpr (verb == Verb::value || verb == Verb::gradient) sums[0] += total[0].total() + total[1].total();
}

/// sums[0] becomes positive if an argument lies outside its domain.
template <class Rule, bool weighted, class T = typename Rule::Scalar>
LOSSES_KERNEL void domain_kernel(const void*, const Run<T>& run, double* sums) {
  using V = Lanes<T>;
  constexpr auto predictions = predictions_of<Rule>();
  constexpr auto target = target_of<Rule>();
  V bad[2];
  for_lanes<T>(run.size, [&](auto lanes, Index i, int j) LOSSES_INLINE_LAMBDA {
    V outside = bad[j];
    const auto look_at = [&](const Domain& domain, const T* data) LOSSES_INLINE_LAMBDA {
      prefetch(data + i + elements_ahead<T>, 1);
      outside = where(domain.excludes(lanes.load(data + i)), V(1), outside);
    };
    if constexpr (!predictions[0].domain.is_all()) look_at(predictions[0].domain, run.in[0]);
    if constexpr (predictions.size() == 2 && !predictions[predictions.size() - 1].domain.is_all()) {
      look_at(predictions[predictions.size() - 1].domain, run.in[1]);
    }
    if constexpr (!target.domain.is_all()) look_at(target.domain, run.in[2]);
    if constexpr (weighted) outside = where(lanes.load(run.in[4] + i) == V(0), bad[j], outside);
    bad[j] = outside;  // the lanes past the end repeat an element
  });
  sums[0] += static_cast<double>(horizontal_max(bad[0] + bad[1]));
}

template <class Rule>
constexpr bool has_domains() {
  for (const auto& prediction : predictions_of<Rule>()) {
    if (!prediction.domain.is_all()) return true;
  }
  return !target_of<Rule>().domain.is_all();
}

template <class Rule>
struct ElementInputs {
  using T = typename Rule::Scalar;
  View<const T> prediction[prediction_count<Rule>];
  View<const T> target;
  View<const T> parameter;  // null without, and for a number
  View<const T> weights;    // null without
};

template <class Rule, class V>
consteval bool gives_element_terms() {
  const auto are_terms = []<class Terms>(const Terms*) {
    return requires(const Terms& terms) { terms.value, terms.slope, terms.curvature; };
  };
  if constexpr (prediction_count<Rule> == 2 || HasColumnParameter<Rule>) {
    if constexpr (requires(const Rule& rule, V v) { rule(v, v, v); }) {
      return are_terms(static_cast<decltype(std::declval<const Rule&>()(V(), V(), V()))*>(nullptr));
    }
  } else if constexpr (requires(const Rule& rule, V v) { rule(v, v); }) {
    return are_terms(static_cast<decltype(std::declval<const Rule&>()(V(), V()))*>(nullptr));
  }
  return false;
}

/// What a per_element rule must have, as one concept.
template <class Rule>
concept ElementRule =
    std::floating_point<typename Rule::Scalar> && gives_element_terms<Rule, Lanes<typename Rule::Scalar>>();

template <class Rule>
struct Driver<per_element, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = ElementInputs<Rule>;
  using Partial = losses::Partial;
  using Whole = detail::Whole;

  static_assert(ElementRule<Rule>,
                "a per_element rule needs `using Scalar = float or double;` and `template <class V> Terms<V> "
                "operator()(V prediction, V target) const`, written with the operators and functions of V");

  static_assert(!HasFirstStage<Rule> || HasLastStage<Rule>,
                "a rule with a stage `V first(V prediction, V target) const` needs `Terms<V> last(V prediction, V "
                "target[, V parameter], V first[, V second]) const`");

  static constexpr int predictions = prediction_count<Rule>;
  static constexpr bool in_place = true;
  static constexpr bool takes_two_bytes = true;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != predictions + 1 && sizeof...(In) != predictions + 2) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_stored<T, In...>();
    }
  }

  template <class P>
  using Unreduced = typename Access<P>::Plain;

  template <class... In>
  static Inputs bind(const Rule& rule, const In&... in) {
    const View<const T> views[] = {view_of(in)...};
    constexpr auto names = predictions_of<Rule>();
    Inputs inputs;
    for (int i = 0; i < predictions; ++i) {
      inputs.prediction[i] = views[i];
      if (i > 0)
        require_shape(name_of<Rule>(), views[i].extents, names[static_cast<std::size_t>(i)].name, views[0].extents,
                      names[0].name);
    }
    const Extents& shape = views[0].extents;
    inputs.target = views[predictions];
    if constexpr (HasTargetPerRow<Rule>) {
      inputs.target = broadcast_target(inputs.target, shape);
    } else {
      require_shape(name_of<Rule>(), inputs.target.extents, target_of<Rule>().name, shape, names[0].name);
    }
    if constexpr (HasColumnParameter<Rule>) inputs.parameter = bind_parameter(rule.column_parameter(), shape);
    if constexpr (sizeof...(In) == predictions + 2) {
      inputs.weights = broadcast_weights(name_of<Rule>(), views[predictions + 1], shape);
    }
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.prediction[0].extents; }
  static const Extents& unreduced_extents(const Inputs& inputs) { return inputs.prediction[0].extents; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    constexpr auto names = predictions_of<Rule>();
    for (int i = 0; i < predictions; ++i) f(inputs.prediction[i], names[static_cast<std::size_t>(i)].name, i);
    f(inputs.target, target_of<Rule>().name, -1);
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    const Extents& shape = inputs.prediction[0].extents;
    const Whole whole = weigh(name_of<Rule>(), inputs.weights, executor, shape.count(), shape.rank > 0 ? shape[0] : 1);
    if constexpr (requires { rule.checks_domains(); }) {
      if (rule.checks_domains()) check_domains(executor, inputs);  // an option may lift them
    } else if constexpr (has_domains<Rule>()) {
      check_domains(executor, inputs);
    }
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    const auto in_unit = [&](double unit) { return sum(rule, executor, inputs, unit); };
    return finish_partial<T>(whole, in_unit(whole.unit), in_unit);
  }

  static T value(const Rule&, Reduction reduction, const Partial& partial) {
    return static_cast<T>(reduce(reduction, partial));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return finish(rule, reduction, executor, inputs, whole, sum(rule, executor, inputs, whole.unit));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    double sums[max_sums] = {};
    write<Verb::gradient>(rule, reduction, executor, inputs, whole, outputs, sums);
    return finish(rule, reduction, executor, inputs, whole, sums[0], outputs);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    auto work = job(inputs);
    work.out[0] = operand(output.view);
    double sums[max_sums] = {};
    const auto kernel = choose<Verb::unreduced>(inputs);
    traverse<T>(work, kernel, &rule, executor, sums);
  }

  static void curvature(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                        const Whole& whole, const Output<T>* outputs) {
    double sums[max_sums] = {};
    write<Verb::curvature>(rule, reduction, executor, inputs, whole, outputs, sums);
  }

 private:
  static View<const T> broadcast_target(const View<const T>& target, const Extents& shape) {
    bool per_row = target.extents.rank > 0 && shape.rank > 0 && target.extents[0] == shape[0];
    for (int axis = 1; axis < target.extents.rank; ++axis) per_row = per_row && target.extents[axis] == 1;
    require(per_row, name_of<Rule>(), ": ", target_of<Rule>().name, " is ", target.extents, ", but must be [", shape[0],
            "], one for each row of ", predictions_of<Rule>()[0].name);
    return target.along(shape, {target.stride[0]});
  }

  static View<const T> bind_parameter(const NumberOrVector<T>& parameter, const Extents& shape) {
    if (parameter.is_number()) return {};
    View<const T> view{parameter.data(), shape, {}};
    const Index columns = shape.rank > 1 ? shape[1] : 1;
    require(parameter.size() == columns, name_of<Rule>(), ": ", Rule::column_parameter_name, " has ", parameter.size(),
            " values, but ", predictions_of<Rule>()[0].name, " is ", shape, ", with ", columns, " columns");
    if (shape.rank > 1) view.stride[1] = 1;
    return view;
  }

  /// One run, where all operands are contiguous in one order and few: most calls in reinforcement learning and on
  /// devices.
  static bool single_run(const Inputs& inputs, const Output<T>* outputs, Run<T>& run) {
    run.size = inputs.prediction[0].extents.count();
    if (run.size > run_elements) return false;
    unsigned orders = dense_orders(inputs.target);
    run.in[2] = inputs.target.data;
    for (int i = 0; i < predictions; ++i) {
      orders &= dense_orders(inputs.prediction[i]);
      run.in[i] = inputs.prediction[i].data;
      if (outputs == nullptr) continue;
      orders &= dense_orders(outputs[i].view);
      run.out[i] = outputs[i].view.data;
      run.adds[i] = outputs[i].adds;
    }
    if (inputs.parameter.data != nullptr) {
      orders &= dense_orders(inputs.parameter);
      run.in[3] = inputs.parameter.data;
    }
    if (inputs.weights.data != nullptr) {
      orders &= dense_orders(inputs.weights);
      run.in[4] = inputs.weights.data;
    }
    return orders != 0;
  }

  static ElementJob<T> job(const Inputs& inputs) {
    ElementJob<T> work;
    work.extents = inputs.prediction[0].extents;
    for (int i = 0; i < predictions; ++i) work.in[i] = operand(inputs.prediction[i]);
    work.in[2] = operand(inputs.target);
    work.in[3] = operand(inputs.parameter);
    work.in[4] = operand(inputs.weights);
    return work;
  }

  template <Verb verb>
  static Kernel<T> choose(const Inputs& inputs) {
    return inputs.weights.data != nullptr ? element_kernel<Rule, verb, true> : element_kernel<Rule, verb, false>;
  }

  static double sum(const Rule& rule, const Executor& executor, const Inputs& inputs, double unit) {
    double sums[max_sums] = {};
    const auto kernel = choose<Verb::value>(inputs);
    Run<T> run;
    if (single_run(inputs, nullptr, run)) {
      run.unit = static_cast<T>(unit);
      kernel(&rule, run, sums);
    } else {
      auto work = job(inputs);
      work.unit = static_cast<T>(unit);
      traverse<T>(work, kernel, &rule, executor, sums);
    }
    return sums[0];
  }

  static T finish(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                  const Whole& whole, double total, const Output<T>* outputs = nullptr) {
    bool overwritten = false;
    for (int i = 0; i < predictions && outputs != nullptr; ++i) {
      overwritten = overwritten || outputs[i].view.data == inputs.prediction[i].data;
    }
    return finish_sum<T>(reduction, whole, total, overwritten,
                         [&](double unit) { return sum(rule, executor, inputs, unit); });
  }

  template <Verb verb>
  static void write(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                    const Whole& whole, const Output<T>* outputs, double* sums) {
    const double scale = reduction_scale(reduction, whole.weight * whole.unit, whole.count, whole.unit);
    Run<T> run;
    run.unit = static_cast<T>(whole.unit);
    if (single_run(inputs, outputs, run)) {
      for (int i = 0; i < predictions; ++i) run.scale[i] = static_cast<T>(scale * outputs[i].factor);
      return choose<verb>(inputs)(&rule, run, sums);
    }
    write_tiles<verb>(rule, scale, executor, inputs, whole.unit, outputs, sums);
  }

  /// Apart, so that a small call is short.
  template <Verb verb>
  [[gnu::noinline]] static void write_tiles(const Rule& rule, double scale, const Executor& executor,
                                            const Inputs& inputs, double unit, const Output<T>* outputs, double* sums) {
    auto work = job(inputs);
    work.unit = static_cast<T>(unit);
    for (int i = 0; i < predictions; ++i) {
      work.out[i] = operand(outputs[i].view);
      work.scale[i] = static_cast<T>(scale * outputs[i].factor);
      work.adds[i] = outputs[i].adds;
    }
    if constexpr (verb == Verb::gradient) {
      traverse_with_outputs<T>(work, choose<verb>(inputs), choose<Verb::value>(inputs), &rule, executor, sums);
    } else {
      traverse<T>(work, choose<verb>(inputs), &rule, executor, sums);
    }
  }

  static void check_domains(const Executor& executor, const Inputs& inputs) {
    double sums[max_sums] = {};
    const auto kernel = inputs.weights.data != nullptr ? domain_kernel<Rule, true> : domain_kernel<Rule, false>;
    Run<T> run;
    if (single_run(inputs, nullptr, run)) {
      kernel(nullptr, run, sums);
    } else {
      auto work = job(inputs);
      constexpr auto names = predictions_of<Rule>();
      for (int i = 0; i < predictions; ++i) {
        if (names[static_cast<std::size_t>(i)].domain.is_all()) work.in[i].data = nullptr;
      }
      if (target_of<Rule>().domain.is_all()) work.in[2].data = nullptr;
      work.in[3].data = nullptr;
      traverse<T>(work, kernel, nullptr, executor, sums);
    }
    if (sums[0] != 0) [[unlikely]]
      name_first_outside(inputs);
  }

  LOSSES_COLD static void name_first_outside(const Inputs& inputs) {
    constexpr auto names = predictions_of<Rule>();
    const Extents& shape = inputs.prediction[0].extents;
    for (Index flat = 0; flat < shape.count(); ++flat) {
      if (inputs.weights.data != nullptr && element(inputs.weights, flat) == 0) continue;
      const auto refuse = [&](const View<const T>& view, const Argument& argument) {
        const T is = element(view, flat);
        require(argument.domain.is_all() || !any(argument.domain.excludes(Lanes<T, 1>(is))), name_of<Rule>(), ": ",
                argument.name, Position{shape, flat}, " is ", is, ", but must be ", argument.domain.text);
      };
      for (int i = 0; i < predictions; ++i) refuse(inputs.prediction[i], names[static_cast<std::size_t>(i)]);
      refuse(inputs.target, target_of<Rule>());
    }
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
