"""Choosing elements, by number or by a mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..tensor import Tensor
from . import index as positions
from .check import axis_of, check_tensor
from .elementwise import where
from .shape import broadcast_to, cast, reshape

Array = np.ndarray


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """z = x[:, ..., index, ...]: the slice number ``index`` of ``dim``, which goes away; a view."""
    check_tensor("select", input)
    axis = _axis("select", dim, input)
    n = input.shape[axis]
    if isinstance(index, bool) or not isinstance(index, (int, np.integer)):
        raise TypeError(f"select: index must be an integer, got {index!r:.40}; index_select takes several")
    if not -n <= index < n:
        raise IndexError(f"select: index {index} is out of range for dim {dim} of shape {input.shape}")
    return positions.getitem(input, index=(slice(None),) * axis + (int(index), ...))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """z = x[:, ..., start : start + length, ...], a view; a negative start counts from the end.

    Raises IndexError for a start, ValueError for a length outside ``dim``.
    """
    check_tensor("narrow", input)
    axis = _axis("narrow", dim, input)
    n = input.shape[axis]
    for word, number in (("start", start), ("length", length)):
        if not isinstance(number, (int, np.integer)):
            raise TypeError(f"narrow: {word} must be an integer, got {number!r:.40}")
    if not -n <= start <= n:
        raise IndexError(f"narrow: start {start} is out of range for dim {dim} of shape {input.shape}")
    first = start % n if start < 0 else start
    if length < 0 or first + length > n:
        raise ValueError(f"narrow: length {length} from {start} on does not fit dim {dim} of shape {input.shape}")
    return positions.getitem(input, index=(slice(None),) * axis + (slice(first, first + length), ...))


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """z[..., k, ...] = x[..., index[k], ...]: rows (columns, ...) by number, in the order of ``index``, a copy.

    index is int64 or int32, of shape (K,) or (), and no number is negative. Raises IndexError for one out of range.
    """
    check_tensor("index_select", input)
    check_tensor("index_select", index)
    axis = axis_of("index_select", dim, input.ndim)
    if index.ndim > 1:
        raise ValueError(f"index_select: index must have one dimension, got shape {index.shape}; x[index] takes any")
    positions.check_positions("index_select", index.array, input.shape[axis] if input.ndim else 1)
    if not input.ndim:
        return positions.getitem(reshape(input, shape=(1,)), index=(index.array.copy(),)).reshape(())
    return positions.getitem(input, index=(slice(None),) * axis + (np.atleast_1d(index.array).copy(),))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """z[i][j] = x[indices[i][j]][j] for dim 0, and so on: ``gather`` whose other dimensions broadcast, as in what
    ``argsort`` and ``argmax(keepdim=True)`` give. Without ``dim`` both are flattened. Negative numbers count from the
    end.
    """
    check_tensor("take_along_dim", input)
    check_tensor("take_along_dim", indices)
    if indices.dtype not in (dtypes.int64, dtypes.int32):
        raise TypeError(f"take_along_dim: indices must be int64, got {indices.dtype}; convert it with .long()")
    if dim is None:
        input, indices, dim = reshape(input, shape=(-1,)), reshape(indices, shape=(-1,)), 0
    axis = axis_of("take_along_dim", dim, input.ndim)
    if indices.ndim != input.ndim:
        raise ValueError(f"take_along_dim: indices {indices.shape} need as many dimensions as input {input.shape}")
    common = [n if m == 1 else m for n, m in zip(input.shape, indices.shape, strict=True)]
    for i, (n, m) in enumerate(zip(input.shape, indices.shape, strict=True)):
        if i != axis and m != n and 1 not in (m, n):
            raise ValueError(
                f"take_along_dim: shapes {input.shape} and {indices.shape} do not broadcast outside dim {dim}; sizes "
                "must be equal or 1"
            )
    size = input.shape[axis] if input.ndim else 1
    wrapped = Tensor(np.where(indices.array < 0, indices.array + size, indices.array))

    def widened(x: Tensor) -> Tensor:
        return broadcast_to(x, shape=tuple(x.shape[i] if i == axis else n for i, n in enumerate(common)))

    return positions.gather(widened(input), widened(wrapped), dim=axis)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """z = value where mask, else x; mask is bool and broadcasts with x. value is a number or a 0-d tensor, in x's type.

    ``scores.masked_fill(mask, -float("inf"))`` before a softmax takes elements out of it.
    """
    check_tensor("masked_fill", input)
    _check_mask("masked_fill", mask)
    if isinstance(value, Tensor):
        if value.ndim:
            raise ValueError(f"masked_fill: value must be a number or a 0-d tensor, got shape {value.shape}; use where")
        value = value if value.dtype == input.dtype else cast(value, dtype=input.dtype)
    elif isinstance(value, (bool, int, float, np.bool_, np.number)):
        value = Tensor(np.asarray(value).astype(input.dtype))
    else:
        raise TypeError(f"masked_fill: value must be a number or a 0-d tensor, got {type(value).__name__}")
    try:
        np.broadcast_shapes(mask.shape, input.shape)
    except ValueError:
        raise ValueError(
            f"masked_fill: mask of shape {mask.shape} does not broadcast with input {input.shape}; counted from the "
            "right, sizes must be equal or 1: unsqueeze or expand it"
        ) from None
    return where(mask, value, input)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where mask holds, one after the other: (K,), a copy. x and mask (bool) broadcast together."""
    check_tensor("masked_select", input)
    _check_mask("masked_select", mask)
    try:
        shape = np.broadcast_shapes(input.shape, mask.shape)
    except ValueError:
        raise ValueError(f"masked_select: input {input.shape} and mask {mask.shape} do not broadcast") from None
    found = np.broadcast_to(mask.array, shape).reshape(-1).nonzero()
    return positions.getitem(reshape(broadcast_to(input, shape=shape), shape=(-1,)), index=found)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not 0, in row-major order: int64 (K, ndim), or one (K,) per dimension
    with ``as_tuple=True``, which is itself an index."""
    check_tensor("nonzero", input)
    if as_tuple:
        return tuple(Tensor(p) for p in np.atleast_1d(input.array).nonzero())
    return Tensor(np.argwhere(input.array).astype(np.int64, copy=False))


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """z[..., k] = 1 where k is the label, else 0: int64 labels of any shape (...) -> int64 (..., num_classes).

    -1 stands for the largest label + 1. Raises IndexError for a label outside 0..num_classes - 1, TypeError for labels
    that are not int64.
    """
    check_tensor("one_hot", input)
    if not isinstance(num_classes, int) or (num_classes < 1 and (num_classes != -1 or not input.numel())):
        raise ValueError(f"one_hot: num_classes must be an integer of at least 1, got {num_classes!r}")
    if input.dtype != dtypes.int64:
        raise TypeError(f"one_hot: input must be int64, got {input.dtype}; convert it with .long()")
    K = max(int(input.array.max()) + 1, 1) if num_classes == -1 else num_classes
    positions.check_positions("one_hot", input.array, K)
    return Tensor((input.array[..., None] == np.arange(K, like=input.array)).astype(np.int64))


def _axis(name: str, dim: int, input: Tensor) -> int:
    if not input.ndim:
        raise IndexError(f"{name}: a 0-d tensor has no dim {dim}; .reshape(1) gives it one")
    return axis_of(name, dim, input.ndim)


def _check_mask(name: str, mask: Any) -> None:
    check_tensor(name, mask)
    if mask.dtype != np.bool_:
        raise TypeError(f"{name}: mask must be a bool tensor, got {mask.dtype}; compare something, as in x > 0")
