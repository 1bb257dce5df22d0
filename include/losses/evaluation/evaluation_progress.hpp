// SPDX-License-Identifier: MIT
#pragma once

/// How far a comparison is, and a bar that shows it.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>

#include <Eigen/Core>

#include <losses/evaluation/text.hpp>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace LOSSES_NAMESPACE {

/// Where a comparison is: given to an observer after each batch. The last one has fraction 1.
struct EvaluationProgress {
  std::string_view loss;                                           ///< its name, valid during the call
  Eigen::Index loss_number = 1, losses = 1;                        ///< from 1
  Eigen::Index epoch = 0, epochs = 0;                              ///< from 1
  Eigen::Index batch = 0, batches = 0;                             ///< from 1
  double train_loss = std::numeric_limits<double>::quiet_NaN();    ///< the mean of this epoch so far
  double fraction = 0;                                             ///< of the whole comparison, in [0, 1]
  double seconds = 0;                                              ///< since it began
  double seconds_left = std::numeric_limits<double>::quiet_NaN();  ///< as the fraction and the time so far tell
};

enum class ProgressBar : std::uint8_t {
  automatic,  ///< where standard error is a terminal
  on,
  off
};

namespace detail {

inline bool standard_error_is_a_terminal() {
#if defined(_WIN32)
  return ::_isatty(2) != 0;
#else
  return ::isatty(2) != 0;
#endif
}

/// 0:07, 12:34, 1:02:03
inline std::string clock_text(double seconds) {
  const auto total = static_cast<long>(std::min(std::max(seconds, 0.0), 1e7) + 0.5);
  char text[32];
  if (total >= 3600) {
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", total / 3600, total / 60 % 60, total % 60);
  } else {
    std::snprintf(text, sizeof text, "%ld:%02ld", total / 60, total % 60);
  }
  return text;
}

/// One line of at most 79 letters: huber         2/5 [#########·······] epoch 3/50  loss 0.4213  0:12 left
inline std::string progress_line(const EvaluationProgress& now) {
  constexpr std::size_t bar = 20;
  const auto full = std::min(bar, static_cast<std::size_t>(now.fraction * static_cast<double>(bar)));
  char text[96];
  std::snprintf(text, sizeof text, " %ld/%ld [%s%s] epoch %ld/%ld  %s left", static_cast<long>(now.loss_number),
                static_cast<long>(now.losses), std::string(full, '#').c_str(), std::string(bar - full, '-').c_str(),
                static_cast<long>(now.epoch), static_cast<long>(now.epochs),
                now.seconds_left >= 0 ? clock_text(now.seconds_left).c_str() : "?");
  return padded(padded(now.loss, 18) + text, 79);
}

/// Draws the line on standard error ten times a second, from the first tenth on, and takes it away at the end.
class ProgressLine {
 public:
  explicit ProgressLine(ProgressBar bar)
      : shown_(bar == ProgressBar::on || (bar == ProgressBar::automatic && standard_error_is_a_terminal())) {}
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() {
    if (last_ > 0) std::fprintf(stderr, "\r%79s\r", "");
  }

  void operator()(const EvaluationProgress& now) {
    if (!shown_ || now.seconds - last_ < 0.1) return;
    last_ = now.seconds;
    std::fprintf(stderr, "\r%s", progress_line(now).c_str());
    std::fflush(stderr);
  }

 private:
  bool shown_;
  double last_ = 0;
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
