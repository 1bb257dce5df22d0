// SPDX-License-Identifier: MIT
// The demo program on its own tables, on a user's table, and on tables that it must refuse.

#include "catch.hpp"
#include "run.hpp"

#define main robust_regression_main
#include "../../examples/robust_regression.cpp"
#undef main

namespace {

const Scratch scratch("robust_regression");

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void refuses(const std::vector<std::string>& arguments, const std::string& sentence) {
  const Outcome outcome = run(robust_regression_main, arguments);
  CHECK(outcome.status == 2);
  CHECK(outcome.error == "program: " + sentence + "\n");
}

}  // namespace

TEST_CASE("robust_regression: the telephone calls pull every fit away but Tukey's") {
  const auto path = std::filesystem::path(LOSSES_SOURCE_DIR) / "examples" / "data" / "telephone.csv";
  const Outcome outcome = run(robust_regression_main, {path.string()});
  REQUIRE(outcome.status == 0);
  CHECK(outcome.error.empty());  // quiet where standard error is no terminal
  std::istringstream lines(outcome.out);
  int pulled = 0;
  for (std::string line; std::getline(lines, line);) {
    pulled += holds(line, "pulled away");
    if (line.rfind("Tukey ", 0) == 0) CHECK_FALSE(holds(line, "pulled away"));
  }
  CHECK(pulled == 4);
  for (const char* year : {"64", "65", "66", "67", "68", "69", "70"}) {
    CHECK(holds(outcome.out, std::string("year ") + year + ","));
  }
  CHECK_FALSE(holds(outcome.out, "year 63,"));
}

TEST_CASE("robust_regression: training finds the optimum of least absolute deviations, kink and all") {
  // Stack loss by quantreg::rq(stack.loss ~ stack.x, 0.5): −39.68986, 0.83188, 0.57391, −0.06087.
  const auto path = std::filesystem::path(LOSSES_SOURCE_DIR) / "examples" / "data" / "stackloss.csv";
  const Outcome outcome = run(robust_regression_main, {path.string()});
  REQUIRE(outcome.status == 0);
  CHECK(holds(outcome.out, "L1              -39.69      0.8319      0.5739    -0.06087"));
}

TEST_CASE("robust_regression: a table and a column of the user, and the plot beside it") {
  std::string text = "wrong,x\n";
  for (int i = 0; i < 20; ++i) text += std::to_string(i == 7 ? 900 : 3 * i + i % 2) + "," + std::to_string(i) + "\n";
  const auto table = scratch.write("it's mine.csv", text);
  const Outcome outcome = run(robust_regression_main, {"--out", (scratch.folder() / "a b").string(), table, "wrong"});
  REQUIRE(outcome.status == 0);
  CHECK(holds(outcome.out, "line 9: x 7, wrong 900"));
  CHECK(std::filesystem::exists(scratch.folder() / "a b" / "it's mine_fits.gp"));
  if (holds(outcome.out, "Plots: ")) {
    CHECK(std::filesystem::file_size(scratch.folder() / "a b" / "it's mine_fits.png") > 5000);
    CHECK(std::filesystem::file_size(scratch.folder() / "a b" / "it's mine_fits.svg") > 2000);
  }
}

TEST_CASE("robust_regression: a table without errors or without noise is no division by zero") {
  std::string exact = "x,y\n";
  for (int i = 0; i < 9; ++i) exact += std::to_string(i) + "," + std::to_string(2 * i + 1) + "\n";
  const Outcome outcome = run(robust_regression_main, {scratch.write("exact.csv", exact)});
  CHECK(outcome.status == 0);
  CHECK_FALSE(holds(outcome.out, "nan"));
  CHECK_FALSE(holds(outcome.out, "pulled away"));

  std::string flat = "x,y\n";
  for (int i = 0; i < 9; ++i) flat += std::to_string(i) + (i == 4 ? ",8\n" : ",1\n");
  const Outcome mostly = run(robust_regression_main, {scratch.write("flat.csv", flat)});
  CHECK(mostly.status == 0);
  CHECK_FALSE(holds(mostly.out, "nan"));
}

TEST_CASE("robust_regression: bad input is one line and status 2") {
  const auto table = scratch.write("t.csv", "x,z,y\n1,a,1\n2,b,2\n3,c,3\n4,d,5\n5,e,8\n6,f,13\n7,g,21\n");
  refuses({"missing.csv"}, "cannot read the file missing.csv");
  refuses({table, "w"}, "t.csv: there is no column 'w'; its columns are x, z, y");
  refuses({table}, "t.csv, line 2: column 'z' is 'a', but must be a number");
  refuses({table, "z"}, "t.csv, line 2: column 'z' is 'a', but must be a number");
  refuses({scratch.write("few.csv", "x,y\n1,2\n2,3\n")}, "few.csv: 2 rows, but at least 6 are needed");
  refuses({scratch.write("twice.csv", "x,y,w\n1,2,4\n2,4,1\n3,6,4\n4,8,8\n5,10,3\n6,12,6\n")},
          "twice.csv: an input column is a linear combination of the others");
  refuses({"--out"}, "--out needs a folder");
  refuses({"--fast"}, "unknown option --fast; --help shows what there is");
  refuses({"a", "b", "c"}, "one table and one column are enough, but 'c' was given too");
  CHECK(run(robust_regression_main, {"--help"}).status == 0);
}
