// SPDX-License-Identifier: MIT
#pragma once

/// Whether two strided views share memory, decided element by element: interleaved views do not.

#include <algorithm>
#include <numeric>

#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE::detail {

/// The same elements with positive strides, longest first; no axis of one element, none that repeats.
inline Footprint normalised(const Footprint& view) {
  Footprint result{view.data, {}, {}, view.bytes};
  for (int axis = 0; axis < view.extents.rank; ++axis) {
    const Index size = view.extents[axis];
    std::ptrdiff_t stride = view.stride[axis];
    if (size == 1 || stride == 0) continue;
    if (stride < 0) {
      result.data += static_cast<std::uintptr_t>((size - 1) * stride);
      stride = -stride;
    }
    int place = result.extents.rank++;
    for (; place > 0 && result.stride[place - 1] < stride; --place) {
      result.stride[place] = result.stride[place - 1];
      result.extents.size[place] = result.extents.size[place - 1];
    }
    result.stride[place] = stride;
    result.extents.size[place] = size;
  }
  return result;
}

/// Bytes from the first to past the last element of the axes from `axis` on.
inline std::ptrdiff_t reach(const Footprint& view, int axis) {
  std::ptrdiff_t bytes = static_cast<std::ptrdiff_t>(view.bytes);
  for (; axis < view.extents.rank; ++axis) bytes += (view.extents[axis] - 1) * view.stride[axis];
  return bytes;
}

/// Whether an element of the axes from `axis` on, starting at `base`, meets the bytes [low, high).
inline bool meets(const Footprint& view, int axis, std::uintptr_t base, std::uintptr_t low, std::uintptr_t high) {
  if (base >= high || base + static_cast<std::uintptr_t>(reach(view, axis)) <= low) return false;
  if (base >= low || axis == view.extents.rank) return true;
  const std::ptrdiff_t stride = view.stride[axis];
  const std::ptrdiff_t before = static_cast<std::ptrdiff_t>(low - base) - reach(view, axis + 1);
  for (Index i = before < 0 ? 0 : before / stride; i < view.extents[axis]; ++i) {
    const std::uintptr_t start = base + static_cast<std::uintptr_t>(i * stride);
    if (start >= high) return false;
    if (meets(view, axis + 1, start, low, high)) return true;
  }
  return false;
}

inline bool meets(const Footprint& a, int axis, std::uintptr_t base, const Footprint& b) {
  if (!meets(b, 0, b.data, base, base + static_cast<std::uintptr_t>(reach(a, axis)))) return false;
  if (axis == a.extents.rank) return true;
  if (axis + 1 == a.extents.rank && a.stride[axis] == static_cast<std::ptrdiff_t>(a.bytes)) return true;
  for (Index i = 0; i < a.extents[axis]; ++i) {
    if (meets(a, axis + 1, base + static_cast<std::uintptr_t>(i * a.stride[axis]), b)) return true;
  }
  return false;
}

/// Whether two views share an element.
inline bool overlap(const Footprint& a, const Footprint& b) {
  if (a.extents.count() == 0 || b.extents.count() == 0) return false;
  const Footprint x = normalised(a);
  return meets(x, 0, x.data, normalised(b));
}

/// Whether a view holds an element twice.
inline bool overlaps_itself(const Footprint& a) {
  if (a.extents.count() == 0) return false;
  for (int axis = 0; axis < a.extents.rank; ++axis) {
    if (a.extents[axis] > 1 && a.stride[axis] == 0) return true;
  }
  const Footprint view = normalised(a);
  bool nested = true;
  for (int axis = 0; axis < view.extents.rank; ++axis) {
    nested = nested && view.stride[axis] >= reach(view, axis + 1);
  }
  if (nested) return false;
  if (view.extents.rank != 2) return true;  // no order of Eigen's; not worth the search
  const std::ptrdiff_t common = std::gcd(view.stride[0], view.stride[1]);
  return view.stride[1] / common < view.extents[0] && view.stride[0] / common < view.extents[1];
}

}  // namespace LOSSES_NAMESPACE::detail
