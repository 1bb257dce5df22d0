// SPDX-License-Identifier: MIT

#include "candidates.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <losses/classification/asymmetric_multi_label.hpp>
#include <losses/classification/generalized_cross_entropy.hpp>
#include <losses/regression/log_cosh.hpp>
#include <losses/regression/tukey.hpp>
#include <losses/selector/select.hpp>

#include "table.hpp"

namespace support {

namespace {

std::string text(double number) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, number, std::chars_format::general, 4).ptr};
}

/// All that fit the task, the usual ones first.
std::vector<Candidate> all_candidates(const losses::Description& d) {
  switch (d.task) {
    case losses::Task::regression:
      return {{"mse", "regression/mse.hpp", "MSE", "", losses::MSE<double>()},
              {"l1", "regression/l1.hpp", "L1", "", losses::L1<double>()},
              {"huber", "regression/huber.hpp", "Huber", ".delta = 1", losses::Huber<double>({.delta = 1})},
              {"log_cosh", "regression/log_cosh.hpp", "LogCosh", "", losses::LogCosh<double>()},
              {"tukey", "regression/tukey.hpp", "Tukey", ".scale = 4.685", losses::Tukey<double>({.scale = 4.685})}};
    case losses::Task::binary_classification: {
      const double weight = d.counts[0] / d.counts[1];
      std::vector<Candidate> made = {
          {"bce_with_logits", "classification/bce_with_logits.hpp", "BCEWithLogits", "",
           losses::BCEWithLogits<double>()},
          {"focal_with_logits", "classification/focal_with_logits.hpp", "FocalWithLogits", ".alpha = 0.25, .gamma = 2",
           losses::FocalWithLogits<double>({.alpha = 0.25, .gamma = 2})},
          {"asymmetric_multi_label", "classification/asymmetric_multi_label.hpp", "AsymmetricMultiLabel", "",
           losses::AsymmetricMultiLabel<double>()}};
      if (d.is_imbalanced) {
        made.insert(made.begin() + 1,
                    {"bce_with_logits(pos_weight)", "classification/bce_with_logits.hpp", "BCEWithLogits",
                     ".pos_weight = " + text(weight), losses::BCEWithLogits<double>({.pos_weight = weight})});
      }
      return made;
    }
    default:
      return {{"cross_entropy", "classification/cross_entropy.hpp", "CrossEntropy", "", losses::CrossEntropy<double>()},
              {"label_smoothing", "classification/label_smoothing.hpp", "LabelSmoothing", ".smoothing = 0.1",
               losses::LabelSmoothing<double>({.smoothing = 0.1})},
              {"softmax_focal", "classification/softmax_focal.hpp", "SoftmaxFocal", ".gamma = 2",
               losses::SoftmaxFocal<double>({.gamma = 2})},
              {"generalized_cross_entropy", "classification/generalized_cross_entropy.hpp", "GeneralizedCrossEntropy",
               "", losses::GeneralizedCrossEntropy<double>()}};
  }
}

}  // namespace

Choice choose_losses(const losses::Description& description, const std::vector<std::string>& names) {
  auto selection = losses::select<double>(description);
  Choice choice{selection.name, selection.reason, selection.alternatives, all_candidates(description)};
  // The same loss with and without weights are two candidates.
  if (choice.name == "bce_with_logits" && description.is_imbalanced) choice.name += "(pos_weight)";
  const auto find = [&](const std::string& name) {
    return std::find_if(choice.candidates.begin(), choice.candidates.end(),
                        [&](const Candidate& each) { return each.name == name; });
  };
  find(choice.name)->loss = std::move(selection.loss);
  if (names.empty()) return choice;

  std::vector<Candidate> wanted;
  for (const auto& name : names) {
    const auto found = find(name);
    if (found == choice.candidates.end()) {
      std::string known;
      for (const auto& each : choice.candidates) known += (known.empty() ? "" : ", ") + each.name;
      throw BadInput("--losses: there is no loss '" + name + "' for " + std::string(to_string(description.task)) +
                     "; there are " + known);
    }
    const bool twice = std::any_of(wanted.begin(), wanted.end(), [&](const auto& each) { return each.name == name; });
    if (twice) throw BadInput("--losses: '" + name + "' is named twice");
    wanted.push_back(*found);
  }
  choice.candidates = std::move(wanted);
  return choice;
}

}  // namespace support
