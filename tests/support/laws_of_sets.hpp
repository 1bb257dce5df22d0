// SPDX-License-Identifier: MIT
#pragma once

/// The laws of per_set losses. A loss enters with the kind of its inputs and its reference, the value for
/// Reduction::mean in dual numbers:
///
///   laws::check(laws::sets("Dice", laws::SetKind::probabilities, losses::Dice<float>(), losses::Dice<double>(), reference));
///
/// where reference(rule, x, y, w) is given Jets of the prediction, and targets and weights in long double.

#include <cstdint>

#include "laws_of_rows.hpp"

namespace losses_test::laws {

/// What the prediction and the target are. Labels are in the first column of the target; −100 is ignored.
enum class SetKind { probabilities, logits, scores, labels };

/// A prediction in dual numbers.
struct Jets {
  Index rows = 0, cols = 0;
  std::vector<Jet> at;

  Jets(Index n, Index c) : rows(n), cols(c), at(static_cast<std::size_t>(n * c)) {}
  Jet& operator()(Index i, Index k) { return at[static_cast<std::size_t>(i + k * rows)]; }
  const Jet& operator()(Index i, Index k) const { return at[static_cast<std::size_t>(i + k * rows)]; }
};

using Reals = Eigen::Array<Real, Eigen::Dynamic, Eigen::Dynamic>;

/// The sums of a region: Σ w p y, Σ w p (1 − y), Σ w (1 − p) y.
struct RegionSums {
  Jet hits = 0, extra = 0, missed = 0;
  Jet wrong() const { return extra + missed; }

  void add(Jet p, Jet rest, Real y, Real w) {
    if (w == 0) return;
    hits += w * p * y;
    extra += w * p * (1 - y);
    missed += w * rest * y;
  }
};

/// The region of some rows, of probabilities or of the sigmoid of logits.
inline RegionSums region_of(SetKind kind, const Jets& x, const Reals& y, const Reals& w, Index first, Index last) {
  RegionSums sums;
  for (Index i = first; i < last; ++i) {
    for (Index k = 0; k < x.cols; ++k) {
      const bool logits = kind == SetKind::logits;
      const Jet p = logits ? sigmoid(x(i, k)) : x(i, k), rest = logits ? sigmoid(-x(i, k)) : 1 - x(i, k);
      sums.add(p, rest, y(i, k), w.cols() == 1 ? w(i, 0) : w(i, k));
    }
  }
  return sums;
}

/// 1 − right/(right + wrong), whichever way loses no digits; 0 where both are 0.
inline Jet loss_of(const Jet& right, const Jet& wrong) {
  const Jet all = right + wrong;
  if (all.f == 0) return Jet(0);
  return wrong.f > right.f ? 1 - right / all : wrong / all;
}

/// The softmax of a row of logits, and 1 − p without cancellation.
struct SoftmaxRow {
  std::vector<Jet> p, rest;

  SoftmaxRow(const Jets& x, Index i) {
    Real highest = -reference::infinity;
    for (Index k = 0; k < x.cols; ++k) highest = std::max(highest, x(i, k).f);
    std::vector<Jet> e;
    Jet total = 0;
    for (Index k = 0; k < x.cols; ++k) {
      e.push_back(x(i, k).f == -reference::infinity ? Jet(0) : exp(x(i, k) - highest));
      total += e.back();
    }
    for (std::size_t k = 0; k < e.size(); ++k) {
      Jet others = 0;
      for (std::size_t j = 0; j < e.size(); ++j) {
        if (j != k) others += e[j];
      }
      p.push_back(total.f == 0 ? Jet(0) : e[k] / total);
      rest.push_back(total.f == 0 ? Jet(1) : others / total);
    }
  }
};

/// The region of each class, of the rows [first, last) of logits against labels.
inline std::vector<RegionSums> class_regions(const Jets& x, const Reals& y, const Reals& w, Index first, Index last) {
  std::vector<RegionSums> sums(static_cast<std::size_t>(x.cols));
  for (Index i = first; i < last; ++i) {
    if (y(i, 0) < 0 || w(i, 0) == 0) continue;
    const SoftmaxRow row(x, i);
    for (std::size_t k = 0; k < sums.size(); ++k) {
      sums[k].add(row.p[k], row.rest[k], static_cast<Index>(y(i, 0)) == static_cast<Index>(k) ? 1 : 0, w(i, 0));
    }
  }
  return sums;
}

/// The mean over the samples of value(first, last), each with its weight; of a weight per term, those that have one.
template <class Value>
Jet mean_over_samples(const Reals& y, const Reals& w, const Value& value) {
  Jet sum = 0;
  Real weight = 0;
  for (Index i = 0; i < y.rows(); ++i) {
    const Real each = w.cols() == 1 ? w(i, 0) : Real((w.row(i) > 0).any());
    if (each == 0) continue;
    sum += each * value(i, i + 1);
    weight += each;
  }
  return weight > 0 ? sum / weight : Jet(0);
}

template <class T>
struct SetVerbs {
  using Reduction = losses::Reduction;
  using Weights = const Input<T>*;
  struct Part {
    Columns<T> p, y;
  };

  std::string name;
  SetKind kind;
  bool per_sample;    // each sample is a set, whose weight is that of the sample
  bool class_axis;    // weights are of the samples
  bool continuous;    // not where a set is empty and nothing smooths the quotient: p that is rounded to 0 makes a jump
  Index sets_of_sum;  // how many sets the mean divides by: −1: the samples, −2: the classes, else that many
  std::function<Jet(const Jets& x, const Reals& y, const Reals& w)> reference;

  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Pool*)> forward;
  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Output<T> gradient, Pool*)> value_and_gradient;
  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Output<T> gradient, double scale)> add_to;
  std::function<T(Reduction, Input<T> p, Input<T> y, Weights, Columns<T>& gradient)> resize;
  std::function<Columns<T>(Reduction, Input<T> p, Input<T> y, Weights)> gradient, unreduced;
  /// The value of parts whose sums were added, and the gradient of each part; empty where there is no partial.
  std::function<T(const std::vector<Part>& parts, std::vector<Columns<T>>& gradients)> merged;
};

template <class L, class ReferenceOf>
SetVerbs<typename L::Scalar> set_verbs(const std::string& name, SetKind kind, const L& loss,
                                       const ReferenceOf& reference) {
  using T = typename L::Scalar;
  using losses::Reduction;
  using W = typename SetVerbs<T>::Weights;
  SetVerbs<T> v{name, kind, false, kind == SetKind::labels, true, 1, {}, {}, {}, {}, {}, {}, {}, {}};
  if constexpr (requires { loss.rule().per_sample; }) v.per_sample = loss.rule().per_sample;
  constexpr bool takes_labels = losses::LossOn<L, Columns<T>, LabelVector>;
  REQUIRE(takes_labels == (kind == SetKind::labels));
  const Columns<T> two = Columns<T>::Constant(2, 2, T(0.5));
  if (v.per_sample) v.sets_of_sum = -1;
  if constexpr (requires { loss.rule().smooth; }) v.continuous = loss.rule().smooth > 0;
  if constexpr (takes_labels) {
    if (!v.per_sample && loss.unreduced(two, Eigen::Vector2i(0, 1)).size() == 2) v.sets_of_sum = -2;
  }
  v.reference = [=](const Jets& x, const Reals& y, const Reals& w) { return reference(loss.rule(), x, y, w); };
  const auto with_target = [](const Input<T>& y, const auto& call) {
    if constexpr (takes_labels) {
      const LabelVector labels = y.col(0).matrix().template cast<std::int64_t>();
      return call(labels);
    } else {
      return call(y);
    }
  };
  v.forward = [=](Reduction r, Input<T> p, Input<T> target, W w, Pool* pool) {
    const L l = with(loss, r);
    return with_target(target, [&](const auto& y) {
      if (pool == nullptr) return w ? l.forward(p, y, *w) : l.forward(p, y);
      return w ? l.forward(losses::parallel(*pool), p, y, *w) : l.forward(losses::parallel(*pool), p, y);
    });
  };
  v.value_and_gradient = [=](Reduction r, Input<T> p, Input<T> target, W w, Output<T> g, Pool* pool) {
    const L l = with(loss, r);
    return with_target(target, [&](const auto& y) {
      if (pool == nullptr) return w ? l.value_and_gradient(p, y, *w, g) : l.value_and_gradient(p, y, g);
      return w ? l.value_and_gradient(losses::parallel(*pool), p, y, *w, g)
               : l.value_and_gradient(losses::parallel(*pool), p, y, g);
    });
  };
  v.add_to = [=](Reduction r, Input<T> p, Input<T> target, W w, Output<T> g, double factor) {
    const L l = with(loss, r);
    return with_target(target, [&](const auto& y) {
      return w ? l.value_and_gradient(p, y, *w, losses::add_to(g, factor))
               : l.value_and_gradient(p, y, losses::add_to(g, factor));
    });
  };
  v.resize = [=](Reduction r, Input<T> p, Input<T> target, W w, Columns<T>& g) {
    const L l = with(loss, r);
    return with_target(
        target, [&](const auto& y) { return w ? l.value_and_gradient(p, y, *w, g) : l.value_and_gradient(p, y, g); });
  };
  v.gradient = [=](Reduction r, Input<T> p, Input<T> target, W w) {
    const L l = with(loss, r);
    return with_target(target,
                       [&](const auto& y) -> Columns<T> { return w ? l.gradient(p, y, *w) : l.gradient(p, y); });
  };
  v.unreduced = [=](Reduction r, Input<T> p, Input<T> target, W w) {
    const L l = with(loss, r);
    return with_target(target,
                       [&](const auto& y) -> Columns<T> { return w ? l.unreduced(p, y, *w) : l.unreduced(p, y); });
  };
  if constexpr (requires { loss.partial(two, two); } || requires { loss.partial(two, Eigen::Vector2i()); }) {
    v.merged = [=](const std::vector<typename SetVerbs<T>::Part>& parts, std::vector<Columns<T>>& gradients) {
      const auto partial = [&](const auto& part) {
        return with_target(input(part.y), [&](const auto& y) { return loss.partial(part.p, y); });
      };
      auto sums = partial(parts.front());
      for (std::size_t i = 1; i < parts.size(); ++i) sums += partial(parts[i]);
      gradients.resize(parts.size());
      for (std::size_t i = 0; i < parts.size(); ++i) {
        with_target(input(parts[i].y), [&](const auto& y) { loss.gradient(sums, parts[i].p, y, gradients[i]); });
      }
      return loss.value(sums);
    };
  }
  return v;
}

struct SetLoss {
  SetVerbs<float> in_float;
  SetVerbs<double> in_double;
};

template <class InFloat, class InDouble, class ReferenceOf>
SetLoss sets(const std::string& name, SetKind kind, const InFloat& in_float, const InDouble& in_double,
             const ReferenceOf& reference) {
  return {set_verbs(name, kind, in_float, reference), set_verbs(name, kind, in_double, reference)};
}

/// A loss on [n × c] whose weights are of the samples, not of the elements.
inline SetLoss with_class_axis(SetLoss loss) {
  loss.in_float.class_axis = loss.in_double.class_axis = true;
  return loss;
}

/// All the laws of a per_set loss, each in a section of its own.
void check(const SetLoss& loss);

}  // namespace losses_test::laws
