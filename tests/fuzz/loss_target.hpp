// SPDX-License-Identifier: MIT
#pragma once

/// A fuzz target for a room: the bytes choose a loss of it, its options, arguments and the ways to call it, and the results are
/// compared with each other and with the loss's formula in long double.
///
///   cmake --workflow --preset fuzz
///   build/fuzz/tests/fuzz_regression -max_total_time=600 new_inputs tests/fuzz/corpus/regression

#include <span>

#include <losses/compose/table.hpp>

#include "problem.hpp"
#include "target.hpp"

namespace losses_test {

/// Calls a loss of the list as the bytes say. What is wrong is printed with the call, and aborts.
template <class T>
void run_loss(const std::vector<losses::LossEntry<T>>& entries, std::span<const RoomReference> references,
              std::span<const std::uint8_t> bytes);

/// The first byte chooses between float and double, which costs a second table of losses: only the fuzzer has it.
template <class Entries>
void run_room(const Entries& entries, std::span<const RoomReference> references, std::span<const std::uint8_t> bytes) {
#if LOSSES_FUZZ_DOUBLE
  static const auto wide = entries.template operator()<double>();
  if (!bytes.empty() && (bytes[0] & 0x80) != 0) return run_loss(wide, references, bytes);
#endif
  static const auto narrow = entries.template operator()<float>();
  run_loss(narrow, references, bytes);
}

}  // namespace losses_test
