// SPDX-License-Identifier: MIT
#pragma once

/// The errors of PyTorch 1.13 and torchvision 0.14 on the inputs of promises.cpp, against the same references: of values, the
/// largest and the mean one in units of ε, then of gradients. `promises --inputs DIR` writes the inputs; this script, given DIR,
/// printed the numbers:
///
///   import sys, numpy as np, torch, torch.nn.functional as F, torchvision.ops as ops
///
///   # name: (call, predictions, other numbers); the others take integer labels
///   single = {
///       'l1': F.l1_loss, 'mse': F.mse_loss, 'huber': F.huber_loss, 'smooth_l1': F.smooth_l1_loss,
///       'poisson': F.poisson_nll_loss, 'bce': F.binary_cross_entropy,
///       'bce_with_logits': F.binary_cross_entropy_with_logits, 'focal_with_logits': ops.sigmoid_focal_loss,
///       'soft_margin': F.soft_margin_loss, 'hinge_embedding': F.hinge_embedding_loss, 'kl_divergence': F.kl_div}
///   losses = {name: (f, 1, 1) for name, f in single.items()} | {
///       'gaussian_nll': (lambda m, v, y, **o: F.gaussian_nll_loss(m, y, v, eps=1e-6, **o), 2, 1),
///       'margin_ranking': (lambda a, b, y, **o: F.margin_ranking_loss(a, b, y, margin=0.5, **o), 2, 1),
///       'cosine_embedding': (lambda a, b, y, **o: F.cosine_embedding_loss(a, b, y.flatten(), **o), 2, 1),
///       'triplet': (lambda *x, **o: F.triplet_margin_loss(*x, eps=0, **o), 3, 0),
///       'multi_label_soft_margin': (F.multilabel_soft_margin_loss, 1, 1),
///       'giou': (ops.generalized_box_iou_loss, 1, 1), 'diou': (ops.distance_box_iou_loss, 1, 1),
///       'ciou': (ops.complete_box_iou_loss, 1, 1),
///       'cross_entropy': (F.cross_entropy, 1, 0), 'nll': (F.nll_loss, 1, 0), 'multi_margin': (F.multi_margin_loss, 1, 0),
///       'multi_label_margin': (lambda x, y, **o: F.multilabel_margin_loss(x, y.reshape(x.shape), **o), 1, 0)}
///   elements = [*single, 'gaussian_nll', 'margin_ranking']
///
///
///   def errors(got, want, size):
///       info = np.finfo(got.dtype)
///       error = np.abs(got.flatten().astype(np.longdouble) - want)
///       with np.errstate(all='ignore'):
///           r = np.where(error <= 1024 * np.longdouble(info.tiny), 0, error / np.maximum(np.abs(want), size)) / info.eps
///       r = np.where(np.isnan(want), np.nan, r)
///       return np.nanmax(r), np.nanmean(np.where(np.isinf(r), np.nan, r))
///
///
///   for name, (f, predictions, others) in losses.items():
///       for kind, dtype in ('float', np.float32), ('double', np.float64):
///           stem = f'{sys.argv[1]}/{name}.{kind}.'
///           value = np.fromfile(stem + 'value', np.longdouble).reshape(-1, 2)
///           shape = (len(value),) if name in elements else (len(value), -1)
///           array = lambda k: np.fromfile(f'{stem}in{k}').astype(dtype).reshape(shape)
///           x = [torch.tensor(array(k)) for k in range(predictions + others)]
///           if name in ('cross_entropy', 'nll', 'multi_margin', 'multi_label_margin'):
///               x.append(torch.tensor(np.fromfile(stem + 'labels', np.int32)).long())
///           for each in x[:predictions]: each.requires_grad_()
///           got = f(*x, reduction='none')
///           got.sum().backward()
///           if name == 'bce':  # PyTorch clamps log p at -100, not p at 1e-7
///               value[((x[0] < 1e-7) | (x[0] > 1 - 1e-7)).numpy(), 0] = np.nan
///           slope = lambda k: np.fromfile(f'{stem}slope{k}', np.longdouble).reshape(-1, 2).T
///           of_value = errors(got.detach().numpy(), *value.T)
///           most, mean = np.max([errors(x[k].grad.numpy(), *slope(k)) for k in range(predictions)], axis=0)
///           print('{"%s.%s", {%.3g, %.2g, %.3g, %.2g}},' % (name, kind, *of_value, most, mean))

#include <limits>
#include <map>
#include <string_view>

namespace losses_test::promises {

struct PyTorchErrors {
  double value, value_mean, slope, slope_mean;
};

inline const std::map<std::string_view, PyTorchErrors>& pytorch_errors() {
  constexpr double inf = std::numeric_limits<double>::infinity();
  static const std::map<std::string_view, PyTorchErrors> all = {
      {"l1.float", {0.5, 0.078, 0, 0}},
      {"l1.double", {0.5, 0.06, 0, 0}},
      {"mse.float", {1.49, 0.26, 0.5, 0.078}},
      {"mse.double", {1.48, 0.25, 0.5, 0.06}},
      {"huber.float", {1.46, 0.17, 0.5, 0.018}},
      {"huber.double", {1.42, 0.16, 0.5, 0.014}},
      {"smooth_l1.float", {1.46, 0.17, 0.5, 0.018}},
      {"smooth_l1.double", {1.42, 0.16, 0.5, 0.014}},
      {"poisson.float", {0.973, 0.2, 0.974, 0.22}},
      {"poisson.double", {0.962, 0.21, 0.969, 0.22}},
      {"bce.float", {2.38e+05, 6e+02, 1.35, 0.25}},
      {"bce.double", {2.26e+05, 5.9e+02, 1.12, 0.23}},
      {"bce_with_logits.float", {8.39e+06, 7.1e+04, 8.39e+06, 3.6e+04}},
      {"bce_with_logits.double", {4.5e+15, 6.5e+13, 4.5e+15, 3.2e+13}},
      {"focal_with_logits.float", {3.6e+07, 2.2e+04, 3.6e+07, 2.2e+04}},
      {"focal_with_logits.double", {2.18e+16, 4.3e+13, 2.18e+16, 4.3e+13}},
      {"soft_margin.float", {inf, 7.1e+04, 1.39, 0.24}},
      {"soft_margin.double", {inf, 6.6e+13, 1.43, 0.24}},
      {"hinge_embedding.float", {0.5, 0.039, 0, 0}},
      {"hinge_embedding.double", {0.5, 0.031, 0, 0}},
      {"kl_divergence.float", {1.3, 0.26, 0, 0}},
      {"kl_divergence.double", {1.33, 0.26, 0, 0}},
      {"gaussian_nll.float", {2.06, 0.29, 2.13, 0.32}},
      {"gaussian_nll.double", {2.13, 0.29, 2.18, 0.32}},
      {"margin_ranking.float", {0.703, 0.078, 0, 0}},
      {"margin_ranking.double", {0.719, 0.077, 0, 0}},
      {"cosine_embedding.float", {1.71, 0.18, 3.21, 0.17}},
      {"cosine_embedding.double", {5.33e+05, 1.5e+03, 1.3e+06, 1.4e+03}},
      {"triplet.float", {1.03, 0.15, 1.78, 0.2}},
      {"triplet.double", {0.988, 0.15, 1.57, 0.2}},
      {"multi_label_soft_margin.float", {1.55, 0.29, 2.03, 0.25}},
      {"multi_label_soft_margin.double", {1.57, 0.28, 1.88, 0.24}},
      {"giou.float", {1.46, 0.25, 60, 0.43}},
      {"giou.double", {1.55, 0.25, 66.1, 0.46}},
      {"diou.float", {1.43, 0.25, 23.8, 0.52}},
      {"diou.double", {1.64, 0.26, 14.3, 0.53}},
      {"ciou.float", {1.76, 0.3, 23.7, 0.53}},
      {"ciou.double", {1.7, 0.3, 14.4, 0.53}},
      {"cross_entropy.float", {8.39e+06, 1.3e+05, 8.39e+06, 3.3e+04}},
      {"cross_entropy.double", {4.5e+15, 1.2e+13, 4.5e+15, 3.1e+12}},
      {"nll.float", {0, 0, 0, 0}},
      {"nll.double", {0, 0, 0, 0}},
      {"multi_margin.float", {0.56, 0.064, 0, 0}},
      {"multi_margin.double", {0.617, 0.065, 0, 0}},
      {"multi_label_margin.float", {0.534, 0.078, 0, 0}},
      {"multi_label_margin.double", {0.689, 0.088, 0, 0}}};
  return all;
}

}  // namespace losses_test::promises
