// SPDX-License-Identifier: MIT

#include <losses/classification/multi_label_margin.hpp>

#include "multi_label_cases.hpp"

namespace losses_test::multi_label_margin {

using losses::MultiLabelMargin;

namespace {

template <class I>
using Labels = Eigen::Matrix<I, Eigen::Dynamic, Eigen::Dynamic>;

/// Scores, and up to c labels per row, ended by −1.
template <class T, class I = std::int64_t>
struct Sample {
  Columns<T> x;
  Labels<I> y;

  Sample(Index n, Index c, std::uint64_t seed) : x(n, c), y(Labels<I>::Constant(n, c, -1)) {
    Random random(seed);
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < c; ++j) x(i, j) = static_cast<T>(2 * random.normal());
      const Index labels = i == 0 ? 0 : random.below(std::min<Index>(c, 6) + 1);
      for (Index k = 0; k < labels; ++k) y(i, k) = static_cast<I>(random.below(c));
      if (labels + 1 < c) y(i, labels + 1) = static_cast<I>(random.below(c));  // after the end: not read
    }
  }

  /// torch.nn.functional.multilabel_margin_loss
  Jet term(Index i, const std::vector<Jet>& row) const {
    Jet sum = 0;
    for (Index k = 0; k < y.cols() && y(i, k) != -1; ++k) {
      for (Index other = 0; other < y.cols(); ++other) {
        bool is_true = false;
        for (Index l = 0; l < y.cols() && y(i, l) != -1; ++l) is_true = is_true || y(i, l) == other;
        if (!is_true) {
          sum += max(Jet(0), 1 - (row[static_cast<std::size_t>(y(i, k))] - row[static_cast<std::size_t>(other)]));
        }
      }
    }
    return sum / static_cast<Real>(row.size());
  }
};

template <class T>
void check_shapes() {
  for (const auto& [n, c] : {std::pair<Index, Index>{2, 5}, {7, 1}, {33, 3}, {5, 70}, {90, 17}}) {
    const Sample<T> s(n, c, static_cast<std::uint64_t>(n + c));
    multi_label::every_verb(
        losses::rule::MultiLabelMargin<T>{}, s.x, s.y,
        [&](Index i, const std::vector<Jet>& row) { return s.term(i, row); }, 1);
  }
}

}  // namespace

TEST_CASE("MultiLabelMargin: every verb is the reference's") {
  check_shapes<float>();
  check_shapes<double>();
}

TEST_CASE("MultiLabelMargin: storage and threads do not matter") {
  for (const auto& [n, c] : {std::pair<Index, Index>{5, 3}, {37, 19}, {4000, 50}}) {
    const Sample<float> s(n, c, 12);
    multi_label::every_storage(losses::rule::MultiLabelMargin<float>{}, s.x, s.y);
  }
}

TEST_CASE("MultiLabelMargin: NaN comes out, also of a row without a label") {
  const Sample<float> s(4, 35, 13);
  multi_label::nan_comes_out(losses::rule::MultiLabelMargin<float>{}, s.x, s.y);
}

TEST_CASE("MultiLabelMargin: values and gradients are PyTorch's") {
  Eigen::MatrixXd x(3, 4), g, want(3, 4);
  x << 0.1, 0.2, 0.4, 0.8, 0.3, -1, 2, 0.5, 1, 0.75, -0.5, 0.25;
  Eigen::MatrixXi y(3, 4);
  y << 3, 0, -1, 1, 2, -1, -1, -1, 1, 2, 1, -1;
  // torch.nn.functional.multilabel_margin_loss(x, y)
  CHECK(MultiLabelMargin<double>().value_and_gradient(x, y, g) == Catch::Approx(0.9291666666666667).epsilon(1e-15));
  want << -0.16666666666666666, 0.16666666666666666, 0.16666666666666666, -0.16666666666666666, 0, 0, 0, 0, 0.25,
      -0.3333333333333333, -0.16666666666666666, 0.25;
  CHECK((g - want).norm() < 1e-15);
  // …, reduction="none")
  CHECK((MultiLabelMargin<double>().unreduced(x, y) - Eigen::Vector3d(0.8500000000000001, 0, 1.9375)).norm() < 1e-15);
}

TEST_CASE("MultiLabelMargin: a pair at the margin costs nothing, one within it 1/c of what it lacks") {
  Eigen::MatrixXd x(1, 3), g;
  Eigen::MatrixXi y(1, 3);
  y << 1, -1, -1;
  const MultiLabelMargin<double> loss;
  x << 0, 1, -3;
  CHECK((loss.value_and_gradient(x, y, g) == 0 && (g.array() == 0).all()));
  x << 0.25, 1, -3;
  CHECK(loss.value_and_gradient(x, y, g) == Catch::Approx(0.25 / 3).epsilon(1e-15));
  CHECK((g - Eigen::RowVector3d(1, -1, 0) / 3).norm() < 1e-16);
  CHECK((loss.curvature(x, y).array() == 0).all());
  y << -1, 1, 0;  // no label
  CHECK((loss.value_and_gradient(x, y, g) == 0 && (g.array() == 0).all()));
  y << 2, 0, 1;  // all of them
  CHECK((loss.value_and_gradient(x, y, g) == 0 && (g.array() == 0).all()));
}

TEST_CASE("MultiLabelMargin: a difference that overflows has a mean that does not") {
  const float most = std::numeric_limits<float>::max();
  Eigen::MatrixXf x(1, 4), g;
  x << most, -most, -most, -most;
  Eigen::MatrixXi y(1, 4);
  y << 1, -1, -1, -1;
  CHECK(MultiLabelMargin<float>().value_and_gradient(x, y, g) ==
        Catch::Approx(static_cast<double>(most) / 2).epsilon(1e-6));
  CHECK(g == Eigen::RowVector4f(0.25f, -0.75f, 0.25f, 0.25f));
}

namespace {

template <class I>
void integers(I one_too_many) {
  const Sample<double, I> s(6, 9, 21);
  const Sample<double> wide(6, 9, 21);
  const MultiLabelMargin<double> loss;
  Columns<double> g, want;
  CHECK(loss.value_and_gradient(s.x, s.y, g) == loss.value_and_gradient(s.x, wide.y, want));
  CHECK(same_bits(g, want));
  Labels<I> y = s.y;
  y(4, 8) = one_too_many;  // after the −1, but checked
  laws::refuses("MultiLabelMargin: target[4, 8] is ", g, [&] { (void)loss.value_and_gradient(s.x, y, g); });
  CHECK_THROWS_AS(loss.forward(s.x, y), std::out_of_range);
}

}  // namespace

TEST_CASE("MultiLabelMargin: labels of every signed type; those outside [−1, c) are refused, not truncated") {
  integers<std::int8_t>(9);
  integers<std::int8_t>(-2);
  integers<std::int16_t>(-32768);
  integers<std::int32_t>(9);
  integers<std::int64_t>((std::int64_t(1) << 32) + 1);
  integers<std::int64_t>(INT64_MIN);
}

TEST_CASE("MultiLabelMargin: a target of another shape is refused") {
  Eigen::MatrixXf x = Eigen::MatrixXf::Zero(5, 3), g = Eigen::MatrixXf::Constant(5, 3, 7);
  const Eigen::MatrixXi y = Eigen::MatrixXi::Constant(5, 3, -1);
  const MultiLabelMargin<float> loss;
  laws::refuses("MultiLabelMargin: target is [3 x 5]", g,
                [&] { (void)loss.value_and_gradient(x, Eigen::MatrixXi(y.transpose()), g); });
  laws::refuses("MultiLabelMargin: target is [5", g,
                [&] { (void)loss.value_and_gradient(x, Eigen::VectorXi(y.col(0)), g); });
}

}  // namespace losses_test::multi_label_margin
