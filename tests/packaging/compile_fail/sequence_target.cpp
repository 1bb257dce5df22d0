// SPDX-License-Identifier: MIT
// expect: targets_and_lengths_must_hold_integers

#include <losses/sequence/ctc.hpp>

int main() {
  const Eigen::MatrixXf logits = Eigen::MatrixXf::Zero(4, 3);
  const Eigen::VectorXf target = Eigen::VectorXf::Ones(2);
#if defined(LOSSES_COMPILE_FAIL)
  losses::CTC<float>().forward(logits, target);
#else
  losses::CTC<float>().forward(logits, target.cast<int>());
#endif
}
