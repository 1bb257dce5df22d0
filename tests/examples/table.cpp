// SPDX-License-Identifier: MIT
// What the programs refuse to read, and the sentence that says why.

#include "../../examples/support/table.hpp"
#include "catch.hpp"
#include "run.hpp"

namespace {

const Scratch scratch("table");

support::Table table(const std::string& text) {
  return support::read_csv(scratch.write("t.csv", text), 2);
}

template <class F>
std::string complaint(F f) {
  try {
    f();
  } catch (const support::BadInput& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("Table: names, numbers and the lines that they stand on") {
  const auto t = table("# Source: nobody\n\nx, y\n1,2\n\n3,-4.5e1\n");
  CHECK(t.comments == std::vector<std::string>{"Source: nobody"});
  CHECK(t.columns == std::vector<std::string>{"x", "y"});
  CHECK(t.lines == std::vector<int>{4, 6});
  CHECK(t.numbers(1) == Eigen::Vector2d(2, -45));
  CHECK(t.column("x") == 0);
  CHECK(t.column("") == 1);
}

TEST_CASE("Table: byte order mark, carriage returns, semicolons, tabs and quotation marks") {
  CHECK(table("\xEF\xBB\xBFx,y\r\n1,2\r\n3,4\r\n").numbers(1) == Eigen::Vector2d(2, 4));
  CHECK(table("x;y\n1;2\n3;4\n").numbers(0) == Eigen::Vector2d(1, 3));
  CHECK(table("x\ty\n1\t2\n3\t4\n").numbers(0) == Eigen::Vector2d(1, 3));
  const auto quoted = table("\"a, b\",y\n\"say \"\"x\"\"\",1\nz,2\n");
  CHECK(quoted.columns[0] == "a, b");
  CHECK(quoted.texts(0)[0] == "say \"x\"");
  CHECK(table("x,y\n 12\" pipe, \"1\" \nz,2\n").texts(0)[0] == "12\" pipe");
}

TEST_CASE("Table: what is wrong is said in one line") {
  CHECK(complaint([] { support::read_csv("no/such/file.csv", 1); }) == "cannot read the file no/such/file.csv");
  CHECK(complaint([] { support::read_csv(scratch.folder(), 1); }).rfind("cannot read the file ", 0) == 0);
  CHECK(complaint([] { table(""); }) == "t.csv: a table needs two columns or more");
  CHECK(complaint([] { table("x,y\n1,2\n"); }) == "t.csv: 1 rows, but at least 2 are needed");
  CHECK(complaint([] { table("1,2\n3,4\n5,6\n"); }) == "t.csv: the first line must name the columns, but holds '1'");
  CHECK(complaint([] { table("x,x\n1,2\n3,4\n"); }) == "t.csv: two columns are named 'x'");
  CHECK(complaint([] { table("x,y\n1,2\n3\n"); }) == "t.csv, line 3: 1 cells, but the table has 2 columns");
  CHECK(complaint([] { table("x,y\n1,2\n3,4\n").column("z"); }) ==
        "t.csv: there is no column 'z'; its columns are x, y");
  CHECK(complaint([] { table("x,y\n1,2\n3,four\n").numbers(1); }) ==
        "t.csv, line 3: column 'y' is 'four', but must be a number");
  for (const std::string cell : {"0x1p3", "4\"5\"", "1.2.3"}) {
    CHECK(complaint([&] { table("x,y\n1,2\n3," + cell + "\n").numbers(1); }) ==
          "t.csv, line 3: column 'y' is '" + cell + "', but must be a number");
  }
  CHECK_FALSE(support::is_number(std::string("1.23\0", 5)));
  CHECK(complaint([] { table(std::string("x,y\n1,2\0\n", 10)); }) ==
        "t.csv, line 2 holds a NUL byte, so this is no text file");
  CHECK(complaint([] { table("x,y\n1,2\n3,\"4.5\n"); }) == "t.csv, line 3: a quotation mark is not closed");
  CHECK(complaint([] { table("x,y\n1,2\n3,\"4\"5\n"); }) == "t.csv, line 3: text follows a closing quotation mark");
  CHECK(complaint([] { table("x,y\n1,2\n3,\n").numbers(1); }) == "t.csv, line 3: column 'y' is empty");
  CHECK(complaint([] { table("x,y\n1,2\n3,inf\n").numbers(1); }) ==
        "t.csv, line 3: column 'y' is inf, but must be finite");
  CHECK(complaint([] { table("x,y\n1,7\n3,7\n").numbers(1); }) ==
        "t.csv: column 'y' is 7 in every row: nothing to learn there");
}

TEST_CASE("Table: the scale of an input is its deviation, and infinite where it is constant but for rounding") {
  CHECK(support::input_scale(Eigen::Vector2d(1, 3)) == 1);
  CHECK(support::input_scale(Eigen::Vector2d(1e-200, 3e-200)) == Approx(1e-200));
  CHECK(std::isinf(support::input_scale(Eigen::Vector3d(0, 0, 0))));
  CHECK(std::isinf(support::input_scale(Eigen::Vector3d(1, 1 + 1e-15, 1))));
}
