// SPDX-License-Identifier: MIT
#pragma once

/// The laws of per_batch losses: embeddings [n × d] and labels [n]. A loss enters with its reference, brute force over every
/// pair or triplet in long double:
///
///   laws::check(laws::batch_loss("SupCon", losses::SupCon<float>(), losses::SupCon<double>(), reference));
///
/// where reference(rule, batch) gives an Anchor for each row, and the kind says what the value does not change with.

#include <cstdint>
#include <optional>

#include <losses/core/per_batch.hpp>

#include "laws.hpp"

namespace losses_test::laws {

using LabelVector = Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>;

/// What the losses see, as dual numbers.
struct Batch {
  std::vector<std::vector<Jet>> rows;
  LabelVector labels;

  std::size_t size() const { return rows.size(); }
  bool same(std::size_t i, std::size_t j) const {
    return labels(static_cast<Index>(i)) == labels(static_cast<Index>(j));
  }

  /// 0 where one is a zero vector.
  Jet cosine(std::size_t i, std::size_t j) const {
    const Jet a = dot(i, i), b = dot(j, j);
    return a.f == 0 || b.f == 0 ? Jet(0) : dot(i, j) / sqrt(a) / sqrt(b);
  }
  Jet squared_distance(std::size_t i, std::size_t j) const {
    Jet sum = 0;
    for (std::size_t k = 0; k < rows[i].size(); ++k) sum += (rows[i][k] - rows[j][k]) * (rows[i][k] - rows[j][k]);
    return sum;
  }

 private:
  Jet dot(std::size_t i, std::size_t j) const {
    Jet sum = 0;
    for (std::size_t k = 0; k < rows[i].size(); ++k) sum += rows[i][k] * rows[j][k];
    return sum;
  }
};

/// A row's term: its value, its part in the denominator of the mean, and the size of what was added up.
struct Anchor {
  Jet value = 0;
  Real weight = 0;
  Real magnitude = 0;
};

enum class Invariance { scale_of_rows, translation };

template <class T>
struct BatchVerbs {
  using Reduction = losses::Reduction;

  std::string name;
  Invariance invariance;
  Index rows_per_sample;  // 2 where the rows are two views
  std::function<std::vector<Anchor>(const Batch&)> reference;

  std::function<T(Reduction, Input<T> x, const LabelVector& y, Pool*)> forward;
  std::function<T(Reduction, Input<T> x, const LabelVector& y, Output<T> gradient, Pool*)> value_and_gradient;
  std::function<T(Reduction, Input<T> x, const LabelVector& y, Output<T> gradient, double scale)> add_to;
  std::function<Columns<T>(Reduction, Input<T> x, const LabelVector& y)> gradient, unreduced;
};

template <class L, class Reference>
BatchVerbs<typename L::Scalar> batch_verbs(const std::string& name, const L& loss, const Reference& reference,
                                           Invariance invariance) {
  using T = typename L::Scalar;
  using losses::Reduction;
  BatchVerbs<T> v{name, invariance, 1, {}, {}, {}, {}, {}, {}};
  if constexpr (requires { L::rows_per_sample; }) v.rows_per_sample = L::rows_per_sample;
  v.reference = [=](const Batch& batch) { return reference(loss.rule(), batch); };
  v.forward = [=](Reduction r, Input<T> x, const LabelVector& y, Pool* pool) {
    const L l = with(loss, r);
    return pool == nullptr ? l.forward(x, y) : l.forward(losses::parallel(*pool), x, y);
  };
  v.value_and_gradient = [=](Reduction r, Input<T> x, const LabelVector& y, Output<T> g, Pool* pool) {
    const L l = with(loss, r);
    return pool == nullptr ? l.value_and_gradient(x, y, g) : l.value_and_gradient(losses::parallel(*pool), x, y, g);
  };
  v.add_to = [=](Reduction r, Input<T> x, const LabelVector& y, Output<T> g, double factor) {
    return with(loss, r).value_and_gradient(x, y, losses::add_to(g, factor));
  };
  v.gradient = [=](Reduction r, Input<T> x, const LabelVector& y) -> Columns<T> {
    return with(loss, r).gradient(x, y);
  };
  v.unreduced = [=](Reduction r, Input<T> x, const LabelVector& y) -> Columns<T> {
    return with(loss, r).unreduced(x, y);
  };
  return v;
}

struct BatchLoss {
  BatchVerbs<float> in_float;
  BatchVerbs<double> in_double;
};

template <class InFloat, class InDouble, class Reference>
BatchLoss batch_loss(const std::string& name, const InFloat& in_float, const InDouble& in_double,
                     const Reference& reference, Invariance invariance = Invariance::scale_of_rows) {
  return {batch_verbs(name, in_float, reference, invariance), batch_verbs(name, in_double, reference, invariance)};
}

/// All the laws, each in a section of its own.
void check(const BatchLoss& loss);

/// Rows of several sizes around a centre for each class.
template <class T>
Columns<T> draw_embeddings(Index n, Index d, const LabelVector& labels, std::uint64_t seed) {
  Random random(seed);
  Columns<T> x(n, d);
  for (Index i = 0; i < n; ++i) {
    const double size = random.decades(0.3, 3);
    for (Index k = 0; k < d; ++k) {
      Random centre(1000 + 31 * static_cast<std::uint64_t>(labels(i)) + static_cast<std::uint64_t>(k));
      x(i, k) = static_cast<T>(size * (random.normal() + 0.7 * centre.normal()));
    }
  }
  return x;
}

/// Labels of about `classes` classes: negative and huge ones, and one that occurs once.
inline LabelVector draw_classes(Index n, Index classes, std::uint64_t seed) {
  Random random(seed);
  LabelVector y(n);
  for (Index i = 0; i < n; ++i) {
    const Index label = random.below(classes);
    y(i) = label == 0 ? -7 : label == 1 ? INT64_MAX : label == 2 ? INT64_MIN : label;
  }
  if (n > 0) y(n / 2) = 1000;
  return y;
}

/// The embeddings as long double, entry (row, column) a variable.
template <class T>
Batch batch_of(const Columns<T>& x, const LabelVector& y) {
  Batch batch{{}, y};
  for (Index i = 0; i < x.rows(); ++i) {
    std::vector<Jet> row;
    for (Index k = 0; k < x.cols(); ++k) row.emplace_back(static_cast<Real>(x(i, k)));
    batch.rows.push_back(std::move(row));
  }
  return batch;
}

}  // namespace losses_test::laws
