// SPDX-License-Identifier: MIT
#pragma once

/// The binary and multi-label losses in long double, written from PyTorch's documentation, torchvision's and the papers.

#include <algorithm>
#include <cmath>

#include "dual.hpp"

namespace losses_test::reference {

/// p clamped to [ε, 1 − ε] and 1 − p, where neither loses its digits; the clamp lets the gradient pass.
struct Clamped {
  Jet yes, no;

  Clamped(Jet p, Real epsilon) : yes(std::max(p.f, epsilon), p.d, p.dd), no(std::max(1 - p.f, epsilon), -p.d, -p.dd) {
    (p.f > 0.5L ? yes.f : no.f) = 1 - (p.f > 0.5L ? no.f : yes.f);
  }
};

/// log a, where b = 1 − a.
inline Jet log_of_part(const Jet& a, const Jet& b) {
  return a.f < 0.5L ? log(a) : log1p(-b);
}

/// torch.nn.BCELoss, at the clamped p.
inline Jet bce(Jet p, Jet y, Real epsilon) {
  const Clamped c(p, epsilon);
  return -(y * log_of_part(c.yes, c.no) + (1 - y) * log_of_part(c.no, c.yes));
}

/// torch.nn.BCEWithLogitsLoss.
inline Jet bce_with_logits(Jet x, Jet y, Real pos_weight) {
  return (1 - y) * softplus(x) + pos_weight * y * softplus(-x);
}

/// Lin et al. (2017), eq. (5), with torchvision's p_t and α_t for soft targets.
inline Jet focal(Jet p, Jet y, Real alpha, Real alpha_negative, Real gamma, Real epsilon) {
  const Clamped c(p, epsilon);
  const Jet missing = c.no * y + c.yes * (1 - y);  // 1 − p_t
  return (alpha * y + alpha_negative * (1 - y)) * pow(missing, gamma) * bce(p, y, epsilon);
}

inline Jet focal_with_logits(Jet x, Jet y, Real alpha, Real alpha_negative, Real gamma) {
  const Jet missing = sigmoid(-x) * y + sigmoid(x) * (1 - y);  // 1 − p_t
  return (alpha * y + alpha_negative * (1 - y)) * pow(missing, gamma) * bce_with_logits(x, y, 1);
}

/// Cortes and Vapnik (1995).
inline Jet hinge(Jet x, Jet y, Real margin) {
  return max(Jet(0), margin - y * x);
}

/// torch.nn.SoftMarginLoss, with a margin.
inline Jet soft_margin(Jet x, Jet y, Real margin) {
  return softplus(margin - y * x);
}

/// Ridnik et al. (2021), eq. (4) to (7).
inline Jet asymmetric(Jet x, Jet y, Real gamma_negative, Real gamma_positive, Real clip) {
  const Jet yes = pow(sigmoid(-x), gamma_positive) * softplus(-x);
  const Jet shifted = max(sigmoid(x) - clip, Jet(0));
  const Jet log_rest = clip == 0 ? -softplus(x) : log_of_part(min(sigmoid(-x) + clip, Jet(1)), shifted);
  return y * yes - (1 - y) * pow(shifted, gamma_negative) * log_rest;
}

}  // namespace losses_test::reference
