// SPDX-License-Identifier: MIT
// Any call of a metric loss, against its formula.

#include <functional>

#include "loss_target.hpp"

namespace losses_test {

namespace {

using Vector = std::vector<Number>;

Number one() {
  return Number(1);
}

Number sum_of_squares(const Vector& v) {
  Number sum = 0;
  for (const Number& each : v) sum += square(each);
  return sum;
}

/// ‖a − b‖ of power p; its gradient at 0 is 0.
Number distance(const Vector& a, const Vector& b, Real p) {
  Number sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const Number r = abs(a[k] - b[k]);
    if (p == infinity) {
      sum = max(sum, r);
    } else if (r.f != 0) {
      sum += pow(r, p);
    }
  }
  if (p == infinity || sum.f == 0) return sum.f == 0 && !std::isnan(sum.f) ? Number(0) : sum;
  return p == 2 ? sqrt(sum) : pow(sum, 1 / p);
}

Number cosine(const Vector& a, const Vector& b) {
  const Number aa = sum_of_squares(a), bb = sum_of_squares(b);
  Number ab = 0;
  for (std::size_t k = 0; k < a.size(); ++k) ab += a[k] * b[k];
  if (aa.f == 0 || bb.f == 0) return std::isnan(ab.f) ? ab : Number(0);
  return ab / (sqrt(aa) * sqrt(bb));
}

/// 1 − cos, which is half the squared distance of the unit vectors.
Number rest_of_cosine(const Vector& a, const Vector& b) {
  const Number aa = sum_of_squares(a), bb = sum_of_squares(b);
  if (aa.f == 0 || bb.f == 0) return one() - cosine(a, b);
  Number sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += square(a[k] / sqrt(aa) - b[k] / sqrt(bb));
  Number half = sum / Number(2);
  half.ef += Rounding::unit;                     // of parallel vectors, the square of the rounding
  half.ed = std::max(half.ed, cosine(a, b).ed);  // the gradient is that of the cosine
  return half;
}

std::vector<Vector> rows_of(const Problem& a, std::size_t argument = 0) {
  std::vector<Vector> rows;
  for (Index i = 0; i < a.samples(); ++i) rows.push_back(a.row(i, argument));
  return rows;
}

/// A NaN anywhere in a batch is the whole result.
bool has_nan(const std::vector<Vector>& rows) {
  for (const Vector& row : rows) {
    for (const Number& x : row) {
      if (std::isnan(x.f)) return true;
    }
  }
  return false;
}

Number not_a_number() {
  constexpr Real nan = std::numeric_limits<Real>::quiet_NaN();
  return {nan, nan, nan, nan};
}

/// log Σ exp
Number log_sum_exp(const Vector& x) {
  Vector with = x;
  std::size_t top = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    if (x[j].f > x[top].f) top = j;
  }
  return x[top] - log_softmax(x, top);
}

Number of_pairs(const Problem& a, bool similar_is_one,
                Number (*f)(const Problem&, const Vector&, const Vector&, bool)) {
  const Index n = a.samples();
  Reduced terms(a);
  for (Index i = 0; i < n; ++i) {
    terms.add(a.weight(i, n), 1, [&] {
      const Number y = a.numbers[2][i];
      return std::isnan(y.f) ? y : f(a, a.row(i, 0), a.row(i, 1), similar_is_one ? y.f == 1 : y.f > 0);
    });
  }
  return terms.result();
}

/// f(row i) of the anchors: a term, or none.
Number of_anchors(const Problem& a, const std::vector<Vector>& rows, Index samples,
                  const std::function<bool(std::size_t, Number&)>& f) {
  if (has_nan(rows)) return not_a_number();
  Reduced terms(a);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Number term = 0;
    if (f(i, term)) terms.add(1, 1, [&] { return term; });
  }
  return terms.result(samples);
}

Number margin_softmax(const Problem& a, Number (*target)(const Problem&, const Number&)) {
  const Number scale = a.options.number("scale", "64");
  Problem plain = a;
  return of_labels(plain, false, [&](const Vector& x, std::size_t y) {
    Vector logits;
    for (std::size_t k = 0; k < x.size(); ++k) logits.push_back(scale * (k == y ? target(a, x[k]) : x[k]));
    Number term = -log_softmax(logits, y);
    term.ed += scale.f * Rounding::least / Rounding::unit;  // a class whose share is below the normal numbers has none
    return term;
  });
}

Number sup_con(const Problem& a) {
  const auto rows = rows_of(a);
  const Number temperature = a.options.number("temperature", "0.1");
  const bool include_self = a.options.flag("include_self", false), valid_only = a.options.flag("valid_only", false);
  return of_anchors(a, rows, a.samples(), [&](std::size_t i, Number& term) {
    Vector logits;
    std::vector<std::size_t> positives;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (j == i && !include_self) continue;
      if (j != i && a.labels[j] == a.labels[i]) positives.push_back(logits.size());
      logits.push_back(cosine(rows[i], rows[j]) / temperature);
    }
    for (const std::size_t p : positives) term -= log_softmax(logits, p);
    if (!positives.empty()) term = term / Number(static_cast<Real>(positives.size()));
    return !valid_only || !positives.empty();
  });
}

Number nt_xent(const Problem& a) {
  auto rows = rows_of(a);
  const std::size_t n = rows.size();
  for (const Vector& row : rows_of(a, 1)) rows.push_back(row);
  const Number temperature = a.options.number("temperature", "0.5");
  return of_anchors(a, rows, a.samples(), [&](std::size_t i, Number& term) {
    Vector logits;
    std::size_t other = 0;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (j == i) continue;
      if (j == (i + n) % (2 * n)) other = logits.size();
      logits.push_back(cosine(rows[i], rows[j]) / temperature);
    }
    term = -log_softmax(logits, other);
    return true;
  });
}

Number multi_similarity(const Problem& a) {
  const auto rows = rows_of(a);
  const Number alpha = a.options.number("alpha", "2"), beta = a.options.number("beta", "50");
  const Number base = a.options.number("base", "0.5"), epsilon = a.options.number("epsilon", "0.1");
  return of_anchors(a, rows, a.samples(), [&](std::size_t i, Number& term) {
    Vector positives, negatives;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (j != i) (a.labels[j] == a.labels[i] ? positives : negatives).push_back(cosine(rows[i], rows[j]));
    }
    if (positives.empty() || negatives.empty()) return true;
    Number highest = negatives[0], lowest = positives[0];
    for (const Number& s : negatives) highest = s.f > highest.f ? s : highest;
    for (const Number& s : positives) lowest = s.f < lowest.f ? s : lowest;
    Vector pull = {Number(0)}, push = {Number(0)};
    for (const Number& s : positives) {
      if (surely_less(s - epsilon, highest)) pull.push_back(-alpha * (s - base));
    }
    for (const Number& s : negatives) {
      if (surely_less(lowest, s + epsilon)) push.push_back(beta * (s - base));
    }
    term = log_sum_exp(pull) / alpha + log_sum_exp(push) / beta;
    return true;
  });
}

Number circle(const Problem& a) {
  const auto rows = rows_of(a);
  const Number m = a.options.number("margin", "0.25"), gamma = a.options.number("gamma", "256");
  return of_anchors(a, rows, a.samples(), [&](std::size_t i, Number& term) {
    Vector positives, negatives;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (j == i) continue;
      const Number s = cosine(rows[i], rows[j]);
      const bool is_positive = a.labels[j] == a.labels[i];
      Number pace = is_positive ? one() + m - s : s + m;
      pace.d = 0;  // a constant for the gradient, as for the authors
      if (pace.f < 0) pace.f = 0;
      (is_positive ? positives : negatives)
          .push_back(is_positive ? -gamma * pace * (s - (one() - m)) : gamma * pace * (s - m));
    }
    if (positives.empty() || negatives.empty()) return false;
    term = softplus(log_sum_exp(positives) + log_sum_exp(negatives));
    return true;
  });
}

Number mined_triplet(const Problem& a) {
  const auto rows = rows_of(a);
  if (has_nan(rows)) return not_a_number();
  const Number margin = a.options.number("margin", "1");
  const std::string_view mining = a.options.word("mining", "batch_hard");
  const bool squared = a.options.flag("squared", false), active_only = a.options.flag("active_only", false);
  const std::size_t n = rows.size();
  const auto d = [&](std::size_t i, std::size_t j) {
    Number r = distance(rows[i], rows[j], 2);
    // The gradient is a product of the coefficients and the embeddings, not of their differences.
    for (std::size_t k = 0; k < rows[i].size() && r.f > 0; ++k) {
      const Number &x = rows[i][k], &y = rows[j][k];
      r.ed += (std::fabs(x.f) + std::fabs(y.f)) * (std::fabs(x.d) + std::fabs(y.d)) / r.f;
    }
    return squared ? square(r) : r;
  };
  Number sum = 0;
  Real count = 0;
  const auto add = [&](const Number& positive, const Number& negative, bool only_active) {
    const Number term = positive - negative + margin;
    if (only_active && !surely_less(Number(0), term)) return;
    sum += max(Number(0), term);
    count += 1;
  };
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<std::size_t> positives, negatives;
    for (std::size_t j = 0; j < n; ++j) {
      if (j != i) (a.labels[j] == a.labels[i] ? positives : negatives).push_back(j);
    }
    if (positives.empty() || negatives.empty()) continue;
    if (mining == "batch_hard") {
      Number far = d(i, positives[0]), near = d(i, negatives[0]);
      for (const auto j : positives) far = max(far, d(i, j));
      for (const auto j : negatives) near = min(near, d(i, j));
      add(far, near, false);
    } else if (mining == "batch_all") {
      for (const auto p : positives) {
        for (const auto k : negatives) add(d(i, p), d(i, k), active_only);
      }
    } else {
      for (const auto p : positives) {
        const Number positive = d(i, p);
        Number nearest = infinity;
        for (const auto k : negatives) {
          const Number negative = d(i, k);
          if (too_close(positive, negative) || too_close(negative, positive + margin)) Rounding::jump = true;
          if (positive.f < negative.f && negative.f < positive.f + margin.f) nearest = min(nearest, negative);
        }
        if (nearest.f < infinity) add(positive, nearest, false);
      }
    }
  }
  const std::string_view reduction = a.options.word("reduction", "mean");
  if (reduction == "sum" || count == 0) return sum;
  return sum / Number(reduction == "mean" ? count : static_cast<Real>(n));
}

const RoomReference references[] = {
    {"triplet",
     [](const Problem& a) {
       const Real p = a.options.number("p", "2");
       const bool squared = a.options.flag("squared", false);
       const Number margin = a.options.number("margin", "1");
       const Index n = a.samples();
       Reduced terms(a);
       for (Index i = 0; i < n; ++i) {
         terms.add(a.weight(i, n), 1, [&] {
           const Vector anchor = a.row(i, 0), positive = a.row(i, 1), negative = a.row(i, 2);
           const auto d = [&](const Vector& u, const Vector& v) {
             const Number r = distance(u, v, p);
             return squared ? square(r) : r;
           };
           Number near = d(anchor, negative);
           if (a.options.flag("swap", false)) near = min(near, d(positive, negative));
           return max(Number(0), d(anchor, positive) - near + margin);
         });
       }
       return terms.result();
     },
     1e4L, 1e-4L},
    {"mined_triplet", mined_triplet, 1e4L, 1e-4L},
    {"contrastive",
     [](const Problem& a) {
       return of_pairs(a, true, [](const Problem& b, const Vector& x, const Vector& y, bool similar) {
         const Number d = distance(x, y, 2);
         return square(similar ? d : max(Number(0), Number(b.options.number("margin", "1")) - d));
       });
     },
     1e4L, 1e-4L},
    {"sup_con", sup_con, 1e4L, 1e-4L},
    {"nt_xent", nt_xent, 1e4L, 1e-4L},
    {"cosine_embedding",
     [](const Problem& a) {
       return of_pairs(a, false, [](const Problem& b, const Vector& x, const Vector& y, bool similar) {
         if (similar) return rest_of_cosine(x, y);
         return max(Number(0), cosine(x, y) - Number(b.options.number("margin", "0")));
       });
     },
     1e4L, 1e-4L},
    {"hinge_embedding",
     [](const Problem& a) {
       const Number margin = a.options.number("margin", "1");
       return of_elements(a, [&](auto x, auto y, Index) {
         if (std::isnan(y.f)) return y;
         return y.f > 0 ? x : max(Number(0), margin - x);
       });
     }},
    {"multi_similarity", multi_similarity, 1e4L, 1e-4L},
    {"circle", circle, 1e4L, 1e-4L},
    {"arc_face",
     [](const Problem& a) {
       return margin_softmax(a, [](const Problem& b, const Number& c) {
         const Real m = b.options.number("margin", "0.5");
         const Number inside = (one() - c) * (one() + c);
         if (inside.f <= 0 || m == 0) Rounding::kink = Rounding::kink || m != 0;
         if (m == 0) return c;
         if (!surely_less(Number(-std::cos(m)), c)) return c - Number(m * std::sin(m));
         const Number sine = inside.f <= 0 ? Number(0) : sqrt(inside);
         return c * Number(std::cos(m)) - sine * Number(std::sin(m));
       });
     },
     1, 1e-4L},
    {"cos_face",
     [](const Problem& a) {
       return margin_softmax(
           a, [](const Problem& b, const Number& c) { return c - Number(b.options.number("margin", "0.35")); });
     },
     1e4L},
};

const bool added = add_fuzz_target("metric", [](const std::uint8_t* data, std::size_t size) {
  run_room([]<class T>() { return losses::detail::metric_entries<T>(); }, references, {data, size});
});

}  // namespace

}  // namespace losses_test
