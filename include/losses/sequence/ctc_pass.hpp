// SPDX-License-Identifier: MIT
#pragma once

/// CTC of one sequence: its frames' probabilities, the recursions, and the gradient.

#include <cstddef>
#include <cstdint>

#include <losses/sequence/ctc_recursion.hpp>

namespace LOSSES_NAMESPACE::detail {

template <class T>
class CTCPass {
 public:
  static std::size_t memory(const Sequence<T>& sequence) {
    const Index length = sequence.length, frames = sequence.frames;
    const bool packs_gradient = sequence.gradient != nullptr && sequence.gradient_class_stride != 1;
    if (exceeds_memory(sequence)) return too_many_bytes;
    return CTCTarget::memory(length) + CTCProbabilities::memory(frames, length) +
           SequenceMemory::bytes<double>(state_rows(sequence) * CTCStates::size(length)) +
           SequenceMemory::bytes<double>(CTCStates::size(length)) +
           SequenceMemory::bytes<double>(ctc_positions(length)) +
           SequenceMemory::bytes<T>(sequence.class_stride == 1 ? 0 : tile_frames * sequence.classes) +
           SequenceMemory::bytes<T>((packs_gradient ? tile_frames : 1) * sequence.classes);
  }

  CTCPass(const Sequence<T>& sequence, std::int64_t blank, bool of_logits, SequenceMemory& memory)
      : sequence_(sequence),
        of_logits_(of_logits),
        target_(sequence.labels, sequence.length, static_cast<Index>(blank), memory),
        p_(sequence.frames, sequence.length, memory),
        states_(memory.take<double>(state_rows(sequence) * CTCStates::size(sequence.length))),
        frame_states_(memory.take<double>(CTCStates::size(sequence.length))),
        posterior_(memory.take<double>(ctc_positions(sequence.length))) {
    const bool packs_gradient = sequence.gradient != nullptr && sequence.gradient_class_stride != 1;
    packed_x_ = memory.take<T>(sequence.class_stride == 1 ? 0 : tile_frames * sequence.classes);
    packed_out_ = memory.take<T>((packs_gradient ? tile_frames : 1) * sequence.classes);
  }

  /// The value; the gradient is written where the sequence has one.
  double run(bool zero_infinity) {
    const bool has_gradient = sequence_.gradient != nullptr;
    const CTCLattice lattice{target_, p_, sequence_.frames, states_, has_gradient};
    const bool fits = sequence_.frames >= target_.shortest;
    if (fits) ctc_start(lattice);
    // A gradient that is added to waits until it is known that there is one.
    const bool writes = has_gradient && !sequence_.adds;
    const bool is_number = read_frames(writes ? CTCSoftmax::written : CTCSoftmax::unused, [&](Index t) {
      if (fits) ctc_forward<>(lattice, t);
    });
    if (!is_number) {
      fill(std::numeric_limits<T>::quiet_NaN());
      return std::numeric_limits<double>::quiet_NaN();
    }
    const CTCTotal total = fits ? ctc_total(lattice) : CTCTotal{1, -infinity<double>};
    if (total.is_impossible()) {
      fill(0);
      return zero_infinity ? 0 : infinity<double>;
    }
    double loss = total.loss();
    if (std::abs(loss) < small_loss) {
      const double small = ctc_small_loss(lattice, of_logits_, frame_states_, [this](Index t, Index position) {
        return static_cast<double>(
            sequence_.x[t * sequence_.frame_stride + target_.classes[position] * sequence_.class_stride]);
      });
      if (std::isfinite(small)) loss = small;
    }
    if (has_gradient) {
      if (sequence_.adds && of_logits_) read_frames(CTCSoftmax::added, [](Index) {});
      ctc_backward<T>(lattice, total, frame_states_, posterior_,
                      {sequence_.gradient, sequence_.gradient_frame_stride, sequence_.gradient_class_stride,
                       sequence_.scale, sequence_.adds, of_logits_});
    }
    return loss;
  }

  /// The probabilities alone; false if one is NaN.
  bool read() {
    return read_frames(CTCSoftmax::unused, [](Index) {});
  }

  const CTCTarget& target() const { return target_; }
  const CTCProbabilities& probabilities() const { return p_; }

 private:
  static constexpr double small_loss = 0.1;
  static constexpr Index tile_frames = 16;  // where the classes of a frame are not contiguous
  // More than an object can have: asking for it is a bad_alloc.
  static constexpr std::size_t too_many_bytes = std::size_t{PTRDIFF_MAX} + 1;

  /// Sizes in bytes that do not fit, as they may with an Index of 32 bits.
  static bool exceeds_memory(const Sequence<T>& sequence) {
    const auto states = static_cast<double>(CTCStates::size(sequence.length));
    const auto classes = static_cast<double>(sequence.classes);
    const double numbers = 2 * states * (static_cast<double>(sequence.frames) + 8) + 2 * tile_frames * classes;
    return sizeof(double) * numbers > static_cast<double>(PTRDIFF_MAX);
  }

  static Index state_rows(const Sequence<T>& sequence) {
    return sequence.gradient != nullptr ? sequence.frames + 1 : 2;
  }

  /// p of each frame, in order, and then f(t); false if one is NaN.
  template <class F>
  bool read_frames(CTCSoftmax use, const F& f) {
    if (!of_logits_) {
      if (use == CTCSoftmax::written) fill(0);
      for (Index t = 0; t < sequence_.frames; ++t) {
        if (!ctc_log_frame(sequence_.x + t * sequence_.frame_stride, sequence_.class_stride, target_, p_.gathered,
                           p_.m + t * p_.size, p_.e + t * p_.size)) {
          return false;
        }
        f(t);
      }
      return true;
    }
    for (Index t = 0; t < sequence_.frames; t += tile_frames) {
      if (!read_tile(t, std::min(tile_frames, sequence_.frames - t), use, f)) return false;
    }
    return true;
  }

  template <class F>
  bool read_tile(Index first, Index frames, CTCSoftmax use, const F& f) {
    const Index classes = sequence_.classes, stride = sequence_.frame_stride;
    const T* x = sequence_.x + first * stride;
    Index x_step = stride;
    if (sequence_.class_stride != 1) {
      move_elements(x, stride, sequence_.class_stride, frames, classes, packed_x_, classes, Index{1});
      x = packed_x_;
      x_step = classes;
    }
    const Index gradient_step = sequence_.gradient_frame_stride;
    T* gradient = use == CTCSoftmax::unused ? nullptr : sequence_.gradient + first * gradient_step;
    T* out = packed_out_;
    Index out_step = 0;
    if (gradient != nullptr && sequence_.gradient_class_stride != 1) {
      out_step = classes;
    } else if (use == CTCSoftmax::written) {
      out = gradient;
      out_step = gradient_step;
    }
    for (Index i = 0; i < frames; ++i) {
      const Index t = first + i;
      const T* row = x + i * x_step;
      T* to = out + i * out_step;
      const bool is_last = t + 1 == sequence_.frames;
      const CTCRow<T> work{
          row, to, is_last ? row : row + x_step, is_last ? to : to + out_step, classes, use, sequence_.scale};
      if (!ctc_softmax_frame(work, target_, p_.gathered, p_.m + t * p_.size, p_.e + t * p_.size, p_.rest[t])) {
        return false;
      }
      f(t);
      if (use == CTCSoftmax::added && out_step == 0) {
        move_elements(to, Index{0}, Index{1}, Index{1}, classes, gradient + i * gradient_step, Index{0}, Index{1},
                      true);
      }
    }
    if (gradient != nullptr && out == packed_out_ && out_step != 0) {
      move_elements(out, classes, Index{1}, frames, classes, gradient, gradient_step, sequence_.gradient_class_stride,
                    use == CTCSoftmax::added);
    }
    return true;
  }

  /// The same slope everywhere: 0, or NaN.
  void fill(T slope) const {
    if (sequence_.gradient == nullptr || (sequence_.adds && slope == 0)) return;
    for (Index t = 0; t < sequence_.frames; ++t) {
      T* row = sequence_.gradient + t * sequence_.gradient_frame_stride;
      for (Index c = 0; c < sequence_.classes; ++c) row[c * sequence_.gradient_class_stride] = slope;
    }
  }

  const Sequence<T>& sequence_;
  bool of_logits_;
  CTCTarget target_;
  CTCProbabilities p_;
  double* states_;
  double* frame_states_;
  double* posterior_;
  T* packed_x_;
  T* packed_out_;
};

}  // namespace LOSSES_NAMESPACE::detail
