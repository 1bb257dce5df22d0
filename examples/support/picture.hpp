// SPDX-License-Identifier: MIT
#pragma once

/// Pictures in and out of files: PPM both ways, PNG out (uncompressed).

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace support {

/// Rows of pixels of red, green and blue, from 0 to 1.
struct Picture {
  std::size_t width = 0, height = 0;
  std::vector<float> values;

  Picture() = default;
  Picture(std::size_t w, std::size_t h, float level = 1) : width(w), height(h), values(3 * w * h, level) {}
  float& at(std::size_t x, std::size_t y, std::size_t colour) { return values[3 * (y * width + x) + colour]; }
  float at(std::size_t x, std::size_t y, std::size_t colour) const { return values[3 * (y * width + x) + colour]; }

  /// Copies a picture to a place in this one, each pixel as a square.
  void paste(const Picture& from, std::size_t left, std::size_t top, std::size_t scale = 1) {
    for (std::size_t y = 0; y < scale * from.height; ++y) {
      for (std::size_t x = 0; x < scale * from.width; ++x) {
        for (std::size_t c = 0; c < 3; ++c) at(left + x, top + y, c) = from.at(x / scale, y / scale, c);
      }
    }
  }

  std::uint8_t byte(std::size_t i) const {
    return static_cast<std::uint8_t>(std::clamp(values[i], 0.0f, 1.0f) * 255 + 0.5f);
  }
};

inline std::ofstream open_to_write(const std::filesystem::path& path) {
  std::ofstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot write " + path.string());
  return file;
}

inline void write_ppm(const Picture& picture, const std::filesystem::path& path) {
  std::ofstream file = open_to_write(path);
  file << "P6\n" << picture.width << ' ' << picture.height << "\n255\n";
  for (std::size_t i = 0; i < picture.values.size(); ++i) file.put(static_cast<char>(picture.byte(i)));
}

/// A binary PPM (P6) of up to 255 levels and 4096 × 4096 pixels.
inline Picture read_ppm(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::string magic;
  file >> magic;
  const auto number = [&] {
    for (file >> std::ws; file.peek() == '#'; file >> std::ws) file.ignore(1 << 20, '\n');
    std::size_t value = 0;
    file >> value;
    return value;
  };
  const std::size_t width = number(), height = number(), levels = number();
  file.get();
  const bool fits = width > 0 && height > 0 && width <= 4096 && height <= 4096 && levels > 0 && levels <= 255;
  if (magic != "P6" || !file || !fits) {
    throw std::runtime_error(path.string() + " is no PPM (P6) of up to 255 levels and 4096 x 4096 pixels");
  }
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  Picture picture(width, height);
  if (bytes.size() < picture.values.size()) throw std::runtime_error(path.string() + " ends too early");
  for (std::size_t i = 0; i < picture.values.size(); ++i) {
    picture.values[i] = static_cast<float>(static_cast<std::uint8_t>(bytes[i])) / static_cast<float>(levels);
  }
  return picture;
}

namespace png {

inline void append_number(std::string& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(value >> shift & 255U);
}

/// ISO 3309's cyclic redundancy check (PNG specification, annex D).
inline std::uint32_t check_sum(const std::string& bytes) {
  std::uint32_t sum = ~0U;
  for (const char byte : bytes) {
    sum ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) sum = (sum & 1U) != 0 ? sum >> 1U ^ 0xedb88320U : sum >> 1U;
  }
  return ~sum;
}

inline void append_chunk(std::string& to, const std::string& name, const std::string& data) {
  append_number(to, static_cast<std::uint32_t>(data.size()));
  to += name + data;
  append_number(to, check_sum(name + data));
}

/// A zlib stream of stored blocks (RFC 1950 and 1951).
inline std::string stored(const std::string& data) {
  std::string stream = "\x78\x01";
  std::uint32_t a = 1, b = 0;
  for (const char byte : data) {
    a = (a + static_cast<std::uint8_t>(byte)) % 65521U;
    b = (b + a) % 65521U;
  }
  for (std::size_t begin = 0; begin < data.size(); begin += 65535) {
    const std::size_t size = std::min<std::size_t>(65535, data.size() - begin);
    const auto low = static_cast<char>(size & 255U), high = static_cast<char>(size >> 8U);
    stream +=
        {static_cast<char>(begin + size == data.size()), low, high, static_cast<char>(~low), static_cast<char>(~high)};
    stream += data.substr(begin, size);
  }
  append_number(stream, b << 16U | a);
  return stream;
}

}  // namespace png

inline void write_png(const Picture& picture, const std::filesystem::path& path) {
  std::string rows, header, file("\x89PNG\r\n\x1a\n");
  for (std::size_t i = 0; i < picture.values.size(); ++i) {
    if (i % (3 * picture.width) == 0) rows += '\0';  // no filter
    rows += static_cast<char>(picture.byte(i));
  }
  png::append_number(header, static_cast<std::uint32_t>(picture.width));
  png::append_number(header, static_cast<std::uint32_t>(picture.height));
  header += {8, 2, 0, 0, 0};  // bits, red green blue
  png::append_chunk(file, "IHDR", header);
  png::append_chunk(file, "IDAT", png::stored(rows));
  png::append_chunk(file, "IEND", "");
  open_to_write(path) << file;
}

}  // namespace support
