// SPDX-License-Identifier: MIT

#include "roofline.hpp"

#include <cstdio>

#include <losses/classification.hpp>
#include <losses/regression.hpp>
#include <losses/segmentation.hpp>

#include "rows.hpp"

namespace bench {

namespace {

struct Line {
  std::string name;
  Repeated work;
  double bytes;  ///< each input read once, each gradient written once
};

/// The limits, and losses beside them: of elements, of rows of 100 logits with labels of eight bytes, of a region.
std::vector<Line> lines(Index n) {
  const Index samples = n / 100;
  const auto numbers = residuals(n);
  const auto masks = residuals(n);
  masks->p = masks->p.cwiseAbs().cwiseMin(1.0f);
  masks->y = (masks->y.array() > 0.67f).cast<float>();
  const auto rows = logits<RowMajorMatrix<float>>(samples, 100);
  const auto copied = [numbers] {
    copy(numbers->p, numbers->g);
    return numbers->g.data();
  };
  const auto added = [numbers] {
    add(numbers->p, numbers->y, numbers->g);
    return numbers->g.data();
  };
  const auto size = static_cast<double>(n), logits_size = 100 * static_cast<double>(samples);
  return {{"copy", repeat(copied), 8 * size},
          {"p + y", repeat(added), 12 * size},
          {"MSE", value_and_gradient(losses::MSE<float>(), numbers), 12 * size},
          {"BCEWithLogits", value_and_gradient(losses::BCEWithLogits<float>(), masks), 12 * size},
          {"CrossEntropy", value_and_gradient(losses::CrossEntropy<float>(), rows), 8.08 * logits_size},
          {"Dice", value_and_gradient(losses::Dice<float>(), masks), 12 * size}};
}

}  // namespace

bool write_roofline(const std::string& file, double seconds) {
  std::FILE* out = std::fopen(file.c_str(), "w");
  if (out == nullptr) {
    std::fprintf(stderr, "cannot write %s\n", file.c_str());
    return false;
  }
  for (int power = 10; power <= 26; ++power) {
    const auto each = lines(Index(1) << power);
    std::vector<Repeated> work;
    for (const Line& line : each) work.push_back(line.work);
    const auto times = medians(work, seconds);
    if (power == 10) {
      std::fprintf(out, "elements");
      for (const Line& line : each) std::fprintf(out, ",%s", line.name.c_str());
    }
    std::fprintf(out, "\n%ld", 1L << power);
    for (std::size_t i = 0; i < each.size(); ++i) std::fprintf(out, ",%.4g", each[i].bytes / times[i]);
    std::printf("2^%d\n", power);
    std::fflush(stdout);
  }
  std::fprintf(out, "\n");
  return std::fclose(out) == 0;
}

}  // namespace bench
