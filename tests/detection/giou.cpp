// SPDX-License-Identifier: MIT

#include <losses/detection/giou.hpp>

#include "laws_of_boxes.hpp"

using namespace losses_test;
using laws::expect_box;
using laws::one_box;

TEST_CASE("GIoU: the laws", "[laws]") {
  laws::check(
      laws::boxes("GIoU", losses::GIoU<float>(), losses::GIoU<double>(), reference::giou, reference::giou_terms, 2));
}

TEST_CASE("GIoU: the laws with an epsilon of half an area", "[laws]") {
  laws::check(laws::boxes("GIoU, epsilon 0.5", losses::GIoU<float>({.epsilon = 0.5f}),
                          losses::GIoU<double>({.epsilon = 0.5}), reference::giou, reference::giou_terms, 2));
}
TEST_CASE("GIoU: value and gradient are torchvision's") {
  const losses::GIoU<double> loss;
  // torchvision.ops.generalized_box_iou_loss(p, y, reduction="sum").backward(), torchvision 0.14
  expect_box(one_box(loss, {1, 2, 4, 7}, {2, 1, 6, 5}), 0.9266666670711111,
             {-0.04799999972711111, 0.10373333297902222, -0.16746666611804445, 0.06768888862145186});
  expect_box(one_box(loss, {0, 0, 1, 1}, {3, 2, 5, 6}), 1.6999999976666667,
             {-0.02666666704444444, -0.016666666999999996, -0.03333333322222222, -0.03333333322222222});
  expect_box(one_box(loss, {1, 1, 2, 3}, {0, 0, 5, 4}), 0.9000000005,
             {0.09999999949999999, 0.049999999749999996, -0.09999999949999999, -0.049999999749999996});
  // the same with eps=0.5
  expect_box(one_box(losses::GIoU<double>({.epsilon = 0.5}), {1, 2, 4, 7}, {2, 1, 6, 5}), 0.9286403085824494,
             {-0.04667359142148726, 0.10199103749503659, -0.16476638871556337, 0.06638093528825918});
}

TEST_CASE("GIoU: a shared edge takes half the gradient of each side, as in PyTorch") {
  const losses::GIoU<double> loss;
  // torchvision.ops.generalized_box_iou_loss(p, y, reduction="sum").backward(), torchvision 0.14
  expect_box(one_box(loss, {0, 0, 2, 2}, {0, 1, 2, 4}), 0.7500000031249999,
             {-0.04687499882812504, -0.06249999843750004, 0.04687499882812504, -0.24999999687500005});
}

TEST_CASE("GIoU: boxes that touch are pulled together: torch.clamp passes the gradient at 0") {
  const losses::GIoU<double> loss;
  // I = (min(p[2], y[2]) - max(p[0], y[0])).clamp(min=0) * (min(p[3], y[3]) - max(p[1], y[1])).clamp(min=0)
  // C = cw * ch; (1 - I / (U + 1e-7) + (C - U) / (C + 1e-7)).backward()
  expect_box(one_box(loss, {0, 0, 1, 1}, {1, 0, 2, 1}), 1, {0, 0, -0.4999999750000013, 0});
  expect_box(one_box(loss, {0, 0, 1, 1}, {1, 1, 3, 4}), 1.4166666631944445,
             {-0.11111111134259258, -0.06250000034722222, -0.0833333326388889, -0.0833333326388889});
}

TEST_CASE("GIoU: boxes without an area have a finite value and gradient") {
  const losses::GIoU<double> loss;
  // as above
  expect_box(one_box(loss, {1, 1, 1, 1}, {0, 0, 2, 2}), 1, {0, 0, 0, 0});
  expect_box(one_box(loss, {1, 1, 1, 3}, {0, 0, 2, 2}), 1.333333327777778,
             {0.4166666576388891, 0, -0.4166666576388891, 0.22222222037037037});
  expect_box(one_box(loss, {1, 1, 3, 1}, {0, 0, 2, 2}), 1.333333327777778,
             {0, 0.4166666576388891, 0.22222222037037037, -0.4166666576388891});
  expect_box(one_box(loss, {1, 1, 1, 1}, {1, 1, 1, 1}), 1, {0, 0, 0, 0});
  expect_box(one_box(loss, {0, 0, 0, 2}, {0, 0, 0, 2}), 1, {1e7, 0, -1e7, 0});
  expect_box(one_box(loss, {0, 0, 3, 1}, {1, 1, 1, 1}), 1, {0, 0, 0, -0.49999998333333395});
  for (const float at : {0.0f, 7.0f, -1e6f}) {
    for (const float side : {0.0f, 1.0f}) {
      const auto got = one_box(losses::GIoU<float>(), {at, at, at + side, at}, {at, at, at, at + side});
      CHECK(std::isfinite(got.value));
      for (const double slope : got.slope) CHECK(std::isfinite(slope));
    }
  }
}

TEST_CASE("GIoU: far apart it tends to 2, and IoU is blind there") {
  const auto near = one_box(losses::GIoU<double>(), {0, 0, 1, 1}, {2, 0, 3, 1});
  const auto far = one_box(losses::GIoU<double>(), {0, 0, 1, 1}, {2e6, 0, 2e6 + 1, 1});
  CHECK(near.value == Catch::Approx(4.0 / 3));
  CHECK(far.value == Catch::Approx(2).epsilon(1e-5));
  CHECK(near.slope[2] < 0);
}

TEST_CASE("GIoU: an infinite coordinate gives the limit") {
  const double infinity = std::numeric_limits<double>::infinity();
  const losses::GIoU<double> loss;
  CHECK(one_box(loss, {0, 0, infinity, 1}, {0, 0, 1, 1}).value == Catch::Approx(1));
  CHECK(one_box(loss, {0, 0, 1, 1}, {-infinity, -infinity, infinity, infinity}).value == Catch::Approx(1));
  CHECK(one_box(loss, {0, 0, 1, 1}, {5, 5, infinity, 6}).value == Catch::Approx(2 - 1.0 / 6));
}

TEST_CASE("GIoU: the default epsilon is torchvision's 1e-7") {
  CHECK(losses::GIoU<double>().rule().epsilon == 1e-7);
}

TEST_CASE("GIoU: the largest finite epsilon is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::GIoU<float>({.epsilon = most}));
}
