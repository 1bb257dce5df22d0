// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses with a term for each box: prediction [n × 4] against target [n × 4], as x1, y1, x2, y2.
///
/// A tile of boxes is read in lanes, a register for each coordinate: row-major boxes are transposed in registers,
/// column-major ones lie so already, and any other strides are packed into a buffer on the stack. Tiles and chunks
/// depend on n alone, so the bits of a value depend neither on the storage nor on the threads.

#include <algorithm>
#include <utility>

#include <losses/core/driver.hpp>

namespace LOSSES_NAMESPACE {

/// A term for each box, of its four coordinates and the target's.
///
///   template <class V> rule::BoxTerms<V> operator()(const rule::Box<V>& prediction, const rule::Box<V>& target) const;
struct per_box {};

namespace rule {

/// The corners of a box: x1 ≤ x2, y1 ≤ y2.
template <class V>
struct Box {
  V x1, y1, x2, y2;
};

/// What a per_box rule gives: its value and dvalue/dprediction.
template <class V>
struct BoxTerms {
  V value;
  Box<V> slope;
};

}  // namespace rule

namespace detail {

using rule::Box;

inline constexpr Index box_tile = 256;

/// The elements at I of a, then b.
template <std::floating_point T, int W, int... I>
LOSSES_INLINE Lanes<T, W> shuffled(const Lanes<T, W>& a, const Lanes<T, W>& b, std::integer_sequence<int, I...>) {
#if LOSSES_VECTOR_EXTENSIONS
  if constexpr (is_register<T, W>) {
    return Lanes<T, W>(__builtin_shufflevector(a.v, b.v, I...));
  } else
#endif
  {
    const T values[W] = {(I < W ? a[I % W] : b[I % W])...};
    return Lanes<T, W>::load(values);
  }
}

template <class V, int... I>
LOSSES_INLINE V every_second(const V& a, const V& b, std::integer_sequence<int, I...>, bool odd) {
  return odd ? shuffled(a, b, std::integer_sequence<int, (2 * I + 1)...>{})
             : shuffled(a, b, std::integer_sequence<int, (2 * I)...>{});
}

template <class V, int... I>
LOSSES_INLINE V zipped(const V& a, const V& b, std::integer_sequence<int, I...>, bool upper) {
  constexpr int half = V::size / 2;
  return upper ? shuffled(a, b, std::integer_sequence<int, (half + I / 2 + I % 2 * V::size)...>{})
               : shuffled(a, b, std::integer_sequence<int, (I / 2 + I % 2 * V::size)...>{});
}

/// Row-major boxes in four registers, as a register for each coordinate.
template <class T>
LOSSES_INLINE Box<Lanes<T>> load_rows(const T* at) {
  using V = Lanes<T>;
  constexpr auto lanes = std::make_integer_sequence<int, V::size>{};
  const V a = V::load(at), b = V::load(at + V::size), c = V::load(at + 2 * V::size), d = V::load(at + 3 * V::size);
  const V x_low = every_second(a, b, lanes, false), y_low = every_second(a, b, lanes, true);
  const V x_high = every_second(c, d, lanes, false), y_high = every_second(c, d, lanes, true);
  return {every_second(x_low, x_high, lanes, false), every_second(y_low, y_high, lanes, false),
          every_second(x_low, x_high, lanes, true), every_second(y_low, y_high, lanes, true)};
}

template <class T>
LOSSES_INLINE void store_rows(const Box<Lanes<T>>& box, T* at) {
  using V = Lanes<T>;
  constexpr auto lanes = std::make_integer_sequence<int, V::size>{};
  const V x_low = zipped(box.x1, box.x2, lanes, false), y_low = zipped(box.y1, box.y2, lanes, false);
  const V x_high = zipped(box.x1, box.x2, lanes, true), y_high = zipped(box.y1, box.y2, lanes, true);
  zipped(x_low, y_low, lanes, false).store(at);
  zipped(x_low, y_low, lanes, true).store(at + V::size);
  zipped(x_high, y_high, lanes, false).store(at + 2 * V::size);
  zipped(x_high, y_high, lanes, true).store(at + 3 * V::size);
}

/// Boxes in memory: element k of box i at data[i·box + k·coordinate].
template <class T>
struct BoxPlaces {
  T* data = nullptr;
  Index box = 0;
  Index coordinate = 0;

  BoxPlaces() = default;
  BoxPlaces(T* first, Index box_stride, Index coordinate_stride)
      : data(first), box(box_stride), coordinate(coordinate_stride) {}
  explicit BoxPlaces(const View<T>& view) : BoxPlaces(view.data, view.stride[0], view.stride[1]) {}

  bool is_rows() const { return coordinate == 1 && box == 4; }
  bool is_direct() const { return box == 1 || is_rows(); }
  BoxPlaces from(Index i) const { return data == nullptr ? *this : BoxPlaces(data + i * box, box, coordinate); }

  /// `count` boxes from box i on, padded with copies of the first.
  LOSSES_INLINE Box<Lanes<std::remove_const_t<T>>> load(Index i, int count) const {
    using V = Lanes<std::remove_const_t<T>>;
    const T* at = data + i * box;
    if (count < V::size) [[unlikely]] {
      std::remove_const_t<T> rows[4 * V::size];
      for (int lane = 0; lane < V::size; ++lane) {
        for (int k = 0; k < 4; ++k) rows[4 * lane + k] = at[(lane < count ? lane : 0) * box + k * coordinate];
      }
      return load_rows(rows);
    }
    if (box == 4) return load_rows(at);
    return {V::load(at), V::load(at + coordinate), V::load(at + 2 * coordinate), V::load(at + 3 * coordinate)};
  }

  LOSSES_INLINE void store(const Box<Lanes<T>>& values, Index i, int count) const {
    using V = Lanes<T>;
    T* at = data + i * box;
    if (count < V::size) [[unlikely]] {
      T rows[4 * V::size];
      store_rows(values, rows);
      for (int lane = 0; lane < count; ++lane) {
        for (int k = 0; k < 4; ++k) at[lane * box + k * coordinate] = rows[4 * lane + k];
      }
    } else if (box == 4) {
      store_rows(values, at);
    } else {
      values.x1.store(at);
      values.y1.store(at + coordinate);
      values.x2.store(at + 2 * coordinate);
      values.y2.store(at + 3 * coordinate);
    }
  }
};

/// What a kernel gets: boxes that are direct; weights, gradient and values may be null.
template <class T>
struct BoxRun {
  BoxPlaces<const T> prediction, target;
  const T* weights = nullptr;
  BoxPlaces<T> gradient;
  T* values = nullptr;
  bool adds = false;
  T scale = 1;
  T unit = 1;
  Index size = 0;
};

template <class T>
using BoxKernel = double (*)(const void* rule, const BoxRun<T>& run);

/// Σ of the weighted terms of a run, in run.unit.
template <class Rule, bool writes_gradient, class T = typename Rule::Scalar>
LOSSES_KERNEL double box_kernel(const void* erased, const BoxRun<T>& run) {
  using V = Lanes<T>;
  // A copy lets the compiler keep the options in registers: through the pointer they could alias the gradient.
  const Rule rule = *static_cast<const Rule*>(erased);
  Accumulator<T> total;
  for (Index i = 0; i < run.size; i += V::size) {
    const int count = static_cast<int>(std::min<Index>(V::size, run.size - i));
    const auto terms = rule(run.prediction.load(i, count), run.target.load(i, count));
    V w = V(run.unit);
    if (run.weights != nullptr)
      w = w * (count == V::size ? V::load(run.weights + i) : V::load(run.weights + i, count, 0));
    // Weight 0 leaves a box out, whatever it holds.
    const auto weigh = [&](const V& v, const V& factor)
                           LOSSES_INLINE_LAMBDA { return where(w == V(0), V(0), v * (w * factor)); };
    const V value = weigh(terms.value, V(1));
    total.add(where(V::iota() < V(count), value, V(0)));
    if constexpr (writes_gradient) {
      const V scale(run.scale);
      Box<V> g = {weigh(terms.slope.x1, scale), weigh(terms.slope.y1, scale), weigh(terms.slope.x2, scale),
                  weigh(terms.slope.y2, scale)};
      if (run.adds) {
        const Box<V> before = run.gradient.load(i, count);
        g = {before.x1 + g.x1, before.y1 + g.y1, before.x2 + g.x2, before.y2 + g.y2};
      }
      run.gradient.store(g, i, count);
    } else if (run.values != nullptr) {
      value.store(run.values + i, count);
    }
  }
  return total.total();
}

/// Whether a box of the run may have x2 < x1 or y2 < y1. NaN has neither.
template <class T>
LOSSES_KERNEL bool has_crossed_box(const BoxPlaces<const T>& boxes, Index size) {
  using V = Lanes<T>;
  typename V::Mask crossed[2];
  Index i = 0;
  if (boxes.is_rows()) {
    // Beside each number the one two further on: x2 beside x1, y2 beside y1, and pairs that do not count.
    constexpr Index step = V::size < 4 ? 4 : V::size;
    for (; (4 * size - i) >= step + 2; i += step) {
      crossed[0] = crossed[0] | (V::load(boxes.data + i + 2) < V::load(boxes.data + i));
    }
    i /= 4;
    constexpr unsigned counted = 0x33333333u & ((1u << V::size) - 1);
    if ((lane_bits<T, V::size>(crossed[0].all_ones) & counted) != 0) return true;
  } else if (boxes.box == 1) {
    const T* at = boxes.data;
    const Index k = boxes.coordinate;
    for (; i + V::size <= size; i += V::size) {
      crossed[0] = crossed[0] | (V::load(at + i + 2 * k) < V::load(at + i));
      crossed[1] = crossed[1] | (V::load(at + i + 3 * k) < V::load(at + i + k));
    }
    if (any(crossed[0] | crossed[1])) return true;
  }
  for (; i < size; ++i) {
    const T* at = boxes.data + i * boxes.box;
    if (at[2 * boxes.coordinate] < at[0] || at[3 * boxes.coordinate] < at[boxes.coordinate]) return true;
  }
  return false;
}

template <class T>
struct BoxInputs {
  View<const T> prediction, target;
  View<const T> weights;  // one per box; null without
};

/// A pass over boxes, tile by tile.
template <class T>
struct BoxJob {
  const BoxInputs<T>& inputs;
  BoxKernel<T> kernel;
  const void* rule;
  T unit = 1;
  const Output<T>* gradient = nullptr;
  T scale = 1;
  const View<T>* values = nullptr;

  /// Σ of the weighted terms, in the unit.
  double run(const Executor& executor) const {
    const Index boxes = inputs.prediction.extents[0];
    if (boxes == 0) return 0;
    double sums[max_sums] = {};
    const Index tiles = (boxes + box_tile - 1) / box_tile;
    sum_over(4 * boxes, tiles, 1, executor, sums, [&](Index first, Index last, double* local) {
      for (Index tile = first; tile < last; ++tile) {
        local[0] += run_tile(tile * box_tile, std::min(box_tile, boxes - tile * box_tile));
      }
    });
    return sums[0];
  }

 private:
  [[gnu::noinline]] double run_tile(Index first, Index count) const {
    alignas(64) T buffers[3][4 * box_tile];
    alignas(64) T weights[box_tile];
    alignas(64) T terms[box_tile];
    BoxRun<T> run;
    run.size = count;
    run.unit = unit;
    run.scale = scale;
    run.prediction = packed(inputs.prediction, first, count, buffers[0]);
    run.target = packed(inputs.target, first, count, buffers[1]);
    if (inputs.weights.data != nullptr) {
      const Index stride = inputs.weights.stride[0];
      run.weights = inputs.weights.data + first * stride;
      if (stride != 1) {
        move_elements(run.weights, Index{0}, stride, Index{1}, count, weights, Index{0}, Index{1});
        run.weights = weights;
      }
    }
    BoxPlaces<T> out;
    if (gradient != nullptr) {
      out = BoxPlaces<T>(gradient->view).from(first);
      run.gradient = out.is_direct() ? out : BoxPlaces<T>(buffers[2], 1, box_tile);
      run.adds = gradient->adds && out.is_direct();
    }
    if (values != nullptr) run.values = values->stride[0] == 1 ? values->data + first : terms;
    const double sum = kernel(rule, run);
    if (gradient != nullptr && !out.is_direct()) {
      move_elements(buffers[2], Index{1}, box_tile, count, Index{4}, out.data, out.box, out.coordinate, gradient->adds);
    }
    if (run.values == terms) {
      const Index stride = values->stride[0];
      move_elements(terms, Index{0}, Index{1}, Index{1}, count, values->data + first * stride, Index{0}, stride);
    }
    return sum;
  }

  static BoxPlaces<const T> packed(const View<const T>& view, Index first, Index count, T* buffer) {
    const auto boxes = BoxPlaces<const T>(view).from(first);
    if (boxes.is_direct()) return boxes;
    move_elements(boxes.data, boxes.box, boxes.coordinate, count, Index{4}, buffer, Index{1}, box_tile);
    return {buffer, 1, box_tile};
  }
};

/// What a per_box rule must have, as one concept.
template <class Rule, class V = Lanes<typename Rule::Scalar>>
concept BoxRule = std::floating_point<typename Rule::Scalar> && requires(const Rule& rule, const Box<V>& box) {
  rule(box, box).value + rule(box, box).slope.x1 + rule(box, box).slope.y2;
};

template <class Rule>
struct Driver<per_box, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = BoxInputs<T>;
  using Partial = losses::Partial;
  using Whole = detail::Whole;

  static_assert(BoxRule<Rule>,
                "a per_box rule needs `using Scalar = float or double;` and `template <class V> rule::BoxTerms<V> "
                "operator()(const rule::Box<V>& prediction, const rule::Box<V>& target) const`, written with the "
                "operators and functions of V");

  /// What a reduction divides by.
  static constexpr int predictions = 1;
  static constexpr bool in_place = true;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_values<T, In...>();
    }
  }

  template <class P>
  using Unreduced = typename Access<P>::Rows;

  template <class... In>
  static Inputs bind(const Rule&, const In&... in) {
    const View<const T> views[] = {view_of(in)...};
    Inputs inputs{views[0], views[1], {}};
    const Extents& shape = inputs.prediction.extents;
    require(shape.rank == 2 && shape[1] == 4, name_of<Rule>(), ": prediction is ", shape,
            ", but must be [n x 4], a box x1, y1, x2, y2 in each row");
    require_shape(name_of<Rule>(), inputs.target.extents, "target", shape, "prediction");
    if constexpr (sizeof...(In) == 3) {
      View<const T> weights = views[2];
      // [n × 1] is a vector: one weight per box.
      if (weights.extents.rank == 2 && weights.extents[1] == 1) weights.extents.rank = 1;
      inputs.weights = broadcast_weights(name_of<Rule>(), weights, Extents{1, {shape[0]}});
    }
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.prediction.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return {1, {inputs.prediction.extents[0]}}; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.prediction, "prediction", 0);
    f(inputs.target, "target", -1);
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule&, const Executor& executor, const Inputs& inputs) {
    const Index boxes = inputs.prediction.extents[0];
    const Whole whole = weigh(name_of<Rule>(), inputs.weights, executor, boxes, boxes);
    check_boxes(executor, inputs);
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    return {job(rule, inputs, whole.unit).run(executor) / whole.unit, whole.weight, whole.count};
  }

  static T value(const Rule&, Reduction reduction, const Partial& partial) {
    return static_cast<T>(reduce(reduction, partial));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return value(rule, reduction, partial(rule, executor, inputs, whole));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* output) {
    auto work = job(rule, inputs, whole.unit);
    work.kernel = box_kernel<Rule, true>;
    work.gradient = output;
    work.scale =
        static_cast<T>(reduction_scale(reduction, whole.weight * whole.unit, whole.count, whole.unit) * output->factor);
    return value(rule, reduction, {work.run(executor) / whole.unit, whole.weight, whole.count});
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    auto work = job(rule, inputs, 1);
    work.values = &output.view;
    work.run(executor);
  }

 private:
  static BoxJob<T> job(const Rule& rule, const Inputs& inputs, double unit) {
    return {inputs, box_kernel<Rule, false>, &rule, static_cast<T>(unit)};
  }

  static void check_boxes(const Executor& executor, const Inputs& inputs) {
    const Index boxes = inputs.prediction.extents[0];
    if (boxes == 0) return;
    const BoxPlaces<const T> prediction(inputs.prediction), target(inputs.target);
    double bad[max_sums] = {};
    const Index tiles = (boxes + box_tile - 1) / box_tile;
    sum_over(4 * boxes, tiles, 1, executor, bad, [&](Index first, Index last, double* local) {
      for (Index i = first * box_tile; i < last * box_tile; i += box_tile) {
        const Index count = std::min(box_tile, boxes - i);
        if (has_crossed_box<T>(prediction.from(i), count) || has_crossed_box<T>(target.from(i), count)) [[unlikely]] {
          local[0] += first_bad(inputs, i, count) < i + count ? 1 : 0;
        }
      }
    });
    if (bad[0] != 0) [[unlikely]]
      name_bad(inputs, first_bad(inputs, 0, boxes));
  }

  static bool is_bad(const BoxPlaces<const T>& boxes, Index i) { return has_crossed_box<T>(boxes.from(i), 1); }

  /// The first box of weight other than 0 that is crossed; first + count if there is none.
  LOSSES_COLD static Index first_bad(const Inputs& inputs, Index first, Index count) {
    const BoxPlaces<const T> prediction(inputs.prediction), target(inputs.target);
    Index i = first;
    for (; i < first + count; ++i) {
      if (inputs.weights.data != nullptr && inputs.weights.data[i * inputs.weights.stride[0]] == 0) continue;
      if (is_bad(prediction, i) || is_bad(target, i)) break;
    }
    return i;
  }

  LOSSES_COLD static void name_bad(const Inputs& inputs, Index i) {
    const bool in_prediction = is_bad(BoxPlaces<const T>(inputs.prediction), i);
    const auto box = BoxPlaces<const T>(in_prediction ? inputs.prediction : inputs.target).from(i);
    const Index k = box.coordinate;
    require(false, name_of<Rule>(), in_prediction ? ": prediction[" : ": target[", i, "] is (", box.data[0], ", ",
            box.data[k], ", ", box.data[2 * k], ", ", box.data[3 * k], "), but must have x1 <= x2 and y1 <= y2");
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
