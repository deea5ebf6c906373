"""Running sums and products along a dimension: z_i depends on x_1 ... x_i."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..op import op
from ..tensor import Tensor
from .check import axis_of, check_tensor
from .index import getitem
from .join import cat
from .shape import cast, clone

Array = np.ndarray


@op
def _cumsum(be: Any, x: Array, *, dim: int) -> Array:
    return be.cumsum(x, axis_of("cumsum", dim, x.ndim)) if x.ndim else x.copy()


def _turned(x: Tensor, dim: int) -> Tensor:
    """The order along ``dim`` reversed."""
    axis = axis_of("cumsum", dim, x.ndim)
    return getitem(x, index=(*(slice(None),) * axis, slice(None, None, -1), ...)) if x.ndim else x


_cumsum.name = "cumsum"
_cumsum.vjps(  # dC/dx_i = sum of delta_k over all k >= i: a running sum from the other end
    lambda delta, _z, _x, *, dim: _turned(_cumsum(_turned(delta, dim), dim=dim), dim)
)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """z_i = x_1 + ... + x_i along ``dim``, float32 added in float64. Bools and integers give int64; ``dtype`` converts
    first. IndexError for a dim that is not there."""
    return _cumsum(_summable("cumsum", input, dim, dtype), dim=dim)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """z_i = x_1 x_2 ... x_i along ``dim``. Bools and integers give int64; ``dtype`` converts first.

    By doubling (Hillis & Steele 1986): after k rounds every z_i is the product of the 2^k elements up to i. log n
    rounds of multiplications, no division: with zeros, too, all derivatives are right.
    """
    x = _summable("cumprod", input, dim, dtype)
    axis = axis_of("cumprod", dim, x.ndim)
    z, step = clone(x), 1
    while x.ndim and step < x.shape[axis]:
        before = (slice(None),) * axis
        head = z[(*before, slice(step))]
        z = cat(head, z[(*before, slice(step, None))] * z[(*before, slice(-step))], dim=axis)
        step *= 2
    return z


def _summable(name: str, x: Tensor, dim: int, dtype: Any) -> Tensor:
    check_tensor(name, x)
    axis_of(name, dim, x.ndim)
    wanted = dtypes.as_dtype(dtype) if dtype is not None else x.dtype if dtypes.is_floating(x.dtype) else dtypes.int64
    return x if wanted == x.dtype else cast(x, dtype=wanted)
