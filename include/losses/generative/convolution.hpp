// SPDX-License-Identifier: MIT
#pragma once

/// 3 × 3 convolution, ReLU and 2 × 2 max pooling of a network that is only read: forward, and the gradient of the
/// input. It knows no network.

#include <algorithm>
#include <cstddef>

#include <Eigen/Core>

#include <losses/core/driver.hpp>
#include <losses/core/lanes.hpp>
#include <losses/core/parallel.hpp>
#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE::detail::network {

/// A batch of images as a 3 × 3 convolution reads it: channels last, zeros around, so that each of the nine taps is
/// the whole batch, shifted: a matrix product without im2col.
///
/// Pixel (i, y, x) is position (i (h + 1) + y) (w + 1) + x. Column w of each row and row h of each image hold the
/// zeros that neighbours share; a row of zeros lies before the first position and after the last.
template <class T>
class Canvas {
 public:
  Index n = 0, h = 0, w = 0, channels = 0;

  /// What was in it is lost. All positions are to be written, the zeros between the pixels too.
  void reshape(Index images, Index height, Index width, Index channel_count) {
    n = images, h = height, w = width, channels = channel_count;
    const Index size = (margin() + n * (h + 1) * pitch() + 1) * channels;
    if (values_.size() < size) {
      values_.resize(0);  // so that there are never two
      values_.resize(size);
    }
    std::fill_n(values_.data(), margin() * channels, T(0));
    const Index written = (margin() + positions()) * channels;
    std::fill_n(values_.data() + written, size - written, T(0));
  }

  Index pitch() const { return w + 1; }
  Index rows() const { return n == 0 ? 0 : n * (h + 1) - 1; }
  Index positions() const { return rows() * pitch(); }
  bool is_image_row(Index row) const { return row % (h + 1) != h; }

  T* at(Index position) { return values_.data() + (margin() + position) * channels; }
  const T* at(Index position) const { return values_.data() + (margin() + position) * channels; }

  /// f(position, pixels, positions) for each row of the positions from begin to end: pixels, then zeros.
  template <class F>
  void for_rows(Index begin, Index end, const F& f) const {
    while (begin < end) {
      const Index row = begin / pitch(), x = begin % pitch();
      const Index run = std::min(end, (row + 1) * pitch()) - begin;
      f(begin, is_image_row(row) ? std::min(run, w - x) : 0, run);
      begin += run;
    }
  }

 private:
  Index margin() const { return pitch() + 1; }

  Eigen::Array<T, Eigen::Dynamic, 1> values_;
};

/// The weights of a 3 × 3 convolution, [3][3][in][out].
template <class T>
struct Convolution {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;

  Index in = 0, out = 0;
  Eigen::Array<T, Eigen::Dynamic, 1> weight;
  Eigen::Matrix<T, Eigen::Dynamic, 1> bias;

  /// From PyTorch's [out, in, 3, 3].
  Convolution(Index ins, Index outs, const T* theirs, const T* biases)
      : in(ins),
        out(outs),
        weight(9 * ins * outs),
        bias(Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>>(biases, outs)) {
    for (Index o = 0; o < out; ++o) {
      for (Index i = 0; i < in; ++i) {
        for (Index tap = 0; tap < 9; ++tap) weight[(tap * in + i) * out + o] = theirs[(o * in + i) * 9 + tap];
      }
    }
  }

  /// [out × count·in]: the taps from `first` on, one beside the other.
  Eigen::Map<const Matrix> taps(Index first, Index count) const {
    return {weight.data() + first * in * out, out, count * in};
  }
};

inline constexpr Index tile_positions = 512;     // of the columns of one matrix product
inline constexpr Index tile_channels = 256;      // of its rows
inline constexpr Index pass_elements = 1 << 15;  // of a chunk of what is not a matrix product

/// f(begin, end) on ranges of at most `step` of `count`: the same ones for every policy.
template <class F>
void for_ranges(const Executor& executor, Index count, Index step, const F& f) {
  executor((count + step - 1) / step, [&](Index chunk) { f(chunk * step, std::min(count, (chunk + 1) * step)); });
}

template <class T, class F>
void for_row_ranges(const Executor& executor, const Canvas<T>& canvas, const F& f) {
  for_ranges(executor, canvas.rows(), std::max<Index>(1, pass_elements / (canvas.pitch() * canvas.channels)), f);
}

/// x = max(x, 0), NaN kept.
template <class T>
LOSSES_KERNEL void rectify(T* x, Index size) {
  using V = Lanes<T>;
  const auto step = [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA { lanes.store(max(lanes.load(x + i), V(0)), x + i); };
  for_single_lanes<T>(size, step);
}

/// g = 0 where the output x of ReLU is 0.
template <class T>
LOSSES_KERNEL void mask(const T* x, T* g, Index size) {
  using V = Lanes<T>;
  const auto step = [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    lanes.store(where(lanes.load(x + i) <= V(0), V(0), lanes.load(g + i)), g + i);
  };
  for_single_lanes<T>(size, step);
}

/// y = the largest of the four x, NaN kept.
template <class T>
LOSSES_KERNEL void largest(const T* const* x, T* y, Index size) {
  const auto step = [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const auto load = [&](int k) LOSSES_INLINE_LAMBDA { return lanes.load(x[k] + i); };
    lanes.store(max(max(load(0), load(1)), max(load(2), load(3))), y + i);
  };
  for_single_lanes<T>(size, step);
}

/// g goes to the first of the four x that is the largest; nowhere if `is_rectified` and that is 0.
template <class T>
LOSSES_KERNEL void to_largest(const T* const* x, const T* g, T* const* to, Index size, bool is_rectified) {
  using V = Lanes<T>;
  const auto step = [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V v[4] = {lanes.load(x[0] + i), lanes.load(x[1] + i), lanes.load(x[2] + i), lanes.load(x[3] + i)};
    const V most = max(max(v[0], v[1]), max(v[2], v[3]));
    V rest = lanes.load(g + i);
    if (is_rectified) rest = where(most <= V(0), V(0), rest);
    for (int k = 0; k < 4; ++k) {
      const auto smaller = v[k] < most;
      lanes.store(where(smaller, V(0), rest), to[k] + i);
      rest = where(smaller, rest, V(0));
    }
  };
  for_single_lanes<T>(size, step);
}

/// Computes `to` in tiles of positions and channels: product(tile, begin, first) for the tile from this position and
/// channel on; then finish(position, first, elements) for its pixels, and zeros between them.
template <class T, class Product, class Finish>
void for_tiles(const Executor& executor, Canvas<T>& to, const Product& product, const Finish& finish) {
  using Tile = Eigen::Map<typename Convolution<T>::Matrix, 0, Eigen::OuterStride<>>;
  const Index channels = to.channels;
  const Index block = std::min(channels, tile_channels);
  const Index blocks = (channels + block - 1) / block;
  const Index tiles = (to.positions() + tile_positions - 1) / tile_positions;
  executor(tiles * blocks, [&](Index chunk) {
    const Index begin = chunk / blocks * tile_positions, first = chunk % blocks * block;
    const Index end = std::min(to.positions(), begin + tile_positions), size = std::min(block, channels - first);
    Tile tile(to.at(begin) + first, size, end - begin, Eigen::OuterStride<>(channels));
    product(tile, begin, first);
    to.for_rows(begin, end, [&](Index position, Index pixels, Index run) {
      if (size == channels) {
        finish(position, Index(0), pixels * channels);
      } else {
        for (Index p = position; p < position + pixels; ++p) finish(p, first, size);
      }
      for (Index p = position + pixels; p < position + run; ++p) std::fill_n(to.at(p) + first, size, T(0));
    });
  });
}

/// The columns of x that the tile starting at position `begin` sees through a tap.
template <class T>
Eigen::Map<const typename Convolution<T>::Matrix> shifted(const Canvas<T>& x, Index begin, Index count, Index down,
                                                          Index right) {
  return {x.at(begin + down * x.pitch() + right), x.channels, count};
}

/// y = the convolution of x, then max(y, 0) if `is_rectified`.
template <class T>
void convolve(const Executor& executor, const Convolution<T>& k, const Canvas<T>& x, Canvas<T>& y, bool is_rectified) {
  y.reshape(x.n, x.h, x.w, k.out);
  const auto product = [&](auto& tile, Index begin, Index first) {
    const auto rows = [&](Index tap, Index count) { return k.taps(tap, count).middleRows(first, tile.rows()); };
    tile.colwise() = k.bias.segment(first, tile.rows());
    if (k.in >= 16) {
      for (Index tap = 0; tap < 9; ++tap) {
        tile.noalias() += rows(tap, 1) * shifted(x, begin, tile.cols(), tap / 3 - 1, tap % 3 - 1);
      }
    } else {
      // Few channels make a thin product: the taps of each position one under the other.
      typename Convolution<T>::Matrix columns(9 * k.in, tile.cols());
      for (Index p = 0; p < tile.cols(); ++p) {
        for (Index down = 0; down < 3; ++down) {
          std::copy_n(x.at(begin + p + (down - 1) * x.pitch() - 1), 3 * k.in, &columns(3 * down * k.in, p));
        }
      }
      tile.noalias() += rows(0, 9) * columns;
    }
  };
  const auto finish = [&](Index p, Index first, Index size) {
    if (is_rectified) rectify(y.at(p) + first, size);
  };
  for_tiles(executor, y, product, finish);
}

/// The gradient of the convolution's input, given that of its output; 0 where `rectified`, the input, is 0 (if it is
/// given).
template <class T>
void convolve_back(const Executor& executor, const Convolution<T>& k, const Canvas<T>& g, const Canvas<T>* rectified,
                   Canvas<T>& to) {
  to.reshape(g.n, g.h, g.w, k.in);
  const auto product = [&](auto& tile, Index begin, Index first) {
    tile.setZero();
    for (Index tap = 0; tap < 9; ++tap) {
      const auto block = k.taps(tap, 1).middleCols(first, tile.rows());
      tile.noalias() += block.transpose() * shifted(g, begin, tile.cols(), 1 - tap / 3, 1 - tap % 3);
    }
  };
  const auto finish = [&](Index p, Index first, Index size) {
    if (rectified != nullptr) mask(rectified->at(p) + first, to.at(p) + first, size);
  };
  for_tiles(executor, to, product, finish);
}

/// As convolve_back for an input of a few channels: write(image, y, x, values) for each pixel.
template <class T, class Write>
void convolve_back_to_image(const Executor& executor, const Convolution<T>& k, const Canvas<T>& g, const Write& write) {
  using Matrix = typename Convolution<T>::Matrix;
  for_ranges(executor, g.positions(), tile_positions, [&](Index begin, Index end) {
    const Index count = end - begin;
    Matrix sum = Matrix::Zero(k.in, count), part(3 * k.in, count + 2);
    for (Index down = 0; down < 3; ++down) {
      part.noalias() = k.taps(3 * down, 3).transpose() * shifted(g, begin, count + 2, 1 - down, -1);
      for (Index right = 0; right < 3; ++right) sum += part.block(right * k.in, 2 - right, k.in, count);
    }
    g.for_rows(begin, end, [&](Index position, Index pixels, Index) {
      const Index row = position / g.pitch(), x = position % g.pitch();
      for (Index p = 0; p < pixels; ++p) {
        write(row / (g.h + 1), row % (g.h + 1), x + p, &sum(0, position - begin + p));
      }
    });
  });
}

/// The four pixels under pixel (row, x) of the pooled canvas.
template <class T, class C>
void window(C& canvas, Index pooled_height, Index row, Index x, T* (&four)[4]) {
  const Index top = row / (pooled_height + 1) * (canvas.h + 1) + 2 * (row % (pooled_height + 1));
  for (Index k = 0; k < 4; ++k) four[k] = canvas.at((top + k / 2) * canvas.pitch() + 2 * x + k % 2);
}

/// 2 × 2 maxima; an odd last row or column is left out.
template <class T>
void pool(const Executor& executor, const Canvas<T>& x, Canvas<T>& y) {
  y.reshape(x.n, x.h / 2, x.w / 2, x.channels);
  for_row_ranges(executor, y, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const Index pixels = y.is_image_row(row) ? y.w : 0;
      for (Index j = 0; j < pixels; ++j) {
        const T* four[4];
        window(x, y.h, row, j, four);
        largest(four, y.at(row * y.pitch() + j), y.channels);
      }
      std::fill_n(y.at(row * y.pitch() + pixels), (y.pitch() - pixels) * y.channels, T(0));
    }
  });
}

/// The gradient of the input x of pool, given that of its output; masked by ReLU, whose output x is, if
/// `is_rectified`.
template <class T>
void pool_back(const Executor& executor, const Canvas<T>& g, const Canvas<T>& x, bool is_rectified, Canvas<T>& to) {
  to.reshape(x.n, x.h, x.w, x.channels);
  for_row_ranges(executor, to, [&](Index begin, Index end) {
    std::fill_n(to.at(begin * to.pitch()), (end - begin) * to.pitch() * to.channels, T(0));
  });
  for_row_ranges(executor, g, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      if (!g.is_image_row(row)) continue;
      for (Index j = 0; j < g.w; ++j) {
        const T* four[4];
        T* into[4];
        window(x, g.h, row, j, four);
        window(to, g.h, row, j, into);
        to_largest(four, g.at(row * g.pitch() + j), into, g.channels, is_rectified);
      }
    }
  });
}

/// f(element of the canvas, element of the tensor [n, c, h, w], channel) for each pixel of each channel.
template <class T, class S, class C, class F>
void for_pixels(const Executor& executor, C& canvas, const View<S>& tensor, const F& f) {
  for_row_ranges(executor, canvas, [&](Index begin, Index end) {
    constexpr Index block = 16;  // channels whose lines are at hand
    for (Index row = begin; row < end; ++row) {
      if (!canvas.is_image_row(row)) continue;
      auto* const pixels = canvas.at(row * canvas.pitch());
      S* const plane = tensor.data + row / (canvas.h + 1) * tensor.stride[0] + row % (canvas.h + 1) * tensor.stride[2];
      for (Index first = 0; first < canvas.channels; first += block) {
        const Index last = std::min(canvas.channels, first + block);
        for (Index x = 0; x < canvas.w; ++x) {
          for (Index c = first; c < last; ++c) {
            f(pixels[x * canvas.channels + c], plane[c * tensor.stride[1] + x * tensor.stride[3]], c);
          }
        }
      }
    }
  });
}

/// Of all positions of a canvas: 0; the larger of it and 0; 0 where x is 0.
template <class T>
void clear(const Executor& executor, Canvas<T>& canvas) {
  for_row_ranges(executor, canvas, [&](Index begin, Index end) {
    std::fill_n(canvas.at(begin * canvas.pitch()), (end - begin) * canvas.pitch() * canvas.channels, T(0));
  });
}

template <class T>
void rectify(const Executor& executor, Canvas<T>& canvas) {
  for_row_ranges(executor, canvas, [&](Index begin, Index end) {
    rectify(canvas.at(begin * canvas.pitch()), (end - begin) * canvas.pitch() * canvas.channels);
  });
}

template <class T>
void mask(const Executor& executor, const Canvas<T>& x, Canvas<T>& g) {
  for_row_ranges(executor, g, [&](Index begin, Index end) {
    mask(x.at(begin * x.pitch()), g.at(begin * g.pitch()), (end - begin) * g.pitch() * g.channels);
  });
}

}  // namespace LOSSES_NAMESPACE::detail::network
