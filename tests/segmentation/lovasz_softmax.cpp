// SPDX-License-Identifier: MIT

#include <losses/segmentation/lovasz_softmax.hpp>

#include "lovasz_reference.hpp"
#include "pytorch_inputs.hpp"

using namespace losses_test;
using losses::LovaszClasses;
using losses::LovaszSoftmax;

namespace {

struct LovaszSoftmaxReference {
  template <class Rule>
  Jet operator()(const Rule& rule, const laws::Jets& x, const laws::Reals& y, const laws::Reals& w) const {
    std::vector<laws::SoftmaxRow> rows;
    for (Index i = 0; i < x.rows; ++i) rows.emplace_back(x, i);
    Jet sum = 0;
    Real count = 0;
    for (Index k = 0; k < x.cols; ++k) {
      std::vector<reference::LovaszElement> elements;
      bool present = false;
      for (Index i = 0; i < x.rows; ++i) {
        if (y(i, 0) < 0 || w(i, 0) == 0) continue;
        const bool is_label = static_cast<Index>(y(i, 0)) == k;
        const auto& row = rows[static_cast<std::size_t>(i)];
        elements.push_back({is_label ? row.rest[static_cast<std::size_t>(k)] : row.p[static_cast<std::size_t>(k)],
                            is_label ? Real(1) : Real(0), w(i, 0)});
        present = present || is_label;
      }
      if (!present && rule.classes == LovaszClasses::present) continue;
      count += 1;
      const Real weight = rule.class_weights.empty() ? 1 : static_cast<Real>(rule.class_weights[k]);
      if (!elements.empty()) sum += weight * reference::lovasz(elements);
    }
    return count == 0 ? Jet(0) : sum / count;
  }
};

}  // namespace

TEST_CASE("LovaszSoftmax: the laws", "[laws]") {
  laws::check(laws::sets("LovaszSoftmax", laws::SetKind::labels, LovaszSoftmax<float>(), LovaszSoftmax<double>(),
                         LovaszSoftmaxReference{}));
}

TEST_CASE("LovaszSoftmax: the laws of all classes", "[laws]") {
  laws::check(laws::sets("LovaszSoftmax, all classes", laws::SetKind::labels,
                         LovaszSoftmax<float>({.classes = LovaszClasses::all, .class_weights = 2}),
                         LovaszSoftmax<double>({.classes = LovaszClasses::all, .class_weights = 2}),
                         LovaszSoftmaxReference{}));
}

TEST_CASE("LovaszSoftmax: PyTorch") {
  // weights(gt) as for Lovasz; q = F.softmax(x, 1).permute(0, 2, 1).reshape(-1, 3)[l.flatten() >= 0]; t = l[l >= 0]
  // def of_class(k):
  //   fg = (t == k).double(); e, o = torch.sort((fg - q[:, k]).abs(), descending=True); return torch.dot(e, weights(fg[o]))
  const auto x = pytorch::logits();
  const auto l = pytorch::labels();
  // torch.stack([of_class(1), of_class(2)]).mean()
  pytorch::check(LovaszSoftmax<double>(), x, l,
                 {0.6054646414542424, 0.0257160577653597, 0.001498689827337154, 0, 0.04240548398015812});
  // torch.stack([of_class(0), of_class(1), of_class(2)]).mean()
  pytorch::check(LovaszSoftmax<double>({.classes = LovaszClasses::all}), x, l,
                 {0.7246066413038225, 0.0171440385102398, 0.0009991265515581029, 0, 0.03349880985674362});
}

TEST_CASE("LovaszSoftmax: one value per class, 0 for those left out") {
  const auto x = pytorch::logits();
  const auto l = pytorch::labels();
  const Eigen::VectorXd present = LovaszSoftmax<double>().unreduced(x, l);
  const Eigen::VectorXd all =
      LovaszSoftmax<double>({.classes = LovaszClasses::all, .class_weights = {1, 0, 3}}).unreduced(x, l);
  REQUIRE((present.size() == 3 && all.size() == 3));
  CHECK((present(0) == 0 && present(1) > 0 && all(0) > 0 && all(1) == 0 && all(2) == 3 * present(2)));
  CHECK(LovaszSoftmax<double>().forward(x, l) == Catch::Approx(present.sum() / 2).epsilon(1e-15));
}

TEST_CASE("LovaszSoftmax: in the limit of certain predictions it is the mean Jaccard loss") {
  Eigen::Matrix<double, 4, 3> x = Eigen::Matrix<double, 4, 3>::Constant(-1e4);
  const Eigen::Vector4i predicted(0, 0, 1, 2), y(0, 1, 1, 2);
  for (Index i = 0; i < 4; ++i) x(i, predicted(i)) = 1e4;
  CHECK(LovaszSoftmax<double>().forward(x, y) == Catch::Approx((0.5 + 0.5 + 0) / 3).epsilon(1e-15));
}

TEST_CASE("LovaszSoftmax: storage of images does not matter, even where errors are equal") {
  pytorch::Tensor x(2, 3, 5), g;
  x.setZero();
  Eigen::Tensor<double, 3> other(2, 3, 5), other_g;
  other.setZero();
  const auto l = pytorch::labels();
  CHECK(LovaszSoftmax<double>().value_and_gradient(x, l, g) ==
        LovaszSoftmax<double>().value_and_gradient(other, l, other_g));
  for (Index i = 0; i < 2; ++i) {
    for (Index k = 0; k < 3; ++k) {
      for (Index d = 0; d < 5; ++d) CHECK(g(i, k, d) == other_g(i, k, d));
    }
  }
}

TEST_CASE("LovaszSoftmax: bad options are refused") {
  laws::refuses_option("LovaszSoftmax: class_weights[1] is -2, but must be finite and not negative",
                       [] { LovaszSoftmax<float>({.class_weights = {1, -2}}); });
  Eigen::Matrix2d g = Eigen::Matrix2d::Ones();
  laws::refuses("LovaszSoftmax: class_weights has 3 values, but prediction has 2 classes", g, [&] {
    (void)LovaszSoftmax<double>({.class_weights = {1, 2, 3}})
        .value_and_gradient(Eigen::Matrix2d::Ones().eval(), Eigen::Vector2i(0, 1), g);
  });
}
