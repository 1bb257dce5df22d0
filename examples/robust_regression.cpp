// SPDX-License-Identifier: MIT
// Which losses do gross errors pull away? One linear model, trained with five of them on two classical tables or yours.
//
// expect: MSE +-26\.01 +0\.5041 .*pulled away
// expect: Tukey +-5\.2[0-9]+ +0\.1[0-9]+ +0\.1[0-9]+ +0 % +0\.[0-9]+ *\n
// expect: year 64, calls 11\.9, .*year 69, calls 21\.2,
// expect: MSE +-39\.92 +0\.7156 +1\.295 +-0\.1521

#include <cmath>
#include <functional>
#include <iomanip>
#include <limits>

#include <Eigen/QR>

#include <losses/regression.hpp>

#include "support/command_line.hpp"
#include "support/regression_plot.hpp"
#include "support/table.hpp"

namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;

struct Fit {
  std::string loss;
  VectorXd weights, coefficients, residuals;
  std::function<VectorXd(const VectorXd&)> gradient;  // at any prediction
};

double median(VectorXd values) {
  std::sort(values.begin(), values.end());
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

/// Gradient descent on all rows. After 50 steps without a new best value the rate is halved and the best weights come
/// back; at a rate of 1e-10 it has converged, for a loss with a kink too.
template <class Loss>
VectorXd train(const Loss& loss, const MatrixXd& x, const VectorXd& y, const VectorXd& row_weights, VectorXd weights) {
  support::Progress progress("training");
  VectorXd best = weights, gradient;
  double best_value = std::numeric_limits<double>::infinity();
  for (double rate = 0.5; rate > 1e-10; rate /= 2, weights = best) {
    progress(1 - std::log(rate / 1e-10) / std::log(0.5 / 1e-10));
    for (int waited = 0; waited < 50; ++waited) {
      const VectorXd prediction = x * weights;
      const double value = loss.value_and_gradient(prediction, y, row_weights, gradient);
      if (value < best_value * (1 - 1e-14)) best_value = value, best = weights, waited = 0;
      weights -= rate * (x.transpose() * gradient);
    }
  }
  return best;
}

void study(const std::filesystem::path& path, const support::Arguments& arguments) {
  const support::Table table = support::read_csv(path, 6);
  const std::size_t target_column = table.column(arguments.column);
  const VectorXd target = table.numbers(target_column);
  const support::Features features = table.features_without(target_column);
  const Index n = target.size(), k = features.values.cols() + 1;
  if (n < 2 * k) throw support::BadInput(table.name + ": too few rows for so many columns");
  MatrixXd inputs(n, k);
  inputs << VectorXd::Ones(n), features.values;
  const Eigen::ColPivHouseholderQR<MatrixXd> qr(inputs);
  if (qr.rank() < k) throw support::BadInput(table.name + ": an input column is a linear combination of the others");

  // Orthonormal inputs make every direction equally easy to learn; the target is counted in its own robust deviations.
  const MatrixXd x = std::sqrt(static_cast<double>(n)) * (qr.householderQ() * MatrixXd::Identity(n, k));
  const double middle = median(target), spread = 1.4826 * median((target.array() - middle).abs());
  const double unit = spread > 0 ? spread : std::sqrt((target.array() - target.mean()).square().mean());
  const VectorXd y = (target.array() - middle) / unit, all_rows = VectorXd::Ones(n), zero = VectorXd::Zero(k);

  const auto fit = [&](const char* name, const auto& loss, const VectorXd& start, const VectorXd& row_weights) {
    const VectorXd weights = train(loss, x, y, row_weights, start), residuals = unit * (y - x * weights);
    return Fit{name, weights, qr.solve(target - residuals), residuals,
               [loss, y](const VectorXd& prediction) -> VectorXd { return loss.gradient(prediction, y); }};
  };
  // Trains, measures δ again from the residuals (by MAD, which gross errors cannot move), and so on until δ settles.
  const auto fit_with_scale = [&](const char* name, const auto& loss_of, Fit current) {
    double old_delta = 0;
    for (int round = 0; round < 50; ++round) {
      const VectorXd scaled = current.residuals / unit;
      const double delta = std::max(1e-6, losses::huber_delta(scaled, losses::ScaleEstimate::mad));
      if (std::abs(delta - old_delta) < 1e-4 * delta) break;
      current = fit(name, loss_of(old_delta = delta), current.weights, all_rows);
    }
    return current;
  };
  const Fit l1 = fit("L1", losses::L1<double>(), zero, all_rows);  // a start that needs no scale
  const auto huber = [](double delta) { return losses::Huber<double>({.delta = delta}); };
  const auto tukey = [](double delta) { return losses::Tukey<double>({.scale = 4.685 / 1.345 * delta}); };
  const std::vector<Fit> fits = {fit("MSE", losses::MSE<double>(), zero, all_rows),
                                 fit("log-cosh", losses::LogCosh<double>(), zero, all_rows),
                                 fit_with_scale("Huber", huber, l1), l1, fit_with_scale("Tukey", tukey, l1)};

  // Rows far from Tukey's fit are marked; weight 0 leaves them out of the fit that the others are compared with.
  const VectorXd& distance = fits.back().residuals;
  const double limit = 2.5 / 1.345 * std::max(1e-6 * unit, losses::huber_delta(distance, losses::ScaleEstimate::mad));
  const VectorXd kept = (distance.array().abs() <= limit).cast<double>();
  const Fit clean = fit("MSE", losses::MSE<double>(), zero, kept);
  const double freedom = std::max(1.0, kept.sum() - static_cast<double>(k));
  const double variance = std::max(1e-12 * unit * unit, kept.dot(clean.residuals.cwiseAbs2()) / freedom);

  std::cout << '\n' << table.name << '\n';
  for (const auto& comment : table.comments) std::cout << "  " << comment << '\n';
  std::cout << '\n' << std::left << std::setw(10) << "loss" << std::right << std::setw(12) << "constant";
  for (const auto& name : features.names) std::cout << std::setw(12) << name;
  std::cout << "  median |r|    pull    shift\n" << std::setprecision(4);
  for (const Fit& f : fits) {
    std::cout << std::left << std::setw(10) << f.loss << std::right;
    for (const double coefficient : f.coefficients) std::cout << std::setw(12) << coefficient;
    const VectorXd pull = f.gradient(y - clean.residuals / unit).cwiseAbs();
    const double shift = kept.dot((f.residuals - clean.residuals).cwiseAbs2()) / (static_cast<double>(k) * variance);
    std::cout << std::setw(12) << median(f.residuals.cwiseAbs()) << std::setw(6)
              << std::lround(100 - 100 * kept.dot(pull) / std::max(1e-300, pull.sum())) << " %" << std::setw(9) << shift
              << (shift > 1 ? "  pulled away" : "") << '\n';
  }
  std::cout << "pull:  the marked rows' part of the gradient at the fit of MSE without them\n"
            << "shift: Cook's distance from that fit; above 1 is far\n";
  std::cout << "Marked rows (more than 2.5 robust deviations from Tukey's fit):"
            << (kept.sum() < double(n) ? "\n" : " none\n");
  for (Index i = 0; i < n; ++i) {
    if (kept[i] > 0) continue;
    std::cout << "  line " << table.lines[static_cast<std::size_t>(i)] << ": " << features.names[0] << " "
              << features.values(i, 0) << ", " << table.columns[target_column] << " " << target[i] << ", Tukey's fit "
              << target[i] - distance[i] << '\n';
  }
  if (!arguments.out.empty()) support::plot_fits(arguments.out, table, target_column, fits, kept, limit);
}

}  // namespace

int main(int argc, char** argv) {
  const auto data = std::filesystem::path(__FILE__).parent_path() / "data";
  return support::run(argc, argv, "robust_regression [--out folder] [table.csv [target column]]\n",
                      {data / "telephone.csv", data / "stackloss.csv"}, [](const support::Arguments& arguments) {
                        for (const auto& table : arguments.tables) study(table, arguments);
                      });
}
