// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "model.hpp"

namespace {

using namespace losses_test;
using Catch::Matchers::ContainsSubstring;
using losses::EvaluatorOptions, losses::LossEvaluator, losses::Metric, losses::OwnMetric;

/// A square that takes positive targets only.
struct PositiveSquare {
  using Scalar = double;
  using Shape = losses::per_element;
  static constexpr losses::rule::Argument target = {"target", losses::rule::Domain::positive()};

  template <class V>
  losses::Terms<V> operator()(V p, V y) const {
    return {.value = (p - y) * (p - y), .slope = V(2) * (p - y)};
  }
};
using Picky = losses::Loss<PositiveSquare>;

}  // namespace

TEST_CASE("LossEvaluator: curves, losses, convergence and stability are those of the loop written out") {
  const MatrixXd x = (MatrixXd(5, 2) << 1, 2, -1, 0.5, 3, -2, 0, 1, 2, 2).finished();
  const MatrixXd y = (MatrixXd(5, 1) << 1, 0, -1, 2, 0.5).finished();
  const MatrixXd x_validation = (MatrixXd(3, 2) << 1, 1, 0, 2, -1, 1).finished();
  const MatrixXd y_validation = (MatrixXd(3, 1) << 0.5, 1, 1).finished();
  const double rate = 0.05;
  const LossEvaluator evaluator(linear(2), x, y, x_validation, y_validation,
                                {.epochs = 3, .batch_size = 2, .learning_rate = rate, .shuffle = false});
  const auto run = evaluator.evaluate("squares", MSE());

  Eigen::Vector2d w(0, 0);
  std::vector<double> train, validation, metric;
  for (int epoch = 0; epoch < 3; ++epoch) {
    double sum = 0;
    for (const auto& [first, rows] : {std::pair<Index, Index>{0, 2}, {2, 2}, {4, 1}}) {
      const VectorXd residual = x.middleRows(first, rows) * w - y.middleRows(first, rows);
      sum += residual.squaredNorm();
      w -= rate * (x.middleRows(first, rows).transpose() * residual) * 2 / static_cast<double>(rows);
    }
    train.push_back(sum / 5);
    const double squares = (x_validation * w - y_validation).squaredNorm() / 3;
    validation.push_back(squares);
    metric.push_back(std::sqrt(squares));
  }
  REQUIRE(run.train_curve.size() == 3);
  REQUIRE(run.validation_curve.size() == 3);
  REQUIRE(run.metric_curve.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(run.train_curve[i] == Catch::Approx(train[i]).epsilon(1e-13));
    CHECK(run.validation_curve[i] == Catch::Approx(validation[i]).epsilon(1e-13));
    CHECK(run.metric_curve[i] == Catch::Approx(metric[i]).epsilon(1e-13));
  }
  CHECK(run.name == "squares");
  CHECK(run.finished());
  CHECK(run.train_loss == run.train_curve[2]);
  CHECK(run.validation_loss == run.validation_curve[2]);
  CHECK(run.metric == run.metric_curve[2]);
  CHECK(run.start_metric == Catch::Approx(std::sqrt(y_validation.squaredNorm() / 3)));
  CHECK(run.convergence_speed == Catch::Approx(train[0] - train[2]).epsilon(1e-13));
  const double mean = (validation[0] + validation[1] + validation[2]) / 3;
  double variance = 0;
  for (const double v : validation) variance += (v - mean) * (v - mean) / 3;
  CHECK(run.stability == Catch::Approx(1 / (std::sqrt(variance) + 1e-8)).epsilon(1e-12));
  CHECK(run.seconds >= 0);
}

TEST_CASE("LossEvaluator: the defaults are five epochs, batches of 32, and the rate 1e-3") {
  std::vector<Index> rows;
  std::vector<double> rates;
  Model recorder = fixed();
  recorder.on_forward = [&](const MatrixXd& batch) { rows.push_back(batch.rows()); };
  recorder.on_step = [&](Model&, double rate) { rates.push_back(rate); };
  const Line line;
  const LossEvaluator evaluator(recorder, line.x, line.x, line.x_validation, line.x_validation);
  const auto run = evaluator.evaluate(MSE());
  CHECK(run.name == "MSE");
  std::vector<Index> expected = {20};  // the metric at the start
  for (int epoch = 0; epoch < 5; ++epoch) expected.insert(expected.end(), {32, 32, 6, 20});
  CHECK(rows == expected);
  CHECK(rates == std::vector<double>(15, 1e-3));
}

TEST_CASE("LossEvaluator: the same run gives the same bytes, another seed others") {
  const Line line;
  const EvaluatorOptions options{.epochs = 4, .batch_size = 8, .learning_rate = 0.01, .seed = 7};
  const std::vector<losses::NamedLoss<double>> both = {{"mse", MSE()}, {"again", MSE()}, {"picky", Picky()}};
  const auto first = line.evaluator(options).compare(both), second = line.evaluator(options).compare(both);
  CHECK(first.csv() == second.csv());
  CHECK(first.curves_csv() == second.curves_csv());
  CHECK(first.remark.empty());
  // The same start and the same batches for each loss, so the same loss gives the same curve.
  CHECK(first.runs[0].train_curve == first.runs[1].train_curve);
  CHECK(first.runs[0].validation_curve == first.runs[1].validation_curve);
  auto other = options;
  other.seed = 8;
  CHECK(line.evaluator(other).compare(both).runs[0].train_curve != first.runs[0].train_curve);
  other.shuffle = false;
  const auto unshuffled = line.evaluator(other).compare(both).runs[0].train_curve;
  other.seed = 7;
  CHECK(line.evaluator(other).compare(both).runs[0].train_curve == unshuffled);
}

TEST_CASE("LossEvaluator: every row is read once in each epoch, in an order of its own") {
  std::vector<std::vector<double>> epochs(1);
  Model reader = fixed();
  reader.on_forward = [&](const MatrixXd& batch) {
    if (batch(0, 0) < 0) {
      epochs.emplace_back();
    } else {
      epochs.back().insert(epochs.back().end(), batch.data(), batch.data() + batch.size());
    }
  };
  const MatrixXd x = VectorXd::LinSpaced(23, 0, 22), validation = column({-1});
  LossEvaluator(reader, x, x, validation, validation, {.epochs = 3, .batch_size = 5}).evaluate(MSE());
  REQUIRE(epochs.size() == 5);  // nothing, three epochs, nothing
  CHECK(epochs[1] != epochs[2]);
  CHECK(epochs[2] != epochs[3]);
  for (int e = 1; e <= 3; ++e) {
    auto& rows = epochs[static_cast<std::size_t>(e)];
    CHECK_FALSE(std::is_sorted(rows.begin(), rows.end()));
    std::sort(rows.begin(), rows.end());
    CHECK(rows == std::vector<double>(x.data(), x.data() + x.size()));
  }
}

TEST_CASE("LossEvaluator: the order of the rows is that of SplitMix64's numbers") {
  // Those of the seed 1234567, as Rosetta Code lists them. Row i − 1 takes the place of row (number mod i), from the last on.
  const std::uint64_t numbers[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                   4593380528125082431u, 16408922859458223821u};
  std::vector<Index> expected = {0, 1, 2, 3, 4, 5};
  for (std::size_t i = 6; i > 1; --i)
    std::swap(expected[i - 1], expected[static_cast<std::size_t>(numbers[6 - i] % i)]);
  losses::detail::BatchOrder order(6, 1234567);
  order.shuffle();
  const auto rows = order.batch(0, 6);
  CHECK(std::vector<Index>(rows.begin(), rows.end()) == expected);
  CHECK(expected == std::vector<Index>{0, 2, 1, 4, 5, 3});
}

TEST_CASE("LossEvaluator: a loss that diverges is a row that says so") {
  const Line line;
  const auto comparison = line.evaluator({.epochs = 400, .batch_size = 70, .learning_rate = 1e3})
                              .compare({{"wild", MSE()}, {"tame", losses::Loss<losses::rule::MSE<double>>()}});
  for (const auto& run : comparison.runs) {
    CHECK_THAT(run.failure, ContainsSubstring("diverged in epoch ") && ContainsSubstring("is inf"));
    CHECK_FALSE(run.train_curve.empty());
    CHECK(run.train_curve.size() < 400);
    CHECK(run.train_curve.size() == run.validation_curve.size());
    for (const double v : run.train_curve) CHECK(std::isfinite(v));
    CHECK(std::isnan(run.metric));
    CHECK(std::isnan(run.train_loss));
    CHECK(std::isnan(run.stability));
  }
  CHECK_THROWS_WITH(comparison.best(), "Comparison: none of 2 losses has a rmse");
  // Finite in training, not in validation.
  const LossEvaluator evaluator(linear(1), column({1, 2}), column({1, 2}), column({1e200}), column({1e200}));
  CHECK(evaluator.evaluate(MSE()).failure == "diverged in epoch 1: the validation loss is inf");
}

TEST_CASE("LossEvaluator: a loss or a model that throws is a row that says so") {
  const Line line;
  const auto comparison = line.evaluator().compare({{"picky", Picky()}, {"mse", MSE()}});
  CHECK_THAT(comparison.runs[0].failure, ContainsSubstring("failed in epoch 1: PositiveSquare: target[") &&
                                             ContainsSubstring("but must be positive"));
  CHECK(comparison.runs[1].finished());
  CHECK(comparison.ranking() == std::vector<std::size_t>{1, 0});
  CHECK(comparison.best().name == "mse");

  const auto fails = [&](const auto& change) {
    Model model = linear(2);
    change(model);
    return line.evaluator(model).evaluate(MSE());
  };
  const auto in_step_8 = [](const auto& thrown) {
    return [&](Model& model) {
      model.on_step = [thrown](Model& self, double) {
        if (self.steps == 8) throw thrown;
      };
    };
  };
  CHECK(fails([](Model& model) {
          model.on_forward = [](const MatrixXd&) { throw std::runtime_error("no memory"); };
        }).failure == "failed before the first epoch: no memory");
  const auto full = fails(in_step_8(std::runtime_error("the disk is full")));
  CHECK(full.failure == "failed in epoch 3: the disk is full");
  CHECK(full.train_curve.size() == 2);
  CHECK(fails(in_step_8(3)).failure == "failed in epoch 3: what was thrown is no std::exception");
}

TEST_CASE("LossEvaluator: copies that share their weights are noticed") {
  Model model;
  model.shared = std::make_shared<MatrixXd>(MatrixXd::Zero(2, 1));
  model.on_step = [](Model& self, double rate) { *self.shared -= rate * self.slope; };
  const auto comparison = Line().evaluator(model).compare({{"one", MSE()}, {"two", MSE()}});
  CHECK_THAT(comparison.remark, ContainsSubstring("did not start alike"));
  CHECK_THAT(comparison.table(), ContainsSubstring("did not start alike"));
}

TEST_CASE("LossEvaluator: a metric of one's own sees all predictions and targets of the validation data") {
  const Line line;
  const auto largest = [&](const MatrixXd& predictions, const MatrixXd& targets) {
    CHECK(predictions.rows() == 20);
    return (predictions - targets).cwiseAbs().maxCoeff();
  };
  const LossEvaluator evaluator(linear(2), line.x, line.y, line.x_validation, line.y_validation, {.batch_size = 6},
                                OwnMetric{"largest, error", largest, false});
  const auto comparison = evaluator.compare({{"mse", MSE()}});
  CHECK(comparison.metric == "largest, error");
  CHECK_FALSE(comparison.higher_is_better);
  CHECK(comparison.runs[0].start_metric == line.y_validation.cwiseAbs().maxCoeff());
  CHECK_THAT(comparison.csv(), ContainsSubstring("rank,loss,\"largest, error\",train_loss"));
}

TEST_CASE("LossEvaluator: an observer sees every batch, and may end it all") {
  const Line line;
  const auto evaluator = line.evaluator({.epochs = 3, .batch_size = 30});
  std::vector<losses::EvaluationProgress> seen;
  std::vector<std::string> names;
  const auto watch = [&](const losses::EvaluationProgress& now) {
    seen.push_back(now);
    names.emplace_back(now.loss);
  };
  evaluator.compare({{"mse", MSE()}, {"picky", Picky()}}, watch);
  REQUIRE(seen.size() == 9 + 1);
  CHECK(names[8] == "mse");
  CHECK(names[9] == "picky");
  CHECK(seen[4].epoch == 2);
  CHECK(seen[4].epochs == 3);
  CHECK(seen[4].batch == 2);
  CHECK(seen[4].batches == 3);
  CHECK(seen[4].loss_number == 1);
  CHECK(seen[4].losses == 2);
  CHECK(seen[4].fraction == Catch::Approx(5.0 / 18));
  for (std::size_t i = 1; i < seen.size(); ++i) CHECK(seen[i].fraction > seen[i - 1].fraction);
  CHECK(seen.back().fraction == 1);
  CHECK(seen.back().seconds_left == 0);
  const auto stop = [](const losses::EvaluationProgress&) { throw std::runtime_error("enough"); };
  CHECK_THROWS_WITH(evaluator.compare({{"mse", MSE()}}, stop), "enough");
}

TEST_CASE("LossEvaluator: the progress line fits a terminal") {
  losses::EvaluationProgress now{.loss = "huber", .loss_number = 2, .losses = 5, .epoch = 3, .epochs = 50};
  now.fraction = 0.25;
  now.seconds_left = 11.6;
  const std::string line = losses::detail::progress_line(now);
  CHECK(line == "huber              2/5 [#####---------------] epoch 3/50  0:12 left            ");
  now.loss = "einé_sehr_lange_Bezeichnung";
  now.seconds_left = 3723;
  CHECK_THAT(losses::detail::progress_line(now),
             ContainsSubstring("einé_sehr_lange_B… 2/5") && ContainsSubstring("1:02:03 left"));
  CHECK(losses::detail::letters_of(losses::detail::progress_line(now)) == 79);
}

TEST_CASE("LossEvaluator: bad data and options are refused with their names") {
  const Line line;
  const auto made_of = [&](const MatrixXd& x, const MatrixXd& y, const MatrixXd& xv, const MatrixXd& yv,
                           const EvaluatorOptions& options = {}) {
    return LossEvaluator(linear(2), x, y, xv, yv, options);
  };
  const MatrixXd& x = line.x;
  const MatrixXd y = line.y, none(0, 2);
  CHECK_THROWS_WITH(made_of(none, y, x, y), "LossEvaluator: inputs has no rows");
  CHECK_THROWS_WITH(made_of(x, y, none, y), "LossEvaluator: validation_inputs has no rows");
  CHECK_THROWS_WITH(made_of(x, y.topRows(9), x, y), "LossEvaluator: targets has 9 rows, but must have 70, as inputs");
  CHECK_THROWS_WITH(made_of(x, y, x, y.topRows(9)),
                    "LossEvaluator: validation_targets has 9 rows, but must have 70, as validation_inputs");
  CHECK_THROWS_WITH(made_of(x, y, y, y), "LossEvaluator: validation_inputs has 1 columns, but must have 2, as inputs");
  CHECK_THROWS_WITH(made_of(x, y, x, x),
                    "LossEvaluator: validation_targets has 2 columns, but must have 1, as targets");
  CHECK_THROWS_WITH(made_of(x, y, x, y, {.epochs = 0}), "LossEvaluator: epochs is 0, but must be 1 or more");
  CHECK_THROWS_WITH(made_of(x, y, x, y, {.batch_size = -1}), "LossEvaluator: batch_size is -1, but must be 1 or more");
  CHECK_THROWS_WITH(made_of(x, y, x, y, {.learning_rate = 0}),
                    "LossEvaluator: learning_rate is 0, but must be finite and positive");
  CHECK_THROWS_AS(made_of(x, y, x, y, {.learning_rate = HUGE_VAL}), std::invalid_argument);
  CHECK_THROWS_WITH(made_of(x, y, x, y, {.metric = static_cast<Metric>(9)}),
                    "LossEvaluator: metric is 9, but must be a value of Metric");
  CHECK_THROWS_AS(made_of(x, y, x, y, {.threshold = std::nan("")}), std::invalid_argument);
  CHECK_THROWS_WITH(made_of(x, y, x, y, {.metric = Metric::accuracy}),
                    "LossEvaluator: metric is accuracy, but the targets are neither labels, nor 0 and 1, nor -1 and 1");
  CHECK_THROWS_WITH(made_of(x, y, x, y).compare({}), "LossEvaluator: there are no losses to compare");
  // Predictions of another shape than the targets are found by the metric, before anything is trained.
  const LossEvaluator wide(linear(2, 3), x, y, x, y);
  CHECK(wide.evaluate(MSE()).failure ==
        "failed before the first epoch: LossEvaluator: predictions has 3 columns, but must have 1, as targets");
}
