// SPDX-License-Identifier: MIT
// OpenMP's threads. This file alone is compiled with OpenMP, and tells Eigen not to use it: its products stay those of the
// other files.

#ifdef _OPENMP

#include <losses/classification/cross_entropy.hpp>
#include <losses/openmp.hpp>
#include <losses/regression/huber.hpp>
#include <losses/regression/log_cosh.hpp>

#include "rows.hpp"

namespace bench {

namespace {

/// OpenMP's two threads against one.
template <class Loss, class D>
Case shared(const Loss& loss, const std::shared_ptr<D>& data) {
  Case each{{}, {}, "one thread", {}, {}};
  each.clock = Clock::wall;
  const auto start = [] {
    omp_set_num_threads(2);
#pragma omp parallel
    keep(omp_get_thread_num());
  };
  if (!on_another_processor(start)) return each;
  each.ours = repeat([=] { return loss.value_and_gradient(losses::openmp, data->p, data->y, data->g); });
  each.limit = repeat([=] { return loss.value_and_gradient(data->p, data->y, data->g); });
  return each;
}

}  // namespace

std::vector<Row> rows_of_openmp() {
  using namespace losses;
  const LogCosh<float> log_cosh;
  const CrossEntropy<float> cross_entropy;
  return {{"OpenMP: LogCosh, n = 2^18", Bar::times_as_fast(1.8), [=] { return shared(log_cosh, residuals(1 << 18)); }},
          {"OpenMP: CrossEntropy 4096 × 1000", Bar::times_as_fast(1.8),
           [=] { return shared(cross_entropy, logits<RowMajorMatrix<float>>(4096, 1000)); }},
          {"OpenMP: Huber, n = 4096", Bar::times_limit_everywhere(1.05),
           [] { return shared(Huber<float>(), residuals(4096)); }}};
}

}  // namespace bench

#else

#include "rows.hpp"

std::vector<bench::Row> bench::rows_of_openmp() {
  return {};
}

#endif
