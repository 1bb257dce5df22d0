// SPDX-License-Identifier: MIT
// The losses as a user of LibTorch writes them.

#include "libtorch.hpp"

#include <torch/torch.h>
#include <torch/version.h>

#include <cmath>
#include <map>
#include <stdexcept>

namespace bench {

namespace {

using torch::Tensor;
using TorchLoss = Tensor (*)(const Tensor& p, const Tensor& y);

const std::map<std::string, TorchLoss>& losses() {
  static const std::map<std::string, TorchLoss> table = {
      {"mse", [](const Tensor& p, const Tensor& y) { return torch::mse_loss(p, y); }},
      {"rmse", [](const Tensor& p, const Tensor& y) { return torch::mse_loss(p, y).sqrt(); }},
      {"l1", [](const Tensor& p, const Tensor& y) { return torch::l1_loss(p, y); }},
      {"huber", [](const Tensor& p, const Tensor& y) { return torch::huber_loss(p, y); }},
      {"log_cosh",
       [](const Tensor& p, const Tensor& y) {
         const Tensor r = p - y;
         return (r + torch::softplus(-2 * r) - std::log(2.0)).mean();
       }},
      {"cross_entropy", [](const Tensor& p, const Tensor& y) { return torch::cross_entropy_loss(p, y); }},
  };
  return table;
}

Tensor tensor_of(const TorchArgument& argument) {
  return torch::from_blob(argument.data, argument.sizes, argument.strides,
                          argument.is_labels ? torch::kInt64 : torch::kFloat32);
}

}  // namespace

TorchCase torch_case(const std::string& loss, const TorchArgument& prediction, const TorchArgument& target) {
  const auto found = losses().find(loss);
  if (found == losses().end()) throw std::invalid_argument("bench/libtorch.cpp has no loss " + loss);
  const TorchLoss formula = found->second;
  const Tensor p = tensor_of(prediction).requires_grad_(), y = tensor_of(target);
  return {[p, y, formula] {
            p.mutable_grad().reset();
            const Tensor value = formula(p, y);
            value.backward();
            return value.item<float>();
          },
          [p](const TorchArgument& gradient) {
            const Tensor theirs = p.grad();
            return (tensor_of(gradient) - theirs).abs().max().item<double>() / theirs.abs().max().item<double>();
          }};
}

std::string start_torch() {
  torch::set_num_threads(1);
  return "LibTorch " TORCH_VERSION ", one thread, told to keep freed memory";
}

}  // namespace bench
