// SPDX-License-Identifier: MIT
#pragma once

/// A table read from a CSV file. Whatever is wrong with the file becomes one clear line, thrown as BadInput.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <Eigen/Core>

namespace support {

struct BadInput : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Features {
  std::vector<std::string> names;
  Eigen::MatrixXd values;  // a row of the table per row
};

struct Table {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<int> lines;             // of each row, in the file
  std::vector<std::string> comments;  // what the file says of itself

  /// The index of a column; the last one if no name is given.
  std::size_t column(const std::string& wanted) const {
    if (wanted.empty()) return columns.size() - 1;
    const auto found = std::find(columns.begin(), columns.end(), wanted);
    if (found != columns.end()) return static_cast<std::size_t>(found - columns.begin());
    std::string known;
    for (const auto& column : columns) known += (known.empty() ? "" : ", ") + column;
    throw BadInput(name + ": there is no column '" + wanted + "'; its columns are " + known);
  }

  std::vector<std::string> texts(std::size_t column) const {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i][column].empty()) throw BadInput(where(i, column) + " is empty");
      result.push_back(rows[i][column]);
    }
    return result;
  }

  /// A column of finite numbers that are not all the same.
  Eigen::VectorXd numbers(std::size_t column) const {
    const auto cells = texts(column);
    Eigen::VectorXd result(static_cast<Eigen::Index>(cells.size()));
    for (std::size_t i = 0; i < cells.size(); ++i) {
      char* end = nullptr;
      const double number = std::strtod(cells[i].c_str(), &end);
      if (*end != '\0') throw BadInput(where(i, column) + " is '" + cells[i] + "', but must be a number");
      if (!std::isfinite(number)) throw BadInput(where(i, column) + " is " + cells[i] + ", but must be finite");
      result[static_cast<Eigen::Index>(i)] = number;
    }
    if ((result.array() == result[0]).all()) {
      throw BadInput(name + ": column '" + columns[column] + "' is " + cells[0] +
                     " in every row: nothing to learn there");
    }
    return result;
  }

  /// All columns but one, as numbers.
  Features features_without(std::size_t target) const {
    Features result{{}, Eigen::MatrixXd(static_cast<Eigen::Index>(rows.size()), columns.size() - 1)};
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (c == target) continue;
      result.values.col(static_cast<Eigen::Index>(result.names.size())) = numbers(c);
      result.names.push_back(columns[c]);
    }
    return result;
  }

  std::string where(std::size_t row, std::size_t column) const {
    return name + ", line " + std::to_string(lines[row]) + ": column '" + columns[column] + "'";
  }
};

/// The cells of one line, without the blanks around them; "…" protects a separator, "" inside is a quotation mark.
inline std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"')
        cells.back() += line[++i];
      else
        quoted = !quoted;
    } else if (line[i] == separator && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  for (auto& cell : cells) {
    cell.erase(0, std::min(cell.find_first_not_of(" \t"), cell.size()));
    cell.erase(cell.find_last_not_of(" \t") + 1);
  }
  return cells;
}

/// Reads a file whose first line names the columns; lines before it that start with # are comments, and blank lines
/// are skipped. The separator is the first of comma, semicolon and tab that the line of names contains.
inline Table read_csv(const std::filesystem::path& path, std::size_t fewest_rows) {
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path)) throw BadInput("cannot read the file " + path.string());
  Table table{.name = path.filename().string(), .columns = {}, .rows = {}, .lines = {}, .comments = {}};
  char separator = ',';
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (number == 1 && line.rfind("\xEF\xBB\xBF", 0) == 0) line.erase(0, 3);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    if (table.columns.empty() && line[0] == '#') {
      table.comments.push_back(line.substr(std::min(line.find_first_not_of("# "), line.size())));
      continue;
    }
    if (!table.columns.empty()) {
      table.rows.push_back(split(line, separator));
      table.lines.push_back(number);
      if (const auto cells = table.rows.back().size(); cells != table.columns.size()) {
        throw BadInput(table.name + ", line " + std::to_string(number) + ": " + std::to_string(cells) +
                       " cells, but the table has " + std::to_string(table.columns.size()) + " columns");
      }
      continue;
    }
    for (const char c : {'\t', ';', ','}) {
      if (line.find(c) != std::string::npos) separator = c;
    }
    table.columns = split(line, separator);
    for (auto name = table.columns.begin(); name != table.columns.end(); ++name) {
      char* end = nullptr;
      std::strtod(name->c_str(), &end);
      if (*end == '\0') {
        throw BadInput(table.name + ": the first line must name the columns, but holds '" + *name + "'");
      }
      if (std::find(table.columns.begin(), name, *name) != name) {
        throw BadInput(table.name + ": two columns are named '" + *name + "'");
      }
    }
  }
  if (table.columns.size() < 2) throw BadInput(table.name + ": a table needs two columns or more");
  if (table.rows.size() < fewest_rows) {
    throw BadInput(table.name + ": " + std::to_string(table.rows.size()) + " rows, but at least " +
                   std::to_string(fewest_rows) + " are needed");
  }
  return table;
}

}  // namespace support
