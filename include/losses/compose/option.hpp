// SPDX-License-Identifier: MIT
#pragma once

/// An option of a loss as text, to and fro.

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

/// An option of a loss in the table of losses: its name, and what its text may be.
struct LossOption {
  std::string_view name;
  std::string_view wanted;                                           ///< "a number", "true or false", …
  bool (*parse)(std::string_view text, void* settings) = nullptr;    ///< false: the text is not what is wanted
  void (*print)(const void* settings, std::string& text) = nullptr;  ///< appends
  void (*derive)(void* settings) = nullptr;                          ///< its default follows from other options
};

namespace detail {

/// The names of an enumeration's values, from 0 on.
template <class E>
inline constexpr std::array<std::string_view, 0> enum_names{};

template <>
inline constexpr std::array<std::string_view, 3> enum_names<Reduction> = {"mean", "sum", "batch_mean"};

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

template <class N>
concept NumberOption = LabelInteger<N> || std::floating_point<N>;

template <NumberOption N>
bool parse_option(std::string_view text, N& number) {
  text = trimmed(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

template <std::same_as<bool> B>
bool parse_option(std::string_view text, B& flag) {
  flag = trimmed(text) == "true";
  return flag || trimmed(text) == "false";
}

template <class E>
  requires std::is_enum_v<E>
bool parse_option(std::string_view text, E& value) {
  const auto& names = enum_names<E>;
  const auto found = std::find(names.begin(), names.end(), trimmed(text));
  value = static_cast<E>(found - names.begin());
  return found != names.end();
}

/// 1, 2, 3 or [1, 2, 3]; [] has none.
template <std::floating_point T>
bool parse_option(std::string_view text, std::vector<T>& values) {
  text = trimmed(text);
  values.clear();
  if (text.starts_with('[') != text.ends_with(']') || text.empty()) return false;
  if (text.starts_with('[')) text = trimmed(text.substr(1, text.size() - 2));
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (!parse_option(text.substr(0, comma), values.emplace_back())) return false;
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
    if (trimmed(text).empty()) return false;
  }
  return true;
}

template <std::floating_point T>
bool parse_option(std::string_view text, NumberOrVector<T>& values) {
  T number = 0;
  std::vector<T> list;
  if (parse_option(text, number)) {
    values = number;
  } else if (parse_option(text, list)) {
    values = std::move(list);
  } else {
    return false;
  }
  return true;
}

template <class N>
  requires std::is_arithmetic_v<N>
void print_option(N number, std::string& text) {
  append(text, number);
}

template <class E>
  requires std::is_enum_v<E>
void print_option(E value, std::string& text) {
  text += enum_names<E>[static_cast<std::size_t>(value)];
}

template <class Values>
concept OptionList = requires(const Values& values) { *values.begin(); };

template <OptionList Values>
void print_option(const Values& values, std::string& text) {
  if constexpr (requires { values.is_number(); }) {
    if (values.is_number()) return append(text, values[0]);
  }
  text += '[';
  for (auto each = values.begin(); each != values.end(); ++each) {
    if (each != values.begin()) text += ", ";
    append(text, *each);
  }
  text += ']';
}

template <class M>
std::string_view wanted_text() {
  if constexpr (std::same_as<M, bool>) {
    return "true or false";
  } else if constexpr (std::is_enum_v<M>) {
    static const std::string text = [] {
      std::string list;
      for (const auto name : enum_names<M>) {
        if (!list.empty()) list += name == enum_names<M>.back() ? " or " : ", ";
        list += name;
      }
      return list;
    }();
    return text;
  } else if constexpr (std::integral<M>) {
    return "an integer";
  } else if constexpr (std::floating_point<M>) {
    return "a number";
  } else if constexpr (requires(const M& values) { values.is_number(); }) {
    return "a number, or a list as [1, 2, 3]";
  } else {
    return "a list as [1, 2, 3]";
  }
}

/// What a loss is made of: the options of its rule (or its own), and the reduction.
template <class Options>
struct Settings {
  Options options = {};
  Reduction reduction = Reduction::mean;
};

/// The option that `member`, as in &rule::Huber<T>::delta, is. `derive` sets it from the others.
template <auto member>
struct OptionOf;

template <class Options, class M, M Options::* member>
struct OptionOf<member> {
  using Holder = Settings<Options>;
  static bool parse(std::string_view text, void* settings) {
    return parse_option(text, static_cast<Holder*>(settings)->options.*member);
  }
  static void print(const void* settings, std::string& text) {
    print_option(static_cast<const Holder*>(settings)->options.*member, text);
  }
  static LossOption of(std::string_view name) { return {name, wanted_text<M>(), parse, print}; }
};

template <auto member>
LossOption option(std::string_view name, void (*derive)(void* settings) = nullptr) {
  LossOption result = OptionOf<member>::of(name);
  result.derive = derive;
  return result;
}

template <class Options>
LossOption reduction_option() {
  using Holder = Settings<Options>;
  return {"reduction", wanted_text<Reduction>(),
          [](std::string_view text, void* settings) {
            return parse_option(text, static_cast<Holder*>(settings)->reduction);
          },
          [](const void* settings, std::string& text) {
            print_option(static_cast<const Holder*>(settings)->reduction, text);
          }};
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
