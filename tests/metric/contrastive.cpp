// SPDX-License-Identifier: MIT

#include <losses/metric/contrastive.hpp>

#include <losses/tensor.hpp>

#include "laws_of_pairs.hpp"

using namespace losses_test;

namespace {

struct ContrastiveReference {
  template <class Rule>
  Jet operator()(const Rule& rule, const laws::JetRows& rows, int similar) const {
    Jet squares = 0;
    for (std::size_t k = 0; k < rows[0].size(); ++k) squares += (rows[0][k] - rows[1][k]) * (rows[0][k] - rows[1][k]);
    if (similar == 1) return squares;
    const Jet distance = squares.f == 0 ? Jet(0) : sqrt(squares);
    const Jet gap = max(static_cast<Real>(rule.margin) - distance, Jet(0));
    return gap * gap;
  }
  template <class Rule>
  laws::Scale scale(const Rule& rule, const laws::JetRows&, int similar) const {
    return {.value = similar == 1 ? 0 : static_cast<Real>(rule.margin * rule.margin)};
  }
};

using Row = Eigen::RowVectorXd;

}  // namespace

TEST_CASE("Contrastive: the laws", "[laws]") {
  laws::check(laws::pairs<2>("Contrastive", losses::Contrastive<float>(), losses::Contrastive<double>(),
                             ContrastiveReference()));
}

TEST_CASE("Contrastive: the laws, with a margin of 2.5", "[laws]") {
  laws::check(laws::pairs<2>("Contrastive, margin", losses::Contrastive<float>({.margin = 2.5f}),
                             losses::Contrastive<double>({.margin = 2.5}), ContrastiveReference()));
}

TEST_CASE("Contrastive: value and gradients of a similar and a dissimilar pair") {
  const Row x1{{1, 2}}, x2{{1.3, 1.6}};  // D = 0.5
  Row g1, g2;
  const losses::Contrastive<double> loss;
  CHECK(loss.value_and_gradient(x1, x2, Eigen::Matrix<int, 1, 1>(1), g1, g2) == Catch::Approx(0.25).epsilon(1e-15));
  CHECK((g1 - Row{{-0.6, 0.8}}).norm() < 1e-15);
  CHECK(g2 == -g1);
  CHECK(loss.value_and_gradient(x1, x2, Eigen::Matrix<int, 1, 1>(0), g1, g2) == Catch::Approx(0.25).epsilon(1e-15));
  CHECK((g1 - Row{{0.6, -0.8}}).norm() < 1e-15);
  CHECK(g2 == -g1);
}

TEST_CASE("Contrastive: at distance 0 the gradient is 0, and at the margin and beyond so are value and gradient") {
  const Row x{{0.5, 1e-200, 3}};
  Row g1, g2;
  const losses::Contrastive<double> loss({.margin = 2});
  for (const int similar : {0, 1}) {
    CHECK(loss.value_and_gradient(x, x, Eigen::Matrix<int, 1, 1>(similar), g1, g2) == (similar == 1 ? 0 : 4));
    CHECK((g1.isZero(0) && g2.isZero(0)));
  }
  for (const double distance : {2.0, 5.0, 1e200}) {
    CHECK(loss.value_and_gradient(Row{{0, 0}}, Row{{0, distance}}, Eigen::Matrix<int, 1, 1>(0), g1, g2) == 0);
    CHECK((g1.isZero(0) && g2.isZero(0)));
  }
}

TEST_CASE("Contrastive: similar may be integers of any width, booleans, a span, or scalars") {
  const Columns<double> x1 = Columns<double>::Random(6, 3), x2 = Columns<double>::Random(6, 3);
  const losses::Contrastive<double> loss;
  const Eigen::VectorXi wide = (Eigen::VectorXi(6) << 1, 0, 0, 1, 1, 0).finished();
  const double value = loss.forward(x1, x2, wide);
  CHECK(value == Catch::Approx((loss.unreduced(x1, x2, wide)).mean()).epsilon(1e-14));
  CHECK(loss.forward(x1, x2, wide.cast<std::uint8_t>().eval()) == value);
  CHECK(loss.forward(x1, x2, wide.cast<std::int64_t>()) == value);
  CHECK(loss.forward(x1, x2, wide.cast<bool>().eval()) == value);
  CHECK(loss.forward(x1, x2, wide.array() == 1) == value);
  CHECK(loss.forward(x1, x2, wide.cast<double>()) == value);
  CHECK(loss.forward(x1, x2, std::vector<int>(wide.begin(), wide.end())) == value);
  Eigen::Tensor<bool, 1> flags(6);
  for (Index i = 0; i < 6; ++i) flags(i) = wide(i) == 1;
  CHECK(loss.forward(x1, x2, flags) == value);
  Eigen::VectorXd unknown = wide.cast<double>();
  unknown(2) = std::numeric_limits<double>::quiet_NaN();
  Columns<double> g1, g2;
  CHECK(std::isnan(loss.value_and_gradient(x1, x2, unknown, g1, g2)));
  CHECK((g1.row(2).isNaN().all() && g2.row(2).isNaN().all() && !g1.row(1).isNaN().any()));
}

TEST_CASE("Contrastive: the largest finite margin is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::Contrastive<float>({.margin = most}));
}

TEST_CASE("Contrastive: what is neither 0 nor 1 is refused by its index") {
  const Columns<double> x1 = Columns<double>::Ones(4, 3), x2 = 2 * x1;
  Columns<double> g1 = x1, g2 = x1;
  const losses::Contrastive<double> loss;
  Eigen::VectorXi labels = Eigen::VectorXi::Zero(4);
  labels(2) = -1;
  CHECK_THROWS_AS(loss.forward(x1, x2, labels), std::out_of_range);
  laws::refuses("Contrastive: similar[2] is -1, but must be 0 or 1", g1,
                [&] { (void)loss.value_and_gradient(x1, x2, labels, g1, g2); });
  Eigen::VectorXd scalars = Eigen::VectorXd::Ones(4);
  scalars(3) = 0.5;
  CHECK_THROWS_AS(loss.forward(x1, x2, scalars), std::invalid_argument);
  laws::refuses("Contrastive: similar[3] is 0.5, but must be 0 or 1", g1,
                [&] { (void)loss.value_and_gradient(x1, x2, scalars, g1, g2); });
  laws::refuses("Contrastive: similar is [1 x 4], but must be [4], one for each row of x1", g1,
                [&] { (void)loss.value_and_gradient(x1, x2, scalars.transpose(), g1, g2); });
  for (const double margin :
       {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    laws::refuses_option("Contrastive: margin is ", [&] { losses::Contrastive<double>({.margin = margin}); });
  }
}

TEST_CASE("Contrastive: small distances in large vectors keep their digits in float") {
  Eigen::RowVectorXf x1 = Eigen::RowVectorXf::Constant(33, 1000.f), x2 = x1;
  x2(32) = 1000.0625f;
  const losses::Contrastive<float> loss;
  CHECK(loss.forward(x1, x2, Eigen::Matrix<int, 1, 1>(1)) == 0.00390625f);
  CHECK(loss.forward(x1 * 1e-23f, x2 * 1e-23f, Eigen::Matrix<int, 1, 1>(0)) == 1);
  CHECK(loss.forward(x1 * 1e30f, x2 * 1e30f, Eigen::Matrix<int, 1, 1>(0)) == 0);
}
