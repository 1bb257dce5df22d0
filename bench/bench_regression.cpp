// SPDX-License-Identifier: MIT
// The losses of the regression room and the limit g = p + y:
// loss/verb/type/shape/order, as in huber/value_and_gradient/float/16777216/contiguous.

#include <memory>

#include <losses/regression.hpp>

#include "limits.hpp"
#include "register.hpp"

namespace {

using bench::add_benchmark;
using bench::ColumnMajorMatrix;
using bench::Index;
using bench::RowMajorMatrix;
using bench::shape_name;
using bench::type_name;

template <class P, class Y>
struct Data {
  P p;
  Y y;
  P g;
  bool ready = false;
};

/// Positive numbers, which every loss of the room takes; residuals of both signs. Kept while the size stays the same:
/// making them takes longer than most benchmarks.
template <class P, class Y = P>
Data<P, Y>& data(Index rows, Index columns) {
  static Data<P, Y> kept;
  if (!kept.ready || kept.p.rows() != rows || kept.p.cols() != columns) {
    kept.p.resize(rows, columns);
    kept.y.resize(rows, columns);
    kept.g.setZero(rows, columns);
    bench::fill_uniform(kept.p.data(), kept.p.size(), 1, 0.1, 4.1);
    bench::fill_uniform(kept.y.data(), kept.y.size(), 2, 0.1, 4.1);
    kept.ready = true;
  }
  return kept;
}

template <class P, class Y, class Loss>
void add_verbs(const std::string& name, const Loss& loss, Index rows, Index columns, const std::string& shape) {
  using T = typename P::Scalar;
  const auto elements = static_cast<std::size_t>(rows * columns) * sizeof(T);
  add_benchmark(name + "/value_and_gradient/" + shape, [=] {
    auto& each = data<P, Y>(rows, columns);
    return std::pair([&each, loss] { return loss.value_and_gradient(each.p, each.y, each.g); }, 3 * elements);
  });
  add_benchmark(name + "/forward/" + shape, [=] {
    auto& each = data<P, Y>(rows, columns);
    return std::pair([&each, loss] { return loss.forward(each.p, each.y); }, 2 * elements);
  });
}

template <class Loss>
void add_vectors(const std::string& name, const Loss& loss) {
  using T = typename Loss::Scalar;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  for (const Index n : bench::vector_sizes) {
    add_verbs<Vector, Vector>(name, loss, n, 1, type_name<T>() + "/" + shape_name({n}) + "/contiguous");
  }
}

template <class Loss>
void add_matrices(const std::string& name, const Loss& loss, Index rows, Index columns) {
  using T = typename Loss::Scalar;
  using Row = RowMajorMatrix<T>;
  using Column = ColumnMajorMatrix<T>;
  const std::string shape = type_name<T>() + "/" + shape_name({rows, columns}) + "/";
  add_verbs<Row, Row>(name, loss, rows, columns, shape + "row_major");
  add_verbs<Column, Column>(name, loss, rows, columns, shape + "column_major");
  add_verbs<Row, Column>(name, loss, rows, columns, shape + "mixed");
}

template <std::floating_point T>
void add_limits() {
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  for (const Index n : bench::vector_sizes) {
    const auto bytes = static_cast<std::size_t>(n) * sizeof(T);
    const auto shape = type_name<T>() + "/" + shape_name({n}) + "/contiguous";
    add_benchmark("limit/add/" + shape, [=] {
      auto& each = data<Vector>(n, 1);
      const auto run = [&each] {
        bench::add(each.p, each.y, each.g);
        return each.g.data();
      };
      return std::pair(run, 3 * bytes);
    });
  }
}

template <std::floating_point T>
void add_several_quantiles() {
  struct Outputs {
    RowMajorMatrix<T> p, g;
    Eigen::Matrix<T, Eigen::Dynamic, 1> y;
  };
  for (const Index n : {Index(256), Index(1) << 16U}) {
    const auto bytes = static_cast<std::size_t>(7 * n) * sizeof(T);
    add_benchmark("multi_quantile/value_and_gradient/" + type_name<T>() + "/" + shape_name({n, 3}) + "/row_major", [=] {
      auto each = std::make_shared<Outputs>();
      each->p.resize(n, 3);
      each->g.resize(n, 3);
      each->y.resize(n);
      bench::fill_uniform(each->p.data(), each->p.size(), 1, 0.1, 4.1);
      bench::fill_uniform(each->y.data(), each->y.size(), 2, 0.1, 4.1);
      const losses::MultiQuantile<T> loss;
      return std::pair([each, loss] { return loss.value_and_gradient(each->p, each->y, each->g); }, bytes);
    });
  }
}

template <std::floating_point T>
void add_mean_and_variance() {
  struct Outputs {
    Eigen::Matrix<T, Eigen::Dynamic, 1> mean, variance, y, mean_gradient, variance_gradient;
  };
  for (const Index n : bench::vector_sizes) {
    const auto bytes = static_cast<std::size_t>(5 * n) * sizeof(T);
    add_benchmark("gaussian_nll/value_and_gradient/" + type_name<T>() + "/" + shape_name({n}) + "/contiguous", [=] {
      auto each = std::make_shared<Outputs>();
      for (auto* x : {&each->mean, &each->variance, &each->y, &each->mean_gradient, &each->variance_gradient}) {
        x->resize(n);
        bench::fill_uniform(x->data(), n, static_cast<std::uint64_t>(x - &each->mean), 0.1, 4.1);
      }
      const losses::GaussianNLL<T> loss;
      const auto run = [each, loss] {
        return loss.value_and_gradient(each->mean, each->variance, each->y, each->mean_gradient,
                                       each->variance_gradient);
      };
      return std::pair(run, bytes);
    });
  }
}

template <std::floating_point T>
void add_room() {
  using namespace losses;
  add_limits<T>();
  add_vectors("l1", L1<T>());
  add_vectors("mse", MSE<T>());
  add_vectors("rmse", RMSE<T>());
  add_vectors("huber", Huber<T>());
  add_vectors("smooth_l1", SmoothL1<T>());
  add_vectors("log_cosh", LogCosh<T>());
  add_vectors("quantile", Quantile<T>());
  add_vectors("expectile", Expectile<T>());
  add_vectors("epsilon_insensitive", EpsilonInsensitive<T>());
  add_vectors("charbonnier", Charbonnier<T>());
  add_vectors("cauchy", Cauchy<T>());
  add_vectors("welsch", Welsch<T>());
  add_vectors("geman_mcclure", GemanMcClure<T>());
  add_vectors("tukey", Tukey<T>());
  add_vectors("barron", Barron<T>());
  add_vectors("msle", MSLE<T>());
  add_vectors("mape", MAPE<T>());
  add_vectors("poisson", Poisson<T>());
  add_vectors("gamma", Gamma<T>());
  add_vectors("tweedie", Tweedie<T>());
  add_mean_and_variance<T>();
  add_several_quantiles<T>();
  add_matrices("huber", Huber<T>(), 500, 700);
  add_matrices("huber", Huber<T>(), 4096, 4096);
}

const bool registered = (add_room<float>(), add_room<double>(), true);

}  // namespace
