"""Softmax, its logarithm, and cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..numpy import NumpyBackend
from .arrays import F32, Array, fast, ready, rows
from .native import kernels as _cpu

_LABELS = np.dtype(np.int64)


class _Classified(NamedTuple):
    """What cross_entropy keeps for its backward pass. The type tells it from what NumPy's keeps."""

    x: Array
    labels: Array
    top: Array
    log_sum: Array
    reduction: str


def _last(x: Array, dim: int) -> bool:
    """Does ``dim`` run along rows of at least one element?"""
    return x.ndim > 0 and dim in (-1, x.ndim - 1) and x.shape[-1] > 0


class Probability(NumpyBackend):
    """The part of CppBackend that makes probabilities; along rows, elsewhere NumPy's serves."""

    def softmax(self, x: Array, dim: int) -> tuple[Array, Any]:
        if not fast(x) or not _last(x, dim):
            return super().softmax(x, dim)
        return (y := _along_rows(_cpu.softmax, x)), (y, dim)

    def softmax_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        y, dim = saved
        if not fast(y, delta) or not _last(y, dim):
            return super().softmax_vjp(saved, mask, delta)
        return (_along_rows(_cpu.softmax_vjp, delta, y),)

    def log_softmax(self, x: Array, dim: int) -> tuple[Array, Any]:
        if not fast(x) or not _last(x, dim):
            return super().log_softmax(x, dim)
        return (y := _along_rows(_cpu.log_softmax, x)), (y, dim)

    def log_softmax_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        y, dim = saved
        if not fast(y, delta) or not _last(y, dim):
            return super().log_softmax_vjp(saved, mask, delta)
        return (_along_rows(_cpu.log_softmax_vjp, delta, y),)

    def cross_entropy(self, x: Array, labels: Array, reduction: str) -> tuple[Array, Any]:
        if not fast(x) or x.ndim != 2 or labels.dtype != _LABELS or not x.shape[1]:
            return super().cross_entropy(x, labels, reduction)
        x, labels = ready(x), ready(labels)
        loss, top, log_sum = np.empty((3, len(x)), F32)
        _cpu.cross_entropy(x, labels, loss, top, log_sum)
        return self.reduced(loss, reduction), _Classified(x, labels, top, log_sum, reduction)

    def cross_entropy_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if not isinstance(saved, _Classified):
            return super().cross_entropy_vjp(saved, mask, delta)
        *kept, reduction = saved
        each = self.spread(delta, reduction, saved.labels.shape)
        dx = np.empty(saved.x.shape, F32)
        _cpu.cross_entropy_vjp(ready(each).astype(F32, copy=False), *kept, dx)
        return dx, None


def _along_rows(kernel: Callable, *arrays: Array) -> Array:
    *lead, size = arrays[0].shape
    out = np.empty((*lead, size), F32)
    kernel(*map(rows, arrays), out.reshape(math.prod(lead), size))
    return out
