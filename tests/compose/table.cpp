// SPDX-License-Identifier: MIT

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "catch.hpp"
#include "examples.hpp"

using namespace losses_test;
using Catch::Matchers::StartsWith;

namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

const std::filesystem::path root = LOSSES_SOURCE_DIR;

bool same(const std::vector<Columns<float>>& a, const std::vector<Columns<float>>& b, float factor, float offset) {
  bool all = true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float size = offset + std::abs(factor) * b[i].abs().maxCoeff();
    all = all && ((a[i] - (factor * b[i] + offset)).abs() <= 1e-5f * size).all();
  }
  return all;
}

/// A text that an option takes and that is not its default.
std::vector<std::string> other_values(const losses::LossEntry<float>& entry, const losses::LossOption& option) {
  std::vector<std::string> found;
  for (const char* text : {"0.0625",
                           "0.3",
                           "0.71875",
                           "1.3",
                           "2",
                           "3",
                           "12",
                           "-3",
                           "true",
                           "false",
                           "sum",
                           "batch_mean",
                           "other_classes",
                           "all_classes",
                           "inverse",
                           "all",
                           "semi_hard",
                           "log_probabilities",
                           "hinge",
                           "bce",
                           "valid",
                           "[0.1, 0.25, 0.9]",
                           "[2]"}) {
    try {
      const auto loss = entry.make(entry, {{std::string(option.name), text}});
      if (losses::describe(loss) != entry.name) found.push_back(text);
    } catch (const std::invalid_argument&) {
    }
  }
  return found;
}

}  // namespace

TEST_CASE("Table: every loss is made by its name, and takes what the table says") {
  for (const auto& entry : losses::known_losses()) {
    INFO(entry.name);
    const auto loss = losses::make_loss(entry.name);
    const Example example(entry.arguments);
    const float value = example.forward(loss);
    CHECK(std::isfinite(value));
    auto gradient = example.gradients_of(std::numeric_limits<float>::quiet_NaN());
    CHECK(example.value_and_gradient(loss, gradient) == value);
    for (const auto& each : gradient) CHECK(each.isFinite().all());

    auto doubled = example.gradients_of(std::numeric_limits<float>::quiet_NaN());
    example.value_and_gradient(loss, doubled, false, 2);
    CHECK(same(doubled, gradient, 2, 0));
    auto added = example.gradients_of(1);
    example.value_and_gradient(loss, added, true, -0.5);
    CHECK(same(added, gradient, -0.5f, 1));

    CHECK_THAT(example.message_of_wrong_argument(loss), StartsWith(std::string(entry.class_name) + ": takes ("));
  }
}

TEST_CASE("Table: make_loss makes the same loss of what describe says, for every option") {
  for (const auto& entry : losses::known_losses()) {
    CHECK(losses::describe(losses::make_loss(entry.name)) == entry.name);
    for (const auto& option : entry.options) {
      INFO(entry.name << ": " << option.name << ", " << option.wanted);
      const auto values = other_values(entry, option);
      CHECK_FALSE(values.empty());
      for (const auto& value : values) {
        const auto text = losses::describe(losses::make_loss(entry.name, {{std::string(option.name), value}}));
        CHECK_THAT(text, StartsWith(std::string(entry.name) + '(' + std::string(option.name) + '='));
        CHECK(losses::describe(losses::make_loss(text)) == text);
      }
    }
  }
}

TEST_CASE("Table: every loss of the rooms is in it") {
  std::set<std::string> known;
  for (const auto& entry : losses::known_losses()) known.insert(std::string(entry.class_name));
  // Functions of a network, and what they are made of.
  const std::set<std::string> others = {"Perceptual", "VGG16"};
  int found = 0;
  for (const char* room :
       {"regression", "classification", "segmentation", "detection", "ranking", "metric", "generative", "sequence"}) {
    for (const auto& file : std::filesystem::directory_iterator(root / "include/losses" / room)) {
      const std::string text = text_of(file.path());
      std::istringstream lines(text);
      for (std::string line; std::getline(lines, line);) {
        const bool is_alias = line.starts_with("using ") && line.find(" = Loss<") != std::string::npos;
        const bool is_class = line.starts_with("class ") && text.find("value_and_gradient(") != std::string::npos;
        if (!is_alias && !is_class) continue;
        const auto begin = line.find(' ') + 1;
        const std::string name = line.substr(begin, line.find_first_of(" {", begin) - begin);
        INFO(file.path().filename().string() << ": " << name);
        CHECK((known.contains(name) || others.contains(name)));
        ++found;
      }
    }
  }
  CHECK(found > 60);
  for (const auto& entry : losses::known_losses()) {
    INFO(entry.name);
    CHECK(std::filesystem::exists(root / "include/losses" / entry.room));
    CHECK_FALSE(entry.text.empty());
    CHECK_FALSE(entry.task.empty());
  }
}

TEST_CASE("Table: every loss says that it can be compiled apart") {
  int found = 0;
  for (const auto& entry : losses::known_losses()) {
    for (const auto& file : std::filesystem::directory_iterator(root / "include/losses" / entry.room)) {
      const std::string text = text_of(file.path());
      const std::string name(entry.class_name);
      if (text.find("\nusing " + name + " = ") == std::string::npos &&
          text.find("\nclass " + name + " {") == std::string::npos)
        continue;
      INFO(entry.name);
      CHECK(text.find("\nLOSSES_EXTERN(rule::") != std::string::npos);
      ++found;
    }
  }
  CHECK(found == static_cast<int>(losses::known_losses().size()));
}

TEST_CASE("Table: the README's table names every loss") {
  const std::string readme = text_of(root / "README.md");
  for (const auto& entry : losses::known_losses()) {
    std::string name(entry.class_name);
    INFO(name);
    // "Dice, Jaccard, Tversky and FocalTversky have a WithLogits form"
    const auto form = name.find("WithLogits");
    const bool is_form = form != std::string::npos && entry.room == "segmentation";
    if (is_form) name.erase(form);
    CHECK(readme.find('`' + name + '`') != std::string::npos);
    if (is_form) CHECK(readme.find("have a `WithLogits` form") != std::string::npos);
  }
}

TEST_CASE("Table: every loss has a reference among those of the promises") {
  const std::string references = text_of(root / "tests/promises/references.cpp");
  for (const auto& entry : losses::known_losses()) {
    INFO(entry.name);
    CHECK(references.find("{\"" + std::string(entry.name) + "\",") != std::string::npos);
  }
}
