// SPDX-License-Identifier: MIT
#pragma once

/// Distances and cosines of the rows of two matrices, and their gradients: the arithmetic of per_pair. It knows no rule, so
/// it compiles once per scalar.
///
/// Rows are worked on in tiles. Where features are contiguous the lanes run along a row, where samples are contiguous each
/// holds a sample; anything else, and very short rows, is packed on the way. All sums are of doubles. A row whose squares
/// leave the range of double is measured again in a unit of its own, a power of two.

#include <algorithm>
#include <cmath>
#include <limits>

#include <losses/core/driver.hpp>
#include <losses/core/math.hpp>

namespace LOSSES_NAMESPACE::detail {

inline constexpr int max_vectors = 3;
inline constexpr Index tile_pairs = 128;
inline constexpr Index tile_features = 16;  // of a packed block
inline constexpr Index short_row = 16;      // shorter rows are packed, a sample in each lane

/// A number for each row of a tile.
using PerRow = double[tile_pairs];

/// What a pass takes of each element of two rows x and y; r = x − y.
enum class PairTerm : std::uint8_t { absolute, square, power, largest, ties, products, residual, each_largest };

constexpr bool takes_largest(PairTerm term) {
  return term == PairTerm::largest || term == PairTerm::each_largest;
}
constexpr int results_of(PairTerm term) {
  return term == PairTerm::products ? 3 : term == PairTerm::each_largest ? 2 : 1;
}

/// Two rows of each sample in a tile: what passes over them need and leave.
struct RowPair {
  alignas(64) PerRow x_unit, y_unit, unit;  // r = (x·x_unit − y·y_unit)·unit
  alignas(64) PerRow result[3];             // of the last pass
  alignas(64) PerRow value, complement;     // the distance; or the cosine, and 1 − cosine
  alignas(64) PerRow norm;                  // the slope is divided by it: 0 where there is none
  alignas(64) PerRow share[2];              // of a cosine ⟨x, y⟩/⟨x, x⟩ and ⟨x, y⟩/⟨y, y⟩; see measure_distance
  alignas(64) PerRow weight[2];             // of the gradients of x and y
  double power = 2;
};

/// Some features of a tile's rows. Elements of one run are contiguous, runs are `step` apart; a run is a row, or a feature
/// of all rows.
template <class T>
struct RowBlock {
  const T* x[max_vectors] = {};
  T* g[max_vectors] = {};
  Index x_step[max_vectors] = {};
  Index g_step[max_vectors] = {};
  bool adds[max_vectors] = {};
  double factor[max_vectors] = {};
  Index rows = 0, features = 0;
};

/// A register of T as doubles.
template <class T>
struct Wide {
  static constexpr int parts = sizeof(T) == sizeof(double) ? 1 : 2;
  Lanes<double> part[parts];

  template <class Run>
  LOSSES_INLINE static Wide load(const Run& lanes, const T* data) {
    const Lanes<T> v = lanes.keep(lanes.load(data));
    if constexpr (parts == 1) {
      return {{v}};
    } else {
      const auto halves = widen(v);
      return {{halves.lo, halves.hi}};
    }
  }
  LOSSES_INLINE Lanes<T> narrowed() const {
    if constexpr (parts == 1) {
      return part[0];
    } else {
      return narrow(part[0], part[1]);
    }
  }
};

/// The numbers of one row in all lanes, or of a row in each.
struct OneRow {
  Index row;
  LOSSES_INLINE Lanes<double> operator()(const PerRow& values, int) const { return Lanes<double>(values[row]); }
};
struct RowPerLane {
  Index row;
  LOSSES_INLINE Lanes<double> operator()(const PerRow& values, int part) const {
    return Lanes<double>::load(values + row + part * Lanes<double>::size);
  }
};

template <class T, PairTerm term, class At>
LOSSES_INLINE Lanes<double> pair_difference(const RowPair& pair, const At& at, int part, const Lanes<double>& x,
                                            const Lanes<double>& y) {
  if constexpr (sizeof(T) == sizeof(double)) {
    return (x * at(pair.x_unit, part) - y * at(pair.y_unit, part)) * at(pair.unit, part);
  } else if constexpr (term == PairTerm::power) {
    return (x - y) * at(pair.unit, part);
  } else {
    return x - y;  // floats as doubles need no unit
  }
}

/// y − share·x: what is left of y without its part along x, rounded once.
template <class T>
LOSSES_INLINE Lanes<double> without_share(const Lanes<double>& y, const Lanes<double>& share, const Lanes<double>& x) {
  using V = Lanes<double>;
  if constexpr (LOSSES_HAS_FMA || sizeof(T) == sizeof(float)) {
    return fma(-share, x, y);
  } else {
    // Halves of 26 bits have exact products (Dekker 1971, doi:10.1007/BF01397083).
    const V splitter(0x1p27 + 1);
    const auto upper = [&](const V& v) LOSSES_INLINE_LAMBDA {
      const V scaled = splitter * v;
      return scaled - (scaled - v);
    };
    const V s = upper(share), z = upper(x), product = share * x;
    const V rest = ((s * z - product) + s * (x - z) + (share - s) * z) + (share - s) * (x - z);
    return (y - product) - rest;
  }
}

template <class T, PairTerm term, class At>
LOSSES_INLINE void pair_terms(const RowPair& pair, const At& at, int part, Lanes<double> x, Lanes<double> y,
                              Lanes<double>* terms) {
  using V = Lanes<double>;
  if constexpr (term == PairTerm::each_largest) {
    terms[0] = abs(x);
    terms[1] = abs(y);
  } else if constexpr (term == PairTerm::products || term == PairTerm::residual) {
    if constexpr (sizeof(T) == sizeof(double)) {
      x = x * at(pair.x_unit, part);
      y = y * at(pair.y_unit, part);
    }
    if constexpr (term == PairTerm::residual) {
      const V q = without_share<T>(y, at(pair.share[0], part), x);
      terms[0] = q * q;
    } else {
      terms[0] = x * x;
      terms[1] = y * y;
      terms[2] = x * y;
    }
  } else {
    const V r = pair_difference<T, term>(pair, at, part, x, y);
    if constexpr (term == PairTerm::square) {
      terms[0] = r * r;
    } else if constexpr (term == PairTerm::power) {
      terms[0] = pow(abs(r) * at(pair.share[0], part), V(pair.power));
    } else if constexpr (term == PairTerm::ties) {
      terms[0] = where(abs(r) == at(pair.share[0], part), V(1), V(0));
    } else {
      terms[0] = abs(r);
    }
  }
}

/// Adds the terms of x[i] and x[j] to pair.result, for each row of a block of rows.
template <class T, PairTerm term>
LOSSES_KERNEL void terms_along_rows(const RowBlock<T>& block, int i, int j, RowPair& pair) {
  using V = Lanes<double>;
  constexpr int results = results_of(term);
  for (Index row = 0; row < block.rows; ++row) {
    const T* x = block.x[i] + row * block.x_step[i];
    const T* y = block.x[j] + row * block.x_step[j];
    Accumulator<double> total[2][results];
    V largest[2][results];
    const auto step = [&](auto lanes, Index first, int which) LOSSES_INLINE_LAMBDA {
      const auto xs = Wide<T>::load(lanes, x + first), ys = Wide<T>::load(lanes, y + first);
      for (int part = 0; part < Wide<T>::parts; ++part) {
        V terms[results];
        pair_terms<T, term>(pair, OneRow{row}, part, xs.part[part], ys.part[part], terms);
        for (int k = 0; k < results; ++k) {
          if constexpr (takes_largest(term)) {
            largest[which][k] = max(largest[which][k], terms[k]);
          } else {
            total[which][k].add(terms[k]);
          }
        }
      }
    };
    for_lanes<T>(block.features, step, [&]() LOSSES_INLINE_LAMBDA {
      for (auto& each : total) {
        for (auto& sum : each) sum.fold();
      }
    });
    for (int k = 0; k < results; ++k) {
      double& result = pair.result[k][row];
      if constexpr (takes_largest(term)) {
        const V both = max(largest[0][k], largest[1][k]);
        const double here = any(isnan(both)) ? std::numeric_limits<double>::quiet_NaN() : horizontal_max(both);
        result = std::isnan(result) || result > here ? result : here;
      } else {
        result += total[0][k].total() + total[1][k].total();
      }
    }
  }
}

/// The same for a block of features: a row in each lane.
template <class T, PairTerm term>
LOSSES_KERNEL void terms_across_rows(const RowBlock<T>& block, int i, int j, RowPair& pair) {
  using V = Lanes<double>;
  constexpr int results = results_of(term), parts = Wide<T>::parts;
  for_single_lanes<T>(block.rows, [&](auto lanes, Index row) LOSSES_INLINE_LAMBDA {
    V total[results][parts];
    for (Index feature = 0; feature < block.features; ++feature) {
      const auto x = Wide<T>::load(lanes, block.x[i] + feature * block.x_step[i] + row);
      const auto y = Wide<T>::load(lanes, block.x[j] + feature * block.x_step[j] + row);
      for (int part = 0; part < parts; ++part) {
        V terms[results];
        pair_terms<T, term>(pair, RowPerLane{row}, part, x.part[part], y.part[part], terms);
        for (int k = 0; k < results; ++k) {
          V& sum = total[k][part];
          if constexpr (takes_largest(term)) {
            sum = max(sum, terms[k]);
          } else {
            sum = sum + terms[k];
          }
        }
      }
    }
    for (int k = 0; k < results; ++k) {
      for (int part = 0; part < parts; ++part) {
        double* result = pair.result[k] + row + part * V::size;
        const V before = V::load(result);
        (takes_largest(term) ? max(before, total[k][part]) : before + total[k][part]).store(result);
      }
    }
  });
}

/// What the gradients of x and y have of one pair.
template <class T, PairTerm term, class At>
LOSSES_INLINE void add_pair_slopes(const RowPair& pair, const At& at, int part, Lanes<double> x, Lanes<double> y,
                                   Lanes<double>& x_slope, Lanes<double>& y_slope) {
  using V = Lanes<double>;
  const V w = at(pair.weight[0], part);
  if constexpr (term == PairTerm::residual) {
    if constexpr (sizeof(T) == sizeof(double)) {
      x = x * at(pair.x_unit, part);
      y = y * at(pair.y_unit, part);
    }
    const V v = at(pair.weight[1], part);
    x_slope = where(w == V(0), V(0), w * without_share<T>(y, at(pair.share[0], part), x));
    y_slope = where(v == V(0), V(0), v * without_share<T>(x, at(pair.share[1], part), y));
  } else {
    const V r = pair_difference<T, term>(pair, at, part, x, y);
    V direction = r;
    if constexpr (term != PairTerm::square) direction = where(r == V(0), V(0), copysign(V(1), r));
    if constexpr (term == PairTerm::largest) {
      direction = where(abs(r) == at(pair.share[0], part), direction, V(0));
    }
    if constexpr (term == PairTerm::power) {
      direction = direction * pow(abs(r) * at(pair.share[1], part), V(pair.power - 1));
    }
    const V slope = where(w == V(0), V(0), w * direction);
    x_slope = x_slope + slope;
    y_slope = y_slope - slope;
  }
}

/// The pairs of a sample's rows: (0, 1); (0, 2) of three vectors; and (1, 2) where all three distances count.
struct PairSet {
  RowPair pair[max_vectors];
  bool all_three = false;
};

template <class T, PairTerm term, int vectors, class Run, class At>
LOSSES_INLINE void write_register(const RowBlock<T>& block, const PairSet& set, const Run& lanes, const At& at,
                                  const Index (&x_at)[vectors], const Index (&g_at)[vectors]) {
  using V = Lanes<double>;
  Wide<T> x[vectors], g[vectors];
  for (int v = 0; v < vectors; ++v) x[v] = Wide<T>::load(lanes, block.x[v] + x_at[v]);
  for (int part = 0; part < Wide<T>::parts; ++part) {
    V slope[vectors];
    add_pair_slopes<T, term>(set.pair[0], at, part, x[0].part[part], x[1].part[part], slope[0], slope[1]);
    if constexpr (vectors == 3) {
      add_pair_slopes<T, term>(set.pair[1], at, part, x[0].part[part], x[2].part[part], slope[0], slope[2]);
      if (set.all_three) {
        add_pair_slopes<T, term>(set.pair[2], at, part, x[1].part[part], x[2].part[part], slope[1], slope[2]);
      }
    }
    for (int v = 0; v < vectors; ++v) g[v].part[part] = slope[v] * V(block.factor[v]);
  }
  for (int v = 0; v < vectors; ++v) {
    T* to = block.g[v] + g_at[v];
    lanes.store(block.adds[v] ? lanes.load(to) + g[v].narrowed() : g[v].narrowed(), to);
  }
}

template <class T, PairTerm term, int vectors>
LOSSES_KERNEL void write_along_rows(const RowBlock<T>& block, const PairSet& set) {
  for (Index row = 0; row < block.rows; ++row) {
    Index x_row[vectors], g_row[vectors];
    for (int v = 0; v < vectors; ++v) {
      x_row[v] = row * block.x_step[v];
      g_row[v] = row * block.g_step[v];
    }
    bool zero = set.pair[0].weight[0][row] == 0 && set.pair[0].weight[1][row] == 0;
    if constexpr (vectors == 3) {
      zero = zero && set.pair[1].weight[0][row] == 0 && (!set.all_three || set.pair[2].weight[0][row] == 0);
    }
    if (zero) {
      for (int v = 0; v < vectors; ++v) {
        if (!block.adds[v]) std::fill_n(block.g[v] + g_row[v], block.features, T(0));
      }
      continue;
    }
    for_single_lanes<T>(block.features, [&](auto lanes, Index i) LOSSES_INLINE_LAMBDA {
      Index x_at[vectors], g_at[vectors];
      for (int v = 0; v < vectors; ++v) {
        x_at[v] = x_row[v] + i;
        g_at[v] = g_row[v] + i;
      }
      write_register<T, term, vectors>(block, set, lanes, OneRow{row}, x_at, g_at);
    });
  }
}

template <class T, PairTerm term, int vectors>
LOSSES_KERNEL void write_across_rows(const RowBlock<T>& block, const PairSet& set) {
  for (Index feature = 0; feature < block.features; ++feature) {
    for_single_lanes<T>(block.rows, [&](auto lanes, Index row) LOSSES_INLINE_LAMBDA {
      Index x_at[vectors], g_at[vectors];
      for (int v = 0; v < vectors; ++v) {
        x_at[v] = feature * block.x_step[v] + row;
        g_at[v] = feature * block.g_step[v] + row;
      }
      write_register<T, term, vectors>(block, set, lanes, RowPerLane{row}, x_at, g_at);
    });
  }
}

/// value and norm of the sums of squares in pair.result: sqrt, or as they are.
LOSSES_KERNEL inline void finish_squares(RowPair& pair, Index rows, bool squared) {
  using V = Lanes<double>;
  for (Index row = 0; row < rows; row += V::size) {
    const V sum = V::load(pair.result[0] + row);
    const V root = sqrt(sum);
    // Dividing by ½: the slope of r² is 2 r.
    (squared ? V(0.5) : root).store(pair.norm + row);
    (squared ? sum : root / (V::load(pair.x_unit + row) * V::load(pair.unit + row))).store(pair.value + row);
  }
}

/// cosine, shares and norm of the products in pair.result.
LOSSES_KERNEL inline void finish_products(RowPair& pair, Index rows) {
  using V = Lanes<double>;
  for (Index row = 0; row < rows; row += V::size) {
    const V xx = V::load(pair.result[0] + row), yy = V::load(pair.result[1] + row), xy = V::load(pair.result[2] + row);
    const auto none = (xx == V(0)) | (yy == V(0));
    const V zero = V(0) * (xx + yy);  // a NaN of the other vector stays
    const V norm = where(none, zero, sqrt(xx) * sqrt(yy));
    norm.store(pair.norm + row);
    where(none, zero, clamp(xy / norm, V(-1), V(1))).store(pair.value + row);
    where(none, zero, xy / xx).store(pair.share[0] + row);
    where(none, zero, xy / yy).store(pair.share[1] + row);
  }
}

/// 1 − cosine, of nearly parallel vectors from the part of y that is not along x: sin²/(1 + cos).
LOSSES_KERNEL inline void finish_cosine(RowPair& pair, Index rows, const PerRow& yy) {
  using V = Lanes<double>;
  for (Index row = 0; row < rows; row += V::size) {
    const V cosine = V::load(pair.value + row);
    const V sine = V::load(pair.result[0] + row) / V::load(yy + row);
    where(cosine > V(0.5), sine / (V(1) + cosine), V(1) - cosine).store(pair.complement + row);
  }
}

/// What the differences of each row are multiplied by, given the slope of the loss by the pair's value.
LOSSES_KERNEL inline void weigh_pairs(RowPair& pair, Index rows, const PerRow& slope, bool cosine) {
  using V = Lanes<double>;
  for (Index row = 0; row < rows; row += V::size) {
    const V norm = V::load(pair.norm + row), s = V::load(slope + row);
    // Nothing of a NaN where the slope is 0, and 0·NaN where there is no direction.
    const V w = where((s == V(0)) | (norm == V(0)), V(0) * s, s / norm);
    (cosine ? w * V::load(pair.x_unit + row) : w).store(pair.weight[0] + row);
    (cosine ? w * V::load(pair.y_unit + row) : V(0)).store(pair.weight[1] + row);
  }
}

/// Where two or three matrices [n × d] and their gradients lie.
template <class T>
struct VectorJob {
  int vectors = 2;
  Index rows = 0, features = 0;
  View<const T> x[max_vectors];
  View<T> g[max_vectors];
  bool adds[max_vectors] = {};
  double factor[max_vectors] = {};
  bool writes = false;
};

/// A tile of rows, its buffers, and the passes over it.
template <class T>
class VectorTile {
 public:
  explicit VectorTile(const VectorJob<T>& job) : job_(job) {
    across_ = job.features < short_row || (job.x[0].stride[0] == 1 && job.x[0].stride[1] != 1);
    for (int v = 0; v < job.vectors; ++v) {
      packs_x_[v] = !is_contiguous(job.x[v]);
      packs_input_ = packs_input_ || packs_x_[v];
      if (!job.writes) continue;
      packs_g_[v] = !is_contiguous(job.g[v]);
      packs_output_ = packs_output_ || packs_g_[v];
    }
  }

  /// Rows of a tile: as many as stay in the first cache. It depends on the inputs alone.
  Index step() const {
    return across_ ? tile_pairs : std::clamp<Index>(2048 / std::max<Index>(job_.features, 1), 8, tile_pairs);
  }

  void start(Index first, Index rows) {
    first_ = first;
    rows_ = rows;
    packed_ = -1;
  }

  /// The distance of x[i] and x[j] in the p-norm; ties is for the gradient of the largest.
  template <bool any_norm>
  void measure_distance(int i, int j, double p, bool squared, bool ties, RowPair& pair) {
    reset(pair);
    if (!any_norm || p == 2) {
      pass<PairTerm::square>(i, j, pair);
      if constexpr (sizeof(T) == sizeof(double)) {
        if (!squared && rescale(pair, 1)) {
          find_unit(i, j, pair);
          pass<PairTerm::square>(i, j, pair);
        }
      }
      finish_squares(pair, rows_, squared);
    } else if constexpr (any_norm) {
      std::fill_n(pair.norm, tile_pairs, 1.0);
      if (p == 1) {
        pass<PairTerm::absolute>(i, j, pair);
        std::copy_n(pair.result[0], tile_pairs, pair.value);
      } else if (std::isinf(p)) {
        pass<PairTerm::largest>(i, j, pair);
        std::copy_n(pair.result[0], tile_pairs, pair.value);
        std::copy_n(pair.result[0], tile_pairs, pair.share[0]);
        if (!ties) return;
        pass<PairTerm::ties>(i, j, pair);
        std::copy_n(pair.result[0], tile_pairs, pair.norm);
      } else {
        pair.power = p;
        find_unit(i, j, pair);
        pass<PairTerm::power>(i, j, pair);
        for (Index row = 0; row < rows_; ++row) {
          const double root = std::pow(pair.result[0][row], 1 / p) / pair.share[0][row];
          pair.value[row] = root / (pair.x_unit[row] * pair.unit[row]);
          pair.share[1][row] = 1 / root;
          if (root == 0) pair.norm[row] = 0;
        }
      }
    }
  }

  void measure_cosine(RowPair& pair) {
    reset(pair);
    pass<PairTerm::products>(0, 1, pair);
    if constexpr (sizeof(T) == sizeof(double)) {
      if (rescale(pair, 2)) {
        pass<PairTerm::each_largest>(0, 1, pair);
        for (Index row = 0; row < rows_; ++row) {
          pair.x_unit[row] = unit_of(pair.result[0][row]);
          pair.y_unit[row] = unit_of(pair.result[1][row]);
        }
        pass<PairTerm::products>(0, 1, pair);
      }
    }
    finish_products(pair, rows_);
    alignas(64) PerRow yy;
    std::copy_n(pair.result[1], tile_pairs, yy);
    pass<PairTerm::residual>(0, 1, pair);
    finish_cosine(pair, rows_, yy);
  }

  template <PairTerm term, int vectors>
  void write(const PairSet& set) {
    each_block(true, [&](const RowBlock<T>& block) {
      across_ ? write_across_rows<T, term, vectors>(block, set) : write_along_rows<T, term, vectors>(block, set);
    });
  }

 private:
  template <class S>
  bool is_contiguous(const View<S>& view) const {
    return across_ ? view.stride[0] == 1 || job_.rows == 1 : view.stride[1] == 1;
  }

  static void reset(RowPair& pair) {
    for (auto* unit : {&pair.x_unit, &pair.y_unit, &pair.unit}) std::fill_n(*unit, tile_pairs, 1.0);
  }

  template <PairTerm term>
  void pass(int i, int j, RowPair& pair) {
    for (int k = 0; k < results_of(term); ++k) std::fill_n(pair.result[k], tile_pairs, 0.0);
    each_block(false, [&](const RowBlock<T>& block) {
      across_ ? terms_across_rows<T, term>(block, i, j, pair) : terms_along_rows<T, term>(block, i, j, pair);
    });
  }

  /// Whether a sum of squares may have lost its value to overflow or underflow.
  bool rescale(const RowPair& pair, int sums) const {
    constexpr double low = std::numeric_limits<double>::min() / 0x1p-104, high = 0x1p1000;
    bool found = false;
    for (int k = 0; k < sums; ++k) {
      for (Index row = 0; row < rows_; ++row) found |= pair.result[k][row] < low || pair.result[k][row] > high;
    }
    return found;
  }

  /// The power of two that brings a number to [1, 2); 1 for 0, infinity and NaN.
  static double unit_of(double largest) {
    if (!(largest > 0) || std::isinf(largest)) return 1;
    return std::ldexp(1.0, std::clamp(-std::ilogb(largest), -1022, 1022));
  }

  /// The units that bring the largest difference of each row near 1; share[0] is what makes it 1.
  void find_unit(int i, int j, RowPair& pair) {
    // A quarter of each element, so that no difference overflows.
    for (auto* unit : {&pair.x_unit, &pair.y_unit}) std::fill_n(*unit, tile_pairs, sizeof(T) == 8 ? 0.25 : 1.0);
    pass<PairTerm::largest>(i, j, pair);
    for (Index row = 0; row < rows_; ++row) {
      const double unit = unit_of(pair.result[0][row]) * pair.x_unit[row];
      // A small unit goes to the elements, before they overflow; a large one to their difference.
      const bool before = sizeof(T) == 8 && unit < 1;
      pair.x_unit[row] = pair.y_unit[row] = before ? unit : 1;
      pair.unit[row] = before ? 1 : unit;
      const double largest = pair.result[0][row] * unit_of(pair.result[0][row]);
      pair.share[0][row] = largest == 0 ? 1 : 1 / largest;
    }
  }

  /// f(block) for all features, a part of them at a time where something is packed.
  template <class F>
  void each_block(bool outputs, const F& f) {
    const bool in_parts = packs_input_ || (outputs && packs_output_);
    const Index width = in_parts ? tile_features : std::max<Index>(job_.features, 1);
    for (Index feature = 0; feature < job_.features; feature += width) {
      RowBlock<T> block;
      block.rows = rows_;
      block.features = std::min(width, job_.features - feature);
      for (int v = 0; v < job_.vectors; ++v) bind_input(v, feature, block);
      if (packs_input_) packed_ = feature;
      for (int v = 0; outputs && v < job_.vectors; ++v) bind_output(v, feature, block);
      f(block);
      for (int v = 0; outputs && v < job_.vectors; ++v) {
        if (!packs_g_[v]) continue;
        const auto& view = job_.g[v];
        move_elements(buffer(max_vectors + v), across_ ? Index{1} : tile_features, across_ ? tile_pairs : Index{1},
                      rows_, block.features, view.data + first_ * view.stride[0] + feature * view.stride[1],
                      view.stride[0], view.stride[1], job_.adds[v]);
      }
    }
  }

  void bind_input(int v, Index feature, RowBlock<T>& block) {
    const auto& view = job_.x[v];
    const T* from = view.data + first_ * view.stride[0] + feature * view.stride[1];
    if (!packs_x_[v]) {
      block.x[v] = from;
      block.x_step[v] = view.stride[across_ ? 1 : 0];
      return;
    }
    block.x[v] = buffer(v);
    block.x_step[v] = across_ ? tile_pairs : tile_features;
    if (packed_ == feature) return;
    move_elements(from, view.stride[0], view.stride[1], rows_, block.features, buffer(v),
                  across_ ? Index{1} : tile_features, across_ ? tile_pairs : Index{1});
  }

  void bind_output(int v, Index feature, RowBlock<T>& block) {
    const auto& view = job_.g[v];
    block.factor[v] = job_.factor[v];
    if (packs_g_[v]) {
      block.g[v] = buffer(max_vectors + v);
      block.g_step[v] = across_ ? tile_pairs : tile_features;
    } else {
      block.g[v] = view.data + first_ * view.stride[0] + feature * view.stride[1];
      block.g_step[v] = view.stride[across_ ? 1 : 0];
      block.adds[v] = job_.adds[v];
    }
  }

  T* buffer(int i) { return buffers_ + i * tile_pairs * tile_features; }

  const VectorJob<T>& job_;
  bool across_ = false;
  bool packs_x_[max_vectors] = {}, packs_g_[max_vectors] = {};
  bool packs_input_ = false, packs_output_ = false;
  Index first_ = 0, rows_ = 0, packed_ = -1;
  alignas(64) T buffers_[2 * max_vectors * tile_pairs * tile_features];
};

}  // namespace LOSSES_NAMESPACE::detail
