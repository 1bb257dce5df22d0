// SPDX-License-Identifier: MIT

#include <losses/sequence/ctc.hpp>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include <losses/tensor.hpp>

#include "ctc_reference.hpp"
#include "laws.hpp"

using namespace losses_test;
using losses::CTC;
using losses::CTCInput;
using losses::Reduction;
using reference::Batch;
using reference::Frames;
using reference::Path;

namespace {

template <class T>
typename CTC<T>::Rule options(Index blank, bool of_logits) {
  return {.blank = blank, .input = of_logits ? CTCInput::logits : CTCInput::log_probabilities};
}

template <class T>
auto run(const CTC<T>& loss, const Batch<T>& b, typename Batch<T>::Tensor& gradient) {
  return loss.value_and_gradient(b.logits, b.targets, b.input_lengths, b.target_lengths, gradient);
}

/// Values and gradients of every sequence against a reference; the worst errors.
template <class T, class Oracle>
void against(const Oracle& oracle, const Batch<T>& b, Index blank, bool of_logits, laws::Worst& value,
             laws::Worst& slope) {
  const CTC<T> loss(options<T>(blank, of_logits), Reduction::sum);
  typename Batch<T>::Tensor gradient;
  run(loss, b, gradient);
  const auto terms = loss.unreduced(b.logits, b.targets, b.input_lengths, b.target_lengths);
  for (Index i = 0; i < b.sequences(); ++i) {
    const Path target = b.target(i);
    Frames x = b.sequence(i);
    const Real want = oracle(x, target, blank, of_logits).f;
    const auto where = [&] {
      return "sequence of " + std::to_string(x.size()) + " frames, " + std::to_string(target.size()) +
             " labels: " + laws::number(static_cast<Real>(terms(i))) + ", not " + laws::number(want);
    };
    if (want == reference::infinity) {
      value.see(static_cast<Real>(terms(i)) == want ? 0 : reference::infinity, 1, where);
      for (Index t = 0; t < b.frames(); ++t) {
        for (Index k = 0; k < b.classes(); ++k) {
          slope.see(gradient(t, i, k) == 0 ? 0 : reference::infinity, 1, where);
        }
      }
      continue;
    }
    value.see(std::fabs(static_cast<Real>(terms(i)) - want), laws::value_bound<T> * std::fabs(want), where);
    const auto log_p = reference::log_probabilities(x, of_logits);
    for (std::size_t t = 0; t < x.size(); ++t) {
      for (std::size_t k = 0; k < x[t].size(); ++k) {
        x[t][k] = Jet::variable(x[t][k].f);
        const Real exact = oracle(x, target, blank, of_logits).d;
        x[t][k] = Jet(x[t][k].f);
        // slope = p − posterior: the larger of the two
        const Real p = of_logits ? std::exp(log_p[t][k].f) : 0;
        const Real largest = std::max(p, std::fabs(p - exact));
        const Real got = static_cast<Real>(gradient(static_cast<Index>(t), i, static_cast<Index>(k)));
        slope.see(std::fabs(got - exact), laws::slope_bound<T> * largest * (1 + want) + std::numeric_limits<T>::min(),
                  [&] { return laws::number(got) + ", not " + laws::number(exact) + "; " + where(); });
      }
    }
  }
}

template <class T>
void report(const char* what, const laws::Worst& value, const laws::Worst& slope) {
  INFO(what << ", " << laws::type_name<T> << ": value " << value.where << "; slope " << slope.where);
  CHECK(value.ratio <= 1);
  CHECK(slope.ratio <= 1);
  if (laws::figures_wanted()) {
    std::printf("CTC %s, %s: value %.2Lg, slope %.2Lg of their bounds\n", what, laws::type_name<T>, value.ratio,
                slope.ratio);
  }
}

template <class T, class Oracle>
void against_oracle(const char* what, const Oracle& oracle, const std::vector<std::array<Index, 4>>& shapes,
                    int repeats) {
  laws::Worst value, slope;
  std::uint64_t seed = 1;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    for (const auto& [t, n, c, s] : shapes) {
      const Index blank = static_cast<Index>(seed) % c;
      auto b = reference::draw_batch<T>(t, n, c, s, blank, seed++);
      against(oracle, b, blank, true, value, slope);
      // Any numbers are log-probabilities: the loss is the sum over paths all the same.
      b.logits = b.logits - b.logits.constant(T(3));
      against(oracle, b, blank, false, value, slope);
    }
  }
  report<T>(what, value, slope);
}

template <class T>
bool same(const typename Batch<T>::Tensor& a, const typename Batch<T>::Tensor& b) {
  return a.dimensions() == b.dimensions() &&
         same_bits(Eigen::Map<const Vector<T>>(a.data(), a.size()), Eigen::Map<const Vector<T>>(b.data(), b.size()));
}

/// The sequences of these numbers, in this order.
template <class T>
Batch<T> pick(const Batch<T>& from, const std::vector<Index>& order) {
  Batch<T> to;
  const Index n = static_cast<Index>(order.size());
  to.logits.resize(from.frames(), n, from.classes());
  to.targets.resize(n, from.targets.cols());
  for (Index i = 0; i < n; ++i) {
    const Index j = order[static_cast<std::size_t>(i)];
    to.logits.chip(i, 1) = from.logits.chip(j, 1);
    to.targets.row(i) = from.targets.row(j);
    to.input_lengths.push_back(from.input_lengths[static_cast<std::size_t>(j)]);
    to.target_lengths.push_back(from.target_lengths[static_cast<std::size_t>(j)]);
  }
  return to;
}

constexpr Reduction reductions[] = {Reduction::mean, Reduction::sum, Reduction::batch_mean};

}  // namespace

TEMPLATE_TEST_CASE("CTC: value and gradient are those of the sum over every path", "[laws]", float, double) {
  const auto paths = [](auto&&... x) { return reference::ctc_by_paths(x...); };
  against_oracle<TestType>("against every path", paths,
                           {{5, 3, 3, 3}, {4, 2, 4, 2}, {6, 2, 2, 4}, {1, 3, 4, 1}, {3, 4, 3, 3}}, 4);
}

TEMPLATE_TEST_CASE("CTC: value and gradient are those of the recursion in long double", "[laws]", float, double) {
  const auto recursion = [](auto&&... x) { return reference::ctc(x...); };
  against_oracle<TestType>("against the recursion", recursion,
                           {{12, 4, 5, 6}, {9, 3, 7, 4}, {17, 2, 3, 8}, {7, 5, 2, 3}, {20, 2, 11, 9}, {3, 2, 33, 2}},
                           6);
}

TEMPLATE_TEST_CASE("CTC: targets and classes of every length around a register's", "[laws]", float, double) {
  laws::Worst value, slope;
  const Index w = losses::native_width<double>;
  for (const Index s : {Index(0), Index(1), w - 1, w, w + 1, 2 * w, 2 * w + 1}) {
    for (const Index c : {Index(2), Index(3), 2 * w - 1, 2 * w, 2 * w + 1}) {
      auto b =
          reference::draw_batch<TestType>(s + 3, 2, c, std::max<Index>(s, 1), 0, static_cast<std::uint64_t>(70 + s));
      // Exactly s labels in as many frames as there are, or one more than they need.
      for (std::size_t i = 0; i < 2; ++i) {
        b.target_lengths[i] = s;
        b.input_lengths[i] = s + (i == 0 && c > 2 ? 0 : 3);
        for (Index k = 0; k < s; ++k) b.targets(static_cast<Index>(i), k) = 1 + k % (c - 1);
      }
      against([](auto&&... x) { return reference::ctc(x...); }, b, 0, true, value, slope);
    }
  }
  report<TestType>("around a register", value, slope);
}

TEST_CASE("CTC: the gradient agrees with central differences") {
  const auto b = reference::draw_batch<double>(8, 3, 5, 3, 2, 11, 2);
  for (const bool of_logits : {true, false}) {
    const CTC<double> loss(options<double>(2, of_logits));
    Batch<double>::Tensor gradient;
    run(loss, b, gradient);
    auto moved = b;
    double worst = 0;
    for (Index i = 0; i < b.logits.size(); ++i) {
      const double h = 1e-5, at = b.logits.data()[i];
      const auto value = [&](double x) {
        moved.logits.data()[i] = x;
        return loss.forward(moved.logits, moved.targets, moved.input_lengths, moved.target_lengths);
      };
      const double difference = (value(at + h) - value(at - h)) / (2 * h);
      moved.logits.data()[i] = at;
      worst = std::max(worst, std::abs(difference - gradient.data()[i]));
    }
    CHECK(worst < 1e-9);
  }
}

TEMPLATE_TEST_CASE("CTC: forward is the value of value_and_gradient, to the bit, and unreduced adds up", "[laws]",
                   float, double) {
  using T = TestType;
  const auto b = reference::draw_batch<T>(15, 7, 6, 5, 1, 21);
  const Vector<T> w = draw_weights<T>(7, 1, 22).col(0);
  for (const bool of_logits : {true, false}) {
    const auto rule = options<T>(1, of_logits);
    const auto terms = CTC<T>(rule).unreduced(b.logits, b.targets, b.input_lengths, b.target_lengths, w);
    double sum = 0, per_label = 0, weight = 0;
    for (Index i = 0; i < 7; ++i) {
      const auto labels = b.target_lengths[static_cast<std::size_t>(i)];
      sum += static_cast<double>(terms(i));
      per_label += static_cast<double>(terms(i)) / static_cast<double>(std::max<std::int64_t>(1, labels));
      weight += static_cast<double>(w(i));
    }
    const double want[] = {per_label / weight, sum, sum / 7};
    for (const Reduction reduction : reductions) {
      const CTC<T> loss(rule, reduction);
      typename Batch<T>::Tensor gradient, twice;
      const T value = loss.value_and_gradient(b.logits, b.targets, b.input_lengths, b.target_lengths, w, gradient);
      CHECK(value == loss.forward(b.logits, b.targets, b.input_lengths, b.target_lengths, w));
      CHECK(laws::close<T>(value, static_cast<Real>(want[static_cast<int>(reduction)]), 0));
      CHECK(same<T>(gradient, loss.gradient(b.logits, b.targets, b.input_lengths, b.target_lengths, w)));
      // The halves, merged.
      const auto first = pick(b, {0, 1, 2}), second = pick(b, {3, 4, 5, 6});
      const Vector<T> w1 = w.head(3), w2 = w.tail(4);
      const auto parts = loss.partial(first.logits, first.targets, first.input_lengths, first.target_lengths, w1) +
                         loss.partial(second.logits, second.targets, second.input_lengths, second.target_lengths, w2);
      CHECK(laws::close<T>(loss.value(parts), static_cast<Real>(value), 0));
      CHECK((parts.count == 7 && parts.sum == Catch::Approx(sum).epsilon(1e-6)));
      CHECK(parts.weight == Catch::Approx(weight));
    }
  }
}

TEMPLATE_TEST_CASE("CTC: every storage, and every form of the targets, gives the same bits", "[laws]", float, double) {
  using T = TestType;
  const auto b = reference::draw_batch<T>(21, 5, 19, 4, 3, 31);
  for (const bool of_logits : {true, false}) {
    const CTC<T> loss(options<T>(3, of_logits));
    typename Batch<T>::Tensor want;
    const T value = run(loss, b, want);
    // The other layout, on both sides.
    Eigen::Tensor<T, 3> columns(21, 5, 19), column_gradient;
    for (Index t = 0; t < 21; ++t) {
      for (Index i = 0; i < 5; ++i) {
        for (Index k = 0; k < 19; ++k) columns(t, i, k) = b.logits(t, i, k);
      }
    }
    typename Batch<T>::Tensor gradient;
    CHECK(loss.value_and_gradient(columns, b.targets, b.input_lengths, b.target_lengths, column_gradient) == value);
    CHECK(loss.value_and_gradient(columns, b.targets, b.input_lengths, b.target_lengths, gradient) == value);
    CHECK(same<T>(gradient, want));
    Index differs = 0;
    for (Index t = 0; t < 21; ++t) {
      for (Index i = 0; i < 5; ++i) {
        for (Index k = 0; k < 19; ++k) differs += column_gradient(t, i, k) != want(t, i, k);
      }
    }
    CHECK(differs == 0);
    CHECK(loss.value_and_gradient(b.logits, b.targets, b.input_lengths, b.target_lengths, column_gradient) == value);
    CHECK(column_gradient(20, 4, 18) == want(20, 4, 18));
    // Maps, and an expression.
    Eigen::TensorMap<const typename Batch<T>::Tensor> map(b.logits.data(), 21, 5, 19);
    Eigen::TensorMap<typename Batch<T>::Tensor> gradient_map(gradient.data(), 21, 5, 19);
    gradient.setConstant(laws::nan<T>);
    CHECK(loss.value_and_gradient(map, b.targets, b.input_lengths, b.target_lengths, gradient_map) == value);
    CHECK(same<T>(gradient, want));
    CHECK(loss.forward(b.logits * T(1), b.targets, b.input_lengths, b.target_lengths) == value);
    // Targets and lengths.
    const auto flat = b.flat();
    Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic> narrow = b.targets.template cast<std::uint8_t>();
    Eigen::Tensor<std::int16_t, 2> tensor(5, 4);
    for (Index i = 0; i < 5; ++i) {
      for (Index k = 0; k < 4; ++k) tensor(i, k) = static_cast<std::int16_t>(b.targets(i, k));
    }
    const std::vector<std::uint64_t> wide_lengths(b.input_lengths.begin(), b.input_lengths.end());
    Eigen::Matrix<std::int8_t, 1, Eigen::Dynamic> short_lengths(5);
    for (Index i = 0; i < 5; ++i)
      short_lengths(i) = static_cast<std::int8_t>(b.target_lengths[static_cast<std::size_t>(i)]);
    CHECK(loss.forward(b.logits, flat, b.input_lengths, b.target_lengths) == value);
    CHECK(loss.forward(b.logits, std::span<const int>(flat), std::span(wide_lengths), short_lengths) == value);
    CHECK(loss.forward(b.logits, narrow, wide_lengths, short_lengths) == value);
    CHECK(loss.forward(b.logits, tensor, b.input_lengths, short_lengths) == value);
    Eigen::Matrix<std::int64_t, Eigen::Dynamic, Eigen::Dynamic> padded(10, 9);
    padded.setConstant(-1);
    padded.block(2, 3, 5, 4) = b.targets;
    CHECK(loss.forward(b.logits, padded.block(2, 3, 5, 4), b.input_lengths, b.target_lengths) == value);
    CHECK(loss.forward(b.logits, padded.transpose().block(3, 2, 4, 5).transpose(), b.input_lengths, b.target_lengths) ==
          value);
  }
}

TEMPLATE_TEST_CASE("CTC: one sequence is a matrix in any storage", "[laws]", float, double) {
  using T = TestType;
  const auto b = reference::draw_batch<T>(19, 1, 7, 5, 0, 41);
  const Path path = b.target(0);
  const std::vector<Index> target(path.begin(), path.end());
  Columns<T> x(b.input_lengths[0], 7);
  for (Index t = 0; t < x.rows(); ++t) {
    for (Index k = 0; k < 7; ++k) x(t, k) = b.logits(t, 0, k);
  }
  for (const Reduction reduction : reductions) {
    const CTC<T> loss(reduction);
    typename Batch<T>::Tensor whole;
    const T value = CTC<T>(reduction).value_and_gradient(b.logits, b.targets, b.input_lengths, b.target_lengths, whole);
    Columns<T> want;
    CHECK(loss.value_and_gradient(x, target, want) == value);
    for (Index t = 0; t < x.rows(); ++t) {
      for (Index k = 0; k < 7; ++k) CHECK(want(t, k) == whole(t, 0, k));
    }
    writable_storages(x, [&](const char* name, auto& object) {
      INFO(name);
      Columns<T> gradient;
      CHECK(loss.value_and_gradient(object, target, gradient) == value);
      CHECK(same_bits(gradient, want));
      CHECK(same_bits(loss.gradient(object, target), want));
    });
    read_only_storages(x, [&](const char* name, const auto& object) {
      INFO(name);
      CHECK(loss.forward(object, target) == value);
    });
    writable_storages(Columns<T>(Columns<T>::Constant(x.rows(), 7, laws::nan<T>)),
                      [&](const char* name, auto& gradient) {
                        INFO(name);
                        CHECK(loss.value_and_gradient(x, target, gradient) == value);
                        CHECK(same_bits(gradient, want));
                      });
    // A gradient in a larger buffer leaves its neighbours alone.
    for (const auto& layout : laws::layouts(x.rows(), 7)) {
      INFO(layout.name);
      laws::Placed<T> logits(x, layout), gradient(Columns<T>::Zero(x.rows(), 7), layout);
      CHECK(loss.value_and_gradient(logits.read(), target, gradient.view) == value);
      CHECK(same_bits(gradient.view, want));
      CHECK(gradient.memory.touched() == x.size());
    }
    // A row of a matrix of targets, a column of one, lengths of one.
    const Eigen::Map<const Eigen::Matrix<Index, Eigen::Dynamic, Eigen::Dynamic>> row(target.data(), 1,
                                                                                     std::ssize(target)),
        column(target.data(), std::ssize(target), 1);
    const std::vector<int> frames = {static_cast<int>(x.rows())}, labels = {static_cast<int>(target.size())};
    CHECK(loss.forward(x, row) == value);
    CHECK(loss.forward(x, column) == value);
    CHECK(loss.forward(x, row, frames, labels) == value);
  }
}

TEMPLATE_TEST_CASE("CTC: permuting the sequences permutes the gradient", "[laws]", float, double) {
  using T = TestType;
  const auto b = reference::draw_batch<T>(9, 6, 5, 3, 0, 51);
  const std::vector<Index> order = {4, 1, 5, 0, 3, 2};
  const auto permuted = pick(b, order);
  const CTC<T> loss;
  typename Batch<T>::Tensor gradient, other;
  CHECK(laws::close<T>(run(loss, b, gradient), static_cast<Real>(run(loss, permuted, other)), 0));
  for (Index i = 0; i < 6; ++i) {
    const typename Batch<T>::Tensor a =
        gradient.chip(order[static_cast<std::size_t>(i)], 1).reshape(std::array<Index, 3>{9, 1, 5});
    const typename Batch<T>::Tensor c = other.chip(i, 1).reshape(std::array<Index, 3>{9, 1, 5});
    CHECK(same<T>(a, c));
  }
}

TEMPLATE_TEST_CASE("CTC: weight 0 removes a sequence, whatever it holds, and weight 2 doubles it", "[laws]", float,
                   double) {
  using T = TestType;
  auto b = reference::draw_batch<T>(9, 4, 5, 3, 0, 61);
  const Vector<T> w = (Vector<T>(4) << 1, 0, 2, 1).finished();
  const auto kept = pick(b, {0, 2, 2, 3});
  b.logits.chip(1, 1) = b.logits.chip(1, 1).constant(laws::nan<T>);
  b.target_lengths[1] = 3;
  b.targets.row(1).setConstant(99);
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    const CTC<T> loss(reduction);
    typename Batch<T>::Tensor gradient, other;
    const T value = loss.value_and_gradient(b.logits, b.targets, b.input_lengths, b.target_lengths, w, gradient);
    CHECK(laws::close<T>(value, static_cast<Real>(run(loss, kept, other)), 0));
    for (Index t = 0; t < 9; ++t) {
      for (Index k = 0; k < 5; ++k) {
        CHECK(gradient(t, 1, k) == 0);
        CHECK(laws::close<T>(gradient(t, 0, k), static_cast<Real>(other(t, 0, k)), 1e-6L));
        CHECK(laws::close<T>(gradient(t, 2, k), static_cast<Real>(other(t, 1, k) + other(t, 2, k)), 1e-6L));
      }
    }
  }
  // Nothing left.
  const Vector<T> none = Vector<T>::Zero(4);
  typename Batch<T>::Tensor gradient;
  CHECK(CTC<T>().value_and_gradient(b.logits, b.targets, b.input_lengths, b.target_lengths, none, gradient) == 0);
  CHECK((Eigen::Map<Vector<T>>(gradient.data(), gradient.size()) == 0).all());
  CHECK(CTC<T>().partial(b.logits, b.targets, b.input_lengths, b.target_lengths, none).weight == 0);
}

TEMPLATE_TEST_CASE("CTC: add_to adds the gradient", "[laws]", float, double) {
  using T = TestType;
  const auto b = reference::draw_batch<T>(18, 3, 23, 4, 5, 71);
  for (const bool of_logits : {true, false}) {
    const CTC<T> loss(options<T>(5, of_logits), Reduction::sum);
    typename Batch<T>::Tensor plain;
    const T value = run(loss, b, plain);
    Eigen::Tensor<T, 3> columns(18, 3, 23);
    typename Batch<T>::Tensor rows(18, 3, 23);
    rows.setConstant(T(0.5));
    columns.setConstant(T(0.5));
    const auto call = [&](auto& gradient, double scale) {
      return loss.value_and_gradient(b.logits, b.targets, b.input_lengths, b.target_lengths,
                                     losses::add_to(gradient, scale));
    };
    CHECK(call(rows, -2) == value);
    CHECK(call(columns, -2) == value);
    for (Index t = 0; t < 18; ++t) {
      for (Index i = 0; i < 3; ++i) {
        for (Index k = 0; k < 23; ++k) {
          const Real want = 0.5L - 2 * static_cast<Real>(plain(t, i, k));
          CHECK(laws::close<T>(rows(t, i, k), want, 0.5L));
          CHECK(laws::close<T>(columns(t, i, k), want, 0.5L));
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("CTC: the number of threads does not change a bit", "[laws]", float, double) {
  using T = TestType;
  const auto b = reference::draw_batch<T>(40, 24, 300, 12, 0, 81);
  const CTC<T> loss;
  const typename CTC<T>::Workspace workspace;
  typename Batch<T>::Tensor want, gradient;
  const T value = run(loss, b, want);
  for (const int threads : {1, 2, 3, 4, 8}) {
    Eigen::ThreadPool pool(threads);
    for (int repeat = 0; repeat < 3; ++repeat) {
      gradient.setConstant(laws::nan<T>);
      CHECK(loss.value_and_gradient(losses::parallel(pool), b.logits, b.targets, b.input_lengths, b.target_lengths,
                                    gradient, workspace) == value);
      CHECK(same<T>(gradient, want));
      CHECK(loss.forward(losses::parallel(pool), b.logits, b.targets, b.input_lengths, b.target_lengths) == value);
    }
  }
}

TEMPLATE_TEST_CASE("CTC: NaN in, NaN out, but for frames past a length and classes that no label names", "[laws]",
                   float, double) {
  using T = TestType;
  for (const Index length : {1, 2, 3, 7, 8, 9, 16, 17, 33}) {
    auto b = reference::draw_batch<T>(length + 1, 2, 6, 2, 0, static_cast<std::uint64_t>(90 + length));
    b.input_lengths = {length, length + 1};
    b.target_lengths = {1, 0};
    b.targets.setConstant(2);
    for (const bool of_logits : {true, false}) {
      const CTC<T> loss(options<T>(0, of_logits));
      typename Batch<T>::Tensor clean, gradient;
      const T value = run(loss, b, clean);
      Index wrong = 0;
      for (Index t = 0; t <= length; ++t) {
        for (Index k = 0; k < 6; ++k) {
          const T kept = b.logits(t, 0, k);
          b.logits(t, 0, k) = laws::nan<T>;
          const T with_nan = run(loss, b, gradient);
          const bool is_read = t < length && (of_logits || k == 0 || k == 2);
          if (is_read) {
            wrong += !std::isnan(with_nan) ||
                     !std::isnan(loss.forward(b.logits, b.targets, b.input_lengths, b.target_lengths));
            for (Index at = 0; at < length; ++at) wrong += !std::isnan(gradient(at, 0, k));
            for (Index at = 0; at <= length; ++at) wrong += gradient(at, 1, 3) != clean(at, 1, 3);
          } else {
            wrong += with_nan != value || !same<T>(gradient, clean);
          }
          b.logits(t, 0, k) = kept;
        }
      }
      INFO(length << " frames");
      CHECK(wrong == 0);
    }
  }
}

TEMPLATE_TEST_CASE("CTC: adding a constant to the logits of a frame changes nothing, and slopes add up to 0", "[laws]",
                   float, double) {
  using T = TestType;
  auto b = reference::draw_batch<T>(11, 3, 5, 4, 1, 101);
  b.logits = (b.logits * T(16)).round() / T(16);  // exact after the shift
  const CTC<T> loss(options<T>(1, true), Reduction::sum);
  typename Batch<T>::Tensor gradient, other;
  const T value = run(loss, b, gradient);
  for (Index t = 0; t < 11; ++t) {
    for (Index i = 0; i < 3; ++i) {
      Real sum = 0;
      for (Index k = 0; k < 5; ++k) sum += static_cast<Real>(gradient(t, i, k));
      CHECK(std::fabs(sum) <= 4 * std::numeric_limits<T>::epsilon());
    }
  }
  auto shifted = b;
  shifted.logits = b.logits + b.logits.constant(T(-512));
  CHECK(run(loss, shifted, other) == value);
  CHECK(same<T>(gradient, other));
}
