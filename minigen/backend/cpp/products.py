"""Matrix products and convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..conv import output_size
from ..numpy import NumpyBackend
from .arrays import F32, Array, Pair, fast, ready, ready_or_none, strided
from .native import kernels as _cpu


class Products(NumpyBackend):
    """The part of CppBackend that is one great product."""

    def matmul(self, x: Array, y: Array) -> Array:
        if not fast(x, y) or x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-2]:
            return super().matmul(x, y)  # vectors, other dtypes, and NumPy's error for shapes that don't fit
        if y.ndim == 2:  # a batch of matrices times one matrix is one tall product
            out = np.empty((*x.shape[:-1], y.shape[1]), F32)
            rows = math.prod(x.shape[:-1])
            self._product(x.reshape(rows, x.shape[-1]), y, out.reshape(rows, y.shape[1]))
            return out
        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        out = np.empty((*batch, x.shape[-2], y.shape[-1]), F32)
        self._product(np.broadcast_to(x, batch + x.shape[-2:]), np.broadcast_to(y, batch + y.shape[-2:]), out)
        return out

    def _product(self, x: Array, y: Array, out: Array, bias: Array | None = None) -> None:
        _cpu.matmul(strided(x), strided(y), out, self.chosen.get("matmul", ""), bias)

    def linear(self, x: Array, w: Array, b: Array | None) -> tuple[Array, Any]:
        if not fast(x, w, b):
            return super().linear(x, w, b)
        out = np.empty((*x.shape[:-1], len(w)), F32)
        self._product(_rows(x), w.T, _rows(out), ready_or_none(b))
        return out, (x, w)

    def linear_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        x, w = saved
        if not fast(x, w, delta):
            return super().linear_vjp(saved, mask, delta)
        rows, dx, dw, db = _rows(delta), None, None, None
        if mask[0]:
            self._product(rows, w, _rows(dx := np.empty(x.shape, F32)))
        if mask[1]:
            self._product(rows.T, _rows(x), dw := np.empty(w.shape, F32))
        if mask[2]:
            _cpu.column_sums(ready(rows), db := np.empty(len(w), F32))
        return dx, dw, db

    def conv2d(self, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
        if not fast(x, w):
            return super().conv2d(x, w, stride, padding, dilation, groups)
        return self._convolved(x, w, None, stride, padding, dilation, groups)

    def _convolved(self, x: Array, w: Array, b: Array | None, stride: Pair, padding: Pair, *rest: Any) -> Array:
        h, v = x.shape[2:]
        size = output_size((h, v), (w.shape[2], w.shape[3]), stride, padding, rest[0])
        out = np.empty((len(x), len(w), *size), F32)
        _cpu.conv2d(
            ready(x), ready(w), out, stride, padding, *rest, self.chosen.get("conv2d", ""), ready_or_none(b)
        )
        return out

    def conv2d_input(
        self, g: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Array:
        if not fast(g, w):
            return super().conv2d_input(g, w, size, stride, padding, dilation, groups)
        out = np.empty((len(g), w.shape[1] * groups, *size), F32)
        _cpu.conv2d_input(ready(g), ready(w), out, stride, padding, dilation, groups)
        return out

    def conv2d_weight(
        self, g: Array, x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Array:
        if not fast(g, x):
            return super().conv2d_weight(g, x, size, stride, padding, dilation, groups)
        out = np.empty((g.shape[1], x.shape[1] // groups, *size), F32)
        _cpu.conv2d_weight(ready(g), ready(x), out, stride, padding, dilation, groups)
        return out

    def biased_conv2d(
        self, x: Array, w: Array, b: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> tuple[Array, Any]:
        if not fast(x, w, b):
            return super().biased_conv2d(x, w, b, stride, padding, dilation, groups)
        how = (stride, padding, dilation, groups)
        return self._convolved(x, w, b, *how), (x, w, how)

    def biased_conv_transpose2d(
        self, x: Array, w: Array, b: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> tuple[Array, Any]:
        if not fast(x, w, b):
            return super().biased_conv_transpose2d(x, w, b, size, stride, padding, dilation, groups)
        how = (stride, padding, dilation, groups)
        out = np.empty((len(x), w.shape[1] * groups, *size), F32)
        _cpu.conv2d_input(ready(x), ready(w), out, *how, ready(b))
        return out, (x, w, how)

    def channel_sums(self, x: Array) -> Array:
        if not fast(x):
            return super().channel_sums(x)
        _cpu.channel_sums(ready(x), out := np.empty(x.shape[1], F32))
        return out


def _rows(a: Array) -> Array:
    """(..., K) as a matrix of rows, the same memory if it can be seen so."""
    return a if a.ndim == 2 else a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
