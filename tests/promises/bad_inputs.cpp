// SPDX-License-Identifier: MIT

// P7: bad inputs of every loss of the table, each refused with the loss, the argument, the index and the value in the message,
// and with all outputs as they were. LOSSES_FIGURES=1 prints each of them with its message.

#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <set>

#include <losses/losses.hpp>

#include "bad_options.hpp"
#include "catch.hpp"
#include "spoilt_calls.hpp"

using namespace losses_test;
using losses::make_loss;
using Error = Answer::Error;
using Entry = losses::LossEntry<float>;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// How a bad input must be refused: the error, and words of its message behind the name of the loss.
struct Wanted {
  Error error = Error::invalid_argument;
  std::vector<std::string> words;
};

/// Counts the bad inputs, and those refused as they must be.
class Tally {
 public:
  void count(std::string_view loss, const std::string& what, const Wanted& wanted, const Answer& answer,
             std::string_view verb = "make_loss") {
    std::string fault;
    if (answer.error == Error::none) fault = "accepted";
    if (answer.error != Error::none && answer.error != wanted.error) fault = "another error";
    if (fault.empty() && !answer.message.starts_with(std::string(loss) + ": ")) fault = "another name";
    for (const auto& word : wanted.words) {
      if (fault.empty() && answer.message.find(word) == std::string::npos) fault = "no \"" + word + '"';
    }
    if (!answer.untouched) fault += " output written";
    const std::string input = std::string(loss) + ", " + what;
    INFO(input << ", " << verb << ": " << answer.message);
    CHECK(fault == "");
    auto [at, is_new] = inputs_.emplace(input, fault.empty());
    at->second = at->second && fault.empty();
    if (is_new && prints()) std::cout << input << "\n    " << answer.message << '\n';
  }

  int inputs() const { return static_cast<int>(inputs_.size()); }
  int refused() const {
    int good = 0;
    for (const auto& [input, refused] : inputs_) good += refused ? 1 : 0;
    return good;
  }

 private:
  static bool prints() { return std::getenv("LOSSES_FIGURES") != nullptr; }

  std::map<std::string, bool> inputs_;
};

Tally tally;

/// A loss and a right call of it; each refuse… spoils a copy.
class Spoiler {
 public:
  Spoiler(const Entry& entry, const losses::AnyLoss<float>& loss, const Call& call, std::string what = "")
      : entry_(entry), loss_(loss), call_(call), what_(std::move(what)) {
    Call good = call_;
    Attempt attempt(loss_, good);
    INFO(entry.name << what_);
    for (const Answer& answer : {attempt.forward(), attempt.gradient({})}) CHECK(answer.message == "accepted");
    has_unreduced_ = attempt.unreduced().error == Error::none;
  }

  const Call& call() const { return call_; }

  /// Every verb must refuse it.
  void refuse(const std::string& what, const Wanted& wanted, const std::function<void(Call&)>& spoil) const {
    Call bad = call_;
    spoil(bad);
    Attempt attempt(loss_, bad);
    count(what, wanted, attempt.forward(), "forward");
    if (has_unreduced_) count(what, wanted, attempt.unreduced(), "unreduced");
    count(what, wanted, attempt.gradient({}), "value_and_gradient");
    count(what, wanted, attempt.gradient({}, true), "value_and_gradient, added");
    if (bad.in[0].extents.rank == 2) count(what, wanted, attempt.resized_gradient(), "value_and_gradient, resized");
  }

  void refuse_number(std::size_t argument, Index at, float value) const {
    const Given& given = call_.in[argument];
    const std::string index = place(given.extents, at);
    // A weight of a picture is named by its place among the pictures, whose other axes are 1.
    const std::string begin = given.name + index.substr(0, index.size() - 1), end = " is " + text_of(value);
    refuse(given.name + index + end, {Error::invalid_argument, {begin, end}},
           [&](Call& bad) { bad.in[argument].numbers[static_cast<std::size_t>(at)] = value; });
  }

  void refuse_label(std::size_t argument, Index at, std::int64_t value) const {
    const Given& given = call_.in[argument];
    const std::string is = given.name + place(given.extents, at) + " is " + text_of(value);
    refuse(is, {Error::out_of_range, {is}},
           [&](Call& bad) { bad.in[argument].labels[static_cast<std::size_t>(at)] = value; });
  }

  void refuse_shape(std::size_t argument, const Extents& to, const std::string& named = "") const {
    const std::string name = named.empty() ? call_.in[argument].name : named;
    refuse(call_.in[argument].name + " is " + text_of(to), {Error::invalid_argument, {name + " is "}},
           [&](Call& bad) { bad.in[argument].reshape(to); });
  }

  /// The gradients 0 and `place` in one memory, where they have one shape.
  void refuse_shared_gradients(std::size_t place) const {
    Call bad = call_;
    const Extents like = bad.in[place].extents;
    if (!(like == bad.in[0].extents)) return;
    Memory memory(like.count());
    Attempt::Gradients given(place + 1);
    given[0] = given[place] = row_major(memory.data(), like);
    Attempt attempt(loss_, bad);
    const std::string what = "gradient " + std::to_string(place + 1) + " shares memory with gradient 1";
    for (const bool adds : {false, true}) {
      Answer answer = attempt.gradient(given, adds);
      answer.untouched = answer.untouched && memory.untouched();
      count(what, {Error::invalid_argument, {what}}, answer, "value_and_gradient");
    }
  }

  /// A gradient that is this view; data null: in memory of its own.
  void refuse_gradient(std::size_t place, const std::string& what, const std::vector<std::string>& words,
                       const std::function<detail::View<float>(Call&)>& view) const {
    Call bad = call_;
    Attempt::Gradients given(place + 1);
    given[place] = view(bad);
    Attempt attempt(loss_, bad);
    const std::string name = call_.gradients == 1 ? "gradient" : "gradient " + std::to_string(place + 1);
    Wanted wanted{Error::invalid_argument, {name}};
    wanted.words.insert(wanted.words.end(), words.begin(), words.end());
    count(name + ' ' + what, wanted, attempt.gradient(given), "value_and_gradient");
    count(name + ' ' + what, wanted, attempt.gradient(given, true), "value_and_gradient, added");
  }

 private:
  void count(const std::string& what, const Wanted& wanted, const Answer& answer, std::string_view verb) const {
    tally.count(entry_.class_name, what_ + what, wanted, answer, verb);
  }

  const Entry& entry_;
  const losses::AnyLoss<float>& loss_;
  Call call_;
  std::string what_;
  bool has_unreduced_ = false;
};

Extents with(Extents extents, int axis, Index size) {
  extents.size[axis] = size;
  return extents;
}

/// Rows and columns (or samples and classes) change places.
Extents transposed(Extents extents) {
  std::swap(extents.size[0], extents.size[1]);
  return extents;
}

/// The numbers that an argument of a loss must not hold.
std::vector<float> outside_of_domain(const Entry& entry, std::size_t argument) {
  using Data = losses::LossArguments;
  const bool is_target = argument >= static_cast<std::size_t>(good_calls(entry)[0].gradients);
  switch (entry.arguments) {
    case Data::probabilities:
    case Data::class_probabilities:
      return {-0.25f, 1.5f, inf, -inf};
    case Data::class_logits:
    case Data::logits:
    case Data::distributions:
      if (is_target) return {-0.25f, 1.5f, inf, -inf};
      break;
    case Data::signs:
    case Data::scores:
    case Data::signed_pairs:
      if (is_target) return {0, 0.5f, -2, inf};
      break;
    case Data::masks:
    case Data::pairs:
      if (is_target) return {-1, 0.5f, 2, inf};
      break;
    case Data::mean_and_variance:
      if (argument == 1) return {-0.5f, -inf};
      break;
    case Data::positive_numbers:
      if (entry.name == "msle") return {-1.5f, -inf};
      if (entry.name == "gamma" && is_target) return {0, -1, -inf};
      if (entry.name != "mape" && is_target) return {-1, -inf};
      break;
    default:
      break;
  }
  return {};
}

void spoil_shapes(const Entry& entry, const Spoiler& good) {
  const auto& in = good.call().in;
  const bool lengths_follow = in.size() == 4;  // CTC's: they say how long the targets are
  for (std::size_t i = 1; i < in.size(); ++i) {
    const Extents& is = in[i].extents;
    if (in[i].kind == Kind::flag || (entry.name == "ctc" && i == 1)) continue;
    std::vector<Extents> shapes = {with(is, 0, is[0] + 1), with(is, 0, is[0] - 1)};
    if (!lengths_follow) shapes.push_back(with(is, 0, 0));
    if (is.rank > 1) shapes.push_back(transposed(is));
    if (is.rank == 2) shapes.push_back(with(is, 1, is[1] + 1));
    if (is.rank == 2 && is[1] > 1) shapes.insert(shapes.end(), {shape({is.count()}), shape({is[0], is[1], 2})});
    if (is.rank == 1 && in[i].kind == Kind::labels) shapes.push_back(shape({is[0], 2}));
    // The target is what must have the shape of an output.
    for (const Extents& each : shapes) good.refuse_shape(i, each, in[i].name == "output" ? "target" : "");
  }
}

void spoil_numbers(const Entry& entry, const Spoiler& good) {
  const auto& in = good.call().in;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in[i].is_numbers()) continue;
    Index at = 0;
    for (const float value : outside_of_domain(entry, i)) {
      good.refuse_number(i, at, value);
      at = at == 0 ? in[i].size() - 1 : at / 2;
    }
  }
}

void spoil_labels(const Entry& entry, const Spoiler& good) {
  using Data = losses::LossArguments;
  const auto& in = good.call().in;
  if (in.size() < 2 || entry.arguments == Data::embeddings) return;
  const bool lengths = in.size() == 4;
  for (std::size_t i = 1; i < in.size(); ++i) {
    if (in[i].kind != Kind::labels) continue;
    const Index last = in[i].size() - 1;
    const bool is_label = i == 1;
    const bool is_row = entry.arguments == Data::label_rows;
    // Of a row of labels the first ones are read.
    const Index late = is_row ? last - last % c : lengths && is_label && in[1].extents.rank == 2 ? last - 1 : last;
    good.refuse_label(i, 0, is_row ? -2 : entry.arguments == Data::signed_pairs ? 0 : -1);
    good.refuse_label(i, late, is_label ? (entry.arguments == Data::pairs ? 2 : c) : 7);
    good.refuse_label(i, late, INT64_MIN);
    good.refuse_label(i, 0, INT64_MAX);
    good.refuse_label(i, late, (std::int64_t{1} << 32) + 1);
    if (entry.arguments == Data::sequences && is_label) good.refuse_label(i, 0, 0);  // the blank
    const std::string is = in[i].name + place(in[i].extents, 0) + " is 4294967295";
    if (is_row || entry.arguments == Data::signed_pairs) continue;
    good.refuse(is + " of 32 bits", {Error::out_of_range, {is}}, [&](Call& bad) {
      auto& given = bad.in[i];
      given.unsigned_labels.assign(given.labels.begin(), given.labels.end());
      given.unsigned_labels[0] = 4294967295u;
    });
  }
}

/// Over the arguments from `first` on; of all kinds, where that is the first of all.
void spoil_gradients(const Entry& entry, const Spoiler& good, std::size_t first = 0) {
  using Data = losses::LossArguments;
  const Call& call = good.call();
  const std::set<Data> pairs = {Data::pairs, Data::signed_pairs, Data::triplets, Data::views, Data::embeddings};
  const std::set<std::string_view> others = {"rmse", "ctc", "ssim", "style", "total_variation"};
  const bool in_place =
      entry.room != "segmentation" && !pairs.contains(entry.arguments) && !others.contains(entry.name);
  for (std::size_t g = 0; g < static_cast<std::size_t>(call.gradients); ++g) {
    const Extents like = call.in[g].extents;
    const auto fresh = [](Extents extents) { return [extents](Call&) { return row_major<float>(nullptr, extents); }; };
    for (std::size_t i = first; i < call.in.size(); ++i) {
      if (i == g || !call.in[i].is_numbers()) continue;
      const std::string name = call.in[i].name == "relevance" ? "target" : call.in[i].name;
      good.refuse_gradient(g, "over " + call.in[i].name, {"shares memory with " + name}, [&, i](Call& bad) {
        bad.in[i].numbers.resize(static_cast<std::size_t>(std::max(like.count(), bad.in[i].size())));
        return row_major(bad.in[i].numbers.data(), like);
      });
    }
    if (first > 0) continue;
    for (const Extents& extents :
         {with(like, 0, like[0] - 1), with(like, 1, 2), transposed(like), shape({like.count()}), with(like, 0, 0)}) {
      good.refuse_gradient(g, "is " + text_of(extents), {"is " + text_of(extents)}, fresh(extents));
    }
    const int wide = like[1] > 1 ? 1 : 0;
    good.refuse_gradient(g, "of stride 0", {"holds an element twice"}, [&](Call&) {
      auto view = row_major<float>(nullptr, like);
      view.stride[wide] = 0;
      return view;
    });
    if (like[1] > 1) {
      good.refuse_gradient(g, "of a stride too short", {"holds an element twice"}, [&](Call&) {
        auto view = row_major<float>(nullptr, like);
        view.stride[0] = view.stride[1];
        return view;
      });
    }
    good.refuse_gradient(g, "over half of its prediction", {"shares memory with " + call.in[g].name}, [&](Call& bad) {
      auto& numbers = bad.in[g].numbers;
      numbers.resize(2 * numbers.size());
      return row_major(numbers.data() + like.count() / 2, like);
    });
    if (!in_place) {
      good.refuse_gradient(g, "over its prediction", {"shares memory with " + call.in[g].name},
                           [&](Call& bad) { return row_major(bad.in[g].numbers.data(), like); });
    }
    if (g == 0) continue;
    good.refuse_shared_gradients(g);
  }
}

/// Weights for the call, if the loss takes some: one for each sample.
void spoil_weights(const Entry& entry, const losses::AnyLoss<float>& loss, const Call& call) {
  const std::size_t inputs = call.in.size();
  if (loss.erased().gradients(inputs + 1 + static_cast<std::size_t>(call.gradients)) != call.gradients) return;
  Call weighted = call;
  weighted.numbers("weights", {call.in.size() == 4 ? 3 : call.in[0].extents[0]}, 0.5, 2);
  Call right = weighted;
  if (Attempt(loss, right).forward().error != Error::none) return;
  const Spoiler good(entry, loss, weighted);
  const Extents is = weighted.in.back().extents;
  good.refuse_shape(inputs, shape({is[0] + 1}));
  good.refuse_shape(inputs, shape({is[0] - 1}));
  good.refuse_shape(inputs, shape({1, is[0]}));
  good.refuse_shape(inputs, shape({0}));
  good.refuse_number(inputs, 0, -1);
  good.refuse_number(inputs, is[0] - 1, nan);
  good.refuse_number(inputs, 1, inf);
  good.refuse_number(inputs, is[0] - 1, -inf);
  spoil_gradients(entry, good, inputs);
}

/// Another kind of argument, one too few and one too many.
void spoil_kinds(const Spoiler& good) {
  const auto& in = good.call().in;
  const Wanted wanted{Error::invalid_argument, {"takes ("}};
  good.refuse("flags in the place of the last argument", wanted, [&](Call& bad) {
    bad.in.back().kind = in.back().kind == Kind::flag ? Kind::labels : Kind::flag;
    bad.in.back().labels.assign(static_cast<std::size_t>(bad.in.back().size()), 0);
  });
  good.refuse("labels in the place of the predictions", wanted, [](Call& bad) {
    bad.in[0].kind = Kind::labels;
    bad.in[0].labels.assign(static_cast<std::size_t>(bad.in[0].size()), 0);
  });
  const bool may_lack_the_last = in.back().kind == Kind::booleans;
  if (in.size() > static_cast<std::size_t>(good.call().gradients) && in.size() > 1 && !may_lack_the_last)
    good.refuse("without the last argument", wanted, [](Call& bad) { bad.in.pop_back(); });
  good.refuse("three flags more", wanted, [](Call& bad) {
    for (int i = 0; i < 3; ++i) bad.is_real(true);
  });
}

void spoil_boxes(const Spoiler& good) {
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string name = good.call().in[i].name;
    for (const Index columns : {3, 5, 1, 0}) good.refuse_shape(0, shape({n, columns}));
    for (const Index box : {0, 3, 5}) {
      for (const Index axis : {0, 1}) {
        const std::string what = name + '[' + std::to_string(box) + "] is ";
        good.refuse(what + (axis == 0 ? "x2 < x1" : "y2 < y1"), {Error::invalid_argument, {what + '('}},
                    [&](Call& bad) {
                      auto& numbers = bad.in[i].numbers;
                      const auto at = static_cast<std::size_t>(4 * box + axis);
                      numbers[at + 2] = numbers[at] - 0.5f;
                    });
      }
    }
    good.refuse(name + "[2] is from infinity to 0", {Error::invalid_argument, {name + "[2] is (inf"}},
                [&](Call& bad) { bad.in[i].numbers[8] = inf; });
  }
}

void spoil_predictions(const Entry& entry, const Spoiler& good) {
  using Data = losses::LossArguments;
  const Given& given = good.call().in[0];
  switch (entry.arguments) {
    case Data::class_logits:
    case Data::log_probabilities:
    case Data::label_rows:
    case Data::relevances:
    case Data::cosines:
    case Data::sequences:
      good.refuse_shape(0, with(given.extents, given.extents.rank == 3 && entry.name == "ctc" ? 2 : 1, 0));
      good.refuse_shape(0, shape({n}));
      break;
    case Data::class_probabilities:
      good.refuse_shape(0, shape({n}));
      break;
    case Data::pairs:
    case Data::signed_pairs:
    case Data::triplets:
    case Data::views:
    case Data::embeddings:
      good.refuse_shape(0, shape({n}));
      good.refuse_shape(0, shape({n, c, 1}));
      break;
    case Data::boxes:
      spoil_boxes(good);
      break;
    case Data::image:
    case Data::images:
      good.refuse_shape(0, shape({12}));
      if (entry.name != "ssim") break;
      for (const Extents& small : {shape({2, 3, 5, 13}), shape({2, 3, 12, 4}), shape({1, 1, 5, 5})}) {
        good.refuse("pictures are " + text_of(small), {Error::invalid_argument, {"prediction is " + text_of(small)}},
                    [&](Call& bad) {
                      for (auto& picture : bad.in) picture.reshape(small);
                    });
      }
      break;
    default:
      break;
  }
}

void spoil_sequences(const Spoiler& good) {
  const auto& in = good.call().in;
  if (in.size() < 4) return;
  good.refuse("input_lengths[1] is 7 of 6 frames", {Error::out_of_range, {"input_lengths[1] is 7"}},
              [](Call& bad) { bad.in[2].labels[1] = 7; });
  good.refuse("target_lengths[0] is 7", {Error::out_of_range, {"target_lengths[0] is 7"}},
              [](Call& bad) { bad.in[3].labels[0] = 7; });
  good.refuse("no lengths", {Error::invalid_argument, {"input_lengths and target_lengths must follow"}},
              [](Call& bad) { bad.in.resize(2); });
  if (in[1].extents.rank == 2) {
    good.refuse_shape(1, shape({2, 2}));
    good.refuse_shape(1, shape({4, 2}));
  } else {
    good.refuse_shape(1, shape({7}));
    good.refuse("target_lengths sum to 5 of 6", {Error::invalid_argument, {"targets is [6]", "must be [5]"}},
                [](Call& bad) { bad.in[3].labels[2] = 2; });
  }
}

Answer answer_of(const std::function<void()>& make) {
  try {
    make();
  } catch (const std::invalid_argument& error) {
    return {Error::invalid_argument, error.what()};
  } catch (const std::exception& error) {
    return {Error::other, error.what()};
  }
  return {};
}

void spoil_options(const Entry& entry) {
  const std::string name(entry.name);
  const auto refuse = [&](std::string_view loss, const std::string& what, std::vector<std::string> words,
                          const losses::LossOptions& options) {
    tally.count(loss, what, {Error::invalid_argument, std::move(words)},
                answer_of([&] { make_loss<float>(entry.name, options); }));
  };
  refuse("make_loss", name + " with no_such=1", {name + " has no option no_such"}, {{"no_such", "1"}});
  for (const auto& each : entry.options) {
    const std::string option(each.name);
    refuse("make_loss", name + ": " + option + " is x", {name + ": " + option + " is \"x\""}, {{option, "x"}});
    const bool is_number = each.wanted.starts_with("a number") || each.wanted == "an integer";
    const bool is_list = each.wanted.starts_with("a list");
    const std::string right = is_number ? "1"
                              : is_list ? "[1]"
                                        : std::string(each.wanted.substr(0, each.wanted.find_first_of(" ,")));
    refuse("make_loss", name + ": " + option + " twice", {name + ": " + option + " is given twice"},
           {{option, right}, {option, right}});
    // Those of a WithLogits form are those of the form without.
    std::string form = name.substr(0, name.find("_with_logits"));
    if (bad_options.count(name) != 0) form = name;
    const bool has_domain =
        each.wanted.starts_with("a number") || each.wanted.starts_with("a list") || option == "blank";
    const auto values = values_of(form, option);
    {
      INFO("a bad value of " << name << "'s " << option << " must stand in bad_options");
      if (has_domain) CHECK_FALSE(values.empty());
    }
    for (const auto& value : values) {
      const std::string is = value.starts_with('[') ? "" : " is " + value;
      refuse(entry.class_name, option + " is " + value, {": " + option + is}, {{option, value}});
    }
  }
}

/// Lists that are right by themselves, but not as long as the call is wide.
void spoil_lengths_of_options(const Entry& entry) {
  for (const auto& option : entry.options) {
    const std::string name(option.name);
    if (!option.wanted.ends_with("[1, 2, 3]") || entry.name == "style") continue;
    for (const char* list : {"[0.1, 0.5]", "[0.1]", "[0.1, 0.2, 0.3, 0.4, 0.5]"}) {
      const auto loss = make_loss<float>(entry.name, {{name, list}});
      for (Call& call : good_calls(entry)) {
        Attempt attempt(loss, call);
        const Wanted wanted{Error::invalid_argument, {entry.name == "multi_quantile" ? "prediction" : name + " has "}};
        const std::string what = name + " is " + list + " beside " + text_of(call.in[0].extents);
        tally.count(entry.class_name, what, wanted, attempt.forward(), "forward");
        tally.count(entry.class_name, what, wanted, attempt.gradient({}), "value_and_gradient");
      }
    }
  }
}

void refuse(std::string_view name, const std::string& what, std::vector<std::string> words,
            const std::function<void()>& make) {
  tally.count(name, what, {Error::invalid_argument, std::move(words)}, answer_of(make));
}

/// Values of enumerations that have no name.
void spoil_enumerations() {
  const std::vector<std::string> is = {" is 7, but must be a value of "};
  const auto wrong = []<class E>(E) { return static_cast<E>(7); };
  refuse("CrossEntropy", "spread 7", is,
         [&] { losses::CrossEntropy<float>({.spread = wrong(losses::SmoothingSpread())}); });
  refuse("LabelSmoothing", "spread 7", is,
         [&] { losses::LabelSmoothing<float>({.spread = wrong(losses::SmoothingSpread())}); });
  refuse("MinedTriplet", "mining 7", is, [&] { losses::MinedTriplet<float>({.mining = wrong(losses::Mining())}); });
  refuse("Adversarial", "mode 7", is, [&] { losses::Adversarial<float>({.mode = wrong(losses::AdversarialMode())}); });
  refuse("AdversarialMSE", "mode 7", is,
         [&] { losses::AdversarialMSE<float>({.mode = wrong(losses::AdversarialMode())}); });
  refuse("Reconstruction", "kind 7", is,
         [&] { losses::Reconstruction<float>({.kind = wrong(losses::ReconstructionKind())}); });
  refuse("SSIM", "padding 7", is, [&] { losses::SSIM<float>({.padding = wrong(losses::SSIMPadding())}); });
  refuse("GeneralizedDice", "weighting 7", is,
         [&] { losses::GeneralizedDice<float>({.weighting = wrong(losses::ClassWeighting())}); });
  refuse("SoftmaxGeneralizedDice", "weighting 7", is,
         [&] { losses::SoftmaxGeneralizedDice<float>({.weighting = wrong(losses::ClassWeighting())}); });
  refuse("LovaszSoftmax", "classes 7", is,
         [&] { losses::LovaszSoftmax<float>({.classes = wrong(losses::LovaszClasses())}); });
  refuse("CTC", "input 7", is, [&] { losses::CTC<float>({.input = wrong(losses::CTCInput())}); });
  refuse("Huber", "reduction 7", is, [&] { losses::Huber<float>({}, wrong(losses::Reduction::mean)); });
}

/// What no loss is made of.
void spoil_texts() {
  for (const char* text : {"",
                           "no_such_loss",
                           "Huber",
                           "0.5 huber",
                           "huber l1",
                           "huber + ",
                           "0.5*",
                           "*huber",
                           "huber(delta)",
                           "huber(delta=1",
                           "huber(delta=)",
                           "huber)",
                           "huber(=1)",
                           "huber(delta=1,)",
                           "1e999*huber",
                           "huber + l1(delta=1)",
                           "triplet + l1",
                           "nan*huber",
                           "inf*huber",
                           "huber - l1",
                           "2huber",
                           "huber(delta=1)(delta=2)",
                           "[huber]",
                           "huber(delta=1 reduction=sum)"}) {
    refuse("make_loss", std::string("\"") + text + '"', {}, [&] { make_loss<float>(text); });
  }
  refuse("make_loss", "a sum with options outside", {}, [] { make_loss<float>("huber + l1", {{"delta", "1"}}); });
}

void spoil_residuals() {
  const auto delta = [](std::vector<double> residuals, losses::ScaleEstimate estimate) {
    return losses::huber_delta(Eigen::Map<Eigen::VectorXd>(residuals.data(), static_cast<Index>(residuals.size())),
                               estimate);
  };
  using losses::ScaleEstimate;
  const auto is = ScaleEstimate::standard_deviation;
  refuse("huber_delta", "one residual", {"residuals is [1 x 1]"}, [&] { delta({1}, is); });
  refuse("huber_delta", "no residual", {"residuals is [0 x 1]"}, [&] { delta({}, ScaleEstimate::mad); });
  refuse("huber_delta", "a residual that is NaN", {"residuals[1] is nan"}, [&] { delta({1, double(nan), 2}, is); });
  refuse("huber_delta", "an infinite residual", {"residuals[2] is -inf"}, [&] { delta({1, 2, -double(inf)}, is); });
  refuse("huber_delta", "estimate 7", {" is 7"}, [&] { delta({1, 2}, static_cast<ScaleEstimate>(7)); });
}

}  // namespace

TEST_CASE("P7: every bad input of every loss is refused, by name, and nothing is written") {
  for (const Entry& entry : losses::known_losses()) {
    const auto loss = make_loss<float>(entry.name);
    spoil_options(entry);
    spoil_lengths_of_options(entry);
    int variant = 0;
    for (const Call& call : good_calls(entry)) {
      const Spoiler good(entry, loss, call, variant++ == 0 ? "" : "form " + std::to_string(variant) + ": ");
      spoil_shapes(entry, good);
      spoil_predictions(entry, good);
      spoil_numbers(entry, good);
      spoil_labels(entry, good);
      spoil_gradients(entry, good);
      spoil_kinds(good);
      spoil_sequences(good);
      spoil_weights(entry, loss, call);
    }
  }
  spoil_enumerations();
  spoil_texts();
  spoil_residuals();
  std::cout << "P7: " << tally.inputs() << " bad inputs, " << tally.refused() << " refused\n";
  CHECK(tally.inputs() >= 300);
  CHECK(tally.refused() == tally.inputs());
}
