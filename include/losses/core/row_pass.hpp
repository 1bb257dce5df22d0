// SPDX-License-Identifier: MIT
#pragma once

/// Takes the samples of a RowJob through the softmax, tile by tile: statistics, terms, gradient. Where the classes of a
/// sample are contiguous lanes run along them, else across the samples; short or scattered rows are packed first.
/// Rows stored in two bytes are copied to floats first.

#include <algorithm>
#include <cmath>
#include <limits>

#include <losses/core/row_job.hpp>

namespace LOSSES_NAMESPACE::detail {

/// Where the samples of a tile lie: sample i at x(i) and g(i), its classes at the strides. Rows have pointers of their own,
/// columns are one apart.
template <class T>
struct RowPlaces {
  bool is_rows = false;
  const T* rows_x[tile_samples];
  const T* rows_h[tile_samples];
  T* rows_g[tile_samples];
  const T* columns_x = nullptr;
  const T* columns_h = nullptr;
  T* columns_g = nullptr;
  const T* source = nullptr;  // columns that are still to be copied to columns_x
  T* exponentials = nullptr;  // of copied columns: room for their exponentials
  Index class_stride = 1;
  Index given_stride = 1;
  Index gradient_stride = 1;
  bool unpacks = false;  // the gradient is in the scratch

  const T* x(Index i) const { return is_rows ? rows_x[i] : columns_x + i; }
  T* g(Index i) const { return is_rows ? rows_g[i] : columns_g + i; }
  T given(Index i, Index c) const {
    const T* h = is_rows ? rows_h[i] : columns_h;
    return h == nullptr ? T(0) : h[(is_rows ? 0 : i) + c * given_stride];
  }
};

/// A row whose highest logit is +inf: its limit puts all probability on one class.
template <class T>
struct RowLimit {
  Index row;
  Index top;  // that class
  T saved;    // what the gradient held there, for add_to; NaN where there is none: two are +inf, or one is NaN
};

template <class T>
struct RowLimits {
  RowLimit<T> at[tile_samples];
  Index size = 0;

  /// Found before x is overwritten. From here on the row's highest logit is the largest number.
  void begin(const T* x, Index stride, Index classes, Index row, RowTile<T>& tile) {
    Index tops = 0;
    for (Index j = 0; j < classes; ++j) tops += x[j * stride] == infinity<T> ? 1 : std::isnan(x[j * stride]) ? 2 : 0;
    at[size++] = {row, row_argmax(x, stride, classes, infinity<T>),
                  tops > 1 ? std::numeric_limits<T>::quiet_NaN() : T(0)};
    tile.highest[row] = std::numeric_limits<T>::max();
  }

  void find(const RowPlaces<T>& places, Index classes, RowTile<T>& tile) {
    if (row_highest(tile.highest, tile.size) != infinity<T>) return;
    for (Index i = 0; i < tile.size; ++i) {
      if (tile.highest[i] == infinity<T>) [[unlikely]]
        begin(places.x(i), places.class_stride, classes, i, tile);
    }
  }
};

/// S of the samples whose small loss needs its digits.
template <class T>
void refine_far_others(const RowPlaces<T>& places, Index classes, T far, RowTile<T>& tile, Index i) {
  if (!(tile.others[i] < far) || tile.others[i] == 0) return;
  tile.others[i] = far_others(places.rows_x[i], classes, static_cast<Index>(tile.reference[i]), tile.highest[i]);
}

template <class T>
void refine_far_others(const RowPlaces<T>& places, Index classes, T far, RowTile<T>& tile) {
  if (!places.is_rows) return far_others(places.columns_x, places.class_stride, classes, far, tile);
  for (Index i = 0; i < tile.size; ++i) refine_far_others(places, classes, far, tile, i);
}

/// The softmax against labels, for any rule of log p.
template <class T>
class LabelSoftmax {
 public:
  explicit LabelSoftmax(const RowJob<T>& job) : job_(job) {}

  static constexpr bool copies_columns = true;

  void statistics(const RowPlaces<T>& places, T* copy, Index copy_stride, RowTile<T>& tile, RowLimits<T>& limits) {
    const Index c = job_.classes;
    if (!places.is_rows) {
      const Index source_stride = job_.class_stride[RowJob<T>::logits];
      if (places.exponentials != nullptr) {
        const bool copies = places.source != nullptr;
        tile_highest(copies ? places.source : copy, copies ? source_stride : copy_stride, c, tile.size, copy,
                     copy_stride, tile.highest);
        limits.find(places, c, tile);
        tile_exponentials<T>(copy, copy_stride, c, tile.size, tile.reference, tile.highest,
                             job_.g != nullptr ? places.exponentials : nullptr, tile.others, tile.at_reference);
        return refine_far_others(places, c, job_.far, tile);
      }
      const T* gradient = places.unpacks ? nullptr : places.columns_g;
      if (places.source != nullptr) {
        column_statistics(places.source, source_stride, c, tile.size, tile, copy, copy_stride, gradient,
                          places.gradient_stride);
      } else {
        column_statistics(places.columns_x, places.class_stride, c, 8 * places.class_stride, tile,
                          static_cast<T*>(nullptr), 0, static_cast<const T*>(nullptr), 0);
      }
      limits.find(places, c, tile);
      return refine_far_others(places, c, job_.far, tile);
    }
    blocks_ = row_blocks<T>(c);
    stores_ = job_.g != nullptr && (places.unpacks || !job_.adds) && !job_.curvature;
    for (Index i = 0; i < tile.size; ++i) {
      const T* x = places.rows_x[i];
      tile.at_reference[i] = x[static_cast<Index>(tile.reference[i])];
      T* e = stores_ ? places.rows_g[i] : nullptr;
      if (e == x) {
        // In place the logits are gone after the pass that stores, so the one that does not comes first.
        if (row(x, i, false, nullptr, tile)) refine_far_others(places, c, job_.far, tile, i);
        const T others = tile.others[i];
        if (row(x, i, false, e, tile)) {
          tile.others[i] = others;
          continue;
        }
      } else if (row(x, i, false, e, tile)) {
        refine_far_others(places, c, job_.far, tile, i);
        continue;
      }
      limits.begin(x, 1, c, i, tile);
      row(x, i, true, e, tile);
    }
  }

  void limit(const RowLimit<T>&, const RowPlaces<T>&, const RowTile<T>&) {}

  void factors(const RowLimits<T>& limits, RowTile<T>& tile) const {
    job_.terms(job_.rule, tile);
    if (label_factors(tile, job_.scale)) [[unlikely]]
      far_values(limits, tile);
  }

  void gradient(const RowPlaces<T>& places, bool adds, const RowTile<T>& tile) const {
    const Index c = job_.classes;
    if (places.exponentials != nullptr) {
      return tile_gradient(places.exponentials, places.class_stride, c, tile, adds, places.columns_g,
                           places.gradient_stride);
    }
    if (!places.is_rows) {
      return column_gradient(places.columns_x, places.class_stride, c, tile, adds, places.columns_g,
                             places.gradient_stride);
    }
    for (Index i = 0; i < tile.size; ++i) {
      T* g = places.rows_g[i];
      const Index r = static_cast<Index>(tile.reference[i]);
      const T before = adds ? g[r] : T(0);
      if (!stores_) {
        if (tile.soft[i] != 0) row_add(places.rows_x[i], g, c, tile.highest[i], tile.soft[i]);
      } else if (tile.soft[i] != 0) {
        row_scale(g, c, factors_ + i * blocks_, tile.soft[i]);
      } else {
        std::fill_n(g, c, T(0));
      }
      g[r] = before + tile.at_label[i];
    }
  }

  /// The gradient at the class of a limit that is not the label, where e = 1.
  T at_top(const RowLimit<T>& limit, const RowPlaces<T>&, const RowTile<T>& tile) const { return tile.soft[limit.row]; }

 private:
  /// Values that a weight or a factor of the rule brings back, where log p is beyond the largest number. From half of it on
  /// they go on as a line, if the slope is what it is at −∞.
  LOSSES_COLD void far_values(const RowLimits<T>& limits, RowTile<T>& tile) const {
    RowTile<T> half;
    half.size = tile.size;
    for (Index i = 0; i < tile.size; ++i) half.log_p[i] = T(0.5) * tile.at_reference[i] - T(0.5) * tile.highest[i];
    for (Index i = 0; i < limits.size; ++i) half.log_p[limits.at[i].row] = -infinity<T>;
    job_.terms(job_.rule, half);
    for (Index i = 0; i < tile.size; ++i) {
      const T h = half.log_p[i], weight = tile.weight[i];
      if (!std::isinf(tile.value[i]) || std::isinf(h) || half.slope[i] != tile.slope[i]) continue;
      tile.value[i] = weight * half.value[i] + weight * half.slope[i] * h;
    }
  }

  bool row(const T* x, Index i, bool limits, T* e, RowTile<T>& tile) {
    return row_statistics(x, job_.classes, static_cast<Index>(tile.reference[i]), limits, e, factors_ + i * blocks_,
                          tile.highest[i], tile.others[i]);
  }

  const RowJob<T>& job_;
  Index blocks_ = 0;
  bool stores_ = false;
  T factors_[tile_samples + max_row_blocks];
};

/// The softmax against a target distribution.
template <class T>
class TargetSoftmax {
 public:
  explicit TargetSoftmax(const RowJob<T>& job) : job_(job) {
    T largest = 1;
    for (Index j = 0; j < job.classes; ++j) largest = std::max(largest, weight(j));
    target_.distance_unit = static_cast<T>(job.classes) * largest;
    target_.left_out = job.target.spread == SmoothingSpread::other_classes ? T(1) : T(0);
  }

  static constexpr bool copies_columns = false;

  void statistics(const RowPlaces<T>& places, T*, Index, RowTile<T>& tile, RowLimits<T>& limits) {
    const Index c = job_.classes;
    const T* weights = job_.target.class_weights;
    if (!places.is_rows) {
      column_target_sums(places.columns_x, places.class_stride, places.columns_h, places.given_stride, weights, c, tile,
                         target_);
      limits.find(places, c, tile);
      return refine_far_others(places, c, job_.far, tile);
    }
    for (Index i = 0; i < tile.size; ++i) {
      const T* x = places.rows_x[i];
      const T* h = places.rows_h[i];
      tile.highest[i] = row_highest(x, c);
      if (h != nullptr) tile.reference[i] = static_cast<T>(row_argmax(x, 1, c, tile.highest[i]));
      const Index r = static_cast<Index>(tile.reference[i]);
      if (tile.highest[i] == infinity<T>) [[unlikely]]
        limits.begin(x, 1, c, i, tile);
      tile.at_reference[i] = x[r];
      target_.h_reference[i] = h != nullptr ? h[r] : T(1);
      target_.w_reference[i] = weights != nullptr ? weights[r] : T(1);
      row_target_sums(x, h, weights, c, i, tile, target_);
    }
    refine_far_others(places, c, job_.far, tile);
  }

  /// Σ of the target's distances: infinite where any class but the limit's has a target.
  void limit(const RowLimit<T>& limit, const RowPlaces<T>& places, const RowTile<T>& tile) {
    T& given = target_.h_distance[limit.row];
    T& spread = target_.spread_distance[limit.row];
    given = spread = 0;
    for (Index j = 0; j < job_.classes; ++j) {
      const bool counts =
          j != limit.top && weight(j) != 0 && places.x(limit.row)[j * places.class_stride] != -infinity<T>;
      const bool is_label = job_.h == nullptr && j == static_cast<Index>(tile.reference[limit.row]);
      const T h = is_label ? T(1) : places.given(limit.row, j);
      // A label has its own distance besides, which is infinite, too.
      if (counts && (target_.left_out * h != 1 || (is_label && job_.target.smoothing < 1))) spread = infinity<T>;
      if (counts && h != 0) given = infinity<T>;
    }
    if (std::isnan(tile.others[limit.row])) given = spread = tile.others[limit.row];
  }

  void factors(const RowLimits<T>&, RowTile<T>& tile) {
    std::fill_n(tile.curvature, tile.size, T(0));
    target_factors(job_.target, job_.h != nullptr, job_.scale, tile, target_);
  }

  void gradient(const RowPlaces<T>& places, bool adds, const RowTile<T>& tile) const {
    const Index c = job_.classes;
    const T* weights = job_.target.class_weights;
    if (!places.is_rows) {
      return column_target_gradient(places.columns_x, places.class_stride, places.columns_h, places.given_stride,
                                    weights, c, tile, target_, adds, places.columns_g, places.gradient_stride);
    }
    for (Index i = 0; i < tile.size; ++i) {
      row_target_gradient(places.rows_x[i], places.rows_h[i], weights, c, i, tile, target_, adds, places.rows_g[i]);
    }
  }

  T at_top(const RowLimit<T>& limit, const RowPlaces<T>& places, const RowTile<T>& tile) const {
    const Index i = limit.row;
    const T q = weight(limit.top) * (target_.a[i] * places.given(i, limit.top) + target_.u[i]);
    return tile.soft[i] - target_.target[i] * q;
  }

 private:
  T weight(Index j) const { return job_.target.class_weights != nullptr ? job_.target.class_weights[j] : T(1); }

  const RowJob<T>& job_;
  TargetTile<T> target_;
};

template <class T>
class RowPass {
  using Job = RowJob<T>;

 public:
  explicit RowPass(const Job& job) : job_(job), inner_(job.rank - 1) {
    const Index c = job.classes;
    const bool given = job.h != nullptr;
    const bool class_unit = job.class_stride[Job::logits] == 1 && (!given || job.class_stride[Job::distribution] == 1);
    const auto lies_along = [&](typename Job::Which which) {
      return job.stride[which][inner_] == 1 && !job.is_stored(which);
    };
    const bool sample_unit = lies_along(Job::logits) && (!given || lies_along(Job::distribution)) &&
                             (job.g == nullptr || lies_along(Job::gradient));
    const Index on_stack = Scratch<T>::on_stack / c;
    if (class_unit && c >= row_classes) {
      form_ = Form::rows;
      copies_rows_ = job.is_stored(Job::logits);
      constexpr Index line = cache_line / static_cast<Index>(sizeof(T));
      row_stride_ = (c + line - 1) / line * line;
      // The copies of a tile stay in the nearest cache.
      const Index budget = copies_rows_ ? Scratch<T>::on_stack / 8 : Scratch<T>::on_stack;
      tile_ = std::clamp<Index>(budget / row_stride_, 1, tile_samples);
    } else if (sample_unit && c > packed_classes && job.size[inner_] >= tile_samples) {
      form_ = Form::columns;
      tile_ = tile_samples;
    } else {
      form_ = Form::packed;
      keeps_exponentials_ = job.terms != nullptr && !job.curvature && job.samples() <= kept_exponentials / c &&
                            2 * tile_samples * c <= Scratch<T>::on_stack;
      const Index budget = keeps_exponentials_ ? on_stack / 2 : on_stack;
      tile_ = std::clamp<Index>(budget / Lanes<T>::size * Lanes<T>::size, Lanes<T>::size, tile_samples);
    }
  }

  /// Σ of the terms of the samples [first, last).
  double run(Index first, Index last) const {
    double sums[8] = {};
    for (Index flat = first; flat < last;) {
      Index count = std::min(tile_, last - flat);
      if (form_ == Form::columns) count = std::min(count, job_.size[inner_] - flat % job_.size[inner_]);
      if (job_.terms != nullptr) {
        run_tile<LabelSoftmax<T>>(flat, count, flat - first, sums);
      } else {
        run_tile<TargetSoftmax<T>>(flat, count, flat - first, sums);
      }
      flat += count;
    }
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  }

 private:
  enum class Form : std::uint8_t { rows, columns, packed };

  // From here on a row fills its registers.
  static constexpr Index row_classes = 32;
  // Up to here the classes of a tile are copied: their distance is often a power of two, and they fight for cache sets.
  static constexpr Index packed_classes = 128;
  // With the widest registers exponentials that are computed twice cost less than their place in the cache, where memory is
  // waited for anyway.
  static constexpr Index kept_exponentials = LOSSES_REGISTER_BYTES == 64
                                                 ? (Index{1} << 21) / static_cast<Index>(sizeof(T))
                                                 : std::numeric_limits<Index>::max();

  template <class Softmax>
  [[gnu::noinline]] void run_tile(Index flat, Index count, Index since, double* sums) const {
    RowTile<T> tile;
    tile.size = count;
    load_labels(flat, tile);
    // Of rows the gradient, then the logits; of packed columns the logits, over which the gradient goes, then what is kept of
    // them.
    const bool copies_given = job_.h != nullptr && job_.is_stored(Job::distribution);
    const Index of_rows = count * row_stride_, of_tile = tile_ * job_.classes;
    Scratch<T> scratch(form_ == Form::packed ? (keeps_exponentials_ ? 2 : 1) * of_tile
                       : form_ == Form::rows ? (copies_rows_ ? 2 : 1) * of_rows
                                             : 0);
    Scratch<T> given(form_ == Form::packed && job_.h != nullptr ? of_tile : copies_given ? of_rows : 0);
    RowPlaces<T> places;
    if (form_ == Form::rows) {
      place_rows(flat, count, scratch.data(), given.data(), places);
    } else {
      place_columns(flat, count, scratch.data(), given.data(), Softmax::copies_columns, places);
      if (keeps_exponentials_) places.exponentials = scratch.data() + of_tile;
    }

    Softmax softmax(job_);
    RowLimits<T> limits;
    softmax.statistics(places, scratch.data(), tile_, tile, limits);
    for (Index i = 0; i < limits.size; ++i) {
      finish_limit(limits.at[i], tile);
      softmax.limit(limits.at[i], places, tile);
    }
    reference_log_p(tile);
    softmax.factors(limits, tile);
    write_values(flat, tile, since, sums);
    if (job_.g == nullptr) return;

    if (job_.curvature) {
      for (Index i = 0; i < count; ++i) {
        label_curvature(places.x(i), places.class_stride, job_.classes, tile, i, places.g(i), places.gradient_stride);
      }
    } else {
      const bool adds = job_.adds && !places.unpacks;
      const auto top = [&](const RowLimit<T>& limit) -> T& {
        return places.g(limit.row)[limit.top * places.gradient_stride];
      };
      for (Index i = 0; i < limits.size; ++i) {
        if (adds && !std::isnan(limits.at[i].saved)) limits.at[i].saved = top(limits.at[i]);
      }
      softmax.gradient(places, adds, tile);
      for (Index i = 0; i < limits.size; ++i) {
        const auto& limit = limits.at[i];
        if (std::isnan(limit.saved) || static_cast<Index>(tile.reference[limit.row]) == limit.top) continue;
        top(limit) = limit.saved + softmax.at_top(limit, places, tile);
      }
    }
    if (places.unpacks) unpack_gradient(flat, count, scratch.data());
  }

  /// Labels become the reference classes; those ignored have weight 0. With probabilities the reference comes later.
  void load_labels(Index flat, RowTile<T>& tile) const {
    load_references(job_, flat, tile.size, tile.reference, tile.weight);
    if (job_.y.data == nullptr || job_.label_weights == nullptr) return;
    for (Index i = 0; i < tile.size; ++i) {
      tile.weight[i] *= (*job_.label_weights)[static_cast<Index>(tile.reference[i])];
    }
  }

  /// The gradient is written to its own rows where their classes are contiguous, else to the scratch.
  void place_rows(Index flat, Index count, T* scratch, T* given, RowPlaces<T>& places) const {
    const bool copies_given = job_.is_stored(Job::distribution);
    T* const copy = scratch + count * row_stride_;
    places.is_rows = true;
    places.unpacks = job_.g != nullptr && (job_.class_stride[Job::gradient] != 1 || job_.is_stored(Job::gradient));
    job_.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
      if (copies_rows_) load_rows(job_.x, Job::logits, at, length, copy + first * row_stride_);
      if (copies_given && job_.h != nullptr)
        load_rows(job_.h, Job::distribution, at, length, given + first * row_stride_);
      for (Index i = 0; i < length; ++i) {
        const auto offset = [&](int which) { return at[which] + i * job_.stride[which][inner_]; };
        const Index row = (first + i) * row_stride_;
        places.rows_x[first + i] = copies_rows_ ? copy + row : job_.x + offset(Job::logits);
        places.rows_h[first + i] = job_.h == nullptr ? nullptr
                                   : copies_given    ? given + row
                                                     : job_.h + offset(Job::distribution);
        places.rows_g[first + i] = job_.g == nullptr ? nullptr
                                   : places.unpacks  ? scratch + row
                                                     : job_.g + offset(Job::gradient);
      }
    });
  }

  void load_rows(const T* from, typename Job::Which which, const Index* at, Index rows, T* to) const {
    load_elements(job_.at(from, which, at[which]), job_.storage[which], job_.stride[which][inner_], Index{1}, rows,
                  job_.classes, to, row_stride_);
  }

  /// Columns are used where they lie, or packed as [classes][tile]. The gradient is written where its samples are
  /// contiguous, else over the packed columns.
  void place_columns(Index flat, Index count, T* scratch, T* given, bool copies_later, RowPlaces<T>& places) const {
    const bool packs = form_ == Form::packed;
    places.class_stride = packs ? tile_ : job_.class_stride[Job::logits];
    places.given_stride = packs ? tile_ : job_.class_stride[Job::distribution];
    places.unpacks = job_.g != nullptr;
    job_.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
      const Index step = job_.stride[Job::logits][inner_];
      const T* x = job_.at(job_.x, Job::logits, at[Job::logits]);
      const T* h = job_.h == nullptr ? nullptr : job_.at(job_.h, Job::distribution, at[Job::distribution]);
      const bool writes_columns = job_.stride[Job::gradient][inner_] == 1 && !job_.is_stored(Job::gradient);
      if (job_.g != nullptr && length == count && writes_columns) {
        places.unpacks = false;
        places.columns_g = job_.g + at[Job::gradient];
        places.gradient_stride = job_.class_stride[Job::gradient];
      }
      if (!packs) {
        places.columns_x = x;
        places.columns_h = h;
        return;
      }
      if (copies_later && length == count && step == 1 && !job_.is_stored(Job::logits)) {
        places.source = x;
      } else {
        pack_columns(x, Job::logits, length, scratch + first);
      }
      if (h != nullptr) pack_columns(h, Job::distribution, length, given + first);
    });
    if (packs) {
      places.columns_x = scratch;
      places.columns_h = job_.h == nullptr ? nullptr : given;
    }
    if (places.unpacks) {
      places.columns_g = scratch;
      places.gradient_stride = tile_;
    }
  }

  void pack_columns(const T* from, typename Job::Which which, Index samples, T* to) const {
    load_elements(from, job_.storage[which], job_.class_stride[which], job_.stride[which][inner_], job_.classes,
                  samples, to, tile_);
  }

  void unpack_gradient(Index flat, Index count, const T* scratch) const {
    const Index class_step = form_ == Form::rows ? 1 : tile_;
    const Index sample_step = form_ == Form::rows ? row_stride_ : 1;
    const Index class_stride = job_.class_stride[Job::gradient];
    const Index sample_stride = job_.stride[Job::gradient][inner_];
    job_.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
      store_elements(scratch + first * sample_step, sample_step, class_step, length, job_.classes,
                     job_.at(job_.g, Job::gradient, at[Job::gradient]), job_.storage[Job::gradient], sample_stride,
                     class_stride, job_.adds);
    });
  }

  /// The statistics of the limit: all probability on the class with the infinite logit.
  void finish_limit(const RowLimit<T>& limit, RowTile<T>& tile) const {
    const bool at_top = static_cast<Index>(tile.reference[limit.row]) == limit.top;
    tile.others[limit.row] = std::isnan(limit.saved) ? limit.saved : at_top ? T(0) : T(1);
    if (tile.at_reference[limit.row] != -infinity<T>) {
      tile.at_reference[limit.row] = at_top ? std::numeric_limits<T>::max() : lowest<T>;
    }
  }

  /// The order of a sum is that of the samples, however they are cut into tiles.
  void write_values(Index flat, const RowTile<T>& tile, Index since, double* sums) const {
    Index added = 0;
    for (; since % 8 == 0 && added + 8 <= tile.size; added += 8) {
      for (Index k = 0; k < 8; ++k) sums[k] += static_cast<double>(tile.value[added + k]);
    }
    for (; added < tile.size; ++added) sums[(since + added) & 7] += static_cast<double>(tile.value[added]);
    if (job_.out == nullptr) return;
    job_.for_runs(flat, tile.size, [&](Index length, Index first, const Index* at) {
      for (Index i = 0; i < length; ++i) {
        write_number(tile.value[first + i], job_.out, at[Job::values] + i * job_.stride[Job::values][inner_],
                     job_.storage[Job::values]);
      }
    });
  }

  const Job& job_;
  int inner_;
  Form form_;
  bool copies_rows_ = false;
  bool keeps_exponentials_ = false;
  Index row_stride_ = 0;  // of the rows in the scratch
  Index tile_;
};

}  // namespace LOSSES_NAMESPACE::detail
