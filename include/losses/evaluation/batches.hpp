// SPDX-License-Identifier: MIT
#pragma once

/// Inputs and targets, cut into batches in an order that a seed decides.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <losses/core/check.hpp>
#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE::detail {

/// The plain Eigen object with dynamic rows that batches of these data are gathered in.
template <class X>
struct BatchType;

template <Dense X>
struct BatchType<X> {
  static constexpr int order = X::IsRowMajor && X::ColsAtCompileTime != 1 ? Eigen::RowMajor : Eigen::ColMajor;
  using type = Eigen::Matrix<typename X::Scalar, Eigen::Dynamic, X::ColsAtCompileTime, order>;
};

template <IntegerRange X>
struct BatchType<X> {
  using type = Eigen::Matrix<typename decltype(std::span(std::declval<const X&>()))::value_type, Eigen::Dynamic, 1>;
};

template <class X>
using BatchOf = typename BatchType<X>::type;

/// A copy of the data as this type.
template <class Batch, class X>
Batch copied(const X& x, std::string_view function, std::string_view name) {
  static_assert(std::same_as<typename Batch::Scalar, typename BatchOf<X>::Scalar>,
                "the validation data must have the scalars of the training data");
  if constexpr (Dense<X>) {
    constexpr int columns = Batch::ColsAtCompileTime;
    require(columns == Eigen::Dynamic || x.cols() == columns, function, ": ", name, " has ", x.cols(),
            " columns, but must have ", columns);
    return Batch(x);
  } else {
    const std::span values(x);
    return Eigen::Map<const Batch>(values.data(), static_cast<Index>(values.size()));
  }
}

/// Samples as rows, and what is wanted of them.
template <class Input, class Target>
struct Samples {
  Input inputs;
  Target targets;

  Index rows() const { return inputs.rows(); }

  /// These rows, in this order.
  void gather(std::span<const Index> rows, Samples& batch) const {
    const auto count = static_cast<Index>(rows.size());
    batch.inputs.resize(count, inputs.cols());
    batch.targets.resize(count, targets.cols());
    for (Index i = 0; i < count; ++i) {
      batch.inputs.row(i) = inputs.row(rows[static_cast<std::size_t>(i)]);
      batch.targets.row(i) = targets.row(rows[static_cast<std::size_t>(i)]);
    }
  }

  /// `which` comes before the names of the arguments.
  void check(std::string_view function, std::string_view which) const {
    require(rows() > 0, function, ": ", which, "inputs has no rows");
    require(targets.rows() == rows(), function, ": ", which, "targets has ", targets.rows(), " rows, but must have ",
            rows(), ", as ", which, "inputs");
  }
};

/// An order of rows, the same on every machine: SplitMix64, Steele, Lea and Flood (2014), doi:10.1145/2714064.2660195.
class BatchOrder {
 public:
  explicit BatchOrder(Index rows, std::uint64_t seed = 0) : state_(seed), rows_(static_cast<std::size_t>(rows)) {
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] = static_cast<Index>(i);
  }

  void shuffle() {
    for (std::size_t i = rows_.size(); i > 1; --i) std::swap(rows_[i - 1], rows_[below(i)]);
  }

  Index batches(Index size) const {
    const auto rows = static_cast<Index>(rows_.size());
    return rows / size + (rows % size != 0);
  }

  /// The rows of batch b; the last one may have fewer.
  std::span<const Index> batch(Index b, Index size) const {
    const auto first = static_cast<std::size_t>(b * size);
    return std::span(rows_).subspan(first, std::min(static_cast<std::size_t>(size), rows_.size() - first));
  }

 private:
  std::size_t below(std::uint64_t bound) {
    const std::uint64_t unfair = (0 - bound) % bound;  // 2^64 mod bound
    std::uint64_t drawn = next();
    while (drawn < unfair) drawn = next();
    return static_cast<std::size_t>(drawn % bound);
  }

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
  std::vector<Index> rows_;
};

/// The mean of the batches' values, each as heavy as its rows.
class BatchMean {
 public:
  void add(double value, Index rows) {
    sum_ += value * static_cast<double>(rows);
    rows_ += rows;
  }
  double value() const { return sum_ / static_cast<double>(rows_); }

 private:
  double sum_ = 0;
  Index rows_ = 0;
};

}  // namespace LOSSES_NAMESPACE::detail
