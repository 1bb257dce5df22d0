// SPDX-License-Identifier: MIT
#pragma once

/// Calls of every loss of the table that are right, made to be spoilt in one place; and the outputs of a call, of which not one
/// bit may change when it is refused.

#include <bit>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <losses/compose/make_loss.hpp>

#include "inputs.hpp"

namespace losses_test {

namespace detail = losses::detail;
using detail::Extents;
using detail::Kind;

/// An argument, in memory of its own, row-major.
struct Given {
  std::string name;
  Kind kind = Kind::numbers;
  Extents extents;
  std::vector<float> numbers;
  std::vector<std::int64_t> labels;
  std::vector<std::uint32_t> unsigned_labels;  // in the place of the others where there are some
  bool flag = true;
  std::shared_ptr<bool[]> mask;  // never written

  Index size() const { return extents.count(); }
  bool is_numbers() const { return kind == Kind::numbers; }

  /// The shape changes, and the memory with it: the numbers are repeated.
  void reshape(const Extents& to) {
    extents = to;
    const auto fill = [&](auto& cells) {
      const auto before = cells;
      for (std::size_t i = cells.size(); i < static_cast<std::size_t>(to.count()); ++i)
        cells.push_back(before.empty() ? 0 : before[i % before.size()]);
    };
    if (is_numbers()) fill(numbers);
    if (kind == Kind::labels) fill(labels);
  }
};

inline Extents shape(std::initializer_list<Index> sizes) {
  Extents extents{static_cast<int>(sizes.size()), {}};
  std::copy(sizes.begin(), sizes.end(), extents.size);
  return extents;
}

template <class T>
detail::View<T> row_major(T* data, const Extents& extents) {
  detail::View<T> view{data, extents, {}};
  Index step = 1;
  for (int axis = extents.rank - 1; axis >= 0; --axis) {
    view.stride[axis] = step;
    step *= extents[axis];
  }
  return view;
}

/// "[2, 1]", as an error names the element.
inline std::string place(const Extents& extents, Index flat) {
  std::string text;
  detail::append(text, detail::Position{extents, flat});
  return text;
}

inline std::string text_of(const Extents& extents) {
  std::string text;
  detail::append(text, extents);
  return text;
}

template <class N>
std::string text_of(N number)
  requires std::is_arithmetic_v<N>
{
  std::string text;
  detail::append(text, number);
  return text;
}

struct Call {
  std::vector<Given> in;
  int gradients = 1;

  void numbers(std::string name, std::initializer_list<Index> sizes, double low, double high) {
    Given& made = in.emplace_back(Given{std::move(name), Kind::numbers, shape(sizes), {}, {}, {}, true, nullptr});
    Random random(in.size());
    for (Index i = 0; i < made.size(); ++i) made.numbers.push_back(static_cast<float>(random.between(low, high)));
  }
  void either(std::string name, std::initializer_list<Index> sizes, float a, float b) {
    Given& made = in.emplace_back(Given{std::move(name), Kind::numbers, shape(sizes), {}, {}, {}, true, nullptr});
    for (Index i = 0; i < made.size(); ++i) made.numbers.push_back(i % 3 == 0 ? a : b);
  }
  void labels(std::string name, std::initializer_list<Index> sizes, std::vector<std::int64_t> values) {
    in.push_back({std::move(name), Kind::labels, shape(sizes), {}, std::move(values), {}, true, nullptr});
  }
  void is_real(bool flag) { in.push_back({"target_is_real", Kind::flag, {}, {}, {}, {}, flag, nullptr}); }
  void mask(std::initializer_list<Index> sizes) {
    Given& made = in.emplace_back(Given{"mask", Kind::booleans, shape(sizes), {}, {}, {}, true, nullptr});
    made.mask = std::make_shared<bool[]>(static_cast<std::size_t>(2 * made.size()), true);
  }
};

inline constexpr Index n = 6, c = 4;

/// The calls of a loss: what LossArguments says of them, and other targets that it takes.
inline std::vector<Call> good_calls(const losses::LossEntry<float>& entry) {
  using Data = losses::LossArguments;
  Call call, other;
  std::vector<Call> more;
  switch (entry.arguments) {
    case Data::numbers:
      call.numbers("prediction", {n, c}, 0.1, 0.9), call.numbers("target", {n, c}, 0.1, 0.9);
      break;
    case Data::positive_numbers:
      call.numbers("prediction", {n, c}, 0.5, 2), call.numbers("target", {n, c}, 0.5, 2);
      break;
    case Data::mean_and_variance:
      call.gradients = 2;
      call.numbers("mean", {n, c}, -1, 1), call.numbers("variance", {n, c}, 0.5, 2);
      call.numbers("target", {n, c}, -1, 1);
      break;
    case Data::quantiles:
      call.numbers("prediction", {n, 3}, -1, 1), call.numbers("target", {n, 1}, -1, 1);
      break;
    case Data::probabilities:
      call.numbers("prediction", {n, c}, 0.1, 0.9), call.either("target", {n, c}, 0, 1);
      break;
    case Data::logits:
    case Data::masks:
      call.numbers("prediction", {n, c}, -2, 2), call.either("target", {n, c}, 0, 1);
      break;
    case Data::signs:
      call.numbers("prediction", {n, c}, -2, 2), call.either("target", {n, c}, -1, 1);
      break;
    case Data::scores:
      call.gradients = 2;
      call.numbers("x1", {n, c}, -2, 2), call.numbers("x2", {n, c}, -2, 2), call.either("target", {n, c}, -1, 1);
      break;
    case Data::class_logits:
      call.numbers("prediction", {n, c}, -2, 2), call.labels("target", {n}, {0, 1, 3, 1, 0, 2});
      other.numbers("prediction", {2, c, 3}, -2, 2), other.labels("target", {2, 3}, {0, 1, 3, 1, 0, 2});
      more.push_back(other);
      if (entry.name == "cross_entropy" || entry.name == "label_smoothing") {
        other.in.clear();
        other.numbers("prediction", {n, c}, -2, 2), other.numbers("target", {n, c}, 0.1, 0.4);
        more.push_back(other);
      }
      break;
    case Data::class_probabilities:
      call.numbers("prediction", {n, c}, 0.1, 0.9), call.either("target", {n, c}, 0, 1);
      break;
    case Data::log_probabilities:
      call.numbers("prediction", {n, c}, -2, -0.1), call.labels("target", {n}, {0, 1, 3, 1, 0, 2});
      break;
    case Data::distributions:
      call.numbers("prediction", {n, c}, -2, -0.1), call.numbers("target", {n, c}, 0.1, 0.4);
      break;
    case Data::label_rows:
      call.numbers("prediction", {n, c}, -2, 2);
      call.labels("target", {n, c}, std::vector<std::int64_t>(static_cast<std::size_t>(n * c), -1));
      for (Index i = 0; i < n; ++i) call.in[1].labels[static_cast<std::size_t>(i * c)] = i % c;
      break;
    case Data::relevances:
      call.numbers("prediction", {n, c}, -2, 2), call.numbers("relevance", {n, c}, 0, 3);
      other = call;
      other.mask({n, c});
      more.push_back(other);
      break;
    case Data::pairs:
      call.gradients = 2;
      call.numbers("x1", {n, c}, -1, 1), call.numbers("x2", {n, c}, -1, 1), call.either("similar", {n, 1}, 0, 1);
      other = call;
      other.in.pop_back(), other.labels("similar", {n}, {0, 1, 1, 0, 1, 0});
      more.push_back(other);
      break;
    case Data::signed_pairs:
      call.gradients = 2;
      call.numbers("x1", {n, c}, -1, 1), call.numbers("x2", {n, c}, -1, 1), call.either("y", {n, 1}, -1, 1);
      other = call;
      other.in.pop_back(), other.labels("y", {n}, {-1, 1, 1, -1, 1, 1});
      more.push_back(other);
      break;
    case Data::triplets:
      call.gradients = 3;
      for (const char* name : {"anchor", "positive", "negative"}) call.numbers(name, {n, c}, -1, 1);
      break;
    case Data::views:
      call.gradients = 2;
      call.numbers("z1", {n, c}, -1, 1), call.numbers("z2", {n, c}, -1, 1);
      break;
    case Data::embeddings:
      call.numbers(entry.name == "mined_triplet" ? "embeddings" : "features", {n, c}, -1, 1);
      call.labels("target", {n}, {0, 1, 3, 1, 0, 2});
      break;
    case Data::cosines:
      call.numbers("prediction", {n, c}, -0.9, 0.9), call.labels("target", {n}, {0, 1, 3, 1, 0, 2});
      break;
    case Data::boxes:
      for (const char* name : {"prediction", "target"}) {
        call.numbers(name, {n, 4}, 0, 1);
        auto& boxes = call.in.back().numbers;
        for (std::size_t i = 0; i < boxes.size(); ++i) boxes[i] += i % 4 > 1 ? 1.0f : 0.0f;
      }
      break;
    case Data::sequences:
      call.numbers("logits", {n, c}, -2, 2), call.labels("targets", {2}, {1, 2});
      other.numbers("logits", {n, 3, c}, -2, 2), other.labels("targets", {3, 2}, {1, 2, 3, 3, 2, 1});
      other.labels("input_lengths", {3}, {6, 5, 6}), other.labels("target_lengths", {3}, {2, 1, 2});
      more.push_back(other);
      other.in[1].extents = shape({6}), other.in[1].labels = {1, 2, 3, 3, 2, 1};
      other.in[3].labels = {2, 1, 3};
      more.push_back(other);
      break;
    case Data::judged_scores:
      call.numbers("score", {n, 1}, -2, 2), call.is_real(true);
      other.numbers("score", {n, c}, -2, 2), other.is_real(false);
      more.push_back(other);
      break;
    case Data::judged_outputs:
      call.gradients = 2;
      call.numbers("score", {n, 1}, -2, 2), call.numbers("output", {n, c}, -2, 2);
      call.numbers("target", {n, c}, -2, 2);
      break;
    case Data::input_gradients:
      call.numbers("input gradient", {n, c}, -1, 1);
      break;
    case Data::image:
      call.numbers("prediction", {2, 3, 12, 13}, 0.1, 0.9);
      break;
    case Data::images:
      call.numbers(entry.name == "style" ? "features" : "prediction", {2, 3, 12, 13}, 0.1, 0.9);
      call.numbers("target", {2, 3, 12, 13}, 0.1, 0.9);
      break;
  }
  more.insert(more.begin(), call);
  return more;
}

/// Memory of an output: NaNs that are told apart, before, in and behind it.
class Memory {
 public:
  explicit Memory(Index size) {
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(size + 2 * guard); ++i)
      cells_.push_back(std::bit_cast<float>(0x7fc00000u + i));
    before_ = cells_;
  }
  float* data() { return cells_.data() + guard; }
  bool untouched() const { return std::memcmp(cells_.data(), before_.data(), cells_.size() * sizeof(float)) == 0; }

 private:
  static constexpr Index guard = 16;
  std::vector<float> cells_, before_;
};

/// What became of a call.
struct Answer {
  enum class Error { none, invalid_argument, out_of_range, other } error = Error::none;
  std::string message = "accepted";
  bool untouched = true;  // outputs and inputs, bit for bit
};

/// The verbs on these arguments. A gradient without a view has memory of its own, in the shape of its prediction.
class Attempt {
 public:
  using Gradients = std::vector<std::optional<detail::View<float>>>;

  Attempt(const losses::AnyLoss<float>& loss, Call& call) : loss_(loss), call_(call) {
    for (const Given& each : call.in) {
      if (each.is_numbers()) {
        inputs_.push_back({each.kind, &views_.emplace_back(row_major(each.numbers.data(), each.extents))});
      } else if (each.kind == Kind::booleans) {
        inputs_.push_back({each.kind, &masks_.emplace_back(row_major<const bool>(each.mask.get(), each.extents))});
      } else if (each.kind == Kind::flag) {
        inputs_.push_back({each.kind, &each.flag});
      } else {
        inputs_.push_back({each.kind, &labels_.emplace_back(labels_of(each))});
      }
    }
  }
  Attempt(const Attempt&) = delete;

  Answer forward() { return run(detail::ErasedVerb::forward, nullptr); }

  Answer unreduced() {
    Eigen::MatrixXf terms = sentinel;
    auto to = detail::term_destination<float>(terms);
    Answer answer = run(detail::ErasedVerb::unreduced, &to);
    answer.untouched = answer.untouched && is_sentinel(terms);
    return answer;
  }

  /// Into memory of a shape, written or added; `given` may have views of any memory.
  Answer gradient(const Gradients& given, bool adds = false) {
    std::deque<Memory> memory;
    std::deque<detail::View<float>> views;
    std::vector<detail::Destination<float>> to;
    for (int g = 0; g < call_.gradients; ++g) {
      const auto at = static_cast<std::size_t>(g);
      const Extents& like = call_.in[at].extents;
      memory.emplace_back(like.count());
      auto& view = views.emplace_back(row_major(memory.back().data(), like));
      if (at < given.size() && given[at].has_value()) view = *given[at];
      if (view.data == nullptr) view.data = memory.back().data();
      if (adds) {
        to.push_back(detail::destination_of<float>(losses::add_to(view, 0.5)));
      } else {
        to.push_back(detail::destination_of<float>(view));
      }
    }
    Answer answer = run(detail::ErasedVerb::value_and_gradient, to.data());
    for (const Memory& each : memory) answer.untouched = answer.untouched && each.untouched();
    return answer;
  }

  /// Into matrices of another size, which would be resized.
  Answer resized_gradient() {
    std::deque<Eigen::MatrixXf> made(static_cast<std::size_t>(call_.gradients), sentinel);
    std::vector<detail::Destination<float>> to;
    for (auto& each : made) to.push_back(detail::destination_of<float>(each));
    Answer answer = run(detail::ErasedVerb::value_and_gradient, to.data());
    for (const auto& each : made) answer.untouched = answer.untouched && is_sentinel(each);
    return answer;
  }

 private:
  static inline const Eigen::MatrixXf sentinel = Eigen::MatrixXf::Constant(2, 5, -77777);

  static bool is_sentinel(const Eigen::MatrixXf& is) {
    return is.rows() == sentinel.rows() && is.cols() == sentinel.cols() && is == sentinel;
  }

  static detail::Labels labels_of(const Given& each) {
    auto labels = each.unsigned_labels.empty()
                      ? detail::erase_labels(row_major<const std::int64_t>(each.labels.data(), each.extents))
                      : detail::erase_labels(row_major<const std::uint32_t>(each.unsigned_labels.data(), each.extents));
    labels.is_vector = each.extents.rank == 1;
    labels.is_matrix = each.extents.rank == 2;
    return labels;
  }

  Answer run(detail::ErasedVerb verb, detail::Destination<float>* to) {
    std::vector<std::vector<float>> before;
    for (const Given& each : call_.in) before.push_back(each.numbers);
    Answer answer;
    try {
      loss_.erased().run(verb, {{}, inputs_.data(), inputs_.size(), to});
    } catch (const std::invalid_argument& error) {
      answer = {Answer::Error::invalid_argument, error.what()};
    } catch (const std::out_of_range& error) {
      answer = {Answer::Error::out_of_range, error.what()};
    } catch (const std::exception& error) {
      answer = {Answer::Error::other, error.what()};
    }
    for (std::size_t i = 0; i < before.size(); ++i) {
      const auto& now = call_.in[i].numbers;
      if (!now.empty() && std::memcmp(now.data(), before[i].data(), now.size() * sizeof(float)) != 0)
        answer.untouched = false;
    }
    return answer;
  }

  const losses::AnyLoss<float>& loss_;
  Call& call_;
  std::deque<detail::View<const float>> views_;
  std::deque<detail::View<const bool>> masks_;
  std::deque<detail::Labels> labels_;
  std::vector<detail::ErasedInput> inputs_;
};

}  // namespace losses_test
