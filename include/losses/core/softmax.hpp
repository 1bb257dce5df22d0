// SPDX-License-Identifier: MIT
#pragma once

/// The softmax passes of the per_row driver, in two forms: along a row whose classes are contiguous (lanes hold
/// classes), and across columns whose samples are contiguous (lanes hold samples). They know no rule, so they compile
/// once per scalar.
///
/// For each row, with m the highest logit and a reference class r (the label; with probability targets the class of the
/// highest logit):
///
///   e_j = exp(x_j − m),  S = Σ_{j≠r} e_j,  Z = S + e_r,  −log p_r = (m − x_r) + log Z,  1 − p_r = S/Z
///
/// Leaving r out of S keeps the digits of a small loss and of the gradient at r. A masked class (x = −inf) has e = 0.

#include <algorithm>
#include <cmath>
#include <limits>

#include <losses/core/driver.hpp>
#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE::detail {

inline constexpr Index tile_samples = 256;

/// What is known of the samples of a tile. Lanes run over the samples.
template <class T>
struct RowTile {
  Index size = 0;
  alignas(64) T reference[tile_samples];     // r
  alignas(64) T weight[tile_samples];        // of the term; 0: the row is left out
  alignas(64) T highest[tile_samples];       // m
  alignas(64) T others[tile_samples];        // S
  alignas(64) T at_reference[tile_samples];  // x_r
  alignas(64) T log_p[tile_samples];         // of the reference
  alignas(64) T total[tile_samples];         // Z
  alignas(64) T value[tile_samples];
  alignas(64) T slope[tile_samples];
  alignas(64) T curvature[tile_samples];
  // The gradient is soft·e_j for j ≠ r and at_label for r; less the target's part where there is a target distribution.
  alignas(64) T soft[tile_samples];
  alignas(64) T at_label[tile_samples];
};

/// Factors of the terms: a product that is 0 where the first is, even times infinity.
template <class V>
LOSSES_INLINE V product(const V& factor, const V& v) {
  return where(factor == V(0), V(0), factor * v);
}

/// A logit below every finite one is masked; the reference point of a row without any other is finite.
template <class T>
inline constexpr T lowest = std::numeric_limits<T>::lowest();

template <class T>
inline constexpr T infinity = std::numeric_limits<T>::infinity();

template <class F, int... k>
LOSSES_INLINE void call_each(const F& f, std::integer_sequence<int, k...>) {
  (f(std::integral_constant<int, k>()), ...);
}

/// f(0), …, f(n − 1), each with its own constant.
template <int n, class F>
LOSSES_INLINE void unroll(const F& f) {
  call_each(f, std::make_integer_sequence<int, n>());
}

/// step(group, c) for all classes, in groups of four and then one by one.
template <class Step>
LOSSES_INLINE void for_groups(Index classes, const Step& step) {
  Index c = 0;
  for (; c + 4 <= classes; c += 4) step(std::integral_constant<int, 4>(), c);
  for (; c < classes; ++c) step(std::integral_constant<int, 1>(), c);
}

/// One register of row statistics, in double, whatever T is.
template <class T>
class WideLanes {
 public:
  LOSSES_INLINE static WideLanes load(const double* data) {
    WideLanes wide;
    wide.part_[0] = Lanes<double, width>::load(data);
    if constexpr (halves == 2) wide.part_[1] = Lanes<double, width>::load(data + width);
    return wide;
  }
  LOSSES_INLINE void store(double* data) const {
    part_[0].store(data);
    if constexpr (halves == 2) part_[1].store(data + width);
  }
  LOSSES_INLINE void add(const Lanes<T>& term) {
    if constexpr (halves == 1) {
      part_[0] = part_[0] + term;
    } else {
      const auto t = widen(term);
      part_[0] = part_[0] + t.lo;
      part_[1] = part_[1] + t.hi;
    }
  }
  LOSSES_INLINE Lanes<T> narrowed() const {
    if constexpr (halves == 1) {
      return part_[0];
    } else {
      return narrow(part_[0], part_[1]);
    }
  }
  /// this·factor + term
  LOSSES_INLINE void scale_and_add(const Lanes<T>& factor, const Lanes<T>& term) {
    if constexpr (halves == 1) {
      part_[0] = fma(part_[0], factor, term);
    } else {
      const auto f = widen(factor);
      const auto t = widen(term);
      part_[0] = fma(part_[0], f.lo, t.lo);
      part_[1] = fma(part_[1], f.hi, t.hi);
    }
  }

 private:
  static constexpr int halves = sizeof(T) == sizeof(double) ? 1 : 2;
  static constexpr int width = Lanes<T>::size / halves;
  Lanes<double, width> part_[halves];
};

// ---- rows: the classes of a sample are contiguous
// ---------------------------------------------------------------------

/// Below this S the rounding of x_j − m shows in a value that is as small as S: where all the other classes are more than 15
/// below the highest; for a rule that says `amplifies`, whose value is a power of S, more than 3.
template <class T, bool amplifies = false>
inline constexpr T far_below = amplifies ? T(0x1p-5) : T(0x1p-22);

/// exp(x − m) as if x − m were not rounded: exp(d) (1 + r) with d + r = x − m.
template <class V>
LOSSES_INLINE V exp_of_difference(const V& x, const V& m) {
  const V d = x - m, shift = d - x;
  const V r = (x - (d - shift)) - (m + shift);
  const V e = exp_nonpos(d);
  return where(e == V(0), V(0), fma(e, r, e));
}

/// S from differences that are not rounded, of a row whose classes are contiguous.
template <class T>
LOSSES_KERNEL T far_others(const T* x, Index classes, Index reference, T highest) {
  using V = Lanes<T>;
  Accumulator<T> sum;
  for_single_lanes<T>(classes, [&](auto lanes, Index j) LOSSES_INLINE_LAMBDA {
    const V e = exp_of_difference(lanes.load(x + j), V(highest));
    sum.add(lanes.keep(where(V::iota() == V(static_cast<T>(reference - j)), V(0), e)));
  });
  return static_cast<T>(sum.total());
}

/// The same for the samples of a tile whose S is below `far`.
template <class T>
LOSSES_KERNEL void far_others(const T* x, Index class_stride, Index classes, T far, RowTile<T>& tile) {
  using V = Lanes<T>;
  for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V before = lanes.load(tile.others + i);
    const V m = lanes.load(tile.highest + i);
    const V r = lanes.load(tile.reference + i);
    const auto refines = (before < V(far)) & (before != V(0));
    if (!any(refines)) return;
    WideLanes<T> sum;
    for (Index j = 0; j < classes; ++j) {
      const V e = exp_of_difference(lanes.load(x + j * class_stride + i), m);
      sum.add(where(r == V(static_cast<T>(j)), V(0), e));
    }
    lanes.store(where(refines, sum.narrowed(), before), tile.others + i);
  });
}

/// The first class with the highest logit.
template <class T>
Index row_argmax(const T* x, Index stride, Index classes, T highest) {
  for (Index j = 0; j < classes; ++j) {
    if (x[j * stride] == highest) return j;
  }
  return 0;
}

/// A row is read once, block by block: each block has its own highest logit, and is brought to the row's at the end. A
/// block is long enough that the wait for its highest logit counts little, and short enough for the nearest cache.
inline constexpr Index max_row_blocks = 512;

template <class T>
Index row_block(Index classes) {
  constexpr Index step = 4096 / sizeof(T);
  return std::max(step, (classes + max_row_blocks * step - 1) / (max_row_blocks * step) * step);
}

template <class T>
Index row_blocks(Index classes) {
  return (classes + row_block<T>(classes) - 1) / row_block<T>(classes);
}

/// m and S; into factors, one for each block, exp(highest of the block − m); into e, where given (it may be x),
/// exp(x − highest of the block). Stops with false at a block with +inf before it is overwritten, unless `limits`, where
/// +inf counts as the largest number.
template <class T>
LOSSES_KERNEL bool row_statistics(const T* x, Index classes, Index reference, bool limits, T* e, T* factors, T& highest,
                                  T& others) {
  using V = Lanes<T>;
  constexpr Index step = 8 * V::size;  // a chain of eight floats per lane, then doubles
  const Index block = row_block<T>(classes);
  const Index blocks = row_blocks<T>(classes);
  double sums[max_row_blocks];
  for (Index b = 0; b < blocks; ++b) {
    const Index begin = b * block;
    const Index end = std::min(begin + block, classes);
    V top[2] = {V(lowest<T>), V(lowest<T>)};
    for_lanes<T>(end - begin, [&](auto lanes, Index i, int j)
                                  LOSSES_INLINE_LAMBDA { top[j] = max_number(top[j], lanes.load(x + begin + i)); });
    T m = horizontal_max(max_number(top[0], top[1]));
    if (m == infinity<T>) [[unlikely]] {
      if (!limits) return false;
      m = std::numeric_limits<T>::max();
    }
    factors[b] = m;
    Accumulator<T> sum;
    const auto add = [&](auto has_reference, Index first) LOSSES_INLINE_LAMBDA {
      V part(0);
      for_single_lanes<T>(std::min(step, end - first), [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
        prefetch(x + first + i + 2 * block, 1);
        if (e != nullptr) prefetch<true>(e + first + i + 2 * block, 1);
        const V v = exp_nonpos(lanes.load(x + first + i) - V(m));
        if (e != nullptr) lanes.store(v, e + first + i);
        V other = v;
        if constexpr (has_reference) other = where(V::iota() == V(static_cast<T>(reference - first - i)), V(0), v);
        part = part + lanes.keep(other);
      });
      sum.add(part);
    };
    for (Index first = begin; first < end; first += step) {
      if (reference >= first && reference < first + step) {
        add(std::true_type(), first);
      } else {
        add(std::false_type(), first);
      }
    }
    sums[b] = sum.total();
  }
  highest = factors[0];
  for (Index b = 1; b < blocks; ++b) highest = factors[b] > highest ? factors[b] : highest;
  for_lanes<T>(blocks, [&](auto lanes, Index b, int) LOSSES_INLINE_LAMBDA {
    lanes.store(exp_nonpos(lanes.load(factors + b) - V(highest)), factors + b);
  });
  double total = 0;
  for (Index b = 0; b < blocks; ++b) total += sums[b] * static_cast<double>(factors[b]);
  others = static_cast<T>(total);
  return true;
}

/// g_j = soft·e_j, from what row_statistics stored in g.
template <class T>
LOSSES_KERNEL void row_scale(T* g, Index classes, const T* factors, T soft) {
  using V = Lanes<T>;
  const Index block = row_block<T>(classes);
  for (Index begin = 0; begin < classes; begin += block) {
    const V factor(soft * *factors++);
    for_single_lanes<T>(std::min(block, classes - begin), [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
      lanes.store(factor * lanes.load(g + begin + i), g + begin + i);
    });
  }
}

/// The highest logit.
template <class T>
LOSSES_KERNEL T row_highest(const T* x, Index classes) {
  using V = Lanes<T>;
  V highest[2] = {V(lowest<T>), V(lowest<T>)};
  for_lanes<T>(classes, [&](auto lanes, Index i, int j)
                            LOSSES_INLINE_LAMBDA { highest[j] = max_number(highest[j], lanes.load(x + i)); });
  return horizontal_max(max_number(highest[0], highest[1]));
}

/// g_j += soft·e_j, computed again.
template <class T>
LOSSES_KERNEL void row_add(const T* x, T* g, Index classes, T highest, T soft) {
  using V = Lanes<T>;
  for_single_lanes<T>(classes, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V e = exp_nonpos(lanes.load(x + i) - V(highest));
    lanes.store(lanes.load(g + i) + V(soft) * e, g + i);
  });
}

// ---- columns: the samples of a class are contiguous
// -------------------------------------------------------------------

/// m, S and x_r of the tile's samples in one pass: a running maximum over four classes at a time. The logits are copied
/// on the way where asked; those `ahead` elements further and the gradient's memory are asked for.
template <class T>
LOSSES_KERNEL void column_statistics(const T* x, Index class_stride, Index classes, Index ahead, RowTile<T>& tile,
                                     T* copy, Index copy_stride, const T* gradient, Index gradient_stride) {
  using V = Lanes<T>;
  alignas(64) double sum[tile_samples + V::size];  // whole registers, also for the last samples
  std::fill_n(tile.highest, tile.size, lowest<T>);
  std::fill_n(tile.at_reference, tile.size, lowest<T>);
  std::fill(std::begin(sum), std::end(sum), 0.0);
  const auto step = [&]<int group>(std::integral_constant<int, group>, Index c) LOSSES_INLINE_LAMBDA {
    for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
      V v[group];
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        const T* at_class = x + (c + k) * class_stride + i;
        v[k] = lanes.load(at_class);
        prefetch(at_class + ahead, 1);
        if (gradient != nullptr) prefetch<true>(gradient + (c + k) * gradient_stride + i, 1);
        if (copy != nullptr) lanes.store(v[k], copy + (c + k) * copy_stride + i);
      });
      const V r = lanes.load(tile.reference + i) - V(static_cast<T>(c));
      const V before = lanes.load(tile.highest + i);
      V at = lanes.load(tile.at_reference + i);
      V m = before;
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA { m = max_number(v[k], m); });
      V part(0);
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        const auto is_reference = r == V(static_cast<T>(k.value));
        part = part + where(is_reference, V(0), exp_nonpos(v[k] - m));
        at = where(is_reference, v[k], at);
      });
      lanes.store(m, tile.highest + i);
      lanes.store(at, tile.at_reference + i);
      auto wide = WideLanes<T>::load(sum + i);
      wide.scale_and_add(exp_nonpos(before - m), part);
      wide.store(sum + i);
    });
  };
  for_groups(classes, step);
  for (Index i = 0; i < tile.size; ++i) tile.others[i] = static_cast<T>(sum[i]);
}

/// The gradient of the label's log-probability: soft·e_j, and at_label for the reference; 0 for rows left out.
template <class T>
LOSSES_KERNEL void column_gradient(const T* x, Index class_stride, Index classes, const RowTile<T>& tile, bool adds,
                                   T* g, Index gradient_stride) {
  using V = Lanes<T>;
  const auto step = [&]<int group>(std::integral_constant<int, group>, Index c) LOSSES_INLINE_LAMBDA {
    for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
      const V m = lanes.load(tile.highest + i);
      const V soft = lanes.load(tile.soft + i);
      const V at_label = lanes.load(tile.at_label + i);
      const V r = lanes.load(tile.reference + i) - V(static_cast<T>(c));
      // All loads before the first store: a store whose address has the low bits of a later load holds that load up,
      // and classes whose distance is a power of two always have.
      V v[group];
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        v[k] = lanes.load(x + (c + k) * class_stride + i);
        prefetch(x + (c + k + 8) * class_stride + i, 1);
        prefetch<true>(g + (c + k + 8) * gradient_stride + i, 1);
      });
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        const V e = product(soft, exp_nonpos(v[k] - m));
        v[k] = where(r == V(static_cast<T>(k.value)), at_label, e);
      });
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        T* out = g + (c + k) * gradient_stride + i;
        lanes.store(adds ? lanes.load(out) + v[k] : v[k], out);
      });
    });
  };
  for_groups(classes, step);
}

// ---- a tile of columns in the nearest cache
// -------------------------------------------------------------------------------

/// m. The logits are copied on the way, if they are not there.
template <class T>
LOSSES_KERNEL void tile_highest(const T* x, Index class_stride, Index classes, Index size, T* copy, Index copy_stride,
                                T* highest) {
  using V = Lanes<T>;
  std::fill_n(highest, size, lowest<T>);
  const auto step = [&]<int group>(std::integral_constant<int, group>, Index c) LOSSES_INLINE_LAMBDA {
    for_single_lanes<T>(size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
      V m = lanes.load(highest + i);
      V v[group];
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA { v[k] = lanes.load(x + (c + k) * class_stride + i); });
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        m = max_number(v[k], m);
        if (copy != x) lanes.store(v[k], copy + (c + k) * copy_stride + i);
      });
      lanes.store(m, highest + i);
    });
  };
  for_groups(classes, step);
}

/// S and x_r, and e where asked, which may be x. The logits of the next tile, where given, are asked for on the way, so that they
/// arrive while there is something to compute.
template <class T>
LOSSES_KERNEL void tile_exponentials(const T* x, Index stride, Index classes, Index size, const T* reference,
                                     const T* highest, T* e, T* others, T* at_reference, const T* next = nullptr,
                                     Index next_stride = 0) {
  using V = Lanes<T>;
  for_single_lanes<T>(size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V m = lanes.load(highest + i);
    V r = lanes.load(reference + i);
    V at(lowest<T>);
    WideLanes<T> sum;
    const auto step = [&]<int group>(std::integral_constant<int, group>, Index c) LOSSES_INLINE_LAMBDA {
      V part(0);
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        const Index place = (c + k) * stride + i;
        if (next != nullptr) prefetch(next + (c + k) * next_stride + i, 1);
        const V v = lanes.load(x + place), each = exp_nonpos(v - m);
        const auto is_reference = r == V(static_cast<T>(k.value));
        part = part + where(is_reference, V(0), each);
        at = where(is_reference, v, at);
        if (e != nullptr) lanes.store(each, e + place);
      });
      r = r - V(static_cast<T>(group));
      sum.add(part);
    };
    for_groups(classes, step);
    lanes.store(sum.narrowed(), others + i);
    lanes.store(at, at_reference + i);
  });
}

/// What column_gradient gives, from the e of tile_exponentials.
template <class T>
LOSSES_KERNEL void tile_gradient(const T* e, Index stride, Index classes, const RowTile<T>& tile, bool adds, T* g,
                                 Index gradient_stride) {
  using V = Lanes<T>;
  const auto step = [&]<int group>(std::integral_constant<int, group>, Index c) LOSSES_INLINE_LAMBDA {
    for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
      const V soft = lanes.load(tile.soft + i);
      const V at_label = lanes.load(tile.at_label + i);
      const V r = lanes.load(tile.reference + i) - V(static_cast<T>(c));
      V v[group];
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA { v[k] = lanes.load(e + (c + k) * stride + i); });
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        const V out = where(r == V(static_cast<T>(k.value)), at_label, product(soft, v[k]));
        T* to = g + (c + k) * gradient_stride + i;
        lanes.store(adds ? lanes.load(to) + out : out, to);
      });
    });
  };
  for_groups(classes, step);
}

// ---- terms: from the statistics of a tile to values and factors, lanes over samples
// -----------------------------------

/// log Z. Where r is not the highest class, S ≥ 1; in a row of masked classes alone Z = 0, and the value comes from m −
/// x_r.
template <class V>
LOSSES_INLINE V log_total(const typename V::Mask& is_highest, const V& s, const V& e) {
  return log1p(where(is_highest, s, max_number(V(0), s + (e - V(1)))));
}

/// log p_r and Z.
template <class T>
LOSSES_KERNEL void reference_log_p(RowTile<T>& tile) {
  using V = Lanes<T>;
  for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V m = lanes.load(tile.highest + i);
    const V x = lanes.load(tile.at_reference + i);
    const V s = lanes.load(tile.others + i);
    const auto is_highest = x == m;
    const V below = where(is_highest, V(0), m - x);
    const V e = where(is_highest, V(1), exp_nonpos(x - m));
    lanes.store(-(below + log_total(is_highest, s, e)), tile.log_p + i);
    lanes.store(s + e, tile.total + i);
  });
}

template <class T>
using RowTerms = void (*)(const void* rule, RowTile<T>& tile);

/// The rule at log p_r.
template <class Rule, class T = typename Rule::Scalar>
LOSSES_KERNEL void row_terms(const void* erased, RowTile<T>& tile) {
  const Rule& rule = *static_cast<const Rule*>(erased);
  for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const auto terms = rule(lanes.load(tile.log_p + i));
    lanes.store(terms.value, tile.value + i);
    lanes.store(terms.slope, tile.slope + i);
    lanes.store(terms.curvature, tile.curvature + i);
  });
}

/// value·weight, and the factors of the gradient times `scale`. Returns whether a value is infinite.
template <class T>
LOSSES_KERNEL bool label_factors(RowTile<T>& tile, T scale) {
  using V = Lanes<T>;
  V largest(0);
  for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V w = lanes.load(tile.weight + i);
    // A label on a masked class costs +inf, and no step reduces that.
    const V s = lanes.load(tile.others + i);
    const V k = where((lanes.load(tile.at_reference + i) == V(-infinity<T>)) & (s == s), V(0), w * V(scale));
    const V soft = product(k, -lanes.load(tile.slope + i) / lanes.load(tile.total + i));
    const V value = product(w, lanes.load(tile.value + i));
    largest = max_number(largest, abs(value));
    lanes.store(value, tile.value + i);
    lanes.store(soft, tile.soft + i);
    lanes.store(product(soft, -s), tile.at_label + i);
    lanes.store(product(k, lanes.load(tile.curvature + i)), tile.curvature + i);
  });
  return horizontal_max(largest) == infinity<T>;
}

/// h_j = −slope·k·p(1 − p) + curvature·k·(onehot − p)² from the classes of one sample; `soft` is −slope·k/Z.
template <class T>
void label_curvature(const T* x, Index stride, Index classes, const RowTile<T>& tile, Index i, T* h, Index h_stride) {
  for (Index j = 0; j < classes; ++j) {
    T& out = h[j * h_stride];
    if (tile.weight[i] == 0 || tile.soft[i] == 0) {
      out = 0;
      continue;
    }
    const bool is_label = static_cast<T>(j) == tile.reference[i];
    const T total = tile.total[i];
    const T logit = x[j * stride];
    const T e = logit == infinity<T> ? T(1) : exp_nonpos(Lanes<T, 1>(logit - tile.highest[i]))[0];
    const T p = e / total;
    const T rest = is_label ? tile.others[i] / total : 1 - p;  // 1 − p_r
    const T difference = is_label ? rest : -p;
    out = tile.soft[i] * total * p * rest + tile.curvature[i] * difference * difference;
  }
}

}  // namespace LOSSES_NAMESPACE::detail
