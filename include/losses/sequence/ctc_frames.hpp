// SPDX-License-Identifier: MIT
#pragma once

/// The first pass of CTC over a sequence: from each frame's logits to the probabilities of the classes that its target
/// holds, and on the way to the softmax part of the gradient.

#include <algorithm>
#include <cmath>
#include <limits>

#include <losses/core/per_sequence.hpp>
#include <losses/core/scaled.hpp>
#include <losses/core/softmax.hpp>

namespace LOSSES_NAMESPACE::detail {

/// Where a probability stands in the arrays of a frame: 0 … S − 1 are the labels of the target, S is the blank, and then
/// come some of probability 0, as many as fill a register from any position on.
inline constexpr Index ctc_width = Lanes<double>::size;

inline Index ctc_positions(Index length) {
  return (length + 2 * ctc_width - 1) / ctc_width * ctc_width;
}

/// The classes that a target holds, and the blank.
struct CTCTarget {
  Index length = 0;                 // S
  const Index* classes = nullptr;   // [S + 1] of each position
  const Index* leader = nullptr;    // [S + 1] the first position with the same class
  const Index* distinct = nullptr;  // [count] the leaders, in the order of their classes
  Index count = 0;
  const Index* repeated = nullptr;   // [S + 1 − count] the others
  const double* leads = nullptr;     // 1 for a leader, else 0
  const double* may_skip = nullptr;  // 1 where the label differs from the one before: the blank may be left out
  Index shortest = 0;                // frames that an alignment needs: S, and a blank between equal labels

  static std::size_t memory(Index length) {
    return 4 * SequenceMemory::bytes<Index>(length + 1) + SequenceMemory::bytes<double>(ctc_positions(length)) +
           SequenceMemory::bytes<double>(ctc_positions(length) + ctc_width);
  }

  CTCTarget(const Index* labels, Index the_length, Index blank, SequenceMemory& memory) : length(the_length) {
    const Index size = ctc_positions(length);
    Index* all = memory.take<Index>(length + 1);
    Index* first = memory.take<Index>(length + 1);
    Index* order = memory.take<Index>(length + 1);
    Index* others = memory.take<Index>(length + 1);
    double* leading = memory.take<double>(size);
    double* skips = memory.take<double>(size + ctc_width);
    std::copy_n(labels, length, all);
    all[length] = blank;
    for (Index i = 0; i <= length; ++i) order[i] = i;
    std::sort(order, order + length + 1,
              [all](Index a, Index b) { return all[a] != all[b] ? all[a] < all[b] : a < b; });
    std::fill_n(leading, size, 0.0);
    for (Index i = 0; i <= length; ++i) {
      const Index at = order[i];
      const bool leads_class = i == 0 || all[at] != all[order[count - 1]];
      if (leads_class) {
        order[count++] = at;
      } else {
        others[i - count] = at;
      }
      first[at] = order[count - 1];
      leading[at] = leads_class ? 1 : 0;
    }
    std::fill_n(skips, size + ctc_width, 0.0);
    shortest = length;
    for (Index i = 1; i < length; ++i) {
      skips[i] = all[i] != all[i - 1] ? 1 : 0;
      shortest += all[i] == all[i - 1] ? 1 : 0;
    }
    classes = all;
    leader = first;
    distinct = order;
    repeated = others;
    leads = leading;
    may_skip = skips;
  }
};

/// The probabilities of a sequence's frames, [frames × size], and what the classes that the target does not hold have.
struct CTCProbabilities {
  Index size = 0;
  double* m = nullptr;  // p = m·4^e
  double* e = nullptr;
  double* rest = nullptr;      // [frames] the probability of the classes outside the target
  double* gathered = nullptr;  // [2 × size] of one frame

  static std::size_t memory(Index frames, Index length) {
    const Index size = ctc_positions(length);
    return 2 * SequenceMemory::bytes<double>(frames * size) + SequenceMemory::bytes<double>(frames) +
           SequenceMemory::bytes<double>(2 * size);
  }

  CTCProbabilities(Index frames, Index length, SequenceMemory& memory) : size(ctc_positions(length)) {
    m = memory.take<double>(frames * size);
    e = memory.take<double>(frames * size);
    rest = memory.take<double>(frames);
    gathered = memory.take<double>(2 * size);
    std::fill_n(gathered, size, -infinity<double>);
  }
};

/// What becomes of a frame's row: exp(x − max), or that times scale over its sum, which may leave out the classes of the
/// target.
enum class CTCSoftmax { unused, written, added };

template <class T>
struct CTCRow {
  const T* x;
  T* out;
  const T* next;  // the row after, asked for on the way
  const T* next_out;
  Index classes;
  CTCSoftmax use;
  double scale;
};

/// Σ exp(x_j − highest) over the classes outside the target, from differences that are not rounded: exp(d) (1 + r) with
/// d + r = x_j − highest.
template <class T>
LOSSES_COLD double ctc_far_rest(const T* x, Index classes, T highest, const CTCTarget& target) {
  using V = Lanes<double>;
  const V m(static_cast<double>(highest));
  Accumulator<double> sum;
  Index next = 0;
  for (Index begin = 0; begin < classes; begin += V::size) {
    double logits[V::size];
    for (Index i = 0; i < V::size; ++i) {
      const Index j = begin + i;
      const bool held = next < target.count && target.classes[target.distinct[next]] == j;
      next += held ? 1 : 0;
      logits[i] = j < classes && !held ? static_cast<double>(x[j]) : -infinity<double>;
    }
    const V v = V::load(logits), d = v - m, shift = d - v;
    const V r = (v - (d - shift)) - (m + shift);
    const V e = exp_nonpos(d);
    sum.add(where(e == V(0), V(0), fma(e, r, e)));
  }
  return sum.total();
}

/// A frame with a logit of +inf: all probability is there. False if there are two, or a NaN.
template <class T>
LOSSES_COLD bool ctc_limit_frame(const CTCRow<T>& row, const CTCTarget& target, double* m, double* e, double& rest) {
  Index infinite = 0;
  for (Index j = 0; j < row.classes; ++j) {
    if (std::isnan(row.x[j])) return false;
    infinite += row.x[j] == infinity<T> ? 1 : 0;
    row.out[j] = row.x[j] == infinity<T> ? static_cast<T>(row.scale) : T(0);
  }
  if (infinite != 1) return false;
  rest = 1;
  std::fill_n(m, ctc_positions(target.length), 1.0);
  std::fill_n(e, ctc_positions(target.length), -infinity<double>);
  for (Index i = 0; i <= target.length; ++i) {
    if (row.x[target.classes[i]] != infinity<T>) continue;
    e[i] = 0;
    rest = 0;
    if (row.use == CTCSoftmax::added) row.out[target.classes[i]] = 0;
  }
  return true;
}

/// Whether a sum in double keeps enough digits to take the classes of the target out of it again: of floats, down to
/// far_below.
template <class T>
inline constexpr bool takes_back = sizeof(T) < sizeof(double);

/// Asks for memory that is read a frame later: into the second cache, since the first is full of this frame.
template <class T>
LOSSES_INLINE void prefetch_far([[maybe_unused]] const T* data) {
#if LOSSES_VECTOR_EXTENSIONS
  __builtin_prefetch(data, 0, 2);
#endif
}

/// p of a frame by its softmax. False if a logit is NaN.
template <class T>
LOSSES_KERNEL bool ctc_softmax_frame(const CTCRow<T>& row, const CTCTarget& target, double* gathered, double* m,
                                     double* e, double& rest) {
  using V = Lanes<T>;
  using W = Lanes<double>;
  const T* x = row.x;
  T* out = row.out;
  V top[2] = {V(lowest<T>), V(lowest<T>)};
  for_lanes<T>(row.classes, [&](auto lanes, Index i, int j)
                                LOSSES_INLINE_LAMBDA { top[j] = max_number(top[j], lanes.load(x + i)); });
  const T highest = horizontal_max(max_number(top[0], top[1]));
  if (highest == infinity<T>) [[unlikely]] {
    return ctc_limit_frame(row, target, m, e, rest);
  }
  Accumulator<T> sum[2];
  for_lanes<T>(row.classes, [&](auto lanes, Index i, int j) LOSSES_INLINE_LAMBDA {
    prefetch_far(row.next + i);
    prefetch<true>(row.next_out + i, 1);
    const V v = exp_nonpos(lanes.load(x + i) - V(highest));
    lanes.store(v, out + i);
    if constexpr (takes_back<T>) sum[j].add(lanes.keep(v));
  });
  // The classes of the target in double, so that neither a far one is lost nor the digits of a loss near 0.
  for (Index i = 0; i <= target.length; ++i) gathered[i] = static_cast<double>(x[target.classes[i]]);
  double inside = 0;
  if constexpr (takes_back<T>) {
    for (Index k = 0; k < target.count; ++k) inside += static_cast<double>(out[target.classes[target.distinct[k]]]);
  } else {
    for (Index k = 0; k < target.count; ++k) out[target.classes[target.distinct[k]]] = 0;
    for_lanes<T>(row.classes,
                 [&](auto lanes, Index i, int j) LOSSES_INLINE_LAMBDA { sum[j].add(lanes.keep(lanes.load(out + i))); });
  }
  double outside = sum[0].total() + sum[1].total();
  if constexpr (takes_back<T>) outside -= inside;
  if (outside < static_cast<double>(far_below<T>)) [[unlikely]] {
    outside = ctc_far_rest(x, row.classes, highest, target);
  }
  const Index size = ctc_positions(target.length);
  double* weights = gathered + size;
  W held(0);
  for (Index i = 0; i < size; i += W::size) {
    const auto p = scaled_exp(W::load(gathered + i) - W(static_cast<double>(highest)));
    const W v = plain(p);
    held = held + W::load(target.leads + i) * v;
    p.store(m + i, e + i);
    if constexpr (!takes_back<T>) v.store(weights + i);
  }
  const double total = outside + horizontal_sum(held);
  if (std::isnan(total)) return false;
  const double inverse = total > 0 ? 1 / total : 0;  // 0: all classes are masked
  rest = outside * inverse;
  const W share(total > 0 ? inverse : 1.0);
  for (Index i = 0; i < size; i += W::size) (W::load(m + i) * share).store(m + i);
  if (row.use == CTCSoftmax::unused) return true;
  for (Index k = 0; k < target.count && (!takes_back<T> || row.use == CTCSoftmax::added); ++k) {
    const Index at = target.distinct[k];
    out[target.classes[at]] = row.use == CTCSoftmax::added ? T(0) : static_cast<T>(weights[at]);
  }
  const V factor(static_cast<T>(row.scale * inverse));
  for_single_lanes<T>(row.classes, [&](auto lanes, Index i)
                                       LOSSES_INLINE_LAMBDA { lanes.store(factor * lanes.load(out + i), out + i); });
  return true;
}

/// p of a frame of log-probabilities: only those of the target are read. False if one is NaN or +inf.
template <class T>
LOSSES_KERNEL bool ctc_log_frame(const T* x, Index class_stride, const CTCTarget& target, double* gathered, double* m,
                                 double* e) {
  using W = Lanes<double>;
  for (Index i = 0; i <= target.length; ++i) {
    gathered[i] = static_cast<double>(x[target.classes[i] * class_stride]);
  }
  auto wrong = W::Mask(false);
  for (Index i = 0; i < ctc_positions(target.length); i += W::size) {
    const W log_p = W::load(gathered + i);
    wrong = wrong | !(log_p < W(infinity<double>));
    scaled_exp(log_p).store(m + i, e + i);
  }
  return !any(wrong);
}

}  // namespace LOSSES_NAMESPACE::detail
