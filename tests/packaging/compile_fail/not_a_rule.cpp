// SPDX-License-Identifier: MIT
// expect: a per_element rule needs `using Scalar = float or double;`

#include <losses/core/loss.hpp>

struct Rule {
  using Scalar = float;
  using Shape = losses::per_element;

#if defined(LOSSES_COMPILE_FAIL)
  float operator()(float p, float y) const { return p - y; }
#else
  template <class V>
  losses::Terms<V> operator()(V p, V y) const {
    return {.value = p - y, .slope = V(1), .curvature = V(0)};
  }
#endif
};

int main() {
  const Eigen::VectorXf prediction = Eigen::VectorXf::Zero(3);
  losses::Loss<Rule>().forward(prediction, prediction);
}
