// SPDX-License-Identifier: MIT

#include <losses/classification/bce_with_logits.hpp>
#include <losses/classification/multi_label_soft_margin.hpp>

#include "binary_reference.hpp"
#include "multi_label_cases.hpp"

namespace losses_test::multi_label_soft_margin {

using losses::MultiLabelSoftMargin;

namespace {

using Target = Eigen::MatrixXd;

template <class T>
void check_shape(Index n, Index c, const losses::rule::NumberOrVector<T>& class_weights) {
  const auto in = draw<T>(unit_target, n, c, static_cast<std::uint64_t>(7 * n + c));
  const Columns<T> x = in.p.max(-50).min(50);  // every term is a normal number
  // torch.nn.functional.multilabel_soft_margin_loss
  const auto term = [&](Index i, const std::vector<Jet>& row) {
    Jet sum = 0;
    for (std::size_t j = 0; j < row.size(); ++j) {
      const auto label = static_cast<Index>(j);
      const Real weight = class_weights.empty() ? Real(1) : static_cast<Real>(class_weights[label]);
      sum += weight * reference::bce_with_logits(row[j], in.y(i, label), 1);
    }
    return sum / static_cast<Real>(row.size());
  };
  Real largest = 1;
  for (const T weight : class_weights) largest = std::max(largest, static_cast<Real>(weight));
  multi_label::every_verb(losses::rule::MultiLabelSoftMargin<T>{class_weights}, x, in.y, term,
                          largest / static_cast<Real>(c));
}

template <class T>
void check_shapes() {
  for (const auto& [n, c] : {std::pair<Index, Index>{1, 5}, {7, 1}, {33, 3}, {5, 70}, {90, 17}}) {
    check_shape<T>(n, c, {});
    check_shape<T>(n, c, 2.5);
    Eigen::Matrix<T, Eigen::Dynamic, 1> weights(c);
    for (Index j = 0; j < c; ++j) weights[j] = static_cast<T>(0.5 * static_cast<double>(j % 4));
    check_shape<T>(n, c, weights);
  }
}

}  // namespace

TEST_CASE("MultiLabelSoftMargin: every verb is the reference's") {
  check_shapes<float>();
  check_shapes<double>();
}

TEST_CASE("MultiLabelSoftMargin: storage and threads do not matter") {
  for (const auto& [n, c] : {std::pair<Index, Index>{5, 3}, {37, 19}, {4000, 50}}) {
    const auto in = draw<float>(unit_target, n, c, 12);
    const Eigen::MatrixXf y = in.y;
    multi_label::every_storage(losses::rule::MultiLabelSoftMargin<float>{}, in.p, y);
  }
}

TEST_CASE("MultiLabelSoftMargin: NaN comes out, unless its sample or its label has weight 0") {
  const auto in = draw<float>(unit_target, 3, 35, 13);
  const Columns<float> x = in.p.max(-1e3f).min(1e3f);
  multi_label::nan_comes_out(losses::rule::MultiLabelSoftMargin<float>{}, x, in.y);
  Eigen::VectorXf weights = Eigen::VectorXf::Ones(35);
  weights[4] = 0;
  const MultiLabelSoftMargin<float> loss({.class_weights = weights});
  Columns<float> poisoned = x, g;
  poisoned(1, 4) = std::numeric_limits<float>::quiet_NaN();
  CHECK(loss.value_and_gradient(poisoned, in.y, g) == loss.forward(x, in.y));
  CHECK(g(1, 4) == 0);
}

TEST_CASE("MultiLabelSoftMargin: it is BCEWithLogits, but with weights per sample, and its curvature too") {
  const auto in = draw<double>(unit_target, 40, 7, 14);
  const MultiLabelSoftMargin<double> loss;
  const losses::BCEWithLogits<double> bce;
  CHECK(loss.forward(in.p, in.y) == Catch::Approx(bce.forward(in.p, in.y)).epsilon(1e-14));
  const auto close = [](const Columns<double>& a, const Columns<double>& b) {
    return ((a - b).abs() <= 1e-14 * b.abs() + 1e-300).all();
  };
  CHECK(close(loss.gradient(in.p, in.y), bce.gradient(in.p, in.y)));
  CHECK(close(loss.curvature(in.p, in.y), bce.curvature(in.p, in.y)));
}

TEST_CASE("MultiLabelSoftMargin: at zero and in the limits") {
  const double infinity = std::numeric_limits<double>::infinity();
  Eigen::MatrixXd x(1, 4), y(1, 4), g;
  x.setZero();
  y << 0, 1, 1, 0;
  const MultiLabelSoftMargin<double> loss;
  CHECK(loss.value_and_gradient(x, y, g) == Catch::Approx(std::log(2.0)).epsilon(1e-15));
  CHECK(g == Eigen::RowVector4d(0.125, -0.125, -0.125, 0.125));
  x << -infinity, infinity, 1e4, -1e4;
  CHECK(loss.value_and_gradient(x, y, g) == 0);
  CHECK((g.array() == 0).all());
  CHECK(loss.value_and_gradient(-x, y, g) == infinity);
  CHECK(g == Eigen::RowVector4d(0.25, -0.25, -0.25, 0.25));
  const double most = std::numeric_limits<double>::max();
  x.setConstant(most);
  y.setZero();
  CHECK(loss.forward(x, y) == most);  // a sum would overflow
}

TEST_CASE("MultiLabelSoftMargin: values and gradients are PyTorch's") {
  Eigen::MatrixXd x(2, 4), y(2, 4), g, want(2, 4);
  x << 0.1, 0.2, 0.4, 0.8, 0.3, -1, 2, 0.5;
  y << 1, 0, 0.25, 1, 1, 0, 0, 1;
  // torch.nn.functional.multilabel_soft_margin_loss(x, y)
  CHECK(MultiLabelSoftMargin<double>().value_and_gradient(x, y, g) == Catch::Approx(0.7619091718765902).epsilon(1e-15));
  want << -0.0593776015651325, 0.06872924966405974, 0.0435859575140565, -0.038753189859048444, -0.05319468539854263,
      0.03361767767124939, 0.1100996347472353, -0.04719258359976818;
  CHECK((g - want).norm() < 1e-15);
  // …, weight=torch.tensor([1, 2, 0.5, 0]))
  const MultiLabelSoftMargin<double> weighted({.class_weights = {1, 2, 0.5, 0}});
  CHECK(weighted.value_and_gradient(x, y, g) == Catch::Approx(0.6114405812578988).epsilon(1e-15));
  want << -0.0593776015651325, 0.1374584993281195, 0.02179297875702825, 0, -0.05319468539854263, 0.06723535534249878,
      0.05504981737361765, 0;
  CHECK((g - want).norm() < 1e-15);
  // …, reduction="none")
  CHECK((weighted.unreduced(x, y) - Eigen::Vector2d(0.6617955062591827, 0.5610856562566149)).norm() < 1e-15);
}

TEST_CASE("MultiLabelSoftMargin: bad targets, shapes and weights are refused") {
  Eigen::MatrixXf x = Eigen::MatrixXf::Zero(5, 3), y = x, g = Eigen::MatrixXf::Constant(5, 3, 7);
  const MultiLabelSoftMargin<float> loss;
  y(3, 2) = -1;
  laws::refuses("MultiLabelSoftMargin: target[3, 2] is -1, but must be in [0, 1]", g,
                [&] { (void)loss.value_and_gradient(x, y, g); });
  y(3, 2) = 0;
  laws::refuses("MultiLabelSoftMargin: target is [3 x 5]", g, [&] { (void)loss.forward(x, y.transpose()); });
  const MultiLabelSoftMargin<float> two({.class_weights = {1, 2}});
  laws::refuses("MultiLabelSoftMargin: class_weights has 2 values, but prediction has 3 classes", g,
                [&] { (void)two.value_and_gradient(x, y, g); });
  laws::refuses_option("MultiLabelSoftMargin: class_weights[1] is -2",
                       [] { MultiLabelSoftMargin<float>({.class_weights = {1, -2}}); });
}

}  // namespace losses_test::multi_label_soft_margin
