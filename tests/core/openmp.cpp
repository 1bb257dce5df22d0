// SPDX-License-Identifier: MIT
// Built where OpenMP is found.

#include <losses/openmp.hpp>

#include "catch.hpp"

#include <array>
#include <atomic>
#include <chrono>

#include <losses/regression/huber.hpp>
#include <losses/segmentation/dice.hpp>

namespace {

/// Runs f with so many threads, and gives OpenMP back as it was.
template <class F>
void with_threads(int threads, const F& f) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  f();
  omp_set_num_threads(before);
}

/// Huber, which tells whether a thread other than the caller's ran it.
struct Traced : losses::rule::Huber<double> {
  static inline std::atomic<bool> elsewhere{false};

  template <class V>
  losses::Terms<V> operator()(V p, V y) const {
    if (omp_get_thread_num() != 0) elsewhere = true;
    return losses::rule::Huber<double>::operator()(p, y);
  }
};

const losses::Loss<Traced> huber;

}  // namespace

TEST_CASE("openmp: the bits of a serial call, for every number of threads") {
  const Eigen::MatrixXd p = Eigen::MatrixXd::Random(701, 1003).cwiseAbs(), y = p.reverse();
  const auto check = [&](const auto& loss) {
    Eigen::MatrixXd serial, shared;
    const double value = loss.value_and_gradient(p, y, serial);
    for (const int threads : {1, 2, 3, 4, 8}) {
      with_threads(threads, [&] {
        shared.setZero();
        CHECK(loss.value_and_gradient(losses::openmp, p, y, shared) == value);
        CHECK(loss.forward(losses::openmp, p, y) == value);
      });
      CHECK(shared == serial);
    }
  };
  check(huber);
  check(losses::Dice<double>());
}

TEST_CASE("openmp: two threads share the chunks, and each chunk runs once") {
  std::array<std::atomic<int>, 100> runs{};
  std::atomic<int> arrived{0};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  with_threads(2, [&] {
    losses::openmp().executor()(100, [&](Eigen::Index chunk) {
      ++runs[static_cast<std::size_t>(chunk)];
      // The first chunk waits for a second one, which another thread must run.
      ++arrived;
      while (arrived < 2 && std::chrono::steady_clock::now() < deadline) {
      }
    });
  });
  CHECK(std::chrono::steady_clock::now() < deadline);
  for (const auto& times : runs) CHECK(times == 1);
}

TEST_CASE("openmp: a small input stays on the calling thread") {
  const Eigen::VectorXd p = Eigen::VectorXd::Random(4096), y = Eigen::VectorXd::Random(4096);
  Traced::elsewhere = false;
  with_threads(4, [&] { CHECK(huber.forward(losses::openmp(), p, y) == huber.forward(p, y)); });
  CHECK(!Traced::elsewhere);
}

TEST_CASE("openmp: each thread of a caller's parallel region may call a loss") {
  const Eigen::VectorXd p = Eigen::VectorXd::Random(300000), y = Eigen::VectorXd::Random(300000);
  const double value = huber.forward(p, y);
  std::atomic<int> same{0};
  with_threads(3, [&] {
#pragma omp parallel
    if (huber.forward(losses::openmp(), p, y) == value) ++same;
  });
  CHECK(same == 3);
}
