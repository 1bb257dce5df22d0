// SPDX-License-Identifier: MIT
#pragma once

/// What people write with Eigen alone: array expressions, rowwise(), matrices of all pairs. Means, with the defaults of the
/// losses of the same name.

#include <cmath>
#include <limits>

#include "data.hpp"

namespace bench::plain_eigen {

using Vector = Eigen::VectorXf;
using Matrix = RowMajorMatrix<float>;

inline float mse(const Vector& p, const Vector& y, Vector& g) {
  g = (2.0f / static_cast<float>(p.size())) * (p - y);
  return (p - y).squaredNorm() / static_cast<float>(p.size());
}

inline float huber(const Vector& p, const Vector& y, Vector& g) {
  const Eigen::ArrayXf r = p - y, size = r.abs();
  g = r.max(-1.0f).min(1.0f) / static_cast<float>(p.size());
  return (size <= 1.0f).select(0.5f * r.square(), size - 0.5f).mean();
}

inline float bce_with_logits(const Vector& logits, const Vector& y, Vector& g) {
  const auto x = logits.array();
  g = ((1 + (-x).exp()).inverse() - y.array()) / static_cast<float>(logits.size());
  return (x.max(0.0f) - x * y.array() + (-x.abs()).exp().log1p()).mean();
}

inline float cross_entropy(const Matrix& x, const Labels& y, Matrix& g) {
  const Vector largest = x.rowwise().maxCoeff();
  g = (x.colwise() - largest).array().exp();
  const Vector total = g.rowwise().sum();
  g.array().colwise() /= total.array();
  float sum = 0;
  for (Index i = 0; i < x.rows(); ++i) {
    sum += largest[i] + std::log(total[i]) - x(i, y[i]);
    g(i, y[i]) -= 1;
  }
  g /= static_cast<float>(x.rows());
  return sum / static_cast<float>(x.rows());
}

inline float softmax_focal(const Matrix& x, const Labels& y, Matrix& g) {
  const Vector largest = x.rowwise().maxCoeff();
  g = (x.colwise() - largest).array().exp();
  const Vector total = g.rowwise().sum();
  g.array().colwise() /= total.array();
  Vector slope(x.rows());
  float sum = 0;
  for (Index i = 0; i < x.rows(); ++i) {
    const float p = g(i, y[i]), log_p = x(i, y[i]) - largest[i] - std::log(total[i]), missing = 1 - p;
    sum -= missing * missing * log_p;
    slope[i] = (missing * missing - 2 * missing * p * log_p) / static_cast<float>(x.rows());
    g(i, y[i]) -= 1;
  }
  g.array().colwise() *= slope.array();
  return sum / static_cast<float>(x.rows());
}

inline float dice(const Vector& p, const Vector& y, Vector& g) {
  const float top = 2 * p.dot(y) + 1, bottom = p.sum() + y.sum() + 1;
  g = (top - 2 * bottom * y.array()) / (bottom * bottom);
  return 1 - top / bottom;
}

/// Supervised contrastive loss at temperature 0.1, with the n × n matrix of similarities.
inline float sup_con(const Matrix& x, const Labels& labels, Matrix& g) {
  const Index n = x.rows();
  const float infinity = std::numeric_limits<float>::infinity();
  const Vector norms = x.rowwise().norm();
  const Matrix f = x.array().colwise() / norms.array();
  Matrix s = 10 * f * f.transpose();
  s.diagonal().setConstant(-infinity);
  const Vector largest = s.rowwise().maxCoeff();
  Matrix p = (s.colwise() - largest).array().exp();
  const Vector total = p.rowwise().sum();
  p.array().colwise() /= total.array();
  float sum = 0;
  for (Index i = 0; i < n; ++i) {
    const float log_sum = largest[i] + std::log(total[i]);
    Index positives = 0;
    for (Index j = 0; j < n; ++j) positives += j != i && labels[j] == labels[i];
    if (positives == 0) {
      p.row(i).setZero();
      continue;
    }
    const float share = 1 / static_cast<float>(positives);
    for (Index j = 0; j < n; ++j) {
      if (j == i || labels[j] != labels[i]) continue;
      sum += share * (log_sum - s(i, j));
      p(i, j) -= share;
    }
  }
  const Matrix slope = (10 / static_cast<float>(n)) * (p + p.transpose()) * f;
  const Vector along = slope.cwiseProduct(f).rowwise().sum();
  g = slope - (f.array().colwise() * along.array()).matrix();
  g.array().colwise() /= norms.array();
  return sum / static_cast<float>(n);
}

/// The hardest triplet of each row, with the n × n matrix of distances.
inline float batch_hard(const Matrix& x, const Labels& labels, Matrix& g) {
  const Index n = x.rows();
  const Vector squares = x.rowwise().squaredNorm();
  Matrix d = -2 * x * x.transpose();
  d.colwise() += squares;
  d.rowwise() += squares.transpose();
  d = d.cwiseMax(0).cwiseSqrt();
  g.setZero(n, x.cols());
  float sum = 0;
  Index anchors = 0;
  for (Index i = 0; i < n; ++i) {
    Index far = -1, near = -1;
    for (Index j = 0; j < n; ++j) {
      if (labels[j] == labels[i]) {
        if (j != i && (far < 0 || d(i, j) > d(i, far))) far = j;
      } else if (near < 0 || d(i, j) < d(i, near)) {
        near = j;
      }
    }
    if (far < 0 || near < 0) continue;
    ++anchors;
    const float value = d(i, far) - d(i, near) + 1;
    if (value <= 0) continue;
    sum += value;
    const Eigen::RowVectorXf pull = (x.row(i) - x.row(far)) / d(i, far), push = (x.row(i) - x.row(near)) / d(i, near);
    g.row(i) += pull - push;
    g.row(far) -= pull;
    g.row(near) += push;
  }
  g /= static_cast<float>(anchors);
  return sum / static_cast<float>(anchors);
}

}  // namespace bench::plain_eigen
