// SPDX-License-Identifier: MIT
#pragma once

/// Times contenders against each other: on one pinned thread, turn by turn, so that whatever else the machine does
/// slows all of them alike; medians of the turns.

#include <time.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace bench {

/// Keeps the compiler from dropping what made the value, and from moving memory accesses across.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

/// Runs its work as many times as it is told. Empty: there is nothing to run.
using Repeated = std::function<void(long)>;

template <class F>
Repeated repeat(F f) {
  return [f](long times) {
    for (long i = 0; i < times; ++i) keep(f());
  };
}

/// The calling thread stays on the processor that it is on, and so do the threads that it starts.
inline void pin_thread() {
#ifdef __linux__
  if (const int processor = sched_getcpu(); processor >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(processor), &set);
    sched_setaffinity(0, sizeof set, &set);
  }
#endif
}

/// The time that this thread ran: on a busy machine the turns of other programs do not count.
inline double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

inline double seconds_of(const Repeated& work, long times) {
  const double start = thread_seconds();
  work(times);
  return thread_seconds() - start;
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The median seconds of one run of each contender, 0 for an empty one. A turn runs a contender for at least 2 ms;
/// there are at least 9 turns, and more while the time allows.
inline std::vector<double> medians(const std::vector<Repeated>& contenders, double seconds) {
  std::vector<long> times(contenders.size(), 1);
  double round = 0;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    if (!contenders[i]) continue;
    contenders[i](1);
    double took = seconds_of(contenders[i], 1);
    while (took < 2e-3) {
      times[i] = took < 2e-4 ? times[i] * 10 : static_cast<long>(static_cast<double>(times[i]) * 2.4e-3 / took) + 1;
      took = seconds_of(contenders[i], times[i]);
    }
    round += took;
  }
  const auto rounds = static_cast<std::size_t>(std::clamp(seconds / round, 9.0, 151.0));
  std::vector<std::vector<double>> samples(contenders.size());
  for (std::size_t turn = 0; turn < rounds; ++turn) {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const std::size_t next = (i + turn) % contenders.size();
      if (contenders[next]) {
        samples[next].push_back(seconds_of(contenders[next], times[next]) / static_cast<double>(times[next]));
      }
    }
  }
  std::vector<double> result;
  for (auto& each : samples) result.push_back(each.empty() ? 0 : median(std::move(each)));
  return result;
}

}  // namespace bench
