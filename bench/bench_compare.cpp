// SPDX-License-Identifier: MIT
// Value and gradient of each loss against what bounds it, and against LibTorch where that is installed: the README's
// table. Both run on the same data, in turns, on one pinned thread, after their values and gradients were compared.
//
//   bench_compare [--markdown] [--strict] [--seconds S] [TEXT…]
//
// A TEXT selects the rows whose name contains it; --strict fails if a row misses its bar; S is the time per row.

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>

#include <losses/classification.hpp>
#include <losses/regression.hpp>
#include <losses/tensor.hpp>

#include "compare.hpp"
#include "data.hpp"
#include "libtorch.hpp"
#include "limits.hpp"

namespace {

using bench::Bar;
using bench::Case;
using bench::ColumnMajorMatrix;
using bench::Index;
using bench::Labels;
using bench::repeat;
using bench::Row;
using bench::RowMajorMatrix;

/// A user's own rule: Huber with a threshold of its own on each side.
template <std::floating_point T>
struct TwoSidedHuber {
  using Scalar = T;
  using Shape = losses::per_element;

  T below = 1;
  T above = 2;

  template <class V>
  losses::Terms<V> operator()(V p, V y) const {
    const V r = p - y, c = clamp(r, V(-below), V(above));
    return {.value = c * (r - V(0.5) * c), .slope = c, .curvature = where(c == r, V(1), V(0))};
  }
};

template <class X>
bench::TorchArgument torch_argument(Eigen::PlainObjectBase<X>& x) {
  if constexpr (X::IsVectorAtCompileTime) return {x.data(), {x.size()}, {1}};
  return {x.data(), {x.rows(), x.cols()}, {x.rowStride(), x.colStride()}};
}

template <class T, int rank>
bench::TorchArgument torch_argument(Eigen::Tensor<T, rank, Eigen::RowMajor>& x) {
  bench::TorchArgument argument{x.data(), {}, {}};
  std::int64_t stride = x.size();
  for (const auto size : x.dimensions()) {
    stride /= size;
    argument.sizes.push_back(size);
    argument.strides.push_back(stride);
  }
  return argument;
}

/// Adds LibTorch's run of the same data to a case, and the check that it computes the same. "": it has no such loss.
template <class D, class Loss>
void add_torch(Case& each, const std::shared_ptr<D>& data, const Loss& loss, const char* torch_loss) {
  if (!bench::has_torch || *torch_loss == '\0') return;
  const auto theirs = bench::torch_case(torch_loss, torch_argument(data->p), torch_argument(data->y));
  each.torch = repeat([data, theirs] { return theirs.value_and_gradient(); });
  each.disagreement = [data, loss, theirs]() -> std::string {
    const double value = theirs.value_and_gradient();
    const double our_value = loss.value_and_gradient(data->p, data->y, data->g);
    if (!(std::abs(our_value - value) <= 1e-5 * std::abs(value))) {
      return bench::format("the value is %.9g, LibTorch's %.9g", our_value, value);
    }
    const double error = theirs.gradient_error(torch_argument(data->g));
    return error <= 1e-5 ? "" : bench::format("the gradients differ by %.3g of their largest entry", error);
  };
}

template <class Prediction, class Target>
struct Data {
  Prediction p;
  Target y;
  Prediction g;
};

/// The primitive on data of its own.
template <class Loss, class D>
bench::Repeated value_and_gradient(const Loss& loss, const std::shared_ptr<D>& data) {
  return repeat([loss, data] { return loss.value_and_gradient(data->p, data->y, data->g); });
}

template <class P = Eigen::VectorXf, class Y = P>
std::shared_ptr<Data<P, Y>> residuals(Index rows, Index columns = 1) {
  auto data = std::make_shared<Data<P, Y>>();
  data->p.resize(rows, columns);
  data->y.resize(rows, columns);
  data->g.setZero(rows, columns);
  bench::fill_normal(data->p.data(), data->p.size(), 1, 1.0);
  bench::fill_normal(data->y.data(), data->y.size(), 2, 1.0);
  return data;
}

/// A loss of n elements, against g = p + y.
template <class Loss>
Case elements(Index n, const Loss& loss, const char* torch_loss = "") {
  const auto data = residuals(n);
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              bench::add(data->p, data->y, data->g);
              return data->g.data();
            }),
            "p + y",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  return each;
}

/// A loss against another one on the same data.
template <class Loss, class Other>
Case against(Index n, const Loss& loss, const Other& other, const char* name) {
  const auto data = residuals(n);
  return {value_and_gradient(loss, data), value_and_gradient(other, data), name, {}, {}};
}

/// Prediction row-major, target column-major, against both row-major.
template <class Loss>
Case mixed_orders(Index rows, Index columns, const Loss& loss) {
  const auto mixed = residuals<RowMajorMatrix<float>, ColumnMajorMatrix<float>>(rows, columns);
  const auto same = residuals<RowMajorMatrix<float>>(rows, columns);
  return {value_and_gradient(loss, mixed), value_and_gradient(loss, same), "one order", {}, {}};
}

template <class Matrix>
std::shared_ptr<Data<Matrix, Labels>> logits(Index samples, Index classes) {
  auto data = std::make_shared<Data<Matrix, Labels>>();
  RowMajorMatrix<float> numbers(samples, classes);
  bench::fill_normal(numbers.data(), numbers.size(), 3, 2.0);
  data->p = numbers;
  data->y.resize(samples);
  data->g.setZero(samples, classes);
  bench::fill_labels(data->y.data(), data->y.size(), 4, classes);
  return data;
}

/// A loss over rows of logits, row-major, against a copy of them.
template <class Loss>
Case rows_of(Index samples, Index classes, const Loss& loss, const char* torch_loss = "") {
  const auto data = logits<RowMajorMatrix<float>>(samples, classes);
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              bench::copy(data->p, data->g);
              return data->g.data();
            }),
            "copy",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  return each;
}

/// The same numbers column-major, against row-major.
template <class Loss>
Case columns_of(Index samples, Index classes, const Loss& loss, const char* torch_loss = "") {
  const auto data = logits<ColumnMajorMatrix<float>>(samples, classes);
  Case each{value_and_gradient(loss, data),
            value_and_gradient(loss, logits<RowMajorMatrix<float>>(samples, classes)),
            "row-major",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  return each;
}

/// Images [n, c, h, w] with a label per pixel, against a copy.
template <class Loss>
Case images(Index n, Index c, Index h, Index w, const Loss& loss, const char* torch_loss = "") {
  using Tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  using Target = Eigen::Tensor<std::int64_t, 3, Eigen::RowMajor>;
  auto data = std::make_shared<Data<Tensor, Target>>();
  data->p.resize(n, c, h, w);
  data->y.resize(n, h, w);
  data->g.resize(n, c, h, w);
  data->g.setZero();
  bench::fill_normal(data->p.data(), data->p.size(), 5, 2.0);
  bench::fill_labels(data->y.data(), data->y.size(), 6, c);
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              using Flat = Eigen::Map<const Eigen::VectorXf>;
              Eigen::Map<Eigen::VectorXf> to(data->g.data(), data->g.size());
              bench::copy(Flat(data->p.data(), data->p.size()), to);
              return data->g.data();
            }),
            "copy",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  return each;
}

/// A new loss is a new line here, and one in libtorch.cpp.
std::vector<Row> rows() {
  using namespace losses;
  constexpr Index large = 1 << 24;
  const MSE<float> mse;
  const L1<float> l1;
  const Huber<float> huber;
  const LogCosh<float> log_cosh;
  const RMSE<float> rmse;
  const CrossEntropy<float> cross_entropy;
  const Loss<TwoSidedHuber<float>> own;

  std::vector<Row> table = {
      {"MSE, n = 2^24", Bar::times_limit(1.15), [=] { return elements(large, mse, "mse"); }},
      {"L1, n = 2^24", Bar::times_limit(1.15), [=] { return elements(large, l1, "l1"); }},
      {"Huber, n = 2^24", Bar::times_limit(1.15), [=] { return elements(large, huber, "huber"); }},
      {"LogCosh, n = 2^24", Bar::times_limit(2.0), [=] { return elements(large, log_cosh, "log_cosh"); }},
      {"RMSE, n = 2^24", Bar::none(), [=] { return elements(large, rmse, "rmse"); }},
      {"MSE, n = 4096", Bar::torch_over(15), [=] { return elements(4096, mse, "mse"); }},
      {"CrossEntropy 4096 × 10, row-major", Bar::torch_over(7),
       [=] { return rows_of(4096, 10, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 4096 × 1000, row-major", Bar::times_limit(2.2),
       [=] { return rows_of(4096, 1000, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 512 × 32000, row-major", Bar::times_limit(1.5),
       [=] { return rows_of(512, 32000, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 4096 × 10, column-major", Bar::times_limit(2.5),
       [=] { return columns_of(4096, 10, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 4096 × 1000, column-major", Bar::times_limit(2.5),
       [=] { return columns_of(4096, 1000, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy 512 × 32000, column-major", Bar::times_limit(2.5),
       [=] { return columns_of(512, 32000, cross_entropy, "cross_entropy"); }},
      {"CrossEntropy [8, 21, 256, 256]", Bar::torch_over(4),
       [=] { return images(8, 21, 256, 256, cross_entropy, "cross_entropy"); }},
      {"MSE 4000 × 4200, two orders", Bar::times_limit(3), [=] { return mixed_orders(4000, 4200, mse); }},
      {"MSE 4096 × 4096, two orders", Bar::times_limit(7), [=] { return mixed_orders(4096, 4096, mse); }},
      {"a rule of one's own, n = 2^24", Bar::times_limit_everywhere(1.2),
       [=] { return against(large, own, huber, "Huber"); }},
      {"a rule of one's own, n = 2^14", Bar::times_limit_everywhere(1.2),
       [=] { return against(1 << 14, own, huber, "Huber"); }},
  };
  for (const Index n : {4, 32, 256, 4096}) {
    const std::string size = ", n = " + std::to_string(n);
    if (n != 4096) table.push_back({"MSE" + size, Bar::none(), [=] { return elements(n, mse, "mse"); }});
    table.push_back({"Huber" + size, Bar::none(), [=] { return elements(n, huber, "huber"); }});
  }
  return table;
}

/// LibTorch frees and maps its results anew on every call, and would spend its time in page faults, unless glibc is
/// told to keep freed memory; and that it only reads when a process starts.
void restart_with_kept_memory(char** arguments) {
  if (std::getenv("MALLOC_TOP_PAD_") != nullptr) return;
  setenv("MALLOC_MMAP_MAX_", "0", 1);
  setenv("MALLOC_TRIM_THRESHOLD_", "100000000000", 1);
  setenv("MALLOC_TOP_PAD_", "1000000000", 1);
  execv("/proc/self/exe", arguments);
}

}  // namespace

int main(int count, char** arguments) {
  restart_with_kept_memory(arguments);

  bool markdown = false, strict = false;
  double seconds = 2;
  std::vector<std::string> wanted;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--markdown") {
      markdown = true;
    } else if (argument == "--strict") {
      strict = true;
    } else if (argument == "--seconds" && i + 1 < count) {
      seconds = std::atof(arguments[++i]);
    } else if (argument.starts_with('-')) {
      std::fprintf(stderr, "usage: %s [--markdown] [--strict] [--seconds S] [TEXT...]\n", arguments[0]);
      return 2;
    } else {
      wanted.push_back(argument);
    }
  }

  bench::pin_thread();
  auto environment = bench::environment();
  environment.push_back(bench::start_torch());
  for (const auto& line : environment) std::printf("%s%s\n", markdown ? "- " : "", line.c_str());
  std::printf("\n");

  bench::print_headings(markdown);
  int disagreeing = 0, missed = 0;
  std::string disagreements;
  for (const Row& row : rows()) {
    const bool is_wanted = std::any_of(wanted.begin(), wanted.end(),
                                       [&](const auto& text) { return row.name.find(text) != std::string::npos; });
    if (!wanted.empty() && !is_wanted) continue;
    const auto result = bench::run(row, seconds);
    bench::print_line(bench::cells(result), markdown);
    missed += result.verdict() == bench::Result::Verdict::missed;
    if (result.disagreement.empty()) continue;
    ++disagreeing;
    disagreements += result.name + ": " + result.disagreement + "\n";
  }
  std::fprintf(stderr, "%s", disagreements.c_str());
  return disagreeing > 0 || (strict && missed > 0) ? 1 : 0;
}
