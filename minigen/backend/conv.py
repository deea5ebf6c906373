"""Two-dimensional convolution and its two gradients, the specification in NumPy.

The trilinear form S(x, w, g) = sum_{n,o,i,j} g[n,o,i,j] sum_{c,p,q} w[o,c,p,q] x[n, c, s i + d p - P, s j + d q - P]
has three partial derivatives: for g the convolution, for x its input gradient, for w its weight gradient.
Each is one loop over the taps (p, q) of the kernel: a strided window of x, and a matrix product over channels, which
NumPy hands to BLAS (einsum would loop in plain C, because of the groups, and take several times as long).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Array = np.ndarray
Pair = tuple[int, int]


def output_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, per axis."""
    h, w = (
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )
    return h, w


def taps(padded: Array, kernel: Pair, out: Pair, stride: Pair, dilation: Pair) -> Iterator[tuple[int, int, Array]]:
    """Each tap (p, q) with the window of ``padded`` that it multiplies: a strided view (N, C, OH, OW)."""
    for p in range(kernel[0]):
        for q in range(kernel[1]):
            rows = slice(p * dilation[0], p * dilation[0] + stride[0] * (out[0] - 1) + 1, stride[0])
            cols = slice(q * dilation[1], q * dilation[1] + stride[1] * (out[1] - 1) + 1, stride[1])
            yield p, q, padded[:, :, rows, cols]


def _wide(compute: Callable[..., Array]) -> Callable[..., Array]:
    """Half types in float32: NumPy's products know no bfloat16, and a sum in float16 loses its digits."""

    @functools.wraps(compute)
    def call(x: Array, y: Array, *rest: Any) -> Array:
        if x.dtype.itemsize > 2:
            return compute(x, y, *rest)
        return compute(x.astype(np.float32), y.astype(np.float32), *rest).astype(x.dtype)

    return call


def _by_tap(w: Array, groups: int) -> Array:
    """(O, C/G, KH, KW) -> (KH, KW, G, O/G, C/G): a matrix per tap and group, contiguous as BLAS wants it."""
    out, C, KH, KW = w.shape
    return w.reshape(groups, out // groups, C, KH, KW).transpose(3, 4, 0, 1, 2).copy()


def _rows(a: Array, groups: int, axis: int = 1) -> Array:
    """The channels, which lie on ``axis``, as rows of one matrix per group; all that follows them is a row."""
    return a.reshape(*a.shape[:axis], groups, a.shape[axis] // groups, math.prod(a.shape[axis + 1 :]))


@_wide
def conv2d(x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """x (N, C, H, W), w (O, C/groups, KH, KW) -> (N, O, OH, OW)."""
    kernel = w.shape[2:]
    out = output_size(x.shape[2:], kernel, stride, padding, dilation)
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    wt = _by_tap(w, groups)
    y = np.zeros((len(x), groups, w.shape[0] // groups, out[0] * out[1]), x.dtype, like=x)
    for p, q, window in taps(padded, kernel, out, stride, dilation):
        y += wt[p, q] @ _rows(window, groups)
    return y.reshape(len(x), w.shape[0], *out)


@_wide
def conv2d_input(g: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """The vector-Jacobian product for x of ``size`` (H, W); this is also what ConvTranspose2d computes."""
    wt, gg = _by_tap(w, groups), _rows(g, groups)
    channels = w.shape[1] * groups
    padded = np.zeros((len(g), channels, size[0] + 2 * padding[0], size[1] + 2 * padding[1]), g.dtype, like=g)
    for p, q, window in taps(padded, w.shape[2:], g.shape[2:], stride, dilation):
        window += (wt[p, q].swapaxes(1, 2) @ gg).reshape(window.shape)
    return padded[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]].copy()


@_wide
def conv2d_weight(g: Array, x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """The vector-Jacobian product for w with a kernel of ``size`` (KH, KW)."""
    padded = np.pad(x.swapaxes(0, 1), ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))  # (C, N, H, W)
    gg = _rows(g.swapaxes(0, 1), groups, axis=0)  # (G, O/G, N OH OW): the product sums over the images, too
    w = np.zeros((groups, g.shape[1] // groups, x.shape[1] // groups, *size), x.dtype, like=x)
    for p, q, window in taps(padded, size, g.shape[2:], stride, dilation):
        w[..., p, q] = gg @ _rows(window, groups, axis=0).swapaxes(1, 2)
    return w.reshape(g.shape[1], x.shape[1] // groups, *size)
