// SPDX-License-Identifier: MIT
#pragma once

/// Random and extreme arguments for every kind of loss.

#include <optional>

#include "sample.hpp"

namespace losses_test::promises {

using Data = losses::LossArguments;

/// What the grid of P5 is made of.
template <class T>
std::vector<double> extremes() {
  using limits = std::numeric_limits<T>;
  std::vector<double> values = {0};
  for (const double size : {static_cast<double>(limits::denorm_min()), 1.0, 88.0, 104.0, 1e4,
                            static_cast<double>(limits::max()), static_cast<double>(limits::infinity())}) {
    values.push_back(size);
    values.push_back(-size);
  }
  return values;
}

/// `n` samples of a loss. With `pick`, the predictions are drawn from these values (a grid, if it is small).
template <class T>
class Draw {
 public:
  Draw(const Reference& reference, Data data, Random& random, Index columns = 4)
      : reference_(reference), data_(data), random_(random), columns_(columns) {}

  Arguments operator()(Index n) const {
    Arguments made;
    const Index columns = columns_;
    const auto numbers = [&](Index rows, Index c, const auto& value) {
      Array array{{2, {rows, c}}, {}};
      for (Index i = 0; i < rows * c; ++i) array.values.push_back(rounded(value()));
      made.numbers.push_back(std::move(array));
    };
    const auto pairs = [&](Index rows, Index c) {
      Array p{{2, {rows, c}}, {}}, y = p;
      for (Index i = 0; i < rows * c; ++i) {
        const auto [a, b] = reference_.domain.draw<T>(random_);
        p.values.push_back(static_cast<double>(a));
        y.values.push_back(static_cast<double>(b));
      }
      made.numbers.push_back(std::move(p));
      made.numbers.push_back(std::move(y));
    };
    const auto normal = [&] { return random_.normal(); };
    const auto sign = [&] { return random_.sign(); };
    const auto either = [&] { return static_cast<double>(random_.below(2)); };
    const auto labels = [&](Index count, Index classes) {
      for (Index i = 0; i < count; ++i) made.labels.push_back(static_cast<int>(random_.below(classes)));
      made.label_shape = {1, {count}};
    };
    // Logits of every size, some far from 0.
    const auto logits = [&] {
      Array array{{2, {n, columns}}, {}};
      for (Index i = 0; i < n; ++i) {
        const double size = random_.decades(0.1, 30), shift = random_.below(4) == 0 ? random_.between(-500, 500) : 0;
        for (Index k = 0; k < columns; ++k) array.values.push_back(rounded(shift + size * random_.normal()));
      }
      made.numbers.push_back(std::move(array));
    };
    const auto image = [&](Index count) {
      for (Index k = 0; k < count; ++k) {
        Array array{n > 40 ? Extents{4, {4, 2, 37, n}} : Extents{4, {1, 2, 7, n + 6}}, {}};
        for (Index i = 0; i < array.shape.count(); ++i) array.values.push_back(rounded(random_.unit()));
        made.numbers.push_back(std::move(array));
      }
    };
    const bool is_row = reference_.unit == Unit::row;
    switch (data_) {
      case Data::mean_and_variance: {
        pairs(n, 1);
        numbers(n, 1, [&] { return random_.decades(1e-3, 1e3); });
        std::swap(made.numbers[1], made.numbers[2]);
        made.predictions = 2;
        break;
      }
      case Data::quantiles:
        numbers(n, 3, normal), numbers(n, 1, normal);
        break;
      case Data::masks:
        numbers(n, 1, normal), numbers(n, 1, either);
        break;
      case Data::scores:
        numbers(n, 1, normal), numbers(n, 1, normal), numbers(n, 1, sign);
        made.predictions = 2;
        break;
      case Data::class_logits:
        logits(), labels(n, columns);
        break;
      case Data::class_probabilities:
        numbers(n, columns, [&] { return random_.unit(); }), numbers(n, columns, either);
        break;
      case Data::log_probabilities:
        numbers(n, columns, [&] { return -random_.decades(1e-6, 80); }), labels(n, columns);
        break;
      case Data::distributions:
        numbers(n, 1, [&] { return -random_.decades(1e-6, 80); });
        numbers(n, 1, [&] { return 1 - random_.unit(); });
        break;
      case Data::label_rows:
        numbers(n, columns, normal);
        made.label_shape = {2, {n, columns}};
        for (Index i = 0; i < n; ++i) {
          const int first = static_cast<int>(random_.below(columns));
          const bool two = random_.below(2) == 0;
          for (const int label : {first, two ? (first + 1) % 4 : -1, -1, -1}) made.labels.push_back(label);
        }
        break;
      case Data::relevances:
        logits(), numbers(n, columns, [&] { return static_cast<double>(random_.below(5)); });
        break;
      case Data::pairs:
        numbers(n, 3, normal), numbers(n, 3, normal), numbers(n, 1, either);
        made.predictions = 2;
        break;
      case Data::signed_pairs:
        numbers(n, 3, normal), numbers(n, 3, normal), numbers(n, 1, sign);
        made.predictions = 2;
        break;
      case Data::triplets:
        numbers(n, 3, normal), numbers(n, 3, normal), numbers(n, 3, normal);
        made.predictions = 3;
        break;
      case Data::views:
        numbers(n, 3, normal), numbers(n, 3, normal);
        made.predictions = 2;
        break;
      case Data::embeddings:
        numbers(n, 3, normal), labels(n, 3);
        break;
      case Data::cosines:
        numbers(n, columns, [&] { return random_.between(-1, 1); }), labels(n, columns);
        break;
      case Data::boxes:
        for (int k = 0; k < 2; ++k) {
          Array array{{2, {n, 4}}, {}};
          for (Index i = 0; i < n; ++i) {
            const double x = rounded(random_.between(0, 10)), y = rounded(random_.between(0, 10));
            for (const double v : {x, y, x + random_.between(0.5, 8), y + random_.between(0.5, 8)}) {
              array.values.push_back(rounded(v));
            }
          }
          made.numbers.push_back(std::move(array));
        }
        break;
      case Data::sequences:
        if (n > 100) {
          made = sequences(n / 8);
          break;
        }
        logits();
        labels(std::max<Index>(1, n / 3), columns - 1);
        for (int& label : made.labels) ++label;
        break;
      case Data::judged_scores:
        numbers(n, 1, [&] { return 3 * random_.normal(); });
        made.flag = static_cast<int>(random_.below(2));
        break;
      case Data::judged_outputs:
        numbers(n, 1, normal), numbers(n, 3, normal), numbers(n, 3, normal);
        made.predictions = 2;
        break;
      case Data::input_gradients:
        numbers(n, 3, normal);
        break;
      case Data::image:
        image(1);
        break;
      case Data::images:
        image(2);
        break;
      default:
        pairs(n, is_row ? columns : 1);
    }
    return made;
  }

  /// Every extreme prediction against every target of the domain (elements), all triples of logits with every label (rows of
  /// logits), else `n` random draws of extremes. Nothing for arguments that have no room for them.
  std::optional<Arguments> extreme(Index n) const {
    const std::vector<double> all = extremes<T>();
    if (data_ == Data::class_logits && reference_.unit == Unit::row) return grid_of_rows(all, true);
    if (data_ == Data::relevances) return grid_of_rows(finite(all), false);
    Arguments made = (*this)(reference_.unit == Unit::element ? 1 : n);
    if (reference_.unit == Unit::element) return grid_of_elements(made, all);
    switch (data_) {
      case Data::cosines:
      case Data::boxes:
      case Data::images:
      case Data::image:
        return std::nullopt;  // their domains end before
      case Data::probabilities:
      case Data::class_probabilities:
        fill(made, {0, static_cast<double>(std::numeric_limits<T>::denorm_min()), 0.5, 1});
        return made;
      case Data::logits:
      case Data::class_logits:
      case Data::log_probabilities:
      case Data::masks:
      case Data::sequences:
      case Data::numbers:
      case Data::quantiles:
        fill(made, all);
        return made;
      case Data::pairs:
      case Data::signed_pairs:
      case Data::triplets:
      case Data::embeddings:
      case Data::views:
      case Data::input_gradients:
        fill(made, of_vectors());
        return made;
      default:
        fill(made, finite(all));
        return made;
    }
  }

 private:
  /// A batch of seven, of several lengths.
  Arguments sequences(Index frames) const {
    Arguments made;
    Array x{{3, {frames, 7, columns_}}, {}};
    for (Index i = 0; i < x.shape.count(); ++i) x.values.push_back(rounded(3 * random_.normal()));
    made.numbers.push_back(std::move(x));
    made.label_shape = {2, {7, 5}};
    for (int i = 0; i < 7; ++i) {
      for (int k = 0; k < 5; ++k) made.labels.push_back(static_cast<int>(1 + random_.below(columns_ - 1)));
      made.frames.push_back(static_cast<int>(frames - i));
      made.lengths.push_back(i % 6);
    }
    return made;
  }

  static double rounded(double x) { return static_cast<double>(static_cast<T>(x)); }
  /// The coordinates of vectors end where their squared lengths do.
  static std::vector<double> of_vectors() {
    const double root = rounded(std::sqrt(static_cast<double>(std::numeric_limits<T>::max())) / 64);
    std::vector<double> values = finite(extremes<T>());
    const double least = std::sqrt(static_cast<double>(std::numeric_limits<T>::min()));
    for (double& x : values) {
      if (x != 0) x = std::copysign(std::clamp(std::fabs(x), least, root), x);
    }
    return values;
  }
  static std::vector<double> finite(std::vector<double> values) {
    std::erase_if(values, [](double x) { return std::isinf(x); });
    return values;
  }

  void fill(Arguments& made, const std::vector<double>& from) const {
    for (int k = 0; k < made.predictions; ++k) {
      for (double& x : made.numbers[static_cast<std::size_t>(k)].values) {
        // Half of them stay what they were, so that few samples are all extreme.
        if (random_.below(2) == 0) x = from[static_cast<std::size_t>(random_.below(static_cast<Index>(from.size())))];
      }
    }
  }

  Arguments grid_of_rows(const std::vector<double>& from, bool labels) const {
    Arguments made;
    Array x{{2, {0, 3}}, {}}, y = x;
    for (const double a : from) {
      for (const double b : from) {
        for (const double c : from) {
          for (int label = 0; label < 3; ++label) {
            x.values.insert(x.values.end(), {a, b, c});
            made.labels.push_back(label);
            for (int k = 0; k < 3; ++k) y.values.push_back(static_cast<double>((k + label) % 3));
          }
        }
      }
    }
    const Index n = static_cast<Index>(made.labels.size());
    x.shape.size[0] = y.shape.size[0] = n;
    made.numbers.push_back(std::move(x));
    if (labels) {
      made.label_shape = {1, {n}};
    } else {
      made.labels.clear();
      made.numbers.push_back(std::move(y));
    }
    return made;
  }

  Arguments grid_of_elements(const Arguments& like, const std::vector<double>& all) const {
    Arguments made = like;
    for (Array& each : made.numbers) each.values.clear();
    std::vector<double> targets = {0};
    for (const double size : {0.5, 1.0, static_cast<double>(std::numeric_limits<T>::denorm_min()), 1e4,
                              static_cast<double>(std::numeric_limits<T>::max())}) {
      targets.push_back(size);
      targets.push_back(-size);
    }
    const bool variance = data_ == Data::mean_and_variance, scores = data_ == Data::scores;
    for (const double p : all) {
      if (!reference_.domain.takes_prediction(p)) continue;
      for (const double y : targets) {
        if (!reference_.domain.takes_target(y) && made.numbers.size() > 1) continue;
        const std::vector<double> between = variance ? std::vector<double>{0, 1e-6, 1, 1e4}
                                            : scores ? all
                                                     : std::vector<double>{0};
        for (const double v : between) {
          made.numbers[0].values.push_back(p);
          if (made.numbers.size() > 1) made.numbers[1].values.push_back(variance || scores ? rounded(v) : y);
          if (made.numbers.size() > 2) made.numbers[2].values.push_back(y);
        }
      }
    }
    for (Array& each : made.numbers) each.shape = {2, {static_cast<Index>(each.values.size()), 1}};
    return made;
  }

  const Reference& reference_;
  Data data_;
  Random& random_;
  Index columns_;
};

}  // namespace losses_test::promises
