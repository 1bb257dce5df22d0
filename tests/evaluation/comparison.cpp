// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <losses/evaluation/comparison.hpp>

#include "catch.hpp"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using losses::Comparison, losses::LossEvaluation;

LossEvaluation run(const std::string& name, double metric, std::vector<double> train = {3, 1},
                   std::vector<double> validation = {4, 2}) {
  LossEvaluation result;
  result.name = name;
  result.train_curve = std::move(train);
  result.validation_curve = std::move(validation);
  result.metric_curve.assign(result.train_curve.size(), metric);
  losses::detail::summarise(result);
  return result;
}

LossEvaluation failed(const std::string& name) {
  LossEvaluation result;
  result.name = name;
  result.failure = "diverged in epoch 1: the training loss of batch 2 is inf";
  return result;
}

std::vector<std::string> names(const Comparison& comparison) {
  std::vector<std::string> result;
  for (const std::size_t place : comparison.ranking()) result.push_back(comparison.runs[place].name);
  return result;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// An empty folder, gone at the end.
struct Folder {
  fs::path path;
  Folder() {
    path = fs::temp_directory_path() / ("losses comparison's " + std::to_string(std::random_device{}()));
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const char* name) const { return (path / name).string(); }
  std::vector<std::string> files() const {
    std::vector<std::string> result;
    for (const auto& entry : fs::directory_iterator(path)) result.push_back(entry.path().filename().string());
    std::sort(result.begin(), result.end());
    return result;
  }
};

/// Another PATH for the life of this object.
struct Path {
  std::string before = std::getenv("PATH") ? std::getenv("PATH") : "";
  explicit Path(const char* value) { set(value); }
  ~Path() { set(before.c_str()); }
  static void set(const char* value) {
#if defined(_WIN32)
    _putenv_s("PATH", value);
#else
    ::setenv("PATH", value, 1);
#endif
  }
};

bool has_gnuplot() {
#if defined(_WIN32)
  return std::system("gnuplot --version >NUL 2>&1") == 0;
#else
  return std::system("gnuplot --version >/dev/null 2>&1") == 0;
#endif
}

Comparison two() {
  return {.metric = "rmse", .higher_is_better = false, .runs = {run("mse", 0.5), run("huber", 0.25)}};
}

}  // namespace

TEST_CASE("Comparison: the best metric comes first, ties and failures in the order of the call") {
  const double no_number = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  Comparison comparison{.metric = "accuracy",
                        .higher_is_better = true,
                        .runs = {failed("a"), run("b", 0.5), run("c", no_number), run("d", 0.75), run("e", 0.5),
                                 run("f", infinity), failed("g"), run("h", -infinity)}};
  CHECK(names(comparison) == std::vector<std::string>{"f", "d", "b", "e", "h", "a", "c", "g"});
  CHECK(comparison.best().name == "f");
  comparison.higher_is_better = false;
  CHECK(names(comparison) == std::vector<std::string>{"h", "b", "e", "d", "f", "a", "c", "g"});
  CHECK_THROWS_WITH((Comparison{.metric = "mae", .runs = {failed("a")}}.best()),
                    "Comparison: none of 1 losses has a mae");
  CHECK_THROWS_AS(Comparison().best(), std::invalid_argument);
}

TEST_CASE("Comparison: the table has a line per loss") {
  auto comparison = two();
  comparison.runs.push_back(failed("gross"));
  comparison.runs[0].seconds = 0.125;
  std::ostringstream out;
  out << comparison;
  CHECK(out.str() ==
        "3 losses by rmse, lower is better\n"
        "   loss        rmse  train loss  validation loss  convergence  stability        time\n"
        "1  huber       0.25           1                2            2          1         0 s\n"
        "2  mse          0.5           1                2            2          1     0.125 s\n"
        "-  gross  diverged in epoch 1: the training loss of batch 2 is inf\n");
  comparison.runs[0].name = "a name that is so long that it would break the table\n";
  comparison.remark = "By the way.";
  CHECK_THAT(comparison.table(), ContainsSubstring("2  a name that is so long that it …        0.5 ") &&
                                     ContainsSubstring("inf\nBy the way.\n"));
}

TEST_CASE("Comparison: CSV cells are quoted where they must be, and numbers keep their digits") {
  const double third = 1.0 / 3;
  Comparison comparison{
      .metric = "rmse, \"mine\"",
      .higher_is_better = false,
      .runs = {run("huber(1, 2)", third, {1, 0.1}, {2, third}), run("say \"no\"", 2), run("a\nb", 3), failed("plain")}};
  CHECK(comparison.csv() ==
        "rank,loss,\"rmse, \"\"mine\"\"\",train_loss,validation_loss,convergence_speed,stability,epochs,status\n"
        "1,\"huber(1, 2)\",0.3333333333333333,0.1,0.3333333333333333,0.9,1.1999999856,2,ok\n"
        "2,\"say \"\"no\"\"\",2,1,2,2,0.9999999900000002,2,ok\n"
        "3,\"a\nb\",3,1,2,2,0.9999999900000002,2,ok\n"
        ",plain,,,,,,0,diverged in epoch 1: the training loss of batch 2 is inf\n");
  CHECK(comparison.curves_csv().substr(0, 152) ==
        "loss,epoch,train_loss,validation_loss,\"rmse, \"\"mine\"\"\"\n"
        "\"huber(1, 2)\",1,1,2,0.3333333333333333\n"
        "\"huber(1, 2)\",2,0.1,0.3333333333333333,0.3333333333333333\n");
  comparison = two();
  comparison.runs[1].seconds = 1.5;
  CHECK_THAT(comparison.csv({.seconds = true}),
             ContainsSubstring(",status,seconds\n1,huber,") && ContainsSubstring(",ok,1.5\n2,mse,"));
  CHECK_THAT(Comparison{.runs = {run(" blank", 1)}}.csv(), ContainsSubstring("\n1,\" blank\",1"));
}

TEST_CASE("Comparison: a file is written whole or not at all") {
  const Folder folder;
  const auto comparison = two();
  comparison.write_csv(folder / "losses.csv");
  CHECK(read(folder / "losses.csv") == comparison.csv());
  comparison.write_curves_csv(folder / "losses.csv");  // over the first
  CHECK(read(folder / "losses.csv") == comparison.curves_csv());
  CHECK(folder.files() == std::vector<std::string>{"losses.csv"});

  CHECK_THROWS_WITH(comparison.write_csv(folder / "missing/losses.csv"),
                    "cannot write " + (folder / "missing/losses.csv") + ": No such file or directory");
  CHECK_THROWS_AS(comparison.write_csv(folder / "losses.csv/x.csv"), std::runtime_error);
  CHECK_THROWS_AS(comparison.write_csv(folder.path.string()), std::runtime_error);
  CHECK_THROWS_AS(comparison.plot(folder / "missing/losses.svg"), std::runtime_error);
  CHECK(folder.files() == std::vector<std::string>{"losses.csv"});
  CHECK(read(folder / "losses.csv") == comparison.curves_csv());

  // Where permissions count (not for root), a file or folder that is read-only stays as it is.
  fs::permissions(folder / "losses.csv", fs::perms::owner_read);
  if (!std::ofstream(folder / "losses.csv", std::ios::app)) {
    CHECK_THROWS_WITH(comparison.write_csv(folder / "losses.csv"), ContainsSubstring("Permission denied"));
    fs::permissions(folder.path, fs::perms::owner_read | fs::perms::owner_exec);
    CHECK_THROWS_WITH(comparison.write_csv(folder / "other.csv"), ContainsSubstring("Permission denied"));
    fs::permissions(folder.path, fs::perms::owner_all);
  }
  CHECK(read(folder / "losses.csv") == comparison.curves_csv());
}

TEST_CASE("Comparison: without gnuplot the script and the numbers are left, and the result says so") {
  const Folder folder;
  const auto comparison = two();
  const Path none("");
  const auto result = comparison.plot(folder / "all.svg");
  CHECK_FALSE(result);
  CHECK(result.message ==
        "not drawn: gnuplot is missing or failed; it draws " + (folder / "all.svg") + " from " + (folder / "all.gp"));
  CHECK(result.files ==
        std::vector<std::string>{folder / "all.gp", folder / "all_losses.csv", folder / "all_curves.csv"});
  CHECK(folder.files() == std::vector<std::string>{"all.gp", "all_curves.csv", "all_losses.csv"});
  CHECK(read(folder / "all_losses.csv") == comparison.csv());
  CHECK(read(folder / "all_curves.csv") == comparison.curves_csv());
  CHECK_THAT(read(folder / "all.gp"), ContainsSubstring("set terminal svg") && ContainsSubstring("output = 'all.svg'"));
}

TEST_CASE("Comparison: only names that end in .svg or .png can be plotted") {
  const Folder folder;
  for (const char* name : {"a.pdf", "svg", ".svg", "a.SVG", "a"}) {
    CHECK_THROWS_WITH(two().plot(folder / name), ContainsSubstring("but must be a name that ends in .svg or .png"));
  }
  CHECK_THROWS_WITH(Comparison().plot(folder / "a.svg"), "Comparison: there are no losses to plot");
  CHECK(folder.files().empty());
}

TEST_CASE("Comparison: gnuplot draws whatever the numbers and names are") {
  if (!has_gnuplot()) return;
  const Folder folder;
  const double no_number = std::numeric_limits<double>::quiet_NaN();
  const auto draws = [&](const Comparison& comparison, const char* name = "it's $HOME; 100%.png") {
    const auto result = comparison.plot(folder / name);
    CHECK(result.message == "drawn: " + (folder / name));
    return result.drawn && fs::file_size(folder / name) > 5000;
  };
  CHECK(draws(two()));
  CHECK(folder.files() == std::vector<std::string>{"it's $HOME; 100%.gp", "it's $HOME; 100%.png"});
  CHECK(read(folder / "it's $HOME; 100%.png").substr(1, 3) == "PNG");
  CHECK(draws({.runs = {failed("a")}}));
  CHECK(draws({.runs = {failed("a"), run("b", 1, {1}, {2}), run("c", 2, {1, 1, 1}, {2, 2, 2})}}));
  CHECK(draws({.metric = "it's",
               .runs = {run("%s 'x' \"y\" \\n $z {a}_b^2 <&>", 1), run("", no_number), run("tab\tline\n", 3)}}));
  CHECK(draws({.runs = {run("huge", 1, {1e308, 1e307}, {1e300, -1e308}), run("negative", 1, {-5, -7}, {-1, -2})}}));
  CHECK(draws({.runs = {run("tiny", 1, {1e-300, 1e-310}, {5e-324, 1e-320}), run("large", 1, {1e300, 1}, {1, 1e300})}}));
  CHECK(draws({.runs = {run("zero", 0, {0, 0}, {0, 0})}}));
  Comparison many;
  for (int i = 0; i < 40; ++i) many.runs.push_back(run("loss " + std::to_string(i), i));
  CHECK(draws(many, "many.svg"));
  CHECK_THAT(read(folder / "many.svg"), ContainsSubstring("<svg ") && ContainsSubstring("</svg>") &&
                                            ContainsSubstring("loss 39") && ContainsSubstring("Validation loss"));
  // The script draws its own picture again.
  fs::remove(folder / "many.svg");
  const std::string again = "cd " + losses::detail::shell_text(folder.path.string()) + " && gnuplot many.gp";
  CHECK(std::system(again.c_str()) == 0);
  CHECK(fs::exists(folder / "many.svg"));
}
