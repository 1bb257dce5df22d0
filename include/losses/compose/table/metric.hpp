// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <losses/compose/entry.hpp>
#include <losses/metric.hpp>

namespace LOSSES_NAMESPACE::detail {

template <>
inline constexpr std::array<std::string_view, 3> enum_names<Mining> = {"batch_hard", "batch_all", "semi_hard"};

template <std::floating_point T>
std::vector<LossEntry<T>> metric_entries() {
  using Data = LossArguments;
  return in_room<T>(
      "metric", "metric learning",
      {entry<Triplet<T>>("triplet", "Triplet", Data::triplets, "the positive nearer than the negative by a margin",
                         option<&rule::Triplet<T>::margin>("margin"), option<&rule::Triplet<T>::p>("p"),
                         option<&rule::Triplet<T>::squared>("squared"), option<&rule::Triplet<T>::swap>("swap")),
       entry<MinedTriplet<T>>("mined_triplet", "MinedTriplet", Data::embeddings, "triplets of a batch, the hard ones",
                              option<&rule::MinedTriplet<T>::margin>("margin"),
                              option<&rule::MinedTriplet<T>::mining>("mining"),
                              option<&rule::MinedTriplet<T>::squared>("squared"),
                              option<&rule::MinedTriplet<T>::active_only>("active_only")),
       entry<Contrastive<T>>("contrastive", "Contrastive", Data::pairs, "pairs that are alike near, others apart",
                             option<&rule::Contrastive<T>::margin>("margin")),
       entry<SupCon<T>>("sup_con", "SupCon", Data::embeddings, "all pairs of a batch by a softmax, with labels",
                        option<&rule::SupCon<T>::temperature>("temperature"),
                        option<&rule::SupCon<T>::include_self>("include_self"),
                        option<&rule::SupCon<T>::valid_only>("valid_only")),
       entry<NTXent<T>>("nt_xent", "NTXent", Data::views, "two views of each sample, without labels",
                        option<&rule::NTXent<T>::temperature>("temperature")),
       entry<CosineEmbedding<T>>("cosine_embedding", "CosineEmbedding", Data::signed_pairs, "pairs by their cosine",
                                 option<&rule::CosineEmbedding<T>::margin>("margin")),
       entry<HingeEmbedding<T>>("hinge_embedding", "HingeEmbedding", Data::signs,
                                "a distance of pairs that are alike or not",
                                option<&rule::HingeEmbedding<T>::margin>("margin")),
       entry<MultiSimilarity<T>>(
           "multi_similarity", "MultiSimilarity", Data::embeddings, "pairs of a batch, the informative ones",
           option<&rule::MultiSimilarity<T>::alpha>("alpha"), option<&rule::MultiSimilarity<T>::beta>("beta"),
           option<&rule::MultiSimilarity<T>::base>("base"), option<&rule::MultiSimilarity<T>::epsilon>("epsilon")),
       entry<Circle<T>>("circle", "Circle", Data::embeddings, "pairs of a batch, each at a pace of its own",
                        option<&rule::Circle<T>::margin>("margin"), option<&rule::Circle<T>::gamma>("gamma")),
       entry<ArcFace<T>>("arc_face", "ArcFace", Data::cosines, "classes apart by an angle",
                         option<&rule::ArcFace<T>::margin>("margin"), option<&rule::ArcFace<T>::scale>("scale")),
       entry<CosFace<T>>("cos_face", "CosFace", Data::cosines, "classes apart by a cosine",
                         option<&rule::CosFace<T>::margin>("margin"), option<&rule::CosFace<T>::scale>("scale"))});
}

}  // namespace LOSSES_NAMESPACE::detail
