// SPDX-License-Identifier: MIT
// As a target sees it that links losses::table_float.
#define LOSSES_EXTERN_TABLE
#define LOSSES_EXTERN_FLOAT
#include "three_losses.cpp"
