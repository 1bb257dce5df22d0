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
/// Equal pictures: 0, gradient 0. Constant ones: (μx − μy)²/(2 (μx² + μy² + C1)). Computed in double from y and x − y, as
/// 1 − (1 − a)(1 − b) of a = σ²(x − y)/(σx² + σy² + C2) and b = (μx − μy)²/(μx² + μy² + C1), variances and slopes around each
/// pixel, so that near pictures and large flat ones keep their digits. Right for |x| up to 1e150 L; an infinity: NaN. Allocates
/// about 100 rows for each thread. Throws std::invalid_argument: options, shapes. Wang et al. (2004),
/// doi:10.1109/TIP.2003.819861, eq. (13); as kornia's ssim_loss.
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

/// Of the target y and the difference d = x − y around a row, column by column: means, and means of products, about the row.
struct SSIMMoments {
  double *y, *d, *xy, *dd;
};

template <class V>
LOSSES_KERNEL void column_moments(const double* const* y_rows, const double* const* d_rows, const double* middle_y,
                                  const double* middle_d, const double* weight, Index taps, Index size,
                                  const SSIMMoments& to) {
  for (Index j = 0; j < size; j += V::size) {
    const V reference_y = V::load(middle_y + j), reference_d = V::load(middle_d + j);
    V y = 0, d = 0, xy = 0, dd = 0;
    for (Index k = 0; k < taps; ++k) {
      const V w(weight[k]), p = V::load(y_rows[k] + j) - reference_y, q = V::load(d_rows[k] + j) - reference_d;
      const V wp = w * p, wq = w * q;
      y = y + wp;
      d = d + wq;
      xy = fma(wp, p + q, xy);
      dd = fma(wq, q, dd);
    }
    y.store(to.y + j);
    d.store(to.d + j);
    xy.store(to.xy + j);
    dd.store(to.dd + j);
  }
}

/// What a row of windows is made of: pixels and moments of their columns, mirrored at the borders.
struct SSIMColumns {
  double *y, *d;
  SSIMMoments moments;
};

/// Moments of a row of windows from those of its columns, about the middle pixels. Apart from what comes of them: what waits for
/// a division would keep the sums of the next windows from starting.
template <class V>
LOSSES_KERNEL void window_moments(const SSIMColumns& columns, const double* weight, Index taps, Index size,
                                  const SSIMMoments& to) {
  for (Index j = 0; j < size; j += V::size) {
    const V middle_y = V::load(columns.y + j + taps / 2), middle_d = V::load(columns.d + j + taps / 2);
    V mean_y = 0, mean_d = 0, xy = 0, dd = 0;
    for (Index k = 0; k < taps; ++k) {
      const V w(weight[k]);
      const V y = V::load(columns.moments.y + j + k), d = V::load(columns.moments.d + j + k);
      const V shift_y = V::load(columns.y + j + k) - middle_y, shift_d = V::load(columns.d + j + k) - middle_d;
      const V p = y + shift_y, q = d + shift_d;
      mean_y = fma(w, p, mean_y);
      mean_d = fma(w, q, mean_d);
      xy = fma(w, fma(shift_y, p + q, fma(shift_y + shift_d, y, V::load(columns.moments.xy + j + k))), xy);
      dd = fma(w, fma(shift_d, d + q, V::load(columns.moments.dd + j + k)), dd);
    }
    mean_y.store(to.y + j);
    mean_d.store(to.d + j);
    (xy - mean_y * (mean_y + mean_d)).store(to.xy + j);
    (dd - mean_d * mean_d).store(to.dd + j);
  }
}

/// What a row of windows adds to the slope by a pixel where the pictures are y and y + d, times the pixel's share of the window:
/// mean + square_y (y − at_y) + square_d (d − at_d). The pixels at_y and at_d are near, so that large flat pictures, whose
/// differences from a window's mean are small, keep their digits.
struct SSIMSlopes {
  double *mean, *square_y, *square_d, *at_y, *at_d;
};

/// Σ wᵢ·slopeᵢ of windows by one pixel, as they come. A pixel that only windows of weight 0 see may be NaN.
template <class V>
struct SSIMSlopeSum {
  V y, d;
  V slope = 0, square_y = 0, square_d = 0;

  LOSSES_INLINE SSIMSlopeSum(const double* at_y, const double* at_d) : y(V::load(at_y)), d(V::load(at_d)) {}

  LOSSES_INLINE void add(const V& w, const SSIMSlopes& from, Index i) {
    const V by_y = V::load(from.square_y + i), by_d = V::load(from.square_d + i);
    const V of_d = fma(by_d, d - V::load(from.at_d + i), V::load(from.mean + i));
    slope = fma(w, fma(by_y, y - V::load(from.at_y + i), of_d), slope);
    square_y = fma(w, by_y, square_y);
    square_d = fma(w, by_d, square_d);
  }

  LOSSES_INLINE V total() const { return clean(slope); }
  LOSSES_INLINE V at_y() const { return clean(y); }
  LOSSES_INLINE V at_d() const { return clean(d); }

 private:
  LOSSES_INLINE V clean(const V& v) const {
    return where((square_y == V(0)) & (square_d == V(0)) & !isfinite(v), V(0), v);
  }
};

/// The terms of a row of windows whose middle pixels are y and d. Returns their weighted sum.
///
///   m = mean of d,  D = its variance
///   B1 = μx² + μy² + C1,  B2 = σx² + σy² + C2 = D + 2 σxy + C2
///   a = D/B2,  b = m²/B1,  SSIM = (1 − a)(1 − b) r,  r = 1/(1 + epsilon/(B1 B2))
///   slope by a pixel of the window, over its share, with u = r (1 − b) and v = r (1 − a):
///     v (u μx − μy)/B1 + u (v (x − μx) − (y − μy))/B2 = v (u m − (1 − u) μy)/B1 + u (v (d − m) − (1 − v)(y − μy))/B2
///
/// 1 − a, 1 − b, 1 − u and 1 − v are sums of products: each may be small.
template <bool slopes, class V>
LOSSES_KERNEL double window_terms(const SSIMMoments& moments, const double* y, const double* d, Index size,
                                  const SSIMConstants& constants, const double* term_weights, double* values,
                                  const SSIMSlopes& to) {
  const V half(0.5), one(1), two(2), c1(constants.c1), c2(constants.c2);
  Accumulator<double> total;
  for (Index j = 0; j < size; j += V::size) {
    const auto inside = V::iota() < V(static_cast<double>(std::min<Index>(size - j, V::size)));
    const V middle_y = V::load(y + j), middle_d = V::load(d + j);
    const V offset_y = V::load(moments.y + j), offset_d = V::load(moments.d + j), dd = V::load(moments.dd + j);
    const V mean_y = middle_y + offset_y, m = middle_d + offset_d, mean_x = mean_y + m;
    const V both = two * V::load(moments.xy + j);
    const V inverse1 = one / fma(mean_x, mean_x, fma(mean_y, mean_y, c1)), inverse2 = one / (dd + both + c2);
    const V a = dd * inverse2, b = m * inverse1 * m;
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
    const V value = kept(half * fma(one - n, share, n));
    value.store(values + j);
    total.add(value);
    if constexpr (slopes) {
      const V left1 = fma(two * mean_x, mean_y, c1) * inverse1, left2 = (both + c2) * inverse2;
      const V u = rest * left1, v = rest * left2;
      const V of_means = fma(u, m, -fma(share, left1, b) * mean_y) * inverse1 * v;
      const V by_y = -u * inverse2 * fma(share, left2, a), by_d = u * inverse2 * v;
      kept(of_means - fma(by_y, offset_y, by_d * offset_d)).store(to.mean + j);
      kept(by_y).store(to.square_y + j);
      kept(by_d).store(to.square_d + j);
      where(keep, middle_y, V(0)).store(to.at_y + j);
      where(keep, middle_d, V(0)).store(to.at_d + j);
    }
  }
  return total.total();
}

/// Σ_k weight[k]·slope of the windows from[j + k], by the pixels y[j] and d[j] of their row.
template <class V>
LOSSES_KERNEL void spread_row(const SSIMSlopes& from, const double* weight, Index taps, const double* y,
                              const double* d, Index size, const SSIMSlopes& to) {
  for (Index j = 0; j < size; j += V::size) {
    SSIMSlopeSum<V> sum(y + j, d + j);
    for (Index k = 0; k < taps; ++k) sum.add(V(weight[k]), from, j + k);
    sum.total().store(to.mean + j);
    sum.square_y.store(to.square_y + j);
    sum.square_d.store(to.square_d + j);
    sum.at_y().store(to.at_y + j);
    sum.at_d().store(to.at_d + j);
  }
}

/// The gradient of a row of pixels: Σ_k weight[k]·slope of the rows of windows that see it.
template <class V>
LOSSES_KERNEL void gradient_row(const SSIMSlopes* rows, const double* weight, Index count, const double* y,
                                const double* d, Index size, double* to) {
  for (Index j = 0; j < size; j += V::size) {
    SSIMSlopeSum<V> sum(y + j, d + j);
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
    std::vector<const double*> y_rows, d_rows;
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
          work(22, columns + 4 * given.radius),
          y_rows(static_cast<std::size_t>(taps)),
          d_rows(y_rows),
          slope_rows(y_rows.size()),
          shares(y_rows.size()) {}

    double* target(Index row) { return pixels[row % taps]; }
    double* difference(Index row) { return pixels[taps + row % taps]; }
    SSIMSlopes slopes_of(Index row) {
      const Index place = row % taps;
      return {slopes[place], slopes[taps + place], slopes[2 * taps + place], slopes[3 * taps + place],
              slopes[4 * taps + place]};
    }
    SSIMColumns row_columns() { return {work[0], work[1], {work[2], work[3], work[4], work[5]}}; }
    /// The slopes of a row of terms, after so many zeros, and before as many.
    SSIMSlopes term_slopes(Index zeros) {
      return {work[6] + zeros, work[7] + zeros, work[8] + zeros, work[9] + zeros, work[10] + zeros};
    }
    /// The same, spread over the pixels of a row and of its mirrors.
    SSIMSlopes spread_slopes() { return {work[11], work[12], work[13], work[14], work[15]}; }
    /// Of a row of windows.
    SSIMMoments row_moments() { return {work[16], work[17], work[18], work[19]}; }
    double* terms() { return work[20]; }
    double* term_weights() { return work[21]; }

    void load(Index plane, Index row) {
      const T *a = x.row(plane, row), *b = y.row(plane, row);
      double *to_y = target(row), *to_d = difference(row);
      for (Index j = 0; j < columns; ++j) {
        to_y[j] = unit * static_cast<double>(b[j * y.of_column]);
        to_d[j] = unit * static_cast<double>(a[j * x.of_column]) - to_y[j];
      }
    }

    /// The terms of the windows around a row.
    template <bool with_slopes>
    double row_of_terms(Index row) {
      const Index mirrored = window.mirrored();
      for (Index k = 0; k < taps; ++k) {
        Index at = std::abs(row + k - window.radius);
        if (at >= x.rows) at = 2 * (x.rows - 1) - at;
        y_rows[static_cast<std::size_t>(k)] = target(at);
        d_rows[static_cast<std::size_t>(k)] = difference(at);
      }
      const SSIMColumns parts = row_columns();
      const auto& [mean_y, mean_d, xy, dd] = parts.moments;
      std::copy_n(target(row), columns, parts.y + mirrored);
      std::copy_n(difference(row), columns, parts.d + mirrored);
      const double* weight = window.weight.data();
      column_moments<V>(y_rows.data(), d_rows.data(), target(row), difference(row), weight, taps, columns,
                        {mean_y + mirrored, mean_d + mirrored, xy + mirrored, dd + mirrored});
      for (double* part : {parts.y, parts.d, mean_y, mean_d, xy, dd}) {
        for (Index j = 1; j <= mirrored; ++j) {
          part[mirrored - j] = part[mirrored + j];
          part[mirrored + columns - 1 + j] = part[mirrored + columns - 1 - j];
        }
      }
      window_moments<V>(parts, weight, taps, centres, row_moments());
      return window_terms<with_slopes, V>(row_moments(), parts.y + window.radius, parts.d + window.radius, centres,
                                          constants, term_weights(), terms(), term_slopes(2 * window.radius));
    }

    /// The slopes of a row of terms, spread along the row over the pixels of their windows.
    void spread(Index row) {
      const SSIMSlopes wide = spread_slopes(), to = slopes_of(row);
      const SSIMColumns pixels_of_row = row_columns();
      const Index mirrored = window.mirrored();
      spread_row<V>(term_slopes(0), window.weight.data(), taps, pixels_of_row.y, pixels_of_row.d,
                    columns + 2 * mirrored, wide);
      for (const auto part : {&SSIMSlopes::mean, &SSIMSlopes::square_y, &SSIMSlopes::square_d}) {
        const double* from = wide.*part;
        double* narrow = to.*part;
        std::copy_n(from + mirrored, columns, narrow);
        for (Index j = 1; j <= mirrored; ++j) {
          narrow[j] += from[mirrored - j];
          narrow[columns - 1 - j] += from[mirrored + columns - 1 + j];
        }
      }
      std::copy_n(wide.at_y + mirrored, columns, to.at_y);
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
      gradient_row<V>(slope_rows.data(), shares.data(), end - begin, target(row), difference(row), columns, terms());
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

LOSSES_EXTERN(rule::SSIM);

}  // namespace LOSSES_NAMESPACE
