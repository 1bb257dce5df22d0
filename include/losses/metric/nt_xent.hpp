// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include <losses/metric/pair_softmax.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Normalised temperature-scaled cross-entropy: finds each sample's other view among all views of the batch.
///
///   s_ij = cosine of rows i and j of the 2n rows of both views,  i' = the other view of i
///   value_i = −log( exp(s_ii'/τ) / Σ_{a ≠ i} exp(s_ia/τ) )
///   slope by s_ij = (softmax_j − [j = i']) / τ,  by τ = (s_ii' − Σ_j softmax_j s_ij) / τ²
///
/// (z1, z2), both [n × d]; rows are normalised inside and the gradients go through it.
///
///   temperature  τ > 0 (0.5)
///
/// mean is over the 2n rows, batch_mean divides by n; unreduced has the rows of z1, then those of z2. n = 1 or 0: 0. A
/// zero row has cosine 0 to every row, and gradient 0. A NaN or an infinity anywhere: NaN. Never negative; small values
/// keep their digits. Memory O(n). Throws std::invalid_argument for shapes and options.
/// Chen et al. (2020), arXiv:2002.05709, eq. (1).
template <std::floating_point T>
struct NTXent {
  using Scalar = T;
  using Shape = per_batch;
  static constexpr bool views = true;
  static constexpr Pairs pairs = Pairs::cosines;
  static constexpr std::array<Argument, 2> predictions = {{{"z1"}, {"z2"}}};

  T temperature = T(0.5);

  void check() const {
    require(temperature > 0 && temperature <= std::numeric_limits<T>::max(), "NTXent: temperature is ", temperature,
            ", but must be positive and finite");
    require(temperature >= std::numeric_limits<T>::min(), "NTXent: temperature is ", temperature,
            ", but must not be below the normal numbers");
  }

  AnchorTerm operator()(detail::BatchRow<T>& row) const {
    return detail::pair_softmax(row, static_cast<double>(temperature), false);
  }
};

/// NTXent whose temperature is a third prediction [1 × 1], with a gradient of its own.
template <std::floating_point T>
struct NTXentTemperature {
  using Scalar = T;
  using Shape = per_batch;
  static constexpr std::string_view name = "NTXent";
  static constexpr bool views = true;
  static constexpr Pairs pairs = Pairs::cosines;
  static constexpr std::array<Argument, 3> predictions = {{{"z1"}, {"z2"}, {"temperature"}}};

  NTXent<T> loss = {};

  NTXentTemperature with_parameter(T temperature) const { return {{temperature}}; }
  void check() const { loss.check(); }

  AnchorTerm operator()(detail::BatchRow<T>& row) const {
    return detail::pair_softmax<true>(row, static_cast<double>(loss.temperature), false);
  }
};

}  // namespace rule

/// Normalised temperature-scaled cross-entropy of two views: see rule::NTXent for the formula and the options.
///
///   const losses::NTXent<float> loss({.temperature = 0.2f});
///   value = loss.value_and_gradient(z1, z2, gradient1, gradient2);
///   value = loss.value_and_gradient(z1, z2, gradient1, gradient2, temperature_gradient);   // a number
template <std::floating_point T = float>
class NTXent {
 public:
  using Rule = rule::NTXent<T>;
  using Scalar = T;

  NTXent() = default;
  explicit NTXent(Reduction reduction) : loss_(reduction) {}
  explicit NTXent(Rule rule, Reduction reduction = Reduction::mean) : loss_(rule, reduction) {}

  const Rule& rule() const { return loss_.rule(); }
  Reduction reduction() const { return loss_.reduction(); }

  /// (z1, z2), or (policy, z1, z2).
  template <class... In>
    requires detail::HasForward<Loss<Rule>, In...>
  T forward(const In&... in) const {
    return loss_.forward(in...);
  }

  template <class... Args>
    requires detail::HasValueAndGradient<Loss<Rule>, Args...>
  T value_and_gradient(Args&&... args) const {
    return loss_.value_and_gradient(std::forward<Args>(args)...);
  }

  /// The same, and dvalue/dtemperature.
  template <class Z1, class Z2, class G1, class G2>
    requires AcceptsGradients<Rule, const Z1&, const Z2&, G1, G2>
  T value_and_gradient(const Z1& z1, const Z2& z2, G1&& gradient1, G2&& gradient2, T& temperature_gradient) const {
    return value_and_gradient(serial, z1, z2, gradient1, gradient2, temperature_gradient);
  }

  template <ExecutionPolicy Policy, class Z1, class Z2, class G1, class G2>
    requires AcceptsGradients<Rule, const Z1&, const Z2&, G1, G2>
  T value_and_gradient(const Policy& policy, const Z1& z1, const Z2& z2, G1&& gradient1, G2&& gradient2,
                       T& temperature_gradient) const {
    const Loss<rule::NTXentTemperature<T>> loss({rule()}, reduction());
    const Eigen::Matrix<T, 1, 1> temperature(rule().temperature);
    Eigen::Matrix<T, 1, 1> slope;
    const T value = loss.value_and_gradient(policy, z1, z2, temperature, std::forward<G1>(gradient1),
                                            std::forward<G2>(gradient2), slope);
    temperature_gradient = slope(0);
    return value;
  }

  /// The gradients of z1 and z2.
  template <class... In>
    requires detail::HasForward<Loss<Rule>, In...>
  auto gradient(const In&... in) const {
    return loss_.gradient(in...);
  }

  /// One value for each row of z1, then for each of z2.
  template <class... In>
    requires detail::HasForward<Loss<Rule>, In...>
  auto unreduced(const In&... in) const {
    return loss_.unreduced(in...);
  }

 private:
  Loss<Rule> loss_;
};

LOSSES_EXTERN(rule::NTXent);
LOSSES_EXTERN(rule::NTXentTemperature);

}  // namespace LOSSES_NAMESPACE
