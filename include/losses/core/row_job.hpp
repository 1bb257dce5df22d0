// SPDX-License-Identifier: MIT
#pragma once

/// The work of a per_row driver: where the classes and the samples of each operand lie.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <losses/core/target_distribution.hpp>

namespace LOSSES_NAMESPACE::detail {

/// The samples of a batch: their axes, ordered by the strides of the logits and merged, and each operand's strides
/// along them. The class axis has a stride of its own.
template <class T>
struct RowJob {
  enum Which { logits, distribution, weights, gradient, values, labels, mask, operands };

  int rank = 0;
  Index size[max_rank] = {};
  Index stride[operands][max_rank] = {};
  Index classes = 0;
  Index class_stride[operands] = {};
  Storage storage[operands] = {};
  const T* x = nullptr;
  const T* h = nullptr;
  const T* w = nullptr;
  T* g = nullptr;
  T* out = nullptr;  // unreduced values
  Labels y;
  const bool* kept = nullptr;  // of a mask
  TargetOptions<T> target;
  const NumberOrVector<T>* label_weights = nullptr;  // multiply the terms of a label path
  T uniform_weight = 1;                              // multiplies all
  std::int64_t ignore_index = -100;
  const void* rule = nullptr;
  RowTerms<T> terms = nullptr;  // null: −Σ q log p
  T far = far_below<T>;
  T scale = 1;
  bool adds = false;
  bool curvature = false;

  /// The memory of an operand, `offset` elements on.
  template <class S>
  S* at(S* data, Which which, Index offset) const {
    return shifted(data, offset, storage[which]);
  }
  bool is_stored(Which which) const { return storage[which] != Storage::scalar; }

  T weight_at(Index offset) const { return read_number(w, offset, storage[weights]); }

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

/// The labels of `count` samples from `flat` on, and their weights. Without labels the references are not written; labels that
/// are ignored have weight 0.
template <class T>
void load_references(const RowJob<T>& job, Index flat, Index count, T* reference, T* weight) {
  using Job = RowJob<T>;
  const int inner = job.rank - 1;
  if (job.y.data == nullptr) std::fill_n(weight, count, job.uniform_weight);
  job.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
    if (job.y.data != nullptr) {
      // By value: what is stored here could be an option otherwise.
      const auto take = [classes = static_cast<std::uint64_t>(job.classes), ignored = job.ignore_index,
                         uniform = job.uniform_weight, to = reference + first,
                         weight_to = weight + first](std::int64_t label, Index i) {
        // Of labels that are not valid only those with weight 0 come this far.
        const bool kept = (label != ignored) & (static_cast<std::uint64_t>(label) < classes);
        to[i] = static_cast<T>(kept ? label : 0);
        weight_to[i] = kept ? uniform : T(0);
      };
      for_labels(job.y, at[Job::labels], job.stride[Job::labels][inner], length, take);
    }
    if (job.w == nullptr) return;
    const Index step = job.stride[Job::weights][inner];
    for (Index i = first; i < first + length; ++i) {
      if (weight[i] != T(0)) weight[i] *= job.weight_at(at[Job::weights] + (i - first) * step);
    }
  });
}

/// Memory on the stack for the usual number of classes, on the heap beyond.
template <class T,
          Index size_on_stack = 65536 / static_cast<Index>(sizeof(T))>  // a register of samples of 1024 classes
class Scratch {
 public:
  static constexpr Index on_stack = size_on_stack;
  explicit Scratch(Index size) {
    if (size > on_stack) heap_ = std::make_unique<T[]>(static_cast<std::size_t>(size));
  }
  T* data() { return heap_ ? heap_.get() : stack_; }

 private:
  alignas(64) T stack_[on_stack];
  std::unique_ptr<T[]> heap_;
};

}  // namespace LOSSES_NAMESPACE::detail
