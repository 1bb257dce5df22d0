// SPDX-License-Identifier: MIT
#pragma once

/// Weights, images and gradients from a counter (see vgg16.cpp).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <losses/generative/vgg16.hpp>

#include "generated_number.hpp"

namespace losses_test {

inline constexpr std::array<int, 14> vgg16_channels = {3,   64,  64,  128, 128, 256, 256,
                                                       256, 512, 512, 512, 512, 512, 512};

/// Of a magnitude that keeps the features near 1 (He et al. 2015, arXiv:1502.01852, eq. 10).
template <class T>
std::vector<typename losses::VGG16<T>::Convolution> generated_convolutions(int count) {
  std::vector<typename losses::VGG16<T>::Convolution> result(static_cast<std::size_t>(count));
  for (std::size_t k = 0; k < result.size(); ++k) {
    const int in = vgg16_channels[k], out = vgg16_channels[k + 1];
    result[k].weight.resize(static_cast<std::size_t>(9 * in * out));
    result[k].bias.resize(static_cast<std::size_t>(out));
    const auto scale = static_cast<float>(std::sqrt(6.0 / (9 * in)));
    for (std::size_t i = 0; i < result[k].weight.size(); ++i) {
      result[k].weight[i] = static_cast<T>(generated_number(100 + k, i) * scale);
    }
    for (std::size_t i = 0; i < result[k].bias.size(); ++i) {
      result[k].bias[i] = static_cast<T>(generated_number(200 + k, i) * 0.0625F);
    }
  }
  return result;
}

template <class T>
losses::VGG16<T> generated_vgg16(typename losses::VGG16<T>::Options options) {
  auto convolutions = generated_convolutions<T>(losses::VGG16<T>::convolutions_for(options.layers));
  return losses::VGG16<T>(std::move(convolutions), std::move(options));
}

/// In [0, 1).
template <class T>
typename losses::VGG16<T>::Tensor generated_image(Eigen::Index n, Eigen::Index h, Eigen::Index w,
                                                  std::uint64_t sequence = 1) {
  typename losses::VGG16<T>::Tensor image(n, 3, h, w);
  for (Eigen::Index i = 0; i < image.size(); ++i) {
    image.data()[i] = static_cast<T>(generated_number(sequence, static_cast<std::uint64_t>(i)) * 0.5F + 0.5F);
  }
  return image;
}

/// A gradient for each of the features.
template <class Features>
Features generated_gradients(const Features& features) {
  Features gradients = features;
  for (std::size_t k = 0; k < gradients.size(); ++k) {
    for (Eigen::Index i = 0; i < gradients[k].size(); ++i) {
      gradients[k].data()[i] = generated_number(10 + k, static_cast<std::uint64_t>(i));
    }
  }
  return gradients;
}

/// The same shape and the same bytes.
template <class Tensor>
  requires requires(const Tensor& a) { a.dimensions(); }
bool same_bits(const Tensor& a, const Tensor& b) {
  using T = typename Tensor::Scalar;
  return a.dimensions() == b.dimensions() &&
         std::memcmp(a.data(), b.data(), sizeof(T) * static_cast<std::size_t>(a.size())) == 0;
}

template <class Tensor>
bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor& x, const Tensor& y) { return same_bits(x, y); });
}

/// What the std::invalid_argument that a call throws says.
template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace losses_test
