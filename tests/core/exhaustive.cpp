// SPDX-License-Identifier: MIT

/// Every one-argument function on Lanes: first over many doubles against the standard library in long double, then over
/// all 2^32 floats against itself in double, which is a thousand times finer than is asked of it. Prints the largest
/// error of each; fails if one is above its bound. An odd number as argument makes it a sample: every so many floats.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "accuracy_bounds.hpp"

namespace {

using losses::Lanes;

template <class T>
struct Worst {
  double ulp = 0;
  T x = 0;

  void see(double error, T at) {
    if (error > ulp) *this = {error, at};
  }
};

/// The i-th of a sequence of doubles: every other one spread evenly over the bit patterns, the rest over intervals
/// around 0.
double sample(std::uint64_t i) {
  std::uint64_t bits = i * 0x9e3779b97f4a7c15u;  // the finaliser of SplitMix64
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  bits ^= bits >> 31;
  if (i % 2 == 0) return std::bit_cast<double>(bits);
  constexpr double spans[] = {0.5, 1, 3, 40, 800};
  return (static_cast<double>(bits >> 10) * 0x1p-53 - 1) * spans[(i / 2) % 5];
}

template <class F>
Worst<double> worst_double(const F& f, std::uint64_t first, std::uint64_t last) {
  using V = Lanes<double>;
  Worst<double> worst;
  double x[V::size], y[V::size];
  for (std::uint64_t i = first; i < last; i += V::size) {
    for (unsigned k = 0; k < V::size; ++k) x[k] = sample(i + k);
    f.apply(V::load(x)).store(y);
    for (unsigned k = 0; k < V::size; ++k) {
      if (x[k] < f.lo || x[k] > f.hi) continue;
      worst.see(accuracy::ulp_error(y[k], f.reference(static_cast<long double>(x[k]))), x[k]);
    }
  }
  return worst;
}

template <class F>
Worst<float> worst_float(const F& f, std::uint64_t first, std::uint64_t last, std::uint64_t stride) {
  using V = Lanes<float>;
  Worst<float> worst;
  float x[V::size], y[V::size];
  double exact[V::size];
  for (std::uint64_t i = first; i < last; i += V::size) {
    for (unsigned k = 0; k < V::size; ++k) x[k] = std::bit_cast<float>(static_cast<std::uint32_t>((i + k) * stride));
    const V all = V::load(x);
    f.apply(all).store(y);
    const auto halves = widen(all);
    f.apply(halves.lo).store(exact);
    f.apply(halves.hi).store(exact + V::size / 2);
    for (unsigned k = 0; k < V::size; ++k) {
      if (double(x[k]) < f.lo || double(x[k]) > f.hi) continue;
      worst.see(accuracy::ulp_error(y[k], exact[k]), x[k]);
    }
  }
  return worst;
}

template <class T, class Search>
Worst<T> in_threads(std::uint64_t count, Search search) {
  const unsigned n = std::max(1u, std::thread::hardware_concurrency());
  const std::uint64_t share = count / n / 64 * 64;
  std::vector<Worst<T>> results(n);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < n; ++t) {
    threads.emplace_back([&, t] { results[t] = search(t * share, t + 1 == n ? count : (t + 1) * share); });
  }
  for (std::thread& thread : threads) thread.join();
  Worst<T> worst;
  for (const Worst<T>& r : results) worst.see(r.ulp, r.x);
  return worst;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t stride = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  bool good = true;
  std::printf("%-12s %8s %6s %16s %10s %6s %25s\n", "function", "float", "bound", "at", "double", "bound", "at");
  accuracy::for_each_function([&](const auto& f) {
    const auto wide =
        in_threads<double>((std::uint64_t(1) << 24) / (stride > 1 ? 8 : 1),
                           [&](std::uint64_t first, std::uint64_t last) { return worst_double(f, first, last); });
    const auto single =
        in_threads<float>((std::uint64_t(1) << 32) / stride,
                          [&](std::uint64_t first, std::uint64_t last) { return worst_float(f, first, last, stride); });
    const bool within = single.ulp <= f.float_ulp + 1e-6 && wide.ulp <= f.double_ulp + 1e-3;
    good = good && within;
    std::printf("%-12s %8.4f %6.2f %16.9g %10.4f %6.2f %25.17g%s\n", f.name, single.ulp, f.float_ulp,
                static_cast<double>(single.x), wide.ulp, f.double_ulp, wide.x, within ? "" : "  TOO LARGE");
    std::fflush(stdout);
  });
  return good ? 0 : 1;
}
