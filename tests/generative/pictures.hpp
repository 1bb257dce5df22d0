// SPDX-License-Identifier: MIT
#pragma once

/// Pictures of generated numbers, and what tests of losses of pictures ask of them.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <losses/tensor.hpp>

#include "catch.hpp"
#include "generated_number.hpp"
#include "laws.hpp"

namespace losses_test {

template <class T>
using Picture = Eigen::Tensor<T, 4, Eigen::RowMajor>;
template <class T>
using ColumnPicture = Eigen::Tensor<T, 4>;
template <class T>
using RowMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// [n × c × h × w] of values in [0, scale).
template <class T>
Picture<T> generated_picture(Index n, Index c, Index h, Index w, std::uint64_t sequence, double scale = 1) {
  Picture<T> picture(n, c, h, w);
  for (Index i = 0; i < picture.size(); ++i) {
    const double number = static_cast<double>(generated_number(sequence, static_cast<std::uint64_t>(i)));
    picture.data()[i] = static_cast<T>((number * 0.5 + 0.5) * scale);
  }
  return picture;
}

/// The same picture in the other order of its memory. (Loops: Eigen's shuffles take seconds to compile.)
template <class To, class From>
To reordered(const From& from) {
  To to(from.dimension(0), from.dimension(1), from.dimension(2), from.dimension(3));
  for (Index i = 0; i < from.dimension(0); ++i) {
    for (Index j = 0; j < from.dimension(1); ++j) {
      for (Index k = 0; k < from.dimension(2); ++k) {
        for (Index l = 0; l < from.dimension(3); ++l) to(i, j, k, l) = from(i, j, k, l);
      }
    }
  }
  return to;
}

template <class T>
ColumnPicture<T> in_columns(const Picture<T>& picture) {
  return reordered<ColumnPicture<T>>(picture);
}
template <class T>
Picture<T> in_rows(const ColumnPicture<T>& picture) {
  return reordered<Picture<T>>(picture);
}

/// Some of the pictures.
template <class T>
Picture<T> pictures_of(const Picture<T>& all, Index begin, Index count) {
  Picture<T> some(count, all.dimension(1), all.dimension(2), all.dimension(3));
  std::copy_n(all.data() + begin * (some.size() / count), some.size(), some.data());
  return some;
}

/// A channel of a picture as a matrix.
template <class T>
RowMatrix<T> channel(const Picture<T>& picture, Index i, Index c) {
  const Index h = picture.dimension(2), w = picture.dimension(3);
  return Eigen::Map<const RowMatrix<T>>(picture.data() + (i * picture.dimension(1) + c) * h * w, h, w);
}

/// All numbers of a tensor as a vector, in the order of its memory.
template <class Tensor>
Eigen::Map<const Eigen::Matrix<typename Tensor::Scalar, Eigen::Dynamic, 1>> numbers(const Tensor& tensor) {
  return {tensor.data(), tensor.size()};
}

template <class Tensor>
double difference(const Tensor& is, const Tensor& wanted) {
  const Eigen::VectorXd a = numbers(is).template cast<double>(), b = numbers(wanted).template cast<double>();
  return (a - b).cwiseAbs().maxCoeff() / b.cwiseAbs().maxCoeff();
}

/// The entries that PyTorch's constants name: those at j·2654435761 mod size, for j = 1 to 4.
template <class Gradient>
void check_entries(const Gradient& gradient, double norm, const std::array<double, 4>& entries, double bound) {
  const Eigen::VectorXd g = gradient.template cast<double>();
  CHECK(g.norm() == Catch::Approx(norm).epsilon(bound));
  for (std::size_t j = 0; j < 4; ++j) {
    const auto at = static_cast<Index>((j + 1) * 2654435761U % static_cast<std::size_t>(g.size()));
    CHECK(std::abs(g(at) - entries[j]) <= bound * g.cwiseAbs().maxCoeff());
  }
}

}  // namespace losses_test
