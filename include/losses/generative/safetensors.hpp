// SPDX-License-Identifier: MIT
#pragma once

/// Weights in .safetensors files: read, written, and VGG16 made of them. Needs nlohmann-json, so no other header includes it.
///
/// The format (github.com/huggingface/safetensors): the length of the header, 8 bytes, little-endian; the header, JSON, with
/// {"name": {"dtype": "F32", "shape": [64, 3, 3, 3], "data_offsets": [begin, end]}, …} and perhaps "__metadata__", strings by
/// name; the data, which the tensors fill without gaps and overlaps.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <losses/core/check.hpp>
#include <losses/generative/vgg16.hpp>

namespace LOSSES_NAMESPACE::safetensors {

using Shape = std::vector<std::uint64_t>;

/// What the header says of a tensor.
struct Entry {
  std::string type;  ///< "F32", …
  Shape shape;
  std::uint64_t begin = 0, end = 0;  ///< bytes of the data
};

using Entries = std::map<std::string, Entry, std::less<>>;

}  // namespace LOSSES_NAMESPACE::safetensors

namespace LOSSES_NAMESPACE::detail {

/// As require, for what a file holds: std::runtime_error.
template <class... Parts>
void require_of_file(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]] {
    fail_with<std::runtime_error>(parts...);
  }
}

/// A name from a file as an error shows it: printable, and not longer than a line.
inline std::string shown(std::string_view name) {
  std::string text;
  for (const char c : name.substr(0, 80)) text += static_cast<unsigned char>(c) < 32 || c == 127 ? '?' : c;
  return name.size() > 80 ? text + "..." : text;
}

inline std::string shown(const safetensors::Shape& shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.size() && axis < 8; ++axis) {
    if (axis > 0) text += ", ";
    append(text, shape[axis]);
  }
  return text + (shape.size() > 8 ? ", ...]" : "]");
}

/// Bytes of an element; 0 for a type that is not known.
inline std::uint64_t bytes_of(std::string_view type) {
  if (type == "F64" || type == "I64" || type == "U64" || type == "C64") return 8;
  if (type == "F32" || type == "I32" || type == "U32") return 4;
  if (type == "F16" || type == "BF16" || type == "I16" || type == "U16") return 2;
  if (type == "I8" || type == "U8" || type == "BOOL" || type == "F8_E4M3" || type == "F8_E5M2") return 1;
  return 0;
}

/// a·b, or false where it does not fit.
inline bool multiply(std::uint64_t a, std::uint64_t b, std::uint64_t& product) {
  product = a * b;
  return a == 0 || product / a == b;
}

/// Takes the header's JSON event by event, and stops at the first that the format does not allow: nothing is built but the
/// entries. The functions are what nlohmann::json::sax_parse calls.
class SafetensorsHeader {
 public:
  safetensors::Entries entries;
  std::string error;

  bool null() { return refuse("null"); }
  bool boolean(bool) { return refuse("a boolean"); }
  bool number_integer(std::int64_t) { return refuse("a negative number"); }
  bool number_float(double, const std::string&) { return refuse("a number that is no 64-bit integer"); }
  bool binary(nlohmann::json::binary_t&) { return refuse("binary data"); }

  bool number_unsigned(std::uint64_t value) {
    if (!in_array_) return refuse("a number");
    if (numbers_.size() == most_axes) return fail(owner() + " has more than 32 numbers in " + shown(key_));
    numbers_.push_back(value);
    return true;
  }

  bool string(std::string& value) {
    if (depth_ == 2 && in_metadata_) return true;
    if (depth_ != 2 || key_ != "dtype" || in_array_) return refuse("a string");
    entry_.type = std::move(value);
    return true;
  }

  bool start_object(std::size_t) {
    if (depth_ == 2) return refuse("an object");
    ++depth_;
    seen_.clear();
    entry_ = {};
    return true;
  }

  bool key(std::string& name) {
    if (depth_ == 1) {
      in_metadata_ = name == "__metadata__";
      if (!(in_metadata_ ? !std::exchange(has_metadata_, true) : !entries.contains(name))) {
        return fail("has " + shown(name) + " twice");
      }
      name_ = std::move(name);
      return true;
    }
    if (!in_metadata_ && name != "dtype" && name != "shape" && name != "data_offsets") {
      return fail(owner() + " has an unknown key " + shown(name));
    }
    if (!seen_.insert(name).second) return fail(owner() + " has " + shown(name) + " twice");
    key_ = std::move(name);
    return true;
  }

  bool end_object() {
    if (--depth_ == 1 && !in_metadata_) {
      for (const char* needed : {"dtype", "shape", "data_offsets"}) {
        if (!seen_.contains(needed)) return fail(owner() + " has no " + needed);
      }
      entries.emplace(name_, std::move(entry_));
    }
    return true;
  }

  bool start_array(std::size_t) {
    if (depth_ != 2 || in_metadata_ || in_array_ || key_ == "dtype") return refuse("an array");
    in_array_ = true;
    numbers_.clear();
    return true;
  }

  bool end_array() {
    in_array_ = false;
    if (key_ == "shape") {
      entry_.shape = numbers_;
      return true;
    }
    if (numbers_.size() != 2) return fail(owner() + " has data_offsets that are not two numbers");
    entry_.begin = numbers_[0];
    entry_.end = numbers_[1];
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    return fail("is not JSON at byte " + std::to_string(position));
  }

 private:
  bool fail(std::string why) {
    error = std::move(why);
    return false;
  }

  bool refuse(const char* what) {
    if (depth_ == 0) return fail(std::string("is ") + what + ", but must be an object");
    if (depth_ == 1) return fail(shown(name_) + " is " + what + ", but must be an object");
    return fail(owner() + " has " + what + " in " + shown(key_));
  }

  std::string owner() const { return (in_metadata_ ? "" : "tensor ") + shown(name_); }

  static constexpr std::size_t most_axes = 32;

  int depth_ = 0;
  bool in_array_ = false, in_metadata_ = false, has_metadata_ = false;
  std::string name_, key_;
  std::set<std::string> seen_;
  std::vector<std::uint64_t> numbers_;
  safetensors::Entry entry_;
};

inline float from_half(std::uint16_t half) {
  const float sign = (half & 0x8000U) != 0 ? -1.0F : 1.0F;
  const int exponent = half >> 10U & 0x1fU, fraction = half & 0x3ffU;
  if (exponent == 31) return fraction == 0 ? sign * HUGE_VALF : std::nanf("");
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
}

/// A little-endian number of `bytes` bytes, as in the file.
template <class Bits>
Bits load_bits(const char* bytes) {
  Bits bits = 0;
  for (std::size_t i = 0; i < sizeof(Bits); ++i) {
    bits =
        static_cast<Bits>(bits | static_cast<Bits>(static_cast<Bits>(static_cast<unsigned char>(bytes[i])) << 8 * i));
  }
  return bits;
}

template <class Bits>
void store_bits(Bits bits, char* bytes) {
  for (std::size_t i = 0; i < sizeof(Bits); ++i)
    bytes[i] = static_cast<char>(static_cast<unsigned char>(bits >> 8 * i));
}

}  // namespace LOSSES_NAMESPACE::detail

namespace LOSSES_NAMESPACE::safetensors {

/// The tensors of a file or another stream that can seek, which must outlive it. The whole header is checked at once; memory
/// is taken for what is there, whatever the header claims.
///
///   std::ifstream file("vgg16.safetensors", std::ios::binary);
///   losses::safetensors::Reader reader(file, "vgg16.safetensors");      // the name is for errors
///   std::vector<float> weight = reader.read<float>("features.0.weight", {64, 3, 3, 3});
///
/// read takes F64, F32, F16 and BF16. Throws std::runtime_error: a header that is cut off, too long, no JSON, or not of the
/// format; a tensor outside the file, over another one, or of another size than its shape; data that no tensor fills; in read
/// a missing name, another shape or another type.
class Reader {
 public:
  explicit Reader(std::istream& stream, std::string name = "safetensors") : stream_(stream), name_(std::move(name)) {
    stream_.seekg(0, std::ios::end);
    const std::istream::off_type length = stream_.tellg();
    stream_.seekg(0);
    detail::require_of_file(stream_.good() && length >= 8, name_, " has no header of a safetensors file");
    const auto bytes = static_cast<std::uint64_t>(length);
    const auto header = detail::load_bits<std::uint64_t>(take(8).data());
    detail::require_of_file(header <= bytes - 8, name_, ": the header has ", header, " bytes, but only ", bytes - 8,
                            " follow");
    detail::require_of_file(header <= longest_header, name_, ": the header has ", header, " bytes, but at most ",
                            longest_header, " are allowed");
    parse(take(header));
    data_ = 8 + header;
    check_layout(bytes - data_);
  }

  const Entries& tensors() const { return entries_; }

  template <std::floating_point T>
  std::vector<T> read(std::string_view tensor, const Shape& shape) {
    const auto found = entries_.find(tensor);
    detail::require_of_file(found != entries_.end(), name_, " has no tensor ", tensor);
    const Entry& entry = found->second;
    detail::require_of_file(entry.shape == shape, name_, ": tensor ", tensor, " is ", detail::shown(entry.shape),
                            ", but must be ", detail::shown(shape));
    const std::string_view type = entry.type;
    if (type == "F64")
      return decode<T, std::uint64_t>(entry, [](std::uint64_t bits) { return std::bit_cast<double>(bits); });
    if (type == "F32")
      return decode<T, std::uint32_t>(entry, [](std::uint32_t bits) { return std::bit_cast<float>(bits); });
    if (type == "F16") return decode<T, std::uint16_t>(entry, detail::from_half);
    detail::require_of_file(type == "BF16", name_, ": tensor ", tensor, " has type ", detail::shown(type),
                            ", but must have F64, F32, F16 or BF16");
    return decode<T, std::uint16_t>(
        entry, [](std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16U); });
  }

 private:
  static constexpr std::uint64_t longest_header = 100000000;
  static constexpr std::uint64_t block = 1 << 16;

  /// The next bytes of the stream. A stream may have said that it is longer than it is.
  std::string take(std::uint64_t count) {
    std::string bytes;
    while (bytes.size() < count) {
      const std::uint64_t size = std::min(block, count - bytes.size());
      const std::size_t before = bytes.size();
      bytes.resize(before + static_cast<std::size_t>(size));
      stream_.read(bytes.data() + before, static_cast<std::streamsize>(size));
      detail::require_of_file(stream_.good(), name_, " cannot be read to its end");
    }
    return bytes;
  }

  void parse(const std::string& text) {
    detail::require_of_file(text.starts_with('{'), name_, ": the header does not begin with {");
    // Which the parser takes for the end.
    detail::require_of_file(text.find('\0') == std::string::npos, name_, ": the header has a zero byte");
    detail::SafetensorsHeader header;
    const bool is_whole = nlohmann::json::sax_parse(text, &header);
    detail::require_of_file(is_whole, name_, ": the header ", header.error);
    entries_ = std::move(header.entries);
  }

  /// The tensors fill the data one after the other.
  void check_layout(std::uint64_t data) const {
    std::vector<const Entries::value_type*> order;
    for (const auto& each : entries_) {
      order.push_back(&each);
      check_size(each.first, each.second, data);
    }
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
      return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
    });
    std::uint64_t end = 0;
    for (const auto* each : order) {
      detail::require_of_file(each->second.begin == end, name_, ": tensor ", detail::shown(each->first), " begins at ",
                              each->second.begin, ", but must at ", end, ", where the one before it ends");
      end = each->second.end;
    }
    detail::require_of_file(end == data, name_, " has ", data, " bytes of data, but its tensors ", end);
  }

  void check_size(const std::string& tensor, const Entry& entry, std::uint64_t data) const {
    detail::require_of_file(entry.begin <= entry.end && entry.end <= data, name_, ": tensor ", detail::shown(tensor),
                            " has data_offsets [", entry.begin, ", ", entry.end, "], but the file has ", data,
                            " bytes of data");
    const std::uint64_t bytes = detail::bytes_of(entry.type);
    if (bytes == 0) return;
    // In this order, so that a size of 0 anywhere is 0 bytes.
    std::uint64_t size = std::count(entry.shape.begin(), entry.shape.end(), 0U) > 0 ? 0 : bytes;
    for (const std::uint64_t axis : entry.shape) {
      if (size > 0 && !detail::multiply(size, axis, size)) size = UINT64_MAX;
      if (size > data) break;
    }
    detail::require_of_file(size == entry.end - entry.begin, name_, ": tensor ", detail::shown(tensor), " of type ",
                            entry.type, " is ", detail::shown(entry.shape), ", but has ", entry.end - entry.begin,
                            " bytes");
  }

  template <class T, class Bits, class Decode>
  std::vector<T> decode(const Entry& entry, const Decode& value) {
    stream_.clear();
    stream_.seekg(static_cast<std::istream::off_type>(data_ + entry.begin));
    std::vector<T> values;
    values.reserve(static_cast<std::size_t>((entry.end - entry.begin) / sizeof(Bits)));
    for (std::uint64_t at = entry.begin; at < entry.end; at += std::min(block, entry.end - at)) {
      const std::string bytes = take(std::min(block, entry.end - at));
      for (std::size_t i = 0; i < bytes.size(); i += sizeof(Bits)) {
        values.push_back(static_cast<T>(value(detail::load_bits<Bits>(bytes.data() + i))));
      }
    }
    return values;
  }

  std::istream& stream_;
  std::string name_;
  Entries entries_;
  std::uint64_t data_ = 0;
};

/// A tensor to be written: row-major values, somewhere in memory.
template <std::floating_point T>
struct Tensor {
  std::string name;
  Shape shape;
  std::span<const T> values;
};

/// Writes the tensors, in their order: float as F32, double as F64. Throws std::invalid_argument for names that are not UTF-8,
/// given twice or "__metadata__" and for another number of values than the shape has, std::runtime_error if the stream
/// does not take them.
template <std::floating_point T>
void write(std::ostream& stream, const std::vector<Tensor<T>>& tensors) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  std::string header = "{";
  std::set<std::string_view> names;
  std::uint64_t begin = 0;
  for (const Tensor<T>& each : tensors) {
    std::uint64_t size = 1;
    for (const std::uint64_t axis : each.shape) size *= axis;
    require(size == each.values.size(), "safetensors: tensor ", detail::shown(each.name), " has ", each.values.size(),
            " values, but its shape is ", detail::shown(each.shape));
    require(names.insert(each.name).second, "safetensors: tensor ", detail::shown(each.name), " is given twice");
    const std::string quoted = nlohmann::json(each.name).dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore);
    require(each.name != "__metadata__" && nlohmann::json::parse(quoted) == each.name, "safetensors: tensor ",
            detail::shown(each.name), " has a name that the format does not allow");
    const std::uint64_t end = begin + size * sizeof(T);
    header +=
        (begin == 0 && header.size() == 1 ? "" : ",") + quoted + ":" +
        nlohmann::json{{"dtype", sizeof(T) == 4 ? "F32" : "F64"}, {"shape", each.shape}, {"data_offsets", {begin, end}}}
            .dump();
    begin = end;
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  char bytes[8];
  detail::store_bits<std::uint64_t>(header.size(), bytes);
  stream.write(bytes, 8);
  stream.write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const Tensor<T>& each : tensors) {
    for (const T value : each.values) {
      detail::store_bits(std::bit_cast<Bits>(value), bytes);
      stream.write(bytes, sizeof(Bits));
    }
  }
  stream.flush();
  detail::require_of_file(stream.good(), "safetensors: the tensors cannot be written");
}

/// As above, to a file.
template <std::floating_point T>
void write(const std::string& path, const std::vector<Tensor<T>>& tensors) {
  std::ofstream file(path, std::ios::binary);
  detail::require_of_file(file.good(), path, " cannot be written");
  write(file, tensors);
}

}  // namespace LOSSES_NAMESPACE::safetensors

namespace LOSSES_NAMESPACE {

/// VGG16 with the weights of a .safetensors file that has torchvision's names, "features.0.weight" [64, 3, 3, 3],
/// "features.0.bias" [64], "features.2.weight", … for the convolutions that `options.layers` need; other tensors are not read.
///
///   losses::VGG16<float> vgg = losses::load_vgg16<float>("vgg16.safetensors", {.layers = {3, 8, 15, 22}});
///
/// In Python, safetensors.torch.save_file(torchvision.models.vgg16(weights="DEFAULT").state_dict(), "vgg16.safetensors")
/// writes the file. Throws std::runtime_error: a file that cannot be read, is not of the format, or lacks one of these tensors.
template <std::floating_point T = float>
VGG16<T> load_vgg16(const std::string& path, typename VGG16<T>::Options options = {}) {
  using Plan = detail::VGG16Plan;
  const int count = VGG16<T>::convolutions_for(options.layers);
  std::ifstream file(path, std::ios::binary);
  detail::require_of_file(file.good(), path, " cannot be opened");
  safetensors::Reader reader(file, path);
  std::vector<typename VGG16<T>::Convolution> convolutions;
  for (int k = 0; k < count; ++k) {
    const std::string name = "features." + std::to_string(Plan::index[static_cast<std::size_t>(k)]);
    const auto in = static_cast<std::uint64_t>(Plan::in(k)), out = static_cast<std::uint64_t>(Plan::out(k));
    auto weight = reader.template read<T>(name + ".weight", {out, in, 3, 3});
    convolutions.push_back({std::move(weight), reader.template read<T>(name + ".bias", {out})});
  }
  return VGG16<T>(std::move(convolutions), std::move(options));
}

}  // namespace LOSSES_NAMESPACE
