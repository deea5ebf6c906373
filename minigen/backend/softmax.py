"""Softmax, its logarithm, and attention, which is a softmax between two products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray


def wide(x: Array) -> Array:
    """float32 in place of a half type, which would round the sums to two or three digits."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 else x


class Softmax:
    """The part of NumpyBackend that makes probabilities. Its products are the backend's own."""

    matmul: Any

    def softmax(self, x: Array, dim: int) -> tuple[Array, Any]:
        z = wide(x)
        p = np.exp(z - z.max(axis=dim, keepdims=True)) if x.size else z.copy()
        p /= p.sum(axis=dim, keepdims=True)
        p = p.astype(x.dtype, copy=False)
        return p, (p, dim)

    def softmax_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        p, dim = saved
        d = delta * p  # dC/dx_i = p_i (delta_i - sum_k delta_k p_k)
        total = wide(d).sum(axis=dim, keepdims=True).astype(d.dtype, copy=False)
        d -= p * total
        return (d,)

    def log_softmax(self, x: Array, dim: int) -> tuple[Array, Any]:
        z = wide(x)
        y = z - z.max(axis=dim, keepdims=True) if x.size else z.copy()
        y -= np.log(np.exp(y).sum(axis=dim, keepdims=True))
        y = y.astype(x.dtype, copy=False)
        return y, (y, dim)

    def log_softmax_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        y, dim = saved
        d = np.exp(wide(y))  # dC/dx_i = delta_i - p_i sum_k delta_k
        d *= -wide(delta).sum(axis=dim, keepdims=True)
        d += delta
        return (d.astype(delta.dtype, copy=False),)

    def attention(
        self, q: Array, k: Array, v: Array, mask: Array | None, kept: Array | None, scale: float, causal: bool
    ) -> tuple[Array, Any]:
        p = wide(self.matmul(q, np.swapaxes(k, -1, -2)))
        p *= p.dtype.type(scale)
        if causal:
            np.copyto(p, -np.inf, where=~np.tri(*p.shape[-2:], dtype=np.bool_, like=p))
        if mask is not None:
            p += mask
        top = p.max(axis=-1, keepdims=True) if p.shape[-1] else p.sum(axis=-1, keepdims=True)
        p -= np.where(top == -np.inf, p.dtype.type(0), top)
        np.exp(p, out=p)
        total = p.sum(axis=-1, keepdims=True)
        p /= np.where(total == 0, p.dtype.type(1), total)  # where nothing may be looked at, all weights are 0
        p = p.astype(q.dtype, copy=False)
        weights = p if kept is None else p * kept
        return self.matmul(weights, v), (q, k, v, p, kept, weights, scale)

    def attention_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        q, k, v, p, kept, weights, scale = saved
        grads: list[Array | None] = [None] * 5
        if mask[2]:
            grads[2] = self.matmul(np.swapaxes(weights, -1, -2), delta)
        if mask[0] or mask[1] or mask[3] or mask[4]:
            d = self.matmul(delta, np.swapaxes(v, -1, -2))
            if mask[4]:
                grads[4] = d * p
            if kept is not None:
                d = d * kept
            d = self.softmax_vjp((p, -1), (True,), d)[0]
            if mask[3]:
                grads[3] = d
            d = d * d.dtype.type(scale)
            grads[0] = self.matmul(d, k) if mask[0] else None
            grads[1] = self.matmul(np.swapaxes(d, -1, -2), q) if mask[1] else None
        return tuple(grads)
