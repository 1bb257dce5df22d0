// SPDX-License-Identifier: MIT
// The losses as a user of LibTorch writes them.

#include "libtorch.hpp"

#include <torch/torch.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

namespace bench {

namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;
using TorchLoss = Tensor (*)(const Tensors& x);

/// The losses of boxes as torchvision 0.14 writes them in Python.
struct TorchBoxes {
  Tensors p, y;
  Tensor intersection, unite, enclosing_width, enclosing_height;

  explicit TorchBoxes(const Tensors& x) : p(x[0].unbind(-1)), y(x[1].unbind(-1)) {
    const Tensor left = torch::max(p[0], y[0]), top = torch::max(p[1], y[1]);
    const Tensor right = torch::min(p[2], y[2]), bottom = torch::min(p[3], y[3]);
    const Tensor overlap = (bottom > top) & (right > left);
    intersection = torch::zeros_like(p[0]);
    const Tensor area =
        (right.index({overlap}) - left.index({overlap})) * (bottom.index({overlap}) - top.index({overlap}));
    intersection.index_put_({overlap}, area);
    unite = (p[2] - p[0]) * (p[3] - p[1]) + (y[2] - y[0]) * (y[3] - y[1]) - intersection;
    enclosing_width = torch::max(p[2], y[2]) - torch::min(p[0], y[0]);
    enclosing_height = torch::max(p[3], y[3]) - torch::min(p[1], y[1]);
  }

  Tensor iou() const { return intersection / (unite + 1e-7); }
  Tensor distance() const {
    const Tensor x = (p[2] + p[0]) / 2 - (y[0] + y[2]) / 2, up = (p[3] + p[1]) / 2 - (y[1] + y[3]) / 2;
    return (x.pow(2) + up.pow(2)) / (enclosing_width.pow(2) + enclosing_height.pow(2) + 1e-7);
  }
};

/// Pairs of a batch: the rows at each other, which of them have the label of the row and which another.
struct TorchPairs {
  Tensor rows, same, other;

  explicit TorchPairs(const Tensors& x) : rows(x[0]), same(x[1].unsqueeze(1) == x[1]), other(same.logical_not()) {
    same = same & torch::eye(rows.size(0), torch::kBool).logical_not();
  }

  Tensor cosines() const {
    const Tensor f = torch::nn::functional::normalize(rows, torch::nn::functional::NormalizeFuncOptions().dim(1));
    return f.matmul(f.t());
  }
  Tensor distances() const {
    const Tensor squares = rows.pow(2).sum(1);
    return (squares.unsqueeze(1) + squares - 2 * rows.matmul(rows.t())).clamp_min(1e-12).sqrt();
  }
};

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Σ of the mean squares at some layers of torchvision's vgg16().features. x: the image, the wanted features, then weight and
/// bias of each convolution.
Tensor perceptual(const Tensors& x, const std::vector<int>& layers) {
  Tensor y = x[0], value = torch::zeros({});
  std::size_t feature = 0, argument = 1 + layers.size();
  for (int layer = 0; layer <= layers.back(); ++layer) {
    if (layer == 4 || layer == 9 || layer == 16 || layer == 23 || layer == 30) {
      y = torch::max_pool2d(y, 2);
    } else {
      y = torch::relu(torch::conv2d(y, x[argument], x[argument + 1], 1, 1));
      argument += 2;
      ++layer;
    }
    if (layer == layers[feature]) value = value + torch::mse_loss(y, x[1 + feature++]);
  }
  return value;
}

const std::map<std::string, TorchLoss>& losses() {
  static const std::map<std::string, TorchLoss> table = {
      {"mse", [](const Tensors& x) { return torch::mse_loss(x[0], x[1]); }},
      {"rmse", [](const Tensors& x) { return torch::mse_loss(x[0], x[1]).sqrt(); }},
      {"l1", [](const Tensors& x) { return torch::l1_loss(x[0], x[1]); }},
      {"huber", [](const Tensors& x) { return torch::huber_loss(x[0], x[1]); }},
      {"log_cosh",
       [](const Tensors& x) {
         const Tensor r = x[0] - x[1];
         return (r + torch::softplus(-2 * r) - std::log(2.0)).mean();
       }},
      {"bce_with_logits", [](const Tensors& x) { return torch::binary_cross_entropy_with_logits(x[0], x[1]); }},
      {"focal_with_logits",
       [](const Tensors& x) {  // torchvision's sigmoid_focal_loss
         const Tensor p = torch::sigmoid(x[0]), y = x[1];
         const Tensor bce = torch::binary_cross_entropy_with_logits(x[0], y, {}, {}, torch::Reduction::None);
         const Tensor missing = 1 - (p * y + (1 - p) * (1 - y)), alpha = 0.25 * y + 0.75 * (1 - y);
         return (alpha * bce * missing.pow(2)).mean();
       }},
      {"triplet",
       [](const Tensors& x) {
         return torch::triplet_margin_loss(x[0], x[1], x[2], 20, 2, 0, false, torch::Reduction::Mean);
       }},
      {"cosine_embedding", [](const Tensors& x) { return torch::cosine_embedding_loss(x[0], x[1], x[2]); }},
      {"perceptual_22", [](const Tensors& x) { return perceptual(x, {3, 8, 15, 22}); }},
      {"perceptual_30", [](const Tensors& x) { return perceptual(x, {30}); }},
      {"cross_entropy", [](const Tensors& x) { return torch::cross_entropy_loss(x[0], x[1]); }},
      {"softmax_focal",
       [](const Tensors& x) {
         const Tensor log_p = torch::log_softmax(x[0], 1).gather(1, x[1].unsqueeze(1)).squeeze(1);
         return (-(1 - log_p.exp()).pow(2) * log_p).mean();
       }},
      {"iou", [](const Tensors& x) { return (1 - TorchBoxes(x).iou()).mean(); }},
      {"giou",
       [](const Tensors& x) {
         const TorchBoxes boxes(x);
         const Tensor enclosing = boxes.enclosing_width * boxes.enclosing_height;
         return (1 - (boxes.iou() - (enclosing - boxes.unite) / (enclosing + 1e-7))).mean();
       }},
      {"diou",
       [](const Tensors& x) {
         const TorchBoxes boxes(x);
         return (1 - boxes.iou() + boxes.distance()).mean();
       }},
      {"ciou",
       [](const Tensors& x) {
         const TorchBoxes boxes(x);
         const Tensors &p = boxes.p, &y = boxes.y;
         const Tensor turn = torch::atan((y[2] - y[0]) / (y[3] - y[1])) - torch::atan((p[2] - p[0]) / (p[3] - p[1]));
         const Tensor v = 4 / (M_PI * M_PI) * turn.pow(2), iou = boxes.iou();
         const Tensor alpha = (v / (1 - iou + v + 1e-7)).detach();
         return (1 - iou + boxes.distance() + alpha * v).mean();
       }},
      {"dice", [](const Tensors& x) { return 1 - (2 * (x[0] * x[1]).sum() + 1) / (x[0].sum() + x[1].sum() + 1); }},
      {"dice_with_logits",
       [](const Tensors& x) {
         const Tensor p = torch::sigmoid(x[0]);
         return 1 - (2 * (p * x[1]).sum() + 1) / (p.sum() + x[1].sum() + 1);
       }},
      {"softmax_dice",
       [](const Tensors& x) {
         const Tensor p = torch::softmax(x[0], 1);
         const Tensor y = torch::one_hot(x[1], x[0].size(1)).permute({0, 3, 1, 2}).to(torch::kFloat32);
         const Tensor hits = (p * y).sum({0, 2, 3}), sizes = p.sum({0, 2, 3}) + y.sum({0, 2, 3});
         return (1 - (2 * hits + 1) / (sizes + 1)).mean();
       }},
      {"sup_con",
       [](const Tensors& x) {
         const TorchPairs pairs(x);
         const Tensor s = pairs.cosines() / 0.1;
         const Tensor self = torch::eye(s.size(0), torch::kBool);
         const Tensor log_p = s - torch::logsumexp(s.masked_fill(self, -infinity), 1, true);
         return -((log_p * pairs.same).sum(1) / pairs.same.sum(1).clamp_min(1)).mean();
       }},
      {"circle",
       [](const Tensors& x) {
         const TorchPairs pairs(x);
         const Tensor s = pairs.cosines(), held = s.detach();
         const Tensor p = -256 * (1.25 - held).clamp_min(0) * (s - 0.75),
                      n = 256 * (held + 0.25).clamp_min(0) * (s - 0.25);
         return torch::softplus(torch::logsumexp(p.masked_fill(pairs.same.logical_not(), -infinity), 1) +
                                torch::logsumexp(n.masked_fill(pairs.other.logical_not(), -infinity), 1))
             .mean();
       }},
      {"batch_hard",
       [](const Tensors& x) {
         const TorchPairs pairs(x);
         const Tensor d = pairs.distances();
         const Tensor farthest = std::get<0>(d.masked_fill(pairs.same.logical_not(), -infinity).max(1));
         const Tensor nearest = std::get<0>(d.masked_fill(pairs.other.logical_not(), infinity).min(1));
         return torch::relu(farthest - nearest + 1).mean();
       }},
      {"batch_all",
       [](const Tensors& x) {
         const TorchPairs pairs(x);
         const Tensor d = pairs.distances(), value = torch::relu(d.unsqueeze(2) - d.unsqueeze(1) + 1);
         const Tensor valid = pairs.same.unsqueeze(2) & pairs.other.unsqueeze(1);
         return (value * valid).sum() / valid.sum();
       }},
      {"arc_face",
       [](const Tensors& x) {
         const Tensor at = x[1].unsqueeze(1), c = x[0].gather(1, at);
         const double m = 0.5;
         const Tensor wide = c * std::cos(m) - (1 - c * c).sqrt() * std::sin(m), far = c - m * std::sin(m);
         const Tensor t = torch::where(c > -std::cos(m), wide, far);
         return torch::cross_entropy_loss(64 * x[0].scatter(1, at, t), x[1]);
       }},
      {"gan_vanilla",
       [](const Tensors& x) { return torch::binary_cross_entropy_with_logits(x[0], torch::ones_like(x[0])); }},
      {"gan_hinge", [](const Tensors& x) { return torch::relu(1 - x[0]).mean(); }},
      {"gradient_penalty", [](const Tensors& x) { return 10 * (x[0].norm(2, 1) - 1).pow(2).mean(); }},
      {"total_variation",
       [](const Tensors& x) {
         const Tensor down = x[0].slice(2, 1) - x[0].slice(2, 0, -1), right = x[0].slice(3, 1) - x[0].slice(3, 0, -1);
         return (down.abs().sum({1, 2, 3}) + right.abs().sum({1, 2, 3})).mean();
       }},
      {"ssim",
       [](const Tensors& x) {
         const auto channels = x[0].size(1);
         const std::vector<std::int64_t> one = {1, 1}, none = {0, 0};
         const Tensor i = torch::arange(11, torch::kFloat32) - 5, g = torch::softmax(-i * i / 4.5, 0);
         const auto filtered = [&](const Tensor& t) {
           const Tensor wide = torch::reflection_pad2d(t, {5, 5, 5, 5});
           const Tensor rows = torch::conv2d(wide, g.view({1, 1, 1, 11}).expand({channels, 1, 1, 11}), Tensor(), one,
                                             none, one, channels);
           return torch::conv2d(rows, g.view({1, 1, 11, 1}).expand({channels, 1, 11, 1}), Tensor(), one, none, one,
                                channels);
         };
         const Tensor mx = filtered(x[0]), my = filtered(x[1]);
         const Tensor sx = filtered(x[0] * x[0]) - mx * mx, sy = filtered(x[1] * x[1]) - my * my;
         const Tensor sxy = filtered(x[0] * x[1]) - mx * my;
         const Tensor map = (2 * mx * my + 1e-4) * (2 * sxy + 9e-4) / ((mx * mx + my * my + 1e-4) * (sx + sy + 9e-4));
         return torch::clamp((1 - map) / 2, 0, 1).mean();
       }},
      {"ctc", [](const Tensors& x) { return torch::ctc_loss(torch::log_softmax(x[0], 2), x[1], x[2], x[3]); }},
  };
  return table;
}

Tensor tensor_of(const TorchArgument& argument) {
  return torch::from_blob(argument.data, argument.sizes, argument.strides,
                          argument.is_labels   ? torch::kInt64
                          : argument.is_double ? torch::kFloat64
                                               : torch::kFloat32);
}

}  // namespace

TorchCase torch_case(const std::string& loss, const std::vector<TorchArgument>& arguments, std::size_t predictions) {
  const auto found = losses().find(loss);
  if (found == losses().end()) throw std::invalid_argument("bench/libtorch.cpp has no loss " + loss);
  const TorchLoss formula = found->second;
  Tensors x;
  for (const auto& argument : arguments) x.push_back(tensor_of(argument));
  const Tensors differentiated(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(predictions));
  for (const Tensor& p : differentiated) p.requires_grad_();
  return {[x, differentiated, formula] {
            for (const Tensor& p : differentiated) p.mutable_grad().reset();
            const Tensor value = formula(x);
            value.backward();
            return value.item<double>();
          },
          [differentiated](const std::vector<TorchArgument>& gradients) {
            double worst = 0;
            for (std::size_t i = 0; i < gradients.size(); ++i) {
              const Tensor theirs = differentiated[i].grad();
              const double error = (tensor_of(gradients[i]) - theirs).abs().max().item<double>();
              worst = std::max(worst, error / theirs.abs().max().item<double>());
            }
            return worst;
          }};
}

std::string start_torch() {
  torch::set_num_threads(1);
  return "LibTorch " TORCH_VERSION ", one thread, told to keep freed memory";
}

}  // namespace bench
