// SPDX-License-Identifier: MIT
#pragma once

/// What people write who have no library: the loop over scalars, with std::exp and std::log, a pass for the value and a
/// pass for the gradient. Means, with the defaults of the losses of the same name.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "data.hpp"

namespace bench::by_hand {

using Vector = Eigen::VectorXf;
using Matrix = RowMajorMatrix<float>;

inline float mse(const Vector& p, const Vector& y, Vector& g) {
  const Index n = p.size();
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += (p[i] - y[i]) * (p[i] - y[i]);
  for (Index i = 0; i < n; ++i) g[i] = 2 * (p[i] - y[i]) / static_cast<float>(n);
  return static_cast<float>(sum / static_cast<double>(n));
}

inline float huber(const Vector& p, const Vector& y, Vector& g) {
  const Index n = p.size();
  const float scale = 1 / static_cast<float>(n);
  double sum = 0;
  for (Index i = 0; i < n; ++i) {
    const float r = std::abs(p[i] - y[i]);
    sum += r <= 1 ? 0.5f * r * r : r - 0.5f;
  }
  for (Index i = 0; i < n; ++i) {
    const float r = p[i] - y[i];
    g[i] = scale * (std::abs(r) <= 1 ? r : r > 0 ? 1.0f : -1.0f);
  }
  return static_cast<float>(sum / static_cast<double>(n));
}

inline float bce_with_logits(const Vector& x, const Vector& y, Vector& g) {
  const Index n = x.size();
  const float scale = 1 / static_cast<float>(n);
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += std::max(x[i], 0.0f) - x[i] * y[i] + std::log1p(std::exp(-std::abs(x[i])));
  for (Index i = 0; i < n; ++i) g[i] = scale * (1 / (1 + std::exp(-x[i])) - y[i]);
  return static_cast<float>(sum / static_cast<double>(n));
}

/// The softmax of each row into g; row(i, p, logits, log_sum) makes of p the gradient of row i, and returns its value.
template <class Row>
float softmax_rows(const Matrix& x, Matrix& g, const Row& row) {
  const Index n = x.rows(), c = x.cols();
  double sum = 0;
  for (Index i = 0; i < n; ++i) {
    const float* logits = x.data() + i * c;
    float* p = g.data() + i * c;
    float largest = logits[0], total = 0;
    for (Index j = 1; j < c; ++j) largest = std::max(largest, logits[j]);
    for (Index j = 0; j < c; ++j) total += p[j] = std::exp(logits[j] - largest);
    for (Index j = 0; j < c; ++j) p[j] /= total;
    sum += row(i, p, logits, largest + std::log(total));
  }
  return static_cast<float>(sum / static_cast<double>(n));
}

inline float cross_entropy(const Matrix& x, const Labels& y, Matrix& g) {
  const float scale = 1 / static_cast<float>(x.rows());
  return softmax_rows(x, g, [&](Index i, float* p, const float* logits, float log_sum) {
    p[y[i]] -= 1;
    for (Index j = 0; j < x.cols(); ++j) p[j] *= scale;
    return log_sum - logits[y[i]];
  });
}

inline float softmax_focal(const Matrix& x, const Labels& y, Matrix& g) {
  const float scale = 1 / static_cast<float>(x.rows());
  return softmax_rows(x, g, [&](Index i, float* p, const float* logits, float log_sum) {
    const float log_p = logits[y[i]] - log_sum, at = p[y[i]], missing = 1 - at;
    const float slope = 2 * missing * at * log_p - missing * missing;
    p[y[i]] -= 1;
    for (Index j = 0; j < x.cols(); ++j) p[j] *= -scale * slope;
    return -missing * missing * log_p;
  });
}

inline float dice(const Vector& p, const Vector& y, Vector& g) {
  double hits = 0, sizes = 0;
  for (Index i = 0; i < p.size(); ++i) {
    hits += p[i] * y[i];
    sizes += p[i] + y[i];
  }
  const double top = 2 * hits + 1, bottom = sizes + 1;
  const auto by_hit = static_cast<float>(-2 / bottom), by_size = static_cast<float>(top / (bottom * bottom));
  for (Index i = 0; i < p.size(); ++i) g[i] = by_hit * y[i] + by_size;
  return static_cast<float>(1 - top / bottom);
}

/// Boxes x1, y1, x2, y2 in rows.
inline float giou(const Matrix& p, const Matrix& y, Matrix& g) {
  const Index n = p.rows();
  const float scale = 1 / static_cast<float>(n), epsilon = 1e-7f;
  double sum = 0;
  for (Index i = 0; i < n; ++i) {
    const float *a = p.data() + 4 * i, *b = y.data() + 4 * i;
    float side[2], inner[2], outer[2];
    for (int axis = 0; axis < 2; ++axis) {
      side[axis] = a[axis + 2] - a[axis];
      inner[axis] = std::min(a[axis + 2], b[axis + 2]) - std::max(a[axis], b[axis]);
      outer[axis] = std::max(a[axis + 2], b[axis + 2]) - std::min(a[axis], b[axis]);
    }
    const bool overlap = inner[0] > 0 && inner[1] > 0;
    const float intersection = overlap ? inner[0] * inner[1] : 0;
    const float whole = side[0] * side[1] + (b[2] - b[0]) * (b[3] - b[1]) - intersection + epsilon;
    const float enclosing = outer[0] * outer[1] + epsilon;
    sum += 1 - intersection / whole + (enclosing - whole) / enclosing;
    const float by_whole = intersection / (whole * whole) - 1 / enclosing;
    const float by_intersection = -1 / whole - by_whole, by_enclosing = whole / (enclosing * enclosing);
    for (int axis = 0; axis < 2; ++axis) {
      const int other = 1 - axis;
      const float by_side = by_whole * side[other], by_outer = by_enclosing * outer[other];
      const float by_inner = overlap ? by_intersection * inner[other] : 0;
      g(i, axis) = -scale * (by_side + (a[axis] > b[axis] ? by_inner : by_outer));
      g(i, axis + 2) = scale * (by_side + (a[axis + 2] < b[axis + 2] ? by_inner : by_outer));
    }
  }
  return static_cast<float>(sum / static_cast<double>(n));
}

/// log(exp(a) + exp(b)), as the recursion of every tutorial.
inline float log_add(float a, float b) {
  const float largest = std::max(a, b);
  if (largest == -std::numeric_limits<float>::infinity()) return largest;
  return largest + std::log(std::exp(a - largest) + std::exp(b - largest));
}

/// CTC (Graves et al. 2006, eq. 6 to 16) of n sequences of t frames and s labels, all of full length: the log-softmax of
/// everything first, then state by state. Logits and gradient [t × n × c], targets [n × s], blank 0.
inline float ctc(const float* x, const RowMajorMatrix<std::int64_t>& targets, Index t, Index c, float* g) {
  constexpr float none = -std::numeric_limits<float>::infinity();
  const Index n = targets.rows(), s = targets.cols(), states = 2 * s + 1;
  std::vector<float> log_p(static_cast<std::size_t>(t * n * c));
  for (Index row = 0; row < t * n; ++row) {
    const float* from = x + row * c;
    float* to = log_p.data() + row * c;
    float largest = from[0], total = 0;
    for (Index k = 1; k < c; ++k) largest = std::max(largest, from[k]);
    for (Index k = 0; k < c; ++k) total += std::exp(from[k] - largest);
    for (Index k = 0; k < c; ++k) to[k] = from[k] - largest - std::log(total);
  }
  std::vector<float> alpha(static_cast<std::size_t>(t * states)), beta(alpha.size());
  std::vector<float> occupied(static_cast<std::size_t>(c));
  double sum = 0;
  for (Index i = 0; i < n; ++i) {
    const auto label = [&](Index state) {
      return state % 2 == 0 ? Index(0) : static_cast<Index>(targets(i, state / 2));
    };
    const auto skips = [&](Index state) { return state % 2 == 1 && state > 1 && label(state) != label(state - 2); };
    const auto frame = [&](Index time) { return log_p.data() + (time * n + i) * c; };
    for (Index time = 0; time < t; ++time) {
      float* now = alpha.data() + time * states;
      const float* before = now - states;
      for (Index state = 0; state < states; ++state) {
        float total = time > 0 ? before[state] : state < 2 ? 0 : none;
        if (time > 0 && state > 0) total = log_add(total, before[state - 1]);
        if (time > 0 && skips(state)) total = log_add(total, before[state - 2]);
        now[state] = total + frame(time)[label(state)];
      }
    }
    for (Index time = t - 1; time >= 0; --time) {  // the frame itself is in alpha
      float* now = beta.data() + time * states;
      const float* after = now + states;
      for (Index state = 0; state < states; ++state) {
        if (time == t - 1) {
          now[state] = state >= states - 2 ? 0 : none;
          continue;
        }
        const float* next = frame(time + 1);
        float total = after[state] + next[label(state)];
        if (state + 1 < states) total = log_add(total, after[state + 1] + next[label(state + 1)]);
        if (state + 2 < states && skips(state + 2)) total = log_add(total, after[state + 2] + next[label(state + 2)]);
        now[state] = total;
      }
    }
    const float* last = alpha.data() + (t - 1) * states;
    const float log_likelihood = log_add(last[states - 1], last[states - 2]);
    sum -= log_likelihood / static_cast<float>(s);
    const float scale = 1 / static_cast<float>(n * s);
    for (Index time = 0; time < t; ++time) {
      std::fill(occupied.begin(), occupied.end(), 0.0f);
      for (Index state = 0; state < states; ++state) {
        occupied[static_cast<std::size_t>(label(state))] +=
            std::exp(alpha[static_cast<std::size_t>(time * states + state)] +
                     beta[static_cast<std::size_t>(time * states + state)] - log_likelihood);
      }
      for (Index k = 0; k < c; ++k) {
        g[(time * n + i) * c + k] = scale * (std::exp(frame(time)[k]) - occupied[static_cast<std::size_t>(k)]);
      }
    }
  }
  return static_cast<float>(sum / static_cast<double>(n));
}

}  // namespace bench::by_hand
