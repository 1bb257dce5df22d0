// SPDX-License-Identifier: MIT
// Paints a picture in the manner of another, by gradient descent on its pixels (Gatys, Ecker and Bethge 2016): Perceptual keeps
// what is in it, Style takes the textures of the other one, TotalVariation keeps it smooth. VGG16 sees for the first two.
//
//   style_transfer [--out folder] [--steps n] [content.ppm style.ppm] [vgg16.safetensors]
//
// Without PPM files it draws two small pictures; without a weights file (see losses/generative/safetensors.hpp) it generates
// weights, which see colours and simple textures, but not what VGG-16 learned to see.
//
// expect: the weights are generated
// expect: style +1\.000 +0\.[0-6][0-9]*
// expect: the picture has taken on the style and kept its content

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <losses/generative.hpp>
#include <losses/generative/vgg16.hpp>

#include "support/picture.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <losses/generative/safetensors.hpp>
#define HAS_JSON 1
#else
#define HAS_JSON 0
#endif

namespace {

using VGG16 = losses::VGG16<float>;
using Tensor = VGG16::Tensor;

/// Hills under an evening sky, drawn.
support::Picture drawn_content(std::size_t side) {
  support::Picture picture(side, side);
  for (std::size_t i = 0; i < side * side; ++i) {
    const float x = static_cast<float>(i % side) / static_cast<float>(side),
                y = static_cast<float>(i / side) / static_cast<float>(side);
    float* const rgb = &picture.values[3 * i];
    const auto paint = [&](float r, float g, float b) { rgb[0] = r, rgb[1] = g, rgb[2] = b; };
    paint(0.95f - 0.4f * y, 0.75f - 0.1f * y, 0.55f + 0.3f * y);
    if (std::hypot(x - 0.68f, y - 0.3f) < 0.14f) paint(1, 0.95f, 0.7f);
    if (y > 0.52f + 0.09f * std::sin(6 * x + 0.6f)) paint(0.35f, 0.45f, 0.5f);
    if (y > 0.72f + 0.07f * std::sin(9 * x + 2.5f)) paint(0.16f, 0.28f, 0.2f);
  }
  return picture;
}

/// Swirls of blue and yellow, drawn.
support::Picture drawn_style(std::size_t side) {
  support::Picture picture(side, side);
  for (std::size_t i = 0; i < side * side; ++i) {
    const float x = static_cast<float>(i % side) / static_cast<float>(side),
                y = static_cast<float>(i / side) / static_cast<float>(side);
    const float near = std::hypot(x - 0.3f, y - 0.35f), far = std::hypot(x - 0.8f, y - 0.75f);
    const float wave = std::sin(38 * near + 2.5f * std::sin(7 * y)) + std::sin(33 * far + 2 * std::sin(8 * x));
    const float t = 0.5f + 0.25f * wave;
    picture.values[3 * i] = 0.08f + 0.9f * t * t;
    picture.values[3 * i + 1] = 0.15f + 0.65f * t;
    picture.values[3 * i + 2] = 0.65f - 0.4f * t * t;
  }
  return picture;
}

Tensor as_tensor(const support::Picture& picture) {
  const auto h = static_cast<Eigen::Index>(picture.height), w = static_cast<Eigen::Index>(picture.width);
  Tensor tensor(1, 3, h, w);
  for (Eigen::Index i = 0; i < tensor.size(); ++i) {
    tensor.data()[i] = picture.values[static_cast<std::size_t>(3 * (i % (h * w)) + i / (h * w))];
  }
  return tensor;
}

support::Picture as_picture(const Tensor& tensor) {
  support::Picture picture(static_cast<std::size_t>(tensor.dimension(3)),
                           static_cast<std::size_t>(tensor.dimension(2)));
  for (std::size_t i = 0; i < picture.values.size(); ++i) {
    picture.values[i] = tensor.data()[static_cast<Eigen::Index>(i % 3 * picture.width * picture.height + i / 3)];
  }
  return picture;
}

/// Normal numbers of a deviation that keeps the features near 1 (He et al. 2015, arXiv:1502.01852, eq. 10).
VGG16 generated(const std::vector<int>& layers) {
  constexpr std::size_t channels[] = {3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512};
  std::mt19937 random(5);
  std::vector<VGG16::Convolution> convolutions(static_cast<std::size_t>(VGG16::convolutions_for(layers)));
  for (std::size_t k = 0; k < convolutions.size(); ++k) {
    std::normal_distribution<float> normal(0, std::sqrt(2 / (9 * static_cast<float>(channels[k]))));
    convolutions[k].weight.resize(9 * channels[k] * channels[k + 1]);
    for (float& weight : convolutions[k].weight) weight = normal(random);
    convolutions[k].bias.resize(channels[k + 1], 0);
  }
  return VGG16(std::move(convolutions), {.layers = layers});
}

VGG16 make_vgg16(const std::string& weights, const std::vector<int>& layers) {
  if (weights.empty()) return generated(layers);
#if HAS_JSON
  return losses::load_vgg16<float>(weights, {.layers = layers});
#else
  throw std::runtime_error("this was built without nlohmann-json, so it cannot read " + weights);
#endif
}

struct Arguments {
  std::string out, content, style, weights;
  int steps = 40;
};

void transfer(const Arguments& arguments) {
  const bool real = !arguments.weights.empty();
  std::printf(
      real ? "the weights are those of %s\n" : "the weights are generated, not VGG-16's: name a .safetensors file%s\n",
      arguments.weights.c_str());
  const auto before = arguments.content.empty() ? drawn_content(48) : support::read_ppm(arguments.content);
  const auto manner = arguments.style.empty() ? drawn_style(48) : support::read_ppm(arguments.style);
  const std::vector<int> layers = real ? std::vector<int>{3, 8, 15, 22} : std::vector<int>{3, 8};

  // Each loss in units of its value for the picture that is wrong for it.
  VGG16 vgg = make_vgg16(arguments.weights, layers);
  const losses::Perceptual content(make_vgg16(arguments.weights, {real ? 15 : 8}));
  const losses::Style<float> style;
  const losses::TotalVariation<float> variation({.average = true});
  const Tensor photograph = as_tensor(before), painting = as_tensor(manner);
  const auto wanted = content.features(photograph);
  const VGG16::Features strokes = vgg.forward(painting);
  const float content_unit = content.forward(painting, wanted),
              style_unit = style.forward(vgg.forward(photograph), strokes);

  Tensor image = photograph, gradient, part;
  VGG16::Features feature_gradients;
  Eigen::VectorXf first = Eigen::VectorXf::Zero(image.size()), second = first;  // Adam's moments
  const auto evaluate = [&] {
    const float taken = style.value_and_gradient(vgg.forward(image), strokes, feature_gradients) / style_unit;
    vgg.backward(feature_gradients, gradient);
    Eigen::Map<Eigen::VectorXf>(gradient.data(), gradient.size()) /= style_unit;
    const float lost =
        content.value_and_gradient(image, wanted, losses::add_to(gradient, 0.1 / content_unit)) / content_unit;
    const float rough = variation.value_and_gradient(image, losses::add_to(gradient, 2));
    return std::array{taken, lost, rough};
  };
  const auto start = evaluate();
  auto end = start;
  for (int step = 1; step <= arguments.steps; ++step) {
    const Eigen::Map<const Eigen::VectorXf> g(gradient.data(), gradient.size());
    Eigen::Map<Eigen::VectorXf> x(image.data(), image.size());
    first = 0.9f * first + 0.1f * g;
    second = 0.99f * second + 0.01f * g.cwiseAbs2();
    const float rate = 0.05f * std::sqrt(1 - std::pow(0.99f, static_cast<float>(step))) /
                       (1 - std::pow(0.9f, static_cast<float>(step)));
    x = (x.array() - rate * first.array() / (second.array().sqrt() + 1e-8f)).max(0).min(1);
    end = evaluate();
  }
  const char* const names[] = {"style", "content", "roughness"};
  std::printf("\n%-10s %7s %7s   (style and content: 1 is the other picture's)\n", "", "before", "after");
  for (std::size_t k = 0; k < 3; ++k) {
    std::printf("%-10s %7.3f %7.3f\n", names[k], static_cast<double>(start[k]), static_cast<double>(end[k]));
  }
  std::puts(end[0] < 0.7f && end[1] < 0.7f ? "the picture has taken on the style and kept its content" : "it has not");
  if (arguments.out.empty()) return;
  std::filesystem::create_directories(arguments.out);
  const auto write = [&](const support::Picture& picture, const std::string& name) {
    write_ppm(picture, std::filesystem::path(arguments.out) / (name + ".ppm"));
    write_png(picture, std::filesystem::path(arguments.out) / (name + ".png"));
  };
  write(before, "before");
  write(manner, "style");
  write(as_picture(image), "after");
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string given = argv[i];
    if (given == "--out" || given == "--steps") {
      if (++i == argc) throw std::runtime_error(given + " needs a value");
      if (given == "--out") arguments.out = argv[i];
      if (given == "--steps") arguments.steps = std::atoi(argv[i]);
    } else if (given.ends_with(".safetensors")) {
      arguments.weights = given;
    } else if (arguments.style.empty() && given.ends_with(".ppm")) {
      (arguments.content.empty() ? arguments.content : arguments.style) = given;
    } else {
      throw std::runtime_error("style_transfer [--out folder] [--steps n] [content.ppm style.ppm] [vgg16.safetensors]");
    }
  }
  if (arguments.content.empty() != arguments.style.empty()) throw std::runtime_error("two pictures, or none");
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    transfer(parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "style_transfer: %s\n", error.what());
    return 2;
  }
}
