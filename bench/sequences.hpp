// SPDX-License-Identifier: MIT
#pragma once

/// A batch of sequences for CTC: n of t frames and s labels, all of full length.

#include <memory>

#include <losses/sequence.hpp>
#include <losses/tensor.hpp>

#include "data.hpp"

namespace bench {

struct Sequences {
  Eigen::Tensor<float, 3, Eigen::RowMajor> x, g;
  RowMajorMatrix<std::int64_t> targets;
  Labels frames, labels;
  losses::CTC<float>::Workspace workspace;
};

inline std::shared_ptr<Sequences> sequences(Index t, Index n, Index c, Index s) {
  const auto data = std::make_shared<Sequences>();
  data->x.resize(t, n, c);
  data->g.resize(t, n, c);
  data->g.setZero();
  data->targets.resize(n, s);
  data->frames.setConstant(n, t);
  data->labels.setConstant(n, s);
  fill_normal(data->x.data(), data->x.size(), 11, 2.0);
  fill_labels(data->targets.data(), data->targets.size(), 12, c - 1);
  data->targets.array() += 1;  // 0 is the blank
  return data;
}

}  // namespace bench
