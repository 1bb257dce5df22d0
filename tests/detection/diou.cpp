// SPDX-License-Identifier: MIT

#include <losses/detection/diou.hpp>

#include "laws_of_boxes.hpp"

using namespace losses_test;
using laws::expect_box;
using laws::one_box;

TEST_CASE("DIoU: the laws", "[laws]") {
  laws::check(
      laws::boxes("DIoU", losses::DIoU<float>(), losses::DIoU<double>(), reference::diou, reference::diou_terms, 2));
}

TEST_CASE("DIoU: the laws with an epsilon of half an area", "[laws]") {
  laws::check(laws::boxes("DIoU, epsilon 0.5", losses::DIoU<float>({.epsilon = 0.5f}),
                          losses::DIoU<double>({.epsilon = 0.5}), reference::diou, reference::diou_terms, 2));
}
TEST_CASE("DIoU: value and gradient are torchvision's") {
  const losses::DIoU<double> loss;
  // torchvision.ops.distance_box_iou_loss(p, y, reduction="sum").backward(), torchvision 0.14
  expect_box(one_box(loss, {1, 2, 4, 7}, {2, 1, 6, 5}), 0.8337704926423435,
             {-0.06049664030332626, 0.09499016365091449, -0.12539016356771449, 0.038877935815568615});
  expect_box(one_box(loss, {0, 0, 1, 1}, {3, 2, 5, 6}), 1.4016393436038699,
             {0.008465466150691027, 0.021633969198082657, -0.05737704908626714, -0.05737704908626714});
  expect_box(one_box(loss, {1, 1, 2, 3}, {0, 0, 5, 4}), 0.9243902443429506,
             {0.07560975565704936, 0.049999999749999996, -0.12439024334295062, -0.049999999749999996});
  // the same with eps=0.5
  expect_box(one_box(losses::DIoU<double>({.epsilon = 0.5}), {1, 2, 4, 7}, {2, 1, 6, 5}), 0.8378766140602582,
             {-0.05862866544945305, 0.09359439615157397, -0.12358286212619912, 0.03779468885920187});
}

TEST_CASE("DIoU: a shared edge takes half the gradient of each side, as in PyTorch") {
  const losses::DIoU<double> loss;
  // torchvision.ops.distance_box_iou_loss(p, y, reduction="sum").backward(), torchvision 0.14
  expect_box(one_box(loss, {0, 0, 2, 2}, {0, 1, 2, 4}), 0.8625000025624999,
             {0.026875000278124977, -0.09249999851250004, -0.026875000278124977, -0.3249999965});
}

TEST_CASE("DIoU: boxes that touch are pulled together: torch.clamp passes the gradient at 0") {
  const losses::DIoU<double> loss;
  // I = (min(p[2], y[2]) - max(p[0], y[0])).clamp(min=0) * (min(p[3], y[3]) - max(p[1], y[1])).clamp(min=0)
  // d = rho2 / (cw**2 + ch**2 + 1e-7); (1 - I / (U + 1e-7) + d).backward()
  expect_box(one_box(loss, {0, 0, 1, 1}, {1, 0, 2, 1}), 1.199999996,
             {-0.0400000023999999, 0.03999999840000004, -0.6999999710000013, -0.03999999840000004});
  expect_box(one_box(loss, {0, 0, 1, 1}, {1, 1, 3, 4}), 1.249999999,
             {-2.4000000597990123e-10, -3.199999987213431e-10, -0.059999999760000006, -0.07999999968}, 1e-9);
}

TEST_CASE("DIoU: boxes without an area have a finite value and gradient") {
  const losses::DIoU<double> loss;
  // as above
  expect_box(one_box(loss, {1, 1, 1, 1}, {0, 0, 2, 2}), 1, {0, 0, 0, 0});
  expect_box(one_box(loss, {1, 1, 1, 3}, {0, 0, 2, 2}), 1.0769230763313609,
             {0.24999999375000015, 0.07692307633136096, -0.24999999375000015, 0.04142011829767865});
  expect_box(one_box(loss, {1, 1, 3, 1}, {0, 0, 2, 2}), 1.0769230763313609,
             {0.07692307633136096, 0.24999999375000015, 0.04142011829767865, -0.24999999375000015});
  expect_box(one_box(loss, {1, 1, 1, 1}, {1, 1, 1, 1}), 1, {0, 0, 0, 0});
  expect_box(one_box(loss, {0, 0, 0, 2}, {0, 0, 0, 2}), 1, {1e7, 0, -1e7, 0});
  expect_box(one_box(loss, {0, 0, 3, 1}, {1, 1, 1, 1}), 1.0499999995,
             {0.07999999890000002, -0.039999999700000004, 0.0200000001, -0.05499999940000001});
  for (const float at : {0.0f, 7.0f, -1e6f}) {
    for (const float side : {0.0f, 1.0f}) {
      const auto got = one_box(losses::DIoU<float>(), {at, at, at + side, at}, {at, at, at, at + side});
      CHECK(std::isfinite(got.value));
      for (const double slope : got.slope) CHECK(std::isfinite(slope));
    }
  }
}

TEST_CASE("DIoU: the default epsilon is torchvision's 1e-7") {
  CHECK(losses::DIoU<double>().rule().epsilon == 1e-7);
}

TEST_CASE("DIoU: the largest finite epsilon is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::DIoU<float>({.epsilon = most}));
}
