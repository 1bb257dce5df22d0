// SPDX-License-Identifier: MIT
// The losses of the ranking room, and the limit g = p + y: loss/verb/type/shape/order, as in
// list_net/value_and_gradient/float/4096x100/row_major.

#include <memory>

#include <losses/ranking.hpp>

#include "limits.hpp"
#include "register.hpp"

namespace {

using bench::add_benchmark;
using bench::ColumnMajorMatrix;
using bench::Index;
using bench::RowMajorMatrix;
using bench::shape_name;
using bench::type_name;

template <class Matrix>
struct Lists {
  Matrix scores, relevance, gradient;
  Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> mask;
};

template <class Matrix>
auto lists(Index n, Index items) {
  auto data = std::make_shared<Lists<Matrix>>();
  for (auto* matrix : {&data->scores, &data->relevance, &data->gradient}) matrix->setZero(n, items);
  bench::fill_normal(data->scores.data(), data->scores.size(), 21, 2.0);
  bench::fill_uniform(data->relevance.data(), data->relevance.size(), 22, 0.0, 5.0);
  data->relevance = data->relevance.array().floor();
  data->mask = data->scores.array() < 2;
  return data;
}

template <class Matrix, class Loss>
void add_lists(const std::string& name, const Loss& loss, const std::string& order, Index n, Index items) {
  using T = typename Loss::Scalar;
  const std::string rest = type_name<T>() + "/" + shape_name({n, items}) + "/" + order;
  const auto matrix_bytes = static_cast<std::size_t>(n * items) * sizeof(T);
  add_benchmark(name + "/value_and_gradient/" + rest, [=] {
    const auto data = lists<Matrix>(n, items);
    const auto run = [data, loss] { return loss.value_and_gradient(data->scores, data->relevance, data->gradient); };
    return std::pair(run, 3 * matrix_bytes);
  });
  add_benchmark(name + "_masked/value_and_gradient/" + rest, [=] {
    const auto data = lists<Matrix>(n, items);
    const auto run = [data, loss] {
      return loss.value_and_gradient(data->scores, data->relevance, data->mask, data->gradient);
    };
    return std::pair(run, 3 * matrix_bytes + matrix_bytes / sizeof(T));
  });
  add_benchmark(name + "/forward/" + rest, [=] {
    const auto data = lists<Matrix>(n, items);
    return std::pair([data, loss] { return loss.forward(data->scores, data->relevance); }, 2 * matrix_bytes);
  });
}

/// g = scores + relevance.
template <class Matrix>
void add_limit(const std::string& order, Index n, Index items) {
  using T = typename Matrix::Scalar;
  add_benchmark("limit/add/" + type_name<T>() + "/" + shape_name({n, items}) + "/" + order, [=] {
    const auto data = lists<Matrix>(n, items);
    const auto run = [data] {
      bench::add(data->scores, data->relevance, data->gradient);
      return data->gradient.data();
    };
    return std::pair(run, 3 * static_cast<std::size_t>(n * items) * sizeof(T));
  });
}

template <std::floating_point T>
void add_margin_ranking() {
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  const losses::MarginRanking<T> loss({.margin = T(0.5)});
  for (const Index n : bench::vector_sizes) {
    add_benchmark("margin_ranking/value_and_gradient/" + type_name<T>() + "/" + shape_name({n}) + "/contiguous", [=] {
      struct Pairs {
        Vector x1, x2, y, g1, g2;
      };
      auto data = std::make_shared<Pairs>();
      for (auto* vector : {&data->x1, &data->x2, &data->y, &data->g1, &data->g2}) vector->setZero(n);
      bench::fill_normal(data->x1.data(), n, 23, 1.0);
      bench::fill_normal(data->x2.data(), n, 24, 1.0);
      bench::fill_normal(data->y.data(), n, 25, 1.0);
      data->y = data->y.unaryExpr([](T y) { return y < 0 ? T(-1) : T(1); });
      const auto run = [data, loss] {
        return loss.value_and_gradient(data->x1, data->x2, data->y, data->g1, data->g2);
      };
      return std::pair(run, 5 * static_cast<std::size_t>(n) * sizeof(T));
    });
  }
}

template <std::floating_point T>
void add_room() {
  using namespace losses;
  add_margin_ranking<T>();
  for (const auto& [n, items] : {std::pair<Index, Index>{32, 10}, {4096, 10}, {4096, 100}, {64, 1000}, {65536, 100}}) {
    add_limit<RowMajorMatrix<T>>("row_major", n, items);
    add_limit<ColumnMajorMatrix<T>>("column_major", n, items);
    add_lists<RowMajorMatrix<T>>("list_net", ListNet<T>(), "row_major", n, items);
    add_lists<RowMajorMatrix<T>>("list_mle", ListMLE<T>(), "row_major", n, items);
    add_lists<RowMajorMatrix<T>>("pairwise_logistic", PairwiseLogistic<T>(), "row_major", n, items);
    add_lists<ColumnMajorMatrix<T>>("list_net", ListNet<T>(), "column_major", n, items);
  }
}

const bool registered = (add_room<float>(), add_room<double>(), true);

}  // namespace
