// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <losses/core/loss.hpp>
#include <losses/generative/extractor.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// The tag of losses of Gram matrices.
struct per_gram {};

/// weight · the mean square of the difference of two Gram matrices: Style for one layer of features.
template <std::floating_point T>
struct Gram {
  using Scalar = T;
  using Shape = per_gram;
  static constexpr std::string_view name = "Style";

  T weight = 1;
};

}  // namespace rule

namespace detail {

inline constexpr Index gram_rows = 64;        // of a Gram matrix, by one thread
inline constexpr Index gram_positions = 256;  // of the features, made doubles at once

template <class T>
struct GramInputs {
  View<const T> prediction, target, weights;  // weights: one per sample, or null
};

/// Samples are terms: wᵢ · mean over the matrix of (G(fᵢ) − G(yᵢ))².
///
/// All sums are in double, and the difference of the matrices is that of the features: G(f) − G(y) = (E Sᵀ + S Eᵀ)/2 with
/// E = f − y and S = f + y, so that near styles keep their digits.
template <class Rule>
struct Driver<rule::per_gram, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = GramInputs<T>;
  using Partial = losses::Partial;
  // Dependent on T, so that files without the loss do not compile what is done with them.
  using Wide = std::common_type_t<T, double>;
  using Matrix = Eigen::Matrix<Wide, Eigen::Dynamic, Eigen::Dynamic>;
  using Rows = Eigen::Matrix<Wide, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  struct Whole {
    double weight;
  };

  static constexpr int predictions = 1;
  static constexpr bool in_place = false;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 2 && sizeof...(In) != 3) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_values<T, In...>();
    }
  }

  template <class P>
  using Unreduced = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  template <class... In>
  static Inputs bind(const Rule&, const In&... in) {
    const View<const T> views[] = {view_of(in)...};
    Inputs inputs{views[0], views[1], {}};
    const Extents& shape = inputs.prediction.extents;
    require(shape.rank >= 3, "Style: features is ", shape, ", but must be [n x c x h x w]");
    require_shape(name_of<Rule>(), inputs.target.extents, "target", shape, "features");
    if constexpr (sizeof...(In) == 3)
      inputs.weights = broadcast_weights(name_of<Rule>(), views[2], Extents{1, {shape[0]}});
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int) { return inputs.prediction.extents; }
  static Extents unreduced_extents(const Inputs& inputs) { return {1, {inputs.prediction.extents[0]}}; }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.prediction, "features", 0);
    f(inputs.target, "target", -1);
    if (inputs.weights.data != nullptr) f(inputs.weights, "weights", -1);
  }

  static Whole check(const Rule&, const Executor& executor, const Inputs& inputs) {
    const bool weighted = inputs.weights.data != nullptr;
    return {weighted ? check_weights(name_of<Rule>(), inputs.weights, executor)
                     : static_cast<double>(inputs.prediction.extents[0])};
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    Partial part{0, whole.weight, inputs.prediction.extents[0]};
    for_samples(rule, executor, inputs,
                [&](Index i, double value, const Matrix&) { part.sum += weight(inputs, i) * value; });
    return part;
  }

  static T value(const Rule&, Reduction reduction, const Partial& part) {
    return static_cast<T>(reduce(reduction, part));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    return value(rule, reduction, partial(rule, executor, inputs, whole));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    Partial part{0, whole.weight, inputs.prediction.extents[0]};
    const double scale = reduction_scale(reduction, whole.weight, part.count, 1);
    for (Index i = 0; i < part.count && !outputs->adds; ++i) {
      if (weight(inputs, i) == 0 || rule.weight == 0) clear(outputs->view, i);
    }
    for_samples(rule, executor, inputs, [&](Index i, double value, const Matrix& difference) {
      part.sum += weight(inputs, i) * value;
      write_gradient(executor, inputs, i, difference, scale * weight(inputs, i), *outputs);
    });
    return Driver::value(rule, reduction, part);
  }

  static void unreduced(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole&,
                        const Output<T>& output) {
    for (Index i = 0; i < inputs.prediction.extents[0]; ++i) element(output.view, i) = 0;
    for_samples(rule, executor, inputs, [&](Index i, double value, const Matrix&) {
      element(output.view, i) = static_cast<T>(weight(inputs, i) * value);
    });
  }

 private:
  static double weight(const Inputs& inputs, Index i) {
    return inputs.weights.data == nullptr ? 1 : static_cast<double>(inputs.weights.data[i * inputs.weights.stride[0]]);
  }

  static Index positions(const Extents& shape) {
    return shape[0] * shape[1] == 0 ? 0 : shape.count() / shape[0] / shape[1];
  }

  /// f(i, value, d value / d G: a factor times the difference of the Gram matrices) for each sample with a weight.
  template <class F>
  static void for_samples(const Rule& rule, const Executor& executor, const Inputs& inputs, const F& f) {
    const Extents& shape = inputs.prediction.extents;
    const Index channels = shape[1], blocks = (channels + gram_rows - 1) / gram_rows;
    const double size = static_cast<double>(channels) * static_cast<double>(channels);
    const auto weight_of_layer = static_cast<double>(rule.weight);
    Matrix difference(channels, channels);
    std::vector<double> squares(static_cast<std::size_t>(blocks));
    if (shape.count() == 0 || weight_of_layer == 0) return;
    for (Index i = 0; i < shape[0]; ++i) {
      if (weight(inputs, i) == 0) continue;
      executor(blocks, [&](Index block) {
        const Index first = block * gram_rows, rows = std::min(gram_rows, channels - first);
        difference.middleRows(first, rows) = difference_of_grams(inputs, i, first, rows);
        squares[static_cast<std::size_t>(block)] = difference.middleRows(first, rows).squaredNorm();
      });
      double sum = 0;
      for (const double each : squares) sum += each;
      // G is symmetric: the slope by the features is 2 · (2 difference / size) · features / (c h w).
      const double slope =
          4 * weight_of_layer / size / (static_cast<double>(channels) * static_cast<double>(positions(shape)));
      difference *= slope;
      f(i, weight_of_layer * sum / size, difference);
    }
  }

  /// Rows of (E Sᵀ + S Eᵀ) / (2 c h w) for sample i.
  static Matrix difference_of_grams(const Inputs& inputs, Index i, Index first, Index rows) {
    const Extents& shape = inputs.prediction.extents;
    const Index channels = shape[1], size = positions(shape);
    Matrix result = Matrix::Zero(rows, channels);
    Rows f, y, sum, error;
    for (Index begin = 0; begin < size; begin += gram_positions) {
      const Index end = std::min(size, begin + gram_positions);
      load(inputs.prediction, i, begin, end, f);
      load(inputs.target, i, begin, end, y);
      error = f - y;
      sum = f + y;
      result.noalias() += error.middleRows(first, rows) * sum.transpose();
      result.noalias() += sum.middleRows(first, rows) * error.transpose();
    }
    return result / (2 * static_cast<double>(channels) * static_cast<double>(size));
  }

  /// The gradient of sample i, scale · slope · features, to where it goes.
  static void write_gradient(const Executor& executor, const Inputs& inputs, Index i, const Matrix& slope, double scale,
                             const Output<T>& output) {
    const Index size = positions(inputs.prediction.extents);
    executor((size + gram_positions - 1) / gram_positions, [&](Index tile) {
      const Index begin = tile * gram_positions, end = std::min(size, begin + gram_positions);
      Rows features, product;
      load(inputs.prediction, i, begin, end, features);
      product.noalias() = slope * features;
      Index place[gram_positions];
      find_places(output.view, begin, end, place);
      for (Index c = 0; c < product.rows(); ++c) {
        T* const to = output.view.data + i * output.view.stride[0] + c * output.view.stride[1];
        for (Index p = 0; p < product.cols(); ++p) {
          const double value = scale * product(c, p);
          T& entry = to[place[p]];
          entry = static_cast<T>((output.adds ? static_cast<double>(entry) : 0.0) + output.factor * value);
        }
      }
    });
  }

  /// The gradient of sample i is 0.
  static void clear(const View<T>& gradient, Index i) {
    for (Index begin = 0; begin < positions(gradient.extents); begin += gram_positions) {
      const Index end = std::min(positions(gradient.extents), begin + gram_positions);
      Index place[gram_positions];
      find_places(gradient, begin, end, place);
      for (Index c = 0; c < gradient.extents[1]; ++c) {
        T* const to = gradient.data + i * gradient.stride[0] + c * gradient.stride[1];
        for (Index p = 0; p < end - begin; ++p) to[place[p]] = 0;
      }
    }
  }

  /// [c × positions] of sample i, in double.
  static void load(const View<const T>& view, Index i, Index begin, Index end, Rows& to) {
    to.resize(view.extents[1], end - begin);
    Index place[gram_positions];
    find_places(view, begin, end, place);
    for (Index c = 0; c < to.rows(); ++c) {
      const T* const from = view.data + i * view.stride[0] + c * view.stride[1];
      for (Index p = 0; p < to.cols(); ++p) to(c, p) = static_cast<double>(from[place[p]]);
    }
  }

  /// Where the positions of a channel are, from its first one.
  template <class S>
  static void find_places(const View<S>& view, Index begin, Index end, Index (&place)[gram_positions]) {
    for (Index position = begin; position < end; ++position) {
      Index rest = position, result = 0;
      for (int axis = view.extents.rank - 1; axis >= 2; --axis) {
        result += rest % view.extents[axis] * view.stride[axis];
        rest /= view.extents[axis];
      }
      place[position - begin] = result;
    }
  }
};

/// Layers, or the features of one with what the driver takes.
template <class Rule, class Features, class... Rest>
concept TakesFeatures = RangeOfTensors<Features, typename Rule::Scalar> || Accepts<Rule, Features, Rest...>;

template <class T>
struct StyleOptions {
  std::vector<T> weights = {};
};

}  // namespace detail

/// Style loss: textures compared by how the channels of their features go together, wherever in the picture.
///
///   G(f) = F Fᵀ / (c h w),  F the features of a sample as [c × h·w]
///   value = mean (G(f) − G(y))² over samples and entries      slope = 4 (G(f) − G(y)) F / (n c² · c h w)
///
/// The features are those of one layer, [n, c, h, w] ([n, c, d1, …]), or of several: vectors of them, as an extractor gives
/// them. Then the value is Σᵢ weights[i] · that of layer i, and there is a gradient for each:
///
///   float v = style.value_and_gradient(vgg.forward(image), wanted, gradients);
///   vgg.backward(gradients, image_gradient);
///
/// `weights` are finite and not negative, one for each layer; empty is 1 for each, and a layer of weight 0 is not looked at. Terms
/// are samples, each the mean over its matrix: weights per sample may follow the target.
///
/// Equal styles: 0, gradient 0. All sums are in double; features whose value can be represented do not overflow on the way, and
/// near styles keep their digits. NaN in, NaN out. Throws std::invalid_argument: weights, shapes, another number of layers.
/// Gatys, Ecker and Bethge (2016), doi:10.1109/CVPR.2016.265, eqs. (3) to (5), with means in place of sums.
template <std::floating_point T = float>
class Style {
 public:
  using Scalar = T;
  using Rule = rule::Gram<T>;
  using Options = detail::StyleOptions<T>;

  explicit Style(Options options = {}, Reduction reduction = Reduction::mean)
      : options_(std::move(options)), reduction_(reduction) {
    for (std::size_t i = 0; i < options_.weights.size(); ++i) {
      require(std::isfinite(options_.weights[i]) && options_.weights[i] >= 0, "Style: weights[", i, "] is ",
              options_.weights[i], ", but must be finite and not negative");
    }
  }
  explicit Style(Reduction reduction) : Style(Options{}, reduction) {}

  const Options& options() const { return options_; }
  Reduction reduction() const { return reduction_; }

  /// (features, target) or (features, target, weights per sample), of one layer or of several; a policy may come first. So do
  /// the other verbs.
  template <class Features, class... Rest>
    requires(!ExecutionPolicy<Features>)
  T forward(const Features& features, const Rest&... rest) const {
    return forward(serial, features, rest...);
  }

  template <ExecutionPolicy Policy, class Features, class Target, class... Weights>
    requires detail::TakesFeatures<Rule, Features, Target, Weights...>
  T forward(const Policy& policy, const Features& features, const Target& target, const Weights&... weights) const {
    if constexpr (detail::RangeOfTensors<Features, T>) {
      check_layers(policy, features, target, weights...);
      double sum = 0;
      for_layers(features, target, [&](std::size_t i, const auto& f, const auto& y) {
        if (weight(i) != 0) sum += static_cast<double>(layer(i).forward(policy, f, y, weights...));
      });
      return static_cast<T>(sum);
    } else {
      return only_layer().forward(policy, features, target, weights...);
    }
  }

  /// A plain Eigen object like the features; of several layers, a vector of them.
  template <class Features, class... Rest>
    requires(!ExecutionPolicy<Features>)
  auto gradient(const Features& features, const Rest&... rest) const {
    return gradient(serial, features, rest...);
  }

  template <ExecutionPolicy Policy, class Features, class Target, class... Weights>
  auto gradient(const Policy& policy, const Features& features, const Target& target, const Weights&... weights) const {
    if constexpr (detail::RangeOfTensors<Features, T>) {
      std::vector<detail::FeatureOf<Features>> made;
      value_and_gradient(policy, features, target, weights..., made);
      return made;
    } else {
      return only_layer().gradient(policy, features, target, weights...);
    }
  }

  /// The gradient of several layers is a std::vector of plain Eigen objects, or add_to(one).
  template <class Features, class... Rest>
    requires(!ExecutionPolicy<Features>)
  T value_and_gradient(const Features& features, Rest&&... rest) const {
    return value_and_gradient(serial, features, std::forward<Rest>(rest)...);
  }

  template <ExecutionPolicy Policy, class Features, class Target, class Gradient>
    requires detail::TakesFeatures<Rule, Features, Target>
  T value_and_gradient(const Policy& policy, const Features& features, const Target& target,
                       Gradient&& gradient) const {
    if constexpr (detail::RangeOfTensors<Features, T>) {
      return gradients_of_layers(policy, features, target, gradient);
    } else {
      return only_layer().value_and_gradient(policy, features, target, std::forward<Gradient>(gradient));
    }
  }

  template <ExecutionPolicy Policy, class Features, class Target, class Weights, class Gradient>
    requires detail::TakesFeatures<Rule, Features, Target, Weights>
  T value_and_gradient(const Policy& policy, const Features& features, const Target& target, const Weights& weights,
                       Gradient&& gradient) const {
    if constexpr (detail::RangeOfTensors<Features, T>) {
      return gradients_of_layers(policy, features, target, gradient, weights);
    } else {
      return only_layer().value_and_gradient(policy, features, target, weights, std::forward<Gradient>(gradient));
    }
  }

  /// Of one layer: the value of each sample, [n].
  template <class... In>
  auto unreduced(const In&... in) const {
    return only_layer().unreduced(in...);
  }

  /// Of one layer: what adds up over batches.
  template <class... In>
  Partial partial(const In&... in) const {
    return only_layer().partial(in...);
  }
  T value(const Partial& part) const { return only_layer().value(part); }

 private:
  using Driver = detail::DriverOf<Rule>;

  T weight(std::size_t i) const { return options_.weights.empty() ? T(1) : options_.weights[i]; }

  Loss<Rule> layer(std::size_t i) const { return Loss<Rule>({.weight = weight(i)}, reduction_); }

  Loss<Rule> only_layer() const {
    require(options_.weights.size() <= 1, "Style: weights has ", options_.weights.size(),
            " values, but must have 1, as there is one layer");
    return layer(0);
  }

  template <class Features, class Target, class F>
  static void for_layers(const Features& features, const Target& target, const F& f) {
    auto y = std::ranges::begin(target);
    std::size_t i = 0;
    for (const auto& each : features) f(i++, each, *y++);
  }

  /// All that a layer may refuse, before the first is computed.
  template <class Policy, class Features, class Target, class... Weights>
  void check_layers(const Policy& policy, const Features& features, const Target& target,
                    const Weights&... weights) const {
    static_assert(detail::RangeOfTensors<Target, T>, "the target of several layers is several layers");
    const auto count = static_cast<std::size_t>(std::ranges::size(features));
    const auto targets = static_cast<std::size_t>(std::ranges::size(target));
    require(targets == count, "Style: target has ", targets, " layers, but must have ", count, ", as features");
    require(options_.weights.empty() || options_.weights.size() == count, "Style: weights has ",
            options_.weights.size(), " values, but must have ", count, ", one for each layer");
    for_layers(features, target, [&](std::size_t, const auto& f, const auto& y) {
      (void)Driver::check(Rule{}, policy.executor(), Driver::bind(Rule{}, f, y, weights...));
    });
  }

  template <class Policy, class Features, class Target, class Gradient, class... Weights>
  T gradients_of_layers(const Policy& policy, const Features& features, const Target& target, Gradient& gradient,
                        const Weights&... weights) const {
    using Argument = detail::GradientArgument<std::remove_cvref_t<Gradient>>;
    auto& gradients = Argument::object(gradient);
    using Object = typename std::remove_cvref_t<decltype(gradients)>::value_type;
    static_assert(detail::TensorOf<Object, T> && detail::Access<Object>::is_plain,
                  "the gradient of several layers is a std::vector of plain Eigen objects");
    check_layers(policy, features, target, weights...);
    std::vector<Object> made;
    if constexpr (Argument::adds) {
      require(gradients.size() == static_cast<std::size_t>(std::ranges::size(features)), "Style: gradient has ",
              gradients.size(), " layers, but must have ", static_cast<std::size_t>(std::ranges::size(features)));
      for_layers(features, gradients, [&](std::size_t i, const auto& f, const auto& g) {
        const auto is = detail::view_of(g).extents, must = detail::view_of(f).extents;
        require(is == must, "Style: gradient[", i, "] is ", is, ", but must be ", must);
      });
    } else {
      made.resize(static_cast<std::size_t>(std::ranges::size(features)));
    }
    double sum = 0;
    for_layers(features, target, [&](std::size_t i, const auto& f, const auto& y) {
      if constexpr (Argument::adds) {
        const auto to = add_to(gradients[i], Argument::factor(gradient));
        if (weight(i) != 0) sum += static_cast<double>(layer(i).value_and_gradient(policy, f, y, weights..., to));
      } else {
        sum += static_cast<double>(layer(i).value_and_gradient(policy, f, y, weights..., made[i]));
      }
    });
    if constexpr (!Argument::adds) gradients = std::move(made);
    return static_cast<T>(sum);
  }

  Options options_;
  Reduction reduction_;
};

LOSSES_EXTERN(rule::Gram);

}  // namespace LOSSES_NAMESPACE
