// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses over all pairs of a batch: embeddings [n × d] and labels [n], or two views [n × d] of the same
/// samples. The matrix of the pairs is never stored: strips of whole rows go through the rule, which makes values and,
/// in place, slopes of them, and on into the gradient. Memory grows with n (n·d for the embeddings, a strip of rows),
/// not with its square, and every row of the gradient is written by one thread at a time in an order that the size
/// alone decides.

#include <memory>

#include <losses/core/batch_row.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

/// A term for each sample of a batch, the anchor, over its similarities or distances to all the others.
///
///   static constexpr rule::Pairs pairs = rule::Pairs::cosines;
///   rule::AnchorTerm operator()(detail::BatchRow<Scalar>& row) const;
///
/// The target is a vector of labels: integers of any width and any value, which say who belongs together. With
/// `static constexpr bool views = true` there is none: the predictions are two views, and the positive of a sample is
/// its other view. A rule may also have
///
///   bool is_dense() const;          // distances: the slopes are left in the row, not only in pairs that were added
///   Rule with_parameter(T) const;   // a third prediction [1 × 1], which has a gradient too
///
/// There are no weights and no partial results: the terms of a batch are not separable. A NaN or an infinity among the
/// embeddings makes the value and the whole gradient NaN.
struct per_batch {};

namespace detail {

template <class Rule>
concept HasViews = requires { requires Rule::views; };

template <class Rule>
concept HasParameter = requires(const Rule& rule, typename Rule::Scalar parameter) { rule.with_parameter(parameter); };

template <class T>
struct BatchInputs {
  View<const T> views[2];  // the second is empty without views
  View<const T> parameter;
  Labels labels;

  Index samples() const { return views[0].extents[0]; }
  Index rows() const { return samples() * (views[1].data != nullptr || is_pair ? 2 : 1); }
  Index dimensions() const { return views[0].extents[1]; }
  bool is_pair = false;
};

/// The labels as numbers 0, 1, …: equal where they are.
inline std::vector<Index> number_labels(const Labels& labels) {
  std::vector<std::pair<std::int64_t, Index>> sorted(static_cast<std::size_t>(labels.extents[0]));
  visit_integers(labels, [&](const auto* data) {  // as they are: labels of 64 bits without a sign keep apart
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      const auto at = static_cast<Index>(i);
      sorted[i] = {static_cast<std::int64_t>(data[at * labels.stride[0]]), at};
    }
  });
  std::sort(sorted.begin(), sorted.end());
  std::vector<Index> numbers(sorted.size());
  Index number = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && sorted[i].first != sorted[i - 1].first) ++number;
    numbers[static_cast<std::size_t>(sorted[i].second)] = number;
  }
  return numbers;
}

/// A policy for work of n² d: a small batch stays on the calling thread.
inline Executor executor_for_pairs(const Executor& executor, Index rows, Index dimensions) {
  const double n = static_cast<double>(rows);
  return n * n * static_cast<double>(dimensions + 8) > 1e6 ? executor : Executor{};
}

/// f(first, last) for chunks of 64 rows.
template <class F>
void for_row_chunks(const Executor& executor, Index rows, const F& f) {
  constexpr Index size = 64;
  executor((rows + size - 1) / size, [&](Index chunk) { f(chunk * size, std::min(rows, (chunk + 1) * size)); });
}

/// The rows of a batch, made ready for products: of length 1 (cosines), or with their mean taken away (distances).
template <class T>
struct PackedBatch {
  PackedRows<T> rows;
  PackedRows<T> given;            // distances: the rows themselves, times unit
  std::vector<T> classes;         // padded to whole registers with NaN
  std::vector<Index> class_size;  // of each row's class
  std::vector<T> squares;         // distances: ‖row‖², padded with 0
  std::vector<double> inverse;    // cosines: 1/‖row‖, or 0
  T largest_square = 0;
  double unit = 1;
  bool finite = true;

  Index size() const { return rows.rows(); }
  Index padded() const { return static_cast<Index>(classes.size()); }

  PackedBatch(const BatchInputs<T>& inputs, rule::Pairs pairs, const Executor& executor) {
    const Index n = inputs.rows(), d = inputs.dimensions();
    rows.resize(n, d);
    std::vector<T> largest(static_cast<std::size_t>(n));  // of each row; NaN or infinite where an entry is
    // Without columns there is no memory to point into.
    for_row_chunks(executor, d > 0 ? n : 0, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i) {
        const auto& view = inputs.views[i / inputs.samples()];
        const T* from = view.data + (i % inputs.samples()) * view.stride[0];
        T* to = rows.data() + i * d;
        T most = 0;
        for (Index k = 0; k < d; ++k) {
          to[k] = from[k * view.stride[1]];
          const T size = std::abs(to[k]);
          most = size > most || std::isnan(size) ? size : most;
        }
        largest[static_cast<std::size_t>(i)] = most;
      }
    });
    for (const T most : largest) finite = finite && most <= std::numeric_limits<T>::max();
    number_classes(inputs);
    if (!finite && pairs == rule::Pairs::cosines) return;
    if (pairs == rule::Pairs::cosines) {
      normalise(largest, executor);
    } else {
      centre(largest, executor);
    }
  }

 private:
  void number_classes(const BatchInputs<T>& inputs) {
    const Index n = size(), width = Lanes<T>::size;
    classes.assign(static_cast<std::size_t>((n + width - 1) / width * width), std::numeric_limits<T>::quiet_NaN());
    class_size.resize(static_cast<std::size_t>(n));
    if (inputs.is_pair) {
      for (Index i = 0; i < n; ++i) {
        classes[static_cast<std::size_t>(i)] = static_cast<T>(i % inputs.samples());
        class_size[static_cast<std::size_t>(i)] = 2;
      }
      return;
    }
    const auto numbers = number_labels(inputs.labels);
    std::vector<Index> count(static_cast<std::size_t>(n));
    for (const Index number : numbers) ++count[static_cast<std::size_t>(number)];
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      classes[i] = static_cast<T>(numbers[i]);
      class_size[i] = count[static_cast<std::size_t>(numbers[i])];
    }
  }

  /// Rows of length 1. Each is scaled by a power of two first, so that no square overflows or vanishes.
  void normalise(const std::vector<T>& largest, const Executor& executor) {
    const Index d = rows.cols();
    inverse.assign(largest.size(), 0.0);
    for_row_chunks(executor, size(), [&](Index first, Index last) {
      for (Index i = first; i < last; ++i) {
        const auto at = static_cast<std::size_t>(i);
        if (largest[at] == 0) continue;
        T* x = rows.data() + i * d;
        const double scale = inverse_power_of_two(largest[at]);
        double sum = 0;
        for (Index k = 0; k < d; ++k) {
          const double scaled = static_cast<double>(x[k]) * scale;
          sum += scaled * scaled;
        }
        const double norm = std::sqrt(sum);
        inverse[at] = scale / norm;
        for (Index k = 0; k < d; ++k) x[k] = static_cast<T>(static_cast<double>(x[k]) * scale / norm);
      }
    });
  }

  /// Distances do not change with the mean, and what is taken from them by ‖a‖² + ‖b‖² − 2ab is least without it.
  void centre(const std::vector<T>& largest, const Executor& executor) {
    const Index n = size(), d = rows.cols();
    constexpr int far = std::numeric_limits<T>::max_exponent / 3;  // squares and their sums are safe below
    const T most = finite && n > 0 ? *std::max_element(largest.begin(), largest.end()) : T(0);
    if (most > 0 && std::abs(std::ilogb(most)) > far) {
      unit = inverse_power_of_two(most);
      for (Index i = 0; i < rows.size(); ++i) {
        rows.data()[i] = static_cast<T>(static_cast<double>(rows.data()[i]) * unit);
      }
    }
    given = rows;
    std::vector<double> mean(static_cast<std::size_t>(d), 0.0);
    for (Index i = 0; i < n; ++i) {
      const T* x = given.data() + i * d;
      for (Index k = 0; k < d; ++k) mean[static_cast<std::size_t>(k)] += static_cast<double>(x[k]);
    }
    for (double& each : mean) each /= static_cast<double>(std::max<Index>(n, 1));
    squares.assign(classes.size(), T(0));
    for_row_chunks(executor, n, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i) {
        double sum = 0;
        for (Index k = 0; k < d; ++k) {
          const double x = static_cast<double>(given(i, k)) - mean[static_cast<std::size_t>(k)];
          rows(i, k) = static_cast<T>(x);
          sum += x * x;
        }
        squares[static_cast<std::size_t>(i)] = static_cast<T>(sum);
      }
    });
    for (const T square : squares) largest_square = square > largest_square ? square : largest_square;
  }

  static double inverse_power_of_two(T number) {
    constexpr int most = std::numeric_limits<double>::max_exponent - 2;
    return std::ldexp(1.0, std::clamp(-std::ilogb(number), -most, most));
  }
};

template <class T>
using AnchorTermOf = rule::AnchorTerm (*)(const void* rule, BatchRow<T>& row);

template <class Rule, class T = typename Rule::Scalar>
LOSSES_KERNEL rule::AnchorTerm anchor_term(const void* rule, BatchRow<T>& row) {
  return (*static_cast<const Rule*>(rule))(row);
}

/// squared = ‖a‖² + ‖b‖² − 2ab.
template <class T>
LOSSES_KERNEL void squares_of_products(T* values, const T* squares, T own, Index padded) {
  using V = Lanes<T>;
  for (Index j = 0; j < padded; j += V::size) {
    const V sum = V(own) + V::load(squares + j);
    max_number(V(0), fma(V(-2), V::load(values + j), sum)).store(values + j);
  }
}

/// A sum of doubles that keeps what is rounded away.
class ExactSum {
 public:
  void add(double x) {
    const double sum = sum_ + x;
    const double part = sum - sum_;
    lost_ += (sum_ - (sum - part)) + (x - part);
    sum_ = sum;
  }
  double total() const { return std::isfinite(lost_) ? sum_ + lost_ : sum_; }

 private:
  double sum_ = 0, lost_ = 0;
};

/// Takes the rows of a batch through a rule. It knows no rule, so it compiles once per scalar.
template <class T>
class BatchPass {
 public:
  struct Options {
    rule::Pairs pairs;
    bool dense;
    AnchorTermOf<T> term;
    const void* rule;
  };

  BatchPass(const PackedBatch<T>& batch, const Options& options, const Executor& executor)
      : batch_(batch), options_(options), executor_(executor) {
    terms.resize(static_cast<std::size_t>(batch.size()));
  }

  std::vector<rule::AnchorTerm> terms;
  std::vector<rule::MinedIndices> mined;
  PackedRows<T> gradient;  // of the rows, to be finished by gradient_row()

  void run(bool slopes, bool indices = false) {
    indices_ = indices;
    const Index n = batch_.size();
    const bool dense = slopes && options_.dense, sparse = slopes && options_.pairs == rule::Pairs::squared_distances;
    if (slopes) gradient.setZero(n, batch_.rows.cols());
    if (dense && sparse) sums_.assign(static_cast<std::size_t>(n), 0.0);
    PackedRows<T> wave = PackedRows<T>::Zero(std::min(n, strips * strip_rows), batch_.padded());
    std::vector<BatchScratch<T>> scratch(static_cast<std::size_t>((wave.rows() + strip_rows - 1) / strip_rows));
    for (Index first = 0; first < n; first += wave.rows()) {
      const Index size = std::min(wave.rows(), n - first);
      executor_((size + strip_rows - 1) / strip_rows, [&](Index strip) {
        const Index begin = strip * strip_rows;
        run_strip(first + begin, wave.middleRows(begin, std::min(strip_rows, size - begin)), slopes,
                  scratch[static_cast<std::size_t>(strip)]);
      });
      if (dense || sparse) {
        executor_((n + block_rows - 1) / block_rows, [&](Index block) {
          const Index begin = block * block_rows, count = std::min(block_rows, n - begin);
          if (dense) add_products(wave.topRows(size), first, begin, count, sparse);
          if (sparse) add_pairs(scratch, begin, count);
        });
      }
      for (auto& each : scratch) {
        mined.insert(mined.end(), each.mined.begin(), each.mined.end());
        each.mined.clear();
        each.pairs.clear();
      }
    }
  }

  /// Row i of the gradient by the embeddings, times scale.
  void gradient_row(Index i, double scale, double* out) const {
    const Index d = batch_.rows.cols();
    const T* g = gradient.data() + i * d;
    const T* x = batch_.rows.data() + i * d;
    const auto at = static_cast<std::size_t>(i);
    if (options_.pairs == rule::Pairs::cosines) {
      double along = 0;
      for (Index k = 0; k < d; ++k) along += static_cast<double>(g[k]) * static_cast<double>(x[k]);
      for (Index k = 0; k < d; ++k) {
        out[k] = (static_cast<double>(g[k]) - along * static_cast<double>(x[k])) * batch_.inverse[at] * scale;
      }
    } else {
      const double sum = sums_.empty() ? 0 : sums_[at];
      for (Index k = 0; k < d; ++k) out[k] = (static_cast<double>(g[k]) + sum * static_cast<double>(x[k])) * scale;
    }
  }

 private:
  using Rows = Eigen::Ref<PackedRows<T>, 0, Eigen::OuterStride<>>;

  static constexpr Index strip_rows = 64;   // of the matrix of pairs: one task
  static constexpr Index strips = 8;        // a wave: what is stored at a time
  static constexpr Index block_rows = 256;  // of the gradient: one task

  /// Values, slopes, and what the slopes of these anchors add to their own gradient.
  void run_strip(Index first, Rows strip, bool slopes, BatchScratch<T>& scratch) {
    const Index n = batch_.size(), count = strip.rows();
    strip.leftCols(n).noalias() = batch_.rows.middleRows(first, count) * batch_.rows.transpose();
    const bool distances = options_.pairs == rule::Pairs::squared_distances;
    BatchRow<T> row;
    row.classes_ = batch_.classes.data();
    row.squares_ = batch_.squares.data();
    row.rows_ = &batch_.given;
    row.near_ = &scratch.near;
    row.scratch = &scratch;
    row.unit_ = batch_.unit;
    row.size_ = n;
    row.padded_ = batch_.padded();
    row.wants_slopes_ = slopes;
    row.wants_indices_ = indices_;
    for (Index r = 0; r < count; ++r) {
      const auto i = static_cast<std::size_t>(first + r);
      row.anchor = first + r;
      row.values_ = &strip(r, 0);
      row.own_class_ = batch_.classes[i];
      row.positives = batch_.class_size[i] - 1;
      row.negatives = n - batch_.class_size[i];
      if (distances) {
        constexpr T infinity = std::numeric_limits<T>::infinity();
        const T factor = static_cast<T>(batch_.rows.cols() + 8) * std::numeric_limits<T>::epsilon();
        row.tolerance_ = batch_.finite ? factor * (batch_.squares[i] + batch_.largest_square) : infinity;
        squares_of_products(row.values_, batch_.squares.data(), batch_.squares[i], batch_.padded());
        row.values_[first + r] = 0;
      } else {
        row.self_similarity = batch_.inverse[i] == 0 ? T(0) : T(1);
        row.values_[first + r] = row.self_similarity;
      }
      terms[i] = options_.term(options_.rule, row);
    }
    if (!slopes) return;
    auto own = gradient.middleRows(first, count);
    if (options_.dense && distances) {
      own.noalias() -= strip.leftCols(n) * batch_.rows;
      for (Index r = 0; r < count; ++r) {
        double sum = 0;
        for (Index j = 0; j < n; ++j) sum += static_cast<double>(strip(r, j));
        sums_[static_cast<std::size_t>(first + r)] += sum;
      }
    } else if (options_.dense) {
      own.noalias() += strip.leftCols(n) * batch_.rows;
    }
    for (const auto& pair : scratch.pairs) add_difference(pair.anchor, pair, T(1));
  }

  /// What the slopes of a wave of anchors add to the gradient of the rows [begin, begin + count).
  void add_products(const Rows& wave, Index first, Index begin, Index count, bool distances) {
    auto block = gradient.middleRows(begin, count);
    const auto slopes = wave.middleCols(begin, count);
    if (!distances) {
      block.noalias() += slopes.transpose() * batch_.rows.middleRows(first, wave.rows());
      return;
    }
    block.noalias() -= slopes.transpose() * batch_.rows.middleRows(first, wave.rows());
    for (Index r = 0; r < wave.rows(); ++r) {
      for (Index j = 0; j < count; ++j) sums_[static_cast<std::size_t>(begin + j)] += static_cast<double>(slopes(r, j));
    }
  }

  void add_pairs(const std::vector<BatchScratch<T>>& scratch, Index begin, Index count) {
    for (const auto& strip : scratch) {
      for (const auto& pair : strip.pairs) {
        if (pair.other >= begin && pair.other < begin + count) add_difference(pair.other, pair, T(-1));
      }
    }
  }

  void add_difference(Index to, const PairCoefficient& pair, T sign) {
    // In double: 1/distance may be too large for a float.
    const double coefficient = static_cast<double>(sign) * pair.coefficient;
    const auto& given = batch_.given;
    gradient.row(to) +=
        (coefficient * (given.row(pair.anchor).template cast<double>() - given.row(pair.other).template cast<double>()))
            .template cast<T>();
  }

  const PackedBatch<T>& batch_;
  Options options_;
  Executor executor_;
  bool indices_ = false;
  std::vector<double> sums_;  // distances: Σ of the coefficients of each row
};

/// What a class that holds a loss offers on: its own verbs are constrained as the loss's.
template <class L, class... In>
concept HasForward = requires(const L& loss, const In&... in) { loss.forward(in...); };

template <class L, class... Args>
concept HasValueAndGradient =
    requires(const L& loss, Args&&... args) { loss.value_and_gradient(std::forward<Args>(args)...); };

template <class Rule>
concept BatchRule =
    std::floating_point<typename Rule::Scalar> && requires(const Rule& rule, BatchRow<typename Rule::Scalar>& row) {
      { Rule::pairs } -> std::convertible_to<rule::Pairs>;
      { rule(row) } -> std::same_as<rule::AnchorTerm>;
    };

template <class Rule>
struct Driver<per_batch, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = BatchInputs<T>;
  struct Whole {};

  static_assert(BatchRule<Rule>,
                "a per_batch rule needs `using Scalar = float or double;`, `static constexpr rule::Pairs pairs` and "
                "`rule::AnchorTerm operator()(detail::BatchRow<Scalar>& row) const`");

  static constexpr bool views = HasViews<Rule>;
  static constexpr bool has_parameter = HasParameter<Rule>;
  static constexpr int predictions = (views ? 2 : 1) + (has_parameter ? 1 : 0);
  static constexpr bool in_place = false;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != predictions + (views ? 0 : 1)) {
      return error::wrong_number_of_arguments{};
    } else if constexpr (views) {
      return verdict_on_values<T, In...>();
    } else {
      return verdict_on_labels<In...>();
    }
  }

  /// A value for each anchor: of two views those of the first, then those of the second.
  template <class P>
  using Unreduced = std::conditional_t<views, Eigen::Matrix<T, Eigen::Dynamic, 1>, typename Access<P>::Rows>;

  template <class... In>
  static Inputs bind(const Rule&, const In&... in) {
    Inputs inputs;
    inputs.is_pair = views;
    if constexpr (views) {
      const View<const T> given[] = {view_of(in)...};
      bind_view(inputs, 0, given[0]);
      bind_view(inputs, 1, given[1]);
      require_shape(name_of<Rule>(), given[1].extents, name(1), given[0].extents, name(0));
      if constexpr (has_parameter) {
        inputs.parameter = given[2];
        require(given[2].extents.count() == 1, name_of<Rule>(), ": ", name(2), " is ", given[2].extents,
                ", but must be one number");
      }
    } else {
      bind_labelled(inputs, in...);
    }
    if constexpr (std::numeric_limits<T>::digits < std::numeric_limits<Index>::digits) {
      require(inputs.rows() <= Index{1} << std::numeric_limits<T>::digits, name_of<Rule>(), ": ", name(0), " has ",
              inputs.rows(), " rows, more than its scalar can number");
    }
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int place) {
    return has_parameter && place == predictions - 1 ? inputs.parameter.extents : inputs.views[place].extents;
  }
  static Extents unreduced_extents(const Inputs& inputs) { return {1, {inputs.rows()}}; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.views[0], name(0), 0);
    if constexpr (views) {
      f(inputs.views[1], name(1), 1);
      if constexpr (has_parameter) f(inputs.parameter, name(2), 2);
    } else {
      f(inputs.labels, "target", -1);
    }
  }

  static Whole check(const Rule& rule, const Executor&, const Inputs& inputs) {
    if constexpr (has_parameter) rule.with_parameter(*inputs.parameter.data).check();
    return {};
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& given, const Inputs& inputs, const Whole&) {
    const Executor executor = executor_for(given, inputs);
    const PackedBatch<T> batch(inputs, Rule::pairs, executor);
    const Rule bound = bound_rule(rule, inputs);
    BatchPass<T> pass(batch, options(bound), executor);
    if (batch.finite) pass.run(false);
    return value(reduction, batch, inputs, sum(pass.terms));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& given, const Inputs& inputs,
                              const Whole&, const Output<T>* outputs) {
    const Executor executor = executor_for(given, inputs);
    const PackedBatch<T> batch(inputs, Rule::pairs, executor);
    const Rule bound = bound_rule(rule, inputs);
    BatchPass<T> pass(batch, options(bound), executor);
    if (batch.finite) pass.run(true);
    const Sums sums = sum(pass.terms);
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    const double scale = batch.finite ? reduction_scale(reduction, sums.weight, inputs.samples(), 1) : nan;
    const Index d = batch.rows.cols();
    for_row_chunks(executor, d > 0 ? batch.size() : 0, [&](Index first, Index last) {
      std::vector<double> row(static_cast<std::size_t>(d), nan);
      for (Index i = first; i < last; ++i) {
        const Output<T>& output = outputs[views ? i / inputs.samples() : 0];
        const View<T>& view = output.view;
        if (batch.finite) pass.gradient_row(i, scale * output.factor, row.data());
        T* out = view.data + i % inputs.samples() * view.stride[0];
        for (Index k = 0; k < d; ++k) write(output, out + k * view.stride[1], row[static_cast<std::size_t>(k)]);
      }
    });
    if constexpr (has_parameter) {
      const Output<T>& output = outputs[predictions - 1];
      write(output, output.view.data, scale * sums.parameter * output.factor);
    }
    return value(reduction, batch, inputs, sums);
  }

  static void unreduced(const Rule& rule, const Executor& given, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    const Executor executor = executor_for(given, inputs);
    const PackedBatch<T> batch(inputs, Rule::pairs, executor);
    const Rule bound = bound_rule(rule, inputs);
    BatchPass<T> pass(batch, options(bound), executor);
    if (batch.finite) pass.run(false);
    for (Index i = 0; i < batch.size(); ++i) {
      output.view.data[i * output.view.stride[0]] = batch.finite
                                                        ? static_cast<T>(pass.terms[static_cast<std::size_t>(i)].value)
                                                        : std::numeric_limits<T>::quiet_NaN();
    }
  }

  /// What the rule mined: the indices that it left in its rows.
  static std::vector<rule::MinedIndices> mine(const Rule& rule, const Executor& given, const Inputs& inputs) {
    const Executor executor = executor_for(given, inputs);
    const PackedBatch<T> batch(inputs, Rule::pairs, executor);
    BatchPass<T> pass(batch, options(rule), executor);
    pass.run(false, true);
    return std::move(pass.mined);
  }

 private:
  struct Sums {
    double value, weight, parameter;
  };

  static Executor executor_for(const Executor& executor, const Inputs& inputs) {
    return executor_for_pairs(executor, inputs.rows(), inputs.dimensions());
  }

  static constexpr std::string_view name(int i) { return predictions_of<Rule>()[static_cast<std::size_t>(i)].name; }

  template <class P, class Y>
  static consteval auto verdict_on_labels() {
    using Others = decltype(verdict_on_values<T, P>());
    if constexpr (!Others::value) {
      return Others{};
    } else if constexpr (!IntegerEigen<Y> && !IntegerRange<Y>) {
      return error::the_target_must_hold_integer_labels_or_probabilities_with_the_scalar_of_the_loss{};
    } else {
      return Accepted{};
    }
  }

  static void bind_view(Inputs& inputs, int place, const View<const T>& view) {
    require(view.extents.rank == 2, name_of<Rule>(), ": ", name(place), " is ", view.extents, ", but must be [n x d]");
    inputs.views[place] = view;
  }

  template <class P, class Y>
  static void bind_labelled(Inputs& inputs, const P& embeddings, const Y& labels) {
    bind_view(inputs, 0, view_of(embeddings));
    inputs.labels = labels_of(labels);
    const Extents must{1, {inputs.samples()}};
    require(inputs.labels.extents == must, name_of<Rule>(), ": target is ", inputs.labels.extents, ", but must be ",
            must, ", one label for each row of the ", name(0), " ", inputs.views[0].extents);
  }

  static Rule bound_rule(const Rule& rule, const Inputs& inputs) {
    if constexpr (has_parameter) {
      return rule.with_parameter(*inputs.parameter.data);
    } else {
      return rule;
    }
  }

  static typename BatchPass<T>::Options options(const Rule& rule) {
    bool dense = true;
    if constexpr (requires { rule.is_dense(); }) dense = rule.is_dense();
    return {Rule::pairs, dense, anchor_term<Rule>, &rule};
  }

  static Sums sum(const std::vector<rule::AnchorTerm>& terms) {
    ExactSum value, weight, parameter;
    for (const auto& term : terms) {
      value.add(term.value);
      weight.add(term.weight);
      parameter.add(term.parameter);
    }
    return {value.total(), weight.total(), parameter.total()};
  }

  static T value(Reduction reduction, const PackedBatch<T>& batch, const Inputs& inputs, const Sums& sums) {
    if (!batch.finite) return std::numeric_limits<T>::quiet_NaN();
    return static_cast<T>(reduce(reduction, {sums.value, sums.weight, inputs.samples()}));
  }

  static void write(const Output<T>& output, T* to, double value) {
    *to = static_cast<T>(output.adds ? static_cast<double>(*to) + value : value);
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
