// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/per_batch.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Circle loss: similarities within a class rise and those between classes fall, each at a pace of its own.
///
///   s_ij = cosine of rows i and j,  p: the other rows with label i,  n: the rows with another label
///   α_p = max(0, 1 + m − s_p),  α_n = max(0, s_n + m)
///   value_i = log(1 + Σ_n exp(γ α_n (s_n − m)) Σ_p exp(−γ α_p (s_p − 1 + m)))
///   slope by s_p = −γ α_p softmax_p σ,  by s_n = γ α_n softmax_n σ,  σ = sigmoid of the logarithm of the product
///
/// (features [n × d], labels [n]); rows are normalised inside and the gradient goes through it, but the paces α are
/// constants for it, as for the authors. Labels are integers of any width and value.
///
///   margin  m ≥ 0 (0.25)
///   gamma   γ > 0 (256), the scale
///
/// mean is over the anchors that have a positive and a negative; none: 0, gradient 0. A zero row has cosine 0 to every
/// row, and gradient 0. A NaN or an infinity anywhere: NaN. Memory O(n). Throws std::invalid_argument for shapes and
/// options.
/// Sun et al. (2020), arXiv:2002.10857, eq. (4) to (6) and (8).
template <std::floating_point T>
struct Circle {
  using Scalar = T;
  using Shape = per_batch;
  static constexpr Pairs pairs = Pairs::cosines;
  static constexpr Argument prediction = {"features"};

  T margin = T(0.25);
  T gamma = 256;

  void check() const {
    require(margin >= 0 && margin <= std::numeric_limits<T>::max(), "Circle: margin is ", margin,
            ", but must be finite and not negative");
    require(gamma > 0 && gamma <= std::numeric_limits<T>::max(), "Circle: gamma is ", gamma,
            ", but must be positive and finite");
  }

  AnchorTerm operator()(detail::BatchRow<T>& row) const {
    using V = Lanes<T>;
    if (row.positives == 0 || row.negatives == 0) return row.nothing();
    V top_p(-std::numeric_limits<T>::infinity()), top_n = top_p;
    row.visit([&](V s, auto positive, auto negative) LOSSES_INLINE_LAMBDA {
      const V x = logit(s, positive);
      top_p = where(positive, max_number(x, top_p), top_p);
      top_n = where(negative, max_number(x, top_n), top_n);
    });
    const T most_p = horizontal_max(top_p), most_n = horizontal_max(top_n);
    const auto e = [&](V s, auto positive) LOSSES_INLINE_LAMBDA {
      return detail::exp_or_zero(logit(s, positive) - where(positive, V(most_p), V(most_n)));
    };
    detail::Accumulator<T> sum_p, sum_n;
    row.visit([&](V s, auto positive, auto negative) LOSSES_INLINE_LAMBDA {
      const V x = e(s, positive);
      sum_p.add(where(positive, x, V(0)));
      sum_n.add(where(negative, x, V(0)));
    });
    const double p = sum_p.total(), n = sum_n.total();
    const double z = static_cast<double>(most_p) + static_cast<double>(most_n) + std::log(p) + std::log(n);
    const double small = std::exp(-std::abs(z));
    const double sigma = z < 0 ? small / (1 + small) : 1 / (1 + small);
    if (row.wants_slopes()) {
      const V of_p(-static_cast<double>(gamma) * sigma / p), of_n(static_cast<double>(gamma) * sigma / n);
      row.replace([&](V s, auto positive, auto negative) LOSSES_INLINE_LAMBDA {
        const V slope = pace(s, positive) * e(s, positive) * where(positive, of_p, of_n);
        return where(positive | negative, slope, V(0));
      });
    }
    return {std::max(z, 0.0) + std::log1p(small), 1, 0};
  }

 private:
  template <class V, class Mask>
  V pace(V s, Mask positive) const {
    return max_number(V(0), where(positive, V(1 + margin) - s, s + V(margin)));
  }

  template <class V, class Mask>
  V logit(V s, Mask positive) const {
    return V(gamma) * pace(s, positive) * where(positive, V(1 - margin) - s, s - V(margin));
  }
};

}  // namespace rule

template <std::floating_point T = float>
using Circle = Loss<rule::Circle<T>>;

LOSSES_EXTERN(rule::Circle);

}  // namespace LOSSES_NAMESPACE
