// SPDX-License-Identifier: MIT
// expect: a rule with a stage `V first

#include <losses/core/loss.hpp>

struct Rule {
  using Scalar = float;
  using Shape = losses::per_element;

  template <class V>
  losses::Terms<V> operator()(V p, V y) const {
    return {.value = p - y, .slope = V(1), .curvature = V(0)};
  }

  template <class V>
  V first(V p, V y) const {
    return p - y;
  }

#if defined(LOSSES_COMPILE_FAIL)
  template <class V>
  losses::Terms<V> last(V, V) const {
    return {.value = V(0), .slope = V(1), .curvature = V(0)};
  }
#else
  template <class V>
  losses::Terms<V> last(V, V, V r) const {
    return {.value = r, .slope = V(1), .curvature = V(0)};
  }
#endif
};

int main() {
  const Eigen::VectorXf prediction = Eigen::VectorXf::Zero(3);
  losses::Loss<Rule>().forward(prediction, prediction);
}
