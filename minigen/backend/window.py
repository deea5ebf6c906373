"""Sliding windows over images: what each one sees, the sum back, and where its maximum lies.

Each is one loop over the taps (p, q) of the window; a tap is one strided view of all windows at once.
"""

from __future__ import annotations

import numpy as np

from .conv import output_size, taps

Array = np.ndarray
Pair = tuple[int, int]


def unfold(x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    """x (N, C, H, W) -> (N, C KH KW, OH OW): every window as a column."""
    out = output_size(x.shape[2:], kernel, stride, padding, dilation)
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    columns = np.empty((*x.shape[:2], *kernel, *out), x.dtype, like=x)
    for p, q, window in taps(padded, kernel, out, stride, dilation):
        columns[:, :, p, q] = window
    return columns.reshape(len(x), x.shape[1] * kernel[0] * kernel[1], out[0] * out[1])


def fold(columns: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    """(N, C KH KW, OH OW) -> (N, C, H, W) of ``size``: each column added where its window lay."""
    out = output_size(size, kernel, stride, padding, dilation)
    N, C = len(columns), columns.shape[1] // (kernel[0] * kernel[1])
    padded = np.zeros((N, C, size[0] + 2 * padding[0], size[1] + 2 * padding[1]), columns.dtype, like=columns)
    parts = columns.reshape(N, C, *kernel, *out)
    for p, q, window in taps(padded, kernel, out, stride, dilation):
        window += parts[:, :, p, q]
    return padded[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]].copy()


def max_positions(x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, out: Pair) -> Array:
    """For x (N, C, H, W) and ``out`` windows (OH, OW): the position h W + w of each window's first maximum, int64.

    What lies outside the image is no candidate, not even against -inf; NaN wins.
    """
    H, W = x.shape[2:]
    end = [(o - 1) * s + d * (k - 1) + 1 for o, s, d, k in zip(out, stride, dilation, kernel, strict=True)]
    whole = [max(n + p, e) for n, p, e in zip((H, W), padding, end, strict=True)]
    low = -np.inf if x.dtype.kind in "fV" else np.iinfo(x.dtype).min
    padded = np.empty((*x.shape[:2], *whole), x.dtype, like=x)
    padded[...] = low
    padded[:, :, padding[0] : padding[0] + H, padding[1] : padding[1] + W] = x
    starts = [np.arange(o, like=x) * s - p for o, s, p in zip(out, stride, padding, strict=True)]
    inside = [i + np.maximum(-(i // d), 0) * d for i, d in zip(starts, dilation, strict=True)]  # the first tap in x
    index = np.broadcast_to(inside[0][:, None] * W + inside[1], (*x.shape[:2], *out)).copy()
    best = np.empty(index.shape, x.dtype, like=x)
    best[...] = low
    for p, q, window in taps(padded, kernel, out, stride, dilation):
        better = (window > best) | (window != window)
        np.copyto(best, window, where=better)
        np.copyto(index, (starts[0] + p * dilation[0])[:, None] * W + starts[1] + q * dilation[1], where=better)
    return index
