// SPDX-License-Identifier: MIT

#include <losses/classification/cross_entropy.hpp>
#include <losses/classification/poly_cross_entropy.hpp>

#include "row_cases.hpp"

namespace losses_test::poly_cross_entropy {

using losses::PolyCrossEntropy;
using losses::Reduction;

namespace {

/// Leng et al. (2022), eq. (5): −log p_y + ε (1 − p_y). At ε = −1 its digits cancel where p_y is near 1: its series there.
constexpr auto formula = [](const auto& rule, const Jet& log_p) {
  const Real epsilon = static_cast<Real>(rule.epsilon);
  if (epsilon >= 0 || log_p.f < -0.01L) return -log_p - epsilon * expm1(log_p);
  Jet difference = 0, power = log_p;  // −log p − (1 − p) = Σ_{k≥2} (log p)^k/k!
  for (int k = 2; k < 16; ++k) {
    power = power * log_p / Real(k);
    difference += power;
  }
  return -(1 + epsilon) * log_p - epsilon * difference;
};

}  // namespace

TEST_CASE("PolyCrossEntropy: the laws", "[laws]") {
  laws::check(laws::rows("PolyCrossEntropy", PolyCrossEntropy<float>(), PolyCrossEntropy<double>(),
                         rows::OfLogP{formula}, -100));
}

TEST_CASE("PolyCrossEntropy: the laws with class weights and epsilon = -1", "[laws]") {
  laws::check(
      laws::rows("PolyCrossEntropy, epsilon = -1",
                 PolyCrossEntropy<float>({.epsilon = -1, .class_weights = {0.5f, 2.f, 1.5f}, .ignore_index = 255}),
                 PolyCrossEntropy<double>({.epsilon = -1, .class_weights = {0.5, 2, 1.5}, .ignore_index = 255}),
                 rows::OfLogP{formula}, 255, 3));
}

TEST_CASE("PolyCrossEntropy: values and gradients are those of its formula in PyTorch") {
  // p = torch.softmax(x, 1)[range(4), y]; (torch.nn.functional.cross_entropy(x, y, reduction="none") + ε (1 - p)).mean()
  rows::expect(PolyCrossEntropy<double>(), rows::sample_logits(), rows::sample_labels(), 1.4326982478814214,
               {0.10717428747669913, 0.02391381592846973, -0.13108810340516883, 0.028412648999132539,
                -0.036553009228888912, 0.0081403602297563486, -0.21774597616608798, 0.20122816270717947,
                0.016517813458908511, 0.15413220658731655, 0.09348590894436902, -0.24761811553168558});
  rows::expect(PolyCrossEntropy<double>({.epsilon = -1}), rows::sample_logits(), rows::sample_labels(),
               0.46793613435504033,
               {0.019683803340813481, 0.0043920501917659085, -0.024075853532579378, 0.0011222297971225769,
                -0.0014437540171776328, 0.00032152422005505589, -0.10265997094264273, 0.094872372385900114,
                0.0077875985567426248, 0.12671860911671903, 0.076858721585430931, -0.20357733070214998});
}

TEST_CASE("PolyCrossEntropy: epsilon = 0 is cross-entropy") {
  const Columns<float> x = laws::draw_logits<float>(60, 7, 381);
  const auto y = laws::draw_labels(60, 7, 382, -100);
  const losses::CrossEntropy<float> entropy;
  const PolyCrossEntropy<float> loss({.epsilon = 0});
  CHECK(loss.forward(x, y) == entropy.forward(x, y));
  CHECK(same_bits(loss.gradient(x, y), entropy.gradient(x, y)));
}

TEST_CASE("PolyCrossEntropy: a small loss keeps its digits, where epsilon leaves only the square of it too") {
  for (int gap = 5; gap < 40; gap += 5) {
    const double e = std::exp(-static_cast<double>(gap)), q = e / (1 + e);
    const auto plus = rows::run(PolyCrossEntropy<float>(), rows::row(gap, 0), 0);
    CHECK(plus.value == Catch::Approx(std::log1p(e) + q).epsilon(1e-6));
    const auto minus = rows::run(PolyCrossEntropy<float>({.epsilon = -1}), rows::row(gap, 0), 0);
    CHECK(minus.value == Catch::Approx(q * q / 2 + q * q * q / 3 + q * q * q * q / 4).epsilon(2e-6));
    CHECK(minus.gradient(1) == Catch::Approx(q * q).epsilon(2e-6));
  }
}

TEST_CASE("PolyCrossEntropy: a label without probability costs +inf; on a masked class the gradient is 0") {
  for (const float epsilon : {-1.f, -0.5f, 0.f, 1.f}) {
    const PolyCrossEntropy<float> loss({.epsilon = epsilon});
    const auto masked = rows::run(loss, rows::row(-rows::infinity, 0, 1), 0);
    CHECK((masked.value == rows::infinity && (masked.gradient == 0).all()));
    const auto never = rows::run(loss, rows::row(0, rows::infinity), 0);
    CHECK((never.value == rows::infinity && never.gradient(0) == -1 && never.gradient(1) == 1));
    const auto certain = rows::run(loss, rows::row(rows::infinity, 0), 0);
    CHECK((certain.value == 0 && (certain.gradient == 0).all()));
  }
}

TEST_CASE("PolyCrossEntropy: labels of every type; wrong ones are refused") {
  rows::check_label_types(PolyCrossEntropy<float>(), "PolyCrossEntropy");
}

TEST_CASE("PolyCrossEntropy: the largest finite epsilon is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::PolyCrossEntropy<float>({.epsilon = most}));
}

TEST_CASE("PolyCrossEntropy: bad options are refused") {
  using Loss = PolyCrossEntropy<float>;
  rows::check_class_weights<Loss>("PolyCrossEntropy", "class_weights",
                                  [](const auto& weights) { return Loss({.class_weights = weights}); });
  for (const float bad : {-1.5f, rows::infinity, rows::not_a_number}) {
    laws::refuses_option("PolyCrossEntropy: epsilon is ", [&] { Loss({.epsilon = bad}); });
  }
}

}  // namespace losses_test::poly_cross_entropy
