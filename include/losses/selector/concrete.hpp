// SPDX-License-Identifier: MIT
#pragma once

/// The loss of a descriptor that is known when the program is compiled, as its own type.

#include <concepts>

#include <losses/classification/bce_with_logits.hpp>
#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/focal_with_logits.hpp>
#include <losses/classification/label_smoothing.hpp>
#include <losses/classification/multi_label_bce.hpp>
#include <losses/classification/softmax_focal.hpp>
#include <losses/compose/sum.hpp>
#include <losses/detection/ciou.hpp>
#include <losses/generative/adversarial_mse.hpp>
#include <losses/metric/triplet.hpp>
#include <losses/ranking/margin_ranking.hpp>
#include <losses/regression/huber.hpp>
#include <losses/regression/l1.hpp>
#include <losses/regression/mse.hpp>
#include <losses/segmentation/softmax_dice.hpp>
#include <losses/selector/rules.hpp>
#include <losses/sequence/ctc.hpp>

namespace LOSSES_NAMESPACE {

namespace detail {

/// The loss of a choice, with the options that the rules set.
template <Choice choice, std::floating_point T>
auto chosen_loss(const TaskDescriptor& d) {
  if constexpr (choice == Choice::huber) {
    return Huber<T>({.delta = 1});
  } else if constexpr (choice == Choice::mse) {
    return MSE<T>();
  } else if constexpr (choice == Choice::l1) {
    return L1<T>();
  } else if constexpr (choice == Choice::focal_with_logits) {
    return FocalWithLogits<T>({.alpha = T(0.25), .gamma = 2});
  } else if constexpr (choice == Choice::bce_with_pos_weight || choice == Choice::bce_with_logits) {
    return BCEWithLogits<T>({.pos_weight = static_cast<T>(binary_pos_weight(d))});
  } else if constexpr (choice == Choice::label_smoothing) {
    return LabelSmoothing<T>({.smoothing = T(0.1)});
  } else if constexpr (choice == Choice::softmax_focal) {
    return SoftmaxFocal<T>({.gamma = 2});
  } else if constexpr (choice == Choice::cross_entropy || choice == Choice::pixel_cross_entropy) {
    return CrossEntropy<T>();
  } else if constexpr (choice == Choice::cross_entropy_and_dice) {
    return T(0.5) * CrossEntropy<T>() + T(0.5) * SoftmaxDice<T>();
  } else if constexpr (choice == Choice::multi_label_bce) {
    return MultiLabelBCE<T>({.pos_weight = static_cast<T>(d.pos_weight)});
  } else if constexpr (choice == Choice::ciou) {
    return CIoU<T>();
  } else if constexpr (choice == Choice::adversarial_and_mse) {
    return AdversarialMSE<T>();
  } else if constexpr (choice == Choice::ctc) {
    return CTC<T>();
  } else if constexpr (choice == Choice::triplet) {
    return Triplet<T>();
  } else {
    return MarginRanking<T>();
  }
}

}  // namespace detail

/// The loss that the rules of `select` name, as its own type: no table, no virtual call.
///
///   auto loss = losses::select<losses::TaskDescriptor{.task = losses::Task::regression, .has_outliers = true}, float>();
///   static_assert(std::same_as<decltype(loss), losses::Huber<float>>);
template <TaskDescriptor descriptor, std::floating_point T = float>
auto select() {
  static_assert(
      detail::is_consistent(descriptor),
      "select: imbalance_ratio must be finite and at least 1, pos_weight finite and positive, and num_classes at "
      "least 2 where there are classes");
  return detail::chosen_loss<detail::choose(descriptor), T>(descriptor);
}

}  // namespace LOSSES_NAMESPACE
