// SPDX-License-Identifier: MIT
#pragma once

/// Numbers and names as text of a table.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

#include <losses/core/check.hpp>

namespace LOSSES_NAMESPACE::detail {

/// The parts as one text, numbers with all their digits.
template <class... Parts>
std::string text_of(const Parts&... parts) {
  std::string text;
  (append(text, parts), ...);
  return text;
}

/// A number in a few digits, with a point whatever the locale: 0.3121, 1.234e-05.
inline std::string rounded(double number, int digits = 4) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, number, std::chars_format::general, digits).ptr};
}

/// The letters of UTF-8 text.
inline std::size_t letters_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// The text in no more letters than these: its end becomes ….
inline std::string shortened(std::string_view text, std::size_t most) {
  if (letters_of(text) <= most) return std::string(text);
  std::size_t letters = 0, end = 0;
  for (; end < text.size(); ++end) {
    const bool starts_letter = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (starts_letter && letters++ + 1 == most) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

/// The text in exactly this many letters: shortened, or followed by blanks. Control characters become blanks.
inline std::string padded(std::string_view text, std::size_t width) {
  std::string result = shortened(text, width);
  std::replace_if(result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return result.append(width - letters_of(result), ' ');
}

}  // namespace LOSSES_NAMESPACE::detail
