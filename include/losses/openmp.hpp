// SPDX-License-Identifier: MIT
#pragma once

/// OpenMP's threads as an execution policy: loss.forward(losses::openmp, prediction, target).
///
/// Compile with -fopenmp. losses.hpp does not include this header: no other one knows of OpenMP.

#ifndef _OPENMP
#error "losses/openmp.hpp needs OpenMP: compile with -fopenmp, or use losses::parallel with a pool of threads"
#endif

#include <omp.h>

#include <losses/core/parallel.hpp>

namespace LOSSES_NAMESPACE {

/// Runs on the threads of OpenMP.
struct OpenMP {
  detail::Executor executor() const {
    const auto run = [](void*, detail::Index chunks, const detail::ChunkTask& task) {
#pragma omp parallel for schedule(dynamic, 1)
      for (detail::Index chunk = 0; chunk < chunks; ++chunk) task.run(task.context, chunk);
    };
    return {run, nullptr};
  }

  /// The policy itself: openmp() is openmp.
  OpenMP operator()() const { return *this; }
};

/// The policy that uses as many threads as OpenMP gives: OMP_NUM_THREADS, omp_set_num_threads; one inside a parallel region of
/// the caller's. The result has the same bits as without it, for every number of threads; small inputs stay on the calling
/// thread.
inline constexpr OpenMP openmp;

}  // namespace LOSSES_NAMESPACE
