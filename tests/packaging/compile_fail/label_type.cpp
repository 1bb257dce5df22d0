// SPDX-License-Identifier: MIT
// expect: the_target_must_hold_integer_labels_or_probabilities_with_the_scalar_of_the_loss

#include <losses/classification/cross_entropy.hpp>

int main() {
  const Eigen::VectorXf prediction = Eigen::VectorXf::Zero(3), target = prediction;
  [[maybe_unused]] const Eigen::MatrixXf logits = Eigen::MatrixXf::Zero(3, 2);
#if defined(LOSSES_COMPILE_FAIL)
  losses::CrossEntropy<float>().forward(logits, target.cast<double>());
#else
  losses::CrossEntropy<float>().forward(logits, target.cast<int>());
#endif
}
