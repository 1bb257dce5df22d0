// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <losses/core/lanes.hpp>

namespace LOSSES_NAMESPACE::detail {

/// A key and the position it is of. The bits of numbers ≥ 0 are in the order of the numbers, so they may be the key.
template <class T>
struct KeyedPosition {
  UnsignedOf<T> key;
  std::uint32_t position;

  friend auto operator<=>(const KeyedPosition&, const KeyedPosition&) = default;
};

/// Sorts records, whose positions rise, by their keys; of equal ones the first stays first. O(n), eight bits at a time;
/// `other` is working memory.
template <class T>
void radix_sort(std::vector<KeyedPosition<T>>& records, std::vector<KeyedPosition<T>>& other) {
  if (records.size() < 128) return std::sort(records.begin(), records.end());
  other.resize(records.size());
  for (unsigned shift = 0; shift < 8 * sizeof(T); shift += 8) {
    std::size_t start[257] = {};
    for (const auto& record : records) ++start[(record.key >> shift & 255u) + 1];
    if (std::find(start + 1, start + 257, records.size()) != start + 257) continue;  // all have the same digit
    for (int digit = 0; digit < 256; ++digit) start[digit + 1] += start[digit];
    for (const auto& record : records) other[start[record.key >> shift & 255u]++] = record;
    records.swap(other);
  }
}

}  // namespace LOSSES_NAMESPACE::detail
