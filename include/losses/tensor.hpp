// SPDX-License-Identifier: MIT
#pragma once

/// Eigen::Tensor, TensorMap and tensor expressions as predictions, targets, weights and gradients, in both layouts. A
/// result has the rank and the layout of the prediction.

#include <unsupported/Eigen/CXX11/Tensor>

#include <losses/core/view.hpp>

namespace LOSSES_NAMESPACE::detail {

/// Tensors with memory of their own or mapped; everything else is an expression and is evaluated once.
template <class X>
struct TensorMemory {
  static constexpr bool is_direct = false, is_plain = false, is_writable = false;
};

template <class S, int rank, int options, class I>
struct TensorMemory<Eigen::Tensor<S, rank, options, I>> {
  static constexpr bool is_direct = true, is_plain = true, is_writable = true;
};

template <class S, class Dimensions, int options, class I>
struct TensorMemory<Eigen::TensorFixedSize<S, Dimensions, options, I>> {
  static constexpr bool is_direct = true, is_plain = false, is_writable = true;
};

template <class Plain, int options, template <class> class Pointer>
struct TensorMemory<Eigen::TensorMap<Plain, options, Pointer>> {
  static constexpr bool is_direct = true, is_plain = false, is_writable = !std::is_const_v<Plain>;
};

template <class D>
void take_tensor(const Eigen::TensorBase<D, Eigen::ReadOnlyAccessors>&);

template <class X>
concept TensorLike = std::is_class_v<X> && requires(const X& x) { take_tensor(x); };

template <TensorLike X>
struct Access<X> : TensorMemory<X> {
  using Scalar = std::remove_const_t<typename X::Scalar>;
  static constexpr int rank = X::NumDimensions;
  static constexpr int layout = static_cast<int>(Eigen::TensorEvaluator<const X, Eigen::DefaultDevice>::Layout);
  static constexpr bool is_row_major = layout == static_cast<int>(Eigen::RowMajor);
  using Plain = Eigen::Tensor<Scalar, rank, layout>;
  using Rows = Eigen::Tensor<Scalar, (rank > 1 ? rank - 1 : 1), layout>;
  static constexpr bool is_vector = rank == 1;

  static_assert(rank <= max_rank, "losses takes tensors of at most 6 axes");

  static Extents extents(const X& x) {
    Extents result{rank, {}};
    // Constants, since a Tensor takes an unsigned index and a TensorMap a signed one.
    [&]<std::size_t... axis>(std::index_sequence<axis...>) {
      ((result.size[axis] = static_cast<Index>(x.dimension(axis))), ...);
    }(std::make_index_sequence<static_cast<std::size_t>(rank)>());
    return result;
  }

  static View<const Scalar> view(const X& x) { return strided<const Scalar>(x.data(), extents(x)); }

  static View<Scalar> writable_view(const X& x) { return strided<Scalar>(const_cast<Scalar*>(x.data()), extents(x)); }

  static bool can_resize(const Extents& to) { return to.rank == rank; }

  static void resize(X& x, const Extents& to) {
    Eigen::array<typename X::Index, static_cast<std::size_t>(rank)> sizes;
    for (int axis = 0; axis < rank; ++axis) {
      sizes[static_cast<std::size_t>(axis)] = static_cast<typename X::Index>(to[axis]);
    }
    x.resize(sizes);
  }

 private:
  template <class S>
  static View<S> strided(S* data, const Extents& extents) {
    View<S> result{data, extents, {}};
    Index stride = 1;
    for (int i = 0; i < rank; ++i) {
      const int axis = is_row_major ? rank - 1 - i : i;
      result.stride[axis] = stride;
      stride *= extents[axis];
    }
    return result;
  }
};

}  // namespace LOSSES_NAMESPACE::detail
