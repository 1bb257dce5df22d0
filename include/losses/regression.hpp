// SPDX-License-Identifier: MIT
#pragma once

/// Losses of numbers against numbers.

#include <losses/regression/barron.hpp>
#include <losses/regression/cauchy.hpp>
#include <losses/regression/charbonnier.hpp>
#include <losses/regression/epsilon_insensitive.hpp>
#include <losses/regression/expectile.hpp>
#include <losses/regression/gamma.hpp>
#include <losses/regression/gaussian_nll.hpp>
#include <losses/regression/geman_mcclure.hpp>
#include <losses/regression/huber.hpp>
#include <losses/regression/huber_delta.hpp>
#include <losses/regression/l1.hpp>
#include <losses/regression/log_cosh.hpp>
#include <losses/regression/mape.hpp>
#include <losses/regression/mse.hpp>
#include <losses/regression/msle.hpp>
#include <losses/regression/multi_quantile.hpp>
#include <losses/regression/poisson.hpp>
#include <losses/regression/quantile.hpp>
#include <losses/regression/rmse.hpp>
#include <losses/regression/smooth_l1.hpp>
#include <losses/regression/tukey.hpp>
#include <losses/regression/tweedie.hpp>
#include <losses/regression/welsch.hpp>
