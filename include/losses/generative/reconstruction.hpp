// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <tuple>
#include <utility>

#include <losses/classification/bce.hpp>
#include <losses/core/loss.hpp>
#include <losses/regression/l1.hpp>
#include <losses/regression/mse.hpp>

namespace LOSSES_NAMESPACE {

/// What Reconstruction compares x̂ with x by: squared error, absolute error, or binary cross-entropy of probabilities.
enum class ReconstructionKind : std::uint8_t { mse, l1, bce };

namespace rule {

/// The options of Reconstruction, and its loss of x̂ and x.
template <std::floating_point T>
struct Reconstruction {
  using Scalar = T;
  using Shape = per_element;
  static constexpr Argument prediction = {"prediction", Domain::unit_interval()};
  static constexpr Argument target = {"target", Domain::unit_interval()};

  ReconstructionKind kind = ReconstructionKind::mse;
  T kl_weight = 0;
  T epsilon = T(1e-7);

  void check() const {
    detail::require_named(kind, ReconstructionKind::bce, "Reconstruction", "kind", "ReconstructionKind");
    require(kl_weight >= 0 && kl_weight <= std::numeric_limits<T>::max(), "Reconstruction: kl_weight is ", kl_weight,
            ", but must be finite and not negative");
    require(epsilon > 0 && epsilon < T(0.5), "Reconstruction: epsilon is ", epsilon, ", but must be in (0, 0.5)");
  }
  bool checks_domains() const { return kind == ReconstructionKind::bce; }

  template <class V>
  Terms<V> operator()(V p, V y) const {
    if (kind == ReconstructionKind::bce) return BCE<T>{epsilon}(p, y);
    if (kind == ReconstructionKind::l1) return L1<T>{}(p, y);
    return MSE<T>{}(p, y);
  }

  template <class V>
  V scaled_slope(V p, V y, V factor) const {
    return kind == ReconstructionKind::mse ? MSE<T>{}.scaled_slope(p, y, factor) : (*this)(p, y).slope * factor;
  }
};

/// The divergence of N(μ, σ²) from N(0, 1), v = log σ²: zero at μ = 0, v = 0, and never negative.
///
///   value = (μ² + exp(v) − 1 − v)/2      slope = {μ, (exp(v) − 1)/2}      curvature = {1, exp(v)/2}
template <std::floating_point T>
struct LatentDivergence {
  using Scalar = T;
  using Shape = per_element;
  static constexpr std::string_view name = "Reconstruction";
  static constexpr std::array<Argument, 2> predictions = {{{"mu"}, {"log_variance"}}};

  template <class V>
  Terms<V, 2> operator()(V mu, V v, V) const {
    // (exp(v) − 1)/2, without the overflow of exp(v) alone.
    const auto large = v > V(sizeof(T) == 4 ? 80 : 700);
    const V half(0.5), e = expm1(where(large, v - V(1), v));
    const V slope = where(large, e * V(1.3591409142295226177), half * e);
    // exp(v) − 1 − v loses its digits near 0; the series there is v²/2 (1 + v/3 (1 + v/4 (…))).
    V series(1);
    for (int k = sizeof(T) == 4 ? 9 : 15; k > 2; --k) series = fma(v * V(1.0 / k), series, V(1));
    const V excess = where(abs(v) < half, half * v * (half * v) * series, where(isinf(e), e, slope - half * v));
    return {.value = fma(half * mu, mu, excess), .slope = {mu, slope}, .curvature = {V(1), slope + half}};
  }
};

/// The tag of a reconstruction with a latent space: two losses, added.
struct per_latent {};

template <std::floating_point T>
struct VariationalReconstruction {
  using Scalar = T;
  using Shape = per_latent;
  static constexpr std::string_view name = "Reconstruction";

  Reconstruction<T> options = {};

  void check() const { options.check(); }
};

}  // namespace rule

/// The two parts of a variational loss: value = reconstruction + kl_weight · kl.
template <std::floating_point T>
struct ReconstructionTerms {
  T reconstruction = 0;
  T kl = 0;
};

/// What both parts contribute; parts of batches are added.
struct ReconstructionPartial {
  Partial reconstruction, kl;

  friend ReconstructionPartial operator+(const ReconstructionPartial& a, const ReconstructionPartial& b) {
    return {a.reconstruction + b.reconstruction, a.kl + b.kl};
  }
  ReconstructionPartial& operator+=(const ReconstructionPartial& other) { return *this = *this + other; }
};

namespace detail {

template <class T>
struct LatentInputs {
  ElementInputs<rule::Reconstruction<T>> pixels;
  ElementInputs<rule::LatentDivergence<T>> latent;
};

/// Two per_element losses on arguments of their own: (x̂, x) and (mu, log_variance). Weights are one per sample, for both.
template <class Rule>
struct Driver<rule::per_latent, Rule> {
  using T = typename Rule::Scalar;
  using Inputs = LatentInputs<T>;
  using Partial = ReconstructionPartial;
  using Pixels = DriverOf<rule::Reconstruction<T>>;
  using Latent = DriverOf<rule::LatentDivergence<T>>;

  struct Whole {
    typename Pixels::Whole pixels;
    typename Latent::Whole latent;
  };

  static constexpr int predictions = 3;
  static constexpr bool in_place = true;

  template <class... In>
  static consteval auto verdict() {
    if constexpr (sizeof...(In) != 4 && sizeof...(In) != 5) {
      return error::wrong_number_of_arguments{};
    } else {
      return verdict_on_values<T, In...>();
    }
  }

  template <class... In>
  static Inputs bind(const Rule& rule, const In&... in) {
    const View<const T> views[] = {view_of(in)...};
    Inputs inputs;
    inputs.pixels = Pixels::bind(rule.options, views[0], views[1]);
    require_shape(name_of<Rule>(), views[3].extents, "log_variance", views[2].extents, "mu");
    require(views[2].extents[0] == views[0].extents[0], "Reconstruction: mu is ", views[2].extents,
            ", but must have the ", views[0].extents[0], " samples of prediction");
    inputs.latent.prediction[0] = views[2];
    inputs.latent.prediction[1] = views[3];
    inputs.latent.target = views[2];  // there is none, and it is not looked at
    if constexpr (sizeof...(In) == 5) {
      const Extents samples{1, {views[0].extents[0]}}, column{2, {samples[0], 1}};
      require(views[4].extents == samples || views[4].extents == column, "Reconstruction: weights is ",
              views[4].extents, ", but must be ", samples, ", one per sample");
      inputs.pixels.weights = repeated(views[4], views[0].extents);
      inputs.latent.weights = repeated(views[4], views[2].extents);
    }
    return inputs;
  }

  static const Extents& gradient_extents(const Inputs& inputs, int place) {
    return (place == 0 ? inputs.pixels.prediction[0] : inputs.latent.prediction[0]).extents;
  }

  template <class F>
  static void visit(const Inputs& inputs, const F& f) {
    f(inputs.pixels.prediction[0], "prediction", 0);
    f(inputs.pixels.target, "target", -1);
    f(inputs.latent.prediction[0], "mu", 1);
    f(inputs.latent.prediction[1], "log_variance", 2);
    if (inputs.pixels.weights.data != nullptr) f(inputs.pixels.weights, "weights", -1);
  }

  static Whole check(const Rule& rule, const Executor& executor, const Inputs& inputs) {
    return {Pixels::check(rule.options, executor, inputs.pixels), Latent::check({}, executor, inputs.latent)};
  }

  static Partial partial(const Rule& rule, const Executor& executor, const Inputs& inputs, const Whole& whole) {
    return {Pixels::partial(rule.options, executor, inputs.pixels, whole.pixels),
            Latent::partial({}, executor, inputs.latent, whole.latent)};
  }

  static ReconstructionTerms<T> terms(const Rule& rule, Reduction reduction, const Executor& executor,
                                      const Inputs& inputs, const Whole& whole) {
    return {Pixels::forward(rule.options, reduction, executor, inputs.pixels, whole.pixels),
            Latent::forward({}, reduction, executor, inputs.latent, whole.latent)};
  }

  static T value(const Rule& rule, Reduction reduction, const Partial& part) {
    return sum(rule, Pixels::value(rule.options, reduction, part.reconstruction),
               Latent::value({}, reduction, part.kl));
  }

  static T forward(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                   const Whole& whole) {
    const T pixels = Pixels::forward(rule.options, reduction, executor, inputs.pixels, whole.pixels);
    if (rule.options.kl_weight == 0) return pixels;
    return sum(rule, pixels, Latent::forward({}, reduction, executor, inputs.latent, whole.latent));
  }

  static T value_and_gradient(const Rule& rule, Reduction reduction, const Executor& executor, const Inputs& inputs,
                              const Whole& whole, const Output<T>* outputs) {
    const T pixels =
        Pixels::value_and_gradient(rule.options, reduction, executor, inputs.pixels, whole.pixels, outputs);
    if (rule.options.kl_weight == 0) {
      for (int i = 1; i < predictions; ++i) clear(outputs[i]);
      return pixels;
    }
    Output<T> latent[] = {outputs[1], outputs[2]};
    for (auto& each : latent) each.factor *= static_cast<double>(rule.options.kl_weight);
    return sum(rule, pixels, Latent::value_and_gradient({}, reduction, executor, inputs.latent, whole.latent, latent));
  }

 private:
  static T sum(const Rule& rule, T pixels, T kl) {
    const auto weight = static_cast<double>(rule.options.kl_weight);
    return weight == 0 ? pixels : static_cast<T>(static_cast<double>(pixels) + weight * static_cast<double>(kl));
  }

  static void clear(const Output<T>& output) {
    for (Index i = 0; i < output.view.extents.count() && !output.adds; ++i) element(output.view, i) = 0;
  }

  static View<const T> repeated(const View<const T>& each, const Extents& extents) {
    View<const T> view{each.data, extents, {}};
    view.stride[0] = each.stride[0];
    return view;
  }
};

}  // namespace detail

/// Reconstruction loss of an autoencoder, with the variational term of a VAE.
///
///   reconstruction = (x̂ − x)² (`mse`), |x̂ − x| (`l1`) or −x log x̂ − (1 − x) log(1 − x̂) (`bce`) of each element
///   kl             = (μ² + exp(v) − 1 − v)/2 of each latent number, v = log σ²: N(μ, σ²) from N(0, 1)
///   value          = reduced reconstruction + kl_weight · reduced kl
///
///   float v = loss.value_and_gradient(x̂, x, grad);                                            an autoencoder
///   float v = loss.value_and_gradient(x̂, x, mu, log_variance, grad, grad_mu, grad_log_variance);          a VAE
///   auto [reconstruction, kl] = loss.terms(x̂, x, mu, log_variance);                           to log, kl unweighted
///
/// x̂ and x of one shape, mu and log_variance of another, samples first: [n × d] and [n × z], or tensors. A policy may come first;
/// weights (one per sample) may follow the inputs.
///
///   kind       (ReconstructionKind::mse) bce takes probabilities, as BCE does
///   kl_weight  (0) finite and ≥ 0; 0: mu and log_variance are not looked at. If it is not, they must be given
///   epsilon    (1e-7) of bce, in (0, 1/2)
///
/// Each part has its own denominator:
///
///   sum         nothing: Σ over elements + kl_weight Σ over latent numbers. PyTorch's VAE example is {bce, 1}
///   batch_mean  n for both: the negative evidence lower bound of a sample at kl_weight 1; kl summed over the latent axis
///   mean        its own number of terms: n·d and n·z. kl_weight 1 is then d/z times batch_mean's, and z/d is the lower bound's;
///               kl_weight z has kl summed over the latent axis beside a mean over elements
///
/// Each gradient may be written over its own argument. At x̂ = x: 0 (mse, l1); at μ = v = 0: 0, slopes 0. log_variance −inf: +inf,
/// slope −1/2; +inf: +inf. Both overflow where v > 89.4 (710.4 in double); small values keep their digits. NaN in, NaN out.
/// Throws std::invalid_argument: shapes, options, probabilities outside [0, 1].
/// Kingma and Welling (2014), arXiv:1312.6114, eq. (10) and appendix B.
template <std::floating_point T = float>
class Reconstruction {
  using Plain = Loss<rule::Reconstruction<T>>;
  using Variational = Loss<rule::VariationalReconstruction<T>>;
  using Driver = detail::DriverOf<rule::VariationalReconstruction<T>>;

 public:
  using Rule = rule::Reconstruction<T>;
  using Scalar = T;

  Reconstruction() : Reconstruction(Rule{}) {}
  explicit Reconstruction(Reduction reduction) : Reconstruction(Rule{}, reduction) {}
  explicit Reconstruction(Rule rule, Reduction reduction = Reduction::mean)
      : plain_(rule, reduction), variational_({rule}, reduction) {}

  const Rule& rule() const { return plain_.rule(); }
  Reduction reduction() const { return plain_.reduction(); }

  /// (x̂, x), or (x̂, x, mu, log_variance).
  template <class... In>
    requires Accepts<Rule, In...>
  T forward(const In&... in) const {
    return forward(serial, in...);
  }
  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...>
  T forward(const Policy& policy, const In&... in) const {
    require_no_latent();
    return plain_.forward(policy, in...);
  }
  template <class... In>
    requires Accepts<typename Variational::Rule, In...>
  T forward(const In&... in) const {
    return variational_.forward(in...);
  }
  template <ExecutionPolicy Policy, class... In>
    requires Accepts<typename Variational::Rule, In...>
  T forward(const Policy& policy, const In&... in) const {
    return variational_.forward(policy, in...);
  }

  /// (x̂, x, gradient), or (x̂, x, mu, log_variance, gradient, gradient of mu, gradient of log_variance).
  template <class... Args>
    requires AcceptsGradients<Rule, Args...>
  T value_and_gradient(Args&&... args) const {
    return value_and_gradient(serial, std::forward<Args>(args)...);
  }
  template <ExecutionPolicy Policy, class... Args>
    requires AcceptsGradients<Rule, Args...>
  T value_and_gradient(const Policy& policy, Args&&... args) const {
    require_no_latent();
    return plain_.value_and_gradient(policy, std::forward<Args>(args)...);
  }
  template <class... Args>
    requires AcceptsGradients<typename Variational::Rule, Args...>
  T value_and_gradient(Args&&... args) const {
    return variational_.value_and_gradient(std::forward<Args>(args)...);
  }
  template <ExecutionPolicy Policy, class... Args>
    requires AcceptsGradients<typename Variational::Rule, Args...>
  T value_and_gradient(const Policy& policy, Args&&... args) const {
    return variational_.value_and_gradient(policy, std::forward<Args>(args)...);
  }

  /// A plain Eigen object like x̂; with mu and log_variance a std::tuple of three.
  template <class... In>
    requires Accepts<Rule, In...>
  auto gradient(const In&... in) const {
    return gradient(serial, in...);
  }
  template <ExecutionPolicy Policy, class... In>
    requires Accepts<Rule, In...>
  auto gradient(const Policy& policy, const In&... in) const {
    require_no_latent();
    return plain_.gradient(policy, in...);
  }
  template <class X, class Y, class Mu, class LogVariance, class... Weights>
    requires Accepts<typename Variational::Rule, X, Y, Mu, LogVariance, Weights...>
  auto gradient(const X& x, const Y& y, const Mu& mu, const LogVariance& log_variance,
                const Weights&... weights) const {
    return gradient(serial, x, y, mu, log_variance, weights...);
  }
  template <ExecutionPolicy Policy, class X, class Y, class Mu, class LogVariance, class... Weights>
    requires Accepts<typename Variational::Rule, X, Y, Mu, LogVariance, Weights...>
  auto gradient(const Policy& policy, const X& x, const Y& y, const Mu& mu, const LogVariance& log_variance,
                const Weights&... weights) const {
    std::tuple<typename detail::Access<X>::Plain, typename detail::Access<Mu>::Plain,
               typename detail::Access<LogVariance>::Plain>
        made;
    auto& [grad, grad_mu, grad_log_variance] = made;
    variational_.value_and_gradient(policy, x, y, mu, log_variance, weights..., grad, grad_mu, grad_log_variance);
    return made;
  }

  /// Of (x̂, x): one value for each element, and the diagonal of the Hessian.
  template <class... In>
  auto unreduced(const In&... in) const -> decltype(std::declval<const Plain&>().unreduced(in...)) {
    return plain_.unreduced(in...);
  }
  template <class... In>
  auto curvature(const In&... in) const -> decltype(std::declval<const Plain&>().curvature(in...)) {
    return plain_.curvature(in...);
  }

  /// Both parts of (x̂, x, mu, log_variance), reduced; kl without its weight.
  template <class... In>
    requires Accepts<typename Variational::Rule, In...>
  ReconstructionTerms<T> terms(const In&... in) const {
    return terms(serial, in...);
  }
  template <ExecutionPolicy Policy, class... In>
    requires Accepts<typename Variational::Rule, In...>
  ReconstructionTerms<T> terms(const Policy& policy, const In&... in) const {
    return terms_of(policy.executor(), Driver::bind(variational_.rule(), detail::evaluate(in)...));
  }

  /// What adds up over batches.
  template <class... In>
    requires Accepts<Rule, In...>
  Partial partial(const In&... in) const {
    return plain_.partial(in...);
  }
  template <class... In>
    requires Accepts<typename Variational::Rule, In...>
  ReconstructionPartial partial(const In&... in) const {
    return variational_.partial(in...);
  }
  T value(const Partial& part) const {
    require_no_latent();
    return plain_.value(part);
  }
  T value(const ReconstructionPartial& part) const { return variational_.value(part); }

 private:
  void require_no_latent() const {
    require(rule().kl_weight == 0, "Reconstruction: kl_weight is ", rule().kl_weight,
            ", so mu and log_variance must follow the target");
  }

  ReconstructionTerms<T> terms_of(const detail::Executor& executor, const typename Driver::Inputs& inputs) const {
    const auto whole = Driver::check(variational_.rule(), executor, inputs);
    return Driver::terms(variational_.rule(), reduction(), executor, inputs, whole);
  }

  Plain plain_;
  Variational variational_;
};

LOSSES_EXTERN(rule::Reconstruction);
LOSSES_EXTERN(rule::VariationalReconstruction);

}  // namespace LOSSES_NAMESPACE
