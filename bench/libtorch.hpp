// SPDX-License-Identifier: MIT
#pragma once

/// LibTorch behind a few functions: its headers of 2022 do not compile as C++20 with every compiler, so libtorch.cpp is
/// C++17.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// The memory of an argument: floats, doubles, or 64-bit labels.
struct TorchArgument {
  TorchArgument(float* numbers, std::vector<std::int64_t> the_sizes, std::vector<std::int64_t> the_strides)
      : data(numbers), sizes(std::move(the_sizes)), strides(std::move(the_strides)) {}
  TorchArgument(double* numbers, std::vector<std::int64_t> the_sizes, std::vector<std::int64_t> the_strides)
      : data(numbers), is_double(true), sizes(std::move(the_sizes)), strides(std::move(the_strides)) {}
  TorchArgument(std::int64_t* labels, std::vector<std::int64_t> the_sizes, std::vector<std::int64_t> the_strides)
      : data(labels), is_labels(true), sizes(std::move(the_sizes)), strides(std::move(the_strides)) {}

  void* data;
  bool is_double = false, is_labels = false;
  std::vector<std::int64_t> sizes, strides;
};

struct TorchCase {
  std::function<double()> value_and_gradient;
  /// The largest difference from the gradients of the last call, in units of the largest entry of each.
  std::function<double(const std::vector<TorchArgument>& gradients)> gradient_error;
};

#ifdef LOSSES_BENCH_TORCH

inline constexpr bool has_torch = true;

/// A loss of libtorch.cpp, by name, on the caller's memory. The first `predictions` of the arguments have gradients.
TorchCase torch_case(const std::string& loss, const std::vector<TorchArgument>& arguments, std::size_t predictions = 1);

/// LibTorch on one thread; says what it is.
std::string start_torch();

#else

inline constexpr bool has_torch = false;

inline TorchCase torch_case(const std::string&, const std::vector<TorchArgument>&, std::size_t = 1) {
  return {};
}
inline std::string start_torch() {
  return "LibTorch: not found when this was built";
}

#endif

}  // namespace bench
