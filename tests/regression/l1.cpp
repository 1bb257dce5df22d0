// SPDX-License-Identifier: MIT

#include <losses/regression/l1.hpp>

#include "laws.hpp"

using namespace losses_test;
using laws::triple;

TEST_CASE("L1: the laws", "[laws]") {
  laws::check(laws::element(
      "L1", losses::L1<float>(), losses::L1<double>(), [](const auto&, Jet p, Jet y) { return reference::l1(p, y); },
      real_line));
}

TEST_CASE("L1: the slope is 0 at 0 and the sign elsewhere") {
  const losses::L1<double> l1;
  const double tiny = 5e-324;
  CHECK((triple(l1, 0, 0).value == 0 && triple(l1, 0, 0).slope == 0 && triple(l1, 0, 0).curvature == 0));
  CHECK((triple(l1, tiny, 0).value == tiny && triple(l1, tiny, 0).slope == 1));
  CHECK((triple(l1, -tiny, 0).value == tiny && triple(l1, -tiny, 0).slope == -1));
  CHECK(triple(l1, 3, -4).value == 7);
  CHECK(triple(losses::L1<float>(), 0.f, -0.f).slope == 0);
}

TEST_CASE("L1: value and gradient are PyTorch's") {
  const Eigen::Vector4d p(0.5, -1.25, 3, 0), y(1, 0.75, -0.5, 0);
  // torch.nn.functional.l1_loss(p, y)
  Eigen::Vector4d g;
  CHECK(losses::L1<double>().value_and_gradient(p, y, g) == 1.5);
  CHECK(g == Eigen::Vector4d(-0.25, -0.25, 0.25, 0));
}
