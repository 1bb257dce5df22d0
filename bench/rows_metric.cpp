// SPDX-License-Identifier: MIT

#include <losses/metric.hpp>

#include "rows.hpp"

namespace bench {

namespace {

/// The matrix of pairs, n × n numbers that the losses never store; with `gradient` also the two products that every gradient
/// needs.
Repeated products(const std::shared_ptr<Data<Embeddings, Labels>>& data, bool gradient) {
  auto pairs = std::make_shared<RowMajorMatrix<float>>(data->p.rows(), data->p.rows());
  auto out = std::make_shared<Embeddings>(data->p);
  return repeat([data, pairs, out, gradient] {
    pairs->noalias() = data->p * data->p.transpose();
    if (gradient) {
      out->noalias() = *pairs * data->p;
      out->noalias() += pairs->transpose() * data->p;
    }
    return out->data();
  });
}

/// A loss over all pairs, against the one product of a value or the three of a dense gradient.
template <class Loss, class F = NotWritten>
Case all_pairs(Index n, Index d, const Loss& loss, bool dense, const char* torch_loss = "", const F& plain = {}) {
  const auto data = embeddings(n, d);
  Case each{value_and_gradient(loss, data), products(data, dense), dense ? "3 products" : "product", {}, {}};
  add_torch(each, data, loss, torch_loss);
  each.eigen = rival(data, loss, plain);
  return each;
}

/// A softmax over cosines, against a copy of them.
template <class Loss>
Case cosines(Index n, Index c, const Loss& loss, const char* torch_loss) {
  const auto data = logits<Embeddings>(n, c);
  fill_uniform(data->p.data(), data->p.size(), 11, -0.9, 0.9);
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              copy(data->p, data->g);
              return data->g.data();
            }),
            "copy",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  return each;
}

struct Triples {
  Embeddings x[3], g[3];
};

/// A loss of the distances of two or three rows, against sums of the same matrices: each read once, each gradient written once.
template <int vectors, class Loss>
Case row_pairs(Index n, Index d, const Loss& loss, const char* torch_loss) {
  auto data = std::make_shared<Triples>();
  auto similar = std::make_shared<Eigen::VectorXf>(n);
  std::vector<TorchArgument> arguments, gradients;
  for (int v = 0; v < vectors; ++v) {
    data->x[v].resize(n, d);
    fill_normal(data->x[v].data(), n * d, static_cast<std::uint64_t>(12 + v), 1.0);
    data->g[v].setZero(n, d);
    arguments.push_back(torch_argument(data->x[v]));
    gradients.push_back(torch_argument(data->g[v]));
  }
  for (Index i = 0; i < n; ++i) (*similar)(i) = i % 2 == 0 ? 1.f : -1.f;
  if (vectors == 2) arguments.push_back(torch_argument(*similar));
  const auto ours = [=] {
    auto &x = data->x, &g = data->g;
    if constexpr (vectors == 3) {
      return loss.value_and_gradient(x[0], x[1], x[2], g[0], g[1], g[2]);
    } else {
      return loss.value_and_gradient(x[0], x[1], *similar, g[0], g[1]);
    }
  };
  Case each{repeat(ours),
            repeat([data] {
              for (int v = 0; v < vectors; ++v) add(data->x[v], data->x[(v + 1) % vectors], data->g[v]);
              return data->g[0].data();
            }),
            vectors == 3 ? "3 sums" : "2 sums",
            {},
            {}};
  if (!has_torch) return each;
  const auto theirs = torch_case(torch_loss, arguments, vectors);
  each.torch = repeat([data, similar, theirs] { return theirs.value_and_gradient(); });
  each.disagreement = [=]() -> std::string {
    const double value = theirs.value_and_gradient(), our_value = ours();
    if (!(std::abs(our_value - value) <= 1e-5 * std::abs(value))) {
      return format("the value is %.9g, LibTorch's %.9g", our_value, value);
    }
    const double error = theirs.gradient_error(gradients);
    return error <= 1e-5 ? "" : format("the gradients differ by %.3g of their largest entry", error);
  };
  return each;
}

}  // namespace

std::vector<Row> rows_of_metric() {
  using namespace losses;
  const SupCon<float> sup_con;
  const MinedTriplet<float> hard;
  const MinedTriplet<float> all({.mining = Mining::batch_all}), semi_hard({.mining = Mining::semi_hard});
  const MultiSimilarity<float> multi_similarity;
  const Circle<float> circle;
  const ArcFace<float> arc_face;
  const Triplet<float> triplet({.margin = 20});  // all are within it
  const CosineEmbedding<float> cosine;
  return {
      {"SupCon, n 2048, d 128", Bar::times_limit(1.5),
       [=] { return all_pairs(2048, 128, sup_con, true, "sup_con", plain_eigen::sup_con); }},
      {"MinedTriplet batch_hard, n 2048, d 128", Bar::times_limit(2),
       [=] { return all_pairs(2048, 128, hard, false, "batch_hard", plain_eigen::batch_hard); }},
      {"MinedTriplet batch_all, n 256, d 128", Bar::torch_over(1),
       [=] { return all_pairs(256, 128, all, true, "batch_all"); }},
      {"MinedTriplet batch_all, n 2048, d 128", Bar::none(), [=] { return all_pairs(2048, 128, all, true); }},
      {"MinedTriplet semi_hard, n 2048, d 128", Bar::none(), [=] { return all_pairs(2048, 128, semi_hard, false); }},
      {"MultiSimilarity, n 2048, d 128", Bar::none(), [=] { return all_pairs(2048, 128, multi_similarity, true); }},
      {"Circle, n 2048, d 128", Bar::torch_over(1), [=] { return all_pairs(2048, 128, circle, true, "circle"); }},
      {"Triplet 4096 × 128", Bar::torch_over(1), [=] { return row_pairs<3>(4096, 128, triplet, "triplet"); }},
      {"Triplet 100000 × 128", Bar::torch_over(1), [=] { return row_pairs<3>(100000, 128, triplet, "triplet"); }},
      {"CosineEmbedding 4096 × 128", Bar::torch_over(1),
       [=] { return row_pairs<2>(4096, 128, cosine, "cosine_embedding"); }},
      {"ArcFace 512 × 10000", Bar::torch_over(1), [=] { return cosines(512, 10000, arc_face, "arc_face"); }},
  };
}

}  // namespace bench
