// SPDX-License-Identifier: MIT
#pragma once

/// Takes logits [n, c, …] through the softmax, tile by tile: first the region of each class against the labels, then the
/// gradient. It knows no rule, so it compiles once per scalar.
///
/// With e_k = exp(x_k − m), Z = Σ e_k and the label r of a pixel, p_k = e_k/Z and 1 − p_r = (Σ_{k≠r} e_k)/Z. Of the slopes
/// s_k = dvalue/dp_k the gradient is p_k (s_k − Σ_j p_j s_j). With A = Σ_{j≠r} p_j s_j it is p_r ((1 − p_r) s_r − A) at the
/// label: the slopes of a label are negative, the others positive, so that no digits cancel.

#include <algorithm>

#include <losses/core/region.hpp>
#include <losses/core/row_inputs.hpp>
#include <losses/core/softmax.hpp>

namespace LOSSES_NAMESPACE::error {

struct the_target_must_be_integer_labels {
  static constexpr bool value = false;
};

}  // namespace LOSSES_NAMESPACE::error

namespace LOSSES_NAMESPACE::detail {

/// What is known of the pixels of a tile.
template <class T>
struct ClassTile {
  Index size = 0;
  bool weighted = false;                   // some weight is not 1
  alignas(64) T label[tile_samples];       // r
  alignas(64) T weight[tile_samples];      // 0: the pixel is left out
  alignas(64) T highest[tile_samples];     // m
  alignas(64) T inverse[tile_samples];     // 1/Z; 0 where all classes are masked
  alignas(64) T hit[tile_samples];         // p_r
  alignas(64) T missed[tile_samples];      // 1 − p_r
  alignas(64) T slope[tile_samples];       // s_r
  alignas(64) T mean_slope[tile_samples];  // Σ_j p_j s_j
  alignas(64) T at_label[tile_samples];    // the gradient there
};

/// What Z gives, from Σ of the e of all other classes and the logit of the label.
template <class T>
LOSSES_KERNEL void class_shares(const T* others, const T* at_label, ClassTile<T>& tile) {
  using V = Lanes<T>;
  for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V e = exp_nonpos(lanes.load(at_label + i) - lanes.load(tile.highest + i));
    const V s = lanes.load(others + i), total = s + e;
    const auto masked = total == V(0);
    lanes.store(where(masked, V(0), V(1) / total), tile.inverse + i);
    lanes.store(where(masked, V(0), e / total), tile.hit + i);
    lanes.store(where(masked, V(1), s / total), tile.missed + i);
  });
}

/// Adds the tile to the region of each class.
template <class T, bool weighted>
LOSSES_KERNEL void class_sums(const T* e, Index stride, Index classes, const ClassTile<T>& tile, Region* regions) {
  using V = Lanes<T>;
  constexpr Index block =
      (weighted ? 1 : 8) * V::size;  // of floats per lane, which weights could overflow; then doubles
  for (Index c = 0; c < classes; ++c) {
    const T* of_class = e + c * stride;
    const V number(static_cast<T>(c));
    Accumulator<T> hits, extra, missed;
    for (Index begin = 0; begin < tile.size; begin += block) {
      V part[3];
      for_single_lanes<T>(std::min(block, tile.size - begin), [&](auto lanes, Index at) LOSSES_INLINE_LAMBDA {
        const Index i = begin + at;
        V p = lanes.load(of_class + i) * lanes.load(tile.inverse + i);
        V rest = lanes.load(tile.missed + i);
        const auto is_label = lanes.load(tile.label + i) == number;
        if constexpr (weighted) {
          const V w = lanes.load(tile.weight + i);
          p = where(w == V(0), V(0), w * p);
          rest = where(w == V(0), V(0), w * rest);
        }
        part[0] = part[0] + lanes.keep(where(is_label, p, V(0)));
        part[1] = part[1] + lanes.keep(where(is_label, V(0), p));
        part[2] = part[2] + lanes.keep(where(is_label, rest, V(0)));
      });
      hits.add(part[0]);
      extra.add(part[1]);
      missed.add(part[2]);
    }
    regions[c] += {hits.total(), extra.total(), missed.total()};
  }
}

/// Σ_j p_j s_j, and the gradient at the label.
template <class T>
LOSSES_KERNEL void class_mean_slope(const T* e, Index stride, Index classes, const T* outside, ClassTile<T>& tile) {
  using V = Lanes<T>;
  for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V r = lanes.load(tile.label + i);
    V sum(0);
    const auto step = [&]<int group>(std::integral_constant<int, group>, Index c) LOSSES_INLINE_LAMBDA {
      V part(0);
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        const V of_class = lanes.load(e + (c + k) * stride + i) * V(outside[c + k]);
        part = part + where(r == V(static_cast<T>(c + k)), V(0), of_class);
      });
      sum = sum + part;
    };
    for_groups(classes, step);
    const V others = sum * lanes.load(tile.inverse + i);
    const V s = lanes.load(tile.slope + i);
    const V hit = lanes.load(tile.hit + i);
    lanes.store(others + hit * s, tile.mean_slope + i);
    lanes.store(hit * (lanes.load(tile.missed + i) * s - others), tile.at_label + i);
  });
}

/// g_k = w p_k (s_k − Σ_j p_j s_j); g may be e.
template <class T>
LOSSES_KERNEL void class_gradient(const T* e, Index stride, Index classes, const T* outside, const ClassTile<T>& tile,
                                  bool adds, T* g, Index gradient_stride) {
  using V = Lanes<T>;
  const auto step = [&]<int group>(std::integral_constant<int, group>, Index c) LOSSES_INLINE_LAMBDA {
    for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
      const V r = lanes.load(tile.label + i);
      const V w = lanes.load(tile.weight + i);
      const V mean = lanes.load(tile.mean_slope + i);
      const V at_label = lanes.load(tile.at_label + i);
      const V inverse = lanes.load(tile.inverse + i);
      // All loads before the first store, as in softmax.hpp.
      V v[group];
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        v[k] = lanes.load(e + (c + k) * stride + i);
        prefetch<true>(g + (c + k + 4) * gradient_stride + i, 1);
      });
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        const V elsewhere = inverse * v[k] * (V(outside[c + k]) - mean);
        v[k] = product(w, where(r == V(static_cast<T>(c + k)), at_label, elsewhere));
      });
      unroll<group>([&](auto k) LOSSES_INLINE_LAMBDA {
        T* out = g + (c + k) * gradient_stride + i;
        lanes.store(adds ? lanes.load(out) + v[k] : v[k], out);
      });
    });
  };
  for_groups(classes, step);
}

template <class T>
class ClassPass {
  using Job = RowJob<T>;

 public:
  explicit ClassPass(const Job& job) : job_(job), inner_(job.rank - 1) {
    constexpr Index width = Lanes<T>::size;
    // One register more than a tile: classes at a distance of a power of two would fight for cache sets.
    stride_ = std::clamp(Scratch<T>::on_stack / job.classes / width * width, width, tile_samples + width);
    tile_ = std::min(stride_, tile_samples);
  }

  /// Adds the pixels [first, last) to the regions of the classes.
  void sums(Index first, Index last, Region* regions) const {
    for_tiles(first, last, [&](Index, ClassTile<T>& tile, T* e) {
      if (tile.weighted) {
        class_sums<T, true>(e, stride_, job_.classes, tile, regions);
      } else {
        class_sums<T, false>(e, stride_, job_.classes, tile, regions);
      }
    });
  }

  /// Writes the gradient of the pixels [first, last), given the slopes of each class where it is the label and elsewhere.
  void gradient(Index first, Index last, const T* inside, const T* outside) const {
    for_tiles(first, last, [&](Index flat, ClassTile<T>& tile, T* e) {
      for (Index i = 0; i < tile.size; ++i) tile.slope[i] = inside[static_cast<Index>(tile.label[i])];
      class_mean_slope(e, stride_, job_.classes, outside, tile);
      write(flat, tile, e, [&](bool adds, T* g, Index gradient_stride) {
        class_gradient(e, stride_, job_.classes, outside, tile, adds, g, gradient_stride);
      });
    });
  }

  /// f(adds, g, class stride) writes the gradient of a tile: where it belongs if pixels are contiguous there, else over e.
  template <class F>
  void write(Index flat, const ClassTile<T>& tile, T* e, const F& f) const {
    const Index class_stride = job_.class_stride[Job::gradient], step = job_.stride[Job::gradient][inner_];
    T* direct = nullptr;
    job_.for_runs(flat, tile.size, [&](Index length, Index, const Index* at) {
      const bool here = length == tile.size && step == 1 && !job_.is_stored(Job::gradient);
      if (here) direct = job_.g + at[Job::gradient];
    });
    if (direct != nullptr) return f(job_.adds, direct, class_stride);
    f(false, e, stride_);
    job_.for_runs(flat, tile.size, [&](Index length, Index start, const Index* at) {
      store_elements(e + start, Index{1}, stride_, length, job_.classes,
                     job_.at(job_.g, Job::gradient, at[Job::gradient]), job_.storage[Job::gradient], step, class_stride,
                     job_.adds);
    });
  }

  /// f(flat, tile, p) for each tile of the pixels [first, last): p_k = e_k·inverse, with the probabilities e [classes][stride].
  template <class F>
  void for_tiles(Index first, Index last, const F& f) const {
    Scratch<T> scratch(stride_ * job_.classes);
    ClassTile<T> tile;
    for (Index flat = first; flat < last; flat += tile.size) {
      const Index inner = job_.size[inner_];
      tile.size = std::min(tile_, last - flat);
      if (inner >= tile_) tile.size = std::min(tile.size, inner - flat % inner);
      load_labels(flat, tile);
      const T* next = load_logits(flat, tile, scratch.data());
      T* const e = scratch.data();
      tile_exponentials(e, stride_, job_.classes, tile.size, tile.label, tile.highest, e, tile.slope, tile.mean_slope,
                        next, job_.class_stride[Job::logits]);
      class_shares(tile.slope, tile.mean_slope, tile);
      f(flat, tile, scratch.data());
    }
  }

  Index stride() const { return stride_; }

 private:
  void load_labels(Index flat, ClassTile<T>& tile) const {
    load_references(job_, flat, tile.size, tile.label, tile.weight);
    tile.weighted = std::any_of(tile.weight, tile.weight + tile.size, [](T weight) { return weight != T(1); });
  }

  /// Returns where the logits of the next tile are, if those of this one were contiguous.
  const T* load_logits(Index flat, ClassTile<T>& tile, T* scratch) const {
    const Index classes = job_.classes, class_stride = job_.class_stride[Job::logits];
    const T* next = nullptr;
    bool packed = false;
    job_.for_runs(flat, tile.size, [&](Index length, Index first, const Index* at) {
      const T* x = job_.at(job_.x, Job::logits, at[Job::logits]);
      const Index step = job_.stride[Job::logits][inner_];
      if (length == tile.size && step == 1 && !job_.is_stored(Job::logits)) {
        next = x + length;
        tile_highest(x, class_stride, classes, tile.size, scratch, stride_, tile.highest);
      } else {
        load_elements(x, job_.storage[Job::logits], class_stride, step, classes, length, scratch + first, stride_);
        packed = true;
      }
    });
    if (packed) tile_highest<T>(scratch, stride_, classes, tile.size, scratch, stride_, tile.highest);
    const T top = row_highest(tile.highest, tile.size);
    for (Index i = 0; top == infinity<T> && i < tile.size; ++i) {
      if (tile.highest[i] == infinity<T>) take_limit(scratch + i, tile.highest[i]);
    }
    return next;
  }

  /// A pixel with a logit of +inf: all probability is there; of two, NaN.
  void take_limit(T* x, T& highest) const {
    Index tops = 0;
    for (Index c = 0; c < job_.classes; ++c) {
      T& logit = x[c * stride_];
      tops += logit == infinity<T> ? 1 : 0;
      logit = logit == infinity<T> ? T(0) : std::isnan(logit) ? logit : -infinity<T>;
    }
    highest = tops > 1 ? std::numeric_limits<T>::quiet_NaN() : T(0);
  }

  const Job& job_;
  int inner_;
  Index stride_;
  Index tile_;
};

/// The prediction and the labels of losses that number the classes in their scalar.
template <class Rule, class T>
void bind_class_prediction(RowInputs<T>& inputs, const View<const T>& prediction) {
  bind_prediction<T>(inputs, prediction, name_of<Rule>());
  if constexpr (std::numeric_limits<T>::digits < std::numeric_limits<Index>::digits) {
    require(inputs.classes() <= Index{1} << std::numeric_limits<T>::digits, name_of<Rule>(), ": prediction has ",
            inputs.classes(), " classes, more than its scalar can number");
  }
}

template <class T, bool two_bytes, class P, class Y, class... W>
consteval auto verdict_on_labels() {
  using Others = decltype(verdict_on_numbers<T, two_bytes, P, W...>());
  if constexpr (!Others::value) {
    return Others{};
  } else if constexpr (IntegerEigen<Y> || IntegerRange<Y>) {
    return Accepted{};
  } else {
    return error::the_target_must_be_integer_labels{};
  }
}

}  // namespace LOSSES_NAMESPACE::detail
