// SPDX-License-Identifier: MIT
#pragma once

/// Errors of a set in falling order, for losses that are a formula of it, and the memory that such losses need: O(n).
///
/// A rule of this kind has `using Shape = per_set`, `static constexpr RankingInput input`, and
///
///   template <class T> double extension(const Ranking<T>& errors, T* slopes) const;
///
/// which returns the value and writes dvalue/derror at the positions that errors.order names.

#include <bit>
#include <cmath>
#include <span>
#include <vector>

#include <losses/core/driver.hpp>
#include <losses/core/radix_sort.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// What the errors of a ranking are.
enum class RankingInput : std::uint8_t {
  hinge,    ///< 1 − (2y − 1) x of scores x against a mask y of zeros and ones
  softmax,  ///< |y − p| for each class, p = softmax(x) of logits [n, c, …] against integer labels [n, …]
};

/// The errors of a set: those above 0, the largest first, of two equal ones the first.
template <class T>
struct Ranking {
  std::span<const std::uint32_t> order;
  const T* error = nullptr;
  const T* target = nullptr;  // 0 or 1
  const T* weight = nullptr;
  double positives = 0;  // Σ w y over the whole set
};

}  // namespace rule

namespace detail {

using rule::Ranking;
using rule::RankingInput;

template <class Rule, RankingInput kind>
concept RankingRule = requires {
  requires std::same_as<std::remove_cvref_t<decltype(Rule::input)>, RankingInput>;
  requires Rule::input == kind;
};

template <class Rule, class T = typename Rule::Scalar>
concept RankingFormula = requires(const Rule& rule, const Ranking<T>& errors, T* slopes) {
  { rule.extension(errors, slopes) } -> std::convertible_to<double>;
};

/// The working memory of a set.
template <class T>
class RankingMemory {
 public:
  /// The kept elements' errors above 0 in falling order, by a radix sort: equal ones keep their order. false if one is NaN.
  bool rank(const T* error, const T* target, const T* weight, Index size, Ranking<T>& ranking) {
    using Key = UnsignedOf<T>;
    records_.clear();
    double positives = 0;
    for (Index i = 0; i < size; ++i) {
      if (weight[i] == 0) continue;
      if (std::isnan(error[i])) return false;
      positives += static_cast<double>(weight[i]) * static_cast<double>(target[i]);
      // The bits of positive numbers are in the order of the numbers.
      if (error[i] > 0)
        records_.push_back({static_cast<Key>(~std::bit_cast<Key>(error[i])), static_cast<std::uint32_t>(i)});
    }
    radix_sort(records_, other_);
    order_.resize(records_.size());
    for (std::size_t i = 0; i < records_.size(); ++i) order_[i] = records_[i].position;
    ranking = {order_, error, target, weight, positives};
    return true;
  }

 private:
  std::vector<KeyedPosition<T>> records_, other_;
  std::vector<std::uint32_t> order_;
};

/// The sets whose positions have 32 bits.
template <class Rule>
void require_rankable(Index size) {
  require(static_cast<std::uint64_t>(size) <= UINT32_MAX, name_of<Rule>(), ": a set of ", size,
          " elements is more than can be ranked");
}

/// f(offset, from) for the rows of a view in logical order: element j of row `from` is at offset + j·(the last stride).
template <class F>
void for_rows(const Extents& extents, const Index* stride, const F& f) {
  const int last = extents.rank - 1;
  const Index length = extents[last], rows = length == 0 ? 0 : extents.count() / length;
  for (Index row = 0; row < rows; ++row) {
    Index offset = 0, rest = row;
    for (int axis = last - 1; axis >= 0; --axis) {
      offset += rest % extents[axis] * stride[axis];
      rest /= extents[axis];
    }
    f(offset, row * length);
  }
}

/// The elements in logical order, one after the other.
template <class T>
void gather(const View<const T>& view, T* to) {
  const int last = view.extents.rank - 1;
  for_rows(view.extents, view.stride, [&](Index offset, Index first) {
    for (Index j = 0; j < view.extents[last]; ++j) to[first + j] = view.data[offset + j * view.stride[last]];
  });
}

template <class T>
void scatter(const T* from, bool adds, const View<T>& view) {
  const int last = view.extents.rank - 1;
  for_rows(view.extents, view.stride, [&](Index offset, Index first) {
    for (Index j = 0; j < view.extents[last]; ++j) {
      T& to = view.data[offset + j * view.stride[last]];
      to = adds ? to + from[first + j] : from[first + j];
    }
  });
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
