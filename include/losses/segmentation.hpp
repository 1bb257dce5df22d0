// SPDX-License-Identifier: MIT
#pragma once

/// Losses of regions: masks and label maps, where the parts of a set are judged together.

#include <losses/segmentation/dice.hpp>
#include <losses/segmentation/focal_tversky.hpp>
#include <losses/segmentation/generalized_dice.hpp>
#include <losses/segmentation/jaccard.hpp>
#include <losses/segmentation/lovasz.hpp>
#include <losses/segmentation/lovasz_softmax.hpp>
#include <losses/segmentation/softmax_dice.hpp>
#include <losses/segmentation/softmax_jaccard.hpp>
#include <losses/segmentation/softmax_tversky.hpp>
#include <losses/segmentation/tversky.hpp>
