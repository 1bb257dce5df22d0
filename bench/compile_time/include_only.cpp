// SPDX-License-Identifier: MIT
#include <losses/losses.hpp>
