// SPDX-License-Identifier: MIT

/// Each loss in long double, from its paper or from PyTorch's documentation; those of single elements are
/// support/reference.hpp's and classification/binary_reference.hpp's.

#include <numeric>

#include "../classification/binary_reference.hpp"
#include "../segmentation/lovasz_reference.hpp"
#include "reference.hpp"
#include "sample.hpp"

namespace losses_test::promises {

namespace {

using namespace reference;
using S = const Sample&;

Jet part_of(const Jet& part, const Jet& rest) {
  return part / (part + rest);
}

std::vector<Jet> row_of(const std::vector<Jet>& x, std::size_t columns, std::size_t i) {
  const auto begin = x.begin() + static_cast<std::ptrdiff_t>(i * columns);
  return {begin, begin + static_cast<std::ptrdiff_t>(columns)};
}

std::size_t index(int label) {
  return static_cast<std::size_t>(label);
}

/// p_k and 1 − p_k of a softmax; a masked class (−inf) has none.
std::pair<Jet, Jet> softmax(const std::vector<Jet>& x, std::size_t k) {
  Real highest = -infinity;
  for (const Jet& each : x) highest = std::max(highest, each.f);
  Jet own = exp(x[k] - highest), others = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    if (j != k) others += exp(x[j] - highest);
  }
  return {part_of(own, others), part_of(others, own)};
}

/// Of a masked class (−inf) it is −inf, whatever the others are.
Jet log_p(S s, std::size_t k) {
  return s.x[0][k].f == -infinity ? Jet(-infinity) : log_softmax(s.x[0], k);
}

/// −Σ q_k log p_k; a masked class (−inf) takes no part in the smoothing.
Total smoothed(S s, Real smoothing, bool others) {
  if (s.x[0][index(s.label())].f == -infinity) return Jet(infinity);
  Real open = 0;
  for (const Jet& x : s.x[0]) open += x.f == -infinity ? 0 : 1;
  Total total;
  for (std::size_t k = 0; k < s.columns; ++k) {
    const bool is_label = k == index(s.label()), takes_part = s.x[0][k].f != -infinity && !(others && is_label);
    const Real share = takes_part ? smoothing / (others ? open - 1 : open) : 0;
    const Real q = share + (is_label ? 1 - (others && open == 1 ? 0 : smoothing) : 0);
    if (q != 0) total.add(-q * log_p(s, k));
  }
  return total;
}

Jet log_p(S s) {
  return log_p(s, index(s.label()));
}

// Segmentation.

struct Region {
  Jet hits = 0, extra = 0, missed = 0;
  Real size = 0;

  void add(const Jet& p, const Jet& rest, Real y) {
    hits += p * y;
    extra += p * (1 - y);
    missed += rest * y;
    size += y;
  }
  /// wrong/(right + wrong + smooth)
  Jet loss(Real hit, Real alpha, Real beta, Real smooth) const {
    const Jet wrong = alpha * extra + beta * missed, right = hit * hits + smooth;
    if ((wrong + right).f == 0) return Jet(0);
    return wrong.f > right.f ? 1 - right / (wrong + right) : wrong / (wrong + right);
  }
};

Region region(S s, bool logits) {
  Region sums;
  for (std::size_t i = 0; i < s.x[0].size(); ++i) {
    const Jet& x = s.x[0][i];
    sums.add(logits ? sigmoid(x) : x, logits ? sigmoid(-x) : 1 - x, s.x[1][i].f);
  }
  return sums;
}

std::vector<Region> class_regions(S s, bool logits) {
  std::vector<Region> sums(s.columns);
  for (std::size_t i = 0; i * s.columns < s.x[0].size(); ++i) {
    const auto row = row_of(s.x[0], s.columns, i);
    for (std::size_t k = 0; k < s.columns; ++k) {
      if (logits) {
        const auto [p, rest] = softmax(row, k);
        sums[k].add(p, rest, index(s.labels[i]) == k ? 1 : 0);
      } else {
        sums[k].add(row[k], 1 - row[k], s.x[1][i * s.columns + k].f);
      }
    }
  }
  return sums;
}

Variant mask(const char* options, bool logits, Real hit, Real alpha, Real beta, Real smooth, Real gamma = 1) {
  return {options, [=](S s) {
            const Jet t = region(s, logits).loss(hit, s.option(double(alpha)), s.option(double(beta)), smooth);
            if (gamma == 1) return Total(t);
            const Real power = 1 / s.option(double(gamma));
            Total total(pow(t, Jet(power)));
            total.condition = 1 + std::fabs(power * std::log(t.f));
            return total;
          }};
}

Variant classes(const char* options, Real hit, Real alpha, Real beta, Real smooth) {
  return {options, [=](S s) {
            Total total;
            for (const Region& each : class_regions(s, true)) total.add(each.loss(hit, alpha, beta, smooth));
            return total.times(1 / static_cast<Real>(s.columns));
          }};
}

Total generalized_dice(S s, bool logits) {
  const auto regions = class_regions(s, logits);
  std::vector<Real> w;
  Real most = 0;
  for (const Region& each : regions) {
    w.push_back(each.size == 0 ? 0 : 1 / (each.size * each.size));
    most = std::max(most, w.back());
  }
  Jet right = s.option(1e-5), wrong = 0;
  for (std::size_t k = 0; k < w.size(); ++k) {
    const Real weight = w[k] == 0 ? most : w[k];
    right += weight * 2 * regions[k].hits;
    wrong += weight * (regions[k].extra + regions[k].missed);
  }
  return wrong.f > right.f ? 1 - right / (right + wrong) : wrong / (right + wrong);
}

Total lovasz_hinge(S s) {
  std::vector<LovaszElement> elements;
  for (std::size_t i = 0; i < s.x[0].size(); ++i) {
    elements.push_back({1 - (2 * s.x[1][i].f - 1) * s.x[0][i], s.x[1][i].f, 1});
  }
  return lovasz(elements);
}

Total lovasz_classes(S s) {
  Total total;
  Real present = 0;
  for (std::size_t k = 0; k < s.columns; ++k) {
    std::vector<LovaszElement> elements;
    Real size = 0;
    for (std::size_t i = 0; i < s.labels.size(); ++i) {
      const auto [p, rest] = softmax(row_of(s.x[0], s.columns, i), k);
      const bool is_class = index(s.labels[i]) == k;
      elements.push_back({is_class ? rest : p, is_class ? Real(1) : Real(0), 1});
      size += is_class ? 1 : 0;
    }
    if (size == 0) continue;
    total.add(lovasz(elements));
    present += 1;
  }
  return total.times(1 / present);
}

// Boxes: torchvision.ops.

struct Box {
  Jet x1, y1, x2, y2;
  Jet width() const { return x2 - x1; }
  Jet height() const { return y2 - y1; }
  Jet area() const { return width() * height(); }
};

Total box_loss(S s, int kind) {
  const auto& a = s.x[0];
  const auto& b = s.x[1];
  const Box p{a[0], a[1], a[2], a[3]}, y{b[0], b[1], b[2], b[3]};
  const Real epsilon = s.option(1e-7);
  const Jet width = max(min(p.x2, y.x2) - max(p.x1, y.x1), Jet(0)),
            height = max(min(p.y2, y.y2) - max(p.y1, y.y1), Jet(0));
  const Jet both = width * height, all = p.area() + y.area() - both, iou = both / (all + epsilon);
  const Jet outer_width = max(p.x2, y.x2) - min(p.x1, y.x1), outer_height = max(p.y2, y.y2) - min(p.y1, y.y1);
  Total total;
  total.add(1).add(-iou);
  if (kind == 1) {
    const Jet hull = outer_width * outer_height;
    total.add((hull - all) / (hull + epsilon));
  }
  if (kind >= 2) {
    const Jet dx = (p.x1 + p.x2 - y.x1 - y.x2) / 2, dy = (p.y1 + p.y2 - y.y1 - y.y2) / 2;
    total.add((square(dx) + square(dy)) / (square(outer_width) + square(outer_height) + epsilon));
  }
  if (kind == 3) {
    const Jet v = 4 / (pi * pi) * square(atan(y.width() / y.height()) - atan(p.width() / p.height()));
    const Real alpha = v.f / (1 - iou.f + v.f + epsilon);  // a constant for the gradient
    total.add(alpha * v);
  }
  return total;
}

// Rows of two or three vectors.

Jet dot(const std::vector<Jet>& a, const std::vector<Jet>& b) {
  Jet sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

Jet distance_squared(const std::vector<Jet>& a, const std::vector<Jet>& b) {
  Jet sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += square(a[k] - b[k]);
  return sum;
}

Jet distance(const std::vector<Jet>& a, const std::vector<Jet>& b) {
  const Jet d = distance_squared(a, b);
  return d.f == 0 ? Jet(0) : sqrt(d);
}

/// Zero for a term that is not above 0.
Total above_zero(const Total& total) {
  Total result = total;
  if (total.sum.f < 0) result.sum = 0, result.largest = 0;
  return result;
}

Jet cosine(const std::vector<Jet>& a, const std::vector<Jet>& b) {
  const Jet aa = dot(a, a), bb = dot(b, b);
  return aa.f == 0 || bb.f == 0 ? Jet(0) : dot(a, b) / sqrt(aa) / sqrt(bb);
}

Total triplet(S s, bool squared) {
  const auto d = [&](std::size_t k) { return squared ? distance_squared(s.x[0], s.x[k]) : distance(s.x[0], s.x[k]); };
  return above_zero(Total(1).add(d(1)).add(-d(2)));
}

Total contrastive(S s) {
  if (s.x[2][0].f == 1) return distance_squared(s.x[0], s.x[1]);
  const Jet d = distance(s.x[0], s.x[1]);
  Total total(d.f < 1 ? square(1 - d) : Jet(0));
  total.size = d.f < 2 ? 1 : 0;
  total.largest = std::max(total.largest, std::fabs(d.f < 2 ? d.d : 0));
  return total;
}

Total cosine_embedding(S s) {
  const Jet cos = cosine(s.x[0], s.x[1]);
  const Jet value = s.x[2][0].f == 1 ? 1 - cos : max(Jet(0), cos);
  Total total(value);
  total.size = 1;
  // The gradient is a difference of vectors of length 1/‖x‖.
  Real shorter = std::sqrt(std::min(dot(s.x[0], s.x[0]).f, dot(s.x[1], s.x[1]).f));
  total.largest = value.f == 0 ? 0 : 1 / shorter;
  return total;
}

// Batches of embeddings.

struct Batch {
  std::vector<std::vector<Jet>> rows;
  std::vector<int> labels;

  explicit Batch(S s) : labels(s.labels) {
    for (const auto& x : s.x) {
      for (std::size_t i = 0; i * s.columns < x.size(); ++i) rows.push_back(row_of(x, s.columns, i));
    }
  }
  std::size_t size() const { return rows.size(); }
  bool same(std::size_t i, std::size_t j) const { return labels[i] == labels[j]; }
  Jet cos(std::size_t i, std::size_t j) const { return cosine(rows[i], rows[j]); }
};

Total sup_con(S s) {
  const Batch batch(s);
  const Real temperature = s.option(0.1);
  Total total;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    std::vector<Jet> row;
    std::vector<std::size_t> positives;
    for (std::size_t a = 0; a < batch.size(); ++a) {
      if (a == i) continue;
      if (batch.same(i, a)) positives.push_back(row.size());
      row.push_back(batch.cos(i, a) / temperature);
    }
    for (const std::size_t k : positives) total.add(-log_softmax(row, k) / static_cast<Real>(positives.size()));
  }
  return total.times(1 / static_cast<Real>(batch.size()));
}

Total nt_xent(S s) {
  const Batch batch(s);
  const std::size_t n = batch.size() / 2;
  Total total;
  for (std::size_t i = 0; i < 2 * n; ++i) {
    std::vector<Jet> row;
    std::size_t other = 0;
    for (std::size_t a = 0; a < 2 * n; ++a) {
      if (a == i) continue;
      if (a % n == i % n) other = row.size();
      row.push_back(batch.cos(i, a) / 0.5L);
    }
    total.add(-log_softmax(row, other));
  }
  return total.times(1 / static_cast<Real>(2 * n));
}

Total mined_triplet(S s) {
  const Batch batch(s);
  Total total;
  Real anchors = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Jet far = -infinity, near = infinity;
    for (std::size_t j = 0; j < batch.size(); ++j) {
      if (j == i) continue;
      const Jet d = distance(batch.rows[i], batch.rows[j]);
      if (batch.same(i, j) && d.f > far.f) far = d;
      if (!batch.same(i, j) && d.f < near.f) near = d;
    }
    if (far.f == -infinity || near.f == infinity) continue;
    anchors += 1;
    const Total each = above_zero(Total(1).add(far).add(-near));
    total.add(each.sum);
    total.size += each.size;
  }
  return anchors == 0 ? Total() : total.times(1 / anchors);
}

Total multi_similarity(S s) {
  const Batch batch(s);
  const Real alpha = 2, beta = 50, base = 0.5L, epsilon = s.option(0.1);
  Total total;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Real highest = -infinity, lowest = infinity;
    for (std::size_t j = 0; j < batch.size(); ++j) {
      if (j == i) continue;
      if (batch.same(i, j))
        lowest = std::min(lowest, batch.cos(i, j).f);
      else
        highest = std::max(highest, batch.cos(i, j).f);
    }
    if (highest == -infinity || lowest == infinity) continue;
    Jet positives = 0, negatives = 0;
    for (std::size_t j = 0; j < batch.size(); ++j) {
      if (j == i) continue;
      const Jet c = batch.cos(i, j);
      if (batch.same(i, j) && c.f - epsilon < highest) positives += exp(-alpha * (c - base));
      if (!batch.same(i, j) && c.f + epsilon > lowest) negatives += exp(beta * (c - base));
    }
    total.add(log1p(positives) / alpha).add(log1p(negatives) / beta);
  }
  return total.times(1 / static_cast<Real>(batch.size()));
}

/// The paces are constants: the gradient is that of the sums at fixed paces.
Total circle(S s) {
  const Batch batch(s);
  const Real margin = 0.25L, gamma = 256;
  Total total;
  Real anchors = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    std::vector<Jet> p, n;
    for (std::size_t j = 0; j < batch.size(); ++j) {
      if (j == i) continue;
      const Jet c = batch.cos(i, j);
      if (batch.same(i, j))
        p.push_back(-gamma * std::max(Real(0), 1 + margin - c.f) * (c - 1 + margin));
      else
        n.push_back(gamma * std::max(Real(0), c.f + margin) * (c - margin));
    }
    if (p.empty() || n.empty()) continue;
    anchors += 1;
    const auto log_sum = [](const std::vector<Jet>& x) {
      Real highest = -infinity;
      for (const Jet& each : x) highest = std::max(highest, each.f);
      Jet sum = 0;
      for (const Jet& each : x) sum += exp(each - highest);
      return highest + log(sum);
    };
    total.add(softplus(log_sum(p) + log_sum(n)));
  }
  if (anchors == 0) return {};
  total = total.times(1 / anchors);
  total.condition = gamma;  // a rounding of a cosine, times γ
  return total;
}

// Lists.

Total pairwise_logistic(S s) {
  Total total;
  Real pairs = 0;
  for (std::size_t i = 0; i < s.columns; ++i) {
    for (std::size_t j = 0; j < s.columns; ++j) {
      if (s.x[1][i].f <= s.x[1][j].f) continue;
      total.add(softplus(s.x[0][j] - s.x[0][i]));
      pairs += 1;
    }
  }
  if (pairs == 0) return {};
  // How a difference of scores was rounded shows in its exponential.
  const auto [low, high] =
      std::minmax_element(s.x[0].begin(), s.x[0].end(), [](const Jet& a, const Jet& b) { return a.f < b.f; });
  total.condition = 1 + (high->f - low->f) / 8;
  return total.times(1 / pairs);
}

Total list_net(S s) {
  Total total;
  for (std::size_t k = 0; k < s.columns; ++k) {
    total.add(-exp(log_softmax(s.x[1], k)).f * log_softmax(s.x[0], k));
  }
  return total;
}

Total list_mle(S s) {
  std::vector<std::size_t> order(s.columns);
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return s.x[1][a].f > s.x[1][b].f; });
  Total total;
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::vector<Jet> left;
    for (std::size_t k = i; k < order.size(); ++k) left.push_back(s.x[0][order[k]]);
    total.add(-log_softmax(left, 0));
  }
  return total;
}

// Generative.

Total gradient_penalty(S s) {
  const Jet squared = dot(s.x[0], s.x[0]);
  const Jet norm = squared.f == 0 ? Jet(0) : sqrt(squared);
  Total total(10 * square(norm - 1));
  total.size = 10 * (square(norm).f + 1);
  total.largest = 20 * std::fabs(norm.d) * std::max(norm.f, Real(1));
  return total;
}

Total style(S s) {
  const std::size_t c = s.columns, pixels = static_cast<std::size_t>(s.height * s.width),
                    n = s.x[0].size() / c / pixels;
  const auto gram = [&](const std::vector<Jet>& x, std::size_t i, std::size_t a, std::size_t b) {
    Jet sum = 0;
    for (std::size_t k = 0; k < pixels; ++k) sum += x[(i * c + a) * pixels + k] * x[(i * c + b) * pixels + k];
    return sum / static_cast<Real>(c * pixels);
  };
  Total total;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t a = 0; a < c; ++a) {
      for (std::size_t b = 0; b < c; ++b) total.add(square(gram(s.x[0], i, a, b) - gram(s.x[1], i, a, b)));
    }
  }
  return total.times(1 / static_cast<Real>(n * c * c));
}

Total total_variation(S s) {
  Total total;
  const auto h = static_cast<std::size_t>(s.height), w = static_cast<std::size_t>(s.width);
  const std::size_t planes = s.x[0].size() / h / w;
  for (std::size_t plane = 0; plane < planes; ++plane) {
    const auto at = [&](std::size_t i, std::size_t j) { return s.x[0][(plane * h + i) * w + j]; };
    for (std::size_t i = 0; i < h; ++i) {
      for (std::size_t j = 0; j < w; ++j) {
        if (i + 1 < h) total.add(abs(at(i + 1, j) - at(i, j)));
        if (j + 1 < w) total.add(abs(at(i, j + 1) - at(i, j)));
      }
    }
  }
  return total.times(static_cast<Real>(s.columns) / static_cast<Real>(planes));
}

Total ssim(S s) {
  const Index h = s.height, w = s.width, radius = 5;
  const auto mirror = [](Index i, Index size) {
    i = i < 0 ? -i : i;
    return i < size ? i : 2 * (size - 1) - i;
  };
  const Index planes = static_cast<Index>(s.x[0].size()) / (h * w);
  const Real c1 = 0.01L * 0.01L, c2 = 0.03L * 0.03L;
  Total total;
  for (Index plane = 0; plane < planes; ++plane) {
    for (Index row = 0; row < h; ++row) {
      for (Index column = 0; column < w; ++column) {
        const auto mean = [&](const auto& f) {
          Jet sum = 0;
          Real weights = 0;
          for (Index a = -radius; a <= radius; ++a) {
            for (Index b = -radius; b <= radius; ++b) {
              const auto k = static_cast<std::size_t>((plane * h + mirror(row + a, h)) * w + mirror(column + b, w));
              const Real weight = std::exp(-static_cast<Real>(a * a + b * b) / 4.5L);
              sum += weight * f(s.x[0][k], s.x[1][k]);
              weights += weight;
            }
          }
          return sum / weights;
        };
        const Jet mx = mean([](const Jet& a, const Jet&) { return a; });
        const Jet my = mean([](const Jet&, const Jet& b) { return b; });
        const Jet xx = mean([&](const Jet& a, const Jet&) { return square(a - mx); });
        const Jet yy = mean([&](const Jet&, const Jet& b) { return square(b - my); });
        const Jet xy = mean([&](const Jet& a, const Jet& b) { return (a - mx) * (b - my); });
        const Jet alike = (2 * mx * my + c1) * (2 * xy + c2) / ((square(mx) + square(my) + c1) * (xx + yy + c2));
        total.add((1 - alike) / 2);
      }
    }
  }
  return total.times(1 / static_cast<Real>(planes * h * w));
}

Formula adversarial(int mode) {
  return [mode](S s) -> Total {
    const Jet x = s.p();
    if (mode == 0) return softplus(s.flag ? -x : x);
    if (mode == 1) return square(x - (s.flag ? 1 : 0));
    if (mode == 2) return s.flag ? -x : x;
    return max(Jet(0), 1 - (s.flag ? x : -x));
  };
}

Total adversarial_mse(S s) {
  Total total;
  for (const Jet& x : s.x[0]) total.add(softplus(-x) / static_cast<Real>(s.x[0].size()));
  for (std::size_t k = 0; k < s.x[1].size(); ++k) {
    total.add(square(s.x[1][k] - s.x[2][k]) / static_cast<Real>(s.x[1].size()));
  }
  return total;
}

// Sequences: Graves et al. (2006), by the recursion in logarithms.

Jet log_add(const Jet& a, const Jet& b) {
  if (a.f == -infinity) return b;
  if (b.f == -infinity) return a;
  return a.f > b.f ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

/// The mean is over the labels of the target, as PyTorch.
Total ctc(S s) {
  std::vector<int> states = {0};
  for (const int label : s.labels) {
    states.push_back(label);
    states.push_back(0);
  }
  std::vector<Jet> alpha(states.size(), Jet(-infinity));
  alpha[0] = 0;
  for (std::size_t t = 0; t * s.columns < s.x[0].size(); ++t) {
    const auto frame = row_of(s.x[0], s.columns, t);
    const auto before = alpha;
    for (std::size_t k = 0; k < states.size(); ++k) {
      Jet sum = before[k];
      if (k > 0) sum = log_add(sum, before[k - 1]);
      if (k > 1 && states[k] != 0 && states[k] != states[k - 2]) sum = log_add(sum, before[k - 2]);
      alpha[k] = sum.f == -infinity ? sum : sum + log_softmax(frame, index(states[k]));
    }
  }
  Total total(-log_add(alpha.back(), alpha[alpha.size() - 2]));
  total.condition = 1 + total.sum.f;
  return total.times(1 / static_cast<Real>(s.labels.size()));
}

/// A margin's argument crosses 0, so that its own terms are what an error is relative to.
void add_margin(Total& total, const Jet& low, const Jet& high, int power) {
  const Total z = above_zero(Total(1).add(-low).add(high));
  total.add(power == 1 ? z.sum : square(z.sum));
  total.size += power == 1 ? z.size : z.size * z.size;
  if (z.sum.f > 0 && power == 2) total.largest = std::max(total.largest, 2 * z.size * std::fabs(z.sum.d));
}

Total multi_margin(S s, int power) {
  Total total;
  for (std::size_t k = 0; k < s.columns; ++k) {
    if (k != index(s.label())) add_margin(total, s.x[0][index(s.label())], s.x[0][k], power);
  }
  return total.times(1 / static_cast<Real>(s.columns));
}

Total multi_label_margin(S s) {
  std::vector<bool> is_label(s.columns, false);
  std::vector<std::size_t> labels;
  for (const int label : s.labels) {
    if (label < 0) break;
    is_label[index(label)] = true;
    labels.push_back(index(label));
  }
  Total total;
  for (const std::size_t j : labels) {
    for (std::size_t k = 0; k < s.columns; ++k) {
      if (!is_label[k]) add_margin(total, s.x[0][j], s.x[0][k], 1);
    }
  }
  return total.times(1 / static_cast<Real>(s.columns));
}

/// The label's cosine t, then a softmax of scale 64.
Total margin_softmax(S s, bool angle) {
  std::vector<Jet> x = s.x[0];
  Jet& c = x[index(s.label())];
  if (angle) {
    const Real m = 0.5L;
    const Jet sine = sqrt((1 - c) * (1 + c));
    c = std::acos(c.f) + m >= pi ? c - m * std::sin(m) : c * std::cos(m) - sine * std::sin(m);
  } else {
    c -= s.option(0.35);
  }
  for (Jet& each : x) each *= 64;
  Total total(-log_softmax(x, index(s.label())));
  total.condition = 64;  // a rounding of a cosine, times the scale
  return total;
}

Total multi_quantile(S s) {
  const double quantiles[] = {0.1, 0.5, 0.9};
  Total total;
  for (std::size_t i = 0; i < s.x[1].size(); ++i) {
    for (std::size_t k = 0; k < 3; ++k) total.add(quantile(s.x[0][3 * i + k], s.x[1][i], s.option(quantiles[k])));
  }
  return total.times(1 / static_cast<Real>(s.x[0].size()));
}

Total rmse(S s) {
  Jet sum = 0;
  for (std::size_t i = 0; i < s.x[0].size(); ++i) sum += square(s.x[0][i] - s.x[1][i]);
  return sum.f == 0 ? Total() : Total(sqrt(sum / static_cast<Real>(s.x[0].size())));
}

Total gaussian(S s) {
  const Jet r = s.p() - s.x[2][0], v = s.x[1][0];
  const Jet variance{std::max(v.f, s.option(1e-6)), v.d, v.dd};  // the clamp lets the gradient pass
  return Total(log(variance) / 2).add(square(r) / variance / 2);
}

Total bce_of(S s) {
  const Real epsilon = s.option(1e-7);
  return Total(s.y() * bce(s.p(), 1, epsilon)).add((1 - s.y()) * bce(s.p(), 0, epsilon));
}

Total bce_with_logits_of(S s, Real pos_weight) {
  return Total((1 - s.y()) * softplus(s.p())).add(pos_weight * s.y() * softplus(-s.p()));
}

/// factor · (a sum), where the factor is a power of `base`.
Total power_times(const Jet& factor, const Total& sum, const Jet& base, Real power) {
  Total total(factor * sum.sum);
  total.largest = std::max(std::fabs(factor.d * sum.sum.f), std::fabs(factor.f) * sum.largest);
  total.condition = base.f > 0 ? 1 + std::fabs(power * std::log(base.f)) : 1;
  return total;
}

Total focal_of(S s, bool logits, Real gamma) {
  const Clamped c(s.p(), s.option(1e-7));
  const Jet yes = logits ? sigmoid(s.p()) : c.yes, no = logits ? sigmoid(-s.p()) : c.no, y = s.y();
  const Jet missing = no * y + yes * (1 - y);
  return power_times((0.25L * y + 0.75L * (1 - y)) * pow(missing, Jet(gamma)),
                     logits ? bce_with_logits_of(s, 1) : bce_of(s), missing, gamma);
}

/// p − clip cancels near the clip, to the fourth power.
Total asymmetric_of(S s, Real clip) {
  const Real p = sigmoid(s.p()).f, shifted = p - clip;
  Total total(s.y() * asymmetric(s.p(), 1, 4, 1, clip));
  total.add((1 - s.y()) * asymmetric(s.p(), 0, 4, 1, clip));
  total.condition = shifted > 0 ? 1 + 4 * std::fabs(std::log(p)) + 4 * p / shifted : 1;
  return total;
}

Total softmax_focal_of(S s, Real gamma) {
  const Jet missing = softmax(s.x[0], index(s.label())).second;
  return power_times(pow(missing, Jet(gamma)), Total(-log_p(s)), missing, gamma);
}

Total hinge_of(S s, int power) {
  Total total = above_zero(Total(1).add(-s.y() * s.p()));
  if (power == 1) return total;
  Total squared(square(total.sum));
  squared.size = square(Jet(total.size)).f;
  squared.largest = 2 * total.size * total.largest;
  return squared;
}

}  // namespace

const std::vector<Reference>& references() {
  using enum Unit;
  static const std::vector<Reference> all = {
      {"l1", element, real_line, {{"", [](S s) -> Total { return l1(s.p(), s.y()); }}}},
      {"mse", element, real_line, {{"", [](S s) -> Total { return mse(s.p(), s.y()); }}}},
      {"rmse", whole, real_line, {{"", rmse}}},
      {"huber",
       element,
       real_line,
       {{"", [](S s) -> Total { return huber(s.p(), s.y(), 1); }},
        {"delta=0.25", [](S s) -> Total { return huber(s.p(), s.y(), 0.25L); }}}},
      {"smooth_l1",
       element,
       real_line,
       {{"", [](S s) -> Total { return smooth_l1(s.p(), s.y(), 1); }},
        {"beta=0", [](S s) -> Total { return l1(s.p(), s.y()); }}}},
      {"log_cosh", element, real_line, {{"", [](S s) -> Total { return log_cosh(s.p(), s.y()); }}}},
      {"quantile", element, real_line, {{"quantile=0.875", [](S s) -> Total { return quantile(s.p(), s.y(), 0.875L); }}}},
      {"multi_quantile", whole, real_line, {{"", multi_quantile}}},
      {"expectile", element, real_line, {{"expectile=0.875", [](S s) -> Total { return expectile(s.p(), s.y(), 0.875L); }}}},
      {"epsilon_insensitive",
       element,
       real_line,
       {{"", [](S s) {
           const Real e = s.option(0.1);
           Total total(epsilon_insensitive(s.p(), s.y(), e));
           total.size += std::fabs((s.p() - s.y()).f) + e;
           return total;
         }}}},
      {"charbonnier", element, real_line, {{"", [](S s) -> Total { return charbonnier(s.p(), s.y(), s.option(1e-3)); }}}},
      {"cauchy", element, real_line, {{"", [](S s) -> Total { return cauchy(s.p(), s.y(), 1); }}}},
      {"welsch", element, real_line, {{"", [](S s) -> Total { return welsch(s.p(), s.y(), 1); }}}},
      {"geman_mcclure", element, real_line, {{"", [](S s) -> Total { return geman_mcclure(s.p(), s.y(), 1); }}}},
      {"tukey", element, real_line, {{"", [](S s) -> Total { return tukey(s.p(), s.y(), s.option(4.685)); }}}},
      {"barron",
       element,
       real_line,
       {{"", [](S s) -> Total { return barron(s.p(), s.y(), 1, 1); }},
        {"alpha=0", [](S s) -> Total { return barron(s.p(), s.y(), 0, 1); }},
        {"alpha=-2", [](S s) -> Total { return barron(s.p(), s.y(), -2, 1); }}}},
      {"msle", element, above_minus_one, {{"", [](S s) -> Total { return msle(s.p(), s.y()); }}}},
      {"mape", element, real_line, {{"", [](S s) -> Total { return mape(s.p(), s.y()); }}}},
      {"poisson", element, non_negative_target, {{"", [](S s) -> Total {
                                                    Total total(exp(s.p()));
                                                    return s.y().f == 0 ? total : total.add(-s.y() * s.p());
                                                  }}}},
      {"gaussian_nll", element, real_line, {{"", gaussian}}},
      {"gamma", element, positive_target, {{"", [](S s) { return Total(s.p()).add(s.y() * exp(-s.p())); }}}},
      {"tweedie", element, non_negative_target, {{"", [](S s) -> Total {
                                                    Total total(2 * exp(s.p() / 2));
                                                    total.condition = 1 + std::fabs(s.p().f / 2);  // powers of the mean
                                                    return s.y().f == 0 ? total : total.add(2 * s.y() * exp(-s.p() / 2));
                                                  }}}},
      {"bce", element, both_unit, {{"", bce_of}}},
      {"bce_with_logits",
       element,
       unit_target,
       {{"", [](S s) { return bce_with_logits_of(s, 1); }},
        {"pos_weight=2.5", [](S s) { return bce_with_logits_of(s, 2.5L); }}}},
      {"multi_label_bce", element, unit_target, {{"", [](S s) { return bce_with_logits_of(s, 1); }}}},
      {"focal", element, both_unit, {{"", [](S s) { return focal_of(s, false, 2); }}}},
      {"focal_with_logits",
       element,
       unit_target,
       {{"", [](S s) { return focal_of(s, true, 2); }},
        {"gamma=0.5", [](S s) { return focal_of(s, true, 0.5L); }},
        {"gamma=8", [](S s) { return focal_of(s, true, 8); }},
        {"gamma=0", [](S s) { return focal_of(s, true, 0); }}}},
      {"hinge", element, sign_target, {{"", [](S s) { return hinge_of(s, 1); }}}},
      {"squared_hinge", element, sign_target, {{"", [](S s) { return hinge_of(s, 2); }}}},
      {"soft_margin", element, sign_target, {{"", [](S s) -> Total { return soft_margin(s.p(), s.y(), 0); }}}},
      {"multi_label_soft_margin",
       row,
       unit_target,
       {{"", [](S s) {
           Total total;
           for (std::size_t k = 0; k < s.columns; ++k) {
             total.add((1 - s.x[1][k]) * softplus(s.x[0][k])).add(s.x[1][k] * softplus(-s.x[0][k]));
           }
           return total.times(1 / static_cast<Real>(s.columns));
         }}}},
      {"multi_label_margin", row, real_line, {{"", multi_label_margin}}},
      {"asymmetric_multi_label",
       element,
       unit_target,
       {{"", [](S s) { return asymmetric_of(s, s.option(0.05)); }}, {"clip=0", [](S s) { return asymmetric_of(s, 0); }}}},
      {"cross_entropy",
       row,
       real_line,
       {{"", [](S s) -> Total { return -log_p(s); }},
        {"label_smoothing=0.25", [](S s) { return smoothed(s, 0.25L, false); }},
        {"label_smoothing=1", [](S s) { return smoothed(s, 1, false); }}}},
      {"label_smoothing",
       row,
       real_line,
       {{"", [](S s) { return smoothed(s, s.option(0.1), true); }},
        {"smoothing=1", [](S s) { return smoothed(s, 1, true); }}}},
      {"adaptive_label_smoothing",
       row,
       real_line,
       {{"parameter=0", [](S s) { return smoothed(s, 0.5L, true); }}}},
      {"softmax_focal",
       row,
       real_line,
       {{"", [](S s) { return softmax_focal_of(s, 2); }}, {"gamma=0.5", [](S s) { return softmax_focal_of(s, 0.5L); }}}},
      {"nll", row, real_line, {{"", [](S s) -> Total { return -s.x[0][index(s.label())]; }}}},
      {"kl_divergence", element, positive_unit_target, {{"", [](S s) { return Total(s.y() * log(s.y())).add(-s.y() * s.p()); }}}},
      {"multi_margin", row, real_line, {{"", [](S s) { return multi_margin(s, 1); }}, {"p=2", [](S s) { return multi_margin(s, 2); }}}},
      {"poly_cross_entropy",
       row,
       real_line,
       {{"", [](S s) { return Total(-log_p(s)).add(softmax(s.x[0], index(s.label())).second); }},
        {"epsilon=-1", [](S s) { return Total(-log_p(s)).add(-softmax(s.x[0], index(s.label())).second); }}}},
      {"generalized_cross_entropy",
       row,
       real_line,
       {{"q=0.75", [](S s) {
           Total total(-expm1(0.75L * log_p(s)) / 0.75L);
           total.condition = 1 + 0.75L * std::fabs(log_p(s).f);
           return total;
         }}}},
      {"symmetric_cross_entropy",
       row,
       real_line,
       {{"", [](S s) {
           return Total(-s.option(0.1) * log_p(s)).add(4 * softmax(s.x[0], index(s.label())).second);
         }}}},
      {"dice", whole, both_unit, {mask("", false, 2, 1, 1, 1), mask("smooth=0", false, 2, 1, 1, 0)}},
      {"dice_with_logits", whole, unit_target, {mask("", true, 2, 1, 1, 1)}},
      {"softmax_dice", whole, real_line, {classes("", 2, 1, 1, 1), classes("smooth=0", 2, 1, 1, 0)}},
      {"jaccard", whole, both_unit, {mask("", false, 1, 1, 1, 1)}},
      {"jaccard_with_logits", whole, unit_target, {mask("", true, 1, 1, 1, 1)}},
      {"softmax_jaccard", whole, real_line, {classes("", 1, 1, 1, 1)}},
      {"tversky", whole, both_unit, {mask("", false, 1, 0.5L, 0.5L, 0.5L)}},
      {"tversky_with_logits", whole, unit_target, {mask("", true, 1, 0.5L, 0.5L, 0.5L)}},
      {"softmax_tversky", whole, real_line, {classes("", 1, 0.5L, 0.5L, 0.5L)}},
      {"focal_tversky", whole, both_unit, {mask("", false, 1, 0.3L, 0.7L, 0.5L, 4.0L / 3)}},
      {"focal_tversky_with_logits", whole, unit_target, {mask("", true, 1, 0.3L, 0.7L, 0.5L, 4.0L / 3)}},
      {"generalized_dice", whole, both_unit, {{"", [](S s) { return generalized_dice(s, false); }}}},
      {"softmax_generalized_dice", whole, real_line, {{"", [](S s) { return generalized_dice(s, true); }}}},
      {"lovasz", whole, unit_target, {{"", lovasz_hinge}}},
      {"lovasz_softmax", whole, real_line, {{"", lovasz_classes}}},
      {"iou", row, real_line, {{"", [](S s) { return box_loss(s, 0); }}}},
      {"giou", row, real_line, {{"", [](S s) { return box_loss(s, 1); }}}},
      {"diou", row, real_line, {{"", [](S s) { return box_loss(s, 2); }}}},
      {"ciou", row, real_line, {{"", [](S s) { return box_loss(s, 3); }}}},
      {"margin_ranking",
       element,
       sign_target,
       {{"margin=0.5", [](S s) {
           const Jet y = s.x[2][0];
           return above_zero(Total(0.5L).add(-y * s.x[0][0]).add(y * s.x[1][0]));
         }}}},
      {"pairwise_logistic", row, real_line, {{"", pairwise_logistic}}},
      {"list_net", row, real_line, {{"", list_net}}},
      {"list_mle", row, real_line, {{"", list_mle}}},
      {"triplet",
       row,
       real_line,
       {{"", [](S s) { return triplet(s, false); }}, {"squared=true", [](S s) { return triplet(s, true); }}}},
      {"mined_triplet", whole, real_line, {{"", mined_triplet}}},
      {"contrastive", row, real_line, {{"", contrastive}}},
      {"sup_con", whole, real_line, {{"", sup_con}}},
      {"nt_xent", whole, real_line, {{"", nt_xent}}},
      {"cosine_embedding", row, real_line, {{"", cosine_embedding}}},
      {"hinge_embedding", element, sign_target, {{"", [](S s) -> Total {
                                                    if (s.y().f == 1) return s.p();
                                                    return above_zero(Total(1).add(-s.p()));
                                                  }}}},
      {"multi_similarity", whole, real_line, {{"", multi_similarity}}},
      {"circle", whole, real_line, {{"", circle}}},
      {"arc_face", row, real_line, {{"", [](S s) { return margin_softmax(s, true); }}}},
      {"cos_face", row, real_line, {{"", [](S s) { return margin_softmax(s, false); }}}},
      {"adversarial",
       element,
       real_line,
       {{"", adversarial(0)}, {"mode=lsgan", adversarial(1)}, {"mode=wgangp", adversarial(2)}, {"mode=hinge", adversarial(3)}}},
      {"adversarial_mse", whole, real_line, {{"", adversarial_mse}}},
      {"gradient_penalty", row, real_line, {{"", gradient_penalty}}},
      {"reconstruction",
       element,
       both_unit,
       {{"", [](S s) -> Total { return mse(s.p(), s.y()); }},
        {"kind=l1", [](S s) -> Total { return l1(s.p(), s.y()); }},
        {"kind=bce", bce_of}}},
      {"style", whole, real_line, {{"", style}}},
      {"total_variation", whole, real_line, {{"", total_variation}}},
      {"ssim", whole, real_line, {{"", ssim}}},
      {"ctc", whole, real_line, {{"", ctc}}}};
  return all;
}

}  // namespace losses_test::promises
