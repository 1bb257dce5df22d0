// SPDX-License-Identifier: MIT
#pragma once

/// Loss<Rule>: the verbs that every loss has.

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <losses/core/driver.hpp>
#include <losses/core/overlap.hpp>
#include <losses/core/parallel.hpp>
#include <losses/core/per_element.hpp>
#include <losses/core/per_row.hpp>
#include <losses/core/per_set.hpp>
#include <losses/core/reduction.hpp>

namespace LOSSES_NAMESPACE {

/// A gradient that is added, not written: grad += scale·dL. Made by add_to.
template <class Gradient>
struct AddTo {
  Gradient& gradient;
  double scale;
};

/// Stands in for the gradient of value_and_gradient: grad += scale·dL/dprediction, without a temporary.
///
///   losses::add_to(grad, 0.5)     a second loss on the same prediction, a micro-batch
///   losses::add_to(weights, -lr)  a step of gradient descent
///
/// The gradient must have the prediction's shape already. It may be an rvalue view (a block, a transpose).
template <class Gradient>
AddTo<std::remove_reference_t<Gradient>> add_to(Gradient&& gradient, double scale = 1) {
  return {gradient, scale};
}

namespace detail {

template <class X>
struct GradientArgument {
  using Object = X;
  static X& object(X& x) { return x; }
  static X& object(const X& x) { return const_cast<X&>(x); }  // a const view, as Eigen writes to it
  static double factor(const X&) { return 1; }
  static constexpr bool adds = false;
};

template <class G>
struct GradientArgument<AddTo<G>> {
  using Object = std::remove_cv_t<G>;
  static G& object(const AddTo<G>& to) { return to.gradient; }
  static double factor(const AddTo<G>& to) { return to.scale; }
  static constexpr bool adds = true;
};

/// `X` is what a parameter Args&& deduced: an lvalue reference, or a plain type for a temporary. Views may be
/// temporaries and const, as in Eigen; an object that owns its memory may be neither.
template <class X, class T>
consteval bool accepts_gradient() {
  using Decayed = std::remove_cvref_t<X>;
  if constexpr (!std::same_as<typename GradientArgument<Decayed>::Object, Decayed>) {
    using Reference = decltype((std::declval<Decayed&>().gradient));
    return accepts_gradient<Reference, T>();
  } else if constexpr (!ViewableAs<Decayed, T>) {
    return false;
  } else if constexpr (Access<Decayed>::is_plain) {
    return std::is_lvalue_reference_v<X> && !std::is_const_v<std::remove_reference_t<X>>;
  } else {
    return Access<Decayed>::is_writable;
  }
}

template <class Rule, class Inputs, class Gradients>
struct SplitVerdict;

template <class Rule, class... In, class... Gradients>
struct SplitVerdict<Rule, std::tuple<In...>, std::tuple<Gradients...>> {
  static consteval auto get() {
    using V = decltype(DriverOf<Rule>::template verdict<std::remove_cvref_t<In>...>());
    if constexpr (!V::value) {
      return V{};
    } else if constexpr (!(accepts_gradient<Gradients, typename Rule::Scalar>() && ...)) {
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

template <class Driver>
concept NamesCurvature = requires {
  &Driver::curvature;
};

/// A driver whose curvature some rules lack says so: has_curvature. g++ 12 finds a member whose constraint fails, too.
template <class Driver>
concept SaysNoCurvature = requires {
  requires !Driver::has_curvature;
};

template <class Driver>
concept HasCurvature = NamesCurvature<Driver> && !SaysNoCurvature<Driver>;

template <class Driver>
concept HasPartial = requires {
  &Driver::partial;
};

template <class Part, class Driver, class Rule>
concept PartialOf = requires(const Rule& rule, const Part& part) {
  Driver::value(rule, Reduction::mean, part);
};

/// A driver whose gradient is a second pass, given the sums of the first.
template <class Part, class Driver>
concept SumsOf = std::same_as<Part, typename Driver::Partial> && requires {
  &Driver::gradient_of;
};

/// The same elements in the same order: what a gradient over its own prediction is.
inline bool same_place(const Footprint& a, const Footprint& b) {
  if (a.data != b.data || a.bytes != b.bytes || !(a.extents == b.extents)) return false;
  for (int axis = 0; axis < a.extents.rank; ++axis) {
    if (a.extents[axis] > 1 && a.stride[axis] != b.stride[axis]) return false;
  }
  return true;
}

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
/// Throws std::invalid_argument (shapes, options, weights, values outside their domain, memory that overlaps) and
/// std::out_of_range (labels) before anything is written. A gradient that owns its memory is resized; it may be the
/// prediction itself, where the loss is per_element, per_row or per_box.
template <class R>
class Loss {
  using Driver = detail::DriverOf<R>;
  static constexpr std::size_t gradients = Driver::predictions;

 public:
  using Rule = R;
  using Scalar = typename R::Scalar;

  Loss() : Loss(Rule{}) {}
  explicit Loss(Reduction reduction) : Loss(Rule{}, reduction) {}
  explicit Loss(Rule rule, Reduction reduction = Reduction::mean) : rule_(std::move(rule)), reduction_(reduction) {
    if constexpr (requires { rule_.check(); }) rule_.check();
  }

  /// The options, as they were given.
  const Rule& rule() const { return rule_; }
  Reduction reduction() const { return reduction_; }

  template <class... In>
    requires Accepts<Rule, In...> Scalar forward(const In&... in)
  const { return forward(serial, in...); }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...> Scalar forward(const Policy& policy, const In&... in)
  const { return forward_bound(policy, Driver::bind(rule_, detail::evaluate(in)...)); }

  template <class... Args>
    requires AcceptsGradients<Rule, Args...> Scalar value_and_gradient(Args&&... args)
  const { return value_and_gradient(serial, std::forward<Args>(args)...); }

  template <ExecutionPolicy Policy, class... Args>
    requires AcceptsGradients<Rule, Args...> Scalar value_and_gradient(const Policy& policy, Args&&... args)
  const {
    return split(policy, std::forward_as_tuple(args...), std::make_index_sequence<sizeof...(Args) - gradients>(),
                 std::make_index_sequence<gradients>());
  }

  /// A plain Eigen object with the shape and order of the prediction; a std::tuple of them for several predictions.
  template <class... In>
    requires Accepts<Rule, In...>
  auto gradient(const In&... in) const { return gradient(serial, in...); }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...>
  auto gradient(const Policy& policy, const In&... in) const {
    const auto fill = [&](auto&... made) { value_and_gradient(policy, in..., made...); };
    return made_like_predictions<In...>(std::make_index_sequence<gradients>(), fill);
  }

  template <class... In>
    requires Accepts<Rule, In...>
  auto unreduced(const In&... in) const { return unreduced(serial, in...); }

  template <ExecutionPolicy Policy, class First, class... In>
    requires Accepts<Rule, First, In...>
  auto unreduced(const Policy& policy, const First& first, const In&... in) const {
    typename Driver::template Unreduced<First> result;
    unreduced_bound(policy, Driver::bind(rule_, detail::evaluate(first), detail::evaluate(in)...), result);
    return result;
  }

  template <class... In>
    requires Accepts<Rule, In...> && detail::HasCurvature<Driver>
  auto curvature(const In&... in) const { return curvature(serial, in...); }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...> && detail::HasCurvature<Driver>
  auto curvature(const Policy& policy, const In&... in) const {
    const auto fill = [&](auto&... made) {
      curvature_bound(policy, Driver::bind(rule_, detail::evaluate(in)...), made...);
    };
    return made_like_predictions<In...>(std::make_index_sequence<gradients>(), fill);
  }

  template <class... In>
    requires Accepts<Rule, In...> && detail::HasPartial<Driver>
  auto partial(const In&... in) const { return partial(serial, in...); }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...> && detail::HasPartial<Driver>
  auto partial(const Policy& policy, const In&... in) const {
    return partial_bound(policy, Driver::bind(rule_, detail::evaluate(in)...));
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
  template <class X>
  using Argument = detail::GradientArgument<std::remove_cvref_t<X>>;

  template <class X>
  using ObjectAccess = detail::Access<typename Argument<X>::Object>;

  template <class Policy, class Inputs>
  Scalar forward_bound(const Policy& policy, const Inputs& inputs) const {
    const auto executor = policy.executor();
    const auto whole = Driver::check(rule_, executor, inputs);
    return Driver::forward(rule_, reduction_, executor, inputs, whole);
  }

  template <class Policy, class Arguments, std::size_t... i, std::size_t... g>
  Scalar split(const Policy& policy, const Arguments& arguments, std::index_sequence<i...>,
               std::index_sequence<g...>) const {
    return gradient_bound(policy, Driver::bind(rule_, detail::evaluate(std::get<i>(arguments))...),
                          std::get<sizeof...(i) + g>(arguments)...);
  }

  template <class Part, class Arguments, std::size_t... i, std::size_t... g>
  void split_sums(const Part& sums, const Arguments& arguments, std::index_sequence<i...>,
                  std::index_sequence<g...>) const {
    const auto run = [&](const auto& executor, const auto& inputs, const auto&, const auto* outputs) {
      Driver::gradient_of(rule_, reduction_, sums, executor, inputs, outputs);
    };
    write_outputs(serial, Driver::bind(rule_, detail::evaluate(std::get<i>(arguments))...), run,
                  std::get<sizeof...(i) + g>(arguments)...);
  }

  template <class Policy, class Inputs, class... Gradients>
  Scalar gradient_bound(const Policy& policy, const Inputs& inputs, Gradients&... made) const {
    Scalar result;
    const auto run = [&](const auto& executor, const auto& bound, const auto& whole, const auto* outputs) {
      result = Driver::value_and_gradient(rule_, reduction_, executor, bound, whole, outputs);
    };
    write_outputs(policy, inputs, run, made...);
    return result;
  }

  template <class Policy, class Inputs, class... Objects>
  void curvature_bound(const Policy& policy, const Inputs& inputs, Objects&... made) const {
    const auto run = [&](const auto& executor, const auto& bound, const auto& whole, const auto* outputs) {
      Driver::curvature(rule_, reduction_, executor, bound, whole, outputs);
    };
    write_outputs(policy, inputs, run, made...);
  }

  template <class Policy, class Inputs, class Result>
  void unreduced_bound(const Policy& policy, const Inputs& inputs, Result& result) const {
    const auto executor = policy.executor();
    const auto whole = Driver::check(rule_, executor, inputs);
    detail::Access<Result>::resize(result, Driver::unreduced_extents(inputs));
    Driver::unreduced(rule_, executor, inputs, whole, {detail::Access<Result>::writable_view(result), false, 1});
  }

  template <class Policy, class Inputs>
  auto partial_bound(const Policy& policy, const Inputs& inputs) const {
    const auto executor = policy.executor();
    const auto whole = Driver::check(rule_, executor, inputs);
    return Driver::partial(rule_, executor, inputs, whole);
  }

  /// Everything that can be refused is, then the gradients are resized, then `run` writes them.
  template <class Policy, class Inputs, class Run, class... Gradients>
  void write_outputs(const Policy& policy, const Inputs& inputs, const Run& run, Gradients&... made) const {
    const auto executor = policy.executor();
    int place = 0;
    (check_fits<Gradients>(inputs, place++, Argument<Gradients>::object(made)), ...);
    const detail::View<Scalar> before[] = {
        ObjectAccess<Gradients>::writable_view(Argument<Gradients>::object(made))...};
    const void* objects[] = {&Argument<Gradients>::object(made)...};
    check_overlap(inputs, before, objects);
    const auto whole = Driver::check(rule_, executor, inputs);
    place = 0;
    (fit<Gradients>(Argument<Gradients>::object(made), Driver::gradient_extents(inputs, place++)), ...);
    const detail::Output<Scalar> outputs[] = {
        {ObjectAccess<Gradients>::writable_view(Argument<Gradients>::object(made)), Argument<Gradients>::adds,
         Argument<Gradients>::factor(made)}...};
    run(executor, inputs, whole, outputs);
  }

  static std::string gradient_name(int place) {
    return gradients == 1 ? "gradient" : "gradient " + std::to_string(place + 1);
  }

  /// An object that owns its memory is resized, unless it is added to.
  template <class G>
  static constexpr bool resizes = ObjectAccess<G>::is_plain && !Argument<G>::adds;

  template <class G, class Inputs, class Object>
  static void check_fits(const Inputs& inputs, int place, const Object& object) {
    const auto& must = Driver::gradient_extents(inputs, place);
    const auto is = ObjectAccess<G>::extents(object);
    if (is == must) return;
    if constexpr (resizes<G>) {
      if (ObjectAccess<G>::can_resize(must)) return;
    }
    require(false, detail::name_of<Rule>(), ": ", gradient_name(place), " is ", is, ", but must be ", must);
  }

  template <class G, class Object>
  static void fit(Object& object, const detail::Extents& extents) {
    if constexpr (resizes<G>) {
      if (!(ObjectAccess<G>::extents(object) == extents)) ObjectAccess<G>::resize(object, extents);
    }
  }

  /// A gradient may lie on its own prediction, element by element, where the driver allows it; on nothing else.
  template <class Inputs, std::size_t count>
  static void check_overlap(const Inputs& inputs, const detail::View<Scalar> (&views)[count],
                            const void* const (&objects)[count]) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto& view = views[i];
      const int place = static_cast<int>(i);
      const auto range = byte_range(view);
      if (dense_orders(view) == 0 && overlaps_itself(footprint(view))) {
        require(false, detail::name_of<Rule>(), ": ", gradient_name(place),
                " holds an element twice: a stride is too short");
      }
      Driver::visit(inputs, [&](const auto& input, std::string_view name, int prediction) {
        if (!overlap(range, byte_range(input))) return;
        const bool own = Driver::in_place && prediction == place;
        if (own && same_place(footprint(view), footprint(input))) return;
        require(!overlap(footprint(view), footprint(input)), detail::name_of<Rule>(), ": ", gradient_name(place),
                " shares memory with ", name, own ? ", but must be all of it, in its order, or none" : "");
      });
      for (std::size_t other = 0; other < i; ++other) {
        const bool shares = objects[i] == objects[other] || overlap(footprint(view), footprint(views[other]));
        require(!shares, detail::name_of<Rule>(), ": ", gradient_name(place), " shares memory with ",
                gradient_name(static_cast<int>(other)));
      }
    }
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

/// Whether a loss takes these inputs: LossOn<Huber<float>, Eigen::MatrixXf, Eigen::MatrixXf>.
template <class L, class... In>
concept LossOn = requires {
  typename L::Rule;
}
&&Accepts<typename L::Rule, In...>;

}  // namespace LOSSES_NAMESPACE
