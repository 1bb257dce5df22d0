// SPDX-License-Identifier: MIT
#pragma once

/// The rows of bench_compare, a file for each room, and the cases that several rooms measure: elements and rows of logits.

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <losses/tensor.hpp>

#include "by_hand.hpp"
#include "compare.hpp"
#include "data.hpp"
#include "libtorch.hpp"
#include "limits.hpp"
#include "plain_eigen.hpp"

namespace bench {

std::vector<Row> rows_of_regression();
std::vector<Row> rows_of_generative();
std::vector<Row> rows_of_classification();
std::vector<Row> rows_of_detection();
std::vector<Row> rows_of_segmentation();
std::vector<Row> rows_of_sequence();
std::vector<Row> rows_of_metric();
std::vector<Row> rows_of_double();
std::vector<Row> rows_of_half();
std::vector<Row> rows_of_small_batches();
std::vector<Row> rows_of_strides();
std::vector<Row> rows_of_threads();
std::vector<Row> rows_of_openmp();

template <class X>
TorchArgument torch_argument(Eigen::PlainObjectBase<X>& x) {
  if constexpr (X::IsVectorAtCompileTime) return {x.data(), {x.size()}, {1}};
  return {x.data(), {x.rows(), x.cols()}, {x.rowStride(), x.colStride()}};
}

template <class T, int rank>
TorchArgument torch_argument(Eigen::Tensor<T, rank, Eigen::RowMajor>& x) {
  TorchArgument argument{x.data(), {}, {}};
  std::int64_t stride = x.size();
  for (const auto size : x.dimensions()) {
    stride /= size;
    argument.sizes.push_back(size);
    argument.strides.push_back(stride);
  }
  return argument;
}

/// Adds LibTorch's run of the same data to a case, and the check that it computes the same. "": it has no such loss.
template <class D, class Loss>
void add_torch(Case& each, const std::shared_ptr<D>& data, const Loss& loss, const char* torch_loss) {
  if (!has_torch || *torch_loss == '\0') return;
  const auto theirs = torch_case(torch_loss, {torch_argument(data->p), torch_argument(data->y)});
  each.torch = repeat([data, theirs] { return theirs.value_and_gradient(); });
  each.disagreement = [data, loss, theirs]() -> std::string {
    const double value = theirs.value_and_gradient();
    const double our_value = loss.value_and_gradient(data->p, data->y, data->g);
    if (!(std::abs(our_value - value) <= 1e-5 * std::abs(value))) {
      return format("the value is %.9g, LibTorch's %.9g", our_value, value);
    }
    const double error = theirs.gradient_error({torch_argument(data->g)});
    return error <= 1e-5 ? "" : format("the gradients differ by %.3g of their largest entry", error);
  };
}

/// The same without this library: functions of prediction, target and gradient that return the value.
struct NotWritten {};

template <class ByHand = NotWritten, class PlainEigen = NotWritten>
struct Rivals {
  ByHand by_hand = {};
  PlainEigen eigen = {};
};

template <class ByHand>
Rivals(ByHand) -> Rivals<ByHand>;
template <class ByHand, class PlainEigen>
Rivals(ByHand, PlainEigen) -> Rivals<ByHand, PlainEigen>;

template <class D, class Loss, class F>
Rival rival(const std::shared_ptr<D>& data, const Loss& loss, const F& f) {
  if constexpr (std::same_as<F, NotWritten>) {
    return {};
  } else {
    const auto theirs = [data, f] { return f(data->p, data->y, data->g); };
    return {repeat(theirs), [data, loss, theirs]() -> std::string {
              const double value = theirs();
              const auto gradient = data->g;
              const double our_value = loss.value_and_gradient(data->p, data->y, data->g);
              // A sum of 2^24 floats in floats is a few per cent off.
              const double error_of_value = data->p.size() > 1 << 20 ? 0.05 : 1e-4;
              if (!(std::abs(our_value - value) <= error_of_value * std::abs(our_value))) {
                return format("the value is %.9g, not %.9g", value, our_value);
              }
              const double error = (gradient - data->g).cwiseAbs().maxCoeff() / data->g.cwiseAbs().maxCoeff();
              return error <= 1e-4 ? "" : format("the gradients differ by %.3g of their largest entry", error);
            }};
  }
}

template <class D, class Loss, class R>
void add_rivals(Case& each, const std::shared_ptr<D>& data, const Loss& loss, const R& rivals) {
  each.by_hand = rival(data, loss, rivals.by_hand);
  each.eigen = rival(data, loss, rivals.eigen);
}

template <class Prediction, class Target>
struct Data {
  Prediction p;
  Target y;
  Prediction g;
};

/// The primitive on data of its own.
template <class Loss, class D>
Repeated value_and_gradient(const Loss& loss, const std::shared_ptr<D>& data) {
  return repeat([loss, data] { return loss.value_and_gradient(data->p, data->y, data->g); });
}

template <class P = Eigen::VectorXf, class Y = P>
std::shared_ptr<Data<P, Y>> residuals(Index rows, Index columns = 1) {
  auto data = std::make_shared<Data<P, Y>>();
  data->p.resize(rows, columns);
  data->y.resize(rows, columns);
  data->g.setZero(rows, columns);
  fill_normal(data->p.data(), data->p.size(), 1, 1.0);
  fill_normal(data->y.data(), data->y.size(), 2, 1.0);
  return data;
}

/// A loss of n elements, against g = p + y.
template <class P = Eigen::VectorXf, class Loss, class R = Rivals<>>
Case elements(Index n, const Loss& loss, const char* torch_loss = "", const R& rivals = {}) {
  const auto data = residuals<P>(n);
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              add(data->p, data->y, data->g);
              return data->g.data();
            }),
            "p + y",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  add_rivals(each, data, loss, rivals);
  return each;
}

template <class Matrix>
std::shared_ptr<Data<Matrix, Labels>> logits(Index samples, Index classes) {
  auto data = std::make_shared<Data<Matrix, Labels>>();
  RowMajorMatrix<float> numbers(samples, classes);
  fill_normal(numbers.data(), numbers.size(), 3, 2.0);
  data->p = numbers.cast<typename Matrix::Scalar>();
  data->y.resize(samples);
  data->g.setZero(samples, classes);
  fill_labels(data->y.data(), data->y.size(), 4, classes);
  return data;
}

using Embeddings = RowMajorMatrix<float>;

/// Embeddings of n samples of 64 classes.
inline std::shared_ptr<Data<Embeddings, Labels>> embeddings(Index n, Index d) {
  auto data = std::make_shared<Data<Embeddings, Labels>>();
  data->p.resize(n, d);
  data->y.resize(n);
  data->g.setZero(n, d);
  fill_normal(data->p.data(), data->p.size(), 9, 1.0);
  fill_labels(data->y.data(), data->y.size(), 10, 64);
  return data;
}

/// A loss over rows of logits, row-major, against a copy of them.
template <class Loss, class R = Rivals<>>
Case rows_of(Index samples, Index classes, const Loss& loss, const char* torch_loss = "", const R& rivals = {}) {
  const auto data = logits<RowMajorMatrix<typename Loss::Scalar>>(samples, classes);
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              copy(data->p, data->g);
              return data->g.data();
            }),
            "copy",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  add_rivals(each, data, loss, rivals);
  return each;
}

/// n logits, one target in four positive.
template <class P = Eigen::VectorXf>
std::shared_ptr<Data<P, P>> binary_logits(Index n) {
  using T = typename P::Scalar;
  auto data = residuals<P>(n);
  data->p *= 3;
  data->y = (data->y.array() > T(0.67)).template cast<T>();
  return data;
}

/// A binary loss of n logits, against g = p + y.
template <class P = Eigen::VectorXf, class Loss, class R = Rivals<>>
Case binary(Index n, const Loss& loss, const char* torch_loss = "", const R& rivals = {}) {
  const auto data = binary_logits<P>(n);
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              add(data->p, data->y, data->g);
              return data->g.data();
            }),
            "p + y",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  add_rivals(each, data, loss, rivals);
  return each;
}

/// The same numbers column-major, against row-major.
template <class Loss>
Case columns_of(Index samples, Index classes, const Loss& loss, const char* torch_loss = "") {
  const auto data = logits<ColumnMajorMatrix<float>>(samples, classes);
  Case each{value_and_gradient(loss, data),
            value_and_gradient(loss, logits<RowMajorMatrix<float>>(samples, classes)),
            "row-major",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  return each;
}

/// Images [n, c, h, w] with a label per pixel, against a copy.
template <class Loss>
Case images(Index n, Index c, Index h, Index w, const Loss& loss, const char* torch_loss = "") {
  using Tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  using Target = Eigen::Tensor<std::int64_t, 3, Eigen::RowMajor>;
  auto data = std::make_shared<Data<Tensor, Target>>();
  data->p.resize(n, c, h, w);
  data->y.resize(n, h, w);
  data->g.resize(n, c, h, w);
  data->g.setZero();
  fill_normal(data->p.data(), data->p.size(), 5, 2.0);
  fill_labels(data->y.data(), data->y.size(), 6, c);
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              using Flat = Eigen::Map<const Eigen::VectorXf>;
              Eigen::Map<Eigen::VectorXf> to(data->g.data(), data->g.size());
              copy(Flat(data->p.data(), data->p.size()), to);
              return data->g.data();
            }),
            "copy",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  return each;
}

}  // namespace bench
