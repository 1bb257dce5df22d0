// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include <losses/classification/binary_terms.hpp>
#include <losses/core/loss.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// Multi-label soft margin loss: binary cross-entropy of each label, averaged over the labels of a sample.
///
///   value = 1/c Σ_j w_j (y_j softplus(−x_j) + (1 − y_j) softplus(x_j))
///   slope_j = w_j (σ(x_j) − y_j)/c      curvature_j = w_j σ(x_j) (1 − σ(x_j))/c
///
/// Logits [n × c] or [n, c, d1, …]; target of the same shape in [0, 1], soft ones too. A term for each sample, so that weights are
/// per sample; mean divides by n.
///
///   class_weights  w, one per label, finite and ≥ 0; none: 1. A label of weight 0 is left out, whatever it holds
///
/// At x = 0: log 2, and slopes of ∓1/(2c). At ±inf as BCEWithLogits. Throws for a target outside [0, 1]. As PyTorch's
/// multilabel_soft_margin_loss.
template <std::floating_point T>
struct MultiLabelSoftMargin {
  using Scalar = T;
  using Shape = per_row;
  using Target = NumberRow;
  static constexpr Argument target = {"target", Domain::unit_interval()};

  NumberOrVector<T> class_weights = {};

  void check() const { detail::require_class_weights("MultiLabelSoftMargin", class_weights); }
  detail::RowOptions<T> options() const { return {.class_weights = &class_weights, .ignores = false}; }

  T operator()(const Row<T>& row, T* slope) const {
    // Of doubles, a sum may overflow where the mean does not.
    constexpr bool wide = sizeof(T) == sizeof(double);
    const T share = 1 / static_cast<T>(row.size);
    detail::Accumulator<T> values;
    each(row, [&](auto lanes, Eigen::Index j, const auto& terms, const auto& weigh) LOSSES_INLINE_LAMBDA {
      values.add(lanes.keep(weigh(terms.value, wide ? share : T(1))));
      if (slope != nullptr) lanes.store(weigh(terms.slope, share), slope + j);
    });
    return static_cast<T>(wide ? values.total() : values.total() / static_cast<double>(row.size));
  }

  void curvature(const Row<T>& row, T* curvature) const {
    each(row, [&](auto lanes, Eigen::Index j, const auto& terms, const auto& weigh) LOSSES_INLINE_LAMBDA {
      lanes.store(weigh(terms.curvature, 1 / static_cast<T>(row.size)), curvature + j);
    });
  }

 private:
  template <class F>
  LOSSES_INLINE void each(const Row<T>& row, const F& f) const {
    using V = Lanes<T>;
    const bool one = class_weights.empty() || class_weights.is_number();
    const V number(class_weights.empty() ? T(1) : class_weights[0]);
    detail::for_single_lanes<T>(row.size, [&](auto lanes, Eigen::Index j) LOSSES_INLINE_LAMBDA {
      const V y = lanes.load(row.target + j), w = one ? number : lanes.load(class_weights.data() + j);
      const auto terms = detail::Logit<V>(lanes.load(row.x + j)).cross_entropy(V(1) - y, y);
      f(lanes, j, terms,
        [&](const V& v, T share) LOSSES_INLINE_LAMBDA { return where(w == V(0), V(0), v * (w * V(share))); });
    });
  }
};

}  // namespace rule

template <std::floating_point T = float>
using MultiLabelSoftMargin = Loss<rule::MultiLabelSoftMargin<T>>;

LOSSES_EXTERN(rule::MultiLabelSoftMargin);

}  // namespace LOSSES_NAMESPACE
