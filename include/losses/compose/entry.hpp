// SPDX-License-Identifier: MIT
#pragma once

/// A line of the table of losses: a loss by its name, with its options as text.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <losses/compose/any_loss.hpp>
#include <losses/compose/option.hpp>

namespace LOSSES_NAMESPACE {

/// Options as text: {{"delta", "1.5"}, {"reduction", "sum"}}, or a std::map of strings.
class LossOptions {
 public:
  using Pair = std::pair<std::string, std::string>;

  LossOptions() = default;
  LossOptions(std::initializer_list<Pair> options) : pairs_(options) {}
  template <class Map>
    requires std::convertible_to<typename Map::value_type, Pair>
  LossOptions(const Map& map) : pairs_(map.begin(), map.end()) {}

  bool empty() const { return pairs_.empty(); }
  auto begin() const { return pairs_.begin(); }
  auto end() const { return pairs_.end(); }
  void add(std::string name, std::string value) { pairs_.emplace_back(std::move(name), std::move(value)); }

 private:
  std::vector<Pair> pairs_;
};

/// What the arguments of a loss look like.
enum class LossArguments : std::uint8_t {
  numbers,              ///< prediction and target of one shape
  positive_numbers,     ///< the same, both positive
  mean_and_variance,    ///< mean, variance and target of one shape
  quantiles,            ///< prediction [n × q], target [n]
  probabilities,        ///< prediction and target in [0, 1], of one shape
  logits,               ///< logits, and a target in [0, 1] of the same shape
  signs,                ///< scores, and a target of −1 or 1 of the same shape
  masks,                ///< scores, and a target of 0 or 1 of the same shape
  scores,               ///< two scores and a target of −1 or 1, of one shape
  class_logits,         ///< logits [n × c] or [n, c, …], integer labels [n] or [n, …]
  class_probabilities,  ///< probabilities [n, c, …], and a target in [0, 1] of the same shape
  log_probabilities,    ///< log-probabilities [n × c], integer labels [n]
  distributions,        ///< log-probabilities [n × c], and probabilities of the same shape
  label_rows,           ///< scores [n × c], and integers [n × c]: the labels of each row, before a −1
  relevances,           ///< scores [n × items], relevances of the same shape; a mask may follow
  pairs,                ///< two embeddings [n × d], and 0 or 1 for each pair [n]
  signed_pairs,         ///< two embeddings [n × d], and −1 or 1 for each pair [n]
  triplets,             ///< anchor, positive and negative embeddings [n × d]
  views,                ///< two views [n × d]
  embeddings,           ///< embeddings [n × d], integer labels [n]
  cosines,              ///< cosines [n × c], integer labels [n]
  boxes,                ///< boxes [n × 4] as x1, y1, x2, y2, and as many
  sequences,            ///< logits [t × c] and labels [s]; or [t, n, c], labels [n × s] and two lengths [n]
  judged_scores,        ///< scores, and true (real) or false (fake)
  judged_outputs,       ///< the scores of outputs, the outputs, and a target of their shape
  input_gradients,      ///< a critic's gradients by its inputs [n × …]
  image,                ///< an image or feature map [n, c, h, w]
  images                ///< the same, and a target of its shape
};

/// A loss of the table.
template <std::floating_point T>
struct LossEntry {
  std::string_view name;        ///< what make_loss takes: "huber", the name of its file
  std::string_view class_name;  ///< "Huber"
  std::string_view room;        ///< "regression"
  std::string_view task;
  std::string_view text;  ///< what it does, in a line
  LossArguments arguments;
  std::vector<LossOption> options;  ///< the last is its reduction, if it has one

  AnyLoss<T> (*make)(const LossEntry& entry, const LossOptions& options);
  std::string (*describe)(const LossEntry& entry, const void* loss);
  const void* type;
};

namespace detail {

/// The fewest letters to change, put in or leave out.
inline std::size_t letters_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t corner = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t other = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({other, row[j] + 1, corner + 1});
    }
  }
  return row[b.size()];
}

/// "; did you mean "huber"? " and all names, of things that have one.
template <class Named>
std::string known_names(std::string_view given, const std::vector<Named>& all, std::string_view what) {
  std::string_view nearest;
  std::size_t least = 1 + given.size() / 3;
  std::string names;
  for (const auto& each : all) {
    const std::size_t letters = letters_between(given, each.name);
    if (letters <= least && (nearest.empty() || letters < least)) nearest = each.name, least = letters;
    names += (names.empty() ? "" : ", ");
    names += each.name;
  }
  std::string text;
  if (!nearest.empty()) (text += "; did you mean ") += nearest;
  return ((text += nearest.empty() ? "; " : "? ") += what) += names.empty() ? "none" : names;
}

/// Sets what is given, then what follows from it.
template <class T>
void set_options(const LossEntry<T>& entry, const LossOptions& given, void* settings) {
  std::vector<bool> set(entry.options.size(), false);
  for (const auto& [name, value] : given) {
    std::size_t i = 0;
    while (i < entry.options.size() && entry.options[i].name != name) ++i;
    require(i < entry.options.size(), "make_loss: ", entry.name, " has no option ", std::string_view(name),
            i < entry.options.size() ? "" : known_names(name, entry.options, "its options are: "));
    const LossOption& option = entry.options[i];
    require(!set[i], "make_loss: ", entry.name, ": ", option.name, " is given twice");
    set[i] = true;
    require(option.parse(value, settings), "make_loss: ", entry.name, ": ", option.name, " is \"",
            std::string_view(value), "\", but must be ", option.wanted);
  }
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (!set[i] && entry.options[i].derive != nullptr) entry.options[i].derive(settings);
  }
}

/// The name, and the options that are not as they would be by themselves.
template <class T, class Held>
std::string print_options(const LossEntry<T>& entry, const Held& settings) {
  std::string list;
  for (const LossOption& option : entry.options) {
    std::string is, would_be;
    option.print(&settings, is);
    Held usual;
    if (option.derive != nullptr) {
      usual = settings;
      option.derive(&usual);
    }
    option.print(&usual, would_be);
    if (is == would_be) continue;
    if (!list.empty()) list += ", ";
    ((list += option.name) += '=') += is;
  }
  std::string text(entry.name);
  return list.empty() ? text : text + '(' + list + ')';
}

template <class L>
struct OptionsOf {
  using Type = typename L::Options;
  static const Type& of(const L& loss) { return loss.options(); }
};

template <HasRule L>
struct OptionsOf<L> {
  using Type = typename L::Rule;
  static const Type& of(const L& loss) { return loss.rule(); }
};

template <class L>
concept HasReduction = requires(const L& loss) {
  { loss.reduction() } -> std::same_as<Reduction>;
};

/// A line of the table for the loss L.
template <class L, class... Option>
LossEntry<typename L::Scalar> entry(std::string_view name, std::string_view class_name, LossArguments arguments,
                                    std::string_view text, const Option&... option) {
  using T = typename L::Scalar;
  using Options = typename OptionsOf<L>::Type;
  LossEntry<T> made{};
  made.name = name;
  made.class_name = class_name;
  made.text = text;
  made.arguments = arguments;
  made.options = {option...};
  if constexpr (HasReduction<L>) made.options.push_back(reduction_option<Options>());
  made.make = [](const LossEntry<T>& self, const LossOptions& given) {
    Settings<Options> settings;
    set_options(self, given, &settings);
    if constexpr (HasReduction<L>) {
      return AnyLoss<T>(L(std::move(settings.options), settings.reduction));
    } else {
      return AnyLoss<T>(L(std::move(settings.options)));
    }
  };
  made.describe = [](const LossEntry<T>& self, const void* erased) {
    const L& loss = *static_cast<const L*>(erased);
    Settings<Options> settings{OptionsOf<L>::of(loss)};
    if constexpr (HasReduction<L>) settings.reduction = loss.reduction();
    return print_options(self, settings);
  };
  made.type = &type_tag<L>;
  return made;
}

template <class T>
LossEntry<T> of_task(std::string_view task, LossEntry<T> entry) {
  entry.task = task;
  return entry;
}

/// The lines of a room.
template <class T>
std::vector<LossEntry<T>> in_room(std::string_view room, std::string_view task, std::vector<LossEntry<T>> entries) {
  for (auto& each : entries) {
    each.room = room;
    if (each.task.empty()) each.task = task;
  }
  return entries;
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
