// SPDX-License-Identifier: MIT
// Any call of a generative loss, against its formula.

#include "loss_target.hpp"

namespace losses_test {

namespace {

Number one() {
  return Number(1);
}

/// Of a score that should be real, or fake; the generator's is real.
Number judged(const Problem& a, const Number& s, bool real, bool generator) {
  const std::string_view mode = a.options.word("mode", "vanilla");
  const Number label = real ? a.options.number("real_label", "1") : a.options.number("fake_label", "0");
  if (mode == "vanilla") return label * softplus(-s) + (one() - label) * softplus(s);
  if (mode == "lsgan") return square(s - label);
  if (mode == "wgangp" || generator) return real ? -s : s;
  return max(Number(0), real ? one() - s : one() + s);
}

/// A picture [n, c, h, w]: number of the pixel at (plane, y, x).
struct Pictures {
  Index planes, h, w;
  explicit Pictures(const Problem& a)
      : planes(a.numbers[0].shape[0] * a.numbers[0].shape[1]), h(a.numbers[0].shape[2]), w(a.numbers[0].shape[3]) {}
  Index at(Index plane, Index y, Index x) const { return (plane * h + y) * w + x; }
};

Number total_variation(const Problem& a) {
  const Pictures size(a);
  const Index n = a.samples(), c = a.classes();
  const bool average = a.options.flag("average", false);
  Reduced terms(a);
  for (Index i = 0; i < n; ++i) {
    terms.add(a.weight(i, n), 1, [&] {
      Number down = 0, along = 0;
      for (Index plane = i * c; plane < (i + 1) * c; ++plane) {
        for (Index y = 0; y < size.h; ++y) {
          for (Index x = 0; x < size.w; ++x) {
            const Number here = a.numbers[0][size.at(plane, y, x)];
            if (std::isnan(here.f)) down += here;
            if (y > 0) down += abs(here - a.numbers[0][size.at(plane, y - 1, x)]);
            if (x > 0) along += abs(here - a.numbers[0][size.at(plane, y, x - 1)]);
          }
        }
      }
      if (!average) return down + along;
      const Real vertical = static_cast<Real>(c * (size.h - 1) * size.w);
      const Real horizontal = static_cast<Real>(c * size.h * (size.w - 1));
      Number sum = vertical > 0 ? down / Number(vertical) : down;
      return horizontal > 0 ? sum + along / Number(horizontal) : sum + along;
    });
  }
  return terms.result();
}

Number style(const Problem& a) {
  const Index n = a.samples(), c = a.classes(), in = a.inner();
  const Number factor = a.options.list("weights").empty() ? Real(1) : a.options.list("weights")[0];
  Reduced terms(a);
  for (Index i = 0; i < n; ++i) {
    terms.add(a.weight(i, n), 1, [&] {
      Number sum = 0;
      for (Index j = 0; j < c; ++j) {
        for (Index k = 0; k < c; ++k) {
          Number difference = 0;  // of the Gram matrices, from that of the features
          for (Index x = 0; x < in; ++x) {
            const Index at_j = (i * c + j) * in + x, at_k = (i * c + k) * in + x;
            const auto &f = a.numbers[0], &y = a.numbers[1];
            difference += (f[at_j] - y[at_j]) * (f[at_k] + y[at_k]) + (f[at_j] + y[at_j]) * (f[at_k] - y[at_k]);
          }
          sum += square(difference / Number(2 * static_cast<Real>(c * in)));
        }
      }
      return c > 0 ? factor * sum / Number(static_cast<Real>(c * c)) : Number(0);
    });
  }
  return terms.result();
}

Number ssim(const Problem& a) {
  const Pictures size(a);
  const Index window = static_cast<Index>(a.options.integer("window_size", "11")), r = window / 2;
  const Real range = a.options.number("max_val", "1");
  const Number c1 = square(Number(0.01L * range)), c2 = square(Number(0.03L * range));
  const Number epsilon = a.options.number("epsilon", "0");
  const bool valid = a.options.word("padding", "same") == "valid";
  std::vector<Real> weight;
  Real total = 0;
  for (Index k = -r; k <= r; ++k) weight.push_back(std::exp(-static_cast<Real>(k * k) / 4.5L)), total += weight.back();
  const auto mirrored = [](Index i, Index end) { return i < 0 ? -i : i >= end ? 2 * end - 2 - i : i; };
  const Index margin = valid ? r : 0;
  const Index rows = size.h - 2 * margin, columns = size.w - 2 * margin, count = size.planes * rows * columns;
  Reduced terms(a);
  for (Index term = 0; term < count; ++term) {
    const Index plane = term / (rows * columns), y = term / columns % rows + margin, x = term % columns + margin;
    terms.add(a.weight(term, count), 1, [&] {
      Number mean_p = 0, mean_y = 0, pp = 0, yy = 0, py = 0;
      const auto each_pixel = [&](const auto& f) {
        for (Index j = -r; j <= r; ++j) {
          for (Index k = -r; k <= r; ++k) {
            const Index at = size.at(plane, mirrored(y + j, size.h), mirrored(x + k, size.w));
            const Real w =
                weight[static_cast<std::size_t>(j + r)] * weight[static_cast<std::size_t>(k + r)] / total / total;
            f(Number(w), a.numbers[0][at], a.numbers[1][at]);
          }
        }
      };
      each_pixel([&](auto w, auto p, auto q) { mean_p += w * p, mean_y += w * q; });
      each_pixel([&](auto w, auto p, auto q) {
        pp += w * square(p - mean_p), yy += w * square(q - mean_y), py += w * (p - mean_p) * (q - mean_y);
        // The gradient goes over the windows of a pixel, where p − mean is a difference of two sums.
        pp.ed += 2 * w.f * std::fabs(p.f * p.d), yy.ed += 2 * w.f * std::fabs(q.f * q.d);
        py.ed += w.f * (std::fabs(p.f * q.d) + std::fabs(q.f * p.d));
      });
      const Number above = (mean_p * mean_y + mean_p * mean_y + c1) * (py + py + c2);
      const Number below = (square(mean_p) + square(mean_y) + c1) * (pp + yy + c2) + epsilon;
      return (one() - above / below) / Number(2);
    });
  }
  return terms.result();
}

const RoomReference references[] = {
    {"adversarial",
     [](const Problem& a) {
       Reduced terms(a);
       for (Index i = 0; i < a.prediction().count(); ++i) {
         terms.add(a.weight(i, a.prediction().count()), 1, [&] { return judged(a, a.numbers[0][i], a.flag, false); });
       }
       return terms.result();
     },
     1e15L},
    {"adversarial_mse",
     [](const Problem& a) {
       Reduced scores(a), output(a);
       for (Index i = 0; i < a.prediction().count(); ++i) {
         scores.add(1, 1, [&] { return judged(a, a.numbers[0][i], true, true); });
       }
       for (Index i = 0; i < a.numbers[1].count(); ++i) {
         output.add(1, 1, [&] { return square(a.numbers[1][i] - a.numbers[2][i]); });
       }
       return scores.result(a.samples()) + output.result(a.numbers[1].shape[0]);
     },
     1e15L},
    {"gradient_penalty",
     [](const Problem& a) {
       const Number lambda = a.options.number("lambda", "10"), target = a.options.number("target", "1");
       const Index n = a.samples(), size = n > 0 ? a.prediction().count() / n : 0;
       Reduced terms(a);
       for (Index i = 0; i < n; ++i) {
         terms.add(a.weight(i, n), 1, [&] {
           Number sum = 0;
           for (Index k = 0; k < size; ++k) sum += square(a.numbers[0][i * size + k]);
           return lambda * square((sum.f == 0 ? Number(0) : sqrt(sum)) - target);
         });
       }
       return terms.result();
     },
     1e15L, 1e-15L},
    {"reconstruction",
     [](const Problem& a) {
       const std::string_view kind = a.options.word("kind", "mse");
       const Real epsilon = a.options.number("epsilon", "1e-7");
       return of_elements(a, [&](auto p, auto y, Index) {
         if (kind == "mse") return square(p - y);
         if (kind == "l1") return abs(p - y);
         if (p.f < epsilon) p.f = epsilon;
         if (p.f > 1 - epsilon) p.f = 1 - epsilon;
         return -y * log(p) - (one() - y) * log(one() - p);
       });
     }},
    {"style", style, 1e7L, 1e-6L},
    {"total_variation", total_variation, 1e30L},
    {"ssim", ssim, 1e3L, 1e-6L},
};

const bool added = add_fuzz_target("generative", [](const std::uint8_t* data, std::size_t size) {
  run_room([]<class T>() { return losses::detail::generative_entries<T>(); }, references, {data, size});
});

}  // namespace

}  // namespace losses_test
