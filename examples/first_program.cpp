// SPDX-License-Identifier: MIT
// The first program: the value of a loss and its gradient.
//
// expect: loss 0\.78125
// expect: gradient +0\.125 +-0\.25 +0 +0\.25

#include <iostream>

#include <losses/regression.hpp>

int main() {
  const Eigen::Vector4f prediction(2.5f, 0.0f, 2.0f, 8.0f), target(2.0f, 1.0f, 2.0f, 5.0f);

  const losses::Huber<float> huber({.delta = 1.0f});
  Eigen::Vector4f gradient;
  const float value = huber.value_and_gradient(prediction, target, gradient);

  std::cout << "loss " << value << "\ngradient " << gradient.transpose() << '\n';
}
