// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/compose.hpp>
#include <losses/regression/huber.hpp>
#include <losses/regression/l1.hpp>
#include <losses/segmentation/softmax_dice.hpp>

#include "allocations.hpp"
#include "inputs.hpp"

#include "catch.hpp"

using namespace losses_test;

TEST_CASE("Allocation: AnyLoss and sums allocate nothing for a batch") {
  using Matrix = Eigen::MatrixXf;
  for (const Index n : {1, 33, 20000}) {
    const Matrix p = Matrix::Random(n, 5), y = Matrix::Random(n, 5);
    const Eigen::VectorXi labels = Eigen::VectorXi::Constant(n, 3);
    const Eigen::VectorXf w = Eigen::VectorXf::Constant(n, 0.5f);
    Matrix g(n, 5);
    const losses::AnyLoss<float> huber = losses::Huber<float>(), entropy = losses::CrossEntropy<float>();
    const auto elements = 0.5f * losses::Huber<float>() + losses::L1<float>();
    const auto reductions = losses::Huber<float>() + losses::L1<float>(losses::Reduction::sum);
    const auto mixed = losses::CrossEntropy<float>() + 0.5f * losses::SoftmaxDice<float>();
    const auto any = entropy + 2.0f * entropy;
    INFO(n);
    CHECK(allocations_of([&] {
            huber.forward(p, y, w);
            huber.value_and_gradient(p, y, g);
            huber.value_and_gradient(p, y, w, losses::add_to(g.topRows(n), 0.5));
            entropy.value_and_gradient(p, labels, g);
            elements.value_and_gradient(p, y, w, g);
            elements.forward(p, y);
            reductions.value_and_gradient(p, y, w, g);
            mixed.value_and_gradient(p, labels, w, g);
            mixed.value_and_gradient(p, labels, losses::add_to(g));
            any.value_and_gradient(p, labels, g);
          }) == 0);
  }
}
