// SPDX-License-Identifier: MIT
#pragma once

/// Several per_element rules as one: a sum of such losses is a single pass over the memory.

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

/// As std::tuple, but trivially copyable where its members are: a kernel then keeps the options in registers.
template <class... Rules>
struct RuleList;

template <>
struct RuleList<> {};

template <class First, class... Rest>
struct RuleList<First, Rest...> {
  First first;
  RuleList<Rest...> rest;
};

inline RuleList<> list_rules() {
  return {};
}

template <class First, class... Rest>
RuleList<First, Rest...> list_rules(const First& first, const Rest&... rest) {
  return {first, list_rules(rest...)};
}

/// A rule with one prediction and a target for each of its elements.
template <class Rule>
concept SummableRule =
    std::same_as<typename Rule::Shape, per_element> && prediction_count<Rule> == 1 && !HasTargetPerRow<Rule>;

}  // namespace detail

namespace rule {

/// Σ factors[i] · rule i, of the values, the slopes and the curvatures. Domains are the business of each rule, so this one
/// has none.
template <class First, class... Rest>
struct Sum {
  using Scalar = typename First::Scalar;
  using Shape = per_element;
  static constexpr std::size_t size = 1 + sizeof...(Rest);
  static constexpr std::string_view name = "Sum";
  static constexpr std::string_view column_parameter_name = "the option for each column";
  static constexpr int parameters = (detail::HasColumnParameter<First> + ... + detail::HasColumnParameter<Rest>);

  detail::RuleList<First, Rest...> rules;
  std::array<Scalar, size> factors;

  const NumberOrVector<Scalar>& column_parameter() const
    requires(parameters == 1)
  {
    return parameter_of(rules);
  }

  template <class V>
  Terms<V> operator()(V p, V y) const
    requires(parameters == 0)
  {
    return sum(p, y, V());
  }

  template <class V>
  Terms<V> operator()(V p, V y, V k) const
    requires(parameters == 1)
  {
    return sum(p, y, k);
  }

  template <class V>
  V scaled_slope(V p, V y, V factor) const
    requires(parameters == 0 && (detail::ScalesSlope<First> || ... || detail::ScalesSlope<Rest>))
  {
    return add_slopes<0>(rules, p, y, factor);
  }

 private:
  template <std::size_t i, class V, class R, class... Others>
  LOSSES_INLINE V add_slopes(const detail::RuleList<R, Others...>& list, const V& p, const V& y,
                             const V& factor) const {
    V slope(0);
    if (factors[i] != 0) {
      const V each = V(factors[i]) * factor;
      if constexpr (detail::ScalesSlope<R>) {
        slope = list.first.scaled_slope(p, y, each);
      } else {
        slope = detail::element_terms(list.first, &p, y, V()).slope * each;
      }
    }
    if constexpr (sizeof...(Others) > 0) slope = slope + add_slopes<i + 1>(list.rest, p, y, factor);
    return slope;
  }

  template <std::size_t i, class V, class R, class... Others>
  LOSSES_INLINE void add(const detail::RuleList<R, Others...>& list, const V& p, const V& y, const V& k,
                         Terms<V>& total) const {
    if (factors[i] != 0) {  // else infinite values would become NaN
      const V factor(factors[i]);
      const Terms<V> terms = detail::element_terms(list.first, &p, y, k);
      total.value = fma(factor, terms.value, total.value);
      total.slope = fma(factor, terms.slope, total.slope);
      total.curvature = fma(factor, terms.curvature, total.curvature);
    }
    if constexpr (sizeof...(Others) > 0) add<i + 1>(list.rest, p, y, k, total);
  }

  template <class V>
  LOSSES_INLINE Terms<V> sum(const V& p, const V& y, const V& k) const {
    Terms<V> total{V(0), V(0), V(0)};
    add<0>(rules, p, y, k, total);
    return total;
  }

  template <class R, class... Others>
  static const NumberOrVector<Scalar>& parameter_of(const detail::RuleList<R, Others...>& list) {
    if constexpr (detail::HasColumnParameter<R>) {
      return list.first.column_parameter();
    } else {
      return parameter_of(list.rest);
    }
  }
};

}  // namespace rule

}  // namespace LOSSES_NAMESPACE
