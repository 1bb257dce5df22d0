// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <losses/compose/any_loss.hpp>
#include <losses/compose/sum_rule.hpp>

namespace LOSSES_NAMESPACE {

template <class... Losses>
class Sum;

namespace detail {

struct NamesForward {
  int forward;
};

template <class L>
struct AlsoNamesForward : L, NamesForward {};

/// A class with a Scalar and a member `forward`: the name alone decides, since the member is a template. No Eigen object.
template <class L>
concept LossClass = std::is_class_v<L> && !std::is_final_v<L> && requires {
  requires std::floating_point<typename L::Scalar>;
} && !requires { typename L::StorageKind; } && !requires { &AlsoNamesForward<L>::forward; };

/// A loss of the prediction alone, a regulariser: as the term of a sum it is not given the target.
template <class L>
concept TakesNoTarget = HoldsRule<L> && Accepts<typename L::Rule, View<const typename L::Scalar>>;

/// f(in…), without the target where the loss takes none.
template <class L, class F, class Prediction, class... In>
decltype(auto) with_arguments(const F& f, const Prediction& prediction, const In&... in) {
  if constexpr (TakesNoTarget<L> && sizeof...(In) > 0) {
    return [&](const auto&, const auto&... rest) -> decltype(auto) { return f(prediction, rest...); }(in...);
  } else {
    return f(prediction, in...);
  }
}

template <class L, class Prediction, class... In>
consteval bool term_takes() {
  if constexpr (TakesNoTarget<L> && sizeof...(In) > 0) {
    return []<class Target, class... Rest>(std::tuple<Target, Rest...>*) {
      return Accepts<typename L::Rule, Prediction, Rest...>;
    }(static_cast<std::tuple<In...>*>(nullptr));
  } else {
    return requires(const L& loss, const Prediction& prediction, const In&... in) {
      loss.forward(serial, prediction, in...);
    };
  }
}

template <class L, class... In>
concept TermTakes = sizeof...(In) > 0 && term_takes<L, In...>();

template <class... In, class... Losses>
consteval bool terms_take(const std::tuple<Losses...>*) {
  return (TermTakes<Losses, In...> && ...);
}

template <class L>
consteval bool term_takes_two_bytes() {
  if constexpr (HoldsRule<L>) {
    return takes_two_bytes<DriverOf<typename L::Rule>>();
  } else {
    return true;  // its own verbs decide
  }
}

/// Whether all losses of a tuple take these inputs.
template <class Losses, class... In>
concept TermsTake = terms_take<In...>(static_cast<const Losses*>(nullptr));

template <class Losses, class... Args, std::size_t... i>
consteval bool terms_take_first(std::index_sequence<i...>) {
  return TermsTake<Losses, std::remove_cvref_t<std::tuple_element_t<i, std::tuple<Args...>>>...>;
}

/// The same, with a gradient behind them.
template <class Losses, class... Args>
concept TermsTakeGradient = sizeof...(Args) > 1 &&
                            terms_take_first<Losses, Args...>(std::make_index_sequence<sizeof...(Args) - 1>());

template <class X>
void scale_gradient(X& gradient, double factor) {
  if constexpr (Viewable<X>) {
    const auto view = Access<X>::writable_view(gradient);
    const Index count = view.extents.count();
    using S = typename Access<X>::Scalar;
    for (Index i = 0; i < count; ++i) {
      const Index at = offset_of(view, i);
      const S scaled = factor == 0 ? S(0) : static_cast<S>(factor * static_cast<double>(view.at(at)));
      write_number(scaled, view.data, at, view.storage);
    }
  } else {
    for (auto& each : gradient) scale_gradient(each, factor);
  }
}

/// A loss with verbs of its own as a term of a sum, on one batch. It checks its arguments in its verbs alone, so its value is
/// what checks them; the first of these terms runs first instead.
template <class L, class Policy, class... In>
class SumTerm {
 public:
  using T = typename L::Scalar;
  static constexpr bool checks_by_value = true;

  SumTerm(const L& loss, const Policy& policy, const In&... in) : loss_(loss), policy_(policy), in_(in...) {}

  T forward() const {
    return std::apply([&](const auto&... in) { return loss_.forward(policy_, in...); }, in_);
  }

  template <class G>
  void check(const G&) {
    (void)forward();
  }

  /// Writes the gradient times the factor, or adds it.
  template <class G>
  T run(G& gradient, double factor, bool adds) const {
    using Given = GradientArgument<std::remove_const_t<G>>;
    if constexpr (!Given::adds) {
      if (!adds) {
        const T value = call(gradient);
        if (factor != 1) scale_gradient(gradient, factor);
        return value;
      }
    }
    return call(add_to(Given::object(gradient), Given::factor(gradient) * factor));
  }

  T run(Destination<T>& gradient, double factor, bool adds) const {
    Destination<T> to = gradient;
    to.adds = to.adds || adds;
    to.factor *= factor;
    return call(to);
  }

 private:
  template <class G>
  T call(G&& gradient) const {
    return std::apply(
        [&](const auto&... in) { return loss_.value_and_gradient(policy_, in..., std::forward<G>(gradient)); }, in_);
  }

  const L& loss_;
  const Policy& policy_;
  std::tuple<const In&...> in_;
};

/// A loss with a rule: all of it is checked first, on views that run() uses again.
template <HoldsRule L, class Policy, class... In>
class SumTerm<L, Policy, In...> {
  using Rule = typename L::Rule;
  using Driver = DriverOf<Rule>;

 public:
  using T = typename L::Scalar;
  static constexpr bool checks_by_value = false;
  static_assert(Driver::predictions == 1, "the terms of a sum have one prediction");

  SumTerm(const L& loss, const Policy& policy, const In&... in)
      : verbs_{loss.rule(), loss.reduction(), policy.executor()},
        inputs_(with_arguments<L>([&](const auto&... given) { return Driver::bind(loss.rule(), given...); }, in...)) {}

  T forward() const { return verbs_.forward(inputs_); }
  void check(const Destination<T>& gradient) { whole_ = verbs_.check(inputs_, &gradient, false); }

  T run(const Destination<T>& gradient, double factor, bool adds) const {
    Destination<T> to{{gradient.view, gradient.adds || adds, gradient.factor * factor}, gradient.object};
    return verbs_.run(inputs_, whole_, &to);
  }

 private:
  Verbs<Rule> verbs_;
  typename Driver::Inputs inputs_;
  typename Driver::Whole whole_{};
};

template <std::floating_point S, class Policy, class... In>
class SumTerm<AnyLoss<S>, Policy, In...> {
 public:
  using T = S;
  static constexpr bool checks_by_value = false;

  SumTerm(const AnyLoss<T>& loss, const Policy& policy, const In&... in) : loss_(loss), policy_(policy), in_(in...) {}

  T forward() const {
    return std::apply([&](const auto&... in) { return loss_.forward(policy_, in...); }, in_);
  }

  void check(const Destination<T>& gradient) const {
    std::apply([&](const auto&... in) { loss_.check(policy_, in..., gradient); }, in_);
  }

  T run(const Destination<T>& gradient, double factor, bool adds) const {
    Destination<T> to{{gradient.view, gradient.adds || adds, gradient.factor * factor}, gradient.object};
    return std::apply([&](const auto&... in) { return loss_.value_and_gradient(policy_, in..., to); }, in_);
  }

 private:
  const AnyLoss<T>& loss_;
  const Policy& policy_;
  std::tuple<const In&...> in_;
};

/// Whether losses are one pass together: per_element, and at most one with an option for each column.
template <class... Losses>
consteval bool fuses() {
  if constexpr ((HoldsRule<Losses> && ...)) {
    if constexpr ((SummableRule<typename Losses::Rule> && ...)) {
      return rule::Sum<typename Losses::Rule...>::parameters <= 1;
    }
  }
  return false;
}

template <class... In, class... Losses>
consteval bool terms_fuse(const std::tuple<Losses...>*) {
  return fuses<Losses...>() && (TermTakes<Losses, In...> && ...);
}

/// The same, of losses that are one pass together.
template <class Losses, class... In>
concept TermsFuse = terms_fuse<In...>(static_cast<const Losses*>(nullptr));

struct NoRule {};

template <bool fused, class... Losses>
struct SumRuleOf {
  using Type = NoRule;
};

template <class... Losses>
struct SumRuleOf<true, Losses...> {
  using Type = rule::Sum<typename Losses::Rule...>;
};

}  // namespace detail

/// A weighted sum of losses on one prediction and one target: one value, one gradient.
///
///   const auto loss = 0.5f * losses::CrossEntropy<float>() + 0.5f * losses::SoftmaxDice<float>();
///   float v = loss.value_and_gradient(logits, labels, gradient);
///   auto [cross_entropy, dice] = loss.terms(logits, labels);     // the value of each, without its factor
///
/// value = Σ factorᵢ·valueᵢ, each with its own reduction. Factors are finite, of any sign; a term of factor 0 is checked, and adds
/// nothing. A sum of sums is one sum. Terms are losses, classes with the verbs of a loss, or AnyLoss; weights may follow the target. A
/// loss of the prediction alone (TotalVariation) is not given the target.
///
/// All terms check the arguments before the first one writes the gradient; the others add to it. A class with verbs of its own has
/// no check but its verbs: the first of these runs first, of others the value is taken to check them. Terms that are per_element
/// are one pass together; then the gradient may be the prediction itself, and the sum has unreduced and curvature, too.
///
/// Throws what its terms throw.
template <class... Losses>
class Sum {
  using All = std::tuple<Losses...>;
  static constexpr bool fused = detail::fuses<Losses...>();
  using Rule = typename detail::SumRuleOf<fused, Losses...>::Type;
  using First = std::tuple_element_t<0, All>;

 public:
  static constexpr std::size_t size = sizeof...(Losses);
  using Scalar = typename First::Scalar;
  static_assert((std::same_as<typename Losses::Scalar, Scalar> && ...), "the terms of a sum have one scalar");

  explicit Sum(std::array<Scalar, size> factors, Losses... losses) : Sum(factors, std::tuple(std::move(losses)...)) {}
  Sum(std::array<Scalar, size> factors, std::tuple<Losses...> losses)
      : factors_(factors), losses_(std::move(losses)), rule_(make_rule(factors_, losses_)) {
    for (std::size_t i = 0; i < size; ++i) {
      require(std::isfinite(factors_[i]), "Sum: the factor of term ", i, " is ", factors_[i], ", but must be finite");
    }
  }

  const std::array<Scalar, size>& factors() const { return factors_; }
  const std::tuple<Losses...>& losses() const { return losses_; }

  template <class... In>
    requires detail::TermsTake<All, In...>
  Scalar forward(const In&... in) const {
    return forward(serial, in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires detail::TermsTake<All, In...>
  Scalar forward(const Policy& policy, const In&... in) const {
    return value_on(policy, detail::evaluated(in)...);
  }

  template <class... Args>
    requires detail::TermsTakeGradient<All, Args...>
  Scalar value_and_gradient(Args&&... args) const {
    return value_and_gradient(serial, std::forward<Args>(args)...);
  }

  template <ExecutionPolicy Policy, class... Args>
    requires detail::TermsTakeGradient<All, Args...>
  Scalar value_and_gradient(const Policy& policy, Args&&... args) const {
    return split(policy, std::forward_as_tuple(args...), std::make_index_sequence<sizeof...(Args) - 1>());
  }

  /// A plain Eigen object with the shape and order of the prediction.
  template <class... In>
    requires detail::TermsTake<All, In...>
  auto gradient(const In&... in) const {
    return gradient(serial, in...);
  }

  template <ExecutionPolicy Policy, class First, class... In>
    requires detail::TermsTake<All, First, In...>
  auto gradient(const Policy& policy, const First& first, const In&... in) const {
    if constexpr (detail::Viewable<First>) {
      typename detail::Access<First>::Plain made;
      value_and_gradient(policy, first, in..., made);
      return made;
    } else {
      decltype(std::get<0>(losses_).gradient(policy, first, in...)) made;
      value_and_gradient(policy, first, in..., made);
      return made;
    }
  }

  /// The value of each term, without its factor.
  template <class... In>
    requires detail::TermsTake<All, In...>
  std::array<Scalar, size> terms(const In&... in) const {
    return terms(serial, in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires detail::TermsTake<All, In...>
  std::array<Scalar, size> terms(const Policy& policy, const In&... in) const {
    return terms_on(policy, detail::evaluated(in)...);
  }

  /// Σ factorᵢ·termᵢ for each element, without the reductions: of per_element losses.
  template <class... In>
    requires detail::TermsFuse<All, In...>
  auto unreduced(const In&... in) const {
    return unreduced(serial, in...);
  }

  template <ExecutionPolicy Policy, class First, class... In>
    requires detail::TermsFuse<All, First, In...>
  auto unreduced(const Policy& policy, const First& first, const In&... in) const {
    typename detail::Access<First>::Plain made;
    auto to = detail::destination_of<Scalar, two_bytes>(made);
    on_one_pass(
        policy, [&](const auto& verbs, const auto& inputs) { verbs.unreduced(inputs, to); }, false,
        detail::evaluated(first), detail::evaluated(in)...);
    return made;
  }

  /// The diagonal of the Hessian: of per_element losses.
  template <class... In>
    requires detail::TermsFuse<All, In...>
  auto curvature(const In&... in) const {
    return curvature(serial, in...);
  }

  template <ExecutionPolicy Policy, class First, class... In>
    requires detail::TermsFuse<All, First, In...>
  auto curvature(const Policy& policy, const First& first, const In&... in) const {
    typename detail::Access<First>::Plain made;
    auto to = detail::destination_of<Scalar, two_bytes>(made);
    on_one_pass(
        policy, [&](const auto& verbs, const auto& inputs) { verbs.curvature(inputs, &to); }, true,
        detail::evaluated(first), detail::evaluated(in)...);
    return made;
  }

 private:
  static constexpr auto places = std::index_sequence_for<Losses...>();
  // Of a gradient in two bytes, which each term that is not part of one pass rounds.
  static constexpr bool two_bytes = (detail::term_takes_two_bytes<Losses>() && ...);

  static Rule make_rule(const std::array<Scalar, size>& factors, const All& losses) {
    if constexpr (fused) {
      return {std::apply([](const auto&... each) { return detail::list_rules(each.rule()...); }, losses), factors};
    } else {
      return {};
    }
  }

  /// Σ factor·value of the terms.
  Scalar total(const std::array<Scalar, size>& values) const {
    double sum = 0;
    for (std::size_t i = 0; i < size; ++i) {
      if (factors_[i] != 0) sum += static_cast<double>(factors_[i]) * static_cast<double>(values[i]);
    }
    return static_cast<Scalar>(sum);
  }

  template <class Policy, class... In>
  auto bind(const Policy& policy, const In&... in) const {
    return std::apply(
        [&](const auto&... each) { return std::tuple(detail::SumTerm<Losses, Policy, In...>(each, policy, in...)...); },
        losses_);
  }

  template <class Policy, class... In>
  std::array<Scalar, size> terms_on(const Policy& policy, const In&... in) const {
    return std::apply([](const auto&... term) { return std::array<Scalar, size>{term.forward()...}; },
                      bind(policy, in...));
  }

  template <class Policy, class... In>
  Scalar value_on(const Policy& policy, const In&... in) const {
    if constexpr (fused) {
      return on_one_pass(
          policy, [](const auto& verbs, const auto& inputs) { return verbs.forward(inputs); }, true, in...);
    } else {
      return total(terms_on(policy, in...));
    }
  }

  template <class Policy, class Arguments, std::size_t... i>
  Scalar split(const Policy& policy, const Arguments& arguments, std::index_sequence<i...>) const {
    return gradient_on(policy, std::get<sizeof...(i)>(arguments), detail::evaluated(std::get<i>(arguments))...);
  }

  template <class Policy, class G, class... In>
  Scalar gradient_on(const Policy& policy, G& gradient, const In&... in) const {
    if constexpr (fused) {
      auto to = detail::destination_of<Scalar, two_bytes>(gradient);
      return on_one_pass(
          policy, [&](const auto& verbs, const auto& inputs) { return verbs.value_and_gradient(inputs, &to); }, true,
          in...);
    } else {
      auto terms = bind(policy, in...);
      return run_terms(terms, gradient, in...);
    }
  }

  /// f(verbs, inputs) of the one rule, once the terms have checked shapes and domains. Reductions that differ become factors
  /// relative to the largest, which no factor of theirs overflows.
  template <class Policy, class F, class... In>
  auto on_one_pass(const Policy& policy, const F& f, bool reduces, const In&... in) const {
    using Driver = detail::DriverOf<Rule>;
    const auto executor = policy.executor();
    const auto reduction = std::get<0>(losses_).reduction();
    bool alike = true;
    const auto check = [&]<class L>(const L& loss) {
      using TermDriver = detail::DriverOf<typename L::Rule>;
      const auto inputs = TermDriver::bind(loss.rule(), in...);
      if constexpr (detail::has_domains<typename L::Rule>()) TermDriver::check(loss.rule(), executor, inputs);
      alike = alike && loss.reduction() == reduction;
    };
    std::apply([&](const auto&... loss) { (check(loss), ...); }, losses_);
    const auto inputs = Driver::bind(rule_, in...);
    if (alike || !reduces) return f(detail::Verbs<Rule>{rule_, reduction, executor}, inputs);

    const auto whole = Driver::check(rule_, executor, inputs);
    const auto scale = [&](Reduction each) { return detail::reduction_scale(each, whole.weight, whole.count, 1); };
    Reduction largest = reduction;
    const auto compare = [&](Reduction each) { largest = scale(each) > scale(largest) ? each : largest; };
    std::apply([&](const auto&... loss) { (compare(loss.reduction()), ...); }, losses_);
    Rule relative = rule_;
    std::size_t i = 0;
    const auto adapt = [&](Reduction each) {
      auto& factor = relative.factors[i++];
      if (scale(largest) > 0) factor = static_cast<Scalar>(factor * (scale(each) / scale(largest)));
    };
    std::apply([&](const auto&... loss) { (adapt(loss.reduction()), ...); }, losses_);
    return f(detail::Verbs<Rule>{relative, largest, executor}, Driver::bind(relative, in...));
  }

  /// The terms one after the other: those that follow the first add to what it wrote.
  template <class Terms, class G, class First, class... In>
  Scalar run_terms(Terms& terms, G& gradient, const First& prediction, const In&...) const {
    constexpr bool has_view = detail::StoredAs<First, Scalar>;
    constexpr bool is_erased = std::same_as<std::remove_const_t<G>, detail::Destination<Scalar>>;
    const auto for_terms = [&](const auto& f) {
      [&]<std::size_t... i>(std::index_sequence<i...>) { (f(std::get<i>(terms), i), ...); }(places);
    };
    std::size_t first = size;
    for_terms([&](const auto& term, std::size_t i) {
      if (factors_[i] != 0 && (first == size || (term.checks_by_value && !checks_by_value(first)))) first = i;
    });
    auto to = [&] {
      if constexpr (has_view) {
        return detail::destination_of<Scalar, two_bytes>(gradient);
      } else {
        return detail::NoRule();
      }
    }();
    if constexpr (has_view && size > 1) check_overlap(to.view, detail::view_of(prediction));
    for_terms([&](auto& term, std::size_t i) {
      if (!(term.checks_by_value && i == first)) term.check(to);
    });
    if (first == size) {
      if constexpr (has_view) {
        to.fit(detail::view_of(prediction).extents);
        if (!to.adds) detail::scale_gradient(to.view, 0);
        return 0;
      } else {
        first = 0;
      }
    }
    std::array<Scalar, size> values{};
    const auto run = [&]<class Term>(const Term& term, std::size_t i) {
      if constexpr (Term::checks_by_value && !is_erased) {
        values[i] = term.run(gradient, static_cast<double>(factors_[i]), i != first);
      } else {
        values[i] = term.run(to, static_cast<double>(factors_[i]), i != first);
      }
    };
    const auto fit = [&] {
      if constexpr (has_view) to.fit(detail::view_of(prediction).extents);
    };
    for_terms([&](const auto& term, std::size_t i) {
      if (i != first) return;
      if (!term.checks_by_value) fit();
      run(term, i);
      if constexpr (has_view) to = detail::destination_of<Scalar, two_bytes>(gradient);
      fit();
    });
    for_terms([&](const auto& term, std::size_t i) {
      if (i != first && factors_[i] != 0) run(term, i);
    });
    return total(values);
  }

  static bool checks_by_value(std::size_t i) {
    constexpr bool each[] = {!detail::HoldsRule<Losses> && !std::same_as<Losses, AnyLoss<Scalar>>...};
    return each[i];
  }

  static void check_overlap(const detail::View<Scalar>& gradient, const detail::View<const Scalar>& prediction) {
    require(!overlap(byte_range(gradient), byte_range(prediction)) ||
                !overlap(detail::footprint(gradient), detail::footprint(prediction)),
            "Sum: gradient shares memory with prediction, which the terms of a sum read again");
  }

  std::array<Scalar, size> factors_;
  std::tuple<Losses...> losses_;
  [[no_unique_address]] Rule rule_;
};

namespace detail {

template <class... Losses>
struct PartsOf<Sum<Losses...>> {
  static void append(std::vector<LossPart>& parts, double factor, const Sum<Losses...>& sum) {
    std::size_t i = 0;
    const auto add = [&]<class L>(const L& loss) {
      PartsOf<L>::append(parts, factor * static_cast<double>(sum.factors()[i++]), loss);
    };
    std::apply([&](const auto&... loss) { (add(loss), ...); }, sum.losses());
  }
};

template <class L>
Sum<L> as_sum(const L& loss) {
  return Sum<L>({1}, loss);
}

template <class... Losses>
const Sum<Losses...>& as_sum(const Sum<Losses...>& sum) {
  return sum;
}

template <class... Losses>
Sum<Losses...> scaled(const Sum<Losses...>& sum, typename Sum<Losses...>::Scalar factor) {
  auto factors = sum.factors();
  for (auto& each : factors) each *= factor;
  return Sum<Losses...>(factors, sum.losses());
}

template <class... As, class... Bs>
Sum<As..., Bs...> joined(const Sum<As...>& a, const Sum<Bs...>& b) {
  using T = typename Sum<As...>::Scalar;
  std::array<T, sizeof...(As) + sizeof...(Bs)> factors;
  std::copy(b.factors().begin(), b.factors().end(), std::copy(a.factors().begin(), a.factors().end(), factors.begin()));
  return Sum<As..., Bs...>(factors, std::tuple_cat(a.losses(), b.losses()));
}

}  // namespace detail

/// A loss times a number, and losses added: a Sum.
template <class N, detail::LossClass L>
  requires std::is_arithmetic_v<N>
auto operator*(N factor, const L& loss) {
  return detail::scaled(detail::as_sum(loss), static_cast<typename L::Scalar>(factor));
}

template <detail::LossClass L, class N>
  requires std::is_arithmetic_v<N>
auto operator*(const L& loss, N factor) {
  return factor * loss;
}

template <detail::LossClass A, detail::LossClass B>
  requires std::same_as<typename A::Scalar, typename B::Scalar>
auto operator+(const A& a, const B& b) {
  return detail::joined(detail::as_sum(a), detail::as_sum(b));
}

}  // namespace LOSSES_NAMESPACE
