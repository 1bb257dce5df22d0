// SPDX-License-Identifier: MIT

#include <losses/regression.hpp>

#include "element_loss.hpp"

using namespace losses_test;

namespace {

template <class T>
void element_losses() {
  element_loss("L1", losses::L1<T>(), 0);
  element_loss("MSE", losses::MSE<T>(), 0);
  element_loss("RMSE", losses::RMSE<T>(), 0);
  element_loss("Huber", losses::Huber<T>(), 0);
  element_loss("SmoothL1", losses::SmoothL1<T>(), 0);
  element_loss("LogCosh", losses::LogCosh<T>(), 0);
  element_loss("Quantile", losses::Quantile<T>(), 0);
  element_loss("Expectile", losses::Expectile<T>(), 0);
  element_loss("EpsilonInsensitive", losses::EpsilonInsensitive<T>(), 0);
  element_loss("Charbonnier", losses::Charbonnier<T>(), 0);
  element_loss("Cauchy", losses::Cauchy<T>(), 0);
  element_loss("Welsch", losses::Welsch<T>(), 0);
  element_loss("GemanMcClure", losses::GemanMcClure<T>(), 0);
  element_loss("Tukey", losses::Tukey<T>(), 0);
  element_loss("Barron", losses::Barron<T>(), 0);
  element_loss("MSLE", losses::MSLE<T>(), 0);
  element_loss("MAPE", losses::MAPE<T>(), 0);
  element_loss("Poisson", losses::Poisson<T>(), 0);
  element_loss("Poisson, full", losses::Poisson<T>({.log_input = false, .full = true}), 0);
  element_loss("Gamma", losses::Gamma<T>(), 0);
  element_loss("Tweedie", losses::Tweedie<T>(), 0);
}

template <class T>
void two_predictions() {
  const losses::GaussianNLL<T> loss;
  const Columns<T> mean = draw_weights<T>(300, 7, 143), variance = draw_weights<T>(300, 7, 144), y = mean;
  Columns<T> g_mean(300, 7), g_variance(300, 7);
  Rows<T> rows(300, 7);
  CHECK(allocations_of([&] {
          loss.value_and_gradient(mean, variance, y, g_mean, g_variance);
          loss.value_and_gradient(mean, variance, y, y, rows, g_variance);
        }) == 0);
  const losses::MultiQuantile<T> quantiles;
  const Columns<T> p = draw_weights<T>(500, 3, 145);
  const Vector<T> target = p.col(1);
  Columns<T> g(500, 3);
  CHECK(allocations_of([&] { quantiles.value_and_gradient(p, target, g); }) == 0);
}

}  // namespace

TEST_CASE("allocation: per_element and per_set losses allocate nothing") {
  element_losses<float>();
  element_losses<double>();
}

TEST_CASE("allocation: losses of two predictions, and of a column each, allocate nothing") {
  two_predictions<float>();
  two_predictions<double>();
}
