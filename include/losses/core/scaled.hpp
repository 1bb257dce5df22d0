// SPDX-License-Identifier: MIT
#pragma once

/// Numbers ≥ 0 of any size on lanes, for recursions of products and sums whose terms are far beyond the range of double,
/// at a few instructions each: an exponent beside each mantissa, and neither a logarithm nor a case that underflows.

#include <limits>

#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE::detail {

/// The number m·4^e, where 2e is an integer: the exponent of exp(x) is then a number for every x that is one. 0 has e = −inf,
/// and any m.
template <class V>
struct Scaled {
  V m = V(1);
  V e = V(-std::numeric_limits<double>::infinity());

  LOSSES_INLINE static Scaled load(const double* m, const double* e) { return {V::load(m), V::load(e)}; }
  LOSSES_INLINE void store(double* to_m, double* to_e) const {
    m.store(to_m);
    e.store(to_e);
  }
};

inline constexpr double least_exponent = -500;  // 4^-500 is absorbed by any sum

/// 4^k for 2k an integer and k ≤ 500; 4^-500 below, and for NaN: the difference of two zeros' exponents.
template <class V>
LOSSES_INLINE V power_of_four(V k) {
  constexpr double shift = Format<double>::round_to_integer + Format<double>::bias;
  return exponent_from_low_bits<V>(fma(max_number(k, V(least_exponent)), V(2), V(shift)).bits());
}

template <class V>
LOSSES_INLINE Scaled<V> operator+(const Scaled<V>& a, const Scaled<V>& b) {
  const V e = max_number(a.e, b.e);
  return {fma(a.m, power_of_four(a.e - e), b.m * power_of_four(b.e - e)), e};
}

/// The product, with its mantissa in [1, 2).
template <class V>
LOSSES_INLINE Scaled<V> operator*(const Scaled<V>& a, const Scaled<V>& b) {
  using F = Format<double>;
  const V m = a.m * b.m;
  const V power = to_number<V>(m.bits() >> F::mantissa_bits, V(F::bias));
  const auto fraction = m.bits() & V::splat_bits((UnsignedOf<double>(1) << F::mantissa_bits) - 1);
  return {V::from_bits(fraction | V(1).bits()), fma(V(0.5), power, a.e + b.e)};
}

template <class V>
LOSSES_INLINE Scaled<V> where(const typename V::Mask& mask, const Scaled<V>& a, const Scaled<V>& b) {
  return {where(mask, a.m, b.m), where(mask, a.e, b.e)};
}

/// As a double; 0 below 4^-500.
template <class V>
LOSSES_INLINE V plain(const Scaled<V>& a) {
  return where(a.e < V(least_exponent), V(0), a.m * power_of_four(a.e));
}

/// exp(x) for every x < inf, also where it is far beyond double; 0 at −inf. Error: 1.25 ULP for |x| < 2^20, beyond that
/// of x·(1 + 2^-53).
template <class V>
LOSSES_INLINE Scaled<V> scaled_exp(V x) {
  using F = Format<double>;
  const auto [r, biased] = reduce_by_ln2<0>(x);
  const auto far = abs(x) > V(0x1p51);  // every neighbour of x is another power
  const V m = fma(r, fma(r, exp_tail(r, 1.0), V(1)), V(1));
  const V half = V(0.5) * (biased - V(F::round_to_integer));
  return {where(far, V(1), m), where(far, x * V(0.72134752044448170368), half)};
}

}  // namespace LOSSES_NAMESPACE::detail
