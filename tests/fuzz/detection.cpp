// SPDX-License-Identifier: MIT
// Any call of a loss of boxes, against its formula.

#include <array>

#include "loss_target.hpp"

namespace losses_test {

namespace {

/// The larger of two coordinates, which have no rounding; of equal ones each has half the derivative.
Number later(const Number& a, const Number& b) {
  if (a.f == b.f) return {a.f, (a.d + b.d) / 2, 0, 0};
  return a.f > b.f ? a : b;
}
Number earlier(const Number& a, const Number& b) {
  return -later(-a, -b);
}

struct Boxes {
  std::array<Number, 4> p, y;
  Number epsilon;

  Number inside(std::size_t axis) const { return earlier(p[axis + 2], y[axis + 2]) - later(p[axis], y[axis]); }
  Number around(std::size_t axis) const { return later(p[axis + 2], y[axis + 2]) - earlier(p[axis], y[axis]); }
  Number meet() const {
    // Boxes that touch are pulled together, apart they do not feel each other.
    if (inside(0).f < 0 || inside(1).f < 0) return 0;
    return inside(0) * inside(1);
  }
  Number joined() const { return (p[2] - p[0]) * (p[3] - p[1]) + (y[2] - y[0]) * (y[3] - y[1]) - meet(); }
  /// (U + ε − I)/(U + ε)
  Number iou_loss() const { return (joined() + epsilon - meet()) / (joined() + epsilon); }
  Number distance() const {
    Number rho = 0, diagonal = 0;
    for (std::size_t axis = 0; axis < 2; ++axis) {
      rho += square((p[axis] - y[axis]) + (p[axis + 2] - y[axis + 2])) / Number(4);
      diagonal += square(around(axis));
    }
    return rho / (diagonal + epsilon);
  }
  static Number aspect(const std::array<Number, 4>& box) {
    const Number w = box[2] - box[0], h = box[3] - box[1];
    if (h.f == 0) return w.f == 0 ? Number(0) : Number(std::numbers::pi_v<Real> / 2) - atan(h / w);
    return atan(w / h);
  }
};

template <class F>
Number of_boxes(const Problem& a, const F& f) {
  Reduced terms(a);
  for (Index i = 0; i < a.samples(); ++i) {
    terms.add(a.weight(i, a.samples()), 1, [&] {
      Boxes boxes;
      for (Index k = 0; k < 4; ++k) {
        boxes.p[static_cast<std::size_t>(k)] = a.numbers[0][4 * i + k];
        boxes.y[static_cast<std::size_t>(k)] = a.numbers[1][4 * i + k];
        if (std::isnan(a.numbers[0][4 * i + k].f + a.numbers[1][4 * i + k].f)) {
          return a.numbers[0][4 * i + k] + a.numbers[1][4 * i + k];
        }
      }
      boxes.epsilon = a.options.number("epsilon", "1e-7");
      if (boxes.epsilon.f == 0) {
        boxes.epsilon = 4 * Rounding::least;
        // The slopes of what has no area are cut, to be numbers.
        if (boxes.around(0).f == 0 || boxes.around(1).f == 0) Rounding::kink = true;
      }
      return f(boxes);
    });
  }
  return terms.result();
}

const RoomReference references[] = {
    {"iou", [](const Problem& a) { return of_boxes(a, [](const Boxes& b) { return b.iou_loss(); }); }, 1e6L, 1e-4L},
    {"giou",
     [](const Problem& a) {
       return of_boxes(a, [](const Boxes& b) {
         const Number hull = b.around(0) * b.around(1);
         return b.iou_loss() + (hull - b.joined()) / (hull + b.epsilon);
       });
     },
     1e6L, 1e-4L},
    {"diou", [](const Problem& a) { return of_boxes(a, [](const Boxes& b) { return b.iou_loss() + b.distance(); }); },
     1e6L, 1e-4L},
    {"ciou",
     [](const Problem& a) {
       return of_boxes(a, [](const Boxes& b) {
         constexpr Real pi = std::numbers::pi_v<Real>;
         const Number v = Number(4 / (pi * pi)) * square(Boxes::aspect(b.y) - Boxes::aspect(b.p));
         Number alpha = v / (b.iou_loss() + v + b.epsilon);
         alpha.d = alpha.ed = 0;  // a constant, as its authors have it
         return b.iou_loss() + b.distance() + alpha * v;
       });
     },
     1e6L, 1e-4L},
};

const bool added = add_fuzz_target("detection", [](const std::uint8_t* data, std::size_t size) {
  run_room([]<class T>() { return losses::detail::detection_entries<T>(); }, references, {data, size});
});

}  // namespace

}  // namespace losses_test
