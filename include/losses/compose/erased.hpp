// SPDX-License-Identifier: MIT
#pragma once

/// Arguments and losses without their types: what AnyLoss is made of.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE::detail {

/// What an argument holds.
enum class Kind : std::uint8_t { numbers, labels, booleans, flag };

inline constexpr std::size_t max_arguments = 5;  // of CTC: logits, targets, two lengths, weights

inline std::string_view kind_text(Kind kind) {
  constexpr std::string_view texts[] = {"numbers", "integer labels", "booleans", "true or false"};
  return texts[static_cast<std::size_t>(kind)];
}

template <class T, Kind kind>
struct ViewOfKind {
  using Type = View<const T>;
};
template <class T>
struct ViewOfKind<T, Kind::labels> {
  using Type = Labels;
};
template <class T>
struct ViewOfKind<T, Kind::booleans> {
  using Type = View<const bool>;
};
template <class T>
struct ViewOfKind<T, Kind::flag> {
  using Type = bool;
};

/// What an argument becomes: a view of numbers, labels, a view of booleans, or a boolean.
template <class T, Kind kind>
using ViewOf = typename ViewOfKind<T, kind>::Type;

template <class X, class T>
concept ErasableInput =
    ViewableAs<X, T> || IntegerEigen<X> || IntegerRange<X> || ViewableAs<X, bool> || std::same_as<X, bool>;

template <class X, class T>
constexpr Kind kind_of() {
  if constexpr (ViewableAs<X, T>) {
    return Kind::numbers;
  } else if constexpr (ViewableAs<X, bool>) {
    return Kind::booleans;
  } else if constexpr (std::same_as<X, bool>) {
    return Kind::flag;
  } else {
    return Kind::labels;
  }
}

template <class T, class X>
ViewOf<T, kind_of<X, T>()> erase_input(const X& x) {
  if constexpr (kind_of<X, T>() == Kind::labels) {
    return whole_labels(x);
  } else if constexpr (kind_of<X, T>() == Kind::flag) {
    return x;
  } else {
    return view_of(x);
  }
}

/// An expression is evaluated once for all that look at it; what is no Eigen object (a flag, a vector of feature maps) passes as
/// it is.
template <class X>
decltype(auto) evaluated(const X& x) {
  if constexpr (Viewable<X> || IntegerRange<X>) {
    return evaluate(x);
  } else {
    return (x);
  }
}

/// An argument: `view` points to the ViewOf its kind.
struct ErasedInput {
  Kind kind;
  const void* view;
};

template <class T>
struct ErasedCall {
  Executor executor;
  const ErasedInput* inputs;
  std::size_t input_count;
  Destination<T>* outputs = nullptr;
};

enum class ErasedVerb : std::uint8_t { forward, value_and_gradient, unreduced, check };

/// An address for each type.
template <class>
inline constexpr char type_tag = 0;

/// A loss as it can be described: which type it has, and where it lies.
struct LossPart {
  double factor = 1;
  const void* type = nullptr;
  const void* loss = nullptr;
  std::string_view name;
};

/// A loss without its type: one virtual call for each batch.
template <class T>
struct ErasedLoss {
  virtual ~ErasedLoss() = default;
  virtual T run(ErasedVerb verb, const ErasedCall<T>& call) const = 0;

  /// The values of the terms of a sum, without their factors; else the value.
  virtual std::vector<T> terms(const ErasedCall<T>& call) const { return {run(ErasedVerb::forward, call)}; }

  std::vector<LossPart> parts;  // the terms of a sum, else the loss alone
  bool takes_target = true;     // else its arguments are predictions, and weights

  /// How many of the arguments of value_and_gradient are gradients; 0 if it cannot be called with so many.
  int gradients(std::size_t arguments) const { return arguments < counts_.size() ? counts_[arguments] : 0; }

  int predictions() const { return *std::max_element(counts_.begin(), counts_.end()); }

 protected:
  void add_gradients(std::size_t inputs, int gradients) {
    counts_[inputs + static_cast<std::size_t>(gradients)] = static_cast<std::int8_t>(gradients);
  }

 private:
  std::array<std::int8_t, 2 * max_arguments> counts_{};
};

/// A list of kinds that a loss may be called with.
template <Kind... kinds>
struct Signature {
  static constexpr std::size_t size = sizeof...(kinds);
  static constexpr std::array<Kind, max_arguments> list = {kinds...};

  static bool fits(const ErasedInput* inputs, std::size_t count) {
    bool same = count == size;
    for (std::size_t i = 0; same && i < size; ++i) same = inputs[i].kind == list[i];
    return same;
  }

  /// f(views…)
  template <class T, class F>
  static decltype(auto) apply(const ErasedInput* inputs, const F& f) {
    return [&]<std::size_t... i>(std::index_sequence<i...>) -> decltype(auto) {
      return f(*static_cast<const ViewOf<T, kinds>*>(inputs[i].view)...);
    }(std::make_index_sequence<size>());
  }

  /// f<View…>()
  template <class T, class F>
  static constexpr auto apply_types(const F& f) {
    return f.template operator()<ViewOf<T, kinds>...>();
  }

  /// Whether Test<View...> holds.
  template <class T, template <class...> class Test>
  static constexpr bool holds = Test<ViewOf<T, kinds>...>::value;
};

template <class...>
struct SignatureList {};

/// Those that a loss may have.
template <Kind n = Kind::numbers, Kind l = Kind::labels, Kind b = Kind::booleans, Kind f = Kind::flag>
using Signatures = SignatureList<Signature<n>, Signature<n, n>, Signature<n, l>, Signature<n, n, n>, Signature<n, l, n>,
                                 Signature<n, n, l>, Signature<n, n, b>, Signature<n, l, b>, Signature<n, n, n, n>,
                                 Signature<n, n, l, n>, Signature<n, n, b, n>, Signature<n, l, b, n>,
                                 Signature<n, l, l, l>, Signature<n, l, l, l, n>, Signature<n, f>, Signature<n, f, n>>;

/// A signature that a loss does have, for its errors.
struct SignatureText {
  std::size_t size;
  std::array<Kind, max_arguments> kinds;
};

/// Those of the list that pass the test.
template <class T, template <class...> class Test, class... S>
std::vector<SignatureText> signature_texts(SignatureList<S...>) {
  std::vector<SignatureText> texts;
  const auto add = [&](bool holds, const SignatureText& text) {
    if (holds) texts.push_back(text);
  };
  (add(S::template holds<T, Test>, {S::size, S::list}), ...);
  return texts;
}

/// How the arguments of a loss are called.
struct ArgumentNames {
  std::string_view loss;
  std::array<std::string_view, max_arguments> names;  // of the predictions, then of the target
  std::size_t known;

  std::string_view at(std::size_t i, Kind kind) const {
    if (i < known) return names[i];
    if (kind == Kind::labels) return i == known ? "input_lengths" : "target_lengths";
    return kind == Kind::numbers ? "weights" : "mask";
  }

  std::string list(const SignatureText& signature) const {
    std::string text = "(";
    for (std::size_t i = 0; i < signature.size; ++i) {
      if (i > 0) text += ", ";
      text += at(i, signature.kinds[i]);
    }
    return text + ")";
  }
};

/// Names the loss, what it takes, and the first argument that is something else.
[[noreturn]] LOSSES_COLD inline void refuse_arguments(const ArgumentNames& names,
                                                      const std::vector<SignatureText>& signatures,
                                                      const ErasedInput* inputs, std::size_t count) {
  const SignatureText* nearest = nullptr;
  std::size_t most = 0;
  for (const auto& each : signatures) {
    std::size_t same = 0;
    while (same < count && each.size == count && inputs[same].kind == each.kinds[same]) ++same;
    if (each.size == count && (nearest == nullptr || same > most)) nearest = &each, most = same;
  }
  if (nearest == nullptr) {
    std::string lists;
    for (const auto& each : signatures) {
      const std::string list = names.list(each);
      if (lists.find(list) == std::string::npos) lists += (lists.empty() ? "" : " or ") + list;
    }
    fail_with<std::invalid_argument>(names.loss, ": takes ", lists, ", but is given ", count,
                                     count == 1 ? " argument" : " arguments");
  }
  std::string must;
  for (const auto& each : signatures) {
    bool alike = each.size == count;
    for (std::size_t i = 0; alike && i < most; ++i) alike = each.kinds[i] == nearest->kinds[i];
    const std::string_view kind = kind_text(each.kinds[most]);
    if (alike && must.find(kind) == std::string::npos) (must += must.empty() ? "" : " or ") += kind;
  }
  fail_with<std::invalid_argument>(names.loss, ": takes ", names.list(*nearest), ", but ",
                                   names.at(most, nearest->kinds[most]), " is given as ", kind_text(inputs[most].kind),
                                   ", not as ", must);
}

template <class L>
concept HasRule = requires(const L& loss) {
  typename L::Rule::Shape;
  { loss.rule() } -> std::same_as<const typename L::Rule&>;
  { loss.reduction() } -> std::same_as<Reduction>;
};

template <class Rule>
struct RuleTest {
  template <class... In>
  struct Takes {
    static constexpr bool value = Accepts<Rule, In...>;
  };
};

template <class L>
struct VerbTest {
  using T = typename L::Scalar;

  template <class... In>
  struct Takes {
    static constexpr bool value = requires(const L& loss, const In&... in) {
      { loss.forward(serial, in...) } -> std::convertible_to<T>;
    };
  };

  template <int count, class... In>
  static consteval bool takes_gradients() {
    return []<std::size_t... g>(std::index_sequence<g...>) {
      return requires(const L& loss, const In&... in, Destination<T>(&to)[count]) {
        { loss.value_and_gradient(serial, in..., to[g]...) } -> std::convertible_to<T>;
      };
    }(std::make_index_sequence<count>());
  }

  /// How many gradients follow these inputs; 0: it does not take them.
  template <class... In>
  static consteval int gradients() {
    if constexpr (!Takes<In...>::value) return 0;
    if constexpr (takes_gradients<1, In...>()) return 1;
    if constexpr (takes_gradients<2, In...>()) return 2;
    return takes_gradients<3, In...>() ? 3 : 0;
  }

  template <class... In>
  struct TakesAll {
    static constexpr bool value = gradients<In...>() > 0;
  };
};

template <class L, class... S>
consteval bool has_verbs_of_rule(SignatureList<S...>) {
  using T = typename L::Scalar;
  return ((!S::template holds<T, VerbTest<L>::template Takes> ||
           S::template holds<T, RuleTest<typename L::Rule>::template Takes>) &&
          ...);
}

/// A Loss, or a class with verbs of its own that holds one and takes nothing that its rule does not: the verbs of its rule are
/// its own.
template <class L>
concept HoldsRule = HasRule<L> && (std::same_as<L, Loss<typename L::Rule>> || has_verbs_of_rule<L>(Signatures<>()));

template <class Rule>
constexpr std::string_view target_name() {
  if constexpr (requires { Rule::target.name; }) {
    return Rule::target.name;
  } else {
    return "target";
  }
}

/// Adds a loss, or the terms of a sum, to what is described.
template <class L>
struct PartsOf {
  static void append(std::vector<LossPart>& parts, double factor, const L& loss) {
    constexpr std::string_view name = [] {
      if constexpr (HoldsRule<L>) {
        return name_of<typename L::Rule>();
      } else {
        return rule_name<L>();
      }
    }();
    parts.push_back({factor, &type_tag<L>, &loss, name});
  }
};

/// A loss with a rule: its verbs on views, so that they are those of the direct call.
template <HoldsRule L>
class ErasedRule final : public ErasedLoss<typename L::Scalar> {
  using Rule = typename L::Rule;
  using T = typename L::Scalar;
  using Driver = DriverOf<Rule>;
  using Inputs = typename Driver::Inputs;
  using List = Signatures<>;

 public:
  explicit ErasedRule(L loss) : loss_(std::move(loss)) {
    PartsOf<L>::append(this->parts, 1, loss_);
    this->takes_target = !Accepts<Rule, View<const T>>;
    add_counts(List());
  }

  T run(ErasedVerb verb, const ErasedCall<T>& call) const override {
    const Verbs<Rule> verbs{loss_.rule(), loss_.reduction(), call.executor};
    const Inputs inputs = bind(call, List());
    switch (verb) {
      case ErasedVerb::forward:
        return verbs.forward(inputs);
      case ErasedVerb::value_and_gradient:
        return verbs.value_and_gradient(inputs, call.outputs);
      case ErasedVerb::check:
        verbs.check(inputs, call.outputs, false);
        return 0;
      default:
        verbs.unreduced(inputs, *call.outputs);
        return 0;
    }
  }

 private:
  template <class S>
  static constexpr bool takes = S::template holds<T, RuleTest<Rule>::template Takes>;

  template <class... S>
  void add_counts(SignatureList<S...>) {
    ((takes<S> ? this->add_gradients(S::size, Driver::predictions) : void()), ...);
  }

  template <class First, class... Rest>
  Inputs bind(const ErasedCall<T>& call, SignatureList<First, Rest...>) const {
    if constexpr (takes<First>) {
      if (First::fits(call.inputs, call.input_count)) {
        return First::template apply<T>(call.inputs,
                                        [&](const auto&... views) { return Driver::bind(loss_.rule(), views...); });
      }
    }
    return bind(call, SignatureList<Rest...>());
  }

  [[noreturn]] Inputs bind(const ErasedCall<T>& call, SignatureList<>) const {
    ArgumentNames names{name_of<Rule>(), {}, 0};
    for (const auto& each : predictions_of<Rule>()) names.names[names.known++] = each.name;
    const auto signatures = signature_texts<T, RuleTest<Rule>::template Takes>(List());
    bool has_target = true;
    for (const auto& each : signatures) has_target = has_target && each.size > names.known;
    if (has_target) names.names[names.known++] = target_name<Rule>();
    refuse_arguments(names, signatures, call.inputs, call.input_count);
  }

  L loss_;
};

/// A loss with verbs of its own, which must take views and destinations.
template <class L>
class ErasedVerbs final : public ErasedLoss<typename L::Scalar> {
  using T = typename L::Scalar;
  using List = Signatures<>;

  template <class S>
  static constexpr bool takes = S::template holds<T, VerbTest<L>::template TakesAll>;

  template <class... S>
  static constexpr bool any_of(SignatureList<S...>) {
    return (takes<S> || ...);
  }

 public:
  static constexpr bool is_callable = any_of(List());

  explicit ErasedVerbs(L loss) : loss_(std::move(loss)) {
    PartsOf<L>::append(this->parts, 1, loss_);
    this->takes_target = !takes<Signature<Kind::numbers>>;
    add_counts(List());
  }

  T run(ErasedVerb verb, const ErasedCall<T>& call) const override {
    return on_views<T>(call, List(), [&](const auto&... views) { return run_on(verb, call, views...); });
  }

  std::vector<T> terms(const ErasedCall<T>& call) const override {
    if constexpr (requires { L::size; }) {
      return on_views<std::vector<T>>(call, List(), [&](const auto&... views) {
        const auto values = loss_.terms(Policy{call.executor}, views...);
        return std::vector<T>(values.begin(), values.end());
      });
    } else {
      return ErasedLoss<T>::terms(call);
    }
  }

 private:
  struct Policy {
    Executor given;
    Executor executor() const { return given; }
  };

  template <class... S>
  void add_counts(SignatureList<S...>) {
    (add_count<S>(), ...);
  }

  template <class S>
  void add_count() {
    if constexpr (takes<S>) {
      this->add_gradients(
          S::size, S::template apply_types<T>([]<class... In>() { return VerbTest<L>::template gradients<In...>(); }));
    }
  }

  template <class Result, class First, class... Rest, class F>
  Result on_views(const ErasedCall<T>& call, SignatureList<First, Rest...>, const F& f) const {
    if constexpr (takes<First>) {
      if (First::fits(call.inputs, call.input_count)) return First::template apply<T>(call.inputs, f);
    }
    if constexpr (sizeof...(Rest) > 0) {
      return on_views<Result>(call, SignatureList<Rest...>(), f);
    } else {
      refuse_arguments({rule_name<L>(), {"prediction", "target"}, 2},
                       signature_texts<T, VerbTest<L>::template TakesAll>(List()), call.inputs, call.input_count);
    }
  }

  template <class... Views>
  T run_on(ErasedVerb verb, const ErasedCall<T>& call, const Views&... views) const {
    const Policy policy{call.executor};
    if (verb == ErasedVerb::value_and_gradient) {
      constexpr int gradients = VerbTest<L>::template gradients<Views...>();
      return [&]<std::size_t... g>(std::index_sequence<g...>) {
        return loss_.value_and_gradient(policy, views..., call.outputs[g]...);
      }(std::make_index_sequence<gradients>());
    }
    require(verb != ErasedVerb::unreduced, rule_name<L>(), ": has no unreduced values");
    return loss_.forward(policy, views...);
  }

  L loss_;
};

}  // namespace LOSSES_NAMESPACE::detail
