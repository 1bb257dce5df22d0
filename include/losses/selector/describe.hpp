// SPDX-License-Identifier: MIT
#pragma once

/// From data to a descriptor: what the rules of the selector want to know, measured.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <Eigen/Core>

#include <losses/core/check.hpp>
#include <losses/core/view.hpp>
#include <losses/regression/huber_delta.hpp>
#include <losses/selector/task.hpp>

namespace LOSSES_NAMESPACE {

/// A descriptor that was measured, and the measurements behind it. What was not measured is 0, empty, or NaN.
struct Description : TaskDescriptor {
  Eigen::Index samples = 0;         ///< kept ones: labels of −100 are left out
  std::vector<double> counts;       ///< samples of each class; positives of each label of several
  std::vector<double> pos_weights;  ///< of each label of several: negatives over positives

  double centre = 0, spread = 0;  ///< of what was searched for outliers: the median, and 1.4826 MAD
  double outlier_limit = 0;       ///< in spreads
  Eigen::Index outliers = 0;

  double noise_ratio = std::numeric_limits<double>::quiet_NaN();   ///< spread of the residuals over that of the targets
  double contradicted = std::numeric_limits<double>::quiet_NaN();  ///< share of labels that predictions speak against
};

namespace detail {

template <class X>
concept NumberRange = !Viewable<X> && requires(const X& x) {
  std::span(x);
  requires std::is_arithmetic_v<typename decltype(std::span(x))::value_type>;
};

template <class X>
concept NumberEigen = Viewable<X> && std::is_arithmetic_v<typename Access<X>::Scalar>;

/// What describe reads: numbers or integers of Eigen's, or anything contiguous that becomes a std::span of them.
template <class X>
concept Describable = NumberEigen<X> || NumberRange<X>;

/// Numbers of any type at any strides, read one at a time as doubles.
class NumberSource {
 public:
  template <Describable X>
  explicit NumberSource(const X& x) {
    if constexpr (NumberRange<X>) {
      const std::span span(x);
      take(View<const typename decltype(span)::element_type>{span.data(), {1, {static_cast<Index>(span.size())}}, {1}});
    } else {
      take(view_of(x));
    }
  }

  const Extents& extents() const { return view_.extents; }
  bool is_integer() const { return is_integer_; }

  /// Classes, where the last argument is one column for each.
  bool has_columns() const { return view_.extents.rank == 2 && view_.extents[1] > 1 && view_.extents[0] > 1; }

  double operator[](Index flat) const { return read_(view_, flat); }

 private:
  template <class N>
  void take(const View<N>& view) {
    using Number = std::remove_const_t<N>;
    view_.data = static_cast<const void*>(view.data);
    view_.extents = view.extents;
    for (int axis = 0; axis < max_rank; ++axis) view_.stride[axis] = view.stride[axis];
    is_integer_ = std::integral<Number>;
    read_ = [](const Erased& erased, Index flat) {
      View<const Number> typed{static_cast<const Number*>(erased.data), erased.extents, {}};
      for (int axis = 0; axis < max_rank; ++axis) typed.stride[axis] = erased.stride[axis];
      return static_cast<double>(element(typed, flat));
    };
  }

  struct Erased {
    const void* data = nullptr;
    Extents extents;
    Index stride[max_rank] = {};
  };

  Erased view_;
  bool is_integer_ = false;
  double (*read_)(const Erased&, Index) = nullptr;
};

template <class... Parts>
void require_at(bool condition, std::string_view argument, const NumberSource& of, Index flat, const Parts&... parts) {
  require(condition, "describe: ", argument, Position{of.extents(), flat}, " is ", of[flat], ", but must be ",
          parts...);
}

inline void require_values(const NumberSource& source, std::string_view argument) {
  require(source.extents().count() > 0, "describe: ", argument, " is ", source.extents(),
          ", but must have at least one value");
}

inline void require_like(const NumberSource& source, std::string_view argument, const NumberSource& target) {
  require(source.extents() == target.extents(), "describe: ", argument, " is ", source.extents(), ", but must be ",
          target.extents(), ", the shape of target");
}

inline std::vector<double> finite_numbers(const NumberSource& source, std::string_view argument) {
  require_values(source, argument);
  std::vector<double> values(static_cast<std::size_t>(source.extents().count()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = source[static_cast<Index>(i)];
    require_at(std::isfinite(values[i]), argument, source, static_cast<Index>(i), "finite");
  }
  return values;
}

/// The middle of the values and how far they lie from it: 1.4826 MAD. Where more than half of them are the same, the MAD
/// is that of the others. In halves, so that a difference of large numbers does not overflow.
struct RobustSpread {
  double centre, spread;

  explicit RobustSpread(std::vector<double> values) {
    for (double& value : values) value *= 0.5;
    centre = median(values);
    for (double& value : values) value = std::abs(value - centre);
    double middle = median(values);
    if (middle == 0) {
      std::erase(values, 0.0);
      middle = values.empty() ? 0 : median(values);
    }
    spread = 2 * std::min(1.4826 * middle, std::numeric_limits<double>::max() / 2);
    centre *= 2;
  }
};

/// The spreads beyond which a value is an outlier: 3.5, and more for few values, whose MAD is itself uncertain.
inline double outlier_limit(Index n) {
  return 3.5 + 150 / static_cast<double>(n);
}

inline constexpr double outlier_share = 0.01;
inline constexpr double low_noise = 0.1, high_noise = 0.5;  // R² of 0.99 and of 0.75
inline constexpr double least_imbalance = 3;
inline constexpr double label_noise_share = 0.1;

/// What one column of targets tells, or of residuals.
inline Description describe_column(const std::vector<double>& values) {
  const RobustSpread robust(values);
  const auto n = static_cast<Index>(values.size());
  Description d;
  d.centre = robust.centre;
  d.spread = robust.spread;
  d.outlier_limit = outlier_limit(n);
  d.outliers = std::count_if(values.begin(), values.end(), [&](double value) {
    return std::abs(0.5 * value - 0.5 * robust.centre) > 0.5 * d.outlier_limit * robust.spread;
  });
  d.has_outliers = d.outliers > 0 && static_cast<double>(d.outliers) >= outlier_share * static_cast<double>(n);
  return d;
}

inline std::vector<double> column_of(const std::vector<double>& values, std::size_t columns, std::size_t column) {
  std::vector<double> result;
  for (std::size_t i = column; i < values.size(); i += columns) result.push_back(values[i]);
  return result;
}

inline Noise noise_level(double ratio) {
  return ratio < low_noise ? Noise::low : ratio > high_noise ? Noise::high : Noise::medium;
}

/// Each output by itself, since each may have its own unit: told are the one with the most outliers, and the largest noise.
inline Description describe_regression(const NumberSource& target, const NumberSource* residuals) {
  const auto values = finite_numbers(target, "target");
  if (residuals) require_like(*residuals, "residuals", target);
  const auto rest = residuals ? finite_numbers(*residuals, "residuals") : std::vector<double>();
  const auto columns = static_cast<std::size_t>(target.has_columns() ? target.extents()[1] : 1);
  Description d;
  bool varies = false;
  for (std::size_t c = 0; c < columns; ++c) {
    const auto column = column_of(values, columns, c);
    if (std::all_of(column.begin(), column.end(), [&](double value) { return value == column[0]; })) continue;
    const auto ratio = d.noise_ratio;
    const Description one = describe_column(residuals ? column_of(rest, columns, c) : column);
    if (!varies || one.outliers > d.outliers) d = one;
    d.noise_ratio = ratio;
    if (residuals) d.noise_ratio = std::fmax(ratio, one.spread / RobustSpread(column).spread);
    varies = true;
  }
  require(varies, "describe: target is ", values[0], " in every sample: there is nothing to learn");
  d.task = Task::regression;
  d.samples = target.extents()[0];
  if (residuals) d.noise = noise_level(d.noise_ratio);
  return d;
}

/// Imbalanced: one class has more than three times the samples of another, and more than chance gives equal classes.
inline void find_imbalance(Description& d) {
  double most = 0, least = std::numeric_limits<double>::infinity();
  int present = 0;
  for (const double count : d.counts) {
    if (count <= 0) continue;
    most = std::max(most, count);
    least = std::min(least, count);
    ++present;
  }
  d.imbalance_ratio = std::min(most / least, std::numeric_limits<double>::max());
  const double pairs = 0.5 * present * (present - 1);
  const double chance = 16 + 2 * std::log(std::max(1.0, pairs));  // of (a − b)² / (a + b) of the most different pair
  d.is_imbalanced = d.imbalance_ratio > least_imbalance && (most - least) * (most - least) > chance * (most + least);
}

inline Description describe_binary(const NumberSource& target) {
  require_values(target, "target");
  const Index n = target.extents().count();
  bool signs = false;
  for (Index i = 0; i < n; ++i) signs = signs || target[i] == -1;
  double positives = 0;
  for (Index i = 0; i < n; ++i) {
    const double y = target[i];
    require_at(signs ? y == -1 || y == 1 : y >= 0 && y <= 1, "target", target, i,
               signs ? "-1 or 1, as others are" : "in [0, 1], or -1 and 1");
    positives += signs ? (y + 1) / 2 : y;
  }
  const double negatives = static_cast<double>(n) - positives;
  require(positives > 0 && negatives > 0, "describe: target is ", target[0],
          " in every sample, but must have both classes");
  Description d;
  d.task = Task::binary_classification;
  d.samples = n;
  d.num_classes = 2;
  d.counts = {negatives, positives};
  find_imbalance(d);
  if (d.is_imbalanced) d.pos_weight = std::min(negatives / positives, std::numeric_limits<double>::max());
  return d;
}

inline constexpr double ignored_label = -100;  // the default of every ignore_index

inline constexpr int most_classes = 1 << 24;  // a count is kept for each

inline double label_at(const NumberSource& target, Index i) {
  const double label = target[i];
  require_in_range(label == ignored_label || (label >= 0 && label < most_classes), "describe: target",
                   Position{target.extents(), i}, " is ", label, ", but must be a label, in [0, ", most_classes,
                   "), or -100 to be left out");
  require_at(label == std::floor(label), "target", target, i, "a whole number: a label");
  return label;
}

inline void require_classes(const Description& d) {
  const auto present = std::count_if(d.counts.begin(), d.counts.end(), [](double count) { return count > 0; });
  require(present > 0, "describe: target has no label: all are left out");
  if (present == 1) {
    const auto one = std::find_if(d.counts.begin(), d.counts.end(), [](double count) { return count > 0; });
    require(false, "describe: target holds class ", one - d.counts.begin(), " alone, but must have two classes");
  }
}

/// Labels [n] or [n, d1, …], or probabilities [n × c], a column for each class.
inline Description describe_classes(Task task, const NumberSource& target) {
  require_values(target, "target");
  Description d;
  d.task = task;
  if (!target.is_integer() && target.has_columns() && task != Task::segmentation) {
    const Index classes = target.extents()[1];
    d.counts.assign(static_cast<std::size_t>(classes), 0);
    for (Index i = 0; i < target.extents().count(); ++i) {
      require_at(target[i] >= 0 && target[i] <= 1, "target", target, i, "in [0, 1]: a probability");
      d.counts[static_cast<std::size_t>(i % classes)] += target[i];
    }
    d.samples = target.extents()[0];
  } else {
    for (Index i = 0; i < target.extents().count(); ++i) {
      const double label = label_at(target, i);
      if (label == ignored_label) continue;
      const auto place = static_cast<std::size_t>(label);
      if (place >= d.counts.size()) d.counts.resize(place + 1, 0);
      d.counts[place] += 1;
      ++d.samples;
    }
  }
  require_classes(d);
  d.num_classes = static_cast<int>(d.counts.size());
  find_imbalance(d);
  return d;
}

/// Confident learning (Northcutt et al., 2021, arXiv:1911.00068, §3.1): a label is contradicted where another class is at
/// least as probable as that class is, on average, for its own samples, and more probable than the label.
inline void find_label_noise(const NumberSource& target, const NumberSource& predictions, Description& d) {
  const Index n = target.extents().count(), classes = predictions.extents()[1];
  require(predictions.extents().rank == 2 && predictions.extents()[0] == n && classes >= d.num_classes,
          "describe: predictions is ", predictions.extents(), ", but must be [", n, " x ", d.num_classes,
          "]: the probability of each class");
  std::vector<double> sum(static_cast<std::size_t>(classes), 0);
  for (Index i = 0; i < n * classes; ++i) {
    require_at(predictions[i] >= 0 && predictions[i] <= 1, "predictions", predictions, i, "in [0, 1]: a probability");
  }
  const auto label_of = [&](Index i) { return static_cast<Index>(target[i]); };
  const auto probability = [&](Index i, Index k) { return predictions[i * classes + k]; };
  for (Index i = 0; i < n; ++i) {
    if (target[i] != ignored_label) sum[static_cast<std::size_t>(label_of(i))] += probability(i, label_of(i));
  }
  double contradicted = 0;
  for (Index i = 0; i < n; ++i) {
    if (target[i] == ignored_label) continue;
    bool against = false;
    for (Index k = 0; k < d.num_classes; ++k) {
      const auto place = static_cast<std::size_t>(k);
      if (k == label_of(i) || d.counts[place] == 0) continue;
      against = against ||
                (probability(i, k) > probability(i, label_of(i)) && probability(i, k) >= sum[place] / d.counts[place]);
    }
    contradicted += against;
  }
  d.contradicted = contradicted / static_cast<double>(d.samples);
  d.has_label_noise = d.contradicted > label_noise_share;
}

/// Targets [n × labels] in [0, 1].
inline Description describe_labels(const NumberSource& target) {
  require_values(target, "target");
  require(target.extents().rank == 2, "describe: target is ", target.extents(), ", but must be [n x labels]");
  const Index n = target.extents()[0], labels = target.extents()[1];
  Description d;
  d.task = Task::multilabel_classification;
  d.samples = n;
  d.num_classes = static_cast<int>(labels);
  d.counts.assign(static_cast<std::size_t>(labels), 0);
  for (Index i = 0; i < n * labels; ++i) {
    require_at(target[i] >= 0 && target[i] <= 1, "target", target, i, "in [0, 1]");
    d.counts[static_cast<std::size_t>(i % labels)] += target[i];
  }
  bool any = false;
  for (const double positives : d.counts) {
    const double negatives = static_cast<double>(n) - positives;
    const bool has_both = positives > 0 && negatives > 0;
    any = any || has_both;
    d.pos_weights.push_back(has_both ? std::min(negatives / positives, std::numeric_limits<double>::max()) : 1);
    if (!has_both) continue;
    Description one;
    one.counts = {negatives, positives};
    find_imbalance(one);
    d.imbalance_ratio = std::max(d.imbalance_ratio, one.imbalance_ratio);
    d.is_imbalanced = d.is_imbalanced || one.is_imbalanced;
  }
  require(any, "describe: no label of target has both positives and negatives: there is nothing to learn");
  return d;
}

inline Description describe_boxes(const NumberSource& target) {
  finite_numbers(target, "target");
  require(target.extents().rank == 2 && target.extents()[1] == 4, "describe: target is ", target.extents(),
          ", but must be [n x 4]: boxes as x1, y1, x2, y2");
  for (Index i = 0; i < target.extents().count(); i += 4) {
    require_at(target[i + 2] >= target[i], "target", target, i + 2, "at least x1");
    require_at(target[i + 3] >= target[i + 1], "target", target, i + 3, "at least y1");
  }
  Description d;
  d.task = Task::detection;
  d.samples = target.extents()[0];
  return d;
}

inline Description describe_target(Task task, const NumberSource& target) {
  require(is_task(task), "describe: task is ", static_cast<int>(task), ", but must be one of Task");
  switch (task) {
    case Task::regression:
      return describe_regression(target, nullptr);
    case Task::binary_classification:
      return describe_binary(target);
    case Task::multiclass_classification:
    case Task::segmentation:
    case Task::metric_learning:
    case Task::sequence_labelling:
      return describe_classes(task, target);
    case Task::multilabel_classification:
      return describe_labels(target);
    case Task::detection:
      return describe_boxes(target);
    default: {
      finite_numbers(target, "target");
      Description d;
      d.task = task;
      d.samples = target.extents()[0];
      return d;
    }
  }
}

}  // namespace detail

/// What the data of a task are like: a descriptor for select, with the measurements behind it.
///
///   auto d = describe(Task::regression, target);                  // outliers of the targets
///   auto d = describe(Task::regression, target, residuals);       // outliers of the residuals, and noise
///   auto d = describe("multiclass-classification", labels);       // counts, imbalance; a task by name
///   auto d = describe(Task::multiclass_classification, labels, probabilities);    // and wrong labels
///
/// Targets are Eigen objects or anything that becomes a std::span, of numbers or of integers:
///
///   regression        numbers that are not all the same
///   binary            [n] in [0, 1], or −1 and 1
///   multi-class, segmentation, metric learning, sequences
///                     labels from 0, −100 left out; but for segmentation also probabilities [n × c]
///   multi-label       [n × labels] in [0, 1]; pos_weights are negatives over positives, 1 where a label never changes
///   detection         boxes [n × 4]; generation, ranking: finite numbers
///
/// Outliers: with s = 1.4826 · median |v − median v| (of the v that differ from the median, if more than half do not), a
/// value is one beyond (3.5 + 150/n) s, and there are outliers if they are at least 1 % of n. Of normal or uniform numbers
/// one sample in a thousand, at most, is said to have them.
/// Noise: the spread s of the residuals over that of the targets; low below 0.1, high above 0.5.
/// Imbalance: the largest count a over the smallest b that is not 0; imbalanced if above 3 and (a − b)² > k (a + b), with
/// k = 16 for two classes and 16 + 2 log(c(c − 1)/2) for c, which chance passes once in ten thousand times. For binary
/// classification pos_weight is then negatives over positives.
/// Label noise: more than 10 % of the labels contradicted, by probabilities from a model that has not seen these samples.
///
/// Throws std::invalid_argument for an empty target, a value that is not finite or not in its domain, a constant target, and
/// one class alone; std::out_of_range for a label.
/// Iglewicz and Hoaglin (1993), How to detect and handle outliers, for 3.5.
template <detail::Describable Target>
Description describe(detail::TaskArgument task, const Target& target) {
  if constexpr (detail::NumberRange<Target>) {
    return detail::describe_target(task.task, detail::NumberSource(target));
  } else {
    const auto& stored = detail::evaluate(target);
    return detail::describe_target(task.task, detail::NumberSource(stored));
  }
}

/// With residuals (regression) or probabilities [n × c] of a model that has not seen these samples (multi-class).
template <detail::Describable Target, detail::Describable Evidence>
Description describe(detail::TaskArgument task, const Target& target, const Evidence& evidence) {
  const auto with = [&](const auto& y, const auto& stored) {
    const detail::NumberSource target_source(y), evidence_source(stored);
    if (task.task == Task::regression) return detail::describe_regression(target_source, &evidence_source);
    require(task.task == Task::multiclass_classification, "describe: residuals or predictions tell of regression and ",
            "multiclass_classification, but the task is ", to_string(task.task));
    Description d = detail::describe_target(task.task, target_source);
    require(target_source.is_integer() || !target_source.has_columns(), "describe: target is ", target_source.extents(),
            ", a matrix of probabilities, but predictions are compared with labels [n]");
    detail::find_label_noise(target_source, evidence_source, d);
    return d;
  };
  const auto stored = [](const auto& x) -> decltype(auto) {
    if constexpr (detail::NumberRange<std::remove_cvref_t<decltype(x)>>) {
      return (x);
    } else {
      return detail::evaluate(x);
    }
  };
  return with(stored(target), stored(evidence));
}

}  // namespace LOSSES_NAMESPACE
