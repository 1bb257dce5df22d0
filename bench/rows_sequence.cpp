// SPDX-License-Identifier: MIT

#include <losses/sequence.hpp>

#include "rows.hpp"

namespace bench {

namespace {

struct Sequences {
  Eigen::Tensor<float, 3, Eigen::RowMajor> x, g;
  RowMajorMatrix<std::int64_t> targets;
  Labels frames, labels;
  losses::CTC<float>::Workspace workspace;
};

/// CTC of n sequences of t frames and s labels, all of full length, against a copy of the logits.
Case sequences(Index t, Index n, Index c, Index s) {
  const losses::CTC<float> loss;
  const auto data = std::make_shared<Sequences>();
  data->x.resize(t, n, c);
  data->g.resize(t, n, c);
  data->g.setZero();
  data->targets.resize(n, s);
  data->frames.setConstant(n, t);
  data->labels.setConstant(n, s);
  fill_normal(data->x.data(), data->x.size(), 11, 2.0);
  fill_labels(data->targets.data(), data->targets.size(), 12, c - 1);
  data->targets.array() += 1;  // 0 is the blank
  const auto run = [data, loss] {
    return loss.value_and_gradient(data->x, data->targets, data->frames, data->labels, data->g, data->workspace);
  };
  Case each{repeat(run),
            repeat([data] {
              using Flat = Eigen::Map<const Eigen::VectorXf>;
              Eigen::Map<Eigen::VectorXf> to(data->g.data(), data->g.size());
              copy(Flat(data->x.data(), data->x.size()), to);
              return data->g.data();
            }),
            "copy",
            {},
            {}};
  if (!has_torch) return each;
  const auto theirs = torch_case("ctc", {torch_argument(data->x), torch_argument(data->targets),
                                         torch_argument(data->frames), torch_argument(data->labels)});
  each.torch = repeat([data, theirs] { return theirs.value_and_gradient(); });
  each.disagreement = [data, run, theirs]() -> std::string {
    const double value = theirs.value_and_gradient(), our_value = run();
    if (!(std::abs(our_value - value) <= 1e-5 * std::abs(value))) {
      return format("the value is %.9g, LibTorch's %.9g", our_value, value);
    }
    // LibTorch's recursion is in float: its posteriors are right to a few thousandths after 500 frames.
    const double error = theirs.gradient_error({torch_argument(data->g)});
    return error <= 2e-2 ? "" : format("the gradients differ by %.3g of their largest entry", error);
  };
  return each;
}

}  // namespace

std::vector<Row> rows_of_sequence() {
  return {
      {"CTC T 150, n 32, c 80, S 40", Bar::torch_over(8), [] { return sequences(150, 32, 80, 40); }},
      {"CTC T 500, n 16, c 5000, S 100", Bar::torch_over(15), [] { return sequences(500, 16, 5000, 100); }},
  };
}

}  // namespace bench
