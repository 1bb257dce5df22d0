// SPDX-License-Identifier: MIT
// The losses of the classification room over labels and probabilities, and the limit g = p:
// loss/verb/type/shape/order, as in cross_entropy/value_and_gradient/float/4096x1000/row_major.

#include <memory>

#include <losses/classification.hpp>
#include <losses/tensor.hpp>

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

template <class P, class Y>
struct Data {
  P p;
  Y y;
  P g;
};

template <class P>
auto labelled(Index samples, Index classes) {
  auto data = std::make_shared<Data<P, Labels>>();
  data->p.resize(samples, classes);
  data->y.resize(samples);
  data->g.setZero(samples, classes);
  bench::fill_normal(data->p.data(), data->p.size(), 3, 2.0);
  bench::fill_labels(data->y.data(), data->y.size(), 4, classes);
  return data;
}

template <class P>
auto with_probabilities(Index samples, Index classes) {
  auto data = std::make_shared<Data<P, P>>();
  data->p.resize(samples, classes);
  data->y.resize(samples, classes);
  data->g.setZero(samples, classes);
  bench::fill_normal(data->p.data(), data->p.size(), 3, 2.0);
  bench::fill_uniform(data->y.data(), data->y.size(), 4, 0.0, 2.0 / static_cast<double>(classes));
  return data;
}

template <std::floating_point T>
auto labelled_images(Index n, Index c, Index h, Index w) {
  using Image = Eigen::Tensor<T, 4, Eigen::RowMajor>;
  using Target = Eigen::Tensor<std::int64_t, 3, Eigen::RowMajor>;
  auto data = std::make_shared<Data<Image, Target>>();
  data->p.resize(n, c, h, w);
  data->y.resize(n, h, w);
  data->g.resize(n, c, h, w);
  data->g.setZero();
  bench::fill_normal(data->p.data(), data->p.size(), 5, 2.0);
  bench::fill_labels(data->y.data(), data->y.size(), 6, c);
  return data;
}

/// Both verbs on what `make` returns. Labels are eight bytes each.
template <class Loss, class Make>
void add_verbs(const std::string& name, const Loss& loss, const std::string& rest, const Make& make) {
  const auto bytes = [](const auto& x) { return static_cast<std::size_t>(x.size()) * sizeof(*x.data()); };
  add_benchmark(name + "/value_and_gradient/" + rest, [=] {
    const auto data = make();
    const auto total = 2 * bytes(data->p) + bytes(data->y);
    return std::pair([data, loss] { return loss.value_and_gradient(data->p, data->y, data->g); }, total);
  });
  add_benchmark(name + "/forward/" + rest, [=] {
    const auto data = make();
    const auto total = bytes(data->p) + bytes(data->y);
    return std::pair([data, loss] { return loss.forward(data->p, data->y); }, total);
  });
}

template <class Matrix>
void add_copy(Index samples, Index classes, const std::string& rest) {
  using T = typename Matrix::Scalar;
  const auto bytes = 2 * static_cast<std::size_t>(samples * classes) * sizeof(T);
  add_benchmark("limit/copy/" + rest, [=] {
    const auto data = labelled<Matrix>(samples, classes);
    const auto run = [data] {
      bench::copy(data->p, data->g);
      return data->g.data();
    };
    return std::pair(run, bytes);
  });
}

template <class Matrix, class Loss>
void add_matrices(const std::string& name, const Loss& loss, const std::string& order) {
  using T = typename Loss::Scalar;
  for (const auto& [n, c] :
       {std::pair<Index, Index>{4, 10}, {32, 10}, {256, 10}, {4096, 10}, {64, 1000}, {4096, 1000}, {512, 32000}}) {
    const std::string rest = type_name<T>() + "/" + shape_name({n, c}) + "/" + order;
    add_copy<Matrix>(n, c, rest);
    add_verbs(name, loss, rest, [n = n, c = c] { return labelled<Matrix>(n, c); });
    add_verbs(name + "_probabilities", loss, rest, [n = n, c = c] { return with_probabilities<Matrix>(n, c); });
  }
}

template <std::floating_point T>
void add_room() {
  const losses::CrossEntropy<T> cross_entropy;
  add_matrices<RowMajorMatrix<T>>("cross_entropy", cross_entropy, "row_major");
  add_matrices<ColumnMajorMatrix<T>>("cross_entropy", cross_entropy, "column_major");
  for (const Index side : {16, 256}) {
    add_verbs("cross_entropy", cross_entropy, type_name<T>() + "/" + shape_name({8, 21, side, side}) + "/row_major",
              [side] { return labelled_images<T>(8, 21, side, side); });
  }
}

const bool registered = (add_room<float>(), add_room<double>(), true);

}  // namespace
