// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cmath>
#include <string_view>
#include <type_traits>
#include <utility>

#include <losses/generative/critic.hpp>
#include <losses/generative/sample_norm.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// The options of GradientPenalty, and its formula.
template <std::floating_point T>
struct GradientPenalty {
  using Scalar = T;
  using Shape = per_norm;
  static constexpr Argument prediction = {"input gradient"};

  T lambda = 10;
  T target = 1;

  void check() const {
    check_option("lambda", lambda);
    check_option("target", target);
  }

  template <class V>
  Terms<V> operator()(V norm, V unit) const {
    const V r = norm / unit - V(target), w(lambda);
    return {.value = w * r * r, .slope = V(2) * w * (norm - V(target) * unit), .curvature = V(2) * w};
  }

 private:
  static void check_option(std::string_view option, T is) {
    require(std::isfinite(is) && is >= 0, "GradientPenalty: ", option, " is ", is,
            ", but must be finite and not negative");
  }
};

}  // namespace rule

/// Gradient penalty: keeps the slope of a critic near 1 between the real and the fake samples (WGAN-GP).
///
///   g_i = ∂score_i/∂x_i,  value = λ mean (‖g_i‖ − target)²      slope by g_i = 2λ (1 − target/‖g_i‖) g_i / n
///
///   const losses::GradientPenalty<float> penalty;
///   const auto x = penalty.interpolate(real, fake, generator);              // ε real + (1 − ε) fake, one ε in [0, 1) per sample
///   float v = penalty.value_and_gradient(critic.input_gradient(x), grad);   // by the input gradients; and the other verbs
///   float v = penalty.forward(critic, real, fake, generator);               // the value, in one call
///   float v = penalty.value_and_critic_gradient(critic, x, grad);           // by the critic's parameters, to train it
///
/// Input gradients [n × …], a matrix or a tensor; a sample is a term, ‖·‖ is over all its numbers. Weights, one per sample, may
/// follow them, and an execution policy come first. The gradient may be written over the prediction.
///
///   lambda  (10) and target (1), the norm that is asked for: finite and not negative
///
/// At g_i = 0: λ target², slope 0. At infinity: inf, slope 2λ g_i. No norm that can be represented overflows or vanishes on
/// the way. Throws std::invalid_argument: options, shapes, weights, a critic's gradient of another shape than x.
///
/// The gradient by the critic's parameters is Σ v · ∂²score/∂x∂parameters with v = the slope above. A critic that offers
/// second_order_product (SecondOrderCritic) gives it exactly; with parameter_gradient alone (TrainableCritic) it is a central
/// difference of that gradient between x_i ± h v_i/‖v_i‖, h = (the type's epsilon)^⅓ times the root mean square of the numbers
/// in x. Measured against the exact gradient (PyTorch's double backward), relative to its largest entry, for critics of two layers
/// with tanh and 2 to 784 inputs: 8e-16 by the product; by differences 5e-10 in double, 3e-4 in float. A critic with kinks
/// (ReLU) adds the jump of each that lies within h of a sample.
///
/// Gulrajani et al. (2017), arXiv:1704.00028, eq. (3) and algorithm 1.
template <std::floating_point T = float>
class GradientPenalty {
  using Inner = Loss<rule::GradientPenalty<T>>;

  template <class C, class X>
  using InputGradient = typename detail::Access<
      std::remove_cvref_t<decltype(std::declval<C&>().input_gradient(std::declval<X&>()))>>::Plain;

 public:
  using Scalar = T;
  using Rule = rule::GradientPenalty<T>;

  GradientPenalty() = default;
  explicit GradientPenalty(Reduction reduction) : loss_(reduction) {}
  explicit GradientPenalty(Rule rule, Reduction reduction = Reduction::mean) : loss_(rule, reduction) {}

  const Rule& rule() const { return loss_.rule(); }
  Reduction reduction() const { return loss_.reduction(); }

  /// (input gradients) or (input gradients, weights); a policy may come first. So do the other verbs.
  template <class... In>
  auto forward(const In&... in) const -> decltype(std::declval<const Inner&>().forward(in...)) {
    return loss_.forward(in...);
  }

  template <class... In>
  auto gradient(const In&... in) const -> decltype(std::declval<const Inner&>().gradient(in...)) {
    return loss_.gradient(in...);
  }

  template <class... Args>
  auto value_and_gradient(Args&&... args) const
      -> decltype(std::declval<const Inner&>().value_and_gradient(std::forward<Args>(args)...)) {
    return loss_.value_and_gradient(std::forward<Args>(args)...);
  }

  /// One value for each sample.
  template <class... In>
  auto unreduced(const In&... in) const -> decltype(std::declval<const Inner&>().unreduced(in...)) {
    return loss_.unreduced(in...);
  }

  template <class... In>
  auto partial(const In&... in) const -> decltype(std::declval<const Inner&>().partial(in...)) {
    return loss_.partial(in...);
  }

  T value(const Partial& part) const { return loss_.value(part); }

  /// ε_i real_i + (1 − ε_i) fake_i, with ε_i drawn in the order of the samples: the same numbers of a generator (any uniform
  /// random bit generator) on every platform. A plain Eigen object like real.
  template <class Real, class Fake, detail::RandomBits G>
    requires detail::ViewableAs<Real, T> && detail::ViewableAs<Fake, T>
  auto interpolate(const Real& real, const Fake& fake, G& generator) const {
    const auto& x = detail::evaluate(real);
    const auto& y = detail::evaluate(fake);
    const detail::Extents shape = detail::view_of(x).extents;
    require(shape.rank > 0, "GradientPenalty: real has no axis, but must be [n x ...]");
    detail::require_shape(detail::name_of<Rule>(), detail::view_of(y).extents, "fake", shape, "real");
    detail::Column<T> share(shape[0]);
    for (T& each : share) each = detail::draw_unit<T>(generator);
    const detail::Column<T> rest = T(1) - share.array();
    return detail::blend(x, y, share, rest);
  }

  /// The penalty of a critic (see Critic) between real and fake samples. Without a generator: one of the thread's own, which
  /// starts alike in every run.
  template <class C, class Real, class Fake, detail::RandomBits G>
    requires Critic<C, typename detail::Access<Real>::Plain>
  T forward(C&& critic, const Real& real, const Fake& fake, G& generator) const {
    const auto x = interpolate(real, fake, generator);
    return loss_.forward(input_gradient(critic, x));
  }

  template <class C, class Real, class Fake>
    requires Critic<C, typename detail::Access<Real>::Plain>
  T forward(C&& critic, const Real& real, const Fake& fake) const {
    return forward(critic, real, fake, detail::own_generator());
  }

  /// The penalty at the points x, and its gradient by the critic's parameters, of the critic's own type: (critic, x, gradient)
  /// or (critic, x, weights, gradient).
  template <class C, class X, class P>
    requires Critic<C, X>
  T value_and_critic_gradient(C&& critic, const X& x, P& gradient) const {
    return critic_pass(critic, x, gradient);
  }

  template <class C, class X, class Weights, class P>
    requires Critic<C, X>
  T value_and_critic_gradient(C&& critic, const X& x, const Weights& weights, P& gradient) const {
    return critic_pass(critic, x, gradient, weights);
  }

  /// The gradient alone: (critic, x) or (critic, x, weights).
  template <class C, class X, class... Weights>
    requires Critic<C, X>
  auto critic_gradient(C&& critic, const X& x, const Weights&... weights) const {
    InputGradient<C, X> v;
    loss_.value_and_gradient(input_gradient(critic, x), weights..., v);
    return product(critic, x, v);
  }

 private:
  template <class C, class X>
  static InputGradient<C, X> input_gradient(C& critic, const X& x) {
    InputGradient<C, X> g = critic.input_gradient(x);
    detail::require_shape(detail::name_of<Rule>(), detail::view_of(g).extents, "the critic's input gradient",
                          detail::view_of(x).extents, "x");
    return g;
  }

  template <class C, class X, class V>
  static auto product(C& critic, const X& x, const V& v) {
    if constexpr (SecondOrderCritic<C, X, V>) {
      return detail::owned(critic.second_order_product(x, v));
    } else {
      static_assert(TrainableCritic<C, X>,
                    "the critic of critic_gradient needs second_order_product(x, v), or parameter_gradient(x, s)");
      return detail::central_difference(critic, x, v);
    }
  }

  template <class C, class X, class P, class... Weights>
  T critic_pass(C& critic, const X& x, P& gradient, const Weights&... weights) const {
    InputGradient<C, X> v;
    const T value = loss_.value_and_gradient(input_gradient(critic, x), weights..., v);
    gradient = product(critic, x, v);
    return value;
  }

  Inner loss_;
};

LOSSES_EXTERN(rule::GradientPenalty);

}  // namespace LOSSES_NAMESPACE
