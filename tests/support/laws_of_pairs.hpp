// SPDX-License-Identifier: MIT
#pragma once

/// The laws of per_pair losses: two or three matrices [n × d], and for two a target [n]. A loss enters with its reference:
///
///   laws::check(laws::pairs<3>("Triplet", losses::Triplet<float>(), losses::Triplet<double>(), reference));
///
/// where reference(rule, rows, target) gives the Jet of a sample's term, and reference.scale(rule, rows, target) the largest of
/// the numbers whose differences the term and its gradient are.

#include <array>
#include <cstdint>

#include "laws.hpp"

namespace losses_test::laws {

using PairTargets = Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>;
using JetRows = std::vector<std::vector<Jet>>;

template <class T>
using PairViews = std::vector<Input<T>>;
template <class T>
using PairOutputs = std::vector<Output<T>>;
template <class T>
using PairMatrices = std::vector<Columns<T>>;

template <class T>
struct PairVerbs {
  using Reduction = losses::Reduction;
  using Weights = const Input<T>*;
  using X = const PairViews<T>&;
  using Y = const PairTargets&;

  std::string name;
  int vectors = 2;
  std::array<int, 2> targets = {};
  std::function<Jet(const JetRows& rows, int target)> term;
  std::function<Scale(const JetRows& rows, int target)> scale;

  std::function<T(Reduction, X, Y, Weights, Pool*)> forward;
  std::function<T(Reduction, X, Y, Weights, PairOutputs<T> gradients, Pool*)> value_and_gradient;
  std::function<T(Reduction, X, Y, Weights, PairOutputs<T> gradients, double scale)> add_to;
  std::function<T(Reduction, X, Y, Weights, PairMatrices<T>& gradients)> resize;
  std::function<PairMatrices<T>(Reduction, X, Y, Weights)> gradient;
  std::function<Columns<T>(Reduction, X, Y, Weights)> unreduced;
  std::function<losses::Partial(X, Y, Weights)> partial;
  std::function<T(Reduction, losses::Partial)> value;
};

/// f(policy) with the pool, or without.
template <class F>
auto with_policy(Pool* pool, const F& f) {
  return pool == nullptr ? f(losses::serial) : f(losses::parallel(*pool));
}

/// f(in…) with the vectors, the target and the weights that there are.
template <int vectors, class T, class F>
auto with_pair_inputs(const PairViews<T>& x, const PairTargets& y, const Input<T>* w, const F& f) {
  if constexpr (vectors == 3) {
    return w ? f(x[0], x[1], x[2], *w) : f(x[0], x[1], x[2]);
  } else {
    return w ? f(x[0], x[1], y, *w) : f(x[0], x[1], y);
  }
}

/// f(g…) with the gradients.
template <int vectors, class Gradients, class F>
auto with_pair_gradients(Gradients& g, const F& f) {
  if constexpr (vectors == 3) {
    return f(g[0], g[1], g[2]);
  } else {
    return f(g[0], g[1]);
  }
}

template <int vectors, class L, class ReferenceOf>
PairVerbs<typename L::Scalar> pair_verbs(const std::string& name, const L& loss, const ReferenceOf& reference) {
  using T = typename L::Scalar;
  using Verbs = PairVerbs<T>;
  using R = losses::Reduction;
  using W = typename Verbs::Weights;
  using X = typename Verbs::X;
  using Y = typename Verbs::Y;
  Verbs v;
  v.name = name;
  v.vectors = vectors;
  if constexpr (vectors == 2) v.targets = L::Rule::target.values;
  v.term = [=](const JetRows& rows, int y) { return reference(loss.rule(), rows, y); };
  v.scale = [=](const JetRows& rows, int y) { return reference.scale(loss.rule(), rows, y); };
  v.forward = [=](R r, X x, Y y, W w, Pool* pool) {
    return with_pair_inputs<vectors, T>(x, y, w, [&](const auto&... in) {
      return with_policy(pool, [&](const auto& policy) { return with(loss, r).forward(policy, in...); });
    });
  };
  v.value_and_gradient = [=](R r, X x, Y y, W w, PairOutputs<T> g, Pool* pool) {
    return with_pair_inputs<vectors, T>(x, y, w, [&](const auto&... in) {
      return with_pair_gradients<vectors>(g, [&](auto&... out) {
        return with_policy(pool,
                           [&](const auto& policy) { return with(loss, r).value_and_gradient(policy, in..., out...); });
      });
    });
  };
  v.add_to = [=](R r, X x, Y y, W w, PairOutputs<T> g, double factor) {
    return with_pair_inputs<vectors, T>(x, y, w, [&](const auto&... in) {
      return with_pair_gradients<vectors>(
          g, [&](auto&... out) { return with(loss, r).value_and_gradient(in..., losses::add_to(out, factor)...); });
    });
  };
  v.resize = [=](R r, X x, Y y, W w, PairMatrices<T>& g) {
    return with_pair_inputs<vectors, T>(x, y, w, [&](const auto&... in) {
      g.resize(static_cast<std::size_t>(vectors));
      return with_pair_gradients<vectors>(
          g, [&](auto&... out) { return with(loss, r).value_and_gradient(in..., out...); });
    });
  };
  v.gradient = [=](R r, X x, Y y, W w) {
    return with_pair_inputs<vectors, T>(x, y, w, [&](const auto&... in) {
      return std::apply([](const auto&... made) { return PairMatrices<T>{Columns<T>(made)...}; },
                        with(loss, r).gradient(in...));
    });
  };
  v.unreduced = [=](R r, X x, Y y, W w) {
    return with_pair_inputs<vectors, T>(
        x, y, w, [&](const auto&... in) -> Columns<T> { return with(loss, r).unreduced(in...); });
  };
  v.partial = [=](X x, Y y, W w) {
    return with_pair_inputs<vectors, T>(x, y, w, [&](const auto&... in) { return loss.partial(in...); });
  };
  v.value = [=](R r, losses::Partial part) { return with(loss, r).value(part); };
  return v;
}

struct PairLoss {
  PairVerbs<float> in_float;
  PairVerbs<double> in_double;
};

template <int vectors, class InFloat, class InDouble, class ReferenceOf>
PairLoss pairs(const std::string& name, const InFloat& in_float, const InDouble& in_double,
               const ReferenceOf& reference) {
  return {pair_verbs<vectors>(name, in_float, reference), pair_verbs<vectors>(name, in_double, reference)};
}

void check(const PairLoss& loss);

}  // namespace losses_test::laws
