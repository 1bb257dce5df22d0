// SPDX-License-Identifier: MIT

#include <losses/segmentation/softmax_dice.hpp>

#include <span>

#include "pytorch_inputs.hpp"

using namespace losses_test;
using Catch::Approx;
using losses::SoftmaxDice;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Σ_k w_k (1 − (2 Σ p_k y_k + s)/(Σ p_k + Σ y_k + s)) / c
struct SoftmaxDiceReference {
  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    Jet sum = 0;
    const auto regions = laws::class_regions(x, y, w, 0, x.rows);
    for (std::size_t k = 0; k < regions.size(); ++k) {
      const auto& r = regions[k];
      const Real weight = rule.class_weights.empty() ? 1 : static_cast<Real>(rule.class_weights[static_cast<Index>(k)]);
      sum += weight * laws::loss_of(2 * r.hits + static_cast<Real>(rule.smooth), r.wrong());
    }
    return sum / static_cast<Real>(x.cols);
  }
};

}  // namespace

TEST_CASE("SoftmaxDice: the laws", "[laws]") {
  laws::check(laws::sets("SoftmaxDice", laws::SetKind::labels, SoftmaxDice<float>(), SoftmaxDice<double>(),
                         SoftmaxDiceReference{}));
}

TEST_CASE("SoftmaxDice: the laws without smooth", "[laws]") {
  laws::check(laws::sets("SoftmaxDice, smooth 0, weight 3", laws::SetKind::labels,
                         SoftmaxDice<float>({.smooth = 0, .class_weights = 3}),
                         SoftmaxDice<double>({.smooth = 0, .class_weights = 3}), SoftmaxDiceReference{}));
}

TEST_CASE("SoftmaxDice: PyTorch") {
  // q = F.softmax(x, 1); o = F.one_hot(l.clamp(min=0), 3).permute(0, 2, 1).double(); k = (l >= 0).unsqueeze(1)
  // q, o = q*k, o*k; d = 1 - (2*(q*o).sum((0, 2)) + 1)/(q.sum((0, 2)) + o.sum((0, 2)) + 1)
  const auto x = pytorch::logits();
  const auto l = pytorch::labels();
  // d.mean()
  pytorch::check(SoftmaxDice<double>(), x, l,
                 {0.5358236590024837, 0.01550283388988359, 0.001521883151638469, 0, 0.0265800041717972});
  // (d*torch.tensor([1., 2., .5])).mean()
  pytorch::check(SoftmaxDice<double>({.class_weights = {1, 2, 0.5}}), x, l,
                 {0.5968382364939904, 0.02872504228261801, 0.00153560674613286, 0, 0.04512012126022496});
}

TEST_CASE("SoftmaxDice: ignored pixels have gradient exactly 0 and take no part") {
  const auto l = pytorch::labels();
  auto x = pytorch::logits();
  const SoftmaxDice<double> loss;
  const double value = loss.forward(x, l);
  for (Index k = 0; k < 3; ++k) x(1, k, 3) = k == 1 ? std::numeric_limits<double>::quiet_NaN() : 1e300;
  pytorch::Tensor g;
  CHECK(loss.value_and_gradient(x, l, g) == value);
  for (Index k = 0; k < 3; ++k) CHECK(g(1, k, 3) == 0);
  const SoftmaxDice<double> other({.ignore_index = 2});
  auto renamed = l;
  for (Index i = 0; i < 10; ++i) renamed.data()[i] = l.data()[i] == -100 ? 2 : 0;
  CHECK(std::isfinite(other.value_and_gradient(x, renamed, g)));
  CHECK(g(1, 0, 3) == 0);
  pytorch::Labels all(2, 5);
  all.setConstant(-100);
  CHECK(loss.value_and_gradient(x, all, g) == 0);
  for (Index i = 0; i < 30; ++i) CHECK(g.data()[i] == 0);
}

TEST_CASE("SoftmaxDice: the sets are the classes") {
  const auto x = pytorch::logits();
  const auto l = pytorch::labels();
  const Vector<double> plain = SoftmaxDice<double>().unreduced(x, l);
  const SoftmaxDice<double>::Rule rule{.class_weights = {1, 0, 4}};
  const Vector<double> weighted = SoftmaxDice<double>(rule).unreduced(x, l);
  REQUIRE((plain.size() == 3 && weighted.size() == 3));
  CHECK((weighted(0) == plain(0) && weighted(1) == 0 && weighted(2) == 4 * plain(2)));
  CHECK(SoftmaxDice<double>(rule, losses::Reduction::sum).forward(x, l) == Approx(weighted.sum()).epsilon(1e-15));
  CHECK(SoftmaxDice<double>(rule).forward(x, l) == Approx(weighted.sum() / 3).epsilon(1e-15));
  // Class 0 has no pixel: extra/(extra + s).
  Eigen::Tensor<double, 3, Eigen::RowMajor> tensor = x;
  double extra = 0;
  for (Index n = 0; n < 2; ++n) {
    for (Index d = 0; d < 5; ++d) {
      double total = 0;
      for (Index k = 0; k < 3; ++k) total += std::exp(x(n, k, d));
      if (l(n, d) >= 0) extra += std::exp(x(n, 0, d)) / total;
    }
  }
  CHECK(plain(0) == Approx(extra / (extra + 1)).epsilon(1e-14));
}

TEST_CASE("SoftmaxDice: every layout of the same images") {
  const auto x = pytorch::logits();
  const auto l = pytorch::labels();
  const Eigen::Tensor<double, 3> column_major = x.swap_layout().shuffle(Eigen::array<int, 3>{2, 1, 0});
  const Eigen::Tensor<std::int64_t, 2> column_labels = l.swap_layout().shuffle(Eigen::array<int, 2>{1, 0});
  Eigen::Matrix<double, 10, 3> channels_last, g_last;
  Eigen::Matrix<std::int64_t, 10, 1> flat;
  for (Index i = 0; i < 10; ++i) {
    for (Index k = 0; k < 3; ++k) channels_last(i, k) = x(i / 5, k, i % 5);
    flat(i) = l.data()[i];
  }
  const SoftmaxDice<double> loss;
  pytorch::Tensor g;
  Eigen::Tensor<double, 3> g_column;
  const double value = loss.value_and_gradient(x, l, g);
  CHECK(loss.value_and_gradient(column_major, column_labels, g_column) == Approx(value).epsilon(1e-15));
  CHECK(loss.value_and_gradient(channels_last, flat, g_last) == Approx(value).epsilon(1e-15));
  for (Index i = 0; i < 10; ++i) {
    for (Index k = 0; k < 3; ++k) {
      CHECK(g_column(i / 5, k, i % 5) == Approx(g(i / 5, k, i % 5)).epsilon(1e-13));
      CHECK(g_last(i, k) == Approx(g(i / 5, k, i % 5)).epsilon(1e-13));
    }
  }
}

TEST_CASE("SoftmaxDice: labels of every width, and as a span") {
  const Columns<float> x = laws::draw_logits<float>(33, 5, 1);
  const laws::LabelVector y = laws::draw_labels(33, 5, 2);
  const SoftmaxDice<float> loss;
  const float want = loss.forward(x, y);
  const auto as = [&]<class I>(I) {
    const Eigen::Matrix<I, Eigen::Dynamic, 1> narrow = y.template cast<I>();
    CHECK(loss.forward(x, narrow) == want);
    CHECK(loss.forward(x, narrow.transpose()) == want);
    CHECK(loss.forward(x, std::span<const I>(narrow.data(), 33)) == want);
    Eigen::Matrix<I, Eigen::Dynamic, 1> wrong = narrow;
    wrong(7) = I(5);
    Columns<float> g = Columns<float>::Ones(1, 1);
    laws::refuses("SoftmaxDice: target[7] is 5, but must be in [0, 5) or the ignore_index -100", g,
                  [&] { (void)loss.value_and_gradient(x, wrong, g); });
  };
  as(std::int8_t());
  as(std::uint8_t());
  as(std::int16_t());
  as(std::uint16_t());
  as(std::int32_t());
  as(std::uint32_t());
  as(std::int64_t());
  as(std::uint64_t());
  Columns<float> g = Columns<float>::Ones(1, 1);
  for (const std::uint64_t bad : {std::uint64_t(UINT64_MAX), (std::uint64_t(1) << 32) + 1, std::uint64_t(4294967295)}) {
    Eigen::Matrix<std::uint64_t, Eigen::Dynamic, 1> wrong = y.cast<std::uint64_t>();
    wrong(30) = bad;
    laws::refuses("SoftmaxDice: target[30] is " + std::to_string(bad), g,
                  [&] { (void)loss.value_and_gradient(x, wrong, g); });
  }
  for (const std::int64_t bad : {std::int64_t(INT64_MIN), std::int64_t(-1)}) {
    laws::LabelVector wrong = y;
    wrong(0) = bad;
    laws::refuses("SoftmaxDice: target[0] is " + std::to_string(bad), g,
                  [&] { (void)loss.value_and_gradient(x, wrong, g); });
  }
}

TEST_CASE("SoftmaxDice: masked classes, and the limit of an infinite logit") {
  const Eigen::Vector2i y(1, 0);
  Eigen::Matrix<double, 2, 3> x, g;
  const SoftmaxDice<double> loss({.smooth = 0});
  x << 1, 1, -infinity, 1, -infinity, 1;
  loss.value_and_gradient(x, y, g);
  CHECK((g(0, 2) == 0 && g(1, 1) == 0));
  const Eigen::VectorXd classes = loss.unreduced(x, y);
  // hits ½ of class 0, extra ½, missed ½: 1 − 2·½/(1 + 1)
  CHECK(classes.isApprox(Eigen::Vector3d(0.5, 1 - 1 / 1.5, 1), 1e-15));
  x << 0, infinity, 1e300, infinity, 7, 1;
  CHECK(loss.value_and_gradient(x, y, g) == 0);
  CHECK(g.isZero(0));
  x << 0, infinity, infinity, infinity, 7, 1;
  CHECK(std::isnan(loss.value_and_gradient(x, y, g)));
  CHECK(g.row(0).array().isNaN().all());
  x << -infinity, -infinity, -infinity, 0, 0, -infinity;
  CHECK(std::isfinite(loss.value_and_gradient(x, y, g)));
  CHECK(g.row(0).isZero(0));
}

TEST_CASE("SoftmaxDice: labels that are all but certain keep their digits") {
  const Columns<float> x = (Columns<float>(2, 2) << 40, 0, 0, 40).finished();
  Columns<float> g;
  const float e = 4.248354255e-18f;
  CHECK(SoftmaxDice<float>().value_and_gradient(x, Eigen::Vector2i(0, 1), g) == Approx(2 * e / 3).epsilon(1e-6));
  // Each of the two classes: slope −1/3 at its pixel, 1/3 at the other, times p (1 − p).
  CHECK(g(0, 0) == Approx(-e / 3).epsilon(1e-6));
  CHECK(g(0, 1) == Approx(e / 3).epsilon(1e-6));
}

TEST_CASE("SoftmaxDice: many classes, and one") {
  for (const Index c : {1, 7, 1024, 1500, 6000}) {
    const Columns<double> x = laws::draw_logits<double>(9, c, 3);
    const laws::LabelVector y = laws::draw_labels(9, c, 4);
    Columns<double> g;
    const double value = SoftmaxDice<double>().value_and_gradient(x, y, g);
    CHECK(SoftmaxDice<double>().forward(x, y) == value);
    CHECK(g.rowwise().sum().abs().maxCoeff() <= 1e-15);
    if (c == 1) CHECK((value == 0 && (g == 0).all()));
  }
}

TEST_CASE("SoftmaxDice: the weights of a few pixels are beyond the largest float together") {
  // Beside such weights `smooth` is nothing, and their common factor cancels.
  const Eigen::MatrixXf logits = Eigen::MatrixXf::Random(300, 3);
  Eigen::VectorXi labels(300);
  for (int i = 0; i < 300; ++i) labels[i] = i % 3;
  Eigen::MatrixXf gradient(300, 3), expected_gradient(300, 3);
  const Eigen::VectorXf weights = Eigen::VectorXf::Constant(300, 2e38f);
  const float expected =
      losses::SoftmaxDice<float>({.smooth = 0}).value_and_gradient(logits, labels, expected_gradient);
  const float value = losses::SoftmaxDice<float>().value_and_gradient(logits, labels, weights, gradient);
  CHECK(value == Approx(expected).epsilon(1e-6));
  CHECK((gradient - expected_gradient).cwiseAbs().maxCoeff() < 5e-4f * expected_gradient.cwiseAbs().maxCoeff());
}

TEST_CASE("SoftmaxDice: bad options are refused") {
  laws::refuses_option("SoftmaxDice: smooth is -1, but must be finite and not negative",
                       [] { SoftmaxDice<float>({.smooth = -1}); });
  laws::refuses_option("SoftmaxDice: class_weights[1] is -2, but must be finite and not negative",
                       [] { SoftmaxDice<float>({.class_weights = {1, -2}}); });
  laws::refuses_option("SoftmaxDice: class_weights[0] is nan", [] { SoftmaxDice<float>({.class_weights = {NAN}}); });
  Columns<float> g = Columns<float>::Ones(1, 1);
  const Columns<float> x = laws::draw_logits<float>(4, 5, 1);
  laws::refuses("SoftmaxDice: class_weights has 2 values, but prediction has 5 classes", g, [&] {
    (void)SoftmaxDice<float>({.class_weights = {1, 2}})
        .value_and_gradient(x, laws::LabelVector(laws::draw_labels(4, 5, 2)), g);
  });
  const SoftmaxDice<double> loss;
  const auto three = loss.partial(Eigen::Matrix3d::Ones().eval(), Eigen::Vector3i(0, 1, 2));
  const auto two = loss.partial(Eigen::Matrix2d::Ones().eval(), Eigen::Vector2i(0, 1));
  laws::refuses("3 classes", g, [&] { (void)(three + two); });
  Eigen::Matrix2d gradient = Eigen::Matrix2d::Ones();
  laws::refuses("SoftmaxDice: the sums have 3 classes, but prediction has 2", gradient,
                [&] { loss.gradient(three, Eigen::Matrix2d::Ones().eval(), Eigen::Vector2i(0, 1), gradient); });
}
