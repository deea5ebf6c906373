"""Means of as many windows as are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..tensor import Tensor, placed
from .check import images, unlifted

Size = int | tuple[int, ...]


def adaptive(name: str, n: int, input: Tensor, output_size: Any) -> Tensor:
    x, batched = images(name, input, n)
    given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(given) == 1:
        given *= n
    if len(given) != n or not all(o is None or (isinstance(o, int) and o >= 0) for o in given):
        raise ValueError(f"{name}: output_size must be {n} integers of at least 0 or None, got {output_size!r:.40}")
    if min(x.shape[2:]) < 1:
        raise ValueError(f"{name}: input of shape {input.shape} has empty images, which have no mean")
    for axis, o in zip(range(4 - n, 4), given, strict=True):
        x = x if o is None or o == x.shape[axis] else _means(x, axis, o)
    return unlifted(x if x is not input else x.clone(), n, batched)


def _means(x: Tensor, axis: int, out: int) -> Tensor:
    """The means of ``out`` windows along one axis, number i from floor(i n / out) to ceil((i + 1) n / out)."""
    n, before = x.shape[axis], (slice(None),) * axis
    if out and n % out == 0:
        return x.reshape(*x.shape[:axis], out, n // out, *x.shape[axis + 1 :]).mean(dim=axis + 1)
    i = np.arange(out)
    start, end = i * n // out, -(-(i + 1) * n // out)
    position = start[:, None] + np.arange((end - start).max(initial=1))
    inside = (position < end[:, None]).reshape(*position.shape, *[1] * (3 - axis))
    parts = ops.getitem(x, index=(*before, np.minimum(position, n - 1)))
    parts = ops.where(Tensor(placed(inside, x.device)), parts, 0.0)
    count = (end - start).reshape(out, *[1] * (3 - axis))
    return parts.sum(dim=axis + 1) / Tensor(placed(count.astype(x.dtype), x.device))


def adaptive_avg_pool1d(input: Tensor, output_size: Size) -> Tensor:
    """The mean of each of ``output_size`` windows: (N, C, L) or (C, L). See ``adaptive_avg_pool2d``."""
    return adaptive("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """y[n,c,i,j] = mean of x[n,c, a:b, ...] with a = floor(i H / OH), b = ceil((i + 1) H / OH), and so for j.

    (N, C, H, W) or (C, H, W) -> (N, C, OH, OW) for ``output_size`` = (OH, OW), or a number for both; None keeps the
    input's. Neighbouring windows overlap where OH does not divide H. Raises ValueError for other sizes.
    """
    return adaptive("adaptive_avg_pool2d", 2, input, output_size)
