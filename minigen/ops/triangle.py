"""Triangles and diagonals of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import of
from ..op import op
from ..tensor import Tensor, placed
from .check import axis_of, check_tensor
from .elementwise import where

Array = np.ndarray


def _diagonal(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    """A view of x's diagonal that can be written (NumPy's own cannot)."""
    x = np.moveaxis(x, (dim1, dim2), (-2, -1))
    x = x[..., max(-offset, 0) :, max(offset, 0) :]
    n = min(x.shape[-2:])
    strides = (*x.strides[:-2], x.strides[-2] + x.strides[-1])
    if not isinstance(x, np.ndarray):
        return of(x).xp.lib.stride_tricks.as_strided(x, (*x.shape[:-2], n), strides)
    return np.lib.stride_tricks.as_strided(x, (*x.shape[:-2], n), strides, writeable=x.flags.writeable)


def _pair(name: str, dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    a, b = axis_of(name, dim1, ndim), axis_of(name, dim2, ndim)
    if a == b:
        raise ValueError(f"{name}: dim1={dim1} and dim2={dim2} are the same dimension")
    return a, b


def _whole(name: str, argument: str, value: Any) -> int:
    if not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: {argument} must be an integer, got {value!r:.40}")
    return int(value)


# A primitive, for composed it would be a copy: reshape and a step in [ ] give a view of contiguous matrices alone.
@op(view=True)
def diagonal(be: Any, x: Array, *, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """z[..., i] = x[i, i + offset, ...], dim1 and dim2 being the matrix and its diagonal the last dimension: a view."""
    return _diagonal(x, _whole("diagonal", "offset", offset), *_pair("diagonal", dim1, dim2, x.ndim))


@op
def diagonal_of_zeros(
    be: Any, x: Array, *, shape: tuple[int, ...], offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Array:
    """Zeros of ``shape`` with x on their diagonal: diagonal's gradient."""
    out = np.zeros(shape, x.dtype, like=x)
    _diagonal(out, offset, *_pair("diagonal", dim1, dim2, len(shape)))[...] = x
    return out


diagonal.vjps(
    lambda delta, _z, _x, *, offset, dim1, dim2: diagonal_of_zeros(
        delta, shape=_x.shape, offset=offset, dim1=dim1, dim2=dim2
    )
)
diagonal_of_zeros.vjps(
    lambda delta, _z, _x, *, offset, dim1, dim2: diagonal(delta, offset=offset, dim1=dim1, dim2=dim2)
)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices, in dim1 and dim2 of the result, whose diagonals are x's last dimension: (..., n) -> (..., n, n)."""
    check_tensor("diag_embed", input)
    if not input.ndim:
        raise ValueError("diag_embed: input must have at least 1 dimension, got shape (); .reshape(1) gives it one")
    a, b = _pair("diag_embed", dim1, dim2, input.ndim + 1)
    n = input.shape[-1] + abs(_whole("diag_embed", "offset", offset))
    shape = list(input.shape[:-1])
    for axis in sorted((a, b)):
        shape.insert(axis, n)
    return diagonal_of_zeros(input, shape=tuple(shape), offset=offset, dim1=a, dim2=b)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with x on its diagonal number ``diagonal`` for a vector x; that diagonal's copy for a matrix."""
    check_tensor("diag", input)
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise ValueError(f"diag: input must be a vector or a matrix, got shape {input.shape}; see diagonal, diag_embed")
    return _OF(input, offset=diagonal).clone()


_OF = diagonal


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """z[..., i, j] = x[..., i, j] if j - i <= diagonal, else 0: the lower triangle of each matrix."""
    return _triangle("tril", input, diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """z[..., i, j] = x[..., i, j] if j - i >= diagonal, else 0: the upper triangle of each matrix."""
    return _triangle("triu", input, diagonal)


def _triangle(name: str, input: Tensor, diagonal: int) -> Tensor:
    check_tensor(name, input)
    if input.ndim < 2:
        raise ValueError(f"{name}: input must have at least 2 dimensions, got shape {input.shape}")
    k = _whole(name, "diagonal", diagonal)
    i, j = np.ogrid[: input.shape[-2], : input.shape[-1]]
    inside = j - i <= k if name == "tril" else j - i >= k
    return where(Tensor(placed(inside, input.device)), input, Tensor(np.zeros((), input.dtype)))


def tril_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """(2, K) int64: rows and columns of the lower triangle of a row x col matrix, j - i <= offset, row by row."""
    return _indices("tril_indices", row, col, offset)


def triu_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """(2, K) int64: rows and columns of the upper triangle of a row x col matrix, j - i >= offset, row by row."""
    return _indices("triu_indices", row, col, offset)


def _indices(name: str, row: int, col: int, offset: int) -> Tensor:
    for argument, value in (("row", row), ("col", col)):
        if _whole(name, argument, value) < 0:
            raise ValueError(f"{name}: {argument} must be at least 0, got {value}")
    k = _whole(name, "offset", offset)
    i, j = np.ogrid[:row, :col]
    return Tensor(np.stack(np.nonzero(j - i <= k if name == "tril_indices" else j - i >= k)).astype(np.int64))
