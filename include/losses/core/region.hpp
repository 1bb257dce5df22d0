// SPDX-License-Identifier: MIT
#pragma once

/// What the losses of regions are made of: how much of a prediction and a target coincide over a set, and the kernels that
/// sum it and write the gradient. They know no rule, so they compile once per scalar.
///
/// A rule of this kind has `using Shape = per_set`, `static constexpr RegionInput input`, and two formulas:
///
///   double value(const Region& region) const;
///   RegionSlope slope(const Region& region) const;     // dvalue/dp at y = 1 and at y = 0: it is linear in y
///
/// The sets are the whole input, each sample (`bool per_sample`), or each class.

#include <algorithm>
#include <cmath>
#include <limits>

#include <losses/core/element_sets.hpp>
#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// What the prediction of a region loss is, and its sets.
enum class RegionInput : std::uint8_t {
  probabilities,        ///< p in [0, 1], and a target for each
  logits,               ///< p = sigmoid(x), and a target for each
  softmax,              ///< p = softmax(x) over the classes [n, c, …], integer labels [n, …]; a region for each class
  class_probabilities,  ///< p in [0, 1] [n, c, …], and a target for each; a region for each class
};

/// A prediction p and a target y over a set.
struct Region {
  double hits = 0;    ///< Σ w p y, the true positives
  double extra = 0;   ///< Σ w p (1 − y), the false positives
  double missed = 0;  ///< Σ w (1 − p) y, the false negatives

  double wrong() const { return extra + missed; }
  double target() const { return hits + missed; }

  Region& operator+=(const Region& other) {
    hits += other.hits;
    extra += other.extra;
    missed += other.missed;
    return *this;
  }
};

/// dvalue/dp of an element: `inside` where y = 1, `outside` where y = 0.
struct RegionSlope {
  double inside = 0, outside = 0;
};

/// The quotients of region losses, where 0/0 is perfect: no error, and no slope.
inline double share(double part, double whole) {
  return whole == 0 ? 0 : part / whole;
}

/// The name of a loss by its input.
constexpr std::string_view region_name(RegionInput input, std::string_view plain, std::string_view with_logits,
                                       std::string_view softmax) {
  return input == RegionInput::logits ? with_logits : input == RegionInput::softmax ? softmax : plain;
}

/// The checks of their options.
template <std::floating_point T>
void require_not_negative(std::string_view loss, std::string_view option, T is) {
  require(is >= 0 && is <= std::numeric_limits<T>::max(), loss, ": ", option, " is ", is,
          ", but must be finite and not negative");
}

}  // namespace rule

namespace detail {

using rule::Region;
using rule::RegionInput;
using rule::RegionSlope;

/// A rule of one region at a time.
template <class Rule>
concept RegionFormula = requires(const Rule& rule, const Region& region) {
  { rule.value(region) } -> std::convertible_to<double>;
  { rule.slope(region) } -> std::same_as<RegionSlope>;
};

template <class Rule, RegionInput... inputs>
consteval bool has_region_input() {
  if constexpr (requires { requires std::same_as<std::remove_cvref_t<decltype(Rule::input)>, RegionInput>; }) {
    return ((Rule::input == inputs) || ...);
  } else {
    return false;
  }
}

/// p and 1 − p, each right to its last digits.
template <class V>
struct WithRest {
  V p, rest;
};

template <class V>
LOSSES_INLINE WithRest<V> sigmoid_and_rest(V x, V e) {
  const V larger = V(1) / (V(1) + e);
  const V smaller = e / (V(1) + e);
  const auto negative = x < V(0);
  return {where(negative, smaller, larger), where(negative, larger, smaller)};
}

/// exp(−|x|) of some hundred logits before the rest, as the stages of a per_element rule; of probabilities nothing.
template <class T, bool logits>
class RegionProbabilities {
 public:
  static constexpr Index elements = 512;

  LOSSES_INLINE void start(const T* x, Index size) {
    x_ = x;
    if constexpr (logits) {
      for_single_lanes<T>(size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
        prefetch(x + i + 4096 / static_cast<Index>(sizeof(T)), 1);
        lanes.store(exp_nonpos(-abs(lanes.load(x + i))), e_ + i);
      });
    }
  }

  LOSSES_INLINE WithRest<Lanes<T>> at(auto lanes, Index i) const {
    const Lanes<T> x = lanes.load(x_ + i);
    if constexpr (logits) {
      return sigmoid_and_rest(x, lanes.load(e_ + i));
    } else {
      return {x, Lanes<T>(1) - x};
    }
  }

 private:
  const T* x_ = nullptr;
  alignas(64) T e_[logits ? elements : 1];
};

/// The sums of a Region, and Σ w where there are weights.
template <class T, bool logits, bool weighted>
LOSSES_KERNEL void region_sums_kernel(const void*, const Run<T>& run, double* sums) {
  using V = Lanes<T>;
  constexpr int count = weighted ? 4 : 3;
  constexpr Index chain =
      (weighted ? 1 : 8) * V::size;  // of floats per lane, which weights could overflow; then doubles
  Accumulator<T> total[count];
  RegionProbabilities<T, logits> probabilities;
  for (Index begin = 0; begin < run.size; begin += probabilities.elements) {
    const Index size = std::min(probabilities.elements, run.size - begin);
    probabilities.start(run.in[0] + begin, size);
    for (Index first = 0; first < size; first += chain) {
      V part[count];
      for_single_lanes<T>(std::min(chain, size - first), [&](auto lanes, Index in_chain) LOSSES_INLINE_LAMBDA {
        const Index i = first + in_chain;
        const V y = lanes.load(run.in[2] + begin + i);
        const auto at = probabilities.at(lanes, i);
        V terms[3] = {at.p * y, at.p * (V(1) - y), at.rest * y};
        if constexpr (weighted) {
          const V w = lanes.load(run.in[4] + begin + i);
          for (V& term : terms) term = where(w == V(0), V(0), w * term);
          part[3] = part[3] + lanes.keep(w);
        }
        for (int s = 0; s < 3; ++s) part[s] = part[s] + lanes.keep(terms[s]);
      });
      for (int s = 0; s < count; ++s) total[s].add(part[s]);
    }
    for (auto& each : total) each.fold();
  }
  for (int s = 0; s < count; ++s) sums[s] += total[s].total();
}

/// What the second pass writes for a set, its factors included; `none`: a set that is left out.
template <class T>
struct RegionStep {
  T inside = 0, outside = 0;
  bool none = false;
};

/// As T, finite unless NaN: a slope that is too large for T belongs to targets that no element of the set has, and 0 times
/// it must be 0.
template <class T>
T finite_slope(double slope) {
  constexpr double most = static_cast<double>(std::numeric_limits<T>::max());
  return static_cast<T>(std::clamp(slope, -most, most));
}

template <class T, bool logits, bool weighted>
LOSSES_KERNEL void region_slope_kernel(const void* erased, const Run<T>& run, double*) {
  using V = Lanes<T>;
  const RegionStep<T> slope = *static_cast<const RegionStep<T>*>(erased);
  RegionProbabilities<T, logits> probabilities;
  for (Index begin = 0; begin < run.size; begin += probabilities.elements) {
    const Index size = std::min(probabilities.elements, run.size - begin);
    probabilities.start(run.in[0] + begin, size);
    for_single_lanes<T>(size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
      const V y = lanes.load(run.in[2] + begin + i);
      V g = y * V(slope.inside) + (V(1) - y) * V(slope.outside);
      if constexpr (logits) {
        const auto at = probabilities.at(lanes, i);
        g = g * (at.p * at.rest);
      }
      if constexpr (weighted) {
        const V w = lanes.load(run.in[4] + begin + i);
        g = where(w == V(0), V(0), w * g);
      }
      if (slope.none) g = V(0);
      T* out = run.out[0] + begin + i;
      if (run.adds[0]) g = lanes.load(out) + g;
      lanes.store(g, out);
    });
  }
}

/// sums[0] becomes positive if a prediction (but a logit) or target that has a weight is outside [0, 1]; NaN is let through.
template <class T, bool logits>
LOSSES_KERNEL void region_domain_kernel(const void*, const Run<T>& run, double* sums) {
  using V = Lanes<T>;
  V bad[2];
  for_lanes<T>(run.size, [&](auto lanes, Index i, int j) LOSSES_INLINE_LAMBDA {
    const auto outside = [](const V& v) LOSSES_INLINE_LAMBDA { return (v < V(0)) | (v > V(1)); };
    auto wrong = outside(lanes.load(run.in[2] + i));
    if constexpr (!logits) wrong = wrong | outside(lanes.load(run.in[0] + i));
    if (run.in[4] != nullptr) wrong = wrong & (lanes.load(run.in[4] + i) != V(0));
    bad[j] = where(wrong, V(1), bad[j]);  // the lanes past the end repeat an element
  });
  sums[0] += static_cast<double>(horizontal_max(bad[0] + bad[1]));
}

/// Refuses a prediction (but logits) or a target outside [0, 1] whose weight is not 0. The views have one shape.
template <class Rule, bool logits, class T>
void check_probabilities(const View<const T>& prediction, const View<const T>& target, const View<const T>& weights,
                         const Executor& executor) {
  ElementJob<T> job;
  job.extents = prediction.extents;
  job.in[0] = operand(prediction);
  job.in[2] = operand(target);
  job.in[4] = operand(weights);
  double sums[max_sums] = {};
  traverse<T>(job, region_domain_kernel<T, logits>, nullptr, executor, sums);
  if (sums[0] == 0) return;
  const Extents& shape = prediction.extents;
  for (Index flat = 0; flat < shape.count(); ++flat) {
    if (weights.data != nullptr && element(weights, flat) == 0) continue;
    const auto refuse = [&](const View<const T>& view, const char* name) {
      const T is = element(view, flat);
      require(!(is < 0) && !(is > 1), name_of<Rule>(), ": ", name, Position{shape, flat}, " is ", is,
              ", but must be in [0, 1]");
    };
    if (!logits) refuse(prediction, "prediction");
    refuse(target, "target");
  }
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
