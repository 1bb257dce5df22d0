// SPDX-License-Identifier: MIT
// Gradient boosting of stumps, second order: a leaf's step is −Σ gradient / Σ curvature, which every per_element loss
// gives. One target in 20 is grossly wrong; the errors are measured against the true curve.
//
// expect: MSE +[0-9.]+\nHuber +0\.[0-9]+\nlog-cosh +0\.[0-9]+

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <random>
#include <vector>

#include <losses/regression.hpp>

using Eigen::Index, Eigen::VectorXd;

/// The step of a leaf and what it gains (Chen and Guestrin 2016, eq. 5 and 6); λ keeps it finite where Σ curvature is
/// 0.
struct Leaf {
  double gradient = 0, curvature = 0;
  static constexpr double lambda = 1e-3;

  double step() const { return -gradient / (curvature + lambda); }
  double gain() const { return gradient * gradient / (curvature + lambda); }
};

/// Boosts predictions of y from sorted x: each round splits x in two where the gain is largest.
template <class Loss>
VectorXd boost(const Loss& loss, const VectorXd& y, int rounds, double rate) {
  std::vector<double> sorted(y.begin(), y.end());
  std::nth_element(sorted.begin(), sorted.begin() + y.size() / 2, sorted.end());
  VectorXd prediction = VectorXd::Constant(y.size(), sorted[sorted.size() / 2]);
  for (int round = 0; round < rounds; ++round) {
    const VectorXd gradient = loss.gradient(prediction, y), curvature = loss.curvature(prediction, y);
    const Leaf all{gradient.sum(), curvature.sum()};
    Leaf left, best_left = all;
    Index split = y.size();
    double best = all.gain();
    for (Index i = 0; i + 1 < y.size(); ++i) {
      left.gradient += gradient[i];
      left.curvature += curvature[i];
      const Leaf right{all.gradient - left.gradient, all.curvature - left.curvature};
      if (i < 9 || y.size() - i < 11 || left.gain() + right.gain() <= best) continue;  // ten rows in a leaf
      best = left.gain() + right.gain();
      best_left = left;
      split = i + 1;
    }
    prediction.head(split).array() += rate * best_left.step();
    const Leaf right{all.gradient - best_left.gradient, all.curvature - best_left.curvature};
    prediction.tail(y.size() - split).array() += rate * right.step();
  }
  return prediction;
}

int main() {
  const Index n = 1000;
  std::mt19937 random(7);
  const auto uniform = [&] { return static_cast<double>(random()) / 4294967296.0; };
  VectorXd truth(n), y(n);
  for (Index i = 0; i < n; ++i) {
    truth[i] = std::sin(6.0 * static_cast<double>(i) / static_cast<double>(n));
    y[i] = truth[i] + 0.2 * (uniform() + uniform() - 1);
    if (uniform() < 0.05) y[i] += 30;
  }
  const auto error = [&](const VectorXd& prediction) {
    return std::sqrt((prediction - truth).squaredNorm() / double(n));
  };
  std::printf("root mean square distance from the true curve\n");
  // Sums, so that gradient and curvature are those of single rows.
  using losses::Reduction;
  std::printf("MSE      %.3f\n", error(boost(losses::MSE<double>(Reduction::sum), y, 300, 0.1)));
  std::printf("Huber    %.3f\n", error(boost(losses::Huber<double>({.delta = 0.5}, Reduction::sum), y, 300, 0.1)));
  std::printf("log-cosh %.3f\n", error(boost(losses::LogCosh<double>(Reduction::sum), y, 300, 0.1)));
}
