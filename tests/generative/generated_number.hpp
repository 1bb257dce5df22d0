// SPDX-License-Identifier: MIT
#pragma once

/// Numbers from a counter, exact in float, so that PyTorch can be given the same ones: number() of vgg16.cpp.

#include <cstdint>

namespace losses_test {

/// Number i of a sequence, in [−1, 1). (Steele et al. 2014, doi:10.1145/2660193.2660195, SplitMix64.)
inline float generated_number(std::uint64_t sequence, std::uint64_t i) {
  std::uint64_t bits = ((sequence << 40U) + i) * 0x9e3779b97f4a7c15U;
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  bits ^= bits >> 31U;
  return static_cast<float>(static_cast<double>(bits >> 40U) * 0x1p-23 - 1.0);
}

}  // namespace losses_test
