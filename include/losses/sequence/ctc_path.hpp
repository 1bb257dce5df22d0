// SPDX-License-Identifier: MIT
#pragma once

/// The paths of CTC: the best one through a target (Viterbi), and the best class of each frame.

#include <cstdint>
#include <vector>

#include <losses/sequence/ctc_pass.hpp>

namespace LOSSES_NAMESPACE::detail {

struct CTCPath {
  std::vector<Index> positions;  // of each frame: the place in the target, −1: blank
  double log_probability = 0;
};

/// The most probable alignment. States are numbered blank, label, blank, …; of equal paths one is taken.
template <class T>
CTCPath ctc_best_path(const Sequence<T>& sequence, std::int64_t blank, bool of_logits) {
  SequenceMemory memory;
  memory.reserve(CTCPass<T>::memory(sequence));
  CTCPass<T> pass(sequence, blank, of_logits, memory);
  if (!pass.read()) return {{}, std::numeric_limits<double>::quiet_NaN()};
  const CTCTarget& target = pass.target();
  const CTCProbabilities& p = pass.probabilities();
  const Index frames = sequence.frames, length = sequence.length, states = 2 * length + 1;
  std::vector<double> score(static_cast<std::size_t>(states), -infinity<double>);
  std::vector<std::int8_t> steps(static_cast<std::size_t>(frames * states), 0);  // from how many states before
  score[0] = 0;
  for (Index t = 0; t < frames; ++t) {
    for (Index s = states - 1; s >= 0; --s) {
      const Index position = s % 2 == 0 ? length : s / 2, at = t * p.size + position;
      const Index furthest = s % 2 == 0 || target.may_skip[position] == 0 ? 1 : 2;
      Index best = 0;
      for (Index step = 1; step <= std::min(furthest, s); ++step) {
        if (score[static_cast<std::size_t>(s - step)] > score[static_cast<std::size_t>(s - best)]) best = step;
      }
      steps[static_cast<std::size_t>(t * states + s)] = static_cast<std::int8_t>(best);
      score[static_cast<std::size_t>(s)] =
          score[static_cast<std::size_t>(s - best)] + (std::log(p.m[at]) + p.e[at] * 1.38629436111989061883);
    }
  }
  Index state = states - 1;
  if (length > 0 && score[static_cast<std::size_t>(state - 1)] > score[static_cast<std::size_t>(state)]) --state;
  CTCPath path{{}, score[static_cast<std::size_t>(state)]};
  if (path.log_probability == -infinity<double>) return path;
  path.positions.resize(static_cast<std::size_t>(frames));
  for (Index t = frames - 1; t >= 0; --t) {
    path.positions[static_cast<std::size_t>(t)] = state % 2 == 0 ? -1 : state / 2;
    state -= steps[static_cast<std::size_t>(t * states + state)];
  }
  return path;
}

/// The first of the highest classes of each frame, repetitions merged and blanks left out.
template <class T>
std::vector<Index> ctc_greedy_labels(const Sequence<T>& sequence, std::int64_t blank) {
  std::vector<Index> labels;
  Index before = -1;
  for (Index t = 0; t < sequence.frames; ++t) {
    const T* row = sequence.x + t * sequence.frame_stride;
    Index best = 0;
    for (Index c = 1; c < sequence.classes; ++c) {
      if (row[c * sequence.class_stride] > row[best * sequence.class_stride]) best = c;
    }
    if (best != before && best != static_cast<Index>(blank)) labels.push_back(best);
    before = best;
  }
  return labels;
}

}  // namespace LOSSES_NAMESPACE::detail
