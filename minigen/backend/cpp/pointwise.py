"""Activations and losses, element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..numpy import NumpyBackend
from .arrays import F32, Array, fast, ready
from .native import kernels as _cpu


class _Kept(NamedTuple):
    """What a smooth activation keeps for its backward pass. The type tells it from what NumPy's keeps."""

    x: Array
    kernel: Callable

    def vjp(self, delta: Array) -> tuple[Array]:
        self.kernel(ready(delta).astype(F32, copy=False), self.x, out := np.empty(self.x.shape, F32))
        return (out,)


def _smooth(kernel: Callable, vjp: Callable, x: Array) -> tuple[Array, _Kept]:
    x = ready(x)
    kernel(x, out := np.empty(x.shape, F32))
    return out, _Kept(x, vjp)


class Pointwise(NumpyBackend):
    """The part of CppBackend that looks at one element at a time."""

    def relu(self, x: Array) -> tuple[Array, Any]:
        if not fast(x):
            return super().relu(x)
        _cpu.relu(ready(x), out := np.empty(x.shape, F32))
        return out, out

    def relu_vjp(self, y: Array, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        if not fast(y, delta):
            return super().relu_vjp(y, mask, delta)
        _cpu.relu_vjp(ready(delta), ready(y), out := np.empty(y.shape, F32))
        return (out,)

    def leaky_relu(self, x: Array, slope: float) -> tuple[Array, Any]:
        if not fast(x):
            return super().leaky_relu(x, slope)
        _cpu.leaky_relu(ready(x), slope, out := np.empty(x.shape, F32))
        return out, (x, slope)

    def leaky_relu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        x, slope = saved
        if not fast(x, delta):
            return super().leaky_relu_vjp(saved, mask, delta)
        _cpu.leaky_relu_vjp(ready(delta), ready(x), slope, out := np.empty(x.shape, F32))
        return (out,)

    def tanh(self, x: Array) -> tuple[Array, Any]:
        if not fast(x):
            return super().tanh(x)
        _cpu.tanh(ready(x), out := np.empty(x.shape, F32))
        return out, out

    def tanh_vjp(self, y: Array, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        if not fast(y, delta):
            return super().tanh_vjp(y, mask, delta)
        _cpu.tanh_vjp(ready(delta), ready(y), out := np.empty(y.shape, F32))
        return (out,)

    def sigmoid(self, x: Array) -> tuple[Array, Any]:
        if not fast(x):
            return super().sigmoid(x)
        _cpu.sigmoid(ready(x), out := np.empty(x.shape, F32))
        return out, out

    def sigmoid_vjp(self, y: Array, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        if not fast(y, delta):
            return super().sigmoid_vjp(y, mask, delta)
        _cpu.sigmoid_vjp(ready(delta), ready(y), out := np.empty(y.shape, F32))
        return (out,)

    # smooth activations keep their input: a new exponential costs less than writing and reading one
    def gelu(self, x: Array, approximate: str) -> tuple[Array, Any]:
        if not fast(x):
            return super().gelu(x, approximate)
        kernel, vjp = (_cpu.gelu, _cpu.gelu_vjp) if approximate == "none" else (_cpu.gelu_tanh, _cpu.gelu_tanh_vjp)
        return _smooth(kernel, vjp, x)

    def gelu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return saved.vjp(delta) if isinstance(saved, _Kept) else super().gelu_vjp(saved, mask, delta)

    def silu(self, x: Array) -> tuple[Array, Any]:
        return _smooth(_cpu.silu, _cpu.silu_vjp, x) if fast(x) else super().silu(x)

    def silu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return saved.vjp(delta) if isinstance(saved, _Kept) else super().silu_vjp(saved, mask, delta)

    def softplus(self, x: Array) -> tuple[Array, Any]:
        return _smooth(_cpu.softplus, _cpu.softplus_vjp, x) if fast(x) else super().softplus(x)

    def softplus_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return saved.vjp(delta) if isinstance(saved, _Kept) else super().softplus_vjp(saved, mask, delta)

    def bce_with_logits(self, x: Array, y: Array) -> tuple[Array, Any]:
        if not fast(x, y) or x.shape != y.shape:
            return super().bce_with_logits(x, y)
        _cpu.bce_with_logits(ready(x), ready(y), out := np.empty(x.shape, F32))
        return out, (x, y)

    def bce_with_logits_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        x, y = saved
        if not fast(x, y, delta) or not x.shape == y.shape == delta.shape:
            return super().bce_with_logits_vjp(saved, mask, delta)
        dx, dy = (np.empty(x.shape, F32) if needed else None for needed in mask)
        _cpu.bce_with_logits_vjp(ready(delta), ready(x), ready(y), dx, dy)
        return dx, dy
