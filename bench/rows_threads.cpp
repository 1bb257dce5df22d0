// SPDX-License-Identifier: MIT
// Two threads against one, on the clock on the wall: the caller and a pool of one, each on a processor of its own.

#include <unsupported/Eigen/CXX11/ThreadPool>

#include <losses/classification.hpp>
#include <losses/metric.hpp>
#include <losses/regression.hpp>
#include <losses/segmentation.hpp>
#include <losses/sequence.hpp>

#include "rows.hpp"
#include "sequences.hpp"

namespace bench {

namespace {

/// A pool of one thread beside the caller; none where the process has one processor.
std::shared_ptr<Eigen::ThreadPool> pool() {
  std::shared_ptr<Eigen::ThreadPool> threads;
  on_another_processor([&] { threads = std::make_shared<Eigen::ThreadPool>(1); });
  return threads;
}

/// call(policy) on two threads against one.
template <class Call>
Case two_threads(const Call& call) {
  const auto threads = pool();
  if (!threads) return {};
  return {.ours = repeat([=] { return call(losses::parallel(*threads)); }),
          .limit = repeat([=] { return call(losses::serial); }),
          .limit_name = "one thread",
          .torch = {},
          .disagreement = {},
          .clock = Clock::wall};
}

template <class Loss, class D>
Case shared(const Loss& loss, const std::shared_ptr<D>& data) {
  return two_threads(
      [loss, data](const auto& policy) { return loss.value_and_gradient(policy, data->p, data->y, data->g); });
}

}  // namespace

std::vector<Row> rows_of_threads() {
  using namespace losses;
  const Bar bar = Bar::times_as_fast(1.8), no_slower = Bar::times_limit_everywhere(1.05);
  const Huber<float> huber;
  const BCEWithLogits<float> bce;
  const LogCosh<float> log_cosh;
  const CrossEntropy<float> cross_entropy;
  std::vector<Row> table;
  for (const int power : {17, 18, 20}) {
    const std::string size = ", n = 2^" + std::to_string(power);
    const Index n = Index(1) << power;
    const Bar of_size = power == 20 ? bar : Bar::none();
    table.push_back({"BCEWithLogits" + size, of_size, [=] { return shared(bce, binary_logits(n)); }});
    table.push_back({"LogCosh" + size, of_size, [=] { return shared(log_cosh, residuals(n)); }});
  }
  const std::vector<Row> rest = {
      {"CrossEntropy 4096 × 1000", bar,
       [=] { return shared(cross_entropy, logits<RowMajorMatrix<float>>(4096, 1000)); }},
      {"CrossEntropy 4096 × 1000, column-major", bar,
       [=] { return shared(cross_entropy, logits<ColumnMajorMatrix<float>>(4096, 1000)); }},
      {"SupCon, n 2048, d 128", bar, [] { return shared(SupCon<float>(), embeddings(2048, 128)); }},
      {"MinedTriplet batch_hard, n 2048, d 128", bar,
       [] { return shared(MinedTriplet<float>(), embeddings(2048, 128)); }},
      {"CTC T 150, n 32, c 80, S 40", bar,
       [] {
         const auto data = sequences(150, 32, 80, 40);
         return two_threads([data, loss = CTC<float>()](const auto& policy) {
           return loss.value_and_gradient(policy, data->x, data->targets, data->frames, data->labels, data->g,
                                          data->workspace);
         });
       }},
      {"MSE, n = 2^24", Bar::none(), [] { return shared(MSE<float>(), residuals(1 << 24)); }},
      {"Huber, n = 32", no_slower, [=] { return shared(huber, residuals(32)); }},
      {"Huber, n = 4096", no_slower, [=] { return shared(huber, residuals(4096)); }},
      {"Huber, n = 65536", no_slower, [=] { return shared(huber, residuals(65536)); }},
      {"Huber, n = 2^17", no_slower, [=] { return shared(huber, residuals(1 << 17)); }},
      {"CrossEntropy 256 × 10", no_slower,
       [=] { return shared(cross_entropy, logits<RowMajorMatrix<float>>(256, 10)); }},
      {"SupCon, n 64, d 32", no_slower, [] { return shared(SupCon<float>(), embeddings(64, 32)); }},
  };
  table.insert(table.end(), rest.begin(), rest.end());
  return table;
}

}  // namespace bench
