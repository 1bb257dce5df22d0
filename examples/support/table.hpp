// SPDX-License-Identifier: MIT
#pragma once

/// A table read from a CSV file. Whatever is wrong with the file becomes one clear line, thrown as BadInput.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <Eigen/Core>

namespace support {

struct BadInput : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A number in decimal digits, or NaN or infinity; strtod alone takes hexadecimal ones, too, and stops at a NUL byte.
inline bool is_number(const std::string& cell) {
  char* end = nullptr;
  std::strtod(cell.c_str(), &end);
  return !cell.empty() && end == cell.c_str() + cell.size() && cell.find_first_of("xX") == std::string::npos;
}

/// The standard deviation of a column in the rows that are known. Infinity, which makes an input of 0, where the column is
/// constant but for rounding: those rows do not tell what any other value means.
inline double input_scale(const Eigen::VectorXd& known) {
  const double range = known.maxCoeff() - known.minCoeff();
  if (range <= 1e-12 * known.cwiseAbs().maxCoeff()) return std::numeric_limits<double>::infinity();
  return range * std::sqrt(((known.array() - known.mean()) / range).square().mean());
}

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
      if (!is_number(cells[i])) throw BadInput(where(i, column) + " is '" + cells[i] + "', but must be a number");
      const double number = std::strtod(cells[i].c_str(), nullptr);
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

/// The cells of one line, without the blanks around them; "…" protects a separator, "" inside is a quotation mark. `where`
/// begins the sentence about what is wrong with it.
inline std::vector<std::string> split(const std::string& line, char separator, const std::string& where) {
  std::vector<std::string> cells(1);
  enum { plain, quoted, closed } state = plain;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool mark = line[i] == '"', blank = line[i] == ' ' || line[i] == '\t';
    if (state == quoted && mark && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back() += line[++i];
    } else if (state == quoted && mark) {
      state = closed;
    } else if (state != quoted && line[i] == separator) {
      cells.emplace_back();
      state = plain;
    } else if (state == plain && mark && cells.back().find_first_not_of(" \t") == std::string::npos) {
      state = quoted;
    } else if (state == closed && !blank) {
      throw BadInput(where + ": text follows a closing quotation mark");
    } else {
      cells.back() += line[i];
    }
  }
  if (state == quoted) throw BadInput(where + ": a quotation mark is not closed");
  for (auto& cell : cells) {
    cell.erase(0, std::min(cell.find_first_not_of(" \t"), cell.size()));
    cell.erase(cell.find_last_not_of(" \t") + 1);
  }
  return cells;
}

/// Reads a file whose first line names the columns; lines before it that start with # are comments, and blank lines
/// are skipped. The separator is the first of comma, semicolon and tab that the line of names contains.
inline Table read_csv(std::istream& file, const std::string& name, std::size_t fewest_rows) {
  Table table{.name = name, .columns = {}, .rows = {}, .lines = {}, .comments = {}};
  char separator = ',';
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string where = table.name + ", line " + std::to_string(number);
    if (line.find('\0') != std::string::npos) throw BadInput(where + " holds a NUL byte, so this is no text file");
    if (number == 1 && line.rfind("\xEF\xBB\xBF", 0) == 0) line.erase(0, 3);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    if (table.columns.empty() && line[0] == '#') {
      table.comments.push_back(line.substr(std::min(line.find_first_not_of("# "), line.size())));
      continue;
    }
    if (!table.columns.empty()) {
      table.rows.push_back(split(line, separator, where));
      table.lines.push_back(number);
      if (const auto cells = table.rows.back().size(); cells != table.columns.size()) {
        throw BadInput(where + ": " + std::to_string(cells) + " cells, but the table has " +
                       std::to_string(table.columns.size()) + " columns");
      }
      continue;
    }
    for (const char c : {'\t', ';', ','}) {
      if (line.find(c) != std::string::npos) separator = c;
    }
    table.columns = split(line, separator, where);
    for (auto column = table.columns.begin(); column != table.columns.end(); ++column) {
      if (column->empty() || is_number(*column)) {
        throw BadInput(table.name + ": the first line must name the columns, but holds '" + *column + "'");
      }
      if (std::find(table.columns.begin(), column, *column) != column) {
        throw BadInput(table.name + ": two columns are named '" + *column + "'");
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

inline Table read_csv(const std::filesystem::path& path, std::size_t fewest_rows) {
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path)) throw BadInput("cannot read the file " + path.string());
  return read_csv(file, path.filename().string(), fewest_rows);
}

}  // namespace support
