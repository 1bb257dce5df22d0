// SPDX-License-Identifier: MIT
// Any call of a ranking loss, against its formula.

#include "loss_target.hpp"

namespace losses_test {

namespace {

/// f(scores, relevances) of the items that the mask keeps, of each list that has one.
template <class F>
Number of_lists(const Problem& a, const F& f) {
  const Index n = a.samples(), items = a.classes();
  Reduced terms(a);
  for (Index i = 0; i < n; ++i) {
    std::vector<Number> scores, relevances;
    for (Index k = 0; k < items; ++k) {
      if (!a.mask.empty() && !a.mask[static_cast<std::size_t>(i * items + k)]) continue;
      scores.push_back(a.numbers[0][i * items + k]);
      relevances.push_back(a.numbers[1][i * items + k]);
    }
    if (!scores.empty()) terms.add(a.weight(i, n), 1, [&] { return f(scores, relevances); });
  }
  return terms.result();
}

/// Rounding of a slope that is a difference of terms of size 1: p_j − q_j, Σ p − 1.
Number with_rounded_slope(Number value) {
  if (value.d != 0) value.ed += 1;
  return value;
}

/// A NaN that is only compared would get lost.
Number nan_of(const std::vector<Number>& scores, const std::vector<Number>& relevances) {
  Number sum = 0;
  for (const auto* each : {&scores, &relevances}) {
    for (const Number& x : *each) {
      if (std::isnan(x.f)) sum = x;
    }
  }
  return sum;
}

const RoomReference references[] = {
    {"margin_ranking",
     [](const Problem& a) {
       const Number margin = a.options.number("margin", "0");
       Reduced terms(a);
       for (Index i = 0; i < a.prediction().count(); ++i) {
         terms.add(a.weight(i, a.prediction().count()), 1,
                   [&] { return max(Number(0), margin - a.numbers[2][i] * (a.numbers[0][i] - a.numbers[1][i])); });
       }
       return terms.result();
     }},
    {"pairwise_logistic",
     [](const Problem& a) {
       return of_lists(a, [](const auto& s, const auto& r) {
         Number sum = nan_of(s, r);
         if (std::isnan(sum.f)) return sum;
         Real pairs = 0;
         for (std::size_t i = 0; i < s.size(); ++i) {
           for (std::size_t j = 0; j < s.size(); ++j) {
             if (r[i].f > r[j].f) sum += softplus(s[j] - s[i]), pairs += 1;
           }
         }
         return pairs > 0 ? sum / Number(pairs) : Number(0);
       });
     },
     1e300L},
    {"list_net",
     [](const Problem& a) {
       return of_lists(a, [](const auto& s, const auto& r) {
         Number sum = nan_of(s, r);
         if (std::isnan(sum.f)) return sum;
         for (std::size_t j = 0; j < s.size(); ++j) sum -= exp(log_softmax(r, j)) * log_softmax(s, j);
         return with_rounded_slope(sum);
       });
     },
     1e300L},
    {"list_mle",
     [](const Problem& a) {
       return of_lists(a, [](const auto& s, const auto& r) {
         Number sum = nan_of(s, r);
         if (std::isnan(sum.f)) return sum;
         std::vector<std::size_t> order(s.size());
         for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
         std::stable_sort(order.begin(), order.end(), [&](auto i, auto j) { return r[i].f > r[j].f; });
         for (std::size_t i = 0; i < order.size(); ++i) {
           std::vector<Number> rest;
           for (std::size_t k = i; k < order.size(); ++k) rest.push_back(s[order[k]]);
           sum -= log_softmax(rest, 0);
         }
         return with_rounded_slope(sum);
       });
     },
     1e300L},
};

const bool added = add_fuzz_target("ranking", [](const std::uint8_t* data, std::size_t size) {
  run_room([]<class T>() { return losses::detail::ranking_entries<T>(); }, references, {data, size});
});

}  // namespace

}  // namespace losses_test
