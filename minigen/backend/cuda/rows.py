"""Kernels along rows: sums, softmax and its logarithm, cross-entropy, layer norm; embeddings and dropout masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .composed import Array, Composed

F32 = np.dtype(np.float32)
_MOST = 64  # parts into which a sum over many rows is split


class Classified(NamedTuple):
    """What cross_entropy's kernel keeps. The type tells it from what the composed one keeps."""

    x: Array
    labels: Array
    top: Array
    log_sum: Array
    reduction: str


class Normalised(NamedTuple):
    """What layer norm's kernel keeps; ``mean`` is two floats, high and low."""

    x: Array
    mean: Array
    rstd: Array
    weight: Array | None
    shape: tuple[int, ...]


def splits_of(rows: int, blocks: int) -> int:
    """Among how many blocks to split a sum over ``rows`` where there are only so many ``blocks`` of columns."""
    return max(1, min(_MOST, rows // 64, 512 // max(blocks, 1)))


def team(rows: int, n: int, most: int = 1024) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(grid, block) for kernels that give each row a team of threads (team.cuh), 32 numbers for each.

    A row of up to 1024 is a warp's, four warps to a block; a longer one is a block's, of at most ``most`` threads.
    """
    if n <= 1024:
        return (-(-rows // 4),), (32, 4)
    return (rows,), (min(most, 32 * -(-n // 1024)),)


def rows_of(rung: str, rows: int, n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(grid, block) of a rung of sum, softmax or layer norm; the first two give each row a block of 256 threads."""
    return team(rows, n) if rung == "v3_vector" else ((rows,), (256,))


def parts_of(rows: int, n: int) -> int:
    """Into how many equal parts to cut few long rows of a sum, so that more than ``rows`` blocks have work."""
    parts = 1
    while rows * parts < 1024 and n % (8 * parts) == 0 and n >= 8192 * parts:
        parts *= 2
    return parts


class Rows(Composed):
    """The part of CudaBackend whose kernels give each row of a matrix a warp or a block of threads."""

    def wide(self, a: Array) -> Array:
        """``a``, or a copy of it that lies in memory without gaps and begins at a multiple of 16 bytes."""
        a = self.ready(a)
        return a if self.launcher.address(a) % 16 == 0 else a.copy()

    def wide_or_none(self, a: Array | None) -> Array | None:
        return None if a is None else self.wide(a)

    def sum(self, x: Array, axes: tuple[int, ...], keepdims: bool, dtype: np.dtype) -> Array:
        rung = self.rung("sum")
        lead = x.ndim - len(axes)
        if rung is None or x.dtype != F32 or dtype != F32 or not axes or not x.size:
            return super().sum(x, axes, keepdims, dtype)
        shape = tuple([1 if a in axes else n for a, n in enumerate(x.shape)])
        kept = shape if keepdims else tuple([n for a, n in enumerate(x.shape) if a not in axes])
        if sorted(axes) == list(range(lead, x.ndim)):
            rows, n = math.prod(x.shape[:lead]), math.prod(x.shape[lead:])
            x, parts = self.wide(x), parts_of(rows, n) if rung == "v3_vector" else 1
            out = self.xp.empty((rows, parts) if parts > 1 else kept, F32)
            shape = rows * parts, n // parts
            self.launch(f"reduce/{rung}", f"reduce_{rung}", *rows_of(rung, *shape), [x, out, *shape])
            return out if parts == 1 else self.sum(out, (1,), False, dtype).reshape(kept)
        if sorted(axes) == list(range(len(axes))):
            rows, n = math.prod(x.shape[: len(axes)]), math.prod(x.shape[len(axes) :])
            return self.columns(self.ready(x), rows, n).reshape(kept)
        return super().sum(x, axes, keepdims, dtype)

    def channel_sums(self, x: Array) -> Array:
        if self.rung("sum") is None or x.dtype != F32 or not x.size:
            return super().channel_sums(x)
        rows = self.sum(x.reshape(-1, math.prod(x.shape[2:])), (1,), False, F32)  # one for each image and channel
        return self.columns(rows, *x.shape[:2])

    def columns(self, x: Array, rows: int, n: int) -> Array:
        """The sums of the columns of a matrix (rows, n)."""
        blocks = -(-n // 32)
        splits = splits_of(rows, blocks)
        parts = self.xp.empty((splits, n), F32)
        self.launch("reduce/columns", "reduce_columns", (blocks, splits), (32, 8), [x, parts, rows, n, splits])
        return parts[0] if splits == 1 else self.columns(parts, splits, n)

    # softmax --------------------------------------------------------------------------------------
    def softmax(self, x: Array, dim: int) -> tuple[Array, Any]:
        y = self._softmax(x, dim, 0)
        return super().softmax(x, dim) if y is None else (y, (y, dim))

    def log_softmax(self, x: Array, dim: int) -> tuple[Array, Any]:
        y = self._softmax(x, dim, 1)
        return super().log_softmax(x, dim) if y is None else (y, (y, dim))

    def softmax_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        dx = self._softmax_vjp(saved, delta, 0)
        return super().softmax_vjp(saved, mask, delta) if dx is None else (dx,)

    def log_softmax_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        dx = self._softmax_vjp(saved, delta, 1)
        return super().log_softmax_vjp(saved, mask, delta) if dx is None else (dx,)

    def _softmax(self, x: Array, dim: int, logarithm: int) -> Array | None:
        rung = self.rung("softmax")
        if rung is None or x.dtype != F32 or not x.ndim or dim not in (-1, x.ndim - 1) or not x.size:
            return None
        y, n = self.xp.empty(x.shape, F32), x.shape[-1]
        rows = x.size // n
        args = [self.wide(x), y, rows, n, logarithm]
        self.launch(f"softmax/{rung}", f"softmax_{rung}", *rows_of(rung, rows, n), args)
        return y

    def _softmax_vjp(self, saved: Any, delta: Array, logarithm: int) -> Array | None:
        y, dim = saved
        if self.rung("softmax") is None or y.dtype != F32 or not y.ndim or dim not in (-1, y.ndim - 1) or not y.size:
            return None
        dx, n = self.xp.empty(y.shape, F32), y.shape[-1]
        args = [self.wide(y), self.wide(delta), dx, y.size // n, n, logarithm]
        self.launch("softmax/vjp", "softmax_vjp", *team(y.size // n, n, 512), args)
        return dx

    def cross_entropy(self, x: Array, labels: Array, reduction: str) -> tuple[Array, Any]:
        fits = x.dtype == F32 and x.ndim == 2 and labels.dtype == np.int64 and x.size
        if self.rung("cross_entropy") is None or not fits:
            return super().cross_entropy(x, labels, reduction)
        x, labels = self.ready(x), self.ready(labels)
        loss, top, log_sum = (self.xp.empty(len(x), F32) for _ in range(3))
        args = [x, labels, loss, top, log_sum, *x.shape]
        self.launch("loss/cross_entropy", "cross_entropy", (len(x),), (128,), args)
        return self.reduced(loss, reduction), Classified(x, labels, top, log_sum, reduction)

    def cross_entropy_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if not isinstance(saved, Classified):
            return super().cross_entropy_vjp(saved, mask, delta)
        dx, (rows, n) = self.xp.empty(saved.x.shape, F32), saved.x.shape
        *kept, reduction = saved
        args = [*kept, self.ready(self.spread(delta, reduction, saved.labels.shape)), dx, rows, n]
        self.launch("loss/cross_entropy", "cross_entropy_vjp", (rows,), (128,), args)
        return dx, None

    # layer norm -----------------------------------------------------------------------------------
    def layer_norm(
        self, x: Array, weight: Array | None, bias: Array | None, dims: int, eps: float
    ) -> tuple[Array, Any]:
        rung = self.rung("layer_norm")
        if rung is None or x.dtype != F32 or not x.size:
            return super().layer_norm(x, weight, bias, dims, eps)
        shape = x.shape[x.ndim - dims :]
        n = math.prod(shape)
        rows = x.size // n
        x, y = self.wide(x), self.xp.empty(x.shape, F32)
        weight, bias = self.wide_or_none(weight), self.wide_or_none(bias)
        mean, rstd = self.xp.empty((rows, 2), F32), self.xp.empty(rows, F32)
        args = [x, weight, bias, y, mean, rstd, rows, n, eps]
        self.launch(f"layer_norm/{rung}", f"layer_norm_{rung}", *rows_of(rung, rows, n), args)
        return y, Normalised(x, mean, rstd, weight, shape)

    def layer_norm_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if not isinstance(saved, Normalised):
            return super().layer_norm_vjp(saved, mask, delta)
        x, mean, rstd, weight, shape = saved
        n, delta, dx = math.prod(shape), self.wide(delta), None
        rows = x.size // n
        if mask[0]:
            dx = self.xp.empty(x.shape, F32)
            args = [x, mean, rstd, weight, delta, dx, rows, n]
            self.launch("layer_norm/vjp", "layer_norm_vjp", *team(rows, n, 512), args)
        if not (mask[1] or mask[2]):
            return dx, None, None
        blocks = -(-n // 32)
        splits = splits_of(rows, blocks)
        parts = [self.xp.empty((splits, n), F32) for _ in range(2)]
        args = [x, mean, rstd, delta, *parts, rows, n, splits]
        self.launch("layer_norm/vjp", "layer_norm_weights", (blocks, splits), (32, 8), args)
        sums = [self.columns(p, splits, n).reshape(shape) if needed else None
                for p, needed in zip(parts, mask[1:], strict=True)]  # fmt: skip
        return dx, sums[0], sums[1]

    # tables and masks -----------------------------------------------------------------------------
    def embedding(self, w: Array, ids: Array, padding_idx: int | None) -> tuple[Array, Any]:
        if self.rung("embedding") is None or w.dtype != F32 or ids.dtype != np.int64:
            return super().embedding(w, ids, padding_idx)
        ids, y = ids.copy(), self.xp.empty((*ids.shape, w.shape[1]), F32)  # the gradient must find the same numbers
        args = [self.ready(w), ids, y, ids.size, w.shape[1]]
        self.launch("embedding/embedding", "embedding", (ids.size,), (256,), args)
        return y, (ids, w.shape, padding_idx)

    def embedding_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array, None]:
        ids, shape, padding_idx = saved
        if self.rung("embedding") is None or delta.dtype != F32 or ids.dtype != np.int64:
            return super().embedding_vjp(saved, mask, delta)
        dw = self.xp.empty(shape, F32)
        args = [self.ready(delta), ids, dw, ids.size, shape[1], -1 if padding_idx is None else padding_idx]
        self.launch("embedding/embedding", "embedding_vjp", (shape[0],), (256,), args)
        return dw, None

    def dropout_mask(self, seed: int, offset: int, n: int, p: float) -> Array:
        if self.rung("dropout") is None:
            return self.xp.asarray(super().dropout_mask(seed, offset, n, p))
        out = self.xp.empty(n, F32)
        threshold = math.ceil(float(np.float32(p)) * 2**24)  # of the words: u >= p for u = word 2^-24, exactly
        scale = np.float32(1) / np.float32(1 - p) if p < 1 else np.float32(1)
        later = None if self.capture is None else self.capture.later
        args = [seed, offset, later, threshold, scale, out, n]
        self.launch("random/dropout", "dropout_mask", (-(-n // 4096),), (256,), args)
        return out
