// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <losses/core/loss.hpp>
#include <losses/generative/planes.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// The tag of losses of one picture: no target.
struct per_picture {};

/// Total variation: how much neighbouring pixels differ. Keeps a generated picture smooth, edges included.
///
///   value   Σ |x_{i+1,j} − x_{i,j}| + Σ |x_{i,j+1} − x_{i,j}| of a picture, over all its channels
///   slope   of a pixel: Σ sign(x − x of the neighbour), 0 for an equal neighbour
///
///   float v = losses::TotalVariation<float>().value_and_gradient(picture, gradient);
///
/// Pictures [n, c, h, w], one of them [c, h, w], or a channel [h × w] (a matrix). There is no target.
///
///   average  (false) true: each of the two sums is divided by the number of its differences in the picture, so that the value
///            does not depend on the size
///
/// Terms are pictures: unreduced gives one value for each, mean and batch_mean divide by n (the weights), sum by nothing. Weights
/// are one per picture; one of weight 0 is not read.
///
/// Constant pictures, and single pixels: 0, gradient 0. Equal infinities do not differ. No value that can be represented overflows
/// on the way. Throws std::invalid_argument: shapes, weights.
/// Rudin, Osher and Fatemi (1992), doi:10.1016/0167-2789(92)90242-F, in its anisotropic form; as kornia's total_variation, whose
/// reduction "mean" is `average` (releases from 0.7 on give each channel alone).
template <std::floating_point T>
struct TotalVariation {
  using Scalar = T;
  using Shape = per_picture;

  bool average = false;
};

}  // namespace rule

namespace detail {

/// What lies around a row of pixels; at the borders, the row itself.
template <class T>
struct RowOfPixels {
  const T *above, *row, *below;
  Index size;
};

/// One register of pixels with their neighbours: the differences from those before them, and the slopes.
template <class V>
struct PixelVariation {
  V down, right;           // |difference| from the pixel above, and from the one on the left
  V vertical, horizontal;  // slopes

  template <class Pixel>
  LOSSES_INLINE PixelVariation(const V& x, const Pixel& above, const Pixel& below, const Pixel& left,
                               const Pixel& right_pixel) {
    const V from_above = difference(x, above), from_left = difference(x, left);
    down = abs(from_above);
    right = abs(from_left);
    vertical = sign(from_above) + sign(difference(x, below));
    horizontal = sign(from_left) + sign(difference(x, right_pixel));
  }

 private:
  LOSSES_INLINE static V difference(const V& a, const V& b) { return where(a == b, V(0), a - b); }
  LOSSES_INLINE static V sign(const V& d) { return where(abs(d) > V(0), copysign(V(1), d), d); }
};

/// Adds the differences of a row from the one above to sums[0], those along it to sums[1]; writes its slopes times `scale`.
template <bool slopes, class T>
LOSSES_KERNEL void variation_row(const RowOfPixels<T>& pixels, const T* scale, double* sums, T* gradient, bool adds) {
  const T* const row = pixels.row;
  const Index last = pixels.size - 1;
  const auto write = [&](const auto& lanes, const auto& v, Index j) LOSSES_INLINE_LAMBDA {
    using V = std::remove_cvref_t<decltype(v.down)>;
    if constexpr (slopes) {
      const V slope = V(scale[0]) * v.vertical + V(scale[1]) * v.horizontal;
      lanes.store(adds ? lanes.load(gradient + j) + slope : slope, gradient + j);
    }
  };
  // The first and the last pixel lack a neighbour.
  const auto end = [&](Index j) LOSSES_INLINE_LAMBDA {
    using One = Lanes<T, 1>;
    const auto at = [](const T* from) LOSSES_INLINE_LAMBDA { return One(*from); };
    struct Lane {
      LOSSES_INLINE One load(const T* from) const { return One(*from); }
      LOSSES_INLINE void store(const One& v, T* to) const { *to = v[0]; }
    };
    const PixelVariation<One> v(at(row + j), at(pixels.above + j), at(pixels.below + j), at(row + (j > 0 ? j - 1 : j)),
                                at(row + (j < last ? j + 1 : j)));
    write(Lane{}, v, j);
    sums[0] += static_cast<double>(v.down[0]);
    sums[1] += static_cast<double>(v.right[0]);
  };
  Accumulator<T> total[2];
  for_single_lanes<T>(last - 1, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    using V = Lanes<T>;
    const Index j = i + 1;
    const PixelVariation<V> v(lanes.load(row + j), lanes.load(pixels.above + j), lanes.load(pixels.below + j),
                              lanes.load(row + j - 1), lanes.load(row + j + 1));
    write(lanes, v, j);
    total[0].add(lanes.keep(v.down));
    total[1].add(lanes.keep(v.right));
  });
  sums[0] += total[0].total();
  sums[1] += total[1].total();
  end(0);
  if (last > 0) end(last);
}

template <class T>
struct PictureInputs {
  View<const T> prediction, weights;  // weights: one per picture, or null
  Index pictures = 1;
};

template <class Rule>
struct Driver<rule::per_picture, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = PictureInputs<T>;
  using Partial = losses::Partial;
  using Whole = detail::Whole;

  static constexpr int predictions = 1;
  static constexpr bool in_place = false;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 1 && sizeof...(In) != 2) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_values<T, In...>();
    }
  }

  template <class P>
  using Unreduced = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  template <class... In>
  static Inputs bind(const Rule&, const In&... in) {
    const View<const T> views[] = {view_of(in)...};
    Inputs inputs{views[0], {}, 1};
    require_image(name_of<Rule>(), "prediction", views[0].extents);
    if (views[0].extents.rank == 4) inputs.pictures = views[0].extents[0];
    if constexpr (sizeof...(In) == 2)
      inputs.weights = broadcast_weights(name_of<Rule>(), views[1], Extents{1, {inputs.pictures}});
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.prediction.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return {1, {inputs.pictures}}; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.prediction, "prediction", 0);
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule&, const Executor& executor, const Inputs& inputs) {
    return weigh(name_of<Rule>(), inputs.weights, executor, inputs.pictures, inputs.pictures);
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    const Variation variation(rule, inputs, whole.unit);
    const Total total = variation.template sum<false>(executor, 0, inputs.pictures);
    return {total.sum / whole.unit / total.unit, whole.weight, whole.count};
  }

  static T value(const Rule&, Reduction reduction, const Partial& part) {
    return static_cast<T>(reduce(reduction, part));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    const Variation variation(rule, inputs, whole.unit);
    return finish(reduction, whole, variation.template sum<false>(executor, 0, inputs.pictures));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    Variation variation(rule, inputs, whole.unit);
    variation.output = outputs;
    variation.scale = reduction_scale(reduction, whole.weight * whole.unit, whole.count, whole.unit) * outputs->factor;
    return finish(reduction, whole, variation.template sum<true>(executor, 0, inputs.pictures));
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    const Variation variation(rule, inputs, 1);
    for (Index i = 0; i < inputs.pictures; ++i) {
      const Total total = variation.template sum<false>(executor, i, 1);
      element(output.view, i) = static_cast<T>(total.sum / total.unit);
    }
  }

 private:
  /// Σ wᵢ·termᵢ of pixels in a unit.
  struct Total {
    double sum, unit = 1;
  };

  static T finish(Reduction reduction, const Whole& whole, const Total& total) {
    return static_cast<T>(reduce(reduction, whole, total.sum) / total.unit);
  }

  /// The differences of the rows of all planes, a segment of rows at a time. The segments depend on the shape alone.
  struct Variation {
    static constexpr Index segment_elements = Index{1} << 15U;

    const Inputs& inputs;
    double unit;  // of the weights
    bool exchanged;
    Planes<const T> x;
    double per_vertical, per_horizontal;  // what a difference counts
    Index segments;                       // of a plane
    const Output<T>* output = nullptr;
    double scale = 1;

    Variation(const Rule& rule, const Inputs& given, double of_weights)
        : inputs(given),
          unit(of_weights),
          exchanged(columns_are_rows(given.prediction)),
          x(given.prediction, exchanged) {
      const auto weight_of = [&](Index rows, Index columns) {
        const auto count = static_cast<double>(x.channels) * static_cast<double>(rows) * static_cast<double>(columns);
        return !rule.average ? 1 : count > 0 ? 1 / count : 0;
      };
      per_vertical = weight_of(x.rows - 1, x.columns);
      per_horizontal = weight_of(x.rows, x.columns - 1);
      segments = std::clamp<Index>(x.rows * x.columns / segment_elements, 1, std::max<Index>(x.rows, 1));
    }

    double weight(Index image) const {
      return inputs.weights.data == nullptr
                 ? unit
                 : unit * static_cast<double>(inputs.weights.data[image * inputs.weights.stride[0]]);
    }

    /// Σ wᵢ·termᵢ of `count` pictures. One that overflows is taken again, of smaller pixels: of floats only a difference
    /// can overflow.
    template <bool slopes>
    Total sum(const Executor& executor, Index first, Index count) const {
      constexpr T small_pixel = sizeof(T) == sizeof(float) ? T(0x1p-1) : T(0x1p-100);
      const double total = sum_of<slopes>(executor, first, count, 1);
      if (!std::isinf(total)) [[likely]]
        return {total};
      return {sum_of<false>(executor, first, count, small_pixel), static_cast<double>(small_pixel)};
    }

    template <bool slopes>
    double sum_of(const Executor& executor, Index first, Index count, T pixel_unit) const {
      if (x.rows * x.columns == 0) return 0;
      const Index units = count * x.channels * segments, chunks = std::min(units, max_chunks);
      double partial[max_chunks] = {};
      const bool small = count * x.channels * x.rows * x.columns < parallel_elements;
      (small ? Executor{} : executor)(chunks, [&](Index chunk) {
        double local = 0;
        const Index end = chunk_begin(chunk + 1, units, chunks);
        for (Index part = chunk_begin(chunk, units, chunks); part < end; ++part) {
          local += segment<slopes>(first * x.channels + part / segments, part % segments, pixel_unit);
        }
        partial[chunk] = local;
      });
      double total = 0;
      for (Index chunk = 0; chunk < chunks; ++chunk) total += partial[chunk];
      return total;
    }

    template <bool slopes>
    double segment(Index plane, Index part, T pixel_unit) const {
      const double w = weight(plane / x.channels);
      const Index begin = chunk_begin(part, x.rows, segments), end = chunk_begin(part + 1, x.rows, segments);
      const T factors[2] = {static_cast<T>(scale * w * per_vertical), static_cast<T>(scale * w * per_horizontal)};
      if constexpr (slopes) {
        const Planes<T> to(output->view, exchanged);
        if (w == 0) {
          for (Index i = begin; i < end && !output->adds; ++i) {
            for (Index j = 0; j < x.columns; ++j) to.row(plane, i)[j * to.of_column] = 0;
          }
          return 0;
        }
        if (x.of_column != 1 || to.of_column != 1) return w * strided<true>(plane, begin, end, 1, factors, &to);
        return w * direct<true>(plane, begin, end, factors, &to);
      } else {
        if (w == 0) return 0;
        return w * (x.of_column == 1 && pixel_unit == 1
                        ? direct<false>(plane, begin, end, factors, nullptr)
                        : strided<false>(plane, begin, end, pixel_unit, factors, nullptr));
      }
    }

    double value(const double* sums) const { return per_vertical * sums[0] + per_horizontal * sums[1]; }

    template <bool slopes>
    double direct(Index plane, Index begin, Index end, const T* factors, const Planes<T>* to) const {
      double sums[2] = {};
      for (Index i = begin; i < end; ++i) {
        const RowOfPixels<T> pixels{x.row(plane, std::max<Index>(i - 1, 0)), x.row(plane, i),
                                    x.row(plane, std::min(i + 1, x.rows - 1)), x.columns};
        variation_row<slopes, T>(pixels, factors, sums, slopes ? to->row(plane, i) : nullptr, slopes && output->adds);
      }
      return value(sums);
    }

    /// Rows that are not contiguous, or not taken in unit 1, are copied, three at a time.
    template <bool slopes>
    double strided(Index plane, Index begin, Index end, T pixel_unit, const T* factors, const Planes<T>* to) const {
      std::vector<T> memory(static_cast<std::size_t>(4 * x.columns));
      const auto copy_of = [&](Index i) { return memory.data() + i % 3 * x.columns; };
      const auto load = [&](Index i) {
        const T* const from = x.row(plane, i);
        for (Index j = 0; j < x.columns; ++j) copy_of(i)[j] = pixel_unit * from[j * x.of_column];
      };
      double sums[2] = {};
      T* const slope = memory.data() + 3 * x.columns;
      for (Index i = std::max<Index>(begin - 1, 0); i <= begin; ++i) load(i);
      for (Index i = begin; i < end; ++i) {
        if (i + 1 < x.rows) load(i + 1);
        const RowOfPixels<T> pixels{copy_of(std::max<Index>(i - 1, 0)), copy_of(i),
                                    copy_of(std::min(i + 1, x.rows - 1)), x.columns};
        variation_row<slopes, T>(pixels, factors, sums, slope, false);
        if constexpr (slopes) {
          T* const entries = to->row(plane, i);
          for (Index j = 0; j < x.columns; ++j) {
            T& entry = entries[j * to->of_column];
            entry = output->adds ? entry + slope[j] : slope[j];
          }
        }
      }
      return value(sums);
    }
  };
};

}  // namespace detail

template <std::floating_point T = float>
using TotalVariation = Loss<rule::TotalVariation<T>>;

LOSSES_EXTERN(rule::TotalVariation);

}  // namespace LOSSES_NAMESPACE
