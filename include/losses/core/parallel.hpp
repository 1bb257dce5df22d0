// SPDX-License-Identifier: MIT
#pragma once

/// The execution policy: where the chunks of a large input run. Which chunks there are depends on the size alone, so
/// the bits of a result do not depend on the policy.

#include <atomic>
#include <concepts>
#include <memory>

#include <Eigen/Core>

#include <losses/core/config.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

using Index = Eigen::Index;

/// A task for each chunk, erased to one function and its context.
struct ChunkTask {
  void (*run)(const void* context, Index chunk) = nullptr;
  const void* context = nullptr;
};

/// A policy, erased: nullptr runs the chunks one after the other on the calling thread.
struct Executor {
  void (*run)(void* pool, Index chunks, const ChunkTask& task) = nullptr;
  void* pool = nullptr;

  template <class F>
  void operator()(Index chunks, const F& f) const {
    if (run == nullptr || chunks < 2) {
      for (Index chunk = 0; chunk < chunks; ++chunk) f(chunk);
    } else {
      run(pool, chunks, {[](const void* context, Index chunk) { (*static_cast<const F*>(context))(chunk); }, &f});
    }
  }
};

/// The chunks that are still to be taken. A worker that the pool starts late finds none left, so this outlives the
/// call.
struct ChunkQueue {
  ChunkQueue(Index total, const ChunkTask& work) : chunks(total), task(work) {}

  void drain() {
    for (Index chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) {
      task.run(task.context, chunk);
      if (done.fetch_add(1, std::memory_order_acq_rel) + 1 == chunks) done.notify_all();
    }
  }

  void wait() const {
    for (Index seen; (seen = done.load(std::memory_order_acquire)) < chunks;)
      done.wait(seen, std::memory_order_acquire);
  }

  Index chunks;
  ChunkTask task;
  std::atomic<Index> next{0};
  std::atomic<Index> done{0};
};

}  // namespace detail

/// A pool of threads: Eigen::ThreadPool, or anything with its two functions.
template <class Pool>
concept ThreadPool = requires(Pool& pool) {
  { pool.NumThreads() } -> std::convertible_to<int>;
  pool.Schedule([] {});
};

/// Runs on the calling thread: the default.
struct Serial {
  detail::Executor executor() const { return {}; }
};
inline constexpr Serial serial{};

/// Runs on the threads of a pool and the calling one.
template <ThreadPool Pool>
struct Parallel {
  Pool* pool;

  detail::Executor executor() const {
    const auto run = [](void* erased, detail::Index chunks, const detail::ChunkTask& task) {
      Pool& threads = *static_cast<Pool*>(erased);
      const auto queue = std::make_shared<detail::ChunkQueue>(chunks, task);
      const detail::Index helpers = threads.NumThreads() < chunks - 1 ? threads.NumThreads() : chunks - 1;
      for (detail::Index helper = 0; helper < helpers; ++helper) threads.Schedule([queue] { queue->drain(); });
      queue->drain();
      queue->wait();
    };
    return {run, pool};
  }
};

/// The policy that uses a pool: loss.forward(losses::parallel(pool), prediction, target). The result has the same bits
/// as without it, for every number of threads; small inputs stay on the calling thread.
template <ThreadPool Pool>
Parallel<Pool> parallel(Pool& pool) {
  return {&pool};
}

template <class P>
concept ExecutionPolicy = requires(const P& policy) {
  { policy.executor() } -> std::same_as<detail::Executor>;
};

}  // namespace LOSSES_NAMESPACE
