// SPDX-License-Identifier: MIT

#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include <losses/classification/focal.hpp>
#include <losses/classification/softmax_focal.hpp>
#include <losses/evaluation/search.hpp>

#include "catch.hpp"

using losses::search_focal;

namespace {

using Pairs = std::vector<std::pair<double, double>>;

template <class Trials>
Pairs pairs(const Trials& trials) {
  Pairs result;
  for (const auto& trial : trials) result.emplace_back(trial.alpha, trial.gamma);
  return result;
}

}  // namespace

TEST_CASE("search_focal: every pair of the grid is tried once, alpha by alpha") {
  Pairs called;
  const auto trials = search_focal([&](double alpha, double gamma) {
    called.emplace_back(alpha, gamma);
    return 0;
  });
  Pairs grid;
  for (const double alpha : {0.25, 0.5, 0.75, 1.0}) {
    for (const double gamma : {0.5, 1.0, 1.5, 2.0, 2.5}) grid.emplace_back(alpha, gamma);
  }
  CHECK(called == grid);
  CHECK(pairs(trials) == grid);  // all are equal, so in the order of the grid
}

TEST_CASE("search_focal: the best score comes first, ties in the order of the grid") {
  const losses::FocalSearchOptions two{.alphas = {0.25, 0.5}, .gammas = {1, 2, 3}};
  const auto score = [](double, double gamma) { return gamma == 2 ? 1.0 : gamma == 3 ? 0.5 : -1.0; };
  CHECK(pairs(search_focal(score, two)) == Pairs{{0.25, 2}, {0.5, 2}, {0.25, 3}, {0.5, 3}, {0.25, 1}, {0.5, 1}});
  auto lower = two;
  lower.higher_is_better = false;
  const auto trials = search_focal(score, lower);
  CHECK(pairs(trials) == Pairs{{0.25, 1}, {0.5, 1}, {0.25, 3}, {0.5, 3}, {0.25, 2}, {0.5, 2}});
  CHECK(trials.front().score == -1);
  CHECK(trials.back().score == 1);
}

TEST_CASE("search_focal: alpha weighs both classes, or is balanced where that is asked for") {
  const losses::FocalSearchOptions one{.alphas = {0.75}, .gammas = {1.5}};
  const auto uniform = search_focal([](const auto& loss) { return loss.rule().gamma; }, one);
  CHECK(uniform[0].loss.rule().alpha == 0.75f);
  CHECK(uniform[0].loss.rule().alpha_negative == 0.75f);
  CHECK(uniform[0].loss.rule().gamma == 1.5f);
  CHECK(uniform[0].score == 1.5);
  const auto balanced = search_focal<losses::Focal<double>>(
      [](const losses::Focal<double>& loss, double alpha, double gamma) {
        return loss.rule().alpha == alpha && loss.rule().gamma == gamma;
      },
      {.alphas = {0.75}, .gammas = {1.5}, .balanced = true});
  CHECK(balanced[0].loss.rule().alpha == 0.75);
  CHECK(balanced[0].loss.rule().alpha_negative == 0.25);
  CHECK(balanced[0].score == 1);
  const auto softmax = search_focal<losses::SoftmaxFocal<double>>([](double, double) { return 0; }, one);
  CHECK(softmax[0].loss.rule().alpha.is_number());
  CHECK(softmax[0].loss.rule().alpha[0] == 0.75);
}

TEST_CASE("search_focal: a score that is NaN or throws comes last, with the reason") {
  const losses::FocalSearchOptions options{.alphas = {1}, .gammas = {1, 2, 3, 4, 5, 6}};
  const auto trials = search_focal(
      [](double, double gamma) -> double {
        if (gamma == 1) throw std::runtime_error("out of memory");
        if (gamma == 2) return std::numeric_limits<double>::quiet_NaN();
        if (gamma == 3) throw 3;
        if (gamma == 4) throw std::runtime_error("");
        return gamma == 5 ? -std::numeric_limits<double>::infinity() : 0.5;
      },
      options);
  CHECK(pairs(trials) == Pairs{{1, 6}, {1, 5}, {1, 1}, {1, 2}, {1, 3}, {1, 4}});
  CHECK(trials[0].failure.empty());
  CHECK(trials[1].failure.empty());
  CHECK(trials[2].failure == "out of memory");
  CHECK(std::isnan(trials[2].score));
  CHECK(trials[3].failure == "the score is nan");
  CHECK(trials[4].failure == "the score threw what is no std::exception");
  CHECK(trials[5].failure == "the score threw an exception without a message");
}

TEST_CASE("search_focal: a grid that is empty, or that the loss refuses, is refused before the first call") {
  int calls = 0;
  const auto count = [&](double, double) { return ++calls; };
  CHECK_THROWS_WITH(search_focal(count, {.alphas = {}}),
                    "search_focal: alphas is empty, but must have a value or more");
  CHECK_THROWS_AS(search_focal(count, {.gammas = {}}), std::invalid_argument);
  CHECK_THROWS_AS(search_focal(count, {.gammas = {1, -1}}), std::invalid_argument);
  CHECK_THROWS_AS(search_focal(count, {.alphas = {1.5}, .balanced = true}), std::invalid_argument);
  CHECK_THROWS_WITH(search_focal<losses::SoftmaxFocal<float>>(count, {.balanced = true}),
                    "search_focal: balanced is true, but SoftmaxFocal has no alpha_negative");
  CHECK(calls == 0);
}
