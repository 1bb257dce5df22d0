// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include <losses/core/loss.hpp>
#include <losses/generative/planes.hpp>

namespace LOSSES_NAMESPACE {

/// Where SSIM's windows lie: around every pixel, mirrored at the borders without repeating them, or inside the picture only.
enum class SSIMPadding : std::uint8_t { same, valid };

namespace rule {

/// The tag of losses of windows of two pictures.
struct per_window {};

/// Structural similarity: pictures compared by the brightness, the contrast and the pattern around each pixel.
///
///   μ, σ²     mean and variance under a Gaussian window of deviation 1.5 pixels, of x (the prediction) and y, of each channel
///   SSIM      (2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2)),  C1 = (0.01 L)²,  C2 = (0.03 L)²
///   value     (1 − SSIM)/2 of each pixel, in [0, 1]; the slope is its derivative through all windows that hold a pixel
///
/// Pictures [n, c, h, w], one of them [c, h, w], or a channel [h × w] (a matrix); x and y may change places, so the gradient of
/// the other one is that of the call with the two exchanged.
///
///   window_size  (11) odd and positive
///   max_val      L (1), the range of the values: 255 for bytes. Positive
///   padding      (SSIMPadding::same) windows around every pixel, mirrored at the borders, for which a picture must be larger than
///                half a window; `valid`: windows inside the picture, (h − window_size + 1)(w − window_size + 1) of them
///   epsilon      (0) added to the denominator. 1e-12 is kornia's ssim_loss; without it equal pictures are 0 exactly, and the
///                denominator is never 0 all the same
///
/// Terms are pixels of each channel: mean divides by their number, batch_mean by n, and weights are one per sample or one per
/// term; a term of weight 0 is left out, but its pixels are still part of other windows.
///
/// Equal pictures: 0, gradient 0. Constant ones: (μx − μy)²/(2 (μx² + μy² + C1)). Computed in double, as 1 − (1 − a)(1 − b) of
/// a = σ²(x − y)/(σx² + σy² + C2) and b = (μx − μy)²/(μx² + μy² + C1), variances around each pixel, so that near pictures keep
/// their digits. Right for |x| up to 1e150 L; an infinity: NaN. Allocates about 70 rows for each thread. Throws
/// std::invalid_argument: options, shapes. Wang et al. (2004), doi:10.1109/TIP.2003.819861, eq. (13); as kornia's ssim_loss.
template <std::floating_point T>
struct SSIM {
  using Scalar = T;
  using Shape = per_window;

  int window_size = 11;
  T max_val = 1;
  SSIMPadding padding = SSIMPadding::same;
  T epsilon = 0;

  void check() const {
    require(window_size > 0 && window_size % 2 == 1, "SSIM: window_size is ", window_size,
            ", but must be odd and positive");
    require(max_val > 0 && max_val <= std::numeric_limits<T>::max(), "SSIM: max_val is ", max_val,
            ", but must be positive and finite");
    detail::require_named(padding, SSIMPadding::valid, "SSIM", "padding", "SSIMPadding");
    require(epsilon >= 0 && epsilon <= std::numeric_limits<T>::max(), "SSIM: epsilon is ", epsilon,
            ", but must be finite and not negative");
  }
};

}  // namespace rule

namespace detail {

/// The weights of a window along one axis, and where windows have their centres along an axis of a picture.
struct SSIMWindow {
  Index radius = 0, margin = 0;  // margin: pixels at each border that are no centre
  std::vector<double> weight;    // [2 radius + 1]

  SSIMWindow(int size, SSIMPadding padding) : radius(size / 2), margin(padding == SSIMPadding::valid ? radius : 0) {
    double sum = 0;
    for (Index i = -radius; i <= radius; ++i) {
      weight.push_back(std::exp(-static_cast<double>(i * i) / (2 * 1.5 * 1.5)));
      sum += weight.back();
    }
    for (double& each : weight) each /= sum;
  }

  Index taps() const { return 2 * radius + 1; }
  Index mirrored() const { return radius - margin; }
  double at(Index distance) const {
    return std::abs(distance) <= radius ? weight[static_cast<std::size_t>(distance + radius)] : 0;
  }

  /// How much the window around `centre` sees of element i of `size`, by itself and in the mirrors.
  double share(Index i, Index centre, Index size) const {
    double sum = at(i - centre);
    if (i > 0) sum += at(-i - centre);
    if (i < size - 1) sum += at(2 * (size - 1) - i - centre);
    return sum;
  }
};

/// The numbers of a rule, in units of a power of two near max_val.
struct SSIMConstants {
  double c1, c2, epsilon;
};

/// Rows of numbers that belong together, padded so that whole registers may be read and written past their ends.
struct SSIMRows {
  std::vector<double> memory;
  Index stride = 0;

  SSIMRows(Index count, Index length)
      : memory(static_cast<std::size_t>(count * (length + 2 * native_width<double>))),
        stride(length + 2 * native_width<double>) {}
  double* operator[](Index i) { return memory.data() + i * stride; }
};

/// The sum s and the difference d of two pictures around a row, column by column: first and second moments about the row.
template <class V>
LOSSES_KERNEL void column_moments(const double* const* rows, const double* middle, const double* weight, Index taps,
                                  Index size, double* first, double* second) {
  for (Index j = 0; j < size; j += V::size) {
    const V reference = V::load(middle + j);
    V a = 0, b = 0;
    for (Index k = 0; k < taps; ++k) {
      const V t = V::load(rows[k] + j) - reference;
      const V wt = V(weight[k]) * t;
      a = a + wt;
      b = fma(wt, t, b);
    }
    a.store(first + j);
    b.store(second + j);
  }
}

/// Mean and variance of a window from moments of its columns, about the middle pixel; the mean is middle + offset.
template <class V>
struct WindowMoments {
  V middle, offset, mean, variance;

  LOSSES_INLINE WindowMoments(const double* reference, const double* first, const double* second, const double* weight,
                              Index taps) {
    middle = V::load(reference + taps / 2);
    V a = 0, b = 0;
    for (Index k = 0; k < taps; ++k) {
      const V w(weight[k]), m = V::load(first + k);
      const V shift = V::load(reference + k) - middle;
      const V t = m + shift;
      a = fma(w, t, a);
      b = fma(w, fma(shift, m + t, V::load(second + k)), b);
    }
    offset = a;
    mean = middle + a;
    variance = b - a * a;
  }
};

/// What a row of windows is made of: pixels and moments of the columns of s and of d, mirrored at the borders.
struct SSIMColumns {
  double *s, *d, *first_s, *second_s, *first_d, *second_d;
};

/// What a row of windows adds to the slope by a pixel where the pictures are s and d, times the pixel's share of the window:
/// mean + square_s (s − at_s) + square_d (d − at_d). The pixels at_s and at_d are near, so that large flat pictures, whose
/// differences from a window's mean are small, keep their digits.
struct SSIMSlopes {
  double *mean, *square_s, *square_d, *at_s, *at_d;
};

/// Σ wᵢ·slopeᵢ of windows by one pixel, as they come.
template <class V>
struct SSIMSlopeSum {
  V s, d;
  V mean = 0, square_s = 0, square_d = 0, by_s = 0, by_d = 0;

  LOSSES_INLINE SSIMSlopeSum(const double* at_s, const double* at_d) : s(V::load(at_s)), d(V::load(at_d)) {}

  LOSSES_INLINE void add(const V& w, const SSIMSlopes& from, Index i) {
    const V of_s = w * V::load(from.square_s + i), of_d = w * V::load(from.square_d + i);
    mean = fma(w, V::load(from.mean + i), mean);
    square_s = square_s + of_s;
    square_d = square_d + of_d;
    by_s = fma(of_s, s - V::load(from.at_s + i), by_s);
    by_d = fma(of_d, d - V::load(from.at_d + i), by_d);
  }

  LOSSES_INLINE V total() const { return mean + seen(square_s, by_s) + seen(square_d, by_d); }
  LOSSES_INLINE V at_s() const { return seen(square_s, s); }
  LOSSES_INLINE V at_d() const { return seen(square_d, d); }

 private:
  /// A pixel that only windows of weight 0 see may be NaN.
  LOSSES_INLINE static V seen(const V& square, const V& v) { return where((square == V(0)) & !isfinite(v), V(0), v); }
};

/// The terms of a row of windows. Returns their weighted sum.
///
///   M, m = means of s = x + y and d = x − y,  S, D = their variances
///   B1 = (M² + m²)/2 + C1 = μx² + μy² + C1,  B2 = (S + D)/2 + C2 = σx² + σy² + C2
///   a = D/B2,  b = m²/B1,  SSIM = (1 − a)(1 − b)
template <bool slopes, class V>
LOSSES_KERNEL double window_terms(const SSIMColumns& columns, const double* weight, Index taps, Index size,
                                  const SSIMConstants& constants, const double* term_weights, double* values,
                                  const SSIMSlopes& to) {
  const V half(0.5), one(1), two(2);
  Accumulator<double> total;
  for (Index j = 0; j < size; j += V::size) {
    const auto inside = V::iota() < V(static_cast<double>(std::min<Index>(size - j, V::size)));
    const WindowMoments<V> sum(columns.s + j, columns.first_s + j, columns.second_s + j, weight, taps);
    const WindowMoments<V> difference(columns.d + j, columns.first_d + j, columns.second_d + j, weight, taps);
    const V M = sum.mean, m = difference.mean;
    const V b1 = fma(half, fma(M, M, m * m), V(constants.c1));
    const V b2 = fma(half, sum.variance + difference.variance, V(constants.c2));
    const V inverse1 = one / b1, inverse2 = one / b2;
    const V a = difference.variance * inverse2, b = m * inverse1 * m;
    const V n = a + b * (one - a);  // 1 − SSIM
    V rest = one, share = 0;        // of 1 and of epsilon in the denominator
    if (constants.epsilon != 0) {
      const V e = V(constants.epsilon) * inverse1 * inverse2;
      rest = one / (one + e);
      share = where(isinf(e), one, e * rest);
    }
    const V w = V::load(term_weights + j);
    const auto keep = inside & (w != V(0));
    const auto kept = [&](const V& v) LOSSES_INLINE_LAMBDA { return where(keep, w * v, V(0)); };
    const V value = kept(half * fma(V(1) - n, share, n));
    value.store(values + j);
    total.add(value);
    if constexpr (slopes) {
      const V g = half * rest, by_a = g * (one - b), by_b = g * (one - a), by_e = g * (one - n) * share;
      const V by_sum = -(by_a * a + by_e) * half * inverse2;
      const V by_difference = (by_a * (two - a) - by_e) * half * inverse2;
      const V by_M = -(by_b * b + by_e) * (M * inverse1) - two * by_sum * sum.offset;
      const V by_m = (by_b * (two - b) - by_e) * (m * inverse1) - two * by_difference * difference.offset;
      kept(by_M + by_m).store(to.mean + j);
      kept(two * by_sum).store(to.square_s + j);
      kept(two * by_difference).store(to.square_d + j);
      where(keep, sum.middle, V(0)).store(to.at_s + j);
      where(keep, difference.middle, V(0)).store(to.at_d + j);
    }
  }
  return total.total();
}

/// Σ_k weight[k]·slope of the windows from[j + k], by the pixels s[j] and d[j] of their row.
template <class V>
LOSSES_KERNEL void spread_row(const SSIMSlopes& from, const double* weight, Index taps, const double* s,
                              const double* d, Index size, const SSIMSlopes& to) {
  for (Index j = 0; j < size; j += V::size) {
    SSIMSlopeSum<V> sum(s + j, d + j);
    for (Index k = 0; k < taps; ++k) sum.add(V(weight[k]), from, j + k);
    sum.total().store(to.mean + j);
    sum.square_s.store(to.square_s + j);
    sum.square_d.store(to.square_d + j);
    sum.at_s().store(to.at_s + j);
    sum.at_d().store(to.at_d + j);
  }
}

/// The gradient of a row of pixels: Σ_k weight[k]·slope of the rows of windows that see it.
template <class V>
LOSSES_KERNEL void gradient_row(const SSIMSlopes* rows, const double* weight, Index count, const double* s,
                                const double* d, Index size, double* to) {
  for (Index j = 0; j < size; j += V::size) {
    SSIMSlopeSum<V> sum(s + j, d + j);
    for (Index k = 0; k < count; ++k) sum.add(V(weight[k]), rows[k], j);
    sum.total().store(to + j);
  }
}

template <class T>
struct SSIMInputs {
  View<const T> prediction, target, weights;  // weights: one per term, or null
  Extents terms;
  Index samples = 1;
};

/// Windows are terms. Pictures are worked on row by row: rows of s and d and of slopes in rings of the size of a window.
template <class Rule>
struct Driver<rule::per_window, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = SSIMInputs<T>;
  using Partial = losses::Partial;
  using Whole = detail::Whole;
  using V = Lanes<double>;

  static constexpr int predictions = 1;
  static constexpr bool in_place = false;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_values<T, In...>();
    }
  }

  /// Of a size that the compiler need not know.
  template <class P>
  struct MapOf {
    using Type = typename Access<P>::Plain;
  };
  template <Dense P>
  struct MapOf<P> {
    using Type = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, P::IsRowMajor ? Eigen::RowMajor : Eigen::ColMajor>;
  };
  template <class P>
  using Unreduced = typename MapOf<P>::Type;

  template <class... In>
  static Inputs bind(const Rule& rule, const In&... in) {
    const View<const T> views[] = {view_of(in)...};
    Inputs inputs{views[0], views[1], {}, views[0].extents, 1};
    require_image("SSIM", "prediction", inputs.terms);
    require_shape(name_of<Rule>(), views[1].extents, "target", inputs.terms, "prediction");
    const Index size = rule.window_size;
    const bool inside = rule.padding == SSIMPadding::valid;
    if (inputs.terms.rank == 4) inputs.samples = inputs.terms[0];
    for (int axis = inputs.terms.rank - 2; axis < inputs.terms.rank; ++axis) {
      const Index least = inside ? size : size / 2 + 1;
      require(inputs.terms[axis] >= least || inputs.terms.count() == 0, "SSIM: prediction is ", views[0].extents,
              ", but must have at least ", least, " rows and columns for window_size ", size);
      if (inside) inputs.terms.size[axis] = std::max<Index>(inputs.terms[axis] - size + 1, 0);
    }
    if constexpr (sizeof...(In) == 3) {
      if (inputs.terms.rank < 4) require_shape(name_of<Rule>(), views[2].extents, "weights", inputs.terms, "the terms");
      inputs.weights = broadcast_weights(name_of<Rule>(), views[2], inputs.terms);
    }
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.prediction.extents; }
  static const Extents& unreduced_extents(const Inputs& inputs) { return inputs.terms; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.prediction, "prediction", 0);
    f(inputs.target, "target", -1);
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule&, const Executor& executor, const Inputs& inputs) {
    return weigh(name_of<Rule>(), inputs.weights, executor, inputs.terms.count(), inputs.samples);
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    return {sum<false>(rule, executor, inputs, whole.unit) / whole.unit, whole.weight, whole.count};
  }

  static T value(const Rule&, Reduction reduction, const Partial& part) {
    return static_cast<T>(reduce(reduction, part));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return finish(rule, reduction, executor, inputs, whole, sum<false>(rule, executor, inputs, whole.unit));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    const double scale = reduction_scale(reduction, whole.weight * whole.unit, whole.count, whole.unit);
    return finish(rule, reduction, executor, inputs, whole,
                  sum<true>(rule, executor, inputs, whole.unit, outputs, scale));
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    (void)sum<false>(rule, executor, inputs, 1, nullptr, 0, &output.view);
  }

 private:
  static T finish(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                  const Whole& whole, double total) {
    return finish_sum<T>(reduction, whole, total, false,
                         [&](double smaller) { return sum<false>(rule, executor, inputs, smaller); });
  }

  /// Rows [begin, end) of a plane: the unit of work, whose number depends on the shape alone.
  struct Segments {
    static constexpr Index elements = Index{1} << 15U;
    Index rows, per_plane;

    explicit Segments(const Planes<const T>& planes)
        : rows(planes.rows),
          per_plane(std::clamp<Index>(planes.rows * planes.columns / elements, 1, std::max<Index>(planes.rows, 1))) {}
    Index begin(Index segment) const { return chunk_begin(segment % per_plane, rows, per_plane); }
    Index end(Index segment) const { return chunk_begin(segment % per_plane + 1, rows, per_plane); }
  };

  /// One segment's worth of buffers and what fills them.
  struct Worker {
    const SSIMWindow& window;
    SSIMConstants constants;
    double unit;
    Planes<const T> x, y;
    Index taps, columns, centres;  // centres: columns that are the middle of a window
    SSIMRows pixels, slopes, work;
    std::vector<const double*> s_rows, d_rows;
    std::vector<SSIMSlopes> slope_rows;
    std::vector<double> shares;

    Worker(const SSIMWindow& given, const SSIMConstants& numbers, double power, const Planes<const T>& a,
           const Planes<const T>& b)
        : window(given),
          constants(numbers),
          unit(power),
          x(a),
          y(b),
          taps(given.taps()),
          columns(a.columns),
          centres(a.columns - 2 * given.margin),
          pixels(2 * taps, columns),
          slopes(5 * taps, columns),
          work(18, columns + 4 * given.radius),
          s_rows(static_cast<std::size_t>(taps)),
          d_rows(s_rows),
          slope_rows(s_rows.size()),
          shares(s_rows.size()) {}

    double* s(Index row) { return pixels[row % taps]; }
    double* d(Index row) { return pixels[taps + row % taps]; }
    SSIMSlopes slopes_of(Index row) {
      const Index place = row % taps;
      return {slopes[place], slopes[taps + place], slopes[2 * taps + place], slopes[3 * taps + place],
              slopes[4 * taps + place]};
    }
    SSIMColumns row_columns() { return {work[0], work[1], work[2], work[3], work[4], work[5]}; }
    /// The slopes of a row of terms, after so many zeros, and before as many.
    SSIMSlopes term_slopes(Index zeros) {
      return {work[6] + zeros, work[7] + zeros, work[8] + zeros, work[9] + zeros, work[10] + zeros};
    }
    /// The same, spread over the pixels of a row and of its mirrors.
    SSIMSlopes spread_slopes() { return {work[11], work[12], work[13], work[14], work[15]}; }
    double* terms() { return work[16]; }
    double* term_weights() { return work[17]; }

    void load(Index plane, Index row) {
      const T *a = x.row(plane, row), *b = y.row(plane, row);
      double *to_s = s(row), *to_d = d(row);
      for (Index j = 0; j < columns; ++j) {
        const double p = unit * static_cast<double>(a[j * x.of_column]),
                     q = unit * static_cast<double>(b[j * y.of_column]);
        to_s[j] = p + q;
        to_d[j] = p - q;
      }
    }

    /// The terms of the windows around a row.
    template <bool with_slopes>
    double row_of_terms(Index row) {
      const Index mirrored = window.mirrored();
      for (Index k = 0; k < taps; ++k) {
        Index at = std::abs(row + k - window.radius);
        if (at >= x.rows) at = 2 * (x.rows - 1) - at;
        s_rows[static_cast<std::size_t>(k)] = s(at);
        d_rows[static_cast<std::size_t>(k)] = d(at);
      }
      const SSIMColumns parts = row_columns();
      std::copy_n(s(row), columns, parts.s + mirrored);
      std::copy_n(d(row), columns, parts.d + mirrored);
      const double* weight = window.weight.data();
      column_moments<V>(s_rows.data(), s(row), weight, taps, columns, parts.first_s + mirrored,
                        parts.second_s + mirrored);
      column_moments<V>(d_rows.data(), d(row), weight, taps, columns, parts.first_d + mirrored,
                        parts.second_d + mirrored);
      for (double* part : {parts.s, parts.d, parts.first_s, parts.second_s, parts.first_d, parts.second_d}) {
        for (Index j = 1; j <= mirrored; ++j) {
          part[mirrored - j] = part[mirrored + j];
          part[mirrored + columns - 1 + j] = part[mirrored + columns - 1 - j];
        }
      }
      return window_terms<with_slopes, V>(parts, weight, taps, centres, constants, term_weights(), terms(),
                                          term_slopes(2 * window.radius));
    }

    /// The slopes of a row of terms, spread along the row over the pixels of their windows.
    void spread(Index row) {
      const SSIMSlopes wide = spread_slopes(), to = slopes_of(row);
      const SSIMColumns pixels_of_row = row_columns();
      const Index mirrored = window.mirrored();
      spread_row<V>(term_slopes(0), window.weight.data(), taps, pixels_of_row.s, pixels_of_row.d,
                    columns + 2 * mirrored, wide);
      for (const auto part : {&SSIMSlopes::mean, &SSIMSlopes::square_s, &SSIMSlopes::square_d}) {
        const double* from = wide.*part;
        double* narrow = to.*part;
        std::copy_n(from + mirrored, columns, narrow);
        for (Index j = 1; j <= mirrored; ++j) {
          narrow[j] += from[mirrored - j];
          narrow[columns - 1 - j] += from[mirrored + columns - 1 + j];
        }
      }
      std::copy_n(wide.at_s + mirrored, columns, to.at_s);
      std::copy_n(wide.at_d + mirrored, columns, to.at_d);
    }

    /// The gradient of a row of pixels, in terms().
    const double* gradient(Index row) {
      const Index begin = std::max(window.margin, row - window.radius);
      const Index end = std::min(x.rows - window.margin, row + window.radius + 1);
      for (Index centre = begin; centre < end; ++centre) {
        const auto k = static_cast<std::size_t>(centre - begin);
        shares[k] = unit * window.share(row, centre, x.rows);
        slope_rows[k] = slopes_of(centre);
      }
      gradient_row<V>(slope_rows.data(), shares.data(), end - begin, s(row), d(row), columns, terms());
      return terms();
    }
  };

  /// Σ wᵢ·termᵢ with weights in a unit; the gradient, or the terms, if asked for.
  template <bool with_gradient>
  static double sum(const Rule& rule, const Executor& executor, const Inputs& inputs, double of_weights,
                    const Output<T>* output = nullptr, double scale = 0, const View<T>* map = nullptr) {
    if (inputs.prediction.extents.count() == 0) return 0;
    const bool exchanged = columns_are_rows(inputs.prediction);
    const Planes<const T> x(inputs.prediction, exchanged), y(inputs.target, exchanged),
        weights(inputs.weights, exchanged);
    const SSIMWindow window(rule.window_size, rule.padding);
    const auto range = static_cast<double>(rule.max_val);
    const double unit = std::ldexp(1.0, std::clamp(-std::ilogb(range), -1000, 1000));
    const double length = unit * range;
    const SSIMConstants constants{1e-4 * length * length, 9e-4 * length * length,
                                  static_cast<double>(rule.epsilon) * unit * unit * unit * unit};
    const Segments segments(x);
    const Index count = x.count() * segments.per_plane;
    const Index chunks = std::min(count, max_chunks);
    double partial[max_chunks] = {};
    executor(chunks, [&](Index chunk) {
      Worker worker(window, constants, unit, x, y);
      double local = 0;
      const Index end = chunk_begin(chunk + 1, count, chunks);
      for (Index i = chunk_begin(chunk, count, chunks); i < end; ++i) {
        local += run<with_gradient>(worker, i / segments.per_plane, segments.begin(i), segments.end(i), weights,
                                    of_weights, output, scale, map, exchanged);
      }
      partial[chunk] = local;
    });
    double total = 0;
    for (Index chunk = 0; chunk < chunks; ++chunk) total += partial[chunk];
    return total;
  }

  template <bool with_gradient>
  static double run(Worker& worker, Index plane, Index begin, Index end, const Planes<const T>& weights,
                    double of_weights, const Output<T>* output, double scale, const View<T>* map, bool exchanged) {
    const SSIMWindow& window = worker.window;
    const Index rows = worker.x.rows, reach = with_gradient ? window.radius : 0;
    const Index first = std::max(window.margin, begin - reach), last = std::min(rows - window.margin, end + reach);
    Index loaded = std::max<Index>(0, first - window.radius), written = begin;
    double total = 0;
    const auto write_until = [&](Index row) {
      for (; written < end && written <= row; ++written)
        write_gradient(worker, plane, written, *output, scale, exchanged);
    };
    for (Index row = first; row < last; ++row) {
      for (; loaded < std::min(rows, row + window.radius + 1); ++loaded) worker.load(plane, loaded);
      for (Index j = 0; j < worker.centres; ++j) {
        worker.term_weights()[j] =
            weights.data == nullptr
                ? of_weights
                : of_weights * static_cast<double>(weights.row(plane, row - window.margin)[j * weights.of_column]);
      }
      const double part = worker.template row_of_terms<with_gradient>(row);
      if (row >= begin && row < end) total += part;
      if (map != nullptr) {
        const Planes<T> to(*map, exchanged);
        for (Index j = 0; j < worker.centres; ++j) {
          to.row(plane, row - window.margin)[j * to.of_column] = static_cast<T>(worker.terms()[j]);
        }
      }
      if constexpr (with_gradient) {
        worker.spread(row);
        write_until(row - window.radius);
      }
    }
    if constexpr (with_gradient) write_until(end);
    return total;
  }

  static void write_gradient(Worker& worker, Index plane, Index row, const Output<T>& output, double scale,
                             bool exchanged) {
    const double* from = worker.gradient(row);
    const Planes<T> to(output.view, exchanged);
    T* const entries = to.row(plane, row);
    for (Index j = 0; j < to.columns; ++j) {
      T& entry = entries[j * to.of_column];
      const double value = scale * from[j];
      entry = static_cast<T>((output.adds ? static_cast<double>(entry) : 0.0) + output.factor * value);
    }
  }
};

}  // namespace detail

template <std::floating_point T = float>
using SSIM = Loss<rule::SSIM<T>>;

}  // namespace LOSSES_NAMESPACE
