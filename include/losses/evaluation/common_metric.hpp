// SPDX-License-Identifier: MIT
#pragma once

/// One measure of a model's predictions for all losses, since the values of two losses cannot be compared.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <losses/core/check.hpp>
#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE {

/// What LossEvaluator compares losses by.
///
///   automatic                accuracy for labels, and for numbers that are all 0 and 1 or all −1 and 1; else the next
///   root_mean_squared_error  of all entries
///   mean_absolute_error      of all entries
///   accuracy                 the share of what is classified right
///   balanced_accuracy        the mean of that share over the classes that occur: for imbalanced data
///
/// The class of a sample is the largest of its predictions; of one prediction per sample, and of each entry where a target
/// row is several labels, whether it is above the threshold (0: a logit or a margin).
enum class Metric : std::uint8_t {
  automatic,
  root_mean_squared_error,
  mean_absolute_error,
  accuracy,
  balanced_accuracy
};

/// A metric of one's own: OwnMetric{"F1", [](const auto& predictions, const auto& targets) { … return f1; }}. It is given all
/// predictions of the validation data [n × c] and its targets.
template <class F>
struct OwnMetric {
  std::string name;
  F value;
  bool higher_is_better = true;
};

template <class F>
OwnMetric(std::string, F) -> OwnMetric<F>;
template <class F>
OwnMetric(std::string, F, bool) -> OwnMetric<F>;

/// The metric of LossEvaluator's options.
struct BuiltInMetric {};

namespace detail {

inline const char* name_of_metric(Metric metric) {
  switch (metric) {
    case Metric::root_mean_squared_error:
      return "rmse";
    case Metric::mean_absolute_error:
      return "mae";
    case Metric::accuracy:
      return "accuracy";
    case Metric::balanced_accuracy:
      return "balanced accuracy";
    default:
      return "automatic";
  }
}

inline bool is_error(Metric metric) {
  return metric == Metric::root_mean_squared_error || metric == Metric::mean_absolute_error;
}

/// How targets name classes. Of two parts of the data the lesser kind is that of both.
enum class TargetKind : std::uint8_t {
  numbers,  ///< they do not
  flags,    ///< 0 and 1, or −1 and 1: each entry is a yes or no
  one_hot,  ///< the same, with one yes in each row of several
  labels    ///< an integer per sample
};

template <class T>
TargetKind kind_of_numbers(const View<const T>& targets) {
  const Index rows = targets.extents[0], columns = targets.extents[1];
  bool unit = true, signs = true, single = columns > 1;
  for (Index i = 0; i < rows; ++i) {
    Index ones = 0;
    for (Index j = 0; j < columns; ++j) {
      const T y = targets.data[i * targets.stride[0] + j * targets.stride[1]];
      unit = unit && (y == T(0) || y == T(1));
      signs = signs && (y == T(-1) || y == T(1));
      ones += y == T(1);
    }
    single = single && ones == 1;
    if (!unit && !signs) return TargetKind::numbers;
  }
  return single ? TargetKind::one_hot : TargetKind::flags;
}

/// Counts right and all, over everything or per class.
class Hits {
 public:
  void add(std::size_t label, bool right) {
    if (label >= of_.size()) of_.resize(label + 1);
    of_[label].second += 1;
    of_[label].first += right;
  }

  double share(bool balanced) const {
    double right = 0, all = 0, shares = 0, classes = 0;
    for (const auto& [hit, count] : of_) {
      right += hit;
      all += count;
      if (count == 0) continue;
      shares += hit / count;
      classes += 1;
    }
    return balanced ? shares / classes : right / all;
  }

 private:
  std::vector<std::pair<double, double>> of_;
};

/// The column of the largest entry of a row; −1 where one is NaN.
template <class P>
Index largest_of_row(const P& predictions, Index row) {
  Index best = 0;
  for (Index j = 0; j < predictions.cols(); ++j) {
    if (std::isnan(predictions.coeff(row, j))) return -1;
    if (predictions.coeff(row, j) > predictions.coeff(row, best)) best = j;
  }
  return best;
}

template <class P, class Y>
double regression_error(Metric metric, const P& predictions, const Y& targets) {
  double sum = 0, largest = 0;
  const bool squares = metric == Metric::root_mean_squared_error;
  const auto residual = [&](Index i, Index j) {
    return std::abs(static_cast<double>(predictions.coeff(i, j)) - static_cast<double>(targets.coeff(i, j)));
  };
  for (Index j = 0; j < predictions.cols(); ++j) {
    for (Index i = 0; i < predictions.rows(); ++i) {
      const double r = residual(i, j);
      if (!std::isfinite(r)) return r;
      largest = std::max(largest, r);
    }
  }
  if (largest == 0) return 0;
  for (Index j = 0; j < predictions.cols(); ++j) {
    for (Index i = 0; i < predictions.rows(); ++i) {
      const double r = residual(i, j) / largest;
      sum += squares ? r * r : r;
    }
  }
  const double mean = sum / static_cast<double>(predictions.size());
  return largest * (squares ? std::sqrt(mean) : mean);
}

template <class P, class Y>
double share_of_right(Metric metric, TargetKind kind, double threshold, const P& predictions, const Y& targets) {
  Hits hits;
  const auto affirmed = [&](Index i, Index j) { return static_cast<double>(predictions.coeff(i, j)) > threshold; };
  for (Index i = 0; i < predictions.rows(); ++i) {
    if (kind == TargetKind::labels) {
      const auto label = static_cast<std::int64_t>(targets.coeff(i, 0));
      const std::int64_t found = predictions.cols() == 1 ? affirmed(i, 0) : largest_of_row(predictions, i);
      // A label that no class has, as an ignore_index, is left out.
      const Index classes = std::max<Index>(predictions.cols(), 2);
      if (label >= 0 && label < classes) hits.add(static_cast<std::size_t>(label), found == label);
    } else if (kind == TargetKind::one_hot) {
      const Index label = largest_of_row(targets, i);
      hits.add(static_cast<std::size_t>(label), largest_of_row(predictions, i) == label);
    } else {
      for (Index j = 0; j < predictions.cols(); ++j) {
        const bool yes = targets.coeff(i, j) > 0;
        const bool right = !std::isnan(predictions.coeff(i, j)) && affirmed(i, j) == yes;
        hits.add(yes ? 1 : 0, right);
      }
    }
  }
  return hits.share(metric == Metric::balanced_accuracy);
}

template <class P, class Y>
double measure(Metric metric, TargetKind kind, double threshold, const P& predictions, const Y& targets) {
  if (kind != TargetKind::labels) {
    require(predictions.cols() == targets.cols(), "LossEvaluator: predictions has ", predictions.cols(),
            " columns, but must have ", targets.cols(), ", as targets");
  }
  return is_error(metric) ? regression_error(metric, predictions, targets)
                          : share_of_right(metric, kind, threshold, predictions, targets);
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
