// SPDX-License-Identifier: MIT

#include "page.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "files.hpp"
#include "text.hpp"

namespace support {

namespace {

const char* const head = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
)";

const char* const style = R"(<style>
:root {
  --paper: #fcfbf9; --ink: #23262b; --soft: #62676f; --line: #e2dfd8; --card: #ffffff; --accent: #0b5c8e; --mark: #e8f1f7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --ink: #e4e4e1; --soft: #9a9fa7; --line: #30343a; --card: #1b1e22; --accent: #7cc0ea; --mark: #1c2c38;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.6 "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, serif;
}
main { max-width: 68rem; margin: 0 auto; padding: 3rem 1.5rem 5rem; }
h1, h2, h3, table, nav, figcaption, .label, .key { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 0.5rem; }
h2 { font-size: 1.4rem; line-height: 1.25; letter-spacing: -0.01em; margin: 0 0 0.4rem; }
h3 { font-size: 0.95rem; margin: 2.4rem 0 0.7rem; }
p { margin: 0 0 0.9rem; max-width: 44rem; }
a { color: var(--accent); text-underline-offset: 0.15em; }
nav { margin: 1.2rem 0 0; font-size: 0.95rem; display: flex; flex-wrap: wrap; gap: 0.3rem 1.4rem; }
.soft { color: var(--soft); }
.note { color: var(--soft); font-size: 0.92rem; margin: 0 0 0.2rem; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); margin-top: 3rem; padding-top: 2.2rem; }
.choice { background: var(--mark); border-radius: 6px; padding: 1.3rem 1.5rem 0.6rem; margin: 1.4rem 0 0; }
.label { font-size: 0.78rem; color: var(--soft); margin: 0 0 0.1rem; }
.name { font: 600 1.5rem/1.25 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; letter-spacing: -0.01em; margin: 0 0 0.5rem;
  overflow-wrap: anywhere; }
pre, code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.86rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 0.9rem 1.1rem; overflow-x: auto;
  line-height: 1.55; margin: 0.4rem 0 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; width: 100%; max-width: 46rem; }
th { font-weight: 500; color: var(--soft); text-align: right; padding: 0.35rem 0 0.35rem 1.4rem; border-bottom: 1px solid var(--line);
  vertical-align: bottom; }
td { text-align: right; padding: 0.4rem 0 0.4rem 1.4rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr.chosen td { font-weight: 600; }
.dot { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; margin-right: 0.55em; }
ul { list-style: none; padding: 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.6rem 2.2rem; }
figure { margin: 0; }
figure svg { display: block; width: 100%; height: auto; color: var(--ink); }
.gridline { stroke: var(--line) !important; }
.key { display: flex; flex-wrap: wrap; gap: 0.2rem 1.3rem; font-size: 0.88rem; margin: 0 0 0.8rem; }
dl { display: grid; grid-template-columns: minmax(12rem, 20rem) 1fr; gap: 0.5rem 1.6rem; margin: 0; max-width: 58rem; font-size: 0.98rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: 0; max-width: 50rem; font-size: 0.98rem; }
li { margin: 0 0 0.25rem; }
.findings li { padding-left: 1.25em; text-indent: -1.25em; }
@media (max-width: 40rem) {
  body { font-size: 1rem; }
  main { padding: 1.8rem 1.1rem 3.5rem; }
  h1 { font-size: 1.55rem; }
  .choice { padding: 1rem 1.1rem 0.4rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 0.8rem; }
  td, th { padding-left: 1rem; }
  td:first-child { white-space: normal; overflow-wrap: anywhere; }
}
@media print { body { background: none; } section { break-before: page; } }
</style>
)";

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string dot(const Study& study, const std::string& loss) {
  return std::string("<span class=\"dot\" style=\"background:") + colour_of(study, loss) + "\"></span>";
}

/// mse and generalized_cross_entropy as they may break in a narrow column.
std::string breakable(const std::string& name) {
  std::string result;
  for (const char c : escaped(name)) result += c == '_' ? std::string("_<wbr>") : std::string(1, c);
  return result;
}

void checklist(std::ostream& out, const std::string& title, const std::vector<losses::ChecklistLine>& lines) {
  if (lines.empty()) return;
  out << "<h3>" << title << "</h3>\n<dl>\n";
  for (const auto& [question, answer] : lines) {
    out << "<dt>" << escaped(std::string(question)) << "</dt><dd>" << escaped(answer) << "</dd>\n";
  }
  out << "</dl>\n";
}

void standings(std::ostream& out, const Study& study) {
  out << "<h3>What the losses reached</h3>\n<p class=\"soft\">Mean and deviation over " << study.settings.seeds
      << " seeds, each with its own third of the rows held out and its own start; "
      << (study.first.higher_is_better ? "higher" : "lower")
      << " is better.</p>\n<div class=\"scroll\"><table>\n<tr><th>loss</th><th>" << escaped(study.first.metric)
      << "</th><th>deviation</th></tr>\n";
  for (const auto& standing : study.standings) {
    out << "<tr" << (standing.name == study.choice.name ? " class=\"chosen\"" : "") << "><td>"
        << dot(study, standing.name) << breakable(standing.name) << "</td><td>"
        << (standing.failures > 0 ? std::to_string(standing.failures) + " failed, " : "") << short_text(standing.mean)
        << "</td><td>" << short_text(standing.deviation, 3) << "</td></tr>\n";
  }
  out << "</table></div>\n";
}

void plots(std::ostream& out, const Chapter& chapter) {
  const Study& study = *chapter.study;
  out << "<h3>How they learnt</h3>\n<div class=\"key\">";
  for (const auto& candidate : study.choice.candidates) {
    out << "<span>" << dot(study, candidate.name) << escaped(candidate.name) << "</span>";
  }
  out << "</div>\n<div class=\"plots\">\n";
  bool drawn = false;
  for (const auto& panel : chapter.panels) {
    if (!panel.svg.empty()) out << "<figure>" << panel.svg << "</figure>\n";
    drawn = drawn || !panel.svg.empty();
  }
  out << "</div>\n";
  if (!drawn) {
    out << "<p>gnuplot is missing or failed, so there are no pictures. Their scripts and numbers are in the folder of "
           "this page: "
           "<code>gnuplot "
        << escaped(chapter.stem) << "_seeds.gp</code> draws the first.</p>\n";
  }
}

/// What the curves of every loss say, and the gradients of the chosen one.
void findings(std::ostream& out, const Study& study) {
  out << "<h3>Diagnostics</h3>\n<ul class=\"findings\">\n";
  for (const auto& run : study.first.runs) {
    std::string text = run.finished() ? "" : run.failure;
    for (const auto& finding : losses::diagnose_loss_curve(run.train_curve, run.validation_curve)) {
      text += (text.empty() ? "" : "; ") + finding.message;
    }
    out << "<li>" << dot(study, run.name) << escaped(run.name) << ": "
        << escaped(text.empty() ? "nothing was found" : text) << "</li>\n";
  }
  for (const auto& finding : study.gradient_findings) out << "<li>" << escaped(finding.message) << "</li>\n";
  out << "</ul>\n";
}

void chapter(std::ostream& out, const Chapter& chapter) {
  const Study& study = *chapter.study;
  const Problem& problem = study.problem;
  out << "<section id=\"" << escaped(chapter.stem) << "\">\n<h2>" << escaped(problem.name) << "</h2>\n";
  for (const auto& note : problem.notes) out << "<p class=\"note\">" << escaped(note) << "</p>\n";
  out << "<p class=\"note\">Predicts <em>" << escaped(problem.target) << "</em> from " << problem.inputs.size()
      << (problem.inputs.size() == 1 ? " column" : " columns") << "; " << study.train_rows << " rows to train on, "
      << study.held_out_rows << " held out.</p>\n";
  out << "<div class=\"choice\">\n<p class=\"label\">The selector names</p>\n<p class=\"name\">"
      << breakable(study.choice.name) << "</p>\n<p>" << escaped(study.choice.reason) << "</p>\n<p>"
      << escaped(verdict(study)) << "</p>\n</div>\n";
  if (const auto code = code_for(study); !code.empty()) out << "<pre>" << escaped(code) << "</pre>\n";
  checklist(out, "The data", study.checklists[0]);
  standings(out, study);
  plots(out, chapter);
  checklist(out, "The loss, on the rows it was trained on", study.checklists[1]);
  checklist(out, "The training, first seed", study.checklists[2]);
  findings(out, study);
  out << "<h3>What else may serve</h3>\n<ul>\n";
  for (const auto& [when, name] : study.choice.alternatives) {
    out << "<li>" << escaped(std::string(when)) << ": <code>" << escaped(std::string(name)) << "</code></li>\n";
  }
  out << "</ul>\n</section>\n";
}

std::string ordinal(int place) {
  const char* endings[] = {"th", "st", "nd", "rd"};
  return std::to_string(place) + endings[place <= 3 ? place : 0];
}

/// Whether a is better than b by more than two standard errors of their differences, seed by seed.
bool clearly_better(const Standing& a, const Standing& b, bool higher_is_better) {
  double sum = 0, squares = 0, n = 0;
  for (std::size_t i = 0; i < a.metrics.size(); ++i) {
    const double difference = higher_is_better ? a.metrics[i] - b.metrics[i] : b.metrics[i] - a.metrics[i];
    if (std::isnan(difference)) continue;
    sum += difference, squares += difference * difference, n += 1;
  }
  if (n < 2) return false;
  const double mean = sum / n, variance = (squares - n * mean * mean) / (n - 1);
  return mean > 2 * std::sqrt(std::max(0.0, variance) / n);
}

}  // namespace

std::string verdict(const Study& study) {
  const int place = study.place_of_choice();
  if (place == 0) return "It is not among the losses that were asked for.";
  const auto& own = study.standings[static_cast<std::size_t>(place - 1)];
  if (std::isnan(own.mean)) return "It failed with every seed.";
  const std::string where = "It came " + ordinal(place) + " of " + std::to_string(study.standings.size()) + " by " +
                            study.first.metric + " on rows held out, over " + std::to_string(study.settings.seeds) +
                            (study.settings.seeds == 1 ? " seed" : " seeds");
  if (place == 1) return where + ".";
  std::string better;
  for (int i = 0; i + 1 < place; ++i) {
    const auto& other = study.standings[static_cast<std::size_t>(i)];
    if (clearly_better(other, own, study.first.higher_is_better)) better += (better.empty() ? "" : ", ") + other.name;
  }
  return where + (better.empty() ? "; none was better by more than two standard errors."
                                 : "; better by more than two standard errors: " + better + ".");
}

std::string code_for(const Study& study) {
  const Candidate* chosen = study.chosen();
  if (chosen == nullptr) return {};
  const std::string options = chosen->options.empty() ? "" : "({" + chosen->options + "})";
  return "#include <losses/" + chosen->header + ">\nconst losses::" + chosen->type + "<double> loss" + options +
         ";\ndouble value = loss.value_and_gradient(predictions, targets, gradient);\n";
}

std::string page(const std::vector<Chapter>& chapters, const std::string& command) {
  std::ostringstream out;
  out << head << ReportFolder::mark << "\n<title>Which loss? "
      << escaped(chapters.size() == 1 ? chapters[0].study->problem.name : std::to_string(chapters.size()) + " tables")
      << "</title>\n"
      << style << "</head>\n<body>\n<main>\n<h1>Which loss?</h1>\n"
      << "<p class=\"soft\">Each table is described, a loss is chosen by rule, and a small network is trained with it "
         "and with its "
         "rivals.</p>\n";
  if (chapters.size() > 1) {
    out << "<nav>";
    for (const auto& each : chapters) {
      out << "<a href=\"#" << escaped(each.stem) << "\">" << escaped(each.study->problem.name) << ": "
          << escaped(each.study->choice.name) << "</a>";
    }
    out << "</nav>\n";
  }
  for (const auto& each : chapters) chapter(out, each);
  out << "<section>\n<h2>To repeat it</h2>\n<p>The same command gives the same numbers, to the last byte of the CSV "
         "files.</p>\n<pre>"
      << escaped(command) << "</pre>\n</section>\n</main>\n</body>\n</html>\n";
  return out.str();
}

}  // namespace support
