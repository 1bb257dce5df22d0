// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses that rank, for each class, the errors of a softmax of logits [n, c, …] against integer labels
/// [n, …]: the sets are the classes. It allocates O(n c). There is no `partial`: a ranking is of the whole set.

#include <losses/core/class_pass.hpp>
#include <losses/core/loss.hpp>
#include <losses/core/ranking.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

/// g_k = factor · p_k (s_k − Σ_j p_j s_j), from slopes s [classes][count] of the tile's pixels; g may be e.
template <class T>
LOSSES_KERNEL void ranked_gradient(const T* e, Index stride, Index classes, const T* slopes, Index count, T factor,
                                   const ClassTile<T>& tile, bool adds, T* g, Index gradient_stride) {
  using V = Lanes<T>;
  for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V inverse = lanes.load(tile.inverse + i);
    const V w = lanes.load(tile.weight + i);
    V mean(0);
    for (Index c = 0; c < classes; ++c) {
      mean = mean + lanes.load(e + c * stride + i) * inverse * lanes.load(slopes + c * count + i);
    }
    for (Index c = 0; c < classes; ++c) {
      const V p = lanes.load(e + c * stride + i) * inverse;
      V v = where(w == V(0), V(0), V(factor) * p * (lanes.load(slopes + c * count + i) - mean));
      T* out = g + c * gradient_stride + i;
      if (adds) v = lanes.load(out) + v;
      lanes.store(v, out);
    }
  });
}

template <RankingRule<RankingInput::softmax> Rule>
struct Driver<per_set, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = RowInputs<T>;
  using Whole = detail::Whole;

  static_assert(RankingFormula<Rule>,
                "a rule with a RankingInput needs `template <class T> double extension(const Ranking<T>&, T*) const`");

  static constexpr int predictions = 1;
  static constexpr bool in_place = false;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_labels<T, false, In...>();
    }
  }

  template <class P>
  using Unreduced = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  template <class P, class Y, class... W>
  static Inputs bind(const Rule& rule, const P& prediction, const Y& target, const W&... weights) {
    Inputs inputs;
    bind_class_prediction<Rule, T>(inputs, view_of(prediction));
    bind_labels(inputs, labels_of(target), name_of<Rule>());
    if constexpr (sizeof...(W) == 1) bind_row_weights<Rule>(inputs, view_of(weights)...);
    check_class_weights(options(rule), inputs, name_of<Rule>());
    require_rankable<Rule>(inputs.terms.count());
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.logits.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return {2, {inputs.classes(), 1}}; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    inputs.visit(f);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    if (inputs.weights.data != nullptr) check_weights(name_of<Rule>(), inputs.weights, executor);
    return {check_labels(options(rule), executor, inputs, name_of<Rule>()), inputs.terms[0]};
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return Classes(rule, executor, inputs, whole).value(reduction);
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    const Classes classes(rule, executor, inputs, whole);
    classes.write(reduction, executor, *outputs);
    return classes.value(reduction);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole,
                        const Output<T>& output) {
    const Classes classes(rule, executor, inputs, whole);
    for (std::size_t c = 0; c < classes.values.size(); ++c) {
      output.view.data[static_cast<Index>(c) * output.view.stride[0]] = static_cast<T>(classes.values[c]);
    }
  }

 private:
  static RowOptions<T> options(const Rule& rule) {
    RowOptions<T> options;
    options.mean_by_class_weight = false;
    options.class_weights = &rule.class_weights;
    options.ignore_index = rule.ignore_index;
    return options;
  }

  /// The errors of each class, which become its slopes, and the values.
  struct Classes {
    Classes(const Rule& rule, const Executor& executor, const Inputs& given, const Whole& whole)
        : inputs(given),
          count(given.terms.count()),
          values(static_cast<std::size_t>(given.classes()), 0.0),
          slopes(values.size() * static_cast<std::size_t>(count), T(0)),
          counted(rule.counts_absent_classes() ? static_cast<double>(values.size()) : 0) {
      // The order of equal errors is that of the pixels, whatever the storage.
      if ((dense_orders(inputs.logits) & 1u) == 0) {
        logits.resize(static_cast<std::size_t>(inputs.logits.extents.count()));
        gather(inputs.logits, logits.data());
        inputs.logits.data = logits.data();
        Index stride = 1;
        for (int axis = inputs.logits.extents.rank - 1; axis >= 0; --axis) {
          inputs.logits.stride[axis] = stride;
          stride *= inputs.logits.extents[axis];
        }
      }
      ignore_index = rule.ignore_index;
      if (whole.weight > 0) fill(rule, executor);
    }

    T value(Reduction reduction) const {
      double sum = 0;
      for (const double each : values) sum += each;
      return static_cast<T>(reduction == Reduction::sum ? sum : counted == 0 ? 0 : sum / counted);
    }

    void write(Reduction reduction, const Executor& executor, const Output<T>& output) const {
      const RowJob<T> work = job(&output);
      const ClassPass<T> pass(work);
      const double scale = reduction == Reduction::sum ? 1 : counted == 0 ? 0 : 1 / counted;
      const T factor = static_cast<T>(scale * output.factor);
      for_units(executor, [&](Index first, Index last) {
        pass.for_tiles(first, last, [&](Index flat, ClassTile<T>& tile, T* e) {
          pass.write(flat, tile, e, [&](bool adds, T* g, Index gradient_stride) {
            ranked_gradient(e, pass.stride(), work.classes, slopes.data() + flat, count, factor, tile, adds, g,
                            gradient_stride);
          });
        });
      });
    }

    RowJob<T> job(const Output<T>* output) const {
      RowJob<T> work = row_job<T>(inputs, 1, output, nullptr);
      work.ignore_index = ignore_index;
      if (output != nullptr) work.adds = output->adds;
      return work;
    }

    template <class F>
    void for_units(const Executor& executor, const F& f) const {
      const Index units = (count + tile_samples - 1) / tile_samples;
      double nothing[max_sums] = {};
      if (count == 0) return;
      sum_over(count * inputs.classes(), units, 0, executor, nothing, [&](Index first, Index last, double*) {
        f(first * tile_samples, std::min(last * tile_samples, count));
      });
    }

    void fill(const Rule& rule, const Executor& executor) {
      const std::size_t pixels = static_cast<std::size_t>(count);
      std::vector<T> labels(pixels), weights(pixels);
      const RowJob<T> work = job(nullptr);
      const ClassPass<T> pass(work);
      for_units(executor, [&](Index first, Index last) {
        pass.for_tiles(first, last, [&](Index flat, ClassTile<T>& tile, T* e) {
          for (Index i = 0; i < tile.size; ++i) {
            labels[static_cast<std::size_t>(flat + i)] = tile.label[i];
            weights[static_cast<std::size_t>(flat + i)] = tile.weight[i];
          }
          for (Index c = 0; c < work.classes; ++c) {
            T* error = slopes.data() + c * count + flat;
            for (Index i = 0; i < tile.size; ++i) {
              const bool is_label = tile.label[i] == static_cast<T>(c);
              error[i] = is_label ? tile.missed[i] : e[c * pass.stride() + i] * tile.inverse[i];
            }
          }
        });
      });
      std::vector<char> counts(values.size(), 0);
      const auto of_class = [&](Index c) {
        const std::size_t k = static_cast<std::size_t>(c);
        counts[k] = rank(rule, c, labels, weights) ? 1 : 0;
      };
      (count * inputs.classes() < parallel_elements ? Executor{} : executor)(inputs.classes(), of_class);
      if (!rule.counts_absent_classes()) {
        for (const char each : counts) counted += each;
      }
    }

    /// Makes slopes of a class's errors; whether it has pixels.
    bool rank(const Rule& rule, Index c, const std::vector<T>& labels, const std::vector<T>& weights) {
      const std::size_t pixels = labels.size();
      T* error = slopes.data() + c * count;
      std::vector<T> target(pixels), slope(pixels, T(0));
      bool present = false;
      for (std::size_t i = 0; i < pixels; ++i) {
        target[i] = labels[i] == static_cast<T>(c) ? T(1) : T(0);
        present = present || (target[i] > 0 && weights[i] != 0);
      }
      const double class_weight = rule.class_weights.empty() ? 1 : static_cast<double>(rule.class_weights[c]);
      Ranking<T> ranking;
      RankingMemory<T> memory;
      double& value = values[static_cast<std::size_t>(c)];
      if ((!present && !rule.counts_absent_classes()) || class_weight == 0) {
        // Left out: the slopes stay 0.
      } else if (memory.rank(error, target.data(), weights.data(), count, ranking)) {
        value = class_weight * rule.extension(ranking, slope.data());
      } else {
        value = std::numeric_limits<double>::quiet_NaN();
        std::fill(slope.begin(), slope.end(), std::numeric_limits<T>::quiet_NaN());
      }
      for (std::size_t i = 0; i < pixels; ++i) {
        error[i] = static_cast<T>(class_weight) * (target[i] > 0 ? -slope[i] : slope[i]);
      }
      return present;
    }

    Inputs inputs;
    Index count;
    std::int64_t ignore_index = -100;
    std::vector<T> logits;
    std::vector<double> values;
    std::vector<T> slopes;
    double counted;
  };
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
