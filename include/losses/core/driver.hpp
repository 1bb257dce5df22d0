// SPDX-License-Identifier: MIT
#pragma once

/// What Loss asks of a driver, and what the drivers share. A driver is Driver<Shape, Rule>:
///
///   predictions                       how many leading arguments are predictions; each has a gradient
///   Verdict<In...>                    Accepted, or a struct of namespace error whose name is the reason
///   in_place                          whether a gradient may be written over its own prediction
///   takes_two_bytes                   where there: arguments and gradients of a loss of float may be stored in two bytes
///   Inputs bind(rule, in...)          views of the arguments; shapes are checked here
///   Whole check(rule, executor, inputs)          reads labels, weights, domains; throws before anything is written
///   Partial partial(rule, executor, inputs, whole)
///   T value(rule, reduction, partial)
///   T forward(rule, reduction, executor, inputs, whole)
///   T value_and_gradient(rule, reduction, executor, inputs, whole, outputs)
///   void unreduced(rule, executor, inputs, whole, output)       with Unreduced<P>, unreduced_extents(inputs)
///   void curvature(rule, reduction, executor, inputs, whole, outputs)     where the shape has one
///   visit(inputs, f)                  f(view, name, i) for each input; i is the number of the prediction, or −1
///
/// A new shape is a new specialisation: Loss is not touched.

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include <losses/core/elements.hpp>
#include <losses/core/reduction.hpp>
#include <losses/core/rule.hpp>

namespace LOSSES_NAMESPACE {

/// Why a call does not compile: the compiler prints the name.
namespace error {

struct wrong_number_of_arguments {
  static constexpr bool value = false;
};
struct an_argument_is_not_an_Eigen_object_and_tensors_need_losses_tensor_hpp {
  static constexpr bool value = false;
};
struct an_argument_has_another_scalar_than_the_loss_so_cast_it {
  static constexpr bool value = false;
};
struct the_target_must_hold_integer_labels_or_probabilities_with_the_scalar_of_the_loss {
  static constexpr bool value = false;
};
struct the_gradient_must_be_a_writable_Eigen_object_with_the_scalar_of_the_loss {
  static constexpr bool value = false;
};
struct this_shape_of_loss_has_no_such_verb {
  static constexpr bool value = false;
};

}  // namespace error

namespace detail {

struct Accepted {
  static constexpr bool value = true;
};

template <class Shape, class Rule>
struct Driver;

template <class Rule>
using DriverOf = Driver<typename Rule::Shape, Rule>;

/// Where a gradient goes: written or added, either way times a factor.
template <class T>
struct Output {
  View<T> view;
  bool adds = false;
  double factor = 1;
};

template <class X, class T>
concept ViewableAs = Viewable<X> && std::same_as<typename Access<X>::Scalar, T>;

/// Numbers of T, or, where T is float, stored in two bytes.
template <class X, class T>
concept StoredAs =
    ViewableAs<X, T> || (Viewable<X> && std::same_as<T, float> && TwoByteFloat<typename Access<X>::Scalar>);

/// The verdict on arguments that must all be Eigen objects of T, or be stored in two bytes where that is allowed.
template <class T, bool two_bytes, class... In>
consteval auto verdict_on_numbers() {
  if constexpr (!(Viewable<In> && ...)) {
    return error::an_argument_is_not_an_Eigen_object_and_tensors_need_losses_tensor_hpp{};
  } else if constexpr (!((two_bytes ? StoredAs<In, T> : ViewableAs<In, T>) && ...)) {
    return error::an_argument_has_another_scalar_than_the_loss_so_cast_it{};
  } else {
    return Accepted{};
  }
}

template <class T, class... In>
consteval auto verdict_on_values() {
  return verdict_on_numbers<T, false, In...>();
}

/// For a driver that takes two bytes.
template <class T, class... In>
consteval auto verdict_on_stored() {
  return verdict_on_numbers<T, true, In...>();
}

template <class Driver>
constexpr bool takes_two_bytes() {
  if constexpr (requires { Driver::takes_two_bytes; }) {
    return Driver::takes_two_bytes;
  } else {
    return false;
  }
}

// What checks an argument takes the loss by its name, so that it compiles once for all rules.

inline void require_shape(std::string_view loss, const Extents& is, std::string_view argument, const Extents& must,
                          std::string_view like) {
  require(is == must, loss, ": ", argument, " is ", is, ", but must be ", must, ", the shape of ", like);
}

/// A running sum of lanes, widened at once: a float sum would be 4e-6 off after a block of 2048, or overflow. Of doubles,
/// fold() is called now and then: it moves the sum to a second one that keeps what is rounded away.
template <class T>
class Accumulator {
 public:
  LOSSES_INLINE void add(const Lanes<T>& v) {
    if constexpr (sizeof(T) == sizeof(double)) {
      low_ = low_ + v;
    } else {
      const auto wide = widen(v);
      low_ = low_ + wide.lo;
      high_ = high_ + wide.hi;
    }
  }
  LOSSES_INLINE double total() const {
    if constexpr (sizeof(T) == sizeof(double)) {
      const auto sum = whole_ + low_;
      return horizontal_sum(where(isfinite(lost_), sum + lost_, sum));
    } else {
      return horizontal_sum(low_ + high_);
    }
  }

  LOSSES_INLINE void fold() {
    if constexpr (sizeof(T) == sizeof(double)) {
      const auto sum = whole_ + low_;
      const auto part = sum - whole_;
      lost_ = lost_ + ((whole_ - (sum - part)) + (low_ - part));
      whole_ = sum;
      low_ = 0;
    }
  }

 private:
  static constexpr int width = Lanes<T>::size * static_cast<int>(sizeof(T)) / static_cast<int>(sizeof(double));
  Lanes<double, width> low_, high_, whole_, lost_;
};

/// weight · rule.value(sums), 0 for a weight of 0. It is a kernel, one copy of the code for all verbs: elsewhere a compiler may contract
/// a·b + c in one caller and not in the next, and forward is the value of value_and_gradient to the bit.
template <class Rule, class Sums>
LOSSES_KERNEL double value_of(const Rule& rule, const Sums& sums, double weight = 1) {
  return weight == 0 ? 0 : weight * rule.value(sums);
}

/// Loads and stores of a whole register, and of the last elements of a run: `size` of them, padded with the first.
template <class T>
struct WholeLanes {
  LOSSES_INLINE Lanes<T> load(const T* data) const { return Lanes<T>::load(data); }
  LOSSES_INLINE void store(const Lanes<T>& v, T* data) const { v.store(data); }
  LOSSES_INLINE Lanes<T> keep(const Lanes<T>& v) const { return v; }
};

template <class T>
struct FirstLanes {
  int size;
  LOSSES_INLINE Lanes<T> load(const T* data) const { return Lanes<T>::load(data, size, *data); }
  LOSSES_INLINE void store(const Lanes<T>& v, T* data) const { v.store(data, size); }
  LOSSES_INLINE Lanes<T> keep(const Lanes<T>& v) const {
    return where(Lanes<T>::iota() < Lanes<T>(size), v, Lanes<T>(0));
  }
};

/// step(lanes, i, j) for every register of a run: i is where it starts, j in {0, 1} which of two accumulators it uses. Each
/// mention of `step` is a copy of the kernel's body to compile.
template <class T, class Step>
LOSSES_INLINE void for_lanes(Index size, const Step& step) {
  constexpr Index width = Lanes<T>::size;
  Index i = 0;
  for (; i + 2 * width <= size; i += 2 * width) {
    step(WholeLanes<T>{}, i, 0);
    step(WholeLanes<T>{}, i + width, 1);
  }
  for (; i < size; i += width) step(FirstLanes<T>{static_cast<int>(std::min(width, size - i))}, i, 0);
}

/// As for_lanes, one register at a time: for bodies that are long, or write and sum nothing.
template <class T, class Step>
LOSSES_INLINE void for_single_lanes(Index size, const Step& step) {
  constexpr Index width = Lanes<T>::size;
  Index i = 0;
  for (; i + width <= size; i += width) step(WholeLanes<T>{}, i);
  if (i < size) step(FirstLanes<T>{static_cast<int>(size - i)}, i);
}

/// After so many elements sums are folded: those of doubles are right to their last digits.
template <class T>
inline constexpr Index folded_elements = sizeof(T) == sizeof(double) ? 64 * Lanes<T>::size : run_elements;

/// As for_lanes, with fold() after every few registers.
template <class T, class Step, class Fold>
LOSSES_INLINE void for_lanes(Index size, const Step& step, const Fold& fold) {
  for (Index begin = 0; begin < size; begin += folded_elements<T>) {
    for_lanes<T>(std::min(folded_elements<T>, size - begin),
                 [&](auto lanes, Index i, int j) LOSSES_INLINE_LAMBDA { step(lanes, begin + i, j); });
    fold();
  }
}

/// sums[0]: Σ w; sums[1]: how many are not finite and ≥ 0.
template <class T>
LOSSES_KERNEL void weight_kernel(const void*, const Run<T>& run, double* sums) {
  using V = Lanes<T>;
  Accumulator<T> total[2], bad[2];
  const auto step = [&](auto lanes, Index i, int j) LOSSES_INLINE_LAMBDA {
    const V w = lanes.load(run.in[0] + i);
    const auto good = (w >= V(0)) & (w <= V(std::numeric_limits<T>::max()));
    total[j].add(lanes.keep(w));
    bad[j].add(lanes.keep(where(good, V(0), V(1))));
  };
  for_lanes<T>(run.size, step, [&]() LOSSES_INLINE_LAMBDA {
    total[0].fold();
    total[1].fold();
  });
  sums[0] += total[0].total() + total[1].total();
  sums[1] += bad[0].total() + bad[1].total();
}

/// Weights for a prediction of these extents: one per term, or one per sample and repeated along the other axes.
/// `terms` are the extents of the terms.
template <class T>
View<const T> broadcast_weights(std::string_view loss, const View<const T>& weights, const Extents& terms) {
  if (weights.extents == terms) return weights.along(terms, weights.stride);
  bool per_sample = weights.extents.rank > 0 && terms.rank > 0 && weights.extents[0] == terms[0];
  for (int axis = 1; axis < weights.extents.rank; ++axis) per_sample = per_sample && weights.extents[axis] == 1;
  if (terms.rank == 1) {
    require(per_sample, loss, ": weights is ", weights.extents, ", but must be ", terms, ", one per term");
  }
  require(per_sample, loss, ": weights is ", weights.extents, ", but must be ", terms, " (one per term) or [", terms[0],
          "] (one per sample)");
  return weights.along(terms, {weights.stride[0]});
}

/// A sum of weights beyond the largest double is refused: no unit of the weights would help, and 1/∞ would be 0 in silence.
inline double finite_weight(double sum, std::string_view loss, std::string_view argument) {
  require(std::isfinite(sum), loss, ": ", argument, " sum to ", sum, ", but must sum to a finite number");
  return sum;
}

/// Σ of the weights of all terms; a weight that is negative, infinite or NaN is refused, and so is a sum that is not finite.
template <class T>
double check_weights(std::string_view loss, const View<const T>& weights, const Executor& executor,
                     std::string_view argument = "weights") {
  // Each weight once, and the number of terms that share it.
  View<const T> distinct = weights;
  double repeats = 1;
  for (int axis = 0; axis < distinct.extents.rank; ++axis) {
    if (distinct.stride[axis] != 0 || distinct.extents[axis] < 2) continue;
    repeats *= static_cast<double>(distinct.extents[axis]);
    distinct.extents.size[axis] = 1;
  }
  ElementJob<T> job;
  job.extents = distinct.extents;
  job.in[0] = operand(distinct);
  job.sums = 2;
  double sums[max_sums] = {};
  traverse<T>(job, weight_kernel<T>, nullptr, executor, sums);
  if (sums[1] != 0) [[unlikely]] {
    for (Index flat = 0; flat < distinct.extents.count(); ++flat) {
      const T weight = element(distinct, flat);
      require(weight >= 0 && weight <= std::numeric_limits<T>::max(), loss, ": ", argument,
              Position{distinct.extents, flat}, " is ", weight, ", but must be finite and not negative");
    }
  }
  return finite_weight(sums[0] * repeats, loss, argument);
}

/// What the reductions divide by, of so many terms and samples; weights may be null. They are checked.
template <class T>
Whole weigh(std::string_view loss, const View<const T>& weights, const Executor& executor, Index terms, Index samples) {
  Whole whole{static_cast<double>(terms), samples};
  if (weights.data == nullptr) return whole;
  whole.weight = check_weights(loss, weights, executor);
  if (terms > 0) whole.unit = weight_unit<T>(whole.weight / static_cast<double>(terms));
  return whole;
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
