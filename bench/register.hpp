// SPDX-License-Identifier: MIT
#pragma once

/// Names and bytes of the Google Benchmark programs: loss/verb/type/shape/order, bytes read and written once.

#include <benchmark/benchmark.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "data.hpp"

namespace bench {

/// A call's cost, the first and second cache, and memory.
inline constexpr Index vector_sizes[] = {4, 32, 256, 2048, Index(1) << 16U, Index(1) << 24U};

template <std::floating_point T>
std::string type_name() {
  return sizeof(T) == sizeof(float) ? "float" : "double";
}

inline std::string shape_name(std::initializer_list<Index> sizes) {
  std::string name;
  for (const Index size : sizes) {
    if (!name.empty()) name += 'x';
    name += std::to_string(size);
  }
  return name;
}

/// Registers what `prepare()` returns: a function to be timed, and the bytes that it must read and write. The data are
/// made when the benchmark runs, and given back after it.
template <class Prepare>
void add_benchmark(const std::string& name, Prepare prepare) {
  benchmark::RegisterBenchmark(name.c_str(), [prepare](benchmark::State& state) {
    auto [run, bytes] = prepare();
    for (auto _ : state) {
      benchmark::DoNotOptimize(run());
      benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(bytes));
  });
}

}  // namespace bench
