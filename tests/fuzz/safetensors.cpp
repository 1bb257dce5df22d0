// SPDX-License-Identifier: MIT
// Any bytes as a .safetensors file: refused with std::runtime_error, or every tensor can be read, and written back as it was.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include <losses/generative/safetensors.hpp>

#include "target.hpp"

namespace {

namespace safetensors = losses::safetensors;

void expect(bool condition) {
  if (!condition) std::abort();
}

/// Reads every tensor that can be read as T.
template <class T>
std::vector<std::vector<T>> read_all(safetensors::Reader& reader) {
  std::vector<std::vector<T>> values;
  for (const auto& [name, entry] : reader.tensors()) {
    const bool is_known = entry.type == "F64" || entry.type == "F32" || entry.type == "F16" || entry.type == "BF16";
    try {
      values.push_back(reader.read<T>(name, entry.shape));
      expect(is_known);
    } catch (const std::runtime_error&) {
      expect(!is_known);
      values.emplace_back();
    }
  }
  return values;
}

void refuses(safetensors::Reader& reader, const std::string& name, const safetensors::Shape& shape) {
  bool is_refused = false;
  try {
    (void)reader.read<float>(name, shape);
  } catch (const std::runtime_error&) {
    is_refused = true;
  }
  expect(is_refused);
}

void check(safetensors::Reader& reader) {
  const auto values = read_all<double>(reader);
  std::vector<safetensors::Tensor<double>> tensors;
  std::size_t i = 0;
  for (const auto& [name, entry] : reader.tensors()) {
    const auto& read = values[i++];
    safetensors::Shape other = entry.shape;
    other.push_back(1);
    refuses(reader, name, other);
    if (!read.empty()) tensors.push_back({name, entry.shape, read});
  }
  refuses(reader, "no such tensor", {});

  std::stringstream stream;
  safetensors::write(stream, tensors);
  safetensors::Reader again(stream);
  expect(again.tensors().size() == tensors.size());
  for (const auto& each : tensors) {
    const auto copy = again.read<double>(each.name, each.shape);
    expect(std::memcmp(copy.data(), each.values.data(), copy.size() * sizeof(double)) == 0);
  }
}

const bool added = losses_test::add_fuzz_target("safetensors", [](const std::uint8_t* data, std::size_t size) {
  std::istringstream stream(std::string(reinterpret_cast<const char*>(data), size));
  try {
    safetensors::Reader reader(stream);
    check(reader);
  } catch (const std::runtime_error&) {
  }
});

}  // namespace
