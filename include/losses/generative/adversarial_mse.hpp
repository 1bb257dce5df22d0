// SPDX-License-Identifier: MIT
#pragma once

/// What a generator with a target is trained for: Adversarial on the scores of its output, and MSE on the output itself.

#include <array>
#include <concepts>
#include <string_view>

#include <Eigen/Core>

#include <losses/core/loss.hpp>
#include <losses/generative/adversarial.hpp>
#include <losses/regression/mse.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// The tag of a loss of the critic's scores of an output, and of that output.
struct per_score_and_output {};

/// Adversarial's generator loss of the scores plus MSE of the output, as in pix2pix with a squared error:
///
///   value = adversarial.generator(score) + mse(output, target)
///
/// Score of any shape, output and target of one; a gradient for score and output, each by its own mean. The options are
/// those of Adversarial. Isola et al. (2017), arXiv:1611.07004, eq. (4), with the squared error of Pathak et al. (2016),
/// arXiv:1604.07379, eq. (3).
template <std::floating_point T>
struct AdversarialMSE {
  using Scalar = T;
  using Shape = per_score_and_output;
  static constexpr std::string_view name = "AdversarialMSE";
  static constexpr std::array<Argument, 2> predictions = {Argument{"score"}, Argument{"output"}};

  AdversarialMode mode = AdversarialMode::vanilla;
  T real_label = 1;
  T fake_label = 0;

  void check() const { adversarial().check(name); }

  Adversarial<T> adversarial() const { return {mode, real_label, fake_label}; }
  MSE<T> mse() const { return {}; }
};

}  // namespace rule

namespace detail {

template <class Rule>
struct Driver<rule::per_score_and_output, Rule> {
  using T = typename Rule::Scalar;
  using Score = DriverOf<rule::AdversarialScore<T>>;
  using Generated = DriverOf<rule::MSE<T>>;

  struct Inputs {
    typename Score::Inputs score;
    typename Generated::Inputs output;
  };
  struct Whole {
    typename Score::Whole score;
    typename Generated::Whole output;
  };

  static constexpr int predictions = 2;
  static constexpr bool in_place = true;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_values<T, In...>();
    }
  }

  template <class S, class P, class Y>
  static Inputs bind(const Rule& rule, const S& score, const P& output, const Y& target) {
    const Extents is = view_of(target).extents, must = view_of(output).extents;
    require(is == must, Rule::name, ": target is ", is, ", but must be ", must, ", the shape of output");
    return {Score::bind(rule.adversarial().generator(), score), Generated::bind(rule.mse(), output, target)};
  }

  template <class P>
  using Unreduced = Eigen::Matrix<T, 2, 1>;

  static Extents unreduced_extents(const Inputs&) { return {2, {2, 1}}; }

  static const Extents& gradient_extents(const Inputs& inputs, int place) {
    return place == 0 ? inputs.score.prediction[0].extents : inputs.output.prediction[0].extents;
  }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    Score::visit(inputs.score, "score", 0, f);
    f(inputs.output.prediction[0], "output", 1);
    f(inputs.output.target, "target", -1);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    return {Score::check(rule.adversarial().generator(), executor, inputs.score),
            Generated::check(rule.mse(), executor, inputs.output)};
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return Score::forward(rule.adversarial().generator(), reduction, executor, inputs.score, whole.score) +
           Generated::forward(rule.mse(), reduction, executor, inputs.output, whole.output);
  }

  /// The two terms.
  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole,
                        const Output<T>& terms) {
    terms.view.data[0] =
        Score::forward(rule.adversarial().generator(), Reduction::mean, executor, inputs.score, whole.score);
    terms.view.data[terms.view.stride[0]] =
        Generated::forward(rule.mse(), Reduction::mean, executor, inputs.output, whole.output);
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    const T score = Score::value_and_gradient(rule.adversarial().generator(), reduction, executor, inputs.score,
                                              whole.score, outputs);
    return score +
           Generated::value_and_gradient(rule.mse(), reduction, executor, inputs.output, whole.output, outputs + 1);
  }
};

}  // namespace detail

/// The loss of a generator: (score, output, target), with a gradient for score and output.
///
///   float v = loss.value_and_gradient(critic_scores, picture, wanted, score_gradient, picture_gradient);
template <std::floating_point T = float>
using AdversarialMSE = Loss<rule::AdversarialMSE<T>>;

LOSSES_EXTERN(rule::AdversarialMSE);

}  // namespace LOSSES_NAMESPACE
