// SPDX-License-Identifier: MIT
#pragma once

/// Inputs for the laws: seeded random numbers, adversarial values, and every storage that Eigen offers.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "dual.hpp"

namespace losses_test {

using Eigen::Index;

template <class T>
using Columns = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using Rows = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Vector = Eigen::Array<T, Eigen::Dynamic, 1>;

/// splitmix64 with its own distributions: the same numbers with every standard library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double unit() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double between(double low, double high) { return low + (high - low) * unit(); }
  Index below(Index n) { return static_cast<Index>(bits() % static_cast<std::uint64_t>(n)); }
  double normal() { return std::sqrt(-2 * std::log(1 - unit())) * std::cos(2 * std::numbers::pi * unit()); }
  double sign() { return (bits() & 1) != 0 ? 1 : -1; }
  /// Magnitude spread evenly over the exponents.
  double decades(double low, double high) { return std::pow(10.0, between(std::log10(low), std::log10(high))); }

 private:
  std::uint64_t state_;
};

/// Finite values at which formulas break: zeros, denormals, the ends of exp's range, of squares, of the type.
template <class T>
std::vector<T> adversarial_values() {
  using limits = std::numeric_limits<T>;
  std::vector<T> values;
  for (const T magnitude : {T(0),
                            limits::denorm_min(),
                            limits::min(),
                            T(1e-30),
                            T(1e-20),
                            T(1e-10),
                            limits::epsilon(),
                            T(1e-5),
                            T(1e-4),
                            T(1e-3),
                            T(0.1),
                            T(0.25),
                            T(0.5),
                            T(0.75),
                            T(1),
                            std::nextafter(T(1), T(2)),
                            T(1.5),
                            T(2),
                            T(4.685),
                            T(10),
                            T(17),
                            T(20),
                            T(40),
                            T(88),
                            T(89),
                            T(104),
                            T(700),
                            T(710),
                            T(750),
                            T(1e4),
                            T(1e10),
                            T(1e18),
                            std::sqrt(limits::max()),
                            limits::max() / 4,
                            limits::max()}) {
    values.push_back(magnitude);
    values.push_back(-magnitude);
  }
  return values;
}

/// Infinity becomes 1e1000, which no input of T reaches: long double then gives the limit.
template <class T>
Real as_real(T x) {
  if (std::isinf(x)) return std::copysign(Real(1e1000L), static_cast<Real>(x));
  return static_cast<Real>(x);
}

/// What a correct library may return for a value of the reference.
template <class T>
bool representable(Real value) {
  return std::fabs(value) <= static_cast<Real>(std::numeric_limits<T>::max());
}

/// Where the predictions and targets of a loss live, and where to draw them.
struct Domain {
  enum class Kind {
    real_line,
    non_negative_target,
    positive_target,
    above_minus_one,
    both_non_negative,
    unit_target,
    positive_unit_target,
    both_unit,
    sign_target
  } kind;

  bool takes_prediction(double p) const {
    if (kind == Kind::above_minus_one) return p >= -1;
    if (kind == Kind::both_unit) return p >= 0 && p <= 1;
    if (kind == Kind::both_non_negative) return p >= 0;
    return true;
  }
  bool takes_target(double y) const {
    switch (kind) {
      case Kind::non_negative_target:
      case Kind::both_non_negative:
        return y >= 0;
      case Kind::positive_target:
        return y > 0;
      case Kind::above_minus_one:
        return y >= -1;
      case Kind::positive_unit_target:
        return y > 0 && y <= 1;
      case Kind::unit_target:
      case Kind::both_unit:
        return y >= 0 && y <= 1;
      case Kind::sign_target:
        return y == 1 || y == -1;
      default:
        return true;
    }
  }

  /// One pair: an ordinary one, a pair far apart in magnitude, or two neighbours.
  template <class T>
  std::pair<T, T> draw(Random& random) const {
    const bool is_class = kind == Kind::unit_target || kind == Kind::positive_unit_target || kind == Kind::both_unit ||
                          kind == Kind::sign_target;
    if (is_class) return draw_class<T>(random);
    for (;;) {
      const Index style = random.below(4);
      double p = 0, y = 0;
      const bool exponential = kind == Kind::non_negative_target || kind == Kind::positive_target;
      if (style <= 1) {
        y = 3 * random.normal();
        p = y + 2 * random.normal();
      } else if (style == 2) {
        y = random.sign() * random.decades(1e-6, exponential ? 1e3 : 1e5);
        p = exponential ? random.between(-30, 30) : random.sign() * random.decades(1e-6, 1e5);
      } else {
        y = random.normal();
        p = y * (1 + random.sign() * random.decades(1e-5, 0.1));
      }
      const T prediction = static_cast<T>(p), target = static_cast<T>(y);
      if (takes_prediction(static_cast<double>(prediction)) && takes_target(static_cast<double>(target))) {
        return {prediction, target};
      }
    }
  }

 private:
  /// Mostly hard targets; scores of every size, and probabilities near both ends.
  template <class T>
  std::pair<T, T> draw_class(Random& random) const {
    const Index style = random.below(4);
    double y = static_cast<double>(random.below(2)), p = 3 * random.normal();
    if (style == 2) p = random.sign() * random.decades(1e-6, 1e5);
    if (style == 3) y = random.unit();
    if (kind == Kind::positive_unit_target) y = style == 0 ? random.decades(1e-6, 1) : 1 - random.unit();
    if (kind == Kind::sign_target) y = random.sign();
    if (kind == Kind::both_unit) {
      p = style == 2 ? random.decades(1e-6, 0.5) : random.unit();
      if (random.below(2) == 0) p = 1 - p;
    }
    return {static_cast<T>(p), static_cast<T>(y)};
  }
};

inline constexpr Domain real_line{Domain::Kind::real_line};
inline constexpr Domain non_negative_target{Domain::Kind::non_negative_target};
inline constexpr Domain positive_target{Domain::Kind::positive_target};
inline constexpr Domain above_minus_one{Domain::Kind::above_minus_one};
inline constexpr Domain both_non_negative{Domain::Kind::both_non_negative};
inline constexpr Domain unit_target{Domain::Kind::unit_target};
inline constexpr Domain positive_unit_target{Domain::Kind::positive_unit_target};
inline constexpr Domain both_unit{Domain::Kind::both_unit};
inline constexpr Domain sign_target{Domain::Kind::sign_target};

/// n × c predictions and targets of a domain.
template <class T>
struct Pair {
  Columns<T> p, y;
};

template <class T>
Pair<T> draw(const Domain& domain, Index n, Index c, std::uint64_t seed) {
  Random random(seed);
  Pair<T> pair{Columns<T>(n, c), Columns<T>(n, c)};
  for (Index j = 0; j < c; ++j) {
    for (Index i = 0; i < n; ++i) std::tie(pair.p(i, j), pair.y(i, j)) = domain.draw<T>(random);
  }
  return pair;
}

template <class T>
Columns<T> draw_weights(Index n, Index c, std::uint64_t seed) {
  Random random(seed);
  return Columns<T>::NullaryExpr(n, c, [&] { return static_cast<T>(random.between(0.1, 2)); });
}

/// The rows of these numbers, in this order.
template <class T>
Columns<T> pick(const Columns<T>& matrix, const std::vector<Index>& rows) {
  return Columns<T>::NullaryExpr(static_cast<Index>(rows.size()), matrix.cols(),
                                 [&](Index i, Index k) { return matrix(rows[static_cast<std::size_t>(i)], k); });
}

/// The same bits, counting NaN as equal to NaN.
template <class A, class B>
bool same_bits(const A& a, const B& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return false;
  for (Index j = 0; j < a.cols(); ++j) {
    for (Index i = 0; i < a.rows(); ++i) {
      const auto x = a(i, j);
      const auto y = b(i, j);
      if (!(x == y || (std::isnan(x) && std::isnan(y)))) return false;
    }
  }
  return true;
}

/// A value between guards: memory of a Map whose neighbours must stay as they are.
template <class T>
struct Guarded {
  static constexpr T guard = T(-77777);

  explicit Guarded(Index size) : memory(static_cast<std::size_t>(size), guard) {}
  T* data() { return memory.data(); }
  /// How many entries no longer hold the guard.
  Index touched() const {
    return static_cast<Index>(memory.size()) - static_cast<Index>(std::count(memory.begin(), memory.end(), guard));
  }

  std::vector<T> memory;
};

using AnyStride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;

/// Calls visit(name, object) with the matrix in each storage. The objects are writable (so a gradient can go there), but
/// for those of `read_only_storages`.
template <class T, class Visit>
void writable_storages(const Columns<T>& matrix, const Visit& visit) {
  const Index n = matrix.rows(), c = matrix.cols();
  {
    Columns<T> object = matrix;
    visit("column-major array", object);
  }
  {
    Rows<T> object = matrix;
    visit("row-major array", object);
  }
  {
    Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> object = matrix;
    visit("row-major matrix", object);
  }
  {
    Guarded<T> memory(n * c + 8);
    Eigen::Map<Columns<T>> object(memory.data() + 3, n, c);
    object = matrix;
    visit("Map at an offset", object);
  }
  {
    Guarded<T> memory((n + 3) * (c + 1));
    Eigen::Map<Rows<T>, 0, Eigen::OuterStride<>> object(memory.data() + 1, n, c, Eigen::OuterStride<>(c + 1));
    object = matrix;
    visit("row-major Map with an outer stride", object);
  }
  {
    Guarded<T> memory((2 * n + 5) * (c + 1) + 4);
    Eigen::Map<Columns<T>, 0, AnyStride> object(memory.data() + 2, n, c, AnyStride(2 * n + 5, 2));
    object = matrix;
    visit("column-major Map with inner and outer strides", object);
  }
  {
    Guarded<T> memory((3 * c + 2) * (n + 1) + 4);
    Eigen::Map<Rows<T>, 0, AnyStride> object(memory.data(), n, c, AnyStride(3 * c + 2, 3));
    object = matrix;
    visit("row-major Map with inner and outer strides", object);
  }
  {
    Columns<T> larger = Columns<T>::Constant(n + 5, c + 4, Guarded<T>::guard);
    auto object = larger.block(2, 3, n, c);
    object = matrix;
    visit("block", object);
  }
  {
    Rows<T> larger = Rows<T>::Constant(n + 5, c + 4, Guarded<T>::guard);
    auto object = larger.block(1, 2, n, c);
    object = matrix;
    visit("row-major block", object);
  }
  {
    Columns<T> transposed = matrix.transpose();
    auto object = transposed.transpose();
    visit("transpose", object);
  }
  {
    Columns<T> storage = matrix;
    Eigen::Ref<Columns<T>, 0, Eigen::OuterStride<>> object(storage);
    visit("Ref", object);
  }
}

template <class T, class Visit>
void read_only_storages(const Columns<T>& matrix, const Visit& visit) {
  {
    const Columns<T> storage = matrix;
    visit("expression", storage * T(1));
  }
  {
    const Columns<T> storage = matrix;
    const Eigen::Map<const Columns<T>> object(storage.data(), matrix.rows(), matrix.cols());
    visit("Map of const", object);
  }
  {
    const Columns<T> reversed = matrix.reverse();
    visit("reverse", reversed.reverse());
  }
}

/// Calls visit.template operator()<Fixed>() with matrix types of fixed sizes 1 to 4, both orders, whole and half fixed.
template <class T, class Visit>
void fixed_types(const Visit& visit) {
  using Eigen::Dynamic;
  visit.template operator()<Eigen::Matrix<T, 1, 1>>();
  visit.template operator()<Eigen::Matrix<T, 2, 1>>();
  visit.template operator()<Eigen::Matrix<T, 1, 2>>();
  visit.template operator()<Eigen::Array<T, 2, 2>>();
  visit.template operator()<Eigen::Matrix<T, 3, 2, Eigen::RowMajor>>();
  visit.template operator()<Eigen::Matrix<T, 3, 4>>();
  visit.template operator()<Eigen::Array<T, 4, 3, Eigen::RowMajor>>();
  visit.template operator()<Eigen::Matrix<T, Dynamic, 2>>();
  visit.template operator()<Eigen::Matrix<T, Dynamic, 3, Eigen::RowMajor>>();
  visit.template operator()<Eigen::Matrix<T, 4, Dynamic>>();
}

}  // namespace losses_test
