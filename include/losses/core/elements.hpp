// SPDX-License-Identifier: MIT
#pragma once

/// Walks operands of one shape and any strides together, and hands contiguous runs to a kernel. It knows no rule, so it
/// compiles once per scalar.
///
/// The axes are ordered by the strides of the first prediction and merged where all operands allow it. A run is direct
/// where its operands are contiguous; operands that are not, or that are stored in two bytes, are packed, tile by tile, into
/// buffers on the stack.

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <utility>

#include <losses/core/parallel.hpp>
#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE::detail {

inline constexpr int max_inputs = 5;   // two predictions, target, parameter, weights
inline constexpr int max_outputs = 2;  // a gradient for each prediction
inline constexpr int max_sums = 4;
inline constexpr Index max_chunks = 256;
inline constexpr Index chunk_elements = 16384;
inline constexpr Index parallel_elements = Index{1} << 17;  // below this, waking a thread costs more than it saves
inline constexpr Index run_elements = 4096;                 // one call of a kernel
inline constexpr Index short_run = 64;                      // of fewer elements: a call of a kernel takes several
inline constexpr Index tile_columns = 128;
inline constexpr Index tile_rows = 16;
inline constexpr Index tile_elements = tile_rows * tile_columns;
inline constexpr Index converted_elements =
    512;  // of long rows in two bytes: little, so that memory is asked for all along

/// What a kernel gets: contiguous inputs and outputs (null where absent), how each output is written, and the unit of
/// sums.
template <class T>
struct Run {
  const T* in[max_inputs] = {};
  T* out[max_outputs] = {};
  T scale[max_outputs] = {1, 1};
  bool adds[max_outputs] = {};
  Index size = 0;
  T unit = 1;
};

template <class T>
using Kernel = void (*)(const void* rule, const Run<T>& run, double* sums);

/// An operand: an element for each position of the job's extents; null where the job has none.
template <class T>
struct Operand {
  T* data = nullptr;
  Index stride[max_rank] = {};
  Storage storage = Storage::scalar;

  void skip(Index count) { data = shifted(data, count, storage); }
};

template <class T>
Operand<T> operand(const View<T>& view) {
  Operand<T> result{view.data, {}, view.storage};
  for (int axis = 0; axis < max_rank; ++axis) result.stride[axis] = view.stride[axis];
  return result;
}

template <class T>
struct ElementJob {
  Extents extents;
  Operand<const T> in[max_inputs];
  Operand<T> out[max_outputs];
  T scale[max_outputs] = {1, 1};
  bool adds[max_outputs] = {};  // the output is added to
  T unit = 1;
  int sums = 1;

  /// The same axes, those of one element dropped, ordered by the first input's strides and merged where possible.
  ElementJob canonical() const {
    ElementJob job = *this;
    job.extents.rank = 0;
    for (int axis = 0; axis < extents.rank; ++axis) {
      if (extents[axis] == 1) continue;
      int place = job.extents.rank++;
      for (; place > 0 && std::abs(job.in[0].stride[place - 1]) < std::abs(in[0].stride[axis]); --place) {
        job.set_axis(place, job, place - 1);
      }
      job.set_axis(place, *this, axis);
    }
    int last = 0;
    for (int axis = 1; axis < job.extents.rank; ++axis) {
      if (job.continues(last, axis)) {
        const Index size = job.extents[last] * job.extents[axis];
        job.set_axis(last, job, axis);
        job.extents.size[last] = size;
      } else {
        job.set_axis(++last, job, axis);
      }
    }
    job.extents.rank = job.extents.rank == 0 ? 0 : last + 1;
    if (job.extents.rank == 0) {
      job.extents = {1, {1}};
      for (auto& each : job.in) each.stride[0] = 1;
      for (auto& each : job.out) each.stride[0] = 1;
    }
    return job;
  }

  bool contiguous(int axis) const {
    return all_of([&](const auto& each) { return each.stride[axis] == 1; });
  }

  /// No operand must be converted.
  bool has_one_storage() const {
    return all_of([](const auto& each) { return each.storage == Storage::scalar; });
  }

 private:
  template <class F>
  bool all_of(const F& f) const {
    const auto holds = [&](const auto& each) { return each.data == nullptr || f(each); };
    return std::all_of(std::begin(in), std::end(in), holds) && std::all_of(std::begin(out), std::end(out), holds);
  }

  void set_axis(int axis, const ElementJob& from, int source) {
    extents.size[axis] = from.extents.size[source];
    for (int i = 0; i < max_inputs; ++i) in[i].stride[axis] = from.in[i].stride[source];
    for (int i = 0; i < max_outputs; ++i) out[i].stride[axis] = from.out[i].stride[source];
  }

  bool continues(int outer, int inner) const {
    return all_of([&](const auto& each) { return each.stride[outer] == each.stride[inner] * extents[inner]; });
  }
};

template <class T>
void set_factors(const ElementJob<T>& job, Run<T>& run) {
  for (int i = 0; i < max_outputs; ++i) {
    run.scale[i] = job.scale[i];
    run.adds[i] = job.adds[i];
  }
  run.unit = job.unit;
}

/// to[c·to_stride + r] = from[r·from_stride + c] for four by four elements.
template <class T>
LOSSES_INLINE void transpose_block(const T* from, Index from_stride, T* to, Index to_stride) {
#if LOSSES_VECTOR_EXTENSIONS
  typedef T Four __attribute__((vector_size(4 * sizeof(T))));
  Four a, b, c, d;
  __builtin_memcpy(&a, from, sizeof a);
  __builtin_memcpy(&b, from + from_stride, sizeof b);
  __builtin_memcpy(&c, from + 2 * from_stride, sizeof c);
  __builtin_memcpy(&d, from + 3 * from_stride, sizeof d);
  const Four low_ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), high_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four low_cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), high_cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(low_ab, low_cd, 0, 1, 4, 5);
  b = __builtin_shufflevector(low_ab, low_cd, 2, 3, 6, 7);
  c = __builtin_shufflevector(high_ab, high_cd, 0, 1, 4, 5);
  d = __builtin_shufflevector(high_ab, high_cd, 2, 3, 6, 7);
  __builtin_memcpy(to, &a, sizeof a);
  __builtin_memcpy(to + to_stride, &b, sizeof b);
  __builtin_memcpy(to + 2 * to_stride, &c, sizeof c);
  __builtin_memcpy(to + 3 * to_stride, &d, sizeof d);
#else
  for (Index r = 0; r < 4; ++r) {
    for (Index c = 0; c < 4; ++c) to[c * to_stride + r] = from[r * from_stride + c];
  }
#endif
}

/// to[c·to_stride + r] = from[r·from_stride + c]
template <class T>
void transpose(const T* from, Index from_stride, Index rows, Index columns, T* to, Index to_stride) {
  const Index whole_rows = rows / 4 * 4;
  const Index whole_columns = columns / 4 * 4;
  for (Index r = 0; r < whole_rows; r += 4) {
    for (Index c = 0; c < whole_columns; c += 4) {
      transpose_block(from + r * from_stride + c, from_stride, to + c * to_stride + r, to_stride);
    }
    for (Index c = whole_columns; c < columns; ++c) {
      for (Index k = r; k < r + 4; ++k) to[c * to_stride + k] = from[k * from_stride + c];
    }
  }
  for (Index r = whole_rows; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) to[c * to_stride + r] = from[r * from_stride + c];
  }
}

/// Copies rows × columns elements from one pair of strides to another; adds is for add_to.
template <class T>
void move_elements(const T* from, Index from_row, Index from_column, Index rows, Index columns, T* to, Index to_row,
                   Index to_column, bool adds = false) {
  if (adds) {
    for (Index r = 0; r < rows; ++r) {
      for (Index c = 0; c < columns; ++c) to[r * to_row + c * to_column] += from[r * from_row + c * from_column];
    }
  } else if (from_column == 1 && to_column == 1) {
    for (Index r = 0; r < rows; ++r) std::copy_n(from + r * from_row, columns, to + r * to_row);
  } else if (from_column == 0 && to_column == 1) {
    for (Index r = 0; r < rows; ++r) std::fill_n(to + r * to_row, columns, from[r * from_row]);
  } else if (from_column == 1 && to_row == 1) {
    transpose(from, from_row, rows, columns, to, to_column);
  } else if (from_row == 1 && to_column == 1) {
    transpose(from, from_column, columns, rows, to, to_row);
  } else {
    for (Index r = 0; r < rows; ++r) {
      for (Index c = 0; c < columns; ++c) to[r * to_row + c * to_column] = from[r * from_row + c * from_column];
    }
  }
}

/// As move_elements, from two bytes to contiguous columns of floats.
inline void widen_elements(const void* from, Storage storage, Index from_row, Index from_column, Index rows,
                           Index columns, float* to, Index to_row) {
  const auto* words = static_cast<const std::uint16_t*>(from);
  if (from_column == 1) {
    for (Index r = 0; r < rows; ++r) widen(words + r * from_row, storage, columns, to + r * to_row);
    return;
  }
  alignas(64) std::uint16_t buffer[tile_elements];
  const Index width = std::min(columns, tile_elements), height = tile_elements / width;
  for (Index c = 0; c < columns; c += width) {
    const Index size = std::min(width, columns - c);
    for (Index r = 0; r < rows; r += height) {
      const Index count = std::min(height, rows - r);
      move_elements(words + r * from_row + c * from_column, from_row, from_column, count, size, buffer, size, Index{1});
      for (Index i = 0; i < count; ++i) widen(buffer + i * size, storage, size, to + (r + i) * to_row + c);
    }
  }
}

/// As move_elements, from floats, contiguous along one axis, to two bytes.
inline void narrow_elements(const float* from, Index from_row, Index from_column, Index rows, Index columns, void* to,
                            Storage storage, Index to_row, Index to_column, bool adds) {
  if (from_column != 1) {
    std::swap(from_row, from_column);
    std::swap(rows, columns);
    std::swap(to_row, to_column);
  }
  auto* words = static_cast<std::uint16_t*>(to);
  if (to_column == 1) {
    for (Index r = 0; r < rows; ++r) narrow(from + r * from_row, columns, words + r * to_row, storage, adds);
    return;
  }
  alignas(64) std::uint16_t buffer[tile_elements];
  const Index width = std::min(columns, tile_elements), height = tile_elements / width;
  for (Index c = 0; c < columns; c += width) {
    const Index size = std::min(width, columns - c);
    for (Index r = 0; r < rows; r += height) {
      const Index count = std::min(height, rows - r);
      std::uint16_t* const at = words + r * to_row + c * to_column;
      if (adds) move_elements<std::uint16_t>(at, to_row, to_column, count, size, buffer, size, Index{1});
      for (Index i = 0; i < count; ++i) narrow(from + (r + i) * from_row + c, size, buffer + i * size, storage, adds);
      move_elements<std::uint16_t>(buffer, size, Index{1}, count, size, at, to_row, to_column);
    }
  }
}

/// Copies elements out of their storage, to contiguous columns.
template <class T>
void load_elements(const T* from, [[maybe_unused]] Storage storage, Index from_row, Index from_column, Index rows,
                   Index columns, T* to, Index to_row) {
  if constexpr (std::same_as<T, float>) {
    if (storage != Storage::scalar)
      return widen_elements(from, storage, from_row, from_column, rows, columns, to, to_row);
  }
  move_elements(from, from_row, from_column, rows, columns, to, to_row, Index{1});
}

/// Copies elements into their storage, from some that are contiguous along one axis; adds is for add_to.
template <class T>
void store_elements(const T* from, Index from_row, Index from_column, Index rows, Index columns, T* to,
                    [[maybe_unused]] Storage storage, Index to_row, Index to_column, bool adds) {
  if constexpr (std::same_as<T, float>) {
    if (storage != Storage::scalar) {
      return narrow_elements(from, from_row, from_column, rows, columns, to, storage, to_row, to_column, adds);
    }
  }
  move_elements(from, from_row, from_column, rows, columns, to, to_row, to_column, adds);
}

/// How a canonical job is cut: tiles of rows × columns, numbered in a fixed order.
template <class T>
class Tiling {
 public:
  Tiling(const ElementJob<T>& canonical, Kernel<T> kernel, const void* rule)
      : job_(canonical), kernel_(kernel), rule_(rule), inner_(canonical.extents.rank - 1) {
    const Index width = job_.extents[inner_];
    const bool long_rows = job_.contiguous(inner_) && (width >= short_run || job_.extents.rank == 1);
    direct_ = long_rows && job_.has_one_storage();
    if (direct_) {
      columns_ = std::min(width, run_elements);
    } else if (long_rows) {
      columns_ = std::min(width, converted_elements);
    } else {
      row_axis_ = choose_row_axis();
      merged_ = width < short_run;  // short rows: the whole tile is one run
      columns_ = std::min(width, row_axis_ < 0 ? tile_elements : tile_columns);
      if (row_axis_ >= 0) rows_ = std::min(job_.extents[row_axis_], tile_elements / columns_);
    }
    tiles_ = 1;
    for (int axis = 0; axis < job_.extents.rank; ++axis) tiles_ *= tiles_along(axis);
  }

  Index tiles() const { return tiles_; }

  /// The same cut of the same positions: sums over it have the same bits.
  bool same_cut(const Tiling& other) const {
    return job_.extents == other.job_.extents && direct_ == other.direct_ && columns_ == other.columns_ &&
           rows_ == other.rows_ && row_axis_ == other.row_axis_;
  }

  void run(Index tile, double* sums) const {
    Index start[max_rank] = {};
    Index rest = tile;
    for (int axis = inner_; axis >= 0; --axis) {
      const Index along = tiles_along(axis);
      start[axis] = (rest % along) * step(axis);
      rest /= along;
    }
    const Index columns = std::min(columns_, job_.extents[inner_] - start[inner_]);
    if (direct_) {
      Run<T> run = at(start);
      run.size = columns;
      kernel_(rule_, run, sums);
    } else {
      const Index rows = row_axis_ < 0 ? 1 : std::min(rows_, job_.extents[row_axis_] - start[row_axis_]);
      run_packed(at(start), rows, columns, sums);
    }
  }

 private:
  /// The axis along which an operand that is not contiguous along the inner one is: tiles are cut along both.
  int choose_row_axis() const {
    const auto contiguous_axis = [&](const auto& each) {
      if (each.data == nullptr || each.stride[inner_] == 1 || each.stride[inner_] == 0) return -1;
      for (int axis = 0; axis < inner_; ++axis) {
        if (each.stride[axis] == 1) return axis;
      }
      return -1;
    };
    for (const auto& each : job_.in) {
      if (const int axis = contiguous_axis(each); axis >= 0) return axis;
    }
    for (const auto& each : job_.out) {
      if (const int axis = contiguous_axis(each); axis >= 0) return axis;
    }
    return inner_ - 1;
  }

  Index step(int axis) const { return axis == inner_ ? columns_ : axis == row_axis_ ? rows_ : 1; }
  Index tiles_along(int axis) const { return (job_.extents[axis] + step(axis) - 1) / step(axis); }

  Run<T> at(const Index* start) const {
    Run<T> run;
    set_factors(job_, run);
    const auto shift = [&](const auto& each) {
      auto moved = each;
      for (int axis = 0; axis <= inner_ && moved.data != nullptr; ++axis) moved.skip(start[axis] * each.stride[axis]);
      return moved.data;
    };
    for (int i = 0; i < max_inputs; ++i) run.in[i] = shift(job_.in[i]);
    for (int i = 0; i < max_outputs; ++i) run.out[i] = shift(job_.out[i]);
    return run;
  }

  [[gnu::noinline]] void run_packed(const Run<T>& from, Index rows, Index columns, double* sums) const {
    alignas(64) T buffers[max_inputs + max_outputs][tile_elements];
    const auto row_stride = [&](const auto& each) { return row_axis_ < 0 ? 0 : each.stride[row_axis_]; };
    const auto is_packed = [&](const auto& each) {
      return each.stride[inner_] != 1 || merged_ || each.storage != Storage::scalar;
    };
    Run<T> run = from;
    Index in_step[max_inputs] = {};
    Index out_step[max_outputs] = {};
    for (int i = 0; i < max_inputs; ++i) {
      if (run.in[i] == nullptr) continue;
      in_step[i] = row_stride(job_.in[i]);
      if (!is_packed(job_.in[i])) continue;
      load_elements(run.in[i], job_.in[i].storage, in_step[i], job_.in[i].stride[inner_], rows, columns, buffers[i],
                    columns);
      run.in[i] = buffers[i];
      in_step[i] = columns;
    }
    bool unpacks[max_outputs] = {};
    for (int i = 0; i < max_outputs; ++i) {
      if (run.out[i] == nullptr) continue;
      out_step[i] = row_stride(job_.out[i]);
      if (!is_packed(job_.out[i])) continue;
      unpacks[i] = true;
      run.adds[i] = false;  // the copy adds
      run.out[i] = buffers[max_inputs + i];
      out_step[i] = columns;
    }
    const Index calls = merged_ ? 1 : rows;
    run.size = merged_ ? rows * columns : columns;
    double own[max_sums] = {};  // of the tile: sums of few are rounded less
    for (Index call = 0; call < calls; ++call) {
      kernel_(rule_, run, own);
      for (int i = 0; i < max_inputs; ++i) {
        if (run.in[i] != nullptr) run.in[i] += in_step[i];
      }
      for (int i = 0; i < max_outputs; ++i) {
        if (run.out[i] != nullptr) run.out[i] += out_step[i];
      }
    }
    for (int i = 0; i < max_sums; ++i) sums[i] += own[i];
    for (int i = 0; i < max_outputs; ++i) {
      if (!unpacks[i]) continue;
      store_elements(buffers[max_inputs + i], columns, Index{1}, rows, columns, from.out[i], job_.out[i].storage,
                     row_stride(job_.out[i]), job_.out[i].stride[inner_], job_.adds[i]);
    }
  }

  ElementJob<T> job_;
  Kernel<T> kernel_;
  const void* rule_;
  int inner_;
  int row_axis_ = -1;
  bool direct_ = false;
  bool merged_ = false;
  Index columns_ = 1;
  Index rows_ = 1;
  Index tiles_ = 0;
};

/// How many chunks a size is cut into: by the size alone, so that the order of a sum never depends on the threads.
inline Index chunks_of(Index elements, Index units) {
  return std::clamp<Index>(std::min(elements / chunk_elements, units), 1, max_chunks);
}

/// ⌊i · units / chunks⌋, where chunk i begins; the product may be more than an Index of 32 bits holds.
inline Index chunk_begin(Index i, Index units, Index chunks) {
  return units / chunks * i + units % chunks * i / chunks;
}

/// The sums of a function over units, in a fixed order: f(first, last, sums) for each chunk.
template <class F>
void sum_over(Index elements, Index units, int count, const Executor& executor, double* sums, const F& f) {
  const Index chunks = chunks_of(elements, units);
  if (chunks == 1) {
    f(Index{0}, units, sums);
    return;
  }
  double partial[max_chunks][max_sums] = {};
  const auto chunk = [&](Index i) {
    double local[max_sums] = {};  // neighbours in `partial` share cache lines
    f(chunk_begin(i, units, chunks), chunk_begin(i + 1, units, chunks), local);
    std::copy_n(local, max_sums, partial[i]);
  };
  (elements < parallel_elements ? Executor{} : executor)(chunks, chunk);
  for (Index i = 0; i < chunks; ++i) {
    for (int s = 0; s < count; ++s) sums[s] += partial[i][s];
  }
}

/// Runs a kernel over a job; its sums are added to `sums`.
template <class T>
void traverse(const ElementJob<T>& job, Kernel<T> kernel, const void* rule, const Executor& executor, double* sums) {
  const Index elements = job.extents.count();
  if (elements == 0) return;
  const Tiling<T> tiling(job.canonical(), kernel, rule);
  sum_over(elements, tiling.tiles(), job.sums, executor, sums, [&](Index first, Index last, double* local) {
    for (Index tile = first; tile < last; ++tile) tiling.run(tile, local);
  });
}

/// As traverse, for a job with outputs: the sums have the bits that the job without them gives.
template <class T>
void traverse_with_outputs(const ElementJob<T>& job, Kernel<T> kernel, Kernel<T> value, const void* rule,
                           const Executor& executor, double* sums) {
  const Index elements = job.extents.count();
  if (elements == 0) return;
  ElementJob<T> inputs = job;
  for (int i = 0; i < max_outputs; ++i) {
    inputs.out[i] = {};
    inputs.adds[i] = false;
  }
  const Tiling<T> with(job.canonical(), kernel, rule);
  const Tiling<T> without(inputs.canonical(), value, rule);
  double ignored[max_sums] = {};
  const bool same = with.same_cut(without);
  // An output in another order than the inputs changes the cut: then the sums are taken in a pass of their own, first,
  // since the output may be the input.
  if (!same) traverse(inputs, value, rule, executor, sums);
  sum_over(elements, with.tiles(), job.sums, executor, same ? sums : ignored,
           [&](Index first, Index last, double* local) {
             for (Index tile = first; tile < last; ++tile) with.run(tile, local);
           });
}

}  // namespace LOSSES_NAMESPACE::detail
