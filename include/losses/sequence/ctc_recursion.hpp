// SPDX-License-Identifier: MIT
#pragma once

/// The recursions of CTC, Graves et al. (2006) §4.1, on lanes of states. The states of a target of S labels are S labels l
/// and S + 1 blanks b, b_i before l_i; in probabilities of any size, which the recursion neither rounds to 0 nor takes
/// logarithms of:
///
///   α_t(b_i) = p_t(blank) (α(b_i) + α(l_{i−1}))               α: of frame t − 1
///   α_t(l_i) = p_t(y_i)   (α(l_i) + α(b_i) + [y_i ≠ y_{i−1}] α(l_{i−1}))
///
/// and β backwards. Only states that can be reached, and can still reach the end, are visited.

#include <losses/sequence/ctc_frames.hpp>

namespace LOSSES_NAMESPACE::detail {

/// α or β of the blanks and the labels of one frame. One place before the first state and a register after the last may be
/// read: they hold 0.
struct CTCStates {
  double *blank_m, *blank_e, *label_m, *label_e;

  static Index size(Index length) { return 4 * stride(length) + 40; }
  static Index stride(Index length) { return ctc_positions(length) + 2 * ctc_width; }

  CTCStates(double* memory, Index length)
      : blank_m(memory + ctc_width),
        blank_e(blank_m + stride(length)),
        label_m(blank_e + stride(length)),
        label_e(label_m + stride(length)) {}

  LOSSES_INLINE auto blank(Index i) const { return Scaled<Lanes<double>>::load(blank_m + i, blank_e + i); }
  LOSSES_INLINE auto label(Index i) const { return Scaled<Lanes<double>>::load(label_m + i, label_e + i); }
  LOSSES_INLINE void set_blank(Index i, const Scaled<Lanes<double>>& p) const { p.store(blank_m + i, blank_e + i); }
  LOSSES_INLINE void set_label(Index i, const Scaled<Lanes<double>>& p) const { p.store(label_m + i, label_e + i); }
  LOSSES_INLINE void clear(Index i) const {
    set_blank(i, {});
    set_label(i, {});
  }
};

/// The states of frame t that lie on an alignment: those from `first` to `last` of the blanks and of the labels.
struct CTCWindow {
  Index first, last;
  LOSSES_INLINE CTCWindow(Index t, Index frames, Index length)
      : first(std::max<Index>(0, length - frames + t)), last(std::min(length, t)) {}
};

struct CTCLattice {
  const CTCTarget& target;
  const CTCProbabilities& p;
  Index frames;
  double* alpha;  // a frame of states for each frame and one before, or two in turns
  bool keeps;     // the former

  CTCStates at(Index row) const {
    return {alpha + (keeps ? row : row & 1) * CTCStates::size(target.length), target.length};
  }
};

/// The probability of the target, m·4^e.
struct CTCTotal {
  double m, e;

  bool is_impossible() const { return e == -infinity<double>; }
  double loss() const {
    return std::min(-(std::log(m) + e * 1.38629436111989061883), std::numeric_limits<double>::max());
  }
};

/// α before the first frame.
inline void ctc_start(const CTCLattice& lattice) {
  const CTCStates start = lattice.at(0);
  start.clear(-1);
  start.clear(ctc_width - 1);
  start.blank_e[0] = 0;
}

/// α of frame t from that of the frame before.
template <class = void>
LOSSES_KERNEL void ctc_forward(const CTCLattice& lattice, Index t) {
  using V = Lanes<double>;
  const Index length = lattice.target.length;
  const CTCStates from = lattice.at(t), to = lattice.at(t + 1);
  const double* m = lattice.p.m + t * lattice.p.size;
  const double* e = lattice.p.e + t * lattice.p.size;
  const Scaled<V> blank_p{V(m[length]), V(e[length])};
  const CTCWindow window(t, lattice.frames, length);
  to.label_m[-1] = 1;
  to.label_e[-1] = -infinity<double>;
  for (Index i = window.first; i <= window.last; i += V::size) {
    const auto blank = from.blank(i);
    const auto entered = blank + from.label(i - 1);
    const auto may_skip = V::load(lattice.target.may_skip + i) != V(0);
    const auto arrives = from.label(i) + where(may_skip, entered, blank);
    to.set_blank(i, entered * blank_p);
    to.set_label(i, arrives * Scaled<V>::load(m + i, e + i));
  }
  to.clear(window.last + 1);
}

/// The probability of the target, from α of the last frame.
inline CTCTotal ctc_total(const CTCLattice& lattice) {
  using V = Lanes<double, 1>;
  const Index length = lattice.target.length;
  const CTCStates end = lattice.at(lattice.frames);
  const Scaled<V> blank{V(end.blank_m[length]), V(end.blank_e[length])};
  const Scaled<V> label{V(end.label_m[length - 1]), V(end.label_e[length - 1])};
  const auto total = blank + label;
  return {total.m[0], total.e[0]};
}

/// A share of p that rounding hides.
template <class T>
inline constexpr double negligible = static_cast<double>(std::numeric_limits<T>::epsilon()) / 8;

/// Where the gradient of the classes that the target holds goes: scale·(p − posterior), or −scale·posterior.
template <class T>
struct CTCGradient {
  T* data;
  Index frame_stride, class_stride;
  double scale;
  bool adds;
  bool of_logits;
};

/// β of all frames, from the last; writes the gradient on the way. `states` and `posterior` are work space of a frame.
template <class T>
LOSSES_KERNEL void ctc_backward(const CTCLattice& lattice, const CTCTotal& total, double* states, double* posterior,
                                const CTCGradient<T>& gradient) {
  using V = Lanes<double>;
  const CTCTarget& target = lattice.target;
  const Index length = target.length, size = lattice.p.size;
  // β_t(s)·p_t(s), in place: 0 where no frame has been.
  const CTCStates beta(states, length);
  for (Index i = 0; i <= length + ctc_width; i += ctc_width) beta.clear(i);
  beta.blank_e[length] = 0;
  const V inverse(1 / total.m);
  const V exponent(total.e);
  for (Index t = lattice.frames - 1; t >= 0; --t) {
    const CTCStates alpha = lattice.at(t + 1);
    const double* m = lattice.p.m + t * size;
    const double* e = lattice.p.e + t * size;
    const Scaled<V> blank_p{V(m[length]), V(e[length])};
    const CTCWindow window(t, lattice.frames, length);
    V of_blank(0);
    for (Index i = 0; i < size; i += V::size) V(0).store(posterior + i);
    for (Index i = window.first; i <= window.last; i += V::size) {
      const auto label = beta.label(i);
      const auto to_blank = beta.blank(i) + label;
      const auto next_blank = beta.blank(i + 1);
      const auto may_skip = V::load(target.may_skip + i + 1) != V(0);
      const auto to_label = label + where(may_skip, next_blank + beta.label(i + 1), next_blank);
      const auto share = [&](const auto& a, const auto& b) LOSSES_INLINE_LAMBDA {
        return plain(Scaled<V>{a.m * b.m * inverse, a.e + b.e - exponent});
      };
      of_blank = of_blank + share(alpha.blank(i), to_blank);
      share(alpha.label(i), to_label).store(posterior + i);
      beta.set_blank(i, to_blank * blank_p);
      beta.set_label(i, to_label * Scaled<V>::load(m + i, e + i));
    }
    for (Index k = 0; k <= length - target.count; ++k) {
      const Index at = target.repeated[k];
      posterior[target.leader[at]] += posterior[at];
    }
    posterior[length] = horizontal_sum(of_blank);
    T* row = gradient.data + t * gradient.frame_stride;
    const T* soon = t > 2 ? row - 3 * gradient.frame_stride : row;  // its classes will be about the same
    for (Index i = 0; i <= length; i += V::size) {
      const V share = V::load(posterior + i);
      const V p = gradient.of_logits ? plain(Scaled<V>::load(m + i, e + i)) : V(0);
      // What is written is scale·p already; most classes of the target have no share in a frame.
      const auto matters = gradient.adds ? typename V::Mask(true) : share > V(negligible<T>) * p;
      const auto changes = (V::load(target.leads + i) != V(0)) & matters;
      if (!any(changes)) continue;
      double slope[V::size];
      (V(gradient.scale) * (p - share)).store(slope);
      for (int k = 0; k < V::size; ++k) {
        if (!changes[k]) continue;
        const Index offset = target.classes[i + k] * gradient.class_stride;
        prefetch<true>(soon + offset, 1);
        const T value = static_cast<T>(slope[k]);
        row[offset] = gradient.adds ? row[offset] + value : value;
      }
    }
  }
}

/// The loss where it is near 0, from the probability that leaves all alignments frame by frame: sums of what is lost keep
/// the digits that 1 − (what is left) has not. With log-probabilities 1 − p comes from them.
///
///   loss = −Σ_t log1p(−d_t)      d_t = Σ_s α̂_{t−1}(s) (1 − Σ p_t of the classes that may follow s),  Σ α̂ = 1
template <class LogP>
double ctc_small_loss(const CTCLattice& lattice, bool of_logits, double* work, const LogP& log_p) {
  const CTCTarget& target = lattice.target;
  const Index length = target.length, size = lattice.p.size;
  double* blank = work;
  double* label = blank + size;
  double* q = label + size;
  std::fill_n(blank, 2 * size, 0.0);
  blank[0] = 1;
  double loss = 0;
  for (Index t = 0; t < lattice.frames; ++t) {
    for (Index i = 0; i <= length; ++i) {
      using One = Lanes<double, 1>;
      const Index at = t * size + i;
      q[i] = plain(Scaled<One>{One(lattice.p.m[at]), One(lattice.p.e[at])})[0];
    }
    double labels = 0;
    for (Index k = 0; k < target.count; ++k) labels += target.distinct[k] < length ? q[target.distinct[k]] : 0;
    // What leaves a state from which the blank and the labels i and j may follow; −1: no label.
    const auto leaves = [&](Index i, Index j) {
      const double stays = (i < 0 ? 0 : q[i]) + (j < 0 ? 0 : q[j]);
      if (!of_logits) {
        Index most = length;
        for (const Index each : {i, j}) most = each >= 0 && q[each] > q[most] ? each : most;
        double others = 0;
        for (const Index each : {i, j, length}) others += each >= 0 && each != most ? q[each] : 0;
        return -std::expm1(log_p(t, most)) - others;
      }
      if (stays <= 0.5 * labels) return lattice.p.rest[t] + (labels - stays);
      double others = 0;
      for (Index k = 0; k < target.count; ++k) {
        const Index at = target.distinct[k];
        const bool may_follow = at == length || at == target.leader[i] || (j >= 0 && at == target.leader[j]);
        others += may_follow ? 0 : q[at];
      }
      return lattice.p.rest[t] + others;
    };
    double lost = 0, kept = 0;
    const Index last = std::min(length, t);
    for (Index i = last; i >= 0; --i) {
      const Index next = i < length ? i : -1;
      if (blank[i] > 0) lost += blank[i] * leaves(next, -1);
      if (next >= 0 && label[i] > 0) {
        const bool skips = i + 1 < length && target.may_skip[i + 1] != 0;
        lost += label[i] * leaves(i, skips ? i + 1 : -1);
      }
    }
    for (Index i = last; i >= 0; --i) {
      const double before = i > 0 ? label[i - 1] : 0;
      if (i < length) label[i] = q[i] * (label[i] + blank[i] + (target.may_skip[i] != 0 ? before : 0));
      blank[i] = q[length] * (blank[i] + before);
      kept += blank[i] + (i < length ? label[i] : 0);
    }
    for (Index i = 0; i <= last; ++i) {
      blank[i] /= kept;
      label[i] /= kept;
    }
    loss -= std::log1p(-lost);
  }
  double astray = 0;
  for (Index i = 0; i < length; ++i) astray += blank[i] + (i < length - 1 ? label[i] : 0);
  return loss - std::log1p(-astray);
}

}  // namespace LOSSES_NAMESPACE::detail
