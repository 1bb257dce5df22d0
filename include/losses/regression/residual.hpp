// SPDX-License-Identifier: MIT
#pragma once

/// Residuals of numbers so large that p − y overflows although what a loss makes of it does not.

#include <losses/core/lanes.hpp>

namespace LOSSES_NAMESPACE::detail {

/// −1, 0 or 1.
template <class V>
LOSSES_INLINE V sign_or_zero(V x) {
  return where(abs(x) > V(0), copysign(V(1), x), x);
}

/// s (p − y)
template <class V>
LOSSES_INLINE V scaled_residual(V s, V p, V y) {
  const V r = p - y;
  return where(isinf(r), (s + s) * (V(0.5) * p - V(0.5) * y), s * r);
}

/// (p − y) / d
template <class V>
LOSSES_INLINE V divided_residual(V p, V y, V d) {
  const V r = p - y;
  return where(isinf(r), (V(0.5) * p - V(0.5) * y) / (V(0.5) * d), r / d);
}

/// |p − y| / scale, or where that is more than 1 (far) its inverse: the square of q never overflows.
template <class V>
struct Ratio {
  V q;
  decltype(V() > V()) far;
};

template <class V>
LOSSES_INLINE Ratio<V> residual_ratio(V p, V y, V scale) {
  const V unit = where(isinf(p - y), V(0x1p-30), V(1));
  const V r = abs(unit * p - unit * y);
  const V s = unit * scale;
  return {min_number(s, r) / max_number(s, r), r > s};
}

}  // namespace LOSSES_NAMESPACE::detail
