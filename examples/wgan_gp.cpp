// SPDX-License-Identifier: MIT
// A Wasserstein GAN with gradient penalty, both networks on plain Eigen, learns to draw two rings. The critic knows no second
// derivatives: value_and_critic_gradient takes differences of the gradient by its weights.
// expect: real points +99\.[0-9] % +48 of 48
// expect:\n +0 +[0-4][0-9]\.[0-9] % +[0-9]+ of 48
// expect:\n +2800 +[7-9][0-9]\.[0-9] % +4[5-8] of 48

#include <cmath>
#include <iomanip>
#include <numbers>
#include <random>
#include <sstream>

#include <losses/generative/adversarial.hpp>
#include <losses/generative/gradient_penalty.hpp>

#include "support/command_line.hpp"
#include "support/plot.hpp"

namespace {

using Eigen::Index, Eigen::MatrixXf;
using Layers = std::vector<MatrixXf>;
constexpr float pi = std::numbers::pi_v<float>;
constexpr int steps = 2800, critic_steps = 3, batch = 64;

/// 2 → 32 → 32 → 32 → outputs with tanh between, the bias in the last row of each layer; trained by Adam.
class Network {
 public:
  Network(Index outputs, unsigned seed) {
    std::mt19937 random(seed);
    for (const auto& [from, to] : {std::pair<Index, Index>{2, 32}, {32, 32}, {32, 32}, {32, outputs}}) {
      std::normal_distribution<float> normal(0, std::sqrt((to == outputs ? 1.0F : 2.0F) / static_cast<float>(from)));
      weights_.push_back(MatrixXf::NullaryExpr(from + 1, to, [&] { return normal(random); }));
      mean_.push_back(MatrixXf::Zero(from + 1, to));
    }
    square_ = mean_;
  }

  MatrixXf operator()(const MatrixXf& x) const { return run(x).back(); }

  /// The gradients by the weights and by x, given the one by the output.
  std::pair<Layers, MatrixXf> backward(const MatrixXf& x, MatrixXf gradient) const {
    const Layers a = run(x);
    Layers by_weights = weights_;
    for (std::size_t i = weights_.size(); i-- > 0;) {
      by_weights[i] << a[i].transpose() * gradient, gradient.colwise().sum();
      gradient = gradient * weights_[i].topRows(a[i].cols()).transpose();
      if (i > 0) gradient.array() *= 1 - a[i].array().square();
    }
    return {by_weights, gradient};
  }

  MatrixXf input_gradient(const MatrixXf& x) const { return backward(x, MatrixXf::Ones(x.rows(), 1)).second; }
  Layers parameter_gradient(const MatrixXf& x, const MatrixXf& slopes) const { return backward(x, slopes).first; }

  void step(const Layers& gradient, float rate) {
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      mean_[i] += 0.5F * (gradient[i] - mean_[i]);
      square_[i] += 0.1F * (gradient[i].cwiseAbs2() - square_[i]);
      weights_[i].array() -= rate * mean_[i].array() / (square_[i].array().sqrt() + 1e-8F);
    }
  }

 private:
  /// What each layer reads, and the output.
  Layers run(const MatrixXf& x) const {
    Layers a = {x};
    for (const MatrixXf& layer : weights_) {
      a.push_back((a.back() * layer.topRows(a.back().cols())).rowwise() + layer.row(layer.rows() - 1));
      if (a.size() <= weights_.size()) a.back() = a.back().array().tanh();
    }
    return a;
  }

  Layers weights_, mean_, square_;
};

/// Points about the rings of radius 1 and 2, with a deviation of 0.05.
MatrixXf draw_rings(Index n, std::mt19937& random) {
  std::uniform_real_distribution<float> angle(-pi, pi);
  std::normal_distribution<float> radius(0, 0.05F);
  MatrixXf points(n, 2);
  for (Index i = 0; i < n; ++i) {
    const float r = static_cast<float>(1 + i % 2) + radius(random), a = angle(random);
    points.row(i) << r * std::cos(a), r * std::sin(a);
  }
  return points;
}

MatrixXf draw_noise(Index n, std::mt19937& random) {
  std::normal_distribution<float> normal;
  return MatrixXf::NullaryExpr(n, 2, [&] { return normal(random); });
}

/// How many points lie within 0.15 of a ring, and in how many of 24 sectors of each ring there are some.
void print_quality(const std::string& name, const MatrixXf& points) {
  Eigen::Array<int, 24, 2> found = Eigen::Array<int, 24, 2>::Zero();
  for (Index i = 0; i < points.rows(); ++i) {
    const float r = points.row(i).norm(), turn = (std::atan2(points(i, 1), points(i, 0)) + pi) / (2 * pi);
    const Index ring = r < 1.5F ? 0 : 1;
    if (std::abs(r - static_cast<float>(1 + ring)) < 0.15F) ++found(static_cast<Index>(24 * turn) % 24, ring);
  }
  std::cout << std::setw(13) << name << std::fixed << std::setprecision(1) << std::setw(11)
            << 100.0 * found.sum() / double(points.rows()) << " %" << std::setw(11) << (found >= 5).count()
            << " of 48\n";
}

void study(const support::Arguments& arguments) {
  const losses::Adversarial<float> adversarial({.mode = losses::AdversarialMode::wgangp});
  const losses::GradientPenalty<float> penalty({.lambda = 0.1F});
  Network generator(2, 1), critic(1, 2);
  std::mt19937 random(3), shown(4);
  const MatrixXf examples = draw_rings(2000, shown), noise = draw_noise(2000, shown);

  std::ostringstream points, script;
  script << "set multiplot layout 2,3\nunset key\nunset tics\nunset grid\n"
         << "set border 0\nset size ratio -1\nset margins 1,1,0.5,2.5\nset xrange [-2.6:2.6]\nset yrange [-2.4:2.4]\n";
  points << examples << "\n\n\n";
  MatrixXf by_real, by_fake;
  Layers gradient;
  int panels = 0;
  std::cout << "         step  near a ring  sectors reached\n";
  print_quality("real points", examples);
  for (int step = 0; step <= steps; ++step) {
    if (step == 0 || step == 100 || step == 400 || step == 800 || step == 1400 || step == steps) {
      print_quality(std::to_string(step), generator(noise));
      points << generator(noise) << "\n\n\n";
      script << "set title 'step " << step << (step == 0 ? ", real points grey" : "")
             << "'\nplot 'wgan_gp.dat' index 0 with dots lc rgb '#b0b0b0', '' index " << ++panels
             << " with points pt 7 ps 0.25 lc rgb '#c23b22'\n";
    }
    const float rate = 0.004F * (1 - 0.95F * static_cast<float>(step) / steps);
    for (int i = 0; i < critic_steps; ++i) {
      const MatrixXf real = draw_rings(batch, random), fake = generator(draw_noise(batch, random));
      adversarial.discriminator(critic(real), critic(fake), by_real, by_fake);
      const Layers of_real = critic.backward(real, by_real).first, of_fake = critic.backward(fake, by_fake).first;
      penalty.value_and_critic_gradient(critic, penalty.interpolate(real, fake, random), gradient);
      for (std::size_t k = 0; k < gradient.size(); ++k) gradient[k] += of_real[k] + of_fake[k];
      critic.step(gradient, rate);
    }
    const MatrixXf z = draw_noise(batch, random), fake = generator(z);
    adversarial.generator(critic(fake), by_fake);
    generator.step(generator.backward(z, critic.backward(fake, by_fake).second).first, rate);
  }
  if (!arguments.out.empty()) support::plot(arguments.out, "wgan_gp", points.str(), script.str());
}

}  // namespace

int main(int argc, char** argv) {
  return support::run(argc, argv, "wgan_gp [--out folder]\n", {}, study);
}
