// SPDX-License-Identifier: MIT
#pragma once

/// The laws of per_box losses: predictions and targets [n × 4]. A loss enters with its reference and the size of the terms of
/// its gradient:
///
///   laws::check(laws::boxes("GIoU", losses::GIoU<float>(), losses::GIoU<double>(), reference::giou, reference::giou_terms));

#include <array>

#include <losses/core/per_box.hpp>

#include "laws.hpp"

namespace losses_test {

template <class V>
struct BoxOf {
  V x1, y1, x2, y2;
};

/// The losses as torchvision.ops documents them, with torch.clamp for the sides of the intersection.
namespace reference {

using JetBox = BoxOf<Jet>;
using RealBox = BoxOf<Real>;

Jet iou(const JetBox& p, const JetBox& y, Real epsilon);
Jet giou(const JetBox& p, const JetBox& y, Real epsilon);
Jet diou(const JetBox& p, const JetBox& y, Real epsilon);
/// α is a constant: its derivative is dropped.
Jet ciou(const JetBox& p, const JetBox& y, Real epsilon);

/// The largest term that is summed into the gradient's entries along x and along y.
struct Largest {
  Real x, y;
};
Largest iou_terms(const RealBox& p, const RealBox& y, Real epsilon);
Largest giou_terms(const RealBox& p, const RealBox& y, Real epsilon);
Largest diou_terms(const RealBox& p, const RealBox& y, Real epsilon);
Largest ciou_terms(const RealBox& p, const RealBox& y, Real epsilon);

}  // namespace reference

namespace laws {

template <class T>
struct BoxVerbs {
  using Reduction = losses::Reduction;
  using Weights = const Input<T>*;

  std::string name;
  Real epsilon;
  Real highest;        // no value is above
  bool is_derivative;  // the gradient is the value's derivative: not of CIoU, which holds α
  std::function<Jet(const BoxOf<Jet>& p, const BoxOf<Jet>& y)> formula;
  std::function<reference::Largest(const BoxOf<Real>& p, const BoxOf<Real>& y)> largest;
  /// The rule on one lane: its value, then its slope.
  std::function<std::array<T, 5>(const BoxOf<T>& p, const BoxOf<T>& y)> rule;

  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Pool*)> forward;
  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Output<T> gradient, Pool*)> value_and_gradient;
  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Output<T> gradient, double scale)> add_to;
  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Columns<T>& gradient)> resize;
  std::function<Columns<T>(Reduction, Input<T> p, Input<T> y, Weights)> gradient, unreduced;
  std::function<losses::Partial(Input<T> p, Input<T> y, Weights)> partial;
  std::function<T(Reduction, losses::Partial)> value;
};

/// In a kernel, as the driver: contraction is off.
template <class Rule, class T>
LOSSES_KERNEL void on_one_lane(const Rule& rule, const BoxOf<T>& p, const BoxOf<T>& y, std::array<T, 5>& result) {
  using V = losses::Lanes<T, 1>;
  const auto terms = rule(losses::rule::Box<V>{V(p.x1), V(p.y1), V(p.x2), V(p.y2)},
                          losses::rule::Box<V>{V(y.x1), V(y.y1), V(y.x2), V(y.y2)});
  result = {terms.value[0], terms.slope.x1[0], terms.slope.y1[0], terms.slope.x2[0], terms.slope.y2[0]};
}

template <class L, class Formula, class LargestOf>
BoxVerbs<typename L::Scalar> box_verbs(const std::string& name, const L& loss, const Formula& formula,
                                       const LargestOf& largest, Real highest, bool is_derivative) {
  using T = typename L::Scalar;
  using losses::Reduction;
  using W = typename BoxVerbs<T>::Weights;
  const Real epsilon = static_cast<Real>(loss.rule().epsilon);
  BoxVerbs<T> v{name, epsilon, highest, is_derivative, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
  v.formula = [=](const BoxOf<Jet>& p, const BoxOf<Jet>& y) { return formula(p, y, epsilon); };
  v.largest = [=](const BoxOf<Real>& p, const BoxOf<Real>& y) { return largest(p, y, epsilon); };
  v.rule = [=](const BoxOf<T>& p, const BoxOf<T>& y) {
    std::array<T, 5> terms;
    on_one_lane(loss.rule(), p, y, terms);
    return terms;
  };
  v.forward = [=](Reduction r, Input<T> p, Input<T> y, W w, Pool* pool) {
    const L l = with(loss, r);
    if (pool == nullptr) return w ? l.forward(p, y, *w) : l.forward(p, y);
    return w ? l.forward(losses::parallel(*pool), p, y, *w) : l.forward(losses::parallel(*pool), p, y);
  };
  v.value_and_gradient = [=](Reduction r, Input<T> p, Input<T> y, W w, Output<T> g, Pool* pool) {
    const L l = with(loss, r);
    if (pool == nullptr) return w ? l.value_and_gradient(p, y, *w, g) : l.value_and_gradient(p, y, g);
    return w ? l.value_and_gradient(losses::parallel(*pool), p, y, *w, g)
             : l.value_and_gradient(losses::parallel(*pool), p, y, g);
  };
  v.add_to = [=](Reduction r, Input<T> p, Input<T> y, W w, Output<T> g, double factor) {
    const L l = with(loss, r);
    return w ? l.value_and_gradient(p, y, *w, losses::add_to(g, factor))
             : l.value_and_gradient(p, y, losses::add_to(g, factor));
  };
  v.resize = [=](Reduction r, Input<T> p, Input<T> y, W w, Columns<T>& g) {
    const L l = with(loss, r);
    return w ? l.value_and_gradient(p, y, *w, g) : l.value_and_gradient(p, y, g);
  };
  v.gradient = [=](Reduction r, Input<T> p, Input<T> y, W w) -> Columns<T> {
    const L l = with(loss, r);
    return w ? l.gradient(p, y, *w) : l.gradient(p, y);
  };
  v.unreduced = [=](Reduction r, Input<T> p, Input<T> y, W w) -> Columns<T> {
    const L l = with(loss, r);
    return w ? l.unreduced(p, y, *w) : l.unreduced(p, y);
  };
  v.partial = [=](Input<T> p, Input<T> y, W w) { return w ? loss.partial(p, y, *w) : loss.partial(p, y); };
  v.value = [=](Reduction r, losses::Partial part) { return with(loss, r).value(part); };
  return v;
}

struct BoxLoss {
  BoxVerbs<float> in_float;
  BoxVerbs<double> in_double;
};

template <class InFloat, class InDouble, class Formula, class LargestOf>
BoxLoss boxes(const std::string& name, const InFloat& in_float, const InDouble& in_double, const Formula& formula,
              const LargestOf& largest, Real highest, bool is_derivative = true) {
  return {box_verbs(name, in_float, formula, largest, highest, is_derivative),
          box_verbs(name, in_double, formula, largest, highest, is_derivative)};
}

/// All the laws of a per_box loss, each in a section of its own.
void check(const BoxLoss& loss);

/// Pairs of boxes of every kind: apart, overlapping, nested, crossed, touching, with shared edges, nearly equal, thin, of no
/// size; of sizes from 1e-3 to 1e3, some far from the origin.
template <class T>
Pair<T> draw_boxes(Index n, std::uint64_t seed);

/// A pair without ties, of ordinary sizes.
template <class T>
Pair<T> draw_plain_boxes(Index n, std::uint64_t seed);

/// Value and gradient of one pair of boxes.
struct OneBox {
  double value;
  std::array<double, 4> slope;
};

template <class L>
OneBox one_box(const L& loss, const std::array<double, 4>& prediction, const std::array<double, 4>& target) {
  using T = typename L::Scalar;
  using Row = Eigen::Matrix<T, 1, 4>;
  const Row p = Eigen::Map<const Eigen::RowVector4d>(prediction.data()).template cast<T>();
  const Row y = Eigen::Map<const Eigen::RowVector4d>(target.data()).template cast<T>();
  Row g;
  const double value = static_cast<double>(with(loss, losses::Reduction::sum).value_and_gradient(p, y, g));
  return {value,
          {static_cast<double>(g(0)), static_cast<double>(g(1)), static_cast<double>(g(2)), static_cast<double>(g(3))}};
}

/// The value is `value` and the gradient `slope` to the given relative error (of the largest entry).
void expect_box(const OneBox& got, double value, const std::array<double, 4>& slope, double bound = 1e-12);

}  // namespace laws
}  // namespace losses_test
