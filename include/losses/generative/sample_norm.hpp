// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses with a term for each sample, of the Euclidean norm of all its numbers, and of weights per sample.

#include <algorithm>
#include <cmath>
#include <limits>

#include <losses/core/loss.hpp>
#include <losses/core/row_distance.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// A term for each sample, of the norm of a prediction [n × …] and no target:
///
///   template <class V> Terms<V> operator()(V norm, V unit) const;
///
/// V is Lanes<double>. The norm is given in a unit: it is `unit` times the true one, and so is the slope that the rule returns,
/// so that neither overflows; the value is the true one. Both units are 1 but for norms near the ends of double's range.
struct per_norm {};

}  // namespace rule

namespace detail {

inline constexpr Index norm_rows = 128;     // samples in a tile
inline constexpr Index norm_features = 16;  // of a packed block
inline constexpr Index long_row = 512;      // samples of this size make small tiles

/// The samples of a tile.
struct NormTile {
  alignas(64) double norm[norm_rows], unit[norm_rows], weight[norm_rows], value[norm_rows], slope[norm_rows];
};

/// A prediction as [n × d], in whatever order its features lie: Eigen's tensors are dense.
template <class T>
View<T> flattened(const View<T>& view) {
  View<T> rows{view.data, {2, {view.extents[0], 1}}, {view.stride[0], 1}};
  for (int axis = 1; axis < view.extents.rank; ++axis) {
    if (view.extents[axis] == 1) continue;
    if (rows.extents[1] == 1 || view.stride[axis] < rows.stride[1]) rows.stride[1] = view.stride[axis];
    rows.extents.size[1] *= view.extents[axis];
  }
  return rows;
}

/// Whether the sums run along rows; else across them, a row in each lane.
template <class T>
bool runs_along(const View<const T>& x) {
  return x.stride[1] == 1 && x.extents[1] >= short_row;
}

template <class T>
LOSSES_KERNEL double squares_along(const T* x, Index size, double unit) {
  Accumulator<double> total[2];
  const auto step = [&](auto lanes, Index i, int j) LOSSES_INLINE_LAMBDA {
    const auto wide = Wide<T>::load(lanes, x + i);
    for (const auto& part : wide.part) {
      const auto v = part * Lanes<double>(unit);
      total[j].add(v * v);
    }
  };
  for_lanes<T>(size, step, [&]() LOSSES_INLINE_LAMBDA {
    total[0].fold();
    total[1].fold();
  });
  return total[0].total() + total[1].total();
}

/// The same for rows that are beside each other: adds to their sums.
template <class T>
LOSSES_KERNEL void squares_across(const T* x, Index step, Index rows, Index features, double unit, double* sums) {
  using V = Lanes<double>;
  constexpr Index block = 64;
  for_single_lanes<T>(rows, [&](auto lanes, Index row) LOSSES_INLINE_LAMBDA {
    for (Index begin = 0; begin < features; begin += block) {
      V total[Wide<T>::parts];
      for (Index feature = begin; feature < std::min(features, begin + block); ++feature) {
        const auto wide = Wide<T>::load(lanes, x + feature * step + row);
        for (int part = 0; part < Wide<T>::parts; ++part) {
          const V v = wide.part[part] * V(unit);
          total[part] = total[part] + v * v;
        }
      }
      for (int part = 0; part < Wide<T>::parts; ++part) {
        double* sum = sums + row + part * V::size;
        (V::load(sum) + total[part]).store(sum);
      }
    }
  });
}

/// Σ (x·unit)² of each row of a tile.
template <class T>
void sum_squares(const View<const T>& x, Index first, Index rows, double unit, double* sums) {
  const Index features = x.extents[1];
  std::fill_n(sums, norm_rows, 0.0);
  if (features == 0) return;
  const T* data = x.data + first * x.stride[0];
  if (runs_along(x)) {
    for (Index row = 0; row < rows; ++row) sums[row] = squares_along(data + row * x.stride[0], features, unit);
  } else if (x.stride[0] == 1) {
    squares_across(data, x.stride[1], rows, features, unit, sums);
  } else {
    alignas(64) T packed[norm_features * norm_rows];
    for (Index feature = 0; feature < features; feature += norm_features) {
      const Index width = std::min(norm_features, features - feature);
      move_elements(data + feature * x.stride[1], x.stride[0], x.stride[1], rows, width, packed, Index{1}, norm_rows);
      squares_across(packed, norm_rows, rows, width, unit, sums);
    }
  }
}

/// The norms of a tile; those whose squares leave the range of double in a unit that keeps them.
template <class T>
void measure_norms(const View<const T>& x, Index first, Index rows, NormTile& tile) {
  std::fill_n(tile.unit, norm_rows, 1.0);
  sum_squares(x, first, rows, 1, tile.norm);
  if constexpr (sizeof(T) == sizeof(double)) {
    constexpr double low = std::numeric_limits<double>::min() * 0x1p104, high = std::numeric_limits<double>::max();
    alignas(64) double again[norm_rows];
    const auto rescue = [&](double unit, const auto& is_lost) {
      if (std::none_of(tile.norm, tile.norm + rows, is_lost)) return;
      sum_squares(x, first, rows, unit, again);
      for (Index row = 0; row < rows; ++row) {
        if (!is_lost(tile.norm[row]) || again[row] == 0) continue;
        tile.norm[row] = again[row];
        tile.unit[row] = unit;
      }
    };
    rescue(0x1p600, [](double sum) { return sum < low; });
    rescue(0x1p-600, [](double sum) { return sum > high; });
  }
  for (Index row = 0; row < rows; ++row) tile.norm[row] = std::sqrt(tile.norm[row]);
}

/// Σ w·value, and the same in a unit in which it does not overflow where the mean does not.
struct NormSum {
  double sum = 0, small = 0;
};
inline constexpr double small_unit = 0x1p-100;

/// The values of a tile, times their weights. The gradient is the prediction times tile.unit times tile.slope.
template <class Rule>
LOSSES_KERNEL NormSum norm_formula(const Rule& rule, Index rows, double scale, NormTile& tile) {
  using V = Lanes<double>;
  using T = typename Rule::Scalar;
  Accumulator<double> total, small;
  for (Index row = 0; row < rows; row += V::size) {
    const V norm = V::load(tile.norm + row), unit = V::load(tile.unit + row), w = V::load(tile.weight + row);
    const auto terms = rule(norm, unit);
    const V term = where(w == V(0), V(0), terms.value * w);
    // Of a float near 0 the slope leaves its range, too.
    const V factor = sizeof(T) == sizeof(float) ? where(norm < V(0x1p-60), V(0x1p100), V(1)) : max(unit, V(1));
    const V ratio = where(isinf(norm), terms.curvature, terms.slope / (norm * factor));
    factor.store(tile.unit + row);
    where((w == V(0)) | (norm == V(0)), V(0), ratio * (w * V(scale))).store(tile.slope + row);
    term.store(tile.value + row);
    total.add(term);
    small.add(where(w == V(0), V(0), terms.value * (w * V(small_unit))));
  }
  return {total.total(), small.total()};
}

/// out = x·unit·slope, of one sample (scale, unit) or of many (in[1], in[2]).
template <class T>
LOSSES_KERNEL void shrink_kernel(const void*, const Run<T>& run, double*) {
  using V = Lanes<T>;
  for_single_lanes<T>(run.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V slope = run.in[1] == nullptr ? V(run.scale[0]) : lanes.load(run.in[1] + i);
    const V unit = run.in[2] == nullptr ? V(run.unit) : lanes.load(run.in[2] + i);
    const V v = where(slope == V(0), V(0), lanes.load(run.in[0] + i) * unit * slope);
    T* out = run.out[0] + i;
    lanes.store(run.adds[0] ? lanes.load(out) + v : v, out);
  });
}

template <class T>
struct NormInputs {
  View<const T> prediction, weights;  // weights: [n], or null
};

template <class Rule>
struct Driver<rule::per_norm, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = NormInputs<T>;
  using Partial = losses::Partial;
  using Whole = detail::Whole;

  static constexpr int predictions = 1;
  static constexpr bool in_place = true;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 1 && sizeof...(In) != 2) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_values<T, In...>();
    }
  }

  template <class P>
  using Unreduced = typename Access<P>::Rows;

  template <class P, class... Weights>
  static Inputs bind(const Rule&, const P& prediction, const Weights&... weights) {
    Inputs inputs{view_of(prediction), {}};
    const Extents& shape = inputs.prediction.extents;
    require(shape.rank > 0, name_of<Rule>(), ": ", predictions_of<Rule>()[0].name,
            " has no axis, but must be [n x ...]");
    ((inputs.weights = broadcast_weights(name_of<Rule>(), view_of(weights), {1, {shape[0]}})), ...);
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.prediction.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return {1, {inputs.prediction.extents[0]}}; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.prediction, predictions_of<Rule>()[0].name, 0);
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule&, const Executor& executor, const Inputs& inputs) {
    const Index samples = inputs.prediction.extents[0];
    return weigh(name_of<Rule>(), inputs.weights, executor, samples, samples);
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    return {sum(rule, executor, inputs, whole.unit).sum / whole.unit, whole.weight, whole.count};
  }

  static T value(const Rule&, Reduction reduction, const Partial& part) {
    return static_cast<T>(reduce(reduction, part));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return finish(reduction, whole, sum(rule, executor, inputs, whole.unit));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    const double scale = reduction_scale(reduction, whole.weight * whole.unit, whole.count, whole.unit);
    const NormSum total =
        for_tiles(executor, inputs, [&](const View<const T>& rows, Index first, Index size, NormTile& tile) {
          const NormSum part = measure(rule, inputs, rows, first, size, whole.unit, scale * outputs->factor, tile);
          write(inputs, first, size, tile, *outputs);
          return part;
        });
    return finish(reduction, whole, total);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    for_tiles(executor, inputs, [&](const View<const T>& rows, Index first, Index size, NormTile& tile) {
      measure(rule, inputs, rows, first, size, 1, 1, tile);
      for (Index i = 0; i < size; ++i) {
        output.view.data[(first + i) * output.view.stride[0]] = static_cast<T>(tile.value[i]);
      }
      return NormSum{};
    });
  }

 private:
  /// Σ f(rows, first, size, tile), in a fixed order.
  template <class F>
  static NormSum for_tiles(const Executor& executor, const Inputs& inputs, const F& f) {
    const auto rows = flattened(inputs.prediction);
    const Index samples = rows.extents[0];
    const Index step = rows.extents[1] < long_row ? norm_rows : runs_along(rows) ? 1 : 16;
    double total[max_sums] = {};
    sum_over(inputs.prediction.extents.count(), (samples + step - 1) / step, 2, executor, total,
             [&](Index begin, Index end, double* local) {
               NormTile tile;
               double sum = 0, lost = 0;
               for (Index i = begin; i < end; ++i) {
                 const auto [term, small] = f(rows, i * step, std::min(step, samples - i * step), tile);
                 const double next = sum + term, part = next - sum;
                 lost += (sum - (next - part)) + (term - part);
                 sum = next;
                 local[1] += small;
               }
               local[0] = std::isfinite(lost) ? sum + lost : sum;
             });
    return {total[0], total[1]};
  }

  static NormSum measure(const Rule& rule, const Inputs& inputs, const View<const T>& rows, Index first, Index size,
                         double unit, double scale, NormTile& tile) {
    measure_norms(rows, first, size, tile);
    std::fill_n(tile.weight, norm_rows, 0.0);
    for (Index i = 0; i < size; ++i) {
      const T* weights = inputs.weights.data;
      tile.weight[i] =
          weights == nullptr ? unit : static_cast<double>(weights[(first + i) * inputs.weights.stride[0]]) * unit;
    }
    return norm_formula(rule, size, scale, tile);
  }

  static void write(const Inputs& inputs, Index first, Index size, const NormTile& tile, const Output<T>& output) {
    if (inputs.prediction.extents.count() == 0) return;
    T slope[norm_rows], unit[norm_rows];
    std::transform(tile.slope, tile.slope + size, slope, [](double s) { return static_cast<T>(s); });
    std::transform(tile.unit, tile.unit + size, unit, [](double u) { return static_cast<T>(u); });
    ElementJob<T> job;
    job.extents = inputs.prediction.extents;
    job.extents.size[0] = size;
    job.in[0] = operand(inputs.prediction);
    job.in[0].data += first * inputs.prediction.stride[0];
    job.out[0] = operand(output.view);
    job.out[0].data += first * output.view.stride[0];
    job.adds[0] = output.adds;
    job.scale[0] = slope[0];
    job.unit = unit[0];
    if (size > 1) {
      const bool is_plain = std::all_of(unit, unit + size, [](T u) { return u == 1; });
      job.in[1] = {slope, {1}};
      if (!is_plain) job.in[2] = {unit, {1}};
    }
    double none[max_sums] = {};
    traverse<T>(job, shrink_kernel<T>, nullptr, Executor{}, none);
  }

  static NormSum sum(const Rule& rule, const Executor& executor, const Inputs& inputs, double unit) {
    return for_tiles(executor, inputs, [&](const View<const T>& rows, Index first, Index size, NormTile& tile) {
      return measure(rule, inputs, rows, first, size, unit, 1, tile);
    });
  }

  /// A sum that overflows where its mean does not is taken from the smaller one.
  static T finish(Reduction reduction, const Whole& whole, const NormSum& total) {
    const bool overflows = std::isinf(total.sum) && reduction != Reduction::sum;
    const double value =
        overflows ? reduce(reduction, whole, total.small) / small_unit : reduce(reduction, whole, total.sum);
    return static_cast<T>(value);
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
