// SPDX-License-Identifier: MIT
#pragma once

/// Which α and γ of a focal loss suit a task: every pair of a grid, tried by the caller's own score.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <exception>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <losses/classification/focal_with_logits.hpp>

namespace LOSSES_NAMESPACE {

struct FocalSearchOptions {
  std::vector<double> alphas = {0.25, 0.5, 0.75, 1};
  std::vector<double> gammas = {0.5, 1, 1.5, 2, 2.5};
  bool balanced = false;         ///< α for y = 1 and 1 − α for y = 0; else α for both
  bool higher_is_better = true;  ///< of the score; false for a loss or an error
};

/// A pair of the grid, the loss that has it, and its score.
template <class Loss>
struct FocalTrial {
  Loss loss;
  double alpha = 0;
  double gamma = 0;
  double score = 0;
  std::string failure = {};  ///< why there is no score; empty where there is one
};

namespace detail {

template <class L>
concept HasNegativeAlpha = requires(typename L::Rule rule) { rule.alpha_negative; };

template <class L>
L focal_with(double alpha, double gamma, bool balanced) {
  using T = typename L::Scalar;
  typename L::Rule rule;
  rule.alpha = static_cast<T>(alpha);
  rule.gamma = static_cast<T>(gamma);
  if constexpr (HasNegativeAlpha<L>) {
    rule.alpha_negative = static_cast<T>(balanced ? 1 - alpha : alpha);
  } else {
    require(!balanced, "search_focal: balanced is true, but ", name_of<typename L::Rule>(), " has no alpha_negative");
  }
  return L(rule);
}

template <class Score, class L>
double focal_score(Score& score, const FocalTrial<L>& trial) {
  if constexpr (std::invocable<Score&, double, double>) {
    return static_cast<double>(score(trial.alpha, trial.gamma));
  } else if constexpr (std::invocable<Score&, const L&, double, double>) {
    return static_cast<double>(score(trial.loss, trial.alpha, trial.gamma));
  } else {
    static_assert(std::invocable<Score&, const L&>,
                  "the score of search_focal must be callable as score(loss), score(loss, alpha, gamma) or "
                  "score(alpha, gamma)");
    return static_cast<double>(score(trial.loss));
  }
}

}  // namespace detail

/// Tries a focal loss with every α and γ of a grid and returns all trials, best first.
///
///   auto trials = losses::search_focal([&](const auto& loss) { return accuracy_after_training(loss); });
///   auto trials = losses::search_focal<losses::Focal<double>>(score, {.alphas = {0.25, 0.5}, .balanced = true});
///   const auto& best = trials.front().loss;
///
/// `score` is called once per pair, α by α, as score(loss), score(loss, alpha, gamma) or score(alpha, gamma); it returns a
/// number, and the higher is the better unless higher_is_better is false. Equal scores keep the order of the grid. A pair
/// whose score throws or is NaN comes last, with the reason as its `failure`.
///
/// The loss is FocalWithLogits, Focal or SoftmaxFocal (which has no balanced form). α weighs both classes alike, or
/// with `balanced` the positives by α and the negatives by 1 − α. Throws std::invalid_argument before the first call for an
/// empty grid and for a pair that the loss refuses.
template <class Loss = FocalWithLogits<float>, class Score>
std::vector<FocalTrial<Loss>> search_focal(Score&& score, const FocalSearchOptions& options = {}) {
  require(!options.alphas.empty(), "search_focal: alphas is empty, but must have a value or more");
  require(!options.gammas.empty(), "search_focal: gammas is empty, but must have a value or more");
  std::vector<FocalTrial<Loss>> trials;
  for (const double alpha : options.alphas) {
    for (const double gamma : options.gammas) {
      trials.push_back({detail::focal_with<Loss>(alpha, gamma, options.balanced), alpha, gamma});
    }
  }
  for (auto& trial : trials) {
#if LOSSES_EXCEPTIONS
    try {
      trial.score = detail::focal_score(score, trial);
      if (std::isnan(trial.score)) trial.failure = "the score is nan";
    } catch (const std::exception& error) {
      trial.failure = error.what();
      if (trial.failure.empty()) trial.failure = "the score threw an exception without a message";
    } catch (...) {
      trial.failure = "the score threw what is no std::exception";
    }
#else
    trial.score = detail::focal_score(score, trial);
    if (std::isnan(trial.score)) trial.failure = "the score is nan";
#endif
    if (!trial.failure.empty()) trial.score = std::numeric_limits<double>::quiet_NaN();
  }
  std::stable_sort(trials.begin(), trials.end(), [&](const auto& a, const auto& b) {
    if (!a.failure.empty() || !b.failure.empty()) return a.failure.empty() && !b.failure.empty();
    return options.higher_is_better ? a.score > b.score : a.score < b.score;
  });
  return trials;
}

}  // namespace LOSSES_NAMESPACE
