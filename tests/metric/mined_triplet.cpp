// SPDX-License-Identifier: MIT

#include <losses/metric/mined_triplet.hpp>

#include <span>

#include "batch_laws.hpp"

using namespace losses_test;
using losses::MinedTriplet;
using losses::Mining;
using losses::Reduction;

namespace {

/// Every triplet, one after the other.
struct MinedTripletReference {
  template <class Rule>
  std::vector<laws::Anchor> operator()(const Rule& rule, const laws::Batch& batch) const {
    std::vector<laws::Anchor> anchors(batch.size());
    for (std::size_t a = 0; a < batch.size(); ++a) {
      std::vector<Jet> positives, negatives;
      for (std::size_t j = 0; j < batch.size(); ++j) {
        if (j == a) continue;
        const Jet squared = batch.squared_distance(a, j);
        const Jet d = rule.squared ? squared : squared.f == 0 ? Jet(0) : sqrt(squared);
        (batch.same(a, j) ? positives : negatives).push_back(d);
      }
      if (positives.empty() || negatives.empty()) continue;
      const auto add = [&](const Jet& positive, const Jet& negative, bool counts_always = true) {
        const Jet value = positive - negative + static_cast<Real>(rule.margin);
        if (value.f > 0) anchors[a].value += value;
        if (value.f > 0 || counts_always) anchors[a].weight += 1;
        anchors[a].magnitude += positive.f + negative.f;
      };
      const auto nearer = [](const Jet& x, const Jet& y) { return x.f < y.f; };
      if (rule.mining == Mining::batch_hard) {
        add(*std::max_element(positives.begin(), positives.end(), nearer),
            *std::min_element(negatives.begin(), negatives.end(), nearer));
      }
      for (const Jet& positive : positives) {
        if (rule.mining == Mining::batch_all) {
          for (const Jet& negative : negatives) add(positive, negative, !rule.active_only);
        } else if (rule.mining == Mining::semi_hard) {
          std::vector<Jet> semi_hard;
          for (const Jet& negative : negatives) {
            if (negative.f > positive.f && negative.f < positive.f + static_cast<Real>(rule.margin)) {
              semi_hard.push_back(negative);
            }
          }
          if (!semi_hard.empty()) add(positive, *std::min_element(semi_hard.begin(), semi_hard.end(), nearer));
        }
      }
    }
    return anchors;
  }
};

template <class T>
MinedTriplet<T> loss_of(Mining mining, bool squared = false, bool active_only = false) {
  return MinedTriplet<T>({.margin = T(0.75), .mining = mining, .squared = squared, .active_only = active_only});
}

void check(const std::string& name, Mining mining, bool squared = false, bool active_only = false) {
  laws::check(laws::batch_loss(name, loss_of<float>(mining, squared, active_only),
                               loss_of<double>(mining, squared, active_only), MinedTripletReference(),
                               laws::Invariance::translation));
}

/// Four points on a line in two classes: 0 and 3 against 4 and 10.
const Eigen::Vector4d line(0, 3, 4, 10);
const Eigen::Vector4i line_labels(1, 1, 2, 2);

}  // namespace

TEST_CASE("MinedTriplet: the laws of batch_hard", "[laws]") {
  check("MinedTriplet", Mining::batch_hard);
  check("MinedTriplet, squared", Mining::batch_hard, true);
}

TEST_CASE("MinedTriplet: the laws of batch_all", "[laws]") {
  check("MinedTriplet, batch_all", Mining::batch_all);
  check("MinedTriplet, batch_all, squared", Mining::batch_all, true);
  check("MinedTriplet, batch_all, active_only", Mining::batch_all, false, true);
}

TEST_CASE("MinedTriplet: the laws of semi_hard", "[laws]") {
  check("MinedTriplet, semi_hard", Mining::semi_hard);
  check("MinedTriplet, semi_hard, squared", Mining::semi_hard, true);
}

TEST_CASE("MinedTriplet: four points on a line, by hand") {
  const MinedTriplet<double> hard;
  Eigen::Vector4d g;
  // d_ap − d_an + 1: 3 − 4 + 1 = 0, 3 − 1 + 1 = 3, 6 − 1 + 1 = 6, 6 − 7 + 1 = 0
  CHECK(hard.value_and_gradient(line, line_labels, g) == Catch::Approx(9.0 / 4).epsilon(1e-15));
  CHECK((hard.unreduced(line, line_labels) - Eigen::Vector4d(0, 3, 6, 0)).norm() < 1e-14);
  // 3 − 0 − (4 − 3) and 10 − 4 − (4 − 3); the term whose value is exactly 0 has slope 0
  CHECK((4 * g - Eigen::Vector4d(-1, 1 + 1 + 1, -1 - 1 - 1, 1)).norm() < 1e-14);
  const MinedTriplet<double> all({.mining = Mining::batch_all}),
      active({.mining = Mining::batch_all, .active_only = true});
  CHECK(all.forward(line, line_labels) == Catch::Approx((0 + 0 + 3 + 0 + 3 + 6 + 0 + 0) / 8.0).epsilon(1e-15));
  CHECK(active.forward(line, line_labels) == Catch::Approx(12 / 3.0).epsilon(1e-15));
  const MinedTriplet<double> semi({.margin = 2, .mining = Mining::semi_hard});
  CHECK(semi.forward(line, line_labels) == Catch::Approx((3 - 4 + 2 + 6 - 7 + 2) / 2.0).epsilon(1e-15));
}

TEST_CASE("MinedTriplet: numbers from PyTorch") {
  // x = torch.tensor([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.0, 0.5], [2.0, -0.5]], dtype=torch.float64,
  //                  requires_grad=True); y = torch.tensor([0, 0, 1, 1, 0])
  // d = torch.cdist(x, x, compute_mode='donot_use_mm_for_euclid_dist'); same = y[:, None] == y[None]
  // p = torch.where(same, d, torch.zeros_like(d)).max(1).values
  // n = torch.where(same, torch.full_like(d, 1e9), d).min(1).values
  // v = torch.relu(p - n + 1).mean(); v.backward(); print(repr(v), repr(x.grad))
  Eigen::Matrix<double, 5, 2> x, want, g;
  x << 0.5, -1.0, 1.5, 0.25, -0.75, 2.0, 0.0, 0.5, 2.0, -0.5;
  const Eigen::Matrix<int, 5, 1> y(0, 0, 1, 1, 0);
  want << -0.50286023183524009, -0.18585641737047695, -0.14467955051108786, 0.37810711869935509, -0.089442719099991602,
      0.1788854381999832, 0.72613128003619987, -0.52382441183222039, 0.010851221410119599, 0.15268827230335918;
  CHECK(MinedTriplet<double>().value_and_gradient(x, y, g) == Catch::Approx(0.72023277183847356).epsilon(1e-15));
  CHECK((g - want).norm() < 1e-15);
}

TEST_CASE("MinedTriplet: what was mined can be asked for, ties go to the lowest index") {
  const MinedTriplet<double> hard;
  const auto mined = hard.mine(line, line_labels);
  REQUIRE(mined.size() == 4);
  const Index positives[] = {1, 0, 3, 2}, negatives[] = {2, 2, 1, 1};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(mined[i].anchor == static_cast<Index>(i));
    CHECK(mined[i].positive == positives[i]);
    CHECK(mined[i].negative == negatives[i]);
  }
  // 40 copies of two points of each class: all distances are tied.
  for (const Index d : {1, 3, 19}) {
    Eigen::MatrixXf x(160, d);
    std::vector<std::int16_t> y(160);
    Random random(5);
    Eigen::MatrixXf points = Eigen::MatrixXf::NullaryExpr(4, d, [&] { return static_cast<float>(random.normal()); });
    for (Index i = 0; i < 160; ++i) {
      x.row(i) = points.row(i % 4);
      y[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(i % 2);
    }
    for (const auto& triplet : MinedTriplet<float>().mine(x, y)) {
      CHECK(triplet.positive == (triplet.anchor + 2) % 4);
      CHECK(triplet.negative < 4);
    }
    for (const auto& triplet : MinedTriplet<float>({.margin = 100, .mining = Mining::semi_hard}).mine(x, y)) {
      CHECK(triplet.negative < 4);
      CHECK(triplet.negative % 2 != triplet.anchor % 2);
    }
  }
  laws::refuses_option("MinedTriplet: mine gives ",
                       [] { (void)MinedTriplet<double>({.mining = Mining::batch_all}).mine(line, line_labels); });
}

TEST_CASE("MinedTriplet: a large batch with many equal distances is mined as by hand") {
  const Index n = 400;
  const auto y = laws::draw_classes(n, 3, 30);
  const auto check = [&](auto margin) {
    using T = decltype(margin);
    // Coordinates 0, 1, 2: squared distances are whole numbers, and some rows are the same.
    const Columns<T> x = (laws::draw_embeddings<T>(n, 3, y, 31).abs() * 2).min(T(2)).round();
    const auto squared = [&](Index i, Index j) { return (x.row(i) - x.row(j)).square().sum(); };
    const auto mined = MinedTriplet<T>({.margin = margin, .mining = Mining::semi_hard, .squared = true}).mine(x, y);
    std::size_t at = 0;
    for (Index a = 0; a < n; ++a) {
      for (Index p = 0; p < n; ++p) {
        if (p == a || y(p) != y(a)) continue;
        Index nearest = -1;
        for (Index j = 0; j < n; ++j) {
          if (y(j) == y(a) || squared(a, j) <= squared(a, p) || squared(a, j) >= squared(a, p) + margin) continue;
          if (nearest < 0 || squared(a, j) < squared(a, nearest)) nearest = j;
        }
        if (nearest < 0) continue;
        REQUIRE(at < mined.size());
        const auto& triplet = mined[at++];
        if (triplet.anchor != a || triplet.positive != p || triplet.negative != nearest) {
          FAIL("anchor " << a << ", positive " << p << ": mined (" << triplet.anchor << ", " << triplet.positive << ", "
                         << triplet.negative << "), but the nearest is " << nearest);
        }
      }
    }
    CHECK(at == mined.size());
  };
  check(1.5F);
  check(2.5);
}

TEST_CASE("MinedTriplet: a NaN is not mined away") {
  const Index n = 40;
  const auto y = laws::draw_classes(n, 3, 8);
  for (Index bad = 0; bad < n; ++bad) {
    Columns<double> x = laws::draw_embeddings<double>(n, 4, y, 9);
    x(bad, bad % 4) = laws::nan<double>;
    for (const auto& [anchor, positive, negative] : MinedTriplet<double>().mine(x, y)) {
      if (anchor == bad) {  // every distance is NaN, and the first is the hardest
        for (Index j = 0; j < positive; ++j) CHECK((j == anchor || y(j) != y(anchor)));
        for (Index j = 0; j < negative; ++j) CHECK(y(j) == y(anchor));
      } else {
        CHECK((y(anchor) == y(bad) ? positive : negative) == bad);
      }
    }
  }
}

TEST_CASE("MinedTriplet: close rows far from the origin keep their distances") {
  // ‖a‖² + ‖b‖² − 2ab of such rows has no digits left in float.
  const Index n = 50, d = 8;
  const auto y = laws::draw_classes(n, 4, 18);
  const Columns<float> near = (laws::draw_embeddings<float>(n, d, y, 19) * 64).round() / 64;
  Columns<float> far = near;
  far.row(n - 1) += 4096;
  far += 1024;
  for (const Mining mining : {Mining::batch_hard, Mining::batch_all, Mining::semi_hard}) {
    const auto batch = laws::batch_of(far, y);
    const auto loss = loss_of<float>(mining);
    Real value = 0, weight = 0;
    for (const auto& anchor : MinedTripletReference()(loss.rule(), batch)) {
      value += anchor.value.f;
      weight += anchor.weight;
    }
    CHECK(static_cast<double>(loss.forward(far, y)) ==
          Catch::Approx(static_cast<double>(value / weight)).epsilon(2e-6));
    CHECK(loss.gradient(far, y).isFinite().all());
  }
}

TEST_CASE("MinedTriplet: tiny and huge embeddings neither vanish nor overflow") {
  const auto y = laws::draw_classes(30, 3, 28);
  const auto check = [&](auto size) {
    using T = decltype(size);
    INFO(laws::type_name<T> << " of " << size);
    const Columns<T> x = laws::draw_embeddings<T>(30, 5, y, 29), scaled = x * size;
    const MinedTriplet<T> unit({.margin = T(0.5)}), loss({.margin = T(0.5) * size});
    Columns<T> want, g;
    const T value = unit.value_and_gradient(x, y, want);
    CHECK(loss.value_and_gradient(scaled, y, g) == Catch::Approx(value * size).epsilon(1e-6));
    CHECK((g - want).abs().maxCoeff() < T(1e-5));
  };
  for (const float size : {0x1p-100f, 0x1p-40f, 0x1p50f, 0x1p120f}) check(size);
  for (const double size : {0x1p-900, 0x1p-300, 0x1p500, 0x1p1000}) check(size);
}

TEST_CASE("MinedTriplet: equal rows have distance 0 and no gradient") {
  const Eigen::MatrixXf x = Eigen::MatrixXf::Constant(9, 5, 0.3f);
  const std::vector<int> y = {0, 0, 0, 1, 1, 1, 2, 2, 2};
  for (const Mining mining : {Mining::batch_hard, Mining::batch_all}) {
    for (const bool squared : {false, true}) {
      Eigen::MatrixXf g;
      CHECK(MinedTriplet<float>({.mining = mining, .squared = squared}).value_and_gradient(x, y, g) == 1);
      CHECK(g == Eigen::MatrixXf::Zero(9, 5));
    }
  }
}

TEST_CASE("MinedTriplet: the largest finite margin is allowed") {
  constexpr float most = std::numeric_limits<float>::max();
  CHECK_NOTHROW(losses::MinedTriplet<float>({.margin = most}));
}

TEST_CASE("MinedTriplet: options are checked") {
  for (const float bad : {-1.0f, laws::nan<float>, std::numeric_limits<float>::infinity()}) {
    laws::refuses_option("MinedTriplet: margin is ", [&] { MinedTriplet<float>({.margin = bad}); });
  }
}
