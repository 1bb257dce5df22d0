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

/// Losses without a target, as one with a target that they do not look at.
struct OnScores {
  losses::Adversarial<float> loss;
  float value_and_gradient(const Eigen::VectorXf& s, const Eigen::VectorXf&, Eigen::VectorXf& g) const {
    return loss.value_and_gradient(s, true, g);
  }
};

struct OnInputGradients {
  using Matrix = RowMajorMatrix<float>;
  losses::GradientPenalty<float> loss;
  float value_and_gradient(const Matrix& p, const Matrix&, Matrix& g) const { return loss.value_and_gradient(p, g); }
};

/// The penalty of n critic's gradients of size d, against a copy of them.
Case gradient_penalty(Index n, Index d) {
  const auto data = residuals<RowMajorMatrix<float>>(n, d);
  Case each{value_and_gradient(OnInputGradients{}, data),
            repeat([data] {
              copy(data->p, data->g);
              return data->g.data();
            }),
            "copy",
            {},
            {}};
  add_torch(each, data, OnInputGradients{}, "gradient_penalty");
  return each;
}

struct OnPictures {
  using Tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  losses::TotalVariation<float> loss;
  float value_and_gradient(const Tensor& p, const Tensor&, Tensor& g) const { return loss.value_and_gradient(p, g); }
};

/// A loss of pictures [n, c, h, w] with values in [0, 1], against a copy of them.
template <class Loss>
Case pictures(Index n, Index c, Index h, Index w, const Loss& loss, const char* torch_loss) {
  using Tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  const auto data = std::make_shared<Data<Tensor, Tensor>>();
  data->p.resize(n, c, h, w);
  data->y.resize(n, c, h, w);
  data->g.resize(n, c, h, w);
  data->g.setZero();
  fill_uniform(data->p.data(), data->p.size(), 1, 0, 1);
  fill_uniform(data->y.data(), data->y.size(), 2, 0, 1);
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              using Flat = Eigen::Map<const Eigen::VectorXf>;
              Eigen::Map<Eigen::VectorXf> to(data->g.data(), data->g.size());
              copy(Flat(data->p.data(), data->p.size()), to);
              return data->g.data();
            }),
            "copy",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  return each;
}

}  // namespace

std::vector<Row> rows_of_generative() {
  using losses::AdversarialMode;
  return {
      {"Adversarial (vanilla), n = 2^24", Bar::none(), [] { return elements(1 << 24, OnScores{}, "gan_vanilla"); }},
      {"Adversarial (hinge), n = 4096", Bar::none(),
       [] {
         return elements(4096, OnScores{losses::Adversarial<float>({.mode = AdversarialMode::hinge})}, "gan_hinge");
       }},
      {"GradientPenalty 64 × 12288", Bar::none(), [] { return gradient_penalty(64, 12288); }},
      {"GradientPenalty 65536 × 2", Bar::none(), [] { return gradient_penalty(65536, 2); }},
      {"SSIM [8, 3, 256, 256]", Bar::none(), [] { return pictures(8, 3, 256, 256, losses::SSIM<float>(), "ssim"); }},
      {"TotalVariation [8, 3, 256, 256]", Bar::none(),
       [] { return pictures(8, 3, 256, 256, OnPictures{}, "total_variation"); }},
      {"Perceptual, VGG16 to layer 22, 224 × 224", Bar::times_torch(2),
       [] { return perceptual({3, 8, 15, 22}, "perceptual_22"); }},
      {"Perceptual, all of VGG16, 224 × 224", Bar::times_torch(2), [] { return perceptual({30}, "perceptual_30"); }},
  };
}

}  // namespace bench
