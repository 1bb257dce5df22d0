// SPDX-License-Identifier: MIT
// Each rule of the catalogue, and both sides of each of its seams.

#include <losses/selector/rules.hpp>

#include <limits>
#include <set>
#include <stdexcept>
#include <string>

#include "catch.hpp"

using losses::Noise;
using losses::Task;
using losses::TaskDescriptor;
using losses::detail::Choice;
using losses::detail::choose;
using losses::detail::is_consistent;

namespace {

constexpr Task every_task[] = {Task::regression,
                               Task::binary_classification,
                               Task::multiclass_classification,
                               Task::multilabel_classification,
                               Task::segmentation,
                               Task::detection,
                               Task::generation,
                               Task::sequence_labelling,
                               Task::metric_learning,
                               Task::ranking};

constexpr Choice binary(bool imbalanced, double ratio) {
  return choose({.task = Task::binary_classification, .is_imbalanced = imbalanced, .imbalance_ratio = ratio});
}

template <class F>
std::string complaint(const F& f) {
  try {
    f();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("selector: regression is Huber with outliers or high noise, MSE with low noise, else L1") {
  const auto regression = [](bool outliers, Noise noise) {
    return choose({.task = Task::regression, .has_outliers = outliers, .noise = noise});
  };
  CHECK(regression(true, Noise::low) == Choice::huber);
  CHECK(regression(true, Noise::medium) == Choice::huber);
  CHECK(regression(true, Noise::high) == Choice::huber);
  CHECK(regression(false, Noise::high) == Choice::huber);
  CHECK(regression(false, Noise::medium) == Choice::l1);
  CHECK(regression(false, Noise::low) == Choice::mse);
}

TEST_CASE("selector: binary classification is focal beyond 10 to 1, weighted up to it, plain where it is balanced") {
  CHECK(binary(true, 10.1) == Choice::focal_with_logits);
  CHECK(binary(true, std::nextafter(10.0, 11.0)) == Choice::focal_with_logits);
  CHECK(binary(true, 10) == Choice::bce_with_pos_weight);
  CHECK(binary(true, 1) == Choice::bce_with_pos_weight);
  CHECK(binary(false, 1) == Choice::bce_with_logits);
  CHECK(binary(false, 100) == Choice::bce_with_logits);  // the flag decides
}

TEST_CASE("selector: multi-class is label smoothing with label noise, focal where imbalanced, else cross-entropy") {
  const auto classes = [](bool noise, bool imbalanced) {
    return choose({.task = Task::multiclass_classification,
                   .is_imbalanced = imbalanced,
                   .imbalance_ratio = 20,
                   .has_label_noise = noise});
  };
  CHECK(classes(true, true) == Choice::label_smoothing);
  CHECK(classes(true, false) == Choice::label_smoothing);
  CHECK(classes(false, true) == Choice::softmax_focal);
  CHECK(classes(false, false) == Choice::cross_entropy);
}

TEST_CASE("selector: segmentation is cross-entropy with Dice where imbalanced, else cross-entropy") {
  CHECK(choose({.task = Task::segmentation, .is_imbalanced = true}) == Choice::cross_entropy_and_dice);
  CHECK(choose({.task = Task::segmentation}) == Choice::pixel_cross_entropy);
}

TEST_CASE("selector: the other tasks have one loss each") {
  CHECK(choose({.task = Task::multilabel_classification}) == Choice::multi_label_bce);
  CHECK(choose({.task = Task::detection}) == Choice::ciou);
  CHECK(choose({.task = Task::generation}) == Choice::adversarial_and_mse);
  CHECK(choose({.task = Task::sequence_labelling}) == Choice::ctc);
  CHECK(choose({.task = Task::metric_learning}) == Choice::triplet);
  CHECK(choose({.task = Task::ranking}) == Choice::margin_ranking);
}

TEST_CASE("selector: what belongs to another task decides nothing") {
  const TaskDescriptor plain{.task = Task::binary_classification};
  TaskDescriptor other = plain;
  other.has_outliers = other.has_label_noise = true;
  other.noise = Noise::high;
  CHECK(choose(other) == choose(plain));
  CHECK(choose({.task = Task::regression, .is_imbalanced = true, .imbalance_ratio = 50, .has_label_noise = true}) ==
        Choice::l1);
}

TEST_CASE("selector: the defaults of a descriptor") {
  constexpr TaskDescriptor d;
  STATIC_REQUIRE(d.task == Task::regression);
  STATIC_REQUIRE_FALSE(d.has_outliers || d.is_imbalanced || d.has_label_noise);
  STATIC_REQUIRE(d.noise == Noise::medium);
  STATIC_REQUIRE(d.imbalance_ratio == 1);
  STATIC_REQUIRE(d.num_classes == 10);
  STATIC_REQUIRE(d.pos_weight == 1);
}

TEST_CASE("selector: every rule has a name, one sentence, and alternatives that are other losses") {
  for (const auto& rule : losses::detail::selection_rules) {
    CAPTURE(rule.name);
    CHECK_FALSE(rule.name.empty());
    CHECK(rule.reason.back() == '.');
    CHECK(rule.reason.find(". ") == std::string_view::npos);
    std::set<std::string_view> names = {rule.name};
    for (const auto& [when, name] : rule.alternatives) {
      CHECK_FALSE(when.empty());
      CHECK(names.insert(name).second);
    }
  }
}

TEST_CASE("selector: a task by name, in any case and with -, _ or a space") {
  for (const Task task : every_task) {
    std::string name(to_string(task));
    CHECK(losses::task_named(name) == task);
    for (char& letter : name) letter = letter == '_' ? '-' : static_cast<char>(std::toupper(letter));
    CHECK(losses::task_named(name) == task);
  }
  CHECK(losses::task_named("Metric learning") == Task::metric_learning);
  for (const char* unknown : {"", "regressions", "binary", "multi-class"}) {
    CHECK(complaint([&] { losses::task_named(unknown); }) ==
          std::string("task_named: there is no task '") + unknown +
              "'; the tasks are regression, binary_classification, multiclass_classification, "
              "multilabel_classification, segmentation, detection, generation, sequence_labelling, metric_learning, "
              "ranking");
  }
}

TEST_CASE("selector: a descriptor that contradicts itself is refused by name") {
  constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinite = std::numeric_limits<double>::infinity();
  const auto refuses = [](const TaskDescriptor& d, const std::string& sentence) {
    CHECK_FALSE(is_consistent(d));
    CHECK(complaint([&] { losses::detail::check_descriptor(d); }) == sentence);
  };
  refuses({.imbalance_ratio = 0.99}, "select: imbalance_ratio is 0.99, but must be finite and at least 1");
  refuses({.imbalance_ratio = nan_value}, "select: imbalance_ratio is nan, but must be finite and at least 1");
  refuses({.imbalance_ratio = infinite}, "select: imbalance_ratio is inf, but must be finite and at least 1");
  refuses({.task = Task::multiclass_classification, .num_classes = 1},
          "select: num_classes is 1, but must be at least 2 for multiclass_classification");
  refuses({.task = Task::segmentation, .num_classes = 0},
          "select: num_classes is 0, but must be at least 2 for segmentation");
  refuses({.task = Task::multilabel_classification, .num_classes = 0},
          "select: num_classes is 0, but must be at least 1 for multilabel_classification");
  refuses({.pos_weight = 0}, "select: pos_weight is 0, but must be finite and positive");
  refuses({.pos_weight = nan_value}, "select: pos_weight is nan, but must be finite and positive");
  refuses({.task = static_cast<Task>(17)}, "select: task is 17, but must be one of Task");
  refuses({.noise = static_cast<Noise>(5)}, "select: noise is 5, but must be one of Noise");
  for (const Task task : every_task) {
    const TaskDescriptor d{.task = task, .num_classes = 2};
    CHECK(is_consistent(d));
    CHECK_NOTHROW(losses::detail::check_descriptor(d));
  }
  CHECK(is_consistent({.task = Task::multilabel_classification, .num_classes = 1}));
}
