// SPDX-License-Identifier: MIT
#pragma once

#include <losses/classification/cross_entropy.hpp>
