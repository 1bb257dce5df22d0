// SPDX-License-Identifier: MIT
// Any call of a regression loss, against its formula.

#include "loss_target.hpp"

namespace losses_test {

namespace {

Number rate(const Problem& a, const Number& p, const Number& y) {
  const bool log_input = a.options.flag("log_input", true);
  if (!log_input && p.f < 0) return log(p);  // NaN: no rate is negative
  Number value = log_input ? exp(p) : p;
  if (y.f != 0) value -= y * (log_input ? p : log(p + Number(a.options.number("epsilon", "1e-8"))));
  if (a.options.flag("full", false) && y.f > 1) {
    value += y * log(y) - y + Number(0.5L) * log(Number(2 * std::numbers::pi_v<Real>) * y);
  }
  return value;
}

Number barron(const Number& r, Real alpha, Real c) {
  const Number z = square(r / Number(c));
  if (alpha == 2) return z / Number(2);
  if (alpha == 0) return log1p(z / Number(2));
  if (alpha == -infinity) return -expm1(-z / Number(2));
  const Real b = std::fabs(alpha - 2);
  return Number(b / alpha) * expm1(Number(alpha / 2) * log1p(z / Number(b)));
}

const RoomReference references[] = {
    {"l1", [](const Problem& a) { return of_elements(a, [](auto p, auto y, Index) { return abs(p - y); }); }},
    {"mse", [](const Problem& a) { return of_elements(a, [](auto p, auto y, Index) { return square(p - y); }); }},
    {"rmse",
     [](const Problem& a) {
       Number sum = 0;
       Real weight = 0;
       for (Index i = 0; i < a.prediction().count(); ++i) {
         const Real w = a.weight(i, a.prediction().count());
         if (w != 0) sum += Number(w) * square(a.numbers[0][i] - a.numbers[1][i]);
         weight += w;
       }
       return sum.f == 0 ? Number(0) : sqrt(sum / Number(weight));
     }},
    {"huber",
     [](const Problem& a) {
       const Number delta = a.options.number("delta", "1");
       return of_elements(a, [&](auto p, auto y, Index) {
         const Number r = abs(p - y);
         return less(delta, r) ? delta * (r - delta / Number(2)) : square(r) / Number(2);
       });
     }},
    {"smooth_l1",
     [](const Problem& a) {
       const Number beta = a.options.number("beta", "1");
       return of_elements(a, [&](auto p, auto y, Index) {
         const Number r = abs(p - y);
         return less(r, beta) ? square(r) / (Number(2) * beta) : r - beta / Number(2);
       });
     }},
    {"log_cosh",
     [](const Problem& a) { return of_elements(a, [](auto p, auto y, Index) { return log_cosh(p - y); }); }},
    {"quantile",
     [](const Problem& a) {
       const Number q = a.options.number("quantile", "0.5");
       return of_elements(a, [&](auto p, auto y, Index) { return max(q * (y - p), (q - Number(1)) * (y - p)); });
     }},
    {"multi_quantile",
     [](const Problem& a) {
       const auto quantiles = a.options.list("quantiles", "[0.1, 0.5, 0.9]");
       const auto columns = static_cast<Index>(quantiles.size());
       Reduced terms(a);
       for (Index i = 0; i < a.prediction().count(); ++i) {
         const Number q = quantiles[static_cast<std::size_t>(i % columns)];
         terms.add(a.weight(i, a.prediction().count()), 1, [&] {
           const Number e = a.numbers[1][i / columns] - a.numbers[0][i];
           return max(q * e, (q - Number(1)) * e);
         });
       }
       return terms.result();
     }},
    {"expectile",
     [](const Problem& a) {
       const Number q = a.options.number("expectile", "0.5");
       return of_elements(a, [&](auto p, auto y, Index) { return (y.f < p.f ? Number(1) - q : q) * square(y - p); });
     }},
    {"epsilon_insensitive",
     [](const Problem& a) {
       const Number epsilon = a.options.number("epsilon", "0.1");
       return of_elements(a, [&](auto p, auto y, Index) { return max(Number(0), abs(p - y) - epsilon); });
     }},
    {"charbonnier",
     [](const Problem& a) {
       const Number epsilon = a.options.number("epsilon", "1e-3");
       return of_elements(a, [&](auto p, auto y, Index) { return sqrt(square(p - y) + square(epsilon)); });
     }},
    {"cauchy",
     [](const Problem& a) {
       const Number c = a.options.number("scale", "1");
       return of_elements(a, [&](auto p, auto y, Index) { return square(c) / Number(2) * log1p(square((p - y) / c)); });
     }},
    {"welsch",
     [](const Problem& a) {
       const Number c = a.options.number("scale", "1");
       return of_elements(a,
                          [&](auto p, auto y, Index) { return -square(c) / Number(2) * expm1(-square((p - y) / c)); });
     }},
    {"geman_mcclure",
     [](const Problem& a) {
       const Number c = a.options.number("scale", "1");
       return of_elements(a, [&](auto p, auto y, Index) {
         const Number r = p - y;
         return square(r) / Number(2) / (Number(1) + square(r / c));
       });
     }},
    {"tukey",
     [](const Problem& a) {
       const Number c = a.options.number("scale", "4.685");
       return of_elements(a, [&](auto p, auto y, Index) {
         const Number u = square((p - y) / c);
         if (u.f >= 1) return square(c) / Number(6);
         return square(c) / Number(6) * u * (Number(3) - Number(3) * u + square(u));
       });
     }},
    {"barron",
     [](const Problem& a) {
       const Real alpha = a.options.number("alpha", "1"), c = a.options.number("scale", "1");
       return of_elements(a, [&](auto p, auto y, Index) { return barron(p - y, alpha, c); });
     }},
    {"msle",
     [](const Problem& a) {
       return of_elements(a, [](auto p, auto y, Index) { return square(log1p((p - y) / (Number(1) + y))); });
     }},
    {"mape",
     [](const Problem& a) {
       return of_elements(a, [](auto p, auto y, Index) {
         return Number(100) * abs(p - y) / Number(std::max(std::fabs(y.f), Real(1e-7)));
       });
     }},
    {"poisson", [](const Problem& a) { return of_elements(a, [&](auto p, auto y, Index) { return rate(a, p, y); }); }},
    {"gaussian_nll",
     [](const Problem& a) {
       const Real epsilon = a.options.number("epsilon", "1e-6");
       const Index terms = a.prediction().count();
       Reduced sum(a);
       for (Index i = 0; i < terms; ++i) {
         sum.add(a.weight(i, terms), 1, [&] {
           Number v = a.numbers[1][i];
           if (v.f < epsilon) v.f = epsilon;
           Number value = (log(v) + square(a.numbers[0][i] - a.numbers[2][i]) / v) / Number(2);
           if (a.options.flag("full", false)) value += Number(std::log(2 * std::numbers::pi_v<Real>) / 2);
           return value;
         });
       }
       return sum.result();
     }},
    {"gamma", [](const Problem& a) { return of_elements(a, [](auto s, auto y, Index) { return s + y * exp(-s); }); }},
    {"tweedie",
     [](const Problem& a) {
       const Number power = a.options.number("power", "1.5");
       return of_elements(a, [&](auto s, auto y, Index) {
         const Number up = Number(2) - power, down = power - Number(1);
         Number value = exp(up * s) / up;
         if (y.f != 0) value += y * exp(-down * s) / down;
         return value;
       });
     }},
};

const bool added = add_fuzz_target("regression", [](const std::uint8_t* data, std::size_t size) {
  run_room([]<class T>() { return losses::detail::regression_entries<T>(); }, references, {data, size});
});

}  // namespace

}  // namespace losses_test
