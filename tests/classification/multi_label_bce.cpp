// SPDX-License-Identifier: MIT

#include <unsupported/Eigen/CXX11/ThreadPool>

#include <losses/classification/bce_with_logits.hpp>
#include <losses/classification/multi_label_bce.hpp>
#include <losses/tensor.hpp>

#include "binary_reference.hpp"
#include "laws.hpp"

namespace losses_test::multi_label_bce {

using losses::Reduction;

static_assert(losses::LossOn<losses::MultiLabelBCE<float>, Eigen::MatrixXf, Eigen::MatrixXf>);
static_assert(!losses::LossOn<losses::MultiLabelBCE<float>, Eigen::MatrixXf, Eigen::MatrixXd>);

namespace {

template <class T>
struct Sample {
  Columns<T> x, y, w;
  Eigen::Matrix<T, Eigen::Dynamic, 1> pos_weight;
};

template <class T>
Sample<T> sample(Index n, Index labels) {
  const auto in = draw<T>(unit_target, n, labels, static_cast<std::uint64_t>(70 + n));
  Sample<T> s{in.p, in.y, draw_weights<T>(n, 1, 71), {}};
  s.pos_weight.resize(labels);
  for (Index j = 0; j < labels; ++j) s.pos_weight[j] = static_cast<T>(0.5 + static_cast<double>(j % 5));
  return s;
}

/// The mean of each label from the reference; `w` is one weight per sample.
template <class T>
std::vector<Real> means(const Sample<T>& s, const Vector<T>& w) {
  std::vector<Real> result;
  for (Index j = 0; j < s.x.cols(); ++j) {
    Real sum = 0, weight = 0;
    for (Index i = 0; i < s.x.rows(); ++i) {
      const Real here = static_cast<Real>(w(i));
      weight += here;
      if (here != 0) sum += here * reference::bce_with_logits(s.x(i, j), s.y(i, j), s.pos_weight[j]).f;
    }
    result.push_back(weight > 0 ? sum / weight : 0);
  }
  return result;
}

template <class T, class Got>
void check_means(const Got& got, const std::vector<Real>& want) {
  REQUIRE(got.size() == static_cast<Index>(want.size()));
  for (std::size_t j = 0; j < want.size(); ++j) {
    INFO("label " << j);
    CHECK(std::fabs(static_cast<Real>(got[static_cast<Index>(j)]) - want[j]) <= laws::value_bound<T> * want[j]);
  }
}

template <class T>
void every_verb(Index n, Index labels) {
  INFO("[" << n << " x " << labels << "], " << laws::type_name<T>);
  const auto s = sample<T>(n, labels);
  for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::batch_mean}) {
    const losses::MultiLabelBCE<T> loss({.pos_weight = s.pos_weight}, reduction);
    const losses::BCEWithLogits<T> bce({.pos_weight = s.pos_weight}, reduction);
    CHECK(loss.reduction() == reduction);
    Columns<T> g, want;
    const T value = loss.value_and_gradient(s.x, s.y, g);
    CHECK(value == bce.value_and_gradient(s.x, s.y, want));
    CHECK(same_bits(g, want));
    CHECK(loss.forward(s.x, s.y) == value);
    CHECK(loss.value(loss.partial(s.x, s.y)) == value);
    CHECK(same_bits(loss.gradient(s.x, s.y, s.w), bce.gradient(s.x, s.y, s.w)));
    CHECK(same_bits(loss.unreduced(s.x, s.y), bce.unreduced(s.x, s.y)));
    CHECK(same_bits(loss.curvature(s.x, s.y), bce.curvature(s.x, s.y)));
    CHECK(loss.value_and_gradient(s.x, s.y, losses::add_to(g, -1)) == value);
    CHECK((g == 0).all());
    check_means<T>(loss.per_label(s.x, s.y), means<T>(s, Vector<T>::Ones(n)));
    check_means<T>(loss.per_label(s.x, s.y, s.w), means<T>(s, s.w.col(0)));
  }
}

}  // namespace

TEST_CASE("MultiLabelBCE: its verbs are BCEWithLogits', and per_label the reference's means") {
  for (const auto& [n, labels] : {std::pair<Index, Index>{1, 4}, {7, 1}, {33, 5}, {5, 80}, {600, 20}}) {
    every_verb<float>(n, labels);
    every_verb<double>(n, labels);
  }
}

TEST_CASE("MultiLabelBCE: per_label in every storage, and with threads, has the same bits") {
  const auto s = sample<float>(90, 7);
  const losses::MultiLabelBCE<float> loss({.pos_weight = s.pos_weight});
  const Eigen::VectorXf want = loss.per_label(s.x, s.y, s.w);
  writable_storages(s.x, [&](const char* name, const auto& x) {
    INFO(name);
    CHECK((loss.per_label(x, s.y, s.w) - want).cwiseAbs().maxCoeff() <= 1e-6f * want.maxCoeff());
    CHECK(loss.per_label(s.y, x.cwiseMin(1).cwiseMax(0)).allFinite());  // expressions
  });
  Eigen::ThreadPool pool(3);
  CHECK(same_bits(loss.per_label(losses::parallel(pool), s.x, s.y, s.w), want));
}

TEST_CASE("MultiLabelBCE: per_label of a tensor is over all axes but the second") {
  Eigen::Tensor<double, 3, Eigen::RowMajor> x(4, 3, 5), y(4, 3, 5);
  Columns<double> flat_x(20, 3), flat_y(20, 3);
  Random random(5);
  for (Index i = 0; i < 4; ++i) {
    for (Index l = 0; l < 3; ++l) {
      for (Index k = 0; k < 5; ++k) {
        flat_x(5 * i + k, l) = x(i, l, k) = random.normal();
        flat_y(5 * i + k, l) = y(i, l, k) = static_cast<double>(random.below(2));
      }
    }
  }
  const losses::MultiLabelBCE<double> loss({.pos_weight = {1, 2, 3}});
  CHECK((loss.per_label(x, y) - loss.per_label(flat_x, flat_y)).norm() < 1e-15);
  CHECK(loss.per_label(x, y).mean() == Catch::Approx(loss.forward(x, y)).epsilon(1e-15));
}

TEST_CASE("MultiLabelBCE: nothing to average is 0; weight 0 leaves a sample out, whatever it holds") {
  const losses::MultiLabelBCE<float> loss;
  CHECK((loss.per_label(Eigen::MatrixXf(0, 3), Eigen::MatrixXf(0, 3)).array() == 0).all());
  CHECK(loss.per_label(Eigen::MatrixXf(3, 0), Eigen::MatrixXf(3, 0)).size() == 0);
  Eigen::MatrixXf x = Eigen::MatrixXf::Zero(2, 3), y = x;
  x.row(1).setConstant(std::numeric_limits<float>::quiet_NaN());
  const Eigen::VectorXf got = loss.per_label(x, y, Eigen::Vector2f(1, 0));
  CHECK((got.array() - std::log(2.f)).abs().maxCoeff() < 1e-7f);
  CHECK(loss.per_label(x, y).array().isNaN().all());
}

TEST_CASE("MultiLabelBCE: value, gradient and the mean of each label are PyTorch's") {
  Eigen::MatrixXd x(4, 3), y(4, 3), g, want(4, 3);
  x << 0.5, -1.25, 3, 0, -2, 40, 1.5, 0.25, -0.75, -3, 2, 1;
  y << 1, 0, 0.25, 1, 1, 0, 0, 1, 0.5, 1, 0, 1;
  const losses::MultiLabelBCE<double> loss({.pos_weight = {3, 0.5, 2}});
  // torch.nn.functional.binary_cross_entropy_with_logits(x, y, pos_weight=torch.tensor([3., 0.5, 2.]))
  CHECK(loss.value_and_gradient(x, y, g) == Catch::Approx(5.195558559037447).epsilon(1e-15));
  want << -0.09438516719953634, 0.01855834490210907, 0.057559804877336807, -0.125, -0.03669987824907844,
      0.08333333333333333, 0.0681312063494703, -0.01824264579642508, -0.04323067073025746, -0.2381435317056083,
      0.07339975649815686, -0.04482357022833252;
  CHECK((g - want).norm() < 1e-15);
  // …, reduction="none").mean(0)
  CHECK((loss.per_label(x, y) - Eigen::Vector3d(3.5872119567310334, 0.9325727019623135, 11.066891018418994)).norm() <
        1e-14);
}

TEST_CASE("MultiLabelBCE: bad shapes, targets and weights are refused by their place in the matrix") {
  Eigen::MatrixXf x = Eigen::MatrixXf::Zero(5, 3), y = x, g = Eigen::MatrixXf::Constant(5, 3, 7);
  const losses::MultiLabelBCE<float> loss;
  y(3, 2) = 2;
  laws::refuses("MultiLabelBCE: target[3, 2] is 2, but must be in [0, 1]", g,
                [&] { (void)loss.value_and_gradient(x, y, g); });
  laws::refuses("MultiLabelBCE: target[3, 2] is 2, but must be in [0, 1]", g, [&] { (void)loss.per_label(x, y); });
  y(3, 2) = 1;
  laws::refuses("MultiLabelBCE: target is [3 x 5]", g, [&] { (void)loss.per_label(x, y.transpose()); });
  laws::refuses("MultiLabelBCE: weights[1] is -1", g,
                [&] { (void)loss.per_label(x, y, (Eigen::VectorXf(5) << 1, -1, 1, 1, 1).finished()); });
  const losses::MultiLabelBCE<float> four({.pos_weight = {1, 2, 3, 4}});
  laws::refuses("MultiLabelBCE: pos_weight has 4 values, but prediction is [5 x 3]", g,
                [&] { (void)four.per_label(x, y); });
  laws::refuses_option("MultiLabelBCE: pos_weight[1] is -2",
                       [] { losses::MultiLabelBCE<float>({.pos_weight = {1, -2}}); });
}

}  // namespace losses_test::multi_label_bce
