// SPDX-License-Identifier: MIT
#pragma once

/// Any Eigen object as a pointer, extents and strides, so that the kernels compile once for all of Eigen's types.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <Eigen/Core>

#include <losses/core/check.hpp>
#include <losses/core/config.hpp>
#include <losses/core/storage.hpp>

static_assert(EIGEN_VERSION_AT_LEAST(3, 4, 0), "losses needs Eigen 3.4.0 or later");

namespace LOSSES_NAMESPACE::detail {

inline constexpr int max_rank = 6;

/// The logical shape of an object: samples first, classes second.
struct Extents {
  int rank = 0;
  Index size[max_rank] = {};

  Index operator[](int axis) const { return size[axis]; }

  Index count() const {
    Index product = 1;
    for (int axis = 0; axis < rank; ++axis) product *= size[axis];
    return product;
  }

  friend bool operator==(const Extents& a, const Extents& b) {
    if (a.rank != b.rank) return false;
    for (int axis = 0; axis < a.rank; ++axis) {
      if (a.size[axis] != b.size[axis]) return false;
    }
    return true;
  }
};

inline void append(std::string& text, const Extents& extents) {
  text += '[';
  for (int axis = 0; axis < extents.rank; ++axis) {
    if (axis > 0) text += " x ";
    append(text, extents[axis]);
  }
  text += ']';
}

/// Elements of T at data + Σ index·stride (strides in elements; 0 repeats an element). A View<float> may be of elements in two
/// bytes: then its data are no floats, and are reached by `storage` alone.
template <class T>
struct View {
  T* data = nullptr;
  Extents extents;
  Index stride[max_rank] = {};
  Storage storage = Storage::scalar;

  operator View<const T>() const
    requires(!std::is_const_v<T>)
  {
    return as<const T>(storage);
  }
  operator View<float>() const
    requires(TwoByteFloat<T> && !std::is_const_v<T>)
  {
    return as<float>(storage_of<T>);
  }
  operator View<const float>() const
    requires TwoByteFloat<T>
  {
    return as<const float>(storage_of<std::remove_const_t<T>>);
  }

  std::remove_const_t<T> at(Index offset) const { return read_number<std::remove_const_t<T>>(data, offset, storage); }

  /// Moves to the element that is `count` further on.
  void skip(Index count) { data = shifted(data, count, storage); }

  /// The same elements seen along other axes.
  View along(const Extents& other, const Index (&strides)[max_rank] = {}) const {
    View view{data, other, {}, storage};
    for (int axis = 0; axis < max_rank; ++axis) view.stride[axis] = strides[axis];
    return view;
  }

  int bytes() const {
    constexpr int size = static_cast<int>(sizeof(T));
    if constexpr (!std::same_as<std::remove_const_t<T>, float>) return size;
    return storage == Storage::scalar ? size : 2;
  }

 private:
  template <class S>
  View<S> as(Storage stored) const {
    View<S> view{reinterpret_cast<S*>(data), extents, {}, stored};
    for (int axis = 0; axis < max_rank; ++axis) view.stride[axis] = stride[axis];
    return view;
  }
};

/// Which orders a view's elements are contiguous in: bit 0 row-major, bit 1 column-major. Those that must be converted are
/// in none.
template <class T>
unsigned dense_orders(const View<T>& view) {
  if (view.storage != Storage::scalar) return 0;
  unsigned orders = 3;
  Index row_major = 1, column_major = 1;
  for (int axis = 0; axis < view.extents.rank; ++axis) {
    const int last = view.extents.rank - 1 - axis;
    if (view.extents[last] != 1 && view.stride[last] != row_major) orders &= ~1u;
    if (view.extents[axis] != 1 && view.stride[axis] != column_major) orders &= ~2u;
    row_major *= view.extents[last];
    column_major *= view.extents[axis];
  }
  return orders;
}

/// The position of the element that is number `flat` in logical (row-major) order.
struct Position {
  Extents extents;
  Index flat = 0;
};

inline void append(std::string& text, const Position& position) {
  Index digits[max_rank] = {};
  Index rest = position.flat;
  for (int axis = position.extents.rank - 1; axis >= 0; --axis) {
    digits[axis] = rest % position.extents[axis];
    rest /= position.extents[axis];
  }
  // A column vector is indexed as the vector that it is.
  const int rank = position.extents.rank == 2 && position.extents[1] == 1 ? 1 : position.extents.rank;
  text += '[';
  for (int axis = 0; axis < rank; ++axis) {
    if (axis > 0) text += ", ";
    append(text, digits[axis]);
  }
  text += ']';
}

template <class T>
Index offset_of(const View<T>& view, Index flat) {
  Index offset = 0;
  for (int axis = view.extents.rank - 1; axis >= 0; --axis) {
    offset += (flat % view.extents[axis]) * view.stride[axis];
    flat /= view.extents[axis];
  }
  return offset;
}

template <class T>
T& element(const View<T>& view, Index flat) {
  return view.data[offset_of(view, flat)];
}

template <class T>
T element(const View<const T>& view, Index flat) {
  return view.at(offset_of(view, flat));
}

/// How a kind of object becomes a view. Specialised for Eigen's matrices and arrays here, for its tensors in
/// tensor.hpp:
///
///   Scalar, Plain      the element, and the object that owns a result of the same shape and order
///   Rows               the object that owns one value per sample
///   is_direct          its elements lie in memory (an expression has none: it is evaluated once, to Plain)
///   is_writable        a gradient may be written to it
///   is_plain           it owns its memory and can be resized
template <class X>
struct Access;

template <class X>
concept Viewable = requires { typename Access<X>::Scalar; };

/// Declared alone: clang 14 takes the lambdas of two concepts for one.
template <class D>
void take_dense(const Eigen::DenseBase<D>&);

template <class X>
concept Dense = std::is_class_v<X> && requires(const X& x) { take_dense(x); };

/// An IndexedView says that it has direct access, and has no data().
template <class X>
concept HasData = requires(const X& x) { x.data(); };

template <Dense X>
struct Access<X> {
  using Scalar = typename X::Scalar;
  using Plain = typename X::PlainObject;
  using Rows = Eigen::Matrix<Scalar, X::RowsAtCompileTime, 1, 0, X::MaxRowsAtCompileTime, 1>;

  static constexpr bool is_direct = (X::Flags & Eigen::DirectAccessBit) != 0 && HasData<X>;
  static constexpr bool is_plain = std::derived_from<X, Eigen::PlainObjectBase<X>>;
  static constexpr bool is_writable = is_direct && (X::Flags & Eigen::LvalueBit) != 0;
  static constexpr bool is_vector = X::IsVectorAtCompileTime;

  static Extents extents(const X& x) { return {2, {x.rows(), x.cols()}}; }

  static View<const Scalar> view(const X& x)
    requires is_direct
  {
    return {x.derived().data(), extents(x), {row_stride(x), column_stride(x)}};
  }

  static View<Scalar> writable_view(const X& x)
    requires is_writable
  {
    return {const_cast<X&>(x).derived().data(), extents(x), {row_stride(x), column_stride(x)}};
  }

  /// Makes a plain object fit; false where its type does not allow it.
  static bool can_resize(const Extents& to) {
    return to.rank == 2 && allows(X::RowsAtCompileTime, X::MaxRowsAtCompileTime, to[0]) &&
           allows(X::ColsAtCompileTime, X::MaxColsAtCompileTime, to[1]);
  }
  static void resize(X& x, const Extents& to) { x.resize(to[0], to.rank == 1 ? 1 : to[1]); }

 private:
  static bool allows(Index fixed, Index most, Index size) {
    return (fixed == Eigen::Dynamic || fixed == size) && (most == Eigen::Dynamic || size <= most);
  }
  static Index row_stride(const X& x) { return X::IsRowMajor ? x.outerStride() : x.innerStride(); }
  static Index column_stride(const X& x) { return X::IsRowMajor ? x.innerStride() : x.outerStride(); }
};

/// A view is an object, too: what is erased already can be an argument or a gradient.
template <class S>
struct Access<View<S>> {
  using Scalar = std::remove_const_t<S>;
  static constexpr bool is_direct = true, is_plain = false, is_writable = !std::is_const_v<S>, is_vector = false;

  static const Extents& extents(const View<S>& x) { return x.extents; }
  static View<const Scalar> view(const View<S>& x) { return x; }
  static const View<S>& writable_view(const View<S>& x) { return x; }
};

/// The object itself where it lies in memory, else its value: kept alive by the full expression that it is used in.
template <Viewable X>
decltype(auto) evaluate(const X& x) {
  if constexpr (Access<X>::is_direct) {
    return (x);
  } else {
    return typename Access<X>::Plain(x);
  }
}

template <Viewable X>
View<const typename Access<X>::Scalar> view_of(const X& x) {
  return Access<X>::view(x);
}

/// Integer labels of any width, read as 64-bit numbers that no valid label is confused with: an unsigned value beyond
/// INT64_MAX becomes INT64_MAX.
struct Labels {
  const void* data = nullptr;
  Extents extents;
  Index stride[max_rank] = {};
  std::uint8_t bytes = 0;
  bool is_signed = false;
  bool is_matrix = false;  // of a matrix, of which [n × 1] is a vector, too
  bool is_vector = false;  // a vector by its type
};

/// Labels are an argument, too.
template <>
struct Access<Labels> {
  using Scalar = std::int64_t;
  static constexpr bool is_direct = true, is_plain = false, is_writable = false;
};

inline const Labels& view_of(const Labels& labels) {
  return labels;
}

template <class F>
void visit_integers(const Labels& labels, const F& f) {
  switch (labels.bytes) {
    case 1:
      return labels.is_signed ? f(static_cast<const std::int8_t*>(labels.data))
                              : f(static_cast<const std::uint8_t*>(labels.data));
    case 2:
      return labels.is_signed ? f(static_cast<const std::int16_t*>(labels.data))
                              : f(static_cast<const std::uint16_t*>(labels.data));
    case 4:
      return labels.is_signed ? f(static_cast<const std::int32_t*>(labels.data))
                              : f(static_cast<const std::uint32_t*>(labels.data));
    default:
      return labels.is_signed ? f(static_cast<const std::int64_t*>(labels.data))
                              : f(static_cast<const std::uint64_t*>(labels.data));
  }
}

template <std::integral I>
std::int64_t widen_label(I label) {
  if constexpr (sizeof(I) == 8 && std::is_unsigned_v<I>) {
    return label > static_cast<I>(INT64_MAX) ? INT64_MAX : static_cast<std::int64_t>(label);
  } else {
    return static_cast<std::int64_t>(label);
  }
}

inline constexpr Index label_block = 256;

/// Labels of a block as 64-bit numbers. The block after the next is asked for: labels lie beside larger operands, whose
/// streams the processor follows instead.
template <std::integral I>
void widen_labels(const I* from, Index step, Index count, std::int64_t* to) {
  if (step == 1) {
    prefetch(from + 2 * label_block, count);
    for (Index i = 0; i < count; ++i) to[i] = widen_label(from[i]);
  } else {
    for (Index i = 0; i < count; ++i) to[i] = widen_label(from[i * step]);
  }
}

/// `count` labels, `step` apart, from the one `offset` elements past the first.
inline void read_labels(const Labels& labels, Index offset, Index step, Index count, std::int64_t* to) {
  visit_integers(labels, [&](const auto* from) { widen_labels(from + offset, step, count, to); });
}

/// f(label, i) for each of `count` labels, `step` apart. The loop over f sees one type of label, and is inlined so that what
/// f counts stays in registers.
template <class F>
LOSSES_INLINE void for_labels(const Labels& labels, Index offset, Index step, Index count, const F& f) {
  std::int64_t wide[label_block];
  for (Index begin = 0; begin < count; begin += label_block) {
    const Index size = count - begin < label_block ? count - begin : label_block;
    read_labels(labels, offset + begin * step, step, size, wide);
    for (Index i = 0; i < size; ++i) f(wide[i], begin + i);
  }
}

/// A label by its number in logical (row-major) order.
struct LabelAt {
  const Labels& labels;
  Index offset;

  LabelAt(const Labels& all, Index flat) : labels(all), offset(0) {
    for (int axis = all.extents.rank - 1; axis >= 0; --axis) {
      offset += (flat % all.extents[axis]) * all.stride[axis];
      flat /= all.extents[axis];
    }
  }
  std::int64_t wide() const {
    std::int64_t label;
    read_labels(labels, offset, 1, 1, &label);
    return label;
  }
};

/// As it is stored: an unsigned one beyond INT64_MAX, too.
inline void append(std::string& text, const LabelAt& label) {
  if (label.labels.bytes == 8 && !label.labels.is_signed) {
    append(text, static_cast<const std::uint64_t*>(label.labels.data)[label.offset]);
  } else {
    append(text, label.wide());
  }
}

template <class I>
concept LabelInteger = std::integral<I> && !std::same_as<std::remove_cv_t<I>, bool>;

/// Labels are Eigen objects of integers, or anything contiguous that becomes a std::span of integers.
template <class X>
concept IntegerEigen = Viewable<X> && LabelInteger<typename Access<X>::Scalar>;

template <class X>
concept IntegerRange = !Viewable<X> && requires(const X& x) {
  std::span(x);
  requires LabelInteger<typename decltype(std::span(x))::value_type>;
};

template <IntegerRange X>
const X& evaluate(const X& x) {
  return x;
}

template <class I>
Labels erase_labels(const View<const I>& view) {
  Labels labels{view.data, view.extents, {}, sizeof(I), std::is_signed_v<I>};
  for (int axis = 0; axis < max_rank; ++axis) labels.stride[axis] = view.stride[axis];
  return labels;
}

inline const Labels& erase_labels(const Labels& labels) {
  return labels;
}

/// Labels with the axes of the object that holds them.
template <class X>
  requires IntegerEigen<X> || IntegerRange<X>
Labels whole_labels(const X& x) {
  Labels labels;
  if constexpr (IntegerRange<X>) {
    const std::span span(x);
    using I = typename decltype(span)::value_type;
    labels = erase_labels(View<const I>{span.data(), {1, {static_cast<Index>(span.size())}}, {1}});
    labels.is_vector = true;
  } else {
    labels = erase_labels(view_of(x));
    labels.is_matrix = Dense<X>;
    labels.is_vector = Access<X>::is_vector;
  }
  return labels;
}

inline const Labels& whole_labels(const Labels& labels) {
  return labels;
}

/// A vector of labels has one axis, whether it is stored as a row or as a column.
inline Labels labels_of(const Labels& whole) {
  Labels labels = whole;
  if (labels.is_matrix && labels.extents.rank == 2) {
    if (labels.extents[1] == 1) {
      labels.extents.rank = 1;
    } else if (labels.is_vector) {
      labels.extents = {1, {labels.extents[1]}};
      labels.stride[0] = labels.stride[1];
    }
  }
  return labels;
}

template <class X>
  requires IntegerEigen<X> || IntegerRange<X>
Labels labels_of(const X& x) {
  return labels_of(whole_labels(x));
}

/// The bytes from the lowest to past the highest element of a view: [low, high).
struct ByteRange {
  std::uintptr_t low, high;
  friend bool overlap(const ByteRange& a, const ByteRange& b) { return a.low < b.high && b.low < a.high; }
};

inline ByteRange byte_range(std::uintptr_t data, const Extents& extents, const Index* stride, std::ptrdiff_t bytes) {
  ByteRange range{data, data + static_cast<std::uintptr_t>(bytes)};
  for (int axis = 0; axis < extents.rank; ++axis) {
    if (extents[axis] == 0) return {data, data};
    const std::ptrdiff_t reach = (extents[axis] - 1) * stride[axis] * bytes;
    (reach < 0 ? range.low : range.high) += static_cast<std::uintptr_t>(reach);
  }
  return range;
}

template <class T>
ByteRange byte_range(const View<T>& view) {
  return byte_range(reinterpret_cast<std::uintptr_t>(view.data), view.extents, view.stride, view.bytes());
}

inline ByteRange byte_range(const Labels& labels) {
  return byte_range(reinterpret_cast<std::uintptr_t>(labels.data), labels.extents, labels.stride, labels.bytes);
}

/// The bytes of a view's elements, whatever they are: enough to decide whether two views share one.
struct Footprint {
  std::uintptr_t data = 0;
  Extents extents;
  std::ptrdiff_t stride[max_rank] = {};  // in bytes
  std::size_t bytes = 0;
};

template <class T>
Footprint footprint(const View<T>& view) {
  Footprint print{
      reinterpret_cast<std::uintptr_t>(view.data), view.extents, {}, static_cast<std::size_t>(view.bytes())};
  for (int axis = 0; axis < view.extents.rank; ++axis) print.stride[axis] = view.stride[axis] * view.bytes();
  return print;
}

inline Footprint footprint(const Labels& labels) {
  Footprint print{reinterpret_cast<std::uintptr_t>(labels.data), labels.extents, {}, labels.bytes};
  for (int axis = 0; axis < labels.extents.rank; ++axis) print.stride[axis] = labels.stride[axis] * labels.bytes;
  return print;
}

}  // namespace LOSSES_NAMESPACE::detail
