// SPDX-License-Identifier: MIT
// Any bytes as the text of a loss: refused with std::invalid_argument, or describe gives a text that makes the same loss.

#include <cstdlib>
#include <iostream>
#include <stdexcept>

#include <losses/compose/make_loss.hpp>

#include "target.hpp"

namespace {

void expect(bool condition, std::string_view text, std::string_view described) {
  if (condition) return;
  std::cerr << text << "\n" << described << std::endl;
  std::abort();
}

void check(std::string_view text) {
  std::string described;
  try {
    described = losses::describe(losses::make_loss<float>(text));
  } catch (const std::invalid_argument&) {
    return;
  }
  std::string again;
  try {
    again = losses::describe(losses::make_loss<float>(described));
  } catch (const std::invalid_argument& error) {
    again = error.what();
  }
  expect(again == described, text, again);
}

const bool added = losses_test::add_fuzz_target("loss_text", [](const std::uint8_t* data, std::size_t size) {
  check({reinterpret_cast<const char*>(data), size});
});

}  // namespace
