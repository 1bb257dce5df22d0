// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses that are one value of sums over the whole input: a pass that sums, then one that writes.

#include <losses/core/driver.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

template <class Rule, class V = Lanes<typename Rule::Scalar>>
inline constexpr int sums_of = static_cast<int>(
    std::tuple_size_v<decltype(std::declval<const Rule&>().sums(std::declval<V>(), std::declval<V>()))>);

/// A rule of p − y alone with value(s·p, s·y) = s·value(p, y), to which a factor of all weights is nothing: both may be scaled, so
/// that its sums neither overflow nor vanish.
template <class Rule>
concept Homogeneous = requires { requires Rule::homogeneous; };

/// Numbers times a unit of 0, where ∞·0 is 1: the limit of a homogeneous rule where an input is infinite.
template <class V>
LOSSES_INLINE V direction(const V& x) {
  return where(isinf(x), copysign(V(1), x), where(x == x, V(0), x));
}

/// Both times the unit. One above 1 is for small differences, also of numbers that have no room for it.
template <class V>
LOSSES_INLINE void in_unit(V& p, V& y, typename V::Scalar unit) {
  const V r = p - y;
  p = unit > 1 ? r * V(unit) : p * V(unit);
  y = unit > 1 ? V(0) : y * V(unit);
}

/// sums[i]: Σ w·(the rule's sum i), of inputs times run.unit and weights times run.scale[1].
template <class Rule, bool weighted, bool infinite = false, class T = typename Rule::Scalar>
LOSSES_KERNEL void set_sums_kernel(const void* erased, const Run<T>& run, double* sums) {
  using V = Lanes<T>;
  const Rule& rule = *static_cast<const Rule*>(erased);
  Accumulator<T> total[2][sums_of<Rule>];
  const auto step = [&](auto lanes, Index i, int j) LOSSES_INLINE_LAMBDA {
    V p = lanes.load(run.in[0] + i);
    V y = lanes.load(run.in[2] + i);
    if constexpr (infinite) {
      p = direction(p);
      y = direction(y);
    } else if constexpr (Homogeneous<Rule>) {
      in_unit(p, y, run.unit);
    }
    const auto terms = rule.sums(p, y);
    for (std::size_t s = 0; s < terms.size(); ++s) {
      if constexpr (weighted) {
        V w = lanes.load(run.in[4] + i);
        if constexpr (Homogeneous<Rule>) w = w * V(run.scale[1]);
        total[j][s].add(lanes.keep(where(w == V(0), V(0), w * terms[s])));
      } else {
        total[j][s].add(lanes.keep(terms[s]));
      }
    }
  };
  for_lanes<T>(run.size, step, [&]() LOSSES_INLINE_LAMBDA {
    for (auto& accumulators : total) {
      for (auto& each : accumulators) each.fold();
    }
  });
  for (int s = 0; s < sums_of<Rule>; ++s) sums[s] += total[0][s].total() + total[1][s].total();
}

template <class Rule>
struct SetSlope {
  const Rule* rule;
  Sums<sums_of<Rule>> sums;
};

/// The rule's slope at run.unit times the inputs. Of several infinite residuals that of each depends on how they grow: NaN.
template <class Rule, bool weighted, bool infinite = false, class T = typename Rule::Scalar>
LOSSES_KERNEL void set_slope_kernel(const void* erased, const Run<T>& run, double*) {
  using V = Lanes<T>;
  const SetSlope<Rule> slope = *static_cast<const SetSlope<Rule>*>(erased);
  for_lanes<T>(run.size, [&](auto lanes, Index i, int) LOSSES_INLINE_LAMBDA {
    V p = lanes.load(run.in[0] + i);
    V y = lanes.load(run.in[2] + i);
    if constexpr (infinite) {
      p = direction(p);
      y = direction(y);
    } else if constexpr (Homogeneous<Rule>) {
      in_unit(p, y, run.unit);
    }
    V g = slope.rule->slope(slope.sums, p, y) * V(run.scale[0]);
    V w(1);
    if constexpr (weighted) {
      w = lanes.load(run.in[4] + i);
      if constexpr (Homogeneous<Rule>) w = w * V(run.scale[1]);
      g = where(w == V(0), V(0), w * g);
    }
    if constexpr (infinite) {
      const V own = w * slope.rule->sums(p, y)[0];
      g = where((own == V(0)) | (own == V(slope.sums[0])), g, V(std::numeric_limits<T>::quiet_NaN()));
    }
    T* out = run.out[0] + i;
    if (run.adds[0]) g = lanes.load(out) + g;
    lanes.store(g, out);
  });
}

/// The sums of a part of a set; the rule makes a value of the sums of all parts.
template <int count>
struct SetPartial {
  Sums<count> sums;
  Index samples = 0;
  // Only for a homogeneous rule of squares: the inputs were multiplied by unit, and the weights. 0: an input is infinite.
  double unit = 1, weight_unit = 1;

  friend SetPartial operator+(SetPartial a, SetPartial b) {
    if (b.sums.weight == 0) return a;
    if (a.sums.weight == 0) return b;
    const double coarse = std::min(a.unit, b.unit), of_weights = std::min(a.weight_unit, b.weight_unit);
    a.bring_to(coarse, of_weights);
    b.bring_to(coarse, of_weights);
    for (std::size_t i = 0; i < a.sums.of.size(); ++i) a.sums.of[i] += b.sums.of[i];
    a.sums.weight += b.sums.weight;
    a.samples += b.samples;
    return a;
  }
  SetPartial& operator+=(const SetPartial& other) { return *this = *this + other; }

 private:
  void bring_to(double coarse, double of_weights) {
    const double by = of_weights / weight_unit, ratio = unit > coarse ? coarse / unit : 1;
    for (double& sum : sums.of) sum *= ratio * ratio * by;
    sums.weight *= by;
    unit = coarse;
    weight_unit = of_weights;
  }
};

template <class Rule>
struct SetInputs {
  using T = typename Rule::Scalar;
  View<const T> prediction, target, weights;
};

/// What a per_set rule must have, as one concept.
template <class Rule>
concept SetRule = std::floating_point<typename Rule::Scalar> &&
                  requires(const Rule& rule, Lanes<typename Rule::Scalar> v, const Sums<sums_of<Rule>>& sums) {
                    { rule.value(sums) } -> std::convertible_to<double>;
                    rule.slope(sums, v, v) + v;
                  };

template <class Rule>
struct Driver<per_set, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = SetInputs<Rule>;
  using Partial = SetPartial<sums_of<Rule>>;

  static_assert(
      SetRule<Rule>,
      "a per_set rule needs `using Scalar = float or double;`, `std::array<V, N> sums(V prediction, V target) const`, "
      "`double value(const Sums<N>&) const` and `V slope(const Sums<N>&, V prediction, V target) const`");

  using Whole = detail::Whole;

  static constexpr int predictions = 1;
  static constexpr bool in_place = false;
  static constexpr bool takes_two_bytes = true;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_stored<T, In...>();
    }
  }

  template <class P>
  using Unreduced = Eigen::Matrix<T, 1, 1>;

  template <class... In>
  static Inputs bind(const Rule&, const In&... in) {
    const View<const T> views[] = {view_of(in)...};
    Inputs inputs{views[0], views[1], {}};
    require_shape(name_of<Rule>(), inputs.target.extents, "target", inputs.prediction.extents, "prediction");
    if constexpr (sizeof...(In) == 3)
      inputs.weights = broadcast_weights(name_of<Rule>(), views[2], inputs.prediction.extents);
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.prediction.extents; }
  static Extents unreduced_extents(const Inputs&) { return {2, {1, 1}}; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.prediction, "prediction", 0);
    f(inputs.target, "target", -1);
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule&, const Executor& executor, const Inputs& inputs) {
    const Extents& shape = inputs.prediction.extents;
    Whole whole = weigh(name_of<Rule>(), inputs.weights, executor, shape.count(), shape.rank > 0 ? shape[0] : 1);
    if constexpr (!Homogeneous<Rule>) whole.unit = 1;
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    Partial part = sums(rule, executor, inputs, whole, 1);
    if constexpr (Homogeneous<Rule>) {
      using Limits = std::numeric_limits<T>;
      constexpr T small = Limits::min() / (Limits::epsilon() * Limits::epsilon());
      const double mean = part.sums[0] / part.sums.weight;
      if (std::isinf(mean)) {
        part = sums(rule, executor, inputs, whole, std::ldexp(1.0, -Limits::max_exponent * 7 / 10));
        if (std::isinf(part.sums[0])) part = sums(rule, executor, inputs, whole, 0);
      } else if (part.sums.weight > 0 && mean < static_cast<double>(small)) {
        part = sums(rule, executor, inputs, whole, std::ldexp(1.0, Limits::max_exponent * 8 / 10));
        if (std::isinf(part.sums[0])) {  // one difference is far above the mean
          part = sums(rule, executor, inputs, whole, std::ldexp(1.0, Limits::max_exponent * 4 / 10));
        }
      }
    }
    return part;
  }

  static T value(const Rule& rule, Reduction, const Partial& part) {
    return part.sums.weight > 0 ? static_cast<T>(value_of(rule, part.sums) / part.unit) : T(0);
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return value(rule, reduction, partial(rule, executor, inputs, whole));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    const Partial part = partial(rule, executor, inputs, whole);
    gradient_of(rule, reduction, part, executor, inputs, outputs);
    return value(rule, reduction, part);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole,
                        const Output<T>& output) {
    *output.view.data = forward(rule, Reduction::mean, executor, inputs, whole);
  }

  static void gradient_of(const Rule& rule, Reduction, const Partial& part, const Executor& executor,
                          const Inputs& inputs, const Output<T>* outputs) {
    SetSlope<Rule> slope{&rule, part.sums};
    slope.sums.value = value_of(rule, part.sums);
    auto work = job(inputs, part.unit, part.weight_unit);
    work.out[0] = operand(outputs->view);
    work.scale[0] = static_cast<T>(part.sums.weight > 0 ? outputs->factor : 0);
    work.adds[0] = outputs->adds;
    double none[max_sums] = {};
    traverse<T>(work, slope_kernel(inputs, part.unit == 0), &slope, executor, none);
  }

 private:
  static ElementJob<T> job(const Inputs& inputs, double unit, double weight_unit) {
    ElementJob<T> work;
    work.extents = inputs.prediction.extents;
    work.in[0] = operand(inputs.prediction);
    work.in[2] = operand(inputs.target);
    work.in[4] = operand(inputs.weights);
    work.unit = static_cast<T>(unit);
    work.scale[1] = static_cast<T>(weight_unit);
    work.sums = sums_of<Rule>;
    return work;
  }

  static Partial sums(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole,
                      double unit) {
    double totals[max_sums] = {};
    traverse<T>(job(inputs, unit, whole.unit), sums_kernel(inputs, unit == 0), &rule, executor, totals);
    Partial part{{{}, whole.weight * whole.unit, 0}, whole.count, unit, whole.unit};
    std::copy_n(totals, sums_of<Rule>, part.sums.of.begin());
    return part;
  }

  static Kernel<T> sums_kernel(const Inputs& inputs, bool infinite) {
    const bool weighted = inputs.weights.data != nullptr;
    if constexpr (Homogeneous<Rule>) {
      if (infinite) return weighted ? set_sums_kernel<Rule, true, true> : set_sums_kernel<Rule, false, true>;
    }
    return weighted ? set_sums_kernel<Rule, true> : set_sums_kernel<Rule, false>;
  }

  static Kernel<T> slope_kernel(const Inputs& inputs, bool infinite) {
    const bool weighted = inputs.weights.data != nullptr;
    if constexpr (Homogeneous<Rule>) {
      if (infinite) return weighted ? set_slope_kernel<Rule, true, true> : set_slope_kernel<Rule, false, true>;
    }
    return weighted ? set_slope_kernel<Rule, true> : set_slope_kernel<Rule, false>;
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
