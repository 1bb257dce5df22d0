// SPDX-License-Identifier: MIT
#pragma once

/// The driver of losses with a term for each sequence: logits [t × n × c], or [t × c] for one sequence, against a target of
/// labels for each, shorter than its frames. It owns lengths, labels, weights, reduction and threads.

#include <algorithm>
#include <cstdint>
#include <limits>

#include <losses/core/driver.hpp>
#include <losses/core/sequence_workspace.hpp>

namespace LOSSES_NAMESPACE {

/// A term for each sequence of frames, against a shorter sequence of labels.
///
///   integer blank                                       a class in [0, c) that no target holds
///   std::size_t memory(const Sequence<T>&) const        bytes that it works in
///   double operator()(const Sequence<T>&, SequenceMemory&) const
///
/// gives the value and, where the sequence has a gradient, writes it.
struct per_sequence {};

namespace error {

struct targets_and_lengths_must_hold_integers {
  static constexpr bool value = false;
};

}  // namespace error

namespace detail {

/// One sequence as a rule sees it: its frames within its length, its labels, and where the gradient goes, times scale.
template <class T>
struct Sequence {
  const T* x = nullptr;
  Index frame_stride = 0, class_stride = 1;
  Index frames = 0, classes = 0;
  const Index* labels = nullptr;
  Index length = 0;
  T* gradient = nullptr;
  Index gradient_frame_stride = 0, gradient_class_stride = 1;
  double scale = 1;
  bool adds = false;
};

/// What a part of a batch contributes. `mean` divides a sequence's loss by its number of labels first.
struct SequencePartial {
  double sum = 0;            ///< Σ wᵢ·lossᵢ
  double weight = 0;         ///< Σ wᵢ
  Index count = 0;           ///< sequences
  double sum_per_label = 0;  ///< Σ wᵢ·lossᵢ / max(1, labelsᵢ)

  friend SequencePartial operator+(const SequencePartial& a, const SequencePartial& b) {
    return {a.sum + b.sum, a.weight + b.weight, a.count + b.count, a.sum_per_label + b.sum_per_label};
  }
  SequencePartial& operator+=(const SequencePartial& other) { return *this = *this + other; }
};

template <class X>
concept IntegerArgument = IntegerEigen<X> || IntegerRange<X>;

/// The workspace stands among the inputs, after them.
template <>
struct Access<SequenceWorkspace> {
  using Scalar = void;
  static constexpr bool is_direct = true;
};

template <class T>
struct SequenceInputs {
  View<const T> logits;
  bool is_batch = false;
  bool has_lengths = false;
  bool flat = false;
  Labels targets;         // [total] if flat, else [n × s]
  Labels input_lengths;   // [n]
  Labels target_lengths;  // [n]
  View<const T> weights;  // [n]; null without
  const SequenceWorkspace* workspace = nullptr;

  Index frames() const { return logits.extents[0]; }
  Index sequences() const { return is_batch ? logits.extents[1] : 1; }
  Index classes() const { return logits.extents[is_batch ? 2 : 1]; }
  Index sequence_stride() const { return is_batch ? logits.stride[1] : 0; }
  Index class_stride() const { return logits.stride[is_batch ? 2 : 1]; }

  Index input_length(Index i) const {
    return has_lengths ? static_cast<Index>(LabelAt(input_lengths, i).wide()) : frames();
  }
  Index target_length(Index i) const {
    return has_lengths ? static_cast<Index>(LabelAt(target_lengths, i).wide()) : targets.extents.count();
  }
  double weight(Index i) const { return weights.data == nullptr ? 1 : static_cast<double>(element(weights, i)); }
  /// Where the labels of sequence i begin; `before` are the labels of those before it.
  Index first_label(Index i, Index before) const { return flat ? before : i * targets.extents[1]; }

  void copy_labels(Index first, Index length, Index* to) const {
    for (Index k = 0; k < length; ++k) to[k] = static_cast<Index>(LabelAt(targets, first + k).wide());
  }

  /// All frames of sequence i.
  Sequence<T> sequence(Index i) const {
    Sequence<T> each;
    each.x = logits.data + (frames() > 0 ? i * sequence_stride() : 0);  // an empty tensor has no memory
    each.frame_stride = logits.stride[0];
    each.class_stride = class_stride();
    each.frames = frames();
    each.classes = classes();
    return each;
  }
};

template <class Rule>
concept SequenceRule =
    std::floating_point<typename Rule::Scalar> &&
    requires(const Rule& rule, const Sequence<typename Rule::Scalar>& sequence, SequenceMemory& memory) {
      { rule.blank < rule.blank } -> std::convertible_to<bool>;
      { rule.memory(sequence) } -> std::convertible_to<std::size_t>;
      { rule(sequence, memory) } -> std::convertible_to<double>;
    };

template <class Rule>
struct Driver<per_sequence, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = SequenceInputs<T>;
  using Partial = SequencePartial;

  static_assert(SequenceRule<Rule>,
                "a per_sequence rule needs `using Scalar = float or double;`, `blank`, `std::size_t memory(const "
                "Sequence&) const` and `double operator()(const Sequence&, SequenceMemory&) const`");

  struct Whole {
    double weight;
    Index count;
    double unit = 1;  // of the weights
    Index longest_input = 0, longest_target = 0;
  };

  static constexpr int predictions = 1;
  static constexpr bool in_place = false;

  template <class... In>
  static consteval auto verdict() {
    return verdict_on<In...>(std::make_index_sequence<inputs_before_workspace<In...>()>());
  }

  template <class P>
  using Unreduced = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  template <class P, class Y, class... Rest>
  static Inputs bind(const Rule& rule, const P& logits, const Y& targets, const Rest&... rest) {
    Inputs inputs;
    inputs.logits = view_of(logits);
    inputs.targets = labels_of(targets);
    inputs.flat = inputs.targets.is_vector;  // else a row of [n × s] for each sequence
    inputs.has_lengths = inputs_before_workspace<P, Y, Rest...>() > 2;
    bind_logits(rule, inputs);
    bind_targets(inputs);
    bind_rest(inputs, rest...);
    return inputs;
  }

  static void bind_logits(const Rule& rule, Inputs& inputs) {
    const Extents& shape = inputs.logits.extents;
    require(shape.rank == 2 || shape.rank == 3, name_of<Rule>(), ": logits is ", shape,
            ", but must be [t x n x c], or [t x c] for one sequence");
    inputs.is_batch = shape.rank == 3;
    require(inputs.classes() > 0, name_of<Rule>(), ": logits is ", shape, ", but needs at least one class");
    require(rule.blank < inputs.classes(), name_of<Rule>(), ": blank is ", rule.blank, ", but must be in [0, ",
            inputs.classes(), ")");
  }

  static Labels bind_lengths(std::string_view name, const Labels& lengths, const Inputs& inputs) {
    const Extents must{1, {inputs.sequences()}};
    require(lengths.extents == must, name_of<Rule>(), ": ", name, " is ", lengths.extents, ", but must be ", must,
            ", one for each sequence of the logits ", inputs.logits.extents);
    return lengths;
  }

  static void check_length(std::string_view name, const Labels& lengths, Index i, Index most) {
    const std::int64_t length = LabelAt(lengths, i).wide();
    require_in_range(length >= 0 && length <= most, name_of<Rule>(), ": ", name, "[", i, "] is ", length,
                     ", but must be in [0, ", most, "]");
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.logits.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return {2, {inputs.sequences(), 1}}; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.logits, "logits", 0);
    f(inputs.targets, "targets", -1);
    if (inputs.has_lengths) {
      f(inputs.input_lengths, "input_lengths", -1);
      f(inputs.target_lengths, "target_lengths", -1);
    }
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    const Index n = inputs.sequences();
    Whole whole{static_cast<double>(n), n};
    if (inputs.weights.data != nullptr) whole.weight = check_weights(name_of<Rule>(), inputs.weights, executor);
    if (n > 0) whole.unit = weight_unit<T>(whole.weight / static_cast<double>(n));
    const Index room = inputs.flat || !inputs.is_batch ? inputs.targets.extents.count() : inputs.targets.extents[1];
    Index total = 0;
    for (Index i = 0; i < n && inputs.has_lengths; ++i) {
      check_length("input_lengths", inputs.input_lengths, i, inputs.frames());
      check_length("target_lengths", inputs.target_lengths, i, room - (inputs.flat ? total : 0));
      total += inputs.target_length(i);
    }
    if (inputs.flat && inputs.has_lengths) {
      require(total == room, name_of<Rule>(), ": targets is ", inputs.targets.extents, ", but must be [", total,
              "], the sum of target_lengths");
    }
    Index before = 0;
    for (Index i = 0; i < n; ++i) {
      const Index length = inputs.target_length(i);
      if (inputs.weight(i) != 0) {
        check_labels(rule, inputs, inputs.first_label(i, before), length);
        whole.longest_input = std::max(whole.longest_input, inputs.input_length(i));
        whole.longest_target = std::max(whole.longest_target, length);
      }
      before += length;
    }
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    return run(rule, executor, inputs, whole, {});
  }

  static T value(const Rule&, Reduction reduction, const Partial& part) {
    const double sum = reduction == Reduction::mean ? part.sum_per_label : part.sum;
    return static_cast<T>(reduce(reduction, losses::Partial{sum, part.weight, part.count}));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return value(rule, reduction, partial(rule, executor, inputs, whole));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    Results to;
    to.gradient = outputs;
    to.per_label = reduction == Reduction::mean;
    to.scale = reduction_scale(reduction, whole.weight * whole.unit, whole.count, whole.unit) * outputs->factor;
    return value(rule, reduction, run(rule, executor, inputs, whole, to));
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole,
                        const Output<T>& output) {
    Results to;
    to.values = &output.view;
    run(rule, executor, inputs, whole, to);
  }

 private:
  /// Where the results of each sequence go.
  struct Results {
    const Output<T>* gradient = nullptr;
    const View<T>* values = nullptr;
    double scale = 0;  // of the gradient, for a weight of 1 / unit
    bool per_label = false;
  };

  template <class... In>
  static consteval std::size_t inputs_before_workspace() {
    return sizeof...(In) - (std::same_as<In, SequenceWorkspace> + ... + 0u);
  }

  template <class... In, std::size_t... i>
  static consteval auto verdict_on(std::index_sequence<i...>) {
    using All = std::tuple<In...>;
    constexpr std::size_t count = sizeof...(i);
    constexpr bool workspace_is_last =
        sizeof...(In) - count <= 1 && (std::same_as<In, SequenceWorkspace> || ... || (count == sizeof...(In)));
    if constexpr ((count != 2 && count != 4 && count != 5) || !workspace_is_last) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_inputs<std::tuple_element_t<i, All>...>();
    }
  }

  template <class P, class Y, class... Rest>
  static consteval auto verdict_on_inputs() {
    using Lengths = std::tuple<Rest..., Y, Y>;
    if constexpr (!IntegerArgument<Y> || !IntegerArgument<std::tuple_element_t<0, Lengths>> ||
                  !IntegerArgument<std::tuple_element_t<1, Lengths>>) {
      return error::targets_and_lengths_must_hold_integers{};
    } else if constexpr (sizeof...(Rest) == 3) {
      return verdict_on_values<T, P, std::tuple_element_t<2, Lengths>>();
    } else {
      return verdict_on_values<T, P>();
    }
  }

  static void bind_targets(Inputs& inputs) {
    const Extents& shape = inputs.logits.extents;
    require(!inputs.is_batch || inputs.has_lengths, name_of<Rule>(), ": logits is ", shape,
            ", a batch, so input_lengths and target_lengths must follow the targets");
    Labels& targets = inputs.targets;
    if (inputs.flat) return;
    if (targets.is_matrix && targets.extents.rank == 1) {  // a matrix of one column
      targets.extents = {2, {targets.extents[0], 1}};
      if (!inputs.has_lengths) {
        targets.extents = {2, {1, targets.extents[0]}};
        std::swap(targets.stride[0], targets.stride[1]);
      }
    }
    require(targets.extents.rank == 2 && targets.extents[0] == inputs.sequences(), name_of<Rule>(), ": targets is ",
            targets.extents, ", but must be [", inputs.sequences(), " x s], a row for each sequence of the logits ",
            shape, ", or a flat vector");
  }

  static void bind_rest(Inputs&) {}
  static void bind_rest(Inputs& inputs, const SequenceWorkspace& workspace) { inputs.workspace = &workspace; }

  template <class I, class Y, class... Rest>
  static void bind_rest(Inputs& inputs, const I& input_lengths, const Y& target_lengths, const Rest&... rest) {
    inputs.input_lengths = bind_lengths("input_lengths", labels_of(input_lengths), inputs);
    inputs.target_lengths = bind_lengths("target_lengths", labels_of(target_lengths), inputs);
    bind_weights(inputs, rest...);
  }

  static void bind_weights(Inputs&) {}
  static void bind_weights(Inputs& inputs, const SequenceWorkspace& workspace) { inputs.workspace = &workspace; }

  template <class W, class... Rest>
  static void bind_weights(Inputs& inputs, const W& weights, const Rest&... rest) {
    auto view = view_of(weights);
    if (view.extents.rank == 2 && view.extents[1] == 1) view.extents.rank = 1;
    inputs.weights = broadcast_weights(name_of<Rule>(), view, {1, {inputs.sequences()}});
    bind_rest(inputs, rest...);
  }

  static void check_labels(const Rule& rule, const Inputs& inputs, Index first, Index length) {
    for (Index k = first; k < first + length; ++k) {
      const std::int64_t label = LabelAt(inputs.targets, k).wide();
      const bool in_range = label >= 0 && label < inputs.classes();
      if (in_range && label != rule.blank) [[likely]]
        continue;
      Extents extents = inputs.targets.extents;
      if (!inputs.has_lengths) extents = {1, {extents.count()}};
      require_in_range(in_range, name_of<Rule>(), ": targets", Position{extents, k}, " is ", label,
                       ", but must be in [0, ", inputs.classes(), ")");
      require_in_range(false, name_of<Rule>(), ": targets", Position{extents, k}, " is ", label,
                       ", but must not be the blank");
    }
  }

  /// Runs all sequences: a chunk of them has one block of memory.
  static Partial run(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole,
                     const Results& to) {
    const Index n = inputs.sequences();
    Partial part{0, whole.weight, n, 0};
    if (n == 0) return part;
    const SequenceWorkspace own;
    const SequenceWorkspace& workspace = inputs.workspace != nullptr ? *inputs.workspace : own;
    // A state of the recursion costs about as much as eight exponentials of the softmax.
    const double all = static_cast<double>(inputs.frames()) * static_cast<double>(n) *
                       (static_cast<double>(inputs.classes()) + 16 * static_cast<double>(whole.longest_target));
    const auto cost = static_cast<Index>(std::min<double>(all, max_chunks * chunk_elements));  // as good as any more
    double sums[max_sums] = {};
    sum_over(cost, n, 2, executor, sums, [&](Index first, Index last, double* local) {
      const SequenceWorkspace::Lease memory(workspace);
      run_chunk(rule, inputs, whole, to, first, last, *memory, local);
    });
    part.sum = sums[0] / whole.unit;
    part.sum_per_label = sums[1] / whole.unit;
    return part;
  }

  static void run_chunk(const Rule& rule, const Inputs& inputs, const Whole& whole, const Results& to, Index first,
                        Index last, SequenceMemory& memory, double* sums) {
    Sequence<T> longest = sequence(inputs, to, 0);
    longest.frames = whole.longest_input;
    longest.length = whole.longest_target;
    const std::size_t bytes = SequenceMemory::bytes<Index>(whole.longest_target) + rule.memory(longest);
    Index before = 0;
    for (Index i = 0; i < first && inputs.flat; ++i) before += inputs.target_length(i);
    for (Index i = first; i < last; ++i) {
      Sequence<T> each = sequence(inputs, to, i);
      each.length = inputs.target_length(i);
      const double weight = inputs.weight(i);
      double value = 0;
      if (weight != 0) {
        const double w = weight * whole.unit;
        const double labels = static_cast<double>(std::max<Index>(1, each.length));
        memory.reserve(bytes);
        each.frames = inputs.input_length(i);
        Index* labels_of_target = memory.template take<Index>(each.length);
        inputs.copy_labels(inputs.first_label(i, before), each.length, labels_of_target);
        each.labels = labels_of_target;
        each.scale = w * to.scale / (to.per_label ? labels : 1);
        value = rule(each, memory);
        sums[0] += w * value;
        sums[1] += w * value / labels;
      }
      if (to.values != nullptr) to.values->data[i * to.values->stride[0]] = static_cast<T>(weight * value);
      if (each.gradient != nullptr && !each.adds) clear_from(each, weight != 0 ? each.frames : 0, inputs.frames());
      before += each.length;
    }
  }

  static Sequence<T> sequence(const Inputs& inputs, const Results& to, Index i) {
    Sequence<T> each = inputs.sequence(i);
    if (to.gradient != nullptr) {
      const View<T>& view = to.gradient->view;
      each.gradient = view.data + (inputs.is_batch && each.frames > 0 ? i * view.stride[1] : 0);
      each.gradient_frame_stride = view.stride[0];
      each.gradient_class_stride = view.stride[inputs.is_batch ? 2 : 1];
      each.adds = to.gradient->adds;
    }
    return each;
  }

  /// The gradient of frames that are not read.
  static void clear_from(const Sequence<T>& each, Index first, Index last) {
    for (Index t = first; t < last; ++t) {
      T* row = each.gradient + t * each.gradient_frame_stride;
      for (Index c = 0; c < each.classes; ++c) row[c * each.gradient_class_stride] = 0;
    }
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
