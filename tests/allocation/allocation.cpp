// SPDX-License-Identifier: MIT

// P10: value_and_gradient allocates nothing. Every way to the heap is counted: malloc and its siblings, and so operator new.

#include <cstdlib>
#include <new>

#include <losses/classification/cross_entropy.hpp>
#include <losses/sequence.hpp>
#include <losses/tensor.hpp>

#include "allocations.hpp"
#include "laws_of_rows.hpp"

using losses_test::allocations;

#if defined(__GLIBC__)

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  *result = __libc_memalign(alignment, size);
  return *result == nullptr;
}
}

#else

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

#endif

using namespace losses_test;

namespace {

template <class T>
void cross_entropy() {
  for (const Index c : {1, 2, 7, 10, 33, 131, 1000, 1024}) {
    const Index n = c > 100 ? 70 : 700;
    const Columns<T> x = laws::draw_logits<T>(n, c, 146);
    const Rows<T> rows = x;
    const auto y = laws::draw_labels(n, c, 147);
    const Eigen::VectorXi narrow = y.template cast<int>();
    const Columns<T> w = draw_weights<T>(n, 1, 148);
    Columns<T> g(n, c), q = Columns<T>::Constant(n, c, T(1) / static_cast<T>(c)), memory(2 * n, 2 * c);
    Rows<T> row_gradient(n, c);
    const laws::Output<T> strided(memory.data(), n, c, AnyStride(4 * n, 2));
    std::vector<T> class_weights(static_cast<std::size_t>(c), T(2));
    const losses::CrossEntropy<T> plain, smooth({.class_weights = class_weights, .label_smoothing = T(0.1)});
    for (const auto* loss : {&plain, &smooth}) {
      const long count = allocations_of([&] {
        loss->forward(x, y);
        loss->value_and_gradient(x, y, g);
        loss->value_and_gradient(rows, narrow, row_gradient);
        loss->value_and_gradient(x, y, w, row_gradient);
        loss->value_and_gradient(rows, y, w, g);
        loss->value_and_gradient(rows, y, w, strided);
        loss->value_and_gradient(x, y, losses::add_to(g, 2));
        loss->value_and_gradient(x, q, g);
        loss->value_and_gradient(rows, q, w, row_gradient);
        loss->value(loss->partial(x, y));
      });
      INFO(laws::type_name<T> << ", " << c << " classes, " << (loss == &smooth ? "weights and smoothing" : "plain"));
      CHECK(count == 0);
    }
  }
}

/// Sequences with a workspace that an earlier call filled, in both layouts.
template <class T, int layout>
void sequences() {
  Random random(151);
  Eigen::Tensor<T, 3, layout> x(37, 3, 11), g(37, 3, 11);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<T>(random.normal());
  g.setZero();
  const Columns<T> one = laws::draw_logits<T>(30, 11, 152), w = draw_weights<T>(3, 1, 153);
  Columns<T> one_gradient(30, 11);
  Eigen::Matrix<int, Eigen::Dynamic, Eigen::Dynamic> targets(3, 6);
  for (Index i = 0; i < targets.size(); ++i) targets.data()[i] = static_cast<int>(1 + random.below(10));
  const std::vector<int> flat = {1, 2, 2, 10, 3}, frames = {37, 20, 1}, labels = {6, 3, 0}, flat_labels = {2, 3, 0};
  for (const auto input : {losses::CTCInput::logits, losses::CTCInput::log_probabilities}) {
    const losses::CTC<T> loss({.input = input});
    const typename losses::CTC<T>::Workspace workspace;
    loss.value_and_gradient(x, targets, frames, labels, losses::add_to(g, 0), workspace);
    const long count = allocations_of([&] {
      loss.value_and_gradient(x, targets, frames, labels, g, workspace);
      loss.value_and_gradient(x, targets, frames, labels, w, g, workspace);
      loss.value_and_gradient(x, flat, frames, flat_labels, losses::add_to(g, 2), workspace);
      loss.value_and_gradient(one, flat, one_gradient, workspace);
      loss.forward(x, targets, frames, labels, workspace);
      loss.value(loss.partial(x, targets, frames, labels, w, workspace));
    });
    INFO(laws::type_name<T> << (layout == Eigen::RowMajor ? ", row-major" : ", column-major"));
    CHECK(count == 0);
    // Without one: a block of memory, whatever the number of sequences.
    CHECK(allocations_of([&] { loss.value_and_gradient(x, targets, frames, labels, g); }) <= 3);
  }
}

}  // namespace

TEST_CASE("allocation: the counter counts") {
  double last = 1;
  CHECK(allocations_of([&] { last = Eigen::VectorXd::Zero(1000).eval()(999); }) > 0);
  CHECK(last == 0);
}

TEST_CASE("allocation: cross-entropy up to 1024 classes allocates nothing") {
  cross_entropy<float>();
  cross_entropy<double>();
}

TEST_CASE("allocation: sequences with a workspace allocate nothing") {
  sequences<float, Eigen::RowMajor>();
  sequences<float, Eigen::ColMajor>();
  sequences<double, Eigen::RowMajor>();
  sequences<double, Eigen::ColMajor>();
}
