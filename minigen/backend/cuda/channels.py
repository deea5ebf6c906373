"""Kernels along channels: batch and group norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from .composed import Array
from .rows import F32, Rows

BATCH = "batch_norm/batch_norm"


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
        y, parts = self.xp.empty(x.shape, F32), self.xp.empty((C, 2), F32)
        mean, var, rstd = (self.xp.empty(C, F32) for _ in range(3))
        outs, sizes = (y, mean, parts, var, rstd), (N, C, S, eps)
        threads, memory = self._kept(C, N * S, 1 if S % 4 else 4)
        if threads:
            self.launch(BATCH, "batch_norm", (C,), (threads,), [x, weight, bias, *outs, *sizes], memory)
        else:
            seen, grid = self._seen(x, N, C, S)
            args = [x, seen, weight, bias, *outs, *sizes, grid[1]]
            self.launch(BATCH, "batch_norm_in_parts", grid, (256,), args)
        return (y, mean, var), Batch(x, parts, rstd, weight)

    def batch_norm_vjp(self, saved: Any, mask: Sequence[bool], delta: Array, *_unused: Any) -> tuple[Array | None, ...]:
        if not isinstance(saved, Batch):
            return super().batch_norm_vjp(saved, mask, delta, *_unused)
        x, parts, rstd, _ = saved
        (N, C), S, delta = x.shape[:2], math.prod(x.shape[2:]), self.wide(delta)
        dx = self.xp.empty(x.shape, F32) if mask[0] else None
        dweight, dbias = self.xp.empty(C, F32), self.xp.empty(C, F32)
        threads, memory = self._kept(C, N * S, 1 if S % 4 else 4, of_each=2)
        if dx is not None and threads:
            args = [*saved, delta, dx, dweight, dbias, N, C, S]
            self.launch(BATCH, "batch_norm_vjp", (C,), (threads,), args, memory)
        else:
            splits = _splits(N * S, C)
            grid, sums = (C, splits), self.xp.empty((splits, C, 2), F32)
            self.launch(BATCH, "batch_norm_vjp_sums", grid, (256,), [x, parts, rstd, delta, sums, N, C, S, splits])
            args = [*saved, delta, sums, dx, dweight, dbias, N, C, S, splits]
            self.launch(BATCH, "batch_norm_vjp_in_parts", grid, (256,), args)
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
        n, file, outs, sizes = C // groups * S, "group_norm/group_norm", (y, mean, rstd), (groups, C, S, eps, silu)
        threads, memory = self._kept(rows, n, 1 if S % 4 else 4)
        if threads:
            self.launch(file, "group_norm", (rows,), (threads,), [x, weight, bias, *outs, *sizes], memory)
        else:
            seen, grid = self._seen(x, 1, rows, n)
            args = [x, seen, weight, bias, *outs, rows, *sizes, grid[1]]
            self.launch(file, "group_norm_in_parts", grid, (256,), args)
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

    def _kept(self, rows: int, n: int, wide: int, of_each: int = 1) -> tuple[int, int]:
        """Threads and bytes of shared memory of blocks that each keep a row of n numbers of one or two arrays.

        See kept.cuh; ``wide`` numbers move at once. (0, 0) where a row is too long to be kept, or where so few rows
        would leave most of the multiprocessors idle.
        """
        (threads,) = _threads(n, 1024)
        own = 4 * wide * threads  # numbers in registers
        memory = 128 + 4 * max(0, of_each * n - own)  # the first 32 floats are for sums
        fits = memory <= _most_shared(getattr(self.xp, "cuda", None))
        return (threads, memory) if fits and (3 * rows >= self.launcher.multiprocessors or n <= 4096) else (0, 0)

    def _seen(self, x: Array, N: int, rows: int, S: int) -> tuple[Array, tuple[int, int]]:
        """What parts of rows have been seen, and the grid: (rows, parts of each)."""
        splits = _splits(N * S, rows)
        grid, seen = (rows, splits), self.xp.empty((splits, rows, 4), F32)
        self.launch(BATCH, "batch_norm_see", grid, (256,), [x, seen, N, rows, S, splits])
        return seen, grid


def _splits(elements: int, channels: int) -> int:
    """Among how many blocks to split each channel: enough to keep a GPU busy, each with work for its threads.

    At most as many as a warp has lanes: it puts them together.
    """
    return max(1, min(32, elements // 2048, 2048 // channels))


def _threads(n: int, most: int) -> tuple[int]:
    """Threads of a block for n numbers: 32 for each, in whole warps."""
    return (min(most, 32 * max(1, -(-n // 1024))),)


@cache
def _most_shared(cuda: Any) -> int:
    """Bytes of shared memory that a block may have; ``cuda`` is CuPy's. The emulator gives what every GPU does."""
    return cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"] if hasattr(cuda, "Device") else 48 << 10
