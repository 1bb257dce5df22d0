// SPDX-License-Identifier: MIT
#pragma once

/// The driver of region losses with a region for each class: of the softmax of logits [n, c, …] against integer labels
/// [n, …], or of probabilities [n, c, …] against targets of that shape. Sums run over the batch and space.
///
/// Where a rule is a formula of one region, the sets are the classes: the value is Σ_c w_c value_c / c. A rule may instead be
/// a formula of the regions of all classes; its set is the whole input, or each sample (`bool per_sample`):
///
///   double value(std::span<const Region> classes) const;
///   void slope(std::span<const Region> classes, std::span<RegionSlope> slopes) const;

#include <span>
#include <vector>

#include <losses/core/class_pass.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

/// A rule of the regions of all classes.
template <class Rule>
concept JointRegionFormula =
    requires(const Rule& rule, std::span<const Region> regions, std::span<RegionSlope> slopes) {
      { rule.value(regions) } -> std::convertible_to<double>;
      rule.slope(regions, slopes);
    };

/// What a part of the input contributes: the region of each class, or the values of its samples where each is a set.
struct ClassRegionPartial {
  std::vector<Region> regions;
  double sum = 0;     // Σ w·value over the samples
  double weight = 0;  // Σ w of the pixels, or of the samples
  Index count = 0;    // samples

  friend ClassRegionPartial operator+(ClassRegionPartial a, const ClassRegionPartial& b) {
    if (a.regions.empty()) a.regions.resize(b.regions.size());
    require(b.regions.empty() || a.regions.size() == b.regions.size(), "Partial: the sums of ", a.regions.size(),
            " classes and of ", b.regions.size(), " do not add up");
    for (std::size_t c = 0; c < b.regions.size(); ++c) a.regions[c] += b.regions[c];
    a.sum += b.sum;
    a.weight += b.weight;
    a.count += b.count;
    return a;
  }
  ClassRegionPartial& operator+=(const ClassRegionPartial& other) { return *this = *this + other; }
};

template <class T>
struct ClassInputs {
  RowInputs<T> rows;
  View<const T> set_weights;  // of the samples, where each is a set; null without
  Index sets = 1;
  bool per_sample = false;

  double set_weight(Index set) const {
    return set_weights.data == nullptr ? 1 : static_cast<double>(set_weights.at(set * set_weights.stride[0]));
  }

  /// The inputs of one sample.
  RowInputs<T> of(Index set) const {
    RowInputs<T> one = rows;
    if (!per_sample) return one;
    const auto take = [&](auto& view) {
      if (view.data != nullptr) view.skip(set * view.stride[0]);
      if (view.extents.rank > 0) view.extents.size[0] = 1;
    };
    take(one.logits);
    take(one.distribution);
    take(one.weights);
    one.terms.size[0] = 1;
    if (one.labels.data != nullptr) {
      one.labels.data = static_cast<const std::byte*>(one.labels.data) + set * one.labels.stride[0] * one.labels.bytes;
    }
    one.labels.extents.size[0] = 1;
    return one;
  }
};

/// A class of inputs whose target has their shape, as a job over elements.
template <class T>
ElementJob<T> class_job(const RowInputs<T>& rows, Index c) {
  ElementJob<T> work;
  work.extents = rows.logits.extents;
  work.extents.size[1] = 1;
  const auto at = [&](const View<const T>& view) {
    auto each = operand(view);
    if (each.data != nullptr) each.skip(c * each.stride[1]);
    return each;
  };
  work.in[0] = at(rows.logits);
  work.in[2] = at(rows.distribution);
  work.in[4].data = rows.weights.data;
  work.in[4].storage = rows.weights.storage;
  work.in[4].stride[0] = rows.weights.stride[0];
  for (int axis = 1; axis < rows.terms.rank; ++axis) work.in[4].stride[axis + 1] = rows.weights.stride[axis];
  work.sums = 4;
  return work;
}

/// The regions of the classes from f(first, last, regions) over units, summed in a fixed order.
template <class F>
void sum_regions(Index elements, Index units, Index classes, const Executor& executor, Region* regions, const F& f) {
  constexpr Index budget = 65536 / static_cast<Index>(sizeof(Region));
  const Index chunks = std::min(chunks_of(elements, units), std::max<Index>(budget / classes, 1));
  if (chunks == 1) return f(Index{0}, units, regions);
  Scratch<Region, budget> partial(chunks * classes);
  Region* parts = partial.data();
  const auto chunk = [&](Index i) {
    f(chunk_begin(i, units, chunks), chunk_begin(i + 1, units, chunks), parts + i * classes);
  };
  (elements < parallel_elements ? Executor{} : executor)(chunks, chunk);
  for (Index i = 0; i < chunks; ++i) {
    for (Index c = 0; c < classes; ++c) regions[c] += parts[i * classes + c];
  }
}

template <class Rule>
concept ClassRegionRule = has_region_input<Rule, RegionInput::softmax, RegionInput::class_probabilities>();

template <ClassRegionRule Rule>
struct Driver<per_set, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = ClassInputs<T>;
  using Partial = ClassRegionPartial;
  using Whole = detail::Whole;

  static_assert(RegionFormula<Rule> || JointRegionFormula<Rule>,
                "a rule with a RegionInput of classes needs `double value(const Region&) const` and `RegionSlope "
                "slope(const Region&) const`, or both of std::span<const Region>");

  static constexpr int predictions = 1;
  static constexpr bool in_place = false;
  static constexpr bool takes_two_bytes = true;
  static constexpr bool softmax = Rule::input == RegionInput::softmax;
  static constexpr bool joint = JointRegionFormula<Rule>;
  static constexpr Index on_stack = 1024;  // classes

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else if constexpr (softmax) {
      return verdict_on_labels<T, true, In...>();
    } else {
      return verdict_on_stored<T, In...>();
    }
  }

  template <class P>
  using Unreduced = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  template <class P, class Y, class... W>
  static Inputs bind(const Rule& rule, const P& prediction, const Y& target, const W&... weights) {
    constexpr auto name = name_of<Rule>();
    Inputs inputs;
    bind_class_prediction<Rule, T>(inputs.rows, view_of(prediction));
    if constexpr (softmax) {
      bind_labels(inputs.rows, labels_of(target), name);
    } else {
      inputs.rows.distribution = view_of(target);
      require_shape(name_of<Rule>(), inputs.rows.distribution.extents, "target", inputs.rows.logits.extents,
                    "prediction");
    }
    inputs.per_sample = sets_are_samples(rule);
    if (inputs.per_sample) inputs.sets = inputs.rows.terms[0];
    if constexpr (sizeof...(W) == 1) {
      bind_row_weights<Rule, T>(inputs.rows, view_of(weights)...);
      const bool of_samples = (view_of(weights).extents.count(), ...) == inputs.rows.terms[0];
      if (inputs.per_sample && of_samples) std::swap(inputs.rows.weights, inputs.set_weights);
    }
    check_class_weights(options(rule), inputs.rows, name);
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.rows.logits.extents; }
  static Extents unreduced_extents(const Inputs& inputs) {
    return {2, {joint ? inputs.sets : inputs.rows.classes(), 1}};
  }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    inputs.rows.visit(f);
    if (inputs.set_weights.data != nullptr) f(inputs.set_weights, "weights", -1);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    const double terms = static_cast<double>(inputs.rows.terms.count());
    Whole whole{terms, inputs.rows.terms[0]};
    // A sample of weight 0 is never read, so its labels are checked with the weights of the samples in place.
    RowInputs<T> rows = inputs.rows;
    if (inputs.set_weights.data != nullptr) rows.weights = inputs.set_weights;
    if (rows.weights.data != nullptr) whole.weight = check_weights(name_of<Rule>(), rows.weights, executor);
    if constexpr (softmax) {
      whole.weight = check_labels(options(rule), executor, rows, name_of<Rule>());
    } else {
      const View<const T> repeated = repeated_weights(rows);
      check_probabilities<Rule, false>(rows.logits, rows.distribution, repeated, executor);
    }
    if (inputs.per_sample) {
      whole.weight = 0;
      for (Index set = 0; set < inputs.sets; ++set) {
        const double weight = inputs.set_weight(set);
        if (weight != 0 && kept_weight(rule, executor, inputs.of(set)) > 0) whole.weight += weight;
      }
    }
    return whole;
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    Partial part{{}, 0, whole.weight, whole.count};
    if (inputs.per_sample) {
      part.sum = for_samples(rule, executor, inputs, [](Index, double, std::span<const Region>) {});
    } else {
      part.regions.resize(static_cast<std::size_t>(inputs.rows.classes()));
      regions_of(rule, executor, inputs, 0, part.regions.data());
    }
    return part;
  }

  static T value(const Rule& rule, Reduction reduction, const Partial& part) {
    if (sets_are_samples(rule)) return static_cast<T>(reduce(reduction, {part.sum, part.weight, part.count}));
    return part.weight > 0 ? set_value(rule, reduction, part.regions) : T(0);
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return run(rule, reduction, executor, inputs, whole, nullptr);
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    return run(rule, reduction, executor, inputs, whole, outputs);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole,
                        const Output<T>& output) {
    const auto write = [&](Index i, double value) {
      output.view.data[i * output.view.stride[0]] = static_cast<T>(value);
    };
    if (inputs.per_sample) {
      for_samples(rule, executor, inputs, [&](Index set, double value, std::span<const Region>) { write(set, value); });
      return;
    }
    Scratch<Region, on_stack> memory(inputs.rows.classes());
    const auto regions = regions_of(rule, executor, inputs, 0, memory.data());
    if constexpr (joint) {
      write(0, whole.weight > 0 ? value_of(rule, regions) : 0);
    } else {
      for (std::size_t c = 0; c < regions.size(); ++c) {
        write(static_cast<Index>(c), whole.weight > 0 ? class_value(rule, c, regions[c]) : 0);
      }
    }
  }

  /// The second pass: this part's gradient, given the sums of all parts.
  static void gradient_of(const Rule& rule, Reduction reduction, const Partial& part, const Executor& executor,
                          const Inputs& inputs, const Output<T>* outputs) {
    if (inputs.per_sample) {
      write_samples(rule, reduction, {part.weight, part.count}, executor, inputs, *outputs);
      return;
    }
    require(static_cast<Index>(part.regions.size()) == inputs.rows.classes(), name_of<Rule>(), ": the sums have ",
            part.regions.size(), " classes, but prediction has ", inputs.rows.classes());
    const double scale = part.weight > 0 ? outputs->factor : 0;
    write_set(rule, reduction, executor, inputs, 0, part.regions, scale, *outputs);
  }

 private:
  static RowOptions<T> options(const Rule& rule) {
    RowOptions<T> options;
    options.mean_by_class_weight = false;
    if constexpr (requires { rule.class_weights; }) options.class_weights = &rule.class_weights;
    if constexpr (requires { rule.ignore_index; }) options.ignore_index = rule.ignore_index;
    return options;
  }

  static double class_weight(const Rule& rule, std::size_t c) {
    if constexpr (requires { rule.class_weights; }) {
      if (!rule.class_weights.empty()) return static_cast<double>(rule.class_weights[static_cast<Index>(c)]);
    }
    return 1;
  }

  static double class_value(const Rule& rule, std::size_t c, const Region& region) {
    return value_of(rule, region, class_weight(rule, c));
  }

  static T set_value(const Rule& rule, Reduction reduction, std::span<const Region> regions) {
    if constexpr (joint) {
      return static_cast<T>(value_of(rule, regions));
    } else {
      double sum = 0;
      for (std::size_t c = 0; c < regions.size(); ++c) sum += class_value(rule, c, regions[c]);
      return static_cast<T>(reduction == Reduction::sum ? sum : sum / static_cast<double>(regions.size()));
    }
  }

  static View<const T> repeated_weights(const RowInputs<T>& rows) {
    View<const T> view = rows.weights.along(rows.logits.extents, {rows.weights.stride[0]});
    for (int axis = 1; axis < rows.terms.rank; ++axis) view.stride[axis + 1] = rows.weights.stride[axis];
    return view;
  }

  /// Σ of the weights of the pixels that are kept.
  static double kept_weight(const Rule& rule, const Executor& executor, const RowInputs<T>& rows) {
    if constexpr (softmax) return check_labels(options(rule), executor, rows, name_of<Rule>());
    return rows.weights.data != nullptr ? check_weights(name_of<Rule>(), rows.weights, executor)
                                        : static_cast<double>(rows.terms.count());
  }

  static std::span<const Region> regions_of(const Rule& rule, const Executor& executor, const Inputs& inputs, Index set,
                                            Region* regions) {
    const RowInputs<T> rows = inputs.of(set);
    const Index classes = rows.classes();
    std::fill_n(regions, classes, Region{});
    const std::span<const Region> result(regions, static_cast<std::size_t>(classes));
    if (rows.terms.count() == 0 || inputs.set_weight(set) == 0) return result;
    if constexpr (softmax) {
      const RowJob<T> work = job(rule, rows, nullptr);
      const ClassPass<T> pass(work);
      const Index samples = work.samples(), units = (samples + tile_samples - 1) / tile_samples;
      sum_regions(samples * classes, units, classes, executor, regions, [&](Index first, Index last, Region* local) {
        pass.sums(first * tile_samples, std::min(last * tile_samples, samples), local);
      });
    } else {
      for (Index c = 0; c < classes; ++c) {
        double sums[max_sums] = {};
        const bool weighted = rows.weights.data != nullptr;
        traverse<T>(class_job(rows, c),
                    weighted ? region_sums_kernel<T, false, true> : region_sums_kernel<T, false, false>, nullptr,
                    executor, sums);
        regions[c] = {sums[0], sums[1], sums[2]};
      }
    }
    return result;
  }

  static RowJob<T> job(const Rule& rule, const RowInputs<T>& rows, const Output<T>* output) {
    RowJob<T> work = row_job<T>(rows, 1, output, nullptr);
    set_options(work, options(rule));
    return work;
  }

  /// The gradient of a set, times `scale`.
  static void write_set(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                        Index set, std::span<const Region> regions, double scale, const Output<T>& output) {
    const std::size_t classes = regions.size();
    Scratch<RegionSlope, on_stack> slopes(static_cast<Index>(classes));
    if constexpr (joint) {
      rule.slope(regions, std::span(slopes.data(), classes));
    } else {
      if (reduction != Reduction::sum) scale /= static_cast<double>(classes);
      for (std::size_t c = 0; c < classes; ++c) {
        const double weight = class_weight(rule, c);
        const RegionSlope slope = rule.slope(regions[c]);
        slopes.data()[c] = weight == 0 ? RegionSlope{} : RegionSlope{weight * slope.inside, weight * slope.outside};
      }
    }
    const RowInputs<T> rows = inputs.of(set);
    if (rows.terms.count() == 0) return;
    Output<T> to = output;
    if (inputs.per_sample) {
      to.view.skip(set * to.view.stride[0]);
      to.view.extents.size[0] = 1;
    }
    const bool none = scale == 0 || inputs.set_weight(set) == 0;
    if constexpr (softmax) {
      RowJob<T> work = job(rule, rows, &to);
      work.adds = to.adds;
      if (none) work.uniform_weight = 0;
      Scratch<T, 2 * on_stack> factors(2 * static_cast<Index>(classes));
      T *inside = factors.data(), *outside = inside + classes;
      for (std::size_t c = 0; c < classes; ++c) {
        inside[c] = none ? T(0) : finite_slope<T>(scale * slopes.data()[c].inside);
        outside[c] = none ? T(0) : finite_slope<T>(scale * slopes.data()[c].outside);
      }
      const ClassPass<T> pass(work);
      const Index samples = work.samples(), units = (samples + tile_samples - 1) / tile_samples;
      double nothing[max_sums] = {};
      sum_over(samples * work.classes, units, 0, executor, nothing, [&](Index first, Index last, double*) {
        pass.gradient(first * tile_samples, std::min(last * tile_samples, samples), inside, outside);
      });
    } else {
      for (std::size_t c = 0; c < classes; ++c) {
        const RegionSlope& slope = slopes.data()[c];
        const RegionStep<T> step{finite_slope<T>(scale * slope.inside), finite_slope<T>(scale * slope.outside), none};
        const Index number = static_cast<Index>(c);
        auto work = class_job(rows, number);
        work.out[0] = operand(to.view);
        work.out[0].skip(number * to.view.stride[1]);
        work.adds[0] = to.adds;
        double nothing[max_sums] = {};
        const bool weighted = rows.weights.data != nullptr;
        traverse<T>(work, weighted ? region_slope_kernel<T, false, true> : region_slope_kernel<T, false, false>, &step,
                    executor, nothing);
      }
    }
  }

  static T run(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
               const Whole& whole, const Output<T>* output) {
    if (inputs.per_sample) {
      const double sum = output == nullptr
                             ? for_samples(rule, executor, inputs, [](Index, double, std::span<const Region>) {})
                             : write_samples(rule, reduction, whole, executor, inputs, *output);
      return static_cast<T>(reduce(reduction, {sum, whole.weight, whole.count}));
    }
    Scratch<Region, on_stack> memory(inputs.rows.classes());
    const auto regions = regions_of(rule, executor, inputs, 0, memory.data());
    if (output != nullptr) {
      const double scale = whole.weight > 0 ? output->factor : 0;
      write_set(rule, reduction, executor, inputs, 0, regions, scale, *output);
    }
    return whole.weight > 0 ? set_value(rule, reduction, regions) : T(0);
  }

  /// Σ w·value over the samples; f(set, w·value, regions) for each.
  template <class F>
  static double for_samples(const Rule& rule, const Executor& executor, const Inputs& inputs, const F& f) {
    Scratch<Region, on_stack> memory(inputs.rows.classes());
    double sum = 0;
    for (Index set = 0; set < inputs.sets; ++set) {
      const auto regions = regions_of(rule, executor, inputs, set, memory.data());
      double value = 0;
      if constexpr (joint) value = value_of(rule, regions, inputs.set_weight(set));
      sum += value;
      f(set, value, regions);
    }
    return sum;
  }

  static double write_samples(const Rule& rule, Reduction reduction, const Whole& whole, const Executor& executor,
                              const Inputs& inputs, const Output<T>& output) {
    const double scale = reduction_scale(reduction, whole.weight, whole.count, 1) * output.factor;
    return for_samples(rule, executor, inputs, [&](Index set, double, std::span<const Region> regions) {
      write_set(rule, reduction, executor, inputs, set, regions, scale * inputs.set_weight(set), output);
    });
  }
};

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
