"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import op
from ..tensor import Tensor
from .check import check_tensor

Array = np.ndarray


@op
def _product(be: Any, x: Array, y: Array) -> Array:
    """z = x y for stacks of matrices (..., M, K) and (..., K, N); leading dimensions broadcast."""
    return be.matmul(x, y)


_product.name = "matmul"
_product.vjps(
    lambda delta, _z, _x, y: _product(delta, _turned(y)).sum_to(shape=_x.shape),  # dC/dx = delta y^T
    lambda delta, _z, x, _y: _product(_turned(x), delta).sum_to(shape=_y.shape),  # dC/dy = x^T delta
)


def _turned(x: Tensor) -> Tensor:
    return x.permute(dims=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """x y: vectors give a dot product, a matrix and a vector a vector, stacks of matrices (..., M, K) (..., K, N) ->
    (..., M, N).

    Raises ValueError for sizes that do not match, TypeError for different dtypes.
    """
    for x in (input, other):
        check_tensor("matmul", x)
    if input.dtype != other.dtype:
        raise TypeError(f"matmul: input is {input.dtype} and other is {other.dtype}; convert one with .to(dtype)")
    if input.dtype == np.bool_:
        raise TypeError("matmul: is not defined for bools; convert with .long() or .float()")
    if input.ndim == 0 or other.ndim == 0:
        raise ValueError(
            f"matmul: both need at least one dimension, got shapes {input.shape} and {other.shape}; use * for scalars"
        )
    x = input.unsqueeze(0) if input.ndim == 1 else input
    y = other.unsqueeze(1) if other.ndim == 1 else other
    if x.shape[-1] != y.shape[-2]:
        raise ValueError(
            f"matmul: shapes {input.shape} and {other.shape} do not fit: the last size of input, "
            f"{x.shape[-1]}, must equal {y.shape[-2]} of other"
        )
    try:
        np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        raise ValueError(
            f"matmul: the leading sizes of shapes {input.shape} and {other.shape} do not broadcast"
        ) from None
    z = _product(x, y)
    if input.ndim == 1:
        z = z.squeeze(-2)
    return z.squeeze(-1) if other.ndim == 1 else z
