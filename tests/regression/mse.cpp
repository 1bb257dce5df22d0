// SPDX-License-Identifier: MIT

#include <losses/regression/mse.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("MSE: the laws", "[laws]") {
  laws::check(laws::element(
      "MSE", losses::MSE<float>(), losses::MSE<double>(),
      [](const auto&, Jet p, Jet y) { return reference::mse(p, y); }, real_line));
}

TEST_CASE("MSE: it is r², not half of it") {
  const auto [value, slope, curvature] = triple(losses::MSE<double>(), 3, 1);
  CHECK((value == 4 && slope == 4 && curvature == 2));
  const auto zero = triple(losses::MSE<double>(), 1, 1);
  CHECK((zero.value == 0 && zero.slope == 0 && zero.curvature == 2));
}

TEST_CASE("MSE: value and gradient are PyTorch's") {
  const Eigen::Vector4d p(0.5, -1.25, 3, 0), y(1, 0.75, -0.5, 0);
  // torch.nn.functional.mse_loss(p, y)
  Eigen::Vector4d g;
  CHECK(losses::MSE<double>().value_and_gradient(p, y, g) == 4.125);
  CHECK(g == Eigen::Vector4d(-0.25, -1, 1.75, 0));
}

TEST_CASE("MSE: 2 r beyond the largest number is a finite slope where the mean or a weight brings it back") {
  const auto check = [](auto most) {
    using T = decltype(most);
    const losses::MSE<T> loss;
    const Vector<T> p = Vector<T>::Constant(40, T(0.75) * most), y = Vector<T>::Zero(40);
    Vector<T> g, added = Vector<T>::Ones(40);
    loss.value_and_gradient(p, y, g);
    CHECK((g / most).isApprox(Vector<T>::Constant(40, T(1.5) / 40)));
    loss.value_and_gradient(p, y, losses::add_to(added, -1));
    CHECK((added / most).isApprox(Vector<T>::Constant(40, T(-1.5) / 40)));
    laws::with(loss, losses::Reduction::sum).value_and_gradient(p, y, Vector<T>(Vector<T>::Constant(40, T(0.5))), g);
    CHECK((g.array() == T(0.75) * most).all());
    laws::with(loss, losses::Reduction::sum).value_and_gradient(p, y, g);
    CHECK((g.array() == std::numeric_limits<T>::infinity()).all());
  };
  check(std::numeric_limits<float>::max());
  check(std::numeric_limits<double>::max());
}
