// SPDX-License-Identifier: MIT
// What a call costs where a batch is small: reinforcement learning, devices.

#include <losses/classification.hpp>
#include <losses/regression.hpp>

#include "rows.hpp"

namespace bench {

std::vector<Row> rows_of_small_batches() {
  using namespace losses;
  const MSE<float> mse;
  const Huber<float> huber;
  const BCEWithLogits<float> bce_with_logits;
  const CrossEntropy<float> cross_entropy;
  const Rivals mse_rivals{by_hand::mse, plain_eigen::mse};
  const Rivals huber_rivals{by_hand::huber, plain_eigen::huber};
  const Rivals bce_rivals{by_hand::bce_with_logits, plain_eigen::bce_with_logits};
  const Rivals cross_entropy_rivals{by_hand::cross_entropy, plain_eigen::cross_entropy};

  std::vector<Row> table;
  for (const Index n : {4, 32, 64, 128, 256, 4096}) {
    const std::string size = ", n = " + std::to_string(n);
    if (n < 4096) {
      table.push_back({"MSE" + size, Bar::none(), [=] { return elements(n, mse, "mse", mse_rivals); }});
    }
    table.push_back({"Huber" + size, Bar::none(), [=] { return elements(n, huber, "huber", huber_rivals); }});
    if (n == 4096) continue;
    table.push_back({"BCEWithLogits" + size, Bar::none(),
                     [=] { return binary(n, bce_with_logits, "bce_with_logits", bce_rivals); }});
    table.push_back({"CrossEntropy " + std::to_string(n) + " × 10", Bar::none(),
                     [=] { return rows_of(n, 10, cross_entropy, "cross_entropy", cross_entropy_rivals); }});
  }
  return table;
}

}  // namespace bench
