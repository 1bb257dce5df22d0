// SPDX-License-Identifier: MIT
#pragma once

/// The Lovász extension of the Jaccard loss in long double: Berman et al. (2018), Algorithm 1, with weights in place of
/// counts.

#include <algorithm>
#include <vector>

#include "dual.hpp"

namespace losses_test::reference {

struct LovaszElement {
  Jet error;
  Real target;
  Real weight;
};

inline Jet lovasz(std::vector<LovaszElement> elements) {
  std::erase_if(elements, [](const LovaszElement& each) { return each.weight == 0; });
  std::stable_sort(elements.begin(), elements.end(),
                   [](const LovaszElement& a, const LovaszElement& b) { return a.error.f > b.error.f; });
  Real positives = 0;
  for (const LovaszElement& each : elements) positives += each.weight * each.target;
  Real intersection = positives, all = positives, before = 0;
  Jet value = 0;
  for (const LovaszElement& each : elements) {
    intersection -= each.weight * each.target;
    all += each.weight * (1 - each.target);
    const Real jaccard = 1 - intersection / all;
    if (each.error.f > 0) value += each.error * (jaccard - before);
    before = jaccard;
  }
  return value;
}

}  // namespace losses_test::reference
