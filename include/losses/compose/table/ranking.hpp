// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <losses/compose/entry.hpp>
#include <losses/ranking.hpp>

namespace LOSSES_NAMESPACE::detail {

template <std::floating_point T>
std::vector<LossEntry<T>> ranking_entries() {
  using Data = LossArguments;
  return in_room<T>(
      "ranking", "ranking",
      {entry<MarginRanking<T>>("margin_ranking", "MarginRanking", Data::scores, "one score above another by a margin",
                               option<&rule::MarginRanking<T>::margin>("margin")),
       entry<PairwiseLogistic<T>>("pairwise_logistic", "PairwiseLogistic", Data::relevances,
                                  "all pairs of a list, smoothly"),
       entry<ListNet<T>>("list_net", "ListNet", Data::relevances, "which item stands first"),
       entry<ListMLE<T>>("list_mle", "ListMLE", Data::relevances, "the likelihood of the whole order")});
}

}  // namespace LOSSES_NAMESPACE::detail
