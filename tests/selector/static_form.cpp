// SPDX-License-Identifier: MIT
// select with a descriptor as template argument: the concrete type, and the options that the rules set.

#include <losses/selector/concrete.hpp>

#include <concepts>

#include "catch.hpp"

using losses::Noise;
using losses::Task;
using losses::TaskDescriptor;

namespace {

template <TaskDescriptor descriptor, class T = float>
using Chosen = decltype(losses::select<descriptor, T>());

template <Task task>
using Default = Chosen<TaskDescriptor{.task = task}>;

constexpr TaskDescriptor rare{.task = Task::binary_classification, .is_imbalanced = true, .imbalance_ratio = 10.1};
constexpr TaskDescriptor fewer{.task = Task::binary_classification, .is_imbalanced = true, .imbalance_ratio = 10};

static_assert(
    std::same_as<Chosen<TaskDescriptor{.task = Task::regression, .has_outliers = true}>, losses::Huber<float>>);
static_assert(std::same_as<Chosen<TaskDescriptor{.noise = Noise::high}, double>, losses::Huber<double>>);
static_assert(std::same_as<Chosen<TaskDescriptor{.noise = Noise::low}>, losses::MSE<float>>);
static_assert(std::same_as<Chosen<TaskDescriptor{}>, losses::L1<float>>);
static_assert(std::same_as<Chosen<rare>, losses::FocalWithLogits<float>>);
static_assert(std::same_as<Chosen<fewer>, losses::BCEWithLogits<float>>);
static_assert(std::same_as<Default<Task::binary_classification>, losses::BCEWithLogits<float>>);
static_assert(
    std::same_as<
        Chosen<TaskDescriptor{.task = Task::multiclass_classification, .is_imbalanced = true, .has_label_noise = true}>,
        losses::LabelSmoothing<float>>);
static_assert(std::same_as<Chosen<TaskDescriptor{.task = Task::multiclass_classification, .is_imbalanced = true}>,
                           losses::SoftmaxFocal<float>>);
static_assert(std::same_as<Default<Task::multiclass_classification>, losses::CrossEntropy<float>>);
static_assert(std::same_as<Default<Task::multilabel_classification>, losses::MultiLabelBCE<float>>);
static_assert(std::same_as<Default<Task::segmentation>, losses::CrossEntropy<float>>);
static_assert(std::same_as<Chosen<TaskDescriptor{.task = Task::segmentation, .is_imbalanced = true}>,
                           decltype(0.5f * losses::CrossEntropy<float>() + 0.5f * losses::SoftmaxDice<float>())>);
static_assert(std::same_as<Default<Task::detection>, losses::CIoU<float>>);
static_assert(std::same_as<Default<Task::generation>, losses::AdversarialMSE<float>>);
static_assert(std::same_as<Default<Task::sequence_labelling>, losses::CTC<float>>);
static_assert(std::same_as<Default<Task::metric_learning>, losses::Triplet<float>>);
static_assert(std::same_as<Default<Task::ranking>, losses::MarginRanking<float>>);

}  // namespace

TEST_CASE("selector: the static form sets the options of the rules") {
  CHECK(losses::select<TaskDescriptor{.has_outliers = true}>().rule().delta == 1);
  const auto focal = losses::select<rare, double>().rule();
  CHECK(focal.alpha == 0.25);
  CHECK(focal.alpha_negative == 0.75);
  CHECK(focal.gamma == 2);
  CHECK(losses::select<fewer>().rule().pos_weight[0] == 10);
  constexpr TaskDescriptor frequent{
      .task = Task::binary_classification, .is_imbalanced = true, .imbalance_ratio = 4, .pos_weight = 0.25};
  CHECK(losses::select<frequent>().rule().pos_weight[0] == 0.25f);
  CHECK(losses::select<TaskDescriptor{.task = Task::binary_classification}>().rule().pos_weight[0] == 1);
  constexpr TaskDescriptor noisy{.task = Task::multiclass_classification, .has_label_noise = true};
  const auto smoothing = losses::select<noisy, double>().rule();
  CHECK(smoothing.smoothing == 0.1);
  CHECK(smoothing.spread == losses::SmoothingSpread::other_classes);
  constexpr TaskDescriptor imbalanced{.task = Task::multiclass_classification, .is_imbalanced = true};
  CHECK(losses::select<imbalanced>().rule().gamma == 2);
  constexpr TaskDescriptor labels{.task = Task::multilabel_classification, .pos_weight = 3};
  CHECK(losses::select<labels>().rule().pos_weight[0] == 3);
  CHECK(losses::select<TaskDescriptor{.task = Task::metric_learning}>().rule().margin == 1);
}
