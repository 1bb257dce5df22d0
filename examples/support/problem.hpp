// SPDX-License-Identifier: MIT
#pragma once

/// A table as a task: inputs, and a target that is numbers or classes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <losses/selector/task.hpp>

#include "random.hpp"
#include "table.hpp"

namespace support {

struct Problem {
  std::string name;    // of the table
  std::string target;  // of its column
  std::vector<std::string> notes;
  losses::Task task = losses::Task::regression;
  std::vector<std::string> inputs;
  Eigen::MatrixXd x;                 // [n × inputs]
  Eigen::VectorXd numbers;           // [n], of regression
  Eigen::VectorXi labels;            // [n], of classification
  std::vector<std::string> classes;  // in the order of their labels

  bool is_regression() const { return task == losses::Task::regression; }
  bool is_binary() const { return task == losses::Task::binary_classification; }
};

/// What the target column looks like: words, or a few whole numbers, are classes.
inline losses::Task guess_task(const std::vector<std::string>& cells) {
  const std::set<std::string> different(cells.begin(), cells.end());
  const bool words = std::any_of(cells.begin(), cells.end(), [](const auto& cell) { return !is_number(cell); });
  const bool whole = !words && std::all_of(cells.begin(), cells.end(), [](const auto& cell) {
    const double number = std::strtod(cell.c_str(), nullptr);
    return number == std::floor(number);
  });
  const bool few = different.size() <= 10 && 5 * different.size() <= cells.size();
  if (!words && !(whole && few)) return losses::Task::regression;
  return different.size() == 2 ? losses::Task::binary_classification : losses::Task::multiclass_classification;
}

/// Labels in the order of their names; of two classes, 1 is the rarer one.
inline void read_classes(Problem& problem, const std::vector<std::string>& cells) {
  std::vector<std::string> classes = cells;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  const std::string column = problem.name + ": column '" + problem.target + "' ";
  if (classes.size() == 1) throw BadInput(column + "is '" + classes[0] + "' in every row: one class alone");
  if (3 * classes.size() > cells.size()) {
    throw BadInput(column + "has " + std::to_string(classes.size()) + " different labels in " +
                   std::to_string(cells.size()) + " rows, which makes no classes");
  }
  if (problem.is_binary()) {
    if (classes.size() != 2) {
      throw BadInput(column + "has " + std::to_string(classes.size()) +
                     " different labels, but binary classification needs 2");
    }
    const auto second = std::count(cells.begin(), cells.end(), classes[1]);
    if (2 * static_cast<std::size_t>(second) > cells.size()) std::swap(classes[0], classes[1]);
  }
  // The rows are dealt into three parts, class by class: fewer may leave a part without that class.
  for (const auto& name : classes) {
    if (const auto count = std::count(cells.begin(), cells.end(), name); count < 3) {
      throw BadInput(column + "has " + std::to_string(count) + (count == 1 ? " row" : " rows") + " of '" + name +
                     "', but at least 3 of each class are needed");
    }
  }
  problem.labels.resize(static_cast<Eigen::Index>(cells.size()));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    problem.labels[static_cast<Eigen::Index>(i)] =
        static_cast<int>(std::find(classes.begin(), classes.end(), cells[i]) - classes.begin());
  }
  problem.classes = classes;
}

inline losses::Task task_of_table(const std::string& name) {
  using losses::Task;
  for (const Task task : {Task::regression, Task::binary_classification, Task::multiclass_classification}) {
    if (name == to_string(task)) return task;
  }
  throw BadInput("--task " + name + ": a table can be regression, binary_classification or multiclass_classification");
}

/// The task is guessed from the target column unless it is named.
inline Problem problem_of(const Table& table, const std::string& target_name, const std::string& task_name) {
  Problem problem;
  const std::size_t target = table.column(target_name);
  const auto cells = table.texts(target);
  problem.name = table.name;
  problem.target = table.columns[target];
  problem.notes = table.comments;
  problem.task = task_name.empty() ? guess_task(cells) : task_of_table(task_name);
  if (problem.is_regression()) {
    problem.numbers = table.numbers(target);
  } else {
    // A cell that is no number among numbers is a gap rather than a class.
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (is_number(cells[i]) && !std::isfinite(std::strtod(cells[i].c_str(), nullptr))) {
        throw BadInput(table.where(i, target) + " is " + cells[i] + ", but must be finite");
      }
    }
    read_classes(problem, cells);
  }
  const Features features = table.features_without(target);
  problem.inputs = features.names;
  problem.x = features.values;
  return problem;
}

/// A table of two classes, one of them rare: two rings of points that overlap, and two columns that tell nothing.
inline std::string generate_imbalanced(std::uint64_t seed) {
  Random random(seed);
  std::ostringstream text;
  text << "# Source: compare_losses --generate imbalanced --seed " << seed << "\nx,y,noise_1,noise_2,alarm\n";
  text.precision(6);
  for (int i = 0; i < 1200; ++i) {
    const bool alarm = random.uniform() < 0.05;
    const double angle = 2 * std::numbers::pi * random.uniform(), radius = (alarm ? 2.2 : 1) + 0.55 * random.normal();
    const double x = radius * std::cos(angle), y = radius * std::sin(angle);
    text << x << ',' << y << ',' << random.normal() << ',' << random.normal() << ',' << (alarm ? "yes" : "no") << '\n';
  }
  return text.str();
}

}  // namespace support
