// SPDX-License-Identifier: MIT
// The same verb on a pool of threads: the policy comes first, and the bits of the result are the same.
//
// expect: same bits: yes

#include <chrono>
#include <cstdio>

#include <Eigen/Core>
#include <unsupported/Eigen/CXX11/ThreadPool>

#include <losses/regression.hpp>

int main() {
  const Eigen::Index n = Eigen::Index(1) << 23;
  const Eigen::VectorXf prediction = Eigen::VectorXf::LinSpaced(n, -3.0f, 3.0f);
  const Eigen::VectorXf target = prediction.reverse();
  Eigen::VectorXf serial_gradient(n), parallel_gradient(n);
  const losses::LogCosh<float> loss;

  const auto milliseconds = [](auto&& work) {
    work();  // warms the caches and the pool
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };

  float serial = 0, parallel = 0;
  std::printf("one thread:  %.1f ms\n",
              milliseconds([&] { serial = loss.value_and_gradient(prediction, target, serial_gradient); }));

  Eigen::ThreadPool pool(2);
  std::printf("two threads: %.1f ms\n", milliseconds([&] {
                parallel = loss.value_and_gradient(losses::parallel(pool), prediction, target, parallel_gradient);
              }));
  const bool same = serial == parallel && serial_gradient == parallel_gradient;
  std::printf("loss %.9g, same bits: %s\n", static_cast<double>(serial), same ? "yes" : "no");
}
