// SPDX-License-Identifier: MIT
#pragma once

/// The comparison as a table: a row is a case, what it is measured against, and what it must reach.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <losses/core/config.hpp>

#include "allocations.hpp"
#include "measure.hpp"

namespace bench {

/// How a rival's value or gradient differs from ours; "" if it does not.
using Disagreement = std::function<std::string()>;

/// Another way to compute the same.
struct Rival {
  Repeated work = {};
  Disagreement disagreement = {};
};

/// What is measured in one row.
struct Case {
  Repeated ours;
  Repeated limit;
  std::string limit_name;
  Repeated torch;
  Disagreement disagreement;  ///< of LibTorch
  Rival by_hand = {};         ///< the loop that people write
  Rival eigen = {};           ///< Eigen's expressions
  Clock clock = Clock::thread;
};

/// What a row must reach. A build for the baseline processor has bars of its own: those that hold everywhere, and to be
/// faster than LibTorch, which picks the instruction set of the processor that it runs on.
struct Bar {
  enum class Kind { none, limit, faster, torch } kind = Kind::none;
  double factor = 1;
  bool everywhere = false;

  /// At most `factor` times the limit beside it.
  static Bar times_limit(double factor) { return {Kind::limit, factor, false}; }
  static Bar times_limit_everywhere(double factor) { return {Kind::limit, factor, true}; }
  /// At least so many times as fast as the limit beside it, in every build.
  static Bar times_as_fast(double factor) { return {Kind::faster, factor, true}; }
  /// At most LibTorch's time divided by `factor`.
  static Bar torch_over(double factor) { return {Kind::torch, factor, false}; }
  /// At most `factor` times LibTorch's time, in every build.
  static Bar times_torch(double factor) { return {Kind::torch, 1 / factor, true}; }
  /// Shown for comparison.
  static Bar none() { return {}; }

  Bar of_this_build() const {
    constexpr bool is_baseline = LOSSES_REGISTER_BYTES < 32;
    return kind == Kind::none || everywhere || !is_baseline ? *this : torch_over(1);
  }
};

/// The data of a row are made when its turn comes, and given back after it.
struct Row {
  std::string name;
  Bar bar;
  std::function<Case()> make;
};

struct Result {
  std::string name;
  Bar bar;
  std::string limit_name;
  double ours = 0, limit = 0, torch = 0, by_hand = 0, eigen = 0;
  long allocations = 0;  ///< of one call; −1: not counted
  std::string disagreement;

  enum class Verdict { ok, missed, not_measured };
  Verdict verdict() const {
    const double reference = bar.kind == Bar::Kind::none ? 0 : bar.kind == Bar::Kind::torch ? torch : limit;
    if (reference == 0 || ours == 0) return Verdict::not_measured;
    const double allowed = bar.kind == Bar::Kind::limit ? reference * bar.factor : reference / bar.factor;
    return ours <= allowed ? Verdict::ok : Verdict::missed;
  }
};

inline Result run(const Row& row, double seconds) {
  const Case each = row.make();
  Result result;
  result.name = row.name;
  result.bar = row.bar.of_this_build();
  result.limit_name = each.limit_name;
  const std::pair<const char*, const Disagreement*> rivals[] = {
      {"LibTorch", &each.disagreement}, {"the loop", &each.by_hand.disagreement}, {"Eigen", &each.eigen.disagreement}};
  for (const auto& [name, disagreement] : rivals) {
    const std::string difference = *disagreement ? (*disagreement)() : "";
    if (!difference.empty()) result.disagreement += std::string(name) + ": " + difference + "; ";
  }
  if (each.ours) {
    each.ours(1);
    result.allocations = allocations_of([&] { each.ours(1); });
  }
  const std::vector<double> times =
      medians({each.ours, each.limit, each.torch, each.by_hand.work, each.eigen.work}, seconds, each.clock);
  result.ours = times[0];
  result.limit = times[1];
  result.torch = times[2];
  result.by_hand = times[3];
  result.eigen = times[4];
  return result;
}

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[160];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

inline std::string time_text(double seconds) {
  if (seconds == 0) return "";
  const std::pair<double, const char*> units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}};
  for (const auto& [unit, name] : units) {
    if (const double value = seconds / unit; value >= 0.9995 || unit == 1e-9) {
      return format(value < 10 ? "%.2f %s" : value < 100 ? "%.1f %s" : "%.0f %s", value, name);
    }
  }
  return "";
}

inline std::string ratio_text(double over, double under) {
  return over == 0 || under == 0 ? "" : format(over / under < 10 ? "%.2f" : "%.0f", over / under);
}

inline std::string bar_text(const Result& result) {
  const auto number = format("%.3g", result.bar.factor);
  switch (result.bar.kind) {
    case Bar::Kind::limit:
      return "≤ " + number + " × " + result.limit_name;
    case Bar::Kind::faster:
      return "≥ " + number + " × as fast";
    case Bar::Kind::torch:
      if (result.bar.factor == 1) return result.torch == 0 ? "" : "≤ LibTorch";
      if (result.bar.factor < 1) return "≤ " + format("%g", 1 / result.bar.factor) + " × LibTorch";
      return "≤ LibTorch / " + number;
    default:
      return "";
  }
}

/// A line of a table, under headings().
inline std::vector<std::string> cells(const Result& result) {
  const char* verdicts[] = {"yes", "**no**", ""};
  return {result.name,
          time_text(result.ours),
          result.limit_name,
          time_text(result.limit),
          ratio_text(result.ours, result.limit),
          time_text(result.torch),
          ratio_text(result.torch, result.ours),
          ratio_text(result.by_hand, result.ours),
          ratio_text(result.eigen, result.ours),
          bar_text(result),
          result.disagreement.empty() ? verdicts[static_cast<int>(result.verdict())] : "disagrees"};
}

inline std::vector<std::string> headings(const std::string& title) {
  return {title,         "losses",       "limit",   "its time", "losses/limit", "LibTorch", "LibTorch/losses",
          "loop/losses", "Eigen/losses", "must be", "reached"};
}

/// Characters, not bytes.
inline std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

/// Prints the cells, padded to the widths of a terminal's table, or as a line of a Markdown table.
inline void print_line(const std::vector<std::string>& texts, bool markdown) {
  static const std::size_t widths[] = {39, 8, 10, 8, 12, 8, 15, 11, 12, 18, 0};
  std::string line = markdown ? "|" : "";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    line += markdown ? " " + texts[i] + " |" : texts[i];
    if (!markdown && width(texts[i]) < widths[i]) line.append(widths[i] - width(texts[i]), ' ');
    if (!markdown) line += "  ";
  }
  if (!markdown) line.erase(line.find_last_not_of(' ') + 1);
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

inline void print_headings(const std::string& title, bool markdown) {
  const auto names = headings(title);
  print_line(names, markdown);
  if (!markdown) return;
  std::vector<std::string> rules(names.size(), "---:");
  rules[0] = rules[2] = rules[9] = rules[10] = "---";
  print_line(rules, markdown);
}

inline std::string first_line_with(const char* file, const std::string& key) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with(key)) return line.substr(line.find(':') == std::string::npos ? 0 : line.find(':') + 2);
  }
  return "unknown";
}

/// What the figures depend on: a line each, fit for a list.
inline std::vector<std::string> environment() {
#if defined(__clang__)
  const std::string compiler = "clang++ " + format("%d.%d.%d", __clang_major__, __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__)
  const std::string compiler = "g++ " + format("%d.%d.%d", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#else
  const std::string compiler = "unknown";
#endif
#ifdef LOSSES_BENCH_FLAGS
  const std::string flags = LOSSES_BENCH_FLAGS;
#else
  const std::string flags = "unknown";
#endif
  const std::string load = first_line_with("/proc/loadavg", "");
  return {"compiler: " + compiler + ", flags: " + flags + ", registers of " +
              std::to_string(8 * LOSSES_REGISTER_BYTES) + " bits",
          "processor: " + first_line_with("/proc/cpuinfo", "model name"),
          "Eigen " + format("%d.%d.%d", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION),
          "others at work (load average): " + load.substr(0, load.find(' '))};
}

}  // namespace bench
