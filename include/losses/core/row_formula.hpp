// SPDX-License-Identifier: MIT
#pragma once

/// The second form of the per_row driver: a formula over the whole row of a sample, for losses that are not a formula of
/// the label's log-softmax. A rule takes this form by naming its target:
///
///   using Shape = per_row;
///   using Target = rule::Label;        // an integer for each sample; or NumberRow, or LabelRow
///   T operator()(const rule::Row<T>& row, T* slope) const;     // slope may be null; all of it is written
///
/// It may also have
///
///   void curvature(const rule::Row<T>& row, T* curvature) const;   // the loss then has that verb
///   static constexpr int scratch_rows = 2;      // working memory: row.scratch(0), row.scratch(1)
///   static constexpr bool takes_mask = true;    // (prediction, target, mask): the row holds the classes whose mask is true
///   static constexpr bool takes_stride = true;  // row.x is read at row.stride, so that nothing is copied
///   static constexpr rule::Argument target = {"target", rule::Domain::not_negative()};   // of a NumberRow
///   detail::RowOptions<T> options() const;      // class_weights, ignore_index, what mean divides by
///
/// The driver owns the rest: weights per sample, labels (checked; class_weights[label] multiplies the term of a Label, a
/// rule with another target uses them itself), reductions, storage orders, adding, threads. A row with weight 0, an ignored
/// label or nothing kept by the mask is never given to the rule: its value and slopes are 0, and it has no part in the mean.
/// The value must not depend on whether slopes are asked for, and NaN must give NaN. Rows stored in two bytes are copied to
/// floats first.

#include <algorithm>
#include <string>

#include <losses/core/row_inputs.hpp>

namespace LOSSES_NAMESPACE {

namespace error {

struct the_target_must_hold_integer_labels {
  static constexpr bool value = false;
};
struct the_target_must_have_the_scalar_of_the_loss_and_a_mask_must_hold_bool {
  static constexpr bool value = false;
};

}  // namespace error

namespace detail {

/// What chooses the form.
template <class Rule>
concept HasRowTarget = requires { typename Rule::Target; };

template <class Rule>
concept RowFormulaRule =
    std::floating_point<typename Rule::Scalar> &&
    requires(const Rule& rule, const rule::Row<typename Rule::Scalar>& row, typename Rule::Scalar* slope) {
      { rule(row, slope) } -> std::convertible_to<typename Rule::Scalar>;
    };

template <class Rule>
concept HasRowCurvature = requires(const Rule& rule, const rule::Row<typename Rule::Scalar>& row,
                                   typename Rule::Scalar* curvature) { rule.curvature(row, curvature); };

template <class Rule>
concept TakesMask = requires { requires Rule::takes_mask; };

template <class Rule>
concept TakesStride = requires { requires Rule::takes_stride; };

template <class Rule>
constexpr int scratch_rows_of() {
  if constexpr (requires { Rule::scratch_rows; }) {
    return Rule::scratch_rows;
  } else {
    return 0;
  }
}

template <class Rule, class T = typename Rule::Scalar>
LOSSES_KERNEL T row_formula(const void* rule, const rule::Row<T>& row, T* slope) {
  return (*static_cast<const Rule*>(rule))(row, slope);
}

template <class Rule, class T = typename Rule::Scalar>
LOSSES_KERNEL T row_formula_curvature(const void* rule, const rule::Row<T>& row, T* curvature) {
  static_cast<const Rule*>(rule)->curvature(row, curvature);
  return T(0);
}

template <class T>
LOSSES_KERNEL void scale_row(T* row, Index size, T factor) {
  for_single_lanes<T>(size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    lanes.store(product(Lanes<T>(factor), lanes.load(row + i)), row + i);
  });
}

/// Takes the samples of a RowJob through a formula, tile by tile. It knows no rule, so it compiles once per scalar.
template <class T>
class FormulaPass {
  using Job = RowJob<T>;

 public:
  using Formula = T (*)(const void* rule, const rule::Row<T>& row, T* slope);

  FormulaPass(const Job& job, Formula formula, int scratch_rows, bool takes_stride, bool label_rows)
      : job_(job),
        formula_(formula),
        inner_(job.rank - 1),
        packs_((job.class_stride[Job::logits] != 1 && !takes_stride) || job.is_stored(Job::logits)),
        packs_target_(job.h != nullptr &&
                      (job.class_stride[Job::distribution] != 1 || job.is_stored(Job::distribution))),
        label_rows_(label_rows),
        scratch_rows_(scratch_rows) {
    // Of a row: x, target and slopes in the tile; once: the rule's memory, a row of labels, what a mask keeps.
    per_row_ = job.classes * ((packs_ ? 1 : 0) + (packs_target_ ? 1 : 0) + (job.g != nullptr ? 1 : 0));
    const Index once_rows = scratch_rows_ + (label_rows_ ? 1 : 0) + (job.kept != nullptr ? 4 : 0);
    once_ = once_rows * job.classes;
    rows_ = std::clamp<Index>((Memory::on_stack - once_) / std::max<Index>(per_row_, 1), 1, most_rows);
    if (job.samples() < rows_) rows_ = job.samples();
  }

  /// Σ of the terms of the samples [first, last).
  double run(Index first, Index last) const {
    double sums[8] = {};
    Memory memory(once_ + rows_ * per_row_);
    for (Index flat = first; flat < last; flat += rows_) {
      run_tile(flat, std::min(rows_, last - flat), flat - first, memory.data(), sums);
    }
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  }

 private:
  using Memory = Scratch<double, 16384>;
  static constexpr Index most_rows = 64;

  struct Tile {
    const T* x[most_rows];
    const T* h[most_rows];
    const bool* kept[most_rows];
    T weight[most_rows];
    T value[most_rows];
    Index label[most_rows];
    Index label_offset[most_rows];
  };

  /// Hands out the memory of a run: every part holds numbers of at most 8 bytes.
  struct Parts {
    double* next;
    template <class N>
    N* take(Index count) {
      return reinterpret_cast<N*>(std::exchange(next, next + count));
    }
  };

  void run_tile(Index flat, Index count, Index since, double* memory, double* sums) const {
    const Index c = job_.classes;
    Parts parts{memory};
    rule::Row<T> row;
    row.memory = parts.template take<double>(scratch_rows_ * c);
    row.capacity = c;
    auto* const label_row = label_rows_ ? parts.template take<std::int64_t>(c) : nullptr;
    const bool masked = job_.kept != nullptr;
    auto* const places = masked ? parts.template take<Index>(c) : nullptr;
    T* const kept_x = masked ? parts.template take<T>(c) : nullptr;
    T* const kept_h = masked ? parts.template take<T>(c) : nullptr;
    T* const kept_slopes = masked ? parts.template take<T>(c) : nullptr;
    T* const packed_x = packs_ ? parts.template take<T>(rows_ * c) : nullptr;
    T* const packed_h = packs_target_ ? parts.template take<T>(rows_ * c) : nullptr;
    T* const slopes = job_.g != nullptr ? parts.template take<T>(rows_ * c) : nullptr;
    Tile tile;
    place(flat, count, packed_x, packed_h, tile);
    row.stride = packs_ || masked ? 1 : job_.class_stride[Job::logits];
    for (Index i = 0; i < count; ++i) {
      T* const slope = slopes != nullptr ? slopes + i * c : nullptr;
      tile.value[i] = 0;
      row.size = c;
      row.x = tile.x[i];
      row.target = tile.h[i];
      row.label = tile.label[i];
      row.labels = label_row;
      if (tile.weight[i] != 0 && masked) row.size = keep(tile, i, places, kept_x, kept_h, row);
      if (tile.weight[i] == 0 || row.size == 0) {
        if (slope != nullptr) std::fill_n(slope, c, T(0));
        continue;
      }
      if (label_rows_)
        read_labels(job_.y, tile.label_offset[i], job_.class_stride[Job::labels], job_.classes, label_row);
      T* const written = masked && slope != nullptr ? kept_slopes : slope;
      tile.value[i] = tile.weight[i] * formula_(job_.rule, row, written);
      if (slope == nullptr) continue;
      if (masked) {
        std::fill_n(slope, c, T(0));
        for (Index k = 0; k < row.size; ++k) slope[places[k]] = kept_slopes[k];
      }
      scale_row(slope, c, tile.weight[i] * job_.scale);
    }
    write(flat, count, since, tile, slopes, sums);
  }

  /// Where the rows lie, packed where they are not contiguous; labels and weights.
  void place(Index flat, Index count, T* packed_x, T* packed_h, Tile& tile) const {
    const Index c = job_.classes;
    job_.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
      const auto step = [&](int which) { return job_.stride[which][inner_]; };
      if (packs_) {
        pack(job_.x, Job::logits, at, length, packed_x + first * c);
      }
      if (packs_target_) {
        pack(job_.h, Job::distribution, at, length, packed_h + first * c);
      }
      for (Index i = 0; i < length; ++i) {
        const Index r = first + i;
        const auto offset = [&](int which) { return at[which] + i * step(which); };
        tile.x[r] = packs_ ? packed_x + r * c : job_.x + offset(Job::logits);
        tile.h[r] = packs_target_ ? packed_h + r * c : job_.h != nullptr ? job_.h + offset(Job::distribution) : nullptr;
        tile.kept[r] = job_.kept != nullptr ? job_.kept + offset(Job::mask) : nullptr;
        tile.weight[r] = job_.uniform_weight;
        if (job_.w != nullptr) tile.weight[r] *= job_.weight_at(offset(Job::weights));
        tile.label_offset[r] = offset(Job::labels);
        tile.label[r] = 0;
      }
      if (job_.y.data == nullptr || label_rows_) return;
      for_labels(job_.y, at[Job::labels], step(Job::labels), length, [&](std::int64_t label, Index i) {
        // Of labels that are not valid only those with weight 0 come this far.
        const bool kept =
            label != job_.ignore_index && static_cast<std::uint64_t>(label) < static_cast<std::uint64_t>(c);
        const Index r = first + i;
        tile.label[r] = kept ? static_cast<Index>(label) : 0;
        if (!kept) tile.weight[r] = 0;
        if (kept && job_.label_weights != nullptr) tile.weight[r] *= (*job_.label_weights)[tile.label[r]];
      });
    });
  }

  void pack(const T* from, typename Job::Which which, const Index* at, Index rows, T* to) const {
    load_elements(job_.at(from, which, at[which]), job_.storage[which], job_.stride[which][inner_],
                  job_.class_stride[which], rows, job_.classes, to, job_.classes);
  }

  /// Gathers what the mask keeps; returns how many.
  Index keep(const Tile& tile, Index i, Index* places, T* kept_x, T* kept_h, rule::Row<T>& row) const {
    const Index x_stride = packs_ ? 1 : job_.class_stride[Job::logits];
    Index size = 0;
    for (Index j = 0; j < job_.classes; ++j) {
      if (!tile.kept[i][j * job_.class_stride[Job::mask]]) continue;
      places[size] = j;
      kept_x[size] = tile.x[i][j * x_stride];
      if (tile.h[i] != nullptr) kept_h[size] = tile.h[i][j];
      ++size;
    }
    row.x = kept_x;
    row.target = tile.h[i] != nullptr ? kept_h : nullptr;
    return size;
  }

  /// The order of a sum is that of the samples, however they are cut into tiles.
  void write(Index flat, Index count, Index since, const Tile& tile, const T* slopes, double* sums) const {
    for (Index i = 0; i < count; ++i) sums[(since + i) & 7] += static_cast<double>(tile.value[i]);
    const Index c = job_.classes;
    job_.for_runs(flat, count, [&](Index length, Index first, const Index* at) {
      if (job_.out != nullptr) {
        for (Index i = 0; i < length; ++i) {
          write_number(tile.value[first + i], job_.out, at[Job::values] + i * job_.stride[Job::values][inner_],
                       job_.storage[Job::values]);
        }
      }
      if (slopes != nullptr) {
        store_elements(slopes + first * c, c, Index{1}, length, c, job_.at(job_.g, Job::gradient, at[Job::gradient]),
                       job_.storage[Job::gradient], job_.stride[Job::gradient][inner_],
                       job_.class_stride[Job::gradient], job_.adds);
      }
    });
  }

  const Job& job_;
  Formula formula_;
  int inner_;
  bool packs_, packs_target_, label_rows_;
  Index scratch_rows_;
  Index per_row_ = 0, once_ = 0, rows_ = 1;
};

/// f(i, weight, offsets) for each sample, in chunks; f returns false for a sample that is wrong. Σ of the weights of the
/// samples for which has_part is true in sums[0], the number of the wrong ones in sums[1].
template <class T, class F>
void sum_samples(const RowJob<T>& work, const Executor& executor, double* sums, const F& f) {
  using Job = RowJob<T>;
  const Index samples = work.samples();
  if (samples == 0) return;
  sum_over(samples * work.classes, samples, 2, executor, sums, [&](Index first, Index last, double* local) {
    work.for_runs(first, last - first, [&](Index length, Index, const Index* at) {
      const int inner = work.rank - 1;
      for (Index i = 0; i < length; ++i) {
        Index offsets[Job::operands];
        for (int which = 0; which < Job::operands; ++which) offsets[which] = at[which] + i * work.stride[which][inner];
        const double w = work.w != nullptr ? static_cast<double>(work.weight_at(offsets[Job::weights])) : 1.0;
        bool has_part = w != 0 && work.kept == nullptr;
        bool wrong = false;
        for (Index j = 0; w != 0 && j < work.classes; ++j) {
          if (work.kept != nullptr && !work.kept[offsets[Job::mask] + j * work.class_stride[Job::mask]]) continue;
          has_part = true;
          wrong = wrong || !f(j, offsets);
        }
        local[0] += has_part ? w : 0;
        local[1] += wrong ? 1 : 0;
      }
    });
  });
}

/// Σ of the weights of the samples that have a class left; a number outside its domain is refused, and a label that is
/// neither −1 nor a class.
template <class T>
double check_row_targets(const rule::Argument& target, const Executor& executor, const RowInputs<T>& inputs,
                         std::string_view name) {
  using Job = RowJob<T>;
  const Job work = row_job<T>(inputs, 1, nullptr, nullptr);
  const auto classes = static_cast<std::int64_t>(inputs.classes());
  const auto is_label = [&](std::int64_t label) { return label >= -1 && label < classes; };
  const auto in_domain = [&](T value) { return !any(target.domain.excludes(Lanes<T, 1>(value))); };
  double sums[max_sums] = {};
  if (!inputs.has_labels()) {
    sum_samples(work, executor, sums, [&](Index j, const Index* at) {
      return in_domain(read_number(work.h, at[Job::distribution] + j * work.class_stride[Job::distribution],
                                   work.storage[Job::distribution]));
    });
  } else {
    sum_samples(work, executor, sums, [&](Index j, const Index* at) {
      std::int64_t label;
      read_labels(work.y, at[Job::labels] + j * work.class_stride[Job::labels], 1, 1, &label);
      return is_label(label);
    });
  }
  if (sums[1] == 0) return sums[0];
  const Extents& shape = inputs.logits.extents;
  const Index inner = shape.count() / (shape[0] * shape[1]);
  for (Index flat = 0; flat < shape.count(); ++flat) {
    const Index term = flat / (inner * shape[1]) * inner + flat % inner;
    if (inputs.weights.data != nullptr && element(inputs.weights, term) == 0) continue;
    if (inputs.mask.data != nullptr && !element(inputs.mask, flat)) continue;
    if (!inputs.has_labels()) {
      const T is = element(inputs.distribution, flat);
      require(in_domain(is), name, ": ", target.name, Position{shape, flat}, " is ", is, ", but must be ",
              target.domain.text);
      continue;
    }
    const LabelAt label(inputs.labels, flat);
    require_in_range(is_label(label.wide()), name, ": ", target.name, Position{shape, flat}, " is ", label,
                     ", but must be in [0, ", classes, ") or -1");
  }
  return sums[0];
}

template <HasRowTarget Rule>
struct Driver<per_row, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = RowInputs<T>;
  using Partial = losses::Partial;
  using Job = RowJob<T>;
  using Whole = detail::Whole;
  using Target = typename Rule::Target;

  static constexpr bool takes_label = std::same_as<Target, rule::Label>;
  static constexpr bool takes_label_row = std::same_as<Target, rule::LabelRow>;

  static_assert(takes_label || takes_label_row || std::same_as<Target, rule::NumberRow>,
                "the Target of a per_row rule is rule::Label, rule::NumberRow or rule::LabelRow");
  static_assert(RowFormulaRule<Rule>,
                "a per_row rule with a Target needs `using Scalar = float or double;` and `Scalar operator()(const "
                "rule::Row<Scalar>& row, Scalar* slope) const`, which writes the slopes unless the pointer is null");
  static_assert(!TakesMask<Rule> || std::same_as<Target, rule::NumberRow>, "a mask goes with a NumberRow");

  static constexpr int predictions = 1;
  static constexpr bool in_place = true;
  static constexpr bool takes_two_bytes = true;
  static constexpr bool has_curvature = HasRowCurvature<Rule>;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) < 2 || sizeof...(In) > (TakesMask<Rule> ? 4 : 3)) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_target<In...>();
    }
  }

  template <class P>
  using Unreduced = typename Access<P>::Rows;

  template <class P, class Y, class... Rest>
  static Inputs bind(const Rule& rule, const P& prediction, const Y& target, const Rest&... rest) {
    constexpr auto name = name_of<Rule>();
    Inputs inputs;
    bind_prediction<T>(inputs, view_of(prediction), name);
    if constexpr (takes_label) {
      bind_labels(inputs, labels_of(target), name);
    } else if constexpr (takes_label_row) {
      inputs.labels = erase_labels(view_of(target));
      require_shape(name_of<Rule>(), inputs.labels.extents, target_of<Rule>().name, inputs.logits.extents,
                    "prediction");
    } else {
      inputs.distribution = view_of(target);
      require_shape(name_of<Rule>(), inputs.distribution.extents, target_of<Rule>().name, inputs.logits.extents,
                    "prediction");
    }
    (bind_rest(inputs, rest), ...);
    check_class_weights(row_options(rule), inputs, name);
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.logits.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return inputs.terms; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    inputs.visit(f);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    const double terms = static_cast<double>(inputs.terms.count());
    Whole whole{terms, inputs.logits.extents[0]};
    if (inputs.weights.data != nullptr) whole.weight = check_weights(name_of<Rule>(), inputs.weights, executor);
    if constexpr (takes_label) {
      whole.weight = check_labels(row_options(rule), executor, inputs, name_of<Rule>());
    } else if (takes_label_row || TakesMask<Rule> || !target_of<Rule>().domain.is_all()) {
      whole.weight = check_row_targets(target_of<Rule>(), executor, inputs, name_of<Rule>());
    }
    if (terms > 0) whole.unit = weight_unit<T>(whole.weight / terms);
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    const auto in_unit = [&](double unit) { return sum(job(rule, inputs, unit), row_formula<Rule>, executor); };
    return finish_partial<T>(whole, in_unit(whole.unit), in_unit);
  }

  static T value(const Rule&, Reduction reduction, const Partial& part) {
    return static_cast<T>(reduce(reduction, part));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    const double total = sum(job(rule, inputs, whole.unit), row_formula<Rule>, executor);
    return finish(rule, reduction, executor, inputs, whole, total);
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    Job work = job(rule, inputs, whole.unit, outputs);
    set_gradient(work, reduction, whole, *outputs);
    const double total = sum(work, row_formula<Rule>, executor);
    return finish(rule, reduction, executor, inputs, whole, total, outputs->view.data == inputs.logits.data);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    sum(job(rule, inputs, 1, nullptr, &output.view), row_formula<Rule>, executor);
  }

  static void curvature(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                        const Whole& whole, const Output<T>* outputs)
    requires has_curvature
  {
    Job work = job(rule, inputs, whole.unit, outputs);
    set_gradient(work, reduction, whole, *outputs);
    sum(work, row_formula_curvature<Rule>, executor);
  }

 private:
  template <class X>
  static constexpr bool is_mask = ViewableAs<X, bool>;

  template <class P, class Y, class... Rest>
  static consteval auto verdict_on_target() {
    constexpr bool integers = takes_label ? IntegerEigen<Y> || IntegerRange<Y> : IntegerEigen<Y>;
    using Others = decltype(verdict_on_rest<P, Rest...>());
    if constexpr (!Others::value) {
      return Others{};
    } else if constexpr ((takes_label || takes_label_row) && !integers) {
      return error::the_target_must_hold_integer_labels{};
    } else if constexpr (!takes_label && !takes_label_row && !StoredAs<Y, T>) {
      return decltype(verdict_on_stored<T, Y>()){};
    } else {
      return Accepted{};
    }
  }

  /// The weights, or the mask and then the weights.
  template <class P, class... Rest>
  static consteval auto verdict_on_rest() {
    if constexpr (sizeof...(Rest) == 0 || !TakesMask<Rule>) {
      return verdict_on_stored<T, P, Rest...>();
    } else {
      return verdict_on_mask<P, Rest...>();
    }
  }

  template <class P, class First, class... W>
  static consteval auto verdict_on_mask() {
    if constexpr (is_mask<First>) {
      return verdict_on_stored<T, P, W...>();
    } else if constexpr (sizeof...(W) == 0 && StoredAs<First, T>) {
      return verdict_on_stored<T, P, First>();
    } else {
      return error::the_target_must_have_the_scalar_of_the_loss_and_a_mask_must_hold_bool{};
    }
  }

  template <class X>
  static void bind_rest(Inputs& inputs, const X& mask_or_weights) {
    if constexpr (is_mask<X>) {
      inputs.mask = view_of(mask_or_weights);
      require_shape(name_of<Rule>(), inputs.mask.extents, "mask", inputs.logits.extents, "prediction");
    } else {
      bind_row_weights<Rule, T>(inputs, view_of(mask_or_weights));
    }
  }

  static T finish(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                  const Whole& whole, double total, bool overwritten = false) {
    return finish_sum<T>(reduction, whole, total, overwritten,
                         [&](double unit) { return sum(job(rule, inputs, unit), row_formula<Rule>, executor); });
  }

  static Job job(const Rule& rule, const Inputs& inputs, double unit, const Output<T>* output = nullptr,
                 const View<T>* values = nullptr) {
    const auto options = row_options(rule);
    Job work = row_job(inputs, unit, output, values);
    work.rule = &rule;
    set_options(work, options);
    const bool weighted = options.class_weights != nullptr && !options.class_weights->empty();
    if (takes_label && options.weighs_terms && weighted) work.label_weights = options.class_weights;
    return work;
  }

  static double sum(const Job& work, typename FormulaPass<T>::Formula formula, const Executor& executor) {
    const Index samples = work.samples();
    if (samples == 0) return 0;
    double total[max_sums] = {};
    const FormulaPass<T> pass(work, formula, scratch_rows_of<Rule>(), TakesStride<Rule>, takes_label_row);
    sum_over(samples * work.classes, samples, 1, executor, total,
             [&](Index first, Index last, double* local) { local[0] += pass.run(first, last); });
    return total[0];
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
