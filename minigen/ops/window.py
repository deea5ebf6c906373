"""Sliding windows as columns, and their sum back: each other's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import op

Array = np.ndarray
Pair = tuple[int, int]


@op
def unfold(
    be: Any, x: Array, *, kernel: Pair, stride: Pair = (1, 1), padding: Pair = (0, 0), dilation: Pair = (1, 1)
) -> Array:
    """x (N, C, H, W) -> (N, C KH KW, OH OW): every window as a column."""
    return be.unfold(x, kernel, stride, padding, dilation)


@op
def fold(
    be: Any, x: Array,
    *, size: Pair, kernel: Pair, stride: Pair = (1, 1), padding: Pair = (0, 0), dilation: Pair = (1, 1),
) -> Array:  # fmt: skip
    """x (N, C KH KW, OH OW) -> (N, C, H, W) of ``size``: each column added where its window lay."""
    return be.fold(x, size, kernel, stride, padding, dilation)


unfold.vjps(
    lambda delta, _z, _x, *, kernel, stride, padding, dilation: fold(
        delta, size=_x.shape[2:], kernel=kernel, stride=stride, padding=padding, dilation=dilation
    ),
)
fold.vjps(
    lambda delta, _z, _x, *, kernel, stride, padding, dilation: unfold(
        delta, kernel=kernel, stride=stride, padding=padding, dilation=dilation
    ),
)
