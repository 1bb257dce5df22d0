// SPDX-License-Identifier: MIT
#pragma once

/// Times contenders against each other: on a pinned thread, turn by turn, so that whatever else the machine does slows all
/// of them alike; medians of the turns.

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

#ifdef __linux__

/// The processors that the process may use, as it was started.
inline const cpu_set_t& allowed_processors() {
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    return set;
  }();
  return allowed;
}

#endif

/// The calling thread stays on the processor that it is on, and so do the threads that it starts.
inline void pin_thread() {
#ifdef __linux__
  allowed_processors();
  if (const int processor = sched_getcpu(); processor >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(processor), &set);
    sched_setaffinity(0, sizeof set, &set);
  }
#endif
}

/// Runs f, which starts a thread, such that the thread stays on another processor than the caller. False: there is none.
template <class F>
bool on_another_processor(const F& f) {
#ifdef __linux__
  cpu_set_t mine, other = allowed_processors();
  sched_getaffinity(0, sizeof mine, &mine);
  const int processor = sched_getcpu();
  CPU_CLR(static_cast<unsigned>(processor), &other);
  if (CPU_COUNT(&other) == 0) return false;
  sched_setaffinity(0, sizeof other, &other);
  f();
  CPU_ZERO(&mine);
  CPU_SET(static_cast<unsigned>(processor), &mine);
  sched_setaffinity(0, sizeof mine, &mine);
#else
  f();
#endif
  return true;
}

/// The time that this thread ran: on a busy machine the turns of other programs do not count. Work that other threads share
/// is timed by the clock on the wall.
enum class Clock { thread, wall };

inline double seconds_now(Clock clock) {
  timespec now;
  clock_gettime(clock == Clock::thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

inline double seconds_of(const Repeated& work, long times, Clock clock) {
  const double start = seconds_now(clock);
  work(times);
  return seconds_now(clock) - start;
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The median seconds of one run of each contender, 0 for an empty one. A turn runs a contender for at least 2 ms;
/// there are at least 9 turns, and more while the time allows.
inline std::vector<double> medians(const std::vector<Repeated>& contenders, double seconds,
                                   Clock clock = Clock::thread) {
  std::vector<long> times(contenders.size(), 1);
  double round = 0;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    if (!contenders[i]) continue;
    contenders[i](1);
    double took = seconds_of(contenders[i], 1, clock);
    while (took < 2e-3) {
      times[i] = took < 2e-4 ? times[i] * 10 : static_cast<long>(static_cast<double>(times[i]) * 2.4e-3 / took) + 1;
      took = seconds_of(contenders[i], times[i], clock);
    }
    round += took;
  }
  const auto rounds = static_cast<std::size_t>(std::clamp(seconds / round, 9.0, 151.0));
  std::vector<std::vector<double>> samples(contenders.size());
  for (std::size_t turn = 0; turn < rounds; ++turn) {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const std::size_t next = (i + turn) % contenders.size();
      if (contenders[next]) {
        samples[next].push_back(seconds_of(contenders[next], times[next], clock) / static_cast<double>(times[next]));
      }
    }
  }
  std::vector<double> result;
  for (auto& each : samples) result.push_back(each.empty() ? 0 : median(std::move(each)));
  return result;
}

}  // namespace bench
