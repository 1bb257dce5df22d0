// SPDX-License-Identifier: MIT
// A variational autoencoder learns to draw: from 3000 small glyphs, each a ring, a cross, a slash, … of another size and place,
// to three numbers and back. `--out folder` writes vae_glyphs.png: glyphs, reconstructions, and samples from nothing.
//
// expect: before training: reconstruction 1[0-9][0-9]\.[0-9]
// expect: after training: +reconstruction [1-3][0-9]\.[0-9]+ \+ kl ([4-9]|1[0-4])\.
// expect: the loss falls to less than half

#include <array>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <losses/generative/reconstruction.hpp>

#include "support/command_line.hpp"
#include "support/picture.hpp"

namespace {

using Eigen::Index, Eigen::MatrixXf;

constexpr Index side = 12, pixels = side * side, hidden = 100, latent = 3, batch = 100;
std::mt19937 random_bits(3);

float uniform(float low, float high) {
  return low + (high - low) * static_cast<float>(random_bits() >> 8) * 0x1p-24f;
}

MatrixXf normal(Index rows, Index columns, float size) {
  std::normal_distribution<float> number(0, size);
  return MatrixXf::NullaryExpr(rows, columns, [&] { return number(random_bits); });
}

/// How far (x, y) is from the strokes of a glyph of radius 1.
float distance(int kind, float x, float y) {
  const float a = std::abs(x), b = std::abs(y), square = std::max(a, b);
  switch (kind) {
    case 0:  // a ring
      return std::abs(std::hypot(x, y) - 1);
    case 1:  // a square
      return std::abs(square - 0.9f);
    case 2:  // a plus
      return std::max(std::min(a, b), square - 1);
    case 3:  // a cross
      return std::max(std::abs(a - b) * 0.7f, square - 0.9f);
    case 4:  // a slash
      return std::max(std::abs(x + y) * 0.7f, square - 1);
    default:  // a T
      return std::min(std::max(std::abs(y + 0.9f), a - 1), std::max(a, square - 1));
  }
}

/// A glyph in each row, 0 for paper and 1 for ink.
MatrixXf draw(Index n) {
  MatrixXf glyphs(n, pixels);
  for (Index i = 0; i < n; ++i) {
    const float radius = uniform(3, 4.6f), row = uniform(5, 6), column = uniform(5, 6), thickness = uniform(0.6f, 0.9f);
    for (Index k = 0; k < pixels; ++k) {
      const float y = (static_cast<float>(k / side) - row) / radius,
                  x = (static_cast<float>(k % side) - column) / radius;
      glyphs(i, k) = std::clamp(thickness + 0.5f - radius * distance(static_cast<int>(i % 6), x, y), 0.0f, 1.0f);
    }
  }
  return glyphs;
}

/// A layer with its bias as the last row, its gradient, and Adam's moments.
struct Layer {
  MatrixXf weights, gradient, first, second;
  float step = 0;

  Layer(Index in, Index out) : weights(normal(in + 1, out, 1 / std::sqrt(static_cast<float>(in)))) {
    weights.bottomRows<1>().setZero();
    first = second = MatrixXf::Zero(in + 1, out);
  }

  MatrixXf forward(const MatrixXf& x) const {
    return (x * weights.topRows(x.cols())).rowwise() + weights.bottomRows<1>();
  }

  /// Takes a step; gives the gradient of x.
  MatrixXf backward(const MatrixXf& x, const MatrixXf& slope, float rate) {
    const MatrixXf result = slope * weights.topRows(x.cols()).transpose();
    gradient.resizeLike(weights);
    gradient.topRows(x.cols()).noalias() = x.transpose() * slope;
    gradient.bottomRows<1>() = slope.colwise().sum();
    first = 0.9f * first + 0.1f * gradient;
    second = 0.999f * second + 0.001f * gradient.cwiseAbs2();
    ++step;
    const float unbiased = std::sqrt(1 - std::pow(0.999f, step)) / (1 - std::pow(0.9f, step));
    weights.array() -= rate * unbiased * first.array() / (second.array().sqrt() + 1e-8f);
    return result;
  }
};

struct Autoencoder {
  Layer read{pixels, hidden}, encode{hidden, 2 * latent}, decode{latent, hidden}, write{hidden, pixels};
  MatrixXf reader, mu, log_variance, noise, z, writer, ink;

  const MatrixXf& draw_from(const MatrixXf& code) {
    writer = decode.forward(code).array().tanh();
    return ink = 1 / (1 + (-write.forward(writer).array()).exp());
  }

  const MatrixXf& forward(const MatrixXf& x) {
    reader = read.forward(x).array().tanh();
    const MatrixXf code = encode.forward(reader);
    mu = code.leftCols(latent);
    log_variance = code.rightCols(latent);
    noise = normal(x.rows(), latent, 1);
    z = mu.array() + (0.5f * log_variance.array()).exp() * noise.array();
    return draw_from(z);
  }

  void backward(const MatrixXf& x, const MatrixXf& g_ink, MatrixXf& g_mu, MatrixXf& g_log_variance, float rate) {
    const MatrixXf slope = g_ink.array() * ink.array() * (1 - ink.array());
    const MatrixXf g_writer = write.backward(writer, slope, rate).array() * (1 - writer.array().square());
    const MatrixXf g_z = decode.backward(z, g_writer, rate);
    g_mu += g_z;
    g_log_variance.array() += 0.5f * g_z.array() * (z - mu).array();
    MatrixXf g_code(x.rows(), 2 * latent);
    g_code << g_mu, g_log_variance;
    const MatrixXf g_reader = encode.backward(reader, g_code, rate).array() * (1 - reader.array().square());
    read.backward(x, g_reader, rate);
  }
};

/// The rows of a matrix side by side, as text.
void show(const char* title, const MatrixXf& glyphs) {
  std::cout << title << '\n';
  for (Index y = 0; y < side; ++y) {
    std::string line;
    for (Index i = 0; i < std::min<Index>(glyphs.rows(), 6); ++i) {
      for (Index x = 0; x < side; ++x) line += " .:+*#"[static_cast<int>(5 * glyphs(i, y * side + x) + 0.5f)];
    }
    std::cout << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
  }
}

void run(const support::Arguments& arguments) {
  const MatrixXf glyphs = draw(3000), test = draw(600);
  Autoencoder network;
  // Both parts summed over a sample and averaged over the batch: the negative lower bound.
  const losses::Reconstruction<float> loss({.kind = losses::ReconstructionKind::bce, .kl_weight = 1},
                                           losses::Reduction::batch_mean);
  const auto report = [&](const char* when) {
    const auto [reconstruction, kl] = loss.terms(network.forward(test), test, network.mu, network.log_variance);
    std::cout << when << std::fixed << std::setprecision(2) << "reconstruction " << reconstruction << " + kl " << kl
              << '\n';
    return reconstruction + kl;
  };
  const float before = report("before training: ");
  MatrixXf g_ink, g_mu, g_log_variance;
  constexpr int epochs = 100;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const float rate = 0.006f * (1 - static_cast<float>(epoch) / epochs);
    for (Index begin = 0; begin < glyphs.rows(); begin += batch) {
      const MatrixXf x = glyphs.middleRows(begin, batch);
      loss.value_and_gradient(network.forward(x), x, network.mu, network.log_variance, g_ink, g_mu, g_log_variance);
      network.backward(x, g_ink, g_mu, g_log_variance, rate);
    }
  }
  const float after = report("after training:  ");
  std::cout << (after < before / 2 ? "the loss falls to less than half\n" : "it has not learned\n");

  const MatrixXf some = test.topRows(18), reconstructions = network.forward(some);
  const MatrixXf samples = network.draw_from(normal(54, latent, 1));
  show("\nglyphs that it has not seen", some);
  show("\nwhat it makes of them", reconstructions);
  show("\nsamples", samples);
  if (arguments.out.empty()) return;
  support::Picture sheet(18 * 40 + 8, 5 * 40 + 24, 0.8f);
  const auto paste = [&](const MatrixXf& rows, Index top) {
    for (Index i = 0; i < rows.rows(); ++i) {
      support::Picture glyph(side, side);
      for (std::size_t k = 0; k < glyph.values.size(); ++k) glyph.values[k] = 1 - rows(i, static_cast<Index>(k / 3));
      sheet.paste(glyph, static_cast<std::size_t>(6 + i % 18 * 40), static_cast<std::size_t>(top + i / 18 * 40), 3);
    }
  };
  paste(some, 6);
  paste(reconstructions, 46);
  paste(samples, 98);
  support::write_png(sheet, arguments.out / "vae_glyphs.png");
}

}  // namespace

int main(int argc, char** argv) {
  return support::run(argc, argv, "vae_glyphs [--out folder]\n", {}, run);
}
