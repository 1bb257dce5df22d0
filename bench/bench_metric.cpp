// SPDX-License-Identifier: MIT
// The losses of the metric room over batches of embeddings, and the limits, one or three matrix products, or sums of the
// rows:
// loss/verb/type/shape/order, as in sup_con/value_and_gradient/float/2048x128/row_major.

#include <memory>

#include <losses/metric.hpp>

#include "limits.hpp"
#include "register.hpp"

namespace {

using bench::add_benchmark;
using bench::ColumnMajorMatrix;
using bench::Index;
using bench::Labels;
using bench::RowMajorMatrix;
using bench::shape_name;
using bench::type_name;

template <class Matrix>
struct Data {
  Matrix p;
  Labels y;
  Matrix g;
};

/// Embeddings of n samples of 64 classes.
template <class Matrix>
auto embeddings(Index n, Index d) {
  auto data = std::make_shared<Data<Matrix>>();
  data->p.resize(n, d);
  data->y.resize(n);
  data->g.setZero(n, d);
  bench::fill_normal(data->p.data(), data->p.size(), 9, 1.0);
  bench::fill_labels(data->y.data(), data->y.size(), 10, 64);
  return data;
}

template <class Matrix>
std::size_t bytes_of(const Data<Matrix>& data) {
  return 2 * static_cast<std::size_t>(data.p.size()) * sizeof(typename Matrix::Scalar);
}

template <class Matrix, class Loss>
void add_verbs(const std::string& name, const Loss& loss, Index n, Index d, const std::string& rest) {
  add_benchmark(name + "/value_and_gradient/" + rest, [=] {
    const auto data = embeddings<Matrix>(n, d);
    return std::pair([data, loss] { return loss.value_and_gradient(data->p, data->y, data->g); }, bytes_of(*data));
  });
  add_benchmark(name + "/forward/" + rest, [=] {
    const auto data = embeddings<Matrix>(n, d);
    return std::pair([data, loss] { return loss.forward(data->p, data->y); }, bytes_of(*data) / 2);
  });
}

/// The matrix of pairs alone, and with what every dense gradient needs besides.
template <class Matrix>
void add_limits(Index n, Index d, const std::string& rest) {
  add_benchmark("limit/product/" + rest, [=] {
    const auto data = embeddings<Matrix>(n, d);
    const auto pairs = std::make_shared<Matrix>(n, n);
    return std::pair(
        [=] {
          pairs->noalias() = data->p * data->p.transpose();
          return pairs->data();
        },
        bytes_of(*data));
  });
  add_benchmark("limit/three_products/" + rest, [=] {
    const auto data = embeddings<Matrix>(n, d);
    const auto pairs = std::make_shared<Matrix>(n, n);
    return std::pair(
        [=] {
          pairs->noalias() = data->p * data->p.transpose();
          data->g.noalias() = *pairs * data->p;
          data->g.noalias() += pairs->transpose() * data->p;
          return data->g.data();
        },
        bytes_of(*data));
  });
}

template <class Matrix>
void add_order(const std::string& order) {
  using T = typename Matrix::Scalar;
  using namespace losses;
  for (const auto& [n, d] : {std::pair<Index, Index>{64, 64}, {256, 128}, {2048, 128}}) {
    const std::string rest = type_name<T>() + "/" + shape_name({n, d}) + "/" + order;
    add_limits<Matrix>(n, d, rest);
    add_verbs<Matrix>("sup_con", SupCon<T>(), n, d, rest);
    add_verbs<Matrix>("multi_similarity", MultiSimilarity<T>(), n, d, rest);
    add_verbs<Matrix>("circle", Circle<T>(), n, d, rest);
    add_verbs<Matrix>("mined_triplet", MinedTriplet<T>(), n, d, rest);
    add_verbs<Matrix>("mined_triplet_batch_all", MinedTriplet<T>({.mining = Mining::batch_all}), n, d, rest);
    add_verbs<Matrix>("mined_triplet_semi_hard", MinedTriplet<T>({.mining = Mining::semi_hard}), n, d, rest);
  }
  for (const auto& [n, c] : {std::pair<Index, Index>{64, 100}, {512, 10000}}) {
    const std::string rest = type_name<T>() + "/" + shape_name({n, c}) + "/" + order;
    const auto add = [&, n = n, c = c](const std::string& name, const auto& loss) {
      add_benchmark(name + "/value_and_gradient/" + rest, [=] {
        const auto data = embeddings<Matrix>(n, c);
        bench::fill_uniform(data->p.data(), data->p.size(), 11, -0.9, 0.9);
        return std::pair([data, loss] { return loss.value_and_gradient(data->p, data->y, data->g); }, bytes_of(*data));
      });
    };
    add("arc_face", ArcFace<T>());
    add("cos_face", CosFace<T>());
  }
}

template <class Matrix>
struct Pairs {
  Matrix x[3], g[3];
  Eigen::Matrix<typename Matrix::Scalar, Eigen::Dynamic, 1> similar;
};

template <class Matrix>
auto pairs(Index n, Index d) {
  auto data = std::make_shared<Pairs<Matrix>>();
  for (int v = 0; v < 3; ++v) {
    data->x[v].resize(n, d);
    bench::fill_normal(data->x[v].data(), n * d, static_cast<std::uint64_t>(12 + v), 1.0);
    data->g[v].setZero(n, d);
  }
  data->similar.resize(n);
  for (Index i = 0; i < n; ++i) data->similar[i] = i % 2 == 0 ? 1 : -1;
  return data;
}

/// Losses of the distances of two or three rows: in the first cache, the second, in memory.
template <class Matrix>
void add_row_pairs(const std::string& order) {
  using T = typename Matrix::Scalar;
  for (const auto& [n, d] : {std::pair<Index, Index>{16, 32}, {512, 64}, {100000, 128}}) {
    const std::string rest = type_name<T>() + "/" + shape_name({n, d}) + "/" + order;
    const auto matrix = static_cast<std::size_t>(n * d) * sizeof(T);
    const auto make = [n = n, d = d] { return pairs<Matrix>(n, d); };
    add_benchmark("triplet/value_and_gradient/" + rest, [=] {
      const auto data = make();
      const auto run = [data] {
        auto &x = data->x, &g = data->g;
        return losses::Triplet<T>({.margin = 20}).value_and_gradient(x[0], x[1], x[2], g[0], g[1], g[2]);
      };
      return std::pair(run, 6 * matrix);
    });
    add_benchmark("cosine_embedding/value_and_gradient/" + rest, [=] {
      const auto data = make();
      const auto run = [data] {
        auto &x = data->x, &g = data->g;
        return losses::CosineEmbedding<T>().value_and_gradient(x[0], x[1], data->similar, g[0], g[1]);
      };
      return std::pair(run, 4 * matrix);
    });
    add_benchmark("limit/add/" + rest, [=] {
      const auto data = make();
      const auto run = [data] {
        bench::add(data->x[0], data->x[1], data->g[0]);
        return data->g[0].data();
      };
      return std::pair(run, 3 * matrix);
    });
    if (n > 512) continue;
    add_benchmark("nt_xent/value_and_gradient/" + rest, [=] {
      const auto data = make();
      const auto run = [data] {
        return losses::NTXent<T>().value_and_gradient(data->x[0], data->x[1], data->g[0], data->g[1]);
      };
      return std::pair(run, 4 * matrix);
    });
  }
}

const bool registered =
    (add_row_pairs<RowMajorMatrix<float>>("row_major"), add_row_pairs<ColumnMajorMatrix<float>>("column_major"),
     add_order<RowMajorMatrix<float>>("row_major"), add_order<ColumnMajorMatrix<float>>("column_major"),
     add_order<RowMajorMatrix<double>>("row_major"), true);

}  // namespace
