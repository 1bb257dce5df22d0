// SPDX-License-Identifier: MIT
// The losses of the segmentation room over masks, and over images with a label per pixel, and the limits g = p + y and
// g = p: loss/verb/type/shape/order, as in softmax_dice/value_and_gradient/float/8x21x256x256/row_major.

#include <memory>

#include <losses/segmentation.hpp>
#include <losses/tensor.hpp>

#include "limits.hpp"
#include "register.hpp"

namespace {

using bench::add_benchmark;
using bench::Index;
using bench::shape_name;
using bench::type_name;

template <class P, class Y>
struct Data {
  P p;
  Y y;
  P g;
};

/// Predictions in [0, 1], which are scores as well, and a mask.
template <std::floating_point T>
auto masks(Index n) {
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  auto data = std::make_shared<Data<Vector, Vector>>();
  data->p.resize(n);
  data->y.resize(n);
  data->g.setZero(n);
  bench::fill_uniform(data->p.data(), n, 7, 0.0, 1.0);
  for (Index i = 0; i < n; ++i) data->y[i] = bench::bits(static_cast<std::uint64_t>(i)) % 4 == 0 ? T(1) : T(0);
  return data;
}

template <std::floating_point T, int layout>
auto labelled_images(Index n, Index c, Index h, Index w) {
  using Image = Eigen::Tensor<T, 4, layout>;
  using Target = Eigen::Tensor<std::int64_t, 3, layout>;
  auto data = std::make_shared<Data<Image, Target>>();
  data->p.resize(n, c, h, w);
  data->y.resize(n, h, w);
  data->g.resize(n, c, h, w);
  data->g.setZero();
  bench::fill_normal(data->p.data(), data->p.size(), 5, 2.0);
  bench::fill_labels(data->y.data(), data->y.size(), 6, c);
  return data;
}

/// Both verbs on what `make` returns. The predictions are read twice: before the gradient is known, and for it.
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

template <std::floating_point T>
void add_masks() {
  for (const Index n : bench::vector_sizes) {
    const std::string rest = type_name<T>() + "/" + shape_name({n}) + "/contiguous";
    const auto make = [n] { return masks<T>(n); };
    add_benchmark("limit/add/" + rest, [=] {
      const auto data = make();
      const auto run = [data] {
        bench::add(data->p, data->y, data->g);
        return data->g.data();
      };
      return std::pair(run, 3 * static_cast<std::size_t>(n) * sizeof(T));
    });
    add_verbs("dice", losses::Dice<T>(), rest, make);
    add_verbs("dice_with_logits", losses::DiceWithLogits<T>(), rest, make);
    add_verbs("jaccard", losses::Jaccard<T>(), rest, make);
    add_verbs("tversky", losses::Tversky<T>(), rest, make);
    add_verbs("focal_tversky", losses::FocalTversky<T>(), rest, make);
    add_verbs("lovasz", losses::Lovasz<T>(), rest, make);
  }
}

template <std::floating_point T, int layout>
void add_images(const std::string& order) {
  for (const Index side : {16, 256}) {
    const std::string rest = type_name<T>() + "/" + shape_name({8, 21, side, side}) + "/" + order;
    const auto make = [side] { return labelled_images<T, layout>(8, 21, side, side); };
    add_benchmark("limit/copy/" + rest, [=] {
      const auto data = make();
      const auto run = [data] {
        data->g = data->p;
        return data->g.data();
      };
      return std::pair(run, 2 * static_cast<std::size_t>(data->p.size()) * sizeof(T));
    });
    add_verbs("softmax_dice", losses::SoftmaxDice<T>(), rest, make);
    add_verbs("softmax_jaccard", losses::SoftmaxJaccard<T>(), rest, make);
    add_verbs("softmax_tversky", losses::SoftmaxTversky<T>(), rest, make);
    add_verbs("softmax_generalized_dice", losses::SoftmaxGeneralizedDice<T>(), rest, make);
    if (side < 256) add_verbs("lovasz_softmax", losses::LovaszSoftmax<T>(), rest, make);
  }
}

template <std::floating_point T>
void add_room() {
  add_masks<T>();
  add_images<T, Eigen::RowMajor>("row_major");
  add_images<T, Eigen::ColMajor>("column_major");
}

const bool registered = (add_room<float>(), add_room<double>(), true);

}  // namespace
