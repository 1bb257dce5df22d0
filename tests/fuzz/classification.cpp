// SPDX-License-Identifier: MIT
// Any call of a classification loss, against its formula.

#include "loss_target.hpp"

namespace losses_test {

namespace {

Number one() {
  return Number(1);
}

/// A probability in [ε, 1 − ε]; the clamp lets the derivative pass.
Number clamped(const Problem& a, Number p) {
  const Real epsilon = a.options.number("epsilon", "1e-7");
  if (p.f < epsilon) p.f = epsilon;
  if (p.f > 1 - epsilon) p.f = 1 - epsilon;
  return p;
}

/// α_t (1 − p_t)^γ C of p, 1 − p and their logarithms.
Number focal(const Problem& a, const Number& y, const Number& p, const Number& q, const Number& minus_log_p,
             const Number& minus_log_q) {
  const Number alpha = a.options.number("alpha", "0.25");
  Number negative = one() - alpha;
  if (!a.options.word("alpha_negative", "").empty()) negative = a.options.number("alpha_negative", "");
  const Number no = one() - y;
  return (alpha * y + negative * no) * pow(q * y + p * no, a.options.number("gamma", "2")) *
         (y * minus_log_p + no * minus_log_q);
}

Number weighted_bce(const Problem& a, const Number& x, const Number& y, Index i) {
  const Real w = a.options.one_of("pos_weight", static_cast<std::size_t>(i / a.inner() % a.classes()));
  return (one() - y) * softplus(x) + Number(w) * y * softplus(-x);
}

Number bce_with_logits(const Problem& a) {
  return of_elements(a, [&](auto x, auto y, Index i) { return weighted_bce(a, x, y, i); });
}

/// −Σ q w log p with the share ε of the label spread over all classes, or over the others.
Number smoothed(const Problem& a, Real epsilon, bool over_others) {
  return of_labels(a, true, [&](const std::vector<Number>& x, std::size_t y) {
    const Real c = static_cast<Real>(x.size());
    Number sum = 0;
    Real most = 0;  // of the class weights
    for (std::size_t k = 0; k < x.size(); ++k) {
      most = std::max(most, a.options.one_of("class_weights", k));
      Real q = k == y ? 1 - epsilon : 0;
      if (!over_others) q += epsilon / c;
      if (over_others && k != y) q += epsilon / (c - 1);
      if (over_others && x.size() == 1) q = 1;
      if (q != 0) sum -= Number(q * a.options.one_of("class_weights", k)) * log_softmax(x, k);
    }
    // Q p_k − q_k w_k is a difference of two terms.
    if (epsilon != 0 && sum.d != 0) sum.ed += most;
    for (const Number& each : x) {
      if (std::isnan(each.f)) sum = each;
    }
    return sum;
  });
}

/// f(log p, 1 − p) of the label's probability, times its class weight.
template <class F>
Number of_probability(const Problem& a, const F& f) {
  return of_labels(a, true, [&](const std::vector<Number>& x, std::size_t y) {
    return Number(a.options.one_of("class_weights", y)) * f(log_softmax(x, y), rest_of_softmax(x, y));
  });
}

const RoomReference references[] = {
    {"bce",
     [](const Problem& a) {
       return of_elements(a, [&](auto p, auto y, Index) {
         const Number q = clamped(a, p);
         return -y * log(q) - (one() - y) * log(one() - q);
       });
     }},
    {"bce_with_logits", bce_with_logits, 1e30L},
    {"multi_label_bce", bce_with_logits, 1e30L},
    {"focal",
     [](const Problem& a) {
       return of_elements(a, [&](auto p, auto y, Index) {
         const Number q = clamped(a, p);
         return focal(a, y, q, one() - q, -log(q), -log(one() - q));
       });
     }},
    {"focal_with_logits",
     [](const Problem& a) {
       return of_elements(
           a, [&](auto x, auto y, Index) { return focal(a, y, sigmoid(x), sigmoid(-x), softplus(-x), softplus(x)); });
     },
     80},
    {"hinge",
     [](const Problem& a) {
       const Number margin = a.options.number("margin", "1");
       return of_elements(a, [&](auto x, auto y, Index) { return max(Number(0), margin - y * x); });
     }},
    {"squared_hinge",
     [](const Problem& a) {
       const Number margin = a.options.number("margin", "1");
       return of_elements(a, [&](auto x, auto y, Index) { return square(max(Number(0), margin - y * x)); });
     }},
    {"soft_margin",
     [](const Problem& a) {
       const Number margin = a.options.number("margin", "0");
       return of_elements(a, [&](auto x, auto y, Index) { return softplus(margin - y * x); });
     },
     1e4L},
    {"multi_label_soft_margin",
     [](const Problem& a) {
       const Index c = a.classes(), in = a.inner();
       Reduced terms(a);
       for (Index i = 0; i < a.samples() * in; ++i) {
         terms.add(a.weight(i, a.samples() * in), 1, [&] {
           Number sum = 0;
           for (Index k = 0; k < c; ++k) {
             const Number x = a.numbers[0][(i / in * c + k) * in + i % in],
                          y = a.numbers[1][(i / in * c + k) * in + i % in];
             const Real w = a.options.one_of("class_weights", static_cast<std::size_t>(k));
             if (w != 0) sum += Number(w) * ((one() - y) * softplus(x) + y * softplus(-x));
           }
           return c > 0 ? sum / Number(static_cast<Real>(c)) : Number(0);
         });
       }
       return terms.result();
     },
     1e4L},
    {"multi_label_margin",
     [](const Problem& a) {
       const Index c = a.classes(), in = a.inner();
       Reduced terms(a);
       for (Index i = 0; i < a.samples() * in; ++i) {
         terms.add(a.weight(i, a.samples() * in), 1, [&] {
           const std::vector<Number> x = a.row(i);
           std::vector<Index> named;
           std::vector<bool> is_named(x.size(), false);
           Number sum = 0;
           for (Index k = 0; k < c; ++k) {
             const auto label = a.labels[static_cast<std::size_t>((i / in * c + k) * in + i % in)];
             if (label < 0) break;
             named.push_back(static_cast<Index>(label));
             is_named[static_cast<std::size_t>(label)] = true;
           }
           for (const Index j : named) {
             for (std::size_t k = 0; k < x.size(); ++k) {
               if (!is_named[k]) sum += max(Number(0), one() - x[static_cast<std::size_t>(j)] + x[k]);
             }
           }
           for (const Number& each : x) {
             if (std::isnan(each.f)) sum.f = each.f;  // also of a class that no label is compared with
           }
           return c > 0 ? sum / Number(static_cast<Real>(c)) : Number(0);
         });
       }
       return terms.result();
     },
     1e30L},
    {"asymmetric_multi_label",
     [](const Problem& a) {
       const Real up = a.options.number("gamma_positive", "1"), down = a.options.number("gamma_negative", "4");
       const Number clip = a.options.number("clip", "0.05");
       return of_elements(a, [&](auto x, auto y, Index) {
         Number value = y * pow(sigmoid(-x), up) * softplus(-x);
         const Number m = sigmoid(x) - clip;
         if (clip.f == 0) return value + (one() - y) * pow(sigmoid(x), down) * softplus(x);
         if (!less(m, Number(0))) value += (one() - y) * pow(m, down) * -log(sigmoid(-x) + clip);
         return value;
       });
     },
     30},
    {"cross_entropy",
     [](const Problem& a) {
       return smoothed(a, a.options.number("label_smoothing", "0"),
                       a.options.word("spread", "all_classes") == "other_classes");
     }},
    {"label_smoothing",
     [](const Problem& a) {
       return smoothed(a, a.options.number("smoothing", "0.1"),
                       a.options.word("spread", "other_classes") == "other_classes");
     }},
    {"adaptive_label_smoothing",
     [](const Problem& a) {
       const Real parameter =
           a.options.word("parameter", "").empty() ? std::log(Real(1) / 9) : a.options.number("parameter", "");
       return smoothed(a, 1 / (1 + std::exp(-parameter)), true);
     }},
    {"softmax_focal",
     [](const Problem& a) {
       return of_labels(a, false, [&](const std::vector<Number>& x, std::size_t y) {
         return Number(-a.options.one_of("alpha", y)) * pow(rest_of_softmax(x, y), a.options.number("gamma", "2")) *
                log_softmax(x, y);
       });
     },
     80},
    {"nll",
     [](const Problem& a) {
       return of_labels(a, true, [&](const std::vector<Number>& x, std::size_t y) {
         return Number(-a.options.one_of("class_weights", y)) * x[y];
       });
     }},
    {"kl_divergence",
     [](const Problem& a) {
       const bool log_target = a.options.flag("log_target", false);
       return of_elements(a, [&](auto x, auto y, Index) {
         if (log_target) return exp(y) * (y - x);
         return y.f == 0 ? Number(0) : y * (log(y) - x);
       });
     },
     1e3L},
    {"multi_margin",
     [](const Problem& a) {
       const Real p = a.options.number("p", "1");
       const Number margin = a.options.number("margin", "1");
       Problem plain = a;
       plain.options.given.erase("ignore_index");
       return of_labels(plain, false, [&](const std::vector<Number>& x, std::size_t y) {
         Number sum = 0;
         for (std::size_t j = 0; j < x.size(); ++j) {
           if (j != y) sum += pow(max(Number(0), margin - x[y] + x[j]), p);
         }
         for (const Number& each : x) {
           if (std::isnan(each.f)) sum.f = each.f;  // also of the only class
         }
         return Number(a.options.one_of("class_weights", y) / static_cast<Real>(x.size())) * sum;
       });
     },
     1e15L},
    {"poly_cross_entropy",
     [](const Problem& a) {
       const Number epsilon = a.options.number("epsilon", "1");
       return of_probability(a, [&](auto log_p, auto rest) { return -log_p + epsilon * rest; });
     }},
    {"generalized_cross_entropy",
     [](const Problem& a) {
       const Number q = a.options.number("q", "0.7");
       return of_probability(a, [&](auto log_p, auto) { return q.f == 0 ? -log_p : -expm1(q * log_p) / q; });
     }},
    {"symmetric_cross_entropy",
     [](const Problem& a) {
       const Number alpha = a.options.number("alpha", "0.1"), beta = a.options.number("beta", "1");
       const Number log_zero = a.options.number("log_zero", "-4");
       return of_probability(a, [&](auto log_p, auto rest) { return -alpha * log_p - beta * log_zero * rest; });
     }},
};

const bool added = add_fuzz_target("classification", [](const std::uint8_t* data, std::size_t size) {
  run_room([]<class T>() { return losses::detail::classification_entries<T>(); }, references, {data, size});
});

}  // namespace

}  // namespace losses_test
