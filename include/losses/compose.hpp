// SPDX-License-Identifier: MIT
#pragma once

/// Sums of losses, any loss behind one type, and losses by name. A file that calls make_loss or known_losses compiles the whole
/// table of losses, which takes minutes with optimization, unless it is compiled apart: <losses/compose/table.hpp> says how.

#include <losses/compose/any_loss.hpp>
#include <losses/compose/make_loss.hpp>
#include <losses/compose/sum.hpp>
