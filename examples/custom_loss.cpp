// SPDX-License-Identifier: MIT
// A loss of your own is its formula; reduction, weights, storage orders, SIMD and threads come with it.
//
// expect: value 7\.66667\ngradient +-3 +0\.333333 +2\.66667
// expect: the gradient is right

#include <iostream>

#include <losses/losses.hpp>

namespace heating {

/// Up to the tolerance nobody minds; beyond it the square counts, and too cold costs more than too warm.
///   r = p − y,  e = max(|r| − tolerance, 0),  k = cold for r < 0, else 1,  value = k e²
template <std::floating_point T>
struct ComfortRule {
  using Scalar = T;
  using Shape = losses::per_element;

  T tolerance = 0.5;
  T cold = 3;

  template <class V>
  losses::Terms<V> operator()(V p, V y) const {
    const V r = p - y, e = max(abs(r) - V(tolerance), V(0)), k = where(r < V(0), V(cold), V(1));
    return {.value = k * e * e, .slope = copysign(V(2) * k * e, r), .curvature = where(e > V(0), V(2) * k, V(0))};
  }
};

}  // namespace heating

int main() {
  const losses::Loss<heating::ComfortRule<double>> comfort({.tolerance = 0.5});
  const Eigen::Vector3d room(18, 21, 24.5), wanted(20, 20, 20);
  Eigen::Vector3d gradient;
  const double value = comfort.value_and_gradient(room, wanted, gradient);
  std::cout << "value " << value << "\ngradient " << gradient.transpose() << '\n';
  std::cout << losses::check_gradient(comfort, room, wanted) << '\n';
}
