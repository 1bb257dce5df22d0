// SPDX-License-Identifier: MIT
#pragma once

#include <losses/classification/adaptive_label_smoothing.hpp>
#include <losses/classification/asymmetric_multi_label.hpp>
#include <losses/classification/bce.hpp>
#include <losses/classification/bce_with_logits.hpp>
#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/focal.hpp>
#include <losses/classification/focal_with_logits.hpp>
#include <losses/classification/generalized_cross_entropy.hpp>
#include <losses/classification/hinge.hpp>
#include <losses/classification/kl_divergence.hpp>
#include <losses/classification/label_smoothing.hpp>
#include <losses/classification/multi_label_bce.hpp>
#include <losses/classification/multi_label_margin.hpp>
#include <losses/classification/multi_label_soft_margin.hpp>
#include <losses/classification/multi_margin.hpp>
#include <losses/classification/nll.hpp>
#include <losses/classification/poly_cross_entropy.hpp>
#include <losses/classification/soft_margin.hpp>
#include <losses/classification/softmax_focal.hpp>
#include <losses/classification/squared_hinge.hpp>
#include <losses/classification/symmetric_cross_entropy.hpp>
