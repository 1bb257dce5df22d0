// SPDX-License-Identifier: MIT
#pragma once

/// Arguments for every loss of the table, without their types: what LossArguments says of them is all that is known.

#include <deque>
#include <utility>
#include <vector>

#include <losses/compose/make_loss.hpp>

#include "inputs.hpp"

namespace losses_test {

namespace detail = losses::detail;

class Example {
 public:
  using Data = losses::LossArguments;

  explicit Example(Data data) { fill(data); }
  Example(const Example&) = delete;

  int gradients = 1;

  float forward(const losses::AnyLoss<float>& loss) const {
    return loss.erased().run(detail::ErasedVerb::forward, call(nullptr));
  }

  /// Into gradients of the shapes of the predictions, written or added, times a factor.
  float value_and_gradient(const losses::AnyLoss<float>& loss, std::vector<Columns<float>>& made, bool adds = false,
                           double factor = 1) const {
    std::vector<detail::Destination<float>> to;
    for (int i = 0; i < gradients; ++i) {
      detail::View<const float> like = views_[static_cast<std::size_t>(i)];
      auto& each = made[static_cast<std::size_t>(i)];
      detail::View<float> view{each.data(), like.extents, {}};
      for (int axis = 0; axis < detail::max_rank; ++axis) view.stride[axis] = like.stride[axis];
      to.push_back({{view, adds, factor}, &each});
    }
    return loss.erased().run(detail::ErasedVerb::value_and_gradient, call(to.data()));
  }

  /// Gradients full of one number.
  std::vector<Columns<float>> gradients_of(float value) const {
    std::vector<Columns<float>> made;
    for (int i = 0; i < gradients; ++i) {
      made.push_back(Columns<float>::Constant(views_[static_cast<std::size_t>(i)].extents.count(), 1, value));
    }
    return made;
  }

  /// The same with another kind of argument in the last place.
  std::string message_of_wrong_argument(const losses::AnyLoss<float>& loss) const {
    auto inputs = inputs_;
    inputs.back() = {detail::Kind::flag, &flag_};
    const Example other(Data::embeddings);
    if (inputs_.back().kind == detail::Kind::flag) inputs.back() = other.inputs_.back();
    try {
      loss.erased().run(detail::ErasedVerb::forward, {{}, inputs.data(), inputs.size()});
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "nothing thrown";
  }

 private:
  static constexpr Index n = 6, c = 4;

  detail::ErasedCall<float> call(detail::Destination<float>* to) const {
    return {{}, inputs_.data(), inputs_.size(), to};
  }

  void fill(Data data) {
    Random random(7);
    const auto numbers = [&](double low, double high) {
      Columns<float> drawn(n, c);
      for (Index i = 0; i < drawn.size(); ++i) drawn.data()[i] = static_cast<float>(random.between(low, high));
      return drawn;
    };
    const auto either = [&](float a, float b, Index columns = c) {
      Columns<float> drawn(n, columns);
      for (Index i = 0; i < drawn.size(); ++i) drawn.data()[i] = random.below(2) == 0 ? a : b;
      return drawn;
    };
    const auto distributions = [&] {
      Columns<float> drawn = numbers(0.1, 1);
      const Columns<float> sums = drawn.rowwise().sum();
      return Columns<float>(drawn / sums.replicate(1, c));
    };
    switch (data) {
      case Data::numbers:
        add(numbers(0.1, 0.9)), add(numbers(0.1, 0.9));
        break;
      case Data::positive_numbers:
        add(numbers(0.5, 2)), add(numbers(0.5, 2));
        break;
      case Data::mean_and_variance:
        gradients = 2;
        add(numbers(-1, 1)), add(numbers(0.5, 2)), add(numbers(-1, 1));
        break;
      case Data::quantiles:
        add(numbers(-1, 1).leftCols(3)), add(numbers(-1, 1).leftCols(1));
        break;
      case Data::probabilities:
        add(numbers(0.1, 0.9)), add(either(0, 1));
        break;
      case Data::logits:
        add(numbers(-2, 2)), add(either(0, 1));
        break;
      case Data::signs:
        add(numbers(-2, 2)), add(either(-1, 1));
        break;
      case Data::masks:
        add(numbers(-2, 2)), add(either(0, 1));
        break;
      case Data::scores:
        gradients = 2;
        add(numbers(-2, 2)), add(numbers(-2, 2)), add(either(-1, 1));
        break;
      case Data::class_logits:
        add(numbers(-2, 2)), add_labels();
        break;
      case Data::class_probabilities:
        add(numbers(0.1, 0.9)), add(either(0, 1));
        break;
      case Data::log_probabilities:
        add(distributions().log()), add_labels();
        break;
      case Data::distributions:
        add(distributions().log()), add(distributions());
        break;
      case Data::label_rows:
        add(numbers(-2, 2)), add_label_rows();
        break;
      case Data::relevances:
        add(numbers(-2, 2)), add(numbers(0, 3));
        break;
      case Data::pairs:
        gradients = 2;
        add(numbers(-1, 1)), add(numbers(-1, 1)), add(either(0, 1, 1));
        break;
      case Data::signed_pairs:
        gradients = 2;
        add(numbers(-1, 1)), add(numbers(-1, 1)), add(either(-1, 1, 1));
        break;
      case Data::triplets:
        gradients = 3;
        add(numbers(-1, 1)), add(numbers(-1, 1)), add(numbers(-1, 1));
        break;
      case Data::views:
        gradients = 2;
        add(numbers(-1, 1)), add(numbers(-1, 1));
        break;
      case Data::embeddings:
        add(numbers(-1, 1)), add_labels();
        break;
      case Data::cosines:
        add(numbers(-0.9, 0.9)), add_labels();
        break;
      case Data::boxes:
        for (int i = 0; i < 2; ++i) {
          Columns<float> boxes = numbers(0, 1);
          boxes.rightCols(2) += 1;
          add(boxes);
        }
        break;
      case Data::sequences:
        add(numbers(-2, 2)), add_labels({1, 2});
        break;
      case Data::judged_scores:
        add(numbers(-2, 2).leftCols(1));
        inputs_.push_back({detail::Kind::flag, &flag_});
        break;
      case Data::judged_outputs:
        gradients = 2;
        add(numbers(-2, 2).leftCols(1)), add(numbers(-2, 2)), add(numbers(-2, 2));
        break;
      case Data::input_gradients:
        add(numbers(-1, 1));
        break;
      case Data::image:
        add_image(random);
        break;
      case Data::images:
        add_image(random), add_image(random);
        break;
    }
  }

  void add(const Columns<float>& values) {
    const auto& kept = numbers_.emplace_back(values);
    inputs_.push_back({detail::Kind::numbers, &views_.emplace_back(detail::view_of(kept))});
  }

  void add_image(Random& random) {
    auto& kept = numbers_.emplace_back(2 * 3 * 12 * 13, 1);
    for (Index i = 0; i < kept.size(); ++i) kept.data()[i] = static_cast<float>(random.between(0.1, 0.9));
    const detail::View<const float> view{kept.data(), {4, {2, 3, 12, 13}}, {3 * 12 * 13, 12 * 13, 13, 1}};
    inputs_.push_back({detail::Kind::numbers, &views_.emplace_back(view)});
  }

  void add_labels(std::vector<int> labels = {0, 1, 3, 1, 0, 2}) {
    const auto& kept = labels_.emplace_back(std::move(labels));
    inputs_.push_back({detail::Kind::labels, &label_views_.emplace_back(detail::whole_labels(kept))});
  }

  void add_label_rows() {
    label_rows_.resize(n, c);
    label_rows_.setConstant(-1);
    for (Index i = 0; i < n; ++i) label_rows_(i, 0) = static_cast<int>(i % c);
    inputs_.push_back({detail::Kind::labels, &label_views_.emplace_back(detail::whole_labels(label_rows_))});
  }

  std::deque<Columns<float>> numbers_;
  std::deque<std::vector<int>> labels_;
  Eigen::ArrayXXi label_rows_;
  bool flag_ = true;
  std::deque<detail::View<const float>> views_;
  std::deque<detail::Labels> label_views_;
  std::vector<detail::ErasedInput> inputs_;
};

}  // namespace losses_test
