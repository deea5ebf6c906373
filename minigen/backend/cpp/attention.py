"""Attention without the matrix of its weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..numpy import NumpyBackend
from .arrays import F32, Array, fast, ready, strided
from .native import kernels as _cpu


class _Attended(NamedTuple):
    """What attention keeps for its backward pass, all as (N, H, rows, columns). The type tells it from NumPy's."""

    q: Array
    k: Array
    v: Array
    y: Array
    top: Array
    inverse: Array
    kept: Array | None


class HeadAttention(NumpyBackend):
    """The part of CppBackend that attends. With a mask NumPy's way serves."""

    def attention(
        self, q: Array, k: Array, v: Array, mask: Array | None, kept: Array | None, scale: float, causal: bool
    ) -> tuple[Array, Any]:
        lead = q.shape[:-2]
        fits = mask is None and k.shape[:-2] == v.shape[:-2] == lead
        fits = fits and (kept is None or kept.shape == (*lead, q.shape[-2], k.shape[-2]))
        if not fits or not fast(q, k, v, kept):
            return super().attention(q, k, v, mask, kept, scale, causal)
        q4, k4, v4 = (strided(_heads(x)) for x in (q, k, v))
        kept = None if kept is None else ready(_heads(kept))
        y = np.empty_like(q4, shape=(*q4.shape[:3], v.shape[-1]))  # heads where q has them: to join them is a view
        top, inverse = np.empty(q4.shape[:3], F32), np.empty(q4.shape[:3], F32)
        _cpu.attention(q4, k4, v4, scale, causal, y, top, inverse, kept)
        result = y if q.ndim == 4 else y.reshape(*lead, *y.shape[2:])
        return result, (result, _Attended(q4, k4, v4, y, top, inverse, kept), scale, causal)

    def attention_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if not isinstance(saved[1], _Attended):
            return super().attention_vjp(saved, mask, delta)
        result, (*attended, kept), scale, causal = saved
        q, k, v = attended[:3]
        lead, delta = result.shape[:-2], _heads(delta.astype(F32, copy=False))
        of_kept = None
        if mask[4]:  # dropout's mask is a constant; whoever wants its gradient gets it the textbook's way
            again = super().attention(q, k, v, None, kept, scale, causal)[1]
            of_kept = super().attention_vjp(again, (False,) * 4 + (True,), delta)[4]
        if all(mask[:3]) and _packed(q, k, v):
            N, H, L, E = q.shape
            packed = np.empty((N, L, 3, H, E), F32).transpose(2, 0, 3, 1, 4)
            _cpu.attention_vjp(strided(delta), *attended, scale, causal, None, None, None, packed, kept)
            grads = list(packed)
        else:
            grads = [np.empty_like(x) if need else None for x, need in zip((q, k, v), mask, strict=False)]
            _cpu.attention_vjp(strided(delta), *attended, scale, causal, *grads, None, kept)
        dq, dk, dv, dkept = (
            g if g is None or len(lead) == 2 else g.reshape(*lead, *g.shape[2:]) for g in (*grads, of_kept)
        )
        return dq, dk, dv, None, dkept


def _heads(x: Array) -> Array:
    """(..., rows, columns) as (N, H, rows, columns)."""
    lead = x.shape[:-2]
    if len(lead) != 2:
        x = x.reshape(math.prod(lead[:-1]), math.prod(lead[-1:]), *x.shape[-2:])
    return x


def _packed(q: Array, k: Array, v: Array) -> bool:
    """Are these the thirds of one projection (N, L, 3 H E)? Then so are their gradients, which need no joining."""
    (_, H, L, E), item = q.shape, F32.itemsize
    third = H * E * item
    strides = (L * 3 * third, E * item, 3 * third, item)
    if not q.size or not q.strides == k.strides == v.strides == strides or not q.shape == k.shape == v.shape:
        return False
    at = [x.__array_interface__["data"][0] for x in (q, k, v)]
    return at[1] - at[0] == at[2] - at[1] == third
