"""Kernels along channels: batch and group norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from .composed import Array
from .rows import F32, Rows


class Batch(NamedTuple):
    """What batch norm's kernels keep; ``parts`` is the mean as two floats."""

    x: Array
    parts: Array
    rstd: Array
    weight: Array | None


class Grouped(NamedTuple):
    """What group norm's kernels keep."""

    x: Array
    mean: Array
    rstd: Array
    weight: Array | None
    bias: Array | None
    groups: int
    silu: int


class Channels(Rows):
    """The part of CudaBackend that normalises (N, C, ...)."""

    def batch_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float
    ) -> tuple[tuple[Array, ...], Any]:
        if self.rung("batch_norm") is None or x.dtype != F32 or not x.size:
            return super().batch_norm(x, weight, bias, eps)
        x, weight, bias = self.wide(x), self.ready_or_none(weight), self.ready_or_none(bias)
        (N, C), S = x.shape[:2], math.prod(x.shape[2:])
        splits = _splits(N * S, C)
        sizes, grid = (N, C, S, splits), (C, splits)
        distances = self.xp.empty((splits, C, 3), F32)
        y, parts = self.xp.empty(x.shape, F32), self.xp.empty((C, 2), F32)
        mean, var, rstd = (self.xp.empty(C, F32) for _ in range(3))
        file = "batch_norm/batch_norm"
        self.launch(file, "batch_norm_distances", grid, (256,), [x, distances, *sizes])
        args = [x, distances, weight, bias, y, mean, parts, var, rstd, *sizes, eps]
        self.launch(file, "batch_norm", grid, (256,), args)
        return (y, mean, var), Batch(x, parts, rstd, weight)

    def batch_norm_vjp(self, saved: Any, mask: Sequence[bool], delta: Array, *_unused: Any) -> tuple[Array | None, ...]:
        if not isinstance(saved, Batch):
            return super().batch_norm_vjp(saved, mask, delta, *_unused)
        x, delta = saved.x, self.wide(delta)
        (N, C), S = x.shape[:2], math.prod(x.shape[2:])
        splits = _splits(N * S, C)
        sizes, grid = (N, C, S, splits), (C, splits)
        sums = self.xp.empty((splits, C, 2), F32)
        dx = self.xp.empty(x.shape, F32) if mask[0] else None
        dweight, dbias = self.xp.empty(C, F32), self.xp.empty(C, F32)
        file = "batch_norm/batch_norm"
        self.launch(file, "batch_norm_vjp_sums", grid, (256,), [x, saved.parts, saved.rstd, delta, sums, *sizes])
        self.launch(file, "batch_norm_vjp", grid, (256,), [*saved, delta, sums, dx, dweight, dbias, *sizes])
        return dx, dweight if mask[1] else None, dbias if mask[2] else None

    def group_norm(
        self, x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
    ) -> tuple[Array, Any]:
        if self.rung("group_norm") is None or x.dtype != F32 or not x.size:
            return super().group_norm(x, weight, bias, groups, eps)
        return self._group_norm(x, weight, bias, groups, eps, 0)

    def group_norm_silu(
        self, x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
    ) -> tuple[Array, Any]:
        if self.rung("group_norm") is None or x.dtype != F32 or not x.size:
            return super().group_norm_silu(x, weight, bias, groups, eps)
        return self._group_norm(x, weight, bias, groups, eps, 1)

    def group_norm_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if isinstance(saved, Grouped):
            return self._group_norm_vjp(saved, mask, delta)
        return super().group_norm_vjp(saved, mask, delta)

    def group_norm_silu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if isinstance(saved, Grouped):
            return self._group_norm_vjp(saved, mask, delta)
        return super().group_norm_silu_vjp(saved, mask, delta)

    def _group_norm(
        self, x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float, silu: int
    ) -> tuple[Array, Grouped]:
        x, weight, bias = self.wide(x), self.ready_or_none(weight), self.ready_or_none(bias)
        rows, C, S = len(x) * groups, x.shape[1], math.prod(x.shape[2:])
        y, mean, rstd = self.xp.empty(x.shape, F32), self.xp.empty((rows, 2), F32), self.xp.empty(rows, F32)
        n = C // groups * S
        kept = min(n, _most_kept(getattr(self.xp, "cuda", None)))
        args = [x, weight, bias, y, mean, rstd, groups, C, S, eps, silu, kept]
        self.launch("group_norm/group_norm", "group_norm", (rows,), _threads(n, 512), args, 128 + 4 * kept)
        return y, Grouped(x, mean, rstd, weight, bias, groups, silu)

    def _group_norm_vjp(self, saved: Grouped, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        x, mean, rstd, weight, bias, groups, silu = saved
        (N, C), S, delta, dx = x.shape[:2], math.prod(x.shape[2:]), self.wide(delta), None
        file, kept = "group_norm/group_norm", (x, mean, rstd, weight, bias, delta)
        if mask[0]:
            dx = self.xp.empty(x.shape, F32)
            args = [*kept, dx, groups, C, S, silu]
            self.launch(file, "group_norm_vjp", (N * groups,), _threads(C // groups * S, 512), args)
        if not (mask[1] or mask[2]):
            return dx, None, None
        dweight, dbias = self.xp.empty(C, F32), self.xp.empty(C, F32)
        args = [*kept, dweight, dbias, N, groups, C, S, silu]
        self.launch(file, "group_norm_weights", (C,), _threads(N * S, 1024), args)
        return dx, dweight if mask[1] else None, dbias if mask[2] else None


def _splits(elements: int, channels: int) -> int:
    """Among how many blocks to split each channel: enough to keep a GPU busy, each with work for its threads.

    At most as many as a warp has lanes: it puts them together.
    """
    return max(1, min(32, elements // 2048, 2048 // channels))


def _threads(n: int, most: int) -> tuple[int]:
    """Threads of a block for n numbers: 32 for each, in whole warps."""
    return (min(most, 32 * max(1, -(-n // 1024))),)


@cache
def _most_kept(cuda: Any) -> int:
    """How many floats a block keeps in shared memory where two blocks share a multiprocessor; ``cuda`` is CuPy's.

    At most 96 KB, which leaves room to the first-level cache. Each block also needs 128 bytes for sums, and 1 KB is the
    driver's. The emulator gives what every GPU does.
    """
    most = cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"] if hasattr(cuda, "Device") else 96 << 10
    return min(most // 2 - 2048, 96 << 10) // 16 * 4
