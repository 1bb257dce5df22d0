// SPDX-License-Identifier: MIT
#pragma once

/// The geometry of a predicted and a true box, written in differences of their coordinates: boxes of a pixel at 1e6 keep
/// the digits of their inputs, and the small losses of boxes that nearly agree are sums of positive numbers.

#include <limits>

#include <losses/core/lanes.hpp>
#include <losses/core/per_box.hpp>

namespace LOSSES_NAMESPACE::detail {

template <class T>
consteval T power_of_two(int exponent) {
  T power = 1;
  for (; exponent > 0; --exponent) power *= 2;
  for (; exponent < 0; ++exponent) power /= 2;
  return power;
}

template <std::floating_point T>
void check_box_epsilon(std::string_view name, T epsilon) {
  require(epsilon >= 0 && epsilon <= std::numeric_limits<T>::max(), name, ": epsilon is ", epsilon,
          ", but must be finite and not negative");
}

/// Lengths along x and along y are in units of their own: 1, or a power of two for boxes so large that an area or a
/// squared length would overflow.
template <class V>
struct BoxPair {
  V unit_x = V(1), unit_y = V(1);
  V to_common_x = V(1), to_common_y = V(1);  // from the units to the coarser of the two
  V epsilon;                                 // of areas, in the units; never 0
  V least_area;                              // for slopes: sides over it are within the range of V
  V left, top, right, bottom;                // how far the prediction reaches beyond the target on each side
  V width, height;                           // of the prediction
  V target_width, target_height;
  V enclosing_width, enclosing_height;  // of the smallest box around both
  V overlap_width, overlap_height;      // negative: the gap between them
  V shared_width, shared_height;        // the same, clamped at 0
  V intersection, difference;           // difference = union − intersection

  LOSSES_INLINE BoxPair(Box<V> p, Box<V> y, typename V::Scalar the_epsilon) {
    using T = typename V::Scalar;
    using Limits = std::numeric_limits<T>;
    constexpr T large = power_of_two<T>(Limits::max_exponent / 2 - 4);
    constexpr T small = power_of_two<T>(-Limits::max_exponent / 2 - 6);
    enclose(p, y);
    const auto is_wide = enclosing_width > V(large), is_high = enclosing_height > V(large);
    if (any(is_wide | is_high)) [[unlikely]] {
      unit_x = where(is_wide, V(small), unit_x);
      unit_y = where(is_high, V(small), unit_y);
      to_common_x = where(unit_x > unit_y, V(small), to_common_x);
      to_common_y = where(unit_y > unit_x, V(small), to_common_y);
      p = scaled(p, is_wide, is_high);
      y = scaled(y, is_wide, is_high);
      enclose(p, y);
    }
    epsilon = max_number(V(4 * Limits::min()), V(the_epsilon) * unit_x * unit_y);
    const V longest = max_number(enclosing_width, enclosing_height);
    least_area = V(4 * Limits::min()) * max_number(V(1), longest);

    left = y.x1 - p.x1;
    top = y.y1 - p.y1;
    right = p.x2 - y.x2;
    bottom = p.y2 - y.y2;
    width = p.x2 - p.x1;
    height = p.y2 - p.y1;
    target_width = y.x2 - y.x1;
    target_height = y.y2 - y.y1;
    overlap_width = min_number(p.x2, y.x2) - max_number(p.x1, y.x1);
    overlap_height = min_number(p.y2, y.y2) - max_number(p.y1, y.y1);
    shared_width = max_number(V(0), overlap_width);
    shared_height = max_number(V(0), overlap_height);
    intersection = shared_width * shared_height;
    // What of each box the other leaves bare: all of its width, or the strips on both sides.
    const V zero(0);
    const V bare_width = min_number(width, max_number(zero, left) + max_number(zero, right));
    const V bare_height = min_number(height, max_number(zero, top) + max_number(zero, bottom));
    const V target_bare_width = min_number(target_width, max_number(zero, -left) + max_number(zero, -right));
    const V target_bare_height = min_number(target_height, max_number(zero, -top) + max_number(zero, -bottom));
    difference = (bare_width * height + shared_width * bare_height) +
                 (target_bare_width * target_height + shared_width * target_bare_height);
  }

  LOSSES_INLINE V inverse(V area) const { return V(1) / max_number(least_area, area); }

  /// The smallest box around both, less their union.
  LOSSES_INLINE V uncovered() const {
    // Where they overlap, the corners that neither reaches: in each, one box is the wider and the other the higher.
    const V zero(0);
    const V corners = (max_number(zero, -left * top) + max_number(zero, -left * bottom)) +
                      (max_number(zero, -right * top) + max_number(zero, -right * bottom));
    const auto apart = (overlap_width < zero) | (overlap_height < zero);
    return where(apart, enclosing_width * enclosing_height - difference, corners);
  }

  /// dvalue/dprediction of a value whose partial derivatives by the intersection and by lengths are given. An edge that
  /// both boxes share belongs half to the intersection and half to the enclosing box.
  LOSSES_INLINE Box<V> slope(V by_intersection, V by_width, V by_height, V by_enclosing_width, V by_enclosing_height,
                             V by_x = V(0), V by_y = V(0)) const {
    const V zero(0);
    // A length that is clamped at 0 still passes the gradient at 0.
    const V by_overlap_width = where(overlap_width < zero, zero, by_intersection * shared_height);
    const V by_overlap_height = where(overlap_height < zero, zero, by_intersection * shared_width);
    const auto share = [&](const V& beyond, const V& inner, const V& outer) LOSSES_INLINE_LAMBDA {
      return where(beyond > zero, outer, where(beyond < zero, inner, V(0.5) * (inner + outer)));
    };
    return {unit_x * (by_x - (by_width + share(left, by_overlap_width, by_enclosing_width))),
            unit_y * (by_y - (by_height + share(top, by_overlap_height, by_enclosing_height))),
            unit_x * (by_x + (by_width + share(right, by_overlap_width, by_enclosing_width))),
            unit_y * (by_y + (by_height + share(bottom, by_overlap_height, by_enclosing_height)))};
  }

 private:
  LOSSES_INLINE void enclose(const Box<V>& p, const Box<V>& y) {
    enclosing_width = max_number(p.x2, y.x2) - min_number(p.x1, y.x1);
    enclosing_height = max_number(p.y2, y.y2) - min_number(p.y1, y.y1);
  }

  /// In the units; infinity counts as the largest number, which gives the limit.
  template <class Mask>
  LOSSES_INLINE Box<V> scaled(const Box<V>& box, Mask is_wide, Mask is_high) const {
    const V largest(std::numeric_limits<typename V::Scalar>::max());
    const auto each = [&](const V& x, Mask is_large, const V& unit)
                          LOSSES_INLINE_LAMBDA { return where(is_large, unit * clamp(x, -largest, largest), x); };
    return {each(box.x1, is_wide, unit_x), each(box.y1, is_high, unit_y), each(box.x2, is_wide, unit_x),
            each(box.y2, is_high, unit_y)};
  }
};

/// 1 − IoU, where IoU = intersection/(union + ε), and its derivatives by the intersection and by the prediction's sides.
template <class V>
struct Overlap {
  V loss;
  V whole;  // union + ε
  V by_intersection, by_width, by_height;

  LOSSES_INLINE explicit Overlap(const BoxPair<V>& pair) {
    const V rest = pair.difference + pair.epsilon;
    whole = rest + pair.intersection;
    loss = rest / whole;
    const V inverse = pair.inverse(whole);
    // Products of factors of which none is larger than it must be: they neither overflow nor vanish.
    const V across = pair.shared_width * inverse, along = pair.shared_height * inverse;
    by_intersection = -(inverse + pair.shared_width * along * inverse);
    by_width = pair.shared_width * (inverse * pair.height) * along;
    by_height = pair.shared_height * (inverse * pair.width) * across;
  }
};

/// ρ²/(c² + ε): the squared distance of the centres over that of the enclosing box's corners.
template <class V>
struct CentreDistance {
  V loss;
  V by_x, by_y;  // the prediction's edges
  V by_enclosing_width, by_enclosing_height;

  LOSSES_INLINE explicit CentreDistance(const BoxPair<V>& pair) {
    const V to_x = pair.to_common_x, to_y = pair.to_common_y;
    const V x = V(0.5) * to_x * (pair.right - pair.left), y = V(0.5) * to_y * (pair.bottom - pair.top);
    const V width = to_x * pair.enclosing_width, height = to_y * pair.enclosing_height;
    const V apart = x * x + y * y;
    const V whole = width * width + height * height + pair.epsilon, inverse = V(1) / whole;
    loss = apart / whole;
    by_x = to_x * (x * inverse);
    by_y = to_y * (y * inverse);
    const V share = V(-2) * (apart * inverse);
    by_enclosing_width = to_x * (share * (inverse * width));
    by_enclosing_height = to_y * (share * (inverse * height));
  }
};

}  // namespace LOSSES_NAMESPACE::detail
