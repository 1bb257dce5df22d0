// SPDX-License-Identifier: MIT

/// The promises as figures, for every loss of the table: P1 and P2 (accuracy, beside PyTorch's), P3 (small losses), P4 (a mean of
/// 10^8 floats, and 2^31 elements), P5 (extreme inputs), P6 (NaN), P9 (threads, offsets, runs), P10 (allocations). Prints tables
/// in Markdown; the exit status says whether one is broken.
///
///   promises                     everything
///   promises name…               the losses of these names
///   promises --inputs DIR        writes inputs and references for the script of pytorch.hpp

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "allocations.hpp"
#include "call.hpp"
#include "draw.hpp"
#include "pytorch.hpp"

using namespace losses_test;
using namespace losses_test::promises;

namespace {

template <class T>
constexpr Real value_bound = sizeof(T) == 4 ? 1e-6L : 1e-14L;
/// P2 is of double; float is held to as many of its ε.
template <class T>
constexpr Real slope_bound = sizeof(T) == 4 ? 5e-4L : 1e-12L;
template <class T>
constexpr Real epsilon = static_cast<Real>(std::numeric_limits<T>::epsilon());
template <class T>
constexpr const char* type_name = sizeof(T) == 4 ? "float" : "double";
template <class T>
constexpr T nan = std::numeric_limits<T>::quiet_NaN();

std::optional<std::filesystem::path> inputs_folder;

/// The largest error and the mean one, and the case of the largest.
struct Errors {
  Real most = 0, sum = 0, ratio = 0;
  Index count = 0;
  std::string where;

  void see(Real error, Real bound, const auto& describe) {
    ++count;
    if (std::isnan(error)) error = std::numeric_limits<Real>::infinity();
    if (std::isfinite(error)) sum += error;
    most = std::max(most, error);
    if (error / bound > ratio) ratio = error / bound, where = describe();
  }
};

/// Cases of a promise, and those that break it.
struct Count {
  Index cases = 0, broken = 0;
  std::string where;

  void see(bool good, const auto& describe) {
    ++cases;
    if (good) return;
    if (broken++ == 0) where = describe();
  }
  Count& operator+=(const Count& other) {
    cases += other.cases;
    broken += other.broken;
    if (where.empty()) where = other.where;
    return *this;
  }
};

struct Figures {
  Errors value, slope;
  Count finite, sign, nan, bits;
  long allocations = 0;
};

std::string number(Real x) {
  char text[48];
  std::snprintf(text, sizeof text, "%.9Lg", x);
  return text;
}

std::string text_of(const Sample& sample) {
  std::string text;
  for (const auto& x : sample.x) {
    text += '(';
    for (std::size_t i = 0; i < std::min<std::size_t>(x.size(), 24); ++i) text += (i > 0 ? ", " : "") + number(x[i].f);
    text += x.size() > 24 ? ", …) " : ") ";
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(sample.labels.size(), 8); ++i) {
    text += (i > 0 ? ", " : "label ") + std::to_string(sample.labels[i]);
  }
  return text;
}

/// Sample i of separable arguments, or all of them.
/// A logit of −inf masks its class, if `masks`; another infinity is 1e1000.
template <class T>
Sample sample_of(const Arguments& arguments, std::optional<Index> i, bool masks = false) {
  Sample sample;
  sample.is_float = sizeof(T) == 4;
  sample.flag = arguments.flag == 1;
  const auto take = [&](const auto& values, Index row, const auto& put) {
    const Index first = i ? *i * row : 0, count = i ? row : static_cast<Index>(values.size());
    for (Index k = first; k < first + count; ++k) put(values[static_cast<std::size_t>(k)]);
  };
  for (const Array& each : arguments.numbers) {
    auto& x = sample.x.emplace_back();
    take(each.values, each.row(),
         [&](double value) { x.push_back(masks && value < 0 && std::isinf(value) ? Real(value) : as_real(value)); });
  }
  const Index per_sample = arguments.label_shape.rank > 1 ? arguments.label_shape[1] : 1;
  if (!arguments.labels.empty()) take(arguments.labels, per_sample, [&](int label) { sample.labels.push_back(label); });
  const Extents& shape = arguments.numbers[0].shape;
  sample.columns = static_cast<std::size_t>(shape[1]);
  if (shape.rank == 4) sample.height = shape[2], sample.width = shape[3];
  return sample;
}

struct Expected {
  Real value = 0, size = 0, condition = 1;
  bool is_known = true;
  std::vector<std::vector<Real>> slope, largest;
  std::vector<std::vector<bool>> kink;
};

constexpr Real as_infinity = 1e1000L;

/// A value at 1e1000 that still grows at 1e1100 is infinite.
Real limit(Real near, Real far) {
  return std::fabs(far) > 1.01L * std::fabs(near) ? std::copysign(std::numeric_limits<Real>::infinity(), near) : near;
}

Expected expected(const Formula& formula, Sample sample, int predictions, std::size_t most_seeds, Random& random) {
  bool is_infinite = false;
  Sample beyond = sample;
  for (auto& x : beyond.x) {
    for (Jet& each : x) {
      if (std::fabs(each.f) == as_infinity) each.f *= 1e100L, is_infinite = true;
    }
  }
  Expected want;
  const Total total = formula(sample);
  want.value = is_infinite ? limit(total.sum.f, formula(beyond).sum.f) : total.sum.f;
  want.size = std::isfinite(total.size) && !is_infinite ? total.size : 0;
  want.condition = total.condition;
  for (int k = 0; k < predictions; ++k) {
    auto& x = sample.x[static_cast<std::size_t>(k)];
    auto& far = beyond.x[static_cast<std::size_t>(k)];
    want.slope.emplace_back(x.size(), nan<Real>), want.largest.emplace_back(x.size(), 0);
    want.kink.emplace_back(x.size(), false);
    for (std::size_t seed = 0; seed < std::min(x.size(), most_seeds); ++seed) {
      const std::size_t i =
          x.size() <= most_seeds ? seed : static_cast<std::size_t>(random.below(static_cast<Index>(x.size())));
      x[i].d = 1;
      const Total each = formula(sample);
      x[i].d = 0;
      Real slope = each.sum.d;
      if (is_infinite) {
        far[i].d = 1;
        slope = limit(slope, formula(beyond).sum.d);
        far[i].d = 0;
        if (std::isinf(want.value) && std::isinf(total.sum.f)) slope = nan<Real>;  // infinite throughout: no slope
      }
      if (std::isnan(want.value)) slope = nan<Real>;
      const auto at = static_cast<std::size_t>(k);
      want.slope[at][i] = slope;
      want.largest[at][i] = std::isfinite(each.largest) ? each.largest : 0;
      want.kink[at][i] = each.sum.kink;
    }
  }
  return want;
}

/// Relative to max(|want|, size); what overflows must do so in the reference, too, and below the normal numbers only steps count.
template <class T>
Real relative_error(T got, Real want, Real size) {
  using limits = std::numeric_limits<T>;
  const Real top = static_cast<Real>(limits::max());
  if (std::fabs(want) > top * (1 - 16 * epsilon<T>)) {
    return std::fabs(static_cast<Real>(got)) >= top * (1 - 32 * epsilon<T>) && std::signbit(got) == std::signbit(want)
               ? 0
               : std::numeric_limits<Real>::infinity();
  }
  const Real error = std::fabs(static_cast<Real>(got) - want);
  if (error <= 1024 * static_cast<Real>(limits::min())) return 0;  // 0 below the normal numbers, times a scale
  return error / std::max(std::fabs(want), size);
}

/// Is a corner of the formula within a rounding of this entry? Then the slope of either side is right.
template <class T>
bool near_corner(const Formula& formula, Sample sample, std::size_t k, std::size_t i, T got, Real bound) {
  Real scale = 1;
  for (const auto& x : sample.x) {
    for (const Jet& each : x) scale = std::max(scale, std::fabs(each.f));
  }
  Jet& x = sample.x[k][i];
  const Real here = x.f, h = 8 * epsilon<T> * scale;
  x.d = 1;
  x.f = here - h;
  const Real below = formula(sample).sum.d;
  x.f = here + h;
  const Real above = formula(sample).sum.d;
  const Real low = std::min(below, above), high = std::max(below, above), g = static_cast<Real>(got);
  const Real slack = bound * std::max({std::fabs(low), std::fabs(high), Real(1e-30L)});
  return high - low > 16 * slack && g >= low - slack && g <= high + slack;
}

template <class T>
class Measure {
 public:
  Measure(const Reference& reference, const losses::LossEntry<T>& entry) : reference_(reference), entry_(entry) {}

  Figures run() {
    for (const Variant& variant : reference_.variants) {
      const bool first = &variant == &reference_.variants.front();
      variant_ = &variant;
      loss_.emplace(make(reference_.unit == Unit::whole ? "" : "sum"));
      accuracy(first);
      extreme();
      loss_.emplace(make(""));
      planted_nan();
      if (first) same_bits();
      allocations();
    }
    return figures_;
  }

 private:
  using Call = promises::Call<T>;
  using Draw = promises::Draw<T>;

  losses::AnyLoss<T> make(std::string_view reduction) const {
    losses::LossOptions options;
    const std::string_view given = variant_->options;
    if (const auto equals = given.find('='); equals != given.npos) {
      options.add(std::string(given.substr(0, equals)), std::string(given.substr(equals + 1)));
    }
    const bool has_reduction = !entry_.options.empty() && entry_.options.back().name == "reduction";
    if (!reduction.empty() && has_reduction) options.add("reduction", std::string(reduction));
    return entry_.make(entry_, options);
  }

  std::string name() const {
    std::string text(reference_.name);
    if (*variant_->options != 0) text += '(' + std::string(variant_->options) + ')';
    return text + ' ' + type_name<T>;
  }

  void accuracy(bool first) {
    Random random(20240607);
    const Draw draw(reference_, entry_.arguments, random);
    const bool image = entry_.arguments == Data::images || entry_.arguments == Data::image;
    if (reference_.unit != Unit::whole) {
      const Index n = (first ? 100000 : 20000) / (reference_.unit == Unit::row ? 4 : 1);
      separable(draw(n), figures_.value, figures_.slope, true, first);
      if (entry_.arguments == Data::judged_scores) separable(draw(1000), figures_.value, figures_.slope, true, false);
      return;
    }
    for (int i = 0; i < (image ? 10 : first ? 1000 : 200); ++i) whole(draw(6 + i % 5), true);
  }

  void extreme() {
    Random random(20240608);
    const Draw draw(reference_, entry_.arguments, random);
    for (int i = 0; i < (reference_.unit == Unit::whole ? 500 : 1); ++i) {
      const auto arguments = draw.extreme(reference_.unit == Unit::whole ? 3 + i % 4 : 4000);
      if (!arguments) return;
      if (reference_.unit == Unit::whole) {
        whole(*arguments, false);
      } else {
        Errors value, slope;
        separable(*arguments, value, slope, false, false);
      }
    }
  }

  /// Samples by themselves: their terms, and the gradient of their sum.
  bool masks() const { return entry_.arguments == Data::class_logits || entry_.arguments == Data::sequences; }

  /// Two logits of +inf in a row have no limit, nor have the difference of two infinite scores, the direction of infinite residuals.
  bool has_limit(const Sample& sample) const {
    if (entry_.arguments == Data::scores)
      return std::fabs(sample.x[0][0].f) != as_infinity || std::fabs(sample.x[1][0].f) != as_infinity;
    if (entry_.name == "rmse") {
      return std::count_if(sample.x[0].begin(), sample.x[0].end(),
                           [](const Jet& x) { return std::fabs(x.f) == as_infinity; }) <= 1;
    }
    if (!masks()) return true;
    for (std::size_t i = 0; i < sample.x[0].size(); i += sample.columns) {
      const auto row = sample.x[0].begin() + static_cast<std::ptrdiff_t>(i);
      if (std::count_if(row, row + static_cast<std::ptrdiff_t>(sample.columns),
                        [](const Jet& x) { return x.f == as_infinity; }) > 1)
        return false;
    }
    return true;
  }

  void separable(const Arguments& arguments, Errors& value, Errors& slope, bool random_inputs, bool may_write) {
    const Index n = arguments.numbers[0].shape[0];
    Call call(arguments);
    call.fill_gradients(nan<T>);
    call.value_and_gradient(*loss_);
    std::vector<T> terms = terms_of(call, arguments, n);
    Random random(1);
    const bool by_sample = entry_.arguments == Data::boxes || entry_.arguments == Data::pairs ||
                           entry_.arguments == Data::signed_pairs || entry_.arguments == Data::triplets ||
                           entry_.arguments == Data::input_gradients || entry_.arguments == Data::cosines;
    Writer writer(may_write ? inputs_folder : std::nullopt, std::string(reference_.name) + '.' + type_name<T>);
    writer.put(arguments);
    for (Index i = 0; i < n; ++i) {
      const Sample sample = sample_of<T>(arguments, i, masks());
      if (!has_limit(sample)) continue;
      Expected want = expected(variant_->formula, sample, arguments.predictions, 1000, random);
      if (by_sample) widen(want);
      writer.put(want);
      compare(want, sample, terms[static_cast<std::size_t>(i)], value, slope, random_inputs,
              [&](std::size_t k, std::size_t j) {
                return call.gradient(static_cast<int>(k), i * arguments.numbers[k].row() + static_cast<Index>(j));
              });
    }
  }

  void whole(const Arguments& arguments, bool random_inputs) {
    Call call(arguments);
    call.fill_gradients(nan<T>);
    const T got = call.value_and_gradient(*loss_);
    const Sample sample = sample_of<T>(arguments, std::nullopt, masks());
    if (!has_limit(sample)) return;
    Random random(1);
    Expected want = expected(variant_->formula, sample, arguments.predictions, 40, random);
    widen(want);
    Errors value, slope;
    compare(want, sample, got, random_inputs ? figures_.value : value, random_inputs ? figures_.slope : slope,
            random_inputs,
            [&](std::size_t k, std::size_t j) { return call.gradient(static_cast<int>(k), static_cast<Index>(j)); });
  }

  /// The entries of such gradients are sums over many: errors are relative to the largest entry.
  static void widen(Expected& want) {
    Real most = 0;
    for (const auto& slopes : want.slope) {
      for (const Real each : slopes) most = std::isfinite(each) ? std::max(most, std::fabs(each)) : most;
    }
    for (auto& largest : want.largest) {
      for (Real& each : largest) each = std::max(each, most);
    }
  }

  template <class Gradient>
  void compare(const Expected& want, const Sample& sample, T got, Errors& value, Errors& slope, bool accurate,
               const Gradient& gradient) {
    const Real top = static_cast<Real>(std::numeric_limits<T>::max()) * (1 - 64 * epsilon<T>);
    const auto at = [&](Real is, Real must) {
      return [=, this, &sample] {
        return name() + " at " + text_of(sample) + ": " + number(is) + ", not " + number(must);
      };
    };
    const auto finite = [&](T is, Real must) {
      if (std::fabs(must) <= top) figures_.finite.see(std::isfinite(is), at(static_cast<Real>(is), must));
    };
    if (!std::isnan(want.value)) {
      finite(got, want.value);
      if (want.value >= 0)
        figures_.sign.see(!(static_cast<Real>(got) < -value_bound<T> * want.size),
                          at(static_cast<Real>(got), want.value));
      if (accurate) {
        value.see(relative_error(got, want.value, want.size), value_bound<T> * want.condition,
                  at(static_cast<Real>(got), want.value));
      }
    }
    const Real bound = slope_bound<T> * want.condition;
    for (std::size_t k = 0; k < want.slope.size(); ++k) {
      for (std::size_t i = 0; i < want.slope[k].size(); ++i) {
        const Real must = want.slope[k][i];
        if (std::isnan(must) || want.kink[k][i]) continue;
        const T is = gradient(k, i);
        finite(is, must);
        if (!accurate) continue;
        const Real error = relative_error(is, must, want.largest[k][i]);
        if (error > bound && near_corner(variant_->formula, sample, k, i, is, bound)) continue;
        slope.see(error, bound, at(static_cast<Real>(is), must));
      }
    }
  }

  std::vector<T> terms_of(const Call& call, const Arguments& arguments, Index n) const {
    try {
      auto terms = call.unreduced(*loss_);
      if (static_cast<Index>(terms.size()) == n) return terms;
    } catch (const std::invalid_argument&) {
    }
    std::vector<T> terms;
    for (Index i = 0; i < n; ++i) {
      Arguments one = arguments;
      for (std::size_t k = 0; k < one.numbers.size(); ++k) {
        const Array& from = arguments.numbers[k];
        one.numbers[k].shape.size[0] = 1;
        one.numbers[k].values.assign(from.values.begin() + i * from.row(), from.values.begin() + (i + 1) * from.row());
      }
      if (!one.labels.empty()) one.labels = {arguments.labels[static_cast<std::size_t>(i)]}, one.label_shape = {1, {1}};
      terms.push_back(Call(one).forward(*loss_));
    }
    return terms;
  }

  /// P6: at every index of every argument of numbers, for every length.
  void planted_nan() {
    for (Index n = 1; n <= 33; ++n) {
      Random random(static_cast<std::uint64_t>(n));
      const Arguments arguments = Draw(reference_, entry_.arguments, random)(n);
      Call call(arguments);
      for (std::size_t k = 0; k < arguments.numbers.size(); ++k) {
        const auto& values = arguments.numbers[k].values;
        const std::size_t step = 1 + values.size() / 140;
        for (std::size_t i = 0; i < values.size(); i += step) {
          if (is_left_out(arguments, k, i)) continue;
          call.set(k, static_cast<Index>(i), nan<T>);
          call.fill_gradients(0);
          bool good = true;
          try {
            const T value = call.value_and_gradient(*loss_);
            good = std::isnan(value) && std::isnan(call.forward(*loss_));
            if (static_cast<int>(k) < arguments.predictions) {
              good = good && std::isnan(call.gradient(static_cast<int>(k), static_cast<Index>(i)));
            }
          } catch (const std::logic_error&) {  // refused
          }
          figures_.nan.see(good, [&] {
            return name() + ", argument " + std::to_string(k) + ", element " + std::to_string(i) + " of " +
                   std::to_string(values.size());
          });
          call.set(k, static_cast<Index>(i), static_cast<T>(values[i]));
        }
      }
    }
  }

  /// A log-probability of a class that the target does not name.
  bool is_left_out(const Arguments& arguments, std::size_t k, std::size_t i) const {
    if (entry_.arguments != Data::log_probabilities || k != 0) return false;
    return static_cast<int>(i % 4) != arguments.labels[i / 4];
  }

  /// P9.
  void same_bits() {
    Random random(51);
    const bool batch = entry_.arguments == Data::embeddings || entry_.arguments == Data::views;
    const Arguments arguments = Draw(reference_, entry_.arguments, random)(
        batch                                                                 ? 257
        : entry_.arguments == Data::sequences                                 ? 400
        : entry_.arguments == Data::images || entry_.arguments == Data::image ? 61
                                                                              : 20011);
    Call plain(arguments);
    const T value = plain.value_and_gradient(*loss_);
    for (const Index offset : {0, 1, 2, 3, 5}) {
      Call call(arguments, offset);
      for (const int threads : {0, 1, 2, 3, 4, 8}) {
        std::optional<Eigen::ThreadPool> pool;
        losses::detail::Executor executor;
        if (threads > 0) executor = losses::parallel(pool.emplace(threads)).executor();
        for (int again = 0; again < 2; ++again) {
          call.fill_gradients(nan<T>);
          bool same = call.value_and_gradient(*loss_, executor) == value && call.forward(*loss_, executor) == value;
          for (int k = 0; k < arguments.predictions; ++k) {
            same = same && std::memcmp(&call.gradient(k, 0), &plain.gradient(k, 0),
                                       sizeof(T) * static_cast<std::size_t>(plain.size(k))) == 0;
          }
          figures_.bits.see(same, [&] {
            return name() + ", " + std::to_string(threads) + " threads, offset " + std::to_string(offset);
          });
        }
      }
    }
  }

  /// P10.
  void allocations() {
    for (const Index columns : {4, 1024}) {
      const bool rows = entry_.arguments == Data::class_logits || entry_.arguments == Data::log_probabilities;
      if (columns == 1024 && !rows) continue;
      for (const Index n : {1, 33, 3000}) {
        if (n * columns > 100000 ||
            (n == 3000 && (entry_.arguments == Data::embeddings || entry_.arguments == Data::views)))
          continue;
        Random random(61);
        Call call(Draw(reference_, entry_.arguments, random, columns)(n));
        figures_.allocations = std::max(figures_.allocations, allocations_of([&] { call.value_and_gradient(*loss_); }));
      }
    }
  }

  /// What the script of pytorch.hpp reads: raw doubles, labels as int32, references as long doubles.
  class Writer {
   public:
    Writer(const std::optional<std::filesystem::path>& folder, const std::string& name) {
      if (folder) path_ = (*folder / name).string();
    }
    void put(const Arguments& arguments) {
      if (path_.empty()) return;
      for (std::size_t k = 0; k < arguments.numbers.size(); ++k) {
        write("in" + std::to_string(k), arguments.numbers[k].values);
      }
      write("labels", arguments.labels);
    }
    void put(const Expected& want) {
      if (path_.empty()) return;
      values_.insert(values_.end(), {want.value, want.size});
      for (std::size_t k = 0; k < want.slope.size(); ++k) {
        for (std::size_t i = 0; i < want.slope[k].size(); ++i) {
          const Real slope = want.kink[k][i] ? nan<Real> : want.slope[k][i];
          slopes_[k].insert(slopes_[k].end(), {slope, want.largest[k][i]});
        }
      }
    }
    ~Writer() {
      if (path_.empty()) return;
      write("value", values_);
      for (const auto& [k, slopes] : slopes_) write("slope" + std::to_string(k), slopes);
    }

   private:
    template <class Number>
    void write(const std::string& field, const std::vector<Number>& numbers) const {
      std::ofstream(path_ + '.' + field, std::ios::binary)
          .write(reinterpret_cast<const char*>(numbers.data()),
                 static_cast<std::streamsize>(numbers.size() * sizeof(Number)));
    }
    std::string path_;
    std::vector<Real> values_;
    std::map<std::size_t, std::vector<Real>> slopes_;
  };

  const Reference& reference_;
  const losses::LossEntry<T>& entry_;
  const Variant* variant_ = nullptr;
  std::optional<losses::AnyLoss<T>> loss_;
  Figures figures_;
};

/// "2.1 (0.31)": the largest error and the mean one, in units of ε.
std::string in_epsilons(Real most, Real mean) {
  char text[64];
  if (!std::isfinite(most)) return "∞";
  std::snprintf(text, sizeof text, most < 1000 ? "%.3Lg (%.2Lg)" : "%.1Le (%.2Lg)", most, mean);
  return text;
}

template <class T>
std::string in_epsilons(const Errors& errors) {
  return errors.count == 0
             ? ""
             : in_epsilons(errors.most / epsilon<T>, errors.sum / static_cast<Real>(errors.count) / epsilon<T>);
}

/// P3: what is left of a small loss in float.
Errors small_losses() {
  Errors errors;
  const auto see = [&](const char* name, const Arguments& arguments) {
    const auto& all = references();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const Reference& each) { return each.name == std::string_view(name); });
    const Sample sample = sample_of<float>(arguments, std::nullopt);
    const Real want = found->variants.front().formula(sample).sum.f;
    const Real least = std::string_view(name) == "ctc" ? 1e-9L : static_cast<Real>(std::numeric_limits<float>::min());
    if (want > 1e-6L || want < least) return;
    const Real got = static_cast<Real>(Call<float>(arguments).forward(losses::make_loss<float>(name)));
    errors.see(got < 0 ? 1 : std::fabs(got - want) / want, 1e-6L,
               [&] { return std::string(name) + " at " + text_of(sample); });
  };
  const auto row = [](std::initializer_list<double> values) {
    Array array{{2, {1, static_cast<Index>(values.size())}}, {}};
    for (const double x : values) array.values.push_back(static_cast<double>(static_cast<float>(x)));
    return array;
  };
  for (int i = 0; i <= 1000; ++i) {
    const double t = i / 1000.0;
    Arguments elements;
    elements.numbers = {row({std::pow(10, -16 + 13 * t)}), row({0})};
    see("log_cosh", elements);
    for (const bool yes : {false, true}) {
      const double x = (yes ? 1 : -1) * (13 + 73 * t);
      elements.numbers = {row({x}), row({yes ? 1.0 : 0.0})};
      for (const char* name : {"bce_with_logits", "multi_label_bce", "focal_with_logits"}) see(name, elements);
      elements.numbers[1] = row({yes ? 1.0 : -1.0});
      see("soft_margin", elements);
    }
    Arguments classes;
    classes.numbers = {row({1, 15 + 72 * t, -2})};
    classes.labels = {1};
    classes.label_shape = {1, {1}};
    for (const char* name : {"cross_entropy", "softmax_focal", "poly_cross_entropy"}) see(name, classes);
    Array frames{{2, {3, 3}}, {}};
    for (int frame = 0; frame < 3; ++frame) {
      for (const double x : {-40.0, 13 + 9 * t, 0.5})
        frames.values.push_back(static_cast<double>(static_cast<float>(x)));
    }
    classes.numbers = {frames};
    see("ctc", classes);
  }
  return errors;
}

/// P4: of 10^8 floats in memory.
Real long_mean() {
  const Index n = 100000000;
  Eigen::ArrayXf p(n), y = Eigen::ArrayXf::Constant(n, 0.25f), g(n);
  std::uint64_t state = 1;
  Real sum = 0;
  for (Index i = 0; i < n; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    p(i) = static_cast<float>(state >> 40) * 0x1p-23f;
    const Real r = static_cast<Real>(p(i)) - 0.25L;
    sum += r * r;
  }
  const Real got = static_cast<Real>(losses::make_loss<float>("mse").value_and_gradient(p, y, g));
  return std::fabs(got * static_cast<Real>(n) / sum - 1);
}

/// More than 2^31 elements: a few samples repeated by a stride of 0 have the mean of those samples.
Count many_elements() {
  Count count;
  const Index repeats = (Index(1) << 15) + 3, many = (Index(1) << 30) + 3;
  using View = losses::detail::View<const float>;
  using losses::detail::Kind;
  const auto run = [](const losses::AnyLoss<float>& loss, std::initializer_list<losses::detail::ErasedInput> inputs) {
    return loss.erased().run(losses::detail::ErasedVerb::forward, {{}, inputs.begin(), inputs.size(), nullptr});
  };
  const auto see = [&](const char* name, float got, float want) {
    count.see(std::fabs(got - want) <= 2e-7f * want, [&] {
      return std::string(name) + ": " + number(static_cast<Real>(got)) + ", not " + number(static_cast<Real>(want));
    });
  };
  std::vector<float> p(1 << 16), y(1 << 16);
  std::vector<int> labels(1 << 15);
  Random random(71);
  for (float& x : p) x = static_cast<float>(random.unit());
  for (float& x : y) x = static_cast<float>(random.below(2));
  for (int& label : labels) label = static_cast<int>(random.below(2));
  const Index n = static_cast<Index>(p.size()), rows = n / 2;
  const View few_p{p.data(), {2, {n, 1}}, {1, 1}}, few_y{y.data(), {2, {n, 1}}, {1, 1}};
  const View all_p{p.data(), {2, {n, repeats}}, {1, 0}}, all_y{y.data(), {2, {n, repeats}}, {1, 0}};
  for (const char* name : {"mse", "dice(smooth=0)"}) {
    const auto loss = losses::make_loss<float>(name);
    see(name, run(loss, {{Kind::numbers, &all_p}, {Kind::numbers, &all_y}}),
        run(loss, {{Kind::numbers, &few_p}, {Kind::numbers, &few_y}}));
  }
  auto few_labels = losses::detail::whole_labels(labels), all_labels = few_labels;
  all_labels.extents = {2, {rows, repeats}};
  all_labels.stride[0] = 1, all_labels.stride[1] = 0;
  const View few_rows{p.data(), {2, {rows, 2}}, {2, 1}}, all_rows{p.data(), {3, {rows, 2, repeats}}, {2, 1, 0}};
  for (const char* name : {"cross_entropy", "softmax_dice(smooth=0)"}) {
    const auto loss = losses::make_loss<float>(name);
    see(name, run(loss, {{Kind::numbers, &all_rows}, {Kind::labels, &all_labels}}),
        run(loss, {{Kind::numbers, &few_rows}, {Kind::labels, &few_labels}}));
  }
  const float box[] = {0, 0, 1, 2}, other[] = {0.5f, 0, 1.5f, 2}, sign = 1;
  const View few_box{box, {2, {1, 4}}, {4, 1}}, few_other{other, {2, {1, 4}}, {4, 1}};
  const View all_box{box, {2, {many / 2, 4}}, {0, 1}}, all_other{other, {2, {many / 2, 4}}, {0, 1}};
  const auto giou = losses::make_loss<float>("giou");
  see("giou", run(giou, {{Kind::numbers, &all_box}, {Kind::numbers, &all_other}}),
      run(giou, {{Kind::numbers, &few_box}, {Kind::numbers, &few_other}}));
  const View few_pair{box, {2, {1, 3}}, {3, 1}}, few_twin{other, {2, {1, 3}}, {3, 1}},
      few_sign{&sign, {2, {1, 1}}, {1, 1}};
  const View all_pair{box, {2, {many, 3}}, {0, 1}}, all_twin{other, {2, {many, 3}}, {0, 1}},
      all_sign{&sign, {2, {many, 1}}, {0, 1}};
  const auto pair = losses::make_loss<float>("contrastive");
  see("contrastive", run(pair, {{Kind::numbers, &all_pair}, {Kind::numbers, &all_twin}, {Kind::numbers, &all_sign}}),
      run(pair, {{Kind::numbers, &few_pair}, {Kind::numbers, &few_twin}, {Kind::numbers, &few_sign}}));
  // All pairs of 46 500 equal rows: log of the number of the others.
  const View batch{other, {2, {46500, 3}}, {0, 1}};
  const std::vector<int> same(46500, 1);
  const auto same_labels = losses::detail::whole_labels(same);
  see("sup_con", run(losses::make_loss<float>("sup_con"), {{Kind::numbers, &batch}, {Kind::labels, &same_labels}}),
      std::log(46499.0f));
  return count;
}

/// Whether P10 says that this loss allocates nothing.
bool is_free_of_allocations(const losses::LossEntry<float>& entry) {
  const std::set<std::string_view> others = {
      "lovasz",           "lovasz_softmax", "mined_triplet", "sup_con", "nt_xent",
      "multi_similarity", "circle",         "style",         "ssim",    "ctc"};
  return !others.contains(entry.name);
}

template <class T>
Figures figures_of(const Reference& reference) {
  for (const auto& entry : losses::known_losses<T>()) {
    if (entry.name == reference.name) return Measure<T>(reference, entry).run();
  }
  return {};
}

std::string pytorch_text(std::string_view name, bool value) {
  const auto found = pytorch_errors().find(name);
  if (found == pytorch_errors().end()) return "";
  const PyTorchErrors& errors = found->second;
  return value ? in_epsilons(errors.value, errors.value_mean) : in_epsilons(errors.slope, errors.slope_mean);
}

}  // namespace

int main(int count, char** arguments) {
  std::set<std::string_view> wanted;
  for (int i = 1; i < count; ++i) {
    if (std::string_view(arguments[i]) == "--inputs" && i + 1 < count) {
      inputs_folder = arguments[++i];
      std::filesystem::create_directories(*inputs_folder);
    } else {
      wanted.insert(arguments[i]);
    }
  }
  std::vector<std::string> broken;
  std::set<std::string_view> has_reference;
  for (const Reference& each : references()) has_reference.insert(each.name);
  for (const auto& entry : losses::known_losses<float>()) {
    if (!has_reference.contains(entry.name)) broken.push_back(std::string(entry.name) + " has no reference");
  }

  std::printf(
      "Largest error (mean error in parentheses) in units of ε, 2^-23 and 2^-52.\n\n"
      "| loss | value, float | PyTorch | value, double | PyTorch | gradient, float | PyTorch | gradient, double | "
      "PyTorch |\n"
      "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
  Real worst[4] = {};
  Index cases[2] = {};
  Count finite, sign, nan_lost, bits, free;
  std::string allocating;
  for (const Reference& reference : references()) {
    if (!wanted.empty() && !wanted.contains(reference.name)) continue;
    const Figures f = figures_of<float>(reference), d = figures_of<double>(reference);
    const std::string name(reference.name), in_float = name + ".float", in_double = name + ".double";
    std::printf("| `%s` | %s | %s | %s | %s | %s | %s | %s | %s |\n", reference.name,
                in_epsilons<float>(f.value).c_str(), pytorch_text(in_float, true).c_str(),
                in_epsilons<double>(d.value).c_str(), pytorch_text(in_double, true).c_str(),
                in_epsilons<float>(f.slope).c_str(), pytorch_text(in_float, false).c_str(),
                in_epsilons<double>(d.slope).c_str(), pytorch_text(in_double, false).c_str());
    std::fflush(stdout);
    const Errors* errors[] = {&f.value, &d.value, &f.slope, &d.slope};
    for (int k = 0; k < 4; ++k) {
      worst[k] = std::max(worst[k], errors[k]->ratio);
      cases[k / 2] += errors[k]->count;
      if (!(errors[k]->ratio <= 1)) broken.push_back(std::string(k < 2 ? "P1: " : "P2: ") + errors[k]->where);
    }
    for (const Figures* each : {&f, &d}) {
      finite += each->finite, sign += each->sign, nan_lost += each->nan, bits += each->bits;
      const auto report = [&](const char* promise, const Count& counted) {
        if (counted.broken > 0)
          broken.push_back(promise + std::to_string(counted.broken) + " of " + std::to_string(counted.cases) +
                           ", first " + counted.where);
      };
      report("P5: ", each->finite), report("P3, negative: ", each->sign), report("P6: ", each->nan),
          report("P9: ", each->bits);
    }
    const auto& table = losses::known_losses<float>();
    const auto entry = std::find_if(table.begin(), table.end(), [&](const auto& each) { return each.name == name; });
    const long allocated = std::max(f.allocations, d.allocations);
    if (entry != table.end() && is_free_of_allocations(*entry)) {
      free.see(allocated == 0, [&] { return name; });
      if (allocated > 0) broken.push_back("P10: " + name + " allocates " + std::to_string(allocated) + " times");
    } else {
      allocating += (allocating.empty() ? "" : ", ") + name + ' ' + std::to_string(allocated);
    }
  }
  std::printf("\n| promise | figure | cases |\n|---|---|---:|\n");
  const auto line = [](const char* promise, const std::string& figure, Index of) {
    std::printf("| %s | %s | %lld |\n", promise, figure.c_str(), static_cast<long long>(of));
  };
  const auto all_of = [&](const char* promise, const Count& counted, const char* what) {
    line(promise, std::to_string(counted.broken) + what, counted.cases);
  };
  line("P1 values: the worst error, in units of its bound",
       number(worst[0]) + " float, " + number(worst[1]) + " double", cases[0]);
  line("P2 gradients: the same", number(worst[2]) + " float, " + number(worst[3]) + " double", cases[1]);
  if (wanted.empty()) {
    const Errors small = small_losses();
    line("P3 losses below 1e-6 in float: the worst relative error", number(small.most), small.count);
    if (!(small.ratio <= 1)) broken.push_back("P3: " + small.where);
  }
  all_of("P3 no loss is negative", sign, " negative");
  if (wanted.empty()) {
    const Real mean = long_mean();
    line("P4 a float mean over 10^8 elements: relative error", number(mean), 1);
    if (!(mean <= 1e-7L)) broken.push_back("P4: a mean of 10^8 floats");
    const Count many = many_elements();
    all_of("more than 2^31 elements", many, " wrong");
    if (many.broken > 0) broken.push_back("2^31: " + many.where);
  }
  all_of("P5 extreme inputs: not finite where the true number can be represented", finite, " lost");
  all_of("P6 NaN planted at every index, lengths 1 to 33", nan_lost, " lost");
  all_of("P9 bits of value and gradient: threads, offsets, runs", bits, " different");
  all_of("P10 losses that allocate, of those that must not", free, " allocate");
  std::printf("\nAllocations of the others for a call, at most: %s.\n", allocating.c_str());
  for (const std::string& each : broken) std::printf("BROKEN %s\n", each.c_str());
  return broken.empty() ? 0 : 1;
}
