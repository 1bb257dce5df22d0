// SPDX-License-Identifier: MIT
#pragma once

/// Describes a table, lets the selector choose, and trains a network with each candidate over several seeds.

#include <cstdint>
#include <string>
#include <vector>

#include <losses/evaluation/comparison.hpp>
#include <losses/evaluation/diagnose.hpp>
#include <losses/selector/checklist.hpp>

#include "candidates.hpp"
#include "problem.hpp"

namespace support {

struct Settings {
  Eigen::Index epochs = 0;  // 0: about 1000 steps
  Eigen::Index batch = 0;   // 0: 32, or fewer where the table is small
  double rate = 0.01;
  Eigen::Index hidden = 8;
  int seeds = 10;
  std::uint64_t seed = 1;
  std::vector<std::string> losses;  // empty: those of the task
};

/// What a loss reached, over all seeds.
struct Standing {
  std::string name;
  std::vector<double> metrics;  // one for each seed; NaN where the run failed
  double mean = 0, deviation = 0;
  int failures = 0;
};

struct Study {
  Problem problem;
  Settings settings;  // with the batch that was used
  Eigen::Index train_rows = 0, held_out_rows = 0;
  losses::Description description;
  Choice choice;
  losses::Comparison first;                                        // of the first seed: its curves
  std::vector<Standing> standings;                                 // best first
  std::vector<losses::Finding> curve_findings, gradient_findings;  // of the chosen loss
  std::vector<losses::ChecklistLine> checklists[3];

  const Candidate* chosen() const;
  int place_of_choice() const;  // from 1; 0 where it is not among the candidates
};

Study study(Problem problem, const Settings& settings);

}  // namespace support
