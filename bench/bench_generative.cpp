// SPDX-License-Identifier: MIT
// VGG16 on a picture of 224 × 224, and Style on the features of its layers. The limit is the matrix products alone: nine of
// [out × in] · [in × pixels] for each convolution, in one piece each. Adversarial on scores, and GradientPenalty on a critic's
// input gradients, beside a copy of them. SSIM and TotalVariation on pictures.

#include <losses/generative.hpp>

#include "register.hpp"
#include "vgg16.hpp"

namespace {

using bench::Index;
using VGG16 = losses::VGG16<float>;

const std::vector<int> usual_layers = {3, 8, 15, 22};

void add_vgg16(const std::string& name, const std::vector<int>& layers) {
  bench::add_benchmark("vgg16/forward/float/1x3x224x224/" + name, [layers] {
    auto vgg = std::make_shared<VGG16>(bench::vgg16_weights(VGG16::convolutions_for(layers)),
                                       VGG16::Options{.layers = layers});
    auto features = std::make_shared<VGG16::Features>();
    const auto image = bench::vgg16_image(7);
    const auto run = [vgg, features, image] {
      vgg->forward(image, *features);
      return features->back().data();
    };
    return std::pair(run, static_cast<Index>(sizeof(float)) * image.size());
  });
  bench::add_benchmark("vgg16/backward/float/1x3x224x224/" + name, [layers] {
    auto vgg = std::make_shared<VGG16>(bench::vgg16_weights(VGG16::convolutions_for(layers)),
                                       VGG16::Options{.layers = layers});
    const auto image = bench::vgg16_image(7);
    const auto gradients = vgg->forward(image);
    auto gradient = std::make_shared<VGG16::Tensor>(image);
    const auto run = [vgg, gradients, gradient] {
      vgg->backward(gradients, *gradient);
      return gradient->data();
    };
    return std::pair(run, static_cast<Index>(sizeof(float)) * image.size());
  });
}

void add_products() {
  bench::add_benchmark("limit/vgg16/products/float/1x3x224x224", [] {
    using Matrix = Eigen::MatrixXf;
    struct Layer {
      Index side, in, out;
    };
    const std::vector<Layer> layers = {{224, 64, 64},  {112, 64, 128}, {112, 128, 128}, {56, 128, 256}, {56, 256, 256},
                                       {56, 256, 256}, {28, 256, 512}, {28, 512, 512},  {28, 512, 512}};
    auto x = std::make_shared<Matrix>(Matrix::Constant(64, 224 * 224, 0.5F));
    auto y = std::make_shared<Matrix>(Matrix::Constant(64, 224 * 224, 0.0F));
    const Matrix weight = Matrix::Constant(512, 512, 0.25F);
    const auto run = [layers, x, y, weight] {
      for (const auto& [side, in, out] : layers) {
        const Eigen::Map<const Matrix> from(x->data(), in, side * side);
        Eigen::Map<Matrix> to(y->data(), out, side * side);
        for (int tap = 0; tap < 9; ++tap) to.noalias() += weight.topLeftCorner(out, in) * from;
      }
      return y->data();
    };
    return std::pair(run, static_cast<Index>(sizeof(float)) * x->size());
  });
}

template <class T>
void add_style(Index c, Index side) {
  bench::add_benchmark(
      "style/value_and_gradient/" + bench::type_name<T>() + "/" + bench::shape_name({1, c, side, side}), [=] {
        using Tensor = Eigen::Tensor<T, 4, Eigen::RowMajor>;
        struct Data {
          Tensor f, y, g;
        };
        auto data =
            std::make_shared<Data>(Data{Tensor(1, c, side, side), Tensor(1, c, side, side), Tensor(1, c, side, side)});
        bench::fill_uniform(data->f.data(), data->f.size(), 1, 0, 1);
        bench::fill_uniform(data->y.data(), data->y.size(), 2, 0, 1);
        const auto run = [data] { return losses::Style<T>().value_and_gradient(data->f, data->y, data->g); };
        return std::pair(run, static_cast<Index>(3 * sizeof(T)) * data->f.size());
      });
}

template <class T>
void add_adversarial(const std::string& name, losses::AdversarialMode mode) {
  for (const Index n : bench::vector_sizes) {
    bench::add_benchmark("adversarial/" + name + "/value_and_gradient/" + bench::type_name<T>() + "/" +
                             bench::shape_name({n}) + "/contiguous",
                         [=] {
                           using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
                           auto s = std::make_shared<Vector>(n), g = std::make_shared<Vector>(n);
                           bench::fill_normal(s->data(), n, 1, 2.0);
                           const losses::Adversarial<T> loss({.mode = mode});
                           const auto run = [=] { return loss.value_and_gradient(*s, true, *g); };
                           return std::pair(run, static_cast<Index>(2 * sizeof(T)) * n);
                         });
  }
}

template <class Matrix>
void add_gradient_penalty(Index n, Index d, const std::string& order) {
  using T = typename Matrix::Scalar;
  const std::string shape = bench::type_name<T>() + "/" + bench::shape_name({n, d}) + "/" + order;
  const auto make = [=] {
    auto p = std::make_shared<Matrix>(n, d);
    bench::fill_normal(p->data(), n * d, 1, 0.01);
    return p;
  };
  const Index bytes = static_cast<Index>(2 * sizeof(T)) * n * d;
  bench::add_benchmark("gradient_penalty/value_and_gradient/" + shape, [=] {
    const auto p = make(), g = make();
    return std::pair([=] { return losses::GradientPenalty<T>().value_and_gradient(*p, *g); }, bytes);
  });
  bench::add_benchmark("limit/gradient_penalty/copy/" + shape, [=] {
    const auto p = make(), g = make();
    const auto run = [=] {
      *g = *p;
      return g->data();
    };
    return std::pair(run, bytes);
  });
}

template <class T, int layout>
void add_pictures(Index n, Index c, Index side, const std::string& order) {
  using Tensor = Eigen::Tensor<T, 4, layout>;
  struct Data {
    Tensor p, y, g;
  };
  const std::string shape = bench::type_name<T>() + "/" + bench::shape_name({n, c, side, side}) + "/" + order;
  const auto make = [=] {
    auto data = std::make_shared<Data>();
    for (Tensor* each : {&data->p, &data->y, &data->g}) each->resize(n, c, side, side);
    bench::fill_uniform(data->p.data(), data->p.size(), 1, 0, 1);
    bench::fill_uniform(data->y.data(), data->y.size(), 2, 0, 1);
    return data;
  };
  const Index bytes = static_cast<Index>(sizeof(T)) * n * c * side * side;
  bench::add_benchmark("ssim/value_and_gradient/" + shape, [=] {
    const auto data = make();
    return std::pair([=] { return losses::SSIM<T>().value_and_gradient(data->p, data->y, data->g); }, 3 * bytes);
  });
  bench::add_benchmark("limit/pictures/copy/" + shape, [=] {
    const auto data = make();
    const auto run = [data] {
      data->g = data->p;
      return data->g.data();
    };
    return std::pair(run, 2 * bytes);
  });
  bench::add_benchmark("total_variation/value_and_gradient/" + shape, [=] {
    const auto data = make();
    return std::pair([=] { return losses::TotalVariation<T>().value_and_gradient(data->p, data->g); }, 2 * bytes);
  });
}

const bool registered = [] {
  for (const auto& [n, c, side] : {std::array<Index, 3>{64, 1, 28}, {1, 3, 224}, {8, 3, 256}}) {
    add_pictures<float, Eigen::RowMajor>(n, c, side, "row_major");
    add_pictures<float, Eigen::ColMajor>(n, c, side, "column_major");
    add_pictures<double, Eigen::RowMajor>(n, c, side, "row_major");
  }
  add_adversarial<float>("vanilla", losses::AdversarialMode::vanilla);
  add_adversarial<float>("hinge", losses::AdversarialMode::hinge);
  for (const auto& [n, d] : {std::pair<Index, Index>{64, 12288}, {65536, 2}, {256, 2}}) {
    add_gradient_penalty<bench::RowMajorMatrix<float>>(n, d, "row_major");
    add_gradient_penalty<bench::ColumnMajorMatrix<float>>(n, d, "column_major");
  }
  add_gradient_penalty<bench::RowMajorMatrix<double>>(64, 12288, "row_major");
  add_products();
  add_vgg16("layers_3_8_15_22", usual_layers);
  add_vgg16("layer_30", {30});
  for (const auto& [c, side] : {std::pair<Index, Index>{64, 224}, {128, 112}, {256, 56}, {512, 28}}) {
    add_style<float>(c, side);
    add_style<double>(c, side);
  }
  return true;
}();

}  // namespace
