// SPDX-License-Identifier: MIT
// Which loss suits one's own model? A small network with Adam learns a curve from samples of which every eighth is wrong, once
// with each of three losses, from the same start and on the same batches. The true curve judges them.
//
// expect: 3 losses by rmse, lower is better
// expect: \n1  (huber|cauchy)
// expect: \n3  mse
// expect: the best: (huber|cauchy)
//
//   compare_on_own_model [picture.svg]      draws the curves too, if gnuplot is there

#include <cmath>
#include <iostream>
#include <random>

#include <losses/evaluation.hpp>
#include <losses/regression.hpp>

namespace {

using Eigen::MatrixXf, Eigen::RowVectorXf, Eigen::VectorXf;

/// Weights and what Adam remembers of their gradients.
struct Layer {
  MatrixXf weights, gradient, mean, square;

  Layer(Eigen::Index inputs, Eigen::Index outputs, std::mt19937& random) : weights(inputs + 1, outputs) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& w : weights.reshaped()) w = uniform(random) * std::sqrt(3 / static_cast<float>(inputs));
    mean = square = MatrixXf::Zero(inputs + 1, outputs);
  }

  MatrixXf forward(const MatrixXf& x) const {
    return (x * weights.topRows(x.cols())).rowwise() + weights.bottomRows<1>().row(0);
  }

  void backward(const MatrixXf& x, const MatrixXf& slope) {
    gradient.resizeLike(weights);
    gradient << x.transpose() * slope, slope.colwise().sum();
  }

  void step(float rate, int t) {
    mean = 0.9f * mean + 0.1f * gradient;
    square = 0.999f * square + 0.001f * gradient.cwiseAbs2();
    const float m = 1 - std::pow(0.9f, static_cast<float>(t)), s = 1 - std::pow(0.999f, static_cast<float>(t));
    weights.array() -= rate * (mean.array() / m) / ((square.array() / s).sqrt() + 1e-8f);
  }
};

/// What LossEvaluator asks of a model: forward, backward, step, and a copy that shares nothing.
class Network {
 public:
  explicit Network(unsigned seed) : random_(seed), first_(1, 24, random_), second_(24, 1, random_) {}

  MatrixXf forward(const MatrixXf& x) {
    x_ = x;
    hidden_ = first_.forward(x).array().tanh();
    return second_.forward(hidden_);
  }

  void backward(const MatrixXf& gradient) {
    second_.backward(hidden_, gradient);
    const MatrixXf back = gradient * second_.weights.topRows(hidden_.cols()).transpose();
    first_.backward(x_, back.array() * (1 - hidden_.array().square()));
  }

  void step(float rate) {
    ++steps_;
    first_.step(rate, steps_);
    second_.step(rate, steps_);
  }

 private:
  std::mt19937 random_;
  Layer first_, second_;
  MatrixXf x_, hidden_;
  int steps_ = 0;
};

VectorXf curve(const VectorXf& x) {
  return (3 * x.array()).sin() + 0.5f * x.array();
}

}  // namespace

int main(int argc, char** argv) {
  const Eigen::Index n = 400;
  std::mt19937 random(1);
  std::normal_distribution<float> noise(0, 0.1f);
  const VectorXf x = VectorXf::LinSpaced(n, -2, 2), held_out = VectorXf::LinSpaced(101, -2, 2);
  VectorXf y = curve(x);
  for (Eigen::Index i = 0; i < n; ++i) y[i] += i % 8 == 0 ? 10.0f : noise(random);

  const losses::LossEvaluator evaluator(Network(7), x, y, held_out, curve(held_out),
                                        {.epochs = 300, .learning_rate = 0.01, .seed = 1});
  const auto comparison = evaluator.compare({{"mse", losses::MSE<float>()},
                                             {"huber", losses::Huber<float>({.delta = 0.2f})},
                                             {"cauchy", losses::Cauchy<float>({.scale = 0.2f})}});
  std::cout << comparison << "\nthe best: " << comparison.best().name << '\n';
  for (const auto& run : comparison.runs) {
    for (const auto& finding : losses::diagnose_loss_curve(run.train_curve, run.validation_curve)) {
      std::cout << run.name << ": " << finding << '\n';
    }
  }
  if (argc > 1) std::cout << comparison.plot(argv[1]).message << '\n';
}
