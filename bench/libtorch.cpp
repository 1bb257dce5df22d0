// SPDX-License-Identifier: MIT
// The losses as a user of LibTorch writes them.

#include "libtorch.hpp"

#include <torch/torch.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

namespace bench {

namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;
using TorchLoss = Tensor (*)(const Tensors& x);

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
      {"cross_entropy", [](const Tensors& x) { return torch::cross_entropy_loss(x[0], x[1]); }},
  };
  return table;
}

Tensor tensor_of(const TorchArgument& argument) {
  return torch::from_blob(argument.data, argument.sizes, argument.strides,
                          argument.is_labels ? torch::kInt64 : torch::kFloat32);
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
            return value.item<float>();
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
