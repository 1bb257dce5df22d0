// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include <losses/core/loss.hpp>
#include <losses/generative/extractor.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// weight · (p − y)²: what Perceptual compares features with.
template <std::floating_point T>
struct FeatureError {
  using Scalar = T;
  using Shape = per_element;
  static constexpr std::string_view name = "Perceptual";
  static constexpr Argument prediction = {"features"};

  T weight = 1;

  template <class V>
  Terms<V> operator()(V p, V y) const {
    const V r = p - y;
    return {.value = V(weight) * r * r, .slope = V(2 * weight) * r, .curvature = V(2 * weight)};
  }

  template <class V>
  V scaled_slope(V p, V y, V factor) const {
    return V(2 * weight) * factor * (p - y);
  }
};

}  // namespace rule

namespace detail {

template <class T>
struct PerceptualOptions {
  std::vector<int> layers = {};
  std::vector<T> weights = {};
};

/// An extractor that const verbs use, one thread at a time. A copy is free at once.
template <class E>
struct Guarded {
  E object;
  std::mutex mutex;

  explicit Guarded(E given) : object(std::move(given)) {}
  Guarded(const Guarded& other) : object(other.copy()) {}
  Guarded& operator=(const Guarded& other) {
    if (this != &other) {
      E taken = other.copy();
      const std::lock_guard lock(mutex);
      object = std::move(taken);
    }
    return *this;
  }

 private:
  E copy() const {
    const std::lock_guard lock(const_cast<std::mutex&>(mutex));
    return object;
  }
};

template <class Policy, class E, class Image>
auto features_of(const Policy& policy, E& extractor, const Image& image) {
  if constexpr (requires { extractor.forward(policy, image); }) {
    return extractor.forward(policy, image);
  } else {
    return extractor.forward(image);
  }
}

template <class Policy, class E, class Gradients>
auto image_gradient_of(const Policy& policy, E& extractor, const Gradients& gradients) {
  if constexpr (requires { extractor.backward(policy, gradients); }) {
    return extractor.backward(policy, gradients);
  } else {
    return extractor.backward(gradients);
  }
}

}  // namespace detail

/// Perceptual loss: images compared by what a network sees in them. Needs an extractor, VGG16 or one's own
/// (FeatureExtractor).
///
///   value = Σᵢ weights[i] · mean (fᵢ(image) − fᵢ(target))²      slope = Σᵢ Jᵢᵀ 2 weights[i] (fᵢ(image) − fᵢ(target)) / size of fᵢ
///
///   const losses::Perceptual loss(vgg, {.weights = {1, 0.5f}});
///   float v = loss.value_and_gradient(image, target_image, gradient);
///   float v = loss.value_and_gradient(image, loss.features(target_image), gradient);    // of a target that stays: half the time
///
/// fᵢ are the features that the extractor gives, `layers` of them if not empty: by the numbers that its layers() has
/// (VGG16's indices), or by position. `weights` are finite and not negative, one for each; empty is 1 for each, and a layer of
/// weight 0 is not looked at. Weights per sample may follow the target, and an execution policy come first, as for any loss;
/// the reductions are those over the terms of each layer. Only the image has a gradient.
///
/// Equal images: 0, gradient 0. The extractor's buffers are the loss's own: threads that share it take turns; copy it to use
/// several at once. Throws std::invalid_argument: options, shapes, another number of features.
/// Johnson, Alahi and Fei-Fei (2016), arXiv:1603.08155, eq. (2), without its scale.
template <class E>
class Perceptual {
 public:
  using Scalar = typename E::Scalar;
  using Options = detail::PerceptualOptions<Scalar>;

  explicit Perceptual(E extractor, Options options = {}, Reduction reduction = Reduction::mean)
      : options_(std::move(options)), reduction_(reduction), extractor_(std::move(extractor)) {
    if constexpr (has_layers) {
      const auto& numbers = extractor_.object.layers();
      known_.assign(std::ranges::begin(numbers), std::ranges::end(numbers));
      (void)positions(known_.size());
    }
    for (std::size_t i = 0; i < options_.weights.size(); ++i) {
      require(std::isfinite(options_.weights[i]) && options_.weights[i] >= 0, "Perceptual: weights[", i, "] is ",
              options_.weights[i], ", but must be finite and not negative");
    }
  }

  const Options& options() const { return options_; }
  Reduction reduction() const { return reduction_; }

  /// The features of an image, to be the target of many calls.
  template <class Image>
    requires FeatureExtractor<E, Image>
  auto features(const Image& image) const {
    return features(serial, image);
  }

  template <ExecutionPolicy Policy, class Image>
    requires FeatureExtractor<E, Image>
  auto features(const Policy& policy, const Image& image) const {
    const std::lock_guard lock(extractor_.mutex);
    return detail::features_of(policy, extractor_.object, image);
  }

  template <class Image, class Target, class... Weights>
    requires FeatureExtractor<E, Image>
  Scalar forward(const Image& image, const Target& target, const Weights&... weights) const {
    return forward(serial, image, target, weights...);
  }

  template <ExecutionPolicy Policy, class Image, class Target, class... Weights>
    requires FeatureExtractor<E, Image>
  Scalar forward(const Policy& policy, const Image& image, const Target& target, const Weights&... weights) const {
    const std::lock_guard lock(extractor_.mutex);
    const auto& stored = detail::evaluate(image);
    const auto& wanted = wanted_features(policy, stored, target);
    return compare(policy, detail::features_of(policy, extractor_.object, stored), wanted, nullptr, weights...);
  }

  template <class Image, class Target, class... Weights>
    requires FeatureExtractor<E, Image>
  auto gradient(const Image& image, const Target& target, const Weights&... weights) const {
    return gradient(serial, image, target, weights...);
  }

  template <ExecutionPolicy Policy, class Image, class Target, class... Weights>
    requires FeatureExtractor<E, Image>
  auto gradient(const Policy& policy, const Image& image, const Target& target, const Weights&... weights) const {
    typename detail::Access<Image>::Plain made;
    value_and_gradient(policy, image, target, weights..., made);
    return made;
  }

  /// (image, target, gradient) or (image, target, weights, gradient); the gradient may be the image, or add_to(…).
  template <class Image, class Target, class... Rest>
    requires FeatureExtractor<E, Image>
  Scalar value_and_gradient(const Image& image, const Target& target, Rest&&... rest) const {
    return value_and_gradient(serial, image, target, std::forward<Rest>(rest)...);
  }

  template <ExecutionPolicy Policy, class Image, class Target, class Gradient>
    requires FeatureExtractor<E, Image>
  Scalar value_and_gradient(const Policy& policy, const Image& image, const Target& target, Gradient&& gradient) const {
    return write_gradient(policy, image, target, gradient);
  }

  template <ExecutionPolicy Policy, class Image, class Target, class Weights, class Gradient>
    requires FeatureExtractor<E, Image>
  Scalar value_and_gradient(const Policy& policy, const Image& image, const Target& target, const Weights& weights,
                            Gradient&& gradient) const {
    return write_gradient(policy, image, target, gradient, weights);
  }

 private:
  using Rule = rule::FeatureError<Scalar>;
  static constexpr bool has_layers = requires(const E& extractor) { extractor.layers(); };

  /// Where the layers are among `count` features.
  std::vector<std::size_t> positions(std::size_t count) const {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < (options_.layers.empty() ? count : options_.layers.size()); ++i) {
      std::size_t place = i;
      if (!options_.layers.empty()) {
        const int layer = options_.layers[i];
        place = has_layers ? static_cast<std::size_t>(std::find(known_.begin(), known_.end(), layer) - known_.begin())
                           : static_cast<std::size_t>(layer);
        require(place < count, "Perceptual: layers[", i, "] is ", layer, ", but must be one of the ", count,
                " that the extractor gives");
      }
      places.push_back(place);
    }
    require(options_.weights.empty() || options_.weights.size() == places.size(), "Perceptual: weights has ",
            options_.weights.size(), " values, but must have ", places.size(), ", one for each layer");
    return places;
  }

  Scalar weight(std::size_t i) const { return options_.weights.empty() ? Scalar(1) : options_.weights[i]; }

  /// The target's features: of an image, or the caller's own.
  template <class Policy, class Image, class Target>
  decltype(auto) wanted_features(const Policy& policy, const Image& image, const Target& target) const {
    if constexpr (detail::Viewable<Target>) {
      const auto& stored = detail::evaluate(target);
      detail::require_shape(detail::name_of<Rule>(), detail::view_of(stored).extents, "target",
                            detail::view_of(image).extents, "image");
      return detail::features_of(policy, extractor_.object, stored);
    } else {
      static_assert(detail::RangeOfTensors<Target, Scalar>,
                    "the target of Perceptual is an image, or the features of one");
      return (target);
    }
  }

  /// Σ of the layers; their gradients, if asked for.
  template <class Policy, class Features, class Wanted, class... Weights>
  Scalar compare(const Policy& policy, const Features& features, const Wanted& wanted,
                 std::vector<detail::FeatureOf<Features>>* gradients, const Weights&... weights) const {
    using Feature = detail::FeatureOf<Features>;
    const auto size = static_cast<std::size_t>(std::ranges::size(features));
    require(static_cast<std::size_t>(std::ranges::size(wanted)) == size, "Perceptual: target has ",
            static_cast<std::size_t>(std::ranges::size(wanted)), " features, but must have ", size);
    const auto at = [](const auto& range, std::size_t i) -> const auto& {
      return std::ranges::begin(range)[static_cast<std::ptrdiff_t>(i)];
    };
    if (gradients != nullptr) {
      gradients->resize(size);
      for (std::size_t i = 0; i < size; ++i)
        set_zero((*gradients)[i], detail::Access<Feature>::extents(at(features, i)));
    }
    const auto places = positions(size);
    double sum = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (weight(i) == 0) continue;
      const Loss<Rule> loss({.weight = weight(i)}, reduction_);
      const auto& p = at(features, places[i]);
      const auto& y = at(wanted, places[i]);
      sum += static_cast<double>(
          gradients == nullptr ? loss.forward(policy, p, y, weights...)
                               : loss.value_and_gradient(policy, p, y, weights..., add_to((*gradients)[places[i]])));
    }
    return static_cast<Scalar>(sum);
  }

  template <class Feature>
  static void set_zero(Feature& gradient, const detail::Extents& extents) {
    detail::Access<Feature>::resize(gradient, extents);
    std::fill_n(gradient.data(), extents.count(), Scalar(0));
  }

  template <class Policy, class Image, class Target, class Gradient, class... Weights>
  Scalar write_gradient(const Policy& policy, const Image& image, const Target& target, Gradient& gradient,
                        const Weights&... weights) const {
    static_assert(detail::accepts_gradient<Gradient&, Scalar>(),
                  "the gradient of Perceptual must be a writable Eigen object with its scalar");
    using Argument = detail::GradientArgument<std::remove_cvref_t<Gradient>>;
    using To = detail::Access<typename Argument::Object>;
    auto& object = Argument::object(gradient);
    const auto& stored = detail::evaluate(image);
    const detail::Extents shape = detail::view_of(stored).extents;
    constexpr bool resizes = To::is_plain && !Argument::adds;
    bool fits = To::extents(object) == shape;
    if constexpr (resizes) fits = fits || To::can_resize(shape);
    require(fits, "Perceptual: gradient is ", To::extents(object), ", but must be ", shape, ", the shape of image");

    const std::lock_guard lock(extractor_.mutex);
    const auto& wanted = wanted_features(policy, stored, target);
    const auto features = detail::features_of(policy, extractor_.object, stored);
    std::vector<detail::FeatureOf<std::remove_cvref_t<decltype(features)>>> gradients;
    const Scalar value = compare(policy, features, wanted, &gradients, weights...);
    const auto made = detail::image_gradient_of(policy, extractor_.object, gradients);
    const auto from = detail::view_of(made);
    detail::require_shape(detail::name_of<Rule>(), from.extents, "the extractor's gradient", shape, "image");
    if constexpr (resizes) To::resize(object, shape);
    const auto to = To::writable_view(object);
    const auto factor = static_cast<Scalar>(Argument::factor(gradient));
    for (detail::Index i = 0; i < shape.count(); ++i) {
      const Scalar slope = detail::element(from, i);
      Scalar& entry = detail::element(to, i);
      entry = Argument::adds ? entry + factor * slope : slope;
    }
    return value;
  }

  Options options_;
  Reduction reduction_;
  std::vector<int> known_;  // the extractor's numbers for its features
  mutable detail::Guarded<E> extractor_;
};

}  // namespace LOSSES_NAMESPACE
