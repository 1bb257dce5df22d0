// SPDX-License-Identifier: MIT
#pragma once

/// Losses of boxes against boxes.

#include <losses/detection/ciou.hpp>
#include <losses/detection/diou.hpp>
#include <losses/detection/giou.hpp>
#include <losses/detection/iou.hpp>
