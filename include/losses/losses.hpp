// SPDX-License-Identifier: MIT
#pragma once

/// Everything that needs Eigen alone. Eigen::Tensor inputs need <losses/tensor.hpp> besides. A file that uses little compiles
/// sooner with the header of a room, <losses/regression.hpp>, or of a loss, <losses/regression/huber.hpp>.

#include <losses/classification.hpp>
#include <losses/compose.hpp>
#include <losses/detection.hpp>
#include <losses/evaluation.hpp>
#include <losses/generative.hpp>
#include <losses/metric.hpp>
#include <losses/ranking.hpp>
#include <losses/regression.hpp>
#include <losses/segmentation.hpp>
#include <losses/selector.hpp>
#include <losses/sequence.hpp>
