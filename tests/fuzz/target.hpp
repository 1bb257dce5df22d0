// SPDX-License-Identifier: MIT
#pragma once

/// The fuzz targets of a program: one with libFuzzer (fuzzer.cpp), all with the replay of the corpora (replay.cpp).

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace losses_test {

struct FuzzTarget {
  std::string_view name;  // of its corpus, tests/fuzz/corpus/<name>
  void (*run)(const std::uint8_t* data, std::size_t size);
};

inline std::vector<FuzzTarget>& fuzz_targets() {
  static std::vector<FuzzTarget> all;
  return all;
}

inline bool add_fuzz_target(std::string_view name, void (*run)(const std::uint8_t*, std::size_t)) {
  fuzz_targets().push_back({name, run});
  return true;
}

}  // namespace losses_test
