// SPDX-License-Identifier: MIT
#pragma once

/// Numbers and columns as people read them.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace support {

/// Four digits; a dash for NaN.
inline std::string short_text(double number, int digits = 4) {
  if (std::isnan(number)) return "–";
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, number, std::chars_format::general, digits).ptr};
}

/// The letters of UTF-8 text.
inline std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

inline std::string left(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, width_of(text)), ' ');
}

inline std::string right(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, width_of(text)), ' ') + text;
}

}  // namespace support
