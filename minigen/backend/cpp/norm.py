"""Batch, layer and group normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..numpy import NumpyBackend
from .arrays import F32, Array, channels, fast, ready_or_none, rows
from .native import kernels as _cpu


class _Normalised(NamedTuple):
    """What a normalisation keeps for its backward pass. The type tells it from what NumPy's keeps."""

    x: Array
    mean: Array
    rstd: Array
    weight: Array | None


class _Grouped(NamedTuple):
    """What a group normalisation keeps for its backward pass."""

    x: Array
    mean: Array
    rstd: Array
    weight: Array | None
    bias: Array | None
    groups: int
    silu: bool

    def vjp(self, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        size = self.x.shape[1]
        dx = np.empty(delta.shape, F32) if mask[0] else None
        dweight, dbias = (np.empty(size, F32) if needed else None for needed in mask[1:3])
        flat = None if dx is None else dx.reshape(self.x.shape)
        _cpu.group_norm_vjp(channels(delta).astype(F32, copy=False), *self, flat, dweight, dbias)
        return dx, dweight, dbias


def _group_norm(
    x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float, silu: bool
) -> tuple[Array, _Grouped]:
    data, weight, bias = channels(x), ready_or_none(weight), ready_or_none(bias)
    y = np.empty(x.shape, F32)
    mean, rstd = np.empty((len(x), groups, 2), F32), np.empty((len(x), groups), F32)
    _cpu.group_norm(data, weight, bias, groups, eps, silu, y.reshape(data.shape), mean, rstd)
    return y, _Grouped(data, mean, rstd, weight, bias, groups, silu)


class Norm(NumpyBackend):
    """The part of CppBackend that normalises."""

    def batch_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float
    ) -> tuple[tuple[Array, ...], Any]:
        if not fast(x, weight, bias):
            return super().batch_norm(x, weight, bias, eps)
        data, weight = channels(x), ready_or_none(weight)
        y = np.empty(x.shape, F32)
        mean, var, rstd = (np.empty(x.shape[1], F32) for _ in range(3))
        _cpu.batch_norm(data, weight, ready_or_none(bias), eps, y.reshape(data.shape), mean, var, rstd)
        return (y, mean, var), _Normalised(data, mean, rstd, weight)

    def batch_norm_vjp(self, saved: Any, mask: Sequence[bool], delta: Array, *_unused: Any) -> tuple[Array | None, ...]:
        if not isinstance(saved, _Normalised):
            return super().batch_norm_vjp(saved, mask, delta, *_unused)
        size = saved.x.shape[1]
        dx = np.empty(delta.shape, F32) if mask[0] else None
        dweight, dbias = (np.empty(size, F32) if needed else None for needed in mask[1:3])
        flat = None if dx is None else dx.reshape(saved.x.shape)
        _cpu.batch_norm_vjp(channels(delta), saved.x, saved.mean, saved.rstd, saved.weight, flat, dweight, dbias)
        return dx, dweight, dbias

    def layer_norm(
        self, x: Array, weight: Array | None, bias: Array | None, dims: int, eps: float
    ) -> tuple[Array, Any]:
        data = rows(x, dims) if fast(x, weight, bias) else None
        if data is None or not data.shape[1]:
            return super().layer_norm(x, weight, bias, dims, eps)
        weight, bias = (None if a is None else rows(a, dims)[0] for a in (weight, bias))
        y, mean, rstd = np.empty(x.shape, F32), np.empty((len(data), 2), F32), np.empty(len(data), F32)
        _cpu.layer_norm(data, weight, bias, eps, y.reshape(data.shape), mean, rstd)
        return y, (_Normalised(data, mean, rstd, weight), x.shape[x.ndim - dims :])

    def layer_norm_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if not isinstance(saved[0], _Normalised) or not fast(delta):
            return super().layer_norm_vjp(saved, mask, delta)
        kept, shape = saved
        dx = np.empty(delta.shape, F32) if mask[0] else None
        dweight, dbias = (np.empty(kept.x.shape[1], F32) if needed else None for needed in mask[1:3])
        flat = None if dx is None else dx.reshape(kept.x.shape)
        _cpu.layer_norm_vjp(rows(delta, len(shape)), kept.x, kept.mean, kept.rstd, kept.weight, flat, dweight, dbias)
        return dx, *(None if g is None else g.reshape(shape) for g in (dweight, dbias))

    def group_norm(
        self, x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
    ) -> tuple[Array, Any]:
        if not fast(x, weight, bias):
            return super().group_norm(x, weight, bias, groups, eps)
        return _group_norm(x, weight, bias, groups, eps, False)

    def group_norm_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if isinstance(saved, _Grouped):
            return saved.vjp(mask, delta)
        return super().group_norm_vjp(saved, mask, delta)

    def group_norm_silu(
        self, x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
    ) -> tuple[Array, Any]:
        if not fast(x, weight, bias):
            return super().group_norm_silu(x, weight, bias, groups, eps)
        return _group_norm(x, weight, bias, groups, eps, True)

    def group_norm_silu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if isinstance(saved, _Grouped):
            return saved.vjp(mask, delta)
        return super().group_norm_silu_vjp(saved, mask, delta)
