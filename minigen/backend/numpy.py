"""The executable specification: what every kernel computes, in NumPy, for every dtype.

A faster backend subclasses NumpyBackend and overrides what it accelerates. Methods take and return arrays, never
Tensors. Results are fresh arrays unless the name says view.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from . import conv, index, philox, reduce, special, window
from .gated import Gated
from .lookup import Lookup
from .norm import SampleNorm
from .recurrent import Recurrent
from .smooth import Smooth
from .softmax import Softmax

Array = np.ndarray
Pair = tuple[int, int]
_QUICK_POWERS: dict[float, Any] = {-1: np.reciprocal, 0.5: np.sqrt, 1: np.copy, 2: np.square, 3: lambda x: x * x * x}


class NumpyBackend(Recurrent, Softmax, Smooth, SampleNorm, Gated, Lookup):
    """Array functions under the names that ops call (``be.mul``, ``be.matmul``, ...)."""

    name = "numpy"
    device = "cpu"
    xp: Any = np  # the module whose arrays these functions make
    kernels: ClassVar[dict[str, tuple[str, ...]]] = {}  # op -> the rungs of its ladder, the production one last

    small: ClassVar[dict[str, Callable]] = {}  # op -> a kernel for two small arrays that never warns, or gives None

    add, sub, mul, div = np.add, np.subtract, np.multiply, np.true_divide
    remainder, floor_divide = np.remainder, np.floor_divide
    neg, abs, sign, floor, round = np.negative, np.abs, np.sign, np.floor, np.rint
    exp, expm1, log, log1p, log2, log10, sqrt = np.exp, np.expm1, np.log, np.log1p, np.log2, np.log10, np.sqrt
    sin, cos, atan2, sinh = np.sin, np.cos, np.arctan2, np.sinh
    maximum, minimum = np.maximum, np.minimum
    where, sum, erf = staticmethod(np.where), staticmethod(reduce.sum), staticmethod(special.erf)

    def __init__(self) -> None:
        self.chosen: dict[str, str] = {}

    def with_kernel(self, op: str, kernel: str) -> NumpyBackend:
        """This backend with one rung chosen by name."""
        other = copy.copy(self)
        other.chosen = {**self.chosen, op: kernel}
        return other

    def set_num_threads(self, n: int) -> None:
        """NumPy's BLAS keeps its own threads; nothing to set."""

    def get_num_threads(self) -> int:
        return 1

    def explained(self, name: str, error: Exception) -> Exception:
        """What went wrong in op ``name``, in words, where the backend knows more than the error says."""
        return error

    def works_on(self, optimizer: Any, group: dict[str, Any]) -> None:
        """An optimiser is about to update ``group``: of interest to a backend that captures steps."""

    def here(self, index: tuple) -> tuple:
        """An index whose arrays lie where this backend computes."""
        return index

    def watch_kernels(self, recorder: Callable[[str, int, int], None] | None) -> None:
        """NumPy's own functions are not watched; a backend with compiled kernels overrides this."""

    def use_pool(self, limit: int) -> None:
        """NumPy's own allocator serves; a backend with a pool of memory overrides this."""

    # positions ------------------------------------------------------------------------------------
    index_add, scatter_add = staticmethod(index.index_add), staticmethod(index.scatter_add)

    # elementwise and reductions that are more than one call of NumPy -------------------------------
    def pow(self, x: Array, y: Array) -> Array:
        quick = None if y.ndim else _QUICK_POWERS.get(y.item())  # NumPy's power takes ten times as long
        return np.power(x, y) if quick is None or (y < 0 and x.dtype.kind in "iu") else quick(x)

    def cumsum(self, x: Array, axis: int) -> Array:
        inner = {"float16": np.float32, "bfloat16": np.float32, "float32": np.float64}.get(x.dtype.name)
        kind = x.dtype if x.dtype.kind in "fV" else np.int64
        return np.cumsum(x, axis=axis, dtype=inner or kind).astype(kind, copy=False)

    # matmul ---------------------------------------------------------------------------------------
    def matmul(self, x: Array, y: Array) -> Array:
        out = np.matmul(x, y)
        return out.astype(x.dtype, copy=False) if x.dtype == y.dtype else out  # bfloat16 gives float32

    def linear(self, x: Array, w: Array, b: Array | None) -> tuple[Array, Any]:
        out = self.matmul(x, w.T)  # y = x w^T + b
        return (out if b is None else np.add(out, b, out=out)), (x, w)

    def linear_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        x, w = saved
        N = math.prod(x.shape[:-1])
        rows = delta.reshape(N, delta.shape[-1])  # dC/dw = delta^T x, dC/db = delta summed over the batch
        return (
            self.matmul(delta, w) if mask[0] else None,
            self.matmul(rows.T, x.reshape(N, x.shape[-1])) if mask[1] else None,
            self.sum(rows, (0,), False, rows.dtype) if mask[2] else None,
        )

    # convolution ----------------------------------------------------------------------------------
    def conv2d(self, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
        return conv.conv2d(x, w, stride, padding, dilation, groups)

    def conv2d_input(
        self, g: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Array:
        return conv.conv2d_input(g, w, size, stride, padding, dilation, groups)

    def conv2d_weight(
        self, g: Array, x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Array:
        return conv.conv2d_weight(g, x, size, stride, padding, dilation, groups)

    def channel_sums(self, x: Array) -> Array:
        return self.sum(x, (0, 2, 3), False, x.dtype)  # of (N, C, H, W)

    def biased_conv2d(
        self, x: Array, w: Array, b: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> tuple[Array, Any]:
        how = (stride, padding, dilation, groups)
        y = self.conv2d(x, w, *how)
        return np.add(y, b.reshape(-1, 1, 1), out=y), (x, w, how)

    def biased_conv2d_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        x, w, how = saved
        return (
            self.conv2d_input(delta, w, x.shape[2:], *how) if mask[0] else None,
            self.conv2d_weight(delta, x, w.shape[2:], *how) if mask[1] else None,
            self.channel_sums(delta) if mask[2] else None,
        )

    def biased_conv_transpose2d(
        self, x: Array, w: Array, b: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> tuple[Array, Any]:
        how = (stride, padding, dilation, groups)
        y = self.conv2d_input(x, w, size, *how)
        return np.add(y, b.reshape(-1, 1, 1), out=y), (x, w, how)

    def biased_conv_transpose2d_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        x, w, how = saved  # x stands where conv2d's g does
        return (
            self.conv2d(delta, w, *how) if mask[0] else None,
            self.conv2d_weight(x, delta, w.shape[2:], *how) if mask[1] else None,
            self.channel_sums(delta) if mask[2] else None,
        )

    unfold, fold = staticmethod(window.unfold), staticmethod(window.fold)
    max_positions = staticmethod(window.max_positions)

    # activations: y from x; the vjp takes what its forward saved ----------------------------------
    def relu(self, x: Array) -> tuple[Array, Any]:
        y = np.maximum(x, 0)
        return y, y

    def relu_vjp(self, y: Array, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return (np.where(y <= 0, delta.dtype.type(0), delta),)  # NaN stays visible

    def leaky_relu(self, x: Array, slope: float) -> tuple[Array, Any]:
        return np.where(x > 0, x, x * x.dtype.type(slope)), (x, slope)

    def leaky_relu_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        x, slope = saved
        return (np.where(x > 0, delta, delta * x.dtype.type(slope)),)

    def tanh(self, x: Array) -> tuple[Array, Any]:
        y = np.tanh(x)
        return y, y

    def tanh_vjp(self, y: Array, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return (delta * (1 - y * y),)  # tanh' = 1 - tanh^2

    def sigmoid(self, x: Array) -> tuple[Array, Any]:
        e = np.exp(-np.abs(x))  # in (0, 1]: no overflow on either side
        y = np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype, copy=False)
        return y, y

    def sigmoid_vjp(self, y: Array, mask: Sequence[bool], delta: Array) -> tuple[Array]:
        return (delta * (y * (1 - y)),)  # s' = s (1 - s)

    # losses ---------------------------------------------------------------------------------------
    def bce_with_logits(self, x: Array, y: Array) -> tuple[Array, Any]:
        return np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x))), (x, y)

    def bce_with_logits_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        x, y = saved
        return (delta * (NumpyBackend.sigmoid(self, x)[0] - y) if mask[0] else None, -delta * x if mask[1] else None)

    def cross_entropy(self, x: Array, labels: Array, reduction: str) -> tuple[Array, Any]:
        if isinstance(labels, np.ndarray) and labels.size and not (labels.min() >= 0 and labels.max() < x.shape[1]):
            raise IndexError(f"labels must be 0 to {x.shape[1] - 1}, got {labels.min()} to {labels.max()}")
        z = x - x.max(axis=1, keepdims=True)
        lse = np.log(np.exp(z).sum(axis=1, keepdims=True))
        log_p = z - lse
        loss = -np.take_along_axis(log_p, labels[:, None], axis=1)[:, 0]
        return self.reduced(loss, reduction), (log_p, labels, reduction)

    def cross_entropy_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        log_p, labels, reduction = saved
        p = np.exp(log_p)
        p[np.arange(len(labels), like=labels), labels] -= 1  # softmax minus one-hot
        return (p * self.spread(delta, reduction, labels.shape)[:, None], None)

    def reduced(self, loss: Array, reduction: str) -> Array:
        """The losses of all samples, their sum, or their mean."""
        if reduction == "none":
            return loss
        total = loss.sum(dtype=np.float64)
        return (total / loss.size if reduction == "mean" else total).astype(loss.dtype)

    def spread(self, delta: Array, reduction: str, shape: tuple[int, ...]) -> Array:
        """dC/d(loss of each sample), from that of what ``reduced`` has made of them."""
        if reduction == "none":
            return delta
        each = np.empty_like(delta, shape=shape)
        each[...] = delta / math.prod(shape) if reduction == "mean" else delta
        return each

    # batch norm over axis 1 -----------------------------------------------------------------------
    def batch_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float
    ) -> tuple[tuple[Array, ...], Any]:
        axes = (0, *range(2, x.ndim))
        shape = (1, -1) + (1,) * (x.ndim - 2)
        mean = x.mean(axis=axes, dtype=np.float64 if x.dtype == np.float32 else None)
        centred = x - mean.astype(x.dtype).reshape(shape)  # two passes: exact where mean >> std
        var = np.square(centred).mean(axis=axes)
        rstd = (1 / np.sqrt(var + x.dtype.type(eps))).astype(x.dtype)
        xhat = centred * rstd.reshape(shape)
        y = xhat if weight is None else xhat * weight.reshape(shape)
        y = y if bias is None else y + bias.reshape(shape)
        return (y, mean.astype(x.dtype), var), (xhat, rstd, weight)

    def batch_norm_vjp(self, saved: Any, mask: Sequence[bool], delta: Array, *_unused: Any) -> tuple[Array | None, ...]:
        xhat, rstd, weight = saved
        axes = (0, *range(2, xhat.ndim))
        shape = (1, -1) + (1,) * (xhat.ndim - 2)
        dweight = self.sum(delta * xhat, axes, False, delta.dtype)
        dbias = self.sum(delta, axes, False, delta.dtype)
        m = max(xhat.size // max(xhat.shape[1], 1), 1)
        scale = rstd if weight is None else rstd * weight
        # dC/dx = gamma/sigma (delta - mean(delta) - xhat mean(delta xhat)), Ioffe & Szegedy 2015, section 3
        dx = None
        if mask[0]:
            dx = scale.reshape(shape) * (delta - (dbias.reshape(shape) + xhat * dweight.reshape(shape)) / m)
        return dx, dweight if mask[1] else None, dbias if mask[2] else None

    # optimisers, in place -------------------------------------------------------------------------
    def adam(
        self, params: list[Array], grads: list[Array], exp_avgs: list[Array], exp_avg_sqs: list[Array],
        lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, step: int, decoupled: bool = False,
    ) -> None:  # fmt: skip
        c1, c2 = 1 - beta1**step, 1 - beta2**step
        for w, g, m, v in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
            if weight_decay and decoupled:  # AdamW
                w *= 1 - lr * weight_decay
            elif weight_decay:
                g = g + weight_decay * w
            # the first form rounds by the size of the old m, which matters where a small beta1 forgets it
            m[...] = m + (1 - beta1) * (g - m) if beta1 >= 0.5 else beta1 * m + (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * np.square(g)
            w -= (lr / c1) * m / (np.sqrt(v) / np.sqrt(c2) + eps)

    def sgd(
        self, params: list[Array], grads: list[Array], velocities: list[Array] | None,
        lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool,
    ) -> None:  # fmt: skip
        for i, (w, g) in enumerate(zip(params, grads, strict=True)):
            if weight_decay:
                g = g + weight_decay * w
            if velocities is not None:
                v = velocities[i]
                v *= momentum
                v += (1 - dampening) * g if dampening else g
                g = g + momentum * v if nesterov else v
            w -= lr * g

    # random ---------------------------------------------------------------------------------------
    def philox(self, seed: int, offset: int, n: int) -> Array:
        return philox.words(seed, offset, n)

    def dropout_mask(self, seed: int, offset: int, n: int, p: float) -> Array:
        """0 where u < p, else 1 / (1 - p), for u = (a word's upper 24 bits) 2^-24; float32."""
        u = (self.philox(seed, offset, n) >> np.uint32(8)) * np.float32(2.0**-24)
        kept = (u >= np.float32(p)).astype(np.float32)
        return kept / np.float32(1 - p) if p < 1 else kept
