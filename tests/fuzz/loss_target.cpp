// SPDX-License-Identifier: MIT

#include "loss_target.hpp"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stdexcept>

#include "loss_input.hpp"

namespace losses_test {

namespace {

using detail::ErasedVerb;

/// Chunks from the last to the first: a pool with the least luck.
constexpr detail::Executor backwards{[](void*, detail::Index chunks, const detail::ChunkTask& task) {
  for (detail::Index chunk = chunks; chunk-- > 0;) task.run(task.context, chunk);
}};

template <class T>
struct Outcome {
  bool refused = false;
  std::string message;
  T value = 0;
  std::vector<std::vector<T>> gradients;
};

template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0 || (std::isnan(a) && std::isnan(b));
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_bits(a[i], b[i])) return false;
  }
  return true;
}

/// A loss and its arguments, and every way to call it.
template <class T>
class LossCall {
 public:
  LossCall(const losses::LossEntry<T>& entry, const ProblemOptions& options, losses::AnyLoss<T> loss, Bytes& bytes)
      : entry_(entry), loss_(std::move(loss)), in_(entry, options, bytes), bytes_(bytes) {}

  void run(const RoomReference* reference) {
    const Outcome<T> forward = value_alone({});
    if (in_.must_be_refused) expect(forward.refused, "a bad call is taken");
    if (!in_.must_be_refused && !in_.may_be_refused)
      expect(!forward.refused, "a good call is refused: " + forward.message);

    const Outcome<T> plain = with_gradients({});
    expect(plain.refused == forward.refused && plain.message == forward.message,
           "value_and_gradient and forward refuse differently: " + plain.message + " and " + forward.message);
    wrong_gradients();
    in_place(plain);
    unreduced(forward.refused);
    if (forward.refused) return;
    expect(same_bits(plain.value, forward.value), "forward is not the value of value_and_gradient");

    const Outcome<T> again = with_gradients(backwards);
    expect(same_bits(again.value, plain.value), "another order of the chunks");
    for (std::size_t i = 0; i < plain.gradients.size(); ++i) {
      expect(same_bits(again.gradients[i], plain.gradients[i]), "another order of the chunks: gradient");
    }
    added(plain);

    // The references and what is printed of a failure see the arguments as they were stored.
    const auto stored = in_.views;
    in_.store_densely();
    const Outcome<T> dense = with_gradients({}, false);
    for (std::size_t i = 0; i < stored.size(); ++i) in_.views[i] = stored[i];
    expect(!dense.refused, "another storage is refused: " + dense.message);
    close(plain.value, dense.value, std::fabs(dense.value), "another storage: value");
    for (std::size_t g = 0; g < dense.gradients.size(); ++g) {
      T most = 0;
      for (const T each : dense.gradients[g]) most = std::max(most, std::fabs(each));
      for (std::size_t i = 0; i < dense.gradients[g].size(); ++i) {
        close(plain.gradients[g][i], dense.gradients[g][i], most, "another storage: gradient");
      }
    }
    if (reference != nullptr) compare(*reference, plain);
  }

 private:
  using Limits = std::numeric_limits<T>;

  void expect(bool holds, const std::string& what) const {
    if (holds) return;
    std::cerr << what << "\n" << *this << std::endl;
    std::abort();
  }

  friend std::ostream& operator<<(std::ostream& out, const LossCall& call) {
    out << call.entry_.describe(call.entry_, call.loss_.erased().parts.front().loss)
        << (sizeof(T) == 4 ? ", float" : ", double") << std::hexfloat;
    for (const auto& view : call.in_.views) {
      out << "\n[";
      for (int axis = 0; axis < view.extents.rank; ++axis) out << ' ' << view.extents[axis];
      out << " ], strides";
      for (int axis = 0; axis < view.extents.rank; ++axis) out << ' ' << view.stride[axis];
      out << ':';
      for (Index i = 0; i < std::min<Index>(view.extents.count(), 200); ++i) out << ' ' << detail::element(view, i);
    }
    out << "\nlabels";
    for (const auto label : call.in_.problem.labels) out << ' ' << label;
    for (const auto& lengths : call.in_.problem.lengths) {
      out << "\nlengths";
      for (const auto length : lengths) out << ' ' << length;
    }
    out << "\nmask";
    for (const bool kept : call.in_.problem.mask) out << ' ' << kept;
    return out << "\nflag " << call.in_.problem.flag;
  }

  void close(T a, T b, T size, const char* what) const {
    if (same_bits(a, b) || a == b) return;
    const T tolerance = sizeof(T) == 4 ? T(1e-5) : T(1e-11);
    const bool is_close = std::fabs(a / 2 - b / 2) <= tolerance * (size / 2) + 16 * Limits::min();
    // At the end of the range one side may be past it, and sums of infinities are what comes first.
    const bool is_far = !(in_.largest < Limits::max() / 1024);
    char text[100];
    std::snprintf(text, sizeof text, ": %.9g and %.9g", static_cast<double>(a), static_cast<double>(b));
    expect(is_close || is_far, what + std::string(text));
  }

  template <class F>
  Outcome<T> guarded(const F& f) const {
    Outcome<T> outcome;
    try {
      f(outcome);
    } catch (const std::invalid_argument& error) {
      outcome.refused = true;
      outcome.message = error.what();
    } catch (const std::out_of_range& error) {
      outcome.refused = true;
      outcome.message = error.what();
    }
    if (outcome.refused) {
      // "MSE" of AdversarialMSE, which consists of it, is a name, too.
      const auto name = outcome.message.substr(0, outcome.message.find(':'));
      expect(entry_.class_name.find(name) != std::string_view::npos, "an error of no loss: " + outcome.message);
    }
    return outcome;
  }

  T call(ErasedVerb verb, const detail::Executor& executor, detail::Destination<T>* to) const {
    return loss_.erased().run(verb, {executor, in_.inputs.data(), in_.inputs.size(), to});
  }

  Outcome<T> value_alone(const detail::Executor& executor) const {
    return guarded([&](auto& outcome) { outcome.value = call(ErasedVerb::forward, executor, nullptr); });
  }

  std::deque<Placed<T>> buffers(bool strided) {
    std::deque<Placed<T>> made;
    for (std::size_t i = 0; i < static_cast<std::size_t>(in_.gradients); ++i) {
      made.emplace_back(in_.shape_of(in_.views[i]), strided ? &bytes_ : nullptr);
    }
    return made;
  }

  /// What is no element of the gradients, and all of them where the call is refused, must be as it was.
  static bool untouched(const std::deque<Placed<T>>& before, std::deque<Placed<T>>& after, bool elements_too) {
    for (std::size_t g = 0; g < before.size(); ++g) {
      std::vector<bool> may_change(after[g].memory.size(), false);
      for (Index i = 0; !elements_too && i < after[g].view.extents.count(); ++i) {
        may_change[static_cast<std::size_t>(&after[g][i] - after[g].memory.data())] = true;
      }
      for (std::size_t i = 0; i < may_change.size(); ++i) {
        if (!may_change[i] && std::memcmp(&before[g].memory[i], &after[g].memory[i], sizeof(T)) != 0) return false;
      }
    }
    return true;
  }

  static void copy(const std::deque<Placed<T>>& from, std::deque<Placed<T>>& to) {
    for (const auto& each : from) {
      auto& made = to.emplace_back(std::vector<Index>{0}, nullptr);
      made.memory = each.memory;
      made.view = each.view;
      made.view.data = made.memory.data() + (each.view.data - each.memory.data());
    }
  }

  Outcome<T> into(std::deque<Placed<T>>& made, const detail::Executor& executor, bool adds, double factor) {
    std::deque<Placed<T>> before;
    copy(made, before);
    std::vector<detail::Destination<T>> to;
    for (auto& each : made) to.push_back({{each.view, adds, factor}, &each});
    Outcome<T> outcome =
        guarded([&](auto& result) { result.value = call(ErasedVerb::value_and_gradient, executor, to.data()); });
    expect(untouched(before, made, outcome.refused),
           outcome.refused ? "a refused call has written: " + outcome.message : "written beside the gradient");
    for (auto& each : made) outcome.gradients.push_back(each.values());
    return outcome;
  }

  Outcome<T> with_gradients(const detail::Executor& executor, bool strided = true) {
    auto made = buffers(strided);
    return into(made, executor, false, 1);
  }

  void added(const Outcome<T>& plain) {
    auto made = buffers(true);
    constexpr double factors[] = {1, -0.5, 2, 0};
    const double factor = factors[bytes_.take() & 3];
    for (auto& each : made) {
      for (Index i = 0; i < each.view.extents.count(); ++i) each[i] = T(0.75);
    }
    const Outcome<T> sum = into(made, {}, true, factor);
    expect(!sum.refused && same_bits(sum.value, plain.value), "add_to changes the value: " + sum.message);
    for (std::size_t g = 0; g < sum.gradients.size(); ++g) {
      for (std::size_t i = 0; i < sum.gradients[g].size(); ++i) {
        const Real change = static_cast<Real>(plain.gradients[g][i]) * factor, must = 0.75L + change;
        const Real is = static_cast<Real>(sum.gradients[g][i]);
        if (std::fabs(must) > Limits::max() / 4 || factor == 0) continue;
        expect((std::isnan(must) && std::isnan(is)) || must == is ||
                   std::fabs(is - must) <= 8 * Limits::epsilon() * (0.75L + std::fabs(change)),
               "add_to adds something else");
      }
    }
  }

  /// Gradients that must not be taken: of another shape, and over the last argument of numbers.
  void wrong_gradients() {
    const unsigned how = bytes_.take();
    auto made = buffers(true);
    const auto last = static_cast<std::size_t>(bytes_.below(in_.gradients));
    detail::View<T> wrong = made[last].view;
    if ((how & 1) != 0) {
      // One sample less.
      if (wrong.extents.size[0] == 0) return;
      wrong.extents.size[0] -= 1;
    } else {
      const auto& other = in_.views.back();
      if (in_.views.size() <= last + 1 || !(other.extents == wrong.extents) || other.extents.count() == 0) return;
      wrong = in_.numbers.back().view;
    }
    std::deque<Placed<T>> before, inputs;
    copy(made, before), copy(in_.numbers, inputs);
    std::vector<detail::Destination<T>> to;
    for (auto& each : made) to.push_back({{each.view, false, 1.0}, &each});
    to[last].view = wrong;
    const auto outcome = guarded([&](auto&) { call(ErasedVerb::value_and_gradient, {}, to.data()); });
    expect(outcome.refused,
           (how & 1) != 0 ? "a gradient of another shape is taken" : "a gradient over an argument is taken");
    expect(untouched(before, made, true) && untouched(inputs, in_.numbers, true),
           "a refused call has written: " + outcome.message);
  }

  /// The first gradient over its prediction: refused, or the same bits.
  void in_place(const Outcome<T>& plain) {
    std::deque<Placed<T>> kept;
    copy(in_.numbers, kept);
    auto made = buffers(true);
    std::vector<detail::Destination<T>> to;
    for (auto& each : made) to.push_back({{each.view, false, 1.0}, &each});
    to[0].view = in_.numbers[0].view;
    const auto outcome =
        guarded([&](auto& result) { result.value = call(ErasedVerb::value_and_gradient, {}, to.data()); });
    if (outcome.refused) {
      expect(untouched(kept, in_.numbers, true), "a refused call has written over its prediction: " + outcome.message);
    } else {
      expect(!plain.refused, "taken in place, and else refused: " + plain.message);
      // A sum of doubles past their range is taken again in a smaller unit, unless its terms are written over by then.
      const bool is_far = !(in_.largest < Limits::max() / 1024);
      expect(same_bits(outcome.value, plain.value) || (is_far && std::isinf(outcome.value)), "another value in place");
      expect(same_bits(in_.numbers[0].values(), plain.gradients[0]), "another gradient in place");
    }
    for (std::size_t i = 0; i < kept.size(); ++i) {
      std::copy(kept[i].memory.begin(), kept[i].memory.end(), in_.numbers[i].memory.begin());
    }
  }

  void unreduced(bool refused) const {
    detail::TermMatrix<T> terms;
    auto to = detail::term_destination<T>(terms);
    const auto outcome = guarded([&](auto&) { call(ErasedVerb::unreduced, {}, &to); });
    if (!outcome.refused) expect(!refused, "unreduced takes what forward refuses");
  }

  void compare(const RoomReference& reference, const Outcome<T>& outcome) {
    Index count = 0;
    for (std::size_t g = 0; g < outcome.gradients.size(); ++g) count += std::ssize(outcome.gradients[g]);
    if (in_.is_large || count > 64 || in_.has_infinity || in_.largest > reference.largest ||
        in_.smallest < reference.smallest) {
      return;
    }
    Rounding::unit = Limits::epsilon() / 2;
    Rounding::least = Limits::min();
    Rounding::kink = Rounding::jump = false;
    Rounding::largest = 0;
    const Number value = reference.value(in_.problem);
    if (Rounding::jump) return;
    compare(value.f, value.ef, outcome.value, "the value");
    for (std::size_t g = 0; g < outcome.gradients.size(); ++g) {
      for (std::size_t i = 0; i < outcome.gradients[g].size(); ++i) {
        Number& variable = in_.problem.numbers[g].of[i];
        variable.d = 1;
        Rounding::kink = Rounding::jump = false;
        Rounding::largest = 0;
        const Number seeded = reference.value(in_.problem);
        variable.d = 0;
        const T is = outcome.gradients[g][i];
        if (std::isnan(value.f) && std::isnan(is)) continue;  // beside a NaN, or in the same row
        if (!Rounding::kink && !Rounding::jump) compare(seeded.d, seeded.ed, is, "the gradient");
      }
    }
  }

  void compare(Real must, Real rounding, T is, const std::string& what) const {
    if (std::isnan(must)) return expect(std::isnan(is), what + " is not NaN");
    constexpr Real most = Limits::max();
    // What is past the largest number, or may be.
    if (std::fabs(must) > 0.999L * most || Rounding::largest > 0.999L * most || !(rounding < most))
      return expect(!std::isnan(is), what + " is NaN");
    const Real tolerance = 16 * Limits::epsilon() * rounding + 16 * Limits::min();
    if (std::fabs(static_cast<Real>(is) - must) <= tolerance) return;
    char text[200];
    std::snprintf(text, sizeof text, " is %.12g, but must be %.12Lg within %.3Lg", static_cast<double>(is), must,
                  tolerance);
    expect(false, what + text);
  }

  const losses::LossEntry<T>& entry_;
  losses::AnyLoss<T> loss_;
  LossInput<T> in_;
  Bytes& bytes_;
};

/// A text for an option: usual ones, the ends of its domain, and what is none.
std::string option_text(std::string_view wanted, Bytes& bytes) {
  constexpr std::string_view numbers[] = {"0.5",  "1",   "0",    "2",   "0.25", "1.5",   "0.1",  "3",   "-1",
                                          "0.75", "10",  "1e-3", "5",   "-2",   "1e-7",  "-0.5", "100", "4.5",
                                          "0.9",  "inf", "-inf", "nan", "-0",   "1e-30", "1e30"};
  constexpr std::string_view integers[] = {"1", "0", "2", "3", "-1", "-100", "5", "255", "9223372036854775807"};
  const unsigned byte = bytes.take();
  if (wanted == "a number") return std::string(numbers[byte % std::size(numbers)]);
  if (wanted == "an integer") return std::string(integers[byte % std::size(integers)]);
  if (wanted.find("list") != std::string_view::npos) {
    if (wanted.starts_with("a number") && byte % 4 == 3) return std::string(numbers[bytes.take() % 8]);
    std::string text = "[";
    for (unsigned i = 0; i < 1 + byte % 5; ++i) {
      if (i > 0) text += ", ";
      text += numbers[bytes.take() % (byte >= 0xc0 ? std::size(numbers) : 8)];
    }
    return text + "]";
  }
  // Words: "mean, sum or batch_mean", "true or false".
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted.substr(i).starts_with(", ") || wanted.substr(i).starts_with(" or ")) {
      i += wanted[i] == ',' ? 1 : 3;
      words.emplace_back();
    } else {
      words.back() += wanted[i];
    }
  }
  return words[byte % words.size()];
}

}  // namespace

template <class T>
void run_loss(const std::vector<losses::LossEntry<T>>& entries, std::span<const RoomReference> references,
              std::span<const std::uint8_t> data) {
  Bytes bytes(data);
  const auto& entry = entries[(bytes.take() & 0x7f) % entries.size()];
  ProblemOptions options;
  options.rounded = [](std::string_view text) {
    T value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return static_cast<Real>(value);
  };
  losses::LossOptions given;
  bool is_odd = false;  // the formula may overflow where the loss does not
  for (const auto& option : entry.options) {
    if (!bytes.one_in(3)) continue;
    const std::string text = option_text(option.wanted, bytes);
    options.given.emplace(option.name, text);
    for (const std::string_view odd : {"inf", "nan", "1e30", "1e-30"}) {
      if (text.find(odd) != std::string::npos) is_odd = true;
    }
    given.add(std::string(option.name), text);
  }
  std::optional<losses::AnyLoss<T>> loss;
  try {
    loss = entry.make(entry, given);
  } catch (const std::invalid_argument&) {
    return;
  }
  const RoomReference* reference = nullptr;
  for (const auto& each : references) {
    if (each.loss == entry.name && !is_odd) reference = &each;
  }
  LossCall<T>(entry, options, std::move(*loss), bytes).run(reference);
}

template void run_loss(const std::vector<losses::LossEntry<float>>&, std::span<const RoomReference>,
                       std::span<const std::uint8_t>);
#if LOSSES_FUZZ_DOUBLE
template void run_loss(const std::vector<losses::LossEntry<double>>&, std::span<const RoomReference>,
                       std::span<const std::uint8_t>);
#endif

}  // namespace losses_test
