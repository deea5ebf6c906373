"""Normalisation of each sample by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import reduce
from .softmax import wide

Array = np.ndarray


class LayerNorm:
    """The part of NumpyBackend that normalises along the last dimensions."""

    def layer_norm(
        self, x: Array, weight: Array | None, bias: Array | None, dims: int, eps: float
    ) -> tuple[Array, Any]:
        axes = tuple(range(x.ndim - dims, x.ndim))
        z = wide(x)
        if not x.size:  # NumPy warns of the mean of nothing
            return x.copy(), (z.copy(), np.ones((), z.dtype), weight, dims, x.dtype)
        mean = z.mean(axis=axes, keepdims=True, dtype=np.float64)  # two passes: exact where mean >> std
        xhat = z - mean.astype(z.dtype)
        rstd = 1 / np.sqrt(np.square(xhat).mean(axis=axes, keepdims=True) + np.asarray(eps, z.dtype))
        xhat *= rstd
        y = xhat if weight is None else xhat * weight
        y = y if bias is None else y + bias
        return np.asarray(y).astype(x.dtype, copy=False), (xhat, rstd, weight, dims, x.dtype)

    def layer_norm_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        xhat, rstd, weight, dims, kind = saved
        d = wide(delta)
        lead, axes = tuple(range(xhat.ndim - dims)), tuple(range(xhat.ndim - dims, xhat.ndim))
        dx = None
        if mask[0]:  # dC/dx = (g - mean(g) - xhat mean(g xhat)) / sigma, g = gamma delta
            g = d if weight is None else d * weight
            dx = g.copy()
            if g.size:
                dx -= g.mean(axis=axes, keepdims=True)
                dx -= xhat * (g * xhat).mean(axis=axes, keepdims=True)
                dx *= rstd
            dx = dx.astype(kind, copy=False)
        dweight, dbias = (
            reduce.sum(g, lead, False, g.dtype).astype(kind, copy=False) if needed else None
            for g, needed in ((d * xhat, mask[1]), (d, mask[2]))
        )
        return dx, dweight, dbias
