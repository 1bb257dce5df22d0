// SPDX-License-Identifier: MIT
#pragma once

/// A small network for tables: one hidden layer beside a straight path from inputs to outputs, trained by Adam.

#include <array>
#include <cmath>
#include <cstdint>

#include <Eigen/Core>

#include "random.hpp"

namespace support {

class Network {
 public:
  Network(Eigen::Index inputs, Eigen::Index hidden, Eigen::Index outputs, std::uint64_t seed) {
    Random random(seed);
    const auto layer = [&](Eigen::Index from, Eigen::Index to, double size) {
      const double deviation = size / std::sqrt(static_cast<double>(from));
      Parameter made;
      made.value = Eigen::MatrixXd::NullaryExpr(from, to, [&] { return deviation * random.normal(); });
      made.first = made.second = made.gradient = Eigen::MatrixXd::Zero(from, to);
      return made;
    };
    into_hidden_ = layer(inputs + 1, hidden, 1);  // the last row is of the constant 1
    out_of_hidden_ = layer(hidden, outputs, 0.1);
    straight_ = layer(inputs + 1, outputs, 0.1);
  }

  /// Inputs [n × inputs]; the outputs [n × outputs] are logits, or the target's estimate.
  Eigen::MatrixXd forward(const Eigen::MatrixXd& inputs) {
    inputs_.resize(inputs.rows(), inputs.cols() + 1);
    inputs_ << inputs, Eigen::VectorXd::Ones(inputs.rows());
    hidden_ = (inputs_ * into_hidden_.value).array().tanh();
    return hidden_ * out_of_hidden_.value + inputs_ * straight_.value;
  }

  void backward(const Eigen::MatrixXd& of_outputs) {
    out_of_hidden_.gradient = hidden_.transpose() * of_outputs;
    straight_.gradient = inputs_.transpose() * of_outputs;
    const Eigen::MatrixXd of_hidden =
        (of_outputs * out_of_hidden_.value.transpose()).array() * (1 - hidden_.array().square());
    into_hidden_.gradient = inputs_.transpose() * of_hidden;
  }

  /// Adam, with weights that decay by themselves: Loshchilov and Hutter (2019), arXiv:1711.05101, algorithm 2.
  void step(double rate) {
    ++steps_;
    for (Parameter* each : parameters()) each->step(rate, steps_);
  }

  const Eigen::MatrixXd& hidden_gradient() const { return into_hidden_.gradient; }
  const Eigen::MatrixXd& output_gradient() const { return out_of_hidden_.gradient; }
  const Eigen::MatrixXd& straight_gradient() const { return straight_.gradient; }

 private:
  struct Parameter {
    Eigen::MatrixXd value, gradient, first, second;

    void step(double rate, int steps) {
      constexpr double beta_1 = 0.9, beta_2 = 0.999, decay = 0.1;
      first = beta_1 * first + (1 - beta_1) * gradient;
      second = beta_2 * second + (1 - beta_2) * gradient.cwiseAbs2();
      const double scale_1 = 1 / (1 - std::pow(beta_1, steps)), scale_2 = 1 / (1 - std::pow(beta_2, steps));
      const Eigen::ArrayXXd move = scale_1 * first.array() / ((scale_2 * second.array()).sqrt() + 1e-8);
      value = value.array() * (1 - rate * decay) - rate * move;
    }
  };

  std::array<Parameter*, 3> parameters() { return {&into_hidden_, &out_of_hidden_, &straight_}; }

  Parameter into_hidden_, out_of_hidden_, straight_;
  Eigen::MatrixXd inputs_, hidden_;
  int steps_ = 0;
};

}  // namespace support
