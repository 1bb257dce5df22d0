// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iosfwd>
#include <limits>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <losses/core/check.hpp>
#include <losses/core/reduction.hpp>
#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE {

struct GradientCheckOptions {
  double tolerance = 0;  ///< the largest error that passes; 0: 1e-5 for double, 1e-2 for float
  double step = 0;       ///< the step at x is step·max(1, |x|); 0: the cube root of the type's epsilon
};

/// What check_gradient found: whether the gradient is right, and its worst entry.
struct GradientReport {
  bool ok = true;
  double worst_error = 0;
  double tolerance = 0;
  Eigen::Index checked = 0;  ///< entries, over all predictions
  int prediction = 0;        ///< of which prediction the worst entry is, from 0
  Eigen::Index index = 0;    ///< its number in logical (row-major) order
  std::string position;      ///< the same as "[3, 2]"
  double analytic = 0;
  double numeric = 0;

  explicit operator bool() const { return ok; }

  /// One line, as: the gradient is wrong: 1.5 at prediction 0[3, 2], but differences give 3 (error 0.5, tolerance 1e-05)
  std::string message() const {
    std::string text;
    const auto add = [&](const auto&... parts) { (detail::append(text, parts), ...); };
    if (checked == 0) {
      add("the gradient has no entries");
    } else {
      add(ok ? "the gradient is right: " : "the gradient is wrong: ", analytic, " at prediction ", prediction, position,
          ok ? ", and" : ", but", " differences give ", numeric, " (error ", worst_error, ", tolerance ", tolerance,
          ")");
    }
    return text;
  }

  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                      const GradientReport& report) {
    return out << report.message();
  }
};

namespace detail {

template <class X>
struct AsTuple {
  static constexpr int size = 1;
  template <int i>
  static const X& get(const X& x) {
    return x;
  }
};

template <class... Xs>
struct AsTuple<std::tuple<Xs...>> {
  static constexpr int size = sizeof...(Xs);
  template <int i>
  static const auto& get(const std::tuple<Xs...>& x) {
    return std::get<i>(x);
  }
};

template <class L, class... In>
concept HasGradient = requires(const L& loss, const In&... in) {
  loss.forward(in...);
  loss.gradient(in...);
};

/// A value, and the size of the rounding errors that its terms may have. A partial result is summed in double: there the
/// terms that a step leaves alone cancel, whatever the type.
struct CheckedValue {
  double value;
  double rounding;
};

template <class L, class... In>
CheckedValue checked_value(const L& loss, const In&... in) {
  constexpr double epsilon = static_cast<double>(std::numeric_limits<typename L::Scalar>::epsilon());
  if constexpr (requires { reduce(loss.reduction(), loss.partial(in...)); }) {
    const auto partial = loss.partial(in...);
    const double value = reduce(loss.reduction(), partial);
    return {value, 16 * epsilon * std::abs(value) / std::max(1.0, static_cast<double>(partial.count))};
  } else {
    const double value = static_cast<double>(loss.forward(in...));
    return {value, 4 * epsilon * std::abs(value)};
  }
}

/// One prediction, moved an entry at a time; `evaluate_at` gives the loss with a copy of it.
template <class P, class G, class F>
void check_prediction(const P& prediction, const G& gradient, int place, double step, GradientReport& report,
                      const F& evaluate_at) {
  using T = typename Access<P>::Scalar;
  typename Access<P>::Plain moved(prediction);
  const View<T> entries = Access<typename Access<P>::Plain>::writable_view(moved);
  const auto analytic = view_of(gradient);
  const Index count = entries.extents.count();
  double mean = 0;
  for (Index i = 0; i < count; ++i)
    mean += std::abs(static_cast<double>(element(analytic, i))) / static_cast<double>(count);
  for (Index i = 0; i < count; ++i) {
    T& x = element(entries, i);
    const T centre = x;
    const T h = static_cast<T>(step) * std::max(T(1), std::abs(centre));
    x = centre + h;
    const double above = static_cast<double>(x);
    const CheckedValue high = evaluate_at(moved);
    x = centre - h;
    const double width = above - static_cast<double>(x);
    const CheckedValue low = evaluate_at(moved);
    x = centre;
    const double numeric = (high.value - low.value) / width;
    const double is = static_cast<double>(element(analytic, i));
    const double rounding = (high.rounding + low.rounding) / width;
    const double difference = std::abs(is - numeric) - rounding;
    double error = difference <= 0 ? 0 : difference / std::max({std::abs(is), std::abs(numeric), mean});
    if (!(error >= 0)) error = std::numeric_limits<double>::infinity();  // NaN, or inf against inf
    ++report.checked;
    if (error > report.worst_error || report.position.empty()) {
      report.worst_error = error;
      report.prediction = place;
      report.index = i;
      report.position.clear();
      append(report.position, Position{entries.extents, i});
      report.analytic = is;
      report.numeric = numeric;
    }
  }
}

/// The loss as a function of prediction `place` alone.
template <std::size_t place, class L, class Inputs, std::size_t... i>
auto with_prediction(const L& loss, const Inputs& inputs, std::index_sequence<i...>) {
  return [&loss, &inputs](const auto& moved) {
    const auto choose = [&]<std::size_t j>() -> const auto& {
      if constexpr (j == place) {
        return moved;
      } else {
        return std::get<j>(inputs);
      }
    };
    return checked_value(loss, choose.template operator()<i>()...);
  };
}

}  // namespace detail

/// Compares the gradient of a loss with central differences of its value: for one's own rules, above all.
///
///   auto report = check_gradient(loss, prediction, target);             // or more predictions, labels, weights
///   auto report = check_gradient(loss, {.step = 1e-4}, prediction, target);
///   if (!report) std::cerr << report << '\n';
///
/// The error of an entry is |analytic − numeric| beyond what rounding explains, relative to the largest of the two and of the
/// mean |analytic| of that prediction; the report names the worst, and a NaN is worse than any number. A kink within a step of
/// an entry shows as an error. Every prediction must be farther than a step from the edge of its domain, or the loss refuses
/// the moved one. Two evaluations per entry; the inputs are only read.
template <class L, class... In>
  requires detail::HasGradient<L, In...>
GradientReport check_gradient(const L& loss, const GradientCheckOptions& options, const In&... in) {
  using T = typename L::Scalar;
  constexpr bool single = sizeof(T) == sizeof(float);
  const double step =
      options.step > 0 ? options.step : std::cbrt(static_cast<double>(std::numeric_limits<T>::epsilon()));
  GradientReport report;
  report.tolerance = options.tolerance > 0 ? options.tolerance : single ? 1e-2 : 1e-5;
  const auto gradient = loss.gradient(in...);
  using Gradients = detail::AsTuple<std::remove_const_t<decltype(gradient)>>;
  const auto inputs = std::forward_as_tuple(in...);
  const auto all = std::index_sequence_for<In...>();
  [&]<std::size_t... place>(std::index_sequence<place...>) {
    (detail::check_prediction(std::get<place>(inputs), Gradients::template get<static_cast<int>(place)>(gradient),
                              static_cast<int>(place), step, report, detail::with_prediction<place>(loss, inputs, all)),
     ...);
  }(std::make_index_sequence<static_cast<std::size_t>(Gradients::size)>());
  report.ok = report.worst_error <= report.tolerance;
  return report;
}

template <class L, class... In>
  requires detail::HasGradient<L, In...>
GradientReport check_gradient(const L& loss, const In&... in) {
  return check_gradient(loss, GradientCheckOptions{}, in...);
}

}  // namespace LOSSES_NAMESPACE
