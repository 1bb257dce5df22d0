// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include <losses/core/class_region.hpp>

namespace LOSSES_NAMESPACE {

/// The weight of a class with target size Σ y in GeneralizedDice: 1/(Σ y)², 1/Σ y, or 1.
enum class ClassWeighting : std::uint8_t { inverse_square, inverse, uniform };

namespace rule {

/// The formula that both generalized Dice losses share.
struct GeneralizedDiceFormula {
  ClassWeighting weighting;
  double smooth;

  double value(std::span<const Region> classes) const {
    const Totals t = totals(classes);
    return share(t.wrong, t.size);
  }

  void slope(std::span<const Region> classes, std::span<RegionSlope> slopes) const {
    const Totals t = totals(classes);
    for (std::size_t k = 0; k < classes.size(); ++k) {
      const double w = weight(classes[k], t.largest);
      slopes[k].inside = share(-w * (1 + share(t.wrong, t.size)), t.size);
      slopes[k].outside = share(w * share(t.right, t.size), t.size);
    }
  }

  struct Totals {
    double largest = 0;  // of the weights of classes with pixels
    double wrong = 0;    // Σ w (extra + missed)
    double right = 0;    // Σ w 2 hits + s
    double size = 0;     // of both
  };

  Totals totals(std::span<const Region> classes) const {
    Totals t;
    for (const Region& r : classes) t.largest = std::max(t.largest, weight(r, 0));
    t.right = smooth;
    for (const Region& r : classes) {
      const double w = weight(r, t.largest);
      t.wrong += w * r.wrong();
      t.right += w * 2 * r.hits;
    }
    t.size = t.right + t.wrong;
    return t;
  }

  /// That of a class without pixels is `absent`.
  double weight(const Region& r, double absent) const {
    if (weighting == ClassWeighting::uniform) return 1;
    const double y = r.target(), w = weighting == ClassWeighting::inverse ? 1 / y : 1 / (y * y);
    return std::isinf(w) ? absent : w;
  }
};

/// Generalized Dice loss: one Dice quotient over all classes, in which a class counts for the less the larger it is.
///
///   hits_k = Σ p_k y_k,  extra_k = Σ p_k (1 − y_k),  missed_k = Σ (1 − p_k) y_k,  w_k = 1/(Σ y_k)²
///   D = Σ_k w_k (2 hits_k + extra_k + missed_k) + s
///   value = 1 − (2 Σ_k w_k hits_k + s)/D = Σ_k w_k (extra_k + missed_k)/D      slope_k = w_k (1 − 2y_k − value)/D
///
/// Prediction and target in [0, 1], both [n × c] or [n, c, d1, …].
///
///   weighting   ClassWeighting::inverse_square, inverse (1/Σ y_k) or uniform (1)
///   smooth      s ≥ 0, in units of w · pixels: Sudre has none, MONAI 1e-5
///   per_sample  each sample is a set, and the loss is their mean (or sum), as MONAI without `batch`; else the whole input is
///
/// A class without target pixels has the largest weight of the others; where no class has any, the weights are 0 and the
/// value is 0. Weights are one per pixel [n, d1, …] or per sample, and scale the terms of the sums; with `per_sample`, one
/// per sample scales the sample's value.
///
/// Throws std::invalid_argument for smooth < 0, for a prediction or a target outside [0, 1], and for shapes. Sudre et al.
/// (2017), arXiv:1707.03237, §2; MONAI's GeneralizedDiceLoss.
template <std::floating_point T>
struct GeneralizedDice {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RegionInput input = RegionInput::class_probabilities;

  ClassWeighting weighting = ClassWeighting::inverse_square;
  T smooth = T(1e-5);
  bool per_sample = false;

  void check() const {
    detail::require_named(weighting, ClassWeighting::uniform, "GeneralizedDice", "weighting", "ClassWeighting");
    require_not_negative("GeneralizedDice", "smooth", smooth);
  }

  double value(std::span<const Region> classes) const { return formula().value(classes); }
  void slope(std::span<const Region> classes, std::span<RegionSlope> slopes) const { formula().slope(classes, slopes); }

  GeneralizedDiceFormula formula() const { return {weighting, static_cast<double>(smooth)}; }
};

/// GeneralizedDice of the softmax of logits [n × c] or [n, c, d1, …] against labels [n] or [n, d1, …] in [0, c).
///
///   weighting, smooth, per_sample   as GeneralizedDice
///   ignore_index                    pixels with this label are left out of the sums, and their gradient is 0
///
/// With `per_sample`, a sample of which no pixel is kept is left out of the mean. Masked classes as for SoftmaxDice. Throws
/// std::out_of_range for a label, std::invalid_argument for shapes and options.
template <std::floating_point T>
struct SoftmaxGeneralizedDice {
  using Scalar = T;
  using Shape = per_set;
  static constexpr RegionInput input = RegionInput::softmax;

  ClassWeighting weighting = ClassWeighting::inverse_square;
  T smooth = T(1e-5);
  bool per_sample = false;
  std::int64_t ignore_index = -100;

  void check() const {
    detail::require_named(weighting, ClassWeighting::uniform, "SoftmaxGeneralizedDice", "weighting", "ClassWeighting");
    require_not_negative("SoftmaxGeneralizedDice", "smooth", smooth);
  }

  double value(std::span<const Region> classes) const { return formula().value(classes); }
  void slope(std::span<const Region> classes, std::span<RegionSlope> slopes) const { formula().slope(classes, slopes); }

  GeneralizedDiceFormula formula() const { return {weighting, static_cast<double>(smooth)}; }
};

}  // namespace rule

template <std::floating_point T = float>
using GeneralizedDice = Loss<rule::GeneralizedDice<T>>;

template <std::floating_point T = float>
using SoftmaxGeneralizedDice = Loss<rule::SoftmaxGeneralizedDice<T>>;

LOSSES_EXTERN(rule::GeneralizedDice);
LOSSES_EXTERN(rule::SoftmaxGeneralizedDice);

}  // namespace LOSSES_NAMESPACE
