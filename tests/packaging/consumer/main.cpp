// SPDX-License-Identifier: MIT

#include <cstdio>

#include <Eigen/Core>

#include <losses/losses.hpp>

int main() {
  const Eigen::VectorXf prediction{{0.5f, 2.0f, -4.0f}}, target{{0.0f, 0.0f, 0.0f}};
  Eigen::VectorXf gradient;
  const float value = losses::MSE<float>().value_and_gradient(prediction, target, gradient);
  std::printf("losses %d.%d.%d: %g\n", LOSSES_VERSION_MAJOR, LOSSES_VERSION_MINOR, LOSSES_VERSION_PATCH,
              static_cast<double>(value));
  return value == 6.75f && gradient[1] == 4.0f / 3 ? 0 : 1;
}
