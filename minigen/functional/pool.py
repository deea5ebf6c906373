"""Pooling: the maximum or the mean of windows. One dimension is two with a height of 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backend import of
from ..creation import ones
from ..tensor import Tensor, placed
from .check import each_dim, images, unlifted

Size = int | tuple[int, ...]
Sizes = tuple[int, ...]


def _output(name: str, size: Sizes, settings: Any, ceil_mode: bool) -> Sizes:
    """How many windows fit; with ``ceil_mode`` also one that begins inside the image or its left padding."""
    k, s, p, d = settings
    if any(pp > (dd * (kk - 1) + 1) // 2 for pp, dd, kk in zip(p, d, k, strict=True)):
        raise ValueError(f"{name}: padding {p} must be at most half of kernel_size {k}, or a window would see no image")
    out = []
    for n, kk, ss, pp, dd in zip(size, k, s, p, d, strict=True):
        room = n + 2 * pp - dd * (kk - 1) - 1
        o = (room + (ss - 1 if ceil_mode else 0)) // ss + 1
        out.append(o - 1 if ceil_mode and (o - 1) * ss >= n + pp else o)
    if min(out) < 1 or min(size) < 1:
        raise ValueError(f"{name}: kernel {k} with dilation {d} is larger than the input {size} with padding {p}")
    return tuple(out)


def _settings(name: str, n: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> list[Sizes]:
    k = each_dim(name, "kernel_size", kernel_size, n, 1)
    s = k if stride is None or stride == () else each_dim(name, "stride", stride, n, 1)
    return [k, s, each_dim(name, "padding", padding, n, 0), each_dim(name, "dilation", dilation, n, 1)]


def _pairs(n: int, settings: list[Sizes]) -> list[Any]:
    """Kernel, stride, padding and dilation for images; a line has the height 1."""
    return settings if n == 2 else [(q, *v) for q, v in zip((1, 1, 0, 1), settings, strict=True)]


def _max_pool(name: str, n: int, input: Tensor, settings: list[Sizes], ceil_mode: bool, return_indices: bool) -> Any:
    x, batched = images(name, input, n, floating=False)
    _output(name, x.shape[4 - n :], settings, ceil_mode)
    k, s, p, d = pairs = _pairs(n, settings)
    out: Any = _output(name, x.shape[2:], pairs, ceil_mode)
    N, C, H, W = x.shape
    for m, o, kk, ss, pp, dd in zip((H, W), out, k, s, p, d, strict=True):
        start = np.arange(o) * ss - pp
        if (np.where(start < 0, start % dd, start) >= m).any():  # taps left and right of a narrow image
            raise ValueError(
                f"{name}: with padding {pp} and dilation {dd} some window of {kk} sees nothing of the input "
                f"{input.shape}; pad less"
            )
    found = Tensor(of(x.array).max_positions(x.array, k, s, p, d, out))
    y = ops.gather(x.reshape(N, C, H * W), found.reshape(N, C, out[0] * out[1]), dim=2).reshape(N, C, *out)
    return (unlifted(y, n, batched), unlifted(found, n, batched)) if return_indices else unlifted(y, n, batched)


def max_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """y[n,c,i] = max_p x[n,c, s i + d p - P]: (N, C, L) or (C, L). See ``max_pool2d``."""
    settings = _settings("max_pool1d", 1, kernel_size, stride, padding, dilation)
    return _max_pool("max_pool1d", 1, input, settings, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """y[n,c,i,j] = max_{p,q} x[n,c, s i + d p - P, s j + d q - P]: (N, C, H, W) or (C, H, W) -> (N, C, OH, OW).

    ``stride`` is kernel_size by default. OH = floor((H + 2P - d (KH - 1) - 1) / s) + 1; with ``ceil_mode`` rounded up,
    as long as the last window begins inside. What lies outside the image counts as -inf. The first maximum of a window
    gets the gradient. ``return_indices``: also its position h W + w, int64.

    Raises ValueError where the padding is more than half of the kernel or no window fits.
    """
    settings = _settings("max_pool2d", 2, kernel_size, stride, padding, dilation)
    return _max_pool("max_pool2d", 2, input, settings, ceil_mode, return_indices)


def _counts(size: int, out: int, k: int, s: int, p: int, with_padding: bool) -> np.ndarray:
    """How many places of the (padded) line each window covers; none counts that ceil_mode adds beyond the padding."""
    start = np.arange(out) * s - p
    end = np.minimum(start + k, size + p)
    return end - start if with_padding else np.minimum(end, size) - np.maximum(start, 0)


def _avg_pool(
    name: str, n: int, input: Tensor, settings: list[Sizes], ceil_mode: bool, count_include_pad: bool,
    divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    x, batched = images(name, input, n)
    if divisor_override is not None and (not isinstance(divisor_override, int) or divisor_override == 0):
        raise ValueError(f"{name}: divisor_override must be an integer other than 0, got {divisor_override!r}")
    _output(name, x.shape[4 - n :], settings, ceil_mode)
    k, s, p, _ = pairs = _pairs(n, settings)
    N, C, H, W = x.shape
    out = _output(name, (H, W), pairs, ceil_mode)
    beyond = [max((o - 1) * ss + kk - m - 2 * pp, 0) for o, ss, kk, m, pp in zip(out, s, k, (H, W), p, strict=True)]
    planes = x.reshape(N * C, 1, H, W)  # the sum of a window is a convolution with ones
    planes = ops.pad(planes, (0, beyond[1], 0, beyond[0])) if any(beyond) else planes
    total = ops.conv2d(planes, ones(1, 1, *k, dtype=x.dtype, device=x.device), stride=s, padding=p).reshape(N, C, *out)
    if divisor_override is not None:
        return unlifted(total / divisor_override, n, batched)
    rows, columns = (_counts(*args, count_include_pad) for args in zip((H, W), out, k, s, p, strict=True))
    count = np.outer(rows, columns)
    if (count == count.flat[0]).all():
        return unlifted(total / int(count.flat[0]), n, batched)
    return unlifted(total / Tensor(placed(count.astype(x.dtype), x.device)), n, batched)


def avg_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """y[n,c,i] = (1/K) sum_p x[n,c, s i + p - P]: (N, C, L) or (C, L). See ``avg_pool2d``."""
    settings = _settings("avg_pool1d", 1, kernel_size, stride, padding)
    return _avg_pool("avg_pool1d", 1, input, settings, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """y[n,c,i,j] = (1/(KH KW)) sum_{p,q} x[n,c, s i + p - P, s j + q - P]: (N, C, H, W) or (C, H, W).

    Output sizes are those of ``max_pool2d``. Zeros of the padding count as elements unless ``count_include_pad`` is
    False; what ``ceil_mode`` adds beyond the padding never does. ``divisor_override`` replaces the count.

    Raises ValueError where the padding is more than half of the kernel or no window fits.
    """
    settings = _settings("avg_pool2d", 2, kernel_size, stride, padding)
    return _avg_pool("avg_pool2d", 2, input, settings, ceil_mode, count_include_pad, divisor_override)
