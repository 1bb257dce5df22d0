// SPDX-License-Identifier: MIT
// The losses of the classification room, binary (whose limit g = p + y is in bench_regression), over labels and over
// probabilities, and the limit g = p:
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

/// Logits and targets 0 and 1, or −1 and 1; the numbers of a probability are the logits' sigmoid.
template <class Loss>
void add_binary(const std::string& name, const Loss& loss, double negative = 0, bool probabilities = false) {
  using T = typename Loss::Scalar;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  for (const Index n : bench::vector_sizes) {
    add_verbs(name, loss, type_name<T>() + "/" + shape_name({n}) + "/contiguous", [=] {
      auto data = std::make_shared<Data<Vector, Vector>>();
      data->p.resize(n);
      data->y.resize(n);
      data->g.setZero(n);
      bench::fill_normal(data->p.data(), n, 7, 3.0);
      bench::fill_uniform(data->y.data(), n, 8, 0.0, 1.0);
      for (T& y : data->y) y = y < T(0.25) ? T(1) : static_cast<T>(negative);
      if (probabilities) data->p = (1 + (-data->p.array()).exp()).inverse();
      return data;
    });
  }
}

template <std::floating_point T>
void add_binary_losses() {
  add_binary("bce", losses::BCE<T>(), 0, true);
  add_binary("bce_with_logits", losses::BCEWithLogits<T>());
  add_binary("focal", losses::Focal<T>(), 0, true);
  add_binary("focal_with_logits", losses::FocalWithLogits<T>());
  add_binary("hinge", losses::Hinge<T>(), -1);
  add_binary("squared_hinge", losses::SquaredHinge<T>(), -1);
  add_binary("soft_margin", losses::SoftMargin<T>(), -1);
  add_binary("asymmetric_multi_label", losses::AsymmetricMultiLabel<T>());
}

/// A loss over labels in both orders, at the sizes that the table compares.
template <class Loss>
void add_labelled(const std::string& name, const Loss& loss) {
  using T = typename Loss::Scalar;
  for (const auto& [n, c] : {std::pair<Index, Index>{4096, 10}, {4096, 1000}}) {
    const std::string rest = type_name<T>() + "/" + shape_name({n, c}) + "/";
    add_verbs(name, loss, rest + "row_major", [n = n, c = c] { return labelled<RowMajorMatrix<T>>(n, c); });
    add_verbs(name, loss, rest + "column_major", [n = n, c = c] { return labelled<ColumnMajorMatrix<T>>(n, c); });
  }
}

template <std::floating_point T>
void add_multi_class() {
  add_labelled("label_smoothing", losses::LabelSmoothing<T>());
  add_labelled("softmax_focal", losses::SoftmaxFocal<T>());
  add_labelled("generalized_cross_entropy", losses::GeneralizedCrossEntropy<T>());
  add_labelled("symmetric_cross_entropy", losses::SymmetricCrossEntropy<T>());
  add_labelled("poly_cross_entropy", losses::PolyCrossEntropy<T>());
  add_labelled("nll", losses::NLL<T>());
  add_labelled("multi_margin", losses::MultiMargin<T>());
}

template <std::floating_point T>
void add_room() {
  add_binary_losses<T>();
  add_multi_class<T>();
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
