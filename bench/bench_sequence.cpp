// SPDX-License-Identifier: MIT
// The losses of the sequence room, over [t × n × c] logits and targets of s labels, and the limit g = p:
// loss/verb/type/t x n x c x s/order, as in ctc/value_and_gradient/float/150x32x80x40/row_major.

#include <array>
#include <memory>

#include <losses/sequence.hpp>
#include <losses/tensor.hpp>

#include "limits.hpp"
#include "register.hpp"

namespace {

using bench::add_benchmark;
using bench::Index;

template <std::floating_point T, int layout>
struct Data {
  Eigen::Tensor<T, 3, layout> x, g;
  bench::RowMajorMatrix<std::int64_t> targets;
  bench::Labels frames, labels;
  typename losses::CTC<T>::Workspace workspace;
};

template <std::floating_point T, int layout>
auto make(Index t, Index n, Index c, Index s) {
  auto data = std::make_shared<Data<T, layout>>();
  data->x.resize(t, n, c);
  data->g.resize(t, n, c);
  data->g.setZero();
  data->targets.resize(n, s);
  data->frames.setConstant(n, t);
  data->labels.setConstant(n, s);
  bench::fill_normal(data->x.data(), data->x.size(), 11, 2.0);
  bench::fill_labels(data->targets.data(), data->targets.size(), 12, c - 1);
  data->targets.array() += 1;
  return data;
}

template <std::floating_point T, int layout>
void add_order(const std::string& order) {
  const losses::CTC<T> ctc;
  for (const auto& [t, n, c, s] :
       {std::array<Index, 4>{20, 1, 10, 4}, {150, 32, 80, 40}, {1000, 8, 5, 300}, {500, 16, 5000, 100}}) {
    const std::string rest = bench::type_name<T>() + "/" + bench::shape_name({t, n, c, s}) + "/" + order;
    const auto bytes = static_cast<std::size_t>(t * n * c) * sizeof(T);
    const auto data_of = [t = t, n = n, c = c, s = s] { return make<T, layout>(t, n, c, s); };
    add_benchmark("ctc/value_and_gradient/" + rest, [=] {
      const auto data = data_of();
      const auto run = [data, ctc] {
        return ctc.value_and_gradient(data->x, data->targets, data->frames, data->labels, data->g, data->workspace);
      };
      return std::pair(run, 2 * bytes);
    });
    add_benchmark("ctc/forward/" + rest, [=] {
      const auto data = data_of();
      const auto run = [data, ctc] {
        return ctc.forward(data->x, data->targets, data->frames, data->labels, data->workspace);
      };
      return std::pair(run, bytes);
    });
    add_benchmark("limit/copy/" + rest, [=] {
      const auto data = data_of();
      const auto run = [data] {
        using Flat = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>>;
        Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, 1>> to(data->g.data(), data->g.size());
        bench::copy(Flat(data->x.data(), data->x.size()), to);
        return data->g.data();
      };
      return std::pair(run, 2 * bytes);
    });
  }
}

const bool registered =
    (add_order<float, Eigen::RowMajor>("row_major"), add_order<float, Eigen::ColMajor>("column_major"),
     add_order<double, Eigen::RowMajor>("row_major"), true);

}  // namespace
