// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/per_batch.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Multi-similarity loss: of each anchor the informative pairs, weighted by how they compare with the others.
///
///   s_ij = cosine of rows i and j
///   P_i = the other rows p with label i and s_ip − ε < the largest s_in
///   N_i = the rows n with another label and s_in + ε > the smallest s_ip
///   value_i = 1/α log(1 + Σ_{p ∈ P_i} exp(−α(s_ip − λ))) + 1/β log(1 + Σ_{n ∈ N_i} exp(β(s_in − λ)))
///   slope by s_ip = −e_p / (1 + Σ e),  by s_in = e_n / (1 + Σ e), with the exponentials e of its sum; 0 by other pairs
///
/// (features [n × d], labels [n]); rows are normalised inside and the gradient goes through it. Labels are integers of
/// any width and value.
///
///   alpha    α > 0 (2)
///   beta     β > 0 (50)
///   base     λ (0.5)
///   epsilon  ε ≥ 0 (0.1); more than 2 takes every pair
///
/// mean is over all n anchors; one without a positive, a negative or a pair that is mined has value 0. A zero row has
/// cosine 0 to every row, and gradient 0. A NaN or an infinity anywhere: NaN. Memory O(n). Throws std::invalid_argument
/// for shapes and options.
/// Wang et al. (2019), arXiv:1904.06627, eq. (11), (12) and (16).
template <std::floating_point T>
struct MultiSimilarity {
  using Scalar = T;
  using Shape = per_batch;
  static constexpr Pairs pairs = Pairs::cosines;
  static constexpr Argument prediction = {"features"};

  T alpha = 2;
  T beta = 50;
  T base = T(0.5);
  T epsilon = T(0.1);

  void check() const {
    constexpr T most = std::numeric_limits<T>::max();
    require(alpha > 0 && alpha <= most, "MultiSimilarity: alpha is ", alpha, ", but must be positive and finite");
    require(beta > 0 && beta <= most, "MultiSimilarity: beta is ", beta, ", but must be positive and finite");
    require(std::abs(base) <= most, "MultiSimilarity: base is ", base, ", but must be finite");
    require(epsilon >= 0 && epsilon <= most, "MultiSimilarity: epsilon is ", epsilon,
            ", but must be finite and not negative");
  }

  AnchorTerm operator()(detail::BatchRow<T>& row) const {
    using V = Lanes<T>;
    if (row.positives == 0 || row.negatives == 0) return row.nothing(1);
    V low(std::numeric_limits<T>::infinity()), top = -low;
    row.visit([&](V s, auto positive, auto negative) LOSSES_INLINE_LAMBDA {
      low = where(positive, min_number(s, low), low);
      top = where(negative, max_number(s, top), top);
    });
    const T least_p = horizontal_min(low), most_n = horizontal_max(top);
    // The largest exponent of each sum, or 0, that of its 1.
    const T shift_p = std::max(T(0), alpha * (base - least_p)), shift_n = std::max(T(0), beta * (most_n - base));
    const auto mined = [&](V s, auto positive, auto negative) LOSSES_INLINE_LAMBDA {
      return (positive & (s - V(epsilon) < V(most_n))) | (negative & (s + V(epsilon) > V(least_p)));
    };
    const auto e = [&](V s, auto positive) LOSSES_INLINE_LAMBDA {
      const V x = where(positive, V(alpha) * (V(base) - s) - V(shift_p), V(beta) * (s - V(base)) - V(shift_n));
      return detail::exp_or_zero(x);
    };
    detail::Accumulator<T> sum_p, sum_n;
    row.visit([&](V s, auto positive, auto negative) LOSSES_INLINE_LAMBDA {
      const V x = where(mined(s, positive, negative), e(s, positive), V(0));
      sum_p.add(where(positive, x, V(0)));
      sum_n.add(where(negative, x, V(0)));
    });
    const double p = sum_p.total(), n = sum_n.total();
    const double one_p = std::exp(-static_cast<double>(shift_p)), one_n = std::exp(-static_cast<double>(shift_n));
    if (row.wants_slopes()) {
      const V of_p(-1 / (one_p + p)), of_n(1 / (one_n + n));
      row.replace([&](V s, auto positive, auto negative) LOSSES_INLINE_LAMBDA {
        return where(mined(s, positive, negative), e(s, positive) * where(positive, of_p, of_n), V(0));
      });
    }
    return {log_sum(shift_p, one_p, p) / static_cast<double>(alpha) +
                log_sum(shift_n, one_n, n) / static_cast<double>(beta),
            1, 0};
  }

 private:
  /// log(1 + Σ e), with the 1 and the sum divided by exp(shift). Nothing mined is 0, which shift + log(one) only rounds to.
  static double log_sum(T shift, double one, double sum) {
    if (sum == 0) return 0;
    return shift > 0 ? static_cast<double>(shift) + std::log(one + sum) : std::log1p(sum);
  }
};

}  // namespace rule

template <std::floating_point T = float>
using MultiSimilarity = Loss<rule::MultiSimilarity<T>>;

LOSSES_EXTERN(rule::MultiSimilarity);

}  // namespace LOSSES_NAMESPACE
