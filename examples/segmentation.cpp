// SPDX-License-Identifier: MIT
// Finds small discs and squares in noise, pixel by pixel: trained with CrossEntropy, with SoftmaxDice, and with their sum.
//
// All but three pixels in a hundred are background: cross-entropy is best at pixels, and the Dice loss, which judges each
// class by its overlap however small it is, at shapes.
//
// expect: CrossEntropy +0\.9[0-9]+ +0\.4
// expect: SoftmaxDice +0\.9[0-9]+ +0\.5
// expect: their sum +0\.9[0-9]+ +0\.5

#include <cmath>
#include <iomanip>
#include <iostream>
#include <random>

#include <losses/classification.hpp>
#include <losses/segmentation.hpp>

namespace {

using Eigen::Index, Eigen::MatrixXf, Eigen::VectorXi;

constexpr Index side = 32, classes = 3, features = 5, hidden = 12;

/// Images as pixels: a row of features for each, and its label (0 background, 1 disc, 2 square).
struct Pixels {
  MatrixXf x;  // [n · side · side × features]
  VectorXi labels;
};

/// The mean of the image around each pixel.
MatrixXf blurred(const MatrixXf& image, Index radius) {
  MatrixXf result(side, side);
  for (Index i = 0; i < side; ++i) {
    for (Index j = 0; j < side; ++j) {
      const Index top = std::max<Index>(i - radius, 0), left = std::max<Index>(j - radius, 0);
      const Index bottom = std::min(i + radius, side - 1), right = std::min(j + radius, side - 1);
      result(i, j) = image.block(top, left, bottom - top + 1, right - left + 1).mean();
    }
  }
  return result;
}

/// A bright disc and a dark square in noise that is as strong as they are.
Pixels draw(Index images, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> noise(0, 1);
  const auto below = [&](Index n) { return static_cast<Index>(random() % static_cast<unsigned>(n)); };
  const Index area = side * side;
  Pixels pixels{MatrixXf::Ones(images * area, features), VectorXi::Zero(images * area)};
  for (Index n = 0; n < images; ++n) {
    MatrixXf image(side, side);
    Eigen::MatrixXi label = Eigen::MatrixXi::Zero(side, side);
    const Index radius = 2 + below(2), half = 1 + below(2);
    const Index disc_i = 5 + below(22), disc_j = 5 + below(22), square_i = 5 + below(22), square_j = 5 + below(22);
    for (Index i = 0; i < side; ++i) {
      for (Index j = 0; j < side; ++j) {
        const Index di = i - disc_i, dj = j - disc_j;
        if (std::abs(i - square_i) <= half && std::abs(j - square_j) <= half) label(i, j) = 2;
        if (di * di + dj * dj <= radius * radius) label(i, j) = 1;
        image(i, j) = noise(random) + (label(i, j) == 1 ? 0.9f : label(i, j) == 2 ? -0.9f : 0.0f);
      }
    }
    auto rows = pixels.x.middleRows(n * area, area);
    for (Index k = 0; k + 1 < features; ++k) rows.col(k) = blurred(image, k).reshaped() * static_cast<float>(k + 1);
    pixels.labels.segment(n * area, area) = label.reshaped();
  }
  return pixels;
}

/// One hidden layer for each pixel, and the moments of Adam.
struct Network {
  MatrixXf weights[2], first[2], second[2];

  explicit Network(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, 0.5f);
    weights[0] = MatrixXf::NullaryExpr(features, hidden, [&] { return normal(random); });
    weights[1] = MatrixXf::NullaryExpr(hidden, classes, [&] { return normal(random); });
    for (int k = 0; k < 2; ++k) first[k] = second[k] = MatrixXf::Zero(weights[k].rows(), weights[k].cols());
  }

  MatrixXf layer(const MatrixXf& x) const { return (x * weights[0]).array().tanh(); }
  MatrixXf logits(const MatrixXf& x) const { return layer(x) * weights[1]; }

  void step(int k, const MatrixXf& gradient, int t) {
    first[k] = 0.9f * first[k] + 0.1f * gradient;
    second[k] = 0.99f * second[k] + 0.01f * gradient.cwiseAbs2();
    const float unbias =
        std::sqrt(1 - std::pow(0.99f, static_cast<float>(t))) / (1 - std::pow(0.9f, static_cast<float>(t)));
    weights[k].array() -= 0.03f * unbias * first[k].array() / (second[k].array().sqrt() + 1e-8f);
  }
};

/// `loss(logits, gradient)` fills the gradient.
template <class Loss>
Network train(const Pixels& data, const Loss& loss) {
  Network network(3);
  MatrixXf gradient;
  for (int t = 1; t <= 120; ++t) {
    const MatrixXf h = network.layer(data.x);
    loss(h * network.weights[1], gradient);
    const MatrixXf back = (gradient * network.weights[1].transpose()).array() * (1 - h.array().square());
    network.step(1, h.transpose() * gradient, t);
    network.step(0, data.x.transpose() * back, t);
  }
  return network;
}

void report(const char* name, const Network& network, const Pixels& data) {
  const MatrixXf logits = network.logits(data.x);
  Eigen::Matrix3d count = Eigen::Matrix3d::Zero();  // label × predicted
  for (Index i = 0; i < logits.rows(); ++i) {
    Index predicted;
    logits.row(i).maxCoeff(&predicted);
    count(data.labels[i], predicted) += 1;
  }
  double overlap = 0;
  for (Index k = 0; k < classes; ++k) overlap += count(k, k) / (count.row(k).sum() + count.col(k).sum() - count(k, k));
  std::cout << std::left << std::setw(16) << name << std::fixed << std::setprecision(3) << std::setw(18)
            << count.trace() / count.sum() << overlap / classes << '\n';
}

}  // namespace

int main() {
  const Pixels known = draw(24, 1), unknown = draw(40, 2);
  const losses::CrossEntropy<float> cross_entropy;
  const losses::SoftmaxDice<float> dice;

  std::cout << "trained with    pixel accuracy    mean intersection over union, of images held out\n";
  report("CrossEntropy",
         train(known, [&](const MatrixXf& x, MatrixXf& g) { cross_entropy.value_and_gradient(x, known.labels, g); }),
         unknown);
  report("SoftmaxDice",
         train(known, [&](const MatrixXf& x, MatrixXf& g) { dice.value_and_gradient(x, known.labels, g); }), unknown);
  report("their sum",
         train(known,
               [&](const MatrixXf& x, MatrixXf& g) {
                 cross_entropy.value_and_gradient(x, known.labels, g);
                 dice.value_and_gradient(x, known.labels, losses::add_to(g));
               }),
         unknown);
}
