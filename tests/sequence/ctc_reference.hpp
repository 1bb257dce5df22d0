// SPDX-License-Identifier: MIT
#pragma once

/// CTC in long double, twice: as a sum over every path, and by the recursion of Graves et al. (2006), eq. (6) to (8), in
/// logarithms.

#include <algorithm>
#include <vector>

#include <unsupported/Eigen/CXX11/Tensor>

#include "dual.hpp"
#include "inputs.hpp"
#include "reference.hpp"

namespace losses_test::reference {

using Frames = std::vector<std::vector<Jet>>;
using Path = std::vector<Index>;

/// log(exp a + exp b)
inline Jet log_add(const Jet& a, const Jet& b) {
  if (a.f == -infinity) return b;
  if (b.f == -infinity) return a;
  const bool first = a.f > b.f;
  const Jet& high = first ? a : b;
  const Jet& low = first ? b : a;
  return high + log1p(exp(low - high));
}

inline Frames log_probabilities(const Frames& x, bool of_logits) {
  Frames log_p = x;
  for (std::size_t t = 0; t < x.size() && of_logits; ++t) {
    for (std::size_t k = 0; k < x[t].size(); ++k) log_p[t][k] = log_softmax(x[t], k);
  }
  return log_p;
}

/// Repetitions merged, then blanks left out.
inline Path collapse(const Path& path, Index blank) {
  Path labels;
  for (std::size_t t = 0; t < path.size(); ++t) {
    if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) labels.push_back(path[t]);
  }
  return labels;
}

/// −log Σ over the paths that collapse to the target; through the other paths where those are fewer, for its digits.
inline Jet ctc_by_paths(const Frames& x, const Path& target, Index blank, bool of_logits) {
  const Frames log_p = log_probabilities(x, of_logits);
  Path path(x.size(), 0);
  Jet right = -infinity, wrong = -infinity;
  for (;;) {
    Jet log_path = 0;
    for (std::size_t t = 0; t < path.size(); ++t) log_path += log_p[t][static_cast<std::size_t>(path[t])];
    Jet& sum = collapse(path, blank) == target ? right : wrong;
    sum = log_add(sum, log_path);
    std::size_t t = 0;
    while (t < path.size() && ++path[t] == static_cast<Index>(x[t].size())) path[t++] = 0;
    if (t == path.size()) break;
  }
  return of_logits && right.f > -0.5L ? -log1p(-exp(wrong)) : -right;
}

inline Jet ctc(const Frames& x, const Path& target, Index blank, bool of_logits) {
  const Frames log_p = log_probabilities(x, of_logits);
  Path extended = {blank};
  for (const Index label : target) {
    extended.push_back(label);
    extended.push_back(blank);
  }
  std::vector<Jet> alpha(extended.size(), Jet(-infinity));
  alpha[0] = 0;
  for (std::size_t t = 0; t < x.size(); ++t) {
    const std::vector<Jet> before = alpha;
    for (std::size_t s = 0; s < extended.size(); ++s) {
      Jet sum = before[s];
      if (s > 0) sum = log_add(sum, before[s - 1]);
      if (s > 1 && extended[s] != blank && extended[s] != extended[s - 2]) sum = log_add(sum, before[s - 2]);
      const Jet& p = log_p[t][static_cast<std::size_t>(extended[s])];
      alpha[s] = sum.f == -infinity || p.f == -infinity ? Jet(-infinity) : sum + p;
    }
  }
  const Jet last = alpha.back();
  return -(target.empty() ? last : log_add(last, alpha[alpha.size() - 2]));
}

/// A batch of sequences: logits [t × n × c], padded targets, lengths.
template <class T>
struct Batch {
  using Tensor = Eigen::Tensor<T, 3, Eigen::RowMajor>;
  using Targets = Eigen::Matrix<std::int64_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  Tensor logits;
  Targets targets;
  std::vector<std::int64_t> input_lengths, target_lengths;

  Index frames() const { return logits.dimension(0); }
  Index sequences() const { return logits.dimension(1); }
  Index classes() const { return logits.dimension(2); }

  Path target(Index i) const {
    Path labels;
    for (Index k = 0; k < target_lengths[static_cast<std::size_t>(i)]; ++k) {
      labels.push_back(static_cast<Index>(targets(i, k)));
    }
    return labels;
  }
  Frames sequence(Index i) const {
    Frames x;
    for (Index t = 0; t < input_lengths[static_cast<std::size_t>(i)]; ++t) {
      x.emplace_back();
      for (Index k = 0; k < classes(); ++k) x.back().push_back(Jet(as_real(logits(t, i, k))));
    }
    return x;
  }
  /// The targets one after the other.
  std::vector<int> flat() const {
    std::vector<int> all;
    for (Index i = 0; i < sequences(); ++i) {
      for (const Index label : target(i)) all.push_back(static_cast<int>(label));
    }
    return all;
  }
};

/// Logits of several sizes, lengths of all sizes, and targets that often repeat a label. The padding is not a label.
template <class T>
Batch<T> draw_batch(Index t, Index n, Index c, Index s, Index blank, std::uint64_t seed, double largest = 10) {
  Random random(seed);
  Batch<T> batch;
  batch.logits.resize(t, n, c);
  batch.targets.setConstant(n, s, -9);
  for (Index i = 0; i < n; ++i) {
    const double size = random.decades(0.1, largest);
    for (Index k = 0; k < t * c; ++k) batch.logits(k / c, i, k % c) = static_cast<T>(size * random.normal());
    const Index length = random.below(std::min(s, t) + 1);
    batch.target_lengths.push_back(length);
    Index shortest = length;
    for (Index k = 0; k < length; ++k) {
      Index label = k > 0 && random.below(4) == 0 ? static_cast<Index>(batch.targets(i, k - 1)) : random.below(c - 1);
      if (k == 0 || label != batch.targets(i, k - 1)) label += label >= blank ? 1 : 0;
      batch.targets(i, k) = label;
      shortest += k > 0 && label == batch.targets(i, k - 1) ? 1 : 0;
    }
    batch.input_lengths.push_back(std::min(t, shortest + random.below(t - std::min(t, shortest) + 1)));
  }
  return batch;
}

}  // namespace losses_test::reference
