// SPDX-License-Identifier: MIT
#pragma once

/// What a per_batch rule sees: one anchor, and its similarity or distance to every row of the batch.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <losses/core/driver.hpp>
#include <losses/core/math.hpp>
#include <losses/core/radix_sort.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// What a per_batch rule makes of an anchor: its value, its part in the denominator of the mean, and dvalue/dparameter
/// where the rule has a parameter.
struct AnchorTerm {
  double value = 0;
  double weight = 0;
  double parameter = 0;
};

/// What the numbers of a row are.
enum class Pairs : std::uint8_t {
  cosines,           ///< of the angle between two rows; 0 where one is a zero vector
  squared_distances  ///< of two rows, in the unit of BatchRow; never negative, and good to tolerance()
};

/// An anchor, a row of its class and a row of another class, by their numbers.
struct MinedIndices {
  Eigen::Index anchor, positive, negative;
};

}  // namespace rule

namespace detail {

/// Numbers [n × d] with a sample per row, whatever the order of the input was.
template <class T>
using PackedRows = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Σ (a − b)² in double.
template <class T>
LOSSES_KERNEL double squared_distance(const T* a, const T* b, Index size) {
  using V = Lanes<T>;
  if constexpr (sizeof(T) == sizeof(double)) {
    V sum[2];
    for_lanes<T>(size, [&](auto lanes, Index i, int j) LOSSES_INLINE_LAMBDA {
      const V r = lanes.load(a + i) - lanes.load(b + i);
      sum[j] = sum[j] + lanes.keep(r * r);
    });
    return horizontal_sum(sum[0] + sum[1]);
  } else {
    using D = Lanes<double, V::size / 2>;
    D sum[2];
    for_single_lanes<T>(size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
      const auto x = widen(lanes.load(a + i)), y = widen(lanes.load(b + i));
      const auto keep = widen(lanes.keep(V(1)));
      const D low = (x.lo - y.lo) * keep.lo, high = (x.hi - y.hi) * keep.hi;
      sum[0] = sum[0] + low * low;
      sum[1] = sum[1] + high * high;
    });
    return horizontal_sum(sum[0] + sum[1]);
  }
}

/// exp(x) for x ≤ 0; what would be denormal is 0, since products with it cost a hundred times more.
template <class V>
LOSSES_INLINE V exp_or_zero(V x) {
  constexpr double least = sizeof(typename V::Scalar) == sizeof(float) ? -80 : -700;
  return where(x < V(least), V(0), exp_nonpos(x));
}

/// coefficient·(x_anchor − x_other) is added to the anchor's gradient and taken from the other's.
struct PairCoefficient {
  Index anchor, other;
  double coefficient;
};

/// A pair and its squared distance, exactly.
struct ExactPair {
  Index index = -1;
  double squared = 0;
};

/// Memory of a thread for one strip.
template <class T>
struct BatchScratch {
  std::vector<PairCoefficient> pairs;  // of the anchors so far
  std::vector<rule::MinedIndices> mined;
  std::vector<Index> near;
  std::vector<ExactPair> positives;
  std::vector<KeyedPosition<T>> negatives, other;
  std::vector<std::pair<double, Index>> thresholds;
  std::vector<double> sums, starts;
};

/// One anchor's row. `positives` rows have its class, itself left out, and `negatives` another one; values() holds a
/// number for each row of the batch. A rule reads it by visit() and, where wants_slopes(), leaves dvalue/dvalue_j in it
/// by replace() (cosines), or calls add() for the pairs whose distance has a slope.
template <class T>
class BatchRow {
  using V = Lanes<T>;

 public:
  using Scalar = T;

  Index anchor = 0;
  Index positives = 0, negatives = 0;
  T self_similarity = 1;  ///< 0 for a zero vector

  bool wants_slopes() const { return wants_slopes_; }
  Index size() const { return size_; }

  /// f(v, is_positive, is_negative) for the numbers of the row, a register at a time; neither mask has the anchor
  /// itself.
  template <class F>
  LOSSES_INLINE void visit(const F& f) const {
    for (Index j = 0; j < padded_; j += V::size) {
      const auto masks = masks_at(j);
      f(V::load(values_ + j), masks.positive, masks.negative);
    }
  }

  /// As visit; f returns what takes the numbers' place.
  template <class F>
  LOSSES_INLINE void replace(const F& f) const {
    for (Index j = 0; j < padded_; j += V::size) {
      const auto masks = masks_at(j);
      f(V::load(values_ + j), masks.positive, masks.negative).store(values_ + j);
    }
  }

  /// f(j) for the rows j whose number and masks `which` holds for, in order.
  template <class Which, class F>
  LOSSES_INLINE void find(const Which& which, const F& f) const {
    for (Index j = 0; j < padded_; j += V::size) {
      const auto masks = masks_at(j);
      const auto found = which(V::load(values_ + j), masks.positive, masks.negative);
      if (!any(found)) continue;
      for (int i = 0; i < V::size; ++i) {
        if (found[i]) f(j + i);
      }
    }
  }

  T operator[](Index j) const { return values_[j]; }
  void set(Index j, double value) { values_[j] = static_cast<T>(value); }
  bool is_positive(Index j) const { return j != anchor && classes_[j] == own_class_; }

  // ---- distances only

  /// How far a squared distance may be off: it comes from ‖a‖² + ‖b‖² − 2ab.
  T tolerance() const { return tolerance_; }

  /// The squared distance to row j, from the differences of the coordinates.
  double exact(Index j) const {
    return squared_distance(rows_->row(anchor).data(), rows_->row(j).data(), rows_->cols());
  }

  /// The distance, or its square, in the unit of the embeddings.
  double distance(double squared, bool is_squared) const {
    return is_squared ? squared / unit_ / unit_ : std::sqrt(squared) / unit_;
  }

  /// What a slope of that distance is multiplied by: its gradient is factor·(a − b), 0 at distance 0.
  double slope_factor(double squared, bool is_squared) const {
    if (is_squared) return 2 / unit_;
    return squared == 0 ? 0 : 1 / std::sqrt(squared);
  }

  /// The farthest positive and the nearest negative row, the first of equal ones; a NaN is both.
  std::pair<ExactPair, ExactPair> hardest() const {
    constexpr T infinity = std::numeric_limits<T>::infinity();
    V top(-infinity), low(infinity);
    extremes(top, low);
    const T farthest = horizontal_max(top) - tolerance_, nearest = horizontal_min(low) + tolerance_;
    std::pair<ExactPair, ExactPair> result;
    select(farthest, nearest, result);
    return result;
  }

  /// Replaces what is small against the norms, where the squared distance has lost its digits, by the exact one.
  void refine() const {
    near_->clear();
    collect_near();
    for (const Index j : *near_) values_[j] = static_cast<T>(exact(j));
  }

  /// The gradient of coefficient·½‖x_anchor − x_j‖².
  void add(Index j, double coefficient) const { scratch->pairs.push_back({anchor, j, coefficient}); }

  /// Moves the coefficients of the near pairs out of the dense row: x_i Σ k − Σ k x would lose their digits.
  void separate_near() const {
    for (const Index j : *near_) add(j, static_cast<double>(std::exchange(values_[j], T(0))));
  }

  /// Notes a triplet for the caller who asked for them.
  void mined(Index positive, Index negative) const {
    if (wants_indices_) scratch->mined.push_back({anchor, positive, negative});
  }

  bool is_finite() const { return tolerance_ <= std::numeric_limits<T>::max(); }

  /// No value, no slope.
  rule::AnchorTerm nothing(double weight = 0) const {
    if (wants_slopes_) std::fill_n(values_, padded_, T(0));
    return {0, weight, 0};
  }

  BatchScratch<T>* scratch = nullptr;

 private:
  template <class U>
  friend class BatchPass;

  struct Masks {
    typename V::Mask positive, negative;
  };

  LOSSES_INLINE Masks masks_at(Index j) const {
    const V c = V::load(classes_ + j), own(own_class_);
    const auto others = (V::iota() + V(static_cast<T>(j))) != V(static_cast<T>(anchor));
    return {(c == own) & others, (c < own) | (c > own)};  // the padding is NaN, which is neither
  }

  LOSSES_KERNEL void extremes(V& top, V& low) const {
    V most = top, least = low;
    visit([&](V v, auto positive, auto negative) LOSSES_INLINE_LAMBDA {
      most = where(positive, max_number(v, most), most);
      least = where(negative, min_number(v, least), least);
    });
    top = most;
    low = least;
  }

  LOSSES_KERNEL void select(T farthest, T nearest, std::pair<ExactPair, ExactPair>& result) const {
    find([&](V v, auto positive, auto negative)
             LOSSES_INLINE_LAMBDA { return (positive & !(v < V(farthest))) | (negative & !(v > V(nearest))); },
         [&](Index j) {
           const double squared = exact(j);
           auto& best = is_positive(j) ? result.first : result.second;
           const bool harder =
               best.index >= 0 && !std::isnan(best.squared) &&
               (std::isnan(squared) || (is_positive(j) ? squared > best.squared : squared < best.squared));
           if (best.index < 0 || harder) best = {j, squared};
         });
  }

  LOSSES_KERNEL void collect_near() const {
    const V own(squares_[anchor]);
    for (Index j = 0; j < padded_; j += V::size) {
      const auto near = !(V::load(values_ + j) > V(T(1) / 16) * (own + V::load(squares_ + j)));
      if (!any(near)) continue;
      for (int i = 0; i < V::size; ++i) {
        if (near[i] && j + i < size_ && j + i != anchor) near_->push_back(j + i);
      }
    }
  }

  T* values_ = nullptr;
  const T* classes_ = nullptr;
  const T* squares_ = nullptr;
  const PackedRows<T>* rows_ = nullptr;
  std::vector<Index>* near_ = nullptr;
  T own_class_ = 0;
  T tolerance_ = 0;
  double unit_ = 1;
  Index size_ = 0, padded_ = 0;
  bool wants_slopes_ = false, wants_indices_ = false;
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
