// SPDX-License-Identifier: MIT

#include <losses/ranking/list_net.hpp>

#include "laws_of_lists.hpp"

using namespace losses_test;

namespace {

/// Cao et al. (2007): the cross-entropy of the two top-one probabilities.
Jet list_net(const std::vector<Jet>& scores, const std::vector<Real>& relevances) {
  Real sum = 0;
  for (const Real y : relevances) sum += std::exp(y);
  std::vector<Real> q;
  for (const Real y : relevances) q.push_back(std::exp(y) / sum);
  return reference::cross_entropy(scores, q);
}

}  // namespace

TEST_CASE("ListNet: the laws", "[laws]") {
  laws::check_lists<losses::ListNet>("ListNet", list_net);
}

TEST_CASE("ListNet: by hand, of two items") {
  // q = softmax(1, 0) = (0.731, 0.269), p = softmax(0, ln 3) = (1/4, 3/4)
  const Eigen::RowVector2d scores(0, std::log(3.0)), relevance(1, 0);
  const double q = 1 / (1 + std::exp(-1.0));
  Eigen::RowVector2d g;
  const losses::ListNet<double> loss;
  CHECK(loss.value_and_gradient(scores, relevance, g) ==
        Catch::Approx(q * std::log(4.0) + (1 - q) * std::log(4 / 3.0)).epsilon(1e-15));
  CHECK(g(0) == Catch::Approx(0.25 - q).epsilon(1e-15));
  CHECK(g(1) == Catch::Approx(q - 0.25).epsilon(1e-15));
}

TEST_CASE("ListNet: value and gradient are PyTorch's cross_entropy of softmax(relevance)") {
  Eigen::MatrixXd scores(2, 4), relevance(2, 4);
  scores << 0.5, -1.25, 2, 0.75, 3, 1, -2, 0.25;
  relevance << 2, 0, 1, 0, 0, 1, 2, 3;
  Eigen::MatrixXd g, want(2, 4);
  // torch.nn.functional.cross_entropy(scores, torch.softmax(relevance, 1))
  CHECK(losses::ListNet<double>().value_and_gradient(scores, relevance, g) ==
        Catch::Approx(2.5205619800853283).epsilon(1e-14));
  want << -0.23309642205681916, -0.028776610224211668, 0.2106544465797483, 0.05121858570128255, 0.39856402132452312,
      0.012536945420401659, -0.11564790120864511, -0.2954530655362797;
  CHECK((g - want).cwiseAbs().maxCoeff() < 1e-15);
}

TEST_CASE("ListNet: equal scores and relevances cost the entropy, with gradient 0; a certain order costs nothing") {
  Eigen::RowVector4f g;
  const losses::ListNet<float> loss;
  const Eigen::RowVector4f same = Eigen::RowVector4f::Constant(3.5f);
  CHECK(loss.value_and_gradient(same, same, g) == Catch::Approx(std::log(4.0)).epsilon(1e-7));
  CHECK(g.isZero(0));
  // The least likely first place of [40, 0]: log1p(exp(-40)) keeps its digits.
  CHECK(loss.forward(Eigen::RowVector2f(40, 0), Eigen::RowVector2f(200, 0)) ==
        Catch::Approx(4.248354e-18).epsilon(1e-6));
  CHECK(loss.forward(Eigen::RowVector2f(1e8f, 1e8f), Eigen::RowVector2f(200, 0)) ==
        Catch::Approx(std::log(2.0)).epsilon(1e-7));
}

TEST_CASE("ListNet: the largest scores overflow neither in a difference nor in the sum over the items") {
  const auto check = [](auto most) {
    using T = decltype(most);
    Eigen::Matrix<T, 1, 3> g;
    const losses::ListNet<T> loss;
    const T sum = 1 + std::exp(T(-1)) + std::exp(T(-2));  // of the relevances
    const Eigen::Matrix<T, 1, 3> scores(0, most, -most), relevance(1, 2, 0);
    CHECK(loss.value_and_gradient(scores, relevance, g) ==
          Catch::Approx(most * ((std::exp(T(-1)) + 2 * std::exp(T(-2))) / sum)).epsilon(1e-6));
    CHECK(g(0) == Catch::Approx(-std::exp(T(-1)) / sum).epsilon(1e-6));
    CHECK(g(1) == Catch::Approx(1 - 1 / sum).epsilon(1e-6));
    CHECK(loss.forward(scores, relevance) == loss.value_and_gradient(scores, relevance, g));
    const Eigen::Matrix<T, 1, 3> last(0, 0, most);
    CHECK(loss.forward(last, relevance) == Catch::Approx(most * ((1 + std::exp(T(-1))) / sum)).epsilon(1e-6));
    CHECK(std::isinf(loss.forward(Eigen::Matrix<T, 1, 2>(-most, most), Eigen::Matrix<T, 1, 2>(9, 0))));
  };
  check(std::numeric_limits<float>::max());
  check(std::numeric_limits<double>::max());
}
