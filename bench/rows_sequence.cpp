// SPDX-License-Identifier: MIT

#include "rows.hpp"
#include "sequences.hpp"

namespace bench {

namespace {

/// A recursion in float, LibTorch's as well as the loop's, has posteriors that are right to a few thousandths after 500
/// frames.
constexpr double recursion_error = 2e-2;

/// CTC of n sequences of t frames and s labels, all of full length, against a copy of the logits.
Case ctc(Index t, Index n, Index c, Index s) {
  const losses::CTC<float> loss;
  const auto data = sequences(t, n, c, s);
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
  const auto loop = [data, t, c] { return by_hand::ctc(data->x.data(), data->targets, t, c, data->g.data()); };
  each.by_hand = {
      repeat(loop), [data, run, loop]() -> std::string {
        const double value = loop();
        const Eigen::Tensor<float, 3, Eigen::RowMajor> theirs = data->g;
        const double our_value = run();
        if (!(std::abs(our_value - value) <= 1e-5 * std::abs(value))) {
          return format("the value is %.9g, not %.9g", value, our_value);
        }
        using Flat = Eigen::Map<const Eigen::VectorXf>;
        const Flat a(theirs.data(), theirs.size()), b(data->g.data(), data->g.size());
        const double error = (a - b).cwiseAbs().maxCoeff() / b.cwiseAbs().maxCoeff();
        return error <= recursion_error ? "" : format("the gradients differ by %.3g of their largest entry", error);
      }};
  if (!has_torch) return each;
  const auto theirs = torch_case("ctc", {torch_argument(data->x), torch_argument(data->targets),
                                         torch_argument(data->frames), torch_argument(data->labels)});
  each.torch = repeat([data, theirs] { return theirs.value_and_gradient(); });
  each.disagreement = [data, run, theirs]() -> std::string {
    const double value = theirs.value_and_gradient(), our_value = run();
    if (!(std::abs(our_value - value) <= 1e-5 * std::abs(value))) {
      return format("the value is %.9g, LibTorch's %.9g", our_value, value);
    }
    const double error = theirs.gradient_error({torch_argument(data->g)});
    return error <= recursion_error ? "" : format("the gradients differ by %.3g of their largest entry", error);
  };
  return each;
}

}  // namespace

std::vector<Row> rows_of_sequence() {
  return {
      {"CTC T 150, n 32, c 80, S 40", Bar::torch_over(8), [] { return ctc(150, 32, 80, 40); }},
      {"CTC T 500, n 16, c 5000, S 100", Bar::torch_over(15), [] { return ctc(500, 16, 5000, 100); }},
  };
}

}  // namespace bench
