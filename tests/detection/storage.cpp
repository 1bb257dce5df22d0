// SPDX-License-Identifier: MIT

#include <losses/detection/giou.hpp>
#include <losses/evaluation/check_gradient.hpp>
#include <losses/tensor.hpp>

#include "laws_of_boxes.hpp"

using namespace losses_test;

namespace {

template <class T>
struct Case {
  losses::GIoU<T> loss;
  Pair<T> in;
  Columns<T> gradient;
  T value;

  explicit Case(Index n) : in(laws::draw_boxes<T>(n, 401)) { value = loss.value_and_gradient(in.p, in.y, gradient); }
};

template <class T>
void matrices() {
  for (const Index n : {Index(1), Index(37), Index(600)}) {
    const Case<T> known(n);
    const auto visit = [&](const char* name, auto& object) {
      INFO(name << ", " << n << " boxes");
      CHECK(known.loss.forward(object, known.in.y) == known.value);
      CHECK(same_bits(known.loss.gradient(object, known.in.y), known.gradient));
      CHECK(known.loss.unreduced(object, known.in.y).rows() == n);
      object.setConstant(laws::nan<T>);
      CHECK(known.loss.value_and_gradient(known.in.p, known.in.y, object) == known.value);
      CHECK(same_bits(object, known.gradient));
      object = known.in.y;
      CHECK(known.loss.forward(known.in.p, object) == known.value);
    };
    writable_storages<T>(known.in.p, visit);
    read_only_storages<T>(known.in.p, [&](const char* name, const auto& object) {
      INFO(name << ", " << n << " boxes");
      CHECK(known.loss.forward(object, known.in.y) == known.value);
      CHECK(same_bits(known.loss.gradient(object, known.in.y), known.gradient));
    });
  }
}

template <class Fixed>
void fixed(Index n) {
  using T = typename Fixed::Scalar;
  const Case<T> known(n);
  const Fixed p = known.in.p, y = known.in.y;
  Fixed g;
  CHECK(known.loss.value_and_gradient(p, y, g) == known.value);
  CHECK(known.loss.forward(p, y) == known.value);
  CHECK(same_bits(g, known.gradient));
  CHECK(same_bits(known.loss.gradient(p, y), known.gradient));
  CHECK(same_bits(known.loss.unreduced(p, y), known.loss.unreduced(known.in.p, known.in.y)));
}

template <class T, int layout>
void tensors() {
  using Tensor = Eigen::Tensor<T, 2, layout>;
  const Index n = 70;
  const Case<T> known(n);
  Tensor p(n, 4), y(n, 4), g;
  Eigen::Tensor<T, 1, layout> weights(n);
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < 4; ++k) p(i, k) = known.in.p(i, k), y(i, k) = known.in.y(i, k);
    weights(i) = T(2);
  }
  CHECK(known.loss.value_and_gradient(p, y, g) == known.value);
  CHECK(known.loss.forward(p, known.in.y) == known.value);
  CHECK(known.loss.forward(p, y, weights) == Catch::Approx(known.value));
  const Eigen::Tensor<T, 1, layout> terms = known.loss.unreduced(p, y);
  const Columns<T> want = known.loss.unreduced(known.in.p, known.in.y);
  Index wrong = terms.dimension(0) == n ? 0 : 1;
  for (Index i = 0; i < n; ++i) {
    wrong += terms(i) == want(i) ? 0 : 1;
    for (Index k = 0; k < 4; ++k) wrong += g(i, k) == known.gradient(i, k) ? 0 : 1;
  }
  CHECK(wrong == 0);
  Eigen::Tensor<T, 3, layout> cube(2, n, 4);
  cube.setConstant(T(1));
  laws::refuses("GIoU: prediction is [2 x 70 x 4], but must be [n x 4]", known.in.p,
                [&] { (void)known.loss.forward(cube, cube); });
}

}  // namespace

TEST_CASE("boxes: every storage of Eigen's gives the same bits") {
  matrices<float>();
  matrices<double>();
}

TEST_CASE("boxes: fixed sizes, both orders") {
  fixed<Eigen::Matrix<float, 1, 4>>(1);
  fixed<Eigen::Array<double, 1, 4>>(1);
  fixed<Eigen::Matrix<double, 2, 4>>(2);
  fixed<Eigen::Matrix<float, 3, 4, Eigen::RowMajor>>(3);
  fixed<Eigen::Array<float, 4, 4>>(4);
  fixed<Eigen::Array<double, 4, 4, Eigen::RowMajor>>(4);
  fixed<Eigen::Matrix<float, Eigen::Dynamic, 4>>(19);
  fixed<Eigen::Matrix<double, Eigen::Dynamic, 4, Eigen::RowMajor>>(19);
}

TEST_CASE("boxes: tensors in both layouts") {
  tensors<float, Eigen::ColMajor>();
  tensors<float, Eigen::RowMajor>();
  tensors<double, Eigen::ColMajor>();
  tensors<double, Eigen::RowMajor>();
}

TEST_CASE("boxes: the first four columns of a detector's output are boxes") {
  const Case<float> known(100);
  Rows<float> output(100, 6);
  output << known.in.p, Columns<float>::Constant(100, 2, 0.5f);
  Rows<float> gradient = Rows<float>::Zero(100, 6);
  CHECK(known.loss.value_and_gradient(output.leftCols(4), known.in.y, gradient.leftCols(4)) == known.value);
  CHECK(same_bits(Columns<float>(gradient.leftCols(4)), known.gradient));
  CHECK((gradient.rightCols(2) == 0).all());
}

TEST_CASE("boxes: check_gradient finds GIoU's right") {
  const Pair<double> in = laws::draw_plain_boxes<double>(50, 402);
  CHECK(losses::check_gradient(losses::GIoU<double>(), in.p, in.y).ok);
}

TEST_CASE("boxes: other arguments do not compile into a call") {
  using Floats = Eigen::MatrixXf;
  static_assert(losses::LossOn<losses::GIoU<float>, Floats, Floats>);
  static_assert(losses::LossOn<losses::GIoU<float>, Floats, Floats, Eigen::VectorXf>);
  static_assert(!losses::LossOn<losses::GIoU<float>, Floats, Eigen::MatrixXd>);
  static_assert(!losses::LossOn<losses::GIoU<float>, Floats, Eigen::VectorXi>);
  static_assert(!losses::LossOn<losses::GIoU<float>, Floats>);
  SUCCEED();
}
