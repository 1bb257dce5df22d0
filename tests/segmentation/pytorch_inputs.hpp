// SPDX-License-Identifier: MIT
#pragma once

/// The inputs on which PyTorch was run, in double: n = 2, c = 3, d = 5. The formulas stand in each test.
///
///   i = torch.arange(30.)
///   x = (3*torch.sin(1.7*i + 0.3)).reshape(2, 3, 5)                 # logits
///   p = (0.5 + 0.5*torch.sin(1.7*i + 0.3)).reshape(2, 3, 5)         # probabilities
///   y = ((i*i % 11 < 4) & (i != 13)).double().reshape(2, 3, 5)      # a mask
///   l = ((torch.arange(10)**2 + 1) % 3).reshape(2, 5); l[1, 3] = -100      # labels; none is 0

#include <losses/tensor.hpp>

#include "laws_of_sets.hpp"

namespace losses_test::pytorch {

using Tensor = Eigen::Tensor<double, 3, Eigen::RowMajor>;
using Labels = Eigen::Tensor<std::int64_t, 2, Eigen::RowMajor>;

template <class F>
Tensor fill(const F& f) {
  Tensor tensor(2, 3, 5);
  for (Index i = 0; i < 30; ++i) tensor.data()[i] = f(i);
  return tensor;
}

inline Tensor logits() {
  return fill([](Index i) { return 3 * std::sin(1.7 * static_cast<double>(i) + 0.3); });
}
inline Tensor probabilities() {
  return fill([](Index i) { return 0.5 + 0.5 * std::sin(1.7 * static_cast<double>(i) + 0.3); });
}
inline Tensor mask() {
  return fill([](Index i) { return i * i % 11 < 4 && i != 13 ? 1.0 : 0.0; });
}
inline Labels labels() {
  Labels labels(2, 5);
  for (Index i = 0; i < 10; ++i) labels.data()[i] = (i * i + 1) % 3;
  labels(1, 3) = -100;
  return labels;
}

/// The value; entries 0, 7 and 28 of x.grad.flatten(); its norm.
struct Expected {
  double value, at_0, at_7, at_28, norm;
};

template <class L, class Y>
void check(const L& loss, const Tensor& prediction, const Y& target, const Expected& want) {
  using Catch::Approx;
  Tensor g;
  CHECK(loss.value_and_gradient(prediction, target, g) == Approx(want.value).epsilon(1e-13));
  CHECK(g.data()[0] == Approx(want.at_0).epsilon(1e-12));
  CHECK(g.data()[7] == Approx(want.at_7).epsilon(1e-12));
  CHECK(g.data()[28] == Approx(want.at_28).epsilon(1e-12));
  CHECK(Eigen::Map<Eigen::VectorXd>(g.data(), 30).norm() == Approx(want.norm).epsilon(1e-12));
}

}  // namespace losses_test::pytorch
