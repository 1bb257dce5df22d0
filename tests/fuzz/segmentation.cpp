// SPDX-License-Identifier: MIT
// Any call of a segmentation loss, against its formula.

#include "loss_target.hpp"

namespace losses_test {

namespace {

Number one() {
  return Number(1);
}

/// Sums over a region: what of two masks coincides, and what does not.
struct Region {
  Number hits = 0, extra = 0, missed = 0;

  void add(Real weight, const Number& p, const Number& y) {
    hits += Number(weight) * p * y;
    extra += Number(weight) * p * (one() - y);
    missed += Number(weight) * (one() - p) * y;
  }
  /// t / (hits + t + s) to a power, t = α extra + β missed. Dice is that for ½, ½ and s/2.
  Number tversky(const Number& alpha, const Number& beta, const Number& smooth, Real power) const {
    const Number wrong = alpha * extra + beta * missed, all = hits + wrong + smooth;
    if (wrong.f == 0) {
      Rounding::kink = Rounding::kink || power != 1 || all.f == 0;
      if (power != 1 || all.f == 0) return std::isnan(hits.f) ? hits : Number(0);
    }
    return power == 1 ? wrong / all : pow(wrong / all, power);
  }
};

enum class Kind : std::uint8_t { dice, jaccard, tversky, focal_tversky };

Number quotient(const Problem& a, const Region& region, Kind kind) {
  const auto option = [&](const char* name, const char* usual) { return Number(a.options.number(name, usual)); };
  switch (kind) {
    case Kind::dice:
      return region.tversky(0.5L, 0.5L, option("smooth", "1") / Number(2), 1);
    case Kind::jaccard:
      return region.tversky(1, 1, option("smooth", "1"), 1);
    case Kind::tversky:
      return region.tversky(option("alpha", "0.5"), option("beta", "0.5"), option("smooth", "0.5"),
                            1 / a.options.number("gamma", "1"));
    default:
      return region.tversky(option("alpha", "0.3"), option("beta", "0.7"), option("smooth", "0.5"),
                            1 / a.options.number("gamma", "1.33333333333333333333"));
  }
}

/// f(set) of the whole, or of each sample; the places of a set are those in [begin, end).
template <class F>
Number of_sets(const Problem& a, Index places, const F& f) {
  const Index n = a.samples();
  if (!a.options.flag("per_sample", false)) return n == 0 || places == 0 ? Number(0) : f(Index(0), places, false);
  Reduced sets(a);
  const bool whole_samples = a.is_weighted && std::ssize(a.weights) == n;
  const std::int64_t ignored = a.options.integer("ignore_index", "-100");
  for (Index i = 0; i < n; ++i) {
    const Index begin = i * places / n, end = (i + 1) * places / n;
    Real w = whole_samples ? a.weights[static_cast<std::size_t>(i)] : 1;
    // A set of which nothing counts is left out.
    bool counts = begin == end;
    for (Index at = begin; at < end; ++at) {
      const bool is_ignored = std::ssize(a.labels) == places && a.labels[static_cast<std::size_t>(at)] == ignored;
      counts = counts || (!is_ignored && a.weight(at, places) != 0);
    }
    if (!counts) w = 0;
    sets.add(w, 1, [&] { return f(begin, end, whole_samples); });
  }
  return sets.result();
}

template <Kind kind, bool logits>
Number of_mask(const Problem& a) {
  const Index count = a.prediction().count();
  return of_sets(a, count, [&](Index begin, Index end, bool is_weighed) {
    Region region;
    for (Index i = begin; i < end; ++i) {
      const Real w = is_weighed ? 1 : a.weight(i, count);
      const Number x = a.numbers[0][i];
      if (w != 0) region.add(w, logits ? sigmoid(x) : x, a.numbers[1][i]);
    }
    return quotient(a, region, kind);
  });
}

/// f(row, probabilities, label, weight) of each pixel with a label.
template <class F>
void for_pixels(const Problem& a, const F& f) {
  const Index pixels = static_cast<Index>(a.labels.size());
  const std::int64_t ignored = a.options.integer("ignore_index", "-100");
  for (Index i = 0; i < pixels; ++i) {
    const std::int64_t label = a.labels[static_cast<std::size_t>(i)];
    const Real w = a.weight(i, pixels);
    if (label == ignored || w == 0) continue;
    const std::vector<Number> x = a.row(i);
    std::vector<Number> p;
    bool is_variable = false;
    for (const Number& each : x) is_variable = is_variable || each.d != 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      p.push_back(exp(log_softmax(x, k)));
      if (is_variable) p.back().ed += p.back().f;  // of p_k s_k − p_k Σ_j p_j s_j the terms are rounded
    }
    f(p, static_cast<std::size_t>(label), w, i);
  }
}

Number of_classes(const Problem& a, const std::vector<Number>& values, Real count) {
  Number sum = 0;
  for (std::size_t k = 0; k < values.size(); ++k) sum += Number(a.options.one_of("class_weights", k)) * values[k];
  const bool is_sum = a.options.word("reduction", "mean") == "sum";
  return is_sum ? sum : count > 0 ? sum / Number(count) : Number(0);
}

template <Kind kind>
Number of_softmax(const Problem& a) {
  std::vector<Region> regions(static_cast<std::size_t>(a.classes()));
  bool is_empty = true;
  for_pixels(a, [&](const auto& p, std::size_t label, Real w, Index) {
    is_empty = false;
    for (std::size_t k = 0; k < p.size(); ++k) regions[k].add(w, p[k], k == label ? 1 : 0);
  });
  if (is_empty) return 0;
  std::vector<Number> values;
  for (const Region& region : regions) values.push_back(quotient(a, region, kind));
  return of_classes(a, values, static_cast<Real>(values.size()));
}

/// Of the regions of all classes: a class without a target has the largest weight of the others.
Number generalized(const Problem& a, const std::vector<Region>& regions) {
  const std::string_view weighting = a.options.word("weighting", "inverse_square");
  std::vector<Real> weights;
  Real most = 0;
  for (const Region& region : regions) {
    const Real size = region.hits.f + region.missed.f;
    Real w = weighting == "uniform" ? 1 : 0;
    if (w == 0 && size > 0) w = weighting == "inverse" ? 1 / size : 1 / (size * size);
    weights.push_back(w);
    most = std::max(most, w);
  }
  Number wrong = 0, all = a.options.number("smooth", "1e-5");
  for (std::size_t k = 0; k < regions.size(); ++k) {
    const Number w = weights[k] > 0 ? weights[k] : most;
    wrong += w * (regions[k].extra + regions[k].missed);
    all += w * (regions[k].hits + regions[k].hits + regions[k].extra + regions[k].missed);
  }
  if (all.f == 0) Rounding::kink = true;
  return all.f == 0 ? Number(0) : wrong / all;
}

Number generalized_dice(const Problem& a) {
  const Index c = a.classes(), in = a.inner(), pixels = a.samples() * in;
  return of_sets(a, pixels, [&](Index begin, Index end, bool is_weighed) {
    std::vector<Region> regions(static_cast<std::size_t>(c));
    for (Index i = begin; i < end; ++i) {
      const Real w = is_weighed ? 1 : a.weight(i, pixels);
      for (Index k = 0; k < c && w != 0; ++k) {
        const Index at = (i / in * c + k) * in + i % in;
        regions[static_cast<std::size_t>(k)].add(w, a.numbers[0][at], a.numbers[1][at]);
      }
    }
    return generalized(a, regions);
  });
}

/// Σ e (Δ_k − Δ_(k−1)) over the errors in falling order; Δ is the Jaccard loss of the first k being wrong.
struct RankedError {
  Number error;
  bool is_positive;
  Real weight;
};

Number lovasz(std::vector<RankedError> errors) {
  Real positives = 0;
  for (const auto& each : errors) {
    if (std::isnan(each.error.f)) return each.error;
    if (each.is_positive) positives += each.weight;
  }
  std::stable_sort(errors.begin(), errors.end(), [](const auto& a, const auto& b) { return a.error.f > b.error.f; });
  Real hits = 0, others = 0, before = 0;
  Number sum = 0;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const auto& each = errors[i];
    if (i > 0 && too_close(errors[i - 1].error, each.error)) Rounding::kink = true;
    (each.is_positive ? hits : others) += each.weight;
    const Real now = (hits + others) / (positives + others);
    sum += max(each.error, Number(0)) * Number(now - before);
    before = now;
  }
  return sum;
}

Number lovasz_hinge(const Problem& a) {
  const Index count = a.prediction().count();
  return of_sets(a, count, [&](Index begin, Index end, bool is_weighed) {
    std::vector<RankedError> errors;
    for (Index i = begin; i < end; ++i) {
      const Real w = is_weighed ? 1 : a.weight(i, count);
      const Number y = a.numbers[1][i];
      if (w != 0) errors.push_back({one() - (y + y - one()) * a.numbers[0][i], y.f == 1, w});
    }
    return lovasz(errors);
  });
}

Number lovasz_softmax(const Problem& a) {
  std::vector<std::vector<RankedError>> errors(static_cast<std::size_t>(a.classes()));
  for_pixels(a, [&](const auto& p, std::size_t label, Real w, Index) {
    for (std::size_t k = 0; k < p.size(); ++k) errors[k].push_back({k == label ? one() - p[k] : p[k], k == label, w});
  });
  const bool all = a.options.word("classes", "present") == "all";
  std::vector<Number> values(errors.size(), Number(0));
  Real count = 0;
  for (std::size_t k = 0; k < errors.size(); ++k) {
    bool is_present = all;
    for (const auto& each : errors[k]) is_present = is_present || each.is_positive;
    if (is_present && !errors[k].empty()) values[k] = lovasz(errors[k]), count += 1;
  }
  return of_classes(a, values, count);
}

const RoomReference references[] = {
    {"dice", of_mask<Kind::dice, false>},
    {"dice_with_logits", of_mask<Kind::dice, true>, 80},
    {"softmax_dice", of_softmax<Kind::dice>, 80},
    {"jaccard", of_mask<Kind::jaccard, false>},
    {"jaccard_with_logits", of_mask<Kind::jaccard, true>, 80},
    {"softmax_jaccard", of_softmax<Kind::jaccard>, 80},
    {"tversky", of_mask<Kind::tversky, false>},
    {"tversky_with_logits", of_mask<Kind::tversky, true>, 80},
    {"softmax_tversky", of_softmax<Kind::tversky>, 80},
    {"focal_tversky", of_mask<Kind::focal_tversky, false>},
    {"focal_tversky_with_logits", of_mask<Kind::focal_tversky, true>, 80},
    {"generalized_dice", generalized_dice, 1, 1e-3L},
    {"softmax_generalized_dice",
     [](const Problem& a) {
       Problem pixels = a;  // probabilities and one-hot targets
       const Index c = a.classes(), in = a.inner();
       ProblemArray p = a.numbers[0], y = a.numbers[0];
       std::vector<Real> weights(a.labels.size(), 0);
       for (Number& each : p.of) each = 0;
       for (Number& each : y.of) each = 0;
       for_pixels(a, [&](const auto& of, std::size_t label, Real, Index i) {
         weights[static_cast<std::size_t>(i)] = 1;
         for (std::size_t k = 0; k < of.size(); ++k) {
           const auto at = static_cast<std::size_t>((i / in * c + static_cast<Index>(k)) * in + i % in);
           p.of[at] = of[k], y.of[at] = k == label ? 1 : 0;
         }
       });
       const bool whole_samples = a.options.flag("per_sample", false) && std::ssize(a.weights) == a.samples();
       if (!whole_samples) {
         const Index count = static_cast<Index>(weights.size());
         for (Index i = 0; i < count; ++i) weights[static_cast<std::size_t>(i)] *= a.weight(i, count);
         pixels.weights = weights, pixels.is_weighted = true;
       }
       pixels.numbers = {p, y};
       return generalized_dice(pixels);
     },
     80},
    {"lovasz", lovasz_hinge, 1e30L},
    {"lovasz_softmax", lovasz_softmax, 80},
};

const bool added = add_fuzz_target("segmentation", [](const std::uint8_t* data, std::size_t size) {
  run_room([]<class T>() { return losses::detail::segmentation_entries<T>(); }, references, {data, size});
});

}  // namespace

}  // namespace losses_test
