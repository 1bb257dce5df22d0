// SPDX-License-Identifier: MIT
// VGG16 as its users call it: threads, storage, batches, copies, refusals.

#include <losses/generative/vgg16.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "catch.hpp"
#include "direct_vgg16.hpp"

namespace losses_test::vgg16_calls {

namespace {

template <class T>
using Tensor = typename losses::VGG16<T>::Tensor;

}  // namespace

TEMPLATE_TEST_CASE("VGG16: the same bits for every number of threads, and from call to call", "", float, double) {
  auto vgg = generated_vgg16<TestType>({.layers = {2, 8, 16, 21}});
  const auto image = generated_image<TestType>(2, 37, 30);
  const auto features = vgg.forward(image);
  const auto gradients = generated_gradients(features);
  const auto gradient = vgg.backward(gradients);
  for (const int threads : {1, 2, 3, 4, 8}) {
    INFO(threads << " threads");
    Eigen::ThreadPool pool(threads);
    CHECK(same_bits(vgg.forward(losses::parallel(pool), image), features));
    CHECK(same_bits(vgg.backward(losses::parallel(pool), gradients), gradient));
  }
  // Other sizes in between leave nothing in the buffers.
  auto poison = generated_image<TestType>(2, 51, 20);
  for (Eigen::Index i = 0; i < poison.size(); ++i) poison.data()[i] = std::numeric_limits<TestType>::quiet_NaN();
  (void)vgg.backward(generated_gradients(vgg.forward(poison)));
  (void)vgg.backward(generated_gradients(vgg.forward(generated_image<TestType>(1, 16, 16))));
  CHECK(same_bits(vgg.forward(image), features));
  CHECK(same_bits(vgg.backward(gradients), gradient));
}

TEST_CASE("VGG16: images and gradients in every storage of Eigen's tensors") {
  auto vgg = generated_vgg16<float>({.layers = {3, 8}});
  const auto image = generated_image<float>(2, 9, 8);
  const auto features = vgg.forward(image);
  const auto gradients = generated_gradients(features);
  const auto gradient = vgg.backward(gradients);

  const Eigen::Tensor<float, 4> column_major = image.swap_layout().shuffle(Eigen::array<int, 4>{3, 2, 1, 0});
  CHECK(same_bits(vgg.forward(column_major), features));
  CHECK(same_bits(vgg.forward(Eigen::TensorMap<const Tensor<float>>(image.data(), 2, 3, 9, 8)), features));
  CHECK(same_bits(vgg.forward(image * 1.0F), features));
  losses::VGG16<float>::Features reused = gradients;
  vgg.forward(image, reused);
  CHECK(same_bits(reused, features));

  Tensor<float> to;
  vgg.backward(gradients, to);
  CHECK(same_bits(to, gradient));
  std::vector<float> memory(static_cast<std::size_t>(gradient.size()), std::numeric_limits<float>::quiet_NaN());
  vgg.backward(gradients, Eigen::TensorMap<Tensor<float>>(memory.data(), 2, 3, 9, 8));
  CHECK(std::equal(memory.begin(), memory.end(), gradient.data()));
  Eigen::Tensor<float, 4> columns;
  vgg.backward(gradients, columns);
  CHECK(same_bits(Tensor<float>(columns.swap_layout().shuffle(Eigen::array<int, 4>{3, 2, 1, 0})), gradient));

  std::vector<Eigen::Tensor<float, 4>> column_gradients;
  for (const auto& each : gradients) {
    column_gradients.emplace_back(each.swap_layout().shuffle(Eigen::array<int, 4>{3, 2, 1, 0}));
  }
  CHECK(same_bits(vgg.backward(column_gradients), gradient));
}

TEST_CASE("VGG16: a batch is its images") {
  auto vgg = generated_vgg16<double>({.layers = {8, 15}});
  const auto images = generated_image<double>(3, 21, 14);
  const auto features = vgg.forward(images);
  const auto gradients = generated_gradients(features);
  const auto gradient = vgg.backward(gradients);
  for (Eigen::Index i = 0; i < 3; ++i) {
    const auto part = [i](const Tensor<double>& all) {
      return Tensor<double>(
          all.slice(Eigen::array<Eigen::Index, 4>{i, 0, 0, 0},
                    Eigen::array<Eigen::Index, 4>{1, all.dimension(1), all.dimension(2), all.dimension(3)}));
    };
    const auto alone = vgg.forward(part(images));
    const auto back = vgg.backward(std::vector{part(gradients[0]), part(gradients[1])});
    for (std::size_t k = 0; k < 2; ++k) CHECK(difference(alone[k], planes_of(part(features[k]))) <= 1e-13);
    CHECK(difference(back, planes_of(part(gradient))) <= 1e-13);
  }
}

TEST_CASE("VGG16: an empty batch has empty features and an empty gradient") {
  auto vgg = generated_vgg16<float>({.layers = {3, 8}});
  const auto features = vgg.forward(generated_image<float>(0, 9, 8));
  CHECK(features[1].dimension(0) == 0);
  CHECK(features[1].dimension(1) == 128);
  CHECK(vgg.backward(features).dimension(2) == 9);
}

TEST_CASE("VGG16: without any gradient the image's is 0") {
  auto vgg = generated_vgg16<float>({.layers = {1, 3}});
  (void)vgg.forward(generated_image<float>(1, 3, 4));
  Tensor<float> gradient(1, 3, 3, 4);
  gradient.setConstant(7);
  vgg.backward(losses::VGG16<float>::Features(2), gradient);
  CHECK(std::all_of(gradient.data(), gradient.data() + gradient.size(), [](float g) { return g == 0; }));
}

TEST_CASE("VGG16: of equal maxima the first takes the gradient") {
  // Weights 0 and bias 1 make every feature 1: each window is a tie. The second convolution then passes its centre on.
  auto convolutions = generated_convolutions<double>(2);
  for (auto& each : convolutions) {
    std::fill(each.weight.begin(), each.weight.end(), 0.0);
    std::fill(each.bias.begin(), each.bias.end(), 1.0);
  }
  for (std::size_t i = 0; i < 64; ++i) convolutions[0].weight[(i * 3 + 0) * 9 + 4] = i == 0 ? 1.0 : 0.0;
  for (std::size_t i = 0; i < 64; ++i) convolutions[1].weight[(i * 64 + 0) * 9 + 4] = i == 0 ? 1.0 : 0.0;
  losses::VGG16<double> vgg(convolutions, {.layers = {4}, .normalize = false});
  Tensor<double> image(1, 3, 4, 5);
  image.setConstant(0.5);
  auto gradients = vgg.forward(image);
  CHECK(gradients[0](0, 0, 1, 1) == 2.5);
  gradients[0].setConstant(1);
  const auto gradient = vgg.backward(gradients);
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 5; ++x) CHECK(gradient(0, 0, y, x) == (y % 2 == 0 && x % 2 == 0 && x < 4 ? 1 : 0));
  }
}

TEST_CASE("VGG16: NaN in, NaN out") {
  auto vgg = generated_vgg16<float>({.layers = {4}});
  const auto clean = generated_image<float>(1, 4, 6);
  for (Eigen::Index i = 0; i < clean.size(); ++i) {
    auto image = clean;
    image.data()[i] = std::numeric_limits<float>::quiet_NaN();
    auto features = vgg.forward(image);
    const auto is_nan = [](float x) { return std::isnan(x); };
    CHECK(std::any_of(features[0].data(), features[0].data() + features[0].size(), is_nan));
    const auto gradient = vgg.backward(features);
    CHECK(std::any_of(gradient.data(), gradient.data() + gradient.size(), is_nan));
  }
}

TEST_CASE("VGG16: a copy shares the weights, but not what forward left") {
  auto vgg = generated_vgg16<float>({.layers = {3}});
  const auto image = generated_image<float>(1, 6, 6), other = generated_image<float>(1, 6, 6, 2);
  const auto features = vgg.forward(image);
  const auto gradients = generated_gradients(features);
  const auto gradient = vgg.backward(gradients);
  auto copy = vgg;
  CHECK(message_of([&] { (void)copy.backward(gradients); }) == "VGG16: backward is called before forward");
  (void)copy.forward(other);
  CHECK(same_bits(vgg.backward(gradients), gradient));
  CHECK(same_bits(copy.forward(image), features));
}

TEST_CASE("VGG16: bad weights, layers, shapes and calls are refused, and nothing is written") {
  using VGG = losses::VGG16<float>;
  const auto convolutions = generated_convolutions<float>(2);
  const auto with_layers = [&](std::vector<int> layers) {
    return message_of([&] { (void)VGG(convolutions, {.layers = std::move(layers)}); });
  };
  CHECK(with_layers({}) == "VGG16: layers is empty, but must have at least one index");
  CHECK(with_layers({1, 31}) == "VGG16: layers[1] is 31, but must be in [0, 30]");
  CHECK(with_layers({-1}) == "VGG16: layers[0] is -1, but must be in [0, 30]");
  CHECK(with_layers({3, 3}) == "VGG16: layers[1] is 3, but must be greater than the one before it");
  CHECK(with_layers({3, 1}) == "VGG16: layers[1] is 1, but must be greater than the one before it");
  CHECK(with_layers({3, 8}) == "VGG16: convolutions has 2 of them, but must have 4 for layer 8");
  CHECK(message_of([] { (void)VGG({}); }) == "VGG16: convolutions has 0 of them, but must have 10 for layer 22");
  auto wrong = convolutions;
  wrong[1].weight.pop_back();
  CHECK(message_of([&] { (void)VGG(wrong, {.layers = {3}}); }) ==
        "VGG16: convolutions[1].weight has 36863 values, but must have 36864, [64, 64, 3, 3]");
  wrong = convolutions;
  wrong[0].bias.push_back(0);
  CHECK(message_of([&] { (void)VGG(wrong, {.layers = {3}}); }) ==
        "VGG16: convolutions[0].bias has 65 values, but must have 64");

  VGG vgg(convolutions, {.layers = {1, 4}});
  VGG::Features features(2), gradients(2);
  CHECK(message_of([&] { (void)vgg.backward(gradients); }) == "VGG16: backward is called before forward");
  const auto image_of = [&](Eigen::Index n, Eigen::Index c, Eigen::Index h, Eigen::Index w) {
    Tensor<float> image(n, c, h, w);
    image.setZero();
    return message_of([&] { vgg.forward(image, features); });
  };
  CHECK(image_of(1, 4, 8, 8) == "VGG16: image is [1 x 4 x 8 x 8], but must be [n x 3 x h x w]");
  CHECK(image_of(1, 3, 8, 1) ==
        "VGG16: image is [1 x 3 x 8 x 1], but must have at least 2 rows and columns for layer 4");
  CHECK(image_of(1, 3, 0, 8) ==
        "VGG16: image is [1 x 3 x 0 x 8], but must have at least 2 rows and columns for layer 4");
  Eigen::Tensor<float, 3, Eigen::RowMajor> flat(3, 8, 8);
  flat.setZero();
  CHECK(message_of([&] { vgg.forward(flat, features); }) == "VGG16: image is [3 x 8 x 8], but must be [n x 3 x h x w]");
  CHECK(features[0].size() == 0);

  features = vgg.forward(generated_image<float>(1, 8, 9));
  gradients = features;
  Tensor<float> to(1, 3, 8, 9);
  to.setConstant(7);
  CHECK(message_of([&] { vgg.backward(std::vector{features[0]}, to); }) ==
        "VGG16: gradients has 1 tensors, but must have 2, one for each layer");
  gradients[1].resize(1, 64, 4, 5);
  CHECK(message_of([&] { vgg.backward(gradients, to); }) ==
        "VGG16: gradients[1] is [1 x 64 x 4 x 5], but must be [1 x 64 x 4 x 4], the shape of the features of layer 4");
  std::vector<float> memory(3 * 8 * 9, 7);
  CHECK(message_of([&] { vgg.backward(features, Eigen::TensorMap<Tensor<float>>(memory.data(), 1, 3, 9, 8)); }) ==
        "VGG16: gradient is [1 x 3 x 9 x 8], but must be [1 x 3 x 8 x 9], the shape of the image");
  CHECK(message_of([&] { vgg.backward(features, features[0]); }) == "VGG16: gradient shares memory with gradients[0]");
  CHECK(std::all_of(to.data(), to.data() + to.size(), [](float x) { return x == 7; }));
  CHECK(std::all_of(memory.begin(), memory.end(), [](float x) { return x == 7; }));
}

}  // namespace losses_test::vgg16_calls
