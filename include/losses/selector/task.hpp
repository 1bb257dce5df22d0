// SPDX-License-Identifier: MIT
#pragma once

/// What a task is made of, as the rules that choose a loss read it.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <losses/core/check.hpp>

namespace LOSSES_NAMESPACE {

/// What a model is trained for.
enum class Task : std::uint8_t {
  regression,
  binary_classification,
  multiclass_classification,
  multilabel_classification,
  segmentation,
  detection,
  generation,
  sequence_labelling,
  metric_learning,
  ranking
};

/// How far the targets lie from what the inputs can tell.
enum class Noise : std::uint8_t { low, medium, high };

/// A task, and what its data are like. An aggregate that may be a template argument, too.
///
///   has_outliers      targets far from all others, by error rather than by nature
///   noise             of the targets
///   is_imbalanced     a class is rare
///   imbalance_ratio   the count of the most frequent class over that of the rarest, ≥ 1
///   has_label_noise   some labels are wrong
///   num_classes       ≥ 2 where there are classes; of labels, for multi-label classification, or of symbols, ≥ 1
///   pos_weight        of the positives, > 0; with 1 binary classification takes the ratio where it is imbalanced
struct TaskDescriptor {
  Task task = Task::regression;
  bool has_outliers = false;
  Noise noise = Noise::medium;
  bool is_imbalanced = false;
  double imbalance_ratio = 1;
  bool has_label_noise = false;
  int num_classes = 10;
  double pos_weight = 1;
};

namespace detail {

inline constexpr std::array<std::string_view, 10> task_names = {"regression",
                                                                "binary_classification",
                                                                "multiclass_classification",
                                                                "multilabel_classification",
                                                                "segmentation",
                                                                "detection",
                                                                "generation",
                                                                "sequence_labelling",
                                                                "metric_learning",
                                                                "ranking"};

inline constexpr std::array<std::string_view, 3> noise_names = {"low", "medium", "high"};

constexpr bool is_task(Task task) {
  return static_cast<std::size_t>(task) < task_names.size();
}

constexpr bool is_noise(Noise noise) {
  return static_cast<std::size_t>(noise) < noise_names.size();
}

constexpr bool is_finite_and_at_least(double value, double least) {
  return value >= least && value <= std::numeric_limits<double>::max();
}

constexpr bool has_pos_weight(const TaskDescriptor& descriptor) {
  return descriptor.pos_weight > 0 && descriptor.pos_weight <= std::numeric_limits<double>::max();
}

constexpr int least_classes(Task task) {
  return task == Task::multiclass_classification || task == Task::segmentation ? 2 : 1;
}

constexpr bool is_consistent(const TaskDescriptor& d) {
  return is_task(d.task) && is_noise(d.noise) && is_finite_and_at_least(d.imbalance_ratio, 1) &&
         d.num_classes >= least_classes(d.task) && has_pos_weight(d);
}

/// The same sentence for whoever asks: select, describe.
inline void check_descriptor(const TaskDescriptor& d) {
  require(is_task(d.task), "select: task is ", static_cast<int>(d.task), ", but must be one of Task");
  require(is_noise(d.noise), "select: noise is ", static_cast<int>(d.noise), ", but must be one of Noise");
  require(is_finite_and_at_least(d.imbalance_ratio, 1), "select: imbalance_ratio is ", d.imbalance_ratio,
          ", but must be finite and at least 1");
  require(d.num_classes >= least_classes(d.task), "select: num_classes is ", d.num_classes, ", but must be at least ",
          least_classes(d.task), " for ", task_names[static_cast<std::size_t>(d.task)]);
  require(has_pos_weight(d), "select: pos_weight is ", d.pos_weight, ", but must be finite and positive");
}

/// Letters in lower case, and one kind of space between words.
constexpr char folded(char letter) {
  if (letter >= 'A' && letter <= 'Z') return static_cast<char>(letter - 'A' + 'a');
  return letter == '-' || letter == ' ' ? '_' : letter;
}

constexpr bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (folded(a[i]) != folded(b[i])) return false;
  }
  return true;
}

}  // namespace detail

constexpr std::string_view to_string(Task task) {
  return detail::is_task(task) ? detail::task_names[static_cast<std::size_t>(task)] : "unknown task";
}

constexpr std::string_view to_string(Noise noise) {
  return detail::is_noise(noise) ? detail::noise_names[static_cast<std::size_t>(noise)] : "unknown noise";
}

/// The task of this name, in any case and with -, _ or a space between words. Throws std::invalid_argument for another
/// one, and lists them all.
inline Task task_named(std::string_view name) {
  for (std::size_t i = 0; i < detail::task_names.size(); ++i) {
    if (detail::same_name(name, detail::task_names[i])) return static_cast<Task>(i);
  }
  std::string known;
  for (const std::string_view task : detail::task_names) {
    if (!known.empty()) known += ", ";
    known += task;
  }
  detail::fail_with<std::invalid_argument>("task_named: there is no task '", name, "'; the tasks are ", known);
}

namespace detail {

/// A task or its name, as an argument.
struct TaskArgument {
  Task task;

  constexpr TaskArgument(Task is) : task(is) {}
  template <std::convertible_to<std::string_view> Name>
  TaskArgument(const Name& name) : task(task_named(name)) {}
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
