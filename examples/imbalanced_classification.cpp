// SPDX-License-Identifier: MIT
// Two positives in a hundred, which overlap the negatives: what a weight for positives, and the focal loss, do to
// precision and recall of a logistic regression on rows held out.
//
// expect: BCEWithLogits +0\.[67][0-9] +0\.2[0-9]
// expect: BCEWithLogits, pos_weight 47 +0\.1[0-9] +0\.8[0-9]
// expect: FocalWithLogits, alpha 0\.75 +0\.4[0-9] +0\.3[0-9]

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <random>

#include <losses/classification.hpp>

using Eigen::Index, Eigen::MatrixXf, Eigen::VectorXf;

struct Rows {
  MatrixXf x;  // [n × 4], the last column is 1
  VectorXf y;  // [n], 0 or 1
};

Rows draw(Index n, unsigned seed) {
  std::mt19937 random(seed);
  const auto uniform = [&] { return (static_cast<double>(random()) + 0.5) / 4294967296.0; };
  const auto normal = [&] { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()); };
  Rows rows{MatrixXf::Ones(n, 4), VectorXf(n)};
  for (Index i = 0; i < n; ++i) {
    rows.y[i] = uniform() < 0.02 ? 1.0f : 0.0f;
    for (Index j = 0; j < 3; ++j) rows.x(i, j) = static_cast<float>(normal() + 1.25 * double(rows.y[i]));
  }
  return rows;
}

/// Gradient descent with momentum on the whole table; the rate is that of a loss whose slopes are of size 1.
template <class Loss>
VectorXf train(const Loss& loss, const Rows& rows, float rate) {
  VectorXf weights = VectorXf::Zero(rows.x.cols()), velocity = weights, gradient;
  for (int step = 0; step < 400; ++step) {
    loss.value_and_gradient(rows.x * weights, rows.y, gradient);
    velocity = 0.9f * velocity - rate * (rows.x.transpose() * gradient);
    weights += velocity;
  }
  return weights;
}

template <class Loss>
void study(const char* name, const Loss& loss, float rate, const Rows& known, const Rows& held_out) {
  const VectorXf logits = held_out.x * train(loss, known, rate);
  const auto found = (logits.array() > 0).cast<float>().eval();
  const float hits = (found * held_out.y.array()).sum();
  const float precision = hits / std::max(found.sum(), 1.0f), recall = hits / held_out.y.sum();
  std::printf("%-32s  %.2f       %.2f    %.2f\n", name, double(precision), double(recall),
              double(2 * precision * recall / std::max(precision + recall, 1e-9f)));
}

int main() {
  const Rows known = draw(20000, 1), held_out = draw(20000, 2);
  const float positives = known.y.sum(), ratio = (float(known.y.size()) - positives) / positives;
  std::printf("%.0f positives in %d rows\n", double(positives), int(known.y.size()));
  std::printf("%-32s  precision  recall  F1\n", "");
  char name[40];
  std::snprintf(name, sizeof name, "BCEWithLogits, pos_weight %.0f", double(ratio));
  study("BCEWithLogits", losses::BCEWithLogits<float>(), 0.5f, known, held_out);
  study(name, losses::BCEWithLogits<float>({.pos_weight = ratio}), 0.1f, known, held_out);
  study("FocalWithLogits, alpha 0.75", losses::FocalWithLogits<float>({.alpha = 0.75f}), 2.0f, known, held_out);
}
