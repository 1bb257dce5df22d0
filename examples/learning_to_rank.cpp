// SPDX-License-Identifier: MIT
// Learns to rank: a linear scorer of documents, trained with ListNet, with PairwiseLogistic and with ListMLE on queries of different
// lengths, and measured by NDCG@10 on queries held out. A mask says which places of a list hold a document.
//
// expect: untrained +0\.[45]
// expect: ListNet +0\.9[5-9]
// expect: PairwiseLogistic +0\.9[5-9]
// expect: ListMLE +0\.9[5-9]

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <random>
#include <vector>

#include <losses/ranking.hpp>

namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Mask = Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr Index items = 30, features = 12;

/// Lists of up to 30 documents, graded from 0 to 4.
struct Queries {
  MatrixXd documents;  // [n · items × features], the documents of a query one after the other
  RowMajor relevance;  // [n × items]
  Mask mask;           // [n × items]
};

Queries make_queries(Index n, unsigned seed) {
  std::mt19937 random(seed);
  const auto uniform = [&] { return static_cast<double>(random()) / 4294967296.0; };
  Queries queries{MatrixXd::Zero(n * items, features), RowMajor::Zero(n, items), Mask::Constant(n, items, false)};
  for (Index query = 0; query < n; ++query) {
    const Index length = 5 + static_cast<Index>(26 * uniform());
    const double difficulty = 4 * uniform() - 2;  // some queries have hardly a good document, some hardly a bad one
    for (Index item = 0; item < length; ++item) {
      auto document = queries.documents.row(query * items + item);
      for (double& feature : document) feature = 2 * uniform() - 1;
      double quality = difficulty + 1.5 * (uniform() - 0.5);
      for (Index k = 0; k < features; ++k)
        quality += (k % 2 == 0 ? 2.0 : -1.0) / static_cast<double>(1 + k / 2) * document(k);
      queries.relevance(query, item) = std::clamp(std::round(quality + 1), 0.0, 4.0);
      queries.mask(query, item) = true;
    }
  }
  return queries;
}

/// The scores of all documents, a list in each row.
RowMajor score(const Queries& queries, const VectorXd& weights) {
  const VectorXd scores = queries.documents * weights;
  return Eigen::Map<const RowMajor>(scores.data(), queries.mask.rows(), items);
}

/// Järvelin and Kekäläinen (2002): the gain 2^grade − 1 of the first ten, discounted by their places, against the best order's.
double ndcg(const Queries& queries, const RowMajor& scores) {
  double sum = 0;
  Index counted = 0;
  for (Index query = 0; query < scores.rows(); ++query) {
    std::vector<Index> order(static_cast<std::size_t>(queries.mask.row(query).count()));
    std::iota(order.begin(), order.end(), Index(0));
    const auto gain = [&](const auto& key) {
      std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return key(query, a) > key(query, b); });
      double total = 0;
      for (std::size_t place = 0; place < std::min<std::size_t>(10, order.size()); ++place) {
        total += (std::exp2(queries.relevance(query, order[place])) - 1) / std::log2(static_cast<double>(place) + 2);
      }
      return total;
    };
    const double got = gain(scores), best = gain(queries.relevance);
    if (best == 0) continue;  // nothing worth finding
    sum += got / best;
    ++counted;
  }
  return sum / static_cast<double>(counted);
}

/// Gradient descent through the scorer: dL/dweights = documentsᵀ · dL/dscores.
template <class Loss>
VectorXd train(const Queries& queries, const Loss& loss, double rate) {
  VectorXd weights = VectorXd::Zero(features);
  RowMajor gradient;
  for (int step = 0; step < 150; ++step) {
    (void)loss.value_and_gradient(score(queries, weights), queries.relevance, queries.mask, gradient);
    weights -= rate * queries.documents.transpose() * gradient.reshaped<Eigen::RowMajor>();
  }
  return weights;
}

}  // namespace

int main() {
  const Queries training = make_queries(200, 1), test = make_queries(100, 2);
  const auto report = [&](const char* name, const VectorXd& weights) {
    std::cout << std::left << std::setw(18) << name << std::fixed << std::setprecision(3)
              << ndcg(test, score(test, weights)) << '\n';
  };
  std::cout << "NDCG@10 on 100 queries held out\n";
  report("untrained", VectorXd::Zero(features));
  report("ListNet", train(training, losses::ListNet<double>(), 2.0));
  report("PairwiseLogistic", train(training, losses::PairwiseLogistic<double>(), 2.0));
  report("ListMLE", train(training, losses::ListMLE<double>(), 0.05));
}
