// SPDX-License-Identifier: MIT
#pragma once

/// Trains one's own model with each of several losses and compares what comes out.

#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <losses/compose/any_loss.hpp>
#include <losses/core/rule.hpp>
#include <losses/core/view.hpp>
#include <losses/evaluation/batches.hpp>
#include <losses/evaluation/common_metric.hpp>
#include <losses/evaluation/comparison.hpp>
#include <losses/evaluation/evaluation_progress.hpp>
#include <losses/evaluation/loss_evaluation.hpp>

namespace LOSSES_NAMESPACE {

struct EvaluatorOptions {
  Eigen::Index epochs = 5;
  Eigen::Index batch_size = 32;  ///< rows; the last batch has what is left
  double learning_rate = 1e-3;   ///< given to step(learning_rate), of a model that has it
  std::uint64_t seed = 0;        ///< of the order of the batches
  bool shuffle = true;           ///< a new order for each epoch, the same for all losses
  Metric metric = Metric::automatic;
  double threshold = 0;  ///< above it one prediction means yes: 0 for logits and margins, 0.5 for probabilities
  ProgressBar progress = ProgressBar::automatic;
};

/// A loss of a comparison: {"huber", losses::Huber<float>({.delta = 2})}.
template <class T>
struct NamedLoss {
  std::string name;
  AnyLoss<T> loss;
};

namespace detail {

/// What a model makes of a batch.
template <class Model, class Input>
using PredictionsOf =
    typename Access<std::remove_cvref_t<decltype(std::declval<Model&>().forward(std::declval<const Input&>()))>>::Plain;

template <class Model, class T>
concept StepsByRate = requires(Model& model, T rate) { model.step(rate); };

template <class Model>
concept StepsAlone = requires(Model& model) { model.step(); };

/// A callable of any type, by reference, and how far the run is that it is told about.
class ProgressMeter {
 public:
  template <class F>
  explicit ProgressMeter(F& f)
      : observer_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* observer, const EvaluationProgress& here) { (*static_cast<F*>(observer))(here); }),
        begin_(std::chrono::steady_clock::now()) {}

  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

  /// `share` is that of the present loss which is done.
  void report(double share) {
    now.fraction = (static_cast<double>(now.loss_number - 1) + share) / static_cast<double>(now.losses);
    now.seconds = seconds();
    now.seconds_left = now.seconds * (1 / now.fraction - 1);
    call_(observer_, now);
  }

  EvaluationProgress now;

 private:
  void* observer_;
  void (*call_)(void*, const EvaluationProgress&);
  std::chrono::steady_clock::time_point begin_;
};

template <class L>
std::string_view name_of_loss() {
  if constexpr (requires { typename L::Rule; }) {
    return name_of<typename L::Rule>();
  } else {
    return "loss";
  }
}

}  // namespace detail

/// A model that LossEvaluator can train: it is copied, gives predictions (an Eigen object with a row per sample) for a batch,
/// takes the gradient of a loss with respect to them, and makes a step, by a learning rate that it is given or knows itself.
template <class Model, class Input>
concept TrainableModel =
    std::copy_constructible<Model> &&
    requires(Model& model, const Input& batch, const detail::PredictionsOf<Model, Input>& gradient) {
      model.forward(batch);
      model.backward(gradient);
    } &&
    (detail::StepsByRate<Model, typename detail::PredictionsOf<Model, Input>::Scalar> || detail::StepsAlone<Model>);

/// Trains copies of one model with different losses, from the same start and on the same batches.
///
///   losses::LossEvaluator evaluator(model, x, y, x_validation, y_validation, {.epochs = 50, .seed = 1});
///   auto run = evaluator.evaluate("huber", losses::Huber<float>());
///   auto comparison = evaluator.compare({{"mse", losses::MSE<float>()}, {"huber", losses::Huber<float>()}});
///   std::cout << comparison;
///   comparison.write_csv("losses.csv");
///   comparison.plot("losses.svg");
///
/// The model is of any class with
///
///   model.forward(batch)         predictions, a row per sample; the batch is a plain Eigen matrix of some rows of x
///   model.backward(gradient)     dL/dpredictions, of their type
///   model.step()                 or step(learning_rate), which is preferred; Adam is usual
///   a copy that shares nothing   or the comparison says in its `remark` that the losses did not start alike
///
/// x is [n × d]; y are numbers [n] or [n × k] with the predictions' scalar, or integer labels [n] (of Eigen, or a
/// std::vector). Model and data are copied once.
///
/// The training loss of an epoch is the mean of its batches' values, each weighted by its rows and taken before its step; the
/// validation loss is the same mean over the validation data after the last step, and the metric is of all predictions
/// there. The metric is one of the options, or one's own as the last argument: OwnMetric{"F1", f1}.
///
/// A loss or model that throws and a value that is not finite end their own run only: `failure` says why and when. The
/// same model, data and options give the same results to the bit, but for `seconds`.
/// Throws std::invalid_argument for data without rows, shapes that do not fit, options, and a metric that the targets do not
/// allow. What an observer throws goes to the caller.
template <class Model, class Input, class Target, class CommonMetric = BuiltInMetric>
  requires TrainableModel<Model, Input>
class LossEvaluator {
 public:
  using Predictions = detail::PredictionsOf<Model, Input>;
  using Scalar = typename Predictions::Scalar;

  template <class X, class Y, class XV, class YV>
  LossEvaluator(Model model, const X& inputs, const Y& targets, const XV& validation_inputs,
                const YV& validation_targets, const EvaluatorOptions& options = {}, CommonMetric metric = {})
      : model_(std::move(model)),
        train_{detail::copied<Input>(inputs, "LossEvaluator", "inputs"),
               detail::copied<Target>(targets, "LossEvaluator", "targets")},
        validation_{detail::copied<Input>(validation_inputs, "LossEvaluator", "validation_inputs"),
                    detail::copied<Target>(validation_targets, "LossEvaluator", "validation_targets")},
        options_(options),
        metric_(std::move(metric)) {
    check_options();
    train_.check("LossEvaluator", "");
    validation_.check("LossEvaluator", "validation_");
    check_columns(train_.inputs.cols(), validation_.inputs.cols(), "inputs");
    check_columns(train_.targets.cols(), validation_.targets.cols(), "targets");
    if constexpr (has_built_in_metric) choose_metric();
  }

  /// Trains a copy of the model with one loss. Without a name it has that of its type.
  template <class L>
  LossEvaluation evaluate(std::string_view name, const L& loss) const {
    detail::ProgressLine line(options_.progress);
    detail::ProgressMeter meter(line);
    return run({std::string(name), AnyLoss<Scalar>(loss)}, meter);
  }

  template <class L>
  LossEvaluation evaluate(const L& loss) const {
    return evaluate(detail::name_of_loss<L>(), loss);
  }

  /// Trains a copy with each loss, one after the other. An observer is called with an EvaluationProgress after each batch, in
  /// place of the line on standard error.
  Comparison compare(const std::vector<NamedLoss<Scalar>>& losses) const {
    detail::ProgressLine line(options_.progress);
    return compare(losses, line);
  }

  template <class Observer>
    requires std::invocable<Observer&, const EvaluationProgress&>
  Comparison compare(const std::vector<NamedLoss<Scalar>>& losses, Observer&& observer) const {
    require(!losses.empty(), "LossEvaluator: there are no losses to compare");
    Comparison comparison{.metric = metric_name(), .higher_is_better = higher_is_better()};
    auto tell = [&observer](const EvaluationProgress& now) { observer(now); };
    detail::ProgressMeter meter(tell);
    meter.now.losses = static_cast<Index>(losses.size());
    bool alike = true;
    for (const auto& loss : losses) {
      comparison.runs.push_back(run(loss, meter));
      ++meter.now.loss_number;
      const double first = comparison.runs.front().start_metric, here = comparison.runs.back().start_metric;
      alike = alike && !(first < here || first > here);
    }
    if (!alike) {
      comparison.remark =
          "The losses did not start alike: copies of the model share state, or draw random numbers of their own.";
    }
    return comparison;
  }

  /// What the losses are compared by, and whether more of it is better.
  std::string metric_name() const {
    if constexpr (has_built_in_metric) {
      return detail::name_of_metric(built_in_);
    } else {
      return metric_.name;
    }
  }
  bool higher_is_better() const {
    if constexpr (has_built_in_metric) {
      return !detail::is_error(built_in_);
    } else {
      return metric_.higher_is_better;
    }
  }

 private:
  using Index = Eigen::Index;
  using Samples = detail::Samples<Input, Target>;
  static constexpr bool has_built_in_metric = std::same_as<CommonMetric, BuiltInMetric>;
  static constexpr bool has_labels = std::integral<typename Target::Scalar>;

  void check_options() const {
    require(options_.epochs >= 1, "LossEvaluator: epochs is ", options_.epochs, ", but must be 1 or more");
    require(options_.batch_size >= 1, "LossEvaluator: batch_size is ", options_.batch_size, ", but must be 1 or more");
    require(options_.learning_rate > 0 && std::isfinite(options_.learning_rate), "LossEvaluator: learning_rate is ",
            options_.learning_rate, ", but must be finite and positive");
    detail::require_named(options_.metric, Metric::balanced_accuracy, "LossEvaluator", "metric", "Metric");
    detail::require_named(options_.progress, ProgressBar::off, "LossEvaluator", "progress", "ProgressBar");
    require(!std::isnan(options_.threshold), "LossEvaluator: threshold is nan, but must be a number");
  }

  static void check_columns(Index train, Index validation, std::string_view what) {
    require(train == validation, "LossEvaluator: validation_", what, " has ", validation, " columns, but must have ",
            train, ", as ", what);
  }

  void choose_metric() {
    using detail::TargetKind;
    if constexpr (has_labels) {
      require(train_.targets.cols() == 1, "LossEvaluator: targets has ", train_.targets.cols(),
              " columns of labels, and so needs an OwnMetric");
      kind_ = TargetKind::labels;
    } else {
      kind_ = std::min(detail::kind_of_numbers(detail::view_of(train_.targets)),
                       detail::kind_of_numbers(detail::view_of(validation_.targets)));
    }
    const bool has_classes = kind_ != TargetKind::numbers;
    built_in_ = options_.metric != Metric::automatic ? options_.metric
                : has_classes                        ? Metric::accuracy
                                                     : Metric::root_mean_squared_error;
    require(detail::is_error(built_in_) ? !has_labels : has_classes, "LossEvaluator: metric is ", metric_name(),
            ", but the targets are ", has_labels ? "labels" : "neither labels, nor 0 and 1, nor -1 and 1");
  }

  double measure(const Predictions& predictions) const {
    if constexpr (has_built_in_metric) {
      return detail::measure(built_in_, kind_, options_.threshold, predictions, validation_.targets);
    } else {
      return static_cast<double>(metric_.value(predictions, validation_.targets));
    }
  }

  static Predictions predict(Model& model, const Input& inputs) {
    Predictions predictions(model.forward(inputs));
    require(predictions.rows() == inputs.rows(), "LossEvaluator: the model made ", predictions.rows(),
            " predictions for a batch of ", inputs.rows(), " rows");
    return predictions;
  }

  void step(Model& model) const {
    if constexpr (detail::StepsByRate<Model, Scalar>) {
      model.step(static_cast<Scalar>(options_.learning_rate));
    } else {
      model.step();
    }
  }

  /// Does something that the caller's code has a part in. What it throws, and false, end the run.
  template <class F>
  static bool attempt(LossEvaluation& run, Index epoch, const F& f) {
    const std::string when =
        epoch == 0 ? std::string("failed before the first epoch: ") : detail::text_of("failed in epoch ", epoch, ": ");
#if LOSSES_EXCEPTIONS
    try {
      f();
    } catch (const std::exception& error) {
      run.failure = when + error.what();
    } catch (...) {
      run.failure = when + "what was thrown is no std::exception";
    }
#else
    f();
#endif
    return run.finished();
  }

  /// The validation data, batch by batch: the metric of all predictions, and with a loss its mean.
  double validate(Model& model, const AnyLoss<Scalar>* loss, detail::BatchMean& mean) const {
    const detail::BatchOrder order(validation_.rows());
    Samples batch;
    Predictions all;
    for (Index b = 0; b < order.batches(options_.batch_size); ++b) {
      const auto rows = order.batch(b, options_.batch_size);
      validation_.gather(rows, batch);
      const Predictions predictions = predict(model, batch.inputs);
      if (loss != nullptr) mean.add(static_cast<double>(loss->forward(predictions, batch.targets)), predictions.rows());
      if (b == 0) all.resize(validation_.rows(), predictions.cols());
      all.middleRows(rows.front(), predictions.rows()) = predictions;
    }
    return measure(all);
  }

  LossEvaluation run(const NamedLoss<Scalar>& named, detail::ProgressMeter& meter) const {
    LossEvaluation result;
    result.name = named.name;
    meter.now.loss = result.name;
    meter.now.epochs = options_.epochs;
    const double begin = meter.seconds();
    train(named.loss, result, meter);
    if (result.finished()) {
      detail::summarise(result);
    } else {
      meter.report(1);
    }
    result.seconds = meter.seconds() - begin;
    return result;
  }

  void train(const AnyLoss<Scalar>& loss, LossEvaluation& result, detail::ProgressMeter& meter) const {
    std::optional<Model> model;
    detail::BatchMean ignored;
    if (!attempt(result, 0, [&] {
          model.emplace(model_);
          result.start_metric = validate(*model, nullptr, ignored);
        })) {
      return;
    }
    detail::BatchOrder order(train_.rows(), options_.seed);
    const Index batches = order.batches(options_.batch_size);
    meter.now.batches = batches;
    Samples batch;
    Predictions gradient;
    for (Index epoch = 1; epoch <= options_.epochs; ++epoch) {
      if (options_.shuffle) order.shuffle();
      detail::BatchMean mean;
      for (Index b = 1; b <= batches; ++b) {
        const bool goes_on = attempt(result, epoch, [&] {
          train_.gather(order.batch(b - 1, options_.batch_size), batch);
          const Predictions predictions = predict(*model, batch.inputs);
          const double value = static_cast<double>(loss.value_and_gradient(predictions, batch.targets, gradient));
          if (!std::isfinite(value)) {
            result.failure =
                detail::text_of("diverged in epoch ", epoch, ": the training loss of batch ", b, " is ", value);
            return;
          }
          mean.add(value, batch.rows());
          model->backward(gradient);
          step(*model);
        });
        if (!goes_on) return;
        meter.now.epoch = epoch;
        meter.now.batch = b;
        meter.now.train_loss = mean.value();
        if (b < batches)
          meter.report((static_cast<double>(epoch - 1) + static_cast<double>(b) / static_cast<double>(batches)) /
                       static_cast<double>(options_.epochs));
      }
      detail::BatchMean validation;
      double metric = 0;
      const bool goes_on = attempt(result, epoch, [&] {
        metric = validate(*model, &loss, validation);
        if (!std::isfinite(validation.value())) {
          result.failure =
              detail::text_of("diverged in epoch ", epoch, ": the validation loss is ", validation.value());
        }
      });
      if (!goes_on) return;
      result.train_curve.push_back(mean.value());
      result.validation_curve.push_back(validation.value());
      result.metric_curve.push_back(metric);
      meter.report(static_cast<double>(epoch) / static_cast<double>(options_.epochs));
    }
  }

  Model model_;
  Samples train_, validation_;
  EvaluatorOptions options_;
  CommonMetric metric_;
  Metric built_in_ = Metric::automatic;
  detail::TargetKind kind_ = detail::TargetKind::numbers;
};

template <class Model, class X, class Y, class XV, class YV>
LossEvaluator(Model, const X&, const Y&, const XV&, const YV&, const EvaluatorOptions& = {})
    -> LossEvaluator<Model, detail::BatchOf<X>, detail::BatchOf<Y>>;

template <class Model, class X, class Y, class XV, class YV, class CommonMetric>
LossEvaluator(Model, const X&, const Y&, const XV&, const YV&, const EvaluatorOptions&, CommonMetric)
    -> LossEvaluator<Model, detail::BatchOf<X>, detail::BatchOf<Y>, CommonMetric>;

}  // namespace LOSSES_NAMESPACE
