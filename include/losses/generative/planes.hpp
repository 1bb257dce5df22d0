// SPDX-License-Identifier: MIT
#pragma once

/// Images as planes of rows: a picture [h × w], its channels [c × h × w], or a batch [n × c × h × w].

#include <cstdlib>
#include <string_view>

#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE::detail {

/// The planes of a view. Rows and columns may be exchanged, so that the elements of a row are near each other.
template <class T>
struct Planes {
  T* data = nullptr;
  Index images = 1, channels = 1, rows = 1, columns = 1;
  Index of_image = 0, of_channel = 0, of_row = 0, of_column = 0;  // strides

  Planes(const View<T>& view, bool exchanged) : data(view.data) {
    int axis = view.extents.rank;
    const auto take = [&](Index& size, Index& stride) {
      if (axis == 0) return;
      size = view.extents[--axis];
      stride = view.stride[axis];
    };
    take(exchanged ? rows : columns, exchanged ? of_row : of_column);
    take(exchanged ? columns : rows, exchanged ? of_column : of_row);
    take(channels, of_channel);
    take(images, of_image);
  }

  Index count() const { return images * channels; }
  T* row(Index plane, Index i) const {
    return data + plane / channels * of_image + plane % channels * of_channel + i * of_row;
  }
};

/// Whether the columns of a picture lie closer together than its rows do.
template <class T>
bool columns_are_rows(const View<T>& view) {
  const int last = view.extents.rank - 1;
  return std::abs(view.stride[last - 1]) < std::abs(view.stride[last]);
}

inline void require_image(std::string_view loss, std::string_view argument, const Extents& is) {
  require(is.rank >= 2 && is.rank <= 4, loss, ": ", argument, " is ", is,
          ", but must be [n x c x h x w], [c x h x w] or [h x w]");
}

}  // namespace LOSSES_NAMESPACE::detail
