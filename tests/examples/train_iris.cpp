// SPDX-License-Identifier: MIT
// The classifier on the irises, on a user's table, and on tables that it must refuse.

#include "catch.hpp"
#include "run.hpp"

#define main train_iris_main
#include "../../examples/train_iris.cpp"
#undef main

namespace {

const Scratch scratch("train_iris");

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("train_iris: the same run twice, with at least 47 of 50 right") {
  const Outcome first = run(train_iris_main, {}), second = run(train_iris_main, {});
  REQUIRE(first.status == 0);
  CHECK(first.out == second.out);
  CHECK(first.error.empty());
  const auto at = first.out.find("held-out accuracy: ");
  REQUIRE(at != std::string::npos);
  CHECK(std::stoi(first.out.substr(at + 19)) >= 47);
}

TEST_CASE("train_iris: a table and a column of the user, with labels before the numbers") {
  std::string text = "kind;size\n";
  for (int i = 0; i < 30; ++i) text += (i % 2 ? "big;" : "small;") + std::to_string(i % 2 * 10 + i % 3) + "\n";
  const auto table = scratch.write("sizes.csv", text);
  const Outcome outcome = run(train_iris_main, {"--out", scratch.folder().string(), table, "kind"});
  REQUIRE(outcome.status == 0);
  CHECK(holds(outcome.out, "held-out accuracy: 10 of 10 (100.0 %)"));
  CHECK(std::filesystem::exists(scratch.folder() / "sizes_classes.gp"));
}

TEST_CASE("train_iris: bad input is one line and status 2") {
  const auto refuses = [](const std::vector<std::string>& arguments, const std::string& sentence) {
    const Outcome outcome = run(train_iris_main, arguments);
    CHECK(outcome.status == 2);
    CHECK(outcome.error == "program: " + sentence + "\n");
  };
  std::string text = "x,kind\n";
  for (int i = 0; i < 12; ++i) text += std::to_string(i) + ",only\n";
  refuses({"missing.csv"}, "cannot read the file missing.csv");
  refuses({scratch.write("one.csv", text)},
          "one.csv: column 'kind' has 1 different labels in 12 rows, which makes no classes");
  refuses({scratch.write("one.csv", text), "x"}, "one.csv, line 2: column 'kind' is 'only', but must be a number");
  refuses({scratch.write("one.csv", text), "y"}, "one.csv: there is no column 'y'; its columns are x, kind");
}
