// SPDX-License-Identifier: MIT
// The losses over a class axis take tensors [n, c, d1, d2] in both layouts, in place and added, as they take matrices; and
// their drivers allocate nothing and treat thin and wide rows alike.

#include <losses/classification.hpp>
#include <losses/tensor.hpp>

#include "row_cases.hpp"

namespace losses_test::row_storage {

using losses::Reduction;

namespace {

constexpr Index n = 3, c = 4, d1 = 5, d2 = 7;

/// [n, c, d1, d2] as the matrix [n·d1·d2 × c], and the labels [n, d1, d2] as a vector.
template <class T, int layout>
void check_layout(const auto& loss, const std::string& name) {
  INFO(name << (layout == Eigen::RowMajor ? ", row-major" : ", column-major"));
  Eigen::Tensor<T, 4, layout> x(n, c, d1, d2), g(n, c, d1, d2);
  Eigen::Tensor<int, 3, layout> y(n, d1, d2);
  Columns<T> flat(n * d1 * d2, c);
  laws::LabelVector flat_y(n * d1 * d2);
  Vector<T> weights(n), flat_weights(n * d1 * d2);
  Random random(401);
  for (Index i = 0; i < n; ++i) {
    weights(i) = static_cast<T>(random.between(0.5, 2));
    for (Index a = 0; a < d1; ++a) {
      for (Index b = 0; b < d2; ++b) {
        const Index r = (i * d1 + a) * d2 + b;
        flat_weights(r) = weights(i);
        y(i, a, b) = static_cast<int>(random.below(c));
        flat_y(r) = y(i, a, b);
        for (Index k = 0; k < c; ++k) flat(r, k) = x(i, k, a, b) = static_cast<T>(3 * random.normal());
      }
    }
  }
  const auto differences = [&](const Eigen::Tensor<T, 4, layout>& is, const Columns<T>& must, T before, T factor) {
    Index differs = 0;
    for (Index i = 0; i < n; ++i) {
      for (Index a = 0; a < d1; ++a) {
        for (Index b = 0; b < d2; ++b) {
          const Index r = (i * d1 + a) * d2 + b;
          const T size = must.row(r).abs().maxCoeff();
          for (Index k = 0; k < c; ++k) {
            const T off = std::abs(is(i, k, a, b) - (before + factor * must(r, k)));
            if (!(off <= 64 * std::numeric_limits<T>::epsilon() * (size + before))) ++differs;
          }
        }
      }
    }
    return differs;
  };
  Columns<T> want;
  const Real value = static_cast<Real>(loss.value_and_gradient(flat, flat_y, flat_weights, want));
  const T got = loss.value_and_gradient(x, y, weights, g);
  CHECK(laws::close<T>(static_cast<Real>(got), value, 4 * std::fabs(value)));
  CHECK(loss.forward(x, y, weights) == got);
  CHECK(differences(g, want, 0, 1) == 0);
  g.setConstant(T(0.5));
  CHECK(loss.value_and_gradient(x, y, weights, losses::add_to(g, 3)) == got);
  CHECK(differences(g, want, T(0.5), 3) == 0);
  auto both = x;
  CHECK(loss.value_and_gradient(both, y, weights, both) == got);
  CHECK(differences(both, want, 0, 1) == 0);
  y(2, 4, 6) = static_cast<int>(c);
  const std::string message = laws::message_of([&] { (void)loss.forward(x, y, weights); });
  CHECK(message.find("target[2, 4, 6] is 4, but must be in [0, 4)") != std::string::npos);
}

template <class T>
void check_tensors(const auto& loss, const std::string& name) {
  check_layout<T, Eigen::RowMajor>(loss, name);
  check_layout<T, Eigen::ColMajor>(loss, name);
}

}  // namespace

TEST_CASE("rows: tensors of logits in both layouts are the matrix of their samples") {
  check_tensors<float>(losses::LabelSmoothing<float>(), "LabelSmoothing");
  check_tensors<float>(losses::AdaptiveLabelSmoothing<float>(), "AdaptiveLabelSmoothing");
  check_tensors<float>(losses::SoftmaxFocal<float>({.alpha = {1.f, 2.f, 0.5f, 1.f}}), "SoftmaxFocal");
  check_tensors<float>(losses::NLL<float>({.class_weights = {1.f, 2.f, 0.5f, 1.f}}), "NLL");
  check_tensors<float>(losses::MultiMargin<float>({.p = 2}), "MultiMargin");
  check_tensors<double>(losses::PolyCrossEntropy<double>(), "PolyCrossEntropy");
  check_tensors<double>(losses::GeneralizedCrossEntropy<double>(), "GeneralizedCrossEntropy");
  check_tensors<double>(losses::SymmetricCrossEntropy<double>(), "SymmetricCrossEntropy");
}

TEST_CASE("rows: an empty class axis and an empty batch") {
  const auto check = [](const auto& loss, const std::string& name) {
    Columns<float> g = Columns<float>::Ones(2, 2);
    laws::refuses(name + ": prediction is [3 x 0], but needs at least one class", g,
                  [&] { (void)loss.value_and_gradient(Columns<float>(3, 0), rows::labels({0, 0, 0}), g); });
    CHECK(loss.value_and_gradient(Columns<float>(0, 3), laws::LabelVector(), g) == 0);
    CHECK((g.rows() == 0 && g.cols() == 3));
  };
  check(losses::NLL<float>(), "NLL");
  check(losses::MultiMargin<float>(), "MultiMargin");
  check(losses::SoftmaxFocal<float>(), "SoftmaxFocal");
  check(losses::LabelSmoothing<float>(), "LabelSmoothing");
  check(losses::AdaptiveLabelSmoothing<float>(), "AdaptiveLabelSmoothing");
}

}  // namespace losses_test::row_storage
