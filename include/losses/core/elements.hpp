// SPDX-License-Identifier: MIT
#pragma once

/// Walks operands of one shape and any strides together, and hands contiguous runs to a kernel. It knows no rule, so it
/// compiles once per scalar.
///
/// The axes are ordered by the strides of the first prediction and merged where all operands allow it. A run is direct
/// where its operands are contiguous; operands that are not are packed, tile by tile, into buffers on the stack.

#include <algorithm>
#include <cstdlib>
#include <iterator>

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
inline constexpr Index tile_columns = 64;
inline constexpr Index tile_rows = 32;

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
};

template <class T>
Operand<T> operand(const View<T>& view) {
  Operand<T> result{view.data, {}};
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

  bool adds_any() const { return adds[0] || adds[1]; }

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
    for (const auto& each : in) {
      if (each.data != nullptr && each.stride[axis] != 1) return false;
    }
    for (const auto& each : out) {
      if (each.data != nullptr && each.stride[axis] != 1) return false;
    }
    return true;
  }

 private:
  void set_axis(int axis, const ElementJob& from, int source) {
    extents.size[axis] = from.extents.size[source];
    for (int i = 0; i < max_inputs; ++i) in[i].stride[axis] = from.in[i].stride[source];
    for (int i = 0; i < max_outputs; ++i) out[i].stride[axis] = from.out[i].stride[source];
  }

  bool continues(int outer, int inner) const {
    const auto merges = [&](const auto& each) {
      return each.data == nullptr || each.stride[outer] == each.stride[inner] * extents[inner];
    };
    return std::all_of(std::begin(in), std::end(in), merges) && std::all_of(std::begin(out), std::end(out), merges);
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

/// destination[r·columns + c] = source[r·row_stride + c·column_stride]
template <class T>
void pack(const T* source, Index row_stride, Index column_stride, Index rows, Index columns, T* destination) {
  if (column_stride == 1) {
    for (Index r = 0; r < rows; ++r) std::copy_n(source + r * row_stride, columns, destination + r * columns);
  } else if (column_stride == 0) {
    for (Index r = 0; r < rows; ++r) std::fill_n(destination + r * columns, columns, source[r * row_stride]);
  } else {
    constexpr Index block = 8;
    for (Index r0 = 0; r0 < rows; r0 += block) {
      const Index r1 = std::min(rows, r0 + block);
      for (Index c = 0; c < columns; ++c) {
        for (Index r = r0; r < r1; ++r) destination[r * columns + c] = source[r * row_stride + c * column_stride];
      }
    }
  }
}

/// The reverse; adds is for add_to.
template <class T>
void unpack(const T* source, Index rows, Index columns, T* destination, Index row_stride, Index column_stride,
            bool adds) {
  const auto move = [&](auto put) {
    constexpr Index block = 8;
    for (Index r0 = 0; r0 < rows; r0 += block) {
      const Index r1 = std::min(rows, r0 + block);
      for (Index c = 0; c < columns; ++c) {
        for (Index r = r0; r < r1; ++r) put(destination[r * row_stride + c * column_stride], source[r * columns + c]);
      }
    }
  };
  if (adds) {
    move([](T& to, T from) { to += from; });
  } else if (column_stride == 1) {
    for (Index r = 0; r < rows; ++r) std::copy_n(source + r * columns, columns, destination + r * row_stride);
  } else {
    move([](T& to, T from) { to = from; });
  }
}

/// How a canonical job is cut: tiles of rows × columns, numbered in a fixed order.
template <class T>
class Tiling {
 public:
  /// The kernel writes its outputs; the adding one adds to them (null where the job does not).
  Tiling(const ElementJob<T>& canonical, Kernel<T> kernel, Kernel<T> adding, const void* rule)
      : job_(canonical), kernel_(kernel), adding_(adding), rule_(rule), inner_(canonical.extents.rank - 1) {
    const Index width = job_.extents[inner_];
    direct_ = job_.contiguous(inner_) && (width >= tile_columns || job_.extents.rank == 1);
    if (direct_) {
      columns_ = std::min(width, run_elements);
    } else {
      row_axis_ = choose_row_axis();
      merged_ = width < tile_columns;  // short rows: the whole tile is one run
      columns_ = merged_ ? width : tile_columns;
      if (row_axis_ >= 0) rows_ = std::min(job_.extents[row_axis_], tile_rows * tile_columns / columns_);
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
      (job_.adds_any() ? adding_ : kernel_)(rule_, run, sums);
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
      auto* data = each.data;
      if (data != nullptr) {
        for (int axis = 0; axis <= inner_; ++axis) data += start[axis] * each.stride[axis];
      }
      return data;
    };
    for (int i = 0; i < max_inputs; ++i) run.in[i] = shift(job_.in[i]);
    for (int i = 0; i < max_outputs; ++i) run.out[i] = shift(job_.out[i]);
    return run;
  }

  [[gnu::noinline]] void run_packed(const Run<T>& from, Index rows, Index columns, double* sums) const {
    alignas(64) T buffers[max_inputs + max_outputs][tile_rows * tile_columns];
    const auto row_stride = [&](const auto& each) { return row_axis_ < 0 ? 0 : each.stride[row_axis_]; };
    Run<T> run = from;
    Index in_step[max_inputs] = {};
    Index out_step[max_outputs] = {};
    for (int i = 0; i < max_inputs; ++i) {
      if (run.in[i] == nullptr) continue;
      in_step[i] = row_stride(job_.in[i]);
      if (job_.in[i].stride[inner_] == 1 && !merged_) continue;
      pack(run.in[i], in_step[i], job_.in[i].stride[inner_], rows, columns, buffers[i]);
      run.in[i] = buffers[i];
      in_step[i] = columns;
    }
    bool unpacks[max_outputs] = {};
    const bool adds = job_.adds_any();
    for (int i = 0; i < max_outputs; ++i) {
      if (run.out[i] == nullptr) continue;
      out_step[i] = row_stride(job_.out[i]);
      // With add_to every output goes through a buffer, and adding is left to unpack.
      if (job_.out[i].stride[inner_] == 1 && !merged_ && !adds) continue;
      unpacks[i] = true;
      run.out[i] = buffers[max_inputs + i];
      out_step[i] = columns;
    }
    const Index calls = merged_ ? 1 : rows;
    run.size = merged_ ? rows * columns : columns;
    for (Index call = 0; call < calls; ++call) {
      kernel_(rule_, run, sums);
      for (int i = 0; i < max_inputs; ++i) {
        if (run.in[i] != nullptr) run.in[i] += in_step[i];
      }
      for (int i = 0; i < max_outputs; ++i) {
        if (run.out[i] != nullptr) run.out[i] += out_step[i];
      }
    }
    for (int i = 0; i < max_outputs; ++i) {
      if (!unpacks[i]) continue;
      unpack(buffers[max_inputs + i], rows, columns, from.out[i], row_stride(job_.out[i]), job_.out[i].stride[inner_],
             job_.adds[i]);
    }
  }

  ElementJob<T> job_;
  Kernel<T> kernel_;
  Kernel<T> adding_;
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
    f(i * units / chunks, (i + 1) * units / chunks, local);
    std::copy_n(local, max_sums, partial[i]);
  };
  (elements < parallel_elements ? Executor{} : executor)(chunks, chunk);
  for (Index i = 0; i < chunks; ++i) {
    for (int s = 0; s < count; ++s) sums[s] += partial[i][s];
  }
}

/// Runs a kernel over a job; its sums are added to `sums`.
template <class T>
void traverse(const ElementJob<T>& job, Kernel<T> kernel, Kernel<T> adding, const void* rule, const Executor& executor,
              double* sums) {
  const Index elements = job.extents.count();
  if (elements == 0) return;
  const Tiling<T> tiling(job.canonical(), kernel, adding, rule);
  sum_over(elements, tiling.tiles(), job.sums, executor, sums, [&](Index first, Index last, double* local) {
    for (Index tile = first; tile < last; ++tile) tiling.run(tile, local);
  });
}

/// As traverse, for a job with outputs: the sums have the bits that the job without them gives.
template <class T>
void traverse_with_outputs(const ElementJob<T>& job, Kernel<T> kernel, Kernel<T> adding, Kernel<T> value,
                           const void* rule, const Executor& executor, double* sums) {
  const Index elements = job.extents.count();
  if (elements == 0) return;
  ElementJob<T> inputs = job;
  for (int i = 0; i < max_outputs; ++i) {
    inputs.out[i] = {};
    inputs.adds[i] = false;
  }
  const Tiling<T> with(job.canonical(), kernel, adding, rule);
  const Tiling<T> without(inputs.canonical(), value, nullptr, rule);
  double ignored[max_sums] = {};
  const bool same = with.same_cut(without);
  // An output in another order than the inputs changes the cut: then the sums are taken in a pass of their own, first,
  // since the output may be the input.
  if (!same) traverse(inputs, value, Kernel<T>{}, rule, executor, sums);
  sum_over(elements, with.tiles(), job.sums, executor, same ? sums : ignored,
           [&](Index first, Index last, double* local) {
             for (Index tile = first; tile < last; ++tile) with.run(tile, local);
           });
}

}  // namespace LOSSES_NAMESPACE::detail
