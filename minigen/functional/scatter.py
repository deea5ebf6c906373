"""Reading at positions, and its counterparts: adding and writing at positions, as functions of all their inputs.

Nothing is written in place, so gradients flow to what was there and to what was put. The methods whose names end in
``_`` write, for tensors that need no gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backend import of
from ..ops.check import axis_of
from ..ops.index import check_positions
from ..ops.inplace import written
from ..ops.subscript import parsed, result_shape
from ..tensor import Tensor, on_host, placed
from .check import tensor_of


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """z[i][j] = x[index[i][j]][j] for dim 0, and so on for other dims.

    index (int64 or int32) has as many dimensions as x, and no size but dim's larger than x's; z has its shape. Raises
    IndexError for a number outside 0..n - 1.
    """
    return ops.gather(input, index, dim=dim)


def _placed(name: str, input: Tensor, dim: int, index: Tensor, src: Any) -> tuple[int, Tensor]:
    """The axis, and the corner of ``src`` that index covers, as a Tensor of x's type; an error if they do not fit."""
    tensor_of(name, "input", input, floating=False)
    tensor_of(name, "index", index, floating=False)
    axis = axis_of(name, dim, input.ndim)
    if isinstance(src, (bool, int, float, np.bool_, np.number)):
        src = Tensor(np.broadcast_to(of(input.array).xp.asarray(src, input.dtype), index.shape))
    tensor_of(name, "src", src, floating=False)
    if src.dtype != input.dtype:
        raise TypeError(f"{name}: input is {input.dtype} and src is {src.dtype}; convert one with .to(dtype)")
    if not index.ndim == input.ndim == src.ndim:
        raise ValueError(
            f"{name}: input {input.shape}, index {index.shape} and src {src.shape} need equally many dimensions"
        )
    sizes = enumerate(zip(index.shape, input.shape, src.shape, strict=True))
    if any(m > s or (m > n and i != axis) for i, (m, n, s) in sizes):
        raise ValueError(
            f"{name}: index {index.shape} must not be larger than src {src.shape}, nor than input {input.shape} apart "
            f"from dim {dim}"
        )
    check_positions(name, index.array, input.shape[axis] if input.ndim else 1)
    return axis, src if src.shape == index.shape else src[tuple(slice(m) for m in index.shape)]


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """z = x with src[i][j] added at [index[i][j]][j] for dim 0, and so on; what meets at one place adds up.

    index (int64 or int32) may be smaller than src, whose corner then counts. Raises IndexError for a number outside
    0..n - 1, ValueError for shapes that do not fit, TypeError where x and src differ in type.
    """
    axis, part = _placed("scatter_add", input, dim, index, src)
    return input + ops.scatter_add(part, index, dim=axis, shape=input.shape)


def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None) -> Tensor:
    """z = x with z[index[i][j]][j] = src[i][j] for dim 0, and so on; ``src`` may be one number (PyTorch's ``value``).

    Of several that meet at one place the last in row-major order stays (PyTorch leaves that open), and it alone gets
    the gradient. Errors are those of ``scatter_add``.
    """
    if (src is None) == (value is None):
        raise TypeError("scatter: give src, a tensor or a number, or value, a number")
    axis, part = _placed("scatter", input, dim, index, value if src is None else src)
    if not input.ndim:
        return part.clone()
    where = [np.arange(n).reshape(-1, *[1] * (index.ndim - 1 - i)) for i, n in enumerate(index.shape)]
    where[axis] = on_host(index.array)
    return _overwritten(input, None, tuple(where), part)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """z = x with alpha source[..., k, ...] added at [..., index[k], ...]: a vector of numbers for whole slices.

    Raises IndexError for a number outside 0..n - 1, ValueError for shapes that do not fit, TypeError for types.
    """
    tensor_of("index_add", "input", input, floating=False)
    tensor_of("index_add", "index", index, floating=False)
    tensor_of("index_add", "source", source, floating=False)
    axis = axis_of("index_add", dim, input.ndim)
    if source.dtype != input.dtype:
        raise TypeError(f"index_add: input is {input.dtype} and source is {source.dtype}; convert one with .to(dtype)")
    if not input.ndim or index.ndim != 1:
        raise ValueError(f"index_add: needs an input with dimensions, got {input.shape}, and a vector index, got "
                         f"{index.shape}")  # fmt: skip
    if source.shape != (*input.shape[:axis], len(index), *input.shape[axis + 1 :]):
        raise ValueError(
            f"index_add: source {source.shape} must have input's shape {input.shape}, but {len(index)}, as index, in "
            f"dim {dim}"
        )
    check_positions("index_add", index.array, input.shape[axis])
    key = (slice(None),) * axis + (index.array.copy(),)
    return input + ops.index_add(source if alpha == 1 else source * alpha, index=key, shape=input.shape)


def index_put(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """z = x with z[indices] = values: what ``x[indices] = values`` writes, as a function through which gradients flow.

    ``indices`` is whatever may stand in [ ]; values (a Tensor or a number) broadcasts to x[indices]. With
    ``accumulate`` they are added, and repeated places add up; without, the last value stays.
    """
    tensor_of("index_put", "input", input, floating=False)
    key = tuple(indices) if isinstance(indices, list) else indices
    view, copy = parsed("index_put", key, input.shape)
    shape = result_shape(view, copy, input.shape)
    if isinstance(values, (bool, int, float, np.bool_, np.number)):
        values = Tensor(placed(np.asarray(values).astype(input.dtype), input.device))
    tensor_of("index_put", "values", values, floating=False)
    if values.dtype != input.dtype:
        raise TypeError(f"index_put: input is {input.dtype} and values {values.dtype}; convert one with .to(dtype)")
    try:
        values = values.broadcast_to(shape)
    except ValueError:
        raise ValueError(
            f"index_put: values of shape {values.shape} do not broadcast to {shape}, the shape of input[indices]"
        ) from None
    if not accumulate:
        return _overwritten(input, view, copy, values)
    if copy is not None:
        inner = input.shape if view is None else result_shape(view, None, input.shape)
        values = ops.index_add(values, index=copy, shape=inner)
    return input + (values if view is None else ops.index_add(values, index=view, shape=input.shape))


def _overwritten(x: Tensor, view: tuple | None, copy: tuple | None, values: Tensor) -> Tensor:
    """x with x[view][copy] = values: each place asks for the number of the value that was written there last."""
    writer = np.full(x.shape, -1)
    target = writer if view is None else writer[view]
    host = None if copy is None else tuple([k if isinstance(k, slice) else on_host(k) for k in copy])
    target[... if host is None else host] = np.arange(values.numel()).reshape(values.shape)
    if not values.numel():
        return x.clone()
    written = ops.getitem(values.reshape(values.numel()), index=(np.maximum(writer, 0),))
    return ops.where(Tensor(placed(writer >= 0, x.device)), written, x)


for _function in (gather, scatter, scatter_add, index_add, index_put):
    setattr(Tensor, _function.__name__, _function)
for _written in (scatter, scatter_add, index_add, index_put, ops.masked_fill, ops.tril, ops.triu):
    setattr(Tensor, f"{_written.__name__}_", written(_written))
