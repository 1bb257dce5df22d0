// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses with a term for each sample, of the distances of two or three vectors: embeddings [n × d], one in
/// each row.

#include <array>

#include <losses/core/row_distance.hpp>

namespace LOSSES_NAMESPACE {

/// A term for each sample, of the distances of its vectors.
///
///   static constexpr std::array<Argument, 2> predictions = …;                               // (x1, x2, target)
///   static constexpr PairTarget target = {"similar", {0, 1}};                               // the two values it may have
///   template <class V> Terms<V> operator()(V distance, V target) const;
///
///   static constexpr std::array<Argument, 3> predictions = …;                               // (anchor, positive, negative)
///   template <class V> Terms<V, 2> operator()(V positive, V negative) const;                // slopes by both distances
///
/// V is Lanes<double> for floats too: distances are summed and compared in double. `RowDistance row_distance() const`
/// chooses another distance than the Euclidean. A rule with `static constexpr bool of_cosine = true` gets
/// (V cosine, V complement, V target) instead, where complement is 1 − cosine with all its digits, and its slope is by the
/// cosine.
struct per_pair {};

namespace rule {

/// Which distance of two rows a per_pair rule is a formula of.
struct RowDistance {
  double p = 2;          ///< the p-norm of the difference; infinity: its largest element
  bool squared = false;  ///< the square of the distance; p = 2
  bool swap = false;     ///< the second distance is the smaller of d(0, 2) and d(1, 2)
};

/// The target of a per_pair rule: one of two numbers for each sample, as integers, booleans or scalars.
struct PairTarget {
  std::string_view name;
  std::array<int, 2> values;
};

}  // namespace rule

namespace error {

struct the_target_must_be_a_vector_of_integers_or_booleans_or_of_the_scalar_of_the_loss {
  static constexpr bool value = false;
};

}  // namespace error

namespace detail {

using rule::PairTarget;
using rule::RowDistance;

template <class Rule>
concept OfCosine = requires { requires Rule::of_cosine; };

template <class Rule>
concept ChoosesDistance = requires(const Rule& rule) {
  { rule.row_distance() } -> std::same_as<RowDistance>;
};

template <class Rule>
inline constexpr bool has_pair_target = prediction_count<Rule> == 2;

template <class Rule, class V>
consteval bool gives_pair_terms() {
  if constexpr (prediction_count<Rule> == 3) {
    return requires(const Rule& rule, V v) { rule(v, v).value + rule(v, v).slope[1]; };
  } else if constexpr (prediction_count<Rule> != 2 || !requires { Rule::target.values; }) {
    return false;
  } else if constexpr (OfCosine<Rule>) {
    return requires(const Rule& rule, V v) { rule(v, v, v).value + rule(v, v, v).slope; };
  } else {
    return requires(const Rule& rule, V v) { rule(v, v).value + rule(v, v).slope; };
  }
}

/// What a per_pair rule must have, as one concept.
template <class Rule>
concept PairRule = std::floating_point<typename Rule::Scalar> && gives_pair_terms<Rule, Lanes<double>>();

template <class X>
concept BooleanEigen = Viewable<X> && std::same_as<typename Access<X>::Scalar, bool>;

template <class X, class T>
concept PairTargetOf = IntegerEigen<X> || IntegerRange<X> || BooleanEigen<X> || ViewableAs<X, T>;

/// A vector of n: an Eigen vector, a matrix [n × 1] or a tensor [n].
template <class T>
View<T> as_vector(View<T> view) {
  if (view.extents.rank == 2 && view.extents[1] == 1) view.extents.rank = 1;
  return view;
}

/// The numbers of the samples of a tile.
struct PairTile {
  alignas(64) PerRow target, weight;  // weight 0 past the last sample
  alignas(64) PerRow value;
  alignas(64) PerRow slope[max_vectors];  // by each distance
};

/// Terms and slopes from the distances of a tile; returns Σ w·value. Slopes are multiplied by w·scale.
template <class Rule>
LOSSES_KERNEL double pair_formula(const Rule& rule, const PairSet& set, Index rows, double scale, PairTile& tile) {
  using V = Lanes<double>;
  Accumulator<double> total;
  for (Index row = 0; row < rows; row += V::size) {
    const V w = V::load(tile.weight + row);
    const auto weigh = [&](const V& v, const V& factor)
                           LOSSES_INLINE_LAMBDA { return where(w == V(0), V(0), v * (w * factor)); };
    V value;
    if constexpr (prediction_count<Rule> == 3) {
      const V direct = V::load(set.pair[1].value + row);
      const V swapped = set.all_three ? V::load(set.pair[2].value + row) : direct;
      const auto terms = rule(V::load(set.pair[0].value + row), set.all_three ? min(direct, swapped) : direct);
      value = terms.value;
      weigh(terms.slope[0], V(scale)).store(tile.slope[0] + row);
      const V slope = weigh(terms.slope[1], V(scale));
      // Of two equal distances each has half the slope.
      const V half = where(direct == swapped, V(0.5), V(0));
      const V first = set.all_three ? where(direct < swapped, V(1), half) : V(1);
      const V second = where(swapped < direct, V(1), half);
      (slope * first).store(tile.slope[1] + row);
      (slope * second).store(tile.slope[2] + row);
    } else {
      const V distance = V::load(set.pair[0].value + row), target = V::load(tile.target + row);
      const auto terms = [&]() LOSSES_INLINE_LAMBDA {
        if constexpr (OfCosine<Rule>) {
          return rule(distance, V::load(set.pair[0].complement + row), target);
        } else {
          return rule(distance, target);
        }
      }();
      value = terms.value;
      weigh(terms.slope, V(scale)).store(tile.slope[0] + row);
    }
    const V term = weigh(value, V(1));
    term.store(tile.value + row);
    total.add(term);
  }
  return total.total();
}

template <class Rule>
struct PairInputs {
  using T = typename Rule::Scalar;
  View<const T> vectors[prediction_count<Rule>];
  Labels labels;          // null where the target is of T
  View<const T> target;   // null with labels
  View<const T> weights;  // null without
  Extents terms;          // [n]

  Index samples() const { return terms[0]; }
};

template <class Rule>
struct Driver<per_pair, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = PairInputs<Rule>;
  using Partial = losses::Partial;
  using Whole = detail::Whole;

  static_assert(PairRule<Rule>,
                "a per_pair rule needs `using Scalar = float or double;`, two or three `predictions`, and "
                "`Terms<V> operator()(V distance, V target) const` with a `PairTarget target`, or "
                "`Terms<V, 2> operator()(V positive, V negative) const`");

  static constexpr int predictions = prediction_count<Rule>;
  static constexpr bool in_place = false;
  static constexpr std::size_t required = static_cast<std::size_t>(predictions) + (has_pair_target<Rule> ? 1 : 0);

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != required && sizeof...(In) != required + 1) {
      return error::wrong_number_of_arguments{};
    } else if constexpr (!has_pair_target<Rule>) {
      return verdict_on_values<T, In...>();
    } else {
      return verdict_on_target<In...>();
    }
  }

  template <class P>
  using Unreduced = typename Access<P>::Rows;

  template <class... In>
  static Inputs bind(const Rule&, const In&... in) {
    const auto all = std::tie(in...);
    Inputs inputs;
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      ((inputs.vectors[i] = view_of(std::get<i>(all))), ...);
    }(std::make_index_sequence<static_cast<std::size_t>(predictions)>());
    constexpr auto names = predictions_of<Rule>();
    const Extents& shape = inputs.vectors[0].extents;
    require(shape.rank == 2, name_of<Rule>(), ": ", names[0].name, " is ", shape, ", but must be [n x d]");
    for (std::size_t i = 1; i < names.size(); ++i) {
      require_shape(name_of<Rule>(), inputs.vectors[i].extents, names[i].name, shape, names[0].name);
    }
    inputs.terms = {1, {shape[0]}};
    if constexpr (has_pair_target<Rule>) {
      const auto& target = std::get<2>(all);
      using Y = std::remove_cvref_t<decltype(target)>;
      if constexpr (ViewableAs<Y, T>) {
        inputs.target = as_vector(view_of(target));
        require_vector(inputs.target.extents, Rule::target.name, inputs.terms);
      } else {
        if constexpr (BooleanEigen<Y>) {
          inputs.labels = erase_labels(as_vector(view_of(target)));
        } else {
          inputs.labels = labels_of(target);
        }
        require_vector(inputs.labels.extents, Rule::target.name, inputs.terms);
      }
    }
    if constexpr (sizeof...(In) == required + 1) {
      inputs.weights = as_vector(view_of(std::get<required>(all)));
      require_vector(inputs.weights.extents, "weights", inputs.terms);
    }
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.vectors[0].extents; }
  static const Extents& unreduced_extents(const Inputs& inputs) { return inputs.terms; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    constexpr auto names = predictions_of<Rule>();
    for (int i = 0; i < predictions; ++i) f(inputs.vectors[i], names[static_cast<std::size_t>(i)].name, i);
    if constexpr (has_pair_target<Rule>) {
      if (inputs.labels.data != nullptr) f(inputs.labels, Rule::target.name, -1);
      if (inputs.target.data != nullptr) f(inputs.target, Rule::target.name, -1);
    }
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule&, const Executor& executor, const Inputs& inputs) {
    const Whole whole = weigh(name_of<Rule>(), inputs.weights, executor, inputs.samples(), inputs.samples());
    if constexpr (has_pair_target<Rule>) check_target(inputs);
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    const auto in_unit = [&](double unit) { return sum(rule, executor, inputs, unit); };
    return finish_partial<T>(whole, in_unit(whole.unit), in_unit);
  }

  static T value(const Rule&, Reduction reduction, const Partial& part) {
    return static_cast<T>(reduce(reduction, part));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return finish(rule, reduction, executor, inputs, whole, sum(rule, executor, inputs, whole.unit));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    auto work = job(inputs);
    work.writes = true;
    for (int i = 0; i < predictions; ++i) {
      work.g[i] = outputs[i].view;
      work.adds[i] = outputs[i].adds;
      work.factor[i] = outputs[i].factor;
    }
    const double scale = reduction_scale(reduction, whole.weight * whole.unit, whole.count, whole.unit);
    const double total = run<true>(rule, executor, inputs, work, whole.unit, scale, nullptr);
    return finish(rule, reduction, executor, inputs, whole, total);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    run<false>(rule, executor, inputs, job(inputs), 1, 1, &output.view);
  }

 private:
  template <class... In>
  static consteval auto verdict_on_target() {
    using All = std::tuple<In...>;
    using Y = std::tuple_element_t<2, All>;
    using Vectors =
        decltype(verdict_on_values<T, std::tuple_element_t<0, All>, std::tuple_element_t<1, All>,
                                   std::tuple_element_t<sizeof...(In) == 4 ? sizeof...(In) - 1 : 0, All>>());
    if constexpr (!Vectors::value) {
      return Vectors{};
    } else if constexpr (!PairTargetOf<Y, T>) {
      return error::the_target_must_be_a_vector_of_integers_or_booleans_or_of_the_scalar_of_the_loss{};
    } else {
      return Accepted{};
    }
  }

  static void require_vector(const Extents& is, std::string_view argument, const Extents& terms) {
    require(is == terms, name_of<Rule>(), ": ", argument, " is ", is, ", but must be ", terms, ", one for each row of ",
            predictions_of<Rule>()[0].name);
  }

  static RowDistance row_distance(const Rule& rule) {
    if constexpr (ChoosesDistance<Rule>) {
      return rule.row_distance();
    } else {
      return {};
    }
  }

  static VectorJob<T> job(const Inputs& inputs) {
    VectorJob<T> work;
    work.vectors = predictions;
    work.rows = inputs.samples();
    work.features = inputs.vectors[0].extents[1];
    for (int i = 0; i < predictions; ++i) work.x[i] = inputs.vectors[i];
    return work;
  }

  static double sum(const Rule& rule, const Executor& executor, const Inputs& inputs, double unit) {
    return run<false>(rule, executor, inputs, job(inputs), unit, 1, nullptr);
  }

  static T finish(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                  const Whole& whole, double total) {
    return finish_sum<T>(reduction, whole, total, in_place,
                         [&](double unit) { return sum(rule, executor, inputs, unit); });
  }

  /// All samples, tile by tile: Σ w·value, and the gradients or the terms of each.
  template <bool gradient>
  static double run(const Rule& rule, const Executor& executor, const Inputs& inputs, const VectorJob<T>& work,
                    double unit, double scale, const View<T>* values) {
    if (work.rows == 0) return 0;
    const Index step = VectorTile<T>(work).step();
    const Index tiles = (work.rows + step - 1) / step;
    double total[max_sums] = {};
    sum_over(work.rows * std::max<Index>(work.features, 1), tiles, 1, executor, total,
             [&](Index first, Index last, double* local) {
               VectorTile<T> vectors(work);
               double sum = 0, lost = 0;
               for (Index tile = first; tile < last; ++tile) {
                 const Index begin = tile * step, rows = std::min(step, work.rows - begin);
                 vectors.start(begin, rows);
                 const double term = run_tile<gradient>(rule, inputs, vectors, begin, rows, unit, scale, values);
                 const double next = sum + term, part = next - sum;
                 lost += (sum - (next - part)) + (term - part);
                 sum = next;
               }
               local[0] = std::isfinite(lost) ? sum + lost : sum;
             });
    return total[0];
  }

  template <bool gradient>
  static double run_tile(const Rule& rule, const Inputs& inputs, VectorTile<T>& vectors, Index begin, Index rows,
                         double unit, double scale, const View<T>* values) {
    PairTile tile;
    read_samples(inputs, begin, rows, unit, tile);
    PairSet set;
    const RowDistance distance = row_distance(rule);
    if constexpr (OfCosine<Rule>) {
      vectors.measure_cosine(set.pair[0]);
    } else {
      const auto measure = [&](int i, int j, RowPair& pair) {
        vectors.template measure_distance<ChoosesDistance<Rule>>(i, j, distance.p, distance.squared, gradient, pair);
      };
      measure(0, 1, set.pair[0]);
      if constexpr (predictions == 3) {
        set.all_three = distance.swap;
        measure(0, 2, set.pair[1]);
        if (distance.swap) measure(1, 2, set.pair[2]);
      }
    }
    const double total = pair_formula(rule, set, rows, scale, tile);
    if (values != nullptr) {
      for (Index i = 0; i < rows; ++i) values->data[(begin + i) * values->stride[0]] = static_cast<T>(tile.value[i]);
    }
    if constexpr (gradient) {
      const int pairs = predictions == 2 ? 1 : set.all_three ? 3 : 2;
      for (int k = 0; k < pairs; ++k) weigh_pairs(set.pair[k], rows, tile.slope[k], OfCosine<Rule>);
      write(distance, vectors, set);
    }
    return total;
  }

  static void write(const RowDistance& distance, VectorTile<T>& vectors, const PairSet& set) {
    if constexpr (OfCosine<Rule>) {
      return vectors.template write<PairTerm::residual, 2>(set);
    } else {
      if constexpr (ChoosesDistance<Rule>) {
        if (distance.p == 1) return vectors.template write<PairTerm::absolute, predictions>(set);
        if (std::isinf(distance.p)) return vectors.template write<PairTerm::largest, predictions>(set);
        if (distance.p != 2) return vectors.template write<PairTerm::power, predictions>(set);
      }
      vectors.template write<PairTerm::square, predictions>(set);
    }
  }

  static void read_samples(const Inputs& inputs, Index begin, Index rows, double unit, PairTile& tile) {
    std::fill_n(tile.weight, tile_pairs, 0.0);
    std::fill_n(tile.target, tile_pairs, 0.0);
    for (Index i = 0; i < rows; ++i) {
      const T* weights = inputs.weights.data;
      tile.weight[i] =
          weights == nullptr ? unit : static_cast<double>(weights[(begin + i) * inputs.weights.stride[0]]) * unit;
    }
    if (inputs.target.data != nullptr) {
      for (Index i = 0; i < rows; ++i) {
        tile.target[i] = static_cast<double>(inputs.target.data[(begin + i) * inputs.target.stride[0]]);
      }
    } else if (inputs.labels.data != nullptr) {
      const Index step = inputs.labels.stride[0];
      for_labels(inputs.labels, begin * step, step, rows,
                 [&](std::int64_t label, Index i) { tile.target[i] = static_cast<double>(label); });
    }
  }

  /// A target that is neither of its two values is refused, unless its weight is 0. NaN becomes the result.
  static void check_target(const Inputs& inputs) {
    constexpr auto values = Rule::target.values;
    const auto skipped = [&](Index i) {
      return inputs.weights.data != nullptr && inputs.weights.data[i * inputs.weights.stride[0]] == 0;
    };
    const auto refuse = [&](const auto& required, Index i, auto is) {
      required(false, name_of<Rule>(), ": ", Rule::target.name, Position{inputs.terms, i}, " is ", is, ", but must be ",
               values[0], " or ", values[1]);
    };
    if (inputs.target.data != nullptr) {
      for (Index i = 0; i < inputs.samples(); ++i) {
        const T is = inputs.target.data[i * inputs.target.stride[0]];
        if (is == T(values[0]) || is == T(values[1]) || std::isnan(is) || skipped(i)) continue;
        refuse([](const auto&... parts) { require(parts...); }, i, is);
      }
    } else if (inputs.labels.data != nullptr) {
      for_labels(inputs.labels, 0, inputs.labels.stride[0], inputs.samples(), [&](std::int64_t is, Index i) {
        if (is == values[0] || is == values[1] || skipped(i)) return;
        refuse([](const auto&... parts) { require_in_range(parts...); }, i, LabelAt(inputs.labels, i));
      });
    }
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
