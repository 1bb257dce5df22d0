// SPDX-License-Identifier: MIT

#include <losses/generative/adversarial.hpp>
#include <losses/generative/gradient_penalty.hpp>

#include "allocations.hpp"
#include "laws.hpp"

using namespace losses_test;

TEST_CASE("allocation: Adversarial and GradientPenalty allocate nothing") {
  for (const auto& [n, d] : {std::pair<Index, Index>{1, 1}, {33, 3}, {70, 130}, {3, 5000}, {20000, 7}}) {
    INFO("[" << n << " x " << d << "]");
    const Columns<double> x = draw_weights<double>(n, d, 160), y = draw_weights<double>(n, d, 161);
    const Rows<double> rows = x;
    const Vector<double> w = draw_weights<double>(n, 1, 162).col(0);
    Columns<double> g(n, d), h(n, d), memory(2 * n, 2 * d);
    const laws::Output<double> strided(memory.data(), n, d, AnyStride(4 * n, 2));
    const losses::Adversarial<double> adversarial;
    const losses::GradientPenalty<double> penalty;
    CHECK(allocations_of([&] {
            adversarial.forward(x, true);
            adversarial.value_and_gradient(x, false, w, strided);
            adversarial.generator(rows, g);
            adversarial.discriminator(x, y, g, losses::add_to(h, 2));
            adversarial.value(adversarial.partial(x, true));
            penalty.forward(rows, w);
            penalty.value_and_gradient(x, g);
            penalty.value_and_gradient(rows, w, strided);
            penalty.value_and_gradient(x, losses::add_to(h, -1));
          }) == 0);
  }
}
