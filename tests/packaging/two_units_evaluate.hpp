// SPDX-License-Identifier: MIT
#pragma once

#include <typeinfo>

#include <Eigen/Core>

#include <losses/losses.hpp>

#include "two_units.hpp"

namespace {

/// In an unnamed namespace, so that this too exists once in each unit. The gradients of the three losses are added up.
UnitResult evaluate(const float* prediction, const float* target, float* gradient, Eigen::Index n) {
  using Vector = Eigen::VectorXf;
  const Eigen::Map<const Vector> p(prediction, n);
  const Eigen::Map<const Vector> y(target, n);
  Eigen::Map<Vector> g(gradient, n);

  const losses::Huber<float> huber({.delta = 0.5f});
  const losses::LogCosh<float> log_cosh;
  const losses::CrossEntropy<float> cross_entropy;
  const Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> logits(prediction,
                                                                                                       n / 4, 4);
  Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> logits_gradient(gradient, n / 4, 4);
  Eigen::VectorXi labels(n / 4);
  for (Eigen::Index row = 0; row < n / 4; ++row) labels[row] = static_cast<int>(4 * row / (n / 4));

  UnitResult result;
  result.huber = static_cast<double>(huber.value_and_gradient(p, y, g));
  result.log_cosh = static_cast<double>(log_cosh.value_and_gradient(p, y, losses::add_to(g, 1.0f)));
  result.cross_entropy =
      static_cast<double>(cross_entropy.value_and_gradient(logits, labels, losses::add_to(logits_gradient, 1.0f)));
  result.type = typeid(huber).name();
  return result;
}

}  // namespace
