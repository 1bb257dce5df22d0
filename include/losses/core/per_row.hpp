// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses with a term for each sample, over its classes: logits [n × c] or [n, c, d1, …] against labels
/// [n] or [n, d1, …], or against a distribution over the classes with the shape of the logits.

#include <algorithm>
#include <memory>

#include <losses/core/target_distribution.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

/// What a rule may tell the driver, as `RowOptions<T> options() const`.
template <class T>
struct RowOptions {
  const NumberOrVector<T>* class_weights = nullptr;
  T smoothing = 0;
  SmoothingSpread spread = SmoothingSpread::all_classes;
  std::int64_t ignore_index = -100;
  bool mean_by_class_weight = true;  // mean divides by Σ w_y, as PyTorch's cross-entropy; else by the kept samples
};

template <class Rule>
RowOptions<typename Rule::Scalar> row_options(const Rule& rule) {
  if constexpr (requires { rule.options(); }) {
    return rule.options();
  } else {
    return {};
  }
}

/// A rule that is −Σ q log p for any distribution q, not only a formula of the label's log p.
template <class Rule>
concept TakesDistribution = requires {
  requires Rule::takes_distribution;
};

template <class T>
struct RowInputs {
  View<const T> logits;
  Labels labels;               // null with a distribution
  View<const T> distribution;  // null with labels
  View<const T> weights;       // per term; null without
  Extents terms;               // [n] or [n, d1, …]

  Index classes() const { return logits.extents[1]; }
  bool has_labels() const { return labels.data != nullptr || distribution.data == nullptr; }
};

/// The samples of a batch: their axes, ordered by the strides of the logits and merged, and each operand's strides
/// along them. The class axis has a stride of its own.
template <class T>
struct RowJob {
  enum Which { logits, distribution, weights, gradient, values, labels, operands };

  int rank = 0;
  Index size[max_rank] = {};
  Index stride[operands][max_rank] = {};
  Index classes = 0;
  Index class_stride[operands] = {};
  const T* x = nullptr;
  const T* h = nullptr;
  const T* w = nullptr;
  T* g = nullptr;
  T* out = nullptr;  // unreduced values
  Labels y;
  TargetOptions<T> target;
  const NumberOrVector<T>* label_weights = nullptr;  // multiply the terms of a label path
  std::int64_t ignore_index = -100;
  const void* rule = nullptr;
  RowTerms<T> terms = nullptr;  // null: −Σ q log p
  T scale = 1;
  bool adds = false;
  bool curvature = false;

  Index samples() const {
    Index count = 1;
    for (int axis = 0; axis < rank; ++axis) count *= size[axis];
    return count;
  }

  /// Adds an axis, keeping the longest strides of the logits first.
  void add_axis(Index extent, const Index (&strides)[operands]) {
    if (extent == 1) return;
    int place = rank++;
    for (; place > 0 && std::abs(stride[logits][place - 1]) < std::abs(strides[logits]); --place) {
      size[place] = size[place - 1];
      for (auto& each : stride) each[place] = each[place - 1];
    }
    size[place] = extent;
    for (int i = 0; i < operands; ++i) stride[i][place] = strides[i];
  }

  void merge_axes() {
    if (rank == 0) {
      rank = 1;
      size[0] = 1;
      for (auto& each : stride) each[0] = 1;
    }
    int last = 0;
    for (int axis = 1; axis < rank; ++axis) {
      bool merges = true;
      for (const auto& each : stride) merges = merges && each[last] == each[axis] * size[axis];
      last += merges ? 0 : 1;
      size[last] = merges ? size[last] * size[axis] : size[axis];
      for (auto& each : stride) each[last] = each[axis];
    }
    rank = last + 1;
  }

  /// f(length, first, offsets) for the runs along the inner axis of `count` samples from `flat` on.
  template <class F>
  void for_runs(Index flat, Index count, const F& f) const {
    const int inner = rank - 1;
    for (Index done = 0; done < count;) {
      const Index start = flat % size[inner];
      const Index length = std::min(size[inner] - start, count - done);
      Index offsets[operands];
      for (int i = 0; i < operands; ++i) offsets[i] = start * stride[i][inner];
      Index rest = flat / size[inner];
      for (int axis = inner - 1; axis >= 0; --axis) {
        const Index at = rest % size[axis];
        rest /= size[axis];
        for (int i = 0; i < operands; ++i) offsets[i] += at * stride[i][axis];
      }
      f(length, done, offsets);
      flat += length;
      done += length;
    }
  }
};

/// Memory on the stack for the usual number of classes, on the heap beyond.
template <class T>
class Scratch {
 public:
  static constexpr Index on_stack = 65536 / static_cast<Index>(sizeof(T));  // a register of samples of 1024 classes
  explicit Scratch(Index size) {
    if (size > on_stack) heap_ = std::make_unique<T[]>(static_cast<std::size_t>(size));
  }
  T* data() { return heap_ ? heap_.get() : stack_; }

 private:
  alignas(64) T stack_[on_stack];
  std::unique_ptr<T[]> heap_;
};

/// Takes a range of samples through the softmax, tile by tile.
template <class T>
class RowPass {
  using Job = RowJob<T>;

 public:
  explicit RowPass(const Job& job) : job_(job), inner_(job.rank - 1) {
    const Index c = job.classes;
    const bool unit =
        job.stride[Job::logits][inner_] == 1 && (job.h == nullptr || job.stride[Job::distribution][inner_] == 1);
    const bool gradient_unit = job.g == nullptr || job.stride[Job::gradient][inner_] == 1;
    if (job.class_stride[Job::logits] == 1 && c >= 2 * Lanes<T>::size &&
        (job.h == nullptr || job.class_stride[Job::distribution] == 1)) {
      form_ = Form::rows;
      tile_ = std::clamp<Index>(Scratch<T>::on_stack / c, 1, tile_samples);
    } else if (unit && gradient_unit && !job.curvature && c > packed_classes && job.size[inner_] >= tile_samples) {
      form_ = Form::columns;
      tile_ = tile_samples;
    } else {
      form_ = Form::packed;
      tile_ =
          std::clamp<Index>(Scratch<T>::on_stack / c / Lanes<T>::size * Lanes<T>::size, Lanes<T>::size, tile_samples);
    }
  }

  /// Σ of the terms of the samples [first, last).
  double run(Index first, Index last) const {
    double sums[8] = {};
    for (Index flat = first; flat < last;) {
      Index count = std::min(tile_, last - flat);
      if (form_ == Form::columns) count = std::min(count, job_.size[inner_] - flat % job_.size[inner_]);
      if (job_.terms != nullptr) {
        label_tile(flat, count, flat - first, sums);
      } else {
        target_tile(flat, count, flat - first, sums);
      }
      flat += count;
    }
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  }

 private:
  enum class Form : std::uint8_t { rows, columns, packed };
  static constexpr Index packed_classes = 128;

  /// A row whose highest logit is +inf: its limit puts all probability on one class.
  struct Limit {
    Index row;
    Index top;  // that class
    T saved;    // what the gradient held there, for add_to
  };

  /// Where the classes of a tile's samples lie.
  struct Place {
    const T* x[tile_samples];
    T* g[tile_samples];
    Index class_stride = 1;
    Index gradient_stride = 1;
  };

  [[gnu::noinline]] void label_tile(Index flat, Index count, Index since, double* sums) const {
    RowTile<T> tile;
    tile.size = count;
    load_labels(flat, tile);
    Limit limits[tile_samples];
    Index limited = 0;
    Scratch<T> scratch(scratch_size(count));
    if (form_ == Form::rows) {
      const T* x[tile_samples];
      T* g[tile_samples];
      const bool direct = row_pointers(flat, count, x, g, scratch.data());
      const Index blocks = row_blocks<T>(job_.classes);
      T factors[tile_samples + max_row_blocks];
      const bool stores = job_.g != nullptr && !(direct && job_.adds) && !job_.curvature;
      for (Index i = 0; i < count; ++i) {
        const Index r = static_cast<Index>(tile.reference[i]);
        tile.at_reference[i] = x[i][r];
        T* e = stores ? g[i] : nullptr;
        if (!row_pass(x[i], r, false, e, factors + i * blocks, tile, i)) [[unlikely]] {
          begin_limit(x[i], 1, i, tile, limits, limited);
          row_pass(x[i], r, true, e, factors + i * blocks, tile, i);
        }
      }
      for (Index i = 0; i < limited; ++i) end_limit(limits[i], tile);
      finish_labels(flat, tile, since, sums);
      if (job_.g == nullptr) return;
      if (job_.curvature) {
        for (Index i = 0; i < count; ++i) label_curvature(x[i], 1, job_.classes, tile, i, g[i], 1);
      } else {
        save_limits(limits, limited, [&](const Limit& limit) { return g[limit.row] + limit.top; });
        for (Index i = 0; i < count; ++i) row_gradient(x[i], g[i], factors + i * blocks, tile, i, stores);
        for (Index i = 0; i < limited; ++i) {
          fix_limit(limits[i], tile, nullptr, g[limits[i].row] + limits[i].top, direct && job_.adds);
        }
      }
      if (!direct) unpack_rows(flat, count, scratch.data());
    } else {
      const auto at = columns(flat, count, scratch.data(), true);
      statistics(at, scratch.data(), tile);
      find_limits(at.x, at.class_stride, tile, limits, limited);
      for (Index i = 0; i < limited; ++i) end_limit(limits[i], tile);
      finish_labels(flat, tile, since, sums);
      if (job_.g == nullptr) return;
      const bool adds = !at.unpacks && job_.adds;
      const auto place = [&](const Limit& limit) { return at.g + limit.row + limit.top * at.gradient_stride; };
      if (job_.curvature) {
        for (Index i = 0; i < count; ++i) {
          label_curvature(at.x + i, at.class_stride, job_.classes, tile, i, at.g + i, at.gradient_stride);
        }
      } else {
        save_limits(limits, limited, place);
        if (adds) {
          column_gradient<T, true>(at.x, at.class_stride, job_.classes, tile, at.g, at.gradient_stride);
        } else {
          column_gradient<T, false>(at.x, at.class_stride, job_.classes, tile, at.g, at.gradient_stride);
        }
        for (Index i = 0; i < limited; ++i) fix_limit(limits[i], tile, nullptr, place(limits[i]), adds);
      }
      if (at.unpacks) unpack_columns(flat, count, scratch.data());
    }
  }

  [[gnu::noinline]] void target_tile(Index flat, Index count, Index since, double* sums) const {
    RowTile<T> tile;
    TargetTile<T> target;
    tile.size = count;
    if (job_.y.data != nullptr) {
      load_labels(flat, tile);
    } else {
      std::fill_n(tile.weight, count, T(1));
      load_weights(flat, tile);
    }
    const bool given = job_.h != nullptr;
    Limit limits[tile_samples];
    Index limited = 0;
    Scratch<T> scratch(scratch_size(count));
    if (form_ == Form::rows) {
      const T* x[tile_samples];
      const T* h[tile_samples];
      T* g[tile_samples];
      const bool direct = row_pointers(flat, count, x, g, scratch.data());
      job_.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
        for (Index i = 0; i < length; ++i) {
          h[first + i] = given ? job_.h + at[Job::distribution] + i * job_.stride[Job::distribution][inner_] : nullptr;
        }
      });
      for (Index i = 0; i < count; ++i) {
        tile.highest[i] = row_highest(x[i], job_.classes);
        if (given) tile.reference[i] = static_cast<T>(row_argmax(x[i], 1, job_.classes, tile.highest[i]));
        const Index r = static_cast<Index>(tile.reference[i]);
        if (tile.highest[i] == infinity<T>) [[unlikely]]
          begin_limit(x[i], 1, i, tile, limits, limited);
        tile.at_reference[i] = x[i][r];
        target.h_reference[i] = given ? h[i][r] : T(1);
        target.w_reference[i] = job_.target.class_weights != nullptr ? job_.target.class_weights[r] : T(1);
        row_target_sums(x[i], h[i], job_.target.class_weights, job_.classes, i, tile, target);
      }
      for (Index i = 0; i < limited; ++i) {
        end_limit(limits[i], tile);
        limit_distances(limits[i], x[limits[i].row], 1, h[limits[i].row], 1, tile, target);
      }
      finish_target(flat, tile, target, since, sums);
      if (job_.g == nullptr) return;
      if (job_.curvature) {
        for (Index i = 0; i < count; ++i) label_curvature(x[i], 1, job_.classes, tile, i, g[i], 1);
      } else {
        const bool adds = direct && job_.adds;
        save_limits(limits, limited, [&](const Limit& limit) { return g[limit.row] + limit.top; });
        for (Index i = 0; i < count; ++i) {
          if (adds) {
            row_target_gradient<T, true>(x[i], h[i], job_.target.class_weights, job_.classes, i, tile, target, g[i]);
          } else {
            row_target_gradient<T, false>(x[i], h[i], job_.target.class_weights, job_.classes, i, tile, target, g[i]);
          }
        }
        for (Index i = 0; i < limited; ++i) {
          const Index row = limits[i].row;
          fix_limit(limits[i], tile, &target, g[row] + limits[i].top, adds, given ? h[row][limits[i].top] : T(0));
        }
      }
      if (!direct) unpack_rows(flat, count, scratch.data());
    } else {
      const auto at = columns(flat, count, scratch.data(), false);
      Scratch<T> given_scratch(given && form_ == Form::packed ? scratch_size(count) : 0);
      const T* h = nullptr;
      Index h_stride = 0;
      if (given) {
        h_stride = job_.class_stride[Job::distribution];
        job_.for_runs(flat, count, [&](Index length, Index first, const Index* offset) {
          const T* from = job_.h + offset[Job::distribution];
          if (first == 0) h = from;
          if (form_ == Form::packed) {
            pack_columns(from, h_stride, job_.stride[Job::distribution][inner_], length, given_scratch.data() + first,
                         tile_);
          }
        });
        if (form_ == Form::packed) {
          h = given_scratch.data();
          h_stride = tile_;
        }
      }
      column_target_sums(at.x, at.class_stride, h, h_stride, job_.target.class_weights, job_.classes, tile, target);
      find_limits(at.x, at.class_stride, tile, limits, limited);
      for (Index i = 0; i < limited; ++i) {
        end_limit(limits[i], tile);
        const Index row = limits[i].row;
        limit_distances(limits[i], at.x + row, at.class_stride, given ? h + row : nullptr, h_stride, tile, target);
      }
      finish_target(flat, tile, target, since, sums);
      if (job_.g == nullptr) return;
      const bool adds = !at.unpacks && job_.adds;
      const auto place = [&](const Limit& limit) { return at.g + limit.row + limit.top * at.gradient_stride; };
      if (job_.curvature) {
        for (Index i = 0; i < count; ++i) {
          label_curvature(at.x + i, at.class_stride, job_.classes, tile, i, at.g + i, at.gradient_stride);
        }
      } else {
        save_limits(limits, limited, place);
        if (adds) {
          column_target_gradient<T, true>(at.x, at.class_stride, h, h_stride, job_.target.class_weights, job_.classes,
                                          tile, target, at.g, at.gradient_stride);
        } else {
          column_target_gradient<T, false>(at.x, at.class_stride, h, h_stride, job_.target.class_weights, job_.classes,
                                           tile, target, at.g, at.gradient_stride);
        }
        for (Index i = 0; i < limited; ++i) {
          const auto& limit = limits[i];
          fix_limit(limit, tile, &target, place(limit), adds, given ? h[limit.row + limit.top * h_stride] : T(0));
        }
      }
      if (at.unpacks) unpack_columns(flat, count, scratch.data());
    }
  }

  // ---- loading ----

  void load_labels(Index flat, RowTile<T>& tile) const {
    job_.for_runs(flat, tile.size, [&](Index length, Index first, const Index* at) {
      const Index step = job_.stride[Job::labels][inner_];
      visit_integers(job_.y, [&](const auto* labels) {
        labels += at[Job::labels];
        for (Index i = 0; i < length; ++i) {
          const std::int64_t label = widen_label(labels[i * step]);
          const bool kept = label != job_.ignore_index;
          tile.reference[first + i] = kept ? static_cast<T>(label) : T(0);
          tile.weight[first + i] = kept ? T(1) : T(0);
        }
      });
    });
    if (job_.label_weights != nullptr) {
      for (Index i = 0; i < tile.size; ++i) {
        tile.weight[i] *= (*job_.label_weights)[static_cast<Index>(tile.reference[i])];
      }
    }
    load_weights(flat, tile);
  }

  void load_weights(Index flat, RowTile<T>& tile) const {
    if (job_.w == nullptr) return;
    job_.for_runs(flat, tile.size, [&](Index length, Index first, const Index* at) {
      const T* w = job_.w + at[Job::weights];
      const Index step = job_.stride[Job::weights][inner_];
      for (Index i = 0; i < length; ++i) tile.weight[first + i] *= w[i * step];
    });
  }

  Index scratch_size(Index count) const {
    return form_ == Form::columns ? 0 : form_ == Form::rows ? count * job_.classes : tile_ * job_.classes;
  }

  /// The rows of the logits, and those of the gradient: its own where its classes are contiguous, else in the scratch.
  bool row_pointers(Index flat, Index count, const T** x, T** g, T* scratch) const {
    const bool direct = job_.g == nullptr || job_.class_stride[Job::gradient] == 1;
    job_.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
      for (Index i = 0; i < length; ++i) {
        x[first + i] = job_.x + at[Job::logits] + i * job_.stride[Job::logits][inner_];
        g[first + i] = direct ? job_.g + at[Job::gradient] + i * job_.stride[Job::gradient][inner_]
                              : scratch + (first + i) * job_.classes;
      }
    });
    return direct;
  }

  void unpack_rows(Index flat, Index count, const T* scratch) const {
    job_.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
      unpack(scratch + first * job_.classes, length, job_.classes, job_.g + at[Job::gradient],
             job_.stride[Job::gradient][inner_], job_.class_stride[Job::gradient], job_.adds);
    });
  }

  /// The columns of a tile. In the packed form x is [classes][tile] in the scratch; the gradient is written where it
  /// lies, or over x where its samples are not contiguous.
  struct Columns {
    const T* source = nullptr;  // where x is still to be copied from; null where it is in place
    const T* x = nullptr;
    Index class_stride = 0;
    T* g = nullptr;
    Index gradient_stride = 0;
    bool unpacks = false;
  };

  Columns columns(Index flat, Index count, T* scratch, bool copies_later) const {
    const bool packs = form_ == Form::packed;
    const Index step = job_.stride[Job::logits][inner_];
    Columns result;
    result.class_stride = packs ? tile_ : job_.class_stride[Job::logits];
    job_.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
      const T* from = job_.x + at[Job::logits];
      if (job_.g != nullptr && length == count && job_.stride[Job::gradient][inner_] == 1) {
        result.g = job_.g + at[Job::gradient];
        result.gradient_stride = job_.class_stride[Job::gradient];
      }
      if (!packs) {
        result.x = from;
      } else if (copies_later && length == count && step == 1) {
        result.source = from;
      } else {
        pack_columns(from, job_.class_stride[Job::logits], step, length, scratch + first, tile_);
      }
    });
    if (packs) result.x = scratch;
    if (job_.g != nullptr && result.g == nullptr) {
      result.g = scratch;
      result.gradient_stride = tile_;
      result.unpacks = true;
    }
    return result;
  }

  void statistics(const Columns& at, T* scratch, RowTile<T>& tile) const {
    const T* gradient = at.unpacks || form_ == Form::columns ? nullptr : at.g;
    if (at.source != nullptr) {
      column_statistics<T, true>(at.source, job_.class_stride[Job::logits], job_.classes, tile.size, tile, scratch,
                                 tile_, gradient, at.gradient_stride);
    } else {
      column_statistics<T, false>(at.x, at.class_stride, job_.classes, 0, tile, nullptr, 0, gradient,
                                  at.gradient_stride);
    }
  }

  /// to[j·to_stride + i] = from[j·class_stride + i·sample_stride]
  void pack_columns(const T* from, Index class_stride, Index sample_stride, Index samples, T* to,
                    Index to_stride) const {
    if (sample_stride == 1) {
      for (Index j = 0; j < job_.classes; ++j) std::copy_n(from + j * class_stride, samples, to + j * to_stride);
    } else {
      for (Index i = 0; i < samples; ++i) {
        for (Index j = 0; j < job_.classes; ++j) to[j * to_stride + i] = from[j * class_stride + i * sample_stride];
      }
    }
  }

  void unpack_columns(Index flat, Index count, const T* from) const {
    const Index c = job_.class_stride[Job::gradient];
    const Index s = job_.stride[Job::gradient][inner_];
    job_.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
      T* g = job_.g + at[Job::gradient];
      const T* packed = from + first;
      if (job_.adds) {
        for (Index j = 0; j < job_.classes; ++j) {
          for (Index i = 0; i < length; ++i) g[j * c + i * s] += packed[j * tile_ + i];
        }
      } else if (s == 1) {
        for (Index j = 0; j < job_.classes; ++j) std::copy_n(packed + j * tile_, length, g + j * c);
      } else {
        for (Index i = 0; i < length; ++i) {
          for (Index j = 0; j < job_.classes; ++j) g[j * c + i * s] = packed[j * tile_ + i];
        }
      }
    });
  }

  // ---- terms and gradients ----

  void finish_labels(Index flat, RowTile<T>& tile, Index since, double* sums) const {
    reference_log_p(tile);
    job_.terms(job_.rule, tile);
    label_factors(tile, job_.scale);
    write_values(flat, tile, since, sums);
  }

  void finish_target(Index flat, RowTile<T>& tile, TargetTile<T>& target, Index since, double* sums) const {
    reference_log_p(tile);
    std::fill_n(tile.curvature, tile.size, T(0));
    target_factors(job_.target, job_.classes, job_.h != nullptr, job_.scale, tile, target);
    write_values(flat, tile, since, sums);
  }

  /// The order of a sum is that of the samples, however they are cut into tiles.
  void write_values(Index flat, const RowTile<T>& tile, Index since, double* sums) const {
    for (Index i = 0; i < tile.size; ++i) sums[(since + i) & 7] += static_cast<double>(tile.value[i]);
    if (job_.out == nullptr) return;
    job_.for_runs(flat, tile.size, [&](Index length, Index first, const Index* at) {
      T* out = job_.out + at[Job::values];
      for (Index i = 0; i < length; ++i) out[i * job_.stride[Job::values][inner_]] = tile.value[first + i];
    });
  }

  bool row_pass(const T* x, Index reference, bool limits, T* e, T* factors, RowTile<T>& tile, Index i) const {
    return e != nullptr ? row_statistics<T, true>(x, job_.classes, reference, limits, e, factors, tile.highest[i],
                                                  tile.others[i])
                        : row_statistics<T, false>(x, job_.classes, reference, limits, nullptr, factors,
                                                   tile.highest[i], tile.others[i]);
  }

  void row_gradient(const T* x, T* g, const T* factors, const RowTile<T>& tile, Index i, bool stored) const {
    const Index c = job_.classes;
    const Index r = static_cast<Index>(tile.reference[i]);
    if (stored) {
      if (tile.soft[i] == 0) {
        std::fill_n(g, c, T(0));
      } else {
        row_scale(g, c, factors, tile.soft[i]);
      }
      g[r] = tile.at_label[i];
    } else if (tile.soft[i] != 0) {
      const T before = g[r];
      row_add(x, g, c, tile.highest[i], tile.soft[i]);
      g[r] = before + tile.at_label[i];
    }
  }

  // ---- rows with an infinite logit ----

  void begin_limit(const T* x, Index stride, Index row, RowTile<T>& tile, Limit* limits, Index& limited) const {
    limits[limited++] = {row, row_argmax(x, stride, job_.classes, infinity<T>), 0};
    Index tops = 0;
    for (Index j = 0; j < job_.classes; ++j) tops += x[j * stride] == infinity<T> ? 1 : 0;
    if (tops > 1) limits[limited - 1].saved = std::numeric_limits<T>::quiet_NaN();  // no limit
    tile.highest[row] = std::numeric_limits<T>::max();
  }

  void find_limits(const T* x, Index stride, RowTile<T>& tile, Limit* limits, Index& limited) const {
    for (Index i = 0; i < tile.size; ++i) {
      if (tile.highest[i] == infinity<T>) [[unlikely]]
        begin_limit(x + i, stride, i, tile, limits, limited);
    }
  }

  /// The statistics of the limit: all probability on the class with the infinite logit.
  void end_limit(const Limit& limit, RowTile<T>& tile) const {
    const bool at_top = static_cast<Index>(tile.reference[limit.row]) == limit.top;
    tile.others[limit.row] = std::isnan(limit.saved) ? limit.saved : at_top ? T(0) : T(1);
    if (tile.at_reference[limit.row] != -infinity<T>) {
      tile.at_reference[limit.row] = at_top ? std::numeric_limits<T>::max() : lowest<T>;
    }
  }

  /// Σ of the target's distances: infinite where any other class has a target.
  void limit_distances(const Limit& limit, const T* x, Index stride, const T* h, Index h_stride, const RowTile<T>& tile,
                       TargetTile<T>& target) const {
    T& given = target.h_distance[limit.row];
    T& spread = target.spread_distance[limit.row];
    given = spread = 0;
    for (Index j = 0; j < job_.classes; ++j) {
      const T w = job_.target.class_weights != nullptr ? job_.target.class_weights[j] : T(1);
      if (j == limit.top || w == 0 || x[j * stride] == -infinity<T>) continue;
      spread = infinity<T>;
      if (h != nullptr && h[j * h_stride] != 0) given = infinity<T>;
    }
    if (std::isnan(tile.others[limit.row])) given = spread = tile.others[limit.row];
  }

  template <class F>
  void save_limits(Limit* limits, Index limited, const F& place) const {
    for (Index i = 0; i < limited; ++i) {
      if (!std::isnan(limits[i].saved)) limits[i].saved = *place(limits[i]);
    }
  }

  /// The gradient at the class with the infinite logit, where e = 1.
  void fix_limit(const Limit& limit, const RowTile<T>& tile, const TargetTile<T>* target, T* g, bool adds,
                 T h = 0) const {
    const Index i = limit.row;
    const bool no_limit = std::isnan(tile.others[i]);
    if (no_limit || static_cast<Index>(tile.reference[i]) == limit.top) return;
    T value = tile.soft[i];
    if (target != nullptr) {
      const T w = job_.target.class_weights != nullptr ? job_.target.class_weights[limit.top] : T(1);
      value -= target->target[i] * w * (target->a[i] * h + target->u[i]);
    }
    *g = adds ? limit.saved + value : value;
  }

  const Job& job_;
  int inner_;
  Form form_;
  Index tile_;
};

template <class Rule>
concept RowRule = std::floating_point<typename Rule::Scalar> &&
    requires(const Rule& rule, Lanes<typename Rule::Scalar> v) {
  rule(v).value + rule(v).slope + rule(v).curvature;
};

template <class Rule>
struct Driver<per_row, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = RowInputs<T>;
  using Partial = losses::Partial;
  using Job = RowJob<T>;

  static_assert(
      RowRule<Rule>,
      "a per_row rule needs `using Scalar = float or double;` and `template <class V> Terms<V> operator()(V log_p) "
      "const`, a formula of the log-probability of the label");

  struct Whole {
    double weight;
    Index count;
  };

  static constexpr int predictions = 1;
  static constexpr bool in_place = true;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_target<In...>();
    }
  }

  template <class P>
  using Unreduced = typename Access<P>::Rows;

  template <class P, class Y, class... W>
  static Inputs bind(const Rule& rule, const P& logits, const Y& target, const W&... weights) {
    Inputs inputs;
    inputs.logits = view_of(logits);
    const Extents& shape = inputs.logits.extents;
    require(shape.rank >= 2, name_of<Rule>(), ": prediction is ", shape, ", but must be [n x c] or [n x c x …]");
    require(inputs.classes() > 0, name_of<Rule>(), ": prediction is ", shape, ", but needs at least one class");
    require(inputs.classes() <= Index{1} << std::numeric_limits<T>::digits, name_of<Rule>(), ": prediction has ",
            inputs.classes(), " classes, more than its scalar can number");
    inputs.terms = {shape.rank - 1, {shape[0]}};
    for (int axis = 2; axis < shape.rank; ++axis) inputs.terms.size[axis - 1] = shape[axis];
    if constexpr (IntegerEigen<Y> || IntegerRange<Y>) {
      inputs.labels = labels_of(target);
      require(inputs.labels.extents == inputs.terms, name_of<Rule>(), ": target is ", inputs.labels.extents,
              ", but must be ", inputs.terms, ", one label for each sample of the prediction ", shape);
    } else {
      inputs.distribution = view_of(target);
      require_shape<Rule>(inputs.distribution.extents, "target", shape, "prediction");
    }
    if constexpr (sizeof...(W) == 1) inputs.weights = bind_weights(view_of(weights)..., inputs.terms);
    const auto options = row_options(rule);
    if (options.class_weights != nullptr && !options.class_weights->empty() && !options.class_weights->is_number()) {
      require(options.class_weights->size() == inputs.classes(), name_of<Rule>(), ": class_weights has ",
              options.class_weights->size(), " values, but prediction has ", inputs.classes(), " classes");
    }
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.logits.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return inputs.terms; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.logits, "prediction", 0);
    if (inputs.has_labels()) {
      f(inputs.labels, "target", -1);
    } else {
      f(inputs.distribution, "target", -1);
    }
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    Whole whole{static_cast<double>(inputs.terms.count()), inputs.logits.extents[0]};
    if (inputs.weights.data != nullptr) whole.weight = check_weights<Rule>(inputs.weights, executor);
    if (inputs.has_labels()) {
      whole.weight = check_labels(rule, executor, inputs);
    } else {
      check_distribution(executor, inputs);
    }
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    return {sum(job(rule, inputs), executor), whole.weight, whole.count};
  }

  static T value(const Rule&, Reduction reduction, const Partial& part) {
    return static_cast<T>(reduce(reduction, part));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return value(rule, reduction, partial(rule, executor, inputs, whole));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    const auto work = job(rule, inputs, outputs, reduction_scale(reduction, whole.weight, whole.count));
    return value(rule, reduction, {sum(work, executor), whole.weight, whole.count});
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    Job work = job(rule, inputs, nullptr, 1, &output.view);
    sum(work, executor);
  }

  static void curvature(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                        const Whole& whole, const Output<T>* outputs) {
    auto work = job(rule, inputs, outputs, reduction_scale(reduction, whole.weight, whole.count));
    work.curvature = true;
    sum(work, executor);
  }

 private:
  template <class P, class Y, class... W>
  static consteval auto verdict_on_target() {
    using Others = decltype(verdict_on_values<T, P, W...>());
    if constexpr (!Others::value) {
      return Others{};
    } else if constexpr (IntegerEigen<Y> || IntegerRange<Y> || (TakesDistribution<Rule> && ViewableAs<Y, T>)) {
      return Accepted{};
    } else {
      return error::the_target_must_hold_integer_labels_or_probabilities_with_the_scalar_of_the_loss{};
    }
  }

  static View<const T> bind_weights(const View<const T>& weights, const Extents& terms) {
    View<const T> given = weights;
    // [n × 1] is a vector: one weight per sample.
    if (given.extents.rank == 2 && given.extents[1] == 1) given.extents.rank = 1;
    return broadcast_weights<Rule>(given, terms);
  }

  static Job job(const Rule& rule, const Inputs& inputs, const Output<T>* output = nullptr, double scale = 1,
                 const View<T>* values = nullptr) {
    const auto options = row_options(rule);
    Job work;
    work.classes = inputs.classes();
    work.x = inputs.logits.data;
    work.h = inputs.distribution.data;
    work.w = inputs.weights.data;
    work.y = inputs.labels;
    work.ignore_index = options.ignore_index;
    work.class_stride[Job::logits] = inputs.logits.stride[1];
    work.class_stride[Job::distribution] = inputs.distribution.stride[1];
    if (output != nullptr) {
      work.g = output->view.data;
      work.class_stride[Job::gradient] = output->view.stride[1];
      work.adds = output->adds;
      work.scale = static_cast<T>(scale * output->factor);
    }
    if (values != nullptr) work.out = values->data;
    for (int axis = 0; axis < inputs.terms.rank; ++axis) {
      const int at = axis == 0 ? 0 : axis + 1;
      Index strides[Job::operands] = {};
      strides[Job::logits] = inputs.logits.stride[at];
      strides[Job::distribution] = inputs.distribution.stride[at];
      strides[Job::weights] = inputs.weights.stride[axis];
      strides[Job::labels] = inputs.labels.stride[axis];
      if (output != nullptr) strides[Job::gradient] = output->view.stride[at];
      if (values != nullptr) strides[Job::values] = values->stride[axis];
      work.add_axis(inputs.terms[axis], strides);
    }
    work.merge_axes();
    const bool weighted = options.class_weights != nullptr && !options.class_weights->empty();
    if (!TakesDistribution<Rule> || (inputs.has_labels() && options.smoothing == 0)) {
      work.rule = &rule;
      work.terms = row_terms<Rule>;
      if (weighted) work.label_weights = options.class_weights;
    } else {
      work.target = {weighted ? options.class_weights->data() : nullptr, options.smoothing, options.spread};
    }
    return work;
  }

  static double sum(const Job& work, const Executor& executor) {
    const Index samples = work.samples();
    if (samples == 0) return 0;
    double total[max_sums] = {};
    const RowPass<T> pass(work);
    // Chunks of whole tiles where samples are contiguous; of rows where classes are. What the gradient looks like must
    // not matter here: the value has the same bits with and without it.
    const Index unit = work.class_stride[Job::logits] == 1 ? 1 : tile_samples;
    sum_over(samples * work.classes, (samples + unit - 1) / unit, 1, executor, total,
             [&](Index first, Index last, double* local) {
               local[0] += pass.run(first * unit, std::min(last * unit, samples));
             });
    return total[0];
  }

  /// Σ of the weights of the samples that are kept; a label outside [0, c) is refused.
  static double check_labels(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    const auto options = row_options(rule);
    const Job work = job(rule, inputs);
    const bool weighted =
        options.mean_by_class_weight && options.class_weights != nullptr && !options.class_weights->empty();
    const auto classes = static_cast<std::uint64_t>(inputs.classes());
    double sums[max_sums] = {};
    if (work.samples() == 0) return 0;
    sum_over(work.samples(), work.samples(), 2, executor, sums, [&](Index first, Index last, double* local) {
      work.for_runs(first, last - first, [&](Index length, Index, const Index* at) {
        const int inner = work.rank - 1;
        const Index step = work.stride[Job::labels][inner];
        visit_integers(work.y, [&](const auto* labels) {
          labels += at[Job::labels];
          Index kept = 0, wrong = 0;
          double weight = 0;
          const bool plain = !weighted && work.w == nullptr;
          if (plain && step == 1) {
            count_labels(labels, length, classes, options.ignore_index, kept, wrong);
            local[0] += static_cast<double>(kept);
            local[1] += static_cast<double>(wrong);
            return;
          }
          for (Index i = 0; i < length; ++i) {
            const std::int64_t label = widen_label(labels[i * step]);
            const bool ignored = label == options.ignore_index;
            const bool valid = static_cast<std::uint64_t>(label) < classes;
            kept += ignored ? 0 : 1;
            wrong += ignored || valid ? 0 : 1;
            if (plain || ignored || !valid) continue;
            double w = weighted ? static_cast<double>((*options.class_weights)[static_cast<Index>(label)]) : 1;
            if (work.w != nullptr)
              w *= static_cast<double>(work.w[at[Job::weights] + i * work.stride[Job::weights][inner]]);
            weight += w;
          }
          local[0] += plain ? static_cast<double>(kept) : weight;
          local[1] += static_cast<double>(wrong);
        });
      });
    });
    if (sums[1] != 0) [[unlikely]]
      name_first_wrong_label(inputs, options.ignore_index);
    return sums[0];
  }

  template <class I>
  static void count_labels(const I* labels, Index length, std::uint64_t classes, std::int64_t ignore_index, Index& kept,
                           Index& wrong) {
    Index valid = 0, ignored = 0, both = 0;
    for (Index i = 0; i < length; ++i) {
      const std::int64_t label = widen_label(labels[i]);
      const bool is_valid = static_cast<std::uint64_t>(label) < classes;
      const bool is_ignored = label == ignore_index;
      valid += is_valid;
      ignored += is_ignored;
      both += is_valid && is_ignored;
    }
    kept = length - ignored;
    wrong = length - valid - ignored + both;
  }

  LOSSES_COLD static void name_first_wrong_label(const Inputs& inputs, std::int64_t ignore_index) {
    visit_integers(inputs.labels, [&](const auto* data) {
      using I = std::remove_cvref_t<decltype(*data)>;
      View<const I> view{data, inputs.labels.extents, {}};
      std::copy_n(inputs.labels.stride, max_rank, view.stride);
      for (Index flat = 0; flat < view.extents.count(); ++flat) {
        const I label = element(view, flat);
        const std::int64_t wide = widen_label(label);
        require_in_range(
            wide == ignore_index || (wide >= 0 && wide < inputs.classes()), name_of<Rule>(), ": target",
            Position{view.extents, flat}, " is ", label, ", but must be in [0, ", inputs.classes(), ")",
            ignore_index >= 0 && ignore_index < inputs.classes() ? "" : " or the ignore_index ",
            ignore_index >= 0 && ignore_index < inputs.classes() ? std::string() : std::to_string(ignore_index));
      }
    });
  }

  static void check_distribution(const Executor& executor, const Inputs& inputs) {
    ElementJob<T> work;
    work.extents = inputs.distribution.extents;
    work.in[0] = operand(inputs.distribution);
    double sums[max_sums] = {};
    traverse<T>(work, probability_kernel<T>, nullptr, nullptr, executor, sums);
    if (sums[0] == 0) return;
    for (Index flat = 0; flat < work.extents.count(); ++flat) {
      const T is = element(inputs.distribution, flat);
      require(!(is < 0) && !(is > 1), name_of<Rule>(), ": target", Position{work.extents, flat}, " is ", is,
              ", but must be a probability, in [0, 1]");
    }
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
