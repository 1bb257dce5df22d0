// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <losses/compose/entry.hpp>
#include <losses/regression.hpp>

namespace LOSSES_NAMESPACE::detail {

template <std::floating_point T>
std::vector<LossEntry<T>> regression_entries() {
  using Data = LossArguments;
  return in_room<T>(
      "regression", "regression",
      {entry<L1<T>>("l1", "L1", Data::numbers, "absolute error"),
       entry<MSE<T>>("mse", "MSE", Data::numbers, "squared error"),
       entry<RMSE<T>>("rmse", "RMSE", Data::numbers, "the root of the mean squared error"),
       entry<Huber<T>>("huber", "Huber", Data::numbers, "quadratic near zero, linear in the tails",
                       option<&rule::Huber<T>::delta>("delta")),
       entry<SmoothL1<T>>("smooth_l1", "SmoothL1", Data::numbers, "Huber / beta, as detectors use it",
                          option<&rule::SmoothL1<T>::beta>("beta")),
       entry<LogCosh<T>>("log_cosh", "LogCosh", Data::numbers, "a smooth absolute error"),
       entry<Quantile<T>>("quantile", "Quantile", Data::numbers, "a quantile of the target",
                          option<&rule::Quantile<T>::quantile>("quantile")),
       entry<MultiQuantile<T>>("multi_quantile", "MultiQuantile", Data::quantiles, "several quantiles at once",
                               option<&rule::MultiQuantile<T>::quantiles>("quantiles")),
       entry<Expectile<T>>("expectile", "Expectile", Data::numbers, "an expectile of the target",
                           option<&rule::Expectile<T>::expectile>("expectile")),
       entry<EpsilonInsensitive<T>>("epsilon_insensitive", "EpsilonInsensitive", Data::numbers,
                                    "absolute error beyond a tolerance",
                                    option<&rule::EpsilonInsensitive<T>::epsilon>("epsilon")),
       entry<Charbonnier<T>>("charbonnier", "Charbonnier", Data::numbers, "absolute error, rounded at zero",
                             option<&rule::Charbonnier<T>::epsilon>("epsilon")),
       entry<Cauchy<T>>("cauchy", "Cauchy", Data::numbers, "a robust kernel: logarithmic in the tails",
                        option<&rule::Cauchy<T>::scale>("scale")),
       entry<Welsch<T>>("welsch", "Welsch", Data::numbers, "a robust kernel: constant in the tails, exponentially",
                        option<&rule::Welsch<T>::scale>("scale")),
       entry<GemanMcClure<T>>("geman_mcclure", "GemanMcClure", Data::numbers, "a robust kernel: constant in the tails",
                              option<&rule::GemanMcClure<T>::scale>("scale")),
       entry<Tukey<T>>("tukey", "Tukey", Data::numbers, "a robust kernel: constant beyond its scale",
                       option<&rule::Tukey<T>::scale>("scale")),
       entry<Barron<T>>("barron", "Barron", Data::numbers, "a robust kernel whose tails are an option",
                        option<&rule::Barron<T>::alpha>("alpha"), option<&rule::Barron<T>::scale>("scale")),
       entry<MSLE<T>>("msle", "MSLE", Data::positive_numbers, "squared error of the logarithms of 1 + x"),
       entry<MAPE<T>>("mape", "MAPE", Data::positive_numbers, "absolute error in per cent of the target"),
       entry<Poisson<T>>("poisson", "Poisson", Data::positive_numbers, "counts",
                         option<&rule::Poisson<T>::log_input>("log_input"), option<&rule::Poisson<T>::full>("full"),
                         option<&rule::Poisson<T>::epsilon>("epsilon")),
       entry<GaussianNLL<T>>("gaussian_nll", "GaussianNLL", Data::mean_and_variance, "a mean with its uncertainty",
                             option<&rule::GaussianNLL<T>::full>("full"),
                             option<&rule::GaussianNLL<T>::epsilon>("epsilon")),
       entry<Gamma<T>>("gamma", "Gamma", Data::positive_numbers, "positive amounts, on their logarithm"),
       entry<Tweedie<T>>("tweedie", "Tweedie", Data::positive_numbers,
                         "amounts that are often zero, on their logarithm",
                         option<&rule::Tweedie<T>::power>("power"))});
}

}  // namespace LOSSES_NAMESPACE::detail
