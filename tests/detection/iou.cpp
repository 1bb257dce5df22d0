// SPDX-License-Identifier: MIT

#include <losses/detection/iou.hpp>

#include "laws_of_boxes.hpp"

using namespace losses_test;
using laws::expect_box;
using laws::one_box;

TEST_CASE("IoU: the laws", "[laws]") {
  laws::check(laws::boxes("IoU", losses::IoU<float>(), losses::IoU<double>(), reference::iou, reference::iou_terms, 1));
}

TEST_CASE("IoU: the laws with an epsilon of half an area", "[laws]") {
  laws::check(laws::boxes("IoU, epsilon 0.5", losses::IoU<float>({.epsilon = 0.5f}),
                          losses::IoU<double>({.epsilon = 0.5}), reference::iou, reference::iou_terms, 1));
}
TEST_CASE("IoU: value and gradient are PyTorch's") {
  const losses::IoU<double> loss;
  // side = lambda a, b: (torch.min(p[b], y[b]) - torch.max(p[a], y[a])).clamp(min=0); I = side(0, 2) * side(1, 3)
  // U = (p[2] - p[0]) * (p[3] - p[1]) + (y[2] - y[0]) * (y[3] - y[1]) - I; (1 - I / (U + 1e-7)).backward()
  expect_box(one_box(loss, {1, 2, 4, 7}, {2, 1, 6, 5}), 0.76000000096,
             {-0.047999999616, 0.0703999997568, -0.1007999996736, 0.0287999997696});
  expect_box(one_box(loss, {0, 0, 1, 1}, {3, 2, 5, 6}), 1.0, {0, 0, 0, 0});
  expect_box(one_box(loss, {1, 1, 2, 3}, {0, 0, 5, 4}), 0.9000000005,
             {0.09999999949999999, 0.049999999749999996, -0.09999999949999999, -0.049999999749999996});
  // the same with 1e-7 replaced by 0.5
  expect_box(one_box(losses::IoU<double>({.epsilon = 0.5}), {1, 2, 4, 7}, {2, 1, 6, 5}), 0.7647058823529411,
             {-0.0461361014994233, 0.06920415224913495, -0.0991926182237601, 0.02768166089965398});
}

TEST_CASE("IoU: a shared edge takes half the gradient of each side, as in PyTorch") {
  const losses::IoU<double> loss;
  // as above
  expect_box(one_box(loss, {0, 0, 2, 2}, {0, 1, 2, 4}), 0.7500000031249999,
             {0.015625000390624977, -0.06249999843750004, -0.015625000390624977, -0.24999999687500002});
}

TEST_CASE("IoU: boxes that touch are pulled together: torch.clamp passes the gradient at 0") {
  const losses::IoU<double> loss;
  // I = (min(p[2], y[2]) - max(p[0], y[0])).clamp(min=0) * (min(p[3], y[3]) - max(p[1], y[1])).clamp(min=0)
  // (1 - I / (U + 1e-7)).backward()
  expect_box(one_box(loss, {0, 0, 1, 1}, {1, 0, 2, 1}), 1, {0, 0, -0.4999999750000013, 0});
  expect_box(one_box(loss, {0, 0, 1, 1}, {1, 1, 3, 4}), 1, {0, 0, 0, 0});
}

TEST_CASE("IoU: boxes without an area have a finite value and gradient") {
  const losses::IoU<double> loss;
  // as above
  expect_box(one_box(loss, {1, 1, 1, 1}, {0, 0, 2, 2}), 1, {0, 0, 0, 0});
  expect_box(one_box(loss, {1, 1, 1, 3}, {0, 0, 2, 2}), 1, {0.24999999375000015, 0, -0.24999999375000015, 0});
  expect_box(one_box(loss, {1, 1, 3, 1}, {0, 0, 2, 2}), 1, {0, 0.24999999375000015, 0, -0.24999999375000015});
  expect_box(one_box(loss, {1, 1, 1, 1}, {1, 1, 1, 1}), 1, {0, 0, 0, 0});
  expect_box(one_box(loss, {0, 0, 0, 2}, {0, 0, 0, 2}), 1, {1e7, 0, -1e7, 0});
  expect_box(one_box(loss, {0, 0, 3, 1}, {1, 1, 1, 1}), 1, {0, 0, 0, 0});
  for (const float at : {0.0f, 7.0f, -1e6f}) {
    for (const float side : {0.0f, 1.0f}) {
      const auto got = one_box(losses::IoU<float>(), {at, at, at + side, at}, {at, at, at, at + side});
      CHECK(std::isfinite(got.value));
      for (const double slope : got.slope) CHECK(std::isfinite(slope));
    }
  }
}

TEST_CASE("IoU: the default epsilon is torchvision's 1e-7") {
  CHECK(losses::IoU<double>().rule().epsilon == 1e-7);
}

TEST_CASE("IoU: the largest finite epsilon is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::IoU<float>({.epsilon = most}));
}
