// SPDX-License-Identifier: MIT

#include <losses/metric/sup_con.hpp>

#include "batch_laws.hpp"

using namespace losses_test;
using losses::Reduction;

namespace {

/// Khosla et al., eq. (2), as it is written.
struct SupConReference {
  template <class Rule>
  std::vector<laws::Anchor> operator()(const Rule& rule, const laws::Batch& batch) const {
    const Real temperature = static_cast<Real>(rule.temperature);
    std::vector<laws::Anchor> anchors(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Jet denominator = 0, sum = 0;
      Real positives = 0;
      for (std::size_t a = 0; a < batch.size(); ++a) {
        if (a == i && !rule.include_self) continue;
        const Jet s = batch.cosine(i, a) / temperature;
        denominator += exp(s);
        if (a == i || !batch.same(i, a)) continue;
        sum += s;
        ++positives;
      }
      anchors[i].weight = positives > 0 || !rule.valid_only ? 1 : 0;
      if (positives == 0) continue;
      anchors[i].value = log(denominator) - sum / positives;
      anchors[i].magnitude = 1 / temperature;
    }
    return anchors;
  }
};

template <class T>
losses::rule::SupCon<T> options(double temperature, bool include_self, bool valid_only) {
  return {static_cast<T>(temperature), include_self, valid_only};
}

void check(const std::string& name, double temperature, bool include_self, bool valid_only) {
  laws::check(laws::batch_loss(name, losses::SupCon<float>(options<float>(temperature, include_self, valid_only)),
                               losses::SupCon<double>(options<double>(temperature, include_self, valid_only)),
                               SupConReference()));
}

}  // namespace

TEST_CASE("SupCon: the laws", "[laws]") {
  check("SupCon", 0.1, false, false);
  check("SupCon, include_self", 0.5, true, false);
  check("SupCon, valid_only", 0.07, false, true);
}

TEST_CASE("SupCon: numbers from PyTorch") {
  // x = torch.tensor([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.0, 0.5], [2.0, -0.5]], dtype=torch.float64,
  //                  requires_grad=True); y = torch.tensor([0, 0, 1, 1, 2])
  // f = torch.nn.functional.normalize(x, dim=1); s = f @ f.T / 0.1; eye = torch.eye(5, dtype=torch.bool)
  // same = (y[:, None] == y[None]) & ~eye
  // lse = torch.logsumexp(s.masked_fill(eye, -float('inf')), 1)       # with include_self: torch.logsumexp(s, 1)
  // v = (torch.where(same, lse[:, None] - s, torch.zeros_like(s)).sum(1) / same.sum(1).clamp(min=1)).mean()
  // v.backward(); print(repr(v), repr(x.grad))
  Eigen::Matrix<double, 5, 2> x, want, g;
  x << 0.5, -1.0, 1.5, 0.25, -0.75, 2.0, 0.0, 0.5, 2.0, -0.5;
  const Eigen::Matrix<int, 5, 1> y(0, 0, 1, 1, 2);
  want << -1.8320422914086694, -0.91602114570433457, -0.32144944211798115, 1.9286966527078873, -0.00011892282585069963,
      -4.4596059694012365e-05, 0.0045531275556480403, 0, -0.080158729911663062, -0.32063491964665297;
  CHECK(losses::SupCon<double>().value_and_gradient(x, y, g) == Catch::Approx(1.9655459758105187).epsilon(1e-14));
  CHECK((g - want).norm() < 1e-14);
  want << -3.0204504359653517, -1.5102252179826756, -0.3869133032808556, 2.3214798196851332, -0.40266207061082265,
      -0.1509982764790585, 1.8384425943403291, 0, 0.023207463317411914, 0.0928298532696476;
  const losses::SupCon<double> with_self({.include_self = true});
  CHECK(with_self.value_and_gradient(x, y, g) == Catch::Approx(3.326964115272113).epsilon(1e-14));
  CHECK((g - want).norm() < 1e-14);
}

TEST_CASE("SupCon: a label that occurs once has no term; valid_only takes it out of the mean") {
  Eigen::MatrixXd x(3, 2);
  x << 1, 0, 1, 1, 0, 1;
  const Eigen::Vector3i y(4, 4, 9);
  const losses::SupCon<double> all, valid({.valid_only = true});
  CHECK(all.unreduced(x, y)(2) == 0);
  CHECK(valid.forward(x, y) == Catch::Approx(1.5 * all.forward(x, y)).epsilon(1e-15));
  CHECK((valid.gradient(x, y) - 1.5 * all.gradient(x, y)).norm() < 1e-15);
  CHECK(valid.forward(x, Eigen::Vector3i(1, 2, 3)) == 0);
}

TEST_CASE("SupCon: a small loss keeps its digits") {
  // Two pairs, each of equal rows, at right angles: the loss is log(1 + 2 exp(−1/τ)).
  Eigen::MatrixXf x(4, 2);
  x << 2, 0, 3, 0, 0, 1, 0, 5;
  const Eigen::Vector4i y(0, 0, 1, 1);
  for (const float temperature : {0.5f, 0.1f, 0.05f, 0.02f}) {
    const double want = std::log1p(2 * std::exp(-1 / static_cast<double>(temperature)));
    CHECK(static_cast<double>(losses::SupCon<float>({.temperature = temperature}).forward(x, y)) ==
          Catch::Approx(want).epsilon(2e-6));
  }
}

TEST_CASE("SupCon: a low temperature neither overflows nor loses what is far below") {
  // The positive is the opposite of the anchor, and a negative equals it: the loss is 2/τ.
  Eigen::MatrixXf x(3, 1);
  x << 1, -1, 1;
  const Eigen::Vector3i y(0, 0, 1);
  Eigen::MatrixXf g;
  const losses::SupCon<float> loss({.temperature = 1e-3f, .valid_only = true}, Reduction::sum);
  CHECK(loss.value_and_gradient(x, y, g) == Catch::Approx(2000 + std::log(2.0)).epsilon(1e-6));
  CHECK(g.allFinite());
}

TEST_CASE("SupCon: labels are integers of any width and value") {
  const Columns<double> x = laws::draw_embeddings<double>(6, 3, laws::LabelVector::Zero(6), 4);
  const losses::SupCon<double> loss;
  const double want = loss.forward(x, std::vector<int>{0, 1, 0, 1, 2, 2});
  CHECK(loss.forward(x, std::vector<std::uint8_t>{255, 0, 255, 0, 7, 7}) == want);
  CHECK(loss.forward(x, std::vector<std::int8_t>{-128, 127, -128, 127, -1, -1}) == want);
  const std::uint64_t huge = UINT64_MAX;
  CHECK(loss.forward(x, std::vector<std::uint64_t>{huge, huge - 1, huge, huge - 1, 1, 1}) == want);
  const Eigen::Matrix<short, 1, 6> row(5, 4, 5, 4, -5, -5);
  CHECK(loss.forward(x, row) == want);
  CHECK(loss.forward(x, row.transpose()) == want);
  Eigen::Matrix<long, 6, 2> table;
  table << 5, 0, 4, 0, 5, 0, 4, 0, 3, 0, 3, 0;
  CHECK(loss.forward(x, table.col(0)) == want);
}

TEST_CASE("SupCon: every storage of Eigen's gives the same bits") {
  const Columns<float> x = laws::draw_embeddings<float>(11, 5, laws::LabelVector::Zero(11), 14);
  const std::vector<int> y = {0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 3};
  const losses::SupCon<float> loss;
  Columns<float> want;
  const float value = loss.value_and_gradient(x, y, want);
  const auto compare = [&](const char* name, const auto& object) {
    INFO(name);
    CHECK(loss.forward(object, y) == value);
    CHECK(same_bits(Columns<float>(loss.gradient(object, y)), want));
  };
  writable_storages(x, compare);
  read_only_storages(x, compare);
  writable_storages(x, [&](const char* name, auto& g) {
    INFO(name);
    CHECK(loss.value_and_gradient(x, y, g) == value);
    CHECK(same_bits(g, want));
  });
  fixed_types<float>([&]<class Fixed>() {
    const Index n = Fixed::RowsAtCompileTime == Eigen::Dynamic ? 5 : Fixed::RowsAtCompileTime;
    const Index d = Fixed::ColsAtCompileTime == Eigen::Dynamic ? 3 : Fixed::ColsAtCompileTime;
    const Columns<float> part = x.block(0, 0, n, d);
    const std::vector<int> labels(static_cast<std::size_t>(n), 3);
    const Fixed fixed = part;
    Fixed g;
    CHECK(loss.value_and_gradient(fixed, labels, g) == loss.forward(part, labels));
    CHECK(same_bits(Columns<float>(g), loss.gradient(part, labels)));
    CHECK(loss.unreduced(fixed, labels).size() == n);
  });
}

TEST_CASE("SupCon: the largest finite temperature is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::SupCon<float>({.temperature = most}));
}

TEST_CASE("SupCon: bad shapes, options and overlaps are refused") {
  for (const float bad : {0.0f, -1.0f, laws::nan<float>, std::numeric_limits<float>::infinity()}) {
    laws::refuses_option("SupCon: temperature is ", [&] { losses::SupCon<float>({.temperature = bad}); });
  }
  static_assert(!losses::LossOn<losses::SupCon<float>, Columns<float>, std::vector<int>, Columns<float>>, "no weights");
  static_assert(!losses::LossOn<losses::SupCon<float>, Columns<float>, Columns<float>>, "labels are integers");
  static_assert(!losses::LossOn<losses::SupCon<float>, Columns<double>, std::vector<int>>);
}

TEST_CASE("SupCon: a parallel policy and the empty batch") {
  const losses::SupCon<double> loss;
  Eigen::MatrixXd none(0, 4), g;
  CHECK(loss.value_and_gradient(none, std::vector<int>{}, g) == 0);
  CHECK((g.rows() == 0 && g.cols() == 4));
  const Eigen::MatrixXd flat(3, 0);
  CHECK(loss.value_and_gradient(flat, std::vector<int>{1, 1, 1}, g) == Catch::Approx(std::log(2.0)));
}
