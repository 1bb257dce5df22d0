// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <losses/core/loss.hpp>
#include <losses/core/per_sequence.hpp>
#include <losses/sequence/ctc_path.hpp>

namespace LOSSES_NAMESPACE {

/// What CTC is given: logits, or the logarithms of probabilities, such as a log-softmax of one's own.
enum class CTCInput : std::uint8_t { logits, log_probabilities };

namespace rule {

/// Connectionist temporal classification: labels a sequence of frames without knowing which frame has which label.
///
///   p_t = softmax of the logits of frame t, or exp of the log-probabilities
///   value = −log Σ Π_t p_t(π_t)     over the alignments π: the target, each label repeated in any number of frames, blanks
///                                   anywhere between, and at least one between equal labels
///   slope_t = p_t − γ_t             by logits; Σ_c = 0. γ_t(k): the share of the alignments with class k in frame t
///   slope_t = −γ_t                  by log-probabilities: the partial derivative, which treats them as independent
///
/// Options:
///
///   blank          the class that stands for no label, in [0, c)
///   zero_infinity  a sequence without any alignment has value 0, not +inf; its gradient is 0 either way
///   input          logits, or log_probabilities
///
/// A sequence has no alignment if it has fewer frames than its target has labels and pairs of equal neighbours ([1, 1] needs
/// three), or where masked classes (logits of −inf) leave none. An empty target is an alignment of blanks. One logit of +inf
/// is its limit, two are NaN. A loss near 0 keeps its digits. The recursion runs in double, whatever T is.
///
/// Throws std::out_of_range for labels and lengths, std::invalid_argument for shapes and options.
/// Graves et al. (2006), doi:10.1145/1143844.1143891, eq. (8) and (16); reductions as torch.nn.CTCLoss.
template <std::floating_point T>
struct CTC {
  using Scalar = T;
  using Shape = per_sequence;

  std::int64_t blank = 0;
  bool zero_infinity = false;
  CTCInput input = CTCInput::logits;

  void check() const {
    require(blank >= 0, "CTC: blank is ", blank, ", but must not be negative");
    detail::require_named(input, CTCInput::log_probabilities, "CTC", "input", "CTCInput");
  }

  std::size_t memory(const detail::Sequence<T>& sequence) const { return detail::CTCPass<T>::memory(sequence); }

  double operator()(const detail::Sequence<T>& sequence, detail::SequenceMemory& memory) const {
    return detail::CTCPass<T>(sequence, blank, input == CTCInput::logits, memory).run(zero_infinity);
  }
};

}  // namespace rule

namespace detail {

/// The arguments of value_and_gradient as Loss takes them: a workspace after the gradient goes before it.
template <class... Args>
struct WorkspaceFirst {
  static constexpr std::size_t count = sizeof...(Args);
  static constexpr bool swaps = [] {
    bool is_last = false;
    ((is_last = std::same_as<std::remove_cvref_t<Args>, SequenceWorkspace>), ...);
    return is_last && count > 1;
  }();

  static constexpr std::size_t at(std::size_t i) { return swaps && i + 2 >= count ? 2 * count - 3 - i : i; }

  template <class Rule, std::size_t... i>
  static consteval auto verdict(std::index_sequence<i...>) {
    return verdict_with_gradients<Rule, std::tuple_element_t<at(i), std::tuple<Args...>>...>();
  }
};

/// A matrix, or a tensor of two axes.
template <class X>
constexpr bool is_matrix() {
  if constexpr (Dense<X>) {
    return true;
  } else {
    return Access<X>::rank == 2;
  }
}

template <class X, class T>
concept IsOneSequence = ViewableAs<X, T> && is_matrix<X>();

template <class Rule, class... Args>
concept TakesGradients =
    IsAccepted<decltype(WorkspaceFirst<Args...>::template verdict<Rule>(std::index_sequence_for<Args...>()))>;

}  // namespace detail

/// CTC: the verbs of a loss over sequences, decoding and alignment. The formula, the options and what is refused stand at
/// rule::CTC.
///
///   v = ctc.value_and_gradient(logits, targets, input_lengths, target_lengths, grad);       // [t × n × c], a tensor
///   v = ctc.value_and_gradient(logits, target, grad);                                       // [t × c], one sequence
///
/// Targets are [n × s], padded with anything, or a flat vector, one target after the other; lengths are [n]; integers of
/// any width. Weights, one per sequence, may follow the target_lengths. Frames past an input length are never read, and have
/// gradient 0. The gradient may not be the logits. The last argument of each verb may be a workspace:
///
///   losses::CTC<float>::Workspace workspace;
///   v = ctc.value_and_gradient(logits, targets, input_lengths, target_lengths, grad, workspace);   // allocates nothing
///
/// `mean` is the mean over sequences of value / max(1, labels), as PyTorch; `sum` and `batch_mean` are of the values, and so
/// is unreduced, [n].
template <std::floating_point T = float>
class CTC {
 public:
  using Rule = rule::CTC<T>;
  using Scalar = T;
  using Workspace = detail::SequenceWorkspace;
  using Labels = std::vector<Eigen::Index>;

  /// The best path through the frames of a sequence. Without any: no labels, −inf.
  struct Alignment {
    Labels labels;     ///< the class of each frame
    Labels positions;  ///< the place in the target of each frame's label; −1: blank
    double log_probability = 0;
  };

  CTC() = default;
  explicit CTC(Reduction reduction) : loss_(reduction) {}
  explicit CTC(Rule rule, Reduction reduction = Reduction::mean) : loss_(rule, reduction) {}

  const Rule& rule() const { return loss_.rule(); }
  Reduction reduction() const { return loss_.reduction(); }

  template <class... In>
    requires Accepts<Rule, In...>
  Scalar forward(const In&... in) const {
    return loss_.forward(in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...>
  Scalar forward(const Policy& policy, const In&... in) const {
    return loss_.forward(policy, in...);
  }

  template <class... Args>
    requires detail::TakesGradients<Rule, Args...>
  Scalar value_and_gradient(Args&&... args) const {
    return value_and_gradient(serial, std::forward<Args>(args)...);
  }

  template <ExecutionPolicy Policy, class... Args>
    requires detail::TakesGradients<Rule, Args...>
  Scalar value_and_gradient(const Policy& policy, Args&&... args) const {
    return ordered<Args...>(policy, std::forward_as_tuple(std::forward<Args>(args)...),
                            std::index_sequence_for<Args...>());
  }

  template <class... In>
    requires Accepts<Rule, In...>
  auto gradient(const In&... in) const {
    return loss_.gradient(in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...>
  auto gradient(const Policy& policy, const In&... in) const {
    return loss_.gradient(policy, in...);
  }

  template <class... In>
    requires Accepts<Rule, In...>
  auto unreduced(const In&... in) const {
    return loss_.unreduced(in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...>
  auto unreduced(const Policy& policy, const In&... in) const {
    return loss_.unreduced(policy, in...);
  }

  template <class... In>
    requires Accepts<Rule, In...>
  auto partial(const In&... in) const {
    return loss_.partial(in...);
  }

  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...>
  auto partial(const Policy& policy, const In&... in) const {
    return loss_.partial(policy, in...);
  }

  /// The loss of the inputs whose partial results were added.
  Scalar value(const detail::SequencePartial& part) const { return loss_.value(part); }

  /// The labels of the best class of each frame, repetitions merged and blanks left out: of one sequence [t × c]. Of equal
  /// classes the first is taken.
  template <class X>
    requires detail::IsOneSequence<X, T>
  Labels greedy_decode(const X& logits) const {
    return decode(detail::view_of(detail::evaluate(logits)), nullptr)[0];
  }

  /// The same of each sequence of a batch [t × n × c].
  template <class X>
    requires detail::ViewableAs<X, T> && (!detail::IsOneSequence<X, T>)
  std::vector<Labels> greedy_decode(const X& logits) const {
    return decode(detail::view_of(detail::evaluate(logits)), nullptr);
  }

  template <class X, detail::IntegerArgument Lengths>
    requires detail::ViewableAs<X, T>
  std::vector<Labels> greedy_decode(const X& logits, const Lengths& input_lengths) const {
    const auto& lengths = detail::evaluate(input_lengths);
    const auto labels = detail::labels_of(lengths);
    return decode(detail::view_of(detail::evaluate(logits)), &labels);
  }

  /// The best path of one sequence: align(logits, target).
  template <class X, detail::IntegerArgument Y>
    requires Accepts<Rule, X, Y>
  Alignment align(const X& logits, const Y& target) const {
    return align_all(Driver::bind(rule(), detail::evaluate(logits), detail::evaluate(target)))[0];
  }

  /// The best path of each sequence of a batch.
  template <class X, detail::IntegerArgument Y, detail::IntegerArgument I, detail::IntegerArgument L>
    requires Accepts<Rule, X, Y, I, L>
  std::vector<Alignment> align(const X& logits, const Y& targets, const I& input_lengths,
                               const L& target_lengths) const {
    return align_all(Driver::bind(rule(), detail::evaluate(logits), detail::evaluate(targets),
                                  detail::evaluate(input_lengths), detail::evaluate(target_lengths)));
  }

 private:
  using Driver = detail::Driver<per_sequence, Rule>;
  using Inputs = detail::SequenceInputs<T>;

  template <class... Args, class Policy, class All, std::size_t... i>
  Scalar ordered(const Policy& policy, All&& all, std::index_sequence<i...>) const {
    using Order = detail::WorkspaceFirst<Args...>;
    return loss_.value_and_gradient(policy, std::get<Order::at(i)>(std::move(all))...);
  }

  std::vector<Labels> decode(const detail::View<const T>& logits, const detail::Labels* input_lengths) const {
    Inputs inputs;
    inputs.logits = logits;
    Driver::bind_logits(rule(), inputs);
    if (input_lengths != nullptr) inputs.input_lengths = Driver::bind_lengths("input_lengths", *input_lengths, inputs);
    std::vector<Labels> result;
    for (Eigen::Index i = 0; i < inputs.sequences(); ++i) {
      auto each = inputs.sequence(i);
      if (input_lengths != nullptr) {
        Driver::check_length("input_lengths", inputs.input_lengths, i, inputs.frames());
        each.frames = static_cast<Eigen::Index>(detail::LabelAt(inputs.input_lengths, i).wide());
      }
      result.push_back(detail::ctc_greedy_labels(each, rule().blank));
    }
    return result;
  }

  std::vector<Alignment> align_all(const Inputs& inputs) const {
    Driver::check(rule(), detail::Executor(), inputs);
    std::vector<Alignment> result;
    Eigen::Index before = 0;
    for (Eigen::Index i = 0; i < inputs.sequences(); ++i) {
      Labels target(static_cast<std::size_t>(inputs.target_length(i)));
      auto each = inputs.sequence(i);
      each.frames = inputs.input_length(i);
      each.length = inputs.target_length(i);
      each.labels = target.data();
      inputs.copy_labels(inputs.first_label(i, before), each.length, target.data());
      auto path = detail::ctc_best_path(each, rule().blank, rule().input == CTCInput::logits);
      Alignment alignment{{}, std::move(path.positions), path.log_probability};
      for (const auto at : alignment.positions) {
        alignment.labels.push_back(at < 0 ? static_cast<Eigen::Index>(rule().blank)
                                          : target[static_cast<std::size_t>(at)]);
      }
      result.push_back(std::move(alignment));
      before += each.length;
    }
    return result;
  }

  Loss<Rule> loss_;
};

LOSSES_EXTERN(rule::CTC);

}  // namespace LOSSES_NAMESPACE
