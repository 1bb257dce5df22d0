// SPDX-License-Identifier: MIT
#pragma once

/// How the training of a model with one loss went.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <losses/core/config.hpp>

namespace LOSSES_NAMESPACE {

/// What LossEvaluator found for one loss. Losses are in the loss's own unit: only `metric` compares two of them. Numbers are
/// NaN, and curves end early, where the run failed.
struct LossEvaluation {
  std::string name;
  double metric = std::numeric_limits<double>::quiet_NaN();           ///< of the validation data, after the last epoch
  double start_metric = std::numeric_limits<double>::quiet_NaN();     ///< before the first
  double train_loss = std::numeric_limits<double>::quiet_NaN();       ///< of the last epoch
  double validation_loss = std::numeric_limits<double>::quiet_NaN();  ///< of the last epoch
  double convergence_speed = std::numeric_limits<double>::quiet_NaN();  ///< first − last training loss
  double stability =
      std::numeric_limits<double>::quiet_NaN();  ///< 1/(population deviation of the validation losses + 1e-8)
  double seconds = 0;
  std::vector<double> train_curve;       ///< a value for each finished epoch
  std::vector<double> validation_curve;  ///< the same
  std::vector<double> metric_curve;      ///< the same
  std::string failure;                   ///< empty, or why the run ended: it diverged, or something threw

  bool finished() const { return failure.empty(); }
};

namespace detail {

/// 1/(population deviation + 1e-8).
inline double stability_of(const std::vector<double>& losses) {
  double mean = 0, sum = 0;
  for (const double v : losses) mean += v / static_cast<double>(losses.size());
  for (const double v : losses) sum += (v - mean) * (v - mean) / static_cast<double>(losses.size());
  return 1 / (std::sqrt(sum) + 1e-8);
}

/// Fills what the curves of a finished run tell.
inline void summarise(LossEvaluation& run) {
  if (run.train_curve.empty()) return;
  run.train_loss = run.train_curve.back();
  run.validation_loss = run.validation_curve.back();
  run.metric = run.metric_curve.back();
  run.convergence_speed = run.train_curve.front() - run.train_curve.back();
  run.stability = stability_of(run.validation_curve);
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
