// SPDX-License-Identifier: MIT

#include <losses/detection/ciou.hpp>
#include <losses/detection/diou.hpp>

#include "laws_of_boxes.hpp"

using namespace losses_test;
using laws::expect_box;
using laws::one_box;

TEST_CASE("CIoU: the laws", "[laws]") {
  laws::check(laws::boxes("CIoU", losses::CIoU<float>(), losses::CIoU<double>(), reference::ciou, reference::ciou_terms,
                          3, false));
}

TEST_CASE("CIoU: the laws with an epsilon of half an area", "[laws]") {
  laws::check(laws::boxes("CIoU, epsilon 0.5", losses::CIoU<float>({.epsilon = 0.5f}),
                          losses::CIoU<double>({.epsilon = 0.5}), reference::ciou, reference::ciou_terms, 3, false));
}
TEST_CASE("CIoU: value and gradient are torchvision's") {
  const losses::CIoU<double> loss;
  // torchvision.ops.complete_box_iou_loss(p, y, reduction="sum").backward(), torchvision 0.14
  expect_box(one_box(loss, {1, 2, 4, 7}, {2, 1, 6, 5}), 0.8345247829689024,
             {-0.059591050840084495, 0.09444680997296943, -0.12629575303095625, 0.03942128949351367});
  expect_box(one_box(loss, {0, 0, 1, 1}, {3, 2, 5, 6}), 1.4033288043032655,
             {0.0032146260936672015, 0.026884809255106484, -0.052126209029243316, -0.06262788914329097});
  expect_box(one_box(loss, {1, 1, 2, 3}, {0, 0, 5, 4}), 0.9302751985278045,
             {0.08649754170962716, 0.0445561067237111, -0.1352780293955284, -0.0445561067237111});
}

TEST_CASE("CIoU: a shared edge takes half the gradient of each side, as in PyTorch") {
  const losses::CIoU<double> loss;
  // torchvision.ops.complete_box_iou_loss(p, y, reduction="sum").backward(), torchvision 0.14
  expect_box(one_box(loss, {0, 0, 2, 2}, {0, 1, 2, 4}), 0.8628256586272329,
             {0.026050118338073677, -0.09167511657244873, -0.026050118338073677, -0.3258248784400513});
}

TEST_CASE("CIoU: boxes that touch are pulled together: torch.clamp passes the gradient at 0") {
  const losses::CIoU<double> loss;
  // I = (min(p[2], y[2]) - max(p[0], y[0])).clamp(min=0) * (min(p[3], y[3]) - max(p[1], y[1])).clamp(min=0)
  // v = 4 / pi**2 * (atan2(yw, yh) - atan2(pw, ph))**2; (diou + (v / (1 - iou + v + 1e-7)).detach() * v).backward()
  expect_box(one_box(loss, {0, 0, 1, 1}, {1, 0, 2, 1}), 1.199999996,
             {-0.0400000023999999, 0.03999999840000004, -0.6999999710000013, -0.03999999840000004});
  expect_box(one_box(loss, {0, 0, 1, 1}, {1, 1, 3, 4}), 1.2502455067535048,
             {-0.001243735173508618, 0.0012437346135086133, -0.05875626482649139, -0.08124373461350862});
}

TEST_CASE("CIoU: boxes without an area have a finite value and gradient") {
  const losses::CIoU<double> loss;
  // as above; where atan2 is at (0, 0), its gradient is taken as 0
  expect_box(one_box(loss, {1, 1, 1, 1}, {0, 0, 2, 2}), 1.0499999960000004, {0, 0, 0, 0});
  expect_box(one_box(loss, {1, 1, 1, 3}, {0, 0, 2, 2}), 1.1269230723313612,
             {0.3136619658938005, 0.07692307633136096, -0.3136619658938005, 0.04142011829767865});
  expect_box(one_box(loss, {1, 1, 3, 1}, {0, 0, 2, 2}), 1.1269230723313612,
             {0.07692307633136096, 0.3136619658938005, 0.04142011829767865, -0.3136619658938005});
  expect_box(one_box(loss, {1, 1, 1, 1}, {1, 1, 1, 1}), 1, {0, 0, 0, 0});
  expect_box(one_box(loss, {0, 0, 0, 2}, {0, 0, 0, 2}), 1, {1e7, 0, -1e7, 0});
  expect_box(one_box(loss, {0, 0, 3, 1}, {1, 1, 1, 1}), 1.2949268017366613,
             {0.040781772050493166, 0.07765468084852056, 0.059218226949506854, -0.17265467994852057});
  for (const float at : {0.0f, 7.0f, -1e6f}) {
    for (const float side : {0.0f, 1.0f}) {
      const auto got = one_box(losses::CIoU<float>(), {at, at, at + side, at}, {at, at, at, at + side});
      CHECK(std::isfinite(got.value));
      for (const double slope : got.slope) CHECK(std::isfinite(slope));
    }
  }
}

TEST_CASE("CIoU: a box of no size has the angle 0, whatever the signs of its zeros") {
  // 1 − iou = 1, d = (1/2)/2, v = (4/π²) (π/4)² = 1/4, α = (1/4)/(5/4)
  for (const double zero : {0.0, -0.0}) {
    Eigen::Matrix<double, 1, 4> prediction(0, 0, zero, zero), target(0, 0, 1, 1);
    CHECK(losses::CIoU<double>().forward(prediction, target) == Approx(1 + 0.25 + 0.2 * 0.25).epsilon(1e-6));
    CHECK(losses::CIoU<double>().forward(target, prediction) == Approx(1 + 0.25 + 0.2 * 0.25).epsilon(1e-6));
  }
}

TEST_CASE("CIoU: alpha is held, so the gradient is not the value's derivative") {
  const losses::CIoU<double> loss;
  const double h = 1e-6;
  const auto got = one_box(loss, {0, 0, 1, 1}, {3, 2, 5, 6});
  const double difference =
      (one_box(loss, {0, 0, 1 + h, 1}, {3, 2, 5, 6}).value - one_box(loss, {0, 0, 1 - h, 1}, {3, 2, 5, 6}).value) /
      (2 * h);
  CHECK(std::abs(got.slope[2] - difference) > 1e-3);
}

TEST_CASE("CIoU: of boxes of one shape it is DIoU") {
  const losses::DIoU<double> other;
  for (const double x : {-3.0, 0.5, 20.0}) {
    const auto is = one_box(losses::CIoU<double>(), {0, 0, 2, 3}, {x, 1, x + 4, 7});
    const auto must = one_box(other, {0, 0, 2, 3}, {x, 1, x + 4, 7});
    expect_box(is, must.value, must.slope, 1e-15);
  }
}

TEST_CASE("CIoU: the default epsilon is torchvision's 1e-7") {
  CHECK(losses::CIoU<double>().rule().epsilon == 1e-7);
}

TEST_CASE("CIoU: the largest finite epsilon is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::CIoU<float>({.epsilon = most}));
}
