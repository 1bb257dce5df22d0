// SPDX-License-Identifier: MIT
#pragma once

/// Memory for the recursions of per_sequence losses, kept from call to call.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE::detail {

/// A block of memory, handed out piece by piece.
class SequenceMemory {
 public:
  static constexpr std::size_t alignment = 64;

  /// What a piece takes of the block.
  template <class T>
  static std::size_t bytes(Index count) {
    return (static_cast<std::size_t>(count) * sizeof(T) + alignment - 1) / alignment * alignment;
  }

  /// Makes room, and takes all pieces back.
  void reserve(std::size_t bytes) {
    if (bytes > size_) {
      block_.reset();
      block_ = std::make_unique<std::byte[]>(bytes + alignment);
      size_ = bytes;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(block_.get());
    next_ = block_.get() + (alignment - address % alignment) % alignment;
  }

  template <class T>
  T* take(Index count) {
    T* piece = reinterpret_cast<T*>(next_);
    next_ += bytes<T>(count);
    return piece;
  }

 private:
  std::unique_ptr<std::byte[]> block_;
  std::size_t size_ = 0;
  std::byte* next_ = nullptr;
};

/// What a per_sequence loss computes in. Given to its verbs as the last argument, it is filled by the first call, and later
/// calls on sequences no longer than those allocate nothing. Calls on several threads may share it.
class SequenceWorkspace {
 public:
  SequenceWorkspace() = default;
  SequenceWorkspace(const SequenceWorkspace&) = delete;
  SequenceWorkspace& operator=(const SequenceWorkspace&) = delete;

  /// A block for one sequence at a time, given back at the end of the scope.
  class Lease {
   public:
    explicit Lease(const SequenceWorkspace& from) : from_(from), memory_(from.take()) {}
    ~Lease() { from_.give(std::move(memory_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    SequenceMemory& operator*() const { return *memory_; }

   private:
    const SequenceWorkspace& from_;
    std::unique_ptr<SequenceMemory> memory_;
  };

 private:
  using Block = std::unique_ptr<SequenceMemory>;

  Block take() const {
    const Lock lock(busy_);
    if (free_.empty()) {
      free_.reserve(++blocks_);  // so that giving back allocates nothing
      return std::make_unique<SequenceMemory>();
    }
    Block block = std::move(free_.back());
    free_.pop_back();
    return block;
  }

  void give(Block block) const {
    const Lock lock(busy_);
    free_.push_back(std::move(block));
  }

  struct Lock {
    explicit Lock(std::atomic_flag& flag) : busy(flag) {
      while (busy.test_and_set(std::memory_order_acquire)) busy.wait(true, std::memory_order_relaxed);
    }
    ~Lock() {
      busy.clear(std::memory_order_release);
      busy.notify_one();
    }
    std::atomic_flag& busy;
  };

  mutable std::atomic_flag busy_{};
  mutable std::vector<Block> free_;
  mutable std::size_t blocks_ = 0;
};

}  // namespace LOSSES_NAMESPACE::detail
