// SPDX-License-Identifier: MIT
// Forty of a hundred labels are wrong. Cross-entropy learns them all by heart, label smoothing a little later; generalized
// cross-entropy, which a wrong label pulls less the more the model doubts it, keeps what the right labels say.
//
// expect: 40 % of the training labels are wrong
// expect: generalized cross-entropy is more than 10 points ahead on the true labels

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include <Eigen/Core>

#include <losses/classification.hpp>

namespace {

constexpr Eigen::Index classes = 4;
constexpr Eigen::Index features = 10;
constexpr Eigen::Index hidden = 64;

struct Samples {
  Eigen::MatrixXf x;               // [n × features]
  std::vector<std::int32_t> y;     // the true classes
  std::vector<std::int32_t> seen;  // what the training sees
};

/// Each class is a ball around a corner of its own; `noise` of the labels name another class.
Samples draw(Eigen::Index n, double noise, std::mt19937& generator) {
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> uniform;
  Samples samples{Eigen::MatrixXf(n, features), {}, {}};
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto label = static_cast<std::int32_t>(generator() % classes);
    for (Eigen::Index k = 0; k < features; ++k) samples.x(i, k) = normal(generator);
    samples.x(i, label) += 3;
    samples.y.push_back(label);
    const bool flips = uniform(generator) < noise;
    const auto shift = flips ? 1 + static_cast<std::int32_t>(generator() % (classes - 1)) : 0;
    samples.seen.push_back((label + shift) % static_cast<std::int32_t>(classes));
  }
  return samples;
}

/// Two layers with a tanh between them.
class Network {
 public:
  explicit Network(unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    const auto fill = [&](Eigen::Index rows, Eigen::Index columns) {
      const float size = 1 / std::sqrt(static_cast<float>(rows));
      return Eigen::MatrixXf(Eigen::MatrixXf::NullaryExpr(rows, columns, [&] { return size * normal(generator); }));
    };
    first_ = fill(features, hidden);
    second_ = fill(hidden, classes);
  }

  const Eigen::MatrixXf& logits(const Eigen::MatrixXf& x) {
    inner_ = (x * first_).array().tanh();
    logits_.noalias() = inner_ * second_;
    return logits_;
  }

  /// A step of gradient descent with momentum, from the gradient of the logits that `x` gave last.
  void step(const Eigen::MatrixXf& x, const Eigen::MatrixXf& gradient, float rate) {
    const Eigen::MatrixXf inner = (gradient * second_.transpose()).array() * (1 - inner_.array().square());
    first_speed_ = 0.9f * first_speed_ - rate * (x.transpose() * inner);
    second_speed_ = 0.9f * second_speed_ - rate * (inner_.transpose() * gradient);
    first_ += first_speed_;
    second_ += second_speed_;
  }

 private:
  Eigen::MatrixXf first_, second_, inner_, logits_;
  Eigen::MatrixXf first_speed_ = Eigen::MatrixXf::Zero(features, hidden);
  Eigen::MatrixXf second_speed_ = Eigen::MatrixXf::Zero(hidden, classes);
};

double accuracy(Network& network, const Eigen::MatrixXf& x, const std::vector<std::int32_t>& labels) {
  const Eigen::MatrixXf& logits = network.logits(x);
  Eigen::Index right = 0;
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    Eigen::Index best = 0;
    logits.row(i).maxCoeff(&best);
    right += best == labels[static_cast<std::size_t>(i)] ? 1 : 0;
  }
  return 100.0 * static_cast<double>(right) / static_cast<double>(logits.rows());
}

template <class Loss>
double train(const char* name, const Loss& loss, const Samples& training, const Samples& test) {
  Network network(7);
  Eigen::MatrixXf gradient;
  for (int epoch = 0; epoch < 300; ++epoch) {
    loss.value_and_gradient(network.logits(training.x), training.seen, gradient);
    network.step(training.x, gradient, 0.5f);
  }
  const double noisy = accuracy(network, training.x, training.seen), clean = accuracy(network, test.x, test.y);
  std::printf("%-28s %15.1f %%  %15.1f %%\n", name, noisy, clean);
  return clean;
}

}  // namespace

int main() {
  std::mt19937 generator(2);
  const Samples training = draw(600, 0.4, generator), test = draw(4000, 0, generator);
  std::printf("40 %% of the training labels are wrong; the classes are told apart from %d features.\n\n",
              static_cast<int>(features));
  std::printf("%-28s %17s  %17s\n", "trained with", "training labels", "test, true labels");
  const double plain = train("cross-entropy", losses::CrossEntropy<float>(), training, test);
  const double smooth =
      train("label smoothing (0.4)", losses::LabelSmoothing<float>({.smoothing = 0.4f}), training, test);
  const double robust =
      train("generalized cross-entropy", losses::GeneralizedCrossEntropy<float>({.q = 0.7f}), training, test);
  const double next = plain > smooth ? plain : smooth;
  std::printf("\n%s\n", robust > next + 10 ? "generalized cross-entropy is more than 10 points ahead on the true labels"
                                           : "generalized cross-entropy is not ahead");
}
