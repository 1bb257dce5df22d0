// SPDX-License-Identifier: MIT

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <losses/classification/cross_entropy.hpp>

#include "catch.hpp"
#include "model.hpp"

namespace {

using namespace losses_test;
using losses::EvaluatorOptions, losses::LossEvaluator, losses::Metric;
using CrossEntropy = losses::CrossEntropy<double>;

/// The metric of predictions that are as given.
template <class Y>
auto metric_of(const MatrixXd& predictions, const Y& targets, const EvaluatorOptions& options = {}) {
  auto quiet = options;
  quiet.epochs = 1;
  const LossEvaluator evaluator(fixed(), predictions, targets, predictions, targets, quiet);
  if constexpr (std::integral<typename Y::Scalar>) {
    return std::pair(evaluator.metric_name(), evaluator.evaluate(CrossEntropy()).metric);
  } else {
    return std::pair(evaluator.metric_name(), evaluator.evaluate(MSE()).metric);
  }
}

}  // namespace

TEST_CASE("LossEvaluator: the metric follows from the targets") {
  CHECK(metric_of(column({1, 2, 5}), column({1, 2, 2})) == std::pair<std::string, double>("rmse", std::sqrt(3.0)));
  CHECK(metric_of(column({1, 2, 5}), column({1, 2, 2}), {.metric = Metric::mean_absolute_error}) ==
        std::pair<std::string, double>("mae", 1));
  CHECK(losses::detail::regression_error(Metric::root_mean_squared_error, column({1e200, 0}), column({0, 0})) ==
        Catch::Approx(1e200 / std::sqrt(2.0)));

  const MatrixXd logits = (MatrixXd(4, 3) << 1, 2, 0, 3, 2, 1, 0, 0, 9, 1, 5, 4).finished();  // 1 0 2 1
  CHECK(metric_of(logits, Eigen::Vector4i(1, 0, 2, 2)) == std::pair<std::string, double>("accuracy", 0.75));
  CHECK(metric_of(logits, Eigen::Vector4i(1, 1, 1, 2), {.metric = Metric::balanced_accuracy}) ==
        std::pair<std::string, double>("balanced accuracy", 0.5 * (1.0 / 3 + 0)));
  CHECK(metric_of(logits, Eigen::Vector4i(1, 0, -100, 2)).second == Catch::Approx(2.0 / 3));  // one is ignored
  const MatrixXd one_hot = (MatrixXd(4, 3) << 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0).finished();
  CHECK(metric_of(logits, one_hot) == std::pair<std::string, double>("accuracy", 0.75));
  const MatrixXd flags = (MatrixXd(4, 3) << 1, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0).finished();
  CHECK(metric_of(logits, flags, {.threshold = 1.5}).second == Catch::Approx(7.0 / 12));

  const MatrixXd scores = column({0.4, -1, 2, 0.6});
  CHECK(metric_of(scores, column({0, 0, 1, 1})) == std::pair<std::string, double>("accuracy", 0.75));
  CHECK(metric_of(scores, column({0, 0, 1, 1}), {.threshold = 0.5}).second == 1);
  CHECK(metric_of(scores, column({-1, -1, 1, 1})).second == 0.75);
  CHECK(metric_of(scores, column({0, 1, 1, 1}), {.metric = Metric::balanced_accuracy}).second ==
        Catch::Approx(1.0 / 3));
  CHECK(metric_of(scores, column({0, 1, 1, 1}), {.metric = Metric::root_mean_squared_error}).first == "rmse");
  CHECK(metric_of(scores, column({0, 1, 0.5, 1})).first == "rmse");
  CHECK(metric_of(scores, column({0, 1, 2, 1})).first == "rmse");

  CHECK_THROWS_WITH(metric_of(logits, Eigen::Vector4i(1, 0, 2, 2), {.metric = Metric::mean_absolute_error}),
                    "LossEvaluator: metric is mae, but the targets are labels");
  const LossEvaluator evaluator(fixed(), scores, scores, scores, scores);
  CHECK_THAT(evaluator.evaluate(CrossEntropy()).failure,
             Catch::Matchers::ContainsSubstring("failed in epoch 1: CrossEntropy: "));
}

TEST_CASE("LossEvaluator: labels of any kind, fewer rows than a batch, expressions, a step without a rate") {
  struct Softmax : private Model {
    Softmax() : Model(linear(2, 3)) {}
    using Model::backward, Model::forward;
    void step() { Model::step(0.1); }
  };
  const Line line;
  std::vector<std::uint8_t> labels(70);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint8_t>(i % 3);
  const Eigen::Matrix<std::uint8_t, 20, 1> validation = Eigen::Matrix<std::uint8_t, 20, 1>::Constant(2);
  const LossEvaluator evaluator(Softmax(), line.x * 2, labels, line.x_validation.topRows(20), validation,
                                {.batch_size = std::numeric_limits<Index>::max(), .learning_rate = 5});
  const auto run = evaluator.evaluate(CrossEntropy());
  CHECK(run.failure == "");
  CHECK(run.train_curve[0] == Catch::Approx(std::log(3.0)));
  CHECK(run.convergence_speed > 0);
}
