// SPDX-License-Identifier: MIT
// Learns to write down melodies: notes of unknown length and place in a noisy recording, trained with CTC on the recordings
// and their notes alone. A small network looks at three frames at a time and says which note, or none, it hears.
//
// expect: before training: [0-9] of 50
// expect: after training: (4[5-9]|50) of 50
// expect: frames of "BADE": -*B+-+A+-+D+-+E+-*

#include <cmath>
#include <cstdio>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include <losses/sequence.hpp>
#include <losses/tensor.hpp>

namespace {

using Eigen::Index;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr Index frames = 40, samples = 64, filters = 10, classes = 6;  // class 0 is the blank, 1 to 5 the notes A to E
std::mt19937 random_bits(1);

float uniform(float low, float high) {
  return low + (high - low) * static_cast<float>(random_bits() >> 8) * 0x1p-24f;
}

/// Recordings as rows (frame, recording) of three frames' features each, and the notes that were played.
struct Recordings {
  Matrix features;
  std::vector<int> notes;  // of all recordings, one after the other
  std::vector<Index> lengths, frame_counts;

  explicit Recordings(Index n) : features(Matrix::Zero(frames * n, 3 * filters)), frame_counts(std::size_t(n), frames) {
    for (Index i = 0; i < n; ++i) {
      std::vector<float> sound(std::size_t(frames * samples));
      for (float& s : sound) s = uniform(-0.4f, 0.4f);
      Index played = 0;
      for (float at = uniform(2, 6); played < 5 && at < frames - 8; ++played) {
        const int note = 1 + static_cast<int>(random_bits() % 5);
        const float length = uniform(3, 7), loudness = uniform(0.6f, 1.2f), phase = uniform(0, 6);
        for (auto s = std::size_t(at * samples); s < std::size_t((at + length) * samples); ++s) {
          sound[s] += loudness * std::sin(phase + 0.25f * static_cast<float>(1 + note) * static_cast<float>(s));
        }
        notes.push_back(note);
        at += length + uniform(1.5f, 5);
      }
      lengths.push_back(played);
      for (Index t = 0; t < frames; ++t) listen(sound, t, i, n);
    }
  }

  /// The logarithms of the loudness at each filter's pitch, for the frame and its neighbours.
  void listen(const std::vector<float>& sound, Index t, Index i, Index n) {
    for (Index f = 0; f < filters; ++f) {
      float c = 0, s = 0;
      for (Index k = 0; k < samples; ++k) {
        const float angle = 0.17f * static_cast<float>((f + 2) * k), value = sound[std::size_t(t * samples + k)];
        c += value * std::cos(angle);
        s += value * std::sin(angle);
      }
      const float loudness = std::log(0.01f + (c * c + s * s) / 1000);
      for (Index part = 0; part < 3; ++part) {
        const Index frame = t + 1 - part;
        if (frame >= 0 && frame < frames) features(frame * n + i, part * filters + f) = 0.5f * loudness + 1;
      }
    }
  }
};

struct Network {
  static Matrix draw(Index rows, Index columns) {
    return Matrix::NullaryExpr(rows, columns, [] { return uniform(-0.3f, 0.3f); });
  }
  Matrix first = draw(3 * filters + 1, 24), second = draw(25, classes);
  static Matrix times(const Matrix& x, const Matrix& weights) {
    return (x * weights.topRows(x.cols())).rowwise() + weights.bottomRows<1>();
  }
  Matrix hidden(const Matrix& features) const { return times(features, first).array().tanh(); }
  Matrix logits(const Matrix& features) const { return times(hidden(features), second); }
};

/// The rows (frame, recording) of a matrix are a tensor [frames × recordings × classes], in the same memory.
auto tensor(Matrix& rows) {
  return Eigen::TensorMap<Eigen::Tensor<float, 3, Eigen::RowMajor>>(rows.data(), frames, rows.rows() / frames, classes);
}

std::string letters(const std::vector<Index>& labels) {
  std::string text;
  for (const Index label : labels) text += label == 0 ? '-' : static_cast<char>('A' + label - 1);
  return text;
}

/// How many recordings are written down without a mistake.
void examine(const char* when, const losses::CTC<float>& ctc, const Network& network, const Recordings& played) {
  Matrix logits = network.logits(played.features);
  const auto heard = ctc.greedy_decode(tensor(logits));
  int right = 0;
  std::size_t at = 0;
  std::string examples;
  for (std::size_t i = 0; i < heard.size(); ++i) {
    const auto notes = played.notes.begin() + static_cast<std::ptrdiff_t>(at);
    const std::vector<Index> wanted(notes, notes + played.lengths[i]);
    right += heard[i] == wanted ? 1 : 0;
    if (i < 3) examples += "   " + letters(wanted) + " heard as \"" + letters(heard[i]) + '"';
    at += wanted.size();
  }
  std::printf("%s: %d of %zu melodies\n%s\n", when, right, heard.size(), examples.c_str());
}

}  // namespace

int main() {
  const Recordings lessons(300), test(50);
  Network network;
  const losses::CTC<float> ctc;
  losses::CTC<float>::Workspace workspace;
  examine("before training", ctc, network, test);
  Matrix logit_gradient(lessons.features.rows(), classes);
  Matrix speed_first = 0 * network.first, speed_second = 0 * network.second;
  for (int epoch = 0; epoch <= 400; ++epoch) {
    const Matrix hidden = network.hidden(lessons.features);
    Matrix logits = Network::times(hidden, network.second);
    auto gradient = tensor(logit_gradient);
    const float loss = ctc.value_and_gradient(tensor(logits), lessons.notes, lessons.frame_counts, lessons.lengths,
                                              gradient, workspace);
    if (epoch % 100 == 0) std::printf("epoch %3d  loss %.4f\n", epoch, static_cast<double>(loss));
    const Matrix hidden_gradient =
        (logit_gradient * network.second.topRows(hidden.cols()).transpose()).array() * (1 - hidden.array().square());
    speed_first *= 0.9f;
    speed_second *= 0.9f;
    speed_first.topRows(3 * filters) += lessons.features.transpose() * hidden_gradient;
    speed_first.bottomRows<1>() += hidden_gradient.colwise().sum();
    speed_second.topRows(hidden.cols()) += hidden.transpose() * logit_gradient;
    speed_second.bottomRows<1>() += logit_gradient.colwise().sum();
    network.first -= 0.03f * speed_first;
    network.second -= 0.03f * speed_second;
  }
  examine("after training", ctc, network, test);

  // Where the notes of the first melody are, as the network heard them.
  Matrix logits = network.logits(test.features);
  const auto found = ctc.align(tensor(logits), test.notes, test.frame_counts, test.lengths)[0];
  std::vector<Index> wanted(test.notes.begin(), test.notes.begin() + test.lengths[0]);
  std::printf("frames of \"%s\": %s\n", letters(wanted).c_str(), letters(found.labels).c_str());
}
