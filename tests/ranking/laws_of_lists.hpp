// SPDX-License-Identifier: MIT
#pragma once

/// The laws of listwise losses: scores and relevances [n × items], with a mask or without.
///
///   laws::check_lists<losses::ListNet>("ListNet", reference)     reference(scores, relevances) gives the Jet of a list

#include <numeric>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include "laws.hpp"

namespace losses_test::laws {

using Mask = Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic>;

/// Scores of several sizes; relevances of five grades, so that some are equal; a mask that leaves most.
template <class T>
struct Lists {
  Columns<T> x, y, w;
  Mask mask;

  Lists(Index n, Index items, std::uint64_t seed)
      : x(n, items), y(n, items), w(draw_weights<T>(n, 1, seed + 1)), mask(n, items) {
    Random random(seed);
    for (Index i = 0; i < n; ++i) {
      const double size = random.decades(0.1, 10), shift = random.between(-20, 20);
      for (Index k = 0; k < items; ++k) {
        x(i, k) = static_cast<T>(shift + size * random.normal());
        y(i, k) = static_cast<T>(random.below(5));
        mask(i, k) = random.below(4) != 0;
      }
    }
  }
};

template <class T>
struct ExpectedList {
  Real value = 0;
  std::vector<Real> gradient;
  Index kept = 0;
};

/// A list by its reference: the items that the mask keeps, closed up.
template <class T, class Reference>
ExpectedList<T> expected_list(const Columns<T>& x, const Columns<T>& y, const Mask* mask, Index i,
                              const Reference& reference) {
  std::vector<Real> scores, relevances;
  std::vector<Index> places;
  for (Index k = 0; k < x.cols(); ++k) {
    if (mask != nullptr && !(*mask)(i, k)) continue;
    scores.push_back(static_cast<Real>(x(i, k)));
    relevances.push_back(static_cast<Real>(y(i, k)));
    places.push_back(k);
  }
  ExpectedList<T> want;
  want.kept = static_cast<Index>(places.size());
  want.gradient.assign(static_cast<std::size_t>(x.cols()), 0);
  if (places.empty()) return want;
  const auto formula = [&](const std::vector<Jet>& jets) { return reference(jets, relevances); };
  want.value = formula({scores.begin(), scores.end()}).f;
  const auto slopes = reference::row_gradient(scores, formula);
  for (std::size_t k = 0; k < places.size(); ++k) want.gradient[static_cast<std::size_t>(places[k])] = slopes[k];
  return want;
}

template <class L, class Reference>
void check_lists_of(const std::string& name, const Reference& reference) {
  using T = typename L::Scalar;
  const std::string suffix = std::string(" (") + type_name<T> + ")";
  INFO(name << suffix);
  const L mean, sum(losses::Reduction::sum), batch(losses::Reduction::batch_mean);
  constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  constexpr T epsilon = std::numeric_limits<T>::epsilon();
  const auto near = [](const Columns<T>& a, const Columns<T>& b, T scale) {
    return a.rows() == b.rows() && a.cols() == b.cols() && ((a - b).abs() <= 32 * epsilon * (b.abs() + scale)).all();
  };
  const auto same_value = [](T a, T b) { return close<T>(static_cast<Real>(a), static_cast<Real>(b), 0); };

  SECTION("1, 2, 3, 8: values, gradients and denominators are the reference's" + suffix) {
    Worst value_error, slope_error;
    const Index w = 64 / static_cast<Index>(sizeof(T));
    for (const auto& shape : {std::pair<Index, Index>{0, 3},
                              {1, 2},
                              {2, 1},
                              {400, 5},
                              {3, w - 1},
                              {5, w},
                              {6, w + 1},
                              {40, 33},
                              {33, 2},
                              {4, 130}}) {
      const Index n = shape.first, items = shape.second;
      const Lists<T> in(n, items, static_cast<std::uint64_t>(501 + n));
      INFO("[" << n << " x " << items << "]");
      for (const Mask* mask : {static_cast<const Mask*>(nullptr), &in.mask}) {
        const auto with_mask = [&](const auto& call) { return mask == nullptr ? call() : call(*mask); };
        const Columns<T> terms =
            with_mask([&](const auto&... m) -> Columns<T> { return sum.unreduced(in.x, in.y, m...); });
        Columns<T> g = Columns<T>::Constant(n, items, nan);
        const T total = with_mask([&](const auto&... m) { return sum.value_and_gradient(in.x, in.y, m..., g); });
        CHECK(with_mask([&](const auto&... m) { return sum.forward(in.x, in.y, m...); }) == total);
        REQUIRE((terms.rows() == n && terms.cols() == 1));
        Real all = 0, lists = 0;
        for (Index i = 0; i < n; ++i) {
          const auto want = expected_list<T>(in.x, in.y, mask, i, reference);
          all += want.value;
          lists += want.kept > 0 ? 1 : 0;
          // How a difference of scores was rounded shows in its exponential.
          const Real rounding = 1 + static_cast<Real>(in.x.row(i).maxCoeff() - in.x.row(i).minCoeff()) / 8;
          value_error.see(std::fabs(static_cast<Real>(terms(i)) - want.value), value_bound<T> * rounding * want.value,
                          [&] {
                            return "list " + std::to_string(i) + " of " + std::to_string(items) + ": got " +
                                   number(static_cast<Real>(terms(i))) + ", the reference is " + number(want.value);
                          });
          Real largest = 0;
          for (const Real each : want.gradient) largest = std::max(largest, std::fabs(each));
          for (Index k = 0; k < items; ++k) {
            const Real must = want.gradient[static_cast<std::size_t>(k)];
            slope_error.see(std::fabs(static_cast<Real>(g(i, k)) - must),
                            slope_bound<T> * rounding * std::max(largest, Real(1) / static_cast<Real>(items)), [&] {
                              return "item " + std::to_string(k) + " of " + std::to_string(items) + ": got " +
                                     number(static_cast<Real>(g(i, k))) + ", the reference is " + number(must);
                            });
            if (mask != nullptr && !(*mask)(i, k)) CHECK(g(i, k) == 0);
          }
        }
        CHECK(std::fabs(static_cast<Real>(total) - all) <= 4 * value_bound<T> * all);
        const T m = with_mask([&](const auto&... a) { return mean.forward(in.x, in.y, a...); });
        const T b = with_mask([&](const auto&... a) { return batch.forward(in.x, in.y, a...); });
        const auto part = with_mask([&](const auto&... a) { return mean.partial(in.x, in.y, a...); });
        CHECK((static_cast<Real>(part.weight) == lists && part.count == n));
        CHECK((mean.value(part) == m && sum.value(part) == total));
        if (lists > 0) {
          CHECK(close<T>(static_cast<Real>(m), static_cast<Real>(total) / lists, 0));
          CHECK(close<T>(static_cast<Real>(b), static_cast<Real>(total) / static_cast<Real>(n), 0));
          const Columns<T> gm =
              with_mask([&](const auto&... a) -> Columns<T> { return mean.gradient(in.x, in.y, a...); });
          CHECK(near(gm * static_cast<T>(lists), g, 0));
        } else {
          CHECK((m == 0 && b == 0));
        }
      }
    }
    {
      INFO(value_error.where);
      CHECK(value_error.ratio <= 1);
    }
    {
      INFO(slope_error.where);
      CHECK(slope_error.ratio <= 1);
    }
    if (figures_wanted()) {
      std::printf("%-28s %-6s  value %.1Le of its bound  gradient %.1Le of its bound\n", name.c_str(), type_name<T>,
                  value_error.ratio, slope_error.ratio);
    }
  }

  SECTION("the mask: a list with masked items is the list without them, whatever they hold" + suffix) {
    const Index n = 40, items = 9;
    const Lists<T> in(n, items, 511);
    Columns<T> poisoned = in.x, unknown = in.y;
    Mask mask = in.mask;
    mask.row(3).setConstant(false);
    for (Index i = 0; i < n; ++i) {
      for (Index k = 0; k < items; ++k) {
        if (mask(i, k)) continue;
        poisoned(i, k) = nan;
        unknown(i, k) = k % 2 == 0 ? nan : std::numeric_limits<T>::infinity();
      }
    }
    Columns<T> g, clean;
    const T value = mean.value_and_gradient(in.x, in.y, mask, g);
    CHECK(mean.value_and_gradient(poisoned, unknown, mask, clean) == value);
    CHECK(same_bits(clean, g));
    CHECK((mask || g == 0).all());
    const auto part = mean.partial(poisoned, unknown, mask);
    CHECK(part.weight == static_cast<double>((mask.rowwise().count() > 0).count()));
    for (Index i = 0; i < n; ++i) {
      std::vector<T> x, y;
      for (Index k = 0; k < items; ++k) {
        if (!mask(i, k)) continue;
        x.push_back(in.x(i, k));
        y.push_back(in.y(i, k));
      }
      const Index kept = static_cast<Index>(x.size());
      const Columns<T> row = Eigen::Map<Columns<T>>(x.data(), 1, kept),
                       relevance = Eigen::Map<Columns<T>>(y.data(), 1, kept);
      const T alone = kept == 0 ? T(0) : sum.forward(row, relevance);
      CHECK(sum.unreduced(poisoned, unknown, mask)(i) == alone);
    }
    const Mask everything = Mask::Constant(n, items, true), nothing = !everything;
    CHECK(mean.forward(in.x, in.y, everything) == mean.forward(in.x, in.y));
    CHECK(mean.value_and_gradient(poisoned, unknown, nothing, g) == 0);
    CHECK((g == 0).all());
    CHECK(mean.partial(poisoned, unknown, nothing).weight == 0);
  }

  SECTION("4: storage does not matter" + suffix) {
    for (const auto& shape : {std::pair<Index, Index>{5, 3}, {7, 40}}) {
      const Index n = shape.first, items = shape.second;
      const Lists<T> in(n, items, 521);
      Columns<T> want;
      const T value = mean.value_and_gradient(in.x, in.y, in.mask, in.w, want);
      const Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = in.mask;
      for (const Layout& lx : layouts(n, items)) {
        for (const Layout& lg : layouts(n, items)) {
          INFO(lx.name << ", gradient " << lg.name);
          const Placed<T> x(in.x, lx), y(in.y, lg);
          Placed<T> g(Columns<T>::Constant(n, items, nan), lg);
          CHECK(same_value(mean.value_and_gradient(x.read(), y.read(), rows, in.w, g.view), value));
          CHECK(near(g.view, want, 0));
          const Columns<T> plain = g.view, added = T(0.5) + T(2) * plain;
          g.view.setConstant(T(0.5));
          (void)mean.value_and_gradient(x.read(), y.read(), in.mask, in.w, losses::add_to(g.view, 2));
          CHECK(near(g.view, added, T(0.5)));
          CHECK(g.memory.touched() <= n * items);
        }
      }
      CHECK(near(mean.gradient(in.x.matrix(), 1 * in.y, in.mask, in.w).array(), want, 0));
      Columns<T> both = in.x;
      (void)mean.value_and_gradient(both, in.y, in.mask, in.w, both);
      CHECK(same_bits(both, want));
    }
  }

  SECTION("5, 6, 9, 10: lists, items, weights and partial" + suffix) {
    const Index n = 41, items = 6;
    const Lists<T> in(n, items, 531);
    Columns<T> g;
    const T value = mean.value_and_gradient(in.x, in.y, in.w, g);
    std::vector<Index> order(static_cast<std::size_t>(n)), kept;
    std::iota(order.rbegin(), order.rend(), Index(0));
    std::swap(order[0], order[17]);
    Columns<T> permuted;
    CHECK(
        same_value(mean.value_and_gradient(pick(in.x, order), pick(in.y, order), pick(in.w, order), permuted), value));
    CHECK(near(permuted, pick(g, order), 0));
    // Items, where no relevances are equal.
    Columns<T> distinct = in.y;
    for (Index k = 0; k < items; ++k) distinct.col(k) += T(0.125) * static_cast<T>(k);
    Columns<T> turned, straight;
    const T one = mean.value_and_gradient(in.x, distinct, straight);
    CHECK(close<T>(
        static_cast<Real>(mean.value_and_gradient(in.x.rowwise().reverse(), distinct.rowwise().reverse(), turned)),
        static_cast<Real>(one), 4 * static_cast<Real>(one)));
    CHECK(near(turned.rowwise().reverse(), straight, T(0.02)));

    Columns<T> kinds(n, 1), poisoned = in.x, weighted, repeated, clean;
    for (Index i = 0; i < n; ++i) {
      kinds(i) = static_cast<T>(i % 3);
      for (Index copies = 0; copies < i % 3; ++copies) kept.push_back(i);
      if (i % 3 == 0) poisoned.row(i).setConstant(nan);
    }
    const T by_weight = mean.value_and_gradient(in.x, in.y, kinds, weighted);
    CHECK(same_value(by_weight, mean.value_and_gradient(pick(in.x, kept), pick(in.y, kept), repeated)));
    CHECK(mean.value_and_gradient(poisoned, in.y, kinds, clean) == by_weight);
    CHECK(same_bits(clean, weighted));
    for (std::size_t k = 0; k < kept.size(); ++k) repeated.row(static_cast<Index>(k)) *= kinds(kept[k]);
    CHECK(near(pick(weighted, kept), repeated, 0));

    Columns<T> buffer = Columns<T>::Constant(n, items, nan);
    CHECK(mean.value_and_gradient(in.x, in.y, in.w, buffer) == value);
    CHECK(same_bits(buffer, g));
    for (const Index cut : {Index(0), Index(1), Index(20), n}) {
      const auto first = mean.partial(in.x.topRows(cut), in.y.topRows(cut), in.mask.topRows(cut), in.w.topRows(cut));
      const auto second = mean.partial(in.x.bottomRows(n - cut), in.y.bottomRows(n - cut), in.mask.bottomRows(n - cut),
                                       in.w.bottomRows(n - cut));
      CHECK(same_value(mean.value(first + second), mean.forward(in.x, in.y, in.mask, in.w)));
    }
    CHECK(mean.value_and_gradient(in.x, in.y, Columns<T>::Zero(n, 1), g) == 0);
    CHECK((g == 0).all());
  }

  SECTION("14: a shift of the scores, and any list alone" + suffix) {
    const Lists<T> in(20, 7, 541);
    Columns<T> g, shifted;
    const T value = sum.value_and_gradient(in.x, in.y, g);
    for (Index i = 0; i < 20; ++i) CHECK(std::abs(g.row(i).sum()) <= 64 * epsilon * g.row(i).abs().sum());
    CHECK(std::abs(sum.value_and_gradient(in.x + T(64), in.y, shifted) - value) <= T(1e4) * epsilon * value);
    CHECK(((g - shifted).abs() <= T(1e4) * epsilon).all());
    Columns<T> one;
    CHECK(sum.value_and_gradient(in.x.leftCols(1), in.y.leftCols(1), one) == 0);
    CHECK((one == 0).all());
    CHECK(sum.partial(in.x.leftCols(1), in.y.leftCols(1)).weight == 20);
  }

  SECTION("11: bad inputs are refused" + suffix) {
    const Lists<T> in(5, 3, 551);
    Columns<T> g = Columns<T>::Constant(5, 3, 7);
    const auto refused = [&](const std::string& words, const auto&... args) {
      refuses(name + ": " + words, g, [&] { (void)mean.value_and_gradient(args..., g); });
      refuses(name + ": " + words, g, [&] { (void)mean.forward(args...); });
      refuses(name + ": " + words, g, [&] { (void)mean.unreduced(args...); });
      refuses(name + ": " + words, g, [&] { (void)mean.partial(args...); });
    };
    refused("relevance", in.x, in.y.topRows(4));
    refused("relevance", in.x, in.y.transpose());
    refused("mask", in.x, in.y, in.mask.leftCols(2));
    refused("mask", in.x, in.y, in.mask.transpose());
    refused("weights", in.x, in.y, in.w.topRows(4));
    refused("weights", in.x, in.y, in.mask, in.w.transpose());
    Columns<T> w = in.w;
    w(2) = -1;
    refused("weights[2] is -1", in.x, in.y, w);
    refused("weights[2] is -1", in.x, in.y, in.mask, w);
    refused("", Columns<T>(4, 0), Columns<T>(4, 0));
    Columns<T> shared = in.y;
    refuses("shares memory", shared, [&] { (void)mean.value_and_gradient(in.x, shared, shared); });
    Columns<T> small = g.topRows(4);
    refuses("gradient", small, [&] { (void)mean.value_and_gradient(in.x, in.y, losses::add_to(small)); });
  }

  SECTION("12: threads give the same bits" + suffix) {
    const Index n = 20011, items = 11;
    const Lists<T> in(n, items, 561);
    Columns<T> want, g(n, items);
    const T value = mean.value_and_gradient(in.x, in.y, in.mask, in.w, want);
    for (const int count : {1, 2, 3, 4, 8}) {
      Eigen::ThreadPool pool(count);
      INFO(count << " threads");
      g.setConstant(nan);
      CHECK(mean.forward(losses::parallel(pool), in.x, in.y, in.mask, in.w) == value);
      CHECK(mean.value_and_gradient(losses::parallel(pool), in.x, in.y, in.mask, in.w, g) == value);
      CHECK(same_bits(g, want));
    }
  }

  SECTION("NaN in, NaN out" + suffix) {
    for (Index items = 1; items <= 33; ++items) {
      const Lists<T> in(3, items, 571);
      for (Index k = 0; k < items; ++k) {
        for (const bool in_relevance : {false, true}) {
          Columns<T> x = in.x, y = in.y, g;
          (in_relevance ? y : x)(1, k) = nan;
          INFO("item " << k << " of " << items << (in_relevance ? ", relevance" : ", score"));
          CHECK((std::isnan(mean.value_and_gradient(x, y, g)) && std::isnan(mean.forward(x, y))));
          CHECK(std::isnan(mean.unreduced(x, y)(1)));
          CHECK((g.row(1).isNaN().all() && !g.row(0).isNaN().any() && !g.row(2).isNaN().any()));
        }
      }
    }
  }

  if constexpr (requires { mean.curvature(Columns<T>(), Columns<T>()); }) {
    SECTION("13: the curvature is the derivative of the slope" + suffix) {
      const Index n = 30, items = 7;
      const Lists<T> in(n, items, 581);
      const Columns<T> h = sum.curvature(in.x, in.y, in.mask), scaled = mean.curvature(in.x, in.y, in.mask);
      Worst worst;
      for (Index i = 0; i < n; ++i) {
        std::vector<Real> relevances;
        std::vector<Jet> scores;
        std::vector<Index> places;
        for (Index k = 0; k < items; ++k) {
          if (!in.mask(i, k)) {
            CHECK(h(i, k) == 0);
            continue;
          }
          scores.push_back(Jet(in.x(i, k)));
          relevances.push_back(static_cast<Real>(in.y(i, k)));
          places.push_back(k);
        }
        for (std::size_t k = 0; k < places.size(); ++k) {
          scores[k] = Jet::variable(scores[k].f);
          const Real want = reference(scores, relevances).dd, got = static_cast<Real>(h(i, places[k]));
          scores[k] = Jet(scores[k].f);
          worst.see(std::fabs(got - want), 64 * slope_bound<T> * std::max(std::fabs(want), 1e-3L),
                    [&] { return "got " + number(got) + ", the reference is " + number(want); });
        }
      }
      INFO(worst.where);
      CHECK(worst.ratio <= 1);
      CHECK(near(scaled * static_cast<T>(sum.partial(in.x, in.y, in.mask).weight), h, 0));
    }
  }
}

template <template <class> class Loss, class Reference>
void check_lists(const std::string& name, const Reference& reference) {
  check_lists_of<Loss<float>>(name, reference);
  check_lists_of<Loss<double>>(name, reference);
}

}  // namespace losses_test::laws
