// SPDX-License-Identifier: MIT

#include <losses/ranking/pairwise_logistic.hpp>

#include "laws_of_lists.hpp"

using namespace losses_test;

namespace {

/// Burges et al. (2005), eq. (3) for pairs whose order is certain; the mean over the pairs of a list.
Jet pairwise_logistic(const std::vector<Jet>& scores, const std::vector<Real>& relevances) {
  Jet value = 0;
  Real pairs = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (relevances[i] <= relevances[j]) continue;
      value += softplus(scores[j] - scores[i]);
      pairs += 1;
    }
  }
  return pairs == 0 ? Jet(0) : value / pairs;
}

}  // namespace

TEST_CASE("PairwiseLogistic: the laws", "[laws]") {
  laws::check_lists<losses::PairwiseLogistic>("PairwiseLogistic", pairwise_logistic);
}

TEST_CASE("PairwiseLogistic: by hand, the mean over the pairs of a list") {
  const Eigen::RowVector3d scores(1, 0.5, 0.5), relevance(0, 1, 1);  // two pairs, both wrong by 0.5
  Eigen::RowVector3d g;
  const losses::PairwiseLogistic<double> loss;
  CHECK(loss.value_and_gradient(scores, relevance, g) == Catch::Approx(std::log1p(std::exp(0.5))).epsilon(1e-15));
  const double sigma = 1 / (1 + std::exp(-0.5));
  CHECK((g - Eigen::RowVector3d(sigma, -sigma / 2, -sigma / 2)).norm() < 1e-15);
}

TEST_CASE("PairwiseLogistic: values and gradients are PyTorch's softplus over the pairs") {
  Eigen::MatrixXd scores(2, 4), relevance(2, 4);
  scores << 0.5, -1.25, 2, 0.75, 3, 1, -2, 0.25;
  relevance << 2, 0, 1, 0, 0, 1, 2, 3;
  Eigen::MatrixXd g, want(2, 4);
  // m = relevance[:, :, None] > relevance[:, None, :]; d = scores[:, None, :] - scores[:, :, None]
  // ((torch.nn.functional.softplus(d) * m).sum((1, 2)) / m.sum((1, 2))).mean()
  CHECK(losses::PairwiseLogistic<double>().value_and_gradient(scores, relevance, g) ==
        Catch::Approx(1.4836943855616738).epsilon(1e-14));
  want << -0.15277981751111314, 0.018537408537581894, 0.05575474500242053, 0.078487663971110705, 0.23450146473996583,
      0.062579645668328618, -0.15421098424991989, -0.14287012615837458;
  CHECK((g - want).cwiseAbs().maxCoeff() < 1e-15);
}

TEST_CASE("PairwiseLogistic: a list without a pair is 0, and counts in the mean") {
  Eigen::MatrixXd scores(2, 3), relevance(2, 3), g;
  scores << 1, 2, 3, 0, 0, 0;
  relevance << 4, 4, 4, 1, 0, 0;
  const losses::PairwiseLogistic<double> loss;
  CHECK(loss.value_and_gradient(scores, relevance, g) == Catch::Approx(std::log(2.0) / 2).epsilon(1e-15));
  CHECK(g.row(0).isZero(0));
  CHECK((g.row(1) - Eigen::RowVector3d(-0.25, 0.125, 0.125)).norm() < 1e-16);
  CHECK(loss.partial(scores, relevance).weight == 2);
}

TEST_CASE("PairwiseLogistic: far scores give the limits") {
  Eigen::RowVector2f g;
  const losses::PairwiseLogistic<float> loss;
  CHECK(loss.value_and_gradient(Eigen::RowVector2f(1e4f, -1e4f), Eigen::RowVector2f(1, 0), g) == 0);
  CHECK(g.isZero(0));
  CHECK(loss.value_and_gradient(Eigen::RowVector2f(-1e4f, 1e4f), Eigen::RowVector2f(1, 0), g) == 2e4f);
  CHECK(g == Eigen::RowVector2f(-1, 1));
  CHECK(loss.forward(Eigen::RowVector2f(50, 0), Eigen::RowVector2f(1, 0)) ==
        Catch::Approx(1.9287498e-22).epsilon(1e-6));
}

TEST_CASE("PairwiseLogistic: the largest scores overflow neither in a difference nor in the sum over the pairs") {
  const auto check = [](auto most) {
    using T = decltype(most);
    Eigen::Matrix<T, 1, 3> g;
    const losses::PairwiseLogistic<T> loss;
    const Eigen::Matrix<T, 1, 3> scores(most, most, -most), relevance(2, 0, 1);
    CHECK(loss.value_and_gradient(scores, relevance, g) == Catch::Approx(2 * (most / 3)).epsilon(1e-6));
    CHECK(g(0) == Catch::Approx(-1 / T(6)).epsilon(1e-6));
    CHECK(g(1) == Catch::Approx(1 / T(2)).epsilon(1e-6));
    CHECK(g(2) == Catch::Approx(-1 / T(3)).epsilon(1e-6));
    CHECK(loss.forward(scores, relevance) == loss.value_and_gradient(scores, relevance, g));
    const Eigen::Matrix<T, 1, 3> half(0, 0, most), order(1, 2, 0);
    CHECK(loss.forward(half, order) == Catch::Approx(2 * (most / 3)).epsilon(1e-6));
    CHECK(std::isinf(loss.forward(Eigen::Matrix<T, 1, 2>(-most, most), Eigen::Matrix<T, 1, 2>(1, 0))));
  };
  check(std::numeric_limits<float>::max());
  check(std::numeric_limits<double>::max());
}
