// SPDX-License-Identifier: MIT
#pragma once

/// The laws that every loss obeys. A per_element loss enters with one call:
///
///   laws::check(laws::element("Huber", losses::Huber<float>({.delta = 1.5f}), losses::Huber<double>({.delta = 1.5}),
///                             [](const auto& rule, Jet p, Jet y) { return reference::huber(p, y, rule.delta); }, real_line));
///
/// The formula is the independent reference; its dual numbers give the gradient and the curvature. The laws see a loss
/// through Verbs, so that they compile once (laws.cpp) and each loss costs its own kernels only. With LOSSES_FIGURES=1 in
/// the environment each loss prints the errors that were measured.

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <losses/core/loss.hpp>

#include "catch.hpp"
#include "dual.hpp"
#include "inputs.hpp"
#include "reference.hpp"

namespace losses_test::laws {

/// P1 and P2. P2 gives no figure for float: a few roundings.
template <class T>
constexpr Real value_bound = sizeof(T) == 4 ? 1e-6L : 1e-14L;
template <class T>
constexpr Real slope_bound = sizeof(T) == 4 ? 2e-6L : 1e-12L;
/// Sums of the same terms in another order, in doubles, rounded to T.
template <class T>
constexpr Real sum_bound = sizeof(T) == 4 ? 2e-7L : 1e-14L;
template <class T>
constexpr const char* type_name = sizeof(T) == 4 ? "float" : "double";

template <class T>
constexpr T nan = std::numeric_limits<T>::quiet_NaN();

/// How many of so many random inputs are drawn: a tenth under a sanitizer, which looks for what is read and written and takes
/// ten times as long, and under an emulator, where long double alone costs more than that.
constexpr Index drawn_of(Index count) {
#ifdef LOSSES_FEWER_INPUTS
  return (count + 9) / 10;
#else
  return count;
#endif
}

/// What an error is relative to, where a loss or its slope is a sum that can cancel; and how many times the bound is
/// granted for a non-integer power (1 + |γ log x|).
struct Scale {
  Real value = 0;
  Real slope = 0;
  Real condition = 1;
};

/// Any storage that is not an expression, as one type.
template <class T>
using Input = Eigen::Map<const Columns<T>, 0, AnyStride>;
template <class T>
using Output = Eigen::Map<Columns<T>, 0, AnyStride>;

template <class T>
Input<T> input(const Columns<T>& matrix) {
  return {matrix.data(), matrix.rows(), matrix.cols(), AnyStride(matrix.rows(), 1)};
}
template <class T>
Output<T> output(Columns<T>& matrix) {
  return {matrix.data(), matrix.rows(), matrix.cols(), AnyStride(matrix.rows(), 1)};
}

/// A pool of threads behind functions, for losses::parallel.
struct Pool {
  int threads;
  std::function<void(std::function<void()>)> schedule;

  int NumThreads() const { return threads; }
  void Schedule(std::function<void()> task) { schedule(std::move(task)); }
};

template <class V>
struct TermsOf {
  V value, slope, curvature;
};

/// A per_element loss of T, erased. `weights` may be null; `pool` may be null.
template <class T>
struct Verbs {
  using Reduction = losses::Reduction;
  using Weights = const Input<T>*;

  std::string name;
  Domain domain;
  std::function<Jet(Jet p, Jet y)> formula;
  std::function<Scale(Real p, Real y)> scale;
  std::function<TermsOf<Jet>(Jet p, Jet y)> rule;

  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Pool*)> forward;
  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Output<T> gradient, Pool*)> value_and_gradient;
  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Output<T> gradient, double scale)> add_to;
  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Columns<T>& gradient)> resize;
  std::function<Columns<T>(Reduction, Input<T> p, Input<T> y, Weights)> gradient, curvature, unreduced;
  std::function<losses::Partial(Input<T> p, Input<T> y, Weights)> partial;
  std::function<T(Reduction, losses::Partial)> value;
};

struct PlainScale {
  template <class Rule>
  Scale operator()(const Rule&, Real, Real) const {
    return {};
  }
};

template <class L>
L with(const L& loss, losses::Reduction reduction) {
  return L(loss.rule(), reduction);
}

template <class L, class Formula, class ScaleOf>
Verbs<typename L::Scalar> verbs(const std::string& name, const L& loss, const Formula& formula, const Domain& domain,
                                const ScaleOf& scale) {
  using T = typename L::Scalar;
  using losses::Reduction;
  using W = typename Verbs<T>::Weights;
  Verbs<T> v{name, domain, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
  v.formula = [=](Jet p, Jet y) { return formula(loss.rule(), p, y); };
  v.scale = [=](Real p, Real y) { return scale(loss.rule(), p, y); };
  v.rule = [=](Jet p, Jet y) {
    const auto terms = [&] {
      if constexpr (losses::detail::HasColumnParameter<typename L::Rule>) {
        return loss.rule()(p, y, Jet(loss.rule().column_parameter()[0]));
      } else {
        return loss.rule()(p, y);
      }
    }();
    return TermsOf<Jet>{terms.value, terms.slope, terms.curvature};
  };
  v.forward = [=](Reduction r, Input<T> p, Input<T> y, W w, Pool* pool) {
    const L l = with(loss, r);
    if (pool == nullptr) return w ? l.forward(p, y, *w) : l.forward(p, y);
    return w ? l.forward(losses::parallel(*pool), p, y, *w) : l.forward(losses::parallel(*pool), p, y);
  };
  v.value_and_gradient = [=](Reduction r, Input<T> p, Input<T> y, W w, Output<T> g, Pool* pool) {
    const L l = with(loss, r);
    if (pool == nullptr) return w ? l.value_and_gradient(p, y, *w, g) : l.value_and_gradient(p, y, g);
    return w ? l.value_and_gradient(losses::parallel(*pool), p, y, *w, g)
             : l.value_and_gradient(losses::parallel(*pool), p, y, g);
  };
  v.add_to = [=](Reduction r, Input<T> p, Input<T> y, W w, Output<T> g, double factor) {
    const L l = with(loss, r);
    return w ? l.value_and_gradient(p, y, *w, losses::add_to(g, factor))
             : l.value_and_gradient(p, y, losses::add_to(g, factor));
  };
  v.resize = [=](Reduction r, Input<T> p, Input<T> y, W w, Columns<T>& g) {
    const L l = with(loss, r);
    return w ? l.value_and_gradient(p, y, *w, g) : l.value_and_gradient(p, y, g);
  };
  v.gradient = [=](Reduction r, Input<T> p, Input<T> y, W w) -> Columns<T> {
    const L l = with(loss, r);
    return w ? l.gradient(p, y, *w) : l.gradient(p, y);
  };
  v.curvature = [=](Reduction r, Input<T> p, Input<T> y, W w) -> Columns<T> {
    const L l = with(loss, r);
    return w ? l.curvature(p, y, *w) : l.curvature(p, y);
  };
  v.unreduced = [=](Reduction r, Input<T> p, Input<T> y, W w) -> Columns<T> {
    const L l = with(loss, r);
    return w ? l.unreduced(p, y, *w) : l.unreduced(p, y);
  };
  v.partial = [=](Input<T> p, Input<T> y, W w) { return w ? loss.partial(p, y, *w) : loss.partial(p, y); };
  v.value = [=](Reduction r, losses::Partial part) { return with(loss, r).value(part); };
  return v;
}

struct Element {
  Verbs<float> in_float;
  Verbs<double> in_double;
};

template <class InFloat, class InDouble, class Formula, class ScaleOf = PlainScale>
Element element(const std::string& name, const InFloat& in_float, const InDouble& in_double, const Formula& formula,
                const Domain& domain, const ScaleOf& scale = {}) {
  return {verbs(name, in_float, formula, domain, scale), verbs(name, in_double, formula, domain, scale)};
}

/// All the laws of a per_element loss, each in a section of its own.
void check(const Element& loss);

// Helpers for the cases that are written by hand.

/// Value, slope and curvature of a single element: what the comment of a loss states.
struct Triple {
  double value, slope, curvature;
};

template <class L>
Triple triple(const L& loss, typename L::Scalar p, typename L::Scalar y) {
  using T = typename L::Scalar;
  const L sum = with(loss, losses::Reduction::sum);
  const Eigen::Matrix<T, 1, 1> prediction(p), target(y);
  return {static_cast<double>(sum.forward(prediction, target)),
          static_cast<double>(sum.gradient(prediction, target)(0)),
          static_cast<double>(sum.curvature(prediction, target)(0))};
}

bool figures_wanted();

/// The largest error seen, in units of its bound, and where.
struct Worst {
  Real ratio = 0;
  Real error = 0;
  std::string where;

  template <class Describe>
  void see(Real new_error, Real bound, const Describe& describe) {
    const Real new_ratio = std::isnan(new_error) ? reference::infinity : new_error == 0 ? Real(0) : new_error / bound;
    if (new_ratio > ratio || where.empty()) {
      ratio = new_ratio;
      error = new_error;
      where = describe();
    }
  }
};

std::string number(Real x);
std::string at(Real p, Real y, Real got, Real want);

template <class T>
bool close(Real got, Real want, Real magnitude) {
  return std::fabs(got - want) <= sum_bound<T> * std::max(std::fabs(want), magnitude);
}

/// Lengths around the register's width W, and some that need tiles.
template <class T>
std::vector<std::pair<Index, Index>> shapes() {
  const Index w = 64 / static_cast<Index>(sizeof(T));
  return {{0, 1},     {0, 3},   {3, 0},     {1, 1},    {w / 2 - 1, 1}, {w / 2, 1}, {w / 2 + 1, 1},
          {w - 1, 1}, {w, 1},   {w + 1, 1}, {33, 1},   {1, 33},        {5, 3},     {2, 17},
          {300, 7},   {7, 300}, {130, 70},  {5000, 1}, {1, 2049},      {2048, 1},  {257, 129}};
}

/// A layout of an n × c matrix: a place in a larger buffer with strides.
struct Layout {
  const char* name;
  Index offset, row, column, size;
};

inline std::vector<Layout> layouts(Index n, Index c) {
  return {{"column-major", 0, 1, n, n * c},
          {"row-major", 0, c, 1, n * c},
          {"column-major at an offset", 3, 1, n, n * c + 5},
          {"row-major with an outer stride", 1, c + 1, 1, n * (c + 1) + 1},
          {"column-major block", 2, 1, n + 5, (n + 5) * c + 2},
          {"column-major with two strides", 2, 2, 2 * n + 5, (2 * n + 5) * c + 2},
          {"row-major with two strides", 0, 3 * c + 2, 3, n * (3 * c + 2)},
          {"interleaved", 1, c * 2, 2, n * c * 2 + 1},
          {"reversed", n * c - 1, -1, -n, n * c}};
}

template <class T>
struct Placed {
  Placed(const Columns<T>& values, const Layout& layout)
      : memory(layout.size),
        view(memory.data() + layout.offset, values.rows(), values.cols(), AnyStride(layout.column, layout.row)) {
    view = values;
  }
  Input<T> read() const {
    return {view.data(), view.rows(), view.cols(), AnyStride(view.outerStride(), view.innerStride())};
  }

  Guarded<T> memory;
  Output<T> view;
};

/// Bad inputs refused so far, over all losses of the program (P7).
Index& refusals();

/// What the call throws; empty if nothing.
template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  } catch (const std::out_of_range& error) {
    return error.what();
  }
  return {};
}

/// The message has the given words, and `output` is as it was.
void expect_refusal(const std::string& message, const std::string& words, bool untouched);

template <class Output, class Call>
void refuses(const std::string& words, const Output& object, const Call& call) {
  const Output before = object;
  const std::string message = message_of(call);
  expect_refusal(message, words, same_bits(before, object));
}

/// For options: constructing the loss throws, and the message begins with the loss and the option.
template <class Call>
void refuses_option(const std::string& words, const Call& call) {
  expect_refusal(message_of(call), words, true);
}

}  // namespace losses_test::laws
