// SPDX-License-Identifier: MIT
#pragma once

/// Lanes<T>: one SIMD register of T, with the operators and functions that a loss formula is written in.

#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include <losses/core/config.hpp>

#if LOSSES_VECTOR_EXTENSIONS && defined(__SSE2__)
#if defined(__AVX__)
#include <immintrin.h>
#else
#include <emmintrin.h>  // the whole of <immintrin.h> takes as long to compile as half of Eigen/Core
#endif
#define LOSSES_X86 1
#else
#define LOSSES_X86 0
#endif
#if LOSSES_VECTOR_EXTENSIONS && defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace LOSSES_NAMESPACE {

namespace detail {

template <class T>
using SignedOf = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
template <class T>
using UnsignedOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <class To, class From>
LOSSES_INLINE To bit_cast(const From& from) {
  return __builtin_bit_cast(To, from);
}

/// What a register is where the compiler has none of that size: an array whose operators are loops.
template <class T, int W>
struct Fixed {
  using Truth = Fixed<SignedOf<T>, W>;

  T at[W];

  LOSSES_INLINE T& operator[](int i) { return at[i]; }
  LOSSES_INLINE T operator[](int i) const { return at[i]; }

  template <class Result, class F, class... Args>
  LOSSES_INLINE static Result each(F f, const Args&... args) {
    Result r;
    for (int i = 0; i < W; ++i) r.at[i] = f(args.at[i]...);
    return r;
  }
  LOSSES_INLINE static Fixed splat(T x) {
    Fixed r;
    for (T& value : r.at) value = x;
    return r;
  }

  LOSSES_INLINE friend Fixed operator+(Fixed a, Fixed b) {
    return each<Fixed>([](T x, T y) { return x + y; }, a, b);
  }
  LOSSES_INLINE friend Fixed operator-(Fixed a, Fixed b) {
    return each<Fixed>([](T x, T y) { return x - y; }, a, b);
  }
  LOSSES_INLINE friend Fixed operator*(Fixed a, Fixed b) {
    return each<Fixed>([](T x, T y) { return x * y; }, a, b);
  }
  LOSSES_INLINE friend Fixed operator/(Fixed a, Fixed b) {
    return each<Fixed>([](T x, T y) { return x / y; }, a, b);
  }
  LOSSES_INLINE friend Fixed operator-(Fixed a) {
    return each<Fixed>([](T x) { return -x; }, a);
  }
  LOSSES_INLINE friend Fixed operator&(Fixed a, Fixed b) {
    return each<Fixed>([](T x, T y) { return x & y; }, a, b);
  }
  LOSSES_INLINE friend Fixed operator|(Fixed a, Fixed b) {
    return each<Fixed>([](T x, T y) { return x | y; }, a, b);
  }
  LOSSES_INLINE friend Fixed operator^(Fixed a, Fixed b) {
    return each<Fixed>([](T x, T y) { return x ^ y; }, a, b);
  }
  LOSSES_INLINE friend Fixed operator~(Fixed a) {
    return each<Fixed>([](T x) { return ~x; }, a);
  }
  LOSSES_INLINE friend Fixed operator<<(Fixed a, int n) {
    return each<Fixed>([n](T x) { return x << n; }, a);
  }
  LOSSES_INLINE friend Fixed operator>>(Fixed a, int n) {
    return each<Fixed>([n](T x) { return x >> n; }, a);
  }
  LOSSES_INLINE friend Truth operator<(Fixed a, Fixed b) {
    return each<Truth>([](T x, T y) { return truth(x < y); }, a, b);
  }
  LOSSES_INLINE friend Truth operator<=(Fixed a, Fixed b) {
    return each<Truth>([](T x, T y) { return truth(x <= y); }, a, b);
  }
  LOSSES_INLINE friend Truth operator>(Fixed a, Fixed b) {
    return each<Truth>([](T x, T y) { return truth(x > y); }, a, b);
  }
  LOSSES_INLINE friend Truth operator>=(Fixed a, Fixed b) {
    return each<Truth>([](T x, T y) { return truth(x >= y); }, a, b);
  }
  LOSSES_INLINE friend Truth operator==(Fixed a, Fixed b) {
    return each<Truth>([](T x, T y) { return truth(x == y); }, a, b);
  }
  LOSSES_INLINE friend Truth operator!=(Fixed a, Fixed b) {
    return each<Truth>([](T x, T y) { return truth(x != y); }, a, b);
  }

  LOSSES_INLINE static SignedOf<T> truth(bool yes) { return yes ? SignedOf<T>(-1) : SignedOf<T>(0); }
};

template <class T, int W>
inline constexpr bool is_register =
    LOSSES_VECTOR_EXTENSIONS != 0 && W * sizeof(T) >= 16 && W * sizeof(T) <= LOSSES_REGISTER_BYTES;

template <class T, int W, bool Register>
struct PackOf {
  using type = Fixed<T, W>;
};
#if LOSSES_VECTOR_EXTENSIONS
template <class T, int W>
struct PackOf<T, W, true> {
  typedef T type __attribute__((vector_size(W * sizeof(T))));
};
#endif

template <class T, int W>
using Pack = typename PackOf<T, W, is_register<T, W>>::type;

template <class T, int W>
LOSSES_INLINE Pack<T, W> splat(T x) {
  if constexpr (is_register<T, W>) {
    return x - Pack<T, W>{};  // not x + 0, which would lose the sign of −0
  } else {
    return Fixed<T, W>::splat(x);
  }
}

template <class T, int W>
LOSSES_INLINE Pack<T, W> select(const Pack<SignedOf<T>, W>& mask, const Pack<T, W>& a, const Pack<T, W>& b) {
  if constexpr (is_register<T, W>) {
    return mask ? a : b;
  } else {
    Pack<T, W> r;
    for (int i = 0; i < W; ++i) r[i] = mask[i] ? a[i] : b[i];
    return r;
  }
}

/// The instructions that the compilers do not reliably find by themselves, where this build has them: g++ splits a loop
/// of fma at the width it prefers for its own vectorisation, misses max and min beside a constant, and sqrt may set
/// errno. The 512-bit ones are maskz, since g++ 12 warns of uninitialised registers in the plain ones.
template <class T, std::size_t Bytes>
struct Intrinsics {
  static constexpr bool exist = false;
};

#if LOSSES_X86
template <>
struct Intrinsics<float, 16> {
  static constexpr bool exist = true;
  using R = __m128;
  LOSSES_INLINE static R max(R a, R b) { return _mm_max_ps(a, b); }
  LOSSES_INLINE static R min(R a, R b) { return _mm_min_ps(a, b); }
  LOSSES_INLINE static R sqrt(R a) { return _mm_sqrt_ps(a); }
  LOSSES_INLINE static unsigned bits(R mask) { return static_cast<unsigned>(_mm_movemask_ps(mask)); }
#if LOSSES_HAS_FMA
  LOSSES_INLINE static R fma(R a, R b, R c) { return _mm_fmadd_ps(a, b, c); }
#endif
};
template <>
struct Intrinsics<double, 16> {
  static constexpr bool exist = true;
  using R = __m128d;
  LOSSES_INLINE static R max(R a, R b) { return _mm_max_pd(a, b); }
  LOSSES_INLINE static R min(R a, R b) { return _mm_min_pd(a, b); }
  LOSSES_INLINE static R sqrt(R a) { return _mm_sqrt_pd(a); }
  LOSSES_INLINE static unsigned bits(R mask) { return static_cast<unsigned>(_mm_movemask_pd(mask)); }
#if LOSSES_HAS_FMA
  LOSSES_INLINE static R fma(R a, R b, R c) { return _mm_fmadd_pd(a, b, c); }
#endif
};
#endif
#if LOSSES_X86 && LOSSES_REGISTER_BYTES >= 32
template <>
struct Intrinsics<float, 32> {
  static constexpr bool exist = true;
  using R = __m256;
  LOSSES_INLINE static R max(R a, R b) { return _mm256_max_ps(a, b); }
  LOSSES_INLINE static R min(R a, R b) { return _mm256_min_ps(a, b); }
  LOSSES_INLINE static R sqrt(R a) { return _mm256_sqrt_ps(a); }
  LOSSES_INLINE static unsigned bits(R mask) { return static_cast<unsigned>(_mm256_movemask_ps(mask)); }
#if LOSSES_HAS_FMA
  LOSSES_INLINE static R fma(R a, R b, R c) { return _mm256_fmadd_ps(a, b, c); }
#endif
};
template <>
struct Intrinsics<double, 32> {
  static constexpr bool exist = true;
  using R = __m256d;
  LOSSES_INLINE static R max(R a, R b) { return _mm256_max_pd(a, b); }
  LOSSES_INLINE static R min(R a, R b) { return _mm256_min_pd(a, b); }
  LOSSES_INLINE static R sqrt(R a) { return _mm256_sqrt_pd(a); }
  LOSSES_INLINE static unsigned bits(R mask) { return static_cast<unsigned>(_mm256_movemask_pd(mask)); }
#if LOSSES_HAS_FMA
  LOSSES_INLINE static R fma(R a, R b, R c) { return _mm256_fmadd_pd(a, b, c); }
#endif
};
#endif
#if LOSSES_X86 && LOSSES_REGISTER_BYTES == 64
template <>
struct Intrinsics<float, 64> {
  static constexpr bool exist = true;
  using R = __m512;
  static constexpr auto every = static_cast<__mmask16>(-1);
  LOSSES_INLINE static R max(R a, R b) { return _mm512_maskz_max_ps(every, a, b); }
  LOSSES_INLINE static R min(R a, R b) { return _mm512_maskz_min_ps(every, a, b); }
  LOSSES_INLINE static R sqrt(R a) { return _mm512_maskz_sqrt_ps(every, a); }
  LOSSES_INLINE static unsigned bits(R mask) { return _mm512_movepi32_mask((__m512i)mask); }
  LOSSES_INLINE static R fma(R a, R b, R c) { return _mm512_fmadd_ps(a, b, c); }
};
template <>
struct Intrinsics<double, 64> {
  static constexpr bool exist = true;
  using R = __m512d;
  static constexpr auto every = static_cast<__mmask8>(-1);
  LOSSES_INLINE static R max(R a, R b) { return _mm512_maskz_max_pd(every, a, b); }
  LOSSES_INLINE static R min(R a, R b) { return _mm512_maskz_min_pd(every, a, b); }
  LOSSES_INLINE static R sqrt(R a) { return _mm512_maskz_sqrt_pd(every, a); }
  LOSSES_INLINE static unsigned bits(R mask) { return _mm512_movepi64_mask((__m512i)mask); }
  LOSSES_INLINE static R fma(R a, R b, R c) { return _mm512_fmadd_pd(a, b, c); }
};
#endif
#if LOSSES_VECTOR_EXTENSIONS && defined(__aarch64__)
template <>
struct Intrinsics<float, 16> {
  static constexpr bool exist = true;
  using R = float32x4_t;
  LOSSES_INLINE static R max(R a, R b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  LOSSES_INLINE static R min(R a, R b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  LOSSES_INLINE static R sqrt(R a) { return vsqrtq_f32(a); }
  LOSSES_INLINE static unsigned bits(R mask) {
    constexpr std::uint32_t weights[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32((uint32x4_t)mask, vld1q_u32(weights)));
  }
  LOSSES_INLINE static R fma(R a, R b, R c) { return vfmaq_f32(c, a, b); }
};
template <>
struct Intrinsics<double, 16> {
  static constexpr bool exist = true;
  using R = float64x2_t;
  LOSSES_INLINE static R max(R a, R b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
  LOSSES_INLINE static R min(R a, R b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
  LOSSES_INLINE static R sqrt(R a) { return vsqrtq_f64(a); }
  LOSSES_INLINE static unsigned bits(R mask) {
    const auto lanes = (uint64x2_t)mask;
    return static_cast<unsigned>((lanes[0] & 1) | (lanes[1] & 2));
  }
  LOSSES_INLINE static R fma(R a, R b, R c) { return vfmaq_f64(c, a, b); }
};
#endif

template <class T, int W>
using IntrinsicsOf = Intrinsics<T, is_register<T, W> ? W * sizeof(T) : 0>;

template <class T, int W>
LOSSES_INLINE Pack<T, W> greater_of(const Pack<T, W>& a, const Pack<T, W>& b) {
  using I = IntrinsicsOf<T, W>;
  if constexpr (I::exist) {
    return (Pack<T, W>)I::max((typename I::R)a, (typename I::R)b);
  } else {
    return select<T, W>((Pack<SignedOf<T>, W>)(a > b), a, b);
  }
}

template <class T, int W>
LOSSES_INLINE Pack<T, W> less_of(const Pack<T, W>& a, const Pack<T, W>& b) {
  using I = IntrinsicsOf<T, W>;
  if constexpr (I::exist) {
    return (Pack<T, W>)I::min((typename I::R)a, (typename I::R)b);
  } else {
    return select<T, W>((Pack<SignedOf<T>, W>)(a < b), a, b);
  }
}

template <class T, int W>
LOSSES_INLINE Pack<T, W> square_root(const Pack<T, W>& a) {
  using I = IntrinsicsOf<T, W>;
  if constexpr (I::exist) {
    return (Pack<T, W>)I::sqrt((typename I::R)a);
  } else {
    Pack<T, W> r;
    for (int i = 0; i < W; ++i) r[i] = std::sqrt(a[i]);
    return r;
  }
}

template <class T, int W>
LOSSES_INLINE Pack<T, W> fused(const Pack<T, W>& a, const Pack<T, W>& b, const Pack<T, W>& c) {
  using I = IntrinsicsOf<T, W>;
  if constexpr (!LOSSES_HAS_FMA) {
    return a * b + c;
  } else if constexpr (I::exist) {
    return (Pack<T, W>)I::fma((typename I::R)a, (typename I::R)b, (typename I::R)c);
  } else {
    Pack<T, W> r;
    for (int i = 0; i < W; ++i) r[i] = std::fma(a[i], b[i], c[i]);
    return r;
  }
}

/// One bit per lane, lane 0 lowest.
template <class T, int W>
LOSSES_INLINE unsigned lane_bits(const Pack<SignedOf<T>, W>& mask) {
  using I = IntrinsicsOf<T, W>;
  if constexpr (I::exist) {
    return I::bits((typename I::R)mask);
  } else {
    unsigned bits = 0;
    for (int i = 0; i < W; ++i) bits |= (mask[i] != 0 ? 1u : 0u) << i;
    return bits;
  }
}

}  // namespace detail

/// The number of T in the widest register of this build.
template <std::floating_point T>
inline constexpr int native_width = LOSSES_REGISTER_BYTES / static_cast<int>(sizeof(T));

/// W numbers of type T that are worked on together; by default as many as one register holds.
///
/// Operators, comparisons and functions act on each lane alone, so a result does not depend on W. A scalar of any
/// arithmetic type becomes a Lanes with that value in each lane: 0.5 * r. A default Lanes is 0. Comparisons give a
/// Mask, and where(mask, a, b) selects (a NaN in the arm that is not taken has no effect).
/// W is 1, 2, 4, 8 or 16; more than native_width<T> works, but slowly.
template <std::floating_point T, int W = native_width<T>>
struct Lanes {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "Lanes holds float or double");
  static_assert(W == 1 || W == 2 || W == 4 || W == 8 || W == 16, "Lanes has 1, 2, 4, 8 or 16 lanes");

  using Scalar = T;
  using Register = detail::Pack<T, W>;
  using Bits = detail::Pack<detail::UnsignedOf<T>, W>;
  static constexpr int size = W;

  /// One truth value per lane.
  struct Mask {
    detail::Pack<detail::SignedOf<T>, W> all_ones{};

    Mask() = default;
    LOSSES_INLINE explicit Mask(bool yes) : all_ones(detail::splat<detail::SignedOf<T>, W>(yes ? -1 : 0)) {}
    template <class Integers>
      requires(!std::same_as<Integers, bool> && sizeof(Integers) == W * sizeof(T))
    LOSSES_INLINE explicit Mask(const Integers& v) : all_ones((detail::Pack<detail::SignedOf<T>, W>)v) {}

    LOSSES_INLINE bool operator[](int i) const { return all_ones[i] != 0; }

    LOSSES_INLINE friend Mask operator&(Mask a, Mask b) { return Mask(a.all_ones & b.all_ones); }
    LOSSES_INLINE friend Mask operator|(Mask a, Mask b) { return Mask(a.all_ones | b.all_ones); }
    LOSSES_INLINE friend Mask operator^(Mask a, Mask b) { return Mask(a.all_ones ^ b.all_ones); }
    LOSSES_INLINE friend Mask operator!(Mask a) { return Mask(~a.all_ones); }

    LOSSES_INLINE friend bool any(Mask a) { return detail::lane_bits<T, W>(a.all_ones) != 0; }
    LOSSES_INLINE friend bool all(Mask a) { return detail::lane_bits<T, W>(a.all_ones) == (1u << W) - 1; }
    LOSSES_INLINE friend int count(Mask a) { return std::popcount(detail::lane_bits<T, W>(a.all_ones)); }
  };

  Register v{};

  Lanes() = default;
  template <class Number>
    requires std::is_arithmetic_v<Number>
  LOSSES_INLINE Lanes(Number x) : v(detail::splat<T, W>(static_cast<T>(x))) {}
  LOSSES_INLINE explicit Lanes(const Register& r) : v(r) {}

  /// The W numbers at p, which needs no alignment.
  LOSSES_INLINE static Lanes load(const T* p) {
    Lanes r;
    std::memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  /// The first n ≤ W numbers at p, the other lanes are fill. Reads nothing past p[n − 1].
  LOSSES_INLINE static Lanes load(const T* p, int n, T fill) {
#if LOSSES_X86 && LOSSES_REGISTER_BYTES == 64
    const unsigned lanes = (1u << n) - 1;
    if constexpr (std::same_as<T, float> && W == 16) {
      return Lanes((Register)_mm512_mask_loadu_ps(_mm512_set1_ps(fill), static_cast<__mmask16>(lanes), p));
    }
    if constexpr (std::same_as<T, double> && W == 8) {
      return Lanes((Register)_mm512_mask_loadu_pd(_mm512_set1_pd(fill), static_cast<__mmask8>(lanes), p));
    }
#endif
    T values[W];
    for (int i = 0; i < W; ++i) values[i] = i < n ? p[i] : fill;
    return load(values);
  }
  LOSSES_INLINE void store(T* p) const { std::memcpy(p, &v, sizeof v); }
  /// Writes the first n ≤ W lanes, and nothing past p[n − 1].
  LOSSES_INLINE void store(T* p, int n) const {
#if LOSSES_X86 && LOSSES_REGISTER_BYTES == 64
    const unsigned lanes = (1u << n) - 1;
    if constexpr (std::same_as<T, float> && W == 16) {
      return _mm512_mask_storeu_ps(p, static_cast<__mmask16>(lanes), (__m512)v);
    }
    if constexpr (std::same_as<T, double> && W == 8) {
      return _mm512_mask_storeu_pd(p, static_cast<__mmask8>(lanes), (__m512d)v);
    }
#endif
    T values[W];
    store(values);
    for (int i = 0; i < n; ++i) p[i] = values[i];
  }
  LOSSES_INLINE T operator[](int i) const { return v[i]; }

  /// 0, 1, 2, …
  LOSSES_INLINE static Lanes iota() {
    T values[W];
    for (int i = 0; i < W; ++i) values[i] = static_cast<T>(i);
    return load(values);
  }

  LOSSES_INLINE friend Lanes operator+(Lanes a, Lanes b) { return Lanes(a.v + b.v); }
  LOSSES_INLINE friend Lanes operator-(Lanes a, Lanes b) { return Lanes(a.v - b.v); }
  LOSSES_INLINE friend Lanes operator*(Lanes a, Lanes b) { return Lanes(a.v * b.v); }
  LOSSES_INLINE friend Lanes operator/(Lanes a, Lanes b) { return Lanes(a.v / b.v); }
  LOSSES_INLINE friend Lanes operator-(Lanes a) { return Lanes(-a.v); }
  LOSSES_INLINE friend Lanes operator+(Lanes a) { return a; }
  LOSSES_INLINE Lanes& operator+=(Lanes b) { return *this = *this + b; }
  LOSSES_INLINE Lanes& operator-=(Lanes b) { return *this = *this - b; }
  LOSSES_INLINE Lanes& operator*=(Lanes b) { return *this = *this * b; }
  LOSSES_INLINE Lanes& operator/=(Lanes b) { return *this = *this / b; }

  LOSSES_INLINE friend Mask operator<(Lanes a, Lanes b) { return Mask(a.v < b.v); }
  LOSSES_INLINE friend Mask operator<=(Lanes a, Lanes b) { return Mask(a.v <= b.v); }
  LOSSES_INLINE friend Mask operator>(Lanes a, Lanes b) { return Mask(a.v > b.v); }
  LOSSES_INLINE friend Mask operator>=(Lanes a, Lanes b) { return Mask(a.v >= b.v); }
  LOSSES_INLINE friend Mask operator==(Lanes a, Lanes b) { return Mask(a.v == b.v); }
  LOSSES_INLINE friend Mask operator!=(Lanes a, Lanes b) { return Mask(a.v != b.v); }

  /// a where the mask is true, else b.
  LOSSES_INLINE friend Lanes where(Mask mask, Lanes a, Lanes b) {
    return Lanes(detail::select<T, W>(mask.all_ones, a.v, b.v));
  }

  LOSSES_INLINE friend Lanes abs(Lanes a) { return from_bits(a.bits() & splat_bits(~sign_bit)); }
  /// |a| with the sign of b, of −0 and NaN too.
  LOSSES_INLINE friend Lanes copysign(Lanes a, Lanes b) {
    return from_bits((a.bits() & splat_bits(~sign_bit)) | (b.bits() & splat_bits(sign_bit)));
  }

  /// The larger, in one instruction: a > b ? a : b. A NaN of b survives, a NaN of a gives b.
  LOSSES_INLINE friend Lanes max_number(Lanes a, Lanes b) { return Lanes(detail::greater_of<T, W>(a.v, b.v)); }
  /// The smaller, in one instruction: a < b ? a : b. A NaN of b survives, a NaN of a gives b.
  LOSSES_INLINE friend Lanes min_number(Lanes a, Lanes b) { return Lanes(detail::less_of<T, W>(a.v, b.v)); }
  /// The larger; NaN if either is NaN. Of 0 and −0, b.
  LOSSES_INLINE friend Lanes max(Lanes a, Lanes b) { return where(a != a, a, max_number(a, b)); }
  /// The smaller; NaN if either is NaN. Of 0 and −0, b.
  LOSSES_INLINE friend Lanes min(Lanes a, Lanes b) { return where(a != a, a, min_number(a, b)); }
  /// x limited to [lo, hi], in two instructions. A NaN of x stays; lo and hi must not be NaN.
  LOSSES_INLINE friend Lanes clamp(Lanes x, Lanes lo, Lanes hi) { return min_number(hi, max_number(lo, x)); }

  LOSSES_INLINE friend Lanes sqrt(Lanes a) { return Lanes(detail::square_root<T, W>(a.v)); }
  /// a b + c: rounded once where the build has the instruction (LOSSES_HAS_FMA), else twice.
  LOSSES_INLINE friend Lanes fma(Lanes a, Lanes b, Lanes c) { return Lanes(detail::fused<T, W>(a.v, b.v, c.v)); }

  LOSSES_INLINE friend Mask isnan(Lanes a) { return a != a; }
  LOSSES_INLINE friend Mask isinf(Lanes a) { return abs(a) == Lanes(std::numeric_limits<T>::infinity()); }
  LOSSES_INLINE friend Mask isfinite(Lanes a) { return abs(a) < Lanes(std::numeric_limits<T>::infinity()); }

  static constexpr detail::UnsignedOf<T> sign_bit = detail::UnsignedOf<T>(1) << (8 * sizeof(T) - 1);
  LOSSES_INLINE Bits bits() const { return detail::bit_cast<Bits>(v); }
  LOSSES_INLINE static Lanes from_bits(const Bits& b) { return Lanes(detail::bit_cast<Register>(b)); }
  LOSSES_INLINE static Bits splat_bits(detail::UnsignedOf<T> b) { return detail::splat<detail::UnsignedOf<T>, W>(b); }
};

namespace detail {

template <int First, std::floating_point T, int W, int... I>
LOSSES_INLINE auto part(const Lanes<T, W>& a, std::integer_sequence<int, I...>) {
  constexpr int N = sizeof...(I);
#if LOSSES_VECTOR_EXTENSIONS
  if constexpr (is_register<T, W> && is_register<T, N>) {
    return Lanes<T, N>(__builtin_shufflevector(a.v, a.v, (First + I)...));
  } else
#endif
  {
    const T values[N] = {a[First + I]...};
    return Lanes<T, N>::load(values);
  }
}

template <std::floating_point T, int N, int... I>
LOSSES_INLINE Lanes<T, 2 * N> join(const Lanes<T, N>& lo, const Lanes<T, N>& hi, std::integer_sequence<int, I...>) {
#if LOSSES_VECTOR_EXTENSIONS
  if constexpr (is_register<T, N> && is_register<T, 2 * N>) {
    return Lanes<T, 2 * N>(__builtin_shufflevector(lo.v, hi.v, I...));
  } else
#endif
  {
    const T values[2 * N] = {(I < N ? lo[I % N] : hi[I % N])...};
    return Lanes<T, 2 * N>::load(values);
  }
}

template <std::floating_point To, std::floating_point From, int W>
LOSSES_INLINE Lanes<To, W> convert(const Lanes<From, W>& a) {
#if LOSSES_X86 && LOSSES_REGISTER_BYTES >= 32
  using Out [[maybe_unused]] = typename Lanes<To, W>::Register;
  if constexpr (W == 4 && sizeof(To) > sizeof(From)) return Lanes<To, W>((Out)_mm256_cvtps_pd((__m128)a.v));
  if constexpr (W == 4 && sizeof(To) < sizeof(From)) return Lanes<To, W>((Out)_mm256_cvtpd_ps((__m256d)a.v));
#if LOSSES_REGISTER_BYTES == 64
  // maskz: without it g++ 12 warns that the intrinsic uses an uninitialised register.
  constexpr auto every = static_cast<__mmask8>(-1);
  if constexpr (W == 8 && sizeof(To) > sizeof(From)) {
    return Lanes<To, W>((Out)_mm512_maskz_cvtps_pd(every, (__m256)a.v));
  }
  if constexpr (W == 8 && sizeof(To) < sizeof(From)) {
    return Lanes<To, W>((Out)_mm512_maskz_cvtpd_ps(every, (__m512d)a.v));
  }
#endif
#endif
#if LOSSES_VECTOR_EXTENSIONS
  if constexpr (is_register<To, W> && is_register<From, W>) {
    return Lanes<To, W>(__builtin_convertvector(a.v, Pack<To, W>));
  } else
#endif
  {
    To values[W];
    for (int i = 0; i < W; ++i) values[i] = static_cast<To>(a[i]);
    return Lanes<To, W>::load(values);
  }
}

}  // namespace detail

/// The lower and the upper half of a; their lanes together are a's, in order.
template <std::floating_point T, int W>
struct Halves {
  Lanes<T, W> lo, hi;
};

template <std::floating_point T, int W>
  requires(W > 1)
LOSSES_INLINE Halves<T, W / 2> split(Lanes<T, W> a) {
  constexpr auto half = std::make_integer_sequence<int, W / 2>{};
  return {detail::part<0>(a, half), detail::part<W / 2>(a, half)};
}

/// The same numbers as doubles.
template <int W>
  requires(W > 1)
LOSSES_INLINE Halves<double, W / 2> widen(Lanes<float, W> a) {
#if LOSSES_X86
  if constexpr (W == 4) {
    const __m128 x = (__m128)a.v;
    using Out = Lanes<double, 2>;
    return {Out((typename Out::Register)_mm_cvtps_pd(x)),
            Out((typename Out::Register)_mm_cvtps_pd(_mm_movehl_ps(x, x)))};
  } else
#endif
  {
    const auto half = split(a);
    return {detail::convert<double>(half.lo), detail::convert<double>(half.hi)};
  }
}

/// The doubles lo, then hi, each rounded to float.
template <int N>
LOSSES_INLINE Lanes<float, 2 * N> narrow(Lanes<double, N> lo, Lanes<double, N> hi) {
#if LOSSES_X86
  if constexpr (N == 2) {
    using Out = Lanes<float, 4>;
    return Out((typename Out::Register)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)lo.v), _mm_cvtpd_ps((__m128d)hi.v)));
  } else
#endif
  {
    return detail::join(detail::convert<float>(lo), detail::convert<float>(hi),
                        std::make_integer_sequence<int, 2 * N>{});
  }
}

/// The sum of the lanes, always in the same order: halves are added until one lane is left.
template <std::floating_point T, int W>
LOSSES_INLINE T horizontal_sum(Lanes<T, W> a) {
  if constexpr (W == 1) {
    return a[0];
  } else {
    const auto half = split(a);
    return horizontal_sum(half.lo + half.hi);
  }
}

/// The largest lane. With a NaN among the lanes it is some lane.
template <std::floating_point T, int W>
LOSSES_INLINE T horizontal_max(Lanes<T, W> a) {
  if constexpr (W == 1) {
    return a[0];
  } else {
    const auto half = split(a);
    return horizontal_max(max_number(half.lo, half.hi));
  }
}

/// The smallest lane. With a NaN among the lanes it is some lane.
template <std::floating_point T, int W>
LOSSES_INLINE T horizontal_min(Lanes<T, W> a) {
  if constexpr (W == 1) {
    return a[0];
  } else {
    const auto half = split(a);
    return horizontal_min(min_number(half.lo, half.hi));
  }
}

}  // namespace LOSSES_NAMESPACE
