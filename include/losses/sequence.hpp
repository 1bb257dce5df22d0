// SPDX-License-Identifier: MIT
#pragma once

#include <losses/sequence/ctc.hpp>
