"""Kernels that bend each number by itself: activations, and binary cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .composed import Array
from .rows import F32
from .updates import Updates

KINDS = {name: k for k, name in enumerate(("relu", "leaky_relu", "tanh", "sigmoid", "silu", "gelu", "gelu_tanh"))}
_FILE = "pointwise/pointwise"


class Bent(NamedTuple):
    """What an activation's kernel keeps: its result for ReLU, tanh and sigmoid, its input for the others."""

    array: Array
    kind: str
    slope: float


class Pointwise(Updates):
    """The part of CudaBackend that has a thread for every four numbers."""

    def _bent(self, x: Array, kind: str, slope: float = 0.0) -> tuple[Array, Bent] | None:
        if self.rung("pointwise") is None or x.dtype != F32:
            return None
        x, y = self.ready(x), self.xp.empty(x.shape, F32)
        self.launch(_FILE, "pointwise", (-(-x.size // 1024),), (256,), [x, y, x.size, KINDS[kind], slope])
        return y, Bent(y if kind in ("relu", "tanh", "sigmoid") else x, kind, slope)

    def _bent_vjp(self, saved: Any, delta: Array) -> tuple[Array] | None:
        if not isinstance(saved, Bent):
            return None
        dx, n = self.xp.empty(saved.array.shape, F32), saved.array.size
        args = [self.ready(delta), saved.array, dx, n, KINDS[saved.kind], saved.slope]
        self.launch(_FILE, "pointwise_vjp", (-(-n // 1024),), (256,), args)
        return (dx,)

    def relu(self, x: Array) -> tuple[Array, Any]:
        return self._bent(x, "relu") or super().relu(x)

    def relu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return self._bent_vjp(saved, delta) or super().relu_vjp(saved, mask, delta)

    def leaky_relu(self, x: Array, slope: float) -> tuple[Array, Any]:
        return self._bent(x, "leaky_relu", slope) or super().leaky_relu(x, slope)

    def leaky_relu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return self._bent_vjp(saved, delta) or super().leaky_relu_vjp(saved, mask, delta)

    def tanh(self, x: Array) -> tuple[Array, Any]:
        return self._bent(x, "tanh") or super().tanh(x)

    def tanh_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return self._bent_vjp(saved, delta) or super().tanh_vjp(saved, mask, delta)

    def sigmoid(self, x: Array) -> tuple[Array, Any]:
        return self._bent(x, "sigmoid") or super().sigmoid(x)

    def sigmoid_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return self._bent_vjp(saved, delta) or super().sigmoid_vjp(saved, mask, delta)

    def silu(self, x: Array) -> tuple[Array, Any]:
        return self._bent(x, "silu") or super().silu(x)

    def silu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return self._bent_vjp(saved, delta) or super().silu_vjp(saved, mask, delta)

    def gelu(self, x: Array, approximate: str) -> tuple[Array, Any]:
        return self._bent(x, "gelu" if approximate == "none" else "gelu_tanh") or super().gelu(x, approximate)

    def gelu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return self._bent_vjp(saved, delta) or super().gelu_vjp(saved, mask, delta)

    def bce_with_logits(self, x: Array, y: Array) -> tuple[Array, Any]:
        if self.rung("pointwise") is None or not x.dtype == y.dtype == F32 or x.shape != y.shape:
            return super().bce_with_logits(x, y)
        x, y, loss = self.ready(x), self.ready(y), self.xp.empty(x.shape, F32)
        self.launch(_FILE, "pointwise_bce", (-(-x.size // 256),), (256,), [x, y, loss, x.size])
        return loss, (x, y)

    def bce_with_logits_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        x, y = saved
        if self.rung("pointwise") is None or not x.dtype == y.dtype == delta.dtype == F32 or x.shape != y.shape:
            return super().bce_with_logits_vjp(saved, mask, delta)
        dx, dy = (self.xp.empty(x.shape, F32) if needed else None for needed in mask)
        args = [self.ready(delta), self.ready(x), self.ready(y), dx, dy, x.size]
        self.launch(_FILE, "pointwise_bce_vjp", (-(-x.size // 256),), (256,), args)
        return dx, dy
