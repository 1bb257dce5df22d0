// SPDX-License-Identifier: MIT
#pragma once

/// What the tests of LossEvaluator train.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <memory>

#include <losses/evaluation/evaluator.hpp>
#include <losses/regression/mse.hpp>

namespace losses_test {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;
using MSE = losses::MSE<double>;

/// Predictions x·w, learned by gradient descent; or with no w the inputs themselves. One type for all cases, since each type
/// of model compiles a LossEvaluator.
struct Model {
  MatrixXd w, x, slope;
  std::function<void(const MatrixXd&)> on_forward = [](const MatrixXd&) {};
  std::function<void(Model&, double)> on_step = [](Model& model, double rate) { model.w -= rate * model.slope; };
  std::shared_ptr<MatrixXd> shared;  // in place of w
  int steps = 0;

  MatrixXd forward(const MatrixXd& batch) {
    on_forward(batch);
    x = batch;
    return shared ? MatrixXd(x.lazyProduct(*shared)) : w.size() > 0 ? MatrixXd(x.lazyProduct(w)) : x;
  }
  void backward(const MatrixXd& gradient) { slope = x.transpose().lazyProduct(gradient); }
  void step(double rate) {
    ++steps;
    on_step(*this, rate);
  }
};

inline Model linear(Index inputs, Index outputs = 1) {
  Model model;
  model.w = MatrixXd::Zero(inputs, outputs);
  return model;
}

inline Model fixed() {
  Model model;
  model.on_step = [](Model&, double) {};
  return model;
}

struct Line {
  MatrixXd x = MatrixXd::Random(70, 2), x_validation = MatrixXd::Random(20, 2);
  MatrixXd y = x * Eigen::Vector2d(1, -2), y_validation = x_validation * Eigen::Vector2d(1, -2);

  Line() { std::srand(1); }
  auto evaluator(const Model& model, const losses::EvaluatorOptions& options = {}) const {
    return losses::LossEvaluator(model, x, y, x_validation, y_validation, options);
  }
  auto evaluator(const losses::EvaluatorOptions& options = {}) const { return evaluator(linear(2), options); }
};

inline MatrixXd column(std::initializer_list<double> values) {
  MatrixXd result(static_cast<Index>(values.size()), 1);
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

}  // namespace losses_test
