// SPDX-License-Identifier: MIT
#pragma once

/// A file that is written whole or not at all.

#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <system_error>

#include <losses/core/check.hpp>

namespace LOSSES_NAMESPACE::detail {

/// Why the last call failed, as the system says it.
inline std::string last_error() {
  return std::generic_category().message(errno);
}

/// The one error of a file that cannot be written.
[[noreturn]] LOSSES_COLD inline void fail_to_write(const std::string& path, const std::string& reason) {
  fail_with<std::runtime_error>("cannot write ", path, ": ", reason);
}

/// A name beside the file for what is not finished yet; the ending stays, since programs go by it.
inline std::string unfinished_name(const std::string& path) {
  const auto slash = path.find_last_of("/\\");
  const auto dot = path.rfind('.');
  const bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash + 1) && dot > 0;
  return has_ending ? path.substr(0, dot) + ".unfinished" + path.substr(dot) : path + ".unfinished";
}

/// Refuses a file that is there and must not be written to: renaming another over it would not ask.
inline void require_writable(const std::string& path) {
  errno = 0;
  if (std::FILE* file = std::fopen(path.c_str(), "r+b")) {
    std::fclose(file);
  } else if (errno != ENOENT) {
    fail_to_write(path, last_error());
  }
}

/// Gives a finished file its name.
inline void rename_finished(const std::string& from, const std::string& to) {
#if defined(_WIN32)
  std::remove(to.c_str());
#endif
  if (std::rename(from.c_str(), to.c_str()) == 0) return;
  const std::string reason = last_error();
  std::remove(from.c_str());
  fail_to_write(to, reason);
}

/// Writes the text to a name of its own and renames that. Throws std::runtime_error with the path and the system's reason,
/// and then leaves what was there.
inline void write_file(const std::string& path, const std::string& text) {
  require_writable(path);
  const std::string unfinished = unfinished_name(path);
  std::FILE* file = std::fopen(unfinished.c_str(), "wb");
  if (file == nullptr) fail_to_write(path, last_error());
  const bool complete = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0;
  const std::string reason = complete ? "" : last_error();
  const bool closed = std::fclose(file) == 0;
  if (!complete || !closed) {
    const std::string why = complete ? last_error() : reason;
    std::remove(unfinished.c_str());
    fail_to_write(path, why);
  }
  rename_finished(unfinished, path);
}

}  // namespace LOSSES_NAMESPACE::detail
