// SPDX-License-Identifier: MIT
// expect: a per_row rule with a Target needs `using Scalar = float or double;`

#include <losses/core/loss.hpp>

struct Rule {
  using Scalar = float;
  using Shape = losses::per_row;
  using Target = losses::rule::Label;

#if defined(LOSSES_COMPILE_FAIL)
  float operator()(float log_p) const { return -log_p; }
#else
  float operator()(const losses::rule::Row<float>& row, float* slope) const {
    for (Eigen::Index j = 0; slope != nullptr && j < row.size; ++j) slope[j] = j == row.label ? -1.f : 0.f;
    return -row.x[row.label];
  }
#endif
};

int main() {
  const Eigen::MatrixXf scores = Eigen::MatrixXf::Zero(3, 2);
  const Eigen::VectorXi labels = Eigen::VectorXi::Zero(3);
  losses::Loss<Rule>().forward(scores, labels);
}
