// SPDX-License-Identifier: MIT
// expect: the_gradient_must_be_a_writable_Eigen_object_with_the_scalar_of_the_loss

#include <losses/regression/huber.hpp>

int main() {
  const Eigen::VectorXf prediction = Eigen::VectorXf::Zero(3), target = prediction;
  [[maybe_unused]] const Eigen::MatrixXf logits = Eigen::MatrixXf::Zero(3, 2);
#if defined(LOSSES_COMPILE_FAIL)
  Eigen::VectorXd gradient;
  losses::Huber<float>().value_and_gradient(prediction, target, gradient);
#else
  Eigen::VectorXf gradient;
  losses::Huber<float>().value_and_gradient(prediction, target, gradient);
#endif
}
