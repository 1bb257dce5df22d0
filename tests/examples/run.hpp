// SPDX-License-Identifier: MIT
#pragma once

/// Runs the main function of an example inside a test and keeps what it prints.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

struct Outcome {
  int status;
  std::string out, error;
};

class Captured {
 public:
  explicit Captured(std::ostream& stream) : stream_(stream), old_(stream.rdbuf(text_.rdbuf())) {
    format_.copyfmt(stream);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  ~Captured() {
    stream_.rdbuf(old_);
    stream_.copyfmt(format_);
  }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::ostream& stream_;
  std::streambuf* old_;
  std::ios format_{nullptr};
};

inline Outcome run(int (*program)(int, char**), std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "program");
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  const Captured out(std::cout), error(std::cerr);
  const int status = program(static_cast<int>(pointers.size()), pointers.data());
  return {status, out.text(), error.text()};
}

/// A folder of its own for a test, gone with it.
class Scratch {
 public:
  explicit Scratch(const std::string& name) : folder_(std::filesystem::temp_directory_path() / ("losses_" + name)) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};
