// SPDX-License-Identifier: MIT
#pragma once

/// The losses that compare_losses can train with, and which of them a table asks for.

#include <string>
#include <string_view>
#include <vector>

#include <losses/compose/any_loss.hpp>
#include <losses/selector/checklist.hpp>
#include <losses/selector/rules.hpp>

namespace support {

struct Candidate {
  std::string name;     // as --losses takes it
  std::string header;   // of the loss, below losses/
  std::string type;     // Huber
  std::string options;  // .delta = 1
  losses::AnyLoss<double> loss;
};

/// What the selector says, and the losses to compare with it.
struct Choice {
  std::string name;  // of a candidate
  std::string reason;
  std::vector<losses::Alternative> alternatives;
  std::vector<Candidate> candidates;
};

/// `names` replaces the usual candidates. Throws BadInput for a name that the task does not know.
Choice choose_losses(const losses::Description& description, const std::vector<std::string>& names);

}  // namespace support
