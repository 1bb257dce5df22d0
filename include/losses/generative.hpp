// SPDX-License-Identifier: MIT
#pragma once

/// Losses of generated images. Besides: <losses/generative/vgg16.hpp>, which works on Eigen::Tensor, and
/// <losses/generative/safetensors.hpp>, which reads its weights from a file and needs nlohmann-json.

#include <losses/generative/adversarial.hpp>
#include <losses/generative/adversarial_mse.hpp>
#include <losses/generative/gradient_penalty.hpp>
#include <losses/generative/perceptual.hpp>
#include <losses/generative/reconstruction.hpp>
#include <losses/generative/ssim.hpp>
#include <losses/generative/style.hpp>
#include <losses/generative/total_variation.hpp>
