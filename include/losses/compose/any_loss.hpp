// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <losses/compose/erased.hpp>

namespace LOSSES_NAMESPACE {

template <std::floating_point T>
class AnyLoss;

namespace detail {

/// A class with the verbs of a loss, on views.
template <class L, class T>
concept ErasableLoss = !std::same_as<L, AnyLoss<T>> && requires { requires std::same_as<typename L::Scalar, T>; } &&
                       (HoldsRule<L> || ErasedVerbs<L>::is_callable);

/// The object that unreduced fills: a row for each sample, its other axes one after the other.
template <class T>
using TermMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;

template <class T>
Destination<T> term_destination(TermMatrix<T>& terms) {
  Destination<T> to;
  to.object = &terms;
  to.resize = [](const void* erased, Extents extents) {
    auto& matrix = *static_cast<TermMatrix<T>*>(const_cast<void*>(erased));
    const Index rows = extents.rank > 0 ? extents[0] : 1;
    View<T> view{nullptr, extents, {1}};
    Index columns = 1;
    for (int axis = extents.rank - 1; axis > 0; --axis) {
      view.stride[axis] = columns * rows;
      columns *= extents[axis];
    }
    matrix.resize(rows, columns);
    view.data = matrix.data();
    return view;
  };
  return to;
}

/// Whether the last `gradients` of these arguments can be gradients, and the others are inputs.
template <class T, std::size_t gradients, class... Args>
consteval bool splits_into() {
  constexpr std::size_t inputs = sizeof...(Args) - gradients;
  std::size_t place = 0;
  bool good = true;
  const auto look = [&](bool input, bool gradient) { good = good && (place++ < inputs ? input : gradient); };
  (look(ErasableInput<std::remove_cvref_t<Args>, T>, accepts_gradient<Args, T>()), ...);
  return good;
}

template <class T, class... Args>
consteval bool splits_somehow() {
  return []<std::size_t... i>(std::index_sequence<i...>) {
    return (splits_into<T, i + 1, Args...>() || ...);
  }(std::make_index_sequence<sizeof...(Args) / 2>());
}

/// Whether the first `count` inputs may be predictions: each has a gradient of its kind.
template <class T, int count, class... In>
consteval bool begin_with_predictions() {
  int place = 0;
  return sizeof...(In) >= count && ((place++ >= count || ViewableAs<In, T>) && ...);
}

}  // namespace detail

/// Any loss with this scalar behind one type, for losses that are chosen while the program runs.
///
///   losses::AnyLoss<float> loss = losses::Huber<float>({.delta = 0.5f});
///   if (has_labels) loss = losses::CrossEntropy<float>();
///   float v = loss.value_and_gradient(prediction, target, gradient);
///
/// It takes every Loss, the classes with verbs of their own that hold one, and sums. The verbs are those of the loss, with
/// the same bits; a batch costs one virtual call, and nothing is allocated for it. What a call may hold is decided at run
/// time: arguments that the loss does not take are a std::invalid_argument that names both.
///
///   auto g = loss.gradient(prediction, target);       // of several predictions: auto [a, p, n] = loss.gradient<3>(…);
///   auto u = loss.unreduced(prediction, target);      // a matrix, a row for each sample; a sum has none behind AnyLoss
///
/// Copies share one immutable loss, also between threads.
template <std::floating_point T>
class AnyLoss {
 public:
  using Scalar = T;

  template <detail::ErasableLoss<T> L>
  AnyLoss(L loss) {
    if constexpr (detail::HoldsRule<L>) {
      loss_ = std::make_shared<const detail::ErasedRule<L>>(std::move(loss));
    } else {
      loss_ = std::make_shared<const detail::ErasedVerbs<L>>(std::move(loss));
    }
  }

  explicit AnyLoss(std::shared_ptr<const detail::ErasedLoss<T>> loss) : loss_(std::move(loss)) {}

  template <detail::ErasableInput<T>... In>
  T forward(const In&... in) const {
    return forward(serial, in...);
  }

  template <ExecutionPolicy Policy, detail::ErasableInput<T>... In>
  T forward(const Policy& policy, const In&... in) const {
    return run(detail::ErasedVerb::forward, policy, nullptr, detail::evaluated(in)...);
  }

  template <class... Args>
    requires(detail::splits_somehow<T, Args...>())
  T value_and_gradient(Args&&... args) const {
    return value_and_gradient(serial, std::forward<Args>(args)...);
  }

  template <ExecutionPolicy Policy, class... Args>
    requires(detail::splits_somehow<T, Args...>())
  T value_and_gradient(const Policy& policy, Args&&... args) const {
    return split<1, Args...>(detail::ErasedVerb::value_and_gradient, policy, std::forward_as_tuple(args...));
  }

  /// Throws what value_and_gradient would throw with these arguments, and does no more.
  template <ExecutionPolicy Policy, class... Args>
    requires(detail::splits_somehow<T, Args...>())
  void check(const Policy& policy, Args&&... args) const {
    split<1, Args...>(detail::ErasedVerb::check, policy, std::forward_as_tuple(args...));
  }

  /// A plain Eigen object with the shape and order of the prediction; a std::tuple of `count` for several predictions.
  template <int count = 1, detail::ErasableInput<T>... In>
    requires(detail::begin_with_predictions<T, count, In...>())
  auto gradient(const In&... in) const {
    return gradient<count>(serial, in...);
  }

  template <int count = 1, ExecutionPolicy Policy, detail::ErasableInput<T>... In>
    requires(detail::begin_with_predictions<T, count, In...>())
  auto gradient(const Policy& policy, const In&... in) const {
    return made<count>(policy, in...);
  }

  /// The terms: a row for each sample (or set), the terms of its other axes in row-major order.
  template <detail::ErasableInput<T>... In>
  Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> unreduced(const In&... in) const {
    return unreduced(serial, in...);
  }

  template <ExecutionPolicy Policy, detail::ErasableInput<T>... In>
  Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> unreduced(const Policy& policy, const In&... in) const {
    detail::TermMatrix<T> terms;
    auto to = detail::term_destination<T>(terms);
    run(detail::ErasedVerb::unreduced, policy, &to, detail::evaluated(in)...);
    return terms;
  }

  /// The values of the terms of a sum, without their factors; of another loss its value.
  template <detail::ErasableInput<T>... In>
  std::vector<T> terms(const In&... in) const {
    return terms(serial, in...);
  }

  template <ExecutionPolicy Policy, detail::ErasableInput<T>... In>
  std::vector<T> terms(const Policy& policy, const In&... in) const {
    return on_views([&](const auto& call) { return loss_->terms(call); }, policy, nullptr, detail::evaluated(in)...);
  }

  /// The loss itself, erased.
  const detail::ErasedLoss<T>& erased() const { return *loss_; }

 private:
  template <class F, class Policy, class... In>
  auto on_views(const F& f, const Policy& policy, detail::Destination<T>* outputs, const In&... in) const {
    const std::tuple views{detail::erase_input<T>(in)...};
    return std::apply(
        [&](const auto&... view) {
          const detail::ErasedInput inputs[] = {{detail::kind_of<In, T>(), &view}...};
          return f(detail::ErasedCall<T>{policy.executor(), inputs, sizeof...(In), outputs});
        },
        views);
  }

  template <class Policy, class... In>
  T run(detail::ErasedVerb verb, const Policy& policy, detail::Destination<T>* outputs, const In&... in) const {
    return on_views([&](const auto& call) { return loss_->run(verb, call); }, policy, outputs, in...);
  }

  /// How many of the arguments are gradients is the loss's business.
  template <int count, class... Args, class Policy, class All>
  T split(detail::ErasedVerb verb, const Policy& policy, const All& all) const {
    constexpr std::size_t gradients = count;
    constexpr std::size_t inputs = sizeof...(Args) - gradients;
    if (loss_->gradients(sizeof...(Args)) != count) {
      if constexpr (2 * (gradients + 1) <= sizeof...(Args)) {
        return split<count + 1, Args...>(verb, policy, all);
      } else if constexpr (detail::splits_into<T, 1, Args...>()) {
        // Nothing it takes: the inputs before one gradient say what is wrong.
        return [&]<std::size_t... i>(std::index_sequence<i...>) {
          run(detail::ErasedVerb::forward, policy, nullptr, detail::evaluated(std::get<i>(all))...);
          refuse_gradients();
          return T(0);
        }(std::make_index_sequence<sizeof...(Args) - 1>());
      } else {
        refuse_gradients();
      }
    }
    if constexpr (detail::splits_into<T, gradients, Args...>()) {
      return [&]<std::size_t... i, std::size_t... g>(std::index_sequence<i...>, std::index_sequence<g...>) {
        detail::Destination<T> to[] = {detail::destination_of<T>(std::get<inputs + g>(all))...};
        return run(verb, policy, to, detail::evaluated(std::get<i>(all))...);
      }(std::make_index_sequence<inputs>(), std::make_index_sequence<gradients>());
    } else {
      refuse_gradients();
    }
  }

  [[noreturn]] LOSSES_COLD void refuse_gradients() const {
    const int most = loss_->predictions();
    const auto name = loss_->parts.front().name;
    if (most == 1) detail::fail_with<std::invalid_argument>(name, ": the last argument must be the gradient");
    detail::fail_with<std::invalid_argument>(name, ": has ", most,
                                             " gradients, one for each prediction: they must be the last ", most,
                                             " arguments, and gradient() is gradient<", most, ">()");
  }

  template <int count, class Policy, class... In>
  auto made(const Policy& policy, const In&... in) const {
    return [&]<std::size_t... g>(std::index_sequence<g...>) {
      std::tuple<typename detail::Access<std::tuple_element_t<g, std::tuple<In...>>>::Plain...> objects;
      value_and_gradient(policy, in..., std::get<g>(objects)...);
      if constexpr (count == 1) {
        return std::get<0>(std::move(objects));
      } else {
        return objects;
      }
    }(std::make_index_sequence<count>());
  }

  std::shared_ptr<const detail::ErasedLoss<T>> loss_;
};

template <class L>
AnyLoss(L) -> AnyLoss<typename L::Scalar>;

namespace detail {

template <class T>
struct PartsOf<AnyLoss<T>> {
  static void append(std::vector<LossPart>& parts, double factor, const AnyLoss<T>& loss) {
    for (LossPart part : loss.erased().parts) {
      part.factor *= factor;
      parts.push_back(part);
    }
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
