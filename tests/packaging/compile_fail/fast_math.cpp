// SPDX-License-Identifier: MIT
// flags: -ffast-math
// expect: -ffast-math and -ffinite-math-only remove the handling of NaN and infinity.*LOSSES_ALLOW_FAST_MATH

#if !defined(LOSSES_COMPILE_FAIL)
#define LOSSES_ALLOW_FAST_MATH
#endif

#include <losses/core/check.hpp>

int main() {}
