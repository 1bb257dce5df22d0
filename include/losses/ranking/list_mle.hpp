// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <losses/ranking/ranked_list.hpp>

namespace LOSSES_NAMESPACE {

namespace rule {

/// ListMLE: the likelihood of the order by relevance, if items are drawn one after the other with odds exp(score). For learning
/// to rank where the whole order counts.
///
///   π = the items by falling relevance, equal ones by rising index
///   L_i = log Σ_{k≥i} exp s_π(k)
///   value = Σ_i (L_i − s_π(i))      slope_π(k) = Σ_{i≤k} p_ik − 1, p_ik = exp(s_π(k) − L_i)      curvature_π(k) = Σ_{i≤k} p_ik (1 − p_ik)
///
/// (scores, relevance) or (scores, relevance, mask), each [n × items]: a list in each row; mask is of bool. A masked item takes
/// no part, whatever it holds, and its slope is 0. A list of one item is 0; a list of none is left out of the mean. Only the order
/// of the relevances matters. The value is of the list, not divided by its items. Scores are finite.
///
/// Throws std::invalid_argument for shapes. Xia et al. (2008), doi:10.1145/1390156.1390306, the likelihood loss; the model is
/// Plackett's (1975), doi:10.2307/2346567.
template <std::floating_point T>
struct ListMLE {
  using Scalar = T;
  using Shape = per_row;
  using Target = NumberRow;
  static constexpr bool takes_mask = true;
  static constexpr int scratch_rows = 3;
  static constexpr Argument target = {"relevance"};

  T operator()(const Row<T>& row, T* slope) const {
    if (detail::has_nan(row)) return detail::unknown_list(row, slope);
    const Order order(row);
    if (slope != nullptr) {
      double earlier = 0;  // Σ_{i<k} exp(largest_k − L_i)
      for (Eigen::Index k = 0; k < row.size; ++k) {
        if (k > 0) earlier = (earlier + order.draw(k - 1)) * std::exp(order.largest[k] - order.largest[k - 1]);
        slope[order.item[k]] = static_cast<T>(earlier * std::exp(order.gap(k)) - order.missed(k));
      }
    }
    return static_cast<T>(order.value);
  }

  void curvature(const Row<T>& row, T* curvature) const {
    if (detail::has_nan(row)) return void(detail::unknown_list(row, curvature));
    const Order order(row);
    double earlier = 0, squares = 0;
    for (Eigen::Index k = 0; k < row.size; ++k) {
      if (k > 0) {
        const double change = std::exp(order.largest[k] - order.largest[k - 1]), last = order.draw(k - 1);
        earlier = (earlier + last) * change;
        squares = (squares + last * last) * change * change;
      }
      const double share = std::exp(order.gap(k)), missed = order.missed(k);
      curvature[order.item[k]] = static_cast<T>(share * (earlier - squares * share) + missed * (1 - missed));
    }
  }

 private:
  /// The items by falling relevance, and of those from each on the largest score and the sum of the others.
  struct Order {
    const T* x;
    Eigen::Index* item;
    double* largest;
    double* others;  // Σ exp(s − largest), without the largest
    double value = 0;

    explicit Order(const Row<T>& row)
        : x(row.x),
          item(row.template scratch<Eigen::Index>(0)),
          largest(row.template scratch<double>(1)),
          others(row.template scratch<double>(2)) {
      for (Eigen::Index i = 0; i < row.size; ++i) item[i] = i;
      std::sort(item, item + row.size, [&](Eigen::Index a, Eigen::Index b) {
        return row.target[a] > row.target[b] || (row.target[a] == row.target[b] && a < b);
      });
      double top = score(row.size - 1), rest = 0;
      for (Eigen::Index i = row.size - 1; i >= 0; --i) {
        const double s = score(i);
        if (s > top) {
          rest = (1 + rest) * std::exp(top - s);
          top = s;
        } else if (i < row.size - 1) {
          rest += std::exp(s - top);
        }
        largest[i] = top;
        others[i] = rest;
        value += (top - s) + std::log1p(rest);
      }
    }

    double score(Eigen::Index k) const { return static_cast<double>(x[item[k]]); }
    double gap(Eigen::Index k) const { return score(k) - largest[k]; }
    /// exp(largest − L)
    double draw(Eigen::Index k) const { return 1 / (1 + others[k]); }
    /// 1 − exp(s − L), with the digits that it has for a likely item.
    double missed(Eigen::Index k) const { return (others[k] - std::expm1(gap(k))) * draw(k); }
  };
};

}  // namespace rule

template <std::floating_point T = float>
using ListMLE = Loss<rule::ListMLE<T>>;

LOSSES_EXTERN(rule::ListMLE);

}  // namespace LOSSES_NAMESPACE
