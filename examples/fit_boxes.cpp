// SPDX-License-Identifier: MIT
// Gradient descent on a box that starts beside its target, with each loss of the detection room. Without overlap IoU has no
// gradient and the box stays where it is; the others pull it in.
//
// expect: \nIoU +0\.000 +0\.000 +0\.000 +0\.000 +0\.000 .*stays
// expect: GIoU +0\.000 [^\n]+ (0\.9|1\.0)[0-9]+ [^\n]+converges
// expect: DIoU +0\.000 [^\n]+ (0\.9|1\.0)[0-9]+ [^\n]+converges
// expect: CIoU +0\.000 [^\n]+ (0\.9|1\.0)[0-9]+ [^\n]+converges

#include <cstdio>
#include <utility>

#include <losses/detection.hpp>

using Box = Eigen::RowVector4d;  // [1 × 4]: x1, y1, x2, y2

/// Descends with ever shorter steps, from number `first` to before `last`; the corners are kept in their order.
template <class Loss>
void descend(const Loss& loss, Box& box, const Box& target, int first, int last) {
  Box gradient;
  for (int step = first; step < last; ++step) {
    loss.value_and_gradient(box, target, gradient);
    box -= 0.5 / (1 + 0.02 * step) * gradient;
    for (int axis = 0; axis < 2; ++axis) {
      if (box[axis] > box[axis + 2]) std::swap(box[axis], box[axis + 2]);
    }
  }
}

template <class Loss>
void fit(const char* name, const Loss& loss) {
  const Box start(0, 0, 2, 1), target(3, 2, 5, 6);
  const losses::IoU<double> one_minus_overlap;
  Box box = start;
  double overlap = 0;
  std::printf("%-5s", name);
  for (int done = 0; const int steps : {20, 60, 200, 400, 1000}) {
    descend(loss, box, target, done, steps);
    done = steps;
    overlap = 1 - one_minus_overlap.forward(box, target);
    std::printf("  %7.3f", overlap);
  }
  std::printf("   (%.2f, %.2f, %.2f, %.2f)  %s\n", box[0], box[1], box[2], box[3],
              box == start     ? "stays where it is"
              : overlap > 0.95 ? "converges"
                               : "is on its way");
}

int main() {
  std::printf("from (0, 0, 2, 1) to (3, 2, 5, 6): overlap (IoU) after so many steps\n\n");
  std::printf("loss        20       60       200      400     1000   box at the end\n");
  fit("IoU", losses::IoU<double>());
  fit("GIoU", losses::GIoU<double>());
  fit("DIoU", losses::DIoU<double>());
  fit("CIoU", losses::CIoU<double>());
}
