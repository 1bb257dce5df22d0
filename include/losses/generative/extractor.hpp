// SPDX-License-Identifier: MIT
#pragma once

/// What a network that gives features must offer.

#include <concepts>
#include <type_traits>
#include <utility>
#include <vector>

#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

template <class X, class T>
concept TensorOf = Viewable<X> && std::same_as<typename Access<X>::Scalar, T>;

template <class R>
using FeatureOf = std::remove_cvref_t<std::ranges::range_reference_t<const R>>;

template <class R, class T>
concept RangeOfTensors = !Viewable<R> && std::ranges::random_access_range<const R> && TensorOf<FeatureOf<R>, T>;

}  // namespace detail

/// A network that gives features of an image, and the image's gradient for gradients of them:
///
///   using Scalar = float;                                   // or double
///   std::vector<Feature> forward(const Image& image);
///   Image backward(const std::vector<Feature>& gradients);  // of the image of the last forward
///
/// Image and Feature are any Eigen matrices, arrays or tensors of Scalar, samples first; a Feature owns its memory. Either verb
/// may take an execution policy first. A network whose features have numbers of their own says them: layers().
template <class E, class Image>
concept FeatureExtractor = detail::TensorOf<Image, typename E::Scalar> && requires(E& extractor, const Image& image) {
  requires detail::RangeOfTensors<std::remove_cvref_t<decltype(extractor.forward(image))>, typename E::Scalar>;
  extractor.backward(std::vector<detail::FeatureOf<std::remove_cvref_t<decltype(extractor.forward(image))>>>{});
};

}  // namespace LOSSES_NAMESPACE
