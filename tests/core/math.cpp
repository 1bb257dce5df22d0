// SPDX-License-Identifier: MIT

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include <losses/core/math.hpp>

#include "accuracy_bounds.hpp"
#include "catch.hpp"

namespace {

using accuracy::ulp_error;
using losses::Lanes;

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// Every exponent with several mantissas, the ten neighbours on each side of every place where a formula changes, and
/// random numbers from −800 to 800, all with both signs.
template <class T>
std::vector<T> arguments() {
  using Limits = std::numeric_limits<T>;
  constexpr int mantissa_bits = Limits::digits - 1;
  constexpr BitsOf<T> exponents = BitsOf<T>(1) << (8 * sizeof(T) - 1 - mantissa_bits);
  std::vector<T> list;
  std::mt19937_64 random(11);
  const BitsOf<T> every = (BitsOf<T>(1) << mantissa_bits) - 1;
  for (BitsOf<T> e = 0; e + 1 < exponents; ++e) {
    for (const BitsOf<T> m : {BitsOf<T>(0), BitsOf<T>(1), every, every / 2, BitsOf<T>(random()) & every}) {
      list.push_back(std::bit_cast<T>(static_cast<BitsOf<T>>((e << mantissa_bits) | m)));
    }
  }
  const T ln2 = T(0.69314718055994530942);
  std::vector<T> seams = {T(0.5),
                          T(1),
                          T(2),
                          T(std::sqrt(0.5)),
                          T(std::sqrt(2.0)),
                          T(std::sqrt(2.0) - 1),
                          T(1 - std::sqrt(0.5)),
                          T(10),
                          T(20),
                          T(40),
                          T(87.33654475),
                          T(88.72283905),
                          T(89),
                          T(103.972),
                          T(104),
                          T(176.05),
                          T(708.3964),
                          T(709.7827),
                          T(710),
                          T(744.44),
                          T(745.2),
                          T(1418.2)};
  for (int n = 0; n < 12; ++n) seams.push_back((T(n) + T(0.5)) * ln2);
  for (const T seam : seams) {
    T up = seam, down = seam;
    for (int i = 0; i < 10; ++i) {
      list.push_back(up);
      list.push_back(down);
      up = std::nextafter(up, Limits::infinity());
      down = std::nextafter(down, T(0));
    }
  }
  for (const T span : {T(0.4), T(1), T(4), T(40), T(110), T(800)}) {
    std::uniform_real_distribution<T> uniform(T(0), span);
    for (int i = 0; i < 20000; ++i) list.push_back(uniform(random));
  }
  const std::size_t n = list.size();
  for (std::size_t i = 0; i < n; ++i) list.push_back(-list[i]);
  return list;
}

/// f of every argument.
template <int W, class T, class F>
std::vector<T> results(const std::vector<T>& x, F f) {
  std::vector<T> y(x.size());
  for (std::size_t i = 0; i < x.size(); i += W) {
    const int n = static_cast<int>(std::min<std::size_t>(W, x.size() - i));
    f(Lanes<T, W>::load(x.data() + i, n, T(0.25))).store(y.data() + i, n);
  }
  return y;
}

template <int W, class T, class F>
LOSSES_KERNEL void in_kernel(const F& f, const T* x, std::size_t size, T* y) {
  for (std::size_t i = 0; i < size; i += W) {
    const int n = static_cast<int>(std::min<std::size_t>(W, size - i));
    f(Lanes<T, W>::load(x + i, n, T(0.25))).store(y + i, n);
  }
}

/// The same in a kernel, where a*b + c is never contracted. Elsewhere a compiler may do so at some widths and not at others.
template <int W, class T, class F>
std::vector<T> kernel_results(const std::vector<T>& x, F f) {
  std::vector<T> y(x.size());
  in_kernel<W>(f, x.data(), x.size(), y.data());
  return y;
}

template <class T>
bool same(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<BitsOf<T>>(a) == std::bit_cast<BitsOf<T>>(b);
}

template <class T, class F>
T at(F f, T x) {
  return f(Lanes<T>(x))[Lanes<T>::size - 1];
}

}  // namespace

TEMPLATE_TEST_CASE("Maths: every function is within the error that its comment states", "[math]", float, double) {
  using T = TestType;
  const auto x = arguments<T>();
  accuracy::for_each_function([&](const auto& f) {
    const auto y = results<losses::native_width<T>>(x, f.apply);
    double worst = 0;
    T where = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (double(x[i]) < f.lo || double(x[i]) > f.hi) continue;
      const double error = ulp_error(y[i], f.reference(static_cast<long double>(x[i])));
      if (!(error <= worst)) {
        worst = error;
        where = x[i];
      }
    }
    INFO(f.name << " at " << where);
    CHECK(worst <= (sizeof(T) == 4 ? f.float_ulp : f.double_ulp));
  });
}

TEMPLATE_TEST_CASE("Maths: the result does not depend on the number of lanes", "[math]", float, double) {
  using T = TestType;
  const auto x = arguments<T>();
  accuracy::for_each_function([&](const auto& f) {
    const auto expected = kernel_results<losses::native_width<T>>(x, f.apply);
    const auto differing = [&](const std::vector<T>& y) {
      int number = 0;
      for (std::size_t i = 0; i < x.size(); ++i) number += !same(y[i], expected[i]);
      return number;
    };
    INFO(f.name);
    CHECK(differing(kernel_results<1>(x, f.apply)) == 0);
    CHECK(differing(kernel_results<2>(x, f.apply)) == 0);
    CHECK(differing(kernel_results<4>(x, f.apply)) == 0);
    CHECK(differing(kernel_results<8>(x, f.apply)) == 0);
    CHECK(differing(kernel_results<16>(x, f.apply)) == 0);
  });
}

TEMPLATE_TEST_CASE("Maths: the result does not depend on contraction around it", "[math]", float, double) {
  using T = TestType;
  const auto x = arguments<T>();
  accuracy::for_each_function([&](const auto& f) {
    const auto expected = results<losses::native_width<T>>(x, f.apply);
    const auto y = kernel_results<losses::native_width<T>>(x, f.apply);
    int differing = 0;
    for (std::size_t i = 0; i < x.size(); ++i) differing += !same(y[i], expected[i]);
    INFO(f.name);
    CHECK(differing == 0);
  });
}

TEMPLATE_TEST_CASE("Maths: NaN, infinities and signed zeros", "[math]", float, double) {
  using T = TestType;
  using V = Lanes<T>;
  constexpr T inf = std::numeric_limits<T>::infinity();
  constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  constexpr T largest = std::numeric_limits<T>::max();
  constexpr T smallest = std::numeric_limits<T>::denorm_min();

  SECTION("a NaN of any sign and payload gives NaN") {
    std::vector<T> nans;
    constexpr BitsOf<T> quiet = std::bit_cast<BitsOf<T>>(nan);
    for (int bit = 0; bit < std::numeric_limits<T>::digits - 2; ++bit) {
      nans.push_back(std::bit_cast<T>(static_cast<BitsOf<T>>(quiet | (BitsOf<T>(1) << bit))));
      nans.push_back(-nans.back());
    }
    nans.push_back(std::bit_cast<T>(static_cast<BitsOf<T>>(quiet | ((quiet & ~(quiet - 1)) - 1))));
    accuracy::for_each_function([&](const auto& f) {
      INFO(f.name);
      for (const T x : nans) CHECK(std::isnan(at<T>(f.apply, x)));
    });
  }
  SECTION("exponentials") {
    const auto exp_nonpos_ = [](V x) { return exp_nonpos(x); };
    const auto exp_ = [](V x) { return exp(x); };
    const auto expm1_ = [](V x) { return expm1(x); };
    for (const T x : {-inf, -largest, T(-1e4)}) {
      CHECK(same(at<T>(exp_nonpos_, x), T(0)));
      CHECK(same(at<T>(exp_, x), T(0)));
      CHECK(same(at<T>(expm1_, x), T(-1)));
    }
    for (const T x : {inf, largest, T(1e4)}) {
      CHECK(same(at<T>(exp_, x), inf));
      CHECK(same(at<T>(expm1_, x), inf));
    }
    for (const T x : {T(0), T(-0.0)}) {
      CHECK(same(at<T>(exp_nonpos_, x), T(1)));
      CHECK(same(at<T>(exp_, x), T(1)));
      CHECK(same(at<T>(expm1_, x), x));
    }
  }
  SECTION("logarithms") {
    const auto log_ = [](V x) { return log(x); };
    const auto log1p_ = [](V x) { return log1p(x); };
    const auto unit = [](V x) { return log1p_unit(x); };
    CHECK(same(at<T>(log_, T(0)), -inf));
    CHECK(same(at<T>(log_, T(-0.0)), -inf));
    CHECK(same(at<T>(log_, T(1)), T(0)));
    CHECK(same(at<T>(log_, inf), inf));
    for (const T x : {-smallest, T(-1), -largest, -inf}) CHECK(std::isnan(at<T>(log_, x)));
    CHECK(same(at<T>(log1p_, T(-1)), -inf));
    CHECK(same(at<T>(log1p_, inf), inf));
    for (const T x : {std::nextafter(T(-1), T(-2)), T(-2), -largest, -inf}) CHECK(std::isnan(at<T>(log1p_, x)));
    for (const T x : {T(0), T(-0.0), smallest}) {
      CHECK(same(at<T>(log1p_, x), x));
      CHECK(same(at<T>(unit, x), x));
    }
    CHECK(ulp_error(at<T>(log1p_, largest), std::log1p(static_cast<long double>(largest))) <= 1);
  }
  SECTION("sigmoid, softplus, tanh") {
    const auto sigmoid_ = [](V x) { return sigmoid(x); };
    const auto softplus_ = [](V x) { return softplus(x); };
    const auto tanh_ = [](V x) { return tanh(x); };
    CHECK(same(at<T>(sigmoid_, inf), T(1)));
    CHECK(same(at<T>(sigmoid_, -inf), T(0)));
    CHECK(same(at<T>(sigmoid_, T(0)), T(0.5)));
    CHECK(same(at<T>(softplus_, inf), inf));
    CHECK(same(at<T>(softplus_, largest), largest));
    CHECK(same(at<T>(softplus_, -inf), T(0)));
    for (const T x : {inf, largest, T(50)}) {
      CHECK(same(at<T>(tanh_, x), T(1)));
      CHECK(same(at<T>(tanh_, -x), T(-1)));
    }
    for (const T x : {T(0), T(-0.0), smallest, -smallest}) CHECK(same(at<T>(tanh_, x), x));
  }
}

TEMPLATE_TEST_CASE("Maths: pow is within (2 + 2 |y log x|) ULP, with the limits at 0 and infinity", "[math]", float,
                   double) {
  using T = TestType;
  using V = Lanes<T>;
  constexpr T inf = std::numeric_limits<T>::infinity();
  constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  const auto power = [](T x, T y) { return pow(V(x), V(y))[V::size - 1]; };

  std::mt19937_64 random(5);
  std::uniform_real_distribution<T> unit(T(0), T(1));
  double worst = 0;
  for (int i = 0; i < 100000; ++i) {
    const T span = i % 3 == 0 ? T(1) : i % 3 == 1 ? T(10) : T(1e20);
    const T x = unit(random) * span, y = (unit(random) * 2 - 1) * (i % 2 == 0 ? T(3) : T(0.5));
    const long double exact = std::pow(static_cast<long double>(x), static_cast<long double>(y));
    const double allowed = 2 + 2 * std::abs(double(y) * std::log(double(x)));
    worst = std::max(worst, ulp_error(power(x, y), exact) / allowed);
  }
  CHECK(worst <= 1);

  for (const T x : {T(0), T(0.3), T(1), T(7), inf}) {
    INFO(x);
    CHECK(power(x, T(0)) == 1);
    CHECK(power(x, T(-0.0)) == 1);
    CHECK(std::isnan(power(x, nan)));
  }
  for (const T y : {T(0.5), T(-3), inf, -inf}) CHECK(power(T(1), y) == 1);
  for (const T y : {T(1e-30), T(0.5), T(2), inf}) {
    CHECK(power(T(0), y) == 0);
    CHECK(power(T(0), -y) == inf);
    CHECK(power(inf, y) == inf);
    CHECK(power(inf, -y) == 0);
  }
  for (const T y : {T(0), T(1), T(0.5), inf}) {
    CHECK(std::isnan(power(nan, y)));
    CHECK(std::isnan(power(T(-2), y)));
  }
  CHECK(pow(V(2), 10)[0] == Catch::Approx(1024));
}

TEMPLATE_TEST_CASE("Maths: atan2 in all quadrants, and where C says so", "[math]", float, double) {
  using T = TestType;
  using V = Lanes<T>;
  const auto angle = [](T y, T x) { return atan2(V(y), V(x))[V::size - 1]; };
  const auto exact = [](T y, T x) { return std::atan2(static_cast<long double>(y), static_cast<long double>(x)); };

  std::mt19937_64 random(3);
  std::normal_distribution<T> normal;
  double worst = 0;
  for (int i = 0; i < 100000; ++i) {
    const T scale = i % 2 == 0 ? T(1) : std::exp(normal(random) * 5);
    const T y = normal(random) * scale, x = normal(random);
    worst = std::max(worst, ulp_error(angle(y, x), exact(y, x)));
  }
  CHECK(worst <= 2.0);

  constexpr T inf = std::numeric_limits<T>::infinity();
  constexpr T largest = std::numeric_limits<T>::max();
  constexpr T least = std::numeric_limits<T>::min();
  constexpr T smallest = std::numeric_limits<T>::denorm_min();
  const std::vector<T> edges = {T(0),   T(-0.0), T(1),     T(-1),    inf,       -inf,        least,
                                -least, largest, -largest, smallest, -smallest, largest / 3, T(0.5)};
  for (const T y : edges) {
    for (const T x : edges) {
      INFO(y << ", " << x);
      CHECK(ulp_error(angle(y, x), exact(y, x)) <= 2.0);
      CHECK(std::signbit(angle(y, x)) == std::signbit(y));
    }
  }
  constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  for (const T other : edges) {
    CHECK(std::isnan(angle(nan, other)));
    CHECK(std::isnan(angle(other, nan)));
  }
}
