// SPDX-License-Identifier: MIT
// expect: wrong_number_of_arguments

#include <losses/regression/huber.hpp>

int main() {
  const Eigen::VectorXf prediction = Eigen::VectorXf::Zero(3), target = prediction;
  [[maybe_unused]] const Eigen::MatrixXf logits = Eigen::MatrixXf::Zero(3, 2);
#if defined(LOSSES_COMPILE_FAIL)
  losses::Huber<float>().forward(prediction);
#else
  losses::Huber<float>().forward(prediction, target);
#endif
}
