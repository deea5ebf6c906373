"""Other image sizes: interpolation, and channels as pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..tensor import Tensor, placed
from .adaptive import adaptive
from .check import each_dim, images, number_of, tensor_of, unlifted

_MODES = {"nearest": (1, 2), "nearest-exact": (1, 2), "area": (1, 2), "linear": (1,), "bilinear": (2,)}


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """x at OH x OW points of each image: (N, C, H, W) -> (N, C, OH, OW), or (N, C, L) -> (N, C, OL).

        nearest         y[i] = x[floor(i H / OH)]
        nearest-exact   y[i] = x[floor((i + 1/2) H / OH)]
        bilinear        y[i] = (1 - w) x[h] + w x[h + 1] along each axis, h + w = (i + 1/2) H / OH - 1/2, not below 0;
                        with ``align_corners`` h + w = i (H - 1) / (OH - 1). For (N, C, L) it is called linear
        area            the mean of windows, ``adaptive_avg_pool2d``

    Give ``size``, or ``scale_factor``, which stands for OH / H also where OH = floor(H scale_factor) was rounded
    (unless ``recompute_scale_factor``). Raises ValueError for both or neither, for other modes and for empty results.
    """
    tensor_of("interpolate", "input", input)
    n = input.ndim - 2
    if n not in (1, 2):
        raise ValueError(f"interpolate: input must be (N, C, H, W) or (N, C, L), got shape {input.shape}")
    if n not in _MODES.get(mode, ()):
        names = ", ".join(k for k, dims in _MODES.items() if n in dims)
        raise ValueError(f"interpolate: mode {mode!r} does not fit input {input.shape}; use one of {names}")
    if align_corners is not None and mode not in ("linear", "bilinear"):
        raise ValueError(f"interpolate: align_corners is for linear and bilinear, mode {mode!r} has no use for it")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give size or scale_factor, and not both")
    if min(input.shape[2:]) < 1:
        raise ValueError(f"interpolate: input of shape {input.shape} has empty images")
    factors: list[float | None] = [None] * n
    if size is None:
        given = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * n
        if len(given) != n:
            raise ValueError(f"interpolate: scale_factor must be a number or {n}, got {scale_factor!r:.40}")
        scales = [number_of("interpolate", "scale_factor", f) for f in given]
        out = tuple(math.floor(m * f) for m, f in zip(input.shape[2:], scales, strict=True))
        if min(out) < 1:
            raise ValueError(f"interpolate: scale_factor {scale_factor} makes {input.shape[2:]} empty")
        factors = factors if recompute_scale_factor else [*scales]
    else:
        out = each_dim("interpolate", "size", size, n, 1)
    if mode == "area":
        return adaptive("interpolate", n, input, out)
    x, _ = images("interpolate", input, n)
    for axis, o, factor in zip(range(4 - n, 4), out, factors, strict=True):
        if "linear" in mode:
            x = _linear(x, axis, o, factor, bool(align_corners))
        else:
            x = _nearest(x, axis, o, factor, 0.5 if mode == "nearest-exact" else 0.0)
    return unlifted(x.clone() if np.may_share_memory(x.array, input.array) else x, n, True)


def _nearest(x: Tensor, axis: int, out: int, factor: float | None, offset: float) -> Tensor:
    n = x.shape[axis]
    scale = np.float32(n / out if factor is None else 1 / factor)  # PyTorch computes positions in float32
    position = np.minimum(np.floor((np.arange(out) + np.float32(offset)).astype(np.float32) * scale).astype(int), n - 1)
    if out % n == 0 and np.array_equal(position, np.arange(out) // (out // n)):  # repeated, and summed on the way back
        wide = (*x.shape[:axis], n, out // n, *x.shape[axis + 1 :])
        return x.unsqueeze(axis + 1).broadcast_to(wide).reshape(*x.shape[:axis], out, *x.shape[axis + 1 :])
    return ops.getitem(x, index=(slice(None),) * axis + (position,))


def _linear(x: Tensor, axis: int, out: int, factor: float | None, corners: bool) -> Tensor:
    n, kind = x.shape[axis], np.dtype(np.float64 if x.dtype == np.float64 else np.float32)
    if out == n:  # also where the factor is not quite 1
        return x
    i = np.arange(out, dtype=kind)
    if corners:
        place = i * kind.type((n - 1) / (out - 1) if out > 1 else 0)
    else:
        half, step = kind.type(0.5), kind.type(n / out if factor is None else 1 / factor)
        place = np.maximum((i + half) * step - half, 0)
    low = np.minimum(place.astype(int), n - 1)
    share = np.clip(place - low, 0, 1).astype(x.dtype).reshape(out, *[1] * (3 - axis))
    weight = Tensor(placed(share, x.device))
    before = (slice(None),) * axis
    left = ops.getitem(x, index=(*before, low))
    return left * (1 - weight) + ops.getitem(x, index=(*before, np.minimum(low + 1, n - 1))) * weight


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """y[c, r h + i, r w + j] = x[c r^2 + r i + j, h, w]: (..., C r^2, H, W) -> (..., C, r H, r W), r the factor (Shi
    2016). Raises ValueError where r^2 does not divide the channels."""
    C, H, W, r = _pixels("pixel_shuffle", "upscale_factor", input, upscale_factor)
    if C % (r * r):
        raise ValueError(f"pixel_shuffle: {C} channels of input {input.shape} are not divisible by {r}^2 = {r * r}")
    lead, k = input.shape[:-3], input.ndim - 3
    x = input.reshape(*lead, C // (r * r), r, r, H, W)
    return x.permute(*range(k + 1), k + 3, k + 1, k + 4, k + 2).reshape(*lead, C // (r * r), H * r, W * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """What ``pixel_shuffle`` did, undone: (..., C, r H, r W) -> (..., C r^2, H, W). Raises ValueError where r does not
    divide height and width."""
    C, H, W, r = _pixels("pixel_unshuffle", "downscale_factor", input, downscale_factor)
    if H % r or W % r:
        raise ValueError(f"pixel_unshuffle: height and width of input {input.shape} must be divisible by {r}")
    lead, k = input.shape[:-3], input.ndim - 3
    x = input.reshape(*lead, C, H // r, r, W // r, r)
    return x.permute(*range(k + 1), k + 2, k + 4, k + 1, k + 3).reshape(*lead, C * r * r, H // r, W // r)


def _pixels(name: str, argument: str, input: Tensor, factor: int) -> tuple[int, int, int, int]:
    tensor_of(name, "input", input, floating=False)
    if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1:
        raise ValueError(f"{name}: {argument} must be an integer of at least 1, got {factor!r}")
    if input.ndim < 3:
        raise ValueError(f"{name}: input must be (..., C, H, W), got shape {input.shape}")
    C, H, W = input.shape[-3:]
    return C, H, W, factor
