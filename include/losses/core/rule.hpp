// SPDX-License-Identifier: MIT
#pragma once

/// What a rule is made of: the tag of its shape, the terms that it returns, the domains of its arguments, and options
/// that may be a number or a vector.

#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <type_traits>
#include <vector>

#include <Eigen/Core>

#include <losses/core/check.hpp>
#include <losses/core/lanes.hpp>
#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE {

/// A term for each element of the prediction.
///
///   template <class V> Terms<V> operator()(V prediction, V target) const;
///   template <class V> Terms<V> operator()(V prediction, V target, V parameter) const;   // a parameter per column
///
/// A rule of one prediction and no parameter may also give slope·factor, where the slope alone may be beyond the largest number:
///
///   template <class V> V scaled_slope(V prediction, V target, V factor) const;
///
/// Terms that are one long chain of operations may also come in two or three stages. A processor looks some hundred
/// instructions ahead, so it waits for such a chain; the driver takes a few hundred elements through a stage before the next:
///
///   template <class V> V first(V prediction, V target) const;
///   template <class V> V second(V prediction, V target, V first) const;
///   template <class V> Terms<V> last(V prediction, V target[, V parameter], V first[, V second]) const;
struct per_element {};

/// A term for each sample, over its classes: a formula of the log-probability of the sample's label,
///
///   template <class V> Terms<V> operator()(V log_p) const;
///
/// or, with `using Target = rule::Label;` (or NumberRow, LabelRow), a formula over the whole row, which returns the value
/// and writes the slopes where they are asked for:
///
///   T operator()(const rule::Row<T>& row, T* slope) const;   // slope may be null
struct per_row {};

/// One value of sums over a set: the whole input,
///
///   template <class V> std::array<V, N> sums(V prediction, V target) const;
///   double value(const Sums<N>& sums) const;
///   template <class V> V slope(const Sums<N>& sums, V prediction, V target) const;
///
/// A rule with a `RegionInput` is a formula of regions (core/region.hpp): of the whole input, of each sample, or of each class
/// of a softmax; one with a `RankingInput` is a formula of errors in falling order (core/ranking.hpp).
struct per_set {};

/// What a rule gives for one term: its value, dvalue/dprediction and the second derivative; for a rule of two
/// predictions a slope and a curvature for each. A rule that sets no curvature has none: NaN.
template <class V, int predictions = 1>
struct Terms {
  V value = V(0);
  V slope = V(0);
  V curvature = V(std::numeric_limits<double>::quiet_NaN());
};

template <class V>
struct Terms<V, 2> {
  V value = V(0);
  std::array<V, 2> slope = {V(0), V(0)};
  std::array<V, 2> curvature = {V(std::numeric_limits<double>::quiet_NaN()),
                                V(std::numeric_limits<double>::quiet_NaN())};
};

namespace rule {

/// The sums of a per_set rule over its set, Σ w, and in slope() the value that the rule made of them.
template <int count>
struct Sums {
  std::array<double, static_cast<std::size_t>(count)> of{};
  double weight = 0;
  double value = 0;

  double operator[](int i) const { return of[static_cast<std::size_t>(i)]; }
};

/// What the target of a formula over a row is.
struct Label {};      ///< an integer in [0, c) for each sample: [n]
struct NumberRow {};  ///< numbers, in the domain of the rule's `target`: [n × c]
struct LabelRow {};   ///< integers in [0, c), or −1 for none: [n × c]

/// A sample as a formula over its row sees it. The classes are contiguous, whatever the storage of the batch; with a mask
/// they are those that it keeps.
template <class T>
struct Row {
  const T* x = nullptr;
  Eigen::Index size = 0;
  Eigen::Index label = 0;                // of a Label
  const T* target = nullptr;             // of a NumberRow
  const std::int64_t* labels = nullptr;  // of a LabelRow
  Eigen::Index stride = 1;               // between classes of x: not 1 only for a rule that says `takes_stride`
  double* memory = nullptr;
  Eigen::Index capacity = 0;

  /// Working memory, not initialised: `size` numbers of type N. The rule says how many of these it uses:
  /// `static constexpr int scratch_rows = 2;` gives scratch(0) and scratch(1).
  template <class N = T>
  N* scratch(int i) const {
    static_assert(sizeof(N) <= sizeof(double));
    return reinterpret_cast<N*>(memory + i * capacity);
  }
};

/// The values that an argument may have. NaN is let through: it becomes the result.
struct Domain {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool open = false;  ///< low itself is outside
  bool ends = false;  ///< what lies between low and high is outside
  std::string_view text = "";

  static constexpr Domain all() { return {}; }
  static constexpr Domain unit_interval() { return {.low = 0, .high = 1, .open = false, .text = "in [0, 1]"}; }
  static constexpr Domain signs() { return {.low = -1, .high = 1, .ends = true, .text = "-1 or 1"}; }
  static constexpr Domain positive() {
    return {.low = 0, .high = std::numeric_limits<double>::infinity(), .open = true, .text = "positive"};
  }
  static constexpr Domain not_negative() {
    return {.low = 0, .high = std::numeric_limits<double>::infinity(), .open = false, .text = "not negative"};
  }

  constexpr bool is_all() const { return text.empty(); }

  template <class V>
  auto excludes(V v) const {
    using S = typename V::Scalar;
    const V a(static_cast<S>(low)), b(static_cast<S>(high));
    const auto outside = open ? (v <= a) | (v > b) : (v < a) | (v > b);
    return ends ? outside | ((v > a) & (v < b)) : outside;
  }
};

/// An argument of a rule as its errors name it.
struct Argument {
  std::string_view name;
  Domain domain = Domain::all();
};

/// An option that is one number, or one per class or column: .pos_weight = 3, or .pos_weight = {1, 3, 2}, or an Eigen
/// vector.
template <std::floating_point T>
class NumberOrVector {
 public:
  NumberOrVector() = default;
  template <class N>
    requires std::is_arithmetic_v<N>
  NumberOrVector(N number) : values_{static_cast<T>(number)}, is_number_(true) {}
  NumberOrVector(std::initializer_list<T> values) : values_(values) {}
  NumberOrVector(std::vector<T> values) : values_(std::move(values)) {}
  template <class D>
  NumberOrVector(const Eigen::DenseBase<D>& values) {
    values_.reserve(static_cast<std::size_t>(values.size()));
    for (Eigen::Index j = 0; j < values.cols(); ++j) {
      for (Eigen::Index i = 0; i < values.rows(); ++i) values_.push_back(static_cast<T>(values.derived().coeff(i, j)));
    }
  }

  bool empty() const { return values_.empty(); }
  bool is_number() const { return is_number_; }
  Eigen::Index size() const { return static_cast<Eigen::Index>(values_.size()); }
  const T* data() const { return values_.data(); }
  T operator[](Eigen::Index i) const { return values_[static_cast<std::size_t>(is_number_ ? 0 : i)]; }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  std::vector<T> values_;
  bool is_number_ = false;
};

}  // namespace rule

namespace detail {

using rule::Argument;
using rule::Domain;
using rule::NumberOrVector;
using rule::Sums;

template <class Rule>
consteval std::string_view rule_name() {
#if defined(__GNUC__) || defined(__clang__)
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("Rule = ") + 7);
#else
  std::string_view text = __FUNCSIG__;
  text.remove_prefix(text.find("rule_name<") + 10);
  if (text.starts_with("struct ")) text.remove_prefix(7);
#endif
  text = text.substr(0, text.find_first_of("<;]>"));
  const auto colon = text.rfind(':');
  return colon == std::string_view::npos ? text : text.substr(colon + 1);
}

/// The name that the errors of a loss begin with: its own, or that of its type.
template <class Rule>
constexpr std::string_view name_of() {
  if constexpr (requires { std::string_view(Rule::name); }) {
    return Rule::name;
  } else {
    return rule_name<Rule>();
  }
}

/// The predictions of a rule: one, unless it lists them.
template <class Rule>
constexpr auto predictions_of() {
  if constexpr (requires { Rule::predictions; }) {
    return Rule::predictions;
  } else if constexpr (requires { Rule::prediction; }) {
    return std::array<Argument, 1>{Rule::prediction};
  } else {
    return std::array<Argument, 1>{Argument{"prediction"}};
  }
}

template <class Rule>
constexpr Argument target_of() {
  if constexpr (requires { Rule::target; }) {
    return Rule::target;
  } else {
    return {"target"};
  }
}

template <class Rule>
inline constexpr int prediction_count = static_cast<int>(predictions_of<Rule>().size());

/// A rule of the per_element shape whose formula has an option per column gives it as column_parameter().
template <class Rule>
concept HasColumnParameter = requires(const Rule& rule) {
  { rule.column_parameter() } -> std::convertible_to<const NumberOrVector<typename Rule::Scalar>&>;
};

/// A rule whose every row of predictions has one target.
template <class Rule>
concept HasTargetPerRow = requires { requires Rule::target_per_row; };

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
