// SPDX-License-Identifier: MIT

#include <losses/regression.hpp>

#include "rows.hpp"

namespace bench {

namespace {

/// A user's own rule: Huber with a threshold of its own on each side.
template <std::floating_point T>
struct TwoSidedHuber {
  using Scalar = T;
  using Shape = losses::per_element;

  T below = 1;
  T above = 2;

  template <class V>
  losses::Terms<V> operator()(V p, V y) const {
    const V r = p - y, c = clamp(r, V(-below), V(above));
    return {.value = c * (r - V(0.5) * c), .slope = c, .curvature = where(c == r, V(1), V(0))};
  }
};

/// A loss against another one on the same data.
template <class Loss, class Other>
Case against(Index n, const Loss& loss, const Other& other, const char* name) {
  const auto data = residuals(n);
  return {value_and_gradient(loss, data), value_and_gradient(other, data), name, {}, {}};
}

/// Prediction row-major, target column-major, against both row-major.
template <class Loss>
Case mixed_orders(Index rows, Index columns, const Loss& loss) {
  const auto mixed = residuals<RowMajorMatrix<float>, ColumnMajorMatrix<float>>(rows, columns);
  const auto same = residuals<RowMajorMatrix<float>>(rows, columns);
  return {value_and_gradient(loss, mixed), value_and_gradient(loss, same), "one order", {}, {}};
}

}  // namespace

std::vector<Row> rows_of_regression() {
  using namespace losses;
  constexpr Index large = 1 << 24;
  const MSE<float> mse;
  const L1<float> l1;
  const Huber<float> huber;
  const LogCosh<float> log_cosh;
  const RMSE<float> rmse;
  const Rivals mse_rivals{by_hand::mse, plain_eigen::mse};
  const Rivals huber_rivals{by_hand::huber, plain_eigen::huber};
  const Loss<TwoSidedHuber<float>> own;

  return {
      {"MSE, n = 2^24", Bar::times_limit(1.15), [=] { return elements(large, mse, "mse", mse_rivals); }},
      {"L1, n = 2^24", Bar::times_limit(1.15), [=] { return elements(large, l1, "l1"); }},
      {"Huber, n = 2^24", Bar::times_limit(1.15), [=] { return elements(large, huber, "huber", huber_rivals); }},
      {"LogCosh, n = 2^24", Bar::times_limit(2.0), [=] { return elements(large, log_cosh, "log_cosh"); }},
      {"RMSE, n = 2^24", Bar::none(), [=] { return elements(large, rmse, "rmse"); }},
      {"MSE, n = 4096", Bar::torch_over(15), [=] { return elements(4096, mse, "mse", mse_rivals); }},
      {"MSE 4000 × 4200, two orders", Bar::times_limit(3), [=] { return mixed_orders(4000, 4200, mse); }},
      {"MSE 4096 × 4096, two orders", Bar::times_limit(7), [=] { return mixed_orders(4096, 4096, mse); }},
      {"a rule of one's own, n = 2^24", Bar::times_limit_everywhere(1.2),
       [=] { return against(large, own, huber, "Huber"); }},
      {"a rule of one's own, n = 2^14", Bar::times_limit_everywhere(1.2),
       [=] { return against(1 << 14, own, huber, "Huber"); }},
  };
}

}  // namespace bench
