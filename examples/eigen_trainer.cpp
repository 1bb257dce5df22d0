// SPDX-License-Identifier: MIT
// One loss in two trainers: samples as rows, and samples as columns, which passes transposes and copies nothing.
//
// expect: rows: +loss 0\.029
// expect: columns: loss 0\.029

#include <cmath>
#include <iostream>
#include <random>

#include <losses/classification.hpp>

using Eigen::MatrixXf;

int main() {
  // Three noisy clouds of points in a plane.
  const Eigen::Index n = 300;
  std::mt19937 random(1);
  const auto noise = [&] { return 0.6f * (static_cast<float>(random() % 2001) / 1000.0f - 1.0f); };
  MatrixXf points = MatrixXf::Ones(n, 3);
  Eigen::VectorXi labels(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    labels[i] = static_cast<int>(i % 3);
    points(i, 0) = std::cos(2.1f * static_cast<float>(labels[i])) + noise();
    points(i, 1) = std::sin(2.1f * static_cast<float>(labels[i])) + noise();
  }

  const losses::CrossEntropy<float> loss;

  // Samples as rows: logits [n × c].
  MatrixXf weights = MatrixXf::Zero(3, 3), gradient;
  float value = 0;
  for (int step = 0; step < 200; ++step) {
    const MatrixXf logits = points * weights;
    value = loss.value_and_gradient(logits, labels, gradient);
    weights -= points.transpose() * gradient;
  }
  std::cout << "rows:    loss " << value << '\n';

  // Samples as columns: logits [c × n]. The gradient is written through a transpose, in place of the logits.
  const MatrixXf columns = points.transpose();
  MatrixXf weights_of_columns = MatrixXf::Zero(3, 3);
  float value_of_columns = 0;
  for (int step = 0; step < 200; ++step) {
    MatrixXf logits = weights_of_columns * columns;
    value_of_columns = loss.value_and_gradient(logits.transpose(), labels, logits.transpose());
    weights_of_columns -= logits * columns.transpose();
  }
  std::cout << "columns: loss " << value_of_columns << '\n';
  std::cout << "largest difference of the weights " << (weights - weights_of_columns.transpose()).cwiseAbs().maxCoeff()
            << '\n';
}
