// SPDX-License-Identifier: MIT
#pragma once

/// What a loss is called with, what its reference sees of it, and the references of all losses.

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <losses/compose/make_loss.hpp>

#include "inputs.hpp"

namespace losses_test::promises {

using losses::detail::Extents;

/// Numbers, row by row, that the scalar in question holds exactly.
struct Array {
  Extents shape;
  std::vector<double> values;

  Index row() const { return shape.count() / std::max<Index>(shape[0], 1); }
};

/// The arguments of a loss: numbers (predictions first, then a target of numbers), then labels or a flag.
struct Arguments {
  std::vector<Array> numbers;
  int predictions = 1;
  std::vector<int> labels;
  Extents label_shape;
  std::vector<int> frames, lengths;  // of a batch of sequences
  int flag = -1;
};

/// A sample (or a whole set, batch, picture) as dual numbers.
struct Sample {
  std::vector<std::vector<Jet>> x;  // each of Arguments::numbers
  std::vector<int> labels;
  std::size_t columns = 1;
  Index height = 0, width = 0;
  bool flag = false, is_float = false;

  int label() const { return labels.front(); }
  Jet p() const { return x[0][0]; }
  Jet y() const { return x[1][0]; }
  /// An option as the loss holds it.
  Real option(double value) const { return is_float ? static_cast<Real>(static_cast<float>(value)) : Real(value); }
};

/// A sum of terms, and what errors are relative to: the sum of the terms' magnitudes, the largest term of the derivative.
struct Total {
  Jet sum = 0;
  Real size = 0, largest = 0;
  Real condition = 1;  // how many times the bound is granted

  Total() = default;
  Total(const Jet& term) { add(term); }
  Total& add(const Jet& term) {
    sum += term;
    size += std::fabs(term.f);
    largest = std::max(largest, std::fabs(term.d));
    return *this;
  }
  Total times(Real factor) const {
    Total scaled = *this;
    scaled.sum *= factor;
    scaled.size *= std::fabs(factor);
    scaled.largest *= std::fabs(factor);
    return scaled;
  }
};

using Formula = std::function<Total(const Sample&)>;

struct Variant {
  const char* options;
  Formula formula;
};

/// How a loss is measured: element by element, row by row, or as a whole.
enum class Unit { element, row, whole };

struct Reference {
  const char* name;
  Unit unit;
  Domain domain;  // of losses of elements
  std::vector<Variant> variants;
};

/// In the order of the table of losses. None may be missing: names.cpp and promises.cpp look.
const std::vector<Reference>& references();

}  // namespace losses_test::promises
