// SPDX-License-Identifier: MIT
#pragma once

/// Losses of scores whose order matters.

#include <losses/ranking/list_mle.hpp>
#include <losses/ranking/list_net.hpp>
#include <losses/ranking/margin_ranking.hpp>
#include <losses/ranking/pairwise_logistic.hpp>
