// SPDX-License-Identifier: MIT
// Trains an embedding in the plane with three metric losses: rows of a class come together, whatever noise is beside them.
// A row is judged by its nearest neighbour among the training rows, before and after.
// expect: as it comes +[678][0-9]\.[0-9] %
// expect: MinedTriplet +(9[7-9]|100)\.[0-9] %
// expect: SupCon +(9[0-9]|100)\.[0-9] %
// expect: Contrastive +(9[7-9]|100)\.[0-9] %

#include <algorithm>
#include <cmath>
#include <functional>
#include <iomanip>
#include <random>
#include <sstream>

#include <losses/metric.hpp>

#include "support/command_line.hpp"
#include "support/plot.hpp"

namespace {

using Eigen::Index, Eigen::MatrixXf, Eigen::VectorXi;

struct Rows {
  MatrixXf x;
  VectorXi labels;
};

/// Four rings in the first two columns, and six columns of noise.
Rows draw_rings(Index n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Rows rows{MatrixXf(n, 8), VectorXi(n)};
  for (Index i = 0; i < n; ++i) {
    rows.labels[i] = static_cast<int>(i % 4);
    const float angle = 3 * normal(random), radius = 0.5f * float(i % 4 + 1) + 0.05f * normal(random);
    rows.x.row(i) << radius * std::cos(angle), radius * std::sin(angle), Eigen::RowVector<float, 6>::Zero();
    for (Index k = 2; k < 8; ++k) rows.x(i, k) = 0.5f * normal(random);
  }
  return rows;
}

/// z = tanh(x A + a) B, trained by Adam (without its correction of the first steps).
class Embedding {
 public:
  MatrixXf operator()(const MatrixXf& x) const { return hidden(x) * weights_[1]; }

  void step(const MatrixXf& x, const MatrixXf& gradient) {
    const MatrixXf h = hidden(x);
    const MatrixXf back = (gradient * weights_[1].transpose()).array() * (1 - h.array().square());
    MatrixXf gradients[2] = {MatrixXf(9, units), h.transpose() * gradient};
    gradients[0] << x.transpose() * back, back.colwise().sum();
    for (int i = 0; i < 2; ++i) {
      mean_[i] += 0.1f * (gradients[i] - mean_[i]);
      square_[i] += 0.001f * (gradients[i].array().square().matrix() - square_[i]);
      weights_[i].array() -= 0.005f * mean_[i].array() / (square_[i].array().sqrt() + 1e-8f);
    }
  }

 private:
  static constexpr Index units = 48;

  MatrixXf hidden(const MatrixXf& x) const {
    return ((x * weights_[0].topRows(8)).rowwise() + weights_[0].row(8)).array().tanh();
  }

  static MatrixXf draw(Index rows, Index columns, float deviation) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, deviation);
    return MatrixXf::NullaryExpr(rows, columns, [&] { return normal(random); });
  }

  MatrixXf weights_[2] = {draw(9, units, 0.7f), draw(units, 2, 0.2f)};
  MatrixXf mean_[2] = {MatrixXf::Zero(9, units), MatrixXf::Zero(units, 2)}, square_[2] = {mean_[0], mean_[1]};
};

/// The per cent of the rows whose nearest neighbour among the known ones has their label.
double accuracy(const MatrixXf& known, const VectorXi& labels, const MatrixXf& rows, const VectorXi& truth) {
  int right = 0;
  for (Index i = 0; i < rows.rows(); ++i) {
    Index nearest = 0;
    (known.rowwise() - rows.row(i)).rowwise().squaredNorm().minCoeff(&nearest);
    right += labels[nearest] == truth[i] ? 1 : 0;
  }
  return 100.0 * right / static_cast<double>(rows.rows());
}

using Objective = std::function<float(const MatrixXf& z, const VectorXi& labels, MatrixXf& gradient)>;

void study(const support::Arguments& arguments) {
  const Rows train = draw_rings(2000, 1), test = draw_rings(400, 2);
  std::mt19937 random(3);
  const losses::MinedTriplet<float> triplet({.margin = 0.5f});  // batch_hard
  const losses::SupCon<float> sup_con({.temperature = 0.2f});
  const losses::Contrastive<float> contrastive;
  const std::pair<const char*, Objective> objectives[] = {
      {"MinedTriplet", [&](const auto& z, const auto& y, auto& g) { return triplet.value_and_gradient(z, y, g); }},
      {"SupCon", [&](const auto& z, const auto& y, auto& g) { return sup_con.value_and_gradient(z, y, g); }},
      {"Contrastive", [&](const auto& z, const auto& y, auto& g) {  // each row with a row drawn at random
         Eigen::PermutationMatrix<Eigen::Dynamic> partner(VectorXi::LinSpaced(z.rows(), 0, int(z.rows()) - 1));
         std::shuffle(partner.indices().begin(), partner.indices().end(), random);
         const VectorXi similar = (y.array() == (partner * y).array()).template cast<int>();
         MatrixXf g1, g2;
         const float value = contrastive.value_and_gradient(z, partner * z, similar, g1, g2);
         g = g1 + partner.transpose() * g2;
         return value;
       }}};

  std::cout << "nearest neighbour, 400 rows held out, 4 rings in 8 dimensions\n"
            << std::fixed << std::setprecision(1) << "  as it comes  " << std::setw(6)
            << accuracy(train.x, train.labels, test.x, test.labels) << " %\n";
  std::ostringstream points, script;
  int panels = 0;
  script << "set multiplot layout 2,2\nunset key\nset size square\nunset tics\n";
  const auto add_panel = [&](const std::string& title, const MatrixXf& rows) {
    for (Index i = 0; i < rows.rows(); ++i) points << rows.row(i) << ' ' << test.labels[i] + 1 << '\n';
    script << "set title '" << title << "'\nplot 'train_embeddings.dat' index " << panels++
           << " using 1:2:3 with points pt 7 ps 0.5 lc variable\n";
    points << "\n\n";
  };
  add_panel("first two columns as they come", test.x.leftCols(2));
  for (const auto& [name, objective] : objectives) {
    Embedding embedding;
    MatrixXf gradient;
    for (int step = 0; step < 2000; ++step) {
      const Index begin = static_cast<Index>(random() % static_cast<std::size_t>(train.x.rows() - 31));
      const MatrixXf x = train.x.middleRows(begin, 32);
      objective(embedding(x), train.labels.segment(begin, 32), gradient);
      embedding.step(x, gradient);
    }
    MatrixXf known = embedding(train.x), seen = embedding(test.x);
    if (name == objectives[1].first) {  // SupCon sees directions alone
      known.rowwise().normalize();
      seen.rowwise().normalize();
    }
    std::cout << "  " << std::left << std::setw(13) << name << std::right << std::setw(6)
              << accuracy(known, train.labels, seen, test.labels) << " %\n";
    add_panel(name, seen);
  }
  if (!arguments.out.empty()) support::plot(arguments.out, "train_embeddings", points.str(), script.str());
}

}  // namespace

int main(int argc, char** argv) {
  return support::run(argc, argv, "train_embeddings [--out folder]\n", {}, study);
}
