"""Adding values at positions, some of which may repeat."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def index_add(x: Array, index: tuple, shape: tuple[int, ...]) -> Array:
    """Zeros of ``shape`` with x added at [index]; a repeated position adds up.

    NumPy adds at flat positions of a flat array ten times as fast as it does under an index of several parts, so an
    index of integer arrays and full slices (all that a Tensor's [ ] leaves over) is turned into flat positions.
    """
    out = np.zeros(shape, x.dtype)
    arrays = [i for i in index if isinstance(i, np.ndarray)]
    plain = all(i == slice(None) for i in index if not isinstance(i, np.ndarray))
    if not arrays:
        out[index] = x
    elif not plain or any(i.dtype.kind not in "iu" for i in arrays):
        np.add.at(out, index, x)
    elif x.size:
        axes = [axis for axis, i in enumerate(index) if isinstance(i, np.ndarray)]
        rest = [axis for axis in range(len(shape)) if axis not in axes]
        strides = np.cumprod([1, *shape[:0:-1]], dtype=np.int64)[::-1]  # in elements
        chosen = sum(np.where(i < 0, i + shape[a], i) * strides[a] for a, i in zip(axes, arrays, strict=True))
        others = sum((np.arange(shape[a]) * strides[a]).reshape(-1, *[1] * (len(rest) - 1 - k)) for k, a in
                     enumerate(rest))  # fmt: skip
        adjacent = axes == list(range(axes[0], axes[-1] + 1))
        before = axes[0] if adjacent else 0  # how many of the rest stand in x before the arrays' own dimensions
        inner = len(rest) - before
        chosen = chosen.reshape(*[1] * before, *chosen.shape, *[1] * inner)
        if rest:
            sizes = np.shape(others)
            chosen = chosen + others.reshape(*sizes[:before], *[1] * (x.ndim - len(rest)), *sizes[before:])
        np.add.at(out.reshape(-1), chosen.reshape(-1), x.reshape(-1))
    return out


def scatter_add(x: Array, index: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """Zeros of ``shape`` with x[i][j] added at [index[i][j]][j] for axis 0, and so on."""
    out = np.zeros(shape, x.dtype)
    strides = np.cumprod([1, *shape[:0:-1]], dtype=np.int64)[::-1]  # in elements
    position = index * strides[axis]
    for k, n in enumerate(x.shape):
        if k != axis:
            position = position + (np.arange(n) * strides[k]).reshape(-1, *[1] * (x.ndim - 1 - k))
    np.add.at(out.reshape(-1), position.reshape(-1), x.reshape(-1))
    return out
