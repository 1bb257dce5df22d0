// SPDX-License-Identifier: MIT
#pragma once

/// The one-argument functions on Lanes, each with a reference, the arguments it is for, and the largest error it may
/// have. Shared by the sampled test (math.cpp) and the exhaustive one (exhaustive.cpp).

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>

#include <losses/core/math.hpp>

namespace accuracy {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// apply works on Lanes, reference on double or long double; both are for lo ≤ x ≤ hi.
template <class Apply, class Reference>
struct Function {
  const char* name;
  Apply apply;
  Reference reference;
  double lo, hi;
  double float_ulp, double_ulp;
};
template <class Apply, class Reference>
Function(const char*, Apply, Reference, double, double, double, double) -> Function<Apply, Reference>;

template <class Visitor>
void for_each_function(Visitor&& visit) {
  visit(Function{"exp_nonpos", [](auto x) { return exp_nonpos(x); }, [](auto x) { return std::exp(x); }, -infinity, 0,
                 1.25, 1.25});
  visit(Function{"exp", [](auto x) { return exp(x); }, [](auto x) { return std::exp(x); }, -infinity, infinity, 1.25,
                 1.25});
  visit(Function{"expm1", [](auto x) { return expm1(x); }, [](auto x) { return std::expm1(x); }, -infinity, infinity,
                 1.5, 1.75});
  visit(Function{"log1p_unit", [](auto x) { return log1p_unit(x); }, [](auto x) { return std::log1p(x); }, 0, 1, 2.0,
                 1.5});
  visit(Function{"log1p", [](auto x) { return log1p(x); }, [](auto x) { return std::log1p(x); }, -1, infinity, 1.75,
                 1.5});
  visit(Function{"log", [](auto x) { return log(x); }, [](auto x) { return std::log(x); }, 0, infinity, 1.0, 1.0});
  visit(Function{"sigmoid", [](auto x) { return sigmoid(x); },
                 [](auto x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }, -infinity,
                 infinity, 2.5, 2.5});
  visit(Function{"softplus", [](auto x) { return softplus(x); },
                 [](auto x) { return x < 0 ? std::log1p(std::exp(x)) : x + std::log1p(std::exp(-x)); }, -infinity,
                 infinity, 2.75, 2.0});
  visit(Function{"tanh", [](auto x) { return tanh(x); }, [](auto x) { return std::tanh(x); }, -infinity, infinity, 1.75,
                 1.75});
  visit(Function{"atan", [](auto x) { return atan(x); }, [](auto x) { return std::atan(x); }, -infinity, infinity, 1.75,
                 2.0});
  visit(Function{"sqrt", [](auto x) { return sqrt(x); }, [](auto x) { return std::sqrt(x); }, 0, infinity, 0.5, 0.5});
}

/// |got − exact| in units in the last place of T at exact, which is in a wider format. NaN matches NaN, an infinite
/// result is the number past the largest.
template <std::floating_point T, std::floating_point Wide>
double ulp_error(T got, Wide exact) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(got) || std::isnan(exact)) return std::isnan(got) == std::isnan(exact) ? 0 : infinity;
  constexpr Wide past = 4 / Wide(Limits::min());  // 2^128, 2^1024
  const Wide g = std::isinf(got) ? std::copysign(past, Wide(got)) : Wide(got);
  if (std::abs(exact) >= past) exact = std::copysign(past, exact);
  if constexpr (std::same_as<T, float> && std::same_as<Wide, double>) {  // the exhaustive test spends its time here
    const auto field = std::bit_cast<std::uint64_t>(std::abs(exact)) >> 52;
    const auto exponent = std::max<std::uint64_t>(field, 1023 - 126);
    return std::abs(g - exact) * std::bit_cast<double>((2 * 1023 + 23 - exponent) << 52);
  } else {
    int exponent = Limits::min_exponent;
    if (std::abs(exact) >= Wide(Limits::min())) std::frexp(exact, &exponent);
    return static_cast<double>(std::ldexp(std::abs(g - exact), Limits::digits - exponent));
  }
}

}  // namespace accuracy
