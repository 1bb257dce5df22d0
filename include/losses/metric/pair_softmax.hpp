// SPDX-License-Identifier: MIT
#pragma once

#include <losses/core/per_batch.hpp>

namespace LOSSES_NAMESPACE::detail {

/// An anchor's −mean over its positives p of log(exp(s_p/τ) / Σ_a exp(s_a/τ)), where a runs over all others (and
/// itself, if include_self). Leaves its slopes by s in the row. `parameter` is the slope by τ, where asked for.
///
/// With one positive the value is log1p(others/positive), which keeps the digits of a small loss.
template <bool with_temperature = false, class T>
LOSSES_INLINE rule::AnchorTerm pair_softmax(BatchRow<T>& row, double temperature, bool include_self) {
  using V = Lanes<T>;
  if (row.positives == 0) return row.nothing(1);
  const V inverse(1 / temperature);
  V top(-std::numeric_limits<T>::infinity());
  row.visit([&](V s, auto positive, auto negative)
                LOSSES_INLINE_LAMBDA { top = where(positive | negative, max_number(s, top), top); });
  T m = horizontal_max(top);
  if (include_self && row.self_similarity > m) m = row.self_similarity;

  // Of exp((s − m)/τ).
  Accumulator<T> same, others, similarity, moment;
  row.replace([&](V s, auto positive, auto negative) LOSSES_INLINE_LAMBDA {
    const V e = exp_or_zero((s - V(m)) * inverse);
    same.add(where(positive, e, V(0)));
    others.add(where(negative, e, V(0)));
    similarity.add(where(positive, s, V(0)));
    if constexpr (with_temperature) moment.add(where(positive | negative, e * (s - V(m)), V(0)));
    return e;
  });
  const double highest = static_cast<double>(m), count = static_cast<double>(row.positives);
  double rest = others.total();
  if (include_self) rest += std::exp((static_cast<double>(row.self_similarity) - highest) / temperature);
  const double positive = same.total(), total = positive + rest, mean = similarity.total() / count;
  const bool single = row.positives == 1 && positive > 0;
  rule::AnchorTerm term{single ? std::log1p(rest / positive) : (highest - mean) / temperature + std::log(total), 1, 0};
  if constexpr (with_temperature)
    term.parameter = (mean - highest - moment.total() / total) / (temperature * temperature);
  if (row.wants_slopes()) {
    const V share(1 / (total * temperature)), target(1 / (count * temperature));
    const V of_single(-rest / total / temperature);
    row.replace([&](V e, auto is_positive, auto is_negative) LOSSES_INLINE_LAMBDA {
      const V p = e * share;
      return where(is_positive, single ? of_single : p - target, where(is_negative, p, V(0)));
    });
  }
  return term;
}

}  // namespace LOSSES_NAMESPACE::detail
