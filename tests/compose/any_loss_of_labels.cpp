// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/multi_label_bce.hpp>
#include <losses/compose/make_loss.hpp>
#include <losses/detection/giou.hpp>
#include <losses/generative/adversarial.hpp>
#include <losses/generative/reconstruction.hpp>
#include <losses/metric/contrastive.hpp>
#include <losses/metric/triplet.hpp>
#include <losses/ranking/list_net.hpp>
#include <losses/sequence/ctc.hpp>

#include "catch.hpp"
#include "inputs.hpp"

using namespace losses_test;
using Catch::Matchers::ContainsSubstring;
using losses::AnyLoss;
using losses::make_loss;

namespace {

using Matrix = Eigen::MatrixXf;

const Matrix p = Matrix::Random(6, 4), q = Matrix::Random(6, 4);
const std::vector<int> labels = {0, 1, 3, 1, 0, 2};

}  // namespace

TEST_CASE("AnyLoss: labels of every kind, and distributions") {
  const losses::CrossEntropy<float> direct({.label_smoothing = 0.1f});
  const AnyLoss<float> any = make_loss("cross_entropy(label_smoothing=0.1)");
  const float value = direct.forward(p, labels);
  const Eigen::Map<const Eigen::VectorXi> vector(labels.data(), 6);
  const Eigen::Matrix<std::uint8_t, 1, Eigen::Dynamic> narrow = vector.cast<std::uint8_t>().transpose();
  const Eigen::MatrixXi column = vector;
  CHECK(any.forward(p, labels) == value);
  CHECK(any.forward(p, vector) == value);
  CHECK(any.forward(p, narrow) == value);
  CHECK(any.forward(p, column) == value);
  Matrix gradient;
  CHECK(any.value_and_gradient(p, labels, gradient) == value);
  CHECK(gradient == direct.gradient(p, labels));
  const Matrix distribution = q.cwiseAbs() / 4.0f;
  CHECK(any.forward(p, distribution) == direct.forward(p, distribution));
  CHECK(any.unreduced(p, labels) == direct.unreduced(p, labels));
  CHECK_THROWS_AS(any.forward(p, std::vector<int>(6, 9)), std::out_of_range);
  const Eigen::Array<bool, Eigen::Dynamic, 1> flags = Eigen::Array<bool, Eigen::Dynamic, 1>::Ones(6);
  CHECK_THROWS_WITH(any.forward(p, flags),
                    "CrossEntropy: takes (prediction, target), but target is given as booleans, not as numbers or "
                    "integer labels");
}

TEST_CASE("AnyLoss: pairs, triplets, boxes and lists") {
  const losses::Triplet<float> triplet;
  const AnyLoss<float> any_triplet = make_loss("triplet");
  const Matrix r = (p + q) / 2.0f;
  const auto expected = triplet.gradient(p, q, r);
  CHECK(any_triplet.gradient<3>(p, q, r) == expected);
  Matrix a, b, c;
  CHECK(any_triplet.value_and_gradient(p, q, r, a, b, c) == triplet.forward(p, q, r));
  CHECK(c == std::get<2>(expected));
  CHECK_THROWS_WITH(
      any_triplet.forward(p, labels, r),
      "Triplet: takes (anchor, positive, negative), but positive is given as integer labels, not as numbers");

  const losses::Contrastive<float> contrastive;
  const AnyLoss<float> any_pair = make_loss("contrastive");
  Eigen::Array<bool, Eigen::Dynamic, 1> similar(6);
  similar << true, false, true, false, false, true;
  const Eigen::VectorXi integers = similar.cast<int>();
  CHECK(any_pair.forward(p, q, similar) == contrastive.forward(p, q, similar));
  CHECK(any_pair.forward(p, q, integers) == contrastive.forward(p, q, similar));
  CHECK_THROWS_WITH(any_pair.forward(p, q, true), ContainsSubstring("similar is given as true or false"));

  Matrix boxes = p.cwiseAbs(), targets = q.cwiseAbs();
  boxes.rightCols(2).array() += 1;
  targets.rightCols(2).array() += 1;
  CHECK(make_loss("giou").forward(boxes, targets) == losses::GIoU<float>().forward(boxes, targets));

  const losses::ListNet<float> list;
  const AnyLoss<float> any_list = make_loss("list_net");
  const Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic> mask = p.array() > -0.5f;
  const Matrix relevance = q.cwiseAbs();
  const Eigen::VectorXf w = Eigen::VectorXf::Constant(6, 2);
  CHECK(any_list.forward(p, relevance, mask) == list.forward(p, relevance, mask));
  CHECK(any_list.forward(p, relevance, mask, w) == list.forward(p, relevance, mask, w));
  CHECK(any_list.forward(p, relevance, w) == list.forward(p, relevance, w));
}

TEST_CASE("AnyLoss: sequences, flat or padded") {
  const losses::CTC<float> ctc;
  const AnyLoss<float> any = make_loss("ctc");
  const std::vector<int> target = {1, 2};
  const Eigen::MatrixXi column = Eigen::Map<const Eigen::VectorXi>(target.data(), 2);
  Matrix gradient;
  CHECK(any.value_and_gradient(p, target, gradient) == ctc.forward(p, target));
  CHECK(gradient == ctc.gradient(p, target));
  CHECK(any.forward(p, column) == ctc.forward(p, column));
  CHECK(any.forward(p, Eigen::MatrixXi(column.transpose())) == ctc.forward(p, target));
  CHECK_THROWS_WITH(any.forward(p, target, target),
                    ContainsSubstring("(prediction, target, input_lengths, target_lengths)"));
}

TEST_CASE("AnyLoss: classes with verbs of their own") {
  const Matrix half = q.cwiseAbs();
  CHECK(make_loss("multi_label_bce").forward(p, half) == losses::MultiLabelBCE<float>().forward(p, half));

  const losses::Adversarial<float> adversarial({.mode = losses::AdversarialMode::hinge});
  const AnyLoss<float> any = make_loss("adversarial(mode=hinge)");
  Matrix gradient;
  CHECK(any.value_and_gradient(p, true, gradient) == adversarial.forward(p, true));
  CHECK(gradient == adversarial.gradient(p, true));
  CHECK(any.forward(p, false) == adversarial.forward(p, false));
  CHECK_THROWS_WITH(any.forward(p, half),
                    ContainsSubstring("Adversarial: takes (") && ContainsSubstring("target is given as numbers"));

  const losses::Reconstruction<float> vae({.kl_weight = 0.5f}), plain;
  const AnyLoss<float> any_vae = make_loss("reconstruction(kl_weight=0.5)"), any_plain = make_loss("reconstruction");
  const Matrix mu = p.leftCols(2), log_variance = q.leftCols(2);
  Matrix by_x, by_mu, by_variance;
  CHECK(any_vae.value_and_gradient(p, q, mu, log_variance, by_x, by_mu, by_variance) ==
        vae.forward(p, q, mu, log_variance));
  CHECK(by_mu == std::get<1>(vae.gradient(p, q, mu, log_variance)));
  CHECK(any_plain.value_and_gradient(p, q, by_x) == plain.forward(p, q));
  CHECK_THROWS_WITH(any_vae.forward(p, q), ContainsSubstring("mu and log_variance must follow the target"));
}
