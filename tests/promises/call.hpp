// SPDX-License-Identifier: MIT
#pragma once

/// Arguments as the views of one scalar, at any offset from an aligned address, and the verbs on them.

#include <deque>
#include <limits>
#include <vector>

#include "sample.hpp"

namespace losses_test::promises {

template <class T>
class Call {
 public:
  using Loss = losses::AnyLoss<T>;
  using Verb = losses::detail::ErasedVerb;
  using View = losses::detail::View<const T>;

  explicit Call(const Arguments& arguments, Index offset = 0) : flag_(arguments.flag == 1) {
    for (const Array& each : arguments.numbers) {
      add(each.shape, offset);
      for (std::size_t i = 0; i < each.values.size(); ++i) {
        numbers_.back()(offset + static_cast<Index>(i)) = static_cast<T>(each.values[i]);
      }
    }
    for (int i = 0; i < arguments.predictions; ++i) {
      const View& like = views_[static_cast<std::size_t>(i)];
      gradients_.push_back(Columns<T>(numbers_[static_cast<std::size_t>(i)].rows(), 1));
      losses::detail::View<T> view{gradients_.back().data() + offset, like.extents, {}};
      for (int axis = 0; axis < losses::detail::max_rank; ++axis) view.stride[axis] = like.stride[axis];
      to_.push_back({{view, false, 1.0}, &gradients_.back()});
    }
    if (arguments.label_shape.rank > 0) {
      labels_ = arguments.labels;
      label_matrix_ = Eigen::Map<const LabelMatrix>(labels_.data(), arguments.label_shape[0],
                                                    arguments.label_shape.rank > 1 ? arguments.label_shape[1] : 1);
      label_view_ = arguments.label_shape.rank > 1 ? losses::detail::whole_labels(label_matrix_)
                                                   : losses::detail::whole_labels(labels_);
      inputs_.push_back({losses::detail::Kind::labels, &label_view_});
    }
    if (!arguments.frames.empty()) {
      lengths_ = {arguments.frames, arguments.lengths};
      for (std::size_t i = 0; i < 2; ++i) {
        length_views_[i] = losses::detail::whole_labels(lengths_[i]);
        inputs_.push_back({losses::detail::Kind::labels, &length_views_[i]});
      }
    }
    if (arguments.flag >= 0) inputs_.push_back({losses::detail::Kind::flag, &flag_});
  }
  Call(const Call&) = delete;

  T forward(const Loss& loss, const losses::detail::Executor& executor = {}) const {
    return loss.erased().run(Verb::forward, {executor, inputs_.data(), inputs_.size(), nullptr});
  }

  T value_and_gradient(const Loss& loss, const losses::detail::Executor& executor = {}) {
    return loss.erased().run(Verb::value_and_gradient, {executor, inputs_.data(), inputs_.size(), to_.data()});
  }

  /// The terms, or nothing for a loss that has none.
  std::vector<T> unreduced(const Loss& loss) const {
    losses::detail::TermMatrix<T> terms;
    auto to = losses::detail::term_destination<T>(terms);
    loss.erased().run(Verb::unreduced, {{}, inputs_.data(), inputs_.size(), &to});
    return {terms.data(), terms.data() + terms.size()};
  }

  /// Element i, row by row, of a gradient.
  T& gradient(int prediction, Index i) {
    return gradients_[static_cast<std::size_t>(prediction)](offset(prediction) + i);
  }
  Index size(int prediction) const { return views_[static_cast<std::size_t>(prediction)].extents.count(); }
  void set(std::size_t number, Index i, T value) { numbers_[number](offset(static_cast<int>(number)) + i) = value; }
  void fill_gradients(T value) {
    for (auto& each : gradients_) each.setConstant(value);
  }

 private:
  using LabelMatrix = Eigen::Array<int, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  void add(const Extents& shape, Index offset) {
    numbers_.push_back(Columns<T>::Zero(shape.count() + offset, 1));
    View view{numbers_.back().data() + offset, shape, {}};
    Index stride = 1;
    for (int axis = shape.rank - 1; axis >= 0; --axis) {
      view.stride[axis] = stride;
      stride *= shape[axis];
    }
    views_.push_back(view);
    inputs_.push_back({losses::detail::Kind::numbers, &views_.back()});
  }
  Index offset(int number) const {
    return views_[static_cast<std::size_t>(number)].data - numbers_[static_cast<std::size_t>(number)].data();
  }

  std::deque<Columns<T>> numbers_, gradients_;
  std::deque<View> views_;
  std::vector<losses::detail::Destination<T>> to_;
  std::vector<int> labels_;
  LabelMatrix label_matrix_;
  losses::detail::Labels label_view_, length_views_[2];
  std::vector<std::vector<int>> lengths_;
  bool flag_;
  std::vector<losses::detail::ErasedInput> inputs_;
};

}  // namespace losses_test::promises
