"""Reading and adding at positions. index_add is getitem's gradient, scatter_add is gather's, and the reverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import may_look
from ..op import op
from ..tensor import Tensor
from .check import axis_of
from .subscript import parsed

Array = np.ndarray


@op(view=True)
def getitem(be: Any, x: Array, *, index: tuple) -> Array:
    """x[index]: integers, slices, None, ... give a view; integer arrays a copy."""
    return x[be.here(index)]


getitem.vjps(lambda delta, _z, _x, *, index: index_add(delta, index=index, shape=_x.shape))


@op
def index_add(be: Any, x: Array, *, index: tuple, shape: tuple[int, ...]) -> Array:
    """Zeros of ``shape`` with x added at [index]; a repeated position adds up."""
    return be.index_add(x, be.here(index), shape)


index_add.vjps(lambda delta, _z, _x, *, index: getitem(delta, index=index))


def subscript(input: Tensor, key: Any) -> Tensor:
    """``input[key]``: see ``parsed``, which parts the key into the step that gives a view and the one that copies."""
    view, copy = parsed("getitem", key, input.shape)
    if view is not None:
        input = getitem(input, index=view)
    return input if copy is None else getitem(input, index=copy)


def check_positions(name: str, index: Array, size: int) -> None:
    """An error unless all of ``index`` are integers from 0 to size - 1."""
    if index.dtype not in (np.int64, np.int32):
        raise TypeError(f"{name}: index must be int64, got {index.dtype}; convert it with .long()")
    if index.size and may_look(index) and (index.min() < 0 or index.max() >= size):
        bad = index[(index < 0) | (index >= size)].tolist()[0]
        allowed = f"use 0 to {size - 1}" if size else "there is none to use"
        raise IndexError(f"{name}: index {bad} is out of range for size {size}; {allowed}")


@op
def gather(be: Any, x: Array, index: Array, *, dim: int) -> Array:
    """z[i][j] = x[index[i][j]][j] for dim 0, and so on for other dims."""
    axis = axis_of("gather", dim, x.ndim)
    sizes = zip(index.shape, x.shape, strict=False)
    if index.ndim != x.ndim or any(m > n for i, (m, n) in enumerate(sizes) if i != axis):
        raise ValueError(
            f"gather: index of shape {index.shape} does not fit input {x.shape}: it needs as many dimensions, and no "
            f"size but that of dim {dim} may be larger"
        )
    check_positions("gather", index, x.shape[axis] if x.ndim else 1)
    part = x[tuple(slice(None if i == axis else m) for i, m in enumerate(index.shape))]  # a corner
    return np.take_along_axis(part, index, axis=axis) if x.ndim else x.copy()


gather.vjps(
    lambda delta, _z, _x, index, *, dim: scatter_add(delta, index, dim=dim, shape=_x.shape),
    lambda delta, _z, _x, _index: None,
)


@op
def scatter_add(be: Any, x: Array, index: Array, *, dim: int, shape: tuple[int, ...]) -> Array:
    """Zeros of ``shape`` with x[i][j] added at [index[i][j]][j] for dim 0, and so on: gather's gradient."""
    axis = axis_of("scatter_add", dim, x.ndim)
    sizes = zip(x.shape, shape, strict=False)
    if index.shape != x.shape or len(shape) != x.ndim or any(m > n for i, (m, n) in enumerate(sizes) if i != axis):
        raise ValueError(
            f"scatter_add: index {index.shape} and x {x.shape} must have one shape, of as many dimensions as the "
            f"result's shape {tuple(shape)}, and no size but that of dim {dim} may be larger"
        )
    if not x.ndim:
        return x.copy()
    check_positions("scatter_add", index, shape[axis])
    return be.scatter_add(x, index, axis, shape)


scatter_add.vjps(
    lambda delta, _z, _x, index, *, dim: gather(delta, index, dim=dim),
    lambda delta, _z, _x, _index: None,
)
