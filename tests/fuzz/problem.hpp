// SPDX-License-Identifier: MIT
#pragma once

/// A call of a loss as its reference sees it: logical shapes, in row-major order, without storage, types and memory.

#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "number.hpp"

namespace losses_test {

using Index = std::ptrdiff_t;

/// The options that are given, as text; the defaults are the reference's.
struct ProblemOptions {
  std::map<std::string, std::string, std::less<>> given;
  Real (*rounded)(std::string_view text) = nullptr;  // to the scalar of the loss

  std::string_view word(std::string_view name, std::string_view usual) const {
    const auto found = given.find(name);
    return found == given.end() ? usual : std::string_view(found->second);
  }
  bool flag(std::string_view name, bool usual) const { return word(name, usual ? "true" : "false") == "true"; }
  Real number(std::string_view name, std::string_view usual) const { return rounded(word(name, usual)); }
  std::int64_t integer(std::string_view name, std::string_view usual) const {
    const std::string_view text = word(name, usual);
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  /// None, one, or one of each.
  std::vector<Real> list(std::string_view name, std::string_view usual = "") const {
    std::vector<Real> values;
    std::string_view text = word(name, usual);
    while (!text.empty()) {
      const auto begin = text.find_first_not_of("[], ");
      if (begin == std::string_view::npos) break;
      text.remove_prefix(begin);
      const auto end = std::min(text.find_first_of("[], "), text.size());
      values.push_back(rounded(text.substr(0, end)));
      text.remove_prefix(end);
    }
    return values;
  }
  Real one_of(std::string_view name, std::size_t i, Real usual = 1) const {
    const std::vector<Real> values = list(name);
    return values.empty() ? usual : values.size() == 1 ? values[0] : values.at(i);
  }
};

struct ProblemArray {
  std::vector<Index> shape;
  std::vector<Number> of;

  Index count() const { return static_cast<Index>(of.size()); }
  const Number& operator[](Index i) const { return of[static_cast<std::size_t>(i)]; }
};

struct Problem {
  std::vector<ProblemArray> numbers;  // the predictions, then the target
  std::vector<std::int64_t> labels;
  std::vector<std::vector<std::int64_t>> lengths;
  std::vector<bool> mask;
  bool flag = false;
  bool is_weighted = false;
  std::vector<Real> weights;
  ProblemOptions options;

  const ProblemArray& prediction(std::size_t i = 0) const { return numbers[i]; }
  Index samples() const { return numbers[0].shape[0]; }
  Index classes() const { return numbers[0].shape.size() > 1 ? numbers[0].shape[1] : 1; }
  /// The product of the axes after the classes.
  Index inner() const {
    Index product = 1;
    for (std::size_t axis = 2; axis < numbers[0].shape.size(); ++axis) product *= numbers[0].shape[axis];
    return product;
  }
  /// The weight of a term of so many.
  Real weight(Index term, Index terms) const {
    if (!is_weighted) return 1;
    const Index own = static_cast<Index>(weights.size());
    return weights[static_cast<std::size_t>(own == terms ? term : term / (terms / own))];
  }
  /// A sample's numbers, or those along the class axis at a place of the inner axes.
  std::vector<Number> row(Index i, std::size_t argument = 0) const {
    const Index c = classes(), in = inner();
    std::vector<Number> values;
    for (Index k = 0; k < c; ++k) values.push_back(numbers[argument][(i / in * c + k) * in + i % in]);
    return values;
  }
};

/// Terms under a reduction. A term of weight 0 is not read: f makes it only where it has one.
class Reduced {
 public:
  explicit Reduced(const Problem& problem) : problem_(problem) {}

  template <class F>
  void add(Real weight, Real denominator, const F& f) {
    weight_ += weight * denominator;
    largest_weight_ = std::max(largest_weight_, weight);
    weights_ += weight, count_ += 1;
    if (weight == 0) return;
    const Number term = f();
    largest_ = std::max({largest_, std::fabs(term.f), std::fabs(term.d)});
    sum_ += Number(weight) * term;
  }
  Number result(Index samples) const {
    // Terms are weighted in a unit, a power of two that brings the mean of the weights near 1.
    const Real share = weights_ > 0 ? 2 * largest_weight_ * count_ / weights_ : 1;
    Rounding::largest = std::max(Rounding::largest, largest_ * std::max(share, Real(1)));
    const std::string_view reduction = problem_.options.word("reduction", "mean");
    if (reduction == "sum") return sum_;
    const Real by = reduction == "mean" ? weight_ : static_cast<Real>(samples);
    return by > 0 ? sum_ / Number(by) : Number(0);
  }
  Number result() const { return result(problem_.samples()); }

 private:
  const Problem& problem_;
  Number sum_ = 0;
  Real weight_ = 0, largest_ = 0, largest_weight_ = 0, weights_ = 0, count_ = 0;
};

/// A term f(p, y, i) of each element.
template <class F>
Number of_elements(const Problem& problem, const F& f) {
  const auto& p = problem.numbers.front();
  const auto& y = problem.numbers.back();
  Reduced terms(problem);
  for (Index i = 0; i < p.count(); ++i) {
    terms.add(problem.weight(i, p.count()), 1, [&] { return f(p[i], y[i], i); });
  }
  return terms.result();
}

/// A term f(row, label) of each sample with a label, whose mean is over the class weights or over the samples.
template <class F>
Number of_labels(const Problem& problem, bool mean_by_class_weight, const F& f) {
  const Index rows = static_cast<Index>(problem.labels.size());
  const std::int64_t ignored = problem.options.integer("ignore_index", "-100");
  Reduced terms(problem);
  for (Index i = 0; i < rows; ++i) {
    const std::int64_t label = problem.labels[static_cast<std::size_t>(i)];
    if (label == ignored) continue;
    const auto y = static_cast<std::size_t>(label);
    const Real weight = problem.weight(i, rows);
    // A sample that is left out may have any label.
    const Real w = mean_by_class_weight && weight != 0 ? problem.options.one_of("class_weights", y) : Real(1);
    terms.add(weight, w, [&] { return f(problem.row(i), y); });
  }
  return terms.result();
}

using Reference = Number (*)(const Problem& problem);

/// What a room's target knows of a loss: its formula, and between which sizes of the numbers it is compared.
struct RoomReference {
  std::string_view loss;
  Reference value;
  Real largest = infinity;
  Real smallest = 0;
};

}  // namespace losses_test
