// SPDX-License-Identifier: MIT
#pragma once

/// Files of a report, which appears whole or not at all.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "table.hpp"

namespace support {

namespace fs = std::filesystem;

inline void write_file(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  if (!(file << text << std::flush)) throw BadInput("cannot write " + path.string());
}

inline std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A folder that is filled beside its place, and moved there by finish(); what is unfinished is gone with this object. It
/// takes the place of an older report, of an empty folder, or of nothing.
class ReportFolder {
 public:
  explicit ReportFolder(const fs::path& place) : given_(place.string()) {
    std::error_code error;
    const fs::path whole = fs::absolute(place, error);
    if (!error) place_ = fs::weakly_canonical(whole, error);
    if (error) refuse(error);
    if (place_.has_relative_path() && !place_.has_filename()) place_ = place_.parent_path();
    check();
    make();
    // Moved and moved back: what cannot be replaced is refused now rather than after the training.
    const bool replaces = fs::exists(place_, error);
    const fs::path from = replaces ? place_ : unfinished(), to = replaces ? old() : place_;
    fs::rename(from, to, error);
    if (!error) fs::rename(to, from, error);
    if (error) refuse(error);
    undo();
  }
  ReportFolder(const ReportFolder&) = delete;
  ReportFolder& operator=(const ReportFolder&) = delete;
  ~ReportFolder() { undo(); }

  const fs::path& place() const { return place_; }

  /// Makes the folder to fill: late, so that a program that is stopped before leaves nothing behind.
  fs::path begin() {
    make();
    return unfinished();
  }

  void finish() {
    check();
    std::error_code error;
    if (fs::exists(place_, error)) fs::rename(place_, old(), error);
    if (!error) fs::rename(unfinished(), place_, error);
    if (error) refuse(error);
    fs::remove_all(work_, error);
    work_.clear();
    made_.clear();
  }

  static constexpr const char* mark = "<meta name=\"generator\" content=\"compare_losses\">";

 private:
  static bool is_report(const fs::path& folder) {
    return read_file(folder / "index.html").find(mark) != std::string::npos;
  }

  fs::path unfinished() const { return work_ / "new"; }
  fs::path old() const { return work_ / "old"; }

  [[noreturn]] void refuse(const std::string& why) {
    undo();
    throw BadInput("--out " + given_ + ": " + why);
  }
  [[noreturn]] void refuse(const std::error_code& error) { refuse("cannot write there (" + error.message() + ")"); }

  void check() {
    std::error_code error;
    const fs::path here = fs::current_path(error);
    if (std::mismatch(place_.begin(), place_.end(), here.begin(), here.end()).first == place_.end()) {
      refuse("is the current folder, or holds it; name another folder");
    }
    if (fs::exists(fs::symlink_status(place_, error)) &&
        (!fs::is_directory(place_, error) || (!fs::is_empty(place_, error) && !is_report(place_)))) {
      refuse("exists, and is no report of compare_losses; name another folder");
    }
  }

  /// Makes what is missing above the place, and a folder of a new name beside it for the unfinished and the older report.
  void make() {
    std::error_code error;
    const fs::path parent = place_.parent_path();
    for (fs::path each = parent; each.has_relative_path() && !fs::exists(each, error); each = each.parent_path()) {
      made_.push_back(each);
    }
    fs::create_directories(parent, error);
    if (error) refuse(error);
    for (int i = 1; work_.empty(); ++i) {
      const fs::path wanted = parent / (".compare_losses-" + std::to_string(i));
      if (fs::create_directory(wanted, error)) work_ = wanted;
      if (error && error != std::errc::file_exists) refuse(error);
    }
    fs::create_directory(unfinished(), error);
    if (error) refuse(error);
  }

  /// Puts an older report back, and removes what make() has made; the older report stays where it is if that fails.
  void undo() {
    std::error_code error;
    if (!work_.empty()) {
      if (fs::exists(old(), error)) fs::rename(old(), place_, error);
      if (!error) fs::remove_all(work_, error);
    }
    for (const auto& each : made_) fs::remove(each, error);
    work_.clear();
    made_.clear();
  }

  std::string given_;
  fs::path place_, work_;
  std::vector<fs::path> made_;  // the deepest first
};

}  // namespace support
