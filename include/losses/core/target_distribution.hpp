// SPDX-License-Identifier: MIT
#pragma once

/// Cross-entropy with a target distribution over the classes: given probabilities, smoothing, class weights.
///
///   q_j = w_j (a h_j + u (1 − o h_j))      h one-hot at the label, or given; u only for classes that are not masked
///                                          o = 1 where u is for the classes that h leaves out, else 0
///   value = −Σ_j q_j log p_j = Σ_j q_j (m − x_j) + Q log Z,  Q = Σ_j q_j
///   dvalue/dx_j = Q p_j − q_j
///
/// At the reference class r of softmax.hpp the gradient is (R e_r − q_r S)/Z with R = Σ_{j≠r} q_j: no digits cancel. Nor do
/// they in the value, a sum of terms that are not negative, which overflow only where it does.

#include <losses/core/softmax.hpp>

namespace LOSSES_NAMESPACE {

/// Where the smoothing of a label goes: ε/c to every class (PyTorch), or ε/(c − 1) to every class but the label's.
enum class SmoothingSpread : std::uint8_t { all_classes, other_classes };

namespace detail {

/// The part of a target that does not depend on the sample.
template <class T>
struct TargetOptions {
  const T* class_weights = nullptr;  // null without
  T smoothing = 0;
  SmoothingSpread spread = SmoothingSpread::all_classes;
};

/// The factors of a sample's target and gradient, lanes over samples: see the formulas above.
template <class T>
struct TargetTile {
  T distance_unit = 1;                          // c·(the largest class weight, or 1)
  T left_out = 0;                               // o
  alignas(64) T unmasked[tile_samples];         // how many classes
  alignas(64) T blocked[tile_samples];          // how many masked classes have h > 0
  alignas(64) T h_others[tile_samples];         // Σ_{j≠r} w_j h_j
  alignas(64) T h_distance[tile_samples];       // Σ_j w_j h_j (m − x_j) in twice the unit
  alignas(64) T spread_others[tile_samples];    // Σ_{j≠r, unmasked} w_j (1 − o h_j)
  alignas(64) T spread_distance[tile_samples];  // Σ_{unmasked} w_j (1 − o h_j) (m − x_j) in twice the unit
  alignas(64) T h_reference[tile_samples];      // h_r
  alignas(64) T w_reference[tile_samples];      // w_r
  alignas(64) T a[tile_samples];
  alignas(64) T u[tile_samples];
  alignas(64) T target[tile_samples];  // the factor of q in the gradient
};

/// The sums of a target over classes; S is a sum of lanes that the caller reduces, or has a lane per sample.
template <class S, class V>
struct TargetSums {
  S others, unmasked, blocked, h_others, h_distance, spread_others, spread_distance;

  /// Distances are summed in the target's unit, as (m/2 − x/2)/unit: a sum may overflow where the value does not. `left` is
  /// o h, with the h of a label.
  template <class Keep>
  LOSSES_INLINE void add(const V& x, const V& m, const V& h, const V& left, const V& w, const V& share,
                         const typename V::Mask& is_reference, const Keep& keep) {
    using T = typename V::Scalar;
    const auto masked = x == V(-infinity<T>);
    const V distance = (V(0.5) * m - V(0.5) * x) * share;
    const V spread = where(masked, V(0), w * (V(1) - left));
    const V given = w * h;
    others.add(keep(where(is_reference, V(0), exp_nonpos(x - m))));
    unmasked.add(keep(where(masked, V(0), V(1))));
    blocked.add(keep(where(masked & (given != V(0)), V(1), V(0))));
    h_others.add(keep(where(is_reference, V(0), given)));
    h_distance.add(keep(product(given, distance)));
    spread_others.add(keep(where(is_reference, V(0), spread)));
    spread_distance.add(keep(product(spread, distance)));
  }
};

/// sums[0]: how many are not in [0, 1] and have a weight; NaN is let through.
template <class T>
LOSSES_KERNEL void probability_kernel(const void*, const Run<T>& run, double* sums) {
  using V = Lanes<T>;
  Accumulator<T> bad[2];
  for_lanes<T>(run.size, [&](auto lanes, Index i, int j) LOSSES_INLINE_LAMBDA {
    const V q = lanes.load(run.in[0] + i);
    V wrong = where((q < V(0)) | (q > V(1)), V(1), V(0));
    if (run.in[4] != nullptr) wrong = where(lanes.load(run.in[4] + i) == V(0), V(0), wrong);
    bad[j].add(lanes.keep(wrong));
  });
  sums[0] += bad[0].total() + bad[1].total();
}

/// A row: x and, where given, h and the class weights are contiguous.
template <class T>
LOSSES_KERNEL void row_target_sums(const T* x, const T* h, const T* class_weights, Index classes, Index i,
                                   RowTile<T>& tile, TargetTile<T>& target) {
  using V = Lanes<T>;
  constexpr Index block = 1024;
  TargetSums<Accumulator<T>, V> sums;
  const V m(tile.highest[i]);
  const V share(T(1) / target.distance_unit), o(target.left_out);
  for (Index begin = 0; begin < classes; begin += block) {
    const V r(tile.reference[i] - static_cast<T>(begin));
    for_single_lanes<T>(std::min(block, classes - begin), [&](auto lanes, Index j) LOSSES_INLINE_LAMBDA {
      const V given = h != nullptr ? lanes.load(h + begin + j) : V(0);
      const V w = class_weights != nullptr ? lanes.load(class_weights + begin + j) : V(1);
      const auto is_reference = V::iota() + V(static_cast<T>(j)) == r;
      const V left = h != nullptr ? o * given : where(is_reference, o, V(0));
      sums.add(lanes.load(x + begin + j), m, given, left, w, share, is_reference,
               [&](const V& v) LOSSES_INLINE_LAMBDA { return lanes.keep(v); });
    });
  }
  tile.others[i] = static_cast<T>(sums.others.total());
  target.unmasked[i] = static_cast<T>(sums.unmasked.total());
  target.blocked[i] = static_cast<T>(sums.blocked.total());
  target.h_others[i] = static_cast<T>(sums.h_others.total());
  target.h_distance[i] = static_cast<T>(sums.h_distance.total());
  target.spread_others[i] = static_cast<T>(sums.spread_others.total());
  target.spread_distance[i] = static_cast<T>(sums.spread_distance.total());
}

/// Columns: the samples of x and h are contiguous. Finds m, and r where it is not a label, first.
template <class T>
LOSSES_KERNEL void column_target_sums(const T* x, Index class_stride, const T* h, Index h_stride,
                                      const T* class_weights, Index classes, RowTile<T>& tile, TargetTile<T>& target) {
  using V = Lanes<T>;
  const V share(T(1) / target.distance_unit), o(target.left_out);
  for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    V m(lowest<T>);
    V argmax(0);
    for (Index j = 0; j < classes; ++j) {
      const V v = lanes.load(x + j * class_stride + i);
      argmax = where(v > m, V(static_cast<T>(j)), argmax);
      m = max_number(v, m);
    }
    const V r = h != nullptr ? argmax : lanes.load(tile.reference + i);
    TargetSums<WideLanes<T>, V> sums;
    V at_reference(lowest<T>), h_reference(h != nullptr ? 0 : 1), w_reference(1);
    for (Index j = 0; j < classes; ++j) {
      const V v = lanes.load(x + j * class_stride + i);
      const V given = h != nullptr ? lanes.load(h + j * h_stride + i) : V(0);
      const V w = class_weights != nullptr ? V(class_weights[j]) : V(1);
      const auto is_reference = r == V(static_cast<T>(j));
      at_reference = where(is_reference, v, at_reference);
      if (h != nullptr) h_reference = where(is_reference, given, h_reference);
      w_reference = where(is_reference, w, w_reference);
      const V left = h != nullptr ? o * given : where(is_reference, o, V(0));
      sums.add(v, m, given, left, w, share, is_reference, [](const V& each) LOSSES_INLINE_LAMBDA { return each; });
    }
    lanes.store(m, tile.highest + i);
    lanes.store(r, tile.reference + i);
    lanes.store(at_reference, tile.at_reference + i);
    lanes.store(sums.others.narrowed(), tile.others + i);
    lanes.store(sums.unmasked.narrowed(), target.unmasked + i);
    lanes.store(sums.blocked.narrowed(), target.blocked + i);
    lanes.store(sums.h_others.narrowed(), target.h_others + i);
    lanes.store(sums.h_distance.narrowed(), target.h_distance + i);
    lanes.store(sums.spread_others.narrowed(), target.spread_others + i);
    lanes.store(sums.spread_distance.narrowed(), target.spread_distance + i);
    lanes.store(h_reference, target.h_reference + i);
    lanes.store(w_reference, target.w_reference + i);
  });
}

/// Values and factors of the gradient, from log p_r and the sums.
template <class T>
LOSSES_KERNEL void target_factors(const TargetOptions<T>& options, bool given, T scale, RowTile<T>& tile,
                                  TargetTile<T>& target) {
  using V = Lanes<T>;
  const V epsilon(options.smoothing);
  const V c(target.distance_unit), o(target.left_out);
  for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V m = lanes.load(tile.highest + i);
    const V x = lanes.load(tile.at_reference + i);
    const V s = lanes.load(tile.others + i);
    const V z = lanes.load(tile.total + i);
    const V n = lanes.load(target.unmasked + i);
    const V w = lanes.load(target.w_reference + i);
    const V h = lanes.load(target.h_reference + i);
    const auto spreads = n > o;  // else there is no class to spread over
    const V u = where(spreads, epsilon / (n - o), V(0));
    const V a = where(spreads, V(1) - epsilon, V(1));
    // log Z again, not −log p_r − (m − x_r), which cancels.
    const auto is_highest = x == m;
    const V e = where(is_highest, V(1), exp_nonpos(x - m));
    const V log_z = log_total(is_highest, s, e);
    const V h_distance = given ? lanes.load(target.h_distance + i) : product(w, (V(0.5) * m - V(0.5) * x) / c);
    const auto masked = x == V(-infinity<T>);
    const V at_reference = w * (a * h + where(masked, V(0), u * (V(1) - o * h)));
    const V rest = a * lanes.load(target.h_others + i) + u * lanes.load(target.spread_others + i);
    const V whole = rest + at_reference;
    const V by_h = V(2) * c * a, by_spread = V(2) * c * u, spread_distance = lanes.load(target.spread_distance + i);
    const V distance = product(by_h, h_distance) + product(by_spread, spread_distance);
    const auto blocked = (s == s) & (given ? lanes.load(target.blocked + i) != V(0) : masked & (w * (a + o) != V(0)));
    const V weight = lanes.load(tile.weight + i);
    // A target on a masked class costs +inf, and no step reduces that; where all are masked, Z is 0.
    const V k = where(blocked | (z == V(0)), V(0), weight * V(scale));
    const V value = product(weight, where(blocked, V(infinity<T>), distance + product(whole, log_z)));
    // The weight may bring back what is beyond the largest number.
    const V weighted = product(weight * by_h, h_distance) + product(weight * by_spread, spread_distance) +
                       product(weight * whole, log_z);
    lanes.store(where(isinf(value), where(blocked, value, weighted), value), tile.value + i);
    lanes.store(product(k, whole / z), tile.soft + i);
    lanes.store(product(k, (rest * e - at_reference * s) / z), tile.at_label + i);
    lanes.store(a, target.a + i);
    lanes.store(u, target.u + i);
    lanes.store(k, target.target + i);
  });
}

template <class T>
LOSSES_KERNEL void row_target_gradient(const T* x, const T* h, const T* class_weights, Index classes, Index i,
                                       const RowTile<T>& tile, const TargetTile<T>& target, bool adds, T* g) {
  using V = Lanes<T>;
  constexpr Index block = 1024;
  const V m(tile.highest[i]), soft(tile.soft[i]), at_reference(tile.at_label[i]);
  const V a(target.a[i]), u(target.u[i]), k(target.target[i]), o(target.left_out);
  for (Index begin = 0; begin < classes; begin += block) {
    const V r(tile.reference[i] - static_cast<T>(begin));
    for_single_lanes<T>(std::min(block, classes - begin), [&](auto lanes, Index j) LOSSES_INLINE_LAMBDA {
      const V v = lanes.load(x + begin + j);
      const V given = h != nullptr ? lanes.load(h + begin + j) : V(0);
      const V w = class_weights != nullptr ? lanes.load(class_weights + begin + j) : V(1);
      const V q = w * (a * given + where(v == V(-infinity<T>), V(0), u * (V(1) - o * given)));
      V out = where(k == V(0), V(0), soft * exp_nonpos(v - m) - k * q);
      out = where(V::iota() + V(static_cast<T>(j)) == r, at_reference, out);
      if (adds) out = lanes.load(g + begin + j) + out;
      lanes.store(out, g + begin + j);
    });
  }
}

template <class T>
LOSSES_KERNEL void column_target_gradient(const T* x, Index class_stride, const T* h, Index h_stride,
                                          const T* class_weights, Index classes, const RowTile<T>& tile,
                                          const TargetTile<T>& target, bool adds, T* g, Index g_stride) {
  using V = Lanes<T>;
  const V o(target.left_out);
  for_single_lanes<T>(tile.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const V m = lanes.load(tile.highest + i);
    const V soft = lanes.load(tile.soft + i);
    const V at_reference = lanes.load(tile.at_label + i);
    const V r = lanes.load(tile.reference + i);
    const V a = lanes.load(target.a + i);
    const V u = lanes.load(target.u + i);
    const V k = lanes.load(target.target + i);
    for (Index j = 0; j < classes; ++j) {
      const V v = lanes.load(x + j * class_stride + i);
      const V given = h != nullptr ? lanes.load(h + j * h_stride + i) : V(0);
      const V w = class_weights != nullptr ? V(class_weights[j]) : V(1);
      const V q = w * (a * given + where(v == V(-infinity<T>), V(0), u * (V(1) - o * given)));
      V out = where(k == V(0), V(0), soft * exp_nonpos(v - m) - k * q);
      out = where(r == V(static_cast<T>(j)), at_reference, out);
      T* to = g + j * g_stride + i;
      if (adds) out = lanes.load(to) + out;
      lanes.store(out, to);
    }
  });
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
