// SPDX-License-Identifier: MIT
#pragma once

/// Several losses beside each other: as a ranking, a table, CSV files and a picture.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <losses/core/check.hpp>
#include <losses/evaluation/comparison_plot.hpp>
#include <losses/evaluation/loss_evaluation.hpp>
#include <losses/evaluation/text.hpp>
#include <losses/evaluation/write_file.hpp>

namespace LOSSES_NAMESPACE {

struct CsvOptions {
  bool seconds = false;  ///< a column of the times, which differ from run to run
};

namespace detail {

inline bool has_metric(const LossEvaluation& run) {
  return run.finished() && !std::isnan(run.metric);
}

/// A cell of a CSV file: in quotation marks, doubled inside, where a reader would misread it.
inline std::string csv_cell(std::string_view text) {
  const bool plain = text.find_first_of(",;\t\"\r\n") == std::string_view::npos &&
                     (text.empty() || (text.front() != ' ' && text.front() != '#' && text.back() != ' '));
  if (plain) return std::string(text);
  std::string cell = "\"";
  for (const char c : text) cell.append(c == '"' ? 2 : 1, c);
  return cell + '"';
}

/// All digits that tell the number from its neighbours; nothing for NaN.
inline std::string csv_cell(double number) {
  return std::isnan(number) ? std::string() : text_of(number);
}

inline std::string csv_cell(std::size_t number) {
  return text_of(number);
}

template <class... Cells>
std::string csv_line(const Cells&... cells) {
  std::string line;
  ((line += csv_cell(cells), line += ','), ...);
  line.back() = '\n';
  return line;
}

}  // namespace detail

/// What LossEvaluator::compare returns; an aggregate, so that it can be put together from single evaluations, too.
struct Comparison {
  std::string metric = "metric";          ///< what the losses are compared by
  bool higher_is_better = true;           ///< of the metric
  std::vector<LossEvaluation> runs = {};  ///< in the order of the call
  std::string remark = {};                ///< what must be known of the comparison as a whole, or nothing

  /// The places in `runs`, the best metric first; equal ones, and the failed ones at the end, in the order of the call.
  std::vector<std::size_t> ranking() const {
    std::vector<std::size_t> places(runs.size());
    for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
    std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
      const bool has_a = detail::has_metric(runs[a]), has_b = detail::has_metric(runs[b]);
      if (!has_a || !has_b) return has_a && !has_b;
      return higher_is_better ? runs[a].metric > runs[b].metric : runs[a].metric < runs[b].metric;
    });
    return places;
  }

  /// The first of the ranking. Throws std::invalid_argument where no run finished.
  const LossEvaluation& best() const {
    const auto places = ranking();
    require(!places.empty() && detail::has_metric(runs[places.front()]), "Comparison: none of ", runs.size(),
            " losses has a ", metric);
    return runs[places.front()];
  }

  /// A line per loss, best first; failed ones say why. `out << comparison` prints it.
  std::string table() const {
    std::string text = detail::text_of(runs.size(), runs.size() == 1 ? " loss by " : " losses by ", metric, ", ",
                                       higher_is_better ? "higher" : "lower", " is better\n");
    std::size_t widest = 4;
    for (const auto& run : runs) widest = std::max(widest, std::min<std::size_t>(detail::letters_of(run.name), 32));
    const std::size_t metric_width = std::max<std::size_t>(11, detail::letters_of(metric) + 2);
    const auto cell = [&](const std::string& content, std::size_t width) {
      text.append(width - std::min(width - 2, detail::letters_of(content)), ' ');
      text += content;
    };
    text += "   " + detail::padded("loss", widest);
    cell(metric, metric_width);
    text += "  train loss  validation loss  convergence  stability        time\n";
    std::size_t rank = 0;
    for (const std::size_t place : ranking()) {
      const LossEvaluation& run = runs[place];
      ++rank;
      text += detail::padded(detail::has_metric(run) ? detail::text_of(rank) : "-", 3);
      text += detail::padded(run.name, widest);
      if (detail::has_metric(run)) {
        cell(detail::rounded(run.metric), metric_width);
        cell(detail::rounded(run.train_loss), 12);
        cell(detail::rounded(run.validation_loss), 17);
        cell(detail::rounded(run.convergence_speed), 13);
        cell(detail::rounded(run.stability), 11);
        cell(detail::rounded(run.seconds, 3) + " s", 12);
      } else {
        text += "  " + (run.finished() ? "the " + metric + " is nan" : run.failure);
      }
      text += '\n';
    }
    if (!remark.empty()) text += remark + '\n';
    return text;
  }

  /// rank, loss, the metric, train_loss, validation_loss, convergence_speed, stability, epochs, status: a line per loss, best
  /// first. Numbers have all their digits; one that is not there is empty. The status is ok, or why the run failed.
  std::string csv(const CsvOptions& options = {}) const {
    std::string text = detail::csv_line("rank", "loss", metric, "train_loss", "validation_loss", "convergence_speed",
                                        "stability", "epochs", "status");
    const auto add_seconds = [&](const std::string& cell) {
      if (options.seconds) text.insert(text.size() - 1, "," + cell);
    };
    add_seconds("seconds");
    std::size_t rank = 0;
    for (const std::size_t place : ranking()) {
      const LossEvaluation& run = runs[place];
      ++rank;
      text += detail::csv_line(detail::has_metric(run) ? detail::text_of(rank) : "", run.name, run.metric,
                               run.train_loss, run.validation_loss, run.convergence_speed, run.stability,
                               run.train_curve.size(), run.finished() ? "ok" : run.failure);
      add_seconds(detail::csv_cell(run.seconds));
    }
    return text;
  }

  /// loss, epoch (from 1), train_loss, validation_loss, the metric: a line per finished epoch of each loss.
  std::string curves_csv() const {
    std::string text = detail::csv_line("loss", "epoch", "train_loss", "validation_loss", metric);
    for (const auto& run : runs) {
      for (std::size_t i = 0; i < run.train_curve.size(); ++i) {
        text += detail::csv_line(run.name, i + 1, run.train_curve[i], detail::value_at(run.validation_curve, i),
                                 detail::value_at(run.metric_curve, i));
      }
    }
    return text;
  }

  /// Both throw std::runtime_error where the file cannot be written, and then leave what was there.
  void write_csv(const std::string& path, const CsvOptions& options = {}) const {
    detail::write_file(path, csv(options));
  }
  void write_curves_csv(const std::string& path) const { detail::write_file(path, curves_csv()); }

  /// Draws training curves, validation curves, final losses and convergence speeds with gnuplot, to a path that ends in
  /// .svg or .png. The script with the numbers in it, name.gp, is left beside the picture. Without gnuplot, or where it
  /// fails, name_losses.csv and name_curves.csv are, too; `drawn` is then false, and `message` says so.
  /// Throws std::invalid_argument for another ending, and for no losses; std::runtime_error as write_csv.
  PlotResult plot(const std::string& path) const {
    const std::string name = detail::plot_name(path);
    require(!runs.empty(), "Comparison: there are no losses to plot");
    PlotResult result = detail::draw(path, detail::comparison_script(runs, ranking(), metric, path));
    if (!result.drawn) {
      write_csv(name + "_losses.csv");
      write_curves_csv(name + "_curves.csv");
      result.files.push_back(name + "_losses.csv");
      result.files.push_back(name + "_curves.csv");
    }
    return result;
  }

  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                      const Comparison& comparison) {
    return out << comparison.table();
  }
};

}  // namespace LOSSES_NAMESPACE
