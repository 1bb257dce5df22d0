// SPDX-License-Identifier: MIT
#pragma once

/// Everything that needs Eigen alone. Eigen::Tensor inputs need <losses/tensor.hpp> besides.

#include <losses/classification.hpp>
#include <losses/evaluation.hpp>
#include <losses/regression.hpp>
