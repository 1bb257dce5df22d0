// SPDX-License-Identifier: MIT
// Any call of CTC, against its recursion in long double.

#include "loss_target.hpp"

namespace losses_test {

namespace {

/// Σ over all alignments of the product of probabilities: the forward recursion of Graves et al. (2006), in probabilities.
Number alignments(const std::vector<std::vector<Number>>& p, const std::vector<std::size_t>& target,
                  std::size_t blank) {
  std::vector<std::size_t> states = {blank};
  for (const std::size_t label : target) states.push_back(label), states.push_back(blank);
  std::vector<Number> alpha(states.size(), Number(0));
  alpha[0] = 1;  // before the first frame
  bool is_first = true;
  for (const auto& frame : p) {
    std::vector<Number> next(states.size(), Number(0));
    for (std::size_t s = 0; s < states.size(); ++s) {
      Number before = is_first && s == 1 ? alpha[0] : alpha[s];
      if (!is_first && s >= 1) before += alpha[s - 1];
      if (!is_first && s >= 2 && states[s] != blank && states[s] != states[s - 2]) before += alpha[s - 2];
      next[s] = before * frame[states[s]];
    }
    alpha = next;
    is_first = false;
  }
  return states.size() > 1 && !p.empty() ? alpha[states.size() - 1] + alpha[states.size() - 2] : alpha.back();
}

Number ctc(const Problem& a) {
  const bool is_batch = a.numbers[0].shape.size() == 3;
  const Index n = is_batch ? a.numbers[0].shape[1] : 1, c = a.numbers[0].shape.back();
  const Index most = n > 0 ? static_cast<Index>(a.labels.size()) / n : 0;
  const bool logits = a.options.word("input", "logits") == "logits";
  const std::string_view reduction = a.options.word("reduction", "mean");
  const auto blank = static_cast<std::size_t>(a.options.integer("blank", "0"));
  Number sum = 0;
  for (Index i = 0; i < n; ++i) {
    const auto at = static_cast<std::size_t>(i);
    std::vector<std::vector<Number>> p;
    for (Index t = 0; t < a.lengths[0][at]; ++t) {
      std::vector<Number> x, frame;
      for (Index k = 0; k < c; ++k) x.push_back(a.numbers[0][(t * n + i) * c + k]);
      for (std::size_t k = 0; k < x.size(); ++k) frame.push_back(exp(logits ? log_softmax(x, k) : x[k]));
      p.push_back(frame);
    }
    std::vector<std::size_t> target;
    for (Index k = 0; k < a.lengths[1][at]; ++k) {
      target.push_back(static_cast<std::size_t>(a.labels[static_cast<std::size_t>(i * most + k)]));
    }
    const Number all = alignments(p, target, blank);
    // The terms of the gradient are a probability and a posterior, whose error grows with the loss.
    Number value = all.f == 0 ? Number(a.options.flag("zero_infinity", false) ? 0 : infinity) : -log(all);
    if (all.f != 0 && all.d != 0) value.ed += 1 + std::fabs(value.f);
    if (reduction == "mean") value = value / Number(static_cast<Real>(std::max<std::size_t>(target.size(), 1)));
    sum += value;
  }
  return reduction == "sum" || n == 0 ? sum : sum / Number(static_cast<Real>(n));
}

const RoomReference references[] = {{"ctc", ctc, 60}};

const bool added = add_fuzz_target("sequence", [](const std::uint8_t* data, std::size_t size) {
  run_room([]<class T>() { return losses::detail::sequence_entries<T>(); }, references, {data, size});
});

}  // namespace

}  // namespace losses_test
