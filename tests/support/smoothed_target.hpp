// SPDX-License-Identifier: MIT
#pragma once

/// Smoothed labels as their papers define them, for references.

#include <vector>

#include "row_cases.hpp"

namespace losses_test::rows {

/// w_k q_k: 1 − ε at the label and ε over the others, or over all classes; a masked class (−inf) takes no part.
template <class Weights>
std::vector<Real> smoothed_target(const std::vector<Jet>& row, Index label, Real smoothing, bool others,
                                  const Weights& class_weights) {
  std::vector<Real> q(row.size());
  Real open = 0;
  for (const Jet& x : row) open += x.f != -reference::infinity;
  const Real e = others && open == 1 ? 0 : smoothing;
  for (std::size_t k = 0; k < row.size(); ++k) {
    const bool is_label = static_cast<Index>(k) == label;
    if (is_label) q[k] = 1 - e;
    if (e > 0 && row[k].f != -reference::infinity && !(others && is_label)) q[k] += e / (others ? open - 1 : open);
    if (!class_weights.empty()) q[k] *= static_cast<Real>(class_weights[static_cast<Index>(k)]);
  }
  return q;
}

/// The larger of the terms Q p_k and q_k of an entry of the gradient.
inline Real largest_of_target(const std::vector<Jet>& row, const std::vector<Real>& q, Index k) {
  Real all = 0;
  for (const Real share : q) all += share;
  const std::size_t entry = static_cast<std::size_t>(k);
  return std::max(q[entry], all * std::exp(reference::log_softmax(row, entry).f));
}

}  // namespace losses_test::rows
