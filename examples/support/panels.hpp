// SPDX-License-Identifier: MIT
#pragma once

/// The pictures of a study, by gnuplot: for the report's folder, and to stand in its page.

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "study.hpp"

namespace support {

inline constexpr std::array<const char*, 8> panel_colours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                             "#e69f00", "#56b4e9", "#8c6bb1", "#b8860b"};

/// The colour of a candidate, by its place in the command line.
inline const char* colour_of(const Study& study, const std::string& loss) {
  std::size_t i = 0;
  while (i < study.choice.candidates.size() && study.choice.candidates[i].name != loss) ++i;
  return panel_colours[i % panel_colours.size()];
}

struct Panel {
  std::string name;  // of its files, after that of the table
  std::string title;
  std::string svg;  // as it may stand in a page, in the page's colours; empty without gnuplot
};

/// Draws into the folder: <stem>_<panel>.gp and, with gnuplot, .svg.
std::vector<Panel> draw_panels(const Study& study, const std::filesystem::path& folder, const std::string& stem);

}  // namespace support
