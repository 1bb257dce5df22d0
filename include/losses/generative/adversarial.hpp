// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <losses/classification/binary_terms.hpp>
#include <losses/classification/hinge.hpp>
#include <losses/core/loss.hpp>
#include <losses/regression/mse.hpp>

namespace LOSSES_NAMESPACE {

/// What an adversarial loss asks of the scores.
///
///   vanilla  cross-entropy with the label; the score is a logit
///   lsgan    squared error from the label
///   wgangp   real scores high, fake ones low, without bound
///   hinge    real scores above 1, fake ones below −1
enum class AdversarialMode : std::uint8_t { vanilla, lsgan, wgangp, hinge };

namespace rule {

/// The tag of losses with a term for each score and no target: what the score should be is an option.
///
///   template <class V> Terms<V> operator()(V score, V unused) const;
struct per_score {};

/// The tag of losses of two sets of scores, each with a per_score rule: real() and fake().
struct per_real_and_fake {};

/// Whose loss the scores are for.
enum class AdversarialSide : std::uint8_t { real, fake, generator };

/// One side of Adversarial.
template <std::floating_point T>
struct AdversarialScore {
  using Scalar = T;
  using Shape = per_score;
  static constexpr std::string_view name = "Adversarial";
  static constexpr Argument prediction = {"score"};

  AdversarialMode mode = AdversarialMode::vanilla;
  AdversarialSide side = AdversarialSide::real;
  T label = 1;

  template <class V>
  Terms<V> operator()(V s, V) const {
    const T sign = side == AdversarialSide::fake ? T(-1) : T(1);
    if (mode == AdversarialMode::vanilla) return detail::Logit<V>(s).cross_entropy(V(1 - label), V(label));
    if (mode == AdversarialMode::lsgan) return MSE<T>{}(s, V(label));
    if (mode == AdversarialMode::hinge && side != AdversarialSide::generator) return Hinge<T>{}(s, V(sign));
    const V none = where(s == s, V(0), s);  // a NaN stays
    return {.value = V(-sign) * s, .slope = V(-sign) + none, .curvature = none};
  }

  template <class V>
  V scaled_slope(V s, V none, V factor) const {
    return mode == AdversarialMode::lsgan ? MSE<T>{}.scaled_slope(s, V(label), factor)
                                          : (*this)(s, none).slope * factor;
  }
};

/// The options of Adversarial, and the discriminator's loss of both sides.
template <std::floating_point T>
struct Adversarial {
  using Scalar = T;
  using Shape = per_real_and_fake;

  AdversarialMode mode = AdversarialMode::vanilla;
  T real_label = 1;
  T fake_label = 0;

  void check(std::string_view loss = "Adversarial") const {
    detail::require_named(mode, AdversarialMode::hinge, loss, "mode", "AdversarialMode");
    check_label(loss, "real_label", real_label);
    check_label(loss, "fake_label", fake_label);
  }

  AdversarialScore<T> real() const { return {mode, AdversarialSide::real, real_label}; }
  AdversarialScore<T> fake() const { return {mode, AdversarialSide::fake, fake_label}; }
  AdversarialScore<T> generator() const { return {mode, AdversarialSide::generator, real_label}; }

 private:
  void check_label(std::string_view loss, std::string_view option, T label) const {
    require(std::isfinite(label), loss, ": ", option, " is ", label, ", but must be finite");
    require(mode != AdversarialMode::vanilla || (label >= 0 && label <= 1), loss, ": ", option, " is ", label,
            ", but must be in [0, 1] in vanilla mode");
  }
};

}  // namespace rule

namespace detail {

/// per_element without a target: the score stands in for it, and is not read.
template <class Rule>
struct Driver<rule::per_score, Rule> : Driver<per_element, Rule> {
  using Base = Driver<per_element, Rule>;
  using T = typename Rule::Scalar;
  using Inputs = typename Base::Inputs;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 1 && sizeof...(In) != 2) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_values<T, In...>();
    }
  }

  template <class Score, class... Weights>
  static Inputs bind(const Rule& rule, const Score& score, const Weights&... weights) {
    return Base::bind(rule, score, score, weights...);
  }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    visit(inputs, Rule::prediction.name, 0, f);
  }

  template <class F>
  static void visit(const Inputs& inputs, std::string_view name, int place, const F& f) {
    f(inputs.prediction[0], name, place);
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }
};

/// The sum of the losses of real and of fake scores.
template <class Rule>
struct Driver<rule::per_real_and_fake, Rule> {
  using T = typename Rule::Scalar;
  using Side = DriverOf<std::remove_cvref_t<decltype(std::declval<const Rule&>().real())>>;

  struct Inputs {
    typename Side::Inputs side[2];
  };
  struct Whole {
    typename Side::Whole side[2];
  };

  static constexpr int predictions = 2;
  static constexpr bool in_place = true;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 4) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_values<T, In...>();
    }
  }

  template <class Real, class Fake>
  static Inputs bind(const Rule& rule, const Real& real, const Fake& fake) {
    return {{Side::bind(rule.real(), real), Side::bind(rule.fake(), fake)}};
  }
  template <class Real, class Fake, class RealWeights, class FakeWeights>
  static Inputs bind(const Rule& rule, const Real& real, const Fake& fake, const RealWeights& real_weights,
                     const FakeWeights& fake_weights) {
    return {{Side::bind(rule.real(), real, real_weights), Side::bind(rule.fake(), fake, fake_weights)}};
  }

  static const Extents& gradient_extents(const Inputs& inputs, int place) {
    return inputs.side[place].prediction[0].extents;
  }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    Side::visit(inputs.side[0], "real", 0, f);
    Side::visit(inputs.side[1], "fake", 1, f);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    // The sides check their weights, too, but cannot say whose they are.
    constexpr std::string_view names[] = {"real weights", "fake weights"};
    for (int i = 0; i < 2; ++i) {
      if (inputs.side[i].weights.data != nullptr)
        check_weights(name_of<Rule>(), inputs.side[i].weights, executor, names[i]);
    }
    return {{Side::check(rule.real(), executor, inputs.side[0]), Side::check(rule.fake(), executor, inputs.side[1])}};
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return Side::forward(rule.real(), reduction, executor, inputs.side[0], whole.side[0]) +
           Side::forward(rule.fake(), reduction, executor, inputs.side[1], whole.side[1]);
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    const T real = Side::value_and_gradient(rule.real(), reduction, executor, inputs.side[0], whole.side[0], outputs);
    return real +
           Side::value_and_gradient(rule.fake(), reduction, executor, inputs.side[1], whole.side[1], outputs + 1);
  }
};

}  // namespace detail

/// Adversarial loss of a generator and a discriminator, on the discriminator's raw scores s, of any shape.
///
///   mode      forward(s, true)     forward(s, false)    generator(s)
///   vanilla   BCE(s, real_label)   BCE(s, fake_label)   BCE(s, real_label)     on logits, as BCEWithLogits
///   lsgan     (s − real_label)²    (s − fake_label)²    (s − real_label)²
///   wgangp    −s                   s                    −s
///   hinge     max(0, 1 − s)        max(0, 1 + s)        −s
///
///   const losses::Adversarial<float> loss({.mode = losses::AdversarialMode::hinge});
///   float v = loss.value_and_gradient(scores, true, gradient);                       // and the other verbs of a Loss
///   float d = loss.discriminator(real, fake, gradient_of_real, gradient_of_fake);    // the value alone: (real, fake)
///   float g = loss.generator(fake, gradient);                                        // the value alone: (fake)
///
///   mode        (vanilla)
///   real_label  (1), fake_label (0): of vanilla, in [0, 1], and lsgan, finite; 0.9 for real is one-sided smoothing. The
///               other modes do not look at them
///
/// The discriminator's loss is the sum of its two sides, as the papers below have it (gradient penalties are weighed against
/// that sum); codes that halve it, such as pix2pix, double the time that the discriminator takes to learn: scale the
/// gradients with add_to(gradient, 0.5). real and fake may differ in shape, since each side has its own mean.
///
/// Slopes are those of BCEWithLogits, MSE and Hinge: at s = 0 ∓1/2 in vanilla; hinge is 0 at its margin, |s| = 1. Weights
/// follow the bool, and are the last before the gradients of generator and discriminator (one for each side).
/// generator(fake, weights, gradient) needs both. Throws std::invalid_argument: options, shapes, weights, overlaps.
///
/// Goodfellow et al. (2014), arXiv:1406.2661, eq. (1), with the non-saturating generator of section 3; Mao et al. (2017),
/// arXiv:1611.04076, eq. (9), without its halves; Arjovsky et al. (2017), arXiv:1701.07875, eq. (2); Lim and Ye (2017),
/// arXiv:1705.02894, eq. (17).
template <std::floating_point T = float>
class Adversarial {
  using Score = rule::AdversarialScore<T>;
  using Both = rule::Adversarial<T>;

 public:
  using Scalar = T;
  using Options = rule::Adversarial<T>;

  Adversarial() : Adversarial(Options{}) {}
  explicit Adversarial(Reduction reduction) : Adversarial(Options{}, reduction) {}
  explicit Adversarial(Options options, Reduction reduction = Reduction::mean)
      : both_(options, reduction),
        real_(options.real(), reduction),
        fake_(options.fake(), reduction),
        generator_(options.generator(), reduction) {}

  const Options& options() const { return both_.rule(); }
  Reduction reduction() const { return both_.reduction(); }

  /// (score, target_is_real), then optionally weights; a policy may come first. So do the other verbs.
  template <class S, class... Weights>
    requires Accepts<Score, S, Weights...>
  T forward(const S& score, std::same_as<bool> auto target_is_real, const Weights&... weights) const {
    return side(target_is_real).forward(score, weights...);
  }

  template <ExecutionPolicy Policy, class S, class... Weights>
    requires Accepts<Score, S, Weights...>
  T forward(const Policy& policy, const S& score, std::same_as<bool> auto target_is_real,
            const Weights&... weights) const {
    return side(target_is_real).forward(policy, score, weights...);
  }

  /// (score, target_is_real, gradient) or (score, target_is_real, weights, gradient).
  template <class S, class... Args>
    requires AcceptsGradients<Score, const S&, Args...>
  T value_and_gradient(const S& score, std::same_as<bool> auto target_is_real, Args&&... args) const {
    return side(target_is_real).value_and_gradient(score, std::forward<Args>(args)...);
  }

  template <ExecutionPolicy Policy, class S, class... Args>
    requires AcceptsGradients<Score, const S&, Args...>
  T value_and_gradient(const Policy& policy, const S& score, std::same_as<bool> auto target_is_real,
                       Args&&... args) const {
    return side(target_is_real).value_and_gradient(policy, score, std::forward<Args>(args)...);
  }

  template <class S, class... Weights>
    requires Accepts<Score, S, Weights...>
  auto gradient(const S& score, std::same_as<bool> auto target_is_real, const Weights&... weights) const {
    return side(target_is_real).gradient(score, weights...);
  }

  template <ExecutionPolicy Policy, class S, class... Weights>
    requires Accepts<Score, S, Weights...>
  auto gradient(const Policy& policy, const S& score, std::same_as<bool> auto target_is_real,
                const Weights&... weights) const {
    return side(target_is_real).gradient(policy, score, weights...);
  }

  template <class S, class... Weights>
    requires Accepts<Score, S, Weights...>
  auto unreduced(const S& score, std::same_as<bool> auto target_is_real, const Weights&... weights) const {
    return side(target_is_real).unreduced(score, weights...);
  }

  template <ExecutionPolicy Policy, class S, class... Weights>
    requires Accepts<Score, S, Weights...>
  auto unreduced(const Policy& policy, const S& score, std::same_as<bool> auto target_is_real,
                 const Weights&... weights) const {
    return side(target_is_real).unreduced(policy, score, weights...);
  }

  /// Of hinge and wgangp it is 0.
  template <class S, class... Weights>
    requires Accepts<Score, S, Weights...>
  auto curvature(const S& score, std::same_as<bool> auto target_is_real, const Weights&... weights) const {
    return side(target_is_real).curvature(score, weights...);
  }

  template <ExecutionPolicy Policy, class S, class... Weights>
    requires Accepts<Score, S, Weights...>
  auto curvature(const Policy& policy, const S& score, std::same_as<bool> auto target_is_real,
                 const Weights&... weights) const {
    return side(target_is_real).curvature(policy, score, weights...);
  }

  template <class S, class... Weights>
    requires Accepts<Score, S, Weights...>
  Partial partial(const S& score, std::same_as<bool> auto target_is_real, const Weights&... weights) const {
    return side(target_is_real).partial(score, weights...);
  }

  template <ExecutionPolicy Policy, class S, class... Weights>
    requires Accepts<Score, S, Weights...>
  Partial partial(const Policy& policy, const S& score, std::same_as<bool> auto target_is_real,
                  const Weights&... weights) const {
    return side(target_is_real).partial(policy, score, weights...);
  }

  T value(const Partial& part) const { return real_.value(part); }

  /// The generator's loss of the scores of what it made: (fake); with their gradient: (fake, gradient) or
  /// (fake, weights, gradient).
  template <class S>
    requires Accepts<Score, S>
  T generator(const S& fake) const {
    return generator_.forward(fake);
  }

  template <ExecutionPolicy Policy, class S>
    requires Accepts<Score, S>
  T generator(const Policy& policy, const S& fake) const {
    return generator_.forward(policy, fake);
  }

  template <class S, class... Args>
    requires AcceptsGradients<Score, const S&, Args...>
  T generator(const S& fake, Args&&... args) const {
    return generator_.value_and_gradient(fake, std::forward<Args>(args)...);
  }

  template <ExecutionPolicy Policy, class S, class... Args>
    requires AcceptsGradients<Score, const S&, Args...>
  T generator(const Policy& policy, const S& fake, Args&&... args) const {
    return generator_.value_and_gradient(policy, fake, std::forward<Args>(args)...);
  }

  /// The discriminator's loss: (real, fake); with its gradients: (real, fake, gradient_of_real, gradient_of_fake) or
  /// (real, fake, weights_of_real, weights_of_fake, gradient_of_real, gradient_of_fake).
  template <class R, class F>
    requires Accepts<Both, R, F>
  T discriminator(const R& real, const F& fake) const {
    return both_.forward(real, fake);
  }

  template <ExecutionPolicy Policy, class R, class F>
    requires Accepts<Both, R, F>
  T discriminator(const Policy& policy, const R& real, const F& fake) const {
    return both_.forward(policy, real, fake);
  }

  template <class R, class F, class... Args>
    requires AcceptsGradients<Both, const R&, const F&, Args...>
  T discriminator(const R& real, const F& fake, Args&&... args) const {
    return both_.value_and_gradient(real, fake, std::forward<Args>(args)...);
  }

  template <ExecutionPolicy Policy, class R, class F, class... Args>
    requires AcceptsGradients<Both, const R&, const F&, Args...>
  T discriminator(const Policy& policy, const R& real, const F& fake, Args&&... args) const {
    return both_.value_and_gradient(policy, real, fake, std::forward<Args>(args)...);
  }

 private:
  const Loss<Score>& side(bool target_is_real) const { return target_is_real ? real_ : fake_; }

  Loss<Both> both_;
  Loss<Score> real_, fake_, generator_;
};

LOSSES_EXTERN(rule::Adversarial);
LOSSES_EXTERN(rule::AdversarialScore);

}  // namespace LOSSES_NAMESPACE
