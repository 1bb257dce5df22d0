// SPDX-License-Identifier: MIT
#pragma once

/// The page of a report: one file that needs nothing beside it, light and dark, on a desk and in a hand.

#include <string>
#include <vector>

#include "panels.hpp"
#include "study.hpp"

namespace support {

struct Chapter {
  const Study* study;
  std::string stem;  // of its files
  std::vector<Panel> panels;
};

/// `command` makes the report again.
std::string page(const std::vector<Chapter>& chapters, const std::string& command);

/// The lines of C++ that use the chosen loss; nothing where it is not among the candidates.
std::string code_for(const Study& study);

/// Where the choice stands: "1st of 4 by median |error|", and whether the better ones are better by more than chance.
std::string verdict(const Study& study);

}  // namespace support
