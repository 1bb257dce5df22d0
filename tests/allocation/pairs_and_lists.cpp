// SPDX-License-Identifier: MIT

#include <losses/metric/contrastive.hpp>
#include <losses/metric/cosine_embedding.hpp>
#include <losses/metric/triplet.hpp>
#include <losses/ranking.hpp>

#include "allocations.hpp"
#include "laws.hpp"

using namespace losses_test;

namespace {

/// Contiguous, in other orders, and strided; rows that need a unit of their own.
template <class T>
void pairs_and_lists() {
  using Matrix = Columns<T>;
  for (const auto& shape : {std::pair<Index, Index>{1, 1}, {33, 3}, {70, 130}, {3, 5000}, {20000, 7}}) {
    const Index n = shape.first, d = shape.second;
    Matrix a = draw_weights<T>(n, d, 149), p = draw_weights<T>(n, d, 150), q = draw_weights<T>(n, d, 151);
    p.row(0) = a.row(0) + std::numeric_limits<T>::min();
    q.row(0) *= std::numeric_limits<T>::max() / 4;
    const Rows<T> rows = p;
    const Vector<T> w = draw_weights<T>(n, 1, 152).col(0), signs = Vector<T>::Constant(n, T(-1));
    const Eigen::VectorXi similar = Eigen::VectorXi::Ones(n), turned = Eigen::VectorXi::Zero(d);
    Matrix ga(n, d), gq(n, d), memory(2 * n, 2 * d);
    Rows<T> gp(n, d);
    const laws::Output<T> strided(memory.data(), n, d, AnyStride(4 * n, 2));
    const losses::Triplet<T> triplet({.swap = true}), cubic({.p = 3}),
        largest({.p = std::numeric_limits<T>::infinity()});
    const losses::Contrastive<T> contrastive;
    const losses::CosineEmbedding<T> cosine;
    INFO(laws::type_name<T> << " [" << n << " x " << d << "]");
    CHECK(allocations_of([&] {
            for (const auto* loss : {&triplet, &cubic, &largest}) {
              loss->forward(a, p, q);
              loss->value_and_gradient(a, rows, q, w, ga, gp, gq);
              loss->value_and_gradient(a, p, q, ga, strided, losses::add_to(gq, 2));
              loss->value(loss->partial(a, p, q));
            }
            contrastive.value_and_gradient(a, rows, similar, ga, gp);
            contrastive.value_and_gradient(a.transpose(), p.transpose(), turned, ga.transpose(), gp.transpose());
            cosine.value_and_gradient(a, rows, signs, w, ga, strided);
          }) == 0);
  }
  for (const Index items : {1, 7, 33, 1000}) {
    const Matrix x = draw_weights<T>(70, items, 153), y = draw_weights<T>(70, items, 154).round();
    const Rows<T> rows = x;
    const Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic> mask = x > T(0.5);
    const Vector<T> w = draw_weights<T>(70, 1, 155).col(0);
    Matrix g(70, items);
    const losses::ListNet<T> list_net;
    const losses::ListMLE<T> list_mle;
    const losses::PairwiseLogistic<T> pairwise;
    const losses::MarginRanking<T> margin;
    Matrix h(70, items);
    const Matrix ones = Matrix::Ones(70, items);
    INFO(laws::type_name<T> << ", " << items << " items");
    CHECK(allocations_of([&] {
            list_net.value_and_gradient(x, y, g);
            list_net.value_and_gradient(rows, y, mask, w, g);
            list_mle.value_and_gradient(x, y, g);
            list_mle.value_and_gradient(rows, y, mask, w, g);
            pairwise.value_and_gradient(rows, y, mask, g);
            margin.value_and_gradient(x, y, ones, g, h);
          }) == 0);
  }
}

}  // namespace

TEST_CASE("allocation: losses of pairs of rows, and of lists up to 1024 items, allocate nothing") {
  pairs_and_lists<float>();
  pairs_and_lists<double>();
}
