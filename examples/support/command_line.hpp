// SPDX-License-Identifier: MIT
#pragma once

/// What the programs on tables share: arguments, errors as one line with exit status 2, progress on a terminal.

#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

#include "table.hpp"

namespace support {

struct Arguments {
  std::vector<std::filesystem::path> tables;
  std::string column;         // empty: the last one
  std::filesystem::path out;  // empty: no plots
  bool help = false;
};

/// [--out folder] [table.csv [column]]
inline Arguments parse(int argc, const char* const* argv, std::vector<std::filesystem::path> default_tables) {
  Arguments arguments;
  std::vector<std::string> given;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      arguments.help = true;
    } else if (argument == "--out") {
      if (++i == argc) throw BadInput("--out needs a folder");
      arguments.out = argv[i];
    } else if (argument.size() > 1 && argument[0] == '-') {
      throw BadInput("unknown option " + argument + "; --help shows what there is");
    } else {
      given.push_back(argument);
    }
  }
  if (given.size() > 2) throw BadInput("one table and one column are enough, but '" + given[2] + "' was given too");
  if (given.size() > 1) arguments.column = given[1];
  if (given.empty())
    arguments.tables = std::move(default_tables);
  else
    arguments.tables = {given[0]};
  return arguments;
}

/// Runs body(arguments) for the main function of a program and turns an error into one line and status 2.
template <class Body>
int run(int argc, const char* const* argv, const char* usage, std::vector<std::filesystem::path> default_tables,
        Body body) {
  try {
    const Arguments arguments = parse(argc, argv, std::move(default_tables));
    if (arguments.help) {
      std::cout << usage;
      return 0;
    }
    if (!arguments.out.empty()) std::filesystem::create_directories(arguments.out);
    body(arguments);
    return 0;
  } catch (const std::exception& error) {
    std::cout.flush();
    std::cerr << std::filesystem::path(argv[0]).filename().string() << ": " << error.what() << '\n';
    return 2;
  }
}

/// A bar on standard error where that is a terminal; elsewhere it prints nothing.
class Progress {
 public:
  explicit Progress(std::string title) : title_(std::move(title)) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void operator()(double fraction) {
    const int filled = static_cast<int>(30 * fraction);
    if (!terminal_ || filled == filled_) return;
    filled_ = filled;
    const auto full = static_cast<std::size_t>(filled);
    std::cerr << "\r" << title_ << " [" << std::string(full, '#') << std::string(30 - full, ' ') << "]" << std::flush;
  }

  ~Progress() {
    if (filled_ >= 0) std::cerr << "\r" << std::string(title_.size() + 33, ' ') << "\r" << std::flush;
  }

 private:
#if defined(_WIN32)
  bool terminal_ = _isatty(2) != 0;
#else
  bool terminal_ = isatty(2) != 0;
#endif
  std::string title_;
  int filled_ = -1;
};

}  // namespace support
