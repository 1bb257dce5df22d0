// SPDX-License-Identifier: MIT
#pragma once

/// Cross-entropy of one probability, from its logit or from itself, and what focal losses make of it.

#include <limits>
#include <string_view>

#include <losses/core/math.hpp>
#include <losses/core/row_inputs.hpp>
#include <losses/core/rule.hpp>

namespace LOSSES_NAMESPACE::detail {

/// A logit x, with the names turned so that x says "it is so" (x > 0) or "it is not so" and the weights belong to what it
/// denies and what it affirms.
///
///   e = exp(−|x|),  r = 1/(1 + e): σ(|x|) = r and σ(−|x|) = e r
template <class V>
struct Logit {
  V x, e, r;
  decltype(V() > V()) up;

  LOSSES_INLINE explicit Logit(V logit) : Logit(logit, exp_of(logit)) {}
  LOSSES_INLINE Logit(V logit, V exp) : x(logit), e(exp), r(V(1) / (V(1) + e)), up(logit > V(0)) {}

  LOSSES_INLINE static V exp_of(V logit) { return exp_nonpos(-abs(logit)); }

  /// The one of a weight of "no" and a weight of "yes" that x denies; affirmed: the other.
  LOSSES_INLINE V denied(V no, V yes) const { return where(up, no, yes); }
  LOSSES_INLINE V affirmed(V no, V yes) const { return where(up, yes, no); }
  /// A derivative by |x| as one by x.
  LOSSES_INLINE V turned(V slope) const { return where(up, slope, -slope); }

  /// no·softplus(x) + yes·softplus(−x)
  LOSSES_INLINE Terms<V> cross_entropy(V no, V yes) const { return cross_entropy(no, yes, log1p_unit(e)); }
  /// The same from log(1 + e).
  LOSSES_INLINE Terms<V> cross_entropy(V no, V yes, V log1p_e) const {
    const V a = denied(no, yes), b = affirmed(no, yes);
    const V linear = where(a == V(0), V(0), a * abs(x));  // not 0·inf
    return {.value = fma(a + b, log1p_e, linear), .slope = turned(fma(-b, e, a) * r), .curvature = (a + b) * e * r * r};
  }
};

/// A probability p in [ε, 1 − ε], as the smaller m of p and 1 − p. Both are right to their last digit, also near 1.
template <class V>
struct Probability {
  V m;
  decltype(V() > V()) up;

  LOSSES_INLINE Probability(V p, V epsilon) : m(max_number(epsilon, where(p > V(0.5), V(1) - p, p))), up(p > V(0.5)) {}

  LOSSES_INLINE V denied(V no, V yes) const { return where(up, no, yes); }
  LOSSES_INLINE V affirmed(V no, V yes) const { return where(up, yes, no); }
  /// A derivative by 1 − m as one by p.
  LOSSES_INLINE V turned(V slope) const { return where(up, slope, -slope); }

  /// −no·log(1 − p) − yes·log p
  LOSSES_INLINE Terms<V> cross_entropy(V no, V yes) const {
    const V a = denied(no, yes), b = affirmed(no, yes), rest = V(1) - m;
    const V by_a = a / m, by_b = b / rest;
    return {.value = -(a * log(m) + b * log1p(-m)), .slope = turned(by_a - by_b), .curvature = by_a / m + by_b / rest};
  }
};

/// v q^γ for q in [0, 1] and γ ≥ 0, without an underflow that v would have prevented.
template <class V, class T>
LOSSES_INLINE V times_power(V v, V q, T gamma) {
  if (gamma == 0) return v;
  if (gamma == 1) return v * q;
  if (gamma == 2) return v * q * q;
  if (gamma == 3) return v * q * q * q;
  if (gamma == 4) return v * q * q * (q * q);
  if (gamma <= 16 && gamma == static_cast<T>(static_cast<int>(gamma))) {
    v = v * q * q * (q * q) * q;
    for (int k = 5; k < static_cast<int>(gamma); ++k) v = v * q;
    return v;
  }
  const V half = pow(q, V(gamma / 2));
  // Infinite times what underflows is infinite.
  return where((v == V(std::numeric_limits<T>::infinity())) & (q > V(0)), v, v * half * half);
}

/// The factor q^γ of a focal loss: q, q′, q′/q and q″/q.
template <class V>
struct Modulator {
  V q, slope, ratio, bend;
};

/// α q^γ C
template <class V, class T>
LOSSES_INLINE Terms<V> modulated(const V& alpha, const Modulator<V>& by, const Terms<V>& c, T gamma) {
  // Where C is infinite, q′ and perhaps α are 0, and so are their products with C.
  const V g(gamma), finite = min_number(V(std::numeric_limits<T>::max()), c.value);
  const V kept = where(alpha == V(0), finite, c.value);
  Terms<V> terms;
  if (gamma == 2) {
    terms.value = alpha * (kept * by.q * by.q);
    terms.slope = alpha * (fma(g * by.slope, finite, by.q * c.slope) * by.q);
  } else {
    terms.value = alpha * times_power(kept, by.q, gamma);
    terms.slope = gamma >= 1 ? alpha * times_power(fma(g * by.slope, finite, by.q * c.slope), by.q, gamma - 1)
                             : alpha * times_power(fma(g * by.ratio, finite, c.slope), by.q, gamma);
  }
  const V inner = g * ((g - V(1)) * by.ratio * by.ratio + by.bend);
  const V sum = fma(finite, inner, fma(V(2) * g * by.ratio, c.slope, c.curvature));
  terms.curvature = alpha * times_power(sum, by.q, gamma);
  return terms;
}

/// e = exp(−|x|), or 0 where a hard label makes the term about e^(1 + γ), and that is below the normal numbers, whose
/// products are slow.
template <class V, class T>
LOSSES_INLINE V focal_exp(V x, V e, V no, V yes, T gamma) {
  constexpr T most = sizeof(T) == 4 ? T(87.3) : T(708.3);
  const auto vanishes = (where(x > V(0), no, yes) == V(0)) & (abs(x) > V(most / (1 + gamma)));
  return where(vanishes, V(0), e);
}

/// α (1 − p_t)^γ C with p_t = p·yes + (1 − p)·no, for yes + no = 1, of a logit whose e is focal_exp.
template <class V, class T>
LOSSES_INLINE Terms<V> focal_of_logit(const Logit<V>& logit, V log1p_e, V no, V yes, V alpha, T gamma) {
  const V a = logit.denied(no, yes), b = logit.affirmed(no, yes);
  const V e = logit.e, r = logit.r;
  const V er = e * r, sum = fma(b, e, a);
  const V share = where(a == V(0), V(1), e / sum);  // σ(−|x|)/(1 − p_t), also where both are 0
  const V ratio = (a - b) * share * r;
  const Modulator<V> by{sum * r, logit.turned((a - b) * er * r), logit.turned(ratio), -ratio * (V(1) - e) * r};
  return modulated(alpha, by, logit.cross_entropy(no, yes, log1p_e), gamma);
}

template <class T>
void check_pos_weight(std::string_view loss, const NumberOrVector<T>& pos_weight) {
  require(!pos_weight.empty(), loss, ": pos_weight is empty, but must be a number or have one for each label");
  require_class_weights(loss, pos_weight, "pos_weight");
}

template <class T>
void check_focal(std::string_view loss, T alpha, T alpha_negative, T gamma) {
  const auto check = [&](std::string_view option, T is) {
    require(is >= 0 && is <= std::numeric_limits<T>::max(), loss, ": ", option, " is ", is,
            ", but must be finite and not negative");
  };
  check("alpha", alpha);
  require(alpha <= 1 || alpha_negative != 1 - alpha, loss, ": alpha is ", alpha,
          ", but must be in [0, 1] where alpha_negative is not given");
  check("alpha_negative", alpha_negative);
  check("gamma", gamma);
}

}  // namespace LOSSES_NAMESPACE::detail
