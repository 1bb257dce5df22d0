// SPDX-License-Identifier: MIT
#pragma once

/// What to ask before choosing a loss, before trusting it, and while it trains.

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <losses/selector/describe.hpp>

namespace LOSSES_NAMESPACE {

/// A question of a checklist, and its answer.
struct ChecklistLine {
  std::string_view question;
  std::string answer;
};

/// The questions of each stage: `checklist(description)` answers those about the data.
inline constexpr std::array<std::string_view, 4> data_questions = {
    "Task: what is predicted?", "Balance: are all classes frequent enough?",
    "Outliers: are some targets far from all others?", "Label quality: can the targets be trusted?"};
inline constexpr std::array<std::string_view, 4> implementation_questions = {
    "Stability: finite for extreme predictions?", "Gradient: does it agree with differences?",
    "Memory: what does it need beyond the inputs?", "Speed: how long does a batch take?"};
inline constexpr std::array<std::string_view, 4> training_questions = {
    "Curves: do both losses fall?", "Gradients: neither vanishing nor exploding?", "Convergence: has it arrived?",
    "Validation: is it as good on samples held out?"};

namespace detail {

/// Four digits are enough to read.
inline std::string short_number(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::general, 4).ptr;
  return std::string(digits, end);
}

inline std::string counted(Eigen::Index n, std::string_view one, std::string_view many) {
  return std::to_string(n) + " " + std::string(n == 1 ? one : many);
}

inline bool has_classes(Task task) {
  return task == Task::binary_classification || task == Task::multiclass_classification || task == Task::segmentation ||
         task == Task::metric_learning || task == Task::sequence_labelling;
}

inline std::string balance_answer(const Description& d) {
  if (d.task == Task::multilabel_classification) {
    return std::string(d.is_imbalanced ? "no" : "yes") + ": the least balanced label is " +
           short_number(d.imbalance_ratio) + " to 1";
  }
  if (!has_classes(d.task)) return "there are no classes";
  if (d.counts.empty()) return "not measured";
  Eigen::Index absent = 0;
  for (const double count : d.counts) absent += count <= 0;
  const std::string seen = d.imbalance_ratio == 1 ? "all have as many samples"
                                                  : "the most frequent class has " + short_number(d.imbalance_ratio) +
                                                        " times the samples of the rarest";
  return std::string(d.is_imbalanced ? "no" : "yes") + ": " + seen +
         (absent > 0 ? ", and " + counted(absent, "class has none", "classes have none") : "");
}

inline std::string outlier_answer(const Description& d) {
  if (d.task != Task::regression) return "a question for regression";
  if (d.outlier_limit == 0) return "not measured";
  return std::string(d.has_outliers ? "yes" : "no") + ": " + counted(d.outliers, "sample lies", "samples lie") +
         " more than " + short_number(d.outlier_limit) + " robust deviations from the median";
}

inline std::string quality_answer(const Description& d) {
  if (d.task == Task::regression) {
    return std::isnan(d.noise_ratio) ? "not measured: it takes the residuals of a first fit"
                                     : std::string(to_string(d.noise)) + " noise: what a first fit leaves over has " +
                                           short_number(d.noise_ratio) + " of the spread of the targets";
  }
  if (std::isnan(d.contradicted)) return "not measured: it takes predictions for samples held out";
  return std::string(d.has_label_noise ? "no" : "yes") + ": predictions for samples held out contradict " +
         short_number(100 * d.contradicted) + " % of the labels";
}

inline std::string task_answer(const Description& d) {
  std::string answer(to_string(d.task));
  for (char& letter : answer) letter = letter == '_' ? ' ' : letter;
  answer += ", " + counted(d.samples, "sample", "samples");
  if (d.task == Task::multilabel_classification) return answer + ", " + counted(d.num_classes, "label", "labels");
  return has_classes(d.task) ? answer + ", " + std::to_string(d.num_classes) + " classes" : answer;
}

}  // namespace detail

/// The four questions about the data, answered from the description.
inline std::array<ChecklistLine, 4> checklist(const Description& description) {
  return {{{data_questions[0], detail::task_answer(description)},
           {data_questions[1], detail::balance_answer(description)},
           {data_questions[2], detail::outlier_answer(description)},
           {data_questions[3], detail::quality_answer(description)}}};
}

}  // namespace LOSSES_NAMESPACE
