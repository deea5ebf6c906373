"""Padding: constants, or what a mirror, the edge or the other side shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..op import op
from ..tensor import Tensor
from .check import check_tensor, sizes_of
from .index import getitem
from .join import cat
from .shape import broadcast_to, clone

Array = np.ndarray


@op
def _constant(be: Any, x: Array, *, pad: Sequence[int], value: float = 0.0) -> Array:
    widths = _widths(pad, x.ndim)
    if not pad:
        return x.copy()
    inner = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, x.shape, strict=True))]
    return np.pad(inner, [(max(a, 0), max(b, 0)) for a, b in widths], constant_values=value)


_constant.name = "pad"
_constant.vjps(lambda delta, _z, _x, *, pad: _constant(delta, pad=[-p for p in pad]))


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """z = x with borders: ``pad`` = (left, right, top, bottom, ...), the last dimension first; negative numbers crop.

        constant   v v | a b c | v v      v is ``value``, 0 by default; any number of dimensions
        reflect    c b | a b c | b a      the edge is the mirror: less than the size on each side
        replicate  a a | a b c | c c
        circular   b c | a b c | a b      at most the size on each side

    All but constant pad the last 1, 2 or 3 dimensions of x, which has one or two more, as (N, C, L), (N, C, H, W) or
    (N, C, D, H, W), the batch being optional. Raises ValueError for borders that do not fit.
    """
    check_tensor("pad", input)
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ValueError(f"pad: mode {mode!r} is unknown; use 'constant', 'reflect', 'replicate' or 'circular'")
    sides = sizes_of("pad", "pad", pad)
    if len(sides) % 2 or len(sides) // 2 > input.ndim:
        raise ValueError(
            f"pad: needs two numbers for each of up to {input.ndim} dimensions of shape {input.shape}, got {sides}"
        )
    widths = _widths(sides, input.ndim)
    if any(n + min(a, 0) + min(b, 0) < 0 for (a, b), n in zip(widths, input.shape, strict=True)):
        raise ValueError(f"pad: {sides} crops more from shape {input.shape} than it has")
    if mode == "constant":
        return _constant(input, pad=sides, value=0.0 if value is None else value)
    k = len(sides) // 2
    if value:
        raise ValueError(f"pad: value={value!r} is for mode 'constant', mode {mode!r} has no use for it")
    if not 1 <= k <= 3 or input.ndim not in (k + 1, k + 2):
        raise ValueError(
            f"pad: mode {mode!r} pads the last 1, 2 or 3 dimensions of a tensor that has one or two more, got {sides} "
            f"for shape {input.shape}; unsqueeze(0) adds one"
        )
    z = input
    for axis, (a, b) in enumerate(widths):
        if a or b:
            z = _bordered(z, axis, a, b, mode, sides, input.shape)
    return clone(z) if z is input else z


def _widths(pad: Sequence[int], ndim: int) -> list[tuple[int, int]]:
    """(before, after) for each dimension, the first dimension first."""
    return [(0, 0)] * (ndim - len(pad) // 2) + [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]


def _bordered(x: Tensor, axis: int, a: int, b: int, mode: str, sides: tuple, shape: tuple) -> Tensor:
    if mode == "circular" and min(a, b) < 0:  # PyTorch crops first here, and wraps what is left
        x, a, b = _cut(x, axis, max(-a, 0), x.shape[axis] - max(-b, 0)), max(a, 0), max(b, 0)
    n = x.shape[axis]
    before, after = max(a, 0), max(b, 0)
    limit = {"reflect": n - 1, "circular": n}.get(mode, max(before, after))
    if n == 0 or max(before, after) > limit:
        raise ValueError(
            f"pad: {sides} does not fit shape {shape}: mode {mode!r} can add at most {max(limit, 0) if n else 0} on "
            f"each side of dim {axis}"
        )
    if mode == "reflect":  # without repeating the edge
        left = _cut(x, axis, before, 0, -1)
        right = _cut(x, axis, n - 2, n - 2 - after if after < n - 1 else None, -1)
    elif mode == "circular":
        left, right = _cut(x, axis, n - before, n), _cut(x, axis, 0, after)
    else:
        left, right = (
            broadcast_to(_cut(x, axis, edge, edge + 1), shape=(*x.shape[:axis], count, *x.shape[axis + 1 :]))
            for edge, count in ((0, before), (n - 1, after))
        )
    z = cat(*[part for part in (left, x, right) if part.shape[axis]], dim=axis)
    return z if min(a, b) >= 0 else _cut(z, axis, max(-a, 0), z.shape[axis] - max(-b, 0))


def _cut(x: Tensor, axis: int, start: int, stop: int | None, step: int = 1) -> Tensor:
    return getitem(x, index=(slice(None),) * axis + (slice(start, stop, step), ...))
