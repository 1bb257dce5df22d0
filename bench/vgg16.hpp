// SPDX-License-Identifier: MIT
#pragma once

/// VGG-16 with generated weights, and a picture for it.

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include <losses/generative/vgg16.hpp>

#include "data.hpp"

namespace bench {

/// Of a deviation that keeps the features near 1.
inline std::vector<losses::VGG16<float>::Convolution> vgg16_weights(int count) {
  constexpr std::array<int, 14> channels = {3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512};
  std::vector<losses::VGG16<float>::Convolution> convolutions(static_cast<std::size_t>(count));
  for (std::size_t k = 0; k < convolutions.size(); ++k) {
    convolutions[k].weight.resize(static_cast<std::size_t>(9 * channels[k] * channels[k + 1]));
    convolutions[k].bias.resize(static_cast<std::size_t>(channels[k + 1]));
    fill_normal(convolutions[k].weight.data(), static_cast<Index>(convolutions[k].weight.size()), 100 + k,
                std::sqrt(2.0 / (9 * channels[k])));
    fill_normal(convolutions[k].bias.data(), static_cast<Index>(convolutions[k].bias.size()), 200 + k, 0.05);
  }
  return convolutions;
}

inline losses::VGG16<float>::Tensor vgg16_image(std::uint64_t seed) {
  losses::VGG16<float>::Tensor image(1, 3, 224, 224);
  fill_uniform(image.data(), image.size(), seed, 0, 1);
  return image;
}

}  // namespace bench
