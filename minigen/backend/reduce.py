"""Sums whose error does not grow with their length.

NumPy adds pairwise along the dimension that lies closest in memory, and one after the other along the others: the
column sums of 10^6 float32 rows come out with 3 correct digits. Here no float32 chain is longer than ``_CHAIN``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray

_FEW, _LARGE = 8, 4096
_BLOCK = 32  # rows of equal numbers all round to one side: 128 of them lose 1.3e-6, 32 a quarter of it
_CHAIN = 128  # sequential float32 additions that are harmless; NumPy's own pairwise sum ends in such chains, too


def _chain(x: Array, axes: tuple[int, ...]) -> int:
    """How many partial sums NumPy adds one after the other: all reduced elements, less those of the pairwise run."""
    total = math.prod([x.shape[a] for a in axes])
    run = 1
    step = 0
    for a in sorted(range(x.ndim), key=lambda a: abs(x.strides[a])):
        if x.shape[a] == 1:
            continue
        if a not in axes or (step and abs(x.strides[a]) != step):
            break
        run *= x.shape[a]
        step = abs(x.strides[a]) * x.shape[a]
    return total // max(run, 1)


def _slices(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The sum of a few slices. NumPy's inner loop would run over two elements and start anew, 25 times as slow."""
    shape = [1 if a in axes else n for a, n in enumerate(x.shape)]
    for a in sorted(axes, reverse=True):
        before: tuple[Any, ...] = (slice(None),) * a
        total = x[(*before, 0)].copy()
        for i in range(1, x.shape[a]):
            total += x[(*before, i)]
        x = total
    return x.reshape(shape) if keepdims else x


def sum(x: Array, axes: tuple[int, ...], keepdims: bool, dtype: np.dtype) -> Array:
    """The sum over ``axes`` in type ``dtype``: float32 as if in float64 where it is long, half types in float32."""
    if dtype.itemsize == 2 and dtype.kind in "fV":  # float16, bfloat16: 2048 + 1 = 2048, 256 + 1 = 256
        return np.asarray(np.sum(x, axis=axes, keepdims=keepdims, dtype=np.float32)).astype(dtype)
    if dtype == x.dtype and dtype.kind == "f" and x.size > _LARGE and 1 < math.prod([x.shape[a] for a in axes]) <= _FEW:
        return _slices(x, axes, keepdims)
    if dtype != np.float32 or x.dtype != np.float32 or x.size <= _CHAIN or _chain(x, axes) <= _CHAIN:
        return np.asarray(np.sum(x, axis=axes, keepdims=keepdims, dtype=dtype))
    lead = len(axes)
    if axes == tuple(range(lead)) and x.flags.c_contiguous:  # rows: blocks of them at float32's speed, then the blocks
        rows = x.reshape(math.prod(x.shape[:lead]), -1)
        whole = len(rows) // _BLOCK * _BLOCK
        blocks = np.add.reduce(rows[:whole].reshape(whole // _BLOCK, _BLOCK, rows.shape[1]), axis=1)
        total = np.add.reduce(blocks, axis=0, dtype=np.float64) + np.add.reduce(rows[whole:], axis=0)
        shape = (1,) * lead + x.shape[lead:] if keepdims else x.shape[lead:]
        return total.astype(np.float32).reshape(shape)
    return np.asarray(np.sum(x, axis=axes, keepdims=keepdims, dtype=np.float64)).astype(np.float32)
