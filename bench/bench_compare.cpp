// SPDX-License-Identifier: MIT
// Value and gradient of each loss against what bounds it, and against LibTorch where that is installed: the README's
// table. Both run on the same data, in turns, on one pinned thread, after their values and gradients were compared.
//
//   bench_compare [--markdown] [--strict] [--seconds S] [--roofline FILE] [TEXT…]
//
// A TEXT selects the rows whose name contains it; --strict fails if a row misses its bar; S is the time per row.
// --roofline writes bytes per second over sizes into FILE instead.

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "roofline.hpp"
#include "rows.hpp"

namespace {

struct Table {
  std::string title;
  std::vector<bench::Row> rows;
};

std::vector<Table> tables() {
  std::vector<bench::Row> rooms;
  for (const auto& room : {bench::rows_of_regression(), bench::rows_of_classification(), bench::rows_of_detection(),
                           bench::rows_of_segmentation(), bench::rows_of_metric(), bench::rows_of_generative(),
                           bench::rows_of_sequence()}) {
    rooms.insert(rooms.end(), room.begin(), room.end());
  }
  auto threads = bench::rows_of_threads();
  const auto openmp = bench::rows_of_openmp();
  threads.insert(threads.end(), openmp.begin(), openmp.end());
  return {{"float, one thread", rooms},
          {"double, one thread", bench::rows_of_double()},
          {"half and bfloat16, one thread", bench::rows_of_half()},
          {"small batches", bench::rows_of_small_batches()},
          {"strides of a power of two", bench::rows_of_strides()},
          {"two threads", threads}};
}

/// LibTorch frees and maps its results anew on every call, and would spend its time in page faults, unless glibc is
/// told to keep freed memory; and that it only reads when a process starts.
void restart_with_kept_memory(char** arguments) {
  if (std::getenv("MALLOC_TOP_PAD_") != nullptr) return;
  setenv("MALLOC_MMAP_MAX_", "0", 1);
  setenv("MALLOC_TRIM_THRESHOLD_", "100000000000", 1);
  setenv("MALLOC_TOP_PAD_", "1000000000", 1);
  execv("/proc/self/exe", arguments);
}

}  // namespace

int main(int count, char** arguments) {
  restart_with_kept_memory(arguments);

  bool markdown = false, strict = false;
  double seconds = 2;
  std::string roofline;
  std::vector<std::string> wanted;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--markdown") {
      markdown = true;
    } else if (argument == "--strict") {
      strict = true;
    } else if (argument == "--seconds" && i + 1 < count) {
      seconds = std::atof(arguments[++i]);
    } else if (argument == "--roofline" && i + 1 < count) {
      roofline = arguments[++i];
    } else if (argument.starts_with('-')) {
      std::fprintf(stderr, "usage: %s [--markdown] [--strict] [--seconds S] [--roofline FILE] [TEXT...]\n",
                   arguments[0]);
      return 2;
    } else {
      wanted.push_back(argument);
    }
  }

  bench::pin_thread();
  auto environment = bench::environment();
  environment.push_back(bench::start_torch());
  for (const auto& line : environment) std::printf("%s%s\n", markdown ? "- " : "", line.c_str());
  std::printf("\n");

  if (!roofline.empty()) return bench::write_roofline(roofline, seconds) ? 0 : 1;

  int disagreeing = 0, missed = 0, without_processor = 0;
  std::string disagreements, allocating;
  for (const Table& table : tables()) {
    bool headed = false;
    for (const bench::Row& row : table.rows) {
      const bool is_wanted = std::any_of(wanted.begin(), wanted.end(),
                                         [&](const auto& text) { return row.name.find(text) != std::string::npos; });
      if (!wanted.empty() && !is_wanted) continue;
      const auto result = bench::run(row, seconds);
      if (result.ours == 0) {
        ++without_processor;
        continue;
      }
      if (!std::exchange(headed, true)) bench::print_headings(table.title, markdown);
      bench::print_line(bench::cells(result), markdown);
      missed += result.verdict() == bench::Result::Verdict::missed;
      if (result.allocations > 0) allocating += "; " + result.name + ": " + std::to_string(result.allocations);
      if (result.disagreement.empty()) continue;
      ++disagreeing;
      disagreements += result.name + ": " + result.disagreement + "\n";
    }
    if (headed) std::printf("\n");
  }
  if (without_processor > 0) {
    std::printf("two threads: %d rows are not measured, since this process may use one processor\n", without_processor);
  }
  if (bench::heap_allocations() >= 0) {
    std::printf("heap allocations in a call of losses: %s\n",
                allocating.empty() ? "none in any row" : ("none but " + allocating.substr(2)).c_str());
  }
  std::fprintf(stderr, "%s", disagreements.c_str());
  return disagreeing > 0 || (strict && missed > 0) ? 1 : 0;
}
