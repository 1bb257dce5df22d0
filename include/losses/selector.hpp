// SPDX-License-Identifier: MIT
#pragma once

/// Which loss for which task: a descriptor of the task, given or measured, becomes a loss.

#include <losses/selector/checklist.hpp>
#include <losses/selector/concrete.hpp>
#include <losses/selector/describe.hpp>
#include <losses/selector/rules.hpp>
#include <losses/selector/select.hpp>
#include <losses/selector/task.hpp>
