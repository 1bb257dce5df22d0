// SPDX-License-Identifier: MIT

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include <losses/core/lanes.hpp>

#include "catch.hpp"

namespace {

using losses::Lanes;

// Every width, and both ways in which one is stored (a register, or an array with loops).
#define ALL_LANES                                                                                               \
  (Lanes<float, 1>), (Lanes<float, 2>), (Lanes<float, 4>), (Lanes<float, 8>), (Lanes<float, 16>), Lanes<float>, \
      (Lanes<double, 1>), (Lanes<double, 2>), (Lanes<double, 4>), (Lanes<double, 8>), (Lanes<double, 16>),      \
      Lanes<double>

/// Numbers where something may go wrong, then random ones.
template <class T>
std::vector<T> numbers() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> list = {T(0),
                         T(1),
                         T(0.5),
                         T(3),
                         Limits::min(),
                         Limits::denorm_min(),
                         Limits::max(),
                         Limits::infinity(),
                         Limits::epsilon(),
                         Limits::quiet_NaN()};
  std::mt19937 random(7);
  std::normal_distribution<T> normal(T(0), T(10));
  while (list.size() < 24) list.push_back(normal(random));
  const std::size_t n = list.size();
  for (std::size_t i = 0; i < n; ++i) list.push_back(-list[i]);
  return list;
}

/// Calls check(a, b) with every pair of numbers in some lane, and the other lanes different from it.
template <class V, class Check>
void for_pairs(Check check) {
  using T = typename V::Scalar;
  const auto list = numbers<T>();
  const std::size_t n = list.size();
  for (std::size_t shift = 0; shift < n; ++shift) {
    for (std::size_t first = 0; first < n; first += V::size) {
      std::array<T, V::size> a, b;
      for (std::size_t k = 0; k < V::size; ++k) {
        a[k] = list[(first + k) % n];
        b[k] = list[(first + k + shift) % n];
      }
      check(V::load(a.data()), V::load(b.data()));
    }
  }
}

template <class T>
bool same(T a, T b) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b);
}

/// Lane by lane, got is scalar(a, b) to the bit.
template <class V, class Scalar>
bool lanewise(V got, V a, V b, Scalar scalar) {
  for (int k = 0; k < V::size; ++k) {
    if (!same<typename V::Scalar>(got[k], scalar(a[k], b[k]))) return false;
  }
  return true;
}

template <class V, class Scalar>
bool lanewise_mask(typename V::Mask got, V a, V b, Scalar scalar) {
  bool some = false, each = true;
  int number = 0;
  for (int k = 0; k < V::size; ++k) {
    const bool expected = scalar(a[k], b[k]);
    if (got[k] != expected) return false;
    some = some || expected;
    each = each && expected;
    number += expected;
  }
  return any(got) == some && all(got) == each && count(got) == number;
}

template <class... Counts>
void no_failure(Counts... counts) {
  for (const int failures : {counts...}) CHECK(failures == 0);
}

}  // namespace

TEMPLATE_TEST_CASE("Lanes: arithmetic is that of each lane, to the bit", "[lanes]", ALL_LANES) {
  using V = TestType;
  using T = typename V::Scalar;
  int plus = 0, minus = 0, times = 0, divided = 0, negated = 0, compound = 0, mixed = 0;
  for_pairs<V>([&](V a, V b) {
    plus += !lanewise(a + b, a, b, [](T x, T y) { return x + y; });
    minus += !lanewise(a - b, a, b, [](T x, T y) { return x - y; });
    times += !lanewise(a * b, a, b, [](T x, T y) { return x * y; });
    divided += !lanewise(a / b, a, b, [](T x, T y) { return x / y; });
    negated += !lanewise(-a, a, b, [](T x, T) { return -x; });
    // No product goes straight into a sum here, where the compiler might contract the two.
    V c = a;
    c += b;
    c *= b;
    c /= a;
    c -= b;
    const V sum = a + b, product = sum * b, quotient = product / a;
    compound += !lanewise(c, quotient, b, [](T x, T y) { return x - y; });
    mixed += !lanewise(0.5 * a, a, b, [](T x, T) { return T(0.5) * x; });
    mixed += !lanewise(1 - b, a, b, [](T, T y) { return 1 - y; });
  });
  no_failure(plus, minus, times, divided, negated, compound, mixed);
}

TEMPLATE_TEST_CASE("Lanes: comparisons, their masks, and what masks can do", "[lanes]", ALL_LANES) {
  using V = TestType;
  using T = typename V::Scalar;
  int order = 0, logic = 0, kind = 0;
  for_pairs<V>([&](V a, V b) {
    order += !lanewise_mask<V>(a < b, a, b, [](T x, T y) { return x < y; });
    order += !lanewise_mask<V>(a <= b, a, b, [](T x, T y) { return x <= y; });
    order += !lanewise_mask<V>(a > b, a, b, [](T x, T y) { return x > y; });
    order += !lanewise_mask<V>(a >= b, a, b, [](T x, T y) { return x >= y; });
    order += !lanewise_mask<V>(a == b, a, b, [](T x, T y) { return x == y; });
    order += !lanewise_mask<V>(a != b, a, b, [](T x, T y) { return x != y; });
    logic += !lanewise_mask<V>((a < b) & (a > 0), a, b, [](T x, T y) { return x < y && x > 0; });
    logic += !lanewise_mask<V>((a < b) | (a > 0), a, b, [](T x, T y) { return x < y || x > 0; });
    logic += !lanewise_mask<V>((a < b) ^ (a > 0), a, b, [](T x, T y) { return (x < y) != (x > 0); });
    logic += !lanewise_mask<V>(!(a < b), a, b, [](T x, T y) { return !(x < y); });
    kind += !lanewise_mask<V>(isnan(a), a, b, [](T x, T) { return std::isnan(x); });
    kind += !lanewise_mask<V>(isinf(a), a, b, [](T x, T) { return std::isinf(x); });
    kind += !lanewise_mask<V>(isfinite(a), a, b, [](T x, T) { return std::isfinite(x); });
  });
  no_failure(order, logic, kind);
  CHECK(all(typename V::Mask(true)));
  CHECK_FALSE(any(typename V::Mask(false)));
  CHECK_FALSE(any(typename V::Mask()));
}

TEMPLATE_TEST_CASE("Lanes: where selects, so the arm that is not taken may be anything", "[lanes]", ALL_LANES) {
  using V = TestType;
  using T = typename V::Scalar;
  int failures = 0;
  for_pairs<V>([&](V a, V b) {
    failures += !lanewise(where(a < b, a, b), a, b, [](T x, T y) { return x < y ? x : y; });
    failures += !lanewise(where(isnan(a) | isinf(a), 0, a), a, b, [](T x, T) { return std::isfinite(x) ? x : T(0); });
  });
  no_failure(failures);
}

TEMPLATE_TEST_CASE("Lanes: max and min give NaN for a NaN in either argument", "[lanes]", ALL_LANES) {
  using V = TestType;
  using T = typename V::Scalar;
  int failures = 0;
  for_pairs<V>([&](V a, V b) {
    const auto larger = [](T x, T y) { return std::isnan(x) || x > y ? x : y; };
    const auto smaller = [](T x, T y) { return std::isnan(x) || x < y ? x : y; };
    failures += !lanewise(max(a, b), a, b, larger);
    failures += !lanewise(min(a, b), a, b, smaller);
  });
  no_failure(failures);
}

TEMPLATE_TEST_CASE("Lanes: max_number and min_number keep a NaN of the second argument only", "[lanes]", ALL_LANES) {
  using V = TestType;
  using T = typename V::Scalar;
  int failures = 0;
  for_pairs<V>([&](V a, V b) {
    failures += !lanewise(max_number(a, b), a, b, [](T x, T y) { return x > y ? x : y; });
    failures += !lanewise(min_number(a, b), a, b, [](T x, T y) { return x < y ? x : y; });
  });
  no_failure(failures);
}

TEMPLATE_TEST_CASE("Lanes: clamp keeps a NaN of x", "[lanes]", ALL_LANES) {
  using V = TestType;
  using T = typename V::Scalar;
  int failures = 0;
  for_pairs<V>([&](V a, V b) {
    failures += !lanewise(clamp(a, -1, 2), a, b, [](T x, T) { return x < -1 ? T(-1) : x > 2 ? T(2) : x; });
  });
  no_failure(failures);
}

TEMPLATE_TEST_CASE("Lanes: abs, copysign, sqrt and fma", "[lanes]", ALL_LANES) {
  using V = TestType;
  using T = typename V::Scalar;
  int signs = 0, roots = 0, fused = 0;
  for_pairs<V>([&](V a, V b) {
    signs += !lanewise(abs(a), a, b, [](T x, T) { return std::abs(x); });
    signs += !lanewise(copysign(a, b), a, b, [](T x, T y) { return std::copysign(x, y); });
    roots += !lanewise(sqrt(a), a, b, [](T x, T) { return std::sqrt(x); });
    fused += !lanewise(fma(a, b, a), a, b, [](T x, T y) {
      if (LOSSES_HAS_FMA) return std::fma(x, y, x);
      const T product = x * y;
      return product + x;
    });
  });
  no_failure(signs, roots, fused);
}

TEMPLATE_TEST_CASE("Lanes: the constructors broadcast, and keep −0", "[lanes]", ALL_LANES) {
  using V = TestType;
  using T = typename V::Scalar;
  STATIC_REQUIRE(std::is_trivially_copyable_v<V>);
  STATIC_REQUIRE(sizeof(V) == V::size * sizeof(T));
  const V zero, minus_zero = T(-0.0), three = 3, half = 0.5, many = std::int64_t(1) << 40, up = V::iota();
  for (int k = 0; k < V::size; ++k) {
    CHECK(same(zero[k], T(0)));
    CHECK(same(minus_zero[k], T(-0.0)));
    CHECK(three[k] == 3);
    CHECK(half[k] == T(0.5));
    CHECK(many[k] == T(1099511627776));
    CHECK(up[k] == T(k));
  }
}

TEMPLATE_TEST_CASE("Lanes: partial loads and stores touch n numbers", "[lanes]", ALL_LANES) {
  using V = TestType;
  using T = typename V::Scalar;
  for (int n = 0; n <= V::size; ++n) {
    // Exactly n numbers, so that an address sanitizer sees a read past them.
    std::vector<T> source(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = T(i) + 1;
    const V v = V::load(source.data(), n, T(-5));
    for (int k = 0; k < V::size; ++k) CHECK(v[k] == (k < n ? T(k + 1) : T(-5)));

    std::vector<T> target(source.size());
    v.store(target.data(), n);
    CHECK(target == source);
    std::array<T, V::size + 1> guarded;
    guarded.fill(T(9));
    v.store(guarded.data(), n);
    for (int k = 0; k <= V::size; ++k) CHECK(guarded[static_cast<std::size_t>(k)] == (k < n ? T(k + 1) : T(9)));
  }
  std::array<T, V::size + 1> numbers, copy;
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = T(i);
  V::load(numbers.data() + 1).store(copy.data());
  for (std::size_t k = 0; k < V::size; ++k) CHECK(copy[k] == T(k + 1));
}

TEMPLATE_TEST_CASE("Lanes: sums and extrema across the lanes", "[lanes]", ALL_LANES) {
  using V = TestType;
  using T = typename V::Scalar;
  const V v = V::iota() * V::iota() - 3;
  T sum = 0;
  for (int k = 0; k < V::size; ++k) sum += v[k];
  CHECK(horizontal_sum(v) == sum);
  CHECK(horizontal_max(v) == v[V::size - 1]);
  CHECK(horizontal_max(-v) == T(3));
  CHECK(horizontal_min(v) == T(-3));
  CHECK(std::isnan(horizontal_sum(where(V::iota() == V::size - 1, std::numeric_limits<T>::quiet_NaN(), v))));
}

TEMPLATE_TEST_CASE("Lanes: split, widen and narrow keep the order", "[lanes]", (Lanes<float, 2>), (Lanes<float, 4>),
                   (Lanes<float, 8>), (Lanes<float, 16>), Lanes<float>) {
  using V = TestType;
  constexpr int half = V::size / 2;
  const V v = V::iota() * 0.1f + 1e-3f;
  const auto parts = split(v);
  const auto wide = widen(v);
  STATIC_REQUIRE(std::is_same_v<decltype(wide.lo), Lanes<double, half>>);
  for (int k = 0; k < half; ++k) {
    CHECK(parts.lo[k] == v[k]);
    CHECK(parts.hi[k] == v[half + k]);
    CHECK(wide.lo[k] == static_cast<double>(v[k]));
    CHECK(wide.hi[k] == static_cast<double>(v[half + k]));
  }
  const V back = narrow(wide.lo + 1e-12, wide.hi - 1e-12);
  for (int k = 0; k < V::size; ++k) CHECK(back[k] == v[k]);
}
