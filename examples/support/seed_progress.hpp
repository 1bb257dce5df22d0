// SPDX-License-Identifier: MIT
#pragma once

/// One line on a terminal for the comparisons of all seeds: how far they are, and how long the rest may take.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include <losses/evaluation/evaluation_progress.hpp>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace support {

class SeedProgress {
 public:
  SeedProgress(std::string title, int seeds) : title_(std::move(title)), seeds_(seeds) {}
  SeedProgress(const SeedProgress&) = delete;
  SeedProgress& operator=(const SeedProgress&) = delete;
  ~SeedProgress() {
    if (shown_ >= 0) std::fprintf(stderr, "\r%79s\r", "");
  }

  void begin_seed(int number) { done_ = number; }

  void operator()(const losses::EvaluationProgress& now) {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    if (!terminal_ || (shown_ >= 0 && seconds - shown_ < 0.1)) return;
    shown_ = seconds;
    const double fraction = std::clamp((done_ + now.fraction) / seeds_, 1e-6, 1.0);
    const int left = static_cast<int>(seconds / fraction - seconds + 0.5), filled = static_cast<int>(24 * fraction);
    std::fprintf(stderr, "\r%-16.16s [%s%s] %3d %%  %-24.24s %2d:%02d left ", title_.c_str(),
                 std::string(static_cast<std::size_t>(filled), '#').c_str(),
                 std::string(static_cast<std::size_t>(24 - filled), '-').c_str(), static_cast<int>(100 * fraction),
                 std::string(now.loss).c_str(), left / 60, left % 60);
    std::fflush(stderr);
  }

 private:
  using Clock = std::chrono::steady_clock;

#if defined(_WIN32)
  bool terminal_ = _isatty(2) != 0;
#else
  bool terminal_ = isatty(2) != 0;
#endif
  std::string title_;
  int seeds_, done_ = 0;
  double shown_ = -1;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace support
