// SPDX-License-Identifier: MIT

#include <losses/ranking/list_mle.hpp>

#include "laws_of_lists.hpp"

using namespace losses_test;

namespace {

/// Xia et al. (2008): −log of the probability to draw the items in their order, each among those that are left.
Jet list_mle(const std::vector<Jet>& scores, const std::vector<Real>& relevances) {
  std::vector<std::size_t> left(scores.size());
  std::iota(left.begin(), left.end(), std::size_t(0));
  Jet value = 0;
  while (left.size() > 1) {
    std::size_t best = 0;
    std::vector<Jet> row;
    for (std::size_t k = 0; k < left.size(); ++k) {
      if (relevances[left[k]] > relevances[left[best]]) best = k;
      row.push_back(scores[left[k]]);
    }
    value -= reference::log_softmax(row, best);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return value;
}

}  // namespace

TEST_CASE("ListMLE: the laws", "[laws]") {
  laws::check_lists<losses::ListMLE>("ListMLE", list_mle);
}

TEST_CASE("ListMLE: by hand, of three items") {
  // The order is 1, 2, 0: log(6/2) + log(4/3), odds exp(s) = 1, 2, 3.
  const Eigen::RowVector3d scores(0, std::log(2.0), std::log(3.0)), relevance(0, 5, 1);
  Eigen::RowVector3d g;
  const losses::ListMLE<double> loss;
  CHECK(loss.value_and_gradient(scores, relevance, g) == Catch::Approx(std::log(4.0)).epsilon(1e-15));
  CHECK((g - Eigen::RowVector3d(1 / 6.0 + 1 / 4.0, 2 / 6.0 - 1, 3 / 6.0 + 3 / 4.0 - 1)).norm() < 1e-15);
}

TEST_CASE("ListMLE: values and gradients are PyTorch's logcumsumexp") {
  Eigen::MatrixXd scores(2, 4), relevance(2, 4);
  scores << 0.5, -1.25, 2, 0.75, 3, 1, -2, 0.25;
  relevance << 2, 0, 1, 0, 0, 1, 2, 3;
  Eigen::MatrixXd g, want(2, 4);
  // t = scores.gather(1, relevance.argsort(1, descending=True, stable=True));
  // (t.flip(1).logcumsumexp(1).flip(1) - t).sum(1).mean()
  CHECK(losses::ListMLE<double>().value_and_gradient(scores, relevance, g) ==
        Catch::Approx(7.2714311622963086).epsilon(1e-14));
  want << -0.42794857935000757, -0.41324918330950616, 0.20019111150540569, 0.64100665115410838, 1.29279215948505,
      -0.32503960693001854, -0.49425661696273865, -0.47349593559229358;
  CHECK((g - want).cwiseAbs().maxCoeff() < 1e-15);
}

TEST_CASE("ListMLE: equal relevances are taken by rising index") {
  const losses::ListMLE<double> loss;
  const Eigen::RowVector3d scores(1, -2, 0.5);
  CHECK(loss.forward(scores, Eigen::RowVector3d(4, 4, 4)) == loss.forward(scores, Eigen::RowVector3d(3, 2, 1)));
  CHECK(loss.forward(scores, Eigen::RowVector3d(1, 4, 4)) == loss.forward(scores, Eigen::RowVector3d(1, 3, 2)));
}

TEST_CASE("ListMLE: far scores neither overflow nor lose the digits of a small loss") {
  Eigen::RowVector3d g;
  const losses::ListMLE<double> loss;
  CHECK(loss.value_and_gradient(Eigen::RowVector3d(1000, 0, -1000), Eigen::RowVector3d(3, 2, 1), g) == 0);
  CHECK(g.isZero(0));
  CHECK(loss.value_and_gradient(Eigen::RowVector3d(1000, 0, -1000), Eigen::RowVector3d(1, 2, 3), g) == 3000);
  CHECK(g == Eigen::RowVector3d(2, -1, -1));
  CHECK(loss.value_and_gradient(Eigen::RowVector3d(80, 40, 0), Eigen::RowVector3d(3, 2, 1), g) ==
        Catch::Approx(2 * std::exp(-40.0)).epsilon(1e-13));
  CHECK(g(0) == Catch::Approx(-std::exp(-40.0)).epsilon(1e-13));
  CHECK(loss.forward(Eigen::RowVector3d::Constant(1e300), Eigen::RowVector3d(3, 2, 1)) == Catch::Approx(std::log(6.0)));
}
