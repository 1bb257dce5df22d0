// SPDX-License-Identifier: MIT
#pragma once

/// Bytes as the arguments of a loss: shapes, storage, numbers (extreme ones are likely), labels and weights, good and bad.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <losses/compose/entry.hpp>

#include "problem.hpp"

namespace losses_test {

namespace detail = losses::detail;

/// Bytes that are taken one after the other; behind the last there are zeros, which ask for nothing special.
class Bytes {
 public:
  explicit Bytes(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  unsigned take() {
    if (rest_.empty()) return 0;
    const unsigned byte = rest_.front();
    rest_ = rest_.subspan(1);
    return byte;
  }
  Index below(Index count) { return static_cast<Index>(take()) % count; }
  bool one_in(unsigned count) { return take() % count == count - 1; }
  std::uint64_t take_word(int size) {
    std::uint64_t word = 0;
    for (int i = 0; i < size; ++i) word = word << 8 | take();
    return word;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

/// Numbers in memory as Eigen has them: an order of the axes, of matrices gaps between elements and rows, and a place that no
/// alignment helps. The gaps hold what nobody may read or write.
template <class T>
struct Placed {
  static inline const T gap = std::numeric_limits<T>::signaling_NaN();
  std::vector<T> memory;
  detail::View<T> view;

  Placed(const std::vector<Index>& shape, Bytes* bytes) {
    view.extents.rank = static_cast<int>(shape.size());
    std::vector<int> order;  // of the axes, the innermost first
    for (int axis = view.extents.rank - 1; axis >= 0; --axis) order.push_back(axis);
    Index inner_stride = 1, padding = 0, offset = 0;
    if (bytes != nullptr) {
      const unsigned how = bytes->take();
      if ((how & 1) != 0) std::reverse(order.begin(), order.end());
      const bool is_matrix = shape.size() == 2;
      inner_stride = is_matrix && (how >> 2 & 3) == 3 ? 2 + (how >> 7) : 1;
      padding = is_matrix && (how >> 4 & 1) != 0 ? 1 + (how >> 7) : 0;
      offset = how >> 5 & 3;
    }
    Index step = inner_stride, last = 0;
    for (const int axis : order) {
      const Index size = shape[static_cast<std::size_t>(axis)];
      view.extents.size[axis] = size;
      view.stride[axis] = step;
      last += std::max<Index>(size - 1, 0) * step;
      step = step * std::max<Index>(size, 1) + padding;
    }
    memory.assign(static_cast<std::size_t>(offset + (view.extents.count() > 0 ? last + 1 : 0)), gap);
    view.data = memory.data() + offset;
  }
  Placed(const Placed&) = delete;

  T& operator[](Index flat) { return detail::element(view, flat); }
  std::vector<T> values() {
    std::vector<T> all(static_cast<std::size_t>(view.extents.count()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = (*this)[static_cast<Index>(i)];
    return all;
  }
};

enum class NumberRange : std::uint8_t { any, small, unit, not_negative, positive, sign, binary };

/// How far a call is from the ordinary: each step adds to the one before.
enum class Wildness : std::uint8_t { tame, extreme, infinite, wrong };

template <class T>
class LossInput {
 public:
  using Data = losses::LossArguments;

  LossInput(const losses::LossEntry<T>& entry, ProblemOptions options, Bytes& bytes) : bytes_(bytes) {
    problem.options = std::move(options);
    has_ignore_index_ = std::any_of(entry.options.begin(), entry.options.end(),
                                    [](const auto& option) { return option.name == "ignore_index"; });
    wildness_ = static_cast<Wildness>(bytes.take() & 3);
    n_ = bytes.below(7), c_ = bytes.below(6), inner_ = 1 + bytes.below(3);
    is_large = bytes.take() == 0xb1;
    // The ordinary is [3 x 4].
    n_ = n_ == 0 ? 3 : n_ == 3 ? 0 : n_;
    c_ = c_ == 0 ? 4 : c_ == 4 ? 0 : c_;
    for (const auto* name : {"class_weights", "alpha", "pos_weight"}) {
      const auto list = problem.options.list(name);
      if (!problem.options.word(name, "").starts_with('[')) continue;
      if (wildness_ == Wildness::wrong || entry.room == "generative") may_be_refused = true;
      if (!may_be_refused) c_ = std::ssize(list);
      has_list_ = true;
    }
    if (is_large) c_ = std::max<Index>(c_, 1), n_ = detail::parallel_elements / c_ + 11;
    fill(entry);
  }
  LossInput(const LossInput&) = delete;

  int gradients = 1;
  bool must_be_refused = false;
  bool may_be_refused = false;
  bool is_large = false;
  bool has_infinity = false;
  Real largest = 0, smallest = infinity;
  Problem problem;
  std::deque<Placed<T>> numbers;
  std::vector<detail::ErasedInput> inputs;
  std::deque<detail::View<const T>> views;

  /// Gives every argument of numbers a storage of its own, dense and row-major.
  void store_densely() {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const std::vector<T> values = numbers[i].values();
      auto& dense = copies_.emplace_back(shape_of(views[i]), nullptr);
      for (std::size_t k = 0; k < values.size(); ++k) dense[static_cast<Index>(k)] = values[k];
      views[i] = dense.view;
    }
  }

  static std::vector<Index> shape_of(const detail::View<const T>& view) {
    return {view.extents.size, view.extents.size + view.extents.rank};
  }

 private:
  using Range = NumberRange;

  void fill(const losses::LossEntry<T>& entry) {
    const bool in_space = bytes_.one_in(4);
    if (is_large && in_space) n_ = n_ / inner_ + 11;
    if (is_large && entry.arguments == Data::boxes) n_ = detail::parallel_elements / 4 + 11;
    const Index n = n_, c = c_;
    const std::vector<Index> matrix = {n, c}, with_space = {n, c, inner_};
    const bool has_class_axis = entry.arguments == Data::label_rows || entry.arguments == Data::class_probabilities ||
                                entry.name == "multi_label_soft_margin";
    if (c == 0 && has_class_axis) may_be_refused = true;
    if (has_list_ && in_space && entry.arguments == Data::logits) may_be_refused = true;
    const auto& rows = in_space ? with_space : matrix;
    const std::vector<Index> terms = in_space ? std::vector<Index>{n, inner_} : std::vector<Index>{n};
    const auto one_column = [&] { return std::vector<Index>{n, 1}; };
    std::vector<Index> weighed = rows;  // the shape of the terms
    bool takes_weights = true;
    switch (entry.arguments) {
      case Data::numbers:
        if (entry.name == "reconstruction" && problem.options.word("kind", "mse") == "bce") {
          add(rows, Range::unit), add_target(rows, Range::unit);
        } else {
          add(rows, Range::any), add_target(rows, Range::any);
        }
        may_be_refused = entry.name == "reconstruction";
        break;
      case Data::positive_numbers:
        add(rows, entry.name == "msle" ? Range::not_negative : Range::any), add_target(rows, Range::positive);
        // Which of them may be 0 or negative is each loss's business.
        if (is_bad_) may_be_refused = true;
        is_bad_ = false;
        break;
      case Data::mean_and_variance:
        gradients = 2;
        add(rows, Range::any), add_target(rows, Range::not_negative), add_target(rows, Range::any);
        break;
      case Data::quantiles: {
        const auto given = problem.options.list("quantiles", "[0.1, 0.5, 0.9]");
        const Index columns = static_cast<Index>(given.size());
        add({n, columns}, Range::any), add_target(one_column(), Range::any);
        may_be_refused = columns == 1;
        weighed = {n, columns};
        break;
      }
      case Data::probabilities:
      case Data::class_probabilities:
        add(rows, Range::unit), add_target(rows, Range::unit);
        if (entry.name == "generalized_dice") weighed = terms;
        break;
      case Data::logits:
        add(rows, Range::any), add_target(rows, Range::unit);
        if (entry.name == "multi_label_soft_margin") weighed = terms;
        break;
      case Data::signs:
        add(rows, Range::any), add_target(rows, Range::sign);
        break;
      case Data::masks:
        add(rows, Range::any), add_target(rows, Range::binary);
        break;
      case Data::scores:
        gradients = 2;
        add(rows, Range::any), add_target(rows, Range::any), add_target(rows, Range::sign);
        break;
      case Data::class_logits:
      case Data::log_probabilities:
      case Data::cosines:
        add(rows, entry.arguments == Data::cosines ? Range::small : Range::any), add_labels(terms, c);
        weighed = terms;
        if (c == 0) may_be_refused = true;
        break;
      case Data::distributions:
        add(rows, Range::any), add_target(rows, problem.options.flag("log_target", false) ? Range::any : Range::unit);
        break;
      case Data::label_rows:
        add(rows, Range::any), add_labels(rows, c, true);
        weighed = terms;
        break;
      case Data::relevances:
        add(matrix, Range::any), add_target(matrix, Range::any);
        if (bytes_.one_in(4)) add_mask(matrix);
        weighed = {n};
        may_be_refused = c == 0;
        break;
      case Data::pairs:
      case Data::signed_pairs:
        gradients = 2;
        add(matrix, Range::any), add_target(matrix, Range::any);
        add_target(one_column(), entry.arguments == Data::pairs ? Range::binary : Range::sign);
        weighed = {n};
        break;
      case Data::triplets:
        gradients = 3;
        add(matrix, Range::any), add_target(matrix, Range::any), add_target(matrix, Range::any);
        weighed = {n};
        break;
      case Data::views:
        gradients = 2;
        shrink();
        add({n_, c}, Range::any), add_target({n_, c}, Range::any);
        takes_weights = false;
        break;
      case Data::embeddings:
        shrink();
        add({n_, c}, Range::any), add_labels({n_}, 3, false, true);
        takes_weights = false;
        break;
      case Data::boxes:
        add_boxes(n), add_boxes(n);
        weighed = {n};
        break;
      case Data::sequences:
        shrink();
        add_sequences();
        takes_weights = false;
        break;
      case Data::judged_scores:
        add(rows, Range::any);
        problem.flag = (bytes_.take() & 1) == 0;
        inputs.push_back({detail::Kind::flag, &problem.flag});
        break;
      case Data::judged_outputs:
        gradients = 2;
        add(one_column(), Range::any), add(matrix, Range::any), add_target(matrix, Range::any);
        takes_weights = false;
        break;
      case Data::input_gradients:
        add(rows, Range::any);
        weighed = {n};
        break;
      case Data::image:
      case Data::images: {
        if (is_large) n_ = 301;
        const std::vector<Index> picture = {n_ % 4, 1 + c % 3, 2 + inner_, 1 + bytes_.below(5)};
        add(picture, Range::any);
        if (entry.arguments == Data::images) add_target(picture, Range::any);
        weighed = {picture[0]};
        may_be_refused = entry.name == "ssim";
        if (entry.name == "style" && problem.options.list("weights").size() > 1) must_be_refused = true;
        break;
      }
    }
    if (takes_weights) add_weights(weighed);
  }

  /// Of losses over all pairs, and of recursions: their work is not that of their arguments.
  void shrink() {
    if (is_large) n_ = 300;
    is_large = false;
  }

  bool at_least(Wildness wildness) const { return wildness_ >= wildness; }

  T number(Range range) {
    const unsigned byte = bytes_.take();
    T value = static_cast<T>(static_cast<std::int8_t>(byte)) / 16;
    switch (range) {
      case Range::sign:
        value = (byte & 1) == 0 ? T(1) : T(-1);
        break;
      case Range::binary:
        value = static_cast<T>(byte & 1);
        break;
      case Range::unit:
        value = static_cast<T>(byte % 129) / 128;
        break;
      case Range::small:
        value = static_cast<T>(static_cast<std::int8_t>(byte)) / 128;
        break;
      case Range::not_negative:
        value = static_cast<T>(byte) / 16;
        break;
      case Range::positive:
        value = static_cast<T>(byte + 1) / 16;
        break;
      default:
        break;
    }
    if (at_least(Wildness::extreme) && byte >= 0x60 && byte < 0xa0) value = extreme(byte - 0x60, value);
    // Into the range again, or out of it.
    bool inside = true;
    if (range == Range::unit) inside = !(value < 0 || value > 1);
    if (range == Range::not_negative) inside = !(value < 0);
    if (range == Range::positive) inside = !(value <= 0);
    if (range == Range::sign) inside = std::isnan(value) || value == 1 || value == -1;
    if (range == Range::binary) inside = std::isnan(value) || value == 0 || value == 1;
    if (!inside && wildness_ == Wildness::wrong && !is_large) {
      is_outside_ = true;
    } else if (!inside) {
      value = 1;
    }
    return value;
  }

  T extreme(unsigned which, T usual) {
    using Limits = std::numeric_limits<T>;
    const T finite[] = {T(0),
                        -T(0),
                        Limits::denorm_min(),
                        -Limits::denorm_min(),
                        Limits::min(),
                        -Limits::min(),
                        Limits::epsilon(),
                        1 - Limits::epsilon(),
                        T(1),
                        1 + Limits::epsilon(),
                        T(-1),
                        T(1e-10),
                        T(-1e-10),
                        T(1e-30),
                        T(1e-4),
                        T(30),
                        T(-30),
                        T(88),
                        T(-88),
                        T(104),
                        T(-104),
                        T(1e4),
                        T(-1e4),
                        T(1e10),
                        T(-1e10),
                        T(1e18),
                        T(-1e18),
                        T(1e30),
                        Limits::max() / 2,
                        -Limits::max() / 2,
                        Limits::max(),
                        Limits::lowest()};
    constexpr unsigned count = std::size(finite);
    if (which < count) return finite[which];
    which -= count;
    if (which < 8) return last_;
    if (which < 12) return std::nextafter(last_, Limits::infinity());
    if (which < 16) return std::nextafter(last_, -Limits::infinity());
    if (which < 24) {
      T value;
      if constexpr (sizeof(T) == 4) {
        value = std::bit_cast<T>(static_cast<std::uint32_t>(bytes_.take_word(4)));
      } else {
        value = std::bit_cast<T>(bytes_.take_word(8));
      }
      return std::isfinite(value) || at_least(Wildness::infinite) ? value : usual;
    }
    if (!at_least(Wildness::infinite)) return usual;
    if (which < 26) return Limits::infinity();
    if (which < 28) return -Limits::infinity();
    return Limits::quiet_NaN();
  }

  void look_at(T value) {
    const Real size = std::fabs(static_cast<Real>(value));
    has_infinity = has_infinity || std::isinf(value);
    if (size > largest) largest = size;
    if (size > 0 && size < smallest) smallest = size;
  }

  void add(const std::vector<Index>& shape, Range range) {
    auto& placed = numbers.emplace_back(shape, &bytes_);
    is_outside_ = false;
    const Index count = placed.view.extents.count();
    std::vector<T> pattern;
    for (Index i = 0; i < count; ++i) {
      // A large argument repeats what fits into a short input.
      const T value = is_large && i >= 61 ? pattern[static_cast<std::size_t>(i % 61)] : number(range);
      if (is_large && i < 61) pattern.push_back(value);
      placed[i] = last_ = value;
      look_at(value);
    }
    note(placed, shape);
    if (is_outside_) refuse();
  }

  /// An argument that must have this shape, and sometimes has another.
  void add_target(std::vector<Index> shape, Range range) {
    const std::vector<Index> must = shape;
    if (at_least(Wildness::wrong) && !is_large && bytes_.one_in(8)) {
      const auto axis = static_cast<std::size_t>(bytes_.below(static_cast<Index>(shape.size())));
      if ((bytes_.take() & 1) != 0) {
        shape[axis] += 1;
      } else {
        std::swap(shape[axis], shape[0]);
      }
    }
    add(shape, range);
    if (shape != must) must_be_refused = true;
  }

  /// What must be refused, unless it has weight 0.
  void refuse() { is_bad_ = true; }

  void note(Placed<T>& placed, const std::vector<Index>& shape) {
    inputs.push_back({detail::Kind::numbers, &views.emplace_back(placed.view)});
    if (is_large) {
      problem.numbers.push_back({shape, {}});
      return;
    }
    ProblemArray array{shape, {}};
    for (const T value : placed.values()) array.of.push_back(static_cast<Real>(value));
    problem.numbers.push_back(std::move(array));
  }

  void add_boxes(Index n) {
    auto& placed = numbers.emplace_back(std::vector<Index>{n, 4}, &bytes_);
    for (Index i = 0; i < n; ++i) {
      for (Index axis = 0; axis < 2; ++axis) {
        T low = is_large ? T(i % 7) : number(Range::any);
        last_ = low;
        T high = is_large ? low + T(i % 5) : number(Range::any);
        if (high < low && !(wildness_ == Wildness::wrong && bytes_.one_in(8))) std::swap(low, high);
        if (high < low) refuse();
        placed[4 * i + axis] = low, placed[4 * i + axis + 2] = high;
        look_at(low), look_at(high);
      }
    }
    note(placed, {n, 4});
  }

  /// Labels in any type of integers, in [0, classes), or `any` at all; `ends`: −1 is one, too.
  void add_labels(std::vector<Index> shape, Index classes, bool ends = false, bool any = false,
                  bool of_any_shape = false) {
    const unsigned how = bytes_.take();
    const std::vector<Index> must = shape;
    if (at_least(Wildness::wrong) && !is_large && !of_any_shape && bytes_.one_in(8)) shape.back() += 1;
    auto& store = label_memory_.emplace_back();
    auto& wide = is_large ? large_labels_ : problem.labels;
    auto& labels = label_views_.emplace_back();
    Index count = 1;
    for (const Index size : shape) count *= size;
    labels.bytes = static_cast<std::uint8_t>(1 << (3 - (how & 3)));
    labels.is_signed = (how & 4) == 0;
    const auto size = static_cast<std::size_t>(labels.bytes);
    store.resize(static_cast<std::size_t>(count) * size);
    wide.clear();
    for (Index i = 0; i < count; ++i) {
      const unsigned byte = is_large ? static_cast<unsigned>(i % 7) : bytes_.take();
      std::int64_t label = classes > 0 ? static_cast<std::int64_t>(byte) % classes : 0;
      if (ends && byte % 3 == 2) label = -1;
      if (byte >= 0xf0) {
        const std::int64_t special[] = {-1,         classes,   -100, INT64_MIN, (std::int64_t{1} << 32) + 1,
                                        0xffffffff, INT64_MAX, -2};
        if (byte < 0xf3 || wildness_ == Wildness::wrong || any) label = byte < 0xf3 ? -100 : special[byte & 7];
      }
      // As its type holds it, and as it is read again.
      std::memcpy(store.data() + static_cast<std::size_t>(i) * size, &label, size);
      const auto bits = 64 - 8 * static_cast<int>(size);
      const std::uint64_t shifted = static_cast<std::uint64_t>(label) << bits;
      label =
          labels.is_signed ? static_cast<std::int64_t>(shifted) >> bits : static_cast<std::int64_t>(shifted >> bits);
      if (!labels.is_signed && label < 0 && !any) label = INT64_MAX;
      const bool ignored = has_ignore_index_ && label == problem.options.integer("ignore_index", "-100");
      if (!any && !ignored && (label < (ends ? -1 : 0) || label >= classes)) refuse();
      wide.push_back(label);
    }
    labels.data = store.data();
    labels.extents.rank = static_cast<int>(shape.size());
    Index step = 1;
    for (std::size_t axis = shape.size(); axis-- > 0; step *= shape[axis]) {
      labels.extents.size[axis] = shape[axis];
      labels.stride[axis] = step;
    }
    if (shape.size() == 1) {
      labels.is_vector = true;
      if ((how & 8) != 0) {  // a vector of Eigen's, as a column or as a row
        labels.is_matrix = true;
        labels.extents = (how & 16) != 0 ? detail::Extents{2, {1, shape[0]}} : detail::Extents{2, {shape[0], 1}};
        labels.stride[0] = (how & 16) != 0 ? shape[0] : 1;
        labels.stride[1] = (how & 16) != 0 ? 1 : shape[0];
      }
    } else {
      labels.is_matrix = shape.size() == 2 && (how & 8) != 0;
    }
    if (shape != must) must_be_refused = true;
    inputs.push_back({detail::Kind::labels, &labels});
  }

  void add_mask(const std::vector<Index>& shape) {
    Index count = 1;
    for (const Index size : shape) count *= size;
    mask_.resize(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      mask_[i] = is_large || (bytes_.take() & 3) != 3;
      problem.mask.push_back(mask_[i] != 0);
    }
    mask_view_ = {reinterpret_cast<const bool*>(mask_.data()), {2, {shape[0], shape[1]}}, {shape[1], 1}};
    inputs.push_back({detail::Kind::booleans, &mask_view_});
  }

  /// A batch [t, n, c] with lengths, or one sequence [t x c].
  void add_sequences() {
    const Index blank = static_cast<Index>(problem.options.integer("blank", "0"));
    const bool is_batch = bytes_.one_in(2);
    const Index frames = n_, sequences = is_batch ? inner_ : 1, most = bytes_.below(4), c = c_;
    if (blank < 0 || blank >= c) must_be_refused = true;
    add(is_batch ? std::vector<Index>{frames, sequences, c} : std::vector<Index>{frames, c}, Range::any);
    add_labels(is_batch ? std::vector<Index>{sequences, most} : std::vector<Index>{most}, c, false, false, true);
    may_be_refused = true;  // a label that is the blank, what a length leaves out
    is_bad_ = false;
    problem.lengths.assign(2, {});
    for (Index i = 0; i < sequences; ++i) {
      problem.lengths[0].push_back(is_batch ? bytes_.below(frames + 1) : frames);
      problem.lengths[1].push_back(is_batch ? bytes_.below(most + 1) : most);
      if (at_least(Wildness::wrong) && is_batch && bytes_.one_in(8)) {
        problem.lengths[static_cast<std::size_t>(i & 1)].back() = frames + most + 1;
        must_be_refused = true;
      }
    }
    if (!is_batch) return;
    for (const auto& lengths : problem.lengths) {
      detail::Labels& view = label_views_.emplace_back();
      view = detail::whole_labels(lengths);
      inputs.push_back({detail::Kind::labels, &view});
    }
  }

  void add_weights(const std::vector<Index>& terms) {
    const unsigned how = is_large ? 0 : bytes_.take();
    bool has_zero = false, is_wrong = false;
    Index count_of_terms = 1;
    for (const Index size : terms) count_of_terms *= size;
    if (how % 3 != 0) {
      const std::vector<Index> per_sample = {terms[0], 1};
      auto& placed = numbers.emplace_back(how % 3 == 1 || terms.size() == 1 ? per_sample : terms, &bytes_);
      const Index count = placed.view.extents.count();
      problem.is_weighted = true;
      for (Index i = 0; i < count; ++i) {
        const unsigned byte = bytes_.take();
        constexpr T usual[] = {T(1), T(2), T(0.5), T(0)};
        using Limits = std::numeric_limits<T>;
        T weight = usual[byte & 3];
        if (at_least(Wildness::extreme) && byte >= 0xe0) {
          const T wide[] = {T(3), T(1e-3), T(1e3), T(0.1), T(1e-6), T(1e6), Limits::epsilon(), T(7)};
          weight = wide[byte & 7];
        }
        if (wildness_ == Wildness::wrong && byte >= 0xf8) {
          const T wrong[] = {T(-1), Limits::quiet_NaN(), Limits::infinity(), -Limits::denorm_min()};
          weight = wrong[byte & 3];
          is_wrong = true;
        }
        has_zero = has_zero || weight == 0;
        placed[i] = weight;
        problem.weights.push_back(static_cast<Real>(weight));
      }
      inputs.push_back({detail::Kind::numbers, &views.emplace_back(placed.view)});
      if (problem.weights.empty()) problem.is_weighted = false;
    }
    // What nobody reads may be wrong.
    if (is_wrong) (count_of_terms > 0 ? must_be_refused : may_be_refused) = true;
    if (is_bad_ && !has_zero) must_be_refused = true;
    if (is_bad_ && has_zero) may_be_refused = true;
  }

  Bytes& bytes_;
  bool has_ignore_index_ = false;
  bool has_list_ = false;
  bool is_outside_ = false;
  bool is_bad_ = false;
  Wildness wildness_ = Wildness::tame;
  Index n_ = 0, c_ = 0, inner_ = 1;
  T last_ = 1;
  std::deque<Placed<T>> copies_;
  std::deque<std::vector<unsigned char>> label_memory_;
  std::vector<std::int64_t> large_labels_;
  std::deque<detail::Labels> label_views_;
  std::vector<unsigned char> mask_;
  detail::View<const bool> mask_view_;
};

}  // namespace losses_test
