// SPDX-License-Identifier: MIT
#pragma once

/// VGG-16 by its definition, loop by loop, in double: the oracle for small images.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "generated_network.hpp"

namespace losses_test {

/// Images [n, c, h, w].
struct Planes {
  int n = 0, c = 0, h = 0, w = 0;
  std::vector<double> values;

  Planes() = default;
  Planes(int images, int channels, int height, int width)
      : n(images),
        c(channels),
        h(height),
        w(width),
        values(static_cast<std::size_t>(images * channels * height * width)) {}

  double& at(int i, int k, int y, int x) { return values[static_cast<std::size_t>(((i * c + k) * h + y) * w + x)]; }
  double at(int i, int k, int y, int x) const { return const_cast<Planes*>(this)->at(i, k, y, x); }
  bool has(int y, int x) const { return y >= 0 && y < h && x >= 0 && x < w; }

  template <class F>
  void for_each(const F& f) const {
    for (int i = 0; i < n; ++i) {
      for (int k = 0; k < c; ++k) {
        for (int y = 0; y < h; ++y) {
          for (int x = 0; x < w; ++x) f(i, k, y, x);
        }
      }
    }
  }
};

template <class Tensor>
Planes planes_of(const Tensor& tensor) {
  Planes planes(static_cast<int>(tensor.dimension(0)), static_cast<int>(tensor.dimension(1)),
                static_cast<int>(tensor.dimension(2)), static_cast<int>(tensor.dimension(3)));
  planes.for_each([&](int i, int k, int y, int x) { planes.at(i, k, y, x) = static_cast<double>(tensor(i, k, y, x)); });
  return planes;
}

/// Largest difference, relative to the largest entry.
template <class Tensor>
double difference(const Tensor& tensor, const Planes& want) {
  if (tensor.size() != static_cast<Eigen::Index>(want.values.size())) return 1;
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < want.values.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(tensor.data()[i]) - want.values[i]));
    largest = std::max(largest, std::abs(want.values[i]));
  }
  return worst / largest;
}

class DirectVGG16 {
 public:
  explicit DirectVGG16(bool normalizes) : normalizes_(normalizes) {}

  /// The outputs of layers 0 to `last` of vgg16().features.
  const std::vector<Planes>& forward(Planes image, int last) {
    if (normalizes_) {
      image.for_each([&](int i, int k, int y, int x) {
        image.at(i, k, y, x) =
            (image.at(i, k, y, x) - mean[static_cast<std::size_t>(k)]) / deviation[static_cast<std::size_t>(k)];
      });
    }
    image_ = image;
    outputs_.clear();
    convolutions_ = generated_convolutions<double>(13);
    for (int layer = 0, convolution = 0; layer <= last; ++layer) {
      const Planes& in = input(layer);
      if (is_pool(layer)) {
        outputs_.push_back(pool(in));
      } else if (is_convolution(layer)) {
        outputs_.push_back(convolve(in, convolution++));
      } else {
        Planes out = in;
        for (double& value : out.values) value = value > 0 ? value : 0;
        outputs_.push_back(out);
      }
    }
    return outputs_;
  }

  /// The image's gradient, given one of each layer's output (empty: none).
  Planes backward(const std::vector<Planes>& gradients) const {
    Planes g;
    int convolution = 0;
    for (int layer = 0; layer < static_cast<int>(outputs_.size()); ++layer)
      convolution += is_convolution(layer) ? 1 : 0;
    for (int layer = static_cast<int>(outputs_.size()) - 1; layer >= 0; --layer) {
      const Planes& added = gradients[static_cast<std::size_t>(layer)];
      if (g.values.empty()) {
        const Planes& like = outputs_[static_cast<std::size_t>(layer)];
        g = Planes(like.n, like.c, like.h, like.w);
      }
      for (std::size_t i = 0; i < added.values.size(); ++i) g.values[i] += added.values[i];
      const Planes& in = input(layer);
      Planes to(in.n, in.c, in.h, in.w);
      if (is_pool(layer)) {
        g.for_each([&](int i, int k, int y, int x) {
          int best = 0;
          for (int part = 1; part < 4; ++part) {
            if (quarter(in, i, k, y, x, part) > quarter(in, i, k, y, x, best)) best = part;
          }
          to.at(i, k, 2 * y + best / 2, 2 * x + best % 2) += g.at(i, k, y, x);
        });
      } else if (is_convolution(layer)) {
        --convolution;
        g.for_each([&](int i, int k, int y, int x) {
          for (int from = 0; from < in.c; ++from) {
            for (int tap = 0; tap < 9; ++tap) {
              const int down = y + tap / 3 - 1, right = x + tap % 3 - 1;
              if (in.has(down, right))
                to.at(i, from, down, right) += weight(convolution, k, from, tap) * g.at(i, k, y, x);
            }
          }
        });
      } else {
        for (std::size_t i = 0; i < g.values.size(); ++i) to.values[i] = in.values[i] > 0 ? g.values[i] : 0;
      }
      g = to;
    }
    if (normalizes_) {
      g.for_each([&](int i, int k, int y, int x) { g.at(i, k, y, x) /= deviation[static_cast<std::size_t>(k)]; });
    }
    return g;
  }

 private:
  static constexpr std::array<double, 3> mean = {0.485, 0.456, 0.406};
  static constexpr std::array<double, 3> deviation = {0.229, 0.224, 0.225};

  static bool is_pool(int layer) { return layer == 4 || layer == 9 || layer == 16 || layer == 23 || layer == 30; }
  static bool is_convolution(int layer) {
    for (const int index : {0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28}) {
      if (index == layer) return true;
    }
    return false;
  }

  const Planes& input(int layer) const { return layer == 0 ? image_ : outputs_[static_cast<std::size_t>(layer - 1)]; }

  double weight(int convolution, int to, int from, int tap) const {
    const int in = vgg16_channels[static_cast<std::size_t>(convolution)];
    return convolutions_[static_cast<std::size_t>(convolution)]
        .weight[static_cast<std::size_t>((to * in + from) * 9 + tap)];
  }

  Planes convolve(const Planes& in, int convolution) const {
    Planes out(in.n, vgg16_channels[static_cast<std::size_t>(convolution) + 1], in.h, in.w);
    out.for_each([&](int i, int k, int y, int x) {
      double sum = convolutions_[static_cast<std::size_t>(convolution)].bias[static_cast<std::size_t>(k)];
      for (int from = 0; from < in.c; ++from) {
        for (int tap = 0; tap < 9; ++tap) {
          const int down = y + tap / 3 - 1, right = x + tap % 3 - 1;
          if (in.has(down, right)) sum += weight(convolution, k, from, tap) * in.at(i, from, down, right);
        }
      }
      out.at(i, k, y, x) = sum;
    });
    return out;
  }

  static double quarter(const Planes& in, int i, int k, int y, int x, int part) {
    return in.at(i, k, 2 * y + part / 2, 2 * x + part % 2);
  }

  static Planes pool(const Planes& in) {
    Planes out(in.n, in.c, in.h / 2, in.w / 2);
    out.for_each([&](int i, int k, int y, int x) {
      double most = quarter(in, i, k, y, x, 0);
      for (int part = 1; part < 4; ++part) most = std::max(most, quarter(in, i, k, y, x, part));
      out.at(i, k, y, x) = most;
    });
    return out;
  }

  bool normalizes_;
  Planes image_;
  std::vector<Planes> outputs_;
  std::vector<losses::VGG16<double>::Convolution> convolutions_;
};

}  // namespace losses_test
