// SPDX-License-Identifier: MIT
#pragma once

/// The picture of a comparison: a gnuplot script that holds the numbers, and its run.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <losses/core/check.hpp>
#include <losses/evaluation/loss_evaluation.hpp>
#include <losses/evaluation/text.hpp>
#include <losses/evaluation/write_file.hpp>

namespace LOSSES_NAMESPACE {

/// What became of a plot.
struct PlotResult {
  bool drawn = false;
  std::vector<std::string> files;  ///< that were written
  std::string message;             ///< one line for people

  explicit operator bool() const { return drawn; }
};

namespace detail {

inline double value_at(const std::vector<double>& curve, std::size_t i) {
  return i < curve.size() ? curve[i] : std::numeric_limits<double>::quiet_NaN();
}

/// The path without .svg or .png; anything else is refused.
inline std::string plot_name(const std::string& path) {
  const std::string ending = path.size() > 4 ? path.substr(path.size() - 4) : "";
  const bool has_name = path.size() > 4 && path[path.size() - 5] != '/';
  require(has_name && (ending == ".svg" || ending == ".png"), "Comparison: plot's path is ", path,
          ", but must be a name that ends in .svg or .png");
  return path.substr(0, path.size() - 4);
}

/// 'text' for gnuplot, on one line.
inline std::string gnuplot_text(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += c;
    result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result + "'";
}

/// The range of the numbers of a panel, with an axis that is logarithmic where positive numbers span two decades.
class PlotAxis {
 public:
  void add(double value) {
    if (!std::isfinite(value)) return;
    least_ = std::min(least_, value);
    most_ = std::max(most_, value);
  }

  bool empty() const { return least_ > most_; }
  bool logarithmic() const { return least_ > 0 && most_ / least_ > 100 && most_ > 1000 * smallest; }

  /// Fixes the ends, with room below and above as shares of the span. A linear axis with `zero` shows 0.
  void fit(double below, double above, bool zero) {
    if (empty()) least_ = 0, most_ = 1;
    if (logarithmic()) {
      const double decades = std::log10(most_) - std::log10(least_);
      low = std::max(least_ * std::pow(10, -below * decades), smallest);
      high = std::min(most_ * std::pow(10, above * decades), largest);
      return;
    }
    low = zero ? std::min(least_, 0.0) : least_;
    high = zero ? std::max(most_, 0.0) : most_;
    double half = high / 2 - low / 2;
    if (half == 0) half = low == 0 ? 0.5 : std::abs(low) / 4;
    if (!zero || low < 0) low = std::max(low - 2 * below * half, -largest);
    if (!zero || high > 0 || low == 0) high = std::min(high + 2 * above * half, largest);
  }

  std::string range() const { return text_of("[", low, ":", high, "]"); }

  double low = 0, high = 1;

 private:
  static constexpr double largest = 1e300, smallest = 1e-300;  // that gnuplot can draw
  double least_ = std::numeric_limits<double>::infinity();
  double most_ = -std::numeric_limits<double>::infinity();
};

/// How the loss of this rank is drawn: Okabe and Ito's colours (2008) but the yellow, and three kinds of line.
inline std::string plot_colour(std::size_t rank) {
  constexpr const char* colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#333333"};
  return text_of(" lc rgb '", colours[rank % std::size(colours)], "' ");
}

inline std::string plot_line(std::size_t rank) {
  constexpr const char* dashes[] = {"1", "(14,5)", "(4,3)"};
  return text_of(" dt ", dashes[rank % std::size(dashes)], plot_colour(rank));
}

using RankedRuns = std::vector<const LossEvaluation*>;

/// One block per loss, best first: epoch, training loss, validation loss.
inline std::string curve_block(const RankedRuns& runs) {
  std::string text = "$curves << EOD\n";
  for (const auto* run : runs) {
    text += "# " + padded(run->name, 40) + "\n";
    for (std::size_t i = 0; i < run->train_curve.size(); ++i) {
      text += text_of(i + 1, " ", run->train_curve[i], " ", value_at(run->validation_curve, i), "\n");
    }
    if (run->train_curve.empty()) text += "nan nan nan\n";
    text += "\n\n";
  }
  return text + "EOD\n";
}

inline std::string curve_panel(const RankedRuns& runs, const char* title, int column) {
  PlotAxis axis;
  std::size_t epochs = 2;
  for (const auto* run : runs) {
    for (const double v : column == 2 ? run->train_curve : run->validation_curve) axis.add(v);
    epochs = std::max(epochs, run->train_curve.size());
  }
  axis.fit(0.05, 0.05, false);
  std::string text =
      text_of("set title '", title, axis.logarithmic() ? " (log)'\nset logscale y\n" : "'\n", "set xrange [1:", epochs,
              epochs <= 12 ? "]\nset xtics 1" : "]", "\nset yrange ", axis.range(), "\nplot");
  // The best is drawn last, over the others.
  for (std::size_t rank = runs.size(); rank-- > 0;) {
    text += text_of(rank + 1 == runs.size() ? " " : ", ", "\\\n  $curves index ", rank, " using 1:", column, " with ",
                    epochs <= 25 ? "linespoints pt 7 ps 0.5" : "lines", " lw 2.2", plot_line(rank), "notitle");
  }
  return text + "\nunset logscale\nset xtics autofreq\n";
}

/// A dot on a line for each loss, best on top, and its number beside it.
inline std::string number_panel(const RankedRuns& runs, const char* title, const char* block,
                                double LossEvaluation::* number) {
  PlotAxis axis;
  for (const auto* run : runs) axis.add(run->*number);
  axis.fit(0.22, 0.22, true);
  const double base = axis.logarithmic() ? axis.low : 0;
  std::string data = text_of(block, " << EOD\n"), tics, plots;
  for (std::size_t rank = 0; rank < runs.size(); ++rank) {
    const double value = runs[rank]->*number;
    const std::size_t height = runs.size() - rank;
    const bool shown = std::isfinite(value);
    data += text_of(base, " ", shown ? value : base, " ", height, " \"", shown ? rounded(value) : std::string("failed"),
                    "\"\n\n\n");
    std::string name;
    for (const char c : shortened(runs[rank]->name, 19)) name.append(c == '%' ? 2 : 1, c);  // tics are formats
    tics += text_of(rank > 0 ? ", " : "", gnuplot_text(name), " ", height);
    const auto add = [&](const std::string& how) {
      plots += text_of(plots.empty() ? " " : ", ", "\\\n  ", block, " index ", rank, " ", how, " notitle");
    };
    if (shown) {
      add("using 2:3:1:2:($3-0.09):($3+0.09) with boxxyerror fill solid noborder" + plot_colour(rank));
      add("using 2:3 with points pt 7 ps 0.9" + plot_colour(rank));
    }
    add(text_of("using 2:3:4 with labels ", shown && value < base ? "right offset -1.2,0" : "left offset 1.2,0",
                " noenhanced tc rgb '#333333'"));
  }
  return data + text_of("EOD\nset title '", title, axis.logarithmic() ? " (log)'\nset logscale x\n" : "'\n",
                        "set xrange ", axis.range(), "\nset yrange [0.4:", runs.size(), ".6]\nset ytics (", tics,
                        ") noenhanced\nset arrow 1 from ", base, ", graph 0 to ", base,
                        ", graph 1 nohead lw 1 lc rgb '#777777' back\nplot", plots,
                        "\nunset logscale\nset ytics autofreq\n");
}

/// A line and a label for each loss, three in a row, `top` and `row` in shares of the height.
inline std::string plot_key(const RankedRuns& runs, std::string_view metric, double top, double row) {
  std::string text;
  for (std::size_t rank = 0; rank < runs.size(); ++rank) {
    const LossEvaluation& run = *runs[rank];
    const std::string found = run.finished() ? text_of(metric, " ", rounded(run.metric)) : "failed";
    const double x = 0.07 + 0.315 * static_cast<double>(rank % 3), y = top - row * static_cast<double>(rank / 3);
    text += text_of("set arrow ", rank + 1, " from screen ", x, ", screen ", y, " to screen ", x + 0.03, ", screen ", y,
                    " nohead lw 3", plot_line(rank), "\nset label ", rank + 1, " ",
                    gnuplot_text(text_of(shortened(run.name, 24), "  ", found)), " at screen ", x + 0.038, ", screen ",
                    y, " left noenhanced tc rgb '#333333'\n");
  }
  return text;
}

inline std::string comparison_script(const std::vector<LossEvaluation>& all, const std::vector<std::size_t>& ranking,
                                     const std::string& metric, const std::string& path) {
  RankedRuns runs;
  for (const std::size_t place : ranking) runs.push_back(&all[place]);
  const auto slash = path.find_last_of('/');
  const std::string file = path.substr(slash == std::string::npos ? 0 : slash + 1);
  const std::string name = file.substr(0, file.size() - 4);
  const bool svg = file.ends_with(".svg");

  // Pixels from the top: a title, the key, the curves, and the numbers with a row for each loss.
  const std::size_t n = runs.size(), width = 1200, head = 44, key_row = 22, curves = 400;
  const std::size_t below_key = head + key_row * ((n + 2) / 3), below_curves = below_key + curves;
  const std::size_t height = below_curves + 86 + 26 * std::max<std::size_t>(n, 4);
  const auto share = [&](double pixels) { return pixels / static_cast<double>(height); };
  const auto margins = [&](double left, double right, std::size_t top, std::size_t bottom) {
    return text_of("set lmargin at screen ", left, "\nset rmargin at screen ", right, "\nset tmargin at screen ",
                   rounded(1 - share(static_cast<double>(top)), 6), "\nset bmargin at screen ",
                   rounded(1 - share(static_cast<double>(bottom)), 6), "\n");
  };

  std::string text =
      text_of("# Draws ", file, ": gnuplot ", name, ".gp\nif (!exists('output')) output = ", gnuplot_text(file),
              "\nset encoding utf8\nset terminal ", svg ? "svg dynamic rounded" : "pngcairo butt", " size ", width, ",",
              height, " background '#ffffff' font 'DejaVu Sans,", svg ? "13" : "11", "'\nset output output\n");
  text += curve_block(runs);
  text +=
      "set termoption noenhanced\nset multiplot\nunset key\nset border 3 lw 1.2 lc rgb '#777777'\n"
      "set tics nomirror out textcolor rgb '#333333'\nset grid lc rgb '#e4e4e4' lt 1 lw 1\n"
      "set title font ',14' tc rgb '#222222'\nset format '%g'\nset xlabel 'epoch' tc rgb '#333333'\n";
  // The title and the key belong to the first panel, so that they are drawn once.
  text += text_of("set label ", n + 1, " ", gnuplot_text(text_of("Losses by ", metric, ", best first")),
                  " at screen 0.5, screen ", 1 - share(22), " center noenhanced font ',17' tc rgb '#222222'\n") +
          plot_key(runs, metric, 1 - share(head + key_row / 2), share(key_row));
  text += margins(0.07, 0.485, below_key + 44, below_curves - 74) + curve_panel(runs, "Training loss", 2);
  text += "unset label\nunset arrow\n";
  text += margins(0.565, 0.98, below_key + 44, below_curves - 74) + curve_panel(runs, "Validation loss", 3);
  text += "unset xlabel\nunset grid\nset grid xtics lc rgb '#e4e4e4' lt 1 lw 1\n";
  text += margins(0.165, 0.485, below_curves + 44, height - 38) +
          number_panel(runs, "Final validation loss", "$final", &LossEvaluation::validation_loss);
  text += margins(0.66, 0.98, below_curves + 44, height - 38) +
          number_panel(runs, "Convergence: first − last training loss", "$speed", &LossEvaluation::convergence_speed);
  return text + "unset multiplot\nset output\n";
}

/// 'text' for the shell.
inline std::string shell_text(std::string_view text) {
#if defined(_WIN32)
  return text_of("\"", text, "\"");
#else
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
#endif
}

/// Writes the script as name.gp and runs it in its folder; the picture gets its name once it is whole.
inline PlotResult draw(const std::string& path, const std::string& script) {
  require_writable(path);
  const std::string name = plot_name(path), script_path = name + ".gp";
  write_file(script_path, script);
  PlotResult result;
  result.files.push_back(script_path);

  const auto slash = name.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : name.substr(0, slash + 1);
  const std::string script_name = "./" + script_path.substr(slash == std::string::npos ? 0 : slash + 1);
  const std::string unfinished = unfinished_name(path);
  const std::string output = "./" + unfinished.substr(slash == std::string::npos ? 0 : slash + 1);
  const std::string assignment = shell_text("output=" + gnuplot_text(output));
#if defined(_WIN32)
  const std::string command =
      text_of("cd /d ", shell_text(folder), " && gnuplot -e ", assignment, " ", shell_text(script_name), " 2>NUL");
#else
  const std::string command = text_of("cd -- ", shell_text(folder), " && gnuplot -e ", assignment, " ",
                                      shell_text(script_name), " </dev/null >/dev/null 2>&1");
#endif
  const bool ran = std::system(command.c_str()) == 0;
  std::FILE* picture = std::fopen(unfinished.c_str(), "rb");
  const bool has_content = picture != nullptr && std::fgetc(picture) != EOF;
  if (picture != nullptr) std::fclose(picture);
  result.drawn = ran && has_content;
  if (result.drawn) {
    rename_finished(unfinished, path);
    result.files.insert(result.files.begin(), path);
    result.message = "drawn: " + path;
  } else {
    std::remove(unfinished.c_str());
    result.message = text_of("not drawn: gnuplot is missing or failed; it draws ", path, " from ", script_path);
  }
  return result;
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
