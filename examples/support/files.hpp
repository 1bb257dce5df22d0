// SPDX-License-Identifier: MIT
#pragma once

/// Files of a report, which appears whole or not at all.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "table.hpp"

namespace support {

inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  if (!(file << text << std::flush)) throw BadInput("cannot write " + path.string());
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A folder that is filled beside its place, and moved there by finish(); gone if that is never called. It takes the place
/// of an older report, of an empty folder, or of nothing.
class ReportFolder {
 public:
  explicit ReportFolder(std::filesystem::path place) : place_(std::move(place)) {
    namespace fs = std::filesystem;
    while (place_.has_relative_path() && place_.filename().empty()) place_ = place_.parent_path();
    std::error_code error;
    if (fs::exists(place_, error) &&
        (!fs::is_directory(place_, error) || (!fs::is_empty(place_, error) && !is_report(place_)))) {
      throw BadInput("--out " + place_.string() + ": exists, and is no report of compare_losses; name another folder");
    }
    const fs::path parent = fs::absolute(place_).parent_path();
    fs::create_directories(parent, error);
    unfinished_ = parent / ("." + place_.filename().string() + ".unfinished");
    fs::remove_all(unfinished_, error);
    if (!fs::create_directory(unfinished_, error)) {
      throw BadInput("--out " + place_.string() + ": cannot write there" + (error ? " (" + error.message() + ")" : ""));
    }
  }
  ReportFolder(const ReportFolder&) = delete;
  ReportFolder& operator=(const ReportFolder&) = delete;
  ~ReportFolder() {
    std::error_code error;
    if (!unfinished_.empty()) std::filesystem::remove_all(unfinished_, error);
  }

  const std::filesystem::path& folder() const { return unfinished_; }

  void finish() {
    std::error_code error;
    std::filesystem::remove_all(place_, error);
    std::filesystem::rename(unfinished_, place_, error);
    if (error) throw BadInput("--out " + place_.string() + ": cannot write there (" + error.message() + ")");
    unfinished_.clear();
  }

  static constexpr const char* mark = "<meta name=\"generator\" content=\"compare_losses\">";

 private:
  static bool is_report(const std::filesystem::path& folder) {
    return read_file(folder / "index.html").find(mark) != std::string::npos;
  }

  std::filesystem::path place_, unfinished_;
};

}  // namespace support
