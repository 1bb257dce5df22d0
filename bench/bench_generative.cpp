// SPDX-License-Identifier: MIT
// VGG16 on a picture of 224 × 224, and Style on the features of its layers. The limit is the matrix products alone: nine of
// [out × in] · [in × pixels] for each convolution, in one piece each.

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

const bool registered = [] {
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
