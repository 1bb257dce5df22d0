// SPDX-License-Identifier: MIT
#pragma once

/// Counts what a call takes from the heap: allocations.cpp replaces the C library's functions, where that is glibc.

namespace bench {

/// How often this process took memory from the heap; −1 where nobody counts.
long heap_allocations();

template <class Call>
long allocations_of(const Call& call) {
  const long before = heap_allocations();
  call();
  return before < 0 ? -1 : heap_allocations() - before;
}

}  // namespace bench
