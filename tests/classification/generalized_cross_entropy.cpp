// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/generalized_cross_entropy.hpp>

#include "row_cases.hpp"

namespace losses_test::generalized_cross_entropy {

using losses::GeneralizedCrossEntropy;
using losses::Reduction;

namespace {

/// Zhang and Sabuncu (2018), eq. (6): (1 − p_y^q)/q.
constexpr auto eq_6 = [](const auto& rule, const Jet& log_p) {
  const Real q = static_cast<Real>(rule.q);
  return -expm1(q * log_p) / q;
};

struct Reference : rows::OfLogP<decltype(eq_6)> {
  Reference() : rows::OfLogP<decltype(eq_6)>{eq_6} {}

  template <class Rule>
  Real condition(const Rule& rule, const std::vector<Jet>& row, Index label) const {
    return 1 + std::fabs(static_cast<Real>(rule.q) * reference::log_softmax(row, static_cast<std::size_t>(label)).f);
  }
};

}  // namespace

TEST_CASE("GeneralizedCrossEntropy: the laws", "[laws]") {
  laws::check(laws::rows("GeneralizedCrossEntropy", GeneralizedCrossEntropy<float>({.q = 0.75f}),
                         GeneralizedCrossEntropy<double>({.q = 0.75}), Reference{}, -100));
}

TEST_CASE("GeneralizedCrossEntropy: the laws with class weights and q = 1", "[laws]") {
  laws::check(
      laws::rows("GeneralizedCrossEntropy, q = 1",
                 GeneralizedCrossEntropy<float>({.q = 1, .class_weights = {0.5f, 2.f, 1.5f}, .ignore_index = 255}),
                 GeneralizedCrossEntropy<double>({.q = 1, .class_weights = {0.5, 2, 1.5}, .ignore_index = 255}),
                 Reference{}, 255, 3));
}

TEST_CASE("GeneralizedCrossEntropy: values and gradients are those of its formula in PyTorch") {
  // p = torch.softmax(x, 1)[range(4), y]; ((1 - p ** 0.7) / 0.7).mean()
  rows::expect(GeneralizedCrossEntropy<double>(), rows::sample_logits(), rows::sample_labels(), 0.57082589608602463,
               {0.048903284587945038, 0.010911797721892413, -0.059815082309837425, 0.013972615459625769,
                -0.017975836813491408, 0.0040032213538656308, -0.078234072051948295, 0.072299377730436681,
                0.0059346943215116332, 0.0275479276209812, 0.016708662713669605, -0.044256590334650805});
}

TEST_CASE("GeneralizedCrossEntropy: q = 0 is cross-entropy, and small q near it; q = 1 is 1 - p") {
  const Columns<double> x = laws::draw_logits<double>(60, 7, 361) / 4;
  const auto y = laws::draw_labels(60, 7, 362, -100);
  const losses::CrossEntropy<double> entropy;
  const GeneralizedCrossEntropy<double> limit({.q = 0}), near({.q = 1e-9}), far({.q = 1}, Reduction::sum);
  CHECK(limit.forward(x, y) == entropy.forward(x, y));
  CHECK(same_bits(limit.gradient(x, y), entropy.gradient(x, y)));
  CHECK(near.forward(x, y) == Catch::Approx(entropy.forward(x, y)).epsilon(1e-7));
  CHECK((near.gradient(x, y) - entropy.gradient(x, y)).abs().maxCoeff() < 1e-9);
  CHECK(far.forward(Columns<double>::Zero(1, 4), rows::labels({2})) == Catch::Approx(0.75).epsilon(1e-15));
}

TEST_CASE("GeneralizedCrossEntropy: a small loss keeps its digits, a large one is 1/q with gradient 0") {
  const GeneralizedCrossEntropy<float> loss({.q = 0.5f});
  for (int gap = 5; gap < 80; gap += 5) {
    const double e = std::exp(-static_cast<double>(gap));
    const auto result = rows::run(loss, rows::row(gap, 0), 0);
    CHECK(result.value == Catch::Approx(-2 * std::expm1(-0.5 * std::log1p(e))).epsilon(1e-6));
    CHECK(result.gradient(1) == Catch::Approx(e / (1 + e) * std::exp(-0.5 * std::log1p(e))).epsilon(2e-6));
  }
  for (const auto& x : {rows::row(-400, 0), rows::row(-3e38, 3e38), rows::row(0, rows::infinity),
                        rows::row(-rows::infinity, 0), rows::row(-rows::infinity, -rows::infinity)}) {
    const auto result = rows::run(loss, x, 0);
    CHECK((result.value == 2 && (result.gradient == 0).all()));
  }
}

TEST_CASE("GeneralizedCrossEntropy: labels of every type; wrong ones are refused") {
  rows::check_label_types(GeneralizedCrossEntropy<float>(), "GeneralizedCrossEntropy");
}

TEST_CASE("GeneralizedCrossEntropy: bad options are refused") {
  using Loss = GeneralizedCrossEntropy<float>;
  rows::check_class_weights<Loss>("GeneralizedCrossEntropy", "class_weights",
                                  [](const auto& weights) { return Loss({.class_weights = weights}); });
  for (const float bad : {-0.1f, 1.1f, rows::infinity, rows::not_a_number}) {
    laws::refuses_option("GeneralizedCrossEntropy: q is ", [&] { Loss({.q = bad}); });
  }
}

}  // namespace losses_test::generalized_cross_entropy
