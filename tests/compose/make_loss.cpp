// SPDX-License-Identifier: MIT

#include <map>

#include <losses/classification/cross_entropy.hpp>
#include <losses/compose/make_loss.hpp>
#include <losses/regression/huber.hpp>
#include <losses/segmentation/softmax_dice.hpp>
#include <losses/tensor.hpp>

#include "catch.hpp"
#include "inputs.hpp"

using namespace losses_test;
using Catch::Matchers::ContainsSubstring;
using losses::describe;
using losses::make_loss;

namespace {

struct Own {
  using Scalar = float;
  using Shape = losses::per_element;

  template <class V>
  losses::Terms<V> operator()(V a, V b) const {
    return {.value = a * b, .slope = b};
  }
};

const Eigen::MatrixXf p = Eigen::MatrixXf::Random(5, 3);
const Eigen::MatrixXf y = Eigen::MatrixXf::Random(5, 3);
const std::vector<int> labels = {0, 1, 2, 0, 1};

std::string message(std::string_view text, const losses::LossOptions& options = {}) {
  try {
    make_loss(text, options);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("make_loss: the loss of the name, with the options") {
  const losses::Huber<float> huber({.delta = 0.3f}, losses::Reduction::sum);
  CHECK(make_loss("huber", {{"delta", "0.3"}, {"reduction", "sum"}}).forward(p, y) == huber.forward(p, y));
  CHECK(make_loss("huber(delta=0.3, reduction=sum)").forward(p, y) == huber.forward(p, y));
  CHECK(make_loss(" huber ( delta = 0.3 ) ", {{"reduction", "sum"}}).forward(p, y) == huber.forward(p, y));
  const std::map<std::string, std::string> options = {{"delta", "0.3"}, {"reduction", "sum"}};
  CHECK(make_loss("huber", options).forward(p, y) == huber.forward(p, y));
  const losses::CrossEntropy<float> entropy({.class_weights = {1, 2, 0.5f}, .label_smoothing = 0.1f});
  for (const char* list : {"1, 2, 0.5", "[1,2,0.5]"}) {
    const auto made = make_loss("cross_entropy", {{"class_weights", list}, {"label_smoothing", "0.1"}});
    CHECK(made.forward(p, labels) == entropy.forward(p, labels));
  }
}

TEST_CASE("make_loss: a sum is the sum of its terms") {
  const auto loss = make_loss("0.25*cross_entropy(label_smoothing=0.1) + softmax_dice + -1e-1*cross_entropy");
  const losses::CrossEntropy<float> smoothed({.label_smoothing = 0.1f}), plain;
  const losses::SoftmaxDice<float> dice;
  const auto terms = loss.terms(p, labels);
  REQUIRE(terms.size() == 3);
  CHECK(terms[0] == smoothed.forward(p, labels));
  CHECK(terms[1] == dice.forward(p, labels));
  const float value = loss.forward(p, labels);
  CHECK(value == Catch::Approx(0.25f * terms[0] + terms[1] - 0.1f * terms[2]));
  Eigen::MatrixXf gradient;
  CHECK(loss.value_and_gradient(p, labels, gradient) == value);
  const Eigen::MatrixXf expected =
      0.25f * smoothed.gradient(p, labels) + dice.gradient(p, labels) - 0.1f * plain.gradient(p, labels);
  CHECK((gradient - expected).norm() < 1e-6f);
  loss.value_and_gradient(p, labels, losses::add_to(gradient, -1));
  CHECK(gradient.norm() < 1e-6f);
}

TEST_CASE("make_loss: a sum checks all its terms before the first one writes") {
  const auto loss = make_loss("0.5*cross_entropy(ignore_index=7) + 0.5*softmax_dice");
  auto wrong = labels;
  wrong[2] = 7;
  Eigen::MatrixXf gradient = Eigen::MatrixXf::Constant(5, 3, 42);
  CHECK_THROWS_WITH(loss.value_and_gradient(p, wrong, gradient), ContainsSubstring("SoftmaxDice: target[2] is 7"));
  CHECK((gradient.array() == 42).all());
  Eigen::MatrixXf x = p;
  CHECK_THROWS_WITH(loss.value_and_gradient(x, labels, x), ContainsSubstring("Sum: gradient shares memory"));
  CHECK(x == p);
}

TEST_CASE("make_loss: a regulariser beside a loss is not given the target") {
  const Eigen::MatrixXf picture = Eigen::MatrixXf::Random(6, 7), wanted = Eigen::MatrixXf::Random(6, 7);
  const auto loss = make_loss("mse + 0.01*total_variation");
  const auto terms = loss.terms(picture, wanted);
  CHECK(terms[1] == make_loss("total_variation").forward(picture));
  Eigen::MatrixXf gradient;
  CHECK(loss.value_and_gradient(picture, wanted, gradient) == loss.forward(picture, wanted));

  // But the weights. Four differences of 2, 2, 5 and 1, and none.
  Eigen::Tensor<float, 4> pictures(2, 1, 2, 2), zero(2, 1, 2, 2);
  pictures.setValues({{{{1, 3}, {6, 4}}}, {{{5, 5}, {5, 5}}}});
  zero.setZero();
  const auto weighted = loss.terms(pictures, zero, Eigen::Vector2f(3, 1));
  CHECK(weighted == std::vector<float>{(3 * (1 + 9 + 36 + 16) + 4 * 25) / 16.0f, 3 * 10 / 4.0f});
}

TEST_CASE("describe: the text that makes the same loss") {
  CHECK(describe(losses::Huber<float>()) == "huber");
  CHECK(describe(losses::Huber<float>({.delta = 1.5f}, losses::Reduction::sum)) == "huber(delta=1.5, reduction=sum)");
  CHECK(describe(losses::CrossEntropy<float>({.class_weights = {1, 2.5f}})) == "cross_entropy(class_weights=[1, 2.5])");
  const float third = 1.0f / 3;
  const auto text = describe(losses::Huber<float>({.delta = third}));
  CHECK(make_loss(text).forward(p, y) == losses::Huber<float>({.delta = third}).forward(p, y));
  const auto sum = 0.5f * losses::CrossEntropy<float>({.label_smoothing = 0.1f}) + losses::SoftmaxDice<float>() * 2;
  CHECK(describe(sum) == "0.5*cross_entropy(label_smoothing=0.1) + 2*softmax_dice");
  CHECK(describe(losses::AnyLoss<float>(sum)) == describe(sum));
  CHECK(describe(make_loss(describe(sum))) == describe(sum));
  // A default that follows from another option is not said, and follows again.
  CHECK(describe(make_loss("focal(alpha=0.75)")) == "focal(alpha=0.75)");
  CHECK(describe(make_loss("focal(alpha=0.75, alpha_negative=0.75)")) == "focal(alpha=0.75, alpha_negative=0.75)");
}

TEST_CASE("make_loss: what it refuses") {
  CHECK_THAT(message("hubr"), ContainsSubstring("hubr is not a loss; did you mean huber?") &&
                                  ContainsSubstring("l1, mse") && ContainsSubstring("ctc"));
  CHECK_THAT(message("zzzzzzz"), ContainsSubstring("zzzzzzz is not a loss; known losses are: "));
  CHECK(message("huber", {{"delt", "1"}}) ==
        "make_loss: huber has no option delt; did you mean delta? its options are: delta, reduction");
  CHECK(message("huber", {{"delta", "abc"}}) == "make_loss: huber: delta is \"abc\", but must be a number");
  CHECK(message("huber", {{"delta", "1.5x"}}) == "make_loss: huber: delta is \"1.5x\", but must be a number");
  CHECK(message("huber", {{"delta", ""}}) == "make_loss: huber: delta is \"\", but must be a number");
  CHECK(message("huber", {{"delta", "-1"}}) == "Huber: delta is -1, but must be positive");
  CHECK(message("huber(delta=1)", {{"delta", "1"}}) == "make_loss: huber: delta is given twice");
  CHECK(message("huber(reduction=average)") ==
        "make_loss: huber: reduction is \"average\", but must be mean, sum or batch_mean");
  CHECK(message("ctc(zero_infinity=1)") == "make_loss: ctc: zero_infinity is \"1\", but must be true or false");
  CHECK(message("ctc(blank=0.5)") == "make_loss: ctc: blank is \"0.5\", but must be an integer");
  CHECK(message("ctc(input=logit)") == "make_loss: ctc: input is \"logit\", but must be logits or log_probabilities");
  for (const char* list : {"1,,2", "1,", "[1, 2", "1]", "a"}) {
    INFO(list);
    CHECK_THAT(
        message("cross_entropy", {{"class_weights", list}}),
        ContainsSubstring("class_weights is \"") && ContainsSubstring("must be a number, or a list as [1, 2, 3]"));
  }
  CHECK_THAT(message("multi_quantile(quantiles=[0.1, 2])"), ContainsSubstring("MultiQuantile: quantiles[1] is 2"));
  CHECK(message("huber + l1", {{"delta", "1"}}) ==
        "make_loss: \"huber + l1\" is a sum: options stand in parentheses behind each name");
  CHECK(message("triplet + l1") == "make_loss: Triplet has 3 predictions, but the terms of a sum have one");
  CHECK_THAT(message("0.5*huber + "), ContainsSubstring("has an end at 12, where the name of a loss must be"));
  CHECK_THAT(message("0.5 huber"), ContainsSubstring("has h at 4, where * must be"));
  CHECK_THAT(message("huber l1"), ContainsSubstring("has l at 6, where + must be"));
  CHECK_THAT(message("huber(delta)"), ContainsSubstring("where = must be"));
  CHECK_THAT(message("huber(delta=1"), ContainsSubstring("where , or ) must be"));
  CHECK_THAT(message(""), ContainsSubstring("where the name of a loss must be"));
  CHECK_THROWS_WITH(describe(losses::Loss<Own>()), "describe: Own is not in the table of losses");
}
