// SPDX-License-Identifier: MIT
// What libFuzzer calls: the one target of the program.

#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  losses_test::fuzz_targets().front().run(data, size);
  return 0;
}
