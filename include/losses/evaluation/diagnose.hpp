// SPDX-License-Identifier: MIT
#pragma once

/// What training curves and gradients say of a run, as values: findings with a message.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <losses/core/check.hpp>
#include <losses/core/view.hpp>
#include <losses/evaluation/text.hpp>

namespace LOSSES_NAMESPACE {

enum class FindingKind : std::uint8_t {
  stalled,             ///< the training loss hardly falls
  over_fitting,        ///< the validation loss is far above the training loss
  unstable,            ///< the training loss swings
  exploding_gradient,  ///< the norm is too large
  vanishing_gradient,  ///< the norm is too small
  not_finite           ///< NaN or infinity
};

/// Something that a diagnosis found.
struct Finding {
  FindingKind kind = FindingKind::not_finite;
  std::string message;   ///< one line, as: over-fitting: the validation loss is 1.8 times the training loss (…)
  std::string subject;   ///< the curve ("train", "validation") or the gradient that it is about
  double value = 0;      ///< what was measured: slope, ratio, relative deviation, norm, or the value that is not finite
  double threshold = 0;  ///< what it was compared with; 0 for not_finite
  Eigen::Index index = -1;  ///< not_finite: the epoch from 0, or the entry in logical (row-major) order; else −1

  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Finding& finding) {
    return out << finding.message;
  }
};

/// When diagnose_loss_curve speaks. Lengths are in values of a curve, as a rule epochs.
struct CurveThresholds {
  double stalled_slope = -0.001;    ///< stalled: the slope per epoch is above this
  double over_fitting_ratio = 1.5;  ///< over-fitting: validation / train is above this
  double unstable_deviation = 0.1;  ///< unstable: deviation / |mean| is above this
  Eigen::Index window = 10;         ///< of stalled and unstable
  Eigen::Index over_fitting_window = 5;
};

/// When check_gradient_health speaks.
struct GradientThresholds {
  double exploding = 100;   ///< exploding: the norm is above this
  double vanishing = 1e-7;  ///< vanishing: the norm is below this
};

namespace detail {

template <class Curve>
concept CurveRange = !Viewable<Curve> && requires(const Curve& curve) {
  std::span(curve);
  requires std::is_arithmetic_v<typename decltype(std::span(curve))::value_type>;
};

template <class Curve>
concept LossCurve = Viewable<Curve> || CurveRange<Curve>;

template <LossCurve Curve>
std::vector<double> numbers_of(const Curve& curve) {
  std::vector<double> numbers;
  if constexpr (Viewable<Curve>) {
    const auto& values = evaluate(curve);
    const auto view = view_of(values);
    for (Index i = 0; i < view.extents.count(); ++i) numbers.push_back(static_cast<double>(element(view, i)));
  } else {
    for (const auto value : std::span(curve)) numbers.push_back(static_cast<double>(value));
  }
  return numbers;
}

/// The power of two below a magnitude: numbers in this unit are added and squared without overflow, and exactly scaled.
inline double binary_unit(double largest) {
  return std::ldexp(1.0, std::max(std::ilogb(largest), std::numeric_limits<double>::min_exponent));
}

/// The last values of a curve, in units of their size.
struct Tail {
  std::vector<double> values;
  double unit = 1;
  bool usable = false;  ///< there are enough values, and all are finite

  Tail(const std::vector<double>& curve, Index window) {
    const auto size = static_cast<std::size_t>(window);
    if (curve.size() < size) return;
    values.assign(curve.end() - static_cast<std::ptrdiff_t>(size), curve.end());
    double largest = 0;
    usable = true;
    for (const double v : values) {
      usable = usable && std::isfinite(v);
      largest = std::max(largest, std::abs(v));
    }
    if (!usable || largest == 0) return;
    unit = binary_unit(largest);
    for (double& v : values) v /= unit;
  }

  double mean() const {
    double sum = 0;
    for (const double v : values) sum += v;
    return sum / static_cast<double>(values.size());
  }

  /// The population deviation.
  double deviation() const {
    const double centre = mean();
    double sum = 0;
    for (const double v : values) sum += (v - centre) * (v - centre);
    return std::sqrt(sum / static_cast<double>(values.size()));
  }

  /// The slope per value of the least squares line, in the curve's own unit.
  double slope() const {
    const double middle = 0.5 * static_cast<double>(values.size() - 1), centre = mean();
    double across = 0, along = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double x = static_cast<double>(i) - middle;
      across += x * (values[i] - centre);
      along += x * x;
    }
    return across / along * unit;
  }
};

inline void find_not_finite(const std::vector<double>& curve, std::string_view name, std::vector<Finding>& findings) {
  const auto bad = std::find_if(curve.begin(), curve.end(), [](double v) { return !std::isfinite(v); });
  if (bad == curve.end()) return;
  const Index epoch = bad - curve.begin();
  findings.push_back({.kind = FindingKind::not_finite,
                      .message = text_of("not finite: ", name, "[", epoch, "] is ", *bad),
                      .subject = std::string(name),
                      .value = *bad,
                      .index = epoch});
}

inline std::vector<Finding> diagnose_curves(const std::vector<double>& train, const std::vector<double>& validation,
                                            const CurveThresholds& thresholds) {
  require(thresholds.window >= 2, "diagnose_loss_curve: window is ", thresholds.window, ", but must be 2 or more");
  require(thresholds.over_fitting_window >= 1, "diagnose_loss_curve: over_fitting_window is ",
          thresholds.over_fitting_window, ", but must be 1 or more");
  std::vector<Finding> findings;
  find_not_finite(train, "train", findings);
  find_not_finite(validation, "validation", findings);

  if (const Tail last(train, thresholds.window); last.usable) {
    if (const double slope = last.slope(); slope > thresholds.stalled_slope) {
      findings.push_back(
          {.kind = FindingKind::stalled,
           .message = text_of("stalled: the training loss changes by ", rounded(slope), " an epoch over the last ",
                              thresholds.window, " (above ", rounded(thresholds.stalled_slope), ")"),
           .subject = "train",
           .value = slope,
           .threshold = thresholds.stalled_slope});
    }
    const double size = std::abs(last.mean()), deviation = last.deviation();
    if (deviation > thresholds.unstable_deviation * size) {
      findings.push_back(
          {.kind = FindingKind::unstable,
           .message = text_of("unstable: the deviation of the training loss is ", rounded(100 * deviation / size),
                              " % of its mean over the last ", thresholds.window, " (above ",
                              rounded(100 * thresholds.unstable_deviation), " %)"),
           .subject = "train",
           .value = deviation / size,
           .threshold = thresholds.unstable_deviation});
    }
  }

  const Tail fitted(train, thresholds.over_fitting_window), held_out(validation, thresholds.over_fitting_window);
  if (fitted.usable && held_out.usable) {
    const double unit = std::max(fitted.unit, held_out.unit);
    const double t = fitted.mean() * (fitted.unit / unit), v = held_out.mean() * (held_out.unit / unit);
    // Of a negative loss, too: above it by more than half of its size.
    if (v > t + (thresholds.over_fitting_ratio - 1) * std::abs(t)) {
      findings.push_back({.kind = FindingKind::over_fitting,
                          .message = text_of("over-fitting: the mean validation loss is ", rounded(v * unit),
                                             " and the mean training loss ", rounded(t * unit), " over the last ",
                                             thresholds.over_fitting_window, " (above ",
                                             rounded(thresholds.over_fitting_ratio), " times)"),
                          .subject = "validation",
                          .value = v / t,
                          .threshold = thresholds.over_fitting_ratio});
    }
  }
  return findings;
}

/// What a gradient is judged by: its Euclidean norm, and its first entry that is not finite.
struct GradientSummary {
  double norm = 0;
  Index entries = 0;
  Index not_finite = 0;
  Index first = -1;
  std::string position;
  double value = 0;

  template <class G>
  explicit GradientSummary(const G& gradient) {
    const auto& values = evaluate(gradient);
    const auto view = view_of(values);
    entries = view.extents.count();
    double largest = 0;
    for (Index i = 0; i < entries; ++i) {
      const double g = static_cast<double>(element(view, i));
      if (!std::isfinite(g) && not_finite++ == 0) {
        first = i;
        value = g;
        append(position, Position{view.extents, i});
      }
      largest = std::max(largest, std::abs(g));
    }
    if (not_finite > 0 || largest == 0) return;
    const double unit = binary_unit(largest);
    double sum = 0;
    for (Index i = 0; i < entries; ++i) {
      const double scaled = static_cast<double>(element(view, i)) / unit;
      sum += scaled * scaled;
    }
    norm = unit * std::sqrt(sum);
  }
};

template <class G>
concept GradientLike = Viewable<G> && std::floating_point<typename Access<G>::Scalar>;

}  // namespace detail

/// Reads the curves of a run: one loss per epoch, oldest first, in any vector or Eigen object.
///
///   for (const auto& finding : losses::diagnose_loss_curve(train, validation)) std::cout << finding << '\n';
///
///   stalled       the least squares slope of the last 10 training losses is > −0.001 per epoch: a rise is one, too
///   unstable      their population deviation is > 10 % of |their mean|
///   over_fitting  the mean of the last 5 validation losses v is > 1.5 t, t that of the training losses (t < 0: > t + 0.5 |t|)
///   not_finite    the first NaN or infinity of each curve, with its epoch
///
/// The thresholds themselves are no finding. A rule is silent where its last values are too few or not all finite: empty
/// curves have no findings. The curves may differ in length; each rule reads the end. Throws for a window below 2
/// (over_fitting_window: 1).
template <detail::LossCurve Train, detail::LossCurve Validation>
std::vector<Finding> diagnose_loss_curve(const Train& train, const Validation& validation,
                                         const CurveThresholds& thresholds = {}) {
  return detail::diagnose_curves(detail::numbers_of(train), detail::numbers_of(validation), thresholds);
}

template <detail::LossCurve Train>
std::vector<Finding> diagnose_loss_curve(const Train& train, const CurveThresholds& thresholds = {}) {
  return detail::diagnose_curves(detail::numbers_of(train), {}, thresholds);
}

/// A gradient and what to call it: {"hidden weights", gradient}. It is read when this is made, and not kept.
struct NamedGradient {
  std::string name;
  detail::GradientSummary summary;

  template <detail::GradientLike G>
  NamedGradient(std::string_view called, const G& gradient) : name(called), summary(gradient) {}
};

/// Reads gradients, of a loss or of a model's parameters.
///
///   auto findings = losses::check_gradient_health(gradient);
///   auto findings = losses::check_gradient_health({{"hidden", gradient_1}, {"output", gradient_2}});
///
///   not_finite          an entry is NaN or infinite: the first in row-major order, and how many; no norm is judged then
///   exploding_gradient  the Euclidean norm is > 100
///   vanishing_gradient  it is < 1e-7; 0 is, too
///
/// Of several gradients each is judged, and then the norm of all together where none explodes alone. The norm neither
/// overflows nor vanishes on the way. A gradient without entries has no findings.
inline std::vector<Finding> check_gradient_health(std::span<const NamedGradient> gradients,
                                                  const GradientThresholds& thresholds = {}) {
  using detail::text_of, detail::rounded;
  std::vector<Finding> findings;
  double together = 0;
  bool exploding = false, finite = true;
  for (const auto& [name, gradient] : gradients) {
    if (gradient.entries == 0) continue;
    if (gradient.not_finite > 0) {
      finite = false;
      std::string message = text_of("not finite: ", name, gradient.position, " is ", gradient.value);
      if (gradient.not_finite > 1) {
        message += text_of(", and ", gradient.not_finite - 1, " more of ", gradient.entries, " entries are not finite");
      }
      findings.push_back({.kind = FindingKind::not_finite,
                          .message = std::move(message),
                          .subject = name,
                          .value = gradient.value,
                          .index = gradient.first});
      continue;
    }
    together = std::hypot(together, gradient.norm);
    if (gradient.norm > thresholds.exploding) {
      exploding = true;
      findings.push_back({.kind = FindingKind::exploding_gradient,
                          .message = text_of("exploding: the norm of ", name, " is ", rounded(gradient.norm),
                                             " (above ", rounded(thresholds.exploding), ")"),
                          .subject = name,
                          .value = gradient.norm,
                          .threshold = thresholds.exploding});
    } else if (gradient.norm < thresholds.vanishing) {
      findings.push_back({.kind = FindingKind::vanishing_gradient,
                          .message = text_of("vanishing: the norm of ", name, " is ", rounded(gradient.norm),
                                             " (below ", rounded(thresholds.vanishing), ")"),
                          .subject = name,
                          .value = gradient.norm,
                          .threshold = thresholds.vanishing});
    }
  }
  if (finite && !exploding && together > thresholds.exploding) {
    findings.push_back({.kind = FindingKind::exploding_gradient,
                        .message = text_of("exploding: the norm of all gradients together is ", rounded(together),
                                           " (above ", rounded(thresholds.exploding), ")"),
                        .subject = "all gradients",
                        .value = together,
                        .threshold = thresholds.exploding});
  }
  return findings;
}

inline std::vector<Finding> check_gradient_health(std::initializer_list<NamedGradient> gradients,
                                                  const GradientThresholds& thresholds = {}) {
  return check_gradient_health(std::span<const NamedGradient>(gradients.begin(), gradients.size()), thresholds);
}

template <detail::GradientLike G>
std::vector<Finding> check_gradient_health(const G& gradient, const GradientThresholds& thresholds = {}) {
  return check_gradient_health({{"gradient", gradient}}, thresholds);
}

}  // namespace LOSSES_NAMESPACE
