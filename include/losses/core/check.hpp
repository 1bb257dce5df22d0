// SPDX-License-Identifier: MIT
#pragma once

/// Errors: one sentence with the function, the argument, the index, the value and what was required.

#include <charconv>
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include <losses/core/config.hpp>

namespace LOSSES_NAMESPACE {

/// Called with the message of an error in builds without exceptions. It must not return; if it does, the program
/// aborts.
using ErrorHandler = void (*)(const char* message);

namespace detail {

inline ErrorHandler& error_handler() noexcept {
  static ErrorHandler handler = [](const char* message) { std::fprintf(stderr, "losses: %s\n", message); };
  return handler;
}

inline void append(std::string& text, std::string_view part) {
  text += part;
}

template <std::same_as<bool> Flag>
void append(std::string& text, Flag flag) {
  text += flag ? "true" : "false";
}

template <std::same_as<char> Letter>
void append(std::string& text, Letter letter) {
  text += letter;
}

template <class Number>
  requires(std::integral<Number> || std::floating_point<Number>) &&
          (!std::same_as<Number, bool> && !std::same_as<Number, char>)
void append(std::string& text, Number number) {
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  text.append(digits, end);
}

template <class Error>
[[noreturn]] LOSSES_COLD void fail(const std::string& message) {
#if LOSSES_EXCEPTIONS
  throw Error(message);
#else
  error_handler()(message.c_str());
  std::abort();
#endif
}

template <class Error, class... Parts>
[[noreturn]] LOSSES_COLD void fail_with(const Parts&... parts) {
  std::string message;
  (append(message, parts), ...);
  fail<Error>(message);
}

}  // namespace detail

/// Replaces the handler that builds with -fno-exceptions call; returns the old one.
inline ErrorHandler set_error_handler(ErrorHandler handler) noexcept {
  const ErrorHandler old = detail::error_handler();
  detail::error_handler() = handler;
  return old;
}

/// Throws std::invalid_argument with the parts joined into one message, unless the condition holds.
template <class... Parts>
LOSSES_INLINE void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]] {
    detail::fail_with<std::invalid_argument>(parts...);
  }
}

/// As require, but throws std::out_of_range: for labels and lengths.
template <class... Parts>
LOSSES_INLINE void require_in_range(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]] {
    detail::fail_with<std::out_of_range>(parts...);
  }
}

namespace detail {

/// For an option that is an enumeration: `last` is the last of its values, which begin at 0.
template <class Enum>
void require_named(Enum is, Enum last, std::string_view name, std::string_view option, std::string_view type) {
  require(is >= Enum{} && is <= last, name, ": ", option, " is ", static_cast<int>(is), ", but must be a value of ",
          type);
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
