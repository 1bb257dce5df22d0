// SPDX-License-Identifier: MIT
#pragma once

/// The loss of a descriptor that is known when the program runs.

#include <concepts>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <losses/compose/any_loss.hpp>
#ifdef LOSSES_EXTERN_TABLE
#include <losses/compose/make_loss.hpp>
#endif
#include <losses/selector/concrete.hpp>
#include <losses/selector/describe.hpp>

namespace LOSSES_NAMESPACE {

/// A loss for a task, and why.
template <std::floating_point T>
struct Selection {
  AnyLoss<T> loss;
  std::string name;    ///< what make_loss takes
  std::string reason;  ///< one sentence
  std::vector<Alternative> alternatives;
};

namespace detail {

#ifdef LOSSES_EXTERN_TABLE
constexpr bool has_compiled_table = true;

/// The options that a rule sets, as text.
inline LossOptions options_of(const TaskDescriptor& d, const std::vector<double>& pos_weights) {
  const auto text = [](double number) {
    std::string digits;
    append(digits, number);
    return digits;
  };
  switch (choose(d)) {
    case Choice::huber:
      return {{"delta", "1"}};
    case Choice::focal_with_logits:
      return {{"alpha", "0.25"}, {"gamma", "2"}};
    case Choice::bce_with_pos_weight:
    case Choice::bce_with_logits:
      return {{"pos_weight", text(binary_pos_weight(d))}};
    case Choice::label_smoothing:
      return {{"smoothing", "0.1"}};
    case Choice::softmax_focal:
      return {{"gamma", "2"}};
    case Choice::multi_label_bce: {
      std::string list = text(d.pos_weight);
      for (std::size_t i = 0; i < pos_weights.size(); ++i) list = (i == 0 ? "" : list + ", ") + text(pos_weights[i]);
      return {{"pos_weight", list}};
    }
    default:
      return {};
  }
}

/// From the table that is compiled apart.
template <std::floating_point T, bool from_table>
  requires from_table
AnyLoss<T> any_chosen_loss(const TaskDescriptor& d, const std::vector<double>& pos_weights) {
  return make_loss<T>(rule_of(choose(d)).name, options_of(d, pos_weights));
}
#else
constexpr bool has_compiled_table = false;
#endif

template <std::floating_point T, std::size_t i = 0>
AnyLoss<T> any_of_choice(Choice choice, const TaskDescriptor& d) {
  if constexpr (i + 1 < selection_rules.size()) {
    if (choice != static_cast<Choice>(i)) return any_of_choice<T, i + 1>(choice, d);
  }
  return AnyLoss<T>(chosen_loss<static_cast<Choice>(i), T>(d));
}

/// From the losses that the rules name: they are compiled here.
template <std::floating_point T, bool from_table>
  requires(!from_table)
AnyLoss<T> any_chosen_loss(const TaskDescriptor& d, const std::vector<double>& pos_weights) {
  if (pos_weights.empty()) return any_of_choice<T>(choose(d), d);
  std::vector<T> weights;
  for (const double weight : pos_weights) weights.push_back(static_cast<T>(weight));
  return AnyLoss<T>(MultiLabelBCE<T>({.pos_weight = weights}));
}

template <std::floating_point T, bool from_table>
Selection<T> selection(const TaskDescriptor& d, const std::vector<double>& pos_weights) {
  check_descriptor(d);
  const T weight = static_cast<T>(d.pos_weight);
  require(weight > 0 && weight <= std::numeric_limits<T>::max(), "select: pos_weight is ", d.pos_weight,
          ", but must be a positive number of the scalar of the loss");
  const SelectionRule& rule = rule_of(choose(d));
  return {any_chosen_loss<T, from_table>(d, pos_weights), std::string(rule.name), std::string(rule.reason),
          std::vector<Alternative>(rule.alternatives.begin(), rule.alternatives.end())};
}

}  // namespace detail

/// Which loss for which task.
///
///   auto choice = losses::select<float>({.task = losses::Task::regression, .has_outliers = true});
///   choice.loss.value_and_gradient(prediction, target, gradient);       // Huber
///   std::cout << choice.name << ": " << choice.reason << '\n';
///
///   regression        outliers or high noise: Huber(1); low noise: MSE; else L1
///   binary            imbalanced, ratio > 10: FocalWithLogits(0.25, 2); imbalanced: BCEWithLogits(pos_weight = ratio);
///                     else BCEWithLogits
///   multi-class       label noise: LabelSmoothing(0.1); imbalanced: SoftmaxFocal(2); else CrossEntropy
///   segmentation      imbalanced: 0.5 CrossEntropy + 0.5 SoftmaxDice; else CrossEntropy
///   multi-label       MultiLabelBCE with pos_weight
///   detection         CIoU, the one of the IoU family that looks at overlap, centre and shape
///   generation        Adversarial + MSE;  sequences: CTC;  metric learning: Triplet;  ranking: MarginRanking
///
/// A pos_weight that is not 1 goes before the ratio: it is below 1 where the positives are the frequent class.
/// A file that calls it compiles the losses of all rules, in half a minute; where the CMake target losses::table is
/// linked, they come from there.
/// Throws std::invalid_argument for a ratio below 1 or not finite, too few classes, a pos_weight that is not positive and
/// finite, and for a task's name that there is not.
template <std::floating_point T = float, bool from_table = detail::has_compiled_table>
Selection<T> select(const TaskDescriptor& descriptor) {
  return detail::selection<T, from_table>(descriptor, {});
}

/// From what describe measured: each label of several has its own pos_weight.
template <std::floating_point T = float, bool from_table = detail::has_compiled_table>
Selection<T> select(const Description& description) {
  const bool has_labels = description.task == Task::multilabel_classification;
  return detail::selection<T, from_table>(description, has_labels ? description.pos_weights : std::vector<double>());
}

/// A task by name, and the rest of its descriptor.
template <std::floating_point T = float, bool from_table = detail::has_compiled_table>
Selection<T> select(std::string_view task, TaskDescriptor descriptor = {}) {
  descriptor.task = task_named(task);
  return detail::selection<T, from_table>(descriptor, {});
}

}  // namespace LOSSES_NAMESPACE
