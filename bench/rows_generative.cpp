// SPDX-License-Identifier: MIT

#include <losses/generative.hpp>
#include <losses/generative/vgg16.hpp>

#include "rows.hpp"
#include "vgg16.hpp"

namespace bench {

namespace {

using VGG16 = losses::VGG16<float>;

/// The loss of a picture of 224 × 224 against features that stay: forward, and back to the image.
Case perceptual(const std::vector<int>& layers, const char* torch_loss) {
  struct Data {
    std::vector<VGG16::Convolution> weights;
    VGG16::Tensor image, gradient;
    VGG16::Features wanted;
    losses::Perceptual<VGG16> loss;
  };
  const auto weights = vgg16_weights(VGG16::convolutions_for(layers));
  const losses::Perceptual<VGG16> loss(VGG16(weights, {.layers = layers, .normalize = false}));
  const auto data = std::make_shared<Data>(Data{weights, vgg16_image(7), vgg16_image(7), {}, loss});
  data->wanted = loss.features(vgg16_image(8));

  Case each{repeat([data] { return data->loss.value_and_gradient(data->image, data->wanted, data->gradient); }),
            {},
            "",
            {},
            {}};
  if (!has_torch) return each;
  std::vector<TorchArgument> arguments = {torch_argument(data->image)};
  for (auto& layer : data->wanted) arguments.push_back(torch_argument(layer));
  for (auto& convolution : data->weights) {
    const auto out = static_cast<std::int64_t>(convolution.bias.size());
    const auto in = static_cast<std::int64_t>(convolution.weight.size()) / (9 * out);
    arguments.emplace_back(convolution.weight.data(), std::vector<std::int64_t>{out, in, 3, 3},
                           std::vector<std::int64_t>{9 * in, 9, 3, 1});
    arguments.emplace_back(convolution.bias.data(), std::vector<std::int64_t>{out}, std::vector<std::int64_t>{1});
  }
  const auto theirs = torch_case(torch_loss, arguments);
  each.torch = repeat([data, theirs] { return theirs.value_and_gradient(); });
  each.disagreement = [data, theirs]() -> std::string {
    const double value = theirs.value_and_gradient();
    const double ours = data->loss.value_and_gradient(data->image, data->wanted, data->gradient);
    if (!(std::abs(ours - value) <= 1e-5 * std::abs(value))) {
      return format("the value is %.9g, LibTorch's %.9g", ours, value);
    }
    // In floats a ReLU or a maximum that is nearly a tie goes either way: LibTorch's own gradient differs from its gradient in
    // double by 0.017 of the largest entry. In double the tests compare to 1e-12.
    const double error = theirs.gradient_error({torch_argument(data->gradient)});
    return error <= 0.05 ? "" : format("the gradients differ by %.3g of their largest entry", error);
  };
  return each;
}

}  // namespace

std::vector<Row> rows_of_generative() {
  return {
      {"Perceptual, VGG16 to layer 22, 224 × 224", Bar::times_torch(2),
       [] {
         return perceptual({3, 8, 15, 22}, "perceptual_22");
       }},
      {"Perceptual, all of VGG16, 224 × 224", Bar::times_torch(2), [] { return perceptual({30}, "perceptual_30"); }},
  };
}

}  // namespace bench
