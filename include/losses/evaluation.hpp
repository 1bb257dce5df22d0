// SPDX-License-Identifier: MIT
#pragma once

/// Is a loss right, and which one is right for the task.

#include <losses/evaluation/check_gradient.hpp>
#include <losses/evaluation/comparison.hpp>
#include <losses/evaluation/diagnose.hpp>
#include <losses/evaluation/evaluator.hpp>
#include <losses/evaluation/search.hpp>
