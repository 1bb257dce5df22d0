// SPDX-License-Identifier: MIT
#pragma once

/// Numbers that lie in memory as Eigen::half or Eigen::bfloat16 and are worked on as float: read exactly, written rounded to
/// nearest, ties to even. Beyond the largest half is infinity; NaN stays NaN.

#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <Eigen/Core>

#include <losses/core/lanes.hpp>

namespace LOSSES_NAMESPACE::detail {

using Index = Eigen::Index;

inline constexpr Index cache_line = 64;

/// Asks for the memory of [data, data + size), to read or to write.
template <bool writes = false, class T>
LOSSES_INLINE void prefetch([[maybe_unused]] const T* data, [[maybe_unused]] Index size) {
#if LOSSES_VECTOR_EXTENSIONS
  constexpr Index line = cache_line / static_cast<Index>(sizeof(T));
  for (Index i = 0; i < size; i += line) __builtin_prefetch(data + i, writes);
#endif
}

/// How the numbers of an operand are stored: as the scalar of the loss, or, where that is float, in two bytes.
enum class Storage : std::uint8_t { scalar, half, bfloat16 };

template <class S>
inline constexpr Storage storage_of = std::same_as<S, Eigen::half>       ? Storage::half
                                      : std::same_as<S, Eigen::bfloat16> ? Storage::bfloat16
                                                                         : Storage::scalar;

template <class S>
concept TwoByteFloat = storage_of<std::remove_const_t<S>> != Storage::scalar;

/// Sixteen bits for each lane, widened and narrowed.
template <int W>
LOSSES_INLINE typename Lanes<float, W>::Bits load_words(const void* from) {
  using Bits = typename Lanes<float, W>::Bits;
#if LOSSES_VECTOR_EXTENSIONS
  if constexpr (is_register<float, W>) {
    typedef std::uint16_t Words __attribute__((vector_size(2 * W)));
    Words words;
    std::memcpy(&words, from, sizeof words);
    return __builtin_convertvector(words, Bits);
  } else
#endif
  {
    std::uint16_t words[W];
    std::memcpy(words, from, sizeof words);
    Bits bits;
    for (int i = 0; i < W; ++i) bits[i] = words[i];
    return bits;
  }
}

template <int W>
LOSSES_INLINE void store_words(const typename Lanes<float, W>::Bits& bits, void* to) {
#if LOSSES_VECTOR_EXTENSIONS
  if constexpr (is_register<float, W>) {
    typedef std::uint16_t Words __attribute__((vector_size(2 * W)));
    const Words words = __builtin_convertvector(bits, Words);
    std::memcpy(to, &words, sizeof words);
  } else
#endif
  {
    std::uint16_t words[W];
    for (int i = 0; i < W; ++i) words[i] = static_cast<std::uint16_t>(bits[i]);
    std::memcpy(to, words, sizeof words);
  }
}

/// IEEE 754 binary16: 5 bits of exponent, 10 of mantissa.
struct HalfFormat {
  template <int W>
  LOSSES_INLINE static Lanes<float, W> load(const void* from) {
#if LOSSES_X86 && LOSSES_REGISTER_BYTES == 64
    if constexpr (W == 16) {
      __m256i words;
      std::memcpy(&words, from, sizeof words);
      using Out = typename Lanes<float, W>::Register;
      return Lanes<float, W>((Out)_mm512_maskz_cvtph_ps(static_cast<__mmask16>(-1), words));
    }
#endif
#if LOSSES_X86 && LOSSES_REGISTER_BYTES == 32 && defined(__F16C__)
    if constexpr (W == 8) {
      __m128i words;
      std::memcpy(&words, from, sizeof words);
      return Lanes<float, W>((typename Lanes<float, W>::Register)_mm256_cvtph_ps(words));
    }
#endif
    using V = Lanes<float, W>;
    using Bits = typename V::Bits;
    const auto words = load_words<W>(from);
    const auto sign = (words & V::splat_bits(0x8000)) << 16;
    const auto rest = (words & V::splat_bits(0x7fff)) << 13;  // the exponent is 112 too low
    const V scaled = V::from_bits(rest);
    const auto special = bit_cast<Bits>(((scaled >= V(0x1p-96f)) | isnan(scaled)).all_ones);
    const auto denormal = bit_cast<Bits>((scaled < V(0x1p-126f)).all_ones);
    // Infinity and NaN have the highest exponent; a denormal m is 2^-14 (1 + m) − 2^-14.
    const auto exponent = (special & V::splat_bits(112u << 23)) + (denormal & V::splat_bits(1u << 23));
    const V magnitude =
        V::from_bits(rest + V::splat_bits(112u << 23) + exponent) - V::from_bits(denormal & V(0x1p-14f).bits());
    return V::from_bits(magnitude.bits() | sign);
  }

  template <int W>
  LOSSES_INLINE static void store(const Lanes<float, W>& v, void* to) {
#if LOSSES_X86 && LOSSES_REGISTER_BYTES == 64
    if constexpr (W == 16) {
      constexpr auto every = static_cast<__mmask16>(-1);
      const __m256i words = _mm512_maskz_cvtps_ph(every, (__m512)v.v, _MM_FROUND_TO_NEAREST_INT);
      std::memcpy(to, &words, sizeof words);
      return;
    }
#endif
#if LOSSES_X86 && LOSSES_REGISTER_BYTES == 32 && defined(__F16C__)
    if constexpr (W == 8) {
      const __m128i words = _mm256_cvtps_ph((__m256)v.v, _MM_FROUND_TO_NEAREST_INT);
      std::memcpy(to, &words, sizeof words);
      return;
    }
#endif
    using V = Lanes<float, W>;
    using Bits = typename V::Bits;
    const auto sign = (v.bits() >> 16) & V::splat_bits(0x8000);
    const auto quiet = bit_cast<Bits>(isnan(v).all_ones) & V::splat_bits(0x0200);
    // Added to a power of two whose last bit is that of the half, the number is rounded to it.
    const V magnitude = min_number(abs(v), V(65536.0f));
    const auto power =
        (max_number(magnitude, V(0x1p-14f)).bits() & V::splat_bits(255u << 23)) + V::splat_bits(13u << 23);
    const auto mantissa = (magnitude + V::from_bits(power)).bits() - power;
    const auto half = mantissa + (power >> 13) - V::splat_bits(126u << 10);
    store_words<W>(half | quiet | sign, to);
  }
};

/// The upper half of a float.
struct Bfloat16Format {
  template <int W>
  LOSSES_INLINE static Lanes<float, W> load(const void* from) {
    return Lanes<float, W>::from_bits(load_words<W>(from) << 16);
  }

  template <int W>
  LOSSES_INLINE static void store(const Lanes<float, W>& v, void* to) {
    using V = Lanes<float, W>;
    const auto bits = v.bits();
    const auto upper = bits >> 16;
    const V rounded = V::from_bits((bits + V::splat_bits(0x7fff) + (upper & V::splat_bits(1))) >> 16);
    const V quiet = V::from_bits(upper | V::splat_bits(0x40));
    store_words<W>(where(isnan(v), quiet, rounded).bits(), to);
  }
};

/// How far ahead of a copy its memory is asked for.
inline constexpr Index bytes_ahead = 4096;

template <class Format>
LOSSES_KERNEL void widen_numbers(const void* erased, Index size, float* to) {
  constexpr int width = native_width<float>;
  const auto* from = static_cast<const unsigned char*>(erased);
  Index i = 0;
  for (; i + width <= size; i += width) {
#if LOSSES_VECTOR_EXTENSIONS
    __builtin_prefetch(from + 2 * i + bytes_ahead);
#endif
    Format::template load<width>(from + 2 * i).store(to + i);
  }
  if (i == size) return;
  if (size > width) {
    i = size - width;  // some once more: a copy of known size
    return Format::template load<width>(from + 2 * i).store(to + i);
  }
  std::uint16_t rest[width] = {};
  std::memcpy(rest, from + 2 * i, static_cast<std::size_t>(2 * (size - i)));
  Format::template load<width>(rest).store(to + i, static_cast<int>(size - i));
}

template <class Format>
LOSSES_KERNEL void narrow_numbers(const float* from, Index size, void* erased, bool adds) {
  constexpr int width = native_width<float>;
  using V = Lanes<float>;
  auto* to = static_cast<unsigned char*>(erased);
  Index i = 0;
  for (; i + width <= size; i += width) {
#if LOSSES_VECTOR_EXTENSIONS
    __builtin_prefetch(to + 2 * i + bytes_ahead, 1);
#endif
    const V v = V::load(from + i);
    Format::template store<width>(adds ? Format::template load<width>(to + 2 * i) + v : v, to + 2 * i);
  }
  if (i == size) return;
  if (size > width && !adds) {
    i = size - width;
    return Format::template store<width>(V::load(from + i), to + 2 * i);
  }
  const auto bytes = static_cast<std::size_t>(2 * (size - i));
  std::uint16_t rest[width] = {};
  std::memcpy(rest, to + 2 * i, bytes);
  const V v = V::load(from + i, static_cast<int>(size - i), 0);
  Format::template store<width>(adds ? Format::template load<width>(rest) + v : v, rest);
  std::memcpy(to + 2 * i, rest, bytes);
}

/// `size` numbers in a row, from their storage to float and back.
inline void widen(const void* from, Storage storage, Index size, float* to) {
  (storage == Storage::half ? widen_numbers<HalfFormat> : widen_numbers<Bfloat16Format>)(from, size, to);
}
inline void narrow(const float* from, Index size, void* to, Storage storage, bool adds) {
  (storage == Storage::half ? narrow_numbers<HalfFormat> : narrow_numbers<Bfloat16Format>)(from, size, to, adds);
}

/// The pointer to the element that is `count` further on.
template <class T>
T* shifted(T* data, Index count, [[maybe_unused]] Storage storage) {
  if constexpr (std::same_as<std::remove_const_t<T>, float>) {
    using Byte = std::conditional_t<std::is_const_v<T>, const unsigned char, unsigned char>;
    if (storage != Storage::scalar) return reinterpret_cast<T*>(reinterpret_cast<Byte*>(data) + 2 * count);
  }
  return data + count;
}

/// The element that is `at` further on.
template <class T>
T read_number(const T* data, Index at, [[maybe_unused]] Storage storage) {
  if constexpr (std::same_as<T, float>) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(data);
    if (storage == Storage::half) return HalfFormat::load<1>(bytes + 2 * at)[0];
    if (storage == Storage::bfloat16) return Bfloat16Format::load<1>(bytes + 2 * at)[0];
  }
  return data[at];
}

template <class T>
void write_number(T value, T* data, Index at, [[maybe_unused]] Storage storage) {
  if constexpr (std::same_as<T, float>) {
    auto* bytes = reinterpret_cast<unsigned char*>(data);
    if (storage == Storage::half) return HalfFormat::store<1>(Lanes<float, 1>(value), bytes + 2 * at);
    if (storage == Storage::bfloat16) return Bfloat16Format::store<1>(Lanes<float, 1>(value), bytes + 2 * at);
  }
  data[at] = value;
}

}  // namespace LOSSES_NAMESPACE::detail
