// SPDX-License-Identifier: MIT
// Which loss for this table? Describes it, chooses, trains a small network with each candidate, and writes a report.
//
// expect: iris.csv.*cross_entropy
// expect: telephone.csv.*huber
// expect: stackloss.csv
// expect: losses::Huber<double> loss\(\{\.delta = 1\}\);

#include <cmath>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "support/files.hpp"
#include "support/page.hpp"
#include "support/panels.hpp"
#include "support/plot.hpp"
#include "support/problem.hpp"
#include "support/study.hpp"
#include "support/text.hpp"

namespace {

namespace fs = std::filesystem;

struct Request {
  std::string table, column, task, generate;
  fs::path out;
  support::Settings settings;
};

const char* const examples = R"(Examples:
  compare_losses                                    the shipped tables: iris, telephone, stackloss
  compare_losses sales.csv price --out report       a table, the column to predict, and a report folder
  compare_losses sales.csv price --losses mse,huber,tukey --seeds 3
  compare_losses --generate imbalanced --out report
)";

/// Says what an option must be in the words of the other errors. A whole number is handed on in digits: CLI11 reads no 1e3,
/// and 010 as 8.
CLI::Validator number(double least, double most, bool whole) {
  const auto check = [=](std::string& text) {
    const double value = std::strtod(text.c_str(), nullptr);
    const bool good =
        support::is_number(text) && value >= least && value <= most && (!whole || value == std::floor(value));
    if (good && whole) text = support::short_text(value, 17);
    return good ? std::string()
                : "'" + text + "' must be a " + (whole ? "whole " : "") + "number from " + support::short_text(least) +
                      " to " + support::short_text(most, 17);
  };
  return {check, ""};
}

void describe_options(CLI::App& app, Request& request) {
  support::Settings& settings = request.settings;
  app.footer(examples);
  app.add_option("table", request.table, "a CSV file whose first line names the columns");
  app.add_option("column", request.column, "the column to predict (the last one)");
  app.add_option("--out", request.out, "folder for the report: index.html, CSV and SVG")->envname("COMPARE_LOSSES_OUT");
  app.add_option("--task", request.task,
                 "regression, binary_classification or multiclass_classification (by the column)");
  // CLI11 would drop an empty name.
  const auto split_names = [&settings](const std::vector<std::string>& given) {
    for (const auto& names : given) {
      for (const auto& name : support::split(names, ',', "--losses")) {
        if (name.empty()) throw support::BadInput("--losses: '" + names + "' holds an empty name");
        settings.losses.push_back(name);
      }
    }
  };
  app.add_option_function<std::vector<std::string>>("--losses", split_names,
                                                    "the losses to compare, separated by commas (those of the task)")
      ->allow_extra_args(false);
  app.add_option("--generate", request.generate, "a table made up instead of a file: imbalanced");
  app.add_option("--epochs", settings.epochs, "passes over the training rows (about 1000 steps)")
      ->transform(number(1, 1e6, true));
  app.add_option("--batch", settings.batch, "rows in a step (8, 16 or 32, by the table)")
      ->transform(number(1, 1e6, true));
  app.add_option("--rate", settings.rate, "learning rate of Adam (0.01)")->check(number(1e-6, 10, false));
  app.add_option("--hidden", settings.hidden, "units of the hidden layer (8)")->transform(number(1, 4096, true));
  app.add_option("--seeds", settings.seeds, "how often everything is repeated (10)")->transform(number(1, 1000, true));
  app.add_option("--seed", settings.seed, "the first seed (1)")->transform(number(0, 1e9, true));
}

std::vector<support::Problem> read_problems(const Request& request) {
  if (!request.generate.empty() && request.generate != "imbalanced") {
    throw support::BadInput("--generate " + request.generate + ": there is imbalanced alone");
  }
  if (!request.generate.empty() && !request.table.empty()) {
    throw support::BadInput("--generate makes a table, but " + request.table + " was given too");
  }
  std::vector<support::Table> tables;
  const fs::path data = fs::path(__FILE__).parent_path() / "data";
  if (!request.generate.empty()) {
    std::istringstream made(support::generate_imbalanced(request.settings.seed));
    tables.push_back(support::read_csv(made, request.generate + ".csv", 12));
  } else if (!request.table.empty()) {
    tables.push_back(support::read_csv(request.table, 12));
  } else {
    for (const char* name : {"iris.csv", "telephone.csv", "stackloss.csv"}) {
      tables.push_back(support::read_csv(data / name, 12));
    }
  }
  std::vector<support::Problem> problems;
  for (const auto& table : tables) problems.push_back(support::problem_of(table, request.column, request.task));
  return problems;
}

std::string seeds_csv(const support::Study& study) {
  std::string text = "loss,seed," + study.first.metric + "\n";
  for (const auto& standing : study.standings) {
    for (std::size_t i = 0; i < standing.metrics.size(); ++i) {
      text += standing.name + ',' + std::to_string(study.settings.seed + i) + ',' +
              (std::isnan(standing.metrics[i]) ? "" : support::short_text(standing.metrics[i], 17)) + '\n';
    }
  }
  return text;
}

void print(const support::Study& study) {
  const auto& problem = study.problem;
  std::cout << '\n' << problem.name << ": " << study.choice.name << '\n';
  for (const auto& note : problem.notes) std::cout << "  " << note << '\n';
  std::cout << '\n';
  for (const auto& [question, answer] : study.checklists[0]) {
    std::cout << "  " << support::left(std::string(question), 50) << answer << '\n';
  }
  std::cout << "\n  " << study.choice.reason << "\n\n";
  const auto& name = study.first.metric;
  std::cout << "  " << support::left("loss", 30) << support::right(name, 20) << support::right("deviation", 12) << '\n';
  for (const auto& standing : study.standings) {
    std::cout << "  " << support::left(standing.name, 30) << support::right(support::short_text(standing.mean), 20)
              << support::right(support::short_text(standing.deviation, 3), 12)
              << (standing.failures > 0 ? "  " + std::to_string(standing.failures) + " failed" : "")
              << (standing.name == study.choice.name ? "  <- named by the selector" : "") << '\n';
  }
  for (const auto& run : study.first.runs) {
    if (!run.finished()) std::cout << "  " << run.name << ": " << run.failure << '\n';
  }
  std::cout << "  " << support::verdict(study) << '\n';
}

/// Everything that the report holds, in a folder that is not yet in its place.
void write_report(const std::vector<support::Study>& studies, const fs::path& folder, const std::string& command) {
  std::vector<support::Chapter> chapters;
  for (const auto& study : studies) {
    const std::string stem = fs::path(study.problem.name).stem().string();
    const auto path = [&](const char* ending) { return (folder / (stem + ending)).string(); };
    study.first.write_csv(path("_losses.csv"));
    study.first.write_curves_csv(path("_curves.csv"));
    support::write_file(path("_seeds.csv"), seeds_csv(study));
    study.first.plot(path("_comparison.svg"));
    chapters.push_back({&study, stem, support::draw_panels(study, folder, stem)});
  }
  support::write_file(folder / "index.html", support::page(chapters, command));
}

void run(const Request& request, const std::string& command) {
  std::unique_ptr<support::ReportFolder> report;
  if (!request.out.empty()) report = std::make_unique<support::ReportFolder>(request.out);
  std::vector<support::Study> studies;
  for (auto& problem : read_problems(request)) {
    studies.push_back(support::study(std::move(problem), request.settings));
    print(studies.back());
  }
  if (report) {
    const fs::path folder = report->begin();
    if (!request.generate.empty()) {
      support::write_file(folder / (request.generate + ".csv"), support::generate_imbalanced(request.settings.seed));
    }
    write_report(studies, folder, command);
    report->finish();
    std::cout << "\nThe report: " << (report->place() / "index.html").string() << '\n';
  }
  for (const auto& study : studies) {
    const std::string code = support::code_for(study);
    if (!code.empty()) std::cout << "\n" << study.problem.name << ":\n" << code;
  }
}

/// A disk that is full swallows the answer without a word.
int finish_output() {
  if (!(std::cout << std::flush)) throw support::BadInput("cannot write to standard output");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Request request;
  CLI::App app("Which loss for this table? Describes it, chooses, and trains a small network with each candidate.",
               "compare_losses");
  describe_options(app, request);
  std::string command = support::shell_word(argv[0]);
  for (int i = 1; i < argc; ++i) command += ' ' + support::shell_word(argv[i]);
  try {
    try {
      app.parse(argc, argv);
    } catch (const CLI::Success& help) {
      app.exit(help);
      return finish_output();
    }
    const bool out_from_environment = !request.out.empty() && command.find("--out") == std::string::npos;
    if (out_from_environment) command += " --out " + support::shell_word(request.out.string());
    run(request, command);
    return finish_output();
  } catch (const std::exception& error) {
    std::cout.flush();
    std::cerr << "compare_losses: " << error.what() << '\n';
    return 2;
  }
}
