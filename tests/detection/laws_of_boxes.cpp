// SPDX-License-Identifier: MIT

#include "laws_of_boxes.hpp"

#include <cstdio>
#include <numeric>

#include <unsupported/Eigen/CXX11/ThreadPool>

namespace losses_test {

namespace reference {

namespace {

/// atan(width/height), and 0 for a box of no size.
Jet aspect(const Jet& width, const Jet& height) {
  const Real square = width.f * width.f + height.f * height.f;
  if (square == 0) return 0;
  return {std::atan2(width.f, height.f), (height.f * width.d - width.f * height.d) / square, 0,
          width.kink || height.kink};
}

struct Measures {
  Jet width, height, target_width, target_height, overlap_width, overlap_height, enclosing_width, enclosing_height,
      intersection, unite;

  Measures(const JetBox& p, const JetBox& y)
      : width(p.x2 - p.x1),
        height(p.y2 - p.y1),
        target_width(y.x2 - y.x1),
        target_height(y.y2 - y.y1),
        overlap_width(max(min(p.x2, y.x2) - max(p.x1, y.x1), 0)),
        overlap_height(max(min(p.y2, y.y2) - max(p.y1, y.y1), 0)),
        enclosing_width(max(p.x2, y.x2) - min(p.x1, y.x1)),
        enclosing_height(max(p.y2, y.y2) - min(p.y1, y.y1)),
        intersection(overlap_width * overlap_height),
        unite(width * height + target_width * target_height - intersection) {}

  Jet iou(Real epsilon) const { return intersection / (unite + epsilon); }
};

}  // namespace

Jet iou(const JetBox& p, const JetBox& y, Real epsilon) {
  return 1 - Measures(p, y).iou(epsilon);
}

/// Rezatofighi et al. (2019), algorithm 2, with (C − U)/(C + ε) as 1 − (U + ε)/(C + ε): its derivative does not cancel.
Jet giou(const JetBox& p, const JetBox& y, Real epsilon) {
  const Measures m(p, y);
  return 2 - m.iou(epsilon) - (m.unite + epsilon) / (m.enclosing_width * m.enclosing_height + epsilon);
}

/// Zheng et al. (2020), eq. (7).
Jet diou(const JetBox& p, const JetBox& y, Real epsilon) {
  const Measures m(p, y);
  const Jet diagonal = square(m.enclosing_width) + square(m.enclosing_height) + epsilon;
  const Jet distance = square((p.x1 - y.x1 + (p.x2 - y.x2)) / 2) + square((p.y1 - y.y1 + (p.y2 - y.y2)) / 2);
  return 1 - m.iou(epsilon) + distance / diagonal;
}

/// Zheng et al. (2020), eq. (8) to (10).
Jet ciou(const JetBox& p, const JetBox& y, Real epsilon) {
  const Measures m(p, y);
  const Jet v = 4 / (pi * pi) * square(aspect(m.target_width, m.target_height) - aspect(m.width, m.height));
  const Real alpha = v.f / (1 - m.iou(epsilon).f + v.f + epsilon);
  return diou(p, y, epsilon) + alpha * v;
}

Largest iou_terms(const RealBox& p, const RealBox& y, Real epsilon) {
  const Measures m({p.x1, p.y1, p.x2, p.y2}, {y.x1, y.y1, y.x2, y.y2});
  const Real whole = m.unite.f + epsilon, share = m.intersection.f / whole;
  return {std::max(share * m.height.f, (1 + share) * m.overlap_height.f) / whole,
          std::max(share * m.width.f, (1 + share) * m.overlap_width.f) / whole};
}

Largest giou_terms(const RealBox& p, const RealBox& y, Real epsilon) {
  const Measures m({p.x1, p.y1, p.x2, p.y2}, {y.x1, y.y1, y.x2, y.y2});
  const Real enclosing = m.enclosing_width.f * m.enclosing_height.f + epsilon;
  const Real covered = (m.unite.f + epsilon) / enclosing;
  const Largest inner = iou_terms(p, y, epsilon);
  return {std::max(inner.x, std::max(m.height.f, covered * m.enclosing_height.f) / enclosing),
          std::max(inner.y, std::max(m.width.f, covered * m.enclosing_width.f) / enclosing)};
}

Largest diou_terms(const RealBox& p, const RealBox& y, Real epsilon) {
  const Measures m({p.x1, p.y1, p.x2, p.y2}, {y.x1, y.y1, y.x2, y.y2});
  const Real diagonal = square(m.enclosing_width).f + square(m.enclosing_height).f + epsilon;
  const Largest inner = iou_terms(p, y, epsilon);
  const Real left = std::fabs(p.x1 - y.x1), right = std::fabs(p.x2 - y.x2), along_x = std::max(left, right);
  const Real top = std::fabs(p.y1 - y.y1), bottom = std::fabs(p.y2 - y.y2), along_y = std::max(top, bottom);
  // The centres' distance is a sum of two that may cancel.
  const Real share =
      (along_x * std::fabs(p.x1 - y.x1 + (p.x2 - y.x2)) + along_y * std::fabs(p.y1 - y.y1 + (p.y2 - y.y2))) / diagonal;
  return {std::max(inner.x, std::max(along_x, share * m.enclosing_width.f) / diagonal),
          std::max(inner.y, std::max(along_y, share * m.enclosing_height.f) / diagonal)};
}

Largest ciou_terms(const RealBox& p, const RealBox& y, Real epsilon) {
  const Measures m({p.x1, p.y1, p.x2, p.y2}, {y.x1, y.y1, y.x2, y.y2});
  const Real size = square(m.width).f + square(m.height).f;
  Largest inner = diou_terms(p, y, epsilon);
  if (size == 0) return inner;
  const Real theirs = aspect(m.target_width, m.target_height).f, ours = aspect(m.width, m.height).f;
  const Real v = 4 / (pi * pi) * (theirs - ours) * (theirs - ours);
  const Real alpha = v / (1 - m.iou(epsilon).f + v + epsilon);
  const Real turn = 8 / (pi * pi) * alpha * std::max(theirs, ours) / size;
  return {std::max(inner.x, turn * m.height.f), std::max(inner.y, turn * m.width.f)};
}

}  // namespace reference

namespace laws {

using losses::Reduction;

namespace {

template <class T>
constexpr Real epsilon = static_cast<Real>(std::numeric_limits<T>::epsilon());

template <class T>
struct Subject {
  const BoxVerbs<T>& verbs;
  Reduction reduction = Reduction::mean;

  T forward(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.forward(reduction, input(p), input(y), weights, nullptr); });
  }
  T value_and_gradient(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w, Columns<T>& g) const {
    return with(w, [&](auto weights) { return verbs.resize(reduction, input(p), input(y), weights, g); });
  }
  T add_to(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w, Columns<T>& g, double factor) const {
    return with(w,
                [&](auto weights) { return verbs.add_to(reduction, input(p), input(y), weights, output(g), factor); });
  }
  Columns<T> gradient(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.gradient(reduction, input(p), input(y), weights); });
  }
  Columns<T> unreduced(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.unreduced(reduction, input(p), input(y), weights); });
  }
  losses::Partial partial(const Columns<T>& p, const Columns<T>& y, const Columns<T>* w = nullptr) const {
    return with(w, [&](auto weights) { return verbs.partial(input(p), input(y), weights); });
  }

 private:
  template <class Call>
  static auto with(const Columns<T>* w, const Call& call) {
    if (w == nullptr) return call(static_cast<const Input<T>*>(nullptr));
    const Input<T> weights = input(*w);
    return call(&weights);
  }
};

template <class To, class T>
BoxOf<To> box(const Columns<T>& boxes, Index i) {
  return {To(boxes(i, 0)), To(boxes(i, 1)), To(boxes(i, 2)), To(boxes(i, 3))};
}

template <class T>
std::string box_text(const Columns<T>& boxes, Index i) {
  std::string text = "(";
  for (Index k = 0; k < 4; ++k) text += (k > 0 ? ", " : "") + number(static_cast<Real>(boxes(i, k)));
  return text + ")";
}

/// The reference's value, and its derivative by each coordinate of the prediction; kink where one of them has two.
struct Wanted {
  Real value;
  std::array<Real, 4> slope;
  std::array<bool, 4> kink;
};

/// In a world of 1e19, edges that are 1e-30 of that apart may count as one.
template <class T>
bool nearly_shares_edge(const Columns<T>& p, const Columns<T>& y, Index i, Index axis) {
  std::array<Real, 4> at = {static_cast<Real>(p(i, axis)), static_cast<Real>(p(i, axis + 2)),
                            static_cast<Real>(y(i, axis)), static_cast<Real>(y(i, axis + 2))};
  std::sort(at.begin(), at.end());
  for (std::size_t k = 0; k < 3; ++k) {
    if (at[k + 1] > at[k] && at[k + 1] - at[k] < 1e-30L * (at[3] - at[0])) return true;
  }
  return false;
}

template <class T>
Wanted wanted(const BoxVerbs<T>& verbs, const Columns<T>& p, const Columns<T>& y, Index i) {
  Wanted want{};
  for (std::size_t k = 0; k < 4; ++k) {
    BoxOf<Jet> moved = box<Jet>(p, i);
    Jet* coordinates[] = {&moved.x1, &moved.y1, &moved.x2, &moved.y2};
    coordinates[k]->d = 1;
    const Jet jet = verbs.formula(moved, box<Jet>(y, i));
    want.value = jet.f;
    want.slope[k] = jet.d;
    want.kink[k] = jet.kink || nearly_shares_edge(p, y, i, static_cast<Index>(k % 2));
  }
  return want;
}

struct Errors {
  Worst value, slope;
};

/// Laws 1 and 7, P1 to P3: relative to the value itself, since none of these losses loses small values to cancellation. The
/// reference does: 1 − I/U is right to a rounding of 1.
template <class T>
void compare(const BoxVerbs<T>& verbs, const Pair<T>& in, Errors& errors) {
  const Subject<T> sum{verbs, Reduction::sum};
  const Columns<T> terms = sum.unreduced(in.p, in.y), gradient = sum.gradient(in.p, in.y);
  REQUIRE((terms.rows() == in.p.rows() && terms.cols() == 1));
  Index outside = 0, other_lanes = 0;
  for (Index i = 0; i < in.p.rows(); ++i) {
    const Wanted want = wanted(verbs, in.p, in.y, i);
    const auto where = [&](Real got, Real must) {
      return [&, got, must] {
        return std::string("prediction ") + box_text(in.p, i) + ", target " + box_text(in.y, i) + ", got " +
               number(got) + ", but the reference is " + number(must);
      };
    };
    const Real got = static_cast<Real>(terms(i));
    if (!(got >= 0 && got <= verbs.highest * (1 + 4 * epsilon<T>))) ++outside;
    errors.value.see(std::fabs(got - want.value), value_bound<T> * want.value + 4e-19L, where(got, want.value));
    const reference::Largest largest = verbs.largest(box<Real>(in.p, i), box<Real>(in.y, i));
    for (Index k = 0; k < 4; ++k) {
      const std::size_t at = static_cast<std::size_t>(k);
      if (want.kink[at]) continue;
      const Real g = static_cast<Real>(gradient(i, k)), scale = k % 2 == 0 ? largest.x : largest.y;
      const Real tiny = 4 * static_cast<Real>(std::numeric_limits<T>::min());
      if (std::fabs(want.slope[at]) > static_cast<Real>(std::numeric_limits<T>::max()) / 32) continue;  // saturated
      errors.slope.see(std::fabs(g - want.slope[at]),
                       slope_bound<T> * std::max(scale, std::fabs(want.slope[at])) + tiny, where(g, want.slope[at]));
    }
    const auto alone = verbs.rule(box<T>(in.p, i), box<T>(in.y, i));
    bool same = alone[0] == terms(i);
    for (Index k = 0; k < 4; ++k) same = same && alone[static_cast<std::size_t>(k + 1)] == gradient(i, k);
    if (!same) ++other_lanes;
  }
  CHECK(outside == 0);
  CHECK(other_lanes == 0);
}

/// Sides between any two of the values at which formulas break.
template <class T>
std::vector<std::pair<T, T>> adversarial_sides() {
  std::vector<T> values;
  for (const T v : adversarial_values<T>()) {
    if (std::abs(v) <= T(1) || std::abs(v) >= T(104)) values.push_back(v);
  }
  std::sort(values.begin(), values.end());
  std::vector<std::pair<T, T>> sides;
  for (std::size_t i = 0; i < values.size(); i += 2) {
    for (std::size_t j = i; j < values.size(); j += 3) sides.emplace_back(values[i], values[j]);
  }
  return sides;
}

template <class T>
Pair<T> adversarial_boxes(Index n, std::uint64_t seed) {
  const auto sides = adversarial_sides<T>();
  Random random(seed);
  Pair<T> pair{Columns<T>(n, 4), Columns<T>(n, 4)};
  const auto side = [&] { return sides[static_cast<std::size_t>(random.below(static_cast<Index>(sides.size())))]; };
  for (Index i = 0; i < n; ++i) {
    for (Columns<T>* boxes : {&pair.p, &pair.y}) {
      std::tie((*boxes)(i, 0), (*boxes)(i, 2)) = side();
      std::tie((*boxes)(i, 1), (*boxes)(i, 3)) = side();
    }
    if (random.below(4) == 0) pair.y.row(i) = pair.p.row(i);
    // Beside the largest numbers, the smallest count as 0.
    const T largest = std::max(pair.p.row(i).abs().maxCoeff(), pair.y.row(i).abs().maxCoeff());
    for (Columns<T>* boxes : {&pair.p, &pair.y}) {
      for (Index k = 0; k < 4; ++k) {
        T& v = (*boxes)(i, k);
        if (largest > T(1e15) && std::abs(v) < T(1e-15)) v = 0;
      }
    }
  }
  return pair;
}

template <class T>
void accuracy(const BoxVerbs<T>& verbs) {
  Errors plain, hard;
  compare(verbs, draw_boxes<T>(100000, 301), plain);
  compare(verbs, adversarial_boxes<T>(20000, 302), hard);
  for (const auto* errors : {&plain, &hard}) {
    INFO((errors == &hard ? "adversarial" : "random"));
    {
      INFO("worst value: " << errors->value.where);
      CHECK(errors->value.ratio <= 1);
    }
    {
      INFO("worst slope: " << errors->slope.where);
      CHECK(errors->slope.ratio <= 1);
    }
  }
  if (figures_wanted()) {
    std::printf("%-28s %-6s  value %.2Lf, gradient %.2Lf of the bounds of P1 and P2; adversarial %.2Lf, %.2Lf\n",
                verbs.name.c_str(), type_name<T>, plain.value.ratio, plain.slope.ratio, hard.value.ratio,
                hard.slope.ratio);
  }
}

/// Law 1 again, without dual numbers.
template <class T>
void central_differences(const BoxVerbs<T>& verbs) {
  const Index n = 60;
  const Pair<T> in = draw_plain_boxes<T>(n, 311);
  const Columns<T> weights = draw_weights<T>(n, 1, 312);
  const Subject<T> mean{verbs};
  const Columns<T> gradient = mean.gradient(in.p, in.y, &weights);
  const Real all = weights.template cast<Real>().sum();
  Worst worst;
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < 4; ++k) {
      Columns<T> p = in.p.row(i);
      const Columns<T> y = in.y.row(i);
      const T centre = p(k), h = sizeof(T) == 4 ? T(1e-2) : T(1e-4);
      p(k) = centre + h;
      const Real above = static_cast<Real>(p(k)), up = static_cast<Real>(mean.forward(p, y));
      p(k) = centre - h;
      const Real width = above - static_cast<Real>(p(k)), down = static_cast<Real>(mean.forward(p, y));
      const Real share = static_cast<Real>(weights(i)) / all;
      worst.see(std::fabs(static_cast<Real>(gradient(i, k)) - share * (up - down) / width),
                share * (4 * epsilon<T> / width + static_cast<Real>(h * h)), [&] {
                  return std::string("coordinate ") + std::to_string(k) + " of " + box_text(in.p, i) + " against " +
                         box_text(in.y, i);
                });
    }
  }
  INFO(worst.where);
  CHECK(worst.ratio <= 1);
}

/// Laws 2, 3 and 8.
template <class T>
void reductions(const BoxVerbs<T>& verbs) {
  const Subject<T> sum{verbs, Reduction::sum}, mean{verbs, Reduction::mean}, batch{verbs, Reduction::batch_mean};
  for (const Index n : {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 255, 256, 257, 5000, 40003}) {
    const Pair<T> in = draw_plain_boxes<T>(n, static_cast<std::uint64_t>(320 + n));
    const Columns<T> some = draw_weights<T>(n, 1, 321);
    for (const Columns<T>* weights : {static_cast<const Columns<T>*>(nullptr), &some}) {
      INFO(n << " boxes" << (weights != nullptr ? ", weighted" : ""));
      const Real weight = weights != nullptr ? weights->template cast<Real>().sum() : static_cast<Real>(n);
      const Columns<T> terms = sum.unreduced(in.p, in.y, weights);
      REQUIRE((terms.rows() == n && terms.cols() == 1));
      const Columns<T> plain_terms = sum.unreduced(in.p, in.y);
      Real want = 0;
      Index wrong = 0;
      for (Index i = 0; i < n; ++i) {
        const Real w = weights != nullptr ? static_cast<Real>((*weights)(i)) : 1;
        want += w * static_cast<Real>(plain_terms(i));
        if (!close<T>(static_cast<Real>(terms(i)), w * static_cast<Real>(plain_terms(i)), 0)) ++wrong;
      }
      CHECK(wrong == 0);
      const T s = sum.forward(in.p, in.y, weights), m = mean.forward(in.p, in.y, weights),
              b = batch.forward(in.p, in.y, weights);
      CHECK(close<T>(static_cast<Real>(s), want, want));
      CHECK((n > 0 ? close<T>(static_cast<Real>(m), want / weight, want / weight) : m == 0));
      CHECK((n > 0 ? close<T>(static_cast<Real>(b), want / static_cast<Real>(n), want) : b == 0));
      Columns<T> gs, gm, gb;
      CHECK(sum.value_and_gradient(in.p, in.y, weights, gs) == s);
      CHECK(mean.value_and_gradient(in.p, in.y, weights, gm) == m);
      CHECK(batch.value_and_gradient(in.p, in.y, weights, gb) == b);
      REQUIRE((gs.rows() == n && gs.cols() == 4));
      CHECK(same_bits(gm, mean.gradient(in.p, in.y, weights)));
      wrong = 0;
      for (Index i = 0; i < gs.size(); ++i) {
        const Real g = static_cast<Real>(gs(i)), bound = 4 * epsilon<T> * std::fabs(g);
        if (!(std::fabs(static_cast<Real>(gm(i)) * weight - g) <= bound)) ++wrong;
        if (!(std::fabs(static_cast<Real>(gb(i)) * static_cast<Real>(n) - g) <= bound)) ++wrong;
      }
      CHECK(wrong == 0);
      const auto part = mean.partial(in.p, in.y, weights);
      CHECK(close<double>(part.weight, weight, weight));
      CHECK(close<T>(part.sum, want, want));
      CHECK(part.count == n);
      CHECK(verbs.value(Reduction::mean, part) == m);
      CHECK(verbs.value(Reduction::sum, part) == s);
      CHECK(verbs.value(Reduction::batch_mean, part) == b);
    }
  }
}

/// Law 4: the same bits from every storage.
template <class T>
void storage(const BoxVerbs<T>& verbs) {
  for (const Index n : {Index(3), Index(300)}) {
    const Pair<T> in = draw_boxes<T>(n, 331);
    const Columns<T> weights = draw_weights<T>(n, 1, 332), nans = Columns<T>::Constant(n, 4, nan<T>);
    const Placed<T> w(weights, {"", 1, 3, 1, 3 * n + 1});
    const Input<T> read_weights = w.read();
    Columns<T> want;
    want.resize(n, 4);
    const T value =
        verbs.value_and_gradient(Reduction::mean, input(in.p), input(in.y), &read_weights, output(want), nullptr);
    for (const Layout& lp : layouts(n, 4)) {
      for (const Layout& ly : layouts(n, 4)) {
        for (const Layout& lg : layouts(n, 4)) {
          // All combinations of few boxes; of many, those with two of a kind.
          const std::string p_name = lp.name, y_name = ly.name, g_name = lg.name;
          if (n > 3 && p_name != y_name && p_name != g_name) continue;
          INFO(n << " boxes; prediction " << lp.name << ", target " << ly.name << ", gradient " << lg.name);
          const Placed<T> p(in.p, lp), y(in.y, ly);
          Placed<T> g(nans, lg);
          const T got = verbs.value_and_gradient(Reduction::mean, p.read(), y.read(), &read_weights, g.view, nullptr);
          CHECK(got == value);
          CHECK(verbs.forward(Reduction::mean, p.read(), y.read(), &read_weights, nullptr) == value);
          CHECK(same_bits(Columns<T>(g.view), want));
          g.view.setConstant(T(0.5));
          CHECK(verbs.add_to(Reduction::mean, p.read(), y.read(), &read_weights, g.view, 2) == value);
          const Columns<T> added = T(0.5) + T(2) * want;
          CHECK(((g.view - added).abs() <= 4 * std::numeric_limits<T>::epsilon() * (T(0.5) + T(2) * want.abs())).all());
          CHECK(g.memory.touched() <= 4 * n);
        }
      }
      // A gradient over its own prediction.
      Placed<T> both(in.p, lp);
      const Placed<T> y(in.y, lp);
      const T got = verbs.value_and_gradient(Reduction::mean, both.read(), y.read(), &read_weights, both.view, nullptr);
      INFO("in place, " << lp.name);
      CHECK(got == value);
      CHECK(same_bits(Columns<T>(both.view), want));
    }
  }
}

/// Laws 5, 6, 9 and 10.
template <class T>
void samples(const BoxVerbs<T>& verbs) {
  const Index n = 61;
  const Pair<T> in = draw_boxes<T>(n, 341);
  const Columns<T> weights = draw_weights<T>(n, 1, 342), zeros = Columns<T>::Zero(n, 1);
  const auto same_value = [](T a, T b) {
    return close<T>(static_cast<Real>(a), static_cast<Real>(b), 2 * std::fabs(static_cast<Real>(b)));
  };
  const auto near = [](const Columns<T>& a, const Columns<T>& b) {
    return ((a - b).abs() <= 4 * std::numeric_limits<T>::epsilon() * b.abs()).all();
  };
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    INFO((reduction == Reduction::mean ? "mean" : "sum"));
    const Subject<T> loss{verbs, reduction};
    Columns<T> gradient;
    const T value = loss.value_and_gradient(in.p, in.y, &weights, gradient);
    {
      std::vector<Index> order(static_cast<std::size_t>(n));
      std::iota(order.begin(), order.end(), Index(0));
      std::reverse(order.begin() + 7, order.end());
      std::swap(order[0], order[40]);
      const Columns<T> w = pick(weights, order);
      Columns<T> g;
      CHECK(same_value(loss.value_and_gradient(pick(in.p, order), pick(in.y, order), &w, g), value));
      CHECK(near(g, pick(gradient, order)));
    }
    {  // weight 0: not there, even where the box is NaN or has its corners crossed; weight 2: there twice
      Columns<T> kinds(n, 1), bad_p = in.p, bad_y = in.y;
      std::vector<Index> kept;
      for (Index i = 0; i < n; ++i) {
        kinds(i) = static_cast<T>(i % 3);
        for (Index copies = 0; copies < i % 3; ++copies) kept.push_back(i);
        if (i % 3 != 0) continue;
        if (i % 2 == 0) {
          bad_p.row(i).setConstant(nan<T>);
          std::swap(bad_y(i, 0), bad_y(i, 2));
        } else {
          bad_p(i, 1) = std::numeric_limits<T>::max();
          bad_y(i, 3) = -std::numeric_limits<T>::infinity();
        }
      }
      Columns<T> weighted, repeated, clean;
      const T one = loss.value_and_gradient(in.p, in.y, &kinds, weighted);
      CHECK(same_value(one, loss.value_and_gradient(pick(in.p, kept), pick(in.y, kept), nullptr, repeated)));
      for (std::size_t k = 0; k < kept.size(); ++k) repeated.row(static_cast<Index>(k)) *= kinds(kept[k]);
      CHECK(near(pick(weighted, kept), repeated));
      CHECK(loss.value_and_gradient(bad_p, bad_y, &kinds, clean) == one);
      CHECK(loss.forward(bad_p, bad_y, &kinds) == one);
      CHECK(same_bits(clean, weighted));
      Index wrong = 0;
      for (Index i = 0; i < n; i += 3) wrong += (clean.row(i) != 0).count();
      CHECK(wrong == 0);
      CHECK(loss.unreduced(bad_p, bad_y, &kinds)(3) == 0);
    }
    {  // weights that all share a factor
      const Columns<T> huge = weights * (std::numeric_limits<T>::max() / 1000),
                       tiny = weights * (std::numeric_limits<T>::min() * 4);
      const Subject<T> mean{verbs};
      Columns<T> g;
      const T plain = mean.forward(in.p, in.y, &weights);
      CHECK(same_value(mean.value_and_gradient(in.p, in.y, &huge, g), plain));
      CHECK(near(g, mean.gradient(in.p, in.y, &weights)));
      CHECK(close<T>(static_cast<Real>(mean.value_and_gradient(in.p, in.y, &tiny, g)), static_cast<Real>(plain),
                     4 * static_cast<Real>(plain)));
    }
    {
      Columns<T> g = Columns<T>::Constant(n, 4, nan<T>);
      CHECK(loss.value_and_gradient(in.p, in.y, &weights, g) == value);
      CHECK(same_bits(g, gradient));
      g.setConstant(T(0.25));
      CHECK(loss.add_to(in.p, in.y, &weights, g, -3) == value);
      const Columns<T> want = T(0.25) - T(3) * gradient;
      CHECK(((g - want).abs() <= 4 * std::numeric_limits<T>::epsilon() * (T(0.25) + (T(3) * gradient).abs())).all());
    }
    for (const Index cut : {Index(0), Index(1), Index(30), n}) {
      const Columns<T> top = weights.topRows(cut), bottom = weights.bottomRows(n - cut);
      const auto first = loss.partial(in.p.topRows(cut), in.y.topRows(cut), &top);
      const auto second = loss.partial(in.p.bottomRows(n - cut), in.y.bottomRows(n - cut), &bottom);
      CHECK(same_value(verbs.value(reduction, first + second), value));
    }
    Columns<T> g = Columns<T>::Ones(n, 4);
    CHECK(loss.value_and_gradient(in.p, in.y, &zeros, g) == 0);
    CHECK((g == 0).all());
    CHECK(loss.partial(in.p, in.y, &zeros).weight == 0);
  }
}

/// P6: planted at each coordinate of each box.
template <class T>
void nan_in_nan_out(const BoxVerbs<T>& verbs) {
  const Subject<T> loss{verbs};
  Index lost = 0, spread = 0;
  std::string where;
  for (Index n = 1; n <= 33; ++n) {
    const Pair<T> in = draw_boxes<T>(n, static_cast<std::uint64_t>(350 + n));
    for (Index i = 0; i < n; ++i) {
      for (Index k = 0; k < 8; ++k) {
        Pair<T> bad = in;
        (k < 4 ? bad.p : bad.y)(i, k % 4) = nan<T>;
        Columns<T> g;
        const T value = loss.value_and_gradient(bad.p, bad.y, nullptr, g);
        const Columns<T> terms = loss.unreduced(bad.p, bad.y);
        if (!std::isnan(value) || !std::isnan(loss.forward(bad.p, bad.y)) || !g.row(i).isNaN().all() ||
            !std::isnan(terms(i))) {
          ++lost;
          where = std::to_string(n) + " boxes, box " + std::to_string(i) + ", coordinate " + std::to_string(k);
        }
        if (g.isNaN().count() != 4 || terms.isNaN().count() != 1) ++spread;
      }
    }
  }
  INFO("last at " << where);
  CHECK(lost == 0);
  CHECK(spread == 0);
}

/// Law 11 and P7.
template <class T>
void bad_inputs(const BoxVerbs<T>& verbs) {
  const Subject<T> loss{verbs};
  const std::string prefix = verbs.name.substr(0, verbs.name.find_first_of(",( ")) + ": ";
  const auto every_verb = [&](const std::string& words, const Columns<T>& p, const Columns<T>& y,
                              const Columns<T>* w = nullptr) {
    Columns<T> g = Columns<T>::Constant(2, 2, T(7)), added = Columns<T>::Constant(p.rows(), 4, T(7));
    refuses(prefix + words, g, [&] { (void)loss.forward(p, y, w); });
    refuses(prefix + words, g, [&] { (void)loss.gradient(p, y, w); });
    refuses(prefix + words, g, [&] { (void)loss.value_and_gradient(p, y, w, g); });
    refuses(prefix, added, [&] { (void)loss.add_to(p, y, w, added, 1); });
    refuses(prefix + words, g, [&] { (void)loss.unreduced(p, y, w); });
    refuses(prefix + words, g, [&] { (void)loss.partial(p, y, w); });
  };
  const Index n = 300;
  const Pair<T> in = draw_plain_boxes<T>(n, 361);
  for (const Index bad : {Index(0), Index(17), Index(256), n - 1}) {
    for (const bool vertical : {false, true}) {
      Columns<T> boxes = in.p;
      boxes.row(bad) << T(3), T(1), T(4), T(5);
      (vertical ? boxes(bad, 3) : boxes(bad, 2)) = vertical ? T(0.5) : T(2);
      const std::string is = std::string("[") + std::to_string(bad) + "] is (3, 1, " + (vertical ? "4, 0.5" : "2, 5") +
                             "), but must have x1 <= x2 and y1 <= y2";
      every_verb("prediction" + is, boxes, in.y);
      every_verb("target" + is, in.p, boxes);
      const Columns<T> ones = Columns<T>::Ones(n, 1);
      every_verb("prediction" + is, boxes, in.y, &ones);
      // Storages that the check reads in other ways.
      for (const Layout& layout : layouts(n, 4)) {
        INFO(layout.name);
        const Placed<T> placed(boxes, layout);
        Columns<T> g = Columns<T>::Constant(2, 2, T(7));
        refuses(prefix + "prediction" + is, g,
                [&] { (void)verbs.resize(Reduction::mean, placed.read(), input(in.y), nullptr, g); });
      }
    }
  }
  every_verb("prediction is [300 x 3], but must be [n x 4]", in.p.leftCols(3), in.y.leftCols(3));
  every_verb("prediction is [4 x 300], but must be [n x 4]", in.p.transpose(), in.y.transpose());
  every_verb("prediction is [0 x 0], but must be [n x 4]", Columns<T>(0, 0), Columns<T>(0, 0));
  every_verb("prediction is [3 x 5], but must be [n x 4]", Columns<T>::Ones(3, 5), Columns<T>::Ones(3, 5));
  every_verb("target is [299 x 4], but must be [300 x 4]", in.p, in.y.topRows(n - 1));
  every_verb("target is [1 x 4], but must be [300 x 4]", in.p, in.y.topRows(1));
  every_verb("target is [300 x 1], but must be [300 x 4]", in.p, in.y.leftCols(1));
  for (const auto& shape : {std::pair<Index, Index>{0, 1}, {1, 1}, {n - 1, 1}, {n + 1, 1}, {1, n}, {n, 4}, {n, 2}}) {
    const Columns<T> weights = Columns<T>::Ones(shape.first, shape.second);
    every_verb("weights is [", in.p, in.y, &weights);
  }
  for (const T bad : {T(-1), nan<T>, std::numeric_limits<T>::infinity()}) {
    Columns<T> weights = Columns<T>::Ones(n, 1);
    weights(4) = bad;
    every_verb("weights[4] is ", in.p, in.y, &weights);
  }
  Columns<T> memory(2 * n, 4);
  memory << in.p, in.p;
  const auto place = [&](Index offset, Index rows, Index columns) {
    return Output<T>(memory.data() + offset, rows, columns, AnyStride(2 * n, 1));
  };
  const auto gradient_refused = [&](const std::string& words, Input<T> p, Output<T> g) {
    refuses(words, memory,
            [&] { (void)verbs.value_and_gradient(Reduction::mean, p, input(in.y), nullptr, g, nullptr); });
    refuses(words, memory, [&] { (void)verbs.add_to(Reduction::mean, p, input(in.y), nullptr, g, 1); });
  };
  gradient_refused("gradient is [300 x 3]", input(in.p), place(0, n, 3));
  gradient_refused("gradient is [299 x 4]", input(in.p), place(0, n - 1, 4));
  gradient_refused("shares memory with prediction", Input<T>(memory.data(), n, 4, AnyStride(2 * n, 1)), place(1, n, 4));
  refuses("shares memory with target", memory, [&] {
    (void)verbs.value_and_gradient(Reduction::mean, input(in.p), Input<T>(memory.data(), n, 4, AnyStride(2 * n, 1)),
                                   nullptr, place(0, n, 4), nullptr);
  });
}

/// Law 12.
template <class T>
void threads(const BoxVerbs<T>& verbs) {
  const Index n = 50021;
  const Pair<T> in = draw_plain_boxes<T>(n, 371);
  const Columns<T> weights = draw_weights<T>(n, 1, 372);
  const Rows<T> rows = in.p;
  const Input<T> w = input(weights), column_major = input(in.p), row_major(rows.data(), n, 4, AnyStride(1, 4));
  Pair<T> crossed = in;
  crossed.y(n - 5, 2) = crossed.y(n - 5, 0) - 1;
  crossed.y(n - 3, 2) = crossed.y(n - 3, 0) - 1;
  for (const Input<T>& p : {column_major, row_major}) {
    for (const auto* used : {static_cast<const Input<T>*>(nullptr), &w}) {
      Columns<T> want(n, 4), g(n, 4);
      const T value = verbs.value_and_gradient(Reduction::mean, p, input(in.y), used, output(want), nullptr);
      for (const int count : {1, 2, 3, 4, 8}) {
        Eigen::ThreadPool eigen(count);
        Pool pool{count, [&](std::function<void()> task) { eigen.Schedule(std::move(task)); }};
        INFO(count << " threads");
        for (int repeat = 0; repeat < 2; ++repeat) {
          g.setConstant(nan<T>);
          CHECK(verbs.forward(Reduction::mean, p, input(in.y), used, &pool) == value);
          CHECK(verbs.value_and_gradient(Reduction::mean, p, input(in.y), used, output(g), &pool) == value);
          CHECK(same_bits(g, want));
        }
        refuses(std::string("target[") + std::to_string(n - 5) + "] is (", g,
                [&] { (void)verbs.value_and_gradient(Reduction::mean, p, input(crossed.y), used, output(g), &pool); });
      }
    }
  }
}

/// Law 14: a box is where it is seen from, in whatever unit.
template <class T>
void symmetries(const BoxVerbs<T>& verbs) {
  const Index n = 4000;
  const Pair<T> in = draw_plain_boxes<T>(n, 381);
  const Subject<T> sum{verbs, Reduction::sum};
  const Columns<T> terms = sum.unreduced(in.p, in.y), gradient = sum.gradient(in.p, in.y);
  Worst values, slopes;
  const auto compare_with = [&](const Columns<T>& p, const Columns<T>& y, const std::array<int, 4>& order, T sign) {
    const Columns<T> other_terms = sum.unreduced(p, y), other = sum.gradient(p, y);
    for (Index i = 0; i < n; ++i) {
      const auto where = [&] { return box_text(p, i) + " against " + box_text(y, i); };
      values.see(static_cast<Real>(std::abs(other_terms(i) - terms(i))), value_bound<T> * static_cast<Real>(terms(i)),
                 where);
      const reference::Largest largest = verbs.largest(box<Real>(in.p, i), box<Real>(in.y, i));
      for (Index k = 0; k < 4; ++k) {
        const T moved = sign * other(i, order[static_cast<std::size_t>(k)]);
        slopes.see(static_cast<Real>(std::abs(moved - gradient(i, k))),
                   slope_bound<T> * (k % 2 == 0 ? largest.x : largest.y), where);
      }
    }
  };
  // Moved by what adds no rounding: all coordinates are multiples of 2^-10 below 2^9.
  const auto moved = [](const Columns<T>& boxes) -> Columns<T> { return boxes + T(sizeof(T) == 4 ? 4096 : 1e6); };
  compare_with(moved(in.p), moved(in.y), {0, 1, 2, 3}, 1);
  const auto mirrored = [](const Columns<T>& boxes) -> Columns<T> {
    Columns<T> result = -boxes;
    result.col(0).swap(result.col(2));
    result.col(1).swap(result.col(3));
    return result;
  };
  compare_with(mirrored(in.p), mirrored(in.y), {2, 3, 0, 1}, -1);
  const auto turned = [](const Columns<T>& boxes) -> Columns<T> {
    Columns<T> result = boxes;
    result.col(0).swap(result.col(1));
    result.col(2).swap(result.col(3));
    return result;
  };
  compare_with(turned(in.p), turned(in.y), {1, 0, 3, 2}, 1);
  {
    INFO(values.where);
    CHECK(values.ratio <= 1);
  }
  {
    INFO(slopes.where);
    CHECK(slopes.ratio <= 1);
  }
  // Prediction and target are alike, but in whose slope is taken.
  const Columns<T> swapped = sum.unreduced(in.y, in.p);
  CHECK(((swapped - terms).abs() <= T(8) * std::numeric_limits<T>::epsilon() * terms).all());
  // As one, a pair that is moved does not change: the slopes of both boxes cancel.
  if (!verbs.is_derivative) return;
  const Columns<T> theirs = sum.gradient(in.y, in.p);
  const Columns<T> by_x = gradient.col(0) + gradient.col(2) + theirs.col(0) + theirs.col(2);
  const Columns<T> by_y = gradient.col(1) + gradient.col(3) + theirs.col(1) + theirs.col(3);
  Index crooked = 0;
  for (Index i = 0; i < n; ++i) {
    const reference::Largest largest = verbs.largest(box<Real>(in.p, i), box<Real>(in.y, i));
    const reference::Largest others = verbs.largest(box<Real>(in.y, i), box<Real>(in.p, i));
    if (!(std::fabs(static_cast<Real>(by_x(i))) <= 4 * slope_bound<T> * std::max(largest.x, others.x))) ++crooked;
    if (!(std::fabs(static_cast<Real>(by_y(i))) <= 4 * slope_bound<T> * std::max(largest.y, others.y))) ++crooked;
  }
  CHECK(crooked == 0);
}

template <class T>
void check(const BoxVerbs<T>& verbs) {
  const std::string suffix = std::string(" (") + type_name<T> + ")";
  INFO(verbs.name << suffix);
  SECTION("1, 7: value and gradient are the reference's, on one lane too" + suffix) {
    accuracy(verbs);
  }
  if (verbs.is_derivative) {
    SECTION("1: the gradient is the central difference" + suffix) {
      central_differences(verbs);
    }
  }
  SECTION("2, 3, 8: denominators for every length" + suffix) {
    reductions(verbs);
  }
  SECTION("4: storage does not matter" + suffix) {
    storage(verbs);
  }
  SECTION("5, 6, 9, 10: samples, weights, add_to and partial" + suffix) {
    samples(verbs);
  }
  SECTION("11: bad inputs are refused" + suffix) {
    bad_inputs(verbs);
  }
  SECTION("12: threads and runs give the same bits" + suffix) {
    threads(verbs);
  }
  SECTION("14: translation, reflection, exchange" + suffix) {
    symmetries(verbs);
  }
  SECTION("NaN in, NaN out" + suffix) {
    nan_in_nan_out(verbs);
  }
}

}  // namespace

template <class T>
Pair<T> draw_plain_boxes(Index n, std::uint64_t seed) {
  Random random(seed);
  Pair<T> pair{Columns<T>(n, 4), Columns<T>(n, 4)};
  // Coordinates of prediction and target are never equal: even and odd multiples of 2^-10.
  const auto draw = [&](double low, double high, bool odd) {
    return static_cast<T>((2 * std::floor(512 * random.between(low, high)) + (odd ? 1 : 0)) / 1024);
  };
  for (Index i = 0; i < n; ++i) {
    for (Columns<T>* boxes : {&pair.p, &pair.y}) {
      const bool odd = boxes == &pair.y;
      for (Index axis = 0; axis < 2; ++axis) {
        const T low = draw(-20, 20, odd);
        (*boxes)(i, axis) = low;
        (*boxes)(i, axis + 2) = low + static_cast<T>(2 * std::floor(512 * random.between(1, 40)) / 1024);
      }
    }
  }
  return pair;
}

template Pair<float> draw_plain_boxes<float>(Index, std::uint64_t);
template Pair<double> draw_plain_boxes<double>(Index, std::uint64_t);

template <class T>
Pair<T> draw_boxes(Index n, std::uint64_t seed) {
  Random random(seed);
  Pair<T> pair{Columns<T>(n, 4), Columns<T>(n, 4)};
  for (Index i = 0; i < n; ++i) {
    const double size = random.decades(1e-3, 1e3), from = random.below(3) == 0 ? size * random.decades(1, 1e3) : 0;
    for (Index axis = 0; axis < 2; ++axis) {
      double low = from + size * random.between(-1, 1), high = low + size * random.between(0, 1.5);
      if (random.below(20) == 0) high = low + size * random.decades(1e-6, 1e-2);
      if (random.below(40) == 0) high = low;
      double target_low = from + size * random.between(-1, 1), target_high = target_low + size * random.between(0, 1.5);
      const Index style = random.below(12);
      if (style == 0) target_low = high, target_high = high + size * random.unit();  // touching
      if (style == 1) target_low = low, target_high = low + size * random.unit();    // one edge shared
      if (style == 2) target_low = low, target_high = high;                          // both
      if (style == 3) target_low = low - size * random.unit(), target_high = high + size * random.unit();
      if (style == 4) {
        target_low = low + (high - low) * random.decades(1e-6, 0.4);
        target_high = high - (high - low) * random.decades(1e-6, 0.4);
      }
      if (style >= 5 && style <= 7) {  // nearly equal
        target_low = low + random.sign() * (high - low) * random.decades(1e-7, 1e-2);
        target_high = high + random.sign() * (high - low) * random.decades(1e-7, 1e-2);
      }
      pair.p(i, axis) = static_cast<T>(low);
      pair.p(i, axis + 2) = static_cast<T>(high);
      pair.y(i, axis) = static_cast<T>(target_low);
      pair.y(i, axis + 2) = static_cast<T>(target_high);
    }
    if (random.below(50) == 0) pair.y.row(i) = pair.p.row(i);
  }
  return pair;
}

template Pair<float> draw_boxes<float>(Index, std::uint64_t);
template Pair<double> draw_boxes<double>(Index, std::uint64_t);

void expect_box(const OneBox& got, double value, const std::array<double, 4>& slope, double bound) {
  INFO("got " << number(got.value) << ", must be " << number(value));
  CHECK(std::abs(got.value - value) <= bound * std::abs(value));
  double largest = 0;
  for (const double s : slope) largest = std::max(largest, std::abs(s));
  for (std::size_t k = 0; k < 4; ++k) {
    INFO("slope " << k << " is " << number(got.slope[k]) << ", must be " << number(slope[k]));
    CHECK(std::abs(got.slope[k] - slope[k]) <= bound * largest);
  }
}

void check(const BoxLoss& loss) {
  check(loss.in_float);
  check(loss.in_double);
}

}  // namespace laws
}  // namespace losses_test
