// SPDX-License-Identifier: MIT
// The losses of the detection room, and the limit g = p + y: loss/verb/type/shape/order, as in
// giou/value_and_gradient/float/100000x4/row_major.

#include <memory>

#include <losses/detection.hpp>

#include "boxes.hpp"
#include "limits.hpp"
#include "register.hpp"

namespace {

using bench::add_benchmark;
using bench::Index;

template <class Matrix>
struct Boxes {
  Matrix p, y, g;

  explicit Boxes(Index n) : p(n, 4), y(n, 4), g(Matrix::Zero(n, 4)) { bench::fill_boxes(p, y); }
};

template <class Matrix, class Loss>
void add_verbs(const std::string& name, const Loss& loss, Index n, const std::string& rest) {
  const auto bytes = 4 * static_cast<std::size_t>(n) * sizeof(typename Matrix::Scalar);
  add_benchmark(name + "/value_and_gradient/" + rest, [=] {
    const auto data = std::make_shared<Boxes<Matrix>>(n);
    return std::pair([data, loss] { return loss.value_and_gradient(data->p, data->y, data->g); }, 3 * bytes);
  });
  add_benchmark(name + "/forward/" + rest, [=] {
    const auto data = std::make_shared<Boxes<Matrix>>(n);
    return std::pair([data, loss] { return loss.forward(data->p, data->y); }, 2 * bytes);
  });
}

template <class Matrix>
void add_matrices(const std::string& order) {
  using T = typename Matrix::Scalar;
  for (const Index n : {4, 32, 256, 8192, 100000, 1 << 22}) {
    const std::string rest = bench::type_name<T>() + "/" + bench::shape_name({n, 4}) + "/" + order;
    const auto bytes = 12 * static_cast<std::size_t>(n) * sizeof(T);
    add_benchmark("limit/add/" + rest, [=] {
      const auto data = std::make_shared<Boxes<Matrix>>(n);
      const auto run = [data] {
        bench::add(data->p, data->y, data->g);
        return data->g.data();
      };
      return std::pair(run, bytes);
    });
    add_verbs<Matrix>("iou", losses::IoU<T>(), n, rest);
    add_verbs<Matrix>("giou", losses::GIoU<T>(), n, rest);
    add_verbs<Matrix>("diou", losses::DIoU<T>(), n, rest);
    add_verbs<Matrix>("ciou", losses::CIoU<T>(), n, rest);
  }
}

template <std::floating_point T>
void add_room() {
  add_matrices<bench::RowMajorMatrix<T>>("row_major");
  add_matrices<bench::ColumnMajorMatrix<T>>("column_major");
}

const bool registered = (add_room<float>(), add_room<double>(), true);

}  // namespace
