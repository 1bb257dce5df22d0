// SPDX-License-Identifier: MIT
// The typed-in tables against the summary figures that were published for them.

#include <array>
#include <filesystem>

#include <Eigen/QR>

#include "../../examples/support/table.hpp"
#include "catch.hpp"

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;

namespace {

support::Table read(const std::string& name) {
  return support::read_csv(std::filesystem::path(LOSSES_SOURCE_DIR) / "examples" / "data" / name, 1);
}

MatrixXd with_constant(const MatrixXd& columns) {
  MatrixXd result(columns.rows(), columns.cols() + 1);
  result << VectorXd::Ones(columns.rows()), columns;
  return result;
}

VectorXd deviations(const MatrixXd& x) {
  const Eigen::RowVectorXd mean = x.colwise().mean();
  return ((x.rowwise() - mean).colwise().squaredNorm() / static_cast<double>(x.rows() - 1)).cwiseSqrt().transpose();
}

/// The line whose h-th smallest |residual| is least: its slope is that of a pair of points, its constant the middle of
/// the shortest interval that holds h residuals (Steele and Steiger 1986).
std::array<double, 2> least_quantile_line(const VectorXd& x, const VectorXd& y, Index h) {
  std::array<double, 2> best{};
  double best_width = 1e300;
  for (Index i = 0; i < x.size(); ++i) {
    for (Index j = 0; j < i; ++j) {
      const double slope = (y[i] - y[j]) / (x[i] - x[j]);
      VectorXd rest = y - slope * x;
      std::sort(rest.begin(), rest.end());
      for (Index first = 0; first + h <= rest.size(); ++first) {
        const double width = rest[first + h - 1] - rest[first];
        if (width >= best_width) continue;
        best_width = width;
        best = {0.5 * (rest[first] + rest[first + h - 1]), slope};
      }
    }
  }
  return best;
}

}  // namespace

TEST_CASE("telephone: 24 years, and the lines of Rousseeuw and Leroy (1987), chapter 2", "[data]") {
  const auto table = read("telephone.csv");
  REQUIRE(table.rows.size() == 24);
  const VectorXd year = table.numbers(table.column("year")), calls = table.numbers(table.column("calls"));
  for (Index i = 0; i < 24; ++i) CHECK(year[i] == static_cast<double>(50 + i));
  CHECK(calls.mean() == Catch::Approx(119.98 / 24).epsilon(1e-12));
  CHECK(calls.minCoeff() == 0.44);
  CHECK(calls.maxCoeff() == 21.2);

  // Least squares: calls = −26.01 + 0.504 year; Venables and Ripley (2002), section 6.5, print −260.059 + 5.041 year
  // for the table in millions.
  const VectorXd line = with_constant(year).householderQr().solve(calls);
  CHECK(line[0] == Catch::Approx(-26.0059).margin(5e-5));
  CHECK(line[1] == Catch::Approx(0.5041).margin(5e-5));

  // Least median of squares: calls = −5.610 + 0.115 year.
  const auto robust = least_quantile_line(year, calls, 13);
  CHECK(robust[0] == Catch::Approx(-5.610).margin(0.01));
  CHECK(robust[1] == Catch::Approx(0.115).margin(0.001));
}

TEST_CASE("stackloss: 21 days, and the least squares fit of Brownlee (1965)", "[data]") {
  const auto table = read("stackloss.csv");
  REQUIRE(table.rows.size() == 21);
  const std::size_t target = table.column("stack_loss");
  CHECK(target == 3);
  const auto features = table.features_without(target);
  CHECK(features.names == std::vector<std::string>{"air_flow", "water_temp", "acid_conc"});
  const VectorXd loss = table.numbers(target);

  // Means: 60.43, 21.10, 86.29, 17.52 (Dodge 1996).
  CHECK(features.values.colwise().sum() == Eigen::RowVector3d(1269, 443, 1812));
  CHECK(loss.sum() == 368);

  const MatrixXd x = with_constant(features.values);
  const VectorXd fit = x.householderQr().solve(loss);
  CHECK(fit[0] == Catch::Approx(-39.9197).margin(5e-5));
  CHECK(fit[1] == Catch::Approx(0.7156).margin(5e-5));
  CHECK(fit[2] == Catch::Approx(1.2953).margin(5e-5));
  CHECK(fit[3] == Catch::Approx(-0.1521).margin(5e-5));
  // R: summary(lm(stack.loss ~ ., stackloss)): residual standard error 3.243 on 17 degrees of freedom, R² 0.9136.
  const double rest = (loss - x * fit).squaredNorm();
  CHECK(std::sqrt(rest / 17) == Catch::Approx(3.243).margin(5e-4));
  CHECK(1 - rest / (loss.array() - loss.mean()).square().sum() == Catch::Approx(0.9136).margin(5e-5));
}

TEST_CASE("iris: 50 flowers of each of three species, with the means of Fisher (1936)", "[data]") {
  const auto table = read("iris.csv");
  REQUIRE(table.rows.size() == 150);
  const std::size_t label = table.column("species");
  const auto species = table.texts(label);
  const auto features = table.features_without(label);
  REQUIRE(features.values.cols() == 4);

  const MatrixXd& all = features.values;
  // R: colMeans and sd of iris.
  CHECK(all.colwise().mean().isApprox(Eigen::RowVector4d(5.843333, 3.057333, 3.758, 1.199333), 1e-7));
  CHECK(deviations(all).isApprox(Eigen::Vector4d(0.8280661, 0.4358663, 1.7652982, 0.7622377), 1e-7));

  // Fisher's Table II (means), and the sums of squares and products within species that R gives for his table.
  struct Species {
    const char* name;
    Eigen::RowVector4d mean;
    Eigen::Matrix4d products;
  };
  const Species published[] = {
      {"setosa",
       {5.006, 3.428, 1.462, 0.246},
       (Eigen::Matrix4d() << 6.0882, 4.8616, 0.8014, 0.5062, 4.8616, 7.0408, 0.5732, 0.4556, 0.8014, 0.5732, 1.4778,
        0.2974, 0.5062, 0.4556, 0.2974, 0.5442)
           .finished()},
      {"versicolor",
       {5.936, 2.770, 4.260, 1.326},
       (Eigen::Matrix4d() << 13.0552, 4.1740, 8.9620, 2.7332, 4.1740, 4.8250, 4.0500, 2.0190, 8.9620, 4.0500, 10.8200,
        3.5820, 2.7332, 2.0190, 3.5820, 1.9162)
           .finished()},
      {"virginica",
       {6.588, 2.974, 5.552, 2.026},
       (Eigen::Matrix4d() << 19.8128, 4.5944, 14.8612, 2.4056, 4.5944, 5.0962, 3.4976, 2.3338, 14.8612, 3.4976, 14.9248,
        2.3924, 2.4056, 2.3338, 2.3924, 3.6962)
           .finished()},
  };
  for (Index s = 0; s < 3; ++s) {
    const auto& expected = published[s];
    for (Index i = 50 * s; i < 50 * (s + 1); ++i) CHECK(species[static_cast<std::size_t>(i)] == expected.name);
    const MatrixXd rows = all.middleRows(50 * s, 50);
    const Eigen::RowVector4d mean = rows.colwise().mean();
    CHECK((mean - expected.mean).cwiseAbs().maxCoeff() < 1e-9);
    const MatrixXd centred = rows.rowwise() - mean;
    CHECK((centred.transpose() * centred - expected.products).cwiseAbs().maxCoeff() < 1e-9);
  }
}

TEST_CASE("iris: rows 35 and 38 are Fisher's, where the copy at UCI has three wrong cells", "[data]") {
  const auto features = read("iris.csv").features_without(4);
  CHECK(features.values.row(34) == Eigen::RowVector4d(4.9, 3.1, 1.5, 0.2));
  CHECK(features.values.row(37) == Eigen::RowVector4d(4.9, 3.6, 1.4, 0.1));
}

TEST_CASE("every table says where it is from", "[data]") {
  for (const char* name : {"telephone.csv", "stackloss.csv", "iris.csv"}) {
    const auto comments = read(name).comments;
    CHECK(
        std::any_of(comments.begin(), comments.end(), [](const auto& line) { return line.rfind("Source: ", 0) == 0; }));
  }
}
