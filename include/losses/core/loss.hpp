// SPDX-License-Identifier: MIT
#pragma once

/// Loss<Rule>: the verbs that every loss has.

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <losses/core/destination.hpp>
#include <losses/core/driver.hpp>
#include <losses/core/parallel.hpp>
#include <losses/core/per_element.hpp>
#include <losses/core/per_row.hpp>
#include <losses/core/per_set.hpp>
#include <losses/core/reduction.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

template <class Rule, class Inputs, class Gradients>
struct SplitVerdict;

template <class Rule, class... In, class... Gradients>
struct SplitVerdict<Rule, std::tuple<In...>, std::tuple<Gradients...>> {
  static consteval auto get() {
    using V = decltype(DriverOf<Rule>::template verdict<std::remove_cvref_t<In>...>());
    if constexpr (!V::value) {
      return V{};
    } else if constexpr (!(accepts_gradient<Gradients, typename Rule::Scalar, takes_two_bytes<DriverOf<Rule>>()>() &&
                           ...)) {
      return error::the_gradient_must_be_a_writable_Eigen_object_with_the_scalar_of_the_loss{};
    } else {
      return Accepted{};
    }
  }
};

template <class Tuple, std::size_t first, class Indices>
struct Slice;

template <class Tuple, std::size_t first, std::size_t... i>
struct Slice<Tuple, first, std::index_sequence<i...>> {
  using Type = std::tuple<std::tuple_element_t<first + i, Tuple>...>;
};

/// The verdict on inputs followed by gradients.
template <class Rule, class... Args>
consteval auto verdict_with_gradients() {
  constexpr std::size_t gradients = DriverOf<Rule>::predictions;
  if constexpr (sizeof...(Args) <= gradients) {
    return error::wrong_number_of_arguments{};
  } else {
    constexpr std::size_t inputs = sizeof...(Args) - gradients;
    using All = std::tuple<Args...>;
    return SplitVerdict<Rule, typename Slice<All, 0, std::make_index_sequence<inputs>>::Type,
                        typename Slice<All, inputs, std::make_index_sequence<gradients>>::Type>::get();
  }
}

template <class Verdict>
concept IsAccepted = Verdict::value;

template <class Part, class Driver, class Rule>
concept PartialOf = requires(const Rule& rule, const Part& part) { Driver::value(rule, Reduction::mean, part); };

/// A driver whose gradient is a second pass, given the sums of the first.
template <class Part, class Driver>
concept SumsOf = std::same_as<Part, typename Driver::Partial> && requires { &Driver::gradient_of; };

}  // namespace detail

/// Whether a rule takes these inputs: predictions, target, and optionally weights.
template <class Rule, class... In>
concept Accepts = detail::IsAccepted<decltype(detail::DriverOf<Rule>::template verdict<In...>())>;

/// Whether a rule takes these inputs followed by gradients, as value_and_gradient does.
template <class Rule, class... Args>
concept AcceptsGradients = detail::IsAccepted<decltype(detail::verdict_with_gradients<Rule, Args...>())>;

/// A loss: a rule (its options and its formula) and a reduction, with the verbs below. An immutable value, cheap to
/// copy, safe to share between threads.
///
/// The arguments are the predictions, the target, then optionally the weights (one per term, or one per sample), then
/// the gradients, one for each prediction. Each verb also takes an execution policy first: losses::parallel(pool).
///
///   Scalar v = loss.forward(prediction, target);
///   auto   g = loss.gradient(prediction, target);
///   Scalar v = loss.value_and_gradient(prediction, target, grad);    // one pass, nothing allocated
///   auto   u = loss.unreduced(prediction, target);          // wᵢ·termᵢ
///   auto   h = loss.curvature(prediction, target);          // diagonal of the Hessian, scaled as the gradient
///   auto   s = loss.partial(prediction, target);            // adds up over micro-batches
///   Scalar v = loss.value(s + s);
///
/// Numbers of a loss of float may be stored as Eigen::half or Eigen::bfloat16, inputs and gradients, mixed with float as you
/// like, where the shape is per_element, per_row or per_set (but Lovász): each is read exactly, and a gradient rounded once,
/// to nearest. Elsewhere they are refused: cast them.
///
/// Throws std::invalid_argument (shapes, options, weights, values outside their domain, memory that overlaps) and
/// std::out_of_range (labels) before anything is written. A gradient that owns its memory is resized; it may be the
/// prediction itself, where the loss is per_element, per_row or per_box.
template <class R>
class Loss {
  using Driver = detail::DriverOf<R>;
  static constexpr std::size_t gradients = Driver::predictions;
  static constexpr bool two_bytes = detail::takes_two_bytes<Driver>();

 public:
  using Rule = R;
  using Scalar = typename R::Scalar;

  Loss() : Loss(Rule{}) {}
  explicit Loss(Reduction reduction) : Loss(Rule{}, reduction) {}
  explicit Loss(Rule rule, Reduction reduction = Reduction::mean) : rule_(std::move(rule)), reduction_(reduction) {
    detail::require_named(reduction, Reduction::batch_mean, detail::name_of<Rule>(), "reduction", "Reduction");
    if constexpr (requires { rule_.check(); }) rule_.check();
  }

  /// The options, as they were given.
  const Rule& rule() const { return rule_; }
  Reduction reduction() const { return reduction_; }

  template <class... In>
    requires Accepts<Rule, In...>
  Scalar forward(const In&... in) const {
    return forward(serial, in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...>
  Scalar forward(const Policy& policy, const In&... in) const {
    return verbs(policy).forward(Driver::bind(rule_, detail::evaluate(in)...));
  }

  template <class... Args>
    requires AcceptsGradients<Rule, Args...>
  Scalar value_and_gradient(Args&&... args) const {
    return value_and_gradient(serial, std::forward<Args>(args)...);
  }

  template <ExecutionPolicy Policy, class... Args>
    requires AcceptsGradients<Rule, Args...>
  Scalar value_and_gradient(const Policy& policy, Args&&... args) const {
    return split(policy, std::forward_as_tuple(args...), std::make_index_sequence<sizeof...(Args) - gradients>(),
                 std::make_index_sequence<gradients>());
  }

  /// A plain Eigen object with the shape and order of the prediction; a std::tuple of them for several predictions.
  template <class... In>
    requires Accepts<Rule, In...>
  auto gradient(const In&... in) const {
    return gradient(serial, in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...>
  auto gradient(const Policy& policy, const In&... in) const {
    const auto fill = [&](auto&... made) { value_and_gradient(policy, in..., made...); };
    return made_like_predictions<In...>(std::make_index_sequence<gradients>(), fill);
  }

  template <class... In>
    requires Accepts<Rule, In...>
  auto unreduced(const In&... in) const {
    return unreduced(serial, in...);
  }

  template <ExecutionPolicy Policy, class First, class... In>
    requires Accepts<Rule, First, In...>
  auto unreduced(const Policy& policy, const First& first, const In&... in) const {
    typename Driver::template Unreduced<First> result;
    Destination to = detail::destination_of<Scalar, two_bytes>(result);
    verbs(policy).unreduced(Driver::bind(rule_, detail::evaluate(first), detail::evaluate(in)...), to);
    return result;
  }

  template <class... In>
    requires Accepts<Rule, In...> && detail::HasCurvature<Driver>
  auto curvature(const In&... in) const {
    return curvature(serial, in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...> && detail::HasCurvature<Driver>
  auto curvature(const Policy& policy, const In&... in) const {
    const auto fill = [&](auto&... made) {
      Destination to[] = {detail::destination_of<Scalar, two_bytes>(made)...};
      verbs(policy).curvature(Driver::bind(rule_, detail::evaluate(in)...), to);
    };
    return made_like_predictions<In...>(std::make_index_sequence<gradients>(), fill);
  }

  template <class... In>
    requires Accepts<Rule, In...> && detail::HasPartial<Driver>
  auto partial(const In&... in) const {
    return partial(serial, in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...> && detail::HasPartial<Driver>
  auto partial(const Policy& policy, const In&... in) const {
    return verbs(policy).partial(Driver::bind(rule_, detail::evaluate(in)...));
  }

  /// The loss of the inputs whose partial results were added.
  template <detail::PartialOf<Driver, Rule> Part>
  Scalar value(const Part& part) const {
    return Driver::value(rule_, reduction_, part);
  }

  /// The second pass of a per_set loss: this part's gradient, given the sums of all parts.
  template <detail::SumsOf<Driver> Part, class... Args>
    requires AcceptsGradients<Rule, Args...>
  void gradient(const Part& sums, Args&&... args) const {
    split_sums(sums, std::forward_as_tuple(args...), std::make_index_sequence<sizeof...(Args) - gradients>(),
               std::make_index_sequence<gradients>());
  }

 private:
  using Destination = detail::Destination<Scalar>;

  template <class Policy>
  detail::Verbs<Rule> verbs(const Policy& policy) const {
    return {rule_, reduction_, policy.executor()};
  }

  template <class Policy, class Arguments, std::size_t... i, std::size_t... g>
  Scalar split(const Policy& policy, const Arguments& arguments, std::index_sequence<i...>,
               std::index_sequence<g...>) const {
    Destination to[] = {detail::destination_of<Scalar, two_bytes>(std::get<sizeof...(i) + g>(arguments))...};
    return verbs(policy).value_and_gradient(Driver::bind(rule_, detail::evaluate(std::get<i>(arguments))...), to);
  }

  template <class Part, class Arguments, std::size_t... i, std::size_t... g>
  void split_sums(const Part& sums, const Arguments& arguments, std::index_sequence<i...>,
                  std::index_sequence<g...>) const {
    Destination to[] = {detail::destination_of<Scalar, two_bytes>(std::get<sizeof...(i) + g>(arguments))...};
    verbs(serial).gradient_of(sums, Driver::bind(rule_, detail::evaluate(std::get<i>(arguments))...), to);
  }

  /// One new object for each prediction, filled by f(objects…).
  template <class... In, std::size_t... g, class F>
  static auto made_like_predictions(std::index_sequence<g...>, const F& f) {
    using All = std::tuple<In...>;
    std::tuple<typename detail::Access<std::tuple_element_t<g, All>>::Plain...> made;
    f(std::get<g>(made)...);
    if constexpr (gradients == 1) {
      return std::get<0>(std::move(made));
    } else {
      return made;
    }
  }

  Rule rule_;
  Reduction reduction_;
};

// LOSSES_EXTERN(rule::Huber) ends the file of a loss, so that its verbs can be compiled once, apart from the files that use them.
// With LOSSES_EXTERN_FLOAT or LOSSES_EXTERN_DOUBLE defined they are declared for that scalar; with LOSSES_COMPILED_SCALAR, which
// is one of them, they are compiled. The CMake targets losses::table_float and losses::table_double see to both. What follows the
// rule are its template arguments after the scalar.
#define LOSSES_VERBS(Rule, T, ...) template struct detail::Verbs<Rule<T __VA_OPT__(, ) __VA_ARGS__>>
#if defined(LOSSES_COMPILED_SCALAR)
#define LOSSES_EXTERN(Rule, ...) LOSSES_VERBS(Rule, LOSSES_COMPILED_SCALAR, __VA_ARGS__)
#elif defined(LOSSES_EXTERN_FLOAT) && defined(LOSSES_EXTERN_DOUBLE)
#define LOSSES_EXTERN(Rule, ...)                 \
  extern LOSSES_VERBS(Rule, float, __VA_ARGS__); \
  extern LOSSES_VERBS(Rule, double, __VA_ARGS__)
#elif defined(LOSSES_EXTERN_FLOAT)
#define LOSSES_EXTERN(Rule, ...) extern LOSSES_VERBS(Rule, float, __VA_ARGS__)
#elif defined(LOSSES_EXTERN_DOUBLE)
#define LOSSES_EXTERN(Rule, ...) extern LOSSES_VERBS(Rule, double, __VA_ARGS__)
#else
#define LOSSES_EXTERN(Rule, ...) static_assert(true)
#endif

/// Whether a loss takes these inputs: LossOn<Huber<float>, Eigen::MatrixXf, Eigen::MatrixXf>.
template <class L, class... In>
concept LossOn = requires { typename L::Rule; } && Accepts<typename L::Rule, In...>;

}  // namespace LOSSES_NAMESPACE
