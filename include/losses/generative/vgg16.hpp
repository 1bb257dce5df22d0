// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <losses/core/overlap.hpp>
#include <losses/generative/convolution.hpp>
#include <losses/generative/extractor.hpp>
#include <losses/tensor.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

/// torchvision's vgg16().features: 13 convolutions, each with a ReLU after it, and 5 poolings, by index.
struct VGG16Plan {
  static constexpr int layers = 31;
  static constexpr int convolutions = 13;
  static constexpr std::array<int, convolutions> index = {0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28};
  static constexpr std::array<Index, convolutions + 1> channels = {3,   64,  64,  128, 128, 256, 256,
                                                                   256, 512, 512, 512, 512, 512, 512};

  static constexpr bool is_pool(int layer) {
    return layer == 4 || layer == 9 || layer == 16 || layer == 23 || layer == 30;
  }
  /// The convolution at this layer, or −1.
  static constexpr int convolution(int layer) {
    for (int k = 0; k < convolutions; ++k) {
      if (index[static_cast<std::size_t>(k)] == layer) return k;
    }
    return -1;
  }
  static constexpr Index in(int k) { return channels[static_cast<std::size_t>(k)]; }
  static constexpr Index out(int k) { return channels[static_cast<std::size_t>(k) + 1]; }
};

struct VGG16Options {
  std::vector<int> layers = {3, 8, 15, 22};
  bool normalize = true;
};

/// The weights of a convolution, in PyTorch's order.
template <class T>
struct VGG16Convolution {
  std::vector<T> weight;  ///< [out, in, 3, 3]
  std::vector<T> bias;    ///< [out]
};

template <class G, class T>
concept ImageGradient = TensorOf<std::remove_cvref_t<G>, T> && Access<std::remove_cvref_t<G>>::is_writable &&
                        !std::is_const_v<std::remove_reference_t<G>>;

}  // namespace detail

/// The convolutional half of VGG-16, as an extractor of features for Perceptual and Style: the 3 × 3 convolutions, ReLU and
/// 2 × 2 maxima of torchvision's vgg16().features, forward and the gradient of the image.
///
///   std::vector<Tensor> features = vgg.forward(image);      one [n, c, h', w'] for each of `layers`
///   Tensor gradient = vgg.backward(feature_gradients);      of the image of the last forward
///
/// Images are [n, 3, h, w] tensors with values in [0, 1], of any h and w that the poolings leave a pixel of; they leave out
/// odd last rows and columns, as in torch. `layers` ({3, 8, 15, 22}) are indices into vgg16().features, ascending, in
/// [0, 30]: 3, 8, 15 and 22 are the last ReLU of a block. Nothing beyond the last one is computed, or needs weights.
/// `normalize` (true) subtracts ImageNet's mean and divides by its deviation, (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225).
///
/// Weights come from memory, a Convolution {weight [out, in, 3, 3], bias [out]} for each one of vgg16().features in their
/// order, or from a file: load_vgg16 in <losses/generative/safetensors.hpp>.
///
/// forward keeps what backward needs in buffers that the next call reuses: about 430 numbers per pixel of the image. One
/// thread at a time may use an object; a copy shares the weights and has buffers of its own. Both verbs take an execution
/// policy first, and have a form that writes into the caller's objects: forward(image, features), backward(gradients,
/// gradient). A gradient tensor of size 0 stands for zeros. With EIGEN_USE_BLAS the matrix products are the BLAS's.
///
/// ReLU has slope 0 at 0; of equal maxima in a window the first takes the gradient, as in torch. NaN in, NaN out.
/// Throws std::invalid_argument: weights, layers, shapes, backward before forward, memory that overlaps.
/// Simonyan and Zisserman (2015), arXiv:1409.1556, table 1, column D.
template <std::floating_point T = float>
class VGG16 {
  using Plan = detail::VGG16Plan;
  using Index = Eigen::Index;

 public:
  using Scalar = T;
  using Tensor = Eigen::Tensor<T, 4, Eigen::RowMajor>;
  using Features = std::vector<Tensor>;
  using Convolution = detail::VGG16Convolution<T>;
  using Options = detail::VGG16Options;

  explicit VGG16(std::vector<Convolution> convolutions, Options options = {})
      : options_(std::move(options)), weights_(std::make_shared<Weights>()) {
    check_layers(options_.layers);
    take(convolutions);
  }

  /// How many convolutions the last of these layers needs.
  static int convolutions_for(const std::vector<int>& layers) {
    check_layers(layers);
    int count = 0;
    while (count < Plan::convolutions && Plan::index[static_cast<std::size_t>(count)] <= layers.back()) ++count;
    return count;
  }

  const Options& options() const { return options_; }
  const std::vector<int>& layers() const { return options_.layers; }

  template <detail::TensorOf<T> Image>
  Features forward(const Image& image) {
    return forward(serial, image);
  }
  template <detail::TensorOf<T> Image>
  void forward(const Image& image, Features& features) {
    forward(serial, image, features);
  }
  template <ExecutionPolicy Policy, detail::TensorOf<T> Image>
  Features forward(const Policy& policy, const Image& image) {
    Features features;
    forward(policy, image, features);
    return features;
  }
  template <ExecutionPolicy Policy, detail::TensorOf<T> Image>
  void forward(const Policy& policy, const Image& image, Features& features) {
    const auto& stored = detail::evaluate(image);
    forward_view(policy.executor(), detail::view_of(stored), features);
  }

  template <detail::RangeOfTensors<T> Gradients>
  Tensor backward(const Gradients& gradients) {
    return backward(serial, gradients);
  }
  template <detail::RangeOfTensors<T> Gradients, detail::ImageGradient<T> Gradient>
  void backward(const Gradients& gradients, Gradient&& gradient) {
    backward(serial, gradients, gradient);
  }
  template <ExecutionPolicy Policy, detail::RangeOfTensors<T> Gradients>
  Tensor backward(const Policy& policy, const Gradients& gradients) {
    Tensor gradient;
    backward(policy, gradients, gradient);
    return gradient;
  }
  template <ExecutionPolicy Policy, detail::RangeOfTensors<T> Gradients, detail::ImageGradient<T> Gradient>
  void backward(const Policy& policy, const Gradients& gradients, Gradient&& gradient) {
    using To = detail::Access<std::remove_cvref_t<Gradient>>;
    std::vector<View> views;
    for (const auto& each : gradients) {
      static_assert(detail::Access<std::remove_cvref_t<decltype(each)>>::is_direct);
      views.push_back(detail::view_of(each));
    }
    check_gradients(views);
    for (std::size_t i = 0; i < views.size(); ++i) {
      require(!overlap(detail::footprint(views[i]), detail::footprint(To::writable_view(gradient))),
              "VGG16: gradient shares memory with gradients[", i, "]");
    }
    const detail::Extents shape = work_.image_shape();
    if constexpr (To::is_plain) {
      require(To::can_resize(shape), "VGG16: gradient cannot be ", shape, ", the shape of the image");
      To::resize(gradient, shape);
    } else {
      require(To::extents(gradient) == shape, "VGG16: gradient is ", To::extents(gradient), ", but must be ", shape,
              ", the shape of the image");
    }
    backward_views(policy.executor(), views, To::writable_view(gradient));
  }

 private:
  using View = detail::View<const T>;
  using Canvas = detail::network::Canvas<T>;
  using Weights = std::vector<detail::network::Convolution<T>>;

  /// What forward leaves for backward; a copy of the extractor starts with none.
  struct Workspace {
    Canvas image;
    std::array<Canvas, Plan::layers + 1> outputs;  // of ReLU and pooling; a convolution's place is its ReLU's
    std::array<Canvas, 2> gradients;
    bool is_ready = false;

    Workspace() = default;
    Workspace(const Workspace&) {}
    Workspace(Workspace&&) = default;
    Workspace& operator=(const Workspace&) {
      is_ready = false;
      return *this;
    }
    Workspace& operator=(Workspace&&) = default;

    detail::Extents image_shape() const { return {4, {image.n, 3, image.h, image.w}}; }
  };

  static constexpr std::array<double, 3> mean = {0.485, 0.456, 0.406};
  static constexpr std::array<double, 3> deviation = {0.229, 0.224, 0.225};

  static void check_layers(const std::vector<int>& layers) {
    require(!layers.empty(), "VGG16: layers is empty, but must have at least one index");
    for (std::size_t i = 0; i < layers.size(); ++i) {
      require(layers[i] >= 0 && layers[i] < Plan::layers, "VGG16: layers[", i, "] is ", layers[i],
              ", but must be in [0, 30]");
      require(i == 0 || layers[i] > layers[i - 1], "VGG16: layers[", i, "] is ", layers[i],
              ", but must be greater than the one before it");
    }
  }

  void take(std::vector<Convolution>& given) {
    const int needed = convolutions_for(options_.layers);
    require(given.size() >= static_cast<std::size_t>(needed), "VGG16: convolutions has ", given.size(),
            " of them, but must have ", needed, " for layer ", options_.layers.back());
    for (int k = 0; k < needed; ++k) {
      const Convolution& each = given[static_cast<std::size_t>(k)];
      const Index in = Plan::in(k), out = Plan::out(k);
      require(each.weight.size() == static_cast<std::size_t>(out * in * 9), "VGG16: convolutions[", k, "].weight has ",
              each.weight.size(), " values, but must have ", out * in * 9, ", [", out, ", ", in, ", 3, 3]");
      require(each.bias.size() == static_cast<std::size_t>(out), "VGG16: convolutions[", k, "].bias has ",
              each.bias.size(), " values, but must have ", out);
    }
    weights_->reserve(static_cast<std::size_t>(needed));
    for (int k = 0; k < needed; ++k) {
      const Convolution each = std::move(given[static_cast<std::size_t>(k)]);  // given back here
      weights_->emplace_back(Plan::in(k), Plan::out(k), each.weight.data(), each.bias.data());
    }
  }

  int last() const { return options_.layers.back(); }

  bool wants(int layer) const {
    return std::find(options_.layers.begin(), options_.layers.end(), layer) != options_.layers.end();
  }

  /// What layer `layer` reads, and what it writes.
  Canvas& input(int layer) { return layer == 0 ? work_.image : work_.outputs[static_cast<std::size_t>(layer - 1)]; }
  Canvas& output(int layer) {
    return work_.outputs[static_cast<std::size_t>(Plan::convolution(layer) < 0 ? layer : layer + 1)];
  }

  void check_image(const detail::Extents& shape) const {
    require(shape.rank == 4 && shape[1] == 3, "VGG16: image is ", shape, ", but must be [n x 3 x h x w]");
    Index least = 1;
    for (int layer = 0; layer <= last(); ++layer) least *= Plan::is_pool(layer) ? 2 : 1;
    require(shape[2] >= least && shape[3] >= least, "VGG16: image is ", shape, ", but must have at least ", least,
            " rows and columns for layer ", last());
  }

  void read_image(const detail::Executor& executor, const View& image) {
    work_.image.reshape(image.extents[0], image.extents[2], image.extents[3], 3);
    detail::network::clear(executor, work_.image);
    const bool normalizes = options_.normalize;
    detail::network::for_pixels<T>(executor, work_.image, image, [normalizes](T& to, const T& from, Index c) {
      const auto i = static_cast<std::size_t>(c);
      to = normalizes ? (from - static_cast<T>(mean[i])) / static_cast<T>(deviation[i]) : from;
    });
  }

  void forward_view(const detail::Executor& executor, const View& image, Features& features) {
    check_image(image.extents);
    work_.is_ready = false;
    read_image(executor, image);
    features.resize(options_.layers.size());
    auto feature = features.begin();
    for (int layer = 0; layer <= last(); ++layer) {
      const int k = Plan::convolution(layer);
      if (k >= 0) {
        const auto& weights = (*weights_)[static_cast<std::size_t>(k)];
        detail::network::convolve(executor, weights, input(layer), output(layer), layer < last() && !wants(layer));
      } else if (Plan::is_pool(layer)) {
        detail::network::pool(executor, input(layer), output(layer));
      } else if (wants(layer - 1)) {
        detail::network::rectify(executor, output(layer));
      }
      if (wants(layer)) write_feature(executor, output(layer), *feature++);
    }
    work_.is_ready = true;
  }

  static void write_feature(const detail::Executor& executor, const Canvas& canvas, Tensor& feature) {
    feature.resize(canvas.n, canvas.channels, canvas.h, canvas.w);
    const auto view = detail::Access<Tensor>::writable_view(feature);
    detail::network::for_pixels<T>(executor, canvas, view, [](const T& from, T& to, Index) { to = from; });
  }

  void check_gradients(const std::vector<View>& gradients) {
    require(work_.is_ready, "VGG16: backward is called before forward");
    require(gradients.size() == options_.layers.size(), "VGG16: gradients has ", gradients.size(),
            " tensors, but must have ", options_.layers.size(), ", one for each layer");
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const Canvas& like = output(options_.layers[i]);
      const detail::Extents shape{4, {like.n, like.channels, like.h, like.w}};
      const detail::Extents& is = gradients[i].extents;
      require(is == shape || (is.rank == 4 && is.count() == 0), "VGG16: gradients[", i, "] is ", is, ", but must be ",
              shape, ", the shape of the features of layer ", options_.layers[i]);
    }
  }

  void backward_views(const detail::Executor& executor, const std::vector<View>& gradients,
                      const detail::View<T>& image_gradient) {
    Canvas* g = &work_.gradients[0];
    Canvas* next = &work_.gradients[1];
    bool is_zero = true;
    auto gradient = gradients.rbegin();
    for (int layer = last(); layer >= 0; --layer) {
      if (wants(layer)) {
        const View& added = *gradient++;
        if (added.extents.count() > 0) add_gradient(executor, added, output(layer), std::exchange(is_zero, false), *g);
      }
      if (is_zero) continue;
      // The ReLU before a layer is applied with it, unless gradients are added between them.
      const int k = Plan::convolution(layer);
      const bool is_rectified = layer > 0 && !Plan::is_pool(layer - 1) && !wants(layer - 1);
      if (layer == 0) {
        write_image_gradient(executor, *g, image_gradient);
      } else if (k >= 0) {
        const auto& weights = (*weights_)[static_cast<std::size_t>(k)];
        detail::network::convolve_back(executor, weights, *g, is_rectified ? &input(layer) : nullptr, *next);
        std::swap(g, next);
      } else if (Plan::is_pool(layer)) {
        detail::network::pool_back(executor, *g, input(layer), is_rectified, *next);
        std::swap(g, next);
      } else if (wants(layer)) {
        detail::network::mask(executor, output(layer), *g);
      }
    }
    if (is_zero) {
      for (Index i = 0; i < image_gradient.extents.count(); ++i) detail::element(image_gradient, i) = 0;
    }
  }

  static void add_gradient(const detail::Executor& executor, const View& added, const Canvas& like, bool is_first,
                           Canvas& g) {
    if (is_first) {
      g.reshape(like.n, like.h, like.w, like.channels);
      detail::network::clear(executor, g);
    }
    detail::network::for_pixels<T>(executor, g, added, [](T& to, const T& from, Index) { to += from; });
  }

  void write_image_gradient(const detail::Executor& executor, const Canvas& g, const detail::View<T>& to) {
    const bool normalizes = options_.normalize;
    const auto write = [&](Index i, Index y, Index x, const T* values) {
      for (Index c = 0; c < 3; ++c) {
        const T scale = normalizes ? static_cast<T>(deviation[static_cast<std::size_t>(c)]) : T(1);
        to.data[i * to.stride[0] + c * to.stride[1] + y * to.stride[2] + x * to.stride[3]] = values[c] / scale;
      }
    };
    detail::network::convolve_back_to_image(executor, weights_->front(), g, write);
  }

  Options options_;
  std::shared_ptr<Weights> weights_;
  Workspace work_;
};

}  // namespace LOSSES_NAMESPACE
