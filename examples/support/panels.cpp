// SPDX-License-Identifier: MIT

#include "panels.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "files.hpp"
#include "plot.hpp"
#include "text.hpp"

namespace support {

namespace {

const char* const style = R"(set encoding utf8
set terminal svg dynamic rounded size 460,320 background '#ffffff' font 'sans-serif,13'
set border 3 lw 1 lc rgb '#222222'
set tics nomirror out textcolor rgb '#222222'
set tics scale 0.6
set grid lc rgb '#e4e4e4' lt 1 lw 1
set termoption noenhanced
unset key
)";

std::string title(const std::string& text) {
  return "set title " + quoted(text) + " textcolor rgb '#222222'\n";
}

/// A share that comes near 1 ends its axis there.
bool reaches_one(const Study& study) {
  double most = 0;
  for (const auto& standing : study.standings) {
    for (const double metric : standing.metrics) most = std::max(most, std::isnan(metric) ? 0 : metric);
  }
  return study.first.higher_is_better && most > 0.95;
}

/// What each loss reached with each seed, and its mean; the best on top.
std::string standings_script(const Study& study) {
  std::ostringstream script;
  script << title(study.first.metric + " on rows held out, " + std::to_string(study.settings.seeds) +
                  " seeds, ring: mean")
         << "set yrange [0.3:" << study.standings.size()
         << ".8]\nunset ytics\nset border 1\nset lmargin 3\nset rmargin 3\n"
         << "set offsets graph 0.03, " << (reaches_one(study) ? "0" : "graph 0.03") << ", 0, 0\n"
         << (reaches_one(study) ? "set xrange [*:1.004]\n" : "");
  std::string plots;
  for (std::size_t place = 0; place < study.standings.size(); ++place) {
    const Standing& standing = study.standings[place];
    const std::size_t row = study.standings.size() - place;
    const std::string colour = std::string(" lc rgb '") + colour_of(study, standing.name) + "'";
    script << "$seeds" << place << " << EOD\n";
    for (const double metric : standing.metrics) {
      if (!std::isnan(metric)) script << short_text(metric, 17) << ' ' << row << '\n';
    }
    script << "EOD\nset label " << place + 1 << ' '
           << quoted(standing.name + (std::isnan(standing.mean) ? "  failed" : "  " + short_text(standing.mean)))
           << " at graph 0.02, first " << row << ".42 left textcolor rgb '#222222'\n";
    if (std::isnan(standing.mean)) continue;
    plots += (plots.empty() ? "" : ", \\\n  ") + std::string("$seeds") + std::to_string(place) +
             " using 1:2 with points pt 7 ps 0.5" + colour + ", '+' every ::::0 using (" +
             short_text(standing.mean, 17) + "):(" + std::to_string(row) + ") with points pt 6 ps 1.3 lw 2" + colour;
  }
  return script.str() + "plot " + (plots.empty() ? "NaN" : plots) + "\n";
}

std::string curves_script(const Study& study, const std::string& heading,
                          const std::vector<double> losses::LossEvaluation::* curve, bool logarithmic) {
  std::ostringstream script;
  std::string plots;
  bool positive = true;
  std::size_t epochs = 2;
  for (std::size_t i = 0; i < study.first.runs.size(); ++i) {
    const auto& run = study.first.runs[i];
    if ((run.*curve).empty()) continue;
    script << "$curve" << i << " << EOD\n";
    epochs = std::max(epochs, (run.*curve).size());
    for (std::size_t epoch = 0; epoch < (run.*curve).size(); ++epoch) {
      const double value = (run.*curve)[epoch];
      positive = positive && value > 0;
      script << epoch + 1 << ' ' << short_text(value, 8) << '\n';
    }
    script << "EOD\n";
    plots += (plots.empty() ? "" : ", \\\n  ") + std::string("$curve") + std::to_string(i) +
             " using 1:2 with lines lw " + (run.name == study.choice.name ? "3.2" : "1.6") + " lc rgb '" +
             colour_of(study, run.name) + "'";
  }
  const bool logscale = logarithmic && positive;
  script << title(heading + (logscale ? ", logarithmic" : ""))
         << "set xlabel 'epoch' textcolor rgb '#222222'\nset xrange [1:" << epochs << "]\nset format y '%g'\n"
         << (logscale ? "set logscale y\n" : "");
  return script.str() + "plot " + (plots.empty() ? "NaN" : plots) + "\n";
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// The picture in the colours of the page: ink is its text, and the paper shines through.
std::string for_page(std::string svg, const std::string& heading) {
  const auto start = svg.find("<svg");
  if (start == std::string::npos) return {};
  svg.erase(0, start);
  replace_all(svg, "rgb( 34,  34,  34)", "currentColor");
  replace_all(svg, "rgb(34,34,34)", "currentColor");
  replace_all(svg, "color=\"black\"", "");
  replace_all(svg, "fill=\"#ffffff\"", "fill=\"none\"");
  replace_all(svg, " xmlns=\"http://www.w3.org/2000/svg\"", "");
  replace_all(svg, " xmlns:xlink=\"http://www.w3.org/1999/xlink\"", "");
  replace_all(svg, "xlink:href", "href");
  replace_all(svg, "<title>Gnuplot</title>", "<title>" + heading + "</title>");
  replace_all(svg, "<svg", "<svg role=\"img\"");
  // Names of definitions are those of the whole page.
  static int number = 0;
  const std::string own = "p" + std::to_string(++number);
  for (const char* id : {"gpDot", "gpPt", "textbox", "greybox", "gnuplot_canvas", "gnuplot_plot_"}) {
    replace_all(svg, std::string("'#") + id, "'#" + own + id);
    replace_all(svg, std::string("id='") + id, "id='" + own + id);
    replace_all(svg, std::string("id=\"") + id, "id=\"" + own + id);
  }
  return svg;
}

}  // namespace

std::vector<Panel> draw_panels(const Study& study, const std::filesystem::path& folder, const std::string& stem) {
  using Run = losses::LossEvaluation;
  struct Wanted {
    std::string name, title, script;
  };
  const std::vector<Wanted> wanted = {
      {"seeds", study.first.metric + " of each loss with each seed", standings_script(study)},
      {"metric", study.first.metric + " on rows held out, while it learns",
       curves_script(study, study.first.metric + " on rows held out", &Run::metric_curve, false)},
      {"training", "training loss, each in its own unit",
       curves_script(study, "training loss", &Run::train_curve, true)},
      {"validation", "validation loss, each in its own unit",
       curves_script(study, "validation loss", &Run::validation_curve, true)}};
  std::vector<Panel> panels;
  for (const auto& [name, heading, script] : wanted) {
    const std::string file = stem + "_" + name;
    write_file(folder / (file + ".gp"), std::string(style) + "set output " + quoted(file + ".svg") + "\n" + script);
    Panel panel{name, heading, {}};
    if (run_gnuplot(folder, file)) panel.svg = for_page(read_file(folder / (file + ".svg")), heading);
    panels.push_back(std::move(panel));
  }
  return panels;
}

}  // namespace support
