// SPDX-License-Identifier: MIT
// select at run time: the loss, its name, the reason and the alternatives; from a descriptor, a description, or a name.

#include <losses/compose/make_loss.hpp>
#include <losses/selector/select.hpp>

#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

using losses::Noise;
using losses::select;
using losses::Task;
using losses::TaskDescriptor;

namespace {

const double ln2 = std::log(2.0);

/// The loss of one prediction and one target.
double at(const losses::Selection<float>& selection, float prediction, float target) {
  return selection.loss.forward(Eigen::VectorXf::Constant(1, prediction), Eigen::VectorXf::Constant(1, target));
}

/// The loss of a sample with these logits and this label.
double at(const losses::Selection<float>& selection, const Eigen::RowVectorXf& logits, int label) {
  return selection.loss.forward(logits, std::vector<int>{label});
}

}  // namespace

TEST_CASE("select: regression") {
  const auto outliers = select<float>({.task = Task::regression, .has_outliers = true});
  CHECK(outliers.name == "huber");
  CHECK(outliers.reason.find("Outliers") == 0);
  CHECK(outliers.alternatives.size() == 3);
  CHECK(at(outliers, 3, 0) == 2.5);  // δ(|r| − δ/2) with δ = 1
  CHECK(at(select<float>({.noise = Noise::high}), 3, 0) == 2.5);
  const auto low = select<float>({.noise = Noise::low});
  CHECK(low.name == "mse");
  CHECK(at(low, 3, 0) == 9);
  const auto medium = select<float>("regression");
  CHECK(medium.name == "l1");
  CHECK(at(medium, 3, 0) == 3);
}

TEST_CASE("select: binary classification, and several labels") {
  TaskDescriptor d{.task = Task::binary_classification};
  CHECK(select<float>(d).name == "bce_with_logits");
  CHECK(at(select<float>(d), 0, 1) == Catch::Approx(ln2));
  d.is_imbalanced = true;
  d.imbalance_ratio = 10;
  CHECK(select<float>(d).name == "bce_with_logits");
  CHECK(at(select<float>(d), 0, 1) == Catch::Approx(10 * ln2));
  CHECK(at(select<float>(d), 0, 0) == Catch::Approx(ln2));
  d.imbalance_ratio = 10.1;
  CHECK(select<float>(d).name == "focal_with_logits");
  CHECK(at(select<float>(d), 0, 1) == Catch::Approx(0.25 * 0.25 * ln2));  // α (1 − p)² log 2
  CHECK(at(select<float>(d), 0, 0) == Catch::Approx(0.75 * 0.25 * ln2));

  const auto labels = select<float>({.task = Task::multilabel_classification, .pos_weight = 4});
  CHECK(labels.name == "multi_label_bce");
  CHECK(at(labels, 0, 1) == Catch::Approx(4 * ln2));
  // From data, a pos_weight for each label: 3 and 1/3.
  Eigen::MatrixXf y(4, 2);
  y << 1, 1, 0, 1, 0, 1, 0, 0;
  const auto described = select<float>(losses::describe(Task::multilabel_classification, y));
  const Eigen::RowVector2f zero = Eigen::RowVector2f::Zero();
  CHECK(described.loss.forward(zero, Eigen::RowVector2f(1, 0)) == Catch::Approx((3 + 1) * ln2 / 2));
  CHECK(described.loss.forward(zero, Eigen::RowVector2f(0, 1)) == Catch::Approx((1 + 1.0 / 3) * ln2 / 2));
}

TEST_CASE("select: classes and pixels") {
  const Eigen::RowVectorXf even = Eigen::RowVectorXf::Zero(3);
  const Eigen::RowVectorXf tilted = (Eigen::RowVectorXf(3) << 1, 0, 0).finished();
  const double lse = std::log(std::exp(1.0) + 2);
  TaskDescriptor d{.task = Task::multiclass_classification, .num_classes = 3};
  CHECK(select<float>(d).name == "cross_entropy");
  CHECK(at(select<float>(d), tilted, 0) == Catch::Approx(lse - 1));
  d.is_imbalanced = true;
  CHECK(select<float>(d).name == "softmax_focal");
  CHECK(at(select<float>(d), even, 0) == Catch::Approx(4.0 / 9 * std::log(3.0)));
  d.has_label_noise = true;
  CHECK(select<float>(d).name == "label_smoothing");
  CHECK(at(select<float>(d), tilted, 0) == Catch::Approx(0.9 * (lse - 1) + 0.1 * lse));

  TaskDescriptor pixels{.task = Task::segmentation};
  CHECK(select<float>(pixels).name == "cross_entropy");
  pixels.is_imbalanced = true;
  const auto both = select<float>(pixels);
  CHECK(both.name == "0.5*cross_entropy + 0.5*softmax_dice");
  // One pixel of class 0, p = 1/3: Dice is 1 − (2/3 + 1)/(1/3 + 1 + 1) = 2/7, and 1 − 1/(4/3) = 1/4 for the other classes.
  const double dice = (2.0 / 7 + 2 * 0.25) / 3;
  CHECK(at(both, even, 0) == Catch::Approx(0.5 * std::log(3.0) + 0.5 * dice));
}

TEST_CASE("select: boxes, pictures, sequences, embeddings and ranks") {
  const auto boxes = select<float>("detection");
  CHECK(boxes.name == "ciou");
  CHECK(boxes.loss.forward(Eigen::RowVector4f(0, 0, 1, 1), Eigen::RowVector4f(0, 0, 1, 1)) ==
        Catch::Approx(0).margin(1e-6));
  const auto pictures = select<float>("generation");
  CHECK(pictures.name == "adversarial_mse");
  CHECK(pictures.alternatives[0].when == "hard quality");
  CHECK(pictures.alternatives[0].name == "perceptual");
  CHECK(pictures.loss.forward(Eigen::VectorXf::Zero(2), Eigen::VectorXf::Constant(3, 2), Eigen::VectorXf::Zero(3)) ==
        Catch::Approx(ln2 + 4));
  const auto sequences = select<float>("sequence-labelling");
  CHECK(sequences.name == "ctc");
  const Eigen::MatrixXf frame = Eigen::MatrixXf::Zero(1, 4);
  CHECK(sequences.loss.forward(frame, std::vector<int>{2}) == Catch::Approx(std::log(4.0)));
  const auto embeddings = select<float>("metric learning");
  CHECK(embeddings.name == "triplet");
  CHECK(embeddings.alternatives[0].name == "contrastive");
  const Eigen::RowVector2f near(0, 0), far(3, 4);
  CHECK(embeddings.loss.forward(near, far, near) == 6);  // d_ap − d_an + margin
  const auto ranks = select<float>("ranking");
  CHECK(ranks.name == "margin_ranking");
  CHECK(ranks.loss.forward(Eigen::VectorXf::Constant(1, 1), Eigen::VectorXf::Constant(1, 3),
                           Eigen::VectorXf::Constant(1, 1)) == 2);
}

TEST_CASE("select: over-fitting is met by label smoothing") {
  for (const auto& [when, name] : select<float>("multiclass_classification").alternatives) {
    if (name == "label_smoothing") CHECK(when == "over-fitting");
  }
  CHECK(select<float>("multiclass_classification").alternatives[0].name == "label_smoothing");
}

TEST_CASE("select: from data to a loss") {
  std::vector<double> calls = {4.4,  4.7,  4.7, 5.9, 6.6, 7.3, 8.1, 8.8, 10.6, 12, 13.5, 14.9,
                               16.1, 21.2, 119, 124, 142, 159, 182, 212, 43,   24, 27,   29};
  CHECK(select<float>(losses::describe(Task::regression, calls)).name == "huber");
  std::vector<int> labels(300, 0);
  for (std::size_t i = 0; i < 60; ++i) labels[i] = 1;
  const auto some = select<float>(losses::describe("binary classification", labels));
  CHECK(some.name == "bce_with_logits");
  CHECK(at(some, 0, 1) == Catch::Approx(4 * ln2));
  for (int& label : labels) label = 1 - label;  // the frequent class is the positive one: it weighs less
  CHECK(at(select<float>(losses::describe("binary classification", labels)), 0, 1) == Catch::Approx(0.25 * ln2));
}

TEST_CASE("select: a name is what make_loss takes, and so are those of the alternatives") {
  const auto is_known = [](std::string_view name) {
    for (const auto& loss : losses::known_losses<float>()) {
      if (loss.name == name) return true;
    }
    return false;
  };
  for (const auto& rule : losses::detail::selection_rules) {
    CAPTURE(rule.name);
    CHECK_NOTHROW(losses::make_loss<float>(rule.name));
    for (const auto& [when, name] : rule.alternatives) {
      CAPTURE(name);
      // Perceptual needs a network besides.
      if (name.find('*') == std::string_view::npos && name != "perceptual") CHECK(is_known(name));
    }
  }
  const auto focal = select<float>({.task = Task::binary_classification, .is_imbalanced = true, .imbalance_ratio = 20});
  CHECK(losses::describe(focal.loss) == "focal_with_logits");
  const auto weighted =
      select<float>({.task = Task::binary_classification, .is_imbalanced = true, .imbalance_ratio = 4});
  CHECK(losses::describe(weighted.loss) == "bce_with_logits(pos_weight=4)");
  const auto pixels = select<float>({.task = Task::segmentation, .is_imbalanced = true});
  CHECK(losses::describe(pixels.loss) == pixels.name);
}

TEST_CASE("select: what is inconsistent or unknown is refused by name") {
  CHECK_THROWS_WITH(select<float>({.imbalance_ratio = 0.5}),
                    "select: imbalance_ratio is 0.5, but must be finite and at least 1");
  CHECK_THROWS_AS(select<float>({.task = Task::segmentation, .num_classes = 1}), std::invalid_argument);
  CHECK_THROWS_WITH(select<float>("sorting"),
                    Catch::Matchers::ContainsSubstring("there is no task 'sorting'; the tasks are regression, "));
}
