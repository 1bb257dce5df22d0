// SPDX-License-Identifier: MIT
#pragma once

/// What ArcFace and CosFace share: a softmax over cosines whose label's one was changed.

#include "laws.hpp"

namespace losses_test::laws {

/// Cosines in [−1, 1], the ends among them.
template <class T>
Columns<T> draw_cosines(Index n, Index c, std::uint64_t seed) {
  Random random(seed);
  const double ends[] = {-1, 1, 0, 1 - 1e-6, -1 + 1e-6};
  return Columns<T>::NullaryExpr(
      n, c, [&] { return static_cast<T>(random.below(8) == 0 ? ends[random.below(5)] : random.between(-1, 1)); });
}

/// target(rule, cosine) is the label's changed cosine. Values, gradients, weights, NaN and storage.
template <class L, class Target>
void check_margin_softmax(const L& loss, const Target& target) {
  using T = typename L::Scalar;
  const Real scale = static_cast<Real>(loss.rule().scale);
  INFO(type_name<T>);
  for (const auto& [n, c] : {std::pair<Index, Index>{1, 1}, {40, 2}, {60, 5}, {20, 16}, {9, 33}, {3, 200}}) {
    INFO("[" << n << " x " << c << "]");
    const Columns<T> x = draw_cosines<T>(n, c, static_cast<std::uint64_t>(n + c));
    Random random(7);
    std::vector<int> y;
    for (Index i = 0; i < n; ++i) y.push_back(static_cast<int>(random.below(c)));
    const Vector<T> weights = draw_weights<T>(n, 1, 8);
    Columns<T> g = Columns<T>::Constant(n, c, nan<T>), weighted;
    const T value = loss.value_and_gradient(x, y, g);
    CHECK(loss.forward(x, y) == value);
    const T weighted_value = loss.value_and_gradient(x, y, weights, weighted);
    Worst worst_value, worst_slope;
    Real total = 0, weighted_total = 0, weight = 0;
    for (Index i = 0; i < n; ++i) {
      const auto label = static_cast<std::size_t>(y[static_cast<std::size_t>(i)]);
      std::vector<Real> row;
      for (Index k = 0; k < c; ++k) row.push_back(static_cast<Real>(x(i, k)));
      const auto formula = [&](std::vector<Jet> logits) {
        logits[label] = target(loss.rule(), logits[label]);
        for (Jet& logit : logits) logit *= scale;
        return -reference::log_softmax(logits, label);
      };
      const Jet term = formula({row.begin(), row.end()});
      const auto slopes = reference::row_gradient(row, formula);
      for (Index k = 0; k < c; ++k) {
        const Real got = static_cast<Real>(g(i, k)) * static_cast<Real>(n), want = slopes[static_cast<std::size_t>(k)];
        const Real rounding = scale * static_cast<Real>(std::numeric_limits<T>::epsilon());
        worst_slope.see(std::fabs(got - want), (slope_bound<T> + 4 * rounding) * std::fabs(want) + 1e-25L,
                        [&] { return at(row[static_cast<std::size_t>(k)], static_cast<Real>(label), got, want); });
        CHECK(static_cast<double>(weighted(i, k)) ==
              Catch::Approx(static_cast<double>(g(i, k) * weights(i) / weights.mean())).epsilon(1e-5).margin(1e-25));
      }
      total += term.f;
      weighted_total += static_cast<Real>(weights(i)) * term.f;
      weight += static_cast<Real>(weights(i));
      const T alone = loss.forward(x.row(i), std::vector<int>{y[static_cast<std::size_t>(i)]});
      // The target's own rounding shows, times the scale.
      const Real bound = value_bound<T> * std::fabs(term.f) + 4 * scale *
                                                                  static_cast<Real>(std::numeric_limits<T>::epsilon()) *
                                                                  std::min(Real(1), std::fabs(term.f));
      worst_value.see(std::fabs(static_cast<Real>(alone) - term.f), bound + 1e-37L,
                      [&] { return at(row[label], static_cast<Real>(label), static_cast<Real>(alone), term.f); });
    }
    INFO("value: " << worst_value.where << "\nslope: " << worst_slope.where);
    CHECK(worst_value.ratio <= 1);
    CHECK(worst_slope.ratio <= 1);
    CHECK(static_cast<double>(value) == Catch::Approx(static_cast<double>(total / n)).epsilon(1e-6));
    CHECK(static_cast<double>(weighted_value) ==
          Catch::Approx(static_cast<double>(weighted_total / weight)).epsilon(1e-6));
    writable_storages(x, [&](const char* name, const auto& object) {
      INFO(name);
      CHECK(loss.forward(object, y) == value);
      CHECK(same_bits(Columns<T>(loss.gradient(object, y)), g));
    });
    for (Index i = 0; i < x.size(); i += 1 + x.size() / 40) {
      Columns<T> bad = x, h;
      bad(i) = nan<T>;
      CHECK(std::isnan(loss.value_and_gradient(bad, y, h)));
      CHECK(h.row(i % n).isNaN().any());
    }
  }
  Columns<T> g = Columns<T>::Ones(2, 3);
  const Columns<T> x = Columns<T>::Zero(2, 3);
  for (const int bad : {-1, 3, -100}) {
    refuses(": target[1] is ", g, [&] { (void)loss.value_and_gradient(x, std::vector<int>{0, bad}, g); });
  }
}

}  // namespace losses_test::laws
