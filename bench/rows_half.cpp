// SPDX-License-Identifier: MIT
// Numbers stored in two bytes: against the plain loop over as many bytes, and against the same loss of float.

#include <losses/classification.hpp>
#include <losses/regression.hpp>

#include <cstring>

#include "rows.hpp"

namespace bench {

namespace {

/// The memory of a matrix as whole words: what reads and writes as many bytes, and does nothing else.
template <class X>
Eigen::Map<Eigen::Matrix<std::uint32_t, Eigen::Dynamic, 1>> words(X& x) {
  return {reinterpret_cast<std::uint32_t*>(x.data()), x.size() / 2};
}

template <class H>
struct Elements {
  using Vector = Eigen::Matrix<H, Eigen::Dynamic, 1>;
  std::shared_ptr<Data<Vector, Vector>> stored = std::make_shared<Data<Vector, Vector>>();
  std::shared_ptr<Data<Eigen::VectorXf, Eigen::VectorXf>> floats;

  /// Binary targets, or any.
  Elements(Index n, bool binary) : floats(residuals(n)) {
    if (binary) floats->y = (floats->y.array() > 0.67f).cast<float>();
    stored->p = floats->p.template cast<H>();
    stored->y = floats->y.template cast<H>();
    stored->g.setZero(n);
  }
};

template <class H, class Loss>
Case elements_in_bytes(const Loss& loss, bool binary) {
  const auto data = Elements<H>(Index{1} << 24, binary).stored;
  return {value_and_gradient(loss, data),
          repeat([data] {
            auto g = words(data->g);
            add(words(data->p), words(data->y), g);
            return g.data();
          }),
          "bytes of p + y",
          {},
          {}};
}

template <class H, class Loss>
Case elements_of_float(const Loss& loss, bool binary) {
  const Elements<H> data(Index{1} << 24, binary);
  return {value_and_gradient(loss, data.stored), value_and_gradient(loss, data.floats), "in float", {}, {}};
}

template <class H>
auto stored_logits() {
  using Matrix = RowMajorMatrix<H>;
  const auto floats = logits<RowMajorMatrix<float>>(4096, 1000);
  auto data = std::make_shared<Data<Matrix, Labels>>();
  data->p = floats->p.template cast<H>();
  data->y = floats->y;
  data->g = data->p;
  return std::pair(data, floats);
}

template <class H>
Case rows_in_bytes() {
  const auto data = stored_logits<H>().first;
  return {value_and_gradient(losses::CrossEntropy<float>(), data),
          repeat([data] {
            std::memcpy(data->g.data(), data->p.data(), static_cast<std::size_t>(data->p.size()) * sizeof(H));
            return data->g.data();
          }),
          "copy",
          {},
          {}};
}

template <class H>
Case rows_of_float() {
  const auto data = stored_logits<H>();
  const losses::CrossEntropy<float> loss;
  return {value_and_gradient(loss, data.first), value_and_gradient(loss, data.second), "in float", {}, {}};
}

template <class H>
void add_rows(const std::string& storage, std::vector<Row>& rows) {
  const auto name = [&](const std::string& loss) { return loss + ", " + storage; };
  const losses::MSE<float> mse;
  const losses::BCEWithLogits<float> bce;
  rows.insert(rows.end(),
              {{name("MSE, n = 2^24"), Bar::none(), [=] { return elements_in_bytes<H>(mse, false); }},
               {name("MSE, n = 2^24"), Bar::none(), [=] { return elements_of_float<H>(mse, false); }},
               {name("BCEWithLogits, n = 2^24"), Bar::none(), [=] { return elements_in_bytes<H>(bce, true); }},
               {name("BCEWithLogits, n = 2^24"), Bar::none(), [=] { return elements_of_float<H>(bce, true); }},
               {name("CrossEntropy 4096 × 1000, row-major"), Bar::none(), [] { return rows_in_bytes<H>(); }},
               {name("CrossEntropy 4096 × 1000, row-major"), Bar::none(), [] { return rows_of_float<H>(); }}});
}

}  // namespace

std::vector<Row> rows_of_half() {
  std::vector<Row> rows;
  add_rows<Eigen::half>("half", rows);
  add_rows<Eigen::bfloat16>("bfloat16", rows);
  return rows;
}

}  // namespace bench
