// SPDX-License-Identifier: MIT
// What composition costs: AnyLoss beside the direct call, a sum of losses of elements beside the dearer of them, and a
// sum of cross-entropy and Dice beside both: loss/verb/type/shape.

#include <memory>

#include <losses/classification/cross_entropy.hpp>
#include <losses/compose.hpp>
#include <losses/regression/huber.hpp>
#include <losses/regression/l1.hpp>
#include <losses/regression/log_cosh.hpp>
#include <losses/segmentation/softmax_dice.hpp>

#include "limits.hpp"
#include "register.hpp"

namespace {

using bench::add_benchmark;
using bench::Index;
using bench::shape_name;

struct Vectors {
  explicit Vectors(Index n) : p(n), y(n), g(Eigen::VectorXf::Zero(n)) {
    bench::fill_normal(p.data(), n, 1, 2.0);
    bench::fill_normal(y.data(), n, 2, 2.0);
  }
  Eigen::VectorXf p, y, g;
  std::size_t bytes() const { return 3 * sizeof(float) * static_cast<std::size_t>(p.size()); }
};

struct Labelled {
  Labelled(Index n, Index c) : p(n, c), y(n), g(n, c) {
    bench::fill_normal(p.data(), n * c, 3, 2.0);
    bench::fill_labels(y.data(), n, 4, c);
    g.setZero();
  }
  bench::RowMajorMatrix<float> p;
  bench::Labels y;
  bench::RowMajorMatrix<float> g;
  std::size_t bytes() const { return 2 * sizeof(float) * static_cast<std::size_t>(p.size()); }
};

template <class Data, class L, class... Size>
void add(const std::string& name, const L& loss, Size... size) {
  add_benchmark(name + "/value_and_gradient/float/" + shape_name({size...}), [=] {
    const auto data = std::make_shared<Data>(size...);
    return std::pair([=] { return loss.value_and_gradient(data->p, data->y, data->g); }, data->bytes());
  });
}

void add_limit(Index n) {
  add_benchmark("limit/add/float/" + shape_name({n}), [=] {
    const auto data = std::make_shared<Vectors>(n);
    const auto run = [data] {
      bench::add(data->p, data->y, data->g);
      return data->g.data();
    };
    return std::pair(run, data->bytes());
  });
}

bool add_all() {
  const losses::Huber<float> huber;
  const losses::L1<float> l1;
  const losses::LogCosh<float> log_cosh;
  const losses::CrossEntropy<float> entropy;
  const losses::SoftmaxDice<float> dice;
  for (const Index n : {Index(4), Index(32), Index(4096), Index(1) << 16U, Index(1) << 24U}) {
    add_limit(n);
    add<Vectors>("huber", huber, n);
    add<Vectors>("huber_any", losses::AnyLoss<float>(huber), n);
    add<Vectors>("huber_and_l1", 0.5f * huber + 0.5f * l1, n);
    add<Vectors>("log_cosh", log_cosh, n);
    add<Vectors>("log_cosh_and_huber", 0.5f * log_cosh + 0.5f * huber, n);
  }
  for (const Index n : {Index(32), Index(4096)}) {
    add<Labelled>("cross_entropy", entropy, n, Index(10));
    add<Labelled>("cross_entropy_any", losses::AnyLoss<float>(entropy), n, Index(10));
    add<Labelled>("softmax_dice", dice, n, Index(10));
    add<Labelled>("cross_entropy_and_softmax_dice", 0.5f * entropy + 0.5f * dice, n, Index(10));
  }
  return true;
}

const bool registered = add_all();

}  // namespace
