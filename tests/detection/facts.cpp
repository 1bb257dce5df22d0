// SPDX-License-Identifier: MIT

// What the four losses of boxes share.

#include <array>
#include <cmath>
#include <limits>
#include <string>

#include <losses/detection.hpp>

#include "laws_of_boxes.hpp"

using namespace losses_test;
using laws::expect_box;
using laws::one_box;

namespace {

template <class InFloat, class InDouble>
void identical_boxes() {
  for (const double side : {1e-3, 1.0, 640.0}) {
    const auto got = one_box(InDouble(), {-side, 5, side, 5 + side}, {-side, 5, side, 5 + side});
    CHECK(got.value == Catch::Approx(1e-7 / (2 * side * side + 1e-7)).epsilon(1e-12));
    for (const double slope : got.slope) CHECK(std::abs(slope) * side <= got.value);
  }
  const auto in_float = one_box(InFloat({.epsilon = 1e-6f}), {1, 2, 4, 6}, {1, 2, 4, 6});
  CHECK(in_float.value == Catch::Approx(1e-6 / 12).epsilon(1e-6));
}

template <class InFloat, class InDouble>
void huge_and_tiny_boxes() {
  const auto plain = one_box(InDouble({.epsilon = 0}), {1, 2, 4, 7}, {2, 1, 6, 5});
  const auto scaled = [&](auto loss, double s, double bound) {
    INFO("scaled by " << s);
    const auto got = one_box(loss, {s, 2 * s, 4 * s, 7 * s}, {2 * s, s, 6 * s, 5 * s});
    std::array<double, 4> slope = plain.slope;
    for (double& each : slope) each /= s;
    expect_box(got, plain.value, slope, bound);
  };
  for (const double s : {1e-15, 1e-8, 1e6, 1e15, 0x1p60, 1e19, 4e37}) scaled(InFloat({.epsilon = 0}), s, 2e-6);
  for (const double s : {1e-140, 1e-100, 1e100, 0x1p508, 1e200, 2e307}) scaled(InDouble({.epsilon = 0}), s, 1e-14);
  const float most = std::numeric_limits<float>::max();
  const auto largest = one_box(InFloat(), {-most, -most, most, most}, {-most, -most, most, most});
  CHECK(largest.value == 0);
  for (const double slope : largest.slope) CHECK(std::isfinite(slope));
  // A box of 1e-15 vanishes beside the default epsilon, as it must.
  CHECK(one_box(InFloat(), {0, 0, 1e-15, 1e-15}, {0, 0, 1e-15, 1e-15}).value == 1);
}

template <class InFloat, class InDouble>
void bad_epsilon(const std::string& name) {
  for (const double epsilon : {-1.0, -1e-300, std::numeric_limits<double>::infinity(), laws::nan<double>}) {
    laws::refuses_option(name + ": epsilon is ", [&] { InDouble({.epsilon = epsilon}); });
  }
}

}  // namespace

TEST_CASE("boxes: identical boxes of area A give epsilon/(A + epsilon)") {
  identical_boxes<losses::IoU<float>, losses::IoU<double>>();
  identical_boxes<losses::GIoU<float>, losses::GIoU<double>>();
  identical_boxes<losses::DIoU<float>, losses::DIoU<double>>();
  identical_boxes<losses::CIoU<float>, losses::CIoU<double>>();
}

TEST_CASE("boxes: huge and tiny boxes neither overflow nor vanish") {
  huge_and_tiny_boxes<losses::IoU<float>, losses::IoU<double>>();
  huge_and_tiny_boxes<losses::GIoU<float>, losses::GIoU<double>>();
  huge_and_tiny_boxes<losses::DIoU<float>, losses::DIoU<double>>();
  huge_and_tiny_boxes<losses::CIoU<float>, losses::CIoU<double>>();
}

TEST_CASE("boxes: an epsilon that is negative or not finite is refused") {
  bad_epsilon<losses::IoU<float>, losses::IoU<double>>("IoU");
  bad_epsilon<losses::GIoU<float>, losses::GIoU<double>>("GIoU");
  bad_epsilon<losses::DIoU<float>, losses::DIoU<double>>("DIoU");
  bad_epsilon<losses::CIoU<float>, losses::CIoU<double>>("CIoU");
}
