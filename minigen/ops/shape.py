"""Moving elements without changing them. ``broadcast_to`` and ``sum_to`` are each other's gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..op import op
from ..tensor import Tensor, placed
from .check import axes_of, axis_of, check_tensor, sizes_of

Array = np.ndarray
Shape = tuple[int, ...]


@op(view=True)
def reshape(be: Any, x: Array, *, shape: Shape) -> Array:
    """The same elements in row-major order under another shape; one size may be -1."""
    shape = sizes_of("reshape", "shape", shape)
    known = int(np.prod([n for n in shape if n != -1], dtype=np.int64))
    fits = (known != 0 and x.size % known == 0) if shape.count(-1) == 1 else known == x.size
    if shape.count(-1) > 1 or any(n < -1 for n in shape) or not fits:
        raise ValueError(
            f"reshape: {x.size} elements of shape {x.shape} do not fit into shape {shape}; the product "
            "must stay the same, one size may be -1"
        )
    return np.reshape(x, shape)


reshape.vjps(lambda delta, _z, _x: delta.reshape(shape=_x.shape))


@op(view=True)
def permute(be: Any, x: Array, *, dims: Shape) -> Array:
    """Dimension i of the result is dimension dims[i] of x."""
    dims = sizes_of("permute", "dims", dims)
    if sorted(axes_of("permute", dims, x.ndim)) != list(range(x.ndim)) or len(dims) != x.ndim:
        raise ValueError(
            f"permute: dims {dims} must name each of the {x.ndim} dimensions of shape {x.shape} once"
        )
    return np.transpose(x, dims)


permute.vjps(
    lambda delta, _z, _x, *, dims: delta.permute(dims=tuple(int(i) for i in np.argsort([d % len(dims) for d in dims])))
)


@op(view=True)
def broadcast_to(be: Any, x: Array, *, shape: Shape) -> Array:
    """x repeated, without copying, along new or size-1 dimensions (-1 keeps a size)."""
    full = sizes_of("broadcast_to", "shape", shape)
    extra = len(full) - x.ndim
    full = tuple(x.shape[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(full))
    try:
        return x.view() if full == x.shape else np.broadcast_to(x, full)  # NumPy's cannot be written
    except ValueError:
        raise ValueError(
            f"broadcast_to: shape {x.shape} does not broadcast to {tuple(shape)}; counted from the right, "
            "sizes must be equal or 1"
        ) from None


broadcast_to.vjps(lambda delta, _z, _x: delta.sum_to(shape=_x.shape))


@op
def sum_to(be: Any, x: Array, *, shape: Shape) -> Array:
    """The sum over the dimensions along which ``shape`` was broadcast to x's shape."""
    extra = x.ndim - len(shape)
    if extra < 0 or any([n not in (1, m) for n, m in zip(shape, x.shape[extra:], strict=True)]):
        raise ValueError(f"sum_to: shape {x.shape} is no broadcast of {tuple(shape)}, so it cannot be summed to it")
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and x.shape[i + extra] != 1)
    return np.reshape(be.sum(x, axes, False, x.dtype), shape)


sum_to.vjps(lambda delta, _z, _x: delta.broadcast_to(shape=_x.shape))


@op
def cast(be: Any, x: Array, *, dtype: Any) -> Array:
    """The values in another type; the gradient comes back in x's."""
    return x.astype(dtypes.as_dtype(dtype))


cast.vjps(lambda delta, _z, _x: delta.cast(dtype=_x.dtype))


@op
def clone(be: Any, x: Array) -> Array:
    """A copy with its own memory, in the graph."""
    return x.copy()


clone.vjps(lambda delta, _z, _x: delta)


@op
def moved(be: Any, x: Array, *, device: str, source: str) -> Array:
    """The values in the memory of ``device``; x lies on ``source``, and there its gradient goes back to."""
    return placed(x, device)


moved.vjps(lambda delta, _z, _x, *, device, source: moved(delta, device=source, source=device))


# compositions -------------------------------------------------------------------------------------
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    check_tensor("transpose", input)
    dims = list(range(input.ndim))
    a, b = axis_of("transpose", dim0, input.ndim), axis_of("transpose", dim1, input.ndim)
    if input.ndim:
        dims[a], dims[b] = dims[b], dims[a]
    return permute(input, dims=tuple(dims))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from ``start_dim`` to ``end_dim`` as one."""
    check_tensor("flatten", input)
    a, b = axis_of("flatten", start_dim, input.ndim), axis_of("flatten", end_dim, input.ndim)
    if a > b:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} in shape {input.shape}")
    merged = int(np.prod(input.shape[a : b + 1], dtype=np.int64))
    return reshape(input, shape=(*input.shape[:a], merged, *input.shape[b + 1 :]))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A new dimension of size 1 at ``dim``."""
    check_tensor("unsqueeze", input)
    at = axis_of("unsqueeze", dim, input.ndim + 1)
    return reshape(input, shape=(*input.shape[:at], 1, *input.shape[at:]))


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Dimensions of size 1 removed: all, or those of ``dim`` that have size 1 (none for an empty tuple). A view."""
    check_tensor("squeeze", input)
    axes = () if dim in ((), []) else axes_of("squeeze", dim, input.ndim)
    return reshape(input, shape=tuple(n for i, n in enumerate(input.shape) if not (i in axes and n == 1)))
