"""Smooth activations: y from x, and dC/dx from what the forward kernel saved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .softmax import wide
from .special import erf

Array = np.ndarray

_FAR = 1e4  # beyond it, what multiplies x is 0 in every type; and inf * 0 would be NaN
_TAIL = -1.5  # below it, 1 + erf has lost a digit of float32


def normal_cdf(x: Array) -> Array:
    """P(n <= x) for a standard normal n: erfc(-x / sqrt 2) / 2, with full relative accuracy in the lower tail.

    In float32 only the tail, a fifteenth of normal numbers, needs erfc, which costs more than erf.
    """
    z = x * x.dtype.type(-1 / math.sqrt(2))
    if x.dtype == np.float64:
        return erf(z, True) / 2
    y = ((1 - erf(z)) / 2).astype(x.dtype, copy=False)
    low = x < _TAIL
    if low.any():
        y[low] = erf(z[low], True) / 2
    return y


class Smooth:
    """The part of NumpyBackend that bends without a kink. Its tanh and sigmoid are the backend's own."""

    tanh: Any
    sigmoid: Any

    def gelu(self, x: Array, approximate: str) -> tuple[Array, Any]:
        z = wide(x)
        if approximate == "none":
            p, t = normal_cdf(z), None
        else:
            t = self.tanh(_inner(z))[0]
            p = 0.5 + 0.5 * t
        return (np.maximum(z, -_FAR) * p).astype(x.dtype, copy=False), (z, p, t)

    def gelu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        x, p, t = saved
        x = np.clip(x, -_FAR, _FAR)
        if t is None:  # y' = P(x) + x P'(x), P' the normal density
            density = np.exp(-0.5 * x * x) * x.dtype.type(1 / math.sqrt(2 * math.pi))
        else:
            slope = x.dtype.type(math.sqrt(2 / math.pi)) * (1 + x.dtype.type(3 * 0.044715) * x * x)
            density = 0.5 * (1 - t * t) * slope
        return ((wide(delta) * (p + x * density)).astype(delta.dtype, copy=False),)

    def silu(self, x: Array) -> tuple[Array, Any]:
        z = wide(x)
        s = self.sigmoid(z)[0]
        return (np.maximum(z, -_FAR) * s).astype(x.dtype, copy=False), (z, s)

    def silu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        x, s = saved
        slope = s + s * (np.clip(x, -_FAR, _FAR) * (1 - s))  # y' = s + x s (1 - s)
        return ((wide(delta) * slope).astype(delta.dtype, copy=False),)

    def softplus(self, x: Array) -> tuple[Array, Any]:
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), x

    def softplus_vjp(self, x: Array, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return (delta * self.sigmoid(x)[0],)  # y' = s(x)


def _inner(x: Array) -> Array:
    c, d = x.dtype.type(math.sqrt(2 / math.pi)), x.dtype.type(0.044715)
    return c * (x + d * x * x * x)
