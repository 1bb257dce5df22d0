// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <losses/compose/any_sum.hpp>
#include <losses/compose/sum.hpp>
#include <losses/compose/table.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

/// Reads "0.5*huber(delta=1.5) + l1" from left to right.
class LossText {
 public:
  explicit LossText(std::string_view text) : all_(text), rest_(text) { skip_blanks(); }

  bool at_end() const { return rest_.empty(); }

  bool take(char letter) {
    if (!rest_.starts_with(letter)) return false;
    rest_.remove_prefix(1);
    skip_blanks();
    return true;
  }

  /// A number, if one stands here.
  template <class T>
  bool take_number(T& number) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    const auto length = static_cast<std::size_t>(end - rest_.data());
    if (error == std::errc::result_out_of_range) refuse("a factor that is a finite number");
    // "inf" and "nan" may begin a name, and are no factors.
    if (error != std::errc() || !std::isfinite(number)) return false;
    rest_.remove_prefix(length);
    skip_blanks();
    return true;
  }

  std::string_view take_name() {
    const auto is_letter = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_letter);
    return take_until(static_cast<std::size_t>(end - rest_.begin()));
  }

  /// Up to a comma or a parenthesis that stands in no brackets.
  std::string_view take_value() {
    std::size_t end = 0;
    for (bool bracket = false; end < rest_.size(); ++end) {
      if (rest_[end] == '[') bracket = true;
      if (rest_[end] == ']') bracket = false;
      if (!bracket && (rest_[end] == ',' || rest_[end] == ')')) break;
    }
    return take_until(end);
  }

  [[noreturn]] void refuse(std::string_view wanted) const {
    fail_with<std::invalid_argument>("make_loss: \"", all_, "\" has ", at_end() ? "an end" : rest_.substr(0, 1), " at ",
                                     all_.size() - rest_.size(), ", where ", wanted,
                                     " must be, as in: 0.5*cross_entropy(label_smoothing=0.1) + 0.5*softmax_dice");
  }

 private:
  std::string_view take_until(std::size_t end) {
    const std::string_view taken = trimmed(rest_.substr(0, end));
    rest_.remove_prefix(end);
    skip_blanks();
    return taken;
  }
  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  std::string_view all_, rest_;
};

template <class T>
const LossEntry<T>& find_entry(std::string_view name) {
  const auto& table = known_losses<T>();
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& each) { return each.name == name; });
  if (found == table.end()) {
    fail_with<std::invalid_argument>("make_loss: ", name, " is not a loss",
                                     known_names(name, table, "known losses are: "));
  }
  return *found;
}

/// A term of a text: factor*name(option=value, …)
template <class T>
struct LossTerm {
  T factor = 1;
  const LossEntry<T>* entry = nullptr;
  LossOptions options;

  explicit LossTerm(LossText& text) {
    if (text.take_number(factor) && !text.take('*')) text.refuse("*");
    const std::string_view name = text.take_name();
    if (name.empty()) text.refuse("the name of a loss");
    entry = &find_entry<T>(name);
    if (!text.take('(') || text.take(')')) return;
    do {
      const std::string option(text.take_name());
      if (option.empty()) text.refuse("the name of an option");
      if (!text.take('=')) text.refuse("=");
      options.add(option, std::string(text.take_value()));
    } while (text.take(','));
    if (!text.take(')')) text.refuse(", or )");
  }
};

}  // namespace detail

/// A loss from its name and options, for config files.
///
///   auto loss = losses::make_loss<float>("huber", {{"delta", "1.5"}, {"reduction", "sum"}});
///   auto loss = losses::make_loss<float>("0.5*cross_entropy(label_smoothing=0.1) + 0.5*softmax_dice");
///
/// The names are those of known_losses(): the file's, huber for Huber. The options are the members of the rule, by their names, and
/// `reduction`. A number is written as 1.5, a list as [1, 2, 3] (alone also as 1, 2, 3), a flag as true or false, a value of an enumeration by its
/// name. A sum has its options in parentheses behind each name; so may a single loss.
///
/// Throws std::invalid_argument: an unknown name (with all names), an unknown option (with all of the loss), a value that is not what
/// it must be, and what the loss itself refuses.
template <std::floating_point T = float>
AnyLoss<T> make_loss(std::string_view text, const LossOptions& options = {}) {
  detail::LossText rest(text);
  std::vector<detail::LossTerm<T>> terms;
  do {
    terms.emplace_back(rest);
  } while (rest.take('+'));
  if (!rest.at_end()) rest.refuse("+");
  require(options.empty() || terms.size() == 1, "make_loss: \"", text,
          "\" is a sum: options stand in parentheses behind each name");
  for (const auto& [name, value] : options) terms[0].options.add(name, value);

  using Sum = detail::ErasedSum<T>;
  std::vector<typename Sum::Term> made;
  for (const auto& [factor, entry, given] : terms) made.push_back({factor, entry->make(*entry, given)});
  if (made.size() == 1 && made[0].factor == 1) return made[0].loss;
  for (const auto& term : made) {
    const auto& loss = term.loss.erased();
    require(loss.gradients(2) == 1 || loss.gradients(3) == 1, "make_loss: ", loss.parts.front().name, " has ",
            loss.predictions(), " predictions, but the terms of a sum have one");
  }
  return AnyLoss<T>(std::make_shared<const Sum>(std::move(made)));
}

namespace detail {

template <class T>
std::string describe_parts(const std::vector<LossPart>& parts) {
  std::string text;
  for (const LossPart& part : parts) {
    const auto& table = known_losses<T>();
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const auto& each) { return each.type == part.type; });
    require(found != table.end(), "describe: ", part.name, " is not in the table of losses");
    if (!text.empty()) text += " + ";
    if (part.factor != 1) {
      const T factor = static_cast<T>(part.factor);
      require(std::isfinite(factor), "describe: ", part.name, " has the factor ", part.factor,
              ", which its scalar does not hold");
      append(text, factor);
      text += '*';
    }
    text += found->describe(*found, part.loss);
  }
  return text;
}

}  // namespace detail

/// The text that make_loss makes the same loss of, to the last digit: "huber(delta=1.5)". Options that are as by themselves are
/// left out. Takes every loss of known_losses(), sums of them, and AnyLoss. Throws std::invalid_argument for another one.
template <detail::LossClass L>
std::string describe(const L& loss) {
  using T = typename L::Scalar;
  if constexpr (std::same_as<L, AnyLoss<T>>) {
    return detail::describe_parts<T>(loss.erased().parts);
  } else {
    std::vector<detail::LossPart> parts;
    detail::PartsOf<L>::append(parts, 1, loss);
    return detail::describe_parts<T>(parts);
  }
}

}  // namespace LOSSES_NAMESPACE
