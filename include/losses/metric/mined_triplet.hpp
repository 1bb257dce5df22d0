// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include <losses/core/per_batch.hpp>

namespace LOSSES_NAMESPACE {

/// Which triplets of a batch MinedTriplet takes.
///
///   batch_hard  of each anchor, the farthest row of its class and the nearest of another one
///   batch_all   every anchor with every positive and every negative
///   semi_hard   each anchor and positive with the nearest negative in d_ap < d_an < d_ap + margin
enum class Mining : std::uint8_t { batch_hard, batch_all, semi_hard };

using MinedIndices = rule::MinedIndices;

namespace rule {

/// Triplet loss over the triplets that a batch holds: rows of a class come closer than rows of other classes, by a
/// margin.
///
///   d_ij = ‖x_i − x_j‖, or its square if squared
///   value = max(0, d_ap − d_an + margin)      slope by d_ap: 1, by d_an: −1 where the value is above 0, else 0
///
/// (embeddings [n × d], labels [n]); labels are integers of any width and value. Both ends of a distance have a
/// gradient, ±(x_i − x_j)/d_ij, or ±2(x_i − x_j) if squared; at distance 0 it is 0.
///
///   margin       ≥ 0 (1), in the units of d
///   mining       batch_hard, batch_all or semi_hard (batch_hard)
///   squared      the distances are squared (false)
///   active_only  batch_all: the mean is over the triplets with a value above 0, not over all (false)
///
/// mean divides by the anchors that have a positive and a negative (batch_hard), by the triplets (batch_all), by the
/// pairs (a, p) that have a semi-hard negative (semi_hard). None: 0, gradient 0. Of equal distances the lowest index is
/// mined. Distances are safe: exactly 0 between equal rows, and never from ‖a‖² + ‖b‖² − 2ab where that loses digits. A
/// NaN or an infinity anywhere: NaN. Time O(n²d), and O(n² log n) for batch_all and semi_hard; memory O(n). Throws
/// std::invalid_argument for shapes and options.
/// Hermans et al. (2017), arXiv:1703.07737, eq. (5) and (6); semi-hard: Schroff et al. (2015), arXiv:1503.03832, eq. (4).
template <std::floating_point T>
struct MinedTriplet {
  using Scalar = T;
  using Shape = per_batch;
  static constexpr Pairs pairs = Pairs::squared_distances;
  static constexpr Argument prediction = {"embeddings"};

  T margin = 1;
  Mining mining = Mining::batch_hard;
  bool squared = false;
  bool active_only = false;

  void check() const {
    require(margin >= 0 && margin <= std::numeric_limits<T>::max(), "MinedTriplet: margin is ", margin,
            ", but must be finite and not negative");
    detail::require_named(mining, Mining::semi_hard, "MinedTriplet", "mining", "Mining");
  }

  bool is_dense() const { return mining == Mining::batch_all; }

  AnchorTerm operator()(detail::BatchRow<T>& row) const {
    if (row.positives == 0 || row.negatives == 0) return row.nothing();
    switch (mining) {
      case Mining::batch_all:
        return all_triplets(row);
      case Mining::semi_hard:
        return semi_hard_triplets(row);
      default:
        return hard_triplet(row);
    }
  }

 private:
  using Pair = detail::ExactPair;
  using Row = detail::BatchRow<T>;

  AnchorTerm hard_triplet(const Row& row) const {
    const auto [positive, negative] = row.hardest();
    return triplet(row, positive, negative);
  }

  AnchorTerm triplet(const Row& row, const Pair& positive, const Pair& negative) const {
    row.mined(positive.index, negative.index);
    const double value =
        row.distance(positive.squared, squared) - row.distance(negative.squared, squared) + static_cast<double>(margin);
    if (value <= 0) return {0, 1, 0};
    if (row.wants_slopes()) {
      row.add(positive.index, row.slope_factor(positive.squared, squared));
      row.add(negative.index, -row.slope_factor(negative.squared, squared));
    }
    return {value, 1, 0};
  }

  /// Negatives sorted by their distance up to the tolerance; those that may decide are measured exactly.
  [[gnu::noinline]] AnchorTerm semi_hard_triplets(const Row& row) const {
    if (!row.is_finite()) return {};
    auto& negatives = row.scratch->negatives;
    auto& positives = row.scratch->positives;
    negatives.clear();
    positives.clear();
    for (Eigen::Index j = 0; j < row.size(); ++j) {
      if (row.is_positive(j)) {
        positives.push_back({j, row.exact(j)});
      } else if (j != row.anchor) {
        const auto key = std::bit_cast<detail::UnsignedOf<T>>(std::abs(row[j]));  // of −0 that of 0
        negatives.push_back({key, static_cast<std::uint32_t>(j)});
      }
    }
    detail::radix_sort(negatives, row.scratch->other);
    const auto squared_of = [](const auto& negative) { return static_cast<double>(std::bit_cast<T>(negative.key)); };
    AnchorTerm sum;
    for (const Pair& positive : positives) {
      const double least = positive.squared - static_cast<double>(row.tolerance());
      const double distance = row.distance(positive.squared, squared);
      const double farthest = distance + static_cast<double>(margin);
      Pair best;
      for (auto at = std::lower_bound(negatives.begin(), negatives.end(), least,
                                      [&](const auto& n, double value) { return squared_of(n) < value; });
           at != negatives.end(); ++at) {
        const double below = std::max(0.0, squared_of(*at) - static_cast<double>(row.tolerance()));
        if (row.distance(below, squared) >= farthest || (best.index >= 0 && below > best.squared)) break;
        const auto j = static_cast<Eigen::Index>(at->position);
        const double exact = row.exact(j), d = row.distance(exact, squared);
        if (!(d > distance) || !(d < farthest)) continue;
        if (best.index < 0 || exact < best.squared || (exact == best.squared && j < best.index)) best = {j, exact};
      }
      if (best.index < 0) continue;
      const AnchorTerm term = triplet(row, positive, best);
      sum.value += term.value;
      sum.weight += term.weight;
    }
    return sum;
  }

  /// A triplet has a loss where d_an < d_ap + margin. With these thresholds sorted, the triplets of a negative that
  /// have one are those from its place among them on.
  [[gnu::noinline]] AnchorTerm all_triplets(Row& row) const {
    if (!row.is_finite()) return row.nothing();
    row.refine();
    auto& thresholds = row.scratch->thresholds;
    thresholds.clear();
    for (Eigen::Index j = 0; j < row.size(); ++j) {
      if (row.is_positive(j)) thresholds.push_back({distance_in(row, j) + static_cast<double>(margin), j});
    }
    std::sort(thresholds.begin(), thresholds.end());
    const std::size_t count = thresholds.size();
    auto& sums = row.scratch->sums;      // of the thresholds from a place on
    auto& starts = row.scratch->starts;  // how many negatives have that place
    sums.assign(count + 1, 0.0);
    starts.assign(count + 1, 0.0);
    for (std::size_t k = count; k > 0; --k) sums[k - 1] = sums[k] + thresholds[k - 1].first;

    AnchorTerm term{0, static_cast<double>(row.positives) * static_cast<double>(row.negatives), 0};
    double active = 0;
    for (Eigen::Index j = 0; j < row.size(); ++j) {
      if (j == row.anchor || row.is_positive(j)) continue;
      const double distance = distance_in(row, j);
      const auto above = std::upper_bound(thresholds.begin(), thresholds.end(), distance,
                                          [](double d, const auto& threshold) { return d < threshold.first; });
      const auto place = static_cast<std::size_t>(above - thresholds.begin());
      const double triplets = static_cast<double>(count - place);
      term.value += sums[place] - triplets * distance;
      active += triplets;
      starts[place] += 1;
      if (row.wants_slopes()) row.set(j, -triplets * row.slope_factor(static_cast<double>(row[j]), squared));
    }
    if (active_only) term.weight = active;
    if (!row.wants_slopes()) return term;
    row.set(row.anchor, 0);
    double triplets = 0;
    for (std::size_t k = 0; k < count; ++k) {
      const Eigen::Index j = thresholds[k].second;
      triplets += starts[k];
      row.set(j, triplets * row.slope_factor(static_cast<double>(row[j]), squared));
    }
    row.separate_near();
    return term;
  }

  double distance_in(const Row& row, Eigen::Index j) const {
    return row.distance(static_cast<double>(row[j]), squared);
  }
};

}  // namespace rule

/// Triplet loss over the triplets that a batch holds: see rule::MinedTriplet for the formula and the options.
///
///   const losses::MinedTriplet<float> loss({.margin = 0.2f});
///   value = loss.value_and_gradient(embeddings, labels, gradient);
///   for (const auto& [anchor, positive, negative] : loss.mine(embeddings, labels)) …
template <std::floating_point T = float>
class MinedTriplet {
 public:
  using Rule = rule::MinedTriplet<T>;
  using Scalar = T;

  MinedTriplet() = default;
  explicit MinedTriplet(Reduction reduction) : loss_(reduction) {}
  explicit MinedTriplet(Rule rule, Reduction reduction = Reduction::mean) : loss_(rule, reduction) {}

  const Rule& rule() const { return loss_.rule(); }
  Reduction reduction() const { return loss_.reduction(); }

  /// (embeddings, labels), or (policy, embeddings, labels).
  template <class... In>
    requires detail::HasForward<Loss<Rule>, In...>
  T forward(const In&... in) const {
    return loss_.forward(in...);
  }

  template <class... Args>
    requires detail::HasValueAndGradient<Loss<Rule>, Args...>
  T value_and_gradient(Args&&... args) const {
    return loss_.value_and_gradient(std::forward<Args>(args)...);
  }

  template <class... In>
    requires detail::HasForward<Loss<Rule>, In...>
  auto gradient(const In&... in) const {
    return loss_.gradient(in...);
  }

  /// One value for each anchor: the sum of its triplets.
  template <class... In>
    requires detail::HasForward<Loss<Rule>, In...>
  auto unreduced(const In&... in) const {
    return loss_.unreduced(in...);
  }

  /// The triplets of batch_hard (one for each anchor that has a positive and a negative) or semi_hard (one for each
  /// anchor and positive with a semi-hard negative), in the order of the anchors; also those whose loss is 0. Beside a
  /// NaN the hardest of batch_hard is the NaN; semi_hard has none then.
  template <class Embeddings, class LabelVector>
    requires Accepts<Rule, Embeddings, LabelVector>
  std::vector<MinedIndices> mine(const Embeddings& embeddings, const LabelVector& labels) const {
    return mine(serial, embeddings, labels);
  }

  template <ExecutionPolicy Policy, class Embeddings, class LabelVector>
    requires Accepts<Rule, Embeddings, LabelVector>
  std::vector<MinedIndices> mine(const Policy& policy, const Embeddings& embeddings, const LabelVector& labels) const {
    using Driver = detail::DriverOf<Rule>;
    require(rule().mining != Mining::batch_all,
            "MinedTriplet: mine gives what batch_hard or semi_hard chooses, "
            "but mining is "
            "batch_all, which takes every triplet");
    return Driver::mine(rule(), policy.executor(), Driver::bind(rule(), detail::evaluate(embeddings), labels));
  }

 private:
  Loss<Rule> loss_;
};

LOSSES_EXTERN(rule::MinedTriplet);

}  // namespace LOSSES_NAMESPACE
