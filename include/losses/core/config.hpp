// SPDX-License-Identifier: MIT
#pragma once

/// What the build decides: the instruction set, exceptions, and the namespace that keeps builds apart.

#include <losses/version.hpp>

#if __cplusplus < 202002L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 202002L)
#error "losses needs C++20: compile with -std=c++20, or link the CMake target losses::losses"
#endif

#if (defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0)) && \
    !defined(LOSSES_ALLOW_FAST_MATH)
#error \
    "losses: -ffast-math and -ffinite-math-only remove the handling of NaN and infinity that losses are built on. Compile without them, or define LOSSES_ALLOW_FAST_MATH to accept wrong results there"
#endif

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#define LOSSES_EXCEPTIONS 1
#else
#define LOSSES_EXCEPTIONS 0
#endif

// The width of a register in bytes, and whether a fused multiply-add is one instruction.
#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define LOSSES_REGISTER_BYTES 64
#define LOSSES_ABI_ISA avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define LOSSES_REGISTER_BYTES 32
#define LOSSES_ABI_ISA avx2_fma
#elif defined(__AVX2__)
#define LOSSES_REGISTER_BYTES 32
#define LOSSES_ABI_ISA avx2
#elif defined(__AVX__)
#define LOSSES_REGISTER_BYTES 16
#define LOSSES_ABI_ISA avx
#elif defined(__SSE4_1__)
#define LOSSES_REGISTER_BYTES 16
#define LOSSES_ABI_ISA sse41
#elif defined(__SSE2__)
#define LOSSES_REGISTER_BYTES 16
#define LOSSES_ABI_ISA sse2
#elif defined(__ARM_NEON)
#define LOSSES_REGISTER_BYTES 16
#define LOSSES_ABI_ISA neon
#else
#define LOSSES_REGISTER_BYTES 16
#define LOSSES_ABI_ISA generic
#endif

#if defined(__FMA__) || defined(__AVX512F__) || defined(__ARM_FEATURE_FMA) || defined(__aarch64__)
#define LOSSES_HAS_FMA 1
#else
#define LOSSES_HAS_FMA 0
#endif

#if LOSSES_EXCEPTIONS
#define LOSSES_ABI_EXCEPTIONS
#else
#define LOSSES_ABI_EXCEPTIONS _noexcept
#endif

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0)
#define LOSSES_ABI_MATH _fastmath
#else
#define LOSSES_ABI_MATH
#endif

// An inline function compiled twice with different flags must have two names, or the linker keeps one of them for both:
// everything lives in losses::inline <instruction set><exceptions><maths>.
#define LOSSES_CONCAT_(a, b, c) a##b##c
#define LOSSES_CONCAT(a, b, c) LOSSES_CONCAT_(a, b, c)
#define LOSSES_ABI LOSSES_CONCAT(LOSSES_ABI_ISA, LOSSES_ABI_EXCEPTIONS, LOSSES_ABI_MATH)

// Opens the library's namespace: namespace LOSSES_NAMESPACE { … }, namespace LOSSES_NAMESPACE::rule { … }.
#define LOSSES_NAMESPACE losses::inline LOSSES_ABI

#if defined(__GNUC__) || defined(__clang__)
#define LOSSES_INLINE [[gnu::always_inline]] inline
#define LOSSES_INLINE_LAMBDA __attribute__((always_inline))
#define LOSSES_COLD [[gnu::cold, gnu::noinline]]
#define LOSSES_VECTOR_EXTENSIONS 1
#else
#define LOSSES_INLINE inline
#define LOSSES_INLINE_LAMBDA
#define LOSSES_COLD
#define LOSSES_VECTOR_EXTENSIONS 0
#endif

// A kernel: everything that it calls becomes part of it, and a*b + c is never contracted, so that the value is the same
// to the bit whether or not the gradient is computed beside it. (clang never contracts across the operators of Lanes; it inlines
// what a kernel calls, but not always what that calls: a long formula is LOSSES_INLINE.)
#if defined(__clang__)
#define LOSSES_KERNEL [[gnu::flatten, gnu::noinline]]
#elif defined(__GNUC__)
#define LOSSES_KERNEL [[gnu::flatten, gnu::noinline, gnu::optimize("fp-contract=off")]]
#else
#define LOSSES_KERNEL
#endif
