// SPDX-License-Identifier: MIT
// expect: an_argument_has_another_scalar_than_the_loss_so_cast_it

#include <losses/regression/huber.hpp>

int main() {
  const Eigen::VectorXf prediction = Eigen::VectorXf::Zero(3), target = prediction;
  [[maybe_unused]] const Eigen::MatrixXf logits = Eigen::MatrixXf::Zero(3, 2);
#if defined(LOSSES_COMPILE_FAIL)
  losses::Huber<float>().forward(prediction, target.cast<int>());
#else
  losses::Huber<float>().forward(prediction, target);
#endif
}
