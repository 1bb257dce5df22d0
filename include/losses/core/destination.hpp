// SPDX-License-Identifier: MIT
#pragma once

/// Where a gradient goes, whatever object of Eigen's it is, and what is refused before anything is written to it.

#include <algorithm>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <losses/core/driver.hpp>
#include <losses/core/overlap.hpp>

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

/// A gradient without its type. One that owns its memory is resized to fit, if it can be. (What is passed by value here lets
/// the compiler keep the rest in registers: a call on four floats takes two thirds of the time.)
template <class T>
struct Destination : Output<T> {
  const void* object = nullptr;
  bool (*can_resize)(Extents to) = nullptr;
  View<T> (*resize)(const void* object, Extents to) = nullptr;

  void fit(const Extents& to) {
    if (resize != nullptr && !(this->view.extents == to)) this->view = resize(object, to);
  }
};

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
template <class X, class T, bool two_bytes = false>
consteval bool accepts_gradient() {
  using Decayed = std::remove_cvref_t<X>;
  if constexpr (std::same_as<Decayed, Destination<T>>) {
    return true;
  } else if constexpr (!std::same_as<typename GradientArgument<Decayed>::Object, Decayed>) {
    using Reference = decltype((std::declval<Decayed&>().gradient));
    return accepts_gradient<Reference, T, two_bytes>();
  } else if constexpr (!(two_bytes ? StoredAs<Decayed, T> : ViewableAs<Decayed, T>)) {
    return false;
  } else if constexpr (Access<Decayed>::is_plain) {
    return std::is_lvalue_reference_v<X> && !std::is_const_v<std::remove_reference_t<X>>;
  } else {
    return Access<Decayed>::is_writable;
  }
}

/// A destination as it is.
template <class T, bool two_bytes = false>
const Destination<T>& destination_of(const Destination<T>& destination) {
  return destination;
}

/// An object, or add_to(object). (`made` stands in no inner block: g++ would copy it.)
template <class T, bool two_bytes = false, class G>
Destination<T> destination_of(const G& gradient) {
  using Given = GradientArgument<G>;
  using Object = typename Given::Object;
  static_assert(two_bytes ? StoredAs<Object, T> : ViewableAs<Object, T>,
                "the gradient must have the scalar of the loss");
  auto& object = Given::object(gradient);
  Destination<T> made{{Access<Object>::writable_view(object), Given::adds, Given::factor(gradient)}, &object};
  if constexpr (Access<Object>::is_plain && !Given::adds) {
    made.can_resize = [](Extents extents) { return Access<Object>::can_resize(extents); };
    made.resize = [](const void* erased, Extents extents) -> View<T> {
      auto& resized = *static_cast<Object*>(const_cast<void*>(erased));
      Access<Object>::resize(resized, extents);
      return Access<Object>::writable_view(resized);
    };
  }
  return made;
}

/// Which gradient an error is about: "gradient", or "gradient 2" of several.
struct GradientName {
  int place, count;
};

inline void append(std::string& text, const GradientName& name) {
  append(text, "gradient");
  if (name.count == 1) return;
  append(text, ' ');
  append(text, name.place + 1);
}

/// The same elements in the same order: what a gradient over its own prediction is.
inline bool same_place(const Footprint& a, const Footprint& b) {
  if (a.data != b.data || a.bytes != b.bytes || !(a.extents == b.extents)) return false;
  for (int axis = 0; axis < a.extents.rank; ++axis) {
    if (a.extents[axis] > 1 && a.stride[axis] != b.stride[axis]) return false;
  }
  return true;
}

/// An object that owns its memory is resized later, unless it is added to.
template <class T>
void check_size(std::string_view loss, const Destination<T>& to, int place, int count, const Extents& must) {
  if (to.view.extents == must || (to.can_resize != nullptr && to.can_resize(must))) return;
  require(false, loss, ": ", GradientName{place, count}, " is ", to.view.extents, ", but must be ", must);
}

/// Refuses a gradient of which two indices name one element. (Not inline, as the next: they are the same for all rules.)
template <class T>
LOSSES_COLD void require_single(std::string_view loss, GradientName gradient, const View<T>& view) {
  require(dense_orders(view) != 0 || !overlaps_itself(footprint(view)), loss, ": ", gradient,
          " holds an element twice: a stride is too short");
}

/// Refuses a gradient that shares an element with another argument; on its own prediction it may lie, element by element.
LOSSES_COLD inline void require_apart(std::string_view loss, GradientName gradient, const Footprint& of_gradient,
                                      std::string_view other, const Footprint& of_other, bool own) {
  if (own && same_place(of_gradient, of_other)) return;
  require(!overlap(of_gradient, of_other), loss, ": ", gradient, " shares memory with ", other,
          own ? ", but must be all of it, in its order, or none" : "");
}

/// A gradient may lie on its own prediction, element by element, where in_place allows it; on nothing else.
template <class Rule, class T>
void check_overlap(const typename DriverOf<Rule>::Inputs& inputs, const Destination<T>* to, bool in_place) {
  constexpr int count = DriverOf<Rule>::predictions;
  constexpr std::string_view loss = name_of<Rule>();
  for (int place = 0; place < count; ++place) {
    const auto& view = to[place].view;
    const auto range = byte_range(view);
    const bool owns_memory = to[place].can_resize != nullptr;
    if (!owns_memory) require_single(loss, GradientName{place, count}, view);
    DriverOf<Rule>::visit(inputs, [&](const auto& input, std::string_view name, int prediction) {
      if (!overlap(range, byte_range(input))) return;
      require_apart(loss, GradientName{place, count}, footprint(view), name, footprint(input),
                    in_place && prediction == place);
    });
    for (int other = 0; count > 1 && other < place; ++other) {
      const bool shares = to[place].object == to[other].object || overlap(footprint(view), footprint(to[other].view));
      require(!shares, loss, ": ", GradientName{place, count}, " shares memory with ", GradientName{other, count});
    }
  }
}

/// What a driver may lack: values of terms, partial sums, the second derivative, a gradient as a second pass. (A driver whose second
/// derivative some rules lack says has_curvature: g++ 12 finds a member whose constraint fails, too.)
template <class Driver>
concept HasTerms = requires { &Driver::unreduced; };

template <class Driver>
concept HasPartial = requires { &Driver::partial; };

template <class Driver>
concept SaysNoCurvature = requires { requires !Driver::has_curvature; };

template <class Driver>
concept HasCurvature = !SaysNoCurvature<Driver> && requires { &Driver::curvature; };

template <class Driver>
concept HasSecondPass = requires { &Driver::gradient_of; };

template <class Driver>
struct PartialOfDriver {
  struct Type {};
};

template <HasPartial Driver>
struct PartialOfDriver<Driver> {
  using Type = typename Driver::Partial;
};

/// The verbs of a rule on views and destinations: no type of Eigen's is left, so they compile once for each rule. None is inline, so
/// that they can be compiled apart (LOSSES_EXTERN), and all can be instantiated, so that they can be so together: Loss has only those
/// that the driver has.
template <class Rule>
struct Verbs {
  using Driver = DriverOf<Rule>;
  using T = typename Rule::Scalar;
  using Inputs = typename Driver::Inputs;
  using Whole = typename Driver::Whole;
  using Partial = typename PartialOfDriver<Driver>::Type;
  static constexpr int gradients = Driver::predictions;

  const Rule& rule;
  Reduction reduction;
  Executor executor;

  T forward(const Inputs& inputs) const;
  T value_and_gradient(const Inputs& inputs, Destination<T>* to) const;
  void unreduced(const Inputs& inputs, Destination<T>& to) const;
  void curvature(const Inputs& inputs, Destination<T>* to) const;
  Partial partial(const Inputs& inputs) const;

  /// The second pass of a per_set loss.
  void gradient_of(const Partial& sums, const Inputs& inputs, Destination<T>* to) const;

  /// All that value_and_gradient may refuse.
  Whole check(const Inputs& inputs, const Destination<T>* to, bool in_place = Driver::in_place) const;

  /// What is left of value_and_gradient then.
  T run(const Inputs& inputs, const Whole& whole, Destination<T>* to) const;

 private:
  template <class F>
  static auto with_outputs(const Inputs& inputs, Destination<T>* to, const F& f) {
    for (int i = 0; i < gradients; ++i) to[i].fit(Driver::gradient_extents(inputs, i));
    if constexpr (gradients == 1) {
      return f(to);
    } else {
      Output<T> outputs[gradients];
      std::copy_n(to, gradients, outputs);
      return f(outputs);
    }
  }
};

template <class Rule>
typename Verbs<Rule>::T Verbs<Rule>::forward(const Inputs& inputs) const {
  return Driver::forward(rule, reduction, executor, inputs, Driver::check(rule, executor, inputs));
}

template <class Rule>
typename Verbs<Rule>::T Verbs<Rule>::value_and_gradient(const Inputs& inputs, Destination<T>* to) const {
  const Whole whole = check(inputs, to);
  return run(inputs, whole, to);
}

template <class Rule>
void Verbs<Rule>::curvature(const Inputs& inputs, Destination<T>* to) const {
  if constexpr (HasCurvature<Driver>) {
    const Whole whole = check(inputs, to);
    with_outputs(inputs, to, [&](const Output<T>* outputs) {
      Driver::curvature(rule, reduction, executor, inputs, whole, outputs);
    });
  }
}

template <class Rule>
void Verbs<Rule>::unreduced(const Inputs& inputs, Destination<T>& to) const {
  if constexpr (HasTerms<Driver>) {
    const Whole whole = Driver::check(rule, executor, inputs);
    to.fit(Driver::unreduced_extents(inputs));
    Driver::unreduced(rule, executor, inputs, whole, to);
  }
}

template <class Rule>
typename Verbs<Rule>::Partial Verbs<Rule>::partial(const Inputs& inputs) const {
  if constexpr (HasPartial<Driver>) {
    return Driver::partial(rule, executor, inputs, Driver::check(rule, executor, inputs));
  } else {
    return {};
  }
}

template <class Rule>
void Verbs<Rule>::gradient_of(const Partial& sums, const Inputs& inputs, Destination<T>* to) const {
  if constexpr (HasSecondPass<Driver>) {
    check(inputs, to);
    with_outputs(inputs, to, [&](const Output<T>* outputs) {
      Driver::gradient_of(rule, reduction, sums, executor, inputs, outputs);
    });
  }
}

template <class Rule>
typename Verbs<Rule>::Whole Verbs<Rule>::check(const Inputs& inputs, const Destination<T>* to, bool in_place) const {
  for (int i = 0; i < gradients; ++i)
    check_size(name_of<Rule>(), to[i], i, gradients, Driver::gradient_extents(inputs, i));
  check_overlap<Rule>(inputs, to, in_place);
  return Driver::check(rule, executor, inputs);
}

template <class Rule>
typename Verbs<Rule>::T Verbs<Rule>::run(const Inputs& inputs, const Whole& whole, Destination<T>* to) const {
  return with_outputs(inputs, to, [&](const Output<T>* outputs) {
    return Driver::value_and_gradient(rule, reduction, executor, inputs, whole, outputs);
  });
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
