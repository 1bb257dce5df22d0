// SPDX-License-Identifier: MIT
#include <losses/losses.hpp>

float step(const Eigen::VectorXf& p, const Eigen::VectorXf& y, Eigen::VectorXf& g) {
  return losses::Huber<float>().value_and_gradient(p, y, g) + losses::LogCosh<float>().value_and_gradient(p, y, g);
}

float step(const Eigen::MatrixXf& logits, const Eigen::VectorXi& labels, Eigen::MatrixXf& g) {
  return losses::CrossEntropy<float>().value_and_gradient(logits, labels, g);
}
