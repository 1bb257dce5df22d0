// SPDX-License-Identifier: MIT
#pragma once

/// Elementary functions on Lanes: exp log log1p expm1 tanh sigmoid softplus pow atan atan2, and exp_nonpos and
/// log1p_unit, which are all that most losses need and cost a third of the general ones.
///
/// Each has one implementation for all widths, without branches, so its result does not depend on W. The errors stated
/// are the largest in units in the last place (ULP): of float over all 2^32 arguments, of double over a large sample,
/// of builds with and without a fused multiply-add the worse one (tests/core/accuracy_bounds.hpp asserts them).
/// A NaN argument gives NaN. Polynomials are minimax fits of the relative error (Remez exchange in 60 digits, then
/// rounded to the type).

#include <concepts>
#include <limits>
#include <type_traits>

#include <losses/core/lanes.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

template <std::floating_point T>
struct Format;

template <>
struct Format<float> {
  static constexpr int mantissa_bits = 23;
  static constexpr int bias = 127;
  static constexpr float round_to_integer = 0x1.8p23f;  // x + this − this is x rounded to the nearest integer
  static constexpr float ln2_hi = 0x1.63p-1f;           // its multiples by an exponent are exact
  static constexpr float ln2_lo = -0x1.bd0106p-13f;
  static constexpr float exp_is_zero = -104;          // its n is −150
  static constexpr float halves_are_zero = -176.05f;  // its n is −254, twice the exponent of 0
  static constexpr float exp_overflows = 89;
  static constexpr float expm1_is_minus_one = -20;
  static constexpr float tanh_is_one = 10;
};

template <>
struct Format<double> {
  static constexpr int mantissa_bits = 52;
  static constexpr int bias = 1023;
  static constexpr double round_to_integer = 0x1.8p52;
  static constexpr double ln2_hi = 0x1.62e42feep-1;
  static constexpr double ln2_lo = 0x1.a39ef35793c76p-33;
  static constexpr double exp_is_zero = -745.2;       // its n is −1075
  static constexpr double halves_are_zero = -1418.2;  // its n is −2046, twice the exponent of 0
  static constexpr double exp_overflows = 710;
  static constexpr double expm1_is_minus_one = -40;
  static constexpr double tanh_is_one = 20;
};

/// c0 + c1 x + c2 x² + …, by Horner's rule.
template <class V>
LOSSES_INLINE V polynomial(V, V c0) {
  return c0;
}
template <class V, class... Rest>
LOSSES_INLINE V polynomial(V x, V c0, Rest... rest) {
  return fma(x, polynomial<V>(x, rest...), c0);
}

/// x = n ln 2 + r with an integer n and |r| ≤ 0.35. The low bits of the representation of biased are n + bias.
template <class V>
struct Reduced {
  V r, biased;
};

template <int Bias, std::floating_point T, int W>
LOSSES_INLINE Reduced<Lanes<T, W>> reduce_by_ln2(Lanes<T, W> x) {
  using V = Lanes<T, W>;
  using F = Format<T>;
  constexpr T shift = F::round_to_integer + T(Bias);
  const V biased = fma(x, V(1.44269504088896340736), V(shift));
  const V n = biased - V(shift);
  return {fma(n, V(-F::ln2_lo), fma(n, V(-F::ln2_hi), x)), biased};
}

/// s (exp(r) − 1 − r) / r² for |r| ≤ 0.35, with s a power of two.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> exp_tail(Lanes<T, W> r, T s) {
  using V = Lanes<T, W>;
  if constexpr (sizeof(T) == 4) {
    return polynomial<V>(r, s * 0.4999999404f, s * 0.1666651964f, s * 0.04166840017f, s * 0.008368851617f,
                         s * 0.001381440205f);
  } else {
    return polynomial<V>(r, s * 0.50000000000000111, s * 0.16666666666666341, s * 0.0416666666665277269,
                         s * 0.00833333333354541357, s * 0.0013888888944486135, s * 0.000198412693872005125,
                         s * 0.0000248014920346982992, s * 2.75577004119802656e-6, s * 2.76306802809794372e-7,
                         s * 2.49617793108629688e-8);
  }
}

/// The number whose exponent field is the low bits of a.
template <class V>
LOSSES_INLINE V exponent_from_low_bits(typename V::Bits a) {
  return V::from_bits(a << Format<typename V::Scalar>::mantissa_bits);
}

/// u = 2^k m with √½ ≤ m < √2, for normal positive u.
template <class V>
struct Split {
  V m;
  typename V::Bits biased_k;  // k + bias
};

template <std::floating_point T, int W>
LOSSES_INLINE Split<Lanes<T, W>> split_exponent(Lanes<T, W> u) {
  using V = Lanes<T, W>;
  using F = Format<T>;
  using U = UnsignedOf<T>;
  constexpr U one = U(F::bias) << F::mantissa_bits;
  constexpr U root_half = __builtin_bit_cast(U, T(0.70710678118654752440));
  const auto shifted = u.bits() + V::splat_bits(one - root_half);
  return {V::from_bits((shifted & V::splat_bits((U(1) << F::mantissa_bits) - 1)) + V::splat_bits(root_half)),
          shifted >> F::mantissa_bits};
}

/// An integer below 2^mantissa_bits, minus offset.
template <class V>
LOSSES_INLINE V to_number(typename V::Bits integer, V offset) {
  using T = typename V::Scalar;
  constexpr T base = T(1) / std::numeric_limits<T>::epsilon();
  return V::from_bits(integer | V::splat_bits(__builtin_bit_cast(UnsignedOf<T>, base))) - (V(base) + offset);
}

/// log(1 + f) + k ln 2 for √½ ≤ 1 + f ≤ √2, or 0 ≤ f ≤ 1 where Unit. Keeps the sign of f = ±0 where k is 0.
template <bool Unit, std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> log1p_reduced(Lanes<T, W> f, [[maybe_unused]] Lanes<T, W> k) {
  using V = Lanes<T, W>;
  using F = Format<T>;
  if constexpr (sizeof(T) == 4) {
    if constexpr (Unit) {
      const V q = polynomial<V>(f, -0.4999993145, 0.3333046436, -0.2495801896, 0.1969210207, -0.1534488052,
                                0.1066112816, -0.05745723099, 0.02008624189, -0.003290468594);
      // Not f + f² q: losses call this with f = exp(−|x|), whose square underflows, slowly, for a confident x.
      return LOSSES_HAS_FMA ? fma(f * q, f, f) : f * fma(f, q, V(1));
    } else {
      const V q = polynomial<V>(f, -0.4999998808, 0.3333332539, -0.250015825, 0.200019747, -0.1660908163, 0.1418181807,
                                -0.1324298531, 0.129044801, -0.07621837407);
      return fma(k, V(F::ln2_hi), f + fma(f * q, f, k * V(F::ln2_lo)));
    }
  } else {
    // log(1 + f) = f − (h − s (h + R(s²))), with s = f / (2 + f) and h = f²/2.
    const V s = f / (V(2) + f);
    const V z = s * s;
    const V half_f = V(0.5) * f;
    const V h = half_f * f;
    if constexpr (Unit) {
      const V q = polynomial<V>(z, 0.666666666666663077, 0.400000000001558997, 0.285714285480131336,
                                0.22222223960495302, 0.181817442271093421, 0.153865539696882908, 0.133010456016184497,
                                0.121055633569638971, 0.0834218996569113663, 0.170150540813830742);
      return f - fma(-s, fma(z, q, h), h);
    } else {
      const V q = polynomial<V>(z, 0.666666666666673957, 0.399999999993763788, 0.285714287517299159,
                                0.222221975366711677, 0.18183621955042345, 0.15312486012747159, 0.148124538087513913);
      const V rest = fma(s, fma(z, q, h), k * V(F::ln2_lo));
      return fma(k, V(F::ln2_hi), f - fma(half_f, f, -rest));
    }
  }
}

}  // namespace detail

/// exp(x) for x ≤ 0.
///
/// Denormal results are gradual, the smallest rounded to 0 or 1.4e-45 (5e-324); 0 from where no denormal is left on,
/// and for −inf. Results stay right up to x = 40. Error: float 1.25, double 1.25 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> exp_nonpos(Lanes<T, W> x) {
  using V = Lanes<T, W>;
  using F = detail::Format<T>;
  // The polynomial is scaled down and 2^n up by as much, so that 2^n is a normal number and the product rounds once.
  // Where nothing is left that 2^n is 0: a product that underflows would cost a hundred times one that does not.
  constexpr T down = std::numeric_limits<T>::epsilon();
  const auto [r, biased] = detail::reduce_by_ln2<F::bias + F::mantissa_bits>(max_number(V(F::exp_is_zero), x));
  const V p = fma(r, fma(r, detail::exp_tail(r, down), V(down)), V(down));
  return p * detail::exponent_from_low_bits<V>(biased.bits());
}

/// exp(x).
///
/// inf above log(max), denormal results gradual. Error: float 1.25, double 1.25 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> exp(Lanes<T, W> x) {
  using V = Lanes<T, W>;
  using F = detail::Format<T>;
  const auto [r, biased] = detail::reduce_by_ln2<2 * F::bias>(clamp(x, V(F::halves_are_zero), V(F::exp_overflows)));
  const V p = fma(r, fma(r, detail::exp_tail(r, T(1)), V(1)), V(1));
  // 2^n may be no normal number, the two halves of it are, or are 0 far down.
  const auto half = biased.bits() >> 1;
  return p * detail::exponent_from_low_bits<V>(half) * detail::exponent_from_low_bits<V>(biased.bits() - half);
}

/// exp(x) − 1.
///
/// Keeps the sign of ±0. Error: float 1.5, double 1.75 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> expm1(Lanes<T, W> x) {
  using V = Lanes<T, W>;
  using F = detail::Format<T>;
  const auto [r, biased] = detail::reduce_by_ln2<F::bias - 1>(clamp(x, V(F::expm1_is_minus_one), V(F::exp_overflows)));
  const V tail = r * r * detail::exp_tail(r, T(1));
  const V half = detail::exponent_from_low_bits<V>(biased.bits());  // 2^(n−1), since 2^n overflows before exp(x)
  const V y = fma(tail, half, fma(r, half, half - V(0.5)));         // the products are exact
  return copysign(y + y, x);
}

/// log(1 + x) for 0 ≤ x ≤ 1.
///
/// Keeps the sign of ±0. Error: float 2.0, double 1.5 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> log1p_unit(Lanes<T, W> x) {
  return detail::log1p_reduced<true>(x, Lanes<T, W>());
}

/// log(x).
///
/// −inf at ±0, NaN below; denormals are right. Error: float 1.0, double 1.0 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> log(Lanes<T, W> x) {
  using V = Lanes<T, W>;
  using F = detail::Format<T>;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  constexpr T up = sizeof(T) == 4 ? T(0x1p32) : T(0x1p64);
  const auto small = x < V(std::numeric_limits<T>::min());
  const auto [m, biased_k] = detail::split_exponent(where(small, x * V(up), x));
  const V k = detail::to_number<V>(biased_k, where(small, V(F::bias + (sizeof(T) == 4 ? 32 : 64)), V(F::bias)));
  const V y = detail::log1p_reduced<false>(m - V(1), k);
  const V edge = where(x < V(0), V(std::numeric_limits<T>::quiet_NaN()), where(x == V(0), V(-infinity), x));
  return where((x > V(0)) & (x < V(infinity)), y, edge);
}

/// log(1 + x).
///
/// Keeps the sign of ±0; −inf at −1, NaN below. Error: float 1.75, double 1.5 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> log1p(Lanes<T, W> x) {
  using V = Lanes<T, W>;
  using F = detail::Format<T>;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const V u = V(1) + x;
  const auto [m, biased_k] = detail::split_exponent(u);
  // What u lost to rounding, divided by 2^k; halved, because 2^−k may be no normal number and 2^(1−k) is.
  const V lost = V(0.5) * (x - (u - V(1)));
  const V scale = detail::exponent_from_low_bits<V>(V::splat_bits(2 * F::bias + 1) - biased_k);
  const V f = fma(lost, scale, m - V(1));
  const V y = detail::log1p_reduced<false>(f, detail::to_number<V>(biased_k, V(F::bias)));
  // Where u is 1, x itself is the nearest number.
  const V edge = where(x < V(-1), V(std::numeric_limits<T>::quiet_NaN()), where(x == V(-1), V(-infinity), x));
  return where((x > V(-1)) & (x < V(infinity)) & (u != V(1)), y, edge);
}

/// 1 / (1 + exp(−x)).
///
/// exp(x) far below 0, so small results keep their digits. Error: float 2.5, double 2.5 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> sigmoid(Lanes<T, W> x) {
  using V = Lanes<T, W>;
  const V e = exp_nonpos(-abs(x));
  return where(x < V(0), e, V(1)) / (V(1) + e);
}

/// log(1 + exp(x)).
///
/// inf at inf, 0 at −inf, never an overflow on the way. Error: float 2.75, double 2.0 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> softplus(Lanes<T, W> x) {
  using V = Lanes<T, W>;
  return max_number(x, V(0)) + log1p_unit(exp_nonpos(-abs(x)));
}

/// tanh(x).
///
/// Keeps the sign of ±0. Error: float 1.75, double 1.75 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> tanh(Lanes<T, W> x) {
  using V = Lanes<T, W>;
  using F = detail::Format<T>;
  const V a = min_number(V(F::tanh_is_one), abs(x));
  const V aa = a * a;
  V series;  // (tanh(a) − a) / a³ for a ≤ 1/2, where the quotient below would lose digits
  if constexpr (sizeof(T) == 4) {
    series = detail::polynomial<V>(aa, -0.3333314359, 0.1332587004, -0.05304482207, 0.01723989099);
  } else {
    series = detail::polynomial<V>(aa, -0.333333333333331649, 0.133333333333002291, -0.0539682539458591209,
                                   0.021869487784573375, -0.00886322099942173786, 0.00359195362062055381,
                                   -0.00145448783281766571, 0.00058329644987647469, -0.00021782249276565741,
                                   0.000056793183139295087);
  }
  const auto [r, biased] = detail::reduce_by_ln2<F::bias>(a + a);
  const V two_to_n = detail::exponent_from_low_bits<V>(biased.bits());
  const V e = fma(r * r * detail::exp_tail(r, T(1)), two_to_n, fma(r, two_to_n, two_to_n - V(1)));  // exp(2a) − 1
  return copysign(where(a < V(0.5), fma(aa * series, a, a), e / (e + V(2))), x);
}

/// x^y for x ≥ 0.
///
/// x^0 = 1 and 1^y = 1, at infinities too; 0^y is 0 for y > 0 and inf for y < 0; NaN if x < 0 or either is NaN (unlike
/// C, where NaN^0 is 1). Error: float and double (2 + 2 |y log x|) ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> pow(Lanes<T, W> x, std::type_identity_t<Lanes<T, W>> y) {
  using V = Lanes<T, W>;
  const V product = y * log(x);
  const auto is_one = ((y == V(0)) & (x >= V(0))) | ((x == V(1)) & (y == y));
  return exp(where(is_one, V(0), product));
}

/// The angle of the point (x, y) from the positive x-axis, in [−π, π].
///
/// Signed zeros and infinities as in C. Error: float 2.0, double 2.0 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> atan2(Lanes<T, W> y, std::type_identity_t<Lanes<T, W>> x) {
  using V = Lanes<T, W>;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  constexpr T quarter_pi_lo = sizeof(T) == 4 ? T(-2.1855694e-8) : T(3.061616997868383e-17);
  const V ay = abs(y);
  const V ax = abs(x);
  V a = min(ay, ax);
  V b = max(ay, ax);
  // Keep a + b finite, and make inf/inf the 1 and 0/0 the 0 that the limits are.
  const auto huge = b > V(std::numeric_limits<T>::max() / 4);
  a = where(huge, V(0.25) * a, a);
  b = where(huge, V(0.25) * b, b);
  a = where(a == V(infinity), V(1), a);
  b = where((b == V(infinity)) & (a == V(1)) & (ax == ay), V(1), b);
  // Within an eighth of a turn: atan(a/b), or π/4 + atan((a − b)/(a + b)) from where a − b is exact.
  const auto upper = a > V(0.5) * b;
  const V numerator = where(upper, a - b, a);
  const V denominator = where(upper, a + b, b);
  const V q = where(denominator == V(0), V(0), numerator / denominator);
  const V z = q * q;
  V p;
  if constexpr (sizeof(T) == 4) {
    p = detail::polynomial<V>(z, -0.33333233, 0.1999421865, -0.141748935, 0.1015939042, -0.05131464824);
  } else {
    p = detail::polynomial<V>(z, -0.333333333333329818, 0.199999999999027678, -0.142857142763561429,
                              0.111111106583521607, -0.0909089621263696052, 0.0769207341009474771,
                              -0.0666380548467409434, 0.0585826417777610686, -0.05121851312105416,
                              0.0418607056996236557, -0.0274279791042414192, 0.0101119621781560684);
  }
  const V r = fma(q * z, p, q);
  // The angle is an odd or even multiple of π/4 plus or minus r.
  const auto steep = ay > ax;
  const auto left = copysign(V(1), x) < V(0);
  V turns = where(upper, V(1), V(0));
  V angle = r;
  turns = where(steep, V(2) - turns, turns);
  angle = where(steep, -angle, angle);
  turns = where(left, V(4) - turns, turns);
  angle = where(left, -angle, angle);
  const V quarter_pi(0.78539816339744830962);
  return copysign(fma(turns, quarter_pi, fma(turns, V(quarter_pi_lo), angle)), y);
}

/// The angle whose tangent is x, in [−π/2, π/2].
///
/// Keeps the sign of ±0. Error: float 1.75, double 2.0 ULP.
template <std::floating_point T, int W>
LOSSES_INLINE Lanes<T, W> atan(Lanes<T, W> x) {
  return atan2(x, Lanes<T, W>(1));
}

}  // namespace LOSSES_NAMESPACE
