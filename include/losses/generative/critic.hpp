// SPDX-License-Identifier: MIT
#pragma once

/// What a critic must offer to GradientPenalty, points between samples, and the product of a critic's mixed second
/// derivatives with a vector.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <losses/core/elements.hpp>
#include <losses/generative/extractor.hpp>
#include <losses/generative/sample_norm.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

template <class T>
using Column = Eigen::Matrix<T, Eigen::Dynamic, 1>;

template <class X>
using ScoreSlopes = Column<typename Access<X>::Scalar>;

}  // namespace detail

/// A network with a score for each sample, x [n × …], and its gradient by the sample:
///
///   auto input_gradient(const X& x);     // [n × …]: row i is ∂score_i/∂x_i
template <class C, class X>
concept Critic = detail::Viewable<X> && requires(C& critic, const X& x) {
  requires detail::TensorOf<std::remove_cvref_t<decltype(critic.input_gradient(x))>,
                            typename detail::Access<X>::Scalar>;
};

/// A critic that knows its mixed second derivatives:
///
///   auto second_order_product(const X& x, const X& v);     // ∂/∂parameters of Σ v · input_gradient(x)
template <class C, class X, class V>
concept SecondOrderCritic =
    Critic<C, X> && requires(C& critic, const X& x, const V& v) { critic.second_order_product(x, v); };

/// A critic with the gradient that any trainer has:
///
///   auto parameter_gradient(const X& x, const Eigen::VectorX<T>& s);     // ∂/∂parameters of Σ s_i · score_i
///
/// A gradient by the parameters is anything with +=, such as an Eigen vector, or a range of such objects, one for each layer.
template <class C, class X>
concept TrainableCritic = Critic<C, X> && requires(C& critic, const X& x, const detail::ScoreSlopes<X>& s) {
  critic.parameter_gradient(x, s);
};

namespace detail {

/// A uniform random bit generator of the standard, without <random>.
template <class G>
concept RandomBits = requires(G& generator) {
  { generator() } -> std::unsigned_integral;
  G::min();
  G::max();
};

/// Uniform in [0, 1), a multiple of T's 2^-24 or 2^-53. The standard's own distributions differ between libraries: here the
/// generator's numbers are digits, the first the least, as many as 53 bits need.
template <std::floating_point T, RandomBits G>
T draw_unit(G& generator) {
  constexpr double base = static_cast<double>(G::max() - G::min()) + 1;
  constexpr double one = sizeof(T) == sizeof(float) ? 0x1p24 : 0x1p53;
  double unit = 0;
  for (double span = 1; span < 0x1p53; span *= base) {
    unit = (unit + static_cast<double>(generator() - G::min())) / base;
  }
  return static_cast<T>(std::min(std::floor(unit * one), one - 1) / one);
}

/// 64 bits from a counter (Steele et al. 2014, doi:10.1145/2660193.2660195, SplitMix64).
struct CounterBits {
  std::uint64_t counter = 0;

  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return UINT64_MAX; }
  std::uint64_t operator()() {
    std::uint64_t z = (counter += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
};

/// Of a thread whose caller has none.
inline CounterBits& own_generator() {
  thread_local CounterBits generator;
  return generator;
}

template <class T>
LOSSES_KERNEL void blend_kernel(const void*, const Run<T>& run, double*) {
  for_single_lanes<T>(run.size, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
    const auto x = lanes.load(run.in[0] + i), y = lanes.load(run.in[1] + i);
    const auto p = lanes.load(run.in[2] + i), q = lanes.load(run.in[3] + i);
    lanes.store(p * x + q * y, run.out[0] + i);
  });
}

/// p_i·x_i + q_i·y_i for each sample i.
template <class X, class Y, class T>
typename Access<X>::Plain blend(const X& x, const Y& y, const Column<T>& p, const Column<T>& q) {
  ElementJob<T> job;
  const auto view = view_of(x);
  typename Access<X>::Plain result;
  Access<typename Access<X>::Plain>::resize(result, view.extents);
  job.extents = view.extents;
  job.in[0] = operand(view);
  job.in[1] = operand(view_of(y));
  job.in[2] = {p.data(), {1}};
  job.in[3] = {q.data(), {1}};
  job.out[0] = operand(Access<typename Access<X>::Plain>::writable_view(result));
  double none[max_sums] = {};
  traverse<T>(job, blend_kernel<T>, nullptr, Executor{}, none);
  return result;
}

template <class P>
void add_gradient(P& sum, const P& gradient) {
  if constexpr (!Viewable<P> && std::ranges::random_access_range<P>) {
    for (std::size_t i = 0; i < std::ranges::size(sum); ++i) sum[i] += gradient[i];
  } else {
    sum += gradient;
  }
}

/// A gradient by the parameters as an object of its own.
template <class P>
auto owned(P&& gradient) {
  if constexpr (Viewable<std::remove_cvref_t<P>>) {
    return typename Access<std::remove_cvref_t<P>>::Plain(gradient);
  } else {
    return std::remove_cvref_t<P>(std::forward<P>(gradient));
  }
}

/// ∂/∂parameters of Σ v · input_gradient(x), which is the derivative of Σ_i ∂score/∂parameters at x_i + t v_i by t: from points
/// at a distance h on both sides of x_i, along v_i.
template <class C, class X, class V>
auto central_difference(C& critic, const X& x, const V& v) {
  using T = typename Access<X>::Scalar;
  const auto points = flattened(view_of(x)), directions = flattened(view_of(v));
  const Index n = points.extents[0];
  Column<T> step(n), slope(n), ones = Column<T>::Ones(n);
  double squares = 0;
  NormTile tile;
  for (Index first = 0; first < n; first += norm_rows) {
    const Index rows = std::min(norm_rows, n - first);
    measure_norms(points, first, rows, tile);
    for (Index i = 0; i < rows; ++i) squares += std::pow(tile.norm[i] / tile.unit[i], 2);
  }
  const double scale = squares == 0 ? 1 : std::sqrt(squares / static_cast<double>(points.extents.count()));
  const double h = std::cbrt(static_cast<double>(std::numeric_limits<T>::epsilon())) * scale;
  for (Index first = 0; first < n; first += norm_rows) {
    const Index rows = std::min(norm_rows, n - first);
    measure_norms(directions, first, rows, tile);
    for (Index i = 0; i < rows; ++i) {
      const double norm = tile.norm[i] / tile.unit[i], ratio = h / norm;
      step[first + i] = static_cast<T>(ratio <= static_cast<double>(std::numeric_limits<T>::max()) ? ratio : 0);
      slope[first + i] = static_cast<T>(norm / (2 * h));
    }
  }
  auto sum = owned(critic.parameter_gradient(blend<X, V, T>(x, v, ones, step), slope));
  step = -step;
  slope = -slope;
  add_gradient(sum, owned(critic.parameter_gradient(blend<X, V, T>(x, v, ones, step), slope)));
  return sum;
}

}  // namespace detail

}  // namespace LOSSES_NAMESPACE
