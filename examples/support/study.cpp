// SPDX-License-Identifier: MIT

#include "study.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <concepts>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>

#include <losses/classification/cross_entropy.hpp>
#include <losses/evaluation/check_gradient.hpp>
#include <losses/evaluation/evaluator.hpp>
#include <losses/regression/huber.hpp>

#include "network.hpp"
#include "seed_progress.hpp"
#include "text.hpp"

namespace support {

namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd, Eigen::VectorXi;
using Rows = std::vector<Index>;

/// What the losses are compared by: none of them minimises it by itself.
struct Measure {
  enum Kind { mean_error, median_error, accuracy, balanced_accuracy, average_precision };

  Kind kind;
  double unit = 1;  // of the target

  std::string name() const {
    const char* names[] = {"mean |error|", "median |error|", "accuracy", "balanced accuracy", "average precision"};
    return names[kind];
  }
  bool higher_is_better() const { return kind >= accuracy; }

  double operator()(const MatrixXd& predictions, const VectorXd& targets) const {
    if (predictions.hasNaN()) return std::numeric_limits<double>::quiet_NaN();
    if (kind == average_precision) return precision(predictions, targets);
    if (kind == accuracy) return ((predictions.array() > 0) == (targets.array() > 0.5)).cast<double>().mean();
    VectorXd errors = unit * (predictions.col(0) - targets).cwiseAbs();
    if (kind == mean_error) return errors.mean();
    std::sort(errors.begin(), errors.end());
    return 0.5 * (errors[(errors.size() - 1) / 2] + errors[errors.size() / 2]);
  }

  double operator()(const MatrixXd& logits, const VectorXi& labels) const {
    if (logits.hasNaN()) return std::numeric_limits<double>::quiet_NaN();
    VectorXd right = VectorXd::Zero(logits.cols()), all = right;
    for (Index i = 0; i < labels.size(); ++i) {
      Index predicted;
      logits.row(i).maxCoeff(&predicted);
      all[labels[i]] += 1;
      right[labels[i]] += predicted == labels[i];
    }
    if (kind == accuracy) return right.sum() / all.sum();
    double shares = 0, classes = 0;
    for (Index k = 0; k < all.size(); ++k) {
      if (all[k] > 0) shares += right[k] / all[k], classes += 1;
    }
    return shares / classes;
  }

 private:
  /// The area under precision and recall, which needs no threshold: rows of equal score count together.
  static double precision(const MatrixXd& predictions, const VectorXd& targets) {
    Rows order(static_cast<std::size_t>(targets.size()));
    std::iota(order.begin(), order.end(), Index(0));
    std::sort(order.begin(), order.end(), [&](Index a, Index b) { return predictions(a, 0) > predictions(b, 0); });
    double hits = 0, seen = 0, area = 0;
    for (std::size_t i = 0; i < order.size();) {
      double new_hits = 0;
      const double score = predictions(order[i], 0);
      for (; i < order.size() && predictions(order[i], 0) == score; ++i, ++seen) new_hits += targets[order[i]];
      hits += new_hits;
      area += new_hits * hits / seen;
    }
    return area / targets.sum();
  }
};

Measure measure_for(const losses::Description& d, double unit) {
  if (d.task == losses::Task::regression) return {d.has_outliers ? Measure::median_error : Measure::mean_error, unit};
  if (d.task == losses::Task::binary_classification) {
    return {d.is_imbalanced ? Measure::average_precision : Measure::accuracy};
  }
  return {d.is_imbalanced ? Measure::balanced_accuracy : Measure::accuracy};
}

MatrixXd rows_of(const MatrixXd& matrix, const Rows& rows) {
  MatrixXd result(static_cast<Index>(rows.size()), matrix.cols());
  for (Index i = 0; i < result.rows(); ++i) result.row(i) = matrix.row(rows[static_cast<std::size_t>(i)]);
  return result;
}

double median(VectorXd values) {
  std::sort(values.begin(), values.end());
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

/// Inputs in deviations from their mean, a numeric target in robust deviations from its median, as the training rows tell.
struct Scales {
  Eigen::RowVectorXd mean, deviation;
  double centre = 0, unit = 1;

  Scales(const Problem& problem, const Rows& rows) {
    const MatrixXd x = rows_of(problem.x, rows);
    mean = x.colwise().mean();
    deviation.resize(x.cols());
    for (Index c = 0; c < x.cols(); ++c) deviation[c] = input_scale(x.col(c));
    if (!problem.is_regression()) return;
    const VectorXd y = problem.numbers(rows);
    centre = median(y);
    unit = 1.4826 * median((y.array() - centre).abs());
    if (!(unit > 0)) unit = std::sqrt((y.array() - y.mean()).square().mean());
    if (!(unit > 0)) unit = 1;
  }

  MatrixXd inputs(const Problem& problem, const Rows& rows) const {
    const MatrixXd x = rows_of(problem.x, rows);
    return (x.rowwise() - mean).array().rowwise() / deviation.array();
  }
  VectorXd numbers(const Problem& problem, const Rows& rows) const {
    if (problem.is_binary()) return problem.labels(rows).cast<double>();
    return (problem.numbers(rows).array() - centre) / unit;
  }
};

/// Rows in `parts` parts of nearly equal size, each class spread evenly over them.
std::vector<Rows> deal(const Problem& problem, int parts, std::uint64_t seed) {
  Rows order(static_cast<std::size_t>(problem.x.rows()));
  std::iota(order.begin(), order.end(), Index(0));
  Random(seed).shuffle(order);
  if (!problem.is_regression()) {
    std::stable_sort(order.begin(), order.end(),
                     [&](Index a, Index b) { return problem.labels[a] < problem.labels[b]; });
  }
  std::vector<Rows> dealt(static_cast<std::size_t>(parts));
  for (std::size_t i = 0; i < order.size(); ++i) dealt[i % dealt.size()].push_back(order[i]);
  for (auto& part : dealt) std::sort(part.begin(), part.end());
  return dealt;
}

Rows all_but(const std::vector<Rows>& parts, std::size_t left_out) {
  Rows rows;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    if (p != left_out) rows.insert(rows.end(), parts[p].begin(), parts[p].end());
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

Index outputs_of(const Problem& problem) {
  return problem.classes.size() > 2 || (!problem.is_regression() && !problem.is_binary())
             ? static_cast<Index>(problem.classes.size())
             : 1;
}

/// Trains on all rows of x, in batches that are drawn anew for each epoch.
template <class Target>
Network fit(const losses::AnyLoss<double>& loss, Network network, const MatrixXd& x, const Target& y,
            const Settings& settings) {
  Rows order(static_cast<std::size_t>(x.rows()));
  std::iota(order.begin(), order.end(), Index(0));
  Random random(settings.seed);
  MatrixXd gradient;
  for (Index epoch = 0; epoch < settings.epochs; ++epoch) {
    random.shuffle(order);
    for (std::size_t begin = 0; begin < order.size(); begin += static_cast<std::size_t>(settings.batch)) {
      const auto end = std::min(order.size(), begin + static_cast<std::size_t>(settings.batch));
      const Rows batch(order.begin() + static_cast<std::ptrdiff_t>(begin),
                       order.begin() + static_cast<std::ptrdiff_t>(end));
      const MatrixXd inputs = rows_of(x, batch);
      const Target targets = y(batch);
      loss.value_and_gradient(network.forward(inputs), targets, gradient);
      network.backward(gradient);
      network.step(settings.rate);
    }
  }
  return network;
}

/// f(target) with the numbers or the labels of these rows.
template <class F>
decltype(auto) with_target(const Problem& problem, const Scales& scales, const Rows& rows, const F& f) {
  if (outputs_of(problem) == 1) return f(scales.numbers(problem, rows));
  return f(VectorXi(problem.labels(rows)));
}

MatrixXd softmax(const MatrixXd& logits) {
  const MatrixXd shifted = (logits.colwise() - logits.rowwise().maxCoeff()).array().exp();
  return shifted.array().colwise() / shifted.rowwise().sum().array();
}

/// Describes the table by what a first fit makes of rows that it has not seen: three fits, each without a third of them.
losses::Description describe_problem(const Problem& problem, const Settings& settings) {
  if (problem.is_binary()) return losses::describe(problem.task, problem.labels);
  const losses::Description alone = problem.is_regression() ? losses::describe(problem.task, problem.numbers)
                                                            : losses::describe(problem.task, problem.labels);
  const losses::AnyLoss<double> loss = problem.is_regression()
                                           ? losses::AnyLoss<double>(losses::Huber<double>())
                                           : losses::AnyLoss<double>(losses::CrossEntropy<double>());
  const auto parts = deal(problem, 3, settings.seed);
  MatrixXd predictions(problem.x.rows(), outputs_of(problem));
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const Rows known = all_but(parts, p);
    const Scales scales(problem, known);
    const Network start(problem.x.cols(), settings.hidden, outputs_of(problem), settings.seed);
    Network network = with_target(problem, scales, known, [&](const auto& y) {
      return fit(loss, start, scales.inputs(problem, known), y, settings);
    });
    const MatrixXd made = network.forward(scales.inputs(problem, parts[p]));
    for (Index i = 0; i < made.rows(); ++i) {
      predictions.row(parts[p][static_cast<std::size_t>(i)]) =
          problem.is_regression() ? MatrixXd((made.row(i).array() * scales.unit + scales.centre))
                                  : MatrixXd(made.row(i));
    }
  }
  if (!problem.is_regression()) return losses::describe(problem.task, problem.labels, softmax(predictions));
  auto description = losses::describe(problem.task, problem.numbers, VectorXd(predictions.col(0) - problem.numbers));
  if (alone.has_outliers && !description.has_outliers) {  // a fit that bends to them leaves no residuals
    description.has_outliers = true;
    description.outliers = alone.outliers;
    description.outlier_limit = alone.outlier_limit;
    description.centre = alone.centre;
    description.spread = alone.spread;
  }
  return description;
}

losses::Comparison compare(const Problem& problem, const Study& study, std::uint64_t seed, SeedProgress& progress) {
  const auto parts = deal(problem, 3, seed);
  const Rows train = all_but(parts, 0), &held_out = parts[0];
  const Scales scales(problem, train);
  const Settings& settings = study.settings;
  const Network start(problem.x.cols(), settings.hidden, outputs_of(problem), seed);
  const Measure measure = measure_for(study.description, scales.unit);
  std::vector<losses::NamedLoss<double>> named;
  for (const auto& each : study.choice.candidates) named.push_back({each.name, each.loss});
  const losses::EvaluatorOptions options{.epochs = settings.epochs,
                                         .batch_size = settings.batch,
                                         .learning_rate = settings.rate,
                                         .seed = seed,
                                         .progress = losses::ProgressBar::off};
  const losses::OwnMetric metric{measure.name(), measure, measure.higher_is_better()};
  return with_target(problem, scales, train, [&](const auto& y) {
    using Target = std::remove_cvref_t<decltype(y)>;
    return with_target(problem, scales, held_out, [&](const auto& y_held_out) {
      if constexpr (std::same_as<Target, std::remove_cvref_t<decltype(y_held_out)>>) {
        return losses::LossEvaluator(start, scales.inputs(problem, train), y, scales.inputs(problem, held_out),
                                     y_held_out, options, metric)
            .compare(named, progress);
      } else {
        return losses::Comparison{};
      }
    });
  });
}

std::vector<Standing> rank(const std::vector<losses::Comparison>& comparisons) {
  const auto& first = comparisons.front();
  std::vector<Standing> standings;
  for (std::size_t i = 0; i < first.runs.size(); ++i) {
    Standing s{.name = first.runs[i].name, .metrics = {}};
    double sum = 0, squares = 0, n = 0;
    for (const auto& comparison : comparisons) {
      const auto& run = comparison.runs[i];
      const bool counts = run.finished() && !std::isnan(run.metric);
      s.metrics.push_back(counts ? run.metric : std::numeric_limits<double>::quiet_NaN());
      s.failures += !counts;
      if (counts) sum += run.metric, n += 1;
    }
    s.mean = sum / n;
    for (const double m : s.metrics) {
      if (!std::isnan(m)) squares += (m - s.mean) * (m - s.mean);
    }
    s.deviation = n > 1 ? std::sqrt(squares / (n - 1)) : 0;
    standings.push_back(std::move(s));
  }
  std::stable_sort(standings.begin(), standings.end(), [&](const Standing& a, const Standing& b) {
    if (a.failures != b.failures) return a.failures < b.failures;
    return first.higher_is_better ? a.mean > b.mean : a.mean < b.mean;
  });
  return standings;
}

/// The chosen loss on rows that it has not been trained on: is it safe and right, and what does it cost?
std::vector<losses::ChecklistLine> check_implementation(const losses::AnyLoss<double>& loss,
                                                        const MatrixXd& predictions, const auto& targets) {
  MatrixXd gradient;
  bool finite = true;
  for (const double size : {1e-8, 1.0, 1e4}) {
    const MatrixXd scaled = size * predictions;
    finite = finite && std::isfinite(loss.value_and_gradient(scaled, targets, gradient)) && gradient.allFinite();
  }
  const auto report = losses::check_gradient(loss, losses::GradientCheckOptions{}, predictions, targets);
  double seconds = std::numeric_limits<double>::infinity();  // of the quickest of many calls
  for (int call = 0; call < 100; ++call) {
    const auto begin = std::chrono::steady_clock::now();
    loss.value_and_gradient(predictions, targets, gradient);
    seconds = std::min(seconds, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  const std::string entries = std::to_string(report.checked) + " entries ";
  const std::string agreement = report.worst_error == 0
                                    ? "yes: all " + entries + "agree within rounding"
                                    : std::string(report ? "yes" : "no") + ": the worst of " + entries + "is off by " +
                                          short_text(report.worst_error, 2) + " of its size";
  const auto& questions = losses::implementation_questions;
  return {{questions[0], finite ? "yes: value and gradient are finite at predictions 10 000 times as large, too"
                                : "no: value or gradient is not finite at predictions 10 000 times as large"},
          {questions[1], agreement},
          {questions[2], "the gradient, " + std::to_string(8 * gradient.size()) + " bytes for these " +
                             std::to_string(gradient.rows()) + " rows; nothing else"},
          {questions[3], short_text(1e6 * seconds, 3) + " µs for value and gradient of " +
                             std::to_string(gradient.rows()) + " rows"}};
}

/// The first finding of a kind, or what is said where there is none.
std::string finding_or(const std::vector<losses::Finding>& findings, std::initializer_list<losses::FindingKind> kinds,
                       const std::string& otherwise) {
  for (const auto& finding : findings) {
    if (std::find(kinds.begin(), kinds.end(), finding.kind) != kinds.end()) return finding.message;
  }
  return otherwise;
}

std::vector<losses::ChecklistLine> check_training(const losses::LossEvaluation& run, const Study& study) {
  using Kind = losses::FindingKind;
  const auto& questions = losses::training_questions;
  if (!run.finished()) {
    return {{questions[0], run.failure}, {questions[1], "–"}, {questions[2], "–"}, {questions[3], "–"}};
  }
  const auto fall = [](const std::vector<double>& curve) {
    return "from " + short_text(curve.front(), 3) + " to " + short_text(curve.back(), 3);
  };
  return {{questions[0], "training loss " + fall(run.train_curve) + ", validation loss " + fall(run.validation_curve)},
          {questions[1],
           finding_or(study.gradient_findings, {Kind::exploding_gradient, Kind::vanishing_gradient, Kind::not_finite},
                      "yes: nothing was found in the gradients of its layers")},
          {questions[2], finding_or(study.curve_findings, {Kind::stalled, Kind::unstable},
                                    "the training loss still falls: more epochs may help")},
          {questions[3], finding_or(study.curve_findings, {Kind::over_fitting},
                                    "yes: the validation loss is less than 1.5 times the training loss")}};
}

/// What can be asked of the chosen loss alone: it is trained once more, and its last gradients are looked at.
void examine(Study& study) {
  const Problem& problem = study.problem;
  const Candidate* chosen = study.chosen();
  if (chosen == nullptr) return;
  const auto parts = deal(problem, 3, study.settings.seed);
  const Rows train = all_but(parts, 0);
  const Scales scales(problem, train);
  Settings settings = study.settings;
  const Network start(problem.x.cols(), settings.hidden, outputs_of(problem), settings.seed);
  const MatrixXd x = scales.inputs(problem, train);
  with_target(problem, scales, train, [&](const auto& y) {
    Network network = fit(chosen->loss, start, x, y, settings);
    MatrixXd gradient;
    const MatrixXd predictions = network.forward(x);
    chosen->loss.value_and_gradient(predictions, y, gradient);
    network.backward(gradient);
    study.gradient_findings = losses::check_gradient_health({{"the hidden layer", network.hidden_gradient()},
                                                             {"the output layer", network.output_gradient()},
                                                             {"the straight path", network.straight_gradient()}});
    study.checklists[1] = check_implementation(chosen->loss, predictions, y);
  });
  for (const auto& run : study.first.runs) {
    if (run.name != chosen->name) continue;
    study.curve_findings = losses::diagnose_loss_curve(run.train_curve, run.validation_curve);
    study.checklists[2] = check_training(run, study);
  }
}

/// What the settings leave open.
void choose_steps(const Problem& problem, Study& study) {
  study.held_out_rows = static_cast<Index>(deal(problem, 3, study.settings.seed)[0].size());
  study.train_rows = problem.x.rows() - study.held_out_rows;
  Index& batch = study.settings.batch;
  if (batch > study.train_rows) {
    throw BadInput(problem.name + ": " + std::to_string(study.train_rows) +
                   " rows to train on are fewer than a batch of " + std::to_string(batch) +
                   "; give --batch a smaller one");
  }
  if (batch == 0) batch = study.train_rows >= 128 ? 32 : study.train_rows >= 32 ? 16 : 8;
  const Index steps = (study.train_rows + batch - 1) / batch;
  if (study.settings.epochs == 0) study.settings.epochs = std::max<Index>(10, 1000 / steps);
}

}  // namespace

const Candidate* Study::chosen() const {
  for (const auto& each : choice.candidates) {
    if (each.name == choice.name) return &each;
  }
  return nullptr;
}

int Study::place_of_choice() const {
  for (std::size_t i = 0; i < standings.size(); ++i) {
    if (standings[i].name == choice.name) return static_cast<int>(i) + 1;
  }
  return 0;
}

Study study(Problem problem, const Settings& settings) {
  if (problem.x.rows() < 12) {
    throw BadInput(problem.name + ": " + std::to_string(problem.x.rows()) + " rows, but at least 12 are needed");
  }
  Study made;
  made.problem = std::move(problem);
  made.settings = settings;
  choose_steps(made.problem, made);
  made.description = describe_problem(made.problem, made.settings);
  made.choice = choose_losses(made.description, settings.losses);
  const auto answers = losses::checklist(made.description);
  made.checklists[0].assign(answers.begin(), answers.end());

  SeedProgress progress(made.problem.name, settings.seeds);
  std::vector<losses::Comparison> comparisons;
  for (int i = 0; i < settings.seeds; ++i) {
    progress.begin_seed(i);
    comparisons.push_back(compare(made.problem, made, settings.seed + static_cast<std::uint64_t>(i), progress));
  }
  made.standings = rank(comparisons);
  made.first = std::move(comparisons.front());
  examine(made);
  return made;
}

}  // namespace support
