// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <losses/compose/entry.hpp>
#include <losses/sequence.hpp>

namespace LOSSES_NAMESPACE::detail {

template <>
inline constexpr std::array<std::string_view, 2> enum_names<CTCInput> = {"logits", "log_probabilities"};

template <std::floating_point T>
std::vector<LossEntry<T>> sequence_entries() {
  using Data = LossArguments;
  return in_room<T>(
      "sequence", "sequence labelling",
      {entry<CTC<T>>("ctc", "CTC", Data::sequences, "labels for frames without an alignment",
                     option<&rule::CTC<T>::blank>("blank"), option<&rule::CTC<T>::zero_infinity>("zero_infinity"),
                     option<&rule::CTC<T>::input>("input"))});
}

}  // namespace LOSSES_NAMESPACE::detail
