"""Normalisation of each sample by itself, along the last dimensions or in groups of channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .softmax import wide

Array = np.ndarray


class SampleNorm:
    """The part of NumpyBackend that normalises each sample by itself. Its SiLU is the backend's own."""

    sum: Any
    silu: Any
    silu_vjp: Any

    def layer_norm(
        self, x: Array, weight: Array | None, bias: Array | None, dims: int, eps: float
    ) -> tuple[Array, Any]:
        axes = tuple(range(x.ndim - dims, x.ndim))
        z = wide(x)
        if not x.size:  # NumPy warns of the mean of nothing
            return x.copy(), (z.copy(), z.dtype.type(1), weight, dims, x.dtype)
        mean = z.mean(axis=axes, keepdims=True, dtype=np.float64)  # two passes: exact where mean >> std
        xhat = z - mean.astype(z.dtype)
        rstd = 1 / np.sqrt(np.square(xhat).mean(axis=axes, keepdims=True) + z.dtype.type(eps))
        xhat *= rstd
        y = xhat if weight is None else xhat * weight
        y = y if bias is None else y + bias
        return y.astype(x.dtype, copy=False), (xhat, rstd, weight, dims, x.dtype)

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
            self.sum(g, lead, False, g.dtype).astype(kind, copy=False) if needed else None
            for g, needed in ((d * xhat, mask[1]), (d, mask[2]))
        )
        return dx, dweight, dbias

    def group_norm(
        self, x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
    ) -> tuple[Array, Any]:
        rows = wide(x).reshape(len(x), groups, math.prod(x.shape[1:]) // max(groups, 1))
        y, saved = SampleNorm.layer_norm(self, rows, None, None, 1, eps)
        z = y.reshape(x.shape)
        z = z if weight is None else z * per_channel(weight, x.ndim)
        z = z if bias is None else z + per_channel(bias, x.ndim)
        return z.astype(x.dtype, copy=False), (saved, weight)

    def group_norm_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        rows, weight = saved
        xhat, axes = rows[0].reshape(delta.shape), (0, *range(2, delta.ndim))
        d = wide(delta)
        dx = None
        if mask[0]:  # gamma belongs to a channel, the means to a group: layer norm's gradient for gamma delta
            g = d if weight is None else d * per_channel(weight, d.ndim)
            dx = SampleNorm.layer_norm_vjp(self, rows, (True, False, False), g.reshape(rows[0].shape))[0]
            assert dx is not None
            dx = dx.reshape(delta.shape).astype(delta.dtype, copy=False)
        dweight, dbias = (
            self.sum(g, axes, False, g.dtype).astype(delta.dtype, copy=False) if needed else None
            for g, needed in ((d * xhat, mask[1]), (d, mask[2]))
        )
        return dx, dweight, dbias

    def group_norm_silu(
        self, x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
    ) -> tuple[Array, Any]:
        z, normalised = SampleNorm.group_norm(self, x, weight, bias, groups, eps)
        y, activated = self.silu(z)  # y = z s(z)
        return y, (normalised, activated)

    def group_norm_silu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        normalised, activated = saved
        (g,) = self.silu_vjp(activated, (True,), delta)
        return SampleNorm.group_norm_vjp(self, normalised, mask, g)


def per_channel(a: Array, ndim: int) -> Array:
    """(C,) as (C, 1, ...), to be broadcast to ``ndim`` dimensions (N, C, ...)."""
    return a.reshape(-1, *[1] * (ndim - 2))
