// SPDX-License-Identifier: MIT
#pragma once

/// The counter of P10: with glibc every way to the heap is counted, elsewhere operator new. One file of a program includes it.

#include <atomic>
#include <cstdlib>
#include <new>

namespace losses_test::promises {

inline std::atomic<long> allocations{0};

template <class Call>
long allocations_of(const Call& call) {
  const long before = allocations.load();
  call();
  return allocations.load() - before;
}

}  // namespace losses_test::promises

#if defined(__GLIBC__)

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  ++losses_test::promises::allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++losses_test::promises::allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  ++losses_test::promises::allocations;
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++losses_test::promises::allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  ++losses_test::promises::allocations;
  *result = __libc_memalign(alignment, size);
  return *result == nullptr ? 12 : 0;
}
}

#else

void* operator new(std::size_t size) {
  ++losses_test::promises::allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

#endif
