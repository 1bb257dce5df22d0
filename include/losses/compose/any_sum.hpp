// SPDX-License-Identifier: MIT
#pragma once

/// A sum whose terms are known at run time alone.

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <losses/compose/any_loss.hpp>

namespace LOSSES_NAMESPACE::detail {

template <class T>
class ErasedSum final : public ErasedLoss<T> {
 public:
  struct Term {
    T factor;
    AnyLoss<T> loss;
  };

  explicit ErasedSum(std::vector<Term> terms) : terms_(std::move(terms)) {
    for (const auto& [factor, loss] : terms_) {
      for (LossPart part : loss.erased().parts) {
        part.factor *= static_cast<double>(factor);
        this->parts.push_back(part);
      }
    }
    for (std::size_t inputs = 1; inputs < max_arguments; ++inputs) this->add_gradients(inputs, 1);
  }

  T run(ErasedVerb verb, const ErasedCall<T>& call) const override {
    require(verb != ErasedVerb::unreduced, "Sum: has no unreduced values");
    if (verb == ErasedVerb::forward) return value(call);
    check_overlap(call);
    for (const auto& term : terms_) run(term, ErasedVerb::check, call, call.outputs);
    return verb == ErasedVerb::check ? 0 : write(call);
  }

  std::vector<T> terms(const ErasedCall<T>& call) const override {
    std::vector<T> values;
    for (const auto& term : terms_) values.push_back(run(term, ErasedVerb::forward, call, nullptr));
    return values;
  }

 private:
  static const View<const T>& prediction(const ErasedCall<T>& call) {
    return *static_cast<const View<const T>*>(call.inputs[0].view);
  }

  /// A regulariser is not given the target.
  static T run(const Term& term, ErasedVerb verb, const ErasedCall<T>& call, Destination<T>* to) {
    const ErasedLoss<T>& loss = term.loss.erased();
    if (loss.takes_target || call.input_count < 2) {
      return loss.run(verb, {call.executor, call.inputs, call.input_count, to});
    }
    ErasedInput inputs[max_arguments] = {call.inputs[0]};
    for (std::size_t i = 2; i < call.input_count; ++i) inputs[i - 1] = call.inputs[i];
    return loss.run(verb, {call.executor, inputs, call.input_count - 1, to});
  }

  T value(const ErasedCall<T>& call) const {
    double sum = 0;
    for (const auto& term : terms_) {
      const T value = run(term, ErasedVerb::forward, call, nullptr);
      if (term.factor != 0) sum += static_cast<double>(term.factor) * static_cast<double>(value);
    }
    return static_cast<T>(sum);
  }

  T write(const ErasedCall<T>& call) const {
    Destination<T>& to = *call.outputs;
    to.fit(prediction(call).extents);
    bool adds = to.adds;
    double sum = 0;
    for (const auto& term : terms_) {
      if (term.factor == 0) continue;
      const double factor = static_cast<double>(term.factor);
      Destination<T> part{{to.view, adds, to.factor * factor}, to.object};
      sum += factor * static_cast<double>(run(term, ErasedVerb::value_and_gradient, call, &part));
      adds = true;
    }
    for (Index i = 0; !adds && i < to.view.extents.count(); ++i) element(to.view, i) = 0;
    return static_cast<T>(sum);
  }

  void check_overlap(const ErasedCall<T>& call) const {
    const auto gradient = byte_range(call.outputs->view), input = byte_range(prediction(call));
    require(!overlap(gradient, input) || !overlap(footprint(call.outputs->view), footprint(prediction(call))),
            "Sum: gradient shares memory with prediction, which the terms of a sum read again");
  }

  std::vector<Term> terms_;
};

}  // namespace LOSSES_NAMESPACE::detail
