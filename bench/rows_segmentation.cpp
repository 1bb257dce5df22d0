// SPDX-License-Identifier: MIT

#include <losses/segmentation.hpp>

#include "rows.hpp"

namespace bench {

namespace {

/// Masks: predictions of either kind, and targets of zeros and ones; against g = p + y.
template <class Loss, class R = Rivals<>>
Case masks(Index n, const Loss& loss, const char* torch_loss, double low, double high, const R& rivals = {}) {
  const auto data = residuals(n);
  fill_uniform(data->p.data(), n, 7, low, high);
  for (Index i = 0; i < n; ++i) data->y[i] = bits(static_cast<std::uint64_t>(i)) % 4 == 0 ? 1.0f : 0.0f;
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              add(data->p, data->y, data->g);
              return data->g.data();
            }),
            "p + y",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  add_rivals(each, data, loss, rivals);
  return each;
}

}  // namespace

std::vector<Row> rows_of_segmentation() {
  using namespace losses;
  const Rivals dice_rivals{by_hand::dice, plain_eigen::dice};
  return {
      {"SoftmaxDice [8, 21, 256, 256]", Bar::torch_over(7),
       [] { return images(8, 21, 256, 256, SoftmaxDice<float>(), "softmax_dice"); }},
      {"SoftmaxTversky [8, 21, 256, 256]", Bar::none(),
       [] { return images(8, 21, 256, 256, SoftmaxTversky<float>({.alpha = 0.25f, .beta = 0.75f})); }},
      {"LovaszSoftmax [8, 21, 64, 64]", Bar::none(), [] { return images(8, 21, 64, 64, LovaszSoftmax<float>()); }},
      {"Dice, n = 2^24", Bar::none(), [=] { return masks(Index(1) << 24U, Dice<float>(), "dice", 0, 1, dice_rivals); }},
      {"DiceWithLogits, n = 2^24", Bar::none(),
       [] { return masks(Index(1) << 24U, DiceWithLogits<float>(), "dice_with_logits", -8, 8); }},
      {"Dice, n = 4096", Bar::none(), [=] { return masks(4096, Dice<float>(), "dice", 0, 1, dice_rivals); }},
  };
}

}  // namespace bench
