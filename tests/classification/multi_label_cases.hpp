// SPDX-License-Identifier: MIT
#pragma once

/// What the multi-label losses with a term per sample are checked for: every verb against a reference of one row, in every
/// storage, with weights per sample, NaN, threads.

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "laws.hpp"

namespace losses_test::multi_label {

using losses::Reduction;

/// term(i, row) is the reference's term of sample i; size(i) what its errors are relative to.
template <class Rule, class T, class Target, class Term>
void every_verb(const Rule& rule, const Columns<T>& x, const Target& y, const Term& term, Real slope_size) {
  const Index n = x.rows(), c = x.cols();
  INFO("[" << n << " x " << c << "], " << laws::type_name<T>);
  std::vector<Real> values, magnitudes;
  Columns<Real> slopes(n, c);
  for (Index i = 0; i < n; ++i) {
    std::vector<Real> row;
    for (Index j = 0; j < c; ++j) row.push_back(x(i, j));
    const auto of_row = [&](const std::vector<Jet>& jets) { return term(i, jets); };
    values.push_back(of_row(std::vector<Jet>(row.begin(), row.end())).f);
    const auto gradient = reference::row_gradient(row, of_row);
    for (Index j = 0; j < c; ++j) slopes(i, j) = gradient[static_cast<std::size_t>(j)];
  }
  const Columns<T> drawn = draw_weights<T>(n, 1, 5);
  Columns<T> weights = drawn;
  for (Index i = 0; i < n; i += 3) weights(i) = 0;
  for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::batch_mean}) {
    const losses::Loss<Rule> loss(rule, reduction);
    const auto compare = [&](const Columns<T>& used, const auto&... w) {
      Real sum = 0, weight = 0, total = 0;
      for (Index i = 0; i < n; ++i) {
        weight += static_cast<Real>(used(i));
        total += static_cast<Real>(used(i)) * values[static_cast<std::size_t>(i)];
      }
      const Real divisor = reduction == Reduction::mean ? weight : reduction == Reduction::sum ? 1 : Real(n);
      sum = divisor > 0 ? total / divisor : 0;
      Columns<T> g = Columns<T>::Constant(n, c, laws::nan<T>);
      const T value = loss.value_and_gradient(x, y, w..., g);
      CHECK(std::fabs(static_cast<Real>(value) - sum) <= laws::value_bound<T> * sum);
      CHECK(loss.forward(x, y, w...) == value);
      CHECK(loss.value(loss.partial(x, y, w...)) == value);
      CHECK(same_bits(loss.gradient(x, y, w...), g));
      Index wrong = 0;
      for (Index i = 0; i < n; ++i) {
        for (Index j = 0; j < c; ++j) {
          const Real want = divisor > 0 ? static_cast<Real>(used(i)) * slopes(i, j) / divisor : 0;
          const Real bound =
              laws::slope_bound<T> * slope_size * static_cast<Real>(used(i)) / std::max(divisor, Real(1e-30L));
          if (!(std::fabs(static_cast<Real>(g(i, j)) - want) <= bound)) ++wrong;
        }
      }
      CHECK(wrong == 0);
      const auto terms = loss.unreduced(x, y, w...);
      REQUIRE(terms.size() == n);
      for (Index i = 0; i < n; ++i) {
        const Real want = static_cast<Real>(used(i)) * values[static_cast<std::size_t>(i)];
        CHECK(std::fabs(static_cast<Real>(terms(i)) - want) <= 2 * laws::value_bound<T> * want);
      }
      Columns<T> added = g;
      CHECK(loss.value_and_gradient(x, y, w..., losses::add_to(added, -1)) == value);
      CHECK((added == 0).all());
    };
    compare(Columns<T>::Ones(n, 1));
    compare(weights, weights);
  }
}

/// The gradient has the same bits in every storage of prediction, target and gradient, and for every number of threads.
template <class Rule, class T, class Target>
void every_storage(const Rule& rule, const Columns<T>& x, const Target& y) {
  const losses::Loss<Rule> loss(rule);
  Columns<T> want;
  const T value = loss.value_and_gradient(x, y, want);
  const Eigen::Matrix<typename Target::Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = y;
  const Target transposed = y.transpose();
  for (const auto& lp : laws::layouts(x.rows(), x.cols())) {
    INFO(lp.name);
    const laws::Placed<T> p(x, lp);
    laws::Placed<T> g(Columns<T>::Constant(x.rows(), x.cols(), laws::nan<T>), lp);
    CHECK(loss.value_and_gradient(p.read(), rows, g.view) == value);
    CHECK(same_bits(g.view, want));
    CHECK(loss.value_and_gradient(p.read(), transposed.transpose(), g.view) == value);
    CHECK(same_bits(g.view, want));
    CHECK(g.memory.touched() <= x.size());
  }
  for (const int count : {1, 3, 8}) {
    Eigen::ThreadPool pool(count);
    Columns<T> g;
    CHECK(loss.value_and_gradient(losses::parallel(pool), x, y, g) == value);
    CHECK(same_bits(g, want));
  }
}

/// A NaN at any place comes out of the value and of its own slope, unless the sample has weight 0.
template <class Rule, class T, class Target>
void nan_comes_out(const Rule& rule, const Columns<T>& x, const Target& y) {
  const losses::Loss<Rule> loss(rule);
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index j = 0; j < x.cols(); ++j) {
      Columns<T> with_nan = x, g, w = Columns<T>::Ones(x.rows(), 1);
      with_nan(i, j) = laws::nan<T>;
      CHECK(std::isnan(loss.value_and_gradient(with_nan, y, g)));
      CHECK(std::isnan(loss.forward(with_nan, y)));
      CHECK(std::isnan(g(i, j)));
      w(i) = 0;
      CHECK_FALSE(std::isnan(loss.value_and_gradient(with_nan, y, w, g)));
      CHECK((g.row(i) == 0).all());
    }
  }
}

}  // namespace losses_test::multi_label
