// SPDX-License-Identifier: MIT
// describe on data made to have each property, and on data without it, at 20 seeds.

#include <losses/selector/checklist.hpp>

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "inputs.hpp"

using namespace losses_test;
using losses::describe;
using losses::Description;
using losses::Noise;
using losses::Task;

namespace {

constexpr int seeds = 20;
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

Eigen::VectorXd normal(Random& random, Eigen::Index n, double deviation = 1) {
  return Eigen::VectorXd::NullaryExpr(n, [&] { return deviation * random.normal(); });
}

template <class F>
std::string complaint(const F& f) {
  try {
    f();
  } catch (const std::invalid_argument& error) {
    return error.what();
  } catch (const std::out_of_range& error) {
    return std::string("out of range: ") + error.what();
  }
  return "nothing";
}

std::vector<int> labels(Random& random, int n, const std::vector<double>& shares) {
  std::vector<int> result;
  for (int i = 0; i < n; ++i) {
    double drawn = random.between(0, 1);
    int label = 0;
    while (label + 1 < static_cast<int>(shares.size()) && drawn >= shares[static_cast<std::size_t>(label)]) {
      drawn -= shares[static_cast<std::size_t>(label++)];
    }
    result.push_back(label);
  }
  return result;
}

}  // namespace

TEST_CASE("describe: numbers without errors have no outliers, with errors they have, at 20 seeds") {
  for (int seed = 0; seed < seeds; ++seed) {
    for (const int n : {20, 50, 200, 1000, 100000}) {
      if (n > 1000 && seed > 2) continue;
      CAPTURE(seed, n);
      Random random(static_cast<std::uint64_t>(1000 * seed + n));
      Eigen::VectorXd clean = normal(random, n);
      CHECK_FALSE(describe(Task::regression, clean).has_outliers);
      const Eigen::VectorXd uniform = Eigen::VectorXd::NullaryExpr(n, [&] { return random.between(-3, 5); });
      CHECK_FALSE(describe(Task::regression, uniform).has_outliers);
      const Eigen::VectorXi whole = (0.7 * clean).array().round().cast<int>();  // half of them are 0: the MAD is 0 or 1
      CHECK_FALSE(describe(Task::regression, whole).has_outliers);

      const int wrong = std::max(1, n / 20);
      for (int i = 0; i < wrong; ++i) clean[i * (n / wrong)] += i % 2 == 0 ? 30 : -30;
      const Description d = describe(Task::regression, clean);
      CHECK(d.has_outliers);
      CHECK(d.outliers >= wrong);
      CHECK(d.outliers <= wrong + n / 1000);  // beyond 3.5 deviations lie 5 in 10 000 of a normal distribution
      CHECK(d.noise == Noise::medium);        // without residuals nothing is known of it
      CHECK(describe(Task::regression, Eigen::VectorXd(1e6 * clean.array() + 1e9)).outliers == d.outliers);
    }
  }
}

TEST_CASE("describe: the limit of outliers is 3.5 deviations and 150/n, and 1 % of the values must lie beyond it") {
  // Half −1 and half 1 around 0: the median is 0 and the deviation 1.4826.
  const auto with = [](int n, int far, double at) {
    Eigen::VectorXd values(n);
    for (int i = 0; i < n; ++i) values[i] = i % 2 == 0 ? -1 : 1;
    for (int i = 0; i < far; ++i) values[i] *= at;
    return describe(Task::regression, values);
  };
  const double limit = 1.4826 * (3.5 + 0.75);
  CHECK(with(200, 2, limit * 1.001).has_outliers);
  CHECK_FALSE(with(200, 2, limit * 0.999).has_outliers);
  CHECK_FALSE(with(200, 1, limit * 1.001).has_outliers);
  CHECK(with(200, 1, limit * 1.001).outliers == 1);
  CHECK(with(200, 2, 100).spread == Catch::Approx(1.4826));
  CHECK(with(200, 2, 100).outlier_limit == Catch::Approx(4.25));
}

TEST_CASE("describe: where most values are the same, the others tell how far is far") {
  Eigen::VectorXd mostly = Eigen::VectorXd::Constant(100, 5);
  mostly.head(10).setConstant(6);
  CHECK_FALSE(describe(Task::regression, mostly).has_outliers);  // zero-inflated counts, say
  CHECK(describe(Task::regression, mostly).spread == Catch::Approx(1.4826));
  mostly.head(2).setConstant(600);
  CHECK(describe(Task::regression, mostly).outliers == 2);
  mostly.head(3) << -1e300, 1e300, 1.7e308;  // nothing overflows
  CHECK(describe(Task::regression, mostly).outliers == 3);
}

TEST_CASE("describe: residuals tell the noise and their own outliers, at 20 seeds") {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    CAPTURE(seed);
    Random random(seed + 77);
    const Eigen::VectorXd signal = normal(random, 300);
    for (const auto& [deviation, noise] :
         {std::pair(0.03, Noise::low), std::pair(0.25, Noise::medium), std::pair(1.5, Noise::high)}) {
      Eigen::VectorXd residuals = normal(random, 300, deviation);
      Eigen::VectorXd target = signal + residuals;
      const Description d = describe(Task::regression, target, residuals);
      CHECK(d.noise == noise);
      CHECK_FALSE(d.has_outliers);
      residuals.head(9).array() += 40 * deviation;  // hidden in the spread of the targets where the noise is low
      target.head(9).array() += 40 * deviation;
      CHECK(describe(Task::regression, target, residuals).has_outliers);
      CHECK(describe(Task::regression, target, residuals).noise == noise);
    }
    CHECK_FALSE(describe(Task::regression, signal, Eigen::VectorXd(signal * 0.01)).has_outliers);
  }
  // The levels are those of the ratio of the spreads.
  const Eigen::VectorXd target = Eigen::VectorXd::LinSpaced(101, -1, 1);
  const auto noise = [&](double ratio) {
    return describe(Task::regression, target, Eigen::VectorXd(ratio * target)).noise;
  };
  CHECK(noise(0.0999) == Noise::low);
  CHECK(noise(0.1001) == Noise::medium);
  CHECK(noise(0.4999) == Noise::medium);
  CHECK(noise(0.5001) == Noise::high);
  CHECK(noise(0) == Noise::low);
  CHECK(noise(0.5) == Noise::medium);
  CHECK(losses::detail::noise_level(0.1) == Noise::medium);
}

TEST_CASE("describe: each output has its own unit") {
  Random random(5);
  Eigen::MatrixXd target(200, 2);
  target.col(0) = normal(random, 200);
  target.col(1) = 1000 * normal(random, 200);
  CHECK_FALSE(describe(Task::regression, target).has_outliers);
  target.col(0).head(4).setConstant(50);  // in the units of the other column this is nothing
  CHECK(describe(Task::regression, target).outliers == 4);
  target.col(1).setConstant(3);
  CHECK(describe(Task::regression, target).outliers == 4);
}

TEST_CASE("describe: balanced labels are not called imbalanced, rare ones are, at 20 seeds") {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    for (const int n : {20, 100, 1000}) {
      CAPTURE(seed, n);
      Random random(100 * seed + static_cast<std::uint64_t>(n));
      CHECK_FALSE(describe(Task::binary_classification, labels(random, n, {0.5, 0.5})).is_imbalanced);
      CHECK_FALSE(
          describe(Task::multiclass_classification, labels(random, 3 * n, {0.2, 0.2, 0.2, 0.2, 0.2})).is_imbalanced);
      CHECK_FALSE(describe(Task::segmentation, labels(random, 3 * n, {1.0 / 3, 1.0 / 3, 1.0 / 3})).is_imbalanced);
    }
    Random random(seed + 9);
    const Description binary = describe(Task::binary_classification, labels(random, 1000, {0.95, 0.05}));
    CHECK(binary.is_imbalanced);
    CHECK(binary.imbalance_ratio == Catch::Approx(binary.counts[0] / binary.counts[1]));
    CHECK(binary.pos_weight == binary.imbalance_ratio);
    const Description frequent = describe(Task::binary_classification, labels(random, 1000, {0.05, 0.95}));
    CHECK(frequent.is_imbalanced);
    CHECK(frequent.pos_weight == Catch::Approx(1 / frequent.imbalance_ratio));
    CHECK(describe(Task::multiclass_classification, labels(random, 500, {0.5, 0.4, 0.1})).is_imbalanced);
    CHECK(describe(Task::segmentation, labels(random, 500, {0.9, 0.1})).is_imbalanced);
  }
}

TEST_CASE("describe: imbalance begins beyond 3 to 1, where it is more than chance") {
  const auto counts = [](int zeros, int ones) {
    std::vector<int> y(static_cast<std::size_t>(zeros), 0);
    y.insert(y.end(), static_cast<std::size_t>(ones), 1);
    return describe(Task::binary_classification, y);
  };
  CHECK_FALSE(counts(300, 100).is_imbalanced);
  CHECK(counts(301, 100).is_imbalanced);
  CHECK(counts(100, 301).is_imbalanced);
  CHECK_FALSE(counts(7, 2).is_imbalanced);  // 3.5 to 1, as nine coins may fall
  CHECK(counts(7, 2).imbalance_ratio == 3.5);
  CHECK(counts(300, 100).pos_weight == 1);
}

TEST_CASE("describe: labels are counted, classes without samples and ignored samples too") {
  const std::vector<std::int64_t> y = {0, 2, 2, -100, 2, 0, 4};
  const Description d = describe(Task::multiclass_classification, y);
  CHECK(d.counts == std::vector<double>{2, 0, 3, 0, 1});
  CHECK(d.num_classes == 5);
  CHECK(d.samples == 6);
  CHECK(d.imbalance_ratio == 3);
  CHECK(checklist(d)[1].answer ==
        "yes: the most frequent class has 3 times the samples of the rarest, and 2 classes have none");

  Eigen::MatrixXd shares(3, 2);  // probabilities, a column for each class
  shares << 1, 0, 0.25, 0.75, 1, 0;
  CHECK(describe("multiclass classification", shares).counts == std::vector<double>{2.25, 0.75});
  const Eigen::Vector4f soft(0.25f, 0.75f, 0, 1);
  CHECK(describe("binary-classification", soft).counts == std::vector<double>{2, 2});
  CHECK(describe("Binary_Classification", Eigen::Vector4f(-1, 1, -1, -1)).counts == std::vector<double>{3, 1});
}

TEST_CASE("describe: each of several labels has its pos_weight, at 20 seeds") {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    Random random(seed);
    Eigen::MatrixXf y(400, 3);
    for (Eigen::Index i = 0; i < y.rows(); ++i) {
      y.row(i) << static_cast<float>(random.between(0, 1) < 0.5), static_cast<float>(random.between(0, 1) < 0.05), 0;
    }
    const Description d = describe(Task::multilabel_classification, y);
    const double positives = static_cast<double>(y.col(1).sum());
    CHECK(d.is_imbalanced);
    CHECK(d.num_classes == 3);
    CHECK(d.pos_weights[1] == Catch::Approx((400 - positives) / positives));
    CHECK(d.pos_weights[0] == Catch::Approx(1).margin(0.4));
    CHECK(d.pos_weights[2] == 1);  // it never occurs: no weight makes it learnable
    CHECK(d.imbalance_ratio == d.pos_weights[1]);
    CHECK_FALSE(describe(Task::multilabel_classification, Eigen::MatrixXf(y.col(0))).is_imbalanced);
  }
}

TEST_CASE("describe: predictions for samples held out find wrong labels, at 20 seeds") {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    CAPTURE(seed);
    Random random(seed + 31);
    std::vector<int> y = labels(random, 300, {0.4, 0.3, 0.3});
    Eigen::MatrixXd probabilities(300, 3);
    for (int i = 0; i < 300; ++i) {  // right nine times in ten, and unsure where it is not
      const int truth = y[static_cast<std::size_t>(i)];
      const bool unsure = random.between(0, 1) < 0.1;
      for (int k = 0; k < 3; ++k) probabilities(i, k) = unsure ? (k == truth ? 0.3 : 0.35) : (k == truth ? 0.9 : 0.05);
    }
    const Description clean = describe(Task::multiclass_classification, y, probabilities);
    CHECK_FALSE(clean.has_label_noise);
    CHECK(clean.contradicted < 0.02);
    for (std::size_t i = 0; i < 300; i += 5) y[i] = (y[i] + 1) % 3;
    const Description wrong = describe(Task::multiclass_classification, y, probabilities);
    CHECK(wrong.has_label_noise);
    CHECK(wrong.contradicted == Catch::Approx(0.2).margin(0.05));
  }
}

TEST_CASE("describe: a class of one sample contradicts as others do") {
  const std::vector<int> y = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  Eigen::MatrixXd probabilities = Eigen::RowVector2d(0.9, 0.1).replicate(10, 1);
  probabilities.row(3) << 0.2, 0.8;
  probabilities.row(9) << 0.4, 0.6;
  const Description d = describe(Task::multiclass_classification, y, probabilities);
  CHECK(d.contradicted == 0.1);
  CHECK_FALSE(d.has_label_noise);
}

TEST_CASE("describe: what cannot be described is refused by name") {
  const auto regression = [](const std::vector<double>& y) {
    return complaint([&] { describe(Task::regression, y); });
  };
  const auto classes = [](const std::vector<int>& y) {
    return complaint([&] { describe(Task::multiclass_classification, y); });
  };
  const auto binary = [](const std::vector<double>& y) {
    return complaint([&] { describe(Task::binary_classification, y); });
  };
  CHECK(regression({}) == "describe: target is [0], but must have at least one value");
  CHECK(regression({1, not_a_number, 2}) == "describe: target[1] is nan, but must be finite");
  CHECK(regression({1, 2, -inf}) == "describe: target[2] is -inf, but must be finite");
  CHECK(regression({4, 4, 4}) == "describe: target is 4 in every sample: there is nothing to learn");
  CHECK(classes({}) == "describe: target is [0], but must have at least one value");
  CHECK(classes({2, 2}) == "describe: target holds class 2 alone, but must have two classes");
  CHECK(classes({-100, -100}) == "describe: target has no label: all are left out");
  CHECK(classes({0, -1}) ==
        "out of range: describe: target[1] is -1, but must be a label, in [0, 16777216), or -100 to be left out");
  CHECK(complaint([] { describe(Task::multiclass_classification, std::vector<float>{0, 1.5f}); }) ==
        "describe: target[1] is 1.5, but must be a whole number: a label");
  CHECK(complaint([] { describe(Task::multiclass_classification, std::vector<double>{0, not_a_number}); }) ==
        "out of range: describe: target[1] is nan, but must be a label, in [0, 16777216), or -100 to be left out");
  CHECK(binary({0, 2}) == "describe: target[1] is 2, but must be in [0, 1], or -1 and 1");
  CHECK(binary({0, not_a_number}) == "describe: target[1] is nan, but must be in [0, 1], or -1 and 1");
  CHECK(binary({-1, 0}) == "describe: target[1] is 0, but must be -1 or 1, as others are");
  CHECK(binary({1, 1}) == "describe: target is 1 in every sample, but must have both classes");
  CHECK(binary({}) == "describe: target is [0], but must have at least one value");

  const Eigen::MatrixXd ones = Eigen::MatrixXd::Ones(3, 2);
  CHECK(complaint([&] { describe(Task::multilabel_classification, ones); }) ==
        "describe: no label of target has both positives and negatives: there is nothing to learn");
  CHECK(complaint([&] { describe(Task::multilabel_classification, Eigen::MatrixXd(2 * ones)); }) ==
        "describe: target[0, 0] is 2, but must be in [0, 1]");
  CHECK(complaint([&] { describe(Task::detection, ones); }) ==
        "describe: target is [3 x 2], but must be [n x 4]: boxes as x1, y1, x2, y2");
  CHECK(complaint([] { describe(Task::detection, Eigen::RowVector4d(0, 0, -1, 1)); }) ==
        "describe: target[0, 2] is -1, but must be at least x1");
  CHECK(complaint([] { describe(Task::detection, Eigen::RowVector4d(5, 0, 6, -1)); }) ==
        "describe: target[0, 3] is -1, but must be at least y1");
  CHECK(complaint([] { describe(Task::ranking, Eigen::Vector2d(1, not_a_number)); }) ==
        "describe: target[1] is nan, but must be finite");

  const Eigen::Vector3d y(1, 2, 3);
  CHECK(complaint([&] { describe(Task::regression, y, Eigen::Vector2d(1, 2)); }) ==
        "describe: residuals is [2 x 1], but must be [3 x 1], the shape of target");
  CHECK(complaint([&] { describe(Task::regression, y, Eigen::Vector3d(1, not_a_number, 2)); }) ==
        "describe: residuals[1] is nan, but must be finite");
  CHECK(complaint([&] { describe(Task::ranking, y, y); }) ==
        "describe: residuals or predictions tell of regression and multiclass_classification, but the task is ranking");
  CHECK(complaint([&] { describe(Task::multiclass_classification, Eigen::Vector3i(0, 1, 2), ones); }) ==
        "describe: predictions is [3 x 2], but must be [3 x 3]: the probability of each class");
  CHECK(complaint([&] {
          describe(Task::multiclass_classification, Eigen::Vector3i(0, 1, 1), Eigen::MatrixXd(2 * ones));
        }) == "describe: predictions[0, 0] is 2, but must be in [0, 1]: a probability");
  Eigen::MatrixXd last = ones;
  last(2, 1) = -1;
  CHECK(complaint([&] { describe(Task::multiclass_classification, Eigen::Vector3i(0, 1, 1), last); }) ==
        "describe: predictions[2, 1] is -1, but must be in [0, 1]: a probability");
  CHECK(complaint([&] { describe("sorting", y); }).rfind("task_named: there is no task 'sorting'; the tasks are ", 0) ==
        0);
}

TEST_CASE("describe: boxes, lists and pictures have no property to measure, and keep the defaults") {
  const Description boxes = describe(Task::detection, Eigen::RowVector4d(0, 0, 1, 1));
  CHECK(boxes.task == Task::detection);
  CHECK(boxes.samples == 1);
  for (const Task task : {Task::ranking, Task::generation}) {
    const Description d = describe(task, Eigen::MatrixXd::Ones(3, 2));
    CHECK(d.task == task);
    CHECK(d.samples == 3);
    CHECK_FALSE(d.has_outliers);
    CHECK_FALSE(d.is_imbalanced);
  }
  CHECK(describe(Task::metric_learning, std::vector<int>{0, 0, 1}).counts == std::vector<double>{2, 1});
  CHECK(describe(Task::sequence_labelling, Eigen::Vector3i(3, 1, 3)).num_classes == 4);
}

TEST_CASE("describe: it reads any storage, and changes nothing") {
  Eigen::Matrix<float, 3, 4, Eigen::RowMajor> wide;
  wide << 1, 2, 3, 400, 5, 6, 7, 8, 9, 10, 11, 12;
  const auto before = wide;
  const Description strided = describe(Task::regression, wide.col(3)),
                    expression = describe(Task::regression, wide.col(3) * 2);
  CHECK(strided.centre == 12);
  CHECK(expression.centre == 24);
  CHECK(wide == before);
}

TEST_CASE("checklist: four questions about the data, and what was measured") {
  const std::vector<double> calls = {4.4,  4.7,  4.7, 5.9, 6.6, 7.3, 8.1, 8.8, 10.6, 12, 13.5, 14.9,
                                     16.1, 21.2, 119, 124, 142, 159, 182, 212, 43,   24, 27,   29};
  const auto lines = checklist(describe(Task::regression, calls));
  CHECK(lines[0].question == "Task: what is predicted?");
  CHECK(lines[0].answer == "regression, 24 samples");
  CHECK(lines[1].answer == "there are no classes");
  CHECK(lines[2].answer == "yes: 2 samples lie more than 9.75 robust deviations from the median");
  CHECK(lines[3].answer == "not measured: it takes the residuals of a first fit");
  const Eigen::Vector4d y(1, 2, 3, 4);
  CHECK(checklist(describe(Task::regression, y, Eigen::VectorXd(0.25 * y)))[3].answer ==
        "medium noise: what a first fit leaves over has 0.25 of the spread of the targets");
  const auto binary = checklist(describe(Task::binary_classification, std::vector<int>{0, 1, 0}));
  CHECK(binary[0].answer == "binary classification, 3 samples, 2 classes");
  CHECK(binary[1].answer == "yes: the most frequent class has 2 times the samples of the rarest");
  CHECK(binary[2].answer == "a question for regression");
  CHECK(binary[3].answer == "not measured: it takes predictions for samples held out");
}

TEST_CASE("describe: a label beyond all counts, an unknown task, tiny soft targets") {
  const std::vector<int> far = {0, 1, 2000000000};
  CHECK_THROWS_AS(losses::describe("multiclass classification", far), std::out_of_range);
  CHECK_THROWS_WITH(losses::describe(static_cast<losses::Task>(77), Eigen::VectorXd::Ones(3).eval()),
                    "describe: task is 77, but must be one of Task");
  Eigen::Vector4d tiny(5e-324, 0, 0, 0);
  CHECK(losses::describe("binary classification", tiny).imbalance_ratio == std::numeric_limits<double>::max());
}
