// SPDX-License-Identifier: MIT
// Gradient boosting of three classes, second order: each round fits one stump to each class's logit by the gradient and
// the diagonal curvature p (1 − p) of cross-entropy. The classes are a disc and two rings around it.
//
// expect: round +1: +[0-9]+ of 600
// expect: round +10: +4[0-9][0-9] of 600
// expect: round 100: +5[5-9][0-9] of 600

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <random>
#include <vector>

#include <losses/classification.hpp>

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd, Eigen::VectorXi;

struct Leaf {
  double gradient = 0, curvature = 0;
  static constexpr double lambda = 1;

  double step() const { return -gradient / (curvature + lambda); }
  double gain() const { return gradient * gradient / (curvature + lambda); }
};

struct Stump {
  Index feature = 0;
  double threshold = 0, below = 0, above = 0, gain = 0;

  double operator()(const MatrixXd& x, Index row) const { return x(row, feature) < threshold ? below : above; }
};

/// The split of one feature with the largest gain (Chen and Guestrin 2016, eq. 7).
Stump best_stump(const MatrixXd& x, const std::vector<std::vector<Index>>& sorted, const VectorXd& gradient,
                 const VectorXd& curvature) {
  const Leaf all{gradient.sum(), curvature.sum()};
  Stump best;
  for (Index feature = 0; feature < x.cols(); ++feature) {
    const auto& rows = sorted[static_cast<std::size_t>(feature)];
    Leaf left;
    for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
      left.gradient += gradient[rows[i]];
      left.curvature += curvature[rows[i]];
      const Leaf right{all.gradient - left.gradient, all.curvature - left.curvature};
      if (left.gain() + right.gain() <= best.gain) continue;
      const double threshold = (x(rows[i], feature) + x(rows[i + 1], feature)) / 2;
      best = {feature, threshold, left.step(), right.step(), left.gain() + right.gain()};
    }
  }
  return best;
}

/// Rows in the square [−1, 1]², with a class for each third of the radius.
void draw(std::mt19937& random, MatrixXd& x, VectorXi& labels) {
  const auto uniform = [&] { return static_cast<double>(random()) / 2147483648.0 - 1; };
  for (Index i = 0; i < x.rows(); ++i) {
    x.row(i) << uniform(), uniform();
    labels[i] = std::min(2, static_cast<int>(x.row(i).norm() * 2.6));
  }
}

int main() {
  const Index n = 600, classes = 3;
  std::mt19937 random(3);
  MatrixXd x(n, 2), test_x(n, 2);
  VectorXi labels(n), test_labels(n);
  draw(random, x, labels);
  draw(random, test_x, test_labels);
  std::vector<std::vector<Index>> sorted(2, std::vector<Index>(static_cast<std::size_t>(n)));
  for (Index feature = 0; feature < 2; ++feature) {
    auto& rows = sorted[static_cast<std::size_t>(feature)];
    std::iota(rows.begin(), rows.end(), Index{0});
    std::sort(rows.begin(), rows.end(), [&](Index a, Index b) { return x(a, feature) < x(b, feature); });
  }

  // A sum, so that gradient and curvature are those of single rows.
  const losses::CrossEntropy<double> loss(losses::Reduction::sum);
  MatrixXd logits = MatrixXd::Zero(n, classes), test_logits = logits;
  for (int round = 1; round <= 100; ++round) {
    const MatrixXd gradient = loss.gradient(logits, labels), curvature = loss.curvature(logits, labels);
    for (Index k = 0; k < classes; ++k) {
      const Stump stump = best_stump(x, sorted, gradient.col(k), curvature.col(k));
      for (Index i = 0; i < n; ++i) {
        logits(i, k) += 0.3 * stump(x, i);
        test_logits(i, k) += 0.3 * stump(test_x, i);
      }
    }
    if (round != 1 && round != 10 && round != 100) continue;
    Index right = 0;
    for (Index i = 0, guess = 0; i < n; ++i) {
      test_logits.row(i).maxCoeff(&guess);
      right += guess == test_labels[i] ? 1 : 0;
    }
    std::printf("round %3d: %td of %td rows that it has not seen are right\n", round, right, n);
  }
}
