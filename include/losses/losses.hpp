// SPDX-License-Identifier: MIT
#pragma once

/// Everything that needs Eigen alone. Eigen::Tensor inputs need <losses/tensor.hpp> besides.

#include <losses/classification.hpp>
#include <losses/detection.hpp>
#include <losses/evaluation.hpp>
#include <losses/generative.hpp>
#include <losses/metric.hpp>
#include <losses/ranking.hpp>
#include <losses/regression.hpp>
#include <losses/segmentation.hpp>
#include <losses/sequence.hpp>
