"""Matrix products and convolutions."""

from __future__ import annotations

import math

import numpy as np

from ..conv import output_size
from ..numpy import NumpyBackend
from .arrays import F32, Array, Pair, fast, ready, strided
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

    def _product(self, x: Array, y: Array, out: Array) -> None:
        _cpu.matmul(strided(x), strided(y), out, self.chosen.get("matmul", ""))

    def conv2d(self, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
        if not fast(x, w):
            return super().conv2d(x, w, stride, padding, dilation, groups)
        h, v = x.shape[2:]
        size = output_size((h, v), (w.shape[2], w.shape[3]), stride, padding, dilation)
        out = np.empty((len(x), len(w), *size), F32)
        _cpu.conv2d(ready(x), ready(w), out, stride, padding, dilation, groups, self.chosen.get("conv2d", ""))
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
